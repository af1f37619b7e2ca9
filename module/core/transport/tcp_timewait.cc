// SPDX-License-Identifier: GPL-2.0-only
/*
 * TIME-WAIT: a connection's record after its end.
 *
 * TLK "four packets to close"; requirement TCP-8. RFC 9293 3.6.1, 3.10.7.4 (MUST-13, SHLD-4), RFC 1337
 * (tcp_rfc1337), RFC 6191 (a SYN whose timestamp or number is beyond all that was is a new connection's),
 * RFC 7323 5 (PAWS), RFC 5961 (only the RST with the next number counts; a SYN is answered by an ACK). As
 * Linux, a new SYN is taken only while somebody listens, and then the record is gone for good: it does not
 * come back if the SYN proves old (RFC 9293 3.6.1, MAY-2 (2)).
 *
 * The socket would keep a hundred times the memory for nothing: a record has the two numbers by which it
 * answers a FIN that comes again, and the last timestamp. The same record, with the state FIN-WAIT-2,
 * stands for a connection that no program has any more and whose peer has not closed yet.
 *
 * Locking: a record is found under RCU; its lock (EDU_LOCK_TCP_TIME_WAIT) guards what changes. The list of
 * them has a lock of its own inside it. A record's timer holds no reference: whoever kills the record stops
 * the timer, and the memory goes a grace period later; a timer that is about to fire finds `dead`, or that it
 * is not due yet, for the record has been restarted. The host's end waits for that grace period
 * (edu_core_stacks_settle()).
 */
#include "stack.hh"

