// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbers that nobody outside can guess: initial sequence numbers, timestamp offsets, SYN cookies.
 *
 * Requirements: TCP-4, TCP-10; RFC 9293 MUST-8, MUST-9, SHLD-1; RFC 6528, RFC 7323 5.4, RFC 4987.
 *
 * Locking: none. Tests run one after the other.
 */
#include "test.hh"
#include "world.hh"

namespace edu::test::on_transport_tcp_isn {
namespace {

constexpr be32 ours = wire::ipv4::make_addr(10, 0, 0, 1),
	       theirs = wire::ipv4::make_addr(10, 0, 0, 2);

seq32 isn_for(host &h, u16 lport, u16 fport)
{
	return tcp_initial_seq(*h.stack(), ours, theirs, lport, be16{fport});
}

/* Numbers of one moment: as if no time passed between them. */
s32 apart(seq32 a, seq32 b)
{
	const s32 d = a - b;

	return d < 0 ? -d : d;
}

tcp_segment syn_of(u16 mss)
{
	tcp_segment syn = {};

	syn.src = theirs;
	syn.dst = ours;
	syn.sport = 5000;
	syn.dport = 80;
	syn.seq = seq32{0xfffffff0};
	syn.flags = wire::tcp::flag::syn;
	syn.opts.mss = mss;
	return syn;
}

/* The third packet of a handshake by cookie. */
tcp_segment ack_of(const tcp_segment &syn, seq32 cookie)
{
	tcp_segment ack = syn;

	ack.seq = syn.seq + 1;
	ack.ack = cookie + 1;
	ack.flags = wire::tcp::flag::ack;
	ack.opts = {};
	return ack;
}

} // namespace

EDU_TEST(tcp_isn, the_clock_drives_it, "RFC9293-MUST-8", "TCP-4", "RFC6528-3")
{
	world w;
	const u64 began_us = edu_k_now_ns() / 1000;
	const seq32 before = isn_for(w.a, 1, 2);

	w.run_for(100);
	const seq32 after = isn_for(w.a, 1, 2);
	const u64 took_us = edu_k_now_ns() / 1000 - began_us;

	EXPECT_GE(after - before, 100000 / 4);
	EXPECT_LE(after - before, static_cast<s64>(took_us / 4 + 1));
}

EDU_TEST(tcp_isn, each_connection_has_its_own_numbers, "RFC9293-MUST-9", "RFC9293-SHLD-1", "TCP-4")
{
	world w;
	const seq32 one = isn_for(w.a, 1, 2);
	int near = 0;

	for (u16 port = 3; port < 35; port++)
		near += apart(one, isn_for(w.a, 1, port)) < 0x10000;
	for (u16 port = 3; port < 35; port++)
		near += apart(one, isn_for(w.a, port, 2)) < 0x10000;
	/* 64 tries at 2^17 in 2^32 each: once in 500 runs there is one. */
	EXPECT_LE(near, 1);
}

EDU_TEST(tcp_isn, each_host_has_its_own_secret, "RFC9293-MUST-9", "TCP-4")
{
	world w;
	int near = 0;

	for (u16 port = 3; port < 11; port++)
		near += apart(isn_for(w.a, 1, port), isn_for(w.b, 1, port)) < 0x10000;
	EXPECT_LE(near, 1);
}

EDU_TEST(tcp_isn, timestamps_of_a_pair_go_on_where_they_were, "RFC7323-5.4")
{
	world w;
	const edu_stack &a = *w.a.stack();
	const u32 offset = tcp_timestamp_offset(a, ours, theirs);

	EXPECT_EQ(tcp_timestamp_offset(a, ours, theirs), offset);
	EXPECT_NE(tcp_timestamp_offset(a, ours, ours), offset);
	EXPECT_NE(tcp_timestamp_offset(*w.b.stack(), ours, theirs), offset);
}

/*
 * Cookies
 */

EDU_TEST(tcp_cookie, what_was_sent_lately_is_believed, "TCP-10", "RFC4987-3.6")
{
	world w;
	const edu_stack &a = *w.a.stack();
	const tcp_segment syn = syn_of(1460);
	const seq32 cookie = tcp_cookie_make(a, syn);
	tcp_cookie out;

	EXPECT_TRUE(tcp_cookie_check(a, ack_of(syn, cookie), out));
	EXPECT_EQ(out.mss, 1460);
	EXPECT_FALSE(out.tstamp_ok || out.sack_ok || out.has_wscale);
}

EDU_TEST(tcp_cookie, the_mss_is_never_rounded_up, "TCP-10", "TCP-3", "RFC4987-3.6")
{
	world w;
	const edu_stack &a = *w.a.stack();
	tcp_cookie out;

	for (u16 mss : {48, 100, 216, 535, 536, 1219, 1220, 1300, 1399, 1400, 1459, 1460, 9000}) {
		const tcp_segment syn = syn_of(mss);

		EXPECT_TRUE(tcp_cookie_check(a, ack_of(syn, tcp_cookie_make(a, syn)), out));
		EXPECT_LE(out.mss, mss);
		EXPECT_GE(out.mss, mss < 216 ? 48 : mss < 536 ? 216 : 536);
	}
	/* Ethernet, plain and behind PPPoE; its large frames; edulo. */
	for (u16 mss : {1452, 1460, 8960, 65495}) {
		const tcp_segment syn = syn_of(mss);

		EXPECT_TRUE(tcp_cookie_check(a, ack_of(syn, tcp_cookie_make(a, syn)), out));
		EXPECT_EQ(out.mss, mss);
	}
	const tcp_segment none = syn_of(0); /* MUST-15 */

	EXPECT_TRUE(tcp_cookie_check(a, ack_of(none, tcp_cookie_make(a, none)), out));
	EXPECT_EQ(out.mss, wire::tcp::default_mss);
}

EDU_TEST(tcp_cookie, a_changed_segment_is_no_proof, "TCP-10", "RFC4987-3.6")
{
	world w;
	const edu_stack &a = *w.a.stack();
	const tcp_segment syn = syn_of(1460);
	const tcp_segment good = ack_of(syn, tcp_cookie_make(a, syn));
	tcp_cookie out;
	int believed = 0;

	for (int bit = 0; bit < 32; bit++) {
		tcp_segment ack = good;

		ack.ack = seq32{good.ack.raw() ^ 1u << bit};
		/* The low bits are the index of another size. */
		believed += bit >= 4 && tcp_cookie_check(a, ack, out);
		ack = good;
		ack.src = be32{good.src.host() ^ 1u << bit};
		believed += tcp_cookie_check(a, ack, out);
		ack = good;
		ack.sport = static_cast<u16>(good.sport ^ 1u << bit % 16);
		believed += tcp_cookie_check(a, ack, out);
	}
	EXPECT_FALSE(tcp_cookie_check(*w.b.stack(), good, out));
	EXPECT_EQ(believed, 0);
}

EDU_TEST(tcp_cookie, an_old_one_is_worth_nothing, "TCP-10", "RFC4987-3.6")
{
	world w;
	const edu_stack &a = *w.a.stack();
	const tcp_segment syn = syn_of(1460);
	const u32 minute = cookie_minute();
	tcp_cookie out;

	EXPECT_TRUE(tcp_cookie_check(a, ack_of(syn, cookie_of(a, syn, minute - 1)), out));
	for (u32 age = 3; age < 256; age += 11)
		EXPECT_FALSE(
			tcp_cookie_check(a, ack_of(syn, cookie_of(a, syn, minute - age)), out));
}

EDU_TEST(tcp_cookie, a_timestamp_carries_the_options, "TCP-10", "RFC4987-3.6", "RFC7323-2")
{
	world w;
	const edu_stack &a = *w.a.stack();
	const u32 offset = tcp_timestamp_offset(a, ours, theirs);

	for (u8 scale = 0; scale <= wire::tcp::max_window_scale; scale++)
		for (bool sack : {false, true}) {
			tcp_segment syn = syn_of(1460);

			syn.opts.has_timestamps = true;
			syn.opts.has_window_scale = scale != 3; /* as good as any to leave out */
			syn.opts.window_scale = scale;
			syn.opts.sack_permitted = sack;
			const u32 now = tcp_timestamp(0);
			const u32 stamp = tcp_cookie_timestamp(now, syn.opts);
			tcp_segment ack = ack_of(syn, tcp_cookie_make(a, syn));
			tcp_cookie out;

			EXPECT_LE(static_cast<s32>(stamp - now), 0);
			EXPECT_LT(now - stamp, 64u);
			ack.opts.has_timestamps = true;
			ack.opts.ts_echo = stamp + offset;
			EXPECT_TRUE(tcp_cookie_check(a, ack, out));
			EXPECT_EQ(out.tstamp_ok, true);
			EXPECT_EQ(out.sack_ok, sack);
			EXPECT_EQ(out.has_wscale, scale != 3);
			EXPECT_EQ(out.snd_wscale, scale != 3 ? scale : 0);
		}
}

} // namespace edu::test::on_transport_tcp_isn
