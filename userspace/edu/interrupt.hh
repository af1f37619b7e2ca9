/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * SIGINT, SIGTERM and SIGHUP as something to wait for, so that an interrupt ends a loop and not the process.
 *
 * Locking: none, the tool has one thread.
 */
#ifndef EDU_INTERRUPT_HH
#define EDU_INTERRUPT_HH

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace edu {

class interrupt {
public:
	interrupt()
	{
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGINT);
		sigaddset(&set, SIGTERM);
		sigaddset(&set, SIGHUP);
		sigprocmask(SIG_BLOCK, &set, nullptr);
		fd_ = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	}

	~interrupt() { close(fd_); }
	interrupt(const interrupt &) = delete;
	interrupt &operator=(const interrupt &) = delete;

	int fd() const { return fd_; } /* readable: somebody wants an end */

private:
	int fd_;
};

} // namespace edu

#endif /* EDU_INTERRUPT_HH */
