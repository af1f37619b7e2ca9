// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asking the kernel whether a page can be read, see memory.hh.
 *
 * Locking: none; see there.
 */
#include "memory.hh"

#include "real.hh"

#include <sys/syscall.h>

namespace edu::wrap {

std::atomic<std::uintptr_t> readable_pages[known_pages];

bool ask_readable(std::uintptr_t page)
{
	errno_guard keep;
	constexpr long no_such_way = -1; /* so that no signal mask changes */
	constexpr long mask_size = 8;	 /* the kernel's, on every architecture with 64 signals */

	/* It reads the mask before it looks at what is to be done with it. A sandbox lets this call pass. */
	real::syscall(SYS_rt_sigprocmask, no_such_way, page << page_shift, 0L, mask_size);
	if (errno == EFAULT)
		return false;
	readable_pages[page % known_pages].store(page, std::memory_order_relaxed);
	return true;
}

} // namespace edu::wrap
