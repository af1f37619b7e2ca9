// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: an IGMP message read, and written again (IP-10).
 * Locking: none.
 */
#include "fuzz.hh"
#include "wire/igmp.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	using namespace edu;
	auto [message, why] = wire::igmp::view::checked({data, size});

	if (why != wire::igmp::fault::none)
		return 0;
	u8 again[wire::igmp::header_len];

	message.parse().emit(again);
	auto [second, fault] = wire::igmp::view::checked(again);

	fuzz::require(fault == wire::igmp::fault::none && second.parse() == message.parse());
	return 0;
}
