// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much may be under way, and for how long: congestion control and the RTO against the RFCs' formulas.
 *
 * Requirement: TCP-12 (MUST-18, MUST-19). RFC 5681 3.1, 3465, 6298 2, 6928 2, 6937 3, 7323 4.2, 9406 4, 9438 4.
 *
 * Locking: none. Tests run one after the other.
 */
#include "test.hh"
#include "transport/tcp_ack.hh"
#include "transport/tcp_cubic.hh"

namespace edu::test::on_transport_tcp_congestion {
namespace {

constexpr u32 mss = 1000;

/* A connection that is nowhere: no host, no socket around it. The algorithms need no more. */
struct bare_connection {
	owner<tcp_sock> memory = make<tcp_sock>(gfp::kernel, nullptr, &tcp_prot);

	explicit operator bool() const { return bool(memory); }
	tcp_sock &operator*() const { return *memory; }

	/* cwnd octets are allowed, and as many are under way. */
	void set(const tcp_congestion_ops &ops, u32 cwnd, u32 ssthresh)
	{
		tcp_sock &s = *memory;

		s.mss_cache = mss;
		s.cwnd = cwnd;
		s.ssthresh = ssthresh;
		s.snd_nxt = s.snd_una + cwnd;
		s.ca = &ops;
		ops.init(s);
	}
	/* A loss is seen, and repaired. */
	void lose()
	{
		tcp_sock &s = *memory;

		s.snd_nxt = s.snd_una + s.cwnd;
		s.prior_cwnd = s.cwnd;
		s.ssthresh = s.ca->ssthresh(s);
		if (s.ca->set_state)
			s.ca->set_state(s, tcp_ca_state::recovery);
		s.cwnd = s.ssthresh;
		s.cwnd_credit = 0;
	}
	/* A whole window is acknowledged, two segments at a time. */
	void window_acked()
	{
		tcp_sock &s = *memory;

		for (u32 left = s.cwnd; left;) {
			const u32 acked = left < 2 * mss ? left : 2 * mss;

			s.ca->cong_avoid(s, acked);
			left -= acked;
		}
	}
};

struct bare_fixture {
	bare_connection one;
};

/* a is b, within so much. */
bool about(u64 a, u64 b, u64 within)
{
	return a > b ? a - b <= within : b - a <= within;
}

} // namespace

/*
 * Slow start
 */

EDU_TEST_F(bare_fixture, tcp_congestion, slow_start_opens_by_what_is_acknowledged, "TCP-12",
	   "RFC5681-3.1")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_reno, 10 * mss, tcp_no_ssthresh);
	EXPECT_EQ(tcp_slow_start(s, 2 * mss), 0);
	EXPECT_EQ(s.cwnd, 12 * mss);
	EXPECT_EQ(tcp_slow_start(s, 1),
		  0); /* octets, not ACKs: to split ACKs gains nothing (RFC 3465) */
	EXPECT_EQ(s.cwnd, 12 * mss + 1);
}

EDU_TEST_F(bare_fixture, tcp_congestion, one_ack_opens_slow_start_only_so_far, "TCP-12",
	   "RFC9406-4.2")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_reno, 10 * mss, tcp_no_ssthresh);
	EXPECT_EQ(tcp_slow_start(s, 100 * mss), 0);
	EXPECT_EQ(s.cwnd, 18 * mss);
	s.ca_state = tcp_ca_state::loss;
	EXPECT_EQ(tcp_slow_start(s, 100 * mss), 0);
	EXPECT_EQ(s.cwnd, 19 * mss);
}

EDU_TEST_F(bare_fixture, tcp_congestion, slow_start_ends_at_ssthresh_and_leaves_the_rest, "TCP-12",
	   "RFC5681-3.1")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_reno, 10 * mss, 11 * mss);
	EXPECT_EQ(tcp_slow_start(s, 4 * mss), 3 * mss);
	EXPECT_EQ(s.cwnd, 11 * mss);
	EXPECT_FALSE(tcp_in_slow_start(s));
	EXPECT_EQ(tcp_slow_start(s, mss), mss);
	EXPECT_EQ(s.cwnd, 11 * mss);
}

