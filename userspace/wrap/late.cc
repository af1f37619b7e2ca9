// SPDX-License-Identifier: GPL-2.0-only
/*
 * Moving a socket to the other stack, see late.hh.
 *
 * Not moved with it: group memberships, filters, a signal's owner, and options not in the table.
 *
 * Locking: none; see there.
 */
#include "late.hh"

#include "address.hh"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>

namespace edu::wrap {

namespace {

struct option {
	int level, name;
};

/* What programs set before they bind or connect. */
constexpr option carried[] = {
	{SOL_SOCKET, SO_REUSEADDR},
	{SOL_SOCKET, SO_REUSEPORT},
	{SOL_SOCKET, SO_KEEPALIVE},
	{SOL_SOCKET, SO_BROADCAST},
	{SOL_SOCKET, SO_OOBINLINE},
	{SOL_SOCKET, SO_LINGER},
	{SOL_SOCKET, SO_PRIORITY},
	{SOL_SOCKET, SO_RCVTIMEO},
	{SOL_SOCKET, SO_SNDTIMEO},
	{SOL_SOCKET, SO_RCVLOWAT},
	{SOL_SOCKET, SO_TIMESTAMP},
	{SOL_SOCKET, SO_MARK},
	{SOL_SOCKET, SO_RCVBUF},
	{SOL_SOCKET, SO_SNDBUF},
	{SOL_SOCKET, SO_BINDTODEVICE},
	{SOL_IP, IP_TOS},
	{SOL_IP, IP_TTL},
	{SOL_IP, IP_PKTINFO},
	{SOL_IP, IP_RECVERR},
	{SOL_IP, IP_RECVTTL},
	{SOL_IP, IP_RECVTOS},
	{SOL_IP, IP_MTU_DISCOVER},
	{SOL_IP, IP_FREEBIND},
	{SOL_IP, IP_TRANSPARENT},
	{SOL_IP, IP_MULTICAST_TTL},
	{SOL_IP, IP_MULTICAST_LOOP},
	{SOL_IP, IP_HDRINCL},
	{SOL_TCP, TCP_NODELAY},
	{SOL_TCP, TCP_CORK},
	{SOL_TCP, TCP_MAXSEG},
	{SOL_TCP, TCP_KEEPIDLE},
	{SOL_TCP, TCP_KEEPINTVL},
	{SOL_TCP, TCP_KEEPCNT},
	{SOL_TCP, TCP_SYNCNT},
	{SOL_TCP, TCP_LINGER2},
	{SOL_TCP, TCP_DEFER_ACCEPT},
	{SOL_TCP, TCP_USER_TIMEOUT},
	{SOL_TCP, TCP_CONGESTION},
};

/* Options of AF_INET6 and those of AF_INET that do the same. */
constexpr struct {
	int six, four;
} counterparts[] = {
	{IPV6_UNICAST_HOPS, IP_TTL},
	{IPV6_TCLASS, IP_TOS},
	{IPV6_MULTICAST_HOPS, IP_MULTICAST_TTL},
	{IPV6_MULTICAST_LOOP, IP_MULTICAST_LOOP},
	{IPV6_MTU_DISCOVER, IP_MTU_DISCOVER},
};

int integer_option(int fd, int level, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);

