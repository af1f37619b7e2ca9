/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each descriptor is to us: a table of one octet for each, mapped, so that only the pages of
 * descriptors in use take memory.
 *
 * It is a cache of what the kernel knows. A call that makes a socket writes what it made, dup() copies
 * the octet, and a call that gives a number to a descriptor of unknown origin (SCM_RIGHTS) writes
 * `unknown`, and the next call with an address asks the kernel. close() needs no care: what a stale
 * octet can do is no harm. Only an address of AF_INET is rewritten on the way in, and a socket that takes
 * one got its number from a call that wrote the table; on the way out only addresses of our family are
 * rewritten, which no other socket has; and before a socket moves to another stack the kernel is
 * asked.
 *
 * A child of vfork() has descriptors of its own, but until it calls exec() its parent's memory, and
 * with it its parent's table. So only the process that the table is about writes into it. To any other
 * the table is worth nothing once it has noted something, and it asks the kernel each time. That this is
 * so, `borrower` remembers, a variable of the parent's thread, which waits until the child is gone. (The
 * same holds for processes by clone() with CLONE_VM. With CLONE_FILES too they share the descriptors, and
 * what one opens the table does not tell the other; programs use threads for that.)
 *
 * What only the table knows is lost where there is another table, after exec() and in a process that is
 * passed the descriptor: that a socket may still move (it does not), and that the program believes in
 * AF_INET6 (it is told the truth then, AF_INET).
 *
 * Locking: none; each octet is atomic and stands for itself.
 */
#ifndef EDU_WRAP_FACES_HH
#define EDU_WRAP_FACES_HH

#include <atomic>
#include <cstdint>

#include <sys/types.h>

namespace edu::wrap {

enum class face : std::uint8_t {
	unknown, /* ask the kernel */
	other,	 /* not EDUINET's: a file, a socket of another family */
	wrapped, /* EDUINET's, and the program believes it to be of AF_INET */
	fresh, /* the same, and it may still turn out to belong on Linux (settings::decides_late) */
	native,	    /* EDUINET's, as the program asked for */
	undecided6, /* of AF_INET6 and Linux's, and may turn out to carry IPv4 */
	rtnetlink,  /* of AF_NETLINK, and asks for addresses, perhaps (rtnetlink.hh) */
	mapped,	    /* EDUINET's, and the program believes it to be of AF_INET6 */
};

void make_table();

/* The table is this process's: after fork(). */
void own_table();

inline constexpr int table_size =
	1 << 20; /* the kernel's default fs.nr_open; above it we always ask */

extern std::atomic<face> *table; /* null: there was no memory, so we always ask */

/* The process that was here when the table was found to be another's; 0: none. */
[[gnu::tls_model("initial-exec")]] extern constinit thread_local pid_t borrower;

/* That process is still here; else the parent is back. */
bool is_borrowed();

/* What the table says, perhaps `unknown`. */
inline face noted_face(int fd)
{
	if (!table || fd < 0 || fd >= table_size)
		return face::unknown;
	if (borrower && is_borrowed()) [[unlikely]]
		return face::unknown;
	return table[fd].load(std::memory_order_relaxed);
}

void note_face(int fd, face what);

/* Asks the kernel, and notes what it says. Leaves errno alone. */
face ask_face(int fd);

/* What it is; asks the kernel when need be. */
inline face face_of(int fd)
{
	face what = noted_face(fd);

	return what != face::unknown ? what : ask_face(fd);
}

/* EDUINET's, and the program takes it for Linux's. */
inline bool is_ours(face what)
{
	return what == face::wrapped || what == face::fresh || what == face::mapped;
}

/* Where it goes may still depend on what the program does with it. */
inline bool is_undecided(face what)
{
	return what == face::fresh || what == face::undecided6;
}

} // namespace edu::wrap

#endif /* EDU_WRAP_FACES_HH */
