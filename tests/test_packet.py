# SPDX-License-Identifier: GPL-2.0-only
"""SOCK_PACKET sockets: whole frames, beside Linux's own of the same kind (BSD-4, DEV-4; packet(7))."""

import ctypes
import errno
import select
import socket
import struct

import pytest
import rtnl
from conftest import ETH_P_ALL, PATIENCE, errno_of, in_child, noise, wait_for
from edusock import AF_EDUINET, EduSocket, check, in_netns, libc
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

SOCK_PACKET = 10
ETH_P_IP, ETH_P_ARP, ETH_P_TEST = 0x0800, 0x0806, 0x88B5
NOBODY = 65534


def name(device, protocol=None):
    """A struct sockaddr, or with a protocol a struct sockaddr_pkt."""
    raw = struct.pack("=H14s", 0, device.encode())
    return raw if protocol is None else raw + struct.pack("!H", protocol)


class Sniffer:
    """A program of 2.0's days: socket(family, SOCK_PACKET, htons(protocol))."""

    def __init__(self, host, protocol=ETH_P_ALL, device=None, family=AF_EDUINET):
        with in_netns(host.name):
            self.sock = socket.socket(family, SOCK_PACKET, socket.htons(protocol))
        self.fd = self.sock.fileno()
        host.sockets.append(self.sock)
        if device:
            self.bind(device)

    def bind(self, device):
        check(libc.bind(self.fd, name(device), 16), "bind")

    def send(self, frame, to):
        frame = bytes(frame)
        return check(libc.sendto(self.fd, frame, len(frame), socket.MSG_DONTWAIT, to, len(to or b"")), "sendto")

    def receive(self, patience=PATIENCE, flags=0, room=70000):
        """(frame, type of device, its name, protocol), or None when nothing comes."""
        if not select.select([self.fd], [], [], patience)[0]:
            return None
        data, raw = ctypes.create_string_buffer(room), ctypes.create_string_buffer(128)
        size = ctypes.c_uint32(128)
        got = check(libc.recvfrom(self.fd, data, room, socket.MSG_DONTWAIT | flags, raw, ctypes.byref(size)), "recv")
        assert size.value == 18
        kind, device, protocol = struct.unpack("=H14s2s", raw.raw[:18])
        return data.raw[: min(got, room)], kind, device.rstrip(b"\0").decode(), int.from_bytes(protocol, "big")

    def until(self, last):
        """Everything up to the frame for which last(frame) holds, with it."""
        seen = []
        while got := self.receive():
            seen.append(got)
            if last(Ether(got[0])):
                return seen
        raise AssertionError(f"never came; but {[Ether(one[0]).summary() for one in seen]}")


def end_of(data):
    return lambda frame: Raw in frame and bytes(frame[Raw].load).startswith(data)


def test_frame(destination, source, data=b"tlk"):
    return Ether(dst=destination, src=source, type=ETH_P_TEST) / Raw(data.ljust(46, b"\0"))


test_frame.__test__ = False


@pytest.mark.req("BSD-4", "DEV-4")
def test_the_same_frames_as_linuxs_own_socket(pair):
    """Both directions, octet by octet, with the same names."""
    ours, linux = Sniffer(pair.a), Sniffer(pair.a, family=socket.AF_INET)
    peer = pair.b.linux_socket(bind=("10.0.0.2", 7001))
    sock = pair.a.socket(bind=("10.0.0.1", 7000))
    sock.sendto(b"there", ("10.0.0.2", 7001))
    assert peer.recv(100) == b"there"
    peer.sendto(b"and back", ("10.0.0.1", 7000))
    assert sock.recv(100) == b"and back"
    seen = [sniffer.until(end_of(b"and back")) for sniffer in (ours, linux)]
    assert seen[0] == seen[1]
    assert [frame[1:] for frame in seen[0]] == [(1, "e0", frame[3]) for frame in seen[0]]
    assert {ETH_P_ARP, ETH_P_IP} == {frame[3] for frame in seen[0]}
    assert end_of(b"there")(Ether(seen[0][2][0])) or len(seen[0]) > 3


