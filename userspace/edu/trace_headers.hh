/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The headers in the first octets of a packet, read for showing: a packet may be cut, damaged or
 * hostile, so whatever is not whole is left out and nothing is refused.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_TRACE_HEADERS_HH
#define EDU_TRACE_HEADERS_HH

#include <netinet/in.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace edu {

using octet_span = std::span<const std::uint8_t>;

/* What the octets begin with. */
enum class begins_with { nothing_known, ethernet, network, arp, ip, udp, tcp, icmp };

struct packet_header {
	std::string name; /* "Ethernet", "IP", "UDP" … */
	unsigned at;	  /* octets from the beginning of what was read */
	unsigned length;  /* octets, options included */
	std::string text; /* what it says, in short */
};

/* What is known of a packet; parts come together as it passes the layers. */
struct packet_facts {
	std::vector<packet_header> headers; /* outermost first; of the last reading only */
	std::optional<in_addr_t> source, destination;		    /* IP, or ARP's */
	std::optional<std::uint16_t> source_port, destination_port; /* host byte order */
	std::optional<unsigned> protocol;			    /* of IP */
	std::optional<unsigned> fragment;	     /* offset in octets; not of a whole packet */
	std::optional<std::uint16_t> identification; /* of IP */
	bool more_fragments = false;
	bool is_arp = false;
	std::string station_from, station_to; /* hardware addresses */
	std::string what; /* "UDP 10 octets", "echo request 1 of 77", "who has 10.0.0.2" */
};

/* Reads into `facts`; what was known stays when the octets do not say otherwise. */
void read_headers(octet_span octets, begins_with first, packet_facts &facts);

/* "10.0.0.1:7 → 10.0.0.2:9 UDP 10 octets"; "" when nothing is known. */
std::string packet_summary(const packet_facts &facts);

std::string protocol_name(unsigned number);

} // namespace edu

#endif /* EDU_TRACE_HEADERS_HH */
