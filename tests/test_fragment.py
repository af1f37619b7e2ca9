# SPDX-License-Identifier: GPL-2.0-only
"""Fragments and path MTU, with Linux or scapy at the other end (IP-4 … IP-9; RFC 791 3.2, RFC 815,
RFC 1122 3.3.2, RFC 1191, RFC 5722)."""

import errno
import random
import socket
import struct

import pytest
from conftest import PATIENCE, errno_of, wait_for
from edusock import IP_MTU, IP_MTU_DISCOVER, IP_OPTIONS, IP_RECVERR, find_cmsg
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

PORT = 7000
SOCK_DGRAM = socket.SOCK_DGRAM
LARGEST = 65507
DATA = bytes(random.Random(3).randbytes(LARGEST))


@pytest.fixture
def cable(wired):
    """wired, and a socket that receives whatever comes through."""
    wired.sock = wired.a.socket(bind=("0.0.0.0", PORT))
    wired.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    return wired


def datagram(payload=b"x" * 40):
    """A UDP datagram without a checksum."""
    return struct.pack("!HHHH", 9, PORT, 8 + len(payload), 0) + payload


def piece(lab, octets, start, end, more, **fields):
    """Octets [start, end) of a datagram, as a fragment."""
    fields = {"src": lab.peer, "dst": "10.0.0.1", "id": 77, "proto": 17} | fields
    return (
        Ether(dst=lab.mac, src=lab.w.mac)
        / IP(flags="MF" if more else 0, frag=start // 8, **fields)
        / Raw(octets[start:end].ljust(end - start, b"\0"))
    )


def waiting(lab):
    """Lines of /proc/net/eduinet/fragments."""
    return [line.split() for line in lab.a.proc("fragments")[1:]]


def receives_nothing(lab):
    frames = lab.w.fence()
    assert errno_of(lab.sock.recv, 10, socket.MSG_DONTWAIT) == errno.EAGAIN
    return frames


# Linux at the other end


@pytest.mark.req("IP-4", "IP-5", "IP-6", "IP-8")
@pytest.mark.parametrize("size", [8000, 1473, 65507])
def test_program_linux_ping_is_answered(pair, size):
    done = pair.b.run("ping", "-c", 2, "-i", "0.2", "-W", PATIENCE, "-s", size, "10.0.0.1")
    assert " 0% packet loss" in done.stdout
    assert pair.a.counters()["Ip.ReasmOKs"] == 2
    assert pair.a.counters()["Ip.FragOKs"] == 2


@pytest.mark.req("IP-4", "IP-8")
def test_the_tool_pings_with_fragments(pair):
    assert " 0% packet loss" in pair.a.edu("ping", "-c", "1", "-s", "8000", "10.0.0.2").stdout
    assert pair.a.counters()["Ip.ReasmOKs"] == 1


@pytest.mark.req("IP-4", "IP-8", "UDP-3", "RFC1122-3.2.1.4")
@pytest.mark.parametrize("size", [1472, 1473, 2952, 9000, LARGEST])
def test_datagrams_both_ways(pair, size):
    ours = pair.a.socket(bind=("10.0.0.1", PORT))
    theirs = pair.b.linux_socket(bind=("10.0.0.2", PORT))
    for sock in (ours, theirs):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    theirs.sendto(DATA[:size], ("10.0.0.1", PORT))
    assert ours.recv(70000) == DATA[:size]
    ours.sendto(DATA[:size], ("10.0.0.2", PORT))
    assert theirs.recv(70000) == DATA[:size]
    counters = pair.a.counters()
    assert counters["Ip.ReasmOKs"] == counters["Ip.FragOKs"] == (size > 1472)
    assert not pair.a.proc("fragments")[1:]


@pytest.mark.req("IP-8", "BSD-4")
def test_a_raw_socket_gets_the_whole(pair):
    raw = pair.a.socket(socket.SOCK_RAW, 253)
    pair.b.linux_socket(socket.SOCK_RAW, 253).sendto(DATA[:5000], ("10.0.0.1", 0))
    packet = raw.recv(70000)
    header = IP(packet[:20])
    assert (header.len, header.frag, header.flags.MF) == (5020, 0, False)
    assert packet[20:] == DATA[:5000]


# Any order, duplicates, overlaps


@pytest.mark.req("IP-6", "IP-8", "RFC815")
@pytest.mark.parametrize("order", ["in order", "reverse", "random"])
def test_any_order(cable, order):
    whole = datagram(DATA[:20000])
    pieces = [piece(cable, whole, at, min(at + 400, len(whole)), at + 400 < len(whole))
              for at in range(0, len(whole), 400)]
    if order == "reverse":
        pieces.reverse()
    elif order == "random":
        random.Random(1).shuffle(pieces)
    cable.w.send(*pieces)
    assert cable.sock.recv(70000) == DATA[:20000]
    assert not waiting(cable)


@pytest.mark.req("IP-6", "RFC5722")
def test_duplicates_do_no_harm(cable):
    whole = datagram()
    cable.w.send(*[piece(cable, whole, 0, 24, True)] * 3, *[piece(cable, whole, 24, 48, False)])
    assert cable.sock.recv(100) == b"x" * 40
    assert cable.a.counters()["Ip.DropFragmentDuplicate"] == 2


@pytest.mark.req("IP-9", "RFC5722")
@pytest.mark.parametrize(
    "start,end,more",
    [(24, 28, False), (16, 48, False), (8, 16, True), (0, 32, True), (0, 16, True)],
    ids=["teardrop", "tail", "inside", "around", "beginning"],
)
def test_an_overlap_ends_the_datagram(cable, start, end, more):
    whole = datagram()
    cable.w.send(piece(cable, whole, 0, 32 if start == 24 else 24, True))
    with cable.a.counts("Ip.DropFragmentOverlap", 2) if (start, end) != (24, 28) else cable.a.counts(
        "Ip.DropFragmentEnd", 2
    ):
        cable.w.send(piece(cable, whole, start, end, more))
    assert not receives_nothing(cable)
    assert not waiting(cable)


@pytest.mark.req("IP-7")
def test_the_table_of_those_that_wait(cable):
    whole = datagram()
    cable.w.send(piece(cable, whole, 24, 48, False), piece(cable, whole, 0, 8, True))
    cable.w.send(piece(cable, whole, 0, 24, True, id=78), piece(cable, whole, 24, 48, False, id=79))
    cable.w.fence()
    lines = {int(line[3]): line for line in waiting(cable)}
    assert set(lines) == {77, 78, 79}
    assert lines[77][:3] == [cable.peer, "10.0.0.1", "17"]
    assert [int(word) for word in lines[77][4:8]] == [1, 2, 32, 48]
    assert [int(word) for word in lines[78][4:8]] == [1, 1, 24, 0]
    assert 0 < int(lines[78][9]) <= 30000


# Hostile input


@pytest.mark.req("IP-9", "RFC1858")
@pytest.mark.parametrize(
    "counter,start,end,more,protocol",
    [
        ("DropFragmentLength", 0, 23, True, 17),
        ("DropFragmentLength", 0, 7, True, 17),
        ("DropFragmentLength", 8, 8, False, 17),
        ("DropFragmentTooLong", 65528, 65600, False, 1),
        ("DropFragmentTooLong", 65512, 65520, True, 17),
        ("DropFragmentTiny", 0, 8, True, 6),
        ("DropFragmentTiny", 8, 40, False, 6),
    ],
)
def test_what_no_sender_sends_is_dropped_under_its_name(cable, counter, start, end, more, protocol):
    with cable.a.counts(f"Ip.{counter}"):
        cable.w.send(piece(cable, b"", start, end, more, proto=protocol))
    assert not receives_nothing(cable)
    assert not waiting(cable)


@pytest.mark.req("IP-9")
def test_ping_of_death(cable):
    """Fragments up to the very end are taken; the one behind it is not."""
    whole = bytes(65536)
    frames = [piece(cable, whole, at, at + 1480, True, proto=1) for at in range(0, 63640, 1480)]
    cable.w.send(*frames)
    with cable.a.counts("Ip.DropFragmentTooLong"):
        cable.w.send(piece(cable, whole, 65120, 66600, False, proto=1))
    assert not receives_nothing(cable)
    assert len(waiting(cable)) == 1


@pytest.mark.req("IP-9")
def test_a_flood_with_every_identification_disturbs_nobody(cable):
    """Memory stays within its bound, and an honest datagram in between arrives."""
    cable.a.tune(ip_frag_high_thresh=1 << 18, ip_frag_low_thresh=3 << 16)
    whole = datagram()
    frame = bytearray(bytes(piece(cable, whole, 0, 24, True, src="10.0.0.66")))
    for number in range(4000):
        frame[18:20] = struct.pack("!H", number)
        frame[24:26] = b"\0\0"
        frame[24:26] = ip_checksum(frame[14:34])
        cable.w.send(frame)
        if number % 400 == 0:
            cable.w.send(piece(cable, whole, 0, 24, True, id=number), piece(cable, whole, 24, 48, False, id=number))
            assert cable.sock.recv(100) == b"x" * 40
    assert sum(int(line[8]) for line in waiting(cable)) <= 1 << 18
    counters = cable.a.counters()
    assert counters["Ip.DropFragmentEvicted"] > 3000
    assert counters["Ip.ReasmOKs"] == 10


def ip_checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)


