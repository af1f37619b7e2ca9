// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl on a socket: TLK's door to the configuration.
 *
 * TLK "IP Routing" (routes are added and deleted by ioctl, by the superuser), "Address Resolution
 * Protocol"; requirements ROUTE-4, OVER-1, OVER-11, ARP-11. Requests, structures and errnos are those of
 * Linux for AF_INET (netdevice(7), arp(7), struct rtentry).
 *
 * Here: SIOC[GS]IF{ADDR,NETMASK,BRDADDR,DSTADDR}, SIOCSIFFLAGS of a label, SIOC{ADD,DEL}RT,
 * SIOC{S,G,D}ARP, SIOC{S,G,D}RARP. The kernel's socket layer answers by itself for every family: SIOCGIFCONF (it
 * lists Linux's own IPv4 addresses; ours are in rtnetlink) and, once we say -ENOIOCTLCMD, the
 * requests about the device alone: SIOC[GS]IF{FLAGS,MTU,HWADDR}, SIOCGIF{INDEX,NAME}, …
 *
 * Addresses in a request may say AF_INET as well as our family, so that programs like route(8) and
 * arp(8) work with another socket() alone; answers say our family.
 *
 * Locking: every request takes the RTNL and calls edu_core_config_*.
 */
#include <linux/compat.h>
#include <linux/if_arp.h>
#include <linux/in.h>
#include <linux/inetdevice.h>
#include <linux/route.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/uaccess.h>
#include <net/sock.h>

#include "edu_kernel.h"

static bool edu_family_ok(unsigned int family)
{
	return family == edu_family || family == AF_INET;
}

/* The address inside a struct sockaddr of either family. */
static edu_be32 edu_sockaddr_get(const struct sockaddr *sa)
{
	return (__force edu_be32)((const struct sockaddr_in *)sa)->sin_addr.s_addr;
}

static void edu_sockaddr_set(struct sockaddr *sa, edu_be32 address)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)sa;

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = edu_family;
	sin->sin_addr.s_addr = (__force __be32)address;
}

static edu_be32 edu_mask(unsigned int prefix_len)
{
	return (__force edu_be32)inet_make_mask(prefix_len);
}

/* Length of a mask, or -1 if its ones are not on the left. */
static int edu_mask_len(edu_be32 mask)
{
	u32 zeros = ~ntohl((__force __be32)mask);

	return zeros & (zeros + 1) ? -1 : 32 - hweight32(zeros);
}

/* OVER-1: the classful mask when none is given. -1 for addresses an interface cannot have. */
static int edu_class_len(edu_be32 address)
{
	u32 host = ntohl((__force __be32)address);

	if (!host || ipv4_is_lbcast((__force __be32)address))
		return 0;
	if (IN_CLASSA(host))
		return 8;
	if (IN_CLASSB(host))
		return 16;
	if (IN_CLASSC(host))
		return 24;
	return -1;
}

/* ------------------------------------------------------------------------------------------------
 * Addresses of interfaces. A name with a colon ("edu0:1") means the address of that label.
 */

/* The request taken apart. */
struct edu_if_request {
	struct net *net;
	struct net_device *dev;
	char label[IFNAMSIZ];	  /* the name as given */
	struct edu_addr_info now; /* the address it means, if `found` */
	bool found;
};

/* The address the request means: that of the label, and if the caller named one, that one first. */
static void edu_if_find(struct edu_if_request *request, edu_be32 wanted)
{
	bool is_device = !strcmp(request->dev->name, request->label);
	struct edu_stack *stack = edu_net(request->net)->stack;
	struct edu_cursor at = {};
	struct edu_addr_info addr;
	bool exact = false; /* what is found has the very label */

	while (edu_core_addr_next(stack, &at, &addr)) {
		bool same = !strcmp(addr.label, request->label);

		if (addr.ifindex != request->dev->ifindex)
			continue;
		/* A label that was given before the device was renamed counts as its name. */
		if (!same && (!is_device || strchr(addr.label, ':')))
			continue;
		if (wanted && addr.local == wanted) {
			request->now = addr;
			request->found = true;
			return;
		}
		if (request->found && (exact || !same))
			continue;
		request->now = addr;
		request->found = true;
		exact = same;
	}
}

