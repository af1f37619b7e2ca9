/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Messages of the Domain Name System: a query written, an answer read.
 *
 * RFC 1035 (names, compression, A, CNAME, PTR), RFC 3596 (AAAA). Not implemented: EDNS, DNSSEC, DNAME
 * (servers send the CNAME it makes as well).
 *
 * Locking: none; everything is a function of its arguments, and nothing allocates.
 */
#ifndef EDU_WRAP_DNS_HH
#define EDU_WRAP_DNS_HH

#include <cstddef>
#include <cstdint>
#include <span>

namespace edu::wrap::dns {

/* Types of records. */
enum type : std::uint16_t { a = 1, cname = 5, ptr = 12, aaaa = 28 };

inline constexpr std::size_t name_room = 256; /* a name as text, with its final zero */

/* What an answer says. */
enum class verdict {
	answered,  /* there are records */
	no_name,   /* there is no such name */
	no_data,   /* the name has no record of this type */
	try_other, /* the server does not know, or does not want to */
	truncated, /* the answer is too long for a datagram: ask again by a stream */
	not_ours,  /* this answers another question, or is damaged */
};

struct answer {
	static constexpr unsigned most = 48;

	char name[name_room] = ""; /* the name that the records have, past aliases; or a PTR's */
	unsigned count = 0;	   /* of addresses */
	std::uint8_t addresses[most][16];   /* network byte order; an A record fills four octets */
	std::uint32_t seconds = 0xffffffff; /* the least life time of the records */
};

/*
 * Writes a query for one name, recursion desired, into `out`: the octets written, or 0 when the name is
 * none (a label of more than 63 octets or none, more than 255 in all) or does not fit.
 */
std::size_t make_query(std::span<std::uint8_t> out, std::uint16_t id, const char *name,
		       type wanted);

/* Reads what came as an answer to that query. `into` is filled when it says `answered`. */
verdict read_answer(std::span<const std::uint8_t> packet, std::span<const std::uint8_t> query,
		    answer &into);

/*
 * The same for any type and class, without a look at the records: answered, which "no such name" is here
 * too, try_other, truncated or not_ours.
 */
verdict judge_answer(std::span<const std::uint8_t> packet, std::span<const std::uint8_t> query);

} // namespace edu::wrap::dns

#endif /* EDU_WRAP_DNS_HH */
