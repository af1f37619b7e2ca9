// SPDX-License-Identifier: GPL-2.0-only
/*
 * Attached devices: packet_type handlers, the way down to a device, and news about devices.
 *
 * TLK "Network Devices" and "Receiving IP Packets"; requirements DEV-1 to DEV-4, LAYER-2, LAYER-3.
 *
 * A device is attached when it gets its first EDUINET address and detached when it loses its last.
 * While attached it has three packet_types (IP, ARP, RARP) of its own, with .dev set, so that
 * frames of other devices never come near this stack, and so that the handler, being the last one
 * asked, gets the buffer itself instead of a clone.
 *
 * The short cut. Linux's own IPv4 sits on the device too and would be asked first: it would clone
 * and route every frame, and forward or answer some. While Linux has no IPv4 address on the device,
 * an rx_handler gives IP, ARP and RARP frames to our packet_types' routine at once and Linux never
 * sees them. It steps aside (both stacks get the frame by their packet_types) when Linux has an
 * address, when somebody else has bound a handler to this device (a packet socket: arping, a DHCP
 * client), and for VLAN tagged frames. tcpdump's taps come before all this and see everything. A
 * device that already belongs to a bridge or bond has an rx_handler; there we do without the short
 * cut. A device attached here cannot join one (EBUSY), nor carry a macvlan.
 *
 * Exclusive (conf/NAME/exclusive, conf/all/exclusive). Linux may keep an address on the device, but
 * its stack sees no IP, ARP or RARP frame of it any more, so it neither answers nor resets: the
 * rx_handler says RX_HANDLER_EXACT, and the kernel then asks only the packet_types that are bound to
 * this very device: ours, and those of packet sockets (arping, a DHCP client, a RARP client). What
 * Linux itself sends by the device still leaves; a packet socket for one of the three protocols on
 * all devices gets nothing of this one. It takes the rx_handler, so a bridge's or bond's port cannot
 * be exclusive (EBUSY, when the setting is written or the device attached).
 *
 * Locking: attaching and detaching are serialised by the RTNL, which the notifier holds too.
 * Packets run under RCU: detaching removes the handlers, waits for readers, and only then tells the
 * core that the interface is gone. The core holds one reference of the edu_dev, and through it of
 * the net_device, until it calls edu_k_dev_release().
 */
#include <linux/etherdevice.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/inetdevice.h>
#include <linux/module.h>
#include <linux/rtnetlink.h>
#include <linux/udp.h>

#include "edu_kernel.h"
#include "kunit/hooks.h"

/* ------------------------------------------------------------------------------------------------
 * Packets in
 */

/* One unshared packet, data at its network header, up to the core. Consumes skb. */
static void edu_packet_deliver(struct edu_dev *ed, struct sk_buff *skb)
{
	switch (skb->protocol) {
	case htons(ETH_P_IP):
		edu_core_rcv_ip(ed->iface, skb, skb->pkt_type);
		break;
	case htons(ETH_P_ARP):
		edu_core_rcv_arp(ed->iface, skb, skb->pkt_type);
		break;
	default: /* ETH_P_RARP: nothing else is registered */
		edu_core_rcv_rarp(ed->iface, skb, skb->pkt_type);
		break;
	}
}

/*
 * Several UDP datagrams in one buffer, as UDP_SEGMENT on a virtual cable makes them: they are as
 * many packets and must be taken apart. A sender's checksum that is still to be computed stays so,
 * as on any packet from a virtual cable. TCP's large segments are one piece of the stream and pass
 * whole.
 */
static void edu_packet_deliver_segments(struct edu_dev *ed, struct sk_buff *skb)
{
	netdev_features_t features = NETIF_F_SG;
	struct sk_buff *segments, *segment, *next;

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		features |= NETIF_F_HW_CSUM;
	__skb_push(skb, -skb_mac_offset(skb));
	segments = __skb_gso_segment(skb, features, false);
	if (IS_ERR_OR_NULL(segments)) {
		edu_k_count(ed->net, EDU_Link_DropSegmentation);
		edu_k_trace_drop(ed->net, EDU_Link_DropSegmentation, skb);
		kfree_skb(skb);
		return;
	}
	consume_skb(skb);
	skb_list_walk_safe(segments, segment, next) {
		skb_mark_not_on_list(segment);
		__skb_pull(segment, skb_network_offset(segment));
		edu_packet_deliver(ed, segment);
	}
}

