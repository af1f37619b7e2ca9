// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's struct sock for the core: its lock and back_log, its queues and their accounting,
 * the error queue, and the copying between programs and socket buffers.
 *
 * TLK "INET Socket Layer" (the sock's receive_queue, users and back_log); BSD-5, INET-2, UDP-3;
 * RFC 1122 4.1.3.3 (errors reach the application). The layouts are those of ip(7): IP_RECVERR
 * delivers a struct sock_extended_err with the offender's address behind it.
 *
 * Locking: the socket lock belongs to the callers as each function of the bridge says. A queue is
 * guarded by its own spin lock inside the kernel's helpers. sk_drops and the charges are atomic.
 */
#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "edu_kernel.h"
#include "kunit/hooks.h"

/* ------------------------------------------------------------------------------------------------
 * Life, lock and state
 */

void edu_k_lock_sock(struct sock *sk)
{
	lock_sock(sk);
}

void edu_k_release_sock(struct sock *sk)
{
	release_sock(sk);
}

void edu_k_sock_hold(struct sock *sk)
{
	sock_hold(sk);
}

void edu_k_sock_put(struct sock *sk)
{
	sock_put(sk);
}

void edu_k_sock_set_state(struct sock *sk, int state)
{
	/* Read without the lock by look-ups and by /proc. */
	WRITE_ONCE(sk->sk_state, state);
}

void edu_k_sock_shutdown(struct sock *sk, int bits)
{
	/* Polled and slept on without the lock; never cleared, so no other bit is lost. */
	WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | bits);
	sk->sk_state_change(sk);
}

int edu_k_sock_capable(const struct sock *sk, int capability)
{
	return ns_capable(sock_net(sk)->user_ns, capability);
}

edu_u32 edu_k_sock_uid(const struct sock *sk)
{
	return from_kuid_munged(sock_net(sk)->user_ns, sk->sk_uid);
}

edu_u32 edu_k_sock_flags(const struct sock *sk)
{
	return (sk->sk_reuse ? EDU_SOCK_REUSEADDR : 0) |
	       (sk->sk_reuseport ? EDU_SOCK_REUSEPORT : 0) |
	       (sock_flag(sk, SOCK_BROADCAST) ? EDU_SOCK_BROADCAST : 0) |
	       (sock_flag(sk, SOCK_LOCALROUTE) ? EDU_SOCK_DONTROUTE : 0) |
	       (sock_flag(sk, SOCK_KEEPOPEN) ? EDU_SOCK_KEEPALIVE : 0) |
	       (sock_flag(sk, SOCK_LINGER) ? EDU_SOCK_LINGER : 0) |
	       (sock_flag(sk, SOCK_URGINLINE) ? EDU_SOCK_URGINLINE : 0) |
	       (sock_flag(sk, SOCK_DEAD) ? EDU_SOCK_DEAD : 0) |
	       (sk->sk_userlocks & SOCK_RCVBUF_LOCK ? EDU_SOCK_RCVBUF_LOCK : 0) |
	       (sk->sk_userlocks & SOCK_SNDBUF_LOCK ? EDU_SOCK_SNDBUF_LOCK : 0);
}

void edu_k_sock_report(struct sock *sk, int error)
{
	WRITE_ONCE(sk->sk_err, error);
	/* A closing socket has no program left to wake. */
	if (!sock_flag(sk, SOCK_DEAD))
		sk_error_report(sk);
}

int edu_k_sock_error(struct sock *sk)
{
	return sock_error(sk);
}

edu_u32 edu_k_sock_rmem(const struct sock *sk)
{
	return sk_rmem_alloc_get(sk);
}

edu_u32 edu_k_sock_wmem(const struct sock *sk)
{
	return sk_wmem_alloc_get(sk);
}

edu_u64 edu_k_sock_inode(const struct sock *sk)
{
	/* sock_i_ino() takes sk_callback_lock, which is ordered before none of ours. */
	return sock_i_ino((struct sock *)sk);
}

edu_u32 edu_k_sock_references(const struct sock *sk)
{
	return refcount_read(&sk->sk_refcnt);
}

void edu_k_sock_unbind_device(struct sock *sk)
{
	/* Read without the lock by look-ups and senders. */
	WRITE_ONCE(sk->sk_bound_dev_if, 0);
}

