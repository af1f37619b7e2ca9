/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `edu trace --html`: one page with everything in it, from the files of page/ and the steps.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_TRACE_PAGE_HH
#define EDU_TRACE_PAGE_HH

#include "trace_follow.hh"

#include <ostream>

namespace edu {

class page_writer {
public:
	explicit page_writer(std::int64_t realtime) : realtime_(realtime) {}

	void take(const trace_step &step, const std::string &host);
	/* `known`: for the names of hosts. */
	void write(std::ostream &out, const follower &known) const;
	std::uint64_t left_out() const { return left_out_; } /* steps for which there was no room */

private:
	std::int64_t realtime_;
	std::uint64_t begin_ = 0; /* ns of CLOCK_MONOTONIC, the first step's */
	record steps_ = record::array();
	std::uint64_t left_out_ = 0;
};

} // namespace edu

#endif /* EDU_TRACE_PAGE_HH */
