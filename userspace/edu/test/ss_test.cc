// SPDX-License-Identifier: GPL-2.0-only
/* `edu ss`: lines of /proc, states, filters, timers (TCP-8, INET-7). */
#include "failure.hh"
#include "ss.hh"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/tcp.h>

#include <sstream>

namespace {

using edu::socket_line;
using edu::socket_table;

constexpr const char *tcp_file =
	"   sl  local_address rem_address   st tx_queue rx_queue tr:tm->when retrnsmt   uid  timeout inode ref bound_if details\n"
	"    0: 00000000:0050 00000000:0000 0A 00000010:00000002 00:00000000 00000000  1000        0 77 1 0\n"
	"    1: 0100000A:9C40 0200000A:0050 01 00000005:00000007 01:000000C8 00000003     0        2 78 4 3"
	" rto:204 srtt:1500 wscale:7,9 cong:cubic\n";

std::vector<socket_line> read(const char *text, socket_table table)
{
	std::istringstream in(text);

	return edu::read_sockets(in, table);
}

socket_line line_between(const char *local, unsigned local_port, const char *remote,
			 unsigned remote_port)
{
	socket_line line;

	line.local = inet_addr(local);
	line.remote = inet_addr(remote);
	line.local_port = static_cast<std::uint16_t>(local_port);
	line.remote_port = static_cast<std::uint16_t>(remote_port);
	line.state = TCP_ESTABLISHED;
	return line;
}

bool wants(std::vector<std::string> words, const socket_line &line)
{
	edu::socket_filter filter = edu::parse_filter(words);

	if (!filter.states)
		filter.states = edu::states_all;
	return filter.wants(line);
}

TEST(ss, reads_what_the_module_writes_of_tcp)
{
	auto lines = read(tcp_file, socket_table::tcp);

	ASSERT_EQ(lines.size(), 2u);
	EXPECT_EQ(lines[0].state, static_cast<unsigned>(TCP_LISTEN));
	EXPECT_EQ(lines[0].local_port, 80);
	EXPECT_EQ(lines[0].send_queue, 16u);
	EXPECT_EQ(lines[0].receive_queue, 2u);
	EXPECT_EQ(lines[0].uid, 1000u);
	EXPECT_TRUE(lines[0].details.empty());
	EXPECT_EQ(lines[1].local, inet_addr("10.0.0.1"));
	EXPECT_EQ(lines[1].remote, inet_addr("10.0.0.2"));
	EXPECT_EQ(lines[1].timer, 1u);
	EXPECT_EQ(lines[1].timer_ms, 200u);
	EXPECT_EQ(lines[1].retransmits, 3u);
	EXPECT_EQ(lines[1].probes, 2u);
	EXPECT_EQ(lines[1].inode, 78u);
	EXPECT_EQ(lines[1].bound_if, 3);
	EXPECT_EQ(lines[1].details.at("wscale"), "7,9");
}

TEST(ss, reads_what_the_module_writes_of_datagrams)
{
	auto lines =
		read("head\n    0: 00000000:1B59 00000000:0000 07 00000000:00000100 00:00000000 "
		     "00000000     5        0 4711 2     9   2     -1    0\n",
		     socket_table::udp);

	ASSERT_EQ(lines.size(), 1u);
	EXPECT_EQ(lines[0].local_port, 7001);
	EXPECT_EQ(lines[0].receive_queue, 256u);
	EXPECT_EQ(lines[0].inode, 4711u);
	EXPECT_EQ(lines[0].drops, 9u);
	EXPECT_EQ(lines[0].type, 2u);
	EXPECT_EQ(lines[0].bound_if, -1);
}

TEST(ss, a_line_without_sense_is_told)
{
	EXPECT_THROW(read("head\n 0: zz\n", socket_table::tcp), edu::failure);
	EXPECT_THROW(read("head\n    0: 00000000-0050 0:0 0A 0:0 0:0 0 0 0 0 0 0\n",
			  socket_table::tcp),
		     edu::failure);
}

TEST(ss, states_have_the_names_of_ss)
{
	EXPECT_STREQ(edu::state_name(TCP_ESTABLISHED), "ESTAB");
	EXPECT_STREQ(edu::state_name(TCP_CLOSE), "UNCONN");
	EXPECT_STREQ(edu::state_name(99), "UNKNOWN");
	EXPECT_EQ(edu::states_named("time-wait"), 1u << TCP_TIME_WAIT);
	EXPECT_EQ(edu::states_named("connected"),
		  edu::states_all & ~(1u << TCP_LISTEN | 1u << TCP_CLOSE));
	EXPECT_EQ(edu::states_named("bucket") | edu::states_named("big"), edu::states_all);
	EXPECT_THROW(edu::states_named("asleep"), edu::failure);
}

TEST(ss, state_words_add_and_take_away)
{
	EXPECT_EQ(edu::parse_filter({}).states, 0u);
	EXPECT_EQ(edu::parse_filter({"state", "closing", "state", "listening"}).states,
		  1u << TCP_CLOSING | 1u << TCP_LISTEN);
	EXPECT_EQ(edu::parse_filter({"exclude", "listening"}).states,
		  edu::states_all & ~(1u << TCP_LISTEN));
	EXPECT_FALSE(wants({"exclude", "established"}, line_between("10.0.0.1", 1, "10.0.0.2", 2)));
}

TEST(ss, ports_and_addresses_choose)
{
	auto line = line_between("10.0.0.1", 40000, "10.0.0.2", 80);

	EXPECT_TRUE(wants({"dport", "=", ":80"}, line));
	EXPECT_TRUE(wants({"dport = :80"}, line));
	EXPECT_FALSE(wants({"sport", "=", ":80"}, line));
	EXPECT_TRUE(wants({"sport", "ge", "1024"}, line));
	EXPECT_FALSE(wants({"sport", "<", ":1024"}, line));
	EXPECT_TRUE(wants({"dst", "10.0.0.0/8"}, line));
	EXPECT_FALSE(wants({"dst", "11.0.0.0/8"}, line));
	EXPECT_TRUE(wants({"dst", "10.0.0.2:80", "src", "10.0.0.1"}, line));
	EXPECT_FALSE(wants({"dst", "10.0.0.2:81"}, line));
	EXPECT_TRUE(wants({"dst", ":80"}, line));
	EXPECT_TRUE(wants({"dst", "!=", "10.0.0.3"}, line));
}

TEST(ss, and_or_not_and_parentheses_bind_as_in_ss)
{
	auto line = line_between("10.0.0.1", 40000, "10.0.0.2", 80);

	EXPECT_TRUE(wants({"( sport = :80 or dport = :80 )"}, line));
	EXPECT_TRUE(wants(
		{"dport", "=", ":80", "or", "sport", "=", ":1", "and", "sport", "=", ":2"}, line));
	EXPECT_FALSE(wants({"(dport=:80 or sport=:1) and sport=:2"}, line));
	EXPECT_FALSE(wants({"not", "dport", "=", ":80"}, line));
	EXPECT_TRUE(wants({"!", "(", "dport", "=", ":81", ")"}, line));
	EXPECT_TRUE(wants({"state", "established", "dport", "=", ":80"}, line));
}

TEST(ss, filters_without_sense_are_told)
{
	for (const char *text : {"(", "dport", "dport = ", "( dport = :80", "dport = :80 )",
				 "colour = 3", "dst < 10.0.0.1", "and", "state"})
		EXPECT_THROW(edu::parse_filter({text}), edu::failure) << text;
}

TEST(ss, timers_are_written_as_ss_does)
{
	EXPECT_EQ(edu::show_timer(240), "240ms");
	EXPECT_EQ(edu::show_timer(3200), "3.200ms");
	EXPECT_EQ(edu::show_timer(59000), "59sec");
	EXPECT_EQ(edu::show_timer(80000), "1min20sec");
	EXPECT_EQ(edu::show_timer(7140000), "119min");
	EXPECT_EQ(edu::show_timer(0), "0ms");
}

} // namespace
