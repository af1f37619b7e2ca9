// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's struct sock for streams: the spin lock inside the socket lock, back_log, waiting, the
 * buffers of both directions and their accounting, and trees of segments.
 *
 * TLK "The INET Socket Layer" (users, back_log, receive_queue, write_queue); TCP-10, TCP-12, BSD-5.
 *
 * What waits to be sent, or to be acknowledged, lies in sk_buffs without linear data: room for headers in
 * front, octets in page fragments. What leaves is a clone (fclone), so that both share the octets and a
 * retransmission copies nothing; while a clone still waits in a queue of this machine, another
 * transmission gets headers of its own (pskb_copy). Charges: sk_wmem_queued and sk_forward_alloc for
 * what is queued, sk_wmem_alloc for clones under way, sk_rmem_alloc for what was received.
 *
 * What a segment that was asked for costs beyond the limits is a debt, and so is what a connection needs to go
 * on (a first buffer, a FIN, a cut): sk_forward_alloc is negative until the segment is read or acknowledged, and
 * the next charge pays for it. sendfile()'s pages are sent as they are.
 *
 * Locking: as bridge.h says of each function; sk_forward_alloc is only touched with the socket locked.
 */
#include <linux/filter.h>
#include <linux/rbtree.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/skbuff.h>
#include <linux/socket.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "edu_kernel.h"
#include "kunit/hooks.h"

/* ------------------------------------------------------------------------------------------------
 * Locks
 */

void edu_k_bh_lock_sock(struct sock *sk)
{
	/* A listener's is held around its newborn's, which sk_clone_lock() takes plainly. */
	bh_lock_sock_nested(sk);
}

void edu_k_bh_lock_sock_nested(struct sock *sk)
{
	bh_lock_sock(sk);
}

void edu_k_bh_unlock_sock(struct sock *sk)
{
	bh_unlock_sock(sk);
}

int edu_k_sock_owned(const struct sock *sk)
{
	return sock_owned_by_user_nocheck(sk);
}

int edu_k_sock_add_backlog(struct sock *sk, struct sk_buff *skb)
{
	/* As Linux's TCP: what the window allows may come twice, and ACKs of what was sent. */
	u64 limit = ((u64)READ_ONCE(sk->sk_rcvbuf) << 1) + (READ_ONCE(sk->sk_sndbuf) >> 1) + SZ_64K;

	skb_dst_drop(skb);
	skb->dev = NULL; /* it may go meanwhile */
	return sk_add_backlog(sk, skb, min_t(u64, limit, UINT_MAX)) ? -ENOBUFS : 0;
}

void edu_k_local_bh_disable(void)
{
	local_bh_disable();
}

void edu_k_local_bh_enable(void)
{
	local_bh_enable();
}

void edu_k_assert_sock_locked(const struct sock *sk)
{
	lockdep_assert(lockdep_sock_is_held(sk));
}

/* ------------------------------------------------------------------------------------------------
 * Life
 */

struct sock *edu_k_sock_clone(struct sock *listener, int state)
{
	struct sock *sk;

	if (edu_test_alloc_fails())
		return NULL;
	sk = sk_clone_lock(listener, GFP_ATOMIC | __GFP_NOWARN);
	if (!sk)
		return NULL;
	/* It copies the whole of the listener, and knows of AF_INET's own part only what to undo. */
	memset((u8 *)sk + EDU_SIZEOF_SOCK, 0, sk->sk_prot->obj_size - EDU_SIZEOF_SOCK);
	sk->sk_frag = (struct page_frag){};
	atomic64_set(&sk->sk_cookie, 0);
	sk_set_txhash(sk);
	sk->sk_shutdown = 0;
	WRITE_ONCE(sk->sk_state, state);
	/* One for the listener's queue; the other one that the kernel counts is nobody's here. */
	refcount_set(&sk->sk_refcnt, 1);
	return sk;
}

void edu_k_sock_free_clone(struct sock *sk)
{
	sk_sockets_allocated_dec(sk);
	sk_free_unlock_clone(sk);
}

