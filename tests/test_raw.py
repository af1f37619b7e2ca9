# SPDX-License-Identifier: GPL-2.0-only
"""RAW and ping sockets (BSD-4, INET-2, IP-10; raw(7), icmp(7))."""

import errno
import socket
import struct

import pytest
from conftest import errno_of, in_child
from edusock import IP_HDRINCL, EduSocket
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

ICMP_PROTOCOL, UDP_PROTOCOL = 1, 17
NOBODY = 65534


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[: len(data) // 2 * 2])) + (data[-1] << 8 if len(data) % 2 else 0)
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(number=1, ident=0x1234, data=b"ping"):
    bare = struct.pack("!BBHHH", 8, 0, 0, ident, number) + data
    return bare[:2] + struct.pack("!H", checksum(bare)) + bare[4:]


@pytest.mark.req("BSD-4", "IP-10")
def test_raw_icmp_pings_linux(pair):
    sock = pair.a.socket(socket.SOCK_RAW, ICMP_PROTOCOL)
    sock.sendto(echo_request(7), ("10.0.0.2", 0))
    data, source = sock.recvfrom(100)
    assert source == ("10.0.0.2", 0)
    assert data[0] == 0x45 and data[9] == 1 and data[12:16] == socket.inet_aton("10.0.0.2")
    assert data[20] == 0 and data[24:] == b"\x12\x34\x00\x07ping"


@pytest.mark.req("BSD-4")
def test_every_raw_socket_of_the_protocol_gets_a_copy(wired):
    socks = [wired.a.socket(socket.SOCK_RAW, UDP_PROTOCOL) for _ in range(2)]
    udp = wired.a.socket(bind=("10.0.0.1", 7000))
    wired.w.send(Ether(dst=wired.mac, src=wired.w.mac) / IP(src=wired.peer, dst="10.0.0.1")
                 / UDP(sport=9, dport=7000) / Raw(b"all of you"))
    for sock in socks:
        assert sock.recv(100)[28:] == b"all of you"
    assert udp.recv(100) == b"all of you"


@pytest.mark.req("BSD-4")
def test_bound_and_connected_raw_sockets_choose(wired):
    wired.a.rtnl.address("10.0.0.100/24", "e0")
    bound = wired.a.socket(socket.SOCK_RAW, 253, bind=("10.0.0.100", 0))
    connected = wired.a.socket(socket.SOCK_RAW, 253)
    connected.connect(("10.0.0.8", 0))

    def send(source, destination, data):
        wired.w.send(Ether(dst=wired.mac, src=wired.w.mac) / IP(src=source, dst=destination, proto=253) / Raw(data))

    send(wired.peer, "10.0.0.1", b"for neither")
    send(wired.peer, "10.0.0.100", b"for bound")
    send("10.0.0.8", "10.0.0.1", b"for connected")
    assert bound.recv(100)[20:] == b"for bound"
    assert connected.recv(100)[20:] == b"for connected"
    wired.w.fence()
    for sock in (bound, connected):
        assert errno_of(sock.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN


@pytest.mark.req("BSD-4")
def test_header_included(wired):
    sock = wired.a.socket(socket.SOCK_RAW, 255)
    assert sock.getsockopt(socket.SOL_IP, IP_HDRINCL) == 1
    header = IP(src="10.0.0.1", dst=wired.peer, proto=253, ttl=9, tos=0x10, id=0x4321) / Raw(b"by hand")
    sock.sendto(bytes(header), (wired.peer, 0))
    got = wired.w.expect(lambda frame: IP in frame and frame[IP].proto == 253, "packet")[IP]
    assert (got.ttl, got.tos, got.id, bytes(got.payload)[:7]) == (9, 0x10, 0x4321, b"by hand")
    # Zeros are filled in: source, identification, length and checksum.
    bare = bytearray(bytes(header))
    bare[2:6] = bytes(4)
    bare[10:16] = bytes(6)
    sock.sendto(bytes(bare), (wired.peer, 0))
    got = wired.w.expect(lambda frame: IP in frame and frame[IP].proto == 253, "packet")[IP]
    assert (got.src, got.len) == ("10.0.0.1", 27)
    assert checksum(bytes(got)[:20]) == 0


@pytest.mark.req("BSD-4")
def test_impossible_header_is_refused(wired):
    sock = wired.a.socket(socket.SOCK_RAW, 255)
    for data in (b"", b"x", bytes(19), b"\x44" + bytes(30), b"\x4f" + bytes(30)):
        assert errno_of(sock.sendto, data, (wired.peer, 0)) == errno.EINVAL
    assert errno_of(sock.sendto, b"\x45" + bytes(1500), (wired.peer, 0)) == errno.EMSGSIZE


@pytest.mark.req("BSD-4", "IP-10")
def test_icmp_filter(wired):
    sock = wired.a.socket(socket.SOCK_RAW, ICMP_PROTOCOL)
    sock.setsockopt(255, 1, struct.pack("I", 1 << 8))  # SOL_RAW, ICMP_FILTER: no echo requests
    for kind in (8, 13):
        wired.w.send(Ether(dst=wired.mac, src=wired.w.mac) / IP(src=wired.peer, dst="10.0.0.1") / ICMP(type=kind))
    assert sock.recv(100)[20] == 13
    assert struct.unpack("I", sock.getsockopt_raw(255, 1))[0] == 1 << 8


@pytest.mark.req("BSD-4")
def test_raw_socket_needs_a_capability(lab):
    host = lab.edu_host("10.0.0.1/24")

    def make():
        EduSocket(socket.SOCK_RAW, ICMP_PROTOCOL, netns=None)

    from edusock import in_netns

    with in_netns(host.name):
        assert in_child(make, NOBODY) == errno.EPERM
        assert in_child(make) == 0


@pytest.mark.req("BSD-4", "RFC1122-3.2.2.1")
def test_error_reaches_a_connected_raw_socket(wired):
    sock = wired.a.socket(socket.SOCK_RAW, 253)
    sock.connect((wired.peer, 0))
    sock.send(b"12345678")
    sent = wired.w.expect(lambda frame: IP in frame and frame[IP].proto == 253, "packet")
    wired.w.send(Ether(dst=wired.mac, src=wired.w.mac) / IP(src=wired.peer, dst="10.0.0.1")
                 / ICMP(type=3, code=2) / Raw(bytes(sent[IP])[:28]))
    assert errno_of(sock.recv, 10) == errno.ENOPROTOOPT


@pytest.mark.req("INET-7")
def test_raw_sockets_in_proc(lab):
    host = lab.edu_host("10.0.0.1/24")
    before = len(host.proc("raw"))
    sock = host.socket(socket.SOCK_RAW, 253)
    assert len(host.proc("raw")) == before + 1
    sock.close()
    assert len(host.proc("raw")) == before


# Ping sockets


@pytest.mark.req("BSD-4", "IP-10")
def test_ping_socket_needs_a_group(pair):
    from edusock import in_netns

    def make():
        EduSocket(socket.SOCK_DGRAM, ICMP_PROTOCOL)

    with in_netns(pair.a.name):
        assert in_child(make, NOBODY) == errno.EACCES
        pair.a.tune(ping_group_max=NOBODY, ping_group_min=NOBODY)
        assert in_child(make, NOBODY) == 0
        assert in_child(make) == errno.EACCES


@pytest.mark.req("BSD-4", "IP-10")
def test_ping_socket_pings(pair):
    pair.a.tune(ping_group_min=0, ping_group_max=0)
    sock, other = (pair.a.socket(socket.SOCK_DGRAM, ICMP_PROTOCOL) for _ in range(2))
    sock.sendto(echo_request(3), ("10.0.0.2", 0))
    data, source = sock.recvfrom(100)
    assert source[0] == "10.0.0.2"
    assert (data[0], data[6:]) == (0, b"\x00\x03ping")
    assert struct.unpack("!H", data[4:6])[0] == sock.getsockname()[1]
    assert errno_of(other.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN
    for wrong in (b"", b"1234567", b"\x00" * 8, b"\x08\x01" + bytes(6)):
        assert errno_of(sock.sendto, wrong, ("10.0.0.2", 0)) == errno.EINVAL
