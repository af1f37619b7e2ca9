// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core's side of the tracepoints in trace.h (bridge.h "counters and traces").
 *
 * TLK "Socket Buffers"; requirements SKB-1, SKB-2 and the drops' named counters.
 *
 * Locking: edu_k_trace_on counts the tracepoints that somebody listens to. The kernel changes it
 * under its tracepoint mutex; the packet path reads it without a lock and may be one packet late.
 */
#include <linux/module.h>

#include "edu_kernel.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

int edu_k_trace_on;

int edu_trace_reg(void)
{
	WRITE_ONCE(edu_k_trace_on, edu_k_trace_on + 1);
	return 0;
}

void edu_trace_unreg(void)
{
	WRITE_ONCE(edu_k_trace_on, edu_k_trace_on - 1);
}

void edu_k_trace_skb(struct edu_net *en, enum edu_trace_point point, const struct sk_buff *skb)
{
	switch (point) {
#define EDU_TRACE_CASE(name)                                                                       \
	case EDU_TRACE_##name:                                                                     \
		trace_##name(en, skb);                                                             \
		break;
		EDU_TRACE_POINTS(EDU_TRACE_CASE)
#undef EDU_TRACE_CASE
	case EDU_TRACE_POINT_COUNT:
		break;
	}
}

void edu_k_trace_drop(struct edu_net *en, enum edu_counter reason, const struct sk_buff *skb)
{
	trace_edu_drop(en, reason, skb);
}

void edu_k_trace_route(struct edu_net *en, const char *from, edu_be32 destination, edu_be32 gateway,
		       int ifindex)
{
	trace_edu_route(en, from, (__force __be32)destination, (__force __be32)gateway, ifindex);
}

void edu_k_trace_arp(struct edu_net *en, const char *what, edu_be32 ip,
		     const edu_u8 *hardware_address)
{
	static const u8 unknown[6];

	trace_edu_arp(en, what, (__force __be32)ip, hardware_address ?: unknown);
}
