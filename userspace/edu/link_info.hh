/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What RTM_NEWLINK tells of a device, as a record and as iproute2's text. Shared by `edu link` and
 * `edu addr`.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_LINK_INFO_HH
#define EDU_LINK_INFO_HH

#include "netlink.hh"
#include "output.hh"

#include <functional>
#include <string>

namespace edu {

/* A device's record with iproute2's keys, and for EDUINET: "eduinet_attached" (its packets come to
 * EDUINET) and linkinfo.info_data.segment (the cable). */
record link_record(const nlmsghdr *message, bool with_statistics);
/* "2: e0: <BROADCAST,UP> mtu 1500 … \n    link/ether …\n" and what EDUINET adds. */
std::string link_text(const record &link);
/* The columns with which a line of `-b` begins: name and state. The whole line of a device. */
std::string brief_head(const record &link);
std::string brief_link_text(const record &link);
/* Whether EDUINET is attached is read once; after this call once more. */
void forget_attached();
/* Is the device of kind eduinet, or EDUINET's loopback? */
bool is_eduinet_device(const record &link);

/* Calls use() for every device of the namespace, or for the one called `name` when it is not "". */
void for_each_link(netlink &rtnl, const std::string &name,
		   const std::function<void(const nlmsghdr *)> &use);

/* Names of the set bits of dev->flags, as ip-link(8) shows them. */
record link_flags(unsigned flags, bool lower_is_known_down);

/* Does the list of attached interfaces hold `name`? `list` is the text of
 * /proc/net/eduinet/interfaces: a heading, then a line per interface that begins with its name. */
bool lists_interface(std::istream &list, const std::string &name);

} // namespace edu

#endif /* EDU_LINK_INFO_HH */