static int edu_if_get(const struct edu_if_request *request, unsigned int cmd, struct ifreq *ifr)
{
	const struct edu_addr_info *addr = &request->now;

	if (!request->found)
		return -EADDRNOTAVAIL;
	switch (cmd) {
	case SIOCGIFADDR:
		edu_sockaddr_set(&ifr->ifr_addr, addr->local);
		break;
	case SIOCGIFDSTADDR:
		edu_sockaddr_set(&ifr->ifr_dstaddr, addr->peer);
		break;
	case SIOCGIFBRDADDR:
		edu_sockaddr_set(&ifr->ifr_broadaddr, addr->broadcast);
		break;
	case SIOCGIFNETMASK:
		edu_sockaddr_set(&ifr->ifr_netmask, edu_mask(addr->prefix_len));
		break;
	}
	return 0;
}

/* Puts `next` in the place of the current address; if that fails the old one returns. */
static int edu_if_replace(const struct edu_if_request *request, const struct edu_addr_info *next)
{
	const unsigned int how = EDU_CONFIG_CREATE | EDU_CONFIG_EXCL;
	struct edu_addr_info old = request->now;
	struct edu_dev *ed;
	int err;

	if (!request->found)
		return edu_dev_addr_add(request->dev, next, how, NULL);
	/* The device must not be detached between the two steps: it is attached, so ask the core.
	 *  */
	ed = edu_dev_find(request->dev);
	if (!ed)
		return -EADDRNOTAVAIL;
	err = edu_core_config_addr_del(ed->net->stack, &old);
	if (err)
		return err;
	err = edu_core_config_addr_add(ed->net->stack, next, how);
	if (!err)
		return 0;
	old.has_broadcast = 1;
	/* With the old address refused too the device may be left without any: then it is
	 * detached. */
	if (edu_core_config_addr_add(ed->net->stack, &old, how))
		edu_dev_detach_idle(ed);
	return err;
}

static int edu_if_set_addr(const struct edu_if_request *request, edu_be32 address)
{
	bool point_to_point = request->dev->flags & IFF_POINTOPOINT;
	struct edu_addr_info next = {
		.ifindex = request->dev->ifindex,
		.local = address,
		.peer = address,
	};
	int len = edu_class_len(address);

	if (len < 0)
		return -EINVAL;
	if (request->found && request->now.local == address)
		return 0;
	if (!address) /* "ifconfig edu0 0.0.0.0" takes the address away */
		return request->found ? edu_dev_addr_del(request->dev, &request->now) : 0;
	next.prefix_len = point_to_point ? 32 : len;
	strscpy(next.label, request->label, sizeof(next.label));
	return edu_if_replace(request, &next);
}

static int edu_if_set_netmask(const struct edu_if_request *request, edu_be32 mask)
{
	const struct edu_addr_info *addr = &request->now;
	struct edu_addr_info next = *addr;
	int len = edu_mask_len(mask);

	if (len < 0)
		return -EINVAL;
	if (addr->prefix_len == len)
		return 0;
	next.prefix_len = len;
	/* A broadcast address that followed from the mask follows the new one; any other was
	 * meant. */
	next.has_broadcast = addr->broadcast &&
			     addr->broadcast != (addr->local | ~edu_mask(addr->prefix_len));
	if (!next.has_broadcast)
		next.broadcast = 0;
	return edu_if_replace(request, &next);
}

static int edu_if_set(const struct edu_if_request *request, unsigned int cmd,
		      const struct ifreq *ifr)
{
	edu_be32 address = edu_sockaddr_get(&ifr->ifr_addr);
	struct edu_addr_info next = request->now;

	if (cmd == SIOCSIFADDR)
		return edu_if_set_addr(request, address);
	if (!request->found)
		return -EADDRNOTAVAIL;
	if (cmd == SIOCSIFFLAGS) /* of a label: "down" takes the address away */
		return ifr->ifr_flags & IFF_UP ? 0 : edu_dev_addr_del(request->dev, &request->now);
	next.has_broadcast = 1;
	switch (cmd) {
	case SIOCSIFNETMASK:
		return edu_if_set_netmask(request, address);
	case SIOCSIFBRDADDR:
		if (next.broadcast == address)
			return 0;
		next.broadcast = address;
		return edu_if_replace(request, &next);
	default: /* SIOCSIFDSTADDR */
		if (next.peer == address)
			return 0;
		if (edu_class_len(address) < 0)
			return -EINVAL;
		next.peer = address;
		return edu_if_replace(request, &next);
	}
}

