# SPDX-License-Identifier: GPL-2.0-only
"""TCP segment by segment, with a crafted peer: closing, blind attacks, timestamps, SACK, ICMP, timers, cookies
(TCP-5, TCP-6, TCP-8, TCP-10, TCP-12; RFC 9293, 5961, 7323, 2018, 2883, 6675, 4987)."""

import errno
import socket
import struct

import pytest
from conftest import errno_of, wait_for
from edusock import IP_TOS, IP_TTL
from scapy.layers.inet import ICMP, IP, TCP, IPOption_NOP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from tcp_lab import PORT, connecting, edge, expect_data, state_of, tcp_info, window
from tcp_wire import ACK, FIN, PSH, RST, SYN, Peer, option, seq_add


# Closing


@pytest.mark.req("TCP-8", "BSD-6", "RFC9293-3.6")
def test_four_packets_close(passive):
    p = passive.p
    passive.sock.shutdown(socket.SHUT_WR)
    fin = p.expect("FIN", FIN | ACK)
    p.take(fin)
    p.send(ACK)
    wait_for(lambda: state_of(passive.sock) == 5, "FIN-WAIT-2")
    p.say(ACK | PSH, b"half")
    assert passive.sock.recv(10) == b"half"
    p.say(FIN | ACK)
    assert p.expect("ACK of the FIN", ACK, matches=lambda tcp: tcp.ack == p.seq)
    assert passive.sock.recv(10) == b""


@pytest.mark.req("TCP-8", "RFC9293-3.6")
def test_the_peer_closes_first(passive):
    p = passive.p
    p.say(FIN | ACK)
    assert p.expect("ACK", ACK).ack == p.seq
    assert passive.sock.recv(10) == b""
    assert state_of(passive.sock) == 8
    passive.sock.send(b"last words")
    expect_data(p, b"last words")
    passive.sock.close()
    fin = p.expect("FIN", FIN | ACK)
    p.take(fin)
    p.send(ACK)
    p.send(ACK, b"too late")
    assert p.expect("RST", RST)


@pytest.mark.req("TCP-8", "RFC9293-3.6")
def test_simultaneous_close(passive):
    p = passive.p
    passive.sock.shutdown(socket.SHUT_WR)
    fin = p.expect("FIN", FIN | ACK)
    p.say(FIN | ACK)
    assert p.expect("ACK", ACK, matches=lambda tcp: tcp.ack == p.seq)
    wait_for(lambda: state_of(passive.sock) == 11, "CLOSING")
    p.take(fin)
    p.send(ACK)
    wait_for(lambda: state_of(passive.sock) in (6, 7), "TIME-WAIT")


@pytest.mark.req("RFC9293-MUST-13", "TCP-8")
def test_time_wait_answers_a_fin_that_comes_again(passive):
    p = passive.p
    passive.sock.close()
    fin = p.expect("FIN", FIN | ACK)
    p.take(fin)
    p.say(FIN | ACK)
    assert p.expect("ACK", ACK, matches=lambda tcp: tcp.ack == p.seq)
    p.send(FIN | ACK, seq=p.seq - 1)
    assert p.expect("ACK again", ACK).ack == p.seq
    assert any("TIME_WAIT" in line or " 06 " in line for line in passive.a.proc("tcp"))


@pytest.mark.req("RFC9293-MUST-13", "RFC6191-2")
def test_a_new_syn_ends_time_wait(passive):
    p = passive.p
    passive.sock.close()
    p.take(p.expect("FIN", FIN | ACK))
    p.say(FIN | ACK)
    p.expect("ACK", ACK, matches=lambda tcp: tcp.ack == p.seq)
    q = Peer(passive, PORT, port=p.port, isn=seq_add(p.seq, 100000))
    q.connect()
    assert state_of(passive.listener.accept_one()) == 1


@pytest.mark.req("RFC9293-SHLD-3", "RFC9293-MUST-12")
def test_closing_with_unread_data_resets(passive):
    p = passive.p
    p.say(ACK | PSH, b"unread")
    p.fence()
    passive.sock.close()
    assert p.expect("RST", RST | ACK)


