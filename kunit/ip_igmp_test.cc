// SPDX-License-Identifier: GPL-2.0-only
/*
 * IGMP, the host's side: when reports and leaves are sent, and when not.
 *
 * Requirements: IP-10; RFC 2236 2, 3, 4, 6, 8; RFC 1112 appendix I; RFC 3376 7.1.
 *
 * Locking: none. Tests run one after the other.
 */
#include "groups.hh"
#include "router.hh"

namespace edu::test::on_igmp {
namespace {

using wire::igmp::repr;
using kind = wire::igmp::type;

constexpr be32 all_hosts = wire::ipv4::all_hosts_group, all_routers = wire::ipv4::all_routers_group;

/* A world whose host a has joined group_a and said so, both times. */
struct member_world : world {
	socket s = a.udp();

	member_world()
	{
		join(s, group_a, a.ifindex());
		run_for(20000);
		cable.clear();
	}
	void hear(repr message, be32 to, size_t extra = 0, u8 n = 9)
	{
		a.inject(igmp_frame(message, to, extra, n).all());
		settle();
	}
};

} // namespace

EDU_TEST(igmp, a_join_is_reported_at_once_and_again, "IP-10", "RFC2236-3", "RFC2236-8.10")
{
	world w;
	socket s = w.a.udp(), t = w.a.udp();
	bytes frame;

	EXPECT_EQ(join(s, group_a, w.a.ifindex()), 0);
	w.settle();
	ASSERT_EQ(igmp_count(w.cable), 1u);
	repr sent = igmp_sent(w.cable, 0, &frame);

	EXPECT_TRUE(sent == (repr{kind::report_v2, 0, group_a}));
	EXPECT_EQ(eth_addr::load(frame.data()), wire::eth::group_addr(group_a));
	EXPECT_EQ(ip_of(frame).dst(), group_a);
	EXPECT_EQ(ip_of(frame).src(), w.a.address());
	EXPECT_EQ(ip_of(frame).ttl(), 1u);
	ASSERT_EQ(ip_of(frame).options().size(), 4u); /* router alert */
	EXPECT_EQ(ip_of(frame).options()[0], 148u);
	EXPECT_EQ(join(t, group_a, w.a.ifindex()), 0); /* nothing new to say */
	w.run_for(10001);
	EXPECT_EQ(igmp_count(w.cable), 2u);
	w.run_for(100000);
	EXPECT_EQ(igmp_count(w.cable), 2u);
	EXPECT_EQ(w.a.counter(EDU_Igmp_OutReportsV2), 2u);
}

EDU_TEST(igmp, nothing_is_said_of_all_hosts_nor_on_the_loopback, "RFC2236-3")
{
	member_world w;
	socket s = w.a.udp();

	EXPECT_EQ(join(s, all_hosts, w.a.ifindex()), 0);
	EXPECT_EQ(join(s, group_b, 1), 0); /* edulo */
	w.hear({kind::query, 10, {}}, all_hosts);
	w.run_for(2000);
	EXPECT_EQ(igmp_count(w.cable), 1u); /* group_a's answer */
	s.close();
	w.settle();
	EXPECT_EQ(igmp_count(w.cable), 1u);
	EXPECT_EQ(w.a.counter(EDU_Igmp_OutReportsV2), 3u); /* none on edulo either */
	EXPECT_EQ(w.a.counter(EDU_Igmp_OutLeaves), 0u);
}

EDU_TEST(igmp, a_general_query_is_answered_in_time_for_each_group, "IP-10", "RFC2236-3")
{
	member_world w;

	EXPECT_EQ(join(w.s, group_b, w.a.ifindex()), 0);
	w.run_for(20000);
	w.cable.clear();
	w.hear({kind::query, 50, {}}, all_hosts);
	EXPECT_EQ(igmp_count(w.cable), 0u);
	w.run_for(5001);
	EXPECT_EQ(igmp_count(w.cable), 2u);
	EXPECT_EQ(w.a.counter(EDU_Igmp_InQueriesV2), 1u);
	w.run_for(100000);
	EXPECT_EQ(igmp_count(w.cable), 2u);
	w.hear({kind::query, 50, {}}, all_hosts);
	w.run_for(5001);
	EXPECT_EQ(igmp_count(w.cable), 4u);
}

/* A switch that snoops may have no address to ask from, and a bridge of Linux's has none. */
EDU_TEST(igmp, who_has_no_address_may_ask, "IP-10", "RFC4541-2.1.1")
{
	member_world w;
	socket hears = w.a.udp(7);
	auto nobody_says = [&](handmade frame, u8 last = 0) {
		store_addr(frame.ip().data() + 12, ip4(0, 0, 0, last));
		w.a.inject(frame.resum().all());
		w.run_for(1001);
	};

	set_all(w.a, EDU_IFACE_rp_filter, 1);
	nobody_says(igmp_frame({kind::query, 10, {}}, all_hosts));
	EXPECT_EQ(igmp_count(w.cable), 1u);
	nobody_says(igmp_frame({kind::query, 10, group_a}, group_a));
	EXPECT_EQ(igmp_count(w.cable), 2u);
	nobody_says(to_group(all_hosts)); /* never forwarded, so Linux hears it too */
	EXPECT_EQ(hears.receive().length, 3);
	EXPECT_EQ(w.a.counter(EDU_Ip_DropMartianSource), 0u);
	nobody_says(to_group(group_a));
	nobody_says(igmp_frame({kind::query, 10, {}}, all_hosts), 1);
	nobody_says(igmp_frame({kind::query, 10, {}}, w.a.address()));
	EXPECT_EQ(w.a.counter(EDU_Ip_DropMartianSource), 3u);
	EXPECT_EQ(igmp_count(w.cable), 2u);
}

EDU_TEST(igmp, a_query_for_a_group_is_for_its_members, "RFC2236-3")
{
	member_world w;

	w.hear({kind::query, 10, group_b}, group_b); /* not joined */
	EXPECT_EQ(w.a.counter(EDU_Ip_DropMulticastNotJoined), 1u);
	w.hear({kind::query, 10, group_b}, all_hosts);
	w.run_for(1001);
	EXPECT_EQ(igmp_count(w.cable), 0u);
	w.hear({kind::query, 10, group_a}, group_a);
	w.run_for(1001);
	EXPECT_EQ(igmp_count(w.cable), 1u);
}

EDU_TEST(igmp, a_hurried_query_overtakes_and_a_patient_one_waits, "RFC2236-3")
{
	member_world w;

	w.hear({kind::query, 255, group_a}, all_hosts);
	w.hear({kind::query, 1, group_a}, all_hosts); /* a tenth of a second */
	w.run_for(101);
	EXPECT_EQ(igmp_count(w.cable), 1u);
	w.run_for(30000);
	EXPECT_EQ(igmp_count(w.cable), 1u); /* one answer to both */
	w.hear({kind::query, 1, group_a}, all_hosts);
	w.hear({kind::query, 255, group_a}, all_hosts);
	w.run_for(101);
	EXPECT_EQ(igmp_count(w.cable), 2u);
}

EDU_TEST(igmp, a_flood_of_queries_is_answered_once, "RFC2236-3")
{
	member_world w;

	for (int i = 0; i < 1000; i++)
		w.a.inject(igmp_frame({kind::query, 10, {}}, all_hosts).all());
	w.run_for(1001);
	EXPECT_EQ(igmp_count(w.cable), 1u);
	EXPECT_EQ(w.a.counter(EDU_Igmp_InQueriesV2), 1000u);
	w.hear({kind::query, 10, {}}, all_hosts); /* and then the next one */
	w.run_for(1001);
	EXPECT_EQ(igmp_count(w.cable), 2u);
}

EDU_TEST(igmp, another_members_report_is_enough, "IP-10", "RFC2236-3")
{
	member_world w;

	w.hear({kind::query, 100, {}}, all_hosts);
	w.hear({kind::report_v2, 0, group_a}, group_a);
	w.run_for(10001);
	EXPECT_EQ(igmp_count(w.cable), 0u);
	EXPECT_EQ(w.a.counter(EDU_Igmp_Suppressed), 1u);
	w.s.close(); /* nor is the leave ours to tell */
	w.run_for(1000);
	EXPECT_EQ(igmp_count(w.cable), 0u);
}

EDU_TEST(igmp, a_report_to_the_wrong_place_suppresses_nothing, "RFC2236-3")
{
	member_world w;

	w.hear({kind::query, 100, {}}, all_hosts);
	w.hear({kind::report_v2, 0, group_a}, all_hosts);
	EXPECT_EQ(w.a.counter(EDU_Igmp_DropGroup), 1u);
	w.run_for(10001);
	EXPECT_EQ(igmp_count(w.cable), 1u);
}

EDU_TEST(igmp, the_last_reporter_tells_of_leaving, "IP-10", "RFC2236-3")
{
	member_world w;
	socket other = w.a.udp();
	bytes frame;

	EXPECT_EQ(join(other, group_a, w.a.ifindex()), 0);
	w.s.close();
	w.settle();
	EXPECT_EQ(igmp_count(w.cable), 0u); /* somebody is left */
	other.close();
	w.settle();
	ASSERT_EQ(igmp_count(w.cable), 1u);
	EXPECT_TRUE(igmp_sent(w.cable, 0, &frame) == (repr{kind::leave, 0, group_a}));
	EXPECT_EQ(ip_of(frame).dst(), all_routers);
	EXPECT_EQ(ip_of(frame).ttl(), 1u);
	EXPECT_EQ(w.a.counter(EDU_Igmp_OutLeaves), 1u);
	w.hear({kind::query, 10, {}}, all_hosts);
	w.run_for(2000);
	EXPECT_EQ(igmp_count(w.cable), 1u);
}

EDU_TEST(igmp, with_a_version_1_router_version_1_is_spoken_for_a_while, "RFC2236-4", "RFC1112")
{
	member_world w;

	w.hear({kind::query, 0, group_b}, all_hosts); /* the field means nothing */
	EXPECT_EQ(w.a.counter(EDU_Igmp_InQueriesV1), 1u);
	w.run_for(10001);
	ASSERT_EQ(igmp_count(w.cable), 1u);
	EXPECT_TRUE(igmp_sent(w.cable, 0) == (repr{kind::report_v1, 0, group_a}));
	EXPECT_EQ(join(w.s, group_b, w.a.ifindex()), 0);
	w.settle();
	EXPECT_TRUE(igmp_sent(w.cable, 1) == (repr{kind::report_v1, 0, group_b}));
	w.run_for(10001);
	w.cable.clear();
	EXPECT_EQ(leave(w.s, group_b, w.a.ifindex()), 0);
	w.settle();
	EXPECT_EQ(igmp_count(w.cable), 0u); /* version 1 knows no leave */
	w.run_for(400000);
	w.hear({kind::query, 10, {}}, all_hosts); /* the old router has gone */
	w.run_for(1001);
	ASSERT_EQ(igmp_count(w.cable), 1u);
	EXPECT_TRUE(igmp_sent(w.cable, 0) == (repr{kind::report_v2, 0, group_a}));
}

EDU_TEST(igmp, a_version_3_query_is_taken_for_version_2, "RFC2236-2.5", "RFC3376-7.1")
{
	member_world w;

	w.hear({kind::query, 10, {}}, all_hosts, 4);
	w.run_for(1001);
	ASSERT_EQ(igmp_count(w.cable), 1u);
	EXPECT_TRUE(igmp_sent(w.cable, 0) == (repr{kind::report_v2, 0, group_a}));
	EXPECT_EQ(w.a.counter(EDU_Igmp_InQueriesV3), 1u);
	w.hear({kind::query, 0, {}}, all_hosts, 4); /* at once; no version 1 router */
	w.run_for(101);
	ASSERT_EQ(igmp_count(w.cable), 2u);
	EXPECT_TRUE(igmp_sent(w.cable, 1) == (repr{kind::report_v2, 0, group_a}));
	w.hear({kind::query, 10, {}}, all_hosts, 3);
	EXPECT_EQ(w.a.counter(EDU_Igmp_DropLength), 1u);
}

EDU_TEST(igmp, noise_has_names, "IP-10", "RFC2236-2")
{
	member_world w;
	handmade bad = igmp_frame({kind::query, 10, {}}, all_hosts);
	handmade cut = igmp_frame({kind::query, 10, {}}, all_hosts);

	bad.octet[14 + 20 + 1] ^= 1;
	w.a.inject(bad.all());
	EXPECT_EQ(w.a.counter(EDU_Igmp_DropChecksum), 1u);
	store_be16(&cut.octet[16], 27);
	w.a.inject(cut.resum().all());
	EXPECT_EQ(w.a.counter(EDU_Igmp_DropShort), 1u);
	w.hear({kind::query, 10, ip4(10, 0, 0, 1)}, all_hosts);
	w.hear({kind::report_v2, 0, ip4(10, 0, 0, 1)}, all_hosts);
	EXPECT_EQ(w.a.counter(EDU_Igmp_DropGroup), 2u);
	w.hear({static_cast<kind>(0x13), 0, {}}, all_hosts);
	EXPECT_EQ(w.a.counter(EDU_Igmp_DropUnknownType), 1u);
	w.hear({kind::report_v3, 0, {}}, all_hosts);
	EXPECT_EQ(w.a.counter(EDU_Igmp_InReportsV3), 1u);
	w.hear({kind::leave, 0, group_a}, group_a);
	EXPECT_EQ(w.a.counter(EDU_Igmp_InLeaves), 1u);
	w.run_for(10000);
	EXPECT_EQ(igmp_count(w.cable), 0u);
}

EDU_TEST(igmp, raw_sockets_hear_it_all, "BSD-4", "IP-10")
{
	member_world w;
	socket raw = w.a.open(sock_raw, igmp_protocol_number);

	w.hear({static_cast<kind>(0x13), 0, {}}, all_hosts);
	EXPECT_EQ(raw.receive().length, 28);
	w.hear({kind::query, 10, {}}, all_hosts);
	EXPECT_EQ(raw.receive().length, 28);
	w.run_for(1001);
	EXPECT_EQ(raw.receive().length, 32); /* our own report, looped back */
	EXPECT_EQ(w.a.counter(EDU_Igmp_Suppressed), 0u);
}

EDU_TEST(igmp, an_interface_that_comes_up_reports_anew, "IP-10", "LAYER-3")
{
	member_world w;
	edu_dev_info info = {};

	edu_t_dev_info(w.a.get(), w.a.ifindex(), &info);
	w.hear({kind::query, 100, {}}, all_hosts);
	info.flags &= ~iff_up;
	edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
	w.run_for(20000);
	EXPECT_EQ(igmp_count(w.cable), 0u);
	info.flags |= iff_up;
	edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
	w.settle();
	EXPECT_EQ(igmp_count(w.cable), 1u);
}

EDU_TEST(igmp, on_another_cable_there_may_be_other_routers, "RFC2236-4", "LAYER-3")
{
	member_world w;
	edu_dev_info info = {};

	edu_t_dev_info(w.a.get(), w.a.ifindex(), &info);
	w.hear({kind::query, 0, {}}, all_hosts);
	info.flags &= ~iff_up;
	edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
	EXPECT_EQ(join(w.s, group_b, w.a.ifindex()),
		  0); /* said when there is somebody to hear it */
	w.run_for(20000);
	EXPECT_EQ(w.a.counter(EDU_Igmp_OutErrors), 0u);
	info.flags |= iff_up;
	edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
	w.settle();
	ASSERT_EQ(igmp_count(w.cable), 2u);
	EXPECT_EQ(igmp_sent(w.cable, 0).type, kind::report_v2);
	EXPECT_EQ(igmp_sent(w.cable, 1).type, kind::report_v2);
}

EDU_TEST(igmp, what_is_due_dies_with_the_interface_and_the_host, "LAYER-3")
{
	member_world w;
	socket t = w.b.udp();

	EXPECT_EQ(join(t, group_a, w.b.ifindex()), 0); /* b ends with a report due */
	w.hear({kind::query, 100, {}}, all_hosts);
	edu_t_dev_gone(w.a.get(), w.a.ifindex());
	w.run_for(20000);
	EXPECT_EQ(w.a.counter(EDU_Igmp_OutErrors), 0u);
	EXPECT_EQ(join(t, group_b, w.b.ifindex()), 0);
}

} // namespace edu::test::on_igmp
