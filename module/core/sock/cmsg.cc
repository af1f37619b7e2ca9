// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control messages of recvmsg(): what the packet's IP header said.
 *
 * Requirements: UDP-3, IP-10. RFC 1122 4.1.3.2 (IP options go up), 4.1.3.5 (the specific destination
 * address), 4.1.4 (TOS). Layouts are Linux's (ip(7)). What a program puts onto sendmsg() is taken
 * apart by the home, see struct edu_send.
 *
 * Locking: none; the packet is ours. The interface it came by is looked up under RCU and may be gone.
 */
#include "sock/options.hh"
#include "stack.hh"

namespace edu {

namespace {

constexpr int level_ip = 0;
constexpr int type_tos = 1, type_ttl = 2, type_recvopts = 6, type_retopts = 7, type_pktinfo = 8,
	      type_origdstaddr = 20;

/* Which of our addresses an answer should come from. */
be32 specific_destination(const sock &s, const ip_info &info)
{
	if (!info.dst_broadcast && !info.dst_multicast)
		return info.dst;
	rcu_guard guard;
	const edu_iface *iface = find_iface(*s.host, info.ifindex);

	return iface ? iface_source(*iface, info.src) : be32{};
}

void put_pktinfo(msghdr *message, const ip_info &info, be32 answer_from)
{
	struct {
		int ifindex;
		be32 spec_dst;
		be32 addr;
	} pktinfo = {info.ifindex, answer_from, info.dst};

	edu_k_msg_put_cmsg(message, level_ip, type_pktinfo, &pktinfo, sizeof(pktinfo));
}

/* The options as they came, or turned around for an answer. */
void put_options(msghdr *message, sk_buff *packet, const ip_info &info, u8 wanted)
{
	constexpr u32 fixed = wire::ipv4::min_header_len;
	u8 turned[wire::ipv4::max_options_len];

	if (info.header_len <= fixed)
		return;
	bytes options{edu_k_skb_network(packet) + fixed, info.header_len - fixed};

	if (wanted & cmsg_bit::recvopts)
		edu_k_msg_put_cmsg(message, level_ip, type_recvopts, options.data(),
				   static_cast<u32>(options.size()));
	if (wanted & cmsg_bit::retopts) {
		u32 len = turn_options(options, info.src, turned);

		edu_k_msg_put_cmsg(message, level_ip, type_retopts, turned, len);
	}
}

/* Where the packet was really sent to: a socket address of our family. */
void put_original_destination(const sock &s, msghdr *message, sk_buff *packet, const ip_info &info)
{
	const u32 transport_at = s.type == sock_raw ? info.header_len : 0;
	u8 ports[4];
	struct {
		u16 family;
		be16 port;
		be32 addr;
		u8 zero[8];
	} name = {static_cast<u16>(edu_k_family), {}, info.dst, {}};

	if (edu_k_skb_copy_bits(packet, transport_at, ports, sizeof(ports)))
		return;
	name.port = be16{load_be16(ports + 2)};
	edu_k_msg_put_cmsg(message, level_ip, type_origdstaddr, &name, sizeof(name));
}

} // namespace

namespace {

/* is_error: nobody answers an ICMP error, so no address to answer from is told. */
void put_wanted(const sock &s, msghdr *message, sk_buff *packet, u8 wanted, bool is_error)
{
	const ip_info &info = skb_cb<ip_info>(packet);

	if (wanted & cmsg_bit::pktinfo)
		put_pktinfo(message, info, is_error ? be32{} : specific_destination(s, info));
	if (wanted & cmsg_bit::ttl) {
		const int ttl = info.ttl;

		edu_k_msg_put_cmsg(message, level_ip, type_ttl, &ttl, sizeof(ttl));
	}
	if (wanted & cmsg_bit::tos)
		edu_k_msg_put_cmsg(message, level_ip, type_tos, &info.tos, sizeof(info.tos));
	if (wanted & (cmsg_bit::recvopts | cmsg_bit::retopts))
		put_options(message, packet, info, wanted);
	if (wanted & cmsg_bit::origdstaddr)
		put_original_destination(s, message, packet, info);
}

} // namespace

void put_cmsgs(sock &s, msghdr *message, sk_buff *packet)
{
	put_wanted(s, message, packet, read_once(s.cmsg), false);
}

} // namespace edu

using namespace edu;

/* Where the failed packet was going is the message's name already. */
void edu_core_error_cmsgs(::sock *sk, msghdr *msg, sk_buff *skb, const edu_sock_error *error)
{
	edu::sock &s = core(sk);
	const u8 wanted = read_once(s.cmsg) & static_cast<u8>(~cmsg_bit::origdstaddr);
	ip_info info{};

	info.src = be32::from_raw(error->offender);
	info.dst = be32::from_raw(error->received_by);
	info.ifindex = error->ifindex;
	info.header_len = error->header_len;
	info.ttl = error->ttl;
	info.tos = error->tos;
	skb_cb<ip_info>(skb) = info;
	put_wanted(s, msg, skb, wanted, true);
}
