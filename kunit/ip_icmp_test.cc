// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMP: questions answered, errors sent and not sent, errors believed and not believed.
 *
 * Requirements: IP-10, OVER-8; RFC 792, RFC 1122 3.2.2, RFC 1812 4.3.2.
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"
#include "ip/icmp.hh"

namespace edu::test {
namespace {

constexpr be32 stranger = ip4(10, 0, 0, 9);

/* An ICMP message from station 9 to host a; nobody needs to ask for the answer's way. */
struct asked : world {
	asked()
	{
		a.inject(arp_question(9, stranger, a.address()).all());
		settle();
		cable.clear();
	}
	void say(wire::icmp::repr header, bytes data, be32 to, u8 station = 1, bytes options = {})
	{
		icmp_message message{header, data};

		a.inject(ip_frame(9, station,
				  {.protocol = icmp_protocol_number, .src = stranger, .dst = to},
				  message.all(), options)
				 .all());
		settle();
	}
	void say(wire::icmp::repr header, bytes data) { say(header, data, a.address()); }

	/* A datagram for a closed port of a. */
	void knock(be32 to, u8 station = 1, u8 flags = 0, u8 offset = 0)
	{
		static constexpr u8 datagram[] = {0x30, 0x39, 0, 99, 0, 11, 0, 0, 't', 'l', 'k'};
		handmade frame = ip_frame(
			9, station, {.protocol = udp_protocol_number, .src = stranger, .dst = to},
			datagram);

		frame.ip()[6] = flags;
		frame.ip()[7] = offset;
		a.inject(frame.resum().all());
		settle();
	}
	u32 answers() const { return cable.frames(ethertype_ip); }
	bytes answer() const { return cable.frame(ethertype_ip, 0); }
};

} // namespace

EDU_TEST(icmp, an_echo_comes_back_with_the_same_data, "IP-10", "RFC1122-3.2.2.6")
{
	asked w;

	w.say(wire::icmp::repr::echo(0x1234, 7), octets("The Linux Kernel"));
	ASSERT_EQ(w.answers(), 1u);
	wire::ipv4::view ip = ip_of(w.answer());
	auto [reply, why] = wire::icmp::view::checked(ip.payload());

	EXPECT_EQ(why, wire::icmp::fault::none); /* its checksum too */
	EXPECT_EQ(reply.type(), wire::icmp::type::echo_reply);
	EXPECT_EQ(reply.id(), 0x1234u);
	EXPECT_EQ(reply.sequence(), 7u);
	EXPECT_BYTES(reply.payload(), octets("The Linux Kernel"));
	EXPECT_EQ(ip.src(), w.a.address());
	EXPECT_EQ(ip.dst(), stranger);
	EXPECT_EQ(w.a.counter(EDU_Icmp_InEchos), 1u);
	EXPECT_EQ(w.a.counter(EDU_Icmp_OutEchoReps), 1u);
}

EDU_TEST(icmp, the_links_padding_is_not_echoed, "OVER-3", "RFC894")
{
	asked w;
	icmp_message message{wire::icmp::repr::echo(1, 1), octets("tlk")};
	wire::ipv4::repr ip{
		.protocol = icmp_protocol_number, .src = stranger, .dst = w.a.address()};
	handmade frame = ip_frame(9, 1, ip, message.all());

	frame.length = 60;
	w.a.inject(frame.all());
	w.settle();
	ASSERT_EQ(w.answers(), 1u);
	EXPECT_EQ(payload_of(w.answer()).size(), 11u);
}

EDU_TEST(icmp, the_answer_comes_from_the_address_that_was_asked, "RFC1122-3.2.2.6")
{
	asked w;

	ASSERT_EQ(w.a.add_address(ip4(10, 9, 0, 1), 24), 0);
	w.cable.clear();
	w.say(wire::icmp::repr::echo(1, 1), {}, ip4(10, 9, 0, 1));
	ASSERT_EQ(w.answers(), 1u);
	EXPECT_EQ(ip_of(w.answer()).src(), ip4(10, 9, 0, 1));
}

EDU_TEST(icmp, an_echo_to_everybody_is_answered_only_on_demand, "RFC1122-3.2.2.6")
{
	asked w;

	w.say(wire::icmp::repr::echo(1, 1), {}, ip4(10, 0, 0, 255), 0xff);
	EXPECT_EQ(w.answers(), 0u);
	EXPECT_EQ(w.a.counter(EDU_Icmp_DropBroadcastEcho), 1u);
	w.a.tune(EDU_TUNE_icmp_echo_ignore_broadcasts, 0);
	w.say(wire::icmp::repr::echo(1, 1), {}, ip4(10, 0, 0, 255), 0xff);
	ASSERT_EQ(w.answers(), 1u);
	EXPECT_EQ(ip_of(w.answer()).src(), w.a.address());
	w.a.tune(EDU_TUNE_icmp_echo_ignore_all, 1);
	w.say(wire::icmp::repr::echo(1, 1), {});
	EXPECT_EQ(w.answers(), 1u);
}

EDU_TEST(icmp, an_echo_reply_carries_the_recorded_route_on, "IP-10", "RFC1122-3.2.2.6")
{
	static constexpr u8 route[] = {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0};
	asked w;

	w.say(wire::icmp::repr::echo(1, 1), {}, w.a.address(), 1, route);
	ASSERT_EQ(w.answers(), 1u);
	bytes options = ip_of(w.answer()).options();

	ASSERT_EQ(options.size(), 12u);
	EXPECT_EQ(options[2], 12u);
	EXPECT_EQ(load_addr(&options[3]), w.a.address()); /* in */
	EXPECT_EQ(load_addr(&options[7]), w.a.address()); /* and out, as Linux */
}

EDU_TEST(icmp, an_answer_to_everybodys_question_records_one_address, "IP-10", "RFC1122-3.2.2.6")
{
	static constexpr u8 route[] = {7, 7, 4, 0, 0, 0, 0, 0};
	asked w;

	w.a.tune(EDU_TUNE_icmp_echo_ignore_broadcasts, 0);
	w.say(wire::icmp::repr::echo(1, 1), {}, ip4(10, 0, 0, 255), 0xff, route);
	ASSERT_EQ(w.answers(), 1u);
	bytes options = ip_of(w.answer()).options();

	ASSERT_EQ(options.size(), 8u);
	EXPECT_EQ(options[2], 8u);
	EXPECT_EQ(load_addr(&options[3]), w.a.address());
}

EDU_TEST(icmp, an_echo_reply_carries_time_stamps_on, "IP-10", "RFC1122-3.2.2.6")
{
	static constexpr u8 times[] = {68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0};
	static constexpr u8 full[] = {68, 8, 9, 0x20, 0, 0, 0, 1};
	asked w;

	w.say(wire::icmp::repr::echo(1, 1), {}, w.a.address(), 1, times);
	ASSERT_EQ(w.answers(), 1u);
	bytes options = ip_of(w.answer()).options();

	EXPECT_EQ(options[2], 13u);
	EXPECT_EQ(options[3], 1u); /* in found room: nobody was missed */
	EXPECT_EQ(load_addr(&options[4]), w.a.address());
	w.cable.clear();
	w.say(wire::icmp::repr::echo(1, 1), {}, w.a.address(), 1, full);
	ASSERT_EQ(w.answers(), 1u);
	EXPECT_EQ(ip_of(w.answer()).options()[3], 0x30u);
}

EDU_TEST(icmp, a_host_without_an_address_is_not_answered, "IP-10", "RFC1122-3.2.1.3")
{
	asked w;
	icmp_message echo{wire::icmp::repr::echo(1, 1), {}};
	u64 before = w.a.counter(EDU_Icmp_OutMsgs);

	w.a.tune(EDU_TUNE_icmp_echo_ignore_broadcasts, 0);
	w.a.inject(ip_frame(9, 0xff,
			    {.protocol = icmp_protocol_number,
			     .src = {},
			     .dst = ip4(255, 255, 255, 255)},
			    echo.all())
			   .all());
	w.settle();
	EXPECT_EQ(w.answers(), 0u);
	EXPECT_EQ(w.a.counter(EDU_Icmp_OutMsgs), before);
}

EDU_TEST(icmp, a_datagram_shorter_than_its_packet_is_told_of_too, "IP-10", "UDP-3")
{
	static constexpr u8 datagram[] = {0x30, 0x39, 0, 99, 0, 8, 0, 0, 'm', 'o', 'r', 'e'};
	asked w;

	w.a.inject(
		ip_frame(9, 1,
			 {.protocol = udp_protocol_number, .src = stranger, .dst = w.a.address()},
			 datagram)
			.all());
	w.settle();
	ASSERT_EQ(w.answers(), 1u);
	EXPECT_EQ(payload_of(w.answer()).size(), 8u + 28u);
}

EDU_TEST(icmp, a_timestamp_is_answered, "IP-10", "RFC1122-3.2.2.8")
{
	static constexpr u8 times[12] = {0, 0, 1, 2};
	asked w;

	w.say({wire::icmp::type::timestamp, 0, 0x00010002}, times);
	ASSERT_EQ(w.answers(), 1u);
	bytes reply = payload_of(w.answer());

	ASSERT_EQ(reply.size(), 20u);
	EXPECT_EQ(reply[0], 14u);
	EXPECT_EQ(load_be32(&reply[8]), 0x0102u); /* the asker's time, untouched */
	EXPECT_EQ(load_be32(&reply[12]), load_be32(&reply[16]));
	EXPECT_TRUE(inet_sum{}.add(reply).is_valid());
}

EDU_TEST(icmp, malformed_and_unknown_messages_are_dropped_by_name, "IP-10", "RFC1122-3.2.2")
{
	asked w;
	icmp_message bad{wire::icmp::repr::echo(1, 1), octets("tlk")};
	wire::ipv4::repr ip{
		.protocol = icmp_protocol_number, .src = stranger, .dst = w.a.address()};

	bad.octet[9] ^= 1;
	w.a.inject(ip_frame(9, 1, ip, bad.all()).all());
	w.a.inject(ip_frame(9, 1, ip, bad.all().first(7)).all());
	w.settle();
	w.say({static_cast<wire::icmp::type>(99), 0, 0}, {});
	w.say({wire::icmp::type::timestamp, 0, 0}, {});
	EXPECT_EQ(w.a.counter(EDU_Icmp_DropChecksum), 1u);
	EXPECT_EQ(w.a.counter(EDU_Icmp_DropShort), 2u);
	EXPECT_EQ(w.a.counter(EDU_Icmp_DropUnknownType), 1u);
	EXPECT_EQ(w.answers(), 0u);
}

EDU_TEST(icmp, a_closed_port_is_told_with_a_quote, "IP-10", "RFC1812-4.3.2.3")
{
	asked w;

	w.knock(w.a.address());
	ASSERT_EQ(w.answers(), 1u);
	wire::ipv4::view ip = ip_of(w.answer());
	auto [said, why] = wire::icmp::view::checked(ip.payload());

	EXPECT_EQ(why, wire::icmp::fault::none);
	EXPECT_EQ(said.type(), wire::icmp::type::unreachable);
	EXPECT_EQ(said.code(), 3u);
	EXPECT_EQ(said.payload().size(), 31u);
	EXPECT_EQ(ip.tos(), 0xc0u);
	EXPECT_EQ(w.a.counter(EDU_Icmp_OutDestUnreachs), 1u);
}

EDU_TEST(icmp, no_error_is_about_a_broadcast_or_an_error, "IP-10", "RFC1122-3.2.2", "RFC1122-2.4")
{
	asked w;
	handmade quoted = ip_frame(
		1, 9, {.protocol = udp_protocol_number, .src = w.a.address(), .dst = stranger},
		octets("12345678"));
	icmp_message error{wire::icmp::repr::unreachable(wire::icmp::unreachable_code::port),
			   quoted.ip()};
	handmade frame = ip_frame(
		9, 1, {.protocol = icmp_protocol_number, .src = stranger, .dst = w.a.address()},
		error.all());

	w.knock(ip4(10, 0, 0, 255), 0xff); /* IP broadcast */
	w.knock(w.a.address(), 0xff);	   /* link broadcast */
	frame.ip()[20] = 200;		   /* an unknown ICMP type might be an error */
	EXPECT_EQ(w.answers(), 0u);

	/* An error whose options are broken: the parameter problem would be about an error. */
	static constexpr u8 broken[] = {7, 40, 4, 0};
	handmade bad = ip_frame(
		9, 1, {.protocol = icmp_protocol_number, .src = stranger, .dst = w.a.address()},
		error.all(), broken);

	w.a.inject(bad.all());
	w.settle();
	EXPECT_EQ(w.answers(), 0u);
	EXPECT_GE(w.a.counter(EDU_Icmp_ErrorSuppressed), 2u);
}

EDU_TEST(icmp, errors_are_rate_limited_by_a_token_bucket, "IP-10", "RFC1812-4.3.2.8")
{
	asked w;

	w.a.tune(EDU_TUNE_icmp_unreach_burst, 3);
	w.a.tune(EDU_TUNE_icmp_unreach_interval_ms, 100);
	for (int i = 0; i < 10; i++)
		w.knock(w.a.address());
	EXPECT_GE(w.answers(), 3u);
	EXPECT_LE(w.answers(), 5u);
	EXPECT_GE(w.a.counter(EDU_Icmp_RateLimited), 5u);
	u32 before = w.answers();
	w.run_for(150);
	w.knock(w.a.address());
	EXPECT_EQ(w.answers(), before + 1);
}

EDU_TEST(icmp, what_we_say_to_ourselves_has_no_limit, "IP-10", "RFC1122-4.1.3.3")
{
	constexpr int so_error = 4, econnrefused = 111;
	world w;

	w.a.tune(EDU_TUNE_icmp_unreach_burst, 1);
	w.a.tune(EDU_TUNE_icmp_unreach_interval_ms, 3600000);
	for (be32 self : {wire::ipv4::loopback_addr, w.a.address()}) {
		socket from = w.a.udp();

		EXPECT_EQ(from.connect(self, 9), 0);
		for (int i = 0; i < 10; i++) {
			EXPECT_EQ(from.send("tlk"), 3);
			w.settle();
			EXPECT_EQ(from.get(sol_socket, so_error), econnrefused);
		}
	}
	EXPECT_EQ(w.a.counter(EDU_Icmp_RateLimited), 0u);
}

EDU_TEST(icmp, an_error_must_quote_a_packet_of_ours, "IP-10", "RFC1122-3.2.2")
{
	asked w;
	socket from = w.a.udp();

	ASSERT_EQ(from.connect(stranger, 7), 0);
	u8 datagram[8] = {0, 0, 0, 7, 0, 8, 0, 0};
	store_be16(datagram, from.port());
	auto unreachable = wire::icmp::repr::unreachable(wire::icmp::unreachable_code::port);
	wire::ipv4::repr ours{
		.protocol = udp_protocol_number, .src = w.a.address(), .dst = stranger};
	wire::ipv4::repr theirs = ours;

	theirs.src = ip4(10, 0, 0, 50);
	handmade other = ip_frame(1, 9, theirs, datagram), own = ip_frame(1, 9, ours, datagram);
	w.say(unreachable, other.ip());
	w.say(unreachable, own.ip().first(24)); /* too little of the datagram */
	w.say(unreachable, own.ip().first(12));
	w.say(unreachable, own.ip(), ip4(10, 0, 0, 255), 0xff);
	EXPECT_EQ(w.a.counter(EDU_Icmp_DropQuote), 4u);
	EXPECT_EQ(from.receive().length, -11);
	w.say(unreachable, own.ip());
	EXPECT_EQ(from.receive().length, -111);
}

EDU_TEST(icmp, redirects_and_source_quench_change_nothing, "RFC6633")
{
	asked w;

	w.say(wire::icmp::repr::redirect(wire::icmp::redirect_code::host, stranger),
	      octets("12345678"));
	w.say({wire::icmp::type::source_quench, 0, 0}, octets("12345678"));
	EXPECT_EQ(w.a.counter(EDU_Icmp_InRedirects), 1u);
	EXPECT_EQ(w.a.counter(EDU_Icmp_InSrcQuenchs), 1u);
	EXPECT_EQ(w.a.counter(EDU_Icmp_InMsgs), 2u);
	EXPECT_EQ(w.answers(), 0u);
}

EDU_TEST(icmp, errors_mean_what_linux_says_they_mean, "RFC1122-4.2.3.9")
{
	EXPECT_EQ(icmp_error_meaning(3, 3).error, 111);
	EXPECT_TRUE(icmp_error_meaning(3, 3).fatal);
	EXPECT_EQ(icmp_error_meaning(3, 1).error, 113);
	EXPECT_FALSE(icmp_error_meaning(3, 1).fatal);
	EXPECT_EQ(icmp_error_meaning(3, 2).error, 92);
	EXPECT_EQ(icmp_error_meaning(3, 200).error, 113);
	EXPECT_EQ(icmp_error_meaning(11, 0).error, 113);
	EXPECT_EQ(icmp_error_meaning(12, 0).error, 71);
}

} // namespace edu::test
