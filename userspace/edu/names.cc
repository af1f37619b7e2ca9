// SPDX-License-Identifier: GPL-2.0-only
/*
 * Names and numbers, see names.hh. Hosts come from the C library's resolver (/etc/hosts, DNS), which
 * is asked for AF_INET: the addresses are the same Internet addresses.
 *
 * Locking: none, the tool has one thread.
 */
#include "names.hh"

#include "args.hh"
#include "failure.hh"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netdb.h>
#include <netinet/ether.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <memory>

/* net/if.h and linux/if.h do not like each other; these two are all that is needed of the former. */
extern "C" unsigned int if_nametoindex(const char *name) noexcept;
extern "C" char *if_indextoname(unsigned int index, char *name) noexcept;

namespace edu {

namespace {

/* Reads decimal octets separated by dots. Returns how many, 0 when the text is something else. */
unsigned read_octets(std::string_view text, std::uint32_t &host_order)
{
	unsigned count = 0;

	host_order = 0;
	while (count < 4) {
		unsigned octet = 0;
		auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), octet);

		if (error != std::errc() || octet > 255)
			return 0;
		host_order |= octet << (24 - 8 * count++);
		text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
		if (text.empty())
			return count;
		if (text[0] != '.')
			return 0;
		text.remove_prefix(1);
	}
	return 0;
}

bool resolve_host(const std::string &name, in_addr_t &address)
{
	addrinfo hints{}, *list = nullptr;

	hints.ai_family = AF_INET;
	hints.ai_socktype = SOCK_DGRAM;
	if (getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0)
		return false;
	std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
	address = reinterpret_cast<const sockaddr_in *>(list->ai_addr)->sin_addr.s_addr;
	return true;
}

/* The bits of a mask, or -1 when its ones are not together. */
int length_of(in_addr_t mask)
{
	std::uint32_t host = ntohl(mask);
	int length = __builtin_popcount(host);

	return mask == mask_of(static_cast<unsigned>(length)) ? length : -1;
}

/* A network of /etc/networks: in host order, "127" as 0x7f and "127.0.0.0" as 0x7f000000. Its length
 * follows from its octets, as it did when networks had classes. */
prefix network_of(std::uint32_t number)
{
	unsigned length = number ? 32 : 0;

	while (number && !(number & 0xff000000))
		number <<= 8;
	while (length && !(number & (0xffu << (32 - length))))
		length -= 8;
	return {htonl(number), length, true};
}

unsigned parse_length(const std::string &text)
{
	in_addr_t mask;

	if (is_dotted(text, &mask)) {
		int length = length_of(mask);

		if (length < 0)
			usage_error("`{}` is not a netmask: its ones must stand together", text);
		return static_cast<unsigned>(length);
	}
	return static_cast<unsigned>(parse_number(text, "prefix length", 0, 32));
}

} // namespace

in_addr_t mask_of(unsigned length)
{
	return length ? htonl(~0u << (32 - length)) : 0;
}

bool contains(const prefix &net, in_addr_t address)
{
	return ((net.address ^ address) & mask_of(net.length)) == 0;
}

bool is_dotted(const std::string &text, in_addr_t *address)
{
	std::uint32_t host_order;

	if (read_octets(text, host_order) != 4)
		return false;
	if (address)
		*address = htonl(host_order);
	return true;
}

in_addr_t parse_address(const std::string &text)
{
	in_addr_t address;

	if (is_dotted(text, &address))
		return address;
	/* What looks like a number must not be guessed at, nor sent to a name server. */
	in_addr odd;
	bool a_name = std::any_of(text.begin(), text.end(),
				  [](unsigned char c) { return std::isalpha(c); });
	if (!a_name || inet_aton(text.c_str(), &odd))
		usage_error("`{}` is not an Internet address: write four numbers, as in 10.0.0.1",
			    text);
	if (!resolve_host(text, address))
		usage_error("no host named `{}`: neither /etc/hosts nor DNS knows it", text);
	return address;
}

prefix parse_prefix(const std::string &text)
{
	std::size_t slash = text.find('/');
	std::string head = text.substr(0, slash);
	std::uint32_t host_order;
	prefix result;

	if (text == "default" || text == "any" || text == "all")
		return {0, 0, true};
	if (slash != text.npos) {
		result.length = parse_length(text.substr(slash + 1));
		result.has_length = true;
		if (read_octets(head, host_order)) {
			result.address = htonl(host_order);
			return result;
		}
	}
	if (!is_dotted(head) && slash == text.npos) {
		if (const netent *net = getnetbyname(head.c_str()))
			return network_of(net->n_net);
	}
	result.address = parse_address(head);
	return result;
}

prefix parse_network(const std::string &text)
{
	prefix net = parse_prefix(text);

	if (net.address & ~mask_of(net.length))
		usage_error("`{}` has bits set beyond its length: did you mean {}/{}?", text,
			    show_address(net.address & mask_of(net.length)), net.length);
	return net;
}

std::string show_address(in_addr_t address)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &address, text, sizeof(text));
	return text;
}

