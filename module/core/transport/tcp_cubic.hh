// SPDX-License-Identifier: GPL-2.0-only
/*
 * CUBIC's arithmetic, in integers: octets and milliseconds (RFC 9438 4.2).
 *
 * Requirement: TCP-12.
 *
 * Locking: none. Everything is a value.
 */
#pragma once

#include "base/endian.hh"

namespace edu {

/* The largest number whose cube is not greater. Digit by digit. */
constexpr u32 cube_root(u64 cube)
{
	u64 root = 0;

	for (u64 bit = u64{1} << 21; bit; bit >>= 1) {
		const u64 next = root | bit;

		if (next <= 2642245 && next * next * next <= cube) /* the cube fits 64 bits */
			root = next;
	}
	return static_cast<u32>(root);
}

/* K: from a loss until the curve reaches W_max again, milliseconds. missing: W_max - cwnd, octets (less
 * than 2^31). K^3 = missing / C, with C = 0.4 segments per second^3. */
constexpr u32 cubic_k_ms(u32 missing, u32 mss)
{
	constexpr u64 ms3_for_segment = 2500000000; /* 1 / 0.4 s^3 */

	return cube_root(missing * ms3_for_segment / mss);
}

/* W(t), octets; not below 0, nor above 2^30, the largest window there is. */
constexpr u32 cubic_window(u64 t_ms, u32 k_ms, u32 w_max, u32 mss)
{
	constexpr u64 far = 1 << 19, most = 1 << 30; /* far: 524 s, when it is above any window */
	const u64 from_k = t_ms > k_ms ? t_ms - k_ms : k_ms - t_ms;
	const u64 d = from_k < far ? from_k : far;
	/* 0.4 * d^3 / 10^9 segments */
	const u64 octets = d * d * d / 1000 * mss / 2500000;

	if (t_ms < k_ms)
		return octets < w_max ? static_cast<u32>(w_max - octets) : 0;
	return w_max + octets < most ? static_cast<u32>(w_max + octets) : static_cast<u32>(most);
}

static_assert(cube_root(0) == 0 && cube_root(7) == 1 && cube_root(8) == 2);
static_assert(cube_root(0xffffffffffffffff) == 2642245);

} // namespace edu
