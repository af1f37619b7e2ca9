// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between the FIB's own files: changing the tables.
 *
 * ROUTE-1 … ROUTE-4. Locking: the RTNL for all but fib_next() and fib_lookup_zone(), which are under
 * RCU.
 */
#pragma once

#include "base/siphash.hh"
#include "ip/fib.hh"

namespace edu {

/* The fib_info like @fresh that exists already, or @fresh, entered. */
ref<fib_info> fib_share_info(fib_state &fib, owner<fib_info> fresh);

/* The hash of a destination in its zone's table. */
inline u32 fib_node_hash(const fib_state &fib, be32 dst, u8 prefix)
{
	return static_cast<u32>(siphash13(fib.key, dst.raw(), u32{prefix}));
}

/* Links a route in; unlinks and frees it. Error: enomem. */
result<void> fib_link(fib_state &fib, fib_node &node);
void fib_unlink(fib_state &fib, fib_node &node);

/* The best living route of one zone. */
fib_result fib_lookup_zone(const fib_state &fib, const fib_zone &zone, be32 dst, u8 tos, int oif);

/* The route after @at, longest prefixes first, dead ones too; null at the end. */
fib_node *fib_next(const fib_state &fib, edu_cursor &at);

/* The first route to exactly that destination, dead ones too, that matches(node) says yes to, or
 * null. */
template <typename predicate>
inline fib_node *fib_find(const fib_state &fib, be32 dst, u8 prefix, predicate matches)
{
	rcu_guard guard; /* the hash table may grow under the RTNL's holder */
	const fib_zone *zone = fib.fib_zones[prefix].load();
	auto is_it = [&](fib_node &node) { return node.fib_dst == dst && matches(node); };

	if (!zone)
		return nullptr;
	if (zone->fz_hashed)
		return zone->fz_hash_table.find(fib_node_hash(fib, dst, prefix), is_it);
	for (fib_node &node : zone->fz_list)
		if (is_it(node))
			return &node;
	return nullptr;
}

} // namespace edu
