// SPDX-License-Identifier: GPL-2.0-only
/*
 * Options and ioctl requests that speak of families or carry addresses.
 *
 * SO_REUSEPORT: later kernels of the 6.1 line refuse it to every family but Linux's own two. It then
 * seems granted, and what is missing shows where it is used: a second socket gets EADDRINUSE.
 *
 * Locking: none.
 */
#include "address.hh"
#include "interfaces.hh"
#include "late.hh"
#include "real.hh"

#include <net/if.h>
#include <net/if_arp.h>
#include <linux/sockios.h>

#include <cstdarg>

using namespace edu::wrap;

namespace {

#ifndef MCAST_MSFILTER
#define MCAST_MSFILTER 48
#endif

/* The group and the sources of a struct group_filter, of which `length` octets are there. */
void rewrite_group_filter(int fd, void *value, std::size_t length)
{
	auto *octets = static_cast<unsigned char *>(value);
	constexpr std::size_t first = offsetof(group_filter, gf_group);
	constexpr std::size_t sources = offsetof(group_filter, gf_slist);

	if (length >= first + sizeof(sa_family_t))
		rewrite_incoming(fd, octets + first, length - first);
	for (std::size_t at = sources; at + sizeof(sockaddr_storage) <= length;
	     at += sizeof(sockaddr_storage))
		rewrite_incoming(fd, octets + at, sizeof(sockaddr_storage));
}

/* The addresses in the answer to an ioctl request. */
void rewrite_answer(int fd, unsigned long request, void *argument)
{
	auto *interface = static_cast<ifreq *>(argument);
	auto *arp = static_cast<arpreq *>(argument);

	switch (request) {
	case SIOCGIFADDR:
	case SIOCGIFDSTADDR:
	case SIOCGIFBRDADDR:
	case SIOCGIFNETMASK:
		rewrite_incoming(fd, &interface->ifr_addr, sizeof(interface->ifr_addr));
		break;
	case SIOCGARP:
	case SIOCGRARP:
		rewrite_incoming(fd, &arp->arp_pa, sizeof(arp->arp_pa));
		rewrite_incoming(fd, &arp->arp_netmask, sizeof(arp->arp_netmask));
		break;
	}
}

/* Requests about the protocol's addresses; those about devices, files and terminals are others. */
bool speaks_of_addresses(unsigned long request)
{
	return request >= SIOCADDRT && request <= SIOCSRARP;
}

/*
 * Options of AF_INET6 on a socket of ours that is believed to be of it: those that AF_INET has too, and
 * IPV6_V6ONLY, which is off.
 */
int option_of_mapped(int fd, int name, void *value, socklen_t *length)
{
	int number = name == IPV6_V6ONLY ? SO_BROADCAST : counterpart(name);
	int result = real::getsockopt(fd, name == IPV6_V6ONLY ? SOL_SOCKET : SOL_IP, number, value,
				      length);

	if (result == 0 && name == IPV6_V6ONLY)
		std::memset(value, 0, *length);
	return result;
}

int set_option_of_mapped(int fd, int name, const void *value, socklen_t length)
{
	int number = counterpart(name);

	if (name != IPV6_V6ONLY)
		return real::setsockopt(fd, SOL_IP, number, value, length);
	if (length >= sizeof(int) && readable(value, sizeof(int)) &&
	    !*static_cast<const int *>(value))
		return 0;
	errno = EINVAL; /* as for every socket that has an address */
	return -1;
}

} // namespace

EDU_EXPORT int getsockopt(int fd, int level, int name, void *value, socklen_t *length) noexcept
{
	start();
	if (level == SOL_IPV6 && noted_face(fd) == face::mapped)
		return option_of_mapped(fd, name, value, length);
	int result = real::getsockopt(fd, level, name, value, length);
	if (result < 0)
		return result;
	if (level == SOL_SOCKET && name == SO_DOMAIN && *length == sizeof(int)) {
		int domain;
		std::memcpy(&domain, value, sizeof(domain));
		if (domain == rules.family && noted_face(fd) != face::native) {
			domain = noted_face(fd) == face::mapped ? AF_INET6 : AF_INET;
			std::memcpy(value, &domain, sizeof(domain));
		}
	} else if (level == SOL_SOCKET && name == SO_PEERNAME && noted_face(fd) != face::mapped) {
		rewrite_incoming(fd, value, *length);
	} else if (level == SOL_IP && name == MCAST_MSFILTER) {
		rewrite_group_filter(fd, value, *length);
	}
	return result;
}

EDU_EXPORT int setsockopt(int fd, int level, int name, const void *value, socklen_t length) noexcept
{
	start();
	if (level == SOL_IPV6 && noted_face(fd) == face::mapped)
		return set_option_of_mapped(fd, name, value, length);
	int result = real::setsockopt(fd, level, name, value, length);
	if (result < 0 && errno == EOPNOTSUPP && level == SOL_SOCKET && name == SO_REUSEPORT &&
	    is_ours(face_of(fd)))
		return 0;
	return result;
}

EDU_EXPORT int ioctl(int fd, unsigned long request, ...) noexcept
{
	va_list more;

	start();
	va_start(more, request);
	void *argument = va_arg(more, void *);
	va_end(more);
	if (!speaks_of_addresses(request))
		return real::ioctl(fd, request, argument);
	if (request == SIOCGIFCONF && readable(static_cast<ifconf *>(argument)) &&
	    is_ours(face_of(fd)))
		return interface_list(static_cast<ifconf *>(argument));
	int result = real::ioctl(fd, request, argument);
	if (result >= 0)
		rewrite_answer(fd, request, argument);
	return result;
}
