// SPDX-License-Identifier: GPL-2.0-only
/*
 * UDP: datagrams between programs.
 *
 * TLK "UDP" under "TCP/IP network layers" (OVER-7) and "The INET Socket Layer". Requirements: UDP-1,
 * UDP-2, UDP-3, OVER-3, OVER-8. RFC 768 in full; RFC 1122 4.1 in full. Not here: encapsulation, GSO
 * and GRO of datagrams (UDP_SEGMENT, UDP_GRO).
 *
 * Locking: receiving runs under RCU and takes the receive queue's lock alone. Sending takes no lock
 * at all; the route is held by a reference while the copy of the data may sleep.
 */
#include "transport/udp.hh"

#include "sock/cork.hh"
#include "sock/datagram.hh"
#include "stack.hh"
#include "wire/udp.hh"

namespace edu {

namespace {

constexpr size_t udp_header_len = wire::udp::header_len;

/*
 * In
 */

edu_counter udp_drop_reason(wire::udp::fault why)
{
	switch (why) {
	case wire::udp::fault::bad_length:
	case wire::udp::fault::truncated:
		return EDU_Udp_DropLength;
	default:
		return EDU_Udp_DropShort;
	}
}

edu_counter udp_drop_reason(int queue_error)
{
	switch (queue_error) {
	case to_errno(errc::enomem):
		return EDU_Udp_DropRcvbufFull;
	case to_errno(errc::eperm):
		return EDU_Udp_DropFilter;
	default:
		return EDU_Udp_DropNoMemory;
	}
}

/* The packet lies on the queue with its UDP header, which filters and recvmsg() look at. */
verdict udp_deliver(edu_stack &host, sock &s, skb_ptr &packet)
{
	if (int error = sock_queue_rcv(s, packet))
		return verdict::drop(udp_drop_reason(error));
	host.count(EDU_Udp_InDatagrams);
	return verdict::accepted();
}

/* Gives each socket but the last a clone, and the last the packet itself. */
struct broadcaster : udp_visitor {
	edu_stack &host;
	skb_ptr &packet;
	sock *last = nullptr;

	broadcaster(edu_stack &on, skb_ptr &what) : udp_visitor{give}, host{on}, packet{what} {}

	static void give(udp_visitor &self, sock &s)
	{
		auto &all = static_cast<broadcaster &>(self);

		if (all.last)
			all.give_clone(*all.last);
		all.last = &s;
	}