/* Softirq, RCU. Consumes skb. */
static void edu_packet_input(struct edu_dev *ed, struct sk_buff *skb)
{
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (unlikely(!skb)) {
		edu_k_count(ed->net, EDU_Link_DropNoMemory);
		return;
	}
	/* A frame from a virtual cable may still be charged to the socket that sent it. */
	skb_orphan(skb);
	/* Netfilter is not asked about it: it must not wait for us with what it knows of its connection. */
	nf_reset_ct(skb);
	if (unlikely(skb_is_gso(skb) && (skb_shinfo(skb)->gso_type & SKB_GSO_UDP_L4)))
		edu_packet_deliver_segments(ed, skb);
	else
		edu_packet_deliver(ed, skb);
}

/* packet_type.func of all three (TLK: ip_rcv, arp_rcv; DEV-4). */
static int edu_packet_rcv(struct sk_buff *skb, struct net_device *dev, struct packet_type *type,
			  struct net_device *orig_dev)
{
	edu_packet_input(type->af_packet_priv, skb);
	return NET_RX_SUCCESS;
}

/* Has Linux's IPv4 an address here? Reads its in_device; calls nothing of it. RCU. */
static bool edu_packet_linux_listens(const struct net_device *dev)
{
	const struct in_device *in_dev = __in_dev_get_rcu(dev);

	return in_dev && rcu_access_pointer(in_dev->ifa_list);
}

/* Has anybody but us bound a packet_type to this very device? The list holds our three, and taps, which
 * the short cut serves. RCU. */
static bool edu_packet_others_listen(const struct net_device *dev)
{
	const struct packet_type *type;

	list_for_each_entry_rcu(type, &dev->ptype_specific, list)
		if (type->func != edu_packet_rcv && type->func != edu_tap_rcv)
			return true;
	return false;
}

/* The short cut described above. Softirq, RCU. */
static rx_handler_result_t edu_packet_rx_handler(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct edu_dev *ed;

	if (skb->protocol != htons(ETH_P_IP) && skb->protocol != htons(ETH_P_ARP) &&
	    skb->protocol != htons(ETH_P_RARP))
		return RX_HANDLER_PASS;
	if (skb_vlan_tag_present(skb) && skb_vlan_tag_get_id(skb)) /* of a VLAN nobody has here */
		return RX_HANDLER_PASS;
	ed = rcu_dereference(skb->dev->rx_handler_data);
	if (skb_vlan_tag_present(skb) || edu_packet_linux_listens(skb->dev) ||
	    edu_packet_others_listen(skb->dev))
		return edu_core_iface_tune(ed->iface, EDU_IFACE_exclusive) ? RX_HANDLER_EXACT :
									     RX_HANDLER_PASS;
	if (unlikely(skb_orphan_frags_rx(skb, GFP_ATOMIC))) {
		edu_k_count(ed->net, EDU_Link_DropNoMemory);
		kfree_skb(skb);
		return RX_HANDLER_CONSUMED;
	}
	edu_taps_deliver(ed->net, skb);
	edu_packet_input(ed, skb);
	return RX_HANDLER_CONSUMED;
}

/* ------------------------------------------------------------------------------------------------
 * The way down (bridge.h)
 */

int edu_k_dev_xmit(struct edu_dev *ed, struct sk_buff *skb, edu_u16 ethertype)
{
	int err;

	if (edu_test_is_dev(ed))
		return edu_test_dev_xmit(ed, skb, ethertype);
	skb->dev = ed->dev;
	skb->protocol = htons(ethertype);
	skb_reset_mac_header(skb);
	err = dev_queue_xmit(skb);
	if (unlikely(err > 0)) /* NET_XMIT_*: what the queue said */
		err = net_xmit_errno(err);
	return err;
}

int edu_k_dev_header(struct edu_dev *ed, struct sk_buff *skb, edu_u16 ethertype, const edu_u8 *to)
{
	skb->dev = ed->dev;
	skb->protocol = htons(ethertype);
	if (!to)
		to = ed->dev->broadcast;
	return dev_hard_header(skb, ed->dev, ethertype, to, NULL, skb->len) < 0 ? -EINVAL : 0;
}

