/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What RTM_NEWADDR tells of an address of an interface, as a record and as iproute2's text. Shared by
 * `edu addr` and `edu monitor`.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_ADDR_INFO_HH
#define EDU_ADDR_INFO_HH

#include "netlink.hh"
#include "output.hh"

#include <linux/if_addr.h>
#include <netinet/in.h>

#include <string>

namespace edu {

/* One address out of RTM_NEWADDR. */
struct address_info {
	int index;			  /* of the device */
	in_addr_t local, peer, broadcast; /* network byte order; broadcast 0: none */
	ifaddrmsg header;
	std::string label;
	ifa_cacheinfo times; /* life times in seconds */
};

address_info read_address(const nlmsghdr *message);
record address_record(const address_info &info);
/* "inet 10.0.0.1/24 … \n       valid_lft …\n": what stands behind the interface. */
std::string address_text(const record &item);

} // namespace edu

#endif /* EDU_ADDR_INFO_HH */
