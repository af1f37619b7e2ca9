# SPDX-License-Identifier: GPL-2.0-only
"""Sockets as files (BSD-5): signals, shared descriptors, descriptors that travel, epoll and io_uring. Ours at
one end of a cable, Linux's at the other."""

import array
import contextlib
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import struct

import pytest
import uring
from conftest import PATIENCE, errno_of, in_child, wait_for
from edusock import EduSocket, Iovec, Msghdr, check, libc, pack, unpack

PORT = 7000
STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
F_SETSIG = 10
POLL_IN = 1  # si_code

both_kinds = pytest.mark.parametrize("kind", [STREAM, DGRAM], ids=["tcp", "udp"])


def as_edu(fd):
    """A socket of ours by its number."""
    made = EduSocket.__new__(EduSocket)
    socket.socket.__init__(made, fileno=fd)
    made.af = 13
    made.settimeout(PATIENCE)
    return made


@pytest.fixture
def ends(pair, kind):
    """(ours, theirs), connected, without timeouts of Python's: they would change the descriptor's flags."""
    if kind == STREAM:
        listener = pair.b.linux_socket(STREAM, bind=("10.0.0.2", PORT))
        listener.listen()
        ours = pair.a.socket(STREAM)
        ours.connect(("10.0.0.2", PORT))
        theirs = listener.accept()[0]
        pair.b.sockets.append(theirs)
    else:
        ours = pair.a.socket(bind=("10.0.0.1", PORT))
        theirs = pair.b.linux_socket(bind=("10.0.0.2", PORT))
        ours.connect(("10.0.0.2", PORT))
        theirs.connect(("10.0.0.1", PORT))
    theirs.settimeout(PATIENCE)
    ours.setblocking(True)
    return ours, theirs


