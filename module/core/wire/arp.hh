// SPDX-License-Identifier: GPL-2.0-only
/*
 * ARP and RARP on the wire, for Ethernet and IPv4.
 *
 * TLK: "The Address Resolution Protocol (ARP)". Requirements: ARP-7, ARP-8, OVER-10, OVER-11.
 * RFC 826 and RFC 903 for hardware type 1 and protocol 0x0800 only; RFC 5227's names for probes
 * and announcements.
 * Not here: other hardware and protocols, which RFC 826 allows and which are faults here.
 *
 * Locking: none. Everything is a value or a view of bytes the caller owns.
 */
#pragma once

#include "wire/eth.hh"

namespace edu::wire::arp {

/* In octets. Frames are longer: Ethernet pads them to its minimum. */
inline constexpr size_t packet_len = 28;

inline constexpr u16 hardware_ethernet = 1;
inline constexpr u16 protocol_ipv4 = 0x0800;

enum class operation : u16 {
	request = 1,
	reply = 2,
	reverse_request = 3, /* RARP: "what is my IP address?" */
	reverse_reply = 4,
};

enum class fault : u8 {
	none,
	short_packet,
	bad_hardware_type,
	bad_protocol_type,
	bad_hardware_length,
	bad_protocol_length,
	bad_operation,
};

/* A packet as a value. "ha" is a hardware address, "ip" an IP address. */
struct repr {
	operation op = operation::request;
	eth_addr sender_ha = {};
	be32 sender_ip = {};	 /* zero in a probe */
	eth_addr target_ha = {}; /* zero in a request: it is what is asked for */
	be32 target_ip = {};

	constexpr void emit(std::span<u8, packet_len> out) const
	{
		store_be16(&out[0], hardware_ethernet);
		store_be16(&out[2], protocol_ipv4);
		out[4] = eth_addr::len;
		out[5] = sizeof(be32);
		store_be16(&out[6], static_cast<u16>(op));
		sender_ha.store(&out[8]);
		store_addr(&out[14], sender_ip);
		target_ha.store(&out[18]);
		store_addr(&out[24], target_ip);
	}

	friend constexpr bool operator==(const repr &, const repr &) = default;
};

/* A received packet. */
class view {
public:
	/* @packet is what follows the link header; padding behind the packet is ignored. */
	static constexpr checked_view<view, fault> checked(bytes packet)
	{
		return {view{packet}, examine(packet)};
	}

	constexpr operation op() const { return static_cast<operation>(load_be16(&data_[6])); }
	constexpr eth_addr sender_ha() const { return eth_addr::load(&data_[8]); }
	constexpr be32 sender_ip() const { return load_addr(&data_[14]); }
	constexpr eth_addr target_ha() const { return eth_addr::load(&data_[18]); }
	constexpr be32 target_ip() const { return load_addr(&data_[24]); }

	constexpr bool is_request() const { return op() == operation::request; }
	constexpr bool is_reply() const { return op() == operation::reply; }

	/* RFC 5227: "is anybody using this address?", asked before using it. */
	constexpr bool is_probe() const { return is_request() && sender_ip() == be32{}; }

	/* RFC 5227: "I am using it", said with nobody asking (a "gratuitous" ARP). */
	constexpr bool is_announcement() const
	{
		return sender_ip() == target_ip() && sender_ip() != be32{};
	}

	constexpr repr parse() const
	{
		return {op(), sender_ha(), sender_ip(), target_ha(), target_ip()};
	}

private:
	constexpr explicit view(bytes data) : data_{data} {}

	/* In the order of RFC 826's "packet reception". */
	static constexpr fault examine(bytes packet)
	{
		if (packet.size() < packet_len)
			return fault::short_packet;
		if (load_be16(&packet[0]) != hardware_ethernet)
			return fault::bad_hardware_type;
		if (packet[4] != eth_addr::len)
			return fault::bad_hardware_length;
		if (load_be16(&packet[2]) != protocol_ipv4)
			return fault::bad_protocol_type;
		if (packet[5] != sizeof(be32))
			return fault::bad_protocol_length;
		if (u16 op = load_be16(&packet[6]); op < 1 || op > 4)
			return fault::bad_operation;
		return fault::none;
	}

	bytes data_;
};

static_assert([] {
	constexpr repr sent{operation::reply,
			    {{2, 0, 0, 0, 0, 1}},
			    be32{0x0a000001},
			    {{2, 0, 0, 0, 0, 2}},
			    be32{0x0a000002}};
	u8 packet[packet_len] = {};

	sent.emit(packet);
	auto [got, why] = view::checked(packet);
	return why == fault::none && got.parse() == sent && got.is_reply();
}());

} // namespace edu::wire::arp
