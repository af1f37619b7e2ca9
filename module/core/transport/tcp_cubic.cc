// SPDX-License-Identifier: GPL-2.0-only
/*
 * Congestion control: CUBIC, with HyStart++ in its first slow start.
 *
 * Requirement: TCP-12 (MUST-19). RFC 9438: 4.2 (the cubic), 4.3 (Reno-friendly region), 4.4 and 4.5 (concave and
 * convex), 4.6 (decrease), 4.7 (fast convergence), 4.8 (timeouts), 4.9 (spurious losses), 4.10 (slow start),
 * 5.8 (time without a full window does not count). RFC 9406 4 (HyStart++: a growing round trip ends slow
 * start before the loss). Not here: RFC 9406's pacing.
 *
 * After a loss cwnd grows along W(t) = C * (t - K)^3 + W_max: fast at first, slowly near W_max, where the loss
 * was, then faster again, in time and not in round trips. C is 0.4 segments per second^3, the decrease 0.7.
 *
 * Locking: every operation is called with the socket locked.
 */
#include "transport/tcp_congestion.hh"
#include "transport/tcp_cubic.hh"

#include "stack.hh"

namespace edu {

namespace {

/* RFC 9406 4.2. */
constexpr u32 hystart_least_us = 4000, hystart_most_us = 16000, hystart_divisor = 8;
constexpr u8 hystart_samples = 8, hystart_rounds = 5;
constexpr u32 hystart_segments = 8, hystart_slower = 4;
constexpr u32 no_rtt = 0xffffffff;

/* What a congestion event changes, so that it can be taken back. */
struct cubic_curve {
	u64 epoch_us; /* congestion avoidance began then; 0: it begins with the next ACK */
	u32 w_max;    /* octets, where the last loss was; 0: no loss, or a timeout */
	u32 k_ms;     /* from the epoch to the plateau */
	u32 w_est;    /* octets that reno would have now, … */
	u32 w_part;   /* … and so many cwnd-ths of one */
	u32 prior;    /* cwnd before the last reduction: up to it reno has a smaller step */
};

struct cubic_state {
	cubic_curve now, before;
	u64 last_us;	   /* of the last growth */
	seq32 round_end;   /* HyStart++: snd_nxt when the round began */
	u32 last_min_us;   /* least round trip of the round before */
	u32 round_min_us;  /* and of this one */
	u32 baseline_us;   /* when growth was slowed */
	u8 samples;	   /* in this round */
	u8 slow_rounds;	   /* rounds with slowed growth; 0: it is not slowed */
	bool hystart_over; /* only the first slow start is watched */
};
static_assert(sizeof(cubic_state) <= tcp_ca_private_octets);

cubic_state &cubic_of(tcp_sock &s)
{
	return *reinterpret_cast<cubic_state *>(s.ca_private);
}

/*
 * HyStart++ (RFC 9406)
 */

void cubic_new_round(tcp_sock &s, cubic_state &c)
{
	c.round_end = s.snd_nxt;
	c.last_min_us = c.round_min_us;
	c.round_min_us = no_rtt;
	c.samples = 0;
	if (c.slow_rounds && ++c.slow_rounds > hystart_rounds) {
		s.ssthresh = s.cwnd; /* the round trip has stayed long: this was the path's room */
		c.slow_rounds = 0;
		c.hystart_over = true;
	}
}

void cubic_watch_rtt(cubic_state &c)
{
	if (c.samples < hystart_samples || c.last_min_us == no_rtt)
		return;
	if (c.slow_rounds) {
		if (c.round_min_us < c.baseline_us) /* it was jitter */
			c.slow_rounds = 0;
		return;
	}
	u32 margin = c.last_min_us / hystart_divisor;

	margin = margin < hystart_least_us ? hystart_least_us :
		 margin > hystart_most_us  ? hystart_most_us :
					     margin;
	if (c.round_min_us >= c.last_min_us + margin) {
		c.baseline_us = c.round_min_us;
		c.slow_rounds = 1;
	}
}

void cubic_rtt(tcp_sock &s, u32 us)
{
	cubic_state &c = cubic_of(s);

	if (c.hystart_over || !tcp_in_slow_start(s))
		return;
	if (s.snd_una >= c.round_end)
		cubic_new_round(s, c);
	if (us < c.round_min_us)
		c.round_min_us = us;
	if (c.samples < 0xff)
		c.samples++;
	cubic_watch_rtt(c);
}

/*
 * Congestion avoidance
 */

/* 4.2: where on the curve we begin. Without a loss, or after a timeout, at its plateau (4.8, 4.10). */
void cubic_begin(const tcp_sock &s, cubic_curve &curve, u64 now)
{
	curve.epoch_us = now;
	curve.w_est = s.cwnd;
	curve.w_part = 0;
	if (curve.w_max > s.cwnd) {
		curve.k_ms = cubic_k_ms(curve.w_max - s.cwnd, s.mss_cache);
		return;
	}
	curve.k_ms = 0;
	curve.w_max = s.cwnd;
	if (!curve.prior)
		curve.prior = s.cwnd;
}

/* 5.8: while cwnd was not what held us back, the curve stands still. */
void cubic_skip_pause(const tcp_sock &s, cubic_state &c, u64 now)
{
	const u64 usual = u64{s.srtt_us} * 2, gap = now - c.last_us;

	if (c.last_us && c.now.epoch_us && gap > usual)
		c.now.epoch_us += gap - usual / 2;
	c.last_us = now;
}

/* 4.3: what reno, which halves, would have with our smaller decrease; from `prior` on it grows as reno does. */
void cubic_grow_estimate(const tcp_sock &s, cubic_curve &curve, u32 acked)
{
	/* alpha = 3 * (1 - 0.7) / (1 + 0.7) = 9 / 17 */
	const u64 octets = u64{acked} * s.mss_cache;
	const u64 step = curve.w_part + (curve.w_est < curve.prior ? octets * 9 / 17 : octets);

	curve.w_est += static_cast<u32>(step / s.cwnd);
	curve.w_part = static_cast<u32>(step % s.cwnd);
}

/* Slow start's part of what is acknowledged; HyStart++ may slow it. What it leaves. */
u32 cubic_slow_start(tcp_sock &s, const cubic_state &c, u32 acked)
{
	if (c.slow_rounds) {
		const u32 most = hystart_segments * s.mss_cache;

		acked = (acked < most ? acked : most) / hystart_slower;
	}
	return tcp_slow_start(s, acked);
}

void cubic_avoid_at(tcp_sock &s, u32 acked, u64 now)
{
	cubic_state &c = cubic_of(s);

	if (tcp_in_slow_start(s)) {
		acked = cubic_slow_start(s, c, acked);
		if (!acked)
			return;
	}
	c.slow_rounds = 0;
	c.hystart_over = true;
	if (!c.now.epoch_us)
		cubic_begin(s, c.now, now);
	cubic_skip_pause(s, c, now);
	cubic_grow_estimate(s, c.now, acked);

	const u64 t_ms = (now - c.now.epoch_us) / 1000;
	const u32 here = cubic_window(t_ms, c.now.k_ms, c.now.w_max, s.mss_cache);

	if (here < c.now.w_est) { /* Reno-friendly */
		if (c.now.w_est > s.cwnd)
			s.cwnd = c.now.w_est;
		return;
	}
	/* 4.4, 4.5: towards where the curve will be in a round trip, by this ACK's part. */
	u64 target = cubic_window(t_ms + s.srtt_us / 1000, c.now.k_ms, c.now.w_max, s.mss_cache);
	const u64 most = u64{s.cwnd} + s.cwnd / 2;

	target = target < s.cwnd ? s.cwnd : target > most ? most : target;
	const u64 credit = s.cwnd_credit + (target - s.cwnd) * acked;

	s.cwnd_credit = static_cast<u32>(credit % s.cwnd);
	s.cwnd += static_cast<u32>(credit / s.cwnd);
}

void cubic_avoid(tcp_sock &s, u32 acked)
{
	cubic_avoid_at(s, acked, tcp_now_us());
}

/*
 * Congestion events
 */

/* 4.6: seven tenths of what was under way, but two segments at least. */
u32 cubic_ssthresh(const tcp_sock &s)
{
	const u64 part = u64{tcp_flight_at_loss(s)} * 7 / 10;
	const u32 least = 2u * s.mss_cache;

	return part > least ? static_cast<u32>(part) : least;
}

/* 4.7: who has less room than the last time leaves some more to others. */
void cubic_reduce(tcp_sock &s, cubic_state &c)
{
	const u32 last = c.now.w_max;

	c.before = c.now;
	c.now.w_max = s.cwnd < last ? static_cast<u32>(u64{s.cwnd} * 17 / 20) : s.cwnd;
	c.now.prior = s.cwnd;
	c.now.epoch_us = 0;
	c.hystart_over = true;
	c.slow_rounds = 0;
}

void cubic_set_state(tcp_sock &s, tcp_ca_state next)
{
	cubic_state &c = cubic_of(s);

	switch (next) {
	case tcp_ca_state::recovery:
	case tcp_ca_state::cwr:
		cubic_reduce(s, c);
		break;
	case tcp_ca_state::loss: /* 4.8 */
		if (s.ca_state < tcp_ca_state::recovery)
			c.before = c.now;
		c.now = {};
		c.now.prior = s.cwnd;
		c.hystart_over = true;
		c.slow_rounds = 0;
		break;
	default:
		break;
	}
}

/* 4.9. */
u32 cubic_undo(tcp_sock &s)
{
	cubic_state &c = cubic_of(s);

	c.now = c.before;
	return s.cwnd > s.prior_cwnd ? s.cwnd : s.prior_cwnd;
}

void cubic_init(tcp_sock &s)
{
	cubic_state &c = cubic_of(s);

	c = {};
	c.round_end = s.snd_nxt;
	c.last_min_us = c.round_min_us = no_rtt;
	c.hystart_over = s.ssthresh != tcp_no_ssthresh;
	s.cwnd_credit = 0;
}

} // namespace

constexpr tcp_congestion_ops tcp_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.ssthresh = cubic_ssthresh,
	.cong_avoid = cubic_avoid,
	.set_state = cubic_set_state,
	.undo = cubic_undo,
	.rtt = cubic_rtt,
	.idle = nullptr, /* cubic_skip_pause() sees it by itself */
};

} // namespace edu