void edu_k_sock_orphan(struct sock *sk)
{
	sock_orphan(sk);
}

void edu_k_sock_reset(struct sock *sk)
{
	WRITE_ONCE(sk->sk_shutdown, 0);
	skb_queue_purge(&sk->sk_error_queue);
}

/* ------------------------------------------------------------------------------------------------
 * Waiting and waking
 */

/* Whoever makes room looks at these (edu_stream_write_space()). */
static void edu_want_space(struct sock *sk)
{
	sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
	/* Before whoever called looks for room once more. */
	smp_mb__after_atomic();
}

int edu_k_sock_wait(struct sock *sk, int (*ready)(struct sock *sk), edu_u64 *left, unsigned int how)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	long timeo = (long)*left;
	int err = 0;

	/* Also for a call that does not wait: the program may poll for it. */
	if (how & EDU_WAIT_SPACE)
		edu_want_space(sk);
	if (ready(sk))
		return 0;
	if (!timeo)
		return -EAGAIN;
	if (how & EDU_WAIT_EXCLUSIVE)
		add_wait_queue_exclusive(sk_sleep(sk), &wait);
	else
		add_wait_queue(sk_sleep(sk), &wait);
	for (;;) {
		if (how & EDU_WAIT_SPACE)
			edu_want_space(sk);
		if (sk_wait_event(sk, &timeo, ready(sk), &wait))
			break;
		if (signal_pending(current)) {
			err = sock_intr_errno(timeo);
			break;
		}
		if (!timeo) {
			err = -EAGAIN;
			break;
		}
	}
	remove_wait_queue(sk_sleep(sk), &wait);
	*left = timeo;
	return err;
}

int edu_k_stream_wait_memory(struct sock *sk, int (*ready)(struct sock *sk), edu_u64 *left)
{
	/* As long as Linux waits for it: not all who wait shall come back at once. */
	const edu_u64 brief = 2 + get_random_u32() % (HZ / 5);
	const edu_u64 most = min(*left, brief);
	edu_u64 rest = most;
	int err = edu_k_sock_wait(sk, ready, &rest, EDU_WAIT_SPACE);

	if (*left != MAX_SCHEDULE_TIMEOUT)
		*left -= most - rest;
	if (err == -EAGAIN)
		return *left ? 0 : -EAGAIN;
	return err ? sock_intr_errno(*left) : 0;
}

edu_u64 edu_k_sock_timeout(const struct sock *sk, int sending, int nonblock)
{
	return sending ? sock_sndtimeo(sk, nonblock) : sock_rcvtimeo(sk, nonblock);
}

int edu_k_sock_intr_errno(edu_u64 left)
{
	return sock_intr_errno(left);
}

void edu_k_sock_data_ready(struct sock *sk)
{
	sk->sk_data_ready(sk);
}

void edu_k_sock_state_change(struct sock *sk)
{
	sk->sk_state_change(sk);
}

void edu_k_sock_write_space(struct sock *sk)
{
	sk->sk_write_space(sk);
}

void edu_k_sock_urgent(struct sock *sk)
{
	sk_send_sigurg(sk);
}

void edu_k_sock_wake_async(struct sock *sk, int what)
{
	if (what == EDU_WAKE_IN)
		sk_wake_async(sk, SOCK_WAKE_WAITD, POLL_IN);
	else
		sk_wake_async(sk, SOCK_WAKE_IO, POLL_OUT);
}

int edu_k_sock_pending_error(const struct sock *sk)
{
	return READ_ONCE(sk->sk_err);
}

int edu_k_sock_stream_error(struct sock *sk, edu_u32 flags, int error)
{
	return sk_stream_error(sk, flags, error);
}

int edu_k_sock_rcvlowat(const struct sock *sk, int waitall, int len)
{
	return sock_rcvlowat(sk, waitall, len);
}

void edu_k_sock_set_rcvlowat(struct sock *sk, int octets)
{
	WRITE_ONCE(sk->sk_rcvlowat, octets);
}

