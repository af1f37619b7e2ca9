// SPDX-License-Identifier: GPL-2.0-only
/*
 * IP packets out: the header, the size, the link.
 *
 * TLK "IP Packets" and "Data Fragmentation": IP-1, IP-2, OVER-3. RFC 791 3.1, RFC 1122 3.2.1 and
 * 3.3.3, RFC 6864 (identification: zero for packets that are never fragmented, unpredictable else).
 * Cutting packets into fragments is told in fragment_output.cc.
 *
 * Locking: none is taken. The route is held by the caller; the link layer looks its device up.
 */
#include "ip/fragment.hh"
#include "link/interface.hh"
#include "stack.hh"

namespace edu {

/*
 * Identification
 */

/* The first of so many in a row: one for each packet that the device makes of a large buffer. */
static u16 next_ident(edu_stack &host, be32 src, be32 dst, u8 protocol, u16 packets)
{
	u64 hash = siphash13(host.key, src.raw(), dst.raw(), u32{protocol});
	atomic<u32> &slot = host.ip.ident[hash % ip_state::ident_slots];

	/* Several destinations share a slot; the rest of the hash keeps them apart. */
	return static_cast<u16>(slot.fetch_add(packets) + (hash >> 32));
}

/*
 * To the link
 */

/* The packet is complete and fits: its link header, then the device (IP-2, IP-3). */
result<void> ip_finish_output(edu_stack &host, skb_ptr packet, rtable &route)
{
	if (route.rt_neigh) [[likely]]
		return arp_output(host, std::move(packet), *route.rt_neigh);

	link_target target = link_target::nobody;
	if (route.rt_dev->uses_arp() && route.rt_type == route_type::broadcast)
		target = link_target::broadcast;
	else if (route.rt_dev->uses_arp() && route.rt_type == route_type::multicast)
		target = link_target::multicast;
	return iface_output(*route.rt_dev, std::move(packet), target, route.rt_dst);
}

/*
 * What is for ourselves too
 */

/* The copy's source: locally administered, and the index of the interface. */
static constexpr u8 origin_mark[2] = {0x02, 0xed};

void ip_loop_back(edu_stack &host, const skb_ptr &packet, const rtable &route, const eth_addr &to)
{
	constexpr u32 link_len = wire::eth::header_len;
	const auto ifindex = static_cast<u32>(route.rt_dev->ifindex);
	eth_addr from{{origin_mark[0], origin_mark[1]}};
	rcu_guard guard;
	edu_iface *loopback = host.interfaces.loopback.load();

	if (!loopback || route.rt_dev->is_loopback())
		return; /* what is sent by edulo comes back anyway */
	skb_ptr copy{edu_k_skb_copy(packet.get(), read_once(loopback->headroom), EDU_GFP_ATOMIC)};
	if (!copy)
		return; /* lost on the way, as any datagram may be */
	store_be16(&from.octet[2], static_cast<u16>(ifindex >> 16));
	store_be16(&from.octet[4], static_cast<u16>(ifindex));
	wire::eth::repr header{to, from, static_cast<u16>(wire::eth::ethertype::ipv4)};
	header.emit(std::span<u8, link_len>{copy.push(link_len), link_len});
	(void)iface_xmit(*loopback, std::move(copy), wire::eth::ethertype::ipv4);
}

int ip_loop_origin(const edu_iface &iface, const sk_buff *packet)
{
	unsigned int len = 0;
	const u8 *header = iface.is_loopback() ? edu_k_skb_link_header(packet, &len) : nullptr;

	if (!header || len < wire::eth::header_len || header[6] != origin_mark[0] ||
	    header[7] != origin_mark[1])
		return iface.ifindex;
	return static_cast<int>(u32{load_be16(&header[8])} << 16 | load_be16(&header[10]));
}

/* Packets to a group: first the members here, then those on the link. A TTL of 0 ends here (RFC 1122
 * 3.2.1.7): true. */
static bool stays_here(edu_stack &host, const skb_ptr &packet, const rtable &route, bool loop)
{
	if (loop)
		ip_mc_loop_back(host, packet, route);
	return !packet.data()[8] && !route.rt_dev->is_loopback();
}

/* What does not fit into mtu octets is cut, or refused if it says DF (IP-4). */
static result<void> ip_output(edu_stack &host, skb_ptr packet, rtable &route, u32 mtu, bool loop)
{
	const bool fits = packet.len() <= mtu;

	host.count(EDU_Ip_OutRequests);
	trace(host.net, EDU_TRACE_ip_send, packet.get());
	if (route.rt_type == route_type::multicast && stays_here(host, packet, route, loop))
		return {};
	if (!fits && load_be16(packet.data() + 6) & wire::ipv4::flag_dont_fragment) [[unlikely]] {
		host.count(EDU_Ip_FragFails);
		drop(host.net, std::move(packet), EDU_Ip_DropTooBig);
		return errc::emsgsize;
	}
	if (route.rt_type == route_type::broadcast)
		ip_loop_back(host, packet, route, eth_addr::broadcast());
	if (!fits) [[unlikely]]
		return ip_fragment(host, std::move(packet), route, mtu);
	return ip_finish_output(host, std::move(packet), route);
}

/*
 * The header
 */

static void write_header(u8 *out, size_t header_len, const ip_params &params, u16 total, u16 id)
{
	wire::ipv4::repr header{
		.tos = params.tos,
		.total_length = total,
		.id = id,
		.dont_fragment = params.dont_fragment,
		.ttl = params.ttl,
		.protocol = params.protocol,
		.src = params.src,
		.dst = params.dst,
	};

	header.emit({out, header_len}, params.options);
}

result<void> ip_send(edu_stack &host, skb_ptr packet, rtable &route, const ip_params &params)
{
	u32 header_len = static_cast<u32>(wire::ipv4::repr::header_length(params.options.size()));
	u32 total = header_len + packet.len();
	u32 headroom = header_len + read_once(route.rt_dev->headroom);

	if (total > wire::ipv4::max_packet_len) {
		drop(host.net, std::move(packet), EDU_Ip_DropTooBig);
		return errc::emsgsize;
	}
	if (skb_headroom(packet.get()) < headroom && !packet.make_writable(headroom)) [[unlikely]] {
		drop(host.net, std::move(packet), EDU_Ip_DropNoMemory);
		return errc::enobufs;
	}
	u16 id = params.dont_fragment ?
			 0 :
			 next_ident(host, params.src, params.dst, params.protocol, params.packets);
	write_header(packet.push(header_len), header_len, params, static_cast<u16>(total), id);
	edu_k_skb_mark_network(packet.get());
	return ip_output(host, std::move(packet), route,
			 params.mtu ? params.mtu : rt_path_mtu(route), params.loop);
}

/* raw(7): what the program may leave to us in a header of its own. */
static void complete_header(edu_stack &host, mutable_bytes header, u32 total, const rtable &route)
{
	if (load_addr(&header[12]) == be32{})
		store_addr(&header[12], route.rt_src);
	if (!load_be16(&header[4]))
		store_be16(&header[4], next_ident(host, load_addr(&header[12]),
						  load_addr(&header[16]), header[9], 1));
	store_be16(&header[2], static_cast<u16>(total));
	store_be16(&header[10], 0);
	store_be16(&header[10], checksum_of(header).host());
}

result<void> ip_send_raw(edu_stack &host, skb_ptr packet, rtable &route, u32 mtu, bool loop)
{
	u32 total = packet.len();
	u32 headroom = read_once(route.rt_dev->headroom);
	size_t header_len = 0;
	errc why = errc::none;

	if (total > route.rt_mtu || total > wire::ipv4::max_packet_len)
		why = errc::emsgsize;
	else if (!packet.may_pull(wire::ipv4::min_header_len))
		why = errc::einval;
	if (why == errc::none) {
		header_len = packet.data()[0] % 16u * 4;
		if (header_len < wire::ipv4::min_header_len || header_len > total ||
		    !packet.may_pull(static_cast<u32>(header_len)))
			why = errc::einval;
	}
	if (why != errc::none) {
		drop(host.net, std::move(packet),
		     why == errc::emsgsize ? EDU_Ip_DropTooBig : EDU_Ip_DropHeaderLength);
		return why;
	}
	if (!packet.make_writable(headroom)) {
		drop(host.net, std::move(packet), EDU_Ip_DropNoMemory);
		return errc::enobufs;
	}
	complete_header(host, {packet.data(), header_len}, total, route);
	edu_k_skb_mark_network(packet.get());
	return ip_output(host, std::move(packet), route, mtu ? mtu : rt_path_mtu(route), loop);
}

/*
 * Life
 */

static void iface_changed(edu_iface &iface)
{
	rt_cache_flush(*iface.host);
	ip_mc_changed(iface);
}

static void iface_gone(edu_iface &iface)
{
	ip_mc_gone(iface);
	fib_iface_gone(iface);
	frag_iface_gone(iface);
}

static constinit const iface_listener ip_listener = {
	.attached = ip_mc_attached,
	.addr_added = fib_addr_added,
	.addr_removed = fib_addr_removed,
	.changed = iface_changed,
	.gone = iface_gone,
};

int ip_init()
{
	iface_set_listener(&ip_listener);
	arp_set_failure_handler(icmp_link_failure);
	arp_set_silence_handler(fib_gateway_failed);
	arp_set_route_query(ip_leaves_elsewhere);
	inet_add_protocol(&icmp_protocol);
	return 0;
}

void ip_exit()
{
	inet_del_protocol(&icmp_protocol);
	arp_set_silence_handler(nullptr);
	arp_set_route_query(nullptr);
	arp_set_failure_handler(nullptr);
	iface_set_listener(nullptr);
}

result<void> ip_host_init(edu_stack &host)
{
	host.ip.ident = static_cast<atomic<u32> *>(
		edu_k_table_alloc(sizeof(atomic<u32>) * ip_state::ident_slots));
	if (!host.ip.ident)
		return errc::enomem;
	for (u32 i = 0; i < ip_state::ident_slots; i++)
		host.ip.ident[i].store(edu_k_random());
	return {};
}

void ip_host_exit(edu_stack &host)
{
	edu_k_table_free(std::exchange(host.ip.ident, nullptr));
}

} // namespace edu
