// SPDX-License-Identifier: GPL-2.0-only
/*
 * `edu traceroute`: which routers a packet to a host passes. Packets with a growing time to live are
 * sent; the router where one dies says so by ICMP (RFC 792, RFC 1812 5.3.1), and the socket's error
 * queue tells who that was. Options and output follow traceroute(8).
 *
 * Probes are UDP datagrams to unlikely ports, told apart by port, or ICMP echo requests, told apart
 * by sequence number. Several are under way at a time; they are printed in order.
 *
 * Locking: none, the tool has one thread.
 */
#include "traceroute.hh"

#include "context.hh"
#include "error_queue.hh"
#include "failure.hh"
#include "icmp.hh"
#include "interrupt.hh"
#include "names.hh"
#include "options.hh"
#include "output.hh"

#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <iostream>
#include <map>
#include <vector>

namespace edu {

std::string trace_mark(const sock_extended_err &error)
{
	bool local = error.ee_origin == SO_EE_ORIGIN_LOCAL;

	if (local && error.ee_errno == EMSGSIZE)
		return fmt::format("!F-{}", error.ee_info);
	if (local)
		return error.ee_errno == EHOSTUNREACH ? "!H" :
		       error.ee_errno == ENETUNREACH  ? "!N" :
							"!<local>";
	if (error.ee_type == ICMP_TIME_EXCEEDED)
		return error.ee_code ? "!T" : "";
	if (error.ee_type != ICMP_DEST_UNREACH)
		return fmt::format("!<{}-{}>", error.ee_type, error.ee_code);
	switch (error.ee_code) {
	case ICMP_PORT_UNREACH:
		return "";
	case ICMP_NET_UNREACH:
	case ICMP_NET_UNKNOWN:
	case ICMP_HOST_ISOLATED:
	case ICMP_NET_UNR_TOS:
		return "!N";
	case ICMP_HOST_UNREACH:
	case ICMP_HOST_UNKNOWN:
	case ICMP_HOST_UNR_TOS:
		return "!H";
	case ICMP_PROT_UNREACH:
		return "!P";
	case ICMP_FRAG_NEEDED:
		return fmt::format("!F-{}", error.ee_info);
	case ICMP_SR_FAILED:
		return "!S";
	case ICMP_NET_ANO:
	case ICMP_HOST_ANO:
	case ICMP_PKT_FILTERED:
		return "!X";
	case ICMP_PREC_VIOLATION:
		return "!V";
	case ICMP_PREC_CUTOFF:
		return "!C";
	}
	return fmt::format("!<{}>", error.ee_code);
}

std::string probe_text(std::span<const probe> hop, std::size_t at, unsigned ttl,
		       const std::function<std::string(in_addr_t)> &who)
{
	const probe &shown = hop[at];
	std::string text = at ? "" : fmt::format("{:2} ", ttl);
	in_addr_t before = 0;

	for (std::size_t i = 0; i < at; i++)
		if (hop[i].from)
			before = hop[i].from;
	if (!shown.from)
		text += " *";
	else if (shown.from != before)
		text += " " + who(shown.from);
	if (shown.milliseconds >= 0)
		text += fmt::format("  {:.3f} ms", shown.milliseconds);
	if (!shown.mark.empty())
		text += " " + shown.mark;
	return text + (at + 1 == hop.size() ? "\n" : "");
}

namespace {

using clock_type = std::chrono::steady_clock;
using milliseconds = std::chrono::duration<double, std::milli>;

constexpr unsigned header_sizes = 28; /* IP and UDP, or IP and ICMP */
/* What may lie between the ports of two probes is nothing: more of them would pass the last port. */
constexpr unsigned ports_end = 65536;

struct trace_options {
	unsigned first = 1, last = 30; /* time to live of the first and the last probes */
	unsigned each = 3;	       /* probes with the same one */
	unsigned at_once = 16;	       /* probes that may be under way */
	unsigned port = 33434;	       /* of the first probe */
	unsigned size = 60;	       /* octets, IP header and all */
	double wait = 5;	       /* seconds for an answer */
	int tos = 0;
	bool numeric = false, icmp = false, whole = false; /* whole: never in fragments */
	std::string source, device, host;
};

class tracer {
public:
	tracer(context &ctx, const trace_options &options)
		: ctx_(ctx),
		  options_(options),
		  probes_((options.last - options.first + 1) * options.each),
		  end_(probes_.size())
	{
	}

	~tracer()
	{
		if (fd_ >= 0)
			close(fd_);
	}

	tracer(const tracer &) = delete;
	tracer &operator=(const tracer &) = delete;

