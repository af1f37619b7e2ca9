// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP's state machine, segment by segment.
 *
 * Requirements: TCP-5, TCP-6, TCP-8, TCP-12; RFC 9293 3.10.7 (MUST-3, MUST-10, MUST-15, MUST-54 to MUST-57,
 * MUST-66), RFC 5961 3 and 4, RFC 7323 4.3 and 5, RFC 5927.
 *
 * Locking: none. Tests run one after the other.
 */
#include "tcp_peer.hh"
#include "test.hh"

namespace edu::test::on_transport_tcp_input {
namespace {

namespace state = tcp_state_number;

constexpr int econnreset = 104, econnrefused = 111;

wire::tcp::options with_stamp(u32 value)
{
	wire::tcp::options opts;

	opts.mss = 1460;
	opts.has_timestamps = true;
	opts.ts_value = value;
	return opts;
}

/* A segment's options without the MSS. */
wire::tcp::options stamp(u32 value)
{
	wire::tcp::options opts = with_stamp(value);

	opts.mss = 0;
	return opts;
}

/* An ICMP error of station 9 about a segment of ours that began with `seq`. */
handmade icmp_about(const tcp_line &line, u8 type, u8 code, seq32 seq, u16 mtu = 0)
{
	u8 quote[28] = {};
	const wire::ipv4::repr ip{
		.total_length = 40, .protocol = 6, .src = tcp_line::ours, .dst = tcp_line::theirs};

	ip.emit({quote, 20});
	store_be16(&quote[20], line.our_port);
	store_be16(&quote[22], tcp_line::peer_port);
	store_be32(&quote[24], seq.raw());
	u8 message[36] = {type, code};

	store_be16(&message[6], mtu);
	copy_bytes(message + 8, bytes{quote});
	store_be16(&message[2], checksum_of(bytes{message}).host());
	return ip_frame(9, 1,
			{.ttl = 64, .protocol = 1, .src = tcp_line::theirs, .dst = tcp_line::ours},
			message);
}

} // namespace

/*
 * What is a segment
 */

EDU_TEST(tcp_input, a_wrong_checksum_is_dropped, "RFC9293-MUST-3", "OVER-3")
{
	tcp_line line;

	line.open_passively();
	line.say({.data = octets("tlk"), .spoilt = true});
	EXPECT_EQ(line.count(), 0);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropChecksum), 1);
	EXPECT_EQ(line.sock.receive(), -11);
}

EDU_TEST(tcp_input, a_header_of_impossible_length_is_dropped, "TCP-12")
{
	tcp_line line;

	line.open_passively();
	for (u8 words : {0, 4, 15}) {
		handmade frame = line.made({});

		frame.octet[46] = static_cast<u8>(words << 4);
		line.a.inject(frame.all());
	}
	line.run(0);
	EXPECT_EQ(line.count(), 0);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropHeaderLength), 3);
}

EDU_TEST(tcp_input, what_went_to_many_is_dropped, "RFC9293-MUST-57", "RFC9293-MUST-63")
{
	tcp_line line;

	line.listen();
	handmade frame = line.made({.flags = flag::syn});

	eth_addr::broadcast().store(frame.octet);
	line.a.inject(frame.all());
	line.run(0);
	EXPECT_EQ(line.count(), 0);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropAddress), 1);
}

EDU_TEST(tcp_input, nobody_there_is_answered_with_a_reset, "TCP-12")
{
	tcp_line line;

	line.say({.flags = flag::syn});
	EXPECT_TRUE(line.heard_only(flag::rst | flag::ack));
	EXPECT_EQ(line.heard().ack(), line.seq + 1);
	line.forget();
	line.ack = seq32{77};
	line.say({.data = octets("x")});
	EXPECT_TRUE(line.heard_only(flag::rst));
	EXPECT_EQ(line.heard().seq(), seq32{77});
	line.forget();
	line.say({.flags = flag::rst | flag::ack});
	EXPECT_EQ(line.count(), 0);
}

/*
 * Opening
 */

EDU_TEST(tcp_input, three_packets_open, "TCP-8", "TCP-10")
{
	tcp_line line;

	line.open_passively();
	EXPECT_EQ(line.sock.state(), state::established);
	line.open_actively();
}

