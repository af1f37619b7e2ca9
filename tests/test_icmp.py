# SPDX-License-Identifier: GPL-2.0-only
"""ICMP as an end host meets it, and the programs people point at a host (IP-10, OVER-8; RFC 792,
RFC 1122 3.2.2)."""

import errno
import re
import socket
import struct

import pytest
from conftest import errno_of
from scapy.layers.inet import ICMP, IP, UDP, IPerror, UDPerror
from scapy.layers.l2 import Ether
from scapy.packet import Raw

CLOSED = 33333  # a port with no socket


def frame(lab, *layers, src=None, dst="10.0.0.1", to=None, **fields):
    made = Ether(dst=to or lab.mac, src=lab.w.mac) / IP(src=src or lab.peer, dst=dst, **fields)
    for layer in layers:
        made = made / layer
    return made


def echo(lab, data=b"", number=1, **fields):
    return frame(lab, ICMP(type=8, id=5, seq=number), Raw(data), **fields)


def to_closed_port(lab, **fields):
    return frame(lab, UDP(sport=9, dport=CLOSED), Raw(b"nobody there"), **fields)


def errors(frames):
    """(type, code) of each ICMP error."""
    return [(one[ICMP].type, one[ICMP].code) for one in frames if ICMP in one and one[ICMP].type in (3, 4, 5, 11, 12)]


# Echo


@pytest.mark.req("IP-10", "RFC1122-3.2.2.6")
@pytest.mark.parametrize("size", [0, 1, 55, 1472])
def test_echo_reply_has_the_same_data_from_the_same_address(wired, size):
    wired.a.rtnl.address("10.0.0.100/24", "e0")
    data = bytes(number % 251 for number in range(size))
    wired.w.send(echo(wired, data, number=77, dst="10.0.0.100", tos=0x10))
    got = wired.w.expect(lambda one: ICMP in one and one[ICMP].type == 0, "reply")
    assert (got[IP].src, got[IP].dst, got[IP].tos, got[ICMP].id, got[ICMP].seq) == (
        "10.0.0.100", wired.peer, 0x10, 5, 77,
    )
    assert bytes(got[ICMP].payload)[:size] == data
    good = got[ICMP].copy()
    sum_seen = good.chksum
    del good.chksum
    assert ICMP(bytes(good)[: 8 + size]).chksum == sum_seen


@pytest.mark.req("IP-10", "RFC1122-3.2.2.6")
@pytest.mark.parametrize("size", [16, 56, 1400, 1472])
def test_ping_of_linux(pair, size):
    done = pair.b.run("ping", "-c3", "-i0.01", "-W10", f"-s{size}", "10.0.0.1")
    assert "3 received" in done.stdout and "wrong data" not in done.stdout


@pytest.mark.req("IP-10")
def test_ping_of_edu(pair):
    done = pair.a.edu("ping", "-c3", "-i0.05", "10.0.0.2")
    assert "3 received" in done.stdout


@pytest.mark.req("RFC1122-3.2.2.6")
def test_broadcast_echo_is_ignored_unless_wanted(wired):
    everyone = {"dst": "10.0.0.255", "to": "ff:ff:ff:ff:ff:ff"}
    with wired.a.counts("Icmp.DropBroadcastEcho"):
        wired.w.send(echo(wired, **everyone))
    assert not [one for one in wired.w.fence() if ICMP in one]
    wired.a.tune(icmp_echo_ignore_broadcasts=0)
    wired.w.send(echo(wired, **everyone))
    got = wired.w.expect(lambda one: ICMP in one and one[ICMP].type == 0, "reply")
    assert got[IP].src == "10.0.0.1"


@pytest.mark.req("IP-10")
def test_echo_can_be_turned_off(wired):
    wired.a.tune(icmp_echo_ignore_all=1)
    wired.w.send(echo(wired))
    wired.w.send(to_closed_port(wired))
    got = wired.w.expect(lambda one: ICMP in one, "port unreachable")
    assert got[ICMP].type == 3