EDU_TEST(tcp_congestion, the_first_window_is_ten_segments_or_fewer, "TCP-12", "RFC6928-2")
{
	EXPECT_EQ(tcp_initial_window_of(10, 536, false), 5360);
	EXPECT_EQ(tcp_initial_window_of(10, 1460, false), 14600);
	EXPECT_EQ(tcp_initial_window_of(10, 3000, false), 14600);
	EXPECT_EQ(tcp_initial_window_of(10, 9000, false), 18000);
	EXPECT_EQ(tcp_initial_window_of(1, 1460, false), 1460);
	EXPECT_EQ(tcp_initial_window_of(1000, 65495, false), 1460000);
}

EDU_TEST(tcp_congestion, after_a_lost_syn_the_first_window_is_one_segment, "TCP-12", "RFC5681-3.1")
{
	EXPECT_EQ(tcp_initial_window_of(10, 1460, true), 1460);
	EXPECT_EQ(tcp_initial_window_of(10, 9000, true), 9000);
}

/*
 * Reno
 */

EDU_TEST_F(bare_fixture, tcp_congestion, reno_grows_by_a_segment_a_window, "TCP-12", "RFC5681-3.1")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_reno, 10 * mss, 10 * mss);
	for (u32 window = 1; window <= 20; window++) {
		one.window_acked();
		EXPECT_EQ(s.cwnd, (10 + window) * mss);
	}
}

EDU_TEST_F(bare_fixture, tcp_congestion, reno_halves_what_is_under_way, "TCP-12", "RFC5681-3.1")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_reno, 20 * mss, tcp_no_ssthresh);
	EXPECT_EQ(tcp_reno.ssthresh(s), 10 * mss);
	/* What was under way counts, not what would have been allowed … */
	s.snd_nxt = s.snd_una + 8 * mss;
	EXPECT_EQ(tcp_reno.ssthresh(s), 4 * mss);
	/* … nor what duplicate ACKs have let out beyond it (RFC 5681 3.2 step 2). */
	s.snd_nxt = s.snd_una + 22 * mss;
	EXPECT_EQ(tcp_reno.ssthresh(s), 10 * mss);
	s.snd_nxt = s.snd_una + mss;
	EXPECT_EQ(tcp_reno.ssthresh(s), 2 * mss);
}

/*
 * Cubic
 */

EDU_TEST(tcp_congestion, the_cube_root_is_exact, "TCP-12", "RFC9438-4")
{
	for (u64 n = 0; n < 1000; n++) {
		const u64 cube = n * n * n;

		ASSERT_EQ(cube_root(cube), n);
		ASSERT_EQ(cube_root(cube + 3 * n * n + 3 * n), n); /* one below the next */
	}
	for (u64 n = 1000; n <= 2642244; n += 997) {
		ASSERT_EQ(cube_root(n * n * n), n);
		ASSERT_EQ(cube_root(n * n * n - 1), n - 1);
	}
}

/* W_max 100 segments, C 0.4: K is the cube root of 75 seconds. */
EDU_TEST(tcp_congestion, the_cubic_goes_from_the_loss_by_its_plateau_upwards, "TCP-12", "RFC9438-4")
{
	const u32 k = cubic_k_ms(30 * mss, mss);
	u32 last = 0;

	EXPECT_EQ(k, 4217);
	EXPECT_TRUE(about(cubic_window(0, k, 100 * mss, mss), 70 * mss, 10));
	EXPECT_EQ(cubic_window(k, k, 100 * mss, mss), 100 * mss);
	EXPECT_TRUE(about(cubic_window(k + 1000, k, 100 * mss, mss), 100400, 1));
	EXPECT_TRUE(about(cubic_window(k - 1000, k, 100 * mss, mss), 99600, 1));
	EXPECT_TRUE(about(cubic_window(2 * k, k, 100 * mss, mss), 130 * mss, 10));
	for (u32 t = 0; t < 3 * k; t += 10) {
		ASSERT_GE(cubic_window(t, k, 100 * mss, mss), last);
		last = cubic_window(t, k, 100 * mss, mss);
	}
}

EDU_TEST(tcp_congestion, no_time_and_no_window_overflow_the_cubic, "TCP-12", "RFC9438-4")
{
	constexpr u32 most = 1 << 30;

	EXPECT_EQ(cubic_window(~u64{0}, 0, most, 65495), most);
	EXPECT_EQ(cubic_window(0, 2642245, 1000, 65495), 0);
	EXPECT_EQ(cubic_window(1 << 19, 0, 0, 1), 57646075);
	EXPECT_LE(cubic_k_ms(most, 8), 2642245);
}

