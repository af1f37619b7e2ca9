// SPDX-License-Identifier: GPL-2.0-only
/*
 * RARP: the server and its table.
 *
 * Requirements: OVER-11; RFC 903.
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"
#include "stack.hh"

namespace edu::test {
namespace {

constexpr u16 ethertype_rarp = 0x8035;

handmade rarp_frame(wire::arp::operation op, u8 asker, u8 about, be32 sender_ip = {},
		    be32 target_ip = {})
{
	handmade f = arp_frame({op, station(asker), sender_ip, station(about), target_ip},
			       eth_addr::broadcast());

	store_be16(&f.octet[12], ethertype_rarp);
	return f;
}

handmade rarp_question(u8 asker, u8 about)
{
	return rarp_frame(wire::arp::operation::reverse_request, asker, about);
}

int set_rarp(host &h, be32 ip, u8 n, int ifindex = 0)
{
	edu_rarp_info info = {};

	info.ip = ip.raw();
	info.ifindex = ifindex;
	info.hardware_len = 6;
	station(n).store(info.hardware_address);
	rtnl_guard rtnl;
	return edu_core_config_rarp_set(h.stack(), &info);
}

int del_rarp(host &h, be32 ip)
{
	rtnl_guard rtnl;

	return edu_core_config_rarp_del(h.stack(), ip.raw());
}

unsigned int rarp_entries(host &h)
{
	edu_cursor at = {};
	edu_rarp_info info = {};
	unsigned int n = 0;

	while (edu_core_rarp_next(h.stack(), &at, &info))
		n++;
	return n;
}

} // namespace

EDU_TEST(rarp, a_question_is_answered_from_the_table, "OVER-11", "RFC903")
{
	world w;

	ASSERT_EQ(set_rarp(w.a, ip4(10, 0, 0, 50), 9), 0);
	w.a.inject(rarp_question(9, 9).all());
	w.settle();
	ASSERT_EQ(w.cable.frames(ethertype_rarp), 1u);
	bytes frame = w.cable.frame(ethertype_rarp, 0);
	wire::arp::repr said = wire::arp::view::checked(frame.subspan(14)).header.parse();

	EXPECT_TRUE(eth_addr::load(frame.data()) == station(9));
	EXPECT_EQ(said.op, wire::arp::operation::reverse_reply);
	EXPECT_TRUE(said.sender_ha == station(1) && said.target_ha == station(9));
	EXPECT_EQ(said.sender_ip, w.a.address());
	EXPECT_EQ(said.target_ip, ip4(10, 0, 0, 50));
	EXPECT_EQ(w.a.counter(EDU_Rarp_InRequests), 1u);
	EXPECT_EQ(w.a.counter(EDU_Rarp_OutReplies), 1u);
}

EDU_TEST(rarp, one_station_may_ask_for_another, "OVER-11", "RFC903")
{
	world w;

	ASSERT_EQ(set_rarp(w.a, ip4(10, 0, 0, 50), 9), 0);
	w.a.inject(rarp_question(7, 9).all());
	w.settle();
	ASSERT_EQ(w.cable.frames(ethertype_rarp), 1u);
	bytes frame = w.cable.frame(ethertype_rarp, 0);

	EXPECT_TRUE(eth_addr::load(frame.data()) == station(7));
	EXPECT_TRUE(eth_addr::load(frame.data() + 32) == station(9));
}

EDU_TEST(rarp, who_is_not_in_the_table_is_not_answered, "OVER-11")
{
	world w;

	ASSERT_EQ(set_rarp(w.a, ip4(10, 0, 0, 50), 9), 0);
	w.a.inject(rarp_question(9, 8).all());
	w.settle();
	EXPECT_EQ(w.cable.frames(), 0u);
	EXPECT_EQ(w.a.counter(EDU_Rarp_DropUnknown), 1u);
	ASSERT_EQ(del_rarp(w.a, ip4(10, 0, 0, 50)), 0);
	EXPECT_EQ(del_rarp(w.a, ip4(10, 0, 0, 50)), -6); /* ENXIO */
	w.a.inject(rarp_question(9, 9).all());
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Rarp_DropUnknown), 2u);
}

