/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints eduinet:* as they are hit, read from a tracefs instance of our own (instances/edu-PID):
 * no other tracer is disturbed, and the instance goes with this object.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_TRACE_LIVE_HH
#define EDU_TRACE_LIVE_HH

#include "trace_event.hh"

#include <event-parse.h>
extern "C" { /* the header of Debian 12 does not say so itself */
#include <kbuffer.h>
}

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace edu {

class live_trace {
public:
	/* Starts. buffer_kib: of the ring of each processor. A failure that says what is needed. */
	explicit live_trace(unsigned buffer_kib);
	~live_trace();
	live_trace(const live_trace &) = delete;
	live_trace &operator=(const live_trace &) = delete;

	/* For poll(): one descriptor per processor, readable when there are events. */
	const std::vector<int> &fds() const { return fds_; }
	/* No more events are taken down; what is in the rings can still be read. */
	void stop();
	/* The events since the last call, oldest first; after stop(), all that is left. */
	std::vector<trace_event> read();
	/* What to add to an event's time to have ns since 1970. */
	std::int64_t realtime() const { return realtime_; }

private:
	struct cpu_ring {
		int number;	    /* of the processor */
		int fd;		    /* trace_pipe_raw */
		std::uint64_t lost; /* events, reported so far */
	};

	void start(unsigned buffer_kib);
	void clean_up();
	void read_formats(const std::filesystem::path &tracing);
	void open_rings();
	bool set(const char *file, const std::string &value); /* of the instance */
	void read_page(const cpu_ring &ring, void *page);
	void decode(int cpu, void *data, int size, std::uint64_t when);
	record value_of(const tep_format_field &field, const std::uint8_t *data, int size);
	void report_losses();
	void report_host(std::vector<trace_event> &into, const trace_event &event);

	std::filesystem::path place_; /* the instance; "" while there is none */
	tep_handle *tep_ = nullptr;
	kbuffer *page_reader_ = nullptr;
	std::vector<cpu_ring> rings_;
	std::vector<int> fds_;
	std::vector<char> page_;	      /* one of the ring's */
	std::vector<trace_event> pending_;    /* read, but younger than some that may still come */
	std::map<std::uint64_t, int> places_; /* address of the kernel's memory -> its number */
	std::set<std::int64_t> hosts_;	      /* namespaces met */
	std::int64_t realtime_ = 0;
	bool stopped_ = false;
};

/* Events that a processor's ring did not take, by its per_cpu/cpuN/stats: written over before they were
 * read, refused since the ring was full, or come upon it in an interrupt when it was. */
std::uint64_t events_lost(const std::string &stats);

/* The name under /run/netns of the namespace with that inode, or "". */
std::string namespace_name(std::uint64_t inode);

} // namespace edu

#endif /* EDU_TRACE_LIVE_HH */