@pytest.mark.req("RFC1122-3.2.2.8")
def test_timestamp_is_answered(wired):
    wired.w.send(frame(wired, ICMP(type=13, id=3, seq=4, ts_ori=1234, ts_rx=0, ts_tx=0)))
    got = wired.w.expect(lambda one: ICMP in one and one[ICMP].type == 14, "timestamp reply")
    assert (got[ICMP].id, got[ICMP].seq, got[ICMP].ts_ori) == (3, 4, 1234)
    assert 0 < got[ICMP].ts_rx < 86400000


# Bad messages


@pytest.mark.req("RFC1122-3.2.2")
@pytest.mark.parametrize("kind", [1, 2, 7, 44, 200, 255])
def test_unknown_type_is_dropped_silently(wired, kind):
    with wired.a.counts("Icmp.DropUnknownType"):
        wired.w.send(frame(wired, ICMP(type=kind), Raw(b"12345678")))
    assert not [one for one in wired.w.fence() if ICMP in one]


@pytest.mark.req("IP-10")
def test_bad_checksum_is_dropped(wired):
    with wired.a.counts("Icmp.DropChecksum"):
        wired.w.send(frame(wired, ICMP(type=8, chksum=0x1234), Raw(b"12345678")))
    assert not [one for one in wired.w.fence() if ICMP in one]


@pytest.mark.req("IP-10")
@pytest.mark.parametrize("length", [0, 1, 7])
def test_short_message_is_dropped(wired, length):
    with wired.a.counts("Icmp.DropShort"):
        wired.w.send(frame(wired, Raw(b"\x08\x00\xf7\xff\x00\x00\x00"[:length]), proto=1))
    assert not [one for one in wired.w.fence() if ICMP in one]


# Errors we send


@pytest.mark.req("UDP-3", "RFC1122-3.2.2.1", "RFC1122-4.1.3.1")
def test_port_unreachable_quotes_the_header_and_more(wired):
    with wired.a.counts("Udp.NoPorts"):
        wired.w.send(to_closed_port(wired, id=0x4242, options=[]))
    got = wired.w.expect(lambda one: ICMP in one, "port unreachable")
    assert (got[ICMP].type, got[ICMP].code, got[IP].src, got[IP].dst) == (3, 3, "10.0.0.1", wired.peer)
    quoted = got[IPerror]
    assert (quoted.src, quoted.dst, quoted.id, quoted.proto) == (wired.peer, "10.0.0.1", 0x4242, 17)
    assert (got[UDPerror].sport, got[UDPerror].dport) == (9, CLOSED)
    assert got[IP].tos & 0xE0 == 0xC0  # RFC 1812 4.3.2.5
    assert got[IP].len <= 576


@pytest.mark.req("RFC1122-3.2.2", "RFC1812-4.3.2.3")
def test_error_quotes_no_more_than_576_octets(wired):
    wired.w.send(frame(wired, UDP(sport=9, dport=CLOSED), Raw(bytes(1400))))
    got = wired.w.expect(lambda one: ICMP in one, "port unreachable")
    assert got[IP].len == 576


@pytest.mark.req("RFC1122-3.2.2")
@pytest.mark.parametrize("kind", [3, 4, 5, 11, 12, 99])
def test_no_error_about_an_error(wired, kind):
    """An ICMP message inside a protocol we do not have: no message about a message."""
    quote = IP(src="10.0.0.1", dst=wired.peer) / UDP(sport=1, dport=2)
    wired.w.send(frame(wired, ICMP(type=kind, code=0), quote))
    assert not errors(wired.w.fence())


