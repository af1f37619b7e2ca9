// SPDX-License-Identifier: GPL-2.0-only
/*
 * Congestion control: how much may be under way, as a table of operations.
 *
 * TLK leaves it at "windows"; RFC 9293 3.8.2 asks for RFC 5681. Requirement: TCP-12 (MUST-19).
 * RFC 5681 and 6582 (reno), RFC 9438 (cubic). What is lost, and when a phase begins and ends, is
 * told by tcp_ack.cc and tcp_recovery.cc; here is only arithmetic on cwnd and ssthresh, in octets.
 *
 * Locking: every operation is called with the socket locked.
 */
#pragma once

#include "base/result.hh"
#include "base/seq.hh"
#include "edu/bridge.h"

namespace edu {

struct tcp_sock;

/* Phases, Linux's TCP_CA_* numbers. */
enum class tcp_ca_state : u8 {
	open = 0,     /* all is well */
	disorder = 1, /* duplicate ACKs or SACKs, nothing is known to be lost yet */
	cwr = 2,      /* the window shrinks without a loss (local congestion) */
	recovery = 3, /* fast retransmission */
	loss = 4,     /* after a timeout */
};

inline constexpr u32 tcp_no_ssthresh = 0xffffffff; /* octets: slow start until the first loss */

/* An algorithm. Constant tables. */
struct tcp_congestion_ops {
	const char *name;		    /* TCP_CONGESTION */
	void (*init)(tcp_sock &s);	    /* the connection begins, or changes to this one */
	u32 (*ssthresh)(const tcp_sock &s); /* after a loss: octets, at least two segments */
	/* `acked` new octets have been acknowledged while the window was in use: cwnd grows. */
	void (*cong_avoid)(tcp_sock &s, u32 acked);
	void (*set_state)(tcp_sock &s, tcp_ca_state next); /* null: does not care */
	/* A reduction turns out to be unfounded: forgets what it learned of it; the cwnd of before. */
	u32 (*undo)(tcp_sock &s);
	/* A round trip took so long, in microseconds (null: does not care). */
	void (*rtt)(tcp_sock &s, u32 us);
	void (*idle)(tcp_sock &s); /* sending begins again after a pause (null: does not care) */
};

inline constexpr u32 tcp_ca_private_octets = 96; /* tcp_sock::ca_private, for the algorithm */

/* By name, or null. */
const tcp_congestion_ops *tcp_congestion_find(const char *name, size_t len);
/* The host's choice for new sockets. */
const tcp_congestion_ops *tcp_congestion_default(const edu_stack &host);

extern const tcp_congestion_ops tcp_reno;
extern const tcp_congestion_ops tcp_cubic;

/* What was under way when a loss was seen (FlightSize of RFC 5681, without the octets that duplicate ACKs have
 * let out, RFC 3042). */
u32 tcp_flight_at_loss(const tcp_sock &s);
/* Slow start (RFC 5681 3.1): takes what it needs of `acked` up to ssthresh, returns the rest. */
u32 tcp_slow_start(tcp_sock &s, u32 acked);

} // namespace edu
