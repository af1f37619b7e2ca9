// SPDX-License-Identifier: GPL-2.0-only
/*
 * RAW sockets and ping sockets.
 *
 * Requirements: BSD-4, IP-10; RFC 792, RFC 1122 3.4; raw(7), icmp(7).
 *
 * Locking: none. Tests run one after the other.
 */
#include "test.hh"
#include "wire/icmp.hh"
#include "world.hh"

namespace edu::test::on_transport_raw {
namespace {

constexpr int ipproto_test = 200, sol_raw = 255, ip_hdrincl = 3;

/* An echo request as ping writes it; the checksum is for RAW sockets, which make their own. */
struct echo_request {
	u8 octets[12] = {};

	echo_request(u16 id, u16 sequence)
	{
		copy_bytes(octets + 8, test::octets("ping"));
		wire::icmp::repr::echo(id, sequence)
			.emit(std::span<u8, 8>{octets, 8}, inet_sum{}.add(test::octets("ping")));
	}
	bytes all() const { return octets; }
};

struct ping_world : world {
	ping_world() { a.tune(EDU_TUNE_ping_group_min, 0); }
};

} // namespace

EDU_TEST(raw, a_packet_arrives_with_its_header_at_every_listener, "BSD-4")
{
	world w;
	socket one = w.b.open(sock_raw, ipproto_test), two = w.b.open(sock_raw, ipproto_test);
	socket other = w.b.open(sock_raw, ipproto_test + 1),
	       from = w.a.open(sock_raw, ipproto_test);

	EXPECT_EQ(from.send("tlk", w.b.address(), 0), 3);
	w.settle();
	for (socket *s : {&one, &two}) {
		datagram got = s->receive();

		ASSERT_EQ(got.length, 23);
		EXPECT_EQ(got.data[0], 0x45);
		EXPECT_EQ(got.data[9], ipproto_test);
		EXPECT_BYTES(got.payload().subspan(20), octets("tlk"));
		EXPECT_EQ(got.from, w.a.address());
		EXPECT_EQ(got.port, 0);
	}
	EXPECT_EQ(other.receive().length, -11);
	EXPECT_EQ(w.b.counter(EDU_Icmp_OutDestUnreachs), 0u); /* somebody wanted it */
}

EDU_TEST(raw, addresses_narrow_what_it_hears, "BSD-4", "INET-7")
{
	world w;
	socket bound = w.b.open(sock_raw, ipproto_test),
	       connected = w.b.open(sock_raw, ipproto_test);
	socket from = w.a.open(sock_raw, ipproto_test);

	EXPECT_EQ(bound.bind(wire::ipv4::loopback_addr, 0), 0);
	EXPECT_EQ(connected.connect(wire::ipv4::make_addr(10, 0, 0, 77), 0), 0);
	from.send("tlk", w.b.address(), 0);
	w.settle();
	EXPECT_EQ(bound.receive().length, -11);
	EXPECT_EQ(connected.receive().length, -11);
	connected.connect(w.a.address(), 0);
	from.send("tlk", w.b.address(), 0);
	w.settle();
	EXPECT_EQ(connected.receive().length, 23);
}

EDU_TEST(raw, a_header_of_ones_own_is_completed_and_sent, "BSD-4")
{
	world w;
	socket from = w.a.open(sock_raw, 255), to = w.b.open(sock_raw, ipproto_test);
	u8 packet[23] = {};
	const wire::ipv4::repr ip{
		.total_length = 1, .ttl = 9, .protocol = ipproto_test, .dst = w.b.address()};

	ip.emit({packet, 20});
	copy_bytes(packet + 20, octets("tlk"));
	EXPECT_EQ(from.get(sol_ip, ip_hdrincl), 1);
	EXPECT_EQ(from.send(packet, w.b.address(), 0), 23);
	w.settle();
	datagram got = to.receive();

	ASSERT_EQ(got.length, 23);
	EXPECT_EQ(got.data[8], 9);
	EXPECT_EQ(got.from, w.a.address());

	packet[0] = 0x44; /* a header shorter than a header */
	EXPECT_EQ(from.send(packet, w.b.address(), 0), -22);
	packet[0] = 0x4f; /* longer than the packet */
	EXPECT_EQ(from.send(packet, w.b.address(), 0), -22);
	EXPECT_EQ(from.send(bytes{packet, 19}, w.b.address(), 0), -22);
}

EDU_TEST(raw, the_filter_hides_types_of_icmp, "BSD-4")
{
	world w;
	socket all = w.a.open(sock_raw, ipproto_icmp), some = w.a.open(sock_raw, ipproto_icmp);
	socket wrong = w.a.open(sock_raw, ipproto_test);
	const u32 no_echo_replies = 1u << 0;
	const bytes mask{reinterpret_cast<const u8 *>(&no_echo_replies), 4};

	EXPECT_EQ(edu_t_setsockopt(wrong.get(), sol_raw, 1, mask.data(), 4), -95);
	EXPECT_EQ(edu_t_setsockopt(some.get(), sol_raw, 1, mask.data(), 4), 0);
	EXPECT_EQ(some.get(sol_raw, 1), static_cast<int>(no_echo_replies));
	all.send(echo_request{1, 2}.all(), w.b.address());
	w.settle();
	datagram reply = all.receive();

	ASSERT_EQ(reply.length, 32);
	EXPECT_EQ(reply.data[20], 0);
	EXPECT_EQ(load_be16(reply.data + 24), 1);
	EXPECT_EQ(some.receive().length, -11);
}

EDU_TEST(raw, its_sockets_are_shown, "BSD-4")
{
	ping_world w;
	socket raw = w.a.open(sock_raw, ipproto_test), ping = w.a.open(sock_dgram, ipproto_icmp);
	edu_cursor at = {};
	edu_sock_info info = {};

	EXPECT_EQ(ping.bind({}, 77), 0);
	ASSERT_EQ(edu_core_sock_next(w.a.stack(), 255, &at, &info), 1);
	EXPECT_EQ(info.type, sock_raw);
	EXPECT_EQ(be16::from_raw(info.local_port), be16{ipproto_test});
	ASSERT_EQ(edu_core_sock_next(w.a.stack(), 255, &at, &info), 1);
	EXPECT_EQ(info.type, sock_dgram);
	EXPECT_EQ(be16::from_raw(info.local_port), be16{77});
	EXPECT_EQ(edu_core_sock_next(w.a.stack(), 255, &at, &info), 0);
	EXPECT_EQ(edu_core_sock_next(w.a.stack(), 255, &at, &info), 0);
}

EDU_TEST(ping, only_the_group_that_may_gets_one, "BSD-4")
{
	world w;
	int error = 0;

	EXPECT_EQ(edu_t_socket(w.a.get(), sock_dgram, ipproto_icmp, &error), nullptr);
	EXPECT_EQ(error, -13); /* EACCES */
}

EDU_TEST(ping, a_reply_finds_its_asker_alone, "IP-10", "BSD-4")
{
	ping_world w;
	socket asker = w.a.open(sock_dgram, ipproto_icmp),
	       other = w.a.open(sock_dgram, ipproto_icmp);

	ASSERT_TRUE(asker.is_open());
	EXPECT_EQ(other.bind({}, 78), 0);
	EXPECT_EQ(asker.bind({}, 77), 0);
	EXPECT_EQ(asker.send(echo_request{0, 5}.all(), w.b.address()), 12);
	w.settle();
	datagram reply = asker.receive();

	ASSERT_EQ(reply.length, 12);
	EXPECT_EQ(reply.data[0], 0);
	EXPECT_EQ(load_be16(reply.data + 4), 77); /* the identifier was filled in */
	EXPECT_EQ(load_be16(reply.data + 6), 5);
	EXPECT_BYTES(reply.payload().subspan(8), octets("ping"));
	EXPECT_EQ(reply.from, w.b.address());
	EXPECT_EQ(other.receive().length, -11);
}

EDU_TEST(ping, only_echo_requests_may_be_sent, "BSD-4")
{
	ping_world w;
	socket s = w.a.open(sock_dgram, ipproto_icmp);
	echo_request request{1, 1};

	EXPECT_EQ(s.send(bytes{request.octets, 7}, w.b.address()), -22);
	request.octets[0] = 5; /* a redirect */
	EXPECT_EQ(s.send(request.all(), w.b.address()), -22);
	w.settle();
	EXPECT_EQ(w.cable.frames(), 0u);
}

EDU_TEST(ping, an_identifier_is_taken_once, "INET-3", "INET-4")
{
	ping_world w;
	socket a = w.a.open(sock_dgram, ipproto_icmp), b = w.a.open(sock_dgram, ipproto_icmp);

	EXPECT_EQ(a.bind({}, 77), 0);
	EXPECT_EQ(a.bind({}, 78), -22);
	EXPECT_EQ(b.bind({}, 77), -98);
	EXPECT_EQ(b.bind(wire::ipv4::broadcast_addr, 79), -99);
	EXPECT_EQ(b.send(echo_request{0, 1}.all(), w.b.address()), 12);
	EXPECT_NE(b.port(), 0);
	EXPECT_NE(b.port(), 77);
}

} // namespace edu::test::on_transport_raw
