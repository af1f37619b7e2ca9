/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The closing lines of `edu ping`: how many requests were answered, and how fast.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_PING_TALLY_HH
#define EDU_PING_TALLY_HH

#include "output.hh"

#include <string>

namespace edu {

class ping_tally {
public:
	unsigned long sent = 0;
	unsigned long received = 0;   /* answers, without duplicates */
	unsigned long duplicates = 0; /* further answers to the same request */
	unsigned long errors = 0;     /* requests that failed in a known way */

	/* The round trip of an answer or a duplicate, in milliseconds. */
	void add_round_trip(double ms);
	/* The longest, in milliseconds; negative before the first answer. */
	double longest() const;

	/* As ping(8) closes; elapsed in milliseconds. */
	std::string text(const std::string &host, double elapsed) const;
	/* The same numbers by name. */
	record numbers(double elapsed) const;

private:
	double loss() const; /* percent */
	double mean() const;
	double deviation() const;

	unsigned long timed_ = 0;      /* how many round trips the sums hold */
	double least_ = 0, most_ = 0;  /* milliseconds */
	double sum_ = 0, squares_ = 0; /* of milliseconds, for mean and deviation */
};

/* Three significant digits, as ping(8) writes them: "0.123 ms". */
std::string show_milliseconds(double ms);

} // namespace edu

#endif /* EDU_PING_TALLY_HH */
