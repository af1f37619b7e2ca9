// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fragments: datagrams that come in pieces, and datagrams that must leave in pieces.
 *
 * TLK "Data Fragmentation": IP-4 … IP-9. An ipq is a datagram that waits, one of the table ipqueue;
 * each piece of it that has arrived is an ipfrag on ipq->fragments.
 *
 * Files: fragment.cc (in: waiting, joining, giving up), fragment_output.cc (out: cutting).
 *
 * Locking: an ipq's lock (EDU_LOCK_IPQ) guards what its members say. ipqueue is read under RCU and
 * changed under the stripes of the hash table (EDU_LOCK_IPQUEUE); the lists by age are cut into rows
 * with a lock each (EDU_LOCK_IPQ_AGE). No lock is global. An ipq is held by the table, by its timer
 * while that is armed, and by whoever works on it.
 */
#pragma once

#include "base/hash_table.hh"
#include "base/ref.hh"
#include "base/verdict.hh"
#include "ip/route.hh"

namespace edu {

/* One fragment that waits (TLK's ipfrag). All members but the octets are guarded by its ipq's lock. */
struct ipfrag {
	u32 offset = 0;	 /* of its first octet of payload in the datagram */
	u32 end = 0;	 /* of the octet behind its last */
	u32 rank = 0;	 /* its place in the tree: greater is nearer to the root. Random */
	u32 charged = 0; /* octets of memory counted for it */
	list_node node;	 /* in ipq::fragments */
	ipfrag *less = nullptr, *more = nullptr; /* the tree's: offsets below, and above, its own */
	skb_ptr skb; /* data at the payload; of the first fragment: at the IP header */
};

using fragment_list = list<ipfrag, &ipfrag::node>;

/* What makes fragments belong together (IP-7, RFC 791). Not the interface: they may take several
 * ways. */
struct ipq_key {
	be32 saddr;
	be32 daddr;
	u16 id = 0;
	u8 protocol = 0;

	friend bool operator==(const ipq_key &, const ipq_key &) = default;
};

/* A datagram of which fragments wait (TLK's ipq). Freed by RCU. */
struct ipq {
	hash_node hashed; /* in ipqueue; its stripe's lock */
	list_node aged;	  /* in its row by age; the row's lock */
	u64 aged_ns = 0;  /* when it was put there: its last new fragment; the row's lock */
	edu_stack *host = nullptr; /* constant */
	ipq_key key;		   /* constant */
	ref_count refs;		   /* the table's, the armed timer's, and each user's */
	edu_timer timer;	   /* fires at the deadline, or before and is set again */

	spinlock lock;		 /* guards the rest */
	bool dead = false;	 /* complete or given up: nobody adds to it. Read by look-ups */
	u64 created_ms = 0;	 /* first fragment */
	u64 touched_ms = 0;	 /* last new fragment */
	u64 deadline_ms = 0;	 /* when it is given up */
	fragment_list fragments; /* by offset; none overlap */
	ipfrag *tree = nullptr;	 /* the same, for searching */
	u32 count = 0;		 /* fragments */
	u32 meat = 0;		 /* octets of payload in them */
	u32 len = 0;		 /* octets of payload of the datagram; 0: the last is missing */
	u32 charged = 0;	 /* octets of memory counted for it and them */
	u8 ecn_seen = 0;	 /* bit N: a fragment was marked N (wire::ipv4::ecn) */
	edu_rcu_head rcu;
};

void release(ipq *q);

/* ipqs by the time of their last fragment, oldest first: those of one slice of the hash. */
struct ipq_age_row {
	spinlock lock;
	list<ipq, &ipq::aged> by_age;
	u64 oldest_ns =
		~u64{0}; /* aged_ns of the first, ~0: empty. Read without the lock as advice */
};

/* All fragments that wait in a host. */
struct frag_state {
	static constexpr u32 age_rows = 64;

	hash_table<ipq, &ipq::hashed> ipqueue;
	ipq_age_row rows[age_rows];
	atomic<u32> memory; /* octets of truesize and of our own structures: ip_frag_high_thresh */
};

/*
 * A fragment for this host has arrived: data at its IP header, without the link's padding, cb is
 * ip_info. When it completes its datagram the verdict is accepted() and packet holds the datagram as
 * if it had come in one piece; when it waits, packet is empty. Softirq, RCU.
 */
verdict ip_defrag(edu_stack &host, skb_ptr &packet);

/*
 * Sends packet, whose IP header is complete, in fragments of at most mtu octets by route; DF is the
 * caller's affair. A packet that is a fragment itself may be cut again. It is not GSO. All fragments
 * are made before the first is sent. Consumes packet. Errors: enobufs (no memory: nothing was sent),
 * emsgsize (the MTU leaves no room for data), the link's. Any context, no lock held.
 */
result<void> ip_fragment(edu_stack &host, skb_ptr packet, rtable &route, u32 mtu);

/* What came in by an interface that goes is given up. RTNL. */
void frag_iface_gone(edu_iface &iface);

result<void> frag_host_init(edu_stack &host);
void frag_host_close(edu_stack &host);
void frag_host_exit(edu_stack &host);

} // namespace edu
