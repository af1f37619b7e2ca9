// SPDX-License-Identifier: GPL-2.0-only
/*
 * SYN cookies: a half-open connection that takes no memory.
 *
 * Requirement TCP-10 (a backlog that is full); RFC 4987 3.6 and its appendix. The SYN-ACK's sequence number
 * is a secret function of the connection's ends and the minute, which also says which of sixteen maximum
 * segment sizes is the next below the SYN's. The ACK that completes the handshake brings it back. If the
 * peer uses timestamps, the low bits of ours carry window scale and SACK; without them these are lost.
 *
 *	number = F(ends, 0) + their number + minute << 24 + (F(ends, minute) + index) mod 2^24
 *
 * Locking: none; the key is constant. Cost is the same for good and bad cookies.
 */
#include "stack.hh"

namespace edu {

namespace {

/* What is common: the least, tunnels, PPPoE, Ethernet, FDDI, large frames, edulo. */
constexpr u16 cookie_mss[16] = {48,   216,  536,  1220, 1300, 1340, 1360,  1400,
				1440, 1452, 1460, 4312, 8192, 8960, 16344, 65495};
constexpr u32 cookie_bits = 24, cookie_mask = (1u << cookie_bits) - 1;
constexpr u32 cookie_period_ms = 60000, cookie_age = 2; /* minutes for which one counts */

/* Low bits of the timestamp: window scale (15: none), SACK. */
constexpr u32 cookie_stamp_bits = 5, cookie_stamp_mask = (1u << cookie_stamp_bits) - 1;
constexpr u32 cookie_no_scale = 15, cookie_sack = 16;

u32 cookie_minute()
{
	return static_cast<u32>(edu_k_now_ms() / cookie_period_ms);
}

u32 cookie_hash(const edu_stack &host, const tcp_segment &segment, u32 minute)
{
	return static_cast<u32>(siphash24(host.tcp.cookie_key, segment.src.raw(), segment.dst.raw(),
					  u32{segment.sport} << 16 | segment.dport, minute));
}

u32 cookie_mss_index(u16 mss)
{
	u32 index = std::size(cookie_mss) - 1;

	while (index && cookie_mss[index] > mss)
		index--;
	return index;
}

seq32 cookie_of(const edu_stack &host, const tcp_segment &syn, u32 minute)
{
	const u32 index = cookie_mss_index(syn.opts.mss ? syn.opts.mss : wire::tcp::default_mss);

	return seq32{cookie_hash(host, syn, 0) + syn.seq.raw() + (minute << cookie_bits) +
		     ((cookie_hash(host, syn, minute | 1u << 31) + index) & cookie_mask)};
}

} // namespace

seq32 tcp_cookie_make(const edu_stack &host, const tcp_segment &syn)
{
	return cookie_of(host, syn, cookie_minute());
}

u32 tcp_cookie_timestamp(u32 now, const wire::tcp::options &syn)
{
	const u32 said = (syn.has_window_scale ? syn.window_scale : cookie_no_scale) |
			 (syn.sack_permitted ? cookie_sack : 0);
	const u32 stamp = (now & ~cookie_stamp_mask) | said;

	/* Never ahead of the clock, or the peer's echo would look wrong. */
	return stamp > now ? stamp - (1u << cookie_stamp_bits) : stamp;
}

bool tcp_cookie_check(const edu_stack &host, const tcp_segment &ack, tcp_cookie &out)
{
	const u32 now = cookie_minute();
	const u32 cookie = ack.ack.raw() - 1 - cookie_hash(host, ack, 0) - (ack.seq.raw() - 1);
	const u32 age = (now - (cookie >> cookie_bits)) & (~0u >> cookie_bits);
	const u32 minute = now - age;
	const u32 index = (cookie - cookie_hash(host, ack, minute | 1u << 31)) & cookie_mask;

	if (age >= cookie_age || index >= std::size(cookie_mss))
		return false;
	out.mss = cookie_mss[index];
	out.tstamp_ok = ack.opts.has_timestamps;
	if (!out.tstamp_ok)
		return true;
	const u32 echoed = ack.opts.ts_echo - tcp_timestamp_offset(host, ack.dst, ack.src);

	out.sack_ok = echoed & cookie_sack;
	out.has_wscale = (echoed & 15) != cookie_no_scale;
	out.snd_wscale = out.has_wscale ? static_cast<u8>(echoed & 15) : 0;
	return true;
}

} // namespace edu