EDU_TEST(tcp_input, data_with_the_third_packet_is_there, "TCP-8")
{
	tcp_line line;

	line.listen();
	line.say_next({.flags = flag::syn});
	line.ack = line.heard().seq() + 1;
	line.say_next({.data = octets("tlk")});
	line.sock = line.listener.accept();
	ASSERT_TRUE(line.sock.is_open());
	EXPECT_TRUE(line.sock.gets(octets("tlk")));
}

EDU_TEST(tcp_input, a_syn_that_comes_again_is_answered_again, "TCP-5")
{
	tcp_line line;

	line.listen();
	line.say({.flags = flag::syn});
	const seq32 iss = line.heard().seq();

	line.forget();
	line.say({.flags = flag::syn});
	EXPECT_TRUE(line.heard_only(flag::syn | flag::ack));
	EXPECT_EQ(line.heard().seq(), iss);
}

EDU_TEST(tcp_input, in_syn_recv_a_wrong_ack_is_reset, "TCP-12")
{
	tcp_line line;

	line.listen();
	line.say_next({.flags = flag::syn});
	line.ack = line.heard().seq() + 1;
	line.forget();
	line.say({.ack_ahead = 1});
	EXPECT_TRUE(line.heard_only(flag::rst));
	EXPECT_EQ(line.heard().seq(), line.ack + 1);
	line.say({});
	line.sock = line.listener.accept();
	EXPECT_TRUE(line.sock.is_open()); /* it goes on */
}

EDU_TEST(tcp_input, a_reset_ends_a_half_open_connection_silently, "RFC9293-MUST-11")
{
	tcp_line line;

	line.listen();
	line.say_next({.flags = flag::syn});
	line.ack = line.heard().seq() + 1;
	line.forget();
	line.say({.flags = flag::rst});
	EXPECT_EQ(line.count(), 0);
	line.say({});
	EXPECT_TRUE(line.heard_only(flag::rst)); /* nobody there any more */
	EXPECT_FALSE(line.listener.accept().is_open());
	line.seq = seq32{5000};
	line.forget();
	line.open_passively(); /* the listener goes on */
}

EDU_TEST(tcp_input, in_syn_sent_a_wrong_ack_is_reset_and_ignored, "TCP-12")
{
	tcp_line line;

	line.connect();
	line.forget();
	for (s32 wrong : {-1, 1, 100000}) {
		line.say({.flags = flag::syn | flag::ack, .ack_ahead = wrong});
		EXPECT_TRUE(line.heard_only(flag::rst));
		EXPECT_EQ(line.heard().seq(), line.ack + static_cast<u32>(wrong));
		line.forget();
		line.say({.flags = flag::rst | flag::ack, .ack_ahead = wrong});
		EXPECT_EQ(line.count(), 0);
	}
	line.say({.flags = flag::rst}); /* no ACK: may be anybody's */
	line.say({.flags = flag::ack}); /* neither SYN nor RST */
	EXPECT_EQ(line.count(), 0);
	EXPECT_EQ(line.sock.state(), state::syn_sent);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropNoSyn), 1);
}

EDU_TEST(tcp_input, a_reset_refuses, "TCP-6", "RFC9293-MUST-12")
{
	tcp_line line;

	line.connect();
	line.say({.flags = flag::rst | flag::ack});
	EXPECT_EQ(line.sock.state(), state::close);
	EXPECT_EQ(line.sock.error(), econnrefused);
}

EDU_TEST(tcp_input, both_ends_may_open_at_once, "RFC9293-MUST-10", "TCP-8")
{
	tcp_line line;

	line.connect();
	line.forget();
	line.say_next({.flags = flag::syn, .opts = {.mss = 1460, .sack = {}}});
	EXPECT_TRUE(line.heard_only(flag::syn | flag::ack));
	EXPECT_EQ(line.heard().ack(), line.seq);
	EXPECT_EQ(line.heard().seq() + 1, line.ack);
	EXPECT_EQ(line.sock.state(), state::syn_recv);
	line.forget();
	/* the peer's SYN-ACK has its SYN in it once more, and is answered */
	line.say({.flags = flag::syn | flag::ack, .ahead = -1});
	EXPECT_EQ(line.sock.state(), state::established);
	EXPECT_TRUE(line.heard_only(flag::ack));
	line.say_next({.data = octets("tlk")});
	EXPECT_TRUE(line.sock.gets(octets("tlk")));
}

