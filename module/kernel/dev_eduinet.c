// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device kind "eduinet": an Ethernet station on a shared cable.
 *
 * TLK "Ethernet" in "An Overview of TCP/IP Networking"; requirements OVER-9, LAYER-2, LAYER-3.
 *
 *	ip link add NAME type eduinet		a station on segment 0
 *	edu link add NAME segment N		a station on another one
 *
 * A segment is a cable, known by its number: stations in different network namespaces hear each
 * other on it. Its numbers belong to the user namespace in which the station was made, for whoever
 * can unshare(2) can make stations and must not come to another user's cable by that. A station keeps
 * its cable when it is moved into such a namespace, as one end of a veth does; to change the segment
 * then takes CAP_NET_ADMIN where the cable belongs. A frame passes every station; each takes those for its own
 * address, broadcasts, the multicast groups it listens to, and all of them when it is promiscuous.
 * A station never hears itself. Nothing is lost or delayed on the cable; tc's netem does that.
 * Not modelled: collisions, the speed of light.
 *
 * A station is on the cable while its device is up. Its place there is a `plug`, found by segment
 * and address in one hash table for unicast (constant time), and on the segment's list for all
 * else. A plug never changes: a new address or segment means a new plug in place of the old.
 *
 * Locking: all changes are made under the RTNL, in ndo_* callbacks. A frame on its way sees plugs
 * and segments under RCU; both are freed after a grace period. A net_device outlives its plug,
 * because the kernel waits for RCU between ndo_stop and freeing it. Sending takes no lock (LLTX)
 * and cannot recurse: delivery is netif_rx(), which queues.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/module.h>
#include <linux/net_tstamp.h>
#include <linux/rhashtable.h>
#include <linux/rtnetlink.h>
#include <linux/user_namespace.h>
#include <net/netlink.h>
#include <net/rtnetlink.h>

#include "edu_kernel.h"

#define EDUINET_FEATURES                                                                           \
	(NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM | NETIF_F_RXCSUM | NETIF_F_HIGHDMA |      \
	 NETIF_F_GSO_SOFTWARE)

/* A cable. Exists while a station is plugged in. */
struct edu_segment {
	u32 number;		      /* key in edu_segments; constant */
	struct user_namespace *owner; /* whose cable; held by the stations; constant */
	struct edu_segment *sibling;  /* the same number of another owner, or null; RTNL */
	unsigned int plugs;	      /* stations plugged in; RTNL */
	struct list_head stations;    /* plugs by on_segment; RTNL, readers RCU */
	struct list_head watchers;    /* those that are or were promiscuous, by on_watchers; same */
	struct rcu_head rcu;
};

/* Where a unicast frame goes. No padding: the table hashes its octets. */
struct edu_plug_key {
	struct user_namespace *owner;
	u32 segment;
	u8 address[ETH_ALEN];
	u8 zero[2];
};

/* A station's place on a cable. */
struct edu_plug {
	struct edu_plug_key key;      /* constant */
	struct rhlist_head node;      /* in edu_plugs; several stations may share an address */
	struct edu_segment *segment;  /* constant; lives as long as the plug */
	struct net_device *dev;	      /* the station; constant */
	struct list_head on_segment;  /* segment->stations */
	struct list_head on_watchers; /* segment->watchers, if `watches` */
	bool watches; /* once promiscuous, it stays listed until the plug goes, so that the list node is
		       * never reused under a reader; dev->flags says whether it listens now. RTNL */
	struct rcu_head rcu;
};

/* netdev_priv() of a station. */
struct edu_station {
	u32 segment;		      /* number of the cable; RTNL */
	struct user_namespace *owner; /* whose numbers these are; referenced; constant */
	struct edu_plug __rcu *plug;  /* null while down; RTNL, readers RCU */
};

static DEFINE_XARRAY(edu_segments); /* number to the first edu_segment of it; RTNL */
static struct rhltable edu_plugs;   /* edu_plug_key to edu_plug; RTNL, readers RCU */

static const struct rhashtable_params edu_plug_params = {
	.key_len = sizeof(struct edu_plug_key),
	.key_offset = offsetof(struct edu_plug, key),
	.head_offset = offsetof(struct edu_plug, node),
	.automatic_shrinking = true,
};

/* ------------------------------------------------------------------------------------------------
 * A frame on the cable
 */

