// SPDX-License-Identifier: GPL-2.0-only
/* DPDK's rte_fib: the upper reference of fib_bench. In a file of its own, for its headers are C's. */
#include "rte_table.hh"

#include "cpu_clock.hh"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_fib.h>
#include <rte_malloc.h>

#include <cstdio>

static bool start_eal()
{
	const char *words[] = {
		"fib_bench", "--no-huge", "--no-pci", "--no-shconf",	"-l",
		"0",	     "-m",	  "1024",     "--no-telemetry", "--log-level=error"};
	char *arguments[std::size(words) + 1] = {};

	for (std::size_t i = 0; i < std::size(words); i++)
		arguments[i] = const_cast<char *>(words[i]);
	return rte_eal_init(static_cast<int>(std::size(words)), arguments) >= 0;
}

static std::size_t octets_in_use()
{
	rte_malloc_socket_stats stats{};

	rte_malloc_get_socket_stats(0, &stats);
	return stats.heap_allocsz_bytes;
}

rte_table::rte_table(const std::vector<prefixes::prefix> &table)
{
	rte_fib_conf conf{};

	if (!start_eal())
		return;
	conf.type = RTE_FIB_DIR24_8;
	conf.max_routes = static_cast<int>(table.size()) * 2;
	conf.dir24_8.nh_sz = RTE_FIB_DIR24_8_8B;
	conf.dir24_8.num_tbl8 = 4096;
	fib_ = rte_fib_create("bench", 0, &conf);
	if (!fib_) {
		std::fprintf(stderr, "rte_fib_create: %s\n", rte_strerror(rte_errno));
		return;
	}
	auto start = cpu_clock::now();
	for (const prefixes::prefix &one : table)
		if (rte_fib_add(fib_, one.address, one.length, 1 + one.address / 251 % 250)) {
			fib_ = nullptr;
			return;
		}
	ns_to_add_ = cpu_clock::ns_since(start) / static_cast<double>(table.size());
	octets_of_a_route_ =
		static_cast<double>(octets_in_use()) / static_cast<double>(table.size());
}

std::uint64_t rte_table::look_up(std::uint32_t address) const
{
	std::uint64_t next_hop = 0;

	rte_fib_lookup_bulk(fib_, &address, &next_hop, 1);
	return next_hop;
}
