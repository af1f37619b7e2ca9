/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How `edu tracepath` tells what it found; apart from the command so that it can be tested.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_TRACEPATH_HH
#define EDU_TRACEPATH_HH

#include "error_queue.hh"

#include <optional>
#include <string>

namespace edu {

/* One line of the path. */
struct path_step {
	unsigned ttl;		      /* of the packet the answer is about */
	bool ttl_is_guessed;	      /* it is that of the packet sent last */
	std::string who;	      /* "" for this host itself */
	double milliseconds = -1;     /* until the answer; negative: not known */
	sock_extended_err error;      /* what was said */
	std::optional<unsigned> back; /* hops that the answer has passed */
};

/* Does the path end here? Not when a router let the packet die, nor when it named its MTU. */
bool ends_path(const sock_extended_err &error);
/* The port of the host itself refused the packet: that is the end one hopes for. */
bool is_reached(const sock_extended_err &error);

/* " 1:  10.0.0.1      0.123ms asymm  2 \n", with the columns of tracepath(8). */
std::string step_text(const path_step &step);

/* How many hops a packet has passed that arrives with this time to live: hosts begin with 64, 128 or
 * 255, whichever is next. */
unsigned hops_passed(int ttl);

} // namespace edu

#endif /* EDU_TRACEPATH_HH */
