// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu route`: the FIB and the route cache (TLK "The IP Routing Tables", requirements ROUTE-1 to
 * ROUTE-9).
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"
#include "failure.hh"
#include "monitor.hh"
#include "names.hh"
#include "netlink.hh"
#include "route_info.hh"

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <optional>
#include <tuple>

namespace edu {

namespace {

/* One of several ways to a destination. */
struct hop {
	std::optional<in_addr_t> gateway; /* network byte order */
	std::string device;
	std::optional<std::uint32_t> metric;
};

/* Which routes a network means when they are listed: to itself, to it and its parts, to it and to what
 * it is part of. */
enum class prefix_span { exact, root, match };

struct route_wishes {
	std::optional<prefix> destination;
	prefix_span span = prefix_span::exact;
	std::optional<in_addr_t> gateway, source; /* source: RTA_PREFSRC; `from` for get */
	std::string device;
	std::optional<std::uint8_t> type, scope, protocol, tos; /* RTN_*, RT_SCOPE_*, RTPROT_* */
	std::optional<std::uint32_t> metric, mtu, window, rtt;	/* octets; rtt in milliseconds */
	std::optional<std::uint32_t> table;			/* RT_TABLE_*; 0: all */
	bool cache = false;	 /* the route cache instead of the FIB */
	bool everything = false; /* flush all */
	bool onlink = false;
	std::vector<hop> hops; /* `nexthop …`: a route each; empty: gateway and device say it */
};

void want_destination(route_wishes &w, const std::string &value)
{
	w.destination = parse_network(value);
}

void want_gateway(route_wishes &w, const std::string &value)
{
	(w.hops.empty() ? w.gateway : w.hops.back().gateway) = parse_address(value);
}

void want_device(route_wishes &w, const std::string &value)
{
	check_device_name(value);
	(w.hops.empty() ? w.device : w.hops.back().device) = value;
}

void want_source(route_wishes &w, const std::string &value)
{
	w.source = parse_address(value);
}

void want_metric(route_wishes &w, const std::string &value)
{
	(w.hops.empty() ? w.metric : w.hops.back().metric) =
		parse_number(value, "metric", 0, 0xffffffff);
}

void want_protocol(route_wishes &w, const std::string &value)
{
	w.protocol = static_cast<std::uint8_t>(route_protocols().number(value, "protocol"));
}

void want_scope(route_wishes &w, const std::string &value)
{
	w.scope = static_cast<std::uint8_t>(route_scopes().number(value, "scope"));
}

void want_tos(route_wishes &w, const std::string &value)
{
	w.tos = static_cast<std::uint8_t>(tos_names().number(value, "TOS"));
}

void want_table(route_wishes &w, const std::string &value)
{
	w.table = value == "all" ? 0 : route_tables().number(value, "table", 0xffffffff);
}

void want_type(route_wishes &w, const std::string &value)
{
	w.type = static_cast<std::uint8_t>(route_types().number(value, "type of route", RTN_THROW));
}

template <prefix_span span>
void want_span(route_wishes &w, const std::string &value)
{
	if (w.destination)
		usage_error("one network: `to`, `root` or `match`");
	want_destination(w, value);
	w.span = span;
}

template <unsigned char type>
void want_this_type(route_wishes &w, const std::string &)
{
	if (w.type)
		usage_error("a route has one type");
	w.type = type;
}

const keyword<route_wishes> change_keywords[] = {
	{{"to", "PREFIX", "where the packets go: 10.1.0.0/16, default, a host's name", true},
	 want_destination},
	{{"unicast", "", "send on (this is the default)"}, want_this_type<RTN_UNICAST>},
	{{"unreachable", "", "refuse with `host unreachable`"}, want_this_type<RTN_UNREACHABLE>},
	{{"blackhole", "", "drop silently"}, want_this_type<RTN_BLACKHOLE>},
	{{"prohibit", "", "refuse with `administratively prohibited`"},
	 want_this_type<RTN_PROHIBIT>},
	{{"via", "GW", "the gateway, which must be a direct neighbour"}, want_gateway},
	{{"dev", "NAME", "the device to send on"}, want_device},
	{{"metric priority preference", "N", "how far: the least is used first"}, want_metric},
	{{"src", "ADDR", "the source address of packets sent by it"}, want_source},
	{{"mtu", "N", "the largest packet in octets"},
	 [](route_wishes &w, const std::string &value) {
		 w.mtu = parse_number(value, "MTU", 68, 65535);
	 }},
	{{"window", "N", "the largest window in octets"},
	 [](route_wishes &w, const std::string &value) {
		 w.window = parse_number(value, "window", 1, 0x7fffffff);
	 }},
	{{"rtt", "MS", "the first guess of the round trip in milliseconds"},
	 [](route_wishes &w, const std::string &value) {
		 w.rtt = parse_number(value, "round trip time", 1, 120000);
	 }},
	{{"tos dsfield", "TOS", "only for packets of this type of service (hexadecimal or a name)"},
	 want_tos},
	{{"proto protocol", "NAME", "who made the route (/etc/iproute2/rt_protos)"}, want_protocol},
	{{"scope", "SCOPE", "global, link or host"}, want_scope},
	{{"table", "NAME", "main is the only one there is for routes of one's own"}, want_table},
	{{"onlink", "", "take the gateway for a neighbour without asking"},
	 [](route_wishes &w, const std::string &) { w.onlink = true; }},
	{{"nexthop", "",
	  "begins one of several ways (via, dev, metric): the next is used when one fails", false,
	  true},
	 [](route_wishes &w, const std::string &) { w.hops.emplace_back(); }},
};

const keyword<route_wishes> show_keywords[] = {
	{{"to exact", "PREFIX", "only routes to this very network", true},
	 want_span<prefix_span::exact>},
	{{"root", "PREFIX", "only routes to this network and to parts of it"},
	 want_span<prefix_span::root>},
	{{"match", "PREFIX", "only routes to this network and to those it is part of"},
	 want_span<prefix_span::match>},
	{{"cache cached", "", "the route cache instead of the FIB"},
	 [](route_wishes &w, const std::string &) { w.cache = true; }},
	{{"dev", "NAME", "only routes by this device"}, want_device},
	{{"via", "GW", "only routes by this gateway"}, want_gateway},
	{{"proto protocol", "NAME", "only routes made by this one"}, want_protocol},
	{{"scope", "SCOPE", "only routes of this scope"}, want_scope},
	{{"type", "TYPE", "only routes of this type (unicast, local, broadcast, unreachable …)"},
	 want_type},
	{{"metric", "N", "only routes of this metric"}, want_metric},
	{{"table", "NAME", "main (the default), local, or all"}, want_table},
	{{"all", "", "for flush: every route but those to the host itself"},
	 [](route_wishes &w, const std::string &) { w.everything = true; }},
};

const keyword<route_wishes> get_keywords[] = {
	{{"to", "ADDR", "where a packet would go", true},
	 [](route_wishes &w, const std::string &value) { w.destination = parse_prefix(value); }},
	{{"from src", "ADDR", "its source address"}, want_source},
	{{"oif dev", "NAME", "the device it must leave by"}, want_device},
	{{"tos dsfield", "TOS", "its type of service (hexadecimal or a name)"}, want_tos},
};

bool is_ours(std::uint8_t type)
{
	return type == RTN_LOCAL || type == RTN_BROADCAST || type == RTN_MULTICAST;
}

bool is_in_span(const route_wishes &w, const route_info &route)
{
	unsigned length = route.header.rtm_dst_len, wanted = w.destination->length;

	if (w.span == prefix_span::match)
		return length <= wanted &&
		       !((w.destination->address ^ route.destination) & mask_of(length));
	return (w.span == prefix_span::root ? length >= wanted : length == wanted) &&
	       contains(*w.destination, route.destination);
}

bool is_wanted(const route_wishes &w, const route_info &route, int index)
{
	const rtmsg &header = route.header;
	bool cloned = header.rtm_flags & RTM_F_CLONED;

	if (cloned != w.cache)
		return false;
	/* Routes to the host itself are many and dull: shown when asked for. */
	if (!w.cache && w.table.value_or(RT_TABLE_MAIN)) {
		std::uint32_t table = is_ours(header.rtm_type) ? std::uint32_t{RT_TABLE_LOCAL} :
								 route.table;

		if (w.type ? w.table && *w.table != table :
			     w.table.value_or(RT_TABLE_MAIN) != table)
			return false;
	}
	if (w.destination && !is_in_span(w, route))
		return false;
	return (!index || route.index == index) && (!w.gateway || *w.gateway == route.gateway) &&
	       (!w.protocol || *w.protocol == header.rtm_protocol) &&
	       (!w.scope || *w.scope == header.rtm_scope) &&
	       (!w.type || *w.type == header.rtm_type) && (!w.metric || *w.metric == route.metric);
}

/* Whether routes to the host itself are asked for: their table, all tables, or their type. */
bool wants_local(const route_wishes &w)
{
	std::uint32_t table = w.table.value_or(RT_TABLE_MAIN);

	return !table || table == RT_TABLE_LOCAL || (w.type && is_ours(*w.type));
}

template <class user>
void list_routes(context &ctx, const route_wishes &w, user use)
{
	int index = w.device.empty() ? 0 : device_index(w.device);

	ctx.require_family();
	/* The stack has a dump for each of its two tables. */
	for (unsigned char table : {RT_TABLE_MAIN, RT_TABLE_LOCAL}) {
		if (table == RT_TABLE_LOCAL && (w.cache || !wants_local(w)))
			break;
		request ask(RTM_GETROUTE, NLM_F_DUMP);
		auto &header = ask.put_header<rtmsg>();

		header.rtm_family = static_cast<unsigned char>(ctx.family);
		header.rtm_table = table;
		header.rtm_flags = w.cache ? RTM_F_CLONED : 0;
		ctx.rtnl().query(ask, w.cache ? "list the route cache" : "list the routes",
				 [&](const nlmsghdr *message) {
					 route_info route = read_route(message);

					 /* Linux tells of all tables, whichever was asked for. */
					 if (!w.cache && is_ours(route.header.rtm_type) !=
								 (table == RT_TABLE_LOCAL))
						 return;
					 if (message->nlmsg_type == RTM_NEWROUTE &&
					     route.header.rtm_family == ctx.family &&
					     is_wanted(w, route, index))
						 use(route);
				 });
	}
}

/* The order in which a look-up meets those that fit: the longest network first, then the type of service, then
 * the metric. The stack tells of a zone's networks in the order of a secret hash. */
bool is_met_first(const route_info &a, const route_info &b)
{
	auto key = [](const route_info &route) {
		return std::tuple(-route.header.rtm_dst_len, ntohl(route.destination),
				  -route.header.rtm_tos, route.metric);
	};

	return key(a) < key(b);
}

int show(context &ctx, route_wishes &w)
{
	record_list list(ctx, std::cout, route_text);
	std::vector<route_info> routes;

	if (w.everything)
		w.table = 0;
	list_routes(ctx, w, [&](const route_info &route) { routes.push_back(route); });
	if (!w.cache)
		std::stable_sort(routes.begin(), routes.end(), is_met_first);
	for (const route_info &route : routes)
		list.add(route_record(route));
	list.finish();
	return exit_ok;
}

void put_metrics(request &ask, const route_wishes &w)
{
	if (!w.mtu && !w.window && !w.rtt)
		return;
	nlattr *metrics = ask.begin_nest(RTA_METRICS);
	if (w.mtu)
		ask.put_u32(RTAX_MTU, *w.mtu);
	if (w.window)
		ask.put_u32(RTAX_WINDOW, *w.window);
	if (w.rtt)
		ask.put_u32(RTAX_RTT, *w.rtt * 8);
	ask.end_nest(metrics);
}

/* How far a route of this kind reaches when nobody says so. */
std::uint8_t default_scope(const route_wishes &w)
{
	switch (w.type.value_or(RTN_UNICAST)) {
	case RTN_LOCAL:
		return RT_SCOPE_HOST;
	case RTN_UNICAST:
	case RTN_BROADCAST:
		return w.gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
	}
	return RT_SCOPE_UNIVERSE;
}

std::string in_words(const route_wishes &w)
{
	return "the route to " + show_prefix(w.destination->address, w.destination->length) +
	       (w.gateway ? " via " + show_address(*w.gateway) : "") +
	       (w.device.empty() ? "" : " dev " + w.device);
}

void put_route(request &ask, const context &ctx, const route_wishes &w, bool adding)
{
	auto &header = ask.put_header<rtmsg>();

	header.rtm_family = static_cast<unsigned char>(ctx.family);
	header.rtm_dst_len = static_cast<unsigned char>(w.destination->length);
	header.rtm_tos = w.tos.value_or(0);
	header.rtm_table = static_cast<unsigned char>(w.table.value_or(RT_TABLE_MAIN));
	/* A deletion leaves open what was not said. */
	header.rtm_type = w.type.value_or(adding ? RTN_UNICAST : RTN_UNSPEC);
	header.rtm_scope =
		w.scope.value_or(adding ? default_scope(w) : std::uint8_t{RT_SCOPE_NOWHERE});
	header.rtm_protocol = w.protocol.value_or(adding ? RTPROT_BOOT : RTPROT_UNSPEC);
	header.rtm_flags = w.onlink ? RTNH_F_ONLINK : 0;
	if (w.destination->length)
		ask.put_u32(RTA_DST, w.destination->address);
	if (w.gateway)
		ask.put_u32(RTA_GATEWAY, *w.gateway);
	if (!w.device.empty())
		ask.put_u32(RTA_OIF, static_cast<std::uint32_t>(device_index(w.device)));
	if (w.source)
		ask.put_u32(RTA_PREFSRC, *w.source);
	if (w.metric)
		ask.put_u32(RTA_PRIORITY, *w.metric);
	put_metrics(ask, w);
}

int change_one(context &ctx, const route_wishes &w, std::uint16_t message, unsigned flags,
	       const char *name)
{
	static const reason reasons[] = {
		{EEXIST, "it exists already: `edu route` lists it, `edu route replace` changes it"},
		{ESRCH, "there is no such route: `edu route` lists what there is"},
		{ENOENT, "there is no such route: `edu route` lists what there is"},
		{ENETUNREACH, "the gateway is not on a network this host is connected to"},
		{EHOSTUNREACH, "the gateway is not on a network this host is connected to"},
		{ENETDOWN, "the device is down: `edu link set NAME up`"},
		{EADDRNOTAVAIL, "the source address is not one of this host's"},
		{EINVAL, "the kernel finds no sense in it (a gateway that is this host itself?)"},
		{ENODEV,
		 "the device has no EDUINET address yet: `edu addr add ADDRESS/LENGTH dev NAME`"},
	};

	if (!w.destination)
		usage_error("write `edu route {} PREFIX via GATEWAY` or `… PREFIX dev NAME`", name);
	bool sends = w.type.value_or(RTN_UNICAST) == RTN_UNICAST;
	if (message == RTM_NEWROUTE && sends && !w.gateway && w.device.empty())
		usage_error("a route needs a gateway (`via ADDR`), a device (`dev NAME`) or both");
	if (!sends && w.gateway)
		usage_error("a route that sends nothing has no gateway");
	ctx.require_family();
	request ask(message, flags);
	put_route(ask, ctx, w, message == RTM_NEWROUTE);
	ctx.rtnl().change(ask, std::string(name) + " " + in_words(w), reasons);
	return exit_ok;
}

/* A route for each hop: the FIB has one way per metric, and the next takes over when one fails. */
std::vector<route_wishes> routes_by_hop(const route_wishes &w)
{
	std::vector<route_wishes> list;

	if (w.hops.empty())
		return {w};
	if (w.gateway || !w.device.empty())
		usage_error("either `nexthop via …` for each way, or one way without `nexthop`");
	for (const hop &way : w.hops) {
		route_wishes one = w;

		one.gateway = way.gateway;
		one.device = way.device;
		one.metric = way.metric.value_or(w.metric.value_or(0) +
						 static_cast<std::uint32_t>(list.size()));
		list.push_back(one);
	}
	return list;
}

int change(context &ctx, const route_wishes &w, std::uint16_t message, unsigned flags,
	   const char *name)
{
	std::vector<route_wishes> made;

	try {
		for (const auto &one : routes_by_hop(w)) {
			change_one(ctx, one, message, flags, name);
			made.push_back(one);
		}
	} catch (const failure &) {
		/* All of it or nothing. */
		if (flags & NLM_F_EXCL)
			for (const auto &one : made)
				change_one(ctx, one, RTM_DELROUTE, 0, "delete");
		throw;
	}
	return exit_ok;
}

int add(context &ctx, route_wishes &w)
{
	return change(ctx, w, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, "add");
}

int replace(context &ctx, route_wishes &w)
{
	return change(ctx, w, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, "replace");
}

int change_there(context &ctx, route_wishes &w)
{
	return change(ctx, w, RTM_NEWROUTE, NLM_F_REPLACE, "change");
}

int append(context &ctx, route_wishes &w)
{
	return change(ctx, w, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, "append");
}

int del(context &ctx, route_wishes &w)
{
	return change(ctx, w, RTM_DELROUTE, 0, "delete");
}

int get(context &ctx, route_wishes &w)
{
	static const reason reasons[] = {
		{ENETUNREACH, "no route leads there: `edu route` lists them"},
		{EHOSTUNREACH, "a route says that it is unreachable"},
		{EACCES, "a route prohibits it"},
		{EINVAL, "a blackhole swallows it, or it is no address a packet can go to"},
	};

	if (!w.destination)
		usage_error("write `edu route get ADDR`");
	ctx.require_family();
	request ask(RTM_GETROUTE, 0);
	auto &header = ask.put_header<rtmsg>();
	header.rtm_family = static_cast<unsigned char>(ctx.family);
	header.rtm_dst_len = 32;
	header.rtm_tos = w.tos.value_or(0);
	header.rtm_flags = RTM_F_LOOKUP_TABLE;
	ask.put_u32(RTA_DST, w.destination->address);
	if (w.source) {
		header.rtm_src_len = 32;
		ask.put_u32(RTA_SRC, *w.source);
	}
	if (!w.device.empty())
		ask.put_u32(RTA_OIF, static_cast<std::uint32_t>(device_index(w.device)));

	record_list list(ctx, std::cout, route_text);
	ctx.rtnl().query(
		ask, "find a route to " + show_address(w.destination->address),
		[&](const nlmsghdr *message) {
			route_info route = read_route(message);

			route.table = RT_TABLE_UNSPEC;
			list.add(route_record(route));
		},
		reasons);
	list.finish();
	return exit_ok;
}

/* The cache has no single entries to delete: RTM_F_CLONED means all of it. */
int flush_cache(context &ctx)
{
	request ask(RTM_DELROUTE, 0);
	auto &header = ask.put_header<rtmsg>();

	ctx.require_family();
	header.rtm_family = static_cast<unsigned char>(ctx.family);
	header.rtm_flags = RTM_F_CLONED;
	header.rtm_scope = RT_SCOPE_NOWHERE;
	ctx.rtnl().change(ask, "empty the route cache");
	return exit_ok;
}

int flush(context &ctx, route_wishes &w)
{
	std::vector<route_info> doomed;

	if (w.cache)
		return flush_cache(ctx);
	if (!w.everything && !w.destination && w.device.empty() && !w.gateway && !w.protocol &&
	    !w.scope && !w.type && !w.metric && !w.table)
		usage_error(
			"flush needs to know what: `edu route flush dev NAME`, `… PREFIX`, `… cache` or "
			"`… all`");
	list_routes(ctx, w, [&](const route_info &route) { doomed.push_back(route); });
	for (const auto &route : doomed) {
		request ask(RTM_DELROUTE, 0);

		ask.put_header<rtmsg>() = route.header;
		if (route.header.rtm_dst_len)
			ask.put_u32(RTA_DST, route.destination);
		if (route.gateway)
			ask.put_u32(RTA_GATEWAY, route.gateway);
		if (route.index)
			ask.put_u32(RTA_OIF, static_cast<std::uint32_t>(route.index));
		if (route.metric)
			ask.put_u32(RTA_PRIORITY, route.metric);
		/* One deletion may have taken another one along. */
		ctx.rtnl().try_change(ask, ESRCH,
				      "delete the route to " +
					      show_prefix(route.destination,
							  route.header.rtm_dst_len));
	}
	return exit_ok;
}

int monitor_routes(context &ctx, monitor_wishes &w)
{
	w.route = true;
	return monitor(ctx, w);
}

const action actions[] = {
	{"show list lst ls", "the routes of the FIB, or the route cache", show_keywords, show},
	/* `a` is add, as in ip, and not ambiguous by append. */
	{"add a", "make a route", change_keywords, add},
	{"del delete", "remove a route", change_keywords, del},
	{"replace", "make a route, or change it when it is there", change_keywords, replace},
	{"change", "change a route that is there", change_keywords, change_there},
	{"append", "make a route behind those to the same network", change_keywords, append},
	{"get", "the route a packet would take", get_keywords, get},
	{"flush", "remove all routes that show would list with these keywords", show_keywords,
	 flush},
	{"monitor", "tell of routes that come and go until interrupted", monitor_keywords,
	 monitor_routes},
};

} // namespace

int run_route(context &ctx, words &in)
{
	return run_action(ctx, "route", actions, in);
}

} // namespace edu
