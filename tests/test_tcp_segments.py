# SPDX-License-Identifier: GPL-2.0-only
"""TCP segment by segment, with a crafted peer: opening, checks, data (TCP-2 … TCP-8, TCP-12, OVER-6;
RFC 9293's MUST-n and SHLD-n). Closing, attacks and options: test_tcp_segments_2.py."""

import errno
import select
import socket
import struct

import pytest
from conftest import PATIENCE, errno_of, wait_for
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from tcp_lab import PORT, STREAM, connecting, edge, expect_data, state_of, tcp_info, window
from tcp_wire import ACK, PSH, RST, SYN, URG, Peer, option, seq_add


# Opening


@pytest.mark.req("TCP-8", "TCP-10", "TCP-11", "RFC9293-MUST-14", "RFC9293-MUST-4")
def test_passive_open_in_three_packets(line):
    p = Peer(line, PORT)
    synack = p.connect()
    assert option(synack, "MSS") == 1460
    sock = line.listener.accept_one()
    assert sock.getpeername() == (line.peer, p.port)
    assert state_of(sock) == 1


@pytest.mark.req("TCP-2", "TCP-3", "RFC9293-MUST-67")
def test_active_open_says_number_size_and_window(line):
    p = Peer(line, 7001, port=9000)
    sock = connecting(line, p)
    syn = p.expect("SYN", SYN)
    assert option(syn, "MSS") == 1460 and syn.window > 0
    p.accept(syn)
    wait_for(lambda: state_of(sock) == 1, "ESTABLISHED")


@pytest.mark.req("RFC9293-MUST-15", "RFC9293-MUST-16")
def test_without_an_mss_option_segments_carry_536(line):
    p = Peer(line, PORT, options=())
    p.connect()
    sock = line.listener.accept_one()
    sock.send(bytes(2000))
    segment = p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0)
    assert len(p.data_of(segment)) == 536


@pytest.mark.req("TCP-3", "RFC9293-MUST-16")
def test_the_smaller_of_both_sizes_wins(line):
    p = Peer(line, PORT, options=[("MSS", 700)])
    p.connect()
    sock = line.listener.accept_one()
    sock.send(bytes(3000))
    segment = p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0)
    assert len(p.data_of(segment)) == 700


@pytest.mark.req("RFC9293-MUST-10", "RFC9293-MUST-11", "TCP-8")
def test_simultaneous_open(line):
    p = Peer(line, 7001, port=9000)
    sock = connecting(line, p)
    p.take(p.expect("SYN", SYN))
    p.say(SYN, options=p.options)
    synack = p.expect("SYN-ACK", SYN | ACK)
    assert synack.ack == p.seq and synack.seq == seq_add(p.ack, -1)
    p.send(SYN | ACK, seq=p.seq - 1, options=p.options)
    p.send(ACK)
    wait_for(lambda: state_of(sock) == 1, "ESTABLISHED")
    sock.send(b"both")
    expect_data(p, b"both")


@pytest.mark.req("TCP-6", "RFC9293-3.10.7.3")
def test_a_reset_refuses_the_connection(line):
    p = Peer(line, 7001, port=9000)
    sock = connecting(line, p)
    p.take(p.expect("SYN", SYN))
    p.send(RST | ACK)
    wait_for(lambda: state_of(sock) == 7, "CLOSE")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


@pytest.mark.req("RFC9293-3.10.7.3")
def test_in_syn_sent_a_wrong_ack_is_reset_and_ignored(line):
    p = Peer(line, 7001, port=9000)
    sock = connecting(line, p)
    p.take(p.expect("SYN", SYN))
    p.send(SYN | ACK, ack=p.ack + 100, options=p.options)
    reset = p.expect("RST", RST)
    assert reset.seq == seq_add(p.ack, 100)
    p.send(RST, seq=1)  # without an acceptable ACK: nothing
    assert state_of(sock) == 2
    p.say(SYN | ACK, options=p.options)
    wait_for(lambda: state_of(sock) == 1, "ESTABLISHED")


@pytest.mark.req("RFC9293-MUST-63", "RFC9293-MUST-57")
@pytest.mark.parametrize("source", ["224.0.0.1", "255.255.255.255", "10.0.0.255"])
def test_a_syn_from_nobody_is_ignored(line, source):
    p = Peer(line, PORT)
    p.send(SYN, ip={"src": source})
    assert not [frame for frame in line.w.fence() if TCP in frame]


