# SPDX-License-Identifier: GPL-2.0-only
"""Streams while memory runs out, Linux's TCP at the other end (LAYER-3, TCP-12): each allocation of a call
fails once, or any allocation that must not wait may. A call says what it could not have, or what it carries
arrives to the octet; connections beside it do not notice. That nothing leaks is for kmemleak and rmmod.

Only a kernel that fails on demand runs this: the sanitizer kernel."""

import ctypes
import errno
import hashlib
import itertools
import os
import select
import socket
import struct

import pytest
from conftest import PATIENCE, wait_for
from edusock import AF_EDUINET, EduSocket, in_netns, libc, pack
from faults import REFUSALS, atomic_failures, every_failure
from test_tcp import accept, connection, digest_transfer, hurry, impair, pattern, receive_all

STREAM = socket.SOCK_STREAM
PORT = 7300
NOWAIT = socket.MSG_DONTWAIT

pytestmark = pytest.mark.usefixtures("failing")


@pytest.fixture
def bystander(pair):
    """A function that says a few words each way on a connection that no failure is meant for."""
    ours, theirs = connection(pair, True, PORT + 99)
    words = itertools.count()

    def speaks():
        for one, other in ((ours, theirs), (theirs, ours)):
            said = b"%d" % next(words)
            one.send(said)
            assert other.recv(100) == said

    speaks()
    yield speaks
    speaks()


def listening(make, address, backlog=64):
    made = make(STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, PORT))
    made.listen(backlog)
    return made


def pick_up(theirs, left, into):
    """What has come to the far end so far, at least so many octets."""
    while left > 0:
        part = theirs.recv(1 << 18)
        assert part, "the stream has ended"
        into.update(part)
        left -= len(part)


@pytest.mark.req("BSD-4", "INET-2", "TCP-9")
def test_opening_and_listening(pair, failing, bystander):
    with in_netns(pair.a.name):
        every_failure(failing, lambda: libc.socket(AF_EDUINET, STREAM, 0), os.close)
    # One for each call: one that is bound already, whatever failed, is not bound again.
    fresh = iter([pair.a.socket(STREAM) for _ in range(40)])
    own = pack((pair.a.address, 0))
    every_failure(failing, lambda: libc.bind(next(fresh).fileno(), own, len(own)), most=20)
    every_failure(failing, lambda: libc.listen(next(fresh).fileno(), 4), most=20)
    ours = pair.a.socket(STREAM, bind=(pair.a.address, PORT))
    every_failure(failing, lambda: libc.listen(ours.fileno(), 4))
    theirs = pair.b.linux_socket(STREAM)
    theirs.connect((pair.a.address, PORT))
    accept(ours).close()
    bystander()


@pytest.mark.req("TCP-6", "INET-8", "LAYER-3")
def test_connecting(pair, failing, bystander):
    """What could not be had is told, and the socket may try again."""
    listener = listening(pair.b.linux_socket, pair.b.address)
    to = pack((pair.b.address, PORT))

    refused = 0
    for number in range(1, 100):
        sock = pair.a.socket(STREAM)
        sock.settimeout(None)
        got, hit = failing.nth(number, lambda: libc.connect(sock.fileno(), to, len(to)))
        code = ctypes.get_errno() if got < 0 else 0
        assert code in REFUSALS, os.strerror(code)
        if got < 0:
            assert hit
            refused += 1
            sock.connect((pair.b.address, PORT))
        sock.send(b"%d" % number)
        other = listener.accept()[0]
        other.settimeout(PATIENCE)
        assert other.recv(10) == b"%d" % number
        sock.close()
        assert other.recv(10) == b""
        other.close()
        if not hit:
            break
    assert not hit and refused
    bystander()


