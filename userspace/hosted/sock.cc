// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets as the home keeps them (TLK's `sock`, the part that Linux's struct sock is today): queues,
 * buffer accounting, pending errors, the lock with its back_log.
 *
 * A socket is freed a grace period after its last reference, as one with SOCK_RCU_FREE is. Reference
 * counts are checked: taking one on a socket that is dying is a fault.
 *
 * Locking: none, a single thread; the socket lock is a flag whose misuse is a fault.
 */
#include "home.hh"

#include <cstdlib>
#include <cstring>
#include <new>

namespace hosted {
namespace {

unsigned int live;
edu_u64 next_inode = 1000;
constexpr edu_u32 default_buffer = 212992; /* octets; net.core.rmem_default */

void purge(edu_skb_queue *queue)
{
	while (sk_buff *skb = edu_k_skb_dequeue(queue))
		edu_k_skb_consume(skb);
}

/* After the grace period: nobody looks any more. */
void destroy(edu_rcu_head *head)
{
	auto *sk = reinterpret_cast<struct sock *>(reinterpret_cast<char *>(head) -
						   offsetof(struct sock, rcu));
	const std::size_t size = sizeof(*sk) + sk->core_size;

	purge(&sk->receive_queue);
	purge(&sk->error_queue);
	purge(&sk->back_log);
	if (sk->constructed)
		edu_core_sock_destroy(sk);
	if (sk->rmem || sk->wmem || sk->wmem_queued)
		fault("a socket dies with %u octets received, %u sent and %u queued charged to it",
		      sk->rmem, sk->wmem, sk->wmem_queued);
	check_timers_in(sk, size);
	check_locks_in(sk, size);
	live--;
	std::free(sk);
}

void received_freed(sk_buff *skb)
{
	skb->sk->rmem -= skb->truesize;
}

void sent_freed(sk_buff *skb)
{
	skb->sk->wmem -= skb->truesize;
	edu_k_sock_put(skb->sk);
}

} // namespace

void charge_received(struct sock *sk, sk_buff *skb)
{
	skb_orphan(skb);
	skb->sk = sk;
	skb->destructor = received_freed;
	sk->rmem += skb->truesize;
}

void charge_sent(struct sock *sk, sk_buff *skb)
{
	edu_k_sock_hold(sk);
	skb->sk = sk;
	skb->destructor = sent_freed;
	sk->wmem += skb->truesize;
}

void wake(struct sock *sk)
{
	sk->wakes++;
}

unsigned int live_socks()
{
	return live;
}

struct sock *sock_new(edu_t_host *host, std::uint32_t core_size)
{
	std::size_t size = sizeof(struct sock) + core_size;
	void *memory = allocation_fails() ? nullptr : std::aligned_alloc(64, (size + 63) / 64 * 64);

	if (!memory)
		return nullptr;
	std::memset(memory, 0, size);
	using home_sock = struct sock;
	auto *sk = new (memory) home_sock{};

	sk->state = 7; /* TCP_CLOSE */
	sk->refs = 1;
	sk->host = host;
	sk->core_size = core_size;
	sk->rcvlowat = 1;
	sk->rcvtimeo = sk->sndtimeo = for_ever;
	home_lock_init(&sk->lock);
	home_lock_init(&sk->rxq_lock);
	sk->rcvbuf = sk->sndbuf = default_buffer;
	sk->uid = privileged ? 0 : 1000;
	sk->inode = next_inode++;
	host->socks.push_back(sk);
	live++;
	return sk;
}

} // namespace hosted

using namespace hosted;

