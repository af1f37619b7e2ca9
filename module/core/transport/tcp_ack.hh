// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the files that take acknowledgements share: the news of one ACK, and the arithmetic of recovery.
 *
 * Requirements: TCP-5, TCP-12 (MUST-18, MUST-19). tcp_ack.cc takes a segment's acknowledgement, tcp_sack.cc
 * keeps the scoreboard, tcp_recovery.cc decides what is lost (with tcp_rack.cc) and what follows from that.
 *
 * Locking: the functions that take a tcp_sock are called with it locked; the rest are values.
 */
#pragma once

#include "transport/tcp.hh"

namespace edu {

/* What one acknowledgement has told. */
struct tcp_ack_news {
	u64 now_us = 0;
	seq32 prior_una;	 /* snd_una before it */
	seq32 prior_high_sacked; /* high_sacked before it */
	u32 acked = 0;		 /* octets that are acknowledged now, and were not before */
	u32 newly_sacked = 0;	 /* octets that are sacked now, and were not before */
	u32 delivered = 0;	 /* octets that are known to have arrived now, by either */
	u32 echo = 0;		 /* the timestamp that came back … */
	bool has_echo = false;	 /* … if one did */
	bool duplicate = false;	 /* as RFC 5681 2 defines it */

	/* Of what has arrived: */
	bool retrans_acked = false; /* some had been sent again */
	bool lost_acked = false;    /* some had been given up as lost */
	bool orig_acked = false;    /* some below high_seq was never sent again (F-RTO) */
	bool reordered = false;	    /* some was overtaken: never sent again, and from … */
	seq32 reordered_from;	    /* … here on, below what had been sacked before */

	bool dsack = false;	     /* the peer got something twice */
	bool dsack_of_probe = false; /* it was our tail loss probe */
	bool all_needless = false;   /* now every retransmission is known to have been needless */

	bool rack_advanced = false; /* there is news for RACK */
	bool newly_lost = false;    /* and it told of a loss, … */
	bool retrans_lost = false;  /* … even of what had been sent again */
	bool try_new = false;	    /* F-RTO wants new octets sent, not lost ones */
	bool timer_set = false;	    /* retransmit_timer has got another purpose */

