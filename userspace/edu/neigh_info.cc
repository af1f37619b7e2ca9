// SPDX-License-Identifier: GPL-2.0-only
/*
 * Entries of the ARP table as records and text, see neigh_info.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "neigh_info.hh"

#include "names.hh"

#include <unistd.h>

#include <cstring>

namespace edu {

neigh_info read_neigh(const nlmsghdr *message)
{
	auto *header = static_cast<const ndmsg *>(mnl_nlmsg_get_payload(message));
	attributes attrs(message, sizeof(*header));
	neigh_info info{};

	info.header = *header;
	info.address = attrs.u32(NDA_DST);
	info.lladdr = show_lladdr(attrs.data(NDA_LLADDR, 0), attrs.length(NDA_LLADDR));
	if (attrs.has(NDA_PROBES))
		info.probes = attrs.u32(NDA_PROBES);
	if (const void *data = attrs.data(NDA_CACHEINFO, sizeof(nda_cacheinfo))) {
		info.cache.emplace();
		std::memcpy(&*info.cache, data, sizeof(*info.cache));
	}
	return info;
}

record neigh_record(const neigh_info &info, bool with_statistics)
{
	long ticks = sysconf(_SC_CLK_TCK);
	record item;

	item["dst"] = show_address(info.address);
	if (info.header.ndm_ifindex)
		item["dev"] = device_name(info.header.ndm_ifindex);
	if (!info.lladdr.empty())
		item["lladdr"] = info.lladdr;
	if (info.header.ndm_flags & NTF_PROXY)
		item["proxy"] = nullptr;
	if (with_statistics && info.cache) {
		item["refcnt"] = info.cache->ndm_refcnt;
		item["used"] = info.cache->ndm_used / ticks;
		item["confirmed"] = info.cache->ndm_confirmed / ticks;
		item["updated"] = info.cache->ndm_updated / ticks;
	}
	if (with_statistics && info.probes)
		item["probes"] = *info.probes;
	item["state"] = show_nud(info.header.ndm_state);
	return item;
}

std::string neigh_text(const record &item)
{
	std::string text =
		value_of(item, "dst") + field(item, "dev", "dev") + field(item, "lladdr", "lladdr");

	if (item.contains("proxy"))
		text += " proxy";
	if (item.contains("used"))
		text += " ref " + value_of(item, "refcnt") + " used " + value_of(item, "used") +
			"/" + value_of(item, "confirmed") + "/" + value_of(item, "updated");
	text += field(item, "probes", "probes");
	return text + " " + join(item["state"], ",") + "\n";
}

} // namespace edu
