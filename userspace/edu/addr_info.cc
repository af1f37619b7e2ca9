// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses of interfaces as records and text, see addr_info.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "addr_info.hh"

#include "names.hh"

#include <fmt/format.h>

#include <cstring>

namespace edu {

address_info read_address(const nlmsghdr *message)
{
	auto *header = static_cast<const ifaddrmsg *>(mnl_nlmsg_get_payload(message));
	attributes attrs(message, sizeof(*header));
	address_info info{};

	info.header = *header;
	info.index = static_cast<int>(header->ifa_index);
	info.peer = attrs.u32(IFA_ADDRESS);
	info.local = attrs.u32(IFA_LOCAL, info.peer);
	if (!attrs.has(IFA_ADDRESS))
		info.peer = info.local;
	info.broadcast = attrs.u32(IFA_BROADCAST);
	info.label = attrs.string(IFA_LABEL);
	info.times.ifa_prefered = info.times.ifa_valid = 0xffffffff;
	if (const void *times = attrs.data(IFA_CACHEINFO, sizeof(info.times)))
		std::memcpy(&info.times, times, sizeof(info.times));
	return info;
}

record address_record(const address_info &info)
{
	record item;

	item["family"] = "inet";
	item["local"] = show_address(info.local);
	if (info.peer != info.local)
		item["address"] = show_address(info.peer);
	item["prefixlen"] = info.header.ifa_prefixlen;
	if (info.broadcast)
		item["broadcast"] = show_address(info.broadcast);
	item["scope"] = route_scopes().name(info.header.ifa_scope);
	if (info.header.ifa_flags & IFA_F_SECONDARY)
		item["secondary"] = true;
	if (info.header.ifa_flags & IFA_F_TENTATIVE)
		item["tentative"] = true;
	if (info.header.ifa_flags & IFA_F_DADFAILED)
		item["dadfailed"] = true;
	if (!info.label.empty())
		item["label"] = info.label;
	item["valid_life_time"] = info.times.ifa_valid;
	item["preferred_life_time"] = info.times.ifa_prefered;
	return item;
}

namespace {

std::string life_time(const record &item, const char *key)
{
	auto seconds = item[key].get<std::uint32_t>();

	return seconds == 0xffffffff ? "forever" : fmt::format("{}sec", seconds);
}

} // namespace

std::string address_text(const record &item)
{
	std::string text = "inet " + value_of(item, "local");

	if (item.contains("address"))
		text += " peer " + value_of(item, "address");
	text += "/" + value_of(item, "prefixlen") + field(item, "broadcast", "brd") +
		field(item, "scope", "scope");
	if (item.contains("secondary"))
		text += " secondary";
	if (item.contains("tentative"))
		text += " tentative";
	if (item.contains("dadfailed"))
		text += " dadfailed";
	text += field(item, "label", "") + "\n";
	return text + "       valid_lft " + life_time(item, "valid_life_time") + " preferred_lft " +
	       life_time(item, "preferred_life_time") + "\n";
}

} // namespace edu
