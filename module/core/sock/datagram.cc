// SPDX-License-Identifier: GPL-2.0-only
/*
 * What UDP, RAW and ping sockets share: connecting, deciding how a datagram leaves, receiving.
 *
 * TLK "Creating a Connection on an INET BSD Socket": a connected UDP socket caches its route, and
 * as long as that is valid, the routing tables are not asked again (UDP-2).
 * Requirements: INET-8, IP-1, IP-4 (EMSGSIZE), UDP-3. RFC 1122 4.1.3.2 to 4.1.3.5, 4.1.4.
 *
 * Locking: connect and disconnect hold the socket lock; the rest holds none.
 */
#include "sock/datagram.hh"

#include "stack.hh"

namespace edu {

using namespace wire::ipv4;

u32 send_plan::mtu() const
{
	return pmtudisc < pmtu::probe ? rt_path_mtu(*route) : route->rt_mtu;
}

ip_params send_plan::params(u8 protocol, u32 payload) const
{
	bool fits = header_len() + payload <= mtu();
	bool dont_fragment = pmtudisc == pmtu::always || pmtudisc == pmtu::probe ||
			     (pmtudisc == pmtu::want && fits && rt_may_discover(*route));

	return {
		.src = src,
		.dst = next,
		.protocol = protocol,
		.ttl = ttl,
		.tos = tos,
		.dont_fragment = dont_fragment,
		.loop = loop,
		.mtu = mtu(),
		.options = options.all(),
	};
}

result<end_point> datagram_destination(const sock &s, const edu_send &send)
{
	if (send.name)
		return parse_name(send.name, send.name_len, true);
	if (!is_connected(s))
		return errc::edestaddrreq;
	return end_point{read_once(s.daddr), read_once(s.dport)};
}

namespace {

/* The options given with this message, or else the socket's. */
result<void> choose_options(sock &s, const edu_send &send, option_set &out)
{
	if (send.options)
		return make_option_set({send.options, static_cast<size_t>(send.options_len)},
				       edu_k_sock_capable(home(s), cap_net_raw), out);
	rcu_guard guard;

	if (const sock_options *ours = s.ip_options.load())
		out = ours->set;
	return {};
}

/* The interface to leave by and the source, as far as the program says. */
flow wanted_flow(const sock &s, const edu_send &send, be32 dst)
{
	flow wanted;

	wanted.oif = send.ifindex ? send.ifindex : bound_dev_if(s);
	wanted.src = send.source != 0 ? be32::from_raw(send.source) : read_once(s.saddr);
	if (is_multicast(dst)) {
		if (!wanted.oif)
			wanted.oif = read_once(s.mc_index);
		if (wanted.src == be32{})
			wanted.src = read_once(s.mc_addr);
	} else if (!wanted.oif) {
		wanted.oif = read_once(s.uc_index);
	}
	return wanted;
}

bool may_broadcast(const sock &s, const rtable &route)
{
	return route.rt_type != route_type::broadcast ||
	       edu_k_sock_flags(home(s)) & EDU_SOCK_BROADCAST;
}

u8 choose_ttl(const sock &s, const edu_send &send, be32 dst)
{
	int ttl = send.ttl > 0 ? send.ttl : -1;

	if (ttl < 0)
		ttl = is_multicast(dst) ? read_once(s.mc_ttl) : read_once(s.ip_ttl);
	if (ttl < 0)
		ttl = static_cast<int>(s.host->tune(EDU_TUNE_ip_default_ttl));
	return static_cast<u8>(ttl);
}

/* MSG_DONTROUTE, SO_DONTROUTE: no gateway. */
bool must_not_be_routed(const sock &s, const edu_send &send)
{
	return send.flags & msg::dontroute || edu_k_sock_flags(home(s)) & EDU_SOCK_DONTROUTE;
}

/* MSG_CONFIRM: the program knows from the answers it gets that the next hop is alive. */
void confirm_next_hop(const rtable &route)
{
	if (route.rt_neigh)
		arp_confirm(*route.rt_neigh);
}

/* Only the peer's own datagrams, sent without any wish of their own, may use the cached route. */
bool may_use_cache(const sock &s, const edu_send &send, const send_plan &plan)
{
	return !send.name && !send.ifindex && !send.source && send.tos < 0 && send.ttl < 0 &&
	       !plan.options.has_route && !must_not_be_routed(s, send) && is_connected(s) &&
	       !is_multicast(plan.dst);
}

/* An address that is not ours is the one that a privileged bind() chose, not one of IP_PKTINFO. */
bool may_claim_source(const sock &s, const edu_send &send)
{
	return read_once(s.transparent) || (read_once(s.any_source) && !send.source);
}

/* A strict source route: likewise. */
bool must_be_on_link(const sock &s, const edu_send &send, const send_plan &plan)
{
	return must_not_be_routed(s, send) || (plan.options.has_route && plan.options.strict);
}

} // namespace

result<void> plan_send(sock &s, const edu_send &send, const end_point &to, bool any_source,
		       send_plan &plan)
{
	constexpr u8 tos_for_routes = 0x1e; /* without the precedence and the last bit (RFC 1349) */

	plan.dst = to.addr;
	plan.port = to.port;
	plan.pmtudisc = read_once(s.pmtudisc);
	plan.loop = read_once(s.mc_loop);
	plan.tos = send.tos >= 0 ? static_cast<u8>(send.tos) : read_once(s.ip_tos);
	TRY(choose_options(s, send, plan.options));
	if (plan.options.has_route && to.addr == be32{})
		return errc::einval;
	plan.options.set_final(to.addr);
	plan.next = plan.options.next_destination(to.addr);
	plan.ttl = choose_ttl(s, send, plan.next);

	bool connected = may_use_cache(s, send, plan);
	flow wanted = wanted_flow(s, send, plan.next);

	if (connected)
		plan.route = sk_route_get(s, plan.next, wanted.oif);
	if (!plan.route) {
		wanted.dst = plan.next;
		wanted.tos = plan.tos & tos_for_routes;
		wanted.source_is_ours = any_source || may_claim_source(s, send);
		plan.route = TRY(ip_route_output(*s.host, wanted));
		if (connected)
			sk_route_set(s, plan.route);
	}
	if (!may_broadcast(s, *plan.route))
		return errc::eacces;
	if (must_be_on_link(s, send, plan) && plan.route->rt_has_gateway)
		return errc::enetunreach;
	plan.src = wanted.src != be32{} ? wanted.src : plan.route->rt_src;
	if (plan.next == be32{}) /* zero means this host */
		plan.dst = plan.next = plan.route->rt_dst;
	if (send.flags & msg::confirm) [[unlikely]]
		confirm_next_hop(*plan.route);
	return {};
}

result<void> check_send_size(sock &s, const send_plan &plan, u32 payload)
{
	const bool may_fragment = plan.pmtudisc < pmtu::always || plan.pmtudisc == pmtu::omit;
	const u32 most = may_fragment ? max_packet_len : plan.mtu();

	if (plan.header_len() + payload <= most)
		return {};
	sock_local_error(s, static_cast<int>(errc::emsgsize), plan.dst, plan.port,
			 plan.mtu() - plan.options.length);
	return errc::emsgsize;
}

result<void> datagram_connect(sock &s, const end_point &to)
{
	edu_send plain = {};
	flow wanted = wanted_flow(s, plain, to.addr); /* no control messages */

	sk_route_reset(s);
	wanted.dst = to.addr;
	wanted.tos = s.ip_tos & 0x1e;
	wanted.source_is_ours = may_claim_source(s, plain);
	ref<rtable> route = TRY(ip_route_output(*s.host, wanted));
	if (!may_broadcast(s, *route))
		return errc::eacces;
	if (must_not_be_routed(s, plain) && route->rt_has_gateway)
		return errc::enetunreach;

	be32 source = wanted.src != be32{} ? wanted.src : route->rt_src;

	if (s.saddr == be32{})
		write_once(s.saddr, source);
	if (s.rcv_saddr == be32{})
		write_once(s.rcv_saddr, source);
	write_once(s.daddr, to.addr != be32{} ? to.addr : route->rt_dst);
	write_once(s.dport, to.port);
	if (s.prot->rehash)
		s.prot->rehash(s);
	edu_k_sock_set_state(home(s), static_cast<int>(sock_state::established));
	sk_route_set(s, std::move(route));
	return {};
}

/* The association ends; what bind() has fixed stays (POSIX connect() to AF_UNSPEC), but not, as in
 * Linux, what SO_BINDTODEVICE has. */
void datagram_disconnect(sock &s)
{
	edu_k_sock_set_state(home(s), static_cast<int>(sock_state::close));
	edu_k_sock_unbind_device(home(s));
	write_once(s.daddr, {});
	write_once(s.dport, {});
	if (!s.addr_bound) {
		write_once(s.rcv_saddr, {});
		write_once(s.saddr, {});
	}
	if (s.prot->autobind && !s.port_bound)
		s.prot->unhash(s);
	else if (s.prot->rehash)
		s.prot->rehash(s);
	sk_route_reset(s);
}

result<int> datagram_recvmsg(sock &s, msghdr *message, u32 len, u32 flags,
			     be16 (*port_of)(const sk_buff *packet))
{
	const u32 header_len = s.prot->header_len;
	int error = 0;

	if (flags & msg::errqueue) {
		int got = edu_k_sock_recv_error(home(s), message, len);

		return got < 0 ? from_errno(got).error() : result<int>{got};
	}
	sk_buff *packet = edu_k_sock_dequeue(home(s), flags, &error);
	if (!packet)
		return error ? from_errno(error).error() : result<int>{0};

	/* A socket filter may have cut the packet within its header. */
	const u32 whole = skb_len(packet) > header_len ? skb_len(packet) - header_len : 0;
	const u32 copied = whole < len ? whole : len;

	trace(s.host->net, EDU_TRACE_sock_rcv, packet);
	error = edu_k_msg_write_skb(message, packet, header_len, copied);
	if (!error) {
		if (copied < whole)
			edu_k_msg_or_flags(message, msg::trunc);
		edu_k_msg_put_socket_cmsgs(home(s), message, packet);
		edu_k_msg_set_name(message, skb_cb<ip_info>(packet).src.raw(),
				   port_of ? port_of(packet).raw() : edu_be16{0});
		if (read_once(s.cmsg))
			put_cmsgs(s, message, packet);
	}
	edu_k_sock_done(home(s), packet);
	if (error)
		return from_errno(error).error();
	return static_cast<int>(flags & msg::trunc ? whole : copied);
}

} // namespace edu
