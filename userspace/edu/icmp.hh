/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ICMP messages as `edu ping` needs them: making echo requests, reading answers and errors, and
 * saying in words what an error means. RFC 792; the words are those of ping(8).
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_ICMP_HH
#define EDU_ICMP_HH

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace edu {

using octets = std::span<const std::uint8_t>;

/* The checksum of RFC 1071, in network byte order when stored as it is. */
std::uint16_t internet_checksum(octets data);

/* An echo request with `size` octets of data, of which octet i is i modulo 256. */
std::vector<std::uint8_t> echo_request(std::uint16_t id, std::uint16_t sequence, std::size_t size);

/* A message that was received. */
struct icmp_message {
	std::uint8_t type, code;
	std::uint16_t id,
		sequence;   /* host byte order; of an error: those of the request it quotes */
	std::uint32_t info; /* second word of the header, host byte order */
	bool quotes_echo;   /* an error, and what it quotes is an echo request */
	in_addr_t quoted_destination; /* where that request was going, network byte order */
	octets data;		      /* what follows the header of eight octets */
};

/* Nothing when it is too short. The checksum is the kernel's business. */
std::optional<icmp_message> read_icmp(octets message);

/* An IP packet as a RAW socket delivers it. */
struct ip_packet {
	in_addr_t source;
	std::uint8_t ttl;
	octets payload;
};
std::optional<ip_packet> read_ip(octets packet);

/* Index of the first octet that differs from what echo_request() wrote, or -1. */
int first_wrong_octet(octets data);

/* "Destination Host Unreachable" */
std::string describe_icmp(std::uint8_t type, std::uint8_t code, std::uint32_t info);

} // namespace edu

#endif /* EDU_ICMP_HH */
