// SPDX-License-Identifier: GPL-2.0-only
/*
 * tcp_bound_hash: ports, and who may share one.
 *
 * TLK "Binding an Address to an INET BSD Socket". Requirements: INET-6, TCP-1, TCP-9. RFC 6056 3.3.4
 * (double-hash port selection: a connection's first guess follows from its ends and a secret, a
 * counter moves it on, so that an outsider learns nothing and a port returns late).
 *
 * A port has a bucket while it has users. bind() conflicts by Linux's rules: same address or any, same
 * device or any, unless both say SO_REUSEADDR and the other does not listen, or both say SO_REUSEPORT
 * and are of one user. What connect() has chosen is shared by any number of connections to different
 * peers: there the four numbers must differ, which tcp_established_hash sees to. So connect() asks a port
 * for a number, not for its users; and a server that comes back with SO_REUSEADDR does not either, while
 * all users of its port have that.
 *
 * Locking: the port's lock (EDU_LOCK_TCP_PORT) is held from the search for a conflict to the entry. Buckets
 * are found under it or RCU.
 */
#include "stack.hh"

namespace edu {

namespace {

u32 tcp_port_key(const edu_stack &host, u16 port)
{
	return static_cast<u32>(siphash13(host.key, u32{port}));
}

spinlock &tcp_lock_of(edu_stack &host, u16 port)
{
	return host.tcp.tables.port_lock[port % tcp_port_locks];
}

/* The port's lock is held. */
tcp_bind_bucket *tcp_bucket_find(edu_stack &host, u16 port)
{
	rcu_guard guard;

	return host.tcp.tables.bound.find(tcp_port_key(host, port),
					  [port](const tcp_bind_bucket &bucket) {
						  return bucket.port == port;
					  });
}

/* The same, made if there is none; null: no memory. */
tcp_bind_bucket *tcp_bucket_get(edu_stack &host, u16 port)
{
	tcp_bind_bucket *bucket = tcp_bucket_find(host, port);

	if (bucket)
		return bucket;
	bucket = make<tcp_bind_bucket>(gfp::atomic).release();
	if (!bucket)
		return nullptr;
	bucket->port = port;
	host.tcp.tables.bound.insert(*bucket, tcp_port_key(host, port));
	return bucket;
}

/* The port's lock is held. */
void tcp_bucket_drop_if_empty(edu_stack &host, tcp_bind_bucket *bucket)
{
	if (bucket->count)
		return;
	host.tcp.tables.bound.remove(*bucket);
	destroy_rcu(bucket);
}

/* Does the user count among those that a bind() with SO_REUSEADDR need not look at? */
bool tcp_reuse_counts(const tcp_bound &user)
{
	return user.reuse && !user.listening;
}

/* The port's lock is held. */
void tcp_join(tcp_bind_bucket *bucket, tcp_bound &user)
{
	user.bucket = bucket;
	bucket->users.push_back(user);
	bucket->count++;
	bucket->explicit_count += !user.by_connect;
	bucket->reuse_count += tcp_reuse_counts(user);
}

/* What a user of a port is and allows: a socket says it now, a record in TIME-WAIT as its socket did. */
struct tcp_sharing {
	be32 addr;
	int device;
	bool reuse, reuseport;
};

const tcp_sock &tcp_user_socket(const tcp_bound &user)
{
	return *edu::detail::owner_of<tcp_sock>(const_cast<tcp_bound *>(&user), &tcp_sock::bound);
}

tcp_sharing tcp_sharing_of(const tcp_sock &s)
{
	const u32 flags = edu_k_sock_flags(home(s));

	return {read_once(s.rcv_saddr), bound_dev_if(s), (flags & EDU_SOCK_REUSEADDR) != 0,
		(flags & EDU_SOCK_REUSEPORT) != 0};
}

tcp_sharing tcp_sharing_of(const tcp_bound &user)
{
	if (user.time_wait)
		return {user.addr, user.bound_if, user.reuse, user.reuseport};
	return tcp_sharing_of(tcp_user_socket(user));
}

bool tcp_overlap(const tcp_sharing &a, const tcp_sharing &b)
{
	if (a.addr != b.addr && a.addr != be32{} && b.addr != be32{})
		return false;
	return !a.device || !b.device || a.device == b.device;
}

/* Sharing is for one user's sockets: nobody may take another's connections. */
bool tcp_same_user(const tcp_bound &us, const tcp_bound &other)
{
	return other.time_wait || us.uid == other.uid;
}

bool tcp_user_conflicts(const tcp_bound &bound, const tcp_sharing &us, const tcp_bound &user,
			bool chosen)
{
	const tcp_sharing other = tcp_sharing_of(user);

	if (&user == &bound || !tcp_overlap(us, other))
		return false;
	if (chosen)
		return true;
	if (us.reuse && other.reuse && !user.listening)
		return false;
	return !(us.reuseport && other.reuseport && tcp_same_user(bound, user));
}

/* May s have a port with these users at its address? chosen: by us, and then not even for sharing.
 * s.bound.uid is set; the port's lock is held. */
bool tcp_port_conflicts(const tcp_sock &s, const tcp_bind_bucket &bucket, bool chosen)
{
	const tcp_sharing us = tcp_sharing_of(s);

	for (const tcp_bound &user : bucket.users)
		if (tcp_user_conflicts(s.bound, us, user, chosen))
			return true;
	return false;
}

/* The same without a look at them, where Linux does not look at them either. */
bool tcp_all_reuse(const tcp_sock &s, const tcp_bind_bucket &bucket)
{
	return bucket.reuse_count == bucket.count && edu_k_sock_flags(home(s)) & EDU_SOCK_REUSEADDR;
}

void tcp_take_number(tcp_sock &s, u16 port, bool by_connect)
{
	const u32 flags = edu_k_sock_flags(home(s));

	s.bound.reuse = flags & EDU_SOCK_REUSEADDR;
	s.bound.listening = false;
	s.bound.by_connect = by_connect;
	write_once(s.num, port);
	write_once(s.sport, be16{port});
}

/* bind(): eaddrinuse, enomem. s.bound.uid is set. */
result<void> tcp_claim(tcp_sock &s, u16 port, bool chosen)
{
	edu_stack &host = *s.host;
	spin_guard guard{tcp_lock_of(host, port)};
	tcp_bind_bucket *bucket = tcp_bucket_get(host, port);

	if (!bucket)
		return errc::enomem;
	if ((chosen || !tcp_all_reuse(s, *bucket)) && tcp_port_conflicts(s, *bucket, chosen))
		return errc::eaddrinuse;
	tcp_take_number(s, port, false);
	tcp_join(bucket, s.bound);
	return {};
}

u32 tcp_random_below(u32 limit)
{
	return static_cast<u32>(u64{edu_k_random()} * limit >> 32);
}

struct tcp_port_range {
	u32 least, count;

