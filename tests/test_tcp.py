# SPDX-License-Identifier: GPL-2.0-only
"""Streams against Linux's TCP, in both roles (TCP-1 … TCP-12, BSD-5, BSD-6, INET-8, INET-9, INET-11,
INET-12, OVER-6): data, closing, many connections, impaired links, and an end by force."""

import contextlib
import ctypes
import errno
import hashlib
import itertools
import os
import random
import resource
import select
import signal
import socket
import struct
import threading

import pytest
from conftest import EFFORT, PATIENCE, errno_of, in_netns, wait_for
from edusock import EduSocket, check, libc
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from tcp_lab import tcp_info

STREAM = socket.SOCK_STREAM
PORT = 7000


def accept(listener):
    """The next connection of a listener of either stack."""
    if not isinstance(listener, EduSocket):
        child = listener.accept()[0]
        child.settimeout(listener.gettimeout())
        return child
    return listener.accept_one()


def ends(pair, ours_listens):
    """(listening host's socket maker, its address), (connecting one's, …)."""
    ours = (pair.a.socket, pair.a.address)
    theirs = (pair.b.linux_socket, pair.b.address)
    return (ours, theirs) if ours_listens else (theirs, ours)


def connection(pair, ours_listens, port=PORT, set_before=()):
    """(ours, theirs): two ends of an open connection."""
    (make, address), (make_other, _) = ends(pair, ours_listens)
    listener = make(STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for option in set_before:
        listener.setsockopt(*option)
    listener.bind((address, port))
    listener.listen(16)
    client = make_other(STREAM)
    for option in set_before:
        client.setsockopt(*option)
    client.connect((address, port))
    server = accept(listener)
    listener.close()
    return (server, client) if ours_listens else (client, server)


both_roles = pytest.mark.parametrize("ours_listens", [True, False], ids=["server", "client"])


def receive_all(sock, limit=1 << 30):
    """Everything up to the end of the stream."""
    data = b""
    while len(data) < limit and (part := sock.recv(65536)):
        data += part
    return data


def pattern(length, seed=1):
    return random.Random(seed).randbytes(length)


class Pump(threading.Thread):
    """Writes all of it, then shuts down."""

    def __init__(self, sock, data):
        super().__init__(daemon=True)
        self.sock, self.data, self.error = sock, data, None
        self.start()

    def run(self):
        try:
            view = memoryview(self.data)
            while view:
                poll = select.poll()
                poll.register(self.sock.fileno(), select.POLLOUT)
                assert poll.poll(PATIENCE * 4000), "never writable again"
                try:
                    sent = self.sock.send(bytes(view[:65536]), socket.MSG_DONTWAIT)
                except BlockingIOError:
                    continue
                view = view[sent:]
            self.sock.shutdown(socket.SHUT_WR)
        except BaseException as error:  # pylint: disable=broad-except
            self.error = error

    def done(self):
        self.join(PATIENCE)
        assert not self.is_alive() and self.error is None, self.error


# Data


@pytest.mark.req("TCP-6", "TCP-8", "OVER-6", "BSD-6")
@both_roles
def test_a_few_words_each_way(pair, ours_listens):
    ours, theirs = connection(pair, ours_listens)
    assert ours.getpeername()[0] == pair.b.address and theirs.getpeername()[0] == pair.a.address
    assert ours.getsockname() == theirs.getpeername()
    ours.send(b"from us")
    assert theirs.recv(100) == b"from us"
    theirs.send(b"from them")
    assert ours.recv(100) == b"from them"
    ours.shutdown(socket.SHUT_WR)
    assert theirs.recv(100) == b""
    theirs.send(b"half-closed")
    theirs.close()
    assert receive_all(ours) == b"half-closed"


@pytest.mark.req("TCP-12", "OVER-6")
@both_roles
@pytest.mark.parametrize("length", [1, 1459, 1460, 1461, 65535, 65536, 65537, 1 << 20])
def test_streams_of_every_length(pair, ours_listens, length):
    ours, theirs = connection(pair, ours_listens)
    data = pattern(length)
    for one, other in ((ours, theirs), (theirs, ours)):
        pump = Pump(one, data)
        assert receive_all(other) == data
        pump.done()


@pytest.mark.req("TCP-12", "OVER-6")
@both_roles
def test_both_directions_at_once(pair, ours_listens):
    ours, theirs = connection(pair, ours_listens)
    there, back = pattern(2 << 20, 1), pattern(2 << 20, 2)
    pumps = [Pump(ours, there), Pump(theirs, back)]
    got = {}

    def drain(name, sock):
        got[name] = receive_all(sock)

    reader = threading.Thread(target=drain, args=("back", ours))
    reader.start()
    drain("there", theirs)
    reader.join(PATIENCE)
    for pump in pumps:
        pump.done()
    assert got == {"there": there, "back": back}


@pytest.mark.req("BSD-5", "TCP-12")
@both_roles
def test_read_write_writev_sendfile_splice(pair, ours_listens, tmp_path):
    ours, theirs = connection(pair, ours_listens)
    os.write(ours.fileno(), b"written")
    os.writev(ours.fileno(), [b" and", b" gathered"])
    assert theirs.recv(20, socket.MSG_WAITALL) == b"written and gathered"
    file = tmp_path / "file"
    data = pattern(300000, 3)
    file.write_bytes(data)
    ours.setblocking(True)
    with open(file, "rb") as source:
        collector = {}
        thread = threading.Thread(target=lambda: collector.update(got=receive_all(theirs)))
        thread.start()
        offset = 0
        while offset < len(data):
            offset += os.sendfile(ours.fileno(), source.fileno(), offset, len(data) - offset)
        ours.shutdown(socket.SHUT_WR)
        thread.join(PATIENCE)
    assert collector["got"].endswith(data)
    reader, writer = os.pipe()
    theirs.send(b"through a pipe")
    assert libc.splice(ours.fileno(), None, writer, None, 100, 0) == 14
    assert os.read(reader, 100) == b"through a pipe"
    os.close(reader)
    os.close(writer)


@pytest.mark.req("BSD-5", "TCP-12")
def test_the_end_of_a_file_is_sent_at_once(pair, tmp_path):
    """Not by the timer of a cork: the octets have left when sendfile() is back."""
    ours, theirs = connection(pair, True)
    (tmp_path / "file").write_bytes(pattern(1250))
    with open(tmp_path / "file", "rb") as source:
        assert os.sendfile(ours.fileno(), source.fileno(), 0, 65536) == 1250
    assert tcp_info(ours)["bytes_sent"] >= 1250
    assert theirs.recv(1250, socket.MSG_WAITALL) == pattern(1250)


@pytest.mark.req("TCP-12")
@both_roles
def test_a_reader_that_sleeps_stops_the_writer(pair, ours_listens):
    """And nothing is lost when it wakes."""
    ours, theirs = connection(pair, ours_listens)
    for writer, reader in ((ours, theirs), (theirs, ours)):
        data = b""
        writer.setblocking(False)
        while True:
            try:
                part = pattern(10000, len(data))
                data += part[: writer.send(part, socket.MSG_DONTWAIT)]
            except BlockingIOError:
                poll = select.poll()
                poll.register(writer.fileno(), select.POLLOUT)
                if not poll.poll(300):
                    break
        got = b""
        while len(got) < len(data):
            got += reader.recv(1 << 20)
        assert got == data
        writer.settimeout(PATIENCE)


# Opening and its errors


@pytest.mark.req("TCP-6", "INET-8")
def test_nobody_listens(pair):
    assert errno_of(pair.a.socket(STREAM).connect, (pair.b.address, 1)) == errno.ECONNREFUSED
    with pytest.raises(ConnectionRefusedError):
        pair.b.linux_socket(STREAM).connect((pair.a.address, 1))


@pytest.mark.req("TCP-6")
def test_no_such_host(pair):
    pair.a.tune(arp_res_time_ms=20, arp_max_tries=2)
    assert errno_of(pair.a.socket(STREAM).connect, ("10.0.0.99", 1)) == errno.EHOSTUNREACH
    assert errno_of(pair.a.socket(STREAM).connect, ("192.0.2.1", 1)) == errno.ENETUNREACH


@pytest.mark.req("TCP-6", "INET-12")
def test_without_waiting(pair):
    listener = pair.b.linux_socket(STREAM, bind=(pair.b.address, PORT))
    listener.listen()
    sock = pair.a.socket(STREAM)
    sock.setblocking(False)
    assert errno_of(sock.connect, (pair.b.address, PORT)) == errno.EINPROGRESS
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLOUT)
    assert poll.poll(PATIENCE * 1000) == [(sock.fileno(), select.POLLOUT)]
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    assert errno_of(sock.connect, (pair.b.address, PORT)) == 0
    assert errno_of(sock.connect, (pair.b.address, PORT)) == errno.EISCONN
    ours = pair.a.socket(STREAM, bind=(pair.a.address, PORT))
    ours.listen(1)
    ours.setblocking(False)
    assert errno_of(lambda: check(libc.accept(ours.fileno(), None, None), "")) == errno.EAGAIN


