// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: what poll(), select(), epoll and the FIONREAD family say of a stream.
 *
 * TLK "BSD Sockets": a socket is a file (BSD-5). poll(2), tcp(7). The rules are those of Linux's
 * tcp_poll(): POLLIN from SO_RCVLOWAT octets on, POLLOUT while a third of the send buffer is free,
 * POLLHUP when both directions are closed, POLLRDHUP when the peer's is.
 *
 * Locking: tcp_poll() takes none: it reads word by word, and whoever changes one of the words wakes
 * the sleepers afterwards. The ioctls hold the socket lock.
 */
#include "stack.hh"

namespace edu {

namespace {

constexpr u32 fionread_command = 0x541b, siocoutq_command = 0x5411, siocoutqnsd_command = 0x894b,
	      siocatmark_command = 0x8905;
constexpr u32 pollin = EDU_POLLIN | EDU_POLLRDNORM, pollout = EDU_POLLOUT | EDU_POLLWRNORM;

/* Urgent data lies at the reader's place and is not part of the stream. */
bool urgent_octet_is_next(const tcp_sock &s)
{
	return read_once(s.urg_data) && s.urg_seq == s.copied_seq &&
	       !(edu_k_sock_flags(home(s)) & EDU_SOCK_URGINLINE);
}

/* Its own buffer is nearly full, or memory for streams is short: more may not come. */
bool tcp_is_short_of_room(const tcp_sock &s)
{
	const u32 room = edu_k_sock_rcvbuf(home(s));

	return edu_k_sock_rmem(home(s)) > room - room / 8 || edu_k_stream_pressure(home(s));
}

} // namespace

bool tcp_is_readable(const tcp_sock &s)
{
	constexpr int no_limit = 0x7fffffff;
	const s32 there = s.rcv_nxt - s.copied_seq;
	s32 wanted = edu_k_sock_rcvlowat(home(s), 0, no_limit);

	if (urgent_octet_is_next(s))
		wanted++;
	if (there <= 0)
		return false;
	/* Under pressure, or with a window too small for so much, what is there must do. */
	return there >= wanted || tcp_is_short_of_room(s) || s.receive_window() <= s.rcv_mss;
}

u32 tcp_notsent(const tcp_sock &s)
{
	const s32 octets = s.write_seq - s.snd_nxt;

	return octets > 0 ? static_cast<u32>(octets) : 0;
}

u32 tcp_notsent_lowat(const tcp_sock &s)
{
	return s.notsent_lowat ? s.notsent_lowat : s.host->tune(EDU_TUNE_tcp_notsent_lowat);
}

bool tcp_notsent_is_low(const tcp_sock &s)
{
	return tcp_notsent(s) < tcp_notsent_lowat(s);
}

bool tcp_is_writable(const tcp_sock &s)
{
	const u32 queued = edu_k_stream_queued(home(s)), room = edu_k_sock_sndbuf(home(s));

	return queued < room && room - queued >= queued / 2 && tcp_notsent_is_low(s);
}

u32 tcp_poll(const sock &base)
{
	const tcp_sock &s = tcp_sk(base);
	const sock_state state = state_of(s);
	const u8 shut = shutdown_of(s);
	u32 mask = 0;

	if (state == sock_state::listen)
		return read_once(s.ack_backlog) ? pollin : 0;
	if (shut == (rcv_shut | send_shut) || state == sock_state::close)
		mask |= EDU_POLLHUP;
	if (shut & rcv_shut)
		mask |= pollin | EDU_POLLRDHUP;
	if (state != sock_state::syn_sent && state != sock_state::syn_recv) {
		if (tcp_is_readable(s))
			mask |= pollin;
		if (shut & send_shut || tcp_is_writable(s))
			mask |= pollout;
		if (read_once(s.urg_data) & tcp_urg_valid)
			mask |= EDU_POLLPRI;
	}
	if (edu_k_sock_pending_error(home(s)))
		mask |= EDU_POLLERR;
	return mask;
}

result<int> tcp_ioctl(sock &base, u32 command)
{
	tcp_sock &s = tcp_sk(base);

	switch (command) {
	case fionread_command:
	case siocatmark_command:
	case siocoutq_command:
	case siocoutqnsd_command:
		break;
	default:
		return errc::enosys;
	}
	sock_guard guard{home(s)};

	if (command == siocatmark_command)
		return s.urg_data && s.urg_seq == s.copied_seq;
	if (state_of(s) == sock_state::listen)
		return errc::einval;
	if (command == fionread_command)
		return static_cast<int>(tcp_inq(s));
	if (state_in(s, {sock_state::syn_sent, sock_state::syn_recv, sock_state::close}))
		return 0;
	return static_cast<int>(command == siocoutq_command ?
					static_cast<u32>(s.write_seq - s.snd_una) :
					tcp_notsent(s));
}

} // namespace edu
