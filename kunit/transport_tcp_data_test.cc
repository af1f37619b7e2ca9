// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: octets that come in order, out of it, twice, contradicting each other, too many, or urgently.
 *
 * Requirements: OVER-6, TCP-12; RFC 9293 3.8.5, 3.8.6 and 3.10.7.4 (MUST-31, MUST-32, MUST-39, MUST-62, MUST-66,
 * SHLD-14, SHLD-31); RFC 2018, RFC 2883, RFC 5681 4.2.
 *
 * Locking: none. Tests run one after the other.
 */
#include "tcp_peer.hh"
#include "test.hh"

namespace edu::test::on_transport_tcp_data {
namespace {

constexpr int so_rcvbuf = 8, err_again = -11, err_inval = -22;
constexpr u32 msg_oob = 0x1;

constexpr wire::tcp::options with_sack = {.mss = 1460, .sack_permitted = true, .sack = {}};

/* The octet that every stream of these tests has at this place. */
constexpr u8 octet_at(u32 place)
{
	return static_cast<u8>(place * 167 + place / 251);
}

/* A line whose peer sends that stream, piece by piece; `base` is the number of its first octet. */
struct piece_line : tcp_line {
	seq32 base;
	u32 read = 0; /* octets the program has read, all of them right */
	u32 chance = 1;

	explicit piece_line(const wire::tcp::options &opts = with_sack, int rcvbuf = 0)
	{
		if (rcvbuf) {
			listener = line_sock{a};
			EXPECT_EQ(listener.bind(port), 0);
			EXPECT_EQ(listener.set(sol_socket, so_rcvbuf, rcvbuf), 0);
			EXPECT_EQ(listener.listen(), 0);
		}
		open_passively(opts);
		base = seq;
	}

	/* Octets [from, to) of the stream. */
	void piece(u32 from, u32 to, u8 flags = flag::ack)
	{
		u8 data[128];

		for (u32 i = from; i < to; i++)
			data[i - from] = octet_at(i);
		say({.flags = flags, .data = {data, to - from}, .ahead = base + from - seq});
	}
	/* Up to where we say that all has come. */
	u32 acked() const { return static_cast<u32>(heard().ack() - base); }
	u32 window() const { return heard().window(); }
	wire::tcp::options told() const { return heard().options(); }
	bool told_block(u8 at, u32 from, u32 to) const
	{
		const wire::tcp::options o = told();

		return at < o.sack_count &&
		       o.sack[at] == wire::tcp::sack_block{base + from, base + to};
	}

