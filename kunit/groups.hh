// SPDX-License-Identifier: GPL-2.0-only
/*
 * Joining and leaving groups in tests, by the structures of ip(7).
 *
 * Locking: none. Tests run one after the other.
 */
#pragma once

#include "frames.hh"
#include "wire/igmp.hh"

namespace edu::test {

inline constexpr u8 igmp_protocol_number = 2;

/* Options of ip(7). */
namespace ipo {
inline constexpr int multicast_if = 32, multicast_ttl = 33, multicast_loop = 34,
		     add_membership = 35, drop_membership = 36, unblock_source = 37,
		     block_source = 38, add_source_membership = 39, drop_source_membership = 40,
		     msfilter = 41, join_group = 42, block_group_source = 43,
		     unblock_group_source = 44, leave_group = 45, join_source_group = 46,
		     leave_source_group = 47, group_filter = 48, multicast_all = 49;
} // namespace ipo

inline constexpr be32 group_a = ip4(239, 1, 2, 3), group_b = ip4(239, 1, 2, 4);

/* struct ip_mreqn */
struct mreqn {
	be32 group, address;
	int ifindex;
};

inline int change(socket &s, int name, be32 group, int ifindex, be32 address = {})
{
	const mreqn request{group, address, ifindex};

	return edu_t_setsockopt(s.get(), sol_ip, name, &request, sizeof(request));
}

inline int join(socket &s, be32 group, int ifindex)
{
	return change(s, ipo::add_membership, group, ifindex);
}

inline int leave(socket &s, be32 group, int ifindex)
{
	return change(s, ipo::drop_membership, group, ifindex);
}

/* struct ip_mreq_source */
inline int change_source(socket &s, int name, be32 group, be32 source, be32 interface)
{
	const be32 request[] = {group, interface, source};

	return edu_t_setsockopt(s.get(), sol_ip, name, request, sizeof(request));
}

/* A datagram from port 5 to port 7 of the group, from 10.0.0.n at station n; no checksum. */
inline handmade to_group(be32 group, u8 n = 9)
{
	static constexpr u8 datagram[] = {0, 5, 0, 7, 0, 11, 0, 0, 't', 'l', 'k'};
	handmade f = ip_frame(
		n, 1,
		{.ttl = 1, .protocol = udp_protocol_number, .src = ip4(10, 0, 0, n), .dst = group},
		datagram);

	wire::eth::group_addr(group).store(f.octet);
	return f;
}

/* An IGMP message from 10.0.0.n, with `extra` zero octets behind it. */
inline handmade igmp_frame(wire::igmp::repr message, be32 to, size_t extra = 0, u8 n = 9)
{
	u8 octets[64] = {};

	message.emit(std::span<u8, wire::igmp::header_len>{octets, wire::igmp::header_len});
	handmade f = ip_frame(
		n, 1,
		{.ttl = 1, .protocol = igmp_protocol_number, .src = ip4(10, 0, 0, n), .dst = to},
		{octets, wire::igmp::header_len + extra});

	wire::eth::group_addr(to).store(f.octet);
	return f;
}

/* The i-th IGMP message on the cable, or null group when there are fewer; *ip its header. */
inline wire::igmp::repr igmp_sent(const cable &cable, u32 nth, bytes *whole = nullptr)
{
	for (u32 i = 0; i < cable.frames(); i++) {
		bytes frame = cable.frame(i);

		if (frame.size() < 34 || load_be16(&frame[12]) != ethertype_ip || frame[23] != 2)
			continue;
		if (nth--)
			continue;
		if (whole)
			*whole = frame;
		return wire::igmp::view::checked(payload_of(frame)).header.parse();
	}
	return {};
}

inline u32 igmp_count(const cable &cable)
{
	u32 count = 0;

	for (u32 i = 0; i < cable.frames(); i++) {
		bytes frame = cable.frame(i);

		count += frame.size() >= 34 && load_be16(&frame[12]) == ethertype_ip &&
			 frame[23] == 2;
	}
	return count;
}

} // namespace edu::test
