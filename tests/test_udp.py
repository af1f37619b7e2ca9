# SPDX-License-Identifier: GPL-2.0-only
"""UDP sockets (UDP-1 … UDP-3, INET-1 … INET-7, INET-10, BSD-5; RFC 768, RFC 1122 4.1)."""

import ctypes
import errno
import os
import select
import socket
import struct

import pytest
from conftest import EFFORT, KERNEL, PATIENCE, errno_of, in_child, in_netns, wait_for
from edusock import (
    AF_EDUINET, EduSocket, IP_MTU, IP_PKTINFO, IP_RECVERR, IP_RECVTOS, IP_RECVTTL, IP_TOS, IP_TTL, Iovec, Msghdr,
    check, find_cmsg, libc, pack, pktinfo, unpack,
)
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

NOBODY = 65534
SO_PRIORITY = 12
PORT = 7000


@pytest.fixture
def talk(pair):
    """pair, and a socket on each side: ours bound to 10.0.0.1:7000, theirs to 10.0.0.2:7000."""
    pair.ours = pair.a.socket(bind=("10.0.0.1", PORT))
    pair.theirs = pair.b.linux_socket(bind=("10.0.0.2", PORT))
    return pair


@pytest.fixture
def alone(lab):
    """A host with nobody else on the cable."""
    lab.a = lab.edu_host("10.0.0.1/24")
    return lab.a


def udp_line(host, sock):
    """The socket's line in /proc/net/eduinet/udp, by its local port."""
    port = f":{sock.getsockname()[1]:04X}"
    (line,) = [line.split() for line in host.proc("udp")[1:] if line.split()[1].endswith(port)]
    return {"state": line[3], "remote": line[2], "drops": int(line[-4]), "route": int(line[-1])}


# Exchange


@pytest.mark.req("UDP-3", "OVER-7")
@pytest.mark.parametrize("size", [0, 1, 2, 3, 100, 1471, 1472])
def test_exchange_with_linux(talk, size):
    data = bytes(number % 253 for number in range(size))
    talk.ours.sendto(data, ("10.0.0.2", PORT))
    assert talk.theirs.recvfrom(2000) == (data, ("10.0.0.1", PORT))
    talk.theirs.sendto(data, ("10.0.0.1", PORT))
    assert talk.ours.recvfrom(2000) == (data, ("10.0.0.2", PORT))


@pytest.mark.req("UDP-3")
def test_read_and_write_of_a_connected_socket(talk):
    """BSD-5: a socket is a file."""
    talk.ours.connect(("10.0.0.2", PORT))
    talk.ours.setblocking(True)
    assert os.write(talk.ours.fileno(), b"written") == 7
    assert talk.theirs.recv(10) == b"written"
    talk.theirs.sendto(b"abcdef", ("10.0.0.1", PORT))
    assert os.readv(talk.ours.fileno(), buffers := [bytearray(2), bytearray(10)]) == 6
    assert buffers[0] == b"ab" and buffers[1][:4] == b"cdef"


@pytest.mark.req("UDP-3", "RFC1122-4.1.3.4")
def test_checksum_on_the_wire(wired):
    """The cable delivers what is really there: the checksum that a device would have filled in."""
    wired.a.run("ethtool", "-K", "e0", "tx", "off")
    wired.a.socket().sendto(b"odd", (wired.peer, 9))
    frame = wired.w.expect(lambda frame: UDP in frame, "datagram")
    seen = frame[UDP].chksum
    again = frame[IP].copy()
    del again[UDP].chksum
    assert seen == IP(bytes(again))[UDP].chksum != 0


def datagram(lab, data=b"data", src=None, dst="10.0.0.1", to=None, sport=9, dport=PORT, **udp):
    return (
        Ether(dst=to or lab.mac, src=lab.w.mac) / IP(src=src or lab.peer, dst=dst)
        / UDP(sport=sport, dport=dport, **udp) / Raw(data)
    )


@pytest.mark.req("UDP-3", "RFC1122-4.1.3.4")
def test_no_checksum_is_accepted(wired):
    sock = wired.a.socket(bind=("0.0.0.0", PORT))
    wired.w.send(datagram(wired, chksum=0))
    assert sock.recv(10) == b"data"