/* Takes the device's address lock, and may call its driver, which then must not sleep. */
int edu_k_dev_mc_add(struct edu_dev *ed, const edu_u8 *address)
{
	ASSERT_RTNL();
	if (edu_test_alloc_fails())
		return -ENOMEM;
	return dev_mc_add(ed->dev, address);
}

void edu_k_dev_mc_del(struct edu_dev *ed, const edu_u8 *address)
{
	ASSERT_RTNL();
	dev_mc_del(ed->dev, address);
}

int edu_k_dev_index(struct edu_net *en, const char *name)
{
	const struct net_device *dev;
	int index = 0;

	rcu_read_lock();
	dev = dev_get_by_name_rcu(en->net, name);
	if (dev)
		index = dev->ifindex;
	rcu_read_unlock();
	return index;
}

void edu_k_dev_release(struct edu_dev *ed)
{
	if (edu_test_is_dev(ed)) {
		edu_test_dev_release(ed);
		return;
	}
	netdev_put(ed->dev, &ed->tracker);
	kfree_rcu(ed, rcu);
}

/* ------------------------------------------------------------------------------------------------
 * Attaching and detaching. RTNL.
 */

/* What the core must know of the device, as it is now. */
static void edu_dev_describe(const struct edu_dev *ed, struct edu_dev_info *info)
{
	const struct net_device *dev = ed->dev;

	memset(info, 0, sizeof(*info));
	info->ifindex = dev->ifindex;
	strscpy(info->name, dev->name, sizeof(info->name));
	info->flags = dev_get_flags(dev);
	info->mtu = dev->mtu;
	info->type = dev->type;
	/* A driver without header_ops writes its own header, if any, behind our back. A VLAN without
	 * the hardware's help leaves room for the tag, but puts it in by itself when the frame leaves:
	 * what it is given is a plain Ethernet frame. */
	info->header_len = dev->header_ops ? dev->hard_header_len : 0;
	if (is_vlan_dev(dev))
		info->header_len = ETH_HLEN;
	info->headroom = LL_RESERVED_SPACE(dev);
	info->addr_len = min_t(unsigned int, dev->addr_len, sizeof(info->addr));
	memcpy(info->addr, dev->dev_addr, info->addr_len);
	memcpy(info->broadcast, dev->broadcast, info->addr_len);
	/* An IP datagram is no longer, whatever the device would take. What it does not cut itself, the kernel
	 * cuts just before it: once through the queues is cheaper than many times, as Linux's TCP has it. */
	info->segment_max = min_t(unsigned int, edu_compat_gso_max_size(dev), U16_MAX);
	info->csum_offload = !!(dev->features & (NETIF_F_HW_CSUM | NETIF_F_IP_CSUM));
	if (dev == ed->net->edulo) {
		info->loopback = 1;
		info->flags |= IFF_LOOPBACK;
	}
}

struct edu_dev *edu_dev_find(const struct net_device *dev)
{
	struct edu_dev *ed;

	ASSERT_RTNL();
	ed = xa_load(&edu_net(dev_net(dev))->devices, dev->ifindex);
	return ed && ed->dev == dev ? ed : NULL;
}

static void edu_dev_fill_packet_type(struct edu_dev *ed, struct packet_type *type, u16 ethertype)
{
	type->type = htons(ethertype);
	type->dev = ed->dev;
	type->func = edu_packet_rcv;
	type->af_packet_priv = ed;
}

/* Takes the device's rx_handler unless we have it. -EBUSY: it is somebody else's. RTNL. */
static int edu_dev_take_rx_handler(struct edu_dev *ed)
{
	if (!ed->has_rx_handler)
		ed->has_rx_handler =
			!netdev_rx_handler_register(ed->dev, edu_packet_rx_handler, ed);
	return ed->has_rx_handler ? 0 : -EBUSY;
}

