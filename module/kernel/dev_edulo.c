// SPDX-License-Identifier: GPL-2.0-only
/*
 * edulo: the host's own loopback device, present and up in every namespace with 127.0.0.1/8.
 *
 * TLK "The Linux Networking Layers": "some network devices are pure software, for example the
 * loopback device"; requirements LAYER-2, DEV-1.
 *
 * It behaves as Linux's lo, with an Ethernet header so that tcpdump shows its frames, but one thing
 * differs: net_device.flags lacks IFF_LOOPBACK. Linux's IPv4 gives 127.0.0.1 to every device that
 * has the flag as it comes up, and would then answer on ours. The core is told the flag through
 * struct edu_dev_info instead (packet.c).
 *
 * Locking: created and destroyed by net.c under the RTNL. Sending needs no lock (LLTX): netif_rx()
 * queues on this CPU's backlog. It does not pin the module: every namespace has one, and rmmod
 * takes them away.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_arp.h>
#include <linux/module.h>
#include <linux/net_tstamp.h>
#include <linux/rtnetlink.h>

#include "edu_kernel.h"

/* The largest IP datagram there is: nothing sent to ourselves needs to be fragmented. */
#define EDULO_MTU 65535

static netdev_tx_t edulo_xmit(struct sk_buff *skb, struct net_device *dev)
{
	unsigned int len;

	skb_tx_timestamp(skb);
	skb_clear_tstamp(skb); /* reception gets its own time */
	skb_orphan(skb);       /* the sender's buffer is free again: the packet has arrived */
	skb_dst_force(skb);
	skb->protocol = eth_type_trans(skb, dev);
	len = skb->len;
	if (likely(__netif_rx(skb) == NET_RX_SUCCESS))
		dev_lstats_add(dev, len);
	return NETDEV_TX_OK;
}

/* What is sent is received: one pair of numbers serves both directions. */
static void edulo_get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	u64 packets, bytes;

	dev_lstats_read(dev, &packets, &bytes);
	stats->rx_packets = packets;
	stats->tx_packets = packets;
	stats->rx_bytes = bytes;
	stats->tx_bytes = bytes;
}

static int edulo_init(struct net_device *dev)
{
	dev->lstats = netdev_alloc_pcpu_stats(struct pcpu_lstats);
	return dev->lstats ? 0 : -ENOMEM;
}

static void edulo_uninit(struct net_device *dev)
{
	free_percpu(dev->lstats);
	dev->lstats = NULL;
}

static const struct net_device_ops edulo_netdev_ops = {
	.ndo_init = edulo_init,
	.ndo_uninit = edulo_uninit,
	.ndo_start_xmit = edulo_xmit,
	.ndo_get_stats64 = edulo_get_stats64,
};

static void edulo_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "edulo", sizeof(info->driver));
}

static u32 edulo_get_link(struct net_device *dev)
{
	return 1;
}

static const struct ethtool_ops edulo_ethtool_ops = {
	.get_drvinfo = edulo_get_drvinfo,
	.get_link = edulo_get_link,
	.get_ts_info = ethtool_op_get_ts_info,
};

static void edulo_setup(struct net_device *dev)
{
	ether_setup(dev); /* the header of Ethernet; what differs follows */
	dev->type = ARPHRD_LOOPBACK;
	dev->flags = IFF_NOARP; /* the hardware address is all zeros, at both ends */
	eth_zero_addr(dev->broadcast);
	dev->mtu = EDULO_MTU;
	dev->max_mtu = EDULO_MTU;
	dev->netdev_ops = &edulo_netdev_ops;
	dev->ethtool_ops = &edulo_ethtool_ops;
	dev->needs_free_netdev = true;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING; /* the sent buffer itself is received */
	dev->priv_flags |= IFF_NO_QUEUE;
	netif_keep_dst(dev);
	dev->hw_features = NETIF_F_GSO_SOFTWARE;
	/* A packet never leaves memory: its checksum need not be computed, nor checked. */
	dev->features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM | NETIF_F_RXCSUM |
			NETIF_F_GSO_SOFTWARE | NETIF_F_HIGHDMA | NETIF_F_VLAN_CHALLENGED;
	edu_compat_set_lltx(dev);
	edu_compat_set_netns_local(dev);
	netif_set_tso_max_size(dev, GSO_MAX_SIZE);
}

/* Attached for ever, up, with 127.0.0.1/8 (RFC 1122 3.2.1.3 (g)). RTNL. */
static int edulo_configure(struct net_device *dev)
{
	const struct edu_addr_info loopback = {
		.ifindex = dev->ifindex,
		.local = htonl(INADDR_LOOPBACK),
		.peer = htonl(INADDR_LOOPBACK),
		.prefix_len = 8,
		.scope = RT_SCOPE_HOST,
		.label = "edulo",
	};
	int err;

	err = edu_dev_addr_add(dev, &loopback, EDU_CONFIG_CREATE | EDU_CONFIG_EXCL, NULL);
	if (err)
		return err;
	return dev_open(dev, NULL);
}

int edu_edulo_create(struct edu_net *en)
{
	struct net_device *dev;
	int err;

	dev = alloc_netdev(0, "edulo", NET_NAME_PREDICTABLE, edulo_setup);
	if (!dev)
		return -ENOMEM;
	dev_net_set(dev, en->net);

	rtnl_lock();
	err = register_netdevice(dev);
	if (err) {
		free_netdev(dev);
		rtnl_unlock();
		return err;
	}
	en->edulo = dev;
	err = edulo_configure(dev);
	if (err) {
		LIST_HEAD(leaving);

		edu_edulo_unregister(en, &leaving);
		unregister_netdevice_many(&leaving);
	}
	rtnl_unlock(); /* a device that has left is freed here, once its last reference is gone */
	return err;
}

void edu_edulo_unregister(struct edu_net *en, struct list_head *leaving)
{
	struct edu_dev *ed = edu_dev_find(en->edulo);

	if (ed)
		edu_dev_detach(ed);
	unregister_netdevice_queue(en->edulo, leaving);
	en->edulo = NULL;
}
