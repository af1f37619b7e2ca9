// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes as the layers above see them: a question (flow), an answer (rtable).
 *
 * TLK "IP Routing" and "The Route Cache": look-up asks the cache first, then the FIB; a hit in the
 * FIB makes a new cache entry; no route fails the send (ROUTE-6 … ROUTE-9, IP-1, UDP-2).
 *
 * Locking: an rtable found is held by a reference or by the RCU read side. Everything in it but the
 * use count, the time stamp, the path MTU and the neighbour is constant after it was published.
 */
#pragma once

#include "base/endian.hh"
#include "base/list.hh"
#include "base/ref.hh"
#include "link/arp.hh"
#include "link/interface.hh"

namespace edu {

struct fib_info;

/* Kinds of destination; Linux's RTN_* numbers, so that netlink and /proc show them unchanged. */
enum class route_type : u8 {
	unspec = 0,
	unicast = 1,
	local = 2,
	broadcast = 3,
	multicast = 5,
	blackhole = 6,
	unreachable = 7,
	prohibit = 8,
};

/* What a sender wants to reach. */
struct flow {
	be32 dst;    /* zero: this host */
	be32 src;    /* zero: choose */
	int oif = 0; /* the interface it must leave by, 0: any (SO_BINDTODEVICE, IP_PKTINFO) */
	u8 tos = 0;
	/* The caller has checked src; else it must be one of our addresses (EINVAL otherwise). */
	bool source_is_ours = false;
	int iif = 0; /* the interface it came in by, 0: it is our own */
};

/* One cached route (ROUTE-7). Freed by RCU. */
struct rtable {
	hlist_node rt_next; /* in its chain of ip_rt_hash_table; the row's lock */
	list_node rt_aged;  /* in its row's age list; the row's lock */
	u64 rt_placed = 0;  /* ms; when it was put there; the row's lock */
	be32 rt_dst;	    /* key: destination */
	int key_oif = 0;    /* key: interface asked for, 0: any */
	int key_iif = 0;    /* key: interface such packets come in by, 0: they are our own */
	u8 rt_tos = 0;	    /* key */
	route_type rt_type = route_type::unspec;
	be32 rt_src;	 /* source address to use */
	be32 rt_gateway; /* next hop: a gateway, or rt_dst itself */
	bool rt_has_gateway = false;
	bool rt_redirected = false; /* a gateway told of a better one (ICMP redirect) */
	bool rt_obsolete = false;   /* a redirect has put another in its place. read_once() */
	u32 rt_mtu = 0;		    /* largest IP packet the first link takes, octets */
	u32 rt_pmtu = 0; /* what ICMP has told of the path (RFC 1191), 0: nothing. read_once() */
	bool rt_pmtu_lock = false; /* it told less than min_pmtu: no DF any more. read_once() */
	u64 rt_pmtu_expires = 0;   /* ms clock: forgotten then. read_once() */
	u32 rt_window = 0;	   /* for TCP, 0: none */
	u32 rt_irtt = 0;	   /* for TCP, milliseconds, 0: none */
	u32 genid = 0;		   /* stack's route generation when made; another one now: stale */
	u64 rt_until = 0;      /* ms clock: stale then, for a better way may work again; 0: never */
	ref<edu_iface> rt_dev; /* leaves by; never null in a published route */
	ref<arp_table>
		rt_neigh;     /* next hop's ARP entry, whose hh is the prebuilt header (IP-2); null:
					   the link needs none. Constant after publication */
	ref<fib_info> rt_fib; /* what it was made from; null for local ones */
	ref_count refs;	      /* the cache's and each holder's */
	u64 rt_use = 0;	      /* times found; written without a lock, may lag */
	u64 rt_lastuse = 0;   /* ms clock of the last find; likewise */
	edu_rcu_head rcu;
};

void release(rtable *route);

/*
 * The route for a packet of ours. Errors: enetunreach (no route), ehostunreach (unreachable route),
 * eacces (prohibit), einval (blackhole, or a source that is not ours), enetdown, enomem.
 * Context: any. A hit in the cache takes no lock but a trylock to move to the front.
 */
result<ref<rtable>> ip_route_output(edu_stack &host, const flow &wanted);

/* The largest packet for this path, octets: what ICMP has told while that counts, else the link's. */
u32 rt_path_mtu(const rtable &route);

/* Whether packets that fit may say DF to learn of smaller MTUs. */
inline bool rt_may_discover(const rtable &route)
{
	return !read_once(route.rt_pmtu_lock);
}

/*
 * ICMP says that a packet of total_length octets to dst did not fit into a link of mtu octets (0: a
 * router from before RFC 1191). Every cached route to dst remembers it. Softirq, RCU.
 */
void rt_update_pmtu(edu_stack &host, be32 dst, u32 mtu, u32 total_length);

/* Does a route lead to @target by another interface than @iface, which is up? Nothing is entered into
 * the cache: the question may be a stranger's (RFC 1027). RCU. */
bool ip_leaves_elsewhere(const edu_iface &iface, be32 target);

/* What is to become of a received packet. */
struct input_route {
	/* local, broadcast: for us; leads to another interface: forwarded. Null: dropped. Valid under
	 * RCU, or as long as this value. */
	rtable *route = nullptr;
	ref<rtable> held;			   /* what keeps it, when it was made just now */
	edu_counter refused = EDU_Ip_DropNotForUs; /* why there is none */
};

/*
 * The route of a packet to @dst, neither multicast nor limited broadcast, that came in by @iface: the
 * cache, then our own addresses, then, if the interface forwards, the FIB (TLK: ip_rt_route for a
 * packet from elsewhere). The source is the caller's affair. Softirq or process, RCU.
 */
input_route ip_route_input(edu_stack &host, edu_iface &iface, be32 dst, u8 tos);

/* Is the way back to a packet's source another than the one it came by (rp_filter, RFC 3704)? RCU. */
bool ip_fails_reverse_path(const edu_iface &iface, be32 src, u8 tos);

/* Whether a route held by a socket may still be used (TLK: "as long as the route is valid"). */
bool ip_route_valid(const edu_stack &host, const rtable &route);

/* Every cached route is stale from now on: FIB, address or device changed. Any context. */
void rt_cache_flush(edu_stack &host);

} // namespace edu