@pytest.mark.req("UDP-3", "RFC1122-4.1.3.4")
def test_wrong_checksum_is_dropped(wired):
    sock = wired.a.socket(bind=("0.0.0.0", PORT))
    with wired.a.counts("Udp.DropChecksum"):
        wired.w.send(datagram(wired, chksum=0x1234))
    assert errno_of(sock.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN
    assert not [frame for frame in wired.w.fence() if ICMP in frame]


@pytest.mark.req("UDP-3")
@pytest.mark.parametrize("length,counter", [(7, "DropLength"), (0, "DropLength"), (200, "DropLength")])
def test_wrong_length_is_dropped(wired, length, counter):
    sock = wired.a.socket(bind=("0.0.0.0", PORT))
    with wired.a.counts(f"Udp.{counter}"):
        wired.w.send(datagram(wired, len=length, chksum=0))
    assert errno_of(sock.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN


@pytest.mark.req("UDP-3")
@pytest.mark.parametrize("length", [0, 1, 7])
def test_short_header_is_dropped(wired, length):
    with wired.a.counts("Udp.DropShort"):
        wired.w.send(
            Ether(dst=wired.mac, src=wired.w.mac) / IP(src=wired.peer, dst="10.0.0.1", proto=17)
            / Raw(struct.pack("!HHHH", 9, PORT, 8, 0)[:length])
        )
    assert not [frame for frame in wired.w.fence() if ICMP in frame]


@pytest.mark.req("UDP-3")
def test_octets_behind_the_datagram_are_not_delivered(wired):
    sock = wired.a.socket(bind=("0.0.0.0", PORT))
    wired.w.send(datagram(wired, b"data and more", len=12, chksum=0))
    assert sock.recv(100) == b"data"


# Connecting


@pytest.mark.req("UDP-2")
def test_connect_sets_the_peer_and_caches_the_route(talk):
    line = udp_line(talk.a, talk.ours)
    assert (line["state"], line["route"]) == ("07", 0)
    talk.ours.connect(("10.0.0.2", PORT))
    line = udp_line(talk.a, talk.ours)
    assert (line["state"], line["route"]) == ("01", 1)
    assert talk.ours.getpeername() == ("10.0.0.2", PORT)
    assert talk.ours.getsockname() == ("10.0.0.1", PORT)
    assert any(line.split()[1] == "0200000A" for line in talk.a.proc("rt_cache")[1:])
    hits = talk.a.counters()
    for _ in range(5):
        talk.ours.send(b"x")
    now = talk.a.counters()
    for counter in ("Rt.CacheHits", "Rt.CacheMisses", "Rt.FibHits"):
        assert now[counter] == hits[counter], "the routing tables were asked"


@pytest.mark.req("UDP-2", "ROUTE-9")
def test_cached_route_is_looked_up_again_after_a_change(talk):
    talk.ours.connect(("10.0.0.2", PORT))
    talk.ours.send(b"before")
    assert talk.theirs.recv(10) == b"before"
    talk.a.rtnl.route("10.0.0.2/32", kind=7)  # unreachable
    assert errno_of(talk.ours.send, b"x") == errno.EHOSTUNREACH
    talk.a.rtnl.route("10.0.0.2/32", kind=7, delete=True)
    talk.ours.send(b"after")
    assert talk.theirs.recv(10) == b"after"


@pytest.mark.req("UDP-2", "RFC1122-4.1.3.5")
def test_connected_socket_hears_its_peer_only(talk):
    other = talk.b.linux_socket(bind=("10.0.0.2", PORT + 1))
    talk.ours.connect(("10.0.0.2", PORT))
    other.connect(("10.0.0.1", PORT))
    other.send(b"stranger")
    assert errno_of(other.recv, 1) == errno.ECONNREFUSED
    talk.theirs.sendto(b"peer", ("10.0.0.1", PORT))
    assert talk.ours.recv(10) == b"peer"


@pytest.mark.req("UDP-2")
def test_disconnect(talk):
    talk.ours.connect(("10.0.0.2", PORT))
    talk.ours.disconnect()
    assert errno_of(talk.ours.getpeername) == errno.ENOTCONN
    assert errno_of(talk.ours.send, b"x") == errno.EDESTADDRREQ
    assert talk.ours.getsockname() == ("10.0.0.1", PORT)
    talk.ours.sendto(b"free", ("10.0.0.2", PORT))
    assert talk.theirs.recv(10) == b"free"


@pytest.mark.req("UDP-2")
def test_disconnect_gives_back_what_connect_chose(talk):
    sock = talk.a.socket()
    sock.connect(("10.0.0.2", PORT))
    assert sock.getsockname()[0] == "10.0.0.1" and sock.getsockname()[1]
    sock.disconnect()
    assert sock.getsockname() == ("0.0.0.0", 0)


@pytest.mark.req("UDP-2")
def test_connect_to_another_peer(talk):
    second = talk.b.linux_socket(bind=("10.0.0.2", PORT + 1))
    talk.ours.connect(("10.0.0.2", PORT))
    talk.ours.connect(("10.0.0.2", PORT + 1))
    second.sendto(b"second", ("10.0.0.1", PORT))
    assert talk.ours.recv(10) == b"second"
    talk.ours.send(b"to second")
    assert second.recv(10) == b"to second"


@pytest.mark.req("UDP-2", "ROUTE-8")
def test_connect_without_a_route(alone):
    assert errno_of(alone.socket().connect, ("192.168.1.1", 9)) == errno.ENETUNREACH


# Errors


@pytest.mark.req("UDP-3", "RFC1122-4.1.3.3")
def test_port_unreachable_is_connection_refused(pair):
    sock = pair.a.socket()
    sock.connect(("10.0.0.2", PORT))
    sock.send(b"x")
    assert errno_of(sock.recv, 1) == errno.ECONNREFUSED
    # Told once.
    assert errno_of(sock.recv, 1, socket.MSG_DONTWAIT) == errno.EAGAIN


@pytest.mark.req("UDP-3", "RFC1122-4.1.3.1")
def test_port_unreachable_to_linux(pair):
    sock = pair.b.linux_socket()
    sock.connect(("10.0.0.1", PORT))
    sock.send(b"x")
    assert errno_of(sock.recv, 1) == errno.ECONNREFUSED


@pytest.mark.req("UDP-3")
def test_pending_error_by_so_error_and_poll(pair):
    sock = pair.a.socket()
    sock.connect(("10.0.0.2", PORT))
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    sock.send(b"x")
    assert poll.poll(PATIENCE * 1000)[0][1] & select.POLLERR
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


@pytest.mark.req("UDP-3", "RFC1122-4.1.3.3")
def test_recverr_tells_who_and_why(pair):
    sock = pair.a.socket()
    sock.setsockopt(socket.SOL_IP, IP_RECVERR, 1)
    sock.sendto(b"payload", ("10.0.0.2", PORT))  # unconnected: IP_RECVERR tells all the same
    poll = select.poll()
    poll.register(sock, 0)
    assert poll.poll(PATIENCE * 1000)[0][1] & select.POLLERR
    data, control, flags, address = sock.recvmsg(100, 500, socket.MSG_ERRQUEUE)
    assert flags & socket.MSG_ERRQUEUE
    assert (data, address) == (b"payload", ("10.0.0.2", PORT))
    error = find_cmsg(control, IP_RECVERR)
    number, origin, kind, code, _, info, _ = struct.unpack_from("=IBBBBII", error)
    assert (number, origin, kind, code, info) == (errno.ECONNREFUSED, 2, 3, 3, 0)
    offender = error[16:32]
    assert struct.unpack_from("=H", offender)[0] == AF_EDUINET
    assert offender[4:8] == socket.inet_aton("10.0.0.2")
    assert errno_of(sock.recvmsg, 100, 500, socket.MSG_ERRQUEUE) == errno.EAGAIN


@pytest.mark.req("UDP-3", "IP-4")
def test_too_long_datagram(alone):
    sock = alone.socket()
    assert errno_of(sock.sendto, bytes(65508), ("10.0.0.1", 9)) == errno.EMSGSIZE
    assert errno_of(sock.sendto, bytes(70000), ("10.0.0.1", 9)) == errno.EMSGSIZE
    sock.sendto(bytes(65507), ("10.0.0.1", 9))


@pytest.mark.req("IP-4")
def test_dont_fragment_and_the_mtu(wired):
    sock = wired.a.socket()
    sock.setsockopt(socket.SOL_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO
    sock.connect((wired.peer, 9))
    assert sock.getsockopt(socket.SOL_IP, IP_MTU) == 1500
    assert errno_of(sock.send, bytes(1473)) == errno.EMSGSIZE
    sock.send(bytes(1472))
    assert wired.w.expect(lambda frame: UDP in frame, "datagram")[IP].flags == "DF"


# Broadcast


@pytest.mark.req("UDP-3")
@pytest.mark.parametrize("where", ["10.0.0.255", "255.255.255.255"])
def test_broadcast_needs_permission(talk, where):
    everyone = talk.b.linux_socket(bind=("0.0.0.0", PORT + 5))
    sock = talk.a.socket(bind=("10.0.0.1", 0))
    assert errno_of(sock.sendto, b"all", (where, PORT + 5)) == errno.EACCES
    assert errno_of(sock.connect, (where, PORT + 5)) == errno.EACCES
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sock.sendto(b"all", (where, PORT + 5))
    assert everyone.recvfrom(10)[0] == b"all"


@pytest.mark.req("UDP-3")
@pytest.mark.parametrize("where", ["10.0.0.255", "255.255.255.255"])
def test_broadcast_received_by_every_socket_of_the_port(talk, where):
    socks = []
    for _ in range(3):
        sock = talk.a.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0", PORT + 5))
        socks.append(sock)
    talk.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    talk.theirs.sendto(b"all", (where, PORT + 5))
    for sock in socks:
        assert sock.recvfrom(10) == (b"all", ("10.0.0.2", PORT))


@pytest.mark.req("UDP-3", "RFC1122-3.3.6")
@pytest.mark.parametrize("where", ["10.0.0.255", "255.255.255.255"])
def test_ones_own_broadcast_is_heard_by_the_device_it_left_by(pair, where):
    """As on Linux: not as if it had come by the loopback."""

    def told(socket_of, host, address):
        sock = socket_of(bind=("0.0.0.0", PORT + 5))
        sock.setsockopt(socket.SOL_SOCKET, 25, b"e0\0")  # SO_BINDTODEVICE
        sock.setsockopt(socket.SOL_IP, IP_PKTINFO, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        sock.sendto(b"all", (where, PORT + 5))
        data, control, _, (sender, _) = sock.recvmsg(10, 100)
        device, answer_from, to = struct.unpack("=i4s4s", find_cmsg(control, IP_PKTINFO))
        assert (sender, answer_from) == (address, socket.inet_aton(address))
        return data, device == host.rtnl.index("e0"), socket.inet_ntoa(to)

    ours = told(pair.a.socket, pair.a, "10.0.0.1")
    assert ours == told(pair.b.linux_socket, pair.b, "10.0.0.2") == (b"all", True, where)


@pytest.mark.req("UDP-3")
def test_broadcast_that_nobody_wants_is_not_answered(wired):
    with wired.a.counts("Udp.DropNoSocket"):
        wired.w.send(datagram(wired, dst="10.0.0.255", to="ff:ff:ff:ff:ff:ff"))
    assert not [frame for frame in wired.w.fence() if ICMP in frame]


# Binding


@pytest.mark.req("INET-6", "UDP-1")
def test_port_in_use(alone):
    alone.socket(bind=("0.0.0.0", PORT))
    for address in ("0.0.0.0", "10.0.0.1", "127.0.0.1"):
        assert errno_of(alone.socket().bind, (address, PORT)) == errno.EADDRINUSE
    alone.socket(bind=("10.0.0.1", PORT + 1))
    alone.socket(bind=("127.0.0.1", PORT + 1))
    assert errno_of(alone.socket().bind, ("0.0.0.0", PORT + 1)) == errno.EADDRINUSE


@pytest.mark.req("INET-6")
def test_port_is_free_after_close(alone):
    alone.socket(bind=("0.0.0.0", PORT)).close()
    alone.socket(bind=("0.0.0.0", PORT))


@pytest.mark.req("INET-4")
def test_bind_takes_addresses_of_devices_broadcast_and_any(alone):
    for address in ("10.0.0.1", "127.0.0.1", "127.5.5.5", "0.0.0.0", "255.255.255.255", "10.0.0.255", "224.0.0.1"):
        alone.socket(bind=(address, 0))


@pytest.mark.req("INET-4")
def test_only_the_superuser_may_bind_a_foreign_address(alone):
    alone.socket(bind=("10.9.9.9", PORT))
    with in_netns(alone.name):
        assert in_child(lambda: EduSocket().bind(("10.9.9.9", PORT + 1)), NOBODY) == errno.EADDRNOTAVAIL


@pytest.mark.req("INET-6")
def test_low_ports_are_the_superusers(alone):
    with in_netns(alone.name):
        assert in_child(lambda: EduSocket().bind(("10.0.0.1", 1023)), NOBODY) == errno.EACCES
        assert in_child(lambda: EduSocket().bind(("10.0.0.1", 1024)), NOBODY) == 0
    alone.socket(bind=("10.0.0.1", 1023))


@pytest.mark.req("INET-3")
def test_second_bind(alone):
    sock = alone.socket(bind=("10.0.0.1", PORT))
    assert errno_of(sock.bind, ("10.0.0.1", PORT + 1)) == errno.EINVAL
    assert sock.getsockname() == ("10.0.0.1", PORT)


@pytest.mark.req("INET-5")
def test_port_chosen_by_bind_and_by_send(alone):
    sock = alone.socket(bind=("10.0.0.1", 0))
    assert 32768 <= sock.getsockname()[1] <= 60999
    sock = alone.socket()
    assert sock.getsockname() == ("0.0.0.0", 0)
    sock.sendto(b"x", ("10.0.0.1", 9))
    assert 32768 <= sock.getsockname()[1] <= 60999


@pytest.mark.req("INET-6")
def test_ephemeral_ports_are_unpredictable(alone):
    ports = [alone.socket(bind=("0.0.0.0", 0)).getsockname()[1] for _ in range(40)]
    assert len(set(ports)) == 40
    steps = {abs(one - other) for one, other in zip(ports, ports[1:])}
    assert len(steps) > 20 and max(ports) - min(ports) > 5000


@pytest.mark.req("INET-6")
def test_ephemeral_range_is_tunable_and_runs_out(alone):
    alone.tune(ip_local_port_min=40000, ip_local_port_max=40007)
    ports = {alone.socket(bind=("0.0.0.0", 0)).getsockname()[1] for _ in range(8)}
    assert ports == set(range(40000, 40008))
    assert errno_of(alone.socket().bind, ("0.0.0.0", 0)) == errno.EADDRINUSE
    assert errno_of(alone.socket().sendto, b"x", ("10.0.0.1", 9)) == errno.EAGAIN


@pytest.mark.req("UDP-1", "UDP-3")
def test_reuseaddr_the_last_one_gets_the_datagrams(talk):
    socks = []
    for _ in range(2):
        sock = talk.a.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("10.0.0.1", PORT + 1))
        socks.append(sock)
    assert errno_of(talk.a.socket().bind, ("10.0.0.1", PORT + 1)) == errno.EADDRINUSE
    talk.theirs.sendto(b"last", ("10.0.0.1", PORT + 1))
    assert socks[1].recv(10) == b"last"


# Kernels with the fix "net: restrict SO_REUSEPORT to inet sockets" refuse it to our family before we
# are asked: Debian's 6.1 has it, and 6.12 asks the family again.
SHARES_PORTS = KERNEL == "6.12"


@pytest.mark.req("UDP-1")
def test_reuseport_is_the_kernels_to_grant(alone):
    told = errno_of(alone.socket().setsockopt, socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    assert told == (0 if SHARES_PORTS else errno.EOPNOTSUPP)


@pytest.mark.skipif(not SHARES_PORTS, reason="this kernel allows SO_REUSEPORT to AF_INET only")
@pytest.mark.req("UDP-1")
def test_reuseport_shares_by_flow(talk):
    socks = []
    for _ in range(4):
        sock = talk.a.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("10.0.0.1", PORT + 1))
        socks.append(sock)
    senders = [talk.b.linux_socket() for _ in range(32)]
    for sender in senders:
        for _ in range(3):
            sender.sendto(b"x", ("10.0.0.1", PORT + 1))
    owners = {}
    left = 3 * len(senders)
    while left:
        for sock in select.select(socks, [], [], PATIENCE)[0]:
            source = sock.recvfrom(10)[1]
            assert owners.setdefault(source, sock) is sock, "a flow changed its socket"
            left -= 1
    assert len(set(owners.values())) > 1


@pytest.mark.skipif(not SHARES_PORTS, reason="this kernel allows SO_REUSEPORT to AF_INET only")
@pytest.mark.req("UDP-1")
def test_reuseport_is_for_one_user_only(alone):
    sock = alone.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("10.0.0.1", PORT))

    def steal():
        thief = EduSocket()
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        thief.bind(("10.0.0.1", PORT))

    with in_netns(alone.name):
        assert in_child(steal, NOBODY) == errno.EADDRINUSE


@pytest.mark.req("INET-7")
def test_the_more_specific_socket_wins(talk):
    specific = talk.a.socket()
    specific.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    specific.bind(("10.0.0.1", PORT + 1))
    anyone = talk.a.socket()
    anyone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    anyone.bind(("0.0.0.0", PORT + 1))
    talk.theirs.sendto(b"specific", ("10.0.0.1", PORT + 1))
    assert specific.recv(10) == b"specific"
    specific.close()
    talk.theirs.sendto(b"anyone", ("10.0.0.1", PORT + 1))
    assert anyone.recv(10) == b"anyone"


@pytest.mark.req("UDP-3")
def test_bind_to_device(talk, lab):
    lab.a.station(lab.segment + 20000, "e1")
    lab.a.rtnl.address("10.7.0.1/24", "e1")
    bound = lab.a.socket()
    bound.setsockopt(socket.SOL_SOCKET, 25, b"e1\0")  # SO_BINDTODEVICE
    bound.bind(("0.0.0.0", PORT + 1))
    sock = talk.b.linux_socket()
    sock.connect(("10.0.0.1", PORT + 1))
    sock.send(b"by e0")
    assert errno_of(sock.recv, 10) == errno.ECONNREFUSED
    other = lab.a.socket()
    other.setsockopt(socket.SOL_SOCKET, 25, b"e0\0")
    other.bind(("0.0.0.0", PORT + 1))
    sock.send(b"by e0")
    assert other.recv(10) == b"by e0"


# Receiving


@pytest.mark.req("UDP-3")
def test_peek_trunc_and_dontwait(talk):
    assert errno_of(talk.ours.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN
    talk.theirs.sendto(b"0123456789", ("10.0.0.1", PORT))
    assert talk.ours.recv(100, socket.MSG_PEEK) == b"0123456789"
    data, _, flags, _ = talk.ours.recvmsg(4, 0, socket.MSG_PEEK)
    assert data == b"0123" and flags & socket.MSG_TRUNC
    buffer = ctypes.create_string_buffer(4)
    assert libc.recv(talk.ours.fileno(), buffer, 4, socket.MSG_TRUNC) == 10
    assert errno_of(talk.ours.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN


@pytest.mark.req("UDP-3")
def test_fionread_is_the_first_datagrams_size(talk):
    import fcntl

    def fionread():
        return struct.unpack("i", fcntl.ioctl(talk.ours, 0x541B, bytes(4)))[0]

    assert fionread() == 0
    for size in (33, 44):
        talk.theirs.sendto(bytes(size), ("10.0.0.1", PORT))
    wait_for(lambda: fionread() == 33, "the first datagram")
    talk.ours.recv(100)
    wait_for(lambda: fionread() == 44, "the second datagram")


@pytest.mark.req("UDP-3", "RFC1122-4.1.3.5")
def test_pktinfo_tells_the_destination(talk):
    talk.a.rtnl.address("10.0.0.100/24", "e0")
    sock = talk.a.socket(bind=("0.0.0.0", PORT + 1))
    sock.setsockopt(socket.SOL_IP, IP_PKTINFO, 1)
    talk.theirs.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    with in_netns(talk.a.name):
        index = socket.if_nametoindex("e0")
    for where, specific in (("10.0.0.100", "10.0.0.100"), ("10.0.0.255", "10.0.0.1")):
        talk.theirs.sendto(b"x", (where, PORT + 1))
        _, control, _, _ = sock.recvmsg(10, 100)
        assert find_cmsg(control, IP_PKTINFO) == struct.pack(
            "=i4s4s", index, socket.inet_aton(specific), socket.inet_aton(where)
        )


@pytest.mark.req("UDP-3", "RFC1122-4.1.3.5")
def test_pktinfo_chooses_the_source(talk):
    talk.a.rtnl.address("10.0.0.100/24", "e0")
    sock = talk.a.socket(bind=("0.0.0.0", PORT + 1))
    for source in ("10.0.0.100", "10.0.0.1"):
        sock.send_with(b"x", ("10.0.0.2", PORT), [(socket.SOL_IP, IP_PKTINFO, pktinfo(0, source))])
        assert talk.theirs.recvfrom(10)[1] == (source, PORT + 1)
    call = lambda: sock.send_with(b"x", ("10.0.0.2", PORT), [(socket.SOL_IP, IP_PKTINFO, pktinfo(0, "10.0.0.55"))])
    assert errno_of(call) == errno.ENETUNREACH


@pytest.mark.req("UDP-3", "RFC1122-4.1.4")
def test_ttl_and_tos_set_sent_and_received(talk):
    for option in (IP_RECVTTL, IP_RECVTOS):
        talk.ours.setsockopt(socket.SOL_IP, option, 1)
        talk.theirs.setsockopt(socket.SOL_IP, option, 1)
    talk.theirs.setsockopt(socket.SOL_IP, IP_TTL, 33)
    talk.theirs.setsockopt(socket.SOL_IP, IP_TOS, 0x10)
    talk.theirs.sendto(b"x", ("10.0.0.1", PORT))
    _, control, _, _ = talk.ours.recvmsg(10, 100)
    assert struct.unpack("i", find_cmsg(control, IP_TTL))[0] == 33
    assert find_cmsg(control, IP_TOS) == b"\x10"
    talk.ours.setsockopt(socket.SOL_IP, IP_TTL, 44)
    talk.ours.setsockopt(socket.SOL_IP, IP_TOS, 0x08)
    talk.ours.sendto(b"x", ("10.0.0.2", PORT))
    _, control, _, _ = talk.theirs.recvmsg(10, 100)
    assert struct.unpack("i", find_cmsg(control, IP_TTL))[0] == 44
    assert find_cmsg(control, IP_TOS) == b"\x08"
    # For one message only.
    talk.ours.send_with(b"x", ("10.0.0.2", PORT), [
        (socket.SOL_IP, IP_TTL, struct.pack("i", 9)), (socket.SOL_IP, IP_TOS, struct.pack("i", 0x04)),
    ])
    _, control, _, _ = talk.theirs.recvmsg(10, 100)
    assert struct.unpack("i", find_cmsg(control, IP_TTL))[0] == 9
    assert find_cmsg(control, IP_TOS) == b"\x04"


@pytest.mark.req("BSD-6", "RFC1122-4.1.4")
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM, socket.SOCK_RAW], ids=["udp", "tcp", "raw"])
def test_ip_tos_sets_the_priority_as_of_af_inet(alone, kind):
    """And a stream's ECN bits are TCP's own."""

    def told(sock):
        seen = []
        for tos in range(256):
            sock.setsockopt(socket.SOL_IP, IP_TOS, tos)
            seen.append((sock.getsockopt(socket.SOL_IP, IP_TOS), sock.getsockopt(socket.SOL_SOCKET, SO_PRIORITY)))
        for priority, tos in ((5, 0), (5, 0x10), (5, 0x10), (6, 0x13), (1, 0x110), (1, -1)):
            sock.setsockopt(socket.SOL_SOCKET, SO_PRIORITY, priority)
            sock.setsockopt(socket.SOL_IP, IP_TOS, tos)
            seen.append((sock.getsockopt(socket.SOL_IP, IP_TOS), sock.getsockopt(socket.SOL_SOCKET, SO_PRIORITY)))
        return seen

    protocol = 253 if kind == socket.SOCK_RAW else 0
    ours = told(alone.socket(kind, protocol))
    assert ours == told(alone.linux_socket(kind, protocol))
    assert {priority for _, priority in ours} >= {0, 2, 4, 6}


class Mmsghdr(ctypes.Structure):
    _fields_ = [("header", Msghdr), ("len", ctypes.c_uint)]


@pytest.mark.req("UDP-3")
def test_sendmmsg_and_recvmmsg(talk):
    count = 8
    name = pack(("10.0.0.2", PORT))
    datas = [b"datagram %d" % number for number in range(count)]
    messages = (Mmsghdr * count)()
    for message, data in zip(messages, datas):
        message.header = Msghdr(name, len(name), ctypes.pointer(Iovec(data, len(data))), 1, None, 0, 0)
    assert check(libc.sendmmsg(talk.ours.fileno(), messages, count, 0), "sendmmsg") == count
    assert [message.len for message in messages] == [len(data) for data in datas]
    assert [talk.theirs.recv(100) for _ in range(count)] == datas

    talk.ours.setblocking(True)
    for data in datas:
        talk.theirs.sendto(data, ("10.0.0.1", PORT))
    buffers = [ctypes.create_string_buffer(100) for _ in range(count)]
    names = [ctypes.create_string_buffer(16) for _ in range(count)]
    for message, buffer, room in zip(messages, buffers, names):
        iov = Iovec(ctypes.cast(buffer, ctypes.c_char_p), 100)
        message.header = Msghdr(ctypes.cast(room, ctypes.c_char_p), 16, ctypes.pointer(iov), 1, None, 0, 0)
    got = 0
    while got < count:
        more = ctypes.byref(messages, got * ctypes.sizeof(Mmsghdr))
        got += check(libc.recvmmsg(talk.ours.fileno(), more, count - got, 0x10000, None), "recvmmsg")
    assert [buffer.value for buffer in buffers] == datas
    for room in names:
        assert unpack(room.raw) == ("10.0.0.2", PORT)


@pytest.mark.req("BSD-5")
def test_receive_timeout(alone):
    sock = alone.socket(bind=("10.0.0.1", PORT))
    sock.setblocking(True)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 30000))
    assert errno_of(sock.recv, 10) == errno.EAGAIN


