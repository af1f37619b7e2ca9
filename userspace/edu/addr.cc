// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu addr`: the Internet addresses of interfaces (TLK "An Overview of TCP/IP Networking",
 * requirement OVER-1). Giving a device an address attaches it to EDUINET.
 *
 * Locking: none, the tool has one thread.
 */
#include "addr_info.hh"
#include "context.hh"
#include "failure.hh"
#include "link_info.hh"
#include "names.hh"
#include "netlink.hh"

#include <fnmatch.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <iostream>
#include <map>
#include <optional>

namespace edu {

namespace {

struct addr_wishes {
	std::string device;
	std::optional<prefix> local;
	std::optional<in_addr_t> peer; /* other end of a point-to-point link */
	std::string broadcast;	       /* an address, "+" or "-" as in ip-address(8) */
	std::string label;
	std::optional<std::uint8_t> scope; /* RT_SCOPE_* */
	bool up_only = false;		   /* show: only devices that are up */
};

void want_device(addr_wishes &w, const std::string &value)
{
	check_device_name(value);
	w.device = value;
}

const keyword_text scope_text = {"scope", "SCOPE", "global, link or host"};

void want_scope(addr_wishes &w, const std::string &value)
{
	w.scope = static_cast<std::uint8_t>(route_scopes().number(value, "scope"));
}

const keyword_text label_text = {"label", "PATTERN",
				 "only addresses whose label matches, as 'e0:*'"};

void want_label(addr_wishes &w, const std::string &value)
{
	w.label = value;
}

void want_local(addr_wishes &w, const std::string &value)
{
	w.local = parse_prefix(value);
}

const keyword<addr_wishes> change_keywords[] = {
	{{"local", "PREFIX", "the address and the length of its network, as 10.0.0.1/24", true},
	 want_local},
	{{"dev", "NAME", "the device"}, want_device},
	{{"peer remote", "ADDR", "the other end of a point-to-point link"},
	 [](addr_wishes &w, const std::string &value) { w.peer = parse_address(value); }},
	{{"broadcast brd", "ADDR", "broadcast address; +: all host bits ones, -: all zeros"},
	 [](addr_wishes &w, const std::string &value) { w.broadcast = value; }},
	{{"label", "NAME", "a name that begins with the device's"}, want_label},
	{scope_text, want_scope},
};

const keyword<addr_wishes> show_keywords[] = {
	{{"dev", "NAME", "only this device", true}, want_device},
	{{"to", "PREFIX", "only addresses in this network"}, want_local},
	{{"up", "", "only devices that are up"},
	 [](addr_wishes &w, const std::string &) { w.up_only = true; }},
	{scope_text, want_scope},
	{label_text, want_label},
};

const keyword<addr_wishes> flush_keywords[] = {
	{{"dev", "NAME", "the device that loses its addresses", true}, want_device},
	{{"to", "PREFIX", "only addresses in this network"}, want_local},
	{scope_text, want_scope},
	{label_text, want_label},
};

std::string link_and_addresses(const record &link)
{
	std::string text = link_text(link);

	for (const auto &item : link["addr_info"])
		text += "    " + address_text(item);
	return text;
}

/* With -b: all addresses of a device in one line. */
std::string brief_addresses(const record &link)
{
	std::string text = brief_head(link);

	for (const auto &item : link["addr_info"]) {
		text += value_of(item, "local");
		if (item.contains("address"))
			text += " peer " + value_of(item, "address");
		text += "/" + value_of(item, "prefixlen") + " ";
	}
	return text + "\n";
}

/* With -o: a line for each address, and none for a device that has none. */
std::string lines_of_addresses(const record &link)
{
	std::string text;

	for (const auto &item : link["addr_info"])
		text += fmt::format("{}: {}    {}", value_of(link, "ifindex"),
				    value_of(link, "ifname"), address_text(item));
	return text;
}

bool is_wanted(const addr_wishes &w, const address_info &info)
{
	return (!w.local || contains(*w.local, info.local)) &&
	       (!w.scope || *w.scope == info.header.ifa_scope) &&
	       (w.label.empty() || fnmatch(w.label.c_str(), info.label.c_str(), 0) == 0);
}

std::vector<address_info> list_addresses(context &ctx, const addr_wishes &w)
{
	std::vector<address_info> list;
	int only = w.device.empty() ? 0 : device_index(w.device);
	request ask(RTM_GETADDR, NLM_F_DUMP);

	ctx.require_family();
	ask.put_header<ifaddrmsg>().ifa_family = static_cast<unsigned char>(ctx.family);
	ctx.rtnl().query(ask, "list the addresses", [&](const nlmsghdr *message) {
		auto *header = static_cast<const ifaddrmsg *>(mnl_nlmsg_get_payload(message));

		if (message->nlmsg_type != RTM_NEWADDR || header->ifa_family != ctx.family)
			return;
		address_info info = read_address(message);
		if ((!only || info.index == only) && is_wanted(w, info))
			list.push_back(info);
	});
	return list;
}

int show(context &ctx, addr_wishes &w)
{
	std::map<int, record> by_device; /* index to "addr_info" */
	record_list list(ctx, std::cout,
			 ctx.brief    ? brief_addresses :
			 ctx.one_line ? lines_of_addresses :
					link_and_addresses);

	for (const auto &info : list_addresses(ctx, w))
		by_device[info.index].push_back(address_record(info));
	for_each_link(ctx.rtnl(), w.device, [&](const nlmsghdr *message) {
		auto *header = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
		record link = link_record(message, ctx.statistics);
		auto found = by_device.find(header->ifi_index);
		bool narrowed = w.local || w.scope || !w.label.empty();

		if (w.up_only && !(header->ifi_flags & IFF_UP))
			return;
		/* Devices that have nothing to do with EDUINET are not shown. */
		if (found == by_device.end() && w.device.empty() &&
		    (narrowed || !is_eduinet_device(link)))
			return;
		link["addr_info"] = found == by_device.end() ? record::array() : found->second;
		list.add(link);
	});
	list.finish();
	return exit_ok;
}

/* What both adding and deleting say of an address. */
void put_address(request &ask, const context &ctx, const addr_wishes &w)
{
	auto &header = ask.put_header<ifaddrmsg>();
	in_addr_t local = w.local->address;
	in_addr_t peer = w.peer.value_or(local);

	header.ifa_family = static_cast<unsigned char>(ctx.family);
	header.ifa_prefixlen = static_cast<unsigned char>(w.local->length);
	header.ifa_index = static_cast<unsigned>(device_index(w.device));
	/* 127.0.0.0/8 never leaves the host, whatever the device. */
	bool loopback = (ntohl(local) >> 24) == 127;
	header.ifa_scope = w.scope.value_or(
		static_cast<std::uint8_t>(loopback ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE));
	ask.put_u32(IFA_LOCAL, local);
	ask.put_u32(IFA_ADDRESS, peer);
	if (!w.label.empty())
		ask.put_string(IFA_LABEL, w.label);
	if (w.broadcast == "+")
		ask.put_u32(IFA_BROADCAST, local | ~mask_of(w.local->length));
	else if (w.broadcast == "-")
		ask.put_u32(IFA_BROADCAST, local & mask_of(w.local->length));
	else if (!w.broadcast.empty())
		ask.put_u32(IFA_BROADCAST, parse_address(w.broadcast));
}

void need(const addr_wishes &w, const char *action)
{
	if (!w.local || w.device.empty())
		usage_error("write `edu addr {} ADDRESS/LENGTH dev NAME`", action);
}

int add_or_replace(context &ctx, const addr_wishes &w, const char *name, unsigned flags)
{
	static const reason reasons[] = {
		{EEXIST, "the device has this address already"},
		{EADDRNOTAVAIL, "that address cannot belong to a host"},
		{EINVAL, "that is not an address an interface can have"},
	};

	need(w, name);
	ctx.require_family();
	request ask(RTM_NEWADDR, flags);
	put_address(ask, ctx, w);
	ctx.rtnl().change(ask,
			  fmt::format("give {} the address {}/{}", w.device,
				      show_address(w.local->address), w.local->length),
			  reasons);
	return exit_ok;
}

int add(context &ctx, addr_wishes &w)
{
	return add_or_replace(ctx, w, "add", NLM_F_CREATE | NLM_F_EXCL);
}

int replace(context &ctx, addr_wishes &w)
{
	return add_or_replace(ctx, w, "replace", NLM_F_CREATE | NLM_F_REPLACE);
}

int del(context &ctx, addr_wishes &w)
{
	static const reason reasons[] = {
		{EADDRNOTAVAIL, "the device does not have it: `edu addr` lists what there is"},
	};

	need(w, "del");
	ctx.require_family();
	/* Without a length the device's own one is meant, as a person would expect. */
	if (!w.local->has_length) {
		addr_wishes all;

		all.device = w.device;
		for (const auto &info : list_addresses(ctx, all))
			if (info.local == w.local->address)
				w.local->length = info.header.ifa_prefixlen;
	}
	request ask(RTM_DELADDR, 0);
	put_address(ask, ctx, w);
	ctx.rtnl().change(ask,
			  fmt::format("take the address {}/{} from {}",
				      show_address(w.local->address), w.local->length, w.device),
			  reasons);
	return exit_ok;
}

int flush(context &ctx, addr_wishes &w)
{
	if (w.device.empty() && !w.local && w.label.empty())
		usage_error("flush needs to know what: `edu addr flush dev NAME` or `… to PREFIX`");
	for (const auto &info : list_addresses(ctx, w)) {
		request ask(RTM_DELADDR, 0);

		ask.put_header<ifaddrmsg>() = info.header;
		ask.put_u32(IFA_LOCAL, info.local);
		ask.put_u32(IFA_ADDRESS, info.peer);
		/* Secondary addresses may have gone with their primary one. */
		ctx.rtnl().try_change(ask, EADDRNOTAVAIL,
				      "take the address " + show_address(info.local) + " from " +
					      device_name(info.index));
	}
	return exit_ok;
}

const action actions[] = {
	{"show list lst ls", "interfaces and their addresses", show_keywords, show},
	{"add", "give a device an address, which attaches it to EDUINET", change_keywords, add},
	{"replace change", "the same; that it is there already is no error", change_keywords,
	 replace},
	{"del delete", "take an address away", change_keywords, del},
	{"flush", "take all addresses away", flush_keywords, flush},
};

} // namespace

int run_addr(context &ctx, words &in)
{
	return run_action(ctx, "addr", actions, in);
}

} // namespace edu
