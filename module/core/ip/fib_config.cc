// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes added and deleted: by the administrator, by an address, by a device that goes.
 *
 * TLK "The IP Routing Tables": ROUTE-3, ROUTE-4, ROUTE-5. RFC 1122 3.3.1.2. Errors are Linux's.
 * The routes of a device that is down stay and are dead: nothing is looked up in them, and they live
 * again when it is up (RFC 1812 5.3.12.3 and 5.3.12.4). With a device that leaves they go.
 *
 * Locking: the RTNL. Each change makes the route cache stale before it is announced.
 */
#include "ip/fib_table.hh"
#include "stack.hh"

namespace edu {

/* Numbers of linux/rtnetlink.h. */
namespace rt {
inline constexpr u8 scope_link = 253, scope_host = 254;
inline constexpr u8 scope_nowhere = 255;
inline constexpr u8 protocol_kernel = 2;
} // namespace rt

void fib_describe(const fib_node &node, edu_route_info &out)
{
	const fib_info &info = *node.info;

	out = {};
	out.destination = node.fib_dst.raw();
	out.gateway = info.fib_gateway.raw();
	out.source = info.fib_prefsrc.raw();
	out.ifindex = info.fib_dev ? info.fib_dev->ifindex : 0;
	out.metric = node.fib_metric;
	out.mtu = info.fib_mtu;
	out.window = info.fib_window;
	out.rtt = info.fib_irtt;
	out.prefix_len = node.fib_prefix;
	out.tos = node.fib_tos;
	out.type = static_cast<u8>(info.fib_type);
	out.scope = info.fib_scope;
	out.protocol = info.fib_protocol;
	out.dead = info.is_dead() ? EDU_ROUTE_DOWN : info.is_silent() ? EDU_ROUTE_SILENT : 0;
	out.used = read_once(node.fib_use);
	out.references = static_cast<u32>(info.refs.load());
}

static void notify(edu_stack &host, const edu_route_info &route, bool added)
{
	edu_k_notify_route(host.net, added, &route);
}

/* Unlinks, flushes, announces. RTNL. */
static void remove_node(edu_stack &host, fib_node &node)
{
	edu_route_info gone;

	fib_describe(node, gone);
	fib_unlink(host.fib, node);
	rt_cache_flush(host);
	notify(host, gone, false);
}

/*
 * What is asked for must make sense
 */

/* A gateway must be on a link of ours, reached without another gateway (ROUTE-3, RFC 1122 3.3.1.2).
 * The interface towards it. RCU. */
static result<edu_iface *> towards_gateway(edu_stack &host, be32 gateway, edu_iface *iface)
{
	if (find_address(host, gateway).kind != addr_kind::none)
		return errc::einval;
	if (!wire::ipv4::is_host(gateway))
		return errc::enetunreach;
	fib_result found = fib_lookup(host.fib, gateway, 0, iface ? iface->ifindex : 0);
	if (!found.node || found.info->fib_type != route_type::unicast ||
	    found.info->fib_gateway != be32{})
		return errc::enetunreach;
	return found.info->fib_dev.get();
}

/* The interface the route leaves by; null for those that lead nowhere. */
static result<ref<edu_iface>> choose_iface(edu_stack &host, const edu_route_info &route)
{
	rcu_guard guard;
	edu_iface *iface = nullptr;

	switch (static_cast<route_type>(route.type)) {
	case route_type::unicast:
		break;
	case route_type::blackhole:
	case route_type::unreachable:
	case route_type::prohibit:
		if (route.gateway || route.ifindex)
			return errc::einval;
		return ref<edu_iface>{};
	default:
		return errc::einval;
	}
	if (route.ifindex) {
		iface = find_iface(host, route.ifindex);
		if (!iface)
			return errc::enodev;
		if (!iface->is_up())
			return errc::enetdown;
	}
	if (route.gateway) {
		if (route.scope > rt::scope_link)
			return errc::einval;
		if (route.scope == rt::scope_link)
			return errc::enetunreach; /* a link does not lead to a gateway's link */
		iface = TRY(towards_gateway(host, be32::from_raw(route.gateway), iface));
	}
	if (!iface)
		return errc::enodev;
	return ref<edu_iface>::share(iface);
}

/* Can there be such a route? */
static bool makes_sense(const edu_route_info &route)
{
	be32 dst = be32::from_raw(route.destination);

	return route.prefix_len <= 32 &&
	       (dst & ~wire::ipv4::prefix_mask(route.prefix_len)) == be32{} &&
	       !(route.tos & wire::ipv4::ecn_mask);
}

static result<void> check(edu_stack &host, const edu_route_info &route)
{
	rcu_guard guard;

	if (!makes_sense(route))
		return errc::einval;
	if (route.source &&
	    find_address(host, be32::from_raw(route.source)).kind != addr_kind::local)
		return errc::einval;
	return {};
}

static result<owner<fib_node>> make_node(edu_stack &host, const edu_route_info &route,
					 ref<edu_iface> iface)
{
	owner<fib_info> info = make<fib_info>(gfp::kernel);
	owner<fib_node> node = make<fib_node>(gfp::kernel);

	if (!info || !node)
		return errc::enomem;
	info->fib_gateway = be32::from_raw(route.gateway);
	info->fib_dev = std::move(iface);
	info->fib_prefsrc = be32::from_raw(route.source);
	info->fib_mtu = route.mtu;
	info->fib_window = route.window;
	info->fib_irtt = route.rtt;
	info->fib_protocol = route.protocol;
	info->fib_scope = route.scope;
	info->fib_type = static_cast<route_type>(route.type);
	node->fib_dst = be32::from_raw(route.destination);
	node->fib_metric = route.metric;
	node->fib_tos = route.tos;
	node->fib_prefix = route.prefix_len;
	node->info = fib_share_info(host.fib, std::move(info));
	return node;
}

/*
 * Adding
 */

static result<void> route_add(edu_stack &host, const edu_route_info &route, unsigned int how)
{
	TRY(check(host, route));
	owner<fib_node> fresh = TRY(make_node(host, route, TRY(choose_iface(host, route))));
	auto same_key = [&](const fib_node &node) {
		return node.fib_tos == route.tos && node.fib_metric == route.metric;
	};
	fib_node *there = fib_find(host.fib, fresh->fib_dst, route.prefix_len, same_key);

	if (there && how & EDU_CONFIG_EXCL)
		return errc::eexist;
	if (!there && !(how & EDU_CONFIG_CREATE))
		return errc::enoent;
	if (there && !(how & EDU_CONFIG_REPLACE) &&
	    fib_find(host.fib, fresh->fib_dst, route.prefix_len, [&](const fib_node &node) {
		    return same_key(node) && node.info.get() == fresh->info.get();
	    }))
		return errc::eexist;
	TRY(fib_link(host.fib, *fresh,
		     how & EDU_CONFIG_APPEND ? fib_place::last : fib_place::first));
	write_once(fresh->info->fib_silent_until, 0); /* the administrator knows better */

	edu_route_info added;
	fib_describe(*fresh, added);
	(void)fresh.release();
	if (there && how & EDU_CONFIG_REPLACE)
		fib_unlink(host.fib, *there);
	rt_cache_flush(host);
	notify(host, added, true);
	return {};
}

/*
 * Deleting: what is not said matches anything
 */

static bool matches(const fib_node &node, const edu_route_info &route)
{
	const fib_info &info = *node.info;
	bool any_scope = !route.scope || route.scope == rt::scope_nowhere;

	return node.fib_tos == route.tos && (!route.metric || node.fib_metric == route.metric) &&
	       (!route.type || info.fib_type == static_cast<route_type>(route.type)) &&
	       (any_scope || info.fib_scope == route.scope) &&
	       (!route.gateway || info.fib_gateway.raw() == route.gateway) &&
	       (!route.source || info.fib_prefsrc.raw() == route.source) &&
	       (!route.protocol || info.fib_protocol == route.protocol) &&
	       (!route.ifindex || (info.fib_dev && info.fib_dev->ifindex == route.ifindex));
}

static result<void> route_del(edu_stack &host, const edu_route_info &route)
{
	if (!makes_sense(route))
		return errc::einval;
	fib_node *best = fib_find(host.fib, be32::from_raw(route.destination), route.prefix_len,
				  [&](fib_node &node) { return matches(node, route); });
	if (!best)
		return errc::esrch;
	remove_node(host, *best);
	return {};
}

/*
 * Every route whose info condemns(info) says yes to; found by their infos, however many others there
 * are. A million are not announced one by one: after some, listeners learn that they missed the rest.
 * Now and then it waits for RCU, so that memory comes back and others get the processor. RTNL.
 */
template <typename predicate>
static void remove_all(edu_stack &host, predicate condemns)
{
	constexpr u32 most_notices = 256, breath = 16384;
	edu_cursor at{};
	u32 removed = 0;

	while (ref<fib_info> info = fib_next_info(host.fib, at)) {
		if (!condemns(*info))
			continue;
		while (fib_node *node = info->nodes.front()) {
			if (removed++ < most_notices)
				remove_node(host, *node);
			else
				fib_unlink(host.fib, *node);
			if (removed % breath == 0)
				edu_k_synchronize_rcu();
		}
	}
	rt_cache_flush(host);
	if (removed > most_notices)
		edu_k_notify_routes_missed(host.net);
}

/*
 * Routes that come and go with addresses and devices
 */

static bool connected_route(const edu_iface &iface, const ifaddr &addr, edu_route_info &route)
{
	be32 network = addr.peer & wire::ipv4::prefix_mask(addr.prefix_len);

	if (iface.is_loopback() || wire::ipv4::is_zeronet(network))
		return false;
	if (addr.prefix_len == 32 && addr.peer == addr.local)
		return false;
	route = {};
	route.destination = network.raw();
	route.prefix_len = addr.prefix_len;
	route.source = addr.local.raw();
	route.ifindex = iface.ifindex;
	route.type = static_cast<u8>(route_type::unicast);
	route.scope = rt::scope_link;
	route.protocol = rt::protocol_kernel;
	return true;
}

result<void> fib_addr_added(edu_iface &iface, const ifaddr &addr)
{
	edu_stack &host = *iface.host;
	edu_route_info route;

	rt_cache_flush(host); /* sources may change, and what is local */
	if (addr.secondary || !connected_route(iface, addr, route))
		return {};
	owner<fib_node> node = TRY(make_node(host, route, ref<edu_iface>::share(&iface)));
	TRY(fib_link(host.fib, *node));
	(void)node.release();
	rt_cache_flush(host);
	notify(host, route, true);
	return {};
}

void fib_addr_removed(edu_iface &iface, const ifaddr &addr)
{
	edu_stack &host = *iface.host;
	bool last = true; /* another interface may have the same address */
	{
		rcu_guard guard;
		last = find_address(host, addr.local).kind != addr_kind::local;
	}
	edu_route_info route;
	if (!addr.secondary && connected_route(iface, addr, route))
		(void)route_del(host, route);
	if (last)
		remove_all(host,
			   [&](const fib_info &info) { return info.fib_prefsrc == addr.local; });
	else
		rt_cache_flush(host);
}

void fib_iface_gone(edu_iface &iface)
{
	remove_all(*iface.host, [&](const fib_info &info) { return info.fib_dev.get() == &iface; });
}

} // namespace edu

