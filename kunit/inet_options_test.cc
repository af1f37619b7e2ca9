// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket options of level SOL_IP, and what control messages say.
 *
 * Requirements: IP-10, UDP-3; RFC 1122 4.1.3.2, 4.1.3.5, 4.1.4. Errors are those of Linux's AF_INET.
 *
 * Locking: none. Tests run one after the other.
 */
#include "test.hh"
#include "world.hh"

namespace edu::test::on_inet_options {
namespace {

constexpr int ip_tos = 1, ip_ttl = 2, ip_hdrincl = 3, ip_options = 4, ip_recvopts = 6,
	      ip_retopts = 7, ip_pktinfo = 8, ip_mtu_discover = 10, ip_recverr = 11,
	      ip_recvttl = 12, ip_recvtos = 13, ip_mtu = 14, ip_transparent = 19,
	      ip_origdstaddr = 20, ip_multicast_if = 32, ip_multicast_ttl = 33,
	      ip_add_membership = 35, ip_unicast_if = 50;
constexpr int einval = -22, enoprotoopt = -92, enotconn = -107, eaddrnotavail = -99;

int set_bytes(socket &s, int name, bytes value)
{
	return edu_t_setsockopt(s.get(), sol_ip, name, value.data(),
				static_cast<u32>(value.size()));
}

} // namespace

EDU_TEST(options, numbers_are_kept_and_checked, "RFC1122-4.1.4")
{
	world w;
	socket s = w.a.udp();

	EXPECT_EQ(s.get(sol_ip, ip_ttl), 64);
	for (int bad : {0, 256, -2})
		EXPECT_EQ(s.set(sol_ip, ip_ttl, bad), einval);
	EXPECT_EQ(s.set(sol_ip, ip_ttl, 7), 0);
	EXPECT_EQ(s.get(sol_ip, ip_ttl), 7);
	EXPECT_EQ(s.set(sol_ip, ip_ttl, -1), 0);
	EXPECT_EQ(s.get(sol_ip, ip_ttl), 64);
	EXPECT_EQ(s.set(sol_ip, ip_tos, 0x10), 0);
	EXPECT_EQ(s.get(sol_ip, ip_tos), 0x10);
	EXPECT_EQ(s.get(sol_ip, ip_mtu_discover), 1);
	EXPECT_EQ(s.set(sol_ip, ip_mtu_discover, 6), einval);
	EXPECT_EQ(s.set(sol_ip, ip_multicast_ttl, 256), einval);
	EXPECT_EQ(s.set(sol_ip, ip_hdrincl, 1), enoprotoopt);
	EXPECT_EQ(s.set(sol_ip, ip_add_membership, 1), einval); /* no struct ip_mreq */
	EXPECT_EQ(s.set(sol_ip, 9999, 1), enoprotoopt);
	EXPECT_EQ(s.get(sol_ip, 9999), enoprotoopt);
	edu_t_privileged(0);
	EXPECT_EQ(s.set(sol_ip, ip_transparent, 1), -1); /* EPERM */
	edu_t_privileged(1);
}

EDU_TEST(options, one_octet_is_enough_for_a_small_number, "INET-1")
{
	world w;
	socket s = w.a.udp();
	const u8 one = 9;
	u8 value[64] = {};
	unsigned int len = 1;

	EXPECT_EQ(set_bytes(s, ip_ttl, {&one, 1}), 0);
	EXPECT_EQ(s.get(sol_ip, ip_ttl), 9);
	EXPECT_EQ(set_bytes(s, ip_ttl, {}), einval);
	EXPECT_EQ(edu_t_getsockopt(s.get(), sol_ip, ip_ttl, value, &len), 0);
	EXPECT_EQ(len, 1u);
	EXPECT_EQ(value[0], 9);
	len = 40;
	EXPECT_EQ(edu_t_getsockopt(s.get(), sol_ip, ip_ttl, value, &len), 0);
	EXPECT_EQ(len, 4u);
}

EDU_TEST(options, a_streams_congestion_bits_are_not_the_programs, "RFC3168")
{
	world w;
	socket datagrams = w.a.udp(), stream = w.a.tcp();

	EXPECT_EQ(datagrams.set(sol_ip, ip_tos, 0x13), 0);
	EXPECT_EQ(datagrams.get(sol_ip, ip_tos), 0x13);
	EXPECT_EQ(stream.set(sol_ip, ip_tos, 0x13), 0);
	EXPECT_EQ(stream.get(sol_ip, ip_tos), 0x10);
	EXPECT_EQ(stream.set(sol_ip, ip_tos, 3), 0);
	EXPECT_EQ(stream.get(sol_ip, ip_tos), 0);
}

EDU_TEST(options, the_mtu_is_that_of_the_connection, "UDP-2", "ROUTE-7")
{
	world w;
	socket s = w.a.udp();

	EXPECT_EQ(s.get(sol_ip, ip_mtu), enotconn);
	s.connect(w.b.address(), 7);
	EXPECT_EQ(s.get(sol_ip, ip_mtu), 1500);
}

EDU_TEST(options, interfaces_must_exist, "INET-1")
{
	world w;
	socket s = w.a.udp();

	EXPECT_EQ(s.set(sol_ip, ip_unicast_if, static_cast<int>(be32{99}.raw())), eaddrnotavail);
	EXPECT_EQ(s.set(sol_ip, ip_unicast_if, static_cast<int>(be32{2}.raw())), 0);
	EXPECT_EQ(s.get(sol_ip, ip_unicast_if), static_cast<int>(be32{2}.raw()));
	EXPECT_EQ(s.set(sol_ip, ip_multicast_if, static_cast<int>(w.b.address().raw())),
		  eaddrnotavail);
	EXPECT_EQ(s.set(sol_ip, ip_multicast_if, static_cast<int>(w.a.address().raw())), 0);
	EXPECT_EQ(s.get(sol_ip, ip_multicast_if), static_cast<int>(w.a.address().raw()));
}

EDU_TEST(options, ip_options_are_checked, "RFC1122-4.1.3.2")
{
	world w;
	socket s = w.a.udp();
	const u8 record_route[] = {7, 7, 4, 0, 0, 0, 0}, broken[] = {7, 40, 4, 0};
	const u8 unknown[] = {0x9e, 4, 0, 0};
	u8 value[64] = {};
	unsigned int len = sizeof(value);

	EXPECT_EQ(set_bytes(s, ip_options, broken), einval);
	EXPECT_EQ(set_bytes(s, ip_options, record_route), 0);
	EXPECT_EQ(edu_t_getsockopt(s.get(), sol_ip, ip_options, value, &len), 0);
	EXPECT_EQ(len, 8u);
	EXPECT_BYTES((bytes{value, 7}), record_route);
	edu_t_privileged(0);
	EXPECT_EQ(set_bytes(s, ip_options, unknown), einval);
	edu_t_privileged(1);
	EXPECT_EQ(set_bytes(s, ip_options, {}), 0);
	len = sizeof(value);
	EXPECT_EQ(edu_t_getsockopt(s.get(), sol_ip, ip_options, value, &len), 0);
	EXPECT_EQ(len, 0u);
}

EDU_TEST(options, a_source_route_is_arranged_for_the_wire, "RFC1122-4.1.3.2", "IP-10")
{
	const u8 given[] = {131, 11, 4, 10, 0, 0, 1, 10, 0, 0, 2};
	const u8 sent[] = {131, 11, 4, 10, 0, 0, 2, 10, 0, 0, 9, 0};
	const be32 final = wire::ipv4::make_addr(10, 0, 0, 9);
	option_set set;

	EXPECT_OK(make_option_set(given, false, set));
	EXPECT_EQ(set.next_destination(final), wire::ipv4::make_addr(10, 0, 0, 1));
	set.set_final(final);
	EXPECT_BYTES(set.all(), sent);
	EXPECT_FALSE(set.strict);

	const u8 pointer_elsewhere[] = {131, 11, 8, 10, 0, 0, 1, 10, 0, 0, 2};

	EXPECT_ERROR(make_option_set(pointer_elsewhere, false, set), errc::einval);
}

EDU_TEST(options, a_received_source_route_is_turned_around, "RFC1122-4.1.3.2")
{
	const u8 received[] = {131, 11, 12, 10, 0, 0, 1, 10, 0, 0, 2, 0};
	const u8 turned[] = {131, 11, 4, 10, 0, 0, 2, 10, 0, 0, 1, 0};
	u8 out[40] = {};
	u32 len = turn_options(received, {}, out);

	EXPECT_BYTES((bytes{out, len}), turned);
}

EDU_TEST(options, control_messages_say_what_the_header_said, "UDP-3", "RFC1122-4.1.3.5",
	 "RFC1122-4.1.4")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	for (int name : {ip_pktinfo, ip_recvttl, ip_recvtos, ip_origdstaddr})
		EXPECT_EQ(to.set(sol_ip, name, 1), 0);
	from.set(sol_ip, ip_ttl, 9);
	from.set(sol_ip, ip_tos, 0x10);
	from.send("tlk", w.b.address(), 7);
	w.settle();

