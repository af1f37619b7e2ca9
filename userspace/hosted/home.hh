// SPDX-License-Identifier: GPL-2.0-only
/*
 * The hosted home's own header: the structures behind the bridge's opaque handles, and what the
 * files of this folder offer each other.
 *
 * One thread plays process context, softirqs and the work queue of all hosts. Everything that would
 * be concurrency in a kernel is here an event on a virtual clock, and everything that would be
 * chance comes from one seed, so a run can be repeated exactly. What the kernel's debugging would
 * notice (a lock taken twice, sleeping in a softirq, memory freed with its timer armed) is checked
 * always and reported by fault().
 *
 * Requirement: architecture.md, "one core, two homes".
 * Locking: none, a single thread. An object named here belongs to the world that made it.
 */
#pragma once

#include <edu/bridge.h>
#include <test_bridge.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <vector>

/* Octets of a packet that its clones share. */
struct skb_store {
	std::uint8_t *memory; /* the linear part, exactly as large as sk_buff's end says */
	std::vector<std::uint8_t> frag; /* what lies behind it until someone pulls: page fragments */
	unsigned int refs;
};

/* What is known of the clones of a stream's buffer (edu_k_stream_clone()). */
struct clone_count {
	unsigned int refs; /* the buffer and its clones */
	unsigned int held; /* clones that wait in a queue of their host and are on no cable yet */
};

enum class csum_state : std::uint8_t {
	none, /* nobody has looked */
	partial, /* to be completed by the device; the octets in the field are the pseudo-header's sum */
	trusted, /* a device has verified it */
};

/* SKB-1: head, data, tail, end as in TLK; tail and end are offsets from head. */
struct sk_buff {
	std::uint32_t len;	/* octets of the packet, linear and not */
	std::uint32_t data_len; /* of these, octets in store->frag */
	std::uint32_t tail, end;
	std::uint8_t *head, *data;
	std::uint32_t truesize;		/* octets charged for the buffer, overhead included */
	alignas(8) std::uint8_t cb[48]; /* the owner's notes */

	std::uint32_t users;			/* references; freed at zero */
	skb_store *store;			/* where head points to */
	sk_buff *next;				/* in an edu_skb_queue */
	struct sock *sk;			/* charged for truesize, or null */
	void (*destructor)(sk_buff *skb);	/* gives the charge back */
	std::uint32_t link_len;			/* of the link header; 0: none */
	std::uint32_t link, network, transport; /* offsets from head */
	csum_state csum;
	std::uint32_t csum_start; /* offset from head, for partial */
	std::uint32_t csum_offset;

	std::uint32_t gso_size; /* octets of payload in each packet of the wire; 0: it is one */
	std::uint32_t gso_segs; /* how many packets it stands for, with gso_size */

	const edu_skb_tree *tree; /* it is in, or null */
	std::uint64_t tree_order; /* of its arrival there: the later of two equal ones is behind */
	struct sock *stream; /* whose send buffer it is charged to (edu_k_stream_alloc()), or null */
	clone_count *clones; /* of a stream's buffer and of what was sent of it, or null */
	bool is_clone;	     /* it counts in clones->held */
};

static_assert(offsetof(sk_buff, len) == EDU_OFFSETOF_SKB_LEN);
static_assert(offsetof(sk_buff, data_len) == EDU_OFFSETOF_SKB_DATA_LEN);
static_assert(offsetof(sk_buff, tail) == EDU_OFFSETOF_SKB_TAIL);
static_assert(offsetof(sk_buff, end) == EDU_OFFSETOF_SKB_END);
static_assert(offsetof(sk_buff, head) == EDU_OFFSETOF_SKB_HEAD);
static_assert(offsetof(sk_buff, data) == EDU_OFFSETOF_SKB_DATA);
static_assert(offsetof(sk_buff, truesize) == EDU_OFFSETOF_SKB_TRUESIZE);
static_assert(offsetof(sk_buff, cb) == EDU_OFFSETOF_SKB_CB);

/* The home's part of a socket; the core's part follows it in the same memory. */
struct alignas(64) sock {
	volatile std::uint8_t state;	/* TCP_*; written with the socket locked */
	volatile std::uint8_t shutdown; /* RCV_SHUTDOWN 1, SEND_SHUTDOWN 2 */
	int bound_dev_if;
	std::uint32_t refs;
	edu_t_host *host;
	std::uint32_t flags;	      /* EDU_SOCK_* */
	std::uint32_t rcvbuf, sndbuf; /* octets of truesize */
	std::uint32_t rmem, wmem;
	std::uint32_t uid;
	std::uint32_t priority; /* SO_PRIORITY */
	int err;		/* positive errno, pending */
	bool owned;		/* locked by a process; packets go to back_log */
	bool dead;		/* the last reference is gone, RCU readers may still look */
	bool constructed;	/* the core's part is */
	bool wants_space; /* a writer, or who polls, wants to hear of room in the send buffer */
	edu_skb_queue receive_queue, error_queue, back_log;
	std::uint64_t inode; /* 0: no program has it */
	edu_rcu_head rcu;

