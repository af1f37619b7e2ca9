// SPDX-License-Identifier: GPL-2.0-only
/*
 * ARP packets in: answering, learning, noticing conflicts.
 *
 * TLK "The Address Resolution Protocol (ARP)": ARP-6 … ARP-9. RFC 826 "Packet Reception", RFC 1122
 * 2.3.2, RFC 5227 2.4 (defending an address, answer (b)), RFC 1027 (answering for others).
 *
 * What is learnt: any valid packet updates an entry that exists; only a request that we answer, from
 * a sender on the link, makes one. A reply nobody asked for makes none (ARP-9), and the second of
 * two that differ changes none.
 *
 * Locking: as in arp.hh; softirq, under RCU.
 */
#include "link/arp.hh"
#include "link/arp_proxy.hh"
#include "stack.hh"

namespace edu {

static edu_counter fault_counter(wire::arp::fault why)
{
	switch (why) {
	case wire::arp::fault::bad_hardware_type:
		return EDU_Arp_DropHardwareType;
	case wire::arp::fault::bad_protocol_type:
		return EDU_Arp_DropProtocolType;
	case wire::arp::fault::bad_hardware_length:
	case wire::arp::fault::bad_protocol_length:
		return EDU_Arp_DropAddressLength;
	case wire::arp::fault::bad_operation:
		return EDU_Arp_DropOpcode;
	default:
		return EDU_Arp_DropShort;
	}
}

/* Can the sender be a station? Its own address must be one host's, and its hardware address one
 * station's, and not ours: a frame of ours that was looped back. */
static bool is_sane_sender(const edu_iface &iface, const wire::arp::repr &arp)
{
	be32 ip = arp.sender_ip;

	if (!arp.sender_ha.is_station() || arp.sender_ha == eth_addr::load(iface.info.load()->addr))
		return false;
	if (ip == be32{})
		return true; /* a probe */
	if (!wire::ipv4::is_host(ip) || wire::ipv4::is_loopback(ip))
		return false;
	return find_address(*iface.host, ip, iface.ifindex).kind != addr_kind::broadcast;
}

/* Somebody else says that one of our addresses is his: tell the operator, and everyone else that it
 * is ours; at most every ten seconds (RFC 5227 DEFEND_INTERVAL). */
static void defend(edu_iface &iface, const wire::arp::repr &arp)
{
	constexpr u64 defend_interval = 10000;
	edu_stack &host = *iface.host;
	u64 now = edu_k_now_ms();

	host.count(EDU_Arp_Conflicts);
	edu_k_log("another station uses our address", arp.sender_ip.raw(), arp.sender_ha.octet);
	for (ifaddr &addr : iface.addrs) {
		u64 before = read_once(addr.defended);

		if (addr.local != arp.sender_ip || (before && now - before < defend_interval))
			continue;
		write_once(addr.defended, now ? now : 1);
		arp_announce(iface, addr.local);
	}
}

static void answer(edu_iface &iface, const wire::arp::repr &request, const eth_addr &ha)
{
	wire::arp::repr reply{wire::arp::operation::reply, ha, request.target_ip, request.sender_ha,
			      request.sender_ip};

	iface.host->count(EDU_Arp_OutReplies);
	arp_send(iface, reply, request.sender_ha);
}

/* Does the sender tell everybody of himself, rather than answer somebody? */
static bool is_announcement(const wire::arp::repr &arp)
{
	return arp.sender_ip == arp.target_ip &&
	       (arp.op == wire::arp::operation::request || arp.target_ha == arp.sender_ha);
}

/* RFC 826's table look-ups. @make: whether the packet may make an entry. What there was no room for
 * has a drop's name, else consumed. */
static verdict learn(edu_iface &iface, const wire::arp::repr &arp, bool make)
{
	edu_stack &host = *iface.host;
	arp_table *entry = arp_find(host, iface, arp.sender_ip);

	if (entry) {
		arp_update(host, *entry, arp.sender_ha,
			   make || is_announcement(arp) ? arp_word::packet : arp_word::answer);
		return verdict::consumed();
	}
	if (!make || !iface_on_link(iface, arp.sender_ip))
		return verdict::consumed();
	result<ref<arp_table>> made = arp_bind(host, iface, arp.sender_ip, arp_wish::strangers);
	if (!made.ok())
		return verdict::drop(made.error() == errc::enomem ? EDU_Arp_DropNoMemory :
								    EDU_Arp_DropTableFull);
	arp_update(host, *made.value(), arp.sender_ha, arp_word::packet);
	return verdict::consumed();
}

static verdict arp_rcv(edu_iface &iface, const skb_ptr &packet, unsigned int pkt_type)
{
	constexpr unsigned int other_host = 3;
	edu_stack &host = *iface.host;

	if (!iface.is_up())
		return verdict::drop(EDU_Arp_DropNotUp);
	if (pkt_type == other_host || !iface.uses_arp())
		return verdict::drop(EDU_Arp_DropNotForUs);
	if (!packet.may_pull(wire::arp::packet_len))
		return verdict::drop(EDU_Arp_DropShort);
	auto [view, why] = wire::arp::view::checked(packet.linear());
	if (why != wire::arp::fault::none)
		return verdict::drop(fault_counter(why));
	if (!view.is_request() && !view.is_reply())
		return verdict::drop(EDU_Arp_DropOpcode); /* RARP in an ARP frame */
	trace(host.net, EDU_TRACE_arp_rcv, packet.get());
	host.count(view.is_request() ? EDU_Arp_InRequests : EDU_Arp_InReplies);

	wire::arp::repr arp = view.parse();
	if (!is_sane_sender(iface, arp))
		return verdict::drop(EDU_Arp_DropSourceAddress);
	if (read_once(iface.unsettled)) [[unlikely]]
		arp_probe_heard(iface, arp);
	if (find_address(host, arp.sender_ip, iface.ifindex).kind == addr_kind::local) {
		defend(iface, arp);
		return verdict::consumed();
	}
	bool ours = find_address(host, arp.target_ip).kind == addr_kind::local &&
		    !wire::ipv4::is_loopback(arp.target_ip);
	eth_addr ha = eth_addr::load(iface.info.load()->addr);
	bool proxied = !ours && view.is_request() && arp_answers_for(iface, arp, ha);
	bool answered = view.is_request() && (ours || proxied);

	verdict learnt = verdict::consumed();

	if (arp.sender_ip != be32{})
		learnt = learn(iface, arp, answered);
	if (proxied)
		host.count(EDU_Arp_Proxied);
	if (answered)
		answer(iface, arp, ha); /* even if we cannot remember who asked */
	return ours || proxied ? learnt : verdict::drop(EDU_Arp_DropNotForUs);
}

} // namespace edu

using namespace edu;

void edu_core_rcv_arp(edu_iface *iface, sk_buff *skb, unsigned int pkt_type)
{
	edu_net *net = iface->host->net;
	skb_ptr packet{skb};

	edu_k_assert_rcu();
	edu_k_count(net, EDU_Link_InFrames);
	trace(net, EDU_TRACE_dev_rcv, skb);
	verdict decided = arp_rcv(*iface, packet, pkt_type);
	finish(net, std::move(packet), decided);
}
