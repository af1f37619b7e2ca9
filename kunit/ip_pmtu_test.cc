// SPDX-License-Identifier: GPL-2.0-only
/*
 * Path MTU discovery: what ICMP tells, what is believed, and what programs see of it.
 *
 * Requirements: IP-4; RFC 1191, RFC 1122 3.3.3.
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"

namespace edu::test {
namespace {

namespace ip_option {
constexpr int mtu_discover = 10, recverr = 11, mtu = 14;
}

enum discover { dont, want, always, probe, interface, omit };

constexpr int emsgsize = -90;
constexpr be32 router = ip4(10, 0, 0, 9);

/* Says, as the router, that a datagram of `total` octets from a to `about` did not fit. */
handmade too_big(const world &w, be32 about, u16 mtu, u16 total = 1500, be32 source = {},
		 u16 port = 9)
{
	u8 quote[28];
	wire::ipv4::repr quoted{.total_length = total,
				.dont_fragment = true,
				.protocol = udp_protocol_number,
				.src = source != be32{} ? source : w.a.address(),
				.dst = about};

	quoted.emit({quote, 20});
	store_be16(&quote[20], port);
	store_be16(&quote[22], 7);
	store_be32(&quote[24], 0);
	icmp_message message{{wire::icmp::type::unreachable, 4, mtu}, quote};

	return ip_frame(
		9, 1,
		{.ttl = 9, .protocol = icmp_protocol_number, .src = router, .dst = w.a.address()},
		message.all());
}

/* Host a with a socket connected to b, whose path's MTU is about to change. */
struct pmtu_fixture {
	world w;
	socket to = w.b.udp(7), from = w.a.udp();
	u8 data[1000] = {};

	pmtu_fixture()
	{
		from.connect(w.b.address(), 7);
		send(1);
		w.settle();
		w.cable.clear();
	}
	int send(u32 len)
	{
		int sent = from.send({data, len});

		w.settle();
		return sent;
	}
	void tell(u16 mtu, u16 total = 1500)
	{
		w.a.inject(too_big(w, w.b.address(), mtu, total, {}, from.port()).all());
	}
	int mtu() { return from.get(sol_ip, ip_option::mtu); }
	/* The pending error, which a socket that may discover gets. */
	int error() { return from.get(sol_socket, 4); }
	bool df(u32 i) { return ip_of(w.cable.frame(ethertype_ip, i)).dont_fragment(); }
	u32 frames() { return w.cable.frames(ethertype_ip); }
};

} // namespace

EDU_TEST_F(pmtu_fixture, pmtu, a_router_tells_and_the_program_sees, "RFC1191-4", "IP-4")
{
	EXPECT_EQ(mtu(), 1500);
	tell(900);
	EXPECT_EQ(mtu(), 900);
	EXPECT_EQ(error(), 90);
	w.cable.clear();
	EXPECT_EQ(send(1000), 1000);
	ASSERT_EQ(frames(), 2u);
	EXPECT_FALSE(df(0));
	EXPECT_LE(w.cable.frame(ethertype_ip, 0).size(), 14 + 900u);
	w.cable.clear();
	EXPECT_EQ(send(872), 872);
	ASSERT_EQ(frames(), 1u);
	EXPECT_TRUE(df(0));
}

/* IP_HDRINCL: who probes is not held to what routers have told, only to the device. */
EDU_TEST_F(pmtu_fixture, pmtu, a_header_of_ones_own_goes_by_the_same_mtu, "RFC1191-6.2", "BSD-4")
{
	constexpr u16 len = 1000;
	socket raw = w.a.open(sock_raw, 255);
	auto send_raw = [&](discover how, bool dont_fragment) {
		wire::ipv4::repr{.total_length = len,
				 .dont_fragment = dont_fragment,
				 .ttl = 9,
				 .protocol = udp_protocol_number,
				 .src = w.a.address(),
				 .dst = w.b.address()}
			.emit({data, 20});
		w.cable.clear();
		EXPECT_EQ(raw.set(sol_ip, ip_option::mtu_discover, how), 0);
		int sent = raw.send({data, len}, w.b.address());

		w.settle();
		return sent;
	};

	tell(900);
	for (discover how : {probe, interface, omit}) {
		EXPECT_EQ(send_raw(how, true), len);
		ASSERT_EQ(frames(), 1u);
		EXPECT_TRUE(df(0));
	}
	for (discover how : {dont, want, always}) {
		EXPECT_EQ(send_raw(how, true), emsgsize);
		EXPECT_EQ(send_raw(how, false), len);
		EXPECT_EQ(frames(), 2u);
	}
}

