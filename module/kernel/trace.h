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

#include "edu_kernel.h"

#ifndef _EDU_TRACE_REG
#define _EDU_TRACE_REG
int edu_trace_reg(void);
void edu_trace_unreg(void);
#endif

/* clang-format off: it cannot lay out these macros. */

/* A packet at a layer boundary. data, tail and end are octets from head; ifindex is the device it
 * came in by, 0 for one of our own. */
DECLARE_EVENT_CLASS(
	edu_skb, TP_PROTO(const struct edu_net *en, const struct sk_buff *skb), TP_ARGS(en, skb),
	TP_STRUCT__entry(__field(const void *, skb) __field(const void *, head) __field(u32, netns)
				 __field(int, ifindex) __field(u32, data) __field(u32, tail)
					 __field(u32, end) __field(u32, len)
						 __field(u32, truesize)),
	TP_fast_assign(__entry->skb = skb; __entry->head = skb->head;
		       __entry->netns = en->net->ns.inum; __entry->ifindex = skb->skb_iif;
		       __entry->data = skb->data - skb->head;
		       __entry->tail = skb_tail_pointer(skb) - skb->head;
		       __entry->end = skb_end_pointer(skb) - skb->head; __entry->len = skb->len;
		       __entry->truesize = skb->truesize;),
	TP_printk("netns=%u ifindex=%d skb=%p head=%p data=+%u tail=+%u end=+%u len=%u truesize=%u",
		  __entry->netns, __entry->ifindex, __entry->skb, __entry->head, __entry->data,
		  __entry->tail, __entry->end, __entry->len, __entry->truesize));

#define EDU_DEFINE_SKB_EVENT(name)                                                                 \
	DEFINE_EVENT_FN(edu_skb, name,                                                             \
			TP_PROTO(const struct edu_net *en, const struct sk_buff *skb),             \
			TP_ARGS(en, skb), edu_trace_reg, edu_trace_unreg)

EDU_DEFINE_SKB_EVENT(sock_send);
EDU_DEFINE_SKB_EVENT(udp_send);
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

/* A routing decision. */
TRACE_EVENT_FN(edu_route,
	       TP_PROTO(const struct edu_net *en, const char *from, __be32 destination,
			__be32 gateway, int ifindex),
	       TP_ARGS(en, from, destination, gateway, ifindex),
	       TP_STRUCT__entry(__field(u32, netns) __field(int, ifindex)
					__array(u8, destination, 4) __array(u8, gateway, 4)
						__array(char, from, 8)),
	       TP_fast_assign(__entry->netns = en->net->ns.inum; __entry->ifindex = ifindex;
			      memcpy(__entry->destination, &destination, 4);
			      memcpy(__entry->gateway, &gateway, 4);
			      strscpy(__entry->from, from, sizeof(__entry->from));),
	       TP_printk("netns=%u destination=%pI4 gateway=%pI4 ifindex=%d from=%s",
			 __entry->netns, __entry->destination, __entry->gateway, __entry->ifindex,
			 __entry->from),
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

/* clang-format on */

#endif /* _EDU_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH ./* Kbuild adds this directory to trace.o's search path */
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
