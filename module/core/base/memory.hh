// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocation: "new (gfp) T" that may fail, and owners that free.
 *
 * TLK takes kmalloc() for granted; in a kernel every allocation can fail, so the only way to make
 * an object here returns null when there is no memory, and the caller must look.
 * Requirements: IP-4 ("a failed allocation fails the send"), LAYER-3.
 *
 * Locking: none. An owner is held by one at a time.
 */
#pragma once

#include "base/result.hh"
#include "edu/bridge.h"

namespace edu {

/* May the allocation sleep? Atomic in softirqs and under any lock but the RTNL and a socket's. */
enum class gfp : unsigned int { kernel = EDU_GFP_KERNEL, atomic = EDU_GFP_ATOMIC };

} // namespace edu

/* Null when out of memory: callers check. Memory comes zeroed. */
inline void *operator new(std::size_t size, edu::gfp how) noexcept
{
	return edu_k_alloc(size, static_cast<unsigned int>(how));
}

inline void operator delete(void *memory, edu::gfp) noexcept
{
	edu_k_free(memory);
}

namespace edu {

/* Destroys and frees what "new (gfp) T" made. Null is allowed. */
template <typename T>
inline void destroy(T *object)
{
	if (!object)
		return;
	object->~T();
	edu_k_free(object);
}

/* Sole owner of an object; dropping it frees. */
template <typename T>
class owner {
public:
	constexpr owner() = default;
	explicit owner(T *object) : object_{object} {}
	owner(owner &&other) : object_{other.release()} {}
	owner &operator=(owner &&other)
	{
		if (this != &other) {
			destroy(object_);
			object_ = other.release();
		}
		return *this;
	}
	~owner() { destroy(object_); }

	T *get() const { return object_; }
	T *operator->() const { return object_; }
	T &operator*() const { return *object_; }
	explicit operator bool() const { return object_; }
	[[nodiscard]] T *release() { return std::exchange(object_, nullptr); }

private:
	T *object_ = nullptr;
};

/* An object of its own memory, or an owner of nothing when there is none. */
template <typename T, typename... arguments>
[[nodiscard]] inline owner<T> make(gfp how, arguments &&...args)
{
	return owner<T>{new (how) T(std::forward<arguments>(args)...)};
}

/*
 * Frees an object after a grace period, when no reader can stand on it any more. The object has a
 * member `rcu` of type edu_rcu_head. Any context.
 */
template <typename T>
inline void destroy_rcu(T *object)
{
	edu_k_call_rcu(&object->rcu, [](edu_rcu_head *head) {
		destroy(reinterpret_cast<T *>(reinterpret_cast<char *>(head) - offsetof(T, rcu)));
	});
}

} // namespace edu
