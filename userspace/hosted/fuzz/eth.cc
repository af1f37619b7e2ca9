// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: an Ethernet header read, and written again octet by octet (OVER-9).
 * Locking: none.
 */
#include "fuzz.hh"
#include "wire/eth.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	using namespace edu;
	auto [frame, why] = wire::eth::view::checked({data, size});

	if (why != wire::eth::fault::none)
		return 0;
	u8 again[wire::eth::header_len];

	frame.parse().emit(again);
	for (std::size_t i = 0; i < sizeof(again); i++)
		fuzz::require(again[i] == data[i]);
	fuzz::touch(frame.payload());
	return 0;
}
