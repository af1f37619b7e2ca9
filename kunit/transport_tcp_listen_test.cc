// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: connect(), listen(), accept(), and what TIME-WAIT lets pass.
 *
 * Requirements: INET-8, INET-9, INET-11, INET-12, TCP-2, TCP-6, TCP-8, TCP-9, TCP-10, TCP-11; RFC 9293
 * MUST-13, MUST-41, MUST-44, MUST-46; RFC 4987, RFC 6191.
 *
 * Locking: none. Tests run one after the other.
 */
#include "streams.hh"
#include "test.hh"

namespace edu::test::on_transport_tcp_listen {
namespace {

constexpr int ipproto_tcp_level = 6, tcp_defer_accept_name = 9;
constexpr u16 port = 2007;

/* A SYN from a station that will never answer. */
tcp_segment strange_syn(world &w, u16 from)
{
	tcp_segment syn = {};

	syn.src = wire::ipv4::make_addr(10, 0, 0, 9);
	syn.dst = w.b.address();
	syn.sport = from;
	syn.dport = port;
	syn.seq = seq32{1000};
	syn.window = 1000;
	syn.flags = wire::tcp::flag::syn;
	return syn;
}

/* The listener gets it, as if from the network. */
verdict give(stream &listener, const tcp_segment &segment)
{
	skb_ptr packet = skb_ptr::alloc(64, wire::ipv4::min_header_len, gfp::kernel);
	sock_guard guard{listener.sk()};

	packet.put(wire::ipv4::min_header_len)[0] = 0x45;
	edu_k_skb_mark_network(packet.get());
	packet.pull(wire::ipv4::min_header_len);
	return tcp_rcv_listen(listener.tcp(), segment, packet);
}

/* Every connection that waits for accept(). */
u32 accept_all(stream &listener)
{
	u32 count = 0;

	while (listener.accept().is_open())
		count++;
	return count;
}

} // namespace

/*
 * connect()
 */

EDU_TEST(tcp_connect, an_attempt_is_told_once_how_it_ended, "TCP-6", "INET-8")
{
	world w;
	stream server{w.b}, s{w.a};

	ASSERT_EQ(server.listen_at(port), 0);
	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
	EXPECT_EQ(s.begin(w.b.address(), port), err_already);
	EXPECT_EQ(s.state(), sock_state::syn_sent);
	w.settle();
	EXPECT_EQ(s.state(), sock_state::established);
	EXPECT_EQ(s.begin(w.b.address(), port), 0);
	EXPECT_EQ(s.begin(w.b.address(), port), err_isconn);
	EXPECT_EQ(s.listen(1), err_inval);
	EXPECT_EQ(s.disconnect(), 0);
	w.settle();
	EXPECT_EQ(s.state(), sock_state::close);
	EXPECT_EQ(s.listen(1), 0);
	EXPECT_EQ(s.begin(w.b.address(), port), err_isconn);
}

EDU_TEST(tcp_connect, a_refused_socket_may_connect_again, "TCP-6")
{
	world w;
	stream server{w.b}, s{w.a};

	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
	w.settle();
	EXPECT_EQ(s.begin(w.b.address(), port), err_connrefused);
	EXPECT_EQ(s.tcp().saddr, be32{});
	ASSERT_EQ(server.listen_at(port), 0);
	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
	w.settle();
	EXPECT_EQ(s.begin(w.b.address(), port), 0);
	EXPECT_EQ(s.send("tlk"), 3);
	w.settle();
	stream child = server.accept();

	EXPECT_EQ(child.read_some(), 3);
}

EDU_TEST(tcp_connect, an_error_is_told_once, "TCP-6")
{
	world w;
	stream s{w.a};

	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
	w.settle();
	EXPECT_EQ(s.get(sol_socket, so_error_number), -err_connrefused);
	EXPECT_EQ(s.begin(w.b.address(), port), err_connaborted);
	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
}

EDU_TEST(tcp_connect, a_connection_that_was_reset_is_still_the_socket_s, "TCP-6", "INET-8")
{
	world w;
	stream server{w.b}, s{w.a};

	ASSERT_EQ(server.listen_at(port), 0);
	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
	w.settle();
	EXPECT_EQ(s.begin(w.b.address(), port), 0);
	server.close(); /* resets it */
	w.settle();
	EXPECT_EQ(s.state(), sock_state::close);
	EXPECT_EQ(s.begin(w.b.address(), port), err_isconn);
	EXPECT_EQ(s.listen(1), err_inval);
	EXPECT_EQ(s.disconnect(), 0);
	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
}

EDU_TEST(tcp_connect, only_a_single_host_can_be_a_peer, "RFC9293-MUST-46", "TCP-2")
{
	world w;
	stream s{w.a};
	const u8 short_name[1] = {};

	EXPECT_EQ(s.begin(wire::ipv4::make_addr(224, 0, 0, 1), port), err_netunreach);
	EXPECT_EQ(s.begin(wire::ipv4::make_addr(10, 0, 0, 255), port), err_netunreach);
	EXPECT_EQ(s.begin(wire::ipv4::make_addr(255, 255, 255, 255), port), err_netunreach);
	EXPECT_EQ(s.begin(wire::ipv4::make_addr(192, 0, 2, 1), port), err_netunreach);
	EXPECT_EQ(edu_core_connect(s.sk(), short_name, 1, 0), err_inval);
	EXPECT_EQ(s.state(), sock_state::close);
	EXPECT_EQ(s.tcp().num, 0);
	EXPECT_EQ(s.tcp().saddr, be32{});
	EXPECT_EQ(w.a.counter(EDU_Tcp_ActiveOpens), 0u);
	EXPECT_EQ(w.a.counter(EDU_Tcp_AttemptFails), 0u);
}

EDU_TEST(tcp_connect, the_route_s_source_is_used_and_kept, "RFC9293-MUST-44", "RFC9293-MUST-45")
{
	world w;
	stream s{w.a}, bound{w.a};

	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
	EXPECT_EQ(s.tcp().saddr, w.a.address());
	EXPECT_EQ(s.tcp().rcv_saddr, w.a.address());
	EXPECT_EQ(bound.bind(w.a.address(), 0), 0);
	EXPECT_EQ(bound.begin({}, port), err_inprogress); /* ourselves */
	EXPECT_EQ(bound.tcp().saddr, w.a.address());
}

/*
 * listen() and accept()
 */

EDU_TEST(tcp_listen, accept_takes_them_in_the_order_of_completion, "TCP-10", "TCP-11", "INET-11",
	 "INET-12")
{
	world w;
	stream server{w.b}, one{w.a}, two{w.a};

	EXPECT_EQ(server.accept().error(), err_inval);
	ASSERT_EQ(server.listen_at(port), 0);
	EXPECT_EQ(server.accept().error(), err_again);
	EXPECT_EQ(one.begin(w.b.address(), port), err_inprogress);
	w.settle();
	EXPECT_EQ(two.begin(w.b.address(), port), err_inprogress);
	w.settle();
	EXPECT_EQ(server.tcp().ack_backlog, 2u);
	stream first = server.accept(), second = server.accept();

	ASSERT_TRUE(first.is_open() && second.is_open());
	EXPECT_EQ(first.tcp().dport.host(), one.port());
	EXPECT_EQ(second.tcp().dport.host(), two.port());
	EXPECT_EQ(first.port(), port);
	EXPECT_EQ(first.tcp().saddr, w.b.address());
	EXPECT_EQ(server.accept().error(), err_again);
	EXPECT_EQ(w.b.counter(EDU_Tcp_PassiveOpens), 2u);
}

EDU_TEST(tcp_listen, a_full_backlog_lets_nobody_in, "TCP-10", "INET-9")
{
	world w;
	stream server{w.b}, s[4] = {stream{w.a}, stream{w.a}, stream{w.a}, stream{w.a}};

	ASSERT_EQ(server.listen_at(port, 1), 0);
	for (stream &one : s) {
		EXPECT_EQ(one.begin(w.b.address(), port), err_inprogress);
		w.settle();
	}
	EXPECT_EQ(server.tcp().ack_backlog, 2u); /* Linux's rule lets one more in */
	EXPECT_GE(w.b.counter(EDU_Tcp_DropListenOverflow), 2u);
	EXPECT_EQ(s[3].state(), sock_state::syn_sent);
	EXPECT_EQ(server.listen(8), 0); /* a second listen() changes the backlog */
	w.run_for(4000);		/* they ask again */
	EXPECT_EQ(server.tcp().ack_backlog, 4u);
	EXPECT_EQ(accept_all(server), 4u);
}

EDU_TEST(tcp_listen, a_reset_child_is_still_accepted, "TCP-11", "INET-11")
{
	world w;
	stream server{w.b}, s{w.a};

	ASSERT_EQ(server.listen_at(port), 0);
	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
	w.settle();
	s.disconnect();
	w.settle();
	stream child = server.accept();

	ASSERT_TRUE(child.is_open());
	EXPECT_EQ(child.state(), sock_state::close);
	EXPECT_EQ(child.read_some(), err_connreset);
}

EDU_TEST(tcp_listen, a_listener_takes_its_queue_along, "TCP-10", "RFC9293-MUST-41")
{
	world w;
	stream server{w.b}, other{w.b}, done{w.a}, its{w.a};

	ASSERT_EQ(server.listen_at(port), 0);
	ASSERT_EQ(other.listen_at(port + 1), 0);
	EXPECT_EQ(its.begin(w.b.address(), port + 1), err_inprogress);
	EXPECT_EQ(done.begin(w.b.address(), port), err_inprogress);
	w.settle();
	for (u16 i = 1; i <= 3; i++)
		EXPECT_FALSE(give(server, strange_syn(w, i)).is_drop());
	EXPECT_EQ(server.tcp().young, 3u);
	EXPECT_EQ(server.tcp().ack_backlog, 1u);
	EXPECT_EQ(w.b.stack()->tcp.tables.established.size(), 5u);
	server.close();
	w.settle();
	EXPECT_EQ(done.state(), sock_state::close);
	EXPECT_EQ(its.state(), sock_state::established);
	EXPECT_EQ(w.b.stack()->tcp.tables.established.size(), 1u);
	EXPECT_EQ(accept_all(other), 1u);
}

EDU_TEST(tcp_listen, many_half_open_ones_make_cookies, "TCP-10", "RFC4987-3.6")
{
	world w;
	stream server{w.b}, s{w.a};

	w.b.tune(EDU_TUNE_tcp_max_syn_backlog, 3);
	ASSERT_EQ(server.listen_at(port, 100), 0);
	for (u16 i = 1; i <= 10; i++)
		EXPECT_FALSE(give(server, strange_syn(w, i)).is_drop());
	EXPECT_EQ(server.tcp().young, 3u);
	EXPECT_EQ(w.b.counter(EDU_Tcp_SynCookiesSent), 7u);
	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
	w.settle();
	EXPECT_EQ(s.state(), sock_state::established);
	EXPECT_EQ(accept_all(server), 1u);
	w.b.tune(EDU_TUNE_tcp_syncookies, 0);
	EXPECT_EQ(give(server, strange_syn(w, 11)).reason(), EDU_Tcp_DropListenOverflow);
}

EDU_TEST(tcp_listen, a_syn_that_comes_again_makes_no_second_child, "TCP-10", "TCP-12")
{
	world w;
	stream server{w.b};

	ASSERT_EQ(server.listen_at(port), 0);
	EXPECT_FALSE(give(server, strange_syn(w, 1)).is_drop());
	EXPECT_EQ(give(server, strange_syn(w, 1)).reason(), EDU_Tcp_DropDuplicate);
	EXPECT_EQ(server.tcp().young, 1u);
	EXPECT_EQ(w.b.stack()->tcp.tables.established.size(), 1u);
}

EDU_TEST(tcp_listen, what_is_no_syn_opens_nothing, "TCP-10", "RFC9293-MUST-63")
{
	namespace flag = wire::tcp::flag;
	world w;
	stream server{w.b};
	tcp_segment segment = strange_syn(w, 1);

	ASSERT_EQ(server.listen_at(port), 0);
	for (u8 flags : {0, +flag::fin, +flag::psh, flag::syn | flag::fin}) {
		segment.flags = flags;
		EXPECT_EQ(give(server, segment).reason(), EDU_Tcp_DropListenFlags);
	}
	segment.flags = flag::syn | flag::ack;
	EXPECT_EQ(give(server, segment).reason(), EDU_Tcp_DropListenAck);
	segment.flags = flag::syn | flag::rst;
	EXPECT_EQ(give(server, segment).reason(), EDU_Tcp_DropListenRst);
	segment.flags = flag::syn;
	segment.src = {};
	EXPECT_EQ(give(server, segment).reason(), EDU_Tcp_DropAddress);
	EXPECT_EQ(server.tcp().young, 0u);
}

EDU_TEST(tcp_listen, a_syn_from_port_0_is_as_good_as_any, "TCP-10", "INET-7")
{
	world w;
	stream server{w.b};

	ASSERT_EQ(server.listen_at(port), 0);
	EXPECT_FALSE(give(server, strange_syn(w, 0)).is_drop());
	EXPECT_EQ(w.b.stack()->tcp.tables.established.size(), 1u);
	server.close();
	EXPECT_EQ(w.b.stack()->tcp.tables.established.size(), 0u);
	EXPECT_EQ(w.b.stack()->tcp.tables.listening.size(), 0u);
}

EDU_TEST(tcp_listen, half_open_ones_are_given_up, "TCP-10", "RFC9293-MUST-22")
{
	world w;
	stream server{w.b};

	w.b.tune(EDU_TUNE_tcp_synack_retries, 1);
	w.b.tune(EDU_TUNE_tcp_rto_init_ms, 50);
	ASSERT_EQ(server.listen_at(port), 0);
	{
		stream s{w.a};

		EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
		w.a.del_address(w.a.address(), 24); /* deaf from now on, the SYN is on its way */
		w.settle();
		EXPECT_EQ(server.tcp().young, 1u);
		EXPECT_EQ(server.accept().error(), err_again);
	}
	w.run_for(1000);
	EXPECT_EQ(server.tcp().young, 0u);
	EXPECT_EQ(w.b.stack()->tcp.tables.established.size(), 0u);
	EXPECT_EQ(w.b.counter(EDU_Tcp_AttemptFails), 1u);
}

EDU_TEST(tcp_listen, no_memory_drops_the_syn_and_no_more, "TCP-10", "LAYER-3")
{
	for (u32 n = 1; n < 12; n++) {
		world w;
		stream server{w.b}, s{w.a};

		ASSERT_EQ(server.listen_at(port), 0);
		EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
		edu_t_fail_alloc(n);
		w.settle();
		edu_t_fail_alloc(0);
		(void)edu_t_alloc_failed();
		w.run_for(3500); /* the SYN comes again */
		EXPECT_EQ(s.state(), sock_state::established);
		EXPECT_EQ(accept_all(server), 1u);
	}
}

/*
 * Cookies
 */

EDU_TEST(tcp_listen, a_cookie_does_not_wait_for_who_owns_the_listener, "TCP-10", "RFC4987-3.6")
{
	world w;
	stream server{w.b}, client{w.a};

	w.b.tune(EDU_TUNE_tcp_syncookies, 2);
	ASSERT_EQ(server.listen_at(port), 0);
	EXPECT_EQ(client.begin(w.b.address(), port), err_inprogress); /* under way on the cable */
	{
		sock_guard guard{server.sk()};

		world::deliver();
		EXPECT_EQ(w.b.counter(EDU_Tcp_SynCookiesSent), 1u);
		EXPECT_EQ(client.state(), sock_state::established);
	}
	w.settle();
	EXPECT_EQ(accept_all(server), 1u);
}

EDU_TEST(tcp_listen, a_connection_by_cookie_is_like_any, "TCP-10", "RFC4987-3.6")
{
	world w;
	stream server{w.b}, s{w.a};

	w.b.tune(EDU_TUNE_tcp_syncookies, 2);
	ASSERT_EQ(server.listen_at(port), 0);
	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
	w.settle();
	EXPECT_EQ(w.b.counter(EDU_Tcp_SynCookiesSent), 1u);
	EXPECT_EQ(w.b.counter(EDU_Tcp_SynCookiesRecv), 1u);
	stream child = server.accept();

	ASSERT_TRUE(child.is_open());
	EXPECT_EQ(child.state(), sock_state::established);
	EXPECT_TRUE(child.tcp().sack_ok && child.tcp().tstamp_ok && child.tcp().wscale_ok);
	EXPECT_EQ(child.tcp().rcv_wscale, s.tcp().snd_wscale);
	EXPECT_EQ(child.tcp().snd_wscale, s.tcp().rcv_wscale);
	EXPECT_EQ(s.send("tlk"), 3);
	w.settle();
	EXPECT_EQ(child.read_some(), 3);
	EXPECT_EQ(child.send("tcp!"), 4);
	w.settle();
	EXPECT_EQ(s.read_some(), 4);
}

EDU_TEST(tcp_listen, a_cookie_does_not_wait_for_data, "TCP-10", "RFC4987-3.6")
{
	world w;
	stream server{w.b}, s{w.a};

	w.b.tune(EDU_TUNE_tcp_syncookies, 2);
	ASSERT_EQ(server.listen_at(port), 0);
	server.set(ipproto_tcp_level, tcp_defer_accept_name, 10);
	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
	w.settle();
	EXPECT_EQ(server.tcp().young, 0u);
	EXPECT_EQ(accept_all(server), 1u);
}

EDU_TEST(tcp_listen, a_stranger_s_ack_is_reset, "TCP-10", "RFC4987-3.6")
{
	world w;
	stream server{w.b};

	ASSERT_EQ(server.listen_at(port), 0);
	tcp_segment ack = strange_syn(w, 5);

	ack.flags = wire::tcp::flag::ack;
	EXPECT_EQ(give(server, ack).reason(), EDU_Tcp_DropListenAck);
	server.tcp().syn_overflow_ms = edu_k_now_ms(); /* as if it had been full */
	EXPECT_EQ(give(server, ack).reason(), EDU_Tcp_DropCookie);
	EXPECT_EQ(w.b.counter(EDU_Tcp_SynCookiesFailed), 1u);
	EXPECT_EQ(w.b.counter(EDU_Tcp_OutRsts), 2u);
	ack.flags |= wire::tcp::flag::rst;
	EXPECT_EQ(give(server, ack).reason(), EDU_Tcp_DropListenRst);
	EXPECT_EQ(w.b.counter(EDU_Tcp_OutRsts), 2u);
}

EDU_TEST(tcp_listen, data_is_waited_for_if_the_program_wants_it, "TCP-11")
{
	world w;
	stream server{w.b}, s{w.a};

	ASSERT_EQ(server.listen_at(port), 0);
	server.set(ipproto_tcp_level, tcp_defer_accept_name, 10);
	EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
	w.settle();
	EXPECT_EQ(s.state(), sock_state::established);
	EXPECT_EQ(server.accept().error(), err_again);
	EXPECT_EQ(s.send("tlk"), 3);
	w.settle();
	stream child = server.accept();

	ASSERT_TRUE(child.is_open());
	EXPECT_EQ(child.read_some(), 3);
}

/*
 * TIME-WAIT
 */

EDU_TEST(tcp_timewait, connect_takes_a_port_that_timestamps_keep_apart, "TCP-8", "RFC9293-SHLD-4",
	 "RFC6191-2")
{
	world w;
	stream server{w.b};

	w.a.tune(EDU_TUNE_ip_local_port_min, 40000);
	w.a.tune(EDU_TUNE_ip_local_port_max, 40000);
	w.a.tune(EDU_TUNE_tcp_time_wait_ms, 5000);
	ASSERT_EQ(server.listen_at(port), 0);
	{
		stream s{w.a};

		EXPECT_EQ(s.begin(w.b.address(), port), err_inprogress);
		w.settle();
		stream child = server.accept();

		s.close();
		w.settle();
		child.close();
		w.settle();
	}
	stream soon{w.a}, later{w.a};

	EXPECT_EQ(soon.begin(w.b.address(), port), err_addrnotavail);
	w.run_for(1200);
	EXPECT_EQ(later.begin(w.b.address(), port), err_inprogress);
	EXPECT_EQ(w.a.stack()->tcp.tables.established.size(), 1u);
	EXPECT_EQ(w.a.counter(EDU_Tcp_TimeWaitsReused), 1u);
	w.settle();
	EXPECT_EQ(later.state(), sock_state::established);
	EXPECT_EQ(accept_all(server), 1u);
}

EDU_TEST(tcp_timewait, a_new_syn_ends_it_while_somebody_listens, "TCP-8", "RFC9293-MUST-13",
	 "RFC6191-2")
{
	world w;
	stream server{w.b}, first{w.a}, again{w.a};

	for (stream *s : {&first, &again})
		s->set(sol_socket, so_reuse_address, 1);
	ASSERT_EQ(server.listen_at(port), 0);
	EXPECT_EQ(first.bind({}, 3000), 0);
	EXPECT_EQ(first.begin(w.b.address(), port), err_inprogress);
	w.settle();
	{
		stream child = server.accept();

		child.close(); /* the first to do so */
	}
	w.settle();
	first.close();
	w.settle();
	EXPECT_EQ(read_once(w.b.stack()->tcp.time_wait_count), 1u);
	w.run_for(10);
	EXPECT_EQ(again.bind({}, 3000), 0);
	EXPECT_EQ(again.begin(w.b.address(), port), err_inprogress);
	w.settle();
	EXPECT_EQ(again.state(), sock_state::established);
	EXPECT_EQ(read_once(w.b.stack()->tcp.time_wait_count), 0u);
	EXPECT_EQ(accept_all(server), 1u);
}

/* b's listener has served a connection from a's port 3000, and has closed it first: b keeps its record. */
struct after_a_connection {
	world w;
	stream server{w.b}, again{w.a};

