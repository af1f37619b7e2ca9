// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu tracepath`: the path to a host and the largest packet that fits through it (RFC 1191). UDP
 * datagrams that must not be fragmented are sent with a growing time to live and in the greatest size
 * that is still believed in; IP_MTU_DISCOVER = IP_PMTUDISC_PROBE makes the stack forget what it knows
 * of the path, so that each narrow link is told again. Output follows tracepath(8). No privilege is
 * needed.
 *
 * Locking: none, the tool has one thread.
 */
#include "tracepath.hh"

#include "context.hh"
#include "error_queue.hh"
#include "failure.hh"
#include "interrupt.hh"
#include "names.hh"
#include "options.hh"
#include "output.hh"

#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <iostream>
#include <vector>

namespace edu {

bool is_reached(const sock_extended_err &error)
{
	return error.ee_errno == ECONNREFUSED;
}

bool ends_path(const sock_extended_err &error)
{
	bool died = error.ee_origin == SO_EE_ORIGIN_ICMP && error.ee_type == ICMP_TIME_EXCEEDED &&
		    !error.ee_code;

	return !died && error.ee_errno != EMSGSIZE && error.ee_errno != ETIMEDOUT;
}

unsigned hops_passed(int ttl)
{
	for (int first : {64, 128})
		if (ttl <= first)
			return static_cast<unsigned>(first + 1 - ttl);
	return static_cast<unsigned>(256 - ttl);
}

namespace {

/* What stands at the end of a line. */
std::string verdict(const path_step &step)
{
	switch (step.error.ee_errno) {
	case EMSGSIZE:
		return fmt::format("pmtu {}", step.error.ee_info);
	case ECONNREFUSED:
		return "reached";
	case EPROTO:
		return "!P";
	case ENETUNREACH:
		return "!N";
	case EACCES:
		return "!A";
	case ETIMEDOUT:
		return "";
	}
	if (ends_path(step.error))
		return step.error.ee_errno == EHOSTUNREACH ?
			       "!H" :
			       std::strerror(static_cast<int>(step.error.ee_errno));
	return step.back && *step.back != step.ttl ? fmt::format("asymm {:2} ", *step.back) : "";
}

} // namespace

std::string step_text(const path_step &step)
{
	std::string text;

	if (step.who.empty())
		text = fmt::format("{:2}?: {:<32} ", step.ttl, "[LOCALHOST]");
	else
		text = fmt::format("{:2}{} {:<52} ", step.ttl, step.ttl_is_guessed ? "?:" : ": ",
				   step.who);
	if (step.milliseconds >= 0)
		text += fmt::format("{:7.3f}ms ", step.milliseconds);
	return text + verdict(step) + "\n";
}

namespace {

using clock_type = std::chrono::steady_clock;
using milliseconds = std::chrono::duration<double, std::milli>;

constexpr unsigned header_sizes = 28; /* IP and UDP */

struct path_options {
	unsigned last = 30;    /* time to live of the last packets */
	unsigned size = 65535; /* octets of the first packet, IP header and all */
	unsigned port = 44444; /* the first of those that packets go to */
	bool numeric = false, both = false;
	std::string host;
};

/* smaller: only a smaller packet may come as far as this one was meant to. */
enum class outcome { nothing, progress, smaller, end };

class path_tracer {
public:
	path_tracer(context &ctx, const path_options &options)
		: ctx_(ctx), options_(options), mtu_(options.size)
	{
	}

	~path_tracer()
	{
		if (fd_ >= 0)
			close(fd_);
	}

	path_tracer(const path_tracer &) = delete;
	path_tracer &operator=(const path_tracer &) = delete;

	int run();

private:
	/* Packets are told apart by their port; so many may be remembered. */
	static constexpr unsigned remembered = 64;
	struct packet {
		unsigned ttl = 0; /* 0: not sent, or answered already */
		clock_type::time_point sent_at;
	};

	void open_socket();
	void set_option(int level, int name, int value, const char *what) const;
	bool send_packet(unsigned ttl);
	outcome probe(unsigned ttl);
	outcome try_hop(unsigned ttl);
	outcome take_errors(unsigned ttl);
	outcome handle(const queued_error &found, unsigned ttl);
	void wait();
	std::string who(in_addr_t address);
	void tell(const path_step &step, in_addr_t from);
	void tell_result(bool too_many);

