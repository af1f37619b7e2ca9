// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP on the wire: the segment's header and its options.
 *
 * TLK: "TCP" under "TCP/IP network layers". Requirements: TCP-2, TCP-3, TCP-12, OVER-3, OVER-6.
 * RFC 9293 3.1 and 3.2 in full: MUST-2 to MUST-7, MUST-64, MUST-68, MUST-69; RFC 7323 2 and 3
 * (window scale, timestamps), RFC 2018 2 and 3 (SACK).
 * Not here: the state machine (transport/tcp); user timeout, authentication and fast open, which
 * are skipped as unknown options.
 *
 * Locking: none. Everything is a value or a view of bytes the caller owns.
 */
#pragma once

#include "base/seq.hh"
#include "wire/ipv4.hh"

namespace edu::wire::tcp {

inline constexpr size_t min_header_len = 20;
inline constexpr size_t max_header_len = 60;
inline constexpr size_t max_options_len = max_header_len - min_header_len;
inline constexpr u16 default_mss = 536;	   /* when the other end gives none (MUST-15) */
inline constexpr u8 max_window_scale = 14; /* RFC 7323 2.3 */

/* The control bits, in the header's fourteenth octet. */
namespace flag {
inline constexpr u8 fin = 0x01;
inline constexpr u8 syn = 0x02;
inline constexpr u8 rst = 0x04;
inline constexpr u8 psh = 0x08;
inline constexpr u8 ack = 0x10;
inline constexpr u8 urg = 0x20;
inline constexpr u8 ece = 0x40;
inline constexpr u8 cwr = 0x80;
} // namespace flag

namespace option_kind {
inline constexpr u8 end = 0;
inline constexpr u8 nop = 1;
inline constexpr u8 mss = 2;
inline constexpr u8 window_scale = 3;
inline constexpr u8 sack_permitted = 4;
inline constexpr u8 sack = 5;
inline constexpr u8 timestamps = 8;
} // namespace option_kind

/* Octets that have arrived out of order: from left up to, not including, right. */
struct sack_block {
	seq32 left;
	seq32 right;

	friend constexpr bool operator==(const sack_block &, const sack_block &) = default;
};

/* A segment's options as a value. */
struct options {
	static constexpr size_t max_sack = 4;

	u16 mss = 0; /* 0: not there */
	bool has_window_scale = false;
	u8 window_scale = 0; /* a shift, at most 14 */
	bool sack_permitted = false;
	bool has_timestamps = false;
	u32 ts_value = 0; /* the sender's clock */
	u32 ts_echo = 0;  /* the receiver's clock, as the sender last saw it */
	u8 sack_count = 0;
	sack_block sack[max_sack]; /* sack_count of them; the first is the newest */
	bool malformed = false;	   /* a length was wrong: what followed it was not read */

	/*
	 * Reads the options of a header. What comes only with a SYN is ignored elsewhere; unknown
	 * options are skipped (MUST-6); a broken length ends it (MUST-7).
	 */
	static constexpr options parse(bytes in, bool is_syn)
	{
		options all;

		for (size_t at = 0; at < in.size() && in[at] != option_kind::end;) {
			if (in[at] == option_kind::nop) {
				at++;
				continue;
			}
			if (at + 1 >= in.size() || in[at + 1] < 2 || in[at + 1] > in.size() - at) {
				all.malformed = true;
				break;
			}
			all.take(in.subspan(at, in[at + 1]), is_syn);
			at += in[at + 1];
		}
		return all;
	}

	/* Octets that emit() writes: a multiple of 4, at most 40. */
	constexpr size_t length() const
	{
		size_t blocks = sack_that_fit();

		return length_before_sack() + (blocks ? 4 + 8 * blocks : 0);
	}

	/*
	 * Writes length() octets. Numbers lie on word boundaries, nops before them, in the order
	 * other stacks use, so that theirs may read it quickly. SACK blocks that do not fit are
	 * left out, the oldest first.
	 */
	constexpr void emit(mutable_bytes out) const
	{
		size_t blocks = sack_that_fit();
		u8 *p = out.data();

		if (mss)
			p = put_word(p, option_kind::mss, 4, mss >> 8, mss);
		if (has_timestamps) {
			p = sack_permitted ? put_word(p, option_kind::sack_permitted, 2,
						      option_kind::timestamps, 10) :
					     put_word(p, option_kind::nop, option_kind::nop,
						      option_kind::timestamps, 10);
			p = put_number(p, ts_value);
			p = put_number(p, ts_echo);
		} else if (sack_permitted) {
			p = put_word(p, option_kind::nop, option_kind::nop,
				     option_kind::sack_permitted, 2);
		}
		if (has_window_scale)
			p = put_word(p, option_kind::nop, option_kind::window_scale, 3,
				     window_scale);
		if (blocks)
			p = put_word(p, option_kind::nop, option_kind::nop, option_kind::sack,
				     static_cast<unsigned int>(2 + 8 * blocks));
		for (size_t i = 0; i < blocks; i++) {
			p = put_number(p, sack[i].left.raw());
			p = put_number(p, sack[i].right.raw());
		}
	}

