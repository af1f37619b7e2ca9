// SPDX-License-Identifier: GPL-2.0-only
/*
 * Forwarding: one hop further.
 *
 * OVER-4, IP-10, SKB-2 (nothing is copied: the header is changed where it lies). RFC 1812 5.2.6
 * (fragments), 5.2.7.1 (errors), 5.3.1 (TTL), 5.3.4 and 5.3.5 (broadcasts), 5.3.13 (options); RFC 1624.
 *
 * Locking: as in forward.hh.
 */
#include "ip/forward.hh"

#include "ip/fragment.hh"
#include "ip/icmp.hh"
#include "ip/options.hh"
#include "stack.hh"

namespace edu {

using icmp_code = wire::icmp::unreachable_code;

static void tell_unreachable(edu_stack &host, const skb_ptr &packet, icmp_code code, u32 mtu = 0)
{
	icmp_send(host, packet.get(), static_cast<u8>(wire::icmp::type::unreachable),
		  static_cast<u8>(code), mtu);
}

void ip_forward_refused(edu_stack &host, const skb_ptr &packet, edu_counter reason)
{
	switch (reason) {
	case EDU_Ip_DropNoRoute:
		host.count(EDU_Ip_OutNoRoutes);
		return tell_unreachable(host, packet, icmp_code::network);
	case EDU_Ip_DropUnreachable:
		return tell_unreachable(host, packet, icmp_code::host);
	case EDU_Ip_DropProhibited:
		return tell_unreachable(host, packet, icmp_code::filtered);
	case EDU_Ip_DropNotForUs:
	case EDU_Ip_DropMartianDestination:
	case EDU_Ip_DropDirectedBroadcast:
		return host.count(EDU_Ip_InAddrErrors);
	default:
		return; /* in silence */
	}
}

/*
 * Source routes
 */

/* The slot whose turn it is, or nothing when the route has ended. */
static bytes next_slot(const wire::ipv4::option &route)
{
	return route.is_full() ? bytes{} : route.data.subspan(route.next_slot(), 4);
}

/* Several hops in turn may be addresses of ours: one slot is used up by each. Bounded by the header. */
edu_counter ip_follow_source_route(edu_iface &in, const skb_ptr &packet, input_route &way,
				   be32 &next_hop)
{
	edu_stack &host = *in.host;
	const ip_info &info = packet.cb<ip_info>();
	bytes options{packet.data() + wire::ipv4::min_header_len,
		      info.header_len - wire::ipv4::min_header_len};
	wire::ipv4::compiled_options found = wire::ipv4::compile_options(options);
	wire::ipv4::option route = wire::ipv4::option_at(options, found.source_route);

	if (way.route->rt_type == route_type::unicast) {
		/* We are not on the list. A strict route has missed its hop (RFC 1812 5.2.4.1). */
		if (!found.strict)
			return EDU_COUNTER_COUNT;
		tell_unreachable(host, packet, icmp_code::source_route_failed);
		return EDU_Ip_DropStrictRoute;
	}
	if (way.route->rt_type != route_type::local || info.link_broadcast)
		return EDU_Ip_DropSourceRoute;
	bytes slot = next_slot(route);
	if (slot.empty())
		return EDU_COUNTER_COUNT; /* it has arrived */
	next_hop = load_addr(slot.data());
	if (!wire::ipv4::is_host(next_hop) || ip_is_martian_destination(in, next_hop))
		return EDU_Ip_DropSourceRoute;
	way = ip_route_input(host, in, next_hop, info.tos);
	if (!way.route) {
		if (way.refused != EDU_Ip_DropNotForUs)
			ip_forward_refused(host, packet, way.refused);
		return way.refused;
	}
	if (way.route->rt_type != route_type::unicast)
		return EDU_Ip_DropSourceRoute; /* back to ourselves: nobody needs that */
	if (!found.strict || !way.route->rt_has_gateway)
		return EDU_COUNTER_COUNT;
	tell_unreachable(host, packet, icmp_code::source_route_failed);
	return EDU_Ip_DropStrictRoute;
}

/* Our hop of the route is used up: the address we leave by takes the next one's place (RFC 791). */
static void advance_source_route(mutable_bytes header, u8 offset, be32 own, be32 next_hop)
{
	u8 *option = &header[offset];

	store_addr(&option[option[2] - 1u], own);
	option[2] = static_cast<u8>(option[2] + 4);
	store_addr(&header[16], next_hop);
}

/* What options ask of a router, and the checksum with it. */
static void update_options(edu_stack &host, mutable_bytes header, const rtable &route,
			   be32 next_hop)
{
	mutable_bytes options = header.subspan(wire::ipv4::min_header_len);
	wire::ipv4::compiled_options found = wire::ipv4::compile_options(options);

	forward_options(host, options, found, route.rt_src);
	if (found.source_route && next_hop != be32{})
		advance_source_route(header, found.source_route, route.rt_src, next_hop);
	store_be16(&header[10], 0);
	store_be16(&header[10], checksum_of(header).host());
}

/*
 * One hop
 */

void ip_forward_broadcast(edu_iface &in, const skb_ptr &packet, rtable &route)
{
	edu_stack &host = *in.host;
	const ip_info &info = packet.cb<ip_info>();

	if (info.link_broadcast || info.ttl <= 1 || packet.len() > route.rt_mtu) {
		host.count(EDU_Ip_DropDirectedBroadcast);
		return;
	}
	const u32 headroom = read_once(route.rt_dev->headroom);
	skb_ptr copy{edu_k_skb_copy(packet.get(), headroom, EDU_GFP_ATOMIC)};

	/* It is not too large, and the other is as it came. */
	if (!copy || edu_k_skb_forward(copy.get(), info.header_len, route.rt_mtu, headroom) < 0) {
		host.count(EDU_Ip_DropNoMemory);
		return;
	}
	wire::ipv4::decrement_ttl({copy.data(), wire::ipv4::min_header_len});
	if (info.header_len > wire::ipv4::min_header_len)
		update_options(host, {copy.data(), info.header_len}, route, {});
	host.count(EDU_Ip_ForwDatagrams);
	(void)ip_finish_output(host, std::move(copy), route);
}

/* Larger than the next link takes, and not to be cut: its sender is told how much would do (RFC 1191). */
static verdict refuse_too_large(edu_stack &host, const skb_ptr &packet, const rtable &route)
{
	host.count(EDU_Ip_FragFails);
	tell_unreachable(host, packet, icmp_code::fragmentation_needed, route.rt_mtu);
	return verdict::drop(EDU_Ip_DropTooBig);
}

static bool may_be_cut(const skb_ptr &packet)
{
	return !(load_be16(packet.data() + 6) & wire::ipv4::flag_dont_fragment);
}

/* Larger than the next link takes: cut (RFC 1812 5.2.6). The header is complete. */
static verdict forward_in_pieces(edu_stack &host, skb_ptr &packet, rtable &route, int size)
{
	skb_queue packets;

	if (size == EDU_FORWARD_TOO_LARGE)
		packets.push(std::move(packet));
	else if (!packets.take_apart(std::move(packet))) /* consumed in any case */
		drop(host.net, skb_ptr{}, EDU_Link_DropSegmentation);
	while (skb_ptr one = packets.pop())
		(void)ip_fragment(host, std::move(one), route, route.rt_mtu);
	return verdict::accepted();
}

verdict ip_forward(edu_iface &in, skb_ptr &packet, rtable &route, be32 next_hop)
{
	edu_stack &host = *in.host;
	const ip_info &info = packet.cb<ip_info>();
	const u32 header_len = info.header_len;

	if (info.link_broadcast) [[unlikely]]
		return verdict::drop(EDU_Ip_DropLinkBroadcast);
	if (info.ttl <= 1) [[unlikely]] {
		icmp_send(host, packet.get(), static_cast<u8>(wire::icmp::type::time_exceeded),
			  static_cast<u8>(wire::icmp::time_exceeded_code::in_transit), 0);
		return verdict::drop(EDU_Ip_DropTtl);
	}
	if (route.rt_dev.get() == &in && next_hop == be32{}) [[unlikely]]
		ip_send_redirect(in, packet, route);

	int size = edu_k_skb_forward(packet.get(), header_len, route.rt_mtu,
				     read_once(route.rt_dev->headroom));
	if (size < 0) [[unlikely]]
		return verdict::drop(size == -static_cast<int>(errc::enomem) ? EDU_Ip_DropNoMemory :
									       EDU_Ip_DropMerged);
	if (size && !may_be_cut(packet)) [[unlikely]]
		return refuse_too_large(host, packet, route);
	wire::ipv4::decrement_ttl({packet.data(), wire::ipv4::min_header_len});
	if (header_len > wire::ipv4::min_header_len) [[unlikely]]
		update_options(host, {packet.data(), header_len}, route, next_hop);
	host.count(EDU_Ip_ForwDatagrams);
	trace(host.net, EDU_TRACE_ip_forward, packet.get());
	if (size) [[unlikely]]
		return forward_in_pieces(host, packet, route, size);
	(void)ip_finish_output(host, std::move(packet), route);
	return verdict::accepted();
}

} // namespace edu
