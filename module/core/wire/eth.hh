// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ethernet on the wire: station addresses and the frame's header.
 *
 * TLK: "Ethernet Protocols" in "An Overview of TCP/IP Networking". Requirements: OVER-9, OVER-10.
 * RFC 894 in full; RFC 1112 6.4 (a group's Ethernet address).
 * Not here: RFC 1042 (IP over 802.3); is_length() tells such frames apart. Nor VLAN tags: the
 * kernel takes them off.
 *
 * Locking: none. Everything is a value or a view of bytes the caller owns.
 */
#pragma once

#include "wire/checked.hh"

namespace edu {

/* A station's address: six octets, as they lie in the frame. */
struct eth_addr {
	static constexpr size_t len = 6;

	u8 octet[len] = {};

	/* @p has six octets. */
	static constexpr eth_addr load(const u8 *p)
	{
		return {{p[0], p[1], p[2], p[3], p[4], p[5]}};
	}
	constexpr void store(u8 *p) const { copy_bytes(p, octet); }

	static constexpr eth_addr broadcast() { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }

	/* The group bit is the first to be sent: the lowest of the first octet. */
	constexpr bool is_multicast() const { return octet[0] & 1; }
	constexpr bool is_broadcast() const { return *this == broadcast(); }
	constexpr bool is_zero() const { return *this == eth_addr{}; }

	/* An address one station can have. */
	constexpr bool is_station() const { return !is_multicast() && !is_zero(); }

	friend constexpr bool operator==(const eth_addr &, const eth_addr &) = default;
};
static_assert(sizeof(eth_addr) == 6 && alignof(eth_addr) == 1);

namespace wire::eth {

/* Lengths in octets, without preamble and frame check sequence. */
inline constexpr size_t header_len = 14;
inline constexpr size_t min_payload = 46; /* shorter ones are padded */
inline constexpr size_t max_payload = 1500;

/* What is in the frame (the "protocol identifier"); host order. */
enum class ethertype : u16 {
	ipv4 = 0x0800,
	arp = 0x0806,
	rarp = 0x8035,
};

/* Type fields below this are an 802.3 length. */
inline constexpr u16 min_type = 0x0600;

/* Where frames for an IP group go: 01:00:5e and the group's low 23 bits (RFC 1112 6.4). */
constexpr eth_addr group_addr(be32 group)
{
	u32 g = group.host();

	return {{0x01, 0x00, 0x5e, static_cast<u8>(g >> 16 & 0x7f), static_cast<u8>(g >> 8),
		 static_cast<u8>(g)}};
}

enum class fault : u8 { none, short_header };

/* A frame's header as a value. */
struct repr {
	eth_addr dst = {};
	eth_addr src = {};
	u16 type = 0; /* an ethertype, host order */

	constexpr void emit(std::span<u8, header_len> out) const
	{
		dst.store(&out[0]);
		src.store(&out[6]);
		store_be16(&out[12], type);
	}

	friend constexpr bool operator==(const repr &, const repr &) = default;
};

/* A received frame. */
class view {
public:
	static constexpr checked_view<view, fault> checked(bytes frame)
	{
		if (frame.size() < header_len)
			return {view{frame}, fault::short_header};
		return {view{frame}, fault::none};
	}

	constexpr eth_addr dst() const { return eth_addr::load(&data_[0]); }
	constexpr eth_addr src() const { return eth_addr::load(&data_[6]); }

	/* Host order; an ethertype, or a length if is_length(). */
	constexpr u16 type() const { return load_be16(&data_[12]); }
	constexpr bool is_length() const { return type() < min_type; }

	/* Everything behind the header, padding included. */
	constexpr bytes payload() const { return data_.subspan(header_len); }

	constexpr repr parse() const { return {dst(), src(), type()}; }

private:
	constexpr explicit view(bytes data) : data_{data} {}

	bytes data_;
};

static_assert([] {
	constexpr repr sent{eth_addr::broadcast(), {{2, 0, 0, 0, 0, 1}}, 0x0806};
	u8 frame[header_len] = {};

	sent.emit(frame);
	auto [got, why] = view::checked(frame);
	return why == fault::none && got.parse() == sent && got.payload().empty();
}());

/* RFC 1112's mapping drops the top nine bits: 32 groups share an address. */
static_assert(group_addr(be32{0xe0800001}) == eth_addr{{0x01, 0x00, 0x5e, 0, 0, 1}});

} // namespace wire::eth
} // namespace edu
