// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists whose links are members of the things listed.
 *
 * TLK: the chapter's figures are chains of such structures: arp_tables, ipqueue, ipfrag, the
 * socket hashes, fib_zone, ip_rt_hash_table. Requirements: UDP-1, TCP-9, IP-6, ARP-2, ROUTE-6.
 *
 * list is doubly linked and circular: adding and removing anywhere, both ends, no allocation.
 * hlist is a hash bucket's chain: one pointer as its head, and readers may walk it under RCU
 * while a writer changes it. A list does not own what is in it.
 *
 *	struct ipfrag { list_node node; ... };
 *	list<ipfrag, &ipfrag::node> fragments;
 *
 * Locking: a list's writers, and a list's readers, hold the lock of whatever owns the list. An
 * hlist's writers hold the bucket's lock; its readers hold that or the RCU read side, and an
 * unlinked element is freed or linked again only after a grace period.
 */
#pragma once

#include "base/atomic.hh"
#include "base/rcu_ptr.hh"

namespace edu {

namespace detail {

/*
 * The object a link is a member of. A pointer to a data member is its offset: the C++ ABI of
 * every Linux says so (Itanium C++ ABI 2.3), and for a constant the compiler folds it away.
 */
template <typename T, typename N>
inline T *owner_of(N *node, N T::*member)
{
	static_assert(sizeof(member) == sizeof(std::ptrdiff_t));
	auto offset = __builtin_bit_cast(std::ptrdiff_t, member);

	return reinterpret_cast<T *>(reinterpret_cast<char *>(node) - offset);
}

} // namespace detail

/* A link of a list; unlinked, it points at nothing. */
class list_node {
public:
	constexpr list_node() = default;
	list_node(const list_node &) = delete;
	list_node &operator=(const list_node &) = delete;

	bool is_linked() const { return next_; }

	/* Takes it off whatever list it is on, if any. */
	void unlink()
	{
		if (!next_)
			return;
		prev_->next_ = next_;
		next_->prev_ = prev_;
		prev_ = next_ = nullptr;
	}

private:
	template <typename T, list_node T::*node>
	friend class list;

	/* Puts @fresh between this and the next one. */
	void link_after(list_node &fresh)
	{
		fresh.prev_ = this;
		fresh.next_ = next_;
		next_->prev_ = &fresh;
		next_ = &fresh;
	}

	list_node *prev_ = nullptr;
	list_node *next_ = nullptr;
};

template <typename T, list_node T::*node>
class list {
public:
	constexpr list()
	{
		head_.prev_ = &head_;
		head_.next_ = &head_;
	}
	list(const list &) = delete;
	list &operator=(const list &) = delete;

	bool empty() const { return head_.next_ == &head_; }

	/* The ends; null when the list is empty. */
	T *front() const { return element(head_.next_); }
	T *back() const { return element(head_.prev_); }

	/* The neighbours of an element of this list; null past the ends. */
	T *after(T &item) const { return element((item.*node).next_); }
	T *before(T &item) const { return element((item.*node).prev_); }

	/* @item is on no list by this link. */
	void push_front(T &item) { head_.link_after(item.*node); }
	void push_back(T &item) { head_.prev_->link_after(item.*node); }
	void insert_after(T &where, T &item) { (where.*node).link_after(item.*node); }
	void insert_before(T &where, T &item) { (where.*node).prev_->link_after(item.*node); }

	void remove(T &item) { (item.*node).unlink(); }

	/* Removes and returns an end; null when the list is empty. */
	T *pop_front() { return pop(front()); }
	T *pop_back() { return pop(back()); }

	/* What least-recently-used lists do on a hit. */
	void move_to_front(T &item)
	{
		remove(item);
		push_front(item);
	}
	void move_to_back(T &item)
	{
		remove(item);
		push_back(item);
	}

	/* Takes all of @other's elements, in order, behind our own. */
	void splice_back(list &other)
	{
		if (other.empty())
			return;
		other.head_.next_->prev_ = head_.prev_;
		other.head_.prev_->next_ = &head_;
		head_.prev_->next_ = other.head_.next_;
		head_.prev_ = other.head_.prev_;
		other.head_.prev_ = other.head_.next_ = &other.head_;
	}

	class iterator {
	public:
		explicit iterator(list_node *at) : at_{at} {}
		T &operator*() const { return *detail::owner_of<T>(at_, node); }
		iterator &operator++()
		{
			at_ = at_->next_;
			return *this;
		}
		friend bool operator==(iterator, iterator) = default;

	private:
		list_node *at_;
	};

	/* While walking, the list must not change; see removing(). */
	iterator begin() const { return iterator{head_.next_}; }
	iterator end() const { return iterator{sentinel()}; }

