// SPDX-License-Identifier: GPL-2.0-only
/*
 * The FIB: which route wins, what may be added, and that size does not matter.
 *
 * Requirements: OVER-4, ROUTE-1 … ROUTE-5, ROUTE-8; RFC 1122 3.3.1, 3.3.4.3.
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"
#include "ip/fib.hh"
#include "stack.hh"

namespace edu::test {
namespace {

/* What edu_core_config_route_get() says; .type 0 and the errno in .metric when there is none. */
edu_route_info route_to(host &h, be32 dst, u8 tos = 0)
{
	edu_route_info route = {};
	rtnl_guard rtnl;

	route.destination = dst.raw();
	route.tos = tos;
	int error = edu_core_config_route_get(h.stack(), &route);
	if (error) {
		route = {};
		route.metric = static_cast<u32>(-error);
	}
	return route;
}

be32 gateway_to(host &h, be32 dst)
{
	return be32::from_raw(route_to(h, dst).gateway);
}

int add(host &h, edu_route_info route, unsigned int how = EDU_CONFIG_CREATE | EDU_CONFIG_EXCL)
{
	rtnl_guard rtnl;

	return edu_core_config_route_add(h.stack(), &route, how);
}

edu_route_info to(be32 dst, u8 prefix_len, be32 gateway)
{
	edu_route_info route = {};

	route.destination = dst.raw();
	route.prefix_len = prefix_len;
	route.gateway = gateway.raw();
	route.type = 1;
	route.protocol = 4;
	return route;
}

constexpr be32 gw1 = ip4(10, 0, 0, 101), gw2 = ip4(10, 0, 0, 102), gw3 = ip4(10, 0, 0, 103);

} // namespace

EDU_TEST(fib, an_address_makes_a_connected_route, "OVER-4", "ROUTE-1")
{
	world w;
	edu_route_info direct = route_to(w.a, ip4(10, 0, 0, 9));

	EXPECT_EQ(direct.type, 1u);
	EXPECT_EQ(direct.gateway, 0u);
	EXPECT_EQ(direct.ifindex, w.a.ifindex());
	EXPECT_EQ(direct.source, w.a.address().raw());
	ASSERT_EQ(w.a.del_address(w.a.address(), 24), 0);
	EXPECT_EQ(route_to(w.a, ip4(10, 0, 0, 9)).metric, 101u);
}

EDU_TEST(fib, the_longest_mask_wins, "ROUTE-1", "RFC1122-3.3.1")
{
	world w;

	ASSERT_EQ(w.a.add_route(ip4(0, 0, 0, 0), 0, gw1), 0);
	ASSERT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, gw2), 0);
	ASSERT_EQ(w.a.add_route(ip4(172, 16, 9, 0), 24, gw3), 0);
	ASSERT_EQ(w.a.add_route(ip4(172, 16, 9, 9), 32, gw1), 0);
	EXPECT_EQ(gateway_to(w.a, ip4(8, 8, 8, 8)), gw1);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 31, 0, 1)), gw2);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 16, 9, 1)), gw3);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 16, 9, 9)), gw1);
	ASSERT_EQ(w.a.del_route(ip4(172, 16, 9, 0), 24, gw3), 0);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 16, 9, 1)), gw2);
}

EDU_TEST(fib, no_route_fails_the_send, "ROUTE-8")
{
	world w;
	socket from = w.a.udp();

	EXPECT_EQ(from.send("tlk", ip4(8, 8, 8, 8), 7), -101);
	EXPECT_EQ(w.a.counter(EDU_Rt_FibMisses), 1u);
}

EDU_TEST(fib, the_least_metric_wins_and_the_next_when_its_device_is_down, "ROUTE-3")
{
	world w;
	cable other;
	be32 far_gateway = ip4(10, 7, 0, 9);
	int first = w.a.ifindex();

	w.a.plug(other, 7);
	ASSERT_EQ(w.a.add_address(ip4(10, 7, 0, 1), 24), 0);
	ASSERT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, far_gateway, 20), 0);
	ASSERT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, gw1, 10), 0);
	ASSERT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, gw2, 30), 0);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 16, 0, 1)), gw1);

	edu_dev_info info = host::ethernet(1);
	info.flags &= ~iff_up;
	edu_t_dev_change(w.a.get(), first, &info);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 16, 0, 1)), far_gateway);
	info.flags |= iff_up;
	edu_t_dev_change(w.a.get(), first, &info);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 16, 0, 1)), gw1);
	edu_t_dev_gone(w.a.get(), first);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 16, 0, 1)), far_gateway);
	edu_t_dev_gone(w.a.get(), w.a.ifindex());
}