void edu_k_sock_set_priority(struct sock *sk, edu_u32 priority)
{
	/* Read without the lock by senders. */
	WRITE_ONCE(sk->sk_priority, priority);
}

unsigned int edu_k_sock_first_len(struct sock *sk)
{
	struct sk_buff *skb;
	unsigned int len = 0;

	spin_lock_bh(&sk->sk_receive_queue.lock);
	skb = skb_peek(&sk->sk_receive_queue);
	if (skb)
		len = skb->len;
	spin_unlock_bh(&sk->sk_receive_queue.lock);
	return len;
}

/* ------------------------------------------------------------------------------------------------
 * Packets in
 */

/*
 * A filter of a datagram socket sees the transport header, as on AF_INET, although the core queues
 * the packet with its data at the payload. Returns how many octets were uncovered.
 */
static unsigned int edu_filter_uncover(struct sk_buff *skb)
{
	int offset = skb_transport_header_was_set(skb) ? skb_transport_offset(skb) : 0;

	if (offset >= 0)
		return 0;
	__skb_push(skb, -offset);
	return -offset;
}

int edu_k_sock_queue(struct sock *sk, struct sk_buff *skb)
{
	unsigned int covered = 0;
	int err;

	BUILD_BUG_ON(EDU_SKB_CB_SIZE > SOCK_SKB_CB_OFFSET);

	if (rcu_access_pointer(sk->sk_filter))
		covered = edu_filter_uncover(skb);
	err = sk_filter_trim_cap(sk, skb, max(covered, 1U));
	__skb_pull(skb, covered);
	if (err) {
		/* Out of reserve memory the filter is not even asked (-ENOMEM). */
		atomic_inc(&sk->sk_drops);
		return err == -ENOMEM ? -ENOBUFS : -EPERM;
	}
	return __sock_queue_rcv_skb(sk, skb);
}

struct sk_buff *edu_k_sock_dequeue(struct sock *sk, edu_u32 flags, int *error)
{
	return skb_recv_datagram(sk, flags, error);
}

void edu_k_sock_done(struct sock *sk, struct sk_buff *skb)
{
	skb_free_datagram(sk, skb);
}

/* ------------------------------------------------------------------------------------------------
 * The error queue
 */

/*
 * The kernel's own part of an error lies behind a header that it leaves to the family; here it holds
 * the addresses of the report (network byte order) and what the ICMP message's own header said.
 */
struct edu_error_cb {
	__be32 destination; /* where the packet that failed was going */
	__be32 offender;    /* who sent the ICMP error; 0: this host */
	__be32 received_by; /* and where to; these of its IP header */
	int ifindex;
	u8 ttl, tos, header_len;
};

static struct edu_error_cb *edu_error_cb(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct edu_error_cb) > sizeof(SKB_EXT_ERR(skb)->header));
	BUILD_BUG_ON(sizeof(struct sock_exterr_skb) > sizeof(skb->cb));
	return (struct edu_error_cb *)&SKB_EXT_ERR(skb)->header;
}

int edu_k_sock_queue_error(struct sock *sk, struct sk_buff *skb, const struct edu_sock_error *error)
{
	struct sock_exterr_skb *report = SKB_EXT_ERR(skb);
	int err;

	memset(report, 0, sizeof(*report));
	report->ee.ee_errno = error->error;
	report->ee.ee_origin = error->origin;
	report->ee.ee_type = error->type;
	report->ee.ee_code = error->code;
	report->ee.ee_info = error->info;
	report->port = (__force __be16)error->port;
	*edu_error_cb(skb) = (struct edu_error_cb){
		.destination = (__force __be32)error->destination,
		.offender = (__force __be32)error->offender,
		.received_by = (__force __be32)error->received_by,
		.ifindex = error->ifindex,
		.ttl = error->ttl,
		.tos = error->tos,
		.header_len = error->header_len,
	};

	skb->dev = NULL;
	err = sock_queue_err_skb(sk, skb);
	if (err)
		kfree_skb(skb);
	return err;
}

void edu_k_sock_purge_errors(struct sock *sk)
{
	skb_queue_purge(&sk->sk_error_queue);
}

/* What IP_RECVERR delivers: the report, and the offender behind it (SO_EE_OFFENDER). */
struct edu_error_report {
	struct sock_extended_err ee;
	struct sockaddr_edu offender;
};