@pytest.mark.req("RFC1122-3.2.2")
@pytest.mark.parametrize(
    "fields",
    [
        {"dst": "10.0.0.255", "to": "ff:ff:ff:ff:ff:ff"},
        {"dst": "255.255.255.255", "to": "ff:ff:ff:ff:ff:ff"},
        {"dst": "224.0.0.1", "to": "01:00:5e:00:00:01"},
        {"dst": "10.0.0.1", "to": "ff:ff:ff:ff:ff:ff"},  # broadcast by the link alone
        {"dst": "10.0.0.1", "to": "01:00:5e:00:00:01"},
    ],
    ids=["subnet", "limited", "group", "link broadcast", "link group"],
)
def test_no_error_about_a_broadcast(wired, fields):
    wired.w.send(to_closed_port(wired, **fields))
    assert not errors(wired.w.fence())


@pytest.mark.req("RFC1122-3.2.2")
def test_no_error_about_a_later_fragment(wired):
    wired.w.send(to_closed_port(wired, frag=10))
    assert not errors(wired.w.fence())


@pytest.mark.req("IP-10", "RFC1812-4.3.2.8")
def test_unreachables_are_rate_limited(wired):
    wired.a.tune(icmp_unreach_burst=3, icmp_unreach_interval_ms=60000)
    with wired.a.counts("Icmp.RateLimited", 7):
        for _ in range(10):
            wired.w.send(to_closed_port(wired))
    assert len(errors(wired.w.fence())) == 3
    wired.a.tune(icmp_unreach_interval_ms=0)
    for _ in range(10):
        wired.w.send(to_closed_port(wired))
    assert len(errors(wired.w.fence())) == 10


