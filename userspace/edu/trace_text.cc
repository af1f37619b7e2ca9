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
	std::string shown;

	for (char c : text)
		if (auto octet = static_cast<unsigned char>(c); octet < 0x20 || octet == 0x7f)
			shown += fmt::format("\\x{:02x}", octet);
		else
			shown += c;
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
	std::string name = fmt::format(
		"{:<12}", decides ? std::string(layer_name(step.where)) + ":" : step.event);
	line += begin(fmt::format("{:.3f}", ms).c_str()) + std::string(2 * depth, ' ') +
		painted(colour, name) + printable(step.text);
	if (std::string pointers = pointers_text(step); !pointers.empty() && !bad)
		line += painted(dim, "  [" + pointers + "]");
	return line + "\n";
}

} // namespace edu