EDU_TEST(tcp_input, an_ack_alone_completes_a_simultaneous_open, "RFC9293-MUST-10")
{
	tcp_line line;

	line.connect();
	line.say_next({.flags = flag::syn});
	line.say({});
	EXPECT_EQ(line.sock.state(), state::established);
}

EDU_TEST(tcp_input, a_simultaneous_open_can_be_refused, "RFC9293-MUST-11")
{
	tcp_line line;

	line.connect();
	line.say_next({.flags = flag::syn});
	line.say({.flags = flag::rst});
	EXPECT_EQ(line.sock.state(), state::close);
	EXPECT_EQ(line.sock.error(), econnrefused);
}

EDU_TEST(tcp_input, octets_on_a_syn_ack_are_taken, "TCP-12")
{
	tcp_line line;

	line.connect();
	line.forget();
	line.say_next({.flags = flag::syn | flag::ack, .data = octets("hello")});
	EXPECT_TRUE(line.heard_only(flag::ack));
	EXPECT_EQ(line.heard().ack(), line.seq);
	EXPECT_TRUE(line.sock.gets(octets("hello")));
}

/*
 * Resets and SYNs from strangers (RFC 5961)
 */

EDU_TEST(tcp_input, only_the_exact_number_resets, "RFC5961-3")
{
	tcp_line line;

	line.open_passively();
	line.say({.flags = flag::rst, .ahead = -1});
	line.say({.flags = flag::rst, .ahead = 1 << 24});
	EXPECT_EQ(line.count(), 0);
	line.say({.flags = flag::rst, .ahead = 1});
	EXPECT_TRUE(line.heard_only(flag::ack)); /* a challenge */
	EXPECT_EQ(line.heard().ack(), line.seq);
	EXPECT_EQ(line.sock.state(), state::established);
	line.say({.flags = flag::rst});
	EXPECT_EQ(line.sock.state(), state::close);
	EXPECT_EQ(line.sock.error(), econnreset);
}

EDU_TEST(tcp_input, a_syn_is_only_challenged, "RFC5961-4")
{
	for (s32 ahead : {0, -1, 100, 1 << 28}) {
		tcp_line line;

		line.open_passively();
		line.say({.flags = flag::syn, .ahead = ahead});
		EXPECT_TRUE(line.heard_only(flag::ack));
		EXPECT_EQ(line.heard().ack(), line.seq);
		EXPECT_EQ(line.heard().seq(), line.ack);
		EXPECT_EQ(line.sock.state(), state::established);
		EXPECT_EQ(line.a.counter(EDU_Tcp_DropSyn), 1);
	}
}

EDU_TEST(tcp_input, challenges_are_limited, "RFC5961-7")
{
	tcp_line line;

	line.open_passively();
	for (int i = 0; i < 20; i++)
		line.say({.flags = flag::syn});
	EXPECT_EQ(line.count(), 1);
	EXPECT_EQ(line.a.counter(EDU_Tcp_ChallengeAcksLimited), 19);
}

EDU_TEST(tcp_input, without_an_ack_nothing_counts, "TCP-12")
{
	tcp_line line;

	line.open_passively();
	line.say({.flags = flag::psh, .data = octets("tlk")});
	line.say({.flags = 0, .data = octets("tlk")});
	EXPECT_EQ(line.count(), 0);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropNoAck), 2);
	EXPECT_EQ(line.sock.receive(), -11);
}

EDU_TEST(tcp_input, a_keepalive_is_answered_but_not_a_flood, "TCP-12")
{
	tcp_line line;

	line.open_passively();
	line.say({.ahead = -1});
	EXPECT_TRUE(line.heard_only(flag::ack));
	EXPECT_EQ(line.heard().ack(), line.seq);
	for (int i = 0; i < 10; i++)
		line.say({.ahead = -1});
	EXPECT_EQ(line.count(), 1);
}

/*
 * Timestamps (RFC 7323)
 */

EDU_TEST(tcp_input, an_old_stamp_is_an_old_duplicate, "RFC7323-5")
{
	tcp_line line;

	line.open_passively(with_stamp(1000));
	line.say_next({.data = octets("a"), .opts = stamp(1001)});
	EXPECT_EQ(line.heard().options().ts_echo, 1001);
	line.forget();
	line.say({.data = octets("b"), .opts = stamp(1000)});
	EXPECT_TRUE(line.heard_only(flag::ack)); /* tells where we are */
	EXPECT_EQ(line.heard().ack(), line.seq);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropPaws), 1);
	EXPECT_TRUE(line.sock.gets(octets("a")));
	/* a reset is no data: its stamp does not matter */
	line.say({.flags = flag::rst, .opts = stamp(5)});
	EXPECT_EQ(line.sock.state(), state::close);
}