EDU_TEST_F(bare_fixture, tcp_congestion, cubic_leaves_seven_tenths_after_a_loss, "TCP-12",
	   "RFC9438-4")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_cubic, 100 * mss, 50 * mss);
	EXPECT_EQ(tcp_cubic.ssthresh(s), 70 * mss);
	s.snd_nxt = s.snd_una + 1;
	EXPECT_EQ(tcp_cubic.ssthresh(s), 2 * mss);
}

/* With a round trip of 100 ms: the curve of 100 segments, reached after K, and passed. */
EDU_TEST_F(bare_fixture, tcp_congestion, cubic_follows_its_curve, "TCP-12", "RFC9438-4",
	   "RFC9438-4")
{
	constexpr u64 start = 1000000, trip = 100000;
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_cubic, 1000 * mss, 1000 * mss);
	s.srtt_us = trip;
	one.lose();
	EXPECT_EQ(s.cwnd, 700 * mss);
	const u32 k = cubic_k_ms(300 * mss, mss); /* 9.08 s: reno would need 57 s more */

	for (u64 t = 0; t < 12000; t += 5) { /* an ACK every 5 ms, for a twentieth of the window */
		cubic_avoid_at(s, s.cwnd / 20, start + t * 1000);
		if (t < 200 || t % 500)
			continue;
		const u32 now = cubic_window(t, k, 1000 * mss, mss);
		const u32 next = cubic_window(t + 100, k, 1000 * mss, mss);

		ASSERT_GE(s.cwnd + 2 * mss, now);
		ASSERT_LE(s.cwnd, next + 2 * mss);
	}
	EXPECT_GT(s.cwnd, 1005 * mss);
}

/* With a round trip of 10 ms and a small window, reno would be faster: so fast it is, 9/17 of a segment in each
 * window up to the old cwnd, then a whole one. */
EDU_TEST_F(bare_fixture, tcp_congestion, cubic_is_never_slower_than_reno, "TCP-12", "RFC9438-4")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;
	u64 now = 1000000;

	one.set(tcp_cubic, 20 * mss, 20 * mss);
	s.srtt_us = 10000;
	one.lose();
	EXPECT_EQ(s.cwnd, 14 * mss);
	auto windows = [&](u32 count) {
		for (u32 i = 0; i < count; i++, now += 10000)
			cubic_avoid_at(s, s.cwnd, now);
	};
	windows(8);
	EXPECT_TRUE(about(s.cwnd, 14 * mss + 8 * mss * 9 / 17, 20));
	windows(3); /* 19.8 segments */
	windows(1); /* 20.3 */
	const u32 before = s.cwnd;

	EXPECT_GT(before, 20 * mss);
	windows(4);
	EXPECT_TRUE(about(s.cwnd, before + 4 * mss, 20));
}

EDU_TEST_F(bare_fixture, tcp_congestion, who_loses_before_the_plateau_leaves_room, "TCP-12",
	   "RFC9438-4")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_cubic, 100 * mss, 50 * mss);
	one.lose();
	EXPECT_EQ(cubic_of(s).now.w_max, 100 * mss);
	s.cwnd = 80 * mss;
	one.lose();
	EXPECT_EQ(cubic_of(s).now.w_max, 68 * mss);
	s.cwnd = 90 * mss;
	one.lose();
	EXPECT_EQ(cubic_of(s).now.w_max, 90 * mss);
}

EDU_TEST_F(bare_fixture, tcp_congestion, a_needless_reduction_is_taken_back, "TCP-12", "RFC9438-4")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_cubic, 100 * mss, 50 * mss);
	one.lose();
	s.cwnd = 90 * mss;
	one.lose();
	EXPECT_EQ(tcp_cubic.undo(s), 90 * mss);
	EXPECT_EQ(cubic_of(s).now.w_max, 100 * mss);
}

EDU_TEST_F(bare_fixture, tcp_congestion, after_a_timeout_the_curve_begins_at_its_plateau, "TCP-12",
	   "RFC9438-4")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_cubic, 100 * mss, 50 * mss);
	one.lose();
	tcp_cubic.set_state(s, tcp_ca_state::loss);
	s.cwnd = s.ssthresh = 40 * mss;
	s.srtt_us = 100000;
	cubic_avoid_at(s, mss, 5000000);
	EXPECT_EQ(cubic_of(s).now.w_max, 40 * mss);
	EXPECT_EQ(cubic_of(s).now.k_ms, 0);
}

