// SPDX-License-Identifier: GPL-2.0-only
/*
 * One host per network namespace, and its counters.
 *
 * TLK "Networks": every sentence that says "the host"; requirements: EDUINET is per network
 * namespace throughout; every drop has a named counter (RFC 1213 names where there are any).
 *
 * Two pernet_operations, because of their place in the kernel's list. The host itself is a
 * "subsystem": born before the namespace's first device, gone after its last. edulo is a "device":
 * born after Linux's own lo (which insists on ifindex 1), gone before the namespace's other devices
 * are swept away. So in a dying namespace edulo leaves first, then the kernel unregisters every
 * other device, and packet.c's notifier detaches each; only then edu_core_stack_close() runs, with
 * no interface left. Sockets hold the namespace, so none of them is left either.
 *
 * Locking: init and exit of namespaces are serialised by the kernel (pernet_ops_rwsem). A host's
 * fields are constant between them. Counters are per CPU and only ever added to.
 */
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <net/netns/generic.h>

#include "edu_kernel.h"

static unsigned int edu_net_id __read_mostly;

struct edu_net *edu_net(const struct net *net)
{
	return net_generic(net, edu_net_id);
}

/* ------------------------------------------------------------------------------------------------
 * Counters
 */

const struct edu_counter_name edu_counter_names[EDU_COUNTER_COUNT] = {
#define EDU_COUNTER_NAME(group, name) { #group, #name },
	EDU_COUNTERS(EDU_COUNTER_NAME)
#undef EDU_COUNTER_NAME
};

/* Home: bridge.h. this_cpu_add() is one instruction that neither preemption nor a softirq can
 * split. */
void edu_k_count(struct edu_net *en, enum edu_counter counter)
{
	this_cpu_inc(en->counters->value[counter]);
}

void edu_k_count_add(struct edu_net *en, enum edu_counter counter, edu_u32 amount)
{
	this_cpu_add(en->counters->value[counter], amount);
}

u64 edu_counter_read(const struct edu_net *en, enum edu_counter counter)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(en->counters, cpu)->value[counter]);
	return sum;
}

/* ------------------------------------------------------------------------------------------------
 * A host's life
 */

static int __net_init edu_host_init(struct net *net)
{
	struct edu_net *en = edu_net(net);
	int err = -ENOMEM;

	en->net = net;
	xa_init(&en->devices);
	INIT_LIST_HEAD(&en->taps);
	en->counters = alloc_percpu(struct edu_counters);
	if (!en->counters)
		return err;
	en->stack = edu_core_stack_new(en);
	if (!en->stack)
		goto free_counters;
	err = edu_sysctl_net_init(en);
	if (err)
		goto free_stack;
	err = edu_proc_net_init(en);
	if (err)
		goto remove_sysctl;
	return 0;

remove_sysctl:
	edu_sysctl_net_exit(en);
free_stack:
	edu_core_stack_close(en->stack);
	edu_core_stacks_settle();
	edu_core_stack_free(en->stack);
	en->stack = NULL;
free_counters:
	free_percpu(en->counters);
	return err;
}

/* Many namespaces may die together: their hosts then share the waiting for RCU. */
static void __net_exit edu_host_exit_batch(struct list_head *nets)
{
	struct net *net;

	list_for_each_entry(net, nets, exit_list) {
		struct edu_net *en = edu_net(net);

		edu_proc_net_exit(en);
		edu_sysctl_net_exit(en);
		WARN_ON_ONCE(!xa_empty(&en->devices));
		edu_core_stack_close(en->stack);
	}
	edu_core_stacks_settle();
	list_for_each_entry(net, nets, exit_list) {
		struct edu_net *en = edu_net(net);

		edu_core_stack_free(en->stack);
		en->stack = NULL;
		xa_destroy(&en->devices);
		free_percpu(en->counters);
	}
}

static struct pernet_operations edu_host_ops = {
	.init = edu_host_init,
	.exit_batch = edu_host_exit_batch,
	.id = &edu_net_id,
	.size = sizeof(struct edu_net),
};

static int __net_init edu_loopback_init(struct net *net)
{
	return edu_edulo_create(edu_net(net));
}

/* Many namespaces may die together: their devices then share the waiting. */
static void __net_exit edu_loopback_exit_batch(struct list_head *nets)
{
	LIST_HEAD(leaving);
	struct net *net;

	rtnl_lock();
	list_for_each_entry(net, nets, exit_list)
		edu_edulo_unregister(edu_net(net), &leaving);
	unregister_netdevice_many(&leaving);
	rtnl_unlock(); /* waits for the last references, then frees the devices */
}

static struct pernet_operations edu_loopback_ops = {
	.init = edu_loopback_init,
	.exit_batch = edu_loopback_exit_batch,
};

int edu_net_init(void)
{
	int err;

	err = register_pernet_subsys(&edu_host_ops);
	if (err)
		return err;
	err = register_pernet_device(&edu_loopback_ops);
	if (err)
		unregister_pernet_subsys(&edu_host_ops);
	return err;
}

void edu_net_exit(void)
{
	unregister_pernet_device(&edu_loopback_ops);
	unregister_pernet_subsys(&edu_host_ops);
}