	after_a_connection()
	{
		stream first{w.a};

		for (stream *s : {&first, &again})
			s->set(sol_socket, so_reuse_address, 1);
		EXPECT_EQ(server.listen_at(port), 0);
		EXPECT_EQ(first.bind({}, 3000), 0);
		EXPECT_EQ(first.begin(w.b.address(), port), err_inprogress);
		w.settle();
		server.accept().close();
		w.settle();
		first.close();
		w.settle();
		EXPECT_EQ(records(), 1u);
	}
	u32 records() { return read_once(w.b.stack()->tcp.time_wait_count); }
	tcp_timewait &record()
	{
		rcu_guard guard;

		return tcp_find_established(*w.b.stack(),
					    {w.b.address(), w.a.address(), port, be16{3000}, 0})
			->record();
	}
};

EDU_TEST_F(after_a_connection, tcp_timewait,
	   a_timer_that_has_fired_does_not_end_what_a_segment_restarts, "TCP-8", "RFC9293-MUST-13")
{
	constexpr u32 long_ms = 60000;
	tcp_timewait &record = this->record();

	w.b.tune(EDU_TUNE_tcp_time_wait_ms, long_ms);
	w.b.tune(EDU_TUNE_tcp_rfc1337, 1); /* a knows nothing of it, and resets what it hears */
	{
		/* As if its FIN came again. */
		rcu_guard guard;
		verdict why = verdict::consumed();
		tcp_segment fin = strange_syn(w, 3000);

		fin.src = w.a.address();
		fin.flags = wire::tcp::flag::fin | wire::tcp::flag::ack;
		fin.seq = record.rcv_nxt - 1;
		fin.opts.has_timestamps = true;
		fin.opts.ts_value = record.ts_recent;
		EXPECT_EQ(static_cast<int>(tcp_timewait_rcv(*w.b.stack(), record, fin, why)),
			  static_cast<int>(tcp_tw_action::dropped));
		EXPECT_FALSE(why.is_drop());
		record.timer.fire(&record.timer); /* it had waited for the lock */
	}
	w.run_for(long_ms / 2);
	EXPECT_EQ(records(), 1u);
	w.run_for(long_ms);
	EXPECT_EQ(records(), 0u);
}

EDU_TEST_F(after_a_connection, tcp_timewait, the_new_number_is_beyond_whoever_owns_the_listener,
	   "TCP-8", "RFC9293-MUST-13", "RFC6191-2")
{
	const seq32 beyond = record().snd_nxt + 65537;

	w.run_for(10);
	EXPECT_EQ(again.bind({}, 3000), 0);
	EXPECT_EQ(again.begin(w.b.address(), port), err_inprogress);
	{
		sock_guard guard{server.sk()}; /* the SYN waits in back_log */

		world::deliver();
		EXPECT_EQ(records(), 0u);
		EXPECT_EQ(again.state(), sock_state::syn_sent);
	}
	w.settle();
	stream child = server.accept();

	ASSERT_TRUE(child.is_open());
	EXPECT_EQ(child.tcp().iss, beyond);
}

EDU_TEST(tcp_timewait, records_are_bounded, "TCP-8", "LAYER-3")
{
	world w;
	stream server{w.b}, one{w.a}, two{w.a};

	w.a.tune(EDU_TUNE_tcp_max_tw_buckets, 1);
	ASSERT_EQ(server.listen_at(port), 0);
	for (stream *s : {&one, &two}) {
		EXPECT_EQ(s->begin(w.b.address(), port), err_inprogress);
		w.settle();
		stream child = server.accept();

		s->close();
		w.settle();
		child.close();
		w.settle();
	}
	EXPECT_EQ(w.a.stack()->tcp.tables.established.size(), 1u);
	EXPECT_EQ(w.a.counter(EDU_Tcp_TimeWaitsKilled), 1u);
}

} // namespace edu::test::on_transport_tcp_listen
