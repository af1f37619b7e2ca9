// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which way? The cache, then the kinds of address, then the FIB.
 *
 * TLK "IP Routing": OVER-4, ROUTE-8, IP-1. RFC 1122 3.3.1 (routing outbound), 3.3.4.3 (choosing a
 * source address), 3.2.1.3 (g) (127/8 stays in the host). Errors are Linux's.
 *
 * Locking: everything is under RCU from the question to the new route's entry in the cache; the
 * generation is read first, so a route made from a FIB that changes meanwhile is stale at birth.
 */
#include "ip/fib_table.hh"
#include "stack.hh"

namespace edu {

/* The TOS bits that routes may depend on (RFC 1349). */
static constexpr u8 tos_mask = 0x1c;

route_type inet_addr_type(const edu_stack &host, be32 addr, int ifindex)
{
	if (wire::ipv4::is_limited_broadcast(addr) || wire::ipv4::is_zeronet(addr))
		return route_type::broadcast;
	if (wire::ipv4::is_multicast(addr))
		return route_type::multicast;
	rcu_guard guard;
	switch (find_address(host, addr, ifindex).kind) {
	case addr_kind::local:
		return route_type::local;
	case addr_kind::broadcast:
		return route_type::broadcast;
	default:
		return route_type::unicast;
	}
}

static void trace_route(edu_stack &host, const char *from, const char *why, const flow &wanted,
			const rtable *route)
{
	if (edu_k_trace_on) [[unlikely]]
		edu_k_trace_route(host.net, from, why, wanted.dst.raw(),
				  route ? route->rt_gateway.raw() : 0,
				  route ? route->rt_dev->ifindex : 0);
}

/* Why the cache had no answer; found out only while somebody listens. RCU. */
static const char *miss_reason(edu_stack &host, const flow &asked)
{
	if (!edu_k_trace_on) [[likely]]
		return "";
	return rt_cache_miss_reason(host, asked.dst, asked.oif, asked.iif, asked.tos);
}

/* What a decision comes to, before it is an rtable. */
struct decision {
	route_type type = route_type::unicast;
	edu_iface *iface = nullptr;
	be32 src;     /* zero: choose */
	be32 gateway; /* zero: on the link */
	fib_info *info = nullptr;
	const char *from = "none"; /* for the trace */
	u64 until = 0;		   /* see rtable::rt_until */
};

/* A destination of ours: by the loopback interface, from itself to itself; within 127/8 from the
 * loopback interface's own address. */
static result<decision> decide_local(edu_stack &host, be32 dst, const edu_iface &whose)
{
	edu_iface *loopback = host.interfaces.loopback.load();

	if (!loopback || !loopback->is_up())
		return errc::enetunreach;
	be32 src = whose.is_loopback() ? iface_source(whose, dst) : dst;
	return decision{route_type::local, loopback, src, {}, nullptr, "local"};
}

static errc refusal(route_type type)
{
	switch (type) {
	case route_type::blackhole:
		return errc::einval;
	case route_type::prohibit:
		return errc::eacces;
	default:
		return errc::ehostunreach;
	}
}

/* To everybody or to a group: the interface named, else the one a route says (as Linux). Groups of
 * the link and the limited broadcast stay on it, whatever gateway that route has. */
static result<decision> decide_by_fib(edu_stack &host, const flow &wanted, route_type type)
{
	edu_iface *iface = wanted.oif ? find_iface(host, wanted.oif) : nullptr;

	if (iface && !iface->is_up())
		return errc::enetdown;
	if (iface && type != route_type::unicast)
		return decision{type, iface, {}, {}, nullptr, "local"};

	fib_result found = fib_lookup(host.fib, wanted.dst, wanted.tos, wanted.oif);
	host.count(found.node ? EDU_Rt_FibHits : EDU_Rt_FibMisses);
	if (!found.node) {
		/* The program insists on the interface: the destination may be on its link. */
		if (iface && !iface->is_loopback())
			return decision{type, iface, {}, {}, nullptr, "fib"};
		return errc::enetunreach;
	}
	if (found.info->fib_type != route_type::unicast)
		return refusal(found.info->fib_type);
	if (type != route_type::unicast)
		return decision{type, found.info->fib_dev.get(), {}, {}, nullptr, "fib"};
	return decision{type,
			found.info->fib_dev.get(),
			found.info->fib_prefsrc,
			found.info->fib_gateway,
			found.info,
			"fib",
			found.until};
}

static result<decision> decide(edu_stack &host, const flow &wanted)
{
	if (wanted.oif && !find_iface(host, wanted.oif))
		return errc::enodev;
	if (wire::ipv4::is_limited_broadcast(wanted.dst))
		return decide_by_fib(host, wanted, route_type::broadcast);
	if (wire::ipv4::is_multicast(wanted.dst))
		return decide_by_fib(host, wanted, route_type::multicast);
	addr_match own = find_address(host, wanted.dst);
	if (own.kind == addr_kind::local)
		return decide_local(host, wanted.dst, *own.iface);
	if (wanted.oif)
		own = find_address(host, wanted.dst, wanted.oif);
	if (own.kind != addr_kind::broadcast)
		return decide_by_fib(host, wanted, route_type::unicast);
	if (!own.iface->is_up())
		return errc::enetunreach;
	return decision{route_type::broadcast, own.iface, {}, {}, nullptr, "local"};
}

bool ip_leaves_elsewhere(const edu_iface &iface, be32 target)
{
	fib_result found = fib_lookup(iface.host->fib, target, 0, 0);

	if (!found.node || found.info->fib_type != route_type::unicast)
		return false;
	const edu_iface *out = found.info->fib_dev.get();
	return out && out != &iface && out->is_up();
}

/* The first address the host can speak from at all, when the interface has none. */
static be32 any_source(const edu_stack &host, be32 to)
{
	for (const edu_iface &iface : host.interfaces.dev_base) {
		be32 src = iface.is_loopback() ? be32{} : iface_source(iface, to);

		if (src != be32{})
			return src;
	}
	return {};
}

static u32 route_mtu(const decision &way)
{
	u32 device = read_once(way.iface->mtu);
	u32 wanted = way.info ? way.info->fib_mtu : 0;

	return wanted && wanted < device ? wanted : device;
}

static result<ref<rtable>> make_route(edu_stack &host, const flow &wanted, const decision &way,
				      u32 genid)
{
	ref<rtable> route = ref<rtable>::adopt(new (gfp::atomic) rtable);

	if (!route)
		return errc::enobufs;
	route->rt_dst = wanted.dst;
	route->key_oif = wanted.oif;
	route->key_iif = wanted.iif;
	route->rt_tos = wanted.tos;
	route->rt_type = way.type;
	route->rt_has_gateway = way.gateway != be32{};
	route->rt_gateway = route->rt_has_gateway ? way.gateway : wanted.dst;
	route->rt_src = way.src;
	if (route->rt_src == be32{})
		route->rt_src = iface_source(*way.iface, route->rt_gateway);
	if (route->rt_src == be32{})
		route->rt_src = any_source(host, route->rt_gateway);
	route->rt_mtu = route_mtu(way);
	route->rt_dev = ref<edu_iface>::share(way.iface);
	route->genid = genid;
	route->rt_until = way.until;
	if (way.info) {
		route->rt_window = way.info->fib_window;
		route->rt_irtt = way.info->fib_irtt;
		route->rt_fib = ref<fib_info>::try_share(way.info);
	}
	if (way.type == route_type::unicast && way.iface->uses_arp())
		route->rt_neigh = TRY(arp_bind(host, *way.iface, route->rt_gateway));
	return route;
}

/* The question with its blanks filled in. */
static result<flow> complete(edu_stack &host, const flow &wanted)
{
	flow asked = wanted;

	asked.tos &= tos_mask;
	if (asked.dst == be32{})
		asked.dst = asked.src != be32{} ? asked.src : wire::ipv4::loopback_addr;
	if (asked.src == be32{})
		return asked;
	if (wire::ipv4::is_multicast(asked.src) || wire::ipv4::is_limited_broadcast(asked.src))
		return errc::einval;
	/* The cache does not know of sources, so what depends on one becomes an interface. */
	bool by_source = !asked.oif && (wire::ipv4::is_multicast(asked.dst) ||
					wire::ipv4::is_limited_broadcast(asked.dst));
	if (asked.source_is_ours && !by_source)
		return asked;
	addr_match own = find_address(host, asked.src);
	if (own.kind != addr_kind::local)
		return errc::enetunreach;
	if (by_source)
		asked.oif = own.iface->ifindex;
	return asked;
}

result<ref<rtable>> ip_route_output(edu_stack &host, const flow &wanted)
{
	rcu_guard guard;
	flow asked = TRY(complete(host, wanted));

	if (ref<rtable> cached = rt_cache_find(host, asked.dst, asked.oif, asked.tos)) {
		host.count(EDU_Rt_CacheHits);
		trace_route(host, "cache", "", asked, cached.get());
		return cached;
	}
	host.count(EDU_Rt_CacheMisses);
	const char *why = miss_reason(host, asked);
	u32 genid = host.rt_cache.genid.load_acquire();
	result<decision> way = decide(host, asked);
	if (!way.ok()) {
		trace_route(host, "none", why, asked, nullptr);
		return way.error();
	}
	ref<rtable> fresh = TRY(make_route(host, asked, way.value(), genid));
	trace_route(host, way.value().from, why, asked, fresh.get());
	return rt_cache_add(host, std::move(fresh));
}

/*
 * Packets from elsewhere
 */

/* Under which name a router drops what the FIB does not let through. */
static edu_counter refusal_counter(errc why)
{
	switch (why) {
	case errc::enetunreach:
		return EDU_Ip_DropNoRoute;
	case errc::ehostunreach:
		return EDU_Ip_DropUnreachable;
	case errc::eacces:
		return EDU_Ip_DropProhibited;
	case errc::einval:
		return EDU_Ip_DropBlackhole;
	default:
		return EDU_Ip_DropNoMemory;
	}
}

/* To all of a subnet of ours, but not of the one it came from (RFC 1812 5.3.5.2, RFC 2644). */
static edu_counter decide_directed(const edu_iface &iface, edu_iface &out, decision &way)
{
	if (!iface_tune(iface, EDU_IFACE_forwarding))
		return EDU_Ip_DropNotForUs;
	if (!iface_tune(iface, EDU_IFACE_bc_forwarding) || !out.is_up())
		return EDU_Ip_DropDirectedBroadcast;
	way = {route_type::broadcast, &out, {}, {}, nullptr, "local"};
	return EDU_COUNTER_COUNT;
}

/* EDU_COUNTER_COUNT: @way says where. */
static edu_counter decide_input(edu_stack &host, edu_iface &iface, const flow &asked, decision &way)
{
	addr_match own = find_address(host, asked.dst);

	if (own.kind == addr_kind::broadcast && !iface.is_loopback() && own.iface != &iface) {
		addr_match here = find_address(host, asked.dst, iface.ifindex);

		if (here.kind == addr_kind::none)
			return decide_directed(iface, *own.iface, way);
		own = here;
	}
	if (own.kind != addr_kind::none) {
		way = {own.kind == addr_kind::local ? route_type::local : route_type::broadcast,
		       &iface,
		       {},
		       {},
		       nullptr,
		       "local"};
		return EDU_COUNTER_COUNT;
	}
	/* What a program of ours sends into the loopback interface is nobody else's affair. */
	if (iface.is_loopback() || !iface_tune(iface, EDU_IFACE_forwarding))
		return EDU_Ip_DropNotForUs;
	result<decision> found = decide_by_fib(host, asked, route_type::unicast);
	if (!found.ok())
		return refusal_counter(found.error());
	way = found.value();
	return EDU_COUNTER_COUNT;
}

input_route ip_route_input(edu_stack &host, edu_iface &iface, be32 dst, u8 tos)
{
	flow asked{.dst = dst, .src = {}, .tos = static_cast<u8>(tos & tos_mask)};
	input_route answer;

	edu_k_assert_rcu();
	asked.iif = iface.ifindex;
	answer.route = rt_cache_look(host, dst, 0, asked.iif, asked.tos);
	if (answer.route) [[likely]] {
		host.count(EDU_Rt_CacheHits);
		trace_route(host, "cache", "", asked, answer.route);
		return answer;
	}
	host.count(EDU_Rt_CacheMisses);
	const char *why = miss_reason(host, asked);
	u32 genid = host.rt_cache.genid.load_acquire();
	decision way;
	answer.refused = decide_input(host, iface, asked, way);
	if (answer.refused != EDU_COUNTER_COUNT) {
		trace_route(host, "none", why, asked, nullptr);
		return answer;
	}
	result<ref<rtable>> fresh = make_route(host, asked, way, genid);
	if (!fresh.ok()) {
		answer.refused = EDU_Ip_DropNoMemory;
		return answer;
	}
	trace_route(host, way.from, why, asked, fresh.value().get());
	answer.held = rt_cache_add(host, std::move(fresh.value()));
	answer.route = answer.held.get();
	return answer;
}

bool ip_fails_reverse_path(const edu_iface &iface, be32 src, u8 tos)
{
	constexpr u32 strict = 1;
	u32 mode = iface_tune(iface, EDU_IFACE_rp_filter);

	if (!mode || src == be32{} || iface.is_loopback()) [[likely]]
		return false;
	fib_result back = fib_lookup(iface.host->fib, src, tos & tos_mask, 0);
	if (!back.node || back.info->fib_type != route_type::unicast)
		return true;
	return mode == strict && back.info->fib_dev.get() != &iface;
}

} // namespace edu

