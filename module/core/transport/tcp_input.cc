// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: the state machine: what a segment does to a connection.
 *
 * TLK "Making a Connection": "three packets to open, four to close"; 2.0's tcp_rcv() from its states on.
 * Requirements: TCP-5, TCP-6, TCP-8, TCP-12. RFC 9293 3.5, 3.6 and 3.10.7.3, 3.10.7.4 in their order (MUST-10
 * to MUST-13, MUST-15, MUST-59, MUST-66, SHLD-2), RFC 5961 3 (RST), 4 (SYN), RFC 7323 4.3 and 5
 * (timestamps, PAWS). Not here: ECN, Fast Open, security compartments.
 *
 * Where Linux is more lenient than the letter, so is this: a segment without octets may stand at the right
 * edge of the window, and one whose octets have all come lately is still believed in what it acknowledges; a
 * segment without the timestamp that both ends agreed on is taken (RFC 7323 3.2 would have it dropped, and
 * there are boxes on the way that cut options off).
 *
 * Locking: every function is called with the socket locked. A child of a listener, in SYN_RECV, takes the
 * lock of its listener's queue inside that.
 */
#include "transport/tcp_input.hh"
#include "transport/tcp_output.hh"

#include "stack.hh"

namespace edu {

namespace {

constexpr int tcp_refused = static_cast<int>(errc::econnrefused);

/*
 * Timestamps
 */

bool tcp_has_stamp(const tcp_sock &s, const tcp_segment &g)
{
	return s.tstamp_ok && g.opts.has_timestamps;
}

/* How far the segment's stamp is ahead of the one we echo. */
s32 tcp_stamp_progress(const tcp_sock &s, const tcp_segment &g)
{
	return static_cast<s32>(g.opts.ts_value - s.ts_recent);
}

/* After 24 days the peer's clock may have gone half around (RFC 7323 5.5). */
bool tcp_stamp_is_outdated(const tcp_sock &s)
{
	constexpr u64 days_24 = u64{24} * 24 * 3600 * 1000;

	return edu_k_now_ms() - s.ts_recent_ms > days_24;
}

/* RFC 7323 5.3, R1: an old duplicate. */
bool tcp_fails_paws(const tcp_sock &s, const tcp_segment &g)
{
	return tcp_has_stamp(s, g) && tcp_stamp_is_old(s.ts_recent, g.opts.ts_value) &&
	       !tcp_stamp_is_outdated(s);
}

void tcp_store_stamp(tcp_sock &s, const tcp_segment &g)
{
	s.ts_recent = g.opts.ts_value;
	s.ts_recent_ms = edu_k_now_ms();
}

/* RFC 7323 4.3: of segments that span what we acknowledged last, so that an ACK put off echoes the first
 * one it is for. */
void tcp_take_stamp(tcp_sock &s, const tcp_segment &g)
{
	if (!tcp_has_stamp(s, g))
		return;
	s.rcv_tsecr = g.opts.ts_echo;
	if (g.seq <= s.rcv_wup &&
	    (!tcp_stamp_is_old(s.ts_recent, g.opts.ts_value) || tcp_stamp_is_outdated(s)))
		tcp_store_stamp(s, g);
}

/*
 * The first checks (RFC 9293 3.10.7.4)
 */

/* Segments without octets may be answers to ours: two ends that disagree would go on for ever. */
bool tcp_may_answer(tcp_sock &s, const tcp_segment &g)
{
	const u64 now = edu_k_now_ms();

	if (g.len)
		return true;
	if (s.last_oow_ms && now - s.last_oow_ms < s.host->tune(EDU_TUNE_tcp_invalid_ratelimit_ms))
		return false;
	s.last_oow_ms = now;
	return true;
}

/* "If an incoming segment is not acceptable, an acknowledgment should be sent in reply". */
void tcp_answer_unacceptable(tcp_sock &s, const tcp_segment &g)
{
	if (g.len && g.seq < s.rcv_nxt) { /* our ACK has been lost, or is late */
		tcp_enter_quickack(s, tcp_most_quick_acks);
		tcp_note_duplicate(s, g.seq, seq32::earlier(g.end_seq(), s.rcv_nxt));
	}
	if (tcp_may_answer(s, g))
		tcp_send_ack(s);
}

/* From the octet acknowledged last to the edge of the window. At a window of zero, ACK, RST and URG still
 * count (MUST-66), though no octet does. */
bool tcp_is_in_window(const tcp_sock &s, const tcp_segment &g)
{
	return g.end_seq() >= s.rcv_wup && g.seq <= s.rcv_nxt + s.receive_window();
}

/* RFC 5961 3.2. Some stacks number the RST behind their FIN as the FIN itself. */
bool tcp_is_exact_reset(const tcp_sock &s, const tcp_segment &g)
{
	return g.seq == s.rcv_nxt ||
	       (g.seq == s.rcv_nxt - 1 &&
		state_in(s, {sock_state::close_wait, sock_state::closing, sock_state::last_ack}));
}

/* Second: the RST bit. What becomes of the segment. */
verdict tcp_check_reset(tcp_sock &s, const tcp_segment &g)
{
	if (!tcp_is_exact_reset(s, g)) {
		if (g.seq.in_window(s.rcv_nxt, s.receive_window()))
			tcp_send_challenge_ack(s);
		return verdict::drop(EDU_Tcp_DropRst);
	}
	/* MUST-11: an active open has been refused; a passive one just ends, its listener goes on. */
	if (state_of(s) == sock_state::syn_recv && !read_once(s.parent))
		tcp_fail(s, tcp_refused);
	else
		tcp_reset(s);
	return verdict::consumed();
}

/* The peer's SYN-ACK, while each end has answered the other's SYN (MUST-10): nothing but an ACK. */
bool tcp_syns_have_crossed(const tcp_sock &s, const tcp_segment &g)
{
	return state_of(s) == sock_state::syn_recv && !read_once(s.parent) &&
	       g.has(wire::tcp::flag::ack) && g.seq == s.irs && g.ack == s.snd_nxt && !g.len &&
	       !g.has(wire::tcp::flag::fin);
}

/* Fourth: the SYN bit. RFC 5961 4.2: whatever its number, it is only challenged. The peer's first SYN once
 * more means that our SYN-ACK was lost. */
verdict tcp_check_syn(tcp_sock &s, const tcp_segment &g)
{
	if (state_of(s) == sock_state::syn_recv && g.seq == s.irs && !g.has(wire::tcp::flag::ack)) {
		if (tcp_may_answer(s, g))
			(void)tcp_send_synack(s);
		return verdict::drop(EDU_Tcp_DropDuplicate);
	}
	tcp_send_challenge_ack(s);
	return verdict::drop(EDU_Tcp_DropSyn);
}

/* The checks in front of the acknowledgement. False: `what` becomes of the segment. */
bool tcp_passes_checks(tcp_sock &s, const tcp_segment &g, verdict &what)
{
	namespace flag = wire::tcp::flag;

	if (g.has(flag::rst)) { /* whatever its stamp */
		what = tcp_check_reset(s, g);
		return false;
	}
	if (g.has(flag::syn) && !tcp_syns_have_crossed(s, g)) {
		what = tcp_check_syn(s, g);
		return false;
	}
	if (tcp_fails_paws(s, g)) {
		what = verdict::drop(EDU_Tcp_DropPaws);
		tcp_answer_unacceptable(s, g);
		return false;
	}
	if (!tcp_is_in_window(s, g)) {
		what = verdict::drop(EDU_Tcp_DropOutOfWindow);
		tcp_answer_unacceptable(s, g);
		return false;
	}
	if (!g.has(flag::ack)) {
		what = verdict::drop(EDU_Tcp_DropNoAck);
		return false;
	}
	return true;
}

/*
 * The last steps: text and FIN, and what we send for it
 */

/* What has become possible to send, and the ACK (MUST-59: after all else). */
void tcp_after_segment(tcp_sock &s)
{
	if (state_of(s) == sock_state::close)
		return;
	tcp_data_snd_check(s);
	tcp_ack_snd_check(s);
}

/* Octets that we have not had, behind the end of what the program wants to know (RFC 9293 3.6.1; 2.0: "data
 * after close"). */
bool tcp_comes_after_close(const tcp_sock &s, const tcp_segment &g)
{
	return g.len && g.seq + g.len > s.rcv_nxt;
}

/* The peer hears that nobody will read it (SHLD-3), or that there can be none behind its FIN. */
verdict tcp_abort_after_close(tcp_sock &s, const tcp_segment &g, edu_counter why)
{
	s.host->count(why);
	tcp_send_reset(*s.host, g);
	tcp_reset(s);
	return verdict::drop(EDU_Tcp_DropAfterClose);
}

/* Seventh and eighth. */
verdict tcp_take_text(tcp_sock &s, const tcp_segment &g, skb_ptr &packet)
{
	switch (state_of(s)) {
	case sock_state::close_wait:
	case sock_state::closing:
	case sock_state::last_ack:
		/* What came before the FIN may come again. Nothing comes behind it. */
		if (g.seq >= s.rcv_nxt)
			return g.len ? verdict::drop(EDU_Tcp_DropAfterClose) : verdict::consumed();
		if (tcp_comes_after_close(s, g))
			return tcp_abort_after_close(s, g, EDU_Tcp_AbortsOnData);
		break;
	case sock_state::fin_wait1:
	case sock_state::fin_wait2:
		if (shutdown_of(s) & rcv_shut && tcp_comes_after_close(s, g))
			return tcp_abort_after_close(s, g, EDU_Tcp_AbortsOnData);
		break;
	default:
		break;
	}
	return tcp_data_queue(s, g, packet);
}

/* Sixth and on. */
verdict tcp_take_rest(tcp_sock &s, const tcp_segment &g, skb_ptr &packet)
{
	if (state_in(s, {sock_state::established, sock_state::fin_wait1, sock_state::fin_wait2}))
		tcp_take_urgent(s, g, packet);
	const verdict what = tcp_take_text(s, g, packet);

	tcp_after_segment(s);
	return what;
}

/*
 * Opening
 */

/* The round trip of our SYN, microseconds; -1: nobody knows. One that was sent twice says nothing (MUST-18),
 * but for the peer's echo of its stamp. */
s64 tcp_handshake_rtt(const tcp_sock &s, const tcp_segment &g)
{
	constexpr u32 most_ms = 0x7fffffff / 1000;

	if (!s.retransmits && s.syn_sent_us)
		return static_cast<s64>(tcp_now_us() - s.syn_sent_us);
	if (tcp_has_stamp(s, g) && g.opts.ts_echo) {
		const u32 ms = tcp_timestamp(s.ts_offset) - g.opts.ts_echo;

		if (ms < most_ms)
			return ms ? s64{ms} * 1000 : 1000;
	}
	return -1;
}

/* The peer has acknowledged our SYN: it can be data's turn. The window of a SYN is not scaled (RFC 7323 2.2). */
void tcp_syn_is_acknowledged(tcp_sock &s, const tcp_segment &g)
{
	const s64 rtt = tcp_handshake_rtt(s, g);

	s.snd_una = s.iss + 1;
	s.snd_up = s.snd_una;
	s.snd_wl1 = g.seq;
	s.snd_wnd = g.has(wire::tcp::flag::syn) ? g.window : u32{g.window} << s.snd_wscale;
	if (s.max_window < s.snd_wnd)
		s.max_window = s.snd_wnd;
	s.last_ack_ms = edu_k_now_ms();
	s.soft_error = 0;
	if (state_in(s, {sock_state::syn_sent, sock_state::syn_recv}))
		tcp_set_state(s, sock_state::established);
	tcp_init_transfer(s, rtt);
	tcp_init_buffers(s);
}

/* The options and the number of the peer's SYN; what it does not offer is not used (RFC 7323 1.3). */
void tcp_take_syn(tcp_sock &s, const tcp_segment &g)
{
	const edu_stack &host = *s.host;
	const wire::tcp::options &o = g.opts;
	constexpr u32 unscaled = 0xffff;

	s.irs = g.seq;
	write_once_seq(s.rcv_nxt, g.seq + 1);
	write_once_seq(s.copied_seq, s.rcv_nxt);
	s.rcv_wup = s.rcv_nxt;
	s.snd_wl1 = g.seq;
	s.snd_wnd = s.max_window = g.window;
	s.wscale_ok = o.has_window_scale && host.tune(EDU_TUNE_tcp_window_scaling);
	s.sack_ok = o.sack_permitted && host.tune(EDU_TUNE_tcp_sack);
	s.tstamp_ok = o.has_timestamps && host.tune(EDU_TUNE_tcp_timestamps);
	if (s.wscale_ok) {
		s.snd_wscale = o.window_scale;
	} else {
		s.snd_wscale = s.rcv_wscale = 0;
		s.window_clamp = tcp_min(s.window_clamp, unscaled);
		s.rcv_wnd = tcp_min(s.rcv_wnd, unscaled);
		s.rcv_ssthresh = tcp_min(s.rcv_ssthresh, unscaled);
	}
	if (s.tstamp_ok) {
		s.rcv_tsecr = o.ts_echo;
		tcp_store_stamp(s, g);
	}
	/* MUST-15 */
	s.mss_clamp = o.mss ? o.mss : wire::tcp::default_mss;
	if (s.user_mss && s.user_mss < s.mss_clamp)
		s.mss_clamp = s.user_mss;
}

/* What a SYN-ACK or a SYN brings behind its SYN. */
tcp_segment tcp_behind_syn(const tcp_segment &g)
{
	tcp_segment rest = g;

	rest.seq += 1;
	rest.flags &= static_cast<u8>(~wire::tcp::flag::syn);
	return rest;
}

/* SYN_SENT, a SYN-ACK: we are connected. The ACK goes out at once, on data if there is some. */
verdict tcp_connected(tcp_sock &s, const tcp_segment &g, skb_ptr &packet)
{
	tcp_syn_is_acknowledged(s, g);
	tcp_finish_connect(s);
	tcp_ack_now(s);
	return tcp_take_rest(s, tcp_behind_syn(g), packet);
}

/* RFC 9293 3.10.7.3. */
verdict tcp_rcv_syn_sent(tcp_sock &s, const tcp_segment &g, skb_ptr &packet)
{
	namespace flag = wire::tcp::flag;
	const bool has_ack = g.has(flag::ack);

	/* First: only our SYN is under way. */
	if (has_ack && g.ack != s.snd_nxt) {
		tcp_send_reset(*s.host, g);
		return verdict::drop(g.has(flag::rst) ? EDU_Tcp_DropRst : EDU_Tcp_DropAckUnsent);
	}
	/* Second; RFC 5961 3.2: it must acknowledge our SYN. */
	if (g.has(flag::rst)) {
		if (!has_ack)
			return verdict::drop(EDU_Tcp_DropRst);
		tcp_reset(s);
		return verdict::consumed();
	}
	/* Fourth and fifth. */
	if (!g.has(flag::syn))
		return verdict::drop(EDU_Tcp_DropNoSyn);
	tcp_take_syn(s, g);
	if (has_ack)
		return tcp_connected(s, g, packet);
	/* MUST-10: both ends open at once. Octets of this SYN are not acknowledged, and come again. */
	tcp_set_state(s, sock_state::syn_recv);
	(void)tcp_send_synack(s); /* the timer sends another */
	return verdict::consumed();
}

/* TCP_DEFER_ACCEPT: the program wants to hear of a connection when its data is there. */
bool tcp_waits_for_data(const tcp_sock &s, const tcp_segment &g)
{
	return s.defer_accept > s.retransmits && !g.len && !g.has(wire::tcp::flag::fin);
}

/* Fifth, while our SYN-ACK is under way. False: `what` becomes of the segment. */
bool tcp_complete_handshake(tcp_sock &s, const tcp_segment &g, verdict &what)
{
	const bool child = read_once(s.parent);

	if (g.ack != s.snd_nxt) {
		tcp_send_reset(*s.host, g);
		what = verdict::drop(s.snd_nxt < g.ack ? EDU_Tcp_DropAckUnsent :
							 EDU_Tcp_DropOldAck);
		return false;
	}
	if (child && tcp_waits_for_data(s, g)) {
		what = verdict::consumed();
		return false;
	}
	if (child && !tcp_child_established(s)) {
		what = verdict::drop(state_of(s) == sock_state::close ? EDU_Tcp_DropClosed :
									EDU_Tcp_DropListenOverflow);
		return false;
	}
	tcp_take_stamp(s, g);
	tcp_syn_is_acknowledged(s, g);
	if (!child)
		tcp_finish_connect(s);
	if (g.has(wire::tcp::flag::syn))
		tcp_ack_now(s);
	return true;
}

/*
 * Closing
 */

bool tcp_our_fin_is_acknowledged(const tcp_sock &s)
{
	return s.fin_queued && s.snd_una == s.write_seq;
}

/* The peer's FIN is waited for. Without a program, a record does that, for a while. False: the socket is
 * gone, and `what` becomes of the segment. */
bool tcp_enter_fin_wait2(tcp_sock &s, const tcp_segment &g, verdict &what)
{
	const u64 ms = tcp_fin_time(s);

	tcp_set_state(s, sock_state::fin_wait2);
	if (!tcp_is_dead(s)) {
		edu_k_sock_state_change(home(s)); /* a close() that lingers */
		return true;
	}
	if (s.linger2_ms < 0 || tcp_comes_after_close(s, g)) {
		what = tcp_abort_after_close(
			s, g, s.linger2_ms < 0 ? EDU_Tcp_AbortsOnLinger : EDU_Tcp_AbortsOnData);
		return false;
	}
	if (g.has(wire::tcp::flag::fin)) { /* here it is, unless octets before it are missing */
		s.fin_wait_ends_ms = edu_k_now_ms() + ms;
		tcp_reset_keepalive_timer(s, ms);
		return true;
	}
	tcp_time_wait(s, sock_state::fin_wait2, ms);
	what = verdict::consumed();
	return false;
}

/* Fifth, continued: what follows from the acknowledgement of our FIN. False as above. */
bool tcp_close_goes_on(tcp_sock &s, const tcp_segment &g, verdict &what)
{
	if (!tcp_our_fin_is_acknowledged(s))
		return true;
	what = verdict::consumed();
	switch (state_of(s)) {
	case sock_state::fin_wait1:
		return tcp_enter_fin_wait2(s, g, what);
	case sock_state::closing: /* MUST-13 */
		tcp_time_wait(s, sock_state::time_wait, s.host->tune(EDU_TUNE_tcp_time_wait_ms));
		return false;
	case sock_state::last_ack:
		tcp_done(s);
		return false;
	default:
		return true;
	}
}

/*
 * ESTABLISHED, the short way (header prediction): the next octets or the next ACK, and nothing else is new
 */

bool tcp_is_predicted(const tcp_sock &s, const tcp_segment &g)
{
	namespace flag = wire::tcp::flag;
	constexpr u8 telling = flag::fin | flag::syn | flag::rst | flag::ack | flag::urg;

	return (g.flags & telling) == flag::ack && g.seq == s.rcv_nxt && g.ack <= s.snd_nxt &&
	       g.ack >= s.snd_una && u32{g.window} << s.snd_wscale == s.snd_wnd &&
	       !g.opts.sack_count && !s.urg_data && g.len <= s.receive_window() && s.rcv_wnd &&
	       !(tcp_has_stamp(s, g) && tcp_stamp_progress(s, g) < 0);
}

/* Does tcp_ack() have anything to do? */
bool tcp_ack_says_nothing(const tcp_sock &s, const tcp_segment &g)
{
	return g.len && g.ack == s.snd_una && !s.flight() && !s.write_queue.first && !s.probes_out;
}

verdict tcp_rcv_predicted(tcp_sock &s, const tcp_segment &g, skb_ptr &packet)
{
	s.host->count(EDU_Tcp_InHeaderPredicted);
	if (tcp_ack_says_nothing(s, g)) {
		s.snd_wl1 = g.seq;
	} else if (verdict what = tcp_ack(s, g); what.is_drop()) {
		return what;
	}
	tcp_take_stamp(s, g);
	if (!g.len) {
		tcp_data_snd_check(s);
		return verdict::consumed();
	}
	const verdict what = tcp_data_queue(s, g, packet);

	tcp_after_segment(s);
	return what;
}

} // namespace

verdict tcp_rcv_established(tcp_sock &s, const tcp_segment &segment, skb_ptr &packet)
{
	verdict what = verdict::consumed();

	if (tcp_is_predicted(s, segment)) [[likely]]
		return tcp_rcv_predicted(s, segment, packet);
	if (!tcp_passes_checks(s, segment, what))
		return what;
	if (what = tcp_ack(s, segment); what.is_drop())
		return what;
	tcp_take_stamp(s, segment);
	return tcp_take_rest(s, segment, packet);
}

verdict tcp_rcv_state_process(tcp_sock &s, const tcp_segment &segment, skb_ptr &packet)
{
	verdict what = verdict::consumed();

	if (state_of(s) == sock_state::syn_sent)
		return tcp_rcv_syn_sent(s, segment, packet);
	if (!tcp_passes_checks(s, segment, what))
		return what;
	if (state_of(s) == sock_state::syn_recv || tcp_syn_is_out(s)) {
		if (!tcp_complete_handshake(s, segment, what))
			return what;
	} else {
		if (what = tcp_ack(s, segment); what.is_drop())
			return what;
		tcp_take_stamp(s, segment);
	}
	if (!tcp_close_goes_on(s, segment, what))
		return what;
	return tcp_take_rest(s, segment, packet);
}

} // namespace edu
