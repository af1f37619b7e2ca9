// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu link`: devices, and above all those of kind eduinet, the virtual Ethernet whose stations meet
 * on numbered segments (TLK "Network Devices", requirement DEV-1).
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"
#include "failure.hh"
#include "iface_settings.hh"
#include "link_info.hh"
#include "names.hh"
#include "netlink.hh"

#include <edu/iface_tunables.h>
#include <eduinet.h>

#include <linux/if.h>
#include <linux/if_link.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>
#include <optional>

namespace edu {

namespace {

/* What the keywords of every action of `edu link` ask for. */
struct link_wishes {
	std::string device; /* name as it is now */
	std::string new_name;
	std::string kind;			   /* IFLA_INFO_KIND */
	std::string network_namespace;		   /* a name, a path or a process id */
	std::optional<std::uint32_t> segment, mtu; /* mtu in octets */
	std::optional<std::uint32_t> queue_length; /* packets */
	std::vector<std::uint8_t> address;	   /* hardware address; empty: not wanted */
	unsigned flags = 0, change = 0;		   /* IFF_*: values, and which of them to set */
	bool up_only = false;			   /* show: only what is up */
	bool details = false;			   /* show: settings too */
	std::vector<std::pair<const char *, unsigned long>> settings; /* name and value */
};

void want_flag(link_wishes &w, unsigned flag, bool on)
{
	w.change |= flag;
	w.flags = on ? w.flags | flag : w.flags & ~flag;
}

void want_mtu(link_wishes &w, const std::string &value)
{
	w.mtu = parse_number(value, "MTU", 68, 0x7fffffff);
}

void want_queue_length(link_wishes &w, const std::string &value)
{
	w.queue_length = parse_number(value, "txqueuelen", 0, 0x7fffffff);
}

void want_address(link_wishes &w, const std::string &value)
{
	w.address = parse_lladdr(value);
}

void want_segment(link_wishes &w, const std::string &value)
{
	w.segment = parse_number(value, "segment", 0, 0xffffffff);
}

void want_device(link_wishes &w, const std::string &value)
{
	check_device_name(value);
	w.device = value;
}

const keyword<link_wishes> show_keywords[] = {
	{{"dev", "NAME", "only this device", true}, want_device},
	{{"up", "", "only devices that are up"},
	 [](link_wishes &w, const std::string &) { w.up_only = true; }},
	{{"type", "KIND", "only devices of this kind"},
	 [](link_wishes &w, const std::string &value) { w.kind = value; }},
	{{"-d details", "", "EDUINET's settings of the interface too"},
	 [](link_wishes &w, const std::string &) { w.details = true; }},
};

const keyword<link_wishes> add_keywords[] = {
	{{"name dev", "NAME", "what the new device is called", true}, want_device},
	{{"type", "KIND", "default eduinet: a station on a virtual Ethernet cable"},
	 [](link_wishes &w, const std::string &value) { w.kind = value; }},
	{{"segment", "N", "the cable it sits on, default 0 (eduinet)"}, want_segment},
	{{"mtu", "N", "the largest packet in octets"}, want_mtu},
	{{"address lladdr", "LLADDR", "hardware address, default: chosen by chance"}, want_address},
	{{"txqueuelen txqlen qlen", "N", "how many packets may wait for the device"},
	 want_queue_length},
	{{"up", "", "bring it up at once"},
	 [](link_wishes &w, const std::string &) { want_flag(w, IFF_UP, true); }},
};

const keyword<link_wishes> set_keywords[] = {
	{{"dev", "NAME", "the device", true}, want_device},
	{{"up", "", "start it"},
	 [](link_wishes &w, const std::string &) { want_flag(w, IFF_UP, true); }},
	{{"down", "", "stop it"},
	 [](link_wishes &w, const std::string &) { want_flag(w, IFF_UP, false); }},
	{{"mtu", "N", "the largest packet in octets"}, want_mtu},
	{{"address lladdr", "LLADDR", "hardware address"}, want_address},
	{{"txqueuelen txqlen qlen", "N", "how many packets may wait for the device"},
	 want_queue_length},
	{{"segment", "N", "move it to another cable (eduinet)"}, want_segment},
	{{"promisc", "on|off", "take frames for other stations too"},
	 [](link_wishes &w, const std::string &value) {
		 want_flag(w, IFF_PROMISC, parse_switch(value, "promisc"));
	 }},
	{{"allmulticast", "on|off", "take the frames of all groups"},
	 [](link_wishes &w, const std::string &value) {
		 want_flag(w, IFF_ALLMULTI, parse_switch(value, "allmulticast"));
	 }},
	{{"arp", "on|off", "resolve addresses on it by ARP"},
	 [](link_wishes &w, const std::string &value) {
		 want_flag(w, IFF_NOARP, !parse_switch(value, "arp"));
	 }},
	{{"multicast", "on|off", "may send multicast"},
	 [](link_wishes &w, const std::string &value) {
		 want_flag(w, IFF_MULTICAST, parse_switch(value, "multicast"));
	 }},
	{{"name", "NEW", "rename it (it must be down)"},
	 [](link_wishes &w, const std::string &value) {
		 check_device_name(value);
		 w.new_name = value;
	 }},
	{{"netns", "NAME", "move it to another network namespace (or a process's)"},
	 [](link_wishes &w, const std::string &value) { w.network_namespace = value; }},
#define EDU_SETTING_KEYWORD(name, initial, least, most, rule, text)                                \
	{{#name, (most) == 1 ? "on|off" : #least "…" #most, text},                                 \
	 [](link_wishes &w, const std::string &value) {                                            \
		 w.settings.emplace_back(#name, parse_setting(#name, least, most, value));         \
	 }},
	EDU_IFACE_TUNABLES(EDU_SETTING_KEYWORD)
#undef EDU_SETTING_KEYWORD
};

const keyword<link_wishes> del_keywords[] = {
	{{"dev", "NAME", "the device", true}, want_device},
	{{"type", "KIND", "for iproute2's habit; must be the device's kind"},
	 [](link_wishes &w, const std::string &value) { w.kind = value; }},
};

void need_device(const link_wishes &w, const char *action)
{
	if (w.device.empty())
		usage_error("which device? `edu link {} NAME …`; `edu link` lists them", action);
}

/* conf/all and conf/default, which have settings and nothing else. */
int show_settings_folder(context &ctx, const link_wishes &w)
{
	record_list list(ctx, std::cout, [](const record &item) {
		return value_of(item, "ifname") + ":\n" + settings_text(item["eduinet_settings"]);
	});

	ctx.require_family();
	list.add({{"ifname", w.device}, {"eduinet_settings", read_settings(w.device)}});
	list.finish();
	return exit_ok;
}

int show(context &ctx, link_wishes &w)
{
	record_list list(ctx, std::cout, [&](const record &link) {
		if (ctx.brief)
			return brief_link_text(link);
		return link_text(link) + (link.contains("eduinet_settings") ?
						  settings_text(link["eduinet_settings"]) :
						  "");
	});

	if (is_settings_folder(w.device))
		return show_settings_folder(ctx, w);

	for_each_link(ctx.rtnl(), w.device, [&](const nlmsghdr *message) {
		auto *header = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
		record link = link_record(message, ctx.statistics);

		if (w.up_only && !(header->ifi_flags & IFF_UP))
			return;
		if (!w.kind.empty() &&
		    (!link.contains("linkinfo") || link["linkinfo"]["info_kind"] != w.kind))
			return;
		if ((w.details || ctx.details) && link["eduinet_attached"])
			link["eduinet_settings"] = read_settings(link["ifname"]);
		list.add(link);
	});
	list.finish();
	return exit_ok;
}

void put_kind(request &ask, const link_wishes &w)
{
	nlattr *info = ask.begin_nest(IFLA_LINKINFO);

	ask.put_string(IFLA_INFO_KIND, w.kind);
	if (w.segment) {
		nlattr *data = ask.begin_nest(IFLA_INFO_DATA);

		ask.put_u32(IFLA_EDUINET_SEGMENT, *w.segment);
		ask.end_nest(data);
	}
	ask.end_nest(info);
}

/* A segment is data of the kind eduinet; for another kind the number would mean something else. */
void check_segment(const link_wishes &w)
{
	if (w.segment && w.kind != "eduinet")
		usage_error("only devices of type eduinet sit on a segment, not those of type {}",
			    w.kind.empty() ? "(none)" : w.kind);
}

int add(context &ctx, link_wishes &w)
{
	static const reason reasons[] = {
		{EEXIST, "a device of that name exists already: `edu link` lists them"},
		{EOPNOTSUPP, "the kernel knows no such type of device"},
	};

	need_device(w, "add");
	if (w.kind.empty())
		w.kind = "eduinet";
	check_segment(w);
	if (w.kind == "eduinet" && ctx.own_family)
		ctx.require_family();

	request ask(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	auto &header = ask.put_header<ifinfomsg>();
	header.ifi_flags = w.flags;
	header.ifi_change = w.change;
	ask.put_string(IFLA_IFNAME, w.device);
	if (w.mtu)
		ask.put_u32(IFLA_MTU, *w.mtu);
	if (w.queue_length)
		ask.put_u32(IFLA_TXQLEN, *w.queue_length);
	if (!w.address.empty())
		ask.put(IFLA_ADDRESS, w.address.data(), w.address.size());
	put_kind(ask, w);
	ctx.rtnl().change(ask, "add the device " + w.device, reasons);
	return exit_ok;
}

/* The kind of a device, "" when it has none. */
std::string kind_of(netlink &rtnl, const std::string &device)
{
	std::string kind;

	for_each_link(rtnl, device, [&](const nlmsghdr *message) {
		record link = link_record(message, false);

		if (link.contains("linkinfo"))
			kind = value_of(link["linkinfo"], "info_kind");
	});
	return kind;
}

/* Sends one attribute group to the device. */
template <class filler>
void set_some(context &ctx, int index, const std::string &what, filler fill)
{
	static const reason reasons[] = {
		{EBUSY, "it is up: take it down first (`edu link set NAME down`)"},
		{EEXIST, "a device of that name exists already"},
		{EADDRNOTAVAIL,
		 "that hardware address cannot be a station's: it is zero or a group's"},
		{EOPNOTSUPP, "this device cannot do it"},
		{EINVAL, "the device does not allow that value"},
		{ENETDOWN, "the device is down"},
	};
	request ask(RTM_NEWLINK, 0);
	auto &header = ask.put_header<ifinfomsg>();

	header.ifi_index = index;
	fill(ask, header);
	ctx.rtnl().change(ask, what, reasons);
}

void move_to_namespace(context &ctx, int index, const link_wishes &w)
{
	int fd = open_namespace(w.network_namespace);
	bool is_number = w.network_namespace.find_first_not_of("0123456789") == std::string::npos;

	if (fd < 0 && !is_number)
		usage_error("no network namespace named {}: `ip netns` lists them",
			    w.network_namespace);
	std::uint32_t id = fd >= 0 ? static_cast<std::uint32_t>(fd) :
				     static_cast<std::uint32_t>(parse_number(
					     w.network_namespace, "process id", 1, 0x7fffffff));
	set_some(ctx, index, "move " + w.device + " to the namespace " + w.network_namespace,
		 [&](request &ask, ifinfomsg &) {
			 ask.put_u32(fd >= 0 ? IFLA_NET_NS_FD : IFLA_NET_NS_PID, id);
		 });
	if (fd >= 0)
		close(fd);
}

bool changes_the_device(const link_wishes &w)
{
	return w.change || !w.new_name.empty() || !w.network_namespace.empty() || w.segment ||
	       w.mtu || w.queue_length || !w.address.empty();
}

void set_settings(context &ctx, const link_wishes &w)
{
	ctx.require_family();
	for (const auto &[name, value] : w.settings)
		write_setting(w.device, name, value);
}

int set(context &ctx, link_wishes &w)
{
	need_device(w, "set");
	if (is_settings_folder(w.device)) {
		if (changes_the_device(w) || w.settings.empty())
			usage_error(
				"`{}` has EDUINET's settings only: `edu link set {} forwarding on`",
				w.device, w.device);
		set_settings(ctx, w);
		return exit_ok;
	}
	int index = device_index(w.device);
	bool down = (w.change & IFF_UP) && !(w.flags & IFF_UP);

	if (!changes_the_device(w) && w.settings.empty())
		usage_error("what should be set? `edu link set help` lists it");
	/* First, while the device has the name that was given. */
	if (!w.settings.empty())
		set_settings(ctx, w);
	if (w.segment) {
		w.kind = kind_of(ctx.rtnl(), w.device);
		check_segment(w);
	}
	/* In the order in which the kernel would: down before what needs it, up after. */
	if (down)
		set_some(ctx, index, "take " + w.device + " down",
			 [](request &, ifinfomsg &header) { header.ifi_change = IFF_UP; });
	if (!w.new_name.empty())
		set_some(ctx, index, "rename " + w.device + " to " + w.new_name,
			 [&](request &ask, ifinfomsg &) {
				 ask.put_string(IFLA_IFNAME, w.new_name);
			 });
	if (w.mtu)
		set_some(ctx, index, fmt::format("set the MTU of {} to {}", w.device, *w.mtu),
			 [&](request &ask, ifinfomsg &) { ask.put_u32(IFLA_MTU, *w.mtu); });
	if (w.queue_length)
		set_some(ctx, index,
			 fmt::format("set the queue of {} to {}", w.device, *w.queue_length),
			 [&](request &ask, ifinfomsg &) {
				 ask.put_u32(IFLA_TXQLEN, *w.queue_length);
			 });
	if (!w.address.empty())
		set_some(ctx, index, "set the hardware address of " + w.device,
			 [&](request &ask, ifinfomsg &) {
				 ask.put(IFLA_ADDRESS, w.address.data(), w.address.size());
			 });
	if (w.segment)
		set_some(ctx, index, fmt::format("move {} to segment {}", w.device, *w.segment),
			 [&](request &ask, ifinfomsg &) { put_kind(ask, w); });
	if (unsigned rest = down ? w.change & ~static_cast<unsigned>(IFF_UP) : w.change)
		set_some(ctx, index, "change the flags of " + w.device,
			 [&](request &, ifinfomsg &header) {
				 header.ifi_change = rest;
				 header.ifi_flags = w.flags & rest;
			 });
	if (!w.network_namespace.empty())
		move_to_namespace(ctx, index, w);
	return exit_ok;
}

int del(context &ctx, link_wishes &w)
{
	static const reason reasons[] = {
		{EOPNOTSUPP, "a device of this kind cannot be deleted"},
		{EBUSY, "it is in use"},
	};

	need_device(w, "del");
	int index = device_index(w.device);
	if (!w.kind.empty() && kind_of(ctx.rtnl(), w.device) != w.kind)
		usage_error("{} is not of type {}", w.device, w.kind);
	request ask(RTM_DELLINK, 0);
	ask.put_header<ifinfomsg>().ifi_index = index;
	ctx.rtnl().change(ask, "delete the device " + w.device, reasons);
	return exit_ok;
}

const action actions[] = {
	{"show list lst ls", "devices, their segment, and whether EDUINET is attached",
	 show_keywords, show},
	{"add", "make a device", add_keywords, add},
	{"set", "change a device, or EDUINET's settings of it (of `all`, of `default`)",
	 set_keywords, set},
	{"del delete", "remove a device", del_keywords, del},
};

} // namespace

int run_link(context &ctx, words &in)
{
	return run_action(ctx, "link", actions, in);
}

} // namespace edu
