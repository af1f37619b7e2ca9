// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu monitor`: what rtnetlink announces, as it happens, in the manner of ip-monitor(8). Whatever
 * changes an address, a route or an ARP entry, an ioctl, netlink or the stack itself, is seen here
 * (TLK "The Address Resolution Protocol (ARP)", "The IP Routing Tables"; requirements OVER-4,
 * ROUTE-5).
 *
 * JSON is one object a line: a list that never ends would never be valid.
 *
 * Locking: none, the tool has one thread.
 */
#include "monitor.hh"

#include "addr_info.hh"
#include "failure.hh"
#include "interrupt.hh"
#include "link_info.hh"
#include "names.hh"
#include "neigh_info.hh"
#include "route_info.hh"

#include <poll.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <iostream>
#include <optional>

namespace edu {

namespace {

using clock_type = std::chrono::system_clock;

/* More than the 212,992 octets a socket has by itself: a dump's worth of changes may come at once. */
constexpr int default_room = 4 << 20;

/* One change: which kind of thing, whether it is gone, and the thing itself. */
struct change {
	const char *label; /* as ip-monitor(8) writes it, without brackets */
	const char *event; /* the same for JSON */
	bool deleted;
	int index; /* of the device, 0: none */
	record thing;
	std::string text;
};

change link_change(const nlmsghdr *message)
{
	auto *header = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
	bool deleted = message->nlmsg_type == RTM_DELLINK;
	attributes attrs(message, sizeof(*header));

	forget_attached();
	remember_device(header->ifi_index, attrs.string(IFLA_IFNAME));
	record thing = link_record(message, false);
	if (deleted)
		forget_device(header->ifi_index);
	return {"LINK", "link", deleted, header->ifi_index, thing, link_text(thing)};
}

change address_change(const nlmsghdr *message)
{
	address_info info = read_address(message);
	std::string name = device_name(info.index);
	record thing = {{"index", info.index}, {"dev", name}};

	thing.update(address_record(info));
	return {"ADDR",
		"address",
		message->nlmsg_type == RTM_DELADDR,
		info.index,
		thing,
		fmt::format("{}: {}    {}", info.index, name, address_text(thing))};
}

change route_change(const nlmsghdr *message)
{
	route_info info = read_route(message);
	record thing = route_record(info);

	return {"ROUTE",    "route", message->nlmsg_type == RTM_DELROUTE,
		info.index, thing,   route_text(thing)};
}

change neigh_change(const nlmsghdr *message)
{
	neigh_info info = read_neigh(message);
	record thing = neigh_record(info, false);

	return {"NEIGH",
		"neigh",
		message->nlmsg_type == RTM_DELNEIGH,
		info.header.ndm_ifindex,
		thing,
		neigh_text(thing)};
}

/* Every family header begins with the family. */
unsigned family_of(const nlmsghdr *message)
{
	return mnl_nlmsg_get_payload_len(message) ?
		       *static_cast<const unsigned char *>(mnl_nlmsg_get_payload(message)) :
		       0;
}

/* Is the message long enough for its family header? */
template <class header>
bool is_whole(const nlmsghdr *message)
{
	return mnl_nlmsg_get_payload_len(message) >= sizeof(header);
}

bool wants_all(const monitor_wishes &w)
{
	return !w.link && !w.address && !w.route && !w.neigh;
}

/* Nothing: the message is none of what was asked for. */
std::optional<change> read_change(const context &ctx, const monitor_wishes &w,
				  const nlmsghdr *message)
{
	bool all = wants_all(w);
	bool ours = family_of(message) == static_cast<unsigned>(ctx.family);

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		/* Bridges announce their ports under a family of their own. */
		if ((all || w.link) && is_whole<ifinfomsg>(message) && !family_of(message))
			return link_change(message);
		break;
	case RTM_NEWADDR:
	case RTM_DELADDR:
		if ((all || w.address) && is_whole<ifaddrmsg>(message) && ours)
			return address_change(message);
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		if ((all || w.route) && is_whole<rtmsg>(message) && ours)
			return route_change(message);
		break;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		if ((all || w.neigh) && is_whole<ndmsg>(message) && ours)
			return neigh_change(message);
		break;
	}
	return std::nullopt;
}

} // namespace