@contextlib.contextmanager
def held(sock, number):
    """The socket is ours, and its signals wait for sigtimedwait(). Afterwards it sends none."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [number])
    fcntl.fcntl(sock, fcntl.F_SETOWN, os.getpid())
    try:
        yield
    finally:
        fcntl.fcntl(sock, fcntl.F_SETFL, fcntl.fcntl(sock, fcntl.F_GETFL) & ~os.O_ASYNC)
        fcntl.fcntl(sock, fcntl.F_SETOWN, 0)
        while signal.sigtimedwait([number], 0):
            pass
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])


def set_flags(fd, flags):
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | flags)


# Signals


@pytest.mark.req("BSD-5", "BSD-7")
@both_kinds
def test_sigio_when_data_arrives(ends, kind):
    ours, theirs = ends
    with held(ours, signal.SIGIO):
        assert fcntl.fcntl(ours, fcntl.F_GETOWN) == os.getpid()
        set_flags(ours, os.O_ASYNC)
        assert not signal.sigtimedwait([signal.SIGIO], 0)
        theirs.send(b"x")
        assert signal.sigtimedwait([signal.SIGIO], PATIENCE)
        assert ours.recv(10, socket.MSG_DONTWAIT) == b"x"
        fcntl.fcntl(ours, fcntl.F_SETFL, fcntl.fcntl(ours, fcntl.F_GETFL) & ~os.O_ASYNC)
        while signal.sigtimedwait([signal.SIGIO], 0):
            pass
        theirs.send(b"y")
        assert ours.recv(10) == b"y"
        assert not signal.sigtimedwait([signal.SIGIO], 0)


@pytest.mark.req("BSD-5")
@both_kinds
def test_a_signal_of_choice_says_what_can_be_done(ends, kind):
    """F_SETSIG: the siginfo tells that it is input."""
    ours, theirs = ends
    number = signal.SIGRTMIN + 3
    with held(ours, number):
        fcntl.fcntl(ours, F_SETSIG, number)
        set_flags(ours, os.O_ASYNC)
        theirs.send(b"x")
        info = signal.sigtimedwait([number], PATIENCE)
        assert info and info.si_code == POLL_IN and info.si_band & select.POLLIN, info


@pytest.mark.req("BSD-5")
def test_a_listener_signals_a_connection(pair):
    listener = pair.a.socket(STREAM, bind=("10.0.0.1", PORT))
    listener.listen()
    with held(listener, signal.SIGIO):
        set_flags(listener, os.O_ASYNC)
        pair.b.linux_socket(STREAM).connect(("10.0.0.1", PORT))
        assert signal.sigtimedwait([signal.SIGIO], PATIENCE)
        os.close(check(libc.accept(listener.fileno(), None, None), "accept"))


@pytest.mark.req("BSD-5")
@pytest.mark.parametrize("kind", [STREAM], ids=["tcp"])
def test_sigurg_when_urgent_data_arrives(ends, kind):
    """To the owner, without O_ASYNC."""
    ours, theirs = ends
    with held(ours, signal.SIGURG):
        theirs.send(b"!", socket.MSG_OOB)
        assert signal.sigtimedwait([signal.SIGURG], PATIENCE)
        assert ours.recv(1, socket.MSG_OOB | socket.MSG_DONTWAIT) == b"!"


# One socket, several descriptors


@pytest.mark.req("BSD-5")
@both_kinds
def test_dup_shares_the_socket_and_its_flags(ends, kind):
    ours, theirs = ends
    numbers = [os.dup(ours.fileno()), os.dup2(ours.fileno(), 900), fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 901)]
    assert len({os.fstat(number).st_ino for number in [ours.fileno(), *numbers]}) == 1
    assert fcntl.fcntl(numbers[2], fcntl.F_GETFD) & fcntl.FD_CLOEXEC
    os.set_blocking(numbers[0], False)
    assert errno_of(os.read, ours.fileno(), 1) == errno.EAGAIN
    os.set_blocking(ours.fileno(), True)
    assert os.get_blocking(numbers[1])
    ours.close()
    for number, word in zip(numbers, (b"one", b"two", b"three")):
        os.write(number, word)
        assert theirs.recv(10) == word
    for number in numbers[:2]:
        os.close(number)
    theirs.send(b"back")
    assert os.read(numbers[2], 10) == b"back"
    if kind == STREAM:
        assert not select.select([theirs], [], [], 0)[0]
        os.close(numbers[2])
        assert theirs.recv(1) == b"", "the last descriptor closes the connection"
    else:
        os.close(numbers[2])


@pytest.mark.req("BSD-5")
@both_kinds
def test_fork_shares_the_socket(ends, kind):
    """What the child does to it the parent sees; the child's end does not close it."""
    ours, theirs = ends

    def child():
        ours.send(b"from the child")
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, 4)
        os.set_blocking(ours.fileno(), False)

    assert in_child(child) == 0
    assert theirs.recv(100) == b"from the child"
    assert ours.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY) == 4
    assert not os.get_blocking(ours.fileno())
    ours.send(b"from the parent")
    assert theirs.recv(100) == b"from the parent"


@pytest.mark.req("BSD-5")
@both_kinds
def test_a_descriptor_travels_over_a_unix_socket(ends, kind):
    """Nobody has it open meanwhile, and it stays connected; another process uses it then."""
    ours, theirs = ends
    here, there = socket.socketpair()
    socket.send_fds(here, [b"x"], [ours.fileno()])
    name = ours.getsockname()
    ours.close()
    theirs.send(b"while it travels")

    def child():
        _, (number,), _, _ = socket.recv_fds(there, 1, 1)
        arrived = as_edu(number)
        assert arrived.getsockname() == name and arrived.getpeername() == ("10.0.0.2", PORT)
        assert arrived.recv(100) == b"while it travels"
        arrived.send(b"arrived")

    assert in_child(child) == 0
    assert theirs.recv(100) == b"arrived"
    here.close()
    there.close()


@pytest.mark.req("BSD-5")
@pytest.mark.parametrize("kind", [STREAM], ids=["tcp"])
def test_a_descriptor_that_never_arrives_is_closed(ends, kind):
    ours, theirs = ends
    here, there = socket.socketpair()
    here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [ours.fileno()]))])
    ours.close()
    assert not select.select([theirs], [], [], 0)[0]
    here.close()
    there.close()
    assert theirs.recv(1) == b""


