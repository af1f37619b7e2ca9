// SPDX-License-Identifier: GPL-2.0-only
/*
 * Trees of segments by sequence number.
 *
 * A std::set that is made with the first segment and goes with the last. The numbers are compared
 * modulo 2^32, which is an order only within half of the numbers: a tree that holds more is a fault. Its
 * members' numbers may change while they are in it, as long as their order does not.
 *
 * Requirement: TCP-12. Locking: none, a single thread; whoever holds the tree has a lock for it.
 */
#include "home.hh"

#include <cstring>

namespace hosted {
namespace {

edu_u32 key(const sk_buff *skb)
{
	edu_u32 number;

	std::memcpy(&number, skb->cb, sizeof(number));
	return number;
}

std::int32_t distance(edu_u32 a, edu_u32 b)
{
	return static_cast<std::int32_t>(a - b);
}

/* Of two equal numbers the one that came later is behind. */
struct by_number {
	using is_transparent = void;

	bool operator()(const sk_buff *a, const sk_buff *b) const
	{
		return key(a) == key(b) ? a->tree_order < b->tree_order :
					  distance(key(a), key(b)) < 0;
	}
	bool operator()(edu_u32 a, const sk_buff *b) const { return distance(a, key(b)) < 0; }
	bool operator()(const sk_buff *a, edu_u32 b) const { return distance(key(a), b) < 0; }
};

using members = std::set<sk_buff *, by_number>;

edu_u64 next_order;

members *of(const edu_skb_tree *tree)
{
	return static_cast<members *>(tree->root);
}

members::iterator place(const edu_skb_tree *tree, const sk_buff *skb, const char *what)
{
	static members nobody;

	if (skb->tree != tree || !tree->root) {
		fault("%s: the segment is not in the tree", what);
		return nobody.end();
	}
	auto at = of(tree)->find(const_cast<sk_buff *>(skb));

	if (at == of(tree)->end())
		fault("%s: the order of the segments in a tree has changed", what);
	return at;
}

} // namespace
} // namespace hosted

using namespace hosted;

extern "C" {

void edu_k_skb_tree_insert(struct edu_skb_tree *tree, struct sk_buff *skb)
{
	if (skb->tree || skb->next)
		fault("an sk_buff put into a tree while it is elsewhere");
	if (!tree->root)
		tree->root = new members;
	skb->tree = tree;
	skb->tree_order = ++next_order;
	of(tree)->insert(skb);
	tree->length++;
	if (distance(key(*of(tree)->rbegin()), key(*of(tree)->begin())) < 0)
		fault("a tree of segments spans more than half of the numbers");
}

void edu_k_skb_tree_remove(struct edu_skb_tree *tree, struct sk_buff *skb)
{
	auto at = place(tree, skb, "edu_k_skb_tree_remove()");

	if (skb->tree != tree || at == of(tree)->end())
		return;
	of(tree)->erase(at);
	skb->tree = nullptr;
	if (--tree->length)
		return;
	delete of(tree);
	tree->root = nullptr;
}

struct sk_buff *edu_k_skb_tree_first(const struct edu_skb_tree *tree)
{
	return tree->root ? *of(tree)->begin() : nullptr;
}

struct sk_buff *edu_k_skb_tree_last(const struct edu_skb_tree *tree)
{
	return tree->root ? *of(tree)->rbegin() : nullptr;
}

struct sk_buff *edu_k_skb_tree_next(const struct edu_skb_tree *tree, const struct sk_buff *skb)
{
	auto at = place(tree, skb, "edu_k_skb_tree_next()");

	if (skb->tree != tree || at == of(tree)->end())
		return nullptr;
	return ++at == of(tree)->end() ? nullptr : *at;
}

struct sk_buff *edu_k_skb_tree_prev(const struct edu_skb_tree *tree, const struct sk_buff *skb)
{
	auto at = place(tree, skb, "edu_k_skb_tree_prev()");

	if (skb->tree != tree || at == of(tree)->end() || at == of(tree)->begin())
		return nullptr;
	return *--at;
}

struct sk_buff *edu_k_skb_tree_find(const struct edu_skb_tree *tree, edu_u32 seq)
{
	if (!tree->root)
		return nullptr;
	auto at = of(tree)->upper_bound(seq);

	return at == of(tree)->begin() ? nullptr : *--at;
}

} // extern "C"
