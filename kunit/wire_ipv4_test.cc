// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of wire/ipv4.hh: addresses and packet headers.
 *
 * Locking: none. Tests run one after the other.
 */
#include "wire/ipv4.hh"
#include "hostile.hh"

namespace edu::test_ipv4 {

using namespace wire;
using ipv4::fault;
using ipv4::make_addr;

/* 10.0.0.1 to 10.0.0.2, UDP, with a router alert and four octets of payload. */
struct sample {
	static constexpr u8 router_alert[] = {148, 4, 0, 0};
	static constexpr size_t len = 28;

	ipv4::repr header{.total_length = len,
			  .id = 0x1234,
			  .ttl = 9,
			  .protocol = 17,
			  .src = make_addr(10, 0, 0, 1),
			  .dst = make_addr(10, 0, 0, 2)};
	u8 packet[len] = {};

	constexpr sample() { write(); }
	constexpr void write() { header.emit(packet, router_alert); }

	/* Puts the checksum right after a change by hand. */
	void mend()
	{
		store_be16(packet + 10, 0);
		store_be16(packet + 10, checksum_of(bytes{packet}.first(24)).host());
	}
	fault why() const { return ipv4::view::checked(packet).why; }
};

/* Reads through every accessor. */
static void read_all(const ipv4::view &packet)
{
	test::touch(packet.parse());
	test::touch_all(packet.header_bytes());
	test::touch_all(packet.options());
	test::touch_all(packet.payload());
}

EDU_TEST(ipv4, reads_every_field, "OVER-3", "OVER-8", "RFC791-3.1")
{
	static constexpr u8 captured[] = {
		0x45, 0x10, 0x00, 0x18, 0xbe, 0xef, 0xe0, 0x03, 0x40, 0x06, 0x67, 0xc9,
		0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00, 0x02, 1,    2,    3,	  4,
	};
	u8 packet[sizeof(captured)];

	copy_bytes(packet, captured);
	store_be16(packet + 10, 0);
	store_be16(packet + 10, checksum_of(bytes{packet}.first(20)).host());
	auto [got, why] = ipv4::view::checked(packet);

	ASSERT_EQ(why, fault::none);
	EXPECT_EQ(got.version(), 4);
	EXPECT_EQ(got.header_length(), 20);
	EXPECT_EQ(got.tos(), 0x10);
	EXPECT_EQ(got.total_length(), 24);
	EXPECT_EQ(got.id(), 0xbeef);
	EXPECT_TRUE(got.reserved_flag());
	EXPECT_TRUE(got.dont_fragment());
	EXPECT_TRUE(got.more_fragments());
	EXPECT_EQ(got.fragment_offset(), 24);
	EXPECT_EQ(got.ttl(), 64);
	EXPECT_EQ(got.protocol(), 6);
	EXPECT_EQ(got.src(), make_addr(10, 0, 0, 1));
	EXPECT_EQ(got.dst(), make_addr(10, 0, 0, 2));
	EXPECT_BYTES(got.payload(), bytes{captured}.subspan(20));
}

EDU_TEST(ipv4, writes_what_it_reads_options_too, "OVER-3", "RFC791-3.1")
{
	sample s;
	auto [got, why] = ipv4::view::checked(s.packet);

	ASSERT_EQ(why, fault::none);
	EXPECT_EQ(got.parse(), s.header);
	EXPECT_EQ(got.header_length(), 24);
	EXPECT_BYTES(got.options(), sample::router_alert);
	EXPECT_EQ(got.payload_length(), 4u);
	EXPECT_EQ(got.payload().size(), 4u);
}

EDU_TEST(ipv4, pads_options_to_a_whole_word_with_zeros, "IP-10", "RFC791-3.1")
{
	static constexpr u8 option[] = {7, 3, 4};
	u8 packet[24];

	for (u8 &octet : packet)
		octet = 0xff;
	ipv4::repr{.total_length = 24}.emit(packet, option);
	EXPECT_EQ(ipv4::view::checked(packet).why, fault::none);
	EXPECT_EQ(packet[23], 0);
}

EDU_TEST(ipv4, each_malformation_has_its_own_name, "OVER-3", "RFC1812-5.2.2", "RFC1122-3.2.1.1")
{
	sample s;

	s.packet[0] = 0x66;
	EXPECT_EQ(s.why(), fault::bad_version);
	s.packet[0] = 0x44;
	EXPECT_EQ(s.why(), fault::bad_header_length);
	s.packet[0] = 0x48; /* header longer than the packet */
	EXPECT_EQ(s.why(), fault::bad_header_length);
	s.packet[0] = 0x46;
	store_be16(s.packet + 2, 23);
	EXPECT_EQ(s.why(), fault::bad_total_length);
	store_be16(s.packet + 2, 29);
	EXPECT_EQ(s.why(), fault::truncated);
	store_be16(s.packet + 2, 28);
	EXPECT_EQ(s.why(), fault::none);
	s.packet[8]++;
	EXPECT_EQ(s.why(), fault::bad_checksum);
}

EDU_TEST(ipv4, every_flipped_header_bit_is_a_fault, "OVER-3", "RFC1122-3.2.1.2")
{
	sample s;

	for (size_t bit = 0; bit < 8 * 24; bit++) {
		s.packet[bit / 8] ^= static_cast<u8>(1 << bit % 8);
		EXPECT_NE(s.why(), fault::none);
		s.packet[bit / 8] ^= static_cast<u8>(1 << bit % 8);
	}
	EXPECT_EQ(s.why(), fault::none);
}

EDU_TEST(ipv4, every_truncation_is_a_fault, "OVER-3", "RFC1812-5.2.2")
{
	test::each_truncation(sample{}.packet, [](bytes cut) {
		fault want = cut.size() < 20 ? fault::short_header :
			     cut.size() < 24 ? fault::bad_header_length :
					       fault::truncated;

		EXPECT_EQ(ipv4::view::checked(cut).why, want);
	});
}

EDU_TEST(ipv4, link_padding_is_not_payload, "OVER-3")
{
	sample s;
	u8 padded[46] = {};

	copy_bytes(padded, s.packet);
	auto [got, why] = ipv4::view::checked(padded);
	ASSERT_EQ(why, fault::none);
	EXPECT_EQ(got.payload().size(), 4u);
}

EDU_TEST(ipv4, the_front_of_a_packet_in_pieces_is_enough, "SKB-1", "OVER-3")
{
	sample s;

	s.header.total_length = 1500;
	s.write();
	for (size_t linear = 0; linear <= sample::len; linear++) {
		test::tight_packet front{bytes{s.packet}.first(linear)};
		auto [got, why] = ipv4::view::checked_header(front, 1500);
		bool enough = linear >= 24;

		EXPECT_EQ(why, enough ? fault::none : fault::not_linear);
		EXPECT_EQ(ipv4::view::wanted(front), linear < 20 ? 20u : 24u);
		if (!enough)
			continue;
		EXPECT_EQ(got.payload_length(), 1476u);
		EXPECT_EQ(got.payload().size(), linear - 24);
		read_all(got);
	}
	EXPECT_EQ(ipv4::view::checked_header(s.packet, 1499).why, fault::truncated);
	EXPECT_EQ(ipv4::view::checked_header(bytes{s.packet}.first(10), 19).why,
		  fault::short_header);
}

EDU_TEST(ipv4, damaged_packets_are_read_within_bounds, "OVER-3")
{
	test::each_mutation(sample{}.packet, 5000, [](bytes bad) {
		auto [packet, why] = ipv4::view::checked(bad);

		if (why == fault::none)
			read_all(packet);
		auto [quoted, quote_why] = ipv4::view::quoted(bad);
		if (quote_why == fault::none)
			read_all(quoted);
	});
}

EDU_TEST(ipv4, flags_and_offset_mark_fragments, "IP-5", "RFC791-3.2")
{
	sample s;

	EXPECT_FALSE(ipv4::view::checked(s.packet).header.is_fragment());
	s.header.more_fragments = true;
	s.write();
	EXPECT_TRUE(ipv4::view::checked(s.packet).header.is_fragment());
	EXPECT_TRUE(ipv4::view::checked(s.packet).header.is_first_fragment());
	s.header.more_fragments = false;
	s.header.fragment_offset = 8 * 0x1fff;
	s.write();
	auto last = ipv4::view::checked(s.packet).header;
	EXPECT_TRUE(last.is_fragment());
	EXPECT_FALSE(last.is_first_fragment());
	EXPECT_EQ(last.fragment_offset(), 65528);
	EXPECT_TRUE(last.is_oversized_fragment());
}

EDU_TEST(ipv4, decrementing_the_ttl_keeps_the_checksum_right, "OVER-4", "RFC1624-3",
	 "RFC1812-5.3.1")
{
	for (int ttl = 1; ttl <= 255; ttl++) {
		sample s;

		s.header.ttl = static_cast<u8>(ttl);
		s.write();
		ipv4::decrement_ttl(s.packet);
		auto [got, why] = ipv4::view::checked(s.packet);
		ASSERT_EQ(why, fault::none);
		ASSERT_EQ(got.ttl(), ttl - 1);
	}
}

EDU_TEST(ipv4, decrementing_the_ttl_does_not_hide_damage, "OVER-3", "RFC1812-4.2.2.5")
{
	sample s;

	s.packet[19] ^= 1;
	ipv4::decrement_ttl(s.packet);
	EXPECT_EQ(s.why(), fault::bad_checksum);
}

EDU_TEST(ipv4, the_reserved_bit_passes_unchanged, "RFC1812-5.2.5")
{
	sample s;

	s.packet[6] |= 0x80;
	s.mend();
	auto [got, why] = ipv4::view::checked(s.packet);
	ASSERT_EQ(why, fault::none);
	u8 again[24];
	got.parse().emit(again, got.options());
	EXPECT_BYTES(again, bytes{s.packet}.first(24));
}

EDU_TEST(ipv4_addr, masks_and_prefixes_are_each_others_inverse, "OVER-1", "ROUTE-1")
{
	for (unsigned int bits = 0; bits <= 32; bits++) {
		EXPECT_TRUE(ipv4::is_mask(ipv4::prefix_mask(bits)));
		EXPECT_EQ(ipv4::mask_prefix(ipv4::prefix_mask(bits)), bits);
	}
	EXPECT_EQ(ipv4::prefix_mask(20), make_addr(255, 255, 240, 0));
	EXPECT_FALSE(ipv4::is_mask(make_addr(255, 0, 255, 0)));
	EXPECT_FALSE(ipv4::is_mask(make_addr(0, 0, 0, 255)));
}

EDU_TEST(ipv4_addr, a_prefix_covers_its_addresses_only, "OVER-1", "OVER-4")
{
	const be32 net = make_addr(192, 168, 16, 0);

	EXPECT_TRUE(ipv4::in_prefix(make_addr(192, 168, 31, 255), net, 20));
	EXPECT_FALSE(ipv4::in_prefix(make_addr(192, 168, 32, 0), net, 20));
	EXPECT_TRUE(ipv4::in_prefix(make_addr(1, 2, 3, 4), net, 0));
	EXPECT_FALSE(ipv4::in_prefix(make_addr(192, 168, 16, 1), net, 32));
}

EDU_TEST(ipv4_addr, the_classful_mask_follows_the_first_octet, "OVER-1", "RFC791-2.3")
{
	EXPECT_EQ(ipv4::classful_mask(make_addr(10, 1, 2, 3)), make_addr(255, 0, 0, 0));
	EXPECT_EQ(ipv4::classful_mask(make_addr(127, 255, 0, 0)), make_addr(255, 0, 0, 0));
	EXPECT_EQ(ipv4::classful_mask(make_addr(128, 0, 0, 0)), make_addr(255, 255, 0, 0));
	EXPECT_EQ(ipv4::classful_mask(make_addr(191, 255, 0, 0)), make_addr(255, 255, 0, 0));
	EXPECT_EQ(ipv4::classful_mask(make_addr(192, 0, 0, 0)), make_addr(255, 255, 255, 0));
	EXPECT_EQ(ipv4::classful_mask(make_addr(223, 0, 0, 0)), make_addr(255, 255, 255, 0));
	EXPECT_EQ(ipv4::classful_prefix(make_addr(224, 0, 0, 1)), 0);
}

EDU_TEST(ipv4_addr, kinds_of_addresses_are_told_apart_at_their_borders, "RFC1122-3.2.1.3",
	 "RFC1812-5.3.7")
{
	EXPECT_TRUE(ipv4::is_zeronet(make_addr(0, 255, 255, 255)));
	EXPECT_FALSE(ipv4::is_zeronet(make_addr(1, 0, 0, 0)));
	EXPECT_FALSE(ipv4::is_loopback(make_addr(126, 255, 255, 255)));
	EXPECT_TRUE(ipv4::is_loopback(make_addr(127, 0, 0, 0)));
	EXPECT_FALSE(ipv4::is_loopback(make_addr(128, 0, 0, 0)));
	EXPECT_FALSE(ipv4::is_multicast(make_addr(223, 255, 255, 255)));
	EXPECT_TRUE(ipv4::is_multicast(make_addr(224, 0, 0, 0)));
	EXPECT_TRUE(ipv4::is_multicast(make_addr(239, 255, 255, 255)));
	EXPECT_FALSE(ipv4::is_multicast(make_addr(240, 0, 0, 0)));
	EXPECT_TRUE(ipv4::is_link_multicast(make_addr(224, 0, 0, 251)));
	EXPECT_FALSE(ipv4::is_link_multicast(make_addr(224, 0, 1, 0)));
	EXPECT_TRUE(ipv4::is_reserved(make_addr(240, 0, 0, 0)));
	EXPECT_TRUE(ipv4::is_reserved(make_addr(255, 255, 255, 254)));
	EXPECT_FALSE(ipv4::is_reserved(ipv4::broadcast_addr));
	EXPECT_TRUE(ipv4::is_limited_broadcast(ipv4::broadcast_addr));
	EXPECT_TRUE(ipv4::is_link_local(make_addr(169, 254, 1, 1)));
	EXPECT_TRUE(ipv4::is_host(make_addr(10, 0, 0, 255)));
	EXPECT_FALSE(ipv4::is_host(ipv4::any_addr));
	EXPECT_FALSE(ipv4::is_host(ipv4::all_hosts_group));
}

EDU_TEST(ipv4_addr, a_subnets_last_address_is_its_broadcast, "OVER-1", "RFC1122-3.2.1.3")
{
	EXPECT_EQ(ipv4::subnet_broadcast(make_addr(10, 1, 2, 3), 24), make_addr(10, 1, 2, 255));
	EXPECT_EQ(ipv4::subnet_broadcast(make_addr(10, 1, 2, 3), 30), make_addr(10, 1, 2, 3));
	EXPECT_EQ(ipv4::subnet_broadcast(make_addr(10, 1, 2, 3), 31), ipv4::broadcast_addr);
}

} // namespace edu::test_ipv4