EDU_TEST(fib, a_route_for_one_tos_is_preferred_for_it, "ROUTE-3")
{
	world w;
	edu_route_info fast = to(ip4(172, 16, 0, 0), 12, gw2);

	fast.tos = 0x10;
	ASSERT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, gw1), 0);
	ASSERT_EQ(add(w.a, fast), 0);
	EXPECT_EQ(be32::from_raw(route_to(w.a, ip4(172, 16, 0, 1), 0x10).gateway), gw2);
	EXPECT_EQ(be32::from_raw(route_to(w.a, ip4(172, 16, 0, 1)).gateway), gw1);
}

EDU_TEST(fib, a_gateway_must_be_on_a_link, "ROUTE-3", "ROUTE-4")
{
	world w;

	EXPECT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, ip4(10, 77, 0, 1)), -101);
	EXPECT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, w.a.address()), -22);
	EXPECT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, ip4(10, 0, 0, 255)), -22);
	ASSERT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, gw1), 0);
	/* Not through another gateway. */
	EXPECT_EQ(w.a.add_route(ip4(172, 32, 0, 0), 12, ip4(172, 16, 0, 1)), -101);
}

EDU_TEST(fib, bad_requests_get_linuxs_errors, "ROUTE-4")
{
	world w;
	edu_route_info route = to(ip4(172, 16, 0, 0), 12, gw1);

	ASSERT_EQ(add(w.a, route), 0);
	EXPECT_EQ(add(w.a, route), -17);			    /* EEXIST */
	EXPECT_EQ(add(w.a, route, EDU_CONFIG_CREATE), -17);	    /* the very same */
	EXPECT_EQ(w.a.add_route(ip4(172, 16, 0, 1), 12, gw1), -22); /* bits beyond the mask */
	EXPECT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 33, gw1), -22);
	EXPECT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 13, {}), -19); /* by which device? */
	EXPECT_EQ(w.a.del_route(ip4(172, 16, 0, 0), 13, gw1), -3); /* ESRCH */
	EXPECT_EQ(w.a.del_route(ip4(172, 16, 0, 0), 12, gw2), -3);
	route.destination = ip4(172, 48, 0, 0).raw();
	EXPECT_EQ(add(w.a, route, EDU_CONFIG_REPLACE), -2); /* ENOENT */
	route.ifindex = 77;
	EXPECT_EQ(add(w.a, route), -19);
	route.ifindex = 0;
	route.source = ip4(9, 9, 9, 9).raw();
	EXPECT_EQ(add(w.a, route), -22); /* not our address */
	route.source = 0;
	route.type = 42;
	EXPECT_EQ(add(w.a, route), -22);
}

EDU_TEST(fib, replace_exchanges_the_gateway, "ROUTE-4", "ROUTE-5")
{
	world w;
	edu_route_info route = to(ip4(172, 16, 0, 0), 12, gw1);

	ASSERT_EQ(add(w.a, route), 0);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 16, 0, 1)), gw1);
	route.gateway = gw2.raw();
	ASSERT_EQ(add(w.a, route, EDU_CONFIG_CREATE | EDU_CONFIG_REPLACE), 0);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 16, 0, 1)), gw2);
	ASSERT_EQ(w.a.del_route(ip4(172, 16, 0, 0), 12, gw2), 0);
	EXPECT_EQ(route_to(w.a, ip4(172, 16, 0, 1)).metric, 101u);
}

EDU_TEST(fib, routes_that_lead_nowhere_say_why, "ROUTE-8")
{
	world w;
	edu_route_info route = to(ip4(172, 16, 0, 0), 24, {});

	ASSERT_EQ(w.a.add_route(ip4(0, 0, 0, 0), 0, gw1), 0);
	route.type = 6;
	ASSERT_EQ(add(w.a, route), 0);
	EXPECT_EQ(route_to(w.a, ip4(172, 16, 0, 1)).metric, 22u); /* blackhole: EINVAL */
	route.type = 7;
	ASSERT_EQ(add(w.a, route, EDU_CONFIG_CREATE | EDU_CONFIG_REPLACE), 0);
	EXPECT_EQ(route_to(w.a, ip4(172, 16, 0, 1)).metric, 113u); /* EHOSTUNREACH */
	route.type = 8;
	ASSERT_EQ(add(w.a, route, EDU_CONFIG_CREATE | EDU_CONFIG_REPLACE), 0);
	EXPECT_EQ(route_to(w.a, ip4(172, 16, 0, 1)).metric, 13u); /* prohibit: EACCES */
}

