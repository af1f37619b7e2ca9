// SPDX-License-Identifier: GPL-2.0-only
/*
 * What becomes of a packet: a handler decides, one caller executes.
 *
 * TLK's routines free a bad packet wherever they notice it. Here a handler returns a verdict:
 * accepted (the packet has been taken over by somebody), consumed (it has done what it came for), or
 * dropped for exactly one named reason, which is a counter of /proc/net/eduinet/snmp. finish() counts, traces and frees, in one place,
 * so no packet is lost without a name.
 *
 * Locking: none.
 */
#pragma once

#include "base/skb.hh"

namespace edu {

class [[nodiscard]] verdict {
public:
	/* The handler has passed the packet on; the skb_ptr it was given is empty. */
	static constexpr verdict accepted() { return verdict{EDU_COUNTER_COUNT}; }
	/* The packet has served its purpose (an ARP packet, an echo request): its normal end. */
	static constexpr verdict consumed() { return accepted(); }
	/* The caller throws the packet away; the skb_ptr still holds it. */
	static constexpr verdict drop(edu_counter reason) { return verdict{reason}; }

	constexpr bool is_drop() const { return reason_ != EDU_COUNTER_COUNT; }
	constexpr edu_counter reason() const { return reason_; }

private:
	constexpr explicit verdict(edu_counter reason) : reason_{reason} {}

	edu_counter reason_;
};

/* Counts, traces and frees a packet nobody wants. Any context. */
inline void drop(edu_net *net, skb_ptr packet, edu_counter reason)
{
	edu_k_count(net, reason);
	if (!packet)
		return;
	if (edu_k_trace_on) [[unlikely]]
		edu_k_trace_drop(net, reason, packet.get());
	edu_k_skb_drop(packet.release());
}

/* Does what a handler decided. */
inline void finish(edu_net *net, skb_ptr packet, verdict decided)
{
	if (decided.is_drop())
		drop(net, std::move(packet), decided.reason());
}

/* A packet crosses a layer boundary; costs one load while nobody watches. @ifindex: the device it leaves
 * by, where it does. */
inline void trace(edu_net *net, edu_trace_point point, const sk_buff *skb, int ifindex = 0)
{
	if (edu_k_trace_on) [[unlikely]]
		edu_k_trace_skb(net, point, skb, ifindex);
}

} // namespace edu
