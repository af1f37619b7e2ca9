// SPDX-License-Identifier: GPL-2.0-only
/*
 * Much of everything: ten thousand connections at once, a flood of SYNs, and every allocation that fails once.
 *
 * Requirements: TCP-7, TCP-10, TCP-11, TCP-12, RFC 4987. Locking: none, a single thread.
 */
#include "listening_wire.hh"
#include "sim_test.hh"

#include <cstring>
#include <string>

using namespace hosted;

namespace {

edu_t_sock *accept_from(edu_t_sock *listener)
{
	int error;

	return edu_t_accept(listener, nonblock, &error);
}

int write_number(edu_t_sock *sock, edu_u32 number)
{
	return edu_t_send(sock, &number, sizeof(number), dontwait, 0, 0);
}

/* The number that has come, or ~0. */
edu_u32 read_number(edu_t_sock *sock)
{
	edu_u32 number = ~0u;
	edu_t_recv recv = {};

	recv.data = &number;
	recv.room = sizeof(number);
	recv.flags = dontwait;
	return edu_t_recvmsg(sock, &recv) == sizeof(number) ? number : ~0u;
}

/*
 * Ten thousand connections
 */

constexpr unsigned int crowd = 10000;

void open_all(listening_wire &w, std::vector<edu_t_sock *> &clients,
	      std::vector<edu_t_sock *> &servers)
{
	constexpr unsigned int at_a_time = 500;

	for (unsigned int i = 0; i < crowd; i++) {
		clients.push_back(stream_of(w.a));
		EXPECT(edu_t_connect_flags(clients.back(), b_address, port, nonblock) == -115);
		if (i % at_a_time != at_a_time - 1)
			continue;
		edu_t_run(5);
		while (edu_t_sock *child = accept_from(w.listener))
			servers.push_back(child);
	}
	EXPECT(servers.size() == crowd);
}

/* Each says its number, and hears it again: nobody's octets reach another. */
void echo_all(const std::vector<edu_t_sock *> &clients, const std::vector<edu_t_sock *> &servers)
{
	unsigned int right = 0;

	for (unsigned int i = 0; i < clients.size(); i++)
		EXPECT(write_number(clients[i], i) == 4);
	edu_t_run(5);
	for (edu_t_sock *server : servers)
		EXPECT(write_number(server, read_number(server)) == 4);
	edu_t_run(5);
	for (unsigned int i = 0; i < clients.size(); i++)
		right += read_number(clients[i]) == i;
	EXPECT(right == clients.size());
}

void close_all(const std::vector<edu_t_sock *> &socks)
{
	/* The last first: the home looks for them from the front. */
	for (auto it = socks.rbegin(); it != socks.rend(); ++it)
		edu_t_close(*it);
}

} // namespace

void ten_thousand_connections_at_once()
{
	constexpr edu_u32 minute_ms = 60000;

	begin_round(chance());
	{
		listening_wire w{4096};
		std::vector<edu_t_sock *> clients, servers;

		open_all(w, clients, servers);
		echo_all(clients, servers);
		close_all(clients);
		edu_t_run(10);
		close_all(servers);
		edu_t_run(10);
		EXPECT(edu_t_counter(w.a, EDU_Tcp_TimeWaits) == crowd);
		EXPECT(w.a->socks.empty() && w.b->socks.size() == 1);
		edu_t_run(2 * minute_ms);
	}
	EXPECT(edu_t_end() == 0);
}

/*
 * A flood of SYNs
 */