EDU_TEST(fib, the_preferred_source_is_used_and_ends_with_its_address, "ROUTE-1", "RFC1122-3.3.4.3")
{
	world w;
	edu_route_info route = to(ip4(172, 16, 0, 0), 12, gw1);

	ASSERT_EQ(w.a.add_address(ip4(10, 5, 0, 1), 32), 0);
	route.source = ip4(10, 5, 0, 1).raw();
	ASSERT_EQ(add(w.a, route), 0);
	EXPECT_EQ(route_to(w.a, ip4(172, 16, 0, 1)).source, ip4(10, 5, 0, 1).raw());
	EXPECT_EQ(route_to(w.a, ip4(10, 0, 0, 9)).source, ip4(10, 0, 0, 1).raw());
	ASSERT_EQ(w.a.del_address(ip4(10, 5, 0, 1), 32), 0);
	EXPECT_EQ(route_to(w.a, ip4(172, 16, 0, 1)).metric, 101u);
}

EDU_TEST(fib, the_source_lies_in_the_gateways_subnet, "RFC1122-3.3.4.3")
{
	world w;

	ASSERT_EQ(w.a.add_address(ip4(10, 5, 0, 1), 24), 0);
	ASSERT_EQ(w.a.add_route(ip4(0, 0, 0, 0), 0, ip4(10, 5, 0, 9)), 0);
	EXPECT_EQ(route_to(w.a, ip4(8, 8, 8, 8)).source, ip4(10, 5, 0, 1).raw());
}

EDU_TEST(fib, equal_ways_share_one_fib_info, "ROUTE-1")
{
	world w;

	u32 before = w.a.stack()->fib.infos.size();
	for (u8 i = 0; i < 40; i++)
		ASSERT_EQ(w.a.add_route(ip4(172, 16, i, 0), 24, gw1), 0);
	EXPECT_EQ(w.a.stack()->fib.infos.size(), before + 1);
	for (u8 i = 0; i < 40; i++)
		ASSERT_EQ(w.a.del_route(ip4(172, 16, i, 0), 24, gw1), 0);
	w.run_for(1);
	EXPECT_EQ(w.a.stack()->fib.infos.size(), before);
}

EDU_TEST(fib, a_zone_past_16_routes_gets_a_hash_table_and_finds_all, "ROUTE-2")
{
	world w;
	const auto &zones = w.a.stack()->fib.fib_zones;

	for (u32 i = 0; i < 1000; i++) {
		be32 dst{0xac100000u + (i << 8)};

		ASSERT_EQ(w.a.add_route(dst, 24, i % 2 ? gw1 : gw2), 0);
		if (i == 14) /* and the connected route */
			EXPECT_FALSE(zones[24].load_locked()->is_hashed());
		if (i % 16 == 0)
			w.settle(); /* a table grows again once the last one has been freed */
	}
	EXPECT_TRUE(zones[24].load_locked()->is_hashed());
	EXPECT_EQ(zones[24].load_locked()->fz_nent, 1001u);
	EXPECT_GE(zones[24].load_locked()->fz_hash_table.load_locked()->mask, 511u);
	for (u32 i = 0; i < 1000; i += 7)
		EXPECT_EQ(gateway_to(w.a, be32{0xac100001u + (i << 8)}), i % 2 ? gw1 : gw2);
	for (u32 i = 0; i < 1000; i += 2)
		ASSERT_EQ(w.a.del_route(be32{0xac100000u + (i << 8)}, 24, gw2), 0);
	EXPECT_EQ(route_to(w.a, ip4(172, 16, 0, 1)).metric, 101u);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 16, 1, 1)), gw1);
}

EDU_TEST(fib, an_iteration_shows_each_route_once_while_the_zone_grows, "ROUTE-5")
{
	world w;
	edu_cursor at = {};
	edu_route_info route = {};
	unsigned int shown = 0, first = 0;

	for (u8 i = 0; i < 12; i++)
		ASSERT_EQ(w.a.add_route(ip4(172, 16, i, 0), 24, gw1), 0);
	while (edu_core_route_next(w.a.stack(), &at, &route)) {
		first += be32::from_raw(route.destination).host() >> 8 < 0xac100c &&
			 be32::from_raw(route.destination).host() >> 16 == 0xac10;
		if (++shown == 5)
			for (u8 i = 100; i < 140; i++)
				ASSERT_EQ(w.a.add_route(ip4(172, 16, i, 0), 24, gw1), 0);
	}
	EXPECT_EQ(first, 12u);
	EXPECT_GE(shown, 13u);
	EXPECT_LE(shown, 53u);
}

