// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of wire/igmp.hh: group membership messages.
 *
 * Locking: none. Tests run one after the other.
 */
#include "wire/igmp.hh"
#include "hostile.hh"

namespace edu::test_igmp_wire {

using namespace wire;
using igmp::fault;
using ipv4::make_addr;

static fault fault_of(const igmp::repr &message)
{
	u8 octets[igmp::header_len];

	message.emit(octets);
	return igmp::view::checked(octets).why;
}

EDU_TEST(igmp_wire, a_report_is_read_as_written, "IP-10", "RFC2236-2")
{
	static constexpr u8 want[] = {0x16, 0, 0x07, 0xfa, 225, 1, 1, 4};
	const igmp::repr sent{igmp::type::report_v2, 0, make_addr(225, 1, 1, 4)};
	u8 message[igmp::header_len];

	sent.emit(message);
	EXPECT_BYTES(bytes{message}.first(2), bytes{want}.first(2));
	auto [got, why] = igmp::view::checked(message);
	ASSERT_EQ(why, fault::none);
	EXPECT_EQ(got.parse(), sent);
	EXPECT_BYTES(message, want);
}

EDU_TEST(igmp_wire, queries_are_general_or_for_a_group, "RFC2236-2.4")
{
	u8 message[igmp::header_len];

	igmp::repr{igmp::type::query, 100, be32{}}.emit(message);
	EXPECT_TRUE(igmp::view::checked(message).header.is_general_query());
	EXPECT_FALSE(igmp::view::checked(message).header.is_v1_query());
	igmp::repr{igmp::type::query, 0, be32{}}.emit(message);
	EXPECT_TRUE(igmp::view::checked(message).header.is_v1_query());
	EXPECT_EQ(fault_of({igmp::type::query, 10, make_addr(225, 1, 1, 1)}), fault::none);
	EXPECT_EQ(fault_of({igmp::type::query, 10, make_addr(10, 1, 1, 1)}), fault::bad_group);
}

EDU_TEST(igmp_wire, who_reports_or_leaves_names_a_group, "RFC2236-3")
{
	for (auto type : {igmp::type::report_v1, igmp::type::report_v2, igmp::type::leave}) {
		EXPECT_EQ(fault_of({type, 0, make_addr(239, 0, 0, 1)}), fault::none);
		EXPECT_EQ(fault_of({type, 0, be32{}}), fault::bad_group);
		EXPECT_EQ(fault_of({type, 0, make_addr(192, 168, 0, 1)}), fault::bad_group);
	}
}

EDU_TEST(igmp_wire, the_checksum_covers_what_is_behind_the_header, "RFC2236-2.3", "RFC2236-2.5")
{
	u8 message[12] = {0x11, 100, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4};

	store_be16(message + 2, checksum_of(message).host());
	EXPECT_EQ(igmp::view::checked(message).why, fault::none);
	message[11]++;
	EXPECT_EQ(igmp::view::checked(message).why, fault::bad_checksum);
}

EDU_TEST(igmp_wire, every_truncation_is_a_fault, "IP-10")
{
	u8 message[igmp::header_len];

	igmp::repr{igmp::type::leave, 0, make_addr(225, 1, 1, 1)}.emit(message);
	test::each_truncation(message, [](bytes cut) {
		EXPECT_EQ(igmp::view::checked(cut).why, fault::short_header);
	});
}

} // namespace edu::test_igmp_wire
