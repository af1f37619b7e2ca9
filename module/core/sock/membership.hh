// SPDX-License-Identifier: GPL-2.0-only
/*
 * The groups that sockets are members of, and from whom they want to hear there.
 *
 * Requirements: UDP-3, IP-10. RFC 1112 6.1 and 7.1, RFC 3678 (source filters, which are each
 * socket's own here: on the wire IGMP 2 tells of groups alone), ip(7).
 *
 * Locking: memberships change under the RTNL and, inside it, the socket lock. The packet path finds
 * a membership under RCU in one table of the host, so that its cost depends neither on how many a
 * socket has nor on how many there are; a membership's filter is replaced as a whole.
 */
#pragma once

#include "base/guard.hh"
#include "ip/multicast.hh"
#include "sock/sock.hh"

namespace edu {

/* RFC 3678's modes; Linux's numbers. */
enum class filter_mode : u8 { exclude = 0, include = 1 };

inline constexpr u32 most_sources = 60; /* the tunable igmp_max_msf's upper end */

/* From whom: everybody but these, or these alone. Constant once published; freed by RCU. */
struct source_filter {
	filter_mode mode = filter_mode::exclude;
	bool listed = false; /* a source was named since the mode was chosen: it is fixed */
	u32 count = 0;
	be32 source[most_sources];
	edu_rcu_head rcu;

	/* Its place, or count. The list is short: igmp_max_msf. */
	u32 find(be32 from) const
	{
		u32 i = 0;

		while (i < count && source[i] != from)
			i++;
		return i;
	}
	bool allows(be32 from) const
	{
		return (find(from) < count) == (mode == filter_mode::include);
	}
};

/* One membership of a socket (Linux's name). Freed by RCU. */
struct ip_mc_socklist {
	hash_node hashed;		/* in membership_state::table */
	ip_mc_socklist *next = nullptr; /* on sock::mc_list */
	const sock *owner = nullptr;	/* constant */
	be32 address; /* how the interface was named, zero: not by address; constant */
	mc_wish wish; /* which group, on which interface */
	rcu_ptr<const source_filter> filter; /* never null */
	edu_rcu_head rcu;

	~ip_mc_socklist() { destroy(const_cast<source_filter *>(filter.load_locked())); }
};

struct membership_state {
	hash_table<ip_mc_socklist, &ip_mc_socklist::hashed> table; /* by socket, interface, group */
};

/* Which group, interface and source a call is about. */
struct mc_request {
	be32 group;
	be32 address;	 /* of the interface; zero: not named so */
	int ifindex = 0; /* comes first, if it is not 0; set to what was found */
	be32 source;
};

/*
 * May a packet go to this socket? As Linux's function of that name: yes for what is no multicast;
 * members are asked for their filter, others for IP_MULTICAST_ALL. RCU. Constant time.
 */
bool ip_mc_sf_allow(const sock &s, be32 group, be32 source, int ifindex);

/*
 * RTNL and socket lock; process. Errors are ip(7)'s: einval, enodev (no interface), eaddrinuse
 * (already a member), eaddrnotavail (no member, or not of that source), enobufs.
 */
result<void> ip_mc_join_group(sock &s, mc_request &request, filter_mode mode);
result<void> ip_mc_leave_group(sock &s, mc_request &request);
/* One source more or less in a filter of that mode. */
result<void> ip_mc_source(sock &s, mc_request &request, filter_mode mode, bool add);
/* Another filter altogether; its sources are filled in by the caller, none included: a leave. */
result<void> ip_mc_msfilter(sock &s, mc_request &request, owner<source_filter> filter);
/* The filter of a membership: einval, enodev, eaddrnotavail. */
result<const source_filter *> ip_mc_msfget(const sock &s, mc_request &request);

/* The socket closes. RTNL, if it has any membership, and socket lock. */
void ip_mc_drop_socket(sock &s);

result<void> membership_host_init(edu_stack &host);
void membership_host_exit(edu_stack &host);

/*
 * sock/membership_options.cc: the socket options.
 */

/* Is it one of them? Then the RTNL is held around the call. */
bool is_membership_option(int name);
result<void> membership_setsockopt(sock &s, int name, bytes value);
result<u32> membership_getsockopt(sock &s, int name, mutable_bytes value);

} // namespace edu
