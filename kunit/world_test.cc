// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two hosts on a cable: the whole way of a datagram, and what becomes of a world that ends.
 *
 * Requirements: LAYER-1, OVER-9, ARP-4 to ARP-6, UDP-3. These tests prove the fixture that the
 * others build on as much as they prove the stack.
 *
 * Locking: none. Tests run one after the other.
 */
#include "test.hh"
#include "world.hh"

namespace edu::test {
namespace {

constexpr u16 ip_type = 0x0800, arp_type = 0x0806;

/* The Ethernet type of the cable's i-th frame. */
u16 frame_type(const cable &seen, u32 i)
{
	bytes frame = seen.frame(i);

	return frame.size() < 14 ? 0 : load_be16(&frame[12]);
}

} // namespace

EDU_TEST(world, begins_and_ends_without_a_trace, "LAYER-3")
{
	world w;

	EXPECT_EQ(w.a.ifindex(), 2);
	EXPECT_EQ(w.cable.frames(ip_type), 0u);
}

EDU_TEST(world, a_datagram_is_resolved_then_delivered, "LAYER-1", "ARP-4", "ARP-6", "UDP-3")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	ASSERT_EQ(to.error(), 0);
	EXPECT_EQ(from.send("tlk", w.b.address(), 7), 3);
	w.settle();

	/* A question, an answer, and then the datagram. */
	ASSERT_EQ(w.cable.frames(), 3u);
	EXPECT_EQ(frame_type(w.cable, 0), arp_type);
	EXPECT_EQ(frame_type(w.cable, 1), arp_type);
	EXPECT_EQ(frame_type(w.cable, 2), ip_type);

	datagram got = to.receive();

	EXPECT_BYTES(got.payload(), octets("tlk"));
	EXPECT_EQ(got.from, w.a.address());
	EXPECT_EQ(got.port, from.port());
	EXPECT_EQ(to.receive().length, -11);
}

EDU_TEST(world, an_answer_needs_no_second_question, "ARP-6", "ARP-8", "UDP-3")
{
	world w;
	socket server = w.b.udp(7), client = w.a.udp();

	client.send("ping", w.b.address(), 7);
	w.settle();
	datagram asked = server.receive();

	w.cable.clear();
	EXPECT_EQ(server.send("pong", asked.from, asked.port), 4);
	w.settle();
	EXPECT_EQ(w.cable.frames(arp_type), 0u);
	EXPECT_EQ(w.cable.frames(ip_type), 1u);
	EXPECT_BYTES(client.receive().payload(), octets("pong"));
}

EDU_TEST(world, waiting_packets_leave_in_order_after_one_question, "ARP-4", "ARP-6")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	from.send("one", w.b.address(), 7);
	from.send("two", w.b.address(), 7);
	from.send("three", w.b.address(), 7);
	EXPECT_EQ(w.cable.frames(arp_type), 1u);
	EXPECT_EQ(w.cable.frames(ip_type), 0u);
	w.settle();
	EXPECT_BYTES(to.receive().payload(), octets("one"));
	EXPECT_BYTES(to.receive().payload(), octets("two"));
	EXPECT_BYTES(to.receive().payload(), octets("three"));
}

EDU_TEST(world, a_lost_question_is_asked_again, "ARP-5")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_res_time_ms, 50);
	w.cable.lose(1);
	from.send("tlk", w.b.address(), 7);
	w.run_for(120);
	EXPECT_BYTES(to.receive().payload(), octets("tlk"));
}

EDU_TEST(world, nobody_answers_and_the_sender_is_told, "ARP-5")
{
	world w;
	socket from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_res_time_ms, 20);
	ASSERT_EQ(from.connect(wire::ipv4::make_addr(10, 0, 0, 77), 7), 0);
	EXPECT_EQ(from.send("tlk"), 3);
	w.run_for(200);
	EXPECT_EQ(from.receive().length, -113); /* EHOSTUNREACH */
	EXPECT_EQ(w.cable.frames(arp_type), w.a.counter(EDU_Arp_OutRequests));
}

