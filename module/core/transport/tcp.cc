// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: life of the protocol, of a host's part, of a sock; and its table of operations.
 *
 * TLK "Creating a BSD Socket": the sock's pointer to the protocol's operations is set at creation (INET-2,
 * BSD-4). Requirements TCP-1, TCP-9. RFC 4022 (counters of states).
 *
 * Locking: as each function says.
 */
#include "stack.hh"

namespace edu {

namespace {

constexpr inet_protocol tcp_protocol = {ipproto_tcp, "TCP", tcp_rcv, tcp_err};

void tcp_construct(void *memory, edu_stack *host, const proto *prot)
{
	::new (memory) tcp_sock(host, prot);
}

void tcp_destroy(sock &s)
{
	tcp_sk(s).~tcp_sock();
}

result<void> tcp_create(sock &s)
{
	tcp_init_sock(tcp_sk(s));
	return {};
}

result<void> tcp_push_locked(sock &s)
{
	if (tcp_sk(s).write_queue.first)
		tcp_push_pending(tcp_sk(s));
	return {};
}

void tcp_backlog_rcv(sock &s, skb_ptr packet)
{
	tcp_do_rcv(tcp_sk(s), std::move(packet));
}

void tcp_release_port(sock &s)
{
	tcp_put_port(tcp_sk(s));
}

constinit const stream_ops tcp_stream = {
	.sock_size = sizeof(tcp_sock),
	.construct = tcp_construct,
	.destroy = tcp_destroy,
	.connect = tcp_connect,
	.listen = tcp_listen,
	.accept = tcp_accept,
	.shutdown = tcp_shutdown,
	.close = tcp_close,
	.ioctl = tcp_ioctl,
	.splice_read = tcp_splice_read,
	.set_rcvlowat = tcp_set_rcvlowat,
	.keepalive = tcp_keepalive_option,
	.poll = tcp_poll,
	.backlog_rcv = tcp_backlog_rcv,
	.release_cb = tcp_release_cb,
};

bool tcp_is_open(sock_state state)
{
	return state == sock_state::established || state == sock_state::close_wait;
}

} // namespace

constinit const proto tcp_prot = {
	.name = "TCP",
	.header_len = 0,
	.autobind = false,
	.listens = true,
	.init = tcp_create,
	.bind_name = nullptr,
	.bind = nullptr,
	.get_port = tcp_get_port,
	.rehash = nullptr,
	.unhash = tcp_release_port,
	.sendmsg = tcp_sendmsg,
	.push_locked = tcp_push_locked,
	.recvmsg = tcp_recvmsg,
	.setsockopt = tcp_setsockopt,
	.getsockopt = tcp_getsockopt,
	.stream = &tcp_stream,
};

void tcp_init_connection(tcp_sock &s)
{
	const edu_stack &host = *s.host;

	s.reordering = host.tune(EDU_TUNE_tcp_reordering);
	s.rto_ms = host.tune(EDU_TUNE_tcp_rto_init_ms);
	s.ato_ms = host.tune(EDU_TUNE_tcp_delack_min_ms);
	s.cwnd = u32{s.mss_cache} * host.tune(EDU_TUNE_tcp_initial_cwnd);
}

void tcp_init_sock(tcp_sock &s)
{
	tcp_init_timers(s);
	tcp_init_connection(s);
	s.ca = tcp_congestion_default(*s.host);
	edu_k_sock_set_rcvbuf(home(s), s.host->tune(EDU_TUNE_tcp_rmem_default));
	edu_k_sock_set_sndbuf(home(s), s.host->tune(EDU_TUNE_tcp_wmem_default));
}

void tcp_set_state(tcp_sock &s, sock_state next)
{
	edu_stack &host = *s.host;
	const sock_state was = state_of(s);

	if (was == next)
		return;
	if (next == sock_state::close) {
		if (was == sock_state::syn_sent || was == sock_state::syn_recv)
			host.count(EDU_Tcp_AttemptFails);
		else if (tcp_is_open(was))
			host.count(EDU_Tcp_EstabResets);
	}
	if (tcp_is_open(next) && !tcp_is_open(was))
		host.tcp.established.fetch_add(1);
	else if (tcp_is_open(was) && !tcp_is_open(next))
		host.tcp.established.fetch_sub(1);
	edu_k_sock_set_state(home(s), static_cast<int>(next));
	/* From TIME-WAIT on its record is the connection. */
	if (edu_k_trace_on && was != sock_state::time_wait) [[unlikely]] {
		const edu_tcp_ends ends = tcp_ends(s);

		edu_k_trace_tcp_state(host.net, &ends, static_cast<int>(was),
				      static_cast<int>(next));
	}
}

void tcp_set_alive(tcp_sock &s)
{
	edu_k_sock_hold(home(s));
	s.alive = true;
}

void tcp_set_dead(tcp_sock &s)
{
	if (std::exchange(s.alive, false))
		edu_k_sock_put(home(s));
}

edu_tcp_ends tcp_ends(const tcp_sock &s)
{
	const be32 local = s.rcv_saddr != be32{} ? s.rcv_saddr : s.saddr;

	return {.saddr = local.raw(),
		.daddr = s.daddr.raw(),
		.sport = be16{s.num}.raw(),
		.dport = s.dport.raw()};
}

int tcp_init()
{
	inet_add_protocol(&tcp_protocol);
	return 0;
}

void tcp_exit()
{
	inet_del_protocol(&tcp_protocol);
}

result<void> tcp_host_init(edu_stack &host)
{
	auto secret = [] { return u64{edu_k_random()} << 32 | edu_k_random(); };

	host.tcp.isn_key = {secret(), secret()};
	host.tcp.cookie_key = {secret(), secret()};
	host.tcp.time_wait_lock.init(EDU_LOCK_TCP_RECORDS);
	return host.tcp.tables.init();
}

void tcp_host_close(edu_stack &host)
{
	host.tcp.stopping.store(true);
	for (;;) {
		rcu_guard guard;
		tcp_timewait *record;

		{
			spin_guard locked{host.tcp.time_wait_lock};

			record = host.tcp.time_waits.front();
		}
		if (!record)
			return;
		tcp_timewait_kill(host, *record);
	}
}

void tcp_host_exit(edu_stack &host)
{
	host.tcp.tables.free();
}

} // namespace edu

