# SPDX-License-Identifier: GPL-2.0-only
"""The IP layer's checks, every one under its own counter (OVER-3, OVER-8, IP-10; RFC 791, RFC 1122
3.2.1, RFC 1812 5.3.7)."""

import errno
import select
import socket
import struct

import pytest
import rtnl
from conftest import PATIENCE, errno_of, in_netns, wait_for
from edusock import IP_OPTIONS, IP_RECVOPTS, IP_RETOPTS, IP_TOS, IP_TTL, find_cmsg
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

PORT = 7000


@pytest.fixture
def cable(wired):
    """wired, and a socket that receives whatever comes through."""
    wired.sock = wired.a.socket(bind=("0.0.0.0", PORT))
    return wired


def packet(lab, data=b"data", sport=9, dport=PORT, **fields):
    """A datagram for lab.a, with any field of its IP header as the caller likes."""
    fields = {"src": lab.peer, "dst": "10.0.0.1"} | fields
    return Ether(dst=lab.mac, src=lab.w.mac) / IP(**fields) / UDP(sport=sport, dport=dport) / Raw(data)


def broken(lab, change, fix_checksum=True):
    """The octets of a good datagram, changed; with a header checksum that is right again."""
    raw = bytearray(bytes(packet(lab)))
    change(raw)
    header = raw[14 : 14 + max(20, (raw[14] & 15) * 4)]
    if fix_checksum:
        header[10:12] = b"\0\0"
        total = sum(int.from_bytes(header[at : at + 2].ljust(2, b"\0"), "big") for at in range(0, len(header), 2))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        raw[24:26] = (~total & 0xFFFF).to_bytes(2, "big")
    return bytes(raw)


def set_octet(at, value):
    def change(raw):
        raw[14 + at] = value

    return change


def set_word(at, value):
    def change(raw):
        raw[14 + at : 16 + at] = value.to_bytes(2, "big")

    return change


