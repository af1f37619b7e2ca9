/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints eduinet:*: a packet at each layer boundary, drops, routing and ARP decisions.
 *
 * TLK "Socket Buffers" (the four pointers head, data, tail, end and the length); requirements
 * SKB-1, SKB-2: at each boundary one sees a header being pushed or pulled without the data moving.
 * One event for each entry of EDU_TRACE_POINTS (bridge.h), in the same order.
 *
 * data, tail and end are shown as offsets from head. Addresses pass through the kernel's usual %p
 * hashing (trace option hash-ptr), so that a trace gives no kernel address away. ifindex is skb_iif
 * and not skb->dev's, since the device of a packet that has waited in a queue may be gone.
 *
 * Locking: none of our own. edu_trace_reg() and _unreg() run under the kernel's tracepoint mutex.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM eduinet

#if !defined(_EDU_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _EDU_TRACE_H

#include <linux/skbuff.h>
#include <linux/tracepoint.h>
#include <net/tcp_states.h>

#include "edu_kernel.h"

#ifndef _EDU_TRACE_REG
#define _EDU_TRACE_REG
int edu_trace_reg(void);
void edu_trace_unreg(void);
#endif

/* clang-format off: it cannot lay out these macros. */

/* A packet at a layer boundary. data, tail and end are octets from head; ifindex and dev are the device
 * it came in by, 0 and "" for one of our own, and at dev_send the one it leaves by. inode is the socket's that owns the buffer, 0: none.
 * tgid is the process in whose system call this happens, 0: in none. octets are the packet's from
 * +first on, EDU_TRACE_OCTETS at most: with the link header where a device has read one. */
DECLARE_EVENT_CLASS(
	edu_skb, TP_PROTO(const struct edu_net *en, const struct sk_buff *skb, int ifindex),
	TP_ARGS(en, skb, ifindex),
	TP_STRUCT__entry(
		__field(const void *, skb) __field(const void *,
						   head) __field(u32, netns) __field(int, ifindex)
			__field(u32, data) __field(u32, tail) __field(u32, end) __field(u32, len)
				__field(u32, truesize) __field(u32, inode) __field(u32, tgid)
					__field(u32, first) __array(char, dev, IFNAMSIZ)
						__dynamic_array(u8, octets, edu_trace_octets(skb))),
	TP_fast_assign(__entry->skb = skb; __entry->head = skb->head;
		       __entry->netns = en->net->ns.inum; __entry->ifindex = ifindex;
		       __entry->data = skb->data - skb->head;
		       __entry->tail = skb_tail_pointer(skb) - skb->head;
		       __entry->end = skb_end_pointer(skb) - skb->head; __entry->len = skb->len;
		       __entry->truesize = skb->truesize; __entry->inode = edu_trace_inode(skb);
		       __entry->tgid = in_task() ? current->tgid : 0;
		       __entry->first = edu_trace_first(skb);
		       edu_trace_dev(__entry->dev, en, ifindex);
		       memcpy(__get_dynamic_array(octets), skb->head + __entry->first,
			      __get_dynamic_array_len(octets));),
	TP_printk(
		"netns=%u ifindex=%d skb=%p head=%p data=+%u tail=+%u end=+%u len=%u truesize=%u dev=%s inode=%u tgid=%u first=+%u octets=%s",
		__entry->netns, __entry->ifindex, __entry->skb, __entry->head, __entry->data,
		__entry->tail, __entry->end, __entry->len, __entry->truesize, __entry->dev,
		__entry->inode, __entry->tgid, __entry->first,
		__print_hex_str(__get_dynamic_array(octets), __get_dynamic_array_len(octets))));

#define EDU_DEFINE_SKB_EVENT(name)                                                                 \
	DEFINE_EVENT_FN(edu_skb, name,                                                             \
			TP_PROTO(const struct edu_net *en, const struct sk_buff *skb,              \
				 int ifindex),                                                     \
			TP_ARGS(en, skb, ifindex), edu_trace_reg, edu_trace_unreg)

