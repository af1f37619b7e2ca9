// SPDX-License-Identifier: GPL-2.0-only
/*
 * The FIB's zones: chains that become hash tables, and the filters in front of them.
 *
 * TLK "The IP Routing Tables", figure "The Forwarding Information Base": fib_zone and its
 * fz_hash_table. ROUTE-1, ROUTE-2.
 *
 * A zone begins as one chain. Past 16 routes it becomes a hash table, which doubles as the zone
 * grows, a few chains with each route that is added, so that no addition takes long. Every route has
 * two links, one for arrays of even and one for those of odd parity: a bigger array is filled while
 * readers still walk the old one, and nothing is moved under their feet. Within a chain the routes to
 * one network stand together in the order in which a look-up tries them.
 *
 * A table that does not fit the processor's cache costs a look-up a visit to memory, so nobody
 * should visit in vain. A zone of many routes keeps one bit for every network it could have, up to
 * /24 (2 MiB), from 32 octets a route down; and one word for each block of addresses, at last for
 * each /16, says which of the longer zones have anything there at all.
 *
 * Locking: the RTNL, but for fib_chain_of(). A filter says yes before the route is seen, and no only
 * after it has gone.
 */
#include "ip/fib_table.hh"
#include "stack.hh"

namespace edu {

/*
 * Chains
 */

/* What stands in the chains is not set yet. */
static fib_chains *make_chains(fib_zone &zone, u32 count, u32 parity)
{
	auto *chains = static_cast<fib_chains *>(
		edu_k_table_alloc_unset(sizeof(fib_chains) + u64{count} * sizeof(fib_node *)));

	if (!chains)
		return nullptr;
	chains->mask = count - 1;
	chains->parity = parity;
	chains->zone = &zone;
	return chains;
}

/* Is @a tried before @b? The TOS asked for comes before "any", then the lesser metric. */
static bool precedes(const fib_node &a, const fib_node &b)
{
	return a.fib_tos != b.fib_tos ? a.fib_tos > b.fib_tos : a.fib_metric < b.fib_metric;
}

/* Those of a node's network, TOS and metric in a chain, in their order. */
template <typename function>
static void for_each_equal(const fib_chains &chains, const fib_node &node, u32 hash, function f)
{
	for (fib_node *one = chains.first[hash & chains.mask]; one;
	     one = one->fib_next[chains.parity])
		if (one->fib_dst == node.fib_dst && !precedes(*one, node) && !precedes(node, *one))
			f(*one);
}

/*
 * Before, or behind, those of its network, TOS and metric that are there. When numbers run out at that
 * end, after 32,768 additions there, all are numbered anew around the middle; a dump that is under way
 * may then miss one of them or show it twice.
 */
static result<void> give_order(const fib_chains &chains, fib_node &node, u32 hash, fib_place place)
{
	constexpr u32 most = 0xffff;
	fib_node *first = nullptr, *last = nullptr;
	u32 there = 0;

	for_each_equal(chains, node, hash, [&](fib_node &one) {
		first = first ? first : &one;
		last = &one;
		there++;
	});
	if (!there)
		return {};
	if (there == most)
		return errc::enospc;
	if (place == fib_place::last ? last->fib_order == most : first->fib_order == 0) {
		u32 order = (most - there + 1) / 2;

		for_each_equal(chains, node, hash, [&](fib_node &one) {
			write_once(one.fib_order, static_cast<u16>(order++));
		});
	}
	node.fib_order = static_cast<u16>(place == fib_place::last ? last->fib_order + 1 :
								     first->fib_order - 1);
	return {};
}

/* Puts a route into its chain: in its order among those to the same network. */
static void chain(fib_chains &chains, fib_node &node, u32 hash, fib_place place)
{
	u32 parity = chains.parity;
	fib_node **where = &chains.first[hash & chains.mask];

	for (fib_node **at = where; *at; at = &(*at)->fib_next[parity]) {
		if ((*at)->fib_dst != node.fib_dst)
			continue;
		where = at;
		if (place == fib_place::first ? !precedes(**at, node) : precedes(node, **at))
			break;
		where = &(*at)->fib_next[parity];
	}
	write_once(node.fib_next[parity], *where);
	rcu_publish(*where, &node);
}

/* Takes a route off its chain, if it is there. Its own link stays for readers who stand on it. */
static void unchain(fib_chains &chains, fib_node &node, u32 hash)
{
	u32 parity = chains.parity;

	for (fib_node **at = &chains.first[hash & chains.mask]; *at; at = &(*at)->fib_next[parity])
		if (*at == &node) {
			write_once(*at, node.fib_next[parity]);
			return;
		}
}

/*
 * Growing
 */

static void chains_retired(edu_rcu_head *head)
{
	auto *old = reinterpret_cast<fib_chains *>(reinterpret_cast<char *>(head) -
						   offsetof(fib_chains, rcu));

	old->zone->retiring.store_release(false);
	edu_k_table_free(old);
}

/* A bigger table, when the chains get long and the links for it are free. */
static void start_growing(fib_zone &zone)
{
	const fib_chains *now = zone.fz_hash_table.load_locked();
	u32 enough = now->mask ? now->mask + 1 : fib_zone::hashing_limit;
	constexpr u32 least = 64, most = 1u << 26;

	if (zone.fz_nent <= enough || zone.growing || zone.retiring.load_acquire() ||
	    now->mask >= most - 1)
		return;
	u32 wanted = std::bit_ceil(zone.fz_nent);

	wanted = wanted < least ? least : wanted > most ? most : wanted;
	zone.growing = make_chains(zone, wanted, !now->parity);
	zone.moved = 0; /* no memory: longer chains until the next route tries again */
}

/* Links the routes of one chain into the bigger table. There they belong to every n-th chain, n being how
 * many there are now, and no other routes do: these are emptied first. */
static void move_chain(fib_state &fib, fib_zone &zone, const fib_chains &now, u32 index)
{
	fib_chains &bigger = *zone.growing;

	for (u32 i = index; i <= bigger.mask; i += now.mask + 1)
		bigger.first[i] = nullptr;
	for (fib_node *node = now.first[index]; node; node = node->fib_next[now.parity])
		chain(bigger, *node, fib_node_hash(fib, node->fib_dst, zone.fz_prefix),
		      fib_place::last);
}

/* Moves a few more chains into the bigger table, and changes over after the last. */
static void go_on_growing(fib_state &fib, fib_zone &zone)
{
	constexpr u32 step = 4; /* chains a turn: done long before the next doubling */
	fib_chains *now = zone.fz_hash_table.load_locked();

	if (!zone.growing)
		return;
	for (u32 i = 0; i < step && zone.moved <= now->mask; i++, zone.moved++)
		move_chain(fib, zone, *now, zone.moved);
	if (zone.moved <= now->mask)
		return;
	zone.retiring.store(true);
	zone.fz_hash_table.publish(std::exchange(zone.growing, nullptr));
	edu_k_call_rcu(&now->rcu, chains_retired);
}

/* Is the chain of that hash in both tables? */
static bool is_moved(const fib_zone &zone, u32 hash)
{
	return zone.growing && (hash & zone.fz_hash_table.load_locked()->mask) < zone.moved;
}

/*
 * Filters
 */

/* The zone's bit of a network: in which word, and which bit of it. */
static u32 present_index(const fib_zone &zone, be32 dst)
{
	return static_cast<u32>(u64{dst.host()} >> (32 - zone.fz_prefix));
}

static void mark_present(fib_zone &zone, u64 *present, be32 dst, bool there)
{
	u32 index = present_index(zone, dst);
	u64 bit = u64{1} << index % 64;
	u64 word = present[index / 64];

	write_once(present[index / 64], there ? word | bit : word & ~bit);
}

/* Every route of a zone. */
template <typename visitor>
static void for_each_node(const fib_zone &zone, visitor visit)
{
	const fib_chains *chains = zone.fz_hash_table.load_locked();

	for (u32 i = 0; i <= chains->mask; i++)
		for (fib_node *at = chains->first[i], *next; at; at = next) {
			next = at->fib_next[chains->parity];
			visit(*at);
		}
}

/* For what is tried seldom. (std::has_single_bit calls a library the kernel does not have.) */
static bool is_power_of_two(u32 n)
{
	return n && !(n & (n - 1));
}

/* The bits of a zone that has become large. */
static void start_presence(fib_zone &zone)
{
	constexpr u32 longest = 24, bits_per_route = 256;
	u64 bits = u64{1} << zone.fz_prefix;

	/* No memory: tried again at the next power of two. */
	if (zone.fz_prefix > longest || zone.fz_nent * u64{bits_per_route} < bits ||
	    !is_power_of_two(zone.fz_nent) || zone.fz_present.load_locked() ||
	    zone.fz_nent <= fib_zone::hashing_limit)
		return;
	auto *present = static_cast<u64 *>(edu_k_table_alloc((bits + 63) / 64 * sizeof(u64)));
	if (!present)
		return;
	for_each_node(zone,
		      [&](fib_node &node) { mark_present(zone, present, node.fib_dst, true); });
	zone.fz_present.publish(present);
}

/* The zones a filter tells of. */
static bool is_long(u8 prefix)
{
	return prefix > 16;
}

static void filter_add(fib_filter &filter, const fib_node &node)
{
	u32 block = node.fib_dst.host() >> filter.shift, zone = node.fib_prefix - 17u;
	u16 &routes = filter.routes(block, zone);

	if (routes != 0xffff)
		routes++;
	write_once(filter.zones[block], static_cast<u16>(filter.zones[block] | 1u << zone));
}

static void filter_remove(fib_filter &filter, const fib_node &node)
{
	u32 block = node.fib_dst.host() >> filter.shift, zone = node.fib_prefix - 17u;
	u16 &routes = filter.routes(block, zone);

	if (routes == 0xffff || --routes)
		return; /* one that has overflowed says yes for ever */
	write_once(filter.zones[block], static_cast<u16>(filter.zones[block] & ~(1u << zone)));
}

static void filter_retired(edu_rcu_head *head)
{
	edu_k_table_free(reinterpret_cast<char *>(head) - offsetof(fib_filter, rcu));
}

/* A filter of that many blocks, 2^@bits, that knows all routes; null: no memory. */
static fib_filter *make_filter(fib_state &fib, u32 bits)
{
	u32 blocks = 1u << bits;
	auto *filter = static_cast<fib_filter *>(
		edu_k_table_alloc(sizeof(fib_filter) + u64{blocks} * 17 * sizeof(u16)));

	if (!filter)
		return nullptr;
	filter->shift = 32 - bits;
	filter->blocks = blocks;
	for (u8 prefix = 17; prefix <= 32; prefix++)
		if (const fib_zone *zone = fib.fib_zones[prefix].load_locked())
			for_each_node(*zone, [&](fib_node &node) { filter_add(*filter, node); });
	return filter;
}

/* A block for each route, as it were, up to one for each /16; a finer one for each eight times as
 * many routes. */
static void grow_filter(fib_state &fib)
{
	constexpr u32 fewest = 64, most_bits = 16;
	const fib_filter *old = fib.filter.load_locked();

	if (fib.routes < fewest || !is_power_of_two(fib.routes))
		return;
	u32 bits = static_cast<u32>(std::bit_width(fib.routes)) + 1;
	u32 now = old ? 32 - old->shift : 0;

	bits = bits > most_bits ? most_bits : bits;
	if (bits < now + 3 && !(bits == most_bits && now < most_bits))
		return;
	fib_filter *fresh = make_filter(fib, bits);
	if (!fresh)
		return;
	fib_filter *before = fib.filter.replace(fresh);
	if (before)
		edu_k_call_rcu(&before->rcu, filter_retired);
}

/*
 * Routes in and out
 */

static fib_zone *zone_for(fib_state &fib, u8 prefix)
{
	fib_zone *zone = fib.fib_zones[prefix].load_locked();

	if (zone)
		return zone;
	owner<fib_zone> fresh = make<fib_zone>(gfp::kernel);
	fib_chains *one = fresh ? make_chains(*fresh, 1, 0) : nullptr;
	if (!one)
		return nullptr;
	one->first[0] = nullptr;
	fresh->fz_prefix = prefix;
	fresh->fz_mask = wire::ipv4::prefix_mask(prefix);
	fresh->fz_hash_table.publish(one);
	zone = fresh.release();
	fib.fib_zones[prefix].publish(zone);
	return zone;
}

result<void> fib_link(fib_state &fib, fib_node &node, fib_place place)
{
	edu_k_assert_rtnl();
	fib_zone *zone = zone_for(fib, node.fib_prefix);
	u32 hash = fib_node_hash(fib, node.fib_dst, node.fib_prefix);

	if (!zone)
		return errc::enomem;
	TRY(give_order(*zone->fz_hash_table.load_locked(), node, hash, place));
	if (u64 *present = zone->fz_present.load_locked())
		mark_present(*zone, present, node.fib_dst, true);
	if (fib_filter *filter = fib.filter.load_locked(); filter && is_long(node.fib_prefix))
		filter_add(*filter, node);
	chain(*zone->fz_hash_table.load_locked(), node, hash, place);
	if (is_moved(*zone, hash))
		chain(*zone->growing, node, hash, place);
	node.info->nodes.push_front(node);
	zone->fz_nent++;
	fib.routes++;
	/* Who sees the bit sees the zone. */
	__atomic_store_n(&fib.used_zones, fib.used_zones | u64{1} << node.fib_prefix,
			 __ATOMIC_RELEASE);
	start_growing(*zone);
	go_on_growing(fib, *zone);
	start_presence(*zone);
	grow_filter(fib);
	return {};
}

void fib_unlink(fib_state &fib, fib_node &node)
{
	edu_k_assert_rtnl();
	fib_zone &zone = *fib.fib_zones[node.fib_prefix].load_locked();
	u32 hash = fib_node_hash(fib, node.fib_dst, node.fib_prefix);

	unchain(*zone.fz_hash_table.load_locked(), node, hash);
	if (is_moved(zone, hash))
		unchain(*zone.growing, node, hash);
	u64 *present = zone.fz_present.load_locked();
	if (present &&
	    !fib_find(fib, node.fib_dst, node.fib_prefix, [](fib_node &) { return true; }))
		mark_present(zone, present, node.fib_dst, false);
	if (fib_filter *filter = fib.filter.load_locked(); filter && is_long(node.fib_prefix))
		filter_remove(*filter, node);
	fib.routes--;
	if (!--zone.fz_nent)
		write_once(fib.used_zones, fib.used_zones & ~(u64{1} << node.fib_prefix));
	node.of_info.unlink(); /* and its place is the callback's */
	destroy_rcu(&node);
}

/*
 * The end
 */

void fib_zones_close(fib_state &fib)
{
	for (auto &slot : fib.fib_zones) {
		fib_zone *zone = slot.load_locked();

		if (!zone)
			continue;
		for_each_node(*zone, [&](fib_node &node) {
			node.of_info.unlink();
			destroy_rcu(&node);
		});
		fib_chains *chains = zone->fz_hash_table.load_locked();
		for (u32 i = 0; i <= chains->mask; i++)
			chains->first[i] = nullptr;
		edu_k_table_free(std::exchange(zone->growing, nullptr));
	}
}

void fib_zones_exit(fib_state &fib)
{
	for (auto &slot : fib.fib_zones) {
		fib_zone *zone = slot.replace(nullptr);

		if (!zone)
			continue;
		edu_k_table_free(zone->fz_hash_table.load_locked());
		edu_k_table_free(zone->fz_present.load_locked());
		destroy(zone);
	}
	edu_k_table_free(fib.filter.replace(nullptr));
}

} // namespace edu
