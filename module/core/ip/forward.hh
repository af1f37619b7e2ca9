// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets of others: the host as a router.
 *
 * TLK "Receiving IP Packets" and "An Overview of TCP/IP Networking" (OVER-4): 2.0's ip_forward.
 * IP-4, IP-10, ROUTE-8. RFC 1812 5.2 and 5.3 as /proc/sys/net/eduinet/conf turns it on: forwarding is
 * off by default. RFC 791 (record route, time stamp, source routes), RFC 2644 (directed broadcasts).
 * Not here: multicast routing, and RFC 1812's precedence-ordered queues, which are the device's.
 *
 * Files: forward.cc (the packet's way), redirect.cc (the shorter way, told and believed), and in
 * route.cc the decision.
 *
 * Locking: softirq, under RCU; no lock. The route is valid as long as the read side lasts.
 */
#pragma once

#include "ip/ip.hh"

namespace edu {

/* Does that route lead on to another interface? @iface: the packet came in by it. */
inline bool is_transit(const edu_iface &iface, const rtable &route)
{
	return route.rt_type == route_type::unicast ||
	       (route.rt_type == route_type::broadcast && route.rt_dev.get() != &iface);
}

/*
 * Sends a packet on that came in by @in and is not for us: data at the IP header,
 * without the link's padding, cb is ip_info, options checked. @next_hop: the host in whose direction a
 * source route leads, zero: there is none whose turn it is. packet is empty when it was accepted.
 */
verdict ip_forward(edu_iface &in, skb_ptr &packet, rtable &route, be32 next_hop);

/* A directed broadcast, which is for us as well: a copy goes on to the subnet it is for. */
void ip_forward_broadcast(edu_iface &in, const skb_ptr &packet, rtable &route);

/* The packet cannot go on for that reason: counts, and tells the sender where RFC 1812 5.2.7.1 wants
 * it. The caller drops it. */
void ip_forward_refused(edu_stack &host, const skb_ptr &packet, edu_counter reason);

/*
 * The packet is for us, but its source route goes on (RFC 1812 5.2.4.1): enters where to into next_hop
 * and way, what it says itself stays as it is until ip_forward(). EDU_COUNTER_COUNT: go on with way.
 */
edu_counter ip_follow_source_route(edu_iface &in, const skb_ptr &packet, input_route &way,
				   be32 &next_hop);

/*
 * The sender of a packet that leaves by the interface it came in by is told of the shorter way, if it
 * is on that link and, unless shared_media is on, on the same subnet as the next hop (RFC 1812 5.2.7.2).
 * Rate-limited by sender and destination.
 */
void ip_send_redirect(edu_iface &in, const skb_ptr &packet, const rtable &route);

/* Redirects sent of late, by sender and destination; those that share a slot share a limit. */
struct redirect_state {
	static constexpr u32 slot_count = 256;

	struct slot {
		u64 last = 0;  /* ms; the last one sent or, past the most, suppressed */
		u32 whose = 0; /* hash of sender and destination; 0: free */
		u32 sent = 0;
	};

	spinlock lock; /* EDU_LOCK_COUNTED; guards the slots */
	slot slots[slot_count];

	/* May one more be sent? */
	bool allows(u64 hash, u64 now);
};

/* An ICMP redirect arrived: data at the ICMP header, checksum verified (RFC 1122 3.2.2.2). */
verdict icmp_rcv_redirect(edu_stack &host, skb_ptr &packet);

} // namespace edu
