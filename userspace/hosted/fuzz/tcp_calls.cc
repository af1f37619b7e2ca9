// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: sequences of system calls on stream sockets, with what befalls two hosts meanwhile.
 *
 * An input is a list of pairs: a call, and what it is given. The call octet's low five bits say which; the
 * three above, which of eight sockets. Calls do not wait, but those that the fuzzer lets: these have a time limit.
 * At the end all is closed, and nothing may be left.
 *
 * Requirements: BSD-6, LAYER-3, TCP-8, TCP-12. Locking: none.
 */
#include "fuzz.hh"
#include "network.hh"

using namespace hosted;

namespace {

constexpr edu_be32 addresses[] = {ip4(10, 0, 0, 1), ip4(10, 0, 0, 2), ip4(127, 0, 0, 1), 0};

class machine {
public:
	machine()
	{
		for (int i = 0; i < 2; i++)
			devices_[i] = net_.plug(hosts_[i], cable_,
						{.address = addresses[i],
						 .segment_max = i ? 0u : 40000u});
		introduce(hosts_[0], addresses[1]);
	}
	~machine()
	{
		edu_t_fail_alloc(0);
		edu_t_pressure(0);
		for (edu_t_host *host : hosts_)
			while (!host->sockets.empty())
				edu_t_close(host->sockets.back());
		net_.wait_for_silence();
		for (edu_t_host *host : hosts_)
			fuzz::require(host->socks.empty());
	}

	void step(std::uint8_t call, std::uint8_t with)
	{
		const unsigned int which = call >> 5;
		edu_t_sock *&sock = socks_[which];

		call &= 31;
		if (call >= 24)
			return befall(call, with);
		if (!sock)
			sock = stream_of(hosts_[which & 1]);
		if (sock)
			use(sock, call, with);
	}

private:
	void use(edu_t_sock *&sock, std::uint8_t call, std::uint8_t with)
	{
		const edu_be32 address = addresses[with & 3];
		const edu_be16 port = port_of(1000 + (with >> 2 & 3));

		switch (call) {
		case 0:
		case 1:
			edu_t_bind(sock, call ? address : 0, port);
			return;
		case 2:
		case 3:
			edu_t_listen(sock, with & 3);
			return;
		case 4:
		case 5:
			edu_t_connect_flags(sock, address, port, nonblock);
			return;
		case 6:
			limit(sock, with);
			edu_t_connect_flags(sock, address, port, 0);
			return;
		case 7:
		case 8:
			return accept(sock, with);
		case 9:
			edu_t_shutdown(sock, with % 4);
			return;
		case 10:
			edu_t_disconnect(sock);
			return;
		case 11:
			edu_t_close(sock);
			sock = nullptr;
			return;
		case 12:
		case 13:
		case 14:
			return send(sock, with);
		case 15:
			limit(sock, with);
			return send(sock, with | 1);
		case 16:
		case 17:
		case 18:
			return receive(sock, with);
		case 19:
			set_option(sock, sol_tcp, with & 31, with >> 5);
			return;
		case 20:
			set_option(sock, sol_socket, with & 31, (with >> 5) * 1000);
			return;
		case 21:
			edu_t_poll(sock);
			return;
		case 22:
			return look(sock, with);
		default:
			set_option(sock, sol_socket, 13 /* SO_LINGER */, with % 3);
			return;
		}
	}

	static void limit(edu_t_sock *sock, std::uint8_t ms)
	{
		set_option(sock, sol_socket, 20 /* SO_RCVTIMEO */, 1 + ms);
		set_option(sock, sol_socket, 21 /* SO_SNDTIMEO */, 1 + ms);
	}

	void accept(edu_t_sock *sock, std::uint8_t with)
	{
		int error;

		for (edu_t_sock *&free : socks_)
			if (!free && &free - socks_ >= with % 8) {
				free = edu_t_accept(sock, nonblock, &error);
				return;
			}
	}

	static void send(edu_t_sock *sock, std::uint8_t with)
	{
		static const std::uint8_t data[40000] = {};

		edu_t_send(sock, data, 1 + (with >> 3) * 1200u,
			   (with & 1 ? 0 : dontwait) | (with & 2 ? 1 : 0) | (with & 4 ? 0x8000 : 0),
			   0, 0);
	}

	static void receive(edu_t_sock *sock, std::uint8_t with)
	{
		static std::uint8_t room[40000];
		constexpr edu_u32 flags[] = {0, 0, 1, 2, 0x20, 0x2000, 0x100, 0x102};
		edu_t_recv recv = {};

		recv.data = room;
		recv.room = (with >> 3) * 1200u;
		recv.flags = dontwait | flags[with & 7];
		edu_t_recvmsg(sock, &recv);
	}

	static void look(edu_t_sock *sock, std::uint8_t with)
	{
		edu_cursor at = {};
		edu_tcp_info info;
		std::uint8_t value[512];
		unsigned int len = sizeof(value);

		edu_t_getsockopt(sock, sol_tcp, with % 48, value, &len);
		while (edu_core_tcp_next(edu_t_stack(sock->host), &at, &info))
			;
	}

	void befall(std::uint8_t call, std::uint8_t with)
	{
		switch (call) {
		case 24:
			return edu_t_run(with);
		case 25:
			return edu_t_run(edu_u32{with} * with * 4);
		case 26:
			return edu_t_cable_lose(cable_, with % 8);
		case 27:
			return edu_t_fail_alloc(with % 32);
		case 28:
			return change_device(with);
		case 29:
			return edu_t_pressure(with & 1);
		case 30:
			return impair(cable_, {.duplicate = with & 1 ? 300u : 0,
					       .reorder = with & 2 ? 300u : 0,
					       .delay_ns = edu_u64{with} * 200000});
		default:
			set_preemption(with);
			return set_eager_cables(with & 1);
		}
	}

	void change_device(std::uint8_t with)
	{
		edu_dev_info info = {};
		edu_t_host *host = hosts_[with & 1];
		const int device = devices_[with & 1];

		if (!find_device(host, device))
			return;
		if (with > 250)
			return edu_t_dev_gone(host, device);
		edu_t_dev_info(host, device, &info);
		info.flags = with & 2 ? info.flags ^ 1 : info.flags;
		info.mtu = 68 + with * 6u;
		edu_t_dev_change(host, device, &info);
	}

	network net_;
	edu_t_cable *cable_ = net_.cable();
	edu_t_host *hosts_[2] = {net_.host(), net_.host()};
	int devices_[2];
	edu_t_sock *socks_[8] = {};
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	seed(size);
	set_preemption(0);
	set_nonlinear(0);
	set_eager_cables(false);
	edu_t_begin();
	{
		machine both;

		for (std::size_t at = 0; at + 2 <= size; at += 2)
			both.step(data[at], data[at + 1]);
	}
	fuzz::require(edu_t_end() == 0);
	return 0;
}
