// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sock: the core's part of a socket (TLK's `sock`, 2.0's struct sock), and the table of
 * operations its protocol gives it (TLK's `proto`).
 *
 * TLK "The INET Socket Layer": the BSD socket's data pointer leads to the sock, which has a pointer
 * to its protocol's operations, set at creation by the protocol asked for (INET-1, INET-2, INET-5,
 * BSD-7). The kernel's struct sock comes first in memory; this part lies behind it, at
 * EDU_SIZEOF_SOCK. Numbers of states and options are Linux's.
 *
 * Locking: the socket lock guards every member. Those marked [packet path] are also read without it,
 * by senders and by softirqs under RCU: they are written with write_once(), read with read_once(),
 * and a reader may see one old and one new for a moment, as in Linux. A sock found in a table under
 * RCU stays valid until the reader leaves its section; nobody needs a reference.
 */
#pragma once

#include "base/hash_table.hh"
#include "ip/ip.hh"

namespace edu {

struct cork;
struct proto;
struct stream_ops;
struct sock_options;
struct ip_mc_socklist;

/* Socket states; Linux's TCP_* numbers. */
enum class sock_state : u8 {
	established = 1, /* a datagram socket: connected */
	syn_sent = 2,
	syn_recv = 3,
	fin_wait1 = 4,
	fin_wait2 = 5,
	time_wait = 6,
	close = 7,
	close_wait = 8,
	last_ack = 9,
	listen = 10,
	closing = 11,
};

/* Numbers of socket types and of protocols as programs write them. */
inline constexpr int sock_stream = 1, sock_dgram = 2, sock_raw = 3, sock_rdm = 4,
		     sock_seqpacket = 5, sock_packet = 10;
inline constexpr u8 ipproto_icmp = 1, ipproto_tcp = 6, ipproto_udp = 17, ipproto_raw = 255;

/* Capabilities (include/uapi/linux/capability.h). */
inline constexpr int cap_net_bind_service = 10, cap_net_admin = 12, cap_net_raw = 13;

/* Flags of sendmsg() and recvmsg(). */
namespace msg {
inline constexpr u32 oob = 0x1, peek = 0x2, dontroute = 0x4, probe = 0x10, trunc = 0x20,
		     dontwait = 0x40, eor = 0x80, waitall = 0x100, confirm = 0x800,
		     errqueue = 0x2000, nosignal = 0x4000, more = 0x8000;
} // namespace msg

/* Values of IP_MTU_DISCOVER (RFC 1191). */
namespace pmtu {
inline constexpr u8 never = 0, /* no DF: routers may fragment */
	want = 1,	       /* DF on whatever fits, fragment the rest here */
	always = 2,	       /* DF, and EMSGSIZE for what does not fit */
	probe = 3,	       /* like always */
	interface = 4,	       /* no DF, no fragments: EMSGSIZE against the device's MTU */
	omit = 5;	       /* like interface, but fragments here */
} // namespace pmtu

/* Bits of sock::cmsg: what recvmsg() tells besides the data. */
namespace cmsg_bit {
inline constexpr u8 pktinfo = 1, ttl = 2, tos = 4, recvopts = 8, retopts = 16, origdstaddr = 32;
} // namespace cmsg_bit

/* One end of an exchange. */
struct end_point {
	be32 addr;
	be16 port;
};

/* Network-order words of a sock, read and written on the packet path. */
template <std::unsigned_integral uint>
inline big_endian<uint> read_once(const big_endian<uint> &word)
{
	return big_endian<uint>::from_raw(
		__atomic_load_n(reinterpret_cast<const uint *>(&word), __ATOMIC_RELAXED));
}

template <std::unsigned_integral uint>
inline void write_once(big_endian<uint> &word, std::type_identity_t<big_endian<uint>> v)
{
	__atomic_store_n(reinterpret_cast<uint *>(&word), v.raw(), __ATOMIC_RELAXED);
}

struct sock {
	edu_stack *host;   /* constant */
	const proto *prot; /* constant */
	u8 type = 0;	   /* sock_dgram, …; constant */
	u8 protocol = 0;   /* of the IP header; constant */

	/* Who we are. num is the local port in host order, 0 while unbound; RAW: the protocol; ping:
	 * the identifier of our echo requests; PACKET: the frames' protocol. [packet path] */
	u16 num = 0;
	be16 sport;	/* num, as the header has it; there before num while a port is claimed */
	be16 dport;	/* peer's port, 0 when not connected [packet path] */
	be32 rcv_saddr; /* TLK's recv_addr: takes packets sent to it, 0: to any of ours [packet path] */
	be32 saddr;	/* source of what is sent, 0: the route's [packet path] */
	be32 daddr;	/* peer, 0 when not connected [packet path] */
	bool addr_bound = false; /* bind() named an address: disconnect keeps it */
	bool port_bound = false; /* bind() named a port: likewise */
	bool any_source =
		false; /* a privileged bind() chose an address that is not ours (INET-4) */