EDU_TEST(tcp_input, the_stamp_echoed_is_that_of_the_first_segment_acknowledged, "RFC7323-4.3")
{
	tcp_line line;

	line.open_passively(with_stamp(1000));
	line.say({.data = octets("c"), .opts = stamp(1010), .ahead = 2}); /* out of order */
	EXPECT_EQ(line.heard().options().ts_echo, 1000);
	line.say({.data = octets("ab"), .opts = stamp(1005)});
	EXPECT_EQ(line.heard().ack(), line.seq + 3);
	EXPECT_EQ(line.heard().options().ts_echo, 1005);
	line.say({.opts = stamp(1020), .ahead = 3});
	line.say({.data = octets("d"), .opts = stamp(1021), .ahead = 3});
	EXPECT_EQ(line.heard().options().ts_echo, 1021);
}

EDU_TEST(tcp_input, a_stamp_is_old_by_less_than_half_the_circle, "RFC7323-5")
{
	tcp_line line;

	line.open_passively(with_stamp(1000));
	line.say_next({.data = octets("a"), .opts = stamp(1000 + (1u << 31))});
	EXPECT_TRUE(line.sock.gets(octets("a")));
	line.say({.data = octets("b"), .opts = stamp(1000 + (1u << 31) - 1)});
	EXPECT_EQ(line.sock.receive(), -11);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropPaws), 1);
}

EDU_TEST(tcp_input, a_clock_that_begins_with_0_may_go_on_anywhere, "RFC7323-5")
{
	tcp_line line;

	line.open_passively(with_stamp(0));
	line.say_next({.data = octets("a"), .opts = stamp(0xf0000000)});
	EXPECT_TRUE(line.sock.gets(octets("a")));
	line.say({.data = octets("b"), .opts = stamp(0xefffffff)});
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropPaws), 1);
}

/*
 * Closing
 */

EDU_TEST(tcp_input, the_peer_closes_first, "TCP-8")
{
	tcp_line line;

	line.open_passively();
	line.say_next({.flags = flag::fin | flag::ack, .data = octets("bye")});
	EXPECT_EQ(line.sock.state(), state::close_wait);
	EXPECT_TRUE(line.sock.gets(octets("bye")));
	EXPECT_EQ(line.sock.receive(), 0);
	line.run(300); /* its ACK has waited for ours */
	EXPECT_EQ(line.heard().ack(), line.seq);
	line.forget();
	line.say({.flags = flag::fin | flag::ack, .ahead = -1}); /* once more */
	EXPECT_TRUE(line.heard_only(flag::ack));
	line.forget();
	line.sock.close();
	line.run(0);
	EXPECT_EQ(line.heard().flags() & flag::fin, flag::fin);
	line.ack += 1;
	line.say({});
	line.forget();
	line.say({});
	EXPECT_TRUE(line.heard_only(flag::rst)); /* CLOSE: nothing is left */
}

EDU_TEST(tcp_input, octets_behind_a_fin_are_no_octets, "TCP-8", "OVER-6", "RFC9293-3.10.7.4")
{
	tcp_line line;

	line.open_passively();
	line.say_next({.flags = flag::fin | flag::ack, .data = octets("bye")});
	line.forget();
	line.say({.data = octets("more")}); /* wholly behind it */
	EXPECT_EQ(line.sock.state(), state::close_wait);
	EXPECT_TRUE(line.sock.gets(octets("bye")));
	line.say({.data = octets("e.more"), .ahead = -2}); /* and begins before it */
	EXPECT_EQ(line.heard().flags(), flag::rst);
	EXPECT_EQ(line.sock.state(), state::close);
	EXPECT_EQ(line.sock.receive(), 0);
	EXPECT_EQ(line.sock.error(), 32); /* EPIPE */
}

