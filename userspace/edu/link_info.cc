// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices as records and text, see link_info.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "link_info.hh"

#include "failure.hh"
#include "names.hh"

#include <eduinet.h>

#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>

#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>

namespace edu {

namespace {

const struct {
	unsigned bit; /* IFF_* */
	const char *name;
} flag_names[] = {
	{IFF_LOOPBACK, "LOOPBACK"},
	{IFF_BROADCAST, "BROADCAST"},
	{IFF_POINTOPOINT, "POINTOPOINT"},
	{IFF_MULTICAST, "MULTICAST"},
	{IFF_NOARP, "NOARP"},
	{IFF_ALLMULTI, "ALLMULTI"},
	{IFF_PROMISC, "PROMISC"},
	{IFF_MASTER, "MASTER"},
	{IFF_SLAVE, "SLAVE"},
	{IFF_DEBUG, "DEBUG"},
	{IFF_DYNAMIC, "DYNAMIC"},
	{IFF_AUTOMEDIA, "AUTOMEDIA"},
	{IFF_PORTSEL, "PORTSEL"},
	{IFF_NOTRAILERS, "NOTRAILERS"},
	{IFF_UP, "UP"},
	{IFF_LOWER_UP, "LOWER_UP"},
	{IFF_DORMANT, "DORMANT"},
	{IFF_ECHO, "ECHO"},
};

std::string link_type(unsigned short type)
{
	switch (type) {
	case ARPHRD_ETHER:
		return "ether";
	case ARPHRD_LOOPBACK:
		return "loopback";
	case ARPHRD_PPP:
		return "ppp";
	case ARPHRD_TUNNEL:
		return "ipip";
	case ARPHRD_NONE:
		return "none";
	}
	return fmt::format("[{}]", type);
}

record statistics(const rtnl_link_stats64 &s)
{
	return {{"rx",
		 {{"bytes", s.rx_bytes},
		  {"packets", s.rx_packets},
		  {"errors", s.rx_errors},
		  {"dropped", s.rx_dropped},
		  {"over_errors", s.rx_over_errors},
		  {"missed_errors", s.rx_missed_errors},
		  {"multicast", s.multicast}}},
		{"tx",
		 {{"bytes", s.tx_bytes},
		  {"packets", s.tx_packets},
		  {"errors", s.tx_errors},
		  {"dropped", s.tx_dropped},
		  {"carrier_errors", s.tx_carrier_errors},
		  {"collisions", s.collisions}}}};
}

/* The list of attached interfaces as it was read last; nothing: read it when it is needed. */
std::optional<std::string> attached_interfaces;

bool is_attached(const std::string &name)
{
	if (!attached_interfaces) {
		std::ifstream file("/proc/net/eduinet/interfaces");
		std::stringstream text;

		text << file.rdbuf();
		attached_interfaces = text.str();
	}
	std::istringstream in(*attached_interfaces);

	return lists_interface(in, name);
}

void add_peer(record &link, const attributes &attrs)
{
	if (attrs.has(IFLA_LINK)) {
		int peer = static_cast<int>(attrs.u32(IFLA_LINK));

		/* The other end of a pair in another namespace has no name here. */
		if (attrs.has(IFLA_LINK_NETNSID))
			link["link_index"] = peer;
		else if (peer)
			link["link"] = device_name(peer);
	}
}

/* to_one: a point-to-point link, whose "broadcast" is the other end. */
void add_addresses(record &link, const attributes &attrs, bool to_one)
{
	if (attrs.length(IFLA_ADDRESS)) {
		link["address"] =
			show_lladdr(attrs.data(IFLA_ADDRESS, 0), attrs.length(IFLA_ADDRESS));
		if (attrs.length(IFLA_BROADCAST))
			link[to_one ? "link_pointtopoint" : "broadcast"] = show_lladdr(
				attrs.data(IFLA_BROADCAST, 0), attrs.length(IFLA_BROADCAST));
	}
	if (attrs.has(IFLA_LINK_NETNSID))
		link["link_netnsid"] = static_cast<int>(attrs.u32(IFLA_LINK_NETNSID));
}

void add_kind(record &link, const attributes &attrs)
{
	attributes info(attrs.find(IFLA_LINKINFO));
	std::string kind = info.string(IFLA_INFO_KIND);

	if (kind.empty())
		return;
	link["linkinfo"]["info_kind"] = kind;
	attributes data(info.find(IFLA_INFO_DATA));
	if (kind == "eduinet" && data.has(IFLA_EDUINET_SEGMENT))
		link["linkinfo"]["info_data"]["segment"] = data.u32(IFLA_EDUINET_SEGMENT);
}

std::string statistics_text(const record &s)
{
	const record &rx = s["rx"], &tx = s["tx"];
	std::string text = "    RX:  bytes packets errors dropped  missed   mcast\n";
	auto number = [](const record &from, const char *key) {
		return from[key].get<unsigned long long>();
	};

	text += fmt::format("    {:>10} {:>7} {:>6} {:>7} {:>7} {:>7}\n", number(rx, "bytes"),
			    number(rx, "packets"), number(rx, "errors"), number(rx, "dropped"),
			    number(rx, "missed_errors"), number(rx, "multicast"));
	text += "    TX:  bytes packets errors dropped carrier collsns\n";
	text += fmt::format("    {:>10} {:>7} {:>6} {:>7} {:>7} {:>7}\n", number(tx, "bytes"),
			    number(tx, "packets"), number(tx, "errors"), number(tx, "dropped"),
			    number(tx, "carrier_errors"), number(tx, "collisions"));
	return text;
}

/* "@NAME" of the other end of a pair, "@ifN" when it is in another namespace. */
std::string peer_text(const record &link)
{
	return link.contains("link")	   ? "@" + value_of(link, "link") :
	       link.contains("link_index") ? "@if" + value_of(link, "link_index") :
					     "";
}

} // namespace

void forget_attached()
{
	attached_interfaces.reset();
}

bool lists_interface(std::istream &list, const std::string &name)
{
	for (std::string line; std::getline(list, line);) {
		std::istringstream fields(line);
		std::string first;

		fields >> first;
		if (!first.empty() && first.back() == ':')
			first.pop_back();
		if (first == name)
			return true;
	}
	return false;
}

record link_flags(unsigned flags, bool no_lower)
{
	record names = record::array();

