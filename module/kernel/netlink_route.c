// SPDX-License-Identifier: GPL-2.0-only
/*
 * rtnetlink for family AF_EDUINET: routes and the route cache, RTM_{NEW,DEL,GET}ROUTE.
 *
 * TLK "IP Routing"; requirements ROUTE-3 to ROUTE-5, ROUTE-7. A GET without the dump flag is a
 * look-up, a dump shows the FIB. With RTM_F_CLONED a dump shows the route cache, and a DEL empties
 * it. One table of routes exists, main; a dump that asks for the table local shows what follows from
 * the addresses. Not implemented: multipath, rules, further tables.
 *
 * Locking: as in netlink.c.
 */
#include <linux/rtnetlink.h>
#include <net/netlink.h>

#include "edu_kernel.h"
#include "netlink.h"

static const struct nla_policy edu_route_policy[RTA_MAX + 1] = {
	[RTA_DST] = { .type = NLA_U32 },	[RTA_SRC] = { .type = NLA_U32 },
	[RTA_OIF] = { .type = NLA_U32 },	[RTA_GATEWAY] = { .type = NLA_U32 },
	[RTA_PRIORITY] = { .type = NLA_U32 },	[RTA_PREFSRC] = { .type = NLA_U32 },
	[RTA_METRICS] = { .type = NLA_NESTED }, [RTA_TABLE] = { .type = NLA_U32 },
	[RTA_IIF] = { .type = NLA_U32 },
};

static const struct edu_hint edu_route_hints[] = {
	{ -EEXIST, "such a route exists; use replace, or give another metric" },
	{ -ESRCH, "no such route" },
	{ -ENETUNREACH, "the gateway is not on a link of this host: add a route to it first" },
	{ -ENODEV, "name a device with an EDUINET address, or a gateway on its network" },
	{ -ENETDOWN, "the device is down: set it up first" },
	{ -EINVAL,
	  "the destination has bits beyond its prefix, or gateway and type do not go together" },
	{}
};

static int edu_route_parse_metrics(const struct nlattr *metrics, struct edu_route_info *route,
				   struct netlink_ext_ack *extack)
{
	const struct nlattr *metric;
	int left;

	nla_for_each_nested(metric, metrics, left) {
		if (nla_len(metric) != sizeof(u32)) {
			NL_SET_ERR_MSG_ATTR(extack, metric, "a metric has four octets");
			return -EINVAL;
		}
		switch (nla_type(metric)) {
		case RTAX_MTU:
			route->mtu = nla_get_u32(metric);
			break;
		case RTAX_WINDOW:
			route->window = nla_get_u32(metric);
			break;
		case RTAX_RTT: /* on the wire in eighths of a millisecond */
			route->rtt = nla_get_u32(metric) / 8;
			break;
		case RTAX_LOCK: /* a lock keeps path MTU discovery from changing the value */
			break;
		default:
			NL_SET_ERR_MSG_ATTR(extack, metric, "only mtu, window and rtt are known");
			return -EOPNOTSUPP;
		}
	}
	return 0;
}

static int edu_route_check(const struct rtmsg *message, struct nlattr **tb,
			   struct netlink_ext_ack *extack)
{
	u32 table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : message->rtm_table;

	if (message->rtm_dst_len > 32) {
		NL_SET_ERR_MSG(extack, "a prefix has at most 32 bits");
		return -EINVAL;
	}
	if (table != RT_TABLE_UNSPEC && table != RT_TABLE_MAIN) {
		NL_SET_ERR_MSG(extack, "there is one table of routes, main");
		return -EOPNOTSUPP;
	}
	return 0;
}

static int edu_route_parse(const struct nlmsghdr *nlh, struct edu_route_info *route,
			   struct netlink_ext_ack *extack)
{
	const struct rtmsg *message = nlmsg_data(nlh);
	struct nlattr *tb[RTA_MAX + 1];
	int err;

