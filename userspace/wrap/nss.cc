// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names of hosts under `edu run`. The C library's resolver makes its sockets by calls that cannot be
 * wrapped. So the name service switch of the process is told to use /etc/hosts and a module of the
 * name `eduinet`; the loader finds libnss_eduinet.so.2 in memory already, for this library carries
 * that name. getaddrinfo(), gethostbyname() and their relatives remain the C library's, with all
 * they do besides. getaddrinfo() alone has a function in front, because of AI_ADDRCONFIG.
 *
 * Locking: none.
 */
#include "nss.hh"

#include "real.hh"
#include "resolver.hh"

#include <arpa/inet.h>
#include <nss.h>

#include <cstdio>
#include <cstring>

namespace edu::wrap {

namespace {

/* What the caller has given for the result. */
class workspace {
public:
	workspace(char *buffer, std::size_t room) : at_(buffer), end_(buffer + room) {}

	/* Aligned for a pointer; null when the room is used up. */
	void *take(std::size_t size)
	{
		std::size_t skip = -reinterpret_cast<std::uintptr_t>(at_) % alignof(void *);

		if (static_cast<std::size_t>(end_ - at_) < skip + size)
			return nullptr;
		void *taken = at_ + skip;
		at_ += skip + size;
		return taken;
	}

	char *copy(const char *text)
	{
		std::size_t size = std::strlen(text) + 1;
		auto *copied = static_cast<char *>(take(size));

		if (copied)
			std::memcpy(copied, text, size);
		return copied;
	}

private:
	char *at_, *end_;
};

/* Where the C library wants to know what went wrong. */
struct complaint {
	int *error, *host_error;
};

nss_status complain(const complaint &to, nss_status status, int error, int host_error)
{
	*to.error = error;
	*to.host_error = host_error;
	return status;
}

nss_status no_room(const complaint &to)
{
	return complain(to, NSS_STATUS_TRYAGAIN, ERANGE, NETDB_INTERNAL);
}

nss_status status_of(dns::verdict told, const complaint &to)
{
	switch (told) {
	case dns::verdict::answered:
		return complain(to, NSS_STATUS_SUCCESS, 0, NETDB_SUCCESS);
	case dns::verdict::no_name:
		return complain(to, NSS_STATUS_NOTFOUND, ENOENT, HOST_NOT_FOUND);
	case dns::verdict::no_data:
		return complain(to, NSS_STATUS_NOTFOUND, ENOENT, NO_DATA);
	default:
		return complain(to, NSS_STATUS_TRYAGAIN, EAGAIN, TRY_AGAIN);
	}
}

/* Fills in a hostent of `count` addresses of `size` octets each, `stride` apart. */
bool fill(hostent *into, workspace &room, const char *name, int family, const void *addresses,
	  unsigned count, std::size_t size, std::size_t stride)
{
	auto *from = static_cast<const std::uint8_t *>(addresses);
	auto **list = static_cast<char **>(room.take((count + 2) * sizeof(char *)));

	into->h_name = room.copy(name);
	if (!list || !into->h_name)
		return false;
	into->h_aliases = list + count + 1; /* only its end */
	list[count] = list[count + 1] = nullptr;
	into->h_addrtype = family;
	into->h_length = static_cast<int>(size);
	into->h_addr_list = list;
	for (unsigned i = 0; i < count; i++) {
		list[i] = static_cast<char *>(room.take(size));
		if (!list[i])
			return false;
		std::memcpy(list[i], from + i * stride, size);
	}
	return true;
}

/* The name to ask for an address's name by (RFC 1035, 3.5; RFC 3596, 2.5). False: there is none. */
bool reverse_name(const void *address, socklen_t length, int family, char (&name)[80])
{
	static constexpr std::uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	auto *octets = static_cast<const std::uint8_t *>(address);

	if (family == AF_INET6 && length == 16 && std::memcmp(octets, mapped, 12) == 0) {
		octets += 12; /* a server at "::" sees its clients so */
	} else if (family == AF_INET6 && length == 16 && rules.linux_inet6) {
		char *at = name;

		for (int i = 15; i >= 0; i--)
			at += std::sprintf(at, "%x.%x.", octets[i] & 15U, octets[i] >> 4U);
		std::strcpy(at, "ip6.arpa");
		return true;
	} else if (family != AF_INET || length != 4) {
		return false;
	}
	std::snprintf(name, sizeof(name), "%u.%u.%u.%u.in-addr.arpa", octets[3], octets[2],
		      octets[1], octets[0]);
	return true;
}

} // namespace

bool names_are_ours()
{
	return rules.clients && rules.wants_type(SOCK_DGRAM);
}

void answer_for_hosts()
{
	if (names_are_ours())
		__nss_configure_lookup("hosts", "files eduinet");
}

} // namespace edu::wrap

