// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tests' clock and their failing allocations.
 *
 * A test that waits for a retry or a time-out would take minutes by the real clock, and under an
 * emulator its order of events would be a matter of luck. So while a test runs, the module's time
 * stands still and moves only when the test says so; timers that are armed meanwhile, whoever arms
 * them, wait here, by their due time. When the clock stops, time goes on from where the test had
 * brought it, and the timers that are left go back to the kernel.
 *
 * Locking: edu_test_lock guards the list of timers; a leaf. The times are written by the test alone
 * and read anywhere, each with one access.
 */
#include <linux/ktime.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

#include "../edu_kernel.h"
#include "hooks.h"
#include <kunit/test_bridge.h>

static bool edu_clock_runs;	       /* the test clock is in charge */
static u64 edu_clock_elapsed;	       /* ms since its start, as the test has moved it */
static u64 edu_start_ms, edu_start_ns; /* what the two clocks showed at its start */
static u64 edu_skew_ms, edu_skew_ns;   /* how far past tests have put the module's time ahead */

static DEFINE_SPINLOCK(edu_test_lock);
/* Timers that wait, soonest first: timer_list.entry, with timer_list.expires in ms of the clock. */
static HLIST_HEAD(edu_test_timers);

u64 edu_test_clock_ms(u64 now)
{
	if (READ_ONCE(edu_clock_runs))
		return READ_ONCE(edu_start_ms) + READ_ONCE(edu_clock_elapsed);
	return now + READ_ONCE(edu_skew_ms);
}

u64 edu_test_clock_ns(u64 now)
{
	if (READ_ONCE(edu_clock_runs))
		return READ_ONCE(edu_start_ns) + READ_ONCE(edu_clock_elapsed) * NSEC_PER_MSEC;
	return now + READ_ONCE(edu_skew_ns);
}

u64 edu_test_clock_elapsed(void)
{
	return edu_clock_elapsed;
}

void edu_test_clock_set(u64 elapsed_ms)
{
	if (elapsed_ms > edu_clock_elapsed)
		WRITE_ONCE(edu_clock_elapsed, elapsed_ms);
}

/* Whether the timer waits here; the lock is held. */
static bool edu_timer_is_ours(const struct timer_list *timer)
{
	const struct timer_list *other;

	hlist_for_each_entry(other, &edu_test_timers, entry)
		if (other == timer)
			return true;
	return false;
}

static void edu_timer_insert(struct timer_list *timer)
{
	struct timer_list *other, *before = NULL;

	hlist_for_each_entry(other, &edu_test_timers, entry) {
		if (other->expires > timer->expires)
			break;
		before = other;
	}
	if (before)
		hlist_add_behind(&timer->entry, &before->entry);
	else
		hlist_add_head(&timer->entry, &edu_test_timers);
}

bool edu_test_timer_cancel(struct timer_list *timer)
{
	unsigned long flags;
	bool found;

	spin_lock_irqsave(&edu_test_lock, flags);
	found = edu_timer_is_ours(timer);
	if (found)
		hlist_del_init(&timer->entry);
	spin_unlock_irqrestore(&edu_test_lock, flags);
	return found;
}

bool edu_test_timer_set(struct timer_list *timer, u64 ms, int *was_pending)
{
	unsigned long flags;

	if (!READ_ONCE(edu_clock_runs))
		return false;
	*was_pending = edu_compat_timer_delete(timer); /* armed before the clock started */
	spin_lock_irqsave(&edu_test_lock, flags);
	if (edu_timer_is_ours(timer)) {
		hlist_del_init(&timer->entry);
		*was_pending = 1;
	}
	timer->expires = edu_clock_elapsed + ms;
	edu_timer_insert(timer);
	spin_unlock_irqrestore(&edu_test_lock, flags);
	return true;
}

/* Takes the first timer off that is due by then. */
static struct timer_list *edu_timer_take(u64 limit_ms)
{
	struct timer_list *timer = NULL;
	unsigned long flags;

	spin_lock_irqsave(&edu_test_lock, flags);
	if (!hlist_empty(&edu_test_timers)) {
		timer = hlist_entry(edu_test_timers.first, struct timer_list, entry);
		if (timer->expires <= limit_ms)
			hlist_del_init(&timer->entry);
		else
			timer = NULL;
	}
	spin_unlock_irqrestore(&edu_test_lock, flags);
	return timer;
}

bool edu_test_clock_fire(u64 limit_ms)
{
	struct timer_list *timer = edu_timer_take(limit_ms);

	if (!timer)
		return false;
	edu_test_clock_set(timer->expires);
	local_bh_disable();
	timer->function(timer);
	local_bh_enable();
	return true;
}

void edu_test_clock_start(void)
{
	edu_test_clock_stop();
	edu_start_ms = edu_k_now_ms();
	edu_start_ns = edu_k_now_ns();
	edu_clock_elapsed = 0;
	WRITE_ONCE(edu_clock_runs, true);
}

void edu_test_clock_stop(void)
{
	struct timer_list *timer;
	u64 ms, ns;

	if (!edu_clock_runs)
		return;
	ms = edu_k_now_ms() - jiffies64_to_msecs(get_jiffies_64());
	ns = edu_k_now_ns() - ktime_get_ns();
	WRITE_ONCE(edu_skew_ms, (s64)ms > (s64)edu_skew_ms ? ms : edu_skew_ms);
	WRITE_ONCE(edu_skew_ns, (s64)ns > (s64)edu_skew_ns ? ns : edu_skew_ns);
	WRITE_ONCE(edu_clock_runs, false);
	while ((timer = edu_timer_take(U64_MAX))) {
		u64 left = timer->expires - min_t(u64, timer->expires, edu_clock_elapsed);

		mod_timer(timer, jiffies + 1 + msecs_to_jiffies(left));
	}
}

/* ------------------------------------------------------------------------------------------------
 * Failing allocations
 */

static struct task_struct *edu_fail_task; /* only the test's own allocations fail */
static unsigned int edu_fail_count;	  /* how many to go; 0: none fails */
static bool edu_fail_struck;

bool edu_test_alloc_fails(void)
{
	if (READ_ONCE(edu_fail_task) != current || !edu_fail_count || --edu_fail_count)
		return false;
	edu_fail_struck = true;
	return true;
}

void edu_t_fail_alloc(unsigned int n)
{
	edu_fail_count = n;
	edu_fail_struck = false;
	WRITE_ONCE(edu_fail_task, n ? current : NULL);
}

int edu_t_alloc_failed(void)
{
	bool struck = edu_fail_struck;

	edu_fail_struck = false;
	return struck;
}

static bool edu_pressure; /* memory for streams is short */

bool edu_test_pressure(void)
{
	return READ_ONCE(edu_pressure);
}

void edu_t_pressure(int yes)
{
	WRITE_ONCE(edu_pressure, yes);
}

static bool edu_full; /* … is used up */

bool edu_test_stream_full(void)
{
	return READ_ONCE(edu_full);
}

void edu_t_stream_full(int yes)
{
	WRITE_ONCE(edu_full, yes);
}

static bool edu_exiting; /* the test's process ends */

bool edu_test_exiting(void)
{
	return READ_ONCE(edu_exiting);
}

void edu_t_exiting(int yes)
{
	WRITE_ONCE(edu_exiting, yes);
}
