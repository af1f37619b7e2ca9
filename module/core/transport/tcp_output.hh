// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the files that send segments share: the way out, and the arithmetic of how much may leave.
 *
 * Requirements: TCP-3, TCP-5, TCP-12. RFC 9293 3.7.1 (MUST-16), 3.7.4, 3.8.3, 3.8.6.2.1 (MUST-38).
 *
 * Locking: the functions that take a tcp_sock are called with it locked; the rest are values.
 */
#pragma once

#include "sock/options.hh"
#include "transport/tcp.hh"

namespace edu {

/* After a failure of our own (memory, a full queue of the device) sending is tried again after this. */
inline constexpr u32 tcp_local_retry_ms = 50;

/* The longest that a usable but too small window holds a segment back (RFC 9293 3.8.6.2.1). */
inline constexpr u32 tcp_override_ms = 1000;

/* The way that a connection's segments take now. */
struct tcp_path {
	ref<rtable> route;
	be32 next;   /* the IP header's destination: the peer, or a source route's first hop */
	u32 mtu = 0; /* octets of the largest packet, as IP_MTU_DISCOVER sees it */
	u32 segment_max = 0;	  /* octets of the largest buffer that the device takes */
	bool device_sums = false; /* the device completes checksums */
	option_set options;	  /* of IP */