static int edu_dev_add_handlers(struct edu_dev *ed, struct netlink_ext_ack *extack)
{
	if (edu_dev_take_rx_handler(ed) && edu_core_iface_tune(ed->iface, EDU_IFACE_exclusive)) {
		NL_SET_ERR_MSG(extack, "a port of a bridge or bond cannot be exclusive");
		return -EBUSY;
	}
	edu_dev_fill_packet_type(ed, &ed->ip, ETH_P_IP);
	edu_dev_fill_packet_type(ed, &ed->arp, ETH_P_ARP);
	edu_dev_fill_packet_type(ed, &ed->rarp, ETH_P_RARP);
	dev_add_pack(&ed->ip);
	dev_add_pack(&ed->arp);
	dev_add_pack(&ed->rarp);
	return 0;
}

int edu_packet_setting_check(struct edu_net *en, const edu_u32 *values, unsigned int which,
			     edu_u32 value)
{
	bool everywhere = values == edu_core_all_iface_tunables(en->stack);
	struct edu_dev *ed;
	unsigned long index;

	ASSERT_RTNL();
	if (which != EDU_IFACE_exclusive || !value)
		return 0;
	xa_for_each(&en->devices, index, ed) {
		if (!everywhere && values != edu_core_iface_tunables(ed->iface))
			continue;
		if (edu_dev_take_rx_handler(ed))
			return -EBUSY;
	}
	return 0;
}

/* A router passes on what has come, and cannot cut again what a device has merged for good: as in Linux,
 * forwarding turns large receive offload off, and nothing turns it on again. */
static void edu_dev_heed_forwarding(struct edu_dev *ed)
{
	if (edu_core_iface_tune(ed->iface, EDU_IFACE_forwarding))
		dev_disable_lro(ed->dev);
}

void edu_packet_setting_written(struct edu_net *en, unsigned int which)
{
	struct edu_dev *ed;
	unsigned long index;

	ASSERT_RTNL();
	if (which != EDU_IFACE_forwarding)
		return;
	xa_for_each(&en->devices, index, ed)
		edu_dev_heed_forwarding(ed);
}

/* After it no handler of the device runs any more, on any CPU. Sleeps. */
static void edu_dev_remove_handlers(struct edu_dev *ed)
{
	if (ed->has_rx_handler)
		netdev_rx_handler_unregister(ed->dev);
	__dev_remove_pack(&ed->ip);
	__dev_remove_pack(&ed->arp);
	__dev_remove_pack(&ed->rarp);
	synchronize_net();
}

static int edu_dev_may_attach(const struct net_device *dev, struct netlink_ext_ack *extack)
{
	if (dev->reg_state != NETREG_REGISTERED)
		return -ENODEV;
	if (!strcmp(dev->name, "all") || !strcmp(dev->name, "default")) {
		NL_SET_ERR_MSG(extack, "a device of this name would hide settings of all devices");
		return -EINVAL;
	}
	if (dev->flags & IFF_LOOPBACK) {
		NL_SET_ERR_MSG(extack, "this is Linux's own loopback; use edulo");
		return -EAFNOSUPPORT;
	}
	if (dev->addr_len > sizeof(((struct edu_dev_info *)0)->addr)) {
		NL_SET_ERR_MSG(extack,
			       "hardware addresses of this device are too long for ARP here");
		return -EAFNOSUPPORT;
	}
	return 0;
}

struct edu_dev *edu_dev_attach(struct net_device *dev, struct netlink_ext_ack *extack)
{
	struct edu_net *en = edu_net(dev_net(dev));
	struct edu_dev *ed = edu_dev_find(dev);
	struct edu_dev_info info;
	int err;

