// SPDX-License-Identifier: GPL-2.0-only
/* Records as text and JSON: output.hh; devices and routes as iproute2 writes them. */
#include "context.hh"
#include "link_info.hh"
#include "output.hh"
#include "route_info.hh"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if.h>

#include <cstring>
#include <sstream>

using namespace edu;

namespace {

std::string print_list(bool json, bool pretty, const std::vector<record> &items)
{
	context ctx;
	std::ostringstream out;

	ctx.json = json;
	ctx.pretty = pretty;
	record_list list(ctx, out,
			 [](const record &item) { return value_of(item, "name") + "\n"; });
	for (const auto &item : items)
		list.add(item);
	list.finish();
	return out.str();
}

} // namespace

TEST(records, text_or_json)
{
	std::vector<record> two = {{{"name", "a"}, {"_hidden", 1}}, {{"name", "b"}}};

	EXPECT_EQ(print_list(false, false, two), "a\nb\n");
	EXPECT_EQ(print_list(true, false, two), "[{\"name\":\"a\"},{\"name\":\"b\"}]\n");
	EXPECT_EQ(print_list(true, false, {}), "[]\n");
	EXPECT_EQ(print_list(false, false, {}), "");
	EXPECT_EQ(record::parse(print_list(true, true, two)).size(), 2u);
}

TEST(records, invalid_text_stays_valid_json)
{
	EXPECT_TRUE(record::accept(print_list(true, false, {{{"name", "\xff\xfe\n\""}}})));
}

TEST(records, fields)
{
	record item = {{"dev", "e0"}, {"metric", 5}};

	EXPECT_EQ(field(item, "dev", "dev"), " dev e0");
	EXPECT_EQ(field(item, "metric", "metric"), " metric 5");
	EXPECT_EQ(field(item, "dev", ""), " e0");
	EXPECT_EQ(field(item, "none", "none"), "");
	EXPECT_EQ(join({"A", "B"}, ","), "A,B");
}

TEST(links, flags)
{
	EXPECT_EQ(link_flags(IFF_UP | IFF_BROADCAST, true),
		  record({"NO-CARRIER", "BROADCAST", "UP"}));
}

TEST(links, attached_ones_are_found_by_name)
{
	std::istringstream list("Name  Index\ne0    3\nedulo: 2\n");

	EXPECT_TRUE(lists_interface(list, "e0"));
	list.clear();
	list.seekg(0);
	EXPECT_FALSE(lists_interface(list, "e"));
	list.clear();
	list.seekg(0);
	EXPECT_TRUE(lists_interface(list, "edulo"));
}

TEST(routes, text_as_iproute2_writes_it)
{
	route_info route{};

	route.header.rtm_type = RTN_UNICAST;
	route.header.rtm_dst_len = 16;
	route.header.rtm_protocol = RTPROT_KERNEL;
	route.header.rtm_scope = RT_SCOPE_LINK;
	route.table = RT_TABLE_MAIN;
	route.destination = inet_addr("10.1.0.0");
	route.gateway = inet_addr("10.0.0.254");
	route.preferred_source = inet_addr("10.0.0.1");
	route.metric = 7;
	route.mtu = 1400;
	EXPECT_EQ(
		route_text(route_record(route)),
		"10.1.0.0/16 via 10.0.0.254 proto kernel scope link src 10.0.0.1 metric 7 mtu 1400\n");
	route.header.rtm_type = RTN_BLACKHOLE;
	route.header.rtm_flags = RTNH_F_DEAD;
	EXPECT_EQ(value_of(route_record(route), "type"), "blackhole");
	EXPECT_EQ(route_record(route)["flags"], record({"dead"}));
}

TEST(routes, a_cached_one_shows_its_use)
{
	route_info route{};

	route.header.rtm_type = RTN_UNICAST;
	route.header.rtm_dst_len = 32;
	route.header.rtm_flags = RTM_F_CLONED;
	route.destination = inet_addr("10.0.0.2");
	route.source = inet_addr("10.0.0.1");
	route.has_cache = true;
	route.cache.rta_used = 12;
	route.cache.rta_clntref = 2;
	EXPECT_EQ(route_text(route_record(route)),
		  "10.0.0.2 from 10.0.0.1\n    cache users 2 used 12 age 0sec\n");
}
