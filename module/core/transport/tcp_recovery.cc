// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: what is lost, how it is repaired, and what it was not after all.
 *
 * TLK: "without acknowledgement it is sent again" (TCP-5). Requirements: TCP-5, TCP-12. RFC 9293 3.8.2
 * (MUST-19); RFC 5681 3.1 (timeout), 3.2 (fast retransmit); RFC 6582 (NewReno, without SACK; its timer is
 * restarted by every partial ACK, as RFC 6298 5.3 says); RFC 6675 (with SACK, but without RACK; not its rules 3
 * and 4 of NextSeg, which send again what is not known to be lost); RFC 3042 (limited transmit: what a
 * duplicate ACK says has left the network is out of pipe(), and new octets go instead); RFC 6937 (PRR);
 * RFC 8985 6.3, 7.4 (RACK at a timeout, tail loss probes); RFC 5682 (F-RTO); RFC 3522, 4015 and 3708 (a loss
 * that was none, by timestamps or D-SACKs).
 * Not here: ECN; the limit on reductions by FlightSize growth of RFC 7661.
 *
 * Phases. open: all is well. disorder: something is missing, but may only be late. recovery: something is lost, and
 * sent again while acknowledgements come. loss: they no longer came, and a timeout began anew with one
 * segment. The last two end when all that was under way at their beginning (high_seq) is acknowledged.
 *
 * Without SACK, each duplicate ACK stands for one packet of sacked_out, though nobody knows which.
 *
 * Locking: every function is called with the socket locked.
 */
#include "transport/tcp_ack.hh"
#include "transport/tcp_output.hh"

#include "stack.hh"

