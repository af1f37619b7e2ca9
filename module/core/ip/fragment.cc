// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fragments in: they wait for each other, are joined, or are given up.
 *
 * TLK "Data Fragmentation": IP-6 … IP-9. RFC 791 3.2, RFC 1122 3.3.2 (reassembly), RFC 815 (what is
 * missing), RFC 5722 (overlaps), RFC 1858 and 3128 (tiny fragments), RFC 3168 5.3 (marks of
 * congestion).
 *
 * What is missing. RFC 815 keeps a list of holes and searches it for every fragment. Here the
 * fragments that are there are kept in order, in a list, and for the search also in a treap: a
 * binary tree by offset that is a heap by a random rank, so no order of arrival makes it deep. A
 * fragment's two neighbours tell whether it overlaps; that no hole is left shows in one number: as
 * many octets have arrived as the last fragment says there are.
 *
 * What an outsider can do. Memory and the number of ipqs are bounded; the one that got nothing new
 * for longest makes room. A new fragment restarts the timer, the same one again does not, and
 * ip_frag_life_ms after its first fragment a datagram is given up whatever arrives. A fragment that
 * overlaps another, or disagrees on where the datagram ends, ends the datagram.
 *
 * Locking: as in fragment.hh. Fragments are freed, and ICMP is sent, with no lock held.
 */
#include "ip/fragment.hh"

#include "stack.hh"

