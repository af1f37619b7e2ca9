// SPDX-License-Identifier: GPL-2.0-only
/*
 * ARP: asking, answering, learning, forgetting.
 *
 * Requirements: ARP-1 … ARP-12, OVER-10, IP-2, IP-3; RFC 1122 2.3.2, RFC 5227 2.4.
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"
#include "stack.hh"

namespace edu::test {
namespace {

constexpr u16 nud_permanent = 0x80;

int add_neighbour(host &h, be32 ip, u8 n, u16 state)
{
	edu_neigh_info neigh = {};

	neigh.ip = ip.raw();
	neigh.ifindex = h.ifindex();
	neigh.hardware_len = 6;
	station(n).store(neigh.hardware_address);
	neigh.state = state;
	rtnl_guard rtnl;
	return edu_core_config_neigh_add(h.stack(), &neigh, EDU_CONFIG_CREATE);
}

unsigned int entries(host &h)
{
	edu_cursor at = {};
	edu_neigh_info neigh = {};
	unsigned int n = 0;

	while (edu_core_neigh_next(h.stack(), &at, &neigh))
		n++;
	return n;
}

eth_addr address_of(const edu_neigh_info &neigh)
{
	return eth_addr::load(neigh.hardware_address);
}

wire::arp::repr arp_of(bytes frame)
{
	return frame.size() < 42 ? wire::arp::repr{} :
				   wire::arp::view::checked(frame.subspan(14)).header.parse();
}

} // namespace

EDU_TEST(arp, an_entry_shows_who_was_asked_for_and_what_waits, "ARP-1", "ARP-4", "IP-3")
{
	world w;
	socket from = w.a.udp();

	from.send("one", ip4(10, 0, 0, 77), 7);
	from.send("two", ip4(10, 0, 0, 77), 7);
	w.settle();
	edu_neigh_info neigh = w.a.neighbour(ip4(10, 0, 0, 77));

	EXPECT_EQ(neigh.ip, ip4(10, 0, 0, 77).raw());
	EXPECT_EQ(neigh.ifindex, w.a.ifindex());
	EXPECT_EQ(neigh.state, 1u); /* NUD_INCOMPLETE */
	EXPECT_EQ(neigh.flags, 0u);
	EXPECT_EQ(neigh.retries, 1u);
	EXPECT_EQ(neigh.waiting, 2u);
	EXPECT_GE(neigh.references, 1u);
}

EDU_TEST(arp, a_question_is_answered_with_the_devices_address, "ARP-7", "ARP-8")
{
	world w;

	w.a.inject(arp_question(9, ip4(10, 0, 0, 9), w.a.address()).all());
	w.settle();
	ASSERT_EQ(w.cable.frames(ethertype_arp), 1u);
	bytes frame = w.cable.frame(ethertype_arp, 0);
	wire::arp::repr answer = arp_of(frame);

	EXPECT_TRUE(eth_addr::load(frame.data()) == station(9));
	EXPECT_EQ(answer.op, wire::arp::operation::reply);
	EXPECT_TRUE(answer.sender_ha == station(1) && answer.target_ha == station(9));
	EXPECT_EQ(answer.sender_ip, w.a.address());
	EXPECT_EQ(answer.target_ip, ip4(10, 0, 0, 9));
}

EDU_TEST(arp, a_question_for_another_host_is_not_answered, "ARP-8")
{
	world w;
	u64 before = w.a.counter(EDU_Arp_DropNotForUs);

	w.a.inject(arp_question(9, ip4(10, 0, 0, 9), ip4(10, 0, 0, 50)).all());
	w.settle();
	EXPECT_EQ(w.cable.frames(), 0u);
	EXPECT_EQ(entries(w.a), 0u);
	EXPECT_EQ(w.a.counter(EDU_Arp_DropNotForUs), before + 1);
}

EDU_TEST(arp, who_asks_us_is_remembered, "ARP-9")
{
	world w;

	w.a.inject(arp_question(9, ip4(10, 0, 0, 9), w.a.address()).all());
	w.settle();
	EXPECT_TRUE(address_of(w.a.neighbour(ip4(10, 0, 0, 9))) == station(9));
}

