// SPDX-License-Identifier: GPL-2.0-only
/*
 * IP options that a program wants on its packets, and the options of sockets.
 *
 * Requirements: IP-10; RFC 1122 4.1.3.2 (UDP passes IP options both ways), 4.1.4 (TTL and TOS).
 *
 * Locking: an option_set is a value. A sock's published sock_options is constant.
 */
#pragma once

#include "sock/sock.hh"
#include "wire/ipv4_options.hh"

namespace edu {

/* Options ready to be sent. A source route lies here as RFC 791 wants it on the first link: the
 * first hop is where the packet goes, and the list ends with the final destination. */
struct option_set {
	u8 length = 0;	   /* octets, a multiple of 4 */
	u8 final_slot = 0; /* where the destination belongs into; has_route only */
	bool has_route = false;
	bool strict = false; /* every hop must be on the link */
	be32 first_hop;	     /* has_route only */
	u8 octets[wire::ipv4::max_options_len] = {};

	bytes all() const { return {octets, length}; }
	/* What the header's destination is for a packet to dst. */
	be32 next_destination(be32 dst) const { return has_route ? first_hop : dst; }
	void set_final(be32 dst)
	{
		if (has_route)
			store_addr(octets + final_slot, dst);
	}
};

/* IP_OPTIONS of a socket; freed after a grace period. */
struct sock_options {
	option_set set;
	u8 given_len = 0;			    /* octets; padded to whole words */
	u8 given[wire::ipv4::max_options_len] = {}; /* as the program wrote them, for getsockopt() */
	edu_rcu_head rcu = {};
};

/* Checks a program's options: einval. privileged: unknown ones may be sent too. Process. */
result<void> make_option_set(bytes given, bool privileged, option_set &out);

/* The options of a received packet turned around, as RFC 1122 3.2.1.8 wants them on the answer and
 * as IP_RETOPTS tells them. Returns their length, 0: none. */
u32 turn_options(bytes received, be32 src, mutable_bytes out);

/* SOL_IP, for every protocol. The socket lock is held. */
result<void> ip_setsockopt(sock &s, int name, bytes value);
result<u32> ip_getsockopt(sock &s, int name, mutable_bytes value);

/* sock/cmsg.cc: the control messages that the program asked for about packet, whose cb is ip_info. */
void put_cmsgs(sock &s, msghdr *message, sk_buff *packet);

} // namespace edu
