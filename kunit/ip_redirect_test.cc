// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMP redirects: when a router tells of a shorter way, and whom a host believes.
 *
 * Requirements: IP-10; RFC 1812 5.2.7.2, RFC 1122 3.2.2.2.
 *
 * Locking: none. Tests run one after the other.
 */
#include "router.hh"

namespace edu::test {
namespace {

constexpr be32 distant = ip4(10, 7, 0, 1); /* a network behind another router on the near cable */
constexpr be32 other_gateway = ip4(10, 0, 0, 253);

/* r's route to `distant` leads back onto the near cable. */
struct detour : routed {
	detour() { r.add_route(ip4(10, 7, 0, 0), 24, other_gateway); }

	u32 redirects() const
	{
		u32 n = 0;

		for (u32 i = 0; i < count(near); i++)
			n += ip_of(sent(near, i)).protocol() == icmp_protocol_number &&
			     icmp_of(sent(near, i)).type() == wire::icmp::type::redirect;
		return n;
	}
};

/* a sends to `distant` by r; then station 9 or r claims to know better. */
struct told : routed {
	told() { speak(); }
	void speak()
	{
		socket from = a.udp();

		from.send("tlk", distant, 7);
		settle();
		clear();
	}
	/* Who a's next packet to `distant` would go to. */
	be32 next_hop()
	{
		edu_route_info route = {};
		rtnl_guard rtnl;

		route.destination = distant.raw();
		EXPECT_EQ(edu_core_config_route_get(a.stack(), &route), 0);
		return be32::from_raw(route.gateway);
	}
	void redirect(be32 gateway, be32 sender = ip4(10, 0, 0, 254),
		      be32 quoted_src = ip4(10, 0, 0, 1), u8 code = 1, be32 quoted_dst = distant,
		      u8 quoted_tos = 0, be32 to = ip4(10, 0, 0, 1))
	{
		u8 quote[28] = {};

		wire::ipv4::repr{.tos = quoted_tos,
				 .total_length = 28,
				 .protocol = udp_protocol_number,
				 .src = quoted_src,
				 .dst = quoted_dst}
			.emit({quote, 20});
		icmp_message message{{wire::icmp::type::redirect, code, gateway.host()}, quote};

		a.inject(ip_frame(0xa, 1,
				  {.protocol = icmp_protocol_number, .src = sender, .dst = to},
				  message.all())
				 .all());
		settle();
	}
	void expect_unbelieved()
	{
		EXPECT_EQ(next_hop(), ip4(10, 0, 0, 254));
		EXPECT_EQ(a.counter(EDU_Rt_Redirected), 0u);
	}
};

} // namespace

EDU_TEST(redirect, a_router_tells_of_the_shorter_way_and_forwards, "RFC1812-5.2.7.2")
{
	detour w;

	w.arrive(w.transit({.ttl = 9, .dst = distant}));
	ASSERT_EQ(w.count(w.near), 1u);
	bytes sent = w.sent(w.near);
	wire::icmp::view message = icmp_of(sent);

	EXPECT_EQ(ip_of(sent).src(), ip4(10, 0, 0, 254));
	EXPECT_EQ(ip_of(sent).dst(), ip4(10, 0, 0, 9));
	EXPECT_EQ(message.type(), wire::icmp::type::redirect);
	EXPECT_EQ(message.code(), static_cast<u8>(wire::icmp::redirect_code::host));
	EXPECT_EQ(message.gateway(), other_gateway);
	EXPECT_EQ(w.r.counter(EDU_Icmp_OutRedirects), 1u);
	EXPECT_EQ(w.r.counter(EDU_Ip_ForwDatagrams), 1u);
	/* To a station on the same cable: the station itself is the shorter way. */
	w.clear();
	w.arrive(w.transit({.dst = ip4(10, 0, 0, 1)}));
	EXPECT_EQ(w.redirects(), 1u);
}

EDU_TEST(redirect, nobody_is_told_who_could_not_use_it, "RFC1812-5.2.7.2")
{
	static constexpr u8 loose[] = {131, 7, 4, 10, 7, 0, 1, 0};
	detour w;

	w.arrive(w.transit({.src = ip4(10, 8, 0, 1), .dst = distant})); /* on another subnet */
	w.arrive(w.transit({})); /* leaves by another interface */
	set_all(w.r, EDU_IFACE_accept_source_route, 1);
	set(w.r, w.in, EDU_IFACE_accept_source_route, 1);
	w.arrive(w.transit({.dst = ip4(10, 0, 0, 254)}, loose)); /* it wants to go this way */
	set_all(w.r, EDU_IFACE_send_redirects, 0);
	set(w.r, w.in, EDU_IFACE_send_redirects, 0);
	w.arrive(w.transit({.dst = distant}));
	EXPECT_EQ(w.redirects(), 0u);
	EXPECT_EQ(w.r.counter(EDU_Ip_ForwDatagrams), 5u); /* and b's "port unreachable" */
	set(w.r, w.in, EDU_IFACE_send_redirects, 1);
	w.arrive(w.transit({.dst = distant}));
	EXPECT_EQ(w.redirects(), 1u);
}

EDU_TEST(redirect, they_become_rarer_and_stop, "RFC1812-5.2.7.2", "RFC1812-4.3.2.8")
{
	detour w;

	w.r.tune(EDU_TUNE_icmp_error_interval_ms, 0);
	for (int i = 0; i < 20; i++)
		w.arrive(w.transit({.dst = distant}));
	EXPECT_EQ(w.redirects(), 1u);
	EXPECT_EQ(w.r.counter(EDU_Icmp_RateLimited), 19u);
	w.arrive(w.transit({.dst = ip4(10, 7, 0, 2)})); /* another destination */
	EXPECT_EQ(w.redirects(), 2u);

	redirect_state &limit = w.r.stack()->redirects;
	u64 now = 1000000, hash = 77;
	u32 sent = 0;
	for (int ms = 0; ms < 60000; ms += 10)
		sent += limit.allows(hash, now + static_cast<u64>(ms));
	EXPECT_EQ(sent, 9u); /* then no more while there is cause */
	EXPECT_TRUE(limit.allows(hash, now + 60000 + 21000));
}

EDU_TEST(redirect, the_limit_keeps_to_the_millisecond, "RFC1812-4.3.2.8")
{
	constexpr u64 load = 20, silence = load << 10, other = u64{1} << 40;
	detour w;
	redirect_state &limit = w.r.stack()->redirects;
	u64 hash = 77, at = 1000000;

	EXPECT_TRUE(limit.allows(hash, at));
	for (u32 sent = 1; sent < 9; sent++) {
		EXPECT_FALSE(limit.allows(hash, at + (load << sent)));
		at += (load << sent) + 1;
		EXPECT_TRUE(limit.allows(hash, at));
	}
	EXPECT_FALSE(limit.allows(hash, at += silence)); /* asked in vain: silence begins anew */
	EXPECT_FALSE(limit.allows(hash, at += silence));
	EXPECT_TRUE(limit.allows(hash, at + silence + 1));
	EXPECT_TRUE(limit.allows(hash + other, at)); /* another pair in the same slot */
}

EDU_TEST(redirect, a_host_believes_its_gateway, "RFC1122-3.2.2.2", "RFC1122-3.3.1")
{
	told w;

	EXPECT_EQ(w.next_hop(), ip4(10, 0, 0, 254));
	w.redirect(other_gateway);
	EXPECT_EQ(w.next_hop(), other_gateway);
	EXPECT_EQ(w.a.counter(EDU_Rt_Redirected), 1u);
	edu_cursor at = {};
	edu_rtcache_info route = {};
	while (edu_core_rtcache_next(w.a.stack(), &at, &route))
		if (route.destination == distant.raw())
			EXPECT_EQ(route.flags & 0x10, 0x10u); /* RTF_DYNAMIC */
	/* The old gateway has no say any more; the new one has. */
	w.redirect(ip4(10, 0, 0, 252));
	EXPECT_EQ(w.next_hop(), other_gateway);
	w.redirect(ip4(10, 0, 0, 252), other_gateway);
	EXPECT_EQ(w.next_hop(), ip4(10, 0, 0, 252));
	rtnl_guard rtnl;
	edu_core_config_flush_rtcache(w.a.stack());
}

EDU_TEST(redirect, a_connected_socket_follows_and_a_flush_forgets, "RFC1122-3.2.2.2", "UDP-2")
{
	told w;
	socket from = w.a.udp();

	ASSERT_EQ(from.connect(distant, 7), 0);
	w.redirect(other_gateway);
	w.clear();
	from.send("tlk");
	w.settle();
	EXPECT_EQ(w.near.frames(ethertype_arp), 1u);	/* who has .253? */
	EXPECT_EQ(w.r.counter(EDU_Ip_OutNoRoutes), 1u); /* speak()'s alone went to r */
	edu_core_config_flush_rtcache(w.a.stack());
	EXPECT_EQ(w.next_hop(), ip4(10, 0, 0, 254));
}

EDU_TEST(redirect, forged_redirects_change_nothing, "RFC1122-3.2.2.2")
{
	told w;
	u64 refused = 0;
	auto expect_refused = [&](edu_counter counter) {
		w.expect_unbelieved();
		EXPECT_EQ(w.a.counter(EDU_Icmp_DropRedirect) + w.a.counter(EDU_Icmp_DropQuote),
			  ++refused);
		(void)counter;
	};

	w.redirect(other_gateway, ip4(10, 0, 0, 9)); /* not from the gateway in use */
	expect_refused(EDU_Icmp_DropRedirect);
	w.redirect(ip4(10, 9, 0, 1)); /* not on the link */
	expect_refused(EDU_Icmp_DropRedirect);
	w.redirect(ip4(10, 0, 0, 1)); /* ourselves */
	expect_refused(EDU_Icmp_DropRedirect);
	w.redirect(ip4(10, 0, 0, 255)); /* everybody */
	expect_refused(EDU_Icmp_DropRedirect);
	w.redirect(ip4(224, 0, 0, 1));
	expect_refused(EDU_Icmp_DropRedirect);
	w.redirect(ip4(10, 0, 0, 254)); /* to itself */
	expect_refused(EDU_Icmp_DropRedirect);
	w.redirect(other_gateway, ip4(10, 0, 0, 254), ip4(10, 0, 0, 1), 4); /* no such code */
	expect_refused(EDU_Icmp_DropRedirect);
	w.redirect(other_gateway, ip4(10, 0, 0, 254), ip4(10, 0, 0, 77)); /* not about our packet */
	expect_refused(EDU_Icmp_DropQuote);
	w.redirect(other_gateway, ip4(10, 0, 0, 254), ip4(10, 0, 0, 1), 1, ip4(10, 7, 0, 99));
	expect_refused(EDU_Icmp_DropRedirect); /* nobody speaks to that one */
}

EDU_TEST(redirect, it_comes_to_one_host_by_the_interface_in_use, "RFC1122-3.2.2.2")
{
	told w;
	const be32 router = ip4(10, 0, 0, 254), mine = ip4(10, 0, 0, 1);

	w.redirect(other_gateway, router, mine, 1, distant, 0,
		   ip4(10, 0, 0, 255)); /* to everybody */
	w.redirect(other_gateway, router, mine, 1, distant, 0, ip4(224, 0, 0, 1));
	w.expect_unbelieved();
	/* The router has the same address on another cable. */
	w.a.plug(w.far, 7);
	w.a.add_address(ip4(10, 0, 0, 3), 24);
	w.speak();
	w.redirect(other_gateway);
	w.expect_unbelieved();
	edu_t_dev_gone(w.a.get(), w.a.ifindex()); /* before its cable */
}

EDU_TEST(redirect, one_for_a_type_of_service_changes_that_alone, "RFC1122-3.2.2.2")
{
	told w;

	w.redirect(other_gateway, ip4(10, 0, 0, 254), ip4(10, 0, 0, 1), 3, distant, 0x10);
	w.expect_unbelieved();
	w.redirect(other_gateway, ip4(10, 0, 0, 254), ip4(10, 0, 0, 1), 3, distant, 0);
	EXPECT_EQ(w.next_hop(), other_gateway);
}

EDU_TEST(redirect, it_is_about_our_packets_not_those_we_forward, "RFC1122-3.2.2.2",
	 "RFC1812-5.2.7.2")
{
	static constexpr u8 datagram[] = {0x30, 0x39, 0, 7, 0, 11, 0, 0, 't', 'l', 'k'};
	told w;

	set_all(w.a, EDU_IFACE_forwarding, 1);
	set_all(w.a, EDU_IFACE_accept_redirects, 1); /* although it is a router */
	set(w.a, w.a.ifindex(), EDU_IFACE_accept_redirects, 1);
	w.speak();
	w.a.inject(
		ip_frame(9, 1,
			 {.protocol = udp_protocol_number, .src = ip4(10, 0, 0, 9), .dst = distant},
			 datagram)
			.all());
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Ip_ForwDatagrams), 1u);
	w.redirect(other_gateway);
	EXPECT_EQ(w.next_hop(), other_gateway);
	EXPECT_EQ(w.a.counter(EDU_Rt_Redirected), 1u);
}