edu_u64 edu_k_sock_linger(const struct sock *sk)
{
	return READ_ONCE(sk->sk_lingertime);
}

int edu_k_exiting(void)
{
	return edu_test_exiting() || current->flags & PF_EXITING;
}

edu_u32 edu_k_sock_rcvbuf(const struct sock *sk)
{
	return READ_ONCE(sk->sk_rcvbuf);
}

edu_u32 edu_k_sock_sndbuf(const struct sock *sk)
{
	return READ_ONCE(sk->sk_sndbuf);
}

void edu_k_sock_set_rcvbuf(struct sock *sk, edu_u32 octets)
{
	if (!(sk->sk_userlocks & SOCK_RCVBUF_LOCK))
		WRITE_ONCE(sk->sk_rcvbuf, min_t(u32, octets, INT_MAX));
}

void edu_k_sock_set_sndbuf(struct sock *sk, edu_u32 octets)
{
	if (!(sk->sk_userlocks & SOCK_SNDBUF_LOCK))
		WRITE_ONCE(sk->sk_sndbuf, min_t(u32, octets, INT_MAX));
}

int edu_k_stream_pressure(const struct sock *sk)
{
	return edu_test_pressure() || sk_under_memory_pressure(sk);
}

/* ------------------------------------------------------------------------------------------------
 * Received segments
 */

int edu_k_sock_filter(struct sock *sk, struct sk_buff *skb, unsigned int header_len)
{
	return sk_filter_trim_cap(sk, skb, header_len) ? -EPERM : 0;
}

void edu_k_rxq_lock(struct sock *sk)
{
	spin_lock_bh(&sk->sk_receive_queue.lock);
}

void edu_k_rxq_unlock(struct sock *sk)
{
	spin_unlock_bh(&sk->sk_receive_queue.lock);
}

struct sk_buff *edu_k_rxq_first(const struct sock *sk)
{
	return skb_peek(&sk->sk_receive_queue);
}

struct sk_buff *edu_k_rxq_last(const struct sock *sk)
{
	return skb_peek_tail(&sk->sk_receive_queue);
}

struct sk_buff *edu_k_rxq_next(const struct sock *sk, const struct sk_buff *skb)
{
	return skb_peek_next((struct sk_buff *)skb, &sk->sk_receive_queue);
}

void edu_k_rxq_append(struct sock *sk, struct sk_buff *skb)
{
	__skb_queue_tail(&sk->sk_receive_queue, skb);
}

void edu_k_rxq_insert(struct sock *sk, struct sk_buff *after, struct sk_buff *skb)
{
	if (after)
		__skb_queue_after(&sk->sk_receive_queue, after, skb);
	else
		__skb_queue_head(&sk->sk_receive_queue, skb);
}

void edu_k_rxq_unlink(struct sock *sk, struct sk_buff *skb)
{
	__skb_unlink(skb, &sk->sk_receive_queue);
}

int edu_k_stream_charge_rcv(struct sock *sk, struct sk_buff *skb, int force)
{
	if (!force && edu_test_alloc_fails())
		return -ENOMEM;
	/* Forced, it may be a debt. */
	if (!sk_rmem_schedule(sk, skb, skb->truesize) && !force)
		return -ENOMEM;
	skb_set_owner_r(skb, sk);
	return 0;
}

int edu_k_stream_coalesce(struct sock *sk, struct sk_buff *to, struct sk_buff *from)
{
	bool stolen;
	int delta;

	/* What is not charged yet is counted as memory of streams before it is taken. */
	if (from->sk != sk && !sk_rmem_schedule(sk, from, from->truesize))
		return 0;
	if (skb_shared(to) || skb_shared(from) || !skb_try_coalesce(to, from, &stolen, &delta))
		return 0;
	/* from's own charge goes with it, and is the larger one. */
	atomic_add(delta, &sk->sk_rmem_alloc);
	sk_mem_charge(sk, delta);
	kfree_skb_partial(from, stolen);
	return 1;
}

