/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The hosted twin of the header that the kernel build generates: sizes and offsets of the home's
 * structures, and numbers that differ between homes.
 *
 * The structures are those of userspace/hosted/home.hh, whose static_asserts fail the build when a
 * number here is not true. tail and end are offsets from head, as in a 64-bit kernel, so that the
 * core's code for that case is the code that is tested.
 *
 * Locking: none, there are only constants.
 */
#ifndef _EDU_OFFSETS_H
#define _EDU_OFFSETS_H

#define EDU_SIZEOF_SPINLOCK 16
#define EDU_SIZEOF_TIMER 24
#define EDU_SIZEOF_RCU_HEAD 16
#define EDU_SIZEOF_WORK 16
#define EDU_SIZEOF_SOCK 256

#define EDU_OFFSETOF_SKB_LEN 0
#define EDU_OFFSETOF_SKB_DATA_LEN 4
#define EDU_OFFSETOF_SKB_TAIL 8
#define EDU_OFFSETOF_SKB_END 12
#define EDU_OFFSETOF_SKB_HEAD 16
#define EDU_OFFSETOF_SKB_DATA 24
#define EDU_OFFSETOF_SKB_TRUESIZE 32
#define EDU_OFFSETOF_SKB_CB 40
#define EDU_SKB_TAIL_IS_OFFSET 1

#define EDU_OFFSETOF_SOCK_STATE 0
#define EDU_OFFSETOF_SOCK_SHUTDOWN 1
#define EDU_OFFSETOF_SOCK_BOUND_DEV_IF 4

/* Any two different numbers will do; these are 6.12's. */
#define EDU_GFP_ATOMIC 0x820
#define EDU_GFP_KERNEL 0xcc0

#define EDU_PAGE_SIZE 4096

#endif /* _EDU_OFFSETS_H */
