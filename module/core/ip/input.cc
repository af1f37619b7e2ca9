// SPDX-License-Identifier: GPL-2.0-only
/*
 * IP packets in: checked, then handed to the protocol that the protocol byte names.
 *
 * TLK "Receiving IP Packets": OVER-3, OVER-8, IP-5, IP-8, IP-10. RFC 791, RFC 1122 3.2.1
 * and 3.2.2.2; RFC 1812 5.3.7 (martian addresses).
 *
 * Locking: softirq, under RCU; no lock is taken. inet_protos is written at init only.
 */
#include "ip/forward.hh"
#include "ip/fragment.hh"
#include "ip/options.hh"
#include "link/interface.hh"
#include "stack.hh"

namespace edu {

/* TLK's inet_protos (OVER-8); one slot for each value of the protocol byte. */
static constinit const inet_protocol *inet_protos[256];
static constinit const raw_listener *raw_sockets;

void inet_add_protocol(const inet_protocol *protocol)
{
	rcu_publish(inet_protos[protocol->protocol], protocol);
}

void inet_del_protocol(const inet_protocol *protocol)
{
	rcu_publish(inet_protos[protocol->protocol], nullptr);
}

const inet_protocol *inet_find_protocol(u8 protocol)
{
	return rcu_load(inet_protos[protocol]);
}

void ip_set_raw_listener(const raw_listener *listener)
{
	rcu_publish(raw_sockets, listener);
}

const raw_listener *ip_get_raw_listener()
{
	return rcu_load(raw_sockets);
}

/*
 * Is it an IP packet at all?
 */

static edu_counter fault_counter(wire::ipv4::fault why)
{
	switch (why) {
	case wire::ipv4::fault::bad_version:
		return EDU_Ip_DropVersion;
	case wire::ipv4::fault::bad_header_length:
		return EDU_Ip_DropHeaderLength;
	case wire::ipv4::fault::not_linear:
		return EDU_Ip_DropNoMemory; /* the octets are there, but could not be put in a row */
	case wire::ipv4::fault::bad_total_length:
		return EDU_Ip_DropTotalLength;
	case wire::ipv4::fault::truncated:
		return EDU_Ip_DropTruncated;
	case wire::ipv4::fault::bad_checksum:
		return EDU_Ip_DropChecksum;
	default:
		return EDU_Ip_DropShort;
	}
}

/* The whole header in a row, as far as the packet has it. */
static void gather_header(const skb_ptr &packet)
{
	for (int i = 0; i < 2; i++) { /* the fixed part first, which tells of the options */
		size_t wanted = wire::ipv4::view::wanted(packet.linear());

		if (packet.linear().size() >= wanted || packet.len() < wanted ||
		    !packet.may_pull(static_cast<u32>(wanted)))
			return;
	}
}

static void fill_info(ip_info &info, const wire::ipv4::view &header, const edu_iface &iface,
		      unsigned int pkt_type)
{
	constexpr unsigned int broadcast = 1, multicast = 2;

	info = {};
	info.src = header.src();
	info.dst = header.dst();
	info.ifindex = iface.ifindex;
	info.header_len = header.header_length();
	info.payload_len = static_cast<u16>(header.payload_length());
	info.protocol = header.protocol();
	info.ttl = header.ttl();
	info.tos = header.tos();
	info.link_broadcast = pkt_type == broadcast || pkt_type == multicast;
	info.dst_multicast = wire::ipv4::is_multicast(info.dst);
}

/*
 * Can these be its addresses?
 */

/* Zero is for a host that does not know its own address yet, which can only tell everybody (RFC 1122
 * 3.2.1.3 (a)): all, or as in Linux a group that no router hands on. And for a switch, which has none
 * and asks all the same who listens to what (RFC 4541 2.1.1). */
static bool may_have_no_source(be32 dst, u8 protocol)
{
	if (wire::ipv4::is_limited_broadcast(dst) || wire::ipv4::is_link_multicast(dst))
		return true;
	return wire::ipv4::is_multicast(dst) &&
	       protocol == static_cast<u8>(wire::ipv4::protocol::igmp);
}

/* A source must be one host's address, and not ours when the packet comes from outside. */
bool ip_is_martian_source(const edu_iface &iface, be32 src, be32 dst, u8 protocol)
{
	if (src == be32{})
		return !may_have_no_source(dst, protocol);
	if (!wire::ipv4::is_host(src))
		return true;
	if (iface.is_loopback())
		return false;
	return wire::ipv4::is_loopback(src) ||
	       find_address(*iface.host, src).kind != addr_kind::none;
}

bool ip_is_martian_destination(const edu_iface &iface, be32 dst)
{
	return wire::ipv4::is_zeronet(dst) || wire::ipv4::is_reserved(dst) ||
	       (wire::ipv4::is_loopback(dst) && !iface.is_loopback());
}

/* Is it for this host, or one it may forward to (then @way leads there)? EDU_COUNTER_COUNT: yes. */
static edu_counter not_for_us(edu_iface &iface, ip_info &info, input_route &way)
{
	if (ip_is_martian_destination(iface, info.dst))
		return EDU_Ip_DropMartianDestination;
	if (wire::ipv4::is_limited_broadcast(info.dst)) {
		info.dst_broadcast = true;
		return EDU_COUNTER_COUNT;
	}
	if (info.dst_multicast) /* only groups joined on the interface it came in by */
		return ip_mc_member(*iface.host, info.ifindex, info.dst) ?
			       EDU_COUNTER_COUNT :
			       EDU_Ip_DropMulticastNotJoined;
	way = ip_route_input(*iface.host, iface, info.dst, info.tos);
	if (!way.route)
		return way.refused;
	info.dst_broadcast = way.route->rt_type == route_type::broadcast;
	return EDU_COUNTER_COUNT;
}

/* Options: a broken one is told to the sender, a source route is refused (RFC 7126) unless the
 * administrator wants it. */
static edu_counter check_options(edu_iface &iface, const skb_ptr &packet, bytes options,
				 input_route &way, be32 &next_hop)
{
	edu_stack &host = *iface.host;
	wire::ipv4::compiled_options found = wire::ipv4::compile_options(options);

	if (!found.ok()) {
		icmp_send(host, packet.get(), static_cast<u8>(wire::icmp::type::parameter_problem),
			  0, found.fault_offset);
		return EDU_Ip_DropOptions;
	}
	if (!found.source_route)
		return EDU_COUNTER_COUNT;
	if (!way.route || !iface_tune(iface, EDU_IFACE_accept_source_route))
		return EDU_Ip_DropSourceRoute;
	return ip_follow_source_route(iface, packet, way, next_hop);
}

/*
 * Delivery
 */

/* To RAW sockets, then to the protocol. Data is at the IP header. */
static verdict ip_deliver(edu_stack &host, skb_ptr &packet)
{
	const ip_info info = packet.cb<ip_info>();
	const inet_protocol *protocol = inet_find_protocol(info.protocol);
	const raw_listener *raw = ip_get_raw_listener();

	trace(host.net, EDU_TRACE_ip_deliver, packet.get());
	bool taken = raw && raw->deliver(host, packet.get());
	packet.pull(info.header_len);
	edu_k_skb_mark_transport(packet.get());
	if (protocol) {
		host.count(EDU_Ip_InDelivers);
		return protocol->handler(host, packet);
	}
	if (taken) {
		host.count(EDU_Ip_InDelivers);
		edu_k_skb_consume(packet.release()); /* the RAW sockets have their copies */
		return verdict::accepted();
	}
	icmp_send(host, packet.get(), static_cast<u8>(wire::icmp::type::unreachable),
		  static_cast<u8>(wire::icmp::unreachable_code::protocol), 0);
	return verdict::drop(EDU_Ip_DropUnknownProtocol);
}

static verdict ip_rcv(edu_iface &iface, skb_ptr &packet, unsigned int pkt_type)
{
	constexpr unsigned int other_host = 3;
	edu_stack &host = *iface.host;

	if (pkt_type == other_host)
		return verdict::drop(EDU_Link_DropOtherHost);
	if (!iface.is_up())
		return verdict::drop(EDU_Link_DropNotUp);
	host.count(EDU_Ip_InReceives);
	gather_header(packet);
	auto [header, why] = wire::ipv4::view::checked_header(packet.linear(), packet.len());
	if (why != wire::ipv4::fault::none)
		return verdict::drop(fault_counter(why));
	ip_info &info = packet.cb<ip_info>();

	fill_info(info, header, iface, pkt_type);
	if (info.dst_multicast)
		info.ifindex = ip_loop_origin(iface, packet.get());
	edu_k_skb_mark_network(packet.get());
	trace(host.net, EDU_TRACE_ip_rcv, packet.get());
	if (ip_is_martian_source(iface, info.src, info.dst, info.protocol))
		return verdict::drop(EDU_Ip_DropMartianSource);
	if (ip_fails_reverse_path(iface, info.src, info.tos)) [[unlikely]]
		return verdict::drop(EDU_Ip_DropReversePath);
	input_route way;
	be32 next_hop; /* of a source route */
	edu_counter refused = not_for_us(iface, info, way);
	if (refused != EDU_COUNTER_COUNT) [[unlikely]] {
		ip_forward_refused(host, packet, refused);
		return verdict::drop(refused);
	}
	if (info.dst_broadcast) [[unlikely]]
		info.ifindex = ip_loop_origin(iface, packet.get());
	if (!header.options().empty()) [[unlikely]]
		refused = check_options(iface, packet, header.options(), way, next_hop);
	if (refused != EDU_COUNTER_COUNT)
		return verdict::drop(refused);
	/* The link's padding goes; afterwards `header` may point at moved octets. */
	bool fragment = header.is_fragment();
	u32 total = header.total_length();
	if (packet.len() != total && !packet.trim(total))
		return verdict::drop(EDU_Ip_DropNoMemory);
	if (way.route && is_transit(iface, *way.route)) {
		if (way.route->rt_type == route_type::unicast)
			return ip_forward(iface, packet, *way.route, next_hop);
		ip_forward_broadcast(iface, packet, *way.route);
	}
	if (fragment) [[unlikely]] {
		verdict decided = ip_defrag(host, packet);

		if (decided.is_drop() || !packet)
			return decided; /* it waits for the others */
	}
	return ip_deliver(host, packet);
}

} // namespace edu

using namespace edu;

void edu_core_rcv_ip(edu_iface *iface, sk_buff *skb, unsigned int pkt_type)
{
	edu_net *net = iface->host->net;
	skb_ptr packet{skb};

	edu_k_assert_rcu();
	edu_k_count(net, EDU_Link_InFrames);
	trace(net, EDU_TRACE_dev_rcv, skb);
	verdict decided = ip_rcv(*iface, packet, pkt_type);
	finish(net, std::move(packet), decided);
}