@pytest.mark.req("INET-12")
def test_a_signal_ends_a_wait(pair):
    """EINTR for a sleeper in accept()."""
    ours = pair.a.socket(STREAM, bind=(pair.a.address, PORT))
    ours.listen(1)
    ours.setblocking(True)
    child = os.fork()
    if not child:
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.siginterrupt(signal.SIGUSR1, True)
        got = libc.accept(ours.fileno(), None, None)
        os._exit(0 if got < 0 and ctypes.get_errno() == errno.EINTR else 1)
    wait_for(lambda: open(f"/proc/{child}/stat", encoding="ascii").read().split()[2] == "S", "sleeper")
    wait_for(lambda: b"accept" in _wchan_or_syscall(child), "accept()")
    os.kill(child, signal.SIGUSR1)
    assert os.waitpid(child, 0)[1] == 0


def _wchan_or_syscall(pid):
    """accept() is system call 43."""
    with open(f"/proc/{pid}/syscall", "rb") as file:
        return b"accept" if file.read().startswith(b"43 ") else b""


@pytest.mark.req("TCP-10", "TCP-11", "INET-9")
def test_a_full_backlog_makes_no_more_connections(pair):
    ours = pair.a.socket(STREAM, bind=(pair.a.address, PORT))
    ours.listen(1)
    pair.a.tune(tcp_syncookies=0)
    clients = []
    for _ in range(2):
        client = pair.b.linux_socket(STREAM)
        client.connect((pair.a.address, PORT))
        clients.append(client)
    late = pair.b.linux_socket(STREAM)
    late.setblocking(False)
    late.connect_ex((pair.a.address, PORT))
    wait_for(lambda: pair.a.counters()["Tcp.DropListenOverflow"] > 0, "overflow")
    for _ in range(2):
        accept(ours)
    poll = select.poll()
    poll.register(late.fileno(), select.POLLOUT)
    assert poll.poll(PATIENCE * 1000) == [(late.fileno(), select.POLLOUT)], "the SYN that comes again finds room"