EDU_TEST(tcp_input, the_end_of_the_stream_stays, "TCP-8", "BSD-6")
{
	tcp_line line;

	line.open_passively();
	line.say_next({.flags = flag::fin | flag::ack});
	line.say({.flags = flag::rst});
	EXPECT_EQ(line.sock.state(), state::close);
	EXPECT_EQ(line.sock.receive(), 0);
	EXPECT_EQ(line.sock.error(), 32);
}

EDU_TEST(tcp_input, nobody_acknowledges_what_was_never_sent, "RFC5961-5")
{
	tcp_line line;

	line.open_passively();
	line.say({.data = octets("forged"), .ack_ahead = -1});
	EXPECT_TRUE(line.heard_only(flag::ack)); /* a challenge */
	EXPECT_EQ(line.sock.receive(), -11);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropOldAck), 1);
	EXPECT_EQ(line.sock.send(octets("abc")), 3);
	line.run(0);
	line.ack += 3;
	line.say_next({.data = octets("one")});
	line.say_next({.data = octets("two"), .ack_ahead = -3}); /* late, but it was sent */
	EXPECT_TRUE(line.sock.gets(octets("onetwo")));
}

EDU_TEST(tcp_input, we_close_first, "TCP-8", "RFC9293-MUST-13")
{
	tcp_line line;

	line.open_passively();
	EXPECT_EQ(line.sock.shutdown(1), 0);
	line.run(0);
	EXPECT_EQ(line.heard().flags() & flag::fin, flag::fin);
	EXPECT_EQ(line.sock.state(), state::fin_wait1);
	line.ack += 1;
	line.say({});
	EXPECT_EQ(line.sock.state(), state::fin_wait2);
	line.say_next({.data = octets("still")}); /* half-closed: the other way is open */
	EXPECT_TRUE(line.sock.gets(octets("still")));
	line.forget();
	line.say_next({.flags = flag::fin | flag::ack});
	EXPECT_TRUE(line.heard_only(flag::ack));
	EXPECT_EQ(line.heard().ack(), line.seq);
	EXPECT_EQ(line.sock.receive(), 0);
	line.forget();
	line.say({.flags = flag::fin | flag::ack, .ahead = -1});
	EXPECT_TRUE(line.heard_only(flag::ack)); /* the record in TIME-WAIT */
}

EDU_TEST(tcp_input, both_close_at_once, "TCP-8")
{
	tcp_line line;

	line.open_passively();
	EXPECT_EQ(line.sock.shutdown(1), 0);
	line.run(0);
	line.say_next({.flags = flag::fin | flag::ack}); /* ours is not acknowledged */
	EXPECT_EQ(line.sock.state(), state::closing);
	EXPECT_EQ(line.heard().ack(), line.seq);
	line.ack += 1;
	line.forget();
	line.say({});
	line.say({.flags = flag::fin | flag::ack, .ahead = -1});
	EXPECT_TRUE(line.heard_only(flag::ack)); /* TIME-WAIT */
	EXPECT_EQ(line.a.counter(EDU_Tcp_TimeWaits), 1);
}

EDU_TEST(tcp_input, a_fin_may_acknowledge_ours, "TCP-8")
{
	tcp_line line;

	line.open_passively();
	EXPECT_EQ(line.sock.shutdown(1), 0);
	line.run(0);
	line.ack += 1;
	line.say_next({.flags = flag::fin | flag::ack, .data = octets("last")});
	EXPECT_EQ(line.a.counter(EDU_Tcp_TimeWaits), 1);
	EXPECT_TRUE(line.sock.gets(octets("last")));
	EXPECT_EQ(line.sock.receive(), 0);
}

EDU_TEST(tcp_input, a_fin_out_of_order_waits, "TCP-8", "RFC9293-SHLD-31")
{
	tcp_line line;

	line.open_passively();
	line.say({.flags = flag::fin | flag::ack, .data = octets("c"), .ahead = 2});
	EXPECT_EQ(line.sock.state(), state::established);
	EXPECT_EQ(line.heard().ack(), line.seq);
	line.say({.data = octets("ab")});
	EXPECT_EQ(line.sock.state(), state::close_wait);
	EXPECT_TRUE(line.sock.gets(octets("abc")));
	EXPECT_EQ(line.sock.receive(), 0);
}

EDU_TEST(tcp_input, nothing_comes_behind_a_fin, "TCP-12")
{
	tcp_line line;

	line.open_passively();
	line.say_next({.flags = flag::fin | flag::ack});
	line.say({.data = octets("more")});
	EXPECT_EQ(line.sock.receive(), 0);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropAfterClose), 1);
}

