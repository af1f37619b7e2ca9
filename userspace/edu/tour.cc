// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu tour`: the exercises of the guided tour (Documentation/tour). Whether one is done is read off the
 * stack of this network namespace, from the files of /proc/net/eduinet; no answer is kept here.
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"
#include "failure.hh"
#include "names.hh"
#include "output.hh"
#include "ss.hh"
#include "stat.hh"

#include <netinet/tcp.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

namespace edu {

namespace {

using row = std::vector<std::string>;

std::ifstream open_table(const std::string &name)
{
	std::ifstream file("/proc/net/eduinet/" + name);

	if (!file)
		refused("/proc/net/eduinet/{} cannot be read: is the module loaded?", name);
	return file;
}

/* Lines of a table without its head, as words. Lines with fewer than `columns` are left out. */
std::vector<row> rows_of(const std::string &name, std::size_t columns)
{
	std::ifstream file = open_table(name);
	std::vector<row> rows;
	std::string line;

	std::getline(file, line);
	while (std::getline(file, line)) {
		std::istringstream words(line);
		row fields{std::istream_iterator<std::string>(words), {}};

		if (fields.size() >= columns)
			rows.push_back(std::move(fields));
	}
	return rows;
}

/* An address as route and rt_cache write it: a number of this machine, hexadecimal. */
std::string hexadecimal(const char *address)
{
	return fmt::format("{:08X}", parse_address(address));
}

/* The sockets of a table that a program has, and for which is_wanted() holds. */
template <class condition>
long count_sockets(socket_table table, condition is_wanted)
{
	std::ifstream file = open_table(table_name(table));
	std::vector<socket_line> lines = read_sockets(file, table);

	return std::count_if(lines.begin(), lines.end(), [&](const socket_line &line) {
		return line.inode && is_wanted(line);
	});
}

unsigned long long counter_value(std::string_view name)
{
	std::ifstream file = open_table("snmp");

	for (const counter &one : read_counters(file))
		if (one.name == name)
			return one.value;
	refused("the module has no counter {}", name);
}

/* Columns of rt_cache and route. */
enum { rt_destination = 1, rt_gateway, rt_references = 4, rt_source = 6, rt_in = 13, rt_header };
enum { fib_destination = 1, fib_gateway, fib_metric = 6, fib_mask };

/* Cached routes of packets of our own. */
std::vector<row> cached_routes(const char *destination)
{
	std::vector<row> found;

	for (row &route : rows_of("rt_cache", rt_header + 1))
		if (route[rt_destination] == hexadecimal(destination) && route[rt_in] == "-")
			found.push_back(std::move(route));
	return found;
}

/*
 * The exercises. Each function returns what is missing, a sentence behind "not yet: ", or nothing when
 * it is done. Those with an answer return the answer, or throw when it cannot be known yet.
 */

[[noreturn]] void not_yet(const std::string &what)
{
	throw failure(exit_negative, "not yet: " + what);
}

std::string next_hops_address()
{
	for (const row &route : cached_routes("10.2.0.2"))
		if (route[rt_header].size() >= 17)
			return route[rt_header].substr(0, 17);
	not_yet("no route to 10.2.0.2 with a hardware header is in the cache: send something there");
}

std::string software_mtu()
{
	for (const row &interface : rows_of("interfaces", 4))
		if (interface[0] == "edulo")
			return interface[3];
	not_yet("this host has no device edulo");
}

std::string raw_socket()
{
	if (count_sockets(socket_table::raw,
			  [](const socket_line &s) { return s.local_port == 89; }))
		return "";
	return "no program has a RAW socket of protocol 89";
}

std::string one_of_each()
{
	auto any = [](const socket_line &) { return true; };
	std::string missing;

	for (auto table : {socket_table::tcp, socket_table::udp, socket_table::raw})
		if (!count_sockets(table, any))
			missing += (missing.empty() ? "" : ", ") + std::string(table_name(table));
	return missing.empty() ? "" : "no socket of " + missing;
}

std::string bound_to_loopback()
{
	bool anywhere = false;

	if (count_sockets(socket_table::udp, [&](const socket_line &s) {
		    anywhere |= s.local_port == 4000;
		    return s.local_port == 4000 && s.local == htonl(INADDR_LOOPBACK);
	    }))
		return "";
	return anywhere ? "the socket at port 4000 is not bound to 127.0.0.1" :
			  "no UDP socket is bound to port 4000";
}

std::string half_closed()
{
	if (count_sockets(socket_table::tcp,
			  [](const socket_line &s) { return s.state == TCP_CLOSE_WAIT; }))
		return "";
	return "no TCP connection is in CLOSE-WAIT";
}

std::string caller_waits()
{
	if (count_sockets(socket_table::tcp, [](const socket_line &s) {
		    return s.state == TCP_LISTEN && s.receive_queue > 0;
	    }))
		return "";
	return "nobody waits on the receive_queue of a listener";
}

std::string two_accepted()
{
	std::map<unsigned, int> accepted; /* port: connections that a program has */

	count_sockets(socket_table::tcp, [&](const socket_line &s) {
		return s.state == TCP_ESTABLISHED && ++accepted[s.local_port];
	});
	if (count_sockets(socket_table::tcp, [&](const socket_line &s) {
		    return s.state == TCP_LISTEN && accepted[s.local_port] >= 2;
	    }))
		return "";
	return "no listener has two connections that were accepted";
}

std::string octets_wait()
{
	if (count_sockets(socket_table::udp,
			  [](const socket_line &s) { return s.receive_queue >= 1000; }))
		return "";
	return "the receive_queue of no UDP socket costs 1,000 octets";
}

std::string unknown_protocol()
{
	return counter_value("IpDropUnknownProtocol") ? "" : "IpDropUnknownProtocol is 0";
}

std::string other_source()
{
	for (const row &route : cached_routes("10.0.0.2"))
		if (route[rt_source] == hexadecimal("10.0.0.9"))
			return "";
	return "no cached route to 10.0.0.2 has the source 10.0.0.9";
}

std::string first_is_missing()
{
	std::vector<row> waiting = rows_of("fragments", 5);

	if (std::any_of(waiting.begin(), waiting.end(),
			[](const row &ipq) { return ipq[4] == "0"; }))
		return "";
	return waiting.empty() ? "no datagram waits for fragments" :
				 "of every datagram that waits the first fragment is there";
}

std::string known_for_ever()
{
	for (const row &entry : rows_of("arp", 7))
		if (entry[0] == "10.0.0.77" && entry[3] == "02:00:00:00:00:77" &&
		    entry[6] == "permanent")
			return "";
	return "the table has no permanent entry of 10.0.0.77 with 02:00:00:00:00:77";
}

std::string two_ways()
{
	std::map<std::string, int> metrics; /* by gateway */

	for (const row &node : rows_of("route", fib_mask + 1))
		if (node[fib_destination] == hexadecimal("10.9.0.0") &&
		    node[fib_mask] == hexadecimal("255.255.0.0"))
			metrics[node[fib_gateway]] = std::stoi(node[fib_metric]);
	auto router = metrics.find(hexadecimal("10.0.0.254"));
	auto linux_host = metrics.find(hexadecimal("10.0.0.2"));
	if (router == metrics.end() || linux_host == metrics.end())
		return fmt::format("the FIB has no route to 10.9.0.0/16 via {}",
				   router == metrics.end() ? "10.0.0.254" : "10.0.0.2");
	return router->second < linux_host->second ?
		       "" :
		       "the route via 10.0.0.254 has not the least metric";
}

std::string route_in_use()
{
	for (const row &route : cached_routes("10.2.0.2"))
		if (route[rt_references] != "0")
			return "";
	return "no cached route to 10.2.0.2 has a reference";
}

struct exercise {
	const char *page;
	bool has_answer; /* find() returns it; else what is missing */
	std::string (*find)();
	const char *task;
};

/* In the order of the pages. */
const exercise exercises[] = {
	{"overview", true, next_hops_address,
	 "Which hardware address stands in front of packets to 10.2.0.2?"},
	{"layers", true, software_mtu,
	 "How many octets does a packet have at most on the device that is software alone?"},
	{"bsd-sockets", false, raw_socket, "Let a program have a RAW socket of protocol 89."},
	{"inet-sockets", false, one_of_each, "Have sockets of TCP, UDP and RAW at the same time."},
	{"bind", false, bound_to_loopback,
	 "Bind a UDP socket to port 4000, for callers of this host alone."},
	{"connect", false, half_closed, "Bring a connection into CLOSE-WAIT, and leave it there."},
	{"listen", false, caller_waits, "Let a caller wait on the receive_queue of a listener."},
	{"accept", false, two_accepted, "Have two connections accepted from one listener."},
	{"sk-buffs", false, octets_wait,
	 "Let packets that cost 1,000 octets or more wait on the receive_queue of a UDP socket."},
	{"receiving", false, unknown_protocol,
	 "Have a packet thrown away because nobody knows its protocol."},
	{"sending", false, other_source, "Let packets to 10.0.0.2 have the source 10.0.0.9."},
	{"fragments", false, first_is_missing,
	 "Let a datagram wait here whose first fragment has not come."},
	{"arp", false, known_for_ever,
	 "Let the table know for ever that 10.0.0.77 is at 02:00:00:00:00:77."},
	{"fib", false, two_ways,
	 "Have two routes to 10.9.0.0/16, of which that via 10.0.0.2 serves when 10.0.0.254 fails."},
	{"route-cache", false, route_in_use, "Let somebody hold the cached route to 10.2.0.2."},
};

struct tour_wishes {
	std::string page, value;
};

void want_page(tour_wishes &w, const std::string &value)
{
	w.page = value;
}

const keyword<tour_wishes> check_keywords[] = {
	{{"page", "PAGE", "the page with the exercise", true}, want_page},
};

const keyword<tour_wishes> answer_keywords[] = {
	{{"page", "PAGE", "the page with the question", true}, want_page},
	{{"value", "VALUE", "the answer"},
	 [](tour_wishes &w, const std::string &value) { w.value = value; }},
};

const exercise &exercise_of(const tour_wishes &w)
{
	for (const exercise &one : exercises)
		if (w.page == one.page)
			return one;
	usage_error("there is no page `{}`: `edu tour` lists them", w.page);
}

std::string exercise_text(const record &item)
{
	return fmt::format("{:<14}{}\n", value_of(item, "page"), value_of(item, "task"));
}

int list(context &ctx, tour_wishes &w)
{
	record_list shown(ctx, std::cout, exercise_text);

	if (!w.page.empty())
		exercise_of(w);
	for (const exercise &one : exercises)
		if (w.page.empty() || w.page == one.page)
			shown.add({{"page", one.page},
				   {"task", one.task},
				   {"answer", one.has_answer}});
	shown.finish();
	return exit_ok;
}

int report(context &ctx, const exercise &one)
{
	record_list shown(ctx, std::cout,
			  [](const record &item) { return value_of(item, "page") + ": done\n"; });

	shown.add({{"page", one.page}, {"done", true}});
	shown.finish();
	return exit_ok;
}

int check(context &ctx, tour_wishes &w)
{
	const exercise &one = exercise_of(w);

	if (one.has_answer)
		usage_error("this exercise is a question: `edu tour answer {} VALUE`", one.page);
	std::string missing = one.find();
	if (!missing.empty())
		not_yet(missing);
	return report(ctx, one);
}

int answer(context &ctx, tour_wishes &w)
{
	const exercise &one = exercise_of(w);

	if (!one.has_answer)
		usage_error("this exercise is something to do: `edu tour check {}`", one.page);
	if (w.value.empty())
		usage_error("write `edu tour answer {} VALUE`", one.page);
	if (w.value != one.find())
		not_yet("the stack says something else");
	return report(ctx, one);
}

const action actions[] = {
	{"list show lst ls", "the pages of the tour and their exercises", check_keywords, list},
	{"check", "see whether an exercise is done", check_keywords, check},
	{"answer", "answer the question of a page", answer_keywords, answer},
};

} // namespace

/* `answer PAGE VALUE`, though a table has but one keyword that may be left away. */
int run_tour(context &ctx, words &in)
{
	std::vector<std::string> rest = in.rest();

	if (rest.size() == 3 && abbreviates("answer", rest[0]))
		rest.insert(rest.begin() + 2, "value");
	words all(rest);
	return run_action(ctx, "tour", actions, all);
}

} // namespace edu
