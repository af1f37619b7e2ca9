/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reverse ARP on the wire (RFC 903): an ARP packet (RFC 826) with two operations of its own.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_RARP_FRAME_HH
#define EDU_RARP_FRAME_HH

#include "icmp.hh"

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace edu {

/* A reply: whose address it tells, and who tells it. */
struct rarp_reply {
	std::vector<std::uint8_t> hardware; /* of the host asked about */
	in_addr_t address;		    /* its Internet address, network byte order */
	std::vector<std::uint8_t> server_hardware;
	in_addr_t server; /* network byte order */
};

/* "What is the Internet address of `about`?", asked by `sender`. hardware_type: ARPHRD_*. */
std::vector<std::uint8_t> rarp_request(unsigned hardware_type,
				       const std::vector<std::uint8_t> &sender,
				       const std::vector<std::uint8_t> &about);
/* Nothing when it is another packet than a whole reply with an address. */
std::optional<rarp_reply> read_rarp_reply(octets packet);

/* The length of an address' network when nobody says it: by its class (RFC 791). */
unsigned classful_length(in_addr_t address);

} // namespace edu

#endif /* EDU_RARP_FRAME_HH */
