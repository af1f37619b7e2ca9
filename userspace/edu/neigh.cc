// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu neigh`: the ARP table (TLK "The Address Resolution Protocol (ARP)", requirements ARP-1 to
 * ARP-12).
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"
#include "failure.hh"
#include "link_info.hh"
#include "monitor.hh"
#include "names.hh"
#include "neigh_info.hh"

#include <linux/if_link.h>
#include <linux/neighbour.h>

#include <cerrno>
#include <iostream>
#include <optional>

namespace edu {

namespace {

struct neigh_wishes {
	std::optional<prefix> to; /* the Internet address, or a network for show and flush */
	std::string device;
	std::vector<std::uint8_t> lladdr;   /* empty: not given */
	std::optional<std::uint16_t> state; /* NUD_*; 0xffff: all */
	bool proxy = false;		    /* answered for by this host (ATF_PUBL) */
};

void want_to(neigh_wishes &w, const std::string &value)
{
	w.to = parse_prefix(value);
}

void want_device(neigh_wishes &w, const std::string &value)
{
	check_device_name(value);
	w.device = value;
}

void want_state(neigh_wishes &w, const std::string &value)
{
	w.state = value == "all" ? 0xffff : parse_nud(value);
}

void want_proxy(neigh_wishes &w, const std::string &)
{
	w.proxy = true;
}

const keyword<neigh_wishes> change_keywords[] = {
	{{"to", "IP", "the neighbour's Internet address or name", true}, want_to},
	{{"lladdr", "LL", "its hardware address"},
	 [](neigh_wishes &w, const std::string &value) { w.lladdr = parse_lladdr(value); }},
	{{"dev", "NAME", "the device it is reached by"}, want_device},
	{{"nud state", "STATE", "permanent (the default), reachable, stale …"}, want_state},
	{{"proxy published", "", "this host answers ARP requests for it"}, want_proxy},
};

const keyword<neigh_wishes> show_keywords[] = {
	{{"to", "PREFIX", "only neighbours in this network", true}, want_to},
	{{"dev", "NAME", "only neighbours on this device"}, want_device},
	{{"nud state", "STATE", "only entries in this state, or all"}, want_state},
	{{"proxy published", "", "the addresses this host answers for"}, want_proxy},
};

template <class user>
void list_neighbours(context &ctx, const neigh_wishes &w, user use)
{
	int index = w.device.empty() ? 0 : device_index(w.device);
	request ask(RTM_GETNEIGH, NLM_F_DUMP);
	auto &header = ask.put_header<ndmsg>();

	ctx.require_family();
	header.ndm_family = static_cast<unsigned char>(ctx.family);
	header.ndm_flags = w.proxy ? NTF_PROXY : 0;
	ctx.rtnl().query(ask, "list the neighbours", [&](const nlmsghdr *message) {
		neigh_info info = read_neigh(message);
		bool proxy = info.header.ndm_flags & NTF_PROXY;
		unsigned state = info.header.ndm_state;

		if (message->nlmsg_type != RTM_NEWNEIGH || info.header.ndm_family != ctx.family ||
		    (index && info.header.ndm_ifindex != index) ||
		    (w.to && !contains(*w.to, info.address)))
			return;
		if (w.proxy && !proxy)
			return;
		/* Stations that need no ARP (loopback, groups) are shown when asked for. */
		if (!proxy &&
		    (w.state ? *w.state != 0xffff && !(state & *w.state) && state != *w.state :
			       (state & NUD_NOARP)))
			return;
		use(info);
	});
}

int show(context &ctx, neigh_wishes &w)
{
	record_list list(ctx, std::cout, neigh_text);

	list_neighbours(ctx, w, [&](const neigh_info &info) {
		list.add(neigh_record(info, ctx.statistics));
	});
	list.finish();
	return exit_ok;
}

/* A proxy answers with the hardware address of its own device. */
std::vector<std::uint8_t> address_of_device(context &ctx, const std::string &device)
{
	std::vector<std::uint8_t> address;

	for_each_link(ctx.rtnl(), device, [&](const nlmsghdr *message) {
		attributes attrs(message, sizeof(ifinfomsg));
		auto *octets = static_cast<const std::uint8_t *>(attrs.data(IFLA_ADDRESS, 0));

		if (octets)
			address.assign(octets, octets + attrs.length(IFLA_ADDRESS));
	});
	return address;
}

std::string in_words(const neigh_wishes &w)
{
	return "the neighbour " + show_address(w.to->address) +
	       (w.device.empty() ? "" : " on " + w.device);
}

void put_neighbour(request &ask, const context &ctx, const neigh_wishes &w)
{
	auto &header = ask.put_header<ndmsg>();

	header.ndm_family = static_cast<unsigned char>(ctx.family);
	header.ndm_ifindex = w.device.empty() ? 0 : device_index(w.device);
	header.ndm_state = w.state.value_or(NUD_PERMANENT);
	header.ndm_flags = w.proxy ? NTF_PROXY : 0;
	ask.put_u32(NDA_DST, w.to->address);
	if (!w.lladdr.empty())
		ask.put(NDA_LLADDR, w.lladdr.data(), w.lladdr.size());
}

void need(const neigh_wishes &w, const char *name)
{
	/* A proxy answers on every device when none is named. */
	if (!w.to || (w.device.empty() && !w.proxy))
		usage_error("write `edu neigh {} IP lladdr LL dev NAME`", name);
	if (w.to->length != 32)
		usage_error("a neighbour is one host, not a network");
}

int add_or_replace(context &ctx, neigh_wishes &w, unsigned flags, const char *name)
{
	static const reason reasons[] = {
		{EEXIST, "the table has it already: `edu neigh replace` changes it"},
		{ENOENT, "the table does not have it: `edu neigh` lists what there is"},
		{EINVAL,
		 "the hardware address is missing or not one a station on this device can have"},
		{ENODEV,
		 "the device has no EDUINET address yet: `edu addr add ADDRESS/LENGTH dev NAME`"},
		{ENOBUFS, "the table is full (/proc/sys/net/eduinet/arp_max_entries)"},
	};

	need(w, name);
	if (w.lladdr.empty() && !w.proxy &&
	    (w.state.value_or(NUD_PERMANENT) & (NUD_PERMANENT | NUD_REACHABLE)))
		usage_error("which hardware address? `edu neigh {} IP lladdr LL dev NAME`", name);
	ctx.require_family();
	if (w.proxy && w.lladdr.empty() && !w.device.empty())
		w.lladdr = address_of_device(ctx, w.device);
	request ask(RTM_NEWNEIGH, flags);
	put_neighbour(ask, ctx, w);
	ctx.rtnl().change(ask, std::string(name) + " " + in_words(w), reasons);
	return exit_ok;
}

int add(context &ctx, neigh_wishes &w)
{
	return add_or_replace(ctx, w, NLM_F_CREATE | NLM_F_EXCL, "add");
}

int replace(context &ctx, neigh_wishes &w)
{
	return add_or_replace(ctx, w, NLM_F_CREATE | NLM_F_REPLACE, "replace");
}

int change(context &ctx, neigh_wishes &w)
{
	return add_or_replace(ctx, w, NLM_F_REPLACE, "change");
}

int del(context &ctx, neigh_wishes &w)
{
	static const reason reasons[] = {
		{ENOENT, "the table does not have it: `edu neigh` lists what there is"},
	};

	need(w, "del");
	ctx.require_family();
	request ask(RTM_DELNEIGH, 0);
	put_neighbour(ask, ctx, w);
	ctx.rtnl().change(ask, "delete " + in_words(w), reasons);
	return exit_ok;
}

int flush(context &ctx, neigh_wishes &w)
{
	std::vector<neigh_info> doomed;

	if (!w.to && w.device.empty() && !w.state && !w.proxy)
		usage_error(
			"flush needs to know what: `edu neigh flush dev NAME`, `… PREFIX` or `… nud all`");
	list_neighbours(ctx, w, [&](const neigh_info &info) {
		/* What an operator wrote down stays unless he asks for it. */
		if (w.state || w.proxy || !(info.header.ndm_state & (NUD_PERMANENT | NUD_NOARP)))
			doomed.push_back(info);
	});
	for (const auto &info : doomed) {
		request ask(RTM_DELNEIGH, 0);

		ask.put_header<ndmsg>() = info.header;
		ask.put_u32(NDA_DST, info.address);
		ctx.rtnl().try_change(ask, ENOENT,
				      "delete the neighbour " + show_address(info.address));
	}
	return exit_ok;
}

int get(context &ctx, neigh_wishes &w)
{
	static const reason reasons[] = {
		{ENOENT, "the table does not have it: `edu neigh` lists what there is"},
	};
	record_list list(ctx, std::cout, neigh_text);

	if (!w.to || (w.device.empty() && !w.proxy))
		usage_error("write `edu neigh get IP dev NAME`");
	if (w.to->length != 32)
		usage_error("a neighbour is one host, not a network");
	ctx.require_family();
	request ask(RTM_GETNEIGH, 0);
	auto &header = ask.put_header<ndmsg>();
	header.ndm_family = static_cast<unsigned char>(ctx.family);
	header.ndm_ifindex = w.device.empty() ? 0 : device_index(w.device);
	header.ndm_flags = w.proxy ? NTF_PROXY : 0;
	ask.put_u32(NDA_DST, w.to->address);
	ctx.rtnl().query(
		ask, "show " + in_words(w),
		[&](const nlmsghdr *message) {
			if (message->nlmsg_type == RTM_NEWNEIGH)
				list.add(neigh_record(read_neigh(message), ctx.statistics));
		},
		reasons);
	list.finish();
	return exit_ok;
}

int monitor_neighbours(context &ctx, monitor_wishes &w)
{
	w.neigh = true;
	return monitor(ctx, w);
}

const keyword<neigh_wishes> get_keywords[] = {
	{{"to", "IP", "the neighbour's Internet address or name", true}, want_to},
	{{"dev", "NAME", "the device it is reached by"}, want_device},
	{{"proxy published", "", "the entry by which this host answers for it"}, want_proxy},
};

const action actions[] = {
	{"show list lst ls", "the ARP table", show_keywords, show},
	{"add", "write an entry", change_keywords, add},
	{"del delete", "remove an entry", change_keywords, del},
	{"replace", "write an entry, or change it when it is there", change_keywords, replace},
	{"change", "change an entry that is there", change_keywords, change},
	{"flush", "remove the entries learned, not those written by hand", show_keywords, flush},
	{"get", "one entry", get_keywords, get},
	{"monitor", "tell of entries that come, change and go until interrupted", monitor_keywords,
	 monitor_neighbours},
};

} // namespace

int run_neigh(context &ctx, words &in)
{
	return run_action(ctx, "neigh", actions, in);
}

} // namespace edu
