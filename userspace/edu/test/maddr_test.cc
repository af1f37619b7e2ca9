// SPDX-License-Identifier: GPL-2.0-only
/* The groups of interfaces: maddr_table.hh. */
#include "failure.hh"
#include "maddr_table.hh"

#include <gtest/gtest.h>

#include <arpa/inet.h>

#include <sstream>

using namespace edu;

namespace {

std::vector<inet_group> inet_of(const std::string &lines)
{
	std::istringstream in("Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n" +
			      lines);

	return read_inet_groups(in);
}

std::vector<link_group> link_of(const std::string &lines)
{
	std::istringstream in(lines);

	return read_link_groups(in);
}

/* As the module writes the number. */
std::string group_line(const char *address, const char *behind)
{
	char digits[9];

	std::snprintf(digits, sizeof(digits), "%08X", inet_addr(address));
	return std::string("\t\t\t\t") + digits + behind + "\n";
}

} // namespace

TEST(maddr, groups_belong_to_the_interface_before_them)
{
	auto list = inet_of("1\tedulo     :     0      V2\n2\te0        :     2      V2\n" +
			    group_line("224.0.0.1", "     1 0:00000000\t\t0") +
			    group_line("239.1.2.3", "     3 1:00000064\t\t1") +
			    "11\ta_long_name1:     1      V3\n" +
			    group_line("224.0.0.1", "     1 0:00000000\t\t0"));

	ASSERT_EQ(list.size(), 3u);
	EXPECT_EQ(list[1].index, 2);
	EXPECT_EQ(list[1].device, "e0");
	EXPECT_EQ(list[1].address, inet_addr("239.1.2.3"));
	EXPECT_EQ(list[1].users, 3u);
	EXPECT_EQ(list[2].device, "a_long_name1");
}

TEST(maddr, groups_of_the_link_are_read)
{
	auto list = link_of("2    e0              1     0     01005e000001\n"
			    "2    e0              2     1     01005e010203\n");

	ASSERT_EQ(list.size(), 2u);
	EXPECT_EQ(list[0].lladdr, "01:00:5e:00:00:01");
	EXPECT_FALSE(list[0].fixed);
	EXPECT_EQ(list[1].users, 2u);
	EXPECT_TRUE(list[1].fixed);
}

TEST(maddr, nonsense_is_a_failure)
{
	EXPECT_THROW(inet_of("\t\t\t\t010000E0     1\n"), failure); /* of no interface */
	EXPECT_THROW(inet_of("2\te0 :\n\t\t\t\tgroup 1\n"), failure);
	EXPECT_THROW(inet_of("e0 : 1\n"), failure);
	EXPECT_THROW(link_of("2 e0 1 0\n"), failure);
	EXPECT_THROW(link_of("2 e0 1 0 01005\n"), failure);
	EXPECT_THROW(link_of("2 e0 1 0 01zz\n"), failure);
}

TEST(maddr, text_and_record_are_iproute2s)
{
	std::vector<link_group> link = {{2, "e0", 1, false, "01:00:5e:00:00:01"},
					{2, "e0", 2, true, "01:00:5e:01:02:03"},
					{3, "e1", 1, false, "01:00:5e:00:00:01"}};
	std::vector<inet_group> inet = {{2, "e0", inet_addr("224.0.0.1"), 1},
					{2, "e0", inet_addr("239.1.2.3"), 3},
					{3, "e1", inet_addr("224.0.0.1"), 1}};
	record item = maddr_record(2, "e0", link, inet);

	EXPECT_EQ(item.dump(),
		  "{\"ifindex\":2,\"ifname\":\"e0\",\"maddr\":[{\"link\":\"01:00:5e:00:00:01\"},"
		  "{\"link\":\"01:00:5e:01:02:03\",\"users\":2,\"features\":\"static\"},"
		  "{\"family\":\"inet\",\"address\":\"224.0.0.1\"},"
		  "{\"family\":\"inet\",\"address\":\"239.1.2.3\",\"users\":3}]}");
	EXPECT_EQ(maddr_text(item), "2:\te0\n"
				    "\tlink  01:00:5e:00:00:01\n"
				    "\tlink  01:00:5e:01:02:03 users 2 static\n"
				    "\tinet  224.0.0.1\n"
				    "\tinet  239.1.2.3 users 3\n");
}
