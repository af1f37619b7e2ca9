// SPDX-License-Identifier: GPL-2.0-only
/*
 * IP options: record route and time stamp, in answers and in what is forwarded.
 *
 * IP-10; RFC 791 3.1, RFC 1122 3.2.2.6, RFC 1812 5.3.13. Locking: none.
 */
#include "ip/options.hh"

#include "stack.hh"

namespace edu {

namespace v4 = wire::ipv4;

/* Enters an address into a record route, if there is a free slot. */
static mutable_bytes record(mutable_bytes option, be32 own)
{
	size_t slot = option[2] - 1u;

	if (slot + 4 <= option.size()) {
		store_addr(&option[slot], own);
		option[2] = static_cast<u8>(option[2] + 4);
	}
	return option;
}

static void count_overflow(mutable_bytes option)
{
	if (option[3] >> 4 < 15)
		option[3] = static_cast<u8>(option[3] + 0x10);
}

/* Enters the time, and the address where the option asks for it; false: there was no room. */
static bool stamp(mutable_bytes option, be32 own, u32 time_of_day_ms)
{
	auto kind = static_cast<v4::timestamp_kind>(option[3] & 0xf);
	size_t slot = option[2] - 1u;
	size_t length = kind == v4::timestamp_kind::times ? 4 : 8;

	if (slot + length > option.size())
		return false;
	if (kind == v4::timestamp_kind::given_addrs && load_addr(&option[slot]) != own)
		return true; /* another host's turn */
	if (kind == v4::timestamp_kind::addrs_and_times)
		store_addr(&option[slot], own);
	store_be32(&option[slot + length - 4], time_of_day_ms);
	option[2] = static_cast<u8>(option[2] + length);
	return true;
}

/* A host enters itself as the packet comes in and again as the answer leaves, as Linux does. It
 * counts as missed only if it could not do the first (and was meant at all). */
static void stamp_both_ways(mutable_bytes option, be32 own, u32 time_of_day_ms)
{
	bool named = (option[3] & 0xf) == static_cast<u8>(v4::timestamp_kind::given_addrs);

	if (stamp(option, own, time_of_day_ms))
		(void)stamp(option, own, time_of_day_ms);
	else if (!named)
		count_overflow(option);
}

option_buffer reply_options(bytes options, be32 own, u32 time_of_day_ms)
{
	v4::compiled_options found = v4::compile_options(options);
	option_buffer out;

	if (!found.ok())
		return out;
	for (u8 offset : {found.record_route, found.timestamp}) {
		if (!offset)
			continue;
		v4::option one = v4::option_at(options, offset);
		mutable_bytes copy{out.data + out.length, one.data.size()};

		copy_bytes(copy.data(), one.data);
		if (one.type == v4::option_type::record_route)
			record(record(copy, own), own); /* in, and out again */
		else
			stamp_both_ways(copy, own, time_of_day_ms);
		out.length = static_cast<u8>(out.length + copy.size());
	}
	out.length = static_cast<u8>((out.length + 3) / 4 * 4); /* zeros: end of options */
	return out;
}

/* The option at an offset of a header, to be written. */
static mutable_bytes writable(mutable_bytes options, u8 offset)
{
	size_t at = offset - v4::min_header_len;

	return options.subspan(at, options[at + 1]);
}

/* A sender that names the hosts it wants to hear from may mean any of our addresses. */
static be32 named_in(const edu_stack &host, mutable_bytes option, be32 own)
{
	size_t slot = option[2] - 1u;

	if ((option[3] & 0xf) != static_cast<u8>(v4::timestamp_kind::given_addrs) ||
	    slot + 8 > option.size())
		return own;
	be32 named = load_addr(&option[slot]);
	return find_address(host, named).kind == addr_kind::local ? named : own;
}

void forward_options(const edu_stack &host, mutable_bytes options,
		     const v4::compiled_options &found, be32 own)
{
	if (found.record_route)
		record(writable(options, found.record_route), own);
	if (!found.timestamp)
		return;
	mutable_bytes option = writable(options, found.timestamp);
	if (!stamp(option, named_in(host, option, own), edu_k_time_of_day_ms()))
		count_overflow(option);
}

} // namespace edu