EDU_TEST(arp, who_asks_us_from_another_subnet_is_answered_but_not_remembered, "ARP-9")
{
	world w;

	w.a.inject(arp_question(9, ip4(10, 77, 0, 9), w.a.address()).all());
	w.settle();
	EXPECT_EQ(w.cable.frames(ethertype_arp), 1u);
	EXPECT_EQ(entries(w.a), 0u);
}

EDU_TEST(arp, an_answer_nobody_asked_for_makes_no_entry, "ARP-9")
{
	world w;

	w.a.inject(arp_answer(9, ip4(10, 0, 0, 9), 1, w.a.address()).all());
	w.settle();
	EXPECT_EQ(entries(w.a), 0u);
}

EDU_TEST(arp, a_new_hardware_address_replaces_the_old, "ARP-9", "ARP-3", "IP-2")
{
	world w;
	socket from = w.a.udp();

	w.a.inject(arp_question(9, ip4(10, 0, 0, 9), w.a.address()).all());
	w.run_for(1000); /* arp_locktime_ms */
	w.a.inject(arp_answer(8, ip4(10, 0, 0, 9), 1, w.a.address()).all());
	w.settle();
	EXPECT_TRUE(address_of(w.a.neighbour(ip4(10, 0, 0, 9))) == station(8));
	EXPECT_EQ(w.a.counter(EDU_Arp_Updated), 1u);
	w.cable.clear();
	from.send("tlk", ip4(10, 0, 0, 9), 7);
	w.settle();
	ASSERT_EQ(w.cable.frames(ethertype_ip), 1u);
	EXPECT_TRUE(eth_addr::load(w.cable.frame(ethertype_ip, 0).data()) == station(8));
}

EDU_TEST(arp, of_two_answers_the_first_counts, "ARP-9", "ARP-6")
{
	constexpr be32 ip = ip4(10, 0, 0, 77);
	world w;
	socket from = w.a.udp();
	auto answer = [&](u8 n) {
		w.a.inject(arp_answer(n, ip, 1, w.a.address()).all());
		w.settle();
		return address_of(w.a.neighbour(ip));
	};

	from.send("tlk", ip, 7);
	w.settle();
	EXPECT_TRUE(answer(9) == station(9));
	EXPECT_TRUE(answer(8) == station(9));
	EXPECT_EQ(w.a.counter(EDU_Arp_Locked), 1u);
	EXPECT_EQ(w.a.counter(EDU_Arp_Updated), 0u);

	/* The same word again does not begin the time anew. */
	w.run_for(600);
	EXPECT_TRUE(answer(9) == station(9));
	w.run_for(399);
	EXPECT_TRUE(answer(8) == station(9));
	w.run_for(1);
	EXPECT_TRUE(answer(8) == station(8));
	EXPECT_TRUE(answer(9) == station(8));
	EXPECT_EQ(w.a.counter(EDU_Arp_Locked), 3u);
	EXPECT_EQ(w.a.counter(EDU_Arp_Updated), 1u);
	w.a.tune(EDU_TUNE_arp_locktime_ms, 0);
	EXPECT_TRUE(answer(9) == station(9));
}

EDU_TEST(arp, who_moves_and_says_so_is_believed_at_once, "ARP-9")
{
	constexpr be32 ip = ip4(10, 0, 0, 77);
	const wire::arp::repr moved{wire::arp::operation::reply, station(6), ip, station(6), ip};
	world w;
	socket from = w.a.udp();
	auto now = [&](const handmade &frame) {
		w.a.inject(frame.all());
		w.settle();
		return address_of(w.a.neighbour(ip));
	};

	from.send("tlk", ip, 7);
	w.settle();
	EXPECT_TRUE(now(arp_answer(9, ip, 1, w.a.address())) == station(9));
	EXPECT_TRUE(now(arp_question(8, ip, ip)) == station(8));
	EXPECT_TRUE(now(arp_question(7, ip, w.a.address())) == station(7)); /* to us */
	EXPECT_TRUE(now(arp_frame(moved, eth_addr::broadcast())) == station(6));
	/* To others it answers, or asks, like anybody. */
	EXPECT_TRUE(now(arp_answer(9, ip, 1, ip)) == station(6));
	EXPECT_TRUE(now(arp_question(9, ip, ip4(10, 0, 0, 50))) == station(6));
	EXPECT_EQ(w.a.counter(EDU_Arp_Locked), 2u);

	/* The administrator is no packet. */
	ASSERT_EQ(add_neighbour(w.a, ip, 5, 2), 0);
	EXPECT_TRUE(address_of(w.a.neighbour(ip)) == station(5));
	EXPECT_TRUE(now(arp_answer(9, ip, 1, w.a.address())) == station(5));
}

