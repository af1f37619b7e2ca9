// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is a new address free?
 *
 * ARP-9, OVER-1; RFC 5227 2.1 (probing), 2.1.1 (what is a conflict), 2.3 (announcing). Linux leaves
 * this to its DHCP clients; here conf/DEVICE/arp_probe turns it on. Until nobody has answered, the host
 * does as if it had no such address: it is not looked up, no route follows from it, nothing leaves
 * from it. An address that another station has is kept on the list, to be seen, and not used; it
 * is asked for again when the device next comes up, as the RFC has it.
 * Not here: MAX_CONFLICTS and RATE_LIMIT_INTERVAL, which are for hosts that try one address after
 * the other; and asking again for an address in use whose device goes down and comes up.
 *
 * Locking: an address's step is taken under the RTNL, by one work of the host. What is heard comes in
 * softirq, under RCU, and leaves a mark.
 */
#include "link/arp.hh"
#include "stack.hh"

namespace edu {

/* At random between the two, both included. */
static u32 random_between(u32 least, u32 most)
{
	return most <= least ? least :
			       least + static_cast<u32>(
					       u64{edu_k_random()} * (most - least + u64{1}) >> 32);
}

static void set_probe_timer(edu_stack &host, u64 ms)
{
	if (!host.arp.stopping.load())
		edu_k_timer_set(&host.arp.probe_timer, ms);
}

static void begin(ifaddr &addr)
{
	edu_stack &host = *addr.iface->host;

	write_once(addr.contested, false);
	write_once(addr.state, addr_state::probing);
	addr.steps = 0;
	addr.due = edu_k_now_ms() + random_between(0, host.tune(EDU_TUNE_arp_probe_wait_ms));
}

void arp_probe_begin(ifaddr &addr)
{
	edu_iface &iface = *addr.iface;

	edu_k_assert_rtnl();
	begin(addr);
	write_once(iface.unsettled, iface.unsettled + 1);
	set_probe_timer(*iface.host, 0);
}

void arp_probe_again(edu_iface &iface)
{
	edu_k_assert_rtnl();
	for (ifaddr &addr : iface.addrs) {
		if (addr.state == addr_state::refused)
			arp_probe_begin(addr);
		else if (addr.state == addr_state::probing)
			begin(addr);
	}
	if (iface.unsettled)
		set_probe_timer(*iface.host, 0);
}

static void settled(edu_iface &iface)
{
	write_once(iface.unsettled, iface.unsettled - 1);
}

void arp_probe_end(ifaddr &addr)
{
	if (addr.state == addr_state::probing || addr.state == addr_state::announcing)
		settled(*addr.iface);
}

/* Has nobody its address, so far? Softirq, RCU. */
void arp_probe_heard(edu_iface &iface, const wire::arp::repr &arp)
{
	const bool probe = arp.sender_ip == be32{} && arp.op == wire::arp::operation::request;
	const be32 claimed = probe ? arp.target_ip : arp.sender_ip;

	for (ifaddr &addr : iface.addrs) {
		if (addr.local != claimed || read_once(addr.state) != addr_state::probing ||
		    read_once(addr.contested))
			continue;
		write_once(addr.contested, true);
		iface.host->count(EDU_Arp_AddressConflicts);
		edu_k_log("another station has our new address, which is not used", claimed.raw(),
			  arp.sender_ha.octet);
		set_probe_timer(*iface.host, 0);
	}
}

static void send_probe(edu_iface &iface, be32 addr)
{
	rcu_guard guard;

	iface.host->count(EDU_Arp_OutAddressProbes);
	arp_send(iface,
		 {wire::arp::operation::request,
		  eth_addr::load(iface.info.load()->addr),
		  {},
		  {},
		  addr},
		 eth_addr::broadcast());
}

static void announce(edu_iface &iface, be32 addr)
{
	rcu_guard guard;

	arp_announce(iface, addr);
}

/* Nobody has it: it becomes an address like any other, and is announced twice. */
static void win(ifaddr &addr, u64 now)
{
	edu_iface &iface = *addr.iface;

	if (!ifaddr_use(addr)) { /* no memory: as if it had been refused, so that it is seen */
		settled(iface);
		return;
	}
	write_once(addr.state, addr_state::announcing);
	addr.due = now + iface.host->tune(EDU_TUNE_arp_announce_wait_ms);
	announce(iface, addr.local);
}

static void lose(ifaddr &addr)
{
	write_once(addr.state, addr_state::refused);
	settled(*addr.iface);
	ifaddr_notify(addr);
}

/* What is due now. RTNL. */
static void take_step(ifaddr &addr, u64 now)
{
	edu_iface &iface = *addr.iface;
	edu_stack &host = *iface.host;

	if (addr.state == addr_state::announcing) {
		write_once(addr.state, addr_state::used);
		settled(iface);
		if (iface.is_up() && iface.uses_arp())
			announce(iface, addr.local);
		return;
	}
	if (addr.steps == host.tune(EDU_TUNE_arp_probe_num) || !iface.uses_arp())
		return win(addr, now);
	send_probe(iface, addr.local);
	addr.due = now + (++addr.steps < host.tune(EDU_TUNE_arp_probe_num) ?
				  random_between(host.tune(EDU_TUNE_arp_probe_min_ms),
						 host.tune(EDU_TUNE_arp_probe_max_ms)) :
				  host.tune(EDU_TUNE_arp_announce_wait_ms));
}

/* Everything that is due on the interface; returns when there is more to do, or @next if that is
 * sooner. While the device is down or unplugged, nothing happens. */
static u64 take_steps(edu_iface &iface, u64 next)
{
	const u64 now = edu_k_now_ms();

	for (ifaddr &addr : iface.addrs) {
		if (addr.state == addr_state::used || addr.state == addr_state::refused)
			continue;
		if (addr.state == addr_state::probing && addr.contested) {
			lose(addr);
			continue;
		}
		if (addr.state == addr_state::probing && !iface.is_running())
			continue;
		if (now >= addr.due)
			take_step(addr, now);
		if (addr.state != addr_state::used && addr.state != addr_state::refused &&
		    addr.due < next)
			next = addr.due;
	}
	return next;
}

static void probe_work_run(edu_work *work)
{
	constexpr u64 never = ~u64{0};
	arp_state &arp = *detail::owner_of(work, &arp_state::probe_work);
	rtnl_guard rtnl{true};
	u64 next = never;

	for (edu_iface &iface : arp.host->interfaces.dev_base)
		if (iface.unsettled)
			next = take_steps(iface, next);
	if (const u64 now = edu_k_now_ms(); next != never)
		set_probe_timer(*arp.host, next > now ? next - now : 0);
}

static void probe_timer_fired(edu_timer *timer)
{
	arp_state &arp = *detail::owner_of(timer, &arp_state::probe_timer);

	if (!arp.stopping.load())
		edu_k_work_queue(&arp.probe_work);
}

void arp_probe_init(arp_state &arp)
{
	edu_k_timer_init(&arp.probe_timer, probe_timer_fired);
	edu_k_work_init(&arp.probe_work, probe_work_run);
}

void arp_probe_close(arp_state &arp)
{
	edu_k_timer_cancel_sync(&arp.probe_timer);
	edu_k_work_cancel_sync(&arp.probe_work);
	edu_k_timer_cancel_sync(&arp.probe_timer); /* the work may have set it meanwhile */
}

} // namespace edu