# The timer


@pytest.mark.req("IP-9", "RFC1122-3.3.2")
def test_time_exceeded_if_the_first_was_there(cable):
    cable.a.tune(ip_frag_time_ms=100)
    with cable.a.counts("Ip.DropFragmentTimeout"):
        cable.w.send(piece(cable, datagram(), 0, 24, True))
    error = cable.w.expect(lambda frame: ICMP in frame, "time exceeded")
    assert (error[ICMP].type, error[ICMP].code) == (11, 1)
    quoted = error[ICMP].payload
    assert (quoted.src, quoted.id, quoted.flags.MF, quoted.frag) == (cable.peer, 77, True, 0)
    counters = cable.a.counters()
    assert counters["Ip.ReasmTimeout"] == counters["Ip.ReasmFails"] == 1
    assert not waiting(cable)


@pytest.mark.req("IP-9", "RFC1122-3.3.2")
def test_silence_if_it_was_not(cable):
    cable.a.tune(ip_frag_time_ms=100)
    with cable.a.counts("Ip.ReasmTimeout"):
        cable.w.send(piece(cable, datagram(), 24, 48, False))
    assert not receives_nothing(cable)


@pytest.mark.req("LAYER-3", "IP-9")
def test_a_device_that_goes_takes_its_fragments_along(cable):
    cable.w.send(piece(cable, datagram(), 0, 24, True))
    cable.w.fence()
    with cable.a.counts("Ip.DropFragmentIface"):
        cable.a.ip("link", "del", "e0")
    assert not waiting(cable)


