// SPDX-License-Identifier: GPL-2.0-only
/*
 * fib_bench: the FIB with as many routes as the Internet has, in a process.
 *
 * The core is the same source as in the kernel, compiled with -O2 and without sanitizers. Measured:
 * adding every route of a table (prefixes.hh) by edu_core_config_route_add(), the longest single
 * addition, memory for each route, fib_lookup() of addresses at random, by locality (Zipf) and
 * without a route, the same while a second thread deletes and adds routes, the whole way with the
 * route cache in front, and deleting. With --rte the same table in DPDK's rte_fib (DIR24_8, 64-bit
 * next hops), an upper reference: it has next to each address of 24 bits the answer, and nothing else.
 *
 *	fib_bench [--routes N] [--lookups N] [--rounds N] [--json]
 *
 * Times are nanoseconds of the processor (others on the machine do not count, but for the caches they
 * share), medians over the rounds.
 */
#include "cpu_clock.hh"
#include "fib_home.hh"
#include "ip/fib_table.hh"
#include "prefixes.hh"
#include "rte_table.hh"
#include "stack.hh"
#include "test_bridge.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <thread>

namespace {

using prefixes::prefix;

struct plan {
	std::size_t routes = 1000000;
	std::size_t lookups = 4000000;
	unsigned int rounds = 5;
	bool json = false;
};

/* One line of the table. */
class report {
public:
	explicit report(bool json) : json_{json} {}
	~report()
	{
		if (json_)
			std::printf("%s}\n", any_ ? "" : "{");
	}
	void add(const std::string &what, double value, const char *unit)
	{
		if (json_)
			std::printf("%s\"%s\": %.1f", any_ ? ", " : "{", what.c_str(), value);
		else
			std::printf("%-52s %12.1f %s\n", what.c_str(), value, unit);
		any_ = true;
		std::fflush(stdout);
	}

private:
	bool json_;
	bool any_ = false;
};

/* A host with one Ethernet device, 10.0.0.1/24, and 250 gateways on its cable. */
class host {
public:
	host() : cable_{edu_t_cable_new()}, host_{edu_t_host_new()}
	{
		edu_dev_info info = edu_t_ethernet(0);

		ifindex_ = edu_t_dev_new(host_, cable_, &info);
		edu_addr_info addr{};
		addr.ifindex = ifindex_;
		addr.local = addr.peer = edu::be32{0x0a000001}.raw();
		addr.prefix_len = 24;
		edu_t_rtnl_lock(); /* for good */
		edu_core_config_addr_add(stack(), &addr, EDU_CONFIG_CREATE);
	}

	edu_stack *stack() const { return edu_t_stack(host_); }

