// SPDX-License-Identifier: GPL-2.0-only
/*
 * What fib_bench needs of a kernel and the hosted home does not give: memory as dense as a slab
 * allocator's, counted, and an RCU that knows of a reader in another thread.
 *
 * The linker puts these in place of the home's (--wrap). Memory comes in the sizes of kmalloc, from
 * arenas of 2 MiB for which huge pages are asked, as the kernel's own memory is mapped.
 *
 * Locking: the writer's thread only, but for what fib_home.hh says of the reader.
 */
#include "fib_home.hh"

#include <edu/bridge.h>

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::size_t arena_size = std::size_t{2} << 20;
constexpr std::size_t sizes[] = {8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192};

struct arena {
	std::size_t size; /* of its objects */
};

std::map<std::size_t, std::vector<void *>> unused;
std::unordered_map<void *, std::size_t> large;
std::size_t octets;
std::vector<edu_rcu_head *> callbacks;
std::vector<void (*)(edu_rcu_head *)> reclaims;

void *map_aligned(std::size_t size)
{
	size = (size + arena_size - 1) / arena_size * arena_size;
	void *memory = std::aligned_alloc(arena_size, size);

	if (memory)
		madvise(memory, size, MADV_HUGEPAGE);
	return memory;
}

void refill(std::size_t size)
{
	auto *start = static_cast<char *>(map_aligned(arena_size));

	if (!start)
		return;
	reinterpret_cast<arena *>(start)->size = size;
	for (std::size_t at = arena_size / size * size - size; at >= 64 && at >= size; at -= size)
		unused[size].push_back(start + at);
}

void *allocate_large(std::size_t size)
{
	void *memory = map_aligned(size);

	if (!memory)
		return nullptr;
	large[memory] = size;
	octets += (size + 4095) / 4096 * 4096;
	return memory;
}

void *allocate(std::size_t size)
{
	for (std::size_t of : sizes) {
		if (of < size)
			continue;
		auto &free = unused[of];
		if (free.empty())
			refill(of);
		if (free.empty())
			return nullptr;
		void *memory = free.back();
		free.pop_back();
		octets += of;
		std::memset(memory, 0, of);
		return memory;
	}
	void *memory = allocate_large(size);

	return memory ? std::memset(memory, 0, size) : nullptr;
}

void give_back(void *memory)
{
	if (!memory)
		return;
	if (auto found = large.find(memory); found != large.end()) {
		octets -= (found->second + 4095) / 4096 * 4096;
		large.erase(found);
		std::free(memory);
		return;
	}
	auto address = reinterpret_cast<std::uintptr_t>(memory) & ~(arena_size - 1);
	std::size_t size = reinterpret_cast<arena *>(address)->size;

	octets -= size;
	unused[size].push_back(memory);
}

} // namespace

namespace fib_home {

std::atomic<unsigned long> reader_turns;
std::atomic<bool> reading;

std::size_t octets_in_use()
{
	return octets;
}

void grace_period()
{
	unsigned long then = reader_turns.load();

	while (reading.load() && reader_turns.load() < then + 2)
		std::this_thread::yield();
	while (!callbacks.empty()) {
		std::vector<edu_rcu_head *> ready;

		ready.swap(callbacks);
		for (edu_rcu_head *head : ready)
			head->reclaim(head);
		if (reading.load())
			return;
	}
}

void maybe_grace_period()
{
	static unsigned int calls; /* a kernel's takes as long as some thousand changes */

	if (++calls % 4096 == 0)
		grace_period();
}

} // namespace fib_home

extern "C" {

void *__wrap_edu_k_alloc(unsigned long size, unsigned int)
{
	return allocate(size);
}

void __wrap_edu_k_free(void *memory)
{
	give_back(memory);
}

void *__wrap_edu_k_table_alloc(unsigned long size)
{
	return allocate(size);
}

void *__wrap_edu_k_table_alloc_unset(unsigned long size)
{
	return size > sizes[std::size(sizes) - 1] ? allocate_large(size) : allocate(size);
}

void __wrap_edu_k_table_free(void *table)
{
	give_back(table);
}

void __wrap_edu_k_call_rcu(edu_rcu_head *head, void (*reclaim)(edu_rcu_head *))
{
	head->reclaim = reclaim;
	callbacks.push_back(head);
}

void __wrap_edu_k_synchronize_rcu(void)
{
	fib_home::grace_period();
}

void __wrap_edu_k_rcu_barrier(void)
{
	fib_home::grace_period();
}

/* As in a kernel that is not preempted: nothing. */
void __wrap_edu_k_rcu_read_lock(void) {}
void __wrap_edu_k_rcu_read_unlock(void) {}
void __wrap_edu_k_assert_rcu(void) {}

} // extern "C"