	/* Streams */
	std::uint32_t core_size;	  /* of the core's part, octets */
	std::uint32_t wmem_queued;	  /* octets of truesize in the send buffer */
	std::uint32_t backlog_len;	  /* octets of truesize in back_log */
	std::uint32_t wakes;		  /* how often sleepers were woken */
	int rcvlowat;			  /* SO_RCVLOWAT, octets */
	int linger;			  /* SO_LINGER, seconds; if EDU_SOCK_LINGER */
	std::uint64_t rcvtimeo, sndtimeo; /* ns; hosted::for_ever: no limit */
	edu_spinlock lock;		  /* the spin lock inside the socket lock */
	edu_spinlock rxq_lock;		  /* receive_queue's */
};

static_assert(sizeof(sock) == EDU_SIZEOF_SOCK);
static_assert(offsetof(sock, state) == EDU_OFFSETOF_SOCK_STATE);
static_assert(offsetof(sock, shutdown) == EDU_OFFSETOF_SOCK_SHUTDOWN);
static_assert(offsetof(sock, bound_dev_if) == EDU_OFFSETOF_SOCK_BOUND_DEV_IF);

/* One call of sendmsg or recvmsg. */
struct msghdr {
	const std::uint8_t *in; /* data to send */
	std::uint32_t in_len, in_pos;
	edu_t_recv *recv;	 /* where received things go, or null */
	std::uint32_t out_pos;	 /* octets of recv->data written */
	std::uint32_t out_flags; /* MSG_* for the program */
};

/* A frame on its way over a cable. */
struct frame {
	std::vector<std::uint8_t> octets;
	edu_u16 ethertype; /* host order; header-less links have it nowhere else */
	std::uint32_t gso_size = 0, gso_segs = 0; /* of a large buffer that was not cut */
};

/* One attached device. Freed when the core has let go of it. */
struct edu_dev {
	edu_t_host *host;
	edu_t_cable *cable; /* null: the host's edulo, or gone */
	edu_iface *iface;
	edu_dev_info info;
	std::multiset<std::vector<std::uint8_t>> groups; /* addresses it listens to besides */
	int fail_xmit; /* negative errno for every transmission, or 0 */
	bool gone;
	edu_u64 busy_until_ns =
		0; /* what it sends leaves behind what it has sent, if bandwidth has a limit */
};

/* A host: the home's part of a stack, and what belongs to it. */
struct edu_net {
	edu_u64 counters[EDU_COUNTER_COUNT];
	unsigned int notifications;
};

struct edu_t_host {
	edu_net net;
	edu_stack *stack;
	std::vector<edu_dev *> devices;
	std::vector<edu_t_sock *> sockets; /* those that a program has */
	std::vector<struct sock *> socks;  /* all, until the last reference is gone */
};

struct edu_t_sock {
	edu_t_host *host;
	struct sock *sk;
};

/* What a cable does to frames, by the world's seed (NETEM's list). */
struct impairment {
	unsigned int loss = 0, duplicate = 0, corrupt = 0, reorder = 0; /* in 1/1000 */
	edu_u64 delay_ns = 0, jitter_ns = 0;
	edu_u32 octets_per_ms = 0; /* bandwidth of each station; 0: no limit */
	edu_u32 buffer =
		0xffffffff; /* octets that wait for it at a station; what exceeds them is lost */
	unsigned int refuse =
		0; /* in 1/1000: the station's queue is full, and the sender told (ENOBUFS) */
	bool outage = false; /* nothing arrives */
};

