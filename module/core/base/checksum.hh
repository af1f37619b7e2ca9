// SPDX-License-Identifier: GPL-2.0-only
/*
 * The Internet checksum.
 *
 * TLK: every IP packet has one ("An Overview of TCP/IP Networking"). Requirements: OVER-3.
 * RFC 1071 (computing), RFC 1624 (incremental update, equation 3), in full.
 *
 * The sum is kept in the machine's byte order over words as they lie in memory: RFC 1071 section
 * 2(B) shows that this yields the right octets, and it is what the kernel keeps in skb->csum, so
 * that a sum done by a device is continued here without conversion.
 *
 * Locking: none. A sum is a value.
 */
#pragma once

#include "base/endian.hh"

namespace edu {

namespace detail {

/* One's complement addition: a carry out at the top comes back in at the bottom. */
constexpr u64 add_carry(u64 a, u64 b)
{
	a += b;
	return a + (a < b);
}

constexpr u16 fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return static_cast<u16>(sum);
}

/*
 * Sums @data as 16-bit words, a last odd octet padded with a zero. A 64-bit word is four of them
 * at once; two sums run side by side so that one's carry does not hold up the other.
 */
constexpr u64 sum_words(bytes data)
{
	const u8 *p = data.data();
	size_t left = data.size();
	u64 even = 0, odd = 0;

	for (; left >= 32; left -= 32, p += 32) {
		even = add_carry(even, load_native<u64>(p));
		odd = add_carry(odd, load_native<u64>(p + 8));
		even = add_carry(even, load_native<u64>(p + 16));
		odd = add_carry(odd, load_native<u64>(p + 24));
	}
	for (; left >= 8; left -= 8, p += 8)
		even = add_carry(even, load_native<u64>(p));
	if (left >= 4) {
		odd = add_carry(odd, load_native<u32>(p));
		left -= 4;
		p += 4;
	}
	if (left >= 2) {
		odd = add_carry(odd, load_native<u16>(p));
		left -= 2;
		p += 2;
	}
	if (left) {
		u8 last[2] = {*p, 0};

		odd = add_carry(odd, load_native<u16>(last));
	}
	return add_carry(even, odd);
}

} // namespace detail

/*
 * A checksum in the making. Blocks are added in the order they lie in the packet; it remembers
 * when they ended on an odd octet, so blocks may have any length.
 */
class inet_sum {
public:
	constexpr inet_sum() = default;

	/* Continues a sum the kernel or a device made over @length octets (skb->csum). */
	static constexpr inet_sum from_wsum(u32 wsum, size_t length)
	{
		inet_sum s;

		s.sum_ = wsum;
		s.odd_ = length % 2;
		return s;
	}

	constexpr inet_sum &add(bytes block)
	{
		return join(detail::sum_words(block), block.size() % 2);
	}
	constexpr inet_sum &add(be16 word) { return join(word.raw(), false); }
	constexpr inet_sum &add(be32 word) { return join(word.raw(), false); }

	/* Adds what was summed apart, over the octets that follow ours. */
	constexpr inet_sum &append(inet_sum next) { return join(next.sum_, next.odd_); }

	/* What belongs into the checksum field; the field itself counted as zero. */
	constexpr be16 checksum() const
	{
		return be16::from_raw(static_cast<u16>(~detail::fold(sum_)));
	}

	/* What the field holds when the device will add the data's sum to it: not complemented. */
	constexpr be16 for_device() const { return be16::from_raw(detail::fold(sum_)); }

	/* Over a packet with its checksum field in place: did it arrive as it was sent? */
	constexpr bool is_valid() const { return detail::fold(sum_) == 0xffff; }

	/* The sum so far as the kernel keeps it in skb->csum. */
	constexpr u32 to_wsum() const
	{
		u64 s = (sum_ & 0xffffffff) + (sum_ >> 32);

		return static_cast<u32>((s & 0xffffffff) + (s >> 32));
	}

private:
	/* A block that starts on an odd octet has its words' halves swapped (RFC 1071 2(B)). */
	constexpr inet_sum &join(u64 sum, bool odd_length)
	{
		if (odd_)
			sum = byte_swap(detail::fold(sum));
		sum_ = detail::add_carry(sum_, sum);
		odd_ = odd_ != odd_length;
		return *this;
	}

	u64 sum_ = 0;
	bool odd_ = false; /* an odd number of octets has been added */
};

/* The checksum field's value for @data, whose own checksum field, if in it, is zero. */
constexpr be16 checksum_of(bytes data)
{
	return inet_sum{}.add(data).checksum();
}

/* The start of a UDP or TCP checksum; @length is of header and data, in host order. */
constexpr inet_sum pseudo_header(be32 src, be32 dst, u8 protocol, u16 length)
{
	return inet_sum{}.add(src).add(dst).add(be16{protocol}).add(be16{length});
}

/*
 * The checksum after one field changed from @before to @after (RFC 1624 equation 3). It never
 * turns a wrong checksum into a right one, which is why a router updates instead of computing.
 */
constexpr be16 checksum_update(be16 checksum, be16 before, be16 after)
{
	return inet_sum{}.add(~checksum).add(~before).add(after).checksum();
}

constexpr be16 checksum_update(be16 checksum, be32 before, be32 after)
{
	return inet_sum{}.add(~checksum).add(~before).add(after).checksum();
}

/* RFC 1071 section 3's example: 00 01 f2 03 f4 f5 f6 f7 sums to ddf2. */
static_assert([] {
	constexpr u8 data[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	return checksum_of(data) == ~be16{0xddf2};
}());

/* RFC 1624 section 4's example, which equation 2 got wrong. */
static_assert(checksum_update(be16{0xdd2f}, be16{0x5555}, be16{0x3285}) == be16{0x0000});

} // namespace edu