namespace {

void put16(std::uint8_t *at, edu_u32 value)
{
	at[0] = static_cast<std::uint8_t>(value >> 8);
	at[1] = static_cast<std::uint8_t>(value);
}

edu_u32 sum_of(const std::uint8_t *from, std::size_t len, edu_u32 start)
{
	for (std::size_t i = 0; i < len; i += 2)
		start += static_cast<edu_u32>(from[i] << 8 | from[i + 1]);
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return start;
}

/* A SYN for b's listener that says it is from somewhere. */
void inject_syn(const listening_wire &w, edu_u32 number)
{
	constexpr std::size_t link = 14, ip = link, tcp = ip + 20, len = tcp + 24;
	std::uint8_t frame[len] = {2, 0};

	std::memcpy(&frame[2], &b_address, 4);
	frame[6] = 2;
	put16(&frame[12], 0x0800);
	frame[ip] = 0x45;
	put16(&frame[ip + 2], 44);
	frame[ip + 8] = 64;
	frame[ip + 9] = 6;
	const edu_be32 from = ip4(10, 0, 0, 3 + number % 200);

	std::memcpy(&frame[ip + 12], &from, 4);
	std::memcpy(&frame[ip + 16], &b_address, 4);
	put16(&frame[ip + 10], ~sum_of(&frame[ip], 20, 0));
	put16(&frame[tcp], 1024 + chance() % 60000);
	put16(&frame[tcp + 2], 7);
	put16(&frame[tcp + 4], chance());
	put16(&frame[tcp + 6], chance());
	frame[tcp + 12] = 0x60;
	frame[tcp + 13] = 2; /* SYN */
	put16(&frame[tcp + 14], 60000);
	frame[tcp + 20] = 2; /* maximum segment size */
	frame[tcp + 21] = 4;
	put16(&frame[tcp + 22], 1400);
	put16(&frame[tcp + 16], ~sum_of(&frame[tcp], 24, sum_of(&frame[ip + 12], 8, 6 + 24)));
	edu_t_inject(w.b, w.b_device, frame, len);
}

/* A client of good faith gets through, and is heard. */
void serve_one(const listening_wire &w, edu_u32 number)
{
	edu_t_sock *client = stream_of(w.a);

	edu_t_connect_flags(client, b_address, port, nonblock);
	edu_t_run(20);
	edu_t_sock *server = accept_from(w.listener);

	EXPECT(server);
	if (server) {
		EXPECT(write_number(client, number) == 4);
		edu_t_run(20);
		EXPECT(read_number(server) == number);
		edu_t_close(server);
	}
	edu_t_close(client);
	edu_t_run(20);
}

} // namespace

void a_flood_of_syns_shuts_nobody_out()
{
	constexpr unsigned int waves = 20, wave = 500, backlog = 64;

	rounds_of(1, [] {
		listening_wire w{backlog};

		edu_core_tunables(edu_t_stack(w.b))[EDU_TUNE_tcp_max_syn_backlog] = backlog;
		for (unsigned int i = 0; i < waves; i++) {
			for (unsigned int j = 0; j < wave; j++)
				inject_syn(w, j);
			serve_one(w, i);
			/* The half-open ones, the listener and those in their last phase: no more. */
			EXPECT(w.b->socks.size() <= 2 * backlog);
		}
		EXPECT(edu_t_counter(w.b, EDU_Tcp_SynCookiesSent) > waves * wave / 2);
		EXPECT(edu_t_counter(w.b, EDU_Tcp_SynCookiesRecv) > 0);
	});
}

/*
 * No port is left
 */

void who_finds_no_port_says_so()
{
	constexpr int eaddrinuse = -98, eaddrnotavail = -99, einprogress = -115;
	constexpr edu_u32 first = 40000, count = 4, time_wait_ms = 60000;

	rounds_of(1, [] {
		listening_wire w{16};
		edu_u32 *tunables = edu_core_tunables(edu_t_stack(w.a));
		std::vector<edu_t_sock *> clients, servers;
		edu_t_sock *bound = stream_of(w.a);

		tunables[EDU_TUNE_ip_local_port_min] = first;
		tunables[EDU_TUNE_ip_local_port_max] = first + count - 1;
		for (edu_u32 i = 0; i <= count; i++) {
			clients.push_back(stream_of(w.a));
			EXPECT(edu_t_connect_flags(clients.back(), b_address, port, nonblock) ==
			       (i < count ? einprogress : eaddrnotavail));
		}
		EXPECT(edu_t_bind(bound, 0, 0) == eaddrinuse);
		edu_t_run(100);
		while (edu_t_sock *child = accept_from(w.listener))
			servers.push_back(child);
		EXPECT(servers.size() == count);
		/* The server closes first: the ports are free at once. */
		close_all(servers);
		edu_t_run(100);
		edu_t_close(clients[0]);
		edu_t_run(100);
		EXPECT(edu_t_connect_flags(clients[count], b_address, port, nonblock) ==
		       einprogress);
		clients.erase(clients.begin());
		close_all(clients);
		edu_t_run(2 * time_wait_ms);
		EXPECT(edu_t_bind(bound, 0, 0) == 0);
	});
}

