// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of base/seq.hh: numbers on a circle.
 *
 * Locking: none. Tests run one after the other.
 */
#include "base/seq.hh"
#include "hostile.hh"

namespace edu::test_seq {

EDU_TEST(seq, comparison_wraps, "TCP-12", "RFC9293-3.4")
{
	const seq32 before{0xfffffff0}, after{0x10};

	EXPECT_TRUE(before < after);
	EXPECT_TRUE(after > before);
	EXPECT_TRUE(before <= before);
	EXPECT_FALSE(after <= before);
	EXPECT_EQ(after - before, 32);
	EXPECT_EQ(before - after, -32);
	EXPECT_EQ(before + 32, after);
	EXPECT_EQ(seq32::later(before, after), after);
	EXPECT_EQ(seq32::earlier(before, after), before);
}

EDU_TEST(seq, less_means_less_than_half_the_circle_ahead, "RFC9293-3.4")
{
	EXPECT_TRUE(seq32{0} < seq32{0x7fffffff});
	EXPECT_TRUE(seq32{0x80000001} < seq32{0});
	EXPECT_FALSE(seq32{0} < seq32{0x80000001});
}

EDU_TEST(seq, a_window_may_wrap_and_may_be_empty, "RFC9293-3.4", "RFC9293-REC-1")
{
	const seq32 start{0xfffffffe};

	EXPECT_TRUE(start.in_window(start, 1));
	EXPECT_FALSE(start.in_window(start, 0));
	EXPECT_TRUE(seq32{1}.in_window(start, 4));
	EXPECT_FALSE(seq32{2}.in_window(start, 4));
	EXPECT_FALSE((start - 1).in_window(start, 4));
	EXPECT_TRUE((start + 0xc0000000).in_window(start, 0xc0000001));
}

} // namespace edu::test_seq
