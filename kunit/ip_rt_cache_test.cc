// SPDX-License-Identifier: GPL-2.0-only
/*
 * The route cache: hits, bounds, age, and what makes it stale.
 *
 * Requirements: ROUTE-6 … ROUTE-9, IP-1, IP-2, UDP-2.
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"
#include "stack.hh"

namespace edu::test {
namespace {

/* The cached route to an address; .destination 0 when there is none. */
edu_rtcache_info cached(host &h, be32 dst)
{
	edu_cursor at = {};
	edu_rtcache_info route = {};

	while (edu_core_rtcache_next(h.stack(), &at, &route))
		if (route.destination == dst.raw())
			return route;
	return {};
}

unsigned int count_cached(host &h)
{
	edu_cursor at = {};
	edu_rtcache_info route = {};
	unsigned int n = 0;

	while (edu_core_rtcache_next(h.stack(), &at, &route))
		n++;
	return n;
}

void look_up(host &h, be32 dst)
{
	edu_route_info route = {};
	rtnl_guard rtnl;

	route.destination = dst.raw();
	EXPECT_EQ(edu_core_config_route_get(h.stack(), &route), 0);
}

} // namespace

EDU_TEST(rt_cache, a_route_shows_all_that_the_chapter_says, "ROUTE-6", "ROUTE-7", "IP-1", "IP-2")
{
	world w;
	socket to = w.b.udp(7), from = w.a.udp();

	from.send("tlk", w.b.address(), 7);
	from.send("tlk", w.b.address(), 7);
	w.settle();
	edu_rtcache_info route = cached(w.a, w.b.address());

	ASSERT_EQ(route.destination, w.b.address().raw());
	EXPECT_EQ(route.source, w.a.address().raw());
	EXPECT_EQ(route.gateway, w.b.address().raw());
	EXPECT_EQ(route.ifindex, w.a.ifindex());
	EXPECT_EQ(route.mtu, 1500u);
	EXPECT_EQ(route.used, 2u);
	EXPECT_EQ(route.bucket, 0x0002u); /* the two low bytes */
	EXPECT_EQ(route.has_header, 1u);
	EXPECT_EQ(route.header_len, 14u);
	EXPECT_TRUE(eth_addr::load(route.header) == station(2));
}

EDU_TEST(rt_cache, the_second_look_up_does_not_ask_the_fib, "ROUTE-8")
{
	world w;

	look_up(w.a, w.b.address());
	EXPECT_EQ(w.a.counter(EDU_Rt_CacheMisses), 1u);
	EXPECT_EQ(w.a.counter(EDU_Rt_FibHits), 1u);
	look_up(w.a, w.b.address());
	EXPECT_EQ(w.a.counter(EDU_Rt_CacheHits), 1u);
	EXPECT_EQ(w.a.counter(EDU_Rt_FibHits), 1u);
}

EDU_TEST(rt_cache, a_change_of_fib_address_or_device_makes_it_stale, "ROUTE-9", "UDP-2")
{
	world w;
	socket from = w.a.udp();

	look_up(w.a, w.b.address());
	ASSERT_EQ(w.a.add_route(ip4(172, 16, 0, 0), 12, w.b.address()), 0);
	EXPECT_EQ(count_cached(w.a), 0u);
	look_up(w.a, w.b.address());
	ASSERT_EQ(w.a.add_address(ip4(10, 9, 0, 1), 24), 0);
	EXPECT_EQ(count_cached(w.a), 0u);
	look_up(w.a, w.b.address());
	edu_dev_info info = host::ethernet(1);
	info.mtu = 1000;
	edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
	EXPECT_EQ(count_cached(w.a), 0u);
	look_up(w.a, w.b.address());
	EXPECT_EQ(cached(w.a, w.b.address()).mtu, 1000u);

	/* A connected socket does not go on by its old route. */
	ASSERT_EQ(from.connect(ip4(172, 16, 0, 1), 7), 0);
	EXPECT_EQ(from.send("tlk"), 3);
	ASSERT_EQ(w.a.del_route(ip4(172, 16, 0, 0), 12, w.b.address()), 0);
	EXPECT_EQ(from.send("tlk"), -101);
}

