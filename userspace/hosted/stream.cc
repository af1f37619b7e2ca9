// SPDX-License-Identifier: GPL-2.0-only
/*
 * The home's side of streams (TLK "The INET Socket Layer": users, back_log, the two queues): the spin
 * lock inside the socket lock, waiting and waking, the buffers of both directions.
 *
 * What a kernel would have to be careful about is checked. The spin lock is taken with softirqs off, not
 * twice, and nothing sleeps under it; a sleeper whose wish comes true must also be woken, for in a
 * kernel it would sleep on; every octet that is charged is given back; a buffer is in one place at a
 * time. The data of a stream lies in page fragments, never in the linear part, so code that looks at
 * it without edu_k_skb_copy_bits() is found out. By the seed, fragments are used up sooner than one
 * thinks, and buffers cannot be put together.
 *
 * Requirements: SKB-1, SKB-2, TCP-10, TCP-12. Locking: none, a single thread.
 */
#include "home.hh"

#include <algorithm>
#include <cstring>

namespace hosted {
namespace {

constexpr int eagain = -11, enomem = -12, efault = -14, epipe = -32, enobufs = -105;
/* Octets in the fragments of one buffer, as in a kernel whose pages are small. */
constexpr std::uint32_t fragments_most = 17 * EDU_PAGE_SIZE;
/* What a socket may queue when others have used up all memory. */
constexpr std::uint32_t least_queued = EDU_PAGE_SIZE;
/* Longer than any timer of TCP that gives up by itself: who waits longer waits for ever. */
constexpr edu_u64 patience = 4 * 3600 * edu_u64{1000000000}; /* ns */

bool pressure; /* the machine is short of memory */
bool full;     /* … and has none left for streams */
bool exiting;  /* the process ends */

bool is_locked(const struct sock *sk)
{
	/* A softirq that has interrupted the owner has not got the socket. */
	return is_held(&sk->lock) || (sk->owned && !in_softirq());
}

void assert_locked(const struct sock *sk, const char *what)
{
	if (!is_locked(sk))
		fault("%s: the socket is not locked", what);
}

void assert_queue_locked(const struct sock *sk, const char *what)
{
	if (!is_held(&sk->rxq_lock))
		assert_locked(sk, what);
}

/* A rare event that a kernel may bring at any time; never with seed 0. */
bool bad_luck()
{
	return preempts() && happens(100);
}

void charge_stream(struct sock *sk, sk_buff *skb, std::uint32_t octets)
{
	skb->truesize += octets;
	sk->wmem_queued += octets;
}

void uncharge_stream(struct sock *sk, sk_buff *skb, std::uint32_t octets)
{
	if (skb->stream != sk || skb->truesize < octets || sk->wmem_queued < octets)
		return fault("a stream's buffer gives back what it was not charged for");
	skb->truesize -= octets;
	sk->wmem_queued -= octets;
}

void put_behind(sk_buff *skb, const std::uint8_t *from, std::uint32_t len)
{
	skb->store->frag.resize(skb->data_len); /* what was trimmed off is gone */
	skb->store->frag.insert(skb->store->frag.end(), from, from + len);
	skb->data_len += len;
	skb->len += len;
}

} // namespace

void set_stream_pressure(bool yes)
{
	pressure = yes;
}

void set_stream_full(bool yes)
{
	full = yes;
}

void set_exiting(bool yes)
{
	exiting = yes;
}

} // namespace hosted

using namespace hosted;

