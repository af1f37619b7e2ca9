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
#include <CLI/CLI.hpp>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

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
};

[[noreturn]] void fail(const char *what)
{
	throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_in address(const plan &p, const std::string &text, unsigned short port)
{
	sockaddr_in to{};

	to.sin_family = static_cast<sa_family_t>(p.family);
	to.sin_port = htons(port);
	if (inet_pton(AF_INET, text.c_str(), &to.sin_addr) != 1)
		throw std::runtime_error("not an address: " + text);
	return to;
}

const sockaddr *generic(const sockaddr_in &a)
{
	return reinterpret_cast<const sockaddr *>(&a);
}

/* A bound socket in a namespace; the calling thread stays there. */
int open_in(const plan &p, const std::string &netns, const sockaddr_in &local)
{
	int ns = open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC);
	int room = 4 << 20;
	timeval patience{20, 0};
	int fd;

	if (ns < 0 || setns(ns, CLONE_NEWNET))
		fail(netns.c_str());
	close(ns);
	fd = socket(p.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
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

void receive_one(int fd, std::vector<char> &into)
{
	if (recv(fd, into.data(), into.size(), 0) != static_cast<ssize_t>(into.size()))
		fail("a datagram was lost: recv");
}

double seconds_since(std::chrono::steady_clock::time_point start)
{
	return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void stream(const plan &p, int a, int b, const sockaddr_in &to)
{
	std::vector<char> data(p.size, 'x'), got(p.size);

	send_one(p, a, data, to); /* resolves the address, fills the caches */
	receive_one(b, got);
	auto start = std::chrono::steady_clock::now();
	for (unsigned int done = 0; done < p.count; done += p.burst) {
		for (unsigned int i = 0; i < p.burst; i++)
			send_one(p, a, data, to);
		for (unsigned int i = 0; i < p.burst; i++)
			receive_one(b, got);
	}
	std::printf("%.0f\n", p.count / seconds_since(start));
}

void pingpong(const plan &p, int a, int b, const sockaddr_in &to_a, const sockaddr_in &to_b)
{
	std::vector<char> ping(p.size, 'x');
	std::thread echo([&] {
		std::vector<char> pong(p.size);

		for (unsigned int i = 0; i <= p.count; i++) {
			receive_one(b, pong);
			send_one(p, b, pong, to_a);
		}
	});

	send_one(p, a, ping, to_b);
	receive_one(a, ping);
	auto start = std::chrono::steady_clock::now();
	for (unsigned int i = 0; i < p.count; i++) {
		send_one(p, a, ping, to_b);
		receive_one(a, ping);
	}
	double took = seconds_since(start);

	echo.join();
	std::printf("%.0f\n", took * 1e9 / p.count / 2);
}

void run(const plan &p)
{
	sockaddr_in at_a = address(p, p.addr_a, 7001), at_b = address(p, p.addr_b, 7002);
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
	CLI11_PARSE(app, argc, argv);
	try {
		run(p);
	} catch (const std::exception &e) {
		std::fprintf(stderr, "udpbench: %s\n", e.what());
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