EDU_TEST(fib, an_iteration_shows_once_what_stays_while_others_come_and_go, "ROUTE-5", "ROUTE-2")
{
	world w;
	edu_cursor at = {};
	edu_route_info route = {};
	unsigned int stay = 0, turn = 0;

	for (u8 i = 0; i < 200; i++)
		ASSERT_EQ(w.a.add_route(ip4(172, 16, i, 0), 24, gw1), 0);
	while (edu_core_route_next(w.a.stack(), &at, &route)) {
		u32 dst = be32::from_raw(route.destination).host();

		stay += dst >> 16 == 0xac10 && (dst >> 8 & 0xff) < 200;
		turn++;
		if (turn < 200) /* the table doubles twice meanwhile */
			for (u8 i = 0; i < 4; i++)
				ASSERT_EQ(w.a.add_route(be32{0x14000000u + (turn * 4 + i) * 256},
							24, gw2),
					  0);
		if (turn % 50 == 0)
			w.settle();
		if (turn % 2)
			(void)w.a.del_route(be32{0x14000000u + turn * 1024}, 24, gw2);
	}
	EXPECT_EQ(stay, 200u);
}

namespace {

/* A table as simple as can be, to compare with. */
struct naive_fib {
	static constexpr u32 most = 600;
	struct entry {
		be32 dst;
		u8 prefix_len;
		u32 metric;
		be32 gateway;
		bool there;
	} entries[most];

	/* The gateway of the best route, zero when there is none. */
	be32 look_up(be32 dst) const
	{
		const entry *best = nullptr;

		for (const entry &one : entries) {
			if (!one.there || !wire::ipv4::in_prefix(dst, one.dst, one.prefix_len))
				continue;
			if (!best || one.prefix_len > best->prefix_len ||
			    (one.prefix_len == best->prefix_len && one.metric < best->metric))
				best = &one;
		}
		return best ? best->gateway : be32{};
	}
};

/* Numbers that are the same in each run. */
struct dice {
	u32 state = 1996;

	u32 roll() { return (state = state * 1664525u + 1013904223u) >> 8; }
	/* An address where there are many routes. */
	be32 address() { return be32{0x14000000u | (roll() & 0x000f0fff)}; }
};

/* One random change, made in both; false when they disagree whether it can be made. */
bool change_both(host &h, naive_fib &model, dice &chance)
{
	naive_fib::entry &one = model.entries[chance.roll() % naive_fib::most];

	if (one.there) {
		one.there = false;
		return !h.del_route(one.dst, one.prefix_len, one.gateway, one.metric);
	}
	one.prefix_len = static_cast<u8>(8 + chance.roll() % 25);
	one.dst = chance.address() & wire::ipv4::prefix_mask(one.prefix_len);
	one.metric = 1 + chance.roll() % 3;
	one.gateway = be32{ip4(10, 0, 0, 100).host() + chance.roll() % 100};
	bool taken = false;
	for (const naive_fib::entry &other : model.entries)
		taken |= &other != &one && other.there && other.dst == one.dst &&
			 other.prefix_len == one.prefix_len && other.metric == one.metric;
	one.there = !h.add_route(one.dst, one.prefix_len, one.gateway, one.metric);
	return one.there != taken;
}

} // namespace

EDU_TEST(fib, look_ups_are_those_of_a_naive_table_whatever_changes, "ROUTE-1", "ROUTE-2", "ROUTE-3",
	 "OVER-5")
{
	world w;
	dice chance;
	auto *model = static_cast<naive_fib *>(edu_k_table_alloc(sizeof(naive_fib)));

	ASSERT_TRUE(model != nullptr);
	for (u32 i = 0; i < 3000; i++) {
		EXPECT_TRUE(change_both(w.a, *model, chance));
		be32 dst = chance.address();
		rcu_guard guard;
		fib_result found = fib_lookup(w.a.stack()->fib, dst, 0, 0);

		EXPECT_EQ(found.node ? found.info->fib_gateway : be32{}, model->look_up(dst));
	}
	edu_k_table_free(model);
}