static void edu_put_error(struct msghdr *msg, struct sk_buff *skb)
{
	struct edu_error_report report = { .ee = SKB_EXT_ERR(skb)->ee };

	if (report.ee.ee_origin == SO_EE_ORIGIN_ICMP) {
		report.offender.sedu_family = edu_family;
		report.offender.sedu_addr = edu_error_cb(skb)->offender;
	}
	put_cmsg(msg, SOL_IP, IP_RECVERR, sizeof(report), &report);
}

/* What the program has asked to be told of received packets, about the ICMP message. It overwrites
 * skb->cb, so it comes last. */
static void edu_put_error_cmsgs(struct sock *sk, struct msghdr *msg, struct sk_buff *skb)
{
	const struct edu_error_cb *cb = edu_error_cb(skb);
	const struct edu_sock_error error = {
		.origin = SKB_EXT_ERR(skb)->ee.ee_origin,
		.offender = (__force edu_be32)cb->offender,
		.received_by = (__force edu_be32)cb->received_by,
		.ifindex = cb->ifindex,
		.ttl = cb->ttl,
		.tos = cb->tos,
		.header_len = cb->header_len,
	};

	if (error.origin == SO_EE_ORIGIN_ICMP)
		edu_core_error_cmsgs(sk, msg, skb, &error);
}

int edu_k_sock_recv_error(struct sock *sk, struct msghdr *msg, unsigned int len)
{
	struct sk_buff *skb = sock_dequeue_err_skb(sk);
	unsigned int copied;
	int err;

	if (!skb)
		return -EAGAIN;
	copied = min(skb->len, len);
	if (copied < skb->len)
		edu_k_msg_or_flags(msg, MSG_TRUNC);
	err = skb_copy_datagram_msg(skb, 0, msg, copied);
	if (err) {
		kfree_skb(skb);
		return err;
	}
	sock_recv_timestamp(msg, sk, skb);
	edu_k_msg_set_name(msg, (__force edu_be32)edu_error_cb(skb)->destination,
			   (__force edu_be16)SKB_EXT_ERR(skb)->port);
	edu_put_error(msg, skb);
	edu_put_error_cmsgs(sk, msg, skb);
	edu_k_msg_or_flags(msg, MSG_ERRQUEUE);
	consume_skb(skb);
	return copied;
}

/* ------------------------------------------------------------------------------------------------
 * Messages out
 */

/* Up to this many octets lie in one piece: a page and the room that kmalloc's next size gives. */
#define EDU_LINEAR_MAX (2 * PAGE_SIZE - SKB_DATA_ALIGN(sizeof(struct skb_shared_info)))

static int edu_copy_from_msg(struct msghdr *msg, void *to, unsigned int len, __wsum *csum)
{
	bool copied = csum ? csum_and_copy_from_iter_full(to, len, csum, &msg->msg_iter) :
			     copy_from_iter_full(to, len, &msg->msg_iter);

	return copied ? 0 : -EFAULT;
}

/* Copies into the page fragments behind the linear part, `offset` octets of data into the packet. */
static int edu_copy_to_frags(struct sk_buff *skb, struct msghdr *msg, unsigned int offset,
			     __wsum *csum)
{
	unsigned int i;

	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		unsigned int len = skb_frag_size(frag);
		__wsum part = 0;
		int err;

		/* Never high memory: sk_allocation is GFP_KERNEL. */
		err = edu_copy_from_msg(msg, skb_frag_address(frag), len, csum ? &part : NULL);
		if (err)
			return err;
		if (csum)
			*csum = csum_block_add(*csum, part, offset);
		offset += len;
	}
	return 0;
}

