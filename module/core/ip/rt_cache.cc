// SPDX-License-Identifier: GPL-2.0-only
/*
 * The route cache: found, entered, pushed out, aged.
 *
 * TLK "The Route Cache": ROUTE-6 … ROUTE-9. The least recently used routes leave first; a hit moves
 * to the front of its list (TLK's rule).
 *
 * Locking: as in rt_cache.hh. A route that leaves the cache lives on while somebody holds it.
 */
#include "ip/rt_cache.hh"

#include "ip/fib.hh"
#include "stack.hh"

namespace edu {

using rt_row = decltype(rt_cache_state::ip_rt_hash_table)::row;

/* The only one of a row's age lists that is used here. */
static constexpr int rt_age = 1;

void release(rtable *route)
{
	destroy_rcu(route);
}

bool ip_route_valid(const edu_stack &host, const rtable &route)
{
	return route.genid == host.rt_cache.genid.load() && !read_once(route.rt_obsolete) &&
	       !(route.rt_until && edu_k_now_ms() >= route.rt_until) &&
	       !(route.rt_neigh && read_once(route.rt_neigh->dead));
}

/* Tells whoever listens that a route has left, or (@route null) that all of them are stale. */
static void trace_leaving(edu_stack &host, const char *how, const rtable *route)
{
	if (edu_k_trace_on) [[unlikely]]
		edu_k_trace_route(host.net, how, "", route ? route->rt_dst.raw() : 0,
				  route ? route->rt_gateway.raw() : 0,
				  route ? route->rt_dev->ifindex : 0);
}

void rt_cache_flush(edu_stack &host)
{
	host.rt_cache.genid.fetch_add(1);
	host.count(EDU_Rt_CacheFlushes);
	trace_leaving(host, "flush", nullptr);
	if (!host.rt_cache.stopping.load())
		edu_k_work_queue(&host.rt_cache.check_work);
}

/*
 * Look-up (ROUTE-8)
 */

static bool is_answer(const rtable &route, be32 dst, int oif, int iif, u8 tos)
{
	return route.rt_dst == dst && route.key_iif == iif && route.key_oif == oif &&
	       route.rt_tos == tos;
}

/* A hit moves to the front of its list (ROUTE-9), unless somebody is changing the row. */
static void move_to_front(rt_row &row, hlist<rtable, &rtable::rt_next> &chain, rtable &route)
{
	if (chain.front() == &route)
		return;
	try_guard guard{row.lock};
	if (!guard || !route.rt_next.is_linked())
		return;
	route.rt_next.unlink();
	chain.push_front(route);
}

rtable *rt_cache_look(edu_stack &host, be32 dst, int oif, int iif, u8 tos)
{
	auto &table = host.rt_cache.ip_rt_hash_table;
	rt_row *row = table.find_row(dst);

	if (!row)
		return nullptr;
	auto &chain = table.chain(*row, dst);
	for (rtable &route : chain) {
		if (!is_answer(route, dst, oif, iif, tos) || !ip_route_valid(host, route))
			continue;
		write_once(route.rt_use, read_once(route.rt_use) + 1);
		write_once(route.rt_lastuse, edu_k_now_ms());
		move_to_front(*row, chain, route);
		return &route;
	}
	return nullptr;
}

ref<rtable> rt_cache_find(edu_stack &host, be32 dst, int oif, u8 tos)
{
	rcu_guard guard;

	return ref<rtable>::try_share(rt_cache_look(host, dst, oif, 0, tos));
}

const char *rt_cache_miss_reason(edu_stack &host, be32 dst, int oif, int iif, u8 tos)
{
	auto &table = host.rt_cache.ip_rt_hash_table;
	rt_row *row = table.find_row(dst);

	if (!row)
		return "absent";
	for (const rtable &route : table.chain(*row, dst)) {
		if (!is_answer(route, dst, oif, iif, tos))
			continue;
		if (route.genid != host.rt_cache.genid.load())
			return "flushed";
		if (read_once(route.rt_obsolete))
			return "obsolete";
		if (route.rt_until && edu_k_now_ms() >= route.rt_until)
			return "expired";
		if (route.rt_neigh && read_once(route.rt_neigh->dead))
			return "neighbour";
	}
	return "absent";
}

/*
 * Leaving
 */

/* Row's lock held. The cache's reference becomes the caller's; dropping it only queues a callback. */
static ref<rtable> unlink_locked(edu_stack &host, rt_row &row, rtable &route)
{
	row.lock.assert_held();
	route.rt_next.unlink();
	route.rt_aged.unlink();
	write_once(row.count, row.count - 1);
	host.rt_cache.entries.fetch_sub(1);
	trace_leaving(host, "remove", &route);
	return ref<rtable>::adopt(&route);
}

/*
 * The least recently used route of a row, or none. One that was used since it was put in its place,
 * or that somebody holds, is put at the young end instead; @force makes an end of that.
 */
static ref<rtable> evict_from(edu_stack &host, rt_row &row, bool force)
{
	constexpr u32 patience = 16; /* routes looked at: a full cache must not cost more */
	spin_guard guard{row.lock};

	for (u32 looks = 0; looks < row.count && looks < patience; looks++) {
		rtable *oldest = row.age[rt_age].front();

		if (!oldest)
			break;
		bool spared = read_once(oldest->rt_lastuse) > oldest->rt_placed ||
			      oldest->refs.load() > 1;
		if (force || !spared || !ip_route_valid(host, *oldest))
			return unlink_locked(host, row, *oldest);
		oldest->rt_placed = edu_k_now_ms();
		row.age[rt_age].move_to_back(*oldest);
	}
	return {};
}

/* When the route that is next to leave a row was last needed, ms; false when the row is empty. */
static bool coldest_of(rt_row &row, u64 &when)
{
	spin_guard guard{row.lock};
	const rtable *oldest = row.age[rt_age].front();

	if (!oldest)
		return false;
	u64 used = read_once(oldest->rt_lastuse);
	when = used > oldest->rt_placed ? used : oldest->rt_placed;
	return true;
}

/* Of the next few rows that have routes, the one whose oldest has been left alone for longest. */
static rt_row *coldest_row(edu_stack &host)
{
	constexpr int sample = 8;
	rt_row *best = nullptr;
	u64 best_when = 0, when = 0;
	int seen = 0;

	for (u32 i = 0; i < 256 && seen < sample; i++) {
		u32 index = host.rt_cache.hand.fetch_add(1) & 0xff;
		rt_row *row = host.rt_cache.ip_rt_hash_table.row_at(index);

		if (!row || !read_once(row->count) || !coldest_of(*row, when))
			continue;
		seen++;
		if (!best || when < best_when) {
			best = row;
			best_when = when;
		}
	}
	return best;
}

/* Makes room for one; insists when all that was seen is in use. */
static void make_room(edu_stack &host)
{
	for (int attempt = 0; attempt < 4; attempt++) {
		rt_row *row = coldest_row(host);

		if (!row || !evict_from(host, *row, attempt == 3))
			continue;
		host.count(EDU_Rt_CacheEvicted);
		return;
	}
}

/*
 * Entering
 */

/* Drops stale routes of a chain and says how many are left; the last of them in @tail. */
static u32 weed_locked(edu_stack &host, rt_row &row, hlist<rtable, &rtable::rt_next> &chain,
		       rtable *&tail)
{
	u32 length = 0;

	for (rtable &route : chain.removing()) {
		if (!ip_route_valid(host, route)) {
			unlink_locked(host, row, route);
			continue;
		}
		tail = &route;
		length++;
	}
	return length;
}

/* Row's lock held. The cache takes over the caller's reference. */
static void enter_locked(edu_stack &host, rt_row &row, rtable &fresh)
{
	row.lock.assert_held();
	fresh.rt_placed = fresh.rt_lastuse = edu_k_now_ms();
	fresh.rt_use = 1;
	host.rt_cache.ip_rt_hash_table.chain(row, fresh.rt_dst).push_front(fresh);
	row.age[rt_age].push_back(fresh);
	write_once(row.count, row.count + 1);
	host.rt_cache.entries.fetch_add(1);
	host.count(EDU_Rt_CacheInserts);
}

ref<rtable> rt_cache_add(edu_stack &host, ref<rtable> fresh)
{
	rt_cache_state &cache = host.rt_cache;
	be32 dst = fresh->rt_dst;

	while (cache.entries.load() >= host.tune(EDU_TUNE_rt_cache_size)) {
		u32 before = cache.entries.load();

		make_room(host);
		if (cache.entries.load() >= before)
			break; /* others fill as fast: the bound is met next time */
	}
	rt_row *row = cache.ip_rt_hash_table.make_row(dst);
	if (!row)
		return fresh; /* works as well uncached, once */

	spin_guard guard{row->lock};
	auto &chain = cache.ip_rt_hash_table.chain(*row, dst);
	for (rtable &other : chain)
		if (is_answer(other, dst, fresh->key_oif, fresh->key_iif, fresh->rt_tos) &&
		    ip_route_valid(host, other))
			return ref<rtable>::share(&other); /* in the cache, so alive */
	rtable *tail = nullptr;
	if (weed_locked(host, *row, chain, tail) >= rt_chain_max) {
		unlink_locked(host, *row, *tail);
		host.count(EDU_Rt_CacheEvicted);
	}
	enter_locked(host, *row, *fresh);
	return ref<rtable>::share(fresh.detach()); /* the cache keeps the first reference */
}

/*
 * Path MTU (RFC 1191). It lives in the rtable and goes with it: when routes change, the path may
 * have, and a path that has not tells again at the cost of one packet. A route that is not cached
 * remembers nothing, so nobody fills the cache by ICMP.
 */

u32 rt_path_mtu(const rtable &route)
{
	const u32 told = read_once(route.rt_pmtu);

	if (!told || edu_k_now_ms() >= read_once(route.rt_pmtu_expires))
		return route.rt_mtu;
	return told < route.rt_mtu ? told : route.rt_mtu;
}

/* RFC 1191 section 7: what links there are. The greatest that is less than what did not fit. */
static u32 next_plateau(u32 too_large)
{
	static constexpr u16 plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};

