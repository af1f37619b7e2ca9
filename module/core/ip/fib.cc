// SPDX-License-Identifier: GPL-2.0-only
/*
 * The FIB: what routes share, look-up, iteration.
 *
 * TLK "The IP Routing Tables": ROUTE-1, ROUTE-2, ROUTE-3. RFC 1122 3.3.1.4 (dead gateways). The
 * zones' tables are in fib_zone.cc; how routes are added and deleted is in fib_config.cc.
 *
 * Locking: as in fib.hh. A route is linked into its zone whole and unlinked at once; readers that
 * stand on it stay for a grace period.
 */
#include "ip/fib_table.hh"
#include "stack.hh"

namespace edu {

/*
 * fib_info: one for all routes that lead the same way
 */

bool fib_info::leads_like(const fib_info &other) const
{
	return fib_gateway == other.fib_gateway && fib_dev.get() == other.fib_dev.get() &&
	       fib_prefsrc == other.fib_prefsrc && fib_mtu == other.fib_mtu &&
	       fib_window == other.fib_window && fib_irtt == other.fib_irtt &&
	       fib_protocol == other.fib_protocol && fib_scope == other.fib_scope &&
	       fib_type == other.fib_type;
}

static u32 info_hash(const fib_info &info)
{
	u32 ifindex = info.fib_dev ? static_cast<u32>(info.fib_dev->ifindex) : 0;

	u32 kind = u32{info.fib_protocol} << 16 | u32{info.fib_scope} << 8 |
		   static_cast<u32>(info.fib_type);

	return static_cast<u32>(siphash13(info.fib->key, info.fib_gateway.raw(),
					  info.fib_prefsrc.raw(), ifindex,
					  info.fib_mtu << 8 ^ kind));
}

static u32 gateway_hash(const fib_state &fib, const edu_iface &iface, be32 gateway)
{
	return static_cast<u32>(siphash13(fib.key, gateway.raw(), static_cast<u32>(iface.ifindex)));
}

void release(fib_info *info)
{
	info->fib->infos.remove(*info);
	if (info->fib_gateway != be32{})
		info->fib->gateways.remove(*info);
	destroy_rcu(info);
}

ref<fib_info> fib_share_info(fib_state &fib, owner<fib_info> fresh)
{
	u32 hash;

	fresh->fib = &fib;
	hash = info_hash(*fresh);
	{
		rcu_guard guard;
		ref<fib_info> same;

		fib.infos.find(hash, [&](fib_info &other) {
			if (!same && other.leads_like(*fresh))
				same = ref<fib_info>::try_share(&other); /* or it is just going */
			return bool(same);
		});
		if (same)
			return same;
	}
	fib_info *info = fresh.release();
	fib.infos.insert(*info, hash);
	if (info->fib_gateway != be32{})
		fib.gateways.insert(*info, gateway_hash(fib, *info->fib_dev, info->fib_gateway));
	return ref<fib_info>::adopt(info);
}

ref<fib_info> fib_next_info(fib_state &fib, edu_cursor &at)
{
	rcu_guard guard;
	ref<fib_info> held;

	while (fib_info *info = held ? nullptr : fib.infos.next(at))
		held = ref<fib_info>::try_share(info); /* or it is just going */
	return held;
}

bool fib_has_gateway(const fib_state &fib, const edu_iface &iface, be32 gateway)
{
	edu_cursor at = {};

	while (const fib_info *info = fib.infos.next(at))
		if (info->fib_gateway == gateway && info->fib_dev.get() == &iface)
			return true;
	return false;
}

/*
 * Gateways that fall silent (RFC 1122 3.3.1.4). What ARP says of a next hop is advice: for
 * rt_dead_gateway_ms another route to the same subnet is preferred, if there is one, and then the
 * gateway is tried again. ARP's dead entry has made the cached routes by that gateway invalid.
 */

void fib_gateway_failed(edu_iface &iface, be32 next_hop)
{
	edu_stack &host = *iface.host;
	u64 until = edu_k_now_ms() + host.tune(EDU_TUNE_rt_dead_gateway_ms);
	bool any = false;
	rcu_guard guard;

	host.fib.gateways.for_each_of(gateway_hash(host.fib, iface, next_hop), [&](fib_info &info) {
		if (info.fib_gateway != next_hop || info.fib_dev.get() != &iface)
			return;
		write_once(info.fib_silent_until, until);
		any = true;
	});
	if (any)
		host.count(EDU_Rt_DeadGateways);
}

/* Until when, ms clock, others are preferred to it; 0: its gateway has not failed. */
static u64 silent_until(const fib_info &info)
{
	u64 until = read_once(info.fib_silent_until);

	return until && edu_k_now_ms() < until ? until : 0;
}

bool fib_info::is_silent() const
{
	return silent_until(*this);
}

/*
 * Look-up
 */

/* May a packet with that TOS go by it, by the interface it insists on? */
static bool suits(const fib_node &node, u8 tos, int oif)
{
	const fib_info &info = *node.info;

	if (node.fib_tos && node.fib_tos != tos)
		return false;
	if (oif && (!info.fib_dev || info.fib_dev->ifindex != oif))
		return false;
	return !info.is_dead();
}

fib_result fib_lookup_zone(const fib_state &fib, const fib_zone &zone, be32 dst, u8 tos, int oif)
{
	be32 network = dst & zone.fz_mask;
	fib_result last_resort;
	u64 retry = 0;
	u32 parity = 0;

	/* Those to one network are in the order in which they are to be tried. */
	for (fib_node *at = fib_chain_of(fib, zone, network, parity); at;
	     at = rcu_load(at->fib_next[parity])) {
		if (at->fib_dst != network || !suits(*at, tos, oif))
			continue;
		u64 until = silent_until(*at->info);
		if (!until) [[likely]]
			return {at, at->info.get(), retry};
		if (!retry || until < retry)
			retry = until;
		if (!last_resort.node)
			last_resort = {at, at->info.get(), 0};
	}
	last_resort.until = retry;
	return last_resort;
}

/* Has the zone a route that covers the address? No is certain, yes is not. */
static bool may_have(const fib_zone &zone, be32 dst)
{
	const u64 *present = zone.fz_present.load();
	u64 network = u64{dst.host()} >> (32 - zone.fz_prefix);

	return !present || read_once(present[network / 64]) >> network % 64 & 1;
}

/* The zones worth a look for an address. */
static u64 zones_for(const fib_state &fib, be32 dst)
{
	constexpr u64 short_ones = (u64{1} << 17) - 1;
	u64 zones = __atomic_load_n(&fib.used_zones, __ATOMIC_ACQUIRE);

	if (const fib_filter *filter = fib.filter.load())
		zones &= short_ones | u64{read_once(filter->zones[dst.host() >> filter->shift])}
					      << 17;
	return zones;
}

fib_result fib_lookup(const fib_state &fib, be32 dst, u8 tos, int oif)
{
	u64 zones = zones_for(fib, dst);

	while (zones) { /* longest mask first */
		u32 prefix = 63u - static_cast<u32>(std::countl_zero(zones));
		const fib_zone &zone = *fib.fib_zones[prefix].load();

		zones &= ~(u64{1} << prefix);
		if (!may_have(zone, dst))
			continue;
		fib_result found = fib_lookup_zone(fib, zone, dst, tos, oif);
		if (found.node) {
			write_once(found.node->fib_use, read_once(found.node->fib_use) + 1);
			return found;
		}
	}
	return {};
}

/*
 * Iteration. A zone's routes are shown by the reversed bits of their hash, and those of one network in
 * the order in which they are tried. A chain's routes have the last bits of their hashes in common, so
 * the first ones when reversed, and the order is the same whatever the size of the table: it may grow
 * in between.
 */

static u32 reversed(u32 x)
{
	x = (x & 0x55555555) << 1 | (x >> 1 & 0x55555555);
	x = (x & 0x33333333) << 2 | (x >> 2 & 0x33333333);
	x = (x & 0x0f0f0f0f) << 4 | (x >> 4 & 0x0f0f0f0f);
	return __builtin_bswap32(x);
}

/* Where a route stands in that order: the one in which look-ups try those to one network. */
struct fib_position {
	u64 hash; /* reversed; 1 << 32: behind all */
	u64 rank; /* a TOS of its own first, then the lesser metric. 0: before the first of that hash */
	u64 place; /* network, and order among those of one rank */

