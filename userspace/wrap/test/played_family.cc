// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plays the family 13 on top of AF_INET, for tests of the preload library on a machine without the
 * module. It lies behind that library (LD_PRELOAD=libeduinet-wrap.so:libplayed-family.so) and is as strict as
 * the kernel: a socket of the family takes no address of AF_INET and gives none.
 *
 * It keeps no state, so that it cannot be wrong after fork, exec or dup: its sockets are those with
 * the priority 5.
 *
 * Locking: none.
 */
#include <dlfcn.h>
#include <time.h>

#include <linux/errqueue.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace {

constexpr int family = 13;
constexpr int mark = 5; /* SO_PRIORITY: 0 to 6 need no privilege */

template <class function>
function *next(const char *name)
{
	return reinterpret_cast<function *>(dlsym(RTLD_NEXT, name));
}

#define NEXT(name) next<decltype(::name)>(#name)

bool is_played(int fd)
{
	int priority = 0, kept = errno;
	socklen_t length = sizeof(priority);

	NEXT(getsockopt)(fd, SOL_SOCKET, SO_PRIORITY, &priority, &length);
	errno = kept;
	return priority == mark;
}

/* The kernel's address; false when the family refuses it. */
bool take(int fd, const sockaddr *address, socklen_t length, sockaddr_storage &into)
{
	if (!address || length > sizeof(into))
		return true;
	std::memcpy(&into, address, length);
	if (!is_played(fd) || length < sizeof(sa_family_t))
		return true;
	if (into.ss_family != family && into.ss_family != AF_UNSPEC) {
		errno = EAFNOSUPPORT;
		return false;
	}
	if (into.ss_family == family)
		into.ss_family = AF_INET;
	return true;
}

void give(int fd, void *address, socklen_t length)
{
	auto *name = static_cast<sockaddr *>(address);

	if (address && length >= sizeof(sa_family_t) && name->sa_family == AF_INET && is_played(fd))
		name->sa_family = family;
}

void give_message(int fd, msghdr *message)
{
	give(fd, message->msg_name, message->msg_namelen);
	for (cmsghdr *one = CMSG_FIRSTHDR(message); one; one = CMSG_NXTHDR(message, one)) {
		if (one->cmsg_level == SOL_IP && one->cmsg_type == IP_ORIGDSTADDR)
			give(fd, CMSG_DATA(one), sizeof(sockaddr_in));
		if (one->cmsg_level == SOL_IP && one->cmsg_type == IP_RECVERR)
			give(fd, CMSG_DATA(one) + sizeof(sock_extended_err), sizeof(sockaddr_in));
	}
}

/* What rtnetlink tells: Linux's addresses are the family's. */
void give_addresses(int fd, void *data, size_t size, ssize_t got)
{
	int domain = 0;
	socklen_t length = sizeof(domain);

	if (got <= 0 || NEXT(getsockopt)(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 ||
	    domain != AF_NETLINK)
		return;
	auto left = static_cast<unsigned>(static_cast<size_t>(got) < size ? got : size);
	for (auto *one = static_cast<nlmsghdr *>(data); NLMSG_OK(one, left);
	     one = NLMSG_NEXT(one, left)) {
		auto *body = static_cast<ifaddrmsg *>(NLMSG_DATA(one));

		if (one->nlmsg_type == RTM_NEWADDR && body->ifa_family == AF_INET)
			body->ifa_family = family;
	}
}

/* What all but recvmsg() are: by the name recvfrom() they would find the preload library's. */
ssize_t receive(int fd, void *data, size_t size, int flags, sockaddr *address, socklen_t *length)
{
	ssize_t got = NEXT(recvfrom)(fd, data, size, flags, address, length);

	if (got >= 0 && address)
		give(fd, address, *length);
	give_addresses(fd, data, size, got);
	return got;
}

} // namespace

extern "C" {

ssize_t __recv_chk(int fd, void *data, size_t size, size_t room, int flags);
ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t room, int flags, sockaddr *address,
		       socklen_t *length);

int socket(int domain, int type, int protocol) noexcept
{
	int fd = NEXT(socket)(domain == family ? AF_INET : domain, type, protocol);

	if (fd >= 0 && domain == family)
		setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &mark, sizeof(mark));
	return fd;
}

