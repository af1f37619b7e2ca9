// SPDX-License-Identifier: GPL-2.0-only
/*
 * SOCK_PACKET sockets.
 *
 * Requirements: BSD-4, DEV-4, INET-2, LAYER-3; packet(7).
 *
 * Locking: none. Tests run one after the other.
 */
#include "test.hh"
#include "world.hh"

namespace edu::test::on_transport_packet {
namespace {

constexpr int sock_packet = 10, eth_p_all = 3, eth_p_arp = 0x0806, eth_p_ip = 0x0800;
constexpr int eagain = -11, enodev = -19, einval = -22, emsgsize = -90, eopnotsupp = -95,
	      enetdown = -100, enotconn = -107;

/* A socket for frames of that protocol. */
socket ear(host &at, int ethertype)
{
	return at.open(sock_packet, be16{static_cast<u16>(ethertype)}.raw());
}

/* A name for bind() and sendto(). */
edu_frame name_of(const char *device, u16 ethertype = 0)
{
	edu_frame name = {};

	for (u32 i = 0; device[i] && i < sizeof(name.device); i++)
		name.device[i] = device[i];
	name.protocol = be16{ethertype}.raw();
	return name;
}

int bind_to(socket &s, const char *device)
{
	edu_frame name = name_of(device);

	return edu_t_bind_raw(s.get(), &name, 16);
}

bool is_from(const datagram &got, const char *device, u16 ethertype)
{
	edu_frame wanted = name_of(device, ethertype);

	return got.call.frame.protocol == wanted.protocol &&
	       same({reinterpret_cast<const u8 *>(got.call.frame.device), 14},
		    {reinterpret_cast<const u8 *>(wanted.device), 14});
}

/* The whole frame of an experiment: to the address, from nobody in particular. */
struct test_frame {
	u8 octets[60] = {};

