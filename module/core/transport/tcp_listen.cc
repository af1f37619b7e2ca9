// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: listening and accepting.
 *
 * TLK "Listening", "Accepting": "when a SYN comes, TCP builds a new sock for the connection; the sk_buff
 * with the request is queued on the listener's receive_queue and points to the new sock; accept takes it
 * off, frees it and returns the sock" (TCP-9, TCP-10, TCP-11, INET-9, INET-11, INET-12). RFC 9293 3.10.7.2
 * (MUST-41, MUST-42), 3.9.2.1 (a received source route is returned, unless the program has set one: MUST-51
 * to MUST-53); RFC 4987 (SYN cookies when the backlog is full).
 *
 * Octets that come with a SYN are not kept: they are not acknowledged, and come again (RFC 9293 3.4 lets
 * a receiver do so). Not here: TCP Fast Open; a source route that changes in a later segment (SHLD-24: as in
 * Linux the first one stays, or a forged segment could lead the connection elsewhere).
 *
 * So receive_queue is the accept queue: in front the SYNs whose connections are complete, up to last_ready,
 * in the order in which they became so; behind it the half-open ones. Accepting takes the first, without a
 * search.
 *
 * Locking: the listener is locked when a SYN arrives, unless a cookie answers it: a flood waits for no
 * program, and none for it. The newborn's spin lock is taken inside. A connection
 * that completes, or dies half-open, has its own lock and not the listener's: therefore the queue has a
 * lock (edu_k_rxq_lock()), inside both, that also guards the members it counts with. Never a child's lock
 * inside it. A child's `parent` changes with the child locked, or, once it is complete, in accept(). Since
 * a program may own the listener when a SYN's turn comes (back_log), softirqs are turned off: one must not
 * wait for a child whose lock the interrupted program holds.
 */
#include "stack.hh"

