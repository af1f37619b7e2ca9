// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hash table that grows with what is in it, while packets look things up.
 *
 * TLK's tables (udp_hash, tcp_bound_hash, arp_tables, a fib_zone's fz_hash_table) had a fixed size,
 * so a look-up cost more with every socket or route. This one keeps chains short by doubling
 * (UDP-1, ROUTE-2). Hashes come from the caller and are seeded there, so that nobody outside can
 * aim at one chain.
 *
 * How it grows. Every element has two links, an even and an odd one; a bucket array uses one of
 * them. To grow, a bigger array of the other parity is filled, bucket by bucket, while readers still
 * walk the old one; then the new one is published, and after a grace period the old links are
 * cleared for the next time. Elements are never moved and nothing is allocated for them. A chain
 * keeps its order, most recent first.
 *
 * Locking. Readers: RCU. Writers: one of a few stripe locks, chosen by the hash's low bits, so that
 * an element's old and new bucket share a lock. Growing runs on the work queue, one stripe at a
 * time. An element is freed only a grace period after remove(). It may be inserted again at once: a
 * reader that is carried into another chain notices at that chain's end marker and starts over.
 */
#pragma once

#include "base/guard.hh"
#include "base/list.hh"

namespace edu {

struct hash_link {
	hash_link *next = nullptr;   /* or an end marker; readers load it */
	hash_link **pprev = nullptr; /* what points at us; null: on no chain. Stripe's lock */
};

/* A member of whatever is to be hashed. An element may be in several tables by several of them. */
struct hash_node {
	hash_link link[2]; /* first member: by_link() counts on it */
	u32 hash = 0;	   /* constant while hashed */

	bool is_hashed() const { return read_once(link[0].pprev) || read_once(link[1].pprev); }
};

template <typename T, hash_node T::*member>
class hash_table {
public:
	hash_table() = default;
	hash_table(const hash_table &) = delete;
	hash_table &operator=(const hash_table &) = delete;
	~hash_table() { free(); }

	/* Process context. @buckets is a power of two. Error: enomem. */
	result<void> init(edu_lock_class which, u32 buckets = least_buckets)
	{
		for (spinlock &lock : stripes_)
			lock.init(which);
		edu_k_work_init(&work_.work, run_grow);
		work_.table = this;
		bucket_array *fresh =
			make_buckets(buckets < least_buckets ? least_buckets : buckets, 0);
		if (!fresh)
			return errc::enomem;
		current_.publish(fresh);
		return {};
	}

	/* Process context; every element has been removed and no reader is left. */
	void free()
	{
		bucket_array *array = current_.load_locked();

		if (!array)
			return;
		edu_k_work_cancel_sync(&work_.work);
		array = current_.load_locked();
		current_.publish(nullptr);
		edu_k_table_free(array);
	}

	u32 size() const { return static_cast<u32>(count_.load()); }
	u32 buckets() const
	{
		rcu_guard guard;

		return current_.load()->mask + 1;
	}

	/* Any context. @item is not in this table. The most recent is found first. */
	void insert(T &item, u32 hash)
	{
		spin_guard guard{stripe(hash)};

		insert_locked(item, hash);
	}

	/*
	 * Inserts unless an element of that hash @matches: returns that one, or null when inserted.
	 * No two callers of one hash can both insert. The result lives as RCU or the caller's own
	 * lock promises.
	 */
	template <typename predicate>
	T *insert_unless(T &item, u32 hash, predicate matches)
	{
		spin_guard guard{stripe(hash)};

		if (T *other = find_in(current_.load_locked(), hash, matches))
			return other;
		insert_locked(item, hash);
		return nullptr;
	}

	/* Any context; does nothing when it is not hashed. Free it a grace period later. */
	bool remove(T &item)
	{
		hash_node &node = item.*member;
		spin_guard guard{stripe(node.hash)};

		if (!node.is_hashed())
			return false;
		for (hash_link &link : node.link)
			unlink(link);
		count_.fetch_sub(1);
		return true;
	}

	/* The first element of that hash that @matches says yes to, or null. RCU. */
	template <typename predicate>
	T *find(u32 hash, predicate matches) const
	{
		return find_in(current_.load(), hash, matches);
	}

	/* Calls visit(T &) for every element of that hash, most recent first. RCU. */
	template <typename visitor>
	void for_each_of(u32 hash, visitor visit) const
	{
		find(hash, [&](T &item) {
			visit(item);
			return false;
		});
	}