static bool edu_if_is_get(unsigned int cmd)
{
	return cmd == SIOCGIFADDR || cmd == SIOCGIFDSTADDR || cmd == SIOCGIFBRDADDR ||
	       cmd == SIOCGIFNETMASK;
}

static int edu_if_ioctl(struct net *net, unsigned int cmd, void __user *arg)
{
	struct edu_if_request request = { .net = net };
	edu_be32 wanted = 0;
	struct ifreq ifr;
	char *colon;
	int err;

	if (get_user_ifreq(&ifr, NULL, arg))
		return -EFAULT;
	ifr.ifr_name[IFNAMSIZ - 1] = '\0';
	strscpy(request.label, ifr.ifr_name, sizeof(request.label));
	colon = strchr(ifr.ifr_name, ':');
	if (cmd == SIOCSIFFLAGS && !colon)
		return -ENOIOCTLCMD; /* the device's own flags: the kernel knows */
	if (!edu_if_is_get(cmd)) {
		if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
			return -EPERM;
		if (cmd != SIOCSIFFLAGS && !edu_family_ok(ifr.ifr_addr.sa_family))
			return -EINVAL;
	} else if (edu_family_ok(ifr.ifr_addr.sa_family)) {
		wanted = edu_sockaddr_get(&ifr.ifr_addr);
	}
	if (colon)
		*colon = '\0';

	rtnl_lock();
	err = -ENODEV;
	request.dev = __dev_get_by_name(net, ifr.ifr_name);
	if (request.dev) {
		edu_if_find(&request, wanted);
		err = edu_if_is_get(cmd) ? edu_if_get(&request, cmd, &ifr) :
					   edu_if_set(&request, cmd, &ifr);
	}
	rtnl_unlock();
	if (err || !edu_if_is_get(cmd))
		return err;
	strscpy(ifr.ifr_name, request.label, sizeof(ifr.ifr_name));
	return put_user_ifreq(&ifr, arg) ? -EFAULT : 0;
}

/* ------------------------------------------------------------------------------------------------
 * Routes
 */

static int edu_rt_destination(const struct rtentry *rt, struct edu_route_info *route)
{
	edu_be32 mask = edu_sockaddr_get(&rt->rt_genmask);
	int len = 32;

	if (!edu_family_ok(rt->rt_dst.sa_family))
		return -EAFNOSUPPORT;
	route->destination = edu_sockaddr_get(&rt->rt_dst);
	if (!(rt->rt_flags & RTF_HOST)) {
		/* The default route's mask may come without a family. */
		if (!edu_family_ok(rt->rt_genmask.sa_family) && (mask || rt->rt_genmask.sa_family))
			return -EAFNOSUPPORT;
		len = edu_mask_len(mask);
		if (len < 0 || (route->destination & ~mask))
			return -EINVAL;
	}
	route->prefix_len = len;
	return 0;
}

/* rt_dev: the name of the device, perhaps with a label behind a colon, which says nothing here. */
static int edu_rt_device(struct net *net, const struct rtentry *rt, struct edu_route_info *route)
{
	const struct net_device *dev;
	char name[IFNAMSIZ] = {};
	long len;

	if (!rt->rt_dev)
		return 0;
	len = strncpy_from_user(name, (const char __user *)rt->rt_dev, IFNAMSIZ - 1);
	if (len < 0)
		return -EFAULT;
	*strchrnul(name, ':') = '\0';
	dev = __dev_get_by_name(net, name);
	if (!dev)
		return -ENODEV;
	route->ifindex = dev->ifindex;
	return 0;
}

/* What SIOCADDRT and SIOCDELRT mean. RTNL. */
static int edu_rt_parse(struct net *net, unsigned int cmd, const struct rtentry *rt,
			struct edu_route_info *route)
{
	int err;