@pytest.mark.req("BSD-4", "DEV-4")
@pytest.mark.parametrize("device", [None, "e0"])
def test_one_protocol_comes_in_only(wired, device):
    """Linux has no address on the device: the short cut takes the frames, and serves the taps."""
    ip, arp = Sniffer(wired.a, ETH_P_IP, device), Sniffer(wired.a, ETH_P_ARP, device)
    other = Sniffer(wired.a, ETH_P_TEST, device)
    sock = wired.a.socket(bind=("10.0.0.1", 7000))
    sent = Ether(dst=wired.mac, src=wired.w.mac) / IP(src=wired.peer, dst="10.0.0.1") / UDP(sport=9, dport=7000) / Raw(b"in")
    sock.sendto(b"out", (wired.peer, 9))
    wired.w.send(sent, test_frame(wired.mac, wired.w.mac))
    assert sock.recv(100) == b"in"
    frame, _, where, protocol = ip.receive()
    assert (frame, where, protocol) == (bytes(sent), "e0", ETH_P_IP)
    assert Ether(other.receive()[0]).type == ETH_P_TEST
    wired.w.fence()
    assert ip.receive()[0][:14] == bytes(sent)[:14]  # the fence's echo request
    assert ip.receive(0) is None and arp.receive(0) is None


@pytest.mark.req("BSD-4")
def test_a_linux_host_beside_us_does_not_double_frames(lab):
    """With an address of Linux on the device both stacks are asked in turn, and the tap once."""
    host = lab.edu_host("10.0.0.1/24")
    host.rtnl.address("10.0.0.77/24", "e0", family=socket.AF_INET)
    other = lab.edu_host("10.0.0.2/24")
    taps = [Sniffer(host, ETH_P_IP), Sniffer(host, ETH_P_IP, "e0")]
    sock = host.socket(bind=("10.0.0.1", 7000))
    for data in (b"one", b"two"):
        other.socket().sendto(data, ("10.0.0.1", 7000))
        assert sock.recv(10) == data
    for tap in taps:
        assert len(tap.until(end_of(b"two"))) == 2


@pytest.mark.req("BSD-4", "DEV-4")
def test_a_frame_is_sent_as_it_is(wired):
    sniffer, other, linux = Sniffer(wired.a), Sniffer(wired.a), Sniffer(wired.a, family=socket.AF_INET)
    frame = test_frame(wired.w.mac, wired.mac, b"by hand")
    assert sniffer.send(frame, name("e0", ETH_P_TEST)) == len(frame)
    got = wired.w.expect(lambda one: one.type == ETH_P_TEST, "test frame")
    assert bytes(got) == bytes(frame)
    assert other.receive() == (bytes(frame), 1, "e0", ETH_P_TEST) == linux.receive()
    assert sniffer.receive(0) is None
    assert wired.a.counters()["Packet.OutFrames"] == 1


@pytest.mark.req("BSD-4", "INET-2")
def test_errors_are_those_of_linux(wired):
    """Each call on a socket of either family, one after the other."""
    mtu = 1500
    frame = bytes(test_frame(wired.w.mac, wired.mac))
    tagged = frame[:12] + b"\x81\x00" + frame[14:]

    def attempts(family):
        make = lambda: Sniffer(wired.a, ETH_P_ALL, family=family)
        for what, to in (("no name", None), ("short", name("e0")[:15]), ("no device", name("nine", 3)),
                         ("nameless", name("", 3)), ("good", name("e0", ETH_P_TEST)), ("no protocol", name("e0"))):
            yield f"send {what}", lambda to=to: make().send(frame, to)
        for length in (0, 1, 13, 14, 59, mtu + 14, mtu + 15, mtu + 18, mtu + 19):
            yield f"send {length}", lambda n=length: make().send(frame.ljust(n, b"\0")[:n], name("e0", ETH_P_TEST))
            yield f"tagged {length}", lambda n=length: make().send(tagged.ljust(n, b"\0")[:n], name("e0", 0x8100))
        for length in (0, 2, 15, 17, 18, 20):
            yield f"bind length {length}", lambda n=length: check(
                libc.bind(make().fd, name("e0").ljust(n, b"\0")[:n], n), "bind")
        for device in ("e0", "lo", "nine", "", "fourteenletters"):
            yield f"bind {device}", lambda device=device: make().bind(device)
        yield "connect", lambda: check(libc.connect(make().fd, name("e0"), 16), "connect")
        yield "listen", lambda: make().sock.listen(1)
        yield "accept", lambda: check(libc.accept(make().fd, None, None), "accept")
        yield "shutdown", lambda: make().sock.shutdown(2)
        yield "setsockopt", lambda: make().sock.setsockopt(socket.SOL_IP, 2, 5)
        yield "getsockopt", lambda: make().sock.getsockopt(socket.SOL_IP, 2)
        yield "peek oob", lambda: check(libc.recv(make().fd, bytes(8), 8, socket.MSG_DONTWAIT | 1), "recv")
        yield "errqueue", lambda: check(libc.recv(make().fd, bytes(8), 8, 0x2000), "recv")
        yield "nothing", lambda: check(libc.recv(make().fd, bytes(8), 8, socket.MSG_DONTWAIT), "recv")
        yield "peername", lambda: check(libc.getpeername(make().fd, bytes(32), ctypes.byref(ctypes.c_uint32(32))), "name")

    told = [{case: errno_of(call) for case, call in attempts(family)} for family in (AF_EDUINET, socket.AF_INET)]
    assert told[0] == told[1]
    assert told[0]["send 1519"] == errno.EMSGSIZE and told[0]["bind nine"] == errno.ENODEV