def receives_nothing(lab):
    """Everything sent before has been dealt with, and nothing of it is on the socket."""
    frames = lab.w.fence()
    assert errno_of(lab.sock.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN
    return frames


@pytest.mark.req("OVER-3", "RFC1122-3.2.1.1", "RFC1122-3.2.1.2", "RFC1812-5.2.2")
@pytest.mark.parametrize(
    "counter,change,fix_checksum",
    [
        ("DropVersion", set_octet(0, 0x65), True),
        ("DropVersion", set_octet(0, 0x05), True),
        ("DropHeaderLength", set_octet(0, 0x44), True),
        ("DropHeaderLength", set_octet(0, 0x40), True),
        ("DropHeaderLength", set_octet(0, 0x4F), True),  # 60 octets, the packet has 32
        ("DropTotalLength", set_word(2, 19), True),
        ("DropTotalLength", set_word(2, 0), True),
        ("DropTruncated", set_word(2, 1500), True),
        ("DropTruncated", set_word(2, 33), True),
        ("DropChecksum", set_word(10, 0x1234), False),
        ("DropChecksum", set_octet(8, 63), False),
    ],
)
def test_malformed_header_is_dropped_silently_under_its_name(cable, counter, change, fix_checksum):
    with cable.a.counts(f"Ip.{counter}"):
        cable.w.send(broken(cable, change, fix_checksum))
    assert not receives_nothing(cable)


@pytest.mark.req("OVER-3", "RFC1812-5.2.2")
@pytest.mark.parametrize("length", [0, 1, 19])
def test_packet_shorter_than_a_header(cable, length):
    with cable.a.counts("Ip.DropShort"):
        cable.w.send(bytes(packet(cable))[: 14 + length])
    assert not receives_nothing(cable)


@pytest.mark.req("OVER-3")
def test_padding_behind_the_packet_is_trimmed(cable):
    cable.w.send(bytes(packet(cable, b"abc")) + b"PADDING")
    assert cable.sock.recv(100) == b"abc"


@pytest.mark.req("IP-10", "RFC1122-3.2.1.3", "RFC1812-5.3.7")
@pytest.mark.parametrize(
    "source",
    ["127.0.0.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "0.1.2.3", "0.0.0.0", "10.0.0.1", "10.0.0.255"],
)
def test_martian_source(cable, source):
    with cable.a.counts("Ip.DropMartianSource"):
        cable.w.send(packet(cable, src=source))
    assert not receives_nothing(cable)


@pytest.mark.req("IP-10", "RFC1812-5.3.7")
@pytest.mark.parametrize("destination", ["127.0.0.1", "0.0.0.0", "240.0.0.1"])
def test_martian_destination(cable, destination):
    with cable.a.counts("Ip.DropMartianDestination"):
        cable.w.send(packet(cable, dst=destination))
    assert not receives_nothing(cable)


@pytest.mark.req("OVER-4", "RFC1122-3.3.1")
@pytest.mark.parametrize("destination", ["10.0.0.77", "192.168.1.1"])
def test_packet_for_another_host_is_dropped_silently(cable, destination):
    with cable.a.counts("Ip.DropNotForUs"):
        cable.w.send(packet(cable, dst=destination))
    assert not receives_nothing(cable)


@pytest.mark.req("IP-10")
def test_group_nobody_joined(cable):
    with cable.a.counts("Ip.DropMulticastNotJoined"):
        frame = packet(cable, dst="239.1.2.3")
        frame.dst = "ff:ff:ff:ff:ff:ff"
        cable.w.send(frame)
    assert not receives_nothing(cable)


@pytest.mark.req("OVER-9")
def test_frame_of_another_station_seen_by_a_promiscuous_host(cable):
    cable.a.rtnl.link_set("e0", {rtnl.IFF_PROMISC: True})
    frame = packet(cable)
    frame.dst = "02:00:00:00:00:77"
    with cable.a.counts("Link.DropOtherHost"):
        cable.w.send(frame)
    assert not receives_nothing(cable)


@pytest.mark.req("OVER-8", "RFC1122-3.2.2.1")
def test_unknown_protocol_is_answered_by_protocol_unreachable(cable):
    with cable.a.counts("Ip.DropUnknownProtocol"):
        cable.w.send(Ether(dst=cable.mac, src=cable.w.mac) / IP(src=cable.peer, dst="10.0.0.1", proto=253) / Raw(b"x" * 20))
    frame = cable.w.expect(lambda frame: ICMP in frame, "protocol unreachable")
    assert (frame[ICMP].type, frame[ICMP].code) == (3, 2)
    assert frame[ICMP].payload.proto == 253


@pytest.mark.req("OVER-8")
def test_raw_socket_takes_an_unknown_protocol(cable):
    raw = cable.a.socket(socket.SOCK_RAW, 253)
    cable.w.send(Ether(dst=cable.mac, src=cable.w.mac) / IP(src=cable.peer, dst="10.0.0.1", proto=253) / Raw(b"taken"))
    assert raw.recv(100)[20:] == b"taken"
    assert not [frame for frame in cable.w.fence() if ICMP in frame]


@pytest.mark.req("OVER-3", "RFC1122-3.2.1.7")
def test_header_of_a_packet_sent(cable):
    cable.sock.sendto(b"hello", (cable.peer, 9))
    frame = cable.w.expect(lambda frame: UDP in frame, "datagram")
    header = frame[IP]
    assert (header.version, header.ihl, header.len, header.ttl, header.proto) == (4, 5, 33, 64, 17)
    assert (header.src, header.dst, header.tos, header.frag) == ("10.0.0.1", cable.peer, 0, 0)
    good = header.copy()
    del good.chksum, good[UDP].chksum
    good = IP(bytes(good))
    assert header.chksum == good.chksum


@pytest.mark.req("IP-10", "RFC1122-3.2.1.7")
def test_ttl_default_is_tunable(cable):
    cable.a.tune(ip_default_ttl=17)
    cable.sock.sendto(b"x", (cable.peer, 9))
    assert cable.w.expect(lambda frame: UDP in frame, "datagram")[IP].ttl == 17
    cable.sock.setsockopt(socket.SOL_IP, IP_TTL, 3)
    cable.sock.sendto(b"x", (cable.peer, 9))
    assert cable.w.expect(lambda frame: UDP in frame, "datagram")[IP].ttl == 3


@pytest.mark.req("RFC1122-3.2.1.7")
@pytest.mark.parametrize("ttl", [0, 1])
def test_a_packet_for_us_is_taken_whatever_its_ttl(cable, ttl):
    cable.w.send(packet(cable, ttl=ttl))
    assert cable.sock.recv(10) == b"data"


@pytest.mark.req("IP-10", "RFC1122-3.2.1.6")
def test_tos_is_sent(cable):
    cable.sock.setsockopt(socket.SOL_IP, IP_TOS, 0x10)
    cable.sock.sendto(b"x", (cable.peer, 9))
    assert cable.w.expect(lambda frame: UDP in frame, "datagram")[IP].tos == 0x10


# Options


RECORD_ROUTE = bytes([7, 11, 4]) + bytes(8)


@pytest.mark.req("IP-10", "RFC1122-3.2.1.8", "RFC1122-4.1.3.2")
def test_options_pass_up(cable):
    cable.sock.setsockopt(socket.SOL_IP, IP_RECVOPTS, 1)
    cable.sock.setsockopt(socket.SOL_IP, IP_RETOPTS, 1)
    options = RECORD_ROUTE + b"\x01"
    frame = packet(cable)
    raw = bytearray(bytes(frame))
    raw[14] = 0x40 | (5 + len(options) // 4)
    raw[34:34] = options
    raw[16:18] = (len(raw) - 14).to_bytes(2, "big")
    cable.w.send(with_checksum(raw))
    data, control, _, _ = cable.sock.recvmsg(100, 200)
    assert data == b"data"
    assert find_cmsg(control, IP_RECVOPTS)[:2] == b"\x07\x0b"
    assert find_cmsg(control, IP_RETOPTS)[:2] == b"\x07\x0b"


def with_checksum(raw):
    size = (raw[14] & 15) * 4
    raw[24:26] = b"\0\0"
    total = sum(int.from_bytes(raw[14 + at : 16 + at], "big") for at in range(0, size, 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    raw[24:26] = (~total & 0xFFFF).to_bytes(2, "big")
    return bytes(raw)


def with_options(lab, options):
    raw = bytearray(bytes(packet(lab)))
    raw[14] = 0x40 | (5 + len(options) // 4)
    raw[34:34] = options
    raw[16:18] = (len(raw) - 14).to_bytes(2, "big")
    return with_checksum(raw)


@pytest.mark.req("RFC1122-3.2.1.8")
@pytest.mark.parametrize(
    "options", [b"\x01\x01\x01\x01", b"\x00\xff\xff\xff", b"\x1f\x04ab", b"\x94\x04\x00\x00"],
    ids=["nop", "end", "unknown", "router-alert"],
)
def test_harmless_options_are_ignored(cable, options):
    cable.w.send(with_options(cable, options))
    assert cable.sock.recv(10) == b"data"


@pytest.mark.req("IP-10", "RFC1122-3.2.1.8", "RFC1122-3.2.2.5")
@pytest.mark.parametrize(
    "options,pointer",
    [(b"\x01\x07\x28\x04", 22), (b"\x07\x00\x04\x00", 21), (b"\x07\x01\x04\x00", 21), (b"\x01\x01\x01\x07", 23)],
    ids=["overruns", "length 0", "length 1", "no length"],
)
def test_options_that_overrun_are_a_parameter_problem(cable, options, pointer):
    with cable.a.counts("Ip.DropOptions"):
        cable.w.send(with_options(cable, options))
    problems = [frame for frame in receives_nothing(cable) if ICMP in frame]
    assert [frame[ICMP].type for frame in problems] == [12]
    assert problems[0][ICMP].ptr in (pointer, pointer - 1)


@pytest.mark.req("IP-10")
def test_source_route_is_refused(cable):
    with cable.a.counts("Ip.DropSourceRoute"):
        cable.w.send(with_options(cable, bytes([131, 7, 4, 10, 0, 0, 2, 0])))
    receives_nothing(cable)


@pytest.mark.req("IP-10", "RFC1122-3.2.1.8", "RFC1122-4.1.3.2")
def test_options_are_sent(cable):
    cable.sock.setsockopt(socket.SOL_IP, IP_OPTIONS, RECORD_ROUTE + b"\x00")
    cable.sock.sendto(b"x", (cable.peer, 9))
    frame = cable.w.expect(lambda frame: UDP in frame, "datagram")
    assert frame[IP].ihl == 8
    assert bytes(frame[IP])[20:23] == b"\x07\x0b\x04"


# Sources


@pytest.mark.req("OVER-1", "RFC1122-3.3.4.3")
def test_source_is_the_address_of_the_destinations_subnet(cable):
    cable.a.rtnl.address("10.2.0.1/16", "e0")
    cable.a.rtnl.neighbour("10.2.0.9", cable.w.mac, "e0")
    for destination, source in (("10.2.0.9", "10.2.0.1"), (cable.peer, "10.0.0.1")):
        cable.sock.sendto(b"x", (destination, 9))
        assert cable.w.expect(lambda frame: UDP in frame, "datagram")[IP].src == source


@pytest.mark.req("OVER-4", "ROUTE-8")
def test_gateway_is_used_for_what_is_not_on_the_link(cable):
    assert errno_of(cable.sock.sendto, b"x", ("192.168.1.1", 9)) == errno.ENETUNREACH
    cable.a.rtnl.route("0.0.0.0/0", via=cable.peer)
    cable.sock.sendto(b"x", ("192.168.1.1", 9))
    frame = cable.w.expect(lambda frame: UDP in frame, "datagram")
    assert (frame[IP].dst, frame.dst) == ("192.168.1.1", cable.w.mac)
    cable.a.rtnl.route("192.168.1.0/24", via="10.0.0.8")
    cable.a.rtnl.neighbour("10.0.0.8", "02:00:00:00:00:08", "e0")
    cable.sock.sendto(b"x", ("192.168.1.1", 9))
    assert cable.w.expect(lambda frame: UDP in frame, "datagram").dst == "02:00:00:00:00:08"


def connections(host):
    """Netfilter's connections in a host's namespace, those that nobody can find any more too."""
    with in_netns(host.name), open("/proc/sys/net/netfilter/nf_conntrack_count", encoding="ascii") as file:
        return int(file.read())


def forget_connections(host):
    """IPCTNL_MSG_CT_DELETE of all (`conntrack -F`)."""
    with in_netns(host.name), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12) as netlink:  # NETLINK_NETFILTER
        netlink.settimeout(PATIENCE)
        netlink.send(struct.pack("=IHHIIBBH", 20, 1 << 8 | 2, rtnl.REQUEST | rtnl.ACK, 1, 0, socket.AF_INET, 0, 0))
        assert struct.unpack_from("=i", netlink.recv(4096), 16) == (0,)


@pytest.mark.req("LAYER-3")
def test_what_a_program_has_not_read_keeps_nothing_of_netfilter(lab):
    """A filter of the device has looked up the packets' connections; they go when it wants them to."""
    host, peer = lab.edu_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24")
    host.run("modprobe", "nf_conntrack_netlink")
    host.run("tc", "qdisc", "add", "dev", "e0", "clsact")
    host.run("tc", "filter", "add", "dev", "e0", "ingress", "protocol", "ip", "matchall", "action", "ct", "commit")
    sock = host.socket(bind=("10.0.0.1", 7000))
    speaker = peer.linux_socket()
    speaker.connect(("10.0.0.1", 7000))
    speaker.send(b"not read")
    assert select.select([sock], [], [], PATIENCE)[0]
    assert connections(host) >= 1
    host.run("tc", "qdisc", "del", "dev", "e0", "clsact")
    forget_connections(host)
    wait_for(lambda: not connections(host), "no connection is kept")