@pytest.mark.req("RFC9293-MUST-57")
@pytest.mark.parametrize("destination", ["224.0.0.1", "255.255.255.255", "10.0.0.255"])
def test_a_syn_to_everybody_is_ignored(line, destination):
    p = Peer(line, PORT)
    frame = p.segment(SYN, ip={"dst": destination})
    frame[Ether].dst = "ff:ff:ff:ff:ff:ff"
    line.w.send(frame)
    assert not [frame for frame in line.w.fence() if TCP in frame]


@pytest.mark.req("RFC9293-3.10.7.2")
def test_a_listener_resets_an_ack_and_ignores_a_reset(line):
    p = Peer(line, PORT)
    p.send(ACK, ack=4711)
    reset = p.expect("RST", RST)
    assert reset.seq == 4711
    p.send(RST, ack=4711)
    assert not p.fence()


@pytest.mark.req("RFC9293-3.10.7.1")
def test_nobody_there_answers_with_a_reset(line):
    p = Peer(line, 7777)
    p.send(SYN)
    reset = p.expect("RST", RST | ACK)
    assert (reset.seq, reset.ack) == (0, p.seq + 1)
    p.send(ACK, b"abc", ack=99)
    reset = p.expect("RST", RST)
    assert reset.seq == 99 and int(reset.flags) & ACK == 0
    p.send(RST)
    assert not p.fence()


@pytest.mark.req("TCP-4", "RFC9293-MUST-8", "RFC9293-MUST-9")
def test_initial_numbers_do_not_repeat_themselves(line):
    seen = []
    for _ in range(8):
        p = Peer(line, PORT)
        p.say(SYN, options=p.options)
        seen.append(p.expect("SYN-ACK", SYN | ACK).seq)
        p.send(RST, seq=p.seq)
    gaps = {seq_add(b, -a) for a, b in zip(seen, seen[1:])}
    assert len(set(seen)) == 8 and len(gaps) == 7


@pytest.mark.req("RFC9293-MUST-42", "RFC9293-MUST-41")
def test_two_listeners_on_one_port(line):
    """On two addresses; each gets its own connections, and the first goes on as before."""
    line.a.rtnl.address("10.0.0.77/24", "e0")
    other = line.a.socket(STREAM)
    other.bind(("10.0.0.77", PORT))
    other.listen(1)
    p = Peer(line, PORT)
    p.say(SYN, options=p.options, ip={"dst": "10.0.0.77"})
    synack = p.expect("SYN-ACK", SYN | ACK)
    p.take(synack)
    p.send(ACK, ip={"dst": "10.0.0.77"})
    assert other.accept_one().getsockname() == ("10.0.0.77", PORT)
    q = Peer(line, PORT)
    q.connect()
    assert line.listener.accept_one().getsockname() == ("10.0.0.1", PORT)


# Checks of every segment


