// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ping sockets: socket(AF_EDUINET, SOCK_DGRAM, IPPROTO_ICMP), echo requests for everyone whom the
 * tunable ping_group allows.
 *
 * Not in TLK; Linux's net/ipv4/ping.c, icmp(7). The program writes and reads whole ICMP messages,
 * but may send echo requests only; identifier and checksum are filled in. The identifier is what
 * a port is for UDP: bind() chooses it, and replies that carry it come back.
 * Requirements: BSD-4, IP-10. RFC 792 (echo).
 *
 * Locking: as UDP's.
 */
#include "sock/datagram.hh"
#include "stack.hh"
#include "transport/raw.hh"
#include "wire/icmp.hh"

namespace edu {

namespace {

constexpr size_t icmp_header_len = wire::icmp::header_len;

u32 id_hash(const edu_stack &host, u16 id)
{
	return static_cast<u32>(siphash13(host.key, u32{id}));
}

/* RCU. laddr: our end. */
sock *find_ping_socket(const edu_stack &host, u16 id, be32 laddr, int ifindex)
{
	if (!host.raw.ping_hash.size())
		return nullptr;
	return host.raw.ping_hash.find(id_hash(host, id), [&](const sock &s) {
		const be32 rcv_saddr = read_once(s.rcv_saddr);
		const int dev = bound_dev_if(s);

		return read_once(s.num) == id && (rcv_saddr == be32{} || rcv_saddr == laddr) &&
		       (!dev || !ifindex || dev == ifindex);
	});
}

/* An echo reply, data at the ICMP header. Softirq, RCU. */
bool ping_deliver(edu_stack &host, sk_buff *packet)
{
	const ip_info &info = skb_cb<ip_info>(packet);
	u8 header[icmp_header_len];

	if (edu_k_skb_copy_bits(packet, 0, header, sizeof(header)))
		return false;
	sock *s = find_ping_socket(host, load_be16(&header[4]), info.dst, info.ifindex);

	if (s)
		raw_queue_clone(host, *s, packet);
	return s;
}

constexpr ping_listener ping_socket_listener = {ping_deliver};

bool claim_id(sock &s, u16 id)
{
	edu_stack &host = *s.host;
	auto taken = [&](const sock &other) {
		const u32 common = edu_k_sock_flags(home(s)) & edu_k_sock_flags(home(other));

		return other.sport == be16{id} && !(common & EDU_SOCK_REUSEADDR);
	};

	s.sport = be16{id};
	if (host.raw.ping_hash.insert_unless(s, id_hash(host, id), taken)) {
		s.sport = be16{};
		return false;
	}
	write_once(s.num, id); /* no sender may see it before it is ours */
	return true;
}

/* Locked. */
result<void> ping_get_port(sock &s, u16 id)
{
	if (id)
		return claim_id(s, id) ? errc::none : errc::eaddrinuse;

	/* From an unpredictable place, so that nobody can answer blindly. */
	u32 first = edu_k_random();

	for (u32 i = 0; i <= 0xffff; i++) {
		auto candidate = static_cast<u16>(first + i);

		if (candidate && claim_id(s, candidate))
			return {};
	}
	return errc::eaddrinuse;
}

/* Locked. Only addresses a host can speak from. */
result<void> ping_bind(sock &s, const end_point &at)
{
	route_type kind = TRY(check_bind_address(s, at.addr));

	if (kind == route_type::multicast || kind == route_type::broadcast)
		return errc::eaddrnotavail;
	if (s.num || state_of(s) != sock_state::close)
		return errc::einval;
	TRY(ping_get_port(s, at.port.host()));
	write_once(s.rcv_saddr, at.addr);
	write_once(s.saddr, at.addr);
	s.addr_bound = at.addr != be32{};
	s.port_bound = at.port != be16{};
	s.any_source = kind == route_type::unicast && (s.transparent || !s.freebind);
	sk_route_reset(s);
	return {};
}

void ping_unhash(sock &s)
{
	s.host->raw.ping_hash.remove(s);
	write_once(s.num, 0);
	s.sport = be16{};
}

/* Reads the ICMP header the program wrote: einval unless it is an echo request. Its sequence. */
result<u16> read_request(const edu_send &send)
{
	u8 header[icmp_header_len];

	if (send.len < icmp_header_len)
		return errc::einval;
	TRY(from_errno(edu_k_msg_read(send.msg, header, sizeof(header))));
	if (wire::icmp::type{header[0]} != wire::icmp::type::echo || header[1])
		return errc::einval;
	return load_be16(&header[6]);
}

result<void> send_request(sock &s, const edu_send &send, const send_plan &plan, u16 sequence)
{
	const u32 data_len = send.len - icmp_header_len;
	u32 sum = 0;
	int error = 0;

	TRY(check_send_size(s, plan, send.len));
	skb_ptr packet{edu_k_msg_to_skb(home(s), send.msg, plan.headroom() + icmp_header_len,
					data_len, send.flags, &sum, &error)};
	if (!packet)
		return from_errno(error);
	trace(s.host->net, EDU_TRACE_sock_send, packet.get());
	wire::icmp::repr::echo(read_once(s.num), sequence)
		.emit(std::span<u8, icmp_header_len>{packet.push(icmp_header_len), icmp_header_len},
		      inet_sum::from_wsum(sum, data_len));
	edu_k_skb_mark_transport(packet.get());
	edu_k_skb_csum_done(packet.get());
	trace(s.host->net, EDU_TRACE_icmp_send, packet.get());
	return ip_send(*s.host, std::move(packet), *plan.route,
		       plan.params(ipproto_icmp, send.len));
}

result<int> ping_sendmsg(sock &s, const edu_send &send)
{
	send_plan plan;

	if (send.len > wire::ipv4::max_packet_len)
		return errc::emsgsize;
	if (send.flags & msg::oob) /* MSG_MORE: as Linux, one message all the same */
		return errc::eopnotsupp;
	u16 sequence = TRY(read_request(send));
	end_point to = TRY(datagram_destination(s, send));

	TRY(plan_send(s, send, to, false, plan));
	TRY(send_request(s, send, plan, sequence));
	return static_cast<int>(send.len);
}

result<int> ping_recvmsg(sock &s, msghdr *message, u32 len, u32 flags)
{
	if (flags & msg::oob)
		return errc::eopnotsupp;
	return datagram_recvmsg(s, message, len, flags, nullptr);
}

} // namespace

void ping_err(edu_stack &host, const icmp_error &error)
{
	if (error.quoted.size() < icmp_header_len ||
	    wire::icmp::type{error.quoted[0]} != wire::icmp::type::echo || error.quoted[1])
		return;
	if (sock *s = find_ping_socket(host, load_be16(&error.quoted[4]), error.src, error.ifindex))
		sock_icmp_error(*s, error, 0, {});
}

constinit const proto ping_prot = {
	.name = "PING",
	.header_len = 0,
	.autobind = true,
	.listens = false,
	.init = nullptr,
	.bind_name = nullptr,
	.bind = ping_bind,
	.get_port = ping_get_port,
	.rehash = nullptr,
	.unhash = ping_unhash,
	.sendmsg = ping_sendmsg,
	.push_locked = nullptr,
	.recvmsg = ping_recvmsg,
	.setsockopt = nullptr,
	.getsockopt = nullptr,
};

int ping_init()
{
	ip_set_ping_listener(&ping_socket_listener);
	return 0;
}

void ping_exit()
{
	ip_set_ping_listener(nullptr);
}

} // namespace edu
