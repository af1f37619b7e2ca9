// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: loss told by time (RACK).
 *
 * Requirement: TCP-12. RFC 8985 6.2 (steps 2, 4 and 5), 6.3 in tcp_enter_loss(); its tail loss probe is sent in
 * tcp_retransmit.cc and judged in tcp_recovery.cc.
 *
 * Once a segment has arrived, what was sent before it should have too, but for some reordering. under_way has
 * the segments in the order of their sending, so only those that are given up are looked at, and one more.
 *
 * Locking: every function is called with the socket locked.
 */
#include "transport/tcp_ack.hh"
#include "transport/tcp_output.hh"

#include "stack.hh"

namespace edu {

namespace {

/* Recoveries that a widened window lasts (RFC 8985 6.2 step 4). */
constexpr u8 tcp_rack_persist = 16;

/* Was it sent before the one that has arrived? Of two sent at once, the lower number went first. */
bool tcp_sent_before_rack(const tcp_sock &s, const tcp_skb_cb &cb)
{
	const s32 earlier = static_cast<s32>(static_cast<u32>(s.rack_sent_us) - cb.sent_us);

	return earlier > 0 || (!earlier && cb.end_seq < s.rack_end_seq);
}

/* The peer had not got it yet when it sent the timestamp that came back: the first sending has arrived,
 * not the second. Both clocks are one, in microseconds and in milliseconds. */
bool tcp_echo_is_before(const tcp_sock &s, u32 trip_us, const tcp_ack_news &news)
{
	constexpr u32 us = 1000, rounding = 1;
	const u32 sent = tcp_timestamp(s.ts_offset) - trip_us / us - rounding;

	return news.has_echo && static_cast<s32>(news.echo - sent) < 0;
}

} // namespace

void tcp_rack_advance(tcp_sock &s, const tcp_skb_cb &cb, tcp_ack_news &news)
{
	const u32 trip = static_cast<u32>(news.now_us) - cb.sent_us;
	const u64 sent = news.now_us - trip;

	if (cb.sacked & tcp_sacked::ever_retrans &&
	    (trip < s.rack_min_rtt_us || tcp_echo_is_before(s, trip, news)))
		return;
	news.rack_advanced = true;
	s.rack_rtt_us = trip;
	if (sent > s.rack_sent_us || (sent == s.rack_sent_us && cb.end_seq > s.rack_end_seq)) {
		s.rack_sent_us = sent;
		s.rack_end_seq = cb.end_seq;
	}
}

/* While nothing was ever reordered, three that came later are proof enough, as without RACK. */
u32 tcp_rack_window(const tcp_sock &s)
{
	if (!s.rack_reorder_seen &&
	    (s.ca_state >= tcp_ca_state::recovery || s.dup_acks >= s.reordering ||
	     s.sacked_out >= u64{s.reordering} * s.mss_cache))
		return 0;
	const u64 window = u64{s.rack_min_rtt_us} / 4 * s.rack_reo_steps;

	return window < s.srtt_us ? static_cast<u32>(window) : s.srtt_us;
}

u32 tcp_rack_detect(tcp_sock &s, u64 now_us)
{
	const u64 patience = u64{s.rack_rtt_us} + tcp_rack_window(s);

	if (!s.rack_sent_us)
		return 0;
	while (sk_buff *skb = s.under_way.first) {
		const tcp_skb_cb &cb = tcp_cb(skb);
		const u32 age = static_cast<u32>(now_us) - cb.sent_us;

		if (!tcp_sent_before_rack(s, cb))
			break;
		if (age < patience) {
			/* By then all that was sent before has waited long enough. */
			const u64 least = now_us - s.rack_sent_us;

			return least < patience ? static_cast<u32>(patience - least) : 1;
		}
		tcp_mark_lost(s, skb);
	}
	return 0;
}

void tcp_rack_widen(tcp_sock &s)
{
	if (s.rack_dsack_round && s.snd_una < s.rack_round_end) /* once in a round trip */
		return;
	s.rack_dsack_round = true;
	s.rack_round_end = s.snd_nxt;
	s.rack_reo_persist = tcp_rack_persist;
	if (s.rack_reo_steps < 0xff)
		s.rack_reo_steps++;
}

void tcp_rack_recovered(tcp_sock &s)
{
	if (s.rack_reo_persist)
		s.rack_reo_persist--;
	if (!s.rack_reo_persist)
		s.rack_reo_steps = 1;
}

/* Not beyond the RTO, which goes on running. */
void tcp_rack_wait(tcp_sock &s, u32 us)
{
	const u64 left = tcp_rto_left_us(s);
	const u64 wait = us < left ? us : left;

	tcp_reset_retransmit_timer(s, tcp_timer_kind::reorder, (wait + 999) / 1000);
}

/* The shortest round trip of the last five minutes or so: a path may change. */
void tcp_note_min_rtt(tcp_sock &s, u32 us)
{
	constexpr u64 memory_ms = 300000;
	const u64 now = edu_k_now_ms();

	if (!us)
		us = 1;
	if (s.rack_min_rtt_us && us > s.rack_min_rtt_us && now - s.rack_min_rtt_ms < memory_ms)
		return;
	s.rack_min_rtt_us = us;
	s.rack_min_rtt_ms = now;
}

} // namespace edu