	/* UDP-2: the route of a connected socket; a reference. Senders exchange it without a lock. */
	rcu_ptr<rtable> ip_route_cache;

	/* Options (ip(7)); each one word, read by senders and the packet path [packet path] */
	rcu_ptr<sock_options>
		ip_options; /* IP_OPTIONS; replaced under the socket lock, freed by RCU */
	s16 ip_ttl = -1;    /* 1..255, -1: the host's default */
	u8 ip_tos = 0;
	u8 mc_ttl = 1;	/* TTL of multicast packets, 0..255 */
	u8 min_ttl = 0; /* IP_MINTTL: kept; TCP alone looks at it, as in Linux */
	u8 pmtudisc = pmtu::want;
	u8 cmsg = 0;		  /* cmsg_bit::* */
	bool recverr = false;	  /* IP_RECVERR: errors also go to the error queue */
	bool hdrincl = false;	  /* IP_HDRINCL: the program writes the IP header (RAW) */
	bool freebind = false;	  /* IP_FREEBIND: any address may be bound */
	bool transparent = false; /* IP_TRANSPARENT: and be the source */
	bool bind_no_port =
		false;	       /* IP_BIND_ADDRESS_NO_PORT: the port is chosen when first needed */
	bool mc_loop = true;   /* IP_MULTICAST_LOOP: members here get it too */
	bool mc_all = true;    /* IP_MULTICAST_ALL: groups that others have joined as well */
	bool nodefrag = false; /* IP_NODEFRAG; kept, as Linux does without netfilter */
	u16 port_least = 0, port_most = 0; /* IP_LOCAL_PORT_RANGE, 0: the host's; host order */
	int mc_index = 0;    /* IP_MULTICAST_IF: interface for multicast packets, 0: any */
	be32 mc_addr;	     /* its address, if that named it */
	int uc_index = 0;    /* IP_UNICAST_IF, 0: any */
	u32 icmp_filter = 0; /* ICMP_FILTER: bit n set: ICMP type n is not wanted (RAW) */

	/* Its memberships, newest first; RTNL and the socket lock. Packets find them by the host's
	 * table (sock/membership.hh), if there are any [packet path]. */
	ip_mc_socklist *mc_list = nullptr;
	u32 mc_count = 0;

	/* Where packets find us; the tables' locks guard the links. UDP is in udp_hash from bind to
	 * close, and in one of the other two; the others use port_node alone. */
	hash_node port_node;
	hash_node addr_node;
	hash_node conn_node;
	u64 bind_order = 0; /* greater: bound later, and so preferred [packet path] */

	/* sock/cork.cc: a datagram that is still growing, or null. Socket lock; [packet path] */
	cork *corked = nullptr;
	bool cork_on = false; /* UDP_CORK */

	/* SOCK_PACKET alone; packet_state::lock guards both. */
	edu_tap *tap = nullptr; /* null: hears nothing, its device is down or gone */
	int tap_ifindex = 0;	/* device it is bound to, 0: all, -1: one that is gone */

	u32 drops = 0; /* packets for us that did not get on the queue; may lag [packet path] */

	sock(edu_stack *on, const proto *by, u8 kind, u8 number)
		: host{on}, prot{by}, type{kind}, protocol{number}
	{
	}
	~sock();
	sock(const sock &) = delete;
	sock &operator=(const sock &) = delete;
};

/* From the home's part to the core's and back. */
inline sock &core(::sock *sk)
{
	return *reinterpret_cast<sock *>(reinterpret_cast<char *>(sk) + EDU_SIZEOF_SOCK);
}

inline ::sock *home(sock &s)
{
	return reinterpret_cast<::sock *>(reinterpret_cast<char *>(&s) - EDU_SIZEOF_SOCK);
}

inline const ::sock *home(const sock &s)
{
	return home(const_cast<sock &>(s));
}

/* What the home's part says, read where it lies. Any context. */
inline sock_state state_of(const sock &s)
{
	const char *state = reinterpret_cast<const char *>(home(s)) + EDU_OFFSETOF_SOCK_STATE;

	return sock_state{read_once(*reinterpret_cast<const u8 *>(state))};
}

inline int bound_dev_if(const sock &s)
{
	const char *index =
		reinterpret_cast<const char *>(home(s)) + EDU_OFFSETOF_SOCK_BOUND_DEV_IF;

	return read_once(*reinterpret_cast<const int *>(index));
}

inline bool is_connected(const sock &s)
{
	return state_of(s) == sock_state::established;
}

/* Takes data out of a stream where it lies (splice): as edu_core_splice_read() says. */
struct splice_taker {
	int (*take)(void *arg, sk_buff *skb, unsigned int offset, unsigned int len);
	void *arg;
};

/*
 * TLK's proto: one constant table per protocol. "Locked" means with the socket lock held; all but
 * the first four run in process context and may sleep. A null entry: see each.
 */
struct proto {
	const char *name;
	u8 header_len; /* octets in front of the data of a queued packet */
	bool autobind; /* connect and send get a port first */
	bool listens;  /* listen() changes the state (INET-10) */

