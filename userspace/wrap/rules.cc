// SPDX-License-Identifier: GPL-2.0-only
/*
 * The settings of `edu run`, see rules.hh. Shared by the tool and the preload library; the latter runs
 * in programs of any kind, so nothing here allocates or throws.
 *
 * Locking: none.
 */
#include "rules.hh"

#include <arpa/inet.h>
#include <sys/socket.h>

namespace edu::wrap {

namespace {

/* Parts of a text; substr() could throw. A position of npos is the text's end. */
std::string_view before(std::string_view text, std::size_t at)
{
	return {text.data(), at < text.size() ? at : text.size()};
}

std::string_view behind(std::string_view text, std::size_t at)
{
	text.remove_prefix(at < text.size() ? at + 1 : text.size());
	return text;
}

/* A decimal number of at most `most`; false when the text is anything else. */
bool read_number(std::string_view text, unsigned long most, unsigned long &value)
{
	value = 0;
	if (text.empty() || text.size() > 9)
		return false;
	for (char c : text) {
		if (c < '0' || c > '9')
			return false;
		value = value * 10 + static_cast<unsigned long>(c - '0');
	}
	return value <= most;
}

/* Four decimal numbers with dots between them, in network byte order. */
bool read_address(std::string_view text, in_addr_t &address)
{
	in_addr_t found = 0;

	for (int i = 0; i < 4; i++) {
		auto dot = i < 3 ? text.find('.') : text.size();
		unsigned long octet;

		if (dot == text.npos || !read_number(before(text, dot), 255, octet))
			return false;
		found = found << 8 | static_cast<in_addr_t>(octet);
		text = behind(text, dot);
	}
	address = htonl(found);
	return true;
}

/* "10.0.0.0/24", "10.0.0.9", "53", "53/udp". */
bool read_exception(std::string_view text, exception &found)
{
	auto slash = text.find('/');
	auto first = before(text, slash), second = behind(text, slash);
	unsigned long number;

	found = {};
	if (slash != text.npos && second.empty())
		return false;
	if (first.find('.') != first.npos) {
		number = 32;
		if (!read_address(first, found.address) ||
		    (!second.empty() && !read_number(second, 32, number)))
			return false;
		found.mask = number ? htonl(~in_addr_t(0) << (32 - number)) : 0;
		found.address &= found.mask;
		return true;
	}
	if (!read_number(first, 65535, number) || number == 0)
		return false;
	found.port = static_cast<std::uint16_t>(number);
	if (second == "tcp")
		found.protocol = IPPROTO_TCP;
	else if (second == "udp")
		found.protocol = IPPROTO_UDP;
	return second.empty() || found.protocol;
}

bool take_only(settings &into, std::string_view what)
{
	constexpr struct {
		std::string_view name;
		int type;
	} types[] = {{"stream", SOCK_STREAM},
		     {"dgram", SOCK_DGRAM},
		     {"raw", SOCK_RAW},
		     {"packet", SOCK_PACKET}};

	for (const auto &entry : types)
		if (what == entry.name) {
			into.types |= 1U << entry.type;
			return true;
		}
	if (what == "server" && into.servers) {
		into.clients = false;
		return true;
	}
	if (what == "client" && into.clients) {
		into.servers = false;
		return true;
	}
	return false;
}

} // namespace

bool settings::wants_type(int type) const
{
	return !types || (type >= 0 && type < 31 && (types & 1U << type));
}

bool settings::excepts(in_addr_t address, in_port_t port, int protocol) const
{
	for (unsigned i = 0; i < exception_count; i++) {
		const exception &entry = exceptions[i];

		if ((address & entry.mask) == entry.address &&
		    (!entry.port || entry.port == ntohs(port)) &&
		    (!entry.protocol || entry.protocol == protocol))
			return true;
	}
	return false;
}

bool take_word(settings &into, std::string_view word)
{
	auto equals = word.find('=');
	auto key = before(word, equals), value = behind(word, equals);
	unsigned long number;

	if (key == "only")
		return take_only(into, value);
	if (key == "family" && read_number(value, 255, number)) {
		into.family = static_cast<int>(number);
		return true;
	}
	if (key == "inet6" && value == "linux") {
		into.linux_inet6 = true;
		return true;
	}
	exception found;
	if (key != "except" || into.exception_count == settings::most_exceptions ||
	    !read_exception(value, found))
		return false;
	into.exceptions[into.exception_count++] = found;
	return true;
}

settings read_settings(std::string_view text)
{
	settings found;

	while (!text.empty()) {
		auto end = text.find(' ');

		take_word(found, before(text, end));
		text = behind(text, end);
	}
	return found;
}

} // namespace edu::wrap