	memset(route, 0, sizeof(*route));
	err = edu_rt_destination(rt, route);
	if (err)
		return err;
	if (cmd == SIOCADDRT)
		route->protocol = RTPROT_BOOT;
	if (rt->rt_metric > 0) /* one more than the metric; 0: none given */
		route->metric = rt->rt_metric - 1;
	if (rt->rt_flags & RTF_REJECT) {
		route->type = RTN_UNREACHABLE;
		return 0;
	}
	route->type = RTN_UNICAST;
	err = edu_rt_device(net, rt, route);
	if (err)
		return err;
	if (edu_family_ok(rt->rt_gateway.sa_family))
		route->gateway = edu_sockaddr_get(&rt->rt_gateway);
	if (cmd == SIOCDELRT) {
		route->scope = RT_SCOPE_NOWHERE; /* any */
		return 0;
	}
	if ((rt->rt_flags & RTF_GATEWAY) && !route->gateway)
		return -EINVAL;
	route->scope = route->gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	if (rt->rt_flags & RTF_MTU)
		route->mtu = rt->rt_mtu;
	if (rt->rt_flags & RTF_WINDOW)
		route->window = rt->rt_window;
	if (rt->rt_flags & RTF_IRTT)
		route->rtt = rt->rt_irtt;
	return 0;
}

