// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP: what happens when nothing happens.
 *
 * TLK: "without acknowledgement it is sent again", "a timer that ends the wait" (TCP-5, TCP-6). Requirements:
 * TCP-5, TCP-6, TCP-8, TCP-12. RFC 9293 3.8.1 (MUST-18, MUST-19 by RFC 6298 5.4 to 5.7), 3.8.3 (MUST-20
 * to MUST-23, SHLD-9 to SHLD-11), 3.8.4 (MUST-24 to MUST-29, SHLD-12), 3.8.6.1 (MUST-37), 3.8.6.3 (MUST-40);
 * 3.6.1 (FIN-WAIT-2 without a program ends).
 *
 * retransmit_timer has one of several purposes at a time (tcp_timer_kind); delack_timer and
 * keepalive_timer have one. A timer that is put off is left running, and finds out when it fires that it
 * is not due yet: acknowledgements come often, timeouts do not.
 *
 * Locking: the functions are called with the socket locked. A timer fires in a softirq and takes the spin
 * lock; if a program owns the socket, it leaves a bit in `deferred`, for tcp_release_cb().
 * References: an armed timer has one. Who finds it pending when it is set adds none; who cancels a pending
 * one gives it back; one that fires gives it back at its end, or, deferred, when that has been done. So the
 * socket is there, but may have closed: then nothing is left to do.
 */
#include "transport/tcp_output.hh"

#include "stack.hh"

