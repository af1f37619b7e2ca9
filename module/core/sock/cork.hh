// SPDX-License-Identifier: GPL-2.0-only
/*
 * Corking: several sends become one datagram (MSG_MORE, UDP_CORK; send(2), udp(7)).
 *
 * Requirements: BSD-6, UDP-3. The first send decides everything about the datagram: where it goes and
 * how. Those that follow only add data, whatever address they name; the first one without MSG_MORE
 * (and with UDP_CORK off) sends it all. Close throws away what was not sent; an error does as well.
 *
 * Locking: the socket lock is held from the first look at sock::corked to the end of each call, also
 * while data is copied. An uncorked send only reads the pointer.
 */
#pragma once

#include "sock/datagram.hh"

namespace edu {

/* A datagram that is still growing. */
struct cork {
	send_plan plan;
	skb_ptr packet; /* the data so far, with room for the headers in front; charged to the socket */
};

/* What differs between the protocols that can be corked. Functions: the socket lock is held. */
struct cork_ops {
	u32 header_len; /* octets of transport header */
	/* Decides about the datagram that begins with this send. */
	result<void> (*plan)(sock &s, const edu_send &send, send_plan &plan);
	/* The datagram is complete: its transport header, then IP. */
	result<void> (*push)(sock &s, skb_ptr packet, const send_plan &plan);
};

/* Whether this send must go by cork_send(). Any context. */
inline bool is_corked(const sock &s, const edu_send &send)
{
	return send.flags & msg::more || read_once(s.cork_on) || read_once(s.corked);
}

/* One send of a socket that is corked or will be. Octets taken. Process, no lock held. */
result<int> cork_send(sock &s, const edu_send &send, const cork_ops &ops);

/* Sends what there is, if there is anything. Socket lock. */
result<void> cork_push_locked(sock &s, const cork_ops &ops);

} // namespace edu