	datagram got = to.receive();
	bytes info = got.control(sol_ip, ip_pktinfo), ttl = got.control(sol_ip, ip_ttl);
	bytes tos = got.control(sol_ip, ip_tos), name = got.control(sol_ip, ip_origdstaddr);

	ASSERT_EQ(info.size(), 12u);
	EXPECT_EQ(load_native<u32>(info.data()), static_cast<u32>(w.b.ifindex()));
	EXPECT_EQ(load_addr(info.data() + 4), w.b.address());
	EXPECT_EQ(load_addr(info.data() + 8), w.b.address());
	ASSERT_EQ(ttl.size(), 4u);
	EXPECT_EQ(load_native<u32>(ttl.data()), 9u);
	ASSERT_EQ(tos.size(), 1u);
	EXPECT_EQ(tos[0], 0x10);
	ASSERT_EQ(name.size(), 16u);
	EXPECT_EQ(load_be16(&name[2]), 7);
	EXPECT_EQ(load_addr(&name[4]), w.b.address());
}

EDU_TEST(options, a_broadcasts_specific_destination_is_ours, "RFC1122-4.1.3.5")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();
	const be32 everybody = wire::ipv4::make_addr(10, 0, 0, 255);

	to.set(sol_ip, ip_pktinfo, 1);
	from.set(sol_socket, 6 /* SO_BROADCAST */, 1);
	EXPECT_EQ(from.send("tlk", everybody, 7), 3);
	w.settle();
	datagram got = to.receive();
	bytes info = got.control(sol_ip, ip_pktinfo);

	ASSERT_EQ(info.size(), 12u);
	EXPECT_EQ(load_addr(info.data() + 4), w.b.address());
	EXPECT_EQ(load_addr(info.data() + 8), everybody);
}

