// SPDX-License-Identifier: GPL-2.0-only
/*
 * streambench: what a stack's TCP does with streams, between two network namespaces.
 *
 * One program for both stacks: the address family is an argument, all else is the same system calls
 * in the same order. The devices between the namespaces are the caller's (scripts/bench).
 *
 *	bulk	`streams` connections at once, each `count` times `size` octets one way, a thread at
 *		each end of each. Prints octets per second, of all together, until the last end of
 *		file has been read.
 *	rr	one connection, one octet there and back, `count` times: nanoseconds a round trip.
 *	crr	connect, one octet there and back, close; `count` times: connections per second.
 *	idle	opens `count` connections and leaves them: octets of kernel objects for each (both
 *		its ends and their descriptors).
 *
 * Prints one number. Exit status 1 when octets went missing: the number would mean nothing.
 */
#include "bench.hh"

#include <netinet/tcp.h>
#include <sys/resource.h>

#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace bench;

namespace {

struct plan {
	int family = AF_INET;
	std::string netns, peer_netns;
	std::string peer_addr;
	std::string mode = "bulk";
	size_t size = 65536;
	unsigned int count = 1000;
	unsigned int streams = 1;
};

constexpr unsigned short port = 7003;

class descriptor {
	int fd;

public:
	explicit descriptor(int fd, const char *what) : fd(fd)
	{
		if (fd < 0)
			fail(what);
	}
	descriptor(descriptor &&other) noexcept : fd(std::exchange(other.fd, -1)) {}
	descriptor &operator=(descriptor &&) = delete;
	~descriptor()
	{
		if (fd >= 0)
			close(fd);
	}
	operator int() const { return fd; }
};

/* Sockets belong to the namespace of the thread that opens them. */
descriptor open_stream(const plan &p)
{
	descriptor fd(socket(p.family, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	const timeval patience{120, 0};
	const int on = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		fail("setsockopt");
	return fd;
}

descriptor open_listener(const plan &p)
{
	descriptor fd = open_stream(p);
	const sockaddr_in at = address_of(p.family, p.peer_addr, port);

	if (bind(fd, generic(at), sizeof(at)))
		fail("bind");
	if (listen(fd, 512))
		fail("listen");
	return fd;
}

descriptor connect_to(const plan &p)
{
	descriptor fd = open_stream(p);
	const sockaddr_in to = address_of(p.family, p.peer_addr, port);

	if (connect(fd, generic(to), sizeof(to)))
		fail("connect");
	return fd;
}

descriptor accept_from(int listener)
{
	return descriptor(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), "accept");
}

void send_all(int fd, const char *data, size_t len)
{
	while (len) {
		const ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent <= 0)
			fail("send");
		data += sent;
		len -= static_cast<size_t>(sent);
	}
}

void without_delay(int fd)
{
	const int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		fail("TCP_NODELAY");
}

/* One octet each way. */
void ask(int fd)
{
	char octet = 'q';

	if (send(fd, &octet, 1, MSG_NOSIGNAL) != 1 || recv(fd, &octet, 1, 0) != 1)
		fail("an octet was lost");
}

/* Answers until the end of the stream. */
void answer(int fd)
{
	char octet;

	while (recv(fd, &octet, 1, 0) == 1)
		if (send(fd, &octet, 1, MSG_NOSIGNAL) != 1)
			fail("send");
}

size_t read_to_end(int fd, std::vector<char> &into)
{
	size_t all = 0;

	for (;;) {
		const ssize_t got = recv(fd, into.data(), into.size(), 0);

		if (got < 0)
			fail("recv");
		if (!got)
			return all;
		all += static_cast<size_t>(got);
	}
}

void bulk(const plan &p, int listener)
{
	std::vector<descriptor> out, in;
	std::vector<std::thread> threads;
	std::vector<size_t> arrived(p.streams);

	for (unsigned int i = 0; i < p.streams; i++) {
		out.push_back(connect_to(p));
		in.push_back(accept_from(listener));
	}
	const moment start = now();

	for (unsigned int i = 0; i < p.streams; i++) {
		threads.emplace_back([&, i] {
			std::vector<char> room(1 << 17);

			arrived[i] = read_to_end(in[i], room);
		});
		threads.emplace_back([&, i] {
			const std::vector<char> data(p.size, 'x');

			for (unsigned int n = 0; n < p.count; n++)
				send_all(out[i], data.data(), data.size());
			shutdown(out[i], SHUT_WR);
		});
	}
	for (std::thread &thread : threads)
		thread.join();
	const double took = seconds_since(start);

	for (const size_t octets : arrived)
		if (octets != p.size * p.count)
			throw std::runtime_error("octets are missing");
	std::printf("%.0f\n", static_cast<double>(p.size) * p.count * p.streams / took);
}

void round_trips(const plan &p, int listener)
{
	const descriptor here = connect_to(p), there = accept_from(listener);

	without_delay(here);
	without_delay(there);
	std::thread server([&] { answer(there); });

	for (int i = 0; i < 16; i++) /* behind slow start's quick ACKs */
		ask(here);
	const moment start = now();

	for (unsigned int i = 0; i < p.count; i++)
		ask(here);
	const double took = seconds_since(start);

	shutdown(here, SHUT_WR);
	server.join();
	std::printf("%.0f\n", took * 1e9 / p.count);
}

void connections(const plan &p, int listener)
{
	std::thread server([&] {
		for (unsigned int i = 0; i < p.count; i++)
			answer(accept_from(listener));
	});
	const moment start = now();

	for (unsigned int i = 0; i < p.count; i++)
		ask(connect_to(p));
	server.join();
	std::printf("%.0f\n", p.count / seconds_since(start));
}

/* Octets of all objects that the kernel's caches have given out. Free memory would not tell: the caches keep
 * pages whose objects are free, and hand them out again. */
double kernel_objects()
{
	std::ifstream info("/proc/slabinfo");
	std::string line, name;
	double active, all, size, sum = 0;

	while (std::getline(info, line)) {
		std::istringstream fields(line);
		if (fields >> name >> active >> all >> size)
			sum += active * size;
	}
	if (sum == 0)
		fail("/proc/slabinfo");
	return sum;
}

/* The same, when what earlier loads have left behind is freed: it has not shrunk for a second. */
double settled_objects()
{
	double least = kernel_objects();

	for (int quiet = 0; quiet < 10; quiet++) {
		std::this_thread::sleep_for(std::chrono::milliseconds(100));
		if (const double now = kernel_objects(); now < least - 65536) {
			least = now;
			quiet = 0;
		}
	}
	return kernel_objects();
}

void idle(const plan &p, int listener)
{
	const rlim_t files = 3 * rlim_t{p.count} + 64;
	const rlimit limit{files, files};
	std::vector<descriptor> kept;

	if (setrlimit(RLIMIT_NOFILE, &limit))
		fail("setrlimit");
	kept.reserve(files);
	for (unsigned int i = 0; i < p.count / 4;
	     i++) { /* the caches' first pages, tables that grow */
		kept.push_back(connect_to(p));
		kept.push_back(accept_from(listener));
	}
	const double before = settled_objects();

	for (unsigned int i = 0; i < p.count; i++) {
		kept.push_back(connect_to(p));
		kept.push_back(accept_from(listener));
	}
	std::printf("%.0f\n", (settled_objects() - before) / p.count);
}

void run(const plan &p)
{
	enter(p.peer_netns);
	const descriptor listener = open_listener(p);

	enter(p.netns);
	if (p.mode == "bulk")
		bulk(p, listener);
	else if (p.mode == "rr")
		round_trips(p, listener);
	else if (p.mode == "crr")
		connections(p, listener);
	else
		idle(p, listener);
}

} // namespace

int main(int argc, char **argv)
{
	plan p;
	CLI::App app{"What a stack does with streams between two network namespaces"};

	app.add_option("--family", p.family, "address family: 2 Linux's own, 13 EDUINET");
	app.add_option("--netns", p.netns, "namespace of the client")->required();
	app.add_option("--peer-netns", p.peer_netns, "namespace of the server")->required();
	app.add_option("--peer-addr", p.peer_addr, "address of the server")->required();
	app.add_option("--mode", p.mode)->check(CLI::IsMember({"bulk", "rr", "crr", "idle"}));
	app.add_option("--size", p.size, "octets of one send()")->check(CLI::PositiveNumber);
	app.add_option("--count", p.count, "how often")->check(CLI::Range(1, 1000000));
	app.add_option("--streams", p.streams, "connections at once")->check(CLI::Range(1, 64));
	return measured(app, argc, argv, "streambench", [&] { run(p); });
}
