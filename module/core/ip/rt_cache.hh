// SPDX-License-Identifier: GPL-2.0-only
/*
 * The route cache: answers given before.
 *
 * TLK "The Route Cache": ip_rt_hash_table, lists of rtable hashed by the two low bytes of the
 * address. Requirements: ROUTE-6 … ROUTE-9.
 *
 * Bounded twice: a chain has at most rt_chain_max routes, of which a new one pushes out the least
 * recently used; and all together are at most rt_cache_size. A scan of the whole Internet thus costs
 * each packet the same. When FIB, addresses or devices change, the generation changes: routes of an
 * older one are stale, found by nobody, and cleaned up by the work queue.
 *
 * Locking: look-up is under RCU. A row's lock (EDU_LOCK_RT_CACHE) guards 256 chains and their age
 * list. A hit moves to the front of its chain only if nobody has the lock.
 */
#pragma once

#include "ip/route.hh"

namespace edu {

inline constexpr u32 rt_chain_max = 8;

struct rt_cache_state {
	two_byte_table<rtable, &rtable::rt_next, &rtable::rt_aged> ip_rt_hash_table;
	atomic<u32> entries;   /* cached routes */
	atomic<u32> genid;     /* the generation that is valid */
	atomic<u32> hand;      /* row at which the next search for a victim begins */
	edu_timer check_timer; /* ticks at least once a second */
	u64 checked = 0; /* ms: the work was queued, once every rt_cache_check_interval_ms; timer */
	edu_work check_work;	   /* removes stale and idle routes */
	edu_stack *host = nullptr; /* for timer and work; constant */
	atomic<bool> stopping;	   /* the host is going: nothing is set again */
};

/* The valid cached route for that question, or null. Counts and moves to the front. RCU. */
rtable *rt_cache_look(edu_stack &host, be32 dst, int oif, int iif, u8 tos);

/* The same for our own packets, held, or none. */
ref<rtable> rt_cache_find(edu_stack &host, be32 dst, int oif, u8 tos);

/* Why rt_cache_look() finds nothing, for the trace: see edu_k_trace_route(). RCU. */
const char *rt_cache_miss_reason(edu_stack &host, be32 dst, int oif, int iif, u8 tos);

/* Enters a new route, whose only reference is @fresh; returns it, or the equal one that somebody
 * else has entered meanwhile. Any context. */
ref<rtable> rt_cache_add(edu_stack &host, ref<rtable> fresh);

/*
 * Our own cached routes to @dst by @iface and the gateway @from lead to @to instead, until they expire
 * or something changes; with @tos only those for it, -1: all. How many there were. Softirq, RCU.
 */
u32 rt_cache_redirect(edu_stack &host, edu_iface &iface, be32 dst, int tos, be32 from, be32 to);

result<void> rt_cache_host_init(edu_stack &host);
void rt_cache_host_close(edu_stack &host);
void rt_cache_host_exit(edu_stack &host);

} // namespace edu
