// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fragments out: a packet larger than the link allows leaves in pieces.
 *
 * TLK "Data Fragmentation": IP-4 (each fragment in an sk_buff of its own; a failed allocation fails
 * the send), IP-5 (flags and offset). RFC 791 3.1 and 3.2 (options with the copied flag go into every
 * fragment), RFC 1122 3.3.3. It serves packets of our own and those that are forwarded: a fragment
 * may be cut again.
 *
 * Locking: none is taken. The packet and the route are the caller's.
 */
#include "ip/fragment.hh"
#include "stack.hh"

namespace edu {

namespace {

using namespace wire::ipv4;

/* How a packet is cut. */
struct cut_plan {
	repr header;			/* of the packet */
	u32 header_len = 0;		/* octets */
	bytes options;			/* of the first fragment */
	u8 later[max_options_len] = {}; /* of the others */
	u32 later_len = 0;
	u32 mtu = 0;
	u32 payload = 0;  /* octets to distribute */
	u32 headroom = 0; /* for the link header */
};

cut_plan plan_cuts(const skb_ptr &packet, const rtable &route, u32 mtu)
{
	const view header = view::checked_header(packet.linear(), packet.len()).header;
	cut_plan plan;

	plan.header = header.parse();
	plan.header_len = header.header_length();
	plan.options = header.options();
	plan.later_len = static_cast<u32>(fragment_options(plan.options, plan.later));
	plan.mtu = mtu;
	plan.payload = packet.len() - plan.header_len;
	plan.headroom = read_once(route.rt_dev->headroom);
	return plan;
}

/* The fragment that begins @at octets into the payload: header and data. Moves @at behind it. */
skb_ptr make_piece(const skb_ptr &packet, const cut_plan &plan, u32 &at)
{
	const bytes options = at ? bytes{plan.later, plan.later_len} : plan.options;
	const u32 header_len = static_cast<u32>(repr::header_length(options.size()));
	const u32 left = plan.payload - at;
	const u32 room = plan.mtu - header_len;
	const u32 len = left <= room ? left : room / 8 * 8;
	skb_ptr piece{
		edu_k_skb_cut(packet.get(), plan.header_len + at, len, plan.headroom + header_len)};
	repr header = plan.header;

	if (!piece)
		return piece;
	header.total_length = static_cast<u16>(header_len + len);
	header.fragment_offset = static_cast<u16>(plan.header.fragment_offset + at);
	header.more_fragments = plan.header.more_fragments || len < left;
	header.emit({piece.push(header_len), header_len}, options);
	edu_k_skb_mark_network(piece.get());
	at += len;
	return piece;
}

/* One after the other; what is behind one that fails would be of no use. */
result<void> send_pieces(edu_stack &host, skb_queue &pieces, rtable &route)
{
	result<void> sent;

	while (skb_ptr piece = pieces.pop()) {
		if (!sent) {
			drop(host.net, std::move(piece), EDU_Ip_DropFragmentUnsent);
			continue;
		}
		host.count(EDU_Ip_FragCreates);
		trace(host.net, EDU_TRACE_ip_fragment, piece.get());
		sent = ip_finish_output(host, std::move(piece), route);
	}
	return sent;
}

result<void> fail(edu_stack &host, skb_ptr packet, edu_counter counter, errc why)
{
	host.count(EDU_Ip_FragFails);
	drop(host.net, std::move(packet), counter);
	return why;
}

} // namespace

result<void> ip_fragment(edu_stack &host, skb_ptr packet, rtable &route, u32 mtu)
{
	const u32 header_len = packet.data()[0] % 16u * 4;
	skb_queue pieces;

	if (mtu < header_len + fragment_unit)
		return fail(host, std::move(packet), EDU_Ip_DropTooBig, errc::emsgsize);
	/* The sum is over all of it, so no device can make it later. */
	if (!packet.may_pull(header_len) || edu_k_skb_csum_complete(packet.get()))
		return fail(host, std::move(packet), EDU_Ip_DropNoMemory, errc::enobufs);

	const cut_plan plan = plan_cuts(packet, route, mtu);

	for (u32 at = 0; at < plan.payload;) {
		skb_ptr piece = make_piece(packet, plan, at);

		if (!piece)
			return fail(host, std::move(packet), EDU_Ip_DropNoMemory, errc::enobufs);
		pieces.push(std::move(piece));
	}
	packet = {}; /* its octets are in the fragments: its normal end */
	result<void> sent = send_pieces(host, pieces, route);
	host.count(sent ? EDU_Ip_FragOKs : EDU_Ip_FragFails);
	return sent;
}

} // namespace edu
