// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams as the BSD layer and the kernel's memory accounting see them: what family.c does for every
 * socket, as far as a stream needs it otherwise.
 *
 * TLK "The BSD Socket Interface", "The INET Socket Layer"; BSD-5 (a socket is a file: poll, splice,
 * sendfile), INET-11, TCP-11, TCP-12. The rules are those of Linux's TCP: tcp(7), socket(7), poll(2).
 * Not here: zero-copy reception, SO_TIMESTAMPING. A connection that was accepted is charged to the
 * module's own limits, but to no memory cgroup: the kernel keeps what that takes to itself.
 *
 * Memory. All buffers of streams are charged (sk_has_account()): octets in pages against three marks, as
 * Linux does for its TCP, but by a count of our own. edu_stream_pressure is what the kernel's
 * helpers set and clear by it.
 *
 * Locking: poll() takes none, as bridge.h says of edu_core_poll(). The rest is called as family.c says.
 */
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/percpu_counter.h>
#include <linux/poll.h>
#include <linux/skbuff.h>
#include <linux/splice.h>
#include <linux/uio.h>
#include <net/sock.h>

#include "edu_kernel.h"
#include "kunit/hooks.h"

/* ------------------------------------------------------------------------------------------------
 * Memory of all streams together
 */

static atomic_long_t edu_stream_memory ____cacheline_aligned_in_smp; /* pages */
static DEFINE_PER_CPU(int, edu_stream_memory_reserve); /* pages this CPU has not told yet */
static unsigned long edu_stream_pressure;	       /* since when, jiffies; 0: all is well */
static struct percpu_counter edu_stream_sockets;
/* Pages: up to the first all is well; from the second on it is not; never more than the third. */
static long edu_stream_marks[3];
/* The first of each is what a socket gets however short memory is; octets. The core sets the others. */
static int edu_stream_wmem[3] = { PAGE_SIZE, 16 * 1024, 4 * 1024 * 1024 };
static int edu_stream_rmem[3] = { PAGE_SIZE, 128 * 1024, 6 * 1024 * 1024 };

static void edu_stream_enter_pressure(struct sock *sk)
{
	if (!READ_ONCE(edu_stream_pressure))
		WRITE_ONCE(edu_stream_pressure, jiffies | 1);
}

static void edu_stream_leave_pressure(struct sock *sk)
{
	if (READ_ONCE(edu_stream_pressure))
		WRITE_ONCE(edu_stream_pressure, 0);
}

/* Of the machine's memory 4.7, 6.25 and 9.4 %, as Linux's tcp_mem has it. */
static void edu_stream_marks_init(void)
{
	unsigned long limit = max(nr_free_buffer_pages() / 16, 128UL);

	edu_stream_marks[0] = limit / 4 * 3;
	edu_stream_marks[1] = limit;
	edu_stream_marks[2] = edu_stream_marks[0] * 2;
}

/* ------------------------------------------------------------------------------------------------
 * Life of a socket
 */

/*
 * There is room in the send buffer: wakes whoever waits for that, once. Pairs with the barrier of whoever
 * has set SOCK_NOSPACE and looks once more. The kernel's own routine for streams is not for modules.
 */
