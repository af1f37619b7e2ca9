/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One event of the kernel's tracepoints eduinet:*, as `edu trace` passes it on, live or recorded.
 *
 * The fields are those that the event's format file in tracefs lists, by their names there, so that
 * an event this tool does not know is recorded and shown like any other. Numbers are numbers, strings
 * strings, arrays of octets hexadecimal. Addresses of the kernel's memory are replaced by small
 * numbers, each address by its own: a recording gives none away.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_TRACE_EVENT_HH
#define EDU_TRACE_EVENT_HH

#include "output.hh"

#include <cstdint>
#include <string>
#include <vector>

namespace edu {

struct trace_event {
	std::uint64_t when = 0; /* ns of CLOCK_MONOTONIC */
	int cpu = 0;		/* where it happened */
	int thread = 0;	  /* the task that was running, which may have nothing to do with it */
	std::string name; /* without the system: "ip_send" */
	record fields;

	/* 0, "" and nothing when there is no such field, or one of another kind. */
	std::int64_t number(const char *key) const;
	std::string text(const char *key) const;
	std::vector<std::uint8_t> octets(const char *key) const;
};

/* Events that the tool makes itself, beside the kernel's. */
inline constexpr const char *event_lost = "edu_lost"; /* cpu, count: dropped by the ring */
inline constexpr const char *event_host = "edu_host"; /* netns, name: a host is met first */

std::string to_hex(const std::vector<std::uint8_t> &octets);
std::vector<std::uint8_t> from_hex(const std::string &text);

} // namespace edu

#endif /* EDU_TRACE_EVENT_HH */