# epoll


@pytest.mark.req("BSD-5")
@both_kinds
def test_epoll_tells_a_level_or_an_edge(ends, kind):
    ours, theirs = ends
    with select.epoll() as level, select.epoll() as edge, select.epoll() as once:
        level.register(ours, select.EPOLLIN)
        edge.register(ours, select.EPOLLIN | select.EPOLLET)
        once.register(ours, select.EPOLLIN | select.EPOLLONESHOT)
        for one in (level, edge, once):
            assert one.poll(0) == []
        told = [(ours.fileno(), select.EPOLLIN)]
        for turn in range(2):
            theirs.send(b"ab")
            assert level.poll(PATIENCE) == told and level.poll(0) == told
            assert edge.poll(PATIENCE) == told and edge.poll(0) == []
            assert once.poll(PATIENCE if not turn else 0) == ([] if turn else told)
        once.modify(ours, select.EPOLLIN | select.EPOLLONESHOT)
        assert once.poll(0) == told
        assert ours.recv(2) == b"ab"
        assert level.poll(0) == told, "there is more"
        assert ours.recv(2) == b"ab"
        assert level.poll(0) == [] and edge.poll(0) == []
    with select.epoll() as writing:
        writing.register(ours, select.EPOLLOUT | select.EPOLLET)
        assert writing.poll(PATIENCE) == [(ours.fileno(), select.EPOLLOUT)] and writing.poll(0) == []


@pytest.mark.req("BSD-5")
@pytest.mark.parametrize("kind", [STREAM], ids=["tcp"])
def test_epoll_tells_room_for_writing_again(ends, kind):
    ours, theirs = ends
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 20000)
    os.set_blocking(ours.fileno(), False)
    with select.epoll() as level, select.epoll() as edge:
        level.register(ours, select.EPOLLOUT)
        edge.register(ours, select.EPOLLOUT | select.EPOLLET)
        assert level.poll(0) == edge.poll(0) == [(ours.fileno(), select.EPOLLOUT)]

        def full():
            while not errno_of(ours.send, bytes(10000)):
                pass
            return level.poll(0) == []

        wait_for(full, "a buffer that stays full")
        edge.poll(0)
        reader = os.fork()
        if not reader:  # it reads until nothing comes
            with contextlib.suppress(OSError):
                while theirs.recv(1 << 16):
                    pass
            os._exit(0)
        try:
            assert level.poll(PATIENCE) == edge.poll(PATIENCE) == [(ours.fileno(), select.EPOLLOUT)]
        finally:
            os.kill(reader, signal.SIGKILL)
            os.waitpid(reader, 0)


# io_uring


@pytest.fixture
def ring():
    made = uring.Ring()
    yield made
    made.close()


@pytest.mark.req("BSD-5")
@both_kinds
def test_io_uring_sends_and_receives(ends, kind, ring):
    ours, theirs = ends
    data = ctypes.create_string_buffer(b"words")
    assert ring.do(uring.SEND, ours.fileno(), data, 5) == 5
    assert theirs.recv(10) == b"words"
    room = ctypes.create_string_buffer(100)
    ring.begin(uring.RECV, ours.fileno(), room, 100)  # there is nothing yet
    assert ring.ended() is None
    theirs.send(b"an answer")
    assert ring.end() == (1, 9) and room.raw[:9] == b"an answer"
    theirs.send(b"and more")
    wait_for(lambda: select.select([ours], [], [], 0)[0], "data")
    assert ring.do(uring.RECV, ours.fileno(), room, 100) == 8 and room.raw[:8] == b"and more"
    assert ring.do(uring.RECV, ours.fileno(), room, 100, flags=socket.MSG_DONTWAIT) == -errno.EAGAIN
    if kind == STREAM:
        ring.begin(uring.RECV, ours.fileno(), room, 100)
        theirs.close()
        assert ring.end() == (1, 0)


