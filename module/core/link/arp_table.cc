// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ARP table: entries found, made, aged and evicted.
 *
 * TLK "The Address Resolution Protocol (ARP)": ARP-1, ARP-2, ARP-10, ARP-11, ARP-12.
 *
 * A full table makes room by the oldest complete entry that no route uses; only when more than half
 * of it waits for an answer, by the oldest that does. So a flood of questions for addresses nobody
 * has pushes out its own questions, and neither that nor a flood of askers an entry in use. And a
 * stranger who asks us something never costs one of our own questions its answer. Permanent entries
 * do not count: they take nothing from the others, and a full table refuses the administrator none.
 *
 * Locking: as in arp.hh. Making an entry takes its row's lock, evicting another one that of the
 * victim's row, one after the other.
 */
#include "link/arp.hh"
#include "stack.hh"

namespace edu {

using arp_row = decltype(arp_state::arp_tables)::row;

void trace_arp(edu_stack &host, const char *what, const arp_table &entry)
{
	if (edu_k_trace_on) [[unlikely]]
		edu_k_trace_arp(host.net, what, entry.ip.raw(),
				entry.flags & atf::com ? entry.ha.octet : nullptr);
}

edu_neigh_info arp_describe(arp_table &entry)
{
	constexpr u16 nud_incomplete = 0x01, nud_reachable = 0x02, nud_stale = 0x04,
		      nud_probe = 0x10, nud_failed = 0x20, nud_permanent = 0x80;
	edu_stack &host = *entry.dev->host;
	u64 now = edu_k_now_ms();
	edu_neigh_info out{};
	spin_guard guard{entry.lock};

	out.ip = entry.ip.raw();
	out.mask = ~0u;
	out.ifindex = entry.dev->ifindex;
	out.type = arphrd_ether;
	out.flags = entry.flags;
	out.used_ms = static_cast<u32>(now - read_once(entry.last_used));
	out.updated_ms = static_cast<u32>(now - entry.last_updated);
	out.retries = entry.retries;
	out.waiting = entry.skb.length();
	out.references = static_cast<u32>(entry.refs.load() - 1);
	if (entry.flags & atf::com) {
		out.hardware_len = eth_addr::len;
		entry.ha.store(out.hardware_address);
	}
	if (entry.dead)
		out.state = nud_failed;
	else if (!(entry.flags & atf::com))
		out.state = nud_incomplete;
	else if (entry.flags & atf::perm)
		out.state = nud_permanent;
	else if (entry.probing)
		out.state = nud_probe;
	else if (now - entry.last_updated < host.tune(EDU_TUNE_arp_confirm_interval_ms))
		out.state = nud_reachable;
	else
		out.state = nud_stale;
	return out;
}

void release(arp_table *entry)
{
	destroy_rcu(entry);
}

arp_table *arp_find(const edu_stack &host, const edu_iface &iface, be32 ip)
{
	arp_row *row = host.arp.arp_tables.find_row(ip);

	if (!row)
		return nullptr;
	return host.arp.arp_tables.chain(*row, ip).find([&](const arp_table &entry) {
		return entry.ip == ip && entry.dev.get() == &iface && !read_once(entry.dead);
	});
}

/*
 * Leaving the table
 */

/* Drops what waited; tells the senders if the address never answered (ARP-5). */
static arp_failure_handler failure_handler;

void arp_set_failure_handler(arp_failure_handler handler)
{
	__atomic_store_n(&failure_handler, handler, __ATOMIC_RELEASE);
}

static arp_silence_handler silence_handler;

void arp_set_silence_handler(arp_silence_handler handler)
{
	__atomic_store_n(&silence_handler, handler, __ATOMIC_RELEASE);
}

void arp_tell_silence(arp_table &entry)
{
	if (arp_silence_handler above = __atomic_load_n(&silence_handler, __ATOMIC_ACQUIRE))
		above(*entry.dev, entry.ip);
}

static void fail_waiting(edu_stack &host, skb_queue waiting, edu_counter why)
{
	arp_failure_handler above = __atomic_load_n(&failure_handler, __ATOMIC_ACQUIRE);
	rcu_guard guard;

	while (skb_ptr packet = waiting.pop()) {
		if (above && why == EDU_Arp_DropUnresolved)
			above(host, packet);
		drop(host.net, std::move(packet), why);
	}
}

/* Entering and leaving the age list that the entry's state asks for. Row's lock held. */
static void enter_age_list_locked(edu_stack &host, arp_row &row, arp_table &entry, arp_age age)
{
	entry.age = age;
	entry.placed = edu_k_now_ms();
	if (age == arp_age::none)
		return;
	row.age[static_cast<u8>(age)].push_back(entry);
	host.arp.entries.fetch_add(1);
	if (age == arp_age::incomplete)
		host.arp.questions.fetch_add(1);
}

static void leave_age_list_locked(edu_stack &host, arp_table &entry)
{
	if (entry.age == arp_age::none)
		return;
	entry.aged.unlink();
	host.arp.entries.fetch_sub(1);
	if (entry.age == arp_age::incomplete)
		host.arp.questions.fetch_sub(1);
}

/* Off its chain; the table's reference goes with it. */
static void unhash(edu_stack &host, arp_table &entry)
{
	arp_row &row = *host.arp.arp_tables.find_row(entry.ip);
	ref<arp_table> held;
	spin_guard guard{row.lock};

	if (!entry.next.is_linked())
		return;
	entry.next.unlink();
	leave_age_list_locked(host, entry);
	write_once(row.count, row.count - 1);
	held = ref<arp_table>::adopt(&entry);
}

void arp_kill(edu_stack &host, arp_table &entry, edu_counter why, const char *what)
{
	ref<arp_table> held = ref<arp_table>::try_share(&entry);

	if (!held)
		return;
	entry.lock.lock();
	if (entry.dead) {
		entry.lock.unlock();
		return;
	}
	write_once(entry.dead, true);
	hh_cache *hh = entry.hh.replace(nullptr);
	skb_queue waiting{std::move(entry.skb)};
	bool ticked = entry.ticking && edu_k_timer_cancel(&entry.timer);
	if (ticked)
		entry.ticking = false;
	entry.lock.unlock();

	if (hh)
		destroy_rcu(hh);
	if (ticked)
		drop_ref(entry); /* the timer's */
	trace_arp(host, what, entry);
	unhash(host, entry);
	fail_waiting(host, std::move(waiting), why);
	edu_neigh_info info = arp_describe(entry);
	edu_k_notify_neigh(host.net, 0, &info);
}

/*
 * Making room (ARP-12)
 */

/* The oldest entry of a row that may go, held, or none. Those in use are put at the young end; with
 * @force the one unused for longest goes. */
static ref<arp_table> pick_victim(arp_row &row, arp_age age, bool force)
{
	constexpr int patience = 32; /* entries looked at: a full table must not cost more */
	arp_table *coldest = nullptr;
	spin_guard guard{row.lock};

	for (int i = 0; i < patience; i++) {
		arp_table *oldest = row.age[static_cast<u8>(age)].front();

		if (!oldest)
			break;
		u64 used = read_once(oldest->last_used);
		bool perm = read_once(oldest->flags) & atf::perm; /* about to leave the list */
		bool spared = age == arp_age::complete &&
			      (oldest->in_use() || used > oldest->placed);

		if (!spared && !perm)
			return ref<arp_table>::try_share(oldest);
		if (!perm && (!coldest || used < read_once(coldest->last_used)))
			coldest = oldest;
		oldest->placed = edu_k_now_ms();
		row.age[static_cast<u8>(age)].move_to_back(*oldest);
	}
	return ref<arp_table>::try_share(force ? coldest : nullptr);
}

/* Of the next few rows that have entries of that age, the one whose oldest is the oldest; unlocked
 * again, so this is advice. */
static arp_row *oldest_row(edu_stack &host, arp_age age)
{
	constexpr int sample = 16; /* a full table must not cost more */
	arp_row *best = nullptr;
	u64 best_placed = 0;
	int seen = 0;

	for (u32 i = 0; i < 256 && seen < sample; i++) {
		u32 index = host.arp.hand.fetch_add(1) & 0xff;
		arp_row *row = host.arp.arp_tables.row_at(index);

		if (!row || !read_once(row->count))
			continue;
		spin_guard guard{row->lock};
		arp_table *oldest = row->age[static_cast<u8>(age)].front();

		if (!oldest)
			continue;
		seen++;
		if (!best || oldest->placed < best_placed) {
			best = row;
			best_placed = oldest->placed;
		}
	}
	return best;
}

static bool evict_of_age(edu_stack &host, arp_age age, bool force = false)
{
	for (int i = 0; i < 4; i++) {
		arp_row *row = oldest_row(host, age);

		if (!row)
			return false;
		ref<arp_table> victim = pick_victim(*row, age, force);
		if (!victim)
			continue;
		edu_k_count(host.net, EDU_Arp_Evicted);
		arp_kill(host, *victim, EDU_Arp_DropTableFull, "evict");
		return true;
	}
	return false;
}

static bool evict_one(edu_stack &host, arp_wish wish)
{
	bool questions_first = host.arp.questions.load() > host.tune(EDU_TUNE_arp_max_entries) / 2;

	if (wish == arp_wish::strangers)
		return evict_of_age(host, arp_age::complete);
	return evict_of_age(host, questions_first ? arp_age::incomplete : arp_age::complete) ||
	       evict_of_age(host, questions_first ? arp_age::complete : arp_age::incomplete) ||
	       evict_of_age(host, arp_age::complete, true); /* more stations in use than entries */
}

/*
 * Entering the table
 */

static ref<arp_table> make_entry(edu_iface &iface, be32 ip)
{
	arp_table *entry = new (gfp::atomic) arp_table;

	if (!entry)
		return {};
	entry->lock.init(EDU_LOCK_ARP_ENTRY);
	edu_k_timer_init(&entry->timer, arp_expire_request);
	entry->ip = ip;
	entry->dev = ref<edu_iface>::share(&iface);
	entry->last_used = entry->last_updated = edu_k_now_ms();
	return ref<arp_table>::adopt(entry);
}

/* Enters it unless there is one already; returns the one that is in the table, held. */
static ref<arp_table> enter(edu_stack &host, arp_row &row, ref<arp_table> fresh)
{
	spin_guard guard{row.lock};

	if (arp_table *other = arp_find(host, *fresh->dev, fresh->ip))
		return ref<arp_table>::share(other); /* in the table, so alive */
	enter_age_list_locked(host, row, *fresh, arp_age::incomplete);
	host.arp.arp_tables.chain(row, fresh->ip).push_front(*fresh);
	write_once(row.count, row.count + 1);
	return ref<arp_table>::share(fresh.detach()); /* the table keeps the first reference */
}

result<ref<arp_table>> arp_bind(edu_stack &host, edu_iface &iface, be32 next_hop, arp_wish wish)
{
	rcu_guard guard;

	if (arp_table *entry = arp_find(host, iface, next_hop))
		if (ref<arp_table> held = ref<arp_table>::try_share(entry))
			return held;

	while (host.arp.entries.load() >= host.tune(EDU_TUNE_arp_max_entries))
		if (!evict_one(host, wish)) {
			if (wish == arp_wish::admin)
				break;
			return errc::enobufs;
		}
	arp_row *row = host.arp.arp_tables.make_row(next_hop);
	ref<arp_table> fresh = row ? make_entry(iface, next_hop) : ref<arp_table>{};
	if (!fresh)
		return errc::enomem;
	arp_table *made = fresh.get();
	ref<arp_table> entry = enter(host, *row, std::move(fresh));
	if (entry.get() == made) {
		edu_k_count(host.net, EDU_Arp_Created);
		trace_arp(host, "new", *entry);
	}
	return entry;
}

void arp_place(edu_stack &host, arp_table &entry)
{
	arp_row &row = *host.arp.arp_tables.find_row(entry.ip);
	spin_guard guard{row.lock};

	if (!entry.next.is_linked())
		return;
	u16 flags = read_once(entry.flags);
	arp_age age = flags & atf::com ? arp_age::complete : arp_age::incomplete;

	leave_age_list_locked(host, entry);
	enter_age_list_locked(host, row, entry, flags & atf::perm ? arp_age::none : age);
}

/*
 * The periodic check (ARP-10): an idle entry nobody holds goes, with an address or without (a route
 * was asked for and nothing sent by it); one that is in use and has not been heard from for long is
 * asked whether it is still there. Permanent ones are left alone (ARP-11).
 */

enum class checkup { keep, expire, confirm };

static checkup examine(edu_stack &host, arp_table &entry, u64 now)
{
	spin_guard guard{entry.lock};

	if (entry.dead || entry.flags & atf::perm)
		return checkup::keep;
	if (!entry.in_use() && now - entry.last_used >= host.tune(EDU_TUNE_arp_timeout_ms) &&
	    now - entry.last_updated >= host.tune(EDU_TUNE_arp_timeout_ms))
		return checkup::expire;
	if (entry.flags & atf::com && entry.in_use() && !entry.ticking &&
	    now - entry.last_updated >= host.tune(EDU_TUNE_arp_confirm_interval_ms))
		return checkup::confirm;
	return checkup::keep;
}

static void confirm(edu_stack &host, arp_table &entry)
{
	entry.lock.lock();
	bool send = !entry.dead && arp_start_locked(host, entry);
	eth_addr to = entry.ha;
	entry.lock.unlock();

	if (send)
		arp_request(host, entry, &to);
}

/* One entry per turn, found again by its place, so that no lock is held while something is done. */
static void arp_check_expire(edu_stack &host)
{
	u64 now = edu_k_now_ms();
	edu_cursor at{};
	rcu_guard guard;

	while (arp_table *entry = host.arp.arp_tables.next(at)) {
		switch (examine(host, *entry, now)) {
		case checkup::keep:
			break;
		case checkup::expire:
			edu_k_count(host.net, EDU_Arp_Expired);
			arp_kill(host, *entry, EDU_Arp_DropUnresolved, "expire");
			break;
		case checkup::confirm:
			confirm(host, *entry);
			break;
		}
	}
}

/* A period that was made shorter must not have to wait for the end of the long one. */
static u64 arp_check_tick(const edu_stack &host)
{
	constexpr u64 longest = 1000;
	u64 interval = host.tune(EDU_TUNE_arp_check_interval_ms);

	return interval < longest ? interval : longest;
}

static void arp_check_timer_fired(edu_timer *timer)
{
	arp_state &arp = *detail::owner_of(timer, &arp_state::check_timer);

	u64 now = edu_k_now_ms();

	if (now - arp.checked >= arp.host->tune(EDU_TUNE_arp_check_interval_ms)) {
		arp.checked = now;
		arp_check_expire(*arp.host);
	}
	if (!arp.stopping.load())
		edu_k_timer_set(timer, arp_check_tick(*arp.host));
}

/*
 * Interfaces that change, interfaces and hosts that go
 */

void arp_renew_headers(edu_iface &iface)
{
	edu_stack &host = *iface.host;
	edu_cursor at{};
	rcu_guard guard;

	while (arp_table *entry = host.arp.arp_tables.next(at))
		if (entry->dev.get() == &iface)
			arp_renew_header(host, *entry);
}

void arp_flush_iface(edu_iface &iface, bool all)
{
	edu_stack &host = *iface.host;
	edu_cursor at{};
	rcu_guard guard;

	while (arp_table *entry = host.arp.arp_tables.next(at))
		if (entry->dev.get() == &iface && (all || !(read_once(entry->flags) & atf::perm)))
			arp_kill(host, *entry, EDU_Arp_DropNotUp, "expire");
	if (all)
		arp_proxy_flush(host, &iface);
}

/* Waits until an entry's timer does not run any more. */
static void settle(ref<arp_table> entry)
{
	edu_k_timer_cancel_sync(&entry->timer);
}

void arp_host_close(edu_stack &host)
{
	arp_proxy_flush(host, nullptr);
	host.arp.stopping.store(true);
	edu_k_timer_cancel_sync(&host.arp.check_timer);
	edu_k_timer_cancel_sync(&host.arp.check_timer); /* it may have set itself meanwhile */
	arp_probe_close(host.arp);
	for (;;) {
		ref<arp_table> entry;
		{
			rcu_guard guard;
			edu_cursor at{};
			arp_table *first = host.arp.arp_tables.next(at);

			if (!first)
				break;
			entry = ref<arp_table>::try_share(first);
		}
		if (!entry)
			continue;
		arp_kill(host, *entry, EDU_Arp_DropNotUp, "expire");
		settle(std::move(entry));
	}
}

void arp_host_exit(edu_stack &host)
{
	host.arp.proxies.entries.free();
	host.arp.arp_tables.free();
}

result<void> arp_host_init(edu_stack &host)
{
	host.arp.host = &host;
	host.arp.arp_tables.init(EDU_LOCK_ARP_BUCKET);
	TRY(host.arp.proxies.entries.init(EDU_LOCK_ARP_BUCKET));
	edu_k_timer_init(&host.arp.check_timer, arp_check_timer_fired);
	arp_probe_init(host.arp);
	host.arp.checked = edu_k_now_ms();
	edu_k_timer_set(&host.arp.check_timer, arp_check_tick(host));
	return {};
}

} // namespace edu
