// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: what a program writes, on its way to write_queue.
 *
 * TLK "Making a Connection", 2.0's tcp_sendmsg(). Requirements: BSD-5, BSD-6, TCP-12. RFC 9293 3.9.1
 * (SEND), 3.8.5 (urgent data: the pointer is to the octet behind the urgent one, as Linux and RFC 6093
 * have it), MUST-60, MUST-61. Flags: MSG_DONTWAIT, MSG_MORE, MSG_EOR, MSG_OOB, MSG_NOSIGNAL.
 * Not here: TCP Fast Open, MSG_ZEROCOPY (the flag is ignored: data is copied).
 *
 * Octets are copied once, into page fragments of the last sk_buff of write_queue, which grows to many
 * segments' length; the device cuts it (segmentation offload).
 *
 * Locking: the call owns the socket lock, but for the time it sleeps, and lets back_log in now and then.
 */
#include "stack.hh"

namespace edu {

namespace {

/* So many sk_buffs are filled before packets that wait in back_log get their turn. */
constexpr u32 tcp_send_burst = 16;

/* Data of one sk_buff, octets: whole segments, as many as a large segment may have. */
u32 tcp_send_goal(const tcp_sock &s, u32 mss)
{
	constexpr u32 most = 65535 - tcp_max_header;
	u32 goal = most;

	/* A small window would be filled by one sk_buff, which could then not be sent. */
	if (s.max_window && s.max_window / 2 < goal)
		goal = s.max_window / 2;
	return goal < mss ? mss : goal / mss * mss;
}

/* Can the program's octets go behind this one? */
bool tcp_may_grow(sk_buff *last, u32 goal)
{
	return last && !(tcp_cb(last).flags & wire::tcp::flag::fin) &&
	       !(tcp_cb(last).sacked & tcp_sacked::end_of_record) && skb_len(last) < goal;
}

sk_buff *tcp_new_write_skb(tcp_sock &s)
{
	/* With nothing queued no acknowledgement would bring another try. */
	const bool first = !s.write_queue.first && !edu_k_skb_tree_first(&s.rtx_queue);
	sk_buff *skb = edu_k_stream_alloc(home(s), tcp_max_header, EDU_GFP_KERNEL, first);

	if (!skb)
		return nullptr;
	tcp_cb(skb) = tcp_skb_cb{};
	tcp_cb(skb).seq = tcp_cb(skb).end_seq = s.write_seq;
	edu_k_skb_queue_tail(&s.write_queue, skb);
	return skb;
}

/* An sk_buff that got no octet (a bad address) leaves again. */
void tcp_drop_empty_tail(tcp_sock &s)
{
	edu_skb_queue kept = {};

	if (!s.write_queue.last || skb_len(s.write_queue.last) ||
	    tcp_cb(s.write_queue.last).flags & wire::tcp::flag::fin)
		return;
	while (sk_buff *skb = edu_k_skb_dequeue(&s.write_queue)) {
		if (!s.write_queue.first)
			edu_k_stream_free(home(s), skb);
		else
			edu_k_skb_queue_tail(&kept, skb);
	}
	s.write_queue = kept;
}

void tcp_mark_push(tcp_sock &s)
{
	if (s.write_queue.last)
		tcp_cb(s.write_queue.last).flags |= wire::tcp::flag::psh;
	s.pushed_seq = s.write_seq;
}

/* More than half the largest window has been written since the last PSH (MUST-60). */
bool tcp_push_is_due(const tcp_sock &s)
{
	return s.pushed_seq + s.max_window / 2 < s.write_seq;
}

int tcp_may_send(::sock *sk)
{
	const sock &s = core(sk);

	return state_in(s, {sock_state::established, sock_state::close_wait, sock_state::close}) ||
	       edu_k_sock_pending_error(sk);
}

/* Nothing can be written any more, whatever becomes free. */
int tcp_may_not_write(::sock *sk)
{
	return edu_k_sock_pending_error(sk) || shutdown_of(core(sk)) & send_shut;
}

int tcp_has_room(::sock *sk)
{
	return tcp_may_not_write(sk) || tcp_is_writable(tcp_sk(core(sk)));
}

/* A connection that is still being opened is waited for. */
result<void> tcp_wait_open(tcp_sock &s, edu_u64 &left)
{
	while (!state_in(s, {sock_state::established, sock_state::close_wait})) {
		if (int error = edu_k_sock_error(home(s)))
			return from_errno(error);
		if (!state_in(s, {sock_state::syn_sent, sock_state::syn_recv}))
			return errc::epipe;
		TRY(tcp_sleep(s, tcp_may_send, left, 0));
	}
	return {};
}

/* One call of sendmsg() under way. */
struct tcp_writer {
	tcp_sock &s;
	const edu_send &send;
	edu_u64 left;	/* time to wait */
	u32 copied = 0; /* octets in write_queue */
	u32 filled = 0; /* sk_buffs begun */

	bool no_more() const { return copied == send.len; }
	u8 nagle(bool more) const
	{
		return static_cast<u8>(s.nonagle | (more ? tcp_nagle::cork : 0));
	}

	/* Room in the send buffer; what there is goes out meanwhile. */
	result<void> wait_for_room()
	{
		if (copied)
			tcp_push(s, s.nonagle | tcp_nagle::push);
		return tcp_sleep(s, tcp_has_room, left, EDU_WAIT_SPACE);
	}