	for (u16 plateau : plateaus)
		if (plateau < too_large)
			return plateau;
	return wire::ipv4::min_mtu;
}

static void lower_pmtu(edu_stack &host, rtable &route, u32 mtu)
{
	const u32 least = host.tune(EDU_TUNE_min_pmtu);
	const u32 now = rt_path_mtu(route);

	if (route.rt_type != route_type::unicast || mtu >= now)
		return; /* never raised by a message from outside */
	write_once(route.rt_pmtu_lock, mtu < least);
	write_once(route.rt_pmtu_expires, edu_k_now_ms() + host.tune(EDU_TUNE_mtu_expires_ms));
	write_once(route.rt_pmtu, mtu < least ? (least < now ? least : now) : mtu);
}

void rt_update_pmtu(edu_stack &host, be32 dst, u32 mtu, u32 total_length)
{
	auto &table = host.rt_cache.ip_rt_hash_table;
	rt_row *row = table.find_row(dst);

	if (!row || (mtu && mtu < wire::ipv4::min_mtu))
		return; /* no link is that small */
	for (rtable &route : table.chain(*row, dst)) {
		const u32 now = rt_path_mtu(route);

		if (route.rt_dst == dst)
			lower_pmtu(host, route,
				   mtu ? mtu :
					 next_plateau(total_length < now ? total_length : now));
	}
}