	if (ed)
		return ed;
	err = edu_dev_may_attach(dev, extack);
	if (err)
		return ERR_PTR(err);
	ed = kzalloc(sizeof(*ed), GFP_KERNEL);
	if (!ed)
		return ERR_PTR(-ENOMEM);
	ed->net = en;
	ed->dev = dev;
	ed->ifindex = dev->ifindex;
	ed->pins_module = dev != en->edulo;
	err = -ENODEV; /* the module is on its way out */
	if (ed->pins_module && !try_module_get(THIS_MODULE))
		goto free_ed;
	err = xa_err(xa_store(&en->devices, ed->ifindex, ed, GFP_KERNEL));
	if (err)
		goto put_module;
	netdev_hold(dev, &ed->tracker, GFP_KERNEL);
	edu_dev_describe(ed, &info);
	err = -ENOMEM;
	ed->iface = edu_core_iface_new(en->stack, ed, &info);
	if (!ed->iface)
		goto put_dev;
	err = edu_dev_add_handlers(ed, extack);
	if (err)
		goto iface_gone;
	edu_dev_heed_forwarding(ed);
	edu_sysctl_dev_init(ed);
	return ed;

iface_gone:
	xa_erase(&en->devices, ed->ifindex);
	edu_core_iface_gone(ed->iface); /* ed is no longer ours */
	if (dev != en->edulo)
		module_put(THIS_MODULE);
	return ERR_PTR(err);
put_dev:
	netdev_put(dev, &ed->tracker);
	xa_erase(&en->devices, ed->ifindex);
put_module:
	if (ed->pins_module)
		module_put(THIS_MODULE);
free_ed:
	kfree(ed);
	return ERR_PTR(err);
}

/* The module's count is given back last. Our caller is rtnetlink, which holds a count of its own,
 * or a notifier or ioctl under the RTNL, which module exit must take before any code can go. */
void edu_dev_detach(struct edu_dev *ed)
{
	bool pins_module = ed->pins_module;

	ASSERT_RTNL();
	edu_dev_remove_handlers(ed);
	edu_sysctl_dev_exit(ed);
	xa_erase(&ed->net->devices, ed->ifindex);
	edu_core_iface_gone(ed->iface); /* ends with edu_k_dev_release(): ed is no longer ours */
	if (pins_module)
		module_put(THIS_MODULE);
}

void edu_dev_detach_idle(struct edu_dev *ed)
{
	if (ed->dev != ed->net->edulo && !edu_core_iface_addresses(ed->iface))
		edu_dev_detach(ed);
}

int edu_dev_addr_add(struct net_device *dev, const struct edu_addr_info *addr, unsigned int how,
		     struct netlink_ext_ack *extack)
{
	struct edu_dev *ed;
	int err;

	ed = edu_dev_attach(dev, extack);
	if (IS_ERR(ed))
		return PTR_ERR(ed);
	err = edu_core_config_addr_add(ed->net->stack, addr, how);
	if (err)
		edu_dev_detach_idle(ed);
	return err;
}

int edu_dev_addr_del(struct net_device *dev, const struct edu_addr_info *addr)
{
	struct edu_dev *ed = edu_dev_find(dev);
	int err;

	if (!ed)
		return -EADDRNOTAVAIL;
	err = edu_core_config_addr_del(ed->net->stack, addr);
	if (!err)
		edu_dev_detach_idle(ed);
	return err;
}

/* ------------------------------------------------------------------------------------------------
 * News about devices (LAYER-3). RTNL.
 */

static int edu_netdev_event(struct notifier_block *block, unsigned long event, void *info)
{
	struct net_device *dev = netdev_notifier_info_to_dev(info);
	struct edu_net *en = edu_net(dev_net(dev));
	struct edu_dev_info now;
	struct edu_dev *ed;

	/* A namespace whose host is not born yet, or the module is loading. */
	if (!en || !en->stack)
		return NOTIFY_DONE;
	edu_tap_netdev_event(en, dev, event);
	ed = edu_dev_find(dev);
	if (!ed)
		return NOTIFY_DONE;

	switch (event) {
	case NETDEV_CHANGENAME:
		edu_sysctl_dev_exit(ed);
		edu_sysctl_dev_init(ed);
		fallthrough;
	case NETDEV_REGISTER: /* replayed as the module starts: catches up with what was missed */
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGE:
	case NETDEV_CHANGEMTU:
	case NETDEV_CHANGEADDR:
	case NETDEV_FEAT_CHANGE:
	case NETDEV_POST_TYPE_CHANGE:
		edu_dev_describe(ed, &now);
		edu_core_iface_changed(ed->iface, &now);
		break;
	case NETDEV_UNREGISTER: /* leaves the machine or this namespace */
		edu_dev_detach(ed);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block edu_netdev_notifier = {
	.notifier_call = edu_netdev_event,
};

int edu_packet_init(void)
{
	return register_netdevice_notifier(&edu_netdev_notifier);
}

void edu_packet_exit(void)
{
	unregister_netdevice_notifier(&edu_netdev_notifier);
}
