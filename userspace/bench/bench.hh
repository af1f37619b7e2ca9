// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the loads of scripts/bench share: namespaces, addresses of either stack, time, and how they fail.
 *
 * Locking: none.
 */
#pragma once

#include <CLI/CLI.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

namespace bench {

/* The system call that failed, with errno. */
[[noreturn]] inline void fail(const char *what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

/* The calling thread is in that namespace from now on, and the sockets that it opens. */
inline void enter(const std::string &netns)
{
	const int fd = open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWNET))
		fail(netns.c_str());
	close(fd);
}

inline sockaddr_in address_of(int family, const std::string &text, unsigned short port)
{
	sockaddr_in to{};

	to.sin_family = static_cast<sa_family_t>(family);
	to.sin_port = htons(port);
	if (inet_pton(AF_INET, text.c_str(), &to.sin_addr) != 1)
		throw std::runtime_error("not an address: " + text);
	return to;
}

inline const sockaddr *generic(const sockaddr_in &a)
{
	return reinterpret_cast<const sockaddr *>(&a);
}

using moment = std::chrono::steady_clock::time_point;

inline moment now()
{
	return std::chrono::steady_clock::now();
}

inline double seconds_since(moment start)
{
	return std::chrono::duration<double>(now() - start).count();
}

/* main(): reads the options, then measures. 1: it failed, and a number would mean nothing. */
template <typename function>
int measured(CLI::App &app, int argc, char **argv, const char *name, function measure)
{
	CLI11_PARSE(app, argc, argv);
	try {
		measure();
	} catch (const std::exception &error) {
		std::fprintf(stderr, "%s: %s\n", name, error.what());
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

} // namespace bench
