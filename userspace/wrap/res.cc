// SPDX-License-Identifier: GPL-2.0-only
/*
 * resolver(3): res_query() and its kin, for programs that ask for records the C library has no other
 * function for (SSHFP, SRV, MX). Its own ones send by calls inside it, so these stand in front of all
 * that send; the query is made by the C library, and what is made of the answer is the program's.
 *
 * Not as in the C library: no HOSTALIASES, no RES_NOALIASES.
 *
 * Locking: none; a state belongs to one thread.
 */
#include "nss.hh"
#include "real.hh"
#include "resolver.hh"

#include <arpa/nameser.h>
#include <resolv.h>

#include <cstdio>
#include <cstring>

using namespace edu::wrap;

namespace {

constexpr int query_room = 512;

/* The state of programs that give none, or null. */
res_state usual_state()
{
	if (!(_res.options & RES_INIT) && res_ninit(&_res) < 0)
		return nullptr;
	return &_res;
}

int fail(res_state state, int why)
{
	if (state)
		state->res_h_errno = why;
	h_errno = why;
	return -1;
}

/* EDNS's record, RFC 6891: how much the answer may be, and whether DNSSEC is wanted. */
int add_options(res_state state, unsigned char *query, int size, int room)
{
	constexpr int record_size = 11;
	constexpr unsigned char record[record_size] = {0, 0, 41, 1200 >> 8, 1200 & 255};

	if (!(state->options & (RES_USE_EDNS0 | RES_USE_DNSSEC)) || size + record_size > room)
		return size;
	std::memcpy(query + size, record, record_size);
	if (state->options & RES_USE_DNSSEC)
		query[size + 7] = 0x80;
	query[11]++; /* one more in the additional section */
	return size + record_size;
}

} // namespace

EDU_EXPORT int res_nsend(res_state state, const unsigned char *query, int size,
			 unsigned char *answer, int room) noexcept
{
	start();
	if (!names_are_ours())
		return real::res_nsend(state, query, size, answer, room);
	std::size_t got = size < 12 || room < 12 ?
				  0 :
				  exchange(*state, {query, static_cast<std::size_t>(size)},
					   {answer, static_cast<std::size_t>(room)});
	if (got)
		return static_cast<int>(got);
	errno = size < 12 || room < 12 ? EINVAL : ETIMEDOUT;
	return -1;
}

EDU_EXPORT int res_nquery(res_state state, const char *name, int klass, int type,
			  unsigned char *answer, int room) noexcept
{
	unsigned char query[query_room];
	int size = res_nmkquery(state, ns_o_query, name, klass, type, nullptr, 0, nullptr, query,
				sizeof(query));

	if (size <= 0)
		return fail(state, NO_RECOVERY);
	size = add_options(state, query, size, sizeof(query));
	int got = res_nsend(state, query, size, answer, room);
	if (got < 0)
		return fail(state, TRY_AGAIN);
	bool records = answer[6] || answer[7];
	switch (answer[3] & 15) {
	case ns_r_noerror:
		return records ? got : fail(state, NO_DATA);
	case ns_r_nxdomain:
		return fail(state, HOST_NOT_FOUND);
	case ns_r_servfail:
		return fail(state, TRY_AGAIN);
	default:
		return fail(state, NO_RECOVERY);
	}
}

EDU_EXPORT int res_nquerydomain(res_state state, const char *name, const char *domain, int klass,
				int type, unsigned char *answer, int room) noexcept
{
	char whole[NS_MAXDNAME];
	int length = std::snprintf(whole, sizeof(whole), "%s%s%s", name, domain ? "." : "",
				   domain ? domain : "");

	if (length < 0 || length >= static_cast<int>(sizeof(whole)))
		return fail(state, NO_RECOVERY);
	return res_nquery(state, whole, klass, type, answer, room);
}

EDU_EXPORT int res_nsearch(res_state state, const char *name, int klass, int type,
			   unsigned char *answer, int room) noexcept
{
	unsigned dots = 0;
	std::size_t length = std::strlen(name);
	bool rooted = length && name[length - 1] == '.';
	int as_it_is = 0, no_data = 0; /* h_errno, when there was one */

	for (const char *c = name; *c; c++)
		dots += *c == '.';
	if (dots >= state->ndots || rooted) {
		int got = res_nquerydomain(state, name, nullptr, klass, type, answer, room);

		if (got > 0 || rooted)
			return got;
		as_it_is = state->res_h_errno;
	}
	bool searched = !rooted && (state->options & (dots ? RES_DNSRCH : RES_DEFNAMES));
	for (int i = 0; searched && i <= MAXDNSRCH && state->dnsrch[i]; i++) {
		int got =
			res_nquerydomain(state, name, state->dnsrch[i], klass, type, answer, room);

		if (got > 0)
			return got;
		if (state->res_h_errno == NO_DATA)
			no_data = NO_DATA;
		else if (state->res_h_errno != HOST_NOT_FOUND)
			break;
		if (!(state->options & RES_DNSRCH))
			break;
	}
	if (dots && !as_it_is) {
		int got = res_nquerydomain(state, name, nullptr, klass, type, answer, room);

		if (got > 0)
			return got;
		as_it_is = state->res_h_errno;
	}
	if (as_it_is || no_data)
		return fail(state, as_it_is ? as_it_is : no_data);
	return fail(state, state->res_h_errno ? state->res_h_errno : HOST_NOT_FOUND);
}

EDU_EXPORT int res_send(const unsigned char *query, int size, unsigned char *answer,
			int room) noexcept
{
	res_state state = usual_state();

	return state ? res_nsend(state, query, size, answer, room) : -1;
}

EDU_EXPORT int res_query(const char *name, int klass, int type, unsigned char *answer,
			 int room) noexcept
{
	res_state state = usual_state();

	return state ? res_nquery(state, name, klass, type, answer, room) :
		       fail(state, NETDB_INTERNAL);
}

EDU_EXPORT int res_querydomain(const char *name, const char *domain, int klass, int type,
			       unsigned char *answer, int room) noexcept
{
	res_state state = usual_state();

	return state ? res_nquerydomain(state, name, domain, klass, type, answer, room) :
		       fail(state, NETDB_INTERNAL);
}

EDU_EXPORT int res_search(const char *name, int klass, int type, unsigned char *answer,
			  int room) noexcept
{
	res_state state = usual_state();

	return state ? res_nsearch(state, name, klass, type, answer, room) :
		       fail(state, NETDB_INTERNAL);
}

/* What programs call that were linked against a C library before 2.34. */
#define EDU_OLD_NAME(name) EDU_EXPORT __attribute__((alias(#name))) decltype(name) __##name;
EDU_OLD_NAME(res_nsend)
EDU_OLD_NAME(res_nquery)
EDU_OLD_NAME(res_nquerydomain)
EDU_OLD_NAME(res_nsearch)
EDU_OLD_NAME(res_send)
EDU_OLD_NAME(res_query)
EDU_OLD_NAME(res_querydomain)
EDU_OLD_NAME(res_search)