@pytest.mark.req("IP-10", "RFC1812-4.3.2.8")
def test_other_errors_have_a_limit_of_their_own(wired):
    wired.a.tune(icmp_error_burst=2, icmp_error_interval_ms=60000, icmp_unreach_burst=1)
    raw = bytearray(bytes(to_closed_port(wired)))
    raw[14] = 0x46
    raw[34:34] = b"\x07\xff\x04\x00"
    raw[16:18] = (len(raw) - 14).to_bytes(2, "big")
    raw[24:26] = b"\0\0"
    total = sum(int.from_bytes(raw[14 + at : 16 + at], "big") for at in range(0, 24, 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    raw[24:26] = (~total & 0xFFFF).to_bytes(2, "big")
    for _ in range(5):
        wired.w.send(raw)
    wired.w.send(to_closed_port(wired))
    assert [kind for kind, _ in errors(wired.w.fence())] == [12, 12, 3]


# Errors we get


def port_unreachable(lab, sent, code=3, kind=3, **fields):
    """The error a host would send about a datagram of ours."""
    return frame(lab, ICMP(type=kind, code=code, **fields), Raw(bytes(sent[IP])[:28]))


def sends(lab, sock):
    sock.send(b"x")
    return lab.w.expect(lambda one: UDP in one, "datagram")


@pytest.mark.req("UDP-3", "RFC1122-4.1.3.3")
def test_error_reaches_the_connected_socket_only(wired):
    first, second = wired.a.socket(), wired.a.socket()
    first.connect((wired.peer, 9))
    second.connect((wired.peer, 9))
    sent = sends(wired, first)
    wired.w.send(port_unreachable(wired, sent))
    wired.w.fence()
    assert errno_of(second.recv, 1, socket.MSG_DONTWAIT) == errno.EAGAIN
    assert errno_of(first.recv, 1) == errno.ECONNREFUSED


@pytest.mark.req("RFC1122-3.2.2.1", "RFC1122-4.1.3.3")
@pytest.mark.parametrize("code", [0, 1, 5, 11, 12])
def test_soft_error_does_not_disturb_without_recverr(wired, code):
    sock = wired.a.socket()
    sock.connect((wired.peer, 9))
    wired.w.send(port_unreachable(wired, sends(wired, sock), code=code))
    wired.w.fence()
    assert errno_of(sock.recv, 1, socket.MSG_DONTWAIT) == errno.EAGAIN


@pytest.mark.req("IP-10", "RFC1122-3.2.2")
@pytest.mark.parametrize(
    "change",
    [
        lambda quote: quote[:20],  # nothing of the transport
        lambda quote: b"\x65" + quote[1:],
        lambda quote: b"\x4f" + quote[1:],
        lambda quote: quote[:12] + socket.inet_aton("10.0.0.77") + quote[16:],  # not our packet
        lambda quote: quote[:6] + struct.pack("!H", 20) + quote[8:],  # a later fragment
        lambda quote: b"",
    ],
    ids=["short", "version", "header length", "source", "fragment", "empty"],
)
def test_error_with_a_senseless_quote(wired, change):
    sock = wired.a.socket()
    sock.connect((wired.peer, 9))
    quote = change(bytes(sends(wired, sock)[IP])[:28])
    with wired.a.counts("Icmp.DropQuote"):
        wired.w.send(frame(wired, ICMP(type=3, code=3), Raw(quote)))
    assert errno_of(sock.recv, 1, socket.MSG_DONTWAIT) == errno.EAGAIN


# Programs, against us as against Linux


@pytest.fixture
def crowd(lab):
    """lab.ours and lab.linux answer, lab.b asks."""
    lab.ours = lab.edu_host("10.0.0.1/24")
    lab.linux = lab.linux_host("10.0.0.3/24")
    lab.b = lab.linux_host("10.0.0.2/24")
    for host in (lab.ours,):
        host.tune(icmp_unreach_interval_ms=0)
    with_no_limit(lab.linux)
    return lab


def with_no_limit(host):
    host.run("sh", "-c", "echo 0 >/proc/sys/net/ipv4/icmp_ratelimit")


def both(lab, *command, times=re.compile(r"\d+(\.\d+)? ?(ms|s\b|usec|msec|seconds)|\d+\.\d+/[\d./]+|, pipe \d+|\([\d.]+s latency\)")):
    """The program's output about either host, with addresses and times taken out."""
    told = []
    for host in (lab.ours, lab.linux):
        done = lab.b.run(*command, host.address, check=False)
        text = done.stdout.replace(host.address, "HOST").replace(host.mac().upper(), "MAC").replace(host.mac(), "MAC")
        text = re.sub(r"Starting Nmap.*|Nmap done.*|.*latency.*", "", text)
        told.append((done.returncode, re.sub(r"\s+", " ", times.sub("T", text))))
    assert told[0] == told[1]
    return told[0]


@pytest.mark.req("IP-10")
def test_program_ping(crowd):
    status, text = both(crowd, "ping", "-n", "-c2", "-i0.01", "-W10", "-s200")
    assert status == 0 and "2 received" in text


@pytest.mark.req("IP-10")
def test_program_fping(crowd):
    status, text = both(crowd, "fping", "-t", "5000")
    assert status == 0 and "alive" in text


@pytest.mark.req("ARP-8")
def test_program_arping(crowd):
    status, text = both(crowd, "arping", "-I", "e0", "-c1", "-w20")
    assert status == 0 and ("1 response" in text or "Received 1" in text)


@pytest.mark.req("ARP-8")
def test_program_arping_duplicate_address_detection(crowd):
    status, _ = both(crowd, "arping", "-D", "-I", "e0", "-c1", "-w20")
    assert status == 1


@pytest.mark.req("IP-10")
@pytest.mark.parametrize("how", ["-U", "-I"])
def test_program_traceroute(crowd, how):
    status, text = both(crowd, "traceroute", "-n", "-q1", "-w10", "-m3", how)
    assert status == 0 and "1 HOST" in text


@pytest.mark.req("IP-10", "UDP-3")
def test_program_nmap_udp_scan(crowd):
    """One port answers, one is silent, one is closed."""
    for host, make in ((crowd.ours, crowd.ours.socket), (crowd.linux, crowd.linux.linux_socket)):
        make().bind((host.address, 7777))
    status, text = both(crowd, "nmap", "-n", "-sU", "-Pn", "-p7777,7778", "--reason", "--max-retries", "1",
                        "--host-timeout", "60s")
    assert status == 0
    assert re.search(r"7777/udp +open\|filtered", text) and re.search(r"7778/udp +closed", text)
