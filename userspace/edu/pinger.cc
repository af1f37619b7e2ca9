// SPDX-License-Identifier: GPL-2.0-only
/*
 * Echo requests by a RAW socket of AF_EDUINET, or by a ping socket (SOCK_DGRAM, IPPROTO_ICMP) where
 * RAW is not permitted. Errors come by the socket's error queue (IP_RECVERR), which gives back the
 * request they are about. RFC 792.
 *
 * Locking: none, the tool has one thread.
 */
#include "pinger.hh"

#include "failure.hh"
#include "names.hh"
#include "output.hh"

#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>
#include <iostream>

extern "C" unsigned int if_nametoindex(const char *name) noexcept;

namespace edu {

namespace {

using milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::size_t header_sizes = 28; /* IP and ICMP */

void set_option(int fd, int level, int name, int value, const char *what)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)) < 0)
		refused("cannot set {}: {}", what, std::strerror(errno));
}

} // namespace

pinger::~pinger()
{
	if (fd_ >= 0)
		close(fd_);
	if (signals_ >= 0)
		close(signals_);
}

void pinger::open_socket()
{
	int on = 1;

	ctx_.require_family();
	fd_ = socket(ctx_.family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	raw_ = fd_ >= 0;
	if (fd_ < 0 && (errno == EPERM || errno == EACCES))
		fd_ = socket(ctx_.family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (fd_ < 0 && (errno == EPERM || errno == EACCES))
		refused("neither RAW nor ping sockets are permitted: be root, or let root put your group "
			"into ping_group_min … ping_group_max in /proc/sys/net/eduinet");
	if (fd_ < 0)
		refused("cannot open an ICMP socket: {}", std::strerror(errno));
	error_queue_ = setsockopt(fd_, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) == 0;
	if (!raw_)
		setsockopt(fd_, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
	if (options_.ttl)
		set_option(fd_, IPPROTO_IP, IP_TTL, options_.ttl, "the TTL");
	if (options_.tos)
		set_option(fd_, IPPROTO_IP, IP_TOS, options_.tos, "the TOS");
	if (options_.broadcast)
		set_option(fd_, SOL_SOCKET, SO_BROADCAST, 1, "SO_BROADCAST");
	id_ = static_cast<std::uint16_t>(getpid());
	bind_source();
}

sockaddr_in pinger::target_address() const
{
	sockaddr_in to{};

	to.sin_family = static_cast<sa_family_t>(ctx_.family);
	to.sin_addr.s_addr = target_;
	return to;
}

void pinger::bind_source()
{
	const std::string &source = options_.source;
	sockaddr_in from = target_address();

	if (source.empty())
		return;
	if (if_nametoindex(source.c_str())) {
		if (setsockopt(fd_, SOL_SOCKET, SO_BINDTODEVICE, source.c_str(),
			       static_cast<socklen_t>(source.size() + 1)) < 0)
			refused("cannot use the device {}: {}", source, std::strerror(errno));
		return;
	}
	from.sin_addr.s_addr = parse_address(source);
	if (bind(fd_, reinterpret_cast<const sockaddr *>(&from), sizeof(from)) < 0)
		refused("cannot send from {}: {}", source,
			errno == EADDRNOTAVAIL ?
				"it is not an address of this host (`edu addr` lists them)" :
				std::strerror(errno));
}

/* An interrupt ends the loop, not the process, so that the closing lines are printed. */
void pinger::catch_signals()
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, nullptr);
	signals_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

std::string pinger::who(in_addr_t address)
{
	std::string number = show_address(address);

	if (options_.numeric)
		return number;
	std::string name = host_name(address);
	return name.empty() ? number : fmt::format("{} ({})", name, number);
}

void pinger::print_heading()
{
	if (ctx_.json)
		return;
	std::string from = options_.source.empty() ? "" : " from " + options_.source + ":";
	fmt::print("PING {} ({}){} {}({}) bytes of data.\n", options_.host, show_address(target_),
		   from, options_.size, options_.size + header_sizes);
}

void pinger::send_request()
{
	std::uint16_t sequence = static_cast<std::uint16_t>(tally_.sent + 1);
	std::vector<std::uint8_t> message = echo_request(id_, sequence, options_.size);
	sockaddr_in to = target_address();

	answered_[sequence] = false;
	sent_at_[sequence] = clock_type::now();
	tally_.sent++;
	/* The second attempt is for when the first only handed over an earlier request's error. */
	for (int attempt = 0; attempt < 2; attempt++) {
		if (sendto(fd_, message.data(), message.size(), 0,
			   reinterpret_cast<const sockaddr *>(&to), sizeof(to)) >= 0)
			return;
		int error = errno;
		if (receive_errors() == 0 || error == EMSGSIZE) {
			send_failed(error);
			return;
		}
	}
}

void pinger::send_failed(int error)
{
	switch (error) {
	case ENETUNREACH:
		refused("no route leads to {}: `edu route` lists them", show_address(target_));
	case EACCES:
		if (!options_.broadcast)
			refused("{} is a broadcast address, or a route prohibits it: -b permits broadcast",
				show_address(target_));
		break;
	case EINVAL:
	case EPERM:
		refused("cannot send to {}: {}", show_address(target_), std::strerror(error));
	case EMSGSIZE:
		if (error_queue_)
			return; /* the queue tells it with the MTU */
		break;
	}
	tally_.errors++;
	if (!options_.quiet && !ctx_.json)
		fmt::print("edu ping: sendmsg: {}\n", std::strerror(error));
}

void pinger::handle_reply(const icmp_message &message, in_addr_t from, int ttl,
			  clock_type::time_point now)
{
	std::uint16_t sequence = message.sequence;
	bool duplicate = answered_[sequence];

	if (sent_at_[sequence] == clock_type::time_point())
		return; /* never asked */
	answered_[sequence] = true;
	(duplicate ? tally_.duplicates : tally_.received)++;
	double trip = milliseconds(now - sent_at_[sequence]).count();

	tally_.add_round_trip(trip);
	if (options_.quiet || ctx_.json)
		return;

	std::string line = fmt::format("{} bytes from {}: icmp_seq={}", message.data.size() + 8,
				       who(from), sequence);
	if (ttl >= 0)
		line += fmt::format(" ttl={}", ttl);
	line += " time=" + show_milliseconds(trip);
	if (duplicate)
		line += " (DUP!)";
	if (message.data.size() != options_.size)
		line += " (truncated)";
	if (int wrong = first_wrong_octet(message.data); wrong >= 0)
		line += fmt::format("\nwrong data byte #{} should be 0x{:x} but was 0x{:x}", wrong,
				    wrong & 255, message.data[static_cast<std::size_t>(wrong)]);
	fmt::print("{}\n", line);
}

void pinger::handle(octets packet, in_addr_t from, int ttl, clock_type::time_point now)
{
	if (raw_) {
		auto ip = read_ip(packet);

		if (!ip)
			return;
		packet = ip->payload;
		from = ip->source;
		ttl = ip->ttl;
	}
	auto message = read_icmp(packet);
	if (!message || (raw_ && message->id != id_))
		return;
	if (message->type == ICMP_ECHOREPLY) {
		handle_reply(*message, from, ttl, now);
		return;
	}
	/* A RAW socket sees errors as packets too; one that comes by the queue is told there. */
	bool queued = error_queue_ && message->type != ICMP_REDIRECT &&
		      message->type != ICMP_SOURCE_QUENCH;
	if (!raw_ || queued || !message->quotes_echo || message->quoted_destination != target_)
		return;
	/* Redirects and quenches are advice: the request itself went on. */
	if (message->type != ICMP_REDIRECT && message->type != ICMP_SOURCE_QUENCH) {
		answered_[message->sequence] = true;
		tally_.errors++;
	}
	if (!options_.quiet && !ctx_.json)
		fmt::print("From {}: icmp_seq={} {}\n", who(from), message->sequence,
			   describe_icmp(message->type, message->code, message->info));
}

/* Takes what waits on the socket. */
void pinger::receive()
{
	for (;;) {
		sockaddr_in from{};
		iovec part = {buffer_.data(), buffer_.size()};
		alignas(cmsghdr) char control[256];
		msghdr message{};

		message.msg_name = &from;
		message.msg_namelen = sizeof(from);
		message.msg_iov = &part;
		message.msg_iovlen = 1;
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		ssize_t got = recvmsg(fd_, &message, MSG_DONTWAIT);
		clock_type::time_point now = clock_type::now();
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			/* An error here is the short form of what the error queue tells. */
			if (errno != EAGAIN && !error_queue_)
				send_failed(errno);
			return;
		}
		int ttl = -1;
		for (cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at))
			if (at->cmsg_level == IPPROTO_IP && at->cmsg_type == IP_TTL)
				std::memcpy(&ttl, CMSG_DATA(at), sizeof(ttl));
		handle(octets(buffer_.data(), static_cast<std::size_t>(got)), from.sin_addr.s_addr,
		       ttl, now);
	}
}