	u16 port(u32 turn) const { return static_cast<u16>(least + turn % count); }
};

/* The host's range and within it the socket's (ip(7), IP_LOCAL_PORT_RANGE). */
tcp_port_range tcp_local_ports(const tcp_sock &s)
{
	u32 least = s.host->tune(EDU_TUNE_ip_local_port_min);
	u32 most = s.host->tune(EDU_TUNE_ip_local_port_max);

	if (s.port_least >= least && s.port_least <= most)
		least = s.port_least;
	if (s.port_most >= least && s.port_most <= most)
		most = s.port_most;
	return {least, most >= least ? most - least + 1 : 1};
}

/* A free port, unpredictably (RFC 6056 3.3.2); when the range is crowded, every port is tried. */
result<void> tcp_claim_any(tcp_sock &s)
{
	constexpr u32 guesses = 16;
	const tcp_port_range range = tcp_local_ports(s);
	const u32 first = tcp_random_below(range.count);

	for (u32 i = 0; i < guesses + range.count; i++) {
		const u32 turn = i < guesses ? tcp_random_below(range.count) :
					       (first + i) % range.count;
		auto got = tcp_claim(s, range.port(turn), true);

		if (got || got.error() != errc::eaddrinuse)
			return got;
	}
	return errc::eaddrinuse;
}

/* connect(): as tcp_claim_for_connection(), with the port's lock held; *record gives way. */
result<void> tcp_claim_locked(tcp_sock &s, u16 port, tcp_timewait **record)
{
	edu_stack &host = *s.host;
	tcp_bind_bucket *bucket = tcp_bucket_get(host, port);

	if (!bucket)
		return errc::enomem;
	if (bucket->explicit_count)
		return errc::eaddrinuse;
	tcp_take_number(s, port, true);
	if (!tcp_enter_connection(s, record)) {
		write_once(s.num, 0);
		write_once(s.sport, {});
		tcp_bucket_drop_if_empty(host, bucket);
		return errc::eaddrinuse;
	}
	tcp_join(bucket, s.bound);
	return {};
}

/* Enters the connection with that port, unless bind() has given it to somebody or there is such a
 * connection already. eaddrinuse: try another. */
result<void> tcp_claim_for_connection(tcp_sock &s, u16 port)
{
	tcp_timewait *record = nullptr;
	rcu_guard rcu;

	{
		spin_guard guard{tcp_lock_of(*s.host, port)};

		TRY(tcp_claim_locked(s, port, &record));
	}
	if (record)
		tcp_timewait_kill(*s.host, *record);
	return {};
}

} // namespace

result<void> tcp_enter_connection(tcp_sock &s, tcp_timewait **record)
{
	edu_stack &host = *s.host;
	const tcp_flow flow{s.rcv_saddr, s.daddr, s.num, s.dport, bound_dev_if(s)};
	tcp_end *twin = tcp_find_established(host, flow);
	seq32 after;

	if (!twin)
		return tcp_hash_established(s, nullptr);
	if (twin->what != tcp_end::kind::time_wait ||
	    !tcp_timewait_may_reuse(host, twin->record(), &after))
		return errc::eaddrnotavail;
	TRY(tcp_hash_established(s, &twin->record()));
	*record = &twin->record();
	host.count(EDU_Tcp_TimeWaitsReused);
	s.write_seq = after;
	return {};
}

result<void> tcp_get_port(sock &base, u16 num)
{
	tcp_sock &s = tcp_sk(base);

	s.bound.uid = edu_k_sock_uid(home(s));
	return num ? tcp_claim(s, num, false) : tcp_claim_any(s);
}

result<void> tcp_connect_port(tcp_sock &s)
{
	constexpr u32 most_skipped = 8; /* how many connections there were is nobody's business */
	tcp_tables &tables = s.host->tcp.tables;
	const tcp_port_range range = tcp_local_ports(s);
	const u64 mixed = siphash24(s.host->tcp.isn_key, s.rcv_saddr.raw(), s.daddr.raw(),
				    u32{s.dport.raw()});
	atomic<u32> &counter = tables.port_counter[mixed >> 32 & 63];
	/* Every port once, whatever others do to the counter meanwhile. */
	const u32 first = static_cast<u32>(mixed) % range.count + counter.load() % range.count;

	for (u32 i = 0; i < range.count; i++) {
		auto got = tcp_claim_for_connection(s, range.port(first + i));

		if (got)
			counter.fetch_add(i + 1 + tcp_random_below(most_skipped));
		if (got || got.error() != errc::eaddrinuse)
			return got;
	}
	return errc::eaddrnotavail;
}

result<void> tcp_inherit_port(const tcp_sock &listener, tcp_sock &child)
{
	edu_stack &host = *child.host;
	spin_guard guard{tcp_lock_of(host, listener.num)};

	if (!listener.bound.bucket) /* it closes just now */
		return errc::enoent;
	child.bound.uid = listener.bound.uid;
	tcp_take_number(child, listener.num, false);
	tcp_join(listener.bound.bucket, child.bound);
	return {};
}

void tcp_share_port(tcp_sock &s, tcp_timewait &record)
{
	edu_stack &host = *s.host;
	const tcp_sharing us = tcp_sharing_of(s);
	spin_guard guard{tcp_lock_of(host, s.end.lport)};

	if (!s.bound.bucket)
		return;
	record.bound.addr = us.addr;
	record.bound.bound_if = us.device;
	record.bound.reuse = us.reuse;
	record.bound.reuseport = us.reuseport;
	record.bound.time_wait = true;
	record.bound.by_connect = s.bound.by_connect;
	tcp_join(s.bound.bucket, record.bound);
}

void tcp_leave_port(edu_stack &host, tcp_bound &user)
{
	tcp_bind_bucket *bucket = user.bucket;

	if (!bucket)
		return;
	spin_guard guard{tcp_lock_of(host, bucket->port)};

	bucket->users.remove(user);
	bucket->count--;
	bucket->explicit_count -= !user.by_connect;
	bucket->reuse_count -= tcp_reuse_counts(user);
	user.bucket = nullptr;
	user.listening = false;
	tcp_bucket_drop_if_empty(host, bucket);
}

/* As in Linux, sport stays: getsockname() still says what it was. */
void tcp_put_port(tcp_sock &s)
{
	tcp_leave_port(*s.host, s.bound);
	write_once(s.num, 0);
}

/* SO_REUSEADDR does not let two listen at once. Of two that try at once, one does. */
result<void> tcp_port_listens(tcp_sock &s)
{
	edu_stack &host = *s.host;
	spin_guard guard{tcp_lock_of(host, s.num)};

	if (tcp_port_conflicts(s, *s.bound.bucket, false))
		return errc::eaddrinuse;
	s.bound.bucket->reuse_count -= tcp_reuse_counts(s.bound);
	s.bound.listening = true;
	return {};
}

void tcp_port_listens_no_more(tcp_sock &s)
{
	edu_stack &host = *s.host;
	spin_guard guard{tcp_lock_of(host, s.num)};

	if (!s.bound.bucket || !s.bound.listening)
		return;
	s.bound.listening = false;
	s.bound.bucket->reuse_count += tcp_reuse_counts(s.bound);
}

tcp_sock *tcp_next_bound_only(edu_stack &host, tcp_bind_bucket &bucket, u64 last)
{
	spin_guard guard{tcp_lock_of(host, bucket.port)};
	tcp_sock *next = nullptr;

	for (tcp_bound &user : bucket.users) {
		if (user.time_wait)
			continue;
		auto *s = const_cast<tcp_sock *>(&tcp_user_socket(user));

		if (!s->end.node.is_hashed() && reinterpret_cast<u64>(s) > last &&
		    (!next || s < next))
			next = s;
	}
	return next;
}

} // namespace edu