	int run();

private:
	void open_socket();
	void bind_socket();
	void set_option(int level, int name, int value, const char *what) const;
	sockaddr_in address_of(in_addr_t address, unsigned port) const;
	void send_probes();
	void send_probe(std::size_t index);
	bool try_to_send(std::size_t index);
	[[noreturn]] void explain(int error) const;
	void wait_for_answers();
	unsigned receive_errors();
	void receive_replies();
	void handle_reply(octets packet, const sockaddr_in &from);
	void finish(std::size_t index, in_addr_t from, const std::string &mark, bool is_last);
	void give_up_old_ones();
	void print_ready();
	std::string who(in_addr_t address);
	record result() const;

	context &ctx_;
	const trace_options &options_;
	int fd_ = -1;
	bool raw_ = false; /* replies come with their IP header */
	in_addr_t target_ = 0;
	std::uint16_t id_ = 0;	    /* of RAW echo requests */
	std::vector<probe> probes_; /* those of one hop stand together */
	std::size_t end_;	    /* no probe from here on is of interest */
	std::size_t next_ = 0;	    /* the first that was not sent yet */
	std::size_t printed_ = 0;   /* the first that was not printed yet */
	unsigned under_way_ = 0;    /* probes that wait for an answer */
	bool reached_ = false;	    /* the host itself has answered */
	interrupt stop_;
	error_queue errors_;
	std::map<in_addr_t, std::string> names_;
	std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(65536);
};

void tracer::set_option(int level, int name, int value, const char *what) const
{
	if (setsockopt(fd_, level, name, &value, sizeof(value)) < 0)
		refused("cannot set {}: {}", what, std::strerror(errno));
}

sockaddr_in tracer::address_of(in_addr_t address, unsigned port) const
{
	sockaddr_in result{};

	result.sin_family = static_cast<sa_family_t>(ctx_.family);
	result.sin_port = htons(static_cast<std::uint16_t>(port));
	result.sin_addr.s_addr = address;
	return result;
}

void tracer::open_socket()
{
	ctx_.require_family();
	if (options_.icmp) {
		fd_ = socket(ctx_.family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_ICMP);
		raw_ = fd_ < 0;
		if (raw_)
			fd_ = socket(ctx_.family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
		if (fd_ < 0 && (errno == EPERM || errno == EACCES))
			refused("neither RAW nor ping sockets are permitted: be root, or leave -I away");
		id_ = static_cast<std::uint16_t>(getpid());
	} else {
		fd_ = socket(ctx_.family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	}
	if (fd_ < 0)
		refused("cannot open a socket: {}", std::strerror(errno));
	set_option(IPPROTO_IP, IP_RECVERR, 1, "IP_RECVERR");
	if (options_.tos)
		set_option(IPPROTO_IP, IP_TOS, options_.tos, "the TOS");
	if (options_.whole)
		set_option(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, "`do not fragment`");
	bind_socket();
}

void tracer::bind_socket()
{
	if (!options_.device.empty() &&
	    setsockopt(fd_, SOL_SOCKET, SO_BINDTODEVICE, options_.device.c_str(),
		       static_cast<socklen_t>(options_.device.size() + 1)) < 0)
		refused("cannot use the device {}: {}", options_.device, std::strerror(errno));
	if (options_.source.empty())
		return;
	sockaddr_in from = address_of(parse_address(options_.source), 0);
	if (bind(fd_, reinterpret_cast<const sockaddr *>(&from), sizeof(from)) < 0)
		refused("cannot send from {}: {}", options_.source,
			errno == EADDRNOTAVAIL ?
				"it is not an address of this host (`edu addr` lists them)" :
				std::strerror(errno));
}

std::string tracer::who(in_addr_t address)
{
	std::string number = show_address(address);

	if (options_.numeric)
		return number;
	auto [found, is_new] = names_.try_emplace(address);
	if (is_new)
		found->second = host_name(address);
	return fmt::format("{} ({})", found->second.empty() ? number : found->second, number);
}

/* The probe's first answer counts. is_last: what lies behind this hop is of no interest. */
void tracer::finish(std::size_t index, in_addr_t from, const std::string &mark, bool is_last)
{
	if (index >= probes_.size() || probes_[index].state != probe::waiting)
		return;
	probe &answered = probes_[index];

	answered.state = probe::done;
	answered.from = from;
	answered.mark = mark;
	answered.is_last = is_last;
	if (from)
		answered.milliseconds = milliseconds(clock_type::now() - answered.sent_at).count();
	under_way_--;
	if (is_last)
		end_ = std::min(end_, (index / options_.each + 1) * options_.each);
}

/* Empties the error queue; returns how many errors it held. */
unsigned tracer::receive_errors()
{
	unsigned count = 0;

	for (; auto found = errors_.take(fd_); count++) {
		const sock_extended_err &error = found->error;
		std::size_t index = ntohs(found->destination.sin_port) - options_.port;
		bool passing = error.ee_origin == SO_EE_ORIGIN_ICMP &&
			       error.ee_type == ICMP_TIME_EXCEEDED && !error.ee_code;

		if (options_.icmp) {
			auto request = read_icmp(found->packet);

			if (!request || request->type != ICMP_ECHO || (raw_ && request->id != id_))
				continue;
			index = request->sequence - 1u;
		}
		reached_ |= found->offender == target_ && error.ee_origin == SO_EE_ORIGIN_ICMP;
		finish(index, found->offender, trace_mark(error), !passing);
	}
	return count;
}

void tracer::handle_reply(octets packet, const sockaddr_in &from)
{
	std::size_t index = ntohs(from.sin_port) - options_.port;
	in_addr_t source = from.sin_addr.s_addr;

	if (raw_) {
		auto ip = read_ip(packet);

		if (!ip)
			return;
		packet = ip->payload;
		source = ip->source;
	}
	if (options_.icmp) {
		auto message = read_icmp(packet);

		if (!message || message->type != ICMP_ECHOREPLY || (raw_ && message->id != id_))
			return;
		index = message->sequence - 1u;
	}
	if (source != target_)
		return;
	reached_ = true;
	finish(index, source, "", true);
}

/* The host itself: it echoes, or something there listens on a port that is thought unlikely. */
void tracer::receive_replies()
{
	for (;;) {
		sockaddr_in from{};
		socklen_t length = sizeof(from);
		ssize_t got = recvfrom(fd_, buffer_.data(), buffer_.size(), MSG_DONTWAIT,
				       reinterpret_cast<sockaddr *>(&from), &length);

		if (got < 0 && errno == EAGAIN)
			return;
		/* Other errors are the short form of what the error queue tells. */
		if (got >= 0)
			handle_reply(octets(buffer_.data(), static_cast<std::size_t>(got)), from);
	}
}

bool tracer::try_to_send(std::size_t index)
{
	unsigned port = options_.icmp ? 0 : options_.port + static_cast<unsigned>(index);
	sockaddr_in to = address_of(target_, port);
	std::vector<std::uint8_t> message(options_.size - header_sizes);

	if (options_.icmp)
		message = echo_request(id_, static_cast<std::uint16_t>(index + 1), message.size());
	else
		for (std::size_t i = 0; i < message.size(); i++)
			message[i] = static_cast<std::uint8_t>(0x40 + (i & 0x3f));
	probes_[index].sent_at = clock_type::now();
	return sendto(fd_, message.data(), message.size(), 0,
		      reinterpret_cast<const sockaddr *>(&to), sizeof(to)) >= 0;
}

void tracer::send_probe(std::size_t index)
{
	int ttl = static_cast<int>(options_.first + index / options_.each);

	set_option(IPPROTO_IP, IP_TTL, ttl, "the time to live");
	probes_[index].state = probe::waiting;
	under_way_++;
	/* A send may fail for an earlier probe's error, which is then in the queue. */
	for (int attempt = 0; attempt < 32; attempt++) {
		if (try_to_send(index))
			return;
		int error = errno;
		unsigned told = receive_errors();
		if (probes_[index].state == probe::done)
			return; /* its own: a packet that is too long, no neighbour */
		if (!told)
			explain(error);
	}
	finish(index, 0, "", false);
}

void tracer::explain(int error) const
{
	std::string host = show_address(target_);

	switch (error) {
	case EACCES:
		refused("{} is a broadcast address, or a route prohibits it", host);
	case ENETUNREACH:
		refused("no route leads to {}: `edu route` lists them", host);
	case EHOSTUNREACH:
		refused("a route says that {} is unreachable", host);
	case EMSGSIZE:
		refused("a packet of {} octets is too long to leave here", options_.size);
	}
	refused("cannot send to {}: {}", host, std::strerror(error));
}

void tracer::send_probes()
{
	while (under_way_ < options_.at_once && next_ < end_)
		send_probe(next_++);
}

void tracer::give_up_old_ones()
{
	auto oldest = clock_type::now() - std::chrono::duration_cast<clock_type::duration>(
						  std::chrono::duration<double>(options_.wait));

	for (std::size_t i = printed_; i < next_; i++)
		if (probes_[i].state == probe::waiting && probes_[i].sent_at <= oldest)
			finish(i, 0, "", false);
}

void tracer::wait_for_answers()
{
	pollfd watched[] = {{fd_, POLLIN, 0}, {stop_.fd(), POLLIN, 0}};
	double left = options_.wait * 1000;

	for (std::size_t i = printed_; i < next_; i++)
		if (probes_[i].state == probe::waiting)
			left = std::min(left,
					options_.wait * 1000 -
						milliseconds(clock_type::now() - probes_[i].sent_at)
							.count());
	if (poll(watched, 2, left > 0 ? static_cast<int>(std::ceil(left)) : 0) < 0 &&
	    errno != EINTR)
		refused("cannot wait for answers: {}", std::strerror(errno));
	if (watched[1].revents) {
		end_ = printed_; /* ends here, as if it had been asked for */
		return;
	}
	receive_errors();
	receive_replies();
	give_up_old_ones();
}

void tracer::print_ready()
{
	for (; printed_ < end_ && probes_[printed_].state == probe::done; printed_++) {
		std::size_t first = printed_ - printed_ % options_.each;
		unsigned ttl = options_.first + static_cast<unsigned>(printed_ / options_.each);

		if (!ctx_.json)
			std::cout << probe_text(std::span(probes_).subspan(first, options_.each),
						printed_ - first, ttl,
						[this](in_addr_t address) { return who(address); })
				  << std::flush;
	}
}

record tracer::result() const
{
	record all = {{"host", options_.host},
		      {"dst", show_address(target_)},
		      {"reached", reached_},
		      {"hops", record::array()}};

	for (std::size_t i = 0; i < printed_; i++) {
		record one = record::object();

		if (i % options_.each == 0)
			all["hops"].push_back({{"ttl", options_.first + i / options_.each},
					       {"probes", record::array()}});
		if (probes_[i].from)
			one["addr"] = show_address(probes_[i].from);
		if (probes_[i].milliseconds >= 0)
			one["rtt"] = std::round(probes_[i].milliseconds * 1000) / 1000;
		if (!probes_[i].mark.empty())
			one["mark"] = probes_[i].mark;
		all["hops"].back()["probes"].push_back(one);
	}
	return all;
}

int tracer::run()
{
	target_ = parse_address(options_.host);
	open_socket();
	if (!ctx_.json)
		std::cout << fmt::format("traceroute to {} ({}), {} hops max, {} byte packets\n",
					 options_.host, show_address(target_), options_.last,
					 options_.size)
			  << std::flush;
	while (printed_ < end_) {
		send_probes();
		print_ready();
		if (printed_ < end_)
			wait_for_answers();
		print_ready();
	}
	if (ctx_.json)
		print_object(ctx_, std::cout, result());
	return reached_ ? exit_ok : exit_negative;
}

void add_options(CLI::App &app, trace_options &o, std::string &tos)
{
	app.add_option("HOST", o.host, "host name or Internet address")->required();
	app.add_option("PACKETLEN", o.size, "length of the packets in octets, default 60")
		->check(between(header_sizes, 65535));
	app.add_flag("-I", o.icmp, "send ICMP echo requests, not UDP datagrams");
	app.add_flag_callback(
		"-U", [&o] { o.icmp = false; }, "send UDP datagrams (the default)");
	app.add_flag("-n", o.numeric, "print numbers, ask for no names");
	app.add_flag("-F", o.whole, "never fragment");
	app.add_option("-f", o.first, "begin with this time to live, default 1")
		->type_name("N")
		->check(between(1, 255));
	app.add_option("-m", o.last, "end with this time to live, default 30")
		->type_name("N")
		->check(between(1, 255));
	app.add_option("-q", o.each, "probes for each hop, default 3")
		->type_name("N")
		->check(between(1, 10));
	app.add_option("-N", o.at_once, "probes under way at a time, default 16")
		->type_name("N")
		->check(between(1, 1000));
	app.add_option("-w", o.wait, "seconds to wait for an answer, default 5")
		->type_name("S")
		->check(seconds());
	app.add_option("-p", o.port,
		       "port of the first probe, default 33434; the next have the next")
		->type_name("PORT")
		->check(between(1, 65535));
	app.add_option("-s", o.source, "source address")->type_name("ADDR");
	app.add_option("-i", o.device, "device to use")->type_name("DEV");
	app.add_option("-t", tos, "type of service, hexadecimal or a name")->type_name("TOS");
}

} // namespace

int run_traceroute(context &ctx, words &in)
{
	CLI::App app(
		"the routers that packets to a host pass; status 0: the host answered, 1: it did "
		"not, 2: it could not be tried",
		"edu traceroute");
	trace_options options;
	std::string tos;

	add_options(app, options, tos);
	try {
		if (auto status = parse_options(app, in))
			return *status;
		if (options.first > options.last)
			usage_error("-f {} is beyond -m {}", options.first, options.last);
		if (options.port + (options.last - options.first + 1) * options.each > ports_end)
			usage_error("there are not enough ports behind {} for all probes",
				    options.port);
		if (!tos.empty())
			options.tos = static_cast<int>(tos_names().number(tos, "TOS"));
		return tracer(ctx, options).run();
	} catch (const failure &bad) {
		throw failure(exit_refused, bad.what()); /* 1 says "no answer" here */
	}
}

} // namespace edu
