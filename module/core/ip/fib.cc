// SPDX-License-Identifier: GPL-2.0-only
/*
 * The FIB: zones, routes, and what they share; look-up.
 *
 * TLK "The IP Routing Tables": ROUTE-1, ROUTE-2, ROUTE-3. How routes are added and deleted is in
 * fib_config.cc.
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
	       fib_protocol == other.fib_protocol;
}

static u32 info_hash(const fib_info &info)
{
	u32 ifindex = info.fib_dev ? static_cast<u32>(info.fib_dev->ifindex) : 0;

	return static_cast<u32>(siphash13(info.fib->key, info.fib_gateway.raw(),
					  info.fib_prefsrc.raw(), ifindex,
					  info.fib_mtu << 8 ^ info.fib_protocol));
}

void release(fib_info *info)
{
	info->fib->infos.remove(*info);
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
	return ref<fib_info>::adopt(info);
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
 * Zones
 */

static fib_zone *zone_for(fib_state &fib, u8 prefix)
{
	fib_zone *zone = fib.fib_zones[prefix].load_locked();

	if (zone)
		return zone;
	zone = new (gfp::kernel) fib_zone;
	if (!zone)
		return nullptr;
	zone->fz_prefix = prefix;
	zone->fz_mask = wire::ipv4::prefix_mask(prefix);
	fib.fib_zones[prefix].publish(zone);
	return zone;
}

/* Past 16 routes a zone gets its hash table (ROUTE-2); the chain serves on if there is no memory. */
static void start_hashing(fib_state &fib, fib_zone &zone)
{
	if (!zone.fz_hash_table.init(EDU_LOCK_FIB, 64).ok())
		return;
	for (fib_node &node : zone.fz_list)
		zone.fz_hash_table.insert(node, fib_node_hash(fib, node.fib_dst, zone.fz_prefix));
	__atomic_store_n(&zone.fz_hashed, true, __ATOMIC_RELEASE);
}

static bool is_hashed(const fib_zone &zone)
{
	return __atomic_load_n(&zone.fz_hashed, __ATOMIC_ACQUIRE);
}

result<void> fib_link(fib_state &fib, fib_node &node)
{
	edu_k_assert_rtnl();
	fib_zone *zone = zone_for(fib, node.fib_prefix);

	if (!zone)
		return errc::enomem;
	zone->fz_list.push_front(node);
	if (zone->fz_hashed)
		zone->fz_hash_table.insert(node, fib_node_hash(fib, node.fib_dst, node.fib_prefix));
	zone->fz_nent++;
	if (!zone->fz_hashed && zone->fz_nent > fib_zone::hashing_limit)
		start_hashing(fib, *zone);
	/* Who sees the bit sees the zone. */
	__atomic_store_n(&fib.used_zones, fib.used_zones | u64{1} << node.fib_prefix,
			 __ATOMIC_RELEASE);
	return {};
}

void fib_unlink(fib_state &fib, fib_node &node)
{
	edu_k_assert_rtnl();
	fib_zone &zone = *fib.fib_zones[node.fib_prefix].load_locked();

	zone.fz_list.remove(node);
	if (zone.fz_hashed)
		zone.fz_hash_table.remove(node);
	if (!--zone.fz_nent)
		write_once(fib.used_zones, fib.used_zones & ~(u64{1} << node.fib_prefix));
	destroy_rcu(&node);
}

/*
 * Look-up
 */

/* The better of two routes to one destination: its TOS asked for, then the lesser metric. */
static bool is_better(const fib_node &a, const fib_node *b)
{
	if (!b)
		return true;
	if (a.fib_tos != b->fib_tos)
		return a.fib_tos > b->fib_tos; /* one of them is 0: any */
	return a.fib_metric < b->fib_metric;
}

fib_result fib_lookup_zone(const fib_state &fib, const fib_zone &zone, be32 dst, u8 tos, int oif)
{
	be32 key = dst & zone.fz_mask;
	fib_node *best = nullptr;
	auto consider = [&](fib_node &node) {
		const fib_info &info = *node.info;

		if (node.fib_dst != key || (node.fib_tos && node.fib_tos != tos))
			return;
		if (oif && (!info.fib_dev || info.fib_dev->ifindex != oif))
			return;
		if (!info.is_dead() && is_better(node, best))
			best = &node;
	};

	if (is_hashed(zone))
		zone.fz_hash_table.for_each_of(fib_node_hash(fib, key, zone.fz_prefix), consider);
	else
		for (fib_node &node : zone.fz_list)
			consider(node);
	return best ? fib_result{best, best->info.get()} : fib_result{};
}

fib_result fib_lookup(const fib_state &fib, be32 dst, u8 tos, int oif)
{
	u64 zones = __atomic_load_n(&fib.used_zones, __ATOMIC_ACQUIRE);

	while (zones) { /* longest mask first */
		u32 prefix = 63u - static_cast<u32>(std::countl_zero(zones));

		zones &= ~(u64{1} << prefix);
		fib_result found =
			fib_lookup_zone(fib, *fib.fib_zones[prefix].load(), dst, tos, oif);
		if (found.node) {
			write_once(found.node->fib_use, read_once(found.node->fib_use) + 1);
			return found;
		}
	}
	return {};
}

/*
 * Iteration
 */

/* A chain is shown by the address of its routes' memory, as the hash table shows one bucket of all;
 * so an iteration goes on when the zone gets its table meanwhile. */
static fib_node *next_in_zone(fib_zone &zone, edu_cursor &at)
{
	fib_node *best = nullptr;
	auto &last = at.position[2];

	if (is_hashed(zone))
		return zone.fz_hash_table.next(at);
	for (fib_node &node : zone.fz_list)
		if (reinterpret_cast<u64>(&node) > last && (!best || &node < best))
			best = &node;
	if (best)
		last = reinterpret_cast<u64>(best);
	return best;
}

fib_node *fib_next(const fib_state &fib, edu_cursor &at)
{
	auto &zones_done = at.position[3]; /* 0: none, 1: prefix 32, … */

	for (; zones_done <= 32; zones_done++) {
		fib_zone *zone = fib.fib_zones[32 - zones_done].load();

		if (fib_node *node = zone ? next_in_zone(*zone, at) : nullptr)
			return node;
		at.position[0] = at.position[1] = at.position[2] = 0;
	}
	return nullptr;
}

/*
 * Life
 */

result<void> fib_host_init(edu_stack &host)
{
	host.fib.key = {u64{edu_k_random()} << 32 | edu_k_random(),
			u64{edu_k_random()} << 32 | edu_k_random()};
	return host.fib.infos.init(EDU_LOCK_FIB);
}

void fib_host_close(edu_stack &host)
{
	for (auto &slot : host.fib.fib_zones) {
		fib_zone *zone = slot.load_locked();

		if (!zone)
			continue;
		for (fib_node &node : zone->fz_list.removing()) {
			if (zone->fz_hashed)
				zone->fz_hash_table.remove(node);
			node.chained.unlink();
			destroy_rcu(&node);
		}
	}
}

void fib_host_exit(edu_stack &host)
{
	for (auto &slot : host.fib.fib_zones) {
		fib_zone *zone = slot.replace(nullptr);

		if (!zone)
			continue;
		zone->fz_hash_table.free();
		destroy(zone);
	}
	host.fib.infos.free();
}

} // namespace edu