namespace edu {

void tcp_trace_cong(const tcp_sock &s, const char *what)
{
	if (edu_k_trace_on) [[unlikely]] {
		const edu_tcp_ends ends = tcp_ends(s);

		edu_k_trace_tcp_cong(s.host->net, &ends, what, s.cwnd, s.ssthresh, s.srtt_us);
	}
}

void tcp_set_ca_state(tcp_sock &s, tcp_ca_state next)
{
	static constexpr const char *names[] = {"open", "disorder", "open", "recovery", "loss"};

	if (s.ca_state == next)
		return;
	if (s.ca->set_state)
		s.ca->set_state(s, next);
	s.ca_state = next;
	tcp_trace_cong(s, names[static_cast<u8>(next)]);
}

namespace {

bool tcp_uses_rack(const tcp_sock &s)
{
	return s.sack_ok && s.host->tune(EDU_TUNE_tcp_recovery);
}

/*
 * Reductions of cwnd, and taking them back
 */

/* What must be known to take it back. */
void tcp_begin_undo(tcp_sock &s)
{
	s.undo_valid = true;
	s.undo_marker = s.snd_una;
	s.undo_end = s.snd_nxt;
	s.undo_stamp = tcp_timestamp(s.ts_offset);
	s.undo_retrans = (s.retrans_out + s.mss_cache - 1) / s.mss_cache;
	if (s.tlp_pending && s.tlp_retrans)
		s.undo_retrans++;
	s.prior_cwnd = s.cwnd;
	s.prior_ssthresh = s.ssthresh;
	s.reduced_us = tcp_now_us();
}

/* A retransmission was lost as well: cwnd and ssthresh are lowered once more (RFC 5681 4.3), by the same part;
 * once in a round trip. */
void tcp_reduce_again(tcp_sock &s, u64 now_us)
{
	const u32 flight = tcp_flight_at_loss(s), least = 2u * s.mss_cache;

	if (now_us - s.reduced_us <= s.srtt_us || !flight)
		return;
	const u64 lower = u64{s.ssthresh} * s.ca->ssthresh(s) / flight;

	s.reduced_us = now_us;
	s.undo_valid = s.frto = false;
	if (lower < s.ssthresh)
		s.ssthresh = lower > least ? static_cast<u32>(lower) : least;
	if (s.ca_state != tcp_ca_state::recovery) {
		s.cwnd = tcp_min(s.cwnd, s.ssthresh);
		return;
	}
	s.high_seq = s.snd_nxt;
	s.prr_flight = s.pipe();
	s.prr_delivered = s.prr_out = 0;
	if (s.ca->set_state)
		s.ca->set_state(s, tcp_ca_state::recovery);
	tcp_trace_cong(s, "recovery");
}

/* RFC 4015: ssthresh is what had been reached; cwnd goes there, at once or, where that would be a burst, by
 * slow start. */
void tcp_undo(tcp_sock &s)
{
	const u32 initial = s.host->tune(EDU_TUNE_tcp_initial_cwnd) * s.mss_cache;
	const u32 reached = s.prior_cwnd > s.prior_ssthresh ? s.prior_cwnd : s.prior_ssthresh;
	const u32 burst = s.prior_cwnd / 2 > initial ? s.prior_cwnd / 2 : initial;

	tcp_unmark_lost(s);
	const u32 cwnd = tcp_min(s.ca->undo(s), s.pipe() + burst);

	if (cwnd > s.cwnd)
		s.cwnd = cwnd;
	if (reached > s.ssthresh)
		s.ssthresh = reached;
	s.undo_valid = false;
	s.frto = false;
	s.undone_us = tcp_now_us();
	s.host->count(EDU_Tcp_Undos);
	tcp_trace_cong(s, "undo");
}

/* RFC 3522: what we thought lost has been acknowledged, and the echo of the timestamp is older than all that
 * was sent again: the first sending had arrived, late. */
bool tcp_came_late(const tcp_sock &s, const tcp_ack_news &news)
{
	return s.undo_valid && news.acked && news.lost_acked && news.has_echo &&
	       static_cast<s32>(news.echo - s.undo_stamp) < 0;
}

/* Taking back means a walk over all that is under way, and a peer may say so as often as it likes: of a long
 * queue once in a round trip is enough. */
bool tcp_may_undo(const tcp_sock &s, const tcp_ack_news &news)
{
	constexpr u32 few = 64, least_us = 1000;

	return s.rtx_queue.length <= few ||
	       news.now_us - s.undone_us > (s.srtt_us > least_us ? s.srtt_us : least_us);
}

bool tcp_was_needless(const tcp_sock &s, const tcp_ack_news &news)
{
	return s.undo_valid && (news.all_needless || tcp_came_late(s, news)) &&
	       tcp_may_undo(s, news);
}

/* Calm, or nearly. */
void tcp_settle(tcp_sock &s)
{
	const bool missing = s.sacked_out || s.lost_out || s.retrans_out;

	tcp_set_ca_state(s, missing ? tcp_ca_state::disorder : tcp_ca_state::open);
}

/*
 * Without SACK: duplicate ACKs
 */

/* Something of what is under way has not arrived. */
void tcp_limit_guessed(tcp_sock &s)
{
	const u32 missing = s.lost_out > s.mss_cache ? s.lost_out : s.mss_cache;
	const u32 most = s.flight() > missing ? s.flight() - missing : 0;

	if (s.sacked_out > most)
		s.sacked_out = most;
}

void tcp_guess_arrival(tcp_sock &s, tcp_ack_news &news)
{
	const u32 before = s.sacked_out;

	s.sacked_out += s.mss_cache;
	tcp_limit_guessed(s);
	if (s.sacked_out > before) {
		news.delivered += s.sacked_out - before;
		s.delivered += s.sacked_out - before;
	}
}

/* Of what is acknowledged now, one packet was missing; the rest had been guessed, as far as it was. */
void tcp_take_back_guesses(tcp_sock &s, tcp_ack_news &news)
{
	const u32 rest = news.acked > s.mss_cache ? news.acked - s.mss_cache : 0;
	const u32 guessed = tcp_min(rest, s.sacked_out);

	s.sacked_out -= guessed;
	news.delivered -= tcp_min(guessed, news.delivered);
	s.delivered -= guessed;
	tcp_limit_guessed(s);
}

void tcp_forget_guesses(tcp_sock &s)
{
	s.dup_acks = 0;
	if (!s.sack_ok)
		s.sacked_out = 0;
}

void tcp_count_dup_ack(tcp_sock &s, tcp_ack_news &news)
{
	if (news.acked)
		tcp_forget_guesses(s);
	if (s.sack_ok ? news.newly_sacked && !news.acked : news.duplicate) {
		s.dup_acks++;
		if (!s.sack_ok)
			tcp_guess_arrival(s, news);
	}
}

/*
 * What is lost
 */

/* The first packet that has not arrived. */
void tcp_mark_first_lost(tcp_sock &s)
{
	sk_buff *skb = edu_k_skb_tree_first(&s.rtx_queue);

	if (!skb || tcp_cb(skb).sacked & tcp_sacked::lost)
		return;
	const s32 before = s.snd_una - tcp_cb(skb).seq;
	const u32 len = tcp_cb(skb).mss + (before > 0 ? static_cast<u32>(before) : 0);

	if (skb_len(skb) > len)
		if (sk_buff *rest = tcp_split(s, skb, len))
			edu_k_skb_tree_insert(&s.rtx_queue, rest);
	tcp_mark_lost(s, skb);
}

/* RFC 6675's IsLost(): so much above it has arrived. judged_seq only goes forward. */
void tcp_mark_lost_by_sacks(tcp_sock &s)
{
	const u64 enough = u64{s.reordering - 1} * s.mss_cache;

	if (s.judged_seq < s.snd_una) {
		s.judged_seq = s.snd_una;
		s.judged_sacked = 0;
	}
	sk_buff *skb = edu_k_skb_tree_find(&s.rtx_queue, s.judged_seq.raw());

	if (skb && tcp_cb(skb).seq < s.judged_seq)
		skb = edu_k_skb_tree_next(&s.rtx_queue, skb);
	for (; skb && s.sacked_out - s.judged_sacked > enough;
	     skb = edu_k_skb_tree_next(&s.rtx_queue, skb)) {
		const tcp_skb_cb &cb = tcp_cb(skb);

		if (cb.sacked & tcp_sacked::sacked)
			s.judged_sacked += tcp_span(s, cb);
		else if (!(cb.sacked & tcp_sacked::retrans))
			tcp_mark_lost(s, skb);
		s.judged_seq = cb.end_seq;
	}
}

void tcp_find_losses(tcp_sock &s, tcp_ack_news &news)
{
	const s32 waiting = tcp_waiting(s);
	const u32 resent = s.retrans_out;

	if (!s.sack_ok) {
		if (s.ca_state == tcp_ca_state::recovery && news.acked) /* a partial ACK */
			tcp_mark_first_lost(s);
	} else if (!tcp_uses_rack(s)) {
		tcp_mark_lost_by_sacks(s);
	} else if (news.rack_advanced) {
		if (const u32 wait = tcp_rack_detect(s, news.now_us)) {
			tcp_rack_wait(s, wait);
			news.timer_set = true;
		}
	}
	news.newly_lost |= tcp_waiting(s) > waiting;
	news.retrans_lost |= s.retrans_out < resent;
}

/* Is it time for a fast retransmission? Without SACK, duplicates may come from what a recovery before has
 * sent in vain: not until more than it is acknowledged (RFC 6582 3.2 step 1). */
bool tcp_must_recover(const tcp_sock &s)
{
	const bool many = s.dup_acks >= s.reordering;

	if (s.sack_ok)
		return s.lost_out || (many && !tcp_uses_rack(s));
	return many && s.snd_una > s.high_seq;
}

/*
 * The phases
 */

void tcp_judge_open(tcp_sock &s, tcp_ack_news &news)
{
	tcp_count_dup_ack(s, news);
	if (tcp_was_needless(s, news)) /* the recovery before */
		tcp_undo(s);
	tcp_find_losses(s, news);
	if (tcp_must_recover(s))
		tcp_enter_recovery(s);
	else
		tcp_settle(s);
}

/* It ends. Without SACK, what is under way is what is left of cwnd (RFC 6582 3.2 step 3). */
void tcp_leave_recovery(tcp_sock &s)
{
	const u32 mss = s.mss_cache;

	s.cwnd = s.ssthresh;
	if (!s.sack_ok) {
		const u32 flight = s.flight() > mss ? s.flight() : mss;

		s.cwnd = tcp_min(s.ssthresh, flight + mss);
	}
	s.cwnd_credit = 0;
	tcp_rack_recovered(s);
}

void tcp_judge_recovery(tcp_sock &s, tcp_ack_news &news)
{
	const bool needless = tcp_was_needless(s, news);
	const bool over = s.snd_una >= s.high_seq;

	if (!s.sack_ok && news.acked)
		tcp_take_back_guesses(s, news);
	else if (!s.sack_ok && news.duplicate)
		tcp_guess_arrival(s, news);
	if (needless || over) {
		if (needless)
			tcp_undo(s);
		else
			tcp_leave_recovery(s);
		tcp_forget_guesses(s);
		tcp_set_ca_state(s, tcp_ca_state::open);
		tcp_judge_open(s, news);
		return;
	}
	tcp_find_losses(s, news);
	if (news.retrans_lost)
		tcp_reduce_again(s, news.now_us);
}

/* RFC 5682: the ACKs after a timeout tell whether it was needless. True: it was. */
bool tcp_judge_frto(tcp_sock &s, tcp_ack_news &news)
{
	/* What was never sent again has arrived after the timeout. If it came with what was, it may have been
	 * there before, behind the hole that is filled now, unless SACK or a timestamp says otherwise. */
	const bool filled =
		news.retrans_acked &&
		(!s.sack_ok || (news.has_echo && static_cast<s32>(news.echo - s.undo_stamp) >= 0));

	if (news.orig_acked && s.snd_una > s.undo_marker && !filled)
		return true;
	if (s.snd_nxt > s.high_seq) { /* new octets are out (step 3) */
		if (news.newly_sacked || news.duplicate) {
			s.frto = false;
			s.cwnd = 3u * s.mss_cache; /* two are out, and one goes again */
		}
	} else if (news.acked && s.snd_una < s.high_seq) { /* step 2b */
		s.high_seq = s.snd_nxt;
		s.frto = s.write_queue.first && s.window_end() > s.snd_nxt;
		news.try_new = s.frto;
	} else if (news.duplicate && !s.sack_ok) { /* step 2a */
		s.frto = false;
	}
	return false;
}

void tcp_judge_loss(tcp_sock &s, tcp_ack_news &news)
{
	if (!s.sack_ok) /* duplicate ACKs tell little now: much is sent a second time */
		s.sacked_out = 0;
	const bool by_frto = s.frto && tcp_judge_frto(s, news) && tcp_may_undo(s, news);
	const bool needless = by_frto || tcp_was_needless(s, news);

	if (needless || s.snd_una >= s.high_seq) {
		if (by_frto)
			s.host->count(EDU_Tcp_SpuriousRtos);
		if (needless)
			tcp_undo(s);
		else
			tcp_rack_recovered(s);
		s.frto = false;
		tcp_forget_guesses(s);
		tcp_set_ca_state(s, tcp_ca_state::open);
		tcp_judge_open(s, news);
		return;
	}
	tcp_find_losses(s, news);
	if (news.retrans_lost)
		tcp_reduce_again(s, news.now_us);
}

/* RFC 2018 8: the ACK stands at octets that were sacked: the peer has thrown them away. The timeout comes
 * soon, unless it was only about to acknowledge them. */
bool tcp_peer_reneged(tcp_sock &s, tcp_ack_news &news)
{
	constexpr u32 least_ms = 10;
	sk_buff *first = edu_k_skb_tree_first(&s.rtx_queue);
	const u32 half_trip = s.srtt_us / 2000;

	if (!s.sack_ok || !news.acked || !first || !(tcp_cb(first).sacked & tcp_sacked::sacked))
		return false;
	tcp_reset_retransmit_timer(s, tcp_timer_kind::retransmit,
				   half_trip > least_ms ? half_trip : least_ms);
	news.timer_set = true;
	return true;
}

} // namespace

void tcp_judge_ack(tcp_sock &s, tcp_ack_news &news)
{
	if (tcp_peer_reneged(s, news)) [[unlikely]]
		return;
	if (news.dsack && !news.dsack_of_probe)
		tcp_rack_widen(s);
	switch (s.ca_state) {
	case tcp_ca_state::recovery:
		return tcp_judge_recovery(s, news);
	case tcp_ca_state::loss:
		return tcp_judge_loss(s, news);
	default:
		return tcp_judge_open(s, news);
	}
}

void tcp_enter_recovery(tcp_sock &s)
{
	tcp_begin_undo(s);
	s.ssthresh = s.ca->ssthresh(s);
	s.high_seq = s.snd_nxt;
	s.prr_flight = s.flight();
	s.prr_delivered = s.prr_out = 0;
	s.cwnd_credit = 0;
	s.tlp_pending = false;
	if (!s.lost_out)
		tcp_mark_first_lost(s);
	tcp_set_ca_state(s, tcp_ca_state::recovery);
}

void tcp_reduce_gradually(tcp_sock &s, const tcp_ack_news &news)
{
	const u32 mss = s.mss_cache;

	if (!news.delivered && s.prr_out)
		return;
	s.prr_delivered += news.delivered;
	s.cwnd = s.pipe() + tcp_prr_room({
				    .delivered = news.delivered,
				    .prr_delivered = s.prr_delivered,
				    .prr_out = s.prr_out,
				    .pipe = s.pipe(),
				    .ssthresh = s.ssthresh,
				    .recover_flight = s.prr_flight,
				    .mss = mss,
				    .progress = news.acked && !news.newly_lost,
			    });
	if (s.cwnd < mss)
		s.cwnd = mss;
}

namespace {

/* cwnd answers as to a loss, but nothing is to be repaired. */
void tcp_reduce_at_once(tcp_sock &s)
{
	tcp_begin_undo(s);
	s.undo_valid = false;
	s.ssthresh = s.ca->ssthresh(s);
	if (s.ca->set_state)
		s.ca->set_state(s, tcp_ca_state::cwr);
	s.cwnd = tcp_min(s.cwnd, s.ssthresh);
	s.cwnd_credit = 0;
	tcp_trace_cong(s, "recovery");
}

} // namespace

/* It is full of what we send, if of anything; and so once in a round trip, as to losses. */
void tcp_answer_full_queue(tcp_sock &s)
{
	if (s.ca_state < tcp_ca_state::recovery && s.flight() &&
	    tcp_now_us() - s.reduced_us > s.srtt_us)
		tcp_reduce_at_once(s);
}

/* The probe has filled a hole at the end of a flight: there was a loss, and cwnd answers as to any. */
void tcp_take_probe_ack(tcp_sock &s, seq32 ack, const tcp_ack_news &news)
{
	if (ack < s.tlp_high_seq)
		return;
	/* The peer had it twice: nothing was lost. */
	const bool twice = ack == s.tlp_high_seq && news.duplicate && !news.newly_sacked;

	if (!s.tlp_retrans || news.dsack_of_probe || twice) {
		s.tlp_pending = false;
	} else if (ack > s.tlp_high_seq) {
		s.tlp_pending = false;
		if (s.ca_state >= tcp_ca_state::recovery) /* it has answered */
			return;
		tcp_reduce_at_once(s);
	}
}

/*
 * Timeouts
 */

namespace {

/* Is this the first timeout of this flight? Then ssthresh is made anew (RFC 5681 3.1, equation 4); not for
 * what a timeout has sent again already, nor within the window of a recovery. */
bool tcp_is_new_loss(const tcp_sock &s)
{
	return s.ca_state < tcp_ca_state::recovery || s.snd_una >= s.high_seq ||
	       (s.ca_state == tcp_ca_state::loss && !s.retransmits);
}

/* RFC 8985 6.3: but for what was sent of late. RFC 2018 8 would have all SACKs forgotten; they are kept
 * (RFC 6675 5.1) unless the first one shows that the peer has reneged. */
void tcp_mark_all_lost(tcp_sock &s)
{
	sk_buff *first = edu_k_skb_tree_first(&s.rtx_queue);
	const u32 now = static_cast<u32>(tcp_now_us());
	const bool by_time = tcp_uses_rack(s) && s.rack_rtt_us;

	if (first && tcp_cb(first).sacked & tcp_sacked::sacked) {
		s.host->count(EDU_Tcp_SackReneged);
		tcp_forget_sacks(s);
	}
	for (sk_buff *skb = first; skb; skb = edu_k_skb_tree_next(&s.rtx_queue, skb)) {
		const bool of_late = by_time && skb != first &&
				     now - tcp_cb(skb).sent_us < s.rack_rtt_us;

		if (!of_late)
			tcp_mark_lost(s, skb);
	}
}

} // namespace

void tcp_enter_loss(tcp_sock &s)
{
	const u32 usual = s.host->tune(EDU_TUNE_tcp_reordering);
	const bool calm = s.ca_state < tcp_ca_state::recovery;

	/* So much was overtaken, and it was a loss all the same: we believe in too much reordering. */
	if (calm && s.reordering > usual && s.sacked_out >= u64{usual} * s.mss_cache)
		s.reordering = usual;
	if (tcp_is_new_loss(s)) {
		tcp_begin_undo(s);
		s.ssthresh = s.ca->ssthresh(s);
	} else if (!s.retransmits) { /* the first timeout within a recovery: no more than that */
		s.ssthresh = tcp_min(s.ssthresh, s.ca->ssthresh(s));
	}
	/* RFC 5682 2.1 step 1 and 2.2: not if the timeout broke into a recovery. */
	s.frto = calm || (s.ca_state == tcp_ca_state::loss && s.retransmits);
	tcp_forget_guesses(s);
	tcp_mark_all_lost(s);
	s.high_seq = s.snd_nxt;
	s.timeout_stamp = tcp_timestamp(s.ts_offset);
	s.tlp_pending = false;
	tcp_set_ca_state(s, tcp_ca_state::loss);
	s.cwnd = s.mss_cache;
	s.cwnd_credit = 0;
}

void tcp_rack_timeout(tcp_sock &s)
{
	tcp_ack_news news;
	const s32 waiting = tcp_waiting(s);
	const u32 resent = s.retrans_out;

	news.now_us = tcp_now_us();
	const u32 wait = tcp_rack_detect(s, news.now_us);

	if (s.retrans_out < resent)
		tcp_reduce_again(s, news.now_us);
	if (tcp_waiting(s) > waiting) {
		news.newly_lost = true;
		if (s.ca_state < tcp_ca_state::recovery)
			tcp_enter_recovery(s);
		if (s.ca_state == tcp_ca_state::recovery)
			tcp_reduce_gradually(s, news);
		tcp_retransmit_lost(s);
	}
	if (wait)
		tcp_rack_wait(s, wait);
}

/*
 * Sending again
 */

/* Segments that were lost not by congestion (the path's MTU has shrunk): the phase is that of a loss, so that
 * its end is seen, but cwnd stays. */
static void tcp_enter_plain_loss(tcp_sock &s)
{
	s.high_seq = s.snd_nxt;
	s.undo_valid = false;
	s.frto = false;
	s.ca_state = tcp_ca_state::loss;
	tcp_trace_cong(s, "loss");
}

void tcp_retransmit_lost(tcp_sock &s)
{
	sk_buff *skb = s.to_resend.first;

	if (skb && s.ca_state < tcp_ca_state::recovery)
		tcp_enter_plain_loss(s);
	const bool recovering = s.ca_state == tcp_ca_state::recovery;

	while (skb) {
		const u32 pipe = s.pipe(), one = tcp_min(skb_len(skb), s.mss_cache);
		const bool oldest = skb == edu_k_skb_tree_first(&s.rtx_queue);

		if (pipe + one > s.cwnd) {
			s.cwnd_limited = true;
			break;
		}
		if (tcp_retransmit_skb(s, skb, recovering ? "fast" : "rto"))
			break;
		if (recovering)
			s.prr_out += skb_len(skb);
		if (oldest && s.timer_kind != tcp_timer_kind::reorder)
			tcp_rearm_rto(s);
		skb = s.to_resend.first;
	}
	if (s.timer_kind == tcp_timer_kind::none)
		tcp_rearm_rto(s);
}

void tcp_purge_sent(tcp_sock &s)
{
	while (sk_buff *skb = edu_k_skb_tree_first(&s.rtx_queue)) {
		edu_k_skb_tree_remove(&s.rtx_queue, skb);
		edu_k_stream_free(home(s), skb);
	}
	while (sk_buff *skb = edu_k_skb_dequeue(&s.write_queue))
		edu_k_stream_free(home(s), skb);
	s.under_way = s.to_resend = {};
	s.sacked_out = s.lost_out = s.retrans_out = s.judged_sacked = 0;
	s.dup_acks = 0;
	s.undo_valid = s.frto = s.tlp_pending = false;
}

} // namespace edu