	/* Every element, in no order; while others insert, one may be missed. RCU or sole. */
	template <typename visitor>
	void for_each(visitor visit) const
	{
		const bucket_array *array = current_.load();

		for (u32 i = 0; i <= array->mask; i++) {
			hash_link *next;

			for (hash_link *at = rcu_load(array->first[i]); !is_end(at); at = next) {
				next = rcu_load(at->next);
				visit(*by_link(at, array->parity));
			}
		}
	}

	/*
	 * The element after @at, or null at the end: shows exactly once what is there all the time,
	 * even when the table grows between calls. Buckets are visited in the order of their
	 * reversed indices, in which a bucket's two halves follow each other; within one, elements
	 * go by address. RCU; the element lives until the caller leaves the read side.
	 */
	T *next(edu_cursor &at) const
	{
		const bucket_array *array = current_.load();
		u64 &bucket = at.position[0]; /* 0 … mask, and 1 << 32 for "done" */
		u64 &mask = at.position[1];   /* of the array when the bucket was begun */
		u64 &last = at.position[2];   /* address of the element shown last in it */

		while (bucket <= array->mask) {
			if (!last)
				mask = array->mask;
			if (T *item = lowest_above(array, bucket, mask, last)) {
				last = reinterpret_cast<u64>(item);
				return item;
			}
			last = 0;
			bucket = reversed_increment(static_cast<u32>(bucket),
						    static_cast<u32>(mask));
		}
		return nullptr;
	}

private:
	static constexpr u32 stripe_count = 16;
	static constexpr u32 least_buckets = stripe_count;
	static constexpr u32 most_buckets = 1u << 24;
	static constexpr u32 most_growth = 8; /* times at once: copy_bucket() walks as often */

	struct bucket_array {
		u32 mask;   /* buckets - 1 */
		u32 parity; /* which link of an element chains it here */
		edu_rcu_head rcu;
		hash_link *first[];
	};

	/* The work item and the way back from it to the table. */
	struct grow_work {
		edu_work work;
		hash_table *table;
	};

	/* An end marker carries its bucket's index, so a reader knows which chain it came out of. */
	static hash_link *end_of(u32 index)
	{
		return reinterpret_cast<hash_link *>(u64{index} << 1 | 1);
	}
	static bool is_end(const hash_link *link) { return reinterpret_cast<u64>(link) & 1; }

	static T *by_link(hash_link *link, u32 parity)
	{
		return detail::owner_of<T>(reinterpret_cast<hash_node *>(link - parity), member);
	}

	spinlock &stripe(u32 hash) { return stripes_[hash % stripe_count]; }

	static bucket_array *make_buckets(u32 count, u32 parity)
	{
		auto *array = static_cast<bucket_array *>(
			edu_k_table_alloc(sizeof(bucket_array) + u64{count} * sizeof(hash_link *)));

		if (!array)
			return nullptr;
		array->mask = count - 1;
		array->parity = parity;
		for (u32 i = 0; i < count; i++)
			array->first[i] = end_of(i);
		return array;
	}

	static void link(bucket_array *array, hash_node &node)
	{
		hash_link *&first = array->first[node.hash & array->mask];
		hash_link &fresh = node.link[array->parity];
		hash_link *next = first;

		write_once(fresh.next, next);
		write_once(fresh.pprev, &first);
		rcu_publish(first, &fresh);
		if (!is_end(next))
			write_once(next->pprev, &fresh.next);
	}

	static void unlink(hash_link &link)
	{
		if (!link.pprev)
			return;
		write_once(*link.pprev, link.next);
		if (!is_end(link.next))
			write_once(link.next->pprev, link.pprev);
		write_once(link.pprev, nullptr);
	}

	void insert_locked(T &item, u32 hash)
	{
		hash_node &node = item.*member;
		bucket_array *array = current_.load_locked();
		bucket_array *growing = growing_.load_locked();

		node.hash = hash;
		link(array, node);
		if (growing && growing != array)
			link(growing, node);
		if (static_cast<u32>(count_.fetch_add(1)) > array->mask &&
		    array->mask + 1 < most_buckets)
			edu_k_work_queue(&work_.work);
	}

	template <typename predicate>
	static T *find_in(const bucket_array *array, u32 hash, predicate &matches)
	{
		const u32 index = hash & array->mask;
		hash_link *at;

		do {
			for (at = rcu_load(array->first[index]); !is_end(at);
			     at = rcu_load(at->next)) {
				T *item = by_link(at, array->parity);

				if ((item->*member).hash == hash && matches(*item))
					return item;
			}
		} while (at != end_of(index));
		return nullptr;
	}