void pinger::report_error(const sock_extended_err &error, in_addr_t offender, octets request)
{
	bool local = error.ee_origin == SO_EE_ORIGIN_LOCAL;
	/* The queue gives back the request itself: its number stands where it was written. */
	auto sent = read_icmp(request);
	std::uint16_t sequence = sent ? sent->sequence : static_cast<std::uint16_t>(tally_.sent);

	if (!local && raw_ && (!sent || sent->type != ICMP_ECHO || sent->id != id_))
		return; /* another program's request */
	answered_[sequence] = true;
	tally_.errors++;
	if (options_.quiet || ctx_.json)
		return;
	if (local && error.ee_errno == EMSGSIZE) {
		fmt::print("edu ping: local error: message too long, mtu={}\n", error.ee_info);
	} else if (local && error.ee_errno != EHOSTUNREACH) {
		fmt::print("edu ping: local error: {}\n",
			   std::strerror(static_cast<int>(error.ee_errno)));
	} else {
		std::string text =
			local ? describe_icmp(ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0) :
				describe_icmp(error.ee_type, error.ee_code, error.ee_info);
		std::string from = offender ? "From " + who(offender) + " " : "";

		fmt::print("{}icmp_seq={} {}\n", from, sequence, text);
	}
}

/* Empties the error queue; returns how many errors it held. */
unsigned pinger::receive_errors()
{
	unsigned count = 0;

	while (error_queue_) {
		std::uint8_t request[64];
		iovec part = {request, sizeof(request)};
		alignas(cmsghdr) char control[512];
		msghdr message{};

		message.msg_iov = &part;
		message.msg_iovlen = 1;
		message.msg_control = control;
		message.msg_controllen = sizeof(control);
		ssize_t got = recvmsg(fd_, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
		if (got < 0)
			break;
		for (cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at)) {
			if (at->cmsg_level != IPPROTO_IP || at->cmsg_type != IP_RECVERR ||
			    at->cmsg_len < CMSG_LEN(sizeof(sock_extended_err)))
				continue;
			auto *error = reinterpret_cast<sock_extended_err *>(CMSG_DATA(at));
			in_addr_t offender = 0;
			if (at->cmsg_len >= CMSG_LEN(sizeof(*error) + sizeof(sockaddr_in))) {
				sockaddr_in where;

				std::memcpy(&where, SO_EE_OFFENDER(error), sizeof(where));
				offender = where.sin_family ? where.sin_addr.s_addr : 0;
			}
			count++;
			report_error(*error, offender,
				     octets(request, static_cast<std::size_t>(got)));
		}
	}
	return count;
}

