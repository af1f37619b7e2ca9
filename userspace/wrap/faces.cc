// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of descriptors, see faces.hh.
 *
 * Locking: none; see there.
 */
#include "faces.hh"

#include "real.hh"

#include <sys/mman.h>
#include <unistd.h>

namespace edu::wrap {

std::atomic<face> *table;
[[gnu::tls_model("initial-exec")]] constinit thread_local pid_t borrower;

namespace {

/* Room for the owner, behind the table: a page, of whatever size. */
constexpr std::size_t owner_room = 1 << 16;

/*
 * The process whose descriptors the table is about. After fork() the child is it, of its own table;
 * in a child that got its copy of the memory otherwise (_Fork(), clone()) the kernel has wiped this: 0,
 * and the first process that notes something is it.
 */
std::atomic<pid_t> *owner;

/* Of the processes that share the memory only the owner may write; see faces.hh. */
bool may_write()
{
	pid_t self = getpid(), found = 0;
	bool allowed = owner->compare_exchange_strong(found, self, std::memory_order_relaxed) ||
		       found == self;

	borrower = allowed ? 0 : self;
	return allowed;
}

} // namespace

void make_table()
{
	void *memory = mmap(nullptr, table_size + owner_room, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return;
	auto *octets = static_cast<char *>(memory);
	/* Zeroed memory is a table of face::unknown. */
	table = reinterpret_cast<std::atomic<face> *>(octets);
	owner = reinterpret_cast<std::atomic<pid_t> *>(octets + table_size);
	madvise(owner, owner_room, MADV_WIPEONFORK);
	own_table();
}

void own_table()
{
	if (table)
		owner->store(getpid(), std::memory_order_relaxed);
	borrower = 0;
}

bool is_borrowed()
{
	if (borrower != getpid())
		borrower = 0;
	return borrower;
}

void note_face(int fd, face what)
{
	if (!table || fd < 0 || fd >= table_size ||
	    table[fd].load(std::memory_order_relaxed) == what || !may_write())
		return;
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