EDU_TEST_F(pmtu_fixture, pmtu, it_is_only_ever_lowered, "RFC1191-6.3")
{
	tell(900);
	tell(1200);
	EXPECT_EQ(mtu(), 900);
	tell(9000);
	EXPECT_EQ(mtu(), 900);
	tell(800);
	EXPECT_EQ(mtu(), 800);
}

EDU_TEST_F(pmtu_fixture, pmtu, absurd_and_foreign_messages_are_not_believed, "RFC1191-4")
{
	tell(67); /* no link is that small */
	tell(1);
	EXPECT_EQ(mtu(), 1500);
	w.a.inject(too_big(w, ip4(10, 0, 0, 77), 900).all()); /* another destination */
	EXPECT_EQ(mtu(), 1500);
	w.a.inject(too_big(w, w.b.address(), 900, 1500, ip4(10, 0, 0, 66)).all());
	EXPECT_EQ(mtu(), 1500); /* it quotes what is not ours */
	EXPECT_EQ(w.a.counter(EDU_Icmp_DropQuote), 1u);
}

EDU_TEST_F(pmtu_fixture, pmtu, who_has_not_seen_our_packets_is_not_believed, "RFC1191-4", "IP-4")
{
	/* He knows both addresses, and that a speaks to b, but not from which port. */
	for (u16 port = 1; port < 1000; port++)
		w.a.inject(too_big(w, w.b.address(), 576, 1500, {}, port).all());
	w.settle();
	EXPECT_EQ(mtu(), 1500);
	tell(900);
	EXPECT_EQ(mtu(), 900);
	socket other = w.a.udp();

	other.connect(w.b.address(), 7);
	EXPECT_EQ(other.get(sol_ip, ip_option::mtu), 900); /* the path's, for all who use it */
}

EDU_TEST_F(pmtu_fixture, pmtu, below_the_least_packets_go_without_df, "RFC1191-3")
{
	tell(100);
	EXPECT_EQ(mtu(), 552);
	error();
	w.cable.clear();
	EXPECT_EQ(send(200), 200);
	ASSERT_EQ(frames(), 1u);
	EXPECT_FALSE(df(0));
	w.a.tune(EDU_TUNE_min_pmtu, 68);
	tell(100);
	EXPECT_EQ(mtu(), 100);
}

EDU_TEST_F(pmtu_fixture, pmtu, an_old_router_tells_nothing_and_plateaus_are_tried, "RFC1191-7")
{
	w.a.tune(EDU_TUNE_min_pmtu, 68);
	tell(0, 1500);
	EXPECT_EQ(mtu(), 1492);
	tell(0, 1492);
	EXPECT_EQ(mtu(), 1006);
	tell(0, 1500); /* about a datagram sent before: no larger than what we know now */
	EXPECT_EQ(mtu(), 508);
	tell(0, 400);
	EXPECT_EQ(mtu(), 296);
	tell(0, 200);
	EXPECT_EQ(mtu(), 68);
}

EDU_TEST_F(pmtu_fixture, pmtu, it_is_forgotten_in_time, "RFC1191-6.3")
{
	w.a.tune(EDU_TUNE_mtu_expires_ms, 5000);
	tell(900);
	w.run_for(4000);
	EXPECT_EQ(mtu(), 900);
	w.run_for(1100);
	EXPECT_EQ(mtu(), 1500);
}

EDU_TEST_F(pmtu_fixture, pmtu, nobody_fills_the_cache_by_icmp, "RFC1191-4", "ROUTE-9")
{
	/* What comes in has a route too: one, for it is to one address. */
	w.a.inject(too_big(w, ip4(10, 0, 1, 200), 900).all());
	const u32 before = w.a.stack()->rt_cache.entries.load();

	for (u8 i = 1; i < 200; i++)
		w.a.inject(too_big(w, ip4(10, 0, 1, i), 900).all());
	EXPECT_EQ(w.a.stack()->rt_cache.entries.load(), before);
}