/*
 * Changing (ICMP redirects). Routes are constant once published: another takes the place, and who
 * holds the old one sees that it is obsolete.
 */

static ref<rtable> copy_towards(edu_stack &host, const rtable &route, be32 gateway)
{
	ref<rtable> fresh = ref<rtable>::adopt(new (gfp::atomic) rtable);

	if (!fresh)
		return fresh;
	fresh->rt_dst = route.rt_dst;
	fresh->key_oif = route.key_oif;
	fresh->rt_tos = route.rt_tos;
	fresh->rt_type = route.rt_type;
	fresh->rt_src = route.rt_src;
	fresh->rt_gateway = gateway;
	fresh->rt_has_gateway = gateway != route.rt_dst;
	fresh->rt_redirected = true;
	fresh->rt_mtu = route.rt_mtu;
	fresh->rt_window = route.rt_window;
	fresh->rt_irtt = route.rt_irtt;
	fresh->genid = route.genid;
	fresh->rt_until = route.rt_until;
	fresh->rt_dev = route.rt_dev;
	fresh->rt_fib = route.rt_fib;
	if (!route.rt_dev->uses_arp())
		return fresh;
	result<ref<arp_table>> neighbour = arp_bind(host, *route.rt_dev, gateway);
	if (!neighbour.ok())
		return {};
	fresh->rt_neigh = neighbour.value();
	return fresh;
}

static bool replace(edu_stack &host, rt_row &row, rtable &route, ref<rtable> fresh)
{
	spin_guard guard{row.lock};

	if (!fresh || !route.rt_next.is_linked())
		return false;
	write_once(route.rt_obsolete, true);
	unlink_locked(host, row, route);
	enter_locked(host, row, *fresh.detach());
	return true;
}

u32 rt_cache_redirect(edu_stack &host, edu_iface &iface, be32 dst, int tos, be32 from, be32 to)
{
	auto &table = host.rt_cache.ip_rt_hash_table;
	rt_row *row = table.find_row(dst);
	u32 changed = 0;

	edu_k_assert_rcu();
	if (!row)
		return 0;
	for (rtable &route : table.chain(*row, dst)) {
		bool meant = route.rt_dst == dst && !route.key_iif && route.rt_has_gateway &&
			     route.rt_gateway == from && route.rt_dev.get() == &iface &&
			     (tos < 0 || route.rt_tos == tos);

		if (meant && ip_route_valid(host, route) &&
		    replace(host, *row, route, copy_towards(host, route, to)))
			changed++;
	}
	return changed;
}

