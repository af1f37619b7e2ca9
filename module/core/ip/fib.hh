// SPDX-License-Identifier: GPL-2.0-only
/*
 * The forwarding information base: where to send a packet for any destination.
 *
 * TLK "The IP Routing Tables" and figure "The Forwarding Information Database": fib_zones, one
 * fib_zone for each length of mask, in it a fib_node for each route, sharing fib_infos.
 * Requirements: OVER-4, OVER-5, ROUTE-1 … ROUTE-5. RFC 1122 3.3.1, RFC 1812 5.2.4.3 (longest match,
 * then TOS, then metric).
 *
 * A zone is a chain of up to 16 routes; from then on a hash table that grows with it. Zones of many
 * routes have a filter besides: one bit for each network they could have, so that a look-up touches
 * the table of the zone that has the answer and hardly any other. A million prefixes look up as fast
 * as a hundred.
 *
 * Files: fib_zone.cc (the zones' tables and filters), fib.cc (what routes share, look-up, iteration),
 * fib_config.cc (adding and deleting).
 *
 * Locking: writers hold the RTNL. Readers are under RCU and take no lock. A fib_info is held by its
 * routes, in the FIB and in the cache, and removed with the last of them in any context.
 */
#pragma once

#include "base/siphash.hh"
#include "ip/route.hh"

namespace edu {

struct fib_state;
struct fib_zone;

/* One route; a cache line of its own. Freed by RCU. */
struct fib_node {
	static constexpr u16 middle = 1u << 15; /* fib_order of the first of its network */

	fib_node *fib_next[2] = {}; /* of its chain, in arrays of either parity; RTNL, readers RCU */
	be32 fib_dst;		    /* masked; constant */
	u32 fib_metric = 0;	    /* less is better; constant */
	u8 fib_tos = 0;		    /* 0: any; constant */
	u8 fib_prefix = 0;	    /* its zone's; constant */
	u16 fib_order = middle; /* less: before others of its network, TOS and metric. RTNL, readers
				       read_once() */
	u32 fib_use = 0;	/* look-ups that ended here; lock-free, may lag, wraps */
	ref<fib_info> info;	/* where it leads; constant, never null */
	union {
		hlist_node of_info{}; /* in fib_info::nodes; RTNL */
		edu_rcu_head rcu;     /* once it is in no table any more */
	};
};

static_assert(sizeof(fib_node) <= 64);

/* Where routes lead; shared by all that lead the same way. Constant but for nodes, silence, count. */
struct fib_info {
	hash_node hashed;	  /* in fib_state::infos */
	hash_node by_gateway;	  /* in fib_state::gateways, if it has one */
	fib_state *fib = nullptr; /* whose infos; constant */
	be32 fib_gateway;	  /* zero: on the link */
	ref<edu_iface> fib_dev;	  /* null: blackhole and the like */
	be32 fib_prefsrc;	  /* source to use, zero: choose */
	u32 fib_mtu = 0;	  /* octets, 0: the device's */
	u32 fib_window = 0;	  /* for TCP, octets, 0: none */
	u32 fib_irtt = 0;	  /* for TCP, ms, 0: none */
	u8 fib_protocol = 0;	  /* RTPROT_*: who made it */
	u8 fib_scope = 0;	  /* RT_SCOPE_*: how far away what it leads to is */
	route_type fib_type = route_type::unicast;
	/* The routes of the FIB that lead this way, so that they go without a search. RTNL */
	hlist<fib_node, &fib_node::of_info> nodes;
	/* Its gateway has failed to answer ARP; until then, ms clock, others are preferred. 0: none of
	 * that. Lock-free */
	u64 fib_silent_until = 0;
	ref_count refs;
	edu_rcu_head rcu;

