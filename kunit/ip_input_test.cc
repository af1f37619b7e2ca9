// SPDX-License-Identifier: GPL-2.0-only
/*
 * IP packets in: what is dropped under which name, what is delivered to whom.
 *
 * Requirements: OVER-3, OVER-8, IP-10; RFC 791, RFC 1122 3.2.1, RFC 1812 5.3.7.
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"

namespace edu::test {
namespace {

/* A UDP datagram to port 7 of host a, from 10.0.0.9 at station 9; no UDP checksum. */
handmade good_packet(be32 src = ip4(10, 0, 0, 9), be32 dst = ip4(10, 0, 0, 1), bytes options = {},
		     u8 to = 1)
{
	static constexpr u8 datagram[] = {0x30, 0x39, 0, 7, 0, 11, 0, 0, 't', 'l', 'k'};

	return ip_frame(
		9, to,
		{.id = 77, .ttl = 9, .protocol = udp_protocol_number, .src = src, .dst = dst},
		datagram, options);
}

/* A host that must drop the frame under exactly that name, and send nothing about it. */
void expect_drop(world &w, const handmade &frame, edu_counter counter)
{
	u64 before = w.a.counter(counter);
	u64 delivered = w.a.counter(EDU_Ip_InDelivers);

	w.cable.clear();
	w.a.inject(frame.all());
	w.settle();
	EXPECT_EQ(w.a.counter(counter), before + 1);
	EXPECT_EQ(w.a.counter(EDU_Ip_InDelivers), delivered);
	EXPECT_EQ(w.cable.frames(ethertype_ip), 0u);
}

} // namespace

EDU_TEST(ip_input, a_good_packet_reaches_its_protocol, "OVER-3", "OVER-8")
{
	world w;
	socket to = w.a.udp(7);

	w.a.inject(good_packet().all());
	w.settle();
	EXPECT_BYTES(to.receive().payload(), octets("tlk"));
	EXPECT_EQ(w.a.counter(EDU_Ip_InReceives), 1u);
	EXPECT_EQ(w.a.counter(EDU_Ip_InDelivers), 1u);
}

EDU_TEST(ip_input, the_links_padding_is_not_data, "OVER-3", "RFC894")
{
	world w;
	socket to = w.a.udp(7);
	handmade frame = good_packet();

	frame.length = 60;
	w.a.inject(frame.all());
	w.settle();
	EXPECT_EQ(to.receive().length, 3);
}

EDU_TEST(ip_input, every_malformed_header_has_its_counter, "OVER-3", "RFC1122-3.2.1")
{
	struct fault {
		size_t at; /* octet of the IP header */
		u8 value;
		bool resum;
		edu_counter counter;
	};
	static constexpr fault faults[] = {
		{0, 0x65, true, EDU_Ip_DropVersion},
		{0, 0x44, false, EDU_Ip_DropHeaderLength},
		{0, 0x4f, false, EDU_Ip_DropHeaderLength},
		{3, 19, true, EDU_Ip_DropTotalLength},
		{3, 200, true, EDU_Ip_DropTruncated},
		{10, 0xff, false, EDU_Ip_DropChecksum},
		{8, 8, false, EDU_Ip_DropChecksum},
	};
	world w;

	for (const fault &f : faults) {
		handmade frame = good_packet();

		frame.ip()[f.at] = f.value;
		if (f.resum)
			frame.resum();
		expect_drop(w, frame, f.counter);
	}
	handmade cut = good_packet();

	cut.length = 14 + 19;
	expect_drop(w, cut, EDU_Ip_DropShort);
}

EDU_TEST(ip_input, martian_addresses_are_dropped, "IP-10", "RFC1812-5.3.7", "RFC1122-4.1.3.6")
{
	world w;

	for (be32 src :
	     {ip4(127, 0, 0, 1), ip4(224, 0, 0, 1), ip4(255, 255, 255, 255), ip4(0, 0, 0, 0),
	      ip4(0, 1, 2, 3), ip4(240, 0, 0, 1), ip4(10, 0, 0, 255), w.a.address()})
		expect_drop(w, good_packet(src), EDU_Ip_DropMartianSource);
	for (be32 dst : {ip4(127, 0, 0, 1), ip4(0, 0, 0, 0), ip4(240, 0, 0, 1)})
		expect_drop(w, good_packet(ip4(10, 0, 0, 9), dst), EDU_Ip_DropMartianDestination);
}

EDU_TEST(ip_input, a_host_without_address_may_speak_to_everybody, "RFC1122-3.2.1.3")
{
	world w;
	socket to = w.a.udp(7);

	w.a.inject(good_packet({}, ip4(255, 255, 255, 255), {}, 0xff).all());
	w.settle();
	EXPECT_EQ(to.receive().length, 3);
}

