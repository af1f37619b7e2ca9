// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls that make sockets, name them and connect them, and those that give descriptors new
 * numbers, in the order in which a socket lives. Each does what the kernel's does for AF_INET, errno
 * included; see faces.hh and address.hh for how.
 *
 * Locking: none; see faces.hh.
 */
#include "address.hh"
#include "late.hh"
#include "real.hh"

#include <linux/netlink.h>
#include <sys/syscall.h>

#include <cstdarg>

using namespace edu::wrap;

namespace {

int made(int fd, face what)
{
	if (fd >= 0)
		note_face(fd, what);
	return fd;
}

/*
 * Sockets of AF_INET6 begin on Linux, which has all their options, and show what they carry when they
 * bind, listen or call (late.hh).
 */
bool carries_inet(int type, int protocol)
{
	return rules.wants_type(type) &&
	       ((type == SOCK_STREAM && (!protocol || protocol == IPPROTO_TCP)) ||
		(type == SOCK_DGRAM && (!protocol || protocol == IPPROTO_UDP)));
}

/* Other sockets of AF_INET6 there are none but Linux's: programs know such hosts. */
bool refuses_inet6(int type)
{
	return !rules.linux_inet6 && rules.wants_type(type) &&
	       (type == SOCK_STREAM || type == SOCK_DGRAM);
}

/* The new connection of a listener is what the listener is. */
int accepted(int listener, int fd, incoming &name)
{
	if (fd < 0)
		return fd;
	face what = noted_face(listener);
	if (is_undecided(what)) /* the connection is not: it has both its addresses */
		what = what == face::fresh ? face::wrapped : face::other;
	note_face(fd, what);
	name.finish(fd);
	return fd;
}

/* getsockname() and getpeername(). */
int named(decltype(real::getsockname) name_of, int fd, sockaddr *address, socklen_t *length)
{
	incoming name(fd, address, length);
	int result = name_of(fd, name.address(), name.length());

	if (result == 0)
		name.finish(fd);
	return result;
}

/* After dup() and its like: `fd` is another number of `from`. */
int renumbered(int from, int fd)
{
	face what = noted_face(from);

	if (fd >= 0 && is_undecided(what))
		note_duplicates();
	return made(fd, what);
}

bool duplicates(int command)
{
	return command == F_DUPFD || command == F_DUPFD_CLOEXEC;
}

} // namespace

EDU_EXPORT int socket(int domain, int type, int protocol) noexcept
{
	int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);

	start();
	if (domain == AF_INET && rules.wants_type(kind))
		return made(real::socket(rules.family, type, protocol),
			    rules.decides_late() ? face::fresh : face::wrapped);
	if (domain == AF_INET6 && carries_inet(kind, protocol))
		return made(real::socket(AF_INET6, type, protocol), face::undecided6);
	if (domain == AF_INET6 && refuses_inet6(kind)) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	return made(real::socket(domain, type, protocol),
		    domain == rules.family			      ? face::native :
		    domain == AF_NETLINK && protocol == NETLINK_ROUTE ? face::rtnetlink :
									face::other);
}

EDU_EXPORT int bind(int fd, const sockaddr *address, socklen_t length) noexcept
{
	start();
	if (!decide(fd, deed::bind, address, length))
		return -1;
	outgoing name(fd, address, length);
	return real::bind(fd, name.get(), name.length());
}

EDU_EXPORT int connect(int fd, const sockaddr *address, socklen_t length)
{
	start();
	if (!decide(fd, deed::call, address, length))
		return -1;
	outgoing name(fd, address, length);
	return real::connect(fd, name.get(), name.length());
}

EDU_EXPORT int listen(int fd, int backlog) noexcept
{
	start();
	if (!decide(fd, deed::listen, nullptr, 0))
		return -1;
	return real::listen(fd, backlog);
}

EDU_EXPORT int accept(int fd, sockaddr *address, socklen_t *length)
{
	start();
	incoming name(fd, address, length);
	return accepted(fd, real::accept(fd, name.address(), name.length()), name);
}

EDU_EXPORT int accept4(int fd, sockaddr *address, socklen_t *length, int flags)
{
	start();
	incoming name(fd, address, length);
	return accepted(fd, real::accept4(fd, name.address(), name.length(), flags), name);
}

EDU_EXPORT int getsockname(int fd, sockaddr *address, socklen_t *length) noexcept
{
	start();
	return named(real::getsockname, fd, address, length);
}

EDU_EXPORT int getpeername(int fd, sockaddr *address, socklen_t *length) noexcept
{
	start();
	return named(real::getpeername, fd, address, length);
}

EDU_EXPORT int dup(int fd) noexcept
{
	start();
	return renumbered(fd, real::dup(fd));
}

EDU_EXPORT int dup2(int fd, int to) noexcept
{
	start();
	return fd == to ? real::dup2(fd, to) : renumbered(fd, real::dup2(fd, to));
}

