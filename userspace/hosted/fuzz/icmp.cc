// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: an ICMP message, its quote and its time stamps (IP-10).
 * Locking: none.
 */
#include "fuzz.hh"
#include "wire/icmp.hh"

using namespace edu;
namespace icmp = wire::icmp;

namespace {

void read_quote(bytes payload)
{
	auto [quote, why] = icmp::quote::checked(payload);

	if (why != icmp::quote_fault::none)
		return;
	fuzz::touch(quote.transport());
	fuzz::touch(quote.packet().options());
	fuzz::require(quote.has_ports() || (!quote.source_port() && !quote.dest_port()));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	bytes octets{data, size};
	auto [message, why] = icmp::view::checked(octets);

	read_quote(octets);
	if (why != icmp::fault::none)
		return 0;
	if (message.is_error())
		read_quote(message.payload());
	u8 again[icmp::header_len];

	message.parse().emit(again, inet_sum{}.add(message.payload()));
	for (std::size_t i = 0; i < sizeof(again); i++)
		fuzz::require(i == 2 || i == 3 || again[i] == data[i]);
	if (message.type() == icmp::type::timestamp) {
		auto stamp = icmp::times::load(message.payload().first<icmp::times::len>());
		u8 twelve[icmp::times::len];

		stamp.store(twelve);
		fuzz::require(icmp::times::load(twelve) == stamp);
	}
	return 0;
}
