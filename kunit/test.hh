// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writing a test.
 *
 *	EDU_TEST(checksum, a_flipped_bit_is_seen, "OVER-3", "RFC1071-1")
 *	{
 *		EXPECT_EQ(got, want);
 *	}
 *
 * The name says the behaviour; the ids, one string each, say what it proves. There are no static
 * constructors in a kernel, so tests do not register themselves: scripts/gen-tests finds every
 * line that begins with EDU_TEST( or EDU_TEST_F( and writes the table. Tests may stand in any
 * namespace; a file's helpers belong into one of its own, for all files are one translation unit.
 *
 * EXPECT_ goes on after a failure, ASSERT_ returns from the test. A kernel's stack is small: keep
 * local arrays below a kilobyte.
 *
 * Locking: none. Tests run one after the other, in process context.
 */
#pragma once

#include "base/endian.hh"
#include "base/result.hh"
#include "test_case.h"

/* A test. extern "C" gives it one name in every namespace, by which the table finds it. */
#define EDU_TEST(suite, name, ...)                                                                 \
	extern "C" void edu_test_##suite##_##name(void);                                           \
	extern "C" void edu_test_##suite##_##name(void)

/*
 * A test in a fixture: the body is a member function of a struct derived from it, made anew for
 * each test. What is large in a fixture it allocates.
 */
#define EDU_TEST_F(fixture, suite, name, ...)                                                      \
	namespace {                                                                                \
	struct edu_fixture_##suite##_##name : fixture {                                            \
		void run();                                                                        \
	};                                                                                         \
	}                                                                                          \
	EDU_TEST(suite, name, __VA_ARGS__)                                                         \
	{                                                                                          \
		edu_fixture_##suite##_##name test;                                                 \
		test.run();                                                                        \
	}                                                                                          \
	void edu_fixture_##suite##_##name::run()

namespace edu::test {

/* A value as a number to print; 0 for what is none. */
template <typename T>
constexpr long long as_number(const T &v)
{
	if constexpr (std::is_null_pointer_v<T>)
		return 0;
	else if constexpr (std::is_pointer_v<T>)
		return static_cast<long long>(reinterpret_cast<std::uintptr_t>(v));
	else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>)
		return static_cast<long long>(v);
	else if constexpr (requires { v.host(); })
		return static_cast<long long>(v.host());
	else if constexpr (requires { v.raw(); })
		return static_cast<long long>(v.raw());
	else
		return 0;
}

/* Numbers compare by value, whatever their types: -1 is less than 1u. */
template <typename A, typename B>
constexpr bool less(const A &a, const B &b)
{
	if constexpr (std::is_integral_v<A> && std::is_integral_v<B>) {
		if constexpr (std::is_signed_v<A> && !std::is_signed_v<B>)
			return a < 0 || static_cast<unsigned long long>(a) < b;
		else if constexpr (!std::is_signed_v<A> && std::is_signed_v<B>)
			return b > 0 && a < static_cast<unsigned long long>(b);
		else
			return a < b;
	} else {
		return a < b;
	}
}

template <typename A, typename B>
constexpr bool equal(const A &a, const B &b)
{
	if constexpr (std::is_integral_v<A> && std::is_integral_v<B>)
		return !less(a, b) && !less(b, a);
	else
		return a == b;
}

/* Where an expectation stands and what it says. */
struct place {
	const char *file;
	int line;
	const char *expr;
};

/* Passes on whether it holds, having complained if it does not. */
template <typename A, typename B>
bool expect(const place &at, bool holds, const A &got, const B &want)
{
	if (!holds) [[unlikely]]
		edu_t_fail(at.file, at.line, at.expr, as_number(got), as_number(want));
	return holds;
}

template <typename A, typename B>
bool expect_eq(const place &at, const A &got, const B &want)
{
	return expect(at, equal(got, want), got, want);
}

template <typename A, typename B>
bool expect_ne(const place &at, const A &got, const B &other)
{
	return expect(at, !equal(got, other), got, other);
}

template <typename A, typename B>
bool expect_lt(const place &at, const A &got, const B &limit)
{
	return expect(at, less(got, limit), got, limit);
}

template <typename A, typename B>
bool expect_le(const place &at, const A &got, const B &limit)
{
	return expect(at, !less(limit, got), got, limit);
}

template <typename A, typename B>
bool expect_gt(const place &at, const A &got, const B &limit)
{
	return expect(at, less(limit, got), got, limit);
}

template <typename A, typename B>
bool expect_ge(const place &at, const A &got, const B &limit)
{
	return expect(at, !less(got, limit), got, limit);
}

/* Octets compare with octets; the numbers told are those of the first place they differ. */
inline bool expect_bytes(const place &at, bytes got, bytes want)
{
	if (got.size() != want.size())
		return expect(at, false, got.size(), want.size());
	for (size_t i = 0; i < got.size(); i++)
		if (got[i] != want[i])
			return expect(at, false, got[i], want[i]);
	return true;
}

} // namespace edu::test

