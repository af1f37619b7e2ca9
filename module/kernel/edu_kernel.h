/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the kernel side share: the home's part of a host (struct edu_net), of an
 * attached device (struct edu_dev), and each part's init and exit routine.
 *
 * TLK "Networks"; requirements BSD-1 (registration), DEV-1 (the list of devices), LAYER-3.
 *
 * Locking: struct edu_net and struct edu_dev are changed under the RTNL. On the packet path they are
 * reached through RCU: an edu_dev lives until edu_k_dev_release() and a grace period after it, an
 * edu_net until its namespace has no device, no socket and no packet left.
 */
#ifndef _EDU_KERNEL_H
#define _EDU_KERNEL_H

#include <linux/netdevice.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/xarray.h>
#include <net/net_namespace.h>

#include <uapi/eduinet.h>
#include <edu/bridge.h>

#include "compat.h"

#undef pr_fmt
#define pr_fmt(fmt) "eduinet: " fmt

struct ctl_table;
struct ctl_table_header;
struct edu_conf;
struct msghdr;
struct netlink_ext_ack;
struct proc_dir_entry;
struct proto;
struct proto_ops;
struct socket;

/* The address family in use (BSD-2): the module's parameter `family`, which the core knows too. */
#define edu_family edu_k_family

/* This CPU's counters of one host, indexed by enum edu_counter. */
struct edu_counters {
	u64 value[EDU_COUNTER_COUNT];
};

/*
 * The kernel's part of one host: a network namespace. Allocated by the pernet machinery
 * (net_generic) and owned by net.c.
 */
struct edu_net {
	struct net *net;			/* the namespace; outlives this structure */
	struct edu_stack *stack;		/* the core's part; constant from init to exit */
	struct edu_counters __percpu *counters; /* written with this_cpu_*, summed by readers */
	struct net_device *edulo;	 /* the host's own loopback; constant from init to exit */
	struct xarray devices;		 /* attached devices: ifindex to edu_dev; RTNL */
	struct list_head taps;		 /* edu_tap.list; the core's lock, read under RCU */
	struct proc_dir_entry *proc;	 /* /proc/net/eduinet */
	struct ctl_table_header *sysctl; /* /proc/sys/net/eduinet */
	struct ctl_table *sysctl_table;	 /* this host's table, freed with it */
	struct edu_conf *conf_all, *conf_default; /* …/conf/all and …/conf/default */
};

/*
 * An attached device: a net_device on which this stack receives and sends (LAYER-2, DEV-4). Owned by
 * packet.c; the core holds one reference until edu_k_dev_release().
 */
struct edu_dev {
	struct net_device *dev;	   /* referenced (dev_hold) until the release */
	netdevice_tracker tracker; /* of that reference */
	struct edu_net *net;	   /* the host it is attached to; constant */
	struct edu_iface *iface;   /* the core's part; set under the RTNL before any handler runs */
	int ifindex;		   /* key in edu_net.devices; constant */
	bool has_rx_handler;	   /* the short cut is registered; RTNL */
	struct edu_conf *conf;	   /* /proc/sys/net/eduinet/conf/NAME, or null; RTNL */
	bool pins_module;	   /* all but edulo keep the module loaded while attached; RTNL */
	struct packet_type ip; /* ETH_P_IP, ETH_P_ARP, ETH_P_RARP: handlers of this device only */
	struct packet_type arp;
	struct packet_type rarp;
	struct rcu_head rcu; /* delays the free until the packet path has let go */
};

/* The home's part of the host that is the namespace `net`. Any context. Null before its init and
 * after its exit. */
struct edu_net *edu_net(const struct net *net);

/* os.c: the work queue on which the core's work runs. */
int edu_os_init(void);
void edu_os_exit(void);

/* family.c: the socket family and its protocols (BSD-1, BSD-2). */
int edu_family_init(void);
void edu_family_exit(void);

/*
 * stream_ops.c: what a socket of a stream has besides. Process context.
 */
int edu_stream_init(void);
void edu_stream_exit(void);
/* What the kernel must know of the protocol; and the calls that differ from a datagram socket's. */
void edu_stream_describe(struct proto *proto);
void edu_stream_ops_init(struct proto_ops *ops);
/* A new one, behind sock_init_data(); not for those that edu_k_sock_clone() makes. */
void edu_stream_sock_init(struct sock *sk);
/* It ends, and its buffers are gone. Any context. */
void edu_stream_sock_exit(struct sock *sk);
/* Memory of all streams, pages. Any context. */
long edu_stream_pages(void);

/* cmsg.c: takes the control messages of a sendmsg() apart into *send. 0 or a negative errno. Process
 * context, no lock. The options it points to lie in the message's control buffer. */
