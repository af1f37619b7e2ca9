// SPDX-License-Identifier: GPL-2.0-only
/*
 * IPv4 on the wire: addresses and the packet's header.
 *
 * TLK: "An Overview of TCP/IP Networking" and "The IP Layer".
 * Requirements: OVER-1, OVER-3, OVER-8, IP-4, IP-5.
 * RFC 791 3.1 in full, its options in ipv4_options.hh; RFC 1122 3.2.1 and RFC 1812 5.2.2 (what a
 * valid header is), 5.2.5 (the reserved bit passes unchanged); RFC 1624 for the TTL.
 *
 * Addresses are be32; other numbers are in host order. The fragment offset is in octets.
 *
 * Locking: none. Everything is a value or a view of bytes the caller owns.
 */
#pragma once

#include "base/checksum.hh"
#include "wire/checked.hh"

namespace edu::wire::ipv4 {

/*
 * Addresses
 */

/* 10.0.0.1 is make_addr(10, 0, 0, 1). */
constexpr be32 make_addr(u8 a, u8 b, u8 c, u8 d)
{
	return be32{u32{a} << 24 | u32{b} << 16 | u32{c} << 8 | d};
}

inline constexpr be32 any_addr = make_addr(0, 0, 0, 0);
inline constexpr be32 broadcast_addr = make_addr(255, 255, 255, 255);
inline constexpr be32 loopback_addr = make_addr(127, 0, 0, 1);
inline constexpr be32 all_hosts_group = make_addr(224, 0, 0, 1);
inline constexpr be32 all_routers_group = make_addr(224, 0, 0, 2);

/* The mask of a prefix of 0 to 32 bits. */
constexpr be32 prefix_mask(unsigned int bits)
{
	return be32{bits ? ~u32{0} << (32 - bits) : 0};
}

/* Are the ones of @mask all in front? Other masks cannot be routed by. */
constexpr bool is_mask(be32 mask)
{
	u32 zeros = ~mask.host();

	return !(zeros & (zeros + 1));
}

/* The number of ones in front; all there are, if is_mask(). */
constexpr u8 mask_prefix(be32 mask)
{
	return static_cast<u8>(std::countl_one(mask.host()));
}

constexpr bool in_prefix(be32 addr, be32 network, unsigned int bits)
{
	return ((addr ^ network) & prefix_mask(bits)) == be32{};
}

/* 127/8: never on a cable (RFC 1122 3.2.1.3 (g)). */
constexpr bool is_loopback(be32 a)
{
	return in_prefix(a, loopback_addr, 8);
}

/* 224/4: class D. */
constexpr bool is_multicast(be32 a)
{
	return in_prefix(a, make_addr(224, 0, 0, 0), 4);
}

/* 224.0.0/24: multicast that no router forwards. */
constexpr bool is_link_multicast(be32 a)
{
	return in_prefix(a, make_addr(224, 0, 0, 0), 24);
}

/* 255.255.255.255: everyone on this cable, forwarded by nobody. */
constexpr bool is_limited_broadcast(be32 a)
{
	return a == broadcast_addr;
}

/* 0/8: "this network", only a source and only while a host does not know its address. */
constexpr bool is_zeronet(be32 a)
{
	return in_prefix(a, any_addr, 8);
}

/* 240/4 less the limited broadcast: class E, reserved. */
constexpr bool is_reserved(be32 a)
{
	return in_prefix(a, make_addr(240, 0, 0, 0), 4) && !is_limited_broadcast(a);
}

/* 169.254/16: chosen by the host itself. */
constexpr bool is_link_local(be32 a)
{
	return in_prefix(a, make_addr(169, 254, 0, 0), 16);
}

/* Can it belong to one host, by its form alone? Subnet broadcasts need an interface to tell. */
constexpr bool is_host(be32 a)
{
	return !is_zeronet(a) && !is_multicast(a) && !is_reserved(a) && !is_limited_broadcast(a);
}

/* The prefix an address of class A, B or C had before there were subnets; 0 for D and E. */
constexpr u8 classful_prefix(be32 a)
{
	u8 first = static_cast<u8>(a.host() >> 24);

	if (first < 128)
		return 8;
	if (first < 192)
		return 16;
	return first < 224 ? 24 : 0;
}

constexpr be32 classful_mask(be32 a)
{
	return prefix_mask(classful_prefix(a));
}

/* The last address of a subnet means all its hosts; prefixes 31 and 32 have none (RFC 3021). */
constexpr be32 subnet_broadcast(be32 addr, unsigned int bits)
{
	return bits >= 31 ? broadcast_addr : addr | ~prefix_mask(bits);
}

/*
 * The header
 */

/* Lengths in octets. */
inline constexpr size_t min_header_len = 20;
inline constexpr size_t max_header_len = 60;
inline constexpr size_t max_options_len = max_header_len - min_header_len;
inline constexpr size_t max_packet_len = 65535;
inline constexpr size_t min_mtu = 68;	   /* every link carries this much (RFC 791 3.2) */
inline constexpr size_t fragment_unit = 8; /* offsets count these */

/* Who gets the payload (OVER-8). */
enum class protocol : u8 {
	icmp = 1,
	igmp = 2,
	tcp = 6,
	udp = 17,
};

/* The word that holds the flags and the fragment offset. */
inline constexpr u16 flag_reserved = 0x8000;
inline constexpr u16 flag_dont_fragment = 0x4000;
inline constexpr u16 flag_more_fragments = 0x2000;
inline constexpr u16 offset_mask = 0x1fff;

/* The lowest two bits of the octet of the type of service (RFC 3168 5). */
inline constexpr u8 ecn_mask = 3;

enum class ecn : u8 {
	not_ect = 0,
	ect_1 = 1,
	ect_0 = 2,
	ce = 3, /* congestion experienced */
};

enum class fault : u8 {
	none,
	short_header, /* not even the fixed header is there */
	bad_version,
	bad_header_length, /* less than the fixed header, or more than the packet */
	not_linear,	   /* no fault of the packet: wanted() octets were not passed in */
	bad_total_length,  /* less than the header */
	truncated,	   /* the packet is shorter than its total length */
	bad_checksum,
};

/* A header as a value, its options apart. */
struct repr {
	u8 tos = 0;
	u16 total_length = min_header_len; /* header, options and payload */
	u16 id = 0;
	bool dont_fragment = false;
	bool more_fragments = false;
	bool reserved_flag = false; /* routers pass it on (RFC 1812 5.2.5) */
	u16 fragment_offset = 0;    /* in octets, a multiple of 8 */
	u8 ttl = 64;
	u8 protocol = 0;
	be32 src = {};
	be32 dst = {};

