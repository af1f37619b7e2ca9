// SPDX-License-Identifier: GPL-2.0-only
/*
 * udp_hash: who may bind what, and which socket a datagram finds.
 *
 * Requirements: UDP-1, INET-6, INET-7; RFC 1122 4.1.3.5, 4.1.3.6; RFC 6056.
 *
 * Locking: none. Tests run one after the other.
 */
#include "test.hh"
#include "world.hh"

namespace edu::test::on_transport_udp_hash {
namespace {

constexpr int so_reuseaddr = 2, so_reuseport = 15, so_bindtodevice = 25;
constexpr int eaddrinuse = -98, eagain = -11;

/* One datagram from a to b's port 7: which of the sockets got it? -1: none. */
int receiver(world &w, socket &from, std::initializer_list<socket *> sockets)
{
	int i = 0, got = -1;

	from.send("tlk", w.b.address(), 7);
	w.settle();
	for (socket *s : sockets) {
		if (s->receive().length == 3)
			got = got < 0 ? i : 100;
		i++;
	}
	return got;
}

} // namespace

EDU_TEST(udp_hash, a_taken_port_is_refused, "INET-6")
{
	world w;
	socket s = w.a.udp(7), other = w.a.udp(), specific = w.a.udp(), later = w.a.udp();

	EXPECT_EQ(other.bind({}, 7), eaddrinuse);
	EXPECT_EQ(specific.bind(w.a.address(), 7), eaddrinuse);
	EXPECT_EQ(specific.port(), 0);
	s.close();
	EXPECT_EQ(specific.bind(w.a.address(), 7), 0);
	EXPECT_EQ(later.bind(wire::ipv4::loopback_addr, 7), 0); /* another address: no conflict */
	EXPECT_EQ(other.bind({}, 7), eaddrinuse);
}

EDU_TEST(udp_hash, sharing_needs_both_sides_consent, "INET-6")
{
	world w;
	socket a = w.a.udp(), b = w.a.udp(), c = w.a.udp();

	a.set(sol_socket, so_reuseaddr, 1);
	b.set(sol_socket, so_reuseaddr, 1);
	EXPECT_EQ(a.bind({}, 7), 0);
	EXPECT_EQ(b.bind({}, 7), 0);
	EXPECT_EQ(c.bind({}, 7), eaddrinuse);
}

EDU_TEST(udp_hash, a_port_is_shared_with_the_same_user_only, "INET-6")
{
	world w;
	socket a = w.a.udp(), same = w.a.udp();

	edu_t_privileged(0);
	socket other = w.a.udp();

	edu_t_privileged(1);
	for (socket *s : {&a, &same, &other})
		s->set(sol_socket, so_reuseport, 1);
	EXPECT_EQ(a.bind({}, 2007), 0);
	EXPECT_EQ(same.bind({}, 2007), 0);
	EXPECT_EQ(other.bind({}, 2007), eaddrinuse);
}

EDU_TEST(udp_hash, devices_divide_a_port, "INET-6")
{
	world w;
	socket a = w.a.udp(), b = w.a.udp();

	a.set(sol_socket, so_bindtodevice, 1);
	b.set(sol_socket, so_bindtodevice, 2);
	EXPECT_EQ(a.bind({}, 7), 0);
	EXPECT_EQ(b.bind({}, 7), 0);
}

EDU_TEST(udp_hash, free_ports_are_in_the_range_and_run_out, "INET-6", "RFC6056-3.3")
{
	world w;

	w.a.tune(EDU_TUNE_ip_local_port_min, 40000);
	w.a.tune(EDU_TUNE_ip_local_port_max, 40003);
	socket s[4] = {w.a.udp(), w.a.udp(), w.a.udp(), w.a.udp()}, late = w.a.udp();
	u32 seen = 0;

	for (socket &one : s) {
		EXPECT_EQ(one.bind({}, 0), 0);
		EXPECT_GE(one.port(), 40000);
		EXPECT_LE(one.port(), 40003);
		seen |= 1u << (one.port() - 40000);
	}
	EXPECT_EQ(seen, 0xfu);
	EXPECT_EQ(late.bind({}, 0), eaddrinuse);
	EXPECT_EQ(late.send("tlk", w.b.address(), 7), eagain);
}

EDU_TEST(udp_hash, the_closest_match_gets_the_datagram, "UDP-1", "INET-7")
{
	world w;
	socket any = w.b.udp(), mine = w.b.udp(), connected = w.b.udp();
	socket from = w.a.udp(3000), stranger = w.a.udp(3001);

	for (socket *s : {&any, &mine, &connected})
		s->set(sol_socket, so_reuseaddr, 1);
	EXPECT_EQ(any.bind({}, 7), 0);
	EXPECT_EQ(receiver(w, from, {&any, &mine, &connected}), 0);
	EXPECT_EQ(mine.bind(w.b.address(), 7), 0);
	EXPECT_EQ(receiver(w, from, {&any, &mine, &connected}), 1);
	EXPECT_EQ(connected.bind({}, 7), 0);
	EXPECT_EQ(connected.connect(w.a.address(), 3000), 0);
	EXPECT_EQ(receiver(w, from, {&any, &mine, &connected}), 2);
	EXPECT_EQ(receiver(w, stranger, {&any, &mine, &connected}), 1);

	/* And back, when the better ones go. */
	EXPECT_EQ(connected.disconnect(), 0);
	EXPECT_EQ(receiver(w, from, {&any, &mine, &connected}), 1);
	mine.close();
	EXPECT_EQ(receiver(w, from, {&any, &connected}), 1); /* bound last */
	connected.close();
	EXPECT_EQ(receiver(w, from, {&any}), 0);
}

EDU_TEST(udp_hash, a_reconnected_socket_hears_its_new_peer_only, "UDP-2", "INET-7")
{
	world w;
	socket s = w.b.udp(7), one = w.a.udp(3000), two = w.a.udp(3001);

	s.connect(w.a.address(), 3000);
	s.connect(w.a.address(), 3001);
	EXPECT_EQ(receiver(w, one, {&s}), -1);
	EXPECT_EQ(receiver(w, two, {&s}), 0);
}

EDU_TEST(udp_hash, a_socket_on_another_device_hears_nothing, "INET-7")
{
	world w;
	socket s = w.b.udp(7), from = w.a.udp();

	s.set(sol_socket, so_bindtodevice, 1);
	EXPECT_EQ(receiver(w, from, {&s}), -1);
	s.set(sol_socket, so_bindtodevice, w.b.ifindex());
	EXPECT_EQ(receiver(w, from, {&s}), 0);
}

EDU_TEST(udp_hash, a_group_shares_and_a_flow_stays_with_one, "UDP-1")
{
	world w;
	socket a = w.b.udp(), b = w.b.udp(), from = w.a.udp();
	u32 seen = 0;

	a.set(sol_socket, so_reuseport, 1);
	b.set(sol_socket, so_reuseport, 1);
	EXPECT_EQ(a.bind({}, 7), 0);
	EXPECT_EQ(b.bind({}, 7), 0);
	const int first = receiver(w, from, {&a, &b});

	for (int i = 0; i < 8; i++)
		EXPECT_EQ(receiver(w, from, {&a, &b}), first);
	for (int i = 0; i < 64 && seen != 3; i++) {
		socket flow = w.a.udp();

		seen |= 1u << receiver(w, flow, {&a, &b});
	}
	EXPECT_EQ(seen, 3u);
}

EDU_TEST(udp_hash, the_table_grows_and_keeps_everybody, "UDP-1")
{
	world w;
	edu_cursor at = {};
	edu_sock_info info = {};
	socket from = w.a.udp();
	edu_t_sock *s[200];
	int error = 0, seen = 0;

	for (u16 i = 0; i < 200; i++) {
		s[i] = edu_t_socket(w.b.get(), sock_dgram, 0, &error);
		ASSERT_EQ(error, 0);
		EXPECT_EQ(edu_t_bind(s[i], 0, be16{static_cast<u16>(5000 + i)}.raw()), 0);
	}
	w.run_for(10);
	while (edu_core_sock_next(w.b.stack(), ipproto_udp, &at, &info))
		seen++;
	EXPECT_EQ(seen, 200);
	EXPECT_GE(w.b.stack()->udp.udp_hash.buckets(), 200u);
	for (u16 i = 0; i < 200; i += 50) {
		edu_t_recv recv = {};

		from.send("x", w.b.address(), static_cast<u16>(5000 + i));
		w.settle();
		recv.flags = msg_dontwait;
		EXPECT_EQ(edu_t_recvmsg(s[i], &recv), 0);
		EXPECT_EQ(recv.flags & msg_trunc, msg_trunc);
	}
	for (edu_t_sock *one : s)
		edu_t_close(one);
}

} // namespace edu::test::on_transport_udp_hash