EDU_TEST(arp, a_permanent_entry_is_never_overwritten_nor_removed, "ARP-9", "ARP-11")
{
	world w;

	ASSERT_EQ(add_neighbour(w.a, ip4(10, 0, 0, 9), 9, nud_permanent), 0);
	w.a.inject(arp_answer(8, ip4(10, 0, 0, 9), 1, w.a.address()).all());
	w.a.inject(arp_question(8, ip4(10, 0, 0, 9), w.a.address()).all());
	w.a.tune(EDU_TUNE_arp_timeout_ms, 10);
	w.a.tune(EDU_TUNE_arp_check_interval_ms, 10);
	w.run_for(130000);
	EXPECT_TRUE(address_of(w.a.neighbour(ip4(10, 0, 0, 9))) == station(9));
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 9)).state, nud_permanent);
}

EDU_TEST(arp, no_answer_ends_the_entry_and_drops_what_waited, "ARP-5")
{
	world w;
	socket from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_res_time_ms, 20);
	from.send("one", ip4(10, 0, 0, 77), 7);
	from.send("two", ip4(10, 0, 0, 77), 7);
	w.run_for(300);
	EXPECT_EQ(w.cable.frames(ethertype_arp), 3u); /* arp_max_tries */
	EXPECT_EQ(w.a.counter(EDU_Arp_DropUnresolved), 2u);
	EXPECT_EQ(w.a.counter(EDU_Arp_Failed), 1u);
	EXPECT_EQ(entries(w.a), 0u);

	/* Another try begins anew, although the route was cached. */
	EXPECT_EQ(from.send("three", ip4(10, 0, 0, 77), 7), 5);
	w.settle();
	EXPECT_EQ(w.cable.frames(ethertype_arp), 4u);
}

EDU_TEST(arp, the_waiting_queue_keeps_the_newest, "ARP-4", "RFC1122-2.3.2.2")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_queue_len, 2);
	w.a.tune(EDU_TUNE_arp_res_time_ms, 20);
	w.cable.lose(1);
	from.send("one", w.b.address(), 7);
	from.send("two", w.b.address(), 7);
	from.send("three", w.b.address(), 7);
	w.run_for(50);
	EXPECT_EQ(w.a.counter(EDU_Arp_DropQueueFull), 1u);
	EXPECT_BYTES(to.receive().payload(), octets("two"));
	EXPECT_BYTES(to.receive().payload(), octets("three"));
}

EDU_TEST(arp, an_idle_unused_entry_expires, "ARP-10")
{
	world w;

	w.a.inject(arp_question(9, ip4(10, 0, 0, 9), w.a.address()).all());
	w.settle();
	EXPECT_EQ(entries(w.a), 1u);
	w.run_for(130000); /* arp_timeout_ms, checked every minute */
	EXPECT_EQ(entries(w.a), 0u);
	EXPECT_EQ(w.a.counter(EDU_Arp_Expired), 1u);
}

EDU_TEST(arp, an_entry_in_use_is_kept_and_confirmed_by_unicast, "ARP-10")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_confirm_interval_ms, 60000);
	ASSERT_EQ(from.connect(w.b.address(), 7), 0);
	from.send("tlk");
	w.settle();
	w.cable.clear();
	w.run_for(190000);
	EXPECT_EQ(w.a.counter(EDU_Arp_Expired), 0u);
	EXPECT_GE(w.a.counter(EDU_Arp_OutProbes), 1u);
	ASSERT_GE(w.cable.frames(ethertype_arp), 2u);
	EXPECT_TRUE(eth_addr::load(w.cable.frame(ethertype_arp, 0).data()) == station(2));
	EXPECT_EQ(w.a.neighbour(w.b.address()).flags, 2u); /* ATF_COM, still */
}