EDU_TEST(world, a_closed_port_refuses_a_connected_socket, "UDP-3", "IP-10")
{
	world w;
	socket from = w.a.udp();

	ASSERT_EQ(from.connect(w.b.address(), 9), 0);
	EXPECT_EQ(from.send("tlk"), 3);
	w.settle();
	EXPECT_EQ(w.b.counter(EDU_Udp_NoPorts), 1u);
	EXPECT_EQ(from.receive().length, -111); /* ECONNREFUSED, once */
	EXPECT_EQ(from.receive().length, -11);
}

EDU_TEST(world, loopback_needs_no_cable, "LAYER-2")
{
	world w;
	socket to = w.a.udp(7), from = w.a.udp();

	EXPECT_EQ(from.send("tlk", wire::ipv4::loopback_addr, 7), 3);
	w.settle();
	EXPECT_BYTES(to.receive().payload(), octets("tlk"));
	EXPECT_EQ(w.cable.frames(), 0u);
}

EDU_TEST(world, one_station_ignores_anothers_frames, "OVER-9")
{
	world w;
	host c;

	c.plug(w.cable, 3);
	c.add_address(wire::ipv4::make_addr(10, 0, 0, 3), 24);
	w.settle();
	{
		socket to = w.b.udp(7), other = c.udp(7), from = w.a.udp();

		from.send("tlk", w.b.address(), 7);
		w.settle();
		EXPECT_EQ(to.receive().length, 3);
		EXPECT_EQ(other.receive().length, -11);
	}
}

/* Whatever fails, nothing is lost or freed twice: the world's end sees to that. */
EDU_TEST(world, any_failed_allocation_only_costs_the_packet, "IP-4", "ARP-4")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();
	int failures = 0;

	for (u32 n = 1; n <= 40; n++) {
		edu_t_fail_alloc(n);
		from.send("tlk", w.b.address(), 7);
		w.settle();
		while (to.receive().length >= 0)
			;
		failures += edu_t_alloc_failed();
	}
	edu_t_fail_alloc(0);
	EXPECT_GT(failures, 3);
	w.run_for(5000);
	while (to.receive().length >= 0)
		;
	from.send("tlk", w.b.address(), 7);
	w.settle();
	EXPECT_EQ(to.receive().length, 3);
}

EDU_TEST(world, a_world_ends_with_packets_waiting_and_under_way, "LAYER-3", "ARP-5")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	from.send("under way", w.b.address(), 7);
	from.send("waiting", wire::ipv4::make_addr(10, 0, 0, 77), 7);
	EXPECT_EQ(w.a.counter(EDU_Arp_OutRequests), 2u);
}

EDU_TEST(world, a_vanished_device_takes_its_addresses_and_packets, "LAYER-3")
{
	world w;
	socket from = w.a.udp();

	from.send("tlk", w.b.address(), 7);
	edu_t_dev_gone(w.a.get(), w.a.ifindex());
	w.settle();
	EXPECT_EQ(w.cable.frames(ip_type), 0u);
	EXPECT_EQ(from.send("tlk", w.b.address(), 7), -101); /* ENETUNREACH */
}

/* A packet is seen at each layer's door, from the top down and from the bottom up. */
EDU_TEST(world, a_datagram_passes_the_layers_in_order, "LAYER-1")
{
	static constexpr edu_trace_point way[] = {
		EDU_TRACE_sock_send,  EDU_TRACE_udp_send, EDU_TRACE_ip_send,	EDU_TRACE_dev_send,
		EDU_TRACE_dev_rcv,    EDU_TRACE_ip_rcv,	  EDU_TRACE_ip_deliver, EDU_TRACE_udp_rcv,
		EDU_TRACE_sock_queue, EDU_TRACE_sock_rcv,
	};
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	from.send("first", w.b.address(), 7);
	w.settle();
	to.receive();
	edu_t_trace_start();
	from.send("tlk", w.b.address(), 7);
	w.settle();
	to.receive();
	if (edu_t_trace_count() < 0)
		return; /* this home does not tell */
	ASSERT_EQ(edu_t_trace_count(), static_cast<int>(std::size(way)));
	for (size_t i = 0; i < std::size(way); i++)
		EXPECT_EQ(edu_t_trace_at(static_cast<int>(i)), way[i]);
}

} // namespace edu::test
