// SPDX-License-Identifier: GPL-2.0-only
/*
 * UDP's tables: how a datagram finds its socket.
 *
 * TLK "Binding an Address" and "Creating a Connection": udp_hash, indexed by a hash of the port.
 * Requirements: UDP-1 (cost must not grow with the number of sockets), INET-7.
 *
 * udp_hash has every bound socket by its port and answers whether a bind conflicts. Packets do not
 * look there, because thousands of sockets may share a port; they look in two finer tables, where a
 * chain has only the sockets that could take the packet: connected sockets by both ends, the others
 * by their own end (rcv_saddr, which may be 0, and port).
 *
 * Locking: readers use RCU; writers the tables' own locks (EDU_LOCK_SOCK_BIND for udp_hash,
 * EDU_LOCK_UDP_HASH for the other two, inside). The socket lock is outside of both.
 */
#pragma once

#include "base/siphash.hh"
#include "sock/sock.hh"

namespace edu {

struct udp_state {
	hash_table<sock, &sock::port_node> udp_hash;  /* every bound socket, by port */
	hash_table<sock, &sock::addr_node> bound;     /* not connected ones, by (rcv_saddr, port) */
	hash_table<sock, &sock::conn_node> connected; /* by (rcv_saddr, port, daddr, dport) */
	atomic<u64> binds;			      /* the last bind_order given out */

	/* Process context, at the birth of a host. Error: enomem. */
	result<void> init();
};

/* A received datagram's addresses, ports in host order as far as our end goes. */
struct udp_flow {
	be32 laddr; /* our end */
	be32 faddr; /* the other */
	u16 lport;  /* host order */
	be16 fport;
	int ifindex; /* it came in by; 0: by none (an error found out here) */
};

/* The socket a unicast datagram belongs to, or null. Softirq, RCU. Constant time. */
sock *udp_lookup(const edu_stack &host, const udp_flow &flow);

/* Called for every socket a broadcast or multicast datagram belongs to (RFC 1122 4.1.3.3). */
struct udp_visitor {
	void (*call)(udp_visitor &self, sock &s);

	void visit(sock &s) { call(*this, s); }
};
void udp_for_each_match(const edu_stack &host, const udp_flow &flow, udp_visitor &visitor);

/* transport/udp_hash.cc: the operations of udp_prot that deal with the tables. */
result<void> udp_get_port(sock &s, u16 num);
void udp_rehash(sock &s);
void udp_unhash(sock &s);

/* Registers the protocol with IP; for protocols[]. */
int udp_init();
void udp_exit();

} // namespace edu
