// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of descriptors, see faces.hh.
 *
 * Locking: none; see there.
 */
#include "faces.hh"

#include "real.hh"

#include <sys/mman.h>

namespace edu::wrap {

std::atomic<face> *table;

void make_table()
{
	void *memory = mmap(nullptr, table_size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	/* Zeroed memory is a table of face::unknown. */
	table = memory == MAP_FAILED ? nullptr : static_cast<std::atomic<face> *>(memory);
}

void note_face(int fd, face what)
{
	if (table && fd >= 0 && fd < table_size)
		table[fd].store(what, std::memory_order_relaxed);
}

face ask_face(int fd)
{
	errno_guard keep;
	int domain = 0;
	socklen_t length = sizeof(domain);
	if (real::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0)
		return face::other; /* no socket, or closed: not worth a note */
	face what = domain == rules.family ? face::wrapped : face::other;
	note_face(fd, what);
	return what;
}

} // namespace edu::wrap
