// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counted references to shared objects: interfaces, routes, fib_infos, ARP entries.
 *
 * TLK counts by hand ("reference count" of an rtable, ROUTE-7); a ref<T> counts by existing. T has
 * a member `refs` of type ref_count and a function release(T *) found by argument, called with the
 * last reference gone; it frees after a grace period when T is looked up under RCU.
 *
 * Locking: none; the counts are atomic. A ref<T> itself is held by one at a time.
 */
#pragma once

#include "base/atomic.hh"
#include "base/memory.hh"

namespace edu {

template <typename T>
class ref {
public:
	constexpr ref() = default;
	ref(std::nullptr_t) {}
	ref(ref &&other) : object_{other.detach()} {}
	ref(const ref &other) : object_{other.object_}
	{
		if (object_)
			object_->refs.inc();
	}
	ref &operator=(ref other)
	{
		std::swap(object_, other.object_);
		return *this;
	}
	~ref()
	{
		if (object_ && object_->refs.dec_and_test())
			release(object_);
	}

	/* Takes over a reference the caller holds (a new object's first one). */
	[[nodiscard]] static ref adopt(T *object)
	{
		ref r;

		r.object_ = object;
		return r;
	}

	/* One more reference to an object the caller knows to be alive. */
	[[nodiscard]] static ref share(T *object)
	{
		if (object)
			object->refs.inc();
		return adopt(object);
	}

	/* A reference to what was found under RCU, or none if it is dying. */
	[[nodiscard]] static ref try_share(T *object)
	{
		return adopt(object && object->refs.inc_not_zero() ? object : nullptr);
	}

	T *get() const { return object_; }
	T *operator->() const { return object_; }
	T &operator*() const { return *object_; }
	explicit operator bool() const { return object_; }

	/* Gives the reference up without dropping it: for a pointer that C or an rcu_ptr will hold. */
	[[nodiscard]] T *detach() { return std::exchange(object_, nullptr); }

private:
	T *object_ = nullptr;
};

} // namespace edu
