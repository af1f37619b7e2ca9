// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table-driven grammar of args.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "args.hh"

#include "failure.hh"

#include <charconv>
#include <cmath>
#include <cstdio>

namespace edu {

namespace {

/* Calls test(name) for each of the names until one says true. */
template <class predicate>
bool any_name(std::string_view names, predicate test)
{
	while (!names.empty()) {
		std::size_t end = names.find(' ');
		std::string_view name = names.substr(0, end);

		if (test(name))
			return true;
		names = end == names.npos ? std::string_view() : names.substr(end + 1);
	}
	return false;
}

/* How a keyword is written in help: "dev NAME", "[to] PREFIX", "up". */
std::string spelling(const keyword_text &key)
{
	std::string name(first_name(key.names));

	if (key.plain)
		name = "[" + name + "]";
	if (*key.value)
		name += std::string(" ") + key.value;
	return name;
}

std::string known_keywords(std::span<const keyword_text> table)
{
	std::string list;

	for (const auto &key : table)
		list += (list.empty() ? "" : ", ") + spelling(key);
	return list.empty() ? "nothing more" : list;
}

/* A new group of keywords begins. */
void forget_given(std::span<const keyword_text> table, std::vector<bool> &given)
{
	for (std::size_t i = 0; i < table.size(); i++)
		if (!table[i].plain)
			given[i] = false;
}

} // namespace

std::string_view first_name(std::string_view names)
{
	return names.substr(0, names.find(' '));
}

bool is_name(std::string_view names, std::string_view word)
{
	return any_name(names, [&](std::string_view name) { return name == word; });
}

bool abbreviates(std::string_view names, std::string_view word)
{
	return !word.empty() &&
	       any_name(names, [&](std::string_view name) { return name.starts_with(word); });
}

bool asks_for_help(std::string_view word)
{
	return word == "help" || word == "-h" || word == "--help" || word == "-help";
}

int find_name(std::span<const std::string_view> table, std::string_view word, std::string_view what)
{
	std::string candidates;
	int found = -1;

	for (std::size_t i = 0; i < table.size(); i++)
		if (is_name(table[i], word))
			return static_cast<int>(i);
	for (std::size_t i = 0; i < table.size(); i++) {
		if (!abbreviates(table[i], word))
			continue;
		candidates +=
			(candidates.empty() ? "" : " or ") + std::string(first_name(table[i]));
		found = found == -1 ? static_cast<int>(i) : -2;
	}
	if (!candidates.empty() && candidates.find(" or ") != candidates.npos)
		usage_error("the {} `{}` is ambiguous: {}?", what, word, candidates);
	return found;
}

std::size_t next_keyword(std::span<const keyword_text> table, std::vector<bool> &given, words &in,
			 std::string &value)
{
	std::vector<std::string_view> names;
	std::size_t plain = table.size();
	std::string word = in.take();
	int found = -1;

	for (std::size_t i = 0; i < table.size(); i++) {
		names.push_back(table[i].names);
		if (table[i].plain && !given[i])
			plain = i;
		if (is_name(table[i].names, word))
			found = static_cast<int>(i);
	}
	if (found < 0 && plain < table.size()) {
		given[plain] = true;
		value = word;
		return plain;
	}
	if (found < 0)
		found = find_name(names, word, "keyword");
	if (found < 0)
		usage_error("`{}` is not understood here; known are: {}", word,
			    known_keywords(table));

	const keyword_text &key = table[static_cast<std::size_t>(found)];
	if (given[static_cast<std::size_t>(found)])
		usage_error("`{}` was given twice", first_name(key.names));
	if (key.again)
		forget_given(table, given);
	else
		given[static_cast<std::size_t>(found)] = true;
	value.clear();
	if (*key.value) {
		if (in.empty())
			usage_error("`{}` must be followed by {}", first_name(key.names),
				    key.value);
		value = in.take();
	}
	return static_cast<std::size_t>(found);
}

std::string help_of_action(std::string_view command_name, const action &what)
{
	std::string text = fmt::format("usage: edu {}{}{}{}\n{}\n", command_name,
				       command_name.empty() ? "" : " ", first_name(what.names),
				       what.keywords.empty() ? "" : " KEYWORD…", what.summary);

	for (const auto &key : what.keywords)
		text += fmt::format("  {:<27} {}\n", spelling(key), key.help);
	return text;
}

std::string help_of_actions(std::string_view command_name, std::span<const action> actions)
{
	std::string text = fmt::format("usage: edu {} [ACTION [KEYWORD…]]\n", command_name);

	for (const auto &entry : actions) {
		text += fmt::format("{:<9} {}\n", first_name(entry.names), entry.summary);
		for (const auto &key : entry.keywords)
			text += fmt::format("  {:<27} {}\n", spelling(key), key.help);
	}
	return text;
}

std::string help_of_commands(std::span<const command> commands)
{
	std::string text;

	for (const auto &entry : commands)
		text += fmt::format("  {:<10} {}\n", first_name(entry.names), entry.summary);
	return text;
}

int run_action(context &ctx, std::string_view command_name, std::span<const action> actions,
	       words &in)
{
	std::vector<std::string_view> names;

	if (in.empty())
		return actions[0].run(ctx, in);
	for (const auto &entry : actions)
		names.push_back(entry.names);

	std::string word = in.take();
	if (asks_for_help(word)) {
		fmt::print("{}", help_of_actions(command_name, actions));
		return exit_ok;
	}
	int found = find_name(names, word, "action");
	if (found < 0)
		usage_error("`edu {0} {1}` is unknown: `edu {0} help` lists what there is",
			    command_name, word);
	const action &chosen = actions[static_cast<std::size_t>(found)];
	return run_only_action(ctx, command_name, chosen, in);
}

int run_only_action(context &ctx, std::string_view command_name, const action &only, words &in)
{
	if (!in.empty() && asks_for_help(in.peek())) {
		fmt::print("{}", help_of_action(command_name, only));
		return exit_ok;
	}
	return only.run(ctx, in);
}

unsigned long parse_number(const std::string &text, std::string_view what, unsigned long least,
			   unsigned long most)
{
	bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
	const char *begin = text.data() + (hexadecimal ? 2 : 0);
	const char *end = text.data() + text.size();
	unsigned long number = 0;
	auto [stop, error] = std::from_chars(begin, end, number, hexadecimal ? 16 : 10);

	if (error != std::errc() || stop != end || number < least || number > most)
		usage_error("`{}` is not a {}: give a number from {} to {}", text, what, least,
			    most);
	return number;
}

bool parse_switch(const std::string &text, std::string_view what)
{
	if (text != "on" && text != "off")
		usage_error("`{}` is not a value for {}: write on or off", text, what);
	return text == "on";
}

double parse_seconds(const std::string &text, std::string_view what)
{
	double seconds = 0;
	auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);

	if (error != std::errc() || stop != text.data() + text.size() || !std::isfinite(seconds) ||
	    seconds < 0 || seconds > 1e6)
		usage_error("`{}` is not a {}: give seconds from 0 to 1000000", text, what);
	return seconds;
}

} // namespace edu
