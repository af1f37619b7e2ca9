// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: octets sent again, and probes of a peer that is silent.
 *
 * TLK: "a message that is not acknowledged is sent again" (TCP-5). Requirements: TCP-5, TCP-12. RFC 9293
 * 3.8.1, 3.8.6 (MUST-34, SHLD-15 to SHLD-17), 3.8.6.1 (MUST-35 to MUST-37, SHLD-29, SHLD-30), 3.8.4
 * (SHLD-12: a keepalive probe has no data); RFC 8985 7 (tail loss probes).
 * What is lost is decided in tcp_ack.cc and tcp_recovery.cc, when in tcp_timer.cc.
 *
 * A probe of a closed window is a segment without data whose number the peer has acknowledged already:
 * nobody may take it, and everybody must answer it with an ACK that tells the window (RFC 9293 3.10.7.4).
 * So it works like the octet of new data that the RFC speaks of, and none is thrown away by the peer.
 *
 * Locking: every function is called with the socket locked.
 */
#include "transport/tcp_output.hh"

#include "stack.hh"

namespace edu {

namespace {

/* What has been acknowledged of it needs no second journey; there was no memory before to cut it off. False:
 * there is none now. */
bool tcp_trim_acked(tcp_sock &s, sk_buff *skb)
{
	tcp_skb_cb &cb = tcp_cb(skb);

	if (edu_k_stream_trim_head(home(s), skb, static_cast<u32>(s.snd_una - cb.seq)))
		return false;
	cb.seq = s.snd_una;
	return true;
}

/* Octets that the peer's window has room for, whole segments if it can be. A peer that has shrunk its
 * window gets nothing beyond it (SHLD-16); the first segment goes all the same, as a probe. 0: none. */
u32 tcp_resend_room(const tcp_sock &s, const tcp_skb_cb &cb, u32 mss, u32 most)
{
	const s32 window = s.window_end() - cb.seq;

	if (window <= 0)
		return cb.seq == s.snd_una ? mss : 0;
	const u32 room = tcp_min(static_cast<u32>(window), most < mss ? mss : most);

	return room < mss ? room : room - room % mss;
}

/* It becomes at most so long; the rest stays behind it in rtx_queue. */
bool tcp_shorten(tcp_sock &s, sk_buff *skb, u32 len)
{
	if (skb_len(skb) <= len)
		return true;
	sk_buff *rest = tcp_split(s, skb, len);

	if (rest)
		edu_k_skb_tree_insert(&s.rtx_queue, rest);
	return rest;
}

/* The counter of a reason, as edu_k_trace_tcp_retransmit() names them. */
edu_counter tcp_retransmit_counter(const char *why)
{
	switch (why[0]) {
	case 'f':
		return EDU_Tcp_FastRetrans;
	case 'r':
		return EDU_Tcp_RtoRetrans;
	default:
		return EDU_Tcp_TlpProbes;
	}
}

void tcp_count_resent(tcp_sock &s, sk_buff *skb, u32 mss, u32 packets, const char *why)
{
	edu_stack &host = *s.host;
	tcp_skb_cb &cb = tcp_cb(skb);

	cb.sent_us = static_cast<u32>(tcp_now_us());
	cb.sacked |= tcp_sacked::ever_retrans;
	cb.mss = static_cast<u16>(mss);
	edu_k_count_add(host.net, EDU_Tcp_RetransSegs, packets);
	host.count(tcp_retransmit_counter(why));
	s.total_retrans += packets;
	s.bytes_retrans += skb_len(skb);
	if (edu_k_trace_on) [[unlikely]] {
		const edu_tcp_ends ends = tcp_ends(s);

		edu_k_trace_tcp_retransmit(host.net, &ends, cb.seq.raw(), skb_len(skb), why);
	}
}

} // namespace

errc tcp_resend(tcp_sock &s, sk_buff *skb, u32 most, const char *why, u32 *packets)
{
	tcp_skb_cb &cb = tcp_cb(skb);
	tcp_path path;

	if (edu_k_stream_in_flight(home(s), skb))
		return errc::ebusy;
	if (cb.end_seq <= s.snd_una)
		return errc::einval;
	if (cb.seq < s.snd_una && !tcp_trim_acked(s, skb))
		return errc::enomem;
	if (auto found = tcp_find_path(s, path); !found)
		return found.error();
	const u32 mss = tcp_mss_on(s, path);
	const u32 room = tcp_resend_room(s, cb, mss, tcp_min(most, tcp_large_most(path, mss)));

	if (!room)
		return errc::eagain;
	if (!tcp_shorten(s, skb, s.urg_mode ? tcp_min(room, mss) : room))
		return errc::enomem;
	const errc failed = tcp_transmit_data(s, path, skb, mss);

	if (failed != errc::none)
		return failed;
	*packets = skb_len(skb) > mss ? (skb_len(skb) + mss - 1) / mss : 1;
	tcp_count_resent(s, skb, mss, *packets, why);
	tcp_score_resent(s, skb, false);
	return errc::none;
}

int tcp_retransmit_skb(tcp_sock &s, sk_buff *skb, const char *why)
{
	const u32 pipe = s.pipe();
	u32 packets = 0;
	const errc failed = tcp_resend(s, skb, s.cwnd > pipe ? s.cwnd - pipe : 0, why, &packets);

	if (failed != errc::none)
		return static_cast<int>(failed);
	tcp_score_resent(s, skb, true);
	if (!s.retrans_since_ms)
		s.retrans_since_ms = edu_k_now_ms();
	if (s.undo_retrans != 0xffffffff)
		s.undo_retrans += packets;
	return 0;
}

/*
 * A closed window, an idle peer
 */

namespace {

/* What the window has room for of the first sk_buff: the timer overrides the avoidance of silly windows
 * and the cork (MUST-38's "override timeout", MUST-60). */
errc tcp_send_what_fits(tcp_sock &s, sk_buff *skb)
{
	const u32 window = static_cast<u32>(s.window_end() - tcp_cb(skb).seq);
	tcp_path path;

	if (auto found = tcp_find_path(s, path); !found)
		return found.error();
	const u32 mss = tcp_mss_on(s, path);

	return tcp_send_first(s, path, tcp_min(skb_len(skb), tcp_min(window, mss)), mss);
}

/* No octet that the peer would take; but an answer is due. */
errc tcp_send_old_number(tcp_sock &s)
{
	/* The urgent pointer is told whatever the window (MUST-66 of the other end). */
	if (s.urg_mode && s.snd_up > s.snd_una && s.snd_up - s.snd_una <= 0xffff)
		(void)tcp_transmit_control(s, wire::tcp::flag::ack, s.snd_una);
	return tcp_transmit_control(s, wire::tcp::flag::ack, s.snd_una - 1);
}

} // namespace

int tcp_write_wakeup(tcp_sock &s)
{
	sk_buff *skb = s.write_queue.first;

	if (state_of(s) == sock_state::close)
		return static_cast<int>(errc::enotconn);
	if (skb && tcp_cb(skb).seq < s.window_end() && tcp_may_push(s))
		return static_cast<int>(tcp_send_what_fits(s, skb));
	return static_cast<int>(tcp_send_old_number(s));
}

/* SHLD-30: each comes after twice the time of the one before. */
void tcp_send_probe(tcp_sock &s)
{
	const edu_stack &host = *s.host;
	const u32 most = host.tune(EDU_TUNE_tcp_rto_max_ms);
	const int failed = tcp_write_wakeup(s);
	u64 wait = tcp_local_retry_ms;

	if (s.flight() || !s.write_queue.first) { /* it was no probe, but data */
		s.probes_out = s.backoff = 0;
		if (s.write_queue.first)
			tcp_push_pending(s);
		return;
	}
	if (!failed)
		s.host->count(EDU_Tcp_OutProbes);
	/* One that has not left says nothing of the peer, and ends nothing. */
	if (!tcp_is_local_failure(errc{failed})) {
		if (s.probes_out < 0xff)
			s.probes_out++;
		wait = tcp_backed_off(s.rto_ms, s.backoff + 1u, most);
		if (s.backoff < host.tune(EDU_TUNE_tcp_retries2))
			s.backoff++;
	}
	if (s.user_timeout_ms) {
		const u64 waited = edu_k_now_ms() - s.probe_since_ms;
		const u64 left = waited < s.user_timeout_ms ? s.user_timeout_ms - waited : 1;

		wait = wait < left ? wait : left;
	}
	tcp_reset_retransmit_timer(s, tcp_timer_kind::probe, wait);
}

/*
 * The end of a flight: nothing behind it would show its loss (RFC 8985 7)
 */

u64 tcp_rto_left_us(const tcp_sock &s)
{
	sk_buff *oldest = edu_k_skb_tree_first(&s.rtx_queue);
	const u64 rto_us = u64{s.rto_ms} * 1000;

	if (!oldest)
		return rto_us;
	const u32 age = static_cast<u32>(tcp_now_us()) - tcp_cb(oldest).sent_us;

	return age < rto_us ? rto_us - age : 0;
}

/* RFC 8985 7.2. False: the RTO is to be set. */
bool tcp_schedule_loss_probe(tcp_sock &s)
{
	constexpr u32 ack_delay_us = 200000, unmeasured_us = 1000000, least_us = 2000;

	if (!s.sack_ok || s.ca_state != tcp_ca_state::open || s.sacked_out || s.tlp_pending ||
	    !s.flight() || !s.host->tune(EDU_TUNE_tcp_recovery))
		return false;
	u64 wait = unmeasured_us;

	if (s.srtt_us) {
		wait = u64{s.srtt_us} * 2;
		/* The peer may hold back the ACK of a single segment. */
		wait += s.flight() <= s.mss_cache ? ack_delay_us : least_us;
	}
	const u64 left = tcp_rto_left_us(s);

	if (wait > left)
		wait = left;
	tcp_reset_retransmit_timer(s, tcp_timer_kind::tail_loss, (wait + 999) / 1000);
	return true;
}

namespace {

/* RFC 8985 7.3: a segment of new data if there is one and the peer has room; else the last one again. */
errc tcp_probe_tail(tcp_sock &s)
{
	sk_buff *fresh = s.write_queue.first, *last = edu_k_skb_tree_last(&s.rtx_queue);
	u32 packets = 0;

	const u32 wanted = fresh ? tcp_min(skb_len(fresh), s.mss_cache) : 0;

	if (fresh && tcp_cb(fresh).seq + (wanted ? wanted : 1) <= s.window_end()) {
		s.tlp_retrans = false;
		s.host->count(EDU_Tcp_TlpProbes);
		return tcp_send_what_fits(s, fresh);
	}
	s.tlp_retrans = true;
	if (const u32 len = skb_len(last), mss = tcp_current_mss(s); len > mss) {
		sk_buff *tail = tcp_split(s, last, (len - 1) / mss * mss);

		if (!tail)
			return errc::enomem;
		edu_k_skb_tree_insert(&s.rtx_queue, tail);
		last = tail;
	}
	return tcp_resend(s, last, 0, "probe", &packets);
}

} // namespace

void tcp_send_loss_probe(tcp_sock &s)
{
	if (!edu_k_skb_tree_last(&s.rtx_queue))
		return;
	u64 ms = (tcp_rto_left_us(s) + 999) / 1000;

	if (!s.tlp_pending && tcp_probe_tail(s) == errc::none) {
		s.tlp_pending = true;
		s.tlp_high_seq = s.snd_nxt;
		ms = s.rto_ms;
	}
	tcp_reset_retransmit_timer(s, tcp_timer_kind::retransmit, ms);
}

} // namespace edu
