// SPDX-License-Identifier: GPL-2.0-only
/*
 * Proxy ARP: answering for other hosts.
 *
 * TLK "An Overview of TCP/IP Networking": gateways "answer ARP for IP addresses on remote networks"
 * (OVER-11, ARP-8). RFC 1027. Two ways to it: entries of the administrator, one address or a subnet
 * each, of one interface or of all, as Linux 2.0's arp(8) had them (`arp -s … pub`, `netmask`); and
 * an interface's setting proxy_arp, by which every host is answered for that a route leads to.
 *
 * Either way RFC 1027's rule holds: only when the route to the target leaves by another interface
 * than the one the question came in by, never for a broadcast address, and never a probe (RFC 5227:
 * who asks whether an address is free must hear only of a host that has it).
 * Not here: RFC 3069 (answering on the same link), a delay before a proxy's answer.
 *
 * Locking: entries are immutable once they are in; changes are made under the RTNL, look-up is under
 * RCU and costs one hash look-up for each length of mask that is in use.
 */
#pragma once

#include "link/arp.hh"

namespace edu {

/* The hardware address to answer a question with that came in by @iface for an address that is not
 * ours; false: it is not for us to answer. RCU. */
bool arp_answers_for(edu_iface &iface, const wire::arp::repr &question, eth_addr &ha);

/* The administrator's: neigh.flags has atf::publ. RTNL. Errors: eexist, enoent, einval, enodev,
 * enobufs (arp_max_proxies), enomem. */
result<void> arp_proxy_add(edu_stack &host, const edu_neigh_info &neigh, unsigned int how);
result<void> arp_proxy_del(edu_stack &host, const edu_neigh_info &neigh);
result<void> arp_proxy_get(edu_stack &host, edu_neigh_info &neigh);
/* The entry after @at. RCU inside. */
bool arp_proxy_next(edu_stack &host, edu_cursor &at, edu_neigh_info &out);

} // namespace edu
