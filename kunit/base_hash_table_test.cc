// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of base/hash_table.hh: it grows, and nobody notices.
 *
 * Locking: none. Tests run one after the other.
 */
#include "base/hash_table.hh"
#include "test.hh"
#include "world.hh"

namespace edu::test_hash_table {

struct entry {
	u32 number = 0;
	hash_node node;
};

using table = hash_table<entry, &entry::node>;

static constexpr u32 shared = 0x5a5, few = 5, many = 300;

/* Entries that share a hash, found in the order of their numbers from the last to the first? */
static bool most_recent_first(const table &t, u32 expected)
{
	rcu_guard guard;
	u32 found = 0, before = ~0u;
	bool ordered = true;

	t.for_each_of(shared, [&](const entry &e) {
		ordered = ordered && e.number < before;
		before = e.number;
		found++;
	});
	return ordered && found == expected;
}

/* The table is empty again, and what is in `entries` may go. */
static void clear(table &t, entry *entries, u32 count)
{
	for (u32 i = 0; i < count; i++)
		t.remove(entries[i]);
	edu_k_rcu_barrier();
}

EDU_TEST(hash_table, growing_keeps_the_most_recent_first, "UDP-1")
{
	test::world w;
	owner<table> t = make<table>(gfp::kernel);
	entry *entries = static_cast<entry *>(edu_k_table_alloc(many * sizeof(entry)));

	ASSERT_TRUE(t && entries);
	ASSERT_TRUE(t->init(EDU_LOCK_UDP_HASH));
	for (u32 i = 0; i < few; i++) {
		entries[i].number = i;
		t->insert(entries[i], shared);
	}
	EXPECT_TRUE(most_recent_first(*t, few));
	for (u32 i = few; i < many; i++) { /* in all buckets; few go where the others are */
		entries[i].number = i;
		t->insert(entries[i], i);
	}
	w.settle();
	EXPECT_GE(t->buckets(), 256u);
	EXPECT_TRUE(most_recent_first(*t, few));
	clear(*t, entries, many);
	edu_k_table_free(entries);
}

EDU_TEST(hash_table, an_iteration_shows_all_while_the_table_grows, "UDP-1")
{
	test::world w;
	owner<table> t = make<table>(gfp::kernel);
	entry *entries = static_cast<entry *>(edu_k_table_alloc(many * sizeof(entry)));
	edu_cursor at = {};
	u32 shown = 0, old = 0;

	ASSERT_TRUE(t && entries);
	ASSERT_TRUE(t->init(EDU_LOCK_UDP_HASH));
	for (u32 i = 0; i < 12; i++)
		t->insert(entries[i], i * 7919);
	for (;; shown++) {
		rcu_guard guard;
		entry *e = t->next(at);

		if (!e)
			break;
		old += e - entries < 12;
		if (shown)
			continue;
		for (u32 i = 12; i < many; i++)
			t->insert(entries[i], i * 7919);
	}
	EXPECT_EQ(old, 12u);
	EXPECT_LE(shown, many);
	clear(*t, entries, many);
	edu_k_table_free(entries);
}

} // namespace edu::test_hash_table
