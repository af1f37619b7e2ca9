// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: one end of a connection, and what the files of this protocol offer each other.
 *
 * TLK "TCP" under "The INET Socket Layer"; 2.0's net/ipv4/tcp*.c. Requirements: TCP-1 … TCP-12,
 * INET-8, INET-9, INET-11, INET-12, OVER-6. RFC 9293, 5681, 6298, 6582, 6675, 2018, 2883, 7323, 5961,
 * 6528, 6056, 4987, 1191, 8985, 9438; each file says what it does of them.
 *
 * The way of a segment in: tcp_rcv() checks it and finds its socket; when that is free, at once or from
 * back_log (tcp_do_rcv()), the state decides (tcp_input.cc); tcp_ack() takes what it acknowledges,
 * tcp_data_queue() what it brings; then tcp_data_snd_check() and tcp_ack_snd_check() send what has
 * become possible or due. The way out: tcp_sendmsg() fills write_queue; tcp_push() sends from it
 * what the windows allow and moves it to rtx_queue, where it stays until it is acknowledged.
 *
 * Units. Sequence numbers are seq32; windows, cwnd, ssthresh and all that is "under way" count
 * octets, as the RFCs do. Times: _ms of edu_k_now_ms(), _us microseconds of tcp_now_us().
 *
 * Locking: everything in a tcp_sock is guarded by the socket lock: owned by a program, or the spin
 * lock inside it held by a softirq while no program owns it. "Locked" below means either. Members
 * marked [packet path] are also read without it. A tcp_sock is freed a grace period after its last
 * reference (SOCK_RCU_FREE), so who finds it in a table under RCU may lock it, but must then look at
 * its state: it may have closed meanwhile.
 * References: the program's (struct socket) or, before accept, the listener's queue's; one while it
 * is in a table (tcp_set_alive()); one for each armed timer; a child's one to its listener.
 */
#pragma once

#include "base/seq.hh"
#include "sock/options.hh"
#include "sock/sock.hh"
#include "transport/tcp_congestion.hh"
#include "transport/tcp_hash.hh"
#include "wire/tcp.hh"

namespace edu {

/* Microseconds, monotonic; 32 bits of it wrap after 71 minutes: compare differences. */
inline u64 tcp_now_us()
{
	return edu_k_now_ns() / 1000;
}

/* Octets in front of a segment's data: link, IP and TCP header at their largest. */
inline constexpr u32 tcp_max_header = 128 + wire::ipv4::max_header_len + wire::tcp::max_header_len;

/* ------------------------------------------------------------------------------------------------
 * A segment
 */

/* A received segment, decoded once. A value; the packet is passed beside it, data at the payload. */
struct tcp_segment {
	be32 src, dst;
	u16 sport, dport; /* host order */
	seq32 seq, ack;
	u32 len;  /* octets of payload */
	u8 flags; /* wire::tcp::flag::* */
	u8 ttl, tos;
	u16 window; /* as it came, not scaled */
	u16 urgent;
	int ifindex;
	bool iss_after_time_wait = false; /* a SYN that has ended a record in TIME-WAIT: */
	seq32 after;			  /* our initial number is this */
	wire::tcp::options opts;	  /* all of them for a SYN; else timestamps and SACK */