/*
 * Each side is evaluated once, and bound to a parameter: gcc 12 loses temporaries that a reference
 * inside a statement expression keeps alive.
 */
#define EDU_AT_(text) (edu::test::place{__FILE__, __LINE__, text})
#define EDU_CHECK_EQ_(a, b) edu::test::expect_eq(EDU_AT_(#a " == " #b), a, b)
#define EDU_CHECK_NE_(a, b) edu::test::expect_ne(EDU_AT_(#a " != " #b), a, b)
#define EDU_CHECK_LT_(a, b) edu::test::expect_lt(EDU_AT_(#a " < " #b), a, b)
#define EDU_CHECK_LE_(a, b) edu::test::expect_le(EDU_AT_(#a " <= " #b), a, b)
#define EDU_CHECK_GT_(a, b) edu::test::expect_gt(EDU_AT_(#a " > " #b), a, b)
#define EDU_CHECK_GE_(a, b) edu::test::expect_ge(EDU_AT_(#a " >= " #b), a, b)
#define EDU_CHECK_TRUE_(c) edu::test::expect_eq(EDU_AT_(#c), bool(c), true)
#define EDU_CHECK_FALSE_(c) edu::test::expect_eq(EDU_AT_("!(" #c ")"), bool(c), false)
#define EDU_CHECK_BYTES_(a, b) edu::test::expect_bytes(EDU_AT_(#a " == " #b), a, b)
#define EDU_CHECK_OK_(r) edu::test::expect_eq(EDU_AT_(#r ".ok()"), (r).error(), edu::errc::none)
#define EDU_CHECK_ERROR_(r, why)                                                                   \
	edu::test::expect_eq(EDU_AT_(#r ".error() == " #why), (r).error(), why)

#define EXPECT_EQ(got, want) ((void)EDU_CHECK_EQ_(got, want))
#define EXPECT_NE(got, other) ((void)EDU_CHECK_NE_(got, other))
#define EXPECT_LT(got, limit) ((void)EDU_CHECK_LT_(got, limit))
#define EXPECT_LE(got, limit) ((void)EDU_CHECK_LE_(got, limit))
#define EXPECT_GT(got, limit) ((void)EDU_CHECK_GT_(got, limit))
#define EXPECT_GE(got, limit) ((void)EDU_CHECK_GE_(got, limit))
#define EXPECT_TRUE(condition) ((void)EDU_CHECK_TRUE_(condition))
#define EXPECT_FALSE(condition) ((void)EDU_CHECK_FALSE_(condition))
#define EXPECT_BYTES(got, want) ((void)EDU_CHECK_BYTES_(got, want))
/* A result that holds a value; a result that holds this errc. */
#define EXPECT_OK(result) ((void)EDU_CHECK_OK_(result))
#define EXPECT_ERROR(result, why) ((void)EDU_CHECK_ERROR_(result, why))

#define EDU_ASSERT_(check)                                                                         \
	do {                                                                                       \
		if (!(check))                                                                      \
			return;                                                                    \
	} while (0)

#define ASSERT_EQ(got, want) EDU_ASSERT_(EDU_CHECK_EQ_(got, want))
#define ASSERT_NE(got, other) EDU_ASSERT_(EDU_CHECK_NE_(got, other))
#define ASSERT_LT(got, limit) EDU_ASSERT_(EDU_CHECK_LT_(got, limit))
#define ASSERT_LE(got, limit) EDU_ASSERT_(EDU_CHECK_LE_(got, limit))
#define ASSERT_GT(got, limit) EDU_ASSERT_(EDU_CHECK_GT_(got, limit))
#define ASSERT_GE(got, limit) EDU_ASSERT_(EDU_CHECK_GE_(got, limit))
#define ASSERT_TRUE(condition) EDU_ASSERT_(EDU_CHECK_TRUE_(condition))
#define ASSERT_FALSE(condition) EDU_ASSERT_(EDU_CHECK_FALSE_(condition))
#define ASSERT_BYTES(got, want) EDU_ASSERT_(EDU_CHECK_BYTES_(got, want))
#define ASSERT_OK(result) EDU_ASSERT_(EDU_CHECK_OK_(result))
#define ASSERT_ERROR(result, why) EDU_ASSERT_(EDU_CHECK_ERROR_(result, why))