@pytest.mark.req("BSD-4")
def test_it_needs_a_capability(lab):
    host = lab.edu_host("10.0.0.1/24")

    def make():
        EduSocket(SOCK_PACKET, socket.htons(ETH_P_ALL))

    with in_netns(host.name):
        assert in_child(make, NOBODY) == errno.EPERM
        assert in_child(make) == 0


@pytest.mark.req("BSD-4", "LAYER-3")
def test_a_device_that_goes_down_and_up_and_away(wired):
    bound, free = Sniffer(wired.a, ETH_P_TEST, "e0"), Sniffer(wired.a, ETH_P_TEST)
    frame = test_frame(wired.mac, wired.w.mac)
    wired.a.rtnl.link_set("e0", {rtnl.IFF_UP: False})
    assert errno_of(bound.receive) == errno.ENETDOWN
    assert errno_of(bound.send, frame, name("e0", ETH_P_TEST)) == errno.ENETDOWN
    assert bound.receive(0) is None  # told once
    wired.a.rtnl.link_set("e0", {rtnl.IFF_UP: True})
    wired.w.send(frame)
    assert bound.receive()[0] == bytes(frame) == free.receive()[0]
    wired.a.ip("link", "del", "e0")
    assert errno_of(bound.receive) == errno.ENETDOWN
    assert free.receive(0) is None
    assert errno_of(bound.bind, "e0") == errno.ENODEV
    wired.a.station(wired.segment)
    bound.bind("e0")
    wired.w.send(test_frame("ff:ff:ff:ff:ff:ff", wired.w.mac))
    assert Ether(bound.receive()[0]).type == ETH_P_TEST == Ether(free.receive()[0]).type


@pytest.mark.req("BSD-4", "LAYER-3")
def test_a_device_renamed_or_given_away(wired):
    sniffer = Sniffer(wired.a, ETH_P_TEST, "e0")
    frame = test_frame("ff:ff:ff:ff:ff:ff", wired.w.mac)
    wired.a.ip("link", "set", "e0", "down")
    wired.a.ip("link", "set", "e0", "name", "a-long-name-15c")
    wired.a.ip("link", "set", "a-long-name-15c", "up")
    assert errno_of(sniffer.receive) == errno.ENETDOWN
    wired.w.send(frame)
    assert sniffer.receive()[2] == "a-long-name-1"  # as much as fits
    other = wired.keep(type(wired.a)())
    wired.a.ip("link", "set", "a-long-name-15c", "netns", other.name)
    assert errno_of(sniffer.receive) == errno.ENETDOWN
    other.ip("link", "set", "a-long-name-15c", "up")
    wired.w.send(frame)
    assert sniffer.receive(0) is None


@pytest.mark.req("BSD-4", "DEV-4")
def test_devices_of_linux_alone_are_heard_too(lab):
    """Attached or not; but no other namespace's."""
    linux, stranger = lab.linux_host("10.0.0.2/24"), lab.linux_host("10.0.0.3/24")
    sniffer, elsewhere = Sniffer(linux, ETH_P_IP), Sniffer(lab.host(), ETH_P_IP)
    sock = linux.linux_socket(bind=("10.0.0.2", 7000))
    stranger.linux_socket().sendto(b"tlk", ("10.0.0.2", 7000))
    assert sock.recv(10) == b"tlk"
    assert end_of(b"tlk")(Ether(sniffer.receive()[0]))
    assert elsewhere.receive(0) is None


@pytest.mark.req("BSD-4")
def test_what_does_not_fit_is_dropped_and_counted(wired):
    sniffer = Sniffer(wired.a, ETH_P_TEST)
    sniffer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sniffer.sock.setsockopt(socket.SOL_SOCKET, 40, 1)  # SO_RXQ_OVFL
    for _ in range(100):
        wired.w.send(test_frame(wired.mac, wired.w.mac))
    wired.w.fence()
    got = 0
    while sniffer.receive(0):
        got += 1
    counters = wired.a.counters()
    assert 0 < got < 100
    assert counters["Packet.InFrames"] == got
    assert counters["Packet.DropRcvbufFull"] == 100 - got
    line = next(one for one in wired.a.proc("packet") if f":{ETH_P_TEST:04X} " in one)
    assert int(line.split()[11]) == 100 - got