@pytest.mark.req("BSD-5")
def test_signal_interrupts_a_blocking_receive(alone):
    import signal

    def wait():
        sock = alone.socket(bind=("10.0.0.1", PORT))
        sock.setblocking(True)
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.siginterrupt(signal.SIGALRM, True)
        signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
        buffer = ctypes.create_string_buffer(4)
        return ctypes.get_errno() if libc.recv(sock.fileno(), buffer, 4, 0) < 0 else 0

    assert in_child(wait) == errno.EINTR


@pytest.mark.req("BSD-5")
def test_epoll_edge_triggered(talk):
    with select.epoll() as epoll:
        epoll.register(talk.ours, select.EPOLLIN | select.EPOLLET)
        assert epoll.poll(0) == []
        for data in (b"one", b"two"):
            talk.theirs.sendto(data, ("10.0.0.1", PORT))
            assert epoll.poll(PATIENCE)[0][1] & select.EPOLLIN
            assert epoll.poll(0) == [], "an edge is told once"
        assert [talk.ours.recv(10) for _ in range(2)] == [b"one", b"two"]


@pytest.mark.req("BSD-5")
def test_poll_says_writable_and_readable(talk):
    poll = select.poll()
    poll.register(talk.ours, select.POLLIN | select.POLLOUT)
    assert poll.poll(0)[0][1] == select.POLLOUT
    talk.theirs.sendto(b"x", ("10.0.0.1", PORT))
    wait_for(lambda: poll.poll(0)[0][1] == select.POLLIN | select.POLLOUT, "readable")


