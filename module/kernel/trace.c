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
#include <linux/netdevice.h>
#include <net/sock.h>

#include "edu_kernel.h"

/* Octets of a packet in an event: link, IP and TCP header with all their options. */
#define EDU_TRACE_OCTETS 192

static u32 edu_trace_first(const struct sk_buff *skb);
static u32 edu_trace_octets(const struct sk_buff *skb);
static u32 edu_trace_inode(const struct sk_buff *skb);
static void edu_trace_dev(char *to, const struct edu_net *en, int ifindex);

#define CREATE_TRACE_POINTS
#include "trace.h"

int edu_k_trace_on;

/* Where the octets shown begin, from head: at the link header that a device has read, else at data. */
static u32 edu_trace_first(const struct sk_buff *skb)
{
	u32 data = skb_headroom(skb);

	if (skb_mac_header_was_set(skb) && skb->mac_header < data &&
	    data - skb->mac_header < EDU_TRACE_OCTETS / 2)
		return skb->mac_header;
	return data;
}

static u32 edu_trace_octets(const struct sk_buff *skb)
{
	return min_t(u32, skb_tail_pointer(skb) - skb->head - edu_trace_first(skb),
		     EDU_TRACE_OCTETS);
}

/* The number of the socket that owns the buffer, as /proc/PID/fd shows it; 0: none. Inodes of sockets
 * are freed by RCU, and sk_socket is cleared before. */
static u32 edu_trace_inode(const struct sk_buff *skb)
{
	const struct sock *sk = skb->sk;
	struct socket *sock;
	u32 inode = 0;

	if (!sk || !sk_fullsock(sk))
		return 0;
	rcu_read_lock();
	sock = READ_ONCE(sk->sk_socket);
	if (sock)
		inode = SOCK_INODE(sock)->i_ino;
	rcu_read_unlock();
	return inode;
}

/* @to has IFNAMSIZ octets; "" when there is no such device any more. */
static void edu_trace_dev(char *to, const struct edu_net *en, int ifindex)
{
	const struct net_device *dev;

	rcu_read_lock();
	dev = ifindex ? dev_get_by_index_rcu(en->net, ifindex) : NULL;
	strscpy(to, dev ? dev->name : "", IFNAMSIZ);
	rcu_read_unlock();
}

int edu_trace_reg(void)
{
	WRITE_ONCE(edu_k_trace_on, edu_k_trace_on + 1);
	return 0;
}

void edu_trace_unreg(void)
{
	WRITE_ONCE(edu_k_trace_on, edu_k_trace_on - 1);
}

void edu_k_trace_skb(struct edu_net *en, enum edu_trace_point point, const struct sk_buff *skb,
		     int ifindex)
{
	if (!ifindex)
		ifindex = skb->skb_iif;
	switch (point) {
#define EDU_TRACE_CASE(name)                                                                       \
	case EDU_TRACE_##name:                                                                     \
		trace_##name(en, skb, ifindex);                                                    \
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

void edu_k_trace_route(struct edu_net *en, const char *from, const char *why, edu_be32 destination,
		       edu_be32 gateway, int ifindex)
{
	trace_edu_route(en, from, why, (__force __be32)destination, (__force __be32)gateway,
			ifindex);
}

void edu_k_trace_arp(struct edu_net *en, const char *what, edu_be32 ip,
		     const edu_u8 *hardware_address)
{
	static const u8 unknown[6];

	trace_edu_arp(en, what, (__force __be32)ip, hardware_address ?: unknown);
}

void edu_k_trace_tcp_state(struct edu_net *en, const struct edu_tcp_ends *ends, int from, int to)
{
	trace_tcp_state(en, ends, from, to);
}

void edu_k_trace_tcp_retransmit(struct edu_net *en, const struct edu_tcp_ends *ends, edu_u32 seq,
				edu_u32 len, const char *why)
{
	trace_tcp_retransmit(en, ends, seq, len, why);
}

void edu_k_trace_tcp_cong(struct edu_net *en, const struct edu_tcp_ends *ends, const char *what,
			  edu_u32 cwnd, edu_u32 ssthresh, edu_u32 srtt_us)
{
	trace_tcp_cong(en, ends, what, cwnd, ssthresh, srtt_us);
}