using namespace edu;

int edu_core_config_route_add(edu_stack *stack, const edu_route_info *route, unsigned int how)
{
	edu_k_assert_rtnl();
	return to_errno(route_add(*stack, *route, how));
}

int edu_core_config_route_del(edu_stack *stack, const edu_route_info *route)
{
	edu_k_assert_rtnl();
	return to_errno(route_del(*stack, *route));
}

int edu_core_local_route_next(edu_stack *stack, edu_cursor *at, edu_route_info *out)
{
	rcu_guard guard;
	const addr_entry *entry = stack->interfaces.by_addr.next(*at);

	if (!entry)
		return 0;
	bool local = entry->kind == addr_kind::local;

	*out = {};
	out->destination = entry->addr.raw();
	out->prefix_len = static_cast<u8>(entry->prefix_len);
	out->ifindex = entry->iface->ifindex;
	out->source = iface_source(*entry->iface, entry->addr).raw();
	out->type = static_cast<u8>(local ? route_type::local : route_type::broadcast);
	out->scope = local ? rt::scope_host : rt::scope_link;
	out->protocol = rt::protocol_kernel;
	out->dead = !entry->iface->is_up();
	return 1;
}

int edu_core_route_next(edu_stack *stack, edu_cursor *at, edu_route_info *out)
{
	rcu_guard guard;
	fib_node *node = fib_next(stack->fib, *at);

	if (!node)
		return 0;
	fib_describe(*node, *out);
	return 1;
}
