// SPDX-License-Identifier: GPL-2.0-only
/*
 * What TCP sends, and what it does when no answer comes: two hosts, and every frame between them.
 *
 * Requirements: TCP-2, TCP-3, TCP-5, TCP-6, TCP-8, TCP-12; RFC 9293 3.7 and 3.8, RFC 8985 7, RFC 1122
 * 3.3.1.4 (negative advice).
 *
 * Locking: none. Tests run one after the other.
 */
#include "stack.hh"
#include "tcp_peer.hh"
#include "transport/tcp_output.hh"
#include "wire/tcp.hh"

namespace edu::test::on_transport_tcp_timer {
namespace {

namespace flag = wire::tcp::flag;

constexpr int eagain = -11, enobufs = -105, etimedout = -110;
constexpr int tcp_nodelay = 1, tcp_maxseg = 2, tcp_cork = 3, tcp_user_timeout = 18,
	      tcp_notsent_lowat = 25;
constexpr int so_sndbuf = 7, so_rcvbuf = 8, so_keepalive = 9, so_linger = 13, so_rcvlowat = 18;
constexpr int ip_mtu_discover = 10, pmtudisc_dont = 0;
constexpr u8 tcp_protocol_number = 6;
constexpr u16 port = 7;
constexpr u32 limit_ms = 5000; /* for what must happen; in the end it does not take so long */

/* Octets that are written and compared; a kernel's stack is too small for them. */
u8 pattern[65536], received[65536];

void make_pattern()
{
	for (u32 i = 0; i < sizeof(pattern); i++)
		pattern[i] = static_cast<u8>(i * 7 + i / 251);
}

/* A segment as it went over the cable. */
struct seen {
	bool there = false;
	bool from_a = false;
	wire::tcp::repr header = {};
	wire::tcp::options opts = {};
	u32 len = 0; /* octets of payload */
	u8 ttl = 0, tos = 0;
	u16 id = 0;
	bool df = false;

	bool has(u8 bits) const { return (header.flags & bits) == bits; }
};

/* Octets of the pattern, from one of its places on. */
int write(socket &to, u32 from, u32 len, u32 flags = msg_dontwait)
{
	return to.write({pattern + from, len}, flags);
}

/* Host a's end of a connection is what is looked at. */
struct tcp_pair {
	world w;
	u32 got = 0; /* octets that host b's end has read, in order */

	tcp_pair() { make_pattern(); }

	/* The n-th segment since the last clear(); of which host. */
	seen segment(u32 n, bool from_a = true) const
	{
		seen s;

		for (u32 i = 0; i < w.cable.frames(); i++) {
			if (!parse(w.cable.frame(i), s) || s.from_a != from_a)
				continue;
			if (!n--)
				return s;
		}
		return {};
	}
	u32 segments(bool from_a = true) const
	{
		u32 n = 0;

		while (segment(n, from_a).there)
			n++;
		return n;
	}
	/* How many of them carry octets. */
	u32 with_data() const
	{
		u32 n = 0;

		for (u32 i = 0; i < segments(); i++)
			n += segment(i).len != 0;
		return n;
	}

	template <typename F>
	bool until(F happened)
	{
		constexpr u32 step_ms = 10;

		for (u32 ms = 0; ms < limit_ms && !happened(); ms += step_ms)
			w.run_for(step_ms);
		return happened();
	}
	/* Reads what is there, and compares it. */
	u32 read(socket &from)
	{
		for (int n; got < sizeof(received); got += static_cast<u32>(n)) {
			n = from.read({received + got, sizeof(received) - got});
			if (n <= 0)
				break;
		}
		return got;
	}
	bool arrives(socket &at, u32 octets)
	{
		return until([&] { return read(at) >= octets; }) &&
		       same({received, got}, {pattern, got});
	}
	u64 count(edu_counter which) const { return w.a.counter(which); }
	static tcp_sock &tcp(const socket &sock) { return tcp_sk(core(sock.sk())); }

	/* Host a's device cuts large segments into packets. */
	void device_cuts()
	{
		edu_dev_info info = {};

		edu_t_dev_info(w.a.get(), w.a.ifindex(), &info);
		info.segment_max = 65535;
		info.csum_offload = 1;
		edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
		w.cable.cut();
	}

