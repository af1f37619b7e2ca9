// SPDX-License-Identifier: GPL-2.0-only
/* Names and numbers: names.hh. OVER-2: names wherever numbers are taken. */
#include "failure.hh"
#include "names.hh"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

using namespace edu;

namespace {

void expect_prefix(const char *text, const char *address, unsigned length)
{
	prefix read = parse_prefix(text);

	EXPECT_EQ(show_address(read.address), address) << text;
	EXPECT_EQ(read.length, length) << text;
}

} // namespace

TEST(prefix, forms)
{
	expect_prefix("10.0.0.1/24", "10.0.0.1", 24);
	expect_prefix("10.0.0.1", "10.0.0.1", 32);
	expect_prefix("10/8", "10.0.0.0", 8);
	expect_prefix("172.16/12", "172.16.0.0", 12);
	expect_prefix("10.0.0.0/255.255.0.0", "10.0.0.0", 16);
	expect_prefix("0/0", "0.0.0.0", 0);
	expect_prefix("default", "0.0.0.0", 0);
	expect_prefix("1.2.3.4/0.0.0.0", "1.2.3.4", 0);
	EXPECT_TRUE(parse_prefix("10.0.0.1/32").has_length);
	EXPECT_FALSE(parse_prefix("10.0.0.1").has_length);
}

TEST(prefix, nonsense_is_refused)
{
	for (const char *bad :
	     {"", "/", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.256/24", "10.0.0/",
	      "1.2.3.4.5", "10.0.0.0/255.0.255.0", "10", "1..2/8", "10.0.0.1 /8", "0x10/8"})
		EXPECT_THROW(parse_prefix(bad), failure) << bad;
}

TEST(prefix, a_network_has_no_host_bits)
{
	EXPECT_EQ(parse_network("10.1.0.0/16").length, 16u);
	try {
		parse_network("10.1.2.3/16");
		FAIL();
	} catch (const failure &bad) {
		EXPECT_NE(std::string(bad.what()).find("10.1.0.0/16"), std::string::npos);
	}
}

TEST(prefix, contains)
{
	prefix net = parse_prefix("10.1.0.0/16");

	EXPECT_TRUE(contains(net, parse_address("10.1.255.255")));
	EXPECT_FALSE(contains(net, parse_address("10.2.0.0")));
	EXPECT_TRUE(contains(parse_prefix("default"), parse_address("9.9.9.9")));
	EXPECT_TRUE(contains(parse_prefix("9.9.9.9"), parse_address("9.9.9.9")));
}

TEST(prefix, masks)
{
	EXPECT_EQ(mask_of(0), 0u);
	EXPECT_EQ(mask_of(24), inet_addr("255.255.255.0"));
	EXPECT_EQ(mask_of(32), 0xffffffffu);
	EXPECT_EQ(show_prefix(inet_addr("10.0.0.0"), 8), "10.0.0.0/8");
	EXPECT_EQ(show_prefix(0, 0), "default");
	EXPECT_EQ(show_prefix(inet_addr("10.0.0.1"), 32), "10.0.0.1");
}

TEST(hosts, names_come_from_the_resolver)
{
	EXPECT_EQ(parse_address("localhost"), htonl(INADDR_LOOPBACK));
	EXPECT_EQ(parse_prefix("localhost/8").length, 8u);
}

TEST(hardware_addresses, forms)
{
	EXPECT_EQ(parse_lladdr("02:00:00:00:00:0a"),
		  (std::vector<std::uint8_t>{2, 0, 0, 0, 0, 10}));
	EXPECT_EQ(parse_lladdr("2-0-0-0-0-A").size(), 6u);
	for (const char *bad : {"", "02", "02:", "02:00:00:00:00:", "02:00:00:00:00:zz", "02:000:1",
				"1:2:3:4:5:6:7:8:9", "02 00"})
		EXPECT_THROW(parse_lladdr(bad), failure) << bad;
	const std::uint8_t octets[] = {0, 0xab};
	EXPECT_EQ(show_lladdr(octets, 2), "00:ab");
	EXPECT_EQ(show_lladdr(nullptr, 0), "");
}

TEST(services, numbers_and_names)
{
	EXPECT_EQ(parse_port("7", "udp"), 7);
	EXPECT_EQ(parse_port("65535", "udp"), 65535);
	EXPECT_THROW(parse_port("65536", "udp"), failure);
	EXPECT_THROW(parse_port("no-such-service", "udp"), failure);
	EXPECT_THROW(parse_port("", "udp"), failure);
}

TEST(devices, names)
{
	EXPECT_EQ(device_name(device_index("lo")), "lo");
	EXPECT_EQ(device_name(0x7ffffff0), "if2147483632");
	try {
		device_index("e7");
		FAIL();
	} catch (const failure &bad) {
		EXPECT_STREQ(bad.what(), "no device named e7: `edu link` lists them");
	}
	check_device_name("e0.100");
	for (const char *bad : {"", ".", "..", "a/b", "a b", "a:b", "sixteen_letters_"})
		EXPECT_THROW(check_device_name(bad), failure) << bad;
}

TEST(tables, read_files_of_iproute2)
{
	name_table table({{2, "kernel"}}, nullptr, 10);

	table.add_line("# 99 comment");
	table.add_line("0x63\tmine # why");
	table.add_line("  4   static\r");
	table.add_line("garbage");
	table.add_line("12x bad");
	EXPECT_EQ(table.name(99), "mine");
	EXPECT_EQ(table.name(4), "static");
	EXPECT_EQ(table.name(2), "kernel");
	EXPECT_EQ(table.name(12), "12");
	EXPECT_EQ(table.number("mine", "protocol"), 99u);
	EXPECT_EQ(table.number("200", "protocol"), 200u);
	EXPECT_THROW(table.number("256", "protocol"), failure);
	EXPECT_THROW(table.number("nobody", "protocol"), failure);
	EXPECT_THROW(table.number("", "protocol"), failure);
}

TEST(tables, tos_is_hexadecimal)
{
	EXPECT_EQ(tos_names().number("10", "TOS"), 16u);
	EXPECT_EQ(tos_names().number("0x10", "TOS"), 16u);
	EXPECT_EQ(route_types().name(RTN_UNREACHABLE), "unreachable");
	EXPECT_EQ(route_scopes().number("link", "scope"), RT_SCOPE_LINK);
}

TEST(neighbour_states, both_ways)
{
	EXPECT_EQ(parse_nud("permanent"), NUD_PERMANENT);
	EXPECT_EQ(parse_nud("0x02"), NUD_REACHABLE);
	EXPECT_THROW(parse_nud("alive"), failure);
	EXPECT_EQ(show_nud(NUD_REACHABLE), std::vector<std::string>{"REACHABLE"});
	EXPECT_EQ(show_nud(NUD_NONE), std::vector<std::string>{"NONE"});
	EXPECT_EQ(show_nud(NUD_STALE | NUD_NOARP).size(), 2u);
}