EDU_TEST(ip_input, another_hosts_packet_is_dropped_silently, "OVER-4", "RFC1122-3.3.5")
{
	world w;

	expect_drop(w, good_packet(ip4(10, 0, 0, 9), ip4(10, 0, 0, 50)), EDU_Ip_DropNotForUs);
	expect_drop(w, good_packet(ip4(10, 0, 0, 9), ip4(224, 0, 0, 77)),
		    EDU_Ip_DropMulticastNotJoined);
}

EDU_TEST(ip_input, the_group_of_all_hosts_is_ours, "IP-10", "RFC1112-4")
{
	world w;
	socket to = w.a.udp(7);

	w.a.inject(good_packet(ip4(10, 0, 0, 9), wire::ipv4::all_hosts_group, {}, 0xff).all());
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Ip_InDelivers), 1u);
}

EDU_TEST(ip_input, a_source_route_is_refused, "IP-10", "RFC7126")
{
	static constexpr u8 loose[] = {131, 7, 4, 10, 0, 0, 50, 1};
	world w;

	expect_drop(w, good_packet(ip4(10, 0, 0, 9), w.a.address(), loose), EDU_Ip_DropSourceRoute);
}

EDU_TEST(ip_input, a_broken_option_is_told_to_the_sender, "IP-10", "RFC1122-3.2.2.5")
{
	static constexpr u8 broken[] = {1, 7, 40, 4}; /* record route beyond the header */
	world w;

	w.a.inject(arp_question(9, ip4(10, 0, 0, 9), w.a.address()).all());
	w.a.inject(good_packet(ip4(10, 0, 0, 9), w.a.address(), broken).all());
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Ip_DropOptions), 1u);
	ASSERT_EQ(w.cable.frames(ethertype_ip), 1u);
	bytes said = payload_of(w.cable.frame(ethertype_ip, 0));

	EXPECT_EQ(said[0], 12u); /* parameter problem */
	EXPECT_EQ(said[4], 22u); /* the length's place in the header */
}

EDU_TEST(ip_input, good_options_are_delivered, "IP-10")
{
	static constexpr u8 route[] = {7, 7, 4, 0, 0, 0, 0, 0};
	world w;
	socket to = w.a.udp(7);

	w.a.inject(good_packet(ip4(10, 0, 0, 9), w.a.address(), route).all());
	w.settle();
	EXPECT_EQ(to.receive().length, 3);
}

EDU_TEST(ip_input, an_unknown_protocol_is_told_to_the_sender, "OVER-8", "RFC1122-3.2.2.1")
{
	world w;
	handmade frame = good_packet();

	frame.ip()[9] = 200;
	frame.resum();
	w.a.inject(arp_question(9, ip4(10, 0, 0, 9), w.a.address()).all());
	w.a.inject(frame.all());
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Ip_DropUnknownProtocol), 1u);
	ASSERT_EQ(w.cable.frames(ethertype_ip), 1u);
	bytes said = payload_of(w.cable.frame(ethertype_ip, 0));

	EXPECT_EQ(said[0], 3u);
	EXPECT_EQ(said[1], 2u);
	EXPECT_BYTES(said.subspan(8), frame.all().subspan(14)); /* the packet itself, quoted */
}

EDU_TEST(ip_input, another_stations_frame_is_left_alone, "OVER-9")
{
	world w;
	u64 before = w.a.counter(EDU_Ip_InReceives);

	w.a.inject(good_packet(ip4(10, 0, 0, 9), w.a.address(), {}, 5).all());
	w.settle();
	EXPECT_EQ(w.a.counter(EDU_Ip_InReceives), before);
}

/* Damage of any kind is survived; the sanitizers and the world's end see to the rest. */
EDU_TEST(ip_input, nothing_a_stranger_sends_does_harm, "IP-10", "ARP-7")
{
	world w;
	u32 state = 0x2545f491;
	auto next = [&] {
		state ^= state << 13;
		state ^= state >> 17;
		return state ^= state << 5;
	};

	for (int i = 0; i < 3000; i++) {
		handmade frame = i % 4 ? good_packet() :
					 arp_question(9, ip4(10, 0, 0, 9), w.a.address());

		for (u32 hits = next() % 4; hits; hits--)
			frame.octet[14 + next() % (frame.length - 14)] =
				static_cast<u8>(next() >> 9);
		if (i % 3 == 0 && i % 4 && frame.octet[14] % 16u * 4 >= 20)
			frame.resum();
		frame.length = 14 + next() % (frame.length - 13);
		w.a.inject(frame.all());
		if (i % 50 == 0)
			w.settle();
	}
	w.run_for(10000);
}

} // namespace edu::test
