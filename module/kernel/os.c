// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an operating system gives the core: memory, time, chance, locks, RCU, timers and work.
 *
 * Behind TLK "Networks" as a whole (architecture: "the kernel gives …"); no requirement of its own.
 * The core keeps these objects as storage inside its own structures; here the storage becomes the
 * kernel's object again. Each conversion is checked against the generated sizes below.
 *
 * Locking: none of its own. All spin locks of the core are taken with softirqs off; each class of
 * lock (enum edu_lock_class) has its lockdep key and name here, so that lockdep can prove the order
 * that Documentation/locking.rst states.
 */
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/lockdep.h>
#include <linux/net.h>
#include <linux/random.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "edu_kernel.h"
#include "kunit/hooks.h"

/* One queue for the core's work, so that module exit can wait for all of it. */
static struct workqueue_struct *edu_workqueue;

int edu_os_init(void)
{
	edu_workqueue = alloc_workqueue("eduinet", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return edu_workqueue ? 0 : -ENOMEM;
}

void edu_os_exit(void)
{
	destroy_workqueue(edu_workqueue);
}

#ifdef EDU_KUNIT
static atomic_t edu_works_begun;

void edu_os_flush(void)
{
	int begun;

	/* Work may queue itself again, which the flush that waits for it does not see. */
	do {
		begun = atomic_read(&edu_works_begun);
		flush_workqueue(edu_workqueue);
	} while (atomic_read(&edu_works_begun) != begun);
}
#endif

/* ------------------------------------------------------------------------------------------------
 * Memory
 */

void *edu_k_alloc(unsigned long size, unsigned int gfp)
{
	if (edu_test_alloc_fails())
		return NULL;
	/* kmalloc's caches of 96 octets and such would let an object straddle cache lines. */
	if (size > 64)
		size = ALIGN(size, 64);
	return kzalloc(size, (__force gfp_t)gfp | __GFP_NOWARN);
}

void edu_k_free(void *memory)
{
	kfree(memory);
}

void *edu_k_table_alloc(unsigned long size)
{
	if (edu_test_alloc_fails())
		return NULL;
	return kvzalloc(size, GFP_KERNEL | __GFP_NOWARN);
}

void *edu_k_table_alloc_unset(unsigned long size)
{
	if (edu_test_alloc_fails())
		return NULL;
	return kvmalloc(size, GFP_KERNEL | __GFP_NOWARN);
}

void edu_k_table_free(void *table)
{
	kvfree(table);
}

/* ------------------------------------------------------------------------------------------------
 * Time and chance
 */

edu_u64 edu_k_now_ms(void)
{
	return edu_test_clock_ms(jiffies64_to_msecs(get_jiffies_64()));
}

edu_u64 edu_k_now_ns(void)
{
	return edu_test_clock_ns(ktime_get_ns());
}

edu_u32 edu_k_time_of_day_ms(void)
{
	struct timespec64 now;
	u32 second_of_day;

	ktime_get_real_ts64(&now);
	div_u64_rem(now.tv_sec, 24 * 60 * 60, &second_of_day);
	return second_of_day * MSEC_PER_SEC + (u32)now.tv_nsec / NSEC_PER_MSEC;
}

edu_u32 edu_k_random(void)
{
	return get_random_u32();
}

/* ------------------------------------------------------------------------------------------------
 * Log
 */

/* Texts that have been warned about; the core's places are string literals, so the address tells one
 * from another. A full table makes further places silent. */
static const char *edu_warned[64];

static bool edu_first_warning(const char *text)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(edu_warned); i++) {
		const char *before = cmpxchg(&edu_warned[i], NULL, text);

		if (!before)
			return true;
		if (before == text)
			return false;
	}
	return false;
}

void edu_k_warn(const char *text)
{
	if (edu_first_warning(text))
		WARN(1, "eduinet: %s\n", text);
}

void edu_k_log(const char *text, edu_be32 address, const edu_u8 *hardware_address)
{
	if (!net_ratelimit())
		return;
	if (hardware_address)
		pr_notice("%s: %pI4 at %pM\n", text, &address, hardware_address);
	else
		pr_notice("%s: %pI4\n", text, &address);
}

/* ------------------------------------------------------------------------------------------------
 * Locks
 */

static struct lock_class_key edu_lock_keys[EDU_LOCK_CLASS_COUNT];
/* clang-format off: one a line */
static const char *const edu_lock_names[EDU_LOCK_CLASS_COUNT] = {
	[EDU_LOCK_SOCK_BIND] = "eduinet:sock_bind",
	[EDU_LOCK_UDP_HASH] = "eduinet:udp_hash",
	[EDU_LOCK_TCP_PORT] = "eduinet:tcp_port",
	[EDU_LOCK_TCP_BOUND] = "eduinet:tcp_bound",
	[EDU_LOCK_TCP_LISTENING] = "eduinet:tcp_listening",
	[EDU_LOCK_TCP_ESTABLISHED] = "eduinet:tcp_established",
	[EDU_LOCK_TCP_TIME_WAIT] = "eduinet:tcp_time_wait",
	[EDU_LOCK_TCP_RECORDS] = "eduinet:tcp_records",
	[EDU_LOCK_PACKET] = "eduinet:packet",
	[EDU_LOCK_RAW_HASH] = "eduinet:raw_hash",
	[EDU_LOCK_IPQ] = "eduinet:ipq",
	[EDU_LOCK_IPQUEUE] = "eduinet:ipqueue",
	[EDU_LOCK_IPQ_AGE] = "eduinet:ipq_age",
	[EDU_LOCK_RT_CACHE] = "eduinet:rt_cache",
	[EDU_LOCK_FIB] = "eduinet:fib",
	[EDU_LOCK_ARP_BUCKET] = "eduinet:arp_bucket",
	[EDU_LOCK_ARP_ENTRY] = "eduinet:arp_entry",
	[EDU_LOCK_IGMP] = "eduinet:igmp",
	[EDU_LOCK_IFACE] = "eduinet:iface",
	[EDU_LOCK_COUNTED] = "eduinet:leaf",
};
/* clang-format on */

