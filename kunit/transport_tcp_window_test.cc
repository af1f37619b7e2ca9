// SPDX-License-Identifier: GPL-2.0-only
/*
 * What TCP tells its peer: windows and SACK blocks; how its receive buffer grows; and how it reads options the
 * short way.
 *
 * Requirements: TCP-12; RFC 9293 MUST-6, MUST-39, MUST-64, REC-1; RFC 7323 2; RFC 2018 3, 4, 8.
 *
 * Locking: none. Tests run one after the other.
 */
#include "streams.hh"
#include "test.hh"
#include "transport/tcp_input.hh"

namespace edu::test::on_transport_tcp_window {
namespace {

constexpr u32 mss = 1000, buffer = 64000;
constexpr u16 port = 2007;

/* A buffer of 64 segments, of which `free` octets are free. */
constexpr tcp_window_choice choice(u32 free, u32 offered = 0, u8 scale = 0)
{
	return {.mss = mss,
		.free = free,
		.full = buffer,
		.clamp = buffer,
		.slow = buffer,
		.offered = offered,
		.scale = scale};
}

/* Options as they lie in a header. */
template <typename... octet>
wire::tcp::options decoded(bool is_syn, octet... octets)
{
	const u8 in[] = {static_cast<u8>(octets)...};

	return tcp_decode_options(in, is_syn);
}

/* The blocks that are told, after what has come and gone. */
struct told {
	tcp_sack_blocks blocks = {};
	u8 count = 0;

