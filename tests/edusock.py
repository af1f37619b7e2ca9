# SPDX-License-Identifier: GPL-2.0-only
"""Sockets of AF_EDUINET for Python, and namespaces to open them in.

Python's socket module knows nothing of a foreign family's addresses: it can neither pass one to
bind(), connect() or sendto() nor receive one. EduSocket does both and is otherwise an ordinary socket. An address is a tuple ("10.0.0.1", port).
"""

import contextlib
import ctypes
import errno
import os
import select
import socket
import struct
import time

AF_EDUINET = 13
CLONE_NEWNET = 0x40000000

libc = ctypes.CDLL(None, use_errno=True)


MS_BIND, MNT_DETACH = 4096, 2


def check(result, what):
    """What a C library call returned, or its errno as an OSError."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


@contextlib.contextmanager
def in_netns(name):
    """The calling thread is in that namespace (None: stays) until the block ends."""
    if name is None:
        yield
        return
    with open("/proc/thread-self/ns/net", "rb") as home, open(f"/run/netns/{name}", "rb") as there:
        check(libc.setns(there.fileno(), CLONE_NEWNET), f"setns {name}")
        try:
            yield
        finally:
            check(libc.setns(home.fileno(), CLONE_NEWNET), "setns back")


def netns_add(name):
    """A new network namespace under the name that ip-netns(8) gives it."""
    os.makedirs("/run/netns", exist_ok=True)
    path = f"/run/netns/{name}"
    with open(path, "wb"), open("/proc/thread-self/ns/net", "rb") as home:
        check(libc.unshare(CLONE_NEWNET), "unshare")
        try:
            check(libc.mount(b"/proc/thread-self/ns/net", path.encode(), b"none", MS_BIND, None), "mount")
        finally:
            check(libc.setns(home.fileno(), CLONE_NEWNET), "setns back")


def netns_del(name):
    """The name goes; the namespace itself when nothing uses it any more."""
    path = f"/run/netns/{name}"
    check(libc.umount2(path.encode(), MNT_DETACH), f"umount {path}")
    os.unlink(path)


def pack(address, family=AF_EDUINET):
    """A struct sockaddr_edu (16 octets) from ("10.0.0.1", port); octets pass unchanged."""
    if isinstance(address, bytes):
        return address
    host, port = address
    return struct.pack("=H", family) + struct.pack("!H4s8x", port, socket.inet_aton(host))


def unpack(raw, expected=AF_EDUINET):
    """("10.0.0.1", port) from a struct sockaddr_edu; None from no octets at all."""
    if not raw:
        return None
    family, port, host = struct.unpack_from("=H2s4s", raw)
    assert family == expected, raw
    return socket.inet_ntoa(host), int.from_bytes(port, "big")


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.POINTER(Iovec)),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_char_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


def cmsg(level, kind, data):
    """One control message, padded."""
    raw = struct.pack("=Qii", 16 + len(data), level, kind) + data
    return raw + bytes(-len(raw) % 8)


def cmsgs(raw):
    """[(level, type, data)] of a control buffer."""
    found = []
    while len(raw) >= 16:
        size, level, kind = struct.unpack_from("=Qii", raw)
        found.append((level, kind, raw[16:size]))
        raw = raw[(size + 7) & ~7 :]
    return found


class EduSocket(socket.socket):
    """An AF_EDUINET (or `af`) socket in a namespace. Whatever has to do with addresses, and receiving, is
    done past Python, which has no address of this family and mixes its own timeouts into errnos."""

    def __init__(self, kind=socket.SOCK_DGRAM, protocol=0, netns=None, af=AF_EDUINET):
        with in_netns(netns):
            super().__init__(af, kind, protocol)
        self.af = af
        # Where the sockets that accept_one() makes are entered, for whoever deletes the namespace.
        self.kept = []
        self.settimeout(10)

    def _call(self, event, flags, function):
        """function(flags) of the C library, which waits no longer than settimeout() allows."""
        at_once = flags & (socket.MSG_DONTWAIT | socket.MSG_ERRQUEUE)
        timeout = self.gettimeout()
        if at_once or timeout is None or timeout == 0:
            return check(function(flags), "socket")
        poll = select.poll()
        poll.register(self.fileno(), event)
        deadline = time.monotonic() + timeout
        while True:
            if not poll.poll(max(0, deadline - time.monotonic()) * 1000):
                raise TimeoutError("timed out")
            got = function(flags | socket.MSG_DONTWAIT)
            if got >= 0 or ctypes.get_errno() != errno.EAGAIN:
                return check(got, "socket")

    def bind(self, address):
        raw = pack(address, self.af)
        check(libc.bind(self.fileno(), raw, len(raw)), "bind")

    def connect(self, address):
        raw = pack(address, self.af)
        got = libc.connect(self.fileno(), raw, len(raw))
        if got < 0 and ctypes.get_errno() == errno.EINPROGRESS and self.gettimeout():
            # Python's timeouts make the descriptor one that does not wait.
            poll = select.poll()
            poll.register(self.fileno(), select.POLLOUT)
            if not poll.poll(self.gettimeout() * 1000):
                raise TimeoutError("timed out")
            number = self.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                raise OSError(number, f"connect: {os.strerror(number)}")
            return
        check(got, "connect")

    def accept_one(self):
        """The next connection, waited for as long as settimeout() allows."""
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        if not poll.poll(self.gettimeout() * 1000):
            raise TimeoutError("nobody to accept")
        child = EduSocket.__new__(EduSocket)
        socket.socket.__init__(child, fileno=check(libc.accept(self.fileno(), None, None), "accept"))
        child.af, child.kept = self.af, self.kept
        child.settimeout(self.gettimeout())
        self.kept.append(child)
        return child

    def disconnect(self):
        raw = struct.pack("=H14x", socket.AF_UNSPEC)
        check(libc.connect(self.fileno(), raw, len(raw)), "disconnect")

    def send(self, data, flags=0):
        return check(libc.send(self.fileno(), data, len(data), flags), "send")

    def sendto(self, data, *rest):
        flags, address = (0, rest[0]) if len(rest) == 1 else rest
        raw = pack(address, self.af)
        return check(libc.sendto(self.fileno(), data, len(data), flags, raw, len(raw)), "sendto")

    def send_with(self, data, address=None, control=(), flags=0):
        """sendmsg() to an address (None: the connected one) with control messages."""
        raw = pack(address, self.af) if address is not None else None
        buffer = b"".join(cmsg(*one) for one in control)
        iov = Iovec(data, len(data))
        message = Msghdr(raw, len(raw) if raw else 0, ctypes.pointer(iov), 1, buffer or None, len(buffer), 0)
        return check(libc.sendmsg(self.fileno(), ctypes.byref(message), flags), "sendmsg")

    def recv(self, size, flags=0):
        return self.recvmsg(size, 0, flags)[0]

    def recvfrom(self, size, flags=0):
        data, _, _, address = self.recvmsg(size, 0, flags)
        return data, address

    def recvmsg(self, size, ancillary=0, flags=0):
        """(data, control messages, flags, address)"""
        data = ctypes.create_string_buffer(max(size, 1))
        name = ctypes.create_string_buffer(128)
        control = ctypes.create_string_buffer(max(ancillary, 1))
        iov = Iovec(ctypes.cast(data, ctypes.c_char_p), size)
        message = Msghdr(
            ctypes.cast(name, ctypes.c_char_p), 128, ctypes.pointer(iov), 1,
            ctypes.cast(control, ctypes.c_char_p), ancillary, 0,
        )
        got = self._call(
            select.POLLIN, flags, lambda how: libc.recvmsg(self.fileno(), ctypes.byref(message), how)
        )
        return (
            data.raw[: min(got, size)], cmsgs(control.raw[: message.controllen]), message.flags,
            unpack(name.raw[: message.namelen], self.af),
        )

    def _name(self, function):
        raw = ctypes.create_string_buffer(128)
        size = ctypes.c_uint32(128)
        check(function(self.fileno(), raw, ctypes.byref(size)), "name")
        return unpack(raw.raw[: size.value], self.af)

    def getsockname(self):
        return self._name(libc.getsockname)

    def getpeername(self):
        return self._name(libc.getpeername)

    def getsockopt_raw(self, level, name, size=4):
        """The octets of an option, as many as the kernel says there are."""
        value = ctypes.create_string_buffer(max(size, 1))
        length = ctypes.c_uint32(size)
        check(libc.getsockopt(self.fileno(), level, name, value, ctypes.byref(length)), "getsockopt")
        return value.raw[: length.value]


IP_TOS, IP_TTL, IP_HDRINCL, IP_OPTIONS, IP_RECVOPTS, IP_RETOPTS, IP_PKTINFO = 1, 2, 3, 4, 6, 7, 8
IP_MTU_DISCOVER, IP_RECVERR, IP_RECVTTL, IP_RECVTOS, IP_MTU, IP_FREEBIND = 10, 11, 12, 13, 14, 15
IP_TRANSPARENT, IP_RECVORIGDSTADDR, IP_MINTTL, IP_BIND_ADDRESS_NO_PORT, IP_UNICAST_IF = 19, 20, 21, 24, 50


def pktinfo(index=0, source="0.0.0.0"):
    """A struct in_pktinfo."""
    return struct.pack("=i4s4s", index, socket.inet_aton(source), bytes(4))


def find_cmsg(control, kind, level=socket.SOL_IP):
    """The data of that control message."""
    for got_level, got_kind, data in control:
        if (got_level, got_kind) == (level, kind):
            return data
    raise AssertionError(f"no control message {level}/{kind} in {control}")


def abort(sock):
    """Closes it so that a connection ends at once, by a reset."""
    if sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
    sock.close()


def linux_socket(kind=socket.SOCK_DGRAM, protocol=0, netns=None):
    """The same for Linux's own stack: the other end of most tests."""
    with in_netns(netns):
        sock = socket.socket(socket.AF_INET, kind, protocol)
    sock.settimeout(10)
    return sock
