// SPDX-License-Identifier: GPL-2.0-only
/*
 * rtnetlink for family AF_EDUINET: addresses, routes, neighbours.
 *
 * TLK "IP Routing" (routes are changed by programs and announced to them); requirements ROUTE-4,
 * ROUTE-5, OVER-1, ARP-11. The messages are those of rtnetlink(7), so that a tool for AF_INET needs
 * only another family. Here are what all messages share, addresses and neighbours; routes are in
 * netlink_route.c. Not implemented: lifetimes of addresses, NLM_F_ECHO.
 *
 * Everything is decided by edu_core_config_*; here messages are taken apart and put together.
 * Attributes are checked strictly: one that is unknown is refused and not ignored.
 *
 * Locking: rtnetlink calls doit routines with the RTNL held, and has checked CAP_NET_ADMIN in the
 * namespace for all but the GETs. Dumps run in process context and rely on the core's iterators.
 * Announcements are made in whatever context the change happens.
 */
#include <linux/if_arp.h>
#include <linux/inet.h>
#include <linux/module.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/netlink.h>
#include <net/rtnetlink.h>

#include "edu_kernel.h"
#include "netlink.h"

/* Strict, except that iproute2 leaves the "nested" bit off RTA_METRICS. */
#define EDU_VALIDATE                                                                               \
	(NL_VALIDATE_TRAILING | NL_VALIDATE_MAXTYPE | NL_VALIDATE_UNSPEC | NL_VALIDATE_STRICT_ATTRS)

int edu_nl_fail(int err, const struct edu_hint *hint, struct netlink_ext_ack *extack)
{
	if (!err || !extack || extack->_msg)
		return err;
	for (; hint->text; hint++)
		if (hint->err == err) {
			extack->_msg = hint->text;
			break;
		}
	return err;
}

/* NLM_F_* of a request as the core wants them. */
unsigned int edu_nl_how(const struct nlmsghdr *nlh)
{
	unsigned int how = 0;

	if (nlh->nlmsg_flags & NLM_F_CREATE)
		how |= EDU_CONFIG_CREATE;
	if (nlh->nlmsg_flags & NLM_F_EXCL)
		how |= EDU_CONFIG_EXCL;
	if (nlh->nlmsg_flags & NLM_F_REPLACE)
		how |= EDU_CONFIG_REPLACE;
	if (nlh->nlmsg_flags & NLM_F_APPEND)
		how |= EDU_CONFIG_APPEND;
	return how;
}

int edu_nl_parse(const struct nlmsghdr *nlh, unsigned int header, struct nlattr **tb, int max,
		 const struct nla_policy *policy, struct netlink_ext_ack *extack)
{
	return __nlmsg_parse(nlh, header, tb, max, policy, EDU_VALIDATE, extack);
}

/* ------------------------------------------------------------------------------------------------
 * Dumps and announcements: one walk for all kinds of record
 */

/* What a dump remembers between two calls, in netlink_callback.ctx. */
struct edu_nl_dump {
	struct edu_cursor at;
	u32 done;
};

/* As many records as fit into skb. ifindex: only those of that device, 0: all. */
int edu_nl_dump(struct sk_buff *skb, struct netlink_callback *cb, const struct edu_nl_kind *kind,
		int type, int ifindex)
{
	struct edu_nl_dump *dump = (struct edu_nl_dump *)cb->ctx;
	struct edu_stack *stack = edu_net(sock_net(skb->sk))->stack;
	const struct edu_nl_to to = {
		.portid = NETLINK_CB(cb->skb).portid,
		.seq = cb->nlh->nlmsg_seq,
		.type = type,
		.flags = NLM_F_MULTI,
	};
	union edu_nl_record record;

	BUILD_BUG_ON(sizeof(struct edu_nl_dump) > sizeof(cb->ctx));
	while (!dump->done) {
		struct edu_cursor before = dump->at;

		if (!kind->next(stack, &dump->at, &record)) {
			dump->done = 1;
		} else if (!ifindex || kind->ifindex(&record) == ifindex) {
			if (kind->fill(skb, &record, &to)) {
				dump->at = before; /* this record again, in the next message */
				return skb->len ? skb->len : -EMSGSIZE;
			}
		}
		cond_resched();
	}
	return skb->len;
}