std::string show_prefix(in_addr_t address, unsigned length)
{
	if (length == 0)
		return "default";
	if (length >= 32)
		return show_address(address);
	return fmt::format("{}/{}", show_address(address), length);
}

std::string host_name(in_addr_t address)
{
	char name[NI_MAXHOST];
	sockaddr_in where{};

	where.sin_family = AF_INET;
	where.sin_addr.s_addr = address;
	if (getnameinfo(reinterpret_cast<const sockaddr *>(&where), sizeof(where), name,
			sizeof(name), nullptr, 0, NI_NAMEREQD) != 0)
		return {};
	return name;
}

std::vector<std::uint8_t> parse_lladdr(const std::string &text)
{
	std::vector<std::uint8_t> octets;
	ether_addr by_name;
	const char *at = text.data(), *end = text.data() + text.size();

	while (at < end) {
		unsigned octet = 0;
		auto [stop, error] = std::from_chars(at, end, octet, 16);

		if (error != std::errc() || octet > 255 || stop - at > 2)
			break;
		octets.push_back(static_cast<std::uint8_t>(octet));
		at = stop;
		if (at == end)
			break;
		if ((*at != ':' && *at != '-') || at + 1 == end || octets.size() == 8)
			break;
		at++;
	}
	if (at == end && octets.size() > 1)
		return octets;
	if (ether_hostton(text.c_str(), &by_name) == 0)
		return {by_name.ether_addr_octet, by_name.ether_addr_octet + ETH_ALEN};
	usage_error("`{}` is not a hardware address: write six octets, as in 02:00:00:00:00:01",
		    text);
}

std::string show_lladdr(const void *octets, std::size_t length)
{
	const auto *byte = static_cast<const std::uint8_t *>(octets);
	std::string text;

	for (std::size_t i = 0; i < length; i++)
		text += fmt::format("{}{:02x}", i ? ":" : "", byte[i]);
	return text;
}

std::uint16_t parse_port(const std::string &text, const char *protocol)
{
	bool number = !text.empty() && std::all_of(text.begin(), text.end(),
						   [](unsigned char c) { return std::isdigit(c); });

	if (number)
		return static_cast<std::uint16_t>(parse_number(text, "port", 0, 65535));
	if (const servent *service = getservbyname(text.c_str(), protocol))
		return ntohs(static_cast<std::uint16_t>(service->s_port));
	usage_error("no {} service named `{}`: /etc/services lists them", protocol, text);
}

int device_index(const std::string &name)
{
	unsigned index = if_nametoindex(name.c_str());

	if (!index)
		throw failure(exit_negative,
			      fmt::format("no device named {}: `edu link` lists them", name));
	return static_cast<int>(index);
}

namespace {

std::map<int, std::string> known_devices; /* names of devices by index, as far as asked for */

} // namespace

std::string device_name(int index)
{
	auto found = known_devices.find(index);
	char name[IFNAMSIZ];

	if (found != known_devices.end())
		return found->second;
	if (!if_indextoname(static_cast<unsigned>(index), name))
		return fmt::format("if{}", index);
	return known_devices[index] = name;
}

void remember_device(int index, const std::string &name)
{
	known_devices[index] = name;
}

void forget_device(int index)
{
	known_devices.erase(index);
}

void check_device_name(const std::string &name)
{
	bool odd = std::any_of(name.begin(), name.end(), [](unsigned char c) {
		return c == '/' || c == ':' || std::isspace(c);
	});

	if (name.empty() || name.size() >= IFNAMSIZ || odd || name == "." || name == "..")
		usage_error(
			"`{}` is not a name for a device: at most 15 characters, no blank, `/` or `:`",
			name);
}

name_table::name_table(std::map<unsigned, std::string> built_in, const char *file, int base)
	: names_(std::move(built_in)), base_(base)
{
	if (!file)
		return;
	/* Newer packages of iproute2 keep their own files in /usr/share; /etc has the last word. */
	for (const char *folder : {"/usr/share/iproute2/", "/etc/iproute2/"}) {
		std::string path = std::string(folder) + file;
		std::error_code ignored;

		read(path);
		for (const auto &entry : std::filesystem::directory_iterator(path + ".d", ignored))
			if (entry.path().extension() == ".conf")
				read(entry.path());
	}
}

void name_table::read(const std::string &path)
{
	std::ifstream in(path);

	for (std::string line; std::getline(in, line);)
		add_line(line);
}

void name_table::add_line(const std::string &line)
{
	std::size_t begin = line.find_first_not_of(" \t");

	if (begin == line.npos || line[begin] == '#')
		return;
	std::size_t gap = line.find_first_of(" \t", begin);
	if (gap == line.npos)
		return;
	std::string number = line.substr(begin, gap - begin);
	std::size_t name = line.find_first_not_of(" \t", gap);
	if (name == line.npos)
		return;

	char *end = nullptr;
	unsigned long value = std::strtoul(number.c_str(), &end, 0);
	if (*end == '\0')
		names_[static_cast<unsigned>(value)] =
			line.substr(name, line.find_first_of(" \t#\r", name) - name);
}

