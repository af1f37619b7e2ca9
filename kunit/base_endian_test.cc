// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of base/endian.hh: numbers in network byte order.
 *
 * Locking: none. Tests run one after the other.
 */
#include "base/endian.hh"
#include "hostile.hh"

namespace edu::test_endian {

EDU_TEST(endian, most_significant_octet_lies_first, "OVER-1", "RFC791-B")
{
	const be32 number{0x01020304};
	const u8 wire[] = {1, 2, 3, 4};
	u8 octets[4];

	__builtin_memcpy(octets, &number, sizeof(octets));
	EXPECT_BYTES(octets, wire);
	EXPECT_EQ(number.host(), 0x01020304u);
	EXPECT_EQ(be32::from_raw(number.raw()), number);
}

EDU_TEST(endian, compares_as_numbers_not_as_octets, "OVER-1")
{
	EXPECT_TRUE(be16{1} < be16{256});
	EXPECT_TRUE(be32{0x10000} > be32{0xff});
	EXPECT_TRUE(be32{7} <= be32{7});
	EXPECT_TRUE(be32{7} != be32{8});
}

EDU_TEST(endian, masks_without_conversion, "OVER-1")
{
	const be32 addr{0xc0a80117}, mask{0xffffff00};

	EXPECT_EQ(addr & mask, be32{0xc0a80100});
	EXPECT_EQ(addr | ~mask, be32{0xc0a801ff});
	EXPECT_EQ(addr ^ addr, be32{});
}

EDU_TEST(endian, loads_and_stores_at_odd_addresses, "OVER-1")
{
	u8 memory[9] = {};

	store_be32(memory + 1, 0xa1b2c3d4);
	store_be16(memory + 5, 0xe5f6);
	EXPECT_EQ(load_be32(memory + 1), 0xa1b2c3d4u);
	EXPECT_EQ(load_be16(memory + 5), 0xe5f6u);
	EXPECT_EQ(load_be16(memory + 4), 0xd4e5u);
	store_addr(memory + 3, be32{0x0a000001});
	EXPECT_EQ(load_addr(memory + 3), be32{0x0a000001});
}

EDU_TEST(endian, loads_in_the_machines_order_alike_at_build_and_run_time, "OVER-1")
{
	constexpr u8 octets[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	constexpr u64 at_build_time = load_native<u64>(octets + 1);

	EXPECT_EQ(load_native<u64>(octets + 1), at_build_time);
}

} // namespace edu::test_endian
