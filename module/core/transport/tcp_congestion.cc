// SPDX-License-Identifier: GPL-2.0-only
/*
 * Congestion control: the table of algorithms, slow start, and reno.
 *
 * Requirement: TCP-12 (MUST-19). RFC 5681 3.1 (slow start, congestion avoidance, equation 4); RFC 3465 (cwnd grows
 * by the octets that are acknowledged, not by the ACKs). How far one ACK may open cwnd in slow start is RFC
 * 9406 4.2's L of 8 segments, since receivers acknowledge large pieces at once; after a timeout it is one
 * (RFC 3465 2.3).
 *
 * Locking: every operation is called with the socket locked.
 */
#include "transport/tcp_congestion.hh"

#include "stack.hh"

namespace edu {

u32 tcp_flight_at_loss(const tcp_sock &s)
{
	const u32 flight = s.flight();

	return s.ca_state < tcp_ca_state::recovery && s.cwnd < flight ? s.cwnd : flight;
}

u32 tcp_slow_start(tcp_sock &s, u32 acked)
{
	constexpr u32 usual_segments = 8, cautious_segments = 1;
	const u32 segments = s.ca_state == tcp_ca_state::loss ? cautious_segments : usual_segments;
	const u32 most = segments * s.mss_cache;
	const u32 room = s.ssthresh > s.cwnd ? s.ssthresh - s.cwnd : 0;
	const u32 counted = acked < most ? acked : most;
	const u32 used = counted < room ? counted : room;

	s.cwnd += used;
	return counted - used;
}

namespace {

void tcp_reno_init(tcp_sock &s)
{
	s.cwnd_credit = 0;
}

/* Equation 4: half of what was under way, but two segments at least. */
u32 tcp_reno_ssthresh(const tcp_sock &s)
{
	const u32 half = tcp_flight_at_loss(s) / 2, least = 2u * s.mss_cache;

	return half > least ? half : least;
}

/* A segment for each window of octets. */
void tcp_reno_avoid(tcp_sock &s, u32 acked)
{
	if (tcp_in_slow_start(s))
		acked = tcp_slow_start(s, acked);
	s.cwnd_credit += acked < s.cwnd ? acked : s.cwnd;
	if (s.cwnd_credit >= s.cwnd) {
		s.cwnd_credit -= s.cwnd;
		s.cwnd += s.mss_cache;
	}
}

u32 tcp_reno_undo(tcp_sock &s)
{
	return s.cwnd > s.prior_cwnd ? s.cwnd : s.prior_cwnd;
}

} // namespace

constexpr tcp_congestion_ops tcp_reno = {
	.name = "reno",
	.init = tcp_reno_init,
	.ssthresh = tcp_reno_ssthresh,
	.cong_avoid = tcp_reno_avoid,
	.set_state = nullptr,
	.undo = tcp_reno_undo,
	.rtt = nullptr,
	.idle = nullptr,
};

/*
 * The table
 */

namespace {

/* Numbers of the tunable tcp_congestion. */
constexpr const tcp_congestion_ops *tcp_congestions[] = {&tcp_reno, &tcp_cubic};
constexpr u32 tcp_congestion_count = sizeof(tcp_congestions) / sizeof(tcp_congestions[0]);

bool tcp_is_named(const tcp_congestion_ops &ops, const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!ops.name[i] || ops.name[i] != name[i])
			return false;
	return !ops.name[len];
}

} // namespace

const tcp_congestion_ops *tcp_congestion_find(const char *name, size_t len)
{
	for (const tcp_congestion_ops *ops : tcp_congestions)
		if (tcp_is_named(*ops, name, len))
			return ops;
	return nullptr;
}

const tcp_congestion_ops *tcp_congestion_default(const edu_stack &host)
{
	const u32 which = host.tune(EDU_TUNE_tcp_congestion);

	return tcp_congestions[which < tcp_congestion_count ? which : 0];
}

} // namespace edu
