// SPDX-License-Identifier: GPL-2.0-only
/*
 * The groups that interfaces belong to.
 *
 * TLK: "some addresses are multicast and received by all". Requirements: IP-10, UDP-3, OVER-9.
 * RFC 1112 6 and 7 (joining, the mapping to link addresses, delivery). 2.0's struct ip_mc_list.
 *
 * A group is on an interface as long as somebody wishes it: each membership of a socket is one
 * wish (sock/membership.cc), and each interface has one of its own for 224.0.0.1. A wish outlives
 * its interface: while that is away it waits, and joins again when the interface is attached anew,
 * since for Linux an interface that merely lost its addresses has lost no group.
 *
 * Locking: joining and leaving hold the RTNL. Packets look a group up under RCU, in one hash table of
 * the host, whatever the number of groups. What IGMP keeps of a group has a lock of its own
 * (EDU_LOCK_IGMP), inside which nothing is taken and nothing is sent.
 */
#pragma once

#include "ip/route.hh"

namespace edu {

struct ip_mc_list;

/* Somebody wants to hear a group on an interface. RTNL. */
struct mc_wish {
	list_node node;		      /* on ip_mc_list::wishes, or multicast_state::waiting */
	ip_mc_list *joined = nullptr; /* null: the interface is away */
	int ifindex = 0;	      /* constant while wished */
	be32 multiaddr;		      /* constant while wished */
};

/* A group on an interface. Freed by RCU with its last reference. */
struct ip_mc_list {
	hash_node hashed;	  /* in multicast_state::groups */
	hlist_node next;	  /* on mc_device::groups; RTNL, readers RCU */
	ref<edu_iface> interface; /* constant */
	be32 multiaddr;		  /* constant */
	u64 serial = 0;		  /* falls along the list: where an iteration stands; constant */
	u32 users = 0;		  /* how many wish it; RTNL, readers read_once() */
	list<mc_wish, &mc_wish::node> wishes; /* theirs; RTNL */

	spinlock lock;		 /* guards what follows: IGMP's */
	bool tm_running = false; /* a report is due when the timer fires */
	bool reporter = false;	 /* the last report on this link was ours: a leave is told */
	bool dead = false;	 /* nobody wishes it any more, or the interface has gone */
	u32 unsolicited = 0;	 /* reports still to be sent without a query */
	u64 expires = 0;	 /* ms; when the timer fires */
	edu_timer timer;	 /* pending, it holds a reference */
	ref_count refs;		 /* the table's, and the timer's */
	edu_rcu_head rcu;
};

void release(ip_mc_list *group);

/* What an interface knows of groups; edu_iface::multicast. Freed by RCU when the interface goes. */
struct mc_device {
	edu_dev *dev = nullptr; /* the home's part; it stays until after ip_mc_gone() */
	hlist<ip_mc_list, &ip_mc_list::next> groups; /* newest first; RTNL, readers RCU */
	u32 count = 0;				     /* how many; RTNL, readers read_once() */
	u64 last_serial = 0;			     /* RTNL */
	bool up = false;	 /* what IGMP was last told of the interface; RTNL */
	mc_wish all_hosts;	 /* 224.0.0.1, wished by everybody (RFC 1112 4) */
	atomic<u64> v1_until;	 /* ms; until then a version 1 router is believed to be there */
	atomic<u64> answered_by; /* ms; by then every group has answered the last general query */
	edu_rcu_head rcu;
};

struct multicast_state {
	hash_table<ip_mc_list, &ip_mc_list::hashed> groups; /* by interface and group */
	list<mc_wish, &mc_wish::node> waiting; /* for their interface to come back; RTNL */
};

/*
 * Fulfils a wish whose ifindex and multiaddr are set. RTNL, process. Errors: enodev (no such
 * interface), enobufs (igmp_max_groups, or no memory).
 */
result<void> ip_mc_join(edu_stack &host, mc_wish &wish);
/* Takes a wish back, whether or not its interface is there. RTNL, process; no spin lock held. */
void ip_mc_leave(edu_stack &host, mc_wish &wish);

/* The group on that interface, or null. RCU. Constant time. */
ip_mc_list *ip_mc_find(const edu_stack &host, int ifindex, be32 group);
/* Are packets to the group, come in by that interface, for us? RCU. Constant time. */
bool ip_mc_member(const edu_stack &host, int ifindex, be32 group);

/* What is sent to a group comes back to the members here (ip_loop_back()). Any context; no lock held. */
void ip_mc_loop_back(edu_stack &host, const skb_ptr &packet, const rtable &route);

/* The link layer's news (iface_listener). RTNL. */
result<void> ip_mc_attached(edu_iface &iface);
void ip_mc_changed(edu_iface &iface);
void ip_mc_gone(edu_iface &iface);

result<void> multicast_host_init(edu_stack &host);
void multicast_host_exit(edu_stack &host);

} // namespace edu