	bool has(u8 flag) const { return flags & flag; }
	/* How far it moves the sequence number: SYN and FIN count as an octet each. */
	u32 sequence_len() const
	{
		return len + has(wire::tcp::flag::syn) + has(wire::tcp::flag::fin);
	}
	seq32 end_seq() const { return seq + sequence_len(); }
};

/* What lies in the sk_buff's scratch area while TCP has it on a queue. */
struct tcp_skb_cb {
	seq32 seq;     /* first member: the key of the trees (edu_skb_tree) */
	seq32 end_seq; /* seq + data + SYN and FIN */
	u32 sent_us;   /* sending side: when it was last sent, low half of tcp_now_us() */
	u8 flags;      /* wire::tcp::flag::*: PSH, FIN, URG */
	u8 sacked;     /* tcp_sacked::* */
	u16 mss;       /* sending side: octets in each of its packets when it was last sent */
	union {
		/* Sent: its neighbours in tcp_connection::under_way or ::to_resend … */
		struct {
			sk_buff *before, *behind;
		} way = {};
		seq32 sacked_upto; /* … or, sacked: all from seq to here is, and maybe more */
		tcp_sock *child;   /* a SYN on a listener's receive_queue: its new sock (TCP-10) */
		struct {
			u8 ttl, tos; /* receiving side: of the IP header, for control messages */
			int ifindex;
		} in;
	};
};

/* Where octets of ours stand (RFC 6675's scoreboard); bits of tcp_skb_cb::sacked. */
namespace tcp_sacked {
inline constexpr u8 sacked = 1, /* the peer has it */
	lost = 2,		/* counts as lost, and is to be sent again */
	retrans = 4,		/* has been sent again and is under way a second time */
	ever_retrans = 8,	/* has ever been: no RTT from it (Karn) */
	end_of_record = 16, /* nothing is to be written behind it (MSG_EOR, fragments used up) */
	sent = 32;	    /* it is in rtx_queue */
} // namespace tcp_sacked

inline tcp_skb_cb &tcp_cb(sk_buff *skb)
{
	return skb_cb<tcp_skb_cb>(skb);
}

/* Segments of rtx_queue in another order than its own, linked by tcp_skb_cb::way. */
struct tcp_sent_list {
	sk_buff *first = nullptr, *last = nullptr;
	sk_buff *hint = nullptr; /* the last that was put in; null: it has gone */
};

/* ------------------------------------------------------------------------------------------------
 * One end of a connection
 */

/* What retransmit_timer waits for. */
enum class tcp_timer_kind : u8 {
	none,
	retransmit, /* the RTO; of SYN and SYN-ACK too */
	probe,	    /* the peer's window is closed */
	reorder,    /* RACK: a segment counts as lost then */
	tail_loss,  /* TLP: nothing came back for a while */
};

/* Timers that found the socket owned by a program; done in tcp_release_cb(). */
namespace tcp_deferred {
inline constexpr u8 retransmit = 1, delack = 2, keepalive = 4, mtu = 8, push = 16;
} // namespace tcp_deferred

/* Bits of tcp_sock::nonagle. */
namespace tcp_nagle {
inline constexpr u8 off = 1, /* TCP_NODELAY */
	cork = 2,	     /* TCP_CORK */
	push = 4;	     /* this once: send what there is */
} // namespace tcp_nagle

/* What an acknowledgement waits for; bits of tcp_sock::ack_pending. */
namespace tcp_ack_due {
inline constexpr u8 scheduled = 1, /* something is to be acknowledged */
	timer = 2,		   /* delack_timer runs for it */
	now = 4,		   /* at once: out of order, a full window, … */
	pushed = 8;		   /* the peer wants it soon (PSH) */
} // namespace tcp_ack_due

inline constexpr u16 tcp_urg_valid = 0x0100, /* urg_data holds the octet */
	tcp_urg_notyet = 0x0200,	     /* it is on its way */
	tcp_urg_read = 0x0400;		     /* the program has read it */

/* What belongs to one connection: connect() to AF_UNSPEC puts it all back to its beginning. By meaning, not by
 * size. NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct tcp_connection {
	/* -- Sending (RFC 9293 3.3.1; 2.0: write_seq, sent_seq, rcv_ack_seq, window_seq) */
	seq32 iss;
	seq32 snd_una;	       /* first octet not acknowledged */
	seq32 snd_nxt;	       /* next to be sent */
	seq32 write_seq;       /* behind the last octet the program has written [packet path] */
	seq32 snd_wl1;	       /* segment that last changed the window */
	seq32 snd_up;	       /* urgent pointer: behind the urgent octet; == snd_una: none */
	bool urg_mode = false; /* snd_up counts */
	seq32 pushed_seq;      /* PSH was set up to here */
	seq32 snd_sml;	       /* end of the last small segment sent (Nagle, as Minshall has it) */
	u32 snd_wnd = 0;       /* octets from snd_una, scaled */
	u32 max_window = 0;    /* the largest the peer ever gave */
	u16 mss_clamp = wire::tcp::default_mss; /* the peer's MSS option (MUST-15), or TCP_MAXSEG */
	u16 advmss = 0;				/* what we tell the peer (MUST-67); once
						 * established, less every segment's options */
	u16 mss_cache =
		wire::tcp::default_mss; /* payload of a full segment with the options of every
						 * segment off: tcp_current_mss() keeps it true */
	u32 pmtu_cookie = 0;		/* path MTU that mss_cache was made from */
	u8 snd_wscale = 0, rcv_wscale = 0;
	bool wscale_ok = false, sack_ok = false, tstamp_ok = false; /* both ends agreed */
	bool fin_queued = false; /* our FIN has its number: write_seq counts it */

	edu_skb_queue write_queue = {}; /* written, not sent yet; oldest first */
	edu_skb_tree rtx_queue = {};	/* sent, not acknowledged; by sequence number */

	/* -- Scoreboard: octets of rtx_queue. A segment that is not sacked is in one of two lists */
	u32 sacked_out = 0, lost_out = 0, retrans_out = 0;
	tcp_sent_list under_way;  /* sent and not given up, the latest last */
	tcp_sent_list to_resend;  /* lost, and not sent again yet; oldest numbers first, nearly */
	seq32 judged_seq;	  /* RFC 6675: what is below has been looked at for losses; … */
	u32 judged_sacked = 0;	  /* … so many octets below it are sacked */
	bool space_freed = false; /* acknowledged octets have left: a writer may wait */
	seq32 high_seq;		  /* snd_nxt when the phase began; beyond it, it ends */
	seq32 high_sacked;	  /* end of the highest SACKed segment */
	u32 dup_acks = 0;	  /* without SACK (RFC 5681) */
	u32 reordering = 3;	  /* segments; grows when the network is seen to reorder */
	tcp_ca_state ca_state = tcp_ca_state::open;
	seq32 undo_marker;    /* snd_una when cwnd was reduced; retransmissions below … */
	u32 undo_retrans = 0; /* … not yet proved needless, in segments; 0xffffffff: no undo */
	bool undo_valid = false;
	u32 undo_stamp = 0;    /* tcp_timestamp() when cwnd was reduced: all sent again is later */
	u32 timeout_stamp = 0; /* and at the last timeout */
	u64 undone_us = 0;     /* when a reduction was last taken back */
	seq32 undo_end;	       /* snd_nxt then: what is beyond has nothing to do with it */
	bool frto = false;     /* the timeout may have been spurious (RFC 5682) */
	u32 prior_cwnd = 0, prior_ssthresh = 0; /* before the reduction */
	u32 prr_delivered = 0, prr_out = 0;	/* RFC 6937, octets */
	u32 prr_flight = 0;			/* flight() when recovery began: its RecoverFS */
	u64 reduced_us = 0;			/* when cwnd was last reduced for a loss */
	u64 delivered = 0;			/* octets known to have arrived */

