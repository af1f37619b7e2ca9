// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small atomics: single accesses, counters, reference counts.
 *
 * <atomic> does not compile in the kernel, so these stand on the compiler's built-ins, which
 * give the same instructions in both homes and which the hosted thread sanitizer understands.
 * Names say the ordering: without a suffix an operation is relaxed when it only counts, and
 * _acquire or _release where another thread's data depends on it.
 *
 * Locking: these are what is used where there is no lock; each type says what it orders.
 */
#pragma once

#include "base/endian.hh"

namespace edu {

/*
 * One untorn load or store of a word that others access at the same time. Orders nothing.
 * The built-ins without _n take any type: clang's others refuse an enumeration.
 */
template <typename T>
inline T read_once(const T &word)
{
	static_assert(std::is_scalar_v<T> && sizeof(T) <= sizeof(void *));
	T v;
	__atomic_load(&word, &v, __ATOMIC_RELAXED);
	return v;
}

template <typename T>
inline void write_once(T &word, std::type_identity_t<T> v)
{
	static_assert(std::is_scalar_v<T> && sizeof(T) <= sizeof(void *));
	__atomic_store(&word, &v, __ATOMIC_RELAXED);
}

/* A word that several threads change. */
template <typename T>
class atomic {
	static_assert(std::is_scalar_v<T> && sizeof(T) <= sizeof(void *));

public:
	constexpr atomic() = default;
	constexpr explicit atomic(T v) : word_{v} {}
	atomic(const atomic &) = delete;
	atomic &operator=(const atomic &) = delete;

	T load() const { return __atomic_load_n(&word_, __ATOMIC_RELAXED); }
	T load_acquire() const { return __atomic_load_n(&word_, __ATOMIC_ACQUIRE); }
	void store(T v) { __atomic_store_n(&word_, v, __ATOMIC_RELAXED); }
	void store_release(T v) { __atomic_store_n(&word_, v, __ATOMIC_RELEASE); }

	/* Fully ordered; each returns the value before. */
	T exchange(T v) { return __atomic_exchange_n(&word_, v, __ATOMIC_SEQ_CST); }
	T fetch_add(T n) { return __atomic_fetch_add(&word_, n, __ATOMIC_SEQ_CST); }
	T fetch_sub(T n) { return __atomic_fetch_sub(&word_, n, __ATOMIC_SEQ_CST); }
	T fetch_or(T bits) { return __atomic_fetch_or(&word_, bits, __ATOMIC_SEQ_CST); }
	T fetch_and(T bits) { return __atomic_fetch_and(&word_, bits, __ATOMIC_SEQ_CST); }

	/* Stores @wanted if the word is @expected; otherwise tells in @expected what it is. */
	bool compare_exchange(T &expected, T wanted)
	{
		return __atomic_compare_exchange_n(&word_, &expected, wanted, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	}

private:
	T word_{};
};

/* Counts events for people to read: never lost, ordered with nothing, wraps. */
class relaxed_counter {
public:
	constexpr relaxed_counter() = default;
	relaxed_counter(const relaxed_counter &) = delete;
	relaxed_counter &operator=(const relaxed_counter &) = delete;

	void add(u64 n) { __atomic_fetch_add(&count_, n, __ATOMIC_RELAXED); }
	void inc() { add(1); }
	u64 load() const { return __atomic_load_n(&count_, __ATOMIC_RELAXED); }
	void reset() { __atomic_store_n(&count_, u64{0}, __ATOMIC_RELAXED); }

private:
	u64 count_ = 0;
};

/*
 * How many hold an object; it is born held once.
 *
 * A count that would wrap, or that is used after it reached zero, sticks at a huge value
 * instead: the object leaks, which is a bug one can live with, where a use after free is one
 * an attacker lives on. Dropping the last reference sees everything the other holders wrote.
 */
class ref_count {
public:
	constexpr ref_count() = default;
	constexpr explicit ref_count(s32 n) : count_{n} {}
	ref_count(const ref_count &) = delete;
	ref_count &operator=(const ref_count &) = delete;

	/* Takes another reference; the caller already has one. */
	void inc()
	{
		s32 before = __atomic_fetch_add(&count_, 1, __ATOMIC_RELAXED);

		if (before <= 0 || before == max) [[unlikely]]
			saturate();
	}

	/* Takes a reference unless the object is dying: for what was found under RCU. */
	[[nodiscard]] bool inc_not_zero()
	{
		s32 before = load();

		do {
			if (before == 0)
				return false;
			if (before < 0 || before == max) [[unlikely]] {
				saturate();
				return true;
			}
		} while (!__atomic_compare_exchange_n(&count_, &before, before + 1, true,
						      __ATOMIC_RELAXED, __ATOMIC_RELAXED));
		return true;
	}

	/* Drops a reference; true for the one that was last, whose holder frees the object. */
	[[nodiscard]] bool dec_and_test()
	{
		s32 before = __atomic_fetch_sub(&count_, 1, __ATOMIC_ACQ_REL);

		if (before == 1)
			return true;
		if (before <= 0) [[unlikely]]
			saturate();
		return false;
	}

	s32 load() const { return __atomic_load_n(&count_, __ATOMIC_RELAXED); }
	bool is_saturated() const { return load() < 0; }

private:
	static constexpr s32 max = std::numeric_limits<s32>::max();

	/* Halfway into the negatives: far from zero on both sides, whoever races. */
	static constexpr s32 stuck = std::numeric_limits<s32>::min() / 2;

	void saturate() { __atomic_store_n(&count_, stuck, __ATOMIC_RELAXED); }

	s32 count_ = 1;
};

} // namespace edu
