// SPDX-License-Identifier: GPL-2.0-only
/*
 * The forwarding information base: where to send a packet for any destination.
 *
 * TLK "The IP Routing Tables" and figure "The Forwarding Information Database": fib_zones, one
 * fib_zone for each length of mask, in it a fib_node for each route, sharing fib_infos.
 * Requirements: OVER-4, OVER-5, ROUTE-1 … ROUTE-5. RFC 1122 3.3.1, RFC 1812 5.2.4.3 (longest match,
 * then TOS, then metric).
 *
 * A zone is a chain of up to 16 routes; from then on a hash table that doubles as it fills, so that
 * a million prefixes look up as fast as a hundred.
 *
 * Locking: writers hold the RTNL. Readers are under RCU and take no lock. A fib_info is held by its
 * routes, in the FIB and in the cache, and removed with the last of them in any context.
 */
#pragma once

#include "base/siphash.hh"
#include "ip/route.hh"

namespace edu {

struct fib_state;

/* Where routes lead; shared by all that lead the same way. Constant but for its count. */
struct fib_info {
	hash_node hashed;	  /* in fib_state::infos */
	fib_state *fib = nullptr; /* whose infos; constant */
	be32 fib_gateway;	  /* zero: on the link */
	ref<edu_iface> fib_dev;	  /* null: blackhole and the like */
	be32 fib_prefsrc;	  /* source to use, zero: choose */
	u32 fib_mtu = 0;	  /* octets, 0: the device's */
	u32 fib_window = 0;	  /* for TCP, octets, 0: none */
	u32 fib_irtt = 0;	  /* for TCP, ms, 0: none */
	u8 fib_protocol = 0;	  /* RTPROT_*: who made it */
	ref_count refs;
	edu_rcu_head rcu;

	/* A route whose device is down does not count (ROUTE-3). */
	bool is_dead() const { return fib_dev && !fib_dev->is_up(); }
	bool leads_like(const fib_info &other) const;
};

void release(fib_info *info);

/* One route. Freed by RCU. */
struct fib_node {
	hlist_node chained; /* in its zone's fz_list; RTNL, readers RCU */
	hash_node hashed;   /* in its zone's fz_hash_table, if there is one */
	be32 fib_dst;	    /* masked; constant */
	u32 fib_metric = 0; /* less is better; constant */
	u8 fib_tos = 0;	    /* 0: any; constant */
	u8 fib_prefix = 0;  /* its zone's; constant */
	u8 fib_scope = 0;   /* RT_SCOPE_*; constant */
	route_type fib_type = route_type::unicast; /* constant */
	ref<fib_info> info;			   /* where it leads; constant, never null */
	u64 fib_use = 0; /* look-ups that ended here; lock-free, may lag */
	edu_rcu_head rcu;
};

/* All routes of one length of mask. Made with its first route, lives until the host goes. */
struct fib_zone {
	static constexpr u32 hashing_limit = 16; /* RTZ_HASHING_LIMIT: above it, a hash table */

	u8 fz_prefix = 0;	/* constant */
	be32 fz_mask;		/* constant */
	u32 fz_nent = 0;	/* routes; RTNL */
	bool fz_hashed = false; /* look up in fz_hash_table; once true stays; RTNL, read_once() */
	hlist<fib_node, &fib_node::chained> fz_list; /* all of them, in no order */
	hash_table<fib_node, &fib_node::hashed> fz_hash_table;
};

struct fib_state {
	rcu_ptr<fib_zone> fib_zones[33]; /* by prefix length; RTNL, readers RCU */
	u64 used_zones = 0;		 /* bit n: zone n has routes; RTNL, readers read_once() */
	siphash_key key;		 /* seeds the hashes; constant */
	hash_table<fib_info, &fib_info::hashed> infos;
};

/* What the FIB says. Valid under RCU; node is null when it says nothing. */
struct fib_result {
	fib_node *node = nullptr;
	fib_info *info = nullptr;
};

/* The best living route: longest prefix, then matching TOS, then least metric. @oif: only by that
 * interface, 0: any. RCU. */
fib_result fib_lookup(const fib_state &fib, be32 dst, u8 tos, int oif);

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