namespace edu {

namespace {

constexpr int tcp_nonblock = 04000; /* O_NONBLOCK */

class [[nodiscard]] tcp_queue_guard {
public:
	explicit tcp_queue_guard(sock &listener) : sk_{home(listener)} { edu_k_rxq_lock(sk_); }
	~tcp_queue_guard() { edu_k_rxq_unlock(sk_); }
	tcp_queue_guard(const tcp_queue_guard &) = delete;
	tcp_queue_guard &operator=(const tcp_queue_guard &) = delete;

private:
	::sock *sk_;
};

/* RCU, softirqs off. */
class [[nodiscard]] tcp_softirq_guard {
public:
	tcp_softirq_guard() { edu_k_local_bh_disable(); }
	~tcp_softirq_guard() { edu_k_local_bh_enable(); }
	tcp_softirq_guard(const tcp_softirq_guard &) = delete;
	tcp_softirq_guard &operator=(const tcp_softirq_guard &) = delete;

private:
	rcu_guard rcu_;
};

/*
 * A SYN
 */

/* More connections wait for accept() than listen() allows; Linux's rule lets one more in. */
bool tcp_accept_queue_is_full(const tcp_sock &listener)
{
	return read_once(listener.ack_backlog) > read_once(listener.max_ack_backlog);
}

/* Too many connections are half-open. */
bool tcp_syn_queue_is_full(const tcp_sock &listener)
{
	const u32 half_open = read_once(listener.young);

	return half_open >= listener.host->tune(EDU_TUNE_tcp_max_syn_backlog) ||
	       half_open > read_once(listener.max_ack_backlog);
}

/* What a program has set on the listener holds for its connections. */
void tcp_copy_options(const tcp_sock &from, tcp_sock &to)
{
	to.ip_ttl = from.ip_ttl;
	to.ip_tos = from.ip_tos;
	to.min_ttl = from.min_ttl;
	to.pmtudisc = from.pmtudisc;
	to.cmsg = from.cmsg;
	to.recverr = from.recverr;
	to.freebind = from.freebind;
	to.transparent = from.transparent;
	to.any_source = from.any_source;
	to.bind_no_port = from.bind_no_port;
	to.uc_index = from.uc_index;
	to.mc_ttl = from.mc_ttl;
	to.mc_loop = from.mc_loop;
	to.port_least = from.port_least;
	to.port_most = from.port_most;
	to.keep_time_ms = from.keep_time_ms;
	to.keep_intvl_ms = from.keep_intvl_ms;
	to.keep_probes = from.keep_probes;
	to.syn_retries = from.syn_retries;
	to.user_timeout_ms = from.user_timeout_ms;
	to.defer_accept = from.defer_accept;
	to.notsent_lowat = from.notsent_lowat;
	to.user_mss = from.user_mss;
	to.user_window_clamp = from.user_window_clamp;
	to.nonagle = from.nonagle;
	to.ca = from.ca;
	to.linger2_ms = from.linger2_ms;
	/* It cannot be bound again; the port goes with the connection. */
	to.addr_bound = true;
}

/* The program's own source route comes first (MUST-52), … */
bool tcp_inherit_ip_options(const tcp_sock &listener, tcp_sock &child)
{
	const sock_options *theirs = listener.ip_options.load();

	if (!theirs) [[likely]]
		return false;
	owner<sock_options> options = make<sock_options>(gfp::atomic);

	if (options) {
		options->set = theirs->set;
		options->given_len = theirs->given_len;
		copy_bytes(options->given, {theirs->given, theirs->given_len});
		child.ip_options.publish(options.release());
	}
	return true;
}

/* … then that of the SYN, turned around (MUST-53, RFC 1122 3.2.1.8); what cannot be turned is left out. */
void tcp_return_route(tcp_sock &child, const sk_buff *packet, be32 src)
{
	const u8 *header = edu_k_skb_network(packet);
	const u32 len = header[0] % 16u * 4;
	u8 turned[wire::ipv4::max_options_len];

	if (len <= wire::ipv4::min_header_len) [[likely]]
		return;
	const bytes received{header + wire::ipv4::min_header_len, len - wire::ipv4::min_header_len};
	const u32 turned_len = turn_options(received, src, turned);

	if (!turned_len)
		return;
	owner<sock_options> options = make<sock_options>(gfp::atomic);

	if (!options || !make_option_set({turned, turned_len}, true, options->set))
		return;
	options->given_len = options->set.length;
	copy_bytes(options->given, {turned, turned_len});
	child.ip_options.publish(options.release());
}

/* Addresses, ports, way. The errors of ip_route_output(). */
result<void> tcp_address_child(const tcp_sock &listener, tcp_sock &child, const tcp_segment &syn,
			       const sk_buff *packet)
{
	flow wanted;
	option_set options;

	child.rcv_saddr = child.saddr = syn.dst;
	child.daddr = syn.src;
	child.dport = be16{syn.sport};
	if (!tcp_inherit_ip_options(listener, child))
		tcp_return_route(child, packet, syn.src);
	if (const sock_options *ours = child.ip_options.load())
		options = ours->set;
	options.set_final(child.daddr);
	wanted.dst = options.next_destination(child.daddr);
	wanted.src = child.saddr;
	wanted.oif = bound_dev_if(child) ? bound_dev_if(child) : child.uc_index;
	wanted.tos = child.ip_tos & 0x1e;
	wanted.source_is_ours = true; /* it was sent there, and taken */
	ref<rtable> route = TRY(ip_route_output(*child.host, wanted));

	child.advmss = tcp_advertise_mss(child, *route);
	sk_route_set(child, std::move(route));
	return tcp_inherit_port(listener, child);
}

/* Both ends' wishes: what is used is what both offer. */
void tcp_negotiate(tcp_sock &child, const wire::tcp::options &theirs)
{
	const edu_stack &host = *child.host;

	child.tstamp_ok = theirs.has_timestamps && host.tune(EDU_TUNE_tcp_timestamps);
	child.sack_ok = theirs.sack_permitted && host.tune(EDU_TUNE_tcp_sack);
	child.wscale_ok = theirs.has_window_scale && host.tune(EDU_TUNE_tcp_window_scaling);
	child.snd_wscale = child.wscale_ok ? theirs.window_scale : 0;
	child.mss_clamp = theirs.mss ? theirs.mss : u16{wire::tcp::default_mss};
	if (child.user_mss && child.user_mss < child.mss_clamp)
		child.mss_clamp = child.user_mss;
	if (child.tstamp_ok) {
		child.ts_recent = theirs.ts_value;
		child.ts_recent_ms = edu_k_now_ms();
	}
}

/* Where both directions begin. */
void tcp_begin_numbers(tcp_sock &child, const tcp_segment &syn, seq32 iss)
{
	u32 window;
	u8 wscale = 0;

	child.irs = syn.seq;
	child.rcv_nxt = child.copied_seq = child.rcv_wup = child.reader_seen = syn.seq + 1;
	child.iss = child.snd_una = iss;
	child.snd_nxt = child.write_seq = child.pushed_seq = child.snd_sml = iss;
	child.snd_up = iss;
	child.snd_wl1 = syn.seq;
	child.snd_wnd = syn.window; /* that of a SYN is never scaled */
	child.max_window = child.snd_wnd;
	child.passive = true;
	child.segs_in = 1;
	tcp_initial_window(child, &window, &wscale);
	child.rcv_wnd = window;
	child.rcv_wscale = child.wscale_ok ? wscale : 0;
}

/* Frees a newborn that nobody knows of. Its spin lock is held. */
void tcp_abandon_child(tcp_sock &child)
{
	::sock *sk = home(child);

	edu_k_sock_set_state(sk, static_cast<int>(sock_state::close));
	edu_k_sock_orphan(sk);
	tcp_put_port(child);
	edu_k_bh_unlock_sock(sk);
	edu_k_sock_put(sk);
}

/* LISTEN → SYN-RECEIVED, though it is another sock. */
void tcp_trace_birth(const tcp_sock &child, const tcp_segment &syn)
{
	const edu_tcp_ends ends = {.saddr = syn.dst.raw(),
				   .daddr = syn.src.raw(),
				   .sport = be16{syn.dport}.raw(),
				   .dport = be16{syn.sport}.raw()};

	if (edu_k_trace_on) [[unlikely]]
		edu_k_trace_tcp_state(child.host->net, &ends, static_cast<int>(sock_state::listen),
				      static_cast<int>(sock_state::syn_recv));
}

/* A new sock for the connection that the SYN asks for (TCP-10), its spin lock held, in no table; or null. */
tcp_sock *tcp_make_child(tcp_sock &listener, const tcp_segment &syn, const sk_buff *packet,
			 seq32 iss, edu_counter *why)
{
	::sock *sk = edu_k_sock_clone(home(listener), static_cast<int>(sock_state::syn_recv));

	*why = EDU_Tcp_DropListenMemory;
	if (!sk)
		return nullptr;
	tcp_sock &child = *::new (static_cast<void *>(&core(sk)))
				  tcp_sock(listener.host, listener.prot);

	tcp_trace_birth(child, syn);
	tcp_init_timers(child);
	tcp_copy_options(listener, child);
	tcp_init_connection(child);
	if (auto got = tcp_address_child(listener, child, syn, packet); !got) {
		*why = got.error() == errc::enomem ? EDU_Tcp_DropListenMemory : EDU_Tcp_DropNoRoute;
		tcp_abandon_child(child);
		return nullptr;
	}
	child.ts_offset = tcp_timestamp_offset(*child.host, child.saddr, child.daddr);
	tcp_negotiate(child, syn.opts);
	tcp_begin_numbers(child, syn, iss);
	return &child;
}

/* The SYN waits on the listener's receive_queue and points to the child; both locked. */
void tcp_queue_child(tcp_sock &listener, tcp_sock &child, skb_ptr packet)
{
	tcp_skb_cb cb{};

	cb.seq = child.irs;
	cb.end_seq = child.irs + 1;
	cb.child = &child;
	(void)packet.trim(0); /* else it holds some memory more */
	edu_k_skb_park(packet.get());
	packet.cb<tcp_skb_cb>() = cb;
	edu_k_sock_hold(home(listener));
	child.parent = &listener;
	tcp_queue_guard guard{listener};

	child.syn = packet.release();
	edu_k_rxq_append(home(listener), child.syn);
	write_once(listener.young, listener.young + 1);
}

/* Enters the child in tcp_established_hash, or finds that there is such a connection already. */
bool tcp_enter_child(tcp_sock &child)
{
	if (!tcp_hash_established(child, nullptr))
		return false;
	tcp_set_alive(child);
	return true;
}

/* What a SYN-ACK may promise without a sock: as much as a child would have. The scale is another:
 * tcp_cookie_wscale() does not follow SO_RCVBUF. */
u16 tcp_cookie_window(const tcp_sock &listener)
{
	return static_cast<u16>(tcp_first_offer(listener).window);
}

/* Locked, or not: it reads of the listener what may change at any time. */
verdict tcp_send_cookie(tcp_sock &listener, const tcp_segment &syn)
{
	edu_stack &host = *listener.host;
	const u32 offset = tcp_timestamp_offset(host, syn.dst, syn.src);
	wire::tcp::options opts;
	flow wanted;

	wanted.dst = syn.src;
	wanted.src = syn.dst;
	wanted.oif = bound_dev_if(listener);
	wanted.source_is_ours = true;
	auto route = ip_route_output(host, wanted);

	if (!route)
		return verdict::drop(EDU_Tcp_DropNoRoute);
	opts.mss = tcp_advertise_mss(listener, *route.value());
	if (syn.opts.has_timestamps && host.tune(EDU_TUNE_tcp_timestamps)) {
		opts.has_timestamps = true;
		opts.ts_value = tcp_cookie_timestamp(tcp_timestamp(0), syn.opts) + offset;
		opts.ts_echo = syn.opts.ts_value;
		opts.sack_permitted = syn.opts.sack_permitted && host.tune(EDU_TUNE_tcp_sack);
		opts.has_window_scale = syn.opts.has_window_scale &&
					host.tune(EDU_TUNE_tcp_window_scaling);
		opts.window_scale = opts.has_window_scale ? tcp_cookie_wscale(listener) : 0;
	}
	host.count(EDU_Tcp_SynCookiesSent);
	write_once(listener.syn_overflow_ms, edu_k_now_ms());
	tcp_send_reply(host, {.src = syn.dst,
			      .dst = syn.src,
			      .sport = syn.dport,
			      .dport = syn.sport,
			      .seq = tcp_cookie_make(host, syn),
			      .ack = syn.seq + 1,
			      .flags = wire::tcp::flag::syn | wire::tcp::flag::ack,
			      .window = tcp_cookie_window(listener),
			      .tos = listener.ip_tos,
			      .oif = bound_dev_if(listener),
			      .opts = opts});
	return verdict::consumed();
}

/* Is this SYN one for a cookie? Who comes out of TIME-WAIT is no stranger, and its number must be the one
 * given. */
bool tcp_wants_cookie(const tcp_sock &listener, const tcp_segment &syn)
{
	const u32 cookies = listener.host->tune(EDU_TUNE_tcp_syncookies);

	return cookies && !syn.iss_after_time_wait &&
	       (cookies == 2 || tcp_syn_queue_is_full(listener));
}

/* RFC 9293 3.10.7.2, third. */
verdict tcp_rcv_syn(tcp_sock &listener, const tcp_segment &syn, skb_ptr &packet)
{
	edu_stack &host = *listener.host;
	edu_counter why;

	if (tcp_accept_queue_is_full(listener))
		return verdict::drop(EDU_Tcp_DropListenOverflow);
	if (tcp_wants_cookie(listener, syn))
		return tcp_send_cookie(listener, syn);
	if (!syn.iss_after_time_wait && tcp_syn_queue_is_full(listener))
		return verdict::drop(EDU_Tcp_DropListenOverflow);

	const seq32 iss = syn.iss_after_time_wait ? syn.after :
						    tcp_initial_seq(host, syn.dst, syn.src,
								    syn.dport, be16{syn.sport});
	tcp_sock *child = tcp_make_child(listener, syn, packet.get(), iss, &why);

	if (!child)
		return verdict::drop(why);
	if (!tcp_enter_child(*child)) { /* the same SYN on another processor */
		tcp_abandon_child(*child);
		return verdict::drop(EDU_Tcp_DropDuplicate);
	}
	host.count(EDU_Tcp_PassiveOpens);
	tcp_queue_child(listener, *child, std::move(packet));
	(void)tcp_send_synack(*child); /* else the timer sends it */
	edu_k_bh_unlock_sock(home(*child));
	return verdict::accepted();
}

/* The SYN as it must have been. */
tcp_segment tcp_cookie_syn(const tcp_segment &ack, const tcp_cookie &cookie)
{
	tcp_segment syn = ack;

	syn.seq = ack.seq - 1;
	syn.opts = {};
	syn.opts.mss = cookie.mss;
	syn.opts.has_window_scale = cookie.has_wscale;
	syn.opts.window_scale = cookie.snd_wscale;
	syn.opts.sack_permitted = cookie.sack_ok;
	syn.opts.has_timestamps = cookie.tstamp_ok;
	syn.opts.ts_value = ack.opts.ts_value;
	return syn;
}

/* As if it had sent the SYN-ACK: nothing of that is in any queue, and no timer runs for it. */
void tcp_assume_synack(const tcp_sock &listener, tcp_sock &child)
{
	child.snd_nxt = child.write_seq = child.iss + 1;
	child.defer_accept = 0; /* nobody would send the SYN-ACK again */
	if (child.wscale_ok)
		child.rcv_wscale = tcp_cookie_wscale(listener);
}

/* The ACK of a cookie: the connection that was half-open nowhere is complete, or none. */
verdict tcp_rcv_cookie(tcp_sock &listener, const tcp_segment &ack, skb_ptr &packet)
{
	edu_stack &host = *listener.host;
	tcp_cookie cookie;
	edu_counter why = EDU_Tcp_DropListenMemory;

	if (!tcp_cookie_check(host, ack, cookie)) {
		host.count(EDU_Tcp_SynCookiesFailed);
		tcp_send_reset(host, ack);
		return verdict::drop(EDU_Tcp_DropCookie);
	}
	host.count(EDU_Tcp_SynCookiesRecv);
	if (tcp_accept_queue_is_full(listener))
		return verdict::drop(EDU_Tcp_DropListenOverflow);
	skb_ptr request = skb_ptr::alloc(0, 0, gfp::atomic);
	tcp_sock *child = request ? tcp_make_child(listener, tcp_cookie_syn(ack, cookie),
						   packet.get(), ack.ack - 1, &why) :
				    nullptr;

	if (!child)
		return verdict::drop(why);
	if (!tcp_enter_child(*child)) {
		tcp_abandon_child(*child);
		return verdict::drop(EDU_Tcp_DropDuplicate);
	}
	host.count(EDU_Tcp_PassiveOpens);
	tcp_queue_child(listener, *child, std::move(request));
	tcp_assume_synack(listener, *child);
	verdict decided = tcp_rcv_state_process(*child, ack, packet);

	if (state_of(*child) == sock_state::syn_recv)
		tcp_done(*child); /* the peer has its cookie still */
	edu_k_bh_unlock_sock(home(*child));
	return decided;
}

} // namespace

/* The scale that the SYN-ACK of a cookie offers: the same for all connections of a listener, since nothing
 * remembers it. */
u8 tcp_cookie_wscale(const tcp_sock &listener)
{
	u32 space = listener.host->tune(EDU_TUNE_tcp_rmem_max);
	u8 scale = 0;

	while (space > 65535 && scale < wire::tcp::max_window_scale) {
		space >>= 1;
		scale++;
	}
	return scale;
}

verdict tcp_rcv_listen(tcp_sock &listener, const tcp_segment &segment, skb_ptr &packet)
{
	using namespace wire::tcp;
	constexpr u64 cookie_patience_ms = 2 * 60000;
	edu_stack &host = *listener.host;
	tcp_softirq_guard guard;

	if (segment.has(flag::rst))
		return verdict::drop(EDU_Tcp_DropListenRst);
	if (segment.has(flag::ack)) {
		const u32 cookies = host.tune(EDU_TUNE_tcp_syncookies);
		const u64 full_ms = read_once(listener.syn_overflow_ms);

		if (!segment.has(flag::syn) && cookies &&
		    (full_ms && edu_k_now_ms() - full_ms < cookie_patience_ms))
			return tcp_rcv_cookie(listener, segment, packet);
		tcp_send_reset(host, segment);
		return verdict::drop(EDU_Tcp_DropListenAck);
	}
	if (!segment.has(flag::syn) || segment.has(flag::fin))
		return verdict::drop(EDU_Tcp_DropListenFlags);
	if (segment.src == be32{}) /* MUST-63; groups and broadcasts have not come so far */
		return verdict::drop(EDU_Tcp_DropAddress);
	return tcp_rcv_syn(listener, segment, packet);
}

bool tcp_rcv_flood(tcp_sock &listener, const tcp_segment &segment, verdict &what)
{
	using namespace wire::tcp;
	constexpr u8 telling = flag::syn | flag::ack | flag::rst | flag::fin;

	if ((segment.flags & telling) != flag::syn || state_of(listener) != sock_state::listen ||
	    segment.src == be32{} || tcp_accept_queue_is_full(listener) ||
	    !tcp_wants_cookie(listener, segment))
		return false;
	what = tcp_send_cookie(listener, segment);
	return true;
}

/*
 * Complete, or over
 */

bool tcp_child_established(tcp_sock &child)
{
	tcp_sock *listener = child.parent;
	bool gone = !listener, full = false;

	if (listener) {
		tcp_queue_guard guard{*listener};

		gone = !child.syn;
		full = !gone && tcp_accept_queue_is_full(*listener);
		if (!gone && !full) {
			edu_k_rxq_unlink(home(*listener), child.syn);
			edu_k_rxq_insert(home(*listener), listener->last_ready, child.syn);
			listener->last_ready = child.syn;
			write_once(listener->ack_backlog, listener->ack_backlog + 1);
			write_once(listener->young, listener->young - 1);
		}
	}
	if (full && !child.host->tune(EDU_TUNE_tcp_abort_on_overflow))
		return false; /* its peer will say it again */
	if (gone || full) {
		tcp_send_active_reset(child);
		tcp_done(child);
		return false;
	}
	/* Who takes it now finds it locked, and open when it gets the lock. */
	edu_k_sock_data_ready(home(*listener));
	return true;
}

void tcp_child_gone(tcp_sock &child)
{
	tcp_sock *listener = std::exchange(child.parent, nullptr);
	sk_buff *syn;

	if (!listener)
		return;
	{
		tcp_queue_guard guard{*listener};

		syn = std::exchange(child.syn, nullptr);
		if (syn) {
			edu_k_rxq_unlink(home(*listener), syn);
			write_once(listener->young, listener->young - 1);
		}
	}
	edu_k_sock_put(home(*listener));
	if (!syn)
		return; /* tcp_listen_stop() has it, and the queue's reference */
	edu_k_skb_consume(syn);
	edu_k_sock_orphan(home(child));
	edu_k_sock_put(home(child)); /* the queue's; the caller has one */
}

/*
 * What a program does
 */

result<void> tcp_listen(sock &base, int backlog)
{
	tcp_sock &s = tcp_sk(base);
	const u32 most = s.host->tune(EDU_TUNE_somaxconn);
	const u32 wanted = static_cast<u32>(backlog);
	sock_guard guard{home(s)};

	if (!state_in(s, {sock_state::close, sock_state::listen}) || s.connect_called || s.accepted)
		return errc::einval;
	write_once(s.max_ack_backlog, wanted < most ? wanted : most);
	if (state_of(s) == sock_state::listen)
		return {};
	if (!s.num) {
		auto got = tcp_get_port(s, 0);

		if (!got)
			return got.error() == errc::enomem ? got.error() : errc::eaddrinuse;
	}
	tcp_set_state(s, sock_state::listen);
	if (auto got = tcp_port_listens(s); !got) {
		tcp_set_state(s, sock_state::close);
		return got;
	}
	s.last_ready = nullptr;
	write_once(s.ack_backlog, 0);
	write_once(s.young, 0);
	write_once(s.daddr, {});
	write_once(s.dport, {});
	sk_route_reset(s);
	TRY(tcp_hash_listening(s));
	tcp_set_alive(s);
	return {};
}

namespace {

int tcp_has_child(::sock *sk)
{
	const tcp_sock &s = tcp_sk(core(sk));

	return read_once(s.ack_backlog) || state_of(s) != sock_state::listen;
}

/* TCP-11: the first complete connection; its SYN has served. */
tcp_sock &tcp_take_child(tcp_sock &listener)
{
	sk_buff *syn;
	tcp_sock *child;

	{
		tcp_queue_guard guard{listener};

		syn = edu_k_rxq_first(home(listener));
		child = tcp_cb(syn).child;
		edu_k_rxq_unlink(home(listener), syn);
		if (listener.last_ready == syn)
			listener.last_ready = nullptr;
		write_once(listener.ack_backlog, listener.ack_backlog - 1);
		child->syn = nullptr;
		write_once(child->parent, nullptr);
	}
	edu_k_skb_consume(syn);
	edu_k_sock_put(home(listener)); /* the child's */
	child->accepted = true;
	return *child;
}

} // namespace

result<sock *> tcp_accept(sock &base, int flags)
{
	tcp_sock &s = tcp_sk(base);
	sock_guard guard{home(s)};
	edu_u64 left = edu_k_sock_timeout(home(s), 0, (flags & tcp_nonblock) != 0);

	while (state_of(s) == sock_state::listen && !read_once(s.ack_backlog)) {
		if (!left)
			return errc::eagain;
		if (int error = edu_k_sock_wait(home(s), tcp_has_child, &left, EDU_WAIT_EXCLUSIVE))
			return from_errno(error).error();
	}
	if (state_of(s) != sock_state::listen)
		return errc::einval;
	sock *child = &tcp_take_child(s);

	return child;
}

void tcp_listen_stop(tcp_sock &listener)
{
	for (;;) {
		sk_buff *syn;
		tcp_sock *child = nullptr;

		{
			tcp_queue_guard guard{listener};

			syn = edu_k_rxq_first(home(listener));
			if (syn) {
				child = tcp_cb(syn).child;
				edu_k_rxq_unlink(home(listener), syn);
				if (listener.last_ready == syn)
					listener.last_ready = nullptr; /* others still complete */
				child->syn = nullptr; /* the queue's reference is ours now */
			}
		}
		if (!syn)
			break;
		edu_k_skb_consume(syn);
		edu_k_local_bh_disable();
		edu_k_bh_lock_sock_nested(home(*child));
		if (std::exchange(child->parent, nullptr))
			edu_k_sock_put(home(listener));
		edu_k_sock_orphan(home(*child));
		if (state_of(*child) != sock_state::close) {
			tcp_send_active_reset(*child);
			tcp_done(*child);
		} else {
			tcp_free_queues(*child);
		}
		edu_k_bh_unlock_sock(home(*child));
		edu_k_local_bh_enable();
		edu_k_sock_put(home(*child));
	}
	listener.last_ready = nullptr;
	write_once(listener.ack_backlog, 0);
	write_once(listener.young, 0);
}

} // namespace edu
