// SPDX-License-Identifier: GPL-2.0-only
/* The settings of `edu run`: what the words mean, and which are refused. */
#include "../rules.hh"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

using namespace edu::wrap;

namespace {

in_addr_t address(const char *text)
{
	return inet_addr(text);
}

} // namespace

TEST(rules, nothing_said_means_every_socket)
{
	settings found = read_settings("");

	EXPECT_TRUE(found.wants_type(SOCK_STREAM));
	EXPECT_TRUE(found.wants_type(SOCK_PACKET));
	EXPECT_FALSE(found.decides_late());
	EXPECT_FALSE(found.linux_inet6);
	EXPECT_EQ(found.family, 0);
}

TEST(rules, types_add_up)
{
	settings found = read_settings("family=13 only=stream only=raw");

	EXPECT_EQ(found.family, 13);
	EXPECT_TRUE(found.wants_type(SOCK_STREAM));
	EXPECT_TRUE(found.wants_type(SOCK_RAW));
	EXPECT_FALSE(found.wants_type(SOCK_DGRAM));
	EXPECT_FALSE(found.wants_type(-1));
	EXPECT_FALSE(found.decides_late());
}

TEST(rules, one_role_excludes_the_other)
{
	settings found = read_settings("only=client");

	EXPECT_TRUE(found.clients);
	EXPECT_FALSE(found.servers);
	EXPECT_TRUE(found.decides_late());
	EXPECT_FALSE(take_word(found, "only=server"));
	EXPECT_TRUE(found.clients);
}

TEST(rules, exceptions_by_port_protocol_and_address)
{
	settings found =
		read_settings("except=53/udp except=22 except=10.1.0.0/16 except=10.2.0.9");

	EXPECT_TRUE(found.excepts(address("1.2.3.4"), htons(53), IPPROTO_UDP));
	EXPECT_FALSE(found.excepts(address("1.2.3.4"), htons(53), IPPROTO_TCP));
	EXPECT_TRUE(found.excepts(address("1.2.3.4"), htons(22), IPPROTO_TCP));
	EXPECT_TRUE(found.excepts(address("10.1.255.1"), htons(80), IPPROTO_TCP));
	EXPECT_TRUE(found.excepts(address("10.2.0.9"), 0, 0));
	EXPECT_FALSE(found.excepts(address("10.2.0.8"), 0, 0));
}

TEST(rules, what_makes_no_sense_is_refused_and_changes_nothing)
{
	settings found;

	for (const char *word : {"", "=", "only=", "only=tcp", "except=", "except=0",
				 "except=65536", "except=53/sctp", "except=53/", "except=1.2.3",
				 "except=1.2.3.4.5", "except=1.2.3.256", "except=1.2.3.4/33",
				 "except=1.2.3.4/", "family=256", "family=x", "inet6=no", "other"})
		EXPECT_FALSE(take_word(found, word)) << word;
	EXPECT_FALSE(found.decides_late());
	EXPECT_EQ(found.types, 0U);
	EXPECT_TRUE(take_word(found, "except=0.0.0.0/0"));
	EXPECT_TRUE(found.excepts(address("9.9.9.9"), 0, 0));
}

TEST(rules, exceptions_are_bounded)
{
	settings found;

	for (unsigned i = 0; i < settings::most_exceptions; i++)
		EXPECT_TRUE(take_word(found, "except=53"));
	EXPECT_FALSE(take_word(found, "except=53"));
}