@pytest.mark.req("LAYER-3", "IP-9")
def test_a_namespace_may_go_while_fragments_wait(cable):
    for number in range(100):
        cable.w.send(piece(cable, datagram(), 0, 24, True, id=number))
    cable.w.fence()
    assert len(waiting(cable)) == 100
    # The fixture deletes the host; leaks and uses after free are the kernel log's to tell.


# Out


@pytest.mark.req("IP-4", "IP-5", "RFC791-3.2")
def test_the_fragments_on_the_wire(cable):
    cable.sock.setsockopt(socket.SOL_IP, IP_OPTIONS, bytes([7, 7, 4, 0, 0, 0, 0, 1, 148, 4, 0, 0]))
    cable.sock.sendto(DATA[:4000], (cable.peer, 9))
    frames = [cable.w.expect(lambda frame: IP in frame and frame[IP].proto == 17, "fragment") for _ in range(3)]
    headers = [frame[IP] for frame in frames]
    assert len({header.id for header in headers}) == 1 and headers[0].id
    assert [header.flags.MF for header in headers] == [True, True, False]
    assert not any(header.flags.DF for header in headers)
    assert [header.ihl for header in headers] == [8, 6, 6]
    assert bytes(headers[1])[20:24] == bytes([148, 4, 0, 0])
    octets = b""
    for header in headers:
        assert header.frag * 8 == len(octets)
        octets += bytes(header)[header.ihl * 4 : header.len]
    assert octets[8:] == DATA[:4000]


