// SPDX-License-Identifier: GPL-2.0-only
/*
 * TLK's table "indexed by the last two bytes of the IP address": arp_tables and ip_rt_hash_table.
 *
 * ARP-2, ROUTE-6. 65,536 chains at once would cost half a megabyte a host, so the third byte of the
 * address leads to a row, made when it is first needed, and the fourth byte to a chain in it. A row
 * also keeps its elements by age, so that a full table can find whom to evict without a search.
 *
 * Locking: readers walk chains under RCU. Writers hold the row's lock, which guards the chains and
 * the age lists. Rows live as long as the table. No lock is global.
 */
#pragma once

#include "base/guard.hh"
#include "base/list.hh"

namespace edu {

template <typename T, hlist_node T::*chained, list_node T::*aged>
class two_byte_table {
public:
	static constexpr u32 row_count = 256;

	struct row {
		spinlock lock;
		u32 count = 0;	      /* elements; the lock */
		list<T, aged> age[2]; /* oldest first: [0] those to evict first, [1] others */
		hlist<T, chained> chain[256]; /* by the address's last byte */
	};

	void init(edu_lock_class lock_class) { lock_class_ = lock_class; }

	/* Nothing is in it and no reader is left. */
	void free()
	{
		for (row *&slot : rows_)
			destroy(std::exchange(slot, nullptr));
	}

	/* The row of an address, or null when nothing like it was ever in the table. */
	row *find_row(be32 addr) const { return rcu_load(rows_[row_index(addr)]); }
	row *row_at(u32 index) const { return rcu_load(rows_[index]); }

	/* The same, made if it must be; null: no memory. Any context. */
	row *make_row(be32 addr)
	{
		row *&slot = rows_[row_index(addr)];
		row *there = rcu_load(slot);

		if (there)
			return there;
		row *fresh = new (gfp::atomic) row;
		if (!fresh)
			return nullptr;
		fresh->lock.init(lock_class_);
		if (__atomic_compare_exchange_n(&slot, &there, fresh, false, __ATOMIC_ACQ_REL,
						__ATOMIC_ACQUIRE))
			return fresh;
		destroy(fresh); /* another processor was faster */
		return there;
	}

	static hlist<T, chained> &chain(row &r, be32 addr) { return r.chain[addr.host() & 0xff]; }

	/* TLK's index. */
	static u32 index(be32 addr) { return addr.host() & 0xffff; }

	/*
	 * The element after @at, or null at the end; what is there all the time is shown exactly
	 * once. Chains go by index; elements of one by address of their memory. RCU.
	 */
	T *next(edu_cursor &at) const
	{
		auto &index = at.position[0]; /* of the chain, 65536: done */
		auto &last = at.position[1];  /* the element shown last in it */

		while (index < row_count * 256) {
			const row *r = row_at(static_cast<u32>(index >> 8));
			T *best = r ? lowest_above(r->chain[index & 0xff], last) : nullptr;

			if (best) {
				last = reinterpret_cast<u64>(best);
				return best;
			}
			last = 0;
			index = r ? index + 1 : (index | 0xff) + 1;
		}
		return nullptr;
	}

private:
	static u32 row_index(be32 addr) { return addr.host() >> 8 & 0xff; }

	static T *lowest_above(const hlist<T, chained> &chain, u64 last)
	{
		T *best = nullptr;

		for (T &item : chain)
			if (reinterpret_cast<u64>(&item) > last && (!best || &item < best))
				best = &item;
		return best;
	}

	edu_lock_class lock_class_ = EDU_LOCK_COUNTED;
	row *rows_[row_count] = {}; /* by the address's third byte; once set, never changed */
};

} // namespace edu
