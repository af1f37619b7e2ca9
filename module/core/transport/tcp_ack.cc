// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: an acknowledgement arrives.
 *
 * TLK: "every message received intact is acknowledged" (TCP-5). Requirements: TCP-5, TCP-12. RFC 9293 3.10.7.4,
 * fifth (what is acceptable, the window; MUST-1, MUST-34, SHLD-15 to SHLD-17), 3.8.1 (MUST-18 by RFC 6298 and
 * Karn); RFC 5961 5 (acknowledgements of what lies too far back, or was never sent); RFC 7323 4.1 to 4.3
 * (round trips by timestamps); RFC 5681 2 (what a duplicate ACK is), 3.1 (initial window by RFC 6928); RFC 6298;
 * RFC 1122 2.3.2.1 (progress shows that the next hop is alive).
 *
 * A segment's news is gathered in a tcp_ack_news: the window, SACK blocks, what has left rtx_queue, the round
 * trip. Then tcp_recovery.cc judges it, cwnd changes, and the timer is set for what is left.
 *
 * Locking: every function is called with the socket locked.
 */
#include "transport/tcp_ack.hh"
#include "transport/tcp_output.hh"

#include "stack.hh"

namespace edu {

namespace tcp_flag = wire::tcp::flag;

/*
 * Round trips (RFC 6298)
 */

void tcp_rtt_sample(tcp_sock &s, u32 us)
{
	constexpr u32 most_samples = 16; /* ACKs of one flight, at most: large segments make few */
	const u32 flight = s.flight() / (2u * s.mss_cache) + 1;
	const tcp_rtt rtt =
		tcp_rtt_after({s.srtt_us, s.rttvar_us}, us, tcp_min(flight, most_samples));

	s.srtt_us = rtt.srtt;
	s.rttvar_us = rtt.rttvar;
	s.backoff = 0; /* 5.7 and Karn: only now */
	tcp_update_rto(s);
}

void tcp_update_rto(tcp_sock &s)
{
	const edu_stack &host = *s.host;
	const u32 most = host.tune(EDU_TUNE_tcp_rto_max_ms);

	s.rto_ms = s.srtt_us ? tcp_rto_of({s.srtt_us, s.rttvar_us},
					  host.tune(EDU_TUNE_tcp_rto_min_ms), most) :
			       tcp_min(host.tune(EDU_TUNE_tcp_rto_init_ms), most);
}

void tcp_init_transfer(tcp_sock &s, s64 rtt_us)
{
	constexpr u32 after_lost_syn_ms = 3000; /* RFC 6298 5.7 */
	const edu_stack &host = *s.host;
	const bool syn_was_lost = s.total_retrans;

	tcp_stop_retransmit_timer(s);
	s.retransmits = s.backoff = s.probes_out = 0;
	s.retrans_since_ms = 0;
	s.trouble_told = false;
	tcp_update_rto(s);
	if (rtt_us >= 0) {
		const u32 us = rtt_us < 0xffffffff ? static_cast<u32>(rtt_us) : 0xffffffff;

		tcp_note_min_rtt(s, us);
		tcp_rtt_sample(s, us);
	}
	if (syn_was_lost && s.rto_ms < after_lost_syn_ms)
		s.rto_ms = after_lost_syn_ms;
	tcp_current_mss(s);
	s.high_sacked = s.judged_seq = s.snd_una;
	s.high_seq = s.snd_una - 1; /* no recovery has been before */
	s.reordering = host.tune(EDU_TUNE_tcp_reordering);
	s.ca_state = tcp_ca_state::open;
	s.cwnd = tcp_initial_window_of(host.tune(EDU_TUNE_tcp_initial_cwnd), s.mss_cache,
				       syn_was_lost);
	s.ssthresh = tcp_no_ssthresh;
	s.cwnd_credit = 0;
	if (!s.ca)
		s.ca = tcp_congestion_default(host);
	if (s.ca->init)
		s.ca->init(s);
	if (edu_k_sock_flags(home(s)) & EDU_SOCK_KEEPALIVE)
		tcp_set_keepalive(s, true);
	tcp_trace_cong(s, "open");
}

namespace {

/* In a loss only of what was sent since the timeout: else the ACK may be the second, the first having been
 * lost. The RTO stays backed off until there is a better sample. */
bool tcp_echo_is_fresh(const tcp_sock &s, const tcp_ack_news &news)
{
	return news.has_echo && news.echo &&
	       (s.ca_state != tcp_ca_state::loss ||
		static_cast<s32>(news.echo - s.timeout_stamp) >= 0);
}

/*
 * The clocks of a round trip: of octets that were sent but once. Not of those that come with some that were sent
 * again: they may have waited behind a hole (Karn; MUST-18). SACK tells them apart, and so does the timestamp
 * that comes back (RFC 7323 4.1: only with new octets).
 */
void tcp_measure(tcp_sock &s, const tcp_ack_news &news)
{
	constexpr u32 us_in_ms = 1000, most_ms = 0xffffffff / us_in_ms;
	s64 us = -1, newest = -1;

	if (news.oldest_us >= 0 && !news.retrans_acked) {
		us = news.oldest_us;
		newest = news.newest_us;
	} else if (news.sacked_us >= 0) {
		us = newest = news.sacked_us;
	}
	if (us >= 0) {
		tcp_note_min_rtt(s, static_cast<u32>(newest));
	} else if (news.acked && tcp_echo_is_fresh(s, news)) {
		const u32 ms = tcp_timestamp(s.ts_offset) - news.echo;

		if (ms < most_ms)
			us = newest = (ms ? ms : 1) * s64{us_in_ms};
	}
	if (us < 0)
		return;
	tcp_rtt_sample(s, static_cast<u32>(us));
	if (s.ca->rtt)
		s.ca->rtt(s, static_cast<u32>(newest));
}

/*
 * The window
 */

/*
 * RFC 9293: SND.WL2 =< SEG.ACK is true of every ACK that comes here, so SND.WL1 decides; and new octets prove
 * that a segment is newer, even if its own number is not. A window may shrink (MUST-34, SHLD-15): what is under
 * way beyond it is sent again as usual (SHLD-17), and what has not been sent waits (SHLD-16).
 */
void tcp_take_window(tcp_sock &s, const tcp_segment &segment, u32 window)
{
	if (segment.ack <= s.snd_una && segment.seq < s.snd_wl1)
		return;
	s.snd_wl1 = segment.seq;
	s.snd_wnd = window;
	if (window > s.max_window)
		s.max_window = window;
}

/* Data that waited for a closed window may go now: the next probe would begin with the first wait. If it is
 * closed still, the timer goes on: the peer has answered, and no more (MUST-37). */
void tcp_take_probe_answer(tcp_sock &s)
{
	sk_buff *skb = s.write_queue.first;

	if (s.timer_kind != tcp_timer_kind::probe || edu_k_skb_tree_first(&s.rtx_queue))
		return;
	if (skb) {
		const s32 room = s.window_end() - tcp_cb(skb).seq;
		const u32 wanted = tcp_min(skb_len(skb), s.mss_cache);

		if (room <= 0 || static_cast<u32>(room) < wanted)
			return;
	}
	s.backoff = 0;
	s.probe_since_ms = 0;
	tcp_stop_retransmit_timer(s);
}

/*
 * What has arrived
 */

void tcp_free_acked(tcp_sock &s, sk_buff *skb)
{
	tcp_score_unlink(s, skb);
	edu_k_skb_tree_remove(&s.rtx_queue, skb);
	edu_k_stream_free(home(s), skb);
}

/* Without memory it stays as long as it is; the scoreboard knows. */
void tcp_trim_first(tcp_sock &s, sk_buff *skb)
{
	const u32 octets = static_cast<u32>(s.snd_una - tcp_cb(skb).seq);

	if (!edu_k_stream_trim_head(home(s), skb, octets))
		tcp_cb(skb).seq = s.snd_una;
}

/* rtx_queue up to snd_una: octets, and our FIN. */
void tcp_clean_rtx_queue(tcp_sock &s, tcp_ack_news &news)
{
	while (sk_buff *skb = edu_k_skb_tree_first(&s.rtx_queue)) {
		const tcp_skb_cb &cb = tcp_cb(skb);

		if (cb.seq >= s.snd_una)
			break;
		const bool whole = cb.end_seq <= s.snd_una;
		const s32 ahead =
			(whole ? cb.end_seq : s.snd_una) - seq32::later(cb.seq, news.prior_una);
		const u32 octets = ahead > 0 ? static_cast<u32>(ahead) : 0;

		if (!(cb.sacked & tcp_sacked::sacked))
			tcp_note_arrival(s, cb, octets, false, news);
		tcp_score_acked(s, skb, octets);
		s.space_freed = true;
		if (!whole) {
			tcp_trim_first(s, skb);
			break;
		}
		tcp_free_acked(s, skb);
	}
}

/* The urgent octet has arrived; and numbers that are only compared must not be left half a circle behind. */
void tcp_carry_marks(tcp_sock &s)
{
	constexpr s32 far = 1 << 29;

	if (s.snd_up < s.snd_una) {
		s.snd_up = s.snd_una;
		s.urg_mode = false;
	} else if (s.snd_up == s.snd_una) {
		s.urg_mode = false;
	}
	if (s.ca_state >= tcp_ca_state::recovery)
		return;
	if (s.snd_una > s.high_seq)
		s.high_seq = s.snd_una - 1;
	if (s.judged_seq < s.snd_una) {
		s.judged_seq = s.snd_una;
		s.judged_sacked = 0;
	}
	if (s.undo_valid && s.snd_una - s.undo_end > far)
		s.undo_valid = false;
	if (s.rack_dsack_round && s.snd_una >= s.rack_round_end)
		s.rack_dsack_round = false;
}

/* snd_una moves. */
void tcp_progress(tcp_sock &s, seq32 ack, tcp_ack_news &news)
{
	constexpr u32 second_ms = 1024;
	const u64 now = edu_k_now_ms();

	news.acked = static_cast<u32>(ack - s.snd_una);
	s.snd_una = ack;
	s.bytes_acked += news.acked;
	s.retransmits = 0;
	s.retrans_since_ms = 0;
	s.trouble_told = false;
	if (now / second_ms != s.last_ack_ms / second_ms) { /* RFC 1122 2.3.2.1 (4) */
		rcu_guard guard;
		rtable *route = s.ip_route_cache.load();

		if (route && route->rt_neigh)
			arp_confirm(*route->rt_neigh);
	}
}

/*
 * Afterwards
 */

/* cwnd grows only while it is what holds us back; in a loss it does. In a recovery it shrinks. */
void tcp_control_cwnd(tcp_sock &s, const tcp_ack_news &news, tcp_ca_state before)
{
	constexpr u32 most = 1u << 30; /* no window is larger (RFC 7323 2.3) */
	const bool slow_start = tcp_in_slow_start(s);

	if (s.ca_state == tcp_ca_state::recovery) {
		tcp_reduce_gradually(s, news);
		return;
	}
	if (!news.acked || before == tcp_ca_state::recovery ||
	    (!s.cwnd_limited && s.ca_state != tcp_ca_state::loss))
		return;
	if (s.cwnd < most)
		s.ca->cong_avoid(s, news.delivered);
	if (slow_start && !tcp_in_slow_start(s))
		tcp_trace_cong(s, "exit");
}

/* RFC 6298 5.2, 5.3: for what is left; a tail loss probe comes before, if it may. */
void tcp_set_timer(tcp_sock &s, const tcp_ack_news &news)
{
	const bool left = edu_k_skb_tree_first(&s.rtx_queue);
	const bool waits = s.timer_kind == tcp_timer_kind::reorder; /* for reordering */
	const bool in_vain = s.timer_kind == tcp_timer_kind::tail_loss &&
			     s.ca_state != tcp_ca_state::open;

	if (news.timer_set || !(news.acked || waits || in_vain))
		return;
	if (waits && left && !news.rack_advanced) /* no news of what it waits for */
		return;
	if (s.timer_kind == tcp_timer_kind::probe && !left)
		return;
	if (!tcp_schedule_loss_probe(s))
		tcp_rearm_rto(s);
}

/* New octets instead of old ones, if F-RTO wants to know what becomes of them. */
void tcp_repair(tcp_sock &s, const tcp_ack_news &news)
{
	if (news.try_new) {
		tcp_push(s, tcp_nagle::off);
		if (s.snd_nxt > s.high_seq)
			return;
		s.frto = false;
	}
	if (s.to_resend.first)
		tcp_retransmit_lost(s);
}

/* Plain progress needs no judgement. */
bool tcp_is_plain(const tcp_sock &s, const tcp_ack_news &news)
{
	return s.ca_state == tcp_ca_state::open && !news.duplicate && !news.dsack &&
	       !(s.sacked_out | s.lost_out | s.retrans_out) && !news.newly_sacked;
}

/* Everything but the window. */
void tcp_take_ack(tcp_sock &s, const tcp_segment &segment, tcp_ack_news &news)
{
	const tcp_ca_state before = s.ca_state;

	news.now_us = tcp_now_us();
	news.prior_una = s.snd_una;
	news.prior_high_sacked = s.high_sacked;
	if (segment.ack > s.snd_una)
		tcp_progress(s, segment.ack, news);
	if (s.sack_ok && segment.opts.sack_count)
		tcp_take_sack(s, segment, news);
	if (news.acked) {
		tcp_clean_rtx_queue(s, news);
		tcp_carry_marks(s);
	}
	if (news.delivered)
		tcp_after_arrivals(s, news);
	if (s.tlp_pending)
		tcp_take_probe_ack(s, segment.ack, news);
	if (news.delivered)
		tcp_measure(s, news);
	if (!tcp_is_plain(s, news))
		tcp_judge_ack(s, news);
	tcp_control_cwnd(s, news, before);
	tcp_set_timer(s, news);
	tcp_repair(s, news);
}

/* RFC 5681 2: something is under way, and this says nothing new: neither of octets nor of the window. */
bool tcp_is_duplicate(const tcp_sock &s, const tcp_segment &segment, u32 window)
{
	return segment.ack == s.snd_una && !segment.len && window == s.snd_wnd && s.flight() &&
	       !segment.has(tcp_flag::syn) && !segment.has(tcp_flag::fin);
}

/* How far behind SND.UNA an ACK may be: RFC 5961 has MAX.SND.WND; and of what we never sent there is none. */
u32 tcp_oldest_ack(const tcp_sock &s)
{
	const u64 acked = s.bytes_acked + !s.passive; /* and the SYN, if it opened the connection */

	return acked < s.max_window ? static_cast<u32>(acked) : s.max_window;
}

/* RFC 9293 3.10.7.4 with RFC 5961 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT. */
bool tcp_ack_is_acceptable(const tcp_sock &s, const tcp_segment &segment, edu_counter &why)
{
	if (segment.ack > s.snd_nxt) {
		why = EDU_Tcp_DropAckUnsent;
		return false;
	}
	if (segment.ack < s.snd_una - tcp_oldest_ack(s)) {
		why = EDU_Tcp_DropOldAck;
		return false;
	}
	return true;
}

} // namespace

verdict tcp_ack(tcp_sock &s, const tcp_segment &segment)
{
	edu_counter why;
	tcp_ack_news news;

	if (!tcp_ack_is_acceptable(s, segment, why)) [[unlikely]] {
		tcp_send_challenge_ack(s);
		return verdict::drop(why);
	}
	if (s.tstamp_ok && segment.opts.has_timestamps) {
		news.has_echo = true;
		news.echo = s.rcv_tsecr = segment.opts.ts_echo;
	}
	if (segment.ack >= s.snd_una) {
		const u32 window = segment.has(tcp_flag::syn) ? segment.window :
								u32{segment.window} << s.snd_wscale;

		news.duplicate = tcp_is_duplicate(s, segment, window);
		tcp_take_window(s, segment, window);
		s.probes_out = 0;
		s.soft_error = 0;
	}
	tcp_take_ack(s, segment, news);
	s.last_ack_ms = edu_k_now_ms();
	tcp_take_probe_answer(s);
	return verdict::consumed();
}

void tcp_data_snd_check(tcp_sock &s)
{
	tcp_push_pending(s);
	if (s.space_freed) {
		s.space_freed = false;
		tcp_check_space(s);
	}
}

} // namespace edu
