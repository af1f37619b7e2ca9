// SPDX-License-Identifier: GPL-2.0-only
/*
 * IGMP: the host tells the link's multicast router which groups it listens to.
 *
 * Requirements: IP-10. RFC 2236. See igmp.cc; ip/multicast.cc is its only caller but for packets.
 */
#pragma once

#include "ip/ip.hh"
#include "ip/multicast.hh"

namespace edu {

/* A new group's lock and timer. */
void igmp_group_init(ip_mc_list &group);
/* Joined, or the interface came up: reports, unasked. Any context, no lock held. */
void igmp_group_added(edu_stack &host, ip_mc_list &group);
/* The interface went down: nothing is due any more. Any context, no lock held. */
void igmp_group_quiet(ip_mc_list &group);
/* The last user has left: says so, if it was we who reported last. The group is dead afterwards.
 * Process, no spin lock held. */
void igmp_group_dropped(edu_stack &host, ip_mc_list &group);

/* Fills in the record for /proc but for the interface's number of groups. RCU. */
void igmp_describe(const mc_device &mc, ip_mc_list &group, edu_mc_info &out);

/* Registers the protocol with IP; for protocols[]. */
int igmp_init();
void igmp_exit();

} // namespace edu
