/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading counters; apart from `edu stat` so that it can be tested.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_STAT_HH
#define EDU_STAT_HH

#include <istream>
#include <map>
#include <string>
#include <string_view>
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

/* What each counter means, by its name with the group, out of the text of include/edu/counters.h: the
 * comment behind it, or what the comment above says of its group. */
std::map<std::string, std::string> counter_meanings(std::string_view header);

/* For `edu stat -d`. What was counted since the last time: each value less its old one. A counter that
 * went back began anew: a new module, or a namespace by chance of the same number. */
std::vector<counter> difference(const std::vector<counter> &now,
				const std::vector<counter> &before);
/* The values remembered of this user for the present network namespace, none at first. */
std::vector<counter> recall_counters();
void remember_counters(const std::vector<counter> &counters);

} // namespace edu

#endif /* EDU_STAT_HH */