EDU_TEST(arp, a_station_that_is_gone_fails_its_confirmation, "ARP-10", "ARP-5")
{
	world w;
	socket from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_confirm_interval_ms, 1000);
	ASSERT_EQ(from.connect(w.b.address(), 7), 0);
	from.send("tlk");
	w.settle();
	edu_t_dev_gone(w.b.get(), w.b.ifindex());
	w.run_for(70000);
	EXPECT_EQ(w.a.counter(EDU_Arp_Failed), 1u);
	EXPECT_EQ(entries(w.a), 0u);
}

EDU_TEST(arp, a_flood_of_questions_evicts_no_entry_in_use, "ARP-12")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_max_entries, 8);
	ASSERT_EQ(from.connect(w.b.address(), 7), 0);
	from.send("tlk");
	w.settle();
	EXPECT_EQ(to.receive().length, 3);
	for (u8 i = 10; i < 60; i++) {
		w.a.inject(arp_question(i, ip4(10, 0, 0, i), w.a.address()).all());
		w.settle();
		EXPECT_LE(entries(w.a), 8u);
	}
	EXPECT_GE(w.a.counter(EDU_Arp_Evicted), 40u);
	w.cable.clear();
	from.send("tlk");
	w.settle();
	EXPECT_EQ(w.cable.frames(ethertype_arp), 0u);
	EXPECT_EQ(to.receive().length, 3);
}

EDU_TEST(arp, unanswered_questions_make_room_first, "ARP-12")
{
	world w;
	socket from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_max_entries, 8);
	w.a.inject(arp_question(9, ip4(10, 0, 0, 9), w.a.address()).all());
	w.settle();
	for (u8 i = 100; i < 140; i++)
		from.send("tlk", ip4(10, 0, 0, i), 7);
	w.settle();
	EXPECT_LE(entries(w.a), 8u);
	EXPECT_TRUE(address_of(w.a.neighbour(ip4(10, 0, 0, 9))) == station(9));
	EXPECT_GE(w.a.counter(EDU_Arp_DropTableFull), 30u);
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 139)).ip, ip4(10, 0, 0, 139).raw());
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 100)).ip, 0u);
}

EDU_TEST(arp, who_asks_us_costs_no_question_of_ours_its_answer, "ARP-12", "ARP-6")
{
	world w;
	socket from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_max_entries, 8);
	for (u8 i = 10; i < 30; i++)
		w.a.inject(arp_question(i, ip4(10, 0, 0, i), w.a.address()).all());
	w.settle();
	from.send("tlk", ip4(10, 0, 0, 77), 7);
	for (u8 i = 30; i < 60; i++) {
		w.a.inject(arp_question(i, ip4(10, 0, 0, i), w.a.address()).all());
		w.settle();
		EXPECT_LE(entries(w.a), 8u);
	}
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 77)).waiting, 1u);
	w.cable.clear();
	w.a.inject(arp_answer(77, ip4(10, 0, 0, 77), 1, w.a.address()).all());
	w.settle();
	EXPECT_EQ(w.cable.frames(ethertype_ip), 1u);
}

EDU_TEST(arp, more_stations_in_use_than_entries_take_turns, "ARP-12")
{
	world w;
	socket from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_max_entries, 4);
	for (u8 round = 0; round < 2; round++) {
		for (u8 i = 10; i < 18; i++) {
			w.cable.clear();
			EXPECT_EQ(from.send("tlk", ip4(10, 0, 0, i), 7), 3);
			w.a.inject(arp_answer(i, ip4(10, 0, 0, i), 1, w.a.address()).all());
			w.settle();
			EXPECT_EQ(w.cable.frames(ethertype_ip), 1u);
			EXPECT_LE(entries(w.a), 4u);
			w.run_for(5);
		}
	}
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 10)).ip, 0u); /* unused for longest */
	EXPECT_TRUE(address_of(w.a.neighbour(ip4(10, 0, 0, 17))) == station(17));
}