	/* RACK (RFC 8985) */
	u64 rack_sent_us = 0; /* when the latest segment known to have arrived was sent */
	seq32 rack_end_seq;
	u32 rack_rtt_us = 0;
	u32 rack_min_rtt_us = 0; /* 0: none yet */
	u64 rack_min_rtt_ms = 0; /* when it was measured: it grows old */
	u8 rack_reo_steps = 1;	 /* reordering window in quarters of min_rtt */
	u8 rack_reo_persist = 0;
	bool rack_reorder_seen = false;
	bool rack_dsack_round = false; /* the window has been widened in this round trip, … */
	seq32 rack_round_end;	       /* … which ends here */
	seq32 tlp_high_seq;	       /* snd_nxt when a tail loss probe went out; … */
	bool tlp_pending = false;      /* … it is waited for */
	bool tlp_retrans = false;      /* and was octets sent again, not new ones (RFC 8985 7.4) */

	/* -- Congestion (RFC 5681), octets */
	u32 cwnd = 0;
	u32 ssthresh = tcp_no_ssthresh;
	u32 cwnd_credit = 0;	   /* octets acknowledged towards the next growth */
	bool cwnd_limited = false; /* cwnd, not the program, has held sending back */
	u64 ca_private[tcp_ca_private_octets / 8] = {};

	/* -- Round trips (RFC 6298), microseconds but for rto */
	u32 srtt_us = 0; /* 0: not measured yet */
	u32 rttvar_us = 0;
	u32 rto_ms = 1000;	   /* backed off as it is */
	u8 backoff = 0;		   /* doublings in it */
	u8 retransmits = 0;	   /* of the same octets, in a row */
	u8 probes_out = 0;	   /* zero-window or keepalive probes in a row */
	u64 retrans_since_ms = 0;  /* when the first of them went out; 0: none */
	bool trouble_told = false; /* the program has heard that they reached R1 */
	u64 probe_since_ms = 0;	   /* since when data waits for a closed window; 0: none does */
	u64 lsndtime_ms = 0;	   /* when data was last sent */
	u64 syn_sent_us = 0;	   /* when our SYN or SYN-ACK first went out */

	/* -- Receiving (2.0: acked_seq, copied_seq) */
	seq32 irs;
	seq32 rcv_nxt;		  /* next octet expected [packet path] */
	seq32 copied_seq;	  /* next the program will read [packet path] */
	seq32 rcv_wup;		  /* rcv_nxt when the window was last told */
	u32 rcv_wnd = 0;	  /* octets from rcv_wup on that we have promised */
	u32 window_clamp = 65535; /* never promise more; TCP_WINDOW_CLAMP */
	u32 rcv_ssthresh =
		65535; /* grows towards window_clamp as segments prove worth their memory */
	u16 rcv_mss = wire::tcp::default_mss; /* guess at the peer's segments, for delayed ACKs */
	u16 rcv_len_before = 0;		      /* of the last one that was shorter */
	edu_skb_tree out_of_order_queue = {};
	seq32 ooo_newest; /* of the SACK block told first (RFC 2018 4) */
	u8 sack_count = 0;
	wire::tcp::sack_block sacks[4]; /* what we tell, newest first */
	bool dsack_due = false;
	wire::tcp::sack_block dsack; /* RFC 2883: a duplicate came, told once */
	bool fin_received = false;

	/* Acknowledging (RFC 9293 3.8.6.3) */
	u8 ack_pending = 0;	   /* tcp_ack_due::* */
	u8 quick_acks = 0;	   /* so many ACKs more without delay (slow start of the peer) */
	bool pingpong = false;	   /* an interactive exchange: ACKs ride on data */
	bool quickack_off = false; /* TCP_QUICKACK 0 */
	u32 ato_ms = 0;		   /* the delay, adapted to the peer's pace */
	u64 last_rcv_ms = 0;	   /* when data last came */
	u64 last_ack_ms = 0;	   /* when an ACK last came */
	u64 last_oow_ms = 0;	   /* when a bad segment was last answered */
	u64 ack_sent_ms = 0;

	/* Timestamps (RFC 7323) */
	u32 ts_offset = 0;    /* added to the clock: nobody learns how long we have been up */
	u32 ts_recent = 0;    /* to be echoed */
	u64 ts_recent_ms = 0; /* when it came */
	u32 rcv_tsecr = 0;    /* what the peer echoed last */

	/* Urgent data (RFC 9293 3.8.5, RFC 6093) */
	seq32 urg_seq;	  /* of the urgent octet */
	u16 urg_data = 0; /* tcp_urg_* and the octet; 0: none [packet path] */

	/* Buffer auto-tuning */
	seq32 rcvq_seq; /* copied_seq when the measurement began */
	u64 rcvq_time_us = 0;
	u32 rcvq_space = 0;    /* octets read in one round trip before */
	seq32 collapsed_at;    /* rcv_nxt when receive_queue was last packed */
	u32 rcv_rtt_us = 0;    /* round trip as the receiver sees it; 0: unknown */
	seq32 rcv_rtt_seq;     /* measured when rcv_nxt passes it */
	u32 rcv_rtt_tsecr = 0; /* echo that was measured last */
	u64 rcv_rtt_time_us = 0;

