// SPDX-License-Identifier: GPL-2.0-only
/*
 * UDP: datagrams out and in, checksums, errors, broadcasts, and what hostile datagrams find.
 *
 * Requirements: UDP-1 to UDP-3, OVER-3, OVER-7, IP-4; RFC 768, RFC 1122 4.1.3.
 *
 * Locking: none. Tests run one after the other.
 */
#include "test.hh"
#include "wire/icmp.hh"
#include "wire/udp.hh"
#include "world.hh"

namespace edu::test::on_transport_udp {
namespace {

constexpr int so_broadcast = 6, so_rcvbuf = 8, so_error = 4, so_reuseaddr = 2;
constexpr int ip_recverr = 11, ip_mtu_discover = 10, ip_pktinfo = 8;
constexpr size_t at_ip = 14, at_udp = 34, at_data = 42;

/* A frame from a to b's port 7 with "tlk" in it, to be spoilt. */
struct udp_frame {
	u8 octets[64] = {};
	u32 len = 0;

	udp_frame(world &w, be32 src, be32 dst, u16 source = 3000, u16 dest = 7)
	{
		wire::eth::repr eth{w.b.hardware_address(), w.a.hardware_address(), 0x0800};
		wire::ipv4::repr ip{.total_length = 31, .protocol = 17, .src = src, .dst = dst};
		wire::udp::repr udp{.source = source, .dest = dest, .length = 11, .checksum = {}};

		udp.checksum = udp.checksum_between(src, dst, inet_sum{}.add(test::octets("tlk")));
		eth.emit(std::span<u8, 14>{octets, 14});
		ip.emit({octets + at_ip, 20});
		udp.emit(std::span<u8, 8>{octets + at_udp, 8});
		copy_bytes(octets + at_data, test::octets("tlk"));
		len = 60; /* padded, as Ethernet does */
	}
	udp_frame(world &w) : udp_frame(w, w.a.address(), w.b.address()) {}

	bytes all() const { return {octets, len}; }
};

/* The cable's last IP packet, from its IP header on. */
bytes last_packet(const world &w)
{
	for (u32 i = w.cable.frames(); i-- > 0;) {
		bytes frame = w.cable.frame(i);

		if (frame.size() > at_udp && load_be16(&frame[12]) == 0x0800)
			return frame.subspan(at_ip);
	}
	return {};
}

/* The fields of a sock_extended_err: errno, origin, type and code. */
u32 extended_errno(const datagram &d)
{
	bytes error = d.control(sol_ip, ip_recverr);

	return error.size() < 16 ? 0 : load_native<u32>(error.data());
}

} // namespace

EDU_TEST(udp, a_datagram_arrives_whole_with_its_sender, "UDP-3", "OVER-7")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp(3000);

	EXPECT_EQ(from.send("tlk", w.b.address(), 7), 3);
	w.settle();
	datagram got = to.receive();

	EXPECT_BYTES(got.payload(), octets("tlk"));
	EXPECT_EQ(got.from, w.a.address());
	EXPECT_EQ(got.port, 3000);
	EXPECT_EQ(got.flags, 0u);
	EXPECT_EQ(w.a.counter(EDU_Udp_OutDatagrams), 1u);
	EXPECT_EQ(w.b.counter(EDU_Udp_InDatagrams), 1u);
}

EDU_TEST(udp, its_checksum_is_right_on_the_wire, "OVER-3", "RFC1122-4.1.3.4")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp(3000);

	from.send("odd", w.b.address(), 7);
	w.settle();
	bytes packet = last_packet(w);

	ASSERT_GE(packet.size(), 31u);
	auto [header, why] =
		wire::udp::view::checked(packet.subspan(20, 11), w.a.address(), w.b.address());

	EXPECT_EQ(why, wire::udp::fault::none);
	EXPECT_TRUE(header.has_checksum());
	EXPECT_EQ(header.source(), 3000);
	EXPECT_EQ(header.dest(), 7);
}

EDU_TEST(udp, an_empty_datagram_is_a_datagram, "UDP-3")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp(3000);

	EXPECT_EQ(from.send(bytes{}, w.b.address(), 7), 0);
	w.settle();
	datagram got = to.receive();

	EXPECT_EQ(got.length, 0);
	EXPECT_EQ(got.port, 3000);
}

