// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring. What a program puts into its rings no library sees, and with it addresses of AF_INET and
 * sockets of Linux's. So there is none under `edu run`, as on a kernel without it (or where
 * kernel.io_uring_disabled is set), and programs take to epoll and to threads. liburing makes its system
 * calls by itself; its functions that begin a ring are stood in front of. syscall() is in calls.cc.
 *
 * Locking: none.
 */
#include "real.hh"

using namespace edu::wrap;

struct io_uring;
struct io_uring_params;
struct io_uring_probe;

EDU_EXPORT int io_uring_setup(unsigned, io_uring_params *)
{
	return -ENOSYS;
}

EDU_EXPORT int io_uring_queue_init(unsigned, io_uring *, unsigned)
{
	return -ENOSYS;
}

EDU_EXPORT int io_uring_queue_init_params(unsigned, io_uring *, io_uring_params *)
{
	return -ENOSYS;
}

EDU_EXPORT int io_uring_queue_init_mem(unsigned, io_uring *, io_uring_params *, void *, std::size_t)
{
	return -ENOSYS;
}

/* What a ring could do. */
EDU_EXPORT io_uring_probe *io_uring_get_probe()
{
	return nullptr;
}