namespace edu {

/*
 * Arming
 */

namespace {

/* due: when it is to act. One that is pending and will fire before is left alone. */
void tcp_arm(tcp_sock &s, edu_timer &timer, u64 &due, u64 ms)
{
	const u64 now = edu_k_now_ms(), when = now + (ms ? ms : 1);
	const bool fires_before = edu_k_timer_pending(&timer) && due <= when;

	due = when;
	if (fires_before || state_of(s) == sock_state::close)
		return;
	if (!edu_k_timer_set(&timer, when - now))
		edu_k_sock_hold(home(s));
}

void tcp_disarm(tcp_sock &s, edu_timer &timer)
{
	if (edu_k_timer_cancel(&timer))
		edu_k_sock_put(home(s)); /* never the last: the caller has one */
}

/* It fired; is it time? If not, it is set for the rest. */
bool tcp_is_due(tcp_sock &s, edu_timer &timer, u64 &due)
{
	const u64 now = edu_k_now_ms();

	if (now >= due)
		return true;
	tcp_arm(s, timer, due, due - now);
	return false;
}

} // namespace

void tcp_reset_retransmit_timer(tcp_sock &s, tcp_timer_kind kind, u64 ms)
{
	s.timer_kind = kind;
	tcp_arm(s, s.retransmit_timer, s.retransmit_due_ms, ms);
}

void tcp_stop_retransmit_timer(tcp_sock &s)
{
	s.timer_kind = tcp_timer_kind::none;
}

/* RFC 6298 5.1 to 5.3. */
void tcp_rearm_rto(tcp_sock &s)
{
	u64 ms = s.rto_ms;

	if (!edu_k_skb_tree_first(&s.rtx_queue)) {
		tcp_stop_retransmit_timer(s);
		if (tcp_owes_fin(s)) [[unlikely]]
			tcp_reset_retransmit_timer(s, tcp_timer_kind::probe, tcp_local_retry_ms);
		return;
	}
	/* These two went before the RTO, which has been running all the time. */
	if (s.timer_kind == tcp_timer_kind::reorder || s.timer_kind == tcp_timer_kind::tail_loss)
		ms = (tcp_rto_left_us(s) + 999) / 1000;
	tcp_reset_retransmit_timer(s, tcp_timer_kind::retransmit, ms);
}

void tcp_reset_delack_timer(tcp_sock &s, u64 ms)
{
	s.ack_pending |= tcp_ack_due::timer;
	tcp_arm(s, s.delack_timer, s.delack_due_ms, ms);
}

void tcp_stop_delack_timer(tcp_sock &s)
{
	s.ack_pending &= static_cast<u8>(~tcp_ack_due::timer);
}

void tcp_reset_keepalive_timer(tcp_sock &s, u64 ms)
{
	tcp_arm(s, s.keepalive_timer, s.keepalive_due_ms, ms);
}

void tcp_stop_keepalive_timer(tcp_sock &s)
{
	tcp_disarm(s, s.keepalive_timer);
}

namespace {

/* Data waits for a closed window from now on. The RTO is backed off as it is: the doublings of timeouts are in
 * it, and those of probes begin anew. */
void tcp_begin_probing(tcp_sock &s)
{
	if (s.probe_since_ms)
		return;
	s.probe_since_ms = edu_k_now_ms();
	s.backoff = 0;
}

} // namespace

/* SHLD-29: the first probe comes after an RTO. Where a silly window or a cork holds data back, RFC 9293
 * 3.8.6.2.1 asks for a second at most. */
void tcp_check_probe_timer(tcp_sock &s)
{
	sk_buff *skb = s.write_queue.first;

	if (!skb || edu_k_skb_tree_first(&s.rtx_queue) || s.timer_kind != tcp_timer_kind::none)
		return;
	tcp_begin_probing(s);
	u64 ms = tcp_backed_off(s.rto_ms, s.backoff, s.host->tune(EDU_TUNE_tcp_rto_max_ms));

	if (tcp_cb(skb).seq < s.window_end() && ms > tcp_override_ms)
		ms = tcp_override_ms;
	tcp_reset_retransmit_timer(s, tcp_timer_kind::probe, ms);
}

/*
 * Giving up
 */

namespace {

bool tcp_is_orphan(const tcp_sock &s)
{
	return edu_k_sock_flags(home(s)) & EDU_SOCK_DEAD;
}

/* MUST-20, MUST-22: the end is told, with what ICMP may have said of it (MUST-56). */
void tcp_time_out(tcp_sock &s)
{
	constexpr int timed_out = static_cast<int>(errc::etimedout);

	s.host->count(EDU_Tcp_AbortsOnTimeout);
	tcp_fail(s, s.soft_error ? s.soft_error : timed_out);
}

/* Has it been tried for as long as `retries` retransmissions take? */
bool tcp_tried_for(const tcp_sock &s, u32 retries)
{
	const edu_stack &host = *s.host;
	const u64 least = tcp_retries_time(retries, host.tune(EDU_TUNE_tcp_rto_min_ms),
					   host.tune(EDU_TUNE_tcp_rto_max_ms));

	return s.retransmits && edu_k_now_ms() - s.retrans_since_ms >= least;
}

/* How often an orphan tries: nobody waits for it. Not at all if ICMP says that the peer cannot be reached,
 * and the peer has been silent for long. */
u32 tcp_orphan_tries(const tcp_sock &s, bool alive)
{
	return s.soft_error && !alive ? 0 : s.host->tune(EDU_TUNE_tcp_orphan_retries);
}

/* R2 (MUST-20, MUST-21: TCP_USER_TIMEOUT). */
bool tcp_retries_are_over(const tcp_sock &s)
{
	const edu_stack &host = *s.host;
	u32 retries = host.tune(EDU_TUNE_tcp_retries2);

	if (tcp_is_orphan(s))
		retries = tcp_orphan_tries(s, s.rto_ms < host.tune(EDU_TUNE_tcp_rto_max_ms));
	if (s.user_timeout_ms)
		return s.retransmits && edu_k_now_ms() - s.retrans_since_ms >= s.user_timeout_ms;
	return tcp_tried_for(s, retries);
}

/* R1: IP is told (MUST-20), and the program if it wants to know (SHLD-9: by the error queue). The next hop
 * must show that it is alive, or else another gateway is preferred (RFC 1122 3.3.1.4); and the next segment
 * asks for the way anew. */
void tcp_advise_ip(tcp_sock &s)
{
	{
		rcu_guard guard;
		rtable *route = s.ip_route_cache.load();

		if (route && route->rt_neigh)
			arp_doubt(*route->rt_neigh);
	}
	sk_route_reset(s);
	if (std::exchange(s.trouble_told, true))
		return;
	sock_local_error(s, static_cast<int>(errc::etimedout), s.daddr, s.dport, s.retransmits);
}

/* The RTO is doubled (MUST-19; RFC 6298 5.5). */
void tcp_back_off(tcp_sock &s)
{
	const u32 most = s.host->tune(EDU_TUNE_tcp_rto_max_ms);

	if (s.backoff < 0xff)
		s.backoff++;
	s.rto_ms = static_cast<u32>(tcp_backed_off(s.rto_ms, 1, most));
}

void tcp_count_retransmit(tcp_sock &s)
{
	if (!s.retransmits)
		s.retrans_since_ms = edu_k_now_ms();
	if (s.retransmits < 0xff)
		s.retransmits++;
}

/*
 * The timeouts of retransmit_timer
 */

/* The RTO, but not beyond the end that TCP_USER_TIMEOUT sets (MUST-21). */
u64 tcp_rto_within_timeout(const tcp_sock &s)
{
	if (!s.user_timeout_ms || !s.retransmits)
		return s.rto_ms;
	const u64 tried = edu_k_now_ms() - s.retrans_since_ms;
	const u64 left = tried < s.user_timeout_ms ? s.user_timeout_ms - tried : 1;

	return left < s.rto_ms ? left : s.rto_ms;
}

/* A SYN or SYN-ACK goes out once more, and the timer runs, whatever becomes of it. */
void tcp_handshake_again(tcp_sock &s)
{
	edu_stack &host = *s.host;

	tcp_count_retransmit(s);
	tcp_back_off(s);
	s.total_retrans++;
	host.count(EDU_Tcp_Timeouts);
	host.count(EDU_Tcp_RetransSegs);
	tcp_reset_retransmit_timer(s, tcp_timer_kind::retransmit, tcp_rto_within_timeout(s));
	if (edu_k_trace_on) [[unlikely]] {
		const edu_tcp_ends ends = tcp_ends(s);

		edu_k_trace_tcp_retransmit(host.net, &ends, s.iss.raw(), 0, "syn");
	}
}

/* MUST-22, MUST-23: with seven SYNs more and a first RTO of a second, more than four minutes. */
void tcp_syn_timeout(tcp_sock &s)
{
	edu_stack &host = *s.host;
	const u32 retries = s.syn_retries ? s.syn_retries : host.tune(EDU_TUNE_tcp_syn_retries);

	if (s.retransmits >= retries ||
	    (s.user_timeout_ms && s.retransmits &&
	     edu_k_now_ms() - s.retrans_since_ms >= s.user_timeout_ms)) {
		tcp_time_out(s);
		return;
	}
	tcp_handshake_again(s);
	if (s.retransmits >= host.tune(EDU_TUNE_tcp_retries1))
		tcp_advise_ip(s);
	tcp_note_failure(s, tcp_send_syn(s).error());
}

/* The other end of MUST-22: a half-open connection goes. */
void tcp_synack_timeout(tcp_sock &s)
{
	edu_stack &host = *s.host;
	u32 retries = s.syn_retries ? s.syn_retries : host.tune(EDU_TUNE_tcp_synack_retries);

	if (retries < s.defer_accept)
		retries = s.defer_accept;
	if (s.retransmits >= retries) {
		if (read_once(s.parent)) {
			host.count(EDU_Tcp_AbortsOnTimeout);
			tcp_done(s); /* takes it off its listener's queue */
		} else {
			tcp_time_out(s);
		}
		return;
	}
	tcp_handshake_again(s);
	(void)tcp_send_synack(s);
}

/* The oldest segment goes again. What fails on this machine is tried again soon, and counts as no loss. */
void tcp_retransmit_oldest(tcp_sock &s)
{
	sk_buff *oldest = edu_k_skb_tree_first(&s.rtx_queue);
	const errc why = oldest ? errc{tcp_retransmit_skb(s, oldest, "rto")} : errc::none;

	if (tcp_is_local_failure(why)) {
		tcp_reset_retransmit_timer(s, tcp_timer_kind::retransmit, tcp_local_retry_ms);
		return;
	}
	tcp_note_failure(s, why);
	tcp_back_off(s);
	tcp_reset_retransmit_timer(s, tcp_timer_kind::retransmit, tcp_rto_within_timeout(s));
}

/* A peer that has taken its window back gets probes in the shape of retransmissions. As long as it
 * answers them, it is not given up (MUST-35, MUST-37, SHLD-17). False: it does not answer. */
bool tcp_shrunk_to_nothing(tcp_sock &s)
{
	const u64 heard = s.last_ack_ms > s.last_rcv_ms ? s.last_ack_ms : s.last_rcv_ms;

	return !s.snd_wnd && !tcp_is_orphan(s) && !s.user_timeout_ms &&
	       edu_k_now_ms() - heard <= s.host->tune(EDU_TUNE_tcp_rto_max_ms);
}

void tcp_retransmit_timeout(tcp_sock &s)
{
	if (!edu_k_skb_tree_first(&s.rtx_queue)) {
		tcp_check_probe_timer(s);
		return;
	}
	if (tcp_shrunk_to_nothing(s)) {
		tcp_enter_loss(s);
		tcp_retransmit_oldest(s);
		sk_route_reset(s);
		return;
	}
	if (tcp_is_orphan(s) && tcp_check_orphans(s))
		return;
	if (tcp_retries_are_over(s)) {
		tcp_time_out(s);
		return;
	}
	s.host->count(EDU_Tcp_Timeouts);
	tcp_enter_loss(s);
	tcp_count_retransmit(s);
	tcp_retransmit_oldest(s);
	if (tcp_tried_for(s, s.host->tune(EDU_TUNE_tcp_retries1)))
		tcp_advise_ip(s);
}

/* MUST-37: not given up while the peer answers, which makes probes_out zero. */
void tcp_probe_timeout(tcp_sock &s)
{
	const edu_stack &host = *s.host;
	const u64 now = edu_k_now_ms();
	u32 most = host.tune(EDU_TUNE_tcp_retries2);

	if (s.flight() || !s.write_queue.first) {
		s.probes_out = 0;
		return;
	}
	tcp_begin_probing(s);
	if (tcp_is_orphan(s)) {
		const u64 wait =
			tcp_backed_off(s.rto_ms, s.backoff, host.tune(EDU_TUNE_tcp_rto_max_ms));
		const bool alive = wait < host.tune(EDU_TUNE_tcp_rto_max_ms);

		most = tcp_orphan_tries(s, alive);
		if (!alive && s.backoff >= most) {
			tcp_time_out(s);
			return;
		}
		if (tcp_check_orphans(s))
			return;
	}
	if (s.probes_out >= most ||
	    (s.user_timeout_ms && now - s.probe_since_ms >= s.user_timeout_ms)) {
		tcp_time_out(s);
		return;
	}
	tcp_send_probe(s);
}

/* retransmit_timer is due. */
void tcp_retransmit_due(tcp_sock &s)
{
	const tcp_timer_kind kind = s.timer_kind;

	if (kind == tcp_timer_kind::none || state_of(s) == sock_state::close ||
	    !tcp_is_due(s, s.retransmit_timer, s.retransmit_due_ms))
		return;
	s.timer_kind = tcp_timer_kind::none;
	if (tcp_owes_fin(s))
		tcp_send_fin(s);
	switch (kind) {
	case tcp_timer_kind::reorder:
		tcp_rack_timeout(s);
		if (s.timer_kind == tcp_timer_kind::none)
			tcp_rearm_rto(s);
		return;
	case tcp_timer_kind::tail_loss:
		return tcp_send_loss_probe(s);
	case tcp_timer_kind::probe:
		return tcp_probe_timeout(s);
	default:
		break;
	}
	if (state_of(s) == sock_state::syn_sent)
		return tcp_syn_timeout(s);
	if (state_of(s) == sock_state::syn_recv || tcp_syn_is_out(s))
		return tcp_synack_timeout(s);
	tcp_retransmit_timeout(s);
}

/*
 * Delayed acknowledgements
 */

void tcp_delack_due(tcp_sock &s)
{
	if (state_in(s, {sock_state::close, sock_state::listen}) ||
	    !(s.ack_pending & tcp_ack_due::timer) ||
	    !tcp_is_due(s, s.delack_timer, s.delack_due_ms))
		return;
	s.ack_pending &= static_cast<u8>(~tcp_ack_due::timer);
	if (!(s.ack_pending & tcp_ack_due::scheduled))
		return;
	if (s.pingpong) { /* no answer came that could have carried it */
		s.pingpong = false;
		s.ato_ms = s.host->tune(EDU_TUNE_tcp_delack_min_ms);
	} else { /* the peer is slower than we thought */
		s.ato_ms = tcp_min(s.ato_ms * 2, s.rto_ms);
	}
	tcp_send_ack(s);
	s.host->count(EDU_Tcp_OutDelayedAcks);
}

/*
 * Keepalive (RFC 9293 3.8.4), and FIN-WAIT-2 without a program
 */

/* MUST-26: how long the connection has been idle. */
u64 tcp_idle_for(const tcp_sock &s)
{
	const u64 heard = s.last_ack_ms > s.last_rcv_ms ? s.last_ack_ms : s.last_rcv_ms;

	return edu_k_now_ms() - heard;
}

/* MUST-29: no single lost answer ends it. */
bool tcp_peer_is_gone(const tcp_sock &s, u64 idle)
{
	if (s.user_timeout_ms)
		return s.probes_out && idle >= s.user_timeout_ms;
	return s.probes_out >= tcp_keepalive_probes(s);
}

void tcp_fin_wait_over(tcp_sock &s)
{
	const u64 now = edu_k_now_ms();

	if (now < s.fin_wait_ends_ms) {
		tcp_reset_keepalive_timer(s, s.fin_wait_ends_ms - now);
		return;
	}
	tcp_send_active_reset(s);
	tcp_done(s);
}

/* Sends a probe if one is due; returns when to look again. 0: the connection is over. */
u64 tcp_keepalive_probe(tcp_sock &s)
{
	const u64 idle = tcp_idle_for(s), patience = tcp_keepalive_time(s);

	if (s.flight() || s.write_queue.first) /* what is under way will show */
		return patience;
	if (idle < patience)
		return patience - idle;
	if (tcp_peer_is_gone(s, idle)) {
		tcp_send_active_reset(s);
		tcp_time_out(s);
		return 0;
	}
	const int failed = tcp_write_wakeup(s);

	if (tcp_is_local_failure(errc{failed}))
		return tcp_local_retry_ms;
	s.host->count(EDU_Tcp_OutKeepalives);
	if (s.probes_out < 0xff)
		s.probes_out++;
	return tcp_keepalive_intvl(s);
}

void tcp_keepalive_due(tcp_sock &s)
{
	if (state_in(s, {sock_state::close, sock_state::listen}) ||
	    !tcp_is_due(s, s.keepalive_timer, s.keepalive_due_ms))
		return;
	if (state_of(s) == sock_state::fin_wait2 && tcp_is_orphan(s)) {
		tcp_fin_wait_over(s);
		return;
	}
	/* MUST-24, MUST-25: only who asks for it. */
	if (!(edu_k_sock_flags(home(s)) & EDU_SOCK_KEEPALIVE) ||
	    state_of(s) == sock_state::syn_sent)
		return;
	if (const u64 next = tcp_keepalive_probe(s))
		tcp_reset_keepalive_timer(s, next);
}

/*
 * Firing
 */

/* The timer's reference ends here, or is left with the bit in `deferred`. Softirq. */
void tcp_fire(tcp_sock &s, u8 bit, void (*act)(tcp_sock &s))
{
	bool keep = false;

	edu_k_bh_lock_sock(home(s));
	if (edu_k_sock_owned(home(s)))
		keep = tcp_defer(s, bit);
	else
		act(s);
	edu_k_bh_unlock_sock(home(s));
	if (!keep)
		edu_k_sock_put(home(s));
}

void tcp_retransmit_fire(edu_timer *timer)
{
	tcp_sock &s = *edu::detail::owner_of<tcp_sock>(timer, &tcp_sock::retransmit_timer);

	tcp_fire(s, tcp_deferred::retransmit, tcp_retransmit_due);
}

void tcp_delack_fire(edu_timer *timer)
{
	tcp_sock &s = *edu::detail::owner_of<tcp_sock>(timer, &tcp_sock::delack_timer);

	tcp_fire(s, tcp_deferred::delack, tcp_delack_due);
}

void tcp_keepalive_fire(edu_timer *timer)
{
	tcp_sock &s = *edu::detail::owner_of<tcp_sock>(timer, &tcp_sock::keepalive_timer);

	tcp_fire(s, tcp_deferred::keepalive, tcp_keepalive_due);
}

/* The bits that hold their timer's reference, and what they stand for. */
struct tcp_put_off {
	u8 bit;
	void (*act)(tcp_sock &s);
};
constexpr tcp_put_off tcp_put_offs[] = {
	{tcp_deferred::retransmit, tcp_retransmit_due},
	{tcp_deferred::delack, tcp_delack_due},
	{tcp_deferred::keepalive, tcp_keepalive_due},
};

} // namespace

void tcp_release_cb(sock &base)
{
	tcp_sock &s = tcp_sk(base);

	if (!__atomic_load_n(&s.deferred, __ATOMIC_RELAXED)) [[likely]]
		return;
	const u8 left = __atomic_exchange_n(&s.deferred, u8{0}, __ATOMIC_RELAXED);

	if (left & tcp_deferred::mtu && state_of(s) != sock_state::close)
		if (auto route = tcp_route(s); route)
			tcp_mtu_reduced(s, rt_path_mtu(*route.value()));
	if (left & tcp_deferred::push)
		tcp_push_pending(s);
	for (const tcp_put_off &what : tcp_put_offs)
		if (left & what.bit) {
			what.act(s);
			edu_k_sock_put(home(s)); /* the program still has its own */
		}
}

/*
 * Life
 */

void tcp_init_timers(tcp_sock &s)
{
	edu_k_timer_init(&s.retransmit_timer, tcp_retransmit_fire);
	edu_k_timer_init(&s.delack_timer, tcp_delack_fire);
	edu_k_timer_init(&s.keepalive_timer, tcp_keepalive_fire);
}

void tcp_clear_timers(tcp_sock &s)
{
	const u8 left = __atomic_exchange_n(&s.deferred, u8{0}, __ATOMIC_RELAXED);

	s.timer_kind = tcp_timer_kind::none;
	s.ack_pending = 0;
	tcp_disarm(s, s.retransmit_timer);
	tcp_disarm(s, s.delack_timer);
	tcp_disarm(s, s.keepalive_timer);
	for (const tcp_put_off &what : tcp_put_offs)
		if (left & what.bit)
			edu_k_sock_put(home(s));
}

/*
 * What the program asks for, or the host's values
 */

void tcp_set_keepalive(tcp_sock &s, bool on)
{
	if (state_in(s, {sock_state::close, sock_state::listen}))
		return;
	if (on)
		tcp_reset_keepalive_timer(s, tcp_keepalive_time(s));
	else if (!(state_of(s) == sock_state::fin_wait2 && tcp_is_orphan(s)))
		tcp_stop_keepalive_timer(s);
}

/* MUST-27, MUST-28: two hours, if nobody says otherwise. */
u32 tcp_keepalive_time(const tcp_sock &s)
{
	return s.keep_time_ms ? s.keep_time_ms : s.host->tune(EDU_TUNE_tcp_keepalive_time_ms);
}

u32 tcp_keepalive_intvl(const tcp_sock &s)
{
	return s.keep_intvl_ms ? s.keep_intvl_ms : s.host->tune(EDU_TUNE_tcp_keepalive_intvl_ms);
}

u32 tcp_keepalive_probes(const tcp_sock &s)
{
	return s.keep_probes ? s.keep_probes : s.host->tune(EDU_TUNE_tcp_keepalive_probes);
}

/* Long enough for what we have sent last to be acknowledged after a loss (Linux's rule). */
u64 tcp_fin_time(const tcp_sock &s)
{
	const u64 ms = s.linger2_ms > 0 ? static_cast<u64>(s.linger2_ms) :
					  s.host->tune(EDU_TUNE_tcp_fin_timeout_ms);
	const u64 least = u64{s.rto_ms} * 4 - s.rto_ms / 2;

	return ms < least ? least : ms;
}

} // namespace edu
