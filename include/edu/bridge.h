/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The boundary: all that the kernel side (C) and the core (C++) know of each other.
 *
 * edu_k_*     what the home offers the core: memory, locks, timers, socket buffers, sockets, devices.
 *             module/kernel/ implements it inside Linux, userspace/hosted/ inside a process.
 * edu_core_*  what the core offers its home: the stack's life, packets in, socket calls,
 *             configuration, and the records that /proc and netlink show.
 *
 * Rules. Only integers, pointer plus length, flat records and opaque handles cross. No kernel header
 * is seen by the core, no protocol logic stands in C. Internet addresses and ports are in network
 * byte order (edu_be32, edu_be16), all else in the host's. Functions that can fail return 0 or a
 * negative errno with Linux's numbers. "Process" context may sleep unless said otherwise; "any"
 * means process or softirq, never hard interrupt. "RCU" means the caller is in a read-side section.
 * A function that consumes an skb frees it in every case.
 */
#ifndef _EDU_BRIDGE_H
#define _EDU_BRIDGE_H

#include <edu/counters.h>
#include <edu/iface_tunables.h>
#include <edu/tunables.h>
#include <edu_offsets.h> /* generated: sizes and offsets of the home's structures */

#ifdef __cplusplus
extern "C" {
#endif

typedef unsigned char edu_u8;
typedef unsigned short edu_u16;
typedef unsigned int edu_u32;
#ifdef __cplusplus
typedef __UINT64_TYPE__ edu_u64; /* as std::uint64_t spells it */
#else
typedef unsigned long long edu_u64; /* as the kernel's u64 spells it */
#endif
typedef edu_u16 edu_be16; /* network byte order */
typedef edu_u32 edu_be32; /* network byte order */

/* The home's structures; incomplete for the core. */
struct sk_buff;
struct sock;	/* the socket the kernel sees; the core's part lies behind it in the same memory */
struct msghdr;	/* a message being sent or received */
struct edu_net; /* the home's part of a stack: in Linux, a network namespace */
struct edu_dev; /* the home's part of an attached network device */
struct edu_tap; /* a SOCK_PACKET socket's ear on devices (a packet_type of its own) */

/* The core's structures; incomplete for the home. */
struct edu_stack; /* one host's stack */
struct edu_iface; /* one attached interface */

/* ------------------------------------------------------------------------------------------------
 * Storage for the home's objects that live inside the core's
 */

struct edu_spinlock {
	edu_u64 storage[(EDU_SIZEOF_SPINLOCK + 7) / 8];
};

/* fire() is called in softirq context with no lock held. */
struct edu_timer {
	edu_u64 storage[(EDU_SIZEOF_TIMER + 7) / 8];
	void (*fire)(struct edu_timer *timer);
};

struct edu_rcu_head {
	edu_u64 storage[(EDU_SIZEOF_RCU_HEAD + 7) / 8];
	void (*reclaim)(struct edu_rcu_head *head);
};

/* run() is called in process context on the module's own work queue. */
struct edu_work {
	edu_u64 storage[(EDU_SIZEOF_WORK + 7) / 8];
	void (*run)(struct edu_work *work);
};

/* Classes of spin locks, for lockdep, outermost first: a lock may be taken while one above it is
 * held, never the other way round (Documentation/locking.rst). */
enum edu_lock_class {
	EDU_LOCK_SOCK_BIND,	  /* a port's list of sockets */
	EDU_LOCK_UDP_HASH,	  /* a bucket of the table packets are looked up in */
	EDU_LOCK_TCP_PORT,	  /* a port's users */
	EDU_LOCK_TCP_BOUND,	  /* tcp_bound_hash */
	EDU_LOCK_TCP_LISTENING,	  /* tcp_listening_hash */
	EDU_LOCK_TCP_ESTABLISHED, /* tcp_established_hash */
	EDU_LOCK_TCP_TIME_WAIT,	  /* a connection's record in TIME-WAIT */
	EDU_LOCK_TCP_RECORDS,	  /* a host's list of them */
	EDU_LOCK_PACKET,	  /* what the SOCK_PACKET sockets of a host are bound to */
	EDU_LOCK_RAW_HASH,
	EDU_LOCK_IPQ,	   /* a datagram that waits for fragments */
	EDU_LOCK_IPQUEUE,  /* a bucket of the table of them */
	EDU_LOCK_IPQ_AGE,  /* a row of them by age */
	EDU_LOCK_RT_CACHE, /* a bucket of ip_rt_hash_table */
	EDU_LOCK_FIB,	   /* writers of the forwarding tables */
	EDU_LOCK_ARP_BUCKET,
	EDU_LOCK_ARP_ENTRY,
	EDU_LOCK_IGMP,	  /* what IGMP keeps of a group */
	EDU_LOCK_IFACE,	  /* the interface and address tables */
	EDU_LOCK_COUNTED, /* rate limits and other leaves: nothing is taken inside */
	EDU_LOCK_CLASS_COUNT
};

/* ------------------------------------------------------------------------------------------------
 * Home: memory, time, chance
 */

/* Context of an allocation: EDU_GFP_KERNEL may sleep, EDU_GFP_ATOMIC never does. The numbers come
 * from the generated header. Memory is zeroed and aligned to 8 (a cache line from 64 octets up). */
void *edu_k_alloc(unsigned long size, unsigned int gfp);
void edu_k_free(void *memory); /* any context; null is allowed */
/* Large tables, process context only; may fall back to virtually mapped pages. */
void *edu_k_table_alloc(unsigned long size);
/* The same, with anything in it: to zero some megabytes takes long. */
void *edu_k_table_alloc_unset(unsigned long size);
void edu_k_table_free(void *table); /* process or softirq */

edu_u64 edu_k_now_ms(void);	    /* monotonic milliseconds, coarse (a tick), any context */
edu_u64 edu_k_now_ns(void);	    /* monotonic nanoseconds */
edu_u32 edu_k_time_of_day_ms(void); /* milliseconds since midnight UT (RFC 792 timestamps) */
edu_u32 edu_k_random(void);	    /* unpredictable; any context */

/* A broken invariant: logs "eduinet: TEXT" with a stack trace, once per place. Never for hostile input. */
void edu_k_warn(const char *text);
/* A rate-limited line in the log, for an operator: address conflicts and the like. */
void edu_k_log(const char *text, edu_be32 address, const edu_u8 *hardware_address);

/* ------------------------------------------------------------------------------------------------
 * Home: locks, RCU, timers, work
 */

void edu_k_spin_init(struct edu_spinlock *lock, enum edu_lock_class lock_class);
/* All of the core's spin locks are taken with softirqs off, in any context. */
void edu_k_spin_lock(struct edu_spinlock *lock);
int edu_k_spin_trylock(struct edu_spinlock *lock); /* nonzero when taken */
void edu_k_spin_unlock(struct edu_spinlock *lock);
void edu_k_assert_spin_locked(struct edu_spinlock *lock);
/* Configuration is serialised by the RTNL, which the home takes before it calls edu_core_*_{add,del,set}. */
void edu_k_assert_rtnl(void);
/* For the few socket options that configure the host (joining a group): process, taken outside of
 * the socket lock, no other lock held. */
void edu_k_rtnl_lock(void);
void edu_k_rtnl_unlock(void);

void edu_k_rcu_read_lock(void);
void edu_k_rcu_read_unlock(void);
void edu_k_assert_rcu(void); /* in a read-side section, of the bh flavour too */
/* reclaim() runs in softirq context after a grace period. head lies in the object it frees. */
void edu_k_call_rcu(struct edu_rcu_head *head, void (*reclaim)(struct edu_rcu_head *head));
void edu_k_synchronize_rcu(void); /* process, no lock but the RTNL */
void edu_k_rcu_barrier(void);	  /* process: waits for every reclaim() queued so far */

void edu_k_timer_init(struct edu_timer *timer, void (*fire)(struct edu_timer *timer));
/* (Re)arms: fires once, `ms` from now at the earliest. Nonzero when it was pending already. Any
 * context, any lock. */
int edu_k_timer_set(struct edu_timer *timer, edu_u64 ms);
int edu_k_timer_pending(const struct edu_timer *timer);
/* Disarms without waiting; nonzero when it was pending. fire() may still be running elsewhere. */
int edu_k_timer_cancel(struct edu_timer *timer);
/* Disarms and waits for fire() to end; process context, no lock that fire() takes. After it
 * edu_k_timer_set() may arm it again only if the core says so. */
void edu_k_timer_cancel_sync(struct edu_timer *timer);

void edu_k_work_init(struct edu_work *work, void (*run)(struct edu_work *work));
void edu_k_work_queue(struct edu_work *work);	    /* any context; once until it has started */
void edu_k_work_cancel_sync(struct edu_work *work); /* process */

/* ------------------------------------------------------------------------------------------------
 * Home: counters and traces
 */

/* Adds to this CPU's counter of the host. Any context. */
void edu_k_count(struct edu_net *net, enum edu_counter counter);
void edu_k_count_add(struct edu_net *net, enum edu_counter counter, edu_u32 amount);

#include <edu/bridge_trace.h> /* layer boundaries at which a packet can be watched, and events */

/* ------------------------------------------------------------------------------------------------
 * Home: socket buffers (TLK "Socket Buffers", SKB-1, SKB-2)
 *
 * data, tail, head, end, len and data_len are read by the core through the generated offsets; every
 * change goes through these functions. The core uses the first EDU_SKB_CB_SIZE octets of skb->cb
 * while it owns the buffer or the buffer lies on a socket's queue.
 */
#define EDU_SKB_CB_SIZE 36

/* A linear buffer with `headroom` + `size` octets of room, data at headroom, len 0. Any context. */
struct sk_buff *edu_k_skb_alloc(unsigned int headroom, unsigned int size, unsigned int gfp);
/* Frees a packet that came to its natural end; for drops use edu_k_skb_drop(). Any context. */
void edu_k_skb_consume(struct sk_buff *skb);
/* Frees a dropped packet (the kernel's drop monitor sees it). Counting and tracing is the caller's. */
void edu_k_skb_drop(struct sk_buff *skb);
struct sk_buff *edu_k_skb_clone(struct sk_buff *skb, unsigned int gfp);
/* Copies header and data: the result is unshared and linear. */
struct sk_buff *edu_k_skb_copy(const struct sk_buff *skb, unsigned int headroom, unsigned int gfp);

edu_u8 *edu_k_skb_push(struct sk_buff *skb,
		       unsigned int len); /* needs headroom; returns the new data */
edu_u8 *edu_k_skb_pull(struct sk_buff *skb, unsigned int len); /* needs len linear octets */
edu_u8 *edu_k_skb_put(struct sk_buff *skb,
		      unsigned int len); /* needs tailroom, linear; returns the old tail */
int edu_k_skb_trim(struct sk_buff *skb,
		   unsigned int len); /* shorter only; keeps a checksum true; -ENOMEM */
/* Makes the first len octets linear (data, tail may move); zero when the packet is shorter or on -ENOMEM. */
int edu_k_skb_may_pull(struct sk_buff *skb, unsigned int len);
/* Private, writable headers with at least `headroom` octets in front; 0 or -ENOMEM. */
int edu_k_skb_cow(struct sk_buff *skb, unsigned int headroom);
/*
 * Readies a received packet, data at its IP header of header_len octets, for its way out by another
 * device: private, writable headers with headroom octets in front, and nothing of its arrival that
 * would mislead the device. 0; or what a link of mtu octets must think of its size: EDU_FORWARD_*. A
 * large buffer whose packets will fit once the device takes it apart is not too large. Negative:
 * -ENOMEM; -EINVAL when a device has merged packets so that they cannot be told apart again (LRO).
 */
#define EDU_FORWARD_TOO_LARGE 1 /* one packet */
#define EDU_FORWARD_SEGMENTS 2	/* a large buffer: its packets are too large */
int edu_k_skb_forward(struct sk_buff *skb, unsigned int header_len, unsigned int mtu,
		      unsigned int headroom);
int edu_k_skb_copy_bits(const struct sk_buff *skb, unsigned int offset, void *to, unsigned int len);
/* Remember where the layer's header starts: now at data. */
void edu_k_skb_mark_network(struct sk_buff *skb);
void edu_k_skb_mark_transport(struct sk_buff *skb);
/* The IP header of a received packet, valid after edu_k_skb_mark_network(). */
edu_u8 *edu_k_skb_network(const struct sk_buff *skb);
/* The frame's link header, or null; *len its length. */
const edu_u8 *edu_k_skb_link_header(const struct sk_buff *skb, unsigned int *len);

/*
 * Fragments (TLK "Data Fragmentation", IP-4, IP-8).
 */
/* A linear buffer with `headroom` octets in front, holding len octets of the packet from data +
 * offset on; charged to whoever is charged for the packet. null: no memory. Any context. */
struct sk_buff *edu_k_skb_cut(struct sk_buff *skb, unsigned int offset, unsigned int len,
			      unsigned int headroom);
/* A received packet is going to wait: it lets go of its device. Softirq. */
void edu_k_skb_park(struct sk_buff *skb);
struct edu_skb_queue;
/* Appends all packets of `rest`, in order, to head, without copying where possible; head's octets are
 * its own (edu_k_skb_cow). The whole belongs to the device of the one that was not parked. All but
 * the last have an even length. 0, rest is empty; or -ENOMEM, nothing has changed hands. Softirq. */
int edu_k_skb_join(struct sk_buff *head, struct edu_skb_queue *rest);

/*
 * Checksums (RFC 1071) over skb[data + offset, len). `sum` is the pseudo-header's partial sum.
 * Verify: folds to zero when right; knows when the device or a virtual cable has vouched for it.
 */
int edu_k_skb_csum_ok(struct sk_buff *skb, unsigned int len, edu_u32 pseudo_sum);
/* Sum of all octets from data on, not complemented, 32 bits unfolded. */
edu_u32 edu_k_skb_csum(const struct sk_buff *skb, unsigned int offset, unsigned int len);
/* Leaves the transport checksum to the device (or to the last moment): from data on, stored at
 * data + offset, which already holds the pseudo-header's sum, folded and not complemented. */
void edu_k_skb_csum_offload(struct sk_buff *skb, unsigned int offset);
/* Does now what edu_k_skb_csum_offload() had put off, if anything. 0 or -ENOMEM. */
int edu_k_skb_csum_complete(struct sk_buff *skb);
/* The packet's checksum needs nothing more (computed, or none). */
void edu_k_skb_csum_done(struct sk_buff *skb);

/* How many packets of the wire a received buffer stands for: more than one when a device has merged
 * them (GRO) or never cut them. *size: octets of payload in each but the last, 0: one packet. */
unsigned int edu_k_skb_packets(const struct sk_buff *skb, unsigned int *size);
/* A TCP segment of ours with its header, larger than one packet: a device is to cut it into packets of
 * mss octets of payload each (segmentation offload). header_len: octets of TCP header. */
void edu_k_skb_segmented(struct sk_buff *skb, unsigned int header_len, unsigned int mss);

struct edu_skb_queue { /* waiting packets, oldest first; the holder's lock guards it */
	struct sk_buff *first, *last;
	edu_u32 length;
};
void edu_k_skb_queue_tail(struct edu_skb_queue *queue, struct sk_buff *skb);
/* In front of all others. */
void edu_k_skb_queue_head(struct edu_skb_queue *queue, struct sk_buff *skb);
struct sk_buff *edu_k_skb_dequeue(struct edu_skb_queue *queue); /* null when empty */
/* Takes a large buffer (EDU_FORWARD_SEGMENTS), data at its IP header, apart into its packets and queues
 * them. Consumes skb. 0, or negative when nothing was queued. */
int edu_k_skb_segment(struct sk_buff *skb, struct edu_skb_queue *queue);

/* ------------------------------------------------------------------------------------------------
 * Home: devices
 */

/* What the core must know of a device. Kept up to date by edu_core_iface_changed(). */
struct edu_dev_info {
	int ifindex;
	char name[16];
	edu_u32 flags; /* IFF_UP, IFF_BROADCAST, IFF_LOOPBACK (edulo), IFF_POINTOPOINT, IFF_NOARP, … */
	edu_u32 mtu;	    /* octets of IP packet */
	edu_u16 type;	    /* ARPHRD_* */
	edu_u16 header_len; /* of the link header; 0: none */
	edu_u16 headroom;   /* octets to leave in front of an IP packet */
	edu_u8 addr_len;
	edu_u8 addr[8];
	edu_u8 broadcast[8];
	edu_u32 segment_max; /* octets of the largest buffer it takes (GSO), IP header included */
	edu_u8 csum_offload; /* the device completes transport checksums */
	edu_u8 loopback;     /* the host's own edulo */
};

/*
 * Puts a complete frame (link header at data) on the device's queue. Consumes skb.
 * Context: any, RCU held; takes none of our locks and must not be called with one held, since a
 * device may loop the frame straight back. Return: 0, -ENETDOWN, -ENOBUFS (-NET_XMIT_DROP and such).
 */
int edu_k_dev_xmit(struct edu_dev *dev, struct sk_buff *skb, edu_u16 ethertype);
/* Lets the device build its own link header (dev_hard_header) for destination address `to` (null:
 * broadcast or header-less) and returns 0, or -EINVAL when it cannot. For devices that are not Ethernet. */
int edu_k_dev_header(struct edu_dev *dev, struct sk_buff *skb, edu_u16 ethertype, const edu_u8 *to);
/* The device takes frames for that group address too (dev->addr_len octets), or no longer. It counts:
 * each add needs a del before edu_k_dev_release(). RTNL. 0 or -ENOMEM. */
int edu_k_dev_mc_add(struct edu_dev *dev, const edu_u8 *address);
void edu_k_dev_mc_del(struct edu_dev *dev, const edu_u8 *address);
/* The core's interface is gone and no reader can reach it: the home lets go of the device. */
void edu_k_dev_release(struct edu_dev *dev);
/* Index of the device of that name in the namespace, or 0. RTNL or RCU. */
int edu_k_dev_index(struct edu_net *net, const char *name);

/*
 * Whole frames, for SOCK_PACKET (DEV-4): of any device of the host's namespace, attached or not.
 */

/* The protocol of a tap that wants every frame, those that leave included (ETH_P_ALL). Host order. */
#define EDU_FRAME_ALL 3

/* Where a frame was met: 2.0's struct sockaddr_pkt, which is what a program sees. */
struct edu_frame {
	edu_u16 type;	   /* ARPHRD_* of the device */
	char device[14];   /* its name, as much as fits, with a final zero */
	edu_be16 protocol; /* of the frame, as the link layer understood it */
};

struct edu_frame_dev {
	int ifindex;
	edu_u32 mtu;	    /* octets behind the link header */
	edu_u16 header_len; /* of the link header */
	edu_u16 headroom;   /* octets to leave in front of a frame */
	edu_u8 up;
};
/* The device of that name now: 0 or -ENODEV. Any context. */
int edu_k_frame_dev(struct edu_net *net, const char *name, struct edu_frame_dev *dev);
/* Sends a frame, link header at data, by the device. Consumes skb. 0, -ENODEV, -ENETDOWN, -EINVAL (shorter
 * than a link header); what the device's queue refuses is lost like any frame. Process, no lock. */
int edu_k_frame_xmit(struct edu_net *net, int ifindex, struct sk_buff *skb, edu_be16 protocol);
/*
 * From now on edu_core_rcv_frame(sk, …) gets a copy of every frame of that protocol that comes in by
 * the device (0: by any). EDU_FRAME_ALL: and of those that leave, but for sk's own. The calls for one
 * host are serialised by the core. Any context, under a spin lock. null: *error is -ENODEV,
 * -ENETDOWN (the device is down) or -ENOMEM.
 */
struct edu_tap *edu_k_tap_open(struct edu_net *net, struct sock *sk, edu_be16 protocol, int ifindex,
			       int *error);
/* Ends it; a frame may still be on its way to sk until a grace period has passed. As above. */
void edu_k_tap_close(struct edu_tap *tap);

/* ------------------------------------------------------------------------------------------------
 * Home: sockets. The kernel's struct sock, seen by the core through these operations; sk_state,
 * sk_bound_dev_if and sk_shutdown are also read through the generated offsets.
 */

/* The address family in use, for socket addresses (sa_family). Set before edu_core_init(), constant. */
extern int edu_k_family;

void edu_k_lock_sock(struct sock *sk); /* process; packets that arrive meanwhile go to back_log */
void edu_k_release_sock(struct sock *sk);
void edu_k_sock_hold(struct sock *sk);
void edu_k_sock_put(struct sock *sk);
void edu_k_sock_set_state(struct sock *sk, int state); /* TCP_ESTABLISHED, TCP_CLOSE, …; locked */
/* Sets bits of sk_shutdown (RCV_SHUTDOWN 1, SEND_SHUTDOWN 2; they are never cleared) and wakes whoever
 * sleeps or polls (sk_state_change); locked. */
void edu_k_sock_shutdown(struct sock *sk, int bits);
/* Capability of the caller over the socket's namespace; process. */
int edu_k_sock_capable(const struct sock *sk, int capability);
edu_u32 edu_k_sock_uid(const struct sock *sk);
/* Which of the home's own options are set: EDU_SOCK_* below. */
#define EDU_SOCK_REUSEADDR 1
#define EDU_SOCK_REUSEPORT 2
#define EDU_SOCK_BROADCAST 4
#define EDU_SOCK_DONTROUTE 8
#define EDU_SOCK_KEEPALIVE 16	 /* SO_KEEPALIVE */
#define EDU_SOCK_LINGER 32	 /* SO_LINGER is on */
#define EDU_SOCK_URGINLINE 64	 /* SO_OOBINLINE */
#define EDU_SOCK_DEAD 128	 /* no program has it any more */
#define EDU_SOCK_RCVBUF_LOCK 256 /* the program has set SO_RCVBUF */
#define EDU_SOCK_SNDBUF_LOCK 512
edu_u32 edu_k_sock_flags(const struct sock *sk);
/* Sets sk_err and wakes the program (an asynchronous error, RFC 1122 4.1.3.3). Softirq or process. */
void edu_k_sock_report(struct sock *sk, int error);
/* What read and poll report and clear: 0 or a negative errno. */
int edu_k_sock_error(struct sock *sk);
edu_u32 edu_k_sock_rmem(const struct sock *sk); /* octets charged for reception */
edu_u32 edu_k_sock_wmem(const struct sock *sk); /* octets charged for sending (SIOCOUTQ) */
edu_u64 edu_k_sock_inode(const struct sock *sk);
edu_u32 edu_k_sock_references(const struct sock *sk); /* who holds the sock, its file included */
/* SO_BINDTODEVICE is over: sk_bound_dev_if becomes 0. Locked. */
void edu_k_sock_unbind_device(struct sock *sk);
/* SO_PRIORITY becomes what a TOS stands for (IP_TOS): 0 to 6, TC_PRIO_*. Locked. */
void edu_k_sock_set_priority(struct sock *sk, edu_u32 priority);
/* Octets in the first waiting datagram from its data on, 0 when none (FIONREAD). */
unsigned int edu_k_sock_first_len(struct sock *sk);

/*
 * Queues a received packet on sk's receive_queue: runs the socket's filter, charges the buffer,
 * wakes the reader. Consumes skb when it returns 0. Else the caller still owns it: -ENOMEM the
 * receive buffer is full, -EPERM a filter refused it, -ENOBUFS no memory.
 * Context: softirq (or process, softirqs off), RCU.
 */
int edu_k_sock_queue(struct sock *sk, struct sk_buff *skb);

/* Asks the socket's filter (SO_ATTACH_FILTER) about a segment, data at its TCP header; what it cuts off is
 * kept down to that header. 0 or -EPERM. Softirq, RCU. */
int edu_k_sock_filter(struct sock *sk, struct sk_buff *skb, unsigned int header_len);

/* An entry for the error queue (IP_RECVERR), struct sock_extended_err in parts. */
struct edu_sock_error {
	int error;     /* positive errno */
	edu_u8 origin; /* SO_EE_ORIGIN_LOCAL 1, _ICMP 2 */
	edu_u8 type, code;
	edu_u32 info;	   /* path MTU, … */
	edu_be32 offender; /* who sent the ICMP error; shown as a sockaddr behind the structure */
	edu_be32 destination; /* where the failed packet was going */
	edu_be16 port;
	/* The IP header of the ICMP message, for control messages about it; 0 of a local error. */
	edu_be32 received_by; /* its destination */
	int ifindex;	      /* it came in by */
	edu_u8 ttl, tos, header_len;
};
/* Queues skb, whose data is the payload of the packet that failed. Consumes skb. 0 or -ENOMEM. */
int edu_k_sock_queue_error(struct sock *sk, struct sk_buff *skb,
			   const struct edu_sock_error *error);
/* Throws away what waits on the error queue. Process. */
void edu_k_sock_purge_errors(struct sock *sk);

/* One call of sendmsg, with its control messages taken apart. */
struct edu_send {
	struct msghdr *msg;
	edu_u32 len;	       /* octets of data */
	edu_u32 flags;	       /* MSG_* */
	const void *name;      /* destination as given: a socket address, or null */
	int name_len;	       /* its length */
	int ifindex;	       /* IP_PKTINFO, or 0 */
	edu_be32 source;       /* IP_PKTINFO's ipi_spec_dst, or 0 */
	int ttl;	       /* IP_TTL, or -1 */
	int tos;	       /* IP_TOS, or -1 */
	const edu_u8 *options; /* IP_RETOPTS, or null */
	int options_len;
};

/*
 * A buffer holding len octets of the message, charged to sk's send buffer; waits for room unless
 * MSG_DONTWAIT. headroom octets are left in front. With csum not null the data is summed while it is
 * copied. Process context, no spin lock. null: *error is -EAGAIN, -ENOBUFS, -EFAULT, -EINTR class, -EPIPE.
 * For len beyond a page or two the data may lie in page fragments.
 */
struct sk_buff *edu_k_msg_to_skb(struct sock *sk, struct msghdr *msg, unsigned int headroom,
				 unsigned int len, edu_u32 flags, edu_u32 *csum, int *error);
/* Adds the next len octets of the message behind an skb that edu_k_msg_to_skb() made for sk, charged the
 * same way. The socket is locked. 0, -ENOBUFS, -EFAULT: skb may then have grown by a part of them. */
int edu_k_msg_append(struct sock *sk, struct sk_buff *skb, struct msghdr *msg, unsigned int len);
/* Copies plain octets of the message (RAW headers). 0 or -EFAULT. */
int edu_k_msg_read(struct msghdr *msg, void *to, unsigned int len);

/* The next datagram of the receive_queue, or null with *error -EAGAIN, -EINTR class, or a pending
 * socket error. MSG_PEEK leaves it queued and takes a reference. Sleeps as the socket says. */
struct sk_buff *edu_k_sock_dequeue(struct sock *sk, edu_u32 flags, int *error);
/* Gives back what edu_k_sock_dequeue() returned. */
void edu_k_sock_done(struct sock *sk, struct sk_buff *skb);
/* Copies skb[data + offset, len) into the message. 0 or -EFAULT. */
int edu_k_msg_write_skb(struct msghdr *msg, const struct sk_buff *skb, unsigned int offset,
			unsigned int len);
/* Copies plain octets into the message (urgent data). 0 or -EFAULT. */
int edu_k_msg_write(struct msghdr *msg, const void *from, unsigned int len);
/* Fills msg_name with a sockaddr of our family, when the program gave room. */
void edu_k_msg_set_name(struct msghdr *msg, edu_be32 address, edu_be16 port);
/* The same with octets of another layout (struct edu_frame). */
void edu_k_msg_set_frame(struct msghdr *msg, const struct edu_frame *frame);
void edu_k_msg_or_flags(struct msghdr *msg, edu_u32 flags); /* MSG_TRUNC, … */
void edu_k_msg_put_cmsg(struct msghdr *msg, int level, int type, const void *data,
			unsigned int len);
/* SOL_SOCKET control messages: time stamps, SO_RXQ_OVFL, … */
void edu_k_msg_put_socket_cmsgs(struct sock *sk, struct msghdr *msg, struct sk_buff *skb);
/* recvmsg(MSG_ERRQUEUE). Octets or a negative errno. */
int edu_k_sock_recv_error(struct sock *sk, struct msghdr *msg, unsigned int len);

#include <edu/bridge_stream.h> /* Home: sockets of streams */

/* ------------------------------------------------------------------------------------------------
 * Core: records that configuration, netlink, ioctl and /proc share. Flat, no pointers. Addresses
 * and masks in network byte order; an unused field is 0.
 */

struct edu_addr_info {
	int ifindex;
	edu_be32 local;	    /* the interface's address */
	edu_be32 peer;	    /* other end of a point-to-point link, else local */
	edu_be32 broadcast; /* 0: none */
	edu_u8 prefix_len;
	edu_u8 has_broadcast; /* the caller gave a broadcast address; else it follows from the prefix */
	edu_u8 scope;	      /* RT_SCOPE_* */
	edu_u8 secondary;     /* not the first address of its subnet */
	edu_u8 probing;	      /* not used yet: others are asked whether they have it */
	edu_u8 refused;	      /* not used: another station has it */
	char label[16];
};

struct edu_route_info {
	edu_be32 destination;
	edu_be32 gateway; /* 0: on the link */
	edu_be32 source;  /* preferred source, 0: choose */
	int ifindex;	  /* 0: choose from the gateway */
	int iif;	  /* of a look-up: the packet comes in there, 0: it is our own */
	edu_u32 metric;
	edu_u32 mtu, window, rtt; /* 0: none; rtt in milliseconds */
	edu_u8 prefix_len;
	edu_u8 tos;
	edu_u8 type; /* RTN_UNICAST, RTN_UNREACHABLE, RTN_BLACKHOLE, RTN_PROHIBIT; shown: RTN_LOCAL, RTN_BROADCAST */
	edu_u8 scope;	    /* RT_SCOPE_* */
	edu_u8 protocol;    /* RTPROT_* */
	edu_u8 dead;	    /* 0, or EDU_ROUTE_*: why it is not used */
	edu_u64 used;	    /* look-ups that ended here */
	edu_u32 references; /* routes in the cache that came from it */
};

#define EDU_ROUTE_DOWN 1   /* its device is down */
#define EDU_ROUTE_SILENT 2 /* its gateway has not answered ARP: others are preferred */

/* One rtable (ROUTE-7). Ages in milliseconds. */
struct edu_rtcache_info {
	edu_be32 destination, source, gateway;
	int ifindex;
	int iif; /* of packets that come in there, 0: of our own */
	edu_u32 mtu, references, age_ms;
	edu_u64 used;
	edu_u32 flags; /* RTF_* as in /proc/net/route, EDU_RTC_* */
	edu_u8 tos;
	edu_u8 type;	   /* RTN_* */
	edu_u8 has_header; /* a hardware header is cached (hh_cache) */
	edu_u8 header_len;
	edu_u8 header[16];
	edu_u32 bucket;
};

/* One arp_table (ARP-1). */
struct edu_neigh_info {
	edu_be32 ip;
	edu_be32 mask; /* of a proxy entry, else all ones */
	int ifindex;
	edu_u8 hardware_address[8];
	edu_u8 hardware_len;
	edu_u8 type;			      /* ARPHRD_* of the device */
	edu_u16 state;			      /* NUD_* as rtnetlink has them */
	edu_u32 flags;			      /* ATF_COM 2, ATF_PERM 4, ATF_PUBL 8 */
	edu_u32 used_ms, updated_ms;	      /* ages */
	edu_u32 retries, waiting, references; /* references: routes that use its hh_cache */
};

/* One group of an interface (ip_mc_list). */
struct edu_mc_info {
	int ifindex;
	edu_be32 group;
	edu_u32 groups;	      /* how many the interface has */
	edu_u32 users;	      /* memberships of sockets, and the host's own of 224.0.0.1 */
	edu_u32 timer_ms;     /* until the report, if timer_running */
	edu_u8 timer_running; /* a report is due */
	edu_u8 reporter;      /* the last report on the link was ours */
	edu_u8 version;	      /* of IGMP that is spoken on the interface: 1 or 2 */
	edu_u8 first;	      /* the first record of its interface */
};

/* One ipq: a datagram that waits for the rest of its fragments (IP-6, IP-7). Ages in milliseconds. */
struct edu_frag_info {
	edu_be32 source, destination;
	edu_be16 identification;
	edu_u8 protocol;
	edu_u8 has_first; /* the fragment at offset 0 has arrived */
	edu_u32 fragments;
	edu_u32 octets; /* of payload that have arrived */
	edu_u32 length; /* of all payload, 0: the last fragment is missing */
	edu_u32 memory; /* charged for it */
	edu_u32 left_ms, first_ms,
		last_ms; /* until it is given up; since its first and last fragment */
};

/* One entry of the RARP server's table. */
struct edu_rarp_info {
	edu_be32 ip;
	int ifindex; /* 0 when set: the interface on whose link ip lies */
	edu_u8 hardware_address[8];
	edu_u8 hardware_len;
	edu_u8 type; /* ARPHRD_* of the device */
};

/* One interface, for /proc. */
struct edu_iface_info {
	struct edu_dev_info dev;
	edu_u32 addresses; /* how many */
};

/* One socket, for /proc and diagnosis. */
struct edu_sock_info {
	edu_be32 local, remote;
	edu_be16 local_port, remote_port; /* RAW, PACKET: local_port is the protocol */
	edu_u8 state;			  /* TCP_* */
	edu_u8 type;			  /* SOCK_* */
	edu_u8 has_route;		  /* ip_route_cache is set */
	edu_u32 rmem, wmem, uid, references, drops;
	edu_u64 inode;
	int bound_if;
};

/* One end of a TCP connection, or a listener, or a record in TIME-WAIT: for /proc/net/eduinet/tcp and
 * `edu ss`. Times in milliseconds unless they say otherwise. */
struct edu_tcp_info {
	struct edu_sock_info sock; /* of TIME-WAIT: addresses, ports and state alone */
	edu_u32 tx_queue;	   /* octets written and not acknowledged; listener: the backlog */
	edu_u32 rx_queue;	   /* octets not read yet; listener: connections that wait */
	edu_u8 timer;		   /* EDU_TCP_TIMER_* */
	edu_u8 retransmits;	   /* of the same octets in a row */
	edu_u8 probes;		   /* of a zero window or an idle connection in a row */
	edu_u8 ca_state;	   /* TCP_CA_* */
	edu_u32 expires;	   /* until the timer fires */
	edu_u32 rto, ato;
	edu_u32 srtt_us, rttvar_us;
	edu_u32 cwnd, ssthresh; /* octets; ssthresh ~0: none yet */
	edu_u32 mss, rcv_mss, advmss, pmtu;
	edu_u32 snd_wnd, rcv_wnd; /* octets */
	edu_u8 snd_wscale, rcv_wscale;
	edu_u8 options;				/* TCPI_OPT_* */
	edu_u32 unacked, sacked, lost, retrans; /* octets in flight, and of them */
	edu_u32 reordering;			/* segments */
	edu_u64 bytes_acked, bytes_received, bytes_sent, bytes_retrans;
	edu_u32 segs_out, segs_in, total_retrans;
	edu_u32 last_sent, last_received, last_ack; /* ages */
	char congestion[16];			    /* name of the algorithm */
};
#define EDU_TCP_TIMER_NONE 0
#define EDU_TCP_TIMER_RETRANSMIT 1
#define EDU_TCP_TIMER_KEEPALIVE 2
#define EDU_TCP_TIMER_TIME_WAIT 3
#define EDU_TCP_TIMER_PROBE 4
#define EDU_TCP_TIMER_DELACK 5

/* Where an iteration stands. Zero-initialise; the core alone changes it. An iteration survives
 * changes between calls: what was there all the time is shown exactly once. */
struct edu_cursor {
	edu_u64 position[4];
};

/* Iterators: 1 and a record, or 0 at the end. Process context; may run beside changes. */
int edu_core_iface_next(struct edu_stack *stack, struct edu_cursor *at, struct edu_iface_info *out);
int edu_core_addr_next(struct edu_stack *stack, struct edu_cursor *at, struct edu_addr_info *out);
int edu_core_route_next(struct edu_stack *stack, struct edu_cursor *at, struct edu_route_info *out);
/* What the FIB does not hold because the addresses say it: the routes to ourselves and the broadcasts
 * (RTN_LOCAL, RTN_BROADCAST; Linux's table "local"). */
int edu_core_local_route_next(struct edu_stack *stack, struct edu_cursor *at,
			      struct edu_route_info *out);
int edu_core_rtcache_next(struct edu_stack *stack, struct edu_cursor *at,
			  struct edu_rtcache_info *out);
int edu_core_neigh_next(struct edu_stack *stack, struct edu_cursor *at, struct edu_neigh_info *out);
int edu_core_frag_next(struct edu_stack *stack, struct edu_cursor *at, struct edu_frag_info *out);
/* Interface by interface, the group joined last first. */
int edu_core_mc_next(struct edu_stack *stack, struct edu_cursor *at, struct edu_mc_info *out);
int edu_core_rarp_next(struct edu_stack *stack, struct edu_cursor *at, struct edu_rarp_info *out);
/* protocol: IPPROTO_UDP, IPPROTO_RAW (RAW and ping sockets) or this, which is none of IP's. */
#define EDU_SOCKS_PACKET 256
int edu_core_sock_next(struct edu_stack *stack, int protocol, struct edu_cursor *at,
		       struct edu_sock_info *out);

/* Every TCP socket that is bound, listens or is connected, and the records in TIME-WAIT. */
int edu_core_tcp_next(struct edu_stack *stack, struct edu_cursor *at, struct edu_tcp_info *out);
/* How many there are: in ESTABLISHED or CLOSE-WAIT (RFC 4022), without a program, in TIME-WAIT. */
void edu_core_tcp_sums(struct edu_stack *stack, unsigned int *open, unsigned int *orphans,
		       unsigned int *time_waits);

/* ------------------------------------------------------------------------------------------------
 * Core: configuration (edu_core_config_*), behind ioctl and rtnetlink alike. Process context, RTNL
 * held, permission already checked by the home. Each change announces itself by edu_k_notify_*.
 */

/* Attribute NLM_F_REPLACE / NLM_F_EXCL / NLM_F_CREATE semantics of a request. */
#define EDU_CONFIG_CREATE 1
#define EDU_CONFIG_EXCL 2
#define EDU_CONFIG_REPLACE 4
#define EDU_CONFIG_APPEND 8 /* a route goes behind those of the same destination, TOS and metric */

/* The interface must be attached (edu_core_iface_new). -EEXIST, -ENODEV, -EADDRNOTAVAIL, -EINVAL, -ENOMEM */
int edu_core_config_addr_add(struct edu_stack *stack, const struct edu_addr_info *addr,
			     unsigned int how);
int edu_core_config_addr_del(struct edu_stack *stack, const struct edu_addr_info *addr);
/* -EEXIST, -ESRCH, -ENETUNREACH (gateway not on a link), -ENODEV, -ENETDOWN, -EINVAL */
int edu_core_config_route_add(struct edu_stack *stack, const struct edu_route_info *route,
			      unsigned int how);
int edu_core_config_route_del(struct edu_stack *stack, const struct edu_route_info *route);
/* ATF_PERM/NUD_PERMANENT entries need a hardware address. ATF_PUBL: a proxy entry, whose mask may be
 * shorter, whose ifindex 0 means every interface and whose hardware address, if none is given, is the
 * interface's. -ENOENT, -EEXIST, -EINVAL, -ENODEV, -ENOBUFS */
int edu_core_config_neigh_add(struct edu_stack *stack, const struct edu_neigh_info *neigh,
			      unsigned int how);
int edu_core_config_neigh_del(struct edu_stack *stack, const struct edu_neigh_info *neigh);
/* Looks one up by ip and ifindex (0: any), with ATF_PUBL in flags a proxy entry, by mask too. 0 or
 * -ENXIO. */
int edu_core_config_neigh_get(struct edu_stack *stack, struct edu_neigh_info *neigh);
/* The RARP server's table, by ip. -EINVAL, -ENODEV, -ENETUNREACH (on no link), -ENOBUFS, -ENOMEM */
int edu_core_config_rarp_set(struct edu_stack *stack, const struct edu_rarp_info *info);
/* -ENXIO */
int edu_core_config_rarp_del(struct edu_stack *stack, edu_be32 ip);
int edu_core_config_rarp_get(struct edu_stack *stack, struct edu_rarp_info *info);
/* The route a packet would take (edu route get): destination, source, tos, ifindex, iif in; all out.
 * 0 or -ENETUNREACH, -EHOSTUNREACH, -EACCES, -EINVAL, with iif -EXDEV (rp_filter). May enter the route
 * into the cache. */
int edu_core_config_route_get(struct edu_stack *stack, struct edu_route_info *route);
/* The route of the FIB that such a packet would take, past the cache (RTM_F_FIB_MATCH); errors as above. */
int edu_core_config_route_match(struct edu_stack *stack, struct edu_route_info *route);
void edu_core_config_flush_rtcache(struct edu_stack *stack);

/* Home: announces a change to netlink listeners. added: RTM_NEW… else RTM_DEL…. Process, RTNL
 * (neighbours also from softirq). */
void edu_k_notify_addr(struct edu_net *net, int added, const struct edu_addr_info *addr);
void edu_k_notify_route(struct edu_net *net, int added, const struct edu_route_info *route);
/* Listeners to routes are to learn that they missed some, too many to tell. */
void edu_k_notify_routes_missed(struct edu_net *net);
void edu_k_notify_neigh(struct edu_net *net, int added, const struct edu_neigh_info *neigh);

/* ------------------------------------------------------------------------------------------------
 * Core: life of the module, of a stack, of an interface. Process context.
 */

/* Walks protocols[] (TLK "BSD Socket Interface", BSD-1): each layer's init routine in order; on an
 * error those that had succeeded are undone in reverse. Once per module. */
int edu_core_init(void);
void edu_core_exit(void);
/* Name of entry i of protocols[], or null past the end; for the log. */
const char *edu_core_protocol_name(unsigned int i);

/* A host comes to life. null: out of memory. */
struct edu_stack *edu_core_stack_new(struct edu_net *net);
/* A host dies in three steps, so that hosts that die together share the waiting. First each of them:
 * no interface, socket or packet of its is left; its timers and work stop. */
void edu_core_stack_close(struct edu_stack *stack);
/* Then once for all that were closed: waits until RCU has freed what they let go. */
void edu_core_stacks_settle(void);
/* Then each of them again. */
void edu_core_stack_free(struct edu_stack *stack);
/* EDU_TUNABLE_COUNT values, written by the home at any time, read by the core once per use. */
edu_u32 *edu_core_tunables(struct edu_stack *stack);

/* A device is attached; RTNL. The core owns one reference of dev until edu_k_dev_release(). null: no memory. */
struct edu_iface *edu_core_iface_new(struct edu_stack *stack, struct edu_dev *dev,
				     const struct edu_dev_info *info);
/* Flags, MTU, address or name changed; RTNL. Up and down follow from flags. */
void edu_core_iface_changed(struct edu_iface *iface, const struct edu_dev_info *info);
/* The device leaves: addresses, routes, ARP entries and waiting packets go; RTNL; may sleep. No
 * packet handler of it runs any more. Ends with edu_k_dev_release(), now or after a grace period. */
void edu_core_iface_gone(struct edu_iface *iface);
/* The settings of an interface, of conf/all and of conf/default: EDU_IFACE_TUNABLE_COUNT values each,
 * written by the home under the RTNL, read by the core once per use. */
edu_u32 *edu_core_iface_tunables(struct edu_iface *iface);
edu_u32 *edu_core_all_iface_tunables(struct edu_stack *stack);
edu_u32 *edu_core_default_iface_tunables(struct edu_stack *stack);
/* The home has written values[which] of one of those arrays; RTNL. */
void edu_core_iface_tunable_written(struct edu_stack *stack, const edu_u32 *values,
				    enum edu_iface_tunable which);
/* What counts on the interface, conf/all considered. Any context; under RCU or RTNL. */
edu_u32 edu_core_iface_tune(const struct edu_iface *iface, enum edu_iface_tunable which);
/* Number of addresses; RTNL. The home detaches a device that has lost its last. */
unsigned int edu_core_iface_addresses(const struct edu_iface *iface);

/* ------------------------------------------------------------------------------------------------
 * Core: packets in (TLK "Receiving IP Packets", DEV-4). Softirq, RCU; skb unshared, data at the
 * network header, consumed. pkt_type: PACKET_HOST 0, BROADCAST 1, MULTICAST 2, OTHERHOST 3.
 */

void edu_core_rcv_ip(struct edu_iface *iface, struct sk_buff *skb, unsigned int pkt_type);
void edu_core_rcv_arp(struct edu_iface *iface, struct sk_buff *skb, unsigned int pkt_type);
void edu_core_rcv_rarp(struct edu_iface *iface, struct sk_buff *skb, unsigned int pkt_type);
/* A whole frame, link header at data, for a SOCK_PACKET socket; skb is not shared, its octets may be. */
void edu_core_rcv_frame(struct sock *sk, struct sk_buff *skb, const struct edu_frame *frame);
/* A device of the namespace, attached or not, has come up, gone down, or left. RTNL. */
enum edu_frame_event { EDU_FRAME_DEV_UP, EDU_FRAME_DEV_DOWN, EDU_FRAME_DEV_GONE };
void edu_core_frame_dev_event(struct edu_stack *stack, int ifindex, enum edu_frame_event event);

/* ------------------------------------------------------------------------------------------------
 * Core: sockets (TLK "INET Socket Layer"). Process context; the core takes the socket lock itself.
 */

/* What socket(family, type, protocol) means: the entry of the core's table of protocols. */
struct edu_sock_kind {
	int index; /* of edu_core_proto_name(); the home keeps one kernel `struct proto` for each */
	int protocol;	/* after defaults: IPPROTO_UDP, …; of SOCK_PACKET as given, an edu_be16 */
	int capability; /* needed to create one: CAP_NET_RAW 13, or -1 */
};
/* 0, -EINVAL, -ESOCKTNOSUPPORT, -EPROTONOSUPPORT. Whether the ping group allows a ping socket is the home's to
 * ask by edu_core_tunables (kind->capability is then -2). */
int edu_core_sock_kind(int type, int protocol, struct edu_sock_kind *kind);
/* Names of the core's socket protocols ("UDP", "RAW", "PING"), null past the end. */
const char *edu_core_proto_name(unsigned int index);
/* Octets of the core's part of such a socket; it follows the home's struct sock at EDU_SIZEOF_SOCK. */
unsigned int edu_core_proto_sock_size(unsigned int index);
int edu_core_proto_is_stream(unsigned int index);

/* The memory is zeroed, the home's part initialised. 0 or a negative errno. */
int edu_core_sock_init(struct sock *sk, struct edu_stack *stack, int type, int protocol);
/* The last reference is gone; any context. */
void edu_core_sock_destroy(struct sock *sk);
/* close(): unhashes; the home drops its reference afterwards. */
void edu_core_release(struct sock *sk);
int edu_core_bind(struct sock *sk, const void *name, int name_len);
int edu_core_connect(struct sock *sk, const void *name, int name_len, int flags);
int edu_core_listen(struct sock *sk, int backlog);
int edu_core_accept(struct sock *sk, int flags, struct sock **child);
/* The address of this end or (peer) the other. */
int edu_core_getname(struct sock *sk, int peer, edu_be32 *address, edu_be16 *port);
/* Of a SOCK_PACKET socket: the device it is bound to, 0: none, -1: one that is gone. Any context. */
int edu_core_frame_ifindex(struct sock *sk);
int edu_core_shutdown(struct sock *sk, int how);
/* Octets sent or a negative errno. */
int edu_core_sendmsg(struct sock *sk, const struct edu_send *send);
/* sendfile() is done: what it left corked by its own MSG_MORE goes out. Process. */
void edu_core_splice_eof(struct sock *sk);
/* Octets received or a negative errno. */
int edu_core_recvmsg(struct sock *sk, struct msghdr *msg, unsigned int len, edu_u32 flags);
/* recvmsg(MSG_ERRQUEUE) reads an error that an ICMP message told: the control messages about that one,
 * whose IP header is skb's network header. Process. */
void edu_core_error_cmsgs(struct sock *sk, struct msghdr *msg, struct sk_buff *skb,
			  const struct edu_sock_error *error);
/* Levels other than SOL_SOCKET. value lies in kernel memory. */
int edu_core_setsockopt(struct sock *sk, int level, int name, const void *value, unsigned int len);
/* *len: room in, used out. value is at least 64 octets and zeroed, but for IP_MSFILTER (41) and
 * MCAST_MSFILTER (48), which ask about what the program has put there. */
int edu_core_getsockopt(struct sock *sk, int level, int name, void *value, unsigned int *len);
/* FIONREAD/SIOCINQ 0x541B, SIOCOUTQ 0x5411: *value. -ENOIOCTLCMD (-515) for what it does not know. */
int edu_core_ioctl(struct sock *sk, unsigned int command, int *value);
/* A packet that waited in back_log while the socket was locked; the socket lock is held, softirqs are off,
 * for a listener's newborn is locked as in a softirq. */
int edu_core_backlog_rcv(struct sock *sk, struct sk_buff *skb);
/* The program lets the socket lock go: what softirqs have left to do is done now. The spin lock is held,
 * softirqs are off. */
void edu_core_release_cb(struct sock *sk);
/* poll(): POLLIN, POLLOUT, … of a stream; no lock. Datagram sockets are the home's own affair. */
#define EDU_POLLIN 0x0001
#define EDU_POLLPRI 0x0002
#define EDU_POLLOUT 0x0004
#define EDU_POLLERR 0x0008
#define EDU_POLLHUP 0x0010
#define EDU_POLLRDNORM 0x0040
#define EDU_POLLRDBAND 0x0080
#define EDU_POLLWRNORM 0x0100
#define EDU_POLLRDHUP 0x2000
unsigned int edu_core_poll(struct sock *sk);
/* Is it a stream, which has edu_core_poll(), and whose sendmsg() and recvmsg() take the lock? Constant. */
int edu_core_sock_is_stream(const struct sock *sk);
/* SO_KEEPALIVE was set or cleared; locked. */
void edu_core_sock_keepalive(struct sock *sk, int on);
/* SO_RCVLOWAT was set: the buffer must have room for so much. 0 or a negative errno. Process, locked. */
int edu_core_sock_set_rcvlowat(struct sock *sk, int octets);
/*
 * splice() and sendfile() from a stream: like recvmsg() with flags, but take() gets the data where it
 * lies: len octets of skb from data + offset on; it returns how many it took, or a negative errno if
 * none. Octets taken or a negative errno. Process.
 */
int edu_core_splice_read(struct sock *sk, unsigned int len, edu_u32 flags,
			 int (*take)(void *arg, struct sk_buff *skb, unsigned int offset,
				     unsigned int len),
			 void *arg);

#ifdef __cplusplus
}
#endif

#endif /* _EDU_BRIDGE_H */
