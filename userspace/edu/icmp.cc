// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMP for `edu ping`, see icmp.hh. RFC 792, RFC 1071, RFC 1191 (MTU in "fragmentation needed"),
 * RFC 1812 (codes of prohibition).
 *
 * Locking: none, the tool has one thread.
 */
#include "icmp.hh"

#include "names.hh"

#include <fmt/format.h>
#include <netinet/ip_icmp.h>

#include <cstring>

namespace edu {

namespace {

constexpr std::size_t icmp_header_size = 8, ip_header_size = 20;

std::uint16_t get16(octets data, std::size_t at)
{
	return static_cast<std::uint16_t>(data[at] << 8 | data[at + 1]);
}

std::uint32_t get32(octets data, std::size_t at)
{
	return static_cast<std::uint32_t>(get16(data, at)) << 16 | get16(data, at + 2);
}

void put16(std::vector<std::uint8_t> &data, std::size_t at, std::uint16_t value)
{
	data[at] = static_cast<std::uint8_t>(value >> 8);
	data[at + 1] = static_cast<std::uint8_t>(value);
}

bool is_error(std::uint8_t type)
{
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* Length of the IP header in front, or 0 when that is nonsense. */
std::size_t header_length(octets packet)
{
	if (packet.size() < ip_header_size || packet[0] >> 4 != 4)
		return 0;
	std::size_t length = (packet[0] & 15u) * 4;
	return length >= ip_header_size && length <= packet.size() ? length : 0;
}

} // namespace

std::uint16_t internet_checksum(octets data)
{
	std::uint32_t sum = 0;

	for (std::size_t i = 0; i + 1 < data.size(); i += 2)
		sum += get16(data, i);
	if (data.size() % 2)
		sum += static_cast<std::uint32_t>(data.back()) << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(static_cast<std::uint16_t>(~sum));
}

std::vector<std::uint8_t> echo_request(std::uint16_t id, std::uint16_t sequence, std::size_t size)
{
	std::vector<std::uint8_t> message(icmp_header_size + size);

	message[0] = ICMP_ECHO;
	put16(message, 4, id);
	put16(message, 6, sequence);
	for (std::size_t i = 0; i < size; i++)
		message[icmp_header_size + i] = static_cast<std::uint8_t>(i);
	put16(message, 2, ntohs(internet_checksum(message)));
	return message;
}

std::optional<icmp_message> read_icmp(octets message)
{
	if (message.size() < icmp_header_size)
		return std::nullopt;
	icmp_message read{};
	read.type = message[0];
	read.code = message[1];
	read.id = get16(message, 4);
	read.sequence = get16(message, 6);
	read.info = get32(message, 4);
	read.data = message.subspan(icmp_header_size);
	if (!is_error(read.type))
		return read;

	/* An error quotes the IP header and at least eight octets of the packet it is about. */
	std::size_t skip = header_length(read.data);
	if (!skip || read.data.size() < skip + icmp_header_size || read.data[9] != IPPROTO_ICMP ||
	    read.data[skip] != ICMP_ECHO)
		return read;
	read.quotes_echo = true;
	read.quoted_destination = htonl(get32(read.data, 16));
	read.id = get16(read.data, skip + 4);
	read.sequence = get16(read.data, skip + 6);
	return read;
}

std::optional<ip_packet> read_ip(octets packet)
{
	std::size_t skip = header_length(packet);

	if (!skip)
		return std::nullopt;
	return ip_packet{htonl(get32(packet, 12)), packet[8], packet.subspan(skip)};
}

int first_wrong_octet(octets data)
{
	for (std::size_t i = 0; i < data.size(); i++)
		if (data[i] != static_cast<std::uint8_t>(i))
			return static_cast<int>(i);
	return -1;
}

std::string describe_icmp(std::uint8_t type, std::uint8_t code, std::uint32_t info)
{
	static const char *const unreachable[] = {
		"Destination Net Unreachable",
		"Destination Host Unreachable",
		"Destination Protocol Unreachable",
		"Destination Port Unreachable",
		"Frag needed and DF set",
		"Source Route Failed",
		"Destination Net Unknown",
		"Destination Host Unknown",
		"Source Host Isolated",
		"Destination Net Prohibited",
		"Destination Host Prohibited",
		"Destination Net Unreachable for Type of Service",
		"Destination Host Unreachable for Type of Service",
		"Packet filtered",
		"Precedence Violation",
		"Precedence Cutoff",
	};

	switch (type) {
	case ICMP_ECHOREPLY:
		return "Echo Reply";
	case ICMP_ECHO:
		return "Echo Request";
	case ICMP_DEST_UNREACH:
		if (code == ICMP_FRAG_NEEDED)
			return fmt::format("Frag needed and DF set (mtu = {})", info & 0xffff);
		if (code < std::size(unreachable))
			return unreachable[code];
		return fmt::format("Dest Unreachable, Bad Code: {}", code);
	case ICMP_SOURCE_QUENCH:
		return "Source Quench";
	case ICMP_REDIRECT:
		return fmt::format("Redirect (New nexthop: {})", show_address(htonl(info)));
	case ICMP_TIME_EXCEEDED:
		return code ? "Frag reassembly time exceeded" : "Time to live exceeded";
	case ICMP_PARAMETERPROB:
		return fmt::format("Parameter problem: pointer = {}", info >> 24);
	}
	return fmt::format("ICMP type {} code {}", type, code);
}

} // namespace edu