@pytest.mark.req("TCP-9", "TCP-1")
def test_bind_conflicts(pair):
    one = pair.a.socket(STREAM, bind=(pair.a.address, PORT))
    assert errno_of(pair.a.socket(STREAM).bind, (pair.a.address, PORT)) == errno.EADDRINUSE
    assert errno_of(pair.a.socket(STREAM).bind, ("0.0.0.0", PORT)) == errno.EADDRINUSE
    other = pair.a.socket(STREAM)
    other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    assert errno_of(other.bind, (pair.a.address, PORT)) == errno.EADDRINUSE
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    assert errno_of(other.bind, (pair.a.address, PORT)) == 0
    one.listen(1)
    assert errno_of(other.listen, 1) == errno.EADDRINUSE


@pytest.mark.req("INET-7", "TCP-7", "TCP-9")
def test_many_short_connections(pair):
    """One after the other, by both roles; none is left but in TIME-WAIT."""
    count = 100 * EFFORT
    pair.a.tune(tcp_time_wait_ms=100)
    for ours_listens in (True, False):
        (make, address), (make_other, _) = ends(pair, ours_listens)
        listener = make(STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, PORT))
        listener.listen(64)
        for number in range(count):
            client = make_other(STREAM)
            client.connect((address, PORT))
            server = accept(listener)
            client.send(b"%d" % number)
            assert server.recv(10) == b"%d" % number
            for sock in (client, server) if number % 2 else (server, client):
                sock.close()
        listener.close()
    wait_for(lambda: len(pair.a.proc("tcp")) == 1, "every connection to end")


