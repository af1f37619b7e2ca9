# SPDX-License-Identifier: GPL-2.0-only
# The files that make the process home: of the tests, of the fuzz targets, of fib_bench.
set(HOSTED_HOME chance.cc memory.cc lock.cc sched.cc skb.cc segment.cc tree.cc device.cc sock.cc
    stream.cc message.cc net.cc test_bridge.cc network.cc)
