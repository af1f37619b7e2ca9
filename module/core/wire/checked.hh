// SPDX-License-Identifier: GPL-2.0-only
/*
 * What every format's gate returns: a view, and what is wrong with it.
 *
 * Each format in wire/ is written the same way:
 *	fault	an enum with one name per malformation, because every drop has its own counter;
 *	view	a received header. view::checked() is the only way from bytes to a view, and after
 *		it no accessor can fail or read past the end;
 *	repr	the same header as a plain value: view.parse() makes one, emit() writes it.
 *
 *	auto [arp, why] = wire::arp::view::checked(packet);
 *	if (why != wire::arp::fault::none)
 *		return drop(...);
 *
 * A kernel packet may lie in pieces, of which only the first, holding the headers, can be read in
 * place. The gates for such formats come in two: checked(bytes) for a whole packet, and
 * checked_header(linear, packet_len) for the first octets of a packet of packet_len.
 *
 * Locking: none in all of wire/. Everything is a value or a view of bytes the caller owns.
 */
#pragma once

#include "base/endian.hh"

namespace edu::wire {

/* @header may be used only when @why is fault::none. */
template <typename view, typename fault>
struct checked_view {
	view header;
	fault why;

	constexpr bool ok() const { return why == fault::none; }
};

} // namespace edu::wire
