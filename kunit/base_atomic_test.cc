// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of base/atomic.hh: counters and reference counts.
 *
 * Locking: none. Tests run one after the other.
 */
#include "base/atomic.hh"
#include "hostile.hh"

namespace edu::test_atomic {

EDU_TEST(atomic, last_reference_is_told_to_one_holder, "LAYER-3")
{
	ref_count refs;

	refs.inc();
	EXPECT_TRUE(refs.inc_not_zero());
	EXPECT_EQ(refs.load(), 3);
	EXPECT_FALSE(refs.dec_and_test());
	EXPECT_FALSE(refs.dec_and_test());
	EXPECT_TRUE(refs.dec_and_test());
}

EDU_TEST(atomic, a_dying_object_gets_no_new_reference, "LAYER-3")
{
	ref_count refs;

	EXPECT_TRUE(refs.dec_and_test());
	EXPECT_FALSE(refs.inc_not_zero());
	EXPECT_EQ(refs.load(), 0);
}

EDU_TEST(atomic, a_reference_count_sticks_instead_of_wrapping, "LAYER-3")
{
	ref_count refs{std::numeric_limits<s32>::max()};

	refs.inc();
	EXPECT_TRUE(refs.is_saturated());
	EXPECT_FALSE(refs.dec_and_test());
	EXPECT_TRUE(refs.inc_not_zero());
	EXPECT_TRUE(refs.is_saturated());
}

EDU_TEST(atomic, one_drop_too_many_leaks_instead_of_freeing_twice, "LAYER-3")
{
	ref_count refs;

	EXPECT_TRUE(refs.dec_and_test());
	EXPECT_FALSE(refs.dec_and_test());
	EXPECT_TRUE(refs.is_saturated());
}

EDU_TEST(atomic, counters_count, "OVER-3")
{
	relaxed_counter drops;

	drops.inc();
	drops.add(41);
	EXPECT_EQ(drops.load(), 42u);
	drops.reset();
	EXPECT_EQ(drops.load(), 0u);
}

EDU_TEST(atomic, compare_exchange_tells_what_it_found, "LAYER-3")
{
	atomic<int> word{5};
	int expected = 4;

	EXPECT_FALSE(word.compare_exchange(expected, 9));
	EXPECT_EQ(expected, 5);
	EXPECT_TRUE(word.compare_exchange(expected, 9));
	EXPECT_EQ(word.exchange(1), 9);
	EXPECT_EQ(word.fetch_add(2), 1);
	EXPECT_EQ(word.load(), 3);
}

} // namespace edu::test_atomic
