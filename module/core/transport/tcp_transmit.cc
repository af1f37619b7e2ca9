// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: one segment, from its octets to IP.
 *
 * TLK "TCP" under "The INET Socket Layer"; 2.0's tcp_build_header(). Requirements: TCP-5, TCP-12, OVER-3,
 * OVER-6. RFC 9293 3.1 (MUST-2), 3.8.5 (MUST-30, MUST-62), 3.9.2 (MUST-48, MUST-49), 3.9.2.1 (MUST-51);
 * RFC 7323 (timestamps, scaled windows), RFC 2018 (SACK blocks), RFC 1191 (DF).
 * Not here: ECN (SHLD-8).
 *
 * A segment longer than the MSS leaves in one piece, and the device cuts it (segmentation offload). The
 * checksum is the device's, if it can, or made here.
 *
 * Locking: every function is called with the socket locked. IP and the device are called with it held.
 */
#include "transport/tcp_output.hh"

#include "stack.hh"

namespace edu {

namespace tcp_flag = wire::tcp::flag;

namespace {

/* A segment that is about to leave, but for its ports. */
struct tcp_sending {
	seq32 seq;
	u8 flags;
	u16 window; /* as the header has it */
	u16 urgent = 0;
	u32 mss = 0; /* octets in each packet; 0: it is one packet */
	wire::tcp::options opts = {};
};

/* A segment longer than one packet, which the device is to cut. */
bool tcp_is_large(const tcp_sending &what, u32 payload)
{
	return what.mss && payload > what.mss;
}

/* DF, as IP_MTU_DISCOVER says (MUST-16 needs RFC 1191's answers). What is too long for the path even
 * so, because of tcp_min_snd_mss, is cut here. */
bool tcp_dont_fragment(const tcp_sock &s, const rtable &route, bool fits)
{
	switch (read_once(s.pmtudisc)) {
	case pmtu::want:
		return fits && rt_may_discover(route);
	case pmtu::always:
	case pmtu::probe:
		return fits;
	default:
		return false;
	}
}

/* MUST-48, MUST-49: what the program has set. The two bits of ECN are not for it to set. */
ip_params tcp_ip_params(const tcp_sock &s, const tcp_path &path, u32 len, u32 packets)
{
	const bool large = packets > 1;
	const int ttl = read_once(s.ip_ttl);
	const u32 total = path.ip_header_len() + len;

	return {
		.src = s.saddr,
		.dst = path.next,
		.protocol = ipproto_tcp,
		.ttl = static_cast<u8>(ttl > 0 ? ttl : s.host->tune(EDU_TUNE_ip_default_ttl)),
		.tos = static_cast<u8>(read_once(s.ip_tos) & ~wire::ipv4::ecn_mask),
		.dont_fragment = tcp_dont_fragment(s, *path.route, large || total <= path.mtu),
		.mtu = large ? total : path.mtu, /* its packets will fit */
		.packets = static_cast<u16>(packets),
		.options = path.options.all(),
	};
}

/* The header in front of the data, with its checksum (MUST-2), or what the device needs to make it. With a
 * source route, the sum is of the final destination (RFC 1122 3.2.1.8). */
void tcp_put_header(const tcp_sock &s, const tcp_path &path, skb_ptr &packet,
		    const tcp_sending &what)
{
	const u32 header_len = static_cast<u32>(wire::tcp::min_header_len + what.opts.length());
	const u32 payload = packet.len(), len = header_len + payload;
	const bool large = tcp_is_large(what, payload);
	const bool by_device = large ||
			       (path.device_sums && path.ip_header_len() + len <= path.mtu);
	const inet_sum sum =
		by_device || !payload ?
			inet_sum{} :
			inet_sum::from_wsum(edu_k_skb_csum(packet.get(), 0, payload), payload);
	const wire::tcp::repr header{.source = s.num,
				     .dest = s.dport.host(),
				     .seq = what.seq,
				     .ack = what.flags & tcp_flag::ack ? s.rcv_nxt : seq32{},
				     .flags = what.flags,
				     .window = what.window,
				     .urgent = what.urgent};
	const mutable_bytes out{packet.push(header_len), header_len};

	header.emit(out, what.opts);
	edu_k_skb_mark_transport(packet.get());
	if (by_device) {
		store_be16(&out[16],
			   wire::tcp::checksum_for_device(s.saddr, s.daddr, static_cast<u16>(len))
				   .host());
		edu_k_skb_csum_offload(packet.get(), 16);
	} else {
		wire::tcp::finish_checksum(out, s.saddr, s.daddr, sum, payload);
		edu_k_skb_csum_done(packet.get());
	}
	if (large)
		edu_k_skb_segmented(packet.get(), header_len, what.mss);
}

/* packet: the data alone. */
errc tcp_transmit(tcp_sock &s, const tcp_path &path, skb_ptr packet, const tcp_sending &what)
{
	edu_stack &host = *s.host;
	const u32 payload = packet.len();
	const bool large = tcp_is_large(what, payload);
	const u32 packets = large ? (payload + what.mss - 1) / what.mss : 1;

	tcp_put_header(s, path, packet, what);
	trace(host.net, EDU_TRACE_tcp_send, packet.get());
	const ip_params params = tcp_ip_params(s, path, packet.len(), packets);
	auto sent = ip_send(host, std::move(packet), *path.route, params);

	if (!sent)
		return sent.error();
	edu_k_count_add(host.net, EDU_Tcp_OutSegs, packets);
	s.segs_out += packets;
	if (payload) {
		s.data_segs_out += packets;
		s.bytes_sent += payload;
	}
	return errc::none;
}

/* The options of every segment but SYN. */
wire::tcp::options tcp_segment_options(tcp_sock &s)
{
	wire::tcp::options opts;

	if (s.tstamp_ok) {
		opts.has_timestamps = true;
		opts.ts_value = tcp_timestamp(s.ts_offset);
		opts.ts_echo = s.ts_recent;
	}
	if (s.sack_ok && (s.sack_count || s.dsack_due)) [[unlikely]]
		tcp_fill_sack(s, opts);
	return opts;
}

u16 tcp_header_window(tcp_sock &s)
{
	const u32 scaled = tcp_select_window(s) >> s.rcv_wscale;

	return static_cast<u16>(tcp_min(scaled, 0xffff));
}

/* MUST-30, MUST-62: the pointer leads to the octet behind the urgent one. If that is further away than
 * it can say, it says as much as it can, so that the peer knows early. */
void tcp_set_urgent(const tcp_sock &s, tcp_sending &what)
{
	if (!s.urg_mode || s.snd_up <= what.seq)
		return;
	const u32 distance = static_cast<u32>(s.snd_up - what.seq);

	what.flags |= tcp_flag::urg;
	what.urgent = static_cast<u16>(tcp_min(distance, 0xffff));
}

} // namespace

errc tcp_transmit_data(tcp_sock &s, tcp_path &path, sk_buff *skb, u32 mss)
{
	const tcp_skb_cb &cb = tcp_cb(skb);
	skb_ptr clone{edu_k_stream_clone(home(s), skb, EDU_GFP_ATOMIC)};

	if (!clone)
		return errc::enomem;
	tcp_sending what{
		.seq = cb.seq,
		.flags = static_cast<u8>(tcp_flag::ack |
					 (cb.flags & (tcp_flag::fin | tcp_flag::psh))),
		.window = tcp_header_window(s),
		.mss = mss,
		.opts = tcp_segment_options(s),
	};
	tcp_set_urgent(s, what);
	tcp_ack_sent(s);
	return tcp_transmit(s, path, std::move(clone), what);
}

errc tcp_transmit_control(tcp_sock &s, u8 flags, seq32 seq)
{
	tcp_path path;

	if (auto found = tcp_find_path(s, path); !found)
		return found.error();
	skb_ptr packet{edu_k_stream_control(home(s), tcp_max_header)};
	if (!packet)
		return errc::enomem;
	tcp_sending what{
		.seq = seq,
		.flags = flags,
		.window = tcp_header_window(s),
		.opts = tcp_segment_options(s),
	};
	tcp_set_urgent(s, what);
	tcp_ack_sent(s);
	return tcp_transmit(s, path, std::move(packet), what);
}

errc tcp_transmit_syn(tcp_sock &s, const tcp_path &path, u8 flags, const wire::tcp::options &opts)
{
	skb_ptr packet{edu_k_stream_control(home(s), tcp_max_header)};

	if (!packet)
		return errc::enomem;
	return tcp_transmit(s, path, std::move(packet),
			    {.seq = s.iss,
			     .flags = flags,
			     .window = static_cast<u16>(tcp_min(s.rcv_wnd, 0xffff)),
			     .opts = opts});
}

} // namespace edu
