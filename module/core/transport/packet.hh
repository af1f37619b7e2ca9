// SPDX-License-Identifier: GPL-2.0-only
/*
 * SOCK_PACKET: whole frames, past all protocols.
 *
 * TLK names packet sockets among the socket types: frames straight from and to the devices (BSD-4,
 * DEV-4). 2.0's net/packet/af_packet.c; its address is a device's name and a protocol (struct
 * sockaddr_pkt, here edu_frame). The devices are those of the namespace, attached or not.
 *
 * Locking: packet_state::lock guards what each socket is bound to and hears. It is taken inside the
 * socket lock (bind, close) and inside the RTNL (news about devices), never on the packet path: a
 * tap leads straight to its socket, which RCU keeps.
 */
#pragma once

#include "base/guard.hh"
#include "sock/sock.hh"

namespace edu {

struct packet_state {
	/* By the device bound to, so that news about one device meet its sockets alone. One whose
	 * device has gone stays where it was. */
	hash_table<sock, &sock::port_node> packet_hash;
	spinlock lock{EDU_LOCK_PACKET};

	/* Process context, at the birth of a host. Error: enomem. */
	result<void> init() { return packet_hash.init(EDU_LOCK_RAW_HASH); }
};

} // namespace edu