static spinlock_t *edu_to_spinlock(struct edu_spinlock *lock)
{
	BUILD_BUG_ON(sizeof(lock->storage) < sizeof(spinlock_t));
	return (spinlock_t *)lock->storage;
}

void edu_k_spin_init(struct edu_spinlock *lock, enum edu_lock_class lock_class)
{
	spinlock_t *spinlock = edu_to_spinlock(lock);

	spin_lock_init(spinlock);
	lockdep_set_class_and_name(spinlock, &edu_lock_keys[lock_class],
				   edu_lock_names[lock_class]);
}

void edu_k_spin_lock(struct edu_spinlock *lock) __acquires(lock)
{
	spin_lock_bh(edu_to_spinlock(lock));
}

int edu_k_spin_trylock(struct edu_spinlock *lock)
{
	return spin_trylock_bh(edu_to_spinlock(lock));
}

void edu_k_spin_unlock(struct edu_spinlock *lock) __releases(lock)
{
	spin_unlock_bh(edu_to_spinlock(lock));
}

void edu_k_assert_spin_locked(struct edu_spinlock *lock)
{
	lockdep_assert_held(edu_to_spinlock(lock));
}

void edu_k_assert_rtnl(void)
{
	ASSERT_RTNL();
}

void edu_k_rtnl_lock(void)
{
	rtnl_lock();
}

void edu_k_rtnl_unlock(void)
{
	rtnl_unlock();
}

/* ------------------------------------------------------------------------------------------------
 * RCU
 */

void edu_k_rcu_read_lock(void) __acquires(RCU)
{
	rcu_read_lock();
}

void edu_k_rcu_read_unlock(void) __releases(RCU)
{
	rcu_read_unlock();
}

void edu_k_assert_rcu(void)
{
	RCU_LOCKDEP_WARN(!rcu_read_lock_held() && !rcu_read_lock_bh_held(),
			 "eduinet: no RCU read-side section");
}

static void edu_rcu_reclaim(struct rcu_head *rcu)
{
	struct edu_rcu_head *head = container_of((void *)rcu, struct edu_rcu_head, storage);

	head->reclaim(head);
}

void edu_k_call_rcu(struct edu_rcu_head *head, void (*reclaim)(struct edu_rcu_head *head))
{
	BUILD_BUG_ON(sizeof(head->storage) < sizeof(struct rcu_head));
	head->reclaim = reclaim;
	call_rcu((struct rcu_head *)head->storage, edu_rcu_reclaim);
}

void edu_k_synchronize_rcu(void)
{
	synchronize_net(); /* expedited when the RTNL is held */
}

void edu_k_rcu_barrier(void)
{
	rcu_barrier();
}

/* ------------------------------------------------------------------------------------------------
 * Timers
 */

static struct timer_list *edu_to_timer(const struct edu_timer *timer)
{
	BUILD_BUG_ON(sizeof(timer->storage) < sizeof(struct timer_list));
	return (struct timer_list *)timer->storage;
}

static void edu_timer_fire(struct timer_list *kernel_timer)
{
	struct edu_timer *timer = container_of((void *)kernel_timer, struct edu_timer, storage);

	timer->fire(timer);
}

void edu_k_timer_init(struct edu_timer *timer, void (*fire)(struct edu_timer *timer))
{
	timer->fire = fire;
	timer_setup(edu_to_timer(timer), edu_timer_fire, 0);
}

int edu_k_timer_set(struct edu_timer *timer, edu_u64 ms)
{
	unsigned long ticks = msecs_to_jiffies(min_t(u64, ms, INT_MAX));
	int pending = 0;

	if (edu_test_timer_set(edu_to_timer(timer), ms, &pending))
		return pending;
	/* One tick more, for part of the present one has already passed. */
	return mod_timer(edu_to_timer(timer), jiffies + ticks + 1);
}

int edu_k_timer_pending(const struct edu_timer *timer)
{
	return timer_pending(edu_to_timer(timer));
}

int edu_k_timer_cancel(struct edu_timer *timer)
{
	if (edu_test_timer_cancel(edu_to_timer(timer)))
		return 1;
	return edu_compat_timer_delete(edu_to_timer(timer));
}

void edu_k_timer_cancel_sync(struct edu_timer *timer)
{
	edu_test_timer_cancel(edu_to_timer(timer));
	edu_compat_timer_delete_sync(edu_to_timer(timer));
}

/* ------------------------------------------------------------------------------------------------
 * Work
 */

static struct work_struct *edu_to_work(struct edu_work *work)
{
	BUILD_BUG_ON(sizeof(work->storage) < sizeof(struct work_struct));
	return (struct work_struct *)work->storage;
}

static void edu_work_run(struct work_struct *kernel_work)
{
	struct edu_work *work = container_of((void *)kernel_work, struct edu_work, storage);

#ifdef EDU_KUNIT
	atomic_inc(&edu_works_begun);
#endif
	work->run(work);
}

void edu_k_work_init(struct edu_work *work, void (*run)(struct edu_work *work))
{
	work->run = run;
	INIT_WORK(edu_to_work(work), edu_work_run);
}

void edu_k_work_queue(struct edu_work *work)
{
	queue_work(edu_workqueue, edu_to_work(work));
}

void edu_k_work_cancel_sync(struct edu_work *work)
{
	cancel_work_sync(edu_to_work(work));
}