EDU_TEST(udp, peek_leaves_it_and_trunc_tells_its_length, "UDP-3")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	from.send("datagram", w.b.address(), 7);
	w.settle();
	datagram peeked = to.receive(msg_dontwait | msg_peek, 4);

	EXPECT_EQ(peeked.length, 4);
	EXPECT_EQ(peeked.flags & msg_trunc, msg_trunc);
	EXPECT_EQ(to.receive(msg_dontwait | msg_peek | msg_trunc, 4).length, 8);
	EXPECT_BYTES(to.receive().payload(), octets("datagram"));
	EXPECT_EQ(to.receive().length, -11); /* EAGAIN */
}

EDU_TEST(udp, bad_arguments_get_linuxs_errors, "UDP-3")
{
	world w;
	socket s = w.a.udp();
	const u8 data[1] = {};

	EXPECT_EQ(s.send("tlk"), -89);			 /* EDESTADDRREQ */
	EXPECT_EQ(s.send("tlk", w.b.address(), 0), -22); /* EINVAL */
	EXPECT_EQ(s.send(octets("tlk"), w.b.address(), 7, msg_dontwait | 1), -95); /* MSG_OOB */
	EXPECT_EQ(s.send("tlk", wire::ipv4::make_addr(192, 0, 2, 1), 7), -101);	   /* ENETUNREACH */

	edu_send send = {};

	send.ttl = send.tos = -1;
	send.name = data;
	send.name_len = 1;
	EXPECT_EQ(edu_t_sendmsg(s.get(), data, 1, &send), -22);
}

EDU_TEST(udp, too_long_is_emsgsize, "IP-4", "UDP-3")
{
	world w;
	socket to = w.b.udp(7), s = w.a.udp();
	static u8 data[65536];

	EXPECT_EQ(s.send(bytes{data, 65508}, w.b.address(), 7), -90); /* EMSGSIZE */
	EXPECT_EQ(s.send(bytes{data, 65536}, w.b.address(), 7), -90);
	s.set(sol_ip, ip_mtu_discover, 2);
	EXPECT_EQ(s.send(bytes{data, 1473}, w.b.address(), 7), -90);
	EXPECT_EQ(s.send(bytes{data, 1472}, w.b.address(), 7), 1472);
	w.settle();
	EXPECT_EQ(load_be16(&last_packet(w)[6]) & 0x4000, 0x4000);
}

EDU_TEST(udp, path_mtu_discovery_decides_on_df, "IP-4")
{
	world w;
	socket to = w.b.udp(7), s = w.a.udp();

	s.send("tlk", w.b.address(), 7);
	w.settle();
	EXPECT_EQ(load_be16(&last_packet(w)[6]) & 0x4000, 0x4000);
	s.set(sol_ip, ip_mtu_discover, 0);
	s.send("tlk", w.b.address(), 7);
	w.settle();
	EXPECT_EQ(load_be16(&last_packet(w)[6]) & 0x4000, 0);
}

EDU_TEST(udp, broadcast_needs_permission_and_reaches_everyone, "UDP-3")
{
	world w;
	const be32 everybody = wire::ipv4::make_addr(10, 0, 0, 255);
	socket one = w.b.udp(), two = w.b.udp(), other = w.b.udp(8), from = w.a.udp();

	one.set(sol_socket, so_reuseaddr, 1);
	two.set(sol_socket, so_reuseaddr, 1);
	one.bind({}, 7);
	two.bind(everybody, 7);
	EXPECT_EQ(from.send("tlk", everybody, 7), -13); /* EACCES */
	from.set(sol_socket, so_broadcast, 1);
	EXPECT_EQ(from.send("tlk", everybody, 7), 3);
	w.settle();
	EXPECT_EQ(one.receive().length, 3);
	EXPECT_EQ(two.receive().length, 3);
	EXPECT_EQ(other.receive().length, -11);
	EXPECT_EQ(w.b.counter(EDU_Udp_InDatagrams), 2u);

	/* Nobody there: no error either (RFC 1122 3.2.2). */
	EXPECT_EQ(from.send("tlk", everybody, 9), 3);
	w.settle();
	EXPECT_EQ(w.b.counter(EDU_Icmp_OutDestUnreachs), 0u);
	EXPECT_EQ(w.b.counter(EDU_Udp_DropNoSocket), 1u);
}

