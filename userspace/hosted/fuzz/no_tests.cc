// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core is the same object in the fuzzer and in the test runner, tests included; no test runs
 * in the fuzzer, so nobody complains.
 *
 * Locking: none.
 */
#include <test_case.h>

extern "C" void edu_t_fail(const char *, int, const char *, long long, long long)
{
	__builtin_trap();
}