	/* The header's length with @options_len octets of options, padded to whole words. */
	static constexpr size_t header_length(size_t options_len)
	{
		return min_header_len + (options_len + 3) / 4 * 4;
	}

	/*
	 * Writes the header with its checksum. @out has header_length(options.size()) octets; at
	 * most 40 of options, padded with end-of-options.
	 */
	constexpr void emit(mutable_bytes out, bytes options = {}) const
	{
		size_t length = header_length(options.size());

		out[0] = static_cast<u8>(4 << 4 | length / 4);
		out[1] = tos;
		store_be16(&out[2], total_length);
		store_be16(&out[4], id);
		store_be16(&out[6], flags_and_offset());
		out[8] = ttl;
		out[9] = protocol;
		store_be16(&out[10], 0);
		store_addr(&out[12], src);
		store_addr(&out[16], dst);
		copy_bytes(out.data() + min_header_len, options);
		for (size_t i = min_header_len + options.size(); i < length; i++)
			out[i] = 0;
		store_be16(&out[10], checksum_of(out.first(length)).host());
	}

	friend constexpr bool operator==(const repr &, const repr &) = default;

private:
	constexpr u16 flags_and_offset() const
	{
		return static_cast<u16>((reserved_flag ? flag_reserved : 0) |
					(dont_fragment ? flag_dont_fragment : 0) |
					(more_fragments ? flag_more_fragments : 0) |
					(fragment_offset / fragment_unit & offset_mask));
	}
};

/* A received packet, or the front of one. */
class view {
public:
	static constexpr checked_view<view, fault> checked(bytes packet)
	{
		return checked_header(packet, packet.size());
	}

	/*
	 * The same for a packet of @packet_len octets of which @linear are the first. It holds
	 * wanted(linear) of them at least. The packet may be longer than its total length says:
	 * the link padded it, and IP trims it.
	 */
	static constexpr checked_view<view, fault> checked_header(bytes linear, size_t packet_len)
	{
		return {view{linear}, examine(linear, packet_len)};
	}

	/*
	 * A header that an ICMP error quotes: the packet behind it is cut short, and its checksum
	 * may be of before the last router's change. Version and lengths still must be right.
	 */
	static constexpr checked_view<view, fault> quoted(bytes quote)
	{
		return {view{quote}, examine_lengths(quote, quote.size())};
	}

	/* How many of a packet's first octets checked_header() needs, as far as @linear tells. */
	static constexpr size_t wanted(bytes linear)
	{
		size_t length = linear.empty() ? 0 : size_t{linear[0] & 0xfu} * 4;

		return linear.size() < min_header_len || length < min_header_len ? min_header_len :
										   length;
	}

