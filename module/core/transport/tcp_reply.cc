// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: segments that belong to no tcp_sock: the RST for a stranger, the ACK of TIME-WAIT, the SYN-ACK
 * of a cookie.
 *
 * TLK "The INET Socket Layer". Requirements: TCP-8, TCP-12. RFC 9293 3.10.7.1 (RST for a segment without
 * a connection), 3.5.2 group 1; MUST-2, MUST-57 (nothing is answered that came from or to a group: the
 * route says so once more).
 *
 * Locking: none. The route is looked up anew and held by a reference.
 */
#include "stack.hh"

namespace edu {

namespace {

/* The whole segment, its checksum done: there is nothing behind the header. */
void tcp_emit_reply(skb_ptr &packet, const tcp_reply &reply)
{
	const u32 len = static_cast<u32>(wire::tcp::min_header_len + reply.opts.length());
	const wire::tcp::repr header{.source = reply.sport,
				     .dest = reply.dport,
				     .seq = reply.seq,
				     .ack = reply.ack,
				     .flags = reply.flags,
				     .window = reply.window};
	const mutable_bytes out{packet.push(len), len};

	header.emit(out, reply.opts);
	wire::tcp::finish_checksum(out, reply.src, reply.dst, {}, 0);
	edu_k_skb_mark_transport(packet.get());
	edu_k_skb_csum_done(packet.get());
}

/* The way to a single host, from an address that is still ours; or none. */
ref<rtable> tcp_reply_route(edu_stack &host, const tcp_reply &reply)
{
	constexpr u8 tos_for_routes = 0x1e;
	auto found = ip_route_output(host, {.dst = reply.dst,
					    .src = reply.src,
					    .oif = reply.oif,
					    .tos = static_cast<u8>(reply.tos & tos_for_routes)});

	if (!found)
		return nullptr;
	ref<rtable> route = std::move(found).value();

	if (route->rt_type != route_type::unicast && route->rt_type != route_type::local)
		return nullptr;
	return route;
}

} // namespace

void tcp_send_reply(edu_stack &host, const tcp_reply &reply)
{
	if (reply.src == be32{} || reply.dst == be32{})
		return;
	ref<rtable> route = tcp_reply_route(host, reply);

	if (!route)
		return;
	skb_ptr packet{edu_k_stream_control(nullptr, tcp_max_header)};
	if (!packet)
		return;
	tcp_emit_reply(packet, reply);
	trace(host.net, EDU_TRACE_tcp_send, packet.get());
	auto sent = ip_send(host, std::move(packet), *route,
			    {.src = reply.src,
			     .dst = reply.dst,
			     .protocol = ipproto_tcp,
			     .ttl = static_cast<u8>(host.tune(EDU_TUNE_ip_default_ttl)),
			     .tos = static_cast<u8>(reply.tos & ~wire::ipv4::ecn_mask),
			     .dont_fragment = rt_may_discover(*route),
			     .options = {}});
	if (!sent)
		return;
	host.count(EDU_Tcp_OutSegs);
	if (reply.flags & wire::tcp::flag::rst)
		host.count(EDU_Tcp_OutRsts);
}

/* <SEQ=SEG.ACK><CTL=RST>, or for a segment without an ACK <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>. */
void tcp_send_reset(edu_stack &host, const tcp_segment &segment)
{
	namespace flag = wire::tcp::flag;
	const bool has_ack = segment.has(flag::ack);

	if (segment.has(flag::rst))
		return;
	tcp_send_reply(host, {.src = segment.dst,
			      .dst = segment.src,
			      .sport = segment.dport,
			      .dport = segment.sport,
			      .seq = has_ack ? segment.ack : seq32{},
			      .ack = has_ack ? seq32{} : segment.end_seq(),
			      .flags = static_cast<u8>(has_ack ? flag::rst : flag::rst | flag::ack),
			      .tos = segment.tos});
}

} // namespace edu