EDU_TEST(rt_cache, a_scan_keeps_it_within_its_bound, "ROUTE-9")
{
	world w;

	ASSERT_EQ(w.a.add_route(ip4(0, 0, 0, 0), 0, w.b.address()), 0);
	w.a.tune(EDU_TUNE_rt_cache_size, 64);
	for (u32 i = 0; i < 2000; i++) {
		look_up(w.a, be32{0x08000000u + i * 97});
		if (i % 100 == 0)
			EXPECT_LE(count_cached(w.a), 64u);
	}
	EXPECT_EQ(count_cached(w.a), 64u);
	EXPECT_GE(w.a.counter(EDU_Rt_CacheEvicted), 1900u);
}

EDU_TEST(rt_cache, a_used_route_outlives_a_scan, "ROUTE-9")
{
	world w;

	ASSERT_EQ(w.a.add_route(ip4(0, 0, 0, 0), 0, w.b.address()), 0);
	w.a.tune(EDU_TUNE_rt_cache_size, 64);
	look_up(w.a, ip4(9, 9, 9, 9));
	u64 evicted_then = w.a.counter(EDU_Rt_CacheInserts);
	for (u32 i = 0; i < 500; i++) {
		look_up(w.a, be32{0x08000000u + i});
		if (i % 8 == 0) {
			w.run_for(10);
			look_up(w.a, ip4(9, 9, 9, 9));
		}
	}
	EXPECT_GE(cached(w.a, ip4(9, 9, 9, 9)).used, 60u);
	EXPECT_LE(w.a.counter(EDU_Rt_CacheInserts) - evicted_then, 510u);
}

EDU_TEST(rt_cache, a_hit_moves_to_the_front_so_the_coldest_leaves, "ROUTE-9")
{
	world w;

	ASSERT_EQ(w.a.add_route(ip4(0, 0, 0, 0), 0, w.b.address()), 0);
	for (u8 i = 1; i <= 8; i++)
		look_up(w.a, ip4(20, i, 3, 4)); /* one list: the same two low bytes */
	look_up(w.a, ip4(20, 1, 3, 4));		/* the oldest is used again */
	look_up(w.a, ip4(20, 9, 3, 4));		/* one too many */
	EXPECT_EQ(count_cached(w.a), 8u);
	EXPECT_NE(cached(w.a, ip4(20, 1, 3, 4)).destination, 0u);
	EXPECT_EQ(cached(w.a, ip4(20, 2, 3, 4)).destination, 0u);
	EXPECT_NE(cached(w.a, ip4(20, 9, 3, 4)).destination, 0u);
}

EDU_TEST(rt_cache, an_idle_route_expires_but_one_that_is_held_stays, "ROUTE-9", "ROUTE-7")
{
	world w;
	socket from = w.a.udp();

	ASSERT_EQ(from.connect(w.b.address(), 7), 0);
	look_up(w.a, ip4(10, 0, 0, 50));
	EXPECT_EQ(count_cached(w.a), 2u);
	w.run_for(420000); /* rt_cache_timeout_ms, checked every minute */
	EXPECT_EQ(cached(w.a, ip4(10, 0, 0, 50)).destination, 0u);
	EXPECT_NE(cached(w.a, w.b.address()).destination, 0u);
	EXPECT_EQ(w.a.counter(EDU_Rt_CacheExpired), 1u);
}

EDU_TEST(rt_cache, a_destination_of_ours_goes_by_the_loopback_interface, "IP-1", "LAYER-2")
{
	world w;

	look_up(w.a, w.a.address());
	edu_rtcache_info route = cached(w.a, w.a.address());

	EXPECT_EQ(route.ifindex, 1);
	EXPECT_EQ(route.type, 2u); /* RTN_LOCAL */
	EXPECT_EQ(route.source, w.a.address().raw());
	look_up(w.a, ip4(127, 3, 2, 1));
	EXPECT_EQ(cached(w.a, ip4(127, 3, 2, 1)).source, ip4(127, 0, 0, 1).raw());
}

EDU_TEST(rt_cache, a_source_that_is_not_ours_is_refused, "ROUTE-8")
{
	world w;
	edu_route_info route = {};
	rtnl_guard rtnl;

	route.destination = w.b.address().raw();
	route.source = ip4(10, 0, 0, 99).raw();
	EXPECT_EQ(edu_core_config_route_get(w.a.stack(), &route), -101); /* ENETUNREACH */
}

} // namespace edu::test
