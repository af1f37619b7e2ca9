/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Pointers of the program's that this library follows before the kernel does. One that leads nowhere
 * is left to the kernel, which says EFAULT; following it would end the program.
 *
 * A page that was readable once is taken to be so ever after, so that a usual call costs a comparison.
 * What that cannot see is a pointer into a page that has been unmapped in between.
 *
 * Locking: none; each word is atomic and stands for itself.
 */
#ifndef EDU_WRAP_MEMORY_HH
#define EDU_WRAP_MEMORY_HH

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace edu::wrap {

inline constexpr unsigned page_shift = 12; /* the least that any kernel has */

/* Numbers of pages that were readable, each where its lowest bits say. The first page is never. */
inline constexpr std::size_t known_pages = 64;
extern std::atomic<std::uintptr_t> readable_pages[known_pages];

/* Asks the kernel, and remembers. Leaves errno alone. */
bool ask_readable(std::uintptr_t page);

/* All the octets can be read. */
inline bool readable(const void *pointer, std::size_t size)
{
	auto from = reinterpret_cast<std::uintptr_t>(pointer);
	std::uintptr_t to = from + (size ? size - 1 : 0);

	if (!pointer || to < from)
		return false;
	for (std::uintptr_t page = from >> page_shift; page <= to >> page_shift; page++)
		if (!page ||
		    (readable_pages[page % known_pages].load(std::memory_order_relaxed) != page &&
		     !ask_readable(page)))
			return false;
	return true;
}

template <class type>
bool readable(const type *pointer)
{
	return readable(pointer, sizeof(type));
}

} // namespace edu::wrap

#endif /* EDU_WRAP_MEMORY_HH */
