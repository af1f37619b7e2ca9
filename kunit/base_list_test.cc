// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of base/list.hh: lists and hash chains.
 *
 * Locking: none. Tests run one after the other.
 */
#include "base/list.hh"
#include "hostile.hh"

namespace edu::test_list {

struct entry {
	explicit entry(int n) : number{n} {}

	int number;
	list_node by_age;
	list_node by_size; /* one entry, two lists */
	hlist_node bucket;
};

using ages = list<entry, &entry::by_age>;
using sizes = list<entry, &entry::by_size>;
using chain = hlist<entry, &entry::bucket>;

/* The numbers in order, as digits. */
static int digits(const auto &entries)
{
	int all = 0;

	for (entry &e : entries)
		all = all * 10 + e.number;
	return all;
}

EDU_TEST(list, keeps_order_at_both_ends, "ARP-6")
{
	entry one{1}, two{2}, three{3};
	ages l;

	EXPECT_TRUE(l.empty());
	EXPECT_EQ(l.front(), nullptr);
	l.push_back(two);
	l.push_back(three);
	l.push_front(one);
	EXPECT_EQ(digits(l), 123);
	EXPECT_EQ(l.front(), &one);
	EXPECT_EQ(l.back(), &three);
	EXPECT_EQ(l.after(one), &two);
	EXPECT_EQ(l.before(one), nullptr);
	EXPECT_EQ(l.after(three), nullptr);
}

EDU_TEST(list, inserts_beside_an_element, "IP-6")
{
	entry one{1}, two{2}, three{3}, four{4};
	ages l;

	l.push_back(three);
	l.insert_before(three, one);
	l.insert_after(one, two);
	l.insert_after(three, four);
	EXPECT_EQ(digits(l), 1234);
}

EDU_TEST(list, an_unlinked_element_can_be_linked_again, "IP-6")
{
	entry one{1}, two{2};
	ages l;

	l.push_back(one);
	l.push_back(two);
	l.remove(one);
	EXPECT_FALSE(one.by_age.is_linked());
	one.by_age.unlink(); /* harmless */
	EXPECT_EQ(digits(l), 2);
	l.push_back(one);
	EXPECT_EQ(digits(l), 21);
	EXPECT_EQ(l.pop_front(), &two);
	EXPECT_EQ(l.pop_back(), &one);
	EXPECT_EQ(l.pop_front(), nullptr);
	EXPECT_TRUE(l.empty());
}

EDU_TEST(list, a_hit_moves_to_the_front, "ROUTE-9")
{
	entry one{1}, two{2}, three{3};
	ages l;

	for (entry *e : {&one, &two, &three})
		l.push_back(*e);
	l.move_to_front(three);
	EXPECT_EQ(digits(l), 312);
	l.move_to_back(three);
	EXPECT_EQ(digits(l), 123);
}

EDU_TEST(list, elements_may_go_while_walking, "LAYER-3")
{
	entry e[] = {entry{1}, entry{2}, entry{3}, entry{4}};
	ages l;

	for (entry &x : e)
		l.push_back(x);
	for (entry &x : l.removing())
		if (x.number % 2)
			l.remove(x);
	EXPECT_EQ(digits(l), 24);
	for (entry &x : l.removing())
		l.remove(x);
	EXPECT_TRUE(l.empty());
}

EDU_TEST(list, one_element_may_be_on_several_lists, "ROUTE-1")
{
	entry one{1}, two{2};
	ages by_age;
	sizes by_size;

	by_age.push_back(one);
	by_age.push_back(two);
	by_size.push_front(one);
	by_size.push_front(two);
	EXPECT_EQ(digits(by_age), 12);
	EXPECT_EQ(digits(by_size), 21);
	by_size.remove(one);
	EXPECT_EQ(digits(by_age), 12);
}

EDU_TEST(list, splices_in_order, "ARP-6")
{
	entry one{1}, two{2}, three{3};
	ages l, other;

	l.push_back(one);
	other.push_back(two);
	other.push_back(three);
	l.splice_back(other);
	EXPECT_EQ(digits(l), 123);
	EXPECT_TRUE(other.empty());
	l.splice_back(other);
	EXPECT_EQ(digits(l), 123);
	EXPECT_EQ(l.back(), &three);
}

EDU_TEST(hlist, finds_what_was_put_in, "ARP-2", "UDP-1")
{
	entry one{1}, two{2};
	chain c;

	EXPECT_TRUE(c.empty());
	c.push_front(one);
	c.push_front(two);
	EXPECT_EQ(digits(c), 21);
	EXPECT_EQ(c.find([](const entry &e) { return e.number == 1; }), &one);
	EXPECT_EQ(c.find([](const entry &e) { return e.number == 3; }), nullptr);
	EXPECT_EQ(c.front(), &two);
	EXPECT_EQ(c.after(one), nullptr);
}

EDU_TEST(hlist, keeps_a_sorted_chain, "ROUTE-3")
{
	entry one{1}, two{2}, three{3};
	chain c;

	c.push_front(three);
	c.insert_before(three, one);
	c.insert_after(one, two);
	EXPECT_EQ(digits(c), 123);
	c.remove(two);
	EXPECT_EQ(digits(c), 13);
	EXPECT_FALSE(two.bucket.is_linked());
}

EDU_TEST(hlist, a_reader_on_an_unlinked_element_walks_on, "ARP-2")
{
	entry one{1}, two{2}, three{3};
	chain c;

	for (entry *e : {&three, &two, &one})
		c.push_front(*e);
	auto reader = c.begin();
	++reader;
	c.remove(two);
	EXPECT_EQ((*reader).number, 2);
	++reader;
	EXPECT_EQ((*reader).number, 3);
	++reader;
	EXPECT_TRUE(reader == c.end());
}

EDU_TEST(hlist, elements_may_move_to_another_chain_while_walking, "UDP-1", "ROUTE-2")
{
	entry e[] = {entry{1}, entry{2}, entry{3}, entry{4}};
	chain from, to;

	for (entry &x : e)
		from.push_front(x);
	for (entry &x : from.removing()) {
		from.remove(x);
		to.push_front(x);
	}
	EXPECT_TRUE(from.empty());
	EXPECT_EQ(digits(to), 1234);
}

EDU_TEST(hlist, is_one_pointer_and_empty_when_zero, "UDP-1")
{
	EXPECT_EQ(sizeof(chain), sizeof(void *));
	alignas(chain) u8 zeros[sizeof(chain)] = {};
	EXPECT_TRUE(reinterpret_cast<chain *>(zeros)->empty());
}

} // namespace edu::test_list
