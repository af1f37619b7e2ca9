// SPDX-License-Identifier: GPL-2.0-only
/*
 * RARP, the server: which IP address has this hardware address?
 *
 * TLK "An Overview of TCP/IP Networking": RARP "turns a hardware address into an IP address"
 * (OVER-11). RFC 903. The table is the administrator's, by SIOCSRARP and its two relatives, as in
 * Linux 2.0: an entry belongs to the interface on whose link its address lies, or to the one that
 * is named, and only there its question is answered.
 * The client is `edu rarp`: a program with a packet socket, for whoever asks has no address yet.
 *
 * Locking: entries are immutable once they are in; changes are made under the RTNL, look-up is under
 * RCU and takes one hash look-up.
 */
#pragma once

#include "link/interface.hh"

namespace edu {

/* An entry. Constant; freed by RCU. */
struct rarp_entry {
	hash_node by_ha; /* in rarp_state::stations, by ha and interface: the question's key */
	hash_node by_ip; /* in rarp_state::addresses, by ip: the administrator's key, unique */
	be32 ip;
	eth_addr ha;
	ref<edu_iface> dev; /* where we answer */
	edu_rcu_head rcu;
};

struct rarp_state {
	hash_table<rarp_entry, &rarp_entry::by_ha> stations;
	hash_table<rarp_entry, &rarp_entry::by_ip> addresses;
};

/* Entries of the interface go, null: all. RTNL, or the host is closing. */
void rarp_flush(edu_stack &host, const edu_iface *iface);

result<void> rarp_host_init(edu_stack &host);
void rarp_host_close(edu_stack &host);
void rarp_host_exit(edu_stack &host);

} // namespace edu