	constexpr u8 version() const { return data_[0] >> 4; }
	constexpr u8 header_length() const { return static_cast<u8>((data_[0] & 0xf) * 4); }
	constexpr u8 tos() const { return data_[1]; }
	constexpr u16 total_length() const { return load_be16(&data_[2]); }
	constexpr u16 id() const { return load_be16(&data_[4]); }
	constexpr bool dont_fragment() const { return flags() & flag_dont_fragment; }
	constexpr bool more_fragments() const { return flags() & flag_more_fragments; }
	constexpr bool reserved_flag() const { return flags() & flag_reserved; }
	constexpr u16 fragment_offset() const
	{
		return static_cast<u16>((flags() & offset_mask) * fragment_unit);
	}
	constexpr u8 ttl() const { return data_[8]; }
	constexpr u8 protocol() const { return data_[9]; }
	constexpr be16 checksum() const { return be16{load_be16(&data_[10])}; }
	constexpr be32 src() const { return load_addr(&data_[12]); }
	constexpr be32 dst() const { return load_addr(&data_[16]); }

	constexpr bool is_fragment() const { return flags() & (flag_more_fragments | offset_mask); }
	constexpr bool is_first_fragment() const { return !(flags() & offset_mask); }

	/* Would the last octet, put together, lie behind the largest packet's? */
	constexpr bool is_oversized_fragment() const
	{
		return size_t{fragment_offset()} + total_length() > max_packet_len;
	}

	constexpr bytes header_bytes() const { return data_.first(header_length()); }
	constexpr bytes options() const { return header_bytes().subspan(min_header_len); }

	/* What the header says there is; payload() is as much of it as was passed in. */
	constexpr size_t payload_length() const { return total_length() - header_length(); }
	constexpr bytes payload() const
	{
		size_t present = data_.size() - header_length();
		size_t said = total_length() < header_length() ? 0 : payload_length();

		return data_.subspan(header_length(), said < present ? said : present);
	}

	constexpr repr parse() const
	{
		return {
			.tos = tos(),
			.total_length = total_length(),
			.id = id(),
			.dont_fragment = dont_fragment(),
			.more_fragments = more_fragments(),
			.reserved_flag = reserved_flag(),
			.fragment_offset = fragment_offset(),
			.ttl = ttl(),
			.protocol = protocol(),
			.src = src(),
			.dst = dst(),
		};
	}

private:
	constexpr explicit view(bytes data) : data_{data} {}
	constexpr u16 flags() const { return load_be16(&data_[6]); }

	static constexpr fault examine_lengths(bytes linear, size_t packet_len)
	{
		if (packet_len < min_header_len)
			return fault::short_header;
		if (linear.size() < min_header_len)
			return fault::not_linear;

		view header{linear};

		if (header.version() != 4)
			return fault::bad_version;
		if (header.header_length() < min_header_len || header.header_length() > packet_len)
			return fault::bad_header_length;
		if (header.header_length() > linear.size())
			return fault::not_linear;
		return fault::none;
	}

	static constexpr fault examine(bytes linear, size_t packet_len)
	{
		view header{linear};

		if (fault why = examine_lengths(linear, packet_len); why != fault::none)
			return why;
		if (header.total_length() < header.header_length())
			return fault::bad_total_length;
		if (header.total_length() > packet_len)
			return fault::truncated;
		if (!inet_sum{}.add(header.header_bytes()).is_valid())
			return fault::bad_checksum;
		return fault::none;
	}

	bytes data_;
};

/*
 * A router's step: one less to live, and the checksum updated, not computed anew, so that damage
 * done in this machine does not go unnoticed. @header has passed the gate and its TTL is not 0.
 */
constexpr void decrement_ttl(mutable_bytes header)
{
	be16 before{load_be16(&header[8])};
	be16 checksum{load_be16(&header[10])};

	header[8]--;
	checksum = checksum_update(checksum, before, be16{load_be16(&header[8])});
	store_be16(&header[10], checksum.host());
}

static_assert([] {
	constexpr repr sent{.tos = 0x10,
			    .total_length = 32,
			    .id = 7,
			    .dont_fragment = true,
			    .more_fragments = true,
			    .fragment_offset = 1480,
			    .ttl = 2,
			    .protocol = 17,
			    .src = make_addr(10, 0, 0, 1),
			    .dst = make_addr(10, 0, 0, 2)};
	constexpr u8 router_alert[] = {148, 4, 0, 0};
	u8 packet[32] = {};

	sent.emit(packet, router_alert);
	decrement_ttl(packet);
	auto [got, why] = view::checked(packet);
	repr forwarded = sent;

	forwarded.ttl--;
	return why == fault::none && got.parse() == forwarded && got.payload().size() == 8 &&
	       same_bytes(got.options(), router_alert);
}());

} // namespace edu::wire::ipv4
