// SPDX-License-Identifier: GPL-2.0-only
/*
 * IP options that a host acts on.
 *
 * IP-10; RFC 791, RFC 1122 3.2.1.8 and 3.2.2.6 (an echo reply carries record route and time stamp
 * on). Source routes are refused, as Linux does by default (RFC 7126).
 *
 * Locking: none.
 */
#pragma once

#include "ip/ip.hh"
#include "wire/ipv4_options.hh"

namespace edu {

/* Options of a packet on its way out, in the making. */
struct option_buffer {
	u8 data[wire::ipv4::max_options_len] = {};
	u8 length = 0; /* a multiple of 4 */

	bytes all() const { return {data, length}; }
};

/*
 * What a router does to a packet's options, where they lie (checked: @found): enters @own, the address
 * it sends on by, into record route and time stamp. The header's checksum is the caller's affair.
 */
void forward_options(const edu_stack &host, mutable_bytes options,
		     const wire::ipv4::compiled_options &found, be32 own);

/*
 * What an echo or timestamp reply carries of its request's options: record route and time stamp,
 * with this host entered at @own twice, on the way in and on the way out.
 */
option_buffer reply_options(bytes options, be32 own, u32 time_of_day_ms);

} // namespace edu
