// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of wire/tcp.hh: segments and their options.
 *
 * Locking: none. Tests run one after the other.
 */
#include "wire/tcp.hh"
#include "hostile.hh"

namespace edu::test_tcp_wire {

using namespace wire;
using tcp::fault;

static constexpr be32 src = ipv4::make_addr(10, 0, 0, 1);
static constexpr be32 dst = ipv4::make_addr(10, 0, 0, 2);

/* A segment with a timestamp and five octets of data. */
struct sample {
	static constexpr u8 data[] = {'h', 'e', 'l', 'l', 'o'};
	static constexpr size_t header_len = tcp::min_header_len + 12;
	static constexpr size_t len = header_len + sizeof(data);

	tcp::repr header{.source = 40000,
			 .dest = 80,
			 .seq = seq32{0xfffffffe},
			 .ack = seq32{0x01020304},
			 .flags = tcp::flag::ack | tcp::flag::psh,
			 .window = 512};
	tcp::options options;
	u8 segment[len] = {};

	sample()
	{
		options.has_timestamps = true;
		options.ts_value = 0xa1a2a3a4;
		options.ts_echo = 0xb1b2b3b4;
		copy_bytes(segment + header_len, data);
		header.emit(mutable_bytes{segment}.first(header_len), options);
		tcp::finish_checksum(mutable_bytes{segment}.first(header_len), src, dst,
				     inet_sum{}.add(data), sizeof(data));
	}
};

/* What parse() makes of these octets. */
template <typename... octet>
static tcp::options parsed(bool is_syn, octet... octets)
{
	const u8 in[] = {static_cast<u8>(octets)...};
	test::tight_packet tight{in};

	return tcp::options::parse(tight, is_syn);
}

EDU_TEST(tcp_wire, a_segment_is_read_as_written, "OVER-6", "RFC9293-3.1", "RFC9293-MUST-2")
{
	sample s;
	auto [got, why] = tcp::view::checked(s.segment, src, dst);

	ASSERT_EQ(why, fault::none);
	EXPECT_EQ(got.parse(), s.header);
	EXPECT_EQ(got.options(), s.options);
	EXPECT_EQ(got.header_length(), 32);
	EXPECT_BYTES(got.payload(), sample::data);
	EXPECT_EQ(got.sequence_length(), 5u);
	EXPECT_TRUE(got.is_ack() && got.is_psh());
	EXPECT_FALSE(got.is_syn() || got.is_fin() || got.is_rst() || got.is_urg());
}

EDU_TEST(tcp_wire, every_flipped_bit_is_a_fault, "RFC9293-MUST-3")
{
	sample s;

	for (size_t bit = 0; bit < 8 * sample::len; bit++) {
		s.segment[bit / 8] ^= static_cast<u8>(1 << bit % 8);
		EXPECT_NE(tcp::view::checked(s.segment, src, dst).why, fault::none);
		s.segment[bit / 8] ^= static_cast<u8>(1 << bit % 8);
	}
	EXPECT_EQ(tcp::view::checked(s.segment, src, src).why, fault::bad_checksum);
}

EDU_TEST(tcp_wire, each_malformation_has_its_own_name, "RFC9293-3.1")
{
	sample s;

	s.segment[12] = 4 << 4;
	EXPECT_EQ(tcp::view::checked(s.segment).why, fault::bad_data_offset);
	s.segment[12] = 10 << 4;
	EXPECT_EQ(tcp::view::checked(s.segment).why, fault::bad_data_offset);
	s.segment[12] = 9 << 4;
	EXPECT_EQ(tcp::view::checked(s.segment).why, fault::none);
}

EDU_TEST(tcp_wire, every_truncation_is_a_fault, "RFC9293-3.1", "RFC9293-MUST-3")
{
	test::each_truncation(sample{}.segment, [](bytes cut) {
		fault want = cut.size() < 20 ? fault::short_header :
			     cut.size() < 32 ? fault::bad_data_offset :
					       fault::bad_checksum;

		EXPECT_EQ(tcp::view::checked(cut, src, dst).why, want);
	});
}

EDU_TEST(tcp_wire, the_front_of_a_segment_in_pieces_is_enough, "SKB-1")
{
	sample s;

	for (size_t linear = 0; linear <= sample::len; linear++) {
		test::tight_packet front{bytes{s.segment}.first(linear)};
		auto [got, why] = tcp::view::checked_header(front, 1400);

		EXPECT_EQ(why, linear < 32 ? fault::not_linear : fault::none);
		EXPECT_EQ(tcp::view::wanted(front), linear < 20 ? 20u : 32u);
		if (why != fault::none)
			continue;
		EXPECT_EQ(got.payload_length(), 1368u);
		EXPECT_EQ(got.payload().size(), linear - 32);
		test::touch_all(got.payload());
		test::touch(got.options());
	}
}

EDU_TEST(tcp_wire, syn_and_fin_take_a_sequence_number_each, "RFC9293-3.4")
{
	u8 segment[20];

	tcp::repr{.flags = tcp::flag::syn | tcp::flag::fin}.emit(segment);
	EXPECT_EQ(tcp::view::checked(segment).header.sequence_length(), 2u);
	EXPECT_EQ(tcp::view::checked(segment).header.options(), tcp::options{});
}

EDU_TEST(tcp_wire, a_syns_options_are_read_as_written, "TCP-2", "TCP-3", "RFC9293-MUST-4",
	 "RFC7323-2.2", "RFC2018-2")
{
	for (int pick = 0; pick < 16; pick++) {
		tcp::options sent;
		u8 wire[tcp::max_options_len];

		if (pick & 1)
			sent.mss = 1460;
		if (pick & 2) {
			sent.has_window_scale = true;
			sent.window_scale = 14;
		}
		sent.sack_permitted = pick & 4;
		if (pick & 8) {
			sent.has_timestamps = true;
			sent.ts_value = 12345;
		}
		ASSERT_EQ(sent.length() % 4, 0u);
		sent.emit({wire, sent.length()});
		EXPECT_EQ(tcp::options::parse({wire, sent.length()}, true), sent);
	}
}

EDU_TEST(tcp_wire, sack_blocks_are_read_as_written_as_many_as_fit, "TCP-12", "RFC2018-3")
{
	for (u8 count = 0; count <= 4; count++) {
		for (bool with_time : {false, true}) {
			tcp::options sent;
			u8 wire[tcp::max_options_len];

			sent.has_timestamps = with_time;
			sent.sack_count = count;
			for (u8 i = 0; i < count; i++)
				sent.sack[i] = {seq32{100u * i}, seq32{100u * i + 50}};
			ASSERT_LE(sent.length(), tcp::max_options_len);
			sent.emit({wire, sent.length()});

			auto got = tcp::options::parse({wire, sent.length()}, false);
			EXPECT_EQ(got.sack_count, with_time && count > 3 ? 3 : count);
			for (u8 i = 0; i < got.sack_count; i++)
				EXPECT_EQ(got.sack[i], sent.sack[i]);
			EXPECT_FALSE(got.malformed);
		}
	}
}

EDU_TEST(tcp_wire, options_may_lie_at_any_octet, "RFC9293-MUST-64", "RFC9293-MUST-5")
{
	auto got = parsed(true, 1, 2, 4, 0x05, 0xb4, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 3, 3, 7);

	EXPECT_EQ(got.mss, 1460);
	EXPECT_TRUE(got.has_timestamps);
	EXPECT_EQ(got.ts_value, 1u);
	EXPECT_EQ(got.ts_echo, 2u);
	EXPECT_EQ(got.window_scale, 7);
	EXPECT_FALSE(got.malformed);
}

EDU_TEST(tcp_wire, unknown_options_are_skipped, "RFC9293-MUST-6", "RFC9293-MUST-68")
{
	auto got = parsed(true, 254, 6, 1, 2, 3, 4, 30, 2, 2, 4, 0x02, 0x18);

	EXPECT_EQ(got.mss, 536);
	EXPECT_FALSE(got.malformed);
}

EDU_TEST(tcp_wire, a_broken_length_ends_the_options_not_the_segment, "RFC9293-MUST-7")
{
	auto zero = parsed(true, 2, 4, 0x05, 0xb4, 254, 0, 3, 3, 7);
	auto one = parsed(true, 254, 1, 2, 4, 0x05, 0xb4);
	auto beyond = parsed(true, 2, 4, 0x05);
	auto none = parsed(true, 1, 1, 1, 8);

	EXPECT_EQ(zero.mss, 1460);
	EXPECT_FALSE(zero.has_window_scale);
	for (const tcp::options &got : {zero, one, beyond, none})
		EXPECT_TRUE(got.malformed);
	EXPECT_EQ(one.mss, 0);
	EXPECT_EQ(beyond.mss, 0);
}

EDU_TEST(tcp_wire, a_known_option_of_another_length_is_ignored, "RFC9293-MUST-7")
{
	auto got = parsed(true, 2, 3, 9, 3, 4, 1, 1, 4, 3, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0);

	EXPECT_EQ(got, tcp::options{});
	EXPECT_EQ(parsed(false, 5, 9, 0, 0, 0, 0, 0, 0, 0).sack_count, 0);
	EXPECT_EQ(parsed(false, 5, 2).sack_count, 0);
}

EDU_TEST(tcp_wire, what_belongs_to_a_syn_counts_only_there, "RFC9293-MUST-65", "RFC7323-2.2")
{
	auto got = parsed(false, 2, 4, 0x05, 0xb4, 4, 2, 1, 3, 3, 7);

	EXPECT_EQ(got, tcp::options{});
}

EDU_TEST(tcp_wire, a_window_scale_above_fourteen_is_fourteen, "RFC7323-2.3")
{
	EXPECT_EQ(parsed(true, 3, 3, 255, 0).window_scale, 14);
	EXPECT_EQ(parsed(true, 3, 3, 14, 0).window_scale, 14);
}

EDU_TEST(tcp_wire, what_is_behind_the_end_is_padding, "RFC9293-MUST-69", "RFC9293-MUST-4")
{
	auto got = parsed(true, 0, 2, 4, 0x05);

	EXPECT_EQ(got, tcp::options{});
}

EDU_TEST(tcp_wire, damaged_segments_are_read_within_bounds, "RFC9293-MUST-7")
{
	test::each_mutation(sample{}.segment, 5000, [](bytes bad) {
		auto [got, why] = tcp::view::checked(bad);

		if (why != fault::none)
			return;
		test::touch(got.parse());
		test::touch(got.options());
		test::touch_all(got.payload());
		test::touch(got.checksum_ok(src, dst));
	});
}

EDU_TEST(tcp_wire, forty_octets_of_anything_are_read_within_bounds, "RFC9293-MUST-7")
{
	test::chance dice{9};

	for (int i = 0; i < 20000; i++) {
		u8 options[tcp::max_options_len];

		dice.fill(options);
		for (u8 &octet : options)
			if (dice.below(2))
				octet %= 11;
		test::tight_packet tight{bytes{options}.first(dice.below(41))};
		auto got = tcp::options::parse(tight, dice.below(2));

		ASSERT_LE(got.sack_count, 4);
		ASSERT_LE(got.window_scale, 14);
	}
}

} // namespace edu::test_tcp_wire
