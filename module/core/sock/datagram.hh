// SPDX-License-Identifier: GPL-2.0-only
/*
 * What UDP, RAW and ping sockets share: connecting, deciding how a datagram leaves, receiving.
 *
 * TLK "Creating a Connection on an INET BSD Socket". Requirements: UDP-2, INET-8, IP-1, IP-4.
 *
 * Locking: connect and disconnect are called with the socket lock held. Sending and receiving take
 * no lock: a sender reads the sock's members word by word.
 */
#pragma once

#include "sock/options.hh"

namespace edu {

/* Everything decided about a datagram before its data is copied. */
struct send_plan {
	ref<rtable> route; /* the sender's own reference */
	be32 dst;	   /* where it goes in the end */
	be16 port;
	be32 next;  /* the header's destination: dst, or a source route's first hop */
	be32 src;   /* the header's source */
	u8 ttl = 0; /* 1..255; 0: a multicast that stays in this host */
	u8 tos = 0;
	u8 pmtudisc = 0;  /* pmtu::* */
	bool loop = true; /* IP_MULTICAST_LOOP */
	option_set options;

	/* Octets of IP header. */
	u32 header_len() const { return wire::ipv4::min_header_len + options.length; }
	/* The largest packet for this send: probe, interface and omit ignore what ICMP told. */
	u32 mtu() const;
	/* What ip_send() wants to know; payload: octets behind the IP header. */
	ip_params params(u8 protocol, u32 payload) const;
	/* Octets to leave in front of the transport header. */
	u32 headroom() const { return read_once(route->rt_dev->headroom) + header_len(); }
};

/* Who a send is for: the address given, or the peer. edestaddrreq, einval, eafnosupport. */
result<end_point> datagram_destination(const sock &s, const edu_send &send);

/*
 * Chooses route, source, TTL, TOS and options for a send to `to`; any_source: RAW sockets that write
 * the header themselves may claim to be anybody. Process. Errors: ip_route_output()'s, eacces
 * (broadcast without SO_BROADCAST), einval (options).
 */
result<void> plan_send(sock &s, const edu_send &send, const end_point &to, bool any_source,
		       send_plan &plan);

/* Whether payload octets behind the IP header can be sent at all: emsgsize, which the error queue is
 * told of too. Process. */
result<void> check_send_size(sock &s, const send_plan &plan, u32 payload);

/* MSG_PROBE with MSG_CONFIRM and no data: only asks whether there is a route. */
inline bool is_probe(const edu_send &send)
{
	constexpr u32 both = msg::confirm | msg::probe;

	return (send.flags & both) == both && !send.len;
}

/* Locked. */
result<void> datagram_connect(sock &s, const end_point &to);
void datagram_disconnect(sock &s);

/*
 * recvmsg(): the next packet of the receive_queue without its first prot->header_len octets.
 * port_of says the sender's port from the packet, null: none. Process; may sleep.
 */
result<int> datagram_recvmsg(sock &s, msghdr *message, u32 len, u32 flags,
			     be16 (*port_of)(const sk_buff *packet));

} // namespace edu
