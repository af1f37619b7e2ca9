// SPDX-License-Identifier: GPL-2.0-only
/*
 * UDP on the wire: the view that reads a datagram and the value that writes one.
 *
 * TLK: "UDP" under "TCP/IP network layers". Requirements: UDP-3, OVER-3, OVER-7.
 * RFC 768 in full; RFC 1122 4.1.3.4 (a checksum field of zero means that none was sent).
 * Not here: sockets (transport/udp), and jumbograms, which IPv4 does not have.
 *
 * Locking: none. Everything is a value or a view of bytes the caller owns.
 */
#pragma once

#include "wire/ipv4.hh"

namespace edu::wire::udp {

inline constexpr size_t header_len = 8;
inline constexpr size_t max_payload = ipv4::max_packet_len - ipv4::min_header_len - header_len;

enum class fault : u8 {
	none,
	short_header,
	not_linear, /* no fault of the datagram: its header was not passed in */
	bad_length, /* the length field is less than the header */
	truncated,  /* the datagram is shorter than the length field says */
	bad_checksum,
};

/* A datagram's header as a value; ports and length in host order. */
struct repr {
	u16 source = 0;
	u16 dest = 0;
	u16 length = header_len; /* header and data */
	be16 checksum = {};	 /* zero: none */

	constexpr void emit(std::span<u8, header_len> out) const
	{
		store_be16(&out[0], source);
		store_be16(&out[2], dest);
		store_be16(&out[4], length);
		store_be16(&out[6], checksum.host());
	}

	/*
	 * The checksum for this header between these addresses, @payload being the data's sum. A
	 * sum that comes out as zero is sent as all ones, since zero means "none"; the two are
	 * equal in one's complement.
	 */
	constexpr be16 checksum_between(be32 src, be32 dst, inet_sum payload) const
	{
		be16 sum = pseudo_header(src, dst, u8(ipv4::protocol::udp), length)
				   .add(be16{source})
				   .add(be16{dest})
				   .add(be16{length})
				   .append(payload)
				   .checksum();

		return sum == be16{} ? ~sum : sum;
	}

	/* What the checksum field holds when the device completes it. */
	constexpr be16 checksum_for_device(be32 src, be32 dst) const
	{
		return pseudo_header(src, dst, u8(ipv4::protocol::udp), length).for_device();
	}

	friend constexpr bool operator==(const repr &, const repr &) = default;
};

/* A received datagram, or the front of one. */
class view {
public:
	/* Lengths only; see checksum_ok(). */
	static constexpr checked_view<view, fault> checked(bytes datagram)
	{
		return checked_header(datagram, datagram.size());
	}

	/* A whole datagram, its checksum verified. */
	static constexpr checked_view<view, fault> checked(bytes datagram, be32 src, be32 dst)
	{
		auto [header, why] = checked(datagram);

		if (why == fault::none && !header.checksum_ok(src, dst))
			why = fault::bad_checksum;
		return {header, why};
	}

	/*
	 * The first octets of a datagram of @datagram_len. It may be longer than its length field
	 * says: what is behind is not data, and the caller trims it.
	 */
	static constexpr checked_view<view, fault> checked_header(bytes linear, size_t datagram_len)
	{
		return {view{linear}, examine(linear, datagram_len)};
	}

	constexpr u16 source() const { return load_be16(&data_[0]); }
	constexpr u16 dest() const { return load_be16(&data_[2]); }
	constexpr u16 length() const { return load_be16(&data_[4]); }
	constexpr be16 checksum() const { return be16{load_be16(&data_[6])}; }
	constexpr bool has_checksum() const { return checksum() != be16{}; }

	/* What the header says there is; payload() is as much of it as was passed in. */
	constexpr size_t payload_length() const { return length() - header_len; }
	constexpr bytes payload() const
	{
		size_t present = data_.size() - header_len;
		size_t said = payload_length();

		return data_.subspan(header_len, said < present ? said : present);
	}

	/* For a whole datagram in one piece: is the checksum right, or absent? */
	constexpr bool checksum_ok(be32 src, be32 dst) const
	{
		if (!has_checksum())
			return true;
		return pseudo_header(src, dst, u8(ipv4::protocol::udp), length())
			.add(data_.first(length()))
			.is_valid();
	}

	constexpr repr parse() const { return {source(), dest(), length(), checksum()}; }

private:
	constexpr explicit view(bytes data) : data_{data} {}

	static constexpr fault examine(bytes linear, size_t datagram_len)
	{
		view header{linear};

		if (datagram_len < header_len)
			return fault::short_header;
		if (linear.size() < header_len)
			return fault::not_linear;
		if (header.length() < header_len)
			return fault::bad_length;
		if (header.length() > datagram_len)
			return fault::truncated;
		return fault::none;
	}

	bytes data_;
};

static_assert([] {
	constexpr be32 src = ipv4::make_addr(10, 0, 0, 1), dst = ipv4::make_addr(10, 0, 0, 2);
	constexpr u8 data[] = {'t', 'l', 'k'};
	repr sent{.source = 53, .dest = 40000, .length = header_len + sizeof(data)};
	u8 datagram[header_len + sizeof(data)] = {};

	sent.checksum = sent.checksum_between(src, dst, inet_sum{}.add(data));
	sent.emit(std::span{datagram}.first<header_len>());
	copy_bytes(datagram + header_len, data);
	auto [got, why] = view::checked(datagram, src, dst);
	return why == fault::none && got.parse() == sent && same_bytes(got.payload(), data);
}());

} // namespace edu::wire::udp
