// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP's tables: who has a port, who listens, whose a segment is.
 *
 * TLK "Binding an Address to an INET BSD Socket", "Making a Connection", "Listening": tcp_bound_hash
 * and tcp_listening_hash by port; tcp_established_hash by all four numbers of a connection, for "TCP
 * uses more of the packet than UDP". Requirements: INET-6, INET-7, TCP-1, TCP-7, TCP-9. RFC 6056 3.3.4
 * (ephemeral ports by a double hash), RFC 9293 MUST-42 (several listeners on one port).
 *
 * All three grow and are seeded. A connection is in tcp_established_hash from its first SYN to its
 * end; a record in TIME-WAIT takes the place of its socket there, and keeps the port.
 *
 * Locking: readers use RCU. tcp_bound_hash: the port's lock (EDU_LOCK_TCP_PORT), inside the socket
 * lock; a search for a conflict and the entry are one step under it. The other two have the locks
 * of hash_table, which are inside.
 */
#pragma once

#include "base/siphash.hh"
#include "sock/sock.hh"

namespace edu {

struct tcp_sock;
struct tcp_timewait;
struct tcp_bind_bucket;

/* What is looked for: a segment's addresses and ports as we see them. */
struct tcp_flow {
	be32 laddr; /* our end */
	be32 faddr; /* the other */
	u16 lport;  /* host order */
	be16 fport;
	int ifindex; /* the segment came in by; 0: by none, any will do */
};

/* A place in tcp_established_hash (or tcp_listening_hash, where the foreign half is zero): of a
 * tcp_sock or of a tcp_timewait. Constant while hashed; but a sock may be hashed anew while a reader of
 * before still looks at it, so a sock's is written with write_once() and read with read_once(). */
struct tcp_end {
	enum class kind : u8 { socket, time_wait };

	hash_node node; /* first member */
	be32 laddr;	/* listener: 0 means any of ours */
	be32 faddr;
	u16 lport = 0; /* host order */
	be16 fport;
	int bound_if =
		0; /* SO_BINDTODEVICE at that time, 0: any; of a listener as it is now counts */
	kind what = kind::socket;

	tcp_sock &socket();	/* kind::socket alone */
	tcp_timewait &record(); /* kind::time_wait alone */
};

/* A user of a port, in its bucket's list: of a tcp_sock or a tcp_timewait. The port's lock guards it. */
struct tcp_bound {
	list_node in_bucket;
	tcp_bind_bucket *bucket = nullptr; /* null: has no port */
	u32 uid = 0;			   /* of a socket: the user's when it got the port */
	bool reuse = false;	/* SO_REUSEADDR, of a socket when it got the port: for the counts */
	bool listening = false; /* listen() has been granted */
	bool by_connect = false; /* chosen by connect(): conflicts only by all four numbers */
	bool time_wait = false;	 /* a record in TIME-WAIT, whose socket is gone, and was: */
	bool reuseport = false;	 /* SO_REUSEPORT */
	int bound_if = 0;	 /* at that device */
	be32 addr;		 /* at that address, 0: any. A socket's is its rcv_saddr */
};

/* One port in use (Linux's inet_bind_bucket). Lives while it has users. */
struct tcp_bind_bucket {
	hash_node node; /* tcp_bound_hash */
	u16 port = 0;	/* host order; constant */
	list<tcp_bound, &tcp_bound::in_bucket> users;
	u32 count = 0;		/* users */
	u32 explicit_count = 0; /* of them, those that bind() has given the port */
	u32 reuse_count = 0;	/* of them, those with SO_REUSEADDR that do not listen */
	edu_rcu_head rcu = {};
};

/* A lock for the ports that fall to it. */
inline constexpr u32 tcp_port_locks = 256;

struct tcp_tables {
	hash_table<tcp_end, &tcp_end::node> established; /* TLK: tcp_established_hash */
	/* TLK: tcp_listening_hash, by address and port */
	hash_table<tcp_end, &tcp_end::node> listening;
	hash_table<tcp_bind_bucket, &tcp_bind_bucket::node> bound; /* TLK: tcp_bound_hash */
	spinlock port_lock[tcp_port_locks];
	atomic<u32> port_counter[64]; /* RFC 6056 3.3.4: table of counters */
	atomic<u64> listens;	      /* the last bind_order given to a listener */

	result<void> init(); /* process; enomem */
	void free();
};

/*
 * transport/tcp_hash.cc
 */

/* The connection or the record in TIME-WAIT that a segment belongs to, or null. RCU. Constant time. */
tcp_end *tcp_find_established(const edu_stack &host, const tcp_flow &flow);
/* The best listener: address before wildcard, device before any; among equals with SO_REUSEPORT by a
 * hash of the flow. RCU. */
tcp_sock *tcp_find_listener(const edu_stack &host, const tcp_flow &flow);

/* Enters a connection whose addresses and ports are set. eaddrnotavail: there is such a one already.
 * Locked (socket or spin lock). `record`, if not null, is a TIME-WAIT that gives way: no twin. */
result<void> tcp_hash_established(tcp_sock &s, tcp_timewait *record);
result<void> tcp_hash_listening(tcp_sock &s); /* locked */
/* Leaves whichever of the two it is in. Locked. */
void tcp_unhash(tcp_sock &s);
/* A record takes the socket's place in tcp_established_hash and at its port in one step for every
 * reader: a segment finds one or the other. Locked. */
void tcp_hash_time_wait(tcp_sock &s, tcp_timewait &record);
void tcp_unhash_time_wait(edu_stack &host, tcp_timewait &record); /* any context */

/*
 * transport/tcp_port.cc
 */

/* bind(): takes port num, or a free one for 0. eaddrinuse. Linux's rules for SO_REUSEADDR and
 * SO_REUSEPORT. Locked, process. */
result<void> tcp_get_port(sock &s, u16 num);
/* connect() without a port: chooses one that makes the four numbers unique and enters the connection
 * in tcp_established_hash. eaddrnotavail: none is left. Locked, process. */
result<void> tcp_connect_port(tcp_sock &s);
/* A child shares its listener's port. enomem. Softirq. */
result<void> tcp_inherit_port(const tcp_sock &listener, tcp_sock &child);
/* Gives the port back, if it has one. Locked. */
void tcp_put_port(tcp_sock &s);
/* Enters a connection whose four numbers are set. A record in TIME-WAIT may give way (RFC 6191): then
 * *record is to be killed by the caller, who holds RCU, when it has let its locks go, and s.write_seq is
 * what the initial number must be beyond. eaddrnotavail. Locked. */
result<void> tcp_enter_connection(tcp_sock &s, tcp_timewait **record);
/* A record in TIME-WAIT takes a place at its socket's port; it, or a child, leaves it. Any context. */
void tcp_share_port(tcp_sock &s, tcp_timewait &record);
void tcp_leave_port(edu_stack &host, tcp_bound &user);
/* listen(): from now on the port conflicts as a listener's does. eaddrinuse. Locked. */
result<void> tcp_port_listens(tcp_sock &s);
/* … and no more. Locked. */
void tcp_port_listens_no_more(tcp_sock &s);
/* For /proc: of the sockets at that port that are in neither of the other tables, the one with the least
 * address above `last`; or null. RCU, which keeps it. */
tcp_sock *tcp_next_bound_only(edu_stack &host, tcp_bind_bucket &bucket, u64 last);

} // namespace edu