	/* Round trips of octets never sent again, microseconds; negative: none. */
	s64 oldest_us = -1; /* of the first that was acknowledged: the ACK's delay is in it */
	s64 newest_us = -1; /* and of the last */
	s64 sacked_us = -1; /* of the last that was sacked */
};

/*
 * transport/tcp_sack.cc
 */

/* Octets of a segment that count on the scoreboard: not those acknowledged already, which are still there when
 * there was no memory to cut them off. */
inline u32 tcp_span(const tcp_sock &s, const tcp_skb_cb &cb)
{
	const s32 span = cb.end_seq - seq32::later(cb.seq, s.snd_una);

	return span > 0 ? static_cast<u32>(span) : 0;
}

/* A segment of rtx_queue, or its first octets, has arrived. cb as it was before. */
void tcp_note_arrival(tcp_sock &s, const tcp_skb_cb &cb, u32 octets, bool by_sack,
		      tcp_ack_news &news);
/* The first octets of a segment, or all of it, are acknowledged: off the scoreboard. */
void tcp_score_acked(tcp_sock &s, sk_buff *skb, u32 octets);
/* It has left rtx_queue. */
void tcp_score_unlink(tcp_sock &s, sk_buff *skb);
/* Takes the SACK blocks of a segment. */
void tcp_take_sack(tcp_sock &s, const tcp_segment &segment, tcp_ack_news &news);
/* After all arrivals of an ACK: reordering. */
void tcp_after_arrivals(tcp_sock &s, const tcp_ack_news &news);
/* The peer has thrown away what it had out of order (RFC 2018 8): nothing is sacked. */
void tcp_forget_sacks(tcp_sock &s);
/* Nothing counts as lost any more: it waits again for its acknowledgement. */
void tcp_unmark_lost(tcp_sock &s);
/* Octets that are lost and not sent again. */
inline s32 tcp_waiting(const tcp_sock &s)
{
	return static_cast<s32>(s.lost_out - s.retrans_out);
}

/*
 * transport/tcp_rack.cc
 */

/* RFC 8985 6.2, step 2: a segment sent then has arrived. */
void tcp_rack_advance(tcp_sock &s, const tcp_skb_cb &cb, tcp_ack_news &news);
/* Step 4: how far the network may reorder, microseconds. */
u32 tcp_rack_window(const tcp_sock &s);
/* Step 5: gives up what has waited too long. Microseconds until there may be more; 0: no more. */
u32 tcp_rack_detect(tcp_sock &s, u64 now_us);
/* A D-SACK says that the window is too small. */
void tcp_rack_widen(tcp_sock &s);
/* The end of a recovery: the window narrows again after a while. */
void tcp_rack_recovered(tcp_sock &s);
/* Sets the reordering timer. */
void tcp_rack_wait(tcp_sock &s, u32 us);
void tcp_note_min_rtt(tcp_sock &s, u32 us);

/*
 * transport/tcp_recovery.cc
 */

/* What follows from an ACK that is not plain progress: phases, losses, undoing. */
void tcp_judge_ack(tcp_sock &s, tcp_ack_news &news);
/* A loss begins to be repaired: cwnd is going to shrink. */
void tcp_enter_recovery(tcp_sock &s);
/* RFC 8985 7.4.2: did the tail loss probe repair a loss? */
void tcp_take_probe_ack(tcp_sock &s, seq32 ack, const tcp_ack_news &news);
/* cwnd in recovery, after an ACK (RFC 6937). */
void tcp_reduce_gradually(tcp_sock &s, const tcp_ack_news &news);
void tcp_set_ca_state(tcp_sock &s, tcp_ca_state next);
/* what as edu_k_trace_tcp_cong() has it. */
void tcp_trace_cong(const tcp_sock &s, const char *what);

/*
 * Arithmetic
 */

/* Smoothed round trip and its variance, microseconds (RFC 6298). */
struct tcp_rtt {
	u32 srtt, rttvar; /* srtt 0: none yet */
};

/* step of value towards sample: a part of the difference, rounded to the nearest. */
constexpr u32 tcp_towards(u32 value, u32 sample, u32 parts)
{
	if (sample >= value)
		return value + (sample - value + parts / 2) / parts;
	return value - (value - sample + parts / 2) / parts;
}

/* RFC 6298 2.2 and 2.3; with several samples in a round trip, each has so much less weight (RFC 7323
 * 4.2), so that the variance remembers more than one flight. */
constexpr tcp_rtt tcp_rtt_after(tcp_rtt rtt, u32 sample, u32 samples_in_flight)
{
	if (!sample)
		sample = 1;
	if (!rtt.srtt)
		return {sample, sample / 2};
	const u32 deviation = sample > rtt.srtt ? sample - rtt.srtt : rtt.srtt - sample;

	rtt.rttvar = tcp_towards(rtt.rttvar, deviation, 4 * samples_in_flight);
	rtt.srtt = tcp_towards(rtt.srtt, sample, 8 * samples_in_flight);
	if (!rtt.srtt)
		rtt.srtt = 1;
	return rtt;
}

/*
 * RFC 6298 2: SRTT + max(G, 4 * RTTVAR), milliseconds, between least and most. `least` stands for G, and so
 * below the result too (2.4): an ACK may be delayed by about so much, however steady the path is.
 */
constexpr u32 tcp_rto_of(tcp_rtt rtt, u32 least_ms, u32 most_ms)
{
	const u64 spread = u64{rtt.rttvar} * 4, floor = u64{least_ms} * 1000;
	const u64 ms = (rtt.srtt + (spread > floor ? spread : floor) + 999) / 1000;

	return ms < most_ms ? static_cast<u32>(ms) : most_ms;
}

/* RFC 6928: min(n * MSS, max(2 * MSS, n * 1460)); n is 10 there. After a lost SYN one segment (RFC 5681
 * 3.1). Octets. */
constexpr u32 tcp_initial_window_of(u32 segments, u32 mss, bool syn_was_lost)
{
	constexpr u32 usual_mss = 1460;
	const u32 all = segments * mss, pair = 2 * mss, usual = segments * usual_mss;
	const u32 bound = pair > usual ? pair : usual;

	if (syn_was_lost)
		return mss;
	return all < bound ? all : bound;
}

/* One step of proportional rate reduction (RFC 6937 3), octets. */
struct tcp_prr {
	u32 delivered;	    /* of this ACK */
	u32 prr_delivered;  /* since recovery began, this ACK's too */
	u32 prr_out;	    /* sent since then */
	u32 pipe, ssthresh; /* now */
	u32 recover_flight; /* RecoverFS */
	u32 mss;
	bool progress; /* snd_una has moved, and nothing more was lost */
};

/* How much may be sent now. */
constexpr u32 tcp_prr_room(const tcp_prr &p)
{
	const u32 behind = p.prr_delivered > p.prr_out ? p.prr_delivered - p.prr_out : 0;
	u32 room;

	if (p.pipe > p.ssthresh) { /* in proportion */
		const u32 whole = p.recover_flight ? p.recover_flight : 1;
		const u64 due = (u64{p.prr_delivered} * p.ssthresh + whole - 1) / whole;

		room = due > p.prr_out ? static_cast<u32>(due - p.prr_out) : 0;
	} else { /* slow start (SSRB) if all goes well, else conservation (CRB) */
		u32 limit = behind;

		if (p.progress)
			limit = (behind > p.delivered ? behind : p.delivered) + p.mss;
		room = p.ssthresh - p.pipe < limit ? p.ssthresh - p.pipe : limit;
	}
	/* The first retransmission goes at once. */
	return !p.prr_out && room < p.mss ? p.mss : room;
}

} // namespace edu
