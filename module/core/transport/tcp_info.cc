// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: what can be seen of a connection: TCP_INFO, and the records of /proc and `edu ss`.
 *
 * tcp(7) for TCP_INFO, whose layout is that of Linux 6.1's struct tcp_info; a shorter buffer gets as
 * much as fits. Values are those of the connection; what EDUINET does not measure (delivery rate, the
 * times for which something limited sending) is 0, and pacing, which it does not do, has no limit.
 *
 * Locking: TCP_INFO holds the socket lock. Records are read without it, word by word, and may lag.
 */
#include "stack.hh"

namespace edu {

namespace {

constexpr u8 tcpi_opt_timestamps = 1, tcpi_opt_sack = 2, tcpi_opt_wscale = 4;

/* struct tcp_info of <linux/tcp.h>. Times are milliseconds or, with _us, microseconds. */
struct linux_tcp_info {
	u8 state, ca_state, retransmits, probes, backoff, options;
	u8 wscales; /* sending in the low half, receiving in the high one */
	u8 flags;
	u32 rto_us, ato_us, snd_mss, rcv_mss;
	u32 unacked, sacked, lost, retrans, fackets; /* segments */
	u32 last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
	u32 pmtu, rcv_ssthresh, rtt_us, rttvar_us, snd_ssthresh, snd_cwnd, advmss, reordering;
	u32 rcv_rtt_us, rcv_space;
	u32 total_retrans;
	u64 pacing_rate, max_pacing_rate;
	u64 bytes_acked, bytes_received;
	u32 segs_out, segs_in;
	u32 notsent_bytes, min_rtt_us, data_segs_in, data_segs_out;
	u64 delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
	u32 delivered, delivered_ce;
	u64 bytes_sent, bytes_retrans;
	u32 dsack_dups, reord_seen, rcv_ooopack, snd_wnd;
};
static_assert(offsetof(linux_tcp_info, rto_us) == 8 && offsetof(linux_tcp_info, pmtu) == 60 &&
	      offsetof(linux_tcp_info, pacing_rate) == 104 && sizeof(linux_tcp_info) == 232);

u8 tcp_option_bits(const tcp_sock &s)
{
	return static_cast<u8>((s.tstamp_ok ? tcpi_opt_timestamps : 0) |
			       (s.sack_ok ? tcpi_opt_sack : 0) |
			       (s.wscale_ok ? tcpi_opt_wscale : 0));
}

u32 age_ms(u64 since, u64 now)
{
	return since && now > since ? static_cast<u32>(now - since) : 0;
}

/* Octets as whole segments, as Linux counts them. */
u32 in_segments(const tcp_sock &s, u32 octets)
{
	return (octets + s.mss_cache - 1) / s.mss_cache;
}

void fill_listener(const tcp_sock &s, linux_tcp_info &out)
{
	out.unacked = read_once(s.ack_backlog);
	out.sacked = read_once(s.max_ack_backlog);
}

void fill_sending(const tcp_sock &s, linux_tcp_info &out)
{
	out.rto_us = s.rto_ms * 1000;
	out.snd_mss = s.mss_cache;
	out.unacked = in_segments(s, s.flight());
	out.sacked = in_segments(s, s.sacked_out);
	out.lost = in_segments(s, s.lost_out);
	out.retrans = in_segments(s, s.retrans_out);
	out.rtt_us = s.srtt_us;
	out.rttvar_us = s.rttvar_us;
	out.snd_cwnd = s.cwnd / s.mss_cache;
	out.snd_ssthresh = s.ssthresh == tcp_no_ssthresh ? 0x7fffffff : s.ssthresh / s.mss_cache;
	out.reordering = s.reordering;
	out.min_rtt_us = s.rack_min_rtt_us ? s.rack_min_rtt_us : ~0u;
	out.notsent_bytes = tcp_notsent(s);
	out.delivered = in_segments(s, static_cast<u32>(s.delivered));
	out.snd_wnd = s.snd_wnd;
}

void fill_receiving(const tcp_sock &s, linux_tcp_info &out)
{
	out.ato_us = s.ato_ms * 1000;
	out.rcv_mss = s.rcv_mss;
	out.advmss = s.advmss;
	out.rcv_ssthresh = s.rcv_ssthresh;
	out.rcv_rtt_us = s.rcv_rtt_us;
	out.rcv_space = s.rcvq_space;
}

void fill_counts(const tcp_sock &s, linux_tcp_info &out)
{
	out.total_retrans = s.total_retrans;
	out.bytes_acked = s.bytes_acked;
	out.bytes_received = s.bytes_received;
	out.bytes_sent = s.bytes_sent;
	out.bytes_retrans = s.bytes_retrans;
	out.segs_out = s.segs_out;
	out.segs_in = s.segs_in;
	out.data_segs_in = s.data_segs_in;
	out.data_segs_out = s.data_segs_out;
	out.dsack_dups = s.dsack_dups;
	out.reord_seen = s.reord_seen;
	out.rcv_ooopack = s.rcv_ooopack;
}

u8 shown_timer(const tcp_sock &s)
{
	switch (s.timer_kind) {
	case tcp_timer_kind::none:
		break;
	case tcp_timer_kind::probe:
		return EDU_TCP_TIMER_PROBE;
	default:
		return EDU_TCP_TIMER_RETRANSMIT;
	}
	if (edu_k_timer_pending(&s.keepalive_timer))
		return EDU_TCP_TIMER_KEEPALIVE;
	return edu_k_timer_pending(&s.delack_timer) ? EDU_TCP_TIMER_DELACK : EDU_TCP_TIMER_NONE;
}

u64 timer_due(const tcp_sock &s, u8 timer)
{
	switch (timer) {
	case EDU_TCP_TIMER_NONE:
		return 0;
	case EDU_TCP_TIMER_KEEPALIVE:
		return s.keepalive_due_ms;
	case EDU_TCP_TIMER_DELACK:
		return s.delack_due_ms;
	default:
		return s.retransmit_due_ms;
	}
}

} // namespace

u32 tcp_fill_linux_info(const tcp_sock &s, mutable_bytes value)
{
	const u64 now = edu_k_now_ms();
	linux_tcp_info out = {};
	const size_t len = value.size() < sizeof(out) ? value.size() : sizeof(out);

	out.state = static_cast<u8>(state_of(s));
	out.pacing_rate = out.max_pacing_rate = ~u64{0};
	fill_counts(s, out);
	if (state_of(s) == sock_state::listen) {
		fill_listener(s, out);
	} else {
		out.ca_state = static_cast<u8>(s.ca_state);
		out.retransmits = s.retransmits;
		out.probes = s.probes_out;
		out.backoff = s.backoff;
		out.options = tcp_option_bits(s);
		if (s.wscale_ok)
			out.wscales = static_cast<u8>(s.snd_wscale | s.rcv_wscale << 4);
		out.pmtu = s.pmtu_cookie;
		out.last_data_sent = age_ms(s.lsndtime_ms, now);
		out.last_data_recv = age_ms(s.last_rcv_ms, now);
		out.last_ack_recv = age_ms(s.last_ack_ms, now);
		fill_sending(s, out);
		fill_receiving(s, out);
	}
	__builtin_memcpy(value.data(), &out, len);
	return static_cast<u32>(len);
}

void tcp_fill_info(const tcp_sock &s, edu_tcp_info &out)
{
	const u64 now = edu_k_now_ms();

	out = {};
	sock_fill_info(s, out.sock);
	if (state_of(s) == sock_state::listen) {
		out.tx_queue = read_once(s.max_ack_backlog);
		out.rx_queue = read_once(s.ack_backlog);
		return;
	}
	if (state_of(s) == sock_state::close)
		return;
	const u64 due = timer_due(s, shown_timer(s));
	const s32 unread = s.rcv_nxt - s.copied_seq;

	out.tx_queue = static_cast<u32>(s.write_seq - s.snd_una);
	out.rx_queue = unread > 0 ? static_cast<u32>(unread) : 0;
	out.timer = shown_timer(s);
	out.expires = due > now ? static_cast<u32>(due - now) : 0;
	out.retransmits = s.retransmits;
	out.probes = s.probes_out;
	out.ca_state = static_cast<u8>(s.ca_state);
	out.rto = s.rto_ms;
	out.ato = s.ato_ms;
	out.srtt_us = s.srtt_us;
	out.rttvar_us = s.rttvar_us;
	out.cwnd = s.cwnd;
	out.ssthresh = s.ssthresh;
	out.mss = s.mss_cache;
	out.rcv_mss = s.rcv_mss;
	out.advmss = s.advmss;
	out.pmtu = s.pmtu_cookie;
	out.snd_wnd = s.snd_wnd;
	out.rcv_wnd = s.receive_window();
	out.snd_wscale = s.snd_wscale;
	out.rcv_wscale = s.rcv_wscale;
	out.options = tcp_option_bits(s);
	out.unacked = s.flight();
	out.sacked = s.sacked_out;
	out.lost = s.lost_out;
	out.retrans = s.retrans_out;
	out.reordering = s.reordering;
	out.bytes_acked = s.bytes_acked;
	out.bytes_received = s.bytes_received;
	out.bytes_sent = s.bytes_sent;
	out.bytes_retrans = s.bytes_retrans;
	out.segs_out = s.segs_out;
	out.segs_in = s.segs_in;
	out.total_retrans = s.total_retrans;
	out.last_sent = age_ms(s.lsndtime_ms, now);
	out.last_received = age_ms(s.last_rcv_ms, now);
	out.last_ack = age_ms(s.last_ack_ms, now);
	const tcp_congestion_ops *ca = s.ca;

	for (size_t i = 0; ca && i < sizeof(out.congestion) - 1 && ca->name[i]; i++)
		out.congestion[i] = ca->name[i];
}

void tcp_fill_info(const tcp_timewait &record, edu_tcp_info &out)
{
	const tcp_timewait &r = record;
	const u64 now = edu_k_now_ms();

	out = {};
	out.sock.local = r.end.laddr.raw();
	out.sock.remote = r.end.faddr.raw();
	out.sock.local_port = be16{r.end.lport}.raw();
	out.sock.remote_port = r.end.fport.raw();
	out.sock.state = static_cast<u8>(r.state);
	out.sock.type = sock_stream;
	out.sock.bound_if = r.end.bound_if;
	out.timer = EDU_TCP_TIMER_TIME_WAIT;
	out.expires = r.due_ms > now ? static_cast<u32>(r.due_ms - now) : 0;
}

} // namespace edu
