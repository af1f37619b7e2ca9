# SPDX-License-Identifier: GPL-2.0-only
"""AF_INET and AF_EDUINET side by side, each with a crafted peer that does only what it is told, and the states
of a connection between them. Frames are made without scapy: there are thousands of them."""

import ctypes
import errno
import itertools
import select
import socket
import struct
import types

from conftest import PATIENCE, wait_for
from edusock import AF_EDUINET, libc, pack

AF_INET, STREAM = socket.AF_INET, socket.SOCK_STREAM
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
PEER = "10.0.0.9"
ALL_EVENTS = 0x1 | 0x2 | 0x4 | 0x40 | 0x80 | 0x100 | 0x200 | 0x2000

ports = itertools.count(20000)


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Side:
    """One stack, and the wire on which its peer is played."""

    def __init__(self, wire, host, family):
        self.wire, self.family, self.address = wire, family, host.address
        self.make = host.socket if family == AF_EDUINET else host.linux_socket
        self.sockets = host.sockets
        self.link = bytes.fromhex((host.mac() + wire.mac).replace(":", "")) + b"\x08\0"
        self.echoes = itertools.count(1)
        self.kept = []

    def send(self, protocol, payload):
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0,
                             socket.inet_aton(PEER), socket.inet_aton(self.address))
        header = header[:10] + struct.pack("!H", checksum(header)) + header[12:]
        self.wire.tap.send(self.link + header + payload)

    def frames(self, patience):
        """IP packets of this stack, as they come."""
        while select.select([self.wire.tap], [], [], patience)[0]:
            raw, address = self.wire.tap.recvfrom(70000)
            if address[2] != socket.PACKET_OUTGOING and raw[12:14] == b"\x08\0" and raw[26:30] == socket.inet_aton(self.address):
                yield raw[14:]

    def fence(self):
        """Every segment sent up to now: (ports, flags, octets)."""
        number = next(self.echoes) & 0xFFFF
        echo = struct.pack("!BBHHH", 8, 0, 0, 0xFE9C, number)
        self.send(1, echo[:2] + struct.pack("!H", checksum(echo)) + echo[4:])
        found, self.kept = self.kept, []
        for packet in self.frames(PATIENCE):
            if packet[9] == 1 and packet[20] == 0 and packet[26:28] == struct.pack("!H", number):
                return found
            if packet[9] == 6:
                found.append(packet)
        raise AssertionError("no echo")


def text_of(packet):
    """(flags but ACK and PSH, octets) if it takes room in the stream, else (0, 0); port and number."""
    segment = packet[20 : int.from_bytes(packet[2:4], "big")]
    octets = len(segment) - (segment[12] >> 4) * 4
    flags = segment[13] & (SYN | FIN)
    return (flags or octets, octets, *struct.unpack_from("!HI", segment, 2))