/* A station's interface takes frames up to its own MTU, whatever the sender's. */
static bool edu_station_fits(const struct net_device *dev, const struct sk_buff *skb)
{
	unsigned int header = eth_type_vlan(eth_hdr(skb)->h_proto) ? VLAN_ETH_HLEN : ETH_HLEN;

	if (skb->len <= dev->mtu + header)
		return true;
	return skb_is_gso(skb) && skb_gso_validate_network_len(skb, dev->mtu);
}

/* Hands one frame to one station. Consumes skb. */
static void edu_station_deliver(struct net_device *dev, struct sk_buff *skb)
{
	unsigned int len = skb->len;

	if (unlikely(!edu_station_fits(dev, skb))) {
		DEV_STATS_INC(dev, rx_length_errors);
		DEV_STATS_INC(dev, rx_errors);
		kfree_skb(skb);
		return;
	}
	/* Forgets what belongs to the sender's namespace, strips the Ethernet header, queues. */
	if (likely(dev_forward_skb(dev, skb) == NET_RX_SUCCESS))
		dev_sw_netstats_rx_add(dev, len);
}

/* The receivers of a frame found so far but for the last: all but that one get a clone. */
static void edu_frame_add(struct net_device **last, struct net_device *dev, struct sk_buff *skb)
{
	if (*last) {
		struct sk_buff *clone = skb_clone(skb, GFP_ATOMIC);

		if (likely(clone))
			edu_station_deliver(*last, clone);
		else
			DEV_STATS_INC(*last, rx_dropped);
	}
	*last = dev;
}

/* Does the station listen to this group? The kernel frees entries of the list under RCU. */
static bool edu_station_in_group(const struct net_device *dev, const u8 *group)
{
	const struct netdev_hw_addr *entry;

	if (READ_ONCE(dev->flags) & (IFF_PROMISC | IFF_ALLMULTI))
		return true;
	list_for_each_entry_rcu(entry, &dev->mc.list, list)
		if (ether_addr_equal(entry->addr, group))
			return true;
	return false;
}

/* Broadcast and multicast: past every station on the cable. */
static struct net_device *edu_frame_flood(const struct edu_plug *from, struct sk_buff *skb)
{
	const u8 *to = eth_hdr(skb)->h_dest;
	bool everyone = is_broadcast_ether_addr(to);
	struct net_device *last = NULL;
	struct edu_plug *plug;

	list_for_each_entry_rcu(plug, &from->segment->stations, on_segment)
		if (plug->dev != from->dev && (everyone || edu_station_in_group(plug->dev, to)))
			edu_frame_add(&last, plug->dev, skb);
	return last;
}

/* Unicast: to the stations of that address, and to all who watch the cable. */
static struct net_device *edu_frame_unicast(const struct edu_plug *from, struct sk_buff *skb)
{
	struct edu_plug_key key = { .owner = from->key.owner, .segment = from->key.segment };
	struct rhlist_head *found, *node;
	struct net_device *last = NULL;
	struct edu_plug *plug;

	ether_addr_copy(key.address, eth_hdr(skb)->h_dest);
	found = rhltable_lookup(&edu_plugs, &key, edu_plug_params);
	rhl_for_each_entry_rcu(plug, node, found, node)
		if (plug->dev != from->dev)
			edu_frame_add(&last, plug->dev, skb);

	list_for_each_entry_rcu(plug, &from->segment->watchers, on_watchers)
		if (plug->dev != from->dev && (READ_ONCE(plug->dev->flags) & IFF_PROMISC) &&
		    !ether_addr_equal(plug->key.address, key.address))
			edu_frame_add(&last, plug->dev, skb);
	return last;
}

static netdev_tx_t edu_station_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct edu_station *station = netdev_priv(dev);
	struct net_device *last;
	struct edu_plug *plug;

	rcu_read_lock();
	plug = rcu_dereference(station->plug);
	if (unlikely(!plug || !pskb_may_pull(skb, ETH_HLEN))) {
		DEV_STATS_INC(dev, tx_dropped);
		kfree_skb(skb);
		goto out;
	}
	skb_tx_timestamp(skb);
	dev_sw_netstats_tx_add(dev, 1, skb->len);
	skb_reset_mac_header(skb);
	if (is_multicast_ether_addr(eth_hdr(skb)->h_dest))
		last = edu_frame_flood(plug, skb);
	else
		last = edu_frame_unicast(plug, skb);
	if (last)
		edu_station_deliver(last, skb);
	else
		consume_skb(skb); /* nobody there: that is no error on a cable */
