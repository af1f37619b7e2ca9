# SPDX-License-Identifier: GPL-2.0-only
"""RARP: the server with its table, and clients with a packet socket (OVER-11; RFC 903)."""

import contextlib
import errno
import fcntl
import socket
import struct

import pytest
import rtnl
from conftest import errno_of, in_child, in_netns
from edusock import AF_EDUINET
from scapy.layers.inet import UDP
from scapy.layers.l2 import ARP, Ether

BROADCAST = "ff:ff:ff:ff:ff:ff"
DISKLESS = "02:00:00:00:00:77"
SIOCDRARP, SIOCGRARP, SIOCSRARP = 0x8960, 0x8961, 0x8962
ETH_P_RARP = 0x8035


def rarp_ioctl(sock, what, ip, mac=None, device="", family=AF_EDUINET):
    """struct arpreq: (mac, device) in the answer."""
    raw = bytearray(struct.pack("=HH4s8x", family, 0, socket.inet_aton(ip)))
    raw += struct.pack("=H14s", 1 if mac else 0, rtnl.mac_octets(mac) if mac else b"")
    raw += bytes(20) + device.encode().ljust(16, b"\0")
    fcntl.ioctl(sock, what, raw)
    return rtnl.mac_text(raw[18:24]), bytes(raw[52:68]).rstrip(b"\0").decode()


@pytest.fixture
def cable(lab):
    """lab.a is the server at 10.0.0.1; lab.w is scapy."""
    lab.a = lab.edu_host("10.0.0.1/24")
    lab.w = lab.wire()
    lab.mac = lab.a.mac()
    lab.a.rtnl.neighbour("10.0.0.9", lab.w.mac, "e0")
    lab.w.to_mac, lab.w.to_ip, lab.w.ip = lab.mac, "10.0.0.1", "10.0.0.9"
    lab.sock = lab.a.socket()
    lab.w.heard()
    return lab


def question(lab, about=DISKLESS, op=3, **fields):
    return Ether(dst=BROADCAST, src=lab.w.mac, type=ETH_P_RARP) / ARP(
        op=op, hwsrc=lab.w.mac, psrc="0.0.0.0", hwdst=about, pdst="0.0.0.0", **fields
    )


def packet_of(frame):
    """scapy knows the packet, but not by this type of frame."""
    return ARP(bytes(frame.payload))


def is_reply(frame):
    return frame.type == ETH_P_RARP and packet_of(frame).op == 4


@pytest.mark.req("OVER-11", "RFC903")
def test_question_is_answered(cable):
    rarp_ioctl(cable.sock, SIOCSRARP, "10.0.0.50", DISKLESS)
    with cable.a.counts("Rarp.OutReplies"):
        cable.w.send(question(cable))
    frame = cable.w.expect(is_reply, "reply")
    assert (frame.dst, frame.src) == (cable.w.mac, cable.mac)
    arp = packet_of(frame)
    assert (arp.hwtype, arp.ptype, arp.hwlen, arp.plen) == (1, 0x0800, 6, 4)
    assert (arp.hwsrc, arp.psrc, arp.hwdst, arp.pdst) == (cable.mac, "10.0.0.1", DISKLESS, "10.0.0.50")


@pytest.mark.req("OVER-11")
def test_table_by_ioctl_and_in_proc(cable):
    rarp_ioctl(cable.sock, SIOCSRARP, "10.0.0.50", DISKLESS)
    rarp_ioctl(cable.sock, SIOCSRARP, "192.168.0.50", cable.w.mac, device="e0", family=socket.AF_INET)
    assert rarp_ioctl(cable.sock, SIOCGRARP, "10.0.0.50") == (DISKLESS, "e0")
    assert sorted(line.split() for line in cable.a.proc("rarp")[1:]) == sorted([
        ["10.0.0.50", "0x1", DISKLESS, "e0"], ["192.168.0.50", "0x1", cable.w.mac, "e0"],
    ])
    rarp_ioctl(cable.sock, SIOCDRARP, "10.0.0.50")
    assert errno_of(rarp_ioctl, cable.sock, SIOCDRARP, "10.0.0.50") == errno.ENXIO
    assert errno_of(rarp_ioctl, cable.sock, SIOCGRARP, "10.0.0.50") == errno.ENXIO
    with cable.a.counts("Rarp.DropUnknown"):
        cable.w.send(question(cable))
    cable.a.rtnl.address("10.0.0.1/24", "e0", delete=True)
    assert not cable.a.proc("rarp")[1:]