@pytest.mark.req("RFC9293-3.10.5")
def test_linger_zero_resets(passive):
    p = passive.p
    passive.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    passive.sock.close()
    reset = p.expect("RST", RST | ACK)
    assert reset.seq == p.ack


# RFC 5961: blind attacks


@pytest.mark.req("RFC5961-3", "RFC9293-MUST-12")
def test_only_the_exact_number_resets(passive):
    p = passive.p
    p.send(RST, seq=p.seq + 100)
    challenge = p.expect("challenge ACK", ACK)
    assert (challenge.seq, challenge.ack) == (p.ack, p.seq)
    assert state_of(passive.sock) == 1
    p.send(RST, seq=p.seq - 1)
    assert state_of(passive.sock) == 1
    p.send(RST, seq=p.seq)
    wait_for(lambda: state_of(passive.sock) == 7, "CLOSE")
    assert errno_of(passive.sock.recv, 1) == errno.ECONNRESET


@pytest.mark.req("RFC5961-4")
@pytest.mark.parametrize("offset", [0, 100, -1, 1 << 31])
def test_a_syn_in_a_connection_is_challenged(passive, offset):
    p = passive.p
    p.send(SYN, seq=p.seq + offset)
    challenge = p.expect("challenge ACK", ACK)
    assert (challenge.seq, challenge.ack) == (p.ack, p.seq)
    assert state_of(passive.sock) == 1


