// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: the scoreboard of what we have sent, and what SACK blocks write on it.
 *
 * TLK: "what is not acknowledged is sent again" (TCP-5). Requirements: TCP-5, TCP-12. RFC 2018 5 and 8
 * (reneging), RFC 6675 4 (the scoreboard), RFC 2883 (D-SACK), RFC 8985 6.2 step 3 (reordering).
 * A block's edge inside a packet is rounded inwards: RFC 2018 lets us ignore the rest.
 *
 * A segment of rtx_queue is sacked, or it is in under_way (by the time it was sent) or to_resend (lost,
 * not sent again yet): its bits say which, and its links are in its cb. So RACK looks at the oldest ones
 * alone, and what is to be sent again is found at once.
 *
 * A block is told again in every ACK, and may cover thousands of sacked segments. Each of them says how far
 * all behind it is sacked at least, and whoever walks over some of them tells them what he found. The walk costs
 * the segments newly sacked, and a few steps: nobody outside can make it walk over the same ones for ever.
 *
 * Locking: every function is called with the socket locked.
 */
#include "transport/tcp_ack.hh"
#include "transport/tcp_output.hh"

#include "stack.hh"

namespace edu {

namespace {

/*
 * The two lists
 */

/* The list that a segment with these bits is in. */
tcp_sent_list *tcp_list_of(tcp_sock &s, const tcp_skb_cb &cb)
{
	constexpr u8 lost_or_resent = tcp_sacked::lost | tcp_sacked::retrans;

	if (!(cb.sacked & tcp_sacked::sent) || cb.sacked & tcp_sacked::sacked)
		return nullptr;
	return (cb.sacked & lost_or_resent) == tcp_sacked::lost ? &s.to_resend : &s.under_way;
}

/* Behind `after`; null: in front of all. */
void tcp_list_insert(tcp_sent_list &list, sk_buff *after, sk_buff *skb)
{
	sk_buff *behind = after ? tcp_cb(after).way.behind : list.first;

	tcp_cb(skb).way = {after, behind};
	(after ? tcp_cb(after).way.behind : list.first) = skb;
	(behind ? tcp_cb(behind).way.before : list.last) = skb;
	list.hint = skb;
}

void tcp_list_remove(tcp_sent_list &list, sk_buff *skb)
{
	const auto way = tcp_cb(skb).way;

	(way.before ? tcp_cb(way.before).way.behind : list.first) = way.behind;
	(way.behind ? tcp_cb(way.behind).way.before : list.last) = way.before;
	if (list.hint == skb)
		list.hint = way.before;
}

/* Where it goes in to_resend. Losses are mostly found in order: it goes behind all, or behind the one that was
 * put in before it, or in front. Otherwise its place is sought as far as that is cheap. */
sk_buff *tcp_place_to_resend(const tcp_sent_list &list, seq32 seq)
{
	constexpr u32 most_steps = 8;
	sk_buff *after = list.hint && tcp_cb(list.hint).seq < seq ? list.hint : nullptr;

	if (list.last && tcp_cb(list.last).seq < seq)
		return list.last;
	for (u32 i = 0; i < most_steps; i++) {
		sk_buff *next = after ? tcp_cb(after).way.behind : list.first;

		if (!next || tcp_cb(next).seq > seq)
			break;
		after = next;
	}
	return after;
}

/* Into the list that its bits say; the one under way was sent last of all. */
void tcp_score_link(tcp_sock &s, sk_buff *skb)
{
	tcp_sent_list *list = tcp_list_of(s, tcp_cb(skb));

	if (list == &s.to_resend)
		tcp_list_insert(*list, tcp_place_to_resend(*list, tcp_cb(skb).seq), skb);
	else if (list)
		tcp_list_insert(*list, list->last, skb);
}

} // namespace

void tcp_score_unlink(tcp_sock &s, sk_buff *skb)
{
	if (tcp_sent_list *list = tcp_list_of(s, tcp_cb(skb)))
		tcp_list_remove(*list, skb);
}

/*
 * What happens to a segment
 */

void tcp_score_sent(tcp_sock &s, sk_buff *skb)
{
	tcp_cb(skb).sacked |= tcp_sacked::sent;
	tcp_score_link(s, skb);
}

void tcp_score_split(tcp_sock &s, sk_buff *skb, sk_buff *rest)
{
	if (tcp_sent_list *list = tcp_list_of(s, tcp_cb(skb)))
		tcp_list_insert(*list, skb, rest);
}

void tcp_score_resent(tcp_sock &s, sk_buff *skb, bool counted)
{
	tcp_skb_cb &cb = tcp_cb(skb);

	tcp_score_unlink(s, skb);
	if (counted && !(cb.sacked & (tcp_sacked::retrans | tcp_sacked::sacked))) {
		cb.sacked |= tcp_sacked::retrans;
		s.retrans_out += tcp_span(s, cb);
	}
	tcp_score_link(s, skb);
}

void tcp_mark_lost(tcp_sock &s, sk_buff *skb)
{
	tcp_skb_cb &cb = tcp_cb(skb);

	if (!(cb.sacked & tcp_sacked::sent) || cb.sacked & tcp_sacked::sacked ||
	    tcp_list_of(s, cb) == &s.to_resend)
		return;
	tcp_score_unlink(s, skb);
	if (cb.sacked & tcp_sacked::retrans)
		s.retrans_out -= tcp_span(s, cb);
	if (!(cb.sacked & tcp_sacked::lost))
		s.lost_out += tcp_span(s, cb);
	cb.sacked &= static_cast<u8>(~tcp_sacked::retrans);
	cb.sacked |= tcp_sacked::lost;
	tcp_score_link(s, skb);
	if (!s.sack_ok) /* what is lost has not arrived, whatever duplicate ACKs made us guess */
		s.sacked_out = tcp_min(s.sacked_out, s.flight() - s.lost_out);
}

void tcp_score_acked(tcp_sock &s, sk_buff *skb, u32 octets)
{
	const tcp_skb_cb &cb = tcp_cb(skb);

	if (cb.sacked & tcp_sacked::sacked) {
		s.sacked_out -= octets;
		if (cb.seq < s.judged_seq)
			s.judged_sacked -= octets;
	}
	if (cb.sacked & tcp_sacked::lost)
		s.lost_out -= octets;
	if (cb.sacked & tcp_sacked::retrans)
		s.retrans_out -= octets;
}

void tcp_note_arrival(tcp_sock &s, const tcp_skb_cb &cb, u32 octets, bool by_sack,
		      tcp_ack_news &news)
{
	const u32 trip = static_cast<u32>(news.now_us) - cb.sent_us;

	s.delivered += octets;
	news.delivered += octets;
	if (cb.sacked & tcp_sacked::lost)
		news.lost_acked = true;
	if (s.sack_ok)
		tcp_rack_advance(s, cb, news);
	if (cb.sacked & tcp_sacked::ever_retrans) { /* which of the two has arrived? (Karn) */
		news.retrans_acked = true;
		return;
	}
	const seq32 from = seq32::later(cb.seq, news.prior_una);
	const bool orig = from + octets <= s.high_seq;

	if (orig)
		news.orig_acked = true;
	if (from < news.prior_high_sacked && (!news.reordered || from < news.reordered_from)) {
		news.reordered = true;
		news.reordered_from = from;
	}
	/* After a timeout, the ACK may be the answer to what it has sent again; the one before, lost. */
	if (orig && s.ca_state == tcp_ca_state::loss)
		return;
	s64 &newest = by_sack ? news.sacked_us : news.newest_us;

	if (newest < 0 || trip < newest)
		newest = trip;
	if (!by_sack && news.oldest_us < 0)
		news.oldest_us = trip;
}

void tcp_unmark_lost(tcp_sock &s)
{
	tcp_sent_list &old = s.to_resend, &list = s.under_way;

	/* What waited to be sent again was sent before all that is under way, or nearly so. */
	if (old.first) {
		(list.first ? tcp_cb(list.first).way.before : list.last) = old.last;
		tcp_cb(old.last).way.behind = list.first;
		list.first = old.first;
		old = {};
	}
	for (sk_buff *skb = edu_k_skb_tree_first(&s.rtx_queue); skb;
	     skb = edu_k_skb_tree_next(&s.rtx_queue, skb))
		tcp_cb(skb).sacked &= static_cast<u8>(~tcp_sacked::lost);
	s.lost_out = 0;
}

void tcp_forget_sacks(tcp_sock &s)
{
	for (sk_buff *skb = edu_k_skb_tree_first(&s.rtx_queue); skb;
	     skb = edu_k_skb_tree_next(&s.rtx_queue, skb)) {
		tcp_skb_cb &cb = tcp_cb(skb);

		if (!(cb.sacked & tcp_sacked::sacked))
			continue;
		cb.sacked &= static_cast<u8>(~tcp_sacked::sacked);
		tcp_list_insert(s.under_way, nullptr, skb);
	}
	s.sacked_out = s.judged_sacked = 0;
	s.judged_seq = s.high_sacked = s.snd_una;
}

/*
 * SACK blocks
 */

namespace {

void tcp_mark_sacked(tcp_sock &s, sk_buff *skb, tcp_ack_news &news)
{
	tcp_skb_cb &cb = tcp_cb(skb);
	const u32 span = tcp_span(s, cb);

	tcp_note_arrival(s, cb, span, true, news);
	tcp_score_unlink(s, skb);
	if (cb.sacked & tcp_sacked::retrans)
		s.retrans_out -= span;
	if (cb.sacked & tcp_sacked::lost)
		s.lost_out -= span;
	cb.sacked &= static_cast<u8>(~(tcp_sacked::retrans | tcp_sacked::lost));
	cb.sacked |= tcp_sacked::sacked;
	cb.sacked_upto = cb.end_seq;
	s.sacked_out += span;
	if (cb.seq < s.judged_seq)
		s.judged_sacked += span;
	s.high_sacked = seq32::later(s.high_sacked, cb.end_seq);
	news.newly_sacked += span;
}

/* Cuts a segment of rtx_queue in two, between packets. The second half; null: no memory, or too much is used. */
sk_buff *tcp_cut(tcp_sock &s, sk_buff *skb, u32 len)
{
	sk_buff *rest = tcp_is_cut_enough(s) ? nullptr : tcp_split(s, skb, len);

	if (rest)
		edu_k_skb_tree_insert(&s.rtx_queue, rest);
	return rest;
}

/* The packets of a segment that lie wholly within a block, as a segment of their own; null: none, or no
 * memory. */
sk_buff *tcp_cut_to_block(tcp_sock &s, sk_buff *skb, const wire::tcp::sack_block &block)
{
	const u32 mss = tcp_cb(skb).mss;

	if (tcp_cb(skb).seq < block.left) {
		const u32 in_front = static_cast<u32>(block.left - tcp_cb(skb).seq);
		const u32 len = (in_front + mss - 1) / mss * mss;

		if (len >= skb_len(skb))
			return nullptr;
		skb = tcp_cut(s, skb, len);
	}
	if (skb && block.right < tcp_cb(skb).end_seq) {
		const s32 covered = block.right - tcp_cb(skb).seq;
		const u32 last = skb_len(skb) - 1; /* a FIN is no packet of its own behind data */
		const u32 most = covered < 0 ? 0 : tcp_min(static_cast<u32>(covered), last);

		if (most < mss || !tcp_cut(s, skb, most - most % mss))
			return nullptr;
	}
	return skb;
}

/* The segment that begins at a boundary; null: there is none. */
sk_buff *tcp_segment_at(tcp_sock &s, seq32 seq)
{
	sk_buff *skb = edu_k_skb_tree_find(&s.rtx_queue, seq.raw());

	return skb && tcp_cb(skb).seq == seq ? skb : nullptr;
}

/* The one behind a run of sacked ones, as far as skb knows. */
sk_buff *tcp_behind_run(tcp_sock &s, sk_buff *skb)
{
	const tcp_skb_cb &cb = tcp_cb(skb);

	if (cb.sacked_upto == cb.end_seq)
		return edu_k_skb_tree_next(&s.rtx_queue, skb);
	return tcp_segment_at(s, cb.sacked_upto);
}

/* All from skb to upto is sacked: those that a walk met are told. */
void tcp_tell_run(tcp_sock &s, sk_buff *skb, seq32 upto)
{
	while (skb && tcp_cb(skb).seq < upto && tcp_cb(skb).sacked & tcp_sacked::sacked) {
		sk_buff *behind = tcp_behind_run(s, skb);

		tcp_cb(skb).sacked_upto = seq32::later(tcp_cb(skb).sacked_upto, upto);
		skb = behind;
	}
}

/* A block within what we have sent. */
void tcp_take_block(tcp_sock &s, const wire::tcp::sack_block &block, tcp_ack_news &news)
{
	sk_buff *skb = edu_k_skb_tree_find(&s.rtx_queue, block.left.raw());
	sk_buff *run = nullptr; /* the first of a run of sacked ones … */
	seq32 run_end;		/* … that reaches to here */

	if (skb && tcp_cb(skb).end_seq <= block.left)
		skb = edu_k_skb_tree_next(&s.rtx_queue, skb);
	else if (!skb)
		skb = edu_k_skb_tree_first(&s.rtx_queue);
	while (skb && tcp_cb(skb).seq < block.right) {
		sk_buff *taken = skb;

		if (!(tcp_cb(skb).sacked & tcp_sacked::sacked)) {
			taken = tcp_cut_to_block(s, skb, block);
			if (taken)
				tcp_mark_sacked(s, taken, news);
		}
		if (!taken) {
			tcp_tell_run(s, run, run_end);
			run = nullptr;
			skb = edu_k_skb_tree_next(&s.rtx_queue, skb);
			continue;
		}
		if (!run)
			run = taken;
		run_end = tcp_cb(taken).sacked_upto;
		skb = tcp_behind_run(s, taken);
	}
	tcp_tell_run(s, run, run_end);
}

/* RFC 2883 4: the first block, below the acknowledgement or within the second one. */
bool tcp_has_dsack(const tcp_segment &segment)
{
	const wire::tcp::options &opts = segment.opts;
	const wire::tcp::sack_block &first = opts.sack[0], &second = opts.sack[1];

	return first.left < segment.ack ||
	       (opts.sack_count > 1 && first.left >= second.left && first.right <= second.right);
}

/* The peer got octets twice. If it tells of more than we have ever sent again, the network made them, or
 * the peer lies: nothing follows from it. */
void tcp_take_dsack(tcp_sock &s, const wire::tcp::sack_block &block, tcp_ack_news &news)
{
	if (block.left >= block.right || block.right > s.snd_nxt)
		return;
	const u32 span = static_cast<u32>(block.right - block.left);
	const u32 segments = (span + s.mss_cache - 1) / s.mss_cache;

	if (span > s.max_window)
		return;
	s.host->count(EDU_Tcp_InDsacks);
	s.dsack_dups += segments;
	if (s.dsack_dups > s.total_retrans)
		return;
	news.dsack = true;
	if (s.tlp_pending && s.tlp_retrans && block.right == s.tlp_high_seq) {
		news.dsack_of_probe = true;
		return;
	}
	if (!s.undo_valid || !s.undo_retrans || block.left < s.undo_marker ||
	    block.right > s.undo_end)
		return;
	s.undo_retrans -= tcp_min(s.undo_retrans, segments);
	news.all_needless = !s.undo_retrans;
}

/* RFC 8985 6.2 step 3: by how much was it overtaken? What is overtaken by as much later is no loss. */
void tcp_note_reordering(tcp_sock &s, const tcp_ack_news &news)
{
	const u32 most = s.host->tune(EDU_TUNE_tcp_max_reordering);
	const u32 octets = static_cast<u32>(news.prior_high_sacked - news.reordered_from);
	const u32 segments = (octets + s.mss_cache - 1) / s.mss_cache;

	if (segments > s.reordering)
		s.reordering = tcp_min(segments, most);
	s.rack_reorder_seen = true;
	s.reord_seen++;
	s.host->count(EDU_Tcp_Reorderings);
}

} // namespace

void tcp_take_sack(tcp_sock &s, const tcp_segment &segment, tcp_ack_news &news)
{
	const wire::tcp::options &opts = segment.opts;
	const bool dsack = tcp_has_dsack(segment);

	edu_k_count_add(s.host->net, EDU_Tcp_InSackBlocks, opts.sack_count);
	if (dsack)
		tcp_take_dsack(s, opts.sack[0], news);
	for (u32 i = 0; i < opts.sack_count; i++) {
		const wire::tcp::sack_block &block = opts.sack[i];

		/* Nothing that we have not sent; nothing that an ACK says is missing. */
		if (block.left < block.right && block.right <= s.snd_nxt && block.left > s.snd_una)
			tcp_take_block(s, block, news);
	}
}

void tcp_after_arrivals(tcp_sock &s, const tcp_ack_news &news)
{
	if (!s.sacked_out)
		s.high_sacked = s.snd_una;
	if (news.reordered && (s.ca_state != tcp_ca_state::loss || s.undo_valid))
		tcp_note_reordering(s, news);
}

} // namespace edu
