// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taps: a packet_type for each SOCK_PACKET socket, and frames that such a socket sends.
 *
 * TLK "Network Devices" (packet_type and ptype_all), "BSD Sockets"; DEV-4, BSD-4. A tap for ETH_P_ALL
 * hangs in ptype_all and hears both directions; one for a protocol in ptype_base, or its device's own
 * list, and hears what comes in. Frames that packet.c's short cut takes never reach those lists, so
 * the taps of a namespace are in a list of their own too, which the short cut asks.
 *
 * A frame is queued as it came: a large buffer of segmentation offload in one piece, with the
 * checksum its device would still have completed, as Linux's AF_PACKET shows it.
 *
 * Locking: opening and closing are serialised for each host by the core. Frames come under RCU. A tap
 * is freed a grace period after it was closed, and so is its socket after its last reference, so a
 * handler that still runs finds both.
 */
#include <linux/if_packet.h>
#include <linux/netdevice.h>
#include <linux/rculist.h>
#include <linux/slab.h>
#include <net/sock.h>

#include "edu_kernel.h"
#include "kunit/hooks.h"

struct edu_tap {
	struct packet_type hook; /* registered, but for the hosts of tests */
	struct sock *sk;	 /* whose it is; no reference: see above */
	struct edu_net *en;	 /* the host; constant */
	int ifindex;		 /* of the device, 0: all of the namespace; constant */
	struct list_head list;	 /* in edu_net.taps */
	struct rcu_head rcu;
};

/* A device of the host by its name, or by its index when that is null. RCU. */
static struct net_device *edu_frame_netdev(struct edu_net *en, const char *name, int ifindex)
{
	if (edu_test_is_net(en))
		return edu_test_netdev(en, name, ifindex);
	return name ? dev_get_by_name_rcu(en->net, name) : dev_get_by_index_rcu(en->net, ifindex);
}

/* ------------------------------------------------------------------------------------------------
 * Frames in
 */

/* Consumes skb, which is nobody else's. */
static void edu_tap_queue(struct edu_tap *tap, struct sk_buff *skb, const struct net_device *dev)
{
	struct edu_frame frame = {
		.type = dev->type,
		.protocol = (__force edu_be16)skb->protocol,
	};

	strscpy(frame.device, dev->name, sizeof(frame.device));
	skb_dst_drop(skb);
	nf_reset_ct(skb);
	/* What comes in has its link header pulled; what leaves still begins with it. */
	if (dev_has_header(dev))
		skb_push(skb, skb->data - skb_mac_header(skb));
	edu_core_rcv_frame(tap->sk, skb, &frame);
}

int edu_tap_rcv(struct sk_buff *skb, struct net_device *dev, struct packet_type *type,
		struct net_device *orig_dev)
{
	struct edu_tap *tap = container_of(type, struct edu_tap, hook);

	if (skb->pkt_type == PACKET_LOOPBACK || !net_eq(dev_net(dev), tap->en->net)) {
		consume_skb(skb);
		return NET_RX_SUCCESS;
	}
	skb = skb_share_check(skb, GFP_ATOMIC);
	if (skb)
		edu_tap_queue(tap, skb, dev);
	return NET_RX_SUCCESS;
}

/* Nobody hears their own frames. */
static bool edu_tap_id_match(struct packet_type *type, struct sock *sk)
{
	return container_of(type, struct edu_tap, hook)->sk == sk;
}

/* ETH_P_ALL has heard the frame before the short cut; not so in the hosts of tests, where all come here. */
static bool edu_tap_wants(const struct edu_tap *tap, const struct sk_buff *skb)
{
	if (tap->ifindex && tap->ifindex != skb->dev->ifindex)
		return false;
	if (tap->hook.type == htons(ETH_P_ALL))
		return edu_test_is_net(tap->en) && skb->sk != tap->sk;
	return tap->hook.type == skb->protocol && skb->pkt_type != PACKET_OUTGOING;
}

void edu_taps_deliver(struct edu_net *en, struct sk_buff *skb)
{
	struct sk_buff *clone;
	struct edu_tap *tap;

	list_for_each_entry_rcu(tap, &en->taps, list) {
		if (!edu_tap_wants(tap, skb))
			continue;
		clone = skb_clone(skb, GFP_ATOMIC);
		if (clone)
			edu_tap_queue(tap, clone, skb->dev);
	}
}

/* ------------------------------------------------------------------------------------------------
 * Opening and closing (bridge.h)
 */

