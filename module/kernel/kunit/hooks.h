/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the unit tests reach into the kernel side: failing allocations, a clock of their own, hosts
 * beside the real namespaces, and devices that are nothing but a queue.
 *
 * TLK: none. Without EDU_KUNIT every hook is an empty inline function, so that the module that ships
 * has none of it.
 *
 * Locking: the test clock's list of timers has a spin lock of its own (clock.c), a leaf.
 */
#ifndef _EDU_KUNIT_HOOKS_H
#define _EDU_KUNIT_HOOKS_H

#include <linux/timer.h>
#include <linux/types.h>

#include <edu/bridge.h>

#ifdef EDU_KUNIT

/* kunit.c: runs the suite "eduinet" once all else has started. */
int edu_kunit_init(void);
void edu_kunit_exit(void);

/* Whether the allocation about to be made shall fail. Any context. */
bool edu_test_alloc_fails(void);
/* Whether a test plays that memory for streams is short. */
bool edu_test_pressure(void);
/* Whether a test plays that memory for streams is used up. */
bool edu_test_stream_full(void);
/* Whether a test plays that its process ends. */
bool edu_test_exiting(void);
/* The time a test sees; `now` is the real one. Never goes back, not even when the test ends. */
u64 edu_test_clock_ms(u64 now);
u64 edu_test_clock_ns(u64 now);
/* While the test clock runs it keeps the timers: true when it has taken (or given up) this one. */
bool edu_test_timer_set(struct timer_list *timer, u64 ms, int *was_pending);
bool edu_test_timer_cancel(struct timer_list *timer);
/* The host a new socket belongs to: that of the test that is making it, else `real`. */
struct edu_net *edu_test_host(struct edu_net *real);
/* Devices of the tests; what packet.c does for real ones. */
bool edu_test_is_dev(const struct edu_dev *ed);
int edu_test_dev_xmit(struct edu_dev *ed, struct sk_buff *skb, u16 ethertype);
void edu_test_dev_release(struct edu_dev *ed);
/* A test's host, and its devices for tap.c: by name, or by index when that is null. */
bool edu_test_is_net(const struct edu_net *en);
struct net_device *edu_test_netdev(struct edu_net *en, const char *name, int ifindex);
int edu_test_netdev_xmit(struct net_device *netdev, struct sk_buff *skb);

/* os.c: waits until the core's work is done. */
void edu_os_flush(void);

/* Among the files of the tests. The clock starts, stops, and moves to the next timer that is due
 * within `limit_ms` of its start; false when there is none. */
void edu_test_clock_start(void);
void edu_test_clock_stop(void);
u64 edu_test_clock_elapsed(void);
void edu_test_clock_set(u64 elapsed_ms);
bool edu_test_clock_fire(u64 limit_ms);
/* calls.c: gives the thread back what edu_t_privileged(0) took. */
void edu_test_privileges_restore(void);

#else

static inline bool edu_test_alloc_fails(void)
{
	return false;
}

static inline bool edu_test_pressure(void)
{
	return false;
}

static inline bool edu_test_stream_full(void)
{
	return false;
}

static inline bool edu_test_exiting(void)
{
	return false;
}

static inline u64 edu_test_clock_ms(u64 now)
{
	return now;
}

static inline u64 edu_test_clock_ns(u64 now)
{
	return now;
}

static inline bool edu_test_timer_set(struct timer_list *timer, u64 ms, int *was_pending)
{
	return false;
}

static inline bool edu_test_timer_cancel(struct timer_list *timer)
{
	return false;
}

static inline struct edu_net *edu_test_host(struct edu_net *real)
{
	return real;
}

static inline bool edu_test_is_dev(const struct edu_dev *ed)
{
	return false;
}

static inline int edu_test_dev_xmit(struct edu_dev *ed, struct sk_buff *skb, u16 ethertype)
{
	return 0;
}

static inline void edu_test_dev_release(struct edu_dev *ed) {}

static inline bool edu_test_is_net(const struct edu_net *en)
{
	return false;
}

static inline struct net_device *edu_test_netdev(struct edu_net *en, const char *name, int ifindex)
{
	return NULL;
}

static inline int edu_test_netdev_xmit(struct net_device *netdev, struct sk_buff *skb)
{
	return 0;
}

#endif /* EDU_KUNIT */

#endif /* _EDU_KUNIT_HOOKS_H */
