// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: the way to the peer, and how large a segment may be on it.
 *
 * TLK "Making a Connection": "the maximum message size comes from the device's MTU; the smaller of both
 * ends' wins" (TCP-3). RFC 9293 3.7.1 (MUST-14 to MUST-16, MUST-67, SHLD-5), 3.7.2, 3.7.3 (SHLD-6: what
 * we tell is the interface's MTU as it is; none of ours varies from packet to packet), 3.9.2.1 (MUST-51:
 * source routes); RFC 1191, RFC 6691 (options are not in the MSS that we tell). Not here: probing for a
 * larger MTU without ICMP (RFC 4821).
 *
 * Locking: every function is called with the socket locked.
 */
#include "transport/tcp_output.hh"

#include "stack.hh"

namespace edu {

namespace {

constexpr u32 tcp_timestamps_len = 12, tcp_fixed_headers = 40;
constexpr u32 advertised_least = 88; /* a link of fewer octets gets fragments */

} // namespace

u32 tcp_steady_options(const tcp_sock &s)
{
	return s.tstamp_ok ? tcp_timestamps_len : 0;
}

namespace {

/* Octets of the SACK blocks that the next segment carries. */
u32 tcp_sack_options(const tcp_sock &s)
{
	const u32 blocks = s.sack_ok ? s.sack_count + s.dsack_due : 0;

	return blocks ? 4 + 8 * tcp_min(blocks, s.tstamp_ok ? 3 : 4) : 0;
}

/* The largest packet for this socket: probe, interface and omit ignore what ICMP has told. */
u32 tcp_mtu_of(const tcp_sock &s, const rtable &route)
{
	return read_once(s.pmtudisc) < pmtu::probe ? rt_path_mtu(route) : route.rt_mtu;
}

u32 tcp_ip_options_len(const tcp_sock &s)
{
	rcu_guard guard;
	const sock_options *ours = s.ip_options.load();

	return ours ? ours->set.length : 0;
}

/* What the device can do. */
void tcp_ask_device(tcp_path &path)
{
	rcu_guard guard;
	const edu_dev_info *device = path.route->rt_dev->info.load();

	path.segment_max = device->segment_max;
	path.device_sums = device->csum_offload;
}

result<ref<rtable>> tcp_look_up(tcp_sock &s, be32 next, bool on_link)
{
	constexpr u8 tos_for_routes = 0x1e; /* as for datagrams */
	const int bound = bound_dev_if(s);
	flow wanted = {
		.dst = next,
		.src = s.saddr,
		.oif = bound ? bound : read_once(s.uc_index),
		.tos = static_cast<u8>(read_once(s.ip_tos) & tos_for_routes),
		.source_is_ours = s.transparent || s.any_source,
	};
	ref<rtable> route = sk_route_get(s, next, wanted.oif);

	if (!route) {
		route = TRY(ip_route_output(*s.host, wanted));
		sk_route_set(s, route);
	}
	if (on_link && route->rt_has_gateway)
		return errc::enetunreach;
	if (route->rt_type != route_type::unicast && route->rt_type != route_type::local)
		return errc::enetunreach; /* the peer's address has become a broadcast address */
	return route;
}

} // namespace

result<void> tcp_find_path(tcp_sock &s, tcp_path &path)
{
	bool on_link = edu_k_sock_flags(home(s)) & EDU_SOCK_DONTROUTE;

	{
		rcu_guard guard;

		if (const sock_options *ours = s.ip_options.load()) [[unlikely]] {
			path.options = ours->set;
			path.options.set_final(s.daddr);
			on_link |= path.options.has_route && path.options.strict;
		}
	}
	path.next = path.options.next_destination(s.daddr);
	path.route = TRY(tcp_look_up(s, path.next, on_link));
	path.mtu = tcp_mtu_of(s, *path.route);
	tcp_ask_device(path);
	return {};
}

result<ref<rtable>> tcp_route(tcp_sock &s)
{
	tcp_path path;

	TRY(tcp_find_path(s, path));
	return std::move(path.route);
}

/*
 * What we send
 */

static void tcp_set_mss(tcp_sock &s, u32 mtu, u32 ip_options)
{
	s.mss_cache = static_cast<u16>(tcp_effective_mss(mtu, s.mss_clamp, ip_options,
							 tcp_steady_options(s),
							 s.host->tune(EDU_TUNE_tcp_min_snd_mss)));
}

void tcp_sync_mss(tcp_sock &s, u32 pmtu)
{
	s.pmtu_cookie = pmtu;
	tcp_set_mss(s, pmtu, tcp_ip_options_len(s));
}

/* mss_cache without what this very segment has of SACK blocks. */
static u32 tcp_mss_now(const tcp_sock &s)
{
	const u32 sacks = tcp_sack_options(s), least = 8;
	const u32 mss = s.mss_cache > sacks + least ? s.mss_cache - sacks : least;

	return tcp_within_half_window(mss, s.max_window);
}

u32 tcp_mss_on(tcp_sock &s, const tcp_path &path)
{
	/* If the path shrinks while something is under way, the ICMP message that says what of it was
	 * lost is still to come: tcp_mtu_reduced() compares. */
	if (!s.flight() || path.mtu >= s.pmtu_cookie)
		s.pmtu_cookie = path.mtu;
	tcp_set_mss(s, path.mtu, path.options.length);
	return tcp_mss_now(s);
}

u32 tcp_current_mss(tcp_sock &s)
{
	tcp_path path;

	if (tcp_find_path(s, path))
		return tcp_mss_on(s, path);
	if (s.pmtu_cookie)
		tcp_sync_mss(s, s.pmtu_cookie); /* no way now: as it was */
	return tcp_mss_now(s);
}

u32 tcp_large_most(const tcp_path &path, u32 mss)
{
	constexpr u32 packet_most = wire::ipv4::max_packet_len;
	const u32 headers = path.ip_header_len() + wire::tcp::max_header_len;
	const u32 buffer = tcp_min(path.segment_max, packet_most);

	if (buffer < headers + mss)
		return mss;
	return (buffer - headers) / mss * mss;
}

/*
 * What we tell
 */

/* MUST-67: at most what we can take in one packet of the first link; MUST-14, SHLD-5: always told. The
 * learned MTU of the path is that of the other direction, and does not count. */
u16 tcp_advertise_mss(const tcp_sock &s, const rtable &route)
{
	const u32 mtu = tcp_min(route.rt_mtu, wire::ipv4::max_packet_len);
	u32 mss = mtu > tcp_fixed_headers ? mtu - tcp_fixed_headers : 0;

	if (mss < advertised_least)
		mss = advertised_least;
	if (s.user_mss && s.user_mss < mss)
		mss = s.user_mss;
	return static_cast<u16>(mss);
}

} // namespace edu