	err = edu_nl_parse(nlh, sizeof(*message), tb, RTA_MAX, edu_route_policy, extack);
	if (err)
		return err;
	err = edu_route_check(message, tb, extack);
	if (err)
		return err;

	memset(route, 0, sizeof(*route));
	route->destination = edu_nl_be32(tb[RTA_DST]);
	route->gateway = edu_nl_be32(tb[RTA_GATEWAY]);
	/* A look-up says RTA_SRC, a route RTA_PREFSRC: the address packets leave with. */
	route->source =
		edu_nl_be32(nlh->nlmsg_type == RTM_GETROUTE ? tb[RTA_SRC] : tb[RTA_PREFSRC]);
	route->ifindex = tb[RTA_OIF] ? nla_get_u32(tb[RTA_OIF]) : 0;
	route->iif = tb[RTA_IIF] ? nla_get_u32(tb[RTA_IIF]) : 0;
	route->metric = tb[RTA_PRIORITY] ? nla_get_u32(tb[RTA_PRIORITY]) : 0;
	route->prefix_len = message->rtm_dst_len;
	route->tos = message->rtm_tos;
	route->type = message->rtm_type;
	if (!route->type && nlh->nlmsg_type == RTM_NEWROUTE)
		route->type = RTN_UNICAST;
	route->scope = message->rtm_scope;
	route->protocol = message->rtm_protocol;
	if (tb[RTA_METRICS])
		err = edu_route_parse_metrics(tb[RTA_METRICS], route, extack);
	return err;
}

/* A deletion that names no type (RTN_UNSPEC) is of a route of any. */
static bool edu_route_type_ok(u8 type, bool is_deletion)
{
	return (!type && is_deletion) || type == RTN_UNICAST || type == RTN_UNREACHABLE ||
	       type == RTN_BLACKHOLE || type == RTN_PROHIBIT;
}

int edu_route_change(struct sk_buff *skb, struct nlmsghdr *nlh, struct netlink_ext_ack *extack)
{
	struct edu_stack *stack = edu_net(sock_net(skb->sk))->stack;
	const struct rtmsg *message = nlmsg_data(nlh);
	struct edu_route_info route;
	int err;

	err = edu_route_parse(nlh, &route, extack);
	if (err)
		return err;
	if (nlh->nlmsg_type == RTM_DELROUTE && (message->rtm_flags & RTM_F_CLONED)) {
		edu_core_config_flush_rtcache(stack);
		return 0;
	}
	if (!edu_route_type_ok(route.type, nlh->nlmsg_type == RTM_DELROUTE)) {
		NL_SET_ERR_MSG(extack, "a route is unicast, unreachable, blackhole or prohibit");
		return -EINVAL;
	}
	if (nlh->nlmsg_type == RTM_NEWROUTE)
		err = edu_core_config_route_add(stack, &route, edu_nl_how(nlh));
	else
		err = edu_core_config_route_del(stack, &route);
	return edu_nl_fail(err, edu_route_hints, extack);
}

static int edu_route_record_next(struct edu_stack *stack, struct edu_cursor *at,
				 union edu_nl_record *record)
{
	return edu_core_route_next(stack, at, &record->route);
}

static int edu_route_record_ifindex(const union edu_nl_record *record)
{
	return record->route.ifindex;
}

static int edu_route_put_metrics(struct sk_buff *skb, u32 mtu, u32 window, u32 rtt)
{
	struct nlattr *metrics;

	if (!mtu && !window && !rtt)
		return 0;
	metrics = nla_nest_start(skb, RTA_METRICS);
	if (!metrics || (mtu && nla_put_u32(skb, RTAX_MTU, mtu)) ||
	    (window && nla_put_u32(skb, RTAX_WINDOW, window)) ||
	    (rtt && nla_put_u32(skb, RTAX_RTT, rtt * 8)))
		return -EMSGSIZE;
	nla_nest_end(skb, metrics);
	return 0;
}

