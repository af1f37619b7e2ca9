// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of base/result.hh: values, errors, and passing errors on.
 *
 * Locking: none. Tests run one after the other.
 */
#include "base/result.hh"
#include "hostile.hh"

namespace edu::test_result {

/* Owns nothing but knows how many of it there are. */
class counted {
public:
	explicit counted(int *alive) : alive_{alive} { ++*alive_; }
	counted(counted &&other) : alive_{other.alive_} { ++*alive_; }
	counted &operator=(counted &&) = delete;
	~counted() { --*alive_; }

private:
	int *alive_;
};

static result<int> half(int n)
{
	if (n % 2)
		return errc::einval;
	return n / 2;
}

static result<int> quarter(int n)
{
	return TRY(half(TRY(half(n))));
}

static result<void> check_quarter(int n)
{
	TRY(quarter(n));
	return {};
}

static result<counted> make(int *alive, bool works)
{
	if (!works)
		return errc::enomem;
	return counted{alive};
}

EDU_TEST(result, holds_a_value_or_an_error, "INET-4")
{
	ASSERT_OK(half(4));
	EXPECT_EQ(half(4).value(), 2);
	EXPECT_ERROR(half(3), errc::einval);
	EXPECT_EQ(half(3).value_or(-1), -1);
}

EDU_TEST(result, try_passes_the_first_error_on, "INET-4")
{
	EXPECT_EQ(quarter(8).value(), 2);
	EXPECT_ERROR(quarter(6), errc::einval);
	EXPECT_OK(check_quarter(4));
	EXPECT_ERROR(check_quarter(1), errc::einval);
}

EDU_TEST(result, destroys_what_it_owns_once, "SKB-1")
{
	int alive = 0;

	{
		result<counted> r = make(&alive, true);
		EXPECT_EQ(alive, 1);
		counted taken = std::move(r).value();
		EXPECT_EQ(alive, 2); /* the moved-from one is still to be destroyed */
		(void)taken;
	}
	EXPECT_EQ(alive, 0);
	EXPECT_ERROR(make(&alive, false), errc::enomem);
	EXPECT_EQ(alive, 0);
}

EDU_TEST(result, crosses_the_bridge_as_a_negative_number, "INET-4", "ROUTE-8")
{
	EXPECT_EQ(to_errno(half(2)), 0);
	EXPECT_EQ(to_errno(half(1)), -22);
	EXPECT_EQ(to_errno(result<void>{errc::enetunreach}), -101);
	EXPECT_EQ(to_errno(result<void>{}), 0);
	EXPECT_ERROR(from_errno(-111), errc::econnrefused);
	EXPECT_OK(from_errno(0));
}

EDU_TEST(result, of_a_plain_value_fits_registers, "OVER-6")
{
	EXPECT_TRUE(std::is_trivially_copyable_v<result<u32>>);
	EXPECT_EQ(sizeof(result<u32>), 8u);
	EXPECT_FALSE(std::is_copy_constructible_v<result<counted>>);
}

} // namespace edu::test_result
