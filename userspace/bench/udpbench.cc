// SPDX-License-Identifier: GPL-2.0-only
/*
 * udpbench: how many datagrams a stack carries in a second, and how long one takes.
 *
 * One program for both stacks: the address family is an argument, all else is the same system calls
 * in the same order. Two sockets in two network namespaces, joined by whatever devices the caller
 * (scripts/bench) has set up.
 *
 *	stream	 one thread sends a burst, then receives it, and so on: the cost of the whole way
 *		 down and up, without the scheduler's. Prints datagrams per second.
 *	pingpong two threads, each blocking in recv(): one octet there and back. Prints the time of
 *		 one way in nanoseconds, waking up included.
 *
 * Prints one number. Exit status 1 when a datagram was lost: the number would mean nothing.
 */
#include "bench.hh"

#include <thread>
#include <vector>

using namespace bench;

namespace {

struct plan {
	int family = AF_INET;
	std::string netns_a, netns_b;
	std::string addr_a, addr_b;
	std::string mode = "stream";
	size_t size = 64;
	unsigned int count = 10000;
	unsigned int burst = 16;
	bool connected = false;
	bool names = false;
};

/* A bound socket in a namespace; the calling thread stays there. */
int open_in(const plan &p, const std::string &netns, const sockaddr_in &local)
{
	int room = 4 << 20;
	timeval patience{20, 0};

	enter(netns);
	int fd = socket(p.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		fail("setsockopt");
	if (bind(fd, generic(local), sizeof(local)))
		fail("bind");
	return fd;
}

void send_one(const plan &p, int fd, const std::vector<char> &data, const sockaddr_in &to)
{
	ssize_t sent = p.connected ?
			       send(fd, data.data(), data.size(), 0) :
			       sendto(fd, data.data(), data.size(), 0, generic(to), sizeof(to));

	if (sent != static_cast<ssize_t>(data.size()))
		fail("send");
}

void receive_one(const plan &p, int fd, std::vector<char> &into)
{
	sockaddr_in from{};
	socklen_t room = sizeof(from);
	ssize_t got = p.names ? recvfrom(fd, into.data(), into.size(), 0,
					 reinterpret_cast<sockaddr *>(&from), &room) :
				recv(fd, into.data(), into.size(), 0);

	if (got != static_cast<ssize_t>(into.size()))
		fail("a datagram was lost: recv");
	if (p.names && from.sin_family != p.family)
		throw std::runtime_error("a sender of another family");
}

void stream(const plan &p, int a, int b, const sockaddr_in &to)
{
	std::vector<char> data(p.size, 'x'), got(p.size);

	send_one(p, a, data, to); /* resolves the address, fills the caches */
	receive_one(p, b, got);
	const moment start = now();
	for (unsigned int done = 0; done < p.count; done += p.burst) {
		for (unsigned int i = 0; i < p.burst; i++)
			send_one(p, a, data, to);
		for (unsigned int i = 0; i < p.burst; i++)
			receive_one(p, b, got);
	}
	std::printf("%.0f\n", p.count / seconds_since(start));
}

void pingpong(const plan &p, int a, int b, const sockaddr_in &to_a, const sockaddr_in &to_b)
{
	std::vector<char> ping(p.size, 'x');
	std::thread echo([&] {
		std::vector<char> pong(p.size);

		for (unsigned int i = 0; i <= p.count; i++) {
			receive_one(p, b, pong);
			send_one(p, b, pong, to_a);
		}
	});

	send_one(p, a, ping, to_b);
	receive_one(p, a, ping);
	const moment start = now();
	for (unsigned int i = 0; i < p.count; i++) {
		send_one(p, a, ping, to_b);
		receive_one(p, a, ping);
	}
	double took = seconds_since(start);

	echo.join();
	std::printf("%.0f\n", took * 1e9 / p.count / 2);
}

void run(const plan &p)
{
	sockaddr_in at_a = address_of(p.family, p.addr_a, 7001);
	sockaddr_in at_b = address_of(p.family, p.addr_b, 7002);
	int b = open_in(p, p.netns_b, at_b);
	int a = open_in(p, p.netns_a, at_a);

	if (p.connected &&
	    (connect(a, generic(at_b), sizeof(at_b)) || connect(b, generic(at_a), sizeof(at_a))))
		fail("connect");
	if (p.mode == "stream")
		stream(p, a, b, at_b);
	else
		pingpong(p, a, b, at_a, at_b);
	close(a);
	close(b);
}

} // namespace

int main(int argc, char **argv)
{
	plan p;
	CLI::App app{"How fast a stack carries UDP datagrams between two network namespaces"};

	app.add_option("--family", p.family, "address family: 2 Linux's own, 13 EDUINET");
	app.add_option("--netns", p.netns_a, "namespace of the sender")->required();
	app.add_option("--peer-netns", p.netns_b, "namespace of the receiver")->required();
	app.add_option("--addr", p.addr_a, "address of the sender")->required();
	app.add_option("--peer-addr", p.addr_b, "address of the receiver")->required();
	app.add_option("--mode", p.mode)->check(CLI::IsMember({"stream", "pingpong"}));
	app.add_option("--size", p.size, "octets of data")->check(CLI::Range(1, 65507));
	app.add_option("--count", p.count, "datagrams")->check(CLI::PositiveNumber);
	app.add_option("--burst", p.burst, "datagrams sent before they are read")
		->check(CLI::PositiveNumber);
	app.add_flag("--connected", p.connected, "connect() both sockets first");
	app.add_flag("--names", p.names, "ask of each datagram who sent it");
	return measured(app, argc, argv, "udpbench", [&] { run(p); });
}
