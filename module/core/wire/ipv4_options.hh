// SPDX-License-Identifier: GPL-2.0-only
/*
 * IPv4 options: walking them, checking them, and what fragments take along.
 *
 * TLK does not tell of them; users of IP expect them. Requirements: IP-10.
 * RFC 791 3.1 "Options" in full; RFC 1122 3.2.1.8 (unknown options are ignored), RFC 1812 5.2.4
 * and 5.3.13, RFC 2113 (router alert), RFC 1108 (security, its length only).
 * Not here: acting on them, which is ip/options.
 *
 * Options come from strangers. The cursor moves at least one octet a step and never past the
 * end, whatever is in them, so walking always terminates. An error is told with the octet's
 * place in the IP header, which is what ICMP parameter problem's pointer says.
 *
 * Locking: none. Everything is a value or a view of bytes the caller owns.
 */
#pragma once

#include "wire/ipv4.hh"

namespace edu::wire::ipv4 {

namespace option_type {
inline constexpr u8 end = 0;
inline constexpr u8 nop = 1;
inline constexpr u8 record_route = 7;
inline constexpr u8 timestamp = 68;
inline constexpr u8 security = 130;
inline constexpr u8 loose_source_route = 131;
inline constexpr u8 stream_id = 136;
inline constexpr u8 strict_source_route = 137;
inline constexpr u8 router_alert = 148;
} // namespace option_type

/* The copied flag: every fragment has such an option, the first alone the others. */
constexpr bool is_copied(u8 type)
{
	return type & 0x80;
}

/* A timestamp option's flag: what its slots hold. */
enum class timestamp_kind : u8 {
	times = 0,	     /* 4 octets each */
	addrs_and_times = 1, /* 8 octets each */
	given_addrs = 3,     /* 8 octets each; the addresses were written by the sender */
};

enum class option_fault : u8 {
	none,
	no_length,   /* the header ends where the length should be */
	bad_length,  /* too short for its kind, or longer than the header */
	bad_pointer, /* points at the option's front, or into half a slot */
	bad_timestamp_kind,
	overflow,  /* sixteen hosts had no room for a time stamp */
	duplicate, /* a kind of which there may be one */
};

/* One option, inside the header that holds it. */
struct option {
	u8 type = option_type::end;
	u8 offset = 0; /* of its first octet, from the IP header's first */
	bytes data;    /* all of it; one octet for end and nop, else two at least */

	/*
	 * For route and timestamp options that passed the checks: where the next slot is, from the
	 * option's first octet (the octet on the wire counts from 1).
	 */
	constexpr size_t next_slot() const { return data[2] - 1u; }
	constexpr bool is_full() const { return next_slot() >= data.size(); }

	/* The timestamp option's fourth octet. */
	constexpr timestamp_kind kind() const { return timestamp_kind{u8(data[3] & 0xf)}; }
	constexpr u8 overflow() const { return data[3] >> 4; }
	constexpr size_t slot_len() const
	{
		return type == option_type::timestamp && kind() != timestamp_kind::times ? 8 : 4;
	}
};

/* Walks the options of a header: while (cursor.next(option)) ... */
class option_cursor {
public:
	constexpr explicit option_cursor(bytes options) : data_{options} {}

	/*
	 * Moves to the next option, nop included. False at the end-of-options option, at the end
	 * of the header, and at an option that is broken; why() tells them apart.
	 */
	constexpr bool next(option &out)
	{
		if (why_ != option_fault::none || at_ >= data_.size() ||
		    data_[at_] == option_type::end)
			return false;

		size_t length = length_here();

		if (!length)
			return false;
		out = {data_[at_], static_cast<u8>(min_header_len + at_),
		       data_.subspan(at_, length)};
		at_ += length;
		return true;
	}

	constexpr option_fault why() const { return why_; }

	/* The broken octet's place in the IP header. */
	constexpr u8 fault_offset() const { return fault_offset_; }

private:
	/* The length of the option at at_, or 0 after noting why it has none. */
	constexpr size_t length_here()
	{
		if (data_[at_] == option_type::nop)
			return 1;
		if (at_ + 1 >= data_.size())
			return fail(option_fault::no_length, at_);
		if (data_[at_ + 1] < 2 || data_[at_ + 1] > data_.size() - at_)
			return fail(option_fault::bad_length, at_ + 1);
		return data_[at_ + 1];
	}

	constexpr size_t fail(option_fault why, size_t at)
	{
		why_ = why;
		fault_offset_ = static_cast<u8>(min_header_len + at);
		return 0;
	}

	bytes data_;
	size_t at_ = 0; /* of the next option, in data_ */
	option_fault why_ = option_fault::none;
	u8 fault_offset_ = 0;
};

/*
 * What is in a header's options and where: offsets are from the IP header's first octet, and 0
 * means that there is none.
 */
struct compiled_options {
	u8 record_route = 0;
	u8 timestamp = 0;
	u8 source_route = 0; /* loose or strict: there may be one of the two */
	u8 router_alert = 0;
	u8 security = 0;
	bool strict = false; /* of the source route */
	u8 length = 0;	     /* of all, in octets, as in the header */

