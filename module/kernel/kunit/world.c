// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tests' world in a kernel: hosts, cables and devices (kunit/test_bridge.h).
 *
 * A host is a stack of its own, apart from every namespace; only where the kernel insists on one
 * (struct net, for sockets) it borrows init_net. A device is a net_device that is never registered:
 * the kernel's stack does not see it, and edu_k_dev_xmit() puts its frames on the cable. There they
 * wait, still charged to their sender, until edu_t_run() delivers them in the order they were sent.
 *
 * Locking: edu_world_lock guards the frames under way and those captured; transmissions come from
 * any context. Hosts, cables and devices are changed by the test's thread alone.
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include "../edu_kernel.h"
#include "world.h"
#include "hooks.h"

#define EDU_MOST_CAPTURED 1024

/* A frame as it lay on the wire. */
struct edu_t_captured {
	struct list_head list; /* in edu_t_cable.captured */
	unsigned int len;      /* octets */
	u8 octets[];
};

struct edu_t_cable {
	struct list_head stations; /* edu_t_dev.station */
	struct list_head captured; /* edu_t_captured, oldest first */
	unsigned int captured_count;
	unsigned int lose; /* frames to lose from now on */
	bool cuts;	   /* large buffers become packets */
};

/* A device of a test. The attached device comes first: the core and packet.c know only that. */
struct edu_t_dev {
	struct edu_dev ed;
	struct edu_t_host *host;
	struct edu_t_cable *cable; /* null: what is sent comes back (edulo) */
	struct edu_dev_info info;
	struct list_head list;	  /* in edu_t_host.devices */
	struct list_head station; /* in edu_t_cable.stations */
	struct llist_node dead;	  /* in edu_t_dead, once the core has let go */
	int fail_xmit;		  /* negative errno for every transmission, or 0 */
	bool gone;
};

/* Frames under way: skb->dev leads to the sender, the ethertype is skb->protocol. */
static struct sk_buff_head edu_t_flights = {
	.next = (struct sk_buff *)&edu_t_flights,
	.prev = (struct sk_buff *)&edu_t_flights,
	.lock = __SPIN_LOCK_UNLOCKED(edu_t_flights.lock),
};
static DEFINE_SPINLOCK(edu_world_lock);
static LLIST_HEAD(edu_t_dead); /* edu_t_dev.dead: released, waiting for a context that may sleep */
static atomic_t edu_t_live = ATOMIC_INIT(0); /* devices the core has not let go of, and hosts */

static const struct net_device_ops edu_t_netdev_ops = {};

bool edu_test_is_dev(const struct edu_dev *ed)
{
	return ed->dev->netdev_ops == &edu_t_netdev_ops;
}

static struct edu_t_dev *edu_t_dev_of(struct edu_dev *ed)
{
	return container_of(ed, struct edu_t_dev, ed);
}

bool edu_test_is_net(const struct edu_net *en)
{
	return edu_net(en->net) != en;
}

struct net_device *edu_test_netdev(struct edu_net *en, const char *name, int ifindex)
{
	struct edu_t_host *host = container_of(en, struct edu_t_host, net);
	struct edu_t_dev *dev;

	list_for_each_entry(dev, &host->devices, list)
		if (name ? !strcmp(dev->info.name, name) : dev->info.ifindex == ifindex)
			return dev->ed.dev;
	return NULL;
}

int edu_test_netdev_xmit(struct net_device *netdev, struct sk_buff *skb)
{
	struct edu_t_dev *dev = *(struct edu_t_dev **)netdev_priv(netdev);

	return edu_test_dev_xmit(&dev->ed, skb, ntohs(skb->protocol));
}

static struct edu_t_dev *edu_t_dev_find(struct edu_t_host *host, int ifindex)
{
	struct edu_t_dev *dev;

	list_for_each_entry(dev, &host->devices, list)
		if (dev->info.ifindex == ifindex)
			return dev;
	return NULL;
}

/* ------------------------------------------------------------------------------------------------
 * Frames arrive
 */

