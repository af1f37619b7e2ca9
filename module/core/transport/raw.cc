// SPDX-License-Identifier: GPL-2.0-only
/*
 * RAW sockets: IP packets as they are.
 *
 * TLK lists them among the socket types (BSD-4); 2.0's net/ipv4/raw.c. RFC 1122 3.4 (a transport of
 * one's own over IP), raw(7). A socket gets a copy of every packet of its protocol that is for this
 * host, IP header included, before that protocol sees it. What it sends gets an IP header, or brings
 * its own (IP_HDRINCL).
 * Not here: IP_ROUTER_ALERT; multicast routing.
 *
 * Locking: as UDP's: RCU on the way in, nothing on the way out.
 */
#include "transport/raw.hh"

#include "sock/cork.hh"
#include "sock/datagram.hh"
#include "sock/membership.hh"
#include "stack.hh"

namespace edu {

namespace {

u32 protocol_hash(const edu_stack &host, u8 protocol)
{
	return static_cast<u32>(siphash13(host.key, u32{protocol}));
}

/*
 * In
 */

bool raw_matches(const sock &s, u8 protocol, be32 laddr, be32 faddr, int ifindex)
{
	const be32 rcv_saddr = read_once(s.rcv_saddr), daddr = read_once(s.daddr);
	const int dev = bound_dev_if(s);

	return s.protocol == protocol && (rcv_saddr == be32{} || rcv_saddr == laddr) &&
	       (daddr == be32{} || daddr == faddr) && (!dev || !ifindex || dev == ifindex);
}

/* ICMP_FILTER: types the program does not want to see. */
bool is_filtered(const sock &s, const sk_buff *packet, const ip_info &info)
{
	u8 type;

	if (info.protocol != ipproto_icmp)
		return false;
	if (edu_k_skb_copy_bits(packet, info.header_len, &type, 1))
		return true;
	return type < 32 && read_once(s.icmp_filter) >> type & 1;
}

edu_counter raw_drop_reason(int queue_error)
{
	switch (queue_error) {
	case to_errno(errc::enomem):
		return EDU_Raw_DropRcvbufFull;
	case to_errno(errc::eperm):
		return EDU_Raw_DropFilter;
	default:
		return EDU_Raw_DropNoMemory;
	}
}

} // namespace

void raw_queue_clone(edu_stack &host, sock &s, sk_buff *packet)
{
	skb_ptr clone{edu_k_skb_clone(packet, EDU_GFP_ATOMIC)};

	if (!clone) {
		host.count(EDU_Raw_DropNoMemory);
		return;
	}
	trace(host.net, EDU_TRACE_raw_rcv, clone.get());
	if (int error = sock_queue_rcv(s, clone))
		drop(host.net, std::move(clone), raw_drop_reason(error));
	else
		host.count(EDU_Raw_InDatagrams);
}

namespace {

/* Softirq, RCU. */
bool raw_deliver(edu_stack &host, sk_buff *packet)
{
	const ip_info &info = skb_cb<ip_info>(packet);
	bool taken = false;

	if (!host.raw.raw_hash.size())
		return false;
	host.raw.raw_hash.for_each_of(protocol_hash(host, info.protocol), [&](sock &s) {
		if (!raw_matches(s, info.protocol, info.dst, info.src, info.ifindex) ||
		    !ip_mc_sf_allow(s, info.dst, info.src, info.ifindex))
			return;
		taken = true;
		if (!is_filtered(s, packet, info))
			raw_queue_clone(host, s, packet);
	});
	return taken;
}

/* Softirq, RCU. */
void raw_err(edu_stack &host, const icmp_error &error)
{
	if (error.protocol == ipproto_icmp)
		ping_err(host, error);
	if (!host.raw.raw_hash.size())
		return;
	host.raw.raw_hash.for_each_of(protocol_hash(host, error.protocol), [&](sock &s) {
		if (!raw_matches(s, error.protocol, error.src, error.dst, error.ifindex))
			return;
		/* Who writes the IP header gets it back. */
		sock_icmp_error(s, error, read_once(s.hdrincl) ? -error.header_len : 0, {});
	});
}

constexpr raw_listener raw_socket_listener = {raw_deliver, raw_err};

/*
 * Out
 */

result<skb_ptr> copy_message(sock &s, const edu_send &send, u32 headroom)
{
	int error = 0;
	skb_ptr packet{edu_k_msg_to_skb(home(s), send.msg, headroom, send.len, send.flags, nullptr,
					&error)};

	if (!packet)
		return from_errno(error).error();
	edu_k_skb_csum_done(packet.get()); /* the program's affair */
	trace(s.host->net, EDU_TRACE_sock_send, packet.get());
	return packet;
}

/* IP_HDRINCL: the program wrote the header. Its lengths must be possible; the rest is its own. */
result<void> send_with_header(sock &s, const edu_send &send, const send_plan &plan)
{
	constexpr u32 min_len = wire::ipv4::min_header_len, saddr_at = 12;

	if (send.len > plan.route->rt_mtu) {
		sock_local_error(s, static_cast<int>(errc::emsgsize), plan.dst, plan.port,
				 plan.route->rt_mtu);
		return errc::emsgsize;
	}
	if (send.len < min_len)
		return errc::einval;
	skb_ptr packet = TRY(copy_message(s, send, read_once(plan.route->rt_dev->headroom)));

	if (!packet.may_pull(min_len))
		return errc::enobufs;
	const u32 header_len = (packet.data()[0] & 0xfu) * 4;

	if (header_len < min_len || header_len > packet.len())
		return errc::einval;
	if (!packet.may_pull(header_len))
		return errc::enobufs;
	if (load_addr(packet.data() + saddr_at) == be32{})
		store_addr(packet.data() + saddr_at, plan.src);
	trace(s.host->net, EDU_TRACE_raw_send, packet.get());
	return ip_send_raw(*s.host, std::move(packet), *plan.route, plan.mtu(), plan.loop);
}

result<void> push_payload(sock &s, skb_ptr packet, const send_plan &plan)
{
	const u32 len = packet.len();

	edu_k_skb_mark_transport(packet.get());
	trace(s.host->net, EDU_TRACE_raw_send, packet.get());
	return ip_send(*s.host, std::move(packet), *plan.route, plan.params(s.protocol, len));
}

result<void> send_payload(sock &s, const edu_send &send, const send_plan &plan)
{
	TRY(check_send_size(s, plan, send.len));
	skb_ptr packet = TRY(copy_message(s, send, plan.headroom()));

	return push_payload(s, std::move(packet), plan);
}

result<void> plan_packet(sock &s, const edu_send &send, send_plan &plan)
{
	const bool with_header = read_once(s.hdrincl);
	edu_send named = send;

	if (!send.name_len) /* as Linux: no octet of a name is no name, of RAW sockets only */
		named.name = nullptr;
	end_point to = TRY(datagram_destination(s, named));

	TRY(plan_send(s, send, to, with_header, plan));
	if (with_header && plan.options.length)
		return errc::einval; /* options belong into the header the program wrote */
	return {};
}

/* As for every send: what the queues had no room for is lost without a word, unless IP_RECVERR is on. */
result<void> report_send(sock &s, result<void> sent)
{
	if (sent)
		s.host->count(EDU_Raw_OutDatagrams);
	else if (sent.error() != errc::enobufs || read_once(s.recverr))
		return sent;
	return {};
}

result<void> push_packet(sock &s, skb_ptr packet, const send_plan &plan)
{
	edu_k_skb_csum_done(packet.get());
	return report_send(s, push_payload(s, std::move(packet), plan));
}

constexpr cork_ops raw_cork = {0, plan_packet, push_packet};

result<void> raw_push_locked(sock &s)
{
	return cork_push_locked(s, raw_cork);
}

result<int> raw_sendmsg(sock &s, const edu_send &send)
{
	const bool with_header = read_once(s.hdrincl);
	send_plan plan;

	if (send.len > wire::ipv4::max_packet_len)
		return errc::emsgsize;
	if (send.flags & msg::oob)
		return errc::eopnotsupp;
	if (!with_header && is_corked(s, send)) /* a whole packet is never a part of one */
		return cork_send(s, send, raw_cork);
	TRY(plan_packet(s, send, plan));
	if (is_probe(send))
		return 0;
	TRY(report_send(s, with_header ? send_with_header(s, send, plan) :
					 send_payload(s, send, plan)));
	return static_cast<int>(send.len);
}

result<int> raw_recvmsg(sock &s, msghdr *message, u32 len, u32 flags)
{
	if (flags & msg::oob)
		return errc::eopnotsupp;
	return datagram_recvmsg(s, message, len, flags, nullptr);
}

/*
 * Life
 */

result<void> raw_sock_init(sock &s)
{
	s.num = s.protocol;
	s.sport = be16{s.num};
	s.hdrincl = s.protocol == ipproto_raw;
	s.host->raw.raw_hash.insert(s, protocol_hash(*s.host, s.protocol));
	return {};
}

/* Locked. A RAW socket may be bound again: only to an address, there are no ports. */
result<void> raw_bind(sock &s, const end_point &at)
{
	if (state_of(s) != sock_state::close)
		return errc::einval;
	route_type kind = TRY(check_bind_address(s, at.addr));
	bool source = kind != route_type::multicast && kind != route_type::broadcast;

	write_once(s.rcv_saddr, at.addr);
	write_once(s.saddr, source ? at.addr : be32{});
	s.addr_bound = at.addr != be32{};
	s.any_source = kind == route_type::unicast && (s.transparent || !s.freebind);
	sk_route_reset(s);
	return {};
}

void raw_unhash(sock &s)
{
	s.host->raw.raw_hash.remove(s);
}

/* SOL_RAW, ICMP_FILTER: for sockets of protocol ICMP. */
constexpr int sol_raw = 255, icmp_filter_option = 1;

result<void> raw_setsockopt(sock &s, int level, int name, bytes value)
{
	u8 word[sizeof(u32)] = {};

	if (level != sol_raw || name != icmp_filter_option)
		return errc::enoprotoopt;
	if (s.protocol != ipproto_icmp)
		return errc::eopnotsupp;
	u32 before = s.icmp_filter;

	__builtin_memcpy(word, &before, sizeof(word));
	copy_bytes(word, value.first(value.size() < sizeof(word) ? value.size() : sizeof(word)));
	write_once(s.icmp_filter, load_native<u32>(word));
	return {};
}

result<u32> raw_getsockopt(sock &s, int level, int name, mutable_bytes value)
{
	u32 len = static_cast<u32>(value.size() < sizeof(u32) ? value.size() : sizeof(u32));

	if (level != sol_raw)
		return errc::eopnotsupp;
	if (name != icmp_filter_option)
		return errc::enoprotoopt;
	if (s.protocol != ipproto_icmp)
		return errc::eopnotsupp;
	__builtin_memcpy(value.data(), &s.icmp_filter, len);
	return len;
}

} // namespace

constinit const proto raw_prot = {
	.name = "RAW",
	.header_len = 0,
	.autobind = false,
	.listens = false,
	.init = raw_sock_init,
	.bind_name = nullptr,
	.bind = raw_bind,
	.get_port = nullptr,
	.rehash = nullptr,
	.unhash = raw_unhash,
	.sendmsg = raw_sendmsg,
	.push_locked = raw_push_locked,
	.recvmsg = raw_recvmsg,
	.setsockopt = raw_setsockopt,
	.getsockopt = raw_getsockopt,
};

result<void> raw_state::init()
{
	TRY(raw_hash.init(EDU_LOCK_RAW_HASH));
	return ping_hash.init(EDU_LOCK_RAW_HASH);
}

int raw_init()
{
	ip_set_raw_listener(&raw_socket_listener);
	return 0;
}

void raw_exit()
{
	ip_set_raw_listener(nullptr);
}

} // namespace edu
