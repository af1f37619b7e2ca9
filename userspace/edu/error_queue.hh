/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The error queue of a socket (IP_RECVERR, MSG_ERRQUEUE; ip(7)): which packet failed, why, and who
 * said so. `edu traceroute` and `edu tracepath` live on it.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_ERROR_QUEUE_HH
#define EDU_ERROR_QUEUE_HH

#include "icmp.hh"

#include <linux/errqueue.h>
#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <optional>

namespace edu {

struct queued_error {
	sock_extended_err error;
	in_addr_t offender;	 /* who said so, network byte order; 0: nobody did */
	sockaddr_in destination; /* of the packet that failed */
	int ttl;		 /* of the ICMP message as it arrived; -1: not told */
	octets packet;		 /* how the packet began; valid until the next take() */
};

class error_queue {
public:
	/* Nothing: the queue is empty. */
	std::optional<queued_error> take(int fd);

private:
	std::array<std::uint8_t, 512> packet_;
};

} // namespace edu

#endif /* EDU_ERROR_QUEUE_HH */