static unsigned int edu_t_packet_type(const struct edu_t_dev *dev, const u8 *to)
{
	if (!memcmp(to, dev->info.broadcast, dev->info.addr_len))
		return PACKET_BROADCAST;
	if (is_multicast_ether_addr(to))
		return PACKET_MULTICAST;
	return memcmp(to, dev->info.addr, dev->info.addr_len) ? PACKET_OTHERHOST : PACKET_HOST;
}

static void edu_t_to_core(struct edu_t_dev *dev, struct sk_buff *skb)
{
	switch (ntohs(skb->protocol)) {
	case ETH_P_IP:
		edu_core_rcv_ip(dev->ed.iface, skb, skb->pkt_type);
		break;
	case ETH_P_ARP:
		edu_core_rcv_arp(dev->ed.iface, skb, skb->pkt_type);
		break;
	case ETH_P_RARP:
		edu_core_rcv_rarp(dev->ed.iface, skb, skb->pkt_type);
		break;
	default:
		kfree_skb(skb);
	}
}

/* Takes the link header off and sees whether the frame is for this station. */
static bool edu_t_accepts(struct edu_t_dev *dev, struct sk_buff *skb)
{
	unsigned int header = dev->info.header_len;

	skb->pkt_type = PACKET_HOST;
	skb_reset_mac_header(skb);
	if (!header)
		return true;
	if (!pskb_may_pull(skb, header)) {
		edu_k_count(&dev->host->net, EDU_Link_DropTooShort);
		return false;
	}
	skb->pkt_type = edu_t_packet_type(dev, skb->data);
	skb->protocol = eth_hdr(skb)->h_proto;
	__skb_pull(skb, header);
	return skb->pkt_type != PACKET_OTHERHOST || (dev->info.flags & IFF_PROMISC);
}

/* As the softirq does: data at the link header. Consumes skb. */
static void edu_t_receive(struct edu_t_dev *dev, struct sk_buff *skb)
{
	skb->dev = dev->ed.dev;
	if (dev->gone || !(dev->info.flags & IFF_UP) || !edu_t_accepts(dev, skb)) {
		kfree_skb(skb);
		return;
	}
	skb_reset_network_header(skb);
	local_bh_disable();
	rcu_read_lock();
	edu_taps_deliver(&dev->host->net, skb);
	edu_t_to_core(dev, skb);
	rcu_read_unlock();
	local_bh_enable();
}

static struct sk_buff *edu_t_skb_from(const void *octets, unsigned int len, __be16 protocol)
{
	struct sk_buff *skb = alloc_skb(NET_SKB_PAD + NET_IP_ALIGN + len, GFP_KERNEL);

	if (!skb)
		return NULL;
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb_put_data(skb, octets, len);
	skb->protocol = protocol;
	return skb;
}

void edu_t_inject(struct edu_t_host *host, int ifindex, const void *frame, unsigned int len)
{
	struct edu_t_dev *dev = edu_t_dev_find(host, ifindex);
	struct sk_buff *skb = dev ? edu_t_skb_from(frame, len, htons(ETH_P_IP)) : NULL;

	if (skb)
		edu_t_receive(dev, skb);
}

/* ------------------------------------------------------------------------------------------------
 * Frames leave
 */

/* The checksum that a large buffer leaves to the device, in a copy of its octets. */
static void edu_t_sum_up(const struct sk_buff *skb, u8 *octets)
{
	unsigned int start = skb_checksum_start_offset(skb);
	__sum16 sum = csum_fold(csum_partial(octets + start, skb->len - start, 0));

	memcpy(octets + start + skb->csum_offset, &sum, sizeof(sum));
}

/* Keeps what goes over the wire. Any context; the lock is held. */
static void edu_t_capture(struct edu_t_cable *cable, const struct sk_buff *skb)
{
	struct edu_t_captured *frame = kmalloc(sizeof(*frame) + skb->len, GFP_ATOMIC);

	if (!frame)
		return;
	frame->len = skb->len;
	skb_copy_bits(skb, 0, frame->octets, skb->len);
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		edu_t_sum_up(skb, frame->octets);
	list_add_tail(&frame->list, &cable->captured);
	if (cable->captured_count++ < EDU_MOST_CAPTURED)
		return;
	frame = list_first_entry(&cable->captured, struct edu_t_captured, list);
	list_del(&frame->list);
	kfree(frame);
	cable->captured_count--;
}

