// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: an IP header, whole, in pieces and as an ICMP error quotes it (OVER-3, IP-5).
 * Locking: none.
 */
#include "fuzz.hh"
#include "wire/ipv4.hh"

using namespace edu;
namespace ipv4 = wire::ipv4;

namespace {

/* A good header, written again from its value, is good and has the same value. */
void round_trip(const ipv4::view &packet)
{
	u8 again[60];
	mutable_bytes header{again, packet.header_length()};

	packet.parse().emit(header, packet.options());
	auto [second, why] = ipv4::view::checked_header(header, packet.total_length());

	fuzz::require(why == ipv4::fault::none && second.parse() == packet.parse());
}

/* A router lowers the TTL and the checksum stays right. */
void forward(const ipv4::view &packet)
{
	u8 copy[60];
	mutable_bytes header{copy, packet.header_length()};

	if (packet.ttl() < 2)
		return;
	copy_bytes(copy, packet.header_bytes());
	ipv4::decrement_ttl(header);
	auto [next, why] = ipv4::view::checked_header(header, packet.total_length());

	fuzz::require(why == ipv4::fault::none && next.ttl() == packet.ttl() - 1);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	bytes octets{data, size};
	auto [packet, why] = ipv4::view::checked(octets);

	if (why == ipv4::fault::none) {
		fuzz::require(packet.header_length() + packet.payload_length() <= size);
		fuzz::touch(packet.options());
		fuzz::touch(packet.payload());
		round_trip(packet);
		forward(packet);
	}
	auto [quoted, fault] = ipv4::view::quoted(octets);

	if (fault == ipv4::fault::none)
		fuzz::touch(quoted.payload());
	std::size_t wanted = ipv4::view::wanted(octets);

	fuzz::require(wanted >= 20 && wanted <= 60);
	return 0;
}