/*
 * Clean-up: stale routes, and idle ones that nobody holds
 */

static bool is_over(edu_stack &host, const rtable &route, u64 now)
{
	if (!ip_route_valid(host, route))
		return true;
	u64 used = read_once(route.rt_lastuse);

	if (route.refs.load() > 1 || used > now ||
	    now - used < host.tune(EDU_TUNE_rt_cache_timeout_ms))
		return false;
	host.count(EDU_Rt_CacheExpired);
	return true;
}

static void clean_row(edu_stack &host, rt_row &row, u64 now, bool all)
{
	spin_guard guard{row.lock};

	for (rtable &route : row.age[rt_age].removing())
		if (all || is_over(host, route, now))
			unlink_locked(host, row, route);
}

static void clean(edu_stack &host, bool all)
{
	u64 now = edu_k_now_ms();

	for (u32 i = 0; i < 256; i++)
		if (rt_row *row = host.rt_cache.ip_rt_hash_table.row_at(i))
			clean_row(host, *row, now, all);
}

static void check_work_run(edu_work *work)
{
	rt_cache_state &cache = *detail::owner_of(work, &rt_cache_state::check_work);

	clean(*cache.host, false);
}

/* A period that was made shorter must not have to wait for the end of the long one. */
static u64 rt_check_tick(const edu_stack &host)
{
	constexpr u64 longest = 1000;
	u64 interval = host.tune(EDU_TUNE_rt_cache_check_interval_ms);

	return interval < longest ? interval : longest;
}

static void rt_check_timer_fired(edu_timer *timer)
{
	rt_cache_state &cache = *detail::owner_of(timer, &rt_cache_state::check_timer);

	u64 now = edu_k_now_ms();

	if (cache.stopping.load())
		return;
	if (now - cache.checked >= cache.host->tune(EDU_TUNE_rt_cache_check_interval_ms)) {
		cache.checked = now;
		edu_k_work_queue(&cache.check_work);
	}
	edu_k_timer_set(timer, rt_check_tick(*cache.host));
}

result<void> rt_cache_host_init(edu_stack &host)
{
	rt_cache_state &cache = host.rt_cache;

	cache.host = &host;
	cache.ip_rt_hash_table.init(EDU_LOCK_RT_CACHE);
	edu_k_work_init(&cache.check_work, check_work_run);
	edu_k_timer_init(&cache.check_timer, rt_check_timer_fired);
	cache.checked = edu_k_now_ms();
	edu_k_timer_set(&cache.check_timer, rt_check_tick(host));
	return {};
}

void rt_cache_host_close(edu_stack &host)
{
	host.rt_cache.stopping.store(true);
	edu_k_timer_cancel_sync(&host.rt_cache.check_timer);
	edu_k_work_cancel_sync(&host.rt_cache.check_work);
	clean(host, true);
}

void rt_cache_host_exit(edu_stack &host)
{
	host.rt_cache.ip_rt_hash_table.free();
}

} // namespace edu

using namespace edu;

void edu_core_config_flush_rtcache(edu_stack *stack)
{
	rt_cache_flush(*stack);
}

int edu_core_rtcache_next(edu_stack *stack, edu_cursor *at, edu_rtcache_info *out)
{
	constexpr u32 rtf_up = 1, rtf_gateway = 2, rtf_host = 4, rtf_dynamic = 0x10;
	rcu_guard guard;
	rtable *route;

	do {
		route = stack->rt_cache.ip_rt_hash_table.next(*at);
		if (!route)
			return 0;
	} while (!ip_route_valid(*stack, *route));

	*out = {};
	out->destination = route->rt_dst.raw();
	out->source = route->rt_src.raw();
	out->gateway = route->rt_gateway.raw();
	out->ifindex = route->rt_dev->ifindex;
	out->mtu = rt_path_mtu(*route);
	out->references = static_cast<u32>(route->refs.load() - 1);
	out->age_ms = static_cast<u32>(edu_k_now_ms() - read_once(route->rt_lastuse));
	out->used = read_once(route->rt_use);
	out->iif = route->key_iif;
	out->flags = rtf_up | rtf_host | (route->rt_has_gateway ? rtf_gateway : 0) |
		     (route->rt_redirected ? rtf_dynamic : 0);
	out->tos = route->rt_tos;
	out->type = static_cast<u8>(route->rt_type);
	out->bucket = decltype(stack->rt_cache.ip_rt_hash_table)::index(route->rt_dst);
	const hh_cache *hh = route->rt_neigh ? route->rt_neigh->hh.load() : nullptr;
	if (hh) {
		out->has_header = 1;
		out->header_len = hh->len;
		copy_bytes(out->header, bytes{hh->data, hh->len});
	}
	return 1;
}