	/* Memory has run out, though the send buffer has room: it may come back soon. */
	result<void> wait_for_memory()
	{
		const u32 before = s.disconnects;

		tcp_drop_empty_tail(s);
		if (copied)
			tcp_push(s, s.nonagle | tcp_nagle::push);
		if (int error = edu_k_stream_wait_memory(home(s), tcp_may_not_write, &left))
			return from_errno(error);
		if (s.disconnects != before)
			return errc::epipe;
		return {};
	}

	result<sk_buff *> next_skb(u32 goal)
	{
		if (tcp_may_grow(s.write_queue.last, goal))
			return s.write_queue.last;
		if (edu_k_stream_room(home(s)) <= 0 || !tcp_notsent_is_low(s))
			return errc::eagain;
		if (++filled % tcp_send_burst == 0) {
			const u32 before = s.disconnects;

			edu_k_release_sock(home(s));
			edu_k_lock_sock(home(s));
			if (s.disconnects != before)
				return errc::epipe;
			return nullptr; /* much may have changed */
		}
		sk_buff *skb = tcp_new_write_skb(s);

		if (!skb)
			return errc::enobufs;
		return skb;
	}

	/* As many octets as fit behind skb. 0: it is full. */
	result<u32> append(sk_buff *skb, u32 goal)
	{
		const u32 room = goal - skb_len(skb), rest = send.len - copied;
		const int got =
			edu_k_stream_append(home(s), skb, send.msg, rest < room ? rest : room);

		if (got < 0)
			return from_errno(got).error();
		tcp_cb(skb).end_seq += static_cast<u32>(got);
		write_once_seq(s.write_seq, s.write_seq + static_cast<u32>(got));
		copied += static_cast<u32>(got);
		return static_cast<u32>(got);
	}

	/* A full sk_buff leaves as soon as it is written. */
	void push_full(const sk_buff *skb, u32 goal)
	{
		if (skb_len(skb) < goal || send.flags & msg::oob)
			return;
		if (tcp_push_is_due(s)) {
			tcp_mark_push(s);
			tcp_push(s, s.nonagle | tcp_nagle::push);
		} else if (skb == s.write_queue.first) {
			tcp_push_one(s);
		}
	}

	/* Octets go into the buffer. enobufs: there is no memory; eagain: no room. */
	result<void> fill()
	{
		const u32 goal = tcp_send_goal(s, tcp_current_mss(s));
		sk_buff *skb = TRY(next_skb(goal));

		if (!skb)
			return {};
		if (!TRY(append(skb, goal))) /* its fragments are used up: closed for more */
			tcp_cb(skb).sacked |= tcp_sacked::end_of_record;
		else if (!no_more())
			push_full(skb, goal);
		return {};
	}

	/* One step: true when there is more to do. */
	result<bool> step()
	{
		if (int error = edu_k_sock_pending_error(home(s)); error)
			return errc::epipe; /* the error itself is told by edu_k_sock_stream_error() */
		if (shutdown_of(s) & send_shut)
			return errc::epipe;
		const errc why = fill().error();

		if (why == errc::eagain)
			TRY(wait_for_room());
		else if (why == errc::enobufs)
			TRY(wait_for_memory());
		else if (why != errc::none)
			return why;
		return !no_more();
	}

	/* What was written goes out, as far as it may. */
	void finish()
	{
		const bool more = send.flags & msg::more;

		if (!copied)
			return;
		if (send.flags & msg::eor && no_more() && s.write_queue.last)
			tcp_cb(s.write_queue.last).sacked |= tcp_sacked::end_of_record;
		if (!more || tcp_push_is_due(s))
			tcp_mark_push(s);
		if (send.flags & msg::oob && no_more()) {
			s.urg_mode = true;
			s.snd_up = s.write_seq;
		}
		tcp_push(s, nagle(more));
	}

	result<int> run()
	{
		errc why = errc::none;

		while (!no_more() && why == errc::none) {
			auto went_on = step();

			if (!went_on)
				why = went_on.error();
		}
		tcp_drop_empty_tail(s);
		finish();
		if (copied || why == errc::none)
			return static_cast<int>(copied);
		return from_errno(edu_k_sock_stream_error(home(s), send.flags, to_errno(why)))
			.error();
	}
};

} // namespace

result<int> tcp_sendmsg(sock &base, const edu_send &send)
{
	tcp_sock &s = tcp_sk(base);
	sock_guard guard{home(s)};
	tcp_writer writer{s, send,
			  edu_k_sock_timeout(home(s), 1, (send.flags & msg::dontwait) != 0)};

	if (auto open = tcp_wait_open(s, writer.left); !open)
		return from_errno(edu_k_sock_stream_error(home(s), send.flags, to_errno(open)))
			.error();
	return writer.run();
}

/* There is room in the send buffer: it grows with what may be under way, for twice the window so that
 * the program can write while the peer acknowledges. */
void tcp_check_space(tcp_sock &s)
{
	constexpr u32 overhead = 2; /* truesize for each octet, at most */
	const u32 most = s.host->tune(EDU_TUNE_tcp_wmem_max);
	const u64 wanted =
		u64{s.cwnd > s.mss_cache * 10u ? s.cwnd : s.mss_cache * 10u} * 2 * overhead;

	if (s.ca_state == tcp_ca_state::open && !edu_k_stream_pressure(home(s)) &&
	    edu_k_sock_sndbuf(home(s)) < wanted)
		edu_k_sock_set_sndbuf(home(s), wanted < most ? static_cast<u32>(wanted) : most);
	edu_k_sock_write_space(home(s));
}

} // namespace edu