	/* Reads all there is; false: an octet is not the stream's. */
	bool drain()
	{
		for (int got; (got = sock.receive()) > 0;)
			for (int i = 0; i < got; i++)
				if (sock.data[i] != octet_at(read++))
					return false;
		return true;
	}
	u32 random(u32 below)
	{
		chance = chance * 1103515245 + 12345;
		return (chance >> 16) % below;
	}
};

} // namespace

/*
 * Order
 */

EDU_TEST(tcp_data, what_is_missing_is_waited_for, "TCP-12", "OVER-6", "RFC9293-SHLD-31")
{
	piece_line line;

	line.piece(10, 20);
	EXPECT_EQ(line.acked(), 0); /* at once: RFC 5681 4.2 */
	EXPECT_TRUE(line.told_block(0, 10, 20));
	line.piece(30, 40);
	EXPECT_TRUE(line.told_block(0, 30, 40) && line.told_block(1, 10, 20));
	EXPECT_EQ(line.sock.receive(), err_again);
	line.forget();
	line.piece(0, 10);
	EXPECT_EQ(line.count(), 1);
	EXPECT_EQ(line.acked(), 20);
	EXPECT_EQ(line.told().sack_count, 1);
	EXPECT_TRUE(line.told_block(0, 30, 40));
	line.piece(20, 30);
	EXPECT_EQ(line.acked(), 40);
	EXPECT_EQ(line.told().sack_count, 0);
	EXPECT_TRUE(line.drain());
	EXPECT_EQ(line.read, 40);
}

EDU_TEST(tcp_data, without_sack_no_blocks_are_told, "RFC2018-2")
{
	piece_line line{{.mss = 1460, .sack = {}}};

	line.piece(10, 20);
	EXPECT_EQ(line.acked(), 0);
	EXPECT_EQ(line.told().sack_count, 0);
	line.piece(0, 10);
	line.piece(0, 10);
	EXPECT_EQ(line.told().sack_count, 0);
	EXPECT_EQ(line.acked(), 20);
}

EDU_TEST(tcp_data, as_many_blocks_are_told_as_fit, "RFC2018-4")
{
	piece_line line;

	for (u32 i = 1; i <= 6; i++)
		line.piece(i * 10, i * 10 + 5);
	EXPECT_EQ(line.told().sack_count, 4);
	EXPECT_TRUE(line.told_block(0, 60, 65) && line.told_block(3, 30, 35));
	line.piece(35, 40); /* joins two, and both are told as one, first */
	EXPECT_TRUE(line.told_block(0, 30, 45) && line.told_block(1, 60, 65));
}

EDU_TEST(tcp_data, a_duplicate_is_told_once, "RFC2883-4", "TCP-12")
{
	piece_line line;

	line.piece(0, 10);
	line.run(300);
	line.forget();
	line.piece(0, 10);
	EXPECT_EQ(line.count(), 1);
	EXPECT_TRUE(line.told_block(0, 0, 10));
	EXPECT_EQ(line.acked(), 10);
	line.piece(20, 30);
	EXPECT_EQ(line.told().sack_count, 1);
	EXPECT_TRUE(line.told_block(0, 20, 30));
	line.piece(22, 26); /* out of order, and twice */
	EXPECT_TRUE(line.told_block(0, 22, 26) && line.told_block(1, 20, 30));
	line.piece(5, 15); /* one half is new */
	EXPECT_TRUE(line.told_block(0, 5, 10) && line.told_block(1, 20, 30));
	EXPECT_EQ(line.acked(), 15);
	EXPECT_EQ(line.a.counter(EDU_Tcp_OutDsacks), 3);
	EXPECT_TRUE(line.drain());
	EXPECT_EQ(line.read, 15);
}

/* Pieces of every length, from everywhere, most of them more than once. */
EDU_TEST(tcp_data, any_order_of_pieces_gives_the_stream, "OVER-6", "TCP-12")
{
	constexpr u32 whole = 3000, longest = 60;
	piece_line line;

	for (u32 i = 0; i < 400; i++) {
		const u32 from = line.random(whole - 1);
		const u32 len = 1 + line.random(longest);

		line.piece(from, from + len < whole ? from + len : whole);
		if (i % 16 == 0)
			EXPECT_TRUE(line.drain());
		if (i % 100 == 0)
			line.forget();
	}
	for (u32 at = 0; at < whole; at += longest) /* what was still missing */
		line.piece(at, at + longest);
	line.run(300);
	EXPECT_EQ(line.acked(), whole);
	EXPECT_TRUE(line.drain());
	EXPECT_EQ(line.read, whole);
}

EDU_TEST(tcp_data, numbers_may_wrap_within_a_piece, "RFC9293-3.4", "OVER-6")
{
	tcp_line line;

	line.seq = seq32{0xfffffff0};
	line.open_passively(with_sack);
	line.say({.data = octets("worlds"), .ahead = 14});
	EXPECT_EQ(line.heard().options().sack[0].right, line.seq + 20);
	line.say({.data = octets("hello, hello, ")});
	EXPECT_EQ(line.heard().ack(), line.seq + 20);
	EXPECT_TRUE(line.sock.gets(octets("hello, hello, worlds")));
}

EDU_TEST(tcp_data, what_contradicts_delivered_octets_changes_nothing, "TCP-12")
{
	tcp_line line;

	line.open_passively(with_sack);
	line.say({.data = octets("abcdef")});
	line.say({.data = octets("XXXXXXgh")});
	EXPECT_TRUE(line.sock.gets(octets("abcdefgh")));
	line.say({.data = octets("lm"), .ahead = 11});
	line.say({.data = octets("ijkYY"), .ahead = 8});
	line.say({.data = octets("ZZZZZn"), .ahead = 8});
	EXPECT_EQ(line.heard().ack(), line.seq + 14);
	const int got = line.sock.receive();

	EXPECT_EQ(got, 6);
	EXPECT_BYTES((bytes{line.sock.data, 3}), octets("ijk"));
	EXPECT_EQ(line.sock.data[5], 'n');
}

/*
 * Windows
 */

EDU_TEST(tcp_data, what_is_beyond_the_window_is_cut_off, "TCP-12")
{
	piece_line line;

	line.piece(1, 2);
	const u32 edge = line.window();

	ASSERT_GT(edge, 1000u);
	line.piece(edge - 4, edge + 4, flag::ack | flag::fin);
	EXPECT_TRUE(line.told_block(0, edge - 4, edge));
	line.forget();
	line.piece(edge, edge + 4);
	EXPECT_EQ(line.count(), 1);
	EXPECT_EQ(line.acked(), 0);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropOutOfWindow), 1);
	line.piece(edge + 1, edge + 4);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropOutOfWindow), 2);
}