@pytest.mark.req("INET-7", "TCP-7", "TCP-10")
def test_many_connections_at_once(pair):
    count = 300 * EFFORT
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    listener = pair.a.socket(STREAM, bind=(pair.a.address, PORT))
    listener.listen(1024)
    clients, servers = [], []
    for number in range(count):
        client = pair.b.linux_socket(STREAM)
        client.connect((pair.a.address, PORT))
        clients.append(client)
        servers.append(accept(listener))
    for number, client in enumerate(clients):
        client.send(struct.pack("!I", number))
    names = {server.getpeername()[1]: server for server in servers}
    for number, client in enumerate(clients):
        assert names[client.getsockname()[1]].recv(4) == struct.pack("!I", number)
    for sock in clients + servers:
        sock.close()


@contextlib.contextmanager
def syn_flood(pair, source="10.0.0.77"):
    """From the other host's device SYNs of a station that never answers, as fast as ours takes them, a few at a
    time: it is the listener that is to be flooded, not a queue of the device, where the honest would be lost or
    wait with the others until nobody remembers them."""
    at_a_time = 20
    mac = "02:00:00:00:00:77"
    pair.a.rtnl.neighbour(source, mac, "e0")
    frames = [
        bytes(Ether(dst=pair.a.mac(), src=mac) / IP(src=source, dst=pair.a.address) / TCP(
            sport=number, dport=PORT, flags="S", seq=number * 7919, options=[("MSS", 1460)]))
        for number in range(1024, 1324)
    ]
    with in_netns(pair.b.name):
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    wire.bind(("e0", 0))
    over, unexpected = threading.Event(), []

    def received():
        return pair.a.counters()["Link.InFrames"]

    def send():
        try:
            for first in itertools.cycle(range(0, len(frames), at_a_time)):
                if over.is_set():
                    break
                seen = received()
                for frame in frames[first : first + at_a_time]:
                    wire.send(frame)
                wait_for(lambda: over.is_set() or received() >= seen + at_a_time, "the flood to arrive")
        except (AssertionError, OSError) as error:
            unexpected.append(error)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        wire.close()
    assert not unexpected, unexpected


@pytest.mark.req("RFC4987-3.6", "TCP-7", "TCP-10")
@pytest.mark.parametrize("cookies", [1, 0], ids=["cookies", "no-cookies"])
def test_a_listener_serves_in_a_flood_of_syns(pair, cookies):
    """With cookies every honest caller gets through; without, what is open goes on undisturbed. The
    number of half-open connections stays bounded, and all of them end."""
    bound = 16
    pair.a.tune(tcp_syncookies=cookies, tcp_max_syn_backlog=bound, tcp_synack_retries=1)
    listener = pair.a.socket(STREAM, bind=(pair.a.address, PORT))
    listener.listen(bound)
    before = pair.b.linux_socket(STREAM)
    before.connect((pair.a.address, PORT))
    served = accept(listener)
    with syn_flood(pair):
        wait_for(lambda: half_open(pair.a) >= bound, "the backlog to fill")
        for number in range(10 * EFFORT):
            before.send(b"%d" % number)
            assert served.recv(10) == b"%d" % number
            assert half_open(pair.a) <= bound + 1
            if cookies:
                client = pair.b.linux_socket(STREAM)
                client.connect((pair.a.address, PORT))
                # A cookie keeps nothing that could ask again for the handshake's last ACK: if that is lost,
                # it is the data, sent until acknowledged, that gets through.
                client.send(b"honest")
                server = accept(listener)
                assert server.recv(10) == b"honest"
                client.close()
                server.close()
    wait_for(lambda: half_open(pair.a) == 0, "the half-open connections to end")


