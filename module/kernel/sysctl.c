// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/sys/net/eduinet/NAME: the tunables of each host; below conf/ those of each interface.
 *
 * TLK gives the timers and limits as constants of the kernel; requirements: every constant is a
 * tunable, so that a lab need not wait (linux-2.0's values are the defaults,
 * include/edu/tunables.h).
 *
 * The network administrator of the namespace may write, everybody may read: the permissions of
 * every table below /proc/sys/net. How much of the machine's memory a host may fill is for the
 * machine's administrator to say: in a namespace of another user those limits are read-only.
 *
 * Locking: the values are single words that the core reads afresh at each use. Those of interfaces
 * are written under the RTNL, which a writer only tries to get: whoever holds it may be waiting, in
 * unregister_net_sysctl_table(), for just this writer.
 */
#include <linux/rtnetlink.h>
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

static const struct edu_tunable_range edu_iface_tunable_ranges[EDU_IFACE_TUNABLE_COUNT] = {
#define EDU_IFACE_TUNABLE_RANGE(name, value, least, most, rule, text) { #name, least, most },
	EDU_IFACE_TUNABLES(EDU_IFACE_TUNABLE_RANGE)
#undef EDU_IFACE_TUNABLE_RANGE
};

/* ------------------------------------------------------------------------------------------------
 * conf/all, conf/default, conf/NAME
 */

struct edu_conf {
	struct edu_net *net;
	edu_u32 *values; /* the core's */
	struct ctl_table_header *header;
	/* One more than there are: 6.1 knows the end of a table by an empty entry. */
	struct ctl_table table[EDU_IFACE_TUNABLE_COUNT + 1];
};

/* extra1 is the setting's range, extra2 its edu_conf. */
static int edu_conf_handler(edu_compat_ctl_table *ctl, int write, void *buffer, size_t *lenp,
			    loff_t *ppos)
{
	const struct edu_tunable_range *range = ctl->extra1;
	struct edu_conf *conf = ctl->extra2;
	unsigned int which = range - edu_iface_tunable_ranges;
	edu_u32 value = READ_ONCE(conf->values[which]);
	struct ctl_table bounded = *ctl;
	int err;

	bounded.data = &value;
	bounded.extra1 = (void *)&range->least;
	bounded.extra2 = (void *)&range->most;
	if (!write)
		return proc_douintvec_minmax(&bounded, write, buffer, lenp, ppos);
	if (!rtnl_trylock())
		return restart_syscall();
	err = proc_douintvec_minmax(&bounded, write, buffer, lenp, ppos);
	if (!err)
		err = edu_packet_setting_check(conf->net, conf->values, which, value);
	if (!err) {
		WRITE_ONCE(conf->values[which], value);
		edu_core_iface_tunable_written(conf->net->stack, conf->values, which);
		edu_packet_setting_written(conf->net, which);
	}
	rtnl_unlock();
	return err;
}

static void edu_conf_fill(struct ctl_table *ctl, struct edu_conf *conf, unsigned int which)
{
	ctl->procname = edu_iface_tunable_ranges[which].name;
	ctl->data = &conf->values[which];
	ctl->maxlen = sizeof(conf->values[which]);
	ctl->mode = 0644;
	ctl->proc_handler = edu_conf_handler;
	ctl->extra1 = (void *)&edu_iface_tunable_ranges[which];
	ctl->extra2 = conf;
}

/* null: no memory. */
static struct edu_conf *edu_conf_new(struct edu_net *en, edu_u32 *values, const char *name)
{
	struct edu_conf *conf = kzalloc(sizeof(*conf), GFP_KERNEL);
	char path[sizeof("net/eduinet/conf/") + IFNAMSIZ];
	unsigned int i;

	if (!conf)
		return NULL;
	conf->net = en;
	conf->values = values;
	for (i = 0; i < EDU_IFACE_TUNABLE_COUNT; i++)
		edu_conf_fill(&conf->table[i], conf, i);
	snprintf(path, sizeof(path), "net/eduinet/conf/%s", name);
	conf->header =
		edu_compat_register_sysctl(en->net, path, conf->table, EDU_IFACE_TUNABLE_COUNT);
	if (!conf->header) {
		kfree(conf);
		return NULL;
	}
	return conf;
}

static void edu_conf_free(struct edu_conf *conf)
{
	if (!conf)
		return;
	unregister_net_sysctl_table(conf->header);
	kfree(conf);
}

void edu_sysctl_dev_init(struct edu_dev *ed)
{
	ed->conf = edu_conf_new(ed->net, edu_core_iface_tunables(ed->iface), ed->dev->name);
}

void edu_sysctl_dev_exit(struct edu_dev *ed)
{
	edu_conf_free(ed->conf);
	ed->conf = NULL;
}

/* ------------------------------------------------------------------------------------------------
 * The host's own
 */

static bool edu_tunable_bounds_memory(unsigned int i)
{
	switch (i) {
#define EDU_MEMORY_TUNABLE(name) case EDU_TUNE_##name:
		EDU_MEMORY_TUNABLES(EDU_MEMORY_TUNABLE)
#undef EDU_MEMORY_TUNABLE
		return true;
	default:
		return false;
	}
}

static int edu_sysctl_host_init(struct edu_net *en)
{
	bool foreign = en->net->user_ns != &init_user_ns;
	edu_u32 *values = edu_core_tunables(en->stack);
	struct ctl_table *table;
	unsigned int i;

	/* One more for ip_forward, and for 6.1 an empty one. */
	table = kcalloc(EDU_TUNABLE_COUNT + 2, sizeof(*table), GFP_KERNEL);
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
	/* By this name everybody knows conf/all/forwarding. */
	edu_conf_fill(&table[i], en->conf_all, EDU_IFACE_forwarding);
	table[i].procname = "ip_forward";
	en->sysctl =
		edu_compat_register_sysctl(en->net, "net/eduinet", table, EDU_TUNABLE_COUNT + 1);
	if (!en->sysctl) {
		kfree(table);
		return -ENOMEM;
	}
	en->sysctl_table = table;
	return 0;
}

int edu_sysctl_net_init(struct edu_net *en)
{
	en->conf_all = edu_conf_new(en, edu_core_all_iface_tunables(en->stack), "all");
	en->conf_default = edu_conf_new(en, edu_core_default_iface_tunables(en->stack), "default");
	if (!en->conf_all || !en->conf_default || edu_sysctl_host_init(en)) {
		edu_conf_free(en->conf_default);
		edu_conf_free(en->conf_all);
		return -ENOMEM;
	}
	return 0;
}

void edu_sysctl_net_exit(struct edu_net *en)
{
	unregister_net_sysctl_table(en->sysctl);
	kfree(en->sysctl_table);
	en->sysctl_table = NULL;
	en->sysctl = NULL;
	edu_conf_free(en->conf_default);
	edu_conf_free(en->conf_all);
}
