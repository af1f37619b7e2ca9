// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses of interfaces: SIOCGIFCONF and getifaddrs(), see interfaces.hh.
 *
 * getifaddrs() asks the C library for the devices (AF_PACKET) and puts our addresses in the place of
 * Linux's. All lies in one block of memory, as in the C library, whose freeifaddrs() frees it.
 *
 * Locking: none.
 */
#include "interfaces.hh"

#include "memory.hh"
#include "real.hh"

#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netpacket/packet.h>

#include <cstdlib>
#include <cstring>

namespace edu::wrap {

namespace {

/* One address of an interface; addresses in network byte order. */
struct interface_address {
	char label[IFNAMSIZ];
	unsigned index;
	in_addr_t local, peer, broadcast;
	bool has_broadcast;
	unsigned char prefix; /* bits */
};

interface_address read_address(const nlmsghdr *message)
{
	auto *header = static_cast<const ifaddrmsg *>(NLMSG_DATA(message));
	interface_address found{};
	long left = static_cast<long>(IFA_PAYLOAD(message));

	found.index = header->ifa_index;
	found.prefix = header->ifa_prefixlen;
	for (rtattr *one = IFA_RTA(header); RTA_OK(one, left); one = RTA_NEXT(one, left)) {
		const void *data = RTA_DATA(one);
		std::size_t length = RTA_PAYLOAD(one);

		if (one->rta_type == IFA_LOCAL && length >= 4)
			std::memcpy(&found.local, data, 4);
		else if (one->rta_type == IFA_ADDRESS && length >= 4)
			std::memcpy(&found.peer, data, 4);
		else if (one->rta_type == IFA_BROADCAST && length >= 4) {
			std::memcpy(&found.broadcast, data, 4);
			found.has_broadcast = true;
		} else if (one->rta_type == IFA_LABEL) {
			std::size_t room = sizeof(found.label) - 1;
			std::memcpy(found.label, data, length < room ? length : room);
		}
	}
	if (!found.local)
		found.local = found.peer;
	return found;
}

/*
 * Calls use(address) for each. 0, or an errno; EINTR: an address changed meanwhile, and perhaps some
 * were missed.
 */
template <class user>
int dump(int fd, user use)
{
	struct {
		nlmsghdr header;
		ifaddrmsg body;
	} ask{};
	alignas(nlmsghdr) char answer[16384];
	bool changed = false;

	ask.header.nlmsg_len = sizeof(ask);
	ask.header.nlmsg_type = RTM_GETADDR;
	ask.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	ask.body.ifa_family = static_cast<unsigned char>(rules.family);
	if (real::sendto(fd, &ask, sizeof(ask), 0, nullptr, 0) < 0)
		return errno;
	for (;;) {
		ssize_t got = real::recvfrom(fd, answer, sizeof(answer), 0, nullptr, nullptr);

		if (got <= 0)
			return got < 0 ? errno : EIO;
		auto left = static_cast<unsigned>(got);
		for (auto *one = reinterpret_cast<nlmsghdr *>(answer); NLMSG_OK(one, left);
		     one = NLMSG_NEXT(one, left)) {
			changed |= (one->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
			if (one->nlmsg_type == NLMSG_DONE)
				return changed ? EINTR : 0;
			if (one->nlmsg_type == NLMSG_ERROR)
				return -static_cast<nlmsgerr *>(NLMSG_DATA(one))->error;
			auto *body = static_cast<ifaddrmsg *>(NLMSG_DATA(one));
			if (one->nlmsg_type == RTM_NEWADDR && body->ifa_family == rules.family)
				use(read_address(one));
		}
	}
}

/* The same until no change comes between, four times at most; begin() is called before each. */
template <class starter, class user>
int each_address(starter begin, user use)
{
	int fd = real::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int error = EINTR;

	if (fd < 0)
		return errno;
	for (int i = 0; i < 4 && error == EINTR; i++) {
		begin();
		error = dump(fd, use);
	}
	close(fd);
	return error == EINTR ? 0 : error;
}

sockaddr_in inet(in_addr_t address)
{
	sockaddr_in made{};

	made.sin_family = AF_INET;
	made.sin_addr.s_addr = address;
	return made;
}

/* An entry of getifaddrs() with all that it points to. */
struct entry {
	ifaddrs head; /* must be first: the block begins with one */
	char name[IFNAMSIZ];
	sockaddr_in address, mask, broadcast;
	sockaddr_in6 address6, mask6; /* Linux's, where AF_INET6 is */
	sockaddr_ll device;
	unsigned char statistics[256]; /* struct rtnl_link_stats of a device */
};

/* The entries in one growing block; the pointers between them are set at the end. */
struct block {
	entry *entries = nullptr;
	std::size_t count = 0, room = 0;
	std::size_t devices = 0; /* entries at the beginning that are devices */
	bool failed = false;	 /* no memory */

	entry *add()
	{
		if (count == room) {
			std::size_t more = room ? room * 2 : 16;
			void *grown =
				std::realloc(static_cast<void *>(entries), more * sizeof(entry));

			if (!grown) {
				failed = true;
				return nullptr;
			}
			entries = static_cast<entry *>(grown);
			room = more;
		}
		entry *made = &entries[count++];
		std::memset(static_cast<void *>(made), 0, sizeof(*made));
		return made;
	}
};

void add_device(block &into, const ifaddrs &from)
{
	entry *made = into.add();

	if (!made)
		return;
	made->head.ifa_flags = from.ifa_flags;
	std::strncpy(made->name, from.ifa_name, sizeof(made->name) - 1);
	std::memcpy(&made->device, from.ifa_addr, sizeof(made->device));
	if (from.ifa_data) /* struct rtnl_link_stats: 23 or 24 numbers of 32 bits */
		std::memcpy(made->statistics, from.ifa_data, 23 * 4);
}

void add_inet6(block &into, const ifaddrs &from)
{
	entry *made = into.add();

	if (!made)
		return;
	made->head.ifa_flags = from.ifa_flags;
	std::strncpy(made->name, from.ifa_name, sizeof(made->name) - 1);
	std::memcpy(&made->address6, from.ifa_addr, sizeof(made->address6));
	if (from.ifa_netmask)
		std::memcpy(&made->mask6, from.ifa_netmask, sizeof(made->mask6));
}

void add_address(block &into, const interface_address &from)
{
	entry *made = into.add();

	if (!made)
		return;
	std::memcpy(made->name, from.label, sizeof(made->name));
	for (std::size_t i = 0; i < into.devices; i++) {
		const entry &device = into.entries[i];

		if (device.device.sll_ifindex != static_cast<int>(from.index))
			continue;
		made->head.ifa_flags = device.head.ifa_flags;
		if (!made->name[0])
			std::memcpy(made->name, device.name, sizeof(made->name));
	}
	made->address = inet(from.local);
	made->mask = inet(from.prefix ? htonl(~in_addr_t(0) << (32 - from.prefix)) : 0);
	made->broadcast = inet(from.has_broadcast ? from.broadcast : from.peer);
	if (from.has_broadcast || from.peer != from.local)
		made->head.ifa_broadaddr = reinterpret_cast<sockaddr *>(1); /* see connect_all */
}

void connect_all(block &in)
{
	for (std::size_t i = 0; i < in.count; i++) {
		entry &one = in.entries[i];

		one.head.ifa_next = i + 1 < in.count ? &in.entries[i + 1].head : nullptr;
		one.head.ifa_name = one.name;
		if (one.address.sin_family == AF_INET) {
			one.head.ifa_addr = reinterpret_cast<sockaddr *>(&one.address);
			one.head.ifa_netmask = reinterpret_cast<sockaddr *>(&one.mask);
			if (one.head.ifa_broadaddr)
				one.head.ifa_broadaddr =
					reinterpret_cast<sockaddr *>(&one.broadcast);
		} else if (one.address6.sin6_family == AF_INET6) {
			one.head.ifa_addr = reinterpret_cast<sockaddr *>(&one.address6);
			one.head.ifa_netmask = reinterpret_cast<sockaddr *>(&one.mask6);
		} else {
			one.head.ifa_addr = reinterpret_cast<sockaddr *>(&one.device);
			one.head.ifa_data = one.statistics;
		}
	}
}

} // namespace

int interface_list(ifconf *into)
{
	std::size_t room = into->ifc_req && into->ifc_len > 0 ?
				   static_cast<std::size_t>(into->ifc_len) / sizeof(ifreq) :
				   0;
	std::size_t count = 0;

	if (into->ifc_req && !readable(into->ifc_req, room * sizeof(ifreq))) {
		errno = EFAULT;
		return -1;
	}
	int error = each_address(
		[&] { count = 0; },
		[&](const interface_address &one) {
			if (into->ifc_req && count >= room)
				return;
			if (into->ifc_req) {
				ifreq made{};
				sockaddr_in address = inet(one.local);

				std::memcpy(made.ifr_name, one.label, sizeof(made.ifr_name));
				if (!made.ifr_name[0])
					if_indextoname(one.index, made.ifr_name);
				std::memcpy(&made.ifr_addr, &address, sizeof(address));
				into->ifc_req[count] = made;
			}
			count++;
		});

	if (error) {
		errno = error;
		return -1;
	}
	into->ifc_len = static_cast<int>(count * sizeof(ifreq));
	return 0;
}

} // namespace edu::wrap

using namespace edu::wrap;

EDU_EXPORT int getifaddrs(ifaddrs **into) noexcept
{
	ifaddrs *linux_list = nullptr;
	block made;

	start();
	if (real::getifaddrs(&linux_list) < 0)
		return -1;
	for (const ifaddrs *one = linux_list; one; one = one->ifa_next)
		if (one->ifa_addr && one->ifa_addr->sa_family == AF_PACKET)
			add_device(made, *one);
	made.devices = made.count;
	for (const ifaddrs *one = linux_list; one && rules.linux_inet6; one = one->ifa_next)
		if (one->ifa_addr && one->ifa_addr->sa_family == AF_INET6)
			add_inet6(made, *one);
	freeifaddrs(linux_list);
	std::size_t before = made.count;
	int error = each_address([&] { made.count = before; },
				 [&](const interface_address &one) { add_address(made, one); });
	if (made.failed)
		error = ENOMEM;
	if (error) {
		std::free(made.entries);
		errno = error;
		return -1;
	}
	connect_all(made);
	*into = made.count ? &made.entries->head : nullptr;
	return 0;
}
