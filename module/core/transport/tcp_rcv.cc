// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: from IP to the socket: segments, and errors about ours.
 *
 * TLK "Sockets and their packets": "tcp_established_hash", "tcp_listening_hash"; 2.0's tcp_rcv() and
 * tcp_err(). Requirements: TCP-7, TCP-9, TCP-12, INET-7, OVER-3, OVER-8. RFC 9293 3.1 (MUST-3), 3.9.2.2
 * (MUST-54 to MUST-56, SHLD-25, SHLD-26), 3.9.2.3 (MUST-57, MUST-63), 3.10.7.1; RFC 1191; RFC 5082
 * (IP_MINTTL); RFC 5927 4 (an ICMP error must quote a number that is under way).
 * Not here: taking back-off back for ICMP (RFC 6069); ECN.
 *
 * A socket is looked up under RCU and locked then. It may have closed in between: the segment is looked up
 * once more, for its record in TIME-WAIT may stand there now.
 *
 * Locking: softirq, RCU. The spin lock of the one socket found; while a program owns that, segments wait in
 * back_log.
 */
#include "transport/tcp_input.hh"

#include "stack.hh"

namespace edu {

namespace tcp_flag = wire::tcp::flag;

namespace {

/* What a segment in back_log keeps in its sk_buff: what IP has said, and a record that it has ended. */
struct tcp_backlog_cb {
	ip_info info;
	bool iss_after_time_wait;
	seq32 after;
};

/*
 * Is it a segment?
 */

edu_counter tcp_fault_counter(wire::tcp::fault why)
{
	switch (why) {
	case wire::tcp::fault::short_header:
		return EDU_Tcp_DropShort;
	case wire::tcp::fault::bad_data_offset:
		return EDU_Tcp_DropHeaderLength;
	default:
		return EDU_Tcp_DropNoMemory;
	}
}

/* MUST-57: nothing that went to several stations, by its frame or by its address. IP has dropped what came
 * from no single host (MUST-63). */
bool tcp_came_by_broadcast(const ip_info &info)
{
	return info.link_broadcast || info.dst_broadcast || info.dst_multicast;
}

/* The whole header in a row; EDU_COUNTER_COUNT, or why not. */
edu_counter tcp_check_header(const skb_ptr &packet)
{
	constexpr u32 least = wire::tcp::min_header_len;

	if (packet.len() < least)
		return EDU_Tcp_DropShort;
	if (!packet.may_pull(least))
		return EDU_Tcp_DropNoMemory;
	const u32 wanted = static_cast<u32>(wire::tcp::view::wanted(packet.linear()));

	if (wanted <= packet.len() && !packet.may_pull(wanted))
		return EDU_Tcp_DropNoMemory;
	const auto why = wire::tcp::view::checked_header(packet.linear(), packet.len()).why;

	return why == wire::tcp::fault::none ? EDU_COUNTER_COUNT : tcp_fault_counter(why);
}

/* MUST-3. */
bool tcp_checksum_is_ok(const skb_ptr &packet, const ip_info &info)
{
	const u32 len = packet.len();
	const u32 pseudo =
		pseudo_header(info.src, info.dst, ipproto_tcp, static_cast<u16>(len)).to_wsum();

	return edu_k_skb_csum_ok(packet.get(), len, pseudo);
}

edu_counter tcp_check_segment(const skb_ptr &packet, const ip_info &info)
{
	if (tcp_came_by_broadcast(info))
		return EDU_Tcp_DropAddress;
	const edu_counter fault = tcp_check_header(packet);

	if (fault != EDU_COUNTER_COUNT)
		return fault;
	return tcp_checksum_is_ok(packet, info) ? EDU_COUNTER_COUNT : EDU_Tcp_DropChecksum;
}

wire::tcp::view tcp_header_of(const skb_ptr &packet)
{
	return wire::tcp::view::checked_header(packet.linear(), packet.len()).header;
}

/*
 * Whose is it?
 */

tcp_flow tcp_flow_of(const tcp_segment &g)
{
	return {g.dst, g.src, g.dport, be16{g.sport}, g.ifindex};
}

/* A segment that waited for a socket that has closed: what stands in its place now answers, if anything. A
 * SYN will come again, to whoever listens. Locked. */
verdict tcp_rcv_closed(tcp_sock &s, const tcp_segment &segment)
{
	edu_stack &host = *s.host;
	rcu_guard guard;
	tcp_end *end = tcp_find_established(host, tcp_flow_of(segment));
	verdict what = verdict::drop(EDU_Tcp_DropClosed);
	tcp_segment late = segment;

	if (end && end->what == tcp_end::kind::time_wait)
		(void)tcp_timewait_rcv(host, end->record(), late, what);
	else if (!end && !segment.has(tcp_flag::syn))
		tcp_send_reset(host, segment);
	return what;
}

/* The state decides. Data still at the TCP header. Locked. */
void tcp_process(tcp_sock &s, const tcp_segment &segment, skb_ptr packet)
{
	verdict what = verdict::consumed();
	unsigned int size;
	const u32 packets = edu_k_skb_packets(packet.get(), &size);

	packet.pull(packet.len() - segment.len);
	s.segs_in += packets;
	if (segment.len)
		s.data_segs_in += packets;
	switch (state_of(s)) {
	case sock_state::established:
		what = tcp_rcv_established(s, segment, packet);
		break;
	case sock_state::listen:
		what = tcp_rcv_listen(s, segment, packet);
		break;
	case sock_state::close:
		what = tcp_rcv_closed(s, segment);
		break;
	default:
		what = tcp_rcv_state_process(s, segment, packet);
		break;
	}
	finish(s.host->net, std::move(packet), what);
}

/* A program owns the socket: the segment waits until it lets go. */
verdict tcp_wait_for_turn(tcp_sock &s, const tcp_segment &segment, skb_ptr &packet)
{
	auto &cb = packet.cb<tcp_backlog_cb>();

	cb.iss_after_time_wait = segment.iss_after_time_wait;
	cb.after = segment.after;
	if (edu_k_sock_add_backlog(home(s), packet.get()))
		return verdict::drop(EDU_Tcp_DropBacklogFull);
	(void)packet.release();
	return verdict::accepted();
}

/* The spin lock is held. False: it had closed, and the packet is still the caller's. */
bool tcp_give_locked(tcp_sock &s, const tcp_segment &segment, skb_ptr &packet, verdict &what)
{
	if (edu_k_sock_owned(home(s))) {
		what = tcp_wait_for_turn(s, segment, packet);
		return true;
	}
	if (state_of(s) == sock_state::close)
		return false;
	tcp_process(s, segment, std::move(packet));
	return true;
}

/* What is left of it when a filter has let a part pass. What a record has said of it stays true. */
void tcp_decode_again(tcp_segment &segment, const skb_ptr &packet)
{
	const bool iss_after_time_wait = segment.iss_after_time_wait;
	const seq32 after = segment.after;

	segment = tcp_decode(packet);
	segment.iss_after_time_wait = iss_after_time_wait;
	segment.after = after;
}

/* The socket's turn. False as above; else `what` says what became of the segment. */
bool tcp_give(tcp_sock &s, tcp_segment &segment, skb_ptr &packet, verdict &what)
{
	const u32 whole = packet.len();
	bool given = true;

	what = verdict::accepted();
	if (segment.ttl < read_once(s.min_ttl)) {
		what = verdict::drop(EDU_Tcp_DropMinTtl);
	} else if (edu_k_sock_filter(home(s), packet.get(), whole - segment.len)) {
		what = verdict::drop(EDU_Tcp_DropFilter);
	} else {
		if (packet.len() != whole) [[unlikely]]
			tcp_decode_again(segment, packet);
		if (tcp_rcv_flood(s, segment, what))
			return true;
		edu_k_bh_lock_sock(home(s));
		given = tcp_give_locked(s, segment, packet, what);
		edu_k_bh_unlock_sock(home(s));
	}
	if (what.is_drop())
		write_once(s.drops, read_once(s.drops) + 1);
	return given;
}

/* RFC 9293 3.10.7.1. */
verdict tcp_nobody_there(edu_stack &host, const tcp_segment &segment)
{
	tcp_send_reset(host, segment);
	return verdict::drop(EDU_Tcp_DropNoSocket);
}

/* The connection, or the listener. A record in TIME-WAIT deals with the segment itself (null, `what` is
 * why), or lets a listener have it. */
tcp_sock *tcp_find(edu_stack &host, tcp_segment &segment, bool &dealt_with, verdict &what)
{
	const tcp_flow flow = tcp_flow_of(segment);
	tcp_end *end = tcp_find_established(host, flow);

	if (end && end->what == tcp_end::kind::socket) [[likely]]
		return &end->socket();
	if (end && tcp_timewait_rcv(host, end->record(), segment, what) == tcp_tw_action::dropped) {
		dealt_with = true;
		return nullptr;
	}
	return tcp_find_listener(host, flow);
}

} // namespace

tcp_segment tcp_decode(const skb_ptr &packet)
{
	const ip_info &info = packet.cb<ip_info>();
	const wire::tcp::view header = tcp_header_of(packet);

	return {
		.src = info.src,
		.dst = info.dst,
		.sport = header.source(),
		.dport = header.dest(),
		.seq = header.seq(),
		.ack = header.ack(),
		.len = static_cast<u32>(header.payload_length()),
		.flags = header.flags(),
		.ttl = info.ttl,
		.tos = info.tos,
		.window = header.window(),
		.urgent = header.urgent(),
		.ifindex = info.ifindex,
		.iss_after_time_wait = false,
		.after = {},
		.opts = tcp_decode_options(header.option_bytes(), header.is_syn()),
	};
}

verdict tcp_rcv(edu_stack &host, skb_ptr &packet)
{
	constexpr int most_tries = 3;
	const ip_info info = packet.cb<ip_info>();
	unsigned int size;

	edu_k_count_add(host.net, EDU_Tcp_InSegs, edu_k_skb_packets(packet.get(), &size));
	if (edu_counter why = tcp_check_segment(packet, info); why != EDU_COUNTER_COUNT)
		return verdict::drop(why);
	trace(host.net, EDU_TRACE_tcp_rcv, packet.get());

	tcp_segment segment = tcp_decode(packet);

	for (int tries = 0; tries < most_tries; tries++) {
		verdict what = verdict::drop(EDU_Tcp_DropTimeWait);
		bool dealt_with = false;
		tcp_sock *s = tcp_find(host, segment, dealt_with, what);

		if (!s)
			return dealt_with ? what : tcp_nobody_there(host, segment);
		if (tcp_give(*s, segment, packet, what))
			return what;
	}
	return verdict::drop(EDU_Tcp_DropClosed);
}

void tcp_do_rcv(tcp_sock &s, skb_ptr packet)
{
	const tcp_backlog_cb cb = packet.cb<tcp_backlog_cb>();
	tcp_segment segment = tcp_decode(packet);

	segment.iss_after_time_wait = cb.iss_after_time_wait;
	segment.after = cb.after;
	tcp_process(s, segment, std::move(packet));
}

/*
 * ICMP errors
 */

namespace {

constexpr u8 icmp_unreachable = 3, icmp_source_quench = 4, icmp_redirect = 5, icmp_parameter = 12;
constexpr u8 icmp_fragmentation_needed = 4;

/* RFC 9293 3.9.2.2: what ends an attempt to connect. MUST-56 forbids that for what may pass by itself:
 * unreachable networks and hosts, time exceeded, parameter problems. That our own ARP got no answer is no
 * rumour, and ends it too (ARP-5). */
bool tcp_error_is_hard(const icmp_error &error)
{
	if (error.offender == error.src)
		return true;
	return error.type != icmp_parameter && icmp_error_meaning(error.type, error.code).fatal;
}

/* RFC 1191. Locked, or left for the program that owns the socket. */
void tcp_told_mtu(tcp_sock &s)
{
	if (edu_k_sock_owned(home(s))) {
		tcp_defer(s, tcp_deferred::mtu);
		return;
	}
	if (auto route = tcp_route(s); route)
		tcp_mtu_reduced(s, rt_path_mtu(*route.value()));
}

/* Nobody has the connection yet: its end is told to connect(), or to none (a listener's child). */
void tcp_error_while_opening(tcp_sock &s, const icmp_error &error, int number)
{
	if (!tcp_error_is_hard(error) || edu_k_sock_owned(home(s))) {
		s.soft_error = number;
		return;
	}
	if (read_once(s.parent)) {
		tcp_done(s);
		return;
	}
	if (read_once(s.recverr))
		sock_icmp_error(s, error, 0, s.dport);
	tcp_fail(s, number);
}

/* MUST-54. The spin lock is held. */
void tcp_take_error(tcp_sock &s, const icmp_error &error)
{
	const seq32 seq{load_be32(&error.quoted[4])};
	const int number = icmp_error_meaning(error.type, error.code).error;

	if (state_of(s) == sock_state::close || !seq.in_window(s.snd_una, s.flight()))
		return;
	if (error.type == icmp_unreachable && error.code == icmp_fragmentation_needed) {
		icmp_learn_mtu(*s.host, error);
		return tcp_told_mtu(s);
	}
	if (state_in(s, {sock_state::syn_sent, sock_state::syn_recv}))
		return tcp_error_while_opening(s, error, number);
	if (read_once(s.recverr) && !edu_k_sock_owned(home(s)))
		sock_icmp_error(s, error, 0, s.dport);
	else
		s.soft_error = number; /* told if it comes to a timeout (SHLD-25) */
}

} // namespace

/* MUST-55: source quench says nothing; IP has dealt with redirects. */
void tcp_err(edu_stack &host, const icmp_error &error)
{
	constexpr size_t ports_and_number = 8;

	if (error.quoted.size() < ports_and_number || error.type == icmp_source_quench ||
	    error.type == icmp_redirect)
		return;
	tcp_end *end =
		tcp_find_established(host, {error.src, error.dst, load_be16(&error.quoted[0]),
					    be16{load_be16(&error.quoted[2])}, error.ifindex});

	if (!end || end->what != tcp_end::kind::socket)
		return;
	tcp_sock &s = end->socket();

	edu_k_local_bh_disable(); /* ARP may say so to a program that deletes its entry */
	edu_k_bh_lock_sock(home(s));
	tcp_take_error(s, error);
	edu_k_bh_unlock_sock(home(s));
	edu_k_local_bh_enable();
}

/* RFC 1191 6.5: what was too large was lost to that, not to congestion: cwnd stays. */
void tcp_mtu_reduced(tcp_sock &s, u32 mtu)
{
	if (state_in(s, {sock_state::close, sock_state::listen}) ||
	    read_once(s.pmtudisc) >= pmtu::probe || (s.pmtu_cookie && mtu >= s.pmtu_cookie))
		return;
	tcp_sync_mss(s, mtu);
	s.host->count(EDU_Tcp_PathMtuShrunk);
	for (sk_buff *skb = edu_k_skb_tree_first(&s.rtx_queue); skb;
	     skb = edu_k_skb_tree_next(&s.rtx_queue, skb))
		if (tcp_cb(skb).mss > s.mss_cache && skb_len(skb) > s.mss_cache)
			tcp_mark_lost(s, skb);
	tcp_retransmit_lost(s);
}

} // namespace edu
