/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The C library's own functions behind those of the same name that this library puts in front of them,
 * and the library's start.
 *
 * The loader runs our constructor after those of the program's other libraries, and they may call
 * us: every function in front begins with start(). One that does may be an allocator setting itself
 * up (jemalloc calls syscall()), so nothing there allocates.
 *
 * Locking: none. Two threads that start at once would find the same; the pointers and the settings do
 * not change afterwards.
 */
#ifndef EDU_WRAP_REAL_HH
#define EDU_WRAP_REAL_HH

#include "rules.hh"

#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <resolv.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

/* The checked forms that _FORTIFY_SOURCE makes of recv() and recvfrom(). */
extern "C" ssize_t __recv_chk(int fd, void *buffer, std::size_t length, std::size_t room,
			      int flags);
extern "C" ssize_t __recvfrom_chk(int fd, void *buffer, std::size_t length, std::size_t room,
				  int flags, sockaddr *address, socklen_t *address_length);
extern "C" int pidfd_getfd(int pidfd, int target, unsigned flags) noexcept;

/* clang-format off */
#define EDU_WRAPPED(X) \
	X(syscall) X(socket) X(bind) X(connect) X(listen) X(accept) X(accept4) X(getsockname) X(getpeername) \
	X(send) X(sendto) X(recv) X(__recv_chk) X(recvfrom) X(__recvfrom_chk) \
	X(sendmsg) X(recvmsg) X(sendmmsg) X(recvmmsg) \
	X(getsockopt) X(setsockopt) X(ioctl) X(dup) X(dup2) X(dup3) X(fcntl) X(fcntl64) \
	X(pidfd_getfd) X(getifaddrs) X(getaddrinfo) X(res_nsend) \
	X(execve) X(execvpe) X(fexecve) X(execveat) X(posix_spawn) X(posix_spawnp) \
	X(system) X(popen)
/* clang-format on */

#define EDU_EXPORT extern "C" __attribute__((visibility("default")))

namespace edu::wrap {

namespace real {
#define EDU_POINTER(name) extern decltype(&::name) name;
EDU_WRAPPED(EDU_POINTER)
#undef EDU_POINTER
} // namespace real

extern settings rules; /* the family is always set */

extern std::atomic<bool> started;
void start_once();

inline void start()
{
	if (!started.load(std::memory_order_acquire)) [[unlikely]]
		start_once();
}

/* Leaves errno as it was, for what is done beside the call that a program made. */
class errno_guard {
public:
	errno_guard() : kept_(*__errno_location()) {}
	~errno_guard() { *__errno_location() = kept_; }
	errno_guard(const errno_guard &) = delete;
	errno_guard &operator=(const errno_guard &) = delete;

private:
	int kept_;
};

} // namespace edu::wrap

#endif /* EDU_WRAP_REAL_HH */
