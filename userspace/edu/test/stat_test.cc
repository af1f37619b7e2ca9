// SPDX-License-Identifier: GPL-2.0-only
/* Counters: stat.hh. */
#include "failure.hh"
#include "stat.hh"

#include <gtest/gtest.h>

#include <sstream>

using namespace edu;

TEST(counters, are_read_in_pairs_of_lines)
{
	std::istringstream in(
		"Ip: InReceives DropTtl\nIp: 5 18446744073709551615\nUdp: NoPorts\nUdp: 0\n");
	std::vector<counter> list = read_counters(in);

	ASSERT_EQ(list.size(), 3u);
	EXPECT_EQ(list[0].name, "IpInReceives");
	EXPECT_EQ(list[0].value, 5u);
	EXPECT_EQ(list[1].value, 18446744073709551615ull);
	EXPECT_EQ(list[2].name, "UdpNoPorts");
}

TEST(counters, nonsense_is_a_failure)
{
	for (const char *text :
	     {"Ip: A B\nIp: 1\n", "Ip: A\nUdp: 1\n", "Ip: 1\n", "Ip: A B\nIp: 1 x\n"}) {
		std::istringstream in(text);

		EXPECT_THROW(read_counters(in), failure) << text;
	}
	std::istringstream nothing("");
	EXPECT_TRUE(read_counters(nothing).empty());
}

TEST(counters, patterns)
{
	EXPECT_TRUE(matches("UdpNoPorts", {}));
	EXPECT_TRUE(matches("UdpNoPorts", {"udp*"}));
	EXPECT_TRUE(matches("UdpNoPorts", {"Ip*", "*noports"}));
	EXPECT_FALSE(matches("UdpNoPorts", {"Udp"}));
}

TEST(counters, meanings_come_from_the_header)
{
	auto meanings = counter_meanings("#define EDU_COUNTERS(X) \\\n"
					 "\t/* link: frames */ \\\n"
					 "\tX(Link, InFrames) X(Link, OutFrames) \\\n"
					 "\tX(Link, DropNotUp)\t/* interface down */ \\\n"
					 "\t/* ARP */ \\\n"
					 "\tX(Arp, Created)\n"
					 "X(Not, ACounter)\n");

	EXPECT_EQ(meanings.size(), 4u);
	EXPECT_EQ(meanings["LinkInFrames"], "link: frames");
	EXPECT_EQ(meanings["LinkDropNotUp"], "interface down");
	EXPECT_EQ(meanings["ArpCreated"], "ARP");
	EXPECT_TRUE(counter_meanings("nothing here").empty());
}

TEST(counters, difference_begins_anew_when_a_counter_went_back)
{
	auto list = difference({{"A", 5}, {"B", 5}, {"C", 5}}, {{"A", 2}, {"B", 9}});

	EXPECT_EQ(list[0].value, 3u);
	EXPECT_EQ(list[1].value, 5u);
	EXPECT_EQ(list[2].value, 5u);
}