/* ------------------------------------------------------------------------------------------------
 * What is sent
 */

static void edu_stream_charge(struct sock *sk, int octets)
{
	sk_wmem_queued_add(sk, octets);
	sk_mem_charge(sk, octets);
}

/* Memory for streams has room for so much more. */
static bool edu_stream_schedule(struct sock *sk, unsigned int octets)
{
	return !edu_test_stream_full() && sk_wmem_schedule(sk, octets);
}

/* How many of so many octets may be queued. A socket with next to nothing in its queue gets on in any case, as
 * Linux's does: what it has must not wait for what others have. */
static unsigned int edu_stream_allowed(struct sock *sk, unsigned int octets)
{
	int least = sk_get_wmem0(sk, sk->sk_prot) - READ_ONCE(sk->sk_wmem_queued);

	if (edu_stream_schedule(sk, octets))
		return octets;
	return min_t(unsigned int, octets, max(least, 0));
}

struct sk_buff *edu_k_stream_alloc(struct sock *sk, unsigned int headroom, unsigned int gfp,
				   int force)
{
	struct sk_buff *skb;

	if (edu_test_alloc_fails())
		return NULL;
	skb = alloc_skb_fclone(headroom, (__force gfp_t)gfp | __GFP_NOWARN);
	if (!skb)
		return NULL;
	if (!edu_stream_schedule(sk, skb->truesize) && !force) {
		consume_skb(skb);
		return NULL;
	}
	skb_reserve(skb, headroom);
	skb->ip_summed = CHECKSUM_PARTIAL;
	__skb_header_release(skb); /* clones write headers of their own in front */
	edu_stream_charge(sk, skb->truesize);
	return skb;
}

void edu_k_stream_free(struct sock *sk, struct sk_buff *skb)
{
	sk_wmem_queued_add(sk, -(int)skb->truesize);
	sk_mem_uncharge(sk, skb->truesize);
	consume_skb(skb);
}

int edu_k_stream_room(const struct sock *sk)
{
	return READ_ONCE(sk->sk_sndbuf) - READ_ONCE(sk->sk_wmem_queued);
}

edu_u32 edu_k_stream_queued(const struct sock *sk)
{
	return READ_ONCE(sk->sk_wmem_queued);
}

/* Pages that were offered, as they are: octets added, as below. */
static int edu_stream_append_pages(struct sock *sk, struct sk_buff *skb, struct msghdr *msg,
				   unsigned int len)
{
	int taken;

	if (edu_test_alloc_fails())
		return -ENOBUFS;
	len = edu_stream_allowed(sk, len);
	if (!len)
		return -ENOBUFS;
	taken = edu_compat_take_pages(skb, &msg->msg_iter, len, sk->sk_allocation);
	if (taken <= 0)
		return taken;
	/* Their owner may write to them while they are under way. */
	skb_shinfo(skb)->flags |= SKBFL_SHARED_FRAG;
	edu_stream_charge(sk, taken);
	return taken;
}

/* One fragment's worth: octets added, 0 when there is no fragment left, or a negative errno. */
static int edu_stream_append_some(struct sock *sk, struct sk_buff *skb, struct msghdr *msg,
				  unsigned int len)
{
	struct page_frag *page = sk_page_frag(sk);
	int last = skb_shinfo(skb)->nr_frags;
	bool merge;
	int err;

	if (edu_test_alloc_fails() || !sk_page_frag_refill(sk, page))
		return -ENOBUFS;
	merge = skb_can_coalesce(skb, last, page->page, page->offset);
	if (!merge && last >= MAX_SKB_FRAGS)
		return 0;
	len = edu_stream_allowed(sk, min(len, page->size - page->offset));
	if (!len)
		return -ENOBUFS;
	err = skb_copy_to_page_nocache(sk, &msg->msg_iter, skb, page->page, page->offset, len);
	if (err)
		return err;
	if (merge) {
		skb_frag_size_add(&skb_shinfo(skb)->frags[last - 1], len);
	} else {
		skb_fill_page_desc(skb, last, page->page, page->offset, len);
		get_page(page->page);
	}
	page->offset += len;
	return len;
}

