// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interfaces and their addresses: what is ours, what is everybody, what goes with what.
 *
 * Requirements: OVER-1, DEV-1, LAYER-3; RFC 1122 3.2.1.3 and 3.3.6.
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"
#include "stack.hh"

namespace edu::test {
namespace {

unsigned int count_addresses(host &h)
{
	edu_cursor at = {};
	edu_addr_info addr = {};
	unsigned int n = 0;

	while (edu_core_addr_next(h.stack(), &at, &addr))
		n += addr.ifindex == h.ifindex();
	return n;
}

route_type kind_of(host &h, be32 addr)
{
	return inet_addr_type(*h.stack(), addr);
}

} // namespace

EDU_TEST(interface, an_address_is_ours_and_its_subnet_has_broadcasts, "OVER-1", "RFC1122-3.3.6")
{
	world w;

	EXPECT_EQ(kind_of(w.a, ip4(10, 0, 0, 1)), route_type::local);
	EXPECT_EQ(kind_of(w.a, ip4(10, 0, 0, 2)), route_type::unicast);
	EXPECT_EQ(kind_of(w.a, ip4(10, 0, 0, 255)), route_type::broadcast);
	EXPECT_EQ(kind_of(w.a, ip4(10, 0, 0, 0)), route_type::broadcast);
	EXPECT_EQ(kind_of(w.a, ip4(255, 255, 255, 255)), route_type::broadcast);
	EXPECT_EQ(kind_of(w.a, ip4(224, 0, 0, 9)), route_type::multicast);
}

EDU_TEST(interface, all_of_net_127_is_this_host, "RFC1122-3.2.1.3")
{
	world w;

	EXPECT_EQ(kind_of(w.a, ip4(127, 0, 0, 1)), route_type::local);
	EXPECT_EQ(kind_of(w.a, ip4(127, 200, 3, 4)), route_type::local);
	EXPECT_EQ(kind_of(w.a, ip4(126, 255, 255, 255)), route_type::unicast);
}

EDU_TEST(interface, a_31_bit_prefix_has_no_broadcast, "OVER-1", "RFC3021")
{
	world w;

	ASSERT_EQ(w.a.add_address(ip4(10, 9, 9, 0), 31), 0);
	EXPECT_EQ(kind_of(w.a, ip4(10, 9, 9, 0)), route_type::local);
	EXPECT_EQ(kind_of(w.a, ip4(10, 9, 9, 1)), route_type::unicast);
}

EDU_TEST(interface, impossible_addresses_are_refused, "OVER-1")
{
	world w;

	EXPECT_EQ(w.a.add_address(ip4(10, 0, 0, 1), 24), -17); /* EEXIST */
	EXPECT_EQ(w.a.add_address(ip4(224, 0, 0, 1), 24), -22);
	EXPECT_EQ(w.a.add_address(ip4(0, 0, 0, 0), 24), -22);
	EXPECT_EQ(w.a.add_address(ip4(255, 255, 255, 255), 32), -22);
	EXPECT_EQ(w.a.add_address(ip4(10, 0, 0, 9), 33), -22);
	EXPECT_EQ(w.a.del_address(ip4(10, 0, 0, 9), 24), -99); /* EADDRNOTAVAIL */

	edu_addr_info nowhere = {};

	nowhere.ifindex = 77;
	nowhere.local = ip4(10, 0, 0, 9).raw();
	nowhere.prefix_len = 24;
	rtnl_guard rtnl;
	EXPECT_EQ(edu_core_config_addr_add(w.a.stack(), &nowhere, EDU_CONFIG_CREATE), -19);
}

EDU_TEST(interface, secondaries_go_with_their_primary, "OVER-1")
{
	world w;

	ASSERT_EQ(w.a.add_address(ip4(10, 0, 0, 11), 24), 0);
	ASSERT_EQ(w.a.add_address(ip4(10, 5, 0, 1), 16), 0);
	EXPECT_EQ(count_addresses(w.a), 3u);
	ASSERT_EQ(w.a.del_address(ip4(10, 0, 0, 1), 24), 0);
	EXPECT_EQ(count_addresses(w.a), 1u);
	EXPECT_EQ(kind_of(w.a, ip4(10, 0, 0, 11)), route_type::unicast);
	EXPECT_EQ(kind_of(w.a, ip4(10, 0, 0, 255)), route_type::unicast);
	EXPECT_EQ(kind_of(w.a, ip4(10, 5, 0, 1)), route_type::local);
}

EDU_TEST(interface, an_iteration_shows_each_address_once_while_others_go, "DEV-1")
{
	world w;
	edu_cursor at = {};
	edu_addr_info addr = {};
	u32 seen = 0;

	for (u8 i = 20; i < 30; i++)
		ASSERT_EQ(w.a.add_address(ip4(10, i, 0, 1), 16), 0);
	while (edu_core_addr_next(w.a.stack(), &at, &addr)) {
		u8 second = static_cast<u8>(be32::from_raw(addr.local).host() >> 16);

		if (addr.ifindex != w.a.ifindex() || second < 20)
			continue;
		EXPECT_EQ(seen & 1u << second, 0u);
		seen |= 1u << second;
		if (second % 2 == 0) /* the one just shown goes: the next must not be missed */
			w.a.del_address(ip4(10, second, 0, 1), 16);
	}
	EXPECT_EQ(seen, 0x3ff00000u);
}

EDU_TEST(interface, interfaces_are_listed_by_index, "DEV-1")
{
	world w;
	edu_cursor at = {};
	edu_iface_info info = {};

	ASSERT_EQ(edu_core_iface_next(w.a.stack(), &at, &info), 1);
	EXPECT_EQ(info.dev.ifindex, 1);
	ASSERT_EQ(edu_core_iface_next(w.a.stack(), &at, &info), 1);
	EXPECT_EQ(info.dev.ifindex, w.a.ifindex());
	EXPECT_EQ(info.addresses, 1u);
	EXPECT_EQ(edu_core_iface_next(w.a.stack(), &at, &info), 0);
}

EDU_TEST(interface, a_device_that_is_down_sends_and_takes_nothing, "LAYER-3")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();
	edu_dev_info info = host::ethernet(1);

