// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time: the virtual clock, timers, softirqs, RCU callbacks and work, as one queue of events.
 *
 * The clock stands still while code runs and jumps to the next event when asked to. Events of one
 * instant run in the order they were made. Softirqs run between the steps of the test, and, where
 * the seed says so, in the middle of a system call: at every point where a kernel with softirqs on
 * could be interrupted and the core calls its home (preemption_point()). Frames wait for the test
 * to let time run, as test_bridge.h promises, unless cables are eager. RCU callbacks run as soon
 * as no reader is inside, which is the earliest a kernel could run them: who keeps a pointer
 * beyond its read-side section meets AddressSanitizer. Programs besides the test (program_at()) run in
 * process context, at the start of a step: so while a call sleeps, but never in the middle of one.
 *
 * Locking: none, a single thread; `softirq_depth` says which context it plays.
 */
#include "home.hh"

#include <algorithm>
#include <deque>
#include <map>

namespace hosted {
namespace {

/* What lies in an edu_timer's storage: where it is in the queue. when 0: not armed. */
struct timer_state {
	edu_u64 when; /* ns */
	edu_u64 sequence;
	edu_u64 unused;
};
static_assert(sizeof(timer_state) <= EDU_SIZEOF_TIMER);

/* What lies in an edu_work's storage. */
struct work_state {
	edu_u64 queued;
};
static_assert(sizeof(work_state) <= EDU_SIZEOF_WORK);

/* What happens at an instant: as a softirq, or what a program does. */
struct event {
	std::function<void()> run;
	source from;
};

constexpr edu_u64 ms = 1000000;	       /* ns */
constexpr edu_u64 start = 300000 * ms; /* not 0, so that "never" and "now" differ */

edu_u64 clock_ns = start;
edu_u64 sequence;
int softirq_depth;
std::map<event_id, event> events;
std::map<const void *, edu_timer *> armed; /* timers by address, to find them in freed memory */
std::map<const void *, edu_rcu_head *> waiting; /* RCU heads by address */
std::deque<edu_rcu_head *> callbacks;
std::deque<edu_work *> works;

timer_state *state_of(const edu_timer *timer)
{
	return reinterpret_cast<timer_state *>(const_cast<edu_u64 *>(timer->storage));
}

/* Runs the callbacks that are queued now; those they queue wait for the next grace period. */
void grace_period()
{
	std::deque<edu_rcu_head *> ready;

	ready.swap(callbacks);
	for (edu_rcu_head *head : ready) {
		waiting.erase(head);
		softirq_depth++;
		head->reclaim(head);
		softirq_depth--;
		assert_unlocked("an RCU callback returned");
	}
}

bool run_work()
{
	if (works.empty())
		return false;
	edu_work *work = works.front();

	works.pop_front();
	reinterpret_cast<work_state *>(work->storage)->queued = 0;
	work->run(work);
	assert_unlocked("work returned");
	return true;
}

/* Takes the event out of the queue and runs it; the clock moves to it. */
void run_event(std::map<event_id, event>::iterator it)
{
	auto due = events.extract(it);

	if (due.key().first > clock_ns)
		clock_ns = due.key().first;
	if (due.mapped().from == source::program)
		due.mapped().run();
	else
		softirq(due.mapped().run);
}

/* The first event that is due by `limit`. */
bool run_first_event(edu_u64 limit)
{
	if (events.empty() || events.begin()->first.first > limit)
		return false;
	run_event(events.begin());
	return true;
}

/* The first event that may interrupt a system call now. */
bool interrupt()
{
	for (auto it = events.begin(); it != events.end() && it->first.first <= clock_ns; ++it) {
		if (it->second.from == source::program ||
		    (it->second.from == source::cable && !cables_are_eager()))
			continue;
		run_event(it);
		return true;
	}
	return false;
}

bool step(edu_u64 limit)
{
	if (!callbacks.empty() && !in_rcu()) {
		grace_period();
		return true;
	}
	return run_first_event(limit) || run_work();
}

template <typename T>
void complain_of(const std::map<const void *, T *> &objects, const void *memory, std::size_t size,
		 const char *what)
{
	auto it = objects.lower_bound(memory);
	auto *end = static_cast<const std::uint8_t *>(memory) + size;

	if (it != objects.end() && it->first < static_cast<const void *>(end))
		fault("memory freed with %s in it", what);
}

} // namespace

event_id at(edu_u64 when_ns, source from, std::function<void()> run)
{
	event_id id{when_ns, ++sequence};

	events.emplace(id, event{std::move(run), from});
	return id;
}

event_id program_at(edu_u64 when_ns, std::function<void()> run)
{
	return at(when_ns, source::program, std::move(run));
}

void cancel(event_id id)
{
	events.erase(id);
}

bool in_softirq()
{
	return softirq_depth > 0;
}

void softirq(const std::function<void()> &fn)
{
	softirq_depth++;
	edu_k_rcu_read_lock();
	fn();
	assert_unlocked("a softirq returned");
	edu_k_rcu_read_unlock();
	softirq_depth--;
}

void preemption_point()
{
	if (bh_is_off() || !preempts())
		return;
	while (interrupt())
		;
	if (!in_rcu())
		grace_period();
}

void run_until(edu_u64 ns)
{
	assert_may_sleep("edu_t_run()");
	while (step(ns))
		;
	if (ns > clock_ns)
		clock_ns = ns;
}

bool sleep_until(edu_u64 limit_ns, const std::function<bool()> &done)
{
	assert_may_sleep("a system call that waits");
	while (!done())
		if (!step(limit_ns)) {
			clock_ns = std::max(clock_ns, limit_ns);
			return done();
		}
	return true;
}

void check_timers_in(const void *memory, std::size_t size)
{
	complain_of(armed, memory, size, "an armed timer");
	complain_of(waiting, memory, size, "a queued RCU callback");
}

unsigned int pending_timers()
{
	return static_cast<unsigned int>(armed.size() + works.size());
}

/* What a failed test left behind must not fire in the next one. */
void reset_clock()
{
	events.clear();
	armed.clear();
	waiting.clear();
	callbacks.clear();
	works.clear();
	clock_ns = start;
}

} // namespace hosted

