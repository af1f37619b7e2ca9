// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu nc`: copies standard input to a socket of AF_EDUINET and what comes from it to standard output
 * (TLK "The BSD Socket Interface"; BSD-6). A stream, or datagrams with -u. As `nc -N` of nc(1): the end of
 * input closes our half of a stream, and the other half goes on; a caller that hears the end goes on sending.
 *
 * On a stream nothing waits in a send: what the socket has no room for is kept, and no more input is read
 * until it has gone. Two that both send much would else wait for each other for ever.
 *
 * Locking: none, the tool has one thread.
 */
#include "context.hh"
#include "failure.hh"
#include "names.hh"
#include "options.hh"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <vector>

namespace edu {

namespace {

using clock_type = std::chrono::steady_clock;

struct nc_options {
	bool datagrams = false, listen = false, broadcast = false, keep = false, verbose = false;
	std::string source_port, source; /* -p, -s: as written */
	double idle = -1;		 /* -w: seconds without any traffic; negative: for ever */
	double quit = -1;		 /* -q: seconds after the end of input; negative: never */
	std::size_t largest = 1400;	 /* octets of input in one datagram */
	std::vector<std::string> where;	 /* HOST PORT */
};

class relay {
public:
	relay(context &ctx, const nc_options &options) : ctx_(ctx), options_(options) {}
	~relay();
	relay(const relay &) = delete;
	relay &operator=(const relay &) = delete;

	int run();

private:
	void open_socket();
	void bind_local(in_addr_t address, std::uint16_t port);
	int run_listener();
	int run_caller();
	void accept_stream();
	void serve_stream();
	void await(short events, const char *what);
	int copy_both_ways();
	int poll_time() const;
	bool input_to_socket();
	void send_datagram(std::size_t length);
	void send_rest();
	bool input_is_at_hand() const;
	bool socket_to_output();
	[[noreturn]] void socket_failed(int error, const char *doing);
	std::string peer_name() const;
	std::uint16_t port(const std::string &text) const;