/*
 * Every allocation fails once
 */

namespace {

/* What two programs do that use a good deal of TCP. Errors are for them to bear. */
class busy_pair {
public:
	void play()
	{
		open();
		for (int i = 0; i < 12; i++)
			talk(i);
		finish();
	}

private:
	void open()
	{
		edu_t_sock *listener = stream_of(w_.b);

		client_ = stream_of(w_.a);
		if (!listener || !client_) {
			if (listener)
				edu_t_close(listener);
			return;
		}
		set_option(listener, sol_socket, 8, 8000);
		edu_t_bind(listener, 0, port_of(8));
		edu_t_listen(listener, 2);
		edu_t_setsockopt(client_, sol_tcp, 13 /* TCP_CONGESTION */, "reno", 4);
		set_option(client_, sol_socket, 9, 1);
		edu_t_connect_flags(client_, b_address, port_of(8), nonblock);
		for (int i = 0; i < 200 && !server_; i++) {
			edu_t_run(100);
			server_ = accept_from(listener);
		}
		edu_t_close(listener);
	}

	void talk(int turn)
	{
		static std::uint8_t data[9000];
		edu_t_recv recv = {};

		if (!client_ || !server_)
			return;
		edu_t_send(client_, data, sizeof(data), dontwait | (turn == 3), 0, 0);
		if (turn % 3 == 0)
			edu_t_cable_lose(w_.cable, 1);
		edu_t_send(server_, data, 700, dontwait, 0, 0);
		edu_t_run(turn % 4 ? 1 : 300);
		for (edu_t_sock *sock : {client_, server_}) {
			if (turn % 5 == 4 && sock == server_)
				continue; /* its buffer fills */
			recv.data = data;
			recv.room = sizeof(data);
			recv.flags = dontwait;
			edu_t_recvmsg(sock, &recv);
		}
	}

	void finish()
	{
		constexpr edu_u32 hour_ms = 3600000;

		if (client_)
			edu_t_shutdown(client_, 1);
		edu_t_run(100);
		for (edu_t_sock *sock : {server_, client_})
			if (sock)
				edu_t_close(sock);
		edu_t_run(hour_ms);
		EXPECT(w_.a->socks.empty() && w_.b->socks.size() == 1);
	}

	listening_wire w_{2};
	edu_t_sock *client_ = nullptr, *server_ = nullptr;
};

} // namespace

/* The nth allocation, for every n; a quick run takes one in seven. */
void any_allocation_may_fail()
{
	const unsigned int step = is_thorough() ? 1 : 7;
	const edu_u64 seed = chance();
	unsigned int n = 1 + chance() % step;

	for (bool struck = true; struck; n += step) {
		begin_round(seed);
		{
			set_preemption(seed % 2 ? 200 : 0);
			set_eager_cables(seed % 2);
			busy_pair pair;

			edu_t_fail_alloc(n);
			pair.play();
			struck = edu_t_alloc_failed();
			edu_t_fail_alloc(0);
		}
		const unsigned int left = edu_t_end();

		if (left)
			edu_t_fail(__FILE__, __LINE__, "nothing is left, allocation", left, n);
	}
	EXPECT(n > 300);
}