using namespace hosted;

extern "C" {

edu_u64 edu_k_now_ms(void)
{
	return clock_ns / ms;
}

edu_u64 edu_k_now_ns(void)
{
	return clock_ns;
}

edu_u32 edu_k_time_of_day_ms(void)
{
	return static_cast<edu_u32>(clock_ns / ms % 86400000);
}

void edu_k_call_rcu(struct edu_rcu_head *head, void (*reclaim)(struct edu_rcu_head *head))
{
	head->reclaim = reclaim;
	if (!waiting.emplace(head, head).second)
		return fault("edu_k_call_rcu: the head is queued already");
	callbacks.push_back(head);
}

void edu_k_synchronize_rcu(void)
{
	assert_may_sleep("edu_k_synchronize_rcu()");
	grace_period();
	preemption_point();
}

void edu_k_rcu_barrier(void)
{
	assert_may_sleep("edu_k_rcu_barrier()");
	grace_period();
}

void edu_k_timer_init(struct edu_timer *timer, void (*fire)(struct edu_timer *timer))
{
	if (armed.count(timer))
		fault("edu_k_timer_init: the timer is armed");
	*state_of(timer) = {};
	timer->fire = fire;
}

int edu_k_timer_set(struct edu_timer *timer, edu_u64 wait_ms)
{
	timer_state *state = state_of(timer);
	const int was_pending = state->when != 0;

	if (!timer->fire) {
		fault("edu_k_timer_set: the timer is not initialised");
		return 0;
	}
	if (was_pending)
		cancel({state->when, state->sequence});
	edu_u64 when = clock_ns + wait_ms * ms;
	event_id id = at(when, source::timer, [timer, state] {
		state->when = 0;
		armed.erase(timer);
		timer->fire(timer);
	});

	state->when = id.first;
	state->sequence = id.second;
	armed[timer] = timer;
	return was_pending;
}

int edu_k_timer_pending(const struct edu_timer *timer)
{
	return state_of(timer)->when != 0;
}

int edu_k_timer_cancel(struct edu_timer *timer)
{
	timer_state *state = state_of(timer);

	if (!state->when)
		return 0;
	cancel({state->when, state->sequence});
	state->when = 0;
	armed.erase(timer);
	return 1;
}

void edu_k_timer_cancel_sync(struct edu_timer *timer)
{
	assert_may_sleep("edu_k_timer_cancel_sync()");
	edu_k_timer_cancel(timer);
}

void edu_k_work_init(struct edu_work *work, void (*run)(struct edu_work *work))
{
	reinterpret_cast<work_state *>(work->storage)->queued = 0;
	work->run = run;
}

void edu_k_work_queue(struct edu_work *work)
{
	auto *state = reinterpret_cast<work_state *>(work->storage);

	if (!work->run)
		return fault("edu_k_work_queue: the work is not initialised");
	if (state->queued)
		return;
	state->queued = 1;
	works.push_back(work);
}

void edu_k_work_cancel_sync(struct edu_work *work)
{
	assert_may_sleep("edu_k_work_cancel_sync()");
	std::erase(works, work);
	reinterpret_cast<work_state *>(work->storage)->queued = 0;
}

void edu_t_run(edu_u32 for_ms)
{
	run_until(clock_ns + for_ms * ms);
}

/* Nothing else would wait here for who holds a lock. */
void edu_t_deliver(void)
{
	run_until(clock_ns);
}

} // extern "C"