	explicit test_frame(eth_addr to)
	{
		to.store(octets);
		octets[12] = 0x88;
		octets[13] = 0xb5;
		copy_bytes(octets + 14, test::octets("tlk"));
	}
	bytes all() const { return octets; }
};

} // namespace

EDU_TEST(packet, a_frame_arrives_with_its_link_header, "BSD-4", "DEV-4")
{
	world w;
	socket arp = ear(w.b, eth_p_arp), ip = ear(w.b, eth_p_ip), none = ear(w.b, 0);
	socket from = w.a.udp(), to = w.b.udp(7);

	from.send("tlk", w.b.address(), 7);
	w.settle();
	datagram request = arp.receive(), packet = ip.receive();

	ASSERT_EQ(request.length, static_cast<int>(w.cable.frame(eth_p_arp, 0).size()));
	EXPECT_BYTES(request.payload(), w.cable.frame(eth_p_arp, 0));
	EXPECT_TRUE(is_from(request, "eth0", eth_p_arp));
	EXPECT_EQ(request.call.frame.type, 1);	 /* ARPHRD_ETHER */
	EXPECT_EQ(arp.receive().length, eagain); /* not what we send ourselves */
	EXPECT_BYTES(packet.payload(), w.cable.frame(eth_p_ip, 0));
	EXPECT_EQ(none.receive().length, eagain);
	EXPECT_EQ(to.receive().length, 3); /* nobody was robbed */
	EXPECT_EQ(w.b.counter(EDU_Packet_InFrames), 2u);
}

EDU_TEST(packet, all_means_both_ways, "BSD-4", "DEV-4")
{
	world w;
	socket all = ear(w.b, eth_p_all), from = w.a.udp(), to = w.b.udp(7);

	from.send("tlk", w.b.address(), 7);
	w.settle();
	EXPECT_TRUE(is_from(all.receive(), "eth0", eth_p_arp)); /* who has … */
	EXPECT_TRUE(is_from(all.receive(), "eth0", eth_p_arp)); /* … our answer … */
	EXPECT_TRUE(is_from(all.receive(), "eth0", eth_p_ip));
	EXPECT_EQ(all.receive().length, eagain);
	EXPECT_EQ(w.a.counter(EDU_Packet_InFrames), 0u); /* another host's affair */
}

EDU_TEST(packet, a_frame_goes_to_the_device_named_with_it, "BSD-4", "DEV-4")
{
	world w;
	socket from = ear(w.a, eth_p_all), other = ear(w.a, eth_p_all), to = ear(w.b, 0x88b5);
	const test_frame frame{w.b.hardware_address()};
	const edu_frame eth0 = name_of("eth0", 0x88b5), none = name_of("eth9");

	EXPECT_EQ(edu_t_send_frame(from.get(), frame.octets, 60, &eth0), 60);
	w.settle();
	EXPECT_BYTES(to.receive().payload(), frame.all());
	EXPECT_EQ(other.receive().length, 60);
	EXPECT_EQ(from.receive().length, eagain); /* nobody hears themselves */
	EXPECT_EQ(w.a.counter(EDU_Packet_OutFrames), 1u);

	EXPECT_EQ(edu_t_send_frame(from.get(), frame.octets, 60, nullptr), enotconn);
	EXPECT_EQ(edu_t_send_frame(from.get(), frame.octets, 60, &none), enodev);
	EXPECT_EQ(edu_t_send_frame(from.get(), frame.octets, 13, &eth0), einval);
	EXPECT_EQ(edu_t_send_frame(from.get(), frame.octets, 0, &eth0), einval);
	EXPECT_EQ(edu_t_send_frame(from.get(), frame.octets, 14, &eth0), 14); /* without data */
	w.settle();
	EXPECT_EQ(to.receive().length, 14);

	edu_send send = {}; /* a struct sockaddr, with no room for a protocol */

	send.name = &eth0;
	send.name_len = 16;
	send.flags = msg_dontwait;
	EXPECT_EQ(edu_t_sendmsg(from.get(), frame.octets, 60, &send), 60);
	w.settle();
	EXPECT_BYTES(to.receive().payload(), frame.all()); /* the frame says what it is */
	send.name_len = 15;
	EXPECT_EQ(edu_t_sendmsg(from.get(), frame.octets, 60, &send), einval);
}

EDU_TEST(packet, a_frame_must_fit_the_device, "BSD-4")
{
	static constexpr u32 most = 1514;
	static u8 large[most + 5];
	world w;
	socket s = ear(w.a, eth_p_all);
	const edu_frame eth0 = name_of("eth0");

	EXPECT_EQ(edu_t_send_frame(s.get(), large, most, &eth0), static_cast<int>(most));
	EXPECT_EQ(edu_t_send_frame(s.get(), large, most + 1, &eth0), emsgsize);
	large[12] = 0x81; /* a tagged one may be four longer */
	EXPECT_EQ(edu_t_send_frame(s.get(), large, most + 4, &eth0), static_cast<int>(most) + 4);
	EXPECT_EQ(edu_t_send_frame(s.get(), large, most + 5, &eth0), emsgsize);
	large[12] = 0;
	w.settle();
}

EDU_TEST(packet, bound_it_hears_one_device, "BSD-4")
{
	world w;
	class cable second;
	host c;
	socket s = ear(w.b, eth_p_arp);

	w.b.plug(second, 3);
	c.plug(second, 4);
	c.add_address(wire::ipv4::make_addr(10, 9, 0, 1), 24);
	w.settle();
	while (s.receive().length > 0)
		; /* the newcomers' announcements */
	EXPECT_EQ(bind_to(s, "eth9"), enodev);
	EXPECT_EQ(edu_t_bind_raw(s.get(), "", 1), einval);
	EXPECT_EQ(bind_to(s, "eth1"), 0);
	EXPECT_EQ(bind_to(s, "eth1"), 0);

	socket from = w.a.udp(), other = c.udp();

	from.send("tlk", w.b.address(), 7);
	other.send("tlk", wire::ipv4::make_addr(10, 9, 0, 9), 7);
	w.settle();
	EXPECT_TRUE(is_from(s.receive(), "eth1", eth_p_arp));
	EXPECT_EQ(s.receive().length, eagain);
	EXPECT_EQ(bind_to(s, "eth0"), 0); /* it may change its mind */
	from.send("tlk", wire::ipv4::make_addr(10, 0, 0, 9), 7);
	w.settle();
	EXPECT_TRUE(is_from(s.receive(), "eth0", eth_p_arp));
	edu_t_dev_gone(w.b.get(), w.b.ifindex()); /* its cable ends before the world does */
}

EDU_TEST(packet, a_device_that_goes_down_is_told_once, "BSD-4", "LAYER-3")
{
	world w;
	socket s = ear(w.b, eth_p_all);
	edu_dev_info info = {};

	EXPECT_EQ(bind_to(s, "eth0"), 0);
	edu_t_dev_info(w.b.get(), w.b.ifindex(), &info);
	info.flags &= ~iff_up;
	edu_t_dev_change(w.b.get(), w.b.ifindex(), &info);
	EXPECT_EQ(s.receive().length, enetdown);
	EXPECT_EQ(s.receive().length, eagain);

	const edu_frame eth0 = name_of("eth0");
	const test_frame frame{w.a.hardware_address()};

	EXPECT_EQ(edu_t_send_frame(s.get(), frame.octets, 60, &eth0), enetdown);
	info.flags |= iff_up;
	edu_t_dev_change(w.b.get(), w.b.ifindex(), &info);
	w.settle();
	while (s.receive().length > 0)
		;
	w.b.inject(test_frame{w.b.hardware_address()}.all());
	EXPECT_EQ(s.receive().length, 60); /* it hears again */
	edu_t_dev_gone(w.b.get(), w.b.ifindex());
	EXPECT_EQ(s.receive().length, enetdown);
	EXPECT_EQ(edu_core_frame_ifindex(s.sk()), -1);
	EXPECT_EQ(bind_to(s, "eth0"), enodev);
	EXPECT_EQ(bind_to(s, "edulo"), 0);
}

EDU_TEST(packet, what_does_not_fit_its_buffer_is_counted, "BSD-4")
{
	world w;
	socket s = ear(w.b, 0x88b5);
	const test_frame frame{w.b.hardware_address()};
	int queued = 0;

	EXPECT_EQ(s.set(sol_socket, 8 /* SO_RCVBUF */, 2304), 0);
	for (int i = 0; i < 40; i++)
		w.b.inject(frame.all());
	while (s.receive().length > 0)
		queued++;
	EXPECT_GT(queued, 0);
	EXPECT_GT(w.b.counter(EDU_Packet_DropRcvbufFull), 0u);
	EXPECT_EQ(w.b.counter(EDU_Packet_DropRcvbufFull) + static_cast<u32>(queued), 40u);
}

EDU_TEST(packet, only_the_privileged_get_one, "BSD-4")
{
	world w;
	int error = 0;

	edu_t_privileged(0);
	EXPECT_EQ(edu_t_socket(w.a.get(), sock_packet, be16{eth_p_all}.raw(), &error), nullptr);
	edu_t_privileged(1);
	EXPECT_EQ(error, -1); /* EPERM */
	EXPECT_EQ(edu_t_socket(w.a.get(), sock_packet, 0x10000, &error), nullptr);
	EXPECT_EQ(error, einval);
}

EDU_TEST(packet, it_has_no_other_end, "BSD-4", "INET-2")
{
	world w;
	socket s = ear(w.a, eth_p_all);
	u8 value[64] = {};
	unsigned int len = 4;

	EXPECT_EQ(s.connect(w.b.address(), 7), eopnotsupp);
	EXPECT_EQ(edu_core_listen(s.sk(), 1), eopnotsupp);
	EXPECT_EQ(edu_core_shutdown(s.sk(), 2), eopnotsupp);
	EXPECT_EQ(s.set(sol_ip, 2, 5), eopnotsupp);
	EXPECT_EQ(edu_t_getsockopt(s.get(), sol_ip, 2, value, &len), eopnotsupp);
	EXPECT_EQ(s.receive(0x40 | 0x100 /* MSG_WAITALL */).length, einval);
}

EDU_TEST(packet, its_sockets_are_shown, "BSD-4", "INET-7")
{
	world w;
	socket one = ear(w.a, eth_p_all), two = ear(w.a, eth_p_arp);
	edu_cursor at = {};
	edu_sock_info info = {};
	int bound = 0;

	EXPECT_EQ(bind_to(one, "eth0"), 0);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(edu_core_sock_next(w.a.stack(), EDU_SOCKS_PACKET, &at, &info), 1);
		EXPECT_EQ(info.type, sock_packet);
		bound += info.bound_if == w.a.ifindex() &&
			 be16::from_raw(info.local_port) == be16{eth_p_all};
	}
	EXPECT_EQ(bound, 1);
	EXPECT_EQ(edu_core_sock_next(w.a.stack(), EDU_SOCKS_PACKET, &at, &info), 0);
}

EDU_TEST(packet, no_memory_for_an_ear_is_told, "BSD-4")
{
	world w;
	int error = 0;

	edu_t_fail_alloc(2); /* the sock, then its tap */
	edu_t_sock *s = edu_t_socket(w.a.get(), sock_packet, be16{eth_p_all}.raw(), &error);

	if (edu_t_alloc_failed())
		EXPECT_EQ(s, nullptr);
	if (s)
		edu_t_close(s);
}

} // namespace edu::test::on_transport_packet
