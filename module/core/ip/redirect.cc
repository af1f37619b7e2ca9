// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMP redirects: "there is a shorter way".
 *
 * IP-10. Out, as a router: RFC 1812 5.2.7.2, redirects for one host only, as often as Linux sends them
 * (each twice as long after the one before, nine at most, then silence until nobody asks any more). In,
 * as a host: RFC 1122 3.2.2.2; believed only from the gateway that is in use for that destination,
 * about another one on the same subnet. What changes is the cached route, so redirects take no memory
 * of their own, end with the route, and one about a host nobody speaks to does nothing.
 *
 * Locking: softirq, under RCU; a leaf lock for the limit.
 */
#include "ip/forward.hh"
#include "ip/icmp.hh"
#include "stack.hh"

namespace edu {

/*
 * Out
 */

bool redirect_state::allows(u64 hash, u64 now)
{
	constexpr u64 load = 20;	    /* ms; until the second */
	constexpr u32 most = 9;		    /* then nothing … */
	constexpr u64 silence = load << 10; /* … until there was no cause for so long */
	slot &one = slots[hash % slot_count];
	u32 whose = static_cast<u32>(hash >> 32) | 1;
	spin_guard guard{lock};

	if (one.whose != whose || now - one.last > silence)
		one = {.last = now, .whose = whose, .sent = 0};
	if (one.sent >= most) {
		one.last = now;
		return false;
	}
	if (one.sent && now - one.last <= load << one.sent)
		return false;
	one.last = now;
	one.sent++;
	return true;
}

/* A TOS without the precedence and the last two bits, as the FIB is asked. */
static constexpr u8 tos_for_routes = 0x1c;

/* Are both in one subnet of the interface? */
static bool share_subnet(const edu_iface &iface, be32 a, be32 b)
{
	for (const ifaddr &own : iface.addrs)
		if (own.in_use() && own.same_subnet(a) && own.same_subnet(b))
			return true;
	return false;
}

/* Is the sender on that link itself, so that it can use what it is told (RFC 1812 5.2.7.2)? As Linux asks
 * it, in fib_validate_source(): the way back to it leads through no gateway. */
static bool is_neighbour(const edu_iface &iface, const ip_info &info)
{
	fib_result back = fib_lookup(iface.host->fib, info.src,
				     static_cast<u8>(info.tos & tos_for_routes), 0);

	return back.node && back.info->fib_type == route_type::unicast &&
	       back.info->fib_gateway == be32{} && back.info->fib_dev.get() == &iface;
}

void ip_send_redirect(edu_iface &in, const skb_ptr &packet, const rtable &route)
{
	edu_stack &host = *in.host;
	const ip_info &info = packet.cb<ip_info>();

	if (!iface_tune(in, EDU_IFACE_send_redirects) ||
	    (!iface_tune(in, EDU_IFACE_shared_media) &&
	     !share_subnet(in, info.src, route.rt_gateway)) ||
	    !is_neighbour(in, info))
		return;
	u64 hash = siphash13(host.key, info.src.raw(), info.dst.raw(), u32{0});
	if (!host.redirects.allows(hash, edu_k_now_ms())) {
		host.count(EDU_Icmp_RateLimited);
		return;
	}
	icmp_send(host, packet.get(), static_cast<u8>(wire::icmp::type::redirect),
		  static_cast<u8>(wire::icmp::redirect_code::host), route.rt_gateway.host());
}

/*
 * In
 */

/* Can that address be a better gateway than @from, as far as its form and our settings say? In the
 * order of Linux's __ip_do_redirect(). */
static bool is_gateway_for_us(const edu_iface &iface, be32 gateway, be32 from)
{
	const edu_stack &host = *iface.host;

	if (!iface_tune(iface, EDU_IFACE_accept_redirects) || gateway == from ||
	    !wire::ipv4::is_host(gateway) || find_address(host, gateway).kind != addr_kind::none)
		return false;
	if (iface_tune(iface, EDU_IFACE_shared_media))
		return true;
	if (!share_subnet(iface, gateway, from))
		return false;
	return !iface_tune(iface, EDU_IFACE_secure_redirects) ||
	       fib_has_gateway(host.fib, iface, gateway);
}

verdict icmp_rcv_redirect(edu_stack &host, skb_ptr &packet)
{
	constexpr u8 tos_codes = 2; /* redirect_code: these and above are for one TOS */
	const ip_info info = packet.cb<ip_info>();
	edu_iface *iface = find_iface(host, info.ifindex);

	if (info.dst_broadcast || info.dst_multicast || !icmp_gather_quote(packet))
		return verdict::drop(EDU_Icmp_DropQuote);
	auto message = wire::icmp::view::checked_header(packet.linear(), packet.len()).header;
	auto [quote, why] = wire::icmp::quote::checked(message.payload());
	if (why != wire::icmp::quote_fault::none ||
	    find_address(host, quote.packet().src()).kind != addr_kind::local)
		return verdict::drop(EDU_Icmp_DropQuote);

	be32 gateway = message.gateway();
	int tos = message.code() < tos_codes ? -1 : quote.packet().tos() & tos_for_routes;
	if (!iface || message.code() > static_cast<u8>(wire::icmp::redirect_code::host_tos) ||
	    !is_gateway_for_us(*iface, gateway, info.src))
		return verdict::drop(EDU_Icmp_DropRedirect);
	u32 changed = rt_cache_redirect(host, *iface, quote.packet().dst(), tos, info.src, gateway);
	if (!changed)
		return verdict::drop(EDU_Icmp_DropRedirect);
	edu_k_count_add(host.net, EDU_Rt_Redirected, changed);
	return verdict::consumed();
}

} // namespace edu