	info.flags &= ~iff_up;
	edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
	EXPECT_EQ(from.send("tlk", w.b.address(), 7), -101); /* ENETUNREACH: its route is dead */
	w.a.inject(arp_question(9, ip4(10, 0, 0, 9), w.a.address()).all());
	w.settle();
	EXPECT_EQ(w.cable.frames(), 0u);

	info.flags |= iff_up;
	edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
	EXPECT_EQ(from.send("tlk", w.b.address(), 7), 3);
	w.settle();
	EXPECT_EQ(to.receive().length, 3);
}

EDU_TEST(interface, a_vanished_device_leaves_no_trace_in_any_table, "LAYER-3")
{
	world w;
	socket from = w.a.udp();
	edu_cursor neighbours = {}, addresses = {}, routes = {};
	edu_neigh_info neigh = {};
	edu_addr_info addr = {};
	edu_route_info route = {};
	unsigned int others = 0;

	from.send("tlk", ip4(10, 0, 0, 77), 7);
	ASSERT_EQ(w.a.add_route(ip4(0, 0, 0, 0), 0, w.b.address()), 0);
	edu_t_dev_gone(w.a.get(), w.a.ifindex());
	w.settle();
	EXPECT_EQ(edu_core_neigh_next(w.a.stack(), &neighbours, &neigh), 0);
	EXPECT_EQ(edu_core_route_next(w.a.stack(), &routes, &route), 0);
	while (edu_core_addr_next(w.a.stack(), &addresses, &addr))
		others += addr.ifindex != 1;
	EXPECT_EQ(others, 0u);
	EXPECT_EQ(w.a.counter(EDU_Arp_DropNotUp), 1u); /* the packet that waited */
}

} // namespace edu::test
