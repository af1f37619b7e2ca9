/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What world.c and calls.c share of the tests' world. Locking: the test's thread alone.
 */
#ifndef _EDU_KUNIT_WORLD_H
#define _EDU_KUNIT_WORLD_H

#include <linux/list.h>

#include <kunit/test_bridge.h>

#include "../edu_kernel.h"

struct edu_t_host {
	struct edu_net net;	  /* what the core takes for a namespace's */
	struct list_head devices; /* edu_t_dev.list, edulo first */
	struct list_head sockets; /* edu_t_sock.list */
	struct list_head closed; /* edu_t_orphan.list: streams that may live on without a program */
};

/* calls.c: closes what is still open, and ends what was closed but has not ended. */
void edu_t_sockets_close(struct edu_t_host *host);

#endif /* _EDU_KUNIT_WORLD_H */