/* Fills the buffer of a program that does not read; octets sent. */
static u32 fill_window(piece_line &line)
{
	constexpr u32 len = 100;
	u32 sent = 0;

	line.piece(sent, sent + 1);
	sent++;
	line.run(300);
	for (u32 most = 1000; most && line.window(); most--) {
		const u32 now = line.acked() + line.window() - sent;

		line.piece(sent, sent + (now < len ? now : len));
		sent += now < len ? now : len;
		line.run(300);
		line.forget();
		line.piece(sent - 1, sent); /* asks where we stand */
	}
	return sent;
}

EDU_TEST(tcp_data, a_promise_is_kept_and_a_full_buffer_closes_the_window, "RFC9293-SHLD-14",
	 "TCP-12", "RFC9293-MUST-66")
{
	piece_line line{with_sack, 8192};
	const u32 sent = fill_window(line);

	EXPECT_EQ(line.window(), 0);
	EXPECT_EQ(line.acked(), sent); /* nothing that was promised room was refused */
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropRcvbufFull), 0);
	line.forget();
	line.piece(sent, sent + 1); /* a probe */
	EXPECT_EQ(line.count(), 1);
	EXPECT_EQ(line.acked(), sent);
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropZeroWindow), 1);
	/* but its urgent pointer counts */
	line.say({.flags = flag::ack | flag::urg, .ahead = static_cast<s32>(sent), .urgent = 5});
	EXPECT_EQ(line.a.counter(EDU_Tcp_DropZeroWindow), 1);
	line.forget();
	EXPECT_TRUE(line.drain());
	line.run(0);
	EXPECT_GE(line.count(), 1); /* it is open again */
	EXPECT_GE(line.window(), 1000u);
	EXPECT_EQ(line.read, sent);
	line.piece(sent, sent + 50);
	EXPECT_EQ(line.sock.receive(), 4); /* up to the urgent octet */
}

EDU_TEST(tcp_data, a_reset_counts_at_a_closed_window, "RFC9293-MUST-66")
{
	piece_line line{with_sack, 8192};
	const u32 sent = fill_window(line);

	line.say({.flags = flag::rst, .ahead = static_cast<s32>(sent)});
	EXPECT_EQ(line.sock.state(), tcp_state_number::close);
}

EDU_TEST(tcp_data, a_fin_needs_no_room, "TCP-8")
{
	piece_line line{with_sack, 8192};
	const u32 sent = fill_window(line);

	line.say({.flags = flag::fin | flag::ack, .ahead = static_cast<s32>(sent)});
	EXPECT_EQ(line.sock.state(), tcp_state_number::close_wait);
	EXPECT_TRUE(line.drain());
	EXPECT_EQ(line.read, sent);
}

EDU_TEST(tcp_data, the_window_opens_by_a_segment_at_least, "RFC9293-MUST-39")
{
	piece_line line{with_sack, 8192};

	fill_window(line);
	line.forget();
	for (u32 i = 0; i < 20; i++)
		line.sock.receive(msg_dontwait, 1);
	line.run(500);
	EXPECT_EQ(line.count(), 0); /* no crumbs */
	for (u32 most = 200; most && !line.count(); most--) {
		line.sock.receive(msg_dontwait, 100);
		line.run(0);
	}
	ASSERT_EQ(line.count(), 1);
	EXPECT_GE(line.window(), 500u);
}

/*
 * Memory
 */

/* Every second octet: no two can be packed together, and each costs hundreds. */
EDU_TEST(tcp_data, octets_out_of_order_cannot_fill_more_than_the_buffer, "TCP-12")
{
	constexpr u32 holes = 400;
	piece_line line{with_sack, 8192};

	for (u32 i = 0; i < holes; i++) {
		line.piece(2 * i + 1, 2 * i + 2);
		EXPECT_LE(edu_k_sock_rmem(line.sock.sk()),
			  edu_k_sock_rcvbuf(line.sock.sk()) + 4096);
		if (i % 64 == 0)
			line.forget();
	}
	EXPECT_GT(line.a.counter(EDU_Tcp_RcvPruned), 0u);
	/* the peer sends again what was given up, and all is well */
	for (u32 at = 0; at < 2 * holes; at += 100) {
		line.piece(at, at + 100);
		EXPECT_TRUE(line.drain());
		line.forget();
	}
	EXPECT_EQ(line.read, 2 * holes);
}