	u32 ip_header_len() const { return wire::ipv4::min_header_len + options.length; }
};

/*
 * transport/tcp_mss.cc
 */

/* Finds the way. Errors of ip_route_output(); enetunreach: SO_DONTROUTE or a strict source route, and
 * the peer is behind a gateway. */
result<void> tcp_find_path(tcp_sock &s, tcp_path &path);
/* tcp_current_mss() for a path that was just found. */
u32 tcp_mss_on(tcp_sock &s, const tcp_path &path);
/* Octets of data of the largest buffer that this path takes in one piece: whole segments, at least one. */
u32 tcp_large_most(const tcp_path &path, u32 mss);

/*
 * transport/tcp_transmit.cc
 */

/* Sends the octets of an sk_buff of write_queue or rtx_queue, FIN and PSH as its cb says, by a clone.
 * mss: octets in each packet. The errors of ip_send(), and enomem. */
errc tcp_transmit_data(tcp_sock &s, tcp_path &path, sk_buff *skb, u32 mss);
/* A segment without data. enomem, or an error of the path. */
errc tcp_transmit_control(tcp_sock &s, u8 flags, seq32 seq);
/* SYN or SYN-ACK with these options; the window that s.rcv_wnd says, unscaled (RFC 7323 2.2). */
errc tcp_transmit_syn(tcp_sock &s, const tcp_path &path, u8 flags, const wire::tcp::options &opts);

/*
 * transport/tcp_output.cc
 */

/* Cuts an sk_buff of either queue at `len` octets: it keeps those in front; the rest is returned, on no
 * queue. null: no memory, or too much of it is used already. */
sk_buff *tcp_split(tcp_sock &s, sk_buff *skb, u32 len);
/* Each cut costs the memory of an sk_buff, and the peer says by its SACK blocks where rtx_queue is to be cut:
 * true when that has cost so much that no more is done for it (CVE-2019-11478). */
bool tcp_is_cut_enough(const tcp_sock &s);
/* The first sk_buff of write_queue, cut to len octets, goes out and to rtx_queue. */
errc tcp_send_first(tcp_sock &s, tcp_path &path, u32 len, u32 mss);
/* Our SYN or SYN-ACK is on its way, and no data may follow yet. It is in no queue. */
inline bool tcp_syn_is_out(const tcp_sock &s)
{
	return s.flight() && !edu_k_skb_tree_first(&s.rtx_queue);
}
/* Data or a FIN may leave now. */
bool tcp_may_push(const tcp_sock &s);
/* There was no memory for our FIN: it is still to be queued. */
bool tcp_owes_fin(const tcp_sock &s);
/* A failure of this machine, which says nothing of the network; not one of the route. */
constexpr bool tcp_is_local_failure(errc why)
{
	return why == errc::enomem || why == errc::enobufs || why == errc::ebusy;
}
/* Without a route: the program will hear why, if it comes to the worst. */
void tcp_note_failure(tcp_sock &s, errc why);
/* The number that a segment without data has, so that the peer takes it even if its window shrank. */
seq32 tcp_acceptable_seq(const tcp_sock &s);

/*
 * transport/tcp_retransmit.cc
 */

/* tcp_retransmit_skb() without the scoreboard, for probes: at most so many octets, and a segment at least.
 * *packets: how many went out. ebusy: the last copy has not left this machine; eagain: beyond the window. */
errc tcp_resend(tcp_sock &s, sk_buff *skb, u32 most, const char *why, u32 *packets);
/* Microseconds until the oldest segment under way has waited for an RTO; 0: it has. */
u64 tcp_rto_left_us(const tcp_sock &s);

/*
 * Arithmetic. Octets and milliseconds.
 */

constexpr u32 tcp_min(u32 a, u32 b)
{
	return a < b ? a : b;
}

/*
 * MUST-16: the effective send MSS. What RFC 9293 3.7.1 calls min(SendMSS + 20, MMS_S) - TCPhdrsize -
 * IPoptionsize, where MMS_S is the MTU less the fixed IP header. send_mss is the peer's MSS option;
 * least bounds what a peer or an ICMP message can make of it, before TCP's options are off.
 */
constexpr u32 tcp_effective_mss(u32 mtu, u32 send_mss, u32 ip_options, u32 tcp_options, u32 least)
{
	constexpr u32 headers = wire::ipv4::min_header_len + wire::tcp::min_header_len;
	const u32 by_path = mtu > headers ? mtu - headers : 0;
	const u32 whole = tcp_min(send_mss, by_path);
	const u32 without = whole > ip_options ? whole - ip_options : 0;
	const u32 bounded = without > least ? without : least;

	return bounded > tcp_options + 8 ? bounded - tcp_options : 8;
}

/* A segment is never more than half of the peer's largest window: so that one which gives little space
 * can be filled without waiting (RFC 9293 3.8.6.2.1, rule 3, with Fs 1/2). */
constexpr u32 tcp_within_half_window(u32 mss, u32 max_window)
{
	constexpr u32 least = 36;
	const u32 half = max_window > wire::tcp::default_mss ? max_window / 2 : max_window;

	if (!half || mss <= half)
		return mss;
	return half > least ? half : least;
}

/* What leaves of the first sk_buff of write_queue, see tcp_chunk(). */
struct tcp_offer {
	u32 len;    /* its octets of data, not 0 */
	bool fin;   /* and the FIN behind them */
	u32 mss;    /* octets of a full segment */
	u32 most;   /* of a buffer that the device takes, whole segments */
	u32 quota;  /* that the congestion window allows */
	u32 window; /* that the peer has room for */
	bool tail;  /* a last segment that is not full may go (Nagle, cork) */
};

/* How many octets may leave in one piece: all, or whole segments; a segment is never cut because of a
 * window (MUST-38). */
constexpr u32 tcp_chunk(const tcp_offer &o)
{
	const u32 room = tcp_min(o.most, o.quota);

	if (o.len <= room && o.len + o.fin <= o.window)
		return o.tail ? o.len : o.len - o.len % o.mss;
	u32 fits = tcp_min(tcp_min(room, o.window), o.len);

	if (fits == o.len) /* but for its FIN */
		fits--;
	return fits - fits % o.mss;
}

/* base, doubled so often, but not beyond most (MUST-19, SHLD-30). */
constexpr u64 tcp_backed_off(u64 base, u32 doublings, u64 most)
{
	while (doublings-- && base && base < most)
		base *= 2;
	return base < most ? base : most;
}

/* How long it takes until the retransmission behind `retries` others would be due: R1 and R2 as a time
 * (MUST-20, RFC 9293 3.8.3), since a path's own RTO would give some connections hours. */
constexpr u64 tcp_retries_time(u32 retries, u64 rto, u64 most)
{
	u64 time = 0;

	for (u32 i = 0; i <= retries; i++)
		time += tcp_backed_off(rto, i, most);
	return time;
}

} // namespace edu
