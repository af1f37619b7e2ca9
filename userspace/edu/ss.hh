/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `edu ss`: sockets as the files of /proc/net/eduinet tell of them, and which of them are wanted, in
 * the manner of ss(8) (requirements TCP-8, INET-7).
 *
 * Addresses are in network byte order, ports in host byte order.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_SS_HH
#define EDU_SS_HH

#include <netinet/in.h>

#include <cstdint>
#include <functional>
#include <istream>
#include <map>
#include <string>
#include <vector>

namespace edu {

/* Which file a socket was found in. */
enum class socket_table { tcp, udp, raw, packet };

const char *table_name(socket_table table);

/* One line of such a file. */
struct socket_line {
	socket_table table = socket_table::tcp;
	in_addr_t local = 0, remote = 0;
	std::uint16_t local_port = 0, remote_port = 0; /* RAW, PACKET: local_port is the protocol */
	unsigned state = 0;			       /* TCP_* of <netinet/tcp.h> */
	unsigned send_queue = 0, receive_queue = 0;    /* octets; listener: backlog, who waits */
	unsigned timer = 0, timer_ms = 0;	       /* EDU_TCP_TIMER_*, until it fires */
	unsigned retransmits = 0, probes = 0;	       /* in a row */
	unsigned uid = 0, references = 0, drops = 0;
	unsigned type = SOCK_STREAM; /* SOCK_* */
	int bound_if = 0;
	unsigned long long inode = 0; /* 0: no program has it */
	/* TCP, while it is connected: what stands behind as NAME:VALUE. */
	std::map<std::string, std::string> details;
};

/* All lines of a file but its head. A line that makes no sense is a failure. */
std::vector<socket_line> read_sockets(std::istream &in, socket_table table);

/* "ESTAB", "LISTEN", …; and a set of states (bit 1 << TCP_*) by ss's names: "established", "all". */
const char *state_name(unsigned state);
unsigned states_named(const std::string &name);

/* Without any word: those that are connected, or have a peer. */
constexpr unsigned states_all = 0xffe;
unsigned states_by_default();

struct socket_filter {
	unsigned states = 0; /* set of bits 1 << TCP_*; 0: the words said nothing of states */
	std::function<bool(const socket_line &)> condition; /* empty: all */

	bool wants(const socket_line &line) const;
};

/* `state established dst 10.0.0.0/8 and ( sport = :80 or not dport ge 1024 )`; else a usage error. */
socket_filter parse_filter(const std::vector<std::string> &words);

/* Milliseconds as ss writes timers: "1min20sec", "3.200ms", "240ms". */
std::string show_timer(unsigned ms);

} // namespace edu

#endif /* EDU_SS_HH */
