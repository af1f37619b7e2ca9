/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tests as their runners see them: a table of functions, and a way to complain.
 *
 * Included by C and C++. The bodies are C++ (test.hh) and live in the core's translation unit; who
 * runs them is the home: module/kernel/kunit/kunit.c in a kernel, userspace/hosted in a process.
 *
 * Locking: none. Tests run one after the other, in process context.
 */
#ifndef _EDU_TEST_CASE_H
#define _EDU_TEST_CASE_H

#ifdef __cplusplus
extern "C" {
#endif

struct edu_test_case {
	const char *suite;	  /* the file's subject: "checksum" */
	const char *name;	  /* the behaviour: "a_flipped_bit_is_seen" */
	const char *requirements; /* ids, separated by commas */
	void (*run)(void);
};

/* Made by scripts/gen-tests, in the order of tests.cc. */
extern const struct edu_test_case edu_test_cases[];
extern const unsigned int edu_test_case_count;

/*
 * The runner's: the current test has failed, and goes on or returns by itself. @expr is the
 * expectation's text; @got and @want are its sides as numbers, where they have any.
 */
void edu_t_fail(const char *file, int line, const char *expr, long long got, long long want);

#ifdef __cplusplus
}
#endif

#endif /* _EDU_TEST_CASE_H */