	friend constexpr bool operator==(const options &, const options &) = default;

private:
	constexpr size_t length_before_sack() const
	{
		return (mss ? 4 : 0) +
		       (has_timestamps ? 12 :
			sack_permitted ? 4 :
					 0) +
		       (has_window_scale ? 4 : 0);
	}

	constexpr size_t sack_that_fit() const
	{
		size_t room = max_options_len - length_before_sack();
		size_t fit = room < 4 ? 0 : (room - 4) / 8;

		return sack_count < fit ? sack_count : fit;
	}

	static constexpr u8 *put_word(u8 *p, unsigned int a, unsigned int b, unsigned int c,
				      unsigned int d)
	{
		p[0] = static_cast<u8>(a);
		p[1] = static_cast<u8>(b);
		p[2] = static_cast<u8>(c);
		p[3] = static_cast<u8>(d);
		return p + 4;
	}

	static constexpr u8 *put_number(u8 *p, u32 v)
	{
		store_be32(p, v);
		return p + 4;
	}

	/* One option, kind and length included. Of the wrong length, a known kind is unknown. */
	constexpr void take(bytes opt, bool is_syn)
	{
		switch (opt[0]) {
		case option_kind::mss:
			if (is_syn && opt.size() == 4)
				mss = load_be16(&opt[2]);
			break;
		case option_kind::window_scale:
			if (is_syn && opt.size() == 3) {
				has_window_scale = true;
				window_scale = opt[2];
				if (window_scale > max_window_scale)
					window_scale = max_window_scale;
			}
			break;
		case option_kind::sack_permitted:
			if (is_syn && opt.size() == 2)
				sack_permitted = true;
			break;
		case option_kind::timestamps:
			if (opt.size() == 10) {
				has_timestamps = true;
				ts_value = load_be32(&opt[2]);
				ts_echo = load_be32(&opt[6]);
			}
			break;
		case option_kind::sack:
			if (!is_syn)
				take_sack(opt.subspan(2));
			break;
		default:
			break;
		}
	}

	constexpr void take_sack(bytes blocks)
	{
		if (blocks.empty() || blocks.size() % 8 || blocks.size() / 8 > max_sack)
			return;
		sack_count = static_cast<u8>(blocks.size() / 8);
		for (size_t i = 0; i < sack_count; i++)
			sack[i] = {seq32{load_be32(&blocks[8 * i])},
				   seq32{load_be32(&blocks[8 * i + 4])}};
	}
};

enum class fault : u8 {
	none,
	short_header,
	not_linear,	 /* no fault of the segment: wanted() octets were not passed in */
	bad_data_offset, /* less than the header, or more than the segment */
	bad_checksum,
};

/* A header without its options as a value; ports, window and urgent pointer in host order. */
struct repr {
	u16 source = 0;
	u16 dest = 0;
	seq32 seq = {};
	seq32 ack = {}; /* the next octet expected, when flag::ack is set */
	u8 flags = 0;	/* flag::... */
	u16 window = 0; /* before scaling */
	u16 urgent = 0; /* from seq on, when flag::urg is set */

	/* Writes header and options, checksum zero, into min_header_len + opts.length() octets. */
	constexpr void emit(mutable_bytes out, const options &opts = {}) const
	{
		size_t length = min_header_len + opts.length();

		store_be16(&out[0], source);
		store_be16(&out[2], dest);
		store_be32(&out[4], seq.raw());
		store_be32(&out[8], ack.raw());
		out[12] = static_cast<u8>(length / 4 << 4);
		out[13] = flags;
		store_be16(&out[14], window);
		store_be16(&out[16], 0);
		store_be16(&out[18], urgent);
		opts.emit(out.subspan(min_header_len));
	}

	friend constexpr bool operator==(const repr &, const repr &) = default;
};

/*
 * Fills in the checksum of a header that emit() wrote; @header is all of it, options too, and
 * @payload the sum of @payload_len octets behind it.
 */
constexpr void finish_checksum(mutable_bytes header, be32 src, be32 dst, inet_sum payload,
			       size_t payload_len)
{
	u16 length = static_cast<u16>(header.size() + payload_len);
	inet_sum sum = pseudo_header(src, dst, u8(ipv4::protocol::tcp), length);

	store_be16(&header[16], 0);
	store_be16(&header[16], sum.add(header).append(payload).checksum().host());
}

/* What the checksum field holds when the device completes it; @length of header and data. */
constexpr be16 checksum_for_device(be32 src, be32 dst, u16 length)
{
	return pseudo_header(src, dst, u8(ipv4::protocol::tcp), length).for_device();
}

/* A received segment, or the front of one. */
class view {
public:
	/* Lengths only; see checksum_ok(). */
	static constexpr checked_view<view, fault> checked(bytes segment)
	{
		return checked_header(segment, segment.size());
	}

