// SPDX-License-Identifier: GPL-2.0-only
/*
 * Integers: their short names, and numbers in network byte order.
 *
 * TLK: every header of "TCP/IP network layers" is made of these. Requirements: OVER-1, OVER-3.
 * RFC 791 appendix B (order of transmission), in full.
 *
 * A be16 or be32 is a value that lies in memory as it lies on the wire. It is made from a host
 * number explicitly and read by host() explicitly, so a forgotten htons() does not compile.
 * Headers are not mapped as structs: load_be16() and its like take the octets one by one, need
 * no alignment, work in constant expressions, and compile to one load and one bswap.
 *
 * Locking: none. Everything is a value.
 */
#pragma once

#include "edu/std.hh"

namespace edu {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using s8 = std::int8_t;
using s16 = std::int16_t;
using s32 = std::int32_t;
using s64 = std::int64_t;
using size_t = std::size_t;

/* Octets somebody else owns. */
using bytes = std::span<const u8>;
using mutable_bytes = std::span<u8>;

/* The number with its octets in the opposite order. */
template <std::unsigned_integral uint>
constexpr uint byte_swap(uint v)
{
	if constexpr (sizeof(uint) == 1)
		return v;
	else if constexpr (sizeof(uint) == 2)
		return __builtin_bswap16(v);
	else if constexpr (sizeof(uint) == 4)
		return __builtin_bswap32(v);
	else
		return __builtin_bswap64(v);
}

/* Host order to network order or back: the same function, on either kind of machine. */
template <std::unsigned_integral uint>
constexpr uint network_order(uint v)
{
	if constexpr (std::endian::native == std::endian::little)
		return byte_swap(v);
	else
		return v;
}

/* An unsigned number in network byte order, as it lies in a header. */
template <std::unsigned_integral uint>
class big_endian {
public:
	constexpr big_endian() = default;
	constexpr explicit big_endian(uint host) : wire_{network_order(host)} {}

	/* For numbers that cross the bridge as the kernel's __be16 and __be32. */
	static constexpr big_endian from_raw(uint wire)
	{
		big_endian n;

		n.wire_ = wire;
		return n;
	}

	constexpr uint host() const { return network_order(wire_); }
	constexpr uint raw() const { return wire_; }

	friend constexpr bool operator==(big_endian, big_endian) = default;
	friend constexpr std::strong_ordering operator<=>(big_endian a, big_endian b)
	{
		return a.host() <=> b.host();
	}

	/* Bit by bit, masks need no conversion: "destination & netmask" is what routing does. */
	friend constexpr big_endian operator&(big_endian a, big_endian b)
	{
		return from_raw(static_cast<uint>(a.wire_ & b.wire_));
	}
	friend constexpr big_endian operator|(big_endian a, big_endian b)
	{
		return from_raw(static_cast<uint>(a.wire_ | b.wire_));
	}
	friend constexpr big_endian operator^(big_endian a, big_endian b)
	{
		return from_raw(static_cast<uint>(a.wire_ ^ b.wire_));
	}
	constexpr big_endian operator~() const { return from_raw(static_cast<uint>(~wire_)); }

private:
	uint wire_ = 0;
};

using be16 = big_endian<u16>;
using be32 = big_endian<u32>;
static_assert(sizeof(be16) == 2 && sizeof(be32) == 4);
static_assert(be16{0x1234}.host() == 0x1234 && be32{1} < be32{256});

/* Reads a number at any address; @p has at least sizeof(number) octets. Returns host order. */
constexpr u16 load_be16(const u8 *p)
{
	return static_cast<u16>(p[0] << 8 | p[1]);
}

constexpr u32 load_be32(const u8 *p)
{
	return u32{p[0]} << 24 | u32{p[1]} << 16 | u32{p[2]} << 8 | u32{p[3]};
}

/* Writes the host-order number @v at any address, most significant octet first. */
constexpr void store_be16(u8 *p, u16 v)
{
	p[0] = static_cast<u8>(v >> 8);
	p[1] = static_cast<u8>(v);
}

constexpr void store_be32(u8 *p, u32 v)
{
	p[0] = static_cast<u8>(v >> 24);
	p[1] = static_cast<u8>(v >> 16);
	p[2] = static_cast<u8>(v >> 8);
	p[3] = static_cast<u8>(v);
}

/* The same for numbers that stay in network order: addresses, mostly. */
constexpr be32 load_addr(const u8 *p)
{
	return be32{load_be32(p)};
}

constexpr void store_addr(u8 *p, be32 addr)
{
	store_be32(p, addr.host());
}

/* Reads a number in the machine's own order at any address; for checksums and hashes. */
template <std::unsigned_integral uint>
constexpr uint load_native(const u8 *p)
{
	uint v = 0;

	if (!std::is_constant_evaluated()) {
		__builtin_memcpy(&v, p, sizeof(v));
		return v;
	}
	for (size_t i = 0; i < sizeof(v); i++) {
		size_t place = std::endian::native == std::endian::little ? i : sizeof(v) - 1 - i;

		v = static_cast<uint>(v | uint{p[i]} << (8 * place));
	}
	return v;
}

/* Copies octets; @to has room for all of @from, and they do not overlap. */
constexpr void copy_bytes(u8 *to, bytes from)
{
	if (!std::is_constant_evaluated()) {
		if (!from.empty())
			__builtin_memcpy(to, from.data(), from.size());
		return;
	}
	for (u8 octet : from)
		*to++ = octet;
}

constexpr bool same_bytes(bytes a, bytes b)
{
	if (a.size() != b.size())
		return false;
	for (size_t i = 0; i < a.size(); i++)
		if (a[i] != b[i])
			return false;
	return true;
}

} // namespace edu
