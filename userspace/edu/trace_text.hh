/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The text form of `edu trace`: a line a step, indented by its layer.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_TRACE_TEXT_HH
#define EDU_TRACE_TEXT_HH

#include "trace_follow.hh"

namespace edu {

class trace_text {
public:
	explicit trace_text(bool colour) : colour_(colour) {}

	/* Complete lines. */
	std::string tell(const trace_step &step, const std::string &host);

private:
	std::string painted(const char *code, const std::string &text) const;

	bool colour_;
	std::uint64_t start_ = 0;		     /* ns, the first step's time */
	std::size_t width_ = 0;			     /* of the longest name of a host so far */
	std::map<std::uint64_t, std::string> named_; /* packet -> summary told last; bounded */
};

/* "data +48→+40 tail +58 end +128 len 10→18"; what moved is shown before and after. */
std::string pointers_text(const trace_step &step);

/* Without control characters, C1's too, and without octets that are no UTF-8: they stand as \xNN. The name
 * of a device may hold any, and whoever has a namespace of their own names devices; in a recording of somebody
 * else's the names of events may. They must not speak to the terminal of who watches. */
std::string printable(const std::string &text);

} // namespace edu

#endif /* EDU_TRACE_TEXT_HH */