@pytest.mark.req("TCP-11", "INET-11", "LAYER-3")
def test_accepting(pair, failing, bystander):
    """Who could not be accepted is accepted next time: nobody is lost."""
    listener = listening(pair.a.socket, pair.a.address)
    waiting = {}
    for _ in range(12):
        theirs = pair.b.linux_socket(STREAM)
        theirs.connect((pair.a.address, PORT))
        waiting[theirs.getsockname()[1]] = theirs
    accepted = []

    def take():
        return libc.accept(listener.fileno(), None, None)

    poll = select.poll()
    poll.register(listener.fileno(), select.POLLIN)
    for number in range(1, 100):
        assert poll.poll(PATIENCE * 1000)
        got, hit = failing.nth(number, take)
        code = ctypes.get_errno() if got < 0 else 0
        assert code in REFUSALS, os.strerror(code)
        if got >= 0:
            accepted.append(got)
        if not hit or len(accepted) == len(waiting):
            break
    assert accepted
    while len(accepted) < len(waiting):
        assert poll.poll(PATIENCE * 1000)
        accepted.append(take())
    for fd in accepted:
        assert fd >= 0
        raw, size = ctypes.create_string_buffer(16), ctypes.c_uint32(16)
        assert libc.getpeername(fd, raw, ctypes.byref(size)) == 0
        theirs = waiting.pop(struct.unpack_from("!H", raw.raw, 2)[0])
        assert libc.send(fd, b"you", 3, 0) == 3
        assert theirs.recv(10) == b"you"
        os.close(fd)
        assert theirs.recv(10) == b""
    assert not waiting
    bystander()


def send_by(ours, theirs, failing, one_call, most=120):
    """one_call() puts octets of a stream that it knows on its way and returns how many, or -1. Each of its
    allocations fails once; what arrives is what was sent."""
    sent = 0
    got = hashlib.sha256()
    for number in range(1, most):
        taken, hit = failing.nth(number, one_call)
        code = ctypes.get_errno() if taken < 0 else 0
        assert code in REFUSALS - {errno.ENOBUFS}, os.strerror(code)  # a stream waits, or says EAGAIN
        sent += max(taken, 0)
        pick_up(theirs, max(taken, 0), got)
        if not hit:
            break
    assert not hit, "more allocations than that"
    assert number > 1
    return sent, got.hexdigest()


@pytest.mark.req("TCP-12", "OVER-6", "LAYER-3")
@pytest.mark.parametrize("flags", [0, socket.MSG_OOB, socket.MSG_MORE], ids=["plain", "urgent", "more"])
def test_sending(pair, failing, bystander, flags):
    """A block of several segments each time; what send() says it has taken arrives."""
    ours, theirs = connection(pair, False, PORT)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
    data = pattern(1 << 20)
    length = 12_000
    at = 0

    def send():
        nonlocal at
        got = libc.send(ours.fileno(), data[at : at + length], length, flags | NOWAIT)
        if flags & socket.MSG_MORE:
            # What waits for more is let go with the next call's end.
            number = ctypes.get_errno()
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ctypes.set_errno(number)
        at += max(got, 0)
        return got

    sent, digest = send_by(ours, theirs, failing, send)
    assert digest == hashlib.sha256(data[:sent]).hexdigest()
    ours.shutdown(socket.SHUT_WR)
    assert theirs.recv(10) == b""
    bystander()


@pytest.mark.req("BSD-5", "TCP-12", "LAYER-3")
def test_sendfile(pair, failing, bystander, tmp_path):
    ours, theirs = connection(pair, True, PORT)
    data = pattern(1 << 20)
    (tmp_path / "data").write_bytes(data)
    with open(tmp_path / "data", "rb") as file:
        file.read()
        # The file's own place moves on by what was sent.
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        sent, digest = send_by(ours, theirs, failing, lambda: libc.sendfile(ours.fileno(), file.fileno(), None, 9000))
    assert digest == hashlib.sha256(data[:sent]).hexdigest()
    bystander()


@pytest.mark.req("BSD-5", "TCP-12", "LAYER-3")
@pytest.mark.parametrize("by", ["recv", "splice"])
def test_receiving(pair, failing, bystander, by):
    """A call that fails has taken nothing."""
    ours, theirs = connection(pair, False, PORT)
    data = pattern(1 << 20)
    step = 6000
    buffer = ctypes.create_string_buffer(step)
    reader, writer = os.pipe()
    poll = select.poll()
    poll.register(ours.fileno(), select.POLLIN)
    want = got = 0
    hit = True

    def take():
        if by == "recv":
            return libc.recv(ours.fileno(), buffer, step, NOWAIT)
        return libc.splice(ours.fileno(), None, writer, None, ctypes.c_size_t(step), 2)

    for number in range(1, 100):
        theirs.send(data[want : want + step])
        want += step
        assert poll.poll(PATIENCE * 1000)
        taken, hit = failing.nth(number, take)
        code = ctypes.get_errno() if taken < 0 else 0
        assert code in REFUSALS, os.strerror(code)
        if taken < 0 and by == "recv":
            assert hit
        while got < want:
            if taken > 0:
                octets = buffer.raw[:taken] if by == "recv" else os.read(reader, taken)
                assert octets == data[got : got + taken]
                got += taken
            if got < want:
                assert poll.poll(PATIENCE * 1000)
                taken = take()
                assert taken > 0, os.strerror(ctypes.get_errno())
        if not hit:
            break
    assert not hit
    os.close(reader)
    os.close(writer)
    bystander()


