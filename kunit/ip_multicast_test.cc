// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups: who joins what, which packets are taken, who gets a copy.
 *
 * Requirements: UDP-3, IP-10, OVER-9; RFC 1112, RFC 1122 3.2.1 and 4.1.4, RFC 3678. The errors are
 * those of Linux's AF_INET.
 *
 * Locking: none. Tests run one after the other.
 */
#include "groups.hh"
#include "sock/membership.hh"
#include "stack.hh"

namespace edu::test::on_multicast {
namespace {

constexpr int eagain = -11, enodev = -19, einval = -22, enoprotoopt = -92, eaddrinuse = -98,
	      eaddrnotavail = -99, enobufs = -105;
constexpr int so_reuseaddr = 2, so_bindtodevice = 25, ip_pktinfo = 8;

/* The socket gets exactly one datagram, or none. */
bool got(socket &s)
{
	return s.receive().length == 3 && s.receive().length == eagain;
}

bool got_nothing(socket &s)
{
	return s.receive().length == eagain;
}

void arrive(world &w, const handmade &frame)
{
	w.a.inject(frame.all());
	w.settle();
}

bool hears(const host &h, be32 group)
{
	u8 address[8] = {};

	wire::eth::group_addr(group).store(address);
	return edu_t_dev_hears(h.get(), h.ifindex(), address);
}

} // namespace

EDU_TEST(ip_multicast, joined_groups_are_taken_and_no_others, "IP-10", "RFC1112-7.2")
{
	world w;
	socket s = w.a.udp(7);

	arrive(w, to_group(group_a));
	EXPECT_EQ(w.a.counter(EDU_Ip_DropMulticastNotJoined), 1u);
	EXPECT_EQ(join(s, group_a, w.a.ifindex()), 0);
	arrive(w, to_group(group_a));
	EXPECT_TRUE(got(s));
	arrive(w, to_group(group_b));
	EXPECT_TRUE(got_nothing(s));
	EXPECT_EQ(w.a.counter(EDU_Ip_DropMulticastNotJoined), 2u);
	EXPECT_EQ(leave(s, group_a, w.a.ifindex()), 0);
	arrive(w, to_group(group_a));
	EXPECT_TRUE(got_nothing(s));
	EXPECT_EQ(w.a.counter(EDU_Ip_DropMulticastNotJoined), 3u);
}

EDU_TEST(ip_multicast, the_device_is_asked_for_the_groups_frames, "OVER-9", "RFC1112-6.4")
{
	world w;
	constexpr be32 same_address = ip4(224, 129, 2, 3); /* as 239.1.2.3 in 23 bits */
	socket s = w.a.udp(), t = w.a.udp();

	EXPECT_TRUE(hears(w.a, wire::ipv4::all_hosts_group));
	EXPECT_FALSE(hears(w.a, group_a));
	EXPECT_EQ(join(s, group_a, w.a.ifindex()), 0);
	EXPECT_EQ(join(t, group_a, w.a.ifindex()), 0);
	EXPECT_EQ(join(t, same_address, w.a.ifindex()), 0);
	EXPECT_TRUE(hears(w.a, group_a));
	EXPECT_EQ(leave(t, group_a, w.a.ifindex()), 0);
	t.close();
	EXPECT_TRUE(hears(w.a, group_a)); /* s still wants it */
	s.close();
	EXPECT_FALSE(hears(w.a, group_a));
}

EDU_TEST(ip_multicast, every_member_gets_a_copy, "UDP-3", "RFC1112-7.2")
{
	world w;
	socket s[3] = {w.a.udp(), w.a.udp(), w.a.udp()};
	socket raw = w.a.open(sock_raw, ipproto_udp), deaf = w.a.udp();

	for (socket &one : s) {
		one.set(sol_socket, so_reuseaddr, 1);
		EXPECT_EQ(one.bind({}, 7), 0);
		EXPECT_EQ(join(one, group_a, w.a.ifindex()), 0);
	}
	deaf.bind({}, 8);
	EXPECT_EQ(join(deaf, group_a, w.a.ifindex()), 0);
	arrive(w, to_group(group_a));
	for (socket &one : s)
		EXPECT_TRUE(got(one));
	EXPECT_EQ(raw.receive().length, 20 + 11);
	EXPECT_TRUE(got_nothing(deaf));
}

EDU_TEST(ip_multicast, others_groups_are_heard_unless_multicast_all_is_off, "UDP-3")
{
	world w;
	socket member = w.a.udp(), other = w.a.udp(7), raw = w.a.open(sock_raw, ipproto_udp);

	EXPECT_EQ(join(member, group_a, w.a.ifindex()), 0);
	arrive(w, to_group(group_a));
	EXPECT_TRUE(got(other));
	EXPECT_EQ(raw.receive().length, 31);
	EXPECT_EQ(other.set(sol_ip, ipo::multicast_all, 0), 0);
	EXPECT_EQ(raw.set(sol_ip, ipo::multicast_all, 0), 0);
	arrive(w, to_group(group_a));
	EXPECT_TRUE(got_nothing(other));
	EXPECT_TRUE(got_nothing(raw));
	EXPECT_EQ(join(other, group_a, w.a.ifindex()), 0);
	arrive(w, to_group(group_a));
	EXPECT_TRUE(got(other));
}

EDU_TEST(ip_multicast, a_membership_is_of_one_interface, "UDP-3", "RFC1112-6.1")
{
	world w;
	class cable second;
	socket s = w.a.udp(7);
	const int first = w.a.ifindex();

	w.a.plug(second, 11);
	w.a.add_address(ip4(10, 0, 1, 1), 24);
	EXPECT_EQ(join(s, group_a, first), 0);
	arrive(w, to_group(group_a)); /* at the second interface */
	EXPECT_TRUE(got_nothing(s));
	EXPECT_EQ(w.a.counter(EDU_Ip_DropMulticastNotJoined), 1u);
	/* Another's membership there is not ours, once IP_MULTICAST_ALL is off. */
	socket t = w.a.udp();

	EXPECT_EQ(join(t, group_a, w.a.ifindex()), 0);
	EXPECT_EQ(s.set(sol_ip, ipo::multicast_all, 0), 0);
	arrive(w, to_group(group_a));
	EXPECT_TRUE(got_nothing(s));
	edu_t_inject(w.a.get(), first, to_group(group_a).octet, 45);
	w.settle();
	EXPECT_TRUE(got(s));
	t.close();
	s.close();
	edu_t_dev_gone(w.a.get(), w.a.ifindex()); /* before its cable */
}

EDU_TEST(ip_multicast, nobody_is_told_of_errors_about_groups, "RFC1122-3.2.2")
{
	world w;
	socket member = w.a.udp(99); /* nobody listens to port 7 */

	EXPECT_EQ(join(member, group_a, w.a.ifindex()), 0);
	w.run_for(20000);
	w.cable.clear();
	arrive(w, to_group(group_a));
	EXPECT_EQ(w.a.counter(EDU_Udp_DropNoSocket), 1u);
	EXPECT_EQ(w.cable.frames(), 0u);
}

/*
 * Sending
 */

EDU_TEST(ip_multicast, what_is_sent_comes_back_to_members_unless_told_otherwise, "UDP-3",
	 "RFC1112-6.1")
{
	world w;
	socket from = w.a.udp(), to = w.a.udp(7);

	from.set(sol_ip, ipo::multicast_if,
		 w.a.ifindex()); /* of that length: an address, unknown */
	EXPECT_EQ(change(from, ipo::multicast_if, {}, w.a.ifindex()), 0);
	EXPECT_EQ(from.send("tlk", group_a, 7), 3);
	w.settle();
	EXPECT_TRUE(got_nothing(to)); /* nobody here is a member */
	EXPECT_EQ(join(to, group_a, w.a.ifindex()), 0);
	EXPECT_EQ(to.set(sol_ip, ip_pktinfo, 1), 0);
	EXPECT_EQ(from.send("tlk", group_a, 7), 3);
	w.settle();
	datagram d = to.receive();

	EXPECT_EQ(d.length, 3);
	EXPECT_EQ(d.from, w.a.address());
	bytes info = d.control(0, ip_pktinfo);

	ASSERT_EQ(info.size(), 12u); /* it belongs to the interface it left by */
	EXPECT_EQ(load_native<u32>(info.data()), static_cast<u32>(w.a.ifindex()));
	EXPECT_TRUE(got_nothing(to));
	EXPECT_EQ(from.set(sol_ip, ipo::multicast_loop, 0), 0);
	EXPECT_EQ(from.send("tlk", group_a, 7), 3);
	w.settle();
	EXPECT_TRUE(got_nothing(to));
}

EDU_TEST(ip_multicast, the_ttl_is_one_unless_set_and_zero_stays_here, "RFC1112-6.1",
	 "RFC1122-3.2.1.7")
{
	world w;
	socket from = w.a.udp(), to = w.a.udp(7);

	EXPECT_EQ(join(to, group_a, w.a.ifindex()), 0);
	w.run_for(20000);
	EXPECT_EQ(change(from, ipo::multicast_if, {}, w.a.ifindex()), 0);
	w.cable.clear();
	EXPECT_EQ(from.send("tlk", group_a, 7), 3);
	w.settle();
	ASSERT_EQ(w.cable.frames(ethertype_ip), 1u);
	bytes frame = w.cable.frame(ethertype_ip, 0);

	EXPECT_EQ(ip_of(frame).ttl(), 1u);
	EXPECT_EQ(eth_addr::load(frame.data()), wire::eth::group_addr(group_a));
	EXPECT_TRUE(got(to));
	EXPECT_EQ(from.set(sol_ip, ipo::multicast_ttl, 33), 0);
	EXPECT_EQ(from.send("tlk", group_a, 7), 3);
	EXPECT_EQ(ip_of(w.cable.frame(ethertype_ip, 1)).ttl(), 33u);
	w.settle();
	EXPECT_TRUE(got(to));
	EXPECT_EQ(from.set(sol_ip, ipo::multicast_ttl, 0), 0);
	EXPECT_EQ(from.send("tlk", group_a, 7), 3);
	w.settle();
	EXPECT_TRUE(got(to));
	EXPECT_EQ(w.cable.frames(ethertype_ip), 2u); /* it did not leave */
}

EDU_TEST(ip_multicast, the_interface_is_chosen_by_option_source_or_route, "UDP-3", "RFC1122-4.1.4")
{
	world w;
	class cable second;
	socket s = w.a.udp();
	const int first = w.a.ifindex();
	const be32 mine = w.a.address();

	EXPECT_EQ(s.send("tlk", group_a, 7), -101); /* no route */
	w.a.plug(second, 11);
	w.a.add_address(ip4(10, 0, 1, 1), 24);
	w.settle();
	second.clear();
	w.cable.clear();
	EXPECT_EQ(change(s, ipo::multicast_if, {}, w.a.ifindex()), 0);
	EXPECT_EQ(s.send("tlk", group_a, 7), 3);
	EXPECT_EQ(second.frames(ethertype_ip), 1u);
	EXPECT_EQ(edu_t_setsockopt(s.get(), sol_ip, ipo::multicast_if, &mine, 4), 0);
	EXPECT_EQ(s.send("tlk", group_a, 7), 3);
	EXPECT_EQ(w.cable.frames(ethertype_ip), 1u);
	EXPECT_EQ(ip_of(w.cable.frame(ethertype_ip, 0)).src(), mine);
	EXPECT_EQ(change(s, ipo::multicast_if, {}, 0), 0); /* neither */
	EXPECT_EQ(s.send("tlk", group_a, 7), -101);
	EXPECT_EQ(change(s, ipo::multicast_if, {}, 77), eaddrnotavail);
	socket bound = w.a.udp();

	EXPECT_EQ(bound.bind(mine, 0), 0);
	EXPECT_EQ(bound.send("tlk", group_a, 7), 3); /* by its source */
	EXPECT_EQ(w.cable.frames(ethertype_ip), 2u);
	bound.set(sol_socket, so_bindtodevice, first);
	EXPECT_EQ(change(bound, ipo::multicast_if, {}, w.a.ifindex()), einval);
	EXPECT_EQ(w.a.add_route({}, 0, ip4(10, 0, 1, 9)), 0);
	EXPECT_EQ(s.send("tlk", group_a, 7), 3);
	EXPECT_EQ(second.frames(ethertype_ip), 2u);
	edu_t_dev_gone(w.a.get(), w.a.ifindex());
}

/*
 * The options
 */

EDU_TEST(ip_multicast, joins_and_leaves_fail_as_in_linux, "UDP-3")
{
	world w;
	socket s = w.a.udp();
	const int dev = w.a.ifindex();
	const be32 mine = w.a.address();

	EXPECT_EQ(join(s, mine, dev), einval);
	EXPECT_EQ(join(s, group_a, 77), enodev);
	EXPECT_EQ(change(s, ipo::add_membership, group_a, 0, w.b.address()), enodev);
	EXPECT_EQ(join(s, group_a, 0), enodev); /* no route to it */
	EXPECT_EQ(leave(s, group_a, 0), enodev);
	EXPECT_EQ(leave(s, group_a, dev), eaddrnotavail);
	EXPECT_EQ(edu_t_setsockopt(s.get(), sol_ip, ipo::add_membership, &mine, 4), einval);
	EXPECT_EQ(s.get(sol_ip, ipo::add_membership), enoprotoopt);
	EXPECT_EQ(change(s, ipo::add_membership, group_a, 0, mine), 0);
	EXPECT_EQ(join(s, group_a, dev), eaddrinuse);
	EXPECT_EQ(change(s, ipo::drop_membership, group_a, 0, w.b.address()), eaddrnotavail);
	EXPECT_EQ(change(s, ipo::drop_membership, group_a, 0, mine), 0);
	EXPECT_EQ(w.a.add_route({}, 0, ip4(10, 0, 0, 9)), 0);
	EXPECT_EQ(join(s, group_a, 0), 0); /* where the route leads */
	EXPECT_EQ(join(s, group_a, dev), eaddrinuse);
	EXPECT_EQ(leave(s, group_a, 0), 0);
}

EDU_TEST(ip_multicast, memberships_and_groups_are_bounded, "UDP-3")
{
	world w;
	socket s = w.a.udp(), t = w.a.udp();

	for (u8 i = 0; i < 20; i++)
		EXPECT_EQ(join(s, ip4(239, 9, 9, i), w.a.ifindex()), 0);
	EXPECT_EQ(join(s, group_a, w.a.ifindex()), enobufs);
	w.a.tune(EDU_TUNE_igmp_max_groups, 22); /* with 224.0.0.1 */
	EXPECT_EQ(join(t, group_a, w.a.ifindex()), 0);
	EXPECT_EQ(join(t, group_b, w.a.ifindex()), enobufs);
	EXPECT_EQ(join(t, ip4(239, 9, 9, 1), w.a.ifindex()), 0); /* is there already */
	w.a.tune(EDU_TUNE_igmp_max_memberships, 2);
	EXPECT_EQ(join(t, ip4(239, 9, 9, 2), w.a.ifindex()), enobufs);
}

EDU_TEST(ip_multicast, no_memory_for_a_join_leaves_nothing_behind, "UDP-3")
{
	world w;
	socket s = w.a.udp();

	for (u32 nth = 1;; nth++) {
		edu_t_fail_alloc(nth);
		int ret = join(s, group_a, w.a.ifindex());

		if (!edu_t_alloc_failed()) {
			EXPECT_EQ(ret, 0);
			break;
		}
		edu_t_fail_alloc(0);
		/* A report that chance makes due at once may lack memory too: it will be repeated. */
		const bool joined = ret == 0;

		if (!joined)
			EXPECT_EQ(ret, enobufs);
		EXPECT_EQ(hears(w.a, group_a), joined);
		EXPECT_EQ(leave(s, group_a, w.a.ifindex()), joined ? 0 : eaddrnotavail);
	}
	edu_t_fail_alloc(0);
	EXPECT_TRUE(hears(w.a, group_a));
}

EDU_TEST(ip_multicast, a_membership_outlives_its_interface_and_joins_again, "LAYER-3")
{
	world w;
	socket s = w.a.udp(7);
	edu_dev_info info = {};
	const int dev = w.a.ifindex();

	edu_t_dev_info(w.a.get(), dev, &info);
	EXPECT_EQ(join(s, group_a, dev), 0);
	edu_t_dev_gone(w.a.get(), dev);
	w.settle();
	EXPECT_EQ(join(s, group_b, dev), enodev);
	edu_t_dev_new(w.a.get(), w.cable.get(), &info);
	w.a.add_address(ip4(10, 0, 0, 1), 24);
	EXPECT_TRUE(hears(w.a, group_a));
	arrive(w, to_group(group_a));
	EXPECT_TRUE(got(s));
	edu_t_dev_gone(w.a.get(), dev);
	EXPECT_EQ(leave(s, group_a, dev), 0); /* without an interface */
	edu_t_dev_new(w.a.get(), w.cable.get(), &info);
	EXPECT_FALSE(hears(w.a, group_a));
}

EDU_TEST(ip_multicast, of_two_that_wait_each_joins_its_own_interface, "LAYER-3")
{
	world w;
	class cable second;
	socket s = w.a.udp(7);
	edu_dev_info info = {};
	const int first = w.a.ifindex();

	edu_t_dev_info(w.a.get(), first, &info);
	const int other = w.a.plug(second, 11);
	w.a.add_address(ip4(10, 0, 1, 1), 24);
	EXPECT_EQ(join(s, group_a, first), 0);
	EXPECT_EQ(join(s, group_b, other), 0);
	edu_t_dev_gone(w.a.get(), other);
	edu_t_dev_gone(w.a.get(), first);
	edu_t_dev_new(w.a.get(), w.cable.get(), &info);
	rcu_guard rcu;
	EXPECT_TRUE(ip_mc_member(*w.a.stack(), first, group_a));
	EXPECT_FALSE(ip_mc_member(*w.a.stack(), first, group_b));
}

EDU_TEST(ip_multicast, groups_are_shown_one_by_one, "IP-10")
{
	world w;
	socket s = w.a.udp(), t = w.a.udp();
	edu_cursor at = {};
	edu_mc_info shown = {};

	EXPECT_EQ(join(s, group_a, w.a.ifindex()), 0);
	EXPECT_EQ(join(t, group_a, w.a.ifindex()), 0);
	EXPECT_EQ(join(t, group_b, w.a.ifindex()), 0);
	ASSERT_EQ(edu_core_mc_next(w.a.stack(), &at, &shown), 1);
	EXPECT_EQ(shown.ifindex, 1); /* edulo */
	EXPECT_EQ(shown.group, wire::ipv4::all_hosts_group.raw());
	ASSERT_EQ(edu_core_mc_next(w.a.stack(), &at, &shown), 1);
	EXPECT_EQ(shown.group, group_b.raw());
	EXPECT_EQ(shown.first, 1);
	EXPECT_EQ(shown.groups, 3u);
	EXPECT_EQ(leave(t, group_b, w.a.ifindex()), 0); /* while it is the last one shown */
	ASSERT_EQ(edu_core_mc_next(w.a.stack(), &at, &shown), 1);
	EXPECT_EQ(shown.group, group_a.raw());
	EXPECT_EQ(shown.users, 2u);
	EXPECT_EQ(shown.first, 0);
	ASSERT_EQ(edu_core_mc_next(w.a.stack(), &at, &shown), 1);
	EXPECT_EQ(shown.group, wire::ipv4::all_hosts_group.raw());
	EXPECT_EQ(edu_core_mc_next(w.a.stack(), &at, &shown), 0);
}

/*
 * Sources (RFC 3678)
 */

EDU_TEST(ip_multicast, a_blocked_source_is_not_heard, "UDP-3", "RFC3678-4.1.2")
{
	world w;
	socket s = w.a.udp(7);
	const be32 mine = w.a.address(), nine = ip4(10, 0, 0, 9);

	EXPECT_EQ(change_source(s, ipo::block_source, group_a, nine, mine), einval); /* no member */
	EXPECT_EQ(join(s, group_a, w.a.ifindex()), 0);
	EXPECT_EQ(change_source(s, ipo::unblock_source, group_a, nine, mine), eaddrnotavail);
	EXPECT_EQ(change_source(s, ipo::block_source, group_a, nine, mine), 0);
	EXPECT_EQ(change_source(s, ipo::block_source, group_a, nine, mine), eaddrnotavail);
	arrive(w, to_group(group_a, 9));
	EXPECT_TRUE(got_nothing(s));
	arrive(w, to_group(group_a, 8));
	EXPECT_TRUE(got(s));
	/* A filter of the other kind is refused from now on. */
	EXPECT_EQ(change_source(s, ipo::add_source_membership, group_a, nine, mine), einval);
	EXPECT_EQ(change_source(s, ipo::unblock_source, group_a, nine, mine), 0);
	arrive(w, to_group(group_a, 9));
	EXPECT_TRUE(got(s));
}

EDU_TEST(ip_multicast, a_wrong_source_may_yet_change_the_kind_of_filter, "UDP-3")
{
	world w;
	socket s = w.a.udp(7);
	const be32 mine = w.a.address(), nine = ip4(10, 0, 0, 9);

	EXPECT_EQ(join(s, group_a, w.a.ifindex()), 0);
	EXPECT_EQ(change_source(s, ipo::drop_source_membership, group_a, nine, mine),
		  eaddrnotavail);
	arrive(w, to_group(group_a, 9));
	EXPECT_TRUE(got_nothing(s)); /* sources are listed now, and none is (Linux) */
	EXPECT_EQ(change_source(s, ipo::add_source_membership, group_a, nine, mine), 0);
	arrive(w, to_group(group_a, 9));
	EXPECT_TRUE(got(s));
}

EDU_TEST(ip_multicast, a_source_membership_hears_its_sources_only, "UDP-3", "RFC3678-4.1.3")
{
	world w;
	socket s = w.a.udp(7);
	const be32 mine = w.a.address(), nine = ip4(10, 0, 0, 9), eight = ip4(10, 0, 0, 8);

	EXPECT_EQ(change_source(s, ipo::add_source_membership, group_a, nine, mine), 0);
	EXPECT_EQ(change_source(s, ipo::add_source_membership, group_a, eight, mine), 0);
	EXPECT_EQ(change_source(s, ipo::add_source_membership, group_a, eight, mine),
		  eaddrnotavail);
	for (u8 n : {9, 8}) {
		arrive(w, to_group(group_a, n));
		EXPECT_TRUE(got(s));
	}
	arrive(w, to_group(group_a, 7));
	EXPECT_TRUE(got_nothing(s));
	EXPECT_EQ(change_source(s, ipo::drop_source_membership, group_a, nine, mine), 0);
	EXPECT_EQ(change_source(s, ipo::drop_source_membership, group_a, nine, mine),
		  eaddrnotavail);
	EXPECT_EQ(change_source(s, ipo::drop_source_membership, group_a, eight, mine), 0);
	EXPECT_FALSE(hears(w.a, group_a)); /* with the last source the membership goes */
	EXPECT_EQ(change_source(s, ipo::drop_source_membership, group_a, eight, mine), einval);
	w.a.tune(EDU_TUNE_igmp_max_msf, 1);
	EXPECT_EQ(change_source(s, ipo::add_source_membership, group_a, nine, mine), 0);
	EXPECT_EQ(change_source(s, ipo::add_source_membership, group_a, eight, mine), enobufs);
}

EDU_TEST(ip_multicast, a_whole_filter_is_set_and_read, "UDP-3", "RFC3678-4.1.4")
{
	world w;
	socket s = w.a.udp(7);
	struct {
		be32 group, interface;
		u32 mode, count;
		be32 source[12];
	} filter = {group_a, w.a.address(), 1, 2, {ip4(10, 0, 0, 8), ip4(10, 0, 0, 9)}};
	auto set = [&](unsigned int len) {
		return edu_t_setsockopt(s.get(), sol_ip, ipo::msfilter, &filter, len);
	};
	unsigned int len = 20;
	u8 room[64] = {};

	EXPECT_EQ(set(24), einval); /* no member */
	EXPECT_EQ(join(s, group_a, w.a.ifindex()), 0);
	EXPECT_EQ(set(23), einval);
	EXPECT_EQ(set(15), einval);
	filter.count = 11;
	EXPECT_EQ(set(64), enobufs);
	filter.count = 2;
	filter.mode = 2;
	EXPECT_EQ(set(24), einval);
	filter.mode = 1;
	EXPECT_EQ(set(24), 0);
	arrive(w, to_group(group_a, 7));
	EXPECT_TRUE(got_nothing(s));
	arrive(w, to_group(group_a, 9));
	EXPECT_TRUE(got(s));

	/* What is asked about stands in the buffer; there is room for one source. */
	__builtin_memcpy(room, &filter, 16);
	EXPECT_EQ(edu_core_getsockopt(s.sk(), sol_ip, ipo::msfilter, room, &len), 0);
	EXPECT_EQ(len, 20u);
	EXPECT_EQ(load_native<u32>(&room[8]), 1u);
	EXPECT_EQ(load_native<u32>(&room[12]), 2u);
	EXPECT_EQ(load_addr(&room[16]), ip4(10, 0, 0, 8));
	len = 15;
	EXPECT_EQ(edu_core_getsockopt(s.sk(), sol_ip, ipo::msfilter, room, &len), einval);
	filter.count = 0;
	filter.mode = 0; /* all but none: a list of the other kind may begin */
	EXPECT_EQ(set(16), 0);
	EXPECT_EQ(change_source(s, ipo::add_source_membership, group_a, ip4(10, 0, 0, 9),
				w.a.address()),
		  0);
	filter.mode = 1;
	EXPECT_EQ(set(16), 0); /* nobody: a leave */
	EXPECT_EQ(leave(s, group_a, w.a.ifindex()), eaddrnotavail);
	len = 16;
	EXPECT_EQ(edu_core_getsockopt(s.sk(), sol_ip, ipo::msfilter, room, &len), eaddrnotavail);
}

EDU_TEST(ip_multicast, groups_and_sources_may_be_socket_addresses, "UDP-3", "RFC3678-5.1")
{
	struct name {
		u16 family;
		be16 port;
		be32 addr;
		u8 rest[120];
	};
	struct {
		int ifindex;
		u32 pad;
		name group, source;
	} request = {};
	world w;
	socket s = w.a.udp(7);
	auto set = [&](int option, unsigned int len) {
		return edu_t_setsockopt(s.get(), sol_ip, option, &request, len);
	};

	request.ifindex = w.a.ifindex();
	request.group = {static_cast<u16>(edu_k_family), {}, group_a, {}};
	request.source = {2 /* AF_INET will do */, {}, ip4(10, 0, 0, 9), {}};
	EXPECT_EQ(set(ipo::join_group, 135), einval);
	EXPECT_EQ(set(ipo::join_group, 136), 0);
	EXPECT_EQ(set(ipo::join_group, 136), eaddrinuse);
	EXPECT_EQ(set(ipo::block_group_source, 263), einval);
	EXPECT_EQ(set(ipo::block_group_source, 264), 0);
	arrive(w, to_group(group_a, 9));
	EXPECT_TRUE(got_nothing(s));
	EXPECT_EQ(set(ipo::unblock_group_source, 264), 0);
	EXPECT_EQ(set(ipo::leave_group, 136), 0);
	EXPECT_EQ(set(ipo::join_source_group, 264), 0);
	arrive(w, to_group(group_a, 8));
	EXPECT_TRUE(got_nothing(s));
	arrive(w, to_group(group_a, 9));
	EXPECT_TRUE(got(s));
	EXPECT_EQ(set(ipo::leave_source_group, 264), 0);
	request.source.family = 10;
	EXPECT_EQ(set(ipo::join_source_group, 264), eaddrnotavail);
	request.group.family = 10;
	EXPECT_EQ(set(ipo::join_group, 136), einval);
}

EDU_TEST(ip_multicast, a_group_filter_is_set_and_read, "UDP-3", "RFC3678-5.1.3")
{
	world w;
	socket s = w.a.udp(7);
	alignas(8) static u8 octets[144 + 2 * 128];
	auto put = [&](size_t at, u32 word) { __builtin_memcpy(&octets[at], &word, 4); };
	auto name = [&](size_t at, be32 addr) {
		const auto family = static_cast<u16>(edu_k_family);

		__builtin_memcpy(&octets[at], &family, 2);
		store_addr(&octets[at + 4], addr);
	};
	unsigned int len = sizeof(octets);
	auto set = [&](unsigned int used) {
		return edu_t_setsockopt(s.get(), sol_ip, ipo::group_filter, octets, used);
	};

	put(0, static_cast<u32>(w.a.ifindex()));
	name(8, group_a);
	put(136, 0); /* all but */
	put(140, 1);
	name(144, ip4(10, 0, 0, 9));
	EXPECT_EQ(set(272), einval); /* no member */
	EXPECT_EQ(join(s, group_a, w.a.ifindex()), 0);
	EXPECT_EQ(set(271), einval);
	EXPECT_EQ(set(272), 0);
	arrive(w, to_group(group_a, 9));
	EXPECT_TRUE(got_nothing(s));
	put(140, 2);
	put(136, 7);
	store_addr(&octets[148], {});
	EXPECT_EQ(edu_core_getsockopt(s.sk(), sol_ip, ipo::group_filter, octets, &len), 0);
	EXPECT_EQ(len, 272u);
	EXPECT_EQ(load_native<u32>(&octets[136]), 0u);
	EXPECT_EQ(load_native<u32>(&octets[140]), 1u);
	EXPECT_EQ(load_addr(&octets[148]), ip4(10, 0, 0, 9));
	put(0, 0);
	EXPECT_EQ(edu_core_getsockopt(s.sk(), sol_ip, ipo::group_filter, octets, &len),
		  eaddrnotavail);
	put(0, static_cast<u32>(w.a.ifindex()));
	put(140, 11);
	EXPECT_EQ(set(400), enobufs);
	for (u8 &octet : octets)
		octet = 0;
}

} // namespace edu::test::on_multicast
