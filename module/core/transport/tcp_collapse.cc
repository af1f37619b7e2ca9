// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: the receive buffer is full.
 *
 * TLK "Socket Buffers"; 2.0's prune_queue(). Requirements: TCP-12. RFC 2018 8 (what was told by SACK may be
 * given up, though it should not), RFC 9293 3.8.6.2.2.
 *
 * A window counts octets, a buffer memory: small segments cost more than they hold. If they fill the
 * buffer, what follows each other is copied together. If that does not help, octets out of order are given
 * up, the last ones first, an eighth of the buffer at a time: so the walk through the queue that found
 * nothing to pack is paid for by the segments that leave, and a peer cannot have it for every segment. What is
 * in order is walked through once for each advance of rcv_nxt: a segment that is refused costs no walk.
 *
 * Locking: every function is called with the socket locked.
 */
#include "transport/tcp_input.hh"

#include "stack.hh"

namespace edu {

namespace {

/* Octets of a packed buffer: with its overhead, a page. */
constexpr u32 tcp_packed_len = 3072;
constexpr u32 tcp_packed_overhead = 1280; /* and its sk_buff */

/* The two places where received segments lie, seen alike. */
struct tcp_received_in_order {
	tcp_sock &s;

	sk_buff *first() const { return edu_k_rxq_first(home(s)); }
	sk_buff *next(sk_buff *skb) const { return edu_k_rxq_next(home(s), skb); }
	void replace(sk_buff *skb, sk_buff *packed) const
	{
		edu_k_rxq_insert(home(s), skb, packed);
		edu_k_rxq_unlink(home(s), skb);
		edu_k_skb_consume(skb);
	}
	void remove(sk_buff *skb) const
	{
		edu_k_rxq_unlink(home(s), skb);
		edu_k_skb_consume(skb);
	}
};

struct tcp_received_out_of_order {
	tcp_sock &s;

	sk_buff *first() const { return edu_k_skb_tree_first(&s.out_of_order_queue); }
	sk_buff *next(sk_buff *skb) const
	{
		return edu_k_skb_tree_next(&s.out_of_order_queue, skb);
	}
	void replace(sk_buff *skb, sk_buff *packed) const
	{
		remove(skb);
		edu_k_skb_tree_insert(&s.out_of_order_queue, packed);
	}
	void remove(sk_buff *skb) const
	{
		edu_k_skb_tree_remove(&s.out_of_order_queue, skb);
		edu_k_skb_consume(skb);
	}
};

/* Segments that follow each other, and fit into one buffer. */
struct tcp_run {
	u32 count = 0;
	u32 octets = 0;	  /* without those that are there twice */
	u32 truesize = 0; /* what they cost now */
	seq32 end;
};

bool tcp_may_pack(sk_buff *skb)
{
	return !(tcp_cb(skb).flags & wire::tcp::flag::fin) && skb_len(skb);
}

template <typename place>
tcp_run tcp_measure_run(const place &at, sk_buff *skb)
{
	tcp_run run;

	for (; skb && tcp_may_pack(skb); skb = at.next(skb)) {
		const tcp_skb_cb &cb = tcp_cb(skb);

		if (run.count && (cb.seq > run.end || cb.end_seq <= run.end))
			break;
		const u32 fresh = static_cast<u32>(cb.end_seq - (run.count ? run.end : cb.seq));

		if (run.octets + fresh > tcp_packed_len)
			break;
		run.count++;
		run.octets += fresh;
		run.truesize += skb_truesize(skb);
		run.end = cb.end_seq;
	}
	return run;
}

/* Copies the run that begins with skb. null: no memory. */
template <typename place>
sk_buff *tcp_pack_run(const place &at, sk_buff *skb, const tcp_run &run)
{
	skb_ptr packed = skb_ptr::alloc(0, run.octets, gfp::atomic);

	if (!packed)
		return nullptr;
	tcp_cb(packed.get()) = tcp_cb(skb);
	tcp_cb(packed.get()).end_seq = run.end;
	seq32 upto = tcp_cb(skb).seq;

	for (u32 i = 0; i < run.count; i++, skb = at.next(skb)) {
		const u32 had = static_cast<u32>(upto - tcp_cb(skb).seq);
		const u32 fresh = static_cast<u32>(tcp_cb(skb).end_seq - upto);

		if (edu_k_skb_copy_bits(skb, had, packed.put(fresh), fresh))
			return nullptr;
		upto = tcp_cb(skb).end_seq;
	}
	return packed.release();
}

/* One run, if it is worth it. The segment behind it; null: the end, or no memory. */
template <typename place>
sk_buff *tcp_collapse_run(tcp_sock &s, const place &at, sk_buff *skb)
{
	constexpr u32 overhead = 1024; /* of a buffer of its own, about */
	const tcp_run run = tcp_measure_run(at, skb);

	if (run.count < 2 || run.truesize <= run.octets + overhead) {
		for (u32 i = 1; i < run.count; i++)
			skb = at.next(skb);
		return at.next(skb);
	}
	sk_buff *packed = tcp_pack_run(at, skb, run);

	if (!packed)
		return nullptr;
	for (u32 i = 1; i < run.count; i++)
		at.remove(at.next(skb));
	at.replace(skb, packed);
	(void)edu_k_stream_charge_rcv(home(s), packed, 1);
	s.host->count(EDU_Tcp_RcvCollapsed);
	return at.next(packed);
}

template <typename place>
void tcp_collapse(tcp_sock &s, const place &at)
{
	sk_buff *skb = at.first();

	while (skb)
		skb = tcp_collapse_run(s, at, skb);
}

/* From the far end: what is nearest will be of use first. */
void tcp_prune_out_of_order(tcp_sock &s)
{
	const u32 goal = edu_k_sock_rcvbuf(home(s)) / 8;
	u32 freed = 0;

	while (sk_buff *last = edu_k_skb_tree_last(&s.out_of_order_queue)) {
		if (freed >= goal && !tcp_rcvbuf_is_full(s))
			break;
		freed += skb_truesize(last);
		tcp_sacks_cut(s.sacks, s.sack_count, tcp_cb(last).seq);
		edu_k_skb_tree_remove(&s.out_of_order_queue, last);
		edu_k_skb_consume(last);
		s.host->count(EDU_Tcp_RcvPruned);
	}
}

} // namespace

/* A promise is half of the free memory, in octets. Packed, they cost less than that; but the buffer that is
 * not yet full of them may cost all of a full one. */
bool tcp_promise_fits(const tcp_sock &s)
{
	return edu_k_sock_rmem(home(s)) <=
	       edu_k_sock_rcvbuf(home(s)) + tcp_packed_len + tcp_packed_overhead;
}

bool tcp_make_room(tcp_sock &s)
{
	if (!tcp_rcvbuf_is_full(s)) [[likely]]
		return true;
	tcp_clamp_window(s);
	if (!tcp_rcvbuf_is_full(s))
		return true;
	tcp_collapse(s, tcp_received_out_of_order{s});
	if (s.collapsed_at != s.rcv_nxt) {
		s.collapsed_at = s.rcv_nxt;
		tcp_collapse(s, tcp_received_in_order{s});
	}
	if (!tcp_rcvbuf_is_full(s))
		return true;
	tcp_prune_out_of_order(s);
	return !tcp_rcvbuf_is_full(s);
}

} // namespace edu