extern "C" {

void edu_k_lock_sock(struct sock *sk)
{
	assert_may_sleep("edu_k_lock_sock()");
	if (sk->owned)
		fault("deadlock: the socket is locked twice");
	sk->owned = true;
	preemption_point();
}

void edu_k_release_sock(struct sock *sk)
{
	assert_may_sleep("edu_k_release_sock()");
	if (!sk->owned)
		fault("edu_k_release_sock(): not locked");
	while (sk_buff *skb = edu_k_skb_dequeue(&sk->back_log)) {
		edu_k_local_bh_disable();
		edu_core_backlog_rcv(sk, skb);
		edu_k_local_bh_enable();
	}
	sk->backlog_len = 0;
	home_lock_take(&sk->lock, home_lock::sock);
	edu_core_release_cb(sk);
	sk->owned = false;
	home_lock_release(&sk->lock);
}

void edu_k_sock_hold(struct sock *sk)
{
	if (!sk->refs)
		fault("a reference taken on a dying socket");
	sk->refs++;
}

void edu_k_sock_put(struct sock *sk)
{
	if (!sk->refs)
		return fault("a socket's reference given back twice");
	if (--sk->refs)
		return;
	sk->dead = true;
	std::erase(sk->host->socks, sk);
	edu_k_call_rcu(&sk->rcu, destroy);
}

void edu_k_sock_set_state(struct sock *sk, int state)
{
	sk->state = static_cast<std::uint8_t>(state);
}

int edu_k_family = 13;

void edu_k_sock_shutdown(struct sock *sk, int bits)
{
	sk->shutdown = static_cast<std::uint8_t>(sk->shutdown | bits);
	wake(sk);
}

int edu_k_sock_capable(const struct sock *, int)
{
	return privileged;
}

edu_u32 edu_k_sock_uid(const struct sock *sk)
{
	return sk->uid;
}

edu_u32 edu_k_sock_flags(const struct sock *sk)
{
	return sk->flags;
}

void edu_k_sock_report(struct sock *sk, int error)
{
	if (error <= 0)
		fault("edu_k_sock_report(%d): a positive errno is wanted", error);
	sk->err = error;
	wake(sk);
}

int edu_k_sock_error(struct sock *sk)
{
	int error = sk->err;

	sk->err = 0;
	return -error;
}

edu_u32 edu_k_sock_rmem(const struct sock *sk)
{
	return sk->rmem;
}

edu_u32 edu_k_sock_wmem(const struct sock *sk)
{
	return sk->wmem;
}

edu_u64 edu_k_sock_inode(const struct sock *sk)
{
	return sk->inode;
}

edu_u32 edu_k_sock_references(const struct sock *sk)
{
	/* Of a datagram socket nobody but the program holds one; what is under way does not count. */
	return edu_core_sock_is_stream(sk) ? sk->refs : 1;
}

void edu_k_sock_unbind_device(struct sock *sk)
{
	sk->bound_dev_if = 0;
}

void edu_k_sock_set_priority(struct sock *sk, edu_u32 priority)
{
	if (!sk->owned)
		fault("edu_k_sock_set_priority(): not locked");
	sk->priority = priority;
}

unsigned int edu_k_sock_first_len(struct sock *sk)
{
	return sk->receive_queue.first ? sk->receive_queue.first->len : 0;
}

int edu_k_sock_queue(struct sock *sk, struct sk_buff *skb)
{
	if (sk->rmem + skb->truesize > sk->rcvbuf)
		return -12;
	if (allocation_fails())
		return -105;
	charge_received(sk, skb);
	edu_k_skb_queue_tail(&sk->receive_queue, skb);
	return 0;
}

int edu_k_sock_queue_error(struct sock *sk, struct sk_buff *skb, const struct edu_sock_error *error)
{
	static_assert(sizeof(*error) <= sizeof(skb->cb));

	if (sk->rmem + skb->truesize > sk->rcvbuf) {
		edu_k_skb_drop(skb);
		return -12;
	}
	std::memcpy(skb->cb, error, sizeof(*error));
	charge_received(sk, skb);
	edu_k_skb_queue_tail(&sk->error_queue, skb);
	return 0;
}

void edu_k_sock_purge_errors(struct sock *sk)
{
	while (sk_buff *skb = edu_k_skb_dequeue(&sk->error_queue))
		edu_k_skb_consume(skb);
}

struct sk_buff *edu_k_sock_dequeue(struct sock *sk, edu_u32 flags, int *error)
{
	constexpr edu_u32 msg_peek = 2, msg_dontwait = 0x40;
	constexpr edu_u64 patience = 60000000000; /* ns: nobody will send any more */
	auto ready = [sk] { return sk->receive_queue.first || sk->err || sk->shutdown & 1; };

	*error = edu_k_sock_error(sk);
	if (*error)
		return nullptr;
	if (!(flags & msg_dontwait) && !ready())
		sleep_until(edu_k_now_ns() + patience, ready);
	if (sk_buff *skb = sk->receive_queue.first) {
		if (flags & msg_peek)
			skb_get(skb);
		else
			edu_k_skb_dequeue(&sk->receive_queue);
		return skb;
	}
	*error = edu_k_sock_error(sk);
	/* As in Linux, one who would not wait is not told that waiting is over. */
	if (!*error && (flags & msg_dontwait || !(sk->shutdown & 1)))
		*error = -11;
	return nullptr;
}

void edu_k_sock_done(struct sock *, struct sk_buff *skb)
{
	/* A peeked buffer is still queued, its link included: only the reference goes. */
	if (skb->users > 1)
		skb->users--;
	else
		edu_k_skb_consume(skb);
}

} // extern "C"