/* Captures a frame that is about to leave; false when the cable loses it. */
static bool edu_t_passes(struct edu_t_cable *cable, struct sk_buff *skb)
{
	bool passes = true;

	/* A large buffer's is summed where it is captured; in one piece nobody needs it. */
	if (skb->ip_summed == CHECKSUM_PARTIAL && !skb_is_gso(skb) && skb_checksum_help(skb))
		return false;
	spin_lock_bh(&edu_world_lock);
	edu_t_capture(cable, skb);
	if (cable->lose) {
		cable->lose--;
		passes = false;
	}
	spin_unlock_bh(&edu_world_lock);
	return passes;
}

/* One frame onto the device's cable. Consumes skb. */
static void edu_t_put_on_cable(struct edu_t_dev *dev, struct sk_buff *skb)
{
	if (dev->cable && !edu_t_passes(dev->cable, skb))
		consume_skb(skb);
	else
		skb_queue_tail(&edu_t_flights, skb);
}

/* A large buffer, as the packets that a device makes of it. Consumes skb. */
static void edu_t_cut(struct edu_t_dev *dev, struct sk_buff *skb)
{
	struct sk_buff *packets = skb_gso_segment(skb, 0);
	struct sk_buff *packet, *next;

	if (IS_ERR_OR_NULL(packets)) {
		kfree_skb(skb);
		return;
	}
	consume_skb(skb);
	skb_list_walk_safe(packets, packet, next) {
		skb_mark_not_on_list(packet);
		edu_t_put_on_cable(dev, packet);
	}
}

int edu_test_dev_xmit(struct edu_dev *ed, struct sk_buff *skb, u16 ethertype)
{
	struct edu_t_dev *dev = edu_t_dev_of(ed);
	int err = dev->fail_xmit;

	edu_k_assert_rcu();
	if (dev->gone || !(dev->info.flags & IFF_UP))
		err = -ENETDOWN;
	if (err) {
		kfree_skb(skb);
		return err;
	}
	skb->dev = ed->dev;
	skb->protocol = htons(ethertype);
	skb_reset_mac_header(skb);
	skb->pkt_type = PACKET_OUTGOING;
	edu_taps_deliver(&dev->host->net, skb);
	if (skb_is_gso(skb) && dev->cable && dev->cable->cuts)
		edu_t_cut(dev, skb);
	else
		edu_t_put_on_cable(dev, skb);
	return 0;
}

/* The end of the cable: every other station gets a copy, and the sender's buffer is free again. */
static void edu_t_land(struct sk_buff *skb)
{
	struct edu_t_dev *from = *(struct edu_t_dev **)netdev_priv(skb->dev);
	struct edu_t_dev *station, *next;

	skb_orphan(skb);
	if (!from->cable) {
		edu_t_receive(from, skb);
		return;
	}
	list_for_each_entry_safe(station, next, &from->cable->stations, station) {
		struct sk_buff *copy;

		if (station == from)
			continue;
		copy = skb_copy(skb, GFP_KERNEL);
		if (!copy)
			continue;
		if (!skb_is_gso(copy))
			copy->ip_summed = CHECKSUM_NONE;
		edu_t_receive(station, copy);
	}
	consume_skb(skb);
}

/* Frames of a device that goes go with it. */
static void edu_t_flights_drop(const struct edu_t_dev *dev)
{
	struct sk_buff *skb, *next;

	spin_lock_bh(&edu_t_flights.lock);
	skb_queue_walk_safe(&edu_t_flights, skb, next) {
		if (skb->dev != dev->ed.dev)
			continue;
		__skb_unlink(skb, &edu_t_flights);
		consume_skb(skb);
	}
	spin_unlock_bh(&edu_t_flights.lock);
}

/* ------------------------------------------------------------------------------------------------
 * Time
 */

/* All that is due by `limit_ms` of the clock; false when there was nothing. */
static bool edu_t_run_due(u64 limit_ms)
{
	bool moved = false;
	struct sk_buff *skb;

	do {
		while ((skb = skb_dequeue(&edu_t_flights))) {
			edu_t_land(skb);
			moved = true;
		}
		if (!edu_test_clock_fire(limit_ms))
			return moved;
		moved = true;
	} while (true);
}

