# SPDX-License-Identifier: GPL-2.0-only
"""What a review of TCP found, as far as only real programs, devices and a second stack show it; the rest is in
kunit/. Each test failed once."""

import contextlib
import fcntl
import os
import select
import signal
import socket
import struct
import termios
import time

import pytest
from conftest import PATIENCE, wait_for
from test_tcp import connection

SO_LINGER, ON = socket.SO_LINGER, 1
TCP_NOTSENT_LOWAT = 25
SIOCOUTQNSD = 0x894B


def asked(sock, request):
    """The number that an ioctl tells."""
    return struct.unpack("i", fcntl.ioctl(sock.fileno(), request, bytes(4)))[0]


def under_way(sock):
    return asked(sock, termios.TIOCOUTQ)


@contextlib.contextmanager
def deaf(host):
    """Nothing leaves the host's device meanwhile."""
    host.run("tc", "qdisc", "replace", "dev", "e0", "root", "netem", "loss", "100%")
    yield
    host.run("tc", "qdisc", "del", "dev", "e0", "root")


@pytest.mark.req("BSD-6", "TCP-8", "LAYER-3")
@pytest.mark.parametrize("killed", [False, True], ids=["exit", "SIGKILL"])
def test_the_end_of_a_program_does_not_linger(pair, killed):
    """SO_LINGER is for who calls close(). A program that ended waited, and could not be killed then; one that was
    killed went at once, and shall."""
    ours, theirs = connection(pair, False)
    ours.setsockopt(socket.SOL_SOCKET, SO_LINGER, struct.pack("ii", ON, 30))
    with deaf(pair.b):
        go_on, tell = os.pipe()
        child = os.fork()
        if not child:
            ours.send(b"x" * 1000)
            os.read(go_on, 1)
            if killed:
                signal.pause()
            os._exit(0)
        assert theirs.recv(1000, socket.MSG_PEEK)
        ours.close()  # the child has the last
        os.write(tell, b"!")
        if killed:
            os.kill(child, signal.SIGKILL)
        began = time.monotonic()
        wait_for(lambda: os.waitpid(child, os.WNOHANG)[0], "the child's end")
        assert time.monotonic() - began < PATIENCE / 2
    assert theirs.recv(1000, socket.MSG_WAITALL) == b"x" * 1000
    os.close(go_on)
    os.close(tell)


@pytest.mark.req("TCP-5", "OVER-6")
def test_what_a_reader_here_has_not_read_is_sent_again(lab):
    """Over a veth pair the receiver queues the very buffer that was sent. When its ACK is lost, octets that
    nobody reads must be sent again all the same."""
    lab.a, lab.b = lab.host(), lab.host()
    for host in (lab.a, lab.b):
        host.ip("link", "del", "e0")
    lab.a.ip("link", "add", "e0", "type", "veth", "peer", "name", "e0", "netns", lab.b.name)
    lab.a.address, lab.b.address = "10.0.0.1", "10.0.0.2"
    for host in (lab.a, lab.b):
        host.ip("link", "set", "e0", "up")
    lab.a.rtnl.address("10.0.0.1/24", "e0")
    lab.b.rtnl.address("10.0.0.2/24", "e0", family=socket.AF_INET)
    ours, theirs = connection(lab, False)
    with deaf(lab.b):
        ours.send(b"x" * 1000)
        wait_for(lambda: lab.a.counters()["Tcp.RetransSegs"] or lab.a.counters()["Tcp.Timeouts"], "a timeout")
    wait_for(lambda: not under_way(ours), "the acknowledgement")
    assert theirs.recv(2000) == b"x" * 1000


@pytest.mark.req("BSD-5", "TCP-12")
def test_a_lower_wish_wakes_who_polls(pair):
    ours, theirs = connection(pair, False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1000)
    theirs.send(b"0123456789")
    wait_for(lambda: asked(ours, termios.FIONREAD) == 10, "the octets")
    # Edge-triggered: it tells what has woken it since it was registered, and does not look by itself.
    with select.epoll() as edge:
        edge.register(ours.fileno(), select.EPOLLIN | select.EPOLLET)
        assert edge.poll(0) == []
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        assert edge.poll(PATIENCE) == [(ours.fileno(), select.EPOLLIN)]


@pytest.mark.req("BSD-5", "TCP-12")
def test_wishes_are_bounded_as_linuxs(pair):
    """SO_RCVLOWAT by what the buffer can hold, TCP_LINGER2 by two minutes."""
    ours, theirs = connection(pair, False)
    seen = []
    for sock in (ours, theirs):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50000)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1 << 30)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2, 121)
        seen.append(
            (sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT),
             sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_LINGER2))
        )
    assert seen[0] == seen[1] == (50000, 120)


@pytest.mark.req("BSD-5", "TCP-12")
def test_what_is_not_sent_bounds_a_send(pair):
    """TCP_NOTSENT_LOWAT holds back the program, not poll() alone."""
    unsent = []
    ours, theirs = connection(pair, False)
    for sock, other in ((ours, theirs), (theirs, ours)):
        other.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        sock.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384)
        sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                sock.send(bytes(1 << 20))
        unsent.append(asked(sock, SIOCOUTQNSD))
    assert all(octets < 16384 + 2 * 65536 for octets in unsent), unsent