@pytest.mark.req("UDP-3", "BSD-5")
def test_full_receive_buffer_drops_and_counts(wired):
    sock = wired.a.socket(bind=("10.0.0.1", PORT))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    before = wired.a.counters()
    for _ in range(50):
        wired.w.send(datagram(wired, bytes(1000)))
    wired.w.fence()
    after = wired.a.counters()
    dropped = after["Udp.DropRcvbufFull"] - before["Udp.DropRcvbufFull"]
    taken = after["Udp.InDatagrams"] - before["Udp.InDatagrams"]
    assert dropped and taken and dropped + taken == 50
    assert udp_line(wired.a, sock)["drops"] == dropped
    for _ in range(taken):
        sock.recv(2000, socket.MSG_DONTWAIT)
    wired.w.send(datagram(wired, b"room again"))
    assert sock.recv(100) == b"room again"


@pytest.mark.req("BSD-5", "ARP-4")
def test_full_send_buffer_blocks_the_sender(lab):
    """Datagrams that wait for ARP are charged to the socket that sent them."""
    host = lab.edu_host("10.0.0.1/24")
    host.tune(arp_res_time_ms=600000, arp_queue_len=1024)
    sock = host.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
    sent = 0

    def fill():
        nonlocal sent
        while sent < 1000:
            sock.send_with(bytes(1000), ("10.0.0.2", 9), flags=socket.MSG_DONTWAIT)
            sent += 1

    assert errno_of(fill) == errno.EAGAIN and 0 < sent < 20
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    assert poll.poll(0) == []
    host.rtnl.neighbour("10.0.0.2", "02:00:00:00:00:02", "e0")  # they leave
    assert poll.poll(PATIENCE * 1000)[0][1] == select.POLLOUT