	result<void> (*init)(sock &s);
	/* Locked: the name is no Internet address. Such a socket has no other end and no options
	 * but SOL_SOCKET's. null: it is one. */
	result<void> (*bind_name)(sock &s, const void *name, int name_len);
	result<void> (*bind)(sock &s, const end_point &at); /* locked; null: inet_bind() */
	result<void> (*get_port)(sock &s, u16 num);	    /* locked; 0: choose one */
	void (*rehash)(sock &s); /* locked: rcv_saddr, daddr or dport have changed */
	void (*unhash)(sock &s); /* locked: gives the port back */
	result<int> (*sendmsg)(sock &s, const edu_send &send);
	result<void> (*push_locked)(sock &s); /* locked: sends what is corked; null: cannot be */
	result<int> (*recvmsg)(sock &s, msghdr *message, u32 len, u32 flags);
	result<void> (*setsockopt)(sock &s, int level, int name,
				   bytes value); /* null: SOL_IP alone */
	result<u32> (*getsockopt)(sock &s, int level, int name, mutable_bytes value);

	/* What only a protocol of streams has: null, or a table. */
	const stream_ops *stream = nullptr;
};

/*
 * The rest of TLK's proto, for a protocol with connections. All but the last four run in process
 * context. They take the socket lock themselves unless they say "locked".
 */
struct stream_ops {
	u32 sock_size; /* octets of the core's part, a structure derived from sock */
	/* Makes the core's part in zeroed memory; init() follows. */
	void (*construct)(void *memory, edu_stack *host, const proto *prot);
	/* Ends what construct() began; any context. */
	void (*destroy)(sock &s);

	result<void> (*connect)(sock &s, const void *name, int name_len, int flags);
	result<void> (*listen)(sock &s, int backlog);
	/* The next connection, whose reference goes to the caller; may sleep. */
	result<sock *> (*accept)(sock &s, int flags);
	result<void> (*shutdown)(sock &s, int how); /* how: 0, 1, 2 as shutdown(2) has it */
	void (*close)(sock &s);			    /* the program is done with it; may linger */
	result<int> (*ioctl)(sock &s, u32 command); /* enosys: not one of this protocol's */
	result<int> (*splice_read)(sock &s, u32 len, u32 flags, splice_taker &to);
	result<void> (*set_rcvlowat)(sock &s, int octets); /* locked */
	void (*keepalive)(sock &s, bool on);		   /* locked */

	u32 (*poll)(const sock &s); /* EDU_POLL*; no lock; any context that may read */
	void (*backlog_rcv)(sock &s, skb_ptr packet); /* locked */
	void (*release_cb)(sock &s); /* the spin lock is held: what was put off is done now */
};

extern const proto udp_prot;
extern const proto tcp_prot;
extern const proto raw_prot;
extern const proto ping_prot;
extern const proto packet_prot;

/*
 * sock/sock.cc
 */

/* The route a connected socket remembers; the former one is dropped. Any context. */
void sk_route_set(sock &s, ref<rtable> route);
inline void sk_route_reset(sock &s)
{
	sk_route_set(s, nullptr);
}
/* A reference to it, if it is still valid and leads to dst by the interface wanted (0: any). Any
 * context. */
ref<rtable> sk_route_get(const sock &s, be32 dst, int oif);

/* Puts a packet on the socket's receive_queue. Returns the reason when it did not: 0, -ENOMEM,
 * -EPERM, -ENOBUFS; packet is then still the caller's. Softirq, RCU. */
int sock_queue_rcv(sock &s, skb_ptr &packet);

/* An asynchronous error about a datagram of ours (RFC 1122 4.1.3.3): onto the error queue if the
 * program asked for that, with payload_at the offset of its data behind error.packet's (negative:
 * in front of it); and into sk_err, by Linux's rules. Softirq, RCU. */
void sock_icmp_error(sock &s, const icmp_error &error, int payload_at, be16 port);
/* An error found out here, for IP_RECVERR: EMSGSIZE, with the MTU; ETIMEDOUT. Any context. */
void sock_local_error(sock &s, int error, be32 dst, be16 port, u32 info);

/* Throws away the datagram that is still growing (sock/cork.cc). Socket lock. */
void sock_uncork(sock &s);

/* One record for /proc. RCU. */
void sock_fill_info(const sock &s, edu_sock_info &out);

/*
 * inet/af_inet.cc
 */

/* Takes an address apart: einval when it is short, eafnosupport when it is not of our family.
 * unspec: AF_UNSPEC is taken for ours. */
result<end_point> parse_name(const void *name, int name_len, bool unspec);
/* Linux's rule for addresses that may be bound; einval …; process. Says the class. */
result<route_type> check_bind_address(sock &s, be32 addr);
/* A port for a socket that has none; takes the lock. EAGAIN when there is none left. */
result<void> inet_autobind(sock &s);

} // namespace edu
