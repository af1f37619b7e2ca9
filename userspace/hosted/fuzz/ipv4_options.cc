// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: the options of an IP header, walked, compiled and copied for fragments (IP-10).
 * Locking: none.
 */
#include "fuzz.hh"
#include "wire/ipv4_options.hh"

using namespace edu;
namespace ipv4 = wire::ipv4;

namespace {

/* What compile_options() accepted can be read at the places it told. */
void read_slots(bytes options, const ipv4::compiled_options &all)
{
	for (u8 at : {all.record_route, all.timestamp, all.source_route}) {
		if (!at)
			continue;
		ipv4::option opt = ipv4::option_at(options, at);

		if (!opt.is_full())
			fuzz::touch(opt.data.subspan(opt.next_slot(), opt.slot_len()));
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	bytes options{data, size < 40 ? size & ~std::size_t{3} : 40};
	ipv4::option_cursor cursor{options};
	ipv4::option opt;
	u8 later[40];

	while (cursor.next(opt))
		fuzz::touch(opt.data);
	ipv4::compiled_options all = ipv4::compile_options(options);

	if (all.ok()) {
		fuzz::require(cursor.why() == ipv4::option_fault::none);
		read_slots(options, all);
	} else {
		fuzz::require(all.fault_offset >= 20 && all.fault_offset < 20 + options.size());
	}
	std::size_t length = ipv4::fragment_options(options, {later, options.size()});

	fuzz::require(length <= options.size() && length % 4 == 0);
	return 0;
}
