/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Telling of changes: `edu monitor`, and the action monitor of other commands.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_MONITOR_HH
#define EDU_MONITOR_HH

#include "context.hh"

#include <libmnl/libmnl.h>

#include <chrono>
#include <string>

namespace edu {

/* What `edu monitor` was asked for. */
struct monitor_wishes {
	bool link = false, address = false, route = false, neigh = false; /* none: all of them */
	bool labels = false; /* say in front of each which of them it is */
	bool timestamp = false, short_timestamp = false;
	std::string device; /* only what has to do with it; "": everything */
	int room = 0;	    /* octets of messages that may wait, 0: a good many */
};

/* What the monitor of one kind of things takes too. */
inline const keyword<monitor_wishes> monitor_keywords[] = {
	{{"dev", "NAME", "only what has to do with this device"},
	 [](monitor_wishes &w, const std::string &value) { w.device = value; }},
	{{"timestamp -t", "", "a line in front that says when"},
	 [](monitor_wishes &w, const std::string &) { w.timestamp = true; }},
	{{"tshort -T", "", "when, in short and in the same line"},
	 [](monitor_wishes &w, const std::string &) { w.short_timestamp = true; }},
	{{"rcvbuf", "N", "room for messages that wait, in octets (default 4194304)"},
	 [](monitor_wishes &w, const std::string &value) {
		 w.room = static_cast<int>(parse_number(value, "room", 1, 1 << 30));
	 }},
};

/* One line "Timestamp: Sun Nov 22 19:36:34 2026 123456 usec\n", or "[2026-11-22T19:36:34.123456] ". */
std::string show_timestamp(std::chrono::system_clock::time_point when, bool in_short);

/* What a message tells, as text or as a line of JSON; "" when it is none of what was asked for.
 * `only`: index of a device, 0: any. */
std::string tell_change(const context &ctx, const monitor_wishes &w, int only,
			const nlmsghdr *message, std::chrono::system_clock::time_point when);

/* Listens until interrupted. */
int monitor(context &ctx, monitor_wishes &w);

} // namespace edu

#endif /* EDU_MONITOR_HH */