	context &ctx_;
	const nc_options &options_;
	int fd_ = -1;		 /* the socket that carries data, or listens */
	int listener_ = -1;	 /* stream: the listening socket while fd_ is a connection */
	sockaddr_in peer_{};	 /* where input goes; family 0: nobody yet */
	bool connected_ = false; /* the kernel knows the peer: send without an address */
	bool input_open_ = true; /* standard input has not ended */
	bool peer_open_ = true;	 /* stream: the other end has not said that no more comes */
	clock_type::time_point last_traffic_, input_ended_;
	std::vector<char> buffer_ = std::vector<char>(65536);
	std::vector<char> rest_; /* stream: input read, of which the socket took rest_sent_ octets */
	std::size_t rest_sent_ = 0;
};

relay::~relay()
{
	if (fd_ >= 0)
		close(fd_);
	if (listener_ >= 0)
		close(listener_);
}

std::uint16_t relay::port(const std::string &text) const
{
	return parse_port(text, options_.datagrams ? "udp" : "tcp");
}

std::string relay::peer_name() const
{
	return fmt::format("{} port {}", show_address(peer_.sin_addr.s_addr),
			   ntohs(peer_.sin_port));
}

/* Not being answered is an answer; the rest is the kernel's refusal. */
void relay::socket_failed(int error, const char *doing)
{
	switch (error) {
	case ECONNREFUSED:
		throw failure(exit_negative,
			      fmt::format("nobody listens at {}: it said so", peer_name()));
	case EHOSTUNREACH:
		throw failure(exit_negative, fmt::format("{} cannot be reached", peer_name()));
	case ECONNRESET:
	case EPIPE:
		throw failure(exit_negative, fmt::format("{} broke the connection", peer_name()));
	case ETIMEDOUT:
		throw failure(exit_negative, fmt::format("{} does not answer", peer_name()));
	case ENETUNREACH:
		refused("no route leads to {}: `edu route` lists them", peer_name());
	case EACCES:
		refused("cannot {}: not permitted; a broadcast address needs -b, a port below 1024 root",
			doing);
	case EMSGSIZE:
		refused("cannot {}: the datagram is too large: -m makes them smaller", doing);
	case EADDRINUSE:
		refused("cannot {}: another socket has the port", doing);
	case EADDRNOTAVAIL:
		refused("cannot {}: it is not an address of this host (`edu addr` lists them)",
			doing);
	}
	refused("cannot {}: {}", doing, std::strerror(error));
}

void relay::open_socket()
{
	int type = options_.datagrams ? SOCK_DGRAM : SOCK_STREAM, on = 1;

	ctx_.require_family();
	fd_ = socket(ctx_.family, type | SOCK_CLOEXEC, 0);
	if (fd_ < 0)
		refused("cannot open a socket: {}", std::strerror(errno));
	if (options_.listen && !options_.datagrams) /* or two could have the port */
		setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (options_.broadcast && setsockopt(fd_, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) < 0)
		refused("cannot set SO_BROADCAST: {}", std::strerror(errno));
}

void relay::bind_local(in_addr_t address, std::uint16_t local_port)
{
	sockaddr_in local{};

	local.sin_family = static_cast<sa_family_t>(ctx_.family);
	local.sin_addr.s_addr = address;
	local.sin_port = htons(local_port);
	if (bind(fd_, reinterpret_cast<const sockaddr *>(&local), sizeof(local)) < 0)
		socket_failed(errno, "bind the socket");
}

/* Waits for the socket at most as long as -w says. */
void relay::await(short events, const char *what)
{
	pollfd watched = {fd_, events, 0};
	int limit = options_.idle < 0 ? -1 : static_cast<int>(std::ceil(options_.idle * 1000));
	int ready;

	do {
		ready = poll(&watched, 1, limit);
	} while (ready < 0 && errno == EINTR);
	if (ready == 0)
		throw failure(exit_negative, what);
}

int relay::poll_time() const
{
	double left = 1e9; /* seconds */
	auto since = [](clock_type::time_point when) {
		return std::chrono::duration<double>(clock_type::now() - when).count();
	};

	if (options_.idle >= 0)
		left = options_.idle - since(last_traffic_);
	if (options_.quit >= 0 && !input_open_)
		left = std::min(left, options_.quit - since(input_ended_));
	if (left == 1e9)
		return -1;
	return left > 0 ? static_cast<int>(std::ceil(std::min(left, 1e6) * 1000)) : 0;
}

/* False ends the copying. */
bool relay::input_to_socket()
{
	std::size_t room = options_.datagrams ? options_.largest : buffer_.size();
	ssize_t got = read(STDIN_FILENO, buffer_.data(), room);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (got <= 0) {
		input_open_ = false;
		input_ended_ = clock_type::now();
		/* The other end learns that no more comes; it may still have something to say. */
		if (!options_.datagrams)
			shutdown(fd_, SHUT_WR);
		return peer_open_;
	}
	if (options_.datagrams) {
		send_datagram(static_cast<std::size_t>(got));
	} else {
		rest_.assign(buffer_.begin(), buffer_.begin() + got);
		rest_sent_ = 0;
		send_rest();
	}
	return true;
}

void relay::send_datagram(std::size_t length)
{
	auto *to = connected_ ? nullptr : reinterpret_cast<const sockaddr *>(&peer_);
	ssize_t sent;

	do {
		sent = sendto(fd_, buffer_.data(), length, MSG_NOSIGNAL, to,
			      to ? sizeof(peer_) : 0);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		socket_failed(errno, "send");
}

/* As much of it as the socket has room for. */
void relay::send_rest()
{
	while (rest_sent_ < rest_.size()) {
		ssize_t sent = send(fd_, rest_.data() + rest_sent_, rest_.size() - rest_sent_,
				    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0)
			socket_failed(errno, "send");
		rest_sent_ += static_cast<std::size_t>(sent);
	}
	rest_.clear();
	rest_sent_ = 0;
}

bool relay::socket_to_output()
{
	sockaddr_in from{};
	socklen_t length = sizeof(from);
	ssize_t got = recvfrom(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT,
			       reinterpret_cast<sockaddr *>(&from), &length);

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (got < 0) {
		/* A listener for all outlives the misfortunes of one. */
		if (options_.datagrams && options_.listen && options_.keep)
			return true;
		socket_failed(errno, "receive");
	}
	if (got == 0 && !options_.datagrams) {
		bool both_closed = !input_open_ || !peer_open_;

		peer_open_ = false;
		return !both_closed;
	}
	/* Who spoke last is spoken to, except where the command line named the partner. */
	if (options_.listen && options_.datagrams && !connected_)
		peer_ = from;
	for (ssize_t done = 0; done < got;) {
		ssize_t put = write(STDOUT_FILENO, buffer_.data() + done,
				    static_cast<std::size_t>(got - done));

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			refused("cannot write what was received: {}", std::strerror(errno));
		done += put;
	}
	return true;
}

bool relay::input_is_at_hand() const
{
	pollfd input = {STDIN_FILENO, POLLIN, 0};

	return poll(&input, 1, 0) > 0;
}

int relay::copy_both_ways()
{
	last_traffic_ = clock_type::now();
	for (;;) {
		/* A listener ends with its caller, but not amid what it has to say. */
		if (options_.listen && !peer_open_ && rest_.empty() && !input_is_at_hand())
			return exit_ok;
		bool may_read = input_open_ && peer_.sin_family && rest_.empty();
		auto wanted = static_cast<short>((peer_open_ ? POLLIN : 0) |
						 (rest_.empty() ? 0 : POLLOUT));
		pollfd watched[] = {{fd_, wanted, 0}, {may_read ? STDIN_FILENO : -1, POLLIN, 0}};
		int ready = poll(watched, 2, poll_time());

		if (ready < 0 && errno != EINTR)
			refused("cannot wait: {}", std::strerror(errno));
		if (ready == 0 && poll_time() == 0) {
			if (!rest_.empty())
				throw failure(exit_negative,
					      fmt::format("{} takes no more: not all was sent",
							  peer_name()));
			return exit_ok;
		}
		if (ready <= 0)
			continue;
		last_traffic_ = clock_type::now();
		if (watched[0].revents & POLLOUT)
			send_rest();
		if (watched[0].revents & ~POLLOUT && !socket_to_output())
			return exit_ok;
		if (watched[1].revents && !input_to_socket())
			return exit_ok;
	}
}

void relay::accept_stream()
{
	socklen_t length = sizeof(peer_);

	if (listener_ >= 0) { /* another round of -k */
		close(fd_);
		fd_ = listener_;
		listener_ = -1;
	}
	await(POLLIN, "nobody called in the time that -w gives");
	int connection = accept4(fd_, reinterpret_cast<sockaddr *>(&peer_), &length, SOCK_CLOEXEC);
	if (connection < 0)
		socket_failed(errno, "accept a connection");
	listener_ = fd_;
	fd_ = connection;
	connected_ = true;
	peer_open_ = true;
	rest_.clear(); /* it was for the one before */
	rest_sent_ = 0;
	if (!input_open_) /* it ended while another one was served */
		shutdown(fd_, SHUT_WR);
	if (options_.verbose)
		fmt::print(stderr, "edu: {} calls\n", peer_name());
}

/* With -k the misfortune of one connection is told, and the next one is served. */
void relay::serve_stream()
{
	try {
		copy_both_ways();
	} catch (const failure &bad) {
		if (!options_.keep || bad.status() != exit_negative)
			throw;
		fmt::print(stderr, "edu: {}\n", bad.what());
	}
}

int relay::run_listener()
{
	in_addr_t address = options_.source.empty() ? INADDR_ANY : parse_address(options_.source);
	std::string service = options_.source_port;
	std::vector<std::string> where = options_.where;

	if (service.empty() && !where.empty()) {
		service = where.back();
		where.pop_back();
	}
	if (!where.empty())
		address = parse_address(where[0]);
	if (service.empty() || where.size() > 1)
		usage_error("which port? `edu nc -l PORT` or `edu nc -l HOST PORT`");
	std::uint16_t number = port(service);
	open_socket();
	bind_local(address, number);
	if (options_.verbose)
		fmt::print(stderr, "edu: listening on {} port {}\n", show_address(address), number);
	if (!options_.datagrams) {
		if (listen(fd_, options_.keep ? SOMAXCONN : 1) < 0)
			socket_failed(errno, "listen");
		do {
			accept_stream();
			serve_stream();
		} while (options_.keep);
		return exit_ok;
	}
	if (!options_.keep) {
		/* The first one to speak is the partner; others are not heard from then on. */
		socklen_t length = sizeof(peer_);
		char octet;

		await(POLLIN, "nobody sent anything in the time that -w gives");
		if (recvfrom(fd_, &octet, 1, MSG_PEEK, reinterpret_cast<sockaddr *>(&peer_),
			     &length) < 0)
			socket_failed(errno, "receive");
		if (connect(fd_, reinterpret_cast<const sockaddr *>(&peer_), sizeof(peer_)) < 0)
			socket_failed(errno, "connect");
		connected_ = true;
	}
	return copy_both_ways();
}

int relay::run_caller()
{
	if (options_.where.size() != 2)
		usage_error("where to? `edu nc HOST PORT`, or -l to listen");
	peer_.sin_addr.s_addr = parse_address(options_.where[0]);
	peer_.sin_port = htons(port(options_.where[1]));
	peer_.sin_family = static_cast<sa_family_t>(ctx_.family);
	in_addr_t source = options_.source.empty() ? INADDR_ANY : parse_address(options_.source);
	std::uint16_t source_port = options_.source_port.empty() ? 0 : port(options_.source_port);
	open_socket();
	if (source || source_port)
		bind_local(source, source_port);
	/* Answers to a broadcast come from other addresses: a connected socket would not hear them. */
	if (options_.datagrams && options_.broadcast)
		return copy_both_ways();

	int flags = fcntl(fd_, F_GETFL);
	fcntl(fd_, F_SETFL, flags | O_NONBLOCK);
	if (connect(fd_, reinterpret_cast<const sockaddr *>(&peer_), sizeof(peer_)) < 0) {
		int error = errno;
		socklen_t length = sizeof(error);

		if (error == EINPROGRESS) {
			await(POLLOUT, "no answer in the time that -w gives");
			getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
		}
		if (error)
			socket_failed(error, "connect");
	}
	fcntl(fd_, F_SETFL, flags);
	connected_ = true;
	if (options_.verbose)
		fmt::print(stderr, "edu: talking to {}\n", peer_name());
	return copy_both_ways();
}

int relay::run()
{
	std::signal(SIGPIPE, SIG_IGN);
	return options_.listen ? run_listener() : run_caller();
}

} // namespace

int run_nc(context &ctx, words &in)
{
	CLI::App app("copy standard input to a host, and what it answers to standard output",
		     "edu nc");
	nc_options o;
	bool half_close = false;

	app.add_flag("-u", o.datagrams, "datagrams (UDP); without it a stream (TCP)");
	app.add_flag("-l", o.listen, "listen: wait for the other side to begin");
	app.add_flag("-N", half_close, "close our half at the end of the input; it is always done");
	app.add_option("-p", o.source_port, "own port, number or name")->type_name("PORT");
	app.add_option("-s", o.source, "own address")->type_name("ADDR");
	app.add_option("-w", o.idle, "end after S seconds without traffic")
		->type_name("S")
		->check(seconds());
	app.add_option("-q", o.quit, "end S seconds after the end of the input")
		->type_name("S")
		->check(seconds());
	app.add_flag("-b", o.broadcast, "permit a broadcast address");
	app.add_flag("-k", o.keep, "with -l: stay for more than one partner");
	app.add_option("-m", o.largest, "most octets in one datagram, default 1400")
		->type_name("SIZE")
		->check(between(1, 65507));
	app.add_flag("-v", o.verbose, "say what happens");
	app.add_option("WHERE", o.where, "HOST PORT; with -l: [HOST] PORT")->expected(0, 2);
	if (auto status = parse_options(app, in))
		return *status;
	return relay(ctx, o).run();
}

} // namespace edu