class Connection:
    """A socket, and its peer made by hand."""

    def __init__(self, side, seq=1000, stamp=None):
        self.side, self.stamp = side, stamp  # with a timestamp: it is on every segment
        self.sock = side.make(STREAM)
        self.sock.setblocking(False)
        self.fd = self.sock.fileno()
        self.port = next(ports)
        self.seq, self.ack, self.our_port = seq, 0, 0
        self.known = set()  # what went out before what is asked about; its timer may send it again at any time

    # The peer

    def say(self, flags, data=b"", **more):
        """A segment; the peer's own number moves on."""
        self.send(flags, data, **more)
        self.seq = (self.seq + len(data) + bool(flags & SYN) + bool(flags & FIN)) % (1 << 32)

    def send(self, flags, data=b"", ahead=0, ack=0, urgent=0, window=60000, options=None, younger=0):
        """A segment so far ahead of what is next, and of what is to be acknowledged."""
        if options is None:
            options = b"\x02\x04\x05\xb4" if flags & SYN else b""
            if self.stamp is not None:
                options += b"\x01\x01\x08\x0a" + struct.pack("!II", (self.stamp + younger) % (1 << 32), 0)
        size = 20 + len(options)
        raw = struct.pack(
            "!HHIIBBHHH", self.port, self.our_port, (self.seq + ahead) % (1 << 32),
            (self.ack + ack) % (1 << 32) if flags & ACK else 0, size // 4 << 4, flags, window, 0, urgent,
        ) + options + data
        pseudo = socket.inet_aton(PEER) + socket.inet_aton(self.side.address) + struct.pack("!HH", 6, len(raw))
        raw = raw[:16] + struct.pack("!H", checksum(pseudo + raw)) + raw[18:]
        self.side.send(6, raw)

    def hear(self, flags):
        """The next segment of the connection with these of SYN, FIN, RST, ACK."""
        for packet in self.side.frames(PATIENCE):
            segment = packet[20:]
            if packet[9] == 6 and struct.unpack_from("!H", segment, 2)[0] == self.port and segment[13] & 0x17 == flags:
                self.our_port = struct.unpack_from("!H", segment)[0]
                self.known.add(text_of(packet))
                return struct.unpack_from("!II", segment, 4)
        raise AssertionError("nothing heard")

    def forget_what_was_sent(self):
        self.known.update(text_of(packet) for packet in self.side.fence())

    def sent(self, acks=False):
        """What of the connection's went out that is more than an ACK, once each: (flags, octets, urgent)."""
        found = []
        for packet in self.side.fence():
            if (text := text_of(packet))[0] and text in self.known:
                continue
            segment = packet[20 : int.from_bytes(packet[2:4], "big")]
            told = (segment[13] & 0x17, len(segment) - (segment[12] >> 4) * 4, bool(segment[13] & URG))
            if struct.unpack_from("!H", segment, 2)[0] == self.port and (acks or told[0] & 7 or told[1]) and told not in found:
                found.append(told)
        return found

    # The socket

    def name(self, port=None):
        return pack((PEER, port or self.port), self.side.family)

    def own(self, port=0):
        return pack((self.side.address, port), self.side.family)

    def state(self):
        value, size = ctypes.create_string_buffer(8), ctypes.c_uint32(8)
        assert libc.getsockopt(self.fd, 6, 11, value, ctypes.byref(size)) == 0
        return value.raw[0]

    def reaches(self, state, octets=None):
        wait_for(lambda: self.state() == state, f"state {state}, not {self.state()}")
        if octets is not None:
            wait_for(lambda: self.ioctl(0x541B) == octets, "octets")
        return self

    def ioctl(self, request):
        value = ctypes.c_int(-1)
        return number_of(libc.ioctl(self.fd, ctypes.c_ulong(request), ctypes.byref(value)), lambda _: value.value)

    def get(self, level, name):
        value, size = ctypes.create_string_buffer(64), ctypes.c_uint32(4)
        got = libc.getsockopt(self.fd, level, name, value, ctypes.byref(size))
        return number_of(got, lambda _: struct.unpack("=i", value.raw[:4])[0])

    def set(self, level, name, value):
        raw = struct.pack("=i", value) if isinstance(value, int) else value
        return number_of(libc.setsockopt(self.fd, level, name, raw, len(raw)))

    def events(self):
        poll = select.poll()
        poll.register(self.fd, ALL_EVENTS)
        return sum(event for _, event in poll.poll(0))

    def close(self):
        if self.sock.fileno() >= 0:
            self.set(1, 13, struct.pack("=ii", 1, 0))
            self.sock.close()
        self.side.sockets.remove(self.sock)


def number_of(got, value=lambda got: got):
    """What a call returned, or the name of its errno."""
    return value(got) if got >= 0 else errno.errorcode.get(ctypes.get_errno(), str(ctypes.get_errno()))


# States


def bound(c):
    assert libc.bind(c.fd, c.own(), 16) == 0


def listening(c):
    bound(c)
    assert libc.listen(c.fd, 4) == 0


def listening_with_one(c):
    listening(c)
    raw, size = ctypes.create_string_buffer(16), ctypes.c_uint32(16)
    assert libc.getsockname(c.fd, raw, ctypes.byref(size)) == 0
    c.our_port = struct.unpack_from("!H", raw.raw, 2)[0]
    c.say(SYN)
    seq, _ = c.hear(SYN | ACK)
    c.ack = seq + 1
    c.say(ACK)
    wait_for(lambda: c.events() & 1, "a connection")


def syn_sent(c):
    assert libc.connect(c.fd, c.name(), 16) < 0 and ctypes.get_errno() == errno.EINPROGRESS
    seq, _ = c.hear(SYN)
    c.ack = seq + 1


