// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tables of groups, see maddr_table.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "maddr_table.hh"

#include "failure.hh"
#include "names.hh"

#include <charconv>
#include <sstream>

namespace edu {

namespace {

[[noreturn]] void senseless(const char *table, const std::string &line)
{
	refused("{} makes no sense: is this tool as old as the module? It says `{}`", table, line);
}

/* "015e0001ff" as octets; empty when it is not hexadecimal. */
std::vector<std::uint8_t> octets_of(const std::string &digits)
{
	std::vector<std::uint8_t> octets(digits.size() / 2);

	for (std::size_t i = 0; i < octets.size(); i++) {
		const char *at = digits.data() + 2 * i;
		auto [stop, error] = std::from_chars(at, at + 2, octets[i], 16);

		if (error != std::errc() || stop != at + 2)
			return {};
	}
	return digits.size() % 2 ? std::vector<std::uint8_t>() : octets;
}

} // namespace

/* Behind the heading: "2\te0        :     1      V2", and for each group of the interface
 * "\t\t\t\t010000E0     1 0:00000000\t\t0". The group is the octets in memory read as a number. */
std::vector<inet_group> read_inet_groups(std::istream &in)
{
	std::vector<inet_group> list;
	std::string line, name;
	int index = 0;

	std::getline(in, line);
	while (std::getline(in, line)) {
		std::istringstream words(line);

		if (line.starts_with("\t")) {
			inet_group group{.index = index, .device = name, .address = 0, .users = 0};

			if (!index ||
			    !(words >> std::hex >> group.address >> std::dec >> group.users))
				senseless("/proc/net/eduinet/igmp", line);
			list.push_back(group);
		} else if (!(words >> index >> name) || index <= 0) {
			senseless("/proc/net/eduinet/igmp", line);
		} else if (name.ends_with(":")) {
			name.pop_back(); /* a name of ten characters or more has no blank behind it */
		}
	}
	return list;
}

/* "2    e0              1     0     01005e000001" */
std::vector<link_group> read_link_groups(std::istream &in)
{
	std::vector<link_group> list;
	std::string line;

	while (std::getline(in, line)) {
		std::istringstream words(line);
		link_group group{};
		std::string digits;

		if (!(words >> group.index >> group.device >> group.users >> group.fixed >> digits))
			senseless("/proc/net/dev_mcast", line);
		std::vector<std::uint8_t> octets = octets_of(digits);
		if (octets.empty())
			senseless("/proc/net/dev_mcast", line);
		group.lladdr = show_lladdr(octets.data(), octets.size());
		list.push_back(group);
	}
	return list;
}

record maddr_record(int index, const std::string &device, const std::vector<link_group> &link,
		    const std::vector<inet_group> &inet)
{
	record groups = record::array(), item;

	auto add = [&](record group, unsigned users, bool fixed) {
		if (users != 1)
			group["users"] = users;
		if (fixed)
			group["features"] = "static";
		groups.push_back(group);
	};
	for (const auto &group : link)
		if (group.index == index)
			add({{"link", group.lladdr}}, group.users, group.fixed);
	for (const auto &group : inet)
		if (group.index == index)
			add({{"family", "inet"}, {"address", show_address(group.address)}},
			    group.users, false);
	item["ifindex"] = index;
	item["ifname"] = device;
	item["maddr"] = groups;
	return item;
}

std::string maddr_text(const record &item)
{
	std::string text = value_of(item, "ifindex") + ":\t" + value_of(item, "ifname") + "\n";

	for (const auto &group : item["maddr"]) {
		text += group.contains("link") ? "\tlink  " + value_of(group, "link") :
						 "\tinet  " + value_of(group, "address");
		text += field(group, "users", "users");
		if (group.contains("features"))
			text += " " + value_of(group, "features");
		text += "\n";
	}
	return text;
}

} // namespace edu