	/* -- Opening and closing */
	bool passive = false;	     /* opened by a listener (MUST-11) */
	bool connect_called = false; /* connect() has not been told yet how its attempt ended */
	bool accepted = false;	     /* the program has it, open: by accept() or connect() */
	int soft_error =
		0; /* what ICMP says (MUST-56), told when the connection times out; positive */
	u64 fin_wait_ends_ms = 0; /* FIN-WAIT-2 without a program: until when */

	bool orphan_counted = false; /* in tcp_state::orphans */
	seq32 reader_seen;	     /* rcv_nxt when a reader went to sleep [packet path] */

	/* -- Counts for TCP_INFO */
	u64 bytes_acked = 0, bytes_received = 0, bytes_sent = 0, bytes_retrans = 0;
	u32 segs_in = 0, segs_out = 0, data_segs_in = 0, data_segs_out = 0;
	u32 total_retrans = 0, dsack_dups = 0, reord_seen = 0, rcv_ooopack = 0;

	/* Octets under way as the network has them (RFC 6675: pipe). */
	u32 flight() const { return static_cast<u32>(snd_nxt - snd_una); }
	u32 pipe() const { return flight() - sacked_out - lost_out + retrans_out; }
	/* First number beyond the peer's window. */
	seq32 window_end() const { return snd_una + snd_wnd; }
	/* What is left of the window we have promised. */
	u32 receive_window() const
	{
		s32 left = rcv_wup + rcv_wnd - rcv_nxt;

		return left < 0 ? 0 : static_cast<u32>(left);
	}
};

/* TLK's sock of a stream. What is here and not in tcp_connection outlives a connection. */
struct tcp_sock : sock, tcp_connection {
	tcp_sock(edu_stack *on, const proto *by) : sock(on, by, sock_stream, ipproto_tcp) {}

	/* -- Tables. Guarded as tcp_hash.hh says. */
	tcp_end end;
	tcp_bound bound;
	bool alive = false; /* holds the reference of tcp_set_alive() */

	/* -- Before accept; the listener's queue's lock guards both */
	tcp_sock *parent = nullptr; /* the listener, referenced */
	sk_buff *syn = nullptr;	    /* our SYN on its receive_queue */

	/* A listener: its receive_queue's lock guards these [packet path] */
	u32 max_ack_backlog = 0; /* listen()'s */
	u32 ack_backlog = 0;	 /* connections that wait for accept */
	u32 young = 0;		 /* half-open ones */
	sk_buff *last_ready =
		nullptr; /* receive_queue: behind it come the half-open ones; null: none
					* is ready */
	u64 syn_overflow_ms =
		0; /* when the backlog was last full: cookies are believed for a while */

	/* -- Timers; armed ones hold a reference */
	edu_timer retransmit_timer = {};
	edu_timer delack_timer = {};
	edu_timer keepalive_timer = {}; /* also FIN-WAIT-2, and a listener's deferred accepts */
	tcp_timer_kind timer_kind = tcp_timer_kind::none; /* retransmit_timer's */
	u64 retransmit_due_ms = 0, delack_due_ms = 0, keepalive_due_ms = 0;
	u8 deferred = 0; /* tcp_deferred::* */

	/* How often tcp_disconnect() has been: so a thread that slept knows that its connection is gone. */
	u32 disconnects = 0;

	/* -- Options (tcp(7)) */
	u32 keep_time_ms = 0, keep_intvl_ms = 0; /* 0: the host's */
	u8 keep_probes = 0;
	u8 syn_retries = 0;	 /* TCP_SYNCNT, 0: the host's */
	u32 user_timeout_ms = 0; /* TCP_USER_TIMEOUT (MUST-21), 0: by counting */
	u32 defer_accept = 0;	 /* TCP_DEFER_ACCEPT: SYN-ACKs to wait for data */
	u32 notsent_lowat = 0;	 /* TCP_NOTSENT_LOWAT, 0: the host's */

	u16 user_mss = 0;	   /* TCP_MAXSEG, 0: none */
	u32 user_window_clamp = 0; /* TCP_WINDOW_CLAMP, 0: none */
	u8 nonagle = 0;		   /* tcp_nagle::* */
	const tcp_congestion_ops *ca = nullptr;
	int linger2_ms = 0; /* TCP_LINGER2; 0: the host's, <0: FIN-WAIT-2 is skipped */
};

inline tcp_sock &tcp_sk(sock &s)
{
	return static_cast<tcp_sock &>(s);
}
inline const tcp_sock &tcp_sk(const sock &s)
{
	return static_cast<const tcp_sock &>(s);
}

inline bool tcp_in_slow_start(const tcp_sock &s)
{
	return s.cwnd < s.ssthresh;
}

/* May a socket in one of these states …: state_in(s, {a, b}). */
inline bool state_in(const sock &s, std::initializer_list<sock_state> states)
{
	for (sock_state one : states)
		if (state_of(s) == one)
			return true;
	return false;
}

/* A connection after its end (TLK: "four packets to close"): enough to acknowledge a FIN that comes
 * again, and no more. In tcp_established_hash in its socket's place. Freed by RCU. */
