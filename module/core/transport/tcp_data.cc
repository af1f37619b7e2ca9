// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: octets received, in order and out of it.
 *
 * TLK "TCP" under "TCP/IP network layers": no loss, no duplication, in order (OVER-6); 2.0's tcp_data(),
 * tcp_queue(), tcp_check_urg(), tcp_fin(). Requirements: TCP-5, TCP-8, TCP-12. RFC 9293 3.10.7.4, sixth to
 * eighth (SHLD-31), 3.8.5 (MUST-31, MUST-32, MUST-62); RFC 2018 4 and 8; RFC 2883; RFC 5681 4.2 (an ACK at
 * once for what is out of order, and for what fills a hole). Of urgent data, one octet can be told apart, as
 * in Linux and RFC 6093; the rest is in the stream like any other.
 *
 * What comes in order is appended to receive_queue, to its last sk_buff if their memory allows. What comes
 * before its time is kept in a tree by its number. Invariant of the tree: of two segments, the one that
 * begins later ends later. So a segment that comes meets one neighbour before it, and those behind it that
 * it covers leave: each is put in and taken out once, whatever the order an attacker chooses. Octets that
 * come twice are never compared: those that came first stay. A segment on receive_queue may begin with
 * octets that have been read from the one before: its reader knows by its number.
 *
 * Locking: every function is called with the socket locked.
 */
#include "transport/tcp_input.hh"

#include "stack.hh"

