// SPDX-License-Identifier: GPL-2.0-only
/* The closing lines of ping: ping_tally.hh. */
#include "ping_tally.hh"

#include <gtest/gtest.h>

using namespace edu;

TEST(ping_tally, text_is_that_of_ping)
{
	ping_tally t;

	t.sent = 3;
	t.received = 2;
	t.errors = 1;
	t.add_round_trip(1);
	t.add_round_trip(3);
	EXPECT_EQ(t.text("h", 2003),
		  "\n--- h ping statistics ---\n"
		  "3 packets transmitted, 2 received, +1 errors, 33.3333% packet "
		  "loss, time 2003ms\n"
		  "rtt min/avg/max/mdev = 1.000/2.000/3.000/1.000 ms\n");
	EXPECT_DOUBLE_EQ(t.longest(), 3);
}

TEST(ping_tally, no_answer_has_no_times)
{
	ping_tally t;

	t.sent = 1;
	EXPECT_EQ(t.text("h", 0),
		  "\n--- h ping statistics ---\n"
		  "1 packets transmitted, 0 received, 100% packet loss, time 0ms\n\n");
	EXPECT_FALSE(t.numbers(0).contains("rtt"));
	EXPECT_LT(t.longest(), 0);
}

TEST(ping_tally, three_digits)
{
	EXPECT_EQ(show_milliseconds(0.1234), "0.123 ms");
	EXPECT_EQ(show_milliseconds(1.234), "1.23 ms");
	EXPECT_EQ(show_milliseconds(12.34), "12.3 ms");
	EXPECT_EQ(show_milliseconds(123.4), "123 ms");
}
