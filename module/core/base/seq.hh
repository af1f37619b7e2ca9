// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sequence numbers: 32-bit numbers that wrap, compared by which comes first.
 *
 * TLK: "every message is numbered" under TCP. Requirements: TCP-4, TCP-5, TCP-12.
 * RFC 9293 3.4 (arithmetic modulo 2^32), in full; REC-1.
 *
 * a < b means that b lies less than 2^31 ahead of a. That is no total order (a circle has
 * none), which is why there is no <=> here and why these numbers must not be sorted.
 *
 * Locking: none. It is a value.
 */
#pragma once

#include "base/endian.hh"

namespace edu {

class seq32 {
public:
	constexpr seq32() = default;
	constexpr explicit seq32(u32 number) : number_{number} {}

	constexpr u32 raw() const { return number_; }

	friend constexpr bool operator==(seq32, seq32) = default;
	friend constexpr bool operator<(seq32 a, seq32 b) { return a - b < 0; }
	friend constexpr bool operator>(seq32 a, seq32 b) { return b < a; }
	friend constexpr bool operator<=(seq32 a, seq32 b) { return !(b < a); }
	friend constexpr bool operator>=(seq32 a, seq32 b) { return !(a < b); }

	friend constexpr seq32 operator+(seq32 a, u32 octets) { return seq32{a.number_ + octets}; }
	friend constexpr seq32 operator-(seq32 a, u32 octets) { return seq32{a.number_ - octets}; }
	constexpr seq32 &operator+=(u32 octets) { return *this = *this + octets; }
	constexpr seq32 &operator-=(u32 octets) { return *this = *this - octets; }
	constexpr seq32 &operator++() { return *this += 1; }

	/* How far @a is ahead of @b; negative when behind. */
	friend constexpr s32 operator-(seq32 a, seq32 b)
	{
		return static_cast<s32>(a.number_ - b.number_);
	}

	/* Is it one of the @length numbers from @start on? Any length up to 2^32 - 1. */
	constexpr bool in_window(seq32 start, u32 length) const
	{
		return number_ - start.number_ < length;
	}

	static constexpr seq32 later(seq32 a, seq32 b) { return a < b ? b : a; }
	static constexpr seq32 earlier(seq32 a, seq32 b) { return a < b ? a : b; }

private:
	u32 number_ = 0;
};

static_assert(seq32{0xffffffff} < seq32{0} && seq32{5} - seq32{0xfffffffe} == 7);

} // namespace edu