EDU_DEFINE_SKB_EVENT(sock_send);
EDU_DEFINE_SKB_EVENT(udp_send);
EDU_DEFINE_SKB_EVENT(tcp_send);
EDU_DEFINE_SKB_EVENT(raw_send);
EDU_DEFINE_SKB_EVENT(icmp_send);
EDU_DEFINE_SKB_EVENT(ip_send);
EDU_DEFINE_SKB_EVENT(arp_hold);
EDU_DEFINE_SKB_EVENT(arp_release);
EDU_DEFINE_SKB_EVENT(arp_send);
EDU_DEFINE_SKB_EVENT(dev_send);
EDU_DEFINE_SKB_EVENT(dev_rcv);
EDU_DEFINE_SKB_EVENT(arp_rcv);
EDU_DEFINE_SKB_EVENT(ip_rcv);
EDU_DEFINE_SKB_EVENT(ip_forward);
EDU_DEFINE_SKB_EVENT(ip_fragment);
EDU_DEFINE_SKB_EVENT(ip_defrag);
EDU_DEFINE_SKB_EVENT(ip_deliver);
EDU_DEFINE_SKB_EVENT(icmp_rcv);
EDU_DEFINE_SKB_EVENT(udp_rcv);
EDU_DEFINE_SKB_EVENT(tcp_rcv);
EDU_DEFINE_SKB_EVENT(raw_rcv);
EDU_DEFINE_SKB_EVENT(sock_queue);
EDU_DEFINE_SKB_EVENT(sock_rcv);

/* A packet thrown away; the reason is the counter that counted it. */
TRACE_EVENT_FN(
	edu_drop,
	TP_PROTO(const struct edu_net *en, enum edu_counter reason, const struct sk_buff *skb),
	TP_ARGS(en, reason, skb),
	TP_STRUCT__entry(__field(const void *, skb) __field(u32, netns) __field(int, ifindex)
				 __field(u32, len) __array(char, group, 8) __array(char, name, 32)),
	TP_fast_assign(
		__entry->skb = skb; __entry->netns = en->net->ns.inum;
		__entry->ifindex = skb ? skb->skb_iif : 0; __entry->len = skb ? skb->len : 0;
		strscpy(__entry->group, edu_counter_names[reason].group, sizeof(__entry->group));
		strscpy(__entry->name, edu_counter_names[reason].name, sizeof(__entry->name));),
	TP_printk("netns=%u ifindex=%d skb=%p len=%u reason=%s.%s", __entry->netns,
		  __entry->ifindex, __entry->skb, __entry->len, __entry->group, __entry->name),
	edu_trace_reg, edu_trace_unreg);

/* A routing decision, or a change of the route cache: see edu_k_trace_route(). */
TRACE_EVENT_FN(edu_route,
	       TP_PROTO(const struct edu_net *en, const char *from, const char *why,
			__be32 destination, __be32 gateway, int ifindex),
	       TP_ARGS(en, from, why, destination, gateway, ifindex),
	       TP_STRUCT__entry(__field(u32, netns) __field(int, ifindex)
					__array(u8, destination, 4) __array(u8, gateway, 4)
						__array(char, from, 8) __array(char, why, 12)
							__array(char, dev, IFNAMSIZ)),
	       TP_fast_assign(__entry->netns = en->net->ns.inum; __entry->ifindex = ifindex;
			      memcpy(__entry->destination, &destination, 4);
			      memcpy(__entry->gateway, &gateway, 4);
			      strscpy(__entry->from, from, sizeof(__entry->from));
			      strscpy(__entry->why, why, sizeof(__entry->why));
			      edu_trace_dev(__entry->dev, en, ifindex);),
	       TP_printk("netns=%u destination=%pI4 gateway=%pI4 ifindex=%d from=%s why=%s dev=%s",
			 __entry->netns, __entry->destination, __entry->gateway, __entry->ifindex,
			 __entry->from, __entry->why, __entry->dev),
	       edu_trace_reg, edu_trace_unreg);

/* A change of an ARP entry. */
TRACE_EVENT_FN(edu_arp,
	       TP_PROTO(const struct edu_net *en, const char *what, __be32 ip,
			const u8 *hardware_address),
	       TP_ARGS(en, what, ip, hardware_address),
	       TP_STRUCT__entry(__field(u32, netns) __array(u8, ip, 4)
					__array(u8, hardware_address, 6) __array(char, what, 12)),
	       TP_fast_assign(__entry->netns = en->net->ns.inum; memcpy(__entry->ip, &ip, 4);
			      memcpy(__entry->hardware_address, hardware_address, 6);
			      strscpy(__entry->what, what, sizeof(__entry->what));),
	       TP_printk("netns=%u ip=%pI4 address=%pM what=%s", __entry->netns, __entry->ip,
			 __entry->hardware_address, __entry->what),
	       edu_trace_reg, edu_trace_unreg);