	static fib_position of(const fib_state &fib, const fib_node &node, u8 prefix)
	{
		return {reversed(fib_node_hash(fib, node.fib_dst, prefix)),
			u64{0xffu - node.fib_tos} << 32 | node.fib_metric,
			u64{node.fib_dst.host()} << 32 | read_once(node.fib_order)};
	}

	bool precedes(const fib_position &other) const
	{
		if (hash != other.hash)
			return hash < other.hash;
		return rank != other.rank ? rank < other.rank : place < other.place;
	}
};

/* The first route of a chain behind @after; its own place in @at. */
static fib_node *next_in_chain(const fib_state &fib, const fib_zone &zone, const fib_chains &chains,
			       const fib_position &after, fib_position &at)
{
	u32 index = reversed(static_cast<u32>(after.hash)) & chains.mask;
	fib_node *best = nullptr;

	for (fib_node *node = rcu_load(chains.first[index]); node;
	     node = rcu_load(node->fib_next[chains.parity])) {
		fib_position here = fib_position::of(fib, *node, zone.fz_prefix);

		if (!after.precedes(here) || (best && at.precedes(here)))
			continue;
		best = node;
		at = here;
	}
	return best;
}

static fib_node *next_in_zone(const fib_state &fib, const fib_zone &zone, edu_cursor &cursor)
{
	const fib_chains &chains = *zone.fz_hash_table.load();
	/* Distance between two chains in the order of reversed hashes. */
	u64 stride = (u64{1} << 32) / (u64{chains.mask} + 1);
	fib_position after{cursor.position[0], cursor.position[1], cursor.position[2]}, at{};

	while (after.hash >> 32 == 0) {
		fib_node *node = next_in_chain(fib, zone, chains, after, at);

		if (node) {
			cursor.position[0] = at.hash;
			cursor.position[1] = at.rank;
			cursor.position[2] = at.place;
			return node;
		}
		after = {(after.hash / stride + 1) * stride, 0, 0};
	}
	return nullptr;
}

fib_node *fib_next(const fib_state &fib, edu_cursor &at)
{
	auto &zones_done = at.position[3]; /* 0: none, 1: prefix 32, … */

	for (; zones_done <= 32; zones_done++) {
		const fib_zone *zone = fib.fib_zones[32 - zones_done].load();

		if (fib_node *node = zone ? next_in_zone(fib, *zone, at) : nullptr)
			return node;
		at.position[0] = at.position[1] = at.position[2] = 0;
	}
	return nullptr;
}

/*
 * Life
 */

static u64 random_u64()
{
	return u64{edu_k_random()} << 32 | edu_k_random();
}

result<void> fib_host_init(edu_stack &host)
{
	host.fib.key = {random_u64(), random_u64()};
	host.fib.seed = random_u64() | 1;
	TRY(host.fib.infos.init(EDU_LOCK_FIB));
	return host.fib.gateways.init(EDU_LOCK_FIB);
}

void fib_host_close(edu_stack &host)
{
	fib_zones_close(host.fib);
}

void fib_host_exit(edu_stack &host)
{
	fib_zones_exit(host.fib);
	host.fib.infos.free();
	host.fib.gateways.free();
}

} // namespace edu