EDU_TEST(redirect, no_redirect_is_accepted_where_none_is_wanted, "RFC1122-3.2.2.2")
{
	told w;

	set_all(w.a, EDU_IFACE_accept_redirects, 0);
	set(w.a, w.a.ifindex(), EDU_IFACE_accept_redirects, 0);
	w.speak();
	w.redirect(other_gateway);
	w.expect_unbelieved();
}

EDU_TEST(redirect, a_careful_host_knows_its_gateways, "RFC1122-3.2.2.2")
{
	told w;

	set(w.a, w.a.ifindex(), EDU_IFACE_secure_redirects, 1);
	w.speak();
	w.redirect(other_gateway); /* no route names it */
	w.expect_unbelieved();
	w.a.add_route(ip4(10, 8, 0, 0), 24, other_gateway);
	w.speak();
	w.redirect(other_gateway);
	EXPECT_EQ(w.next_hop(), other_gateway);
}

EDU_TEST(redirect, a_shared_medium_has_hosts_of_other_subnets, "RFC1122-3.2.2.2")
{
	constexpr be32 stranger = ip4(10, 9, 0, 1); /* in no subnet of ours */
	told w;

	set(w.a, w.a.ifindex(), EDU_IFACE_shared_media, 1);
	set(w.a, w.a.ifindex(), EDU_IFACE_secure_redirects, 1); /* does not count any more */
	w.speak();
	w.redirect(ip4(10, 0, 0, 1)); /* ourselves */
	w.redirect(ip4(10, 0, 0, 255));
	w.redirect(ip4(10, 0, 0, 254)); /* to itself */
	w.redirect(stranger, ip4(10, 0, 0, 9));
	w.expect_unbelieved();
	w.redirect(stranger);
	EXPECT_EQ(w.next_hop(), stranger);
}