EDU_TEST(fib, seventy_thousand_routes_are_found_and_leave_nothing, "ROUTE-2", "OVER-5")
{
	constexpr u32 count = 70000;
	world w;
	const fib_state &fib = w.a.stack()->fib;
	auto network = [](u32 i) { return be32{0x14000000u + i * 3 * 256}; };

	for (u32 i = 0; i < count; i++) {
		ASSERT_EQ(w.a.add_route(network(i), 24, i % 2 ? gw1 : gw2), 0);
		if (i % 1024 == 0)
			w.settle();
	}
	const fib_zone &zone = *fib.fib_zones[24].load_locked();
	EXPECT_GE(zone.fz_hash_table.load_locked()->mask, count / 2);
	EXPECT_TRUE(zone.fz_present.load_locked() != nullptr);
	EXPECT_TRUE(fib.filter.load_locked() != nullptr);
	for (u32 i = 0; i < count; i += 37) {
		rcu_guard guard;
		fib_result hit = fib_lookup(fib, be32{network(i).host() + 9}, 0, 0);

		EXPECT_TRUE(hit.node && hit.info->fib_gateway == (i % 2 ? gw1 : gw2));
		EXPECT_TRUE(!fib_lookup(fib, be32{network(i).host() + 256}, 0, 0).node);
	}
	edu_t_dev_gone(w.a.get(), w.a.ifindex()); /* which takes all of them along */
	EXPECT_EQ(fib.routes, 0u);
	EXPECT_EQ(fib.filter.load_locked()
			  ->zones[network(0).host() >> fib.filter.load_locked()->shift],
		  0u);
	rcu_guard guard;
	EXPECT_TRUE(!fib_lookup(fib, network(5), 0, 0).node);
}

EDU_TEST(fib, a_gateway_that_is_silent_is_passed_over_and_tried_again, "ROUTE-3", "RFC1122-3.3.1.4")
{
	world w;
	socket from = w.a.udp();
	be32 far = ip4(172, 16, 0, 1);

	ASSERT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, gw1), 0);
	ASSERT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, w.b.address(), 10), 0);
	EXPECT_EQ(from.send("tlk", far, 7), 3);
	EXPECT_EQ(gateway_to(w.a, far), gw1);
	w.run_for(10000); /* ARP gives up */
	EXPECT_EQ(w.a.counter(EDU_Rt_DeadGateways), 1u);
	EXPECT_EQ(gateway_to(w.a, far), w.b.address());
	w.run_for(60000); /* rt_dead_gateway_ms: and the cached way is not for ever */
	EXPECT_EQ(gateway_to(w.a, far), gw1);
	/* Where nothing else leads, it is used all the same. */
	from.send("tlk", far, 7);
	w.run_for(10000);
	ASSERT_EQ(w.a.del_route(ip4(172, 16, 0, 0), 12, w.b.address(), 10), 0);
	EXPECT_EQ(gateway_to(w.a, far), gw1);
}

EDU_TEST(fib, a_silent_gateway_does_not_send_packets_by_a_shorter_prefix, "ROUTE-3",
	 "RFC1122-3.3.1.4")
{
	world w;
	socket from = w.a.udp();

	ASSERT_EQ(w.a.add_route(ip4(0, 0, 0, 0), 0, w.b.address()), 0);
	ASSERT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, gw1), 0);
	EXPECT_EQ(from.send("tlk", ip4(172, 16, 0, 1), 7), 3);
	w.run_for(10000);
	EXPECT_EQ(gateway_to(w.a, ip4(172, 16, 0, 1)), gw1);
}

EDU_TEST(fib, routes_to_one_network_are_shown_in_the_order_they_are_tried, "ROUTE-3", "ROUTE-5")
{
	world w;
	edu_cursor at = {};
	edu_route_info route = {};
	u32 metrics[8] = {}, shown = 0;

	for (u32 metric : {30u, 10u, 40u, 20u})
		ASSERT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, gw1, metric), 0);
	while (edu_core_route_next(w.a.stack(), &at, &route))
		if (route.prefix_len == 12 && shown < 8)
			metrics[shown++] = route.metric;
	ASSERT_EQ(shown, 4u);
	for (u32 i = 0; i < shown; i++)
		EXPECT_EQ(metrics[i], 10 * (i + 1));
}

