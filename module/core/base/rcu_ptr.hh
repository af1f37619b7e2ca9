// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pointers that readers follow without a lock.
 *
 * A writer fills an object and then publishes it; a reader that sees the pointer sees the
 * object filled. Freeing waits for the readers: that is the bridge's RCU, not this file's.
 *
 * Locking: readers hold the RCU read side; writers hold the lock of what owns the pointer.
 */
#pragma once

#include "base/endian.hh"

namespace edu {

/*
 * Follows a published pointer. The load is a "consume": what is read through the pointer is
 * ordered after it. The compiler makes that an acquire, which on x86 costs nothing.
 */
template <typename T>
inline T *rcu_load(T *const &pointer)
{
	return __atomic_load_n(&pointer, __ATOMIC_CONSUME);
}

/* Makes @object visible to readers, with everything written to it before. */
template <typename T>
inline void rcu_publish(T *&pointer, std::type_identity_t<T> *object)
{
	__atomic_store_n(&pointer, object, __ATOMIC_RELEASE);
}

/* A published pointer as a member. */
template <typename T>
class rcu_ptr {
public:
	constexpr rcu_ptr() = default;
	constexpr explicit rcu_ptr(T *object) : pointer_{object} {}
	rcu_ptr(const rcu_ptr &) = delete;
	rcu_ptr &operator=(const rcu_ptr &) = delete;

	/* For readers; the object lives until they leave the read side. */
	T *load() const { return rcu_load(pointer_); }

	/* For writers, under their lock, for whom the pointer does not change. */
	T *load_locked() const { return __atomic_load_n(&pointer_, __ATOMIC_RELAXED); }
	void publish(T *object) { rcu_publish(pointer_, object); }

	/* Publishes @object and returns the one before, to be freed after a grace period. */
	[[nodiscard]] T *replace(T *object)
	{
		return __atomic_exchange_n(&pointer_, object, __ATOMIC_ACQ_REL);
	}

private:
	T *pointer_ = nullptr;
};

} // namespace edu
