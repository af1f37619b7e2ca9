// SPDX-License-Identifier: GPL-2.0-only
/*
 * The text form of `edu trace`, see trace_text.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "trace_text.hh"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string_view>

namespace edu {

namespace {

constexpr const char *dim = "2", *bold = "1", *red = "31", *green = "32", *yellow = "33",
		     *cyan = "36";
constexpr std::size_t most_named = 4096;

std::string moved(const char *name, std::int64_t before, std::int64_t now, const char *sign)
{
	if (before == now)
		return fmt::format("{} {}{}", name, sign, now);
	return fmt::format("{} {}{}→{}{}", name, sign, before, sign, now);
}

/* Octets of the character in UTF-8 that text begins with; 0: it begins with none. */
std::size_t character_length(std::string_view text)
{
	auto at = [&](std::size_t i) {
		return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
	};
	unsigned first = at(0), second = at(1);
	std::size_t length = first < 0x80 ? 1 :
			     first < 0xc2 ? 0 :
			     first < 0xe0 ? 2 :
			     first < 0xf0 ? 3 :
			     first < 0xf5 ? 4 :
					    0;

	for (std::size_t i = 1; i < length; i++)
		if ((at(i) & 0xc0) != 0x80)
			return 0;
	/* Longer than need be, half of a pair of UTF-16, beyond the last character. */
	if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
	    (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90))
		return 0;
	return length;
}

/* C0, DEL, or C1, which some terminals obey like ESC and a letter. */
bool is_control(std::string_view character)
{
	auto at = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };

	if (character.size() == 1)
		return at(0) < 0x20 || at(0) == 0x7f;
	return character.size() == 2 && at(0) == 0xc2 && at(1) < 0xa0;
}

} // namespace

std::string pointers_text(const trace_step &step)
{
	if (!step.now)
		return "";
	const skb_pointers &now = *step.now;
	bool comparable = step.before && step.before->head == now.head;
	const skb_pointers &before = comparable ? *step.before : now;

	return fmt::format("{} {} {} {}", moved("data", before.data, now.data, "+"),
			   moved("tail", before.tail, now.tail, "+"),
			   moved("end", before.end, now.end, "+"),
			   moved("len", before.len, now.len, ""));
}

std::string printable(const std::string &text)
{
	std::string_view rest = text;
	std::string shown;

	while (!rest.empty()) {
		std::size_t length = character_length(rest);
		std::string_view character = rest.substr(0, std::max<std::size_t>(length, 1));

		if (length && !is_control(character))
			shown += character;
		else
			for (char c : character)
				shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
		rest.remove_prefix(character.size());
	}
	return shown;
}

std::string trace_text::painted(const char *code, const std::string &text) const
{
	return colour_ && !text.empty() ? fmt::format("\033[{}m{}\033[0m", code, text) : text;
}

std::string trace_text::tell(const trace_step &step, const std::string &name_of_host)
{
	const std::string host = printable(name_of_host);
	std::string line;

	if (!start_)
		start_ = step.when;
	if (std::strcmp(step.kind, "host") == 0)
		return "";
	width_ = std::max(width_, host.size());
	std::string who = painted(bold, fmt::format("{:<{}}", host, width_));
	std::string mark = step.packet ? fmt::format("#{}", step.packet) : "";
	auto begin = [&](const char *time) {
		return fmt::format("{} {} {:>5} ", painted(dim, fmt::format("{:>10}", time)), who,
				   mark);
	};

	/* What a packet is, as soon as it is known and when it becomes something else. */
	std::string summary = packet_summary(step.facts);
	if (step.packet && step.begins) {
		line += begin("") + painted(cyan, "new packet");
		if (step.parent)
			line += fmt::format(", {} from #{}", step.relation, step.parent);
		if (step.process)
			line += fmt::format(", process {}", step.process);
		if (step.inode)
			line += fmt::format(", socket {}", step.inode);
		line += "\n";
	}
	if (step.packet && !summary.empty() && named_[step.packet] != summary) {
		named_[step.packet] = summary;
		line += begin("") + painted(cyan, "= " + summary) + "\n";
		while (named_.size() > most_named)
			named_.erase(named_.begin());
	}
	if (step.ends)
		named_.erase(step.packet);

	double ms = static_cast<double>(step.when - start_) / 1e6;
	unsigned depth = step.where == layer::none ? 0 : static_cast<unsigned>(step.where);
	bool bad = !std::strcmp(step.kind, "drop") || !std::strcmp(step.kind, "lost");
	bool decides = !bad && std::strcmp(step.kind, "packet") != 0;
	const char *colour = bad ? red : decides ? yellow : green;
	std::string name = fmt::format("{:<12}", decides ?
							 std::string(layer_name(step.where)) + ":" :
							 printable(step.event));
	line += begin(fmt::format("{:.3f}", ms).c_str()) + std::string(2 * depth, ' ') +
		painted(colour, name) + printable(step.text);
	if (std::string pointers = pointers_text(step); !pointers.empty() && !bad)
		line += painted(dim, "  [" + pointers + "]");
	return line + "\n";
}

} // namespace edu