void edu_nl_notify(struct edu_net *en, const struct edu_nl_kind *kind,
		   const union edu_nl_record *record, int type, u32 group, gfp_t gfp)
{
	const struct edu_nl_to to = { .type = type };
	struct net *net = en->net;
	struct sk_buff *skb;

	if (!netlink_has_listeners(net->rtnl, group))
		return;
	skb = nlmsg_new(NLMSG_GOODSIZE, gfp);
	if (!skb) {
		rtnl_set_sk_err(net, group, -ENOBUFS); /* listeners learn that they missed one */
		return;
	}
	if (WARN_ON_ONCE(kind->fill(skb, record, &to))) {
		kfree_skb(skb);
		return;
	}
	rtnl_notify(skb, net, 0, group, NULL, gfp);
}

/* Answers a GET with one record. */
int edu_nl_reply(struct sk_buff *request, const struct nlmsghdr *nlh,
		 const struct edu_nl_kind *kind, const union edu_nl_record *record, int type)
{
	const struct edu_nl_to to = {
		.portid = NETLINK_CB(request).portid,
		.seq = nlh->nlmsg_seq,
		.type = type,
	};
	struct sk_buff *skb;
	int err;

	skb = nlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	if (!skb)
		return -ENOBUFS;
	err = kind->fill(skb, record, &to);
	if (err) {
		kfree_skb(skb);
		return err;
	}
	return rtnl_unicast(skb, sock_net(request->sk), to.portid);
}

/* ------------------------------------------------------------------------------------------------
 * Addresses: RTM_{NEW,DEL,GET}ADDR
 */

static const struct nla_policy edu_addr_policy[IFA_MAX + 1] = {
	[IFA_ADDRESS] = { .type = NLA_U32 },
	[IFA_LOCAL] = { .type = NLA_U32 },
	[IFA_BROADCAST] = { .type = NLA_U32 },
	[IFA_LABEL] = { .type = NLA_NUL_STRING, .len = IFNAMSIZ - 1 },
	[IFA_FLAGS] = { .type = NLA_U32 },
};

static const struct edu_hint edu_addr_hints[] = {
	{ -EEXIST, "the interface has this address already" },
	{ -EADDRNOTAVAIL, "the interface does not have this address" },
	{ -EINVAL, "an interface cannot have this address: give a unicast address and a prefix" },
	{}
};

static int edu_addr_parse(const struct nlmsghdr *nlh, struct edu_addr_info *addr,
			  struct netlink_ext_ack *extack)
{
	const struct ifaddrmsg *message = nlmsg_data(nlh);
	struct nlattr *tb[IFA_MAX + 1];
	u32 flags;
	int err;

	err = edu_nl_parse(nlh, sizeof(*message), tb, IFA_MAX, edu_addr_policy, extack);
	if (err)
		return err;
	if (!tb[IFA_LOCAL] && !tb[IFA_ADDRESS]) {
		NL_SET_ERR_MSG(extack, "no address given");
		return -EINVAL;
	}
	if (message->ifa_prefixlen > 32) {
		NL_SET_ERR_MSG(extack, "a prefix has at most 32 bits");
		return -EINVAL;
	}
	flags = tb[IFA_FLAGS] ? nla_get_u32(tb[IFA_FLAGS]) : message->ifa_flags;
	if (flags & ~(IFA_F_PERMANENT | IFA_F_SECONDARY)) {
		NL_SET_ERR_MSG(extack, "an address has no flags here");
		return -EOPNOTSUPP;
	}

	memset(addr, 0, sizeof(*addr));
	addr->ifindex = message->ifa_index;
	addr->prefix_len = message->ifa_prefixlen;
	addr->scope = message->ifa_scope;
	addr->local = edu_nl_be32(tb[IFA_LOCAL] ?: tb[IFA_ADDRESS]);
	addr->peer = edu_nl_be32(tb[IFA_ADDRESS] ?: tb[IFA_LOCAL]);
	addr->has_broadcast = !!tb[IFA_BROADCAST];
	addr->broadcast = edu_nl_be32(tb[IFA_BROADCAST]);
	if (tb[IFA_LABEL])
		nla_strscpy(addr->label, tb[IFA_LABEL], sizeof(addr->label));
	return 0;
}

static int edu_addr_change(struct sk_buff *skb, struct nlmsghdr *nlh,
			   struct netlink_ext_ack *extack)
{
	struct edu_addr_info addr;
	struct net_device *dev;
	int err;

