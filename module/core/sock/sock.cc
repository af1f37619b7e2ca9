// SPDX-License-Identifier: GPL-2.0-only
/*
 * What all socks have in common: the remembered route, the receive queue, errors that arrive.
 *
 * TLK "The INET Socket Layer" and "Creating a Connection on an INET BSD Socket" (ip_route_cache).
 * Requirements: UDP-2, INET-5. RFC 1122 4.1.3.3 (ICMP errors reach the program).
 *
 * Locking: ip_route_cache is exchanged with one atomic instruction and followed under RCU, since
 * senders do not take the socket lock. The rest is per function.
 */
#include "sock/sock.hh"

#include "sock/options.hh"
#include "stack.hh"

namespace edu {

/* The last reference to the socket is gone: no sender, and no reader under RCU, is left. */
sock::~sock()
{
	sk_route_reset(*this);
	destroy(ip_options.load_locked());
}

void sk_route_set(sock &s, ref<rtable> route)
{
	auto former = ref<rtable>::adopt(s.ip_route_cache.replace(route.detach()));
}

ref<rtable> sk_route_get(const sock &s, be32 dst, int oif)
{
	rcu_guard guard;
	rtable *cached = s.ip_route_cache.load();

	/* A sender that overtook connect() may have left the route to the former peer; and
	 * SO_BINDTODEVICE, which the home sets, may have come after it. */
	if (!cached || cached->rt_dst != dst || cached->key_oif != oif ||
	    !ip_route_valid(*s.host, *cached))
		return nullptr;
	return ref<rtable>::try_share(cached);
}

int sock_queue_rcv(sock &s, skb_ptr &packet)
{
	constexpr int no_memory = to_errno(errc::enomem);
	int ret;

	/* The home takes the packet only when it returns 0. */
	trace(s.host->net, EDU_TRACE_sock_queue, packet.get());
	ret = edu_k_sock_queue(home(s), packet.get());
	if (!ret)
		(void)packet.release();
	else
		write_once(s.drops, read_once(s.drops) + 1);
	return ret > 0 ? no_memory : ret;
}

namespace {

/* Onto the error queue, with the part of the failed packet that the error quotes. */
void queue_icmp_error(sock &s, const icmp_error &error, int number, int payload_at, be16 port)
{
	const ip_info &told = skb_cb<ip_info>(error.packet);
	skb_ptr quote{edu_k_skb_clone(error.packet, EDU_GFP_ATOMIC)};
	const edu_sock_error entry = {
		.error = number,
		.origin = 2, /* SO_EE_ORIGIN_ICMP */
		.type = error.type,
		.code = error.code,
		.info = error.info,
		.offender = error.offender.raw(),
		.destination = error.dst.raw(),
		.port = port.raw(),
		.received_by = told.dst.raw(),
		.ifindex = told.ifindex,
		.ttl = told.ttl,
		.tos = told.tos,
		.header_len = static_cast<u8>(told.header_len),
	};

	if (!quote)
		return;
	if (payload_at < 0) {
		quote.push(static_cast<u32>(-payload_at));
	} else {
		if (!quote.may_pull(static_cast<u32>(payload_at)))
			return;
		quote.pull(static_cast<u32>(payload_at));
	}
	edu_k_sock_queue_error(home(s), quote.release(), &entry);
}

struct asynchronous_error {
	int error;  /* positive errno, 0: not for the program */
	bool fatal; /* told to a connected socket even without IP_RECVERR */
};

bool is_about_mtu(const icmp_error &error)
{
	constexpr u8 unreachable = 3, fragmentation_needed = 4;

	return error.type == unreachable && error.code == fragmentation_needed;
}

asynchronous_error meaning_for(const sock &s, const icmp_error &error)
{
	constexpr u8 source_quench = 4, redirect = 5;

	if (error.type == source_quench || error.type == redirect)
		return {0, false};
	if (is_about_mtu(error)) {
		if (read_once(s.pmtudisc) == pmtu::never)
			return {0, false};
		return {static_cast<int>(errc::emsgsize), true};
	}
	icmp_meaning meaning = icmp_error_meaning(error.type, error.code);
	bool found_out_here = error.offender ==
			      error.src; /* ARP gave up: the sender sees it (ARP-5) */

	return {meaning.error, meaning.fatal || found_out_here};
}

} // namespace

void sock_icmp_error(sock &s, const icmp_error &error, int payload_at, be16 port)
{
	if (is_about_mtu(error)) {
		icmp_learn_mtu(*s.host, error);
		sk_route_reset(s); /* the next datagram asks for a route that knows */
	}
	auto [number, fatal] = meaning_for(s, error);

	if (!number)
		return;
	if (read_once(s.recverr))
		queue_icmp_error(s, error, number, payload_at, port);
	else if (!fatal || !is_connected(s))
		return;
	edu_k_sock_report(home(s), number);
}

void sock_local_error(sock &s, int error, be32 dst, be16 port, u32 info)
{
	const edu_sock_error entry = {
		.error = error,
		.origin = 1, /* SO_EE_ORIGIN_LOCAL */
		.type = 0,
		.code = 0,
		.info = info,
		.offender = 0,
		.destination = dst.raw(),
		.port = port.raw(),
		.received_by = 0,
		.ifindex = 0,
		.ttl = 0,
		.tos = 0,
		.header_len = 0,
	};

	if (!read_once(s.recverr))
		return;
	if (auto empty = skb_ptr::alloc(0, 0, gfp::atomic))
		edu_k_sock_queue_error(home(s), empty.release(), &entry);
}

void sock_fill_info(const sock &s, edu_sock_info &out)
{
	const ::sock *sk = home(s);

	out = {};
	out.local = read_once(s.rcv_saddr).raw();
	out.remote = read_once(s.daddr).raw();
	out.local_port = be16{read_once(s.num)}.raw();
	out.remote_port = read_once(s.dport).raw();
	out.state = static_cast<u8>(state_of(s));
	out.type = s.type;
	out.has_route = s.ip_route_cache.load() != nullptr;
	out.rmem = edu_k_sock_rmem(sk);
	out.wmem = edu_k_sock_wmem(sk);
	out.uid = edu_k_sock_uid(sk);
	out.references = edu_k_sock_references(sk);
	out.drops = read_once(s.drops);
	out.inode = edu_k_sock_inode(sk);
	out.bound_if = bound_dev_if(s);
}

} // namespace edu
