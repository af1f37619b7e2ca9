// SPDX-License-Identifier: GPL-2.0-only
/*
 * Runs the unit tests in a kernel: one KUnit suite, "eduinet", over the table edu_test_cases[].
 *
 * The bodies are in kunit/ at the top of the tree and belong to the core's translation unit; the
 * hosted home runs the same ones. KUnit would run a module's suites before its init routine, when
 * nothing works yet, so the suite is handed over by hand as the last part of init.
 *
 * Locking: KUnit runs one case at a time; edu_test_now is set while one does.
 */
#include <kunit/test.h>
#include <linux/module.h>

#include <kunit/test_case.h>

#include "../edu_kernel.h"
#include "hooks.h"

static struct kunit *edu_test_now; /* the case that is running */

void edu_t_fail(const char *file, int line, const char *expr, long long got, long long want)
{
	if (edu_test_now)
		KUNIT_FAIL(edu_test_now, "%s:%d: %s: got %lld, want %lld", file, line, expr, got,
			   want);
}

static const void *edu_test_next(const void *previous, char *description)
{
	const struct edu_test_case *test = previous;

	test = test ? test + 1 : edu_test_cases;
	if (test >= edu_test_cases + edu_test_case_count)
		return NULL;
	snprintf(description, KUNIT_PARAM_DESC_SIZE, "%s.%s [%s]", test->suite, test->name,
		 test->requirements);
	return test;
}

static void edu_test_run(struct kunit *test)
{
	const struct edu_test_case *body = test->param_value;

	edu_test_now = test;
	body->run();
	edu_test_now = NULL;
}

static void edu_test_exit(struct kunit *test)
{
	/* Of a case that ended before its world did. */
	edu_test_privileges_restore();
	edu_test_clock_stop();
}

static struct kunit_case edu_kunit_cases[] = { KUNIT_CASE_PARAM(edu_test_run, edu_test_next), {} };

static struct kunit_suite edu_kunit_suite = {
	.name = "eduinet",
	.exit = edu_test_exit,
	.test_cases = edu_kunit_cases,
};

static struct kunit_suite *edu_kunit_suites[] = { &edu_kunit_suite };

int edu_kunit_init(void)
{
	return __kunit_test_suites_init(edu_kunit_suites, ARRAY_SIZE(edu_kunit_suites));
}

void edu_kunit_exit(void)
{
	__kunit_test_suites_exit(edu_kunit_suites, ARRAY_SIZE(edu_kunit_suites));
}