	/* When not none, the rest says only what stands before the fault. */
	option_fault why = option_fault::none;
	u8 fault_offset = 0; /* what an ICMP parameter problem points at */

	constexpr bool ok() const { return why == option_fault::none; }
};

namespace detail {

/* A fault, and its place counted from the option's first octet. */
struct option_verdict {
	option_fault why = option_fault::none;
	u8 at = 0;
};

/* Record route and both source routes: type, length, pointer, slots of four octets. */
constexpr option_verdict examine_route(bytes data)
{
	if (data.size() < 3)
		return {option_fault::bad_length, 1};
	if (data[2] < 4)
		return {option_fault::bad_pointer, 2};
	if (data[2] <= data.size() && data[2] + 3u > data.size())
		return {option_fault::bad_pointer, 2};
	return {};
}

constexpr option_verdict examine_timestamp(const option &opt)
{
	if (opt.data.size() < 4)
		return {option_fault::bad_length, 1};
	if (opt.data[2] < 5)
		return {option_fault::bad_pointer, 2};
	switch (opt.kind()) {
	case timestamp_kind::times:
	case timestamp_kind::addrs_and_times:
	case timestamp_kind::given_addrs:
		break;
	default:
		return {option_fault::bad_timestamp_kind, 3};
	}
	if (opt.is_full())
		return opt.overflow() == 15 ? option_verdict{option_fault::overflow, 3} :
					      option_verdict{};
	if (opt.next_slot() + opt.slot_len() > opt.data.size())
		return {option_fault::bad_pointer, 2};
	return {};
}

/* Notes where an option is; there may be only one. */
constexpr option_verdict note(u8 &where, const option &opt)
{
	if (where)
		return {option_fault::duplicate, 0};
	where = opt.offset;
	return {};
}

constexpr option_verdict compile_one(compiled_options &all, const option &opt)
{
	option_verdict v;

	switch (opt.type) {
	case option_type::record_route:
		v = examine_route(opt.data);
		return v.why == option_fault::none ? note(all.record_route, opt) : v;
	case option_type::loose_source_route:
	case option_type::strict_source_route:
		v = examine_route(opt.data);
		if (v.why == option_fault::none)
			v = note(all.source_route, opt);
		if (v.why == option_fault::none)
			all.strict = opt.type == option_type::strict_source_route;
		return v;
	case option_type::timestamp:
		v = examine_timestamp(opt);
		return v.why == option_fault::none ? note(all.timestamp, opt) : v;
	case option_type::router_alert:
		if (opt.data.size() != 4)
			return {option_fault::bad_length, 1};
		return note(all.router_alert, opt);
	case option_type::stream_id:
		if (opt.data.size() != 4)
			return {option_fault::bad_length, 1};
		return {};
	case option_type::security:
		if (opt.data.size() < 3)
			return {option_fault::bad_length, 1};
		return note(all.security, opt);
	default:
		return {}; /* unknown: ignored by hosts, passed on by routers */
	}
}

} // namespace detail

/* Checks a header's options and says where each is. */
constexpr compiled_options compile_options(bytes options)
{
	compiled_options all;
	option_cursor cursor{options};
	option opt;

	all.length = static_cast<u8>(options.size());
	while (cursor.next(opt)) {
		detail::option_verdict v = detail::compile_one(all, opt);

		if (v.why != option_fault::none) {
			all.why = v.why;
			all.fault_offset = static_cast<u8>(opt.offset + v.at);
			return all;
		}
	}
	all.why = cursor.why();
	all.fault_offset = cursor.fault_offset();
	return all;
}

/* The option at an offset that compile_options() gave, in the same options. */
constexpr option option_at(bytes options, u8 offset)
{
	size_t at = offset - min_header_len;

	return {options[at], offset, options.subspan(at, options[at + 1])};
}

/*
 * The options of every fragment but the first: those with the copied flag, padded to a whole word
 * (RFC 791 3.2). @out has room for options.size(). Returns the length written, a multiple of 4;
 * a broken option and what follows it are left out.
 */
constexpr size_t fragment_options(bytes options, mutable_bytes out)
{
	option_cursor cursor{options};
	option opt;
	size_t length = 0;

	while (cursor.next(opt)) {
		if (!is_copied(opt.type))
			continue;
		copy_bytes(out.data() + length, opt.data);
		length += opt.data.size();
	}
	while (length % 4 && length < out.size())
		out[length++] = option_type::end;
	return length;
}

static_assert([] {
	/* A strict route of one hop after a record route of one slot. */
	constexpr u8 options[] = {7, 7, 4, 0, 0, 0, 0, 1, 137, 7, 4, 10, 0, 0, 9, 0};
	compiled_options all = compile_options(options);
	u8 later[16] = {};

	return all.ok() && all.record_route == 20 && all.source_route == 28 && all.strict &&
	       option_at(options, all.source_route).next_slot() == 3 &&
	       fragment_options(options, later) == 8 && later[0] == 137;
}());

} // namespace edu::wire::ipv4
