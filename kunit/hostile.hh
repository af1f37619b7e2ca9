// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile input for the tests of wire/: packets cut short and packets damaged.
 *
 * Each packet is put at the very end of a buffer, so that a read past the packet is a read past
 * the buffer, which the sanitizers of both homes report.
 *
 * Locking: none. Tests run one after the other.
 */
#pragma once

#include "test.hh"

namespace edu::test {

/* What the octets of a test should be when it does not matter: the same on every run. */
class chance {
public:
	constexpr explicit chance(u32 seed) : state_{seed} {}

	/* Marsaglia's xorshift; @seed is not 0. */
	constexpr u32 next()
	{
		state_ ^= state_ << 13;
		state_ ^= state_ >> 17;
		state_ ^= state_ << 5;
		return state_;
	}
	constexpr u32 below(u32 limit) { return next() % limit; }
	constexpr void fill(mutable_bytes out)
	{
		for (u8 &octet : out)
			octet = static_cast<u8>(next() >> 11);
	}

private:
	u32 state_;
};

/* A packet of up to 128 octets that ends where its memory ends. */
class tight_packet {
public:
	explicit tight_packet(bytes packet) : size_{packet.size()} { copy_bytes(start(), packet); }

	mutable_bytes octets() { return {start(), size_}; }
	operator bytes() { return octets(); }

private:
	u8 *start() { return memory_ + sizeof(memory_) - size_; }

	size_t size_;
	u8 memory_[128];
};

/* Calls @look with every proper prefix of @packet, the empty one first. */
template <typename function>
void each_truncation(bytes packet, function look)
{
	for (size_t length = 0; length < packet.size(); length++) {
		tight_packet cut{packet.first(length)};

		look(bytes{cut});
	}
}

/* Calls @look @times with @packet cut somewhere and some octets of it changed. */
template <typename function>
void each_mutation(bytes packet, int times, function look)
{
	chance dice{0x2545f491};

	while (times--) {
		tight_packet bad{packet.first(dice.below(static_cast<u32>(packet.size()) + 1))};

		for (u32 hits = dice.below(4); hits && !bad.octets().empty(); hits--)
			bad.octets()[dice.below(static_cast<u32>(bad.octets().size()))] =
				static_cast<u8>(dice.next() >> 7);
		look(bytes{bad});
	}
}

/* Keeps the compiler from leaving out a read whose result nobody needs. */
template <typename T>
void touch(const T &v)
{
	asm volatile("" : : "g"(&v) : "memory");
}

/* Reads every octet, so that a span that is too long is seen. */
inline void touch_all(bytes data)
{
	u32 sum = 0;

	for (u8 octet : data)
		sum += octet;
	touch(sum);
}

} // namespace edu::test