int edu_k_stream_append(struct sock *sk, struct sk_buff *skb, struct msghdr *msg, unsigned int len)
{
	unsigned int done = 0;

	while (done < len) {
		int got = msg->msg_flags & EDU_SEND_PAGES ?
				  edu_stream_append_pages(sk, skb, msg, len - done) :
				  edu_stream_append_some(sk, skb, msg, len - done);

		if (got <= 0)
			return done ? done : got;
		done += got;
	}
	return done;
}

/* Its fragments are about to change, and a clone under way needs them as they are. The charge stays. */
static int edu_stream_unclone(struct sk_buff *skb, gfp_t gfp)
{
	unsigned int truesize = skb->truesize;
	int err = skb_cloned(skb) && edu_test_alloc_fails() ? -ENOMEM : skb_unclone(skb, gfp);

	skb->truesize = truesize;
	return err;
}

struct sk_buff *edu_k_stream_split(struct sock *sk, struct sk_buff *skb, unsigned int len,
				   unsigned int gfp)
{
	struct sk_buff *rest;
	unsigned int moved;

	if (edu_stream_unclone(skb, (__force gfp_t)gfp | __GFP_NOWARN))
		return NULL;
	rest = edu_k_stream_alloc(sk, skb_headroom(skb), gfp, 1);
	if (!rest)
		return NULL;
	moved = skb->len - len;
	skb_split(skb, rest, len);
	/* Each has what it holds; together they are charged what they were. */
	rest->truesize += moved;
	skb->truesize -= moved;
	memcpy(rest->cb, skb->cb, sizeof(rest->cb));
	return rest;
}

/* Lets the first len octets of the fragments go. */
static void edu_trim_frags(struct sk_buff *skb, unsigned int len)
{
	struct skb_shared_info *info = skb_shinfo(skb);
	unsigned int i, kept = 0;

	for (i = 0; i < info->nr_frags; i++) {
		unsigned int size = skb_frag_size(&info->frags[i]);

		if (size <= len) {
			skb_frag_unref(skb, i);
			len -= size;
			continue;
		}
		info->frags[kept] = info->frags[i];
		if (len) {
			skb_frag_off_add(&info->frags[kept], len);
			skb_frag_size_sub(&info->frags[kept], len);
			len = 0;
		}
		kept++;
	}
	info->nr_frags = kept;
}

int edu_k_stream_trim_head(struct sock *sk, struct sk_buff *skb, unsigned int len)
{
	if (edu_stream_unclone(skb, GFP_ATOMIC | __GFP_NOWARN))
		return -ENOMEM;
	edu_trim_frags(skb, len);
	skb->len -= len;
	skb->data_len -= len;
	skb->truesize -= len;
	sk_wmem_queued_add(sk, -(int)len);
	sk_mem_uncharge(sk, len);
	return 0;
}

struct sk_buff *edu_k_stream_clone(struct sock *sk, struct sk_buff *skb, unsigned int gfp)
{
	gfp_t flags = (__force gfp_t)gfp | __GFP_NOWARN;
	struct sk_buff *clone;

	if (edu_test_alloc_fails())
		return NULL;
	clone = skb_cloned(skb) ? pskb_copy(skb, flags) : skb_clone(skb, flags);
	if (!clone)
		return NULL;
	clone->dev = NULL; /* the links of a tree lie there */
	skb_shinfo(clone)->gso_size = 0;
	skb_shinfo(clone)->gso_segs = 1;
	skb_shinfo(clone)->gso_type = 0;
	clone->priority = READ_ONCE(sk->sk_priority);
	clone->mark = READ_ONCE(sk->sk_mark);
	skb_set_owner_w(clone, sk);
	return clone;
}

