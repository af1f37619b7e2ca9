// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of wire/eth.hh: station addresses and frame headers.
 *
 * Locking: none. Tests run one after the other.
 */
#include "wire/eth.hh"
#include "hostile.hh"

namespace edu::test_eth {

using namespace wire;

static constexpr u8 arp_frame[] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 7, 0x08, 0x06, 'a', 'r', 'p',
};

EDU_TEST(eth, reads_destination_source_and_type, "OVER-9", "RFC894")
{
	auto [frame, why] = eth::view::checked(arp_frame);

	ASSERT_EQ(why, eth::fault::none);
	EXPECT_EQ(frame.dst(), eth_addr::broadcast());
	EXPECT_EQ(frame.src(), (eth_addr{{2, 0, 0, 0, 0, 7}}));
	EXPECT_EQ(frame.type(), 0x0806u);
	EXPECT_BYTES(frame.payload(), bytes{arp_frame}.subspan(14));
}

EDU_TEST(eth, writes_what_it_reads, "OVER-9")
{
	u8 header[eth::header_len];

	eth::view::checked(arp_frame).header.parse().emit(header);
	EXPECT_BYTES(header, bytes{arp_frame}.first(eth::header_len));
}

EDU_TEST(eth, every_frame_without_a_whole_header_is_a_fault, "OVER-9")
{
	test::each_truncation(arp_frame, [](bytes cut) {
		auto [frame, why] = eth::view::checked(cut);

		EXPECT_EQ(why == eth::fault::none, cut.size() >= eth::header_len);
		if (why == eth::fault::none)
			test::touch_all(frame.payload());
	});
}

EDU_TEST(eth, tells_groups_from_stations, "OVER-9")
{
	const eth_addr station{{2, 0, 0, 0, 0, 1}}, group{{1, 0, 0x5e, 0, 0, 1}};

	EXPECT_TRUE(station.is_station());
	EXPECT_FALSE(station.is_multicast());
	EXPECT_TRUE(group.is_multicast());
	EXPECT_FALSE(group.is_broadcast());
	EXPECT_TRUE(eth_addr::broadcast().is_multicast());
	EXPECT_TRUE(eth_addr::broadcast().is_broadcast());
	EXPECT_TRUE(eth_addr{}.is_zero());
	EXPECT_FALSE(eth_addr{}.is_station());
}

EDU_TEST(eth, maps_ip_groups_to_station_groups, "OVER-9", "RFC1112-6.4")
{
	const eth_addr want{{0x01, 0x00, 0x5e, 0x7f, 0xff, 0xfa}};

	EXPECT_EQ(eth::group_addr(be32{0xeffffffa}), want); /* 239.255.255.250 */
	EXPECT_EQ(eth::group_addr(be32{0xe07ffffa}), want); /* shares it */
	EXPECT_TRUE(want.is_multicast());
}

EDU_TEST(eth, a_small_type_is_a_length, "OVER-9", "RFC1122-2.3.3")
{
	u8 frame[eth::header_len] = {};

	store_be16(frame + 12, 0x05ff);
	EXPECT_TRUE(eth::view::checked(frame).header.is_length());
	store_be16(frame + 12, 0x0600);
	EXPECT_FALSE(eth::view::checked(frame).header.is_length());
}

} // namespace edu::test_eth
