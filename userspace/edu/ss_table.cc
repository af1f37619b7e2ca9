// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lines of /proc/net/eduinet/tcp, udp, raw and packet, see ss.hh. Their layout is that of
 * module/kernel/proc.c.
 *
 * Locking: none, the tool has one thread.
 */
#include "failure.hh"
#include "ss.hh"

#include <netinet/tcp.h>

#include <sstream>

namespace edu {

namespace {

/* The columns, counted from 0; tx:rx and timer:when are one each. */
enum column {
	column_local = 1,
	column_remote,
	column_state,
	column_queues,
	column_timer,
	column_retransmits,
	column_uid,
	column_probes,
	column_inode,
	column_references,
	column_tcp_bound_if, /* and then NAME:VALUE */
	column_drops = column_tcp_bound_if,
	column_type,
	column_bound_if,
};

struct state_text {
	const char *shown, *name;
};

/* By TCP_*, from 1. */
constexpr state_text state_texts[] = {
	{"UNKNOWN", ""},
	{"ESTAB", "established"},
	{"SYN-SENT", "syn-sent"},
	{"SYN-RECV", "syn-recv"},
	{"FIN-WAIT-1", "fin-wait-1"},
	{"FIN-WAIT-2", "fin-wait-2"},
	{"TIME-WAIT", "time-wait"},
	{"UNCONN", "closed"},
	{"CLOSE-WAIT", "close-wait"},
	{"LAST-ACK", "last-ack"},
	{"LISTEN", "listening"},
	{"CLOSING", "closing"},
};

constexpr unsigned bit(unsigned state)
{
	return 1u << state;
}

unsigned long long number(const std::string &text, int base)
{
	std::size_t used = 0;
	unsigned long long value = std::stoull(text, &used, base);

	if (used != text.size())
		throw std::invalid_argument(text);
	return value;
}

unsigned narrow(const std::string &text, int base)
{
	return static_cast<unsigned>(number(text, base));
}

/* "FIRST:SECOND", both hexadecimal. */
void split_pair(const std::string &text, unsigned &first, unsigned &second)
{
	std::size_t colon = text.find(':');

	if (colon == text.npos)
		throw std::invalid_argument(text);
	first = narrow(text.substr(0, colon), 16);
	second = narrow(text.substr(colon + 1), 16);
}

/* Addresses are written as a number of this machine: in_addr_t is one. */
void split_end(const std::string &text, in_addr_t &address, std::uint16_t &port)
{
	unsigned first, second;

	split_pair(text, first, second);
	address = first;
	port = static_cast<std::uint16_t>(second);
}

socket_line read_line(const std::vector<std::string> &fields, socket_table table)
{
	socket_line line;

	line.table = table;
	split_end(fields.at(column_local), line.local, line.local_port);
	split_end(fields.at(column_remote), line.remote, line.remote_port);
	line.state = narrow(fields.at(column_state), 16);
	split_pair(fields.at(column_queues), line.send_queue, line.receive_queue);
	split_pair(fields.at(column_timer), line.timer, line.timer_ms);
	line.retransmits = narrow(fields.at(column_retransmits), 16);
	line.uid = narrow(fields.at(column_uid), 10);
	line.probes = narrow(fields.at(column_probes), 10);
	line.inode = number(fields.at(column_inode), 10);
	line.references = narrow(fields.at(column_references), 10);
	if (table != socket_table::tcp) {
		line.drops = narrow(fields.at(column_drops), 10);
		line.type = narrow(fields.at(column_type), 10);
		line.bound_if = std::stoi(fields.at(column_bound_if));
		return line;
	}
	line.bound_if = std::stoi(fields.at(column_tcp_bound_if));
	for (std::size_t i = column_tcp_bound_if + 1; i < fields.size(); i++) {
		std::size_t colon = fields[i].find(':');

		if (colon != std::string::npos)
			line.details[fields[i].substr(0, colon)] = fields[i].substr(colon + 1);
	}
	return line;
}

} // namespace

const char *table_name(socket_table table)
{
	switch (table) {
	case socket_table::tcp:
		return "tcp";
	case socket_table::udp:
		return "udp";
	case socket_table::raw:
		return "raw";
	case socket_table::packet:
		break;
	}
	return "packet";
}

std::vector<socket_line> read_sockets(std::istream &in, socket_table table)
{
	std::vector<socket_line> lines;
	std::string text;

	std::getline(in, text); /* the head */
	while (std::getline(in, text)) {
		std::istringstream stream(text);
		std::vector<std::string> fields;

		for (std::string word; stream >> word;)
			fields.push_back(word);
		try {
			lines.push_back(read_line(fields, table));
		} catch (const std::logic_error &) {
			refused("/proc/net/eduinet/{} makes no sense: is this tool as old as the module?",
				table_name(table));
		}
	}
	return lines;
}

const char *state_name(unsigned state)
{
	return state_texts[state < std::size(state_texts) ? state : 0].shown;
}

unsigned states_by_default()
{
	return states_all &
	       ~(bit(TCP_LISTEN) | bit(TCP_CLOSE) | bit(TCP_TIME_WAIT) | bit(TCP_SYN_RECV));
}

unsigned states_named(const std::string &name)
{
	const unsigned connected = states_all & ~(bit(TCP_LISTEN) | bit(TCP_CLOSE));
	const unsigned bucket = bit(TCP_SYN_RECV) | bit(TCP_TIME_WAIT);

	for (unsigned state = 1; state < std::size(state_texts); state++)
		if (name == state_texts[state].name)
			return bit(state);
	if (name == "all")
		return states_all;
	if (name == "connected")
		return connected;
	if (name == "synchronized")
		return connected & ~bit(TCP_SYN_SENT);
	if (name == "bucket")
		return bucket;
	if (name == "big")
		return states_all & ~bucket;
	if (name == "listen")
		return bit(TCP_LISTEN);
	if (name == "close" || name == "unconnected")
		return bit(TCP_CLOSE);
	usage_error(
		"the state `{}` is unknown: established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, "
		"time-wait, closed, close-wait, last-ack, listening, closing, all, connected, "
		"synchronized, bucket, big",
		name);
}

std::string show_timer(unsigned ms)
{
	unsigned minutes = ms / 60000, seconds = ms / 1000 % 60, rest = ms % 1000;
	std::string text;

	/* The longer it is, the less of its tail is of interest. */
	if (minutes) {
		text = fmt::format("{}min", minutes);
		rest = 0;
		if (minutes > 9)
			seconds = 0;
	}
	if (seconds > 9)
		rest = 0;
	if (seconds)
		text += fmt::format("{}{}", seconds, rest ? "." : "sec");
	if (rest)
		text += fmt::format("{:03}ms", rest);
	return text.empty() ? "0ms" : text;
}

} // namespace edu