int edu_k_stream_in_flight(const struct sock *sk, const struct sk_buff *skb)
{
	const struct sk_buff_fclones *both = container_of(skb, struct sk_buff_fclones, skb1);

	/* It may be the very buffer that a socket of this machine keeps until it is read, and is then its. */
	return skb->fclone == SKB_FCLONE_ORIG && refcount_read(&both->fclone_ref) > 1 &&
	       READ_ONCE(both->skb2.sk) == sk;
}

struct sk_buff *edu_k_stream_control(struct sock *sk, unsigned int headroom)
{
	struct sk_buff *skb = edu_k_skb_alloc(headroom, 0, (__force unsigned int)GFP_ATOMIC);

	if (skb && sk) {
		skb->priority = READ_ONCE(sk->sk_priority);
		skb->mark = READ_ONCE(sk->sk_mark);
		skb_set_hash_from_sk(skb, sk);
	}
	return skb;
}

unsigned int edu_k_skb_packets(const struct sk_buff *skb, unsigned int *size)
{
	const struct skb_shared_info *info = skb_shinfo(skb);

	*size = info->gso_size;
	if (!info->gso_size)
		return 1;
	/* A guest's device (virtio, tun) leaves the counting to others. */
	return info->gso_segs ?: DIV_ROUND_UP(skb->len, info->gso_size);
}

void edu_k_skb_segmented(struct sk_buff *skb, unsigned int header_len, unsigned int mss)
{
	skb_shinfo(skb)->gso_size = mss;
	skb_shinfo(skb)->gso_segs = DIV_ROUND_UP(skb->len - header_len, mss);
	skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
}

/* ------------------------------------------------------------------------------------------------
 * Trees of segments
 */

static u32 edu_tree_key(const struct sk_buff *skb)
{
	return *(const u32 *)skb->cb;
}

static struct rb_root *edu_tree_root(const struct edu_skb_tree *tree)
{
	BUILD_BUG_ON(sizeof(struct rb_root) != sizeof(tree->root));
	return (struct rb_root *)&tree->root;
}

void edu_k_skb_tree_insert(struct edu_skb_tree *tree, struct sk_buff *skb)
{
	struct rb_root *root = edu_tree_root(tree);
	struct rb_node **link = &root->rb_node, *parent = NULL;

	while (*link) {
		parent = *link;
		if ((s32)(edu_tree_key(skb) - edu_tree_key(rb_to_skb(parent))) < 0)
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&skb->rbnode, parent, link);
	rb_insert_color(&skb->rbnode, root);
	tree->length++;
}

void edu_k_skb_tree_remove(struct edu_skb_tree *tree, struct sk_buff *skb)
{
	rb_erase(&skb->rbnode, edu_tree_root(tree));
	RB_CLEAR_NODE(&skb->rbnode);
	/* The node lay over the links of a list and over skb->dev. */
	skb->next = NULL;
	skb->prev = NULL;
	skb->dev = NULL;
	tree->length--;
}

struct sk_buff *edu_k_skb_tree_first(const struct edu_skb_tree *tree)
{
	return skb_rb_first(edu_tree_root(tree));
}

struct sk_buff *edu_k_skb_tree_last(const struct edu_skb_tree *tree)
{
	return skb_rb_last(edu_tree_root(tree));
}

struct sk_buff *edu_k_skb_tree_next(const struct edu_skb_tree *tree, const struct sk_buff *skb)
{
	return skb_rb_next(skb);
}

struct sk_buff *edu_k_skb_tree_prev(const struct edu_skb_tree *tree, const struct sk_buff *skb)
{
	return skb_rb_prev(skb);
}

struct sk_buff *edu_k_skb_tree_find(const struct edu_skb_tree *tree, edu_u32 seq)
{
	struct rb_node *at = edu_tree_root(tree)->rb_node;
	struct sk_buff *found = NULL;

	while (at) {
		if ((s32)(seq - edu_tree_key(rb_to_skb(at))) < 0) {
			at = at->rb_left;
		} else {
			found = rb_to_skb(at);
			at = at->rb_right;
		}
	}
	return found;
}
