// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much TCP sends: the arithmetic of segment sizes, of windows, of back-off.
 *
 * Requirements: TCP-3, TCP-5, TCP-12; RFC 9293 MUST-16, MUST-19, MUST-20, MUST-23, MUST-38, SHLD-7,
 * SHLD-30; RFC 1191.
 *
 * Locking: none. Tests run one after the other.
 */
#include "test.hh"
#include "transport/tcp_output.hh"

namespace edu::test::on_transport_tcp_output {
namespace {

constexpr u32 mss = 1000, plenty = 1000000;

constexpr tcp_offer offer(u32 len)
{
	return {.len = len,
		.fin = false,
		.mss = mss,
		.most = 44 * mss,
		.quota = plenty,
		.window = plenty,
		.tail = true};
}

} // namespace

/*
 * Segment sizes
 */

EDU_TEST(tcp_output, the_smaller_of_path_and_peer_sizes_a_segment, "RFC9293-MUST-16", "TCP-3")
{
	EXPECT_EQ(tcp_effective_mss(1500, 1460, 0, 0, 48), 1460);
	EXPECT_EQ(tcp_effective_mss(1500, 536, 0, 0, 48), 536);
	EXPECT_EQ(tcp_effective_mss(576, 1460, 0, 0, 48), 536);
	EXPECT_EQ(tcp_effective_mss(65535, 65495, 0, 0, 48), 65495);
}

EDU_TEST(tcp_output, options_make_a_segment_smaller, "RFC9293-MUST-16")
{
	EXPECT_EQ(tcp_effective_mss(1500, 1460, 0, 12, 48), 1448);
	EXPECT_EQ(tcp_effective_mss(1500, 1460, 40, 12, 48), 1408);
	EXPECT_EQ(tcp_effective_mss(1500, 536, 8, 12, 48), 516);
}

EDU_TEST(tcp_output, nobody_can_make_a_segment_tiny, "RFC9293-MUST-16", "RFC1191-3")
{
	EXPECT_EQ(tcp_effective_mss(1500, 0, 0, 12, 48), 36);
	EXPECT_EQ(tcp_effective_mss(0, 1460, 0, 12, 48), 36);
	EXPECT_EQ(tcp_effective_mss(68, 1460, 40, 12, 36), 24);
	EXPECT_EQ(tcp_effective_mss(0, 0, 40, 40, 36), 8);
}

EDU_TEST(tcp_output, half_of_a_small_window_is_a_full_segment, "RFC9293-MUST-38")
{
	EXPECT_EQ(tcp_within_half_window(1460, 65535), 1460);
	EXPECT_EQ(tcp_within_half_window(1460, 2000), 1000);
	EXPECT_EQ(tcp_within_half_window(1460, 500), 500); /* it cannot be less still */
	EXPECT_EQ(tcp_within_half_window(1460, 4), 36);
	EXPECT_EQ(tcp_within_half_window(1460, 0), 1460); /* not known yet */
}

EDU_TEST(tcp_output, a_large_buffer_is_whole_segments_and_at_least_one, "TCP-12")
{
	tcp_path path;

	path.segment_max = 65536;
	EXPECT_EQ(tcp_large_most(path, 1448), 65535 / 1448 * 1448);
	path.segment_max = 1500;
	EXPECT_EQ(tcp_large_most(path, 1448), 1448);
	path.segment_max = 0;
	EXPECT_EQ(tcp_large_most(path, 1448), 1448);
	path.segment_max = 0xffffffff;
	EXPECT_LE(tcp_large_most(path, 536) + 80, 65535);
	EXPECT_EQ(tcp_large_most(path, 536) % 536, 0);
}

/*
 * What leaves
 */

EDU_TEST(tcp_output, what_fits_goes_as_it_is, "TCP-12")
{
	EXPECT_EQ(tcp_chunk(offer(1)), 1);
	EXPECT_EQ(tcp_chunk(offer(mss)), mss);
	EXPECT_EQ(tcp_chunk(offer(10 * mss + 7)), 10 * mss + 7);
}

EDU_TEST(tcp_output, a_tail_that_may_grow_waits_alone, "RFC9293-SHLD-7")
{
	tcp_offer o = offer(3 * mss + 1);

	o.tail = false;
	EXPECT_EQ(tcp_chunk(o), 3 * mss);
	o.len = mss - 1;
	EXPECT_EQ(tcp_chunk(o), 0);
	o.len = 2 * mss; /* nothing is small */
	EXPECT_EQ(tcp_chunk(o), 2 * mss);
}

EDU_TEST(tcp_output, a_window_never_cuts_a_segment, "RFC9293-MUST-38")
{
	tcp_offer o = offer(10 * mss);

	o.window = 3 * mss + 999;
	EXPECT_EQ(tcp_chunk(o), 3 * mss);
	o.window = mss - 1;
	EXPECT_EQ(tcp_chunk(o), 0);
	o.window = 0;
	EXPECT_EQ(tcp_chunk(o), 0);
	o = offer(500);
	o.window = 499;
	EXPECT_EQ(tcp_chunk(o), 0);
	o.window = 500;
	EXPECT_EQ(tcp_chunk(o), 500);
}

EDU_TEST(tcp_output, the_congestion_window_and_the_device_bound_a_buffer, "RFC9293-MUST-19")
{
	tcp_offer o = offer(100 * mss);

	EXPECT_EQ(tcp_chunk(o), 44 * mss);
	o.quota = 2 * mss + 500;
	EXPECT_EQ(tcp_chunk(o), 2 * mss);
	o.most = mss;
	EXPECT_EQ(tcp_chunk(o), mss);
}

EDU_TEST(tcp_output, a_fin_needs_room_in_the_window, "TCP-8")
{
	tcp_offer o = offer(2 * mss);

	o.fin = true;
	o.window = 2 * mss;
	EXPECT_EQ(tcp_chunk(o), mss);
	o.window = 2 * mss + 1;
	EXPECT_EQ(tcp_chunk(o), 2 * mss);
	o = offer(1);
	o.fin = true;
	o.window = 1;
	EXPECT_EQ(tcp_chunk(o), 0);
}

/* Whatever the windows: never more than they allow, and only whole segments unless all goes. */
EDU_TEST(tcp_output, no_chunk_breaks_a_limit, "RFC9293-MUST-38", "RFC9293-MUST-34")
{
	for (u32 len = 1; len < 50; len++)
		for (u32 window = 0; window < 50; window++)
			for (u32 quota = 0; quota < 50; quota++) {
				const tcp_offer o{.len = len,
						  .fin = len % 2 == 0,
						  .mss = 7,
						  .most = 28,
						  .quota = quota,
						  .window = window,
						  .tail = len % 3 == 0};
				const u32 chunk = tcp_chunk(o);
				const bool all = chunk == len;

				ASSERT_LE(chunk, len);
				ASSERT_LE(chunk, quota);
				ASSERT_LE(chunk, 28);
				ASSERT_LE(chunk + (all && o.fin), window);
				ASSERT_TRUE(chunk % 7 == 0 || (all && o.tail));
			}
}

/*
 * Time
 */

EDU_TEST(tcp_output, each_wait_is_twice_the_last, "RFC9293-MUST-19", "RFC9293-SHLD-30")
{
	EXPECT_EQ(tcp_backed_off(200, 0, 120000), 200);
	EXPECT_EQ(tcp_backed_off(200, 1, 120000), 400);
	EXPECT_EQ(tcp_backed_off(200, 9, 120000), 102400);
	EXPECT_EQ(tcp_backed_off(200, 10, 120000), 120000);
	EXPECT_EQ(tcp_backed_off(200, 0xffffffff, 120000), 120000);
	EXPECT_EQ(tcp_backed_off(500000, 0, 120000), 120000);
}

EDU_TEST(tcp_output, retries_are_a_time, "RFC9293-MUST-20", "RFC9293-SHLD-10", "RFC9293-SHLD-11")
{
	EXPECT_EQ(tcp_retries_time(0, 200, 120000), 200);
	EXPECT_EQ(tcp_retries_time(3, 200, 120000), 200 + 400 + 800 + 1600);
	/* R2's default: a quarter of an hour, where the RFC asks for 100 seconds. */
	EXPECT_EQ(tcp_retries_time(15, 200, 120000), 924600);
}

EDU_TEST(tcp_output, a_syn_is_tried_for_three_minutes, "RFC9293-MUST-23")
{
	EXPECT_LE(180000, tcp_retries_time(7, 1000, 120000));
}

} // namespace edu::test::on_transport_tcp_output