/* Gateways of the routes to 172.16.0.0/12, as they are shown; of more than eight the first. */
static u32 gateways_shown(const host &h, be32 (&gateways)[8])
{
	edu_cursor at = {};
	edu_route_info route = {};
	u32 shown = 0;

	while (edu_core_route_next(h.stack(), &at, &route))
		if (route.prefix_len == 12 && shown < 8)
			gateways[shown++] = be32::from_raw(route.gateway);
	return shown;
}

EDU_TEST(fib, routes_of_one_metric_are_shown_in_the_order_they_are_tried, "ROUTE-3", "ROUTE-4",
	 "ROUTE-5")
{
	world w;
	be32 dst = ip4(172, 16, 0, 0), shown[8];
	constexpr u32 append = EDU_CONFIG_CREATE | EDU_CONFIG_APPEND;

	ASSERT_EQ(add(w.a, to(dst, 12, gw2), append), 0);
	ASSERT_EQ(add(w.a, to(dst, 12, gw3), append), 0);
	ASSERT_EQ(add(w.a, to(dst, 12, gw1), EDU_CONFIG_CREATE), 0);
	ASSERT_EQ(gateways_shown(w.a, shown), 3u);
	EXPECT_TRUE(shown[0] == gw1 && shown[1] == gw2 && shown[2] == gw3);
	/* What is replaced keeps its place, also when the table has grown meanwhile. */
	for (u32 i = 0; i < 500; i++)
		ASSERT_EQ(
			w.a.add_route(ip4(11, static_cast<u8>(i >> 4), static_cast<u8>(i << 4), 0),
				      28, gw1),
			0);
	ASSERT_EQ(w.a.del_route(dst, 12, gw1), 0);
	ASSERT_EQ(add(w.a, to(dst, 12, gw1), EDU_CONFIG_REPLACE), 0);
	ASSERT_EQ(gateways_shown(w.a, shown), 2u);
	EXPECT_TRUE(shown[0] == gw1 && shown[1] == gw3);
}

/* The numbers that keep them in order run out, at either end, and begin anew. */
EDU_TEST(fib, routes_of_one_metric_stay_in_order_however_often_one_changes, "ROUTE-4", "ROUTE-5")
{
	world w;
	be32 dst = ip4(172, 16, 0, 0), shown[8];
	constexpr u32 create = EDU_CONFIG_CREATE, append = create | EDU_CONFIG_APPEND;
	auto number_first = [&](u16 order) {
		rcu_guard guard;
		fib_lookup(w.a.stack()->fib, dst | be32{1}, 0, 0).node->fib_order = order;
	};

	ASSERT_EQ(add(w.a, to(dst, 12, gw1)), 0);
	number_first(0xfffe);
	ASSERT_EQ(add(w.a, to(dst, 12, gw2), append), 0);
	ASSERT_EQ(add(w.a, to(dst, 12, gw3), append), 0);
	ASSERT_EQ(gateways_shown(w.a, shown), 3u);
	EXPECT_TRUE(shown[0] == gw1 && shown[1] == gw2 && shown[2] == gw3);
	number_first(0);
	ASSERT_EQ(w.a.del_route(dst, 12, gw3), 0);
	ASSERT_EQ(add(w.a, to(dst, 12, gw3), create), 0);
	ASSERT_EQ(gateways_shown(w.a, shown), 3u);
	EXPECT_TRUE(shown[0] == gw3 && shown[1] == gw1 && shown[2] == gw2);
}

EDU_TEST(fib, routes_of_one_metric_go_first_or_last_as_asked, "ROUTE-3", "ROUTE-4")
{
	world w;
	be32 dst = ip4(172, 16, 0, 0);

	ASSERT_EQ(add(w.a, to(dst, 12, gw1)), 0);
	ASSERT_EQ(add(w.a, to(dst, 12, gw2), EDU_CONFIG_CREATE | EDU_CONFIG_APPEND), 0);
	EXPECT_EQ(gateway_to(w.a, dst | be32{1}), gw1);
	ASSERT_EQ(add(w.a, to(dst, 12, gw3), EDU_CONFIG_CREATE), 0);
	EXPECT_EQ(gateway_to(w.a, dst | be32{1}), gw3);
	ASSERT_EQ(w.a.del_route(dst, 12, gw3), 0);
	ASSERT_EQ(w.a.del_route(dst, 12, gw1), 0);
	EXPECT_EQ(gateway_to(w.a, dst | be32{1}), gw2);
}

} // namespace edu::test