	void add(u32 left, u32 right) { tcp_sacks_add(blocks, count, {seq32{left}, seq32{right}}); }
	bool has(u8 at, u32 left, u32 right) const
	{
		return at < count && blocks[at] == wire::tcp::sack_block{seq32{left}, seq32{right}};
	}
};

} // namespace

/*
 * The window
 */

EDU_TEST(tcp_window, an_empty_buffer_is_offered_whole, "TCP-12")
{
	EXPECT_EQ(tcp_choose_window(choice(buffer)), buffer);
	EXPECT_EQ(tcp_choose_window(choice(buffer, 0, 7)), buffer);
}

EDU_TEST(tcp_window, it_is_never_more_than_has_been_allowed, "TCP-12")
{
	tcp_window_choice c = choice(buffer);

	c.slow = 5 * mss;
	EXPECT_EQ(tcp_choose_window(c), 5 * mss);
	c.clamp = 2 * mss; /* its holder keeps slow below clamp */
	c.slow = 2 * mss;
	EXPECT_EQ(tcp_choose_window(c), 2 * mss);
	c.clamp = 0;
	EXPECT_EQ(tcp_choose_window(c), 0);
}

EDU_TEST(tcp_window, without_a_scale_it_is_whole_segments, "RFC9293-MUST-39")
{
	EXPECT_EQ(tcp_choose_window(choice(40 * mss + 999)), 40 * mss);
	/* what was offered stays while it is less than a segment short */
	EXPECT_EQ(tcp_choose_window(choice(40 * mss + 999, 40 * mss + 1)), 40 * mss + 1);
	EXPECT_EQ(tcp_choose_window(choice(41 * mss + 1, 40 * mss + 1)), 41 * mss);
}

EDU_TEST(tcp_window, a_crumb_is_not_offered, "RFC9293-MUST-39")
{
	EXPECT_EQ(tcp_choose_window(choice(mss - 1)), 0);
	EXPECT_EQ(tcp_choose_window(choice(buffer / 16 - 1)), 0);
	EXPECT_EQ(tcp_choose_window(choice(buffer / 16)), buffer / 16);
	EXPECT_EQ(tcp_choose_window(choice(0, mss, 7)), 0);
	/* a scale does not make something of nothing */
	EXPECT_EQ(tcp_choose_window(choice(buffer / 16 + 100, 0, 14)), 0);
}

EDU_TEST(tcp_window, a_segment_larger_than_the_buffer_is_no_obstacle, "RFC9293-MUST-39")
{
	tcp_window_choice c = choice(buffer);

	c.mss = 2 * buffer;
	EXPECT_EQ(tcp_choose_window(c), buffer);
}

EDU_TEST(tcp_window, a_scaled_one_can_be_told, "RFC7323-2.3")
{
	for (u8 scale = 0; scale <= wire::tcp::max_window_scale; scale++) {
		const u32 window = tcp_choose_window(choice(buffer - 3, 0, scale));

		EXPECT_EQ(window >> scale << scale, window);
		EXPECT_LE(window >> scale, 0xffff);
	}
	EXPECT_EQ(tcp_round_up(0, 7), 0);
	EXPECT_EQ(tcp_round_up(1, 7), 128);
	EXPECT_EQ(tcp_round_up(128, 7), 128);
	EXPECT_EQ(tcp_round_up(0xffffffff, 7), 0xffffff80); /* REC-1 */
}

EDU_TEST(tcp_window, the_scale_is_the_least_that_does, "RFC7323-2.3")
{
	EXPECT_EQ(tcp_scale_for(0), 0);
	EXPECT_EQ(tcp_scale_for(0xffff), 0);
	EXPECT_EQ(tcp_scale_for(0x10000), 1);
	EXPECT_EQ(tcp_scale_for(6291456), 7);
	EXPECT_EQ(tcp_scale_for(0xffffffff), 14);
}

/*
 * SACK blocks
 */

EDU_TEST(tcp_window, the_newest_block_is_told_first, "RFC2018-4")
{
	told t;

	t.add(10, 20);
	t.add(30, 40);
	t.add(50, 60);
	EXPECT_EQ(t.count, 3);
	EXPECT_TRUE(t.has(0, 50, 60) && t.has(1, 30, 40) && t.has(2, 10, 20));
	t.add(12, 15); /* once more, within */
	EXPECT_EQ(t.count, 3);
	EXPECT_TRUE(t.has(0, 10, 20) && t.has(1, 50, 60) && t.has(2, 30, 40));
}

EDU_TEST(tcp_window, blocks_that_touch_are_one, "RFC2018-4")
{
	told t;

	t.add(10, 20);
	t.add(30, 40);
	t.add(20, 30);
	EXPECT_EQ(t.count, 1);
	EXPECT_TRUE(t.has(0, 10, 40));
	t.add(50, 60);
	t.add(70, 80);
	t.add(5, 100);
	EXPECT_EQ(t.count, 1);
	EXPECT_TRUE(t.has(0, 5, 100));
}

EDU_TEST(tcp_window, of_many_blocks_the_oldest_is_forgotten, "RFC2018-4")
{
	told t;

	for (u32 i = 1; i <= 6; i++)
		t.add(i * 10, i * 10 + 5);
	EXPECT_EQ(t.count, 4);
	EXPECT_TRUE(t.has(0, 60, 65) && t.has(3, 30, 35));
}

EDU_TEST(tcp_window, blocks_leave_when_they_are_acknowledged_or_given_up, "RFC2018-4", "RFC2018-8")
{
	told t;

	t.add(10, 20);
	t.add(30, 40);
	t.add(50, 60);
	tcp_sacks_advance(t.blocks, t.count, seq32{20});
	EXPECT_EQ(t.count, 2);
	EXPECT_TRUE(t.has(0, 50, 60) && t.has(1, 30, 40));
	tcp_sacks_cut(t.blocks, t.count, seq32{55});
	EXPECT_TRUE(t.has(0, 50, 55) && t.has(1, 30, 40));
	tcp_sacks_cut(t.blocks, t.count, seq32{35});
	EXPECT_EQ(t.count, 1);
	EXPECT_TRUE(t.has(0, 30, 35));
	tcp_sacks_advance(t.blocks, t.count, seq32{35});
	EXPECT_EQ(t.count, 0);
}

EDU_TEST(tcp_window, blocks_may_lie_around_zero, "RFC2018-4", "RFC9293-REC-1")
{
	told t;

	t.add(0xfffffff0, 0xfffffff8);
	t.add(4, 8);
	t.add(0xfffffff8, 4);
	EXPECT_EQ(t.count, 1);
	EXPECT_TRUE(t.has(0, 0xfffffff0, 8));
	tcp_sacks_advance(t.blocks, t.count, seq32{0xffffffe0});
	EXPECT_EQ(t.count, 1);
}

/*
 * Options the short way
 */

EDU_TEST(tcp_window, timestamps_alone_are_read_like_any_options, "RFC9293-MUST-64", "RFC7323-3.2")
{
	const u8 usual[] = {1, 1, 8, 10, 0x01, 0x02, 0x03, 0x04, 0xa1, 0xa2, 0xa3, 0xa4};
	const auto quick = tcp_decode_options(usual, false);

	EXPECT_TRUE(quick == wire::tcp::options::parse(usual, false));
	EXPECT_TRUE(quick.has_timestamps);
	EXPECT_EQ(quick.ts_value, 0x01020304);
	EXPECT_EQ(quick.ts_echo, 0xa1a2a3a4);
	EXPECT_TRUE(tcp_decode_options(usual, true) == wire::tcp::options::parse(usual, true));
}

EDU_TEST(tcp_window, other_layouts_take_the_long_way, "RFC9293-MUST-6", "RFC9293-MUST-64")
{
	EXPECT_TRUE(tcp_decode_options({}, false) == wire::tcp::options{});
	/* timestamps first */
	EXPECT_EQ(decoded(false, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9, 1, 1).ts_value, 7);
	/* the same first word, and a SACK block behind */
	const auto both = decoded(false, 1, 1, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9, 1, 1, 5, 10, 0, 0, 0,
				  1, 0, 0, 0, 2);

	EXPECT_EQ(both.ts_echo, 9);
	EXPECT_EQ(both.sack_count, 1);
	/* an option that ends beyond the header */
	EXPECT_TRUE(decoded(false, 1, 1, 8, 10).malformed);
	EXPECT_EQ(decoded(true, 2, 4, 5, 0xb4).mss, 1460);
}

/*
 * How fast the receive buffer grows
 */

EDU_TEST(tcp_window, a_shorter_round_trip_counts_at_once, "TCP-12")
{
	world w;
	stream server{w.b}, client{w.a};

	ASSERT_EQ(server.listen_at(port), 0);
	EXPECT_EQ(client.begin(w.b.address(), port), err_inprogress);
	w.settle();
	tcp_sock &s = client.tcp();
	const u32 now = tcp_timestamp(s.ts_offset);

	s.rcv_rtt_us = 0;
	tcp_rcv_rtt_by_echo(s, now - 40, 1448);
	EXPECT_EQ(s.rcv_rtt_us, 40000u); /* it holds the making of the connection, too */
	tcp_rcv_rtt_by_echo(s, now - 20, 1448);
	EXPECT_EQ(s.rcv_rtt_us, 20000u);
	tcp_rcv_rtt_by_echo(s, now - 36, 1448);
	EXPECT_EQ(s.rcv_rtt_us, 22000u); /* a longer one by an eighth */
}

/* As in Linux, TCP_INFO's tcpi_advmss: by what the peer can send, the buffer's growth is measured. */
EDU_TEST(tcp_window, what_the_peer_can_send_is_less_the_options, "TCP-12")
{
	for (bool stamps : {true, false}) {
		world w;
		stream server{w.b}, client{w.a};

		w.a.tune(EDU_TUNE_tcp_timestamps, stamps);
		ASSERT_EQ(server.listen_at(port), 0);
		EXPECT_EQ(client.begin(w.b.address(), port), err_inprogress);
		w.settle();
		stream child = server.accept();

		ASSERT_TRUE(child.is_open());
		for (const tcp_sock *s : {&client.tcp(), &child.tcp()}) {
			EXPECT_EQ(s->advmss, stamps ? 1448u : 1460u);
			EXPECT_EQ(s->rcvq_space, 10u * s->advmss);
		}
	}
}

} // namespace edu::test::on_transport_tcp_window
