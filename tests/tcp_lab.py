# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of TCP with a crafted peer share: a wire, a listener, connections opened by either end.

The fixtures line, passive and active are in conftest.py."""

import errno
import socket
import struct

from conftest import PATIENCE, errno_of
from tcp_wire import ACK, PSH, seq_add

PORT = 7000
STREAM = socket.SOCK_STREAM


def connecting(lab, peer, **options):
    """A socket of ours whose connect() to the peer is under way."""
    sock = lab.a.socket(STREAM)
    for (level, name), value in options.get("set", {}).items():
        sock.setsockopt(level, name, value)
    sock.bind(("10.0.0.1", peer.our_port))
    sock.setblocking(False)
    assert errno_of(sock.connect, (lab.peer, peer.port)) == errno.EINPROGRESS
    sock.settimeout(PATIENCE)
    return sock


def state_of(sock):
    """TCP_INFO's state."""
    return sock.getsockopt_raw(socket.IPPROTO_TCP, socket.TCP_INFO, 8)[0]


def expect_data(p, data, **more):
    """Our octets, whatever segments they come in; acknowledged one by one."""
    got = b""
    while len(got) < len(data):
        segment = p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0, **more)
        if segment.seq == p.ack:
            got += p.data_of(segment)
            p.take(segment)
            p.send(ACK)
    assert got == data


def window(lab, octets, **more):
    """The peer says that it can take so much, in a segment whose number shows it to be newer than all
    before it."""
    lab.p.say(ACK | PSH, b"!", **more)
    lab.p.window = octets
    lab.p.say(ACK | PSH, b"?", **more)
    got = b""
    while got != b"!?":
        got += lab.sock.recv(2)


def edge(p):
    """How far beyond what the peer has acknowledged our octets go."""
    return max((seq_add(s.seq, len(p.data_of(s)) - p.ack) for s in p.fence() if p.data_of(s)), default=0)


def tcp_info(sock):
    """Some of struct tcp_info, of a socket of either stack."""
    raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 232)
    assert len(raw) == 232
    names = ["rto", "ato", "snd_mss", "rcv_mss", "unacked", "sacked", "lost", "retrans", "fackets"]
    found = dict(zip(names, struct.unpack_from("=9I", raw, 8)))
    found |= {"state": raw[0], "ca_state": raw[1], "retransmits": raw[2], "probes": raw[3], "backoff": raw[4]}
    rest = struct.unpack_from("=11I", raw, 60)
    names = ["pmtu", "rcv_ssthresh", "rtt", "rttvar", "ssthresh", "cwnd", "advmss", "reordering", "rcv_rtt", "rcv_space",
             "total_retrans"]
    found |= dict(zip(names, rest))
    return found | {"bytes_sent": struct.unpack_from("=Q", raw, 200)[0]}