int edu_cmsg_send(struct sock *sk, struct msghdr *msg, struct edu_send *send);

/* net.c: one host per network namespace. */
int edu_net_init(void);
void edu_net_exit(void);

/* The two halves of a counter's name: "Udp", "InDatagrams". Indexed by enum edu_counter. */
struct edu_counter_name {
	const char *group;
	const char *name;
};
extern const struct edu_counter_name edu_counter_names[EDU_COUNTER_COUNT];
/* Sum over all CPUs. Any context. */
u64 edu_counter_read(const struct edu_net *en, enum edu_counter counter);

/* dev_edulo.c: the host's own loopback, registered, up and with its address. Process context, no lock.
 * 0 or a negative errno. */
int edu_edulo_create(struct edu_net *en);
/* Detaches it and puts it on the list for unregister_netdevice_many(). RTNL. */
void edu_edulo_unregister(struct edu_net *en, struct list_head *leaving);

/* proc.c, sysctl.c: what one host shows under /proc. Process context, no lock. */
int edu_proc_net_init(struct edu_net *en);
void edu_proc_net_exit(struct edu_net *en);
int edu_sysctl_net_init(struct edu_net *en);
void edu_sysctl_net_exit(struct edu_net *en);
/* …/conf/NAME of an attached device, with its name as it is now; without memory there is none. RTNL. */
void edu_sysctl_dev_init(struct edu_dev *ed);
/* Waits for readers and writers of its files. RTNL. */
void edu_sysctl_dev_exit(struct edu_dev *ed);

/* packet.c: the device notifier, and attaching devices (DEV-4). */
int edu_packet_init(void);
void edu_packet_exit(void);
/* The attached device behind a net_device, or null. RTNL. */
struct edu_dev *edu_dev_find(const struct net_device *dev);
/* Attaches dev to the host of its namespace; the same edu_dev when it is attached already. RTNL, may
 * sleep. An error pointer: -EAFNOSUPPORT, -EBUSY, -ENODEV, -ENOMEM. */
struct edu_dev *edu_dev_attach(struct net_device *dev, struct netlink_ext_ack *extack);
/* Takes the device off the stack, with its addresses and routes. RTNL, may sleep. */
void edu_dev_detach(struct edu_dev *ed);
/* The same, if it has no address left; edulo stays attached for ever. */
void edu_dev_detach_idle(struct edu_dev *ed);
/* The one way in for addresses, from netlink and ioctl: the first address attaches the device, the
 * loss of the last detaches it. RTNL. Errors of edu_core_config_addr_* and edu_dev_attach(). */
int edu_dev_addr_add(struct net_device *dev, const struct edu_addr_info *addr, unsigned int how,
		     struct netlink_ext_ack *extack);
int edu_dev_addr_del(struct net_device *dev, const struct edu_addr_info *addr);
/* May values[which] of an interface, or of conf/all, become `value`? -EBUSY: a device that shall be
 * exclusive belongs to a bridge or the like. RTNL. */
int edu_packet_setting_check(struct edu_net *en, const edu_u32 *values, unsigned int which,
			     edu_u32 value);
/* @which (EDU_IFACE_*) has changed on some interfaces, and the core knows. RTNL. */
void edu_packet_setting_written(struct edu_net *en, unsigned int which);

/* tap.c: frames for SOCK_PACKET sockets. */
/* The packet_type routine of a tap. */
int edu_tap_rcv(struct sk_buff *skb, struct net_device *dev, struct packet_type *type,
		struct net_device *orig_dev);
/* A copy of an incoming frame, data at its network header, for the taps of its protocol; for a frame
 * that the kernel's own lists of packet_types will not see. Softirq, RCU. skb stays the caller's. */
void edu_taps_deliver(struct edu_net *en, struct sk_buff *skb);
/* News about any device of a namespace that has a host. RTNL. */
void edu_tap_netdev_event(struct edu_net *en, const struct net_device *dev, unsigned long event);

/* dev_eduinet.c: rtnl_link_ops of the virtual Ethernet (OVER-9). */
int edu_dev_eduinet_init(void);
void edu_dev_eduinet_exit(void);

/* netlink.c: rtnetlink messages of our family (ROUTE-4). */
int edu_netlink_init(void);
void edu_netlink_exit(void);

/* ioctl.c: interface, route and ARP requests, TLK's door to the configuration (ROUTE-4). arg is the
 * program's pointer; compat: in the layout of a 32-bit program. -ENOIOCTLCMD for what it does not
 * know. Process context, no lock. */
int edu_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg);
int edu_ioctl_compat(struct socket *sock, unsigned int cmd, unsigned long arg);

#endif /* _EDU_KERNEL_H */