using namespace edu;

/*
 * One after the other: the listening ones, the connections and records, and those that have a port alone
 */

namespace {

/* edu_cursor::position[3]: which table, and in the last of them, behind which socket of the bucket that
 * the rest of the cursor stands at (sockets are aligned to 8). */
constexpr u64 tcp_at_listening = 0, tcp_at_established = 1, tcp_at_bound = 2, tcp_table_bits = 7;

tcp_end *tcp_next_hashed(const tcp_tables &tables, edu_cursor &at)
{
	u64 &place = at.position[3];
	tcp_end *end = nullptr;

	if (place == tcp_at_listening && !(end = tables.listening.next(at)))
		at = {.position = {0, 0, 0, tcp_at_established}};
	if (place == tcp_at_established && !(end = tables.established.next(at)))
		at = {.position = {0, 0, 0, tcp_at_bound}};
	return end;
}

/* The bucket that was being shown, if it is still there, or the one behind it. */
tcp_bind_bucket *tcp_bucket_here(const tcp_tables &tables, edu_cursor &at, bool again)
{
	const u64 address = at.position[2];

	if (again) {
		at.position[2]--;
		tcp_bind_bucket *bucket = tables.bound.next(at);

		if (reinterpret_cast<u64>(bucket) == address)
			return bucket;
		at.position[3] = tcp_at_bound;
		return bucket;
	}
	return tables.bound.next(at);
}

tcp_sock *tcp_next_bound(edu_stack &host, edu_cursor &at)
{
	u64 &place = at.position[3];
	bool again = place & ~tcp_table_bits;

	while (tcp_bind_bucket *bucket = tcp_bucket_here(host.tcp.tables, at, again)) {
		tcp_sock *s = tcp_next_bound_only(host, *bucket, place & ~tcp_table_bits);

		place = tcp_at_bound | reinterpret_cast<u64>(s);
		if (s)
			return s;
		again = false;
	}
	return nullptr;
}

} // namespace

int edu_core_tcp_next(edu_stack *stack, edu_cursor *at, edu_tcp_info *out)
{
	rcu_guard guard;
	tcp_end *end = tcp_next_hashed(stack->tcp.tables, *at);
	tcp_sock *s = nullptr;

	if (end && end->what == tcp_end::kind::time_wait) {
		tcp_fill_info(end->record(), *out);
		return 1;
	}
	s = end ? &end->socket() : tcp_next_bound(*stack, *at);
	if (!s)
		return 0;
	tcp_fill_info(*s, *out);
	return 1;
}

void edu_core_tcp_sums(edu_stack *stack, unsigned int *open, unsigned int *orphans,
		       unsigned int *time_waits)
{
	*open = stack->tcp.established.load();
	*orphans = stack->tcp.orphans.load();
	*time_waits = read_once(stack->tcp.time_wait_count);
}
