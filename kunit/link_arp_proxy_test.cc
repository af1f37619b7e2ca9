// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proxy ARP: for whom we answer, and for whom not.
 *
 * Requirements: OVER-11, ARP-8, ARP-11, ARP-12; RFC 1027.
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"
#include "stack.hh"

namespace edu::test {
namespace {

constexpr u16 publ = 8, com = 2;

/* A gateway: 10.0.0.1/24 on the near cable, 10.1.0.1/24 on the far one. Questions come from the near. */
struct gateway {
	nothing_left check;
	class cable near, far;
	host h;
	int far_index;

	gateway()
	{
		far_index = h.plug(far, 3);
		h.add_address(ip4(10, 1, 0, 1), 24);
		h.plug(near, 1);
		h.add_address(ip4(10, 0, 0, 1), 24);
		settle();
		near.clear();
	}
	void settle() { edu_t_run(0); }
	void set(edu_iface_tunable which, u32 value)
	{
		rtnl_guard rtnl;
		rcu_guard rcu;

		edu_core_iface_tunables(find_iface(*h.stack(), h.ifindex()))[which] = value;
	}
	void serve_by_route()
	{
		set(EDU_IFACE_proxy_arp, 1);
		set(EDU_IFACE_forwarding, 1);
	}
	/* What is said to a question for @target, .sender_ip zero: nothing. */
	wire::arp::repr ask(be32 target, be32 from = ip4(10, 0, 0, 9))
	{
		near.clear();
		h.inject(arp_question(9, from, target).all());
		settle();
		bytes frame = near.frame(ethertype_arp, 0);
		return frame.size() < 42 ?
			       wire::arp::repr{} :
			       wire::arp::view::checked(frame.subspan(14)).header.parse();
	}
	bool answered(be32 target, be32 from = ip4(10, 0, 0, 9))
	{
		return ask(target, from).sender_ip == target;
	}
};

edu_neigh_info proxy(be32 ip, u8 prefix_len = 32, int ifindex = 0, u8 n = 0)
{
	edu_neigh_info neigh = {};

	neigh.ip = ip.raw();
	neigh.mask = wire::ipv4::prefix_mask(prefix_len).raw();
	neigh.flags = publ;
	neigh.ifindex = ifindex;
	if (n) {
		neigh.hardware_len = 6;
		station(n).store(neigh.hardware_address);
	}
	return neigh;
}

int add_proxy(host &h, const edu_neigh_info &neigh, unsigned int how = EDU_CONFIG_CREATE)
{
	rtnl_guard rtnl;

	return edu_core_config_neigh_add(h.stack(), &neigh, how);
}

int del_proxy(host &h, const edu_neigh_info &neigh)
{
	rtnl_guard rtnl;

	return edu_core_config_neigh_del(h.stack(), &neigh);
}

} // namespace

EDU_TEST(arp_proxy, an_entry_is_answered_for_with_our_address, "OVER-11", "ARP-8", "RFC1027")
{
	gateway g;

	EXPECT_FALSE(g.answered(ip4(10, 1, 0, 7)));
	ASSERT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 7))), 0);
	wire::arp::repr said = g.ask(ip4(10, 1, 0, 7));

	EXPECT_EQ(said.sender_ip, ip4(10, 1, 0, 7));
	EXPECT_TRUE(said.sender_ha == station(1) && said.target_ha == station(9));
	EXPECT_FALSE(g.answered(ip4(10, 1, 0, 8)));
	EXPECT_EQ(g.h.counter(EDU_Arp_Proxied), 1u);
	/* Who asked is remembered: his packets are to come. */
	EXPECT_EQ(g.h.neighbour(ip4(10, 0, 0, 9)).ip, ip4(10, 0, 0, 9).raw());
	ASSERT_EQ(del_proxy(g.h, proxy(ip4(10, 1, 0, 7))), 0);
	EXPECT_FALSE(g.answered(ip4(10, 1, 0, 7)));
	EXPECT_EQ(del_proxy(g.h, proxy(ip4(10, 1, 0, 7))), -2);
}

EDU_TEST(arp_proxy, a_published_entry_says_the_address_it_was_given, "OVER-11", "ARP-11")
{
	gateway g;

	ASSERT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 7), 32, 0, 42)), 0);
	EXPECT_TRUE(g.ask(ip4(10, 1, 0, 7)).sender_ha == station(42));
}

EDU_TEST(arp_proxy, who_names_our_own_address_means_whatever_it_will_be, "OVER-11")
{
	gateway g;
	edu_dev_info info = host::ethernet(5);

	ASSERT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 7), 32, g.h.ifindex(), 1)), 0);
	edu_t_dev_change(g.h.get(), g.h.ifindex(), &info);
	EXPECT_TRUE(g.ask(ip4(10, 1, 0, 7)).sender_ha == station(5));
}

EDU_TEST(arp_proxy, a_subnet_is_answered_for_by_its_longest_mask, "OVER-11")
{
	gateway g;

	ASSERT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 0), 24, 0, 41)), 0);
	ASSERT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 64), 26, 0, 42)), 0);
	ASSERT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 64), 26, g.h.ifindex(), 43)), 0);
	ASSERT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 65), 32, g.far_index, 44)),
		  0); /* not asked there */
	EXPECT_TRUE(g.ask(ip4(10, 1, 0, 7)).sender_ha == station(41));
	EXPECT_TRUE(g.ask(ip4(10, 1, 0, 65)).sender_ha == station(43));
	ASSERT_EQ(del_proxy(g.h, proxy(ip4(10, 1, 0, 64), 26, g.h.ifindex())), 0);
	EXPECT_TRUE(g.ask(ip4(10, 1, 0, 65)).sender_ha == station(42));
}

