// SPDX-License-Identifier: GPL-2.0-only
/* ICMP for ping: icmp.hh. RFC 792, RFC 1071. */
#include "icmp.hh"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/ip_icmp.h>

using namespace edu;

namespace {

using bytes = std::vector<std::uint8_t>;

/* An IP header of 20 octets around `payload`. */
bytes in_ip(const bytes &payload, std::uint8_t protocol = IPPROTO_ICMP)
{
	bytes packet(20);

	packet[0] = 0x45;
	packet[8] = 61;
	packet[9] = protocol;
	packet[12] = 10;
	packet[15] = 1;
	packet[16] = 10;
	packet[19] = 2;
	packet.insert(packet.end(), payload.begin(), payload.end());
	return packet;
}

bytes error_about(const bytes &packet)
{
	bytes message = {ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0, 0, 0, 0, 0, 0};

	message.insert(message.end(), packet.begin(), packet.end());
	return message;
}

} // namespace

TEST(icmp, request_is_read_back)
{
	for (std::size_t size : {0u, 1u, 56u, 57u, 1000u}) {
		bytes message = echo_request(0x1234, 0xfffe, size);
		auto read = read_icmp(message);

		ASSERT_TRUE(read);
		EXPECT_EQ(internet_checksum(message), 0);
		EXPECT_EQ(read->type, ICMP_ECHO);
		EXPECT_EQ(read->id, 0x1234);
		EXPECT_EQ(read->sequence, 0xfffe);
		EXPECT_EQ(read->data.size(), size);
		EXPECT_EQ(first_wrong_octet(read->data), -1);
	}
}

TEST(icmp, changed_data_is_noticed)
{
	bytes message = echo_request(1, 1, 300);

	message[8 + 270] ^= 1;
	EXPECT_EQ(first_wrong_octet(read_icmp(message)->data), 270);
}

TEST(icmp, error_tells_which_request_it_is_about)
{
	auto read = read_icmp(error_about(in_ip(echo_request(7, 42, 8))));

	ASSERT_TRUE(read && read->quotes_echo);
	EXPECT_EQ(read->id, 7);
	EXPECT_EQ(read->sequence, 42);
	EXPECT_EQ(read->quoted_destination, inet_addr("10.0.0.2"));
}

TEST(icmp, bad_quotes_are_not_ours)
{
	bytes good = error_about(in_ip(echo_request(7, 42, 8)));

	for (std::size_t length = 8; length < 8 + 20 + 8; length++)
		EXPECT_FALSE(read_icmp(octets(good.data(), length))->quotes_echo) << length;
	EXPECT_FALSE(
		read_icmp(error_about(in_ip(echo_request(7, 42, 8), IPPROTO_UDP)))->quotes_echo);
	good[8] = 0x4f; /* header longer than the packet */
	EXPECT_FALSE(read_icmp(good)->quotes_echo);
	good[8] = 0x41;
	EXPECT_FALSE(read_icmp(good)->quotes_echo);
	EXPECT_FALSE(read_icmp(octets(good.data(), 7)));
}

TEST(icmp, packet_of_a_raw_socket)
{
	auto ip = read_ip(in_ip({1, 2, 3}));

	ASSERT_TRUE(ip);
	EXPECT_EQ(ip->ttl, 61);
	EXPECT_EQ(ip->source, inet_addr("10.0.0.1"));
	EXPECT_EQ(ip->payload.size(), 3u);
	EXPECT_FALSE(read_ip(bytes(19)));
	EXPECT_FALSE(read_ip(bytes(20)));
}

TEST(icmp, words_are_those_of_ping)
{
	EXPECT_EQ(describe_icmp(ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0),
		  "Destination Host Unreachable");
	EXPECT_EQ(describe_icmp(ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, 1400),
		  "Frag needed and DF set (mtu = 1400)");
	EXPECT_EQ(describe_icmp(ICMP_TIME_EXCEEDED, 0, 0), "Time to live exceeded");
	EXPECT_EQ(describe_icmp(ICMP_DEST_UNREACH, 200, 0), "Dest Unreachable, Bad Code: 200");
}
