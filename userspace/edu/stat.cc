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

std::string without_breaks(std::string_view comment)
{
	std::istringstream in{std::string(comment)};
	std::string text;

	for (std::string word; in >> word;)
		text += (text.empty() ? "" : " ") + word;
	return text;
}

} // namespace

std::map<std::string, std::string> counter_meanings(std::string_view header)
{
	std::map<std::string, std::string> meanings;
	std::string heading, last;
	std::size_t at = header.find("#define EDU_COUNTERS(X)");

	for (bool in_line = false; at < header.size(); at++) {
		if (header[at] == '\n') {
			in_line = false;
			if (header[at - 1] != '\\')
				break; /* the macro's last line */
		} else if (header.substr(at, 2) == "/*") {
			std::size_t end = std::min(header.find("*/", at), header.size());
			std::string text = without_breaks(header.substr(at + 2, end - at - 2));

			/* Behind a counter: of that one. On a line of its own: of those below. */
			if (in_line)
				meanings[last] = text;
			else
				heading = text;
			at = std::min(end + 1, header.size() - 1);
		} else if (header.substr(at, 2) == "X(" && header[at - 1] != '(') {
			std::size_t comma = header.find(", ", at), end = header.find(')', at);

			if (comma > end || end == header.npos)
				continue;
			last = std::string(header.substr(at + 2, comma - at - 2)) +
			       std::string(header.substr(comma + 2, end - comma - 2));
			meanings[last] = heading;
			in_line = true;
			at = end;
		}
	}
	return meanings;
}

std::vector<counter> difference(const std::vector<counter> &now, const std::vector<counter> &before)
{
	std::map<std::string, unsigned long long> old;
	std::vector<counter> result = now;

	for (const auto &item : before)
		old[item.name] = item.value;
	for (auto &item : result) {
		auto found = old.find(item.name);

		if (found != old.end() && found->second <= item.value)
			item.value -= found->second;
	}
	return result;
}

namespace {

constexpr std::string_view counters_header =
#include "counters_text.inc"
	;

struct stat_options {
	bool zeros = false, absolute = false, since_last = false, explain = false;
	bool keep = false, silent = false, reset = false; /* the history; no output */
	std::vector<std::string> patterns;
};

/* counters: an object of names and values. */
void print_counters(const context &ctx, const record &counters, bool explain)
{
	auto meanings = explain ? counter_meanings(counters_header) :
				  std::map<std::string, std::string>();

	if (ctx.json) {
		record all;

		all["eduinet"] = counters;
		for (const auto &[name, value] : counters.items())
			if (!meanings[name].empty())
				all["meanings"][name] = meanings[name];
		print_object(ctx, std::cout, all);
		return;
	}
	std::cout << "#eduinet\n";
	for (const auto &[name, value] : counters.items()) {
		auto number = value.get<unsigned long long>();

		if (explain)
			std::cout << fmt::format("{:<32}{:<12}{}\n", name, number, meanings[name]);
		else
			std::cout << fmt::format("{:<32}{}\n", name, number);
	}
}

std::vector<counter> counters_to_show(const stat_options &o)
{
	std::ifstream file("/proc/net/eduinet/snmp");

	if (!file)
		refused("/proc/net/eduinet/snmp cannot be read: this module keeps no counters there");
	std::vector<counter> now = read_counters(file);
	if (!o.since_last)
		return now;
	std::vector<counter> before = o.reset ? std::vector<counter>() : recall_counters();
	if (!o.keep)
		remember_counters(now);
	return difference(now, before);
}

} // namespace

int run_stat(context &ctx, words &in)
{
	CLI::App app("counters of the stack; those that are zero are left out", "edu stat");
	stat_options o;
	bool own_json = false, own_pretty = false;

	app.add_flag("-z,--zeros", o.zeros, "show those that are zero too");
	app.add_flag("-a,--ignore", o.absolute, "count from the start (they do, without -d)");
	app.add_flag("-d,--difference", o.since_last, "count since the last `edu stat -d`");
	app.add_flag("-s,--noupdate", o.keep, "with -d: remember no new values");
	app.add_flag("-n,--nooutput", o.silent, "remember the values for -d, and print none");
	app.add_flag("-r,--reset", o.reset, "with -d: forget the values remembered before");
	app.add_flag("-e,--explain", o.explain, "say what each of them means");
	app.add_flag("-j,--json", own_json, "JSON");
	app.add_flag("-p,--pretty", own_pretty, "JSON with line breaks");
	app.add_option("PATTERN", o.patterns,
		       "only counters whose names match, such as 'Udp*' or '*Drop*'");
	if (auto status = parse_options(app, in))
		return *status;
	ctx.json |= own_json;
	ctx.pretty |= own_pretty;
	o.since_last = (o.since_last || o.silent) && !o.absolute;

	ctx.require_family();
	record shown = record::object();
	if (o.silent) {
		counters_to_show(o);
		return exit_ok;
	}
	bool known = false;
	for (const auto &item : counters_to_show(o)) {
		if (!matches(item.name, o.patterns))
			continue;
		known = true;
		if (o.zeros || item.value)
			shown[item.name] = item.value;
	}
	print_counters(ctx, shown, o.explain);
	if (!known)
		usage_error("no counter matches; `edu stat -z` lists them all");
	return exit_ok;
}

} // namespace edu
