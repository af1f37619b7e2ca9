// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scoreboard: what SACK blocks say has arrived, and what is lost because of it.
 *
 * Requirement: TCP-12. RFC 2018 5 and 8, 2883 4, 6675 4, 8985 6.2.
 *
 * The connection is nowhere but has a host, whose counters and tunables count. Ten segments are under way.
 *
 * Locking: none. Tests run one after the other.
 */
#include "stack.hh"
#include "test.hh"
#include "transport/tcp_ack.hh"
#include "world.hh"

namespace edu::test::on_transport_tcp_sack {
namespace {

constexpr u32 mss = 1000, segments = 10;
constexpr u32 trip_us = 20000;

/* So many packets of a kilobyte, numbered from 0 on, sent a millisecond after one another. */
struct scoreboard {
	world w;
	owner<tcp_sock> memory = make<tcp_sock>(gfp::kernel, w.a.stack(), &tcp_prot);
	tcp_ack_news news;

	scoreboard()
	{
		if (memory)
			fill();
	}
	~scoreboard()
	{
		if (!memory)
			return;
		while (sk_buff *skb = edu_k_skb_tree_first(&memory->rtx_queue)) {
			edu_k_skb_tree_remove(&memory->rtx_queue, skb);
			edu_k_skb_consume(skb);
		}
	}

	tcp_sock &sock() { return *memory; }
	seq32 at(u32 nth) const { return start_ + nth * mss; }
	sk_buff *segment(u32 nth) { return edu_k_skb_tree_find(&memory->rtx_queue, at(nth).raw()); }
	u8 bits(u32 nth)
	{
		constexpr u8 shown = tcp_sacked::sacked | tcp_sacked::lost | tcp_sacked::retrans;

		return tcp_cb(segment(nth)).sacked & shown;
	}

	/* An ACK of nothing new arrives, with blocks from one segment up to, not including, another. */
	struct block {
		u32 from, to;
	};
	void sack(std::initializer_list<block> blocks, seq32 ack)
	{
		tcp_segment g = {};

		g.ack = ack;
		for (block b : blocks)
			g.opts.sack[g.opts.sack_count++] = {at(b.from), at(b.to)};
		news = {};
		news.now_us = now_us;
		news.prior_una = memory->snd_una;
		news.prior_high_sacked = memory->high_sacked;
		tcp_take_sack(*memory, g, news);
		tcp_after_arrivals(*memory, news);
	}
	void sack(std::initializer_list<block> blocks) { sack(blocks, memory->snd_una); }

	/* The sums are those of the bits. */
	void check_sums()
	{
		u32 sacked = 0, lost = 0, retrans = 0;

		for (u32 i = 0; i < segments; i++) {
			sacked += bits(i) & tcp_sacked::sacked ? mss : 0;
			lost += bits(i) & tcp_sacked::lost ? mss : 0;
			retrans += bits(i) & tcp_sacked::retrans ? mss : 0;
		}
		EXPECT_EQ(memory->sacked_out, sacked);
		EXPECT_EQ(memory->lost_out, lost);
		EXPECT_EQ(memory->retrans_out, retrans);
	}

	u64 now_us = tcp_now_us();

private:
	void fill()
	{
		tcp_sock &s = *memory;

		start_ = seq32{0xfffff000}; /* they wrap */
		s.snd_una = s.snd_nxt = s.high_seq = s.high_sacked = s.judged_seq = start_;
		s.mss_cache = mss;
		s.sack_ok = true;
		s.max_window = 1 << 20;
		s.srtt_us = s.rack_min_rtt_us = trip_us;
		for (u32 i = 0; i < segments; i++)
			add(s, i);
	}
	void add(tcp_sock &s, u32 nth)
	{
		sk_buff *skb = edu_k_skb_alloc(0, mss, EDU_GFP_KERNEL);

		if (!skb)
			return;
		edu_k_skb_put(skb, mss);
		tcp_cb(skb) = {};
		tcp_cb(skb).seq = at(nth);
		tcp_cb(skb).end_seq = at(nth + 1);
		tcp_cb(skb).mss = mss;
		tcp_cb(skb).sent_us = static_cast<u32>(now_us - trip_us - (segments - nth) * 1000);
		edu_k_skb_tree_insert(&s.rtx_queue, skb);
		tcp_score_sent(s, skb);
		s.snd_nxt = at(nth + 1);
	}

