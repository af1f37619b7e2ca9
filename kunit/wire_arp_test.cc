// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of wire/arp.hh: address resolution packets.
 *
 * Locking: none. Tests run one after the other.
 */
#include "wire/arp.hh"
#include "wire/ipv4.hh"
#include "hostile.hh"

namespace edu::test_arp_wire {

using namespace wire;

/* Who has 10.0.0.2? Tell 10.0.0.1; padded as on a cable. */
static constexpr u8 request[46] = {
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
};

/* The request with one octet changed: what is wrong with it? */
static arp::fault fault_of(size_t at, u8 value)
{
	u8 packet[arp::packet_len];

	copy_bytes(packet, bytes{request}.first(arp::packet_len));
	packet[at] = value;
	return arp::view::checked(packet).why;
}

EDU_TEST(arp_wire, reads_a_padded_request, "ARP-7", "ARP-8", "RFC826")
{
	auto [packet, why] = arp::view::checked(request);

	ASSERT_EQ(why, arp::fault::none);
	EXPECT_TRUE(packet.is_request());
	EXPECT_FALSE(packet.is_reply());
	EXPECT_FALSE(packet.is_probe());
	EXPECT_FALSE(packet.is_announcement());
	EXPECT_EQ(packet.sender_ha(), (eth_addr{{2, 0, 0, 0, 0, 1}}));
	EXPECT_EQ(packet.sender_ip(), ipv4::make_addr(10, 0, 0, 1));
	EXPECT_TRUE(packet.target_ha().is_zero());
	EXPECT_EQ(packet.target_ip(), ipv4::make_addr(10, 0, 0, 2));
}

EDU_TEST(arp_wire, writes_what_it_reads, "ARP-4", "RFC826")
{
	u8 packet[arp::packet_len];

	arp::view::checked(request).header.parse().emit(packet);
	EXPECT_BYTES(packet, bytes{request}.first(arp::packet_len));
}

EDU_TEST(arp_wire, each_malformation_has_its_own_name, "ARP-7", "RFC826")
{
	EXPECT_EQ(fault_of(1, 6), arp::fault::bad_hardware_type);
	EXPECT_EQ(fault_of(2, 0x86), arp::fault::bad_protocol_type);
	EXPECT_EQ(fault_of(4, 8), arp::fault::bad_hardware_length);
	EXPECT_EQ(fault_of(5, 16), arp::fault::bad_protocol_length);
	EXPECT_EQ(fault_of(7, 0), arp::fault::bad_operation);
	EXPECT_EQ(fault_of(7, 5), arp::fault::bad_operation);
	EXPECT_EQ(fault_of(6, 1), arp::fault::bad_operation);
	EXPECT_EQ(fault_of(7, 2), arp::fault::none);
}

EDU_TEST(arp_wire, knows_the_reverse_operations, "OVER-11", "RFC903")
{
	EXPECT_EQ(fault_of(7, 3), arp::fault::none);
	EXPECT_EQ(fault_of(7, 4), arp::fault::none);
}

EDU_TEST(arp_wire, every_truncation_is_a_fault, "ARP-7")
{
	test::each_truncation(bytes{request}.first(arp::packet_len), [](bytes cut) {
		EXPECT_EQ(arp::view::checked(cut).why, arp::fault::short_packet);
	});
}

EDU_TEST(arp_wire, damaged_packets_are_read_within_bounds, "ARP-7")
{
	test::each_mutation(request, 2000, [](bytes bad) {
		auto [packet, why] = arp::view::checked(bad);

		if (why == arp::fault::none)
			test::touch(packet.parse());
	});
}

EDU_TEST(arp_wire, knows_probes_and_announcements, "ARP-9", "RFC5227-1.1")
{
	const eth_addr ha{{2, 0, 0, 0, 0, 1}};
	const be32 ip = ipv4::make_addr(10, 0, 0, 1);
	u8 packet[arp::packet_len];

	arp::repr{arp::operation::request, ha, be32{}, {}, ip}.emit(packet);
	EXPECT_TRUE(arp::view::checked(packet).header.is_probe());
	EXPECT_FALSE(arp::view::checked(packet).header.is_announcement());
	arp::repr{arp::operation::request, ha, ip, {}, ip}.emit(packet);
	EXPECT_FALSE(arp::view::checked(packet).header.is_probe());
	EXPECT_TRUE(arp::view::checked(packet).header.is_announcement());
}

} // namespace edu::test_arp_wire
