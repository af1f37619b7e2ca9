// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMP on the wire: messages, and the packets that its errors quote.
 *
 * TLK names ICMP as one of IP's protocols. Requirements: IP-10, OVER-8.
 * RFC 792 in full; RFC 1122 3.2.2 (codes 6 to 12 of unreachable), RFC 1191 4 (next-hop MTU),
 * RFC 1812 5.2.7.1 (codes 13 to 15).
 * Not here: router discovery (RFC 1256) and multi-part messages (RFC 4884) beyond their types;
 * address mask messages, which RFC 6918 took out of use, beyond their types.
 *
 * Locking: none. Everything is a value or a view of bytes the caller owns.
 */
#pragma once

#include "wire/ipv4.hh"

namespace edu::wire::icmp {

/* In octets: type, code, checksum and a word whose meaning depends on the type. */
inline constexpr size_t header_len = 8;
inline constexpr size_t timestamp_len = 20;

/* An error quotes the packet's header and this much of what follows (RFC 792) ... */
inline constexpr size_t min_quote = 8;

/* ... or as much as fits into this much of IP packet (RFC 1812 4.3.2.3). */
inline constexpr size_t max_error_packet = 576;

enum class type : u8 {
	echo_reply = 0,
	unreachable = 3,
	source_quench = 4,
	redirect = 5,
	echo = 8,
	router_advertisement = 9,
	router_solicitation = 10,
	time_exceeded = 11,
	parameter_problem = 12,
	timestamp = 13,
	timestamp_reply = 14,
	information_request = 15,
	information_reply = 16,
	mask_request = 17,
	mask_reply = 18,
};

enum class unreachable_code : u8 {
	network = 0,
	host = 1,
	protocol = 2,
	port = 3,
	fragmentation_needed = 4, /* and DF was set; mtu() is the next hop's */
	source_route_failed = 5,
	network_unknown = 6,
	host_unknown = 7,
	source_isolated = 8,
	network_prohibited = 9,
	host_prohibited = 10,
	network_tos = 11,
	host_tos = 12,
	filtered = 13,
	precedence_violation = 14,
	precedence_cutoff = 15,
};

enum class time_exceeded_code : u8 { in_transit = 0, reassembly = 1 };
enum class redirect_code : u8 { network = 0, host = 1, network_tos = 2, host_tos = 3 };
enum class parameter_problem_code : u8 { pointer = 0, missing_option = 1, bad_length = 2 };

/* Errors are about another packet, and never cause an error (RFC 1122 3.2.2). */
constexpr bool is_error(type t)
{
	switch (t) {
	case type::unreachable:
	case type::source_quench:
	case type::redirect:
	case type::time_exceeded:
	case type::parameter_problem:
		return true;
	default:
		return false;
	}
}

/* Types that some RFC gave a meaning; others are dropped silently (RFC 1122 3.2.2). */
constexpr bool is_known(type t)
{
	switch (t) {
	case type::echo_reply:
	case type::echo:
	case type::router_advertisement:
	case type::router_solicitation:
	case type::timestamp:
	case type::timestamp_reply:
	case type::information_request:
	case type::information_reply:
	case type::mask_request:
	case type::mask_reply:
		return true;
	default:
		return is_error(t);
	}
}

enum class fault : u8 {
	none,
	short_header,
	not_linear,    /* no fault of the message: its first 8 octets were not passed in */
	short_message, /* a timestamp message without its three times */
	bad_checksum,
};

/* A message's header as a value. What follows it (data, quote, times) is the caller's. */
struct repr {
	icmp::type type = icmp::type::echo;
	u8 code = 0;
	u32 rest = 0; /* the second word, host order; see the makers below */

	static constexpr repr echo(u16 id, u16 sequence)
	{
		return {icmp::type::echo, 0, u32{id} << 16 | sequence};
	}

	/* The reply to an echo or timestamp has its code, id and sequence. */
	constexpr repr reply() const
	{
		return {type == icmp::type::timestamp ? icmp::type::timestamp_reply :
							icmp::type::echo_reply,
			code, rest};
	}

	/* @mtu: of the next hop, for fragmentation_needed only. */
	static constexpr repr unreachable(unreachable_code code, u16 mtu = 0)
	{
		return {icmp::type::unreachable, static_cast<u8>(code), mtu};
	}
	static constexpr repr time_exceeded(time_exceeded_code code)
	{
		return {icmp::type::time_exceeded, static_cast<u8>(code), 0};
	}

	/* @pointer: which octet of the quoted packet is wrong. */
	static constexpr repr parameter_problem(u8 pointer)
	{
		return {icmp::type::parameter_problem, 0, u32{pointer} << 24};
	}
	static constexpr repr redirect(redirect_code code, be32 gateway)
	{
		return {icmp::type::redirect, static_cast<u8>(code), gateway.host()};
	}

	/* Writes the header; @payload is the sum of what follows it. */
	constexpr void emit(std::span<u8, header_len> out, inet_sum payload = {}) const
	{
		out[0] = static_cast<u8>(type);
		out[1] = code;
		store_be16(&out[2], 0);
		store_be32(&out[4], rest);
		store_be16(&out[2], inet_sum{}.add(out).append(payload).checksum().host());
	}

	friend constexpr bool operator==(const repr &, const repr &) = default;
};

/* A received message. */
class view {
public:
	/* A whole message, its checksum verified. */
	static constexpr checked_view<view, fault> checked(bytes message)
	{
		auto [header, why] = checked_header(message, message.size());

		if (why == fault::none && !inet_sum{}.add(message).is_valid())
			why = fault::bad_checksum;
		return {header, why};
	}

