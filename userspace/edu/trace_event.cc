// SPDX-License-Identifier: GPL-2.0-only
/*
 * The fields of an event, see trace_event.hh.
 *
 * Locking: none, the tool has one thread.
 */
#include "trace_event.hh"

#include <cctype>

namespace edu {

std::int64_t trace_event::number(const char *key) const
{
	auto found = fields.find(key);

	return found != fields.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

std::string trace_event::text(const char *key) const
{
	auto found = fields.find(key);

	return found != fields.end() && found->is_string() ? found->get<std::string>() : "";
}

std::vector<std::uint8_t> trace_event::octets(const char *key) const
{
	return from_hex(text(key));
}

std::string to_hex(const std::vector<std::uint8_t> &octets)
{
	static const char digits[] = "0123456789abcdef";
	std::string text;

	text.reserve(octets.size() * 2);
	for (std::uint8_t octet : octets) {
		text += digits[octet >> 4];
		text += digits[octet & 15];
	}
	return text;
}

std::vector<std::uint8_t> from_hex(const std::string &text)
{
	std::vector<std::uint8_t> octets;

	for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
		if (!std::isxdigit(static_cast<unsigned char>(text[i])) ||
		    !std::isxdigit(static_cast<unsigned char>(text[i + 1])))
			return {};
		octets.push_back(
			static_cast<std::uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
	}
	return octets;
}

} // namespace edu
