// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP's losses, segment by segment: what is sent again, when, and when that was not needed.
 *
 * Requirements: TCP-5, TCP-12. RFC 3042, 5681 3.2, 5682, 5961 5, 6582 3.2, 6675 5, 8985, 2018 8, 2883.
 *
 * Ten segments of a thousand octets are under way, numbered from 0 on; two more wait for the congestion window.
 *
 * Locking: none. Tests run one after the other.
 */
#include "tcp_peer.hh"
#include "test.hh"

namespace edu::test::on_transport_tcp_recovery {
namespace {

constexpr u32 mss = 1000, under_way = 10, waiting = 2, trip_ms = 20;

constexpr u8 some_octets[(under_way + waiting) * mss] = {};

struct lossy_line {
	tcp_line line;

	/* The peer has opened; the segments are on the cable, and a round trip has passed. */
	void begin(bool sack, bool stamps = false)
	{
		constexpr u16 stamps_len = 12;

		has_stamps_ = stamps;
		line.listen();
		line.say_next({.flags = flag::syn,
			       .opts = {.mss = static_cast<u16>(mss + (stamps ? stamps_len : 0)),
					.sack_permitted = sack,
					.has_timestamps = stamps,
					.ts_value = 1,
					.sack = {}}});
		first_ = line.ack = line.heard().seq() + 1;
		line.run(trip_ms);
		acks(0);
		line.sock = line.listener.accept();
		line.forget();
		const int sent = line.sock.send({some_octets, sizeof(some_octets)});

		EXPECT_EQ(sent, static_cast<int>(sizeof(some_octets)));
		line.run(0);
		EXPECT_EQ(octets(), under_way * mss);
		echo = line.heard().options().ts_value;
		line.forget();
		line.run(trip_ms);
	}

	/* The peer has everything below the nth segment, and these. */
	struct block {
		u32 from, to;
	};
	void acks(u32 nth, std::initializer_list<block> blocks = {})
	{
		by_hand what;

		what.ack_ahead = static_cast<s32>(nth * mss);
		what.opts.has_timestamps = has_stamps_;
		what.opts.ts_value = 1;
		what.opts.ts_echo = echo;
		for (block b : blocks)
			what.opts.sack[what.opts.sack_count++] = {first_ + b.from * mss,
								  first_ + b.to * mss};
		line.forget();
		line.say(what);
	}

	/* Octets of ours since the last forget(). */
	u32 octets() const
	{
		u32 all = 0;

		for (u32 i = line.count(); i-- > 0;)
			all += static_cast<u32>(line.heard(i).payload_length());
		return all;
	}
	/* So many segments came, of which the first was the nth. */
	bool sends(u32 segments, u32 nth = 0) const
	{
		const u32 count = line.count();

		return octets() == segments * mss &&
		       (!segments || line.heard(count - 1).seq() == first_ + nth * mss);
	}
	u64 counter(edu_counter which) const { return line.a.counter(which); }