	bool change(const prefix &one, bool add)
	{
		edu_route_info route{};

		route.destination = edu::be32{one.address}.raw();
		route.prefix_len = one.length;
		route.gateway = edu::be32{0x0a000002 + one.address / 251 % 250}.raw();
		route.type = 1;
		route.protocol = 4;
		int error = add ? edu_core_config_route_add(stack(), &route,
							    EDU_CONFIG_CREATE | EDU_CONFIG_EXCL) :
				  edu_core_config_route_del(stack(), &route);

		fib_home::maybe_grace_period();
		return !error;
	}

private:
	edu_t_cable *cable_;
	edu_t_host *host_;
	int ifindex_ = 0;
};

/* Nanoseconds for each address. */
template <typename look_up>
double time_of(const std::vector<std::uint32_t> &addresses, look_up each)
{
	auto start = cpu_clock::now();
	std::uintptr_t sum = 0;

	for (std::uint32_t address : addresses)
		sum += each(address);
	asm volatile("" : : "r"(sum));
	return cpu_clock::ns_since(start) / static_cast<double>(addresses.size());
}

template <typename measure>
double median(unsigned int rounds, measure once)
{
	std::vector<double> all;

	for (unsigned int i = 0; i < rounds; i++)
		all.push_back(once());
	std::sort(all.begin(), all.end());
	return all[all.size() / 2];
}

/* What is asked for, made once for all tables. */
struct questions {
	std::vector<std::uint32_t> random, zipf, misses;
};

void measure_lookups(const plan &p, const questions &asked, const std::string &who, report &out,
		     auto look_up)
{
	auto one = [&](const char *what, const std::vector<std::uint32_t> &addresses) {
		out.add(who + ", " + what,
			median(p.rounds, [&] { return time_of(addresses, look_up); }), "ns");
	};

	one("look-up at random", asked.random);
	one("look-up by locality", asked.zipf);
	one("look-up without a route", asked.misses);
}

void load(host &h, const std::vector<prefix> &table, report &out)
{
	double longest = 0, sum = 0;
	std::size_t before = fib_home::octets_in_use();

	for (const prefix &one : table) {
		auto start = cpu_clock::now();
		if (!h.change(one, true))
			throw std::runtime_error("a route could not be added");
		double took = cpu_clock::ns_since(start);
		sum += took;
		longest = std::max(longest, took);
	}
	fib_home::grace_period();
	auto count = static_cast<double>(table.size());
	out.add("eduinet, adding a route", sum / count, "ns");
	out.add("eduinet, the longest addition", longest / 1000, "us");
	out.add("eduinet, memory of a route",
		static_cast<double>(fib_home::octets_in_use() - before) / count, "octets");
}

/* Look-ups in a thread of their own while this one deletes routes and adds them again. */
void measure_churn(host &h, const std::vector<prefix> &table, const questions &asked, report &out)
{
	const edu::fib_state &fib = h.stack()->fib;
	std::atomic<bool> stop = false;
	double took = 0;

	fib_home::reading = true;
	std::thread reader([&] {
		double sum = 0;
		unsigned int rounds = 0;

		while (!stop) {
			sum += time_of(asked.random, [&](std::uint32_t address) {
				fib_home::reader_turns.fetch_add(1, std::memory_order_relaxed);
				return std::uintptr_t{
					!!edu::fib_lookup(fib, edu::be32{address}, 0, 0).node};
			});
			rounds++;
		}
		took = sum / rounds;
		fib_home::reading = false;
	});
	auto start = cpu_clock::now();
	std::size_t changes = 0;

	while (cpu_clock::ns_since(start) < 2e9) {
		const prefix &one = table[changes++ * 7919 % table.size()];

		h.change(one, false);
		h.change(one, true);
	}
	double each = cpu_clock::ns_since(start) / static_cast<double>(changes) / 2;
	stop = true;
	reader.join();
	fib_home::grace_period();
	out.add("eduinet, look-up at random, routes changing", took, "ns");
	out.add("eduinet, a change, look-ups going on", each, "ns");
}

void measure_cache(const plan &p, host &h, const questions &asked, report &out)
{
	auto by_cache = [&](std::uint32_t address) {
		edu_route_info route{};

		route.destination = edu::be32{address}.raw();
		edu_core_config_route_get(h.stack(), &route);
		fib_home::maybe_grace_period();
		return std::uintptr_t{route.gateway};
	};
	std::vector<std::uint32_t> few(asked.zipf.begin(), asked.zipf.begin() + 1000), often, scan;

	for (std::size_t i = 0; i < 200000; i++) {
		often.push_back(few[i % few.size()]);
		scan.push_back(asked.zipf[i] ^ static_cast<std::uint32_t>(i & 0xff));
	}
	out.add("eduinet, route cache, 1,000 destinations in turn",
		median(p.rounds, [&] { return time_of(often, by_cache); }), "ns");
	out.add("eduinet, route cache, a scan",
		median(p.rounds, [&] { return time_of(scan, by_cache); }), "ns");
}

void run(const plan &p)
{
	prefixes::generator chance;
	std::vector<prefix> table = chance.table(p.routes);
	questions asked{chance.uniform(p.lookups), chance.zipf(p.lookups, table),
			chance.misses(p.lookups)};
	report out{p.json};
	host h;
	const edu::fib_state &fib = h.stack()->fib;
	auto look_up = [&](std::uint32_t address) {
		return reinterpret_cast<std::uintptr_t>(
			edu::fib_lookup(fib, edu::be32{address}, 0, 0).info);
	};

	load(h, table, out);
	measure_lookups(p, asked, "eduinet", out, look_up);
	measure_churn(h, table, asked, out);
	measure_cache(p, h, asked, out);
	auto start = cpu_clock::now();
	for (std::size_t i = 1000; i < table.size(); i++)
		h.change(table[i], false);
	fib_home::grace_period();
	out.add("eduinet, deleting a route",
		cpu_clock::ns_since(start) / static_cast<double>(table.size() - 1000), "ns");

	rte_table reference{table};
	if (!reference.works()) {
		std::fprintf(stderr, "fib_bench: no rte_fib here\n");
		return;
	}
	out.add("rte_fib, adding a route", reference.ns_to_add(), "ns");
	out.add("rte_fib, memory of a route", reference.octets_of_a_route(), "octets");
	measure_lookups(p, asked, "rte_fib", out, [&](std::uint32_t address) {
		return static_cast<std::uintptr_t>(reference.look_up(address));
	});
}

} // namespace

int main(int argc, char **argv)
{
	plan p;
	CLI::App app{"Measures the FIB in a process"};

	app.add_option("--routes", p.routes, "prefixes in the table");
	app.add_option("--lookups", p.lookups, "look-ups of each kind");
	app.add_option("--rounds", p.rounds, "measurements of which the median is shown");
	app.add_flag("--json", p.json, "one JSON object");
	CLI11_PARSE(app, argc, argv);
	if (edu_core_init())
		return 1;
	run(p);
	std::fflush(stdout);
	std::_Exit(0); /* the host is left as it is */
}
