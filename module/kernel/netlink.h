/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What netlink.c and netlink_route.c share: records as messages.
 *
 * TLK "IP Routing"; requirements ROUTE-4, ROUTE-5. Locking: see netlink.c.
 */
#ifndef _EDU_NETLINK_H
#define _EDU_NETLINK_H

#include <net/netlink.h>

#include "edu_kernel.h"

/* What a failed change tells its caller besides the errno. */
struct edu_hint {
	int err;
	const char *text;
};

union edu_nl_record {
	struct edu_addr_info addr;
	struct edu_route_info route;
	struct edu_rtcache_info rtcache;
	struct edu_neigh_info neigh;
};

/* Whom a message goes to, and as what. */
struct edu_nl_to {
	u32 portid;
	u32 seq;
	int type; /* RTM_NEW… or RTM_DEL… */
	unsigned int flags;
};

/* A kind of record: where the records come from, and how one becomes a message. */
struct edu_nl_kind {
	int (*next)(struct edu_stack *stack, struct edu_cursor *at, union edu_nl_record *record);
	int (*fill)(struct sk_buff *skb, const union edu_nl_record *record,
		    const struct edu_nl_to *to); /* 0 or -EMSGSIZE */
	int (*ifindex)(const union edu_nl_record *record);
};

static inline edu_be32 edu_nl_be32(const struct nlattr *attr)
{
	return attr ? (__force edu_be32)nla_get_in_addr(attr) : 0;
}

static inline int edu_nl_put_be32(struct sk_buff *skb, int type, edu_be32 address)
{
	return nla_put_in_addr(skb, type, (__force __be32)address);
}

/* Puts the hint for err, if there is one and nobody said more, into extack. Returns err. */
int edu_nl_fail(int err, const struct edu_hint *hint, struct netlink_ext_ack *extack);
/* NLM_F_* of a request as the core wants them. */
unsigned int edu_nl_how(const struct nlmsghdr *nlh);
/* Checks and sorts the attributes behind a header of `header` octets. 0, -EINVAL, -ERANGE. */
int edu_nl_parse(const struct nlmsghdr *nlh, unsigned int header, struct nlattr **tb, int max,
		 const struct nla_policy *policy, struct netlink_ext_ack *extack);
/* As many records as fit into skb. ifindex: only those of that device, 0: all. */
int edu_nl_dump(struct sk_buff *skb, struct netlink_callback *cb, const struct edu_nl_kind *kind,
		int type, int ifindex);
/* Tells the listeners of `group`. Any context that gfp allows. */
void edu_nl_notify(struct edu_net *en, const struct edu_nl_kind *kind,
		   const union edu_nl_record *record, int type, u32 group, gfp_t gfp);
/* Answers a GET with one record. */
int edu_nl_reply(struct sk_buff *request, const struct nlmsghdr *nlh,
		 const struct edu_nl_kind *kind, const union edu_nl_record *record, int type);

/* netlink_route.c */
int edu_route_change(struct sk_buff *skb, struct nlmsghdr *nlh, struct netlink_ext_ack *extack);
int edu_route_get(struct sk_buff *skb, struct nlmsghdr *nlh, struct netlink_ext_ack *extack);
int edu_route_dump(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* _EDU_NETLINK_H */
