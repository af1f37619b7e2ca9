/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boundary, continued: tracepoints. Only bridge.h includes this, in its place, and its rules hold here.
 */
#ifndef _EDU_BRIDGE_TRACE_H
#define _EDU_BRIDGE_TRACE_H

#ifndef _EDU_BRIDGE_H
#include <edu/bridge.h>
#endif

/* Layer boundaries at which a packet can be watched, top to bottom on the way out and bottom to top
 * on the way in. Each is a tracepoint eduinet:NAME with the sk_buff's four pointers and length. */
/* clang-format off */
#define EDU_TRACE_POINTS(X) \
	X(sock_send)	/* INET layer: data copied from the program, no header yet */ \
	X(udp_send)	/* UDP header in front */ \
	X(tcp_send)	/* TCP header in front */ \
	X(raw_send) \
	X(icmp_send) \
	X(ip_send)	/* IP header in front */ \
	X(arp_hold)	/* held back until ARP resolves the next hop */ \
	X(arp_release)	/* resolved: on its way again */ \
	X(arp_send)	/* an ARP packet of ours */ \
	X(dev_send)	/* complete frame, about to be queued on the device */ \
	X(dev_rcv)	/* frame from the device, link header already pulled */ \
	X(arp_rcv) \
	X(ip_rcv)	/* header checked */ \
	X(ip_fragment)	/* a fragment of ours, with its header */ \
	X(ip_defrag)	/* put together from fragments, as if it had come in one piece */ \
	X(ip_forward)	/* for another host: header changed, about to leave */ \
	X(ip_deliver)	/* for us: IP header about to be pulled */ \
	X(icmp_rcv) \
	X(udp_rcv) \
	X(tcp_rcv)	/* header checked, about to look for its socket */ \
	X(raw_rcv) \
	X(sock_queue)	/* on the socket's receive_queue */ \
	X(sock_rcv)	/* copied to the program */
/* clang-format on */

enum edu_trace_point {
#define EDU_TRACE_ENUM(name) EDU_TRACE_##name,
	EDU_TRACE_POINTS(EDU_TRACE_ENUM)
#undef EDU_TRACE_ENUM
		EDU_TRACE_POINT_COUNT
};

/* Nonzero while anybody listens to any tracepoint below: the core tests it before it calls, so that
 * tracing that is off costs one load. */
extern int edu_k_trace_on;
/* ifindex: of the device a packet is leaving by; 0: shown with the one it came in by. */
void edu_k_trace_skb(struct edu_net *net, enum edu_trace_point point, const struct sk_buff *skb,
		     int ifindex);
void edu_k_trace_drop(struct edu_net *net, enum edu_counter reason, const struct sk_buff *skb);
/* A routing decision: from is "cache", "fib", "local", "none"; ifindex 0 when there is no route. why says
 * for what the cache was missed: "absent", "flushed", "obsolete", "expired", "neighbour"; "" on a hit.
 * And a change of the cache: from is "flush" (all of it is stale), "remove". */
void edu_k_trace_route(struct edu_net *net, const char *from, const char *why, edu_be32 destination,
		       edu_be32 gateway, int ifindex);
/* A change of an ARP entry: what is "new", "complete", "update", "probe", "fail", "expire", "evict". */
void edu_k_trace_arp(struct edu_net *net, const char *what, edu_be32 ip,
		     const edu_u8 *hardware_address);

/* Both ends of a connection, for the events about TCP. */
struct edu_tcp_ends {
	edu_be32 saddr, daddr;
	edu_be16 sport, dport;
};
/* A connection goes from one state to another (TCP_*). */
void edu_k_trace_tcp_state(struct edu_net *net, const struct edu_tcp_ends *ends, int from, int to);
/* Octets sent once more. why is "fast", "rto", "probe" or "syn". */
void edu_k_trace_tcp_retransmit(struct edu_net *net, const struct edu_tcp_ends *ends, edu_u32 seq,
				edu_u32 len, const char *why);
/* Congestion control decides. what is "open", "disorder", "recovery", "loss", "undo" or "exit"; cwnd and
 * ssthresh in octets, srtt in microseconds. */
void edu_k_trace_tcp_cong(struct edu_net *net, const struct edu_tcp_ends *ends, const char *what,
			  edu_u32 cwnd, edu_u32 ssthresh, edu_u32 srtt_us);

#endif /* _EDU_BRIDGE_TRACE_H */