@pytest.mark.req("IP-4", "UDP-3")
@pytest.mark.parametrize("how,refused,small_df", [(0, False, ""), (1, False, "DF"), (2, True, "DF"), (3, True, "DF"),
                                                  (4, True, ""), (5, False, "")])
def test_ways_of_discovery(cable, how, refused, small_df):
    cable.sock.setsockopt(socket.SOL_IP, IP_MTU_DISCOVER, how)
    assert errno_of(cable.sock.sendto, bytes(1473), (cable.peer, 9)) == (errno.EMSGSIZE if refused else 0)
    cable.sock.sendto(bytes(1472), (cable.peer, 10))
    frame = cable.w.expect(lambda frame: UDP in frame and frame[UDP].dport == 10, "datagram")
    assert str(frame[IP].flags) == small_df


# Path MTU


def frag_needed(lab, mtu, quoted):
    return (
        Ether(dst=lab.mac, src=lab.w.mac)
        / IP(src="10.0.0.8", dst="10.0.0.1")
        / ICMP(type=3, code=4, nexthopmtu=mtu)
        / Raw(bytes(quoted)[:28])
    )


@pytest.mark.req("RFC1191-4", "IP-4")
def test_path_mtu_is_learnt(cable):
    sock = cable.sock
    sock.connect((cable.peer, 9))
    sock.setsockopt(socket.SOL_IP, IP_RECVERR, 1)
    sock.send(bytes(1400))
    sent = cable.w.expect(lambda frame: UDP in frame, "datagram")
    assert sent[IP].flags == "DF" and sock.getsockopt(socket.SOL_IP, IP_MTU) == 1500
    cable.w.send(frag_needed(cable, 1000, sent[IP]))
    cable.w.fence()
    assert sock.getsockopt(socket.SOL_IP, IP_MTU) == 1000
    _, control, _, _ = sock.recvmsg(100, 500, socket.MSG_ERRQUEUE)
    number, origin, kind, code, _, info, _ = struct.unpack_from("=IBBBBII", find_cmsg(control, IP_RECVERR))
    assert (number, origin, kind, code, info) == (errno.EMSGSIZE, 2, 3, 4, 1000)
    sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    sock.send(bytes(1400))
    first = cable.w.expect(lambda frame: IP in frame and frame[IP].proto == 17, "fragment")
    assert first[IP].flags == "MF" and first[IP].len <= 1000
    sock.setsockopt(socket.SOL_IP, IP_MTU_DISCOVER, 2)
    assert errno_of(sock.send, bytes(1400)) == errno.EMSGSIZE
    _, control, _, _ = sock.recvmsg(100, 500, socket.MSG_ERRQUEUE)
    _, origin, _, _, _, info, _ = struct.unpack_from("=IBBBBII", find_cmsg(control, IP_RECVERR))
    assert (origin, info) == (1, 1000)
    assert any("1000" in line.split() for line in cable.a.proc("rt_cache"))