std::string show_timestamp(clock_type::time_point when, bool in_short)
{
	using std::chrono::duration_cast, std::chrono::microseconds;
	std::time_t seconds = clock_type::to_time_t(when);
	auto since_epoch = duration_cast<microseconds>(when.time_since_epoch()).count();
	long micro = static_cast<long>(since_epoch % 1000000);
	char text[64];
	std::tm local;

	localtime_r(&seconds, &local);
	if (in_short) {
		std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &local);
		return fmt::format("[{}.{:06}] ", text, micro);
	}
	std::strftime(text, sizeof(text), "%a %b %e %H:%M:%S %Y", &local);
	return fmt::format("Timestamp: {} {} usec\n", text, micro);
}

std::string tell_change(const context &ctx, const monitor_wishes &w, int only,
			const nlmsghdr *message, clock_type::time_point when)
{
	auto found = read_change(ctx, w, message);
	bool with_time = w.timestamp || w.short_timestamp;

	if (!found || (only && found->index != only))
		return {};
	if (ctx.json) {
		record line;

		if (with_time) {
			std::string text = show_timestamp(when, true);

			line["timestamp"] = text.substr(1, text.size() - 3);
		}
		line["event"] = found->event;
		if (found->deleted)
			line["deleted"] = true;
		line.update(found->thing);
		return line.dump(-1, ' ', false, record::error_handler_t::replace) + "\n";
	}
	std::string text = with_time ? show_timestamp(when, w.short_timestamp) : "";
	if (w.labels)
		text += fmt::format("[{}]", found->label);
	return text + (found->deleted ? "Deleted " : "") + found->text;
}

int monitor(context &ctx, monitor_wishes &w)
{
	static const unsigned groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
					  RTNLGRP_NEIGH};
	int only = w.device.empty() ? 0 : device_index(w.device);

	ctx.require_family();
	w.timestamp |= ctx.timestamp;
	w.short_timestamp |= ctx.short_timestamp;
	interrupt stop;
	/* Of all groups, whatever was asked for: names of devices must be known. */
	listener heard(groups, w.room ? w.room : default_room);
	for (;;) {
		pollfd watched[] = {{heard.fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}};

		if (poll(watched, 2, -1) < 0 && errno != EINTR)
			refused("cannot wait for messages: {}", std::strerror(errno));
		if (watched[1].revents)
			return exit_ok;
		bool complete = heard.receive([&](const nlmsghdr *message) {
			std::cout << tell_change(ctx, w, only, message, clock_type::now());
		});
		std::cout.flush();
		if (!std::cout)
			return exit_ok; /* nobody reads any more; main() says so */
		if (!complete)
			std::cerr << "edu: changes came faster than they could be told: some are "
				     "missing here (`rcvbuf N` makes room)\n";
	}
}

namespace {

const keyword<monitor_wishes> keywords[] = {
	{{"link", "", "devices"}, [](monitor_wishes &w, const std::string &) { w.link = true; }},
	{{"address", "", "addresses of interfaces"},
	 [](monitor_wishes &w, const std::string &) { w.address = true; }},
	{{"route", "", "routes of the FIB"},
	 [](monitor_wishes &w, const std::string &) { w.route = true; }},
	{{"neigh neighbour neighbor", "", "the ARP table"},
	 [](monitor_wishes &w, const std::string &) { w.neigh = true; }},
	{{"all", "", "all of these (as without a keyword), each with its kind in front"},
	 [](monitor_wishes &w, const std::string &) { w.labels = true; }},
	monitor_keywords[0],
	monitor_keywords[1],
	monitor_keywords[2],
	monitor_keywords[3],
};

const action watch = {"monitor", "tell of changes until interrupted (Ctrl-C)", keywords, monitor};

} // namespace

int run_monitor(context &ctx, words &in)
{
	return run_only_action(ctx, "", watch, in);
}

} // namespace edu