/* A connection goes from one state to another; TCP-8. Ports are in host order. */
#define EDU_TCP_STATES                                                                             \
	{ TCP_ESTABLISHED, "ESTABLISHED" }, { TCP_SYN_SENT, "SYN_SENT" },                          \
		{ TCP_SYN_RECV, "SYN_RECV" }, { TCP_FIN_WAIT1, "FIN_WAIT1" },                      \
		{ TCP_FIN_WAIT2, "FIN_WAIT2" }, { TCP_TIME_WAIT, "TIME_WAIT" },                    \
		{ TCP_CLOSE, "CLOSE" }, { TCP_CLOSE_WAIT, "CLOSE_WAIT" },                          \
		{ TCP_LAST_ACK, "LAST_ACK" }, { TCP_LISTEN, "LISTEN" },                            \
	{                                                                                          \
		TCP_CLOSING, "CLOSING"                                                             \
	}

#define EDU_TCP_ENDS_FIELDS                                                                        \
	__field(u32, netns) __array(u8, saddr, 4) __array(u8, daddr, 4) __field(u16, sport)        \
		__field(u16, dport)

#define EDU_TCP_ENDS_ASSIGN                                                                        \
	__entry->netns = en->net->ns.inum;                                                         \
	memcpy(__entry->saddr, &ends->saddr, 4);                                                   \
	memcpy(__entry->daddr, &ends->daddr, 4);                                                   \
	__entry->sport = ntohs((__force __be16)ends->sport);                                       \
	__entry->dport = ntohs((__force __be16)ends->dport)

TRACE_EVENT_FN(
	tcp_state,
	TP_PROTO(const struct edu_net *en, const struct edu_tcp_ends *ends, int from, int to),
	TP_ARGS(en, ends, from, to),
	TP_STRUCT__entry(EDU_TCP_ENDS_FIELDS __field(int, old_state) __field(int, new_state)),
	TP_fast_assign(EDU_TCP_ENDS_ASSIGN; __entry->old_state = from; __entry->new_state = to;),
	TP_printk("netns=%u saddr=%pI4 sport=%u daddr=%pI4 dport=%u old_state=%s new_state=%s",
		  __entry->netns, __entry->saddr, __entry->sport, __entry->daddr, __entry->dport,
		  __print_symbolic(__entry->old_state, EDU_TCP_STATES),
		  __print_symbolic(__entry->new_state, EDU_TCP_STATES)),
	edu_trace_reg, edu_trace_unreg);

/* Octets that were sent once more, and why; TCP-5. */
TRACE_EVENT_FN(tcp_retransmit,
	       TP_PROTO(const struct edu_net *en, const struct edu_tcp_ends *ends, u32 seq, u32 len,
			const char *why),
	       TP_ARGS(en, ends, seq, len, why),
	       TP_STRUCT__entry(EDU_TCP_ENDS_FIELDS __field(u32, seq) __field(u32, len)
					__array(char, why, 8)),
	       TP_fast_assign(EDU_TCP_ENDS_ASSIGN; __entry->seq = seq; __entry->len = len;
			      strscpy(__entry->why, why, sizeof(__entry->why));),
	       TP_printk("netns=%u saddr=%pI4 sport=%u daddr=%pI4 dport=%u seq=%u len=%u why=%s",
			 __entry->netns, __entry->saddr, __entry->sport, __entry->daddr,
			 __entry->dport, __entry->seq, __entry->len, __entry->why),
	       edu_trace_reg, edu_trace_unreg);

/* Congestion control decides; octets and microseconds. */
TRACE_EVENT_FN(
	tcp_cong,
	TP_PROTO(const struct edu_net *en, const struct edu_tcp_ends *ends, const char *what,
		 u32 cwnd, u32 ssthresh, u32 srtt),
	TP_ARGS(en, ends, what, cwnd, ssthresh, srtt),
	TP_STRUCT__entry(EDU_TCP_ENDS_FIELDS __field(u32, cwnd) __field(u32, ssthresh)
				 __field(u32, srtt) __array(char, what, 12)),
	TP_fast_assign(EDU_TCP_ENDS_ASSIGN; __entry->cwnd = cwnd; __entry->ssthresh = ssthresh;
		       __entry->srtt = srtt; strscpy(__entry->what, what, sizeof(__entry->what));),
	TP_printk(
		"netns=%u saddr=%pI4 sport=%u daddr=%pI4 dport=%u what=%s cwnd=%u ssthresh=%u srtt=%u",
		__entry->netns, __entry->saddr, __entry->sport, __entry->daddr, __entry->dport,
		__entry->what, __entry->cwnd, __entry->ssthresh, __entry->srtt),
	edu_trace_reg, edu_trace_unreg);

/* clang-format on */

#endif /* _EDU_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH ./* Kbuild adds this directory to trace.o's search path */
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
