// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time this thread has been running: what others do on the machine does not count, but for the
 * caches they share with it.
 */
#pragma once

#include <ctime>

struct cpu_clock {
	/* Nanoseconds. */
	static double now()
	{
		timespec time{};

		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
		return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
	}
	static double ns_since(double start) { return now() - start; }
};