EDU_EXPORT int dup3(int fd, int to, int flags) noexcept
{
	start();
	return renumbered(fd, real::dup3(fd, to, flags));
}

EDU_EXPORT int fcntl(int fd, int command, ...)
{
	va_list more;

	start();
	va_start(more, command);
	void *argument = va_arg(more, void *);
	va_end(more);
	int result = real::fcntl(fd, command, argument);
	return duplicates(command) ? renumbered(fd, result) : result;
}

EDU_EXPORT int fcntl64(int fd, int command, ...)
{
	va_list more;

	start();
	va_start(more, command);
	void *argument = va_arg(more, void *);
	va_end(more);
	int result = real::fcntl64(fd, command, argument);
	return duplicates(command) ? renumbered(fd, result) : result;
}

EDU_EXPORT int pidfd_getfd(int pidfd, int target, unsigned flags) noexcept
{
	start();
	if (real::pidfd_getfd)
		return made(real::pidfd_getfd(pidfd, target, flags), face::unknown);
	return made(static_cast<int>(real::syscall(SYS_pidfd_getfd, pidfd, target, flags)),
		    face::unknown);
}

/* Programs that make a wrapped call by its number. */
EDU_EXPORT long syscall(long number, ...) noexcept
{
	long given[6];
	va_list more;

	start();
	va_start(more, number);
	for (long &one : given)
		one = va_arg(more, long);
	va_end(more);

	auto whole = [&](int i) { return static_cast<int>(given[i]); };
	auto size = [&](int i) { return static_cast<std::size_t>(given[i]); };
	auto length = [&](int i) { return static_cast<socklen_t>(given[i]); };
	auto count = [&](int i) { return static_cast<unsigned>(given[i]); };
	auto name = [&](int i) { return reinterpret_cast<sockaddr *>(given[i]); };
	auto room = [&](int i) { return reinterpret_cast<socklen_t *>(given[i]); };
	auto octets = [&](int i) { return reinterpret_cast<void *>(given[i]); };
	auto message = [&](int i) { return reinterpret_cast<msghdr *>(given[i]); };
	auto text = [&](int i) { return reinterpret_cast<char *>(given[i]); };
	auto texts = [&](int i) { return reinterpret_cast<char **>(given[i]); };
	auto messages = [&](int i) { return reinterpret_cast<mmsghdr *>(given[i]); };

	switch (number) {
	case SYS_socket:
		return socket(whole(0), whole(1), whole(2));
	case SYS_bind:
		return bind(whole(0), name(1), length(2));
	case SYS_connect:
		return connect(whole(0), name(1), length(2));
	case SYS_listen:
		return listen(whole(0), whole(1));
	case SYS_accept4:
		return accept4(whole(0), name(1), room(2), whole(3));
	case SYS_getsockname:
		return getsockname(whole(0), name(1), room(2));
	case SYS_getpeername:
		return getpeername(whole(0), name(1), room(2));
	case SYS_sendto:
		return sendto(whole(0), octets(1), size(2), whole(3), name(4), length(5));
	case SYS_recvfrom:
		return recvfrom(whole(0), octets(1), size(2), whole(3), name(4), room(5));
	case SYS_sendmsg:
		return sendmsg(whole(0), message(1), whole(2));
	case SYS_recvmsg:
		return recvmsg(whole(0), message(1), whole(2));
	case SYS_sendmmsg:
		return sendmmsg(whole(0), messages(1), count(2), whole(3));
	case SYS_recvmmsg:
		return recvmmsg(whole(0), messages(1), count(2), whole(3),
				static_cast<timespec *>(octets(4)));
	case SYS_getsockopt:
		return getsockopt(whole(0), whole(1), whole(2), octets(3), room(4));
	case SYS_setsockopt:
		return setsockopt(whole(0), whole(1), whole(2), octets(3), length(4));
	case SYS_ioctl:
		return ioctl(whole(0), static_cast<unsigned long>(given[1]), octets(2));
	case SYS_fcntl:
		return fcntl(whole(0), whole(1), octets(2));
	case SYS_dup:
		return dup(whole(0));
	case SYS_dup3:
		return dup3(whole(0), whole(1), whole(2));
	case SYS_pidfd_getfd:
		return pidfd_getfd(whole(0), whole(1), count(2));
	case SYS_execve:
		return execve(text(0), texts(1), texts(2));
	case SYS_execveat:
		return execveat(whole(0), text(1), texts(2), texts(3), whole(4));
	case SYS_io_uring_setup: /* see uring.cc */
		errno = ENOSYS;
		return -1;
#ifdef SYS_accept /* some architectures have only the newer call */
	case SYS_accept:
		return accept(whole(0), name(1), room(2));
#endif
#ifdef SYS_dup2
	case SYS_dup2:
		return dup2(whole(0), whole(1));
#endif
	default:
		return real::syscall(number, given[0], given[1], given[2], given[3], given[4],
				     given[5]);
	}
}