static int edu_rt_change(struct net *net, unsigned int cmd, const struct rtentry *rt)
{
	struct edu_stack *stack = edu_net(net)->stack;
	struct edu_route_info route;
	int err;

	if (!ns_capable(net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	rtnl_lock();
	err = edu_rt_parse(net, cmd, rt, &route);
	if (!err && cmd == SIOCADDRT)
		err = edu_core_config_route_add(stack, &route, EDU_CONFIG_CREATE);
	else if (!err)
		err = edu_core_config_route_del(stack, &route);
	rtnl_unlock();
	return err;
}

static int edu_rt_ioctl(struct net *net, unsigned int cmd, void __user *arg)
{
	struct rtentry rt;

	if (copy_from_user(&rt, arg, sizeof(rt)))
		return -EFAULT;
	return edu_rt_change(net, cmd, &rt);
}

/* ------------------------------------------------------------------------------------------------
 * ARP
 */

/* RTNL. Fills the entry's key and device; *dev is null when none was named. */
static int edu_arp_parse(struct net *net, unsigned int cmd, struct arpreq *arp,
			 struct edu_neigh_info *neigh, struct net_device **dev)
{
	memset(neigh, 0, sizeof(*neigh));
	*dev = NULL;
	neigh->ip = edu_sockaddr_get(&arp->arp_pa);
	neigh->mask = ~0u;
	neigh->flags = arp->arp_flags & (ATF_COM | ATF_PERM | ATF_PUBL);
	if (arp->arp_flags & ATF_NETMASK) {
		neigh->mask = edu_sockaddr_get(&arp->arp_netmask);
		if (edu_mask_len(neigh->mask) < 0)
			return -EINVAL;
	}
	if (!arp->arp_dev[0])
		return cmd == SIOCGARP ? -ENODEV : 0;
	*dev = __dev_get_by_name(net, arp->arp_dev);
	if (!*dev)
		return -ENODEV;
	neigh->ifindex = (*dev)->ifindex;
	neigh->type = (*dev)->type;
	if (!arp->arp_ha.sa_family)
		arp->arp_ha.sa_family = (*dev)->type;
	if ((arp->arp_flags & ATF_COM) && arp->arp_ha.sa_family != (*dev)->type)
		return -EINVAL;
	return 0;
}

/* Without a device the entry belongs where its address is reached. */
static int edu_arp_find_device(struct net *net, struct edu_neigh_info *neigh,
			       struct net_device **dev)
{
	struct edu_route_info route = { .destination = neigh->ip, .type = RTN_UNICAST };
	int err;

	if (*dev || (neigh->flags & ATF_PUBL)) /* a proxy entry may hold on every device */
		return 0;
	err = edu_core_config_route_get(edu_net(net)->stack, &route);
	if (err)
		return err;
	*dev = __dev_get_by_index(net, route.ifindex);
	if (!*dev)
		return -EINVAL;
	neigh->ifindex = route.ifindex;
	neigh->type = (*dev)->type;
	return 0;
}

static int edu_arp_set(struct net *net, const struct arpreq *arp, struct edu_neigh_info *neigh,
		       struct net_device *dev)
{
	int err = edu_arp_find_device(net, neigh, &dev);

	if (err)
		return err;
	if (neigh->flags & ATF_COM) {
		neigh->hardware_len = dev ? dev->addr_len : 6;
		if (neigh->hardware_len > sizeof(neigh->hardware_address))
			return -EINVAL;
		memcpy(neigh->hardware_address, arp->arp_ha.sa_data, neigh->hardware_len);
	}
	if (neigh->flags & ATF_PERM)
		neigh->state = NUD_PERMANENT;
	else
		neigh->state = neigh->flags & ATF_COM ? NUD_STALE : NUD_NONE;
	return edu_core_config_neigh_add(edu_net(net)->stack, neigh,
					 EDU_CONFIG_CREATE | EDU_CONFIG_REPLACE);
}

static int edu_arp_get(struct net *net, struct arpreq *arp, struct edu_neigh_info *neigh,
		       const struct net_device *dev)
{
	int err = edu_core_config_neigh_get(edu_net(net)->stack, neigh);

	if (err)
		return err;
	memset(arp->arp_ha.sa_data, 0, 14);
	memcpy(arp->arp_ha.sa_data, neigh->hardware_address,
	       min_t(size_t, neigh->hardware_len, sizeof(neigh->hardware_address)));
	arp->arp_ha.sa_family = dev->type;
	arp->arp_flags = neigh->flags;
	edu_sockaddr_set(&arp->arp_netmask, neigh->mask);
	strscpy(arp->arp_dev, dev->name, sizeof(arp->arp_dev));
	return 0;
}

static int edu_arp_locked(struct net *net, unsigned int cmd, struct arpreq *arp)
{
	struct edu_neigh_info neigh;
	struct net_device *dev;
	int err;

	err = edu_arp_parse(net, cmd, arp, &neigh, &dev);
	if (err)
		return err;
	switch (cmd) {
	case SIOCGARP:
		return edu_arp_get(net, arp, &neigh, dev);
	case SIOCSARP:
		return edu_arp_set(net, arp, &neigh, dev);
	default: /* SIOCDARP */
		err = edu_arp_find_device(net, &neigh, &dev);
		if (err)
			return err;
		err = edu_core_config_neigh_del(edu_net(net)->stack, &neigh);
		return err == -ENOENT ? -ENXIO : err; /* rtnetlink's errno, and ioctl's */
	}
}

static int edu_arp_ioctl(struct net *net, unsigned int cmd, void __user *arg)
{
	struct arpreq arp;
	int err;

	if (cmd != SIOCGARP && !ns_capable(net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	if (copy_from_user(&arp, arg, sizeof(arp)))
		return -EFAULT;
	arp.arp_dev[sizeof(arp.arp_dev) - 1] = '\0';
	if (!edu_family_ok(arp.arp_pa.sa_family))
		return -EPFNOSUPPORT;
	if (!(arp.arp_flags & ATF_PUBL) && (arp.arp_flags & (ATF_NETMASK | ATF_DONTPUB)))
		return -EINVAL;

	rtnl_lock();
	err = edu_arp_locked(net, cmd, &arp);
	rtnl_unlock();
	if (!err && cmd == SIOCGARP && copy_to_user(arg, &arp, sizeof(arp)))
		err = -EFAULT;
	return err;
}

/* ------------------------------------------------------------------------------------------------
 * RARP: the server's table, as Linux had it until 2.2. Errnos are 2.0's.
 */

static int edu_rarp_locked(struct net *net, unsigned int cmd, struct arpreq *rarp)
{
	struct edu_stack *stack = edu_net(net)->stack;
	struct edu_rarp_info info = { .ip = edu_sockaddr_get(&rarp->arp_pa) };
	const struct net_device *dev = NULL;
	int err;

	if (cmd == SIOCDRARP)
		return edu_core_config_rarp_del(stack, info.ip);
	if (cmd == SIOCGRARP) {
		err = edu_core_config_rarp_get(stack, &info);
		if (err)
			return err;
		memset(&rarp->arp_ha, 0, sizeof(rarp->arp_ha));
		memcpy(rarp->arp_ha.sa_data, info.hardware_address, info.hardware_len);
		rarp->arp_ha.sa_family = info.type;
		rarp->arp_flags = ATF_COM | ATF_PERM;
		dev = __dev_get_by_index(net, info.ifindex);
		strscpy(rarp->arp_dev, dev ? dev->name : "", sizeof(rarp->arp_dev));
		return 0;
	}
	if (rarp->arp_ha.sa_family != ARPHRD_ETHER)
		return -EAFNOSUPPORT;
	if (rarp->arp_dev[0]) {
		dev = __dev_get_by_name(net, rarp->arp_dev);
		if (!dev)
			return -ENODEV;
		info.ifindex = dev->ifindex;
	}
	info.hardware_len = ETH_ALEN;
	memcpy(info.hardware_address, rarp->arp_ha.sa_data, ETH_ALEN);
	return edu_core_config_rarp_set(stack, &info);
}

static int edu_rarp_ioctl(struct net *net, unsigned int cmd, void __user *arg)
{
	struct arpreq rarp;
	int err;

	if (cmd != SIOCGRARP && !ns_capable(net->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	if (copy_from_user(&rarp, arg, sizeof(rarp)))
		return -EFAULT;
	rarp.arp_dev[sizeof(rarp.arp_dev) - 1] = '\0';
	if (!edu_family_ok(rarp.arp_pa.sa_family))
		return -EPFNOSUPPORT;

	rtnl_lock();
	err = edu_rarp_locked(net, cmd, &rarp);
	rtnl_unlock();
	if (!err && cmd == SIOCGRARP && copy_to_user(arg, &rarp, sizeof(rarp)))
		err = -EFAULT;
	return err;
}

/* ------------------------------------------------------------------------------------------------
 * The door
 */

int edu_ioctl(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	struct net *net = sock_net(sock->sk);
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case SIOCADDRT:
	case SIOCDELRT:
		return edu_rt_ioctl(net, cmd, argp);
	case SIOCSARP:
	case SIOCGARP:
	case SIOCDARP:
		return edu_arp_ioctl(net, cmd, argp);
	case SIOCSRARP:
	case SIOCGRARP:
	case SIOCDRARP:
		return edu_rarp_ioctl(net, cmd, argp);
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
	case SIOCSIFADDR:
	case SIOCSIFDSTADDR:
	case SIOCSIFBRDADDR:
	case SIOCSIFNETMASK:
	case SIOCSIFFLAGS:
		return edu_if_ioctl(net, cmd, argp);
	case SIOCRTMSG:
		return -EINVAL;
	default:
		return -ENOIOCTLCMD;
	}
}

#ifdef CONFIG_COMPAT
/* struct rtentry of a 32-bit program: the pointer and the longs are shorter. */
struct edu_compat_rtentry {
	u32 rt_pad1;
	struct sockaddr rt_dst;
	struct sockaddr rt_gateway;
	struct sockaddr rt_genmask;
	u16 rt_flags;
	s16 rt_pad2;
	u32 rt_pad3;
	u8 rt_tos;
	u8 rt_class;
	s16 rt_pad4;
	s16 rt_metric;
	compat_uptr_t rt_dev;
	u32 rt_mtu;
	u32 rt_window;
	u16 rt_irtt;
};

static int edu_rt_ioctl_compat(struct net *net, unsigned int cmd, void __user *arg)
{
	struct edu_compat_rtentry small;
	struct rtentry rt = {};

	if (copy_from_user(&small, arg, sizeof(small)))
		return -EFAULT;
	rt.rt_dst = small.rt_dst;
	rt.rt_gateway = small.rt_gateway;
	rt.rt_genmask = small.rt_genmask;
	rt.rt_flags = small.rt_flags;
	rt.rt_metric = small.rt_metric;
	rt.rt_dev = (char __force *)compat_ptr(small.rt_dev);
	rt.rt_mtu = small.rt_mtu;
	rt.rt_window = small.rt_window;
	rt.rt_irtt = small.rt_irtt;
	return edu_rt_change(net, cmd, &rt);
}

int edu_ioctl_compat(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	void __user *argp = compat_ptr(arg);

	if (cmd == SIOCADDRT || cmd == SIOCDELRT)
		return edu_rt_ioctl_compat(sock_net(sock->sk), cmd, argp);
	/* The others' structures are the same; the kernel's ifreq helpers know 32-bit callers. */
	return edu_ioctl(sock, cmd, (unsigned long)argp);
}
#else
int edu_ioctl_compat(struct socket *sock, unsigned int cmd, unsigned long arg)
{
	return -ENOIOCTLCMD;
}
#endif
