// SPDX-License-Identifier: GPL-2.0-only
/*
 * fib_bench's part of a home: see fib_home.cc.
 *
 * Locking: the atomics are for both threads, the functions for the writer's.
 */
#pragma once

#include <atomic>
#include <cstddef>

namespace fib_home {

/* The reader counts a turn whenever it holds nothing it has looked up. */
extern std::atomic<unsigned long> reader_turns;
/* There is a reader in another thread. */
extern std::atomic<bool> reading;

/* Octets of memory the core holds, in the sizes of kmalloc. */
std::size_t octets_in_use();

/* Waits for the reader and frees what RCU was given. */
void grace_period();
/* The same, once in a while. */
void maybe_grace_period();

} // namespace fib_home
