/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading counters; apart from `edu stat` so that it can be tested.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_STAT_HH
#define EDU_STAT_HH

#include <istream>
#include <string>
#include <vector>

namespace edu {

struct counter {
	std::string name; /* group and name: "IpInReceives" */
	unsigned long long value;
};

/* All counters of a text written as /proc/net/snmp is. What makes no sense is a failure. */
std::vector<counter> read_counters(std::istream &in);
/* Does one of the shell patterns match? Capitals do not count. No pattern: yes. */
bool matches(const std::string &name, const std::vector<std::string> &patterns);

} // namespace edu

#endif /* EDU_STAT_HH */
