// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: what a program reads.
 *
 * TLK "The INET Socket Layer", 2.0's tcp_recvmsg(). Requirements: BSD-5, BSD-6, TCP-12. RFC 9293 3.9.1
 * (RECEIVE), 3.8.5 (MUST-31 to MUST-33). Flags: MSG_PEEK, MSG_WAITALL, MSG_DONTWAIT, MSG_TRUNC (throws
 * octets away unread, tcp(7)), MSG_OOB, MSG_ERRQUEUE.
 * Not here: time stamps of received segments, TCP_INQ, TCP_ZEROCOPY_RECEIVE.
 *
 * The urgent octet is left where it lies in the stream; a reader stops in front of it and, unless
 * SO_OOBINLINE is set, steps over it, as in Linux.
 *
 * Locking: the call owns the socket lock, but for the time it sleeps.
 */
#include "stack.hh"

namespace edu {

namespace {

/* Octets of payload in a queued segment. */
u32 tcp_payload_len(const sk_buff *skb)
{
	return skb_len(skb);
}

bool tcp_brings_fin(sk_buff *skb)
{
	return tcp_cb(skb).flags & wire::tcp::flag::fin;
}

/* Something has happened since the reader went to sleep. */
int tcp_has_news(::sock *sk)
{
	const tcp_sock &s = tcp_sk(core(sk));

	return s.rcv_nxt != s.reader_seen || edu_k_sock_pending_error(sk) ||
	       shutdown_of(s) & rcv_shut || state_of(s) == sock_state::close;
}

/* Where the octets go: a message, or a pipe. */
struct tcp_sink {
	msghdr *message;  /* null: to a pipe */
	splice_taker *to; /* null: to a message */
	bool discard;	  /* MSG_TRUNC */

	/* How many were taken, or a negative errno. */
	int take(sk_buff *skb, u32 offset, u32 len) const
	{
		if (discard)
			return static_cast<int>(len);
		if (to)
			return to->take(to->arg, skb, offset, len);
		int error = edu_k_msg_write_skb(message, skb, offset, len);

		return error ? error : static_cast<int>(len);
	}
};

/* One call of recvmsg() or splice() under way. */
struct tcp_reader {
	tcp_sock &s;
	const tcp_sink sink;
	u32 len; /* octets still wanted */
	const u32 flags;
	edu_u64 left; /* time to wait */
	int target;   /* octets to wait for */
	seq32 at;     /* next to be read; copied_seq unless MSG_PEEK */
	u32 copied = 0;
	sk_buff *peeked = nullptr; /* MSG_PEEK: it or one behind it has `at`. None after a sleep */

	bool peeks() const { return flags & msg::peek; }

	/* The queued segment that has octet `at`, or its FIN. */
	sk_buff *segment()
	{
		sk_buff *skb = peeked ? peeked : edu_k_rxq_first(home(s));

		while (skb && tcp_cb(skb).end_seq <= at)
			skb = edu_k_rxq_next(home(s), skb);
		if (peeks())
			peeked = skb;
		return skb;
	}

	bool stops_at_urgent() const { return s.urg_data && s.urg_seq == at && copied; }

	void move(u32 octets)
	{
		at += octets;
		if (!peeks())
			write_once_seq(s.copied_seq, at);
	}

	void eat(sk_buff *skb)
	{
		if (peeks())
			return;
		edu_k_rxq_unlink(home(s), skb);
		edu_k_skb_consume(skb);
	}

	/* The urgent octet lies within the next `used`: read up to it, or over it. */
	u32 around_urgent(u32 used, u32 &offset)
	{
		const u32 distance = static_cast<u32>(s.urg_seq - at);

		if (!s.urg_data || distance >= used)
			return used;
		if (distance)
			return distance;
		if (edu_k_sock_flags(home(s)) & EDU_SOCK_URGINLINE)
			return used;
		move(1);
		offset++;
		return used - 1;
	}

	/* Takes what the segment has. Not ok: the program's memory is bad, or the pipe is full. */
	result<void> read_segment(sk_buff *skb)
	{
		u32 offset = static_cast<u32>(at - tcp_cb(skb).seq);
		u32 used = tcp_payload_len(skb) - offset;

		if (used > len)
			used = len;
		used = around_urgent(used, offset);
		if (used) {
			const int took = sink.take(skb, offset, used);

			if (took <= 0)
				return took ? from_errno(took).error() : errc::eagain;
			trace(s.host->net, EDU_TRACE_sock_rcv, skb);
			move(static_cast<u32>(took));
			copied += static_cast<u32>(took);
			len -= static_cast<u32>(took);
			offset += static_cast<u32>(took);
			if (!peeks())
				tcp_rcv_space_adjust(s);
		}
		if (s.urg_data && s.urg_seq < s.copied_seq)
			write_once(s.urg_data, 0);
		if (offset >= tcp_payload_len(skb) && !tcp_brings_fin(skb))
			eat(skb);
		return {};
	}

	/* Another thread may have read meanwhile, and one that peeks must not stay behind it. */
	void catch_up()
	{
		if (!peeks() || at < s.copied_seq)
			at = s.copied_seq;
	}