namespace edu {

namespace {

constexpr u8 record_fin = wire::tcp::flag::fin, record_syn = wire::tcp::flag::syn,
	     record_rst = wire::tcp::flag::rst, record_ack = wire::tcp::flag::ack;

/* A new connection's numbers begin so far behind the old one's: beyond any window of its. */
constexpr u32 tcp_beyond_time_wait = 65535 + 2;

void tcp_trace_record(const tcp_timewait &record, sock_state from, sock_state to)
{
	const edu_tcp_ends ends = {.saddr = record.end.laddr.raw(),
				   .daddr = record.end.faddr.raw(),
				   .sport = be16{record.end.lport}.raw(),
				   .dport = record.end.fport.raw()};

	if (edu_k_trace_on && from != to) [[unlikely]]
		edu_k_trace_tcp_state(record.host->net, &ends, static_cast<int>(from),
				      static_cast<int>(to));
}

/* It is dead, and nobody else is at this: off everything. */
void tcp_record_take_off(tcp_timewait &record)
{
	edu_stack &host = *record.host;

	tcp_trace_record(record, record.state, sock_state::close);
	edu_k_timer_cancel(&record.timer);
	tcp_unhash_time_wait(host, record);
	{
		spin_guard guard{host.tcp.time_wait_lock};

		host.tcp.time_waits.remove(record);
		host.tcp.time_wait_count--;
	}
	destroy_rcu(&record);
}

/* Takes the record off everything, once. */
void tcp_record_end(tcp_timewait &record)
{
	{
		spin_guard guard{record.lock};

		if (std::exchange(record.dead, true))
			return;
	}
	tcp_record_take_off(record);
}

/* Its time is over. False: it is dead already, or a segment has restarted it when this timer had fired. */
bool tcp_record_is_over(tcp_timewait &record)
{
	spin_guard guard{record.lock};
	const u64 now = edu_k_now_ms();

	if (record.dead)
		return false;
	if (now < record.due_ms) {
		edu_k_timer_set(&record.timer, record.due_ms - now);
		return false;
	}
	return record.dead = true;
}

void tcp_record_expired(edu_timer *timer)
{
	rcu_guard guard;
	tcp_timewait &record = *reinterpret_cast<tcp_timewait *>(reinterpret_cast<char *>(timer) -
								 offsetof(tcp_timewait, timer));

	if (tcp_record_is_over(record))
		tcp_record_take_off(record);
}

void tcp_record_restart(tcp_timewait &record, u64 ms)
{
	record.due_ms = edu_k_now_ms() + ms;
	edu_k_timer_set(&record.timer, ms);
}

owner<tcp_timewait> tcp_record_make(const tcp_sock &s, sock_state substate)
{
	owner<tcp_timewait> record = make<tcp_timewait>(gfp::atomic);

	if (!record)
		return record;
	record->host = s.host;
	record->lock.init(EDU_LOCK_TCP_TIME_WAIT);
	record->end.laddr = s.end.laddr;
	record->end.faddr = s.end.faddr;
	record->end.lport = s.end.lport;
	record->end.fport = s.end.fport;
	record->end.bound_if = s.end.bound_if;
	record->end.what = tcp_end::kind::time_wait;
	record->state = substate;
	record->rcv_nxt = s.rcv_nxt;
	record->snd_nxt = s.snd_nxt;
	record->rcv_wnd = s.receive_window();
	record->rcv_wscale = s.rcv_wscale;
	record->tos = s.ip_tos;
	record->tstamp_ok = s.tstamp_ok;
	record->ts_offset = s.ts_offset;
	record->ts_recent = s.ts_recent;
	record->ts_recent_ms = s.ts_recent_ms;
	edu_k_timer_init(&record->timer, tcp_record_expired);
	return record;
}

/* On the host's list, if there is room and the host goes on. */
bool tcp_record_enlist(edu_stack &host, tcp_timewait &record)
{
	spin_guard guard{host.tcp.time_wait_lock};

	if (host.tcp.stopping.load() ||
	    host.tcp.time_wait_count >= host.tune(EDU_TUNE_tcp_max_tw_buckets))
		return false;
	host.tcp.time_waits.push_back(record);
	host.tcp.time_wait_count++;
	return true;
}

/* What becomes of a segment; carried out when the record's lock has been let go. */
struct tcp_record_answer {
	verdict why = verdict::consumed();
	bool end = false;   /* the record goes */
	bool reset = false; /* a RST goes out */
	bool ack = false;   /* this ACK goes out */
	tcp_reply reply = {};
};

/* An ACK that says where we stand, not more often than tcp_invalid_ratelimit_ms for what is out of order. */
void tcp_record_ack(const edu_stack &host, tcp_timewait &record, bool limited,
		    tcp_record_answer &out)
{
	const u64 now = edu_k_now_ms();

	if (limited && record.last_oow_ms &&
	    now - record.last_oow_ms < host.tune(EDU_TUNE_tcp_invalid_ratelimit_ms))
		return;
	if (limited)
		record.last_oow_ms = now;
	out.ack = true;
	out.reply = {
		.src = record.end.laddr,
		.dst = record.end.faddr,
		.sport = record.end.lport,
		.dport = record.end.fport.host(),
		.seq = record.snd_nxt,
		.ack = record.rcv_nxt,
		.flags = wire::tcp::flag::ack,
		.window = static_cast<u16>(record.rcv_wnd >> record.rcv_wscale),
		.tos = record.tos,
		.oif = record.end.bound_if,
	};

	if (record.tstamp_ok) {
		out.reply.opts.has_timestamps = true;
		out.reply.opts.ts_value = tcp_timestamp(record.ts_offset);
		out.reply.opts.ts_echo = record.ts_recent;
	}
}

/* PAWS; never for a RST (RFC 7323 5.3 R1). */
bool tcp_record_is_old(const tcp_timewait &record, const tcp_segment &segment)
{
	constexpr u64 stale_ms = 24ull * 24 * 3600 * 1000; /* RFC 7323 5.5 */

	return record.tstamp_ok && segment.opts.has_timestamps && record.ts_recent_ms &&
	       edu_k_now_ms() - record.ts_recent_ms < stale_ms && !segment.has(record_rst) &&
	       tcp_stamp_is_old(record.ts_recent, segment.opts.ts_value);
}

void tcp_record_take_stamp(tcp_timewait &record, const tcp_segment &segment)
{
	if (!record.tstamp_ok || !segment.opts.has_timestamps)
		return;
	record.ts_recent = segment.opts.ts_value;
	record.ts_recent_ms = edu_k_now_ms();
}

/* RFC 9293 3.10.7.4, first: something of it is what the connection would still take. */
bool tcp_record_in_window(const tcp_timewait &record, const tcp_segment &segment)
{
	const seq32 begin = record.rcv_nxt, end = begin + record.rcv_wnd;

	if (segment.seq == begin)
		return true;
	if (segment.end_seq() > begin && segment.seq < end)
		return true;
	return segment.seq == end && !segment.sequence_len();
}

/* The second and fourth of 3.10.7.4, as RFC 5961 has them, for an acceptable segment. */
verdict tcp_record_rst(const edu_stack &host, tcp_timewait &record, const tcp_segment &segment,
		       tcp_record_answer &out)
{
	const bool exact = segment.seq == record.rcv_nxt;
	const bool waits = record.state == sock_state::time_wait;

	if (exact && waits && host.tune(EDU_TUNE_tcp_rfc1337)) /* no assassination */
		return verdict::drop(EDU_Tcp_DropTimeWait);
	if (exact) {
		out.end = true;
		return verdict::consumed();
	}
	tcp_record_ack(host, record, true, out);
	return verdict::drop(EDU_Tcp_DropRst);
}

/* Data for nobody: the peer must learn that it is lost (RFC 9293 3.6.1, SHLD-3). */
verdict tcp_record_abort(tcp_record_answer &out)
{
	out.end = true;
	out.reset = true;
	return verdict::drop(EDU_Tcp_DropAfterClose);
}

/* FIN-WAIT-2 without a program: nobody will read, but the peer's FIN is what we wait for. */
verdict tcp_record_fin_wait2(edu_stack &host, tcp_timewait &record, const tcp_segment &segment,
			     bool old, tcp_record_answer &out)
{
	if (old || !tcp_record_in_window(record, segment)) {
		if (!segment.has(record_rst))
			tcp_record_ack(host, record, true, out);
		return verdict::drop(old ? EDU_Tcp_DropPaws : EDU_Tcp_DropOutOfWindow);
	}
	if (segment.has(record_rst))
		return tcp_record_rst(host, record, segment, out);
	if (segment.has(record_syn)) {
		tcp_record_ack(host, record, true, out);
		return verdict::drop(EDU_Tcp_DropSyn);
	}
	if (!segment.has(record_ack))
		return verdict::drop(EDU_Tcp_DropNoAck);
	if (segment.ack > record.snd_nxt) {
		tcp_record_ack(host, record, true, out);
		return verdict::drop(EDU_Tcp_DropAckUnsent);
	}
	if (segment.end_seq() <= record.rcv_nxt)
		return verdict::consumed(); /* an ACK, a window */
	if (!segment.has(record_fin) || segment.end_seq() != record.rcv_nxt + 1)
		return tcp_record_abort(out);
	tcp_trace_record(record, sock_state::fin_wait2, sock_state::time_wait);
	record.state = sock_state::time_wait;
	record.rcv_nxt = segment.end_seq();
	tcp_record_take_stamp(record, segment);
	tcp_record_restart(record, host.tune(EDU_TUNE_tcp_time_wait_ms));
	tcp_record_ack(host, record, false, out);
	return verdict::consumed();
}

/* A SYN that cannot be an old one (RFC 6191; 3.10.7.4, fourth). */
bool tcp_record_gives_way(const edu_stack &host, const tcp_timewait &record,
			  const tcp_segment &segment, bool old)
{
	constexpr u8 telling = record_syn | record_rst | record_ack | record_fin;

	if ((segment.flags & telling) != record_syn || old)
		return false;
	if (segment.seq > record.rcv_nxt)
		return true;
	if (!segment.opts.has_timestamps || !host.tune(EDU_TUNE_tcp_timestamps))
		return false;
	/* Without timestamps before, those of the new connection tell what is old by having none. */
	return !record.tstamp_ok || static_cast<s32>(segment.opts.ts_value - record.ts_recent) > 0;
}

/* Is anybody there to take it? */
bool tcp_record_has_listener(const edu_stack &host, const tcp_segment &segment)
{
	return tcp_find_listener(host, {segment.dst, segment.src, segment.dport,
					be16{segment.sport}, segment.ifindex});
}

verdict tcp_record_time_wait(edu_stack &host, tcp_timewait &record, const tcp_segment &segment,
			     bool old, tcp_record_answer &out)
{
	const u64 ms = host.tune(EDU_TUNE_tcp_time_wait_ms);

	if (segment.has(record_rst)) {
		if (tcp_record_in_window(record, segment))
			return tcp_record_rst(host, record, segment, out);
		return verdict::drop(EDU_Tcp_DropRst);
	}
	/* The peer has not heard our last ACK: "acknowledge it, and restart the 2 MSL timeout". */
	if (!old && segment.has(record_fin) && segment.end_seq() == record.rcv_nxt) {
		tcp_record_restart(record, ms);
		tcp_record_ack(host, record, false, out);
		return verdict::consumed();
	}
	/* A bare ACK is not answered, or two that have closed at once would never end. */
	if (!old && segment.seq == record.rcv_nxt && !segment.sequence_len()) {
		tcp_record_restart(record, ms);
		tcp_record_take_stamp(record, segment);
		return verdict::consumed();
	}
	tcp_record_ack(host, record, true, out);
	return verdict::drop(old		     ? EDU_Tcp_DropPaws :
			     segment.has(record_syn) ? EDU_Tcp_DropSyn :
						       EDU_Tcp_DropTimeWait);
}

} // namespace

void tcp_time_wait(tcp_sock &s, sock_state substate, u64 ms)
{
	edu_stack &host = *s.host;
	rcu_guard guard; /* a segment may end the record as soon as it is seen */
	owner<tcp_timewait> record = tcp_record_make(s, substate);

	if (record && tcp_record_enlist(host, *record)) {
		tcp_timewait &kept = *record.release();

		host.count(EDU_Tcp_TimeWaits);
		/* The connection goes on as the record: tcp_done() does not say that it is over. */
		tcp_trace_record(kept, state_of(s), substate);
		edu_k_sock_set_state(home(s), static_cast<int>(sock_state::time_wait));
		tcp_hash_time_wait(s, kept);
		{
			spin_guard locked{kept.lock};

			if (!kept.dead)
				tcp_record_restart(kept, ms);
		}
	} else {
		host.count(EDU_Tcp_TimeWaitsKilled); /* it just closes, as in Linux */
	}
	tcp_done(s);
}

tcp_tw_action tcp_timewait_rcv(edu_stack &host, tcp_timewait &record, tcp_segment &segment,
			       verdict &why)
{
	tcp_tw_action action = tcp_tw_action::dropped;
	tcp_record_answer out;

	{
		spin_guard guard{record.lock};
		const bool old = tcp_record_is_old(record, segment);

		if (record.dead) {
			why = verdict::drop(EDU_Tcp_DropTimeWait);
			return action;
		}
		if (record.state == sock_state::fin_wait2) {
			out.why = tcp_record_fin_wait2(host, record, segment, old, out);
		} else if (tcp_record_gives_way(host, record, segment, old) &&
			   tcp_record_has_listener(host, segment)) {
			action = tcp_tw_action::listen;
			segment.iss_after_time_wait = true;
			segment.after = record.snd_nxt + tcp_beyond_time_wait;
			out.end = true;
		} else {
			out.why = tcp_record_time_wait(host, record, segment, old, out);
		}
	}
	if (out.end)
		tcp_record_end(record);
	if (out.reset)
		tcp_send_reset(host, segment);
	if (out.ack) {
		host.count(EDU_Tcp_OutAcks);
		tcp_send_reply(host, out.reply);
	}
	why = out.why;
	return action;
}

bool tcp_timewait_may_reuse(const edu_stack &host, tcp_timewait &record, seq32 *after)
{
	constexpr u64 a_while_ms = 1000; /* so that a timestamp of ours is surely greater */
	spin_guard guard{record.lock};

	if (record.dead || record.state != sock_state::time_wait || !record.tstamp_ok ||
	    !host.tune(EDU_TUNE_tcp_tw_reuse) || edu_k_now_ms() - record.ts_recent_ms < a_while_ms)
		return false;
	*after = record.snd_nxt + tcp_beyond_time_wait;
	return true;
}

void tcp_timewait_kill(edu_stack &, tcp_timewait &record)
{
	tcp_record_end(record);
}

} // namespace edu