extern "C" {

/*
 * Locks
 */

void edu_k_bh_lock_sock(struct sock *sk)
{
	if (!bh_is_off())
		fault("a socket's spin lock taken with softirqs on");
	home_lock_take(&sk->lock, home_lock::sock);
}

void edu_k_bh_lock_sock_nested(struct sock *sk)
{
	if (!bh_is_off())
		fault("a socket's spin lock taken with softirqs on");
	home_lock_take(&sk->lock, home_lock::sock_nested);
}

void edu_k_bh_unlock_sock(struct sock *sk)
{
	home_lock_release(&sk->lock);
}

int edu_k_sock_owned(const struct sock *sk)
{
	if (!is_held(&sk->lock))
		fault("edu_k_sock_owned(): without the spin lock it may change at once");
	return sk->owned;
}

int edu_k_sock_add_backlog(struct sock *sk, struct sk_buff *skb)
{
	constexpr std::uint32_t acks = 64 * 1024; /* room for them besides both buffers */

	if (!sk->owned || !is_held(&sk->lock))
		fault("edu_k_sock_add_backlog(): no program has the socket, or it is not locked");
	if (sk->backlog_len > sk->rcvbuf + sk->sndbuf + acks)
		return enobufs;
	sk->backlog_len += skb->truesize;
	edu_k_skb_queue_tail(&sk->back_log, skb);
	return 0;
}

void edu_k_assert_sock_locked(const struct sock *sk)
{
	assert_locked(sk, "edu_k_assert_sock_locked()");
}

/*
 * Life
 */

struct sock *edu_k_sock_clone(struct sock *listener, int state)
{
	struct sock *sk = sock_new(listener->host, listener->core_size);

	assert_locked(listener, "edu_k_sock_clone()");
	if (!bh_is_off())
		fault("edu_k_sock_clone(): a socket's spin lock taken with softirqs on");
	if (!sk)
		return nullptr;
	sk->state = static_cast<std::uint8_t>(state);
	sk->bound_dev_if = listener->bound_dev_if;
	sk->flags = listener->flags & ~EDU_SOCK_DEAD;
	sk->rcvbuf = listener->rcvbuf;
	sk->sndbuf = listener->sndbuf;
	sk->rcvlowat = listener->rcvlowat;
	sk->linger = listener->linger;
	sk->rcvtimeo = listener->rcvtimeo;
	sk->sndtimeo = listener->sndtimeo;
	sk->uid = listener->uid;
	sk->inode = 0;
	sk->constructed = true; /* the caller does it at once, or says edu_k_sock_free_clone() */
	home_lock_take(&sk->lock, home_lock::sock_nested);
	return sk;
}

void edu_k_sock_free_clone(struct sock *sk)
{
	sk->constructed = false;
	home_lock_release(&sk->lock);
	edu_k_sock_put(sk);
}

void edu_k_sock_orphan(struct sock *sk)
{
	assert_locked(sk, "edu_k_sock_orphan()");
	sk->flags |= EDU_SOCK_DEAD;
	sk->inode = 0;
}

void edu_k_sock_reset(struct sock *sk)
{
	assert_locked(sk, "edu_k_sock_reset()");
	sk->shutdown = 0;
	edu_k_sock_purge_errors(sk);
}

/*
 * Waiting and waking
 */

int edu_k_sock_wait(struct sock *sk, int (*ready)(struct sock *sk), edu_u64 *left, unsigned int how)
{
	const edu_u64 begun = edu_k_now_ns();

	if (!sk->owned)
		fault("edu_k_sock_wait(): the socket is not locked");
	if (how & EDU_WAIT_SPACE)
		sk->wants_space = true;
	if (ready(sk))
		return 0;
	if (!*left)
		return eagain;
	const bool endless = *left == for_ever;
	const std::uint32_t wakes = sk->wakes;

	edu_k_release_sock(sk);
	const bool got =
		sleep_until(begun + (endless ? patience : *left), [=] { return ready(sk) != 0; });

	if (got && sk->wakes == wakes)
		fault("what a sleeper waits for has come, and nobody has woken it");
	edu_k_lock_sock(sk);
	const edu_u64 took = edu_k_now_ns() - begun;

	if (!endless)
		*left = took < *left ? *left - took : 0;
	return got ? 0 : eagain;
}

int edu_k_stream_wait_memory(struct sock *sk, int (*ready)(struct sock *sk), edu_u64 *left)
{
	constexpr edu_u64 brief = 20000000; /* ns */
	const edu_u64 most = std::min(*left, brief);
	edu_u64 rest = most;
	const int error = edu_k_sock_wait(sk, ready, &rest, EDU_WAIT_SPACE);

	if (*left != for_ever)
		*left -= most - rest;
	return error == eagain && *left ? 0 : error;
}

edu_u64 edu_k_sock_timeout(const struct sock *sk, int sending, int nonblock)
{
	if (nonblock)
		return 0;
	return sending ? sk->sndtimeo : sk->rcvtimeo;
}

int edu_k_sock_intr_errno(edu_u64 left)
{
	constexpr int erestartsys = -512, eintr = -4;

	return left == for_ever ? erestartsys : eintr;
}

void edu_k_sock_data_ready(struct sock *sk)
{
	wake(sk);
}

void edu_k_sock_state_change(struct sock *sk)
{
	wake(sk);
}

void edu_k_sock_write_space(struct sock *sk)
{
	if (!sk->wants_space || !(edu_core_poll(sk) & EDU_POLLOUT))
		return;
	sk->wants_space = false;
	wake(sk);
}

void edu_k_sock_urgent(struct sock *) {}

void edu_k_sock_wake_async(struct sock *, int) {}

int edu_k_sock_pending_error(const struct sock *sk)
{
	return sk->err;
}

int edu_k_sock_stream_error(struct sock *sk, edu_u32, int error)
{
	if (error != epipe)
		return error;
	const int pending = edu_k_sock_error(sk);

	return pending ? pending : error;
}

/*
 * What the program has set
 */

int edu_k_sock_rcvlowat(const struct sock *sk, int waitall, int len)
{
	const int wanted = waitall ? len : std::min(sk->rcvlowat, len);

	return wanted ? wanted : 1;
}

void edu_k_sock_set_rcvlowat(struct sock *sk, int octets)
{
	assert_locked(sk, "edu_k_sock_set_rcvlowat()");
	sk->rcvlowat = octets;
}

edu_u64 edu_k_sock_linger(const struct sock *sk)
{
	return static_cast<edu_u64>(sk->linger) * 1000000000;
}

int edu_k_exiting()
{
	return exiting;
}

edu_u32 edu_k_sock_rcvbuf(const struct sock *sk)
{
	return sk->rcvbuf;
}

edu_u32 edu_k_sock_sndbuf(const struct sock *sk)
{
	return sk->sndbuf;
}

void edu_k_sock_set_rcvbuf(struct sock *sk, edu_u32 octets)
{
	if (!(sk->flags & EDU_SOCK_RCVBUF_LOCK))
		sk->rcvbuf = octets;
}

void edu_k_sock_set_sndbuf(struct sock *sk, edu_u32 octets)
{
	if (!(sk->flags & EDU_SOCK_SNDBUF_LOCK))
		sk->sndbuf = octets;
}

int edu_k_stream_pressure(const struct sock *)
{
	return pressure;
}

/*
 * What was received
 */

int edu_k_sock_filter(struct sock *, struct sk_buff *, unsigned int)
{
	return 0;
}

void edu_k_rxq_lock(struct sock *sk)
{
	home_lock_take(&sk->rxq_lock, home_lock::rxq);
}

void edu_k_rxq_unlock(struct sock *sk)
{
	home_lock_release(&sk->rxq_lock);
}

struct sk_buff *edu_k_rxq_first(const struct sock *sk)
{
	assert_queue_locked(sk, "edu_k_rxq_first()");
	return sk->receive_queue.first;
}

struct sk_buff *edu_k_rxq_last(const struct sock *sk)
{
	assert_queue_locked(sk, "edu_k_rxq_last()");
	return sk->receive_queue.last;
}

struct sk_buff *edu_k_rxq_next(const struct sock *, const struct sk_buff *skb)
{
	return skb->next;
}

void edu_k_rxq_append(struct sock *sk, struct sk_buff *skb)
{
	assert_queue_locked(sk, "edu_k_rxq_append()");
	edu_k_skb_queue_tail(&sk->receive_queue, skb);
}

void edu_k_rxq_insert(struct sock *sk, struct sk_buff *after, struct sk_buff *skb)
{
	edu_skb_queue &queue = sk->receive_queue;
	sk_buff *&link = after ? after->next : queue.first;

	assert_queue_locked(sk, "edu_k_rxq_insert()");
	if (skb->next || skb->tree || queue.last == skb)
		fault("an sk_buff put on two queues");
	skb->next = link;
	link = skb;
	if (!skb->next)
		queue.last = skb;
	queue.length++;
}

void edu_k_rxq_unlink(struct sock *sk, struct sk_buff *skb)
{
	edu_skb_queue &queue = sk->receive_queue;
	sk_buff *before = nullptr;
	sk_buff *at = queue.first;

	assert_queue_locked(sk, "edu_k_rxq_unlink()");
	for (; at && at != skb; at = at->next)
		before = at;
	if (!at)
		return fault("edu_k_rxq_unlink(): it is not there");
	(before ? before->next : queue.first) = skb->next;
	if (queue.last == skb)
		queue.last = before;
	skb->next = nullptr;
	queue.length--;
}

int edu_k_stream_charge_rcv(struct sock *sk, struct sk_buff *skb, int force)
{
	assert_locked(sk, "edu_k_stream_charge_rcv()");
	if (!force && allocation_fails())
		return enomem;
	charge_received(sk, skb);
	return 0;
}

int edu_k_stream_coalesce(struct sock *sk, struct sk_buff *to, struct sk_buff *from)
{
	const std::uint32_t grows = from->truesize - skb_overhead;

	assert_locked(sk, "edu_k_stream_coalesce()");
	if (to->sk != sk || (from->sk && from->sk != sk))
		fault("edu_k_stream_coalesce(): a buffer of another socket");
	if (to->store->refs > 1 || to->users > 1 || from->next || from->tree ||
	    to->len + from->len > fragments_most || bad_luck())
		return 0;
	const std::vector<std::uint8_t> octets = octets_of(from);

	put_behind(to, octets.data(), from->len);
	to->truesize += grows;
	sk->rmem += grows;
	edu_k_skb_consume(from);
	return 1;
}

/*
 * What is sent
 */

struct sk_buff *edu_k_stream_alloc(struct sock *sk, unsigned int headroom, unsigned int gfp,
				   int force)
{
	sk_buff *skb = full && !force ? nullptr : edu_k_skb_alloc(headroom, 0, gfp);

	assert_locked(sk, "edu_k_stream_alloc()");
	if (!skb)
		return nullptr;
	skb->stream = sk;
	skb->clones = new clone_count{1, 0};
	sk->wmem_queued += skb->truesize;
	return skb;
}

void edu_k_stream_free(struct sock *sk, struct sk_buff *skb)
{
	assert_locked(sk, "edu_k_stream_free()");
	uncharge_stream(sk, skb, skb->truesize);
	skb->stream = nullptr;
	edu_k_skb_consume(skb);
}

int edu_k_stream_room(const struct sock *sk)
{
	assert_locked(sk, "edu_k_stream_room()");
	return static_cast<int>(sk->sndbuf - sk->wmem_queued);
}

edu_u32 edu_k_stream_queued(const struct sock *sk)
{
	return sk->wmem_queued;
}

int edu_k_stream_append(struct sock *sk, struct sk_buff *skb, struct msghdr *msg, unsigned int len)
{
	assert_may_sleep("edu_k_stream_append()");
	if (!sk->owned)
		fault("edu_k_stream_append(): the socket is not locked");
	preemption_point();
	if (allocation_fails())
		return enobufs;
	if (len > msg->in_len - msg->in_pos)
		return efault;
	len = std::min<unsigned int>(len, fragments_most - skb->len);
	if (skb->len && bad_luck())
		len = 0;
	if (len && full) {
		len = std::min(len, least_queued - std::min(least_queued, sk->wmem_queued));
		if (!len)
			return enobufs;
	}
	put_behind(skb, msg->in + msg->in_pos, len);
	charge_stream(sk, skb, len);
	msg->in_pos += len;
	return static_cast<int>(len);
}

struct sk_buff *edu_k_stream_split(struct sock *sk, struct sk_buff *skb, unsigned int len,
				   unsigned int gfp)
{
	sk_buff *rest;

	if (!len || len >= skb->len || skb->len != skb->data_len)
		fault("edu_k_stream_split(): %u of %u octets", len, skb->len);
	rest = edu_k_stream_alloc(sk, static_cast<unsigned int>(skb->data - skb->head), gfp, 1);
	if (!rest)
		return nullptr;
	const std::uint32_t moved = skb->len - len;

	put_behind(rest, skb->store->frag.data() + len, moved);
	charge_stream(sk, rest, moved);
	uncharge_stream(sk, skb, moved);
	skb->len = skb->data_len = len;
	std::memcpy(rest->cb, skb->cb, sizeof(rest->cb));
	return rest;
}

int edu_k_stream_trim_head(struct sock *sk, struct sk_buff *skb, unsigned int len)
{
	assert_locked(sk, "edu_k_stream_trim_head()");
	if (len > skb->data_len) {
		fault("edu_k_stream_trim_head(): %u of %u octets", len, skb->data_len);
		return 0;
	}
	if (skb->clones->refs > 1 && allocation_fails())
		return enomem;
	skb->store->frag.erase(skb->store->frag.begin(), skb->store->frag.begin() + len);
	skb->len -= len;
	skb->data_len -= len;
	uncharge_stream(sk, skb, len);
	return 0;
}

/* Copies: what a kernel would share cannot be changed by either here. */
struct sk_buff *edu_k_stream_clone(struct sock *sk, struct sk_buff *skb, unsigned int gfp)
{
	sk_buff *clone = edu_k_skb_alloc(static_cast<unsigned int>(skb->data - skb->head), 0, gfp);

	assert_locked(sk, "edu_k_stream_clone()");
	if (skb->stream != sk)
		fault("edu_k_stream_clone(): not a buffer of the socket");
	if (!clone)
		return nullptr;
	put_behind(clone, skb->store->frag.data(), skb->data_len);
	clone->truesize += clone->len;
	clone->clones = skb->clones;
	clone->is_clone = true;
	skb->clones->refs++;
	skb->clones->held++;
	charge_sent(sk, clone);
	return clone;
}

int edu_k_stream_in_flight(const struct sock *sk, const struct sk_buff *skb)
{
	if (skb->stream != sk)
		fault("edu_k_stream_in_flight(): not a buffer of the socket");
	return skb->clones->held != 0;
}

struct sk_buff *edu_k_stream_control(struct sock *, unsigned int headroom)
{
	return edu_k_skb_alloc(headroom, 0, EDU_GFP_ATOMIC);
}

} // extern "C"
