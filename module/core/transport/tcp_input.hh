// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the files that receive segments share: decoding, the SACK blocks that are told, the window that is
 * promised.
 *
 * Requirements: TCP-5, TCP-12. RFC 9293 3.8.6.2.2 (MUST-39), RFC 2018 3 and 4, RFC 7323 2.3.
 *
 * Locking: the functions that take a tcp_sock are called with it locked; the rest are values.
 */
#pragma once

#include "transport/tcp.hh"

namespace edu {

/* How many ACKs in a row may go out at once when something is not in order, or at the beginning. */
inline constexpr u8 tcp_most_quick_acks = 16;

/* Data has come in order: what its buffer says of the peer and of the memory that data takes. */
struct tcp_arrival {
	u32 len;     /* octets of payload */
	u32 segment; /* octets in each packet of the wire: less than len if a device has merged some */
	u32 truesize; /* octets of memory */
	bool pushed;  /* PSH or FIN: a short segment is no sign of a short MSS */
};

/*
 * transport/tcp_data.cc
 */

/* The urgent pointer (RFC 9293 3.8.5), and the urgent octet if this segment has it. */
void tcp_take_urgent(tcp_sock &s, const tcp_segment &segment, const skb_ptr &packet);
/* Octets [left, right) came once more: the next ACK says so (RFC 2883). */
void tcp_note_duplicate(tcp_sock &s, seq32 left, seq32 right);

/*
 * transport/tcp_collapse.cc
 */

/* Is there room in the receive buffer for one more segment? If not, makes some: packs what lies in it,
 * then gives up octets out of order, the last ones first. */
bool tcp_make_room(tcp_sock &s);
/* If that could not be: may octets in order go in nevertheless, for they were promised room? */
bool tcp_promise_fits(const tcp_sock &s);

/*
 * transport/tcp_window.cc
 */

/* Data has come in order and is to be acknowledged: measures the peer's pace and segments. */
void tcp_data_arrived(tcp_sock &s, const tcp_arrival &what);
/* A segment has proved worth its memory: rcv_ssthresh grows. */
void tcp_grow_window(tcp_sock &s, const tcp_arrival &what);
/* The receive buffer is full: it becomes larger, if it may, or the window smaller. */
void tcp_clamp_window(tcp_sock &s);
/* What the peer has echoed tells the round trip, if the segment was a full one. */
void tcp_rcv_rtt_by_echo(tcp_sock &s, u32 echo, u32 len);

inline void tcp_schedule_ack(tcp_sock &s)
{
	s.ack_pending |= tcp_ack_due::scheduled;
}

inline void tcp_ack_now(tcp_sock &s)
{
	s.ack_pending |= tcp_ack_due::scheduled | tcp_ack_due::now;
}

/* Does the buffer hold more than it should? */
inline bool tcp_rcvbuf_is_full(const tcp_sock &s)
{
	return edu_k_sock_rmem(home(s)) > edu_k_sock_rcvbuf(home(s));
}

inline bool tcp_is_dead(const tcp_sock &s)
{
	return edu_k_sock_flags(home(s)) & EDU_SOCK_DEAD;
}

/*
 * Options
 */

/* The options of a segment. Most have timestamps alone, laid out as everybody does: no loop for those. */
constexpr wire::tcp::options tcp_decode_options(bytes in, bool is_syn)
{
	constexpr u32 only_timestamps = 0x0101080a; /* nop, nop, kind 8, length 10 */
	wire::tcp::options out;

	if (in.empty())
		return out;
	if (in.size() != 12 || load_be32(&in[0]) != only_timestamps)
		return wire::tcp::options::parse(in, is_syn);
	out.has_timestamps = true;
	out.ts_value = load_be32(&in[4]);
	out.ts_echo = load_be32(&in[8]);
	return out;
}

/*
 * SACK blocks that we tell (RFC 2018 4): newest first, and no two touch each other. There are at most
 * four, so none of these is more than a few steps.
 */

using tcp_sack_blocks = wire::tcp::sack_block[4];

/* Octets [left, right) have come out of order. What is told beyond four is forgotten, the oldest first. */
constexpr void tcp_sacks_add(tcp_sack_blocks &blocks, u8 &count, wire::tcp::sack_block added)
{
	tcp_sack_blocks others = {};
	u8 kept = 0;

	for (u8 i = 0; i < count; i++) {
		const wire::tcp::sack_block &b = blocks[i];

		if (b.right < added.left || added.right < b.left) {
			others[kept++] = b;
			continue;
		}
		added = {seq32::earlier(b.left, added.left), seq32::later(b.right, added.right)};
	}
	blocks[0] = added;
	count = 1;
	for (u8 i = 0; i < kept && count < std::size(blocks); i++)
		blocks[count++] = others[i];
}

/* All up to rcv_nxt is acknowledged. */
constexpr void tcp_sacks_advance(tcp_sack_blocks &blocks, u8 &count, seq32 rcv_nxt)
{
	u8 kept = 0;

	for (u8 i = 0; i < count; i++)
		if (rcv_nxt < blocks[i].left)
			blocks[kept++] = blocks[i];
	count = kept;
}

/* All from `end` on has been given up (RFC 2018 8). */
constexpr void tcp_sacks_cut(tcp_sack_blocks &blocks, u8 &count, seq32 end)
{
	u8 kept = 0;

	for (u8 i = 0; i < count; i++)
		if (blocks[i].left < end)
			blocks[kept++] = {blocks[i].left, seq32::earlier(blocks[i].right, end)};
	count = kept;
}

/*
 * Windows. Octets.
 */

/* Of the memory of a receive buffer, half is for data: the rest is what its buffers cost. */
constexpr u32 tcp_window_of(u32 memory)
{
	return memory / 2;
}

constexpr u32 tcp_round_up(u32 octets, u8 scale)
{
	const u32 rest = (u32{1} << scale) - 1;

	return octets > ~rest ? ~rest : (octets + rest) & ~rest;
}

/* What a window is chosen from. */
struct tcp_window_choice {
	u32 mss;     /* the peer's segments */
	u32 free;    /* room for data now */
	u32 full;    /* … and when all has been read */
	u32 clamp;   /* never more */
	u32 slow;    /* rcv_ssthresh: not yet more */
	u32 offered; /* rcv_wnd: what was promised last */
	u8 scale;
};

/*
 * The window that ought to be told (MUST-39). With little room it is zero, rather than a crumb: until a
 * segment fits, and a sixteenth of the buffer is free. Without a scale it is a whole number of segments.
 */
constexpr u32 tcp_choose_window(tcp_window_choice c)
{
	const u32 most = c.clamp < c.full ? c.clamp : c.full;

	if (c.mss > most)
		c.mss = most;
	if (!c.mss)
		return 0;
	if (c.free < most / 2) {
		c.free = c.free >>
			 c.scale << c.scale; /* rounding must not promise what is not there */
		if (c.free < c.full / 16 || c.free < c.mss)
			return 0;
	}
	if (c.free > c.slow)
		c.free = c.slow;
	if (c.scale)
		return tcp_round_up(c.free, c.scale);
	if (c.offered > c.free || c.free - c.offered >= c.mss)
		return c.free - c.free % c.mss;
	if (c.mss == most && c.free - c.offered > most / 2)
		return c.free;
	return c.offered;
}

/* The shift that lets a window of so many octets be told (RFC 7323 2.2, 2.3). */
constexpr u8 tcp_scale_for(u32 window)
{
	u8 scale = 0;

	while (scale < wire::tcp::max_window_scale && window >> scale > 0xffff)
		scale++;
	return scale;
}

} // namespace edu