EDU_TEST(redirect, on_a_shared_medium_any_neighbour_is_told, "RFC1812-5.2.7.2")
{
	constexpr be32 neighbour = ip4(10, 9, 0, 1), behind = ip4(10, 8, 0, 1);
	edu_route_info on_link = {};
	detour w;

	on_link.destination = ip4(10, 9, 0, 0).raw();
	on_link.prefix_len = 24;
	on_link.ifindex = w.in;
	on_link.scope = 253; /* RT_SCOPE_LINK */
	on_link.type = 1;    /* RTN_UNICAST */
	{
		rtnl_guard rtnl;

		EXPECT_EQ(edu_core_config_route_add(w.r.stack(), &on_link,
						    EDU_CONFIG_CREATE | EDU_CONFIG_EXCL),
			  0);
	}
	w.arrive(w.transit({.src = neighbour, .dst = distant}));
	EXPECT_EQ(w.r.counter(EDU_Icmp_OutRedirects), 0u); /* a subnet that is not ours */
	set(w.r, w.in, EDU_IFACE_shared_media, 1);
	w.arrive(w.transit({.src = neighbour, .dst = distant}));
	EXPECT_EQ(w.r.counter(EDU_Icmp_OutRedirects), 1u);
	w.arrive(w.transit({.src = behind, .dst = distant})); /* nobody knows where it is */
	w.r.add_route(ip4(10, 8, 0, 0), 24, other_gateway);
	w.arrive(w.transit({.src = behind, .dst = distant}));		/* behind a router */
	w.arrive(w.transit({.src = ip4(10, 1, 0, 9), .dst = distant})); /* on the other link */
	EXPECT_EQ(w.r.counter(EDU_Icmp_OutRedirects), 1u);
	EXPECT_EQ(w.r.counter(EDU_Ip_ForwDatagrams), 5u);
}

EDU_TEST(redirect, both_gateways_are_in_one_subnet, "RFC1122-3.2.2.2")
{
	told w;

	w.a.add_address(ip4(10, 9, 0, 1), 24); /* another one on the same cable */
	w.speak();
	w.redirect(ip4(10, 9, 0, 77));
	w.expect_unbelieved();
}

EDU_TEST(redirect, a_router_does_not_listen, "RFC1812-5.2.7.2")
{
	told w;

	set_all(w.a, EDU_IFACE_forwarding, 1);
	w.speak();
	w.redirect(other_gateway);
	w.expect_unbelieved();
	set_all(w.a, EDU_IFACE_forwarding, 0);
	w.speak();
	w.redirect(other_gateway);
	EXPECT_EQ(w.next_hop(), other_gateway);
}

EDU_TEST(redirect, any_failed_allocation_leaves_the_old_way, "RFC1122-3.2.2.2")
{
	for (unsigned int n = 1; n < 6; n++) {
		told w;

		edu_t_fail_alloc(n);
		w.redirect(other_gateway);
		edu_t_fail_alloc(0);
		EXPECT_TRUE(w.next_hop() == other_gateway || w.next_hop() == ip4(10, 0, 0, 254));
	}
}

} // namespace edu::test