@pytest.mark.req("RFC5961-5")
@pytest.mark.parametrize("offset", [100000, -(1 << 30)])
def test_an_ack_of_the_wrong_age_brings_nothing(passive, offset):
    p = passive.p
    p.send(ACK | PSH, b"injected", ack=p.ack + offset)
    p.fence()
    assert errno_of(passive.sock.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN
    assert state_of(passive.sock) == 1


@pytest.mark.req("RFC5961-7")
def test_challenges_are_limited(passive):
    p = passive.p
    passive.a.tune(tcp_invalid_ratelimit_ms=60000)
    for _ in range(20):
        p.send(SYN, seq=p.seq + 5)
    assert len(p.fence()) <= 2


# RFC 7323


def stamps(value, echo):
    return [("NOP", None), ("NOP", None), ("Timestamp", (value, echo))]


@pytest.fixture
def stamped(line):
    """A connection with timestamps and window scale."""
    line.p = Peer(line, PORT, options=[("MSS", 1460), ("WScale", 3), ("Timestamp", (1000, 0))])
    line.p.say(SYN, options=line.p.options)
    line.synack = line.p.expect("SYN-ACK", SYN | ACK)
    line.p.take(line.synack)
    line.theirs = option(line.synack, "Timestamp")[0]
    line.p.send(ACK, options=stamps(1001, line.theirs))
    line.sock = line.listener.accept_one()
    return line


@pytest.mark.req("RFC7323-3", "RFC7323-3.2")
def test_timestamps_are_echoed(stamped):
    p = stamped.p
    assert option(stamped.synack, "Timestamp")[1] == 1000
    p.say(ACK | PSH, b"x", options=stamps(1002, stamped.theirs))
    assert option(p.expect("ACK", ACK, matches=lambda tcp: tcp.ack == p.seq), "Timestamp")[1] == 1002


@pytest.mark.req("RFC7323-5")
def test_an_old_timestamp_is_an_old_duplicate(stamped):
    p = stamped.p
    p.say(ACK | PSH, b"new", options=stamps(5000, stamped.theirs))
    assert stamped.sock.recv(10) == b"new"
    with stamped.a.counts("Tcp.DropPaws"):
        p.send(ACK | PSH, b"old", options=stamps(4000, stamped.theirs))
    assert errno_of(stamped.sock.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN
    p.say(ACK | PSH, b"newer", options=stamps(5001, stamped.theirs))
    assert stamped.sock.recv(10) == b"newer"


@pytest.mark.req("RFC7323-2.3")
def test_the_peers_window_is_scaled(stamped):
    p = stamped.p
    window(stamped, 1000, options=stamps(2000, stamped.theirs))  # << 3
    stamped.sock.send(bytes(20000))
    got = edge(p)
    assert 1000 < got <= 8000


@pytest.mark.req("RFC7323-2.2")
@pytest.mark.parametrize("offered", [True, False])
def test_options_are_only_used_when_both_offer(line, offered):
    options = [("MSS", 1460)] + ([("WScale", 7), ("SAckOK", b""), ("Timestamp", (1, 0))] if offered else [])
    p = Peer(line, PORT, options=options)
    synack = p.connect() if not offered else None
    if offered:
        p.say(SYN, options=options)
        synack = p.expect("SYN-ACK", SYN | ACK)
    for name in ("WScale", "SAckOK", "Timestamp"):
        assert (option(synack, name) is not None) == offered


# RFC 2018, 2883


@pytest.fixture
def sacked(line):
    line.p = Peer(line, PORT, options=[("MSS", 1460), ("SAckOK", b""), ("NOP", None), ("NOP", None)])
    line.p.connect()
    line.sock = line.listener.accept_one()
    return line


@pytest.mark.req("RFC2018-4")
def test_holes_are_told(sacked):
    p = sacked.p
    start = p.seq
    p.send(ACK, bytes(100), seq=start + 100)
    assert option(p.expect("SACK", ACK), "SAck") == (start + 100, start + 200)
    p.send(ACK, bytes(100), seq=start + 300)
    blocks = option(p.expect("SACK", ACK), "SAck")
    assert blocks == (start + 300, start + 400, start + 100, start + 200)
    p.send(ACK, bytes(100), seq=start)
    ack = p.expect("ACK", ACK, matches=lambda tcp: tcp.ack == start + 200)
    assert option(ack, "SAck") == (start + 300, start + 400)


@pytest.mark.req("RFC2883-4")
def test_duplicates_are_told(sacked):
    p = sacked.p
    start = p.seq
    p.say(ACK, bytes(100))
    p.fence()
    p.send(ACK, bytes(100), seq=start)
    assert option(p.expect("D-SACK", ACK), "SAck") == (start, start + 100)


@pytest.mark.req("RFC6675-5", "RFC2018-5")
def test_only_the_holes_are_sent_again(sacked):
    p = sacked.p
    sacked.a.tune(tcp_rto_min_ms=60000)
    sacked.sock.send(bytes(1460 * 8))
    first = p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0).seq
    for _ in range(7):
        p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0)

    def sack(*blocks):
        edges = [seq_add(first, n * 1460) for block in blocks for n in block]
        return [("NOP", None), ("NOP", None), ("SAck", tuple(edges))]

    p.ack = first
    p.send(ACK, options=sack((1, 3)))
    p.send(ACK, options=sack((1, 3), (4, 5)))
    p.send(ACK, options=sack((1, 3), (4, 6)))
    p.send(ACK, options=sack((1, 3), (4, 8)))
    again, tail = set(), seq_add(first, 7 * 1460)  # which a tail loss probe may bring once more
    while again != {first, seq_add(first, 3 * 1460)}:
        segment = p.expect("retransmission", matches=lambda tcp: len(p.data_of(tcp)) > 0 and tcp.seq != tail)
        again.add(segment.seq)
        assert again <= {first, seq_add(first, 3 * 1460)}
    p.ack = seq_add(first, 8 * 1460)
    p.send(ACK)
    wait_for(lambda: tcp_info(sacked.sock)["unacked"] == 0, "all acknowledged")


@pytest.mark.req("RFC2018-5", "RFC6675-5")
@pytest.mark.parametrize(
    "block", [(-5000, -1000), (0, 0), (5000, 1000), (100000, 200000), (1 << 31, (1 << 31) + 5), (1, 2)]
)
def test_sack_blocks_of_every_wrong_kind_do_no_harm(sacked, block):
    p = sacked.p
    sacked.sock.send(bytes(1460 * 4))
    first = p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0).seq
    edges = tuple(seq_add(first, n) for n in block)
    p.ack = first
    for _ in range(5):
        p.send(ACK, options=[("NOP", None), ("NOP", None), ("SAck", edges)])
    end = seq_add(first, 1460 * 4)
    p.ack = end
    p.send(ACK)
    wait_for(lambda: tcp_info(sacked.sock)["unacked"] == 0, "all acknowledged")
    assert state_of(sacked.sock) == 1


# ICMP


