/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What commands print: records, shown as text in the manner of iproute2 or as JSON with its keys.
 *
 * A command makes one record (a JSON object) per thing and a function that writes the record as
 * text, so that both forms tell the same. Records are printed as they come: a dump of a million
 * routes needs no memory here.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_OUTPUT_HH
#define EDU_OUTPUT_HH

#include <nlohmann/json.hpp>

#include <functional>
#include <ostream>
#include <string>

namespace edu {

struct context;

/* Keys stay in the order they were set. */
using record = nlohmann::ordered_json;

/* Keys that are for the text form only begin with this; JSON leaves them out. */
inline constexpr char hidden_key = '_';

/* A list of records. finish() must be called at the end; on a failure it is not, and JSON is cut. */
class record_list {
public:
	using text_form = std::function<std::string(const record &)>;

	record_list(const context &ctx, std::ostream &out, text_form text);
	void add(const record &item);
	void finish();

private:
	std::ostream &out_;
	text_form text_; /* one record as complete lines */
	bool json_, pretty_, one_line_;
	bool first_ = true; /* no record was written yet */
};

/* One object, for commands whose JSON is not a list. */
void print_object(const context &ctx, std::ostream &out, const record &item);

/* Lines that are indented joined to the one before, by a backslash as ip(8) does with -o. */
std::string joined(const std::string &text);
/* ` KEY VALUE` when the record has the key, else nothing. Strings without quotes. */
std::string field(const record &item, const char *key, const char *word);
/* The value as text without quotes, "" when missing. */
std::string value_of(const record &item, const char *key);
/* "<A,B,C>" from a list of strings. */
std::string join(const record &list, const char *separator);

} // namespace edu

#endif /* EDU_OUTPUT_HH */
