# SPDX-License-Identifier: GPL-2.0-only
"""The same call in each state of a connection, on AF_INET and on AF_EDUINET: what it returns, what poll() and
TCP_INFO say then, and what goes out (tcp(7), socket(7), poll(2); TCP-6, TCP-8, BSD-6, INET-8, INET-11).

Both stacks speak to the same crafted peer, which does only what the state asks for. What differs on purpose
is in DIFFERENT, with its reason."""

import ctypes
import os
import socket
import struct

import pytest
from conftest import Lab
from edusock import libc
from tcp_sides import STATES, Connection, number_of, two_sides

NOWAIT = socket.MSG_DONTWAIT

# (state, or "": any; the start of a call's name): why it differs.
DIFFERENT = {
    ("", "TCP_SYNCNT"): "RFC 9293 MUST-23: three minutes at least, one SYN more than Linux",
    ("", "set REUSEPORT"): "Documentation/socket-abi.rst: what later releases of 6.1 grant to AF_INET alone",
    ("", "connect to another family"): "a security module (SELinux) looks at AF_INET's addresses first",
    ("", "TCP_MAXSEG"): "Linux: what a segment with timestamps could have carried, or of the connection before",
    ("refused", "SIOCOUTQ"): "Linux counts what is no longer queued",
    ("refused_and_told", "SIOCOUTQ"): "the same",
    ("refused_and_asked_again", "SIOCOUTQ"): "the same",
    ("disconnected", "SIOCOUTQ"): "the same",
    ("syn_received", "TCP_WINDOW_CLAMP"): "Linux knows only later that the peer does not scale windows",
    ("syn_received", "shutdown"): "RFC 9293 3.10.4: FIN-WAIT-1 at once. The FIN leaves when the SYN is acknowledged",
    ("syn_received", "close"): "the same",
}


# Calls


def looks(c):
    """What changes nothing, all on one socket; the pending error last."""
    address = lambda call: number_of(call(c.fd, ctypes.create_string_buffer(16), ctypes.byref(ctypes.c_uint32(16))))
    yield "state", c.state()
    yield "poll", c.events()
    for label, request in (("FIONREAD", 0x541B), ("SIOCOUTQ", 0x5411), ("SIOCATMARK", 0x8905), ("SIOCOUTQNSD", 0x894B)):
        yield label, c.ioctl(request)
    yield "getpeername", address(libc.getpeername)
    yield "getsockname", address(libc.getsockname)
    for label, name in (("NODELAY", 1), ("MAXSEG", 2), ("CORK", 3), ("KEEPIDLE", 4), ("KEEPINTVL", 5), ("KEEPCNT", 6),
                        ("SYNCNT", 7), ("LINGER2", 8), ("DEFER_ACCEPT", 9), ("WINDOW_CLAMP", 10), ("USER_TIMEOUT", 18),
                        ("NOTSENT_LOWAT", 25)):
        yield f"TCP_{label}", c.get(6, name)
    yield "IP_MTU", c.get(0, 14)
    yield "SO_ACCEPTCONN", c.get(1, 30)
    yield "SO_ERROR", c.get(1, 4)
    yield "SO_ERROR again", c.get(1, 4)
    yield "poll then", c.events()


def recv(size, flags=0):
    def call(c):
        buffer = ctypes.create_string_buffer(max(size, 1))
        got = libc.recv(c.fd, buffer, size, flags | NOWAIT)
        return number_of(got, lambda got: buffer.raw[:got])

    return call


def send(data, flags=0):
    return lambda c: number_of(libc.send(c.fd, data, len(data), flags | NOWAIT | socket.MSG_NOSIGNAL))


def sets(level, name, value):
    return lambda c: c.set(level, name, value)


def call(function, *arguments):
    return lambda c: number_of(function(c.fd, *arguments))


def accept(c):
    fd = libc.accept(c.fd, None, None)
    if fd >= 0:
        os.close(fd)
    return number_of(fd, bool)


def close(c):
    c.sock.close()
    return 0


def sendto(c):
    name = c.name(9)
    return number_of(libc.sendto(c.fd, b"abc", 3, NOWAIT | socket.MSG_NOSIGNAL, name, 16))


