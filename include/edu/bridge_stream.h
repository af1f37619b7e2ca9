/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boundary, continued: what the home offers the core for streams. Only bridge.h includes this, in its
 * place, and its rules hold here.
 */
#ifndef _EDU_BRIDGE_STREAM_H
#define _EDU_BRIDGE_STREAM_H

#ifndef _EDU_BRIDGE_H
#include <edu/bridge.h>
#endif

/* ------------------------------------------------------------------------------------------------
 * Home: sockets of streams (TLK "TCP" in "The INET Socket Layer"). A stream's sock is met by packets in
 * softirqs while a program is inside a call; TLK's `users` and `back_log` decide who goes first.
 */

/* The spin lock inside the socket lock. Softirq, or softirqs off. While it is held, no program gets the
 * socket lock; if a program has it already (edu_k_sock_owned), packets go to back_log. */
void edu_k_bh_lock_sock(struct sock *sk);
/* The same for a second socket: a connection while its listener's is held. */
void edu_k_bh_lock_sock_nested(struct sock *sk);
void edu_k_bh_unlock_sock(struct sock *sk);
int edu_k_sock_owned(const struct sock *sk);
/* Puts a packet onto back_log, for edu_core_backlog_rcv() when the program lets go. Consumes skb when it
 * returns 0; -ENOBUFS: too much waits already. The spin lock is held. */
int edu_k_sock_add_backlog(struct sock *sk, struct sk_buff *skb);
/* Softirqs off and on again around the spin lock, for process context. */
void edu_k_local_bh_disable(void);
void edu_k_local_bh_enable(void);
/* Nobody else has the socket: the spin lock is held, or the caller owns it. */
void edu_k_assert_sock_locked(const struct sock *sk);

/* A listener's newborn connection: a copy of its home part with queues, charges and errors of its own, in
 * the state given, its spin lock held, with one reference. The core's part is not constructed. null:
 * no memory. Softirqs are off. */
struct sock *edu_k_sock_clone(struct sock *listener, int state);
/* Unlocks and frees one whose core part was never constructed. */
void edu_k_sock_free_clone(struct sock *sk);
/* No program has it any more (SOCK_DEAD): nobody is woken. The socket lock, or its spin lock, is held. */
void edu_k_sock_orphan(struct sock *sk);

/* Sleeps with the socket lock let go until ready(sk) says nonzero or time is up. ready() is asked before
 * anything else, with and without the lock, must not sleep, and reads word by word; whoever makes it
 * true must also wake the sleepers. *left comes from edu_k_sock_timeout() and is counted down. 0;
 * -EAGAIN: time is up (at once if *left is 0);
 * -ERESTARTSYS or -EINTR: a signal. The socket lock is held before and after. */
#define EDU_WAIT_EXCLUSIVE 1 /* one event wakes one sleeper (accept) */
#define EDU_WAIT_SPACE 2     /* wants to be woken when there is room to send */
int edu_k_sock_wait(struct sock *sk, int (*ready)(struct sock *sk), edu_u64 *left,
		    unsigned int how);
/* How long calls may wait, in the home's own unit: SO_SNDTIMEO or SO_RCVTIMEO; 0 with nonblock. */
edu_u64 edu_k_sock_timeout(const struct sock *sk, int sending, int nonblock);
/* The errno of a wait that a signal ended with so much left. */
int edu_k_sock_intr_errno(edu_u64 left);

/* Wakes sleepers, pollers and SIGIO: there is data (or a connection to accept); … */
void edu_k_sock_data_ready(struct sock *sk);
void edu_k_sock_state_change(struct sock *sk); /* the state or shutdown has changed; … */
void edu_k_sock_write_space(
	struct sock *sk); /* a third of the send buffer is free, if anybody waits; … */
