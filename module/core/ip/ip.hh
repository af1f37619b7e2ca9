// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IP layer as the layers above and below see it.
 *
 * TLK "The IP Layer". Requirements: IP-1 … IP-10, OVER-3, OVER-8. RFC 791, RFC 1122 3.2.
 */
#pragma once

#include "base/verdict.hh"
#include "ip/route.hh"
#include "wire/ipv4.hh"

namespace edu {

/*
 * What IP knows of a received packet, in its sk_buff's scratch area from ip_rcv() until the program
 * has read it. The IP header itself stays reachable through edu_k_skb_network().
 */
struct ip_info {
	be32 src;
	be32 dst;
	int ifindex;	 /* it came in by */
	u16 header_len;	 /* octets of IP header, options included */
	u16 payload_len; /* octets behind it */
	u8 protocol;
	u8 ttl;
	u8 tos;
	bool link_broadcast : 1; /* the frame was broadcast or multicast */
	bool dst_broadcast : 1;	 /* dst is a broadcast address of ours */
	bool dst_multicast : 1;
};

/* What a transport tells IP of a packet to send. */
struct ip_params {
	be32 src;
	be32 dst;
	u8 protocol = 0;
	u8 ttl = 0; /* 1..255; 0: a multicast that stays in this host */
	u8 tos = 0;
	bool dont_fragment = false;
	bool loop = true; /* a multicast: to the members in this host too (IP_MULTICAST_LOOP) */
	u32 mtu = 0;	  /* octets of the largest packet; 0: the path's */
	u16 packets = 1;  /* that the device cuts it into: as many identifications */
	bytes options;	  /* a multiple of 4 octets, already checked */
};

/* IP's own state of a host. */
struct ip_state {
	static constexpr u32 ident_slots = 2048;