@pytest.mark.req("OVER-11")
def test_refusals(cable):
    def refused(*args, **more):
        return errno_of(lambda: rarp_ioctl(cable.sock, SIOCSRARP, *args, **more))

    assert refused("10.9.0.50", DISKLESS) == errno.ENETUNREACH
    assert refused("10.0.0.50", DISKLESS, device="e7") == errno.ENODEV
    assert refused("10.0.0.50") == errno.EAFNOSUPPORT
    assert refused("10.0.0.50", BROADCAST) == errno.EINVAL
    assert refused("224.0.0.1", DISKLESS) == errno.EINVAL
    assert refused("10.0.0.50", DISKLESS, family=socket.AF_INET6) == errno.EPFNOSUPPORT
    cable.a.tune(rarp_max_entries=1)
    assert refused("10.0.0.50", DISKLESS) == 0
    assert refused("10.0.0.51", cable.w.mac) == errno.ENOBUFS
    for what in (SIOCSRARP, SIOCDRARP):
        assert in_child(lambda: rarp_ioctl(cable.sock, what, "10.0.0.50", DISKLESS) and 0, user=65534) == errno.EPERM


@pytest.mark.req("OVER-11", "RFC903")
@pytest.mark.parametrize(
    "counter,change",
    [
        ("DropFormat", {"hwtype": 6}), ("DropFormat", {"ptype": 0x86DD}), ("DropOpcode", {"op": 1}),
        ("DropOpcode", {"op": 9}), ("DropNotForUs", {"op": 4}),
    ],
)
def test_malformed_packet_is_dropped_under_its_name(cable, counter, change):
    rarp_ioctl(cable.sock, SIOCSRARP, "10.0.0.50", DISKLESS)
    with cable.a.counts(f"Rarp.{counter}"):
        cable.w.send(question(cable, **change))
    with cable.a.counts("Rarp.DropShort"):
        cable.w.send(bytes(question(cable))[: 14 + 27])
    assert not [one for one in cable.w.fence() if is_reply(one)]


@pytest.mark.req("OVER-11", "DEV-4")
@pytest.mark.parametrize("exclusive", [0, 1])
def test_client_gets_the_reply_while_its_device_is_attached(lab, exclusive):
    """What `edu rarp` does: a question and its answer by a packet socket."""
    server, client = lab.edu_host("10.0.0.1/24"), lab.edu_host("10.0.0.2/24")
    rarp_ioctl(server.socket(), SIOCSRARP, "10.0.0.50", client.mac())
    with in_netns(client.name):
        with open("/proc/sys/net/eduinet/conf/e0/exclusive", "w", encoding="ascii") as file:
            file.write(str(exclusive))
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_RARP))
    with contextlib.closing(sock):
        sock.bind(("e0", ETH_P_RARP))
        sock.settimeout(10)
        mac = client.mac()
        sock.send(bytes(
            Ether(dst=BROADCAST, src=mac, type=ETH_P_RARP)
            / ARP(op=3, hwsrc=mac, psrc="0.0.0.0", hwdst=mac, pdst="0.0.0.0")
        ))
        got = packet_of(Ether(sock.recv(2000)))
    assert (got.op, got.hwdst, got.pdst) == (4, mac, "10.0.0.50")


@pytest.mark.req("OVER-11")
def test_flood_of_questions_disturbs_nobody(cable):
    rarp_ioctl(cable.sock, SIOCSRARP, "10.0.0.50", DISKLESS)
    with cable.a.counts("Rarp.DropUnknown", 300):
        for number in range(300):
            cable.w.send(question(cable, about=f"02:00:00:00:{number // 256:02x}:{number % 256:02x}"
                                  if number != 0x77 else "02:00:00:01:00:77"))
    cable.w.heard()
    cable.sock.sendto(b"on and on", ("10.0.0.9", 9))
    assert [one.dst for one in cable.w.fence() if UDP in one] == [cable.w.mac]
