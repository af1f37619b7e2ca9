// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two hosts on one cable that know each other; `listener` at b. The network of several tests of streams.
 *
 * Locking: none, a single thread.
 */
#pragma once

#include "network.hh"

namespace hosted {

inline constexpr edu_be16 port = port_of(7);
inline constexpr edu_be32 a_address = ip4(10, 0, 0, 1), b_address = ip4(10, 0, 0, 2);

struct listening_wire {
	network net;
	edu_t_cable *cable = net.cable();
	edu_t_host *a = net.host(), *b = net.host();
	int a_device = net.plug(a, cable, {.address = a_address});
	int b_device = net.plug(b, cable, {.address = b_address});
	edu_t_sock *listener = stream_of(b);

	explicit listening_wire(int backlog)
	{
		introduce(a, b_address);
		introduce(b, a_address);
		EXPECT(edu_t_bind(listener, 0, port) == 0 && edu_t_listen(listener, backlog) == 0);
	}
};

} // namespace hosted