	if (no_lower)
		names.push_back("NO-CARRIER");
	for (const auto &flag : flag_names)
		if (flags & flag.bit)
			names.push_back(flag.name);
	return names;
}

record link_record(const nlmsghdr *message, bool with_statistics)
{
	auto *header = static_cast<const ifinfomsg *>(mnl_nlmsg_get_payload(message));
	attributes attrs(message, sizeof(*header));
	unsigned flags = header->ifi_flags;
	record link;

	link["ifindex"] = header->ifi_index;
	link["ifname"] = attrs.string(IFLA_IFNAME);
	add_peer(link, attrs);
	link["flags"] = link_flags(flags, (flags & IFF_UP) && !(flags & IFF_RUNNING));
	link["mtu"] = attrs.u32(IFLA_MTU);
	if (attrs.has(IFLA_QDISC))
		link["qdisc"] = attrs.string(IFLA_QDISC);
	link["operstate"] = operational_states().name(attrs.u8(IFLA_OPERSTATE));
	link["linkmode"] = attrs.u8(IFLA_LINKMODE) ? "DORMANT" : "DEFAULT";
	std::uint32_t group = attrs.u32(IFLA_GROUP);
	link["group"] = group ? std::to_string(group) : "default";
	if (attrs.u32(IFLA_TXQLEN))
		link["txqlen"] = attrs.u32(IFLA_TXQLEN);
	link["link_type"] = link_type(header->ifi_type);
	add_addresses(link, attrs, flags & IFF_POINTOPOINT);
	add_kind(link, attrs);
	link["eduinet_attached"] = is_attached(link["ifname"]);
	if (const void *stats = attrs.data(IFLA_STATS64, sizeof(rtnl_link_stats64));
	    stats && with_statistics) {
		rtnl_link_stats64 copy; /* the attribute is aligned to four octets only */

		std::memcpy(&copy, stats, sizeof(copy));
		link["stats64"] = statistics(copy);
	}
	return link;
}

bool is_eduinet_device(const record &link)
{
	return link["ifname"] == "edulo" ||
	       (link.contains("linkinfo") && value_of(link["linkinfo"], "info_kind") == "eduinet");
}

std::string brief_head(const record &link)
{
	return fmt::format("{:<16} {:<14} ", value_of(link, "ifname") + peer_text(link),
			   value_of(link, "operstate"));
}

std::string brief_link_text(const record &link)
{
	return brief_head(link) + value_of(link, "address") + " <" + join(link["flags"], ",") +
	       "> \n";
}

std::string link_text(const record &link)
{
	std::string text = fmt::format("{}: {}{}: <{}>", value_of(link, "ifindex"),
				       value_of(link, "ifname"), peer_text(link),
				       join(link["flags"], ","));

	text += field(link, "mtu", "mtu") + field(link, "qdisc", "qdisc") +
		field(link, "operstate", "state") + field(link, "linkmode", "mode") +
		field(link, "group", "group") + field(link, "txqlen", "qlen") + "\n";
	text += "    link/" + value_of(link, "link_type") + field(link, "address", "") +
		field(link, "broadcast", "brd") + field(link, "link_pointtopoint", "peer") +
		field(link, "link_netnsid", "link-netnsid") + "\n";

	std::string own;
	if (link.contains("linkinfo")) {
		own += value_of(link["linkinfo"], "info_kind");
		if (link["linkinfo"].contains("info_data"))
			own += field(link["linkinfo"]["info_data"], "segment", "segment");
	}
	if (link["eduinet_attached"])
		own += std::string(own.empty() ? "" : " ") + "attached to EDUINET";
	if (!own.empty())
		text += "    " + own + "\n";
	if (link.contains("stats64"))
		text += statistics_text(link["stats64"]);
	return text;
}

void for_each_link(netlink &rtnl, const std::string &name,
		   const std::function<void(const nlmsghdr *)> &use)
{
	request ask(RTM_GETLINK, name.empty() ? NLM_F_DUMP : 0u);

	auto &header = ask.put_header<ifinfomsg>();
	if (!name.empty())
		header.ifi_index = device_index(name);
	rtnl.query(ask, name.empty() ? "list the devices" : "show the device " + name, use);
}

} // namespace edu
