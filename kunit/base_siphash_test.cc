// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of base/siphash.hh: published vectors, and the short cut for words.
 *
 * Locking: none. Tests run one after the other.
 */
#include "base/siphash.hh"
#include "hostile.hh"

namespace edu::test_siphash {

/* Key 00 01 .. 0f, as in the paper and in every published set of vectors. */
static constexpr siphash_key key{0x0706050403020100, 0x0f0e0d0c0b0a0908};

EDU_TEST(siphash, agrees_with_the_published_vectors, "TCP-4")
{
	/* Input 00 01 .. up to the length: the reference implementation's vectors for 2-4. */
	static constexpr u64 want[] = {
		0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d,
		0xcf2794e0277187b7, 0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137,
		0x93f5f5799a932462, 0x9e0082df0ba9e4b0, 0x7a5dbbc594ddb9f3, 0xf4b32f46226bada7,
		0x751e8fbc860ee5fb, 0x14ea5627c0843d90, 0xf723ca908e7af2ee, 0xa129ca6149be45e5,
	};
	u8 input[16];

	for (u8 i = 0; i < 16; i++)
		input[i] = i;
	for (size_t length = 0; length < 16; length++)
		EXPECT_EQ((siphash<2, 4>(key, {input, length})), want[length]);
}

EDU_TEST(siphash, fewer_rounds_agree_with_the_published_vectors, "UDP-1")
{
	/* SipHash-1-3, as in the tests of Rust's standard library. */
	static constexpr u64 want[] = {0xabac0158050fc4dc, 0xc9f49bf37d57ca93};
	const u8 zero[] = {0};

	EXPECT_EQ((siphash<1, 3>(key, {})), want[0]);
	EXPECT_EQ((siphash<1, 3>(key, zero)), want[1]);
}

EDU_TEST(siphash, words_hash_as_their_octets, "UDP-1", "TCP-4")
{
	const u8 octets[] = {4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13};
	const u32 a = 0x01020304, b = 0x05060708, c = 0x090a0b0c, d = 0x0d0e0f10;

	EXPECT_EQ(siphash24(key, a), (siphash<2, 4>(key, bytes{octets}.first(4))));
	EXPECT_EQ(siphash24(key, a, b), (siphash<2, 4>(key, bytes{octets}.first(8))));
	EXPECT_EQ(siphash24(key, a, b, c), (siphash<2, 4>(key, bytes{octets}.first(12))));
	EXPECT_EQ(siphash24(key, a, b, c, d), (siphash<2, 4>(key, octets)));
	EXPECT_EQ(siphash13(key, a, b, c, d), (siphash<1, 3>(key, octets)));
}

EDU_TEST(siphash, every_bit_of_the_key_matters, "TCP-4")
{
	const u64 want = siphash13(key, 1u, 2u, 3u);

	for (int bit = 0; bit < 64; bit++) {
		EXPECT_NE(siphash13({key.k0 ^ u64{1} << bit, key.k1}, 1u, 2u, 3u), want);
		EXPECT_NE(siphash13({key.k0, key.k1 ^ u64{1} << bit}, 1u, 2u, 3u), want);
	}
}

} // namespace edu::test_siphash
