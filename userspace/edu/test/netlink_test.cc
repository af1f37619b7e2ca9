// SPDX-License-Identifier: GPL-2.0-only
/* Requests and attributes: netlink.hh. What the kernel makes of them is for against_iproute2.py. */
#include "failure.hh"
#include "netlink.hh"

#include <gtest/gtest.h>

using namespace edu;

TEST(requests, are_read_back_as_written)
{
	request ask(RTM_NEWROUTE, NLM_F_CREATE);

	ask.put_header<rtmsg>().rtm_dst_len = 24;
	ask.put_u32(RTA_DST, 0x01020304);
	nlattr *metrics = ask.begin_nest(RTA_METRICS);
	ask.put_u32(RTAX_MTU, 1400);
	ask.end_nest(metrics);
	ask.put_string(RTA_OIF, "text");

	EXPECT_EQ(ask.message()->nlmsg_type, RTM_NEWROUTE);
	EXPECT_EQ(ask.message()->nlmsg_flags, NLM_F_REQUEST | NLM_F_CREATE);
	attributes read(ask.message(), sizeof(rtmsg));
	EXPECT_EQ(read.u32(RTA_DST), 0x01020304u);
	EXPECT_EQ(read.string(RTA_OIF), "text");
	EXPECT_EQ(attributes(read.find(RTA_METRICS)).u32(RTAX_MTU), 1400u);
	EXPECT_FALSE(read.has(RTA_GATEWAY));
	EXPECT_EQ(read.u32(RTA_GATEWAY, 5), 5u);
}

TEST(requests, have_an_end)
{
	request ask(RTM_NEWLINK, 0);
	char large[4096] = {};

	EXPECT_THROW(ask.put(1, large, sizeof(large)), failure);
}

TEST(attributes, short_and_odd_ones_are_not_read)
{
	request ask(RTM_NEWROUTE, 0);

	ask.put_header<rtmsg>();
	ask.put(RTA_DST, "ab", 2);
	ask.put(5000, "x", 1);
	ask.put(RTA_OIF, "abcd", 4); /* no final zero */
	attributes read(ask.message(), sizeof(rtmsg));
	EXPECT_EQ(read.u32(RTA_DST, 9), 9u);
	EXPECT_EQ(read.data(RTA_DST, 3), nullptr);
	EXPECT_EQ(read.length(RTA_DST), 2u);
	EXPECT_EQ(read.string(RTA_OIF), "abcd");
	EXPECT_FALSE(read.has(5000));
	EXPECT_FALSE(attributes(nullptr).has(1));
}

TEST(attributes, a_message_shorter_than_its_header_has_none)
{
	request ask(RTM_NEWROUTE, 0);

	EXPECT_FALSE(attributes(ask.message(), sizeof(rtmsg)).has(RTA_DST));
}

TEST(attributes, a_lying_length_ends_the_walk)
{
	request ask(RTM_NEWROUTE, 0);

	ask.put_header<rtmsg>();
	ask.put_u32(RTA_DST, 1);
	auto *attr = reinterpret_cast<nlattr *>(reinterpret_cast<char *>(ask.message()) +
						NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(rtmsg)));
	attr->nla_len = 200;
	EXPECT_FALSE(attributes(ask.message(), sizeof(rtmsg)).has(RTA_DST));
}