	seq32 start_;
};

constexpr u8 sacked = tcp_sacked::sacked, lost = tcp_sacked::lost, retrans = tcp_sacked::retrans;

} // namespace

/*
 * Blocks
 */

EDU_TEST_F(scoreboard, tcp_sack, a_block_marks_what_it_covers, "TCP-12", "RFC2018-5")
{
	sack({{7, 9}, {2, 4}});
	for (u32 i = 0; i < segments; i++)
		EXPECT_EQ(bits(i), (i == 2 || i == 3 || i == 7 || i == 8) ? sacked : 0);
	EXPECT_EQ(news.newly_sacked, 4 * mss);
	EXPECT_EQ(news.delivered, 4 * mss);
	EXPECT_EQ(sock().high_sacked, at(9));
	EXPECT_EQ(sock().pipe(), 6 * mss);
	sack({{7, 9}, {2, 4}}); /* told again: no news */
	EXPECT_EQ(news.newly_sacked, 0);
	sack({{1, 9}});
	EXPECT_EQ(news.newly_sacked, 4 * mss);
	check_sums();
}

EDU_TEST_F(scoreboard, tcp_sack, a_block_of_what_we_never_sent_is_ignored, "TCP-12", "RFC2018-5")
{
	sack({{8, 11}});
	sack({{11, 12}});
	sack({{5, 4}});
	sack({{5, 5}});
	EXPECT_EQ(sock().sacked_out, 0);
	/* And one that begins where the ACK says that something is missing. */
	sack({{0, 3}});
	EXPECT_EQ(sock().sacked_out, 0);
	check_sums();
}

EDU_TEST_F(scoreboard, tcp_sack, a_part_of_a_packet_does_not_count, "TCP-12", "RFC2018-5")
{
	tcp_segment g = {};

	g.ack = sock().snd_una;
	g.opts.sack_count = 2;
	g.opts.sack[0] = {at(2) + 1, at(4) - 1};
	g.opts.sack[1] = {at(6) + 500, at(8) + 500};
	news.prior_una = sock().snd_una;
	tcp_take_sack(sock(), g, news);
	EXPECT_EQ(sock().sacked_out, mss);
	EXPECT_EQ(bits(7), sacked);
	check_sums();
}

EDU_TEST_F(scoreboard, tcp_sack, a_run_of_sacked_segments_is_passed_at_once, "TCP-12")
{
	for (u32 i = 9; i > 1; i--)
		sack({{i, i + 1}});
	sack({{1, 10}}); /* met them all */
	EXPECT_EQ(tcp_cb(segment(1)).sacked_upto, at(10));
	EXPECT_EQ(tcp_cb(segment(5)).sacked_upto, at(10));
	EXPECT_EQ(sock().sacked_out, 9 * mss);
}

EDU_TEST_F(scoreboard, tcp_sack, reordering_is_learned_from_what_comes_late, "TCP-12",
	   "RFC8985-6.2")
{
	sock().reordering = 3;
	sack({{8, 9}});
	EXPECT_FALSE(sock().rack_reorder_seen);
	sack({{2, 3}});
	EXPECT_TRUE(sock().rack_reorder_seen);
	EXPECT_EQ(sock().reordering, 7); /* from 2 to 8 */
	w.a.tune(EDU_TUNE_tcp_max_reordering, 8);
	sack({{1, 2}});
	EXPECT_EQ(sock().reordering, 8);
	EXPECT_EQ(w.a.counter(EDU_Tcp_Reorderings), 2);
}

/* One ACK that tells of both has lost its predecessor: that is no reordering. */
EDU_TEST_F(scoreboard, tcp_sack, two_blocks_of_one_ack_are_no_reordering, "TCP-12", "RFC8985-6.2")
{
	sack({{8, 9}, {2, 3}});
	EXPECT_FALSE(sock().rack_reorder_seen);
}

/*
 * D-SACK
 */

EDU_TEST_F(scoreboard, tcp_sack, a_duplicate_is_told_by_the_first_block, "TCP-12", "RFC2883-4")
{
	sock().total_retrans = 4;
	sack({{0, 1}}, at(3)); /* below the acknowledgement */
	EXPECT_TRUE(news.dsack);
	sack({{5, 6}, {4, 8}}); /* within the second block */
	EXPECT_TRUE(news.dsack);
	EXPECT_EQ(sock().sacked_out, 4 * mss);
	sack({{4, 8}, {5, 6}});
	EXPECT_FALSE(news.dsack);
	EXPECT_EQ(w.a.counter(EDU_Tcp_InDsacks), 2);
}

EDU_TEST_F(scoreboard, tcp_sack, no_more_duplicates_are_believed_than_we_have_made, "TCP-12",
	   "RFC2883-4")
{
	tcp_sock &s = sock();

	s.total_retrans = 2;
	s.undo_valid = true;
	s.undo_marker = at(0);
	s.undo_end = at(10);
	s.undo_retrans = 2;
	sack({{0, 1}}, at(3));
	EXPECT_TRUE(news.dsack);
	EXPECT_FALSE(news.all_needless);
	sack({{1, 2}}, at(3));
	EXPECT_TRUE(news.all_needless);
	sack({{2, 3}}, at(3));
	EXPECT_FALSE(news.dsack);
}

/*
 * What is lost
 */

EDU_TEST_F(scoreboard, tcp_sack, three_segments_above_make_one_lost, "TCP-12", "RFC6675-4")
{
	sack({{2, 4}});
	tcp_mark_lost_by_sacks(sock());
	EXPECT_EQ(sock().lost_out, 0);
	sack({{2, 5}});
	tcp_mark_lost_by_sacks(sock());
	EXPECT_EQ(bits(0), lost);
	EXPECT_EQ(bits(1), lost);
	EXPECT_EQ(bits(5), 0);
	sack({{7, 10}});
	tcp_mark_lost_by_sacks(sock());
	EXPECT_EQ(bits(5), lost);
	EXPECT_EQ(bits(6), lost);
	EXPECT_EQ(sock().pipe(), 0);
	check_sums();
}

/* Segment 5 has arrived, sent 5 ms after segment 0: what was sent before it, and longer ago than a round trip
 * and the reordering window, is lost. */
EDU_TEST_F(scoreboard, tcp_sack, what_was_sent_before_is_lost_in_time, "TCP-12", "RFC8985-6.2")
{
	tcp_sock &s = sock();

	s.rack_reorder_seen = true;
	sack({{5, 6}});
	EXPECT_TRUE(news.rack_advanced);
	EXPECT_EQ(s.rack_rtt_us, trip_us + 5000);
	/* The window is a quarter of the round trip: 5 ms. */
	EXPECT_EQ(tcp_rack_detect(s, now_us - 1), 5001);
	EXPECT_EQ(s.lost_out, 0);
	EXPECT_EQ(tcp_rack_detect(s, now_us), 5000);
	EXPECT_EQ(s.lost_out, mss);
	EXPECT_EQ(bits(0), lost);
	EXPECT_EQ(tcp_rack_detect(s, now_us + 3000), 2000);
	EXPECT_EQ(s.lost_out, 4 * mss);
	EXPECT_EQ(tcp_rack_detect(s, now_us + 5000), 0);
	EXPECT_EQ(s.lost_out, 5 * mss);
	EXPECT_EQ(tcp_rack_detect(s, now_us + 100000), 0);
	EXPECT_EQ(bits(6), 0); /* sent after it: nobody knows */
	check_sums();
}

EDU_TEST_F(scoreboard, tcp_sack, without_reordering_three_are_enough, "TCP-12", "RFC8985-6.2")
{
	tcp_sock &s = sock();

	sack({{5, 6}});
	EXPECT_EQ(tcp_rack_window(s), trip_us / 4);
	sack({{5, 8}});
	EXPECT_EQ(tcp_rack_window(s), 0);
	EXPECT_EQ(tcp_rack_detect(s, now_us), 0);
	EXPECT_EQ(s.lost_out, 5 * mss);
	s.rack_reorder_seen = true;
	EXPECT_EQ(tcp_rack_window(s), trip_us / 4);
}

EDU_TEST_F(scoreboard, tcp_sack, duplicates_widen_the_window_once_in_a_round_trip, "TCP-12",
	   "RFC8985-6.2")
{
	tcp_sock &s = sock();

	s.rack_reorder_seen = true;
	tcp_rack_widen(s);
	tcp_rack_widen(s);
	EXPECT_EQ(tcp_rack_window(s), trip_us / 2);
	s.snd_una = s.snd_nxt;
	for (u32 i = 0; i < 10; i++, s.snd_una += 1)
		tcp_rack_widen(s);
	EXPECT_EQ(tcp_rack_window(s), trip_us); /* SRTT at most */
	for (u32 i = 0; i < 16; i++)
		tcp_rack_recovered(s);
	EXPECT_EQ(tcp_rack_window(s), trip_us / 4);
}

/*
 * What is sent again
 */

EDU_TEST_F(scoreboard, tcp_sack, what_is_lost_waits_in_its_order, "TCP-12")
{
	tcp_sock &s = sock();

	for (u32 i : {4, 6, 5, 0, 1})
		tcp_mark_lost(s, segment(i));
	for (u32 i : {0, 1, 4, 5, 6}) {
		ASSERT_EQ(s.to_resend.first, segment(i));
		tcp_score_resent(s, segment(i), true);
	}
	EXPECT_EQ(s.to_resend.first, nullptr);
	EXPECT_EQ(s.under_way.last, segment(6));
	EXPECT_EQ(s.retrans_out, 5 * mss);
	EXPECT_EQ(s.pipe(), 10 * mss);
	tcp_mark_lost(s, segment(0)); /* a second time */
	EXPECT_EQ(s.to_resend.first, segment(0));
	EXPECT_EQ(bits(0), lost);
	check_sums();
}

EDU_TEST_F(scoreboard, tcp_sack, what_arrives_is_neither_lost_nor_on_its_way, "TCP-12")
{
	tcp_sock &s = sock();

	tcp_mark_lost(s, segment(1));
	tcp_mark_lost(s, segment(2));
	tcp_score_resent(s, segment(1), true);
	EXPECT_EQ(bits(1), lost | retrans);
	sack({{1, 3}});
	EXPECT_EQ(bits(1), sacked);
	EXPECT_EQ(bits(2), sacked);
	EXPECT_EQ(s.to_resend.first, nullptr);
	EXPECT_TRUE(news.lost_acked);
	tcp_mark_lost(s, segment(1)); /* it is not */
	EXPECT_EQ(bits(1), sacked);
	check_sums();
}

EDU_TEST_F(scoreboard, tcp_sack, losses_that_were_none_are_under_way_again, "TCP-12")
{
	tcp_sock &s = sock();

	for (u32 i = 0; i < 3; i++)
		tcp_mark_lost(s, segment(i));
	tcp_unmark_lost(s);
	EXPECT_EQ(s.under_way.first, segment(0));
	EXPECT_EQ(s.to_resend.first, nullptr);
	EXPECT_EQ(s.pipe(), 10 * mss);
	check_sums();
}

EDU_TEST_F(scoreboard, tcp_sack, a_peer_may_throw_away_what_it_has_sacked, "TCP-12", "RFC2018-8")
{
	tcp_sock &s = sock();

	sack({{1, 10}});
	tcp_forget_sacks(s);
	EXPECT_EQ(s.sacked_out, 0);
	for (u32 i = 0; i < segments; i++)
		tcp_mark_lost(s, segment(i));
	EXPECT_EQ(s.lost_out, 10 * mss);
	EXPECT_EQ(s.under_way.first, nullptr);
	EXPECT_EQ(s.to_resend.first, segment(0));
	EXPECT_EQ(s.to_resend.last, segment(9));
	check_sums();
}

} // namespace edu::test::on_transport_tcp_sack
