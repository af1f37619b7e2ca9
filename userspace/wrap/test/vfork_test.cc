// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program for processes_test.py: what a child of vfork() does with descriptors that have its parent's
 * numbers is right for the child, and is nothing to the parent.
 *
 * It prints what is wrong; the status is 0 when nothing is.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace {

sockaddr_in discard{};
sockaddr_in6 discard6{};

/* Each says an errno, or 0. */
int call_inet(int fd)
{
	return connect(fd, reinterpret_cast<sockaddr *>(&discard), sizeof(discard)) ? errno : 0;
}

int send_inet(int fd)
{
	auto *to = reinterpret_cast<sockaddr *>(&discard);

	return sendto(fd, "", 0, 0, to, sizeof(discard)) ? errno : 0;
}

int call_nowhere(int fd)
{
	sockaddr_un to{AF_UNIX, "/nowhere"};

	return connect(fd, reinterpret_cast<sockaddr *>(&to), sizeof(to)) ? errno : 0;
}

/* The family of the peer's address. */
int peer_family(int fd)
{
	sockaddr_storage name{};
	socklen_t length = sizeof(name);

	getpeername(fd, reinterpret_cast<sockaddr *>(&name), &length);
	return name.ss_family;
}

int wrong;

void expect(const char *what, int got, int wanted)
{
	if (got == wanted)
		return;
	std::printf("%s: %d (%s), not %d\n", what, got, std::strerror(got), wanted);
	wrong = 1;
}

} // namespace

int main()
{
	discard.sin_family = AF_INET;
	discard.sin_port = htons(9);
	discard.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

	discard6.sin6_family = AF_INET6;
	discard6.sin6_port = htons(9);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &discard6.sin6_addr);

	int datagrams = socket(AF_INET, SOCK_DGRAM, 0), more = socket(AF_INET, SOCK_DGRAM, 0);
	int local = socket(AF_UNIX, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_DGRAM, 0);
	int devnull = open("/dev/null", O_RDONLY);
	/* That this one is to seem of AF_INET6 is known to the library's table only. */
	int six = socket(AF_INET6, SOCK_DGRAM, 0);
	connect(six, reinterpret_cast<sockaddr *>(&discard6), sizeof(discard6));
	expect("a socket of AF_INET6", peer_family(six), AF_INET6);
	/* Written by the child, which has the parent's memory. */
	volatile int child_inet = -1, child_file = -1, child_local = -1;

	pid_t child = vfork();
	if (!child) {
		/* Numbers of sockets of AF_INET go to others, and the other way round. */
		dup2(devnull, datagrams);
		dup2(other, more);
		dup2(other, six);
		close(local);
		int made = socket(AF_INET, SOCK_DGRAM, 0);
		if (made != local)
			dup2(made, local);
		child_inet = call_inet(local);
		child_file = call_inet(datagrams);
		child_local = call_nowhere(more);
		_exit(0);
	}
	int status = -1;
	waitpid(child, &status, 0);
	expect("the child ends", status, 0);
	expect("the child's socket", child_inet, 0);
	expect("the child's file", child_file, ENOTSOCK);
	expect("the child's local socket", child_local, ENOENT);
	expect("the parent's socket of AF_INET6", peer_family(six), AF_INET6);
	expect("the parent's socket", send_inet(datagrams), 0);
	expect("the parent's other socket", send_inet(more), 0);
	expect("the parent's local socket", call_nowhere(local), ENOENT);

	/* The parent is itself again: it notes what it makes. */
	dup2(datagrams, local);
	expect("the parent's new socket", call_inet(local), 0);
	return wrong;
}