def half_open(host):
    """Connections in SYN_RECV."""
    return sum(line.split()[3] == "03" for line in host.proc("tcp")[1:])


# Links that lose, double and reorder


def impair(host, *words):
    host.run("tc", "qdisc", "replace", "dev", "e0", "root", "netem", "limit", "10000", *words)


def hurry(pair):
    """Both stacks' retransmission timers start so low that even after ten losses in a row, which do come
    when many tests run, the next try is a matter of seconds. Before any connection is made."""
    pair.a.tune(tcp_rto_min_ms=10, tcp_rto_max_ms=1000)
    pair.b.ip("route", "change", "10.0.0.0/24", "dev", "e0", "proto", "kernel", "scope", "link", "src", pair.b.address,
              "rto_min", "10ms")


def digest_transfer(writer, reader, length):
    """A pseudo-random stream of that length; both ends' SHA-256. The FIN goes along with the last octets: one
    that goes alone Linux forgets about if there is no memory for it just then (its tcp_send_fin())."""
    block = pattern(1 << 16, 7)
    sent, got = hashlib.sha256(), hashlib.sha256()
    failure = []

    def write():
        try:
            left = length
            poll = select.poll()
            poll.register(writer.fileno(), select.POLLOUT)
            while left:
                assert poll.poll(PATIENCE * 4000), "never writable again"
                part = block[: min(left, len(block))]
                if len(part) == left:
                    writer.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
                try:
                    put = writer.send(part, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    continue
                sent.update(part[:put])
                left -= put
            writer.shutdown(socket.SHUT_WR)
        except BaseException as error:  # pylint: disable=broad-except
            failure.append(error)

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    count = 0
    try:
        while part := reader.recv(1 << 18):
            got.update(part)
            count += len(part)
    except TimeoutError as late:
        raise AssertionError(f"{count} of {length}; writer {tcp_info(writer)}; reader {tcp_info(reader)}") from late
    thread.join(PATIENCE)
    assert not failure, failure
    assert count == length
    return sent.hexdigest(), got.hexdigest()


@pytest.mark.patient
@pytest.mark.req("OVER-6", "TCP-5", "TCP-12")
@both_roles
@pytest.mark.parametrize(
    "how",
    [
        ("loss", "2%", "duplicate", "2%", "delay", "2ms", "reorder", "75%"),
        ("loss", "10%"),
        ("corrupt", "2%", "delay", "1ms"),
        ("delay", "10ms", "5ms"),
    ],
    ids=["loss-duplication-reordering", "loss", "corruption", "jitter"],
)
def test_a_bad_link_changes_nothing(pair, ours_listens, how):
    hurry(pair)
    ours, theirs = connection(pair, ours_listens)
    for sock in (ours, theirs):
        sock.settimeout(PATIENCE * 4)  # how often Linux doubles its timer is chance
    impair(pair.a, *how)
    impair(pair.b, *how)
    length = 300_000 * EFFORT
    one, other = digest_transfer(ours, theirs, length)
    assert one == other
    one, other = digest_transfer(theirs, ours, length)
    assert one == other


# Ends by force


@pytest.mark.req("LAYER-3", "TCP-8")
@both_roles
def test_the_device_goes_in_the_middle(pair, ours_listens):
    ours, theirs = connection(pair, ours_listens)
    pair.a.tune(tcp_rto_min_ms=20, tcp_rto_max_ms=100, tcp_retries2=3)
    Pump(ours, pattern(1 << 20))
    pair.a.ip("link", "del", "e0")
    wait_for(lambda: state(ours) == 7, "given up")
    theirs.close()


def state(sock):
    return sock.getsockopt_raw(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[0]


@pytest.mark.req("LAYER-3", "TCP-8")
def test_the_namespace_goes_with_connections_in_every_state(lab):
    """Its sockets are closed as it goes; what lives on (orphans, TIME-WAIT) goes with it in time."""
    ours = lab.edu_host("10.0.0.1/24")
    lab.linux_host("10.0.0.2/24")
    ours.tune(tcp_fin_timeout_ms=200, tcp_time_wait_ms=200, tcp_rto_min_ms=20, tcp_rto_max_ms=100, tcp_orphan_retries=2)
    lab.a, lab.b = ours, lab.parts[-1]
    pairs = [connection(lab, number % 2 == 0, PORT + number) for number in range(6)]
    pairs[0][0].shutdown(socket.SHUT_WR)  # FIN-WAIT-2
    pairs[1][1].shutdown(socket.SHUT_WR)  # CLOSE-WAIT
    pairs[2][0].close()
    pairs[2][1].close()  # TIME-WAIT
    listener = ours.socket(STREAM, bind=("10.0.0.1", PORT + 99))
    listener.listen(4)
    waiting = lab.b.linux_socket(STREAM)
    waiting.connect(("10.0.0.1", PORT + 99))  # on the listener's queue
    connecting = ours.socket(STREAM)
    connecting.setblocking(False)
    errno_of(connecting.connect, ("10.0.0.77", 1))  # SYN-SENT
    for our, _ in pairs:
        our.close()
    # The fixture deletes the namespaces; scripts/vm checks that none is left behind.


@pytest.mark.req("TCP-8")
def test_a_reset_of_the_peer(pair):
    ours, theirs = connection(pair, True)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    assert errno_of(ours.recv, 1) == errno.ECONNRESET
    assert ours.recv(1) == b""
    assert errno_of(lambda: ours.send(b"x", socket.MSG_NOSIGNAL)) == errno.EPIPE


@pytest.mark.req("BSD-5", "TCP-12")
def test_poll_and_epoll(pair):
    ours, theirs = connection(pair, True)
    epoll = select.epoll()
    epoll.register(ours.fileno(), select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
    assert not epoll.poll(0)
    theirs.send(b"x")
    assert epoll.poll(PATIENCE) == [(ours.fileno(), select.EPOLLIN)]
    assert not epoll.poll(0)
    theirs.send(b"y")
    assert epoll.poll(PATIENCE) == [(ours.fileno(), select.EPOLLIN)]
    theirs.close()
    (_, events), = epoll.poll(PATIENCE)
    assert events == select.EPOLLIN | select.EPOLLRDHUP
    assert receive_all(ours) == b"xy"
    ours.shutdown(socket.SHUT_WR)
    (_, events), = epoll.poll(PATIENCE)
    assert events & select.EPOLLHUP


# On the loopback, both ends ours


@pytest.mark.req("OVER-6", "LAYER-2")
def test_with_ourselves(lab):
    lab.a = lab.edu_host("10.0.0.1/24")
    listener = lab.a.socket(STREAM, bind=("127.0.0.1", PORT))
    listener.listen(1)
    client = lab.a.socket(STREAM)
    client.connect(("127.0.0.1", PORT))
    server = accept(listener)
    data = pattern(1 << 20)
    pump = Pump(client, data)
    assert receive_all(server) == data
    pump.done()


@pytest.mark.req("TCP-8")
def test_with_itself(lab):
    """A socket may connect to its own port: simultaneous open with oneself."""
    lab.a = lab.edu_host("10.0.0.1/24")
    sock = lab.a.socket(STREAM, bind=("127.0.0.1", PORT))
    sock.connect(("127.0.0.1", PORT))
    sock.send(b"me")
    assert sock.recv(10) == b"me"