out:
	rcu_read_unlock();
	return NETDEV_TX_OK;
}

/* ------------------------------------------------------------------------------------------------
 * Plugging in and out. All under the RTNL.
 */

/* The cable of that number, made if there is none. null: no memory. */
static struct edu_segment *edu_segment_get(struct user_namespace *owner, u32 number)
{
	struct edu_segment *first = xa_load(&edu_segments, number);
	struct edu_segment *segment = first;

	while (segment && segment->owner != owner)
		segment = segment->sibling;
	if (!segment) {
		segment = kzalloc(sizeof(*segment), GFP_KERNEL);
		if (!segment)
			return NULL;
		segment->number = number;
		segment->owner = owner;
		segment->sibling = first;
		INIT_LIST_HEAD(&segment->stations);
		INIT_LIST_HEAD(&segment->watchers);
		if (xa_err(xa_store(&edu_segments, number, segment, GFP_KERNEL))) {
			kfree(segment);
			return NULL;
		}
	}
	segment->plugs++;
	return segment;
}

static void edu_segment_put(struct edu_segment *segment)
{
	struct edu_segment *before;

	if (--segment->plugs)
		return;
	before = xa_load(&edu_segments, segment->number);
	if (before != segment) {
		while (before->sibling != segment)
			before = before->sibling;
		before->sibling = segment->sibling;
	} else if (segment->sibling) { /* in place of another: needs no memory */
		xa_store(&edu_segments, segment->number, segment->sibling, GFP_KERNEL);
	} else {
		xa_erase(&edu_segments, segment->number);
	}
	kfree_rcu(segment, rcu);
}

/* A plug for that cable and address, in the hash table but on no list yet. */
static struct edu_plug *edu_plug_new(struct net_device *dev, u32 number, const u8 *address)
{
	const struct edu_station *station = netdev_priv(dev);
	struct edu_plug *plug;
	int err = -ENOMEM;

	plug = kzalloc(sizeof(*plug), GFP_KERNEL);
	if (!plug)
		return ERR_PTR(err);
	plug->dev = dev;
	plug->key.owner = station->owner;
	plug->key.segment = number;
	ether_addr_copy(plug->key.address, address);
	plug->watches = dev->flags & IFF_PROMISC;
	plug->segment = edu_segment_get(station->owner, number);
	if (!plug->segment)
		goto free_plug;
	err = rhltable_insert(&edu_plugs, &plug->node, edu_plug_params);
	if (err)
		goto put_segment;
	return plug;

put_segment:
	edu_segment_put(plug->segment);
free_plug:
	kfree(plug);
	return ERR_PTR(err);
}

static void edu_plug_free(struct edu_plug *plug)
{
	rhltable_remove(&edu_plugs, &plug->node, edu_plug_params);
	edu_segment_put(plug->segment);
	kfree_rcu(plug, rcu);
}

static void edu_plug_list(struct edu_plug *plug)
{
	list_add_tail_rcu(&plug->on_segment, &plug->segment->stations);
	if (plug->watches)
		list_add_tail_rcu(&plug->on_watchers, &plug->segment->watchers);
}

static void edu_plug_unlist(struct edu_plug *plug)
{
	list_del_rcu(&plug->on_segment);
	if (plug->watches)
		list_del_rcu(&plug->on_watchers);
}

/*
 * Moves a station that is up to another address or cable. On one cable the lists change in a single
 * step, so that no broadcast passes it by or is heard twice; 0 or a negative errno and no change.
 */
static int edu_station_replug(struct net_device *dev, u32 number, const u8 *address)
{
	struct edu_station *station = netdev_priv(dev);
	struct edu_plug *old = rtnl_dereference(station->plug);
	struct edu_plug *new;

	if (!old)
		return 0;
	new = edu_plug_new(dev, number, address);
	if (IS_ERR(new))
		return PTR_ERR(new);
	if (new->segment == old->segment) {
		new->watches = old->watches;
		list_replace_rcu(&old->on_segment, &new->on_segment);
		if (old->watches)
			list_replace_rcu(&old->on_watchers, &new->on_watchers);
	} else {
		edu_plug_unlist(old);
		edu_plug_list(new);
	}
	rcu_assign_pointer(station->plug, new);
	edu_plug_free(old);
	return 0;
}