@pytest.mark.req("BSD-4")
def test_truncation_and_peeking(wired):
    sniffer = Sniffer(wired.a, ETH_P_TEST)
    frame = test_frame(wired.mac, wired.w.mac)
    wired.w.send(frame)
    assert sniffer.receive(flags=socket.MSG_PEEK)[0] == bytes(frame)
    assert sniffer.receive(room=20)[0] == bytes(frame)[:20]
    assert sniffer.receive(0) is None


@pytest.mark.req("BSD-4")
def test_a_filter_sees_the_whole_frame(wired):
    """ldh [12]; jeq 0x88b5: what follows the addresses is the type."""
    sniffer = Sniffer(wired.a)
    code = struct.pack("=HBBI", 0x28, 0, 0, 12) + struct.pack("=HBBI", 0x15, 0, 1, ETH_P_TEST)
    code += struct.pack("=HBBI", 6, 0, 0, 18) + struct.pack("=HBBI", 6, 0, 0, 0)
    program = ctypes.create_string_buffer(code)
    sniffer.sock.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HL", 4, ctypes.addressof(program)))
    wired.w.fence()
    wired.w.send(test_frame(wired.mac, wired.w.mac, b"tlk!"))
    assert sniffer.receive()[0] == bytes(test_frame(wired.mac, wired.w.mac, b"tlk!"))[:18]
    assert wired.a.counters()["Packet.DropFilter"] >= 2


@pytest.mark.req("BSD-4", "INET-7")
def test_shown_in_proc_and_by_name(wired):
    before = len(wired.a.proc("packet"))
    sniffer = Sniffer(wired.a, ETH_P_ARP, "e0")
    line = wired.a.proc("packet")[-1].split()
    assert len(wired.a.proc("packet")) == before + 1
    assert line[1] == f"00000000:{ETH_P_ARP:04X}"
    assert (int(line[12]), int(line[13])) == (SOCK_PACKET, wired.a.rtnl.index("e0"))
    raw, size = ctypes.create_string_buffer(32), ctypes.c_uint32(32)
    check(libc.getsockname(sniffer.fd, raw, ctypes.byref(size)), "getsockname")
    assert size.value == 16 and raw.raw[2:4] == b"e0"
    assert "PACKET: inuse 1" in "\n".join(wired.a.proc("sockstat"))
    sniffer.sock.close()
    assert len(wired.a.proc("packet")) == before


@pytest.mark.req("BSD-4", "DEV-4")
def test_tcpdump_and_a_tap_see_the_same(wired):
    """tcpdump's tap is Linux's; what it prints is what ours reads."""
    with wired.a.started("tcpdump", "-i", "e0", "-c", "3", "-n", "-xx", "-l", "--immediate-mode", "udp") as dump:
        wait_for(lambda: "listening" in dump.stderr.readline(), "tcpdump")
        sniffer = Sniffer(wired.a, ETH_P_IP)
        for number in range(3):
            wired.w.send(Ether(dst=wired.mac, src=wired.w.mac) / IP(src=wired.peer, dst="10.0.0.1")
                         / UDP(sport=9, dport=7000 + number, chksum=0) / Raw(b"three" + bytes([number])))
        text = dump.stdout.read()
    octets = "".join(word for line in text.splitlines() if "\t0x" in line for word in line.split(":", 1)[1].split())
    ours = "".join(sniffer.receive()[0].hex() for _ in range(3))
    assert octets == ours


@pytest.mark.req("BSD-4", "LAYER-3")
def test_sockets_come_and_go_under_traffic(lab):
    """So do devices and namespaces; the kernel's log tells if anything was left or used too late."""
    sender = lab.edu_host("10.0.0.2/24")
    sock = Sniffer(sender)
    frame = bytes(test_frame("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:99"))
    with noise(sender, lambda _: sock.send(frame, name("e0", ETH_P_TEST)), 1, {errno.ENOBUFS}):
        for _ in range(4):
            host = lab.edu_host("10.0.0.1/24")
            for number in range(6):
                keep = Sniffer(host, ETH_P_ALL if number % 2 else ETH_P_TEST, "e0")
                assert keep.receive()
                keep.bind("lo" if number % 3 else "edulo")
                keep.bind("e0")
                Sniffer(host, ETH_P_TEST).sock.close()
            host.ip("link", "del", "e0")
            assert errno_of(lambda: [keep.receive(1) for _ in range(10000)]) == errno.ENETDOWN
            lab.parts.remove(host)
            host.delete()