EDU_TEST(udp, nobody_at_the_port_is_told_to_the_sender, "RFC1122-4.1.3.1", "RFC1122-4.1.3.3",
	 "UDP-3")
{
	world w;
	socket s = w.a.udp();

	s.connect(w.b.address(), 7);
	s.send("tlk");
	w.settle();
	EXPECT_EQ(w.b.counter(EDU_Udp_NoPorts), 1u);
	EXPECT_EQ(w.b.counter(EDU_Icmp_OutDestUnreachs), 1u);
	EXPECT_EQ(s.receive().length, -111); /* ECONNREFUSED, once */
	EXPECT_EQ(s.receive().length, -11);
	s.send("tlk");
	w.settle();
	EXPECT_EQ(s.send("again"), -111);
}

EDU_TEST(udp, an_unconnected_socket_hears_of_errors_only_if_asked, "RFC1122-4.1.3.3")
{
	world w;
	socket s = w.a.udp();

	s.send("tlk", w.b.address(), 7);
	w.settle();
	EXPECT_EQ(s.receive().length, -11);
	s.set(sol_ip, ip_recverr, 1);
	s.send("quoted", w.b.address(), 7);
	w.settle();
	EXPECT_EQ(s.receive().length, -111);
	datagram error = s.receive(msg_dontwait | msg_errqueue);

	EXPECT_BYTES(error.payload(), octets("quoted"));
	EXPECT_EQ(error.from, w.b.address());
	EXPECT_EQ(error.port, 7);
	EXPECT_EQ(extended_errno(error), 111u);
	EXPECT_EQ(s.receive(msg_dontwait | msg_errqueue).length, -11);
}

EDU_TEST(udp, emsgsize_leaves_the_mtu_on_the_error_queue, "IP-4")
{
	world w;
	socket s = w.a.udp();
	u8 data[1473] = {};

	s.set(sol_ip, ip_recverr, 1);
	s.set(sol_ip, ip_mtu_discover, 2);
	EXPECT_EQ(s.send(bytes{data}, w.b.address(), 7), -90);
	datagram error = s.receive(msg_dontwait | msg_errqueue);

	EXPECT_EQ(extended_errno(error), 90u);
	ASSERT_GE(error.control(sol_ip, ip_recverr).size(), 16u);
	EXPECT_EQ(load_native<u32>(error.control(sol_ip, ip_recverr).data() + 8), 1500u);
}

EDU_TEST(udp, the_message_may_choose_source_ttl_and_tos, "RFC1122-4.1.4", "RFC1122-4.1.3.5")
{
	world w;
	socket to = w.b.udp(7), s = w.a.udp();
	const be32 second = wire::ipv4::make_addr(10, 0, 0, 11);
	edu_send send = {};
	/* as a program's struct sockaddr_in lies in memory */
	u8 name[16] = {};
	const u16 family = static_cast<u16>(edu_k_family);

	w.a.add_address(second, 24);
	__builtin_memcpy(name, &family, 2);
	store_be16(name + 2, 7);
	store_addr(name + 4, w.b.address());
	send.name = name;
	send.name_len = sizeof(name);
	send.flags = msg_dontwait;
	send.source = second.raw();
	send.ttl = 3;
	send.tos = 0x08;
	EXPECT_EQ(edu_t_sendmsg(s.get(), "tlk", 3, &send), 3);
	w.settle();
	bytes packet = last_packet(w);

	ASSERT_GE(packet.size(), 31u);
	EXPECT_EQ(packet[1], 0x08);
	EXPECT_EQ(packet[8], 3);
	EXPECT_EQ(load_addr(&packet[12]), second);
	send.source = wire::ipv4::make_addr(192, 0, 2, 1).raw();  /* not ours */
	EXPECT_EQ(edu_t_sendmsg(s.get(), "tlk", 3, &send), -101); /* ENETUNREACH */
}

EDU_TEST(udp, a_full_receive_buffer_drops_and_counts, "UDP-3")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	to.set(sol_socket, so_rcvbuf, 2048);
	for (int i = 0; i < 40; i++)
		from.send("tlk", w.b.address(), 7);
	w.settle();
	const u64 in = w.b.counter(EDU_Udp_InDatagrams);

	EXPECT_GT(in, 0u);
	EXPECT_LT(in, 40u);
	EXPECT_EQ(in + w.b.counter(EDU_Udp_DropRcvbufFull), 40u);
}

