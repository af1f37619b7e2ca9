// SPDX-License-Identifier: GPL-2.0-only
/*
 * ARP on the way out: the cached header, packets held back, questions asked.
 *
 * TLK "The Address Resolution Protocol (ARP)" and "IP Packets": IP-2, IP-3, ARP-3 … ARP-6.
 * RFC 1122 2.3.2.1 (at most one request a second, by default), 2.3.2.2 (packets wait, the newest are
 * kept).
 *
 * The fast path is the first six lines of arp_output(): no lock, one copy of 14 octets.
 *
 * Locking: as in arp.hh. An entry's lock is taken to look and to queue, never while sending: a
 * device may loop the frame straight back.
 */
#include "link/arp.hh"
#include "stack.hh"

namespace edu {

static eth_addr own_addr(const edu_iface &iface)
{
	return eth_addr::load(iface.info.load()->addr);
}

static wire::eth::repr ip_header(const edu_iface &iface, const eth_addr &to)
{
	return {to, own_addr(iface), static_cast<u16>(wire::eth::ethertype::ipv4)};
}

/* Room for a link header in front, private to this packet. */
static bool make_room(const edu_iface &iface, skb_ptr &packet)
{
	return skb_headroom(packet.get()) >= wire::eth::header_len ||
	       packet.make_writable(read_once(iface.headroom));
}

/* Sends without a cached header. RCU. */
static result<void> send_to(edu_iface &iface, skb_ptr packet, const eth_addr &to)
{
	if (!make_room(iface, packet)) {
		drop(iface.host->net, std::move(packet), EDU_Arp_DropNoMemory);
		return errc::enobufs;
	}
	ip_header(iface, to).emit(std::span<u8, wire::eth::header_len>{
		packet.push(wire::eth::header_len), wire::eth::header_len});
	return iface_xmit(iface, std::move(packet), wire::eth::ethertype::ipv4);
}

/* No header yet: waits, and asks if nobody has asked (ARP-4). RCU. */
static result<void> hold(edu_stack &host, skb_ptr packet, arp_table &entry)
{
	skb_ptr oldest;

	trace(host.net, EDU_TRACE_arp_hold, packet.get());
	entry.lock.lock();
	if (entry.dead) {
		entry.lock.unlock();
		drop(host.net, std::move(packet), EDU_Arp_DropUnresolved);
		return errc::ehostunreach;
	}
	if (entry.flags & atf::com && !entry.draining) { /* there was no memory for the header */
		eth_addr to = entry.ha;

		entry.lock.unlock();
		return send_to(*entry.dev, std::move(packet), to);
	}
	entry.skb.push(std::move(packet));
	if (entry.skb.length() > host.tune(EDU_TUNE_arp_queue_len))
		oldest = entry.skb.pop();
	bool ask = !(entry.flags & atf::com) && arp_start_locked(host, entry);
	entry.lock.unlock();

	if (oldest)
		drop(host.net, std::move(oldest), EDU_Arp_DropQueueFull);
	if (ask)
		arp_request(host, entry, nullptr);
	return {};
}

void arp_confirm(arp_table &entry)
{
	spin_guard guard{entry.lock};

	if (!(entry.flags & atf::com))
		return;
	entry.last_updated = edu_k_now_ms();
	entry.probing = false;
}

void arp_doubt(arp_table &entry)
{
	edu_stack &host = *entry.dev->host;
	rcu_guard rcu;
	eth_addr to;
	bool ask;

	{
		spin_guard guard{entry.lock};

		ask = (entry.flags & (atf::com | atf::perm)) == atf::com &&
		      arp_start_locked(host, entry);
		to = entry.ha;
	}
	if (ask)
		arp_request(host, entry, &to);
}

result<void> arp_output(edu_stack &host, skb_ptr packet, arp_table &entry)
{
	rcu_guard guard;
	const hh_cache *hh = entry.hh.load();

	if (u64 now = edu_k_now_ms(); read_once(entry.last_used) != now)
		write_once(entry.last_used, now);
	if (!hh) [[unlikely]]
		return hold(host, std::move(packet), entry);
	if (!make_room(*entry.dev, packet)) [[unlikely]] {
		drop(host.net, std::move(packet), EDU_Arp_DropNoMemory);
		return errc::enobufs;
	}
	__builtin_memcpy(packet.push(wire::eth::header_len), hh->data, wire::eth::header_len);
	return iface_xmit(*entry.dev, std::move(packet), wire::eth::ethertype::ipv4);
}

/*
 * The answer is there
 */

static hh_cache *make_header(const edu_iface &iface, const eth_addr &to)
{
	hh_cache *hh = new (gfp::atomic) hh_cache;

	if (!hh)
		return nullptr;
	hh->len = wire::eth::header_len;
	ip_header(iface, to).emit(std::span{hh->data}.first<wire::eth::header_len>());
	return hh;
}

/*
 * Sends what waited, in order (ARP-6), then publishes the header. Until then nobody has one, so what
 * comes meanwhile queues behind. Who sends as fast as we do here could keep us for ever: after some
 * rounds the header is published first, and newcomers may overtake the last ones. The caller has set
 * draining.
 */
static void drain(edu_stack &host, arp_table &entry)
{
	constexpr int patience = 8; /* rounds, of at most arp_queue_len packets each */

	for (int round = 1;; round++) {
		hh_cache *old = nullptr;

		entry.lock.lock();
		eth_addr to = entry.ha;
		bool last = entry.dead || entry.skb.empty() || round == patience;
		skb_queue batch{std::move(entry.skb)};

		if (last) {
			old = entry.hh.replace(entry.dead ? nullptr : make_header(*entry.dev, to));
			entry.draining = false;
		}
		entry.lock.unlock();

		if (old)
			destroy_rcu(old);
		while (skb_ptr packet = batch.pop()) {
			trace(host.net, EDU_TRACE_arp_release, packet.get());
			(void)send_to(*entry.dev, std::move(packet), to);
		}
		if (last)
			return;
	}
}

/* What an update changed. */
struct arp_change {
	bool refused = false; /* the entry is dead, or permanent and a packet wants to change it */
	bool locked = false;  /* refused, for it has only just got its address */
	bool completed = false; /* it had no address */
	bool moved = false;	/* it had another one */
	bool placed = false;	/* it belongs to another age list now */
	bool drain = false;	/* the caller is to drain() */
	bool ticked = false;	/* the timer's reference is the caller's to drop */
};

static bool is_administrators(arp_word word)
{
	return word == arp_word::admin || word == arp_word::admin_permanent;
}

static arp_change change_locked(arp_table &entry, const eth_addr &ha, arp_word word, u64 locktime)
{
	const u64 now = edu_k_now_ms();
	arp_change change;

	if (entry.dead || (entry.flags & atf::perm && !is_administrators(word))) {
		change.refused = true;
		return change;
	}
	change.completed = !(entry.flags & atf::com);
	change.moved = !change.completed && entry.ha != ha;
	if (change.moved && word == arp_word::answer && now - entry.settled < locktime)
		return {.refused = true, .locked = true};
	if (change.completed || change.moved)
		entry.settled = now;
	bool was_permanent = entry.flags & atf::perm;
	change.placed = change.completed || was_permanent != (word == arp_word::admin_permanent);
	entry.ha = ha;
	write_once(entry.flags,
		   static_cast<u16>(atf::com |
				    (word == arp_word::admin_permanent ? atf::perm : 0)));
	entry.last_updated = now;
	entry.retries = 0;
	entry.probing = false;
	if (entry.ticking && edu_k_timer_cancel(&entry.timer)) {
		entry.ticking = false;
		change.ticked = true;
	}
	if (!entry.draining && (change.completed || change.moved || !entry.hh.load_locked()))
		change.drain = entry.draining = true;
	return change;
}

bool arp_update(edu_stack &host, arp_table &entry, const eth_addr &ha, arp_word word)
{
	ref<arp_table> held = ref<arp_table>::try_share(&entry);

	if (!held)
		return false;
	entry.lock.lock();
	arp_change change = change_locked(entry, ha, word, host.tune(EDU_TUNE_arp_locktime_ms));
	entry.lock.unlock();

	if (change.ticked)
		drop_ref(entry); /* the timer's */
	if (change.completed) {
		edu_k_count(host.net, EDU_Arp_Completed);
		trace_arp(host, "complete", entry);
	} else if (change.moved) {
		edu_k_count(host.net, EDU_Arp_Updated);
		trace_arp(host, "update", entry);
	}
	if (change.placed)
		arp_place(host, entry);
	if (change.drain)
		drain(host, entry);
	if (change.locked)
		edu_k_count(host.net, EDU_Arp_Locked);
	if (change.completed || change.moved || (is_administrators(word) && !change.refused)) {
		edu_neigh_info info = arp_describe(entry);

		edu_k_notify_neigh(host.net, 1, &info);
	}
	return !change.refused;
}

void arp_renew_header(edu_stack &host, arp_table &entry)
{
	entry.lock.lock();
	bool mine = !entry.dead && entry.flags & atf::com && !entry.draining;
	if (mine)
		entry.draining = true;
	entry.lock.unlock();

	if (mine)
		drain(host, entry);
}

/*
 * Asking
 */

bool arp_start_locked(edu_stack &host, arp_table &entry)
{
	entry.lock.assert_held();
	if (entry.ticking || entry.dead || host.arp.stopping.load())
		return false;
	entry.ticking = true;
	entry.refs.inc(); /* the timer's */
	entry.retries = 1;
	entry.probing = entry.flags & atf::com;
	edu_k_timer_set(&entry.timer, host.tune(EDU_TUNE_arp_res_time_ms));
	return true;
}

/* What the timer of an entry finds to do. */
enum class arp_next : u8 { nothing, probe, ask, give_up };

static arp_next next_step_locked(edu_stack &host, arp_table &entry)
{
	bool resolved = entry.flags & atf::com && !entry.probing;
	u32 pings = entry.probing ? host.tune(EDU_TUNE_arp_max_pings) : 0;

	if (entry.dead || resolved || host.arp.stopping.load())
		return arp_next::nothing;
	if (entry.retries >= pings + host.tune(EDU_TUNE_arp_max_tries))
		return arp_next::give_up;
	entry.retries++;
	edu_k_timer_set(&entry.timer, host.tune(EDU_TUNE_arp_res_time_ms));
	return entry.retries <= pings ? arp_next::probe : arp_next::ask;
}

void arp_expire_request(edu_timer *timer)
{
	arp_table &entry = *detail::owner_of(timer, &arp_table::timer);
	rcu_guard guard; /* to its end: edu_core_stacks_settle() waits for us by it */
	ref<arp_table> held = ref<arp_table>::adopt(&entry); /* the timer's */
	edu_stack &host = *entry.dev->host;

	entry.lock.lock();
	arp_next step = next_step_locked(host, entry);
	eth_addr to = entry.ha;
	if (step == arp_next::probe || step == arp_next::ask)
		entry.refs.inc(); /* for the timer that was set again */
	else
		entry.ticking = false;
	entry.lock.unlock();

	switch (step) {
	case arp_next::nothing:
		break;
	case arp_next::probe:
		arp_request(host, entry, &to);
		break;
	case arp_next::ask:
		arp_request(host, entry, nullptr);
		break;
	case arp_next::give_up:
		edu_k_count(host.net, EDU_Arp_Failed);
		arp_tell_silence(entry);
		arp_kill(host, entry, EDU_Arp_DropUnresolved, "fail");
		break;
	}
}

void arp_request(edu_stack &host, arp_table &entry, const eth_addr *to)
{
	edu_iface &iface = *entry.dev;
	be32 source = iface_source(iface, entry.ip);

	if (source == be32{})
		return; /* its last address has just gone */
	edu_k_count(host.net, to ? EDU_Arp_OutProbes : EDU_Arp_OutRequests);
	if (to)
		trace_arp(host, "probe", entry);
	arp_send(iface, {wire::arp::operation::request, own_addr(iface), source, {}, entry.ip},
		 to ? *to : eth_addr::broadcast());
}

void arp_announce(edu_iface &iface, be32 addr)
{
	edu_k_count(iface.host->net, EDU_Arp_OutAnnounces);
	arp_send(iface, {wire::arp::operation::request, own_addr(iface), addr, {}, addr},
		 eth_addr::broadcast());
}

void arp_send(edu_iface &iface, const wire::arp::repr &packet, const eth_addr &to,
	      wire::eth::ethertype type)
{
	edu_net *net = iface.host->net;
	skb_ptr frame =
		skb_ptr::alloc(read_once(iface.headroom), wire::arp::packet_len, gfp::atomic);

	if (!frame) {
		drop(net, std::move(frame), EDU_Arp_DropNoMemory);
		return;
	}
	packet.emit(std::span<u8, wire::arp::packet_len>{frame.put(wire::arp::packet_len),
							 wire::arp::packet_len});
	edu_k_skb_mark_network(frame.get());
	trace(net, EDU_TRACE_arp_send, frame.get());
	wire::eth::repr header{to, own_addr(iface), static_cast<u16>(type)};
	header.emit(std::span<u8, wire::eth::header_len>{frame.push(wire::eth::header_len),
							 wire::eth::header_len});
	(void)iface_xmit(iface, std::move(frame), type);
}

} // namespace edu
