// SPDX-License-Identifier: GPL-2.0-only
/*
 * RARP: the server's table, its packets, its administrator.
 *
 * OVER-11, DEV-4; RFC 903 in full for Ethernet and IPv4. What else is said in rarp.hh.
 *
 * Locking: as in rarp.hh. Packets run in softirq, under RCU.
 */
#include "link/rarp.hh"

#include "link/arp.hh"
#include "stack.hh"

namespace edu {

static u32 station_hash(const edu_stack &host, const edu_iface *iface, const eth_addr &ha)
{
	u32 high = load_be16(&ha.octet[0]), low = load_be32(&ha.octet[2]);

	return static_cast<u32>(siphash13(host.key, high, low, static_cast<u32>(iface->ifindex)));
}

static u32 address_hash(const edu_stack &host, be32 ip)
{
	return static_cast<u32>(siphash13(host.key, ip.raw()));
}

static rarp_entry *find_station(const edu_iface &iface, const eth_addr &ha)
{
	const edu_stack &host = *iface.host;

	return host.rarp.stations.find(station_hash(host, &iface, ha),
				       [&](const rarp_entry &entry) {
					       return entry.ha == ha && entry.dev.get() == &iface;
				       });
}

static rarp_entry *find_ip(const edu_stack &host, be32 ip)
{
	return host.rarp.addresses.find(address_hash(host, ip),
					[=](const rarp_entry &entry) { return entry.ip == ip; });
}

/*
 * Packets
 */

static edu_counter rarp_fault_counter(wire::arp::fault why)
{
	switch (why) {
	case wire::arp::fault::short_packet:
		return EDU_Rarp_DropShort;
	case wire::arp::fault::bad_operation:
		return EDU_Rarp_DropOpcode;
	default:
		return EDU_Rarp_DropFormat;
	}
}

/* RFC 903: the answer repeats the target's hardware address and goes to the one who asked, who may
 * ask for another. */
static void rarp_answer(edu_iface &iface, const wire::arp::repr &request, be32 ip)
{
	wire::arp::repr reply{wire::arp::operation::reverse_reply,
			      eth_addr::load(iface.info.load()->addr), iface_source(iface, ip),
			      request.target_ha, ip};

	iface.host->count(EDU_Rarp_OutReplies);
	arp_send(iface, reply, request.sender_ha, wire::eth::ethertype::rarp);
}

static verdict rarp_rcv(edu_iface &iface, const skb_ptr &packet, unsigned int pkt_type)
{
	constexpr unsigned int other_host = 3;
	edu_stack &host = *iface.host;

	if (!iface.is_up())
		return verdict::drop(EDU_Rarp_DropNotUp);
	if (pkt_type == other_host || !iface.uses_arp())
		return verdict::drop(EDU_Rarp_DropNotForUs);
	if (!packet.may_pull(wire::arp::packet_len))
		return verdict::drop(EDU_Rarp_DropShort);
	auto [view, why] = wire::arp::view::checked(packet.linear());
	if (why != wire::arp::fault::none)
		return verdict::drop(rarp_fault_counter(why));
	wire::arp::repr rarp = view.parse();
	if (rarp.op == wire::arp::operation::reverse_reply) {
		host.count(EDU_Rarp_InReplies);
		return verdict::drop(EDU_Rarp_DropNotForUs); /* a client's packet socket has it */
	}
	if (rarp.op != wire::arp::operation::reverse_request)
		return verdict::drop(EDU_Rarp_DropOpcode); /* ARP in a RARP frame */
	host.count(EDU_Rarp_InRequests);
	if (!rarp.sender_ha.is_station())
		return verdict::drop(EDU_Rarp_DropSourceAddress);
	const rarp_entry *entry = find_station(iface, rarp.target_ha);
	if (!entry)
		return verdict::drop(EDU_Rarp_DropUnknown);
	rarp_answer(iface, rarp, entry->ip);
	return verdict::consumed();
}

/*
 * The administrator
 */

static void describe(const rarp_entry &entry, edu_rarp_info &out)
{
	out = {};
	out.ip = entry.ip.raw();
	out.ifindex = entry.dev->ifindex;
	out.type = arphrd_ether;
	out.hardware_len = eth_addr::len;
	entry.ha.store(out.hardware_address);
}

static void remove_entry(edu_stack &host, rarp_entry &entry)
{
	host.rarp.stations.remove(entry);
	host.rarp.addresses.remove(entry);
	destroy_rcu(&entry);
}

static result<void> rarp_set(edu_stack &host, const edu_rarp_info &info)
{
	be32 ip = be32::from_raw(info.ip);
	eth_addr ha = eth_addr::load(info.hardware_address);

	if (!wire::ipv4::is_host(ip) || wire::ipv4::is_loopback(ip))
		return errc::einval;
	if (info.hardware_len != eth_addr::len || !ha.is_station())
		return errc::einval;
	rcu_guard guard;
	edu_iface *iface = arp_iface_for(host, info.ifindex, ip);
	if (!iface)
		return info.ifindex ? errc::enodev : errc::enetunreach;
	if (!iface->uses_arp())
		return errc::einval;
	rarp_entry *old_ip = find_ip(host, ip), *old_station = find_station(*iface, ha);
	if (!old_ip && !old_station &&
	    host.rarp.addresses.size() >= host.tune(EDU_TUNE_rarp_max_entries))
		return errc::enobufs;
	rarp_entry *fresh = new (gfp::atomic) rarp_entry;
	if (!fresh)
		return errc::enomem;
	fresh->ip = ip;
	fresh->ha = ha;
	fresh->dev = ref<edu_iface>::share(iface);
	/* The most recent is found first: a station is known all the time. */
	host.rarp.addresses.insert(*fresh, address_hash(host, ip));
	host.rarp.stations.insert(*fresh, station_hash(host, iface, ha));
	if (old_ip)
		remove_entry(host, *old_ip);
	if (old_station && old_station != old_ip)
		remove_entry(host, *old_station);
	return {};
}

void rarp_flush(edu_stack &host, const edu_iface *iface)
{
	edu_cursor at{};
	rcu_guard guard;

	while (rarp_entry *entry = host.rarp.addresses.next(at))
		if (!iface || entry->dev.get() == iface)
			remove_entry(host, *entry);
}

/*
 * Hosts come and go
 */

result<void> rarp_host_init(edu_stack &host)
{
	TRY(host.rarp.stations.init(EDU_LOCK_ARP_BUCKET));
	return host.rarp.addresses.init(EDU_LOCK_ARP_BUCKET);
}

void rarp_host_close(edu_stack &host)
{
	rarp_flush(host, nullptr);
}

void rarp_host_exit(edu_stack &host)
{
	host.rarp.addresses.free();
	host.rarp.stations.free();
}

} // namespace edu

