// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tables of RAW sockets and of ping sockets.
 *
 * TLK names raw sockets among the socket types (BSD-4). A RAW socket gets a copy of every packet of
 * its protocol, IP header included; a ping socket (SOCK_DGRAM, IPPROTO_ICMP) the echo replies that
 * carry its identifier, without being allowed anything else.
 *
 * Locking: readers use RCU; writers the tables' own locks (EDU_LOCK_RAW_HASH). The socket lock is
 * outside.
 */
#pragma once

#include "base/siphash.hh"
#include "sock/sock.hh"

namespace edu {

struct raw_state {
	hash_table<sock, &sock::port_node> raw_hash;  /* by protocol */
	hash_table<sock, &sock::port_node> ping_hash; /* by identifier */

	/* Process context, at the birth of a host. Error: enomem. */
	result<void> init();
};

/* transport/ping.cc: an ICMP error that quotes an echo request of ours. Softirq, RCU. */
void ping_err(edu_stack &host, const icmp_error &error);

/* transport/raw.cc: a clone of packet, as it is, onto the receive_queue of s; what happens to it is
 * counted as RAW's. Softirq, RCU. */
void raw_queue_clone(edu_stack &host, sock &s, sk_buff *packet);

/* Register the listeners with IP; for protocols[]. */
int raw_init();
void raw_exit();
int ping_init();
void ping_exit();

} // namespace edu
