// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu stat`: the stack's counters, in the manner of nstat (TLK names no counters; the names are
 * those of RFC 1213 and, for every drop, one that says why).
 *
 * Locking: none, the tool has one thread.
 */
#include "stat.hh"

#include "context.hh"
#include "failure.hh"
#include "options.hh"
#include "output.hh"

#include <fnmatch.h>

#include <fstream>
#include <iostream>
#include <sstream>

namespace edu {

namespace {

std::vector<std::string> split(const std::string &line)
{
	std::istringstream in(line);
	std::vector<std::string> fields;

	for (std::string word; in >> word;)
		fields.push_back(word);
	return fields;
}

bool to_value(const std::string &text, unsigned long long &value)
{
	std::size_t used = 0;

	if (text.empty() || !std::isdigit(static_cast<unsigned char>(text[0])))
		return false;
	value = std::stoull(text, &used);
	return used == text.size();
}

} // namespace

/*
 * /proc/net/eduinet/snmp is written as /proc/net/snmp is: two lines a group, names and then values,
 * each behind "Group:".
 */
std::vector<counter> read_counters(std::istream &in)
{
	std::vector<counter> counters;
	std::vector<std::string> names;

	for (std::string line; std::getline(in, line);) {
		std::vector<std::string> fields = split(line);
		unsigned long long value;

		if (fields.size() < 2 || fields[0].back() != ':')
			continue;
		if (!to_value(fields[1], value)) {
			names = std::move(fields);
			continue;
		}
		if (names.empty() || names[0] != fields[0] || names.size() != fields.size())
			refused("the counters of group {} make no sense: is this tool as old as the module?",
				fields[0]);
		std::string group = fields[0].substr(0, fields[0].size() - 1);
		for (std::size_t i = 1; i < fields.size(); i++) {
			if (!to_value(fields[i], value))
				refused("the counter {}{} has no number", group, names[i]);
			counters.push_back({group + names[i], value});
		}
	}
	return counters;
}

bool matches(const std::string &name, const std::vector<std::string> &patterns)
{
	if (patterns.empty())
		return true;
	for (const auto &pattern : patterns)
		if (fnmatch(pattern.c_str(), name.c_str(), FNM_CASEFOLD) == 0)
			return true;
	return false;
}

namespace {

/* counters: an object of names and values. */
void print_counters(const context &ctx, const record &counters)
{
	if (ctx.json) {
		record all;

		all["eduinet"] = counters;
		print_object(ctx, std::cout, all);
		return;
	}
	std::cout << "#eduinet\n";
	for (const auto &[name, value] : counters.items())
		std::cout << fmt::format("{:<32}{}\n", name, value.get<unsigned long long>());
}

} // namespace

int run_stat(context &ctx, words &in)
{
	CLI::App app("counters of the stack; those that are zero are left out", "edu stat");
	bool zeros = false, absolute = false;
	std::vector<std::string> patterns;
	bool own_json = false, own_pretty = false;

	app.add_flag("-z,--zeros", zeros, "show those that are zero too");
	app.add_flag("-a,--ignore", absolute,
		     "absolute values, for nstat's habit: they always are");
	app.add_flag("-j,--json", own_json, "JSON");
	app.add_flag("-p,--pretty", own_pretty, "JSON with line breaks");
	app.add_option("PATTERN", patterns,
		       "only counters whose names match, such as 'Udp*' or '*Drop*'");
	if (auto status = parse_options(app, in))
		return *status;
	ctx.json |= own_json;
	ctx.pretty |= own_pretty;

	ctx.require_family();
	std::ifstream file("/proc/net/eduinet/snmp");
	if (!file)
		refused("/proc/net/eduinet/snmp cannot be read: this module keeps no counters there");
	record shown = record::object();
	bool known = false;
	for (const auto &item : read_counters(file)) {
		if (!matches(item.name, patterns))
			continue;
		known = true;
		if (zeros || item.value)
			shown[item.name] = item.value;
	}
	print_counters(ctx, shown);
	if (!known)
		usage_error("no counter matches; `edu stat -z` lists them all");
	return exit_ok;
}

} // namespace edu