using namespace edu;

/* The errno for what a packet would be dropped for: Linux's. */
static errc refusal_errno(edu_counter refused)
{
	switch (refused) {
	case EDU_Ip_DropNoRoute:
		return errc::enetunreach;
	case EDU_Ip_DropProhibited:
		return errc::eacces;
	case EDU_Ip_DropBlackhole:
		return errc::einval;
	case EDU_Ip_DropNoMemory:
		return errc::enobufs;
	default:
		return errc::ehostunreach;
	}
}

/* The route of a packet that comes in (ip route get … iif …). */
static result<ref<rtable>> look_up_input(edu_stack &host, const edu_route_info &asked)
{
	rcu_guard guard;
	be32 dst = be32::from_raw(asked.destination), src = be32::from_raw(asked.source);
	edu_iface *iface = find_iface(host, asked.iif);

	if (!iface)
		return errc::enodev;
	if (ip_is_martian_source(*iface, src, dst) || ip_is_martian_destination(*iface, dst))
		return errc::einval;
	if (ip_fails_reverse_path(*iface, src, asked.tos))
		return errc::exdev;
	input_route found = ip_route_input(host, *iface, dst, asked.tos);
	if (!found.route)
		return refusal_errno(found.refused);
	ref<rtable> held = ref<rtable>::try_share(found.route);
	return held ? result<ref<rtable>>{std::move(held)} : errc::eagain;
}