	err = edu_addr_parse(nlh, &addr, extack);
	if (err)
		return err;
	dev = __dev_get_by_index(sock_net(skb->sk), addr.ifindex);
	if (!dev) {
		NL_SET_ERR_MSG(extack, "no such device");
		return -ENODEV;
	}
	if (nlh->nlmsg_type == RTM_NEWADDR) {
		if (!addr.label[0])
			strscpy(addr.label, dev->name, sizeof(addr.label));
		err = edu_dev_addr_add(dev, &addr, edu_nl_how(nlh) | EDU_CONFIG_CREATE, extack);
	} else {
		err = edu_dev_addr_del(dev, &addr);
	}
	return edu_nl_fail(err, edu_addr_hints, extack);
}

static int edu_addr_record_next(struct edu_stack *stack, struct edu_cursor *at,
				union edu_nl_record *record)
{
	return edu_core_addr_next(stack, at, &record->addr);
}

static int edu_addr_record_ifindex(const union edu_nl_record *record)
{
	return record->addr.ifindex;
}

static int edu_addr_record_fill(struct sk_buff *skb, const union edu_nl_record *record,
				const struct edu_nl_to *to)
{
	const struct edu_addr_info *addr = &record->addr;
	const struct ifa_cacheinfo forever = { .ifa_prefered = ~0u, .ifa_valid = ~0u };
	u32 flags = IFA_F_PERMANENT | (addr->secondary ? IFA_F_SECONDARY : 0) |
		    (addr->probing ? IFA_F_TENTATIVE : 0) |
		    (addr->refused ? IFA_F_TENTATIVE | IFA_F_DADFAILED : 0);
	struct ifaddrmsg *message;
	struct nlmsghdr *nlh;

	nlh = nlmsg_put(skb, to->portid, to->seq, to->type, sizeof(*message), to->flags);
	if (!nlh)
		return -EMSGSIZE;
	message = nlmsg_data(nlh);
	message->ifa_family = edu_family;
	message->ifa_prefixlen = addr->prefix_len;
	message->ifa_flags = flags;
	message->ifa_scope = addr->scope;
	message->ifa_index = addr->ifindex;
	if (edu_nl_put_be32(skb, IFA_ADDRESS, addr->peer) ||
	    edu_nl_put_be32(skb, IFA_LOCAL, addr->local) ||
	    (addr->broadcast && edu_nl_put_be32(skb, IFA_BROADCAST, addr->broadcast)) ||
	    (addr->label[0] && nla_put_string(skb, IFA_LABEL, addr->label)) ||
	    nla_put_u32(skb, IFA_FLAGS, flags) ||
	    nla_put(skb, IFA_CACHEINFO, sizeof(forever), &forever)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

static const struct edu_nl_kind edu_addr_kind = {
	.next = edu_addr_record_next,
	.fill = edu_addr_record_fill,
	.ifindex = edu_addr_record_ifindex,
};

static int edu_addr_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct ifaddrmsg *message = nlmsg_data(cb->nlh);
	int ifindex = 0;

	/* Only a caller that asks for strict checking has filled in more than the family. */
	if (cb->strict_check && nlmsg_len(cb->nlh) >= sizeof(*message))
		ifindex = message->ifa_index;
	return edu_nl_dump(skb, cb, &edu_addr_kind, RTM_NEWADDR, ifindex);
}

void edu_k_notify_addr(struct edu_net *en, int added, const struct edu_addr_info *addr)
{
	const union edu_nl_record record = { .addr = *addr };

	edu_nl_notify(en, &edu_addr_kind, &record, added ? RTM_NEWADDR : RTM_DELADDR,
		      RTNLGRP_IPV4_IFADDR, GFP_KERNEL);
}

/* ------------------------------------------------------------------------------------------------
 * Neighbours: RTM_{NEW,DEL,GET}NEIGH, the ARP table
 */

static const struct nla_policy edu_neigh_policy[NDA_MAX + 1] = {
	[NDA_DST] = { .type = NLA_U32 },
	[NDA_LLADDR] = { .type = NLA_BINARY, .len = 8 },
	[NDA_CACHEINFO] = NLA_POLICY_EXACT_LEN(sizeof(struct nda_cacheinfo)),
	[NDA_PROBES] = { .type = NLA_U32 },
};

static const struct edu_hint edu_neigh_hints[] = {
	{ -EEXIST, "there is such an entry; use replace" },
	{ -ENOENT, "no such entry" },
	{ -ENODEV, "the device has no EDUINET address: give it one first" },
	{ -EINVAL, "an entry that does not ask needs a hardware address (lladdr)" },
	{ -ENOBUFS, "the table is full: see net.eduinet.arp_max_entries" },
	{}
};

static int edu_neigh_parse(struct net *net, const struct nlmsghdr *nlh,
			   struct edu_neigh_info *neigh, struct netlink_ext_ack *extack)
{
	const struct ndmsg *message = nlmsg_data(nlh);
	struct nlattr *tb[NDA_MAX + 1];
	const struct net_device *dev;
	int err;

	err = edu_nl_parse(nlh, sizeof(*message), tb, NDA_MAX, edu_neigh_policy, extack);
	if (err)
		return err;
	if (!tb[NDA_DST]) {
		NL_SET_ERR_MSG(extack, "no address given");
		return -EINVAL;
	}
	memset(neigh, 0, sizeof(*neigh));
	neigh->ip = edu_nl_be32(tb[NDA_DST]);
	neigh->mask = ~0u;
	neigh->ifindex = message->ndm_ifindex;
	neigh->state = message->ndm_state;
	dev = __dev_get_by_index(net, neigh->ifindex);
	/* A proxy entry may be for every device. */
	if (!dev && (neigh->ifindex ||
		     (nlh->nlmsg_type != RTM_GETNEIGH && !(message->ndm_flags & NTF_PROXY)))) {
		NL_SET_ERR_MSG(extack, "no such device");
		return -ENODEV;
	}
	if (tb[NDA_LLADDR]) {
		neigh->hardware_len = nla_len(tb[NDA_LLADDR]);
		if (dev && neigh->hardware_len != dev->addr_len) {
			NL_SET_ERR_MSG_ATTR(extack, tb[NDA_LLADDR],
					    "the device's addresses have another length");
			return -EINVAL;
		}
		memcpy(neigh->hardware_address, nla_data(tb[NDA_LLADDR]), neigh->hardware_len);
		neigh->flags |= ATF_COM;
	}
	if (message->ndm_state & (NUD_PERMANENT | NUD_NOARP))
		neigh->flags |= ATF_PERM;
	if (message->ndm_flags & NTF_PROXY)
		neigh->flags |= ATF_PUBL | ATF_PERM;
	neigh->type = dev ? dev->type : 0;
	return 0;
}

static int edu_neigh_change(struct sk_buff *skb, struct nlmsghdr *nlh,
			    struct netlink_ext_ack *extack)
{
	struct net *net = sock_net(skb->sk);
	struct edu_stack *stack = edu_net(net)->stack;
	struct edu_neigh_info neigh;
	int err;

	err = edu_neigh_parse(net, nlh, &neigh, extack);
	if (err)
		return err;
	if (nlh->nlmsg_type == RTM_NEWNEIGH)
		err = edu_core_config_neigh_add(stack, &neigh, edu_nl_how(nlh));
	else
		err = edu_core_config_neigh_del(stack, &neigh);
	return edu_nl_fail(err, edu_neigh_hints, extack);
}

static int edu_neigh_record_next(struct edu_stack *stack, struct edu_cursor *at,
				 union edu_nl_record *record)
{
	while (edu_core_neigh_next(stack, at, &record->neigh)) {
		if (!(record->neigh.flags & ATF_PUBL))
			return 1;
		cond_resched();
	}
	return 0;
}

static int edu_proxy_record_next(struct edu_stack *stack, struct edu_cursor *at,
				 union edu_nl_record *record)
{
	while (edu_core_neigh_next(stack, at, &record->neigh)) {
		if (record->neigh.flags & ATF_PUBL)
			return 1;
		cond_resched();
	}
	return 0;
}

static int edu_neigh_record_ifindex(const union edu_nl_record *record)
{
	return record->neigh.ifindex;
}

static int edu_neigh_record_fill(struct sk_buff *skb, const union edu_nl_record *record,
				 const struct edu_nl_to *to)
{
	const struct edu_neigh_info *neigh = &record->neigh;
	const struct nda_cacheinfo cache = {
		.ndm_confirmed = jiffies_to_clock_t(msecs_to_jiffies(neigh->updated_ms)),
		.ndm_used = jiffies_to_clock_t(msecs_to_jiffies(neigh->used_ms)),
		.ndm_updated = jiffies_to_clock_t(msecs_to_jiffies(neigh->updated_ms)),
		.ndm_refcnt = neigh->references,
	};
	struct ndmsg *message;
	struct nlmsghdr *nlh;

	nlh = nlmsg_put(skb, to->portid, to->seq, to->type, sizeof(*message), to->flags);
	if (!nlh)
		return -EMSGSIZE;
	message = nlmsg_data(nlh);
	memset(message, 0, sizeof(*message));
	message->ndm_family = edu_family;
	message->ndm_ifindex = neigh->ifindex;
	message->ndm_state = neigh->state;
	message->ndm_flags = neigh->flags & ATF_PUBL ? NTF_PROXY : 0;
	message->ndm_type = RTN_UNICAST;
	if (edu_nl_put_be32(skb, NDA_DST, neigh->ip) ||
	    ((neigh->flags & ATF_COM) &&
	     nla_put(skb, NDA_LLADDR, neigh->hardware_len, neigh->hardware_address)) ||
	    nla_put_u32(skb, NDA_PROBES, neigh->retries) ||
	    nla_put(skb, NDA_CACHEINFO, sizeof(cache), &cache)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

static const struct edu_nl_kind edu_neigh_kind = {
	.next = edu_neigh_record_next,
	.fill = edu_neigh_record_fill,
	.ifindex = edu_neigh_record_ifindex,
};

static const struct edu_nl_kind edu_proxy_kind = {
	.next = edu_proxy_record_next,
	.fill = edu_neigh_record_fill,
	.ifindex = edu_neigh_record_ifindex,
};

/* Proxy entries are listed when they are asked for, and then alone, as on Linux. */
static int edu_neigh_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct ndmsg *message = nlmsg_data(cb->nlh);
	const struct edu_nl_kind *kind = &edu_neigh_kind;
	int ifindex = 0;

	if (nlmsg_len(cb->nlh) >= sizeof(*message)) {
		if (message->ndm_flags == NTF_PROXY)
			kind = &edu_proxy_kind;
		if (cb->strict_check)
			ifindex = message->ndm_ifindex;
	}
	return edu_nl_dump(skb, cb, kind, RTM_NEWNEIGH, ifindex);
}

static int edu_neigh_get(struct sk_buff *skb, struct nlmsghdr *nlh, struct netlink_ext_ack *extack)
{
	struct net *net = sock_net(skb->sk);
	union edu_nl_record record;
	int err;

	err = edu_neigh_parse(net, nlh, &record.neigh, extack);
	if (err)
		return err;
	err = edu_core_config_neigh_get(edu_net(net)->stack, &record.neigh);
	if (err == -ENXIO) /* the errno of SIOCGARP; here Linux says: */
		err = -ENOENT;
	if (err)
		return edu_nl_fail(err, edu_neigh_hints, extack);
	return edu_nl_reply(skb, nlh, &edu_neigh_kind, &record, RTM_NEWNEIGH);
}

void edu_k_notify_neigh(struct edu_net *en, int added, const struct edu_neigh_info *neigh)
{
	const union edu_nl_record record = { .neigh = *neigh };

	edu_nl_notify(en, &edu_neigh_kind, &record, added ? RTM_NEWNEIGH : RTM_DELNEIGH,
		      RTNLGRP_NEIGH, GFP_ATOMIC);
}

/* ------------------------------------------------------------------------------------------------
 * Registration
 */

static const struct {
	int type;
	rtnl_doit_func doit;
	rtnl_dumpit_func dumpit;
} edu_nl_messages[] = {
	{ RTM_NEWADDR, edu_addr_change, NULL },
	{ RTM_DELADDR, edu_addr_change, NULL },
	{ RTM_GETADDR, NULL, edu_addr_dump },
	{ RTM_NEWROUTE, edu_route_change, NULL },
	{ RTM_DELROUTE, edu_route_change, NULL },
	{ RTM_GETROUTE, edu_route_get, edu_route_dump },
	{ RTM_NEWNEIGH, edu_neigh_change, NULL },
	{ RTM_DELNEIGH, edu_neigh_change, NULL },
	{ RTM_GETNEIGH, edu_neigh_get, edu_neigh_dump },
};

int edu_netlink_init(void)
{
	unsigned int i;
	int err;

	if (edu_family <= AF_UNSPEC || edu_family >= NPROTO)
		return -EINVAL; /* the kernel's tables end there */
	for (i = 0; i < ARRAY_SIZE(edu_nl_messages); i++) {
		err = rtnl_register_module(THIS_MODULE, edu_family, edu_nl_messages[i].type,
					   edu_nl_messages[i].doit, edu_nl_messages[i].dumpit, 0);
		if (err) {
			rtnl_unregister_all(edu_family);
			return err;
		}
	}
	return 0;
}

void edu_netlink_exit(void)
{
	rtnl_unregister_all(edu_family);
}
