// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records as text or JSON, see output.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "output.hh"

#include "context.hh"

namespace edu {

namespace {

record without_hidden(const record &item)
{
	record shown = record::object();

	for (const auto &[key, value] : item.items())
		if (key[0] != hidden_key)
			shown[key] = value;
	return shown;
}

/* Device names and the like may hold any octets; JSON must stay valid. */
std::string dump(const record &item, bool pretty)
{
	return item.dump(pretty ? 4 : -1, ' ', false, record::error_handler_t::replace);
}

std::string indented(const std::string &text)
{
	std::string result = "    ";

	for (char c : text) {
		result += c;
		if (c == '\n')
			result += "    ";
	}
	return result;
}

} // namespace

record_list::record_list(const context &ctx, std::ostream &out, text_form text)
	: out_(out),
	  text_(std::move(text)),
	  json_(ctx.json),
	  pretty_(ctx.pretty),
	  one_line_(ctx.one_line)
{
	if (json_)
		out_ << '[';
}

void record_list::add(const record &item)
{
	if (!json_) {
		out_ << (one_line_ ? joined(text_(item)) : text_(item));
	} else {
		record shown = without_hidden(item);

		out_ << (first_ ? "" : ",");
		if (pretty_)
			out_ << '\n' << indented(dump(shown, true));
		else
			out_ << dump(shown, false);
	}
	first_ = false;
}

void record_list::finish()
{
	if (json_)
		out_ << (pretty_ && !first_ ? "\n]\n" : "]\n");
}

void print_object(const context &ctx, std::ostream &out, const record &item)
{
	out << dump(without_hidden(item), ctx.pretty) << '\n';
}

std::string joined(const std::string &text)
{
	std::string result;

	for (std::size_t i = 0; i < text.size(); i++) {
		bool goes_on = text[i] == '\n' && i + 1 < text.size() &&
			       (text[i + 1] == ' ' || text[i + 1] == '\t');

		result += goes_on ? '\\' : text[i];
	}
	return result;
}

std::string value_of(const record &item, const char *key)
{
	auto found = item.find(key);

	if (found == item.end())
		return {};
	return found->is_string() ? found->get<std::string>() : found->dump();
}

std::string field(const record &item, const char *key, const char *word)
{
	if (!item.contains(key))
		return {};
	return std::string(" ") + word + (*word ? " " : "") + value_of(item, key);
}

std::string join(const record &list, const char *separator)
{
	std::string text;

	for (const auto &entry : list)
		text += (text.empty() ? "" : separator) + entry.get<std::string>();
	return text;
}

} // namespace edu