EDU_TEST(arp, an_asker_without_room_is_answered_and_dropped_once, "ARP-8", "ARP-12")
{
	world w;

	socket from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_max_entries, 4);
	for (u8 i = 10; i < 14; i++) /* questions of ours: no stranger's word moves them */
		from.send("tlk", ip4(10, 0, 0, i), 7);
	w.settle();
	w.cable.clear();
	w.a.inject(arp_question(9, ip4(10, 0, 0, 9), w.a.address()).all());
	w.settle();
	EXPECT_EQ(w.cable.frames(ethertype_arp), 1u);
	EXPECT_EQ(w.a.counter(EDU_Arp_DropTableFull), 1u);
	EXPECT_EQ(entries(w.a), 4u);
}

EDU_TEST(arp, the_administrators_entries_do_not_count, "ARP-11", "ARP-12")
{
	world w;
	socket from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_max_entries, 4);
	for (u8 i = 20; i < 40; i++)
		ASSERT_EQ(add_neighbour(w.a, ip4(10, 0, 0, i), i, nud_permanent), 0);
	EXPECT_EQ(entries(w.a), 20u);
	for (u8 i = 100; i < 120; i++) {
		w.a.inject(arp_question(i, ip4(10, 0, 0, i), w.a.address()).all());
		w.settle();
	}
	EXPECT_EQ(entries(w.a), 24u);
	EXPECT_EQ(w.a.counter(EDU_Arp_DropTableFull), 0u);
	EXPECT_EQ(from.send("tlk", ip4(10, 0, 0, 77), 7), 3);
	for (u8 i = 20; i < 40; i++)
		EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, i)).state, nud_permanent);
}

EDU_TEST(arp, a_full_table_refuses_the_administrator_nothing, "ARP-12", "ARP-11")
{
	world w;
	socket from = w.a.udp();

	w.a.tune(EDU_TUNE_arp_max_entries, 4);
	for (u8 i = 10; i < 14; i++)
		from.send("tlk", ip4(10, 0, 0, i), 7);
	w.settle();
	EXPECT_EQ(add_neighbour(w.a, ip4(10, 0, 0, 50), 50, nud_permanent), 0);
	EXPECT_EQ(add_neighbour(w.a, ip4(10, 0, 0, 51), 51, 2), 0); /* NUD_REACHABLE */
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 50)).flags, 6u);
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 51)).flags, 2u);
	EXPECT_EQ(entries(w.a), 5u);
	/* A permanent entry that becomes an ordinary one counts from then on, and the other way round. */
	ASSERT_EQ(add_neighbour(w.a, ip4(10, 0, 0, 50), 50, 2), 0);
	EXPECT_EQ(add_neighbour(w.a, ip4(10, 0, 0, 52), 52, 2), 0);
	EXPECT_LE(entries(w.a), 5u);
	ASSERT_EQ(add_neighbour(w.a, ip4(10, 0, 0, 52), 52, nud_permanent), 0);
	edu_t_run(300000);
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 52)).state, nud_permanent);
	EXPECT_EQ(entries(w.a), 1u);
}

EDU_TEST(arp, an_entry_made_for_nothing_expires, "ARP-10")
{
	world w;
	edu_route_info route = {};

	route.destination = ip4(10, 0, 0, 77).raw();
	{
		rtnl_guard rtnl;
		ASSERT_EQ(edu_core_config_route_get(w.a.stack(), &route), 0);
	}
	EXPECT_EQ(entries(w.a), 1u);
	w.run_for(
		400000); /* rt_cache_timeout_ms: the route goes, and then nobody holds the entry */
	EXPECT_EQ(w.a.counter(EDU_Rt_CacheExpired), 1u);
	w.run_for(130000); /* arp_timeout_ms */
	EXPECT_EQ(entries(w.a), 0u);
}

EDU_TEST(arp, a_permanent_entry_learns_our_new_hardware_address, "ARP-11", "ARP-3")
{
	world w;
	socket from = w.a.udp();
	edu_dev_info info = host::ethernet(5);

	ASSERT_EQ(add_neighbour(w.a, ip4(10, 0, 0, 9), 9, nud_permanent), 0);
	from.send("tlk", ip4(10, 0, 0, 9), 7);
	w.settle();
	info.ifindex = w.a.ifindex();
	edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
	w.settle();
	w.cable.clear();
	from.send("tlk", ip4(10, 0, 0, 9), 7);
	w.settle();
	ASSERT_EQ(w.cable.frames(ethertype_ip), 1u);
	bytes frame = w.cable.frame(ethertype_ip, 0);

	EXPECT_TRUE(eth_addr::load(frame.data()) == station(9));
	EXPECT_TRUE(eth_addr::load(frame.data() + 6) == station(5));
}