EDU_TEST(options, received_ip_options_are_shown, "RFC1122-4.1.3.2")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();
	const u8 nops[] = {1, 1, 1, 0};

	to.set(sol_ip, ip_recvopts, 1);
	EXPECT_EQ(set_bytes(from, ip_options, nops), 0);
	EXPECT_EQ(from.send("tlk", w.b.address(), 7), 3);
	w.settle();
	datagram got = to.receive();

	EXPECT_BYTES(got.payload(), octets("tlk"));
	EXPECT_BYTES(got.control(sol_ip, ip_recvopts), nops);
}

EDU_TEST(options, a_failed_allocation_leaves_the_old_options, "UDP-3")
{
	world w;
	socket s = w.a.udp();
	const u8 nops[] = {1, 1, 1, 0};
	u8 value[64] = {};
	unsigned int len = sizeof(value);

	EXPECT_EQ(set_bytes(s, ip_options, nops), 0);
	edu_t_fail_alloc(1);
	EXPECT_EQ(set_bytes(s, ip_options, {}), -105); /* ENOBUFS */
	edu_t_fail_alloc(0);
	EXPECT_EQ(edu_t_getsockopt(s.get(), sol_ip, ip_options, value, &len), 0);
	EXPECT_EQ(len, 4u);
}

EDU_TEST(options, a_program_may_narrow_the_range_of_ports, "INET-6", "UDP-3")
{
	constexpr int ip_local_port_range = 51;
	const auto range = [](u32 least, u32 most) { return static_cast<int>(most << 16 | least); };
	world w;
	socket s = w.a.udp(), full = w.a.udp(), odd = w.a.udp();

	EXPECT_EQ(s.set(sol_ip, ip_local_port_range, range(40001, 40000)), einval);
	EXPECT_EQ(set_bytes(s, ip_local_port_range, bytes{}), einval);
	EXPECT_EQ(s.set(sol_ip, ip_local_port_range, range(40000, 40000)), 0);
	EXPECT_EQ(s.get(sol_ip, ip_local_port_range), range(40000, 40000));
	EXPECT_EQ(s.bind({}, 0), 0);
	EXPECT_EQ(s.port(), 40000);
	EXPECT_EQ(full.set(sol_ip, ip_local_port_range, range(40000, 40000)), 0);
	EXPECT_EQ(full.bind({}, 0), -98); /* EADDRINUSE */
	/* What the host's range does not cover counts for nothing. */
	EXPECT_EQ(odd.set(sol_ip, ip_local_port_range, range(5, 40002)), 0);
	EXPECT_EQ(odd.bind({}, 0), 0);
	EXPECT_GE(odd.port(), 32768);
	EXPECT_LE(odd.port(), 40002);
}

