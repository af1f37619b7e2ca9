// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the targets with whole hosts share: the core starts once, and a fault of the home stops the run. The
 * core is the same object as in the test runner, tests included; none runs here, so nobody complains.
 *
 * Locking: none.
 */
#include "fuzz.hh"

#include "home.hh"

#include <test_case.h>

extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
	hosted::abort_on_fault(true);
	fuzz::require(edu_core_init() == 0);
	return 0;
}

extern "C" void edu_t_fail(const char *, int, const char *, long long, long long)
{
	__builtin_trap();
}