EDU_TEST_F(bare_fixture, tcp_congestion, a_pause_does_not_count_as_time_on_the_curve, "TCP-12",
	   "RFC9438-5.8")
{
	constexpr u64 minute = 60000000;
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_cubic, 100 * mss, 50 * mss);
	s.srtt_us = 100000;
	cubic_avoid_at(s, mss, 1000000);
	cubic_avoid_at(s, mss, 1100000);
	const u64 epoch = cubic_of(s).now.epoch_us;
	const u32 before = s.cwnd;

	cubic_avoid_at(s, mss, 1100000 + minute);
	EXPECT_TRUE(about(cubic_of(s).now.epoch_us, epoch + minute, 200000));
	EXPECT_LE(s.cwnd, before + mss);
}

/* RFC 9406: eight samples of a round trip that is 4 ms longer slow the growth; five such rounds end it. */
EDU_TEST_F(bare_fixture, tcp_congestion, a_growing_round_trip_ends_slow_start, "TCP-12",
	   "RFC9406-4.2")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;
	u32 rounds = 0;

	one.set(tcp_cubic, 20 * mss, tcp_no_ssthresh);
	auto round = [&](u32 us) {
		s.snd_una = s.snd_nxt;
		s.snd_nxt = s.snd_una + s.cwnd;
		for (u32 i = 0; i < 10; i++)
			tcp_cubic.rtt(s, us);
	};
	round(20000);
	round(20000);
	EXPECT_EQ(cubic_of(s).slow_rounds, 0);
	round(23000); /* not yet: 4 ms at least */
	EXPECT_EQ(cubic_of(s).slow_rounds, 0);
	round(27000);
	EXPECT_EQ(cubic_of(s).slow_rounds, 1);
	cubic_avoid_at(s, 4 * mss, 1000000);
	EXPECT_EQ(s.cwnd, 21 * mss);
	for (; s.ssthresh == tcp_no_ssthresh && rounds < 10; rounds++)
		round(28000);
	EXPECT_EQ(rounds, 5);
	EXPECT_EQ(s.ssthresh, 21 * mss);
}

EDU_TEST_F(bare_fixture, tcp_congestion, jitter_does_not_end_slow_start, "TCP-12", "RFC9406-4.2")
{
	ASSERT_TRUE(bool(one));
	tcp_sock &s = *one;

	one.set(tcp_cubic, 20 * mss, tcp_no_ssthresh);
	auto round = [&](u32 us) {
		s.snd_una = s.snd_nxt;
		s.snd_nxt = s.snd_una + s.cwnd;
		for (u32 i = 0; i < 10; i++)
			tcp_cubic.rtt(s, us);
	};
	for (u32 us : {20000, 20000, 27000})
		round(us);
	EXPECT_EQ(cubic_of(s).slow_rounds, 1);
	round(20000);
	EXPECT_EQ(cubic_of(s).slow_rounds, 0);
	EXPECT_EQ(s.ssthresh, tcp_no_ssthresh);
}

EDU_TEST(tcp_congestion, an_algorithm_is_found_by_its_whole_name, "TCP-12")
{
	EXPECT_EQ(tcp_congestion_find("reno", 4), &tcp_reno);
	EXPECT_EQ(tcp_congestion_find("cubic", 5), &tcp_cubic);
	EXPECT_EQ(tcp_congestion_find("cubic", 4), nullptr);
	EXPECT_EQ(tcp_congestion_find("cubicx", 6), nullptr);
	EXPECT_EQ(tcp_congestion_find("", 0), nullptr);
	EXPECT_EQ(tcp_congestion_find("bbr", 3), nullptr);
}

/*
 * Proportional rate reduction
 */

/* Twenty segments under way, the first lost, ssthresh ten: one is sent for two that arrive, and in the end half
 * are under way. */
EDU_TEST(tcp_congestion, one_segment_is_sent_for_two_that_arrive, "TCP-12", "RFC6937-3")
{
	tcp_prr p{.delivered = mss,
		  .prr_delivered = 0,
		  .prr_out = 0,
		  .pipe = 19 * mss, /* one is lost */
		  .ssthresh = 10 * mss,
		  .recover_flight = 20 * mss,
		  .mss = mss,
		  .progress = false};

	for (u32 ack = 0; ack < 19; ack++) {
		p.prr_delivered += mss;
		p.pipe -= mss;
		for (u32 room = tcp_prr_room(p); room >= mss; room -= mss) {
			p.pipe += mss;
			p.prr_out += mss;
		}
		ASSERT_LE(p.prr_out, p.prr_delivered / 2 + mss);
	}
	EXPECT_EQ(p.pipe, 10 * mss);
}