void edu_k_sock_urgent(struct sock *sk); /* urgent data has come (SIGURG, POLLPRI) */
/* Only SIGIO: what is EDU_WAKE_*. */
#define EDU_WAKE_IN 1
#define EDU_WAKE_OUT 2
void edu_k_sock_wake_async(struct sock *sk, int what);
/* sk_err without clearing: a positive errno or 0. sk_shutdown's bits are read through the offsets. */
int edu_k_sock_pending_error(const struct sock *sk);
/* SIGPIPE for the caller, unless flags has MSG_NOSIGNAL; returns -EPIPE, or the pending error instead. */
int edu_k_sock_stream_error(struct sock *sk, edu_u32 flags, int error);
/* The former shutdown bits and queued errors are forgotten, the pending error is not: the socket may connect
 * again. Locked. */
void edu_k_sock_reset(struct sock *sk);

/* SO_RCVLOWAT as recvmsg() uses it: octets to wait for of a call that asks for len. At least 1. */
int edu_k_sock_rcvlowat(const struct sock *sk, int waitall, int len);
/* Sets it: at least 1. Locked. */
void edu_k_sock_set_rcvlowat(struct sock *sk, int octets);
/* SO_LINGER's seconds as a timeout of edu_k_sock_wait(); only if EDU_SOCK_LINGER. */
edu_u64 edu_k_sock_linger(const struct sock *sk);
/* The caller is a program that ends: no signal reaches it any more, and it must not sleep for long. */
int edu_k_exiting(void);
/* SO_RCVBUF and SO_SNDBUF as they are now, octets of truesize. */
edu_u32 edu_k_sock_rcvbuf(const struct sock *sk);
edu_u32 edu_k_sock_sndbuf(const struct sock *sk);
/* Auto-tuning: sets them, unless the program has (then nothing changes). Locked. */
void edu_k_sock_set_rcvbuf(struct sock *sk, edu_u32 octets);
void edu_k_sock_set_sndbuf(struct sock *sk, edu_u32 octets);
/* The machine is short of memory for sockets of streams: buffers stay small. */
int edu_k_stream_pressure(const struct sock *sk);

/*
 * receive_queue of a stream: segments in order, or of a listener: the SYNs whose connections wait for
 * accept (TCP-10). Guarded by the socket lock; a listener's also by the queue's own lock, below, since
 * connections come to life without the listener's lock.
 */
void edu_k_rxq_lock(struct sock *sk); /* softirqs off; inside any socket lock */
void edu_k_rxq_unlock(struct sock *sk);
struct sk_buff *edu_k_rxq_first(const struct sock *sk); /* null: empty */
struct sk_buff *edu_k_rxq_last(const struct sock *sk);
struct sk_buff *edu_k_rxq_next(const struct sock *sk, const struct sk_buff *skb);
void edu_k_rxq_append(struct sock *sk, struct sk_buff *skb);
/* Behind `after`, which is on the queue; null: in front of all. */
void edu_k_rxq_insert(struct sock *sk, struct sk_buff *after, struct sk_buff *skb);
void edu_k_rxq_unlink(struct sock *sk, struct sk_buff *skb);

/* Charges a received segment to sk's receive buffer, whose limit is the caller's to keep; freed, it gives the
 * charge back. force: even when memory for streams is short (a segment that was asked for). 0 or -ENOMEM.
 * Locked. */
int edu_k_stream_charge_rcv(struct sock *sk, struct sk_buff *skb, int force);
/* Appends from's octets to `to` without copying, when their memory allows: nonzero, and from is gone.
 * Both are charged to sk or will be: only what `to` grows by is charged. Locked. */
int edu_k_stream_coalesce(struct sock *sk, struct sk_buff *to, struct sk_buff *from);

/*
 * Buffers of the sending side. They hold data alone, in page fragments, and are charged to the send
 * buffer (sk_wmem_queued). What goes out is a second sk_buff that shares the data, so that
 * retransmission needs no copy.
 */
/* An empty one with room for headers in front, charged. null: no memory. force: even when memory for streams
 * is short, for without it the connection would not go on. Locked. */