void edu_t_deliver(void)
{
	edu_t_run_due(edu_test_clock_elapsed());
}

void edu_t_run(edu_u32 ms)
{
	u64 limit_ms = edu_test_clock_elapsed() + ms;

	do {
		edu_t_run_due(limit_ms);
		/* Callbacks and work may send, and arm timers. */
		rcu_barrier();
		edu_os_flush();
	} while (edu_t_run_due(limit_ms));
	edu_test_clock_set(limit_ms);
}

static void edu_t_bury(void)
{
	struct edu_t_dev *dev, *next;

	llist_for_each_entry_safe(dev, next, llist_del_all(&edu_t_dead), dead) {
		free_netdev(dev->ed.dev);
		kfree(dev);
		atomic_dec(&edu_t_live);
	}
}

void edu_t_begin(void)
{
	edu_t_fail_alloc(0);
	edu_t_pressure(0);
	edu_t_exiting(0);
	edu_t_stream_full(0);
	edu_test_privileges_restore();
	edu_test_clock_start();
}

unsigned int edu_t_end(void)
{
	unsigned int alive;

	edu_t_fail_alloc(0);
	edu_t_pressure(0);
	edu_t_exiting(0);
	edu_t_stream_full(0);
	edu_test_privileges_restore();
	edu_t_run(0);
	rcu_barrier(); /* a callback of the core's may have queued one of ours */
	edu_t_bury();
	alive = atomic_read(&edu_t_live) + skb_queue_len(&edu_t_flights);
	edu_test_clock_stop();
	return alive;
}

void edu_t_rtnl_lock(void)
{
	rtnl_lock();
}

void edu_t_rtnl_unlock(void)
{
	rtnl_unlock();
}

/* ------------------------------------------------------------------------------------------------
 * Cables
 */

struct edu_t_cable *edu_t_cable_new(void)
{
	struct edu_t_cable *cable = kzalloc(sizeof(*cable), GFP_KERNEL);

	if (cable) {
		INIT_LIST_HEAD(&cable->stations);
		INIT_LIST_HEAD(&cable->captured);
	}
	return cable;
}

void edu_t_cable_free(struct edu_t_cable *cable)
{
	if (!cable)
		return;
	WARN_ON(!list_empty(&cable->stations));
	edu_t_cable_clear(cable);
	kfree(cable);
}

void edu_t_cable_lose(struct edu_t_cable *cable, unsigned int count)
{
	WRITE_ONCE(cable->lose, count);
}

void edu_t_cable_cut(struct edu_t_cable *cable, int yes)
{
	WRITE_ONCE(cable->cuts, yes);
}

unsigned int edu_t_frames(const struct edu_t_cable *cable)
{
	return READ_ONCE(cable->captured_count);
}

const edu_u8 *edu_t_frame(const struct edu_t_cable *cable, unsigned int i, unsigned int *len)
{
	const struct edu_t_captured *frame;

	list_for_each_entry(frame, &cable->captured, list) {
		if (i--)
			continue;
		*len = frame->len;
		return frame->octets;
	}
	return NULL;
}

void edu_t_cable_clear(struct edu_t_cable *cable)
{
	struct edu_t_captured *frame, *next;

	spin_lock_bh(&edu_world_lock);
	list_for_each_entry_safe(frame, next, &cable->captured, list)
		kfree(frame);
	INIT_LIST_HEAD(&cable->captured);
	cable->captured_count = 0;
	spin_unlock_bh(&edu_world_lock);
}

/* ------------------------------------------------------------------------------------------------
 * Devices
 */

static void edu_t_netdev_setup(struct net_device *netdev)
{
	ether_setup(netdev);
	netdev->netdev_ops = &edu_t_netdev_ops;
}

static struct net_device *edu_t_netdev_new(struct edu_t_dev *dev)
{
	struct net_device *netdev =
		alloc_netdev(sizeof(dev), "edutest", NET_NAME_UNKNOWN, edu_t_netdev_setup);

