// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of base/rate_limit.hh: the token bucket.
 *
 * Locking: none. Tests run one after the other.
 */
#include "base/rate_limit.hh"
#include "hostile.hh"

namespace edu::test_rate_limit {

/* How many tokens there are to take at one moment, at most 1000. */
static int drain(token_bucket &bucket, u64 now)
{
	int taken = 0;

	while (taken < 1000 && bucket.take(now))
		taken++;
	return taken;
}

EDU_TEST(rate_limit, allows_a_burst_then_the_rate, "IP-10", "RFC1812-4.3.2.8")
{
	token_bucket bucket{10, 1000, 3};

	EXPECT_EQ(drain(bucket, 0), 3);
	EXPECT_FALSE(bucket.take(99));
	EXPECT_TRUE(bucket.take(100));
	EXPECT_FALSE(bucket.take(100));
	EXPECT_EQ(drain(bucket, 10000), 3);
}

EDU_TEST(rate_limit, loses_nothing_to_rounding, "IP-10")
{
	token_bucket bucket{3, 1000, 2};
	int taken = 0;

	EXPECT_EQ(drain(bucket, 0), 2);
	for (u64 now = 1; now <= 10000; now++)
		taken += bucket.take(now);
	EXPECT_EQ(taken, 30);
}

EDU_TEST(rate_limit, a_clock_that_goes_back_earns_nothing, "IP-10")
{
	token_bucket bucket{1, 1000, 1, 5000};

	EXPECT_TRUE(bucket.take(5000));
	EXPECT_FALSE(bucket.take(1000));
	EXPECT_FALSE(bucket.take(5999));
	EXPECT_TRUE(bucket.take(6000));
}

EDU_TEST(rate_limit, a_long_silence_overflows_nothing, "IP-10")
{
	token_bucket bucket{0xffffffff, 1, 5};

	EXPECT_EQ(drain(bucket, 0), 5);
	EXPECT_EQ(drain(bucket, ~u64{0}), 5);
}

EDU_TEST(rate_limit, no_period_means_no_limit, "IP-10")
{
	token_bucket bucket{0, 0, 0};

	EXPECT_EQ(drain(bucket, 0), 1000);
}

} // namespace edu::test_rate_limit
