// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of wire/ipv4_options.hh: options from strangers.
 *
 * Locking: none. Tests run one after the other.
 */
#include "wire/ipv4_options.hh"
#include "hostile.hh"

namespace edu::test_ipv4_options {

using namespace wire;
using ipv4::option_fault;

/* What compile_options() says of these octets. */
template <typename... octet>
static ipv4::compiled_options compiled(octet... octets)
{
	const u8 options[] = {static_cast<u8>(octets)...};
	test::tight_packet tight{options};

	return ipv4::compile_options(tight);
}

static void expect_fault(ipv4::compiled_options all, option_fault why, int offset)
{
	EXPECT_EQ(all.why, why);
	EXPECT_EQ(all.fault_offset, offset);
}

EDU_TEST(ipv4_options, nothing_is_fine, "IP-10", "RFC791-3.1")
{
	EXPECT_TRUE(ipv4::compile_options({}).ok());
	EXPECT_TRUE(compiled(1, 1, 1, 1).ok());
	EXPECT_TRUE(compiled(0, 0xff, 0xff, 0xff).ok()); /* behind the end is padding */
}

EDU_TEST(ipv4_options, says_where_each_option_is, "IP-10", "RFC791-3.1")
{
	auto all = compiled(148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0, 130, 3, 0,
			    131, 7, 4, 10, 0, 0, 1, 0, 0, 0);

	ASSERT_TRUE(all.ok());
	EXPECT_EQ(all.router_alert, 20);
	EXPECT_EQ(all.record_route, 24);
	EXPECT_EQ(all.timestamp, 31);
	EXPECT_EQ(all.security, 39);
	EXPECT_EQ(all.source_route, 42);
	EXPECT_FALSE(all.strict);
	EXPECT_EQ(all.length, 32);
}

EDU_TEST(ipv4_options, unknown_options_are_passed_over, "IP-10", "RFC1122-3.2.1.8",
	 "RFC1812-5.3.13.1")
{
	auto all = compiled(0x5e, 5, 1, 2, 3, 137, 7, 4, 10, 0, 0, 1);

	ASSERT_TRUE(all.ok());
	EXPECT_EQ(all.source_route, 25);
	EXPECT_TRUE(all.strict);
}

EDU_TEST(ipv4_options, a_bad_length_is_told_with_its_octet, "IP-10", "RFC792", "RFC1122-3.2.1.8")
{
	expect_fault(compiled(1, 1, 1, 7), option_fault::no_length, 23);
	expect_fault(compiled(1, 7, 0, 0), option_fault::bad_length, 22);
	expect_fault(compiled(1, 7, 1, 0), option_fault::bad_length, 22);
	expect_fault(compiled(1, 7, 4, 0), option_fault::bad_length, 22);
	expect_fault(compiled(0x5e, 9, 0, 0), option_fault::bad_length, 21);
	expect_fault(compiled(7, 2, 0, 0), option_fault::bad_length, 21);
	expect_fault(compiled(68, 3, 5, 0), option_fault::bad_length, 21);
	expect_fault(compiled(148, 3, 0, 0), option_fault::bad_length, 21);
	expect_fault(compiled(136, 3, 0, 0), option_fault::bad_length, 21);
	expect_fault(compiled(130, 2, 0, 0), option_fault::bad_length, 21);
}

EDU_TEST(ipv4_options, a_bad_pointer_is_told_with_its_octet, "IP-10", "RFC792")
{
	expect_fault(compiled(7, 7, 3, 0, 0, 0, 0, 0), option_fault::bad_pointer, 22);
	expect_fault(compiled(7, 7, 5, 0, 0, 0, 0, 0), option_fault::bad_pointer, 22);
	expect_fault(compiled(131, 7, 0, 0, 0, 0, 0, 0), option_fault::bad_pointer, 22);
	expect_fault(compiled(1, 68, 8, 4, 0, 0, 0, 0, 0, 0, 0, 0), option_fault::bad_pointer, 23);
	expect_fault(compiled(68, 8, 5, 1, 0, 0, 0, 0), option_fault::bad_pointer, 22);
	EXPECT_TRUE(compiled(7, 7, 8, 0, 0, 0, 0, 0).ok()); /* full is no fault */
	EXPECT_TRUE(compiled(7, 3, 4, 0).ok());
}

EDU_TEST(ipv4_options, a_time_stamp_that_no_more_hosts_can_miss_is_a_fault, "IP-10", "RFC791-3.1")
{
	EXPECT_TRUE(compiled(68, 8, 9, 0xe0, 0, 0, 0, 0).ok());
	expect_fault(compiled(68, 8, 9, 0xf0, 0, 0, 0, 0), option_fault::overflow, 23);
	expect_fault(compiled(68, 8, 5, 2, 0, 0, 0, 0), option_fault::bad_timestamp_kind, 23);
}

EDU_TEST(ipv4_options, there_is_one_source_route_at_most, "IP-10", "RFC1122-3.2.1.8")
{
	expect_fault(compiled(131, 7, 4, 0, 0, 0, 0, 137, 7, 4, 0, 0, 0, 0, 0, 0),
		     option_fault::duplicate, 27);
	expect_fault(compiled(7, 3, 4, 7, 3, 4, 0, 0), option_fault::duplicate, 23);
}

EDU_TEST(ipv4_options, slots_are_found_by_the_pointer, "IP-10", "RFC791-3.1")
{
	static constexpr u8 options[] = {1,  7,	 11, 8,	   1, 2, 3, 4, 0, 0, 0, 0,
					 68, 12, 5,  0x21, 0, 0, 0, 0, 0, 0, 0, 0};
	auto all = ipv4::compile_options(options);

	ASSERT_TRUE(all.ok());
	auto route = ipv4::option_at(options, all.record_route);
	EXPECT_EQ(route.data.size(), 11u);
	EXPECT_EQ(route.next_slot(), 7u);
	EXPECT_EQ(route.slot_len(), 4u);
	EXPECT_FALSE(route.is_full());
	auto times = ipv4::option_at(options, all.timestamp);
	EXPECT_EQ(times.kind(), ipv4::timestamp_kind::addrs_and_times);
	EXPECT_EQ(times.overflow(), 2);
	EXPECT_EQ(times.next_slot(), 4u);
	EXPECT_EQ(times.slot_len(), 8u);
}

EDU_TEST(ipv4_options, later_fragments_have_the_copied_ones_only, "IP-4", "RFC791-3.2")
{
	static constexpr u8 options[] = {7,  7, 4, 0, 0,   0, 0, 131, 7, 4,
					 10, 0, 0, 1, 148, 4, 0, 0,   0, 0};
	static constexpr u8 want[] = {131, 7, 4, 10, 0, 0, 1, 148, 4, 0, 0, 0};
	u8 later[sizeof(options)];

	size_t length = ipv4::fragment_options(options, later);
	EXPECT_BYTES((bytes{later, length}), want);
	EXPECT_EQ(ipv4::fragment_options(bytes{options}.first(7), later), 0u);
}

EDU_TEST(ipv4_options, every_truncation_is_walked_within_bounds, "IP-10")
{
	static constexpr u8 options[] = {148, 4, 0, 0, 7, 7, 4, 0, 0,	0, 0, 68, 12, 5, 1,
					 0,   0, 0, 0, 0, 0, 0, 0, 137, 7, 4, 10, 0,  0, 1};

	ASSERT_TRUE(ipv4::compile_options(options).ok());
	test::each_truncation(options, [](bytes cut) {
		auto all = ipv4::compile_options(cut);
		bool between = cut.size() == 0 || cut.size() == 4 || cut.size() == 11 ||
			       cut.size() == 23;

		EXPECT_EQ(all.ok(), between);
		if (!all.ok())
			EXPECT_LE(all.fault_offset, 20 + cut.size());
	});
}

EDU_TEST(ipv4_options, forty_octets_of_anything_end_the_walk_within_bounds, "IP-10")
{
	test::chance dice{7};

	for (int i = 0; i < 20000; i++) {
		u8 options[ipv4::max_options_len], later[ipv4::max_options_len];
		size_t length = dice.below(11) * 4;

		/* Small numbers are likely lengths and pointers. */
		dice.fill(options);
		for (u8 &octet : options)
			if (dice.below(2))
				octet %= 12;
		for (size_t at = 0; at < length; at += 1 + dice.below(9))
			if (dice.below(2))
				options[at] = "\x07\x44\x82\x83\x89\x94\x01\x88"[dice.below(8)];

		test::tight_packet tight{bytes{options, length}};
		auto all = ipv4::compile_options(tight);
		ipv4::option_cursor cursor{tight};
		ipv4::option opt;
		size_t steps = 0;

		while (cursor.next(opt)) {
			test::touch_all(opt.data);
			ASSERT_LT(steps++, length);
		}
		for (u8 at : {all.record_route, all.source_route, all.timestamp}) {
			if (!at)
				continue;
			opt = ipv4::option_at(tight, at);
			ASSERT_TRUE(opt.is_full() ||
				    opt.next_slot() + opt.slot_len() <= opt.data.size());
		}
		ASSERT_LE(ipv4::fragment_options(tight, {later, length}), length);
		ASSERT_LE(all.fault_offset, 20 + length);
	}
}

} // namespace edu::test_ipv4_options
