// SPDX-License-Identifier: GPL-2.0-only
/*
 * IGMP on the wire: hosts tell routers which multicast groups they listen to.
 *
 * TLK: "some addresses are multicast". Requirements: IP-10, OVER-9.
 * RFC 2236 (version 2) in full, with RFC 1112's version 1 messages.
 * Not here: RFC 3376. Its queries are taken for version 2's, as RFC 2236 2.5 demands of longer
 * messages; its reports are known by their type only.
 *
 * Locking: none. Everything is a value or a view of bytes the caller owns.
 */
#pragma once

#include "wire/ipv4.hh"

namespace edu::wire::igmp {

inline constexpr size_t header_len = 8;

enum class type : u8 {
	query = 0x11,
	report_v1 = 0x12,
	report_v2 = 0x16,
	leave = 0x17,
	report_v3 = 0x22,
};

enum class fault : u8 {
	none,
	short_header,
	bad_checksum,
	bad_group, /* not a multicast address where one must be */
};

/* A message as a value. */
struct repr {
	igmp::type type = igmp::type::query;
	u8 max_response = 0; /* tenths of a second; 0 in everything but version 2's queries */
	be32 group = {};     /* zero in a general query */

	constexpr void emit(std::span<u8, header_len> out) const
	{
		out[0] = static_cast<u8>(type);
		out[1] = max_response;
		store_be16(&out[2], 0);
		store_addr(&out[4], group);
		store_be16(&out[2], checksum_of(out).host());
	}

	friend constexpr bool operator==(const repr &, const repr &) = default;
};

/* A received message. */
class view {
public:
	/* The checksum is over all of @message, however long (RFC 2236 2.3). */
	static constexpr checked_view<view, fault> checked(bytes message)
	{
		return {view{message}, examine(message)};
	}

	constexpr igmp::type type() const { return igmp::type{data_[0]}; }
	constexpr u8 max_response() const { return data_[1]; }
	constexpr be16 checksum() const { return be16{load_be16(&data_[2])}; }
	constexpr be32 group() const { return load_addr(&data_[4]); }

	constexpr bool is_general_query() const
	{
		return type() == igmp::type::query && group() == be32{};
	}

	/* From a version 1 router, which waits ten seconds and understands no leave. */
	constexpr bool is_v1_query() const
	{
		return type() == igmp::type::query && !max_response() && size() == header_len;
	}

	/* Octets: RFC 3376 7.1 tells a query's version by them. */
	constexpr size_t size() const { return data_.size(); }

	constexpr repr parse() const { return {type(), max_response(), group()}; }

private:
	constexpr explicit view(bytes data) : data_{data} {}

	static constexpr fault examine(bytes message)
	{
		if (message.size() < header_len)
			return fault::short_header;
		if (!inet_sum{}.add(message).is_valid())
			return fault::bad_checksum;
		if (!has_good_group(view{message}))
			return fault::bad_group;
		return fault::none;
	}

	static constexpr bool has_good_group(const view &message)
	{
		switch (message.type()) {
		case igmp::type::query:
			return message.group() == be32{} || ipv4::is_multicast(message.group()) ||
			       message.is_v1_query(); /* RFC 1112: ignored when received */
		case igmp::type::report_v1:
		case igmp::type::report_v2:
		case igmp::type::leave:
			return ipv4::is_multicast(message.group());
		default:
			return true; /* no type we act on */
		}
	}

	bytes data_;
};

static_assert([] {
	constexpr repr sent{type::report_v2, 0, ipv4::make_addr(224, 1, 2, 3)};
	u8 message[header_len] = {};

	sent.emit(message);
	auto [got, why] = view::checked(message);
	return why == fault::none && got.parse() == sent;
}());

} // namespace edu::wire::igmp