	/* A whole segment, its checksum verified. */
	static constexpr checked_view<view, fault> checked(bytes segment, be32 src, be32 dst)
	{
		auto [header, why] = checked(segment);

		if (why == fault::none && !header.checksum_ok(src, dst))
			why = fault::bad_checksum;
		return {header, why};
	}

	/* The first octets, wanted() of them at least, of a segment of @segment_len. */
	static constexpr checked_view<view, fault> checked_header(bytes linear, size_t segment_len)
	{
		return {view{linear, segment_len}, examine(linear, segment_len)};
	}

	/* How many of a segment's first octets checked_header() needs, as far as @linear tells. */
	static constexpr size_t wanted(bytes linear)
	{
		size_t length = linear.size() < min_header_len ? 0 : data_offset(linear);

		return length < min_header_len ? min_header_len : length;
	}

	constexpr u16 source() const { return load_be16(&data_[0]); }
	constexpr u16 dest() const { return load_be16(&data_[2]); }
	constexpr seq32 seq() const { return seq32{load_be32(&data_[4])}; }
	constexpr seq32 ack() const { return seq32{load_be32(&data_[8])}; }
	constexpr u8 header_length() const { return data_offset(data_); }
	constexpr u8 flags() const { return data_[13]; }
	constexpr u16 window() const { return load_be16(&data_[14]); }
	constexpr be16 checksum() const { return be16{load_be16(&data_[16])}; }
	constexpr u16 urgent() const { return load_be16(&data_[18]); }

	constexpr bool is_fin() const { return flags() & flag::fin; }
	constexpr bool is_syn() const { return flags() & flag::syn; }
	constexpr bool is_rst() const { return flags() & flag::rst; }
	constexpr bool is_psh() const { return flags() & flag::psh; }
	constexpr bool is_ack() const { return flags() & flag::ack; }
	constexpr bool is_urg() const { return flags() & flag::urg; }

	constexpr bytes option_bytes() const
	{
		return data_.subspan(min_header_len, header_length() - min_header_len);
	}
	constexpr tcp::options options() const
	{
		return tcp::options::parse(option_bytes(), is_syn());
	}

	/* What the segment has; payload() is as much of it as was passed in. */
	constexpr size_t payload_length() const { return segment_len_ - header_length(); }
	constexpr bytes payload() const { return data_.subspan(header_length()); }

	/* How far it moves the sequence number: SYN and FIN count as an octet each. */
	constexpr u32 sequence_length() const
	{
		return static_cast<u32>(payload_length()) + is_syn() + is_fin();
	}

	/* For a whole segment in one piece. */
	constexpr bool checksum_ok(be32 src, be32 dst) const
	{
		return pseudo_header(src, dst, u8(ipv4::protocol::tcp),
				     static_cast<u16>(segment_len_))
			.add(data_)
			.is_valid();
	}

	constexpr repr parse() const
	{
		return {source(), dest(), seq(), ack(), flags(), window(), urgent()};
	}

private:
	constexpr view(bytes data, size_t segment_len)
		: data_{data.first(data.size() < segment_len ? data.size() : segment_len)},
		  segment_len_{segment_len}
	{
	}

	/* The field counts words; in octets. */
	static constexpr u8 data_offset(bytes header)
	{
		return static_cast<u8>((header[12] >> 4) * 4);
	}

	static constexpr fault examine(bytes linear, size_t segment_len)
	{
		if (segment_len < min_header_len)
			return fault::short_header;
		if (linear.size() < min_header_len)
			return fault::not_linear;

		size_t length = data_offset(linear);

		if (length < min_header_len || length > segment_len)
			return fault::bad_data_offset;
		if (length > linear.size())
			return fault::not_linear;
		return fault::none;
	}

	bytes data_;	     /* what was passed in of the segment */
	size_t segment_len_; /* octets the segment has */
};

static_assert([] {
	constexpr be32 src = ipv4::make_addr(10, 0, 0, 1), dst = ipv4::make_addr(10, 0, 0, 2);
	constexpr repr sent{
		.source = 40000, .dest = 80, .seq = seq32{1}, .flags = flag::syn, .window = 65535};
	constexpr options opts{.mss = 1460,
			       .has_window_scale = true,
			       .window_scale = 7,
			       .sack_permitted = true,
			       .has_timestamps = true,
			       .ts_value = 99,
			       .sack = {}};
	u8 segment[min_header_len + opts.length()] = {};

	sent.emit(segment, opts);
	finish_checksum(segment, src, dst, {}, 0);
	auto [got, why] = view::checked(segment, src, dst);
	return why == fault::none && got.parse() == sent && got.options() == opts &&
	       got.sequence_length() == 1;
}());

} // namespace edu::wire::tcp