namespace edu {

namespace {

/* What a segment brings: numbers of its octets and its FIN, less what is beyond the window. */
struct tcp_text {
	const tcp_segment &from;
	seq32 seq, end; /* end counts the FIN */
	bool fin;
};

tcp_arrival tcp_arrival_of(const tcp_text &t, const skb_ptr &packet)
{
	unsigned int size = 0;

	(void)edu_k_skb_packets(packet.get(), &size);
	return {
		.len = packet.len(),
		.segment = size ? size : packet.len(),
		.truesize = skb_truesize(packet.get()),
		.pushed = t.fin || t.from.has(wire::tcp::flag::psh),
	};
}

/* It is going to wait. */
void tcp_label(sk_buff *skb, const tcp_text &t)
{
	tcp_skb_cb cb{};

	cb.seq = t.seq;
	cb.end_seq = t.end;
	cb.flags = t.fin ? wire::tcp::flag::fin : 0;
	cb.in = {t.from.ttl, t.from.tos, t.from.ifindex};
	tcp_cb(skb) = cb;
	edu_k_skb_park(skb);
}

bool tcp_has_fin(sk_buff *skb)
{
	return tcp_cb(skb).flags & wire::tcp::flag::fin;
}

/* Appends skb's octets, which follow, to those of `to`; then skb is gone. False: it is as it was. */
bool tcp_try_coalesce(tcp_sock &s, sk_buff *to, sk_buff *skb)
{
	const tcp_skb_cb cb = tcp_cb(skb);

	if (!to || tcp_cb(to).end_seq != cb.seq || tcp_has_fin(to) ||
	    !edu_k_stream_coalesce(home(s), to, skb))
		return false;
	tcp_cb(to).end_seq = cb.end_seq;
	tcp_cb(to).flags |= cb.flags;
	s.host->count(EDU_Tcp_InCoalesced);
	return true;
}

/* All up to `end` has come. */
void tcp_move_rcv_nxt(tcp_sock &s, seq32 end)
{
	s.bytes_received += static_cast<u32>(end - s.rcv_nxt);
	write_once_seq(s.rcv_nxt, end);
}

/* The octets are not wanted, or not now: the peer hears at once where we stand. */
verdict tcp_refuse_text(tcp_sock &s, edu_counter why)
{
	tcp_enter_quickack(s, tcp_most_quick_acks);
	tcp_ack_now(s);
	return verdict::drop(why);
}

/*
 * In order
 */

/* Segments that waited follow now. */
void tcp_drain_out_of_order(tcp_sock &s)
{
	const seq32 before = s.rcv_nxt;

	while (sk_buff *skb = edu_k_skb_tree_first(&s.out_of_order_queue)) {
		const tcp_skb_cb cb = tcp_cb(skb);

		if (cb.seq > s.rcv_nxt)
			break;
		if (cb.seq < before)
			tcp_note_duplicate(s, cb.seq, seq32::earlier(cb.end_seq, before));
		edu_k_skb_tree_remove(&s.out_of_order_queue, skb);
		if (cb.end_seq <= s.rcv_nxt) {
			edu_k_skb_consume(skb);
			continue;
		}
		if (!tcp_try_coalesce(s, edu_k_rxq_last(home(s)), skb))
			edu_k_rxq_append(home(s), skb);
		tcp_move_rcv_nxt(s, cb.end_seq);
		if (cb.flags & wire::tcp::flag::fin) {
			tcp_fin(s);
			break;
		}
	}
}

/* Onto receive_queue. False: there is no room. */
bool tcp_append_text(tcp_sock &s, const tcp_text &t, skb_ptr &packet)
{
	sk_buff *last = edu_k_rxq_last(home(s));

	if (last && !tcp_make_room(s) && !tcp_promise_fits(s))
		return false;
	last = edu_k_rxq_last(home(s)); /* room may have been made by packing it */
	trace(s.host->net, EDU_TRACE_sock_queue, packet.get());
	tcp_label(packet.get(), t);
	if (tcp_try_coalesce(s, last, packet.get())) {
		(void)packet.release();
		return true;
	}
	/* A reader that waits for this very segment must get it, whatever the memory. */
	if (edu_k_stream_charge_rcv(home(s), packet.get(), !last))
		return false;
	edu_k_rxq_append(home(s), packet.release());
	return true;
}

/* rcv_nxt has come to a segment that waited, or passed it. */
void tcp_fill_holes(tcp_sock &s)
{
	tcp_ack_now(s); /* RFC 5681 4.2 */
	tcp_drain_out_of_order(s);
	tcp_sacks_advance(s.sacks, s.sack_count, s.rcv_nxt);
}

verdict tcp_text_in_order(tcp_sock &s, const tcp_text &t, skb_ptr &packet)
{
	const tcp_arrival arrival = tcp_arrival_of(t, packet);

	if (t.seq < s.rcv_nxt)
		tcp_note_duplicate(s, t.seq, s.rcv_nxt);
	if (arrival.len && !tcp_append_text(s, t, packet)) { /* a FIN alone needs no place */
		edu_k_sock_data_ready(home(s));		     /* read, that there be room */
		return tcp_refuse_text(s, EDU_Tcp_DropRcvbufFull);
	}
	tcp_move_rcv_nxt(s, t.end);
	if (arrival.len)
		tcp_data_arrived(s, arrival);
	if (t.fin)
		tcp_fin(s);
	else if (edu_k_skb_tree_first(&s.out_of_order_queue))
		tcp_fill_holes(s);
	if (!tcp_is_dead(s))
		edu_k_sock_data_ready(home(s));
	return verdict::consumed();
}

/*
 * Out of order
 */

/* Those behind skb that it covers leave. What a last one has beyond skb stays. */
void tcp_swallow_followers(tcp_sock &s, sk_buff *skb)
{
	const seq32 end = tcp_cb(skb).end_seq;

	while (sk_buff *next = edu_k_skb_tree_next(&s.out_of_order_queue, skb)) {
		const tcp_skb_cb cb = tcp_cb(next);

		if (end <= cb.seq)
			break;
		tcp_note_duplicate(s, cb.seq, seq32::earlier(end, cb.end_seq));
		if (end < cb.end_seq)
			break;
		edu_k_skb_tree_remove(&s.out_of_order_queue, next);
		edu_k_skb_consume(next);
	}
}

/* Into the tree, behind `before`, the last one that does not begin later. False: no memory. */
bool tcp_insert_out_of_order(tcp_sock &s, const tcp_text &t, sk_buff *before, skb_ptr &packet)
{
	sk_buff *skb = packet.get();

	tcp_label(skb, t);
	if (tcp_try_coalesce(s, before, skb)) {
		(void)packet.release();
		tcp_swallow_followers(s, before);
		return true;
	}
	if (edu_k_stream_charge_rcv(home(s), skb, 0))
		return false;
	if (before && tcp_cb(before).seq == t.seq) { /* it has less */
		edu_k_skb_tree_remove(&s.out_of_order_queue, before);
		edu_k_skb_consume(before);
	}
	edu_k_skb_tree_insert(&s.out_of_order_queue, packet.release());
	tcp_swallow_followers(s, skb);
	return true;
}

/* SHLD-31: kept, until what is missing comes. The ACK that says so goes at once (RFC 5681 4.2). */
verdict tcp_text_out_of_order(tcp_sock &s, const tcp_text &t, skb_ptr &packet)
{
	const tcp_arrival arrival = tcp_arrival_of(t, packet);
	unsigned int size;

	s.host->count(EDU_Tcp_InOutOfOrder);
	s.rcv_ooopack += edu_k_skb_packets(packet.get(), &size);
	tcp_ack_now(s);
	if (!tcp_make_room(s)) {
		edu_k_sock_data_ready(home(s));
		return verdict::drop(EDU_Tcp_DropRcvbufFull);
	}
	sk_buff *before = edu_k_skb_tree_find(&s.out_of_order_queue, t.seq.raw());

	if (before && t.seq < tcp_cb(before).end_seq)
		tcp_note_duplicate(s, t.seq, seq32::earlier(t.end, tcp_cb(before).end_seq));
	if (before && t.end <= tcp_cb(before).end_seq) {
		tcp_sacks_add(s.sacks, s.sack_count, {t.seq, t.end});
		return verdict::drop(EDU_Tcp_DropDuplicate);
	}
	if (!tcp_insert_out_of_order(s, t, before, packet))
		return verdict::drop(EDU_Tcp_DropNoMemory);
	tcp_sacks_add(s.sacks, s.sack_count, {t.seq, t.end});
	tcp_grow_window(s, arrival);
	return verdict::accepted();
}

/* What lies beyond the window is cut off. A FIN right at its edge needs no room. False: no memory. */
bool tcp_cut_to_window(tcp_text &t, skb_ptr &packet, seq32 edge)
{
	if (t.end - t.fin <= edge)
		return true;
	if (!packet.trim(static_cast<u32>(edge - t.seq)))
		return false;
	t.end = edge;
	t.fin = false;
	return true;
}

} // namespace

verdict tcp_data_queue(tcp_sock &s, const tcp_segment &segment, skb_ptr &packet)
{
	tcp_text t{segment, segment.seq, segment.end_seq(), segment.has(wire::tcp::flag::fin)};
	const u32 window = s.receive_window();
	const seq32 edge = s.rcv_nxt + window;

	if (t.seq == t.end)
		return verdict::consumed();
	if (t.end <= s.rcv_nxt) {
		tcp_note_duplicate(s, t.seq, t.end);
		return tcp_refuse_text(s, EDU_Tcp_DropDuplicate);
	}
	const bool bare_fin = t.fin && !segment.len && t.seq == s.rcv_nxt;

	if (!bare_fin && !window)
		return tcp_refuse_text(s, EDU_Tcp_DropZeroWindow);
	if (!bare_fin && t.seq >= edge)
		return tcp_refuse_text(s, EDU_Tcp_DropOutOfWindow);
	if (!tcp_cut_to_window(t, packet, edge))
		return verdict::drop(EDU_Tcp_DropNoMemory);
	if (t.seq <= s.rcv_nxt) [[likely]]
		return tcp_text_in_order(s, t, packet);
	return tcp_text_out_of_order(s, t, packet);
}

/* Eighth: the state that follows from the peer's FIN, which rcv_nxt has passed. */
void tcp_fin(tcp_sock &s)
{
	s.fin_received = true;
	tcp_schedule_ack(s);
	/* Nothing can follow it. */
	while (sk_buff *skb = edu_k_skb_tree_first(&s.out_of_order_queue)) {
		edu_k_skb_tree_remove(&s.out_of_order_queue, skb);
		edu_k_skb_consume(skb);
	}
	s.sack_count = 0;
	edu_k_sock_shutdown(home(s), rcv_shut); /* wakes whoever reads */
	if (!tcp_is_dead(s))
		edu_k_sock_wake_async(home(s), EDU_WAKE_IN);
	switch (state_of(s)) {
	case sock_state::syn_recv:
	case sock_state::established:
		tcp_set_state(s, sock_state::close_wait);
		s.pingpong = true; /* our FIN may carry the ACK */
		break;
	case sock_state::fin_wait1: /* both ends close at once */
		tcp_send_ack(s);
		tcp_set_state(s, sock_state::closing);
		break;
	case sock_state::fin_wait2:
		tcp_send_ack(s);
		tcp_time_wait(s, sock_state::time_wait, s.host->tune(EDU_TUNE_tcp_time_wait_ms));
		break;
	default:
		break;
	}
}

/*
 * Urgent data
 */

namespace {

/* The urgent octet before this one was never read, and lies where the program reads next. It is not to
 * become part of the stream (unless SO_OOBINLINE says so). */
void tcp_skip_former_urgent(tcp_sock &s)
{
	if (!s.urg_data || s.urg_seq != s.copied_seq || s.copied_seq == s.rcv_nxt ||
	    edu_k_sock_flags(home(s)) & EDU_SOCK_URGINLINE)
		return;
	sk_buff *first = edu_k_rxq_first(home(s));

	write_once_seq(s.copied_seq, s.copied_seq + 1);
	if (first && tcp_cb(first).end_seq <= s.copied_seq) {
		edu_k_rxq_unlink(home(s), first);
		edu_k_skb_consume(first);
	}
}

/* MUST-62: the pointer is to the octet behind the urgent one; MUST-32: the program hears of it at once. One
 * that is not ahead of what we know says nothing new. */
void tcp_move_urgent(tcp_sock &s, const tcp_segment &g)
{
	const seq32 at = g.seq + (g.urgent ? g.urgent - 1u : 0);

	if (at < s.copied_seq || at < s.rcv_nxt || (s.urg_data && at <= s.urg_seq))
		return;
	edu_k_sock_urgent(home(s));
	tcp_skip_former_urgent(s);
	s.urg_seq = at;
	write_once(s.urg_data, tcp_urg_notyet);
}

} // namespace

void tcp_take_urgent(tcp_sock &s, const tcp_segment &segment, const skb_ptr &packet)
{
	u8 octet = 0;

	if (segment.has(wire::tcp::flag::urg)) [[unlikely]]
		tcp_move_urgent(s, segment);
	if (s.urg_data != tcp_urg_notyet || !s.urg_seq.in_window(segment.seq, segment.len))
		[[likely]]
		return;
	const u32 offset = static_cast<u32>(s.urg_seq - segment.seq);

	if (edu_k_skb_copy_bits(packet.get(), offset, &octet, 1))
		return;
	write_once(s.urg_data, static_cast<u16>(tcp_urg_valid | octet));
	if (!tcp_is_dead(s))
		edu_k_sock_data_ready(home(s));
}

void tcp_note_duplicate(tcp_sock &s, seq32 left, seq32 right)
{
	if (!s.sack_ok || !s.host->tune(EDU_TUNE_tcp_dsack))
		return;
	if (!s.dsack_due) {
		s.dsack_due = true;
		s.dsack = {left, right};
	} else if (left <= s.dsack.right && s.dsack.left <= right) {
		s.dsack = {seq32::earlier(left, s.dsack.left), seq32::later(right, s.dsack.right)};
	}
}

/* RFC 2018 4: the newest first; RFC 2883 4: a duplicate before all, once. As many as there is room for. */
void tcp_fill_sack(tcp_sock &s, wire::tcp::options &opts)
{
	opts.sack_count = 0;
	if (s.dsack_due) {
		opts.sack[opts.sack_count++] = s.dsack;
		s.dsack_due = false;
		s.host->count(EDU_Tcp_OutDsacks);
	}
	for (u8 i = 0; i < s.sack_count && opts.sack_count < opts.max_sack; i++)
		opts.sack[opts.sack_count++] = s.sacks[i];
}

void tcp_purge_received(tcp_sock &s)
{
	while (sk_buff *skb = edu_k_rxq_first(home(s))) {
		edu_k_rxq_unlink(home(s), skb);
		edu_k_skb_consume(skb);
	}
	while (sk_buff *skb = edu_k_skb_tree_first(&s.out_of_order_queue)) {
		edu_k_skb_tree_remove(&s.out_of_order_queue, skb);
		edu_k_skb_consume(skb);
	}
	s.sack_count = 0;
	s.dsack_due = false;
}

u32 tcp_inq(const tcp_sock &s)
{
	if (state_in(s, {sock_state::listen, sock_state::syn_sent, sock_state::syn_recv}))
		return 0;
	const bool up_to_urgent = read_once(s.urg_data) &&
				  !(edu_k_sock_flags(home(s)) & EDU_SOCK_URGINLINE) &&
				  s.copied_seq <= s.urg_seq && s.urg_seq < s.rcv_nxt;
	const s32 there = (up_to_urgent ? s.urg_seq : s.rcv_nxt) - s.copied_seq;

	if (there <= 0)
		return 0;
	return static_cast<u32>(there) - (!up_to_urgent && s.fin_received);
}

} // namespace edu