static int edu_station_open(struct net_device *dev)
{
	struct edu_station *station = netdev_priv(dev);
	struct edu_plug *plug;

	plug = edu_plug_new(dev, station->segment, dev->dev_addr);
	if (IS_ERR(plug))
		return PTR_ERR(plug);
	edu_plug_list(plug);
	rcu_assign_pointer(station->plug, plug);
	netif_carrier_on(dev);
	return 0;
}

static int edu_station_stop(struct net_device *dev)
{
	struct edu_station *station = netdev_priv(dev);
	struct edu_plug *plug = rtnl_dereference(station->plug);

	if (!plug)
		return 0;
	RCU_INIT_POINTER(station->plug, NULL);
	edu_plug_unlist(plug);
	edu_plug_free(plug);
	return 0;
}

/* ------------------------------------------------------------------------------------------------
 * The rest of the device's operations
 */

/* A station pins the module: rmmod is refused while one exists. The count is given back in
 * ndo_uninit, while there is still code of ours to run (the destructor); that is safe because
 * rtnl_link_unregister() waits for devices that are on their way out. */
static int edu_station_init(struct net_device *dev)
{
	struct edu_station *station = netdev_priv(dev);

	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	dev->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
	if (!dev->tstats) {
		module_put(THIS_MODULE);
		return -ENOMEM;
	}
	get_user_ns(station->owner);
	netdev_lockdep_set_classes(dev);
	return 0;
}

static void edu_station_uninit(struct net_device *dev)
{
	struct edu_station *station = netdev_priv(dev);

	put_user_ns(station->owner);
	free_percpu(dev->tstats);
	dev->tstats = NULL;
	module_put(THIS_MODULE);
}

static int edu_station_set_mac_address(struct net_device *dev, void *address)
{
	const struct sockaddr *wanted = address;
	const struct edu_station *station = netdev_priv(dev);
	int err;

	err = eth_prepare_mac_addr_change(dev, address);
	if (err)
		return err;
	err = edu_station_replug(dev, station->segment, wanted->sa_data);
	if (err)
		return err;
	eth_commit_mac_addr_change(dev, address);
	return 0;
}

/* The kernel has just changed dev->flags; may be called with softirqs off. */
static void edu_station_change_rx_flags(struct net_device *dev, int change)
{
	struct edu_station *station = netdev_priv(dev);
	struct edu_plug *plug = rtnl_dereference(station->plug);

	if (!plug || plug->watches || !(dev->flags & IFF_PROMISC))
		return;
	plug->watches = true;
	list_add_tail_rcu(&plug->on_watchers, &plug->segment->watchers);
}

/* Multicast groups are read from dev->mc frame by frame; that this exists tells the kernel that the
 * device has them. Further unicast addresses (macvlan) make the kernel set IFF_PROMISC. */
static void edu_station_set_rx_mode(struct net_device *dev) {}

static const struct net_device_ops edu_station_netdev_ops = {
	.ndo_init = edu_station_init,
	.ndo_uninit = edu_station_uninit,
	.ndo_open = edu_station_open,
	.ndo_stop = edu_station_stop,
	.ndo_start_xmit = edu_station_xmit,
	.ndo_set_mac_address = edu_station_set_mac_address,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_change_rx_flags = edu_station_change_rx_flags,
	.ndo_set_rx_mode = edu_station_set_rx_mode,
	.ndo_get_stats64 = dev_get_tstats64,
	.ndo_features_check = passthru_features_check,
};

static void edu_station_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "eduinet", sizeof(info->driver));
}

static int edu_station_get_link_ksettings(struct net_device *dev,
					  struct ethtool_link_ksettings *link)
{
	link->base.speed = SPEED_10000;
	link->base.duplex = DUPLEX_FULL; /* a cable without collisions */
	link->base.port = PORT_TP;
	link->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

static const struct ethtool_ops edu_station_ethtool_ops = {
	.get_drvinfo = edu_station_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_ts_info = ethtool_op_get_ts_info,
	.get_link_ksettings = edu_station_get_link_ksettings,
};

static void edu_station_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &edu_station_netdev_ops;
	dev->ethtool_ops = &edu_station_ethtool_ops;
	dev->needs_free_netdev = true;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_MAX_MTU;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING; /* the sent buffer itself is received */
	dev->priv_flags |= IFF_LIVE_ADDR_CHANGE | IFF_NO_QUEUE;
	dev->features |= EDUINET_FEATURES;
	dev->hw_features |= EDUINET_FEATURES;
	dev->hw_enc_features |= EDUINET_FEATURES;
	dev->vlan_features |= EDUINET_FEATURES;
	edu_compat_set_lltx(dev);
	netif_set_tso_max_size(dev, GSO_MAX_SIZE);
	eth_hw_addr_random(dev);
}