using namespace edu::wrap;

EDU_EXPORT nss_status _nss_eduinet_gethostbyname3_r(const char *name, int family, hostent *result,
						    char *buffer, std::size_t room, int *error,
						    int *host_error, std::int32_t *seconds,
						    char **canonical)
{
	complaint to{error, host_error};
	workspace space(buffer, room);
	dns::answer told;

	if (family != AF_INET && family != AF_INET6)
		return complain(to, NSS_STATUS_UNAVAIL, EAFNOSUPPORT, NO_DATA);
	if (family == AF_INET6 && !rules.linux_inet6)
		return status_of(dns::verdict::no_data, to);
	auto status =
		status_of(look_up(name, family == AF_INET ? dns::a : dns::aaaa, true, told), to);
	if (status != NSS_STATUS_SUCCESS)
		return status;
	if (!fill(result, space, told.name, family, told.addresses, told.count,
		  family == AF_INET ? 4 : 16, sizeof(told.addresses[0])))
		return no_room(to);
	if (seconds)
		*seconds = static_cast<std::int32_t>(told.seconds & 0x7fffffff);
	if (canonical)
		*canonical = result->h_name;
	return status;
}

EDU_EXPORT nss_status _nss_eduinet_gethostbyname2_r(const char *name, int family, hostent *result,
						    char *buffer, std::size_t room, int *error,
						    int *host_error)
{
	return _nss_eduinet_gethostbyname3_r(name, family, result, buffer, room, error, host_error,
					     nullptr, nullptr);
}

EDU_EXPORT nss_status _nss_eduinet_gethostbyname_r(const char *name, hostent *result, char *buffer,
						   std::size_t room, int *error, int *host_error)
{
	return _nss_eduinet_gethostbyname2_r(name, AF_INET, result, buffer, room, error,
					     host_error);
}

EDU_EXPORT nss_status _nss_eduinet_gethostbyaddr_r(const void *address, socklen_t length,
						   int family, hostent *result, char *buffer,
						   std::size_t room, int *error, int *host_error)
{
	complaint to{error, host_error};
	workspace space(buffer, room);
	dns::answer told;
	char name[80];

	if (!reverse_name(address, length, family, name))
		return complain(to, NSS_STATUS_NOTFOUND, ENOENT, HOST_NOT_FOUND);
	auto status = status_of(look_up(name, dns::ptr, false, told), to);
	if (status != NSS_STATUS_SUCCESS)
		return status;
	return fill(result, space, told.name, family, address, 1, length, length) ? status :
										    no_room(to);
}

/*
 * AI_ADDRCONFIG asks what addresses the host has, and the C library would count Linux's: it is left
 * away. Instead a program that takes any family gets addresses of AF_INET alone, when there is no
 * IPv6 to call by. An address of IPv6 in figures stays one, also when it is an IPv4 address mapped: the
 * C library would make that AF_INET's.
 */
EDU_EXPORT int getaddrinfo(const char *node, const char *service, const addrinfo *hints,
			   addrinfo **result)
{
	addrinfo changed{};

	start();
	if (!names_are_ours() && !rules.wants_type(SOCK_STREAM))
		return real::getaddrinfo(node, service, hints, result);
	if (hints)
		changed = *hints;
	else
		changed.ai_flags = AI_V4MAPPED;
	changed.ai_flags &= ~AI_ADDRCONFIG;
	bool figures = node && std::strchr(node, ':');
	if (changed.ai_family == AF_UNSPEC && !rules.linux_inet6 && !figures)
		changed.ai_family = AF_INET;
	return real::getaddrinfo(node, service, &changed, result);
}
