// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: a TCP segment and its options (TCP-2, TCP-3).
 * Locking: none.
 */
#include "fuzz.hh"
#include "wire/tcp.hh"

using namespace edu;
namespace tcp = wire::tcp;

namespace {

/* Options that were read are written so that reading them gives the same. */
void options_round_trip(const tcp::options &first, bool is_syn)
{
	u8 out[40] = {};

	fuzz::require(first.length() <= sizeof(out) && first.length() % 4 == 0);
	first.emit({out, first.length()});
	tcp::options second = tcp::options::parse({out, first.length()}, is_syn);

	fuzz::require(!second.malformed && second.mss == first.mss &&
		      second.has_window_scale == first.has_window_scale &&
		      second.window_scale == first.window_scale &&
		      second.sack_permitted == first.sack_permitted &&
		      second.has_timestamps == first.has_timestamps &&
		      second.ts_value == first.ts_value && second.ts_echo == first.ts_echo &&
		      second.sack_count <= first.sack_count);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	constexpr be32 src = wire::ipv4::make_addr(10, 0, 0, 1),
		       dst = wire::ipv4::make_addr(10, 0, 0, 2);
	bytes octets{data, size};
	auto [segment, why] = tcp::view::checked(octets);

	if (why != tcp::fault::none)
		return 0;
	fuzz::touch(segment.option_bytes());
	fuzz::touch(segment.payload());
	fuzz::require(segment.header_length() + segment.payload_length() == size);
	options_round_trip(segment.options(), segment.is_syn());
	u8 header[60];
	tcp::options options = segment.options();

	segment.parse().emit({header, tcp::min_header_len + options.length()}, options);
	auto [second, fault] = tcp::view::checked({header, tcp::min_header_len + options.length()});

	fuzz::require(fault == tcp::fault::none && second.parse() == segment.parse());
	tcp::view::checked(octets, src, dst);
	return 0;
}