	context &ctx_;
	const path_options &options_;
	unsigned mtu_; /* octets of the next packet */
	int fd_ = -1;
	in_addr_t target_ = 0;
	std::array<packet, remembered> sent_; /* by port */
	unsigned slot_ = 0;		      /* of the next packet in sent_ */
	std::optional<unsigned> hops_, back_; /* to the host and back */
	bool interrupted_ = false;
	record steps_ = record::array(); /* for JSON */
	interrupt stop_;
	error_queue errors_;
};

void path_tracer::set_option(int level, int name, int value, const char *what) const
{
	if (setsockopt(fd_, level, name, &value, sizeof(value)) < 0)
		refused("cannot set {}: {}", what, std::strerror(errno));
}

void path_tracer::open_socket()
{
	ctx_.require_family();
	fd_ = socket(ctx_.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd_ < 0)
		refused("cannot open a socket: {}", std::strerror(errno));
	set_option(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, "path MTU discovery");
	set_option(IPPROTO_IP, IP_RECVERR, 1, "IP_RECVERR");
	set_option(IPPROTO_IP, IP_RECVTTL, 1, "IP_RECVTTL");
}

std::string path_tracer::who(in_addr_t address)
{
	std::string number = show_address(address);

	if (options_.numeric)
		return number;
	std::string name = host_name(address);
	if (name.empty())
		name = number;
	return options_.both ? fmt::format("{} ({})", name, number) : name;
}

void path_tracer::tell(const path_step &step, in_addr_t from)
{
	if (!ctx_.json) {
		std::cout << step_text(step) << std::flush;
		return;
	}
	record one = {{"ttl", step.ttl}};

	if (from)
		one["addr"] = show_address(from);
	if (step.milliseconds >= 0)
		one["rtt"] = std::round(step.milliseconds * 1000) / 1000;
	if (step.error.ee_errno == EMSGSIZE)
		one["pmtu"] = step.error.ee_info;
	if (step.back)
		one["back"] = *step.back;
	if (ends_path(step.error))
		one["end"] = is_reached(step.error) ?
				     "reached" :
				     std::strerror(static_cast<int>(step.error.ee_errno));
	steps_.push_back(one);
}

outcome path_tracer::handle(const queued_error &found, unsigned ttl)
{
	const sock_extended_err &error = found.error;
	unsigned slot = ntohs(found.destination.sin_port) - options_.port;
	bool known = slot < remembered && sent_[slot].ttl;
	bool local = error.ee_origin == SO_EE_ORIGIN_LOCAL;
	path_step step{};

	step.ttl = known && !local ? sent_[slot].ttl : ttl;
	step.ttl_is_guessed = !known;
	step.error = error;
	if (!local) {
		step.who = who(found.offender);
		if (found.ttl >= 0)
			step.back = hops_passed(found.ttl);
		if (known)
			step.milliseconds =
				milliseconds(clock_type::now() - sent_[slot].sent_at).count();
	}
	if (known)
		sent_[slot].ttl = 0;
	/* An MTU too small to be true (RFC 1191: 68 is the least) must not stop us. */
	unsigned before = mtu_;
	if (error.ee_errno == EMSGSIZE)
		mtu_ = std::min(mtu_, std::max(error.ee_info, 68u));
	tell(step, local ? 0 : found.offender);
	if (is_reached(error)) {
		hops_ = step.ttl;
		back_ = step.back;
	}
	if (ends_path(error))
		return outcome::end;
	return mtu_ < before ? outcome::smaller : outcome::progress;
}

outcome path_tracer::take_errors(unsigned ttl)
{
	outcome so_far = outcome::nothing;

	while (auto found = errors_.take(fd_)) {
		outcome one = handle(*found, ttl);

		if (one == outcome::end)
			return one;
		so_far = one;
	}
	return so_far;
}

bool path_tracer::send_packet(unsigned ttl)
{
	std::vector<std::uint8_t> message(std::max(mtu_, header_sizes) - header_sizes);
	sockaddr_in to{};

	to.sin_family = static_cast<sa_family_t>(ctx_.family);
	to.sin_port = htons(static_cast<std::uint16_t>(options_.port + slot_));
	to.sin_addr.s_addr = target_;
	sent_[slot_] = {ttl, clock_type::now()};
	return sendto(fd_, message.data(), message.size(), 0,
		      reinterpret_cast<const sockaddr *>(&to), sizeof(to)) >= 0;
}

void path_tracer::wait()
{
	pollfd watched[] = {{fd_, POLLIN, 0}, {stop_.fd(), POLLIN, 0}};

	poll(watched, 2, 1000);
	interrupted_ = watched[1].revents;
}

/* One packet and what comes back for it. */
outcome path_tracer::probe(unsigned ttl)
{
	char answer[1];
	int attempt = 0;

	/* Sending tells of packets that are too long for this host's own link, and of old errors. */
	while (!send_packet(ttl)) {
		int error = errno;
		outcome told = take_errors(ttl);

		sent_[slot_].ttl = 0;
		if (told == outcome::end)
			return told;
		if (error == ENETUNREACH)
			refused("no route leads to {}: `edu route` lists them",
				show_address(target_));
		if (error == EACCES || error == EINVAL || ++attempt == 10)
			refused("cannot send to {}: {}", show_address(target_),
				std::strerror(error));
	}
	slot_ = (slot_ + 1) % remembered;
	wait();
	if (recv(fd_, answer, sizeof(answer), MSG_DONTWAIT) >= 0) {
		if (!ctx_.json)
			std::cout << fmt::format("{:2}?: reply received 8)\n", ttl);
		hops_ = ttl;
		return outcome::end;
	}
	return take_errors(ttl);
}

/* Three packets at most. */
outcome path_tracer::try_hop(unsigned ttl)
{
	set_option(IPPROTO_IP, IP_TTL, static_cast<int>(ttl), "the time to live");
	for (int i = 0; i < 3 && !interrupted_; i++) {
		outcome told = probe(ttl);

		if (told == outcome::smaller)
			i = -1;
		else if (told != outcome::nothing)
			return told;
	}
	if (!ctx_.json && !interrupted_)
		std::cout << fmt::format("{:2}:  no reply\n", ttl) << std::flush;
	return outcome::nothing;
}

void path_tracer::tell_result(bool too_many)
{
	if (ctx_.json) {
		record all = {{"host", options_.host},
			      {"dst", show_address(target_)},
			      {"pmtu", mtu_},
			      {"reached", hops_.has_value()},
			      {"path", steps_}};

		if (hops_)
			all["hops"] = *hops_;
		if (back_)
			all["back"] = *back_;
		print_object(ctx_, std::cout, all);
		return;
	}
	if (too_many)
		std::cout << fmt::format("     Too many hops: pmtu {}\n", mtu_);
	std::cout << fmt::format("     Resume: pmtu {} ", mtu_)
		  << (hops_ ? fmt::format("hops {} ", *hops_) : "")
		  << (back_ ? fmt::format("back {} ", *back_) : "") << "\n";
}

int path_tracer::run()
{
	outcome last = outcome::nothing;

	target_ = parse_address(options_.host);
	open_socket();
	for (unsigned ttl = 1; ttl <= options_.last && last != outcome::end && !interrupted_; ttl++)
		last = try_hop(ttl);
	tell_result(last != outcome::end && !interrupted_);
	return hops_ ? exit_ok : exit_negative;
}

} // namespace

int run_tracepath(context &ctx, words &in)
{
	CLI::App app(
		"the path to a host and its MTU; status 0: the host was reached, 1: it was not, 2: "
		"it could not be tried",
		"edu tracepath");
	path_options options;

	app.add_option("HOST", options.host, "host name or Internet address")->required();
	app.add_flag("-n", options.numeric, "print numbers, ask for no names");
	app.add_flag("-b", options.both, "print names and numbers");
	app.add_option("-l", options.size, "length of the first packet in octets, default 65535")
		->type_name("N")
		->check(between(header_sizes, 65535));
	app.add_option("-m", options.last, "end with this time to live, default 30")
		->type_name("N")
		->check(between(1, 255));
	app.add_option("-p", options.port, "the first port, default 44444; 64 are used")
		->type_name("PORT")
		->check(between(1, 65472));
	try {
		if (auto status = parse_options(app, in))
			return *status;
		return path_tracer(ctx, options).run();
	} catch (const failure &bad) {
		throw failure(exit_refused, bad.what()); /* 1 says "no answer" here */
	}
}

} // namespace edu