bool pinger::is_complete() const
{
	return options_.count && tally_.received + tally_.errors >= options_.count;
}

/* Serves the socket until `when`; false ends everything. */
bool pinger::wait_until(clock_type::time_point when)
{
	bool last = options_.count && tally_.sent >= options_.count;

	for (;;) {
		pollfd watched[] = {{fd_, POLLIN, 0}, {signals_, POLLIN, 0}};
		double left = milliseconds(when - clock_type::now()).count();

		if (poll(watched, 2, left > 0 ? static_cast<int>(std::ceil(left)) : 0) < 0 &&
		    errno != EINTR)
			refused("cannot wait for answers: {}", std::strerror(errno));
		if (watched[1].revents)
			return false;
		if (watched[0].revents & POLLERR)
			receive_errors();
		if (watched[0].revents)
			receive();
		if (last && is_complete())
			return false;
		if (clock_type::now() >= when)
			return true;
	}
}

/* When to stop waiting for answers to the last request. */
pinger::clock_type::time_point pinger::last_wait() const
{
	double seconds = options_.wait;

	if (seconds < 0)
		seconds = tally_.longest() < 0 ? 10.0 : std::max(2 * tally_.longest() / 1000, 1.0);
	return clock_type::now() + std::chrono::duration_cast<clock_type::duration>(
					   std::chrono::duration<double>(seconds));
}

void pinger::print_tally() const
{
	double elapsed = milliseconds(clock_type::now() - begin_).count();

	if (!ctx_.json) {
		fmt::print("{}", tally_.text(options_.host, elapsed));
		return;
	}
	record all = {
		{"host", options_.host}, {"dst", show_address(target_)}, {"bytes", options_.size}};
	all.update(tally_.numbers(elapsed));
	print_object(ctx_, std::cout, all);
}

int pinger::run()
{
	using std::chrono::duration;
	auto interval = std::chrono::duration_cast<clock_type::duration>(
		duration<double>(options_.interval));

	target_ = parse_address(options_.host);
	open_socket();
	catch_signals();
	std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
	print_heading();
	begin_ = clock_type::now();
	auto deadline = options_.deadline ?
				begin_ + std::chrono::duration_cast<clock_type::duration>(
						 duration<double>(options_.deadline)) :
				clock_type::time_point::max();
	auto next = begin_;
	for (;;) {
		send_request();
		bool last = options_.count && tally_.sent >= options_.count;
		next = std::max(next + interval, clock_type::now());
		if (!wait_until(std::min(last ? last_wait() : next, deadline)))
			break;
		if (last || clock_type::now() >= deadline)
			break;
	}
	print_tally();
	return tally_.received ? exit_ok : exit_negative;
}

} // namespace edu
