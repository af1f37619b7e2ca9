// SPDX-License-Identifier: GPL-2.0-only
/*
 * The INET socket layer: kinds of sockets, bind, connect, listen, accept, names, shutdown.
 *
 * Requirements: BSD-4, INET-3 to INET-12, UDP-2. Errors are those of Linux's AF_INET.
 *
 * Locking: none. Tests run one after the other.
 */
#include "test.hh"
#include "world.hh"

namespace edu::test::on_inet_af_inet {
namespace {

constexpr be32 loopback = wire::ipv4::loopback_addr;
constexpr be32 foreign = wire::ipv4::make_addr(192, 0, 2, 1);

/* Runs what follows as a process without capabilities. */
struct unprivileged {
	unprivileged() { edu_t_privileged(0); }
	~unprivileged() { edu_t_privileged(1); }
};

int peer_of(const socket &s)
{
	edu_be32 address;
	edu_be16 port;

	return edu_core_getname(s.sk(), 1, &address, &port);
}

be32 name_of(const socket &s)
{
	edu_be32 address = 0;
	edu_be16 port = 0;

	edu_core_getname(s.sk(), 0, &address, &port);
	return be32::from_raw(address);
}

} // namespace

EDU_TEST(af_inet, types_and_protocols_that_exist, "BSD-4", "INET-2")
{
	edu_sock_kind kind = {};

	EXPECT_EQ(edu_core_sock_kind(sock_dgram, 0, &kind), 0);
	EXPECT_EQ(kind.protocol, 17);
	EXPECT_EQ(kind.capability, -1);
	EXPECT_EQ(edu_core_sock_kind(sock_dgram, 1, &kind), 0);
	EXPECT_EQ(kind.capability, -2);
	EXPECT_EQ(edu_core_sock_kind(sock_raw, 89, &kind), 0);
	EXPECT_EQ(kind.protocol, 89);
	EXPECT_EQ(kind.capability, 13);
	EXPECT_EQ(edu_core_sock_kind(sock_raw, 0, &kind), -93); /* EPROTONOSUPPORT */
	EXPECT_EQ(edu_core_sock_kind(sock_raw, 256, &kind), -93);
	EXPECT_EQ(edu_core_sock_kind(sock_dgram, 6, &kind), -93);
	EXPECT_EQ(edu_core_sock_kind(sock_dgram, -1, &kind), -22); /* EINVAL */
	EXPECT_EQ(edu_core_sock_kind(4, 0, &kind), -94);	   /* ESOCKTNOSUPPORT */
}

EDU_TEST(af_inet, a_bound_socket_cannot_be_bound_again, "INET-3")
{
	world w;
	socket s = w.a.udp();

	EXPECT_EQ(s.bind({}, 2000), 0);
	EXPECT_EQ(s.bind({}, 2001), -22);
	EXPECT_EQ(s.port(), 2000);
}

EDU_TEST(af_inet, bind_wants_an_address_of_ours, "INET-4", "INET-5")
{
	world w;
	unprivileged user;

	for (be32 good :
	     {w.a.address(), loopback, be32{}, wire::ipv4::broadcast_addr,
	      wire::ipv4::make_addr(10, 0, 0, 255), wire::ipv4::make_addr(224, 1, 2, 3)}) {
		socket s = w.a.udp();

		EXPECT_EQ(s.bind(good, 2000), 0);
		EXPECT_EQ(name_of(s), good);
	}
	socket s = w.a.udp();

	EXPECT_EQ(s.bind(foreign, 2000), -99); /* EADDRNOTAVAIL */
	EXPECT_EQ(s.bind(w.b.address(), 2000), -99);
	EXPECT_EQ(s.set(sol_ip, 15 /* IP_FREEBIND */, 1), 0);
	EXPECT_EQ(s.bind(foreign, 2000), 0);
}

EDU_TEST(af_inet, the_superuser_may_bind_any_address, "INET-4")
{
	world w;
	socket s = w.a.udp();

	EXPECT_EQ(s.bind(foreign, 2000), 0);
	EXPECT_EQ(name_of(s), foreign);
}

EDU_TEST(af_inet, who_may_only_bind_an_address_may_not_speak_from_it, "INET-4", "IP-1")
{
	constexpr int freebind = 15, transparent = 19, enetunreach = -101;
	constexpr be32 group = wire::ipv4::make_addr(224, 1, 2, 3);
	world w;
	socket s = w.a.udp(), to = w.b.udp(7);

	EXPECT_EQ(s.set(sol_ip, freebind, 1), 0);
	EXPECT_EQ(s.bind(foreign, 2000), 0);
	for (be32 there : {w.b.address(), group, wire::ipv4::broadcast_addr})
		EXPECT_EQ(s.send(octets("x"), there, 7), enetunreach);
	EXPECT_EQ(s.connect(w.b.address(), 7), enetunreach);
	EXPECT_EQ(s.set(sol_ip, transparent, 1), 0);
	EXPECT_EQ(s.send(octets("x"), w.b.address(), 7), 1);
	/* Its address does not say by which interface. */
	for (be32 there : {group, wire::ipv4::broadcast_addr})
		EXPECT_EQ(s.send(octets("x"), there, 7), enetunreach);
	w.settle();
	EXPECT_EQ(to.receive().from, foreign);
}

EDU_TEST(af_inet, a_way_from_an_address_that_cannot_be_a_hosts, "IP-1", "RFC1122-3.2.1.3")
{
	world w;
	auto from = [&](be32 source) {
		edu_route_info route = {};
		rtnl_guard rtnl;

		route.destination = w.b.address().raw();
		route.source = source.raw();
		return edu_core_config_route_get(w.a.stack(), &route);
	};

	EXPECT_EQ(from(w.a.address()), 0);
	EXPECT_EQ(from(foreign), -101);
	EXPECT_EQ(from(w.b.address()), -101);
	EXPECT_EQ(from(wire::ipv4::make_addr(224, 0, 0, 1)), -22);
	EXPECT_EQ(from(wire::ipv4::make_addr(0, 0, 0, 1)), -101);
	EXPECT_EQ(from(wire::ipv4::broadcast_addr), -22);
}

EDU_TEST(af_inet, low_ports_are_the_superusers, "INET-6")
{
	world w;
	socket root = w.a.udp();

	EXPECT_EQ(root.bind({}, 1023), 0);
	unprivileged user;
	socket s = w.a.udp();

	EXPECT_EQ(s.bind({}, 1022), -13); /* EACCES */
	EXPECT_EQ(s.bind({}, 1024), 0);
}

EDU_TEST(af_inet, addresses_are_checked_before_they_are_read, "INET-1")
{
	world w;
	socket s = w.a.udp();
	u8 name[16] = {};

	EXPECT_EQ(edu_t_bind_raw(s.get(), name, 15), -22);
	name[0] = 10;					   /* AF_INET6 */
	EXPECT_EQ(edu_t_bind_raw(s.get(), name, 16), -97); /* EAFNOSUPPORT */
	EXPECT_EQ(edu_t_connect_raw(s.get(), name, 16), -97);
	EXPECT_EQ(edu_t_connect_raw(s.get(), name, 1), -22);
	name[0] = 0; /* AF_UNSPEC: only with the address "any" */
	store_addr(name + 4, w.a.address());
	EXPECT_EQ(edu_t_bind_raw(s.get(), name, 16), -97);
	store_addr(name + 4, {});
	EXPECT_EQ(edu_t_bind_raw(s.get(), name, 16), 0);
	EXPECT_NE(s.port(), 0);
}

EDU_TEST(af_inet, connect_binds_both_ends_and_caches_the_route, "UDP-2", "INET-5")
{
	world w;
	socket s = w.a.udp();
	edu_cursor at = {};
	edu_sock_info info = {};

	EXPECT_EQ(peer_of(s), -107); /* ENOTCONN */
	EXPECT_EQ(s.connect(w.b.address(), 7), 0);
	EXPECT_EQ(peer_of(s), 0);
	EXPECT_EQ(name_of(s), w.a.address());
	EXPECT_NE(s.port(), 0);
	ASSERT_EQ(edu_core_sock_next(w.a.stack(), ipproto_udp, &at, &info), 1);
	EXPECT_EQ(info.state, 1); /* TCP_ESTABLISHED */
	EXPECT_EQ(info.has_route, 1);
	EXPECT_EQ(be32::from_raw(info.remote), w.b.address());
	EXPECT_EQ(edu_core_sock_next(w.a.stack(), ipproto_udp, &at, &info), 0);
}

EDU_TEST(af_inet, later_sends_skip_the_routing_tables, "UDP-2")
{
	world w;
	socket to = w.b.udp(7), s = w.a.udp();

	s.connect(w.b.address(), 7);
	const u64 before = w.a.counter(EDU_Rt_CacheHits) + w.a.counter(EDU_Rt_CacheMisses);

	for (int i = 0; i < 5; i++)
		EXPECT_EQ(s.send("tlk"), 3);
	EXPECT_EQ(w.a.counter(EDU_Rt_CacheHits) + w.a.counter(EDU_Rt_CacheMisses), before);

	/* Until the route is no longer valid. */
	edu_core_config_flush_rtcache(w.a.stack());
	EXPECT_EQ(s.send("tlk"), 3);
	EXPECT_EQ(w.a.counter(EDU_Rt_CacheHits) + w.a.counter(EDU_Rt_CacheMisses), before + 1);
}

EDU_TEST(af_inet, disconnect_keeps_what_bind_has_fixed, "UDP-2", "INET-5")
{
	world w;
	socket bound = w.a.udp(2000), unbound = w.a.udp();

	bound.connect(w.b.address(), 7);
	EXPECT_EQ(bound.disconnect(), 0);
	EXPECT_EQ(bound.port(), 2000);
	EXPECT_EQ(name_of(bound), be32{});
	EXPECT_EQ(peer_of(bound), -107);
	unbound.connect(w.b.address(), 7);
	EXPECT_EQ(unbound.disconnect(), 0);
	EXPECT_EQ(unbound.port(), 0);
}

EDU_TEST(af_inet, listen_changes_a_datagram_sockets_state_only, "INET-9", "INET-10", "INET-8",
	 "INET-3")
{
	world w;
	socket s = w.b.udp(), from = w.a.udp();
	edu_cursor at = {};
	edu_sock_info info = {};

	EXPECT_EQ(edu_core_listen(s.sk(), 5), 0);
	EXPECT_NE(s.port(), 0);
	ASSERT_EQ(edu_core_sock_next(w.b.stack(), ipproto_udp, &at, &info), 1);
	EXPECT_EQ(info.state, 10); /* TCP_LISTEN */
	from.send("tlk", w.b.address(), s.port());
	w.settle();
	EXPECT_EQ(s.receive().length, 3);
	EXPECT_EQ(s.connect(w.a.address(), 7), -106); /* EISCONN */
	EXPECT_EQ(s.bind({}, 2000), -22);
}

EDU_TEST(af_inet, accept_is_for_tcp, "INET-11")
{
	world w;
	socket s = w.a.udp(2000);
	::sock *child = nullptr;

	EXPECT_EQ(edu_core_accept(s.sk(), 0, &child), -95); /* EOPNOTSUPP */
}

EDU_TEST(af_inet, a_shut_down_socket_neither_sends_nor_waits, "BSD-6")
{
	world w;
	socket to = w.b.udp(7), s = w.a.udp();

	EXPECT_EQ(edu_core_shutdown(s.sk(), 3), -22);
	s.connect(w.b.address(), 7);
	EXPECT_EQ(edu_core_shutdown(s.sk(), 0), 0);
	EXPECT_EQ(s.receive(0).length, 0); /* does not sleep */
	EXPECT_EQ(s.receive().length, -11);
	EXPECT_EQ(s.send("tlk"), 3);
	EXPECT_EQ(edu_core_shutdown(s.sk(), 1), 0);
	EXPECT_EQ(s.send("tlk"), -32); /* EPIPE */
	socket unconnected = w.a.udp();

	EXPECT_EQ(edu_core_shutdown(unconnected.sk(), 2), -107);
}

EDU_TEST(af_inet, ioctl_tells_what_waits, "BSD-5")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();
	int value = -1;

	EXPECT_EQ(edu_core_ioctl(to.sk(), 0x541b, &value), 0);
	EXPECT_EQ(value, 0);
	from.send("four", w.b.address(), 7);
	from.send("more", w.b.address(), 7);
	w.settle();
	EXPECT_EQ(edu_core_ioctl(to.sk(), 0x541b, &value), 0);
	EXPECT_EQ(value, 4);
	EXPECT_EQ(edu_core_ioctl(from.sk(), 0x5411, &value), 0);
	EXPECT_EQ(value, 0);
	EXPECT_EQ(edu_core_ioctl(from.sk(), 0x1234, &value), -515);
}

EDU_TEST(af_inet, connect_to_nowhere_says_so, "ROUTE-8")
{
	world w;
	socket s = w.a.udp();

	EXPECT_EQ(s.connect(foreign, 7), -101); /* ENETUNREACH */
	EXPECT_EQ(peer_of(s), -107);
	EXPECT_EQ(s.connect(wire::ipv4::make_addr(10, 0, 0, 255), 7), -13); /* broadcast: EACCES */
}

} // namespace edu::test::on_inet_af_inet
