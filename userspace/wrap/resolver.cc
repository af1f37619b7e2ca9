// SPDX-License-Identifier: GPL-2.0-only
/*
 * The resolver, see resolver.hh. The C library's own speaks through calls inside it that nobody can
 * stand in front of, and would ask by Linux's stack.
 *
 * Locking: none.
 */
#include "resolver.hh"

#include "real.hh"

#include <poll.h>
#include <resolv.h>
#include <sys/random.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace edu::wrap {

namespace {

using dns::verdict;

constexpr std::size_t query_room = 512;
constexpr std::size_t most_query = 4096;   /* of those that programs have made */
constexpr std::size_t most_stream = 65535; /* octets of an answer by a stream */

long now_ms()
{
	timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until the deadline. True: something has happened to the socket. */
bool wait_for(int fd, short events, long deadline)
{
	for (;;) {
		long left = deadline - now_ms();
		pollfd one{fd, events, 0};
		int ready = left > 0 ? poll(&one, 1, static_cast<int>(left)) : 0;

		if (ready >= 0 || errno != EINTR)
			return ready > 0;
	}
}

/* A socket connected to the server, or -1. */
int call(const sockaddr_in &server, int type, long deadline)
{
	int fd = ::socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;
	socklen_t length = sizeof(error);

	if (fd < 0)
		return -1;
	if (::connect(fd, reinterpret_cast<const sockaddr *>(&server), sizeof(server)) == 0)
		return fd;
	if (errno == EINPROGRESS && wait_for(fd, POLLOUT, deadline) &&
	    real::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && !error)
		return fd;
	close(fd);
	return -1;
}

/* take(packet): what the packet says of the query. */
template <class taker>
verdict ask_by_datagram(const sockaddr_in &server, std::span<const std::uint8_t> query,
			long deadline, taker take)
{
	int fd = call(server, SOCK_DGRAM, deadline);
	verdict told = verdict::try_other;
	std::uint8_t packet[4096];

	if (fd < 0)
		return told;
	if (send(fd, query.data(), query.size(), MSG_NOSIGNAL) >= 0) {
		/* What does not answer our question may be forged: the right one is waited for. */
		while (wait_for(fd, POLLIN, deadline)) {
			ssize_t got = recv(fd, packet, sizeof(packet), 0);

			if (got < 0)
				break;
			told = take({packet, static_cast<std::size_t>(got)});
			if (told != verdict::not_ours)
				break;
			told = verdict::try_other;
		}
	}
	close(fd);
	return told;
}

/* All of it, or false. */
bool transfer(int fd, std::uint8_t *data, std::size_t size, bool out, long deadline)
{
	while (size) {
		ssize_t done = -1;

		if (wait_for(fd, out ? POLLOUT : POLLIN, deadline))
			done = out ? send(fd, data, size, MSG_NOSIGNAL) : recv(fd, data, size, 0);
		if (done <= 0)
			return false;
		data += done;
		size -= static_cast<std::size_t>(done);
	}
	return true;
}

template <class taker>
verdict ask_by_stream(const sockaddr_in &server, std::span<const std::uint8_t> query, long deadline,
		      taker take)
{
	verdict told = verdict::try_other;
	std::uint8_t framed[2 + most_query], size[2];
	auto *packet = static_cast<std::uint8_t *>(std::malloc(most_stream));
	int fd = packet ? call(server, SOCK_STREAM, deadline) : -1;

	framed[0] = static_cast<std::uint8_t>(query.size() >> 8);
	framed[1] = static_cast<std::uint8_t>(query.size());
	std::memcpy(framed + 2, query.data(), query.size());
	if (fd >= 0 && transfer(fd, framed, 2 + query.size(), true, deadline) &&
	    transfer(fd, size, 2, false, deadline)) {
		std::size_t length = size[0] << 8U | size[1];

		if (transfer(fd, packet, length, false, deadline))
			told = take({packet, length});
	}
	if (fd >= 0)
		close(fd);
	std::free(packet);
	return told == verdict::not_ours || told == verdict::truncated ? verdict::try_other : told;
}

/* Each server in turn, so often as the configuration says. */
template <class taker>
verdict ask_servers(const struct __res_state &config, std::span<const std::uint8_t> query,
		    taker take)
{
	for (int turn = 0; turn < config.retry; turn++)
		for (int i = 0; i < config.nscount; i++) {
			const sockaddr_in &server = config.nsaddr_list[i];
			long deadline = now_ms() + config.retrans * 1000L;
			verdict told = verdict::truncated;

			if (server.sin_family != AF_INET)
				continue; /* an IPv6 one */
			if (!(config.options & RES_USEVC))
				told = ask_by_datagram(server, query, deadline, take);
			if (told == verdict::truncated)
				told = ask_by_stream(server, query,
						     now_ms() + config.retrans * 1000L, take);
			if (told != verdict::try_other)
				return told;
		}
	return verdict::try_other;
}

verdict ask(const struct __res_state &config, const char *name, dns::type wanted, dns::answer &into)
{
	std::uint8_t query[query_room];
	std::uint16_t id = 0;

	if (getrandom(&id, sizeof(id), 0) < 0)
		id = static_cast<std::uint16_t>(now_ms());
	std::size_t size = dns::make_query(query, id, name, wanted);
	if (!size)
		return verdict::no_name;
	std::span<const std::uint8_t> asked(query, size);
	return ask_servers(config, asked, [&](std::span<const std::uint8_t> packet) {
		return dns::read_answer(packet, asked, into);
	});
}

} // namespace

/* What came is an answer whatever it says, so that the caller finds out what. */
std::size_t exchange(const struct __res_state &config, std::span<const std::uint8_t> query,
		     std::span<std::uint8_t> into)
{
	std::size_t size = 0;

	if (query.size() > most_query || into.size() < 12)
		return 0;
	ask_servers(config, query, [&](std::span<const std::uint8_t> packet) {
		verdict told = dns::judge_answer(packet, query);

		if (told != verdict::answered)
			return told;
		size = packet.size() < into.size() ? packet.size() : into.size();
		std::memcpy(into.data(), packet.data(), size);
		if (size < packet.size())
			into[2] |= 0x02; /* truncated */
		return told;
	});
	return size;
}

dns::verdict look_up(const char *name, dns::type wanted, bool search, dns::answer &into)
{
	struct __res_state config {};
	unsigned dots = 0;

	if (res_ninit(&config) < 0)
		return verdict::try_other;
	for (const char *c = name; *c; c++)
		dots += *c == '.';
	bool absolute = !search || (*name && name[std::strlen(name) - 1] == '.');
	bool first = absolute || dots >= config.ndots;
	verdict plain = first ? ask(config, name, wanted, into) : verdict::no_name;
	verdict told = plain;

	/* no_data is remembered: the name exists, if none below the list answers. */
	for (int i = 0; !absolute && i <= MAXDNSRCH && config.dnsrch[i]; i++) {
		char longer[dns::name_room];
		int length;

		if (told == verdict::answered || told == verdict::try_other)
			break;
		length = std::snprintf(longer, sizeof(longer), "%s.%s", name, config.dnsrch[i]);
		if (length > 0 && length < static_cast<int>(sizeof(longer)))
			told = ask(config, longer, wanted, into);
	}
	if (!first && told != verdict::answered)
		plain = ask(config, name, wanted, into);
	if (told != verdict::answered)
		told = plain;
	res_nclose(&config);
	return told;
}

} // namespace edu::wrap