std::string name_table::name(unsigned number) const
{
	auto found = names_.find(number);

	if (found != names_.end())
		return found->second;
	return base_ == 16 ? fmt::format("0x{:02x}", number) : fmt::format("{}", number);
}

unsigned name_table::number(const std::string &text, std::string_view what, unsigned most) const
{
	char *end = nullptr;
	unsigned long value;

	for (const auto &[number, name] : names_)
		if (name == text)
			return number;
	bool digit = !text.empty() && std::isxdigit(static_cast<unsigned char>(text[0]));
	value = std::strtoul(text.c_str(), &end, base_ == 16 ? 16 : 0);
	if (!digit || *end || value > most)
		usage_error("no {} is called `{}`: give a {}number up to {:#x} or one of its names",
			    what, text, base_ == 16 ? "hexadecimal " : "", most);
	return static_cast<unsigned>(value);
}

const name_table &route_protocols()
{
	static const name_table table({{RTPROT_UNSPEC, "unspec"},
				       {RTPROT_REDIRECT, "redirect"},
				       {RTPROT_KERNEL, "kernel"},
				       {RTPROT_BOOT, "boot"},
				       {RTPROT_STATIC, "static"},
				       {RTPROT_DHCP, "dhcp"},
				       {RTPROT_BIRD, "bird"},
				       {RTPROT_ZEBRA, "zebra"}},
				      "rt_protos", 10);
	return table;
}

const name_table &route_scopes()
{
	static const name_table table({{RT_SCOPE_UNIVERSE, "global"},
				       {RT_SCOPE_SITE, "site"},
				       {RT_SCOPE_LINK, "link"},
				       {RT_SCOPE_HOST, "host"},
				       {RT_SCOPE_NOWHERE, "nowhere"}},
				      "rt_scopes", 10);
	return table;
}

const name_table &route_tables()
{
	static const name_table table({{RT_TABLE_UNSPEC, "unspec"},
				       {RT_TABLE_DEFAULT, "default"},
				       {RT_TABLE_MAIN, "main"},
				       {RT_TABLE_LOCAL, "local"}},
				      "rt_tables", 10);
	return table;
}

const name_table &route_types()
{
	static const name_table table({{RTN_UNSPEC, "none"},
				       {RTN_UNICAST, "unicast"},
				       {RTN_LOCAL, "local"},
				       {RTN_BROADCAST, "broadcast"},
				       {RTN_ANYCAST, "anycast"},
				       {RTN_MULTICAST, "multicast"},
				       {RTN_BLACKHOLE, "blackhole"},
				       {RTN_UNREACHABLE, "unreachable"},
				       {RTN_PROHIBIT, "prohibit"},
				       {RTN_THROW, "throw"}},
				      nullptr, 10);
	return table;
}

const name_table &tos_names()
{
	static const name_table table({}, "rt_dsfield", 16);
	return table;
}

const name_table &operational_states()
{
	static const name_table table({{IF_OPER_UNKNOWN, "UNKNOWN"},
				       {IF_OPER_NOTPRESENT, "NOTPRESENT"},
				       {IF_OPER_DOWN, "DOWN"},
				       {IF_OPER_LOWERLAYERDOWN, "LOWERLAYERDOWN"},
				       {IF_OPER_TESTING, "TESTING"},
				       {IF_OPER_DORMANT, "DORMANT"},
				       {IF_OPER_UP, "UP"}},
				      nullptr, 10);
	return table;
}

namespace {

const struct {
	std::uint16_t state; /* NUD_* */
	const char *name;
} nud_names[] = {
	{NUD_INCOMPLETE, "incomplete"}, {NUD_REACHABLE, "reachable"}, {NUD_STALE, "stale"},
	{NUD_DELAY, "delay"},		{NUD_PROBE, "probe"},	      {NUD_FAILED, "failed"},
	{NUD_NOARP, "noarp"},		{NUD_PERMANENT, "permanent"}, {NUD_NONE, "none"},
};

} // namespace

std::uint16_t parse_nud(const std::string &text)
{
	std::string known;

	for (const auto &entry : nud_names) {
		if (entry.name == text)
			return entry.state;
		known += std::string(known.empty() ? "" : ", ") + entry.name;
	}
	if (!text.empty() && std::isdigit(static_cast<unsigned char>(text[0])))
		return static_cast<std::uint16_t>(parse_number(text, "neighbour state", 0, 255));
	usage_error("`{}` is not a neighbour state; known are {}", text, known);
}

std::vector<std::string> show_nud(unsigned state)
{
	std::vector<std::string> names;

	for (const auto &entry : nud_names) {
		if (!(entry.state & state) && !(entry.state == NUD_NONE && state == NUD_NONE))
			continue;
		std::string name(entry.name);
		std::transform(name.begin(), name.end(), name.begin(), ::toupper);
		names.push_back(name);
	}
	return names;
}

} // namespace edu