EDU_TEST(rarp, an_entry_serves_its_own_interface_only, "OVER-11")
{
	nothing_left check;
	class cable one, other;
	host h;
	int first = h.plug(one, 1);

	h.add_address(ip4(10, 0, 0, 1), 24);
	h.plug(other, 2);
	h.add_address(ip4(10, 1, 0, 1), 24);
	ASSERT_EQ(set_rarp(h, ip4(10, 0, 0, 50), 9), 0); /* on the first one's link */
	h.inject(rarp_question(9, 9).all());
	edu_t_run(0);
	EXPECT_EQ(h.counter(EDU_Rarp_DropUnknown), 1u);
	ASSERT_EQ(set_rarp(h, ip4(10, 0, 0, 51), 9, h.ifindex()), 0);
	h.inject(rarp_question(9, 9).all());
	edu_t_run(0);
	EXPECT_EQ(other.frames(ethertype_rarp), 1u);
	EXPECT_EQ(rarp_entries(h), 2u);
	edu_t_dev_gone(h.get(), first);
	EXPECT_EQ(rarp_entries(h), 1u);
}

EDU_TEST(rarp, an_entry_replaces_that_of_its_station_and_of_its_address, "OVER-11")
{
	world w;
	edu_rarp_info info = {};

	ASSERT_EQ(set_rarp(w.a, ip4(10, 0, 0, 50), 9), 0);
	ASSERT_EQ(set_rarp(w.a, ip4(10, 0, 0, 51), 8), 0);
	ASSERT_EQ(set_rarp(w.a, ip4(10, 0, 0, 50), 8), 0);
	EXPECT_EQ(rarp_entries(w.a), 1u);
	info.ip = ip4(10, 0, 0, 50).raw();
	{
		rtnl_guard rtnl;
		ASSERT_EQ(edu_core_config_rarp_get(w.a.stack(), &info), 0);
	}
	EXPECT_TRUE(eth_addr::load(info.hardware_address) == station(8));
	EXPECT_EQ(info.ifindex, w.a.ifindex());
}

EDU_TEST(rarp, the_table_is_bounded_and_picky, "OVER-11")
{
	world w;

	w.a.tune(EDU_TUNE_rarp_max_entries, 2);
	ASSERT_EQ(set_rarp(w.a, ip4(10, 0, 0, 50), 9), 0);
	ASSERT_EQ(set_rarp(w.a, ip4(10, 0, 0, 51), 8), 0);
	EXPECT_EQ(set_rarp(w.a, ip4(10, 0, 0, 52), 7), -105);	/* ENOBUFS */
	EXPECT_EQ(set_rarp(w.a, ip4(10, 0, 0, 51), 7), 0);	/* in the place of another */
	EXPECT_EQ(set_rarp(w.a, ip4(192, 168, 0, 1), 7), -101); /* ENETUNREACH */
	EXPECT_EQ(set_rarp(w.a, ip4(10, 0, 0, 52), 7, 77), -19);
	EXPECT_EQ(set_rarp(w.a, ip4(224, 0, 0, 1), 7), -22);
	edu_t_fail_alloc(1);
	EXPECT_EQ(set_rarp(w.a, ip4(10, 0, 0, 50), 9), -12);
	edu_t_fail_alloc(0);
	EXPECT_EQ(rarp_entries(w.a), 2u);
}

EDU_TEST(rarp, every_malformed_packet_has_its_counter, "OVER-11", "RFC903")
{
	struct fault {
		size_t at; /* octet of the RARP packet that is changed */
		u8 value;
		edu_counter counter;
	};
	static constexpr fault faults[] = {
		{1, 9, EDU_Rarp_DropFormat},   {2, 0x86, EDU_Rarp_DropFormat},
		{4, 8, EDU_Rarp_DropFormat},   {5, 16, EDU_Rarp_DropFormat},
		{7, 9, EDU_Rarp_DropOpcode},   {7, 1, EDU_Rarp_DropOpcode},
		{7, 4, EDU_Rarp_DropNotForUs}, {8, 1, EDU_Rarp_DropSourceAddress},
	};
	world w;

	ASSERT_EQ(set_rarp(w.a, ip4(10, 0, 0, 50), 9), 0);
	for (const fault &f : faults) {
		handmade frame = rarp_question(9, 9);
		u64 before = w.a.counter(f.counter);

		frame.octet[14 + f.at] = f.value;
		w.a.inject(frame.all());
		w.settle();
		EXPECT_EQ(w.a.counter(f.counter), before + 1);
	}
	w.a.inject(rarp_question(9, 9).all().first(14 + 27));
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Rarp_DropShort), 1u);
	EXPECT_EQ(w.cable.frames(), 0u);
}

} // namespace edu::test
