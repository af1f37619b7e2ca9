// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of base/checksum.hh: the Internet checksum, against the plainest way to compute it.
 *
 * Locking: none. Tests run one after the other.
 */
#include "base/checksum.hh"
#include "hostile.hh"

namespace edu::test_checksum {

/* RFC 1071 section 1, word for word. */
static u16 plain_checksum(bytes data)
{
	u32 sum = 0;

	for (size_t i = 0; i < data.size(); i++)
		sum += i % 2 ? u32{data[i]} : u32{data[i]} << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<u16>(~sum);
}

EDU_TEST(checksum, agrees_with_the_rfcs_example, "OVER-3", "RFC1071-3")
{
	const u8 data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	EXPECT_EQ(checksum_of(data), ~be16{0xddf2});
	EXPECT_EQ(checksum_of({}), be16{0xffff});
}

EDU_TEST(checksum, agrees_with_the_plain_sum_at_every_length_and_alignment, "OVER-3", "RFC1071-1")
{
	test::chance dice{1};
	u8 data[200];

	dice.fill(data);
	for (size_t start = 0; start < 8; start++) {
		for (size_t length = 0; start + length <= sizeof(data); length++) {
			bytes part{data + start, length};

			ASSERT_EQ(checksum_of(part).host(), plain_checksum(part));
		}
	}
}

EDU_TEST(checksum, carries_are_not_lost, "OVER-3", "RFC1071-2")
{
	u8 ones[129];

	for (u8 &octet : ones)
		octet = 0xff;
	for (size_t length = 1; length <= sizeof(ones); length++)
		ASSERT_EQ(checksum_of({ones, length}).host(), plain_checksum({ones, length}));
}

EDU_TEST(checksum, reads_nothing_behind_the_end, "OVER-3")
{
	u8 data[100] = {1, 2, 3};

	test::each_truncation(data, [](bytes cut) { test::touch(checksum_of(cut)); });
}

EDU_TEST(checksum, pieces_of_any_length_add_up, "OVER-3", "RFC1071-2B")
{
	test::chance dice{2};
	u8 data[61];

	dice.fill(data);
	for (size_t first = 0; first <= sizeof(data); first++) {
		for (size_t second = first; second <= sizeof(data); second++) {
			bytes a{data, first}, b{data + first, second - first};
			bytes c{data + second, sizeof(data) - second};
			inet_sum apart = inet_sum{}.add(b).append(inet_sum{}.add(c));

			ASSERT_EQ(inet_sum{}.add(a).add(b).add(c).checksum(), checksum_of(data));
			ASSERT_EQ(inet_sum{}.add(a).append(apart).checksum(), checksum_of(data));
		}
	}
}

EDU_TEST(checksum, continues_a_sum_the_kernel_began, "OVER-3")
{
	test::chance dice{3};
	u8 data[64];

	dice.fill(data);
	for (size_t split = 0; split <= sizeof(data); split++) {
		u32 wsum = inet_sum{}.add({data, split}).to_wsum();
		inet_sum whole = inet_sum::from_wsum(wsum, split);

		whole.add({data + split, sizeof(data) - split});
		ASSERT_EQ(whole.checksum(), checksum_of(data));
	}
}

EDU_TEST(checksum, a_packet_with_its_checksum_is_valid_and_a_flipped_bit_is_seen, "OVER-3")
{
	u8 packet[20] = {0x45, 0, 0, 20, 1, 2, 3, 4, 64, 17};

	store_be16(packet + 10, checksum_of(packet).host());
	EXPECT_TRUE(inet_sum{}.add(packet).is_valid());
	for (size_t bit = 0; bit < 8 * sizeof(packet); bit++) {
		packet[bit / 8] ^= static_cast<u8>(1 << bit % 8);
		ASSERT_FALSE(inet_sum{}.add(packet).is_valid());
		packet[bit / 8] ^= static_cast<u8>(1 << bit % 8);
	}
}

EDU_TEST(checksum, updating_equals_computing_anew, "OVER-3", "RFC1624-3")
{
	test::chance dice{4};
	u8 packet[20];

	for (int i = 0; i < 1000; i++) {
		dice.fill(packet);
		store_be16(packet + 10, 0);
		be16 sum = checksum_of(packet);
		be16 before{load_be16(packet + 8)}, after{static_cast<u16>(dice.next())};
		be32 old_addr = load_addr(packet + 12), new_addr{dice.next()};

		store_be16(packet + 8, after.host());
		sum = checksum_update(sum, before, after);
		ASSERT_EQ(sum, checksum_of(packet));
		store_addr(packet + 12, new_addr);
		sum = checksum_update(sum, old_addr, new_addr);
		ASSERT_EQ(sum, checksum_of(packet));
	}
}

EDU_TEST(checksum, updating_gives_zero_where_the_older_rule_gave_all_ones, "RFC1624-4")
{
	EXPECT_EQ(checksum_update(be16{0xdd2f}, be16{0x5555}, be16{0x3285}), be16{0});
}

EDU_TEST(checksum, pseudo_header_is_summed_as_if_it_were_there, "UDP-3", "RFC768")
{
	const u8 there[] = {10, 0, 0, 1, 10, 0, 0, 2, 0, 17, 0, 12};

	EXPECT_EQ(pseudo_header(be32{0x0a000001}, be32{0x0a000002}, 17, 12).checksum(),
		  checksum_of(there));
}

EDU_TEST(checksum, a_device_adds_the_data_to_what_the_field_holds, "UDP-3")
{
	const inet_sum pseudo = pseudo_header(be32{0x0a000001}, be32{0x0a000002}, 17, 9);
	u8 datagram[9] = {0, 53, 1, 2, 0, 9, 0, 0, 'x'};
	inet_sum honest = pseudo;
	be16 want = honest.add(datagram).checksum();

	store_be16(datagram + 6, pseudo.for_device().host());
	EXPECT_EQ(checksum_of(datagram), want);
}

} // namespace edu::test_checksum