namespace edu {

template <typename number>
static constexpr number lesser(number a, number b)
{
	return a < b ? a : b;
}

void release(ipq *q)
{
	destroy_rcu(q);
}

/*
 * By age
 */

static ipq_age_row &age_row_of(edu_stack &host, const ipq &q)
{
	return host.frag.rows[q.hashed.hash % frag_state::age_rows];
}

static void note_oldest_locked(ipq_age_row &row)
{
	const ipq *oldest = row.by_age.front();

	write_once(row.oldest_ns, oldest ? oldest->aged_ns : ~u64{0});
}

/* It has got something new. @enter: for the first time. */
static void age_move_to_young_end(edu_stack &host, ipq &q, bool enter)
{
	ipq_age_row &row = age_row_of(host, q);
	spin_guard guard{row.lock};

	if (!enter && !q.aged.is_linked())
		return; /* given up meanwhile */
	q.aged.unlink();
	q.aged_ns = edu_k_now_ns();
	row.by_age.push_back(q);
	note_oldest_locked(row);
}

static void age_leave(edu_stack &host, ipq &q)
{
	ipq_age_row &row = age_row_of(host, q);
	spin_guard guard{row.lock};

	q.aged.unlink();
	note_oldest_locked(row);
}

/* The ipq that got nothing new for longest, held, or none. */
static ref<ipq> oldest_ipq(edu_stack &host)
{
	ipq_age_row *best = nullptr;
	u64 when = ~u64{0};

	for (ipq_age_row &row : host.frag.rows) {
		u64 oldest = read_once(row.oldest_ns);

		if (oldest < when) {
			best = &row;
			when = oldest;
		}
	}
	if (!best)
		return {};
	spin_guard guard{best->lock};
	return ref<ipq>::try_share(best->by_age.front());
}

/*
 * Giving up
 */

/* From now on nobody adds to it; its fragments are the caller's. false: somebody else was faster. */
static bool retire_locked(ipq &q, fragment_list &taken)
{
	q.lock.assert_held();
	if (q.dead)
		return false;
	write_once(q.dead, true);
	q.tree = nullptr;
	taken.splice_back(q.fragments);
	return true;
}

/* The rest of its end: out of the table, its timer and its memory accounted for. Once, by the one who
 * retired it, who holds a reference. */
static void unhash(edu_stack &host, ipq &q)
{
	host.frag.memory.fetch_sub(q.charged);
	age_leave(host, q);
	host.frag.ipqueue.remove(q);
	if (edu_k_timer_cancel(&q.timer))
		auto timers = ref<ipq>::adopt(&q);
	auto tables = ref<ipq>::adopt(&q);
}

static void drop_all(edu_stack &host, fragment_list &taken, edu_counter why)
{
	while (ipfrag *one = taken.pop_front()) {
		drop(host.net, std::move(one->skb), why);
		destroy(one);
	}
}

static bool give_up(edu_stack &host, ipq &q, edu_counter why)
{
	fragment_list taken;
	{
		spin_guard guard{q.lock};

		if (!retire_locked(q, taken))
			return false;
	}
	host.count(EDU_Ip_ReasmFails);
	unhash(host, q);
	drop_all(host, taken, why);
	return true;
}

/*
 * The timer (IP-9). A fragment that arrives only moves the deadline; the timer looks at it when it
 * fires. It keeps its reference until there is nothing to wait for.
 */
static void ip_expire(edu_timer *timer)
{
	rcu_guard rcu;
	auto q = ref<ipq>::adopt(detail::owner_of(timer, &ipq::timer));
	edu_stack &host = *q->host;
	fragment_list taken;
	{
		spin_guard guard{q->lock};
		u64 now = edu_k_now_ms();

		if (!q->dead && now < q->deadline_ms) {
			edu_k_timer_set(timer, q->deadline_ms - now);
			(void)q.detach();
			return;
		}
		if (!retire_locked(*q, taken))
			return;
	}
	host.count(EDU_Ip_ReasmTimeout);
	host.count(EDU_Ip_ReasmFails);
	/* RFC 792: only if fragment zero is there. It has all that icmp_send() wants to see. */
	if (const ipfrag *first = taken.front(); first && !first->offset)
		icmp_send(host, first->skb.get(), static_cast<u8>(wire::icmp::type::time_exceeded),
			  static_cast<u8>(wire::icmp::time_exceeded_code::reassembly), 0);
	/* Only now: a host that goes waits for the timers of what it finds in the table. */
	unhash(host, *q);
	drop_all(host, taken, EDU_Ip_DropFragmentTimeout);
}

/* Ipqs that one packet may push out: none pays for thousands. */
static constexpr int most_evicted = 64;

/* The one that got nothing new for longest goes; false: there is none. */
static bool evict_one(edu_stack &host)
{
	ref<ipq> oldest = oldest_ipq(host);

	if (oldest)
		give_up(host, *oldest, EDU_Ip_DropFragmentEvicted);
	return static_cast<bool>(oldest);
}

/* Memory for @charge octets more; when the bound is met, down to ip_frag_low_thresh. */
static bool make_room(edu_stack &host, u32 charge)
{
	const u32 high = host.tune(EDU_TUNE_ip_frag_high_thresh);
	const u32 low = lesser(high, host.tune(EDU_TUNE_ip_frag_low_thresh));
	atomic<u32> &memory = host.frag.memory;

	if (memory.load() + charge <= high)
		return true;
	for (int i = 0; i < most_evicted && memory.load() > low; i++)
		if (!evict_one(host))
			break;
	return memory.load() + charge <= high;
}

/*
 * ipqueue
 */

static u32 key_hash(const edu_stack &host, const ipq_key &key)
{
	return static_cast<u32>(siphash13(host.key, key.saddr.raw(), key.daddr.raw(),
					  u32{key.protocol} << 16 | key.id));
}

static u64 deadline_of(edu_stack &host, const ipq &q, u64 now)
{
	return lesser(now + host.tune(EDU_TUNE_ip_frag_time_ms),
		      q.created_ms + host.tune(EDU_TUNE_ip_frag_life_ms));
}

/* A new ipq enters the table, unless another processor was faster: the one that is there, held. */
static ref<ipq> ip_create(edu_stack &host, const ipq_key &key, u32 hash)
{
	for (int i = 0; i < most_evicted; i++)
		if (host.frag.ipqueue.size() < host.tune(EDU_TUNE_ip_frag_max_queues) ||
		    !evict_one(host))
			break;
	auto fresh = make<ipq>(gfp::atomic);
	auto same = [&](const ipq &q) { return q.key == key && !read_once(q.dead); };

	if (!fresh)
		return {};
	fresh->lock.init(EDU_LOCK_IPQ);
	edu_k_timer_init(&fresh->timer, ip_expire);
	fresh->host = &host;
	fresh->key = key;
	fresh->created_ms = fresh->touched_ms = edu_k_now_ms();
	fresh->deadline_ms = deadline_of(host, *fresh, fresh->created_ms);
	fresh->charged = sizeof(ipq);
	fresh->lock.lock(); /* it is complete before anybody can retire it */
	ipq *other = host.frag.ipqueue.insert_unless(*fresh, hash, same);
	if (other) {
		fresh->lock.unlock();
		return ref<ipq>::try_share(other);
	}
	auto held = ref<ipq>::share(fresh.release()); /* the table keeps the first reference */
	host.frag.memory.fetch_add(held->charged);
	age_move_to_young_end(host, *held, true);
	held->refs.inc(); /* the timer's */
	edu_k_timer_set(&held->timer, held->deadline_ms - held->created_ms);
	held->lock.unlock();
	return held;
}

static ref<ipq> ip_find(edu_stack &host, const ipq_key &key)
{
	const u32 hash = key_hash(host, key);
	ipq *there = host.frag.ipqueue.find(hash, [&](const ipq &q) {
		return q.key == key && !read_once(q.dead);
	});

	if (auto held = ref<ipq>::try_share(there))
		return held;
	return ip_create(host, key, hash);
}

/*
 * The tree of a datagram's fragments
 */

/* The last fragment that begins at or before @offset, or null. */
static ipfrag *find_at_or_before(ipfrag *tree, u32 offset)
{
	ipfrag *best = nullptr;

	while (tree) {
		if (tree->offset <= offset)
			best = tree;
		tree = tree->offset <= offset ? tree->more : tree->less;
	}
	return best;
}

/* Goes down to where its rank belongs, and takes what hangs there apart: below its offset to the one
 * side, above to the other. */
static void insert_into_tree(ipfrag *&root, ipfrag &fresh)
{
	ipfrag **slot = &root;

	while (*slot && (*slot)->rank >= fresh.rank)
		slot = (*slot)->offset < fresh.offset ? &(*slot)->more : &(*slot)->less;
	ipfrag *rest = *slot;
	ipfrag **less = &fresh.less, **more = &fresh.more;

	*slot = &fresh;
	while (rest) {
		if (rest->offset < fresh.offset) {
			*less = rest;
			less = &rest->more;
			rest = *less;
		} else {
			*more = rest;
			more = &rest->less;
			rest = *more;
		}
	}
	*less = *more = nullptr;
}

/*
 * Arrival
 */

/* EDU_COUNTER_COUNT where there is nothing to complain of. */
static constexpr edu_counter no_complaint = EDU_COUNTER_COUNT;

/* What a fragment's header says of its place. */
struct fragment_place {
	u32 offset, end; /* octets of the datagram's payload */
	bool more;	 /* others follow */
};

static fragment_place place_of(const skb_ptr &packet)
{
	const u16 word = load_be16(packet.data() + 6);
	const u32 offset =
		static_cast<u32>((word & wire::ipv4::offset_mask) * wire::ipv4::fragment_unit);

	return {offset, offset + packet.cb<ip_info>().payload_len,
		(word & wire::ipv4::flag_more_fragments) != 0};
}

/* What no honest sender sends. A first fragment without the flags of its TCP header, and one that
 * could overwrite them, are there to deceive filters (RFC 1858, RFC 3128). */
static edu_counter refuse(const fragment_place &place, const ip_info &info)
{
	constexpr u32 tcp_flags_end = 16;
	const bool tcp = info.protocol == static_cast<u8>(wire::ipv4::protocol::tcp);

	if (place.end == place.offset)
		return EDU_Ip_DropFragmentLength;
	if (place.more && (place.end - place.offset) % wire::ipv4::fragment_unit)
		return EDU_Ip_DropFragmentLength;
	if (info.header_len + place.end > wire::ipv4::max_packet_len)
		return EDU_Ip_DropFragmentTooLong;
	if (tcp && (place.offset ? place.offset : place.end) < tcp_flags_end)
		return EDU_Ip_DropFragmentTiny;
	return no_complaint;
}

/* Does it fit to what is known of the datagram's end? */
static bool contradicts_end(const ipq &q, const fragment_place &place)
{
	const ipfrag *last = q.fragments.back();

	if (place.more)
		return q.len && place.end >= q.len;
	return q.len ? q.len != place.end : last && last->end >= place.end;
}

/* Is there a place for it? DropFragmentDuplicate: it has it already. @before: whom it follows. */
static edu_counter judge_locked(const ipq &q, const fragment_place &place, ipfrag *&before)
{
	ipfrag *last = q.fragments.back();

	if (contradicts_end(q, place))
		return EDU_Ip_DropFragmentEnd;
	if (!last || last->end <= place.offset) { /* in order: nothing to search */
		before = last;
		return no_complaint;
	}
	before = find_at_or_before(q.tree, place.offset);
	const ipfrag *after = before ? q.fragments.after(*before) : q.fragments.front();

	if (before && before->offset == place.offset && before->end == place.end)
		return EDU_Ip_DropFragmentDuplicate;
	if ((before && before->end > place.offset) || (after && after->offset < place.end))
		return EDU_Ip_DropFragmentOverlap;
	return no_complaint;
}

static void enter_locked(edu_stack &host, ipq &q, ipfrag &fresh, ipfrag *before, bool more)
{
	if (before)
		q.fragments.insert_after(*before, fresh);
	else
		q.fragments.push_front(fresh);
	insert_into_tree(q.tree, fresh);
	q.count++;
	q.meat += fresh.end - fresh.offset;
	if (!more)
		q.len = fresh.end;
	q.charged += fresh.charged;
	host.frag.memory.fetch_add(fresh.charged);
	q.touched_ms = edu_k_now_ms();
	q.deadline_ms = deadline_of(host, q, q.touched_ms);
}

static constexpr u8 ecn_bit(wire::ipv4::ecn mark)
{
	return static_cast<u8>(1 << static_cast<u8>(mark));
}

enum class arrival : u8 {
	waits,	   /* the ipq has taken it over */
	completes, /* so it has, and all fragments are the caller's */
	refused,   /* it alone is dropped */
	ends,	   /* the ipq is over: it and all fragments are dropped */
	too_late,  /* this ipq is over already: there may be another one */
};

/* Enters a fragment, data at the IP header, or says why not. */
static arrival ip_frag_queue(edu_stack &host, ipq &q, owner<ipfrag> &fresh, bool more,
			     fragment_list &taken, edu_counter &why)
{
	ipfrag *before = nullptr;
	spin_guard guard{q.lock};

	if (q.dead)
		return arrival::too_late;
	why = judge_locked(q, {fresh->offset, fresh->end, more}, before);
	if (why == EDU_Ip_DropFragmentDuplicate)
		return arrival::refused;
	if (why != no_complaint) {
		retire_locked(q, taken);
		return arrival::ends;
	}
	q.ecn_seen |= ecn_bit(
		wire::ipv4::ecn{static_cast<u8>(fresh->skb.data()[1] & wire::ipv4::ecn_mask)});
	if (fresh->offset)
		fresh->skb.pull(fresh->skb.cb<ip_info>().header_len);
	sk_buff *packet = fresh->skb.get();
	enter_locked(host, q, *fresh.release(), before, more);
	if (q.len && q.meat == q.len) {
		retire_locked(q, taken);
		return arrival::completes;
	}
	edu_k_skb_park(packet);
	return arrival::waits;
}

/*
 * Joining (IP-8)
 */

/* RFC 3168 5.3: a mark on one fragment is one on the whole; but beside a fragment whose sender knows
 * nothing of marks there can be none. */
static bool ecn_contradicts(u8 seen)
{
	return seen & ecn_bit(wire::ipv4::ecn::ce) && seen & ecn_bit(wire::ipv4::ecn::not_ect);
}

/* The header of the first fragment becomes that of the whole. */
static void complete_header(const skb_ptr &packet, bool congested)
{
	ip_info &info = packet.cb<ip_info>();
	u8 *header = packet.data();
	u16 flags = load_be16(&header[6]);

	info.payload_len = static_cast<u16>(packet.len() - info.header_len);
	if (congested) {
		header[1] |= static_cast<u8>(wire::ipv4::ecn::ce);
		info.tos = header[1];
	}
	store_be16(&header[2], static_cast<u16>(packet.len()));
	store_be16(&header[6], flags & static_cast<u16>(~wire::ipv4::flag_more_fragments));
	store_be16(&header[10], 0);
	store_be16(&header[10], checksum_of({header, info.header_len}).host());
	edu_k_skb_mark_network(packet.get());
}

/* All fragments of a datagram become one packet. */
static verdict ip_glue(edu_stack &host, fragment_list &taken, const ipq &q, skb_ptr &packet)
{
	const u32 header_len = taken.front()->skb.cb<ip_info>().header_len;
	skb_ptr whole;
	skb_queue rest;

	const edu_counter wrong = header_len + q.len > wire::ipv4::max_packet_len ?
					  EDU_Ip_DropFragmentTooLong :
				  ecn_contradicts(q.ecn_seen) ? EDU_Ip_DropFragmentEcn :
								no_complaint;

	if (wrong != no_complaint) {
		host.count(EDU_Ip_ReasmFails);
		drop_all(host, taken, wrong);
		return verdict::consumed();
	}
	while (ipfrag *one = taken.pop_front()) {
		if (whole)
			rest.push(std::move(one->skb));
		else
			whole = std::move(one->skb);
		destroy(one);
	}
	if (!whole.make_writable(0) || edu_k_skb_join(whole.get(), rest.get())) {
		host.count(EDU_Ip_ReasmFails);
		drop(host.net, std::move(whole), EDU_Ip_DropNoMemory);
		while (skb_ptr one = rest.pop())
			drop(host.net, std::move(one), EDU_Ip_DropNoMemory);
		return verdict::consumed();
	}
	complete_header(whole, q.ecn_seen & ecn_bit(wire::ipv4::ecn::ce));
	host.count(EDU_Ip_ReasmOKs);
	trace(host.net, EDU_TRACE_ip_defrag, whole.get());
	packet = std::move(whole);
	return verdict::accepted();
}

static owner<ipfrag> make_fragment(const fragment_place &place, u32 charge)
{
	auto fresh = make<ipfrag>(gfp::atomic);

	if (fresh) {
		fresh->offset = place.offset;
		fresh->end = place.end;
		fresh->rank = edu_k_random();
		fresh->charged = charge;
	}
	return fresh;
}

/* Everything about a fragment that is in order by itself. */
static verdict ip_frag_arrives(edu_stack &host, skb_ptr &packet, const fragment_place &place)
{
	const ip_info info = packet.cb<ip_info>();
	const ipq_key key{info.src, info.dst, load_be16(packet.data() + 4), info.protocol};
	const u32 charge = skb_truesize(packet.get()) + static_cast<u32>(sizeof(ipfrag));
	constexpr int attempts = 3; /* each ipq found may be given up before we have its lock */

	if (!make_room(host, charge + static_cast<u32>(sizeof(ipq))))
		return verdict::drop(EDU_Ip_DropFragmentMemory);
	auto fresh = make_fragment(place, charge);
	if (!fresh)
		return verdict::drop(EDU_Ip_DropNoMemory);
	fresh->skb = std::move(packet);
	for (int i = 0; i < attempts; i++) {
		fragment_list taken;
		edu_counter why = no_complaint;
		ref<ipq> q = ip_find(host, key);
		arrival what = q ? ip_frag_queue(host, *q, fresh, place.more, taken, why) :
				   arrival::too_late;

		switch (what) {
		case arrival::waits:
			age_move_to_young_end(host, *q, false);
			return verdict::accepted();
		case arrival::completes:
			unhash(host, *q);
			return ip_glue(host, taken, *q, packet);
		case arrival::ends:
			unhash(host, *q);
			drop_all(host, taken, why);
			[[fallthrough]];
		case arrival::refused:
			packet = std::move(fresh->skb);
			return verdict::drop(why);
		case arrival::too_late:
			break;
		}
	}
	packet = std::move(fresh->skb);
	return verdict::drop(EDU_Ip_DropNoMemory);
}

verdict ip_defrag(edu_stack &host, skb_ptr &packet)
{
	const fragment_place place = place_of(packet);

	host.count(EDU_Ip_ReasmReqds);
	const edu_counter why = refuse(place, packet.cb<ip_info>());
	verdict decided = why == no_complaint ? ip_frag_arrives(host, packet, place) :
						verdict::drop(why);
	if (decided.is_drop() && decided.reason() != EDU_Ip_DropFragmentDuplicate)
		host.count(EDU_Ip_ReasmFails);
	return decided;
}

/*
 * Life
 */

static bool came_by(const ipq &q, int ifindex)
{
	for (const ipfrag &one : q.fragments)
		if (one.skb.cb<ip_info>().ifindex == ifindex)
			return true;
	return false;
}

void frag_iface_gone(edu_iface &iface)
{
	edu_stack &host = *iface.host;
	edu_cursor at{};
	rcu_guard rcu;

	while (ipq *q = host.frag.ipqueue.next(at)) {
		ref<ipq> held = ref<ipq>::try_share(q);
		bool over = false;

		if (held) {
			spin_guard guard{held->lock};
			over = came_by(*held, iface.ifindex);
		}
		if (over)
			give_up(host, *held, EDU_Ip_DropFragmentIface);
	}
}

result<void> frag_host_init(edu_stack &host)
{
	for (ipq_age_row &row : host.frag.rows)
		row.lock.init(EDU_LOCK_IPQ_AGE);
	return host.frag.ipqueue.init(EDU_LOCK_IPQUEUE);
}

/* No packet comes any more. A timer that is firing leaves the table last, so it is waited for. */
void frag_host_close(edu_stack &host)
{
	for (;;) {
		ref<ipq> q;
		{
			rcu_guard rcu;
			edu_cursor at{};
			ipq *first = host.frag.ipqueue.next(at);

			if (!first)
				return;
			q = ref<ipq>::try_share(first);
		}
		if (!q)
			continue;
		give_up(host, *q, EDU_Ip_DropFragmentIface);
		edu_k_timer_cancel_sync(&q->timer);
	}
}

void frag_host_exit(edu_stack &host)
{
	host.frag.ipqueue.free();
}

} // namespace edu

using namespace edu;

int edu_core_frag_next(edu_stack *stack, edu_cursor *at, edu_frag_info *out)
{
	rcu_guard rcu;

	while (ipq *q = stack->frag.ipqueue.next(*at)) {
		spin_guard guard{q->lock};
		const u64 now = edu_k_now_ms();

		if (q->dead)
			continue;
		*out = {};
		out->source = q->key.saddr.raw();
		out->destination = q->key.daddr.raw();
		out->identification = be16{q->key.id}.raw();
		out->protocol = q->key.protocol;
		out->has_first = !q->fragments.empty() && !q->fragments.front()->offset;
		out->fragments = q->count;
		out->octets = q->meat;
		out->length = q->len;
		out->memory = q->charged;
		out->left_ms = static_cast<u32>(q->deadline_ms > now ? q->deadline_ms - now : 0);
		out->first_ms = static_cast<u32>(now - q->created_ms);
		out->last_ms = static_cast<u32>(now - q->touched_ms);
		return 1;
	}
	return 0;
}
