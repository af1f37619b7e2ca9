// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: what may leave, and when.
 *
 * TLK "TCP" under "The INET Socket Layer"; 2.0's net/ipv4/tcp_output.c. Requirements: TCP-2, TCP-5, TCP-8,
 * TCP-12. RFC 9293 3.7.4 (SHLD-7: Nagle's algorithm as Minshall has it: one small segment under way at a
 * time), 3.8.6.2.1 (MUST-38), 3.9.1.2 (MUST-60, MUST-61), 3.10.5 (RST of an abort); RFC 5681 4.1 (restart
 * after a pause); RFC 5961 5 (challenge ACKs); RFC 7323 and 2018 (what a SYN offers).
 * Not here: TCP Fast Open, pacing, and a limit on what one connection may have in the device's queue
 * beyond its congestion window (Linux's "small queues").
 *
 * A buffer of write_queue may be as long as many segments. It leaves in one piece as far as the windows
 * allow, and moves to rtx_queue.
 *
 * Locking: every function is called with the socket locked. IP and the device are called with it held.
 */
#include "transport/tcp_output.hh"

#include "stack.hh"

namespace edu {

namespace tcp_flag = wire::tcp::flag;

/* A peer that has shrunk its window would not take an ACK that stands beyond it. */
seq32 tcp_acceptable_seq(const tcp_sock &s)
{
	const s32 beyond = s.snd_nxt - s.window_end();

	/* Our SYN stands beyond a window of zero. The peer's may also be a little more than the scale
	 * lets it say. */
	if (tcp_syn_is_out(s) || beyond <= 0 || (s.wscale_ok && beyond < 1 << s.snd_wscale))
		return s.snd_nxt;
	return s.window_end();
}

/*
 * Data
 */

/* A program can overdraw the send buffer by one large sk_buff; the cuts may cost as much again. */
bool tcp_is_cut_enough(const tcp_sock &s)
{
	constexpr u32 large_skb = 66 * 1024; /* truesize of one that is full */

	return edu_k_stream_queued(home(s)) / 2 > u64{edu_k_sock_sndbuf(home(s))} + 2 * large_skb;
}

namespace {

/* In rtx_queue the first and the last always, so that the connection goes on. */
bool tcp_may_split(const tcp_sock &s, sk_buff *skb)
{
	return !(tcp_cb(skb).sacked & tcp_sacked::sent) || !tcp_is_cut_enough(s) ||
	       skb == edu_k_skb_tree_first(&s.rtx_queue) ||
	       skb == edu_k_skb_tree_last(&s.rtx_queue);
}

} // namespace

sk_buff *tcp_split(tcp_sock &s, sk_buff *skb, u32 len)
{
	constexpr u8 of_the_end = tcp_flag::fin | tcp_flag::psh;
	sk_buff *rest = tcp_may_split(s, skb) ?
				edu_k_stream_split(home(s), skb, len, EDU_GFP_ATOMIC) :
				nullptr;

	if (!rest)
		return nullptr;
	tcp_skb_cb &front = tcp_cb(skb), &back = tcp_cb(rest);

	back.seq = front.seq + len;
	front.end_seq = back.seq;
	front.flags &= static_cast<u8>(~of_the_end);
	front.sacked &= static_cast<u8>(~tcp_sacked::end_of_record);
	tcp_score_split(s, skb, rest);
	return rest;
}

bool tcp_may_push(const tcp_sock &s)
{
	return state_in(s, {sock_state::established, sock_state::close_wait, sock_state::fin_wait1,
			    sock_state::last_ack, sock_state::closing}) &&
	       !tcp_syn_is_out(s);
}

void tcp_note_failure(tcp_sock &s, errc why)
{
	switch (why) {
	case errc::enetunreach:
	case errc::ehostunreach:
	case errc::enetdown:
	case errc::eacces:
		s.soft_error = static_cast<int>(why);
		break;
	default:
		break;
	}
}

bool tcp_owes_fin(const tcp_sock &s)
{
	return !s.fin_queued &&
	       state_in(s, {sock_state::fin_wait1, sock_state::last_ack, sock_state::closing});
}

namespace {

/* RFC 5681 4.1: after a pause of an RTO, what is known of the path is old, and a burst of a whole window
 * would hit it. cwnd goes back to the restart window; ssthresh remembers what it was. */
void tcp_restart_after_idle(tcp_sock &s)
{
	const edu_stack &host = *s.host;

	if (s.flight() || !s.lsndtime_ms || !host.tune(EDU_TUNE_tcp_slow_start_after_idle) ||
	    edu_k_now_ms() - s.lsndtime_ms <= s.rto_ms)
		return;
	const u64 initial = u64{host.tune(EDU_TUNE_tcp_initial_cwnd)} * s.mss_cache;

	if (s.cwnd > initial) {
		const u32 most = s.cwnd / 2 + s.cwnd / 4;

		if (s.ssthresh < most)
			s.ssthresh = most;
		s.cwnd = static_cast<u32>(initial);
		s.cwnd_credit = 0;
	}
	if (s.ca && s.ca->idle)
		s.ca->idle(s);
}

/* What the congestion window leaves; with nothing under way always a segment. */
u32 tcp_cwnd_room(const tcp_sock &s, u32 mss)
{
	const u32 pipe = s.pipe();
	const u32 room = s.cwnd > pipe ? s.cwnd - pipe : 0;

	return !pipe && room < mss ? mss : room;
}

/* A buffer is a third of the congestion window at most, so that acknowledgements keep coming in. */
u32 tcp_piece_most(const tcp_sock &s, const tcp_path &path, u32 mss)
{
	constexpr u32 share = 3;
	const u32 most = tcp_large_most(path, mss), fair = s.cwnd / share / mss * mss;

	if (s.urg_mode) /* the pointer of a large segment would be in all of its packets */
		return mss;
	return fair < mss ? mss : tcp_min(most, fair);
}

/* SHLD-7, MUST-17: may a last segment that is not full go? Not while another small one is under way,
 * unless the program has said TCP_NODELAY. What is followed by another buffer cannot grow. */
bool tcp_tail_may_go(const tcp_sock &s, sk_buff *skb, u8 nonagle)
{
	if (skb != s.write_queue.last || nonagle & tcp_nagle::push || s.urg_mode ||
	    tcp_cb(skb).flags & tcp_flag::fin)
		return true;
	if (nonagle & tcp_nagle::cork)
		return false;
	return nonagle & tcp_nagle::off || s.snd_sml <= s.snd_una || s.snd_sml > s.snd_nxt;
}

/* One walk through write_queue. */
struct tcp_pusher {
	tcp_sock &s;
	tcp_path path = {};
	u32 mss = 0;
	u8 nonagle;
	bool cwnd_limited = false;

	u32 window_for(sk_buff *skb) const
	{
		const s32 window = s.window_end() - tcp_cb(skb).seq;

		return window < 0 ? 0 : static_cast<u32>(window); /* MUST-34 */
	}

	/* How much of the first sk_buff may go. false: nothing. */
	bool next(sk_buff *skb, u32 &len)
	{
		const bool fin = tcp_cb(skb).flags & tcp_flag::fin;
		const u32 have = skb_len(skb), quota = tcp_cwnd_room(s, mss);

		if (!have) { /* a FIN alone; the congestion window counts data */
			len = 0;
			return fin && window_for(skb);
		}
		if (quota < tcp_min(have, mss)) {
			cwnd_limited = true;
			return false;
		}
		len = tcp_chunk({
			.len = have,
			.fin = fin,
			.mss = mss,
			.most = tcp_piece_most(s, path, mss),
			.quota = quota,
			.window = window_for(skb),
			.tail = tcp_tail_may_go(s, skb, nonagle),
		});
		return len;
	}

	errc run(bool only_one)
	{
		u32 len;

		if (auto found = tcp_find_path(s, path); !found)
			return found.error();
		mss = tcp_mss_on(s, path);
		while (sk_buff *skb = s.write_queue.first) {
			if (!next(skb, len))
				break;
			if (errc why = tcp_send_first(s, path, len, mss); why != errc::none)
				return why;
			if (only_one)
				break;
		}
		return errc::none;
	}

	/* cwnd may grow only if it was what held us back (RFC 9293 3.8.2 by RFC 5681; RFC 7661). */
	void judge(u32 sent)
	{
		s.cwnd_limited = cwnd_limited || s.pipe() + mss > s.cwnd;
		if (s.ca_state == tcp_ca_state::recovery || s.ca_state == tcp_ca_state::cwr)
			s.prr_out += sent;
	}
};

/* If it could not leave because of ourselves, that is no loss: what is under way will bring us back, or
 * else the timer does, soon. Without a route it comes later, and the program will hear why. */
void tcp_after_failure(tcp_sock &s, errc why)
{
	tcp_note_failure(s, why);
	if (why == errc::enobufs)
		tcp_answer_full_queue(s);
	if (tcp_is_local_failure(why) && !s.flight() && s.timer_kind == tcp_timer_kind::none)
		tcp_reset_retransmit_timer(s, tcp_timer_kind::probe, tcp_local_retry_ms);
}

void tcp_push_as(tcp_sock &s, u8 nonagle, bool only_one)
{
	if (tcp_owes_fin(s)) [[unlikely]]
		return tcp_send_fin(s);
	if (!s.write_queue.first || !tcp_may_push(s))
		return;
	tcp_restart_after_idle(s);

	tcp_pusher pusher{.s = s, .nonagle = nonagle};
	const seq32 before = s.snd_nxt;
	const errc why = pusher.run(only_one);
	const u32 sent = static_cast<u32>(s.snd_nxt - before);

	if (pusher.mss)
		pusher.judge(sent);
	if (sent)
		tcp_schedule_loss_probe(s);
	if (why != errc::none)
		tcp_after_failure(s, why);
	tcp_check_probe_timer(s);
}

constexpr u32 tcp_no_lowat = 0xffffffff; /* TCP_NOTSENT_LOWAT and its sysctl: no limit */

/* New octets have left: what follows from that. */
void tcp_new_data_sent(tcp_sock &s, sk_buff *skb, u32 mss)
{
	const u64 now = edu_k_now_ms();
	const bool first = !edu_k_skb_tree_first(&s.rtx_queue);
	tcp_skb_cb &cb = tcp_cb(skb);

	cb.sent_us = static_cast<u32>(tcp_now_us());
	cb.sacked = 0;
	cb.mss = static_cast<u16>(mss);
	edu_k_skb_tree_insert(&s.rtx_queue, skb);
	tcp_score_sent(s, skb);
	s.snd_nxt = cb.end_seq;
	/* Who waits for TCP_NOTSENT_LOWAT waits for what leaves, not for what arrives. */
	if (tcp_notsent_lowat(s) != tcp_no_lowat)
		edu_k_sock_write_space(home(s));
	if (skb_len(skb) % mss)
		s.snd_sml = cb.end_seq;
	s.lsndtime_ms = now;
	s.probe_since_ms = 0;
	if (s.timer_kind == tcp_timer_kind::probe) /* the window has opened */
		s.backoff = s.probes_out = 0;
	if (s.last_rcv_ms && now - s.last_rcv_ms < s.ato_ms)
		s.pingpong = true; /* an answer to what has just come */
	if (first || s.timer_kind == tcp_timer_kind::tail_loss)
		tcp_rearm_rto(s);
}

/* MUST-60, MUST-61: PSH when nothing waits behind it, and at least every half window. */
void tcp_mark_pushed(tcp_sock &s, tcp_skb_cb &cb)
{
	if (!s.write_queue.first || s.pushed_seq + s.max_window / 2 < cb.end_seq)
		cb.flags |= tcp_flag::psh;
	if (cb.flags & tcp_flag::psh && s.pushed_seq < cb.end_seq)
		s.pushed_seq = cb.end_seq;
}

} // namespace

errc tcp_send_first(tcp_sock &s, tcp_path &path, u32 len, u32 mss)
{
	sk_buff *skb = edu_k_skb_dequeue(&s.write_queue);

	if (len < skb_len(skb)) {
		sk_buff *rest = tcp_split(s, skb, len);

		if (!rest) {
			edu_k_skb_queue_head(&s.write_queue, skb);
			return errc::enomem;
		}
		edu_k_skb_queue_head(&s.write_queue, rest);
	}
	if (len)
		tcp_mark_pushed(s, tcp_cb(skb));
	const errc why = tcp_transmit_data(s, path, skb, mss);

	if (why != errc::none) {
		edu_k_skb_queue_head(&s.write_queue, skb);
		return why;
	}
	tcp_new_data_sent(s, skb, mss);
	return errc::none;
}

void tcp_push(tcp_sock &s, u8 nonagle)
{
	tcp_push_as(s, nonagle, false);
}

void tcp_push_one(tcp_sock &s)
{
	tcp_push_as(s, tcp_nagle::push, true);
}

/* MUST-60 and 3.10.4: behind all data. Without memory the timer comes back to it. */
void tcp_send_fin(tcp_sock &s)
{
	sk_buff *last = s.write_queue.last;

	if (s.fin_queued || state_of(s) == sock_state::close)
		return;
	if (!last) {
		last = edu_k_stream_alloc(home(s), tcp_max_header, EDU_GFP_ATOMIC, 1);
		if (!last) {
			tcp_after_failure(s, errc::enomem);
			return;
		}
		tcp_cb(last) = tcp_skb_cb{};
		tcp_cb(last).seq = tcp_cb(last).end_seq = s.write_seq;
		edu_k_skb_queue_tail(&s.write_queue, last);
	}
	tcp_cb(last).flags |= tcp_flag::fin;
	tcp_cb(last).end_seq += 1;
	write_once_seq(s.write_seq, s.write_seq + 1);
	s.fin_queued = true;
	tcp_push(s, tcp_nagle::off);
}

/*
 * Segments that only acknowledge
 */

void tcp_send_ack(tcp_sock &s)
{
	const sock_state state = state_of(s);

	if (state == sock_state::close || state == sock_state::listen ||
	    state == sock_state::syn_sent)
		return;
	const errc why = tcp_transmit_control(s, tcp_flag::ack, tcp_acceptable_seq(s));

	if (why == errc::none) {
		s.host->count(EDU_Tcp_OutAcks);
	} else if (why == errc::enomem) {
		s.ack_pending |= tcp_ack_due::scheduled;
		tcp_reset_delack_timer(s, s.host->tune(EDU_TUNE_tcp_delack_max_ms));
	}
}

/* MUST-40, SHLD-18: within less than half a second, sooner if the path is quick or the peer slow. */
void tcp_send_delayed_ack(tcp_sock &s)
{
	const u32 least = s.host->tune(EDU_TUNE_tcp_delack_min_ms);
	const u32 most = s.host->tune(EDU_TUNE_tcp_delack_max_ms);
	const u64 now = edu_k_now_ms();
	u32 delay = s.ato_ms < least ? least : s.ato_ms;

	if (delay > least && s.srtt_us) { /* a round trip is enough for an answer to carry it */
		const u32 trip = s.srtt_us / 1000;

		delay = tcp_min(delay, trip < least ? least : trip);
	}
	delay = tcp_min(delay, most);

	u64 due = now + delay;

	if (s.ack_pending & tcp_ack_due::timer) {
		if (s.delack_due_ms <= now + delay / 4) { /* about to go off */
			tcp_send_ack(s);
			return;
		}
		if (due > s.delack_due_ms) /* never later than promised */
			due = s.delack_due_ms;
	}
	s.ack_pending |= tcp_ack_due::scheduled;
	tcp_reset_delack_timer(s, due - now);
}

namespace {

/* RFC 5961 5: so many a second of the whole host, and nobody outside can count how many are left: the
 * number is a little random. Nobody else's connection can be disturbed by using them up for long. */
bool tcp_take_challenge_token(edu_stack &host)
{
	constexpr u32 most = 0xffffffff;
	const u32 limit = host.tune(EDU_TUNE_tcp_challenge_ack_limit); /* at least 1 */
	const u64 second = edu_k_now_ms() / 1000 + 1;		       /* 0: none yet */
	u64 current = host.tcp.challenge_second.load();

	if (current != second && host.tcp.challenge_second.compare_exchange(current, second)) {
		const u64 tokens = u64{limit} / 2 + limit % 2 + edu_k_random() % limit;

		host.tcp.challenge_tokens.store(tokens < most ? static_cast<u32>(tokens) : most);
	}
	u32 left = host.tcp.challenge_tokens.load();

	while (left && !host.tcp.challenge_tokens.compare_exchange(left, left - 1))
		;
	return left;
}

bool tcp_answered_lately(tcp_sock &s)
{
	const u64 now = edu_k_now_ms();

	if (s.last_oow_ms && now - s.last_oow_ms < s.host->tune(EDU_TUNE_tcp_invalid_ratelimit_ms))
		return true;
	s.last_oow_ms = now;
	return false;
}

} // namespace

void tcp_send_challenge_ack(tcp_sock &s)
{
	if (tcp_answered_lately(s) || !tcp_take_challenge_token(*s.host)) {
		s.host->count(EDU_Tcp_ChallengeAcksLimited);
		return;
	}
	s.host->count(EDU_Tcp_OutChallengeAcks);
	tcp_send_ack(s);
}

/* MUST-12's other half: the peer hears of it. */
void tcp_send_active_reset(tcp_sock &s)
{
	const u8 flags = tcp_flag::rst | tcp_flag::ack;

	if (state_in(s, {sock_state::close, sock_state::listen, sock_state::syn_sent}))
		return;
	if (tcp_transmit_control(s, flags, tcp_acceptable_seq(s)) == errc::none)
		s.host->count(EDU_Tcp_OutRsts);
}

/*
 * SYN and SYN-ACK: in no queue; the retransmission timer sends them again
 */

namespace {

/* The first time: the numbers, and the window that we promise. */
void tcp_begin_handshake(tcp_sock &s, const tcp_path &path, bool may_scale)
{
	if (s.snd_una != s.iss || s.snd_nxt != s.iss + 1) {
		s.syn_sent_us = tcp_now_us();
		s.snd_una = s.snd_up = s.snd_sml = s.pushed_seq = s.iss;
		s.snd_nxt = s.iss + 1;
		write_once_seq(s.write_seq, s.snd_nxt);
	}
	s.advmss = tcp_advertise_mss(s, *path.route);
	if (!s.rcv_wnd) {
		u32 window = 0;
		u8 wscale = 0;

		tcp_initial_window(s, &window, &wscale);
		s.rcv_wnd = window;
		s.rcv_wscale = wscale;
	}
	if (!may_scale) { /* RFC 7323 1.3: both or none */
		s.rcv_wscale = 0;
		s.rcv_wnd = tcp_min(s.rcv_wnd, 0xffff);
	}
	s.rcv_wup = s.rcv_nxt;
}

/* Runs from the first one on; one that is asked for again does not put off the end of the tries. */
void tcp_start_handshake_timer(tcp_sock &s)
{
	if (s.timer_kind != tcp_timer_kind::retransmit)
		tcp_reset_retransmit_timer(s, tcp_timer_kind::retransmit, s.rto_ms);
}

} // namespace

/* MUST-14, SHLD-5: with our MSS; and all else that we can do. */
result<void> tcp_send_syn(tcp_sock &s)
{
	const edu_stack &host = *s.host;
	const bool may_scale = host.tune(EDU_TUNE_tcp_window_scaling);
	tcp_path path;

	TRY(tcp_find_path(s, path));
	tcp_begin_handshake(s, path, may_scale);
	tcp_start_handshake_timer(s);
	/* One that is lost here is like one that is lost elsewhere: the timer sends another. */
	(void)tcp_transmit_syn(s, path, tcp_flag::syn,
			       {.mss = s.advmss,
				.has_window_scale = may_scale,
				.window_scale = s.rcv_wscale,
				.sack_permitted = host.tune(EDU_TUNE_tcp_sack) != 0,
				.has_timestamps = host.tune(EDU_TUNE_tcp_timestamps) != 0,
				.ts_value = tcp_timestamp(s.ts_offset),
				.sack = {}});
	return {};
}

/* Only what the peer's SYN has offered (RFC 7323 1.3, RFC 2018 2). */
result<void> tcp_send_synack(tcp_sock &s)
{
	tcp_path path;

	tcp_start_handshake_timer(s);
	TRY(tcp_find_path(s, path));
	tcp_begin_handshake(s, path, s.wscale_ok);
	return tcp_transmit_syn(s, path, tcp_flag::syn | tcp_flag::ack,
				{.mss = s.advmss,
				 .has_window_scale = s.wscale_ok,
				 .window_scale = s.rcv_wscale,
				 .sack_permitted = s.sack_ok,
				 .has_timestamps = s.tstamp_ok,
				 .ts_value = tcp_timestamp(s.ts_offset),
				 .ts_echo = s.ts_recent,
				 .sack = {}});
}

} // namespace edu
