/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What RTM_NEWROUTE tells of a route of the FIB, of the route cache, or of a look-up: as a record
 * and as iproute2's text.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_ROUTE_INFO_HH
#define EDU_ROUTE_INFO_HH

#include "netlink.hh"
#include "output.hh"

#include <netinet/in.h>

namespace edu {

/* One route as the kernel tells it. Addresses in network byte order. */
struct route_info {
	rtmsg header;
	in_addr_t destination, source, gateway, preferred_source;
	int index;		   /* of the device, 0: none */
	std::uint32_t metric;	   /* 0: none */
	std::uint32_t table;	   /* RT_TABLE_* */
	std::uint32_t mtu, window; /* octets; 0: none */
	std::uint32_t rtt;	   /* milliseconds, 0: none */
	bool has_cache;		   /* the next one is filled in */
	rta_cacheinfo cache;	   /* times in ticks of sysconf(_SC_CLK_TCK) */
};

route_info read_route(const nlmsghdr *message);
record route_record(const route_info &route);
/* Lines that end with a newline; a route of the cache takes two. */
std::string route_text(const record &route);

} // namespace edu

#endif /* EDU_ROUTE_INFO_HH */
