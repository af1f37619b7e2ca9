/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The grammar of iproute2 (`addr add 10.0.0.1/24 dev e0`), driven by tables: from one table come
 * the parser, the help and the error messages.
 *
 * An action ("add") has a table of keywords ("dev NAME"). Keywords come in any order, each once (but see `again`).
 * One keyword of a table may be `plain`: its value may stand alone, without the keyword. Commands,
 * actions and keywords may be abbreviated while that is unambiguous; but as long as the plain value
 * is missing, keywords must be written out, so that a device may be called `a` or `m`.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_ARGS_HH
#define EDU_ARGS_HH

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace edu {

struct context;

/* The words of the command line that are still to be read. */
class words {
public:
	explicit words(std::vector<std::string> list) : list_(std::move(list)) {}

	bool empty() const { return at_ == list_.size(); }

	/* The next word; empty() must be false. */
	const std::string &peek() const { return list_[at_]; }

	std::string take() { return list_[at_++]; }

	/* All that is left, for the commands with options. */
	std::vector<std::string> rest() const
	{
		return {list_.begin() + static_cast<std::ptrdiff_t>(at_), list_.end()};
	}

private:
	std::vector<std::string> list_; /* the command line after the global options */
	std::size_t at_ = 0;		/* index of the next word */
};

/* Several spellings of one thing, separated by blanks: "show list". The first is the one shown. */
std::string_view first_name(std::string_view names);
bool is_name(std::string_view names, std::string_view word);	 /* word is one of them */
bool abbreviates(std::string_view names, std::string_view word); /* word begins one of them */
bool asks_for_help(std::string_view word);

/*
 * Index of the entry that `word` means among `table` (each entry a list of names), or -1. An exact
 * name wins over an abbreviation; an abbreviation of several entries is a usage error, which calls
 * the entries `what` ("command").
 */
int find_name(std::span<const std::string_view> table, std::string_view word,
	      std::string_view what);

/* The part of a keyword that needs no type: what help and errors say. */
struct keyword_text {
	const char *names;  /* spellings, see first_name() */
	const char *value;  /* what follows the keyword, in capitals; "" when nothing does */
	const char *help;   /* one line */
	bool plain = false; /* the value may stand without the keyword; at most one in a table */
	bool again = false; /* may come again, and after it the keywords may that are not plain */
};

/* `wishes` is the structure an action's keywords fill in. */
template <class wishes>
struct keyword {
	keyword_text text;
	void (*take)(wishes &into, const std::string &value); /* value is "" when none follows */
};

/*
 * Reads one keyword and its value from `in`. `given` remembers which ones were read. Returns its
 * index. Unknown words, repeated keywords and missing values are usage errors.
 */
std::size_t next_keyword(std::span<const keyword_text> table, std::vector<bool> &given, words &in,
			 std::string &value);

/* What can be done with a command's objects: `edu addr ACTION …`. */
struct action {
	const char *names;
	const char *summary;		    /* one line */
	std::vector<keyword_text> keywords; /* for help and errors */
	std::function<int(context &, words &)> run;

	template <class wishes, std::size_t n>
	action(const char *action_names, const char *action_summary,
	       const keyword<wishes> (&table)[n], int (*perform)(context &, wishes &))
		: names(action_names), summary(action_summary)
	{
		for (const auto &entry : table)
			keywords.push_back(entry.text);
		run = [&table, perform, texts = keywords](context &ctx, words &in) {
			wishes wanted{};
			std::vector<bool> given(n);
			std::string value;

			while (!in.empty()) {
				std::size_t i = next_keyword(texts, given, in, value);
				table[i].take(wanted, value);
			}
			return perform(ctx, wanted);
		};
	}
};

/* `edu COMMAND …` */
struct command {
	const char *names;
	const char *summary; /* one line */
	int (*run)(context &ctx, words &in);
};

std::string help_of_actions(std::string_view command_name, std::span<const action> actions);
std::string help_of_action(std::string_view command_name, const action &what);
std::string help_of_commands(std::span<const command> commands);

/* Runs the action that the next word names, or the first of the table when there is no word. */
int run_action(context &ctx, std::string_view command_name, std::span<const action> actions,
	       words &in);

/* Runs that action, of a command that has no other when command_name is "". */
int run_only_action(context &ctx, std::string_view command_name, const action &only, words &in);

/* Numbers with limits; `what` names the thing in the message. Decimal, or hexadecimal after 0x. */
unsigned long parse_number(const std::string &text, std::string_view what, unsigned long least,
			   unsigned long most);
/* "on" or "off". */
bool parse_switch(const std::string &text, std::string_view what);
/* Seconds with a fraction. */
double parse_seconds(const std::string &text, std::string_view what);

} // namespace edu

#endif /* EDU_ARGS_HH */