	/* The element with the least address above @last in one chain. Starts over, like find_in(),
	 * when an element that was inserted anew has carried it into another chain. */
	static T *lowest_in(const bucket_array *array, u32 index, u64 last)
	{
		hash_link *at;
		T *best;

		do {
			best = nullptr;
			for (at = rcu_load(array->first[index]); !is_end(at);
			     at = rcu_load(at->next)) {
				T *item = by_link(at, array->parity);
				u64 address = reinterpret_cast<u64>(item);

				if (address > last && (!best || item < best))
					best = item;
			}
		} while (at != end_of(index));
		return best;
	}

	/* The same in all buckets that were @bucket under @mask. */
	static T *lowest_above(const bucket_array *array, u64 bucket, u64 mask, u64 last)
	{
		T *best = nullptr;

		for (u64 i = bucket; i <= array->mask; i += mask + 1) {
			T *item = lowest_in(array, static_cast<u32>(i), last);

			if (item && (!best || item < best))
				best = item;
		}
		return best;
	}

	/* Counts with the most significant bit moving fastest; past the last one, "done". */
	static u64 reversed_increment(u32 index, u32 mask)
	{
		u32 bit = (mask >> 1) + 1;

		if (!mask)
			return u64{1} << 32;
		while (bit && (index & bit)) {
			index &= ~bit;
			bit >>= 1;
		}
		return bit ? u64{index | bit} : u64{1} << 32;
	}

	static void run_grow(edu_work *work)
	{
		/* work is grow_work's first member */
		reinterpret_cast<grow_work *>(work)->table->grow();
	}

	void grow()
	{
		bucket_array *old = current_.load_locked();
		u32 wanted = std::bit_ceil(size() + 1);

		if (wanted / most_growth > old->mask + 1)
			wanted = (old->mask + 1) * most_growth; /* the rest in the next round */
		if (wanted > most_buckets)
			wanted = most_buckets;
		if (wanted <= old->mask + 1)
			return;
		bucket_array *fresh = make_buckets(wanted, !old->parity);
		if (!fresh)
			return; /* longer chains until the next insert tries again */

		growing_.publish(fresh); /* from now on writers link into both */
		for (u32 i = 0; i <= old->mask; i++)
			copy_bucket(old, i, fresh);
		current_.publish(fresh);
		for (spinlock &lock : stripes_) { /* no writer that still saw the old one is left */
			lock.lock();
			lock.unlock();
		}
		growing_.publish(nullptr);
		edu_k_synchronize_rcu(); /* nor a reader */
		for (u32 i = 0; i <= old->mask; i++)
			clear_bucket(old, i);
		edu_k_table_free(old);
		if (size() > fresh->mask + 1 && fresh->mask + 1 < most_buckets)
			edu_k_work_queue(&work_.work);
	}

	/* A bucket becomes several, which lie under the same stripe. */
	void copy_bucket(bucket_array *old, u32 index, bucket_array *fresh)
	{
		spin_guard guard{stripe(index)};

		for (u32 to = index; to <= fresh->mask; to += old->mask + 1)
			copy_chain(old->first[index], old->parity, fresh, to);
	}

	/* Those of a chain that belong into bucket @to, in their order, behind what is there: that
	 * was inserted while the table grows, and so later than any of these. */
	static void copy_chain(hash_link *chain, u32 parity, bucket_array *fresh, u32 to)
	{
		hash_link **tail = &fresh->first[to];

		while (!is_end(*tail))
			tail = &(*tail)->next;
		for (hash_link *at = chain; !is_end(at); at = at->next) {
			hash_node &node = by_link(at, parity)->*member;
			hash_link &last = node.link[fresh->parity];

			if ((node.hash & fresh->mask) != to || last.pprev)
				continue;
			write_once(last.next, end_of(to));
			write_once(last.pprev, tail);
			rcu_publish(*tail, &last);
			tail = &last.next;
		}
	}

	void clear_bucket(bucket_array *old, u32 index)
	{
		spin_guard guard{stripe(index)};

		while (!is_end(old->first[index]))
			unlink(*old->first[index]);
	}

	rcu_ptr<bucket_array> current_; /* what readers walk */
	rcu_ptr<bucket_array> growing_; /* being filled, or null; writers look under a stripe lock */
	atomic<int> count_;		/* elements */
	spinlock stripes_[stripe_count];
	grow_work work_;
};

} // namespace edu
