// SPDX-License-Identifier: GPL-2.0-only
/*
 * Large buffers: TCP segments that stand for many packets (segmentation offload), and what a device or a
 * router makes of them.
 *
 * A large buffer goes over a cable in one piece, as over a virtual device, unless the cable cuts
 * (edu_t_cable_cut()). Each packet cut from it gets headers of its own: identification and sequence
 * number count on, FIN and PSH are the last one's, the lengths and both checksums are made anew, octet by
 * octet: deliberately not the core's code.
 *
 * Requirements: OVER-3, TCP-12. Locking: none, a single thread.
 */
#include "home.hh"

#include <algorithm>

namespace hosted {
namespace {

using octets = std::vector<std::uint8_t>;

std::uint32_t load16(const octets &from, std::size_t at)
{
	return static_cast<std::uint32_t>(from[at] << 8 | from[at + 1]);
}

void store16(octets &to, std::size_t at, std::uint32_t v)
{
	to[at] = static_cast<std::uint8_t>(v >> 8);
	to[at + 1] = static_cast<std::uint8_t>(v);
}

/* RFC 1071, complemented; start: what is summed besides. */
std::uint32_t checksum(const std::uint8_t *from, std::size_t len, std::uint32_t start)
{
	std::uint64_t total = start;

	for (std::size_t i = 0; i < len; i++)
		total += i % 2 ? from[i] : from[i] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return ~static_cast<std::uint32_t>(total) & 0xffff;
}

/* Where the parts of a large buffer begin. */
struct layout {
	std::size_t ip, tcp, payload;
};

void fix_ip(octets &packet, const layout &at, std::uint32_t number)
{
	store16(packet, at.ip + 2, static_cast<std::uint32_t>(packet.size() - at.ip));
	store16(packet, at.ip + 4, load16(packet, at.ip + 4) + number);
	store16(packet, at.ip + 10, 0);
	store16(packet, at.ip + 10, checksum(&packet[at.ip], at.tcp - at.ip, 0));
}

void fix_tcp(octets &packet, const layout &at, std::uint32_t offset, bool last)
{
	constexpr std::uint8_t fin_psh = 0x09, cwr = 0x80;
	const std::size_t len = packet.size() - at.tcp;
	const std::uint32_t seq =
		(load16(packet, at.tcp + 4) << 16 | load16(packet, at.tcp + 6)) + offset;

	store16(packet, at.tcp + 4, seq >> 16);
	store16(packet, at.tcp + 6, seq);
	if (!last)
		packet[at.tcp + 13] &= static_cast<std::uint8_t>(~fin_psh);
	if (offset)
		packet[at.tcp + 13] &= static_cast<std::uint8_t>(~cwr);
	store16(packet, at.tcp + 16, 0);
	/* The pseudo-header: both addresses, protocol 6, length; 8 octets are summed to be added. */
	const std::uint32_t pseudo = ~checksum(&packet[at.ip + 12], 8, 6) & 0xffff;

	store16(packet, at.tcp + 16,
		checksum(&packet[at.tcp], len, pseudo + static_cast<std::uint32_t>(len)));
}

} // namespace

std::vector<octets> packets_of(const sk_buff *skb, std::uint32_t ip_at)
{
	constexpr std::size_t least_headers = 40;
	const octets whole = octets_of(skb);
	std::vector<octets> packets;

	if (whole.size() < ip_at + least_headers || whole[ip_at] >> 4 != 4 ||
	    whole[ip_at + 9] != 6) {
		fault("a large buffer that is no TCP segment");
		return packets;
	}
	layout at{ip_at, ip_at + (whole[ip_at] & 15u) * 4, 0};

	at.payload = at.tcp + (whole[at.tcp + 12] >> 4) * 4u;
	for (std::size_t from = at.payload; from < whole.size(); from += skb->gso_size) {
		const std::size_t to = std::min<std::size_t>(from + skb->gso_size, whole.size());
		octets packet(&whole[0], &whole[at.payload]);

		packet.insert(packet.end(), whole.begin() + static_cast<std::ptrdiff_t>(from),
			      whole.begin() + static_cast<std::ptrdiff_t>(to));
		fix_ip(packet, at, static_cast<std::uint32_t>(packets.size()));
		fix_tcp(packet, at, static_cast<std::uint32_t>(from - at.payload),
			to == whole.size());
		packets.push_back(std::move(packet));
	}
	return packets;
}

} // namespace hosted

using namespace hosted;

extern "C" {

unsigned int edu_k_skb_packets(const struct sk_buff *skb, unsigned int *size)
{
	*size = skb->gso_size;
	return skb->gso_size ? skb->gso_segs : 1;
}

void edu_k_skb_segmented(struct sk_buff *skb, unsigned int header_len, unsigned int mss)
{
	const std::uint32_t payload = skb->len - header_len;

	if (!mss || skb->len <= header_len + mss)
		fault("edu_k_skb_segmented(): %u octets of payload, %u in a packet", payload, mss);
	if (skb->csum != csum_state::partial)
		fault("edu_k_skb_segmented(): the checksum is not left to the device");
	skb->gso_size = mss;
	skb->gso_segs = (payload + mss - 1) / mss;
}

int edu_k_skb_segment(struct sk_buff *skb, struct edu_skb_queue *queue)
{
	int queued = 0;

	if (!skb->gso_size)
		fault("edu_k_skb_segment(): not a large buffer");
	else if (!allocation_fails())
		for (const octets &packet : packets_of(skb, 0)) {
			sk_buff *piece = edu_k_skb_alloc(
				static_cast<std::uint32_t>(skb->data - skb->head),
				static_cast<std::uint32_t>(packet.size()), EDU_GFP_ATOMIC);

			if (!piece)
				break;
			std::copy(packet.begin(), packet.end(),
				  edu_k_skb_put(piece, static_cast<std::uint32_t>(packet.size())));
			edu_k_skb_mark_network(piece);
			std::copy(skb->cb, skb->cb + sizeof(skb->cb), piece->cb);
			edu_k_skb_queue_tail(queue, piece);
			queued++;
		}
	edu_k_skb_consume(skb);
	return queued ? 0 : -12;
}

} // extern "C"
