/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which packets `edu trace` shows.
 *
 * A packet has no header yet when a program has just handed it over, and a decision may come before
 * the packet it is for: steps that cannot be judged yet wait until they can. So the filter is given
 * steps and passes on those that are wanted, sometimes later, in the order of each packet's steps.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_TRACE_FILTER_HH
#define EDU_TRACE_FILTER_HH

#include "names.hh"
#include "trace_follow.hh"

#include <functional>

namespace edu {

struct trace_wishes {
	std::vector<prefix> addresses;	  /* source or destination lies in one of them */
	std::vector<std::uint16_t> ports; /* source or destination is one of them */
	std::vector<unsigned> protocols;  /* of IP */
	bool arp = false;		  /* ARP too (when protocols are given) */
	std::set<std::int64_t> inodes;	  /* of sockets */
	std::set<std::int64_t> processes; /* PID of the calling process */
	std::int64_t netns = 0;		  /* 0: every host */

	/* Is there anything to choose by, but the host? */
	bool choosy() const
	{
		return !addresses.empty() || !ports.empty() || !protocols.empty() || arp ||
		       !inodes.empty() || !processes.empty();
	}
};

class trace_filter {
public:
	using sink = std::function<void(const trace_step &)>;

	trace_filter(trace_wishes wishes, sink out);
	void take(const trace_step &step);

private:
	enum class verdict { yes, no, unknown };

	verdict judge_facts(const packet_facts &facts) const;
	bool judge_socket(const trace_step &step);
	void take_packet(const trace_step &step);
	void take_decision(const trace_step &step);
	void pass(const trace_step &step);

	trace_wishes wishes_;
	sink out_;
	std::set<std::uint64_t> wanted_; /* packets; the oldest are forgotten */
	std::map<std::uint64_t, std::vector<trace_step>> waiting_; /* steps by packet; bounded */
	std::map<std::uint64_t, trace_step> decisions_; /* not claimed yet, by number; bounded */
};

/* "udp", "tcp", "icmp", "igmp", "arp" or a number, entered into the wishes. */
void wish_protocol(trace_wishes &wishes, const std::string &text);
/* Inodes of the sockets that the process has open now. */
std::set<std::int64_t> sockets_of(std::int64_t process);

} // namespace edu

#endif /* EDU_TRACE_FILTER_HH */