	/* A route whose device is down does not count (ROUTE-3). */
	bool is_dead() const { return fib_dev && !fib_dev->is_up(); }
	/* A route whose gateway does not answer is used only when no other leads there. */
	bool is_silent() const;
	bool leads_like(const fib_info &other) const;
};

void release(fib_info *info);

/* The chains of a zone: one at first, then a hash table of them. */
struct fib_chains {
	u32 mask;	/* chains - 1 */
	u32 parity;	/* which fib_next of a route chains it here */
	fib_zone *zone; /* whose it was, for the callback that frees it */
	edu_rcu_head rcu;
	fib_node *first[]; /* RTNL, readers RCU */
};

/* All routes of one length of mask. Made with its first route, lives until the host goes. */
struct fib_zone {
	static constexpr u32 hashing_limit = 16; /* RTZ_HASHING_LIMIT: above it, a hash table */

	u8 fz_prefix = 0;		   /* constant */
	be32 fz_mask;			   /* constant */
	u32 fz_nent = 0;		   /* routes; RTNL */
	rcu_ptr<fib_chains> fz_hash_table; /* never null */
	/* One bit for each network of that length, set if there is a route to it; null while the zone
	 * is small, and for those longer than /24. RTNL, readers RCU and read_once() */
	rcu_ptr<u64> fz_present;
	fib_chains *growing = nullptr; /* the next fz_hash_table, being filled, or null; RTNL */
	u32 moved = 0; /* chains of fz_hash_table whose routes are in `growing` too; RTNL */
	/* The fz_hash_table before this one still has readers: their links are not free yet. Set with
	 * the RTNL, cleared in softirq. */
	atomic<bool> retiring;

	bool is_hashed() const { return fz_hash_table.load_locked()->mask; }
};

/*
 * Which zones longer than /16 have routes, for each block of addresses that begin alike. Replaced by
 * a finer one as the FIB grows.
 */
struct fib_filter {
	u32 shift;  /* a block is what is left of an address after it; constant */
	u32 blocks; /* constant */
	edu_rcu_head rcu;
	u16 zones[]; /* of each block; bit n - 17: zone n. RTNL, readers read_once() */

	/* How many routes of that zone are behind its bit; sticks at its end. RTNL */
	u16 &routes(u32 block, u32 zone) { return zones[blocks * (zone + 1) + block]; }
};

struct fib_state {
	rcu_ptr<fib_zone> fib_zones[33]; /* by prefix length; RTNL, readers RCU */
	u64 used_zones = 0;		 /* bit n: zone n has routes; RTNL, readers read_once() */
	u64 seed = 0;			 /* of the zones' hash; odd, constant */
	u32 routes = 0;			 /* in all zones; RTNL */
	rcu_ptr<fib_filter> filter;	 /* null while there are few routes; RTNL, readers RCU */
	siphash_key key;		 /* seeds the hash of infos; constant */
	hash_table<fib_info, &fib_info::hashed> infos;
	hash_table<fib_info, &fib_info::by_gateway> gateways; /* the infos that have one */
};

/* What the FIB says. Valid under RCU; node is null when it says nothing. */
struct fib_result {
	fib_node *node = nullptr;
	fib_info *info = nullptr;
	u64 until =
		0; /* ms clock: ask again then, for a better gateway is silent; 0: good for ever */
};

/* The best living route: longest prefix, then matching TOS, then least metric. @oif: only by that
 * interface, 0: any. RCU. */
fib_result fib_lookup(const fib_state &fib, be32 dst, u8 tos, int oif);

/* A next hop has not answered ARP: for a while other gateways are preferred (RFC 1122 3.3.1.4).
 * RCU, any context. */
void fib_gateway_failed(edu_iface &iface, be32 next_hop);

/* Does any route lead to that gateway by the interface? As many steps as there are different ways, so
 * not for every packet. RCU. */
bool fib_has_gateway(const fib_state &fib, const edu_iface &iface, be32 gateway);

/* For ip's iface_listener: the routes that follow from an address, and those that end with it. */
result<void> fib_addr_added(edu_iface &iface, const ifaddr &addr);
void fib_addr_removed(edu_iface &iface, const ifaddr &addr);
void fib_iface_gone(edu_iface &iface);

result<void> fib_host_init(edu_stack &host);
void fib_host_close(edu_stack &host);
void fib_host_exit(edu_stack &host);

} // namespace edu
