// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket buffers for the core: each operation of the bridge is one step on the kernel's sk_buff.
 *
 * TLK "Socket Buffers"; SKB-1 (head, data, tail, end; len, truesize), SKB-2 (push, pull, put, trim).
 * RFC 1071 for the checksum.
 *
 * The checksum's state travels with the buffer (skb->ip_summed): on the way in a device may have
 * vouched for it (UNNECESSARY), summed the whole packet (COMPLETE), or never computed it because the
 * packet did not leave the machine (PARTIAL); on the way out PARTIAL leaves the work to the device.
 * Every function here that moves the data keeps that state true.
 *
 * Locking: none. Whoever owns the buffer calls; a queue is guarded by its holder's lock.
 */
#include <linux/if_ether.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/checksum.h>
#include <net/dst.h>
#include <net/sock.h>

#include "edu_kernel.h"
#include "kunit/hooks.h"

struct sk_buff *edu_k_skb_alloc(unsigned int headroom, unsigned int size, unsigned int gfp)
{
	struct sk_buff *skb;

	if (edu_test_alloc_fails())
		return NULL;
	skb = alloc_skb(headroom + size, (__force gfp_t)gfp | __GFP_NOWARN);
	if (skb)
		skb_reserve(skb, headroom);
	return skb;
}

void edu_k_skb_consume(struct sk_buff *skb)
{
	consume_skb(skb);
}

void edu_k_skb_drop(struct sk_buff *skb)
{
	kfree_skb_reason(skb, SKB_DROP_REASON_NOT_SPECIFIED);
}

struct sk_buff *edu_k_skb_clone(struct sk_buff *skb, unsigned int gfp)
{
	if (edu_test_alloc_fails())
		return NULL;
	return skb_clone(skb, (__force gfp_t)gfp | __GFP_NOWARN);
}

struct sk_buff *edu_k_skb_copy(const struct sk_buff *skb, unsigned int headroom, unsigned int gfp)
{
	if (edu_test_alloc_fails())
		return NULL;
	return skb_copy_expand(skb, headroom, 0, (__force gfp_t)gfp | __GFP_NOWARN);
}

/* ------------------------------------------------------------------------------------------------
 * Headers and data (SKB-2)
 */

edu_u8 *edu_k_skb_push(struct sk_buff *skb, unsigned int len)
{
	/* The octets in front are about to be written: a sum over the packet no longer holds. */
	if (skb->ip_summed == CHECKSUM_COMPLETE)
		skb->ip_summed = CHECKSUM_NONE;
	return skb_push(skb, len);
}

edu_u8 *edu_k_skb_pull(struct sk_buff *skb, unsigned int len)
{
	const unsigned char *header = skb->data;

	__skb_pull(skb, len);
	skb_postpull_rcsum(skb, header, len);
	return skb->data;
}

edu_u8 *edu_k_skb_put(struct sk_buff *skb, unsigned int len)
{
	return skb_put(skb, len);
}

int edu_k_skb_trim(struct sk_buff *skb, unsigned int len)
{
	return pskb_trim_rcsum(skb, len);
}

int edu_k_skb_may_pull(struct sk_buff *skb, unsigned int len)
{
	return pskb_may_pull(skb, len);
}

int edu_k_skb_cow(struct sk_buff *skb, unsigned int headroom)
{
	if (edu_test_alloc_fails())
		return -ENOMEM;
	return skb_cow(skb, headroom);
}

/* Linux's ip_forward() asks the same of a buffer. The device it came by is forgotten: while the packet
 * waits for ARP that device may go. */
