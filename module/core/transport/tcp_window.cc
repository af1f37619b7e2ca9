// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: the window we promise, and when we acknowledge.
 *
 * TLK "TCP": windows, "every message received intact is acknowledged" (TCP-5). Requirements: TCP-5, TCP-12.
 * RFC 9293 3.8.6 (SHLD-14: it never shrinks; REC-1), 3.8.6.2.2 (MUST-39), 3.8.6.3 (MUST-40, MUST-58, SHLD-18,
 * SHLD-19); RFC 7323 2 (scale); RFC 5681 4.2. Linux's dynamic right-sizing: the buffer grows to twice what
 * the program reads in a round trip, so that the window is never what limits a sender.
 *
 * A promise costs memory: half of the receive buffer is for octets, the rest for what their buffers cost
 * (tcp_window_of()). rcv_ssthresh promises less at first, and grows as segments prove worth their memory.
 *
 * Locking: every function is called with the socket locked.
 */
#include "transport/tcp_input.hh"
#include "transport/tcp_output.hh"

#include "stack.hh"

namespace edu {

namespace {

constexpr u32 tcp_largest_window = u32{0xffff} << wire::tcp::max_window_scale;

u32 tcp_full_space(const tcp_sock &s)
{
	return tcp_window_of(edu_k_sock_rcvbuf(home(s)));
}

u32 tcp_free_space(const tcp_sock &s)
{
	const u32 used = edu_k_sock_rmem(home(s)), all = edu_k_sock_rcvbuf(home(s));

	return used < all ? tcp_window_of(all - used) : 0;
}

bool tcp_rcvbuf_is_fixed(const tcp_sock &s)
{
	return edu_k_sock_flags(home(s)) & EDU_SOCK_RCVBUF_LOCK;
}

/* The machine is short of memory: a few segments must do. */
void tcp_shrink_under_pressure(tcp_sock &s)
{
	s.rcv_ssthresh = tcp_min(s.rcv_ssthresh, 4u * s.advmss);
}

u32 tcp_window_now(tcp_sock &s)
{
	const u32 full = tcp_full_space(s), free = tcp_free_space(s);

	if (free < full / 2) {
		s.quick_acks = 0; /* no hurry: the program is slow */
		if (edu_k_stream_pressure(home(s)))
			tcp_shrink_under_pressure(s);
	}
	return tcp_choose_window({
		.mss = s.rcv_mss,
		.free = free,
		.full = full,
		.clamp = s.window_clamp,
		.slow = s.rcv_ssthresh,
		.offered = s.rcv_wnd,
		.scale = s.rcv_wscale,
	});
}

} // namespace

/*
 * The window
 */

u32 tcp_select_window(tcp_sock &s)
{
	const u32 promised = s.receive_window();
	u32 window = tcp_window_now(s);

	if (window < promised)
		window = tcp_round_up(promised, s.rcv_wscale); /* SHLD-14 */
	window = tcp_min(window, u32{0xffff} << s.rcv_wscale);
	s.rcv_wnd = window;
	s.rcv_wup = s.rcv_nxt;
	return window;
}

tcp_window_offer tcp_first_offer(const tcp_sock &s)
{
	const edu_stack &host = *s.host;
	const u32 space = tcp_full_space(s), mss = s.advmss ? s.advmss : wire::tcp::default_mss;
	u32 clamp = s.user_window_clamp ? s.user_window_clamp : tcp_largest_window, most = clamp;

	if (tcp_rcvbuf_is_fixed(s))
		clamp = most = tcp_min(clamp, space);
	else /* the scale cannot be changed later: for the largest buffer there may be */
		most = tcp_min(most, host.tune(EDU_TUNE_tcp_rmem_max));
	u32 offer = tcp_min(tcp_min(space, clamp), 0xffff);

	if (offer > mss)
		offer -= offer % mss;
	const u8 wscale = tcp_scale_for(most);

	return {.window = offer, .wscale = wscale, .clamp = tcp_min(clamp, u32{0xffff} << wscale)};
}

void tcp_initial_window(tcp_sock &s, u32 *window, u8 *wscale)
{
	const tcp_window_offer offer = tcp_first_offer(s);

	*wscale = offer.wscale;
	*window = offer.window;
	s.window_clamp = offer.clamp;
	s.rcv_ssthresh = offer.window;
}

void tcp_init_buffers(tcp_sock &s)
{
	constexpr u32 first_reads = 10;

	s.advmss -= static_cast<u16>(
		tcp_steady_options(s)); /* the text that the peer's segments will carry */
	const u32 full = tcp_full_space(s), mss = s.advmss;
	u32 hint = tcp_min(tcp_min(s.advmss, s.mss_cache), wire::tcp::default_mss);

	if (s.user_window_clamp)
		s.window_clamp = tcp_min(s.window_clamp, s.user_window_clamp);
	s.window_clamp = tcp_min(s.window_clamp, full);
	/* A segment at least must fit beside what has been promised. */
	if (s.window_clamp > 2 * mss && s.window_clamp + mss > full)
		s.window_clamp = full - mss > 2 * mss ? full - mss : 2 * mss;
	s.rcv_ssthresh = tcp_min(s.rcv_ssthresh, s.window_clamp);

	hint = tcp_min(hint, s.rcv_wnd / 2);
	s.rcv_mss = static_cast<u16>(hint < 88 ? 88 : hint);
	s.rcvq_seq = s.copied_seq;
	s.rcvq_time_us = tcp_now_us();
	s.rcvq_space = tcp_min(tcp_min(s.rcv_ssthresh, s.rcv_wnd), first_reads * mss);
}

/*
 * The window grows
 */

namespace {

/* A segment whose memory is more than twice its octets: it is worth it only if the largest buffer would
 * still hold so many of its kind. */
u32 tcp_growth_of_small(const tcp_sock &s, const tcp_arrival &what)
{
	u32 truesize = tcp_window_of(what.truesize) / 2;
	u32 window = tcp_window_of(s.host->tune(EDU_TUNE_tcp_rmem_max)) / 2;

	while (s.rcv_ssthresh <= window) {
		if (truesize <= what.len)
			return 2u * s.rcv_mss;
		truesize /= 2;
		window /= 2;
	}
	return 0;
}

/* A round trip has been measured. A shorter one counts at once: the first has the making of the connection in
 * it. Longer ones count little by little; not at all by windows, where a sender that paused makes it too long. */
void tcp_rcv_rtt_sample(tcp_sock &s, u64 us, bool by_window)
{
	constexpr u64 most = 0x7fffffff;
	const u32 sample = static_cast<u32>(us > most ? most : us ? us : 1);

	if (!s.rcv_rtt_us || sample < s.rcv_rtt_us)
		s.rcv_rtt_us = sample;
	else if (!by_window)
		s.rcv_rtt_us = static_cast<u32>((u64{s.rcv_rtt_us} * 7 + sample) / 8);
}

/* Without timestamps: so long as a whole window takes to come. */
void tcp_rcv_rtt_by_window(tcp_sock &s)
{
	const u64 now = tcp_now_us();

	if (s.rcv_rtt_time_us && s.rcv_nxt < s.rcv_rtt_seq)
		return;
	if (s.rcv_rtt_time_us)
		tcp_rcv_rtt_sample(s, now - s.rcv_rtt_time_us, true);
	s.rcv_rtt_seq = s.rcv_nxt + s.rcv_wnd;
	s.rcv_rtt_time_us = now;
}

/* The memory for so many octets in segments of the peer's size. */
u64 tcp_memory_for(const tcp_sock &s, u64 octets)
{
	const u32 mss = s.advmss ? s.advmss : wire::tcp::default_mss;
	constexpr u32 buffer_overhead = 768; /* of an sk_buff with its headers, about */
	const u32 real = mss + tcp_max_header + buffer_overhead, twice = 2 * mss;

	return octets / mss * (real > twice ? real : twice);
}

/* The buffer that the program's pace asks for: what it has read in a round trip, twice, for a loss must not
 * stop the sender; and more as long as that grows, since the sender may be in slow start. */
u64 tcp_wanted_rcvbuf(const tcp_sock &s, u32 copied)
{
	u64 window = u64{copied} * 2 + 16u * s.advmss;
	const u64 growth = window * (copied - s.rcvq_space) / (s.rcvq_space ? s.rcvq_space : 1);

	return tcp_memory_for(s, window + growth * 2);
}

} // namespace

/* Called for segments of some size alone: tiny ones say nothing. */
void tcp_grow_window(tcp_sock &s, const tcp_arrival &what)
{
	const u32 most = tcp_min(s.window_clamp, tcp_free_space(s));

	if (s.rcv_ssthresh >= most)
		return;
	if (edu_k_stream_pressure(home(s))) {
		tcp_shrink_under_pressure(s);
		return;
	}
	u32 growth = tcp_window_of(what.truesize) <= what.len ? 2u * s.advmss :
								tcp_growth_of_small(s, what);

	if (!growth)
		return;
	if (growth < 2 * what.len)
		growth = 2 * what.len;
	s.rcv_ssthresh += tcp_min(growth, most - s.rcv_ssthresh);
	s.quick_acks |= 1;
}

/* Linux's tcp_clamp_window(). */
void tcp_clamp_window(tcp_sock &s)
{
	const u32 used = edu_k_sock_rmem(home(s)), most = s.host->tune(EDU_TUNE_tcp_rmem_max);

	s.quick_acks = 0;
	if (edu_k_sock_rcvbuf(home(s)) < most && !tcp_rcvbuf_is_fixed(s) &&
	    !edu_k_stream_pressure(home(s)))
		edu_k_sock_set_rcvbuf(home(s), tcp_min(used, most));
	if (tcp_rcvbuf_is_full(s))
		s.rcv_ssthresh = tcp_min(s.window_clamp, 2u * s.advmss);
}

void tcp_rcv_rtt_by_echo(tcp_sock &s, u32 echo, u32 len)
{
	constexpr u32 most_ms = 0x7fffffff / 1000;

	if (!echo || echo == s.rcv_rtt_tsecr || len < s.rcv_mss)
		return;
	s.rcv_rtt_tsecr = echo;
	const u32 ms = tcp_timestamp(s.ts_offset) - echo;

	if (ms < most_ms)
		tcp_rcv_rtt_sample(s, ms ? u64{ms} * 1000 : 1000, false);
}

void tcp_grow_rcvbuf(tcp_sock &s, u32 size)
{
	if (tcp_rcvbuf_is_fixed(s) || size <= edu_k_sock_rcvbuf(home(s)))
		return;
	edu_k_sock_set_rcvbuf(home(s), size);
	s.window_clamp = tcp_min(tcp_window_of(size), u32{0xffff} << s.rcv_wscale);
	if (s.user_window_clamp)
		s.window_clamp = tcp_min(s.window_clamp, s.user_window_clamp);
}

void tcp_rcv_space_adjust(tcp_sock &s)
{
	const edu_stack &host = *s.host;
	const u64 now = tcp_now_us();

	if (!s.rcv_rtt_us || now - s.rcvq_time_us < s.rcv_rtt_us)
		return;
	const u32 copied = static_cast<u32>(s.copied_seq - s.rcvq_seq);

	if (copied > s.rcvq_space) {
		if (host.tune(EDU_TUNE_tcp_moderate_rcvbuf) && !tcp_rcvbuf_is_fixed(s)) {
			const u64 wanted = tcp_wanted_rcvbuf(s, copied);
			const u32 most = host.tune(EDU_TUNE_tcp_rmem_max);

			tcp_grow_rcvbuf(s, wanted < most ? static_cast<u32>(wanted) : most);
		}
		s.rcvq_space = copied;
	}
	s.rcvq_seq = s.copied_seq;
	s.rcvq_time_us = now;
}

/*
 * Acknowledging
 */

namespace {

/* Segments until the peer's slow start has filled our window: each ACK lets it send more. */
void tcp_add_quick_acks(tcp_sock &s, u8 most)
{
	u32 acks = s.rcv_wnd / (2u * s.rcv_mss);

	if (!acks)
		acks = 2;
	acks = tcp_min(acks, most);
	if (s.quick_acks < acks)
		s.quick_acks = static_cast<u8>(acks);
}

/* rcv_mss: the largest segment seen; or a shorter one, if two in a row are equally long and none of them was
 * the end of what its sender had. */
void tcp_measure_rcv_mss(tcp_sock &s, const tcp_arrival &what)
{
	constexpr u32 least = 88;
	const u16 before = s.rcv_len_before;

	s.rcv_len_before = 0;
	if (what.segment >= s.rcv_mss) {
		s.rcv_mss = static_cast<u16>(tcp_min(what.segment, s.advmss ? s.advmss : 0xffff));
		return;
	}
	if (what.segment >= wire::tcp::default_mss || (what.segment >= least && !what.pushed)) {
		s.rcv_len_before = static_cast<u16>(what.segment);
		if (what.segment == before) {
			s.rcv_mss = before;
			return;
		}
	}
	s.ack_pending |= tcp_ack_due::pushed;
}

/* ato_ms follows the time between segments (SHLD-18: the delay suits the peer's pace). */
void tcp_adapt_ato(tcp_sock &s, u64 now)
{
	const u32 least = s.host->tune(EDU_TUNE_tcp_delack_min_ms);
	const u64 gap = now - s.last_rcv_ms;

	if (!s.last_rcv_ms) { /* the first */
		tcp_add_quick_acks(s, tcp_most_quick_acks);
		s.ato_ms = least;
	} else if (gap <= least / 2) {
		s.ato_ms = s.ato_ms / 2 + least / 2;
	} else if (gap < s.ato_ms) {
		s.ato_ms = tcp_min(s.ato_ms / 2 + static_cast<u32>(gap), s.rto_ms);
	} else if (gap > s.rto_ms) { /* it may begin anew, with a small window */
		tcp_add_quick_acks(s, tcp_most_quick_acks);
	}
}

/* MUST-40 is tcp_send_delayed_ack()'s. */
bool tcp_must_ack_now(const tcp_sock &s)
{
	/* SHLD-19: more than one full segment waits for it. */
	if (static_cast<u32>(s.rcv_nxt - s.rcv_wup) > s.rcv_mss)
		return true;
	if (s.ack_pending & tcp_ack_due::now)
		return true;
	if (s.quick_acks && !s.pingpong && !s.quickack_off)
		return true;
	return edu_k_skb_tree_first(&s.out_of_order_queue);
}

} // namespace

void tcp_data_arrived(tcp_sock &s, const tcp_arrival &what)
{
	constexpr u32 worth_growing = 128;
	const u64 now = edu_k_now_ms();

	tcp_schedule_ack(s);
	tcp_measure_rcv_mss(s, what);
	if (s.tstamp_ok)
		tcp_rcv_rtt_by_echo(s, s.rcv_tsecr, what.len);
	else
		tcp_rcv_rtt_by_window(s);
	tcp_adapt_ato(s, now);
	s.last_rcv_ms = now;
	if (what.len >= worth_growing)
		tcp_grow_window(s, what);
}

void tcp_enter_quickack(tcp_sock &s, u8 most)
{
	tcp_add_quick_acks(s, most);
	s.pingpong = false;
	s.ato_ms = s.host->tune(EDU_TUNE_tcp_delack_min_ms);
}

void tcp_ack_snd_check(tcp_sock &s)
{
	if (!(s.ack_pending & tcp_ack_due::scheduled))
		return;
	if (tcp_must_ack_now(s))
		tcp_send_ack(s);
	else
		tcp_send_delayed_ack(s);
}

void tcp_ack_sent(tcp_sock &s)
{
	if (s.quick_acks && !--s.quick_acks)
		s.ato_ms = s.host->tune(EDU_TUNE_tcp_delack_min_ms);
	s.ack_sent_ms = edu_k_now_ms();
	tcp_stop_delack_timer(s);
	s.ack_pending = 0;
}

namespace {

/* An ACK is due, and the reader has made it worth while: two segments wait for it; or it has emptied the
 * buffer, and a short segment was the last. */
bool tcp_read_calls_for_ack(const tcp_sock &s, u32 copied)
{
	if (!(s.ack_pending & tcp_ack_due::scheduled))
		return false;
	if (static_cast<u32>(s.rcv_nxt - s.rcv_wup) > s.rcv_mss)
		return true;
	return copied && s.ack_pending & tcp_ack_due::pushed && !s.pingpong &&
	       !edu_k_sock_rmem(home(s));
}

/* MUST-39: the window can be opened by much: at least twice what the peer knows of. */
bool tcp_window_opens_wide(tcp_sock &s)
{
	const u32 known = s.receive_window();

	if (shutdown_of(s) & rcv_shut || u64{known} * 2 > s.window_clamp)
		return false;
	const u32 window = tcp_window_now(s);

	return window && window >= 2 * known;
}

} // namespace

void tcp_cleanup_rbuf(tcp_sock &s, u32 copied)
{
	if (tcp_read_calls_for_ack(s, copied) || (copied && tcp_window_opens_wide(s)))
		tcp_send_ack(s);
}

} // namespace edu
