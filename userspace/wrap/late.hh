/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sockets of which it shows late on which stack they belong.
 *
 * By their port, their peer, or because they listen or call (settings::decides_late): each begins as
 * EDUINET's and moves when it shows: a socket of AF_INET takes over its descriptor, with the options
 * that had been set.
 *
 * Those of AF_INET6 begin as Linux's. One that binds or calls an IPv4 address in IPv6's clothes, or
 * binds to "::" without IPV6_V6ONLY, becomes EDUINET's in the same manner, and the program goes on
 * believing in AF_INET6. With true IPv6 addresses it is Linux's, or, as settings::linux_inet6 says, on a
 * host without any: ENETUNREACH, EADDRNOTAVAIL.
 *
 * A socket moves with all its numbers in this process, and in the epoll sets that watch them. Other
 * processes that had it from this one (fork) keep the old one.
 *
 * Locking: none. A program that binds or connects one socket in two threads at once must expect the
 * one or the other of them to fail.
 */
#ifndef EDU_WRAP_LATE_HH
#define EDU_WRAP_LATE_HH

#include "faces.hh"

#include <sys/socket.h>

namespace edu::wrap {

/* What a program is about to do with the socket. */
enum class deed { bind, listen, call };

/*
 * Decides about a socket that is undecided, and moves it if so decided; does nothing to any other.
 * False, with errno: it should have moved and could not, or there is no way to that address.
 */
bool decide_now(int fd, face now, deed what, const sockaddr *address, socklen_t length);

inline bool decide(int fd, deed what, const sockaddr *address, socklen_t length)
{
	face now = noted_face(fd);

	if (is_undecided(now) || now == face::mapped) [[unlikely]]
		return decide_now(fd, now, what, address, length);
	return true;
}

/* An undecided socket has got another number. */
void note_duplicates();

/* The option of SOL_IP that does what that of SOL_IPV6 does; -1: none. */
int counterpart(int six);

} // namespace edu::wrap

#endif /* EDU_WRAP_LATE_HH */
