// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spin locks, the RTNL and the read side of RCU, with the rules that lockdep would enforce.
 *
 * With one thread no lock is ever waited for; what is left of a lock is what it forbids. A lock
 * must be initialised, not taken twice, taken in the order of enum edu_lock_class, and given back
 * by who took it. While one is held, softirqs are off and nothing may sleep.
 *
 * Locking: this is it.
 */
#include "home.hh"

#include <algorithm>

namespace hosted {
namespace {

/* What lies in an edu_spinlock's storage. */
struct spinlock {
	static constexpr std::uint32_t initialised = 0x10c4edu;

	std::uint32_t magic;
	std::uint32_t lock_class;
	std::uint64_t held;
};
static_assert(sizeof(spinlock) == EDU_SIZEOF_SPINLOCK);

std::vector<spinlock *> held_locks; /* in the order they were taken */
int rcu_depth;

spinlock *checked(edu_spinlock *lock, const char *what)
{
	auto *l = reinterpret_cast<spinlock *>(lock->storage);

	if (l->magic != spinlock::initialised)
		fault("%s: the lock is not initialised", what);
	return l;
}

void take(spinlock *l)
{
	l->held = 1;
	held_locks.push_back(l);
}

} // namespace

void assert_unlocked(const char *what)
{
	if (!held_locks.empty())
		fault("%s with a spin lock of class %u held", what, held_locks.back()->lock_class);
}

void assert_may_sleep(const char *what)
{
	assert_unlocked(what);
	if (rcu_depth)
		fault("%s in an RCU read-side section", what);
	if (in_softirq())
		fault("%s in a softirq", what);
}

bool holds_spinlock()
{
	return !held_locks.empty();
}

bool in_rcu()
{
	return rcu_depth > 0;
}

void check_locks_in(const void *memory, std::size_t size)
{
	auto *from = static_cast<const std::uint8_t *>(memory);

	for (const spinlock *l : held_locks) {
		auto *at = reinterpret_cast<const std::uint8_t *>(l);

		if (at >= from && at < from + size)
			fault("memory freed with a held lock of class %u in it", l->lock_class);
	}
}

} // namespace hosted

using namespace hosted;

extern "C" {

void edu_k_spin_init(struct edu_spinlock *lock, enum edu_lock_class lock_class)
{
	*reinterpret_cast<spinlock *>(lock->storage) = {spinlock::initialised, lock_class, 0};
}

void edu_k_spin_lock(struct edu_spinlock *lock)
{
	spinlock *l = checked(lock, "edu_k_spin_lock");

	if (l->held)
		fault("deadlock: lock of class %u taken twice", l->lock_class);
	for (const spinlock *outer : held_locks)
		if (outer->lock_class >= l->lock_class)
			fault("lock order: class %u taken inside class %u", l->lock_class,
			      outer->lock_class);
	take(l);
}

int edu_k_spin_trylock(struct edu_spinlock *lock)
{
	spinlock *l = checked(lock, "edu_k_spin_trylock");

	if (l->held)
		return 0;
	take(l);
	return 1;
}

void edu_k_spin_unlock(struct edu_spinlock *lock)
{
	spinlock *l = checked(lock, "edu_k_spin_unlock");
	auto found = std::find(held_locks.begin(), held_locks.end(), l);

	if (found == held_locks.end())
		return fault("unlocking a lock of class %u that is not held", l->lock_class);
	held_locks.erase(found);
	l->held = 0;
	preemption_point();
}

void edu_k_assert_spin_locked(struct edu_spinlock *lock)
{
	if (!checked(lock, "edu_k_assert_spin_locked")->held)
		fault("a lock that must be held is not");
}

void edu_k_assert_rtnl(void)
{
	if (!rtnl_depth)
		fault("the RTNL must be held and is not");
}

void edu_k_rtnl_lock(void)
{
	edu_t_rtnl_lock();
}

void edu_k_rtnl_unlock(void)
{
	edu_t_rtnl_unlock();
}

void edu_t_rtnl_lock(void)
{
	assert_may_sleep("rtnl_lock()");
	if (rtnl_depth++)
		fault("the RTNL taken twice");
}

void edu_t_rtnl_unlock(void)
{
	rtnl_depth--;
	preemption_point();
}

void edu_k_rcu_read_lock(void)
{
	rcu_depth++;
}

void edu_k_rcu_read_unlock(void)
{
	if (rcu_depth-- == 0)
		fault("rcu_read_unlock() without rcu_read_lock()");
	preemption_point();
}

void edu_k_assert_rcu(void)
{
	if (!rcu_depth)
		fault("an RCU read-side section is needed");
}

} // extern "C"
