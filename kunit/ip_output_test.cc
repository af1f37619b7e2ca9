// SPDX-License-Identifier: GPL-2.0-only
/*
 * IP packets out: the header, what is too large, and what comes back to ourselves.
 *
 * Requirements: OVER-3, IP-1, IP-2, IP-4; RFC 791, RFC 1122 3.2.1, RFC 6864.
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"

namespace edu::test {
namespace {

constexpr int so_bindtodevice = 25, ip_pktinfo = 8;

/* Sends one datagram from a to b and returns its frame. */
bytes sent_frame(world &w, const socket &from)
{
	w.cable.clear();
	const_cast<socket &>(from).send("tlk", w.b.address(), 7);
	w.settle();
	return w.cable.frame(ethertype_ip, 0);
}

} // namespace

EDU_TEST(ip_output, the_header_is_complete_and_its_checksum_right, "OVER-3", "IP-1")
{
	world w;
	socket from = w.a.udp();
	bytes frame = sent_frame(w, from);

	ASSERT_GE(frame.size(), 14 + 20 + 8 + 3u);
	auto [ip, why] = wire::ipv4::view::checked(frame.subspan(14));
	EXPECT_EQ(why, wire::ipv4::fault::none);
	EXPECT_EQ(ip.total_length(), 31u);
	EXPECT_EQ(ip.ttl(), 64u);
	EXPECT_EQ(ip.protocol(), udp_protocol_number);
	EXPECT_EQ(ip.src(), w.a.address());
	EXPECT_EQ(ip.dst(), w.b.address());
	EXPECT_FALSE(ip.is_fragment());
}

EDU_TEST(ip_output, the_frame_has_the_cached_header, "IP-2", "ARP-3")
{
	world w;
	socket from = w.a.udp();

	sent_frame(w, from);
	bytes frame = sent_frame(w, from);

	EXPECT_EQ(w.cable.frames(ethertype_arp), 0u);
	EXPECT_TRUE(eth_addr::load(frame.data()) == station(2));
	EXPECT_TRUE(eth_addr::load(frame.data() + 6) == station(1));
	EXPECT_EQ(load_be16(&frame[12]), ethertype_ip);
}

EDU_TEST(ip_output, identifications_that_matter_differ, "RFC6864-4", "RFC1122-3.2.1.5")
{
	world w;
	socket from = w.a.udp();

	from.set(sol_ip, 10, 0); /* IP_MTU_DISCOVER, IP_PMTUDISC_DONT: no DF */
	bytes first = sent_frame(w, from);
	ASSERT_GE(first.size(), 34u);
	u16 id = ip_of(first).id();
	bool df = ip_of(first).dont_fragment();
	bytes second = sent_frame(w, from);

	EXPECT_FALSE(df);
	EXPECT_NE(ip_of(second).id(), id);
}

EDU_TEST(ip_output, what_may_not_be_fragmented_and_does_not_fit_is_refused, "IP-4")
{
	world w;
	edu_dev_info info = host::ethernet(1);
	static constexpr u8 data[100] = {};

	info.mtu = 100;
	edu_t_dev_change(w.a.get(), w.a.ifindex(), &info);
	socket to = w.b.udp(7), from = w.a.udp();
	from.set(sol_ip, 10, 2); /* IP_MTU_DISCOVER, IP_PMTUDISC_DO */
	EXPECT_EQ(edu_t_send(from.get(), data, 100, 0, w.b.address().raw(), be16{7}.raw()), -90);
	EXPECT_EQ(edu_t_send(from.get(), data, 72, 0, w.b.address().raw(), be16{7}.raw()), 72);
	w.settle();
	EXPECT_EQ(w.cable.frames(ethertype_ip), 1u);
}

EDU_TEST(ip_output, a_broadcast_is_heard_by_its_own_host_too, "IP-10", "RFC1122-3.3.6")
{
	world w;
	socket own = w.a.udp(7), other = w.b.udp(7), from = w.a.udp();
	const be32 subnet = ip4(10, 0, 0, 255), limited = ip4(255, 255, 255, 255);

	from.set(sol_socket, 6, 1);
	from.set(sol_socket, so_bindtodevice, w.a.ifindex());
	own.set(sol_socket, so_bindtodevice, w.a.ifindex()); /* it does not come by edulo */
	own.set(sol_ip, ip_pktinfo, 1);
	for (be32 to : {subnet, limited}) {
		EXPECT_EQ(from.send("tlk", to, 7), 3);
		w.settle();
		EXPECT_EQ(other.receive().length, 3);
		EXPECT_EQ(other.receive().length, -11);
		datagram d = own.receive();

		EXPECT_EQ(d.length, 3);
		bytes info = d.control(sol_ip, ip_pktinfo);

		ASSERT_EQ(info.size(), 12u);
		EXPECT_EQ(load_native<u32>(info.data()), static_cast<u32>(w.a.ifindex()));
		EXPECT_EQ(load_addr(&info[4]), w.a.address());
		EXPECT_EQ(load_addr(&info[8]), to);
		EXPECT_EQ(own.receive().length, -11);
	}
	own.set(sol_socket, so_bindtodevice, 1);
	EXPECT_EQ(from.send("tlk", subnet, 7), 3);
	w.settle();
	EXPECT_EQ(own.receive().length, -11);
	own.set(sol_socket, so_bindtodevice, 0);
	EXPECT_EQ(from.send("tlk", subnet, 7), 3);
	w.settle();
	EXPECT_EQ(own.receive().length, 3);
}

EDU_TEST(ip_output, the_limited_broadcast_needs_an_interface_or_a_route, "ROUTE-8")
{
	world w;
	socket from = w.a.udp();

	from.set(sol_socket, 6, 1);
	EXPECT_EQ(from.send("tlk", ip4(255, 255, 255, 255), 7), -101);
	from.set(sol_socket, 25, w.a.ifindex()); /* SO_BINDTODEVICE */
	EXPECT_EQ(from.send("tlk", ip4(255, 255, 255, 255), 7), 3);
	w.settle();
	ASSERT_EQ(w.cable.frames(ethertype_ip), 1u);
	EXPECT_EQ(ip_of(w.cable.frame(ethertype_ip, 0)).src(), w.a.address());
}

EDU_TEST(ip_output, a_device_that_refuses_is_told_to_the_sender, "IP-4")
{
	world w;
	socket from = w.a.udp();

	sent_frame(w, from);
	edu_t_dev_fail_xmit(w.a.get(), w.a.ifindex(), -105);
	from.send("tlk", w.b.address(), 7);
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Link_DropXmitError), 1u);
}

} // namespace edu::test