EDU_TEST(udp, a_good_frame_is_delivered_without_its_padding, "UDP-3")
{
	world w;
	socket to = w.b.udp(7);

	w.b.inject(udp_frame{w}.all());
	EXPECT_BYTES(to.receive().payload(), octets("tlk"));
}

EDU_TEST(udp, what_lies_behind_its_length_is_not_data, "UDP-3", "RFC768-1")
{
	world w;
	socket to = w.b.udp(7);
	udp_frame frame{w};
	const wire::ipv4::repr ip{
		.total_length = 36, .protocol = 17, .src = w.a.address(), .dst = w.b.address()};

	ip.emit({frame.octets + at_ip, 20});
	frame.octets[at_data + 3] = 'x';
	w.b.inject(frame.all());
	EXPECT_BYTES(to.receive().payload(), octets("tlk"));
}

EDU_TEST(udp, a_bad_checksum_is_dropped_without_a_word, "OVER-3", "RFC1122-4.1.3.4")
{
	world w;
	socket to = w.b.udp(7);
	udp_frame frame{w}, unsummed{w};

	frame.octets[at_data] ^= 1;
	w.b.inject(frame.all());
	EXPECT_EQ(to.receive().length, -11);
	EXPECT_EQ(w.b.counter(EDU_Udp_DropChecksum), 1u);
	store_be16(frame.octets + at_udp + 2, 9); /* nor for a port where nobody is */
	w.b.inject(frame.all());
	w.settle();
	EXPECT_EQ(w.b.counter(EDU_Udp_NoPorts), 0u);

	/* Zero: the sender made none. */
	store_be16(unsummed.octets + at_udp + 6, 0);
	unsummed.octets[at_data] ^= 1;
	w.b.inject(unsummed.all());
	EXPECT_EQ(to.receive().length, 3);
}

EDU_TEST(udp, impossible_lengths_are_dropped, "UDP-3")
{
	world w;
	socket to = w.b.udp(7);
	udp_frame shorter{w}, longer{w}, stub{w};

	store_be16(shorter.octets + at_udp + 4, 7);
	w.b.inject(shorter.all());
	store_be16(longer.octets + at_udp + 4, 12);
	w.b.inject(longer.all());
	EXPECT_EQ(w.b.counter(EDU_Udp_DropLength), 2u);
	wire::ipv4::repr ip{
		.total_length = 27, .protocol = 17, .src = w.a.address(), .dst = w.b.address()};

	ip.emit({stub.octets + at_ip, 20});
	w.b.inject(stub.all());
	EXPECT_EQ(w.b.counter(EDU_Udp_DropShort), 1u);
	EXPECT_EQ(to.receive().length, -11);
}

EDU_TEST(udp, no_memory_harms_nobody, "IP-4", "UDP-3")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	from.send("tlk", w.b.address(), 7);
	w.settle();
	to.receive();
	for (u32 n = 1; n < 12; n++) {
		edu_t_fail_alloc(n);
		const int sent = from.send("tlk", w.b.address(), 7);

		w.settle();
		edu_t_fail_alloc(0);
		EXPECT_TRUE(sent == 3 || sent == -105 || sent == -12);
		if (to.receive().length == 3 && n > 8)
			break;
	}
	from.send("tlk", w.b.address(), 7);
	w.settle();
	EXPECT_EQ(to.receive().length, 3);
}

EDU_TEST(udp, the_loopback_carries_both_ways, "LAYER-2", "UDP-3")
{
	world w;
	socket server = w.a.udp(7), client = w.a.udp();

	EXPECT_EQ(client.connect(wire::ipv4::loopback_addr, 7), 0);
	EXPECT_EQ(client.send("ping"), 4);
	w.settle();
	datagram got = server.receive();

	EXPECT_BYTES(got.payload(), octets("ping"));
	EXPECT_EQ(got.from, wire::ipv4::loopback_addr);
	EXPECT_EQ(server.send("pong", got.from, got.port), 4);
	w.settle();
	EXPECT_BYTES(client.receive().payload(), octets("pong"));
	EXPECT_EQ(w.cable.frames(), 0u);

	/* Zero means this host. */
	socket zero = w.a.udp();

	EXPECT_EQ(zero.send("self", be32{}, 7), 4);
	w.settle();
	EXPECT_BYTES(server.receive().payload(), octets("self"));
}

} // namespace edu::test::on_transport_udp
