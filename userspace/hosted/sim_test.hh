// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of tests that only the hosted home has (sim_test.cc).
 *
 * Locking: none, a single thread.
 */
#pragma once

#include <test_case.h>

/* storm_test.cc */
void a_storm_breaks_nothing();

/* fragment_test.cc */
void any_cut_comes_out_exact_or_not_at_all();
void the_cost_of_a_fragment_does_not_grow();

extern const edu_test_case sim_test_cases[];
extern const unsigned int sim_test_case_count;
