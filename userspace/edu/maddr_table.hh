/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The groups an interface hears: the Internet's (/proc/net/eduinet/igmp, whose layout is that of
 * /proc/net/igmp) and its device's (/proc/net/dev_mcast), and both as a record and as iproute2's text.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_MADDR_TABLE_HH
#define EDU_MADDR_TABLE_HH

#include "output.hh"

#include <netinet/in.h>

#include <istream>
#include <string>
#include <vector>

namespace edu {

/* A group of Internet hosts: ip_mc_list. */
struct inet_group {
	int index; /* the interface's */
	std::string device;
	in_addr_t address; /* network byte order */
	unsigned users;	   /* sockets of it */
};

/* Frames the device receives beside its own. */
struct link_group {
	int index;
	std::string device;
	unsigned users;	    /* who asked for it */
	bool fixed;	    /* somebody wrote it by hand: `edu maddr add` */
	std::string lladdr; /* "01:00:5e:00:00:01" */
};

/* Lines that make no sense are a failure. */
std::vector<inet_group> read_inet_groups(std::istream &in);
std::vector<link_group> read_link_groups(std::istream &in);

/* {"ifindex", "ifname", "maddr": […]} of the interface with that index and name. */
record maddr_record(int index, const std::string &device, const std::vector<link_group> &link,
		    const std::vector<inet_group> &inet);
/* "2:\te0\n\tlink  01:00:5e:00:00:01\n\tinet  224.0.0.1\n" */
std::string maddr_text(const record &item);

} // namespace edu

#endif /* EDU_MADDR_TABLE_HH */