static void edu_tap_hook(struct edu_tap *tap, edu_be16 protocol, struct net_device *dev)
{
	tap->hook.type = (__force __be16)protocol;
	tap->hook.dev = dev;
	tap->hook.func = edu_tap_rcv;
	tap->hook.id_match = edu_tap_id_match;
	tap->hook.af_packet_priv = tap;
	tap->hook.af_packet_net = tap->en->net;
	if (!edu_test_is_net(tap->en))
		dev_add_pack(&tap->hook);
	list_add_tail_rcu(&tap->list, &tap->en->taps);
}

struct edu_tap *edu_k_tap_open(struct edu_net *en, struct sock *sk, edu_be16 protocol, int ifindex,
			       int *error)
{
	struct net_device *dev = NULL;
	struct edu_tap *tap;

	*error = -ENOMEM;
	tap = edu_test_alloc_fails() ? NULL : kzalloc(sizeof(*tap), GFP_ATOMIC);
	if (!tap)
		return NULL;
	tap->sk = sk;
	tap->en = en;
	tap->ifindex = ifindex;
	/* No reference of the device: whoever unregisters it waits for this read side, and then tells
	 * the core, which closes the tap. */
	rcu_read_lock();
	if (ifindex)
		dev = edu_frame_netdev(en, NULL, ifindex);
	*error = ifindex && !dev ? -ENODEV : dev && !(dev->flags & IFF_UP) ? -ENETDOWN : 0;
	if (!*error)
		edu_tap_hook(tap, protocol, dev);
	rcu_read_unlock();
	if (*error) {
		kfree(tap);
		return NULL;
	}
	return tap;
}

void edu_k_tap_close(struct edu_tap *tap)
{
	list_del_rcu(&tap->list);
	if (!edu_test_is_net(tap->en))
		__dev_remove_pack(&tap->hook);
	kfree_rcu(tap, rcu);
}

void edu_tap_netdev_event(struct edu_net *en, const struct net_device *dev, unsigned long event)
{
	switch (event) {
	case NETDEV_UP:
		edu_core_frame_dev_event(en->stack, dev->ifindex, EDU_FRAME_DEV_UP);
		break;
	case NETDEV_DOWN:
		edu_core_frame_dev_event(en->stack, dev->ifindex, EDU_FRAME_DEV_DOWN);
		break;
	case NETDEV_UNREGISTER:
		edu_core_frame_dev_event(en->stack, dev->ifindex, EDU_FRAME_DEV_GONE);
		break;
	}
}

/* ------------------------------------------------------------------------------------------------
 * Frames out (bridge.h)
 */

/* A driver without header_ops writes its own header, if any, behind our back. */
static unsigned int edu_frame_header_len(const struct net_device *dev)
{
	return dev->header_ops ? dev->hard_header_len : 0;
}

int edu_k_frame_dev(struct edu_net *en, const char *name, struct edu_frame_dev *out)
{
	const struct net_device *dev;

	rcu_read_lock();
	dev = edu_frame_netdev(en, name, 0);
	if (dev) {
		out->ifindex = dev->ifindex;
		out->mtu = READ_ONCE(dev->mtu);
		out->header_len = edu_frame_header_len(dev);
		out->headroom = LL_RESERVED_SPACE(dev);
		out->up = !!(dev->flags & IFF_UP);
	}
	rcu_read_unlock();
	return dev ? 0 : -ENODEV;
}

/* Where the layers begin, for drivers and queueing disciplines that look. */
static void edu_frame_prepare(struct sk_buff *skb, struct net_device *dev, edu_be16 protocol)
{
	skb->dev = dev;
	skb->protocol = (__force __be16)protocol;
	skb_reset_mac_header(skb);
	skb_set_network_header(skb, edu_frame_header_len(dev));
	skb_probe_transport_header(skb);
}

int edu_k_frame_xmit(struct edu_net *en, int ifindex, struct sk_buff *skb, edu_be16 protocol)
{
	struct net_device *dev;
	int err = -ENODEV;

	rcu_read_lock();
	dev = edu_frame_netdev(en, NULL, ifindex);
	if (dev)
		err = !(dev->flags & IFF_UP)		   ? -ENETDOWN :
		      skb->len < edu_frame_header_len(dev) ? -EINVAL :
							     0;
	if (err) {
		kfree_skb(skb);
	} else if (edu_test_is_net(en)) {
		edu_frame_prepare(skb, dev, protocol);
		err = edu_test_netdev_xmit(dev, skb);
	} else {
		edu_frame_prepare(skb, dev, protocol);
		dev_queue_xmit(skb);
	}
	rcu_read_unlock();
	return err;
}
