# SPDX-License-Identifier: GPL-2.0-only
"""io_uring by its system calls, as much of it as tests of sockets need: one operation at a time."""

import ctypes
import errno
import mmap
import os
import struct

from edusock import check, libc

SETUP, ENTER, GETEVENTS = 425, 426, 1
SQ_RING, CQ_RING, SQES = 0, 0x8000000, 0x10000000
SENDMSG, RECVMSG, ACCEPT, CONNECT, SEND, RECV, SHUTDOWN, SOCKET = 9, 10, 13, 16, 26, 27, 34, 45


def address_of(buffer):
    return ctypes.addressof(buffer)


class Ring:
    """A ring of eight. An operation is begun, and ends some time later with a result."""

    def __init__(self):
        params = ctypes.create_string_buffer(120)
        self.fd = check(libc.syscall(SETUP, 8, params), "io_uring_setup")
        words = struct.unpack_from("=30I", params.raw)
        self.entries, completions = words[0:2]
        # struct io_sqring_offsets and io_cqring_offsets: head, tail, ring_mask, …
        self.sq_tail, self.sq_mask, self.sq_array = words[11], words[12], words[16]
        self.cq_head, self.cq_tail, self.cq_mask, self.cqes = words[20], words[21], words[22], words[25]
        self.sq = mmap.mmap(self.fd, self.sq_array + 4 * self.entries, offset=SQ_RING)
        self.cq = mmap.mmap(self.fd, self.cqes + 16 * completions, offset=CQ_RING)
        self.requests = mmap.mmap(self.fd, 64 * self.entries, offset=SQES)

    def close(self):
        for ring in (self.sq, self.cq, self.requests):
            ring.close()
        os.close(self.fd)

    def begin(self, operation, fd, buffer=0, size=0, offset=0, flags=0, mark=1):
        """buffer: a ctypes object, which must live until the end, or a number."""
        where = buffer if isinstance(buffer, int) else ctypes.addressof(buffer)
        tail, = struct.unpack_from("=I", self.sq, self.sq_tail)
        index = tail & struct.unpack_from("=I", self.sq, self.sq_mask)[0]
        struct.pack_into("=BBHiQQIIQ24x", self.requests, 64 * index, operation, 0, 0, fd, offset, where, size, flags, mark)
        struct.pack_into("=I", self.sq, self.sq_array + 4 * index, index)
        struct.pack_into("=I", self.sq, self.sq_tail, (tail + 1) & 0xFFFFFFFF)
        assert check(libc.syscall(ENTER, self.fd, 1, 0, 0, None, 0), "io_uring_enter") == 1

    def ended(self):
        """What has ended: (mark, result), or None."""
        head, = struct.unpack_from("=I", self.cq, self.cq_head)
        if head == struct.unpack_from("=I", self.cq, self.cq_tail)[0]:
            return None
        index = head & struct.unpack_from("=I", self.cq, self.cq_mask)[0]
        mark, result = struct.unpack_from("=Qi", self.cq, self.cqes + 16 * index)
        struct.pack_into("=I", self.cq, self.cq_head, (head + 1) & 0xFFFFFFFF)
        return mark, result

    def end(self):
        """Waits for the next end: (mark, result); a result below zero is an errno."""
        while not (told := self.ended()):
            if libc.syscall(ENTER, self.fd, 0, 1, GETEVENTS, None, 0) < 0 and ctypes.get_errno() != errno.EINTR:
                check(-1, "io_uring_enter")
        return told

    def do(self, *words, **more):
        """The operation's result, at its end."""
        self.begin(*words, **more)
        return self.end()[1]
