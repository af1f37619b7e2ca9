// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: the first sequence number, and where a connection's clock begins.
 *
 * TLK "the initial number is random within bounds, against attack" (TCP-4); 2.0's
 * secure_tcp_sequence_number(). RFC 6528 and RFC 9293 3.4.1 (MUST-8, MUST-9, SHLD-1): ISN = M + F(ends,
 * secret), with a clock M of 4 microseconds and SipHash for F. RFC 7323 5.4: timestamps of different peers
 * begin at different offsets.
 *
 * Locking: none; the keys are constant.
 */
#include "stack.hh"

namespace edu {

seq32 tcp_initial_seq(const edu_stack &host, be32 laddr, be32 faddr, u16 lport, be16 fport)
{
	constexpr u64 tick_ns = 4000;
	const u64 secret = siphash24(host.tcp.isn_key, laddr.raw(), faddr.raw(),
				     u32{lport} << 16 | fport.raw());

	return seq32{static_cast<u32>(secret) + static_cast<u32>(edu_k_now_ns() / tick_ns)};
}

u32 tcp_timestamp_offset(const edu_stack &host, be32 laddr, be32 faddr)
{
	return static_cast<u32>(siphash24(host.tcp.isn_key, laddr.raw(), faddr.raw()));
}

} // namespace edu