/* A socket may hold a route that the cache has forgotten. The first message makes it ask anew, the
 * second finds what it got. */
EDU_TEST_F(pmtu_fixture, pmtu, a_route_outside_of_the_cache_is_asked_for_again, "RFC1191-4",
	   "UDP-2")
{
	w.a.add_route({}, 0, router);
	for (u8 i = 1; i <= 2 * rt_chain_max; i++) { /* all in the chain of 10.0.0.2 */
		socket other = w.a.udp();

		send(1);
		other.connect(ip4(i, 0, 0, 2), 7);
	}
	tell(900);
	EXPECT_EQ(error(), 90);
	send(1);
	tell(900);
	EXPECT_EQ(mtu(), 900);
}

EDU_TEST_F(pmtu_fixture, pmtu, it_is_for_connected_sockets_to_ask, "IP-4")
{
	socket other = w.a.udp();

	EXPECT_EQ(other.get(sol_ip, ip_option::mtu), -107);
	from.disconnect();
	EXPECT_EQ(mtu(), -107);
}

EDU_TEST_F(pmtu_fixture, pmtu, each_way_of_discovery, "IP-4", "RFC1191-6.2")
{
	static constexpr struct {
		discover how;
		int large;     /* what a send of 1,000 octets returns with a path MTU of 900 */
		u8 frames;     /* it makes */
		bool small_df; /* on a datagram that fits the path */
		u8 errors;     /* the ICMP error is told */
	} ways[] = {
		{dont, 1000, 2, false, 0},	 {want, 1000, 2, true, 90},
		{always, emsgsize, 0, true, 90}, {probe, 1000, 1, true, 90},
		{interface, 1000, 1, false, 90}, {omit, 1000, 1, false, 90},
	};

	tell(900);
	error();
	for (const auto &way : ways) {
		from.set(sol_ip, ip_option::mtu_discover, way.how);
		tell(900);
		EXPECT_EQ(error(), way.errors);
		w.cable.clear();
		EXPECT_EQ(send(1000), way.large);
		EXPECT_EQ(frames(), way.frames);
		w.cable.clear();
		EXPECT_EQ(send(100), 100);
		ASSERT_EQ(frames(), 1u);
		EXPECT_EQ(df(0), way.small_df);
		to.receive();
		to.receive();
	}
}

/* Larger than the device's MTU: only interface, probe and always refuse. */
EDU_TEST_F(pmtu_fixture, pmtu, the_device_s_own_mtu_counts_for_all, "IP-4")
{
	static constexpr struct {
		discover how;
		int sent;
		u8 frames;
	} ways[] = {{dont, 1000, 3},	  {want, 1000, 3},	    {always, emsgsize, 0},
		    {probe, emsgsize, 0}, {interface, emsgsize, 0}, {omit, 1000, 3}};
	edu_dev_info info = host::ethernet(1);

	info.mtu = 400;
	edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
	from.connect(w.b.address(), 7);
	for (const auto &way : ways) {
		from.set(sol_ip, ip_option::mtu_discover, way.how);
		w.cable.clear();
		EXPECT_EQ(send(1000), way.sent);
		EXPECT_EQ(frames(), way.frames);
	}
}

EDU_TEST_F(pmtu_fixture, pmtu, the_error_queue_has_the_mtu, "IP-4", "UDP-3")
{
	from.set(sol_ip, ip_option::recverr, 1);
	from.set(sol_ip, ip_option::mtu_discover, always);
	tell(900);
	datagram reported = from.receive(msg_dontwait | msg_errqueue);
	bytes error_report = reported.control(sol_ip, ip_option::recverr);

	ASSERT_GE(error_report.size(), 16u);
	EXPECT_EQ(load_native<u32>(&error_report[0]), 90u);
	EXPECT_EQ(error_report[4], 2u); /* by ICMP */
	EXPECT_EQ(load_native<u32>(&error_report[8]), 900u);
	error();
	EXPECT_EQ(send(1000), emsgsize);
	datagram local = from.receive(msg_dontwait | msg_errqueue);
	error_report = local.control(sol_ip, ip_option::recverr);
	ASSERT_GE(error_report.size(), 16u);
	EXPECT_EQ(error_report[4], 1u); /* found out here */
	EXPECT_EQ(load_native<u32>(&error_report[8]), 900u);
}

} // namespace edu::test
