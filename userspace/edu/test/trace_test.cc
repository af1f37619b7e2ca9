// SPDX-License-Identifier: GPL-2.0-only
/* What traceroute and tracepath print: traceroute.hh, tracepath.hh. */
#include "names.hh"
#include "tracepath.hh"
#include "traceroute.hh"

#include <gtest/gtest.h>
#include <netinet/ip_icmp.h>

#include <cerrno>
#include <vector>

using namespace edu;

namespace {

sock_extended_err icmp_error(unsigned type, unsigned code, int error, unsigned info = 0)
{
	sock_extended_err result{};

	result.ee_origin = SO_EE_ORIGIN_ICMP;
	result.ee_type = static_cast<std::uint8_t>(type);
	result.ee_code = static_cast<std::uint8_t>(code);
	result.ee_errno = static_cast<std::uint32_t>(error);
	result.ee_info = info;
	return result;
}

sock_extended_err local_error(int error, unsigned info = 0)
{
	sock_extended_err result{};

	result.ee_origin = SO_EE_ORIGIN_LOCAL;
	result.ee_errno = static_cast<std::uint32_t>(error);
	result.ee_info = info;
	return result;
}

probe answered(const char *from, double milliseconds, const char *mark = "")
{
	probe result;

	result.from = parse_address(from);
	result.milliseconds = milliseconds;
	result.mark = mark;
	return result;
}

std::string line(const std::vector<probe> &hop, unsigned ttl)
{
	std::string text;

	for (std::size_t i = 0; i < hop.size(); i++)
		text += probe_text(hop, i, ttl, show_address);
	return text;
}

} // namespace

TEST(traceroute, marks_are_those_of_traceroute_8)
{
	EXPECT_EQ(trace_mark(icmp_error(ICMP_TIME_EXCEEDED, 0, EHOSTUNREACH)), "");
	EXPECT_EQ(trace_mark(icmp_error(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, ECONNREFUSED)), "");
	EXPECT_EQ(trace_mark(icmp_error(ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, EHOSTUNREACH)), "!H");
	EXPECT_EQ(trace_mark(icmp_error(ICMP_DEST_UNREACH, ICMP_NET_UNREACH, ENETUNREACH)), "!N");
	EXPECT_EQ(trace_mark(icmp_error(ICMP_DEST_UNREACH, ICMP_PROT_UNREACH, ENOPROTOOPT)), "!P");
	EXPECT_EQ(trace_mark(icmp_error(ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, EHOSTUNREACH)), "!X");
	EXPECT_EQ(trace_mark(icmp_error(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, EMSGSIZE, 1400)),
		  "!F-1400");
	EXPECT_EQ(trace_mark(icmp_error(ICMP_DEST_UNREACH, 77, EHOSTUNREACH)), "!<77>");
	EXPECT_EQ(trace_mark(local_error(EHOSTUNREACH)), "!H");
}

TEST(traceroute, an_address_is_written_when_it_changes)
{
	EXPECT_EQ(line({answered("10.0.0.1", 0.5), answered("10.0.0.1", 12.3456), probe()}, 1),
		  " 1  10.0.0.1  0.500 ms  12.346 ms *\n");
	EXPECT_EQ(line({probe(), answered("10.0.0.1", 1), answered("10.0.0.2", 2, "!H")}, 12),
		  "12  * 10.0.0.1  1.000 ms 10.0.0.2  2.000 ms !H\n");
	EXPECT_EQ(line({probe()}, 2), " 2  *\n");
}

TEST(tracepath, lines_are_those_of_tracepath_8)
{
	path_step own{1, true, "", -1, local_error(EMSGSIZE, 1500), {}};
	path_step router{
		2, false, "10.0.0.1", 0.205, icmp_error(ICMP_TIME_EXCEEDED, 0, EHOSTUNREACH), 2};
	path_step around = router, end = router;

	EXPECT_EQ(step_text(own), " 1?: [LOCALHOST]                      pmtu 1500\n");
	EXPECT_EQ(step_text(router), " 2:  10.0.0.1" + std::string(45, ' ') + "  0.205ms \n");
	around.back = 3;
	EXPECT_EQ(step_text(around),
		  " 2:  10.0.0.1" + std::string(45, ' ') + "  0.205ms asymm  3 \n");
	end.error = icmp_error(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, ECONNREFUSED);
	EXPECT_EQ(step_text(end), " 2:  10.0.0.1" + std::string(45, ' ') + "  0.205ms reached\n");
}

TEST(tracepath, knows_where_a_path_ends)
{
	EXPECT_FALSE(ends_path(icmp_error(ICMP_TIME_EXCEEDED, 0, EHOSTUNREACH)));
	EXPECT_FALSE(ends_path(icmp_error(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, EMSGSIZE, 576)));
	EXPECT_FALSE(ends_path(local_error(EMSGSIZE, 1500)));
	EXPECT_TRUE(ends_path(icmp_error(ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, EHOSTUNREACH)));
	EXPECT_TRUE(ends_path(local_error(EHOSTUNREACH)));
	EXPECT_TRUE(is_reached(icmp_error(ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, ECONNREFUSED)));
	EXPECT_EQ(hops_passed(64), 1u);
	EXPECT_EQ(hops_passed(62), 3u);
	EXPECT_EQ(hops_passed(127), 2u);
	EXPECT_EQ(hops_passed(255), 1u);
}
