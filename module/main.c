// SPDX-License-Identifier: GPL-2.0-only
/*
 * EDUINET: init and exit of the module.
 *
 * TLK "The BSD Socket Interface" (at initialisation each part registers itself, BSD-1; a family that
 * is not there is loaded as a module, BSD-3). The parts below start in order and stop in exactly
 * the reverse; the first of them walks the core's table protocols[].
 *
 * Locking: init and exit run alone. Exit is reached only when no socket, no device of ours and no
 * attached interface holds the module any more; what may still be on its way then are packets on
 * other CPUs, timers, work and RCU callbacks. Each part waits for its own packets and timers; the
 * last step here waits for all callbacks before the code goes.
 */
#include <linux/cache.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/rcupdate.h>
#include <net/rtnetlink.h>

#include "kernel/edu_kernel.h"
#include "kernel/kunit/hooks.h"

int edu_k_family __ro_after_init = AF_EDUINET;
module_param_named(family, edu_k_family, int, 0444);
MODULE_PARM_DESC(family, "number of the address family (default 13, the unused AF_NETBEUI)");

/* One part of the module. */
struct edu_part {
	const char *name;   /* for the log */
	int (*init)(void);  /* 0 or a negative errno */
	void (*exit)(void); /* undoes init; cannot fail */
};

static int edu_core_start(void)
{
	unsigned int i;
	int err = edu_core_init();

	if (err)
		return err;
	for (i = 0; edu_core_protocol_name(i); i++)
		pr_debug("protocols[%u]: %s\n", i, edu_core_protocol_name(i));
	return 0;
}

/* Bottom first: whatever a part calls stands before it. Sockets come late, for then all is ready;
 * netlink after them, for rtnetlink would let us overwrite the handlers of a family that is taken
 * (family=2 is Linux's own), and only sock_register() finds that out. */
static const struct edu_part edu_parts[] = {
	{"operating system", edu_os_init, edu_os_exit},
	{"core", edu_core_start, edu_core_exit},
	{"hosts", edu_net_init, edu_net_exit},
	{"devices", edu_packet_init, edu_packet_exit},
	{"virtual Ethernet", edu_dev_eduinet_init, edu_dev_eduinet_exit},
	{"socket family", edu_family_init, edu_family_exit},
	{"netlink", edu_netlink_init, edu_netlink_exit},
#ifdef EDU_KUNIT
	{"unit tests", edu_kunit_init, edu_kunit_exit},
#endif
};

/* Stops the first `count` parts, the last of them first. */
static void edu_parts_exit(unsigned int count)
{
	while (count)
		edu_parts[--count].exit();
	/* Whatever a part handed to RCU runs code of this module. */
	rcu_barrier();
}

static int __init edu_module_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(edu_parts); i++) {
		int err = edu_parts[i].init();

		if (err) {
			pr_err("%s: cannot start (%d)\n", edu_parts[i].name, err);
			edu_parts_exit(i);
			/* EEXIST would tell modprobe that the module is loaded. */
			return err == -EEXIST ? -EBUSY : err;
		}
	}
	pr_info("address family %d\n", edu_k_family);
	return 0;
}

static void __exit edu_module_exit(void)
{
	edu_parts_exit(ARRAY_SIZE(edu_parts));
}

module_init(edu_module_init);
module_exit(edu_module_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("The network stack of The Linux Kernel, chapter Networks");
MODULE_ALIAS_NETPROTO(AF_EDUINET);
MODULE_ALIAS_RTNL_LINK("eduinet");