EDU_TEST(tcp_congestion, after_heavy_loss_what_arrives_is_replaced_and_no_more, "TCP-12",
	 "RFC6937-3")
{
	tcp_prr p{.delivered = mss,
		  .prr_delivered = 4 * mss,
		  .prr_out = 3 * mss,
		  .pipe = 2 * mss,
		  .ssthresh = 10 * mss,
		  .recover_flight = 20 * mss,
		  .mss = mss,
		  .progress = false};

	EXPECT_EQ(tcp_prr_room(p), mss); /* conservation */
	p.progress = true;
	EXPECT_EQ(tcp_prr_room(p), 2 * mss); /* slow start */
	p.pipe = 10 * mss - 1;
	EXPECT_EQ(tcp_prr_room(p), 1); /* not beyond ssthresh */
}

EDU_TEST(tcp_congestion, the_first_retransmission_goes_at_once, "TCP-12", "RFC6937-3")
{
	EXPECT_EQ(tcp_prr_room({.delivered = 0,
				.prr_delivered = 0,
				.prr_out = 0,
				.pipe = 15 * mss,
				.ssthresh = 10 * mss,
				.recover_flight = 20 * mss,
				.mss = mss,
				.progress = false}),
		  mss);
}

/*
 * The RTO
 */

/* 2.2: SRTT is R, RTTVAR R/2; 2.3: then by 1/8 and 1/4. */
EDU_TEST(tcp_congestion, the_rto_is_the_round_trip_and_four_variances, "TCP-12", "RFC9293-MUST-18",
	 "RFC6298-2")
{
	tcp_rtt rtt = tcp_rtt_after({}, 100000, 1);

	EXPECT_EQ(rtt.srtt, 100000);
	EXPECT_EQ(rtt.rttvar, 50000);
	EXPECT_EQ(tcp_rto_of(rtt, 1, 120000), 300);
	rtt = tcp_rtt_after(rtt, 200000, 1);
	EXPECT_EQ(rtt.srtt, 112500);
	EXPECT_EQ(rtt.rttvar, 62500);
	EXPECT_EQ(tcp_rto_of(rtt, 1, 120000), 363);
	rtt = tcp_rtt_after(rtt, 112500, 1);
	EXPECT_EQ(rtt.srtt, 112500);
	EXPECT_EQ(rtt.rttvar, 46875);
}

EDU_TEST(tcp_congestion, the_rto_has_a_floor_and_a_ceiling, "TCP-12", "RFC9293-MUST-18",
	 "RFC6298-2")
{
	tcp_rtt rtt = tcp_rtt_after({}, 1000, 1);

	EXPECT_EQ(tcp_rto_of(rtt, 200, 120000), 201);
	for (u32 i = 0; i < 200; i++)
		rtt = tcp_rtt_after(rtt, 300000, 1);
	EXPECT_TRUE(about(rtt.srtt, 300000, 8));
	EXPECT_TRUE(about(tcp_rto_of(rtt, 200, 120000), 500,
			  1)); /* steady: an ACK may still be delayed */
	rtt = tcp_rtt_after({}, 0xffffffff, 1);
	EXPECT_EQ(tcp_rto_of(rtt, 200, 120000), 120000);
	rtt = tcp_rtt_after({}, 0, 1); /* no time at all is a microsecond */
	EXPECT_EQ(rtt.srtt, 1);
}

/* RFC 7323 4.2: sixteen samples in a flight have the weight of one. */
EDU_TEST(tcp_congestion, many_samples_in_a_flight_weigh_no_more_than_one, "TCP-12", "RFC7323-4.2")
{
	tcp_rtt once{100000, 20000}, often = once;

	once = tcp_rtt_after(once, 180000, 1);
	for (u32 i = 0; i < 16; i++)
		often = tcp_rtt_after(often, 180000, 16);
	EXPECT_TRUE(about(once.srtt, often.srtt, 1000));
	EXPECT_TRUE(about(once.rttvar, often.rttvar, once.rttvar / 10));
}

} // namespace edu::test::on_transport_tcp_congestion
