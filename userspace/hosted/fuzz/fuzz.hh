// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the fuzz targets share: a property that stops the fuzzer when it does not hold.
 *
 * libFuzzer hands each input over in a block of exactly its size, so AddressSanitizer sees the
 * first octet a parser reads past the end. What is tested beyond that is said by require().
 *
 * Requirements: OVER-3 and every other that has hostile input. Locking: none.
 */
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

namespace fuzz {

/* Stops the run: the fuzzer then keeps the input. */
inline void require(bool holds)
{
	if (!holds)
		__builtin_trap();
}

/* Reads every octet of a span. */
template <typename span>
inline unsigned int touch(const span &octets)
{
	volatile unsigned int sum = 0;

	for (auto octet : octets)
		sum = sum + octet;
	return sum;
}

} // namespace fuzz