@pytest.mark.req("BSD-5")
@pytest.mark.parametrize("kind", [DGRAM], ids=["udp"])
def test_io_uring_knows_addresses(ends, kind, ring):
    ours, theirs = ends
    ours.disconnect()
    data, room = ctypes.create_string_buffer(b"words"), ctypes.create_string_buffer(100)
    name = ctypes.create_string_buffer(pack(("10.0.0.2", PORT)), 128)

    def message(octets, size, name_size):
        iov = Iovec(ctypes.cast(octets, ctypes.c_char_p), size)
        made = Msghdr(ctypes.cast(name, ctypes.c_char_p), name_size, ctypes.pointer(iov), 1, None, 0, 0)
        made.keep = iov
        return made

    out = message(data, 5, 16)
    assert ring.do(uring.SENDMSG, ours.fileno(), out, 1) == 5
    assert theirs.recv(10) == b"words"
    into = message(room, 100, 128)
    name[:16] = bytes(16)
    ring.begin(uring.RECVMSG, ours.fileno(), into, 1)
    theirs.send(b"back")
    assert ring.end() == (1, 4) and room.raw[:4] == b"back"
    assert unpack(name.raw[: into.namelen]) == ("10.0.0.2", PORT)


@pytest.mark.req("BSD-5", "BSD-6")
def test_io_uring_accepts_and_connects(pair, ring):
    listener = pair.a.socket(STREAM, bind=("10.0.0.1", PORT))
    listener.listen()
    listener.setblocking(True)
    name, size = ctypes.create_string_buffer(128), ctypes.c_uint32(128)
    ring.begin(uring.ACCEPT, listener.fileno(), name, offset=uring.address_of(size))
    assert ring.ended() is None
    caller = pair.b.linux_socket(STREAM)
    caller.connect(("10.0.0.1", PORT))
    _, number = ring.end()
    assert number >= 0, os.strerror(-number)
    assert unpack(name.raw[: size.value]) == caller.getsockname()
    child = as_edu(number)
    child.send(b"welcome")
    assert caller.recv(10) == b"welcome"
    child.close()

    theirs = pair.b.linux_socket(STREAM, bind=("10.0.0.2", PORT))
    theirs.listen()
    ours = pair.a.socket(STREAM)
    ours.setblocking(True)
    to = ctypes.create_string_buffer(pack(("10.0.0.2", PORT)), 16)
    assert ring.do(uring.CONNECT, ours.fileno(), to, offset=16) == 0
    there, peer = theirs.accept()
    assert peer == ours.getsockname()
    assert ring.do(uring.SHUTDOWN, ours.fileno(), size=socket.SHUT_WR) == 0
    assert there.recv(1) == b""
    there.close()
    nobody = pair.a.socket(STREAM)
    nobody.setblocking(True)
    to = ctypes.create_string_buffer(pack(("10.0.0.2", PORT + 1)), 16)
    assert ring.do(uring.CONNECT, nobody.fileno(), to, offset=16) == -errno.ECONNREFUSED


@pytest.mark.req("BSD-5")
@both_kinds
def test_io_uring_makes_a_socket(pair, kind, ring):
    """In the namespace of the thread that asks."""
    number = ring.do(uring.SOCKET, 13, offset=kind)
    assert number >= 0, os.strerror(-number)
    made = as_edu(number)
    assert struct.unpack("=i", made.getsockopt_raw(socket.SOL_SOCKET, 39)) == (13,)
    made.close()


@pytest.mark.req("BSD-5")
@both_kinds
def test_a_ring_that_goes_takes_what_waits_with_it(ends, kind):
    """And the socket goes on."""
    ours, theirs = ends
    made = uring.Ring()
    room = ctypes.create_string_buffer(100)
    made.begin(uring.RECV, ours.fileno(), room, 100)
    made.close()
    ours.send(b"x")
    assert theirs.recv(1) == b"x"