struct sk_buff *edu_k_msg_to_skb(struct sock *sk, struct msghdr *msg, unsigned int headroom,
				 unsigned int len, edu_u32 flags, edu_u32 *csum, int *error)
{
	unsigned int linear = headroom + len <= EDU_LINEAR_MAX ? len : 0;
	__wsum sum = 0;
	struct sk_buff *skb;

	if (edu_test_alloc_fails()) {
		*error = -ENOBUFS;
		return NULL;
	}
	skb = sock_alloc_send_pskb(sk, headroom + linear, len - linear, flags & MSG_DONTWAIT, error,
				   PAGE_ALLOC_COSTLY_ORDER);
	if (!skb)
		return NULL;
	skb_reserve(skb, headroom);

	if (linear) {
		*error = edu_copy_from_msg(msg, skb_put(skb, linear), linear, csum ? &sum : NULL);
	} else {
		/* alloc_skb_with_frags() has made the fragments and counted their octets not yet. */
		skb->data_len = len;
		skb->len = len;
		*error = edu_copy_to_frags(skb, msg, 0, csum ? &sum : NULL);
	}
	if (*error) {
		kfree_skb(skb);
		return NULL;
	}
	if (csum)
		*csum = (__force edu_u32)sum;
	skb->priority = READ_ONCE(sk->sk_priority);
	skb->mark = READ_ONCE(sk->sk_mark);
	return skb;
}

/* Room for more data behind the packet, in the socket's page: how much of `wanted`, and where. */
static void *edu_frag_room(struct sk_buff *skb, struct page_frag *page, unsigned int wanted,
			   unsigned int *room)
{
	int last = skb_shinfo(skb)->nr_frags;

	if (!skb_page_frag_refill(32U, page, GFP_KERNEL))
		return NULL;
	*room = min(wanted, page->size - page->offset);
	if (skb_can_coalesce(skb, last, page->page, page->offset))
		return page_address(page->page) + page->offset;
	if (last == MAX_SKB_FRAGS)
		return NULL;
	get_page(page->page);
	skb_fill_page_desc(skb, last, page->page, page->offset, 0);
	return page_address(page->page) + page->offset;
}

int edu_k_msg_append(struct sock *sk, struct sk_buff *skb, struct msghdr *msg, unsigned int len)
{
	struct page_frag *page = &sk->sk_frag; /* the socket is locked: nobody else's */
	unsigned int room;

	while (len) {
		void *to = edu_test_alloc_fails() ? NULL : edu_frag_room(skb, page, len, &room);

		if (!to)
			return -ENOBUFS;
		if (!copy_from_iter_full(to, room, &msg->msg_iter))
			return -EFAULT;
		skb_frag_size_add(&skb_shinfo(skb)->frags[skb_shinfo(skb)->nr_frags - 1], room);
		page->offset += room;
		skb->len += room;
		skb->data_len += room;
		skb->truesize += room;
		refcount_add(room, &sk->sk_wmem_alloc);
		len -= room;
	}
	return 0;
}

int edu_k_msg_read(struct msghdr *msg, void *to, unsigned int len)
{
	return edu_copy_from_msg(msg, to, len, NULL);
}

/* ------------------------------------------------------------------------------------------------
 * Messages in
 */

int edu_k_msg_write_skb(struct msghdr *msg, const struct sk_buff *skb, unsigned int offset,
			unsigned int len)
{
	return skb_copy_datagram_msg(skb, offset, msg, len);
}

int edu_k_msg_write(struct msghdr *msg, const void *from, unsigned int len)
{
	return copy_to_iter(from, len, &msg->msg_iter) == len ? 0 : -EFAULT;
}

void edu_k_msg_set_name(struct msghdr *msg, edu_be32 address, edu_be16 port)
{
	struct sockaddr_edu *name = msg->msg_name;

	if (!name)
		return;
	*name = (struct sockaddr_edu){
		.sedu_family = edu_family,
		.sedu_port = (__force __be16)port,
		.sedu_addr = (__force __be32)address,
	};
	msg->msg_namelen = sizeof(*name);
}

void edu_k_msg_set_frame(struct msghdr *msg, const struct edu_frame *frame)
{
	BUILD_BUG_ON(sizeof(*frame) != sizeof(struct sockaddr_pkt));
	if (!msg->msg_name)
		return;
	memcpy(msg->msg_name, frame, sizeof(*frame));
	msg->msg_namelen = sizeof(*frame);
}

void edu_k_msg_or_flags(struct msghdr *msg, edu_u32 flags)
{
	msg->msg_flags |= flags;
}

void edu_k_msg_put_cmsg(struct msghdr *msg, int level, int type, const void *data, unsigned int len)
{
	put_cmsg(msg, level, type, len, (void *)data);
}

void edu_k_msg_put_socket_cmsgs(struct sock *sk, struct msghdr *msg, struct sk_buff *skb)
{
	sock_recv_cmsgs(msg, sk, skb);
}
