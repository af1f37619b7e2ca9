/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What RTM_NEWNEIGH tells of an entry of the ARP table, as a record and as iproute2's text. Shared by
 * `edu neigh` and `edu monitor`.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_NEIGH_INFO_HH
#define EDU_NEIGH_INFO_HH

#include "netlink.hh"
#include "output.hh"

#include <linux/neighbour.h>
#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <string>

namespace edu {

/* One entry out of RTM_NEWNEIGH. */
struct neigh_info {
	ndmsg header;
	in_addr_t address;		     /* network byte order */
	std::string lladdr;		     /* "" while unresolved */
	std::optional<std::uint32_t> probes; /* requests sent without an answer */
	std::optional<nda_cacheinfo> cache;  /* ages in ticks of sysconf(_SC_CLK_TCK) */
};

neigh_info read_neigh(const nlmsghdr *message);
record neigh_record(const neigh_info &info, bool with_statistics);
/* One line that ends with a newline. */
std::string neigh_text(const record &item);

} // namespace edu

#endif /* EDU_NEIGH_INFO_HH */
