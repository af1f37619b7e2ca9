// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reverse ARP on the wire, see rarp_frame.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "rarp_frame.hh"

#include <linux/if_ether.h>

#include <cstring>

namespace edu {

namespace {

constexpr std::size_t header_size = 8; /* up to the addresses */
constexpr unsigned request_code = 3, reply_code = 4;

void append16(std::vector<std::uint8_t> &to, unsigned value)
{
	to.push_back(static_cast<std::uint8_t>(value >> 8));
	to.push_back(static_cast<std::uint8_t>(value));
}

void append(std::vector<std::uint8_t> &to, const std::vector<std::uint8_t> &hardware)
{
	to.insert(to.end(), hardware.begin(), hardware.end());
	to.insert(to.end(), 4, 0); /* an Internet address nobody knows yet */
}

unsigned get16(octets data, std::size_t at)
{
	return static_cast<unsigned>(data[at]) << 8 | data[at + 1];
}

} // namespace

std::vector<std::uint8_t> rarp_request(unsigned hardware_type,
				       const std::vector<std::uint8_t> &sender,
				       const std::vector<std::uint8_t> &about)
{
	std::vector<std::uint8_t> packet;

	append16(packet, hardware_type);
	append16(packet, ETH_P_IP);
	packet.push_back(static_cast<std::uint8_t>(sender.size()));
	packet.push_back(4);
	append16(packet, request_code);
	append(packet, sender);
	append(packet, about);
	return packet;
}

std::optional<rarp_reply> read_rarp_reply(octets packet)
{
	if (packet.size() < header_size || get16(packet, 2) != ETH_P_IP || packet[5] != 4 ||
	    get16(packet, 6) != reply_code)
		return std::nullopt;
	std::size_t length = packet[4];
	if (packet.size() < header_size + 2 * (length + 4))
		return std::nullopt;
	octets sender = packet.subspan(header_size), target = sender.subspan(length + 4);
	rarp_reply reply;

	reply.server_hardware.assign(sender.begin(), sender.begin() + packet[4]);
	reply.hardware.assign(target.begin(), target.begin() + packet[4]);
	std::memcpy(&reply.server, sender.data() + length, sizeof(reply.server));
	std::memcpy(&reply.address, target.data() + length, sizeof(reply.address));
	if (!reply.address)
		return std::nullopt;
	return reply;
}

unsigned classful_length(in_addr_t address)
{
	std::uint32_t host = ntohl(address);

	return IN_CLASSA(host) ? 8 : IN_CLASSB(host) ? 16 : IN_CLASSC(host) ? 24 : 32;
}

} // namespace edu
