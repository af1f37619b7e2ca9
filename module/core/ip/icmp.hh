// SPDX-License-Identifier: GPL-2.0-only
/*
 * ICMP: errors and questions about IP itself.
 *
 * TLK lists it among IP's protocols; IP-10, OVER-8. RFC 792, RFC 1122 3.2.2 (what may cause an error
 * and what not), RFC 1812 4.3.2 (how much to quote, rate limits), RFC 6633 (source quench is dead).
 * Not here: address masks (RFC 6918) are counted and ignored.
 *
 * Files: icmp.cc (messages in, and answers), icmp_error.cc (errors out, errors handed up), redirect.cc
 * (redirects, out and in).
 *
 * Locking: a leaf lock guards the two token buckets; all else needs none.
 */
#pragma once

#include "base/rate_limit.hh"
#include "ip/ip.hh"
#include "wire/icmp.hh"

namespace edu {

/* A limit whose numbers are tunables: rebuilt when they change. */
struct icmp_limit {
	u32 burst = 0; /* the numbers the bucket was made from */
	u32 interval = 0;
	token_bucket bucket{1, 0, 0};
};

struct icmp_state {
	spinlock lock;		/* EDU_LOCK_COUNTED */
	icmp_limit unreachable; /* type 3; 2.0 limited it apart from the others */
	icmp_limit others;
};

/* ICMP's entry of inet_protos. */
extern const inet_protocol icmp_protocol;

/* An error arrived, quoting a packet of ours: tells the transport and RAW sockets. Its data is at
 * the ICMP header; checksum verified. */
verdict icmp_rcv_error(edu_stack &host, skb_ptr &packet);

/* The header that an ICMP error quotes and the 8 octets behind it in a row, data at the ICMP header;
 * false when they are not there. */
bool icmp_gather_quote(const skb_ptr &packet);

/* A packet waited for ARP in vain. If it is ours its sender gets what a host unreachable would tell it,
 * else the host unreachable itself. Data at the IP header; borrowed. ARP's failure handler (ARP-5). */
void icmp_link_failure(edu_stack &host, const skb_ptr &packet);

/* Sends an ICMP message (data at the ICMP header, checksum complete) of ours. */
result<void> icmp_reply(edu_stack &host, skb_ptr message, be32 dst, be32 src, u8 tos,
			bytes options);

result<void> icmp_host_init(edu_stack &host);

} // namespace edu
