/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `edu trace --pcapng`: the frames that left and came, each with a comment that says what the layers
 * did with it and decided, for Wireshark (draft-ietf-opsawg-pcapng).
 *
 * What becomes of a received frame is known only later, so frames are kept until finish(). Each is cut
 * to the octets that the tracepoints show.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_TRACE_PCAPNG_HH
#define EDU_TRACE_PCAPNG_HH

#include "trace_follow.hh"

#include <fstream>
#include <ostream>

namespace edu {

class pcapng_writer {
public:
	explicit pcapng_writer(std::int64_t realtime) : realtime_(realtime) {}

	void take(const trace_step &step, const std::string &host);
	void write(std::ostream &out) const;
	std::size_t frames() const { return frames_.size(); }

private:
	struct frame {
		std::uint64_t when; /* ns of CLOCK_MONOTONIC */
		std::size_t device; /* index in devices_ */
		bool inbound;
		std::vector<std::uint8_t> octets;
		std::uint32_t length; /* on the cable */
		std::string comment;
	};
	struct device {
		std::string name;
		bool ethernet; /* else bare IP */
	};

	void add_frame(const trace_step &step, const std::string &host);

	std::int64_t realtime_;
	std::vector<frame> frames_;
	std::vector<device> devices_;
	std::map<std::uint64_t, std::string> stories_;	 /* live packets' comments so far */
	std::map<std::uint64_t, std::size_t> received_;	 /* live packet -> its frame */
	std::map<std::uint64_t, std::string> decisions_; /* by number; bounded */
};

} // namespace edu

#endif /* EDU_TRACE_PCAPNG_HH */
