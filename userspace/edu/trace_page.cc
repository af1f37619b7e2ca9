// SPDX-License-Identifier: GPL-2.0-only
/*
 * The page of `edu trace --html`. Its source is in page/ and carried along by the build.
 *
 * What a trace holds came off a network: it is put into the page as JSON in which no '<' stands, so
 * that it cannot end the element it is in, and the page's script writes it as text only.
 *
 * Locking: none, the tool has one thread.
 */
#include "trace_page.hh"

#include "failure.hh"

namespace edu {

namespace {

constexpr std::size_t most_steps = 20000;

constexpr std::string_view page_text =
#include "page_html.inc"
	;
constexpr std::string_view style_text =
#include "page_css.inc"
	;
constexpr std::string_view script_text =
#include "page_js.inc"
	;

std::string safe_json(const record &item)
{
	std::string safe;

	for (char c : item.dump(-1, ' ', true, record::error_handler_t::replace)) {
		if (c == '<')
			safe += "\\u003c";
		else
			safe += c;
	}
	return safe;
}

} // namespace

void page_writer::take(const trace_step &step, const std::string &host)
{
	if (steps_.size() == most_steps) {
		left_out_++;
		return;
	}
	/* JavaScript's numbers do not hold the ns since 1970: those since the first step. */
	if (steps_.empty())
		begin_ = step.when;
	steps_.push_back(step_record(step, -static_cast<std::int64_t>(begin_), host));
}

void page_writer::write(std::ostream &out, const follower &known) const
{
	record all;

	all["begin"] = (static_cast<std::int64_t>(begin_) + realtime_) / 1000000;
	all["lost"] = known.lost();
	all["left_out"] = left_out_;
	all["hosts"] = record::array();
	for (const auto &[netns, facts] : known.hosts())
		all["hosts"].push_back({{"netns", netns},
					{"name", known.host_name_of(netns)},
					{"addresses", facts.addresses},
					{"stations", facts.stations}});
	all["steps"] = steps_;
	/* The page's places, in the order in which they stand there. */
	const std::pair<std::string_view, std::string> places[] = {
		{"/*STYLE*/", std::string(style_text)},
		{"/*TRACE*/", safe_json(all)},
		{"/*SCRIPT*/", std::string(script_text)},
	};
	std::string_view rest = page_text;
	for (const auto &[mark, text] : places) {
		std::size_t at = rest.find(mark);

		if (at == rest.npos)
			refused("the page in this tool has no place for {}", mark);
		out << rest.substr(0, at) << text;
		rest = rest.substr(at + mark.size());
	}
	out << rest;
}

} // namespace edu