CALLS = {
    "shutdown 0": call(libc.shutdown, 0),
    "shutdown 1": call(libc.shutdown, 1),
    "shutdown 2": call(libc.shutdown, 2),
    "shutdown 3": call(libc.shutdown, 3),
    "close": close,
    "recv": recv(10),
    "recv nothing": recv(0),
    "recv peek": recv(10, socket.MSG_PEEK),
    "recv urgent": recv(1, socket.MSG_OOB),
    "recv urgent peek": recv(1, socket.MSG_OOB | socket.MSG_PEEK),
    "recv all": recv(10, socket.MSG_WAITALL),
    "recv trunc": lambda c: number_of(libc.recv(c.fd, None, 10, socket.MSG_TRUNC | NOWAIT)),
    "recv errqueue": recv(10, socket.MSG_ERRQUEUE),
    "send": send(b"abc"),
    "send nothing": send(b""),
    "send urgent": send(b"abc", socket.MSG_OOB),
    "send more": send(b"abc", socket.MSG_MORE),
    "sendto": sendto,
    "listen": call(libc.listen, 1),
    "accept": accept,
    "bind": lambda c: number_of(libc.bind(c.fd, c.own(), 16)),
    "connect": lambda c: number_of(libc.connect(c.fd, c.name(), 16)),
    "connect to nobody": lambda c: number_of(libc.connect(c.fd, struct.pack("=H14x", 0), 16)),
    "connect to another family": lambda c: number_of(libc.connect(c.fd, struct.pack("=H14x", 10), 16)),
    "set NODELAY": sets(6, 1, 1),
    "set MAXSEG": sets(6, 2, 1000),
    "set CORK": sets(6, 3, 1),
    "set KEEPIDLE": sets(6, 4, 10),
    "set SYNCNT": sets(6, 7, 3),
    "set LINGER2": sets(6, 8, 5),
    "set DEFER_ACCEPT": sets(6, 9, 3),
    "set WINDOW_CLAMP 0": sets(6, 10, 0),
    "set WINDOW_CLAMP": sets(6, 10, 5000),
    "set QUICKACK": sets(6, 12, 1),
    "set CONGESTION": sets(6, 13, b"reno"),
    "set USER_TIMEOUT": sets(6, 18, 5000),
    "set KEEPALIVE": sets(1, 9, 1),
    "set RCVLOWAT": sets(1, 18, 3),
    "set RCVLOWAT more": sets(1, 18, 100),
    "set OOBINLINE": sets(1, 10, 1),
    "set REUSEADDR": sets(1, 2, 1),
    "set REUSEPORT": sets(1, 15, 1),
    "set RCVBUF": sets(1, 8, 20000),
    "set FREEBIND": sets(0, 15, 1),
}


@pytest.fixture(scope="module")
def sides():
    lab = Lab()
    yield two_sides(lab)
    lab.delete()


def told_by(side, state):
    """{call: what came of it} in that state."""
    found = {}
    c = Connection(side)
    state(c)
    found.update(looks(c))
    c.close()
    for label, function in CALLS.items():
        c = Connection(side)
        state(c)
        c.forget_what_was_sent()
        got = function(c)
        out = c.sent()
        after = (c.state(), c.events()) if c.sock.fileno() >= 0 else None
        found[label] = (got, out, after)
        c.close()
    return found


@pytest.mark.patient
@pytest.mark.req("TCP-6", "TCP-8", "BSD-6", "INET-8", "INET-11")
@pytest.mark.parametrize("state", STATES, ids=[state.__name__ for state in STATES])
def test_every_call_in_every_state(sides, state):
    linux, edu = told_by(sides.linux, state), told_by(sides.edu, state)
    allowed = [label for (where, label) in DIFFERENT if where in ("", state.__name__)]
    text = [
        f"{label}: Linux {wanted}, ours {edu[label]}"
        for label, wanted in linux.items()
        if edu[label] != wanted and not any(label.startswith(one) for one in allowed)
    ]
    assert not text, "\n".join(text)
