// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory for the core: every block is known until it is freed.
 *
 * Blocks come from malloc at exactly the size asked for, so that AddressSanitizer sees the first
 * octet past the end and every use after free. A chosen allocation can be made to fail. Freeing a
 * block with an armed timer, a queued RCU callback or a held lock inside is a fault, as it is to
 * the kernel's CONFIG_DEBUG_OBJECTS.
 *
 * Locking: none, a single thread.
 */
#include "home.hh"

#include <cstdlib>
#include <cstring>
#include <unordered_map>

namespace hosted {
namespace {

enum class kind : std::uint8_t { block, table };

struct block {
	std::size_t size;
	kind of;
};

std::unordered_map<const void *, block> blocks;
unsigned int fail_after; /* allocations until one fails; 0: none will */
unsigned int failing;	 /* in 1/1000 */
bool failed;

void *take(std::size_t size, kind of)
{
	void *memory = nullptr;

	if (allocation_fails())
		return nullptr;
	if (size > std::size_t{1} << 34 ||
	    posix_memalign(&memory, size >= 64 ? 64 : 8, size ? size : 1))
		return nullptr;
	std::memset(memory, 0, size);
	blocks.emplace(memory, block{size, of});
	return memory;
}

void give_back(void *memory, kind of)
{
	auto found = blocks.find(memory);

	if (!memory)
		return;
	if (found == blocks.end())
		return fault("freeing %p, which is not allocated", memory);
	if (found->second.of != of)
		fault("memory of edu_k_alloc freed as a table, or the reverse");
	check_timers_in(memory, found->second.size);
	check_locks_in(memory, found->second.size);
	blocks.erase(found);
	std::free(memory);
}

} // namespace

void set_failing(unsigned int in_thousand)
{
	failing = in_thousand;
}

bool allocation_fails()
{
	if (happens(failing))
		return failed = true;
	if (!fail_after || --fail_after)
		return false;
	failed = true;
	return true;
}

unsigned int live_blocks()
{
	return static_cast<unsigned int>(blocks.size());
}

void reset_memory()
{
	fail_after = 0;
	failing = 0;
	failed = false;
}

} // namespace hosted

extern "C" {

void *edu_k_alloc(unsigned long size, unsigned int gfp)
{
	if (gfp == EDU_GFP_KERNEL) {
		hosted::assert_may_sleep("edu_k_alloc(EDU_GFP_KERNEL)");
		hosted::preemption_point();
	} else if (gfp != EDU_GFP_ATOMIC) {
		hosted::fault("edu_k_alloc: %#x is no gfp", gfp);
	}
	return hosted::take(size, hosted::kind::block);
}

void edu_k_free(void *memory)
{
	hosted::give_back(memory, hosted::kind::block);
}

void *edu_k_table_alloc(unsigned long size)
{
	hosted::assert_may_sleep("edu_k_table_alloc()");
	hosted::preemption_point();
	return hosted::take(size, hosted::kind::table);
}

void *edu_k_table_alloc_unset(unsigned long size)
{
	constexpr int rubbish = 0xa5; /* as an address, no program's */
	void *table = edu_k_table_alloc(size);

	if (table)
		std::memset(table, rubbish, size);
	return table;
}

void edu_k_table_free(void *table)
{
	hosted::give_back(table, hosted::kind::table);
}

void edu_t_fail_alloc(unsigned int n)
{
	hosted::fail_after = n;
	hosted::failed = false;
}

int edu_t_alloc_failed(void)
{
	bool was = hosted::failed;

	hosted::failed = false;
	return was;
}

} // extern "C"
