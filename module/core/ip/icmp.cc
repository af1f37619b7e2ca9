// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMP messages in, and the answers to those that ask.
 *
 * IP-10, OVER-8. RFC 792; RFC 1122 3.2.2.6 (echo: the same data, from the address that was asked),
 * 3.2.2.8 (time stamps), 3.2.2 (unknown types are dropped silently).
 * Echo replies go to ping sockets; RAW sockets have seen the packet before.
 *
 * Locking: softirq, under RCU; none of its own.
 */
#include "ip/icmp.hh"

#include "ip/forward.hh"
#include "ip/options.hh"
#include "stack.hh"

namespace edu {

using wire::icmp::type;

static constinit const ping_listener *ping_sockets;

void ip_set_ping_listener(const ping_listener *listener)
{
	rcu_publish(ping_sockets, listener);
}

/* Counts a message under its RFC 1213 name; false when its type has none of ours. */
static bool count_in(edu_stack &host, type t)
{
	switch (t) {
	case type::echo_reply:
		host.count(EDU_Icmp_InEchoReps);
		return true;
	case type::unreachable:
		host.count(EDU_Icmp_InDestUnreachs);
		return true;
	case type::source_quench:
		host.count(EDU_Icmp_InSrcQuenchs);
		return true;
	case type::redirect:
		host.count(EDU_Icmp_InRedirects);
		return true;
	case type::echo:
		host.count(EDU_Icmp_InEchos);
		return true;
	case type::time_exceeded:
		host.count(EDU_Icmp_InTimeExcds);
		return true;
	case type::parameter_problem:
		host.count(EDU_Icmp_InParmProbs);
		return true;
	case type::timestamp:
		host.count(EDU_Icmp_InTimestamps);
		return true;
	case type::timestamp_reply:
		host.count(EDU_Icmp_InTimestampReps);
		return true;
	default:
		return false;
	}
}

/*
 * Answers
 */

result<void> icmp_reply(edu_stack &host, skb_ptr message, be32 dst, be32 src, u8 tos, bytes options)
{
	flow wanted{dst, src, 0, tos, true};
	result<ref<rtable>> route = ip_route_output(host, wanted);

	if (!route.ok()) {
		drop(host.net, std::move(message), EDU_Ip_DropNoRoute);
		return route.error();
	}
	host.count(EDU_Icmp_OutMsgs);
	trace(host.net, EDU_TRACE_icmp_send, message.get());
	ip_params params{
		.src = src != be32{} ? src : route.value()->rt_src,
		.dst = dst,
		.protocol = static_cast<u8>(wire::ipv4::protocol::icmp),
		.ttl = static_cast<u8>(host.tune(EDU_TUNE_ip_default_ttl)),
		.tos = tos,
		.options = options,
	};
	return ip_send(host, std::move(message), *route.value(), params);
}

/* Where an answer comes from: the address that was asked, if it is one host's (RFC 1122 3.2.2.6). */
static be32 answer_source(const ip_info &info)
{
	return info.dst_broadcast || info.dst_multicast ? be32{} : info.dst;
}

/* The address by which a host that was asked along with others enters itself into options. */
static be32 present_as(const edu_stack &host, const ip_info &info)
{
	const edu_iface *iface = find_iface(host, info.ifindex);

	return iface ? iface_source(*iface, info.src) : be32{};
}

/* A fresh buffer with the request's octets, under another type. The checksum is updated, not made
 * anew: what was damaged in our memory stays wrong (RFC 1624). */
static skb_ptr copy_request(const skb_ptr &request, type answer)
{
	constexpr u32 headroom = 128; /* link header and the longest IP header */
	u32 length = request.len();
	skb_ptr reply = skb_ptr::alloc(headroom, length, gfp::atomic);

	if (!reply)
		return reply;
	u8 *data = reply.put(length);
	if (edu_k_skb_copy_bits(request.get(), 0, data, length))
		return skb_ptr{};
	be16 before{load_be16(&data[0])};
	data[0] = static_cast<u8>(answer);
	be16 sum = checksum_update(be16{load_be16(&data[2])}, before, be16{load_be16(&data[0])});
	store_be16(&data[2], sum.host());
	return reply;
}

static verdict answer(edu_stack &host, const skb_ptr &request, skb_ptr reply, edu_counter counter)
{
	const ip_info &info = request.cb<ip_info>();
	const u8 *header = edu_k_skb_network(request.get());
	bytes options{header + wire::ipv4::min_header_len,
		      info.header_len - wire::ipv4::min_header_len};
	be32 own = answer_source(info);
	option_buffer carried;

	if (!options.empty())
		carried = reply_options(options, own != be32{} ? own : present_as(host, info),
					edu_k_time_of_day_ms());
	host.count(counter);
	(void)icmp_reply(host, std::move(reply), info.src, own, info.tos, carried.all());
	return verdict::consumed();
}

/* A question to everybody is answered by nobody, unless the administrator wants it otherwise. */
static bool is_for_all(edu_stack &host, const ip_info &info)
{
	return (info.dst_broadcast || info.dst_multicast) &&
	       host.tune(EDU_TUNE_icmp_echo_ignore_broadcasts);
}

static verdict icmp_echo(edu_stack &host, const skb_ptr &packet)
{
	const ip_info &info = packet.cb<ip_info>();

	if (is_for_all(host, info) || host.tune(EDU_TUNE_icmp_echo_ignore_all))
		return verdict::drop(EDU_Icmp_DropBroadcastEcho);
	skb_ptr reply = copy_request(packet, type::echo_reply);
	if (!reply)
		return verdict::drop(EDU_Ip_DropNoMemory);
	return answer(host, packet, std::move(reply), EDU_Icmp_OutEchoReps);
}

static verdict icmp_timestamp(edu_stack &host, const skb_ptr &packet)
{
	using wire::icmp::times;
	const ip_info &info = packet.cb<ip_info>();

	if (is_for_all(host, info))
		return verdict::drop(EDU_Icmp_DropBroadcastEcho);
	if (packet.len() < wire::icmp::timestamp_len)
		return verdict::drop(EDU_Icmp_DropShort);
	skb_ptr reply = copy_request(packet, type::timestamp_reply);
	if (!reply || !reply.trim(wire::icmp::timestamp_len))
		return verdict::drop(EDU_Ip_DropNoMemory);

	u8 *data = reply.data();
	std::span<u8, times::len> where{data + wire::icmp::header_len, times::len};
	times t = times::load(where);

	t.receive = t.transmit = edu_k_time_of_day_ms();
	t.store(where);
	store_be16(&data[2], 0);
	store_be16(&data[2], checksum_of({data, wire::icmp::timestamp_len}).host());
	return answer(host, packet, std::move(reply), EDU_Icmp_OutTimestampReps);
}

/*
 * Messages in
 */

static verdict dispatch(edu_stack &host, skb_ptr &packet, type t)
{
	bool asks = t == type::echo || t == type::timestamp;

	/* A host that has no address yet (0.0.0.0) can be told nothing. */
	if (asks && packet.cb<ip_info>().src == be32{})
		return verdict::drop(EDU_Icmp_DropBroadcastEcho);
	switch (t) {
	case type::echo:
		return icmp_echo(host, packet);
	case type::timestamp:
		return icmp_timestamp(host, packet);
	case type::echo_reply:
		if (const ping_listener *ping = rcu_load(ping_sockets))
			(void)ping->deliver(host, packet.get());
		return verdict::consumed();
	case type::unreachable:
	case type::time_exceeded:
	case type::parameter_problem:
		return icmp_rcv_error(host, packet);
	case type::redirect:
		return icmp_rcv_redirect(host, packet);
	default:
		/* Source quench is dead (RFC 6633); other replies went to RAW sockets. */
		return verdict::consumed();
	}
}

static verdict icmp_rcv(edu_stack &host, skb_ptr &packet)
{
	if (!packet.may_pull(wire::icmp::header_len))
		return verdict::drop(EDU_Icmp_DropShort);
	if (!edu_k_skb_csum_ok(packet.get(), packet.len(), 0))
		return verdict::drop(EDU_Icmp_DropChecksum);
	auto [message, why] = wire::icmp::view::checked_header(packet.linear(), packet.len());
	if (why != wire::icmp::fault::none)
		return verdict::drop(EDU_Icmp_DropShort);
	host.count(EDU_Icmp_InMsgs);
	trace(host.net, EDU_TRACE_icmp_rcv, packet.get());
	if (!count_in(host, message.type()))
		return verdict::drop(EDU_Icmp_DropUnknownType);
	return dispatch(host, packet, message.type());
}

/* Errors about our own ICMP messages reach ping sockets as they reach RAW ones: by raw_listener. */
static void icmp_err(edu_stack &, const icmp_error &) {}

constinit const inet_protocol icmp_protocol = {
	.protocol = static_cast<u8>(wire::ipv4::protocol::icmp),
	.name = "ICMP",
	.handler = icmp_rcv,
	.err_handler = icmp_err,
};

result<void> icmp_host_init(edu_stack &host)
{
	host.icmp.lock.init(EDU_LOCK_COUNTED);
	host.redirects.lock.init(EDU_LOCK_COUNTED);
	return {};
}

} // namespace edu
