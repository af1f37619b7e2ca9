// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: a UDP datagram with and without its checksum (UDP-3).
 * Locking: none.
 */
#include "fuzz.hh"
#include "wire/udp.hh"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	using namespace edu;
	namespace udp = wire::udp;
	constexpr be32 src = wire::ipv4::make_addr(10, 0, 0, 1),
		       dst = wire::ipv4::make_addr(10, 0, 0, 2);
	bytes octets{data, size};
	auto [datagram, why] = udp::view::checked(octets);

	if (why != udp::fault::none)
		return 0;
	fuzz::require(datagram.payload().size() == datagram.payload_length());
	fuzz::touch(datagram.payload());
	udp::repr again = datagram.parse();
	u8 header[udp::header_len];

	/* With the checksum we compute ourselves, the datagram is right. */
	again.checksum = {};
	again.checksum = again.checksum_between(src, dst, inet_sum{}.add(datagram.payload()));
	again.emit(header);
	inet_sum sum = pseudo_header(src, dst, 17, datagram.length());

	fuzz::require(sum.add(header).add(datagram.payload()).is_valid());
	udp::view::checked(octets, src, dst);
	return 0;
}
