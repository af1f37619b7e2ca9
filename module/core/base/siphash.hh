// SPDX-License-Identifier: GPL-2.0-only
/*
 * SipHash: a hash with a secret key, for tables that an outsider can fill.
 *
 * TLK's hashes are sums of ports and addresses; whoever knows them can send packets that all
 * fall into one bucket. Requirements: UDP-1, TCP-4 (RFC 6528's secret function), TCP-9.
 * Aumasson and Bernstein, "SipHash: a fast short-input PRF" (2012): any c and d.
 *
 * siphash13 (one round a word, three to finish) is for hash tables, where an attacker sees at
 * most timing; siphash24 is for numbers he sees, such as initial sequence numbers and cookies.
 *
 * Locking: none. The key is written once, before the table it seeds is reachable.
 */
#pragma once

#include "base/endian.hh"

namespace edu {

/* 128 secret bits, from the bridge's random source. */
struct siphash_key {
	u64 k0 = 0;
	u64 k1 = 0;
};

namespace detail {

template <int compression_rounds, int final_rounds>
class siphash_state {
public:
	constexpr explicit siphash_state(siphash_key key)
		: v0_{key.k0 ^ 0x736f6d6570736575},
		  v1_{key.k1 ^ 0x646f72616e646f6d},
		  v2_{key.k0 ^ 0x6c7967656e657261},
		  v3_{key.k1 ^ 0x7465646279746573}
	{
	}

	constexpr void absorb(u64 word)
	{
		v3_ ^= word;
		for (int i = 0; i < compression_rounds; i++)
			round();
		v0_ ^= word;
	}

	constexpr u64 finish()
	{
		v2_ ^= 0xff;
		for (int i = 0; i < final_rounds; i++)
			round();
		return v0_ ^ v1_ ^ v2_ ^ v3_;
	}

private:
	constexpr void round()
	{
		v0_ += v1_;
		v1_ = std::rotl(v1_, 13) ^ v0_;
		v0_ = std::rotl(v0_, 32);
		v2_ += v3_;
		v3_ = std::rotl(v3_, 16) ^ v2_;
		v0_ += v3_;
		v3_ = std::rotl(v3_, 21) ^ v0_;
		v2_ += v1_;
		v1_ = std::rotl(v1_, 17) ^ v2_;
		v2_ = std::rotl(v2_, 32);
	}

	u64 v0_, v1_, v2_, v3_;
};

} // namespace detail

/* The hash of octets of any length. */
template <int c, int d>
constexpr u64 siphash(siphash_key key, bytes data)
{
	detail::siphash_state<c, d> state{key};
	u64 last = u64{data.size()} << 56;
	size_t i = 0;

	for (; i + 8 <= data.size(); i += 8) {
		u64 word = 0;

		for (size_t j = 0; j < 8; j++)
			word |= u64{data[i + j]} << (8 * j);
		state.absorb(word);
	}
	for (size_t j = 0; i + j < data.size(); j++)
		last |= u64{data[i + j]} << (8 * j);
	state.absorb(last);
	return state.finish();
}

/*
 * The hash of up to four 32-bit words: addresses and ports. Equal to siphash() of the words'
 * octets, least significant first, without putting them into memory.
 */
template <int c, int d>
constexpr u64 siphash_words(siphash_key key, std::same_as<u32> auto... words)
{
	constexpr size_t count = sizeof...(words);
	static_assert(count >= 1 && count <= 4);
	const u32 word[] = {words...};
	detail::siphash_state<c, d> state{key};
	u64 last = u64{4 * count} << 56;

	for (size_t i = 0; i + 2 <= count; i += 2)
		state.absorb(word[i] | u64{word[i + 1]} << 32);
	if constexpr (count % 2)
		last |= word[count - 1];
	state.absorb(last);
	return state.finish();
}

constexpr u64 siphash13(siphash_key key, std::same_as<u32> auto... words)
{
	return siphash_words<1, 3>(key, words...);
}

constexpr u64 siphash24(siphash_key key, std::same_as<u32> auto... words)
{
	return siphash_words<2, 4>(key, words...);
}

/* The paper's appendix A: key 00 01 .. 0f, input 00 01 .. 0e. */
static_assert([] {
	u8 input[15] = {};

	for (u8 i = 0; i < 15; i++)
		input[i] = i;
	return siphash<2, 4>({0x0706050403020100, 0x0f0e0d0c0b0a0908}, input) == 0xa129ca6149be45e5;
}());

} // namespace edu
