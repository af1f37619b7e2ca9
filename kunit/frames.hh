// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames by hand, for the tests of link/ and ip/: what a station that is no host of ours would send.
 *
 * Locking: none. Tests run one after the other.
 */
#pragma once

#include "wire/icmp.hh"
#include "wire/udp.hh"
#include "world.hh"

namespace edu::test {

inline constexpr u16 ethertype_ip = 0x0800, ethertype_arp = 0x0806;

constexpr be32 ip4(u8 a, u8 b, u8 c, u8 d)
{
	return wire::ipv4::make_addr(a, b, c, d);
}

/* 02:00:00:00:00:n, as host::ethernet() numbers its stations. */
constexpr eth_addr station(u8 n)
{
	return {{2, 0, 0, 0, 0, n}};
}

/* An Ethernet frame of up to 256 octets in the making. */
struct handmade {
	u8 octet[256] = {};
	size_t length = 0;

	bytes all() const { return {octet, length}; }
	mutable_bytes ip() { return {octet + 14, length - 14}; }

	/* Makes the IP header's checksum true after a change. */
	handmade &resum()
	{
		size_t header_len = octet[14] % 16u * 4;

		store_be16(&octet[24], 0);
		store_be16(&octet[24], checksum_of({octet + 14, header_len}).host());
		return *this;
	}
};

inline handmade arp_frame(const wire::arp::repr &arp, const eth_addr &to)
{
	handmade f;

	f.length = 14 + wire::arp::packet_len;
	wire::eth::repr{to, arp.sender_ha, ethertype_arp}.emit(
		std::span<u8, 14>{f.octet, wire::eth::header_len});
	arp.emit(std::span<u8, wire::arp::packet_len>{f.octet + 14, wire::arp::packet_len});
	return f;
}

/* Station n with address `from` asks who has `target`. */
inline handmade arp_question(u8 n, be32 from, be32 target)
{
	return arp_frame({wire::arp::operation::request, station(n), from, {}, target},
			 eth_addr::broadcast());
}

/* Station n says to station m that it has `from`. */
inline handmade arp_answer(u8 n, be32 from, u8 m, be32 target)
{
	return arp_frame({wire::arp::operation::reply, station(n), from, station(m), target},
			 station(m));
}

/* An IP packet from station n to station m; payload and options as given. */
inline handmade ip_frame(u8 n, u8 m, wire::ipv4::repr ip, bytes payload, bytes options = {})
{
	handmade f;
	size_t header_len = wire::ipv4::repr::header_length(options.size());

	f.length = 14 + header_len + payload.size();
	ip.total_length = static_cast<u16>(header_len + payload.size());
	wire::eth::repr{m == 0xff ? eth_addr::broadcast() : station(m), station(n), ethertype_ip}
		.emit(std::span<u8, 14>{f.octet, wire::eth::header_len});
	ip.emit({f.octet + 14, header_len}, options);
	copy_bytes(f.octet + 14 + header_len, payload);
	return f;
}

/* An ICMP message with its checksum. */
struct icmp_message {
	u8 octet[128] = {};
	size_t length = 0;

	icmp_message(wire::icmp::repr header, bytes data)
	{
		length = wire::icmp::header_len + data.size();
		copy_bytes(octet + wire::icmp::header_len, data);
		header.emit(std::span<u8, wire::icmp::header_len>{octet, wire::icmp::header_len},
			    inet_sum{}.add(data));
	}
	bytes all() const { return {octet, length}; }
};

inline constexpr u8 icmp_protocol_number = 1, udp_protocol_number = 17;

/* A captured IP frame's header; the frame must be there. */
inline wire::ipv4::view ip_of(bytes frame)
{
	return wire::ipv4::view::checked(frame.subspan(14)).header;
}

inline bytes payload_of(bytes frame)
{
	return ip_of(frame).payload();
}

} // namespace edu::test