static void edu_stream_write_space(struct sock *sk)
{
	struct socket *sock = sk->sk_socket;
	struct socket_wq *wq;

	smp_mb(); /* what has made room is seen before the bit is looked at */
	if (!sock || !test_bit(SOCK_NOSPACE, &sock->flags) || !(edu_core_poll(sk) & EDU_POLLOUT))
		return;
	clear_bit(SOCK_NOSPACE, &sock->flags);
	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_poll(&wq->wait, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	if (wq && wq->fasync_list && !(sk->sk_shutdown & SEND_SHUTDOWN))
		sock_wake_async(wq, SOCK_WAKE_SPACE, POLL_OUT);
	rcu_read_unlock();
}

void edu_stream_sock_init(struct sock *sk)
{
	sk->sk_write_space = edu_stream_write_space;
	/* What was sent wakes nobody when it leaves: acknowledgements make room. */
	sock_set_flag(sk, SOCK_USE_WRITE_QUEUE);
	sk_set_txhash(sk); /* one flow for every queue that hashes */
	sk_sockets_allocated_inc(sk);
}

void edu_stream_sock_exit(struct sock *sk)
{
	sk_mem_reclaim_final(sk);
	sk_sockets_allocated_dec(sk);
	WARN_ON_ONCE(sk->sk_wmem_queued);
	WARN_ON_ONCE(sk_forward_alloc_get(sk));
}

/* The core may let a close() linger; it leaves an orphan behind, which no longer knows the program. */
static int edu_stream_release(struct socket *sock)
{
	struct sock *sk = sock->sk;

	if (!sk)
		return 0;
	edu_core_release(sk);
	sock->sk = NULL;
	sock_put(sk);
	return 0;
}

static int edu_stream_accept(struct socket *sock, struct socket *new_sock, EDU_ACCEPT_ARGS)
{
	struct sock *child = NULL;
	int err = edu_core_accept(sock->sk, EDU_ACCEPT_FLAGS, &child);

	if (err)
		return err;
	edu_compat_custom_sockopt(new_sock);
	lock_sock(child);
	sock_graft(child, new_sock);
	new_sock->state = SS_CONNECTED;
	release_sock(child);
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * A socket is a file (BSD-5)
 */

static __poll_t edu_stream_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	struct sock *sk = sock->sk;
	__poll_t mask;

	BUILD_BUG_ON(EDU_POLLIN != (__force int)EPOLLIN);
	BUILD_BUG_ON(EDU_POLLPRI != (__force int)EPOLLPRI);
	BUILD_BUG_ON(EDU_POLLOUT != (__force int)EPOLLOUT);
	BUILD_BUG_ON(EDU_POLLERR != (__force int)EPOLLERR);
	BUILD_BUG_ON(EDU_POLLHUP != (__force int)EPOLLHUP);
	BUILD_BUG_ON(EDU_POLLRDNORM != (__force int)EPOLLRDNORM);
	BUILD_BUG_ON(EDU_POLLWRNORM != (__force int)EPOLLWRNORM);
	BUILD_BUG_ON(EDU_POLLRDHUP != (__force int)EPOLLRDHUP);

	sock_poll_wait(file, sock, wait);
	mask = (__force __poll_t)edu_core_poll(sk);
	if (!(mask & EPOLLOUT) && READ_ONCE(sk->sk_state) != TCP_LISTEN) {
		sk_set_bit(SOCKWQ_ASYNC_NOSPACE, sk);
		set_bit(SOCK_NOSPACE, &sock->flags);
		/* Room may have come in between, when nobody looked at the bit. */
		smp_mb__after_atomic();
		mask |= (__force __poll_t)edu_core_poll(sk);
	}
	if (!skb_queue_empty_lockless(&sk->sk_error_queue))
		mask |= EPOLLERR;
	return mask;
}

/* Where splice() puts what it takes. */
struct edu_splice {
	struct sock *sk;
	struct pipe_inode_info *pipe;
	unsigned int flags; /* SPLICE_F_* */
};

static int edu_splice_take(void *arg, struct sk_buff *skb, unsigned int offset, unsigned int len)
{
	struct edu_splice *to = arg;

	return skb_splice_bits(skb, to->sk, offset, to->pipe, len, to->flags);
}

static ssize_t edu_stream_splice_read(struct socket *sock, loff_t *position,
				      struct pipe_inode_info *pipe, size_t len, unsigned int flags)
{
	struct edu_splice to = { .sk = sock->sk, .pipe = pipe, .flags = flags };
	bool nonblock = (sock->file->f_flags & O_NONBLOCK) || (flags & SPLICE_F_NONBLOCK);

	if (unlikely(*position))
		return -ESPIPE;
	return edu_core_splice_read(sock->sk, min_t(size_t, len, INT_MAX),
				    nonblock ? MSG_DONTWAIT : 0, edu_splice_take, &to);
}

/* sendfile() and splice() before Linux 6.5: the page itself is sent, not a copy. */
static ssize_t edu_stream_sendpage(struct socket *sock, struct page *page, int offset, size_t len,
				   int flags)
{
	struct bio_vec piece = { .bv_page = page, .bv_offset = offset, .bv_len = len };
	struct msghdr msg = { .msg_flags = flags | EDU_SEND_PAGES };
	struct edu_send send = { .msg = &msg, .len = len, .ttl = -1, .tos = -1 };

	if (!sendpage_ok(page))
		return edu_compat_no_sendpage(sock, page, offset, len, flags);
	if (flags & EDU_SENDPAGE_NOTLAST)
		msg.msg_flags |= MSG_MORE;
	iov_iter_bvec(&msg.msg_iter, ITER_SOURCE, &piece, 1, len);
	send.flags = msg.msg_flags;
	return edu_core_sendmsg(sock->sk, &send);
}

/* ------------------------------------------------------------------------------------------------
 * Options. The kernel has locked the socket.
 */

static int edu_stream_set_rcvlowat(struct sock *sk, int octets)
{
	return edu_core_sock_set_rcvlowat(sk, octets);
}

static void edu_stream_keepalive(struct sock *sk, int on)
{
	edu_core_sock_keepalive(sk, on);
}

static void edu_stream_release_cb(struct sock *sk)
{
	edu_core_release_cb(sk);
}

/* ------------------------------------------------------------------------------------------------
 * Registration
 */

void edu_stream_describe(struct proto *proto)
{
	proto->release_cb = edu_stream_release_cb;
	proto->keepalive = edu_stream_keepalive;
	proto->memory_allocated = &edu_stream_memory;
	proto->per_cpu_fw_alloc = &edu_stream_memory_reserve;
	proto->memory_pressure = &edu_stream_pressure;
	proto->enter_memory_pressure = edu_stream_enter_pressure;
	proto->leave_memory_pressure = edu_stream_leave_pressure;
	proto->sockets_allocated = &edu_stream_sockets;
	proto->sysctl_mem = edu_stream_marks;
	proto->sysctl_wmem = edu_stream_wmem;
	proto->sysctl_rmem = edu_stream_rmem;
}

void edu_stream_ops_init(struct proto_ops *ops)
{
	ops->release = edu_stream_release;
	ops->accept = edu_stream_accept;
	ops->poll = edu_stream_poll;
	ops->splice_read = edu_stream_splice_read;
	ops->set_rcvlowat = edu_stream_set_rcvlowat;
	edu_compat_set_sendpage(ops, edu_stream_sendpage);
}

int edu_stream_init(void)
{
	edu_stream_marks_init();
	return percpu_counter_init(&edu_stream_sockets, 0, GFP_KERNEL);
}

void edu_stream_exit(void)
{
	percpu_counter_destroy(&edu_stream_sockets);
}

long edu_stream_pages(void)
{
	return max(0L, atomic_long_read(&edu_stream_memory));
}
