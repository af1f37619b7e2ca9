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

} // namespace edu::test::on_inet_options
