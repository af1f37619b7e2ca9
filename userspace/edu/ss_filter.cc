// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which sockets `edu ss` shows: states, addresses and ports, in the grammar of ss(8).
 *
 *   filter    = { ("state" | "exclude") STATE } [ either ]
 *   either    = both { ("or" | "|" | "||") both }
 *   both      = term { [ "and" | "&" | "&&" ] term }
 *   term      = ("not" | "!") term | "(" either ")" | condition
 *   condition = ("src" | "dst") [OP] [HOST[/LENGTH]] [":" PORT] | ("sport" | "dport") [OP] [":"] PORT
 *             | "dev" [OP] DEVICE
 *
 * Locking: none, the tool has one thread.
 */
#include "failure.hh"
#include "names.hh"
#include "ss.hh"

#include <optional>

namespace edu {

namespace {

using condition = std::function<bool(const socket_line &)>;

enum class comparison { equal, unequal, less, at_most, greater, at_least };

std::optional<comparison> comparison_named(const std::string &word)
{
	if (word == "=" || word == "==" || word == "eq")
		return comparison::equal;
	if (word == "!=" || word == "ne" || word == "neq")
		return comparison::unequal;
	if (word == "<" || word == "lt")
		return comparison::less;
	if (word == "<=" || word == "le" || word == "leq")
		return comparison::at_most;
	if (word == ">" || word == "gt")
		return comparison::greater;
	if (word == ">=" || word == "ge" || word == "geq")
		return comparison::at_least;
	return std::nullopt;
}

bool holds(comparison how, unsigned a, unsigned b)
{
	switch (how) {
	case comparison::equal:
		return a == b;
	case comparison::unequal:
		return a != b;
	case comparison::less:
		return a < b;
	case comparison::at_most:
		return a <= b;
	case comparison::greater:
		return a > b;
	case comparison::at_least:
		break;
	}
	return a >= b;
}

/* Words may stand together: "(sport=:80)" is five. */
std::vector<std::string> tokens(const std::vector<std::string> &words)
{
	constexpr std::string_view marks = "()!=<>&|";
	std::vector<std::string> list;

	for (const auto &word : words) {
		std::string text;
		auto end = [&] {
			if (!text.empty())
				list.push_back(std::move(text));
			text.clear();
		};

		for (std::size_t i = 0; i < word.size(); i++) {
			if (std::isspace(static_cast<unsigned char>(word[i]))) {
				end();
			} else if (marks.find(word[i]) != marks.npos) {
				std::string mark(1, word[i]);
				const char next = i + 1 < word.size() ? word[i + 1] : '\0';

				end();
				if ((next == '=' && mark.find_first_of("!=<>") == 0) ||
				    (next == word[i] && mark.find_first_of("&|") == 0))
					mark += word[++i];
				list.push_back(mark);
			} else {
				text += word[i];
			}
		}
		end();
	}
	return list;
}

class filter_reader {
public:
	explicit filter_reader(std::vector<std::string> list) : list_(std::move(list)) {}

	socket_filter read()
	{
		socket_filter filter;

		while (is({"state", "exclude", "excl"}))
			read_states(filter);
		if (!at_end())
			filter.condition = either();
		if (!at_end())
			usage_error("the filter makes no sense at `{}`", list_[at_]);
		return filter;
	}

private:
	bool at_end() const { return at_ == list_.size(); }

	bool is(std::initializer_list<const char *> these) const
	{
		for (const char *word : these)
			if (!at_end() && list_[at_] == word)
				return true;
		return false;
	}

	bool take(std::initializer_list<const char *> these)
	{
		if (!is(these))
			return false;
		at_++;
		return true;
	}

	std::string next(const char *what)
	{
		if (at_end())
			usage_error("the filter ends where {} should stand", what);
		return list_[at_++];
	}

	void read_states(socket_filter &filter)
	{
		const bool wanted = next("a word") == "state";
		const unsigned set = states_named(next("a state"));

		if (wanted)
			filter.states |= set;
		else
			filter.states = (filter.states ? filter.states : states_all) & ~set;
	}

	condition either()
	{
		condition left = both();

		while (take({"or", "|", "||"}))
			left = [left, right = both()](const socket_line &line) {
				return left(line) || right(line);
			};
		return left;
	}

	condition both()
	{
		condition left = term();

		while (take({"and", "&", "&&"}) || (!at_end() && !is({"or", "|", "||", ")"})))
			left = [left, right = term()](const socket_line &line) {
				return left(line) && right(line);
			};
		return left;
	}

	condition term()
	{
		if (take({"not", "!"}))
			return [inner = term()](const socket_line &line) { return !inner(line); };
		if (take({"("})) {
			condition inner = either();

			if (!take({")"}))
				usage_error("the filter lacks a `)`");
			return inner;
		}
		std::string word = next("a condition");
		if (word == "src" || word == "dst")
			return host(word == "src");
		if (word == "sport" || word == "dport")
			return port(word == "sport");
		if (word == "dev")
			return device();
		usage_error(
			"the filter's `{}` is unknown: src, dst, sport, dport, dev, and, or, not, ( )",
			word);
	}

	comparison operation()
	{
		auto how = at_end() ? std::nullopt : comparison_named(list_[at_]);

		if (how)
			at_++;
		return how.value_or(comparison::equal);
	}

	condition port(bool local)
	{
		comparison how = operation();
		std::string text = next("a port");

		if (text.starts_with(":"))
			text.erase(0, 1);
		unsigned wanted = parse_port(text, "tcp");
		return [=](const socket_line &line) {
			return holds(how, local ? line.local_port : line.remote_port, wanted);
		};
	}

	condition host(bool local)
	{
		comparison how = operation();
		std::string text = next("an address"), service;
		std::size_t colon = text.find(':');

		if (how != comparison::equal && how != comparison::unequal)
			usage_error("addresses are equal (=) or not (!=), no more");
		if (colon != text.npos) {
			service = text.substr(colon + 1);
			text.erase(colon);
		}
		const bool any_host = text.empty() || text == "*";
		const bool any_port = service.empty() || service == "*";
		const prefix net = any_host ? prefix{} : parse_prefix(text);
		const unsigned wanted = any_port ? 0 : parse_port(service, "tcp");
		return [=](const socket_line &line) {
			bool same = any_host || contains(net, local ? line.local : line.remote);

			same = same &&
			       (any_port || wanted == (local ? line.local_port : line.remote_port));
			return same == (how == comparison::equal);
		};
	}

	condition device()
	{
		comparison how = operation();
		int wanted = device_index(next("a device"));

		return [=](const socket_line &line) {
			return (line.bound_if == wanted) == (how != comparison::unequal);
		};
	}

	std::vector<std::string> list_;
	std::size_t at_ = 0; /* index of the next token */
};

} // namespace

bool socket_filter::wants(const socket_line &line) const
{
	return states >> line.state & 1 && (!condition || condition(line));
}

socket_filter parse_filter(const std::vector<std::string> &words)
{
	return filter_reader(tokens(words)).read();
}

} // namespace edu
