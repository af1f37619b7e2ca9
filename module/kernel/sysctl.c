// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/sys/net/eduinet/NAME: the tunables of each host.
 *
 * TLK gives the timers and limits as constants of the kernel; requirements: every constant is a
 * tunable, so that a lab need not wait (linux-2.0's values are the defaults,
 * include/edu/tunables.h).
 *
 * The network administrator of the namespace may write, everybody may read: the permissions of
 * every table below /proc/sys/net. How much of the machine's memory a host may fill is for the
 * machine's administrator to say: in a namespace of another user those limits are read-only.
 *
 * Locking: none. The values are single words that the core reads afresh at each use; the kernel
 * waits for readers and writers of a file before unregister_net_sysctl_table() returns.
 */
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <linux/user_namespace.h>

#include "edu_kernel.h"

struct edu_tunable_range {
	const char *name;
	unsigned int least, most; /* both allowed */
};

static const struct edu_tunable_range edu_tunable_ranges[EDU_TUNABLE_COUNT] = {
#define EDU_TUNABLE_RANGE(name, value, least, most, text) { #name, least, most },
	EDU_TUNABLES(EDU_TUNABLE_RANGE)
#undef EDU_TUNABLE_RANGE
};

/* Limits on memory. */
static bool edu_tunable_bounds_memory(unsigned int i)
{
	return i == EDU_TUNE_arp_max_entries || i == EDU_TUNE_arp_queue_len ||
	       i == EDU_TUNE_rt_cache_size;
}

int edu_sysctl_net_init(struct edu_net *en)
{
	bool foreign = en->net->user_ns != &init_user_ns;
	edu_u32 *values = edu_core_tunables(en->stack);
	struct ctl_table *table;
	unsigned int i;

	/* One more than there are: 6.1 knows the end of a table by an empty entry. */
	table = kcalloc(EDU_TUNABLE_COUNT + 1, sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (i = 0; i < EDU_TUNABLE_COUNT; i++) {
		table[i].procname = edu_tunable_ranges[i].name;
		table[i].data = &values[i];
		table[i].maxlen = sizeof(values[i]);
		table[i].mode = foreign && edu_tunable_bounds_memory(i) ? 0444 : 0644;
		table[i].proc_handler = proc_douintvec_minmax;
		table[i].extra1 = (void *)&edu_tunable_ranges[i].least;
		table[i].extra2 = (void *)&edu_tunable_ranges[i].most;
	}
	en->sysctl = edu_compat_register_sysctl(en->net, "net/eduinet", table, EDU_TUNABLE_COUNT);
	if (!en->sysctl) {
		kfree(table);
		return -ENOMEM;
	}
	en->sysctl_table = table;
	return 0;
}

void edu_sysctl_net_exit(struct edu_net *en)
{
	unregister_net_sysctl_table(en->sysctl);
	kfree(en->sysctl_table);
	en->sysctl_table = NULL;
	en->sysctl = NULL;
}
