// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu`, the tool: sees, configures and tries out the EDUINET stack, in the manner of iproute2. The
 * manual is Documentation/tools/edu.rst. Global options stand before the command; each command is in
 * a file of its name.
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"
#include "failure.hh"
#include "options.hh"

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace {

constexpr const char *version = "0.1";

const edu::command commands[] = {
	{"link", "devices, the virtual Ethernet and its segments", edu::run_link},
	{"addr address", "Internet addresses of interfaces", edu::run_addr},
	{"route r", "routes of the FIB, and the route cache", edu::run_route},
	{"neigh neighbour neighbor", "neighbours: the ARP table", edu::run_neigh},
	{"maddr maddress", "groups that interfaces hear (multicast)", edu::run_maddr},
	{"rarp", "reverse ARP: ask for an address, or answer those who ask", edu::run_rarp},
	{"monitor", "tell of changes as they happen", edu::run_monitor},
	{"ping", "ask a host to echo", edu::run_ping},
	{"traceroute", "the routers on the way to a host", edu::run_traceroute},
	{"tracepath", "the same, and the path MTU; needs no privilege", edu::run_tracepath},
	{"nc", "exchange a stream or datagrams with a host", edu::run_nc},
	{"run", "start a program whose AF_INET sockets are EDUINET's", edu::run_run},
	{"ss", "sockets: their ends, states, queues, timers", edu::run_ss},
	{"trace", "follow packets through the layers, live or recorded", edu::run_trace},
	{"stat", "counters of the stack", edu::run_stat},
	{"tour", "the exercises of the guided tour", edu::run_tour},
};

std::string usage(const CLI::App &app)
{
	return "usage: edu [OPTION…] COMMAND …\nSees and configures EDUINET, the address family of the "
	       "TLK chapter.\n\ncommands (may be abbreviated; `edu COMMAND help` tells more):\n" +
	       edu::help_of_commands(commands) + "  help       this text\n" +
	       CLI::Formatter().make_groups(&app, CLI::AppFormatMode::Normal);
}

int run_command(edu::context &ctx, const CLI::App &app, edu::words &in)
{
	std::vector<std::string_view> names;

	for (const auto &entry : commands)
		names.push_back(entry.names);
	names.push_back("help");

	if (in.empty()) {
		std::cerr << usage(app);
		return edu::exit_negative;
	}
	std::string word = in.take();
	if (word.starts_with("-"))
		edu::usage_error("the option {} is unknown: `edu -h` lists them", word);
	int found = edu::find_name(names, word, "command");
	if (found < 0)
		edu::usage_error("the command `{}` is unknown: `edu help` lists them", word);
	if (static_cast<std::size_t>(found) == std::size(commands)) {
		std::cout << usage(app);
		return edu::exit_ok;
	}
	return commands[found].run(ctx, in);
}

/* Last word first, as CLI11 wants them. -br would be two options: it is --brief, as ip has it. */
std::vector<std::string> global_options(int argc, char **argv)
{
	std::vector<std::string> list(argv + 1, argv + argc);

	for (std::size_t i = 0; i < list.size() && list[i].starts_with("-"); i++) {
		if (list[i] == "-br")
			list[i] = "--brief";
		else if (list[i] == "-n" || list[i] == "--netns" || list[i] == "--family")
			i++;
	}
	std::reverse(list.begin(), list.end());
	return list;
}

int run(int argc, char **argv)
{
	CLI::App app("", "edu");
	edu::context ctx;
	std::string network_namespace;
	bool show_version = false, only_inet = false;

	app.prefix_command();
	app.set_help_flag("-h,--help", "this text");
	app.add_flag("-V,--version", show_version, "print the version");
	app.add_flag("-j,--json", ctx.json, "print JSON, with iproute2's keys");
	app.add_flag("-p,--pretty", ctx.pretty, "JSON with line breaks");
	app.add_flag("-s,--stats,--statistics", ctx.statistics, "print more numbers");
	app.add_flag("-d,--details", ctx.details, "print more about each thing");
	app.add_flag("-b,--brief", ctx.brief, "devices and addresses in columns (also -br)");
	app.add_flag("-o,--oneline", ctx.one_line,
		     "each thing in one line, its parts joined by \\");
	app.add_flag("-4", only_inet, "nothing but IPv4, which is all there is");
	app.add_flag("-t,--timestamp", ctx.timestamp, "monitor: when it happened");
	app.add_flag("-T,--tshort", ctx.short_timestamp, "the same, shorter");
	app.add_option("-n,--netns", network_namespace, "work in the network namespace NAME")
		->type_name("NAME");
	/* For developers: `edu --family 2 …` talks to Linux's own stack. */
	app.add_option("--family", ctx.family)->group("");
	try {
		app.parse(global_options(argc, argv));
	} catch (const CLI::CallForHelp &) {
		std::cout << usage(app);
		return edu::exit_ok;
	} catch (const CLI::ParseError &error) {
		edu::usage_error("{}: `edu -h` lists the options", error.what());
	}
	if (show_version) {
		std::cout << "edu utility, EDUINET " << version << "\n";
		return edu::exit_ok;
	}
	ctx.own_family = ctx.family == 0;
	if (ctx.own_family)
		ctx.family = edu::eduinet_family();
	if (!network_namespace.empty())
		edu::enter_namespace(network_namespace);
	edu::words in(app.remaining());
	return run_command(ctx, app, in);
}

} // namespace

int main(int argc, char **argv)
{
	int status;

	try {
		status = run(argc, argv);
	} catch (const edu::failure &bad) {
		std::cout.flush();
		std::fprintf(stderr, "edu: %s\n", bad.what());
		return bad.status();
	} catch (const std::exception &bad) {
		std::fprintf(stderr, "edu: %s\n", bad.what());
		return edu::exit_negative;
	}
	std::cout.flush();
	if (!std::cout || std::fflush(stdout) != 0) {
		std::fprintf(stderr, "edu: the output could not be written completely\n");
		return edu::exit_refused;
	}
	return status;
}
