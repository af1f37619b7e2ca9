// SPDX-License-Identifier: GPL-2.0-only
/* Reverse ARP on the wire: rarp_frame.hh. */
#include "names.hh"
#include "rarp_frame.hh"

#include <gtest/gtest.h>

using namespace edu;

namespace {

/* Whole and true: 02:…:07 has 10.0.0.7, says 10.0.0.1. */
const std::vector<std::uint8_t> reply = {
	0, 1, 8, 0, 6, 4, 0,  4,	     /* Ethernet, Internet, lengths, reply */
	2, 0, 0, 0, 0, 1, 10, 0, 0, 1,	     /* the server */
	2, 0, 0, 0, 0, 7, 10, 0, 0, 7, 0, 0, /* the host asked about, and padding */
};

} // namespace

TEST(rarp, request_is_that_of_rfc_903)
{
	std::vector<std::uint8_t> own = {2, 0, 0, 0, 0, 1}, other = {2, 0, 0, 0, 0, 7};

	EXPECT_EQ(rarp_request(1, own, other),
		  (std::vector<std::uint8_t>{0, 1, 8, 0, 6, 4, 0, 3, 2, 0, 0, 0, 0, 1,
					     0, 0, 0, 0, 2, 0, 0, 0, 0, 7, 0, 0, 0, 0}));
}

TEST(rarp, reply_is_read)
{
	auto read = read_rarp_reply(reply);

	ASSERT_TRUE(read);
	EXPECT_EQ(show_address(read->address), "10.0.0.7");
	EXPECT_EQ(show_address(read->server), "10.0.0.1");
	EXPECT_EQ(show_lladdr(read->hardware.data(), read->hardware.size()), "02:00:00:00:00:07");
	EXPECT_EQ(read->server_hardware.back(), 1);
}

TEST(rarp, what_is_no_whole_reply_is_refused)
{
	for (std::size_t length = 0; length < reply.size() - 2; length++)
		EXPECT_FALSE(read_rarp_reply(octets(reply.data(), length))) << length;
	for (std::size_t at : {2u, 5u, 7u}) {
		auto wrong = reply;

		wrong[at] ^= 1;
		EXPECT_FALSE(read_rarp_reply(wrong)) << at;
	}
	auto longer = reply;
	longer[4] = 255; /* hardware addresses that reach beyond the packet */
	EXPECT_FALSE(read_rarp_reply(longer));
	auto nobody = reply;
	std::fill(nobody.begin() + 24, nobody.begin() + 28, 0);
	EXPECT_FALSE(read_rarp_reply(nobody));
}

TEST(rarp, networks_have_classes)
{
	EXPECT_EQ(classful_length(parse_address("10.0.0.7")), 8u);
	EXPECT_EQ(classful_length(parse_address("172.16.0.7")), 16u);
	EXPECT_EQ(classful_length(parse_address("192.168.0.7")), 24u);
}