EDU_TEST(options, an_error_comes_with_the_header_that_told_it, "RFC1122-4.1.3.3", "RFC1122-4.1.4")
{
	world w;
	socket s = w.a.udp();
	struct {
		int ifindex;
		be32 spec_dst, addr;
	} told = {};

	for (int option : {ip_recverr, ip_recvttl, ip_recvtos, ip_pktinfo})
		EXPECT_EQ(s.set(sol_ip, option, 1), 0);
	EXPECT_EQ(s.send("tlk", w.b.address(), 9), 3); /* nobody there */
	w.settle();
	datagram got = s.receive(msg_dontwait | msg_errqueue);

	ASSERT_EQ(got.length, 3);
	EXPECT_EQ(got.from, w.b.address());
	EXPECT_EQ(got.control(sol_ip, ip_recverr).size(), 32u);
	ASSERT_EQ(got.control(sol_ip, ip_ttl).size(), 4u);
	EXPECT_EQ(load_native<u32>(got.control(sol_ip, ip_ttl).data()), 64u);
	EXPECT_EQ(got.control(sol_ip, ip_tos).size(), 1u);
	ASSERT_EQ(got.control(sol_ip, ip_pktinfo).size(), sizeof(told));
	__builtin_memcpy(&told, got.control(sol_ip, ip_pktinfo).data(), sizeof(told));
	EXPECT_EQ(told.ifindex, w.a.ifindex());
	EXPECT_EQ(told.addr, w.a.address());
}

EDU_TEST(options, a_program_may_confirm_its_next_hop, "RFC1122-2.3.2.1")
{
	constexpr u32 msg_confirm = 0x800;
	world w;
	socket s = w.a.udp(), to = w.b.udp(7);

	s.send("tlk", w.b.address(), 7);
	w.settle();
	w.run_for(50);
	EXPECT_GE(w.a.neighbour(w.b.address()).updated_ms, 50u);
	s.send(octets("tlk"), w.b.address(), 7, msg_dontwait | msg_confirm);
	EXPECT_LT(w.a.neighbour(w.b.address()).updated_ms, 50u);
}

EDU_TEST(options, who_wants_no_gateway_gets_none, "INET-1", "OVER-4")
{
	constexpr u32 msg_dontroute = 4;
	world w;
	socket s = w.a.udp();
	const be32 far = wire::ipv4::make_addr(172, 16, 0, 1);

	EXPECT_EQ(w.a.add_route(wire::ipv4::make_addr(172, 16, 0, 0), 16, w.b.address()), 0);
	EXPECT_EQ(s.send("tlk", far, 7), 3);
	EXPECT_EQ(s.send(octets("tlk"), far, 7, msg_dontwait | msg_dontroute), -101);
	EXPECT_EQ(s.send(octets("tlk"), w.b.address(), 7, msg_dontwait | msg_dontroute), 3);
	EXPECT_EQ(s.set(sol_socket, 5 /* SO_DONTROUTE */, 1), 0);
	EXPECT_EQ(s.send("tlk", far, 7), -101);
	EXPECT_EQ(s.connect(far, 7), -101);
	EXPECT_EQ(s.send("tlk", w.b.address(), 7), 3);
	w.settle();
}

EDU_TEST(options, too_long_a_wish_for_fin_wait_2_is_cut_to_two_minutes, "TCP-8")
{
	constexpr int tcp_linger2 = 8;
	world w;
	socket s = w.a.tcp();

	EXPECT_EQ(s.set(sol_tcp, tcp_linger2, 121), 0);
	EXPECT_EQ(s.get(sol_tcp, tcp_linger2), 120);
	EXPECT_EQ(s.set(sol_tcp, tcp_linger2, 5), 0);
	EXPECT_EQ(s.get(sol_tcp, tcp_linger2), 5);
}

/* Every option of every level with every length and all kinds of octets, on every kind of socket. */
EDU_TEST(options, no_length_does_harm, "INET-1", "IP-10")
{
	static constexpr u32 most = 72;
	static u8 value[most];
	world w;
	socket socks[] = {w.a.udp(), w.a.open(sock_raw, ipproto_icmp), w.a.open(sock_raw, 255),
			  w.a.open(10 /* SOCK_PACKET */, be16{3}.raw())};
	u32 state = 1;

	for (socket &s : socks)
		for (int level : {0, 6, 17, 255, 263})
			for (int name = -1; name < 64; name++)
				for (u32 len = 0; len <= 44; len += len < 17 ? 1 : 9) {
					unsigned int room = len;
					u8 got[most] = {};

					for (u8 &octet : value) {
						state = state * 1103515245 + 12345;
						octet = static_cast<u8>(state >> 16);
					}
					edu_t_setsockopt(s.get(), level, name, value, len);
					edu_t_getsockopt(s.get(), level, name, got, &room);
					EXPECT_LE(room, len > 4 ? len : 4u);
				}
	for (socket &s : socks) {
		s.send("tlk", w.b.address(), 7); /* whatever that does now */
		s.receive();
	}
	w.settle();
}

} // namespace edu::test::on_inet_options
