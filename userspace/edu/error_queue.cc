// SPDX-License-Identifier: GPL-2.0-only
/*
 * The error queue of a socket, see error_queue.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "error_queue.hh"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

namespace edu {

namespace {

void read_error(const cmsghdr *at, queued_error &into)
{
	const unsigned char *data = CMSG_DATA(at);
	sockaddr_in who;

	if (at->cmsg_len < CMSG_LEN(sizeof(into.error)))
		return;
	std::memcpy(&into.error, data, sizeof(into.error));
	if (at->cmsg_len < CMSG_LEN(sizeof(into.error) + sizeof(who)))
		return;
	std::memcpy(&who, data + sizeof(into.error), sizeof(who));
	/* Family 0 (AF_UNSPEC): nobody out there, the error is this host's. */
	into.offender = who.sin_family ? who.sin_addr.s_addr : 0;
}

} // namespace

std::optional<queued_error> error_queue::take(int fd)
{
	alignas(cmsghdr) char control[512];
	queued_error found{};
	iovec part = {packet_.data(), packet_.size()};
	msghdr message{};
	ssize_t got;

	found.ttl = -1;
	message.msg_name = &found.destination;
	message.msg_namelen = sizeof(found.destination);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control;
	message.msg_controllen = sizeof(control);
	do
		got = recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return std::nullopt;
	for (cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
		if (at->cmsg_level != IPPROTO_IP)
			continue;
		if (at->cmsg_type == IP_RECVERR)
			read_error(at, found);
		else if (at->cmsg_type == IP_TTL && at->cmsg_len >= CMSG_LEN(sizeof(int)))
			std::memcpy(&found.ttl, CMSG_DATA(at), sizeof(int));
	}
	found.packet = octets(packet_.data(), static_cast<std::size_t>(got));
	return found;
}

} // namespace edu
