// SPDX-License-Identifier: GPL-2.0-only
/*
 * DPDK's rte_fib with the same table, without huge pages and without devices; no root is needed.
 * See rte_table.cc.
 */
#pragma once

#include "prefixes.hh"

struct rte_fib;

class rte_table {
public:
	explicit rte_table(const std::vector<prefixes::prefix> &table);
	rte_table(const rte_table &) = delete;

	bool works() const { return fib_; }
	double ns_to_add() const { return ns_to_add_; }
	double octets_of_a_route() const { return octets_of_a_route_; }
	/* The next hop, 0 when there is none. */
	std::uint64_t look_up(std::uint32_t address) const;

private:
	rte_fib *fib_ = nullptr;
	double ns_to_add_ = 0;
	double octets_of_a_route_ = 0;
};