int edu_k_skb_forward(struct sk_buff *skb, unsigned int header_len, unsigned int mtu,
		      unsigned int headroom)
{
	if (unlikely(skb_warn_if_lro(skb)))
		return -EINVAL;
	if (skb_headroom(skb) < headroom || skb_cloned(skb)) {
		if (edu_test_alloc_fails() || skb_cow(skb, headroom))
			return -ENOMEM;
	}
	skb_forward_csum(skb);
	skb_clear_tstamp(skb);
	skb_dst_drop(skb);
	skb->dev = NULL;
	skb_set_transport_header(skb, header_len);
	if (likely(skb->len <= mtu))
		return 0;
	if (!skb_is_gso(skb))
		return EDU_FORWARD_TOO_LARGE;
	return skb_gso_validate_network_len(skb, mtu) ? 0 : EDU_FORWARD_SEGMENTS;
}

int edu_k_skb_copy_bits(const struct sk_buff *skb, unsigned int offset, void *to, unsigned int len)
{
	return skb_copy_bits(skb, offset, to, len);
}

void edu_k_skb_mark_network(struct sk_buff *skb)
{
	skb_reset_network_header(skb);
}

void edu_k_skb_mark_transport(struct sk_buff *skb)
{
	skb_reset_transport_header(skb);
}

edu_u8 *edu_k_skb_network(const struct sk_buff *skb)
{
	return skb_network_header(skb);
}

const edu_u8 *edu_k_skb_link_header(const struct sk_buff *skb, unsigned int *len)
{
	*len = 0;
	if (!skb_mac_header_was_set(skb) || skb->network_header <= skb->mac_header)
		return NULL;
	*len = skb_mac_header_len(skb);
	return skb_mac_header(skb);
}

/* ------------------------------------------------------------------------------------------------
 * Checksums
 */

int edu_k_skb_csum_ok(struct sk_buff *skb, unsigned int len, edu_u32 pseudo_sum)
{
	__wsum pseudo = (__force __wsum)pseudo_sum;

	if (skb_csum_unnecessary(skb))
		return 1;
	/* A device's sum covers all of the packet, so it helps only when all of it is asked for. If it
	 * does not come out right the device is not believed: the octets decide. */
	if (skb->ip_summed != CHECKSUM_COMPLETE || len != skb->len ||
	    csum_fold(csum_add(pseudo, skb->csum))) {
		if (csum_fold(skb_checksum(skb, 0, len, pseudo)))
			return 0;
	}
	if (!skb_shared(skb))
		skb->csum_valid = 1;
	return 1;
}

edu_u32 edu_k_skb_csum(const struct sk_buff *skb, unsigned int offset, unsigned int len)
{
	return (__force edu_u32)skb_checksum(skb, offset, len, 0);
}

void edu_k_skb_csum_offload(struct sk_buff *skb, unsigned int offset)
{
	skb->ip_summed = CHECKSUM_PARTIAL;
	skb->csum_start = skb_headroom(skb);
	skb->csum_offset = offset;
}

void edu_k_skb_csum_done(struct sk_buff *skb)
{
	skb->ip_summed = CHECKSUM_NONE;
	skb->csum_valid = 0;
}