	/* Walks with one element's foresight: the loop's body may unlink and free its element. */
	class removing_iterator {
	public:
		explicit removing_iterator(list_node *at) : at_{at}, next_{at->next_} {}
		T &operator*() const { return *detail::owner_of<T>(at_, node); }
		removing_iterator &operator++()
		{
			at_ = next_;
			next_ = at_->next_;
			return *this;
		}
		friend bool operator==(removing_iterator a, removing_iterator b)
		{
			return a.at_ == b.at_;
		}

	private:
		list_node *at_;
		list_node *next_;
	};

	struct removing_range {
		list &all;

		removing_iterator begin() const { return removing_iterator{all.head_.next_}; }
		removing_iterator end() const { return removing_iterator{&all.head_}; }
	};
	removing_range removing() { return {*this}; }

private:
	list_node *sentinel() const { return const_cast<list_node *>(&head_); }
	T *element(list_node *n) const
	{
		return n == &head_ ? nullptr : detail::owner_of<T>(n, node);
	}
	T *pop(T *item)
	{
		if (item)
			remove(*item);
		return item;
	}

	list_node head_; /* before the first and after the last: no end is special */
};

/* A link of a hash chain. */
class hlist_node {
public:
	constexpr hlist_node() = default;
	hlist_node(const hlist_node &) = delete;
	hlist_node &operator=(const hlist_node &) = delete;

	/* May lag when asked without the bucket's lock. */
	bool is_linked() const { return read_once(pprev_); }

	/*
	 * Takes it off its chain, if any. next_ stays, so that a reader standing here walks on.
	 */
	void unlink()
	{
		hlist_node *next = next_;

		if (!pprev_)
			return;
		write_once(*pprev_, next);
		if (next)
			write_once(next->pprev_, pprev_);
		write_once(pprev_, nullptr);
	}

private:
	template <typename T, hlist_node T::*node>
	friend class hlist;

	hlist_node *next_ = nullptr;   /* readers load it */
	hlist_node **pprev_ = nullptr; /* what points at us; null: on no chain. Writers only */
};

/* A hash chain's head: one pointer, zero when empty, so that tables come from zeroed memory. */
template <typename T, hlist_node T::*node>
class hlist {
public:
	constexpr hlist() = default;
	hlist(const hlist &) = delete;
	hlist &operator=(const hlist &) = delete;

	bool empty() const { return !read_once(first_); }
	T *front() const { return element(rcu_load(first_)); }
	T *after(T &item) const { return element(rcu_load((item.*node).next_)); }

	/* @item is on no chain by this link. Readers see it whole or not at all. */
	void push_front(T &item) { link(first_, item); }

	/* For chains kept in order: @where is an element of this chain. */
	void insert_after(T &where, T &item) { link((where.*node).next_, item); }
	void insert_before(T &where, T &item) { link(*(where.*node).pprev_, item); }

	void remove(T &item) { (item.*node).unlink(); }

	/* The first element that @matches says yes to, or null. */
	template <typename predicate>
	T *find(predicate matches) const
	{
		for (T &item : *this)
			if (matches(static_cast<const T &>(item)))
				return &item;
		return nullptr;
	}

	class iterator {
	public:
		explicit iterator(hlist_node *at) : at_{at} {}
		T &operator*() const { return *detail::owner_of<T>(at_, node); }
		iterator &operator++()
		{
			at_ = rcu_load(at_->next_);
			return *this;
		}
		friend bool operator==(iterator, iterator) = default;

	private:
		hlist_node *at_;
	};

	/* Under RCU, or under the lock when the body unlinks nothing that is freed at once. */
	iterator begin() const { return iterator{rcu_load(first_)}; }
	iterator end() const { return iterator{nullptr}; }

	/* For writers: the body may unlink and free its element, or link it elsewhere. */
	class removing_iterator {
	public:
		explicit removing_iterator(hlist_node *at)
			: at_{at}, next_{at ? at->next_ : nullptr}
		{
		}
		T &operator*() const { return *detail::owner_of<T>(at_, node); }
		removing_iterator &operator++()
		{
			at_ = next_;
			next_ = at_ ? at_->next_ : nullptr;
			return *this;
		}
		friend bool operator==(removing_iterator a, removing_iterator b)
		{
			return a.at_ == b.at_;
		}

	private:
		hlist_node *at_;
		hlist_node *next_;
	};

	struct removing_range {
		hlist &all;

		removing_iterator begin() const { return removing_iterator{all.first_}; }
		removing_iterator end() const { return removing_iterator{nullptr}; }
	};
	removing_range removing() { return {*this}; }

private:
	static T *element(hlist_node *n) { return n ? detail::owner_of<T>(n, node) : nullptr; }

	/* Puts @item where @slot points, before what is there. */
	static void link(hlist_node *&slot, T &item)
	{
		hlist_node &fresh = item.*node;
		hlist_node *next = slot;

		write_once(fresh.next_, next);
		write_once(fresh.pprev_, &slot);
		rcu_publish(slot, &fresh);
		if (next)
			write_once(next->pprev_, &fresh.next_);
	}

	hlist_node *first_ = nullptr;
};

} // namespace edu
