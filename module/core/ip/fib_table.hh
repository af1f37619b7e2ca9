// SPDX-License-Identifier: GPL-2.0-only
/*
 * Between the FIB's own files: changing the tables.
 *
 * ROUTE-1 … ROUTE-4. Locking: the RTNL for all but fib_chain_of(), fib_next() and
 * fib_lookup_zone(), which are under RCU.
 */
#pragma once

#include "base/siphash.hh"
#include "ip/fib.hh"

namespace edu {

/* The fib_info like @fresh that exists already, or @fresh, entered. */
ref<fib_info> fib_share_info(fib_state &fib, owner<fib_info> fresh);

/*
 * The hash of a network in its zone's table: a multiplication by the host's secret. That does for
 * routes, which no stranger chooses; packets choose only which of them is looked at.
 */
inline u32 fib_node_hash(const fib_state &fib, be32 dst, u8 prefix)
{
	u64 network = u64{dst.host()} >> (32 - prefix);

	return static_cast<u32>(network * fib.seed >> 32);
}

/* Where among routes that are equal in all but where they lead. */
enum class fib_place : u8 { first, last };

/* Links a route in; unlinks and frees it. Errors: enomem; enospc for the 65,536th of one network, TOS and metric. */
result<void> fib_link(fib_state &fib, fib_node &node, fib_place place = fib_place::first);
void fib_unlink(fib_state &fib, fib_node &node);

/* A route as configuration and netlink show it. */
void fib_describe(const fib_node &node, edu_route_info &out);

/* Zones and filters of a host that goes: forgets every route; frees what is left. */
void fib_zones_close(fib_state &fib);
void fib_zones_exit(fib_state &fib);

/* The best living route of one zone. */
fib_result fib_lookup_zone(const fib_state &fib, const fib_zone &zone, be32 dst, u8 tos, int oif);

/* The route after @at, longest prefixes first, dead ones too; null at the end. */
fib_node *fib_next(const fib_state &fib, edu_cursor &at);

/* The next info, held, or none at the end. */
ref<fib_info> fib_next_info(fib_state &fib, edu_cursor &at);

/* The first route of the chain that a network of that zone would be in; parity: of its links. */
inline fib_node *fib_chain_of(const fib_state &fib, const fib_zone &zone, be32 network, u32 &parity)
{
	const fib_chains *chains = zone.fz_hash_table.load();

	parity = chains->parity;
	return rcu_load(chains->first[fib_node_hash(fib, network, zone.fz_prefix) & chains->mask]);
}

/* The first route to exactly that destination, dead ones too, that matches(node) says yes to, or
 * null. They come as a look-up tries them: greatest TOS, then least metric first. */
template <typename predicate>
inline fib_node *fib_find(const fib_state &fib, be32 dst, u8 prefix, predicate matches)
{
	const fib_zone *zone = fib.fib_zones[prefix].load_locked();
	u32 parity = 0;

	if (!zone)
		return nullptr;
	for (fib_node *at = fib_chain_of(fib, *zone, dst, parity); at; at = at->fib_next[parity])
		if (at->fib_dst == dst && matches(*at))
			return at;
	return nullptr;
}

} // namespace edu