	/* The first octets of a message of @message_len; the caller verifies the checksum. */
	static constexpr checked_view<view, fault> checked_header(bytes linear, size_t message_len)
	{
		return {view{linear}, examine(linear, message_len)};
	}

	constexpr icmp::type type() const { return icmp::type{data_[0]}; }
	constexpr u8 code() const { return data_[1]; }
	constexpr be16 checksum() const { return be16{load_be16(&data_[2])}; }
	constexpr bool is_error() const { return icmp::is_error(type()); }

	/* The second word, by type. Echo, timestamp and their replies: */
	constexpr u16 id() const { return load_be16(&data_[4]); }
	constexpr u16 sequence() const { return load_be16(&data_[6]); }
	/* Unreachable, fragmentation needed; 0 from routers older than RFC 1191. */
	constexpr u16 mtu() const { return load_be16(&data_[6]); }
	/* Parameter problem: which octet of the quoted packet. */
	constexpr u8 pointer() const { return data_[4]; }
	/* Redirect: who should be asked instead. */
	constexpr be32 gateway() const { return load_addr(&data_[4]); }

	/* Behind the header, as far as it was passed in: echo data, or an error's quote. */
	constexpr bytes payload() const { return data_.subspan(header_len); }

	constexpr repr parse() const { return {type(), code(), load_be32(&data_[4])}; }

private:
	constexpr explicit view(bytes data) : data_{data} {}

	static constexpr fault examine(bytes linear, size_t message_len)
	{
		if (message_len < header_len)
			return fault::short_header;
		if (linear.size() < header_len)
			return fault::not_linear;
		if (is_timestamp(icmp::type{linear[0]}) && message_len < timestamp_len)
			return fault::short_message;
		return fault::none;
	}

	static constexpr bool is_timestamp(icmp::type t)
	{
		return t == icmp::type::timestamp || t == icmp::type::timestamp_reply;
	}

	bytes data_;
};

/* A timestamp message's payload: milliseconds since midnight UT (RFC 792). */
struct times {
	static constexpr size_t len = timestamp_len - header_len;
	static constexpr u32 nonstandard = 0x80000000; /* set when it is some other clock */

	u32 originate = 0; /* when the asker sent it */
	u32 receive = 0;   /* when it reached the answerer */
	u32 transmit = 0;  /* when it left the answerer */

	static constexpr times load(std::span<const u8, len> in)
	{
		return {load_be32(&in[0]), load_be32(&in[4]), load_be32(&in[8])};
	}
	constexpr void store(std::span<u8, len> out) const
	{
		store_be32(&out[0], originate);
		store_be32(&out[4], receive);
		store_be32(&out[8], transmit);
	}

	friend constexpr bool operator==(const times &, const times &) = default;
};

enum class quote_fault : u8 {
	none,
	short_header, /* the quoted IP header is not all there */
	bad_version,
	bad_header_length,
	short_transport, /* less than 8 octets behind it, though the packet had them */
};

/*
 * What an error quotes: our packet, cut short. Whether it really was ours is for the transport to
 * say, from the ports and sequence numbers.
 */
class quote {
public:
	/* @payload: an error's payload(). */
	static constexpr checked_view<quote, quote_fault> checked(bytes payload)
	{
		auto [packet, why] = ipv4::view::quoted(payload);

		return {quote{packet}, examine(packet, why)};
	}

	/* The quoted header; its addresses are ours as sender and the one we sent to. */
	constexpr const ipv4::view &packet() const { return packet_; }

	/* What is there behind it. */
	constexpr bytes transport() const { return packet_.payload(); }

	/* UDP's and TCP's ports, host order; 0 when the quote has none. */
	constexpr bool has_ports() const
	{
		return packet_.is_first_fragment() && transport().size() >= min_quote;
	}
	constexpr u16 source_port() const { return has_ports() ? word(0) : 0; }
	constexpr u16 dest_port() const { return has_ports() ? word(2) : 0; }

	/* TCP's sequence number. */
	constexpr u32 tcp_seq() const { return has_ports() ? load_be32(&transport()[4]) : 0; }

private:
	constexpr explicit quote(ipv4::view packet) : packet_{packet} {}
	constexpr u16 word(size_t at) const { return load_be16(&transport()[at]); }

	static constexpr quote_fault examine(const ipv4::view &packet, ipv4::fault why)
	{
		switch (why) {
		case ipv4::fault::none:
			break;
		case ipv4::fault::bad_version:
			return quote_fault::bad_version;
		case ipv4::fault::bad_header_length:
			return quote_fault::bad_header_length;
		default:
			return quote_fault::short_header;
		}
		if (packet.total_length() < packet.header_length())
			return quote_fault::bad_header_length;

		/* A packet that had less than 8 octets is quoted with less. */
		size_t had = packet.payload_length();

		if (packet.payload().size() < (had < min_quote ? had : min_quote))
			return quote_fault::short_transport;
		return quote_fault::none;
	}

	ipv4::view packet_;
};

static_assert([] {
	constexpr repr sent = repr::redirect(redirect_code::host, ipv4::make_addr(10, 0, 0, 1));
	u8 message[header_len] = {};

	sent.emit(message);
	auto [got, why] = view::checked(message);
	return why == fault::none && got.parse() == sent && got.is_error() &&
	       got.gateway() == ipv4::make_addr(10, 0, 0, 1);
}());

} // namespace edu::wire::icmp
