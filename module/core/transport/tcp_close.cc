// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: the end of a connection, in good order or not.
 *
 * TLK "Making a Connection": "three packets to open, four to close". Requirements: TCP-8, BSD-6
 * (shutdown with care for data in flight), LAYER-3. RFC 9293 3.6 (MUST-12, SHLD-3), 3.10.4, 3.10.5;
 * RFC 1122 4.2.2.13 (half-close). As Linux does, data that nobody has read when a program closes makes
 * the close a reset (RFC 9293 3.6.1, SHLD-3).
 *
 * A connection outlives its program: close() leaves an orphan, which ends by itself. Whoever makes the
 * last of the two steps, CLOSE and the program's close, frees what is queued.
 *
 * Locking: "locked" as in tcp.hh.
 */
#include "stack.hh"

namespace edu {

namespace {

constexpr u8 both_shut = rcv_shut | send_shut;

/* Our side has nothing more to send: the state that follows, and whether a FIN leads there. */
struct closing_step {
	sock_state next;
	bool fin;
};

closing_step tcp_closing_step(sock_state now)
{
	switch (now) {
	case sock_state::established:
	case sock_state::syn_recv:
		return {sock_state::fin_wait1, true};
	case sock_state::close_wait:
		return {sock_state::last_ack, true};
	case sock_state::syn_sent:
	case sock_state::listen:
		return {sock_state::close, false};
	default: /* on its way already */
		return {now, false};
	}
}

/* Locked. Begins the half-close, if it has not begun. */
void tcp_begin_close(tcp_sock &s)
{
	closing_step step = tcp_closing_step(state_of(s));

	if (step.next == sock_state::close) /* a SYN without an answer: the attempt is over */
		tcp_done(s);
	else if (step.next != state_of(s))
		tcp_set_state(s, step.next);
	if (step.fin)
		tcp_send_fin(s);
}

/* Octets that have come and that nobody has read. */
bool tcp_has_unread(const tcp_sock &s)
{
	const sk_buff *last = edu_k_rxq_last(home(s));

	if (!last)
		return false;
	const tcp_skb_cb &cb = tcp_cb(const_cast<sk_buff *>(last));

	return s.copied_seq < cb.end_seq - (cb.flags & wire::tcp::flag::fin ? 1 : 0);
}

/* States in which the peer still counts on us, so that an abort must tell it. */
bool tcp_needs_reset(sock_state state)
{
	switch (state) {
	case sock_state::established:
	case sock_state::close_wait:
	case sock_state::fin_wait1:
	case sock_state::fin_wait2:
	case sock_state::syn_recv:
		return true;
	default:
		return false;
	}
}

/* Locked. The connection ends at once; the peer hears of it. */
void tcp_abort(tcp_sock &s, edu_counter why)
{
	s.host->count(why);
	tcp_send_active_reset(s);
	tcp_done(s);
}

/* close() with SO_LINGER waits until all is acknowledged. */
int tcp_close_is_done(::sock *sk)
{
	return !state_in(core(sk),
			 {sock_state::fin_wait1, sock_state::closing, sock_state::last_ack});
}

/* Not for a program that ends: nobody could wake it any more, and it would keep all it has. */
void tcp_linger(tcp_sock &s)
{
	edu_u64 left = edu_k_exiting() ? 0 : edu_k_sock_linger(home(s));

	while (left && !tcp_close_is_done(home(s)))
		if (edu_k_sock_wait(home(s), tcp_close_is_done, &left, 0))
			break; /* time is up, or a signal: it goes on without us */
}

/* What became of the program's data at its close(). Locked. */
void tcp_close_data(tcp_sock &s)
{
	const u32 flags = edu_k_sock_flags(home(s));
	const bool unread = tcp_has_unread(s);

	tcp_purge_received(s);
	if (state_of(s) == sock_state::close)
		return;
	if (unread)
		tcp_abort(s, EDU_Tcp_AbortsOnClose);
	else if (flags & EDU_SOCK_LINGER && !edu_k_sock_linger(home(s)))
		tcp_disconnect(s);
	else
		tcp_begin_close(s);
}

/* The program is gone; what is left lives for itself, and not for ever. Locked. */
void tcp_become_orphan(tcp_sock &s)
{
	edu_k_sock_orphan(home(s));
	if (state_of(s) == sock_state::close)
		return;
	s.host->tcp.orphans.fetch_add(1);
	s.orphan_counted = true;
	if (state_of(s) == sock_state::fin_wait2) {
		const u64 ms = tcp_fin_time(s);

		if (s.linger2_ms < 0)
			tcp_abort(s, EDU_Tcp_AbortsOnLinger);
		else
			tcp_time_wait(s, sock_state::fin_wait2, ms);
	}
	if (state_of(s) != sock_state::close)
		tcp_check_orphans(s);
}

/* Who shuts a connection down knows that it is open: connect() need not say so any more. */
void tcp_note_open(tcp_sock &s)
{
	if (state_of(s) == sock_state::syn_recv || !s.connect_called)
		return;
	s.connect_called = false;
	s.accepted = true;
}

} // namespace

void tcp_free_queues(tcp_sock &s)
{
	tcp_purge_sent(s);
	tcp_purge_received(s);
	tcp_put_port(s);
	sk_route_reset(s);
}

/*
 * What a program asks for
 */

result<void> tcp_shutdown(sock &base, int how)
{
	tcp_sock &s = tcp_sk(base);
	const int bits = (how + 1) & both_shut;
	sock_guard guard{home(s)};
	errc why = errc::none;

	switch (state_of(s)) {
	case sock_state::close:
		why = errc::enotconn;
		edu_k_sock_shutdown(home(s), bits); /* for whoever polls it */
		break;
	case sock_state::listen:
		if (bits & rcv_shut)
			tcp_disconnect(s);
		break;
	case sock_state::syn_sent:
		tcp_disconnect(s);
		break;
	default:
		tcp_note_open(s);
		if (bits & send_shut && state_in(s, {sock_state::established, sock_state::syn_recv,
						     sock_state::close_wait}))
			tcp_begin_close(s);
		edu_k_sock_shutdown(home(s), bits);
		break;
	}
	edu_k_sock_state_change(home(s));
	return why;
}

void tcp_close(sock &base)
{
	tcp_sock &s = tcp_sk(base);
	sock_guard guard{home(s)};

	edu_k_sock_shutdown(home(s), both_shut);
	if (state_of(s) == sock_state::listen) {
		tcp_set_state(s, sock_state::close);
		tcp_unhash(s);
		tcp_listen_stop(s);
		tcp_clear_timers(s);
		tcp_set_dead(s);
	} else {
		tcp_close_data(s);
		if (edu_k_sock_flags(home(s)) & EDU_SOCK_LINGER)
			tcp_linger(s);
	}
	tcp_become_orphan(s);
	if (state_of(s) == sock_state::close)
		tcp_free_queues(s);
}

void tcp_disconnect(tcp_sock &s)
{
	constexpr int reset = static_cast<int>(errc::econnreset);
	const sock_state was = state_of(s);
	const bool unsent_fin = state_in(s, {sock_state::closing, sock_state::last_ack}) &&
				s.snd_nxt != s.write_seq;
	int error = 0;

	s.disconnects++;
	if (was == sock_state::listen) {
		tcp_set_state(s, sock_state::close);
		tcp_unhash(s);
		tcp_listen_stop(s);
		tcp_clear_timers(s);
		tcp_set_dead(s);
	} else if (was != sock_state::close) {
		if (tcp_needs_reset(was) || unsent_fin) {
			s.host->count(EDU_Tcp_AbortsOnData);
			tcp_send_active_reset(s);
			error = reset;
		} else if (was == sock_state::syn_sent) {
			error = reset;
		}
		tcp_done(s);
	}
	tcp_purge_sent(s);
	tcp_purge_received(s);
	if (!s.port_bound)
		tcp_put_port(s);
	write_once(s.daddr, {});
	write_once(s.dport, {});
	if (!s.addr_bound) {
		write_once(s.rcv_saddr, {});
		write_once(s.saddr, {});
	}
	sk_route_reset(s);
	const bool counted = s.orphan_counted;

	static_cast<tcp_connection &>(s) = tcp_connection{};
	s.orphan_counted = counted;
	if (edu_k_sock_flags(home(s)) & EDU_SOCK_DEAD)
		return;
	edu_k_sock_reset(home(s));
	if (error)
		edu_k_sock_report(home(s), error);
}

result<void> tcp_sleep(tcp_sock &s, int (*ready)(::sock *sk), edu_u64 &left, unsigned int how)
{
	const u32 before = s.disconnects;

	if (int error = edu_k_sock_wait(home(s), ready, &left, how))
		return from_errno(error);
	if (s.disconnects != before)
		return errc::epipe;
	return {};
}

/*
 * Ends that come by themselves
 */

void tcp_done(tcp_sock &s)
{
	const sock_state was = state_of(s);

	if (was == sock_state::close)
		return;
	tcp_set_state(s, sock_state::close);
	tcp_clear_timers(s);
	tcp_unhash(s);
	if (was == sock_state::syn_recv && s.parent)
		tcp_child_gone(s);
	if (!s.port_bound)
		tcp_put_port(s);
	edu_k_sock_shutdown(home(s), both_shut);
	if (s.orphan_counted) {
		s.orphan_counted = false;
		s.host->tcp.orphans.fetch_sub(1);
	}
	if (edu_k_sock_flags(home(s)) & EDU_SOCK_DEAD)
		tcp_free_queues(s);
	tcp_set_dead(s);
}

void tcp_fail(tcp_sock &s, int error)
{
	edu_k_sock_report(home(s), error);
	tcp_purge_sent(s);
	tcp_done(s);
}

void tcp_reset(tcp_sock &s)
{
	switch (state_of(s)) {
	case sock_state::close:
		return;
	case sock_state::syn_sent:
		return tcp_fail(s, static_cast<int>(errc::econnrefused));
	case sock_state::close_wait:
		return tcp_fail(s, static_cast<int>(errc::epipe));
	default:
		return tcp_fail(s, static_cast<int>(errc::econnreset));
	}
}

bool tcp_check_orphans(tcp_sock &s)
{
	if (s.host->tcp.orphans.load() <= s.host->tune(EDU_TUNE_tcp_max_orphans) &&
	    !edu_k_stream_pressure(home(s)))
		return false;
	tcp_abort(s, EDU_Tcp_AbortsOnMemory);
	return true;
}

} // namespace edu
