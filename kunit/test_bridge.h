/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The test bridge: what a test needs from its home beyond <edu/bridge.h>.
 *
 * The bodies of the tests in kunit/ run in two homes. userspace/hosted/test_bridge.cc implements
 * these functions in a process with a virtual clock, module/kernel/kunit/kunit.c in a kernel with
 * real sk_buffs, timers and socks. Both behave alike in what is written here; kunit/world.hh makes
 * it pleasant to use. Built with EDU_KUNIT only.
 *
 * Time. Nothing that is sent arrives by itself: frames wait on their cable until edu_t_run() moves
 * them. The hosted clock then jumps from event to event; a kernel delivers what waits, sleeps for
 * the time asked, and delivers again, so tests turn the tunables down rather than run for minutes.
 *
 * Locking: process context, one test at a time. The functions take the RTNL where they need it;
 * a test that calls edu_core_config_*() itself holds it by edu_t_rtnl_lock().
 */
#ifndef _EDU_TEST_BRIDGE_H
#define _EDU_TEST_BRIDGE_H

#include <edu/bridge.h>

#ifdef __cplusplus
extern "C" {
#endif

struct edu_t_cable; /* a shared Ethernet cable (OVER-9), or a header-less link */
struct edu_t_host;  /* one host: a stack of its own with edulo, apart from all real namespaces */
struct edu_t_sock;  /* an open socket of a host */
/* The home's struct sock, named so that the core's own edu::sock does not hide it. */
#ifdef __cplusplus
typedef ::sock edu_t_home_sock;
#else
typedef struct sock edu_t_home_sock;
#endif

/* ------------------------------------------------------------------------------------------------
 * Life of a test's world
 */

/* Starts from a clean slate: time, captures, injected failures. Before each world. */
void edu_t_begin(void);
/*
 * Ends it: waits for RCU callbacks and work, and returns how many things are still alive that the
 * test made (memory, sk_buffs, pending timers, sockets, devices), 0 when all is quiet. A kernel
 * may return 0 always and leave the search to kmemleak.
 */
unsigned int edu_t_end(void);

/* null: no memory. edulo is there and up, with ifindex 1 and 127.0.0.1/8. */
struct edu_t_host *edu_t_host_new(void);
/* Closes what is still open: sockets first, streams with a reset, and those that no program has any more;
 * then devices, then the stack. */
void edu_t_host_free(struct edu_t_host *host);
struct edu_stack *edu_t_stack(struct edu_t_host *host);
/* Sum over all CPUs. */
edu_u64 edu_t_counter(struct edu_t_host *host, enum edu_counter counter);

void edu_t_rtnl_lock(void);
void edu_t_rtnl_unlock(void);

/* ------------------------------------------------------------------------------------------------
 * Cables and devices
 */

struct edu_t_cable *edu_t_cable_new(void); /* null: no memory */
/* No device is on it any more. */
void edu_t_cable_free(struct edu_t_cable *cable);
/* The next `count` frames that are sent on it are captured but reach nobody. */
void edu_t_cable_lose(struct edu_t_cable *cable, unsigned int count);
/* Large buffers (edu_dev_info.segment_max) go over it in one piece, or, yes: cut into packets. */
void edu_t_cable_cut(struct edu_t_cable *cable, int yes);

/* What edu_t_dev_new() is to know of an Ethernet device that is up, with the hardware address
 * 02:00:00:00:00:station. */
static inline struct edu_dev_info edu_t_ethernet(edu_u8 station)
{
	struct edu_dev_info info = {};
	int i;

	info.flags = 0x1043; /* up, broadcast, running, multicast */
	info.mtu = 1500;
	info.type = 1;
	info.header_len = 14;
	info.headroom = 16;
	info.addr_len = 6;
	info.addr[0] = 2;
	info.addr[5] = station;
	for (i = 0; i < 6; i++)
		info.broadcast[i] = 0xff;
	return info;
}

/*
 * Attaches a device to the host and to the cable. `info` tells the core all about it; its name and
 * ifindex are chosen here when empty ("eth0", "eth1", … from 2 on). A station takes frames for its
 * own address and for groups, and with IFF_PROMISC (0x100) all. Returns the ifindex or -ENOMEM.
 */
int edu_t_dev_new(struct edu_t_host *host, struct edu_t_cable *cable,
		  const struct edu_dev_info *info);
/* A change of flags (IFF_UP 1), mtu or address, told to the core. */
void edu_t_dev_change(struct edu_t_host *host, int ifindex, const struct edu_dev_info *info);
void edu_t_dev_info(struct edu_t_host *host, int ifindex, struct edu_dev_info *info);
/* Whether the core has asked the device for that group address (edu_k_dev_mc_add). The test's
 * devices themselves take every group's frames. */
int edu_t_dev_hears(struct edu_t_host *host, int ifindex, const edu_u8 *address);
/* The device vanishes (LAYER-3). */
void edu_t_dev_gone(struct edu_t_host *host, int ifindex);
/* Every later transmission on the device fails with this negative errno; 0 ends that. */
void edu_t_dev_fail_xmit(struct edu_t_host *host, int ifindex, int error);

/* A complete frame (link header first) arrives at the device as if from its cable, at once. */
void edu_t_inject(struct edu_t_host *host, int ifindex, const void *frame, unsigned int len);

/* What was sent on the cable since the last edu_t_cable_clear(), oldest first, checksums complete.
 * At most the last 1,024 frames are kept. Memory belongs to the cable and lives until it is cleared. */
unsigned int edu_t_frames(const struct edu_t_cable *cable);
const edu_u8 *edu_t_frame(const struct edu_t_cable *cable, unsigned int i, unsigned int *len);
void edu_t_cable_clear(struct edu_t_cable *cable);

/* ------------------------------------------------------------------------------------------------
 * Time
 */

/* Moves waiting frames until none is left, and lets `ms` milliseconds pass, with all timers, RCU
 * callbacks and frames that fall due in them. 0: only what is due now. */
void edu_t_run(edu_u32 ms);

/* Moves what is due now as edu_t_run(0) does, but waits for no work and no RCU callback: for a caller
 * who holds what a worker may want, the lock of a socket, say. */
void edu_t_deliver(void);

/* ------------------------------------------------------------------------------------------------
 * Sockets. Calls return what the system call would: 0 or more, or a negative errno. A call that
 * would wait for ever returns -EAGAIN in the hosted home; tests give MSG_DONTWAIT (0x40).
 */

struct edu_t_sock *edu_t_socket(struct edu_t_host *host, int type, int protocol, int *error);
void edu_t_close(struct edu_t_sock *sock);
/* Addresses and ports in network byte order, put into a sockaddr of the module's family. */
int edu_t_bind(struct edu_t_sock *sock, edu_be32 address, edu_be16 port);
int edu_t_connect(struct edu_t_sock *sock, edu_be32 address, edu_be16 port);
/* The same with O_NONBLOCK (04000) or 0; edu_t_connect() waits, for streams. */
int edu_t_connect_flags(struct edu_t_sock *sock, edu_be32 address, edu_be16 port, int flags);
/* The next connection of a listener, or null and *error; flags as above. */
struct edu_t_sock *edu_t_accept(struct edu_t_sock *sock, int flags, int *error);
int edu_t_listen(struct edu_t_sock *sock, int backlog);
int edu_t_shutdown(struct edu_t_sock *sock, int how);
/* What poll() says of a stream: EDU_POLL*. */
unsigned int edu_t_poll(struct edu_t_sock *sock);
/* connect() to AF_UNSPEC. */
int edu_t_disconnect(struct edu_t_sock *sock);
/* bind and connect with any octets as the socket address. */
int edu_t_bind_raw(struct edu_t_sock *sock, const void *name, int name_len);
int edu_t_connect_raw(struct edu_t_sock *sock, const void *name, int name_len);
/* The core's handle, for edu_core_listen(), edu_core_getname(), edu_core_ioctl() and so on. */
edu_t_home_sock *edu_t_sk(struct edu_t_sock *sock);
/* SOL_SOCKET too: SO_REUSEADDR, SO_REUSEPORT, SO_BROADCAST, SO_DONTROUTE, SO_RCVBUF, SO_SNDBUF, SO_KEEPALIVE,
 * SO_OOBINLINE, SO_RCVLOWAT, SO_LINGER (value: seconds, or -1 for off), SO_RCVTIMEO and SO_SNDTIMEO (value:
 * milliseconds), SO_BINDTODEVICE (value: an int, the ifindex); reading: SO_ERROR. */
int edu_t_setsockopt(struct edu_t_sock *sock, int level, int name, const void *value,
		     unsigned int len);
int edu_t_getsockopt(struct edu_t_sock *sock, int level, int name, void *value, unsigned int *len);

/* sendto(); port 0 and address 0: no destination given (a connected socket). */
int edu_t_send(struct edu_t_sock *sock, const void *data, unsigned int len, unsigned int flags,
	       edu_be32 address, edu_be16 port);
/* sendmsg() with control data: the caller fills `send` (ttl and tos -1 when absent) except msg, len. */
int edu_t_sendmsg(struct edu_t_sock *sock, const void *data, unsigned int len,
		  struct edu_send *send);

/* recvmsg(). Control messages come as Linux lays them out: struct cmsghdr, data, padded to 8. */
struct edu_t_recv {
	void *data;	    /* in: where to; null with room 0 */
	unsigned int room;  /* in: octets there */
	unsigned int flags; /* in: MSG_*; out: msg_flags */
	edu_be32 address;   /* out: who sent it, 0 when not told */
	edu_be16 port;
	struct edu_frame frame;	  /* out: instead of an address, of SOCK_PACKET */
	unsigned int control_len; /* out: octets of control data */
	edu_u8 control[192] __attribute__((aligned(8)));
};
int edu_t_recvmsg(struct edu_t_sock *sock, struct edu_t_recv *recv);

/* sendto() with a struct sockaddr_pkt (a device's name and a protocol); null: with no name. */
int edu_t_send_frame(struct edu_t_sock *sock, const void *data, unsigned int len,
		     const struct edu_frame *to);

/* Whether later calls come from a process with all capabilities (from the start) or with none. */
void edu_t_privileged(int yes);

/* ------------------------------------------------------------------------------------------------
 * Failures and observation
 */

/* The n-th allocation from now on that the home makes for the core fails (1: the next); 0: none.
 * Counts edu_k_alloc, edu_k_table_alloc and everything that makes or grows an sk_buff. */
void edu_t_fail_alloc(unsigned int n);
/* Whether it has struck. Clears it. */
int edu_t_alloc_failed(void);
/* Whether the machine is short of memory for streams (edu_k_stream_pressure()), until edu_t_begin(). */
void edu_t_pressure(int yes);
/* Whether it is used up, so that only what is forced is sent (edu_k_stream_alloc()), until edu_t_begin(). */
void edu_t_stream_full(int yes);
/* Whether the caller's process is about to end (edu_k_exiting()), until edu_t_begin(). */
void edu_t_exiting(int yes);

/* Trace points passed (edu_k_trace_skb, by any host) since edu_t_trace_start(), oldest first, at
 * most 256. A home that cannot tell returns -1. */
void edu_t_trace_start(void);
int edu_t_trace_count(void);
enum edu_trace_point edu_t_trace_at(int i);

#ifdef __cplusplus
}
#endif

#endif /* _EDU_TEST_BRIDGE_H */
