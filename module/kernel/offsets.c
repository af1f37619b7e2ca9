// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sizes, offsets and constants of the kernel at hand, for the core: it keeps kernel objects as plain
 * storage and may not include a kernel header. Compiled to assembly only; Kbuild turns the marks
 * that DEFINE() leaves there into edu_offsets.h.
 */
#define COMPILE_OFFSETS
#include <linux/kbuild.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include <net/sock.h>

int main(void)
{
	DEFINE(EDU_SIZEOF_SPINLOCK, sizeof(spinlock_t));
	DEFINE(EDU_SIZEOF_TIMER, sizeof(struct timer_list));
	DEFINE(EDU_SIZEOF_RCU_HEAD, sizeof(struct rcu_head));
	DEFINE(EDU_SIZEOF_WORK, sizeof(struct work_struct));
	/* Where the core's part of a socket begins: aligned for any of its members. */
	DEFINE(EDU_SIZEOF_SOCK, ALIGN(sizeof(struct sock), 8));
	BLANK();
	DEFINE(EDU_GFP_ATOMIC, (__force unsigned int)GFP_ATOMIC);
	DEFINE(EDU_GFP_KERNEL, (__force unsigned int)GFP_KERNEL);
	DEFINE(EDU_PAGE_SIZE, PAGE_SIZE);
	BLANK();
	/* SKB-1. On 64-bit kernels tail and end are 32-bit offsets from head, else pointers. */
	OFFSET(EDU_OFFSETOF_SKB_HEAD, sk_buff, head);
	OFFSET(EDU_OFFSETOF_SKB_DATA, sk_buff, data);
	OFFSET(EDU_OFFSETOF_SKB_TAIL, sk_buff, tail);
	OFFSET(EDU_OFFSETOF_SKB_END, sk_buff, end);
	OFFSET(EDU_OFFSETOF_SKB_LEN, sk_buff, len);
	OFFSET(EDU_OFFSETOF_SKB_DATA_LEN, sk_buff, data_len);
	OFFSET(EDU_OFFSETOF_SKB_TRUESIZE, sk_buff, truesize);
	OFFSET(EDU_OFFSETOF_SKB_CB, sk_buff, cb);
#ifdef NET_SKBUFF_DATA_USES_OFFSET
	DEFINE(EDU_SKB_TAIL_IS_OFFSET, 1);
#else
	DEFINE(EDU_SKB_TAIL_IS_OFFSET, 0);
#endif
	BLANK();
	/* sk_state and sk_shutdown are one octet, sk_bound_dev_if an int. */
	OFFSET(EDU_OFFSETOF_SOCK_STATE, sock, sk_state);
	OFFSET(EDU_OFFSETOF_SOCK_BOUND_DEV_IF, sock, sk_bound_dev_if);
	OFFSET(EDU_OFFSETOF_SOCK_SHUTDOWN, sock, sk_shutdown);
	return 0;
}
