// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guards: a lock is held for as long as its guard lives.
 *
 * TLK leaves locking out (one processor, interrupts off); here every table is met by several
 * processors at once. Which lock guards what, and in which order they nest, is told in
 * Documentation/locking.rst; enum edu_lock_class in bridge.h has the order for lockdep.
 */
#pragma once

#include "base/memory.hh"

namespace edu {

/* A spin lock; taken with softirqs off in every context. Zeroed memory is not yet a lock: init(). */
class spinlock {
public:
	spinlock() = default;
	explicit spinlock(edu_lock_class which) { init(which); }
	spinlock(const spinlock &) = delete;
	spinlock &operator=(const spinlock &) = delete;

	void init(edu_lock_class which) { edu_k_spin_init(&lock_, which); }
	void lock() { edu_k_spin_lock(&lock_); }
	bool try_lock() { return edu_k_spin_trylock(&lock_); }
	void unlock() { edu_k_spin_unlock(&lock_); }
	void assert_held() { edu_k_assert_spin_locked(&lock_); }

private:
	edu_spinlock lock_;
};

class [[nodiscard]] spin_guard {
public:
	explicit spin_guard(spinlock &lock) : lock_{lock} { lock_.lock(); }
	~spin_guard() { lock_.unlock(); }
	spin_guard(const spin_guard &) = delete;
	spin_guard &operator=(const spin_guard &) = delete;

private:
	spinlock &lock_;
};

/* Takes the lock only if nobody has it: for work that can be left undone (moving to the front). */
class [[nodiscard]] try_guard {
public:
	explicit try_guard(spinlock &lock) : lock_{lock}, held_{lock.try_lock()} {}
	~try_guard()
	{
		if (held_)
			lock_.unlock();
	}
	try_guard(const try_guard &) = delete;
	try_guard &operator=(const try_guard &) = delete;
	explicit operator bool() const { return held_; }

private:
	spinlock &lock_;
	bool held_;
};

/* A read-side section: what was found by rcu_load() lives until the guard goes. Nests. */
class [[nodiscard]] rcu_guard {
public:
	rcu_guard() { edu_k_rcu_read_lock(); }
	~rcu_guard() { edu_k_rcu_read_unlock(); }
	rcu_guard(const rcu_guard &) = delete;
	rcu_guard &operator=(const rcu_guard &) = delete;
};

/* The RTNL, for the few calls of programs that configure the host; outside of every other lock. */
class [[nodiscard]] rtnl_guard {
public:
	explicit rtnl_guard(bool wanted) : held_{wanted}
	{
		if (held_)
			edu_k_rtnl_lock();
	}
	~rtnl_guard()
	{
		if (held_)
			edu_k_rtnl_unlock();
	}
	rtnl_guard(const rtnl_guard &) = delete;
	rtnl_guard &operator=(const rtnl_guard &) = delete;

private:
	bool held_;
};

/* The socket lock (TLK's `users`): sleeps; packets that come meanwhile wait in back_log. */
class [[nodiscard]] sock_guard {
public:
	explicit sock_guard(::sock *sk) : sk_{sk} { edu_k_lock_sock(sk_); }
	~sock_guard() { edu_k_release_sock(sk_); }
	sock_guard(const sock_guard &) = delete;
	sock_guard &operator=(const sock_guard &) = delete;

private:
	::sock *sk_;
};

} // namespace edu