using namespace edu;

void edu_core_rcv_rarp(edu_iface *iface, sk_buff *skb, unsigned int pkt_type)
{
	edu_net *net = iface->host->net;
	skb_ptr packet{skb};

	edu_k_assert_rcu();
	edu_k_count(net, EDU_Link_InFrames);
	trace(net, EDU_TRACE_dev_rcv, skb);
	verdict decided = rarp_rcv(*iface, packet, pkt_type);
	finish(net, std::move(packet), decided);
}

int edu_core_config_rarp_set(edu_stack *stack, const edu_rarp_info *info)
{
	edu_k_assert_rtnl();
	return to_errno(rarp_set(*stack, *info));
}

int edu_core_config_rarp_del(edu_stack *stack, edu_be32 ip)
{
	edu_k_assert_rtnl();
	rcu_guard guard;
	rarp_entry *entry = find_ip(*stack, be32::from_raw(ip));

	if (!entry)
		return to_errno(errc::enxio);
	remove_entry(*stack, *entry);
	return 0;
}

int edu_core_config_rarp_get(edu_stack *stack, edu_rarp_info *info)
{
	rcu_guard guard;
	const rarp_entry *entry = find_ip(*stack, be32::from_raw(info->ip));

	if (!entry)
		return to_errno(errc::enxio);
	describe(*entry, *info);
	return 0;
}

int edu_core_rarp_next(edu_stack *stack, edu_cursor *at, edu_rarp_info *out)
{
	rcu_guard guard;
	const rarp_entry *entry = stack->rarp.addresses.next(*at);

	if (!entry)
		return 0;
	describe(*entry, *out);
	return 1;
}