namespace hosted {

/* A broken rule of the bridge: printed and counted; aborts when a debugger or fuzzer wants it. */
[[gnu::format(printf, 1, 2)]] void fault(const char *format, ...);
unsigned int faults();
void abort_on_fault(bool yes);
/* Runs fn, which breaks rules on purpose; how many faults were found. They count for nothing else. */
unsigned int faults_of(const std::function<void()> &fn);

/* --- chance.cc: every random number of a run comes from its seed --- */
void seed(edu_u64 seed);
edu_u32 chance();
/* True in `in_thousand` of 1000 cases. */
bool happens(unsigned int in_thousand);
/* How often a softirq interrupts process context where it may, in 1/1000 of the occasions. */
void set_preemption(unsigned int in_thousand);
/* Whether frames, too, arrive in the middle of a system call. The tests of kunit/ are promised that
 * they do not (test_bridge.h); the simulator's own have it on. */
void set_eager_cables(bool yes);
/* How often an allocation fails, in 1/1000. */
void set_failing(unsigned int in_thousand);
bool cables_are_eager();
/* How often a received packet arrives in pieces (data_len > 0), in 1/1000. */
void set_nonlinear(unsigned int in_thousand);
bool arrives_in_pieces();
bool preempts();

/* --- memory.cc --- */
bool allocation_fails();
unsigned int live_blocks();
void reset_memory();

/* --- lock.cc --- */
void assert_may_sleep(const char *what);
void assert_unlocked(const char *what);
/* No spin lock but those inside socket locks: a stream sends with its own held. */
void assert_only_socks_locked(const char *what);
bool holds_spinlock();
/* Locks of the home's own, outside of all of enum edu_lock_class, outermost first. */
enum class home_lock : std::uint32_t { sock, sock_nested, rxq, count };
void home_lock_init(edu_spinlock *lock);
void home_lock_take(edu_spinlock *lock, home_lock order);
void home_lock_release(edu_spinlock *lock);
bool is_held(const edu_spinlock *lock);
bool bh_is_off();
bool in_rcu();
/* Memory goes away: complains of locks held in it. */
void check_locks_in(const void *memory, std::size_t size);

/* --- sched.cc: virtual time --- */
using event_id = std::pair<edu_u64, edu_u64>; /* when (ns), sequence */
enum class source : std::uint8_t { timer, cable, program };
event_id at(edu_u64 when_ns, source from, std::function<void()> run);
void cancel(event_id id);
/* Another program, or thread, makes its system calls at that time: between the steps of the test, or while a
 * call of the test's sleeps. It may sleep itself. */
event_id program_at(edu_u64 when_ns, std::function<void()> run);
bool in_softirq();
/* Softirqs that are due run here, sometimes: an occasion at which a kernel could be interrupted. */
void preemption_point();
/* Runs what is due up to `ns`, and moves the clock there. */
void run_until(edu_u64 ns);
/* Sleeps in a system call: until done() or limit_ns. */
bool sleep_until(edu_u64 limit_ns, const std::function<bool()> &done);
void check_timers_in(const void *memory, std::size_t size);
unsigned int pending_timers();
void reset_clock();
/* Runs fn as a softirq: no sleeping in it, RCU held. */
void softirq(const std::function<void()> &fn);

/* --- skb.cc --- */
unsigned int live_skbs();
/* A packet as a device would deliver it: data at the link header. In pieces if told. */
sk_buff *skb_from(const std::uint8_t *octets, std::size_t len, bool pieces);
void complete_checksum(sk_buff *skb);
std::vector<std::uint8_t> octets_of(const sk_buff *skb);
void skb_get(sk_buff *skb);
/* Takes the buffer away from the socket that was charged for it. */
void skb_orphan(sk_buff *skb);
/* A clone of a stream's buffer leaves its host, or its life. */
void clone_left(sk_buff *skb);
constexpr std::uint32_t skb_overhead = 256; /* octets that a kernel charges besides the data */

/* --- segment.cc --- */
/* The packets that a device makes of a large buffer, octets from data on; ip_at: where its IP header is. */
std::vector<std::vector<std::uint8_t>> packets_of(const sk_buff *skb, std::uint32_t ip_at);

/* --- device.cc --- */
unsigned int live_devices();
void impair(edu_t_cable *cable, const impairment &how);
edu_dev *find_device(edu_t_host *host, int ifindex);
edu_dev *edulo_new(edu_t_host *host);
void drop_device(edu_dev *dev);

/* --- sock.cc --- */
unsigned int live_socks();
/* In CLOSE, with one reference; core_size: octets of the core's part. */
struct sock *sock_new(edu_t_host *host, std::uint32_t core_size);
void charge_received(struct sock *sk, sk_buff *skb);
void charge_sent(struct sock *sk, sk_buff *skb);
/* Whoever sleeps or polls on the socket is woken. */
void wake(struct sock *sk);

/* --- stream.cc --- */
constexpr edu_u64 for_ever = UINT64_MAX; /* a time limit that is none */
void set_stream_pressure(bool yes);
void set_stream_full(bool yes);
void set_exiting(bool yes);

/* --- net.cc --- */
extern bool privileged;
extern int rtnl_depth;

} // namespace hosted