EDU_TEST(arp, the_oldest_entry_goes_first, "ARP-12")
{
	world w;

	w.a.tune(EDU_TUNE_arp_max_entries, 4);
	for (u8 i = 10; i < 16; i++) {
		w.a.inject(arp_question(i, ip4(10, 0, i, i), w.a.address()).all());
		w.a.inject(arp_question(i, ip4(10, 0, 0, i), w.a.address()).all());
		w.run_for(20);
	}
	EXPECT_EQ(entries(w.a), 4u);
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 11)).ip, 0u);
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 12)).ip, ip4(10, 0, 0, 12).raw());
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 15)).ip, ip4(10, 0, 0, 15).raw());
}

EDU_TEST(arp, a_conflict_is_counted_and_our_address_defended_once, "ARP-9", "RFC5227-2.4")
{
	world w;

	w.a.inject(arp_question(9, w.a.address(), ip4(10, 0, 0, 50)).all());
	w.a.inject(arp_question(9, w.a.address(), ip4(10, 0, 0, 50)).all());
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Arp_Conflicts), 2u);
	ASSERT_EQ(w.cable.frames(ethertype_arp), 1u);
	wire::arp::repr defence = arp_of(w.cable.frame(ethertype_arp, 0));

	EXPECT_EQ(defence.sender_ip, w.a.address());
	EXPECT_EQ(defence.target_ip, w.a.address());
	EXPECT_TRUE(defence.sender_ha == station(1));
	EXPECT_EQ(entries(w.a), 0u);
}

EDU_TEST(arp, a_new_address_is_announced, "ARP-9")
{
	world w;

	ASSERT_EQ(w.a.add_address(ip4(10, 8, 0, 1), 16), 0);
	w.settle();
	ASSERT_EQ(w.cable.frames(ethertype_arp), 1u);
	wire::arp::repr said = arp_of(w.cable.frame(ethertype_arp, 0));

	EXPECT_EQ(said.sender_ip, ip4(10, 8, 0, 1));
	EXPECT_EQ(said.target_ip, ip4(10, 8, 0, 1));
	EXPECT_EQ(w.a.counter(EDU_Arp_OutAnnounces), 2u); /* and the first one, before */
}

EDU_TEST(arp, a_probe_for_our_address_is_answered, "ARP-8", "RFC5227-2.1")
{
	world w;

	w.a.inject(arp_question(9, {}, w.a.address()).all());
	w.settle();
	ASSERT_EQ(w.cable.frames(ethertype_arp), 1u);
	EXPECT_EQ(arp_of(w.cable.frame(ethertype_arp, 0)).sender_ip, w.a.address());
	EXPECT_EQ(entries(w.a), 0u);
}

EDU_TEST(arp, every_malformed_packet_has_its_counter, "ARP-7", "RFC826")
{
	struct fault {
		size_t at; /* octet of the ARP packet that is changed */
		u8 value;
		edu_counter counter;
	};
	static constexpr fault faults[] = {
		{1, 9, EDU_Arp_DropHardwareType},     {2, 0x86, EDU_Arp_DropProtocolType},
		{4, 8, EDU_Arp_DropAddressLength},    {5, 16, EDU_Arp_DropAddressLength},
		{7, 9, EDU_Arp_DropOpcode},	      {7, 3, EDU_Arp_DropOpcode},
		{8, 1, EDU_Arp_DropSourceAddress},    {14, 224, EDU_Arp_DropSourceAddress},
		{14, 127, EDU_Arp_DropSourceAddress},
	};
	world w;

	for (const fault &f : faults) {
		handmade frame = arp_question(9, ip4(10, 0, 0, 9), w.a.address());
		u64 before = w.a.counter(f.counter);

		frame.octet[14 + f.at] = f.value;
		w.a.inject(frame.all());
		w.settle();
		EXPECT_EQ(w.a.counter(f.counter), before + 1);
	}
	handmade cut = arp_question(9, ip4(10, 0, 0, 9), w.a.address());

	w.a.inject(cut.all().first(14 + 27));
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Arp_DropShort), 1u);
	w.a.inject(arp_question(9, ip4(10, 0, 0, 255), w.a.address()).all());
	w.a.inject(arp_question(1, ip4(10, 0, 0, 9), w.a.address()).all()); /* our own, come back */
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Arp_DropSourceAddress), 5u);
	EXPECT_EQ(w.cable.frames(), 0u);
	EXPECT_EQ(entries(w.a), 0u);
}