	real::getsockopt(fd, level, name, &value, &length);
	return value;
}

/* Those that differ from a new socket's have been set by the program. */
void carry_options(int from, int untouched, int to)
{
	for (const auto &[level, name] : carried) {
		char set[64] = {}, plain[64] = {};
		socklen_t length = sizeof(set), plain_length = sizeof(plain);

		if (real::getsockopt(from, level, name, set, &length) < 0 ||
		    real::getsockopt(untouched, level, name, plain, &plain_length) < 0 ||
		    (length == plain_length && !std::memcmp(set, plain, length)))
			continue;
		if (level == SOL_SOCKET && (name == SO_RCVBUF || name == SO_SNDBUF)) {
			/* The kernel doubles what it is told. */
			int octets;
			std::memcpy(&octets, set, sizeof(octets));
			octets /= 2;
			std::memcpy(set, &octets, sizeof(octets));
		}
		real::setsockopt(to, level, name, set, length);
	}
}

void carry_options6(int from, int untouched, int to)
{
	for (const auto &[six, four] : counterparts) {
		int set = integer_option(from, SOL_IPV6, six);

		if (set != integer_option(untouched, SOL_IPV6, six))
			real::setsockopt(to, SOL_IP, four, &set, sizeof(set));
	}
}

/* Its name, when it has a port of its own: the new socket gets the same. */
bool carry_name(int from, int to)
{
	sockaddr_in name{};
	socklen_t length = sizeof(name);

	if (real::getsockname(from, reinterpret_cast<sockaddr *>(&name), &length) < 0 ||
	    length < sizeof(name) || (!name.sin_port && !name.sin_addr.s_addr))
		return true;
	name.sin_family = AF_INET;
	return real::bind(to, reinterpret_cast<sockaddr *>(&name), sizeof(name)) == 0;
}

/* The same from AF_INET6; one that has a true IPv6 address does not come here. */
bool carry_name6(int from, int to)
{
	sockaddr_in6 six{};
	sockaddr_in name{};
	socklen_t length = sizeof(six);

	if (real::getsockname(from, reinterpret_cast<sockaddr *>(&six), &length) < 0 ||
	    length < sizeof(six) || !inet_within(six, name) ||
	    (!name.sin_port && !name.sin_addr.s_addr))
		return true;
	name.sin_family = static_cast<sa_family_t>(rules.family);
	return real::bind(to, reinterpret_cast<sockaddr *>(&name), sizeof(name)) == 0;
}

/*
 * For each epoll set that watches fd: use(descriptor of the set, what is watched). A set remembers the
 * file with its number, and keeps both when the file has lost this number and lives on under another:
 * such an entry is about another file than fd.
 */
template <class user>
void each_epoll(int fd, user use)
{
	struct stat status;
	DIR *directory = fstat(fd, &status) == 0 ? opendir("/proc/self/fdinfo") : nullptr;

	if (!directory)
		return;
	while (const dirent *entry = readdir(directory)) {
		char path[300], line[200];

		std::snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", entry->d_name);
		std::FILE *file = std::fopen(path, "re");
		if (!file)
			continue;
		while (std::fgets(line, sizeof(line), file)) {
			int watched;
			unsigned events;
			unsigned long long data, inode;
			int set;

			if (std::sscanf(line, "tfd: %d events: %x data: %llx pos:%*d ino:%llx",
					&watched, &events, &data, &inode) != 4 ||
			    watched != fd || inode != status.st_ino ||
			    std::sscanf(entry->d_name, "%d", &set) != 1)
				continue;
			epoll_event event{events, {.u64 = data}};
			use(set, event);
		}
		std::fclose(file);
	}
	closedir(directory);
}

/* Some socket that was undecided has had more than one number: looking for them is worth it. */
std::atomic<bool> any_duplicates;

constexpr unsigned most_numbers = 16;

/* The numbers that fd's socket has in this process, fd first. Without /proc only that. */
unsigned numbers_of(int fd, int *into)
{
	unsigned count = 0;
	struct stat sought, found;
	DIR *directory = nullptr;

	into[count++] = fd;
	if (any_duplicates.load(std::memory_order_relaxed) && fstat(fd, &sought) == 0)
		directory = opendir("/proc/self/fd");
	if (!directory)
		return count;
	while (const dirent *entry = readdir(directory)) {
		int other = std::atoi(entry->d_name);

		if (other != fd && entry->d_name[0] != '.' && count < most_numbers &&
		    fstat(other, &found) == 0 && found.st_ino == sought.st_ino &&
		    found.st_dev == sought.st_dev)
			into[count++] = other;
	}
	closedir(directory);
	return count;
}

void settle(int fd, face what)
{
	errno_guard keep;
	int numbers[most_numbers];
	unsigned count = numbers_of(fd, numbers);

	while (count--)
		note_face(numbers[count], what);
}

/* Puts `to` in the place of fd, in every epoll set as well. */
bool take_place(int fd, int to, face what)
{
	constexpr unsigned most = 16;
	struct {
		int set;
		epoll_event event;
	} watches[most];
	unsigned count = 0;
	int flags = real::fcntl(fd, F_GETFD);

	each_epoll(fd, [&](int set, const epoll_event &event) {
		if (count < most)
			watches[count++] = {set, event};
	});
	/* A set that does not give fd up did not have it: another number of a set that comes before, or
	 * an entry about another file after all. It is not to get fd now. */
	for (unsigned i = 0; i < count; i++)
		if (epoll_ctl(watches[i].set, EPOLL_CTL_DEL, fd, nullptr) < 0)
			watches[i].set = -1;
	bool taken = real::dup3(to, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0) >= 0;
	errno_guard keep;
	for (unsigned i = 0; i < count; i++)
		if (watches[i].set >= 0)
			epoll_ctl(watches[i].set, EPOLL_CTL_ADD, fd, &watches[i].event);
	if (taken)
		note_face(fd, what);
	return taken;
}

/* Replaces a socket of the family `from` by one of the family `into`. */
bool move(int fd, int from, int into, face what)
{
	int type = integer_option(fd, SOL_SOCKET, SO_TYPE);
	int protocol = integer_option(fd, SOL_SOCKET, SO_PROTOCOL);
	int to = real::socket(into, type | SOCK_CLOEXEC, protocol);

	if (to < 0)
		return false;
	int untouched = real::socket(from, type | SOCK_CLOEXEC, protocol);
	if (untouched >= 0) {
		carry_options(fd, untouched, to);
		if (from == AF_INET6)
			carry_options6(fd, untouched, to);
		close(untouched);
	}
	real::fcntl(to, F_SETFL, real::fcntl(fd, F_GETFL));
	bool moved = from == AF_INET6 ? carry_name6(fd, to) : carry_name(fd, to);
	if (moved) {
		int numbers[most_numbers];
		unsigned count = numbers_of(fd, numbers);

		for (unsigned i = 0; i < count && moved; i++)
			moved = take_place(numbers[i], to, what);
	}
	errno_guard keep;
	close(to);
	return moved;
}

/* Whether it belongs on Linux; `settled`: nothing that comes later can change that. */
bool belongs_on_linux(int fd, deed what, const sockaddr_in *peer_or_self, bool &settled)
{
	bool stream = integer_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM;
	bool datagrams = integer_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM;
	int protocol = integer_option(fd, SOL_SOCKET, SO_PROTOCOL);

	settled = true;
	if (peer_or_self &&
	    rules.excepts(peer_or_self->sin_addr.s_addr,
			  stream || datagrams ? peer_or_self->sin_port : 0, protocol))
		return true;
	switch (what) {
	case deed::bind:
		/* A datagram socket with a port of its choice serves. */
		settled = datagrams && peer_or_self && peer_or_self->sin_port;
		return settled && !rules.servers;
	case deed::listen:
		return !rules.servers;
	case deed::call:
		return (stream || datagrams) && !rules.clients;
	}
	return false;
}

/* What a program does with an undecided socket of ours. */
bool decide_fresh(int fd, deed what, const sockaddr *address, socklen_t length)
{
	sockaddr_in copy, *known = nullptr;
	bool settled;

	if (what != deed::listen) {
		if (length < sizeof(copy) || !readable(address, sizeof(copy)) ||
		    address->sa_family != AF_INET)
			return true; /* the kernel will have something to say */
		std::memcpy(&copy, address, sizeof(copy));
		known = &copy;
	}
	if (integer_option(fd, SOL_SOCKET, SO_DOMAIN) != rules.family)
		return true; /* another file has the number now */
	if (belongs_on_linux(fd, what, known, settled))
		return move(fd, rules.family, AF_INET, face::other);
	if (settled)
		settle(fd, face::wrapped);
	return true;
}

/* A true IPv6 address, or "::" where it may stand for one. `settled`: nothing later makes it IPv4. */
bool decide_true_inet6(int fd, face now, deed what, bool permitted, bool settled)
{
	if (now == face::mapped) { /* it has IPv4 addresses already */
		errno = what == deed::bind ? EINVAL : ENETUNREACH;
		return false;
	}
	if (!permitted) {
		errno = what == deed::bind ? EADDRNOTAVAIL : ENETUNREACH;
		return false;
	}
	if (settled)
		settle(fd, face::other);
	return true;
}

/* What a program does with a socket that it believes to be of AF_INET6. */
bool decide_inet6(int fd, face now, deed what, const sockaddr *address, socklen_t length)
{
	sockaddr_in6 six{};
	sockaddr_in copy, *known = nullptr;
	bool settled;

	if (what != deed::listen) {
		if (length < least_inet6 || length > sizeof(sockaddr_storage) ||
		    !readable(address, length) || address->sa_family != AF_INET6)
			return true;
		std::memcpy(&six, address, length < sizeof(six) ? length : sizeof(six));
		known = &copy;
	}
	if (now == face::undecided6 && integer_option(fd, SOL_SOCKET, SO_DOMAIN) != AF_INET6)
		return true; /* as above */
	bool six_only = now == face::undecided6 && integer_option(fd, SOL_IPV6, IPV6_V6ONLY);
	bool any = what == deed::listen || IN6_IS_ADDR_UNSPECIFIED(&six.sin6_addr);
	if (any && now == face::undecided6 && (six_only || rules.linux_inet6)) {
		/* Bound to "::" it may yet call an IPv4 address, unless it serves. */
		bool serves =
			what == deed::listen ||
			(six.sin6_port && integer_option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM);

		return decide_true_inet6(fd, now, what, rules.linux_inet6 || what != deed::call,
					 six_only || serves || what == deed::call);
	}
	if (known && !inet_within(six, copy))
		return decide_true_inet6(fd, now, what, rules.linux_inet6, true);
	if (now == face::mapped || six_only)
		return true;
	if (rules.decides_late()) {
		bool linux_has_it = belongs_on_linux(fd, what, known, settled);

		if (linux_has_it && settled)
			settle(fd, face::other);
		if (linux_has_it || !settled)
			return true;
	}
	return move(fd, AF_INET6, rules.family, face::mapped);
}

} // namespace

void note_duplicates()
{
	any_duplicates.store(true, std::memory_order_relaxed);
}

int counterpart(int six)
{
	for (const auto &one : counterparts)
		if (one.six == six)
			return one.four;
	return -1;
}

bool decide_now(int fd, face now, deed what, const sockaddr *address, socklen_t length)
{
	return now == face::fresh ? decide_fresh(fd, what, address, length) :
				    decide_inet6(fd, now, what, address, length);
}

} // namespace edu::wrap
