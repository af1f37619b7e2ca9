// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu maddr`: the groups that interfaces hear, as `ip maddr` (requirement UDP-3: multicast).
 *
 * Internet groups are joined by sockets (IP_ADD_MEMBERSHIP) and only shown here. Groups of the device
 * are the kernel's own; they can be written by hand, as with iproute2.
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"
#include "failure.hh"
#include "maddr_table.hh"
#include "names.hh"

#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>

namespace edu {

namespace {

struct maddr_wishes {
	std::string device;
	std::vector<std::uint8_t> lladdr;
};

void want_device(maddr_wishes &w, const std::string &value)
{
	check_device_name(value);
	w.device = value;
}

const keyword<maddr_wishes> show_keywords[] = {
	{{"dev", "NAME", "only this device", true}, want_device},
};

const keyword<maddr_wishes> change_keywords[] = {
	{{"address", "LLADDR", "the group's hardware address", true},
	 [](maddr_wishes &w, const std::string &value) { w.lladdr = parse_lladdr(value); }},
	{{"dev", "NAME", "the device"}, want_device},
};

int show(context &ctx, maddr_wishes &w)
{
	std::map<int, std::string> devices; /* index to name */
	record_list list(ctx, std::cout, maddr_text);

	ctx.require_family();
	std::ifstream inet_file("/proc/net/eduinet/igmp"), link_file("/proc/net/dev_mcast");
	if (!inet_file)
		refused("/proc/net/eduinet/igmp cannot be read: this module has no multicast");
	auto inet = read_inet_groups(inet_file);
	auto link = read_link_groups(link_file);
	/* Those EDUINET is attached to: each of them is in the group of all hosts. */
	if (w.device.empty())
		for (const auto &group : inet)
			devices[group.index] = group.device;
	else
		devices[device_index(w.device)] = w.device;
	for (const auto &[index, name] : devices)
		list.add(maddr_record(index, name, link, inet));
	list.finish();
	return exit_ok;
}

int change(context &ctx, const maddr_wishes &w, unsigned long wanted, const char *name,
	   const char *what)
{
	ifreq asked{};

	if (w.lladdr.empty() || w.device.empty())
		usage_error("write `edu maddr {} LLADDR dev NAME`: Internet groups are joined by "
			    "sockets, not here",
			    name);
	ctx.require_family();
	device_index(w.device);
	w.device.copy(asked.ifr_name, sizeof(asked.ifr_name) - 1);
	std::copy(w.lladdr.begin(), w.lladdr.end(), asked.ifr_hwaddr.sa_data);
	int fd = socket(ctx.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int result = ioctl(fd, wanted, &asked);
	int error = errno;
	close(fd);
	if (result >= 0)
		return exit_ok;

	std::string lladdr = show_lladdr(w.lladdr.data(), w.lladdr.size());
	switch (error) {
	case EPERM:
		refused("cannot {} {} on {}: this needs CAP_NET_ADMIN in the namespace: try as root",
			what, lladdr, w.device);
	case ENOENT:
		refused("cannot {} {} on {}: `edu maddr` lists what there is", what, lladdr,
			w.device);
	case EINVAL:
		refused("cannot {} {} on {}: the device has no groups", what, lladdr, w.device);
	default:
		refused("cannot {} {} on {}: {}", what, lladdr, w.device, std::strerror(error));
	}
}

int add(context &ctx, maddr_wishes &w)
{
	return change(ctx, w, SIOCADDMULTI, "add", "hear the group");
}

int del(context &ctx, maddr_wishes &w)
{
	return change(ctx, w, SIOCDELMULTI, "del", "give up the group");
}

const action actions[] = {
	{"show list lst ls", "groups that interfaces hear", show_keywords, show},
	{"add", "let a device hear a group of its link", change_keywords, add},
	{"del delete", "the opposite", change_keywords, del},
};

} // namespace

int run_maddr(context &ctx, words &in)
{
	return run_action(ctx, "maddr", actions, in);
}

} // namespace edu