EDU_TEST(arp, a_device_that_cannot_do_arp_is_never_asked, "OVER-10")
{
	nothing_left check;
	cable c;
	host h;
	edu_dev_info info = host::ethernet(1);

	info.flags |= iff_noarp;
	int ifindex = edu_t_dev_new(h.get(), c.get(), &info);
	edu_addr_info addr = {};

	addr.ifindex = ifindex;
	addr.local = addr.peer = ip4(10, 0, 0, 1).raw();
	addr.prefix_len = 24;
	{
		rtnl_guard rtnl;
		ASSERT_EQ(edu_core_config_addr_add(h.stack(), &addr, EDU_CONFIG_CREATE), 0);
	}
	socket from = h.udp();
	EXPECT_EQ(from.send("tlk", ip4(10, 0, 0, 2), 7), 3);
	edu_t_run(0);
	EXPECT_EQ(c.frames(ethertype_arp), 0u);
	EXPECT_EQ(c.frames(ethertype_ip), 1u);
	handmade question = arp_question(9, ip4(10, 0, 0, 9), ip4(10, 0, 0, 1));
	edu_t_inject(h.get(), ifindex, question.octet, static_cast<u32>(question.length));
	edu_t_run(0);
	EXPECT_EQ(c.frames(ethertype_arp), 0u);
}

EDU_TEST(arp, groups_and_broadcasts_need_no_question, "OVER-9", "RFC1112-6.4")
{
	world w;
	socket from = w.a.udp();

	from.set(sol_socket, 6, 1); /* SO_BROADCAST */
	EXPECT_EQ(from.send("tlk", ip4(10, 0, 0, 255), 7), 3);
	w.settle();
	EXPECT_EQ(w.cable.frames(ethertype_arp), 0u);
	ASSERT_EQ(w.cable.frames(ethertype_ip), 1u);
	EXPECT_TRUE(eth_addr::load(w.cable.frame(0).data()).is_broadcast());
	w.cable.clear();
	ASSERT_EQ(w.a.add_route(ip4(224, 0, 0, 0), 4, w.b.address()), 0);
	EXPECT_EQ(from.send("tlk", ip4(224, 129, 0, 1), 7), 3);
	w.settle();
	ASSERT_EQ(w.cable.frames(ethertype_ip), 1u);
	EXPECT_TRUE(eth_addr::load(w.cable.frame(ethertype_ip, 0).data()) ==
		    (eth_addr{{1, 0, 0x5e, 1, 0, 1}}));
}

EDU_TEST(arp, the_administrator_may_set_look_up_and_delete, "ARP-1", "ARP-11")
{
	world w;
	edu_neigh_info neigh = {};

	ASSERT_EQ(add_neighbour(w.a, ip4(10, 0, 0, 9), 9, 0), 0);
	EXPECT_EQ(add_neighbour(w.a, ip4(224, 0, 0, 9), 9, 0), -22);
	EXPECT_EQ(w.a.neighbour(ip4(10, 0, 0, 9)).flags, 2u);
	neigh.ip = ip4(10, 0, 0, 9).raw();
	neigh.ifindex = w.a.ifindex();
	rtnl_guard rtnl;
	EXPECT_EQ(edu_core_config_neigh_del(w.a.stack(), &neigh), 0);
	EXPECT_EQ(edu_core_config_neigh_del(w.a.stack(), &neigh), -2); /* ENOENT */
	EXPECT_EQ(edu_core_config_neigh_get(w.a.stack(), &neigh), -6); /* ENXIO */
	neigh.ifindex = 77;
	EXPECT_EQ(edu_core_config_neigh_add(w.a.stack(), &neigh, EDU_CONFIG_CREATE), -19);
}

} // namespace edu::test