	u32 echo = 0; /* of our timestamps */

private:
	seq32 first_;
	bool has_stamps_ = false;
};

} // namespace

/*
 * Duplicate ACKs
 */

EDU_TEST_F(lossy_line, tcp_recovery, two_duplicates_let_new_octets_out, "TCP-12", "RFC3042")
{
	begin(false);
	acks(0);
	EXPECT_TRUE(sends(1, 10));
	acks(0);
	EXPECT_TRUE(sends(1, 11));
	EXPECT_EQ(counter(EDU_Tcp_RetransSegs), 0);
}

EDU_TEST_F(lossy_line, tcp_recovery, the_third_duplicate_sends_again, "TCP-5", "RFC5681-3.2")
{
	begin(false);
	for (u32 i = 0; i < 3; i++)
		acks(0);
	EXPECT_TRUE(sends(1, 0));
	EXPECT_EQ(counter(EDU_Tcp_FastRetrans), 1);
	EXPECT_EQ(counter(EDU_Tcp_Timeouts), 0);
}

/* With octets, with another window, or below what is acknowledged, an ACK is no duplicate. */
EDU_TEST_F(lossy_line, tcp_recovery, what_says_something_is_no_duplicate, "TCP-12", "RFC5681-2")
{
	begin(false);
	for (u16 i = 0; i < 4; i++) {
		line.say({.window = static_cast<u16>(50000 + i)});
		line.say_next({.data = edu::test::octets("tlk"), .window = 40000});
	}
	EXPECT_EQ(counter(EDU_Tcp_RetransSegs), 0);
}

EDU_TEST_F(lossy_line, tcp_recovery, a_partial_ack_sends_the_next_hole, "TCP-12", "RFC6582-3.2")
{
	begin(false);
	for (u32 i = 0; i < 5; i++)
		acks(0);
	acks(4);
	EXPECT_TRUE(sends(1, 4));
	acks(7);
	EXPECT_TRUE(sends(1, 7));
	EXPECT_EQ(counter(EDU_Tcp_FastRetrans), 3);
	acks(12);
	EXPECT_EQ(counter(EDU_Tcp_RetransSegs), 3);
	EXPECT_EQ(counter(EDU_Tcp_Timeouts), 0);
}

/*
 * SACK
 */

EDU_TEST_F(lossy_line, tcp_recovery, only_what_is_missing_is_sent_again, "TCP-5", "RFC8985-6.2")
{
	begin(true);
	acks(0, {{1, 2}});
	acks(0, {{1, 3}});
	EXPECT_EQ(counter(EDU_Tcp_RetransSegs), 0);
	acks(0, {{1, 4}});
	EXPECT_TRUE(sends(1, 0));
	acks(4, {{5, 10}});
	EXPECT_TRUE(sends(1, 4));
	acks(12);
	EXPECT_EQ(counter(EDU_Tcp_RetransSegs), 2);
	EXPECT_EQ(counter(EDU_Tcp_Timeouts), 0);
}

EDU_TEST_F(lossy_line, tcp_recovery, without_rack_three_segments_above_tell, "TCP-12", "RFC6675-5")
{
	line.a.tune(EDU_TUNE_tcp_recovery, 0);
	begin(true);
	acks(0, {{2, 4}});
	EXPECT_EQ(counter(EDU_Tcp_RetransSegs), 0);
	acks(0, {{2, 5}});
	EXPECT_EQ(counter(EDU_Tcp_FastRetrans), 1); /* the first of two: pipe is above ssthresh */
	acks(0, {{2, 7}});
	acks(0, {{2, 8}});
	EXPECT_EQ(counter(EDU_Tcp_FastRetrans), 2);
	acks(12);
	EXPECT_EQ(counter(EDU_Tcp_RetransSegs), 2);
}

EDU_TEST_F(lossy_line, tcp_recovery, what_was_only_late_is_not_sent_again, "TCP-12", "RFC8985-6.2")
{
	begin(true);
	acks(0, {{1, 2}}); /* a quarter of a round trip is waited for the first */
	line.run(trip_ms / 5);
	acks(2);
	acks(12);
	line.run(100);
	EXPECT_EQ(counter(EDU_Tcp_RetransSegs), 0);
}

EDU_TEST_F(lossy_line, tcp_recovery, a_peer_that_forgets_what_it_had_gets_it_again, "TCP-12",
	   "RFC2018-8")
{
	begin(true);
	acks(0, {{2, 10}});
	acks(2); /* and not ten */
	line.run(1000);
	EXPECT_EQ(counter(EDU_Tcp_SackReneged), 1);
	acks(3);
	acks(5);
	acks(9);
	acks(12);
	EXPECT_LE(8, counter(EDU_Tcp_RetransSegs));
	EXPECT_EQ(line.sock.state(), tcp_state_number::established);
}

/*
 * It was not lost
 */

EDU_TEST_F(lossy_line, tcp_recovery, a_duplicate_proves_a_needless_retransmission, "TCP-12",
	   "RFC2883-4")
{
	begin(true);
	acks(0, {{1, 4}});
	EXPECT_TRUE(sends(1, 0));
	acks(10);
	EXPECT_EQ(counter(EDU_Tcp_Undos), 0);
	acks(10, {{0, 1}}); /* the second one has arrived, too */
	EXPECT_EQ(counter(EDU_Tcp_InDsacks), 1);
	EXPECT_EQ(counter(EDU_Tcp_Undos), 1);
}

/* RFC 3522: the ACK of what was sent again echoes a timestamp from before. */
EDU_TEST_F(lossy_line, tcp_recovery, an_old_echo_proves_a_needless_retransmission, "TCP-12",
	   "RFC3522-3.2")
{
	begin(true, true);
	acks(0, {{1, 4}});
	EXPECT_TRUE(sends(1, 0));
	EXPECT_LT(echo, line.heard().options().ts_value);
	acks(4);
	EXPECT_EQ(counter(EDU_Tcp_Undos), 1);
}

/* RFC 5682: after a timeout new octets are sent, and what they bring tells. */
EDU_TEST_F(lossy_line, tcp_recovery, a_needless_timeout_sends_nothing_more_again, "TCP-12",
	   "RFC5682-2")
{
	begin(false);
	line.run(600);
	EXPECT_EQ(counter(EDU_Tcp_RtoRetrans), counter(EDU_Tcp_Timeouts));
	const u64 before = counter(EDU_Tcp_RetransSegs);

	acks(1);
	EXPECT_TRUE(sends(2, 10)); /* new ones */
	acks(2);		   /* never sent again */
	EXPECT_EQ(counter(EDU_Tcp_SpuriousRtos), 1);
	EXPECT_EQ(counter(EDU_Tcp_Undos), 1);
	acks(12);
	EXPECT_EQ(counter(EDU_Tcp_RetransSegs), before);
}

EDU_TEST_F(lossy_line, tcp_recovery, after_a_real_timeout_all_is_sent_again, "TCP-5", "RFC5682-2")
{
	begin(false);
	line.run(600);
	acks(1);
	EXPECT_TRUE(sends(2, 10));
	acks(1); /* the new ones are above a hole */
	EXPECT_EQ(counter(EDU_Tcp_SpuriousRtos), 0);
	EXPECT_EQ(line.heard(line.count() - 1).seq(), line.ack + mss);
	for (u32 i = 2; i <= 12; i++)
		acks(i);
	EXPECT_EQ(counter(EDU_Tcp_SpuriousRtos), 0);
	EXPECT_LE(10, counter(EDU_Tcp_RetransSegs));
}

/*
 * Acknowledgements that cannot be
 */

EDU_TEST_F(lossy_line, tcp_recovery, octets_never_sent_cannot_be_acknowledged, "TCP-12",
	   "RFC5961-5.2")
{
	begin(true);
	line.say({.data = edu::test::octets("tlk"), .ack_ahead = 10 * mss + 1});
	EXPECT_EQ(counter(EDU_Tcp_DropAckUnsent), 1);
	EXPECT_TRUE(line.heard_only(flag::ack));
	EXPECT_EQ(line.heard().ack(), line.seq);
	EXPECT_EQ(line.sock.receive(), -11);
}

EDU_TEST_F(lossy_line, tcp_recovery, an_ack_from_too_long_ago_is_answered_and_dropped, "TCP-12",
	   "RFC5961-5.2")
{
	begin(true);
	line.say({.data = edu::test::octets("tlk"), .ack_ahead = -60001});
	EXPECT_EQ(counter(EDU_Tcp_DropOldAck), 1);
	EXPECT_TRUE(line.heard_only(flag::ack));
	EXPECT_EQ(line.sock.receive(), -11);
	/* One of octets that were sent, within the largest window, is only old: its octets count. */
	line.say({.ack_ahead = 10 * mss});
	line.ack += 10 * mss;
	line.say_next({.data = edu::test::octets("tlk"), .ack_ahead = -static_cast<s32>(10 * mss)});
	EXPECT_TRUE(line.sock.gets(edu::test::octets("tlk")));
}

/*
 * A peer that means us ill
 */

/* It takes segments of 36 octets, and says that it has every other of them. */
EDU_TEST(tcp_recovery, sack_blocks_do_not_multiply_the_memory_of_a_queue, "TCP-12", "RFC2018-5")
{
	constexpr int so_sndbuf = 7;
	constexpr u32 tiny = 36, sndbuf = 2 * 65536, most = 2 * (sndbuf + 2 * 66 * 1024);
	static u8 zeroes[2 * sndbuf];
	wire::tcp::options opts{.mss = 48,
				.has_window_scale = true,
				.window_scale = 7,
				.sack_permitted = true,
				.has_timestamps = true,
				.ts_value = 1,
				.sack = {}};
	edu_dev_info info = {};
	tcp_line line;
	u32 dearest = 0;

	edu_t_dev_info(line.a.get(), line.a.ifindex(), &info);
	info.segment_max = 65535;
	info.csum_offload = 1;
	edu_t_dev_change(line.a.get(), line.a.ifindex(), &info);
	line.open_passively(opts);
	tcp_sock &s = tcp_sk(core(line.sock.sk()));

	EXPECT_EQ(line.sock.set(sol_socket, so_sndbuf, sndbuf / 2), 0);
	s.cwnd = 1 << 20;
	EXPECT_GT(line.sock.send({zeroes, sizeof(zeroes)}), 0);
	line.run(0);
	const u32 flight = s.flight();

	EXPECT_GT(flight, sndbuf / 2);
	for (u32 at = tiny; at + 6 * tiny < flight; at += 6 * tiny) {
		by_hand what;

		what.opts = tcp_line::stamps(opts);
		for (u32 i = 0; i < 3; i++)
			what.opts.sack[what.opts.sack_count++] = {
				line.ack + (at + 2 * i * tiny),
				line.ack + (at + (2 * i + 1) * tiny)};
		line.forget();
		line.say(what);
		if (const u32 now = edu_k_stream_queued(line.sock.sk()); now > dearest)
			dearest = now;
	}
	EXPECT_GT(s.sacked_out, 0);
	EXPECT_LE(dearest, most + 4096); /* the cut that goes beyond it */
	line.say({.opts = tcp_line::stamps(opts), .ack_ahead = static_cast<s32>(s.flight())});
	EXPECT_EQ(s.sacked_out, 0);
	EXPECT_LE(edu_k_stream_queued(line.sock.sk()), sndbuf);
}

} // namespace edu::test::on_transport_tcp_recovery
