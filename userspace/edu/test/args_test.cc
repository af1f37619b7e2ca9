// SPDX-License-Identifier: GPL-2.0-only
/* The table-driven grammar: args.hh. */
#include "args.hh"
#include "context.hh"
#include "failure.hh"

#include <gtest/gtest.h>

using namespace edu;

namespace {

const keyword_text table[] = {
	{"to", "PREFIX", "", true}, {"dev", "NAME", ""}, {"metric priority", "N", ""},
	{"mtu", "N", ""},	    {"up", "", ""},
};

std::size_t next(std::vector<bool> &given, words &in, std::string &value)
{
	return next_keyword(table, given, in, value);
}

} // namespace

TEST(names, exact_name_wins_over_abbreviation)
{
	const std::string_view list[] = {"addr address", "add", "del delete"};

	EXPECT_EQ(find_name(list, "add", "word"), 1);
	EXPECT_EQ(find_name(list, "addre", "word"), 0);
	EXPECT_EQ(find_name(list, "d", "word"), 2);
	EXPECT_EQ(find_name(list, "x", "word"), -1);
	EXPECT_EQ(find_name(list, "", "word"), -1);
}

TEST(names, several_spellings_of_one_entry_are_not_ambiguous)
{
	const std::string_view list[] = {"neigh neighbour neighbor", "link"};

	EXPECT_EQ(find_name(list, "n", "word"), 0);
	EXPECT_EQ(find_name(list, "neighbo", "word"), 0);
}

TEST(names, ambiguous_abbreviation_names_the_candidates)
{
	const std::string_view list[] = {"show list", "set"};

	try {
		find_name(list, "s", "action");
		FAIL();
	} catch (const failure &bad) {
		EXPECT_STREQ(bad.what(), "the action `s` is ambiguous: show or set?");
		EXPECT_EQ(bad.status(), exit_negative);
	}
}

TEST(keywords, come_in_any_order)
{
	words in({"dev", "e0", "10.0.0.0/8", "metric", "3", "up"});
	std::vector<bool> given(std::size(table));
	std::string value;

	EXPECT_EQ(next(given, in, value), 1u);
	EXPECT_EQ(value, "e0");
	EXPECT_EQ(next(given, in, value), 0u);
	EXPECT_EQ(value, "10.0.0.0/8");
	EXPECT_EQ(next(given, in, value), 2u);
	EXPECT_EQ(next(given, in, value), 4u);
	EXPECT_EQ(value, "");
	EXPECT_TRUE(in.empty());
}

TEST(keywords, are_not_abbreviated_while_the_plain_value_is_missing)
{
	words in({"m", "mt", "5"});
	std::vector<bool> given(std::size(table));
	std::string value;

	EXPECT_EQ(next(given, in, value), 0u); /* a thing called m */
	EXPECT_EQ(value, "m");
	EXPECT_EQ(next(given, in, value), 3u);
	EXPECT_EQ(value, "5");
}

TEST(keywords, wrong_ones_are_usage_errors)
{
	for (std::vector<std::string> line : {std::vector<std::string>{"x", "dev"},
					      {"x", "frob"},
					      {"x", "me", "1", "prio", "2"},
					      {"x", "up", "up"},
					      {"x", "to", "y"}}) {
		words in(line);
		std::vector<bool> given(std::size(table));
		std::string value;

		EXPECT_THROW(while (!in.empty()) next(given, in, value), failure) << line[1];
	}
}

TEST(keywords, a_group_may_come_again)
{
	static const keyword_text groups[] = {
		{"to", "PREFIX", "", true},
		{"via", "GW", ""},
		{"nexthop", "", "", false, true},
	};
	words in({"10.0.0.0/8", "nexthop", "via", "a", "nexthop", "via", "b"}),
		twice({"10.0.0.0/8", "nexthop", "via", "a", "via", "b"});
	std::vector<bool> given(std::size(groups)), given_twice(std::size(groups));
	std::string value, values;

	while (!in.empty()) {
		next_keyword(groups, given, in, value);
		values += value + " ";
	}
	EXPECT_EQ(values, "10.0.0.0/8  a  b ");
	EXPECT_THROW(while (!twice.empty()) next_keyword(groups, given_twice, twice, value),
		     failure);
}

TEST(help, comes_from_the_table)
{
	struct wishes {};
	static const keyword<wishes> keys[] = {
		{{"dev", "NAME", "the device", true}, [](wishes &, const std::string &) {}},
	};
	const action list[] = {
		{"show list", "shows it", keys, +[](context &, wishes &) { return 0; }},
	};

	EXPECT_EQ(
		help_of_action("thing", list[0]),
		"usage: edu thing show KEYWORD…\nshows it\n  [dev] NAME                  the device\n");
	EXPECT_NE(help_of_actions("thing", list).find("shows it"), std::string::npos);
}

TEST(actions, the_first_is_the_default_and_keywords_fill_the_wishes)
{
	struct wishes {
		std::string device = "none";
	};
	static std::string seen;
	static const keyword<wishes> keys[] = {
		{{"dev", "NAME", "", true},
		 [](wishes &w, const std::string &value) { w.device = value; }},
	};
	const action list[] = {
		{"show", "", keys,
		 +[](context &, wishes &w) {
			 seen = "show " + w.device;
			 return 0;
		 }},
		{"del", "", keys,
		 +[](context &, wishes &w) {
			 seen = "del " + w.device;
			 return 7;
		 }},
	};
	context ctx;
	words nothing({}), some({"d", "dev", "e0"}), wrong({"frob"});

	EXPECT_EQ(run_action(ctx, "thing", list, nothing), 0);
	EXPECT_EQ(seen, "show none");
	EXPECT_EQ(run_action(ctx, "thing", list, some), 7);
	EXPECT_EQ(seen, "del e0");
	EXPECT_THROW(run_action(ctx, "thing", list, wrong), failure);
}

TEST(numbers, keep_their_limits)
{
	EXPECT_EQ(parse_number("68", "MTU", 68, 65535), 68u);
	EXPECT_EQ(parse_number("0x10", "TOS", 0, 255), 16u);
	for (const char *bad :
	     {"67", "65536", "", "0x", "1x", "-1", "+1", " 70", "99999999999999999999"})
		EXPECT_THROW(parse_number(bad, "MTU", 68, 65535), failure) << bad;
	EXPECT_DOUBLE_EQ(parse_seconds("0.25", "interval"), 0.25);
	for (const char *bad : {"", "-1", "nan", "inf", "1s"})
		EXPECT_THROW(parse_seconds(bad, "interval"), failure) << bad;
	EXPECT_TRUE(parse_switch("on", "arp"));
	EXPECT_FALSE(parse_switch("off", "arp"));
	EXPECT_THROW(parse_switch("yes", "arp"), failure);
}