	/* There is nothing (more) to read now: false when the call is over. */
	result<bool> wait()
	{
		if (static_cast<int>(copied) >= target || s.fin_received)
			return false; /* the end stays the end, whatever has come behind it */
		if (edu_k_sock_pending_error(home(s))) {
			if (copied)
				return false;
			return from_errno(edu_k_sock_error(home(s))).error();
		}
		if (shutdown_of(s) & rcv_shut)
			return false;
		if (state_of(s) == sock_state::close)
			return copied ? result<bool>{false} : errc::enotconn;
		tcp_cleanup_rbuf(s, copied);
		write_once_seq(s.reader_seen, s.rcv_nxt);
		peeked = nullptr;
		TRY(tcp_sleep(s, tcp_has_news, left, 0));
		catch_up();
		return true;
	}

	/* False when the call is over. */
	result<bool> step()
	{
		if (stops_at_urgent())
			return false;
		sk_buff *skb = segment();

		if (!skb)
			return wait();
		if (at == tcp_cb(skb).end_seq - 1 && tcp_brings_fin(skb)) {
			move(1);
			eat(skb);
			return false;
		}
		TRY(read_segment(skb));
		return len != 0;
	}

	/* As in Linux a recv() of no octets waits for some, too; splice() does not. */
	result<int> run()
	{
		bool goes_on = len || !sink.to;

		while (goes_on) {
			auto went_on = step();

			if (!went_on && !copied) {
				tcp_cleanup_rbuf(s, 0);
				return went_on.error();
			}
			goes_on = went_on && went_on.value();
		}
		tcp_cleanup_rbuf(s, copied);
		return static_cast<int>(copied);
	}
};

/* recvmsg(MSG_OOB): the one urgent octet. Locked. */
result<int> tcp_recv_urgent(tcp_sock &s, msghdr *message, u32 len, u32 flags)
{
	const u8 octet = static_cast<u8>(s.urg_data);

	if (edu_k_sock_flags(home(s)) & EDU_SOCK_URGINLINE || !s.urg_data ||
	    s.urg_data == tcp_urg_read)
		return errc::einval;
	if (state_of(s) == sock_state::close && !s.fin_received)
		return errc::enotconn;
	if (!(s.urg_data & tcp_urg_valid)) {
		if (state_of(s) == sock_state::close || shutdown_of(s) & rcv_shut)
			return 0;
		return errc::eagain; /* it does not block, not even a socket that does */
	}
	if (!(flags & msg::peek))
		write_once(s.urg_data, tcp_urg_read);
	edu_k_msg_or_flags(message, msg::oob);
	if (!len) {
		edu_k_msg_or_flags(message, msg::trunc);
		return 0;
	}
	if (!(flags & msg::trunc))
		TRY(from_errno(edu_k_msg_write(message, &octet, 1)));
	return 1;
}

result<int> tcp_read(tcp_sock &s, const tcp_sink &sink, u32 len, u32 flags)
{
	const bool nonblock = flags & msg::dontwait;
	tcp_reader reader{
		.s = s,
		.sink = sink,
		.len = len,
		.flags = flags,
		.left = edu_k_sock_timeout(home(s), 0, nonblock),
		.target = edu_k_sock_rcvlowat(home(s), (flags & msg::waitall) != 0,
					      static_cast<int>(len)),
		.at = s.copied_seq,
	};

	return reader.run();
}

} // namespace

result<int> tcp_recvmsg(sock &base, msghdr *message, u32 len, u32 flags)
{
	tcp_sock &s = tcp_sk(base);

	if (flags & msg::errqueue) {
		int got = edu_k_sock_recv_error(home(s), message, len);

		return got < 0 ? from_errno(got).error() : result<int>{got};
	}
	sock_guard guard{home(s)};

	if (state_of(s) == sock_state::listen)
		return errc::enotconn;
	if (flags & msg::oob)
		return tcp_recv_urgent(s, message, len, flags);
	return tcp_read(s, {message, nullptr, (flags & msg::trunc) != 0}, len, flags);
}

result<int> tcp_splice_read(sock &base, u32 len, u32 flags, splice_taker &to)
{
	tcp_sock &s = tcp_sk(base);
	sock_guard guard{home(s)};

	if (state_of(s) == sock_state::listen)
		return errc::enotconn;
	return tcp_read(s, {nullptr, &to, false}, len, flags & ~(msg::waitall | msg::peek));
}

result<void> tcp_set_rcvlowat(sock &base, int octets)
{
	tcp_sock &s = tcp_sk(base);
	const bool fixed = edu_k_sock_flags(home(s)) & EDU_SOCK_RCVBUF_LOCK;
	/* A reader that waits for so much needs a buffer for so much, overhead included. */
	const u32 most =
		(fixed ? edu_k_sock_rcvbuf(home(s)) : s.host->tune(EDU_TUNE_tcp_rmem_max)) / 2;
	const u32 asked = octets < 0 ? 0x7fffffff : static_cast<u32>(octets);
	const u32 wanted = asked > most ? most : asked;

	edu_k_sock_set_rcvlowat(home(s), wanted ? static_cast<int>(wanted) : 1);
	if (tcp_is_readable(s)) /* now it is enough: who polls already is told */
		edu_k_sock_data_ready(home(s));
	tcp_grow_rcvbuf(s, wanted * 2);
	return {};
}

} // namespace edu