@pytest.mark.req("BSD-5")
def test_shutdown(talk):
    assert errno_of(talk.ours.shutdown, socket.SHUT_RD) == errno.ENOTCONN
    sock = talk.a.socket()
    sock.connect(("10.0.0.2", PORT))
    sock.shutdown(socket.SHUT_RD)
    sock.settimeout(None)
    assert sock.recv(10) == b""
    sock.shutdown(socket.SHUT_WR)
    assert errno_of(sock.send, b"x", socket.MSG_NOSIGNAL) == errno.EPIPE


@pytest.mark.req("INET-10", "INET-11")
def test_listen_changes_the_state_and_accept_is_for_tcp(alone):
    sock = alone.socket(bind=("10.0.0.1", PORT))
    check(libc.listen(sock.fileno(), 5), "listen")
    assert udp_line(alone, sock)["state"] == "0A"
    assert libc.accept(sock.fileno(), None, None) == -1 and ctypes.get_errno() == errno.EOPNOTSUPP


@pytest.mark.req("BSD-5")
def test_socket_survives_dup_and_fork(talk):
    copy = os.dup(talk.ours.fileno())
    talk.ours.close()
    talk.theirs.sendto(b"to the copy", ("10.0.0.1", PORT))
    wait = select.select([copy], [], [], PATIENCE)[0]
    assert wait and os.read(copy, 100) == b"to the copy"
    os.close(copy)
    assert errno_of(talk.a.socket().bind, ("10.0.0.1", PORT)) == 0