	if (!netdev)
		return NULL;
	spin_lock_init(&netdev->addr_list_lock); /* as registering would: for its groups */
	*(struct edu_t_dev **)netdev_priv(netdev) = dev;
	strscpy(netdev->name, dev->info.name, sizeof(netdev->name));
	netdev->ifindex = dev->info.ifindex;
	netdev->type = dev->info.type;
	netdev->flags = dev->info.flags;
	netdev->mtu = dev->info.mtu;
	if (!dev->info.header_len)
		netdev->header_ops = NULL;
	return netdev;
}

/* Softirq, after a grace period; free_netdev() may sleep, so the rest waits for edu_t_bury(). */
static void edu_t_dev_die(struct rcu_head *rcu)
{
	struct edu_t_dev *dev = edu_t_dev_of(container_of(rcu, struct edu_dev, rcu));

	llist_add(&dev->dead, &edu_t_dead);
}

void edu_test_dev_release(struct edu_dev *ed)
{
	WARN_ON(!edu_t_dev_of(ed)->gone);
	call_rcu(&ed->rcu, edu_t_dev_die);
}

/* What the caller left open: the next free index, and a name from it. */
static void edu_t_dev_name(struct edu_t_host *host, struct edu_dev_info *info)
{
	const struct edu_t_dev *other;
	int last = 1;

	list_for_each_entry(other, &host->devices, list)
		last = max(last, other->info.ifindex);
	if (!info->ifindex)
		info->ifindex = last + 1;
	if (!info->name[0])
		snprintf(info->name, sizeof(info->name), "eth%d", info->ifindex - 2);
}

int edu_t_dev_new(struct edu_t_host *host, struct edu_t_cable *cable,
		  const struct edu_dev_info *info)
{
	struct edu_t_dev *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	if (!dev)
		return -ENOMEM;
	dev->host = host;
	dev->cable = cable;
	dev->info = *info;
	edu_t_dev_name(host, &dev->info);
	dev->ed.net = &host->net;
	dev->ed.ifindex = dev->info.ifindex;
	dev->ed.dev = edu_t_netdev_new(dev);
	if (!dev->ed.dev)
		goto free_dev;
	rtnl_lock();
	dev->ed.iface = edu_core_iface_new(host->net.stack, &dev->ed, &dev->info);
	rtnl_unlock();
	if (!dev->ed.iface)
		goto free_netdev;
	atomic_inc(&edu_t_live);
	list_add_tail(&dev->list, &host->devices);
	INIT_LIST_HEAD(&dev->station);
	if (cable)
		list_add_tail(&dev->station, &cable->stations);
	return dev->info.ifindex;

free_netdev:
	free_netdev(dev->ed.dev);
free_dev:
	kfree(dev);
	return -ENOMEM;
}

void edu_t_dev_change(struct edu_t_host *host, int ifindex, const struct edu_dev_info *info)
{
	struct edu_t_dev *dev = edu_t_dev_find(host, ifindex);

	if (!dev)
		return;
	dev->info = *info;
	dev->info.ifindex = ifindex;
	dev->ed.dev->flags = info->flags;
	dev->ed.dev->mtu = info->mtu;
	rtnl_lock();
	edu_tap_netdev_event(&host->net, dev->ed.dev,
			     info->flags & IFF_UP ? NETDEV_UP : NETDEV_DOWN);
	edu_core_iface_changed(dev->ed.iface, &dev->info);
	rtnl_unlock();
}

void edu_t_dev_info(struct edu_t_host *host, int ifindex, struct edu_dev_info *info)
{
	const struct edu_t_dev *dev = edu_t_dev_find(host, ifindex);

	if (dev)
		*info = dev->info;
}

int edu_t_dev_hears(struct edu_t_host *host, int ifindex, const edu_u8 *address)
{
	const struct edu_t_dev *dev = edu_t_dev_find(host, ifindex);
	const struct netdev_hw_addr *group;
	int found = 0;

	if (!dev)
		return 0;
	netif_addr_lock_bh(dev->ed.dev);
	netdev_for_each_mc_addr(group, dev->ed.dev) found |= ether_addr_equal(group->addr, address);
	netif_addr_unlock_bh(dev->ed.dev);
	return found;
}