struct sk_buff *edu_k_stream_alloc(struct sock *sk, unsigned int headroom, unsigned int gfp,
				   int force);
/* Gives its charge back and frees it. Locked. */
void edu_k_stream_free(struct sock *sk, struct sk_buff *skb);
/* Octets of the send buffer that are free; negative when it is overdrawn. Locked. */
int edu_k_stream_room(const struct sock *sk);
edu_u32 edu_k_stream_queued(const struct sock *sk); /* octets charged to the send buffer */
/* There was no memory for what is to be sent: sleeps for a moment as edu_k_sock_wait() does, *left counted
 * down, and returns 0 for another try; ready() says that there is none to be made. Nobody wakes who waits
 * for memory. -EAGAIN and the errors of a signal as there. Locked before and after. */
int edu_k_stream_wait_memory(struct sock *sk, int (*ready)(struct sock *sk), edu_u64 *left);
/* Adds up to len octets of the message behind skb, or (sendfile, splice) its pages themselves. Octets
 * added, fewer when skb's fragments are used up (0: take a new one); -ENOBUFS, -EFAULT. When memory for
 * streams is short, a little is taken all the same while next to nothing is queued. Locked, may sleep. */
int edu_k_stream_append(struct sock *sk, struct sk_buff *skb, struct msghdr *msg, unsigned int len);
/* Cuts skb at len: what is behind it is returned in a buffer of its own, charged to sk (by force, as above), its
 * cb copied.
 * null: no memory, nothing has changed. Locked. */
struct sk_buff *edu_k_stream_split(struct sock *sk, struct sk_buff *skb, unsigned int len,
				   unsigned int gfp);
/* Drops the first len octets of data that has been acknowledged; shrinks the charge. 0 or -ENOMEM: all is
 * still there, for a clone under way needs it. Locked. */
int edu_k_stream_trim_head(struct sock *sk, struct sk_buff *skb, unsigned int len);
/* What is sent of skb: shares its data, data at its first octet, headers may be pushed in front. Priority,
 * mark and the charge (sk_wmem_alloc) of sk; its end wakes whoever waits for room. null: no memory.
 * Locked. */
struct sk_buff *edu_k_stream_clone(struct sock *sk, struct sk_buff *skb, unsigned int gfp);
/* The last clone is still in a queue of this machine, charged to sk: sending it again would be in vain. One
 * that a receiver of this machine has got has arrived, though it lives on. */
int edu_k_stream_in_flight(const struct sock *sk, const struct sk_buff *skb);
/* A segment without data (ACK, RST, FIN alone …), charged to nobody. sk may be null. null: no memory. */
struct sk_buff *edu_k_stream_control(struct sock *sk, unsigned int headroom);

/* Trees of segments, ordered by the sequence number in the first four octets of cb (host order, compared
 * modulo 2^32). Zeroed memory is an empty one; its holder's lock guards it. */
struct edu_skb_tree {
	void *root;
	edu_u32 length; /* segments in it */
};
void edu_k_skb_tree_insert(struct edu_skb_tree *tree, struct sk_buff *skb); /* behind equal ones */
void edu_k_skb_tree_remove(struct edu_skb_tree *tree, struct sk_buff *skb);
struct sk_buff *edu_k_skb_tree_first(const struct edu_skb_tree *tree); /* null: empty */
struct sk_buff *edu_k_skb_tree_last(const struct edu_skb_tree *tree);
struct sk_buff *edu_k_skb_tree_next(const struct edu_skb_tree *tree, const struct sk_buff *skb);
struct sk_buff *edu_k_skb_tree_prev(const struct edu_skb_tree *tree, const struct sk_buff *skb);
/* The last one whose number is not after seq, or null. */
struct sk_buff *edu_k_skb_tree_find(const struct edu_skb_tree *tree, edu_u32 seq);

#endif /* _EDU_BRIDGE_STREAM_H */
