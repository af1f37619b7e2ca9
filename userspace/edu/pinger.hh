/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sending echo requests and receiving what comes back: the work of `edu ping`.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_PINGER_HH
#define EDU_PINGER_HH

#include "context.hh"
#include "icmp.hh"
#include "ping_tally.hh"

#include <linux/errqueue.h>
#include <netinet/in.h>

#include <bitset>
#include <chrono>
#include <string>
#include <vector>

namespace edu {

struct ping_options {
	unsigned long count = 0; /* requests to send; 0: until interrupted */
	double interval = 1;	 /* seconds between requests */
	double wait = -1;	 /* seconds for the last answer; negative: not given */
	double deadline = 0;	 /* seconds for everything; 0: none */
	unsigned size = 56;	 /* octets of data */
	int ttl = 0, tos = 0;	 /* 0: the stack's default */
	bool quiet = false, numeric = false, broadcast = false;
	std::string source; /* device or address */
	std::string host;
};

class pinger {
public:
	pinger(context &ctx, const ping_options &options) : ctx_(ctx), options_(options) {}
	~pinger();
	pinger(const pinger &) = delete;
	pinger &operator=(const pinger &) = delete;

	int run();

private:
	using clock_type = std::chrono::steady_clock;
	static constexpr std::size_t sequence_numbers = 65536;

	void open_socket();
	void bind_source();
	void catch_signals();
	void send_request();
	void send_failed(int error);
	void receive();
	void handle(octets packet, in_addr_t from, int ttl, clock_type::time_point now);
	void handle_reply(const icmp_message &message, in_addr_t from, int ttl,
			  clock_type::time_point now);
	unsigned receive_errors();
	void report_error(const sock_extended_err &error, in_addr_t offender, octets request);
	bool wait_until(clock_type::time_point when);
	clock_type::time_point last_wait() const;
	bool is_complete() const;
	std::string who(in_addr_t address);
	void print_heading();
	void print_tally() const;
	sockaddr_in target_address() const;

	context &ctx_;
	const ping_options &options_;
	int fd_ = -1, signals_ = -1;
	bool raw_ = false;	   /* the socket is RAW: packets come with their IP header */
	bool error_queue_ = false; /* errors come by IP_RECVERR */
	in_addr_t target_ = 0;
	std::uint16_t id_ = 0; /* of RAW requests; the kernel chooses it for a ping socket */
	ping_tally tally_;
	clock_type::time_point begin_;
	/* By sequence number modulo 65536: when it was sent, and whether an answer came. */
	std::vector<clock_type::time_point> sent_at_ =
		std::vector<clock_type::time_point>(sequence_numbers);
	std::bitset<sequence_numbers> answered_;
	std::vector<std::uint8_t> buffer_ = std::vector<std::uint8_t>(65536 + 64);
};

} // namespace edu

#endif /* EDU_PINGER_HH */