int edu_k_skb_csum_complete(struct sk_buff *skb)
{
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return 0;
	if (edu_test_alloc_fails() || skb_checksum_help(skb))
		return -ENOMEM;
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Fragments (TLK "Data Fragmentation"; IP-4, IP-8)
 */

struct sk_buff *edu_k_skb_cut(struct sk_buff *skb, unsigned int offset, unsigned int len,
			      unsigned int headroom)
{
	struct sk_buff *piece = edu_k_skb_alloc(headroom, len, (__force unsigned int)GFP_ATOMIC);

	if (!piece)
		return NULL;
	if (skb_copy_bits(skb, offset, skb_put(piece, len), len)) {
		kfree_skb(piece);
		return NULL;
	}
	piece->priority = skb->priority;
	piece->mark = skb->mark;
	piece->protocol = skb->protocol;
	piece->pkt_type = skb->pkt_type;
	piece->skb_iif = skb->skb_iif;
	/* A sender is charged for all that waits in its name. */
	if (skb->sk && skb->destructor == sock_wfree)
		skb_set_owner_w(piece, skb->sk);
	return piece;
}

void edu_k_skb_park(struct sk_buff *skb)
{
	/* The device may go while the packet waits; the interface's index stays in skb_iif. */
	skb_dst_drop(skb);
	skb->dev = NULL;
}

/* A fragment's own octets alone: no list behind it, and nothing that a device said of segments. */
static int edu_skb_prepare_join(struct sk_buff *skb)
{
	/* A virtual cable may carry what another host has joined. */
	if (skb_has_frag_list(skb) && skb_linearize(skb))
		return -ENOMEM;
	if (skb_is_gso(skb))
		skb_gso_reset(skb);
	return 0;
}

/* The sums of fragments make one of the whole only if a device has summed each; else the octets
 * decide. Every part but the last is even, so that their sums add up. */
static void edu_skb_join_csum(struct sk_buff *head, const struct sk_buff *part)
{
	if (head->ip_summed == CHECKSUM_COMPLETE && part->ip_summed == CHECKSUM_COMPLETE)
		head->csum = csum_add(head->csum, part->csum);
	else
		head->ip_summed = CHECKSUM_NONE;
}

int edu_k_skb_join(struct sk_buff *head, struct edu_skb_queue *rest)
{
	struct sk_buff **tail;
	struct sk_buff *part;

	if (edu_test_alloc_fails() || skb_unclone(head, GFP_ATOMIC) || edu_skb_prepare_join(head))
		return -ENOMEM;
	for (part = rest->first; part; part = part->next)
		if (edu_skb_prepare_join(part))
			return -ENOMEM;
	tail = &skb_shinfo(head)->frag_list; /* the head's memory may be another now */
	if (head->ip_summed != CHECKSUM_COMPLETE)
		head->ip_summed = CHECKSUM_NONE;
	head->csum_valid = 0;

	while ((part = edu_k_skb_dequeue(rest))) {
		bool stolen;
		int delta;

		edu_skb_join_csum(head, part);
		if (part->dev)
			head->dev = part->dev;
		/* Small ones move into the head's spare room or lend it their pages. */
		if (skb_try_coalesce(head, part, &stolen, &delta)) {
			kfree_skb_partial(part, stolen);
			continue;
		}
		head->len += part->len;
		head->data_len += part->len;
		head->truesize += part->truesize;
		part->prev = NULL;
		part->dev = NULL;
		*tail = part;
		tail = &part->next;
	}
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * Queues of waiting packets
 */

void edu_k_skb_queue_tail(struct edu_skb_queue *queue, struct sk_buff *skb)
{
	skb->next = NULL;
	if (queue->last)
		queue->last->next = skb;
	else
		queue->first = skb;
	queue->last = skb;
	queue->length++;
}

void edu_k_skb_queue_head(struct edu_skb_queue *queue, struct sk_buff *skb)
{
	skb->next = queue->first;
	if (!queue->first)
		queue->last = skb;
	queue->first = skb;
	queue->length++;
}

struct sk_buff *edu_k_skb_dequeue(struct edu_skb_queue *queue)
{
	struct sk_buff *skb = queue->first;

	if (!skb)
		return NULL;
	queue->first = skb->next;
	if (!queue->first)
		queue->last = NULL;
	queue->length--;
	skb_mark_not_on_list(skb);
	return skb;
}

int edu_k_skb_segment(struct sk_buff *skb, struct edu_skb_queue *queue)
{
	netdev_features_t features = NETIF_F_SG;
	struct sk_buff *segments, *segment, *next;

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		features |= NETIF_F_HW_CSUM; /* a checksum left open stays so */
	__skb_push(skb, -skb_mac_offset(skb));
	segments = __skb_gso_segment(skb, features, false);
	if (IS_ERR_OR_NULL(segments)) {
		kfree_skb(skb);
		return -ENOMEM;
	}
	consume_skb(skb);
	skb_list_walk_safe(segments, segment, next) {
		__skb_pull(segment, skb_network_offset(segment));
		edu_k_skb_queue_tail(queue, segment);
	}
	return 0;
}
