// SPDX-License-Identifier: GPL-2.0-only
/*
 * Spin locks, the RTNL and the read side of RCU, with the rules that lockdep would enforce.
 *
 * With one thread no lock is ever waited for; what is left of a lock is what it forbids. A lock
 * must be initialised, not taken twice, taken in the order of enum edu_lock_class, and given back
 * by who took it. While one is held, softirqs are off and nothing may sleep. The home's own locks,
 * those inside sockets, are outside of all of the core's.
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
	std::uint32_t order; /* as it was taken last, or a class of the core's behind home_lock */
	std::uint64_t held;
};
static_assert(sizeof(spinlock) == EDU_SIZEOF_SPINLOCK);

constexpr auto home_orders = static_cast<std::uint32_t>(home_lock::count);

std::vector<spinlock *> held_locks; /* in the order they were taken */
int rcu_depth;
int bh_depth; /* edu_k_local_bh_disable() */

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

void take_in_order(spinlock *l)
{
	if (l->held)
		fault("deadlock: lock of order %u taken twice", l->order);
	for (const spinlock *outer : held_locks)
		if (outer->order >= l->order)
			fault("lock order: %u taken inside %u", l->order, outer->order);
	take(l);
}

void give_back(spinlock *l)
{
	auto found = std::find(held_locks.begin(), held_locks.end(), l);

	if (found == held_locks.end())
		return fault("unlocking a lock of order %u that is not held", l->order);
	held_locks.erase(found);
	l->held = 0;
	preemption_point();
}

} // namespace

void assert_unlocked(const char *what)
{
	if (!held_locks.empty())
		fault("%s with a spin lock of order %u held", what, held_locks.back()->order);
}

void assert_only_socks_locked(const char *what)
{
	for (const spinlock *l : held_locks)
		if (l->order > static_cast<std::uint32_t>(home_lock::sock_nested))
			fault("%s with a spin lock of order %u held", what, l->order);
}

void home_lock_init(edu_spinlock *lock)
{
	*reinterpret_cast<spinlock *>(lock->storage) = {spinlock::initialised, 0, 0};
}

void home_lock_take(edu_spinlock *lock, home_lock order)
{
	spinlock *l = checked(lock, "a lock of a socket");

	if (!l->held)
		l->order = static_cast<std::uint32_t>(order);
	take_in_order(l);
}

void home_lock_release(edu_spinlock *lock)
{
	give_back(checked(lock, "a lock of a socket"));
}

bool is_held(const edu_spinlock *lock)
{
	return reinterpret_cast<const spinlock *>(lock->storage)->held;
}

bool bh_is_off()
{
	return bh_depth || holds_spinlock() || in_softirq();
}

void assert_may_sleep(const char *what)
{
	assert_unlocked(what);
	if (rcu_depth)
		fault("%s in an RCU read-side section", what);
	if (bh_depth)
		fault("%s with softirqs off", what);
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
			fault("memory freed with a held lock of order %u in it", l->order);
	}
}

} // namespace hosted

using namespace hosted;

extern "C" {

void edu_k_spin_init(struct edu_spinlock *lock, enum edu_lock_class lock_class)
{
	*reinterpret_cast<spinlock *>(lock->storage) = {spinlock::initialised,
							home_orders + lock_class, 0};
}

void edu_k_spin_lock(struct edu_spinlock *lock)
{
	take_in_order(checked(lock, "edu_k_spin_lock"));
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
	give_back(checked(lock, "edu_k_spin_unlock"));
}

void edu_k_local_bh_disable(void)
{
	bh_depth++;
}

void edu_k_local_bh_enable(void)
{
	if (bh_depth-- == 0)
		fault("edu_k_local_bh_enable() without edu_k_local_bh_disable()");
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
	if (!rcu_depth && !bh_is_off())
		fault("an RCU read-side section is needed");
}

} // extern "C"