	bool parse(bytes frame, seen &s) const
	{
		s = {};
		if (frame.size() < 34 || load_be16(&frame[12]) != ethertype_ip || frame[23] != 6)
			return false;
		const wire::ipv4::view ip = ip_of(frame);
		auto [tcp, why] = wire::tcp::view::checked(ip.payload(), ip.src(), ip.dst());

		EXPECT_EQ(why, wire::tcp::fault::none); /* MUST-2: checksum too */
		s.there = true;
		s.from_a = ip.src() == w.a.address();
		s.header = tcp.parse();
		s.opts = tcp.options();
		s.len = static_cast<u32>(tcp.payload_length());
		s.ttl = ip.ttl();
		s.tos = ip.tos();
		s.id = ip.id();
		s.df = ip.dont_fragment();
		return true;
	}
};

/* A segment without octets from station 9, 10.0.0.9, which is no host of ours. */
handmade stranger(be32 to, u16 to_port, u8 flags, u32 seq, u32 ack)
{
	const be32 from = ip4(10, 0, 0, 9);
	const wire::tcp::repr header{.source = 999,
				     .dest = to_port,
				     .seq = seq32{seq},
				     .ack = seq32{ack},
				     .flags = flags,
				     .window = 1000};
	u8 octets[wire::tcp::min_header_len];

	header.emit(octets);
	wire::tcp::finish_checksum(octets, from, to, {}, 0);
	return ip_frame(9, 2, {.ttl = 9, .protocol = tcp_protocol_number, .src = from, .dst = to},
			octets);
}

} // namespace

/*
 * Opening
 */

EDU_TEST_F(tcp_pair, tcp_timer, a_syn_says_what_we_can_do, "TCP-2", "TCP-3", "RFC9293-MUST-14",
	   "RFC9293-MUST-67", "RFC9293-MUST-65")
{
	auto s = w.connect(port);
	const seen syn = segment(0), answer = segment(0, false), ack = segment(1);

	EXPECT_EQ(syn.header.flags, flag::syn);
	EXPECT_EQ(syn.opts.mss, 1460);
	EXPECT_TRUE(syn.opts.sack_permitted && syn.opts.has_timestamps &&
		    syn.opts.has_window_scale);
	EXPECT_EQ(syn.ttl, 64);
	EXPECT_TRUE(syn.df);
	EXPECT_EQ(answer.header.flags, flag::syn | flag::ack);
	EXPECT_EQ(answer.header.ack.raw(), (syn.header.seq + 1).raw());
	EXPECT_EQ(answer.opts.ts_echo, syn.opts.ts_value);
	EXPECT_EQ(answer.opts.mss, 1460);
	EXPECT_EQ(ack.header.flags, flag::ack);
	EXPECT_EQ(ack.opts.mss, 0);
}

EDU_TEST_F(tcp_pair, tcp_timer, what_one_end_does_not_offer_is_not_used, "TCP-12", "RFC7323-1.3",
	   "RFC2018-2")
{
	for (edu_tunable t :
	     {EDU_TUNE_tcp_sack, EDU_TUNE_tcp_timestamps, EDU_TUNE_tcp_window_scaling})
		w.a.tune(t, 0);
	auto s = w.connect(port);
	const seen answer = segment(0, false);

	EXPECT_FALSE(answer.opts.sack_permitted || answer.opts.has_timestamps ||
		     answer.opts.has_window_scale);
	w.cable.clear();
	write(s.a, 0, 3000);
	EXPECT_TRUE(arrives(s.b, 3000));
	EXPECT_EQ(segment(0).len, 1460);
	EXPECT_FALSE(segment(0).opts.has_timestamps);
}

EDU_TEST_F(tcp_pair, tcp_timer, tcp_maxseg_is_told_and_kept, "RFC9293-MUST-16", "TCP-3")
{
	socket listener = w.b.tcp(port), from = w.a.tcp();

	listener.listen(1);
	from.set(sol_tcp, tcp_maxseg, 600);
	from.begin(w.b.address(), port);
	w.settle();
	world::stream s{std::move(from), listener.accept()};

	EXPECT_EQ(segment(0).opts.mss, 600);
	w.cable.clear();
	write(s.a, 0, 2000);
	EXPECT_TRUE(arrives(s.b, 2000));
	EXPECT_EQ(segment(0).len, 588); /* timestamps take the rest */
}

EDU_TEST_F(tcp_pair, tcp_timer, a_syn_without_answer_ends, "RFC9293-MUST-22", "RFC9293-MUST-20",
	   "TCP-6")
{
	auto s = w.connect(port); /* ARP has been done */
	w.a.tune(EDU_TUNE_tcp_rto_init_ms, 20);
	w.a.tune(EDU_TUNE_tcp_syn_retries, 3);
	w.cable.clear();
	w.cable.lose(1000);
	socket lonely = w.a.tcp();

	lonely.begin(w.b.address(), 99);
	EXPECT_TRUE(until([&] { return lonely.poll() & EDU_POLLERR; }));
	EXPECT_EQ(lonely.get(sol_socket, 4), -etimedout);
	u32 syns = 0;

	for (u32 i = 0; i < segments(); i++)
		syns += segment(i).header.flags == flag::syn;
	EXPECT_EQ(syns, 4);
	EXPECT_EQ(segment(0).header.seq.raw(), segment(3).header.seq.raw());
}

EDU_TEST_F(tcp_pair, tcp_timer, a_half_open_connection_ends, "RFC9293-MUST-22", "TCP-10")
{
	socket listener = w.b.tcp(port);

	listener.listen(1);
	w.b.tune(EDU_TUNE_tcp_rto_init_ms, 20);
	w.b.tune(EDU_TUNE_tcp_synack_retries, 2);
	w.b.inject(arp_question(9, ip4(10, 0, 0, 9), w.b.address()).all());
	w.settle();
	w.cable.clear();
	w.b.inject(stranger(w.b.address(), port, flag::syn, 1000, 0).all());
	EXPECT_TRUE(until([&] { return w.b.counter(EDU_Tcp_AbortsOnTimeout) == 1; }));
	w.run_for(200);
	EXPECT_EQ(segments(false), 3);
	EXPECT_TRUE(segment(2, false).has(flag::syn | flag::ack));
	EXPECT_FALSE(listener.accept().is_open());
}

/*
 * Data
 */

EDU_TEST_F(tcp_pair, tcp_timer, full_segments_and_psh_on_the_last, "RFC9293-MUST-16",
	   "RFC9293-MUST-61", "RFC9293-SHLD-28")
{
	auto s = w.connect(port);
	w.cable.clear();
	EXPECT_EQ(write(s.a, 0, 3000), 3000);
	EXPECT_TRUE(arrives(s.b, 3000));
	EXPECT_EQ(with_data(), 3);
	EXPECT_EQ(segment(0).len, 1448);
	EXPECT_EQ(segment(1).len, 1448);
	EXPECT_FALSE(segment(0).has(flag::psh) || segment(1).has(flag::psh));
	EXPECT_EQ(segment(2).len, 104);
	EXPECT_TRUE(segment(2).has(flag::psh));
}

EDU_TEST_F(tcp_pair, tcp_timer, nagle_waits_with_the_second_small_segment, "RFC9293-SHLD-7",
	   "RFC9293-MUST-17")
{
	auto s = w.connect(port);
	w.cable.clear();
	for (u32 i = 0; i < 3; i++)
		write(s.a, i, 1);
	EXPECT_EQ(with_data(), 1); /* nothing has been delivered yet */
	EXPECT_TRUE(arrives(s.b, 3));
	EXPECT_EQ(with_data(), 2);
	s.a.set(sol_tcp, tcp_nodelay, 1);
	w.cable.clear();
	for (u32 i = 3; i < 6; i++)
		write(s.a, i, 1);
	EXPECT_EQ(with_data(), 3);
	EXPECT_TRUE(arrives(s.b, 6));
}

EDU_TEST_F(tcp_pair, tcp_timer, a_cork_holds_full_segments_never_and_others_not_for_ever,
	   "RFC9293-MUST-60")
{
	auto s = w.connect(port);
	s.a.set(sol_tcp, tcp_cork, 1);
	w.cable.clear();
	write(s.a, 0, 1448 + 100);
	EXPECT_EQ(with_data(), 1);
	EXPECT_TRUE(arrives(s.b, 1548)); /* the timer pulls it */
	EXPECT_EQ(with_data(), 2);
	write(s.a, 1548, 10);
	w.settle();
	EXPECT_EQ(with_data(), 2);
	s.a.set(sol_tcp, tcp_cork, 0);
	EXPECT_EQ(with_data(), 3);
	EXPECT_TRUE(arrives(s.b, 1558));
}

EDU_TEST_F(tcp_pair, tcp_timer, ttl_and_tos_are_the_programs, "RFC9293-MUST-48", "RFC9293-MUST-49")
{
	constexpr int ip_tos = 1, ip_ttl = 2;

	auto s = w.connect(port);
	s.a.set(sol_ip, ip_ttl, 33);
	s.a.set(sol_ip, ip_tos, 0x28);
	w.cable.clear();
	write(s.a, 0, 5);
	EXPECT_TRUE(arrives(s.b, 5));
	EXPECT_EQ(segment(0).ttl, 33);
	EXPECT_EQ(segment(0).tos, 0x28);
}

EDU_TEST_F(tcp_pair, tcp_timer, df_follows_ip_mtu_discover, "RFC1191-3", "RFC9293-MUST-16")
{
	auto s = w.connect(port);
	w.cable.clear();
	write(s.a, 0, 5);
	EXPECT_TRUE(arrives(s.b, 5));
	EXPECT_TRUE(segment(0).df);
	s.a.set(sol_ip, ip_mtu_discover, pmtudisc_dont);
	w.cable.clear();
	write(s.a, 5, 5);
	EXPECT_TRUE(arrives(s.b, 10));
	EXPECT_FALSE(segment(0).df);
}

EDU_TEST_F(tcp_pair, tcp_timer, the_urgent_pointer_leads_behind_the_octet, "RFC9293-MUST-30",
	   "RFC9293-MUST-62")
{
	constexpr u32 msg_oob = 1;

	auto s = w.connect(port);
	w.cable.clear();
	write(s.a, 0, 4, msg_dontwait | msg_oob);
	w.settle();
	EXPECT_TRUE(segment(0).has(flag::urg));
	EXPECT_EQ(segment(0).header.urgent, 4);
	EXPECT_EQ(segment(0).len, 4);
}

EDU_TEST_F(tcp_pair, tcp_timer, a_device_that_cuts_gets_large_segments, "TCP-12")
{
	auto s = w.connect(port);
	device_cuts();
	w.cable.clear();
	write(s.a, 0, 40000);
	EXPECT_TRUE(arrives(s.b, 40000));
	EXPECT_LE(28, with_data()); /* as packets they are on the cable, and the sums are right */
	EXPECT_EQ(segment(0).len, 1448);
}

/* Each of them may be taken apart on its way, and be put together again by its number. */
EDU_TEST_F(tcp_pair, tcp_timer, packets_of_large_segments_share_no_identification, "RFC6864-4")
{
	u32 alike = 0;

	auto s = w.connect(port);
	device_cuts();
	s.a.set(sol_ip, ip_mtu_discover, pmtudisc_dont);
	w.cable.clear();
	write(s.a, 0, 40000);
	EXPECT_TRUE(arrives(s.b, 40000));
	const u32 all = segments();

	EXPECT_LE(28, all);
	for (u32 i = 0; i < all; i++)
		for (u32 k = 0; k < i; k++)
			alike += segment(i).id == segment(k).id;
	EXPECT_EQ(alike, 0);
}

/*
 * The peer has no room
 */

EDU_TEST_F(tcp_pair, tcp_timer, a_closed_window_is_probed_until_it_opens, "RFC9293-MUST-35",
	   "RFC9293-MUST-36", "RFC9293-MUST-37", "RFC9293-SHLD-29", "RFC9293-SHLD-30")
{
	u32 sent = 0;

	w.a.tune(EDU_TUNE_tcp_rto_min_ms, 100);
	socket listener = w.b.tcp(port), from = w.a.tcp();

	listener.set(sol_socket, so_rcvbuf, 8192);
	listener.listen(1);
	from.begin(w.b.address(), port);
	w.settle();
	world::stream s{std::move(from), listener.accept()};

	while (sent < sizeof(pattern)) {
		const int n = write(s.a, sent, sizeof(pattern) - sent);

		if (n <= 0)
			break;
		sent += static_cast<u32>(n);
		w.settle();
	}
	EXPECT_TRUE(until([&] { return count(EDU_Tcp_OutProbes) >= 3; }));
	EXPECT_EQ(count(EDU_Tcp_Timeouts), 0);
	EXPECT_TRUE(arrives(s.b, sent));
}

/* The doublings of timeouts are in the RTO already. */
EDU_TEST(tcp_timer, the_first_probe_waits_for_one_rto, "RFC9293-SHLD-29")
{
	constexpr u32 timeouts = 5, first = 5;
	tcp_line line;

	line.a.tune(EDU_TUNE_tcp_rto_min_ms, 20);
	line.open_passively(); /* no timestamps: what was sent again measures nothing */
	tcp_sock &s = tcp_sk(core(line.sock.sk()));

	EXPECT_EQ(line.sock.send(octets("first")), static_cast<int>(first));
	for (u32 ms = 0; ms < limit_ms && s.backoff < timeouts; ms += 10)
		line.run(10);
	EXPECT_EQ(line.sock.send(octets("second")), 6); /* Nagle holds it */
	line.say({.ack_ahead = first, .window = 0});
	ASSERT_EQ(s.timer_kind, tcp_timer_kind::probe);
	EXPECT_GE(s.rto_ms, 20u << timeouts);
	EXPECT_EQ(s.retransmit_due_ms - edu_k_now_ms(), s.rto_ms);
}

EDU_TEST_F(tcp_pair, tcp_timer, what_is_not_sent_bounds_what_is_written, "TCP-12")
{
	constexpr u32 lowat = 16384, one_buffer = 65536;
	int got;

	auto s = w.connect(port);
	s.a.set(sol_socket, so_sndbuf, 1 << 20);
	s.a.set(sol_tcp, tcp_notsent_lowat, lowat);
	do {
		got = write(s.a, 0, sizeof(pattern));
		w.settle();
	} while (got > 0);
	EXPECT_EQ(got, eagain);
	EXPECT_GE(tcp_notsent(tcp(s.a)), lowat);
	EXPECT_LE(tcp_notsent(tcp(s.a)), lowat + one_buffer);
}

EDU_TEST_F(tcp_pair, tcp_timer, a_reader_of_much_is_not_told_of_less, "BSD-5", "TCP-12")
{
	constexpr u32 wanted = 200000, piece = 8192;
	u32 sent = 0;

	auto s = w.connect(port);
	EXPECT_EQ(s.b.set(sol_socket, so_rcvlowat, wanted), 0);
	for (u32 i = 0; i < 1000 && !(s.b.poll() & EDU_POLLIN); i++) {
		const int got = write(s.a, 0, piece);

		sent += got > 0 ? static_cast<u32>(got) : 0;
		w.settle();
	}
	EXPECT_TRUE(s.b.poll() & EDU_POLLIN);
	EXPECT_GE(sent, wanted);
	EXPECT_GE(tcp(s.b).window_clamp, wanted); /* so much may be under way */
	EXPECT_EQ(s.b.set(sol_socket, so_rcvlowat, 1), 0);
}

/* Nobody waits for more than the buffer can hold. */
EDU_TEST_F(tcp_pair, tcp_timer, a_reader_s_wish_is_bounded_by_its_buffer, "BSD-5", "TCP-12")
{
	constexpr int much = 1 << 30, any = 0x7fffffff;

	auto s = w.connect(port);
	w.b.tune(EDU_TUNE_tcp_rmem_max, 1 << 20);
	EXPECT_EQ(s.b.set(sol_socket, so_rcvlowat, much), 0);
	EXPECT_EQ(edu_k_sock_rcvlowat(s.b.sk(), 0, any), 1 << 19);
	EXPECT_EQ(edu_k_sock_rcvbuf(s.b.sk()), 1u << 20);
	s.b.set(sol_socket, so_rcvbuf, 8192); /* twice that */
	EXPECT_EQ(s.b.set(sol_socket, so_rcvlowat, much), 0);
	EXPECT_EQ(edu_k_sock_rcvlowat(s.b.sk(), 0, any), 8192);
	EXPECT_EQ(s.b.set(sol_socket, so_rcvlowat, 0), 0);
	EXPECT_EQ(edu_k_sock_rcvlowat(s.b.sk(), 0, any), 1);
}

/*
 * No answer
 */

EDU_TEST_F(tcp_pair, tcp_timer, what_is_lost_comes_again, "TCP-5", "RFC9293-MUST-18",
	   "RFC9293-MUST-19")
{
	w.a.tune(EDU_TUNE_tcp_rto_min_ms, 20);
	w.a.tune(EDU_TUNE_tcp_recovery, 0);
	auto s = w.connect(port);
	w.cable.clear();
	w.cable.lose(3);
	write(s.a, 0, 100);
	EXPECT_TRUE(arrives(s.b, 100));
	EXPECT_GE(count(EDU_Tcp_Timeouts), 3);
	EXPECT_GE(count(EDU_Tcp_RtoRetrans), 3);
	EXPECT_GE(with_data(), 4);
	for (u32 i = 1; i < 4; i++)
		EXPECT_EQ(segment(i).header.seq.raw(), segment(0).header.seq.raw());
}

EDU_TEST_F(tcp_pair, tcp_timer, a_lost_tail_is_probed_before_the_timeout, "RFC8985-7")
{
	auto s = w.connect(port);
	write(s.a, 0, 1448); /* a round trip is known */
	EXPECT_TRUE(arrives(s.b, 1448));
	w.a.tune(EDU_TUNE_tcp_rto_min_ms, 2000);
	write(s.a, 1448, 1448);
	EXPECT_TRUE(arrives(s.b, 2896));
	w.cable.lose(1);
	write(s.a, 2896, 1448);
	EXPECT_TRUE(arrives(s.b, 4344));
	EXPECT_GE(count(EDU_Tcp_TlpProbes), 1);
	EXPECT_EQ(count(EDU_Tcp_Timeouts), 0);
}

EDU_TEST_F(tcp_pair, tcp_timer, a_vanished_peer_is_given_up, "RFC9293-MUST-20", "RFC9293-MUST-12")
{
	w.a.tune(EDU_TUNE_tcp_rto_min_ms, 10);
	w.a.tune(EDU_TUNE_tcp_rto_max_ms, 100);
	w.a.tune(EDU_TUNE_tcp_retries1, 1);
	w.a.tune(EDU_TUNE_tcp_retries2, 4);
	auto s = w.connect(port);
	w.cable.lose(100000);
	write(s.a, 0, 100);
	EXPECT_TRUE(until([&] { return s.a.poll() & EDU_POLLERR; }));
	EXPECT_EQ(s.a.get(sol_socket, 4), -etimedout);
	EXPECT_EQ(count(EDU_Tcp_AbortsOnTimeout), 1);
	EXPECT_LE(1, count(EDU_Arp_OutProbes)); /* R1: is the next hop alive? */
}

/* Errors that wait on the error queue; the last one's number and origin. */
struct told {
	int count = 0;
	u32 error = 0;
	u8 origin = 0;
};

told errors_of(const socket &sock)
{
	constexpr u32 errqueue = 0x2000;
	constexpr size_t header = 16; /* struct cmsghdr */
	told all;

	for (;;) {
		edu_t_recv call = {};

		call.flags = msg_dontwait | errqueue;
		if (edu_t_recvmsg(sock.get(), &call) < 0)
			return all;
		all.count++;
		all.error = load_native<u32>(&call.control[header]);
		all.origin = call.control[header + 4];
	}
}

EDU_TEST_F(tcp_pair, tcp_timer, who_asks_hears_of_trouble_before_the_end, "RFC9293-SHLD-9")
{
	constexpr int ip_recverr = 11;

	w.a.tune(EDU_TUNE_tcp_rto_min_ms, 10);
	w.a.tune(EDU_TUNE_tcp_rto_max_ms, 100);
	w.a.tune(EDU_TUNE_tcp_retries1, 2);
	w.a.tune(EDU_TUNE_tcp_retries2, 100);
	auto s = w.connect(port), quiet = w.connect(port + 1);
	EXPECT_EQ(s.a.set(0, ip_recverr, 1), 0);
	w.cable.lose(100000);
	write(s.a, 0, 100);
	write(quiet.a, 0, 100);
	EXPECT_TRUE(until([&] { return s.a.poll() & EDU_POLLERR; }));
	w.run_for(300); /* it goes on, and is told once */
	const told all = errors_of(s.a);

	EXPECT_EQ(all.count, 1);
	EXPECT_EQ(all.error, static_cast<u32>(-etimedout));
	EXPECT_EQ(all.origin, 1); /* SO_EE_ORIGIN_LOCAL */
	EXPECT_FALSE(quiet.a.poll() & EDU_POLLERR);
	w.cable.lose(0);
	EXPECT_TRUE(arrives(s.b, 100));
	EXPECT_EQ(s.a.get(sol_socket, 4), 0);
}

EDU_TEST_F(tcp_pair, tcp_timer, the_program_says_how_long_to_try, "RFC9293-MUST-21")
{
	w.a.tune(EDU_TUNE_tcp_rto_min_ms, 10);
	auto s = w.connect(port);
	s.a.set(sol_tcp, tcp_user_timeout, 200);
	w.cable.lose(100000);
	write(s.a, 0, 100);
	EXPECT_TRUE(until([&] { return s.a.poll() & EDU_POLLERR; }));
	EXPECT_EQ(s.a.get(sol_socket, 4), -etimedout);
}

EDU_TEST_F(tcp_pair, tcp_timer, keepalive_asks_and_believes_one_answer_in_three, "RFC9293-MUST-24",
	   "RFC9293-MUST-25", "RFC9293-MUST-27", "RFC9293-MUST-26", "RFC9293-MUST-29",
	   "RFC9293-SHLD-12")
{
	w.a.tune(EDU_TUNE_tcp_keepalive_time_ms, 200);
	w.a.tune(EDU_TUNE_tcp_keepalive_intvl_ms, 100);
	w.a.tune(EDU_TUNE_tcp_keepalive_probes, 3);
	w.b.tune(EDU_TUNE_tcp_invalid_ratelimit_ms, 0); /* so many answers are not usual */
	auto s = w.connect(port);
	w.run_for(400);
	EXPECT_EQ(count(EDU_Tcp_OutKeepalives), 0); /* MUST-25: nobody asked */
	s.a.set(sol_socket, so_keepalive, 1);
	w.cable.clear();
	EXPECT_TRUE(until([&] { return count(EDU_Tcp_OutKeepalives) == 1; }));
	EXPECT_EQ(segment(0).len, 0);
	w.cable.lose(2); /* two probes; the third is answered */
	EXPECT_TRUE(until([&] { return count(EDU_Tcp_OutKeepalives) >= 5; }));
	EXPECT_FALSE(s.a.poll() & EDU_POLLERR);
	w.cable.lose(100000);
	EXPECT_TRUE(until([&] { return s.a.poll() & EDU_POLLERR; }));
	EXPECT_EQ(s.a.get(sol_socket, 4), -etimedout);
}

EDU_TEST(tcp_timer, keepalive_begins_after_two_hours_at_the_earliest, "RFC9293-MUST-28")
{
	world w;

	EXPECT_GE(edu_core_tunables(w.a.stack())[EDU_TUNE_tcp_keepalive_time_ms],
		  2u * 60 * 60 * 1000);
}

EDU_TEST_F(tcp_pair, tcp_timer, an_acknowledgement_waits_but_not_long, "RFC9293-MUST-40",
	   "RFC9293-SHLD-18")
{
	auto s = w.connect(port);
	s.a.set(sol_tcp, tcp_nodelay, 1);
	for (u32 i = 0; i < 100 && !w.b.counter(EDU_Tcp_OutDelayedAcks); i++) {
		write(s.a, i, 1);
		w.run_for(100);
	}
	EXPECT_LE(1, w.b.counter(EDU_Tcp_OutDelayedAcks));
	EXPECT_EQ(count(EDU_Tcp_Timeouts), 0); /* before the peer's RTO */
}

/*
 * Our own troubles
 */

EDU_TEST_F(tcp_pair, tcp_timer, a_full_device_is_no_loss, "TCP-12")
{
	auto s = w.connect(port);
	edu_t_dev_fail_xmit(w.a.get(), w.a.ifindex(), enobufs);
	EXPECT_EQ(write(s.a, 0, 5000), 5000);
	w.run_for(200);
	edu_t_dev_fail_xmit(w.a.get(), w.a.ifindex(), 0);
	EXPECT_TRUE(arrives(s.b, 5000));
	EXPECT_EQ(count(EDU_Tcp_Timeouts), 0);
}

EDU_TEST_F(tcp_pair, tcp_timer, a_device_that_stays_full_ends_nothing, "TCP-12", "RFC9293-MUST-37")
{
	auto s = w.connect(port);
	edu_t_dev_fail_xmit(w.a.get(), w.a.ifindex(), enobufs);
	EXPECT_EQ(write(s.a, 0, 5000), 5000);
	w.run_for(2000); /* tcp_retries2 probes, and more */
	EXPECT_FALSE(s.a.poll() & EDU_POLLERR);
	edu_t_dev_fail_xmit(w.a.get(), w.a.ifindex(), 0);
	EXPECT_TRUE(arrives(s.b, 5000));
}

/* Both ends are here: in a kernel the receiver has the very buffer that was sent, until it reads it. */
EDU_TEST_F(tcp_pair, tcp_timer, what_waits_for_a_reader_on_this_machine_is_sent_again, "TCP-5",
	   "OVER-6")
{
	constexpr int edulo = 1;

	w.a.tune(EDU_TUNE_tcp_rto_min_ms, 20);
	socket listener = w.a.tcp(port), from = w.a.tcp();

	listener.listen(1);
	from.begin(wire::ipv4::make_addr(127, 0, 0, 1), port);
	w.settle();
	socket to = listener.accept();

	ASSERT_TRUE(to.is_open());
	EXPECT_EQ(write(from, 0, 1000), 1000);
	edu_t_dev_fail_xmit(w.a.get(), edulo, enobufs); /* the ACK is lost */
	w.run_for(10);
	EXPECT_EQ(tcp(from).flight(), 1000);
	EXPECT_TRUE(to.poll() & EDU_POLLIN);
	edu_t_dev_fail_xmit(w.a.get(), edulo, 0);
	EXPECT_TRUE(until([&] { return !tcp(from).flight(); }));
	EXPECT_TRUE(arrives(to, 1000));
}

EDU_TEST_F(tcp_pair, tcp_timer, a_program_that_ends_does_not_linger, "BSD-6", "TCP-8")
{
	constexpr int seconds = 2;

	auto s = w.connect(port);
	EXPECT_EQ(s.a.set(sol_socket, so_linger, seconds), 0);
	w.cable.lose(100000);
	EXPECT_EQ(write(s.a, 0, 100), 100);
	w.settle();
	edu_t_exiting(1);
	const u64 before = edu_k_now_ms();

	s.a.close();
	edu_t_exiting(0);
	EXPECT_LT(edu_k_now_ms() - before, 1000);
	w.cable.lose(0);
	EXPECT_TRUE(arrives(s.b, 100)); /* the connection ends well by itself */
}

EDU_TEST_F(tcp_pair, tcp_timer, a_program_that_may_wait_waits_for_memory, "BSD-5", "TCP-12")
{
	constexpr u32 blocking = 0, piece = 100;

	auto s = w.connect(port);
	for (u32 n = 1; n <= 2; n++) { /* an sk_buff; what is in it */
		edu_t_fail_alloc(n);
		EXPECT_EQ(write(s.a, 0, piece), eagain);
		EXPECT_TRUE(edu_t_alloc_failed());
		edu_t_fail_alloc(n);
		EXPECT_EQ(write(s.a, (n - 1) * piece, piece, blocking), piece);
		EXPECT_TRUE(edu_t_alloc_failed());
		EXPECT_TRUE(arrives(s.b, n * piece));
	}
}

EDU_TEST_F(tcp_pair, tcp_timer, without_memory_a_stream_gets_on_little_by_little, "TCP-12", "TCP-8")
{
	constexpr u32 all = 20000;
	u32 sent = 0;

	auto s = w.connect(port);
	edu_t_stream_full(1);
	for (u32 i = 0; i < 100 && sent < all; i++) {
		const int some = write(s.a, sent, all - sent);

		EXPECT_GT(some, 0);
		EXPECT_LE(some, 4096);
		if (some <= 0)
			break;
		sent += static_cast<u32>(some);
		EXPECT_EQ(write(s.a, sent, 1), eagain);
		EXPECT_TRUE(arrives(s.b, sent));
	}
	EXPECT_EQ(sent, all);
	EXPECT_EQ(s.a.shutdown(1), 0);
	EXPECT_TRUE(until([&] { return s.b.read({received, 1}) == 0; }));
}

/* … but the queue is full of what we send. */
EDU_TEST_F(tcp_pair, tcp_timer, a_full_device_makes_the_window_smaller, "TCP-12", "RFC5681-3.1")
{
	auto s = w.connect(port);
	tcp_sock &a = tcp(s.a);
	const u32 before = a.cwnd;

	EXPECT_EQ(write(s.a, 0, 8000), 8000);
	EXPECT_GT(a.flight(), 0);
	edu_t_dev_fail_xmit(w.a.get(), w.a.ifindex(), enobufs);
	EXPECT_EQ(write(s.a, 8000, 3000), 3000);
	EXPECT_LT(a.cwnd, before);
	EXPECT_GE(a.cwnd, 2u * a.mss_cache);
	const u32 once = a.cwnd, second_us = 1000000;

	a.srtt_us = second_us; /* once in a round trip */
	EXPECT_EQ(write(s.a, 11000, 1000), 1000);
	EXPECT_EQ(a.cwnd, once);
	edu_t_dev_fail_xmit(w.a.get(), w.a.ifindex(), 0);
	EXPECT_TRUE(arrives(s.b, 12000));
}

EDU_TEST(tcp_timer, no_single_allocation_is_missed, "TCP-12", "TCP-8")
{
	for (u32 n = 1; n <= 12; n++) {
		tcp_pair p;
		u32 sent = 0;

		p.w.a.tune(EDU_TUNE_tcp_rto_min_ms, 20);
		p.w.b.tune(EDU_TUNE_tcp_rto_min_ms, 20);
		auto s = p.w.connect(port);

		edu_t_fail_alloc(n);
		while (sent < 4000) {
			const int got = write(s.a, sent, 4000 - sent);

			sent += got > 0 ? static_cast<u32>(got) : 0;
			p.w.settle();
		}
		EXPECT_TRUE(p.arrives(s.b, 4000));
		s.a.close();
		EXPECT_TRUE(p.until([&] { return s.b.read({received, 1}) == 0; }));
		edu_t_fail_alloc(0);
	}
}

EDU_TEST_F(tcp_pair, tcp_timer, a_fin_without_memory_comes_later, "TCP-8")
{
	auto s = w.connect(port);
	edu_t_fail_alloc(1);
	s.a.shutdown(1);
	EXPECT_TRUE(edu_t_alloc_failed());
	EXPECT_TRUE(until([&] { return s.b.read({received, 1}) == 0; }));
}

/*
 * Segments that belong to nobody
 */

EDU_TEST_F(tcp_pair, tcp_timer, nobody_there_answers_with_a_reset, "TCP-8", "RFC9293-3.10.7.1")
{
	auto s = w.connect(port);
	w.b.inject(arp_question(9, ip4(10, 0, 0, 9), w.b.address()).all());
	w.settle();
	w.cable.clear();
	w.b.inject(stranger(w.b.address(), 99, flag::syn, 1000, 0).all());
	w.b.inject(stranger(w.b.address(), 99, flag::ack, 1000, 5000).all());
	w.b.inject(stranger(w.b.address(), 99, flag::rst, 1000, 0).all());
	w.settle();
	ASSERT_EQ(segments(false), 2);
	EXPECT_EQ(segment(0, false).header.flags, flag::rst | flag::ack);
	EXPECT_EQ(segment(0, false).header.seq.raw(), 0);
	EXPECT_EQ(segment(0, false).header.ack.raw(), 1001);
	EXPECT_EQ(segment(1, false).header.flags, flag::rst);
	EXPECT_EQ(segment(1, false).header.seq.raw(), 5000);
}

} // namespace edu::test::on_transport_tcp_timer
