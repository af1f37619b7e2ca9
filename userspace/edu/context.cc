// SPDX-License-Identifier: GPL-2.0-only
/*
 * The family's number, the module's presence, and network namespaces.
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"

#include "failure.hh"
#include "netlink.hh"

#include <eduinet.h>

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace edu {

int eduinet_family()
{
	std::ifstream in("/sys/module/eduinet/parameters/family");
	int family = 0;

	return in >> family && family > 0 ? family : AF_EDUINET;
}

netlink &context::rtnl()
{
	if (!connection)
		connection = std::make_shared<netlink>();
	return *connection;
}

/*
 * rtnetlink answers a request for a family it does not know with the data of all families, so the
 * question has to be put to socket(2), which also asks modprobe for the module.
 */
void context::require_family() const
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		close(fd);
		return;
	}
	if (errno == EAFNOSUPPORT && own_family)
		refused("the module is not loaded: modprobe eduinet");
	if (errno == EAFNOSUPPORT)
		refused("this kernel knows no address family {}", family);
	/* Any other answer comes from the family itself. */
}

int open_namespace(const std::string &name)
{
	if (name.find('/') != name.npos)
		return open(name.c_str(), O_RDONLY | O_CLOEXEC);
	return open(("/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC);
}

void enter_namespace(const std::string &name)
{
	int fd = open_namespace(name);

	if (fd < 0)
		usage_error(
			"no network namespace named {}: `ip netns` lists them, `ip netns add {}` "
			"makes it",
			name, name);
	int result = setns(fd, CLONE_NEWNET);
	int error = errno;
	close(fd);
	if (result < 0)
		refused("cannot enter the network namespace {}: {}", name,
			error == EPERM ? "only root may" : std::strerror(error));
}

} // namespace edu