# Many


@pytest.mark.req("UDP-1", "INET-7")
def test_thousands_of_sockets(alone):
    count = 5000 if KERNEL != "debug" else 1000
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (8000, 8000))
    with in_netns(alone.name):
        socks = [socket.socket(AF_EDUINET, socket.SOCK_DGRAM) for _ in range(count)]
    for number, sock in enumerate(socks):
        check(libc.bind(sock.fileno(), pack(("10.0.0.1", 1024 + number)), 16), "bind")
    sender = alone.socket()
    for number in range(0, count, 97):
        sender.sendto(b"%d" % number, ("10.0.0.1", 1024 + number))
        poll = select.poll()
        poll.register(socks[number], select.POLLIN)
        assert poll.poll(PATIENCE * 1000)
        assert socks[number].recv(10) == b"%d" % number
    assert len(alone.proc("udp")) == count + 2
    for sock in socks:
        sock.close()
    assert len(alone.proc("udp")) == 2


@pytest.mark.req("UDP-3")
def test_nothing_is_lost_or_changed_in_a_long_exchange(talk):
    """Each datagram is answered before the next: what comes back is what was sent."""
    talk.ours.connect(("10.0.0.2", PORT))
    for number in range(200 * EFFORT):
        data = struct.pack("!I", number) * (1 + number % 360)
        talk.ours.send(data)
        got, source = talk.theirs.recvfrom(2000)
        assert got == data
        talk.theirs.sendto(got, source)
        assert talk.ours.recv(2000) == data