	void give_clone(sock &s)
	{
		skb_ptr clone{edu_k_skb_clone(packet.get(), EDU_GFP_ATOMIC)};

		if (!clone)
			host.count(EDU_Udp_DropNoMemory);
		else if (verdict v = udp_deliver(host, s, clone); v.is_drop())
			drop(host.net, std::move(clone), v.reason());
	}
};

verdict deliver_to_all(edu_stack &host, const udp_flow &flow, skb_ptr &packet)
{
	broadcaster all{host, packet};

	udp_for_each_match(host, flow, all);
	if (!all.last) /* nobody is told: RFC 1122 3.2.2 forbids errors about broadcasts */
		return verdict::drop(EDU_Udp_DropNoSocket);
	return udp_deliver(host, *all.last, packet);
}

verdict deliver_to_one(edu_stack &host, const udp_flow &flow, skb_ptr &packet)
{
	constexpr auto unreachable = static_cast<u8>(wire::icmp::type::unreachable);
	constexpr auto port = static_cast<u8>(wire::icmp::unreachable_code::port);

	if (sock *s = udp_lookup(host, flow))
		return udp_deliver(host, *s, packet);
	host.count(EDU_Udp_NoPorts);
	icmp_send(host, packet.get(), unreachable, port, 0);
	return verdict::drop(EDU_Udp_DropNoSocket);
}

/* A sum that is not right; a field of zero means that the sender made none (RFC 1122 4.1.3.4). */
bool checksum_is_bad(const skb_ptr &packet, const ip_info &info, const wire::udp::repr &header)
{
	if (header.checksum == be16{})
		return false;
	u32 pseudo = pseudo_header(info.src, info.dst, ipproto_udp, header.length).to_wsum();

	return !edu_k_skb_csum_ok(packet.get(), header.length, pseudo);
}

/* Nobody has such an address, so nobody could be answered (RFC 1122 4.1.3.6). */
bool is_bad_source(be32 src)
{
	return wire::ipv4::is_multicast(src) || wire::ipv4::is_limited_broadcast(src);
}

verdict udp_rcv(edu_stack &host, skb_ptr &packet)
{
	const ip_info info = packet.cb<ip_info>();

	if (packet.len() >= udp_header_len && !packet.may_pull(udp_header_len))
		return verdict::drop(EDU_Udp_DropNoMemory);
	auto [header, why] = wire::udp::view::checked_header(packet.linear(), packet.len());
	if (why != wire::udp::fault::none)
		return verdict::drop(udp_drop_reason(why));

	const wire::udp::repr got = header.parse(); /* trim() may move the data */

	if (got.length < packet.len() && !packet.trim(got.length))
		return verdict::drop(EDU_Udp_DropNoMemory);
	if (checksum_is_bad(packet, info, got))
		return verdict::drop(EDU_Udp_DropChecksum);
	if (is_bad_source(info.src))
		return verdict::drop(EDU_Udp_DropBadSource);
	trace(host.net, EDU_TRACE_udp_rcv, packet.get());

	const udp_flow flow{info.dst, info.src, got.dest, be16{got.source}, info.ifindex};

	if (info.dst_broadcast || info.dst_multicast)
		return deliver_to_all(host, flow, packet);
	return deliver_to_one(host, flow, packet);
}

/* The ports of the quoted header say whose datagram it was. Softirq, RCU. */
void udp_err(edu_stack &host, const icmp_error &error)
{
	if (error.quoted.size() < udp_header_len)
		return;
	const be16 peer{load_be16(&error.quoted[2])};
	const udp_flow flow{error.src, error.dst, load_be16(&error.quoted[0]), peer, error.ifindex};

	if (sock *s = udp_lookup(host, flow))
		sock_icmp_error(*s, error, udp_header_len, peer);
}

constexpr inet_protocol udp_protocol = {ipproto_udp, "UDP", udp_rcv, udp_err};

/*
 * Out
 */

bool device_completes_checksums(const rtable &route)
{
	rcu_guard guard;

	return route.rt_dev->info.load()->csum_offload;
}

/* The device sums what goes out in one piece, if it can; len: octets of data. */
bool may_offload(const send_plan &plan, u32 len)
{
	const bool in_one_piece = plan.header_len() + udp_header_len + len <= plan.mtu();

	return in_one_piece && device_completes_checksums(*plan.route);
}

/* The header in front of the data, whose sum is known, or left to the device (offload). */
void put_header(const sock &s, skb_ptr &packet, const send_plan &plan, bool offload, u32 sum)
{
	const u32 len = packet.len();
	wire::udp::repr header{.source = read_once(s.num),
			       .dest = plan.port.host(),
			       .length = static_cast<u16>(udp_header_len + len),
			       .checksum = {}};

	/* With a source route, the sum is of the final destination (RFC 1122 4.1.3.4, 3.2.1.8). */
	header.checksum = offload ? header.checksum_for_device(plan.src, plan.dst) :
				    header.checksum_between(plan.src, plan.dst,
							    inet_sum::from_wsum(sum, len));
	header.emit(std::span<u8, udp_header_len>{packet.push(udp_header_len), udp_header_len});
	edu_k_skb_mark_transport(packet.get());
	if (offload)
		edu_k_skb_csum_offload(packet.get(), 6);
	else
		edu_k_skb_csum_done(packet.get());
}

/* The datagram with its header in front: data copied, and summed on the way if nobody else will. */
result<skb_ptr> make_datagram(sock &s, const edu_send &send, const send_plan &plan)
{
	const bool offload = may_offload(plan, send.len);
	u32 sum = 0;
	int error = 0;
	skb_ptr packet{edu_k_msg_to_skb(home(s), send.msg, plan.headroom() + udp_header_len,
					send.len, send.flags, offload ? nullptr : &sum, &error)};

	if (!packet)
		return from_errno(error).error();
	trace(s.host->net, EDU_TRACE_sock_send, packet.get());

	put_header(s, packet, plan, offload, sum);
	return packet;
}

/* A datagram with its header goes down. */
result<void> send_complete(sock &s, skb_ptr packet, const send_plan &plan)
{
	edu_stack &host = *s.host;
	const u32 len = packet.len();

	trace(host.net, EDU_TRACE_udp_send, packet.get());
	auto sent = ip_send(host, std::move(packet), *plan.route, plan.params(ipproto_udp, len));

	if (sent) {
		host.count(EDU_Udp_OutDatagrams);
	} else if (sent.error() == errc::enobufs) {
		/* Lost on the way out like any datagram may be; told to those who want to know. */
		host.count(EDU_Udp_SndbufErrors);
		if (!read_once(s.recverr))
			return {};
	}
	return sent;
}

result<void> send_datagram(sock &s, const edu_send &send, const send_plan &plan)
{
	auto made = make_datagram(s, send, plan);

	if (!made) {
		if (made.error() == errc::enobufs || made.error() == errc::eagain)
			s.host->count(EDU_Udp_SndbufErrors);
		return made.error();
	}
	return send_complete(s, std::move(made).value(), plan);
}

result<void> plan_datagram(sock &s, const edu_send &send, send_plan &plan)
{
	end_point to = TRY(datagram_destination(s, send));

	if (send.name && to.port == be16{})
		return errc::einval;
	return plan_send(s, send, to, false, plan);
}

/* Socket lock. Data that came in several sends is summed now, in one. */
result<void> push_datagram(sock &s, skb_ptr packet, const send_plan &plan)
{
	const u32 len = packet.len();
	const bool offload = may_offload(plan, len);

	put_header(s, packet, plan, offload, offload ? 0 : edu_k_skb_csum(packet.get(), 0, len));
	return send_complete(s, std::move(packet), plan);
}

constexpr cork_ops udp_cork = {udp_header_len, plan_datagram, push_datagram};

result<void> udp_push_locked(sock &s)
{
	return cork_push_locked(s, udp_cork);
}

result<int> udp_sendmsg(sock &s, const edu_send &send)
{
	send_plan plan;

	if (send.len > wire::ipv4::max_packet_len)
		return errc::emsgsize;
	if (send.flags & msg::oob)
		return errc::eopnotsupp;
	if (is_corked(s, send))
		return cork_send(s, send, udp_cork);
	TRY(plan_datagram(s, send, plan));
	if (is_probe(send))
		return 0;
	TRY(check_send_size(s, plan, udp_header_len + send.len));
	TRY(send_datagram(s, send, plan));
	return static_cast<int>(send.len);
}

be16 sender_port(const sk_buff *packet)
{
	return be16{load_be16(skb_data(packet))};
}

result<int> udp_recvmsg(sock &s, msghdr *message, u32 len, u32 flags)
{
	return datagram_recvmsg(s, message, len, flags, sender_port);
}

/* SOL_UDP: UDP_CORK. */
constexpr int sol_udp = 17, udp_cork_option = 1;

result<void> udp_setsockopt(sock &s, int level, int name, bytes value)
{
	if (level != sol_udp)
		return errc::enoprotoopt;
	if (value.size() < sizeof(int))
		return errc::einval;
	if (name != udp_cork_option)
		return errc::enoprotoopt;
	write_once(s.cork_on, load_native<u32>(value.data()) != 0);
	if (!s.cork_on)
		(void)udp_push_locked(s); /* as in Linux, how that went is not told */
	return {};
}

result<u32> udp_getsockopt(sock &s, int level, int name, mutable_bytes value)
{
	const int on = s.cork_on;

	if (level != sol_udp)
		return errc::eopnotsupp;
	if (name != udp_cork_option)
		return errc::enoprotoopt;
	const size_t len = value.size() < sizeof(on) ? value.size() : sizeof(on);

	__builtin_memcpy(value.data(), &on, len);
	return static_cast<u32>(len);
}

} // namespace

constinit const proto udp_prot = {
	.name = "UDP",
	.header_len = udp_header_len,
	.autobind = true,
	.listens = true,
	.init = nullptr,
	.bind_name = nullptr,
	.bind = nullptr,
	.get_port = udp_get_port,
	.rehash = udp_rehash,
	.unhash = udp_unhash,
	.sendmsg = udp_sendmsg,
	.push_locked = udp_push_locked,
	.recvmsg = udp_recvmsg,
	.setsockopt = udp_setsockopt,
	.getsockopt = udp_getsockopt,
};

int udp_init()
{
	inet_add_protocol(&udp_protocol);
	return 0;
}

void udp_exit()
{
	inet_del_protocol(&udp_protocol);
}

} // namespace edu
