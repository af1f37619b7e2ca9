// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forwarding: what goes on, what does not, and what its sender is told.
 *
 * Requirements: OVER-4, IP-10, ROUTE-8, ROUTE-9, LAYER-3; RFC 1812 5.2 and 5.3, RFC 791 (options),
 * RFC 2644, RFC 3704.
 *
 * Locking: none. Tests run one after the other.
 */
#include "router.hh"

namespace edu::test {
namespace {

using wire::icmp::unreachable_code;

void add_refusing_route(host &h, be32 destination, route_type type)
{
	edu_route_info route = {};
	rtnl_guard rtnl;

	route.destination = destination.raw();
	route.prefix_len = 24;
	route.type = static_cast<u8>(type);
	EXPECT_EQ(edu_core_config_route_add(h.stack(), &route, EDU_CONFIG_CREATE), 0);
}

unsigned int cached_routes(host &h)
{
	edu_cursor at = {};
	edu_rtcache_info route = {};
	unsigned int n = 0;

	while (edu_core_rtcache_next(h.stack(), &at, &route))
		n++;
	return n;
}

int look_up(host &h, be32 destination, be32 source, int iif, edu_route_info &route)
{
	rtnl_guard rtnl;

	route = {};
	route.destination = destination.raw();
	route.source = source.raw();
	route.iif = iif;
	return edu_core_config_route_get(h.stack(), &route);
}

/* a sends to b, who sends back: both must arrive. */
void expect_exchange(routed &w)
{
	socket to = w.b.udp(7), from = w.a.udp();

	EXPECT_EQ(from.send("tlk", ip4(10, 1, 0, 1), 7), 3);
	w.settle();
	datagram got = to.receive();
	EXPECT_EQ(got.length, 3);
	EXPECT_EQ(got.from, ip4(10, 0, 0, 1));
	to.send("back", got.from, got.port);
	w.settle();
	EXPECT_EQ(from.receive().length, 4);
}

} // namespace

EDU_TEST(forward, a_datagram_crosses_a_router_and_so_does_the_answer, "OVER-4", "RFC1812-5.3.1")
{
	routed w;

	expect_exchange(w);
	EXPECT_EQ(w.r.counter(EDU_Ip_ForwDatagrams), 2u);
	EXPECT_EQ(w.r.counter(EDU_Ip_InDelivers), 0u);
	wire::ipv4::view before = ip_of(w.near.frame(ethertype_ip, 0));
	wire::ipv4::view after = ip_of(w.sent(w.far));

	wire::ipv4::repr expected = before.parse();
	expected.ttl--;
	EXPECT_TRUE(after.parse() == expected);
	EXPECT_EQ(wire::ipv4::view::checked(w.sent(w.far).subspan(14)).why,
		  wire::ipv4::fault::none);
}

EDU_TEST(forward, an_interface_that_does_not_forward_drops_in_silence, "OVER-4", "RFC1812-5.2.2",
	 "RFC1122-3.3.5")
{
	routed w;

	set(w.r, w.in, EDU_IFACE_forwarding, 0);
	expect_silent_drop(w, w.transit({}), EDU_Ip_DropNotForUs);
	EXPECT_EQ(w.r.counter(EDU_Ip_InAddrErrors), 1u);
	set(w.r, w.in, EDU_IFACE_forwarding, 1); /* what was cached must not count */
	w.arrive(w.transit({}));
	EXPECT_EQ(w.count(w.far), 1u);
}

EDU_TEST(forward, the_time_to_live_ends_at_a_router_with_a_word, "RFC1812-5.3.1")
{
	routed w;

	for (u8 ttl : {0, 1}) {
		wire::icmp::view told = expect_told(w, w.transit({.ttl = ttl}), EDU_Ip_DropTtl);

		EXPECT_EQ(told.type(), wire::icmp::type::time_exceeded);
		EXPECT_EQ(told.code(), 0u);
		wire::ipv4::view quoted = wire::ipv4::view::quoted(told.payload()).header;
		EXPECT_EQ(quoted.ttl(), ttl); /* the header as it came */
	}
	w.clear();
	w.arrive(w.transit({.ttl = 2}));
	ASSERT_EQ(w.count(w.far), 1u);
	EXPECT_EQ(ip_of(w.sent(w.far)).ttl(), 1u);
}

EDU_TEST(forward, what_is_for_the_router_itself_may_have_no_time_left, "RFC1812-5.3.1")
{
	routed w;
	socket to = w.r.udp(7);

	w.arrive(w.transit({.ttl = 1, .dst = ip4(10, 0, 0, 254)}));
	w.arrive(w.transit({.ttl = 0, .dst = ip4(10, 1, 0, 254)})); /* the other side's address */
	EXPECT_EQ(to.receive().length, 3);
	EXPECT_EQ(to.receive().length, 3);
	EXPECT_EQ(w.r.counter(EDU_Ip_ForwDatagrams), 0u);
}

EDU_TEST(forward, a_destination_without_a_route_is_told_by_its_code, "RFC1812-5.2.7.1", "ROUTE-8")
{
	routed w;

	wire::icmp::view told =
		expect_told(w, w.transit({.dst = ip4(10, 9, 0, 1)}), EDU_Ip_DropNoRoute);
	EXPECT_EQ(told.type(), wire::icmp::type::unreachable);
	EXPECT_EQ(told.code(), static_cast<u8>(unreachable_code::network));
	EXPECT_EQ(w.r.counter(EDU_Ip_OutNoRoutes), 1u);

	add_refusing_route(w.r, ip4(10, 9, 1, 0), route_type::unreachable);
	add_refusing_route(w.r, ip4(10, 9, 2, 0), route_type::prohibit);
	add_refusing_route(w.r, ip4(10, 9, 3, 0), route_type::blackhole);
	told = expect_told(w, w.transit({.dst = ip4(10, 9, 1, 1)}), EDU_Ip_DropUnreachable);
	EXPECT_EQ(told.code(), static_cast<u8>(unreachable_code::host));
	told = expect_told(w, w.transit({.dst = ip4(10, 9, 2, 1)}), EDU_Ip_DropProhibited);
	EXPECT_EQ(told.code(), static_cast<u8>(unreachable_code::filtered));
	expect_silent_drop(w, w.transit({.dst = ip4(10, 9, 3, 1)}), EDU_Ip_DropBlackhole);
}

EDU_TEST(forward, a_station_that_does_not_answer_is_told_as_host_unreachable, "RFC1812-5.2.7.1",
	 "ARP-5")
{
	routed w;

	w.r.tune(EDU_TUNE_arp_res_time_ms, 20);
	w.arrive(w.transit({.ttl = 9, .dst = ip4(10, 1, 0, 77)}));
	w.run_for(200);
	ASSERT_EQ(w.count(w.near), 1u);
	wire::icmp::view told = icmp_of(w.sent(w.near));

	EXPECT_EQ(ip_of(w.sent(w.near)).src(), ip4(10, 0, 0, 254));
	EXPECT_EQ(told.type(), wire::icmp::type::unreachable);
	EXPECT_EQ(told.code(), static_cast<u8>(unreachable_code::host));
	EXPECT_EQ(w.r.counter(EDU_Arp_DropUnresolved), 1u);
}

/* The next link takes no more than 100 octets … */
void narrow(routed &w)
{
	edu_dev_info info = {};

	edu_t_dev_info(w.r.get(), w.out, &info);
	info.mtu = 100;
	edu_t_dev_change(w.r.get(), w.out, &info);
}

/* … and this, with 200, must not be cut. */
handmade uncuttable()
{
	u8 large[200] = {};

	return ip_frame(9, 0xa,
			{.dont_fragment = true,
			 .protocol = udp_protocol_number,
			 .src = ip4(10, 0, 0, 9),
			 .dst = ip4(10, 1, 0, 1)},
			large);
}

EDU_TEST(forward, what_may_not_be_cut_is_told_the_next_links_mtu, "RFC1812-5.2.7.1", "IP-4",
	 "RFC1191")
{
	routed w;

	narrow(w);
	handmade frame = uncuttable();
	wire::icmp::view told = expect_told(w, frame, EDU_Ip_DropTooBig);
	EXPECT_EQ(told.code(), static_cast<u8>(unreachable_code::fragmentation_needed));
	EXPECT_EQ(told.mtu(), 100u);
	EXPECT_EQ(wire::ipv4::view::quoted(told.payload()).header.ttl(), 64u);
	EXPECT_EQ(w.r.counter(EDU_Ip_FragFails), 1u);
}

/* Else who uses up the limit makes a black hole of the path. */
EDU_TEST(forward, the_next_links_mtu_is_told_without_a_limit, "RFC1812-4.3.2.8", "IP-4", "RFC1191")
{
	routed w;

	w.r.tune(EDU_TUNE_icmp_unreach_burst, 1);
	w.r.tune(EDU_TUNE_icmp_unreach_interval_ms, 3600000);
	narrow(w);
	for (int i = 0; i < 3; i++)
		w.arrive(w.transit({.dst = ip4(10, 9, 0, 1)})); /* no route */
	EXPECT_EQ(w.count(w.near), 1u);
	EXPECT_EQ(w.r.counter(EDU_Icmp_RateLimited), 2u);
	handmade frame = uncuttable();
	for (int i = 0; i < 3; i++) {
		wire::icmp::view told = expect_told(w, frame, EDU_Ip_DropTooBig);

		EXPECT_EQ(told.code(), static_cast<u8>(unreachable_code::fragmentation_needed));
	}
	EXPECT_EQ(w.r.counter(EDU_Icmp_RateLimited), 2u);
}

EDU_TEST(forward, what_may_be_cut_is_cut_for_the_next_link, "RFC1812-5.2.6", "IP-4")
{
	routed w;
	u8 large[200] = {};

	narrow(w);
	w.arrive(ip_frame(9, 0xa,
			  {.id = 7,
			   .ttl = 9,
			   .protocol = udp_protocol_number,
			   .src = ip4(10, 0, 0, 9),
			   .dst = ip4(10, 1, 0, 1)},
			  large));
	ASSERT_EQ(w.count(w.far), 3u); /* 80 + 80 + 40 octets */
	for (u32 i = 0; i < 3; i++) {
		auto [ip, why] = wire::ipv4::view::checked(w.sent(w.far, i).subspan(14));

		EXPECT_EQ(why, wire::ipv4::fault::none);
		EXPECT_EQ(ip.fragment_offset(), i * 80);
		EXPECT_EQ(ip.more_fragments(), i < 2);
		EXPECT_EQ(ip.id(), 7u);
		EXPECT_EQ(ip.ttl(), 8u);
	}
	EXPECT_EQ(w.r.counter(EDU_Ip_ForwDatagrams), 1u);
}

EDU_TEST(forward, no_error_is_about_what_rfc_1122_excludes, "RFC1122-3.2.2", "RFC1812-5.2.7.1")
{
	routed w;
	be32 nowhere = ip4(10, 9, 0, 1);
	handmade later = w.transit({.fragment_offset = 8, .dst = nowhere});
	handmade error = w.transit({.protocol = icmp_protocol_number, .dst = nowhere});

	expect_silent_drop(w, later, EDU_Ip_DropNoRoute);
	error.octet[14 + 20] = 3; /* destination unreachable */
	expect_silent_drop(w, error, EDU_Ip_DropNoRoute);
	expect_silent_drop(w, w.transit({.dst = nowhere}, {}, 0xff), EDU_Ip_DropNoRoute);
	EXPECT_EQ(w.r.counter(EDU_Icmp_ErrorSuppressed), 3u);
}

EDU_TEST(forward, a_broadcast_frame_is_never_forwarded, "RFC1812-5.3.4")
{
	routed w;

	expect_silent_drop(w, w.transit({}, {}, 0xff), EDU_Ip_DropLinkBroadcast);
	w.clear();
	w.arrive(w.transit({.dst = wire::ipv4::broadcast_addr}, {}, 0xff));
	EXPECT_EQ(w.count(w.far), 0u);
	EXPECT_EQ(w.r.counter(EDU_Ip_ForwDatagrams), 0u);
}

EDU_TEST(forward, a_directed_broadcast_goes_on_only_on_demand, "RFC1812-5.3.5", "RFC2644")
{
	routed w;
	handmade frame = w.transit({.ttl = 9, .dst = ip4(10, 1, 0, 255)});
	socket to = w.b.udp(7), own = w.r.udp(7);

	to.set(sol_socket, 6 /* SO_BROADCAST */, 1);
	expect_silent_drop(w, frame, EDU_Ip_DropDirectedBroadcast);
	set(w.r, w.in, EDU_IFACE_bc_forwarding, 1);
	expect_silent_drop(w, frame, EDU_Ip_DropDirectedBroadcast); /* conf/all says no */
	set_all(w.r, EDU_IFACE_bc_forwarding, 1);
	w.clear();
	w.arrive(frame);
	ASSERT_EQ(w.count(w.far), 1u);
	EXPECT_BYTES(w.sent(w.far).first(6), eth_addr::broadcast().octet);
	EXPECT_EQ(ip_of(w.sent(w.far)).ttl(), 8u);
	EXPECT_EQ(to.receive().length, 3);
	EXPECT_EQ(own.receive().length, 3); /* it is for the router too (RFC 1812 5.2.3) */
	w.clear();
	w.arrive(w.transit({.dst = ip4(10, 1, 0, 255)}, {}, 0xff)); /* by a broadcast frame */
	EXPECT_EQ(w.count(w.far), 0u);
	w.arrive(w.transit({.ttl = 1, .dst = ip4(10, 1, 0, 255)}));
	EXPECT_EQ(w.count(w.far), 0u);
}

EDU_TEST(forward, a_directed_broadcast_fits_or_goes_nowhere, "RFC1812-5.3.5", "RFC1812-5.3.13")
{
	static constexpr u8 route[] = {7, 7, 4, 0, 0, 0, 0, 0},
			    recorded[] = {7, 7, 8, 10, 1, 0, 254, 0};
	routed w;
	const be32 everybody = ip4(10, 1, 0, 255);
	edu_dev_info info = {};

	set(w.r, w.in, EDU_IFACE_bc_forwarding, 1);
	set_all(w.r, EDU_IFACE_bc_forwarding, 1);
	w.arrive(w.transit({.dst = everybody}, route));
	ASSERT_EQ(w.count(w.far), 1u);
	EXPECT_BYTES(ip_of(w.sent(w.far)).options(), recorded);
	EXPECT_EQ(wire::ipv4::view::checked(w.sent(w.far).subspan(14)).why,
		  wire::ipv4::fault::none);

	edu_t_dev_info(w.r.get(), w.out, &info);
	info.mtu = 31; /* just so large */
	edu_t_dev_change(w.r.get(), w.out, &info);
	w.clear();
	w.arrive(w.transit({.dst = everybody}));
	EXPECT_EQ(w.count(w.far), 1u);
	info.mtu = 30;
	edu_t_dev_change(w.r.get(), w.out, &info);
	expect_silent_drop(w, w.transit({.dst = everybody}), EDU_Ip_DropDirectedBroadcast);
	info.flags &= ~iff_up;
	edu_t_dev_change(w.r.get(), w.out, &info);
	expect_silent_drop(w, w.transit({.dst = everybody}), EDU_Ip_DropDirectedBroadcast);
}

EDU_TEST(forward, what_our_programs_put_into_the_loopback_goes_nowhere, "OVER-4", "RFC1812-5.3.7")
{
	constexpr int edulo = 1;
	routed w;
	handmade frame = w.transit({});
	u64 before = w.r.counter(EDU_Ip_DropNotForUs);
	edu_dev_info info = {};

	edu_t_dev_info(w.r.get(), edulo, &info);
	copy_bytes(frame.octet, {info.addr, eth_addr::len});
	bytes packet = frame.all().subspan(info.header_len ? 0 : 14);
	edu_t_inject(w.r.get(), edulo, packet.data(), static_cast<u32>(packet.size()));
	w.settle();
	EXPECT_EQ(w.r.counter(EDU_Ip_DropNotForUs), before + 1);
	EXPECT_EQ(w.count(w.far), 0u);
}

EDU_TEST(forward, martians_go_nowhere, "RFC1812-5.3.7")
{
	routed w;

	w.r.add_route({}, 0, ip4(10, 1, 0, 1)); /* there would be a way for all of them */
	for (be32 dst : {ip4(127, 0, 0, 1), ip4(0, 0, 0, 1), ip4(240, 0, 0, 1)})
		expect_silent_drop(w, w.transit({.dst = dst}), EDU_Ip_DropMartianDestination);
	for (be32 src : {ip4(127, 0, 0, 1), ip4(0, 0, 0, 1), ip4(240, 0, 0, 1), ip4(224, 0, 0, 1),
			 wire::ipv4::broadcast_addr, ip4(10, 1, 0, 254), ip4(10, 0, 0, 255)})
		expect_silent_drop(w, w.transit({.src = src}), EDU_Ip_DropMartianSource);
	EXPECT_EQ(w.r.counter(EDU_Ip_InAddrErrors), 3u);
}

EDU_TEST(forward, the_reverse_path_filter_is_strict_or_loose, "RFC3704", "RFC1812-5.3.8")
{
	routed w;
	handmade from_far = w.transit({.src = ip4(10, 1, 0, 9)}); /* lives behind the other one */
	handmade from_nowhere = w.transit({.src = ip4(10, 9, 0, 9)});

	w.arrive(from_far);
	w.arrive(from_nowhere);
	EXPECT_EQ(w.count(w.far), 2u);
	set(w.r, w.in, EDU_IFACE_rp_filter, 2);
	w.clear();
	w.arrive(from_far);
	EXPECT_EQ(w.count(w.far), 1u);
	expect_silent_drop(w, from_nowhere, EDU_Ip_DropReversePath);
	set(w.r, w.in, EDU_IFACE_rp_filter, 1);
	expect_silent_drop(w, from_far, EDU_Ip_DropReversePath);
	w.clear();
	w.arrive(w.transit({}));
	EXPECT_EQ(w.count(w.far), 1u);
	/* A way that leads nowhere is none. */
	edu_route_info blackhole = {};
	blackhole.destination = ip4(10, 9, 0, 0).raw();
	blackhole.prefix_len = 16;
	blackhole.type = static_cast<u8>(route_type::blackhole);
	set(w.r, w.in, EDU_IFACE_rp_filter, 2);
	{
		rtnl_guard rtnl;
		EXPECT_EQ(edu_core_config_route_add(w.r.stack(), &blackhole, EDU_CONFIG_CREATE), 0);
	}
	expect_silent_drop(w, from_nowhere, EDU_Ip_DropReversePath);
	set(w.r, w.in, EDU_IFACE_rp_filter, 1);
	/* What is for the router itself is judged alike. */
	expect_silent_drop(w, w.transit({.src = ip4(10, 1, 0, 9), .dst = ip4(10, 0, 0, 254)}),
			   EDU_Ip_DropReversePath);
}

EDU_TEST(forward, reserved_bits_and_unknown_options_pass_unchanged, "RFC1812-5.2.5",
	 "RFC1812-5.3.13.1")
{
	static constexpr u8 unknown[] = {0x9e, 6, 1, 2, 3, 4, 0x1e, 2};
	routed w;

	w.arrive(w.transit({.tos = 0xff, .id = 5, .reserved_flag = true, .ttl = 9}, unknown));
	ASSERT_EQ(w.count(w.far), 1u);
	auto [ip, why] = wire::ipv4::view::checked(w.sent(w.far).subspan(14));

	EXPECT_EQ(why, wire::ipv4::fault::none);
	EXPECT_TRUE(ip.reserved_flag());
	EXPECT_EQ(ip.tos(), 0xffu);
	EXPECT_EQ(ip.ttl(), 8u);
	EXPECT_BYTES(ip.options(), unknown);
}

EDU_TEST(forward, a_router_enters_the_address_it_sends_by, "RFC791", "RFC1812-5.3.13", "IP-10")
{
	static constexpr u8 route[] = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	static constexpr u8 full[] = {7, 7, 8, 10, 0, 0, 3, 0};
	static constexpr u8 stamps[] = {68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0};
	static constexpr u8 named[] = {68, 12, 5, 3, 10, 0, 0, 254, 0, 0, 0, 0};
	static constexpr u8 overflown[] = {68, 4, 5, 0x20};
	routed w;

	for (bytes options :
	     {bytes{route}, bytes{full}, bytes{stamps}, bytes{named}, bytes{overflown}})
		w.arrive(w.transit({}, options));
	ASSERT_EQ(w.count(w.far), 5u);
	auto option = [&](u32 nth) {
		auto [ip, why] = wire::ipv4::view::checked(w.sent(w.far, nth).subspan(14));

		EXPECT_EQ(why, wire::ipv4::fault::none);
		return ip.options();
	};
	static constexpr u8 recorded[] = {7, 11, 8, 10, 1, 0, 254, 0, 0, 0, 0, 0};
	static constexpr u8 stamped[] = {68, 12, 13, 1, 10, 1, 0, 254};
	static constexpr u8 met[] = {68, 12, 13, 3, 10, 0, 0, 254};
	static constexpr u8 one_more[] = {68, 4, 5, 0x30};
	EXPECT_BYTES(option(0), recorded);
	EXPECT_BYTES(option(1), full);
	EXPECT_BYTES(option(2).first(8), stamped);
	EXPECT_BYTES(option(3).first(8), met); /* any address of ours was meant */
	EXPECT_BYTES(option(4), one_more);
}

EDU_TEST(forward, a_broken_option_is_told_by_routers_too, "RFC1812-5.3.13")
{
	static constexpr u8 broken[] = {7, 40, 4, 0};
	routed w;

	wire::icmp::view told = expect_told(w, w.transit({}, broken), EDU_Ip_DropOptions);
	EXPECT_EQ(told.type(), wire::icmp::type::parameter_problem);
	EXPECT_EQ(told.pointer(), 21u);
}

EDU_TEST(forward, source_routes_are_followed_only_on_demand, "RFC1812-5.3.13.4", "RFC7126")
{
	/* To r, and from there to b. */
	static constexpr u8 loose[] = {131, 7, 4, 10, 1, 0, 1, 0};
	static constexpr u8 strict[] = {137, 7, 4, 10, 1, 0, 1, 0};
	static constexpr u8 gone[] = {137, 7, 8, 10, 1, 0, 1, 0};
	routed w;
	be32 us = ip4(10, 0, 0, 254);

	expect_silent_drop(w, w.transit({.dst = us}, loose), EDU_Ip_DropSourceRoute);
	expect_silent_drop(w, w.transit({}, loose), EDU_Ip_DropSourceRoute);
	set_all(w.r, EDU_IFACE_accept_source_route, 1);
	set(w.r, w.in, EDU_IFACE_accept_source_route, 1);
	for (bytes option : {bytes{loose}, bytes{strict}}) {
		w.clear();
		w.arrive(w.transit({.dst = us}, option));
		ASSERT_EQ(w.count(w.far), 1u);
		auto [ip, why] = wire::ipv4::view::checked(w.sent(w.far).subspan(14));
		u8 expected[] = {option[0], 7, 8, 10, 1, 0, 254, 0};

		EXPECT_EQ(why, wire::ipv4::fault::none);
		EXPECT_EQ(ip.dst(), ip4(10, 1, 0, 1));
		EXPECT_BYTES(ip.options(), expected);
	}
	/* Not on the list: the loose route goes on, the strict one has missed its hop. */
	w.clear();
	w.arrive(w.transit({}, loose));
	EXPECT_EQ(w.count(w.far), 1u);
	wire::icmp::view told = expect_told(w, w.transit({}, strict), EDU_Ip_DropStrictRoute);
	EXPECT_EQ(told.code(), static_cast<u8>(unreachable_code::source_route_failed));
	/* Used up: it has arrived. */
	socket to = w.r.udp(7);
	w.arrive(w.transit({.dst = us}, gone));
	EXPECT_EQ(to.receive().length, 3);
}

EDU_TEST(forward, a_strict_route_does_not_take_a_gateway, "RFC1812-5.3.13.4")
{
	static constexpr u8 strict[] = {137, 7, 4, 10, 5, 0, 1, 0};
	static constexpr u8 to_group[] = {131, 7, 4, 224, 0, 0, 1, 0};
	static constexpr u8 to_us[] = {131, 7, 4, 10, 1, 0, 254, 0};
	static constexpr u8 nowhere[] = {131, 7, 4, 10, 9, 0, 1, 0};
	routed w;
	be32 us = ip4(10, 0, 0, 254);

	set_all(w.r, EDU_IFACE_accept_source_route, 1);
	set(w.r, w.in, EDU_IFACE_accept_source_route, 1);
	w.r.add_route(ip4(10, 5, 0, 0), 16, ip4(10, 1, 0, 1));
	wire::icmp::view told =
		expect_told(w, w.transit({.dst = us}, strict), EDU_Ip_DropStrictRoute);
	EXPECT_EQ(told.code(), static_cast<u8>(unreachable_code::source_route_failed));
	expect_silent_drop(w, w.transit({.dst = us}, to_group), EDU_Ip_DropSourceRoute);
	expect_silent_drop(w, w.transit({.dst = us}, to_us), EDU_Ip_DropSourceRoute);
	told = expect_told(w, w.transit({.dst = us}, nowhere), EDU_Ip_DropNoRoute);
	EXPECT_EQ(told.code(), static_cast<u8>(unreachable_code::network));
}

EDU_TEST(forward, fragments_in_transit_are_not_put_together, "RFC1812-5.2.6")
{
	routed w;

	w.arrive(w.transit({.id = 9, .more_fragments = true}));
	w.arrive(w.transit({.id = 9, .fragment_offset = 1480}));
	ASSERT_EQ(w.count(w.far), 2u);
	EXPECT_TRUE(ip_of(w.sent(w.far)).more_fragments());
	EXPECT_EQ(ip_of(w.sent(w.far, 1)).fragment_offset(), 1480u);
	EXPECT_EQ(w.r.counter(EDU_Ip_ReasmReqds), 0u);
}

EDU_TEST(forward, the_links_padding_is_not_forwarded, "RFC894", "RFC1812-5.2.2")
{
	routed w;
	handmade frame = w.transit({});

	frame.length = 60;
	w.arrive(frame);
	ASSERT_EQ(w.count(w.far), 1u);
	EXPECT_EQ(w.sent(w.far).size(), 14u + 31u);
}

EDU_TEST(forward, routes_of_others_packets_are_cached_and_go_stale, "ROUTE-8", "ROUTE-9")
{
	routed w;

	w.arrive(w.transit({}));
	u64 misses = w.r.counter(EDU_Rt_CacheMisses), fib = w.r.counter(EDU_Rt_FibHits);
	w.arrive(w.transit({}));
	EXPECT_EQ(w.r.counter(EDU_Rt_CacheMisses), misses);
	EXPECT_EQ(w.r.counter(EDU_Rt_FibHits), fib);
	edu_cursor at = {};
	edu_rtcache_info route = {};
	bool seen = false;
	while (edu_core_rtcache_next(w.r.stack(), &at, &route))
		if (route.destination == ip4(10, 1, 0, 1).raw()) {
			EXPECT_EQ(route.iif, w.in);
			EXPECT_EQ(route.ifindex, w.out);
			seen = true;
		}
	EXPECT_TRUE(seen);
	/* Our own packets to there are another matter. */
	edu_route_info own = {};
	EXPECT_EQ(look_up(w.r, ip4(10, 1, 0, 1), {}, 0, own), 0);
	EXPECT_EQ(w.r.counter(EDU_Rt_CacheMisses), misses + 1);

	add_refusing_route(w.r, ip4(10, 1, 0, 0), route_type::blackhole);
	w.r.del_route(ip4(10, 1, 0, 0), 24, {});
	expect_silent_drop(w, w.transit({}), EDU_Ip_DropBlackhole);
}

EDU_TEST(forward, a_scan_through_the_router_stays_within_the_bound, "ROUTE-9")
{
	routed w;

	w.r.tune(EDU_TUNE_rt_cache_size, 64);
	w.r.add_route({}, 0, ip4(10, 1, 0, 1));
	for (u32 i = 0; i < 2000; i++)
		w.arrive(w.transit({.dst = be32{(20u << 24) + i * 7919}}));
	EXPECT_EQ(w.r.counter(EDU_Ip_ForwDatagrams), 2000u);
	EXPECT_TRUE(cached_routes(w.r) <= 64 + 1);
	expect_exchange(w);
}

EDU_TEST(forward, a_look_up_with_an_interface_asks_as_a_packet_would, "ROUTE-8")
{
	routed w;
	edu_route_info route = {};
	be32 far = ip4(10, 1, 0, 1), stranger = ip4(10, 0, 0, 9);

	ASSERT_EQ(look_up(w.r, far, stranger, w.in, route), 0);
	EXPECT_EQ(route.ifindex, w.out);
	EXPECT_EQ(route.type, static_cast<u8>(route_type::unicast));
	ASSERT_EQ(look_up(w.r, ip4(10, 1, 0, 254), stranger, w.in, route), 0);
	EXPECT_EQ(route.type, static_cast<u8>(route_type::local));
	EXPECT_EQ(look_up(w.r, ip4(10, 9, 0, 1), stranger, w.in, route), -101); /* ENETUNREACH */
	EXPECT_EQ(look_up(w.r, far, ip4(127, 0, 0, 1), w.in, route), -22);	/* EINVAL */
	EXPECT_EQ(look_up(w.r, far, stranger, 99, route), -19);			/* ENODEV */
	set(w.r, w.in, EDU_IFACE_rp_filter, 1);
	EXPECT_EQ(look_up(w.r, far, ip4(10, 1, 0, 9), w.in, route), -18); /* EXDEV */
	set(w.r, w.in, EDU_IFACE_forwarding, 0);
	EXPECT_EQ(look_up(w.r, far, stranger, w.in, route), -113); /* EHOSTUNREACH */
}

EDU_TEST(forward, a_device_that_vanishes_takes_forwarded_packets_along, "LAYER-3",
	 "RFC1812-5.3.12.3")
{
	routed w;

	w.arrive(w.transit({.dst = ip4(10, 1, 0, 77)})); /* waits for ARP */
	edu_t_dev_gone(w.r.get(), w.in);		 /* it came by that one */
	w.run_for(10);
	EXPECT_EQ(w.r.counter(EDU_Ip_ForwDatagrams), 1u);
	edu_t_dev_gone(w.r.get(), w.out);
	w.settle();
}

EDU_TEST(forward, any_failed_allocation_only_costs_the_packet, "OVER-4")
{
	for (unsigned int n = 1; n < 12; n++) {
		routed w;

		edu_t_fail_alloc(n);
		w.arrive(w.transit({}));
		edu_t_fail_alloc(0);
		w.run_for(3000);
		expect_exchange(w);
	}
}

EDU_TEST(forward, three_routers_in_a_row_are_each_seen_by_their_hop, "OVER-4", "RFC1812-5.3.1")
{
	nothing_left check;
	cable c[4];
	host a, r[3], b;

	a.plug(c[0], 1);
	a.add_address(ip4(10, 0, 0, 1), 24);
	b.plug(c[3], 1);
	b.add_address(ip4(10, 3, 0, 1), 24);
	for (u8 i = 0; i < 3; i++) {
		r[i].plug(c[i], 0xa);
		r[i].add_address(ip4(10, i, 0, 254), 24);
		r[i].plug(c[i + 1], 0xb);
		r[i].add_address(ip4(10, static_cast<u8>(i + 1), 0, 253), 24);
		set_all(r[i], EDU_IFACE_forwarding, 1);
		if (i < 2)
			r[i].add_route(ip4(10, 3, 0, 0), 24,
				       ip4(10, static_cast<u8>(i + 1), 0, 254));
		if (i > 0)
			r[i].add_route(ip4(10, 0, 0, 0), 24, ip4(10, i, 0, 253));
	}
	a.add_route({}, 0, ip4(10, 0, 0, 254));
	b.add_route({}, 0, ip4(10, 3, 0, 253));
	socket to = b.udp(7), from = a.udp();
	from.set(sol_ip, 11 /* IP_RECVERR */, 1);
	for (u8 hops = 1; hops <= 3; hops++) {
		from.set(sol_ip, 2 /* IP_TTL */, hops);
		from.send("tlk", ip4(10, 3, 0, 1), 7);
		edu_t_run(0);
		datagram error = from.receive(msg_errqueue | msg_dontwait);
		bytes extended = error.control(sol_ip, 11);

		EXPECT_EQ(error.length, 3);
		ASSERT_TRUE(extended.size() >= 24);
		EXPECT_EQ(load_addr(extended.data() + 20),
			  ip4(10, static_cast<u8>(hops - 1), 0, 254));
		EXPECT_EQ(from.get(sol_socket, 4 /* SO_ERROR */), 0); /* read is forgotten */
	}
	from.set(sol_ip, 2, 4);
	from.send("tlk", ip4(10, 3, 0, 1), 7);
	edu_t_run(0);
	EXPECT_EQ(to.receive().length, 3);
	c[1].lose(1);
	from.send("one", ip4(10, 3, 0, 1), 7);
	from.send("two", ip4(10, 3, 0, 1), 7);
	edu_t_run(0);
	datagram got = to.receive();
	EXPECT_EQ(got.length, 3);
	EXPECT_EQ(got.data[0], 't');
	EXPECT_EQ(to.receive().length, -11);
}

} // namespace edu::test