def unreachable(lab, segment, kind=3, code=0, mtu=0, seq=None):
    """An ICMP error that quotes a segment of ours."""
    quoted = IP(src="10.0.0.1", dst=lab.peer) / TCP(
        sport=segment.sport, dport=segment.dport, seq=segment.seq if seq is None else seq, flags=int(segment.flags)
    )
    return (
        Ether(dst=lab.mac, src=lab.w.mac) / IP(src=lab.peer, dst="10.0.0.1")
        / ICMP(type=kind, code=code, nexthopmtu=mtu) / Raw(bytes(quoted)[:28])
    )


@pytest.mark.req("RFC9293-MUST-54", "RFC9293-MUST-56", "RFC9293-SHLD-25", "RFC9293-MUST-55")
@pytest.mark.parametrize("kind,code", [(3, 0), (3, 1), (3, 5), (11, 0), (12, 0), (4, 0)])
def test_hints_do_not_end_a_connection(passive, kind, code):
    p = passive.p
    passive.sock.send(b"data")
    segment = p.expect("data", matches=lambda tcp: p.data_of(tcp) == b"data")
    passive.w.send(unreachable(passive, segment, kind, code))
    p.take(segment)
    p.send(ACK)
    p.say(ACK | PSH, b"goes on")
    assert passive.sock.recv(10) == b"goes on"
    assert state_of(passive.sock) == 1


@pytest.mark.req("RFC9293-MUST-54", "RFC9293-SHLD-26")
def test_port_unreachable_ends_an_attempt(line):
    p = Peer(line, 7001, port=9000)
    sock = connecting(line, p)
    syn = p.expect("SYN", SYN)
    line.w.send(unreachable(line, syn, 3, 3))
    wait_for(lambda: state_of(sock) == 7, "CLOSE")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


@pytest.mark.req("RFC5927-4")
def test_an_icmp_error_with_a_foreign_number_is_ignored(line):
    p = Peer(line, 7001, port=9000)
    sock = connecting(line, p)
    syn = p.expect("SYN", SYN)
    line.w.send(unreachable(line, syn, 3, 3, seq=seq_add(syn.seq, 1 << 20)))
    p.accept(syn)
    wait_for(lambda: state_of(sock) == 1, "ESTABLISHED")


@pytest.mark.req("RFC1191-6.4", "RFC9293-SHLD-6", "TCP-12")
def test_segments_shrink_with_the_path(passive):
    p = passive.p
    passive.sock.send(bytes(1460 * 2))
    first = p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) == 1460)
    p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) == 1460)
    passive.w.send(unreachable(passive, first, 3, 4, mtu=1000))
    again = p.expect("smaller", matches=lambda tcp: 0 < len(p.data_of(tcp)) <= 960)
    assert again.seq == first.seq
    end = seq_add(first.seq, 1460 * 2)
    p.take(again)
    p.send(ACK)
    while p.ack != end:
        segment = p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0)
        assert len(p.data_of(segment)) <= 960
        if segment.seq == p.ack:
            p.take(segment)
            p.send(ACK)


# What the program chooses


@pytest.mark.req("RFC9293-MUST-48", "RFC9293-MUST-49", "RFC9293-SHLD-22")
def test_ttl_and_tos(line):
    p = Peer(line, 7001, port=9000)
    sock = connecting(line, p, set={(socket.SOL_IP, IP_TTL): 33, (socket.SOL_IP, IP_TOS): 0x28})
    frame = line.w.expect(p.is_ours, "SYN")
    assert frame[IP].ttl == 33 and frame[IP].tos == 0x28
    p.accept(frame[TCP])
    sock.setsockopt(socket.SOL_IP, IP_TTL, 44)
    wait_for(lambda: state_of(sock) == 1, "ESTABLISHED")
    sock.send(b"x")
    assert line.w.expect(lambda f: p.is_ours(f) and p.data_of(f[TCP]), "data")[IP].ttl == 44