/* From the far end on: each comes before all others. */
EDU_TEST(tcp_data, octets_in_reverse_are_the_stream, "OVER-6", "TCP-12")
{
	constexpr u32 whole = 2000;
	piece_line line;

	for (u32 at = whole; at > 0; at -= 4) {
		line.piece(at - 4, at);
		if (at % 256 == 0)
			line.forget();
	}
	EXPECT_EQ(line.acked(), whole);
	EXPECT_TRUE(line.drain());
	EXPECT_EQ(line.read, whole);
}

EDU_TEST(tcp_data, without_memory_a_segment_is_lost_and_no_more, "TCP-12")
{
	piece_line line;

	for (u32 n = 1; n <= 3; n++) {
		edu_t_fail_alloc(n);
		line.piece(0, 10);
		line.piece(20, 30);
		edu_t_fail_alloc(0);
		edu_t_alloc_failed();
	}
	for (u32 at = 0; at < 40; at += 10)
		line.piece(at, at + 10);
	EXPECT_TRUE(line.drain());
	EXPECT_EQ(line.read, 40);
}

/*
 * Urgent data
 */

EDU_TEST(tcp_data, the_urgent_octet_is_apart, "RFC9293-MUST-62", "RFC9293-MUST-32",
	 "RFC9293-MUST-30")
{
	tcp_line line;

	line.open_passively();
	line.say_next({.flags = flag::ack | flag::urg, .data = octets("abcU"), .urgent = 4});
	line.say_next({.data = octets("def")});
	EXPECT_EQ(edu_core_poll(line.sock.sk()) & EDU_POLLPRI, EDU_POLLPRI);
	EXPECT_TRUE(line.sock.gets(octets("abc"))); /* a read stops in front of it */
	EXPECT_EQ(line.sock.receive(msg_dontwait | msg_oob), 1);
	EXPECT_EQ(line.sock.data[0], 'U');
	EXPECT_EQ(edu_core_poll(line.sock.sk()) & EDU_POLLPRI, 0);
	EXPECT_EQ(line.sock.receive(msg_dontwait | msg_oob), err_inval);
	EXPECT_TRUE(line.sock.gets(octets("def")));
}

EDU_TEST(tcp_data, the_urgent_pointer_may_come_before_its_octet, "RFC9293-MUST-31",
	 "RFC9293-MUST-33")
{
	tcp_line line;

	line.open_passively();
	line.say_next({.flags = flag::ack | flag::urg, .data = octets("ab"), .urgent = 6});
	EXPECT_EQ(line.sock.receive(msg_dontwait | msg_oob), err_again); /* on its way */
	line.say_next({.flags = flag::ack | flag::urg, .data = octets("cd"), .urgent = 4});
	line.say_next({.flags = flag::ack | flag::urg, .data = octets("eU"), .urgent = 2});
	EXPECT_EQ(line.sock.receive(msg_dontwait | msg_oob), 1);
	EXPECT_EQ(line.sock.data[0], 'U');
	EXPECT_TRUE(line.sock.gets(octets("abcde")));
}

EDU_TEST(tcp_data, an_urgent_octet_may_be_read_in_line, "RFC9293-MUST-31")
{
	tcp_line line;

	line.open_passively();
	EXPECT_EQ(line.sock.set(sol_socket, 10 /* SO_OOBINLINE */, 1), 0);
	line.say_next({.flags = flag::ack | flag::urg, .data = octets("abUd"), .urgent = 3});
	EXPECT_TRUE(line.sock.gets(octets("ab")));
	EXPECT_TRUE(line.sock.gets(octets("Ud")));
}

EDU_TEST(tcp_data, a_former_urgent_octet_is_no_part_of_the_stream, "RFC9293-MUST-31")
{
	tcp_line line;

	line.open_passively();
	line.say_next({.flags = flag::ack | flag::urg, .data = octets("Uab"), .urgent = 1});
	line.say_next({.flags = flag::ack | flag::urg, .data = octets("cV"), .urgent = 2});
	EXPECT_EQ(line.sock.receive(msg_dontwait | msg_oob), 1);
	EXPECT_EQ(line.sock.data[0], 'V');
	EXPECT_TRUE(line.sock.gets(octets("abc")));
}

EDU_TEST(tcp_data, an_old_urgent_pointer_says_nothing, "RFC9293-MUST-31")
{
	tcp_line line;

	line.open_passively();
	line.say_next({.data = octets("abc")});
	line.say({.flags = flag::ack | flag::urg, .ahead = -3, .urgent = 2});
	EXPECT_EQ(edu_core_poll(line.sock.sk()) & EDU_POLLPRI, 0);
	EXPECT_TRUE(line.sock.gets(octets("abc")));
	EXPECT_EQ(line.sock.receive(msg_dontwait | msg_oob), err_inval);
}

} // namespace edu::test::on_transport_tcp_data