def syn_received(c):
    syn_sent(c)
    c.say(SYN)
    c.hear(SYN | ACK)
    c.reaches(3)


def refused(c):
    syn_sent(c)
    c.say(RST | ACK)
    c.reaches(7)


def refused_and_told(c):
    refused(c)
    assert c.get(1, 4) == errno.ECONNREFUSED


def refused_and_asked_again(c):
    refused(c)
    assert libc.connect(c.fd, c.name(), 16) < 0 and ctypes.get_errno() == errno.ECONNREFUSED


def established(c):
    syn_sent(c)
    c.say(SYN | ACK)
    c.reaches(1)


def with_octets(c):
    established(c)
    c.say(ACK | PSH, b"12345")
    c.reaches(1, 5)


def with_urgent(c):
    established(c)
    c.say(ACK | PSH | URG, b"12345", urgent=5)
    wait_for(lambda: c.events() & 2, "POLLPRI")


def with_urgent_first(c):
    established(c)
    c.say(ACK | PSH | URG, b"12345", urgent=1)
    wait_for(lambda: c.events() & 2, "POLLPRI")


def unacknowledged(c):
    established(c)
    assert libc.send(c.fd, b"12345", 5, 0) == 5


def peer_closed(c):
    established(c)
    c.say(ACK | FIN)
    c.reaches(8)
    while c.hear(ACK)[1] != c.seq:  # Linux lets it wait
        pass


def peer_closed_with_octets(c):
    established(c)
    c.say(ACK | FIN, b"12345")
    c.reaches(8, 5)


def fin_wait1(c):
    established(c)
    assert libc.shutdown(c.fd, 1) == 0
    c.reaches(4)


def fin_wait2(c):
    fin_wait1(c)
    c.say(ACK, ack=1)
    c.ack += 1
    c.reaches(5)


def fin_wait2_with_octets(c):
    fin_wait2(c)
    c.say(ACK | PSH, b"12345")
    c.reaches(5, 5)


def closing(c):
    fin_wait1(c)
    c.say(ACK | FIN)
    c.reaches(11)


def time_wait(c):
    fin_wait2(c)
    c.say(ACK | FIN)
    c.reaches(7)


def time_wait_with_octets(c):
    fin_wait2(c)
    c.say(ACK | FIN, b"12345")
    c.reaches(7, 5)


def last_ack(c):
    peer_closed(c)
    assert libc.shutdown(c.fd, 1) == 0
    c.reaches(9)


def all_closed(c):
    last_ack(c)
    c.say(ACK, ack=1)
    c.reaches(7)


def read_shut_down(c):
    established(c)
    assert libc.shutdown(c.fd, 0) == 0


def reset(c):
    established(c)
    c.say(RST | ACK)
    c.reaches(7)


def reset_with_octets(c):
    with_octets(c)
    c.say(RST | ACK)
    c.reaches(7)


def reset_and_told(c):
    reset(c)
    assert c.get(1, 4) == errno.ECONNRESET


def reset_after_the_end(c):
    peer_closed(c)
    c.say(RST | ACK)
    c.reaches(7)


def disconnected(c):
    established(c)
    assert libc.connect(c.fd, struct.pack("=H14x", 0), 16) == 0


def fresh(_):
    pass


STATES = [
    fresh, bound, listening, listening_with_one, syn_sent, syn_received, refused, refused_and_told,
    refused_and_asked_again, established, with_octets, with_urgent, with_urgent_first, unacknowledged, peer_closed,
    peer_closed_with_octets, fin_wait1, fin_wait2, fin_wait2_with_octets, closing, time_wait, time_wait_with_octets,
    last_ack, all_closed, read_shut_down, reset, reset_with_octets, reset_and_told, reset_after_the_end, disconnected,
]


def two_sides(lab):
    """Both stacks, each in a host of its own, on one wire."""
    ours, theirs = lab.edu_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24")
    wire = lab.wire()
    for host, family in ((ours, AF_EDUINET), (theirs, AF_INET)):
        host.run("ethtool", "-K", "e0", "tx", "off", "sg", "off", "tso", "off", "gso", "off", "gro", "off", check=False)
        host.rtnl.neighbour(PEER, wire.mac, "e0", family=family)
    wire.heard()
    return types.SimpleNamespace(linux=Side(wire, theirs, AF_INET), edu=Side(wire, ours, AF_EDUINET))
