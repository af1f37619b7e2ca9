// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of wire/icmp.hh: messages and the packets that errors quote.
 *
 * Locking: none. Tests run one after the other.
 */
#include "wire/icmp.hh"
#include "hostile.hh"

namespace edu::test_icmp_wire {

using namespace wire;
using icmp::fault;
using ipv4::make_addr;

/* Port unreachable about a UDP datagram from 10.0.0.1 port 5000 to 10.0.0.2 port 53. */
struct sample_error {
	static constexpr size_t len = icmp::header_len + ipv4::min_header_len + icmp::min_quote;

	u8 message[len] = {};

	sample_error()
	{
		mutable_bytes quote = mutable_bytes{message}.subspan(icmp::header_len);

		ipv4::repr{.total_length = 100,
			   .ttl = 1,
			   .protocol = 17,
			   .src = make_addr(10, 0, 0, 1),
			   .dst = make_addr(10, 0, 0, 2)}
			.emit(quote.first(20));
		store_be16(&quote[20], 5000);
		store_be16(&quote[22], 53);
		store_be16(&quote[24], 80);
		store_be16(&quote[26], 0xbeef);
		icmp::repr::unreachable(icmp::unreachable_code::port)
			.emit(std::span{message}.first<icmp::header_len>(), inet_sum{}.add(quote));
	}
	bytes quote() const { return bytes{message}.subspan(icmp::header_len); }
};

EDU_TEST(icmp_wire, an_echo_is_read_as_written, "IP-10", "RFC792")
{
	static constexpr u8 data[] = {'p', 'i', 'n', 'g', '!'};
	u8 message[13];

	copy_bytes(message + 8, data);
	icmp::repr::echo(0x1234, 7).emit(std::span{message}.first<8>(), inet_sum{}.add(data));
	auto [got, why] = icmp::view::checked(message);

	ASSERT_EQ(why, fault::none);
	EXPECT_EQ(got.type(), icmp::type::echo);
	EXPECT_EQ(got.id(), 0x1234);
	EXPECT_EQ(got.sequence(), 7);
	EXPECT_BYTES(got.payload(), data);
	EXPECT_FALSE(got.is_error());
	EXPECT_EQ(got.parse().reply(), (icmp::repr{icmp::type::echo_reply, 0, 0x12340007}));
}

EDU_TEST(icmp_wire, each_error_has_its_field, "IP-10", "RFC792", "RFC1191-4")
{
	u8 message[8];

	icmp::repr::unreachable(icmp::unreachable_code::fragmentation_needed, 1280).emit(message);
	EXPECT_EQ(icmp::view::checked(message).header.mtu(), 1280);
	EXPECT_EQ(icmp::view::checked(message).header.code(), 4);
	icmp::repr::parameter_problem(21).emit(message);
	EXPECT_EQ(icmp::view::checked(message).header.pointer(), 21);
	icmp::repr::redirect(icmp::redirect_code::host, make_addr(10, 0, 0, 9)).emit(message);
	EXPECT_EQ(icmp::view::checked(message).header.gateway(), make_addr(10, 0, 0, 9));
	icmp::repr::time_exceeded(icmp::time_exceeded_code::reassembly).emit(message);
	EXPECT_EQ(icmp::view::checked(message).header.code(), 1);
	EXPECT_EQ(icmp::view::checked(message).why, fault::none);
}

EDU_TEST(icmp_wire, errors_are_told_from_queries_and_both_from_the_unknown, "RFC1122-3.2.2")
{
	int errors = 0, known = 0;

	for (int t = 0; t < 256; t++) {
		errors += icmp::is_error(icmp::type{static_cast<u8>(t)});
		known += icmp::is_known(icmp::type{static_cast<u8>(t)});
	}
	EXPECT_EQ(errors, 5);
	EXPECT_EQ(known, 15);
}

EDU_TEST(icmp_wire, every_truncation_is_a_fault, "IP-10")
{
	test::each_truncation(sample_error{}.message, [](bytes cut) {
		fault why = icmp::view::checked(cut).why;

		EXPECT_EQ(why, cut.size() < 8 ? fault::short_header : fault::bad_checksum);
	});
}

EDU_TEST(icmp_wire, a_timestamp_has_three_times, "IP-10", "RFC792")
{
	const icmp::times sent{.originate = 1, .receive = 0x80000002, .transmit = 3};
	u8 message[20];

	sent.store(std::span{message}.subspan<8, 12>());
	icmp::repr asked{icmp::type::timestamp, 0, 0x00010002};
	asked.emit(std::span{message}.first<8>(), inet_sum{}.add(bytes{message}.subspan(8)));
	auto [got, why] = icmp::view::checked(message);
	ASSERT_EQ(why, fault::none);
	EXPECT_EQ(icmp::times::load(got.payload().first<icmp::times::len>()), sent);
	EXPECT_EQ(got.parse().reply().type, icmp::type::timestamp_reply);
	for (size_t length = 8; length < 20; length++)
		EXPECT_EQ(icmp::view::checked({message, length}).why, fault::short_message);
}

EDU_TEST(icmp_wire, the_front_of_a_message_in_pieces_is_enough, "SKB-1")
{
	sample_error e;
	auto [got, why] = icmp::view::checked_header(bytes{e.message}.first(8), 1400);

	EXPECT_EQ(why, fault::none);
	EXPECT_TRUE(got.payload().empty());
	EXPECT_EQ(icmp::view::checked_header(bytes{e.message}.first(7), 1400).why,
		  fault::not_linear);
	EXPECT_EQ(icmp::view::checked_header(bytes{e.message}.first(7), 7).why,
		  fault::short_header);
}

EDU_TEST(icmp_wire, a_quote_tells_whose_packet_it_was, "IP-10", "UDP-3", "RFC1122-3.2.2")
{
	sample_error e;
	auto [error, why] = icmp::view::checked(e.message);

	ASSERT_EQ(why, fault::none);
	EXPECT_TRUE(error.is_error());
	auto [quote, quote_why] = icmp::quote::checked(error.payload());
	ASSERT_EQ(quote_why, icmp::quote_fault::none);
	EXPECT_EQ(quote.packet().src(), make_addr(10, 0, 0, 1));
	EXPECT_EQ(quote.packet().dst(), make_addr(10, 0, 0, 2));
	EXPECT_EQ(quote.packet().protocol(), 17);
	EXPECT_EQ(quote.source_port(), 5000);
	EXPECT_EQ(quote.dest_port(), 53);
	EXPECT_EQ(quote.transport().size(), 8u);
}

EDU_TEST(icmp_wire, a_quote_cut_too_short_is_a_fault, "RFC1122-3.2.2")
{
	sample_error e;

	test::each_truncation(e.quote(), [](bytes cut) {
		auto why = icmp::quote::checked(cut).why;

		EXPECT_EQ(why, cut.size() < 20 ? icmp::quote_fault::short_header :
						 icmp::quote_fault::short_transport);
	});
}

EDU_TEST(icmp_wire, a_quote_of_a_tiny_packet_may_be_tiny, "RFC792")
{
	u8 packet[23] = {};

	ipv4::repr{.total_length = 23, .protocol = 200}.emit(mutable_bytes{packet}.first(20));
	auto [quote, why] = icmp::quote::checked(packet);
	EXPECT_EQ(why, icmp::quote_fault::none);
	EXPECT_FALSE(quote.has_ports());
	EXPECT_EQ(quote.source_port(), 0);
}

EDU_TEST(icmp_wire, a_quoted_later_fragment_has_no_ports, "RFC1122-3.2.2")
{
	sample_error e;
	u8 quote[28];

	copy_bytes(quote, e.quote());
	store_be16(quote + 6, 185);
	auto [got, why] = icmp::quote::checked(quote);
	EXPECT_EQ(why, icmp::quote_fault::none);
	EXPECT_FALSE(got.has_ports());
}

EDU_TEST(icmp_wire, a_quotes_malformations_have_names, "IP-10")
{
	sample_error e;
	u8 quote[28];

	copy_bytes(quote, e.quote());
	quote[0] = 0x55;
	EXPECT_EQ(icmp::quote::checked(quote).why, icmp::quote_fault::bad_version);
	quote[0] = 0x44;
	EXPECT_EQ(icmp::quote::checked(quote).why, icmp::quote_fault::bad_header_length);
	quote[0] = 0x45;
	store_be16(quote + 2, 19);
	EXPECT_EQ(icmp::quote::checked(quote).why, icmp::quote_fault::bad_header_length);
}

EDU_TEST(icmp_wire, damaged_messages_are_read_within_bounds, "IP-10")
{
	test::each_mutation(sample_error{}.message, 5000, [](bytes bad) {
		auto [message, why] = icmp::view::checked_header(bad, bad.size());

		if (why != fault::none)
			return;
		test::touch(message.parse());
		test::touch_all(message.payload());
		auto [quote, quote_why] = icmp::quote::checked(message.payload());
		if (quote_why != icmp::quote_fault::none)
			return;
		test::touch_all(quote.transport());
		test::touch(quote.tcp_seq());
	});
}

} // namespace edu::test_icmp_wire