@pytest.mark.req("RFC9293-MUST-24", "RFC9293-MUST-26", "RFC9293-MUST-27", "RFC9293-MUST-29", "RFC9293-SHLD-12")
def test_keepalive(passive):
    p = passive.p
    passive.a.tune(tcp_keepalive_time_ms=200, tcp_keepalive_intvl_ms=100, tcp_keepalive_probes=30)
    assert not p.fence()
    passive.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    probe = p.expect("probe", ACK)
    assert probe.seq == seq_add(p.ack, -1) and not p.data_of(probe)
    p.send(ACK)
    p.expect("probe", ACK)  # one answer lost
    p.expect("probe", ACK)
    p.send(ACK)
    assert state_of(passive.sock) == 1
    wait_for(lambda: state_of(passive.sock) == 7, "given up")
    assert errno_of(passive.sock.recv, 1) == errno.ETIMEDOUT


@pytest.mark.req("RFC9293-MUST-20", "RFC9293-MUST-12", "TCP-6")
def test_a_vanished_peer_is_given_up(passive):
    p = passive.p
    passive.a.tune(tcp_rto_min_ms=20, tcp_rto_max_ms=100, tcp_retries2=4)
    passive.sock.send(b"anybody?")
    p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0)
    wait_for(lambda: state_of(passive.sock) == 7, "given up")
    assert errno_of(passive.sock.recv, 1) == errno.ETIMEDOUT


@pytest.mark.req("RFC9293-MUST-21")
def test_the_program_chooses_when_to_give_up(passive):
    tcp_user_timeout = 18
    p = passive.p
    passive.a.tune(tcp_rto_min_ms=50)
    passive.sock.setsockopt(socket.IPPROTO_TCP, tcp_user_timeout, 400)
    passive.sock.send(b"anybody?")
    p.expect("data", matches=lambda tcp: len(p.data_of(tcp)) > 0)
    wait_for(lambda: state_of(passive.sock) == 7, "given up")
    assert errno_of(passive.sock.recv, 1) == errno.ETIMEDOUT


@pytest.mark.req("RFC9293-MUST-22", "TCP-6")
def test_a_syn_without_answer_is_given_up(line):
    line.a.tune(tcp_rto_init_ms=20, tcp_rto_max_ms=100, tcp_syn_retries=3)
    p = Peer(line, 7001, port=9000)
    sock = connecting(line, p)
    numbers = {p.expect("SYN", SYN).seq for _ in range(4)}
    assert len(numbers) == 1
    wait_for(lambda: state_of(sock) == 7, "given up")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ETIMEDOUT


@pytest.mark.req("TCP-10", "RFC4987-3")
def test_half_open_connections_end(line):
    line.a.tune(tcp_rto_init_ms=20, tcp_rto_max_ms=100, tcp_synack_retries=2)
    p = Peer(line, PORT)
    p.say(SYN, options=p.options)
    numbers = {p.expect("SYN-ACK", SYN | ACK).seq for _ in range(3)}
    assert len(numbers) == 1
    wait_for(lambda: not any("SYN_RECV" in text or " 03 " in text for text in line.a.proc("tcp")), "SYN_RECV gone")


@pytest.mark.req("RFC4987-3.6", "TCP-10")
def test_cookies_serve_when_the_backlog_is_full(line):
    line.a.tune(tcp_max_syn_backlog=4, tcp_syncookies=1)
    for _ in range(12):
        p = Peer(line, PORT)
        p.send(SYN, options=p.options)
        p.expect("SYN-ACK", SYN | ACK)
    p = Peer(line, PORT, options=[("MSS", 1200)])
    p.connect()
    sock = line.listener.accept_one()
    assert line.a.counters()["Tcp.SynCookiesRecv"] == 1
    p.say(ACK | PSH, b"cookie")
    assert sock.recv(10) == b"cookie"


@pytest.mark.req("RFC4987-3.6")
def test_a_forged_cookie_is_none(line):
    line.a.tune(tcp_syncookies=2)
    p = Peer(line, PORT)
    p.say(SYN, options=p.options)
    p.take(p.expect("SYN-ACK", SYN | ACK))
    p.send(ACK, ack=p.ack + 7)
    assert p.expect("RST", RST).seq == seq_add(p.ack, 7)


@pytest.mark.req("RFC9293-MUST-50", "RFC9293-3.9.2.1")
def test_ip_options_are_ignored(passive):
    p = passive.p
    frame = p.segment(ACK | PSH, b"options")
    frame[IP].options = [IPOption_NOP()] * 4
    passive.w.send(frame)
    assert passive.sock.recv(10) == b"options"