@pytest.mark.req("RFC9293-MUST-2", "RFC9293-MUST-3", "OVER-3")
def test_checksums(passive):
    p = passive.p
    passive.sock.send(b"odd")
    frame = passive.w.expect(p.is_ours, "data")
    again = frame[IP].copy()
    del again[TCP].chksum
    assert IP(bytes(again))[TCP].chksum == frame[TCP].chksum
    p.take(frame[TCP])
    with passive.a.counts("Tcp.DropChecksum"):
        p.send(ACK | PSH, b"damaged", chksum=0x1234)
    assert errno_of(passive.sock.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN


@pytest.mark.req("RFC9293-MUST-7", "RFC9293-MUST-6", "RFC9293-MUST-5", "RFC9293-MUST-64", "RFC9293-MUST-68")
@pytest.mark.parametrize(
    "raw",
    [
        b"\x02\x00\x00\x00", b"\x02\x01\x00\x00", b"\x02\xff\x05\xb4", b"\x05\x03\x00\x00", b"\xfd\x04\x01\x02",
        b"\x01\xfd\x03\x01", b"\x08\x0a\x00\x00", b"\x00\xff\xff\xff", b"\x03", b"\xfe",
    ],
)
def test_options_of_every_wrong_shape_do_no_harm(passive, raw):
    """Padded to words, in a segment with data, which arrives."""
    p = passive.p
    padded = raw + b"\0" * (-len(raw) % 4)
    frame = p.segment(ACK | PSH, b"data")
    tcp = bytearray(bytes(frame[TCP]))
    tcp[12] = (5 + len(padded) // 4) << 4
    tcp[16:18] = b"\0\0"
    octets = bytes(tcp[:20]) + padded + b"data"
    again = Ether(dst=passive.mac, src=passive.w.mac) / IP(src=passive.peer, dst="10.0.0.1", proto=6) / Raw(octets)
    pseudo = socket.inet_aton(passive.peer) + socket.inet_aton("10.0.0.1") + struct.pack("!HH", 6, len(octets))
    total = sum(struct.unpack(f"!{(len(pseudo + octets) + 1) // 2}H", (pseudo + octets).ljust((len(pseudo + octets) + 1) // 2 * 2, b"\0")))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    again[Raw].load = octets[:16] + struct.pack("!H", ~total & 0xFFFF) + octets[18:]
    passive.w.send(again)
    assert passive.sock.recv(10) == b"data"


@pytest.mark.req("RFC9293-MUST-6")
def test_unknown_options_of_a_syn_are_ignored(line):
    p = Peer(line, PORT, options=[("MSS", 1400), (253, b"\x12\x34"), ("NOP", None)])
    p.connect()
    assert state_of(line.listener.accept_one()) == 1


@pytest.mark.req("RFC9293-3.1")
@pytest.mark.parametrize("offset,counter", [(4, "Tcp.DropHeaderLength"), (15, "Tcp.DropHeaderLength")])
def test_a_header_of_impossible_length(line, offset, counter):
    p = Peer(line, PORT)
    with line.a.counts(counter):
        p.send(SYN, dataofs=offset)
    assert not p.fence()


@pytest.mark.req("RFC9293-3.1")
def test_shorter_than_a_header(line):
    with line.a.counts("Tcp.DropShort"):
        line.w.send(
            Ether(dst=line.mac, src=line.w.mac) / IP(src=line.peer, dst="10.0.0.1", proto=6) / Raw(b"0123456789")
        )


# Data in


@pytest.mark.req("TCP-5", "TCP-12", "RFC9293-MUST-58")
def test_data_is_delivered_and_acknowledged(passive):
    p = passive.p
    p.say(ACK | PSH, b"hello")
    assert passive.sock.recv(10) == b"hello"
    assert p.expect("ACK", ACK).ack == p.seq


@pytest.mark.req("TCP-12", "RFC9293-SHLD-31", "OVER-6")
def test_segments_out_of_order_and_twice(passive):
    p = passive.p
    start = p.seq
    p.send(ACK, b"cc", seq=start + 4)
    p.send(ACK, b"bb", seq=start + 2)
    p.send(ACK, b"cc", seq=start + 4)
    duplicates = [segment.ack for segment in p.fence()]
    assert duplicates and set(duplicates) == {start}
    p.send(ACK, b"aa", seq=start)
    assert passive.sock.recv(10) == b"aabbcc"
    assert p.expect("ACK", matches=lambda tcp: tcp.ack == start + 6)
    p.send(ACK, b"aabb", seq=start)
    assert p.expect("ACK of what was old", ACK).ack == start + 6
    assert errno_of(passive.sock.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN


@pytest.mark.req("TCP-12")
def test_overlapping_segments_are_trimmed(passive):
    """The octets that came first stay, as far as they were delivered or not contradicted."""
    p = passive.p
    start = p.seq
    p.send(ACK, b"abcd", seq=start)
    p.send(ACK, b"cdef", seq=start + 2)
    p.send(ACK, b"ijkl", seq=start + 8)
    p.send(ACK, b"ghij", seq=start + 6)
    wait_for(lambda: state_of(passive.sock) == 1, "")
    data = b""
    while len(data) < 12:
        data += passive.sock.recv(20)
    assert data == b"abcdefghijkl"


@pytest.mark.req("RFC9293-3.10.7.4")
def test_beyond_the_window_nothing_is_taken(passive):
    p = passive.p
    window = passive.synack.window << (dict(passive.synack.options).get("WScale") or 0)
    p.send(ACK, b"far", seq=p.seq + (1 << 24) + window)
    answers = p.fence()
    assert answers and all(segment.ack == p.seq for segment in answers)
    assert errno_of(passive.sock.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN


@pytest.mark.req("RFC9293-MUST-40", "RFC9293-SHLD-18", "RFC9293-SHLD-19")
def test_acknowledgements_wait_but_not_long(passive):
    """Past the first segments, which are acknowledged at once: every second full one, and a single
    one within half a second."""
    p = passive.p
    for _ in range(40):
        p.say(ACK, bytes(1460))
        p.fence()
    passive.sock.recv(1 << 20)
    p.fence()
    # So long that what is seen at once was not the timer's.
    passive.a.tune(tcp_delack_max_ms=499, tcp_delack_min_ms=499)
    p.say(ACK, bytes(1460))
    p.say(ACK, bytes(1460))
    assert [segment for segment in p.fence() if segment.ack == p.seq], "the ACK of two"
    with passive.a.counts("Tcp.OutDelayedAcks"):
        p.say(ACK, b"x")
        assert p.expect("ACK of one", ACK, matches=lambda tcp: tcp.ack == p.seq)


@pytest.mark.req("RFC9293-MUST-30", "RFC9293-MUST-31", "RFC9293-MUST-32", "RFC9293-MUST-33", "RFC9293-MUST-62")
def test_urgent_data_in(passive):
    p = passive.p
    p.say(ACK | URG | PSH, b"abcU", urgent=4)
    p.say(ACK | PSH, b"def")
    wait_for(lambda: passive.sock.getsockopt_raw(socket.IPPROTO_TCP, socket.TCP_INFO, 8), "")
    poll = select.poll()
    poll.register(passive.sock.fileno(), select.POLLPRI)
    assert poll.poll(PATIENCE * 1000)
    assert passive.sock.recv(10) == b"abc"
    assert passive.sock.recv(1, socket.MSG_OOB) == b"U"
    assert passive.sock.recv(10) == b"def"


@pytest.mark.req("RFC9293-MUST-30", "RFC9293-MUST-62")
def test_urgent_data_out(passive):
    p = passive.p
    passive.sock.send(b"abcU", socket.MSG_OOB)
    segment = p.expect("urgent", matches=lambda tcp: len(p.data_of(tcp)) > 0)
    assert int(segment.flags) & URG and segment.urgptr == 4
    p.take(segment)
    p.send(ACK)


# Data out


@pytest.mark.req("RFC9293-MUST-61", "RFC9293-MUST-60", "RFC9293-SHLD-28")
def test_full_segments_and_psh_on_the_last(passive):
    p = passive.p
    passive.sock.send(bytes(1460 * 3))
    segments = []
    while sum(len(p.data_of(s)) for s in segments) < 1460 * 3:
        segment = p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0)
        segments.append(segment)
        p.take(segment)
        p.send(ACK)
    assert {len(p.data_of(s)) for s in segments} == {1460}
    assert int(segments[-1].flags) & PSH and not int(segments[0].flags) & PSH


@pytest.mark.req("RFC9293-SHLD-7", "RFC9293-MUST-17")
def test_nagle_and_its_end(passive):
    p = passive.p
    passive.sock.send(b"a")
    first = p.expect("first octet", matches=lambda tcp: p.data_of(tcp) == b"a")
    passive.sock.send(b"b")
    passive.sock.send(b"c")
    assert not [s for s in p.fence() if p.data_of(s) and s.seq != first.seq]
    p.take(first)
    p.send(ACK)
    second = p.expect("the rest in one", matches=lambda tcp: p.data_of(tcp) == b"bc")
    p.take(second)
    p.send(ACK)
    passive.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    passive.sock.send(b"d")
    passive.sock.send(b"e")
    # Sent again, when all takes long, they are the same.
    assert list({s.seq: p.data_of(s) for s in p.fence() if p.data_of(s)}.values()) == [b"d", b"e"]


@pytest.mark.req("TCP-5", "RFC9293-MUST-18", "RFC9293-MUST-19", "RFC6298-5")
def test_what_is_not_acknowledged_comes_again_and_later_each_time(passive):
    p = passive.p
    passive.a.tune(tcp_rto_min_ms=50)
    passive.sock.send(b"again")
    first = p.expect("data", matches=lambda tcp: p.data_of(tcp) == b"again")
    for _ in range(3):
        segment = p.expect("retransmission", matches=lambda tcp: p.data_of(tcp) == b"again")
        assert segment.seq == first.seq
    assert tcp_info(passive.sock)["backoff"] >= 2  # one of the three may be a loss probe
    p.take(first)
    p.send(ACK)
    wait_for(lambda: tcp_info(passive.sock)["unacked"] == 0, "nothing under way")
    assert tcp_info(passive.sock)["total_retrans"] >= 3
    assert tcp_info(passive.sock)["retransmits"] == 0


@pytest.mark.req("RFC5681-3.2", "RFC6582-3", "TCP-12")
def test_three_duplicates_bring_the_lost_segment_at_once(passive):
    p = passive.p
    passive.a.tune(tcp_rto_min_ms=60000, tcp_recovery=0)
    passive.sock.send(bytes(1460 * 5))
    first = p.expect("first", matches=lambda tcp: len(p.data_of(tcp)) == 1460)
    for _ in range(4):
        p.expect("more", matches=lambda tcp: len(p.data_of(tcp)) == 1460)
    p.ack = first.seq
    for _ in range(3):
        p.send(ACK)
    again = p.expect("fast retransmission", matches=lambda tcp: len(p.data_of(tcp)) > 0)
    assert again.seq == first.seq
    p.ack = seq_add(first.seq, 1460 * 5)
    p.send(ACK)
    wait_for(lambda: tcp_info(passive.sock)["unacked"] == 0, "all acknowledged")


@pytest.mark.req("RFC9293-MUST-36", "RFC9293-MUST-35", "RFC9293-MUST-37", "RFC9293-SHLD-29", "RFC9293-SHLD-30")
def test_a_closed_window_is_probed(passive):
    p = passive.p
    window(passive, 0)
    passive.sock.send(b"waiting")
    for _ in range(3):
        probe = p.expect("probe", matches=lambda tcp: True)
        assert len(p.data_of(probe)) <= 1
        p.send(ACK)
    p.window = 65535
    p.send(ACK)
    got = b""
    while got != b"waiting":
        segment = p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0)
        if segment.seq == p.ack:
            got += p.data_of(segment)
            p.take(segment)
            p.send(ACK)


@pytest.mark.req("RFC9293-MUST-34", "RFC9293-SHLD-15", "RFC9293-SHLD-16")
def test_a_window_that_shrinks_does_no_harm(passive):
    p = passive.p
    window(passive, 4000)
    passive.sock.send(bytes(4000))
    expect_octets = 0
    first = None
    while expect_octets < 2920:
        segment = p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0)
        first = first or segment
        expect_octets += len(p.data_of(segment))
    p.window = 100
    p.ack = seq_add(first.seq, 1460)
    p.send(ACK)
    p.window = 65535
    p.ack = seq_add(first.seq, 1460)
    p.send(ACK)
    end = seq_add(first.seq, 4000)
    while p.ack != end:
        segment = p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0)
        if segment.seq == p.ack:
            p.take(segment)
            p.send(ACK)


@pytest.mark.req("RFC9293-MUST-38", "RFC9293-MUST-1")
def test_the_peers_window_is_unsigned_and_never_overrun(passive):
    p = passive.p
    window(passive, 3000)
    passive.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    passive.sock.send(bytes(20000))
    got = edge(p)
    assert 0 < got <= 3000
    p.window = 65535
    p.ack = seq_add(p.ack, got)
    p.send(ACK)
    assert p.expect("more", matches=lambda tcp: len(p.data_of(tcp)) == 1460)


@pytest.mark.req("RFC9293-MUST-39")
def test_the_window_does_not_open_by_crumbs(line):
    """Silly window avoidance: once closed, it opens by a segment at least, or half the buffer."""
    line.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    p = Peer(line, PORT)
    scale = dict(p.connect().options).get("WScale") or 0
    sock = line.listener.accept_one()
    sent, offered = 0, None
    while offered != 0 and sent < 1 << 20:
        p.say(ACK, bytes(1000))
        sent += 1000
        for segment in p.fence():
            offered, p.seq = segment.window << scale, segment.ack
    assert offered == 0
    sock.recv(1)
    assert not [segment for segment in p.fence() if 0 < segment.window << scale < 1000]
    sock.recv(1 << 20)
    assert p.expect("a window", ACK, matches=lambda tcp: tcp.window).window << scale >= 1000
