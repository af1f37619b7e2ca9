// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: an ARP or RARP packet read, and written again octet by octet (ARP-7).
 * Locking: none.
 */
#include "fuzz.hh"
#include "wire/arp.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	using namespace edu;
	auto [packet, why] = wire::arp::view::checked({data, size});

	if (why != wire::arp::fault::none)
		return 0;
	u8 again[wire::arp::packet_len];

	packet.parse().emit(again);
	for (std::size_t i = 0; i < sizeof(again); i++)
		fuzz::require(again[i] == data[i]);
	fuzz::require(!(packet.is_request() && packet.is_reply()));
	return 0;
}