EDU_TEST(tcp_input, data_for_nobody_is_answered_with_a_reset, "TCP-8")
{
	tcp_line line;

	line.open_passively();
	line.sock.close();
	line.run(0);
	line.say({.data = octets("late")}); /* FIN-WAIT-1 */
	EXPECT_EQ(line.heard().flags() & flag::rst, flag::rst);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropAfterClose), 1);
}

EDU_TEST(tcp_input, an_orphan_in_fin_wait2_becomes_a_record, "TCP-8")
{
	tcp_line line;

	line.open_passively();
	line.sock.close();
	line.run(0);
	line.ack += 1;
	line.say({});
	EXPECT_EQ(line.a.counter(EDU_Tcp_TimeWaits), 1);
	line.forget();
	line.say_next({.flags = flag::fin | flag::ack});
	EXPECT_TRUE(line.heard_only(flag::ack));
	EXPECT_EQ(line.heard().ack(), line.seq);
}

EDU_TEST(tcp_input, an_orphan_whose_last_octets_are_missing_is_reset, "TCP-8")
{
	tcp_line line;

	line.open_passively();
	line.sock.close();
	line.run(0);
	line.ack += 1;
	line.forget();
	line.say({.flags = flag::fin | flag::ack, .data = octets("x"), .ahead = 5});
	EXPECT_EQ(line.heard().flags() & flag::rst, flag::rst);
}

/*
 * ICMP
 */

EDU_TEST(tcp_input, port_unreachable_ends_an_attempt, "RFC9293-MUST-54", "RFC9293-SHLD-26")
{
	tcp_line line;

	line.connect();
	line.a.inject(icmp_about(line, 3, 3, line.ack - 1).all());
	line.run(0);
	EXPECT_EQ(line.sock.state(), state::close);
	EXPECT_EQ(line.sock.error(), econnrefused);
}

EDU_TEST(tcp_input, hints_end_nothing, "RFC9293-MUST-55", "RFC9293-MUST-56")
{
	tcp_line line;

	line.connect();
	for (u8 code : {0, 1, 5})
		line.a.inject(icmp_about(line, 3, code, line.ack - 1).all());
	line.a.inject(icmp_about(line, 4, 0, line.ack - 1).all());
	line.a.inject(icmp_about(line, 11, 0, line.ack - 1).all());
	line.a.inject(icmp_about(line, 12, 0, line.ack - 1).all());
	line.run(0);
	EXPECT_EQ(line.sock.state(), state::syn_sent);
	line.say_next({.flags = flag::syn | flag::ack});
	EXPECT_EQ(line.sock.state(), state::established);
	EXPECT_EQ(line.sock.send(octets("tlk")), 3);
	line.run(0);
	line.a.inject(icmp_about(line, 3, 3, line.ack).all());
	line.run(0);
	EXPECT_EQ(line.sock.state(), state::established);
	EXPECT_EQ(line.sock.error(), 0);
}

EDU_TEST(tcp_input, an_error_about_a_foreign_number_is_ignored, "RFC5927-4")
{
	tcp_line line;

	line.connect();
	line.a.inject(icmp_about(line, 3, 3, line.ack).all());
	line.a.inject(icmp_about(line, 3, 3, line.ack - 2).all());
	line.run(0);
	EXPECT_EQ(line.sock.state(), state::syn_sent);
}

EDU_TEST(tcp_input, a_path_that_has_shrunk_gets_smaller_segments, "RFC1191-6.4", "RFC9293-MUST-54")
{
	tcp_line line;
	u8 much[1400] = {};

	line.open_passively({.mss = 1460, .sack = {}});
	EXPECT_EQ(line.sock.send(bytes{much}), 1400);
	line.run(0);
	EXPECT_EQ(line.heard().payload_length(), 1400);
	line.forget();
	line.a.inject(icmp_about(line, 3, 4, line.ack, 1000).all());
	line.run(0);
	EXPECT_EQ(line.a.counter(EDU_Tcp_PathMtuShrunk), 1);
	ASSERT_GE(line.count(), 1);
	EXPECT_LE(line.heard().payload_length(), 960);
	EXPECT_EQ(line.heard(line.count() - 1).seq(), line.ack);
}

} // namespace edu::test::on_transport_tcp_input