/* rtm_flags: beside those that the record itself says. */
static int edu_route_fill(struct sk_buff *skb, const union edu_nl_record *record,
			  const struct edu_nl_to *to, unsigned int rtm_flags)
{
	const struct edu_route_info *route = &record->route;
	bool local = route->type == RTN_LOCAL || route->type == RTN_BROADCAST;
	const struct rta_cacheinfo cache = {
		.rta_clntref = route->references,
		.rta_used = min_t(u64, route->used, U32_MAX),
	};
	struct rtmsg *message;
	struct nlmsghdr *nlh;

	nlh = nlmsg_put(skb, to->portid, to->seq, to->type, sizeof(*message), to->flags);
	if (!nlh)
		return -EMSGSIZE;
	message = nlmsg_data(nlh);
	memset(message, 0, sizeof(*message));
	message->rtm_family = edu_family;
	message->rtm_dst_len = route->prefix_len;
	message->rtm_tos = route->tos;
	message->rtm_table = local ? RT_TABLE_LOCAL : RT_TABLE_MAIN;
	message->rtm_protocol = route->protocol;
	message->rtm_scope = route->scope;
	message->rtm_type = route->type;
	message->rtm_flags = rtm_flags | (route->dead ? RTNH_F_DEAD : 0) |
			     (route->dead == EDU_ROUTE_DOWN ? RTNH_F_LINKDOWN : 0);
	if (nla_put_u32(skb, RTA_TABLE, message->rtm_table) ||
	    (route->prefix_len && edu_nl_put_be32(skb, RTA_DST, route->destination)) ||
	    (route->gateway && edu_nl_put_be32(skb, RTA_GATEWAY, route->gateway)) ||
	    (route->source && edu_nl_put_be32(skb, RTA_PREFSRC, route->source)) ||
	    (route->ifindex && nla_put_u32(skb, RTA_OIF, route->ifindex)) ||
	    (route->iif && nla_put_u32(skb, RTA_IIF, route->iif)) ||
	    (route->metric && nla_put_u32(skb, RTA_PRIORITY, route->metric)) ||
	    edu_route_put_metrics(skb, route->mtu, route->window, route->rtt) ||
	    nla_put(skb, RTA_CACHEINFO, sizeof(cache), &cache)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

static int edu_route_record_fill(struct sk_buff *skb, const union edu_nl_record *record,
				 const struct edu_nl_to *to)
{
	return edu_route_fill(skb, record, to, 0);
}

static const struct edu_nl_kind edu_route_kind = {
	.next = edu_route_record_next,
	.fill = edu_route_record_fill,
	.ifindex = edu_route_record_ifindex,
};

static int edu_local_route_record_next(struct edu_stack *stack, struct edu_cursor *at,
				       union edu_nl_record *record)
{
	return edu_core_local_route_next(stack, at, &record->route);
}

static const struct edu_nl_kind edu_local_route_kind = {
	.next = edu_local_route_record_next,
	.fill = edu_route_record_fill,
	.ifindex = edu_route_record_ifindex,
};

/* A look-up's answer is an entry of the cache. */
static int edu_route_answer_fill(struct sk_buff *skb, const union edu_nl_record *record,
				 const struct edu_nl_to *to)
{
	return edu_route_fill(skb, record, to, RTM_F_CLONED);
}

static const struct edu_nl_kind edu_route_answer_kind = {
	.fill = edu_route_answer_fill,
};

static int edu_rtcache_record_next(struct edu_stack *stack, struct edu_cursor *at,
				   union edu_nl_record *record)
{
	return edu_core_rtcache_next(stack, at, &record->rtcache);
}

static int edu_rtcache_record_ifindex(const union edu_nl_record *record)
{
	return record->rtcache.ifindex;
}

static int edu_rtcache_record_fill(struct sk_buff *skb, const union edu_nl_record *record,
				   const struct edu_nl_to *to)
{
	const struct edu_rtcache_info *rt = &record->rtcache;
	const struct rta_cacheinfo cache = {
		.rta_clntref = rt->references,
		.rta_used = min_t(u64, rt->used, U32_MAX),
		.rta_lastuse = msecs_to_jiffies(rt->age_ms),
	};
	struct rtmsg *message;
	struct nlmsghdr *nlh;

	nlh = nlmsg_put(skb, to->portid, to->seq, to->type, sizeof(*message), to->flags);
	if (!nlh)
		return -EMSGSIZE;
	message = nlmsg_data(nlh);
	memset(message, 0, sizeof(*message));
	message->rtm_family = edu_family;
	message->rtm_dst_len = 32;
	message->rtm_tos = rt->tos;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_type = rt->type;
	message->rtm_flags = RTM_F_CLONED;
	if (nla_put_u32(skb, RTA_TABLE, message->rtm_table) ||
	    edu_nl_put_be32(skb, RTA_DST, rt->destination) ||
	    (rt->gateway != rt->destination && edu_nl_put_be32(skb, RTA_GATEWAY, rt->gateway)) ||
	    (rt->source && edu_nl_put_be32(skb, RTA_PREFSRC, rt->source)) ||
	    (rt->ifindex && nla_put_u32(skb, RTA_OIF, rt->ifindex)) ||
	    (rt->iif && nla_put_u32(skb, RTA_IIF, rt->iif)) ||
	    edu_route_put_metrics(skb, rt->mtu, 0, 0) ||
	    nla_put(skb, RTA_CACHEINFO, sizeof(cache), &cache)) {
		nlmsg_cancel(skb, nlh);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, nlh);
	return 0;
}

static const struct edu_nl_kind edu_rtcache_kind = {
	.next = edu_rtcache_record_next,
	.fill = edu_rtcache_record_fill,
	.ifindex = edu_rtcache_record_ifindex,
};

int edu_route_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct rtmsg *message = nlmsg_data(cb->nlh);
	const struct edu_nl_kind *kind = &edu_route_kind;

	if (nlmsg_len(cb->nlh) >= sizeof(*message)) {
		if (message->rtm_flags & RTM_F_CLONED)
			kind = &edu_rtcache_kind;
		else if (message->rtm_table == RT_TABLE_LOCAL)
			kind = &edu_local_route_kind;
	}
	return edu_nl_dump(skb, cb, kind, RTM_NEWROUTE, 0);
}

/* The route a packet would take. Without the "dump" flag a GET is a look-up, as for AF_INET; with
 * RTM_F_FIB_MATCH it is one in the FIB alone. */
int edu_route_get(struct sk_buff *skb, struct nlmsghdr *nlh, struct netlink_ext_ack *extack)
{
	struct edu_stack *stack = edu_net(sock_net(skb->sk))->stack;
	const struct rtmsg *message = nlmsg_data(nlh);
	union edu_nl_record record;
	int err;

	err = edu_route_parse(nlh, &record.route, extack);
	if (err)
		return err;
	if (message->rtm_flags & RTM_F_FIB_MATCH) {
		err = edu_core_config_route_match(stack, &record.route);
		return err ?: edu_nl_reply(skb, nlh, &edu_route_kind, &record, RTM_NEWROUTE);
	}
	err = edu_core_config_route_get(stack, &record.route);
	if (err)
		return err;
	record.route.prefix_len = 32;
	return edu_nl_reply(skb, nlh, &edu_route_answer_kind, &record, RTM_NEWROUTE);
}

void edu_k_notify_route(struct edu_net *en, int added, const struct edu_route_info *route)
{
	const union edu_nl_record record = { .route = *route };

	edu_nl_notify(en, &edu_route_kind, &record, added ? RTM_NEWROUTE : RTM_DELROUTE,
		      RTNLGRP_IPV4_ROUTE, GFP_KERNEL);
}

/* As an overrun of their own buffers would be: what they know is no longer complete. */
void edu_k_notify_routes_missed(struct edu_net *en)
{
	rtnl_set_sk_err(en->net, RTNLGRP_IPV4_ROUTE, -ENOBUFS);
}