@pytest.mark.req("BSD-6", "TCP-8", "LAYER-3")
@pytest.mark.parametrize("how", ["shutdown", "close", "abort"])
def test_ending(pair, failing, bystander, how):
    """Octets and a FIN that cannot be sent at once are sent later; only a RST may be lost."""
    pair.a.tune(tcp_rto_min_ms=20)
    hit = True
    for number in range(1, 60):
        ours, theirs = connection(pair, number % 2 == 0, PORT)
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        ours.send(b"last words")
        if how == "abort":
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        fd = ours.detach() if how != "shutdown" else ours.fileno()
        call = (lambda: libc.shutdown(fd, socket.SHUT_WR)) if how == "shutdown" else (lambda: libc.close(fd))
        got, hit = failing.nth(number, call)
        assert got == 0, os.strerror(ctypes.get_errno())
        if how != "abort":
            assert receive_all(theirs) == b"last words"
        theirs.close()
        if how == "shutdown":
            assert ours.recv(10) == b""
            ours.close()
        if not hit:
            break
    assert not hit
    bystander()


# Wherever nobody can wait


# In a hundred. A packet that is not made is as good as lost.
SHARE = 3


def sooner_or_later(call):
    """A call that may be refused what it needs; what it returns in the end. Either stack says so."""

    def called():
        try:
            return call()
        except OSError as error:
            assert error.errno in REFUSALS, error
            return None

    return wait_for(called, "memory")


@pytest.mark.req("TCP-5", "TCP-12", "OVER-6", "LAYER-3")
@pytest.mark.parametrize("ours_listens", [True, False], ids=["server", "client"])
def test_transfers_with_losses_and_without_memory(pair, ours_listens):
    """Out of order, SACK, retransmissions: whatever is to be allocated for them may not be had."""
    hurry(pair)
    ours, theirs = connection(pair, ours_listens, PORT)
    for host in (pair.a, pair.b):
        impair(host, "loss", "2%", "delay", "2ms", "reorder", "75%")
    with atomic_failures(SHARE) as failed:
        for writer, reader in ((ours, theirs), (theirs, ours)):
            one, other = digest_transfer(writer, reader, 150_000)
            assert one == other
        assert failed() > 5


def connected(make, address):
    sock = make(STREAM)
    sock.connect(address)
    return sock


def say_goodbye(sock):
    """close(), after an octet, which is returned, if that is Linux's: for a FIN that goes alone it may get no
    sk_buff, and then sends none for ever (its tcp_send_fin()). One that goes with data it sends until it arrives."""
    said = b"" if isinstance(sock, EduSocket) else b"."
    if said:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        assert sooner_or_later(lambda: sock.send(said)) == 1
    sock.close()
    return said


@pytest.mark.req("TCP-6", "TCP-8", "TCP-10", "TCP-11", "LAYER-3")
@pytest.mark.parametrize("ours_listens", [True, False], ids=["server", "client"])
def test_connections_come_and_go_without_memory(pair, ours_listens):
    hurry(pair)
    pair.a.tune(tcp_time_wait_ms=100, tcp_fin_timeout_ms=200, tcp_rto_init_ms=50)
    make, address = (pair.a.socket, pair.a.address) if ours_listens else (pair.b.linux_socket, pair.b.address)
    make_other = pair.b.linux_socket if ours_listens else pair.a.socket
    with atomic_failures(SHARE) as failed:
        listener = listening(make, address)
        for number in range(20):
            client = sooner_or_later(lambda: connected(make_other, (address, PORT)))
            server = accept(listener)
            for one, other in ((client, server), (server, client)):
                said = b"%d" % number
                assert sooner_or_later(lambda one=one, said=said: one.send(said)) == len(said)
                assert other.recv(100) == said
            first, second = (client, server) if number % 2 else (server, client)
            said = say_goodbye(first)
            assert receive_all(second) == said
            second.close()
        assert failed() > 5
    listener.close()