@pytest.mark.req("RFC1191-4", "UDP-3")
def test_what_tracepath_does(cable):
    """Its socket: IP_PMTUDISC_PROBE and the error queue, which tells each MTU on the way."""
    sock = cable.sock
    sock.setsockopt(socket.SOL_IP, IP_MTU_DISCOVER, 3)
    sock.setsockopt(socket.SOL_IP, IP_RECVERR, 1)

    def told():
        _, control, _, address = sock.recvmsg(2000, 500, socket.MSG_ERRQUEUE)
        number, origin, _, _, _, info, _ = struct.unpack_from("=IBBBBII", find_cmsg(control, IP_RECVERR))
        sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return number, origin, info, address

    assert errno_of(sock.sendto, bytes(9000 - 28), (cable.peer, 44444)) == errno.EMSGSIZE
    assert told() == (errno.EMSGSIZE, 1, 1500, (cable.peer, 44444))
    for size, mtu in ((1500, 1400), (1400, 1280)):
        sock.sendto(bytes(size - 28), (cable.peer, 44444))
        sent = cable.w.expect(lambda frame: UDP in frame, "probe")[IP]
        assert (sent.len, sent.flags) == (size, "DF")
        cable.w.send(frag_needed(cable, mtu, sent))
        cable.w.fence()
        assert told() == (errno.EMSGSIZE, 2, mtu, (cable.peer, 44444))


@pytest.mark.req("IP-4", "BSD-4")
@pytest.mark.parametrize("kind,size", [(socket.SOCK_RAW, 1481), (SOCK_DGRAM, 1481)])
def test_what_ping_m_does(cable, kind, size):
    """ping -M do, want and dont, by a RAW and by a ping socket."""
    cable.a.tune(ping_group_min=0, ping_group_max=1000)
    sock = cable.a.socket(kind, socket.IPPROTO_ICMP)
    request = struct.pack("!BBHHH", 8, 0, 0, 1, 1) + bytes(size - 8)
    for how, fragments in ((2, 0), (1, 2), (0, 2)):
        sock.setsockopt(socket.SOL_IP, IP_MTU_DISCOVER, how)
        refused = errno_of(sock.sendto, request, (cable.peer, 0))
        assert refused == (0 if fragments else errno.EMSGSIZE)
        for _ in range(fragments):
            frame = cable.w.expect(lambda frame: IP in frame and frame[IP].proto == 1, "fragment")
            assert not frame[IP].flags.DF
    sock.setsockopt(socket.SOL_IP, IP_MTU_DISCOVER, 1)
    sock.sendto(request[:1400], (cable.peer, 0))
    assert cable.w.expect(lambda frame: ICMP in frame, "request")[IP].flags == "DF"


@pytest.mark.req("RFC1191-4")
def test_absurd_and_foreign_messages_are_not_believed(cable):
    sock = cable.sock
    sock.connect((cable.peer, 9))
    sock.send(bytes(1400))
    sent = cable.w.expect(lambda frame: UDP in frame, "datagram")[IP]
    foreign = IP(bytes(sent))
    foreign.src = "10.0.0.66"
    del foreign.chksum
    for mtu, quoted in ((1, sent), (67, sent), (1500, sent), (9000, sent), (1000, foreign)):
        cable.w.send(frag_needed(cable, mtu, quoted))
    cable.w.fence()
    assert sock.getsockopt(socket.SOL_IP, IP_MTU) == 1500


@pytest.mark.req("RFC1191-6.3")
def test_it_is_forgotten(cable):
    cable.a.tune(mtu_expires_ms=200)
    sock = cable.sock
    sock.connect((cable.peer, 9))
    sock.send(bytes(1400))
    sent = cable.w.expect(lambda frame: UDP in frame, "datagram")[IP]
    cable.w.send(frag_needed(cable, 1000, sent))
    cable.w.fence()
    wait_for(lambda: sock.getsockopt(socket.SOL_IP, IP_MTU) == 1500, "the path MTU to be forgotten")