/* ------------------------------------------------------------------------------------------------
 * ip link add … type eduinet
 */

static const struct nla_policy edu_link_policy[IFLA_EDUINET_MAX + 1] = {
	[IFLA_EDUINET_SEGMENT] = { .type = NLA_U32 },
};

static int edu_link_validate(struct nlattr *tb[], struct nlattr *data[],
			     struct netlink_ext_ack *extack)
{
	if (!tb[IFLA_ADDRESS])
		return 0;
	if (nla_len(tb[IFLA_ADDRESS]) != ETH_ALEN) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_ADDRESS], "a station's address has six octets");
		return -EINVAL;
	}
	if (!is_valid_ether_addr(nla_data(tb[IFLA_ADDRESS]))) {
		NL_SET_ERR_MSG_ATTR(extack, tb[IFLA_ADDRESS],
				    "a station's address must be neither multicast nor all zeros");
		return -EADDRNOTAVAIL;
	}
	return 0;
}

static int edu_link_new(struct net *src_net, struct net_device *dev, struct nlattr *tb[],
			struct nlattr *data[], struct netlink_ext_ack *extack)
{
	struct edu_station *station = netdev_priv(dev);

	/* rtnetlink has asked for CAP_NET_ADMIN over src_net, wherever the device is to be. */
	station->owner = src_net->user_ns;
	if (data && data[IFLA_EDUINET_SEGMENT])
		station->segment = nla_get_u32(data[IFLA_EDUINET_SEGMENT]);
	return register_netdevice(dev);
}

static int edu_link_change(struct net_device *dev, struct nlattr *tb[], struct nlattr *data[],
			   struct netlink_ext_ack *extack)
{
	struct edu_station *station = netdev_priv(dev);
	u32 number;
	int err;

	if (!data || !data[IFLA_EDUINET_SEGMENT])
		return 0;
	number = nla_get_u32(data[IFLA_EDUINET_SEGMENT]);
	if (number == station->segment)
		return 0;
	if (!ns_capable(station->owner, CAP_NET_ADMIN)) {
		NL_SET_ERR_MSG(extack, "the cable belongs to another user namespace");
		return -EPERM;
	}
	err = edu_station_replug(dev, number, dev->dev_addr);
	if (err) {
		NL_SET_ERR_MSG(extack,
			       "no memory for the other segment; the device stays on its own");
		return err;
	}
	WRITE_ONCE(station->segment, number);
	return 0;
}

static size_t edu_link_get_size(const struct net_device *dev)
{
	return nla_total_size(sizeof(u32)); /* IFLA_EDUINET_SEGMENT */
}

static int edu_link_fill_info(struct sk_buff *skb, const struct net_device *dev)
{
	const struct edu_station *station = netdev_priv(dev);

	return nla_put_u32(skb, IFLA_EDUINET_SEGMENT, READ_ONCE(station->segment));
}

static struct rtnl_link_ops edu_link_ops = {
	.kind = "eduinet",
	.priv_size = sizeof(struct edu_station),
	.setup = edu_station_setup,
	.maxtype = IFLA_EDUINET_MAX,
	.policy = edu_link_policy,
	.validate = edu_link_validate,
	.newlink = edu_link_new,
	.changelink = edu_link_change,
	.get_size = edu_link_get_size,
	.fill_info = edu_link_fill_info,
};

int edu_dev_eduinet_init(void)
{
	int err;

	err = rhltable_init(&edu_plugs, &edu_plug_params);
	if (err)
		return err;
	err = rtnl_link_register(&edu_link_ops);
	if (err)
		rhltable_destroy(&edu_plugs);
	return err;
}

void edu_dev_eduinet_exit(void)
{
	rtnl_link_unregister(&edu_link_ops);
	rhltable_destroy(&edu_plugs);
	xa_destroy(&edu_segments);
}
