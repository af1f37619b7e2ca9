/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `edu traceroute` knows of its probes, and how it tells it; apart from the command so that it
 * can be tested.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_TRACEROUTE_HH
#define EDU_TRACEROUTE_HH

#include "error_queue.hh"

#include <netinet/in.h>

#include <chrono>
#include <functional>
#include <span>
#include <string>

namespace edu {

/* One packet sent to be refused. */
struct probe {
	enum { unsent, waiting, done } state = unsent;
	std::chrono::steady_clock::time_point sent_at;
	in_addr_t from = 0;	  /* who answered, network byte order; 0: nobody */
	double milliseconds = -1; /* until the answer; negative: there was none */
	std::string mark;	  /* "!H" and the like, see trace_mark() */
	bool is_last = false;	  /* the answer says that packets go no further */
};

/* "" for time exceeded and port unreachable, which are what is hoped for; "!H" … as traceroute(8). */
std::string trace_mark(const sock_extended_err &error);

/* What is printed for probe `at` of a hop, in front of the next one: "  10.0.0.1  0.123 ms", " *".
 * The first has the hop's number in front; an address is written when it differs from the last. */
std::string probe_text(std::span<const probe> hop, std::size_t at, unsigned ttl,
		       const std::function<std::string(in_addr_t)> &who);

} // namespace edu

#endif /* EDU_TRACEROUTE_HH */
