// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP's tables: who may have which port, and whose a segment is.
 *
 * Requirements: INET-6, INET-7, INET-9, TCP-1, TCP-7, TCP-9; RFC 9293 MUST-41, MUST-42; RFC 6056.
 *
 * Locking: none. Tests run one after the other.
 */
#include "streams.hh"
#include "test.hh"

namespace edu::test::on_transport_tcp_hash {
namespace {

constexpr int so_bindtodevice = 25;

/* How many records edu_core_tcp_next() shows of a host in that state; 0: in any. */
u32 shown(host &h, u8 state = 0)
{
	edu_cursor at = {};
	edu_tcp_info info;
	u32 count = 0;

	while (edu_core_tcp_next(h.stack(), &at, &info))
		count += !state || info.sock.state == state;
	return count;
}

constexpr u8 state_number(sock_state state)
{
	return static_cast<u8>(state);
}

} // namespace

/*
 * bind() and listen()
 */

EDU_TEST(tcp_hash, a_taken_port_is_refused, "INET-6", "TCP-1")
{
	world w;
	stream s{w.a}, any{w.a}, same{w.a}, other{w.a};

	EXPECT_EQ(s.bind(w.a.address(), 2007), 0);
	EXPECT_EQ(any.bind({}, 2007), err_addrinuse);
	EXPECT_EQ(same.bind(w.a.address(), 2007), err_addrinuse);
	EXPECT_EQ(other.bind(wire::ipv4::loopback_addr, 2007), 0);
	s.close();
	EXPECT_EQ(same.bind(w.a.address(), 2007), 0);
}

EDU_TEST(tcp_hash, reuse_needs_both_and_nobody_who_listens, "INET-6", "TCP-1", "TCP-9")
{
	world w;
	stream a{w.a}, b{w.a}, c{w.a};

	for (stream *s : {&a, &b, &c})
		s->set(sol_socket, so_reuse_address, 1);
	EXPECT_EQ(a.bind({}, 2007), 0);
	EXPECT_EQ(b.bind({}, 2007), 0);
	EXPECT_EQ(a.listen(1), 0);
	EXPECT_EQ(b.listen(1), err_addrinuse);
	EXPECT_EQ(c.bind({}, 2007), err_addrinuse);
	a.close();
	EXPECT_EQ(c.bind({}, 2007), 0);
	EXPECT_EQ(b.listen(1), 0);
}

EDU_TEST(tcp_hash, an_option_set_after_bind_counts, "INET-6")
{
	world w;
	stream a{w.a}, b{w.a};

	EXPECT_EQ(a.bind({}, 2007), 0);
	b.set(sol_socket, so_reuse_address, 1);
	EXPECT_EQ(b.bind({}, 2007), err_addrinuse);
	a.set(sol_socket, so_reuse_address, 1);
	EXPECT_EQ(b.bind({}, 2007), 0);
}

EDU_TEST(tcp_hash, a_port_is_shared_with_the_same_user_only, "INET-6")
{
	world w;
	stream a{w.a}, same{w.a};

	edu_t_privileged(0);
	stream other{w.a};

	edu_t_privileged(1);
	for (stream *s : {&a, &same, &other})
		s->set(sol_socket, so_reuse_port, 1);
	EXPECT_EQ(a.listen_at(2007), 0);
	EXPECT_EQ(same.listen_at(2007), 0);
	EXPECT_EQ(other.bind({}, 2007), err_addrinuse);
}

EDU_TEST(tcp_hash, devices_divide_a_port, "INET-6")
{
	world w;
	stream a{w.a}, b{w.a}, both{w.a};

	a.set(sol_socket, so_bindtodevice, 1);
	b.set(sol_socket, so_bindtodevice, 2);
	EXPECT_EQ(a.bind({}, 2007), 0);
	EXPECT_EQ(b.bind({}, 2007), 0);
	EXPECT_EQ(both.bind({}, 2007), err_addrinuse);
}

EDU_TEST(tcp_hash, free_ports_are_in_the_range_and_run_out, "INET-6", "INET-9", "RFC6056-3.3")
{
	world w;

	w.a.tune(EDU_TUNE_ip_local_port_min, 40000);
	w.a.tune(EDU_TUNE_ip_local_port_max, 40003);
	stream s[4] = {stream{w.a}, stream{w.a}, stream{w.a}, stream{w.a}}, late{w.a};
	u32 seen = 0;

	for (stream &one : s) {
		EXPECT_EQ(one.listen(1), 0);
		EXPECT_EQ(one.port() & ~3, 40000);
		seen |= 1u << (one.port() & 3);
	}
	EXPECT_EQ(seen, 0xfu);
	EXPECT_EQ(late.listen(1), err_addrinuse);
	EXPECT_EQ(late.state(), sock_state::close);
}

EDU_TEST(tcp_hash, a_server_comes_back_to_its_port, "INET-6", "TCP-8")
{
	world w;
	stream server{w.b}, client{w.a}, again{w.b};

	server.set(sol_socket, so_reuse_address, 1);
	again.set(sol_socket, so_reuse_address, 1);
	ASSERT_EQ(server.listen_at(2007), 0);
	EXPECT_EQ(client.begin(w.b.address(), 2007), err_inprogress);
	w.settle();
	stream child = server.accept();

	ASSERT_TRUE(child.is_open());
	server.close();
	EXPECT_EQ(again.bind({}, 2007), 0);
	EXPECT_EQ(again.listen(1), 0);
}

/*
 * connect()
 */

EDU_TEST(tcp_hash, connections_to_different_peers_share_a_port, "TCP-7", "RFC6056-3.3")
{
	world w;

	w.a.tune(EDU_TUNE_ip_local_port_min, 40000);
	w.a.tune(EDU_TUNE_ip_local_port_max, 40000);
	stream one{w.a}, other{w.a}, same{w.a}, bound{w.a};

	EXPECT_EQ(one.begin(w.b.address(), 7), err_inprogress);
	EXPECT_EQ(other.begin(w.b.address(), 8), err_inprogress);
	EXPECT_EQ(same.begin(w.b.address(), 7), err_addrnotavail);
	EXPECT_EQ(same.state(), sock_state::close);
	EXPECT_EQ(one.port(), 40000);
	EXPECT_EQ(other.port(), 40000);
	EXPECT_EQ(bound.bind({}, 40000), err_addrinuse);
	one.close();
	EXPECT_EQ(same.begin(w.b.address(), 7), err_inprogress);
}

EDU_TEST(tcp_hash, what_bind_has_given_connect_does_not_choose, "INET-6", "RFC6056-3.3")
{
	world w;

	w.a.tune(EDU_TUNE_ip_local_port_min, 40000);
	w.a.tune(EDU_TUNE_ip_local_port_max, 40001);
	stream bound{w.a}, one{w.a}, two{w.a};

	EXPECT_EQ(bound.bind({}, 40001), 0);
	EXPECT_EQ(one.begin(w.b.address(), 7), err_inprogress);
	EXPECT_EQ(two.begin(w.b.address(), 7), err_addrnotavail);
	EXPECT_EQ(one.port(), 40000);
}

EDU_TEST(tcp_hash, every_free_port_is_found_by_connect, "TCP-7", "RFC6056-3.3")
{
	world w;

	w.a.tune(EDU_TUNE_ip_local_port_min, 40000);
	w.a.tune(EDU_TUNE_ip_local_port_max, 40006);
	stream s[7] = {stream{w.a}, stream{w.a}, stream{w.a}, stream{w.a},
		       stream{w.a}, stream{w.a}, stream{w.a}};
	stream late{w.a};
	u32 seen = 0;

	for (stream &one : s) {
		EXPECT_EQ(one.begin(w.b.address(), 7), err_inprogress);
		seen |= 1u << (one.port() - 40000);
	}
	EXPECT_EQ(seen, 0x7fu);
	EXPECT_EQ(late.begin(w.b.address(), 7), err_addrnotavail);
}

EDU_TEST(tcp_hash, a_bound_port_connects_once_to_a_peer, "TCP-7", "RFC9293-MUST-43")
{
	world w;
	stream one{w.a}, two{w.a};

	for (stream *s : {&one, &two})
		s->set(sol_socket, so_reuse_address, 1);
	EXPECT_EQ(one.bind(w.a.address(), 2007), 0);
	EXPECT_EQ(two.bind(w.a.address(), 2007), 0);
	EXPECT_EQ(one.begin(w.b.address(), 7), err_inprogress);
	EXPECT_EQ(two.begin(w.b.address(), 7), err_addrnotavail);
	EXPECT_EQ(two.port(), 2007);
	EXPECT_EQ(two.begin(w.b.address(), 8), err_inprogress);
}

EDU_TEST(tcp_hash, port_0_is_a_port_too, "TCP-7")
{
	world w;
	stream s{w.a};

	EXPECT_EQ(s.begin(w.b.address(), 0), err_inprogress);
	EXPECT_EQ(w.a.stack()->tcp.tables.established.size(), 1u);
	w.settle(); /* refused */
	EXPECT_EQ(s.state(), sock_state::close);
	EXPECT_EQ(w.a.stack()->tcp.tables.established.size(), 0u);
	EXPECT_EQ(w.a.stack()->tcp.tables.listening.size(), 0u);
}

/*
 * Finding
 */

EDU_TEST(tcp_hash, the_closest_listener_gets_the_syn, "INET-7", "TCP-9", "RFC9293-MUST-42")
{
	world w;
	stream any{w.b}, mine{w.b}, device{w.b};
	edu_stack &b = *w.b.stack();
	const tcp_flow flow{w.b.address(), w.a.address(), 2007, be16{5}, 2};
	auto found = [&] {
		rcu_guard guard;

		return tcp_find_listener(b, flow);
	};

	for (stream *s : {&any, &mine, &device})
		s->set(sol_socket, so_reuse_port, 1);
	EXPECT_EQ(found(), nullptr);
	EXPECT_EQ(any.listen_at(2007), 0);
	EXPECT_EQ(found(), &any.tcp());
	device.set(sol_socket, so_bindtodevice, 2);
	EXPECT_EQ(device.listen_at(2007), 0);
	EXPECT_EQ(found(), &device.tcp());
	EXPECT_EQ(mine.bind(w.b.address(), 2007), 0);
	EXPECT_EQ(mine.listen(1), 0);
	EXPECT_EQ(found(), &mine.tcp());
	mine.close();
	device.close();
	EXPECT_EQ(found(), &any.tcp());
}

EDU_TEST(tcp_hash, a_flow_stays_with_its_member_of_a_group, "INET-7", "TCP-9")
{
	world w;
	stream s[3] = {stream{w.b}, stream{w.b}, stream{w.b}}, late{w.b};
	edu_stack &b = *w.b.stack();
	constexpr u16 flows = 64;
	tcp_sock *owner[flows];
	u32 share[3] = {}, moved = 0;
	auto find = [&](u16 i) {
		rcu_guard guard;

		return tcp_find_listener(b, {w.b.address(), w.a.address(), 2007, be16{i}, 2});
	};

	for (stream &one : s) {
		one.set(sol_socket, so_reuse_port, 1);
		EXPECT_EQ(one.listen_at(2007), 0);
	}
	for (u16 i = 0; i < flows; i++) {
		owner[i] = find(i);
		for (int k = 0; k < 3; k++)
			share[k] += owner[i] == &s[k].tcp();
	}
	for (u32 part : share)
		EXPECT_GT(part, 0u);
	late.set(sol_socket, so_reuse_port, 1);
	EXPECT_EQ(late.listen_at(2007), 0);
	for (u16 i = 0; i < flows; i++)
		if (tcp_sock *now = find(i); now != owner[i]) {
			EXPECT_EQ(now, &late.tcp());
			moved++;
		}
	EXPECT_GT(moved, 0u);
	EXPECT_LT(moved, u32{flows} / 2);
}

EDU_TEST(tcp_hash, a_record_takes_the_place_of_its_socket, "TCP-7", "TCP-8", "RFC9293-MUST-13")
{
	world w;
	stream server{w.b}, client{w.a};
	auto &established = w.a.stack()->tcp.tables.established;

	w.a.tune(EDU_TUNE_tcp_time_wait_ms, 300);
	ASSERT_EQ(server.listen_at(2007), 0);
	EXPECT_EQ(client.begin(w.b.address(), 2007), err_inprogress);
	w.settle();
	stream child = server.accept();

	ASSERT_TRUE(child.is_open());
	EXPECT_EQ(established.size(), 1u);
	client.close();
	w.settle();
	child.close();
	w.settle();
	EXPECT_EQ(established.size(), 1u);
	EXPECT_EQ(shown(w.a, state_number(sock_state::time_wait)), 1u);
	EXPECT_EQ(w.a.stack()->tcp.tables.bound.size(), 1u);
	w.run_for(400);
	EXPECT_EQ(established.size(), 0u);
	EXPECT_EQ(w.a.stack()->tcp.tables.bound.size(), 0u);
}

EDU_TEST(tcp_hash, everybody_with_a_port_is_shown_once, "TCP-1", "INET-7")
{
	world w;
	stream bound[3] = {stream{w.b}, stream{w.b}, stream{w.b}}, listener{w.b}, idle{w.b};
	stream client{w.a};

	for (stream &s : bound) {
		s.set(sol_socket, so_reuse_address, 1);
		EXPECT_EQ(s.bind({}, 2008), 0);
	}
	EXPECT_EQ(listener.listen_at(2007), 0);
	EXPECT_EQ(client.begin(w.b.address(), 2007), err_inprogress);
	w.settle();
	EXPECT_EQ(shown(w.b), 5u);
	EXPECT_EQ(shown(w.b, state_number(sock_state::close)), 3u);
	EXPECT_EQ(shown(w.b, state_number(sock_state::listen)), 1u);
	EXPECT_EQ(shown(w.b, state_number(sock_state::established)), 1u);
}

} // namespace edu::test::on_transport_tcp_hash