struct tcp_timewait {
	tcp_end end; /* constant while hashed */
	tcp_bound bound;
	edu_stack *host; /* constant */
	spinlock lock;	 /* guards what follows */
	sock_state state =
		sock_state::time_wait; /* or fin_wait2, whose end the program does not wait for */
	seq32 rcv_nxt, snd_nxt;
	u32 rcv_wnd = 0;
	u8 rcv_wscale = 0;
	u8 tos = 0;
	bool tstamp_ok = false;
	u32 ts_offset = 0, ts_recent = 0;
	u64 ts_recent_ms = 0; /* when ts_recent came */
	u64 last_oow_ms = 0;
	bool dead = false;    /* unhashed */
	edu_timer timer = {}; /* holds no reference: the host waits for it when it ends */
	u64 due_ms = 0;	      /* when it fires */
	list_node aged;	      /* in tcp_state::time_waits */
	edu_rcu_head rcu = {};
};

inline tcp_sock &tcp_end::socket()
{
	return *detail::owner_of<tcp_sock>(this, &tcp_sock::end);
}
inline tcp_timewait &tcp_end::record()
{
	return *detail::owner_of<tcp_timewait>(this, &tcp_timewait::end);
}

/* TCP's part of a host. */
struct tcp_state {
	tcp_tables tables;
	siphash_key isn_key;	      /* RFC 6528; constant */
	siphash_key cookie_key;	      /* RFC 4987; constant */
	atomic<u32> orphans;	      /* connections without a program */
	atomic<u32> established;      /* TCP-MIB CurrEstab */
	atomic<u32> challenge_tokens; /* RFC 5961 5: what is left of this second's */
	atomic<u64> challenge_second;
	spinlock time_wait_lock; /* EDU_LOCK_TCP_TIME_WAIT's sibling: guards the two below */
	list<tcp_timewait, &tcp_timewait::aged> time_waits; /* oldest first */
	u32 time_wait_count = 0;
	atomic<bool> stopping; /* the host is going: no new record */
};

/* sk_shutdown's bits: RCV_SHUTDOWN, SEND_SHUTDOWN. Any context. */
inline constexpr u8 rcv_shut = 1, send_shut = 2;
inline u8 shutdown_of(const sock &s)
{
	const char *bits = reinterpret_cast<const char *>(home(s)) + EDU_OFFSETOF_SOCK_SHUTDOWN;

	return read_once(*reinterpret_cast<const u8 *>(bits));
}

