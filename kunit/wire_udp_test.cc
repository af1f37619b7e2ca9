// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of wire/udp.hh: datagrams.
 *
 * Locking: none. Tests run one after the other.
 */
#include "wire/udp.hh"
#include "hostile.hh"

namespace edu::test_udp_wire {

using namespace wire;
using udp::fault;

static constexpr be32 src = ipv4::make_addr(10, 0, 0, 1);
static constexpr be32 dst = ipv4::make_addr(10, 0, 0, 2);

/* From port 40000 to port 53, three octets. */
struct sample {
	static constexpr u8 data[] = {'t', 'l', 'k'};
	static constexpr size_t len = udp::header_len + sizeof(data);

	udp::repr header{.source = 40000, .dest = 53, .length = len};
	u8 datagram[len] = {};

	sample()
	{
		copy_bytes(datagram + udp::header_len, data);
		header.checksum = header.checksum_between(src, dst, inet_sum{}.add(data));
		write();
	}
	void write() { header.emit(std::span{datagram}.first<udp::header_len>()); }
};

EDU_TEST(udp_wire, a_datagram_is_read_as_written, "UDP-3", "OVER-7", "RFC768")
{
	sample s;
	auto [got, why] = udp::view::checked(s.datagram, src, dst);

	ASSERT_EQ(why, fault::none);
	EXPECT_EQ(got.parse(), s.header);
	EXPECT_EQ(got.source(), 40000);
	EXPECT_EQ(got.dest(), 53);
	EXPECT_BYTES(got.payload(), sample::data);
}

EDU_TEST(udp_wire, every_flipped_bit_is_a_fault, "UDP-3", "RFC1122-4.1.3.4")
{
	sample s;

	for (size_t bit = 0; bit < 8 * sample::len; bit++) {
		s.datagram[bit / 8] ^= static_cast<u8>(1 << bit % 8);
		EXPECT_NE(udp::view::checked(s.datagram, src, dst).why, fault::none);
		s.datagram[bit / 8] ^= static_cast<u8>(1 << bit % 8);
	}
}

EDU_TEST(udp_wire, the_addresses_are_part_of_the_checksum, "UDP-3", "RFC768")
{
	sample s;

	EXPECT_EQ(udp::view::checked(s.datagram, src, src).why, fault::bad_checksum);
}

EDU_TEST(udp_wire, a_zero_checksum_means_none_was_sent, "UDP-3", "RFC1122-4.1.3.4")
{
	sample s;

	s.header.checksum = {};
	s.write();
	s.datagram[9]++;
	auto [got, why] = udp::view::checked(s.datagram, src, dst);
	EXPECT_EQ(why, fault::none);
	EXPECT_FALSE(got.has_checksum());
}

EDU_TEST(udp_wire, a_checksum_that_comes_out_zero_is_sent_as_ones, "UDP-3", "RFC768")
{
	sample s;
	const udp::repr header{.source = 1, .dest = 2, .length = 10};
	const be16 plain = header.checksum_between(src, dst, {});
	u8 data[2];

	/* Data that is the checksum of the rest makes the whole sum all ones. */
	store_be16(data, plain.host());
	EXPECT_EQ(header.checksum_between(src, dst, inet_sum{}.add(data)), be16{0xffff});
}

EDU_TEST(udp_wire, lengths_that_lie_are_faults, "UDP-3", "RFC768")
{
	sample s;

	for (u16 length : {0, 7}) {
		store_be16(s.datagram + 4, length);
		EXPECT_EQ(udp::view::checked(s.datagram).why, fault::bad_length);
	}
	for (u16 length : {12, 65535}) {
		store_be16(s.datagram + 4, length);
		EXPECT_EQ(udp::view::checked(s.datagram).why, fault::truncated);
	}
}

EDU_TEST(udp_wire, what_is_behind_the_length_is_not_data, "UDP-3", "RFC768")
{
	sample s;

	store_be16(s.datagram + 4, udp::header_len + 1);
	auto [got, why] = udp::view::checked(s.datagram);
	ASSERT_EQ(why, fault::none);
	EXPECT_EQ(got.payload().size(), 1u);
	EXPECT_EQ(got.payload_length(), 1u);
}

EDU_TEST(udp_wire, every_truncation_is_a_fault, "UDP-3")
{
	test::each_truncation(sample{}.datagram, [](bytes cut) {
		EXPECT_EQ(udp::view::checked(cut, src, dst).why,
			  cut.size() < 8 ? fault::short_header : fault::truncated);
	});
}

EDU_TEST(udp_wire, the_front_of_a_datagram_in_pieces_is_enough, "SKB-1", "UDP-3")
{
	sample s;

	store_be16(s.datagram + 4, 1000);
	for (size_t linear = 0; linear <= sample::len; linear++) {
		test::tight_packet front{bytes{s.datagram}.first(linear)};
		auto [got, why] = udp::view::checked_header(front, 1000);

		EXPECT_EQ(why, linear < 8 ? fault::not_linear : fault::none);
		if (why != fault::none)
			continue;
		EXPECT_EQ(got.payload_length(), 992u);
		EXPECT_EQ(got.payload().size(), linear - 8);
		test::touch_all(got.payload());
	}
}

EDU_TEST(udp_wire, damaged_datagrams_are_read_within_bounds, "UDP-3")
{
	test::each_mutation(sample{}.datagram, 5000, [](bytes bad) {
		auto [got, why] = udp::view::checked(bad);

		if (why != fault::none)
			return;
		test::touch(got.parse());
		test::touch_all(got.payload());
		test::touch(got.checksum_ok(src, dst));
	});
}

} // namespace edu::test_udp_wire
