/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Names and numbers, both ways (requirement OVER-2: every tool takes names wherever it takes
 * numbers): hosts, networks, prefixes, services, hardware addresses, devices, and the numbers of
 * rtnetlink. Internet addresses are in network byte order, as struct in_addr has them.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_NAMES_HH
#define EDU_NAMES_HH

#include <netinet/in.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace edu {

/* A network, or a host when length is 32. */
struct prefix {
	in_addr_t address = 0;	 /* network byte order */
	unsigned length = 32;	 /* bits */
	bool has_length = false; /* the length was written */
};

/* A mask of `length` bits, network byte order. */
in_addr_t mask_of(unsigned length);
/* Whether `address` lies in `net`. */
bool contains(const prefix &net, in_addr_t address);

/* "10.0.0.1" or a host's name. Unknown names are a failure. */
in_addr_t parse_address(const std::string &text);
/* "10.0.0.1/24", "10/8", "10.0.0.0/255.0.0.0", "default", "10.0.0.1", a host's or a network's name. */
prefix parse_prefix(const std::string &text);
/* The same, and no bit may be set beyond the length. */
prefix parse_network(const std::string &text);
std::string show_address(in_addr_t address);
/* "10.0.0.0/24"; "default" for length 0; the plain address for length 32. */
std::string show_prefix(in_addr_t address, unsigned length);
/* Four decimal numbers and nothing else? */
bool is_dotted(const std::string &text, in_addr_t *address = nullptr);
/* The host's name by the resolver, or "" when it has none. */
std::string host_name(in_addr_t address);

/* "02:00:00:00:00:01" (up to 8 octets, also written with '-') or a name in /etc/ethers. */
std::vector<std::uint8_t> parse_lladdr(const std::string &text);
std::string show_lladdr(const void *octets, std::size_t length);

/* Port number, or service name for "udp" or "tcp". Host byte order. */
std::uint16_t parse_port(const std::string &text, const char *protocol);

/* Index of a device in this namespace; a failure that says how to list them when there is none. */
int device_index(const std::string &name);
/* Name of a device, "if7" when it is gone. Remembers what it asked. */
std::string device_name(int index);
/* For who hears of changes: the device has this name now; it is gone. */
void remember_device(int index, const std::string &name);
void forget_device(int index);
/* A legal name for a device, else a usage error. */
void check_device_name(const std::string &name);

/* Numbers with names, built in and extended by a file of lines "NUMBER NAME" (# begins a comment). */
class name_table {
public:
	name_table(std::map<unsigned, std::string> built_in, const char *file, int base);

	std::string name(unsigned number) const; /* the number itself when it has no name */
	/* Name or number up to `most`; `what` names the thing in the message. */
	unsigned number(const std::string &text, std::string_view what, unsigned most = 255) const;
	void add_line(const std::string &line);

private:
	void read(const std::string &path);

	std::map<unsigned, std::string> names_;
	int base_; /* of numbers, in the message and on the command line: 10 or 16 */
};

const name_table &route_protocols();	/* RTPROT_*, /etc/iproute2/rt_protos */
const name_table &route_scopes();	/* RT_SCOPE_*, /etc/iproute2/rt_scopes */
const name_table &route_tables();	/* RT_TABLE_*, /etc/iproute2/rt_tables */
const name_table &route_types();	/* RTN_* */
const name_table &tos_names();		/* the TOS octet, /etc/iproute2/rt_dsfield; hexadecimal */
const name_table &operational_states(); /* IF_OPER_* */

/* NUD_* by name ("permanent") or number; and its names, several bits possible. */
std::uint16_t parse_nud(const std::string &text);
std::vector<std::string> show_nud(unsigned state);

} // namespace edu

#endif /* EDU_NAMES_HH */