EDU_TEST(arp_proxy, nobody_is_answered_for_on_his_own_link, "OVER-11", "RFC1027")
{
	gateway g;

	ASSERT_EQ(add_proxy(g.h, proxy(ip4(0, 0, 0, 0), 0)), 0);
	g.serve_by_route();
	EXPECT_EQ(g.h.add_route(ip4(10, 0, 0, 0), 8, ip4(10, 1, 0, 2)), 0);
	EXPECT_TRUE(g.answered(ip4(10, 1, 0, 7)));
	EXPECT_TRUE(g.answered(ip4(10, 255, 255, 254)));
	EXPECT_FALSE(g.answered(ip4(10, 0, 0, 7)));
	EXPECT_FALSE(g.answered(ip4(192, 168, 7, 7))); /* no route */
	EXPECT_FALSE(g.answered(ip4(10, 1, 0, 255))); /* broadcasts, also of who knows no subnets */
	EXPECT_FALSE(g.answered(ip4(10, 255, 255, 255)));
	EXPECT_FALSE(g.answered(ip4(224, 0, 0, 1)));
	EXPECT_FALSE(g.answered(ip4(127, 0, 0, 1)));
}

EDU_TEST(arp_proxy, a_probe_hears_only_of_a_host_that_has_the_address, "OVER-11", "RFC5227-2.1.1")
{
	gateway g;

	g.serve_by_route();
	EXPECT_FALSE(g.answered(ip4(10, 1, 0, 7), be32{}));
	EXPECT_FALSE(g.answered(ip4(10, 1, 0, 7), ip4(10, 1, 0, 7)));
	EXPECT_TRUE(g.answered(ip4(10, 1, 0, 7)));
}

EDU_TEST(arp_proxy, by_route_needs_the_setting_and_forwarding, "OVER-11", "RFC1027")
{
	gateway g;

	g.set(EDU_IFACE_forwarding, 1);
	EXPECT_FALSE(g.answered(ip4(10, 1, 0, 7)));
	g.set(EDU_IFACE_proxy_arp, 1);
	EXPECT_TRUE(g.answered(ip4(10, 1, 0, 7)));
	ASSERT_EQ(g.h.add_route(ip4(192, 168, 0, 0), 16, ip4(10, 1, 0, 2)), 0);
	EXPECT_TRUE(g.answered(ip4(192, 168, 7, 7)));
	g.set(EDU_IFACE_forwarding, 0);
	EXPECT_FALSE(g.answered(ip4(10, 1, 0, 7)));
	EXPECT_EQ(g.h.counter(EDU_Rt_CacheInserts), 0u); /* questions fill no cache */
}

EDU_TEST(arp_proxy, entries_are_shown_replaced_and_bounded, "ARP-1", "OVER-11", "ARP-12")
{
	gateway g;
	edu_cursor at = {};
	edu_neigh_info shown = {};
	unsigned int n = 0;

	g.h.tune(EDU_TUNE_arp_max_proxies, 2);
	ASSERT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 7), 32, 0, 42)), 0);
	EXPECT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 7)), EDU_CONFIG_CREATE | EDU_CONFIG_EXCL),
		  -17);
	ASSERT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 7))), 0);
	EXPECT_TRUE(g.ask(ip4(10, 1, 0, 7)).sender_ha == station(1));
	ASSERT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 128), 25, g.h.ifindex(), 43)), 0);
	EXPECT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 8))), -105);
	while (edu_core_neigh_next(g.h.stack(), &at, &shown))
		n += shown.flags & publ ? 1 : 0x100;
	EXPECT_EQ(n, 0x102u); /* and who asked */
	shown = proxy(ip4(10, 1, 0, 128), 25, g.h.ifindex());
	{
		rtnl_guard rtnl;
		ASSERT_EQ(edu_core_config_neigh_get(g.h.stack(), &shown), 0);
	}
	EXPECT_EQ(shown.flags, publ | com | 4u);
	EXPECT_EQ(shown.mask, ip4(255, 255, 255, 128).raw());
	/* The interface's go with it. */
	edu_t_dev_gone(g.h.get(), g.h.ifindex());
	EXPECT_EQ(del_proxy(g.h, proxy(ip4(10, 1, 0, 7))), 0);
	at = {};
	EXPECT_EQ(edu_core_neigh_next(g.h.stack(), &at, &shown), 0);
}

EDU_TEST(arp_proxy, requests_that_make_no_sense_are_refused, "OVER-11")
{
	gateway g;
	edu_neigh_info odd = proxy(ip4(10, 1, 0, 7));

	odd.mask = ip4(255, 0, 255, 0).raw();
	EXPECT_EQ(add_proxy(g.h, odd), -22);
	EXPECT_EQ(add_proxy(g.h, proxy(ip4(224, 0, 0, 1))), -22);
	EXPECT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 7), 32, 77)), -19);
	odd = proxy(ip4(10, 1, 0, 7), 32, 0, 42);
	odd.hardware_address[0] = 1;
	EXPECT_EQ(add_proxy(g.h, odd), -22);
	odd.hardware_len = 8;
	EXPECT_EQ(add_proxy(g.h, odd), -22);
	EXPECT_EQ(add_proxy(g.h, proxy(ip4(10, 1, 0, 7)), 0), -2);
}

} // namespace edu::test
