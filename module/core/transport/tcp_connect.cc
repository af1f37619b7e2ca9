// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: connect().
 *
 * TLK "Making a Connection": "the sock is put into a table where incoming messages find it, a SYN with
 * initial sequence number, maximum message size and window goes out, and the caller sleeps until it is
 * accepted or refused, with a timer that ends the wait" (TCP-2, TCP-4, TCP-6, TCP-7). Requirement INET-8.
 * RFC 9293 3.9.1 (OPEN; MUST-43 to MUST-46), 3.10.1. Errors are those of connect(2) on AF_INET.
 *
 * Locking: the call owns the socket lock, but for the time it sleeps.
 */
#include "stack.hh"

namespace edu {

namespace {

constexpr int tcp_af_unspec = 0, tcp_sockaddr_least = 2, tcp_o_nonblock = 04000;
constexpr u8 tos_of_routes = 0x1e;

/* Source and way (MUST-44). Errors of ip_route_output(); enetunreach: to many at once (MUST-46). */
result<ref<rtable>> tcp_choose_way(tcp_sock &s, be32 to)
{
	flow wanted;
	option_set options;

	{
		rcu_guard guard;

		if (const sock_options *ours = s.ip_options.load())
			options = ours->set;
	}
	if (options.has_route && to == be32{})
		return errc::einval;
	options.set_final(to);
	wanted.dst = options.next_destination(to);
	wanted.src = s.saddr;
	wanted.oif = bound_dev_if(s) ? bound_dev_if(s) : s.uc_index;
	wanted.tos = s.ip_tos & tos_of_routes;
	wanted.source_is_ours = s.any_source || s.transparent;
	ref<rtable> route = TRY(ip_route_output(*s.host, wanted));

	if (route->rt_type == route_type::broadcast || route->rt_type == route_type::multicast)
		return errc::enetunreach;
	return route;
}

/* A port of its own, or the one that bind() has given, and a place in tcp_established_hash (TCP-7). */
result<void> tcp_take_place(tcp_sock &s)
{
	tcp_timewait *record = nullptr;

	if (!s.num)
		return tcp_connect_port(s);
	rcu_guard guard;

	TRY(tcp_enter_connection(s, &record));
	if (record)
		tcp_timewait_kill(*s.host, *record);
	return {};
}

/* The addresses are as before connect(). */
void tcp_forget_peer(tcp_sock &s)
{
	write_once(s.daddr, {});
	write_once(s.dport, {});
	if (!s.addr_bound) {
		write_once(s.rcv_saddr, {});
		write_once(s.saddr, {});
	}
	sk_route_reset(s);
}

/* After a record in TIME-WAIT the numbers go on where it left off, else by RFC 6528 (TCP-4). */
void tcp_choose_numbers(tcp_sock &s)
{
	if (s.write_seq == seq32{}) {
		s.write_seq = tcp_initial_seq(*s.host, s.saddr, s.daddr, s.num, s.dport);
		s.ts_offset = tcp_timestamp_offset(*s.host, s.saddr, s.daddr);
	}
	s.iss = s.snd_una = s.snd_nxt = s.snd_up = s.write_seq;
}

/* SYN out (TCP-2). Afterwards the socket is in SYN-SENT, or as it was: it may connect again. */
result<void> tcp_begin_connect(tcp_sock &s, const end_point &to)
{
	u32 window;
	ref<rtable> route = TRY(tcp_choose_way(s, to.addr));

	if (s.saddr == be32{})
		write_once(s.saddr, route->rt_src);
	if (s.rcv_saddr == be32{})
		write_once(s.rcv_saddr, s.saddr);
	write_once(s.daddr, to.addr != be32{} ? to.addr : route->rt_dst);
	write_once(s.dport, to.port);

	static_cast<tcp_connection &>(s) = tcp_connection{};
	tcp_init_connection(s);
	if (auto placed = tcp_take_place(s); !placed) {
		tcp_forget_peer(s);
		return placed;
	}
	(void)edu_k_sock_error(home(s)); /* of a connection before; nobody has asked for it */
	tcp_set_alive(s);
	tcp_set_state(s, sock_state::syn_sent);
	s.ts_offset = tcp_timestamp_offset(*s.host, s.saddr, s.daddr);
	tcp_choose_numbers(s);
	s.advmss = tcp_advertise_mss(s, *route);
	s.tstamp_ok = s.host->tune(EDU_TUNE_tcp_timestamps);
	s.sack_ok = s.host->tune(EDU_TUNE_tcp_sack);
	s.wscale_ok = s.host->tune(EDU_TUNE_tcp_window_scaling);
	sk_route_set(s, std::move(route));
	tcp_initial_window(s, &window, &s.rcv_wscale);
	s.rcv_wnd = window;
	s.host->count(EDU_Tcp_ActiveOpens);
	/* One that is lost is sent again by the timer; without a way there is no such thing. */
	auto sent = tcp_send_syn(s);

	if (!sent) {
		tcp_done(s);
		tcp_disconnect(s);
	}
	return sent;
}

int tcp_connect_is_over(::sock *sk)
{
	return !state_in(core(sk), {sock_state::syn_sent, sock_state::syn_recv});
}

/* The attempt is over: this call is told how (SO_ERROR, if nobody has read that). As in Linux a failed one
 * leaves the socket as before it. */
result<void> tcp_end_connect(tcp_sock &s)
{
	if (state_of(s) != sock_state::close) {
		s.connect_called = false;
		s.accepted = true;
		return {};
	}
	const int error = edu_k_sock_error(home(s));

	tcp_disconnect(s);
	return error ? from_errno(error).error() : errc::econnaborted;
}

/* Sleeps until the answer is there; not_yet: when the program does not wait so long (TCP-6). */
result<void> tcp_wait_connected(tcp_sock &s, int flags, errc not_yet)
{
	edu_u64 left = edu_k_sock_timeout(home(s), 1, (flags & tcp_o_nonblock) != 0);

	if (!tcp_connect_is_over(home(s))) {
		if (!left)
			return not_yet;
		const int error = edu_k_sock_wait(home(s), tcp_connect_is_over, &left, 0);

		if (error == to_errno(errc::eagain))
			return not_yet;
		if (error)
			return from_errno(error);
	}
	return tcp_end_connect(s);
}

/* What struct socket's state says in Linux: SS_CONNECTED as long as the program has not disconnected,
 * whatever became of the connection; SS_CONNECTING until connect() has told how the attempt ended. */
result<void> tcp_connect_locked(tcp_sock &s, const void *name, int name_len, int flags)
{
	if (s.accepted)
		return errc::eisconn;
	if (s.connect_called) /* the address does not matter any more */
		return tcp_wait_connected(s, flags, errc::ealready);
	if (state_of(s) != sock_state::close) /* INET-8: it listens */
		return errc::eisconn;
	const end_point to = TRY(parse_name(name, name_len, false));

	TRY(tcp_begin_connect(s, to));
	s.connect_called = true;
	return tcp_wait_connected(s, flags, errc::einprogress);
}

} // namespace

result<void> tcp_connect(sock &base, const void *name, int name_len, int flags)
{
	tcp_sock &s = tcp_sk(base);

	if (name_len < tcp_sockaddr_least)
		return errc::einval;
	sock_guard guard{home(s)};

	if (load_native<u16>(static_cast<const u8 *>(name)) != tcp_af_unspec)
		return tcp_connect_locked(s, name, name_len, flags);
	tcp_disconnect(s);
	return {};
}

void tcp_finish_connect(tcp_sock &s)
{
	edu_k_sock_state_change(home(s));
	edu_k_sock_wake_async(home(s), EDU_WAKE_OUT);
}

} // namespace edu
