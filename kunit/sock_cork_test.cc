// SPDX-License-Identifier: GPL-2.0-only
/*
 * Corking: MSG_MORE and UDP_CORK.
 *
 * Requirements: BSD-6, UDP-3; udp(7), send(2).
 *
 * Locking: none. Tests run one after the other.
 */
#include "frames.hh"

namespace edu::test::on_sock_cork {
namespace {

constexpr u32 more = 0x8000 | msg_dontwait;
constexpr int sol_udp = 17, udp_cork = 1, ipproto_test = 200;
constexpr int eagain = -11, emsgsize = -90, einval = -22, enetunreach = -101;

} // namespace

EDU_TEST(cork, several_sends_become_one_datagram, "UDP-3", "BSD-6")
{
	world w;
	socket from = w.a.udp(), to = w.b.udp(7), other = w.b.udp(8);

	EXPECT_EQ(from.send(octets("the "), w.b.address(), 7, more), 4);
	EXPECT_EQ(from.send(octets("Linux "), w.b.address(), 8, more),
		  6); /* too late to say where */
	w.settle();
	EXPECT_EQ(to.receive().length, eagain);
	EXPECT_EQ(from.send(octets("kernel"), w.b.address(), 7), 6);
	w.settle();
	EXPECT_BYTES(to.receive().payload(), octets("the Linux kernel"));
	EXPECT_EQ(to.receive().length, eagain);
	EXPECT_EQ(other.receive().length, eagain);
	EXPECT_EQ(w.a.counter(EDU_Udp_OutDatagrams), 1u);

	EXPECT_EQ(from.send(octets("next"), w.b.address(), 8), 4); /* it is over */
	w.settle();
	EXPECT_EQ(other.receive().length, 4);
}

EDU_TEST(cork, an_option_holds_everything_back, "UDP-3")
{
	world w;
	socket from = w.a.udp(), to = w.b.udp(7);

	from.connect(w.b.address(), 7);
	EXPECT_EQ(from.get(sol_udp, udp_cork), 0);
	EXPECT_EQ(from.set(sol_udp, udp_cork, 5), 0);
	EXPECT_EQ(from.get(sol_udp, udp_cork), 1);
	from.send("a");
	from.send("b");
	w.settle();
	EXPECT_EQ(to.receive().length, eagain);
	EXPECT_EQ(from.set(sol_udp, udp_cork, 0), 0);
	w.settle();
	EXPECT_BYTES(to.receive().payload(), octets("ab"));
	EXPECT_EQ(from.set(sol_udp, udp_cork, 0), 0); /* nothing there: nothing sent */
	w.settle();
	EXPECT_EQ(to.receive().length, eagain);
}

EDU_TEST(cork, sendfile_ends_it, "BSD-5")
{
	world w;
	socket from = w.a.udp(), to = w.b.udp(7);

	edu_core_splice_eof(from.sk());
	from.send(octets("file"), w.b.address(), 7, more);
	edu_core_splice_eof(from.sk());
	w.settle();
	EXPECT_EQ(to.receive().length, 4);
	from.set(sol_udp, udp_cork, 1);
	from.send(octets("file"), w.b.address(), 7, more);
	edu_core_splice_eof(from.sk()); /* the program said otherwise */
	w.settle();
	EXPECT_EQ(to.receive().length, eagain);
}

EDU_TEST(cork, a_checksum_covers_every_part, "UDP-3", "OVER-3")
{
	static constexpr u32 part_len = 333;
	static u8 part[part_len];
	world w;
	socket from = w.a.udp(), to = w.b.udp(7);

	for (u32 i = 0; i < part_len; i++)
		part[i] = static_cast<u8>(i * 7);
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(from.send(part, w.b.address(), 7, more), static_cast<int>(part_len));
	EXPECT_EQ(from.send(octets("end"), w.b.address(), 7), 3);
	w.settle();
	datagram got = to.receive(msg_dontwait | msg_trunc);

	EXPECT_EQ(got.length, static_cast<int>(3 * part_len + 3));
	EXPECT_EQ(w.b.counter(EDU_Udp_DropChecksum), 0u);
}

EDU_TEST(cork, more_than_the_mtu_leaves_in_fragments, "UDP-3", "IP-4", "IP-5", "BSD-6")
{
	constexpr u32 parts = 5, part_len = 777, whole = parts * part_len + 3;
	static u8 part[part_len];
	world w;
	socket from = w.a.udp(), to = w.b.udp(7);

	for (u32 i = 0; i < part_len; i++)
		part[i] = static_cast<u8>(i * 5);
	from.send("first", w.b.address(), 7); /* for ARP */
	w.settle();
	EXPECT_EQ(to.receive().length, 5);
	w.cable.clear();
	for (u32 i = 0; i < parts; i++)
		EXPECT_EQ(from.send(part, w.b.address(), 7, more), static_cast<int>(part_len));
	w.settle();
	EXPECT_EQ(w.cable.frames(), 0u);
	EXPECT_EQ(from.send(octets("end"), w.b.address(), 7), 3);
	w.settle();
	EXPECT_EQ(w.cable.frames(ethertype_ip), 3u); /* 2 * 1480 octets, and the rest */
	EXPECT_EQ(w.a.counter(EDU_Ip_FragCreates), 3u);
	EXPECT_EQ(w.a.counter(EDU_Ip_FragOKs), 1u);
	datagram got = to.receive(msg_dontwait | msg_trunc);

	EXPECT_EQ(got.length, static_cast<int>(whole));
	EXPECT_BYTES((bytes{got.data, sizeof(got.data)}), (bytes{part, sizeof(got.data)}));
	EXPECT_EQ(to.receive().length, eagain);
	EXPECT_EQ(w.b.counter(EDU_Udp_DropChecksum), 0u);
}

EDU_TEST(cork, what_may_not_be_cut_stays_within_the_mtu, "UDP-3", "IP-4")
{
	constexpr int ip_mtu_discover = 10, pmtu_do = 2;
	static u8 part[736];
	world w;
	socket from = w.a.udp(), to = w.b.udp(7);

	from.set(sol_ip, ip_mtu_discover, pmtu_do);
	for (int i = 0; i < 2; i++) /* 1472 octets: just fits */
		EXPECT_EQ(from.send(part, w.b.address(), 7, more), 736);
	EXPECT_EQ(from.send(octets("x"), w.b.address(), 7, more), emsgsize); /* all of it goes */
	EXPECT_EQ(from.send(part, w.b.address(), 7, more), 736);
	EXPECT_EQ(from.send(part, w.b.address(), 7), 736);
	w.settle();
	EXPECT_EQ(to.receive(msg_dontwait | msg_trunc).length, 1472);
	EXPECT_EQ(to.receive().length, eagain);
	EXPECT_EQ(w.a.counter(EDU_Ip_FragCreates), 0u);
}

EDU_TEST(cork, what_grows_too_large_is_thrown_away, "UDP-3")
{
	static u8 large[40000];
	world w;
	socket from = w.a.udp(), to = w.b.udp(7);

	EXPECT_EQ(from.send(large, w.b.address(), 7, more), 40000);
	EXPECT_EQ(from.send(large, w.b.address(), 7, more), emsgsize);
	EXPECT_EQ(from.send(octets("new"), w.b.address(), 7), 3);
	w.settle();
	EXPECT_EQ(to.receive().length, 3);
}

EDU_TEST(cork, an_error_at_the_start_begins_nothing, "UDP-3")
{
	world w;
	socket from = w.a.udp(), to = w.b.udp(7);

	EXPECT_EQ(from.send(octets("x"), wire::ipv4::make_addr(192, 168, 9, 9), 7, more),
		  enetunreach);
	EXPECT_EQ(from.send(octets("x"), w.b.address(), 0, more), einval);
	EXPECT_EQ(from.send(octets("y"), w.b.address(), 7), 1);
	w.settle();
	EXPECT_BYTES(to.receive().payload(), octets("y"));
}

EDU_TEST(cork, no_memory_ends_the_datagram, "UDP-3")
{
	world w;
	socket from = w.a.udp(), to = w.b.udp(7);

	for (u32 nth = 1; nth < 4; nth++) {
		edu_t_fail_alloc(nth);
		int first = from.send(octets("a"), w.b.address(), 7, more);
		int second = from.send(octets("b"), w.b.address(), 7, more);

		if (!edu_t_alloc_failed())
			break;
		EXPECT_TRUE(first == -105 || second == -105 || first == -12);
		edu_t_fail_alloc(0);
		from.set(sol_udp, udp_cork, 0);
	}
	edu_t_fail_alloc(0);
	w.settle();
}

EDU_TEST(cork, what_was_not_sent_goes_with_its_socket, "BSD-6")
{
	world w;
	socket from = w.a.udp(), to = w.b.udp(7);

	from.send(octets("never"), w.b.address(), 7, more);
	from.close();
	w.settle();
	EXPECT_EQ(to.receive().length, eagain);
}

EDU_TEST(cork, raw_sockets_can_as_well, "BSD-4")
{
	world w;
	socket from = w.a.open(sock_raw, ipproto_test), to = w.b.open(sock_raw, ipproto_test);

	EXPECT_EQ(from.send(octets("the "), w.b.address(), 0, more), 4);
	EXPECT_EQ(from.send(octets("Linux"), w.b.address()), 5);
	w.settle();
	EXPECT_BYTES(to.receive().payload().subspan(20), octets("the Linux"));
	EXPECT_EQ(w.a.counter(EDU_Raw_OutDatagrams), 1u);
}

} // namespace edu::test::on_sock_cork
