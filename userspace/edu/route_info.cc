// SPDX-License-Identifier: GPL-2.0-only
/*
 * Routes as records and text, see route_info.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "route_info.hh"

#include "failure.hh"
#include "names.hh"

#include <unistd.h>

#include <cstring>

namespace edu {

route_info read_route(const nlmsghdr *message)
{
	auto *header = static_cast<const rtmsg *>(mnl_nlmsg_get_payload(message));
	attributes attrs(message, sizeof(*header));
	attributes metrics(attrs.find(RTA_METRICS));
	route_info route{};

	route.header = *header;
	route.destination = attrs.u32(RTA_DST);
	route.source = attrs.u32(RTA_SRC);
	route.gateway = attrs.u32(RTA_GATEWAY);
	route.preferred_source = attrs.u32(RTA_PREFSRC);
	route.index = static_cast<int>(attrs.u32(RTA_OIF));
	route.metric = attrs.u32(RTA_PRIORITY);
	route.table = attrs.u32(RTA_TABLE, header->rtm_table);
	route.mtu = metrics.u32(RTAX_MTU);
	route.window = metrics.u32(RTAX_WINDOW);
	/* The kernel counts this one in eighths of a millisecond (rtnetlink(7)). */
	route.rtt = metrics.u32(RTAX_RTT) / 8;
	if (const void *cache = attrs.data(RTA_CACHEINFO, sizeof(route.cache))) {
		std::memcpy(&route.cache, cache, sizeof(route.cache));
		route.has_cache = true;
	}
	return route;
}

namespace {

void add_cache(record &item, const route_info &route)
{
	long ticks = sysconf(_SC_CLK_TCK);

	item["cache"] = record::array();
	if (route.header.rtm_flags & RTM_F_NOTIFY)
		item["cache"].push_back("notify");
	if (!route.has_cache)
		return;
	item["users"] = route.cache.rta_clntref;
	item["used"] = route.cache.rta_used;
	item["age"] = static_cast<long>(route.cache.rta_lastuse) / ticks;
	if (route.cache.rta_expires)
		item["expires"] = static_cast<long>(route.cache.rta_expires) / ticks;
	if (route.cache.rta_error)
		item["error"] = static_cast<std::int32_t>(route.cache.rta_error);
}

void add_flags(record &item, unsigned flags)
{
	item["flags"] = record::array();
	if (flags & RTNH_F_DEAD)
		item["flags"].push_back("dead");
	if (flags & RTNH_F_LINKDOWN)
		item["flags"].push_back("linkdown");
	if (flags & RTNH_F_ONLINK)
		item["flags"].push_back("onlink");
}

void add_metrics(record &item, const route_info &route)
{
	record metrics;

	if (route.mtu)
		metrics["mtu"] = route.mtu;
	if (route.window)
		metrics["window"] = route.window;
	if (route.rtt)
		metrics["rtt"] = route.rtt;
	if (!metrics.empty())
		item["metrics"] = record::array({metrics});
}

} // namespace

record route_record(const route_info &route)
{
	const rtmsg &header = route.header;
	bool cached = header.rtm_flags & RTM_F_CLONED;
	record item;

	if (header.rtm_type != RTN_UNICAST)
		item["type"] = route_types().name(header.rtm_type);
	item["dst"] = show_prefix(route.destination, header.rtm_dst_len);
	if (route.source || header.rtm_src_len)
		item["from"] =
			show_prefix(route.source, header.rtm_src_len ? header.rtm_src_len : 32u);
	if (header.rtm_tos)
		item["tos"] = tos_names().name(header.rtm_tos);
	if (route.gateway)
		item["gateway"] = show_address(route.gateway);
	if (route.index)
		item["dev"] = device_name(route.index);
	if (!cached && route.table != RT_TABLE_MAIN && route.table != RT_TABLE_UNSPEC)
		item["table"] = route_tables().name(route.table);
	if (!cached && header.rtm_protocol != RTPROT_BOOT && header.rtm_protocol != RTPROT_UNSPEC)
		item["protocol"] = route_protocols().name(header.rtm_protocol);
	if (!cached && header.rtm_scope != RT_SCOPE_UNIVERSE)
		item["scope"] = route_scopes().name(header.rtm_scope);
	if (route.preferred_source)
		item["prefsrc"] = show_address(route.preferred_source);
	if (route.metric)
		item["metric"] = route.metric;
	add_flags(item, header.rtm_flags);
	add_metrics(item, route);
	if (cached)
		add_cache(item, route);
	return item;
}

std::string route_text(const record &route)
{
	std::string text, metrics;

	if (route.contains("type"))
		text = value_of(route, "type") + " ";
	text += value_of(route, "dst") + field(route, "from", "from") + field(route, "tos", "tos") +
		field(route, "gateway", "via") + field(route, "dev", "dev") +
		field(route, "table", "table") + field(route, "protocol", "proto") +
		field(route, "scope", "scope") + field(route, "prefsrc", "src") +
		field(route, "metric", "metric");
	if (!route["flags"].empty())
		text += " " + join(route["flags"], " ");
	if (route.contains("metrics")) {
		const record &first = route["metrics"][0];

		metrics = field(first, "mtu", "mtu") + field(first, "window", "window");
		if (first.contains("rtt"))
			metrics += field(first, "rtt", "rtt") + "ms";
	}
	if (!route.contains("cache"))
		return text + metrics + "\n";

	text += "\n    cache";
	if (!route["cache"].empty())
		text += " <" + join(route["cache"], ",") + ">";
	if (route.contains("expires"))
		text += field(route, "expires", "expires") + "sec";
	text += field(route, "error", "error") + field(route, "users", "users") +
		field(route, "used", "used");
	if (route.contains("age"))
		text += field(route, "age", "age") + "sec";
	return text + metrics + "\n";
}

} // namespace edu