int edu_core_config_route_get(edu_stack *stack, edu_route_info *route)
{
	flow wanted{be32::from_raw(route->destination), be32::from_raw(route->source),
		    route->ifindex, route->tos, false};
	result<ref<rtable>> found = route->iif ? look_up_input(*stack, *route) :
						 ip_route_output(*stack, wanted);

	if (!found.ok())
		return to_errno(found.error());
	const rtable &way = *found.value();

	if (!route->source)
		route->source = way.rt_src.raw();
	route->destination = way.rt_dst.raw();
	route->prefix_len = 32;
	route->gateway = way.rt_has_gateway ? way.rt_gateway.raw() : 0;
	route->ifindex = way.rt_dev->ifindex;
	route->mtu = rt_path_mtu(way);
	route->window = way.rt_window;
	route->rtt = way.rt_irtt;
	route->type = static_cast<u8>(way.rt_type);
	route->used = read_once(way.rt_use);
	route->references = static_cast<u32>(way.refs.load() - 1);
	return 0;
}

int edu_core_config_route_match(edu_stack *stack, edu_route_info *route)
{
	rcu_guard guard;
	be32 dst = be32::from_raw(route->destination);
	addr_match own = find_address(*stack, dst);

	if (own.kind == addr_kind::local) { /* the addresses say so, not the FIB */
		*route = {};
		route->destination = dst.raw();
		route->prefix_len = 32;
		route->ifindex = own.iface->ifindex;
		route->type = static_cast<u8>(route_type::local);
		return 0;
	}
	fib_result found = fib_lookup(stack->fib, dst, route->tos & tos_mask, route->ifindex);
	if (!found.node)
		return to_errno(errc::enetunreach);
	if (found.info->fib_type != route_type::unicast)
		return to_errno(refusal(found.info->fib_type));
	fib_describe(*found.node, *route);
	return 0;
}