/* A sequence number that others read without the lock. */
inline void write_once_seq(seq32 &word, seq32 v)
{
	static_assert(sizeof(seq32) == sizeof(u32));
	__atomic_store_n(reinterpret_cast<u32 *>(&word), v.raw(), __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------------------------------------
 * transport/tcp.cc: life of the protocol, of a host's part, of a sock; tcp_prot
 */
int tcp_init();
void tcp_exit();
result<void> tcp_host_init(edu_stack &host);
void tcp_host_close(edu_stack &host); /* TIME-WAIT records go; no socket is left */
void tcp_host_exit(edu_stack &host);
/* A sock in CLOSE with the host's defaults. What a child takes from its listener: tcp_listen.cc. */
void tcp_init_sock(tcp_sock &s);
/* A connection's own beginning: what its members' initial values do not say. */
void tcp_init_connection(tcp_sock &s);
/* The state changes: traced, counted, told to the home. Locked. */
void tcp_set_state(tcp_sock &s, sock_state next);
/* It enters a table and holds a reference to itself; or no longer does. Locked. The second may drop the
 * last reference: s lives on until the caller leaves RCU or lets its own reference go. */
void tcp_set_alive(tcp_sock &s);
void tcp_set_dead(tcp_sock &s);
edu_tcp_ends tcp_ends(const tcp_sock &s);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_rcv.cc: from IP to the socket. Softirq, RCU.
 */
verdict tcp_rcv(edu_stack &host, skb_ptr &packet);
void tcp_err(edu_stack &host, const icmp_error &error);
/* A segment that has waited in back_log, its turn. packet: data at the TCP header, cb as tcp_rcv() has left
 * it. Locked. Frees the packet, or has queued it. */
void tcp_do_rcv(tcp_sock &s, skb_ptr packet);
/* Decodes a packet whose data is at a TCP header that has been checked. */
tcp_segment tcp_decode(const skb_ptr &packet);
/* The MTU of the path has shrunk: segments get smaller, and those too large are sent again. Locked. */
void tcp_mtu_reduced(tcp_sock &s, u32 mtu);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_input.cc: RFC 9293 3.10.7, "SEGMENT ARRIVES". Locked. The packet's data is at the
 * payload; what is not queued is left to the caller to free, by the verdict.
 */
verdict tcp_rcv_established(tcp_sock &s, const tcp_segment &segment, skb_ptr &packet);
/* Every other state but LISTEN (tcp_rcv_listen()) and CLOSE. */
verdict tcp_rcv_state_process(tcp_sock &s, const tcp_segment &segment, skb_ptr &packet);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_data.cc: octets received, in order and out of it; the window we promise. Locked.
 */
/* Takes the segment's octets and FIN that are within the window. On accepted() packet is empty. */
verdict tcp_data_queue(tcp_sock &s, const tcp_segment &segment, skb_ptr &packet);
/* The peer's FIN is next: state, shutdown, wake-ups. */
void tcp_fin(tcp_sock &s);
/* The window for a segment that leaves now, octets, a multiple of the scale; from here on it is promised
 * (silly window avoidance, MUST-39; never shrinks, SHLD-14). */
u32 tcp_select_window(tcp_sock &s);
/* The program has read: a window update goes out if it is worth one. Process, locked. */
void tcp_cleanup_rbuf(tcp_sock &s, u32 copied);
/* The receive buffer grows to so many octets of truesize, and with it what may be promised; not if the program
 * has fixed it. Process, locked. */
void tcp_grow_rcvbuf(tcp_sock &s, u32 size);
/* Receive buffer auto-tuning after a read. Process, locked. */
void tcp_rcv_space_adjust(tcp_sock &s);
/* The windows' first values, when a connection comes to life: from the receive buffer. For a SYN or
 * SYN-ACK: *window and *wscale to offer, before that. */
void tcp_initial_window(tcp_sock &s, u32 *window, u8 *wscale);
/* The same, and nothing changes. Any context. */
struct tcp_window_offer {
	u32 window; /* octets */
	u8 wscale;
	u32 clamp; /* never more */
};
tcp_window_offer tcp_first_offer(const tcp_sock &s);
void tcp_init_buffers(tcp_sock &s);
/* The SACK blocks of a segment that leaves now. room: octets of options. */
void tcp_fill_sack(tcp_sock &s, wire::tcp::options &opts);
/* After a segment: sends the ACK, or lets it wait for a while. */
void tcp_ack_snd_check(tcp_sock &s);
/* The next ACKs go out at once: something is not in order. */
void tcp_enter_quickack(tcp_sock &s, u8 most);
/* An ACK has gone out (on data or alone): none is due any more. tcp_output.cc calls it. */
void tcp_ack_sent(tcp_sock &s);
/* All that was received goes. */
void tcp_purge_received(tcp_sock &s);
/* Octets in order that the program has not read, urgent data considered; FIONREAD. Any context. */
u32 tcp_inq(const tcp_sock &s);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_ack.cc, tcp_recovery.cc: octets of ours that have arrived or not. Locked.
 */
/* RFC 9293 3.10.7.4, fifth: takes the acknowledgement, the window and the SACK blocks: frees what has
 * arrived, measures, detects loss, lets cwnd change. Not ok: the segment is to be dropped for that
 * reason; an answer has been sent if one is due. */
verdict tcp_ack(tcp_sock &s, const tcp_segment &segment);
/* After tcp_ack() and tcp_data_queue(): sends what may be sent now, wakes a writer if there is room. */
void tcp_data_snd_check(tcp_sock &s);
/* The handshake is done: congestion control and timers begin. rtt_us < 0: not measured. */
void tcp_init_transfer(tcp_sock &s, s64 rtt_us);
/* A measured round trip, microseconds (RFC 6298; never of what was sent again: Karn). */
void tcp_rtt_sample(tcp_sock &s, u32 us);
void tcp_update_rto(tcp_sock &s); /* from srtt and rttvar, without back-off */
/* A timeout: everything under way counts as lost, cwnd is one segment (RFC 5681 3.1, F-RTO). */
void tcp_enter_loss(tcp_sock &s);
/* New octets could not leave, since the device's queue is full: cwnd shrinks (Linux's tcp_enter_cwr()). */
void tcp_answer_full_queue(tcp_sock &s);
/* retransmit_timer as tcp_timer_kind::reorder: what has waited long enough is lost. */
void tcp_rack_timeout(tcp_sock &s);
/* Sends again what the scoreboard says is lost, as far as cwnd allows. */
void tcp_retransmit_lost(tcp_sock &s);
/* rtx_queue and write_queue go; counters are zero. */
void tcp_purge_sent(tcp_sock &s);
/* The segment, or all packets of it, counts as lost. */
void tcp_mark_lost(tcp_sock &s, sk_buff *skb);
/* The scoreboard hears of what happens to segments of rtx_queue (tcp_sack.cc). New octets have been sent:
 * the latest of all. Any segment was cut in two: rest has a copy of its cb. It was sent again; counted: as a
 * retransmission of what is lost, not as a probe. */
void tcp_score_sent(tcp_sock &s, sk_buff *skb);
void tcp_score_split(tcp_sock &s, sk_buff *skb, sk_buff *rest);
void tcp_score_resent(tcp_sock &s, sk_buff *skb, bool counted);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_output.cc, tcp_retransmit.cc, tcp_reply.cc: segments out. Locked unless said otherwise.
 */
/* The route to the peer, from the sock's cache or new. The errors of ip_route_output(). */
result<ref<rtable>> tcp_route(tcp_sock &s);
/* Payload of a full segment now: path MTU, the peer's MSS, options; keeps mss_cache. */
u32 tcp_current_mss(tcp_sock &s);
void tcp_sync_mss(tcp_sock &s, u32 pmtu);
/* What our SYN says: from the route's first link (MUST-67), TCP_MAXSEG considered. */
u16 tcp_advertise_mss(const tcp_sock &s, const rtable &route);
/* Octets of the options of every segment, SACK blocks aside. */
u32 tcp_steady_options(const tcp_sock &s);
/* Sends from write_queue what windows, Nagle and cork allow; PSH where due. */
void tcp_push(tcp_sock &s, u8 nonagle);
inline void tcp_push_pending(tcp_sock &s)
{
	tcp_push(s, s.nonagle);
}
/* At least the first segment, whatever Nagle says. */
void tcp_push_one(tcp_sock &s);
void tcp_send_ack(tcp_sock &s);
void tcp_send_delayed_ack(tcp_sock &s); /* lets it wait */
void tcp_send_fin(tcp_sock &s);		/* behind all data */
/* connect(): SYN out, rto running. iss, ports and addresses are set. */
result<void> tcp_send_syn(tcp_sock &s);
/* SYN_RECV: SYN-ACK, again if asked. */
result<void> tcp_send_synack(tcp_sock &s);
/* The connection is aborted: RST with the next number (RFC 9293 3.10.5). */
void tcp_send_active_reset(tcp_sock &s);
/* An ACK for a segment that is not acceptable, at most so often (RFC 5961; tcp_invalid_ratelimit_ms). */
void tcp_send_challenge_ack(tcp_sock &s);
/* 0: sent; else a positive errno. why as edu_k_trace_tcp_retransmit() has it. */
int tcp_retransmit_skb(tcp_sock &s, sk_buff *skb, const char *why);
/* One octet into a closed window, or an old one, to make the peer answer. 0: something was sent. */
int tcp_write_wakeup(tcp_sock &s);
void tcp_send_probe(tcp_sock &s);      /* retransmit_timer as tcp_timer_kind::probe */
void tcp_send_loss_probe(tcp_sock &s); /* … as tail_loss (RFC 8985 7) */
bool tcp_schedule_loss_probe(tcp_sock &s);

/* A segment that belongs to no tcp_sock: RST, the ACK of TIME-WAIT, the SYN-ACK of a cookie. Any
 * context, RCU. The route is looked up anew; without one nothing is sent. */
struct tcp_reply {
	be32 src, dst;
	u16 sport, dport; /* host order */
	seq32 seq, ack;
	u8 flags;
	u16 window = 0; /* as the header has it */
	u8 tos = 0;
	int oif = 0;
	wire::tcp::options opts = {};
};
void tcp_send_reply(edu_stack &host, const tcp_reply &reply);
/* The RST that RFC 9293 3.10.7.1 wants for a segment without a connection; none for a RST. */
void tcp_send_reset(edu_stack &host, const tcp_segment &segment);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_timer.cc. Locked.
 */
void tcp_init_timers(tcp_sock &s);
void tcp_clear_timers(tcp_sock &s); /* none is armed; what was deferred is forgotten */
void tcp_reset_retransmit_timer(tcp_sock &s, tcp_timer_kind kind, u64 ms);
/* For the oldest segment under way; off when there is none. */
void tcp_rearm_rto(tcp_sock &s);
void tcp_stop_retransmit_timer(tcp_sock &s);
void tcp_reset_delack_timer(tcp_sock &s, u64 ms);
void tcp_stop_delack_timer(tcp_sock &s);
/* Keepalive, FIN-WAIT-2. */
void tcp_reset_keepalive_timer(tcp_sock &s, u64 ms);
void tcp_stop_keepalive_timer(tcp_sock &s);
void tcp_set_keepalive(tcp_sock &s, bool on);
u32 tcp_keepalive_time(const tcp_sock &s), tcp_keepalive_intvl(const tcp_sock &s),
	tcp_keepalive_probes(const tcp_sock &s);
u64 tcp_fin_time(const tcp_sock &s); /* ms that FIN-WAIT-2 may last without a program */
/* Leaves something for tcp_release_cb(), since a program owns the socket; false: it had been left
 * already. The spin lock is held, but tcp_clear_timers() may be at work beside it, without. */
inline bool tcp_defer(tcp_sock &s, u8 what)
{
	return !(__atomic_fetch_or(&s.deferred, what, __ATOMIC_RELAXED) & what);
}
/* The program lets the socket go: what timers have put off. Spin lock held. */
void tcp_release_cb(sock &s);
/* Nothing under way, but data waits for a closed window: the probe timer runs. */
void tcp_check_probe_timer(tcp_sock &s);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_isn.cc: numbers that nobody outside can guess
 */
seq32 tcp_initial_seq(const edu_stack &host, be32 laddr, be32 faddr, u16 lport, be16 fport);
u32 tcp_timestamp_offset(const edu_stack &host, be32 laddr, be32 faddr);
/* The clock of RFC 7323 with a connection's offset: milliseconds. */
inline u32 tcp_timestamp(u32 offset)
{
	return static_cast<u32>(edu_k_now_ns() / 1000000) + offset;
}
/* RFC 7323 5.2: 0 < recent - value < 2^31. Some stacks put a 0 into their SYN, and what comes then may be
 * anything: nothing is older than a 0. */
constexpr bool tcp_stamp_is_old(u32 recent, u32 value)
{
	return recent && static_cast<s32>(recent - value) > 0;
}
/* tcp_cookie.cc (RFC 4987): the SYN's options in the numbers of the SYN-ACK. */
struct tcp_cookie {
	u16 mss = 0;
	bool has_wscale = false, sack_ok = false, tstamp_ok = false;
	u8 snd_wscale = 0;
};
seq32 tcp_cookie_make(const edu_stack &host, const tcp_segment &syn);
/* The timestamp of that SYN-ACK, which carries the rest of the options. */
u32 tcp_cookie_timestamp(u32 now, const wire::tcp::options &syn);
/* Whether an ACK proves that we sent it lately. */
bool tcp_cookie_check(const edu_stack &host, const tcp_segment &ack, tcp_cookie &out);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_listen.cc (TLK "Listening", "Accepting"; TCP-9, TCP-10, TCP-11)
 */
result<void> tcp_listen(sock &s, int backlog); /* process */
result<sock *> tcp_accept(sock &s, int flags); /* process */
/* A segment for a listener (RFC 9293 3.10.7.2). Locked (the listener). */
verdict tcp_rcv_listen(tcp_sock &listener, const tcp_segment &segment, skb_ptr &packet);
/* In a flood: a SYN that a cookie answers, for which the listener is not locked. False: it must be; else
 * `what` says what became of the SYN. Softirq, RCU. */
bool tcp_rcv_flood(tcp_sock &listener, const tcp_segment &segment, verdict &what);
/* SYN_RECV is over: its SYN moves to the ready part of the queue, the listener wakes. Nonzero false: the
 * listener is gone or full: the child must not go on. The child is locked. */
bool tcp_child_established(tcp_sock &child);
/* A child dies before accept: off its listener's queue. The child is locked. */
void tcp_child_gone(tcp_sock &child);
/* The window scale that the SYN-ACK of a cookie offers. */
u8 tcp_cookie_wscale(const tcp_sock &listener);
/* close() of a listener: everybody on the queue is reset. Process, the listener locked. */
void tcp_listen_stop(tcp_sock &listener);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_connect.cc (TLK "Making a Connection"; TCP-2, TCP-6)
 */
result<void> tcp_connect(sock &s, const void *name, int name_len, int flags); /* process */
/* SYN_SENT is over, well or badly: wakes connect(). Locked. */
void tcp_finish_connect(tcp_sock &s);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_timewait.cc
 */
/* The socket ends and a record takes its place for `ms`, in TIME-WAIT or FIN-WAIT-2. Ends with
 * tcp_done(). Locked. */
void tcp_time_wait(tcp_sock &s, sock_state substate, u64 ms);
enum class tcp_tw_action : u8 {
	dropped, /* dealt with; the packet is the caller's to free */
	listen, /* a new SYN: the record is gone, look for a listener (MUST-13, RFC 6191); *isn: its
		     * initial number must be beyond */
};
/* A segment for a record. Softirq, RCU. why: for dropped; for listen, segment.after is set. */
tcp_tw_action tcp_timewait_rcv(edu_stack &host, tcp_timewait &record, tcp_segment &segment,
			       verdict &why);
/* connect() wants its four numbers: may it (RFC 6191)? Then *after is what the new iss must be beyond. */
bool tcp_timewait_may_reuse(const edu_stack &host, tcp_timewait &record, seq32 *after);
void tcp_timewait_kill(edu_stack &host, tcp_timewait &record);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_close.cc
 */
result<void> tcp_shutdown(sock &s, int how); /* process */
void tcp_close(sock &s);		     /* process */
/* connect() to AF_UNSPEC: back to CLOSE, ready for another use. Process, locked. */
void tcp_disconnect(tcp_sock &s);
/* edu_k_sock_wait(), which lets other threads at the socket. epipe: one of them has let the connection go,
 * and what the caller knows of it does not hold for the next. Process, locked. */
result<void> tcp_sleep(tcp_sock &s, int (*ready)(::sock *sk), edu_u64 &left, unsigned int how);
/* The connection is over: CLOSE, timers off, out of the tables, everybody wakes. Locked. */
void tcp_done(tcp_sock &s);
/* Nobody will look at it again: what is queued goes, and the port. Locked. */
void tcp_free_queues(tcp_sock &s);
/* tcp_done() with an error that the program will see (ETIMEDOUT, ECONNRESET …), positive. Locked. */
void tcp_fail(tcp_sock &s, int error);
/* The peer's RST (RFC 9293 3.10.7.4, second). Locked. */
void tcp_reset(tcp_sock &s);
/* No program will read or write any more, and too many such wait: reset. True: it was. Locked. */
bool tcp_check_orphans(tcp_sock &s);

/* ------------------------------------------------------------------------------------------------
 * transport/tcp_send.cc, tcp_receive.cc, tcp_options.cc, tcp_info.cc: what a program sees. Process.
 */
result<int> tcp_sendmsg(sock &s, const edu_send &send);
result<int> tcp_recvmsg(sock &s, msghdr *message, u32 len, u32 flags);
result<int> tcp_splice_read(sock &s, u32 len, u32 flags, splice_taker &to);
result<int> tcp_ioctl(sock &s, u32 command);
u32 tcp_poll(const sock &s); /* any context, no lock */
result<void> tcp_set_rcvlowat(sock &s, int octets);
void tcp_keepalive_option(sock &s, bool on);				       /* locked */
result<void> tcp_setsockopt(sock &s, int level, int name, bytes value);	       /* locked */
result<u32> tcp_getsockopt(sock &s, int level, int name, mutable_bytes value); /* locked */
/* Room in the send buffer for a writer to be woken. Any context. */
bool tcp_is_writable(const tcp_sock &s);
/* There is room again: the send buffer may grow (auto-tuning), and a writer wakes. Locked. */
void tcp_check_space(tcp_sock &s);
/* As many octets as a reader wants (SO_RCVLOWAT) are there, or no more can come. Any context. */
bool tcp_is_readable(const tcp_sock &s);
/* Octets written and not sent; and whether they are fewer than TCP_NOTSENT_LOWAT. Any context. */
u32 tcp_notsent(const tcp_sock &s);
u32 tcp_notsent_lowat(const tcp_sock &s);
bool tcp_notsent_is_low(const tcp_sock &s);
/* TCP_INFO: as much of Linux's struct tcp_info as fits; its length. Locked. */
u32 tcp_fill_linux_info(const tcp_sock &s, mutable_bytes value);
/* One record for /proc and `edu ss`. RCU. */
void tcp_fill_info(const tcp_sock &s, edu_tcp_info &out);
void tcp_fill_info(const tcp_timewait &record, edu_tcp_info &out);

} // namespace edu