int bind(int fd, const sockaddr *address, socklen_t length) noexcept
{
	sockaddr_storage name;

	if (!take(fd, address, length, name))
		return -1;
	return NEXT(bind)(fd, address ? reinterpret_cast<sockaddr *>(&name) : nullptr, length);
}

int connect(int fd, const sockaddr *address, socklen_t length)
{
	sockaddr_storage name;

	if (!take(fd, address, length, name))
		return -1;
	return NEXT(connect)(fd, address ? reinterpret_cast<sockaddr *>(&name) : nullptr, length);
}

int accept4(int fd, sockaddr *address, socklen_t *length, int flags)
{
	int made = NEXT(accept4)(fd, address, length, flags);

	if (made >= 0 && is_played(fd))
		setsockopt(made, SOL_SOCKET, SO_PRIORITY, &mark, sizeof(mark));
	if (made >= 0 && address)
		give(made, address, *length);
	return made;
}

int accept(int fd, sockaddr *address, socklen_t *length)
{
	return accept4(fd, address, length, 0);
}

int getsockname(int fd, sockaddr *address, socklen_t *length) noexcept
{
	int result = NEXT(getsockname)(fd, address, length);

	if (result == 0)
		give(fd, address, *length);
	return result;
}

int getpeername(int fd, sockaddr *address, socklen_t *length) noexcept
{
	int result = NEXT(getpeername)(fd, address, length);

	if (result == 0)
		give(fd, address, *length);
	return result;
}

ssize_t sendto(int fd, const void *data, size_t size, int flags, const sockaddr *address,
	       socklen_t length)
{
	sockaddr_storage name;

	if (!take(fd, address, length, name))
		return -1;
	return NEXT(sendto)(fd, data, size, flags,
			    address ? reinterpret_cast<sockaddr *>(&name) : nullptr, length);
}

ssize_t sendmsg(int fd, const msghdr *message, int flags)
{
	sockaddr_storage name;
	msghdr copy = *message;

	if (!take(fd, static_cast<sockaddr *>(copy.msg_name), copy.msg_namelen, name))
		return -1;
	if (copy.msg_name)
		copy.msg_name = &name;
	return NEXT(sendmsg)(fd, &copy, flags);
}

int sendmmsg(int fd, mmsghdr *messages, unsigned count, int flags)
{
	for (unsigned i = 0; i < count; i++) {
		ssize_t sent = sendmsg(fd, &messages[i].msg_hdr, flags);

		if (sent < 0)
			return i ? static_cast<int>(i) : -1;
		messages[i].msg_len = static_cast<unsigned>(sent);
	}
	return static_cast<int>(count);
}

ssize_t recvfrom(int fd, void *data, size_t size, int flags, sockaddr *address, socklen_t *length)
{
	return receive(fd, data, size, flags, address, length);
}

ssize_t __recvfrom_chk(int fd, void *data, size_t size, size_t, int flags, sockaddr *address,
		       socklen_t *length)
{
	return receive(fd, data, size, flags, address, length);
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
	return receive(fd, data, size, flags, nullptr, nullptr);
}

ssize_t __recv_chk(int fd, void *data, size_t size, size_t, int flags)
{
	return receive(fd, data, size, flags, nullptr, nullptr);
}

ssize_t recvmsg(int fd, msghdr *message, int flags)
{
	ssize_t got = NEXT(recvmsg)(fd, message, flags);

	if (got >= 0)
		give_message(fd, message);
	if (message->msg_iovlen)
		give_addresses(fd, message->msg_iov->iov_base, message->msg_iov->iov_len, got);
	return got;
}

int recvmmsg(int fd, mmsghdr *messages, unsigned count, int flags, timespec *timeout)
{
	int got = NEXT(recvmmsg)(fd, messages, count, flags, timeout);

	for (int i = 0; i < got; i++)
		give_message(fd, &messages[i].msg_hdr);
	return got;
}

int getsockopt(int fd, int level, int name, void *value, socklen_t *length) noexcept
{
	int result = NEXT(getsockopt)(fd, level, name, value, length);

	if (result == 0 && level == SOL_SOCKET && name == SO_DOMAIN && is_played(fd))
		*static_cast<int *>(value) = family;
	return result;
}

} // extern "C"
