// SPDX-License-Identifier: GPL-2.0-only
/*
 * Networks of hosts for the simulator's tests: cables, hosts on them, routers between them.
 *
 *	network net;
 *	edu_t_cable *wire = net.cable();
 *	edu_t_host *a = net.host();
 *	net.plug(a, wire, {.address = ip4(10, 0, 0, 1)});
 *
 * All of it goes at the end of its scope, sockets and connections first.
 *
 * Locking: none, a single thread.
 */
#pragma once

#include "home.hh"

#include <test_case.h>

#include <algorithm>

namespace hosted {

#define EXPECT(condition)                                                                          \
	do {                                                                                       \
		if (!(condition))                                                                  \
			edu_t_fail(__FILE__, __LINE__, #condition, 0, 1);                          \
	} while (0)

constexpr edu_be32 ip4(edu_u32 a, edu_u32 b, edu_u32 c, edu_u32 d)
{
	return a | b << 8 | c << 16 | d << 24;
}

constexpr edu_be16 port_of(unsigned int port)
{
	return static_cast<edu_be16>(port >> 8 | (port & 0xff) << 8);
}

inline constexpr edu_u32 dontwait = 0x40; /* MSG_DONTWAIT */
inline constexpr int nonblock = 04000;	  /* O_NONBLOCK */
inline constexpr int sol_socket = 1, sol_tcp = 6;

/* How a host is connected to a cable; its prefix has 24 bits. */
struct connector {
	edu_be32 address;
	edu_u32 mtu = 1500;
	edu_u32 segment_max = 0; /* the device takes buffers so large; 0: packets alone */
};

class network {
public:
	network() = default;
	network(const network &) = delete;
	~network();

	edu_t_cable *cable();
	edu_t_host *host();
	/* The ifindex, or a negative errno. A station's number follows from its address. */
	int plug(edu_t_host *host, edu_t_cable *cable, const connector &how);
	/* Every other destination by that gateway. */
	void default_route(edu_t_host *host, edu_be32 gateway);
	void forward(edu_t_host *router);
	/* Time passes until no host has a socket or a connection any more, but an hour at most. */
	void wait_for_silence() const;
	/* The host, its sockets and its connections go. */
	void remove(edu_t_host *host);

	const std::vector<edu_t_host *> &hosts() const { return hosts_; }

private:
	std::vector<edu_t_cable *> cables_;
	std::vector<edu_t_host *> hosts_;
};

edu_t_sock *stream_of(edu_t_host *host);
int set_option(edu_t_sock *sock, int level, int name, int value);
/* SO_ERROR, a positive errno or 0. */
int error_of(edu_t_sock *sock);
/* By a datagram, so that the two know each other's hardware address: ARP's few tries would end an attempt to
 * connect over a bad cable. */
void introduce(edu_t_host *host, edu_be32 to);

} // namespace hosted
