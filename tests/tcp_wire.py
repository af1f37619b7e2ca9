# SPDX-License-Identifier: GPL-2.0-only
"""A TCP peer made of crafted segments: the other end of the tests of RFC 9293 and its companions.

A Peer plays 10.0.0.9 on the cable of the `wired` fixture. It knows only its own and our sequence
numbers; whatever it sends, in order or not, is said by the test. The cable is told to carry one
packet a frame and complete checksums, as a wire would.
"""

import itertools

from conftest import PATIENCE
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

MODULUS = 1 << 32
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32

ports = itertools.count(20000)


def real_wire(lab):
    """Our host's device neither merges nor cuts nor sums: what is seen is what a wire would carry."""
    lab.a.run("ethtool", "-K", "e0", "tx", "off", "sg", "off", "tso", "off", "gso", "off", "gro", "off", check=False)


def seq_add(number, amount):
    return (number + amount) % MODULUS


class Peer:
    """One connection as the far end sees it."""

    def __init__(self, lab, our_port, port=None, isn=1000, window=65535, options=(("MSS", 1460),), ttl=64):
        self.lab, self.our_port, self.port = lab, our_port, port or next(ports)
        self.seq = isn  # next number of ours to send
        self.ack = 0  # next number expected from the host
        self.window, self.options, self.ttl = window, list(options), ttl
        self.unmatched = []

    def segment(self, flags, data=b"", seq=None, ack=None, options=None, window=None, urgent=0, ip=None, **tcp):
        """A frame, built but not sent."""
        return (
            Ether(dst=self.lab.mac, src=self.lab.w.mac)
            / IP(**({"src": self.lab.peer, "dst": "10.0.0.1", "ttl": self.ttl} | (ip or {})))
            / TCP(
                sport=self.port, dport=self.our_port, flags=flags, seq=self.seq if seq is None else seq % MODULUS,
                ack=(self.ack if ack is None else ack % MODULUS) if flags & ACK else (ack or 0),
                window=self.window if window is None else window, options=list(options or ()), urgptr=urgent, **tcp,
            )
            / Raw(data)
        )

    def send(self, flags, data=b"", **more):
        self.lab.w.send(self.segment(flags, data, **more))

    def say(self, flags, data=b"", **more):
        """Sends in order: our own number moves on."""
        self.send(flags, data, **more)
        self.seq = seq_add(self.seq, len(data) + bool(flags & SYN) + bool(flags & FIN))

    def is_ours(self, frame):
        return TCP in frame and frame[TCP].sport == self.our_port and frame[TCP].dport == self.port

    def expect(self, what="segment", flags=None, patience=PATIENCE, matches=None):
        """The host's next segment on this connection; with exactly these of SYN, FIN, RST, ACK."""

        def fits(frame):
            if not self.is_ours(frame):
                return False
            mask = SYN | FIN | RST | ACK
            if flags is not None and int(frame[TCP].flags) & mask != flags & mask:
                return False
            return matches is None or matches(frame[TCP])

        frame = self.lab.w.expect(fits, what, patience)
        return frame[TCP]

    def data_of(self, segment):
        return bytes(segment.payload) if segment.payload else b""

    def take(self, segment):
        """What the host has sent is counted as received."""
        length = len(self.data_of(segment)) + bool(int(segment.flags) & SYN) + bool(int(segment.flags) & FIN)
        self.ack = seq_add(segment.seq, length)

    def fence(self):
        """The host's segments on this connection up to now, all answers to what was sent included."""
        return [frame[TCP] for frame in self.lab.w.fence() if self.is_ours(frame)]

    # Whole handshakes

    def connect(self):
        """Opens a connection to our listener; returns the SYN-ACK."""
        self.say(SYN, options=self.options)
        synack = self.expect("SYN-ACK", SYN | ACK)
        assert synack.ack == self.seq
        self.take(synack)
        self.send(ACK)
        return synack

    def accept(self, syn=None, options=None):
        """Answers our SYN; returns it. The handshake's last ACK is awaited."""
        if syn is None:
            syn = self.expect("SYN", SYN)
        self.take(syn)
        self.say(SYN | ACK, options=self.options if options is None else options)
        self.expect("ACK of the SYN-ACK", ACK, matches=lambda tcp: tcp.ack == self.seq)
        return syn


def option(segment, name):
    """The value of an option of a segment, or None."""
    for kind, value in segment.options:
        if kind == name:
            return value
    return None
