// SPDX-License-Identifier: GPL-2.0-only
/*
 * A routing table like the public Internet's, and addresses to look up in it; the same for every
 * program and every run.
 *
 * Lengths: of a million prefixes 62 % are /24 and nearly all others /16 to /23, a few thousand are
 * shorter, 300 longer (the shape of the tables that route collectors publish). Addresses: three
 * quarters of the /16s between 1.0.0.0 and 223.255.255.255 have prefixes, the rest none; private and
 * loopback networks are left out. Requirement ROUTE-2.
 */
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <unordered_set>
#include <vector>

namespace prefixes {

struct prefix {
	std::uint32_t address; /* host order */
	std::uint8_t length;
};

/* Prefixes of each length in a table of a million; what is missing to it is /24. */
inline constexpr unsigned int of_length[33] = {0,     0,      0,      0,    0,	   0,	  0,
					       0,     16,     13,     40,   100,   300,	  600,
					       1200,  2000,   13500,  8000, 14000, 25000, 44000,
					       50000, 110000, 100000, 0,    80,	   50,	  40,
					       40,    40,     20,     0,    30};

class generator {
public:
	explicit generator(std::uint64_t seed = 1996) : chance_{seed}
	{
		for (std::uint32_t block = 0x0100; block < 0xe000; block++)
			if (!is_private(block) && chance_() % 4)
				blocks_.push_back(block);
	}

	std::vector<prefix> table(std::size_t count)
	{
		std::vector<prefix> all;
		std::unordered_set<std::uint64_t> seen;

		all.reserve(count);
		while (all.size() < count) {
			prefix one{};

			one.length = length();
			one.address = address() & ~std::uint32_t{0} << (32 - one.length);
			if (is_private(one.address >> 16) || one.address >> 24 == 0)
				continue; /* a short one may begin there */
			if (seen.insert(std::uint64_t{one.address} << 8 | one.length).second)
				all.push_back(one);
		}
		return all;
	}

	/* Addresses anywhere in unicast space: about a quarter of them have no route. */
	std::vector<std::uint32_t> uniform(std::size_t count)
	{
		return make(count, [&] {
			return 0x01000000 + static_cast<std::uint32_t>(chance_() % 0xdf000000);
		});
	}

	/* Addresses in networks that have routes, the n-th of them 1/n as often as the first. */
	std::vector<std::uint32_t> zipf(std::size_t count, const std::vector<prefix> &table)
	{
		double most = std::log(static_cast<double>(table.size()));

		return make(count, [&] {
			double u = static_cast<double>(chance_() >> 11) * 0x1p-53;
			auto rank = static_cast<std::size_t>(std::exp(u * most)) - 1;
			const prefix &one = table[rank * 2654435761u % table.size()];
			auto inside = static_cast<std::uint32_t>(chance_());

			return one.address | (inside & ~(~std::uint32_t{0} << (32 - one.length)));
		});
	}

	/* Addresses no prefix of the table covers: 225/8 is not in it. */
	std::vector<std::uint32_t> misses(std::size_t count)
	{
		return make(count, [&] {
			return 0xe1000000 | (static_cast<std::uint32_t>(chance_()) & 0xffffff);
		});
	}

private:
	static bool is_private(std::uint32_t block)
	{
		return block >> 8 == 10 || block >> 8 == 127 || block == 0xa9fe ||
		       block == 0xc0a8 || block >> 4 == 0xac1;
	}

	std::uint32_t address()
	{
		return blocks_[chance_() % blocks_.size()] << 16 |
		       (static_cast<std::uint32_t>(chance_()) & 0xffff);
	}

	std::uint8_t length()
	{
		auto left = static_cast<std::int64_t>(chance_() % 1000000);

		for (std::uint8_t n = 8; n <= 32; n++)
			if ((left -= of_length[n]) < 0)
				return n;
		return 24;
	}

	template <typename one>
	static std::vector<std::uint32_t> make(std::size_t count, one next)
	{
		std::vector<std::uint32_t> all(count);

		for (std::uint32_t &address : all)
			address = next();
		return all;
	}

	std::mt19937_64 chance_;
	std::vector<std::uint32_t> blocks_;
};

} // namespace prefixes
