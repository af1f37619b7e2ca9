// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu ping`: asks a host to echo. Output and exit status follow ping(8): 0 answers came, 1 none
 * came, 2 anything else. The work is done in pinger.cc.
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"
#include "failure.hh"
#include "names.hh"
#include "options.hh"
#include "pinger.hh"

namespace edu {

namespace {

void add_options(CLI::App &app, ping_options &o, std::string &tos)
{
	app.add_option("HOST", o.host, "host name or Internet address")->required();
	app.add_option("-c", o.count, "stop after N requests")
		->type_name("N")
		->check(between(1, 0x7fffffff));
	app.add_option("-i", o.interval, "seconds between requests, default 1")
		->type_name("S")
		->check(seconds());
	app.add_option("-s", o.size, "octets of data, default 56")
		->type_name("SIZE")
		->check(between(0, 65507));
	app.add_option("-W", o.wait, "seconds to wait for the last answer")
		->type_name("S")
		->check(seconds());
	app.add_option("-w", o.deadline, "stop after S seconds")->type_name("S")->check(seconds());
	app.add_option("-t", o.ttl, "time to live")->type_name("TTL")->check(between(1, 255));
	app.add_option("-Q", tos, "type of service, hexadecimal or a name")->type_name("TOS");
	app.add_option("-I", o.source, "device to use, or source address")->type_name("DEV|ADDR");
	app.add_flag("-q", o.quiet, "print the first and the closing lines only");
	app.add_flag("-n", o.numeric, "print numbers, ask for no names");
	app.add_flag("-b", o.broadcast, "permit a broadcast address");
}

} // namespace

int run_ping(context &ctx, words &in)
{
	CLI::App app(
		"send ICMP echo requests and print the answers; status 0: answers came, 1: none, "
		"2: it could not be tried",
		"edu ping");
	ping_options options;
	std::string tos;

	add_options(app, options, tos);
	try {
		if (auto status = parse_options(app, in))
			return *status;
		if (!tos.empty())
			options.tos = static_cast<int>(tos_names().number(tos, "TOS"));
		/* Who names a host by its number wants to see numbers. */
		options.numeric |= is_dotted(options.host);
		return pinger(ctx, options).run();
	} catch (const failure &bad) {
		throw failure(exit_refused, bad.what()); /* 1 says "no answer" here */
	}
}

} // namespace edu
