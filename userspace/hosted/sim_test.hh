// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of tests that only the hosted home has (sim_test.cc).
 *
 * Locking: none, a single thread.
 */
#pragma once

#include <test_case.h>

#include <edu/bridge.h>
#include <functional>

namespace hosted {

/* Plays a scene `usual` times, or as often as the command line says, each time with a seed of its own and
 * between edu_t_begin() and edu_t_end(), after which nothing may be left. A seed that fails is printed. */
void rounds_of(unsigned int usual, const std::function<void()> &scene);

/* The command line says how many rounds: whoever does so has time. */
bool is_thorough();
/* The beginning of one: the seed is all that matters, not what was before. */
void begin_round(edu_u64 seed);

} // namespace hosted

/* storm_test.cc */
void a_storm_breaks_nothing();

/* fragment_test.cc */
void any_cut_comes_out_exact_or_not_at_all();
void the_cost_of_a_fragment_does_not_grow();

/* stream_test.cc */
void a_stream_comes_out_exact_over_any_cable();
void large_buffers_are_cut_into_right_packets();
void what_leaves_wakes_who_waits_for_that();
void a_lost_wake_up_is_a_fault();
void a_socket_s_spin_lock_has_its_rules();
void trees_are_in_order_across_the_end_of_the_numbers();

/* session_test.cc */
void sessions_over_any_network_end_as_they_should();
void a_session_s_seed_replays_it_exactly();
void a_stream_goes_on_when_its_numbers_begin_anew();

/* state_test.cc */
void anything_may_happen_in_any_state();
void threads_share_a_stream();

/* flood_test.cc */
void ten_thousand_connections_at_once();
void a_flood_of_syns_shuts_nobody_out();
void any_allocation_may_fail();
void who_finds_no_port_says_so();

extern const edu_test_case sim_test_cases[];
extern const unsigned int sim_test_case_count;