	/* Identification counters, chosen by a hash of source, destination and protocol, so that one
	 * destination learns nothing of what is sent to others (RFC 6864, RFC 7739). */
	atomic<u32> *ident = nullptr;
};

/*
 * Puts the IP header in front of packet (data at the transport header) and sends it by route.
 * packet is consumed in every case. Errors: emsgsize (larger than the MTU and may not be
 * fragmented), enobufs, enetdown. Context: any, not RCU necessarily; no spin lock held.
 */
result<void> ip_send(edu_stack &host, skb_ptr packet, rtable &route, const ip_params &params);

/* The last step: a packet whose header is complete, and which fits, goes to its link (IP-2, IP-3).
 * Consumes packet. Errors: enetdown, enobufs, those of the device. Any context, no lock held. */
result<void> ip_finish_output(edu_stack &host, skb_ptr packet, rtable &route);

/* Sends a packet that has its IP header already (IP_HDRINCL); total length, checksum, and a zero
 * identification or source are filled in (raw(7)). mtu, loop: as in ip_params. */
result<void> ip_send_raw(edu_stack &host, skb_ptr packet, rtable &route, u32 mtu, bool loop);

/*
 * What is for everybody, or for a group, is for ourselves too: a copy comes back by the loopback
 * interface, in a frame to @to whose source says which interface the packet left by. Data at the IP
 * header. Any context; no lock held.
 */
void ip_loop_back(edu_stack &host, const skb_ptr &packet, const rtable &route, const eth_addr &to);
/* The interface to which a received packet belongs: the one that such a copy left by. RCU. */
int ip_loop_origin(const edu_iface &iface, const sk_buff *packet);

/* An ICMP error that arrived, taken apart for the transport whose packet it quotes. */
struct icmp_error {
	be32 offender;	  /* who sent the ICMP message */
	be32 src;	  /* of the quoted packet: ours */
	be32 dst;	  /* where it was going */
	u8 protocol;	  /* of the quoted packet */
	u8 header_len;	  /* octets of its IP header, which lies in front of `quoted` */
	u16 total_length; /* octets of all of it, as its header says */
	u8 type, code;	  /* of the ICMP message */
	u32 info;	  /* next-hop MTU, or pointer of a parameter problem; host order */
	int ifindex;	  /* the ICMP message came in by */
	bytes quoted;	  /* transport header and data of the quoted packet, at least 8 octets */
	sk_buff *packet;  /* the ICMP message, data at the quoted transport header; borrowed */
};

/*
 * The transport has found whose packet is quoted: what the message says of its path is believed
 * (RFC 1191). Before that, anybody could say it of any destination (RFC 5927 7.2). Softirq, RCU.
 */
void icmp_learn_mtu(edu_stack &host, const icmp_error &error);

/* The errno a program sees for it and whether it ends a connection (RFC 1122 4.2.3.9: only hints
 * otherwise); code table as Linux's. */
struct icmp_meaning {
	int error; /* positive errno */
	bool fatal;
};
icmp_meaning icmp_error_meaning(u8 type, u8 code);

/* TLK's inet_protocol: the protocol byte leads here (OVER-8). Registered at init, never removed
 * while packets flow. */
struct inet_protocol {
	u8 protocol;
	const char *name;
	/* packet: data at the transport header, trimmed to the datagram, cb is ip_info, network and
	 * transport headers marked. On accepted() packet is empty. Softirq, RCU. */
	verdict (*handler)(edu_stack &host, skb_ptr &packet);
	void (*err_handler)(edu_stack &host, const icmp_error &error);
};

void inet_add_protocol(const inet_protocol *protocol);
void inet_del_protocol(const inet_protocol *protocol);

/*
 * RAW sockets see every packet before its protocol does. Registered by transport/raw.cc; returns
 * whether any socket took a copy (then no protocol unreachable is sent).
 */
struct raw_listener {
	bool (*deliver)(edu_stack &host, sk_buff *packet); /* data at the IP header; borrowed */
	void (*err_handler)(edu_stack &host, const icmp_error &error);
};
void ip_set_raw_listener(const raw_listener *listener);

/* Who is registered, or null. RCU. */
const inet_protocol *inet_find_protocol(u8 protocol);
const raw_listener *ip_get_raw_listener();

/*
 * Ping sockets get the echo replies that carry their identifier. Registered by transport/ping.cc;
 * ip/icmp.cc calls it for every echo reply whose checksum is right, and throws the reply away after
 * that. (Errors about our echo requests reach ping sockets by raw_listener.err_handler.)
 */
struct ping_listener {
	bool (*deliver)(edu_stack &host, sk_buff *packet); /* data at the ICMP header; borrowed */
};
void ip_set_ping_listener(const ping_listener *listener);

/*
 * Sends an ICMP error about a received packet (network header marked, cb is ip_info), if RFC 1122
 * 3.2.2 allows one and the rate limit does. about stays the caller's. Softirq, RCU, no lock held.
 */
void icmp_send(edu_stack &host, const sk_buff *about, u8 type, u8 code, u32 info);

/*
 * Addresses that no packet from a cable may have (RFC 1812 5.3.7). @dst: where the packet is going;
 * @protocol: what it carries, 0: that is not known. RCU.
 */
bool ip_is_martian_source(const edu_iface &iface, be32 src, be32 dst, u8 protocol = 0);
bool ip_is_martian_destination(const edu_iface &iface, be32 dst);

/* Registers IP's and ICMP's handlers with the layers below; for protocols[]. */
int ip_init();
void ip_exit();
result<void> ip_host_init(edu_stack &host);
void ip_host_exit(edu_stack &host);

/* Classes of an address, for bind, connect and input: RTN_LOCAL, RTN_BROADCAST, RTN_MULTICAST or
 * RTN_UNICAST (anything else). Constant time. ifindex: only addresses of that interface, 0: any. */
route_type inet_addr_type(const edu_stack &host, be32 addr, int ifindex = 0);

} // namespace edu