static void edu_t_dev_drop(struct edu_t_dev *dev)
{
	dev->gone = true;
	list_del(&dev->station);
	list_del(&dev->list);
	edu_t_flights_drop(dev);
	rtnl_lock();
	edu_tap_netdev_event(&dev->host->net, dev->ed.dev, NETDEV_UNREGISTER);
	edu_core_iface_gone(dev->ed.iface);
	rtnl_unlock();
}

void edu_t_dev_gone(struct edu_t_host *host, int ifindex)
{
	struct edu_t_dev *dev = edu_t_dev_find(host, ifindex);

	if (dev)
		edu_t_dev_drop(dev);
}

void edu_t_dev_fail_xmit(struct edu_t_host *host, int ifindex, int error)
{
	struct edu_t_dev *dev = edu_t_dev_find(host, ifindex);

	if (dev)
		dev->fail_xmit = error;
}

/* ------------------------------------------------------------------------------------------------
 * Hosts
 */

/* The host's own loopback, up, with 127.0.0.1/8. */
static int edu_t_edulo_new(struct edu_t_host *host)
{
	struct edu_dev_info info = {
		.ifindex = 1,
		.name = "edulo",
		.flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING,
		.mtu = 65535,
		.type = ARPHRD_LOOPBACK,
		.header_len = ETH_HLEN,
		.headroom = 16,
		.addr_len = ETH_ALEN,
		.broadcast = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
		.csum_offload = 1,
		.segment_max = 65535,
		.loopback = 1,
	};
	struct edu_addr_info addr = {
		.ifindex = 1,
		.local = (__force edu_be32)htonl(INADDR_LOOPBACK),
		.peer = (__force edu_be32)htonl(INADDR_LOOPBACK),
		.prefix_len = 8,
		.scope = RT_SCOPE_HOST,
	};
	int err = edu_t_dev_new(host, NULL, &info);

	if (err < 0)
		return err;
	rtnl_lock();
	err = edu_core_config_addr_add(host->net.stack, &addr, EDU_CONFIG_CREATE | EDU_CONFIG_EXCL);
	rtnl_unlock();
	return err;
}

struct edu_t_host *edu_t_host_new(void)
{
	struct edu_t_host *host = kzalloc(sizeof(*host), GFP_KERNEL);

	if (!host)
		return NULL;
	INIT_LIST_HEAD(&host->devices);
	INIT_LIST_HEAD(&host->sockets);
	INIT_LIST_HEAD(&host->closed);
	INIT_LIST_HEAD(&host->net.taps);
	xa_init(&host->net.devices);
	host->net.net = &init_net;
	host->net.counters = alloc_percpu(struct edu_counters);
	if (!host->net.counters)
		goto free_host;
	host->net.stack = edu_core_stack_new(&host->net);
	if (!host->net.stack)
		goto free_counters;
	atomic_inc(&edu_t_live);
	if (edu_t_edulo_new(host)) {
		edu_t_host_free(host);
		return NULL;
	}
	return host;

free_counters:
	free_percpu(host->net.counters);
free_host:
	kfree(host);
	return NULL;
}

void edu_t_host_free(struct edu_t_host *host)
{
	struct edu_t_dev *dev, *next;

	if (!host)
		return;
	edu_t_sockets_close(host);
	list_for_each_entry_safe_reverse(dev, next, &host->devices, list)
		edu_t_dev_drop(dev);
	edu_t_run(0);
	edu_core_stack_close(host->net.stack);
	edu_core_stacks_settle();
	edu_core_stack_free(host->net.stack);
	rcu_barrier();
	free_percpu(host->net.counters);
	kfree(host);
	atomic_dec(&edu_t_live);
}

struct edu_stack *edu_t_stack(struct edu_t_host *host)
{
	return host->net.stack;
}

edu_u64 edu_t_counter(struct edu_t_host *host, enum edu_counter counter)
{
	return edu_counter_read(&host->net, counter);
}

/* The kernel's tracepoints are watched from the VM tests. */
void edu_t_trace_start(void) {}

int edu_t_trace_count(void)
{
	return -1;
}

enum edu_trace_point edu_t_trace_at(int i)
{
	return EDU_TRACE_POINT_COUNT;
}
