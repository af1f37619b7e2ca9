# SPDX-License-Identifier: GPL-2.0-only
"""Groups: joining, IGMP with a querier of any version, delivery both ways with Linux on the same cable,
limits, and interfaces and namespaces that go (UDP-3, IP-10, OVER-9; RFC 1112, RFC 2236, RFC 3678)."""

import ctypes
import errno
import socket
import struct

import pytest
import rtnl
from conftest import Host, errno_of, in_child, wait_for
from edusock import AF_EDUINET, IP_PKTINFO, find_cmsg, in_netns, libc
from scapy.layers.inet import ICMP, IP, UDP, IPOption_Router_Alert
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from test_stress import noise

GROUP, OTHER = "239.1.2.3", "239.1.2.4"
ALL_HOSTS, ALL_ROUTERS = "224.0.0.1", "224.0.0.2"
PORT = 7000

IP_MULTICAST_IF, IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP = range(32, 37)
IP_UNBLOCK_SOURCE, IP_BLOCK_SOURCE, IP_ADD_SOURCE_MEMBERSHIP, IP_DROP_SOURCE_MEMBERSHIP = range(37, 41)
IP_MSFILTER, MCAST_JOIN_GROUP, MCAST_BLOCK_SOURCE, MCAST_UNBLOCK_SOURCE, MCAST_LEAVE_GROUP = range(41, 46)
MCAST_JOIN_SOURCE_GROUP, MCAST_LEAVE_SOURCE_GROUP, MCAST_MSFILTER, IP_MULTICAST_ALL = range(46, 50)

QUERY, REPORT_V1, REPORT_V2, LEAVE = 0x11, 0x12, 0x16, 0x17


def aton(address):
    return socket.inet_aton(address)


def index(host, device="e0"):
    with in_netns(host.name):
        return socket.if_nametoindex(device)


def mreqn(group, ifindex=0, address="0.0.0.0"):
    return struct.pack("=4s4si", aton(group), aton(address), ifindex)


def join(host, sock, group=GROUP, device="e0"):
    sock.setsockopt(socket.SOL_IP, IP_ADD_MEMBERSHIP, mreqn(group, index(host, device)))


def leave(host, sock, group=GROUP, device="e0"):
    sock.setsockopt(socket.SOL_IP, IP_DROP_MEMBERSHIP, mreqn(group, index(host, device)))


def leave_by(host, sock, device="e0"):
    """Multicasts of this socket leave by that interface."""
    sock.setsockopt(socket.SOL_IP, IP_MULTICAST_IF, mreqn("0.0.0.0", index(host, device)))


def member(host, group=GROUP, port=PORT, **more):
    sock = host.socket(**more)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("0.0.0.0", port))
    join(host, sock, group)
    return sock


def group_mac(group):
    octets = aton(group)
    return f"01:00:5e:{octets[1] & 0x7f:02x}:{octets[2]:02x}:{octets[3]:02x}"


def link_groups(host, device="e0"):
    """The group addresses that the device itself listens to."""
    for told in host.edu_json_ip("maddr", "show", "dev", device):
        return {entry["link"] for entry in told["maddr"] if "link" in entry}
    return set()


def igmp_file(host):
    """{device: {group: (users, reporter)}} of /proc/net/eduinet/igmp."""
    found, device = {}, None
    for line in host.proc("igmp")[1:]:
        words = line.split()
        if not line.startswith("\t"):
            device = found.setdefault(words[1].rstrip(":"), {})
        else:
            raw = struct.pack("=I", int(words[0], 16))
            device[socket.inet_ntoa(raw)] = (int(words[1]), int(words[3]))
    return found


@pytest.fixture(autouse=True)
def ip_json(monkeypatch):
    import json

    monkeypatch.setattr(
        Host, "edu_json_ip", lambda self, *words: json.loads(self.ip("-j", *words).stdout or "[]"), raising=False
    )


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def igmp(lab, kind, group="0.0.0.0", code=0, to=None, extra=b"", check=None, source=None, **ip):
    body = struct.pack("!BBH4s", kind, code, 0, aton(group)) + extra
    check = checksum(body) if check is None else check
    to = to or ALL_HOSTS
    return (
        Ether(dst=group_mac(to), src=lab.w.mac)
        / IP(src=source or lab.peer, dst=to, ttl=1, proto=2, options=[IPOption_Router_Alert()], **ip)
        / Raw(body[:2] + struct.pack("!H", check) + body[4:])
    )


def is_igmp(kind=None, group=None):
    def matches(frame):
        if IP not in frame or frame[IP].proto != 2:
            return False
        body = bytes(frame[IP].payload)[:8]
        return (kind is None or body[0] == kind) and (group is None or body[4:8] == aton(group))

    return matches


# On the link


@pytest.mark.req("IP-10", "RFC2236-2", "RFC2236-3")
def test_a_join_is_reported_twice_and_a_leave_told(wired):
    wired.a.tune(igmp_unsolicited_interval_ms=20)
    sock = member(wired.a)
    for _ in range(2):
        frame = wired.w.expect(is_igmp(REPORT_V2, GROUP), "report")
        assert (frame.dst, frame[IP].dst, frame[IP].src) == (group_mac(GROUP), GROUP, "10.0.0.1")
        assert frame[IP].ttl == 1
        assert bytes(frame[IP].options[0]) == b"\x94\x04\x00\x00"
        assert checksum(bytes(frame[IP].payload)[:8]) == 0
    leave(wired.a, sock)
    frame = wired.w.expect(is_igmp(LEAVE, GROUP), "leave")
    assert (frame.dst, frame[IP].dst, frame[IP].ttl) == (group_mac(ALL_ROUTERS), ALL_ROUTERS, 1)
    counters = wired.a.counters()
    assert (counters["Igmp.OutReportsV2"], counters["Igmp.OutLeaves"]) == (2, 1)


@pytest.mark.req("OVER-9", "RFC1112-6.4")
def test_the_device_is_told_which_groups_to_hear(wired):
    assert group_mac(ALL_HOSTS) in link_groups(wired.a)
    sock, twin = member(wired.a), member(wired.a)
    assert group_mac(GROUP) in link_groups(wired.a)
    sock.close()
    assert group_mac(GROUP) in link_groups(wired.a)
    twin.close()
    assert group_mac(GROUP) not in link_groups(wired.a)


@pytest.mark.req("IP-10", "RFC2236-3", "RFC4541-2.1.1")
@pytest.mark.parametrize("querier", ["10.0.0.9", "0.0.0.0"], ids=["router", "switch"])
@pytest.mark.parametrize(
    "version, fields",
    [
        (2, {}), (2, {"group": GROUP, "to": GROUP}), (3, {"extra": bytes(4)}),
        (3, {"group": GROUP, "extra": b"\x02\x7d\x00\x01" + aton("10.0.0.9")}),
    ],
    ids=["general", "of a group", "general of version 3", "of sources"],
)
def test_queries_are_answered(wired, version, fields, querier):
    """One to a host: a general query soon after another, whose answers are not all due, changes nothing."""
    wired.a.tune(igmp_robustness=1)
    sock = member(wired.a)
    wired.w.expect(is_igmp(REPORT_V2, GROUP), "report")
    with wired.a.counts(f"Igmp.InQueriesV{version}"):
        wired.w.send(igmp(wired, QUERY, code=1, source=querier, **fields))
        wired.w.expect(is_igmp(REPORT_V2, GROUP), "answer")
    sock.close()


@pytest.mark.req("RFC2236-4", "RFC1112")
def test_version_1_as_long_as_its_router_is_there(wired):
    wired.a.tune(igmp_v1_router_timeout_ms=86400000, igmp_robustness=1)
    wired.w.send(igmp(wired, QUERY))
    wired.w.fence()
    sock = member(wired.a)
    wired.w.expect(is_igmp(REPORT_V1, GROUP), "report of version 1")
    assert "V1" in wired.a.proc("igmp")[3]
    leave(wired.a, sock)
    assert not [frame for frame in wired.w.fence() if is_igmp()(frame)]
    wired.a.tune(igmp_v1_router_timeout_ms=1)
    wired.w.send(igmp(wired, QUERY))
    wired.w.fence()
    wait_for(lambda: "V2" in wired.a.proc("igmp")[3], "version 2 again")
    join(wired.a, sock)
    wired.w.expect(is_igmp(REPORT_V2, GROUP), "report of version 2")


@pytest.mark.req("RFC2236-3")
def test_a_report_of_linux_suppresses_ours(lab):
    a, w = lab.edu_host("10.0.0.1/24"), lab.wire()
    b = lab.linux_host("10.0.0.2/24")
    lab.w, lab.peer = w, "10.0.0.9"
    with in_netns(b.name), open("/proc/sys/net/ipv4/conf/e0/force_igmp_version", "w", encoding="ascii") as file:
        file.write("2")
    a.tune(igmp_robustness=1)
    sock = member(a)
    w.expect(is_igmp(REPORT_V2, GROUP), "our report")
    theirs = b.linux_socket(bind=("", PORT))
    reports = lambda: a.counters()["Igmp.OutReportsV2"]
    for number in range(5):
        sent = reports()
        w.send(igmp(lab, QUERY, code=255))
        wait_for(lambda: a.counters()["Igmp.InQueriesV2"] == number + 1, "the query")
        join(b, theirs)
        wait_for(lambda: a.counters()["Igmp.Suppressed"] or reports() != sent, "a report, theirs or ours")
        if reports() == sent:
            break
        leave(b, theirs)  # ours was due at random within 25 s, and came before
    assert (a.counters()["Igmp.Suppressed"], reports()) == (1, sent)
    # Nor do we tell of leaving: it was Linux that reported last.
    sock.close()
    assert a.counters()["Igmp.OutLeaves"] == 0


@pytest.mark.req("IP-10", "RFC2236-2")
def test_noise_is_dropped_by_name(wired):
    sock = member(wired.a)
    raw = wired.a.socket(socket.SOCK_RAW, 2)
    for counter, frame in (
        ("Igmp.DropChecksum", igmp(wired, QUERY, code=1, check=1)),
        ("Igmp.DropLength", igmp(wired, QUERY, code=1, extra=b"ab")),
        ("Igmp.DropUnknownType", igmp(wired, 0x99)),
        ("Igmp.DropGroup", igmp(wired, REPORT_V2, "10.0.0.1")),
        ("Igmp.DropGroup", igmp(wired, REPORT_V2, GROUP, to=ALL_HOSTS)),
        ("Ip.DropMulticastNotJoined", igmp(wired, LEAVE, GROUP, to=ALL_ROUTERS)),
        (
            "Igmp.DropShort",
            Ether(dst=group_mac(ALL_HOSTS), src=wired.w.mac) / IP(src=wired.peer, dst=ALL_HOSTS, proto=2) / Raw(b"\x11\0\xee"),
        ),
    ):
        if counter.startswith("Ip"):  # the device would not even hear it
            frame.dst = wired.mac
        with wired.a.counts(counter):
            wired.w.send(frame)
    # RAW sockets see it as it is, and our own report.
    assert QUERY in [raw.recv(100)[24] for _ in range(2)]
    wired.w.send(igmp(wired, QUERY, code=1))
    wired.w.expect(is_igmp(REPORT_V2, GROUP), "answer")
    sock.close()


@pytest.mark.req("RFC1122-3.2.2", "IP-10")
def test_nobody_is_told_of_errors_about_groups(wired):
    sock = member(wired.a)
    ours = Ether(dst=group_mac(GROUP), src=wired.w.mac) / IP(src=wired.peer, dst=GROUP)
    with wired.a.counts("Udp.DropNoSocket"):
        wired.w.send(ours / UDP(sport=9, dport=99) / b"x")
    with wired.a.counts("Ip.DropUnknownProtocol"):
        unknown = ours.copy()
        unknown[IP].proto = 200
        wired.w.send(unknown / Raw(b"x" * 8))
    with wired.a.counts("Icmp.DropBroadcastEcho"):
        wired.w.send(ours / ICMP(type=8))
    assert not [frame for frame in wired.w.fence() if ICMP in frame]
    sock.close()


# With Linux on the same cable


@pytest.mark.req("UDP-3", "OVER-9", "RFC1112-7.2")
def test_datagrams_from_linux_reach_every_member(pair):
    members = [member(pair.a) for _ in range(3)]
    deaf = member(pair.a, OTHER, PORT + 1)
    for sock in members:
        sock.setsockopt(socket.SOL_IP, IP_PKTINFO, 1)
    theirs = pair.b.linux_socket()
    leave_by(pair.b, theirs)
    theirs.sendto(b"to all of you", (GROUP, PORT))
    for sock in members:
        data, control, _, address = sock.recvmsg(100, 100)
        assert (data, address) == (b"to all of you", ("10.0.0.2", theirs.getsockname()[1]))
        info = find_cmsg(control, IP_PKTINFO)
        assert info == struct.pack("=i", index(pair.a)) + aton("10.0.0.1") + aton(GROUP)
    with pytest.raises(BlockingIOError):
        deaf.recv(100, socket.MSG_DONTWAIT)
    leave(pair.a, members[0])
    members[0].setsockopt(socket.SOL_IP, IP_MULTICAST_ALL, 0)
    theirs.sendto(b"again", (GROUP, PORT))
    assert members[1].recv(100) == b"again"
    with pytest.raises(BlockingIOError):
        members[0].recv(100, socket.MSG_DONTWAIT)


@pytest.mark.req("UDP-3", "RFC1112-6.1")
def test_datagrams_to_linux_and_to_ourselves(pair):
    theirs = pair.b.linux_socket(bind=("", PORT))
    theirs.setsockopt(socket.SOL_IP, 12, 1)  # IP_RECVTTL
    join(pair.b, theirs)
    here, sock = member(pair.a), pair.a.socket()
    leave_by(pair.a, sock)
    sock.sendto(b"one", (GROUP, PORT))
    data, control, _, address = theirs.recvmsg(100, 100)
    assert (data, address[0]) == (b"one", "10.0.0.1")
    assert (socket.SOL_IP, 2, struct.pack("=i", 1)) in control  # TTL 1
    assert here.recvfrom(100)[0] == b"one"
    sock.setsockopt(socket.SOL_IP, IP_MULTICAST_LOOP, 0)
    sock.setsockopt(socket.SOL_IP, IP_MULTICAST_TTL, 5)
    sock.sendto(b"two", (GROUP, PORT))
    data, control, _, _ = theirs.recvmsg(100, 100)
    assert data == b"two"
    assert (socket.SOL_IP, 2, struct.pack("=i", 5)) in control
    sock.setsockopt(socket.SOL_IP, IP_MULTICAST_LOOP, 1)
    sock.setsockopt(socket.SOL_IP, IP_MULTICAST_TTL, 0)
    sock.sendto(b"three", (GROUP, PORT))  # stays here, and two did not come
    assert here.recv(100) == b"three"
    sock.setsockopt(socket.SOL_IP, IP_MULTICAST_TTL, 1)
    sock.sendto(b"four", (GROUP, PORT))
    assert theirs.recv(100) == b"four"


@pytest.mark.req("UDP-3", "RFC3678-4.1.3")
def test_sources_are_filtered(lab):
    a, b, c = lab.edu_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24"), lab.linux_host("10.0.0.3/24")
    sock = a.socket(bind=("0.0.0.0", PORT))
    request = aton(GROUP) + aton("10.0.0.1") + aton("10.0.0.3")
    sock.setsockopt(socket.SOL_IP, IP_ADD_SOURCE_MEMBERSHIP, request)
    for host, data in ((b, b"no"), (c, b"yes")):
        theirs = host.linux_socket()
        leave_by(host, theirs)
        theirs.sendto(data, (GROUP, PORT))
    assert sock.recvfrom(100)[0] == b"yes"
    assert msfilter(sock, aton(GROUP) + aton("10.0.0.1")) == (0, (1, 1, aton("10.0.0.3")))


def msfilter(sock, head, room=56):
    """getsockopt(IP_MSFILTER): (errno, (mode, count, sources))"""
    value = ctypes.create_string_buffer(head + struct.pack("=II", 0, 10), 64)
    length = ctypes.c_uint32(room)
    if libc.getsockopt(sock.fileno(), socket.SOL_IP, IP_MSFILTER, value, ctypes.byref(length)):
        return ctypes.get_errno(), None
    mode, count = struct.unpack_from("=II", value.raw, 8)
    return 0, (mode, count, value.raw[16 : length.value])


# Errors: the same calls on a socket of Linux's


def storage(family, address):
    return struct.pack("=HH4s", family, 0, aton(address)).ljust(128, b"\0")


def the_same_calls(family, sock, dev, mine):
    """What a list of calls gives, right and wrong ones."""
    told = []

    def call(name, value):
        told.append((name, errno_of(sock.setsockopt, socket.SOL_IP, name, value)))

    def both(group, iface, source):
        return aton(group) + aton(iface) + aton(source)

    def group_req(group, number=dev, kind=family):
        return struct.pack("=iI", number, 0) + storage(kind, group)

    def source_req(group, source, number=dev, kind=family):
        return group_req(group, number, kind) + storage(kind, source)

    def group_filter(group, mode, *sources, number=dev, count=None, kind=family):
        count = len(sources) if count is None else count
        return (
            group_req(group, number) + struct.pack("=II", mode, count)
            + b"".join(storage(kind, source) for source in sources)
        )

    for value in (b"", b"abc", aton(GROUP), mreqn("10.0.0.5", dev), mreqn(GROUP, 9999), mreqn(GROUP, 0, "10.9.9.9"),
                  mreqn(GROUP), aton(GROUP) + aton(mine), mreqn(GROUP, dev), mreqn(GROUP, dev, "10.9.9.9")):
        call(IP_ADD_MEMBERSHIP, value)
    for value in (aton(GROUP), mreqn("10.0.0.5", dev), mreqn(OTHER, dev), mreqn(GROUP, 9999), mreqn(GROUP),
                  mreqn(GROUP, 0, "10.9.9.9"), mreqn(GROUP, dev), mreqn(GROUP, dev)):
        call(IP_DROP_MEMBERSHIP, value)
    for value in (b"", aton("10.9.9.9"), aton(mine), mreqn(GROUP, 9999), mreqn("0.0.0.0", dev), aton("0.0.0.0")):
        call(IP_MULTICAST_IF, value)
    call(IP_BLOCK_SOURCE, both(GROUP, mine, "10.0.0.7"))
    call(IP_ADD_MEMBERSHIP, mreqn(GROUP, dev))
    call(IP_BLOCK_SOURCE, both(GROUP, mine, "10.0.0.7")[:11])
    call(IP_BLOCK_SOURCE, both("10.0.0.9", mine, "10.0.0.7"))
    call(IP_UNBLOCK_SOURCE, both(GROUP, mine, "10.0.0.7"))
    call(IP_BLOCK_SOURCE, both(GROUP, mine, "10.0.0.7"))
    call(IP_BLOCK_SOURCE, both(GROUP, mine, "10.0.0.7"))
    call(IP_ADD_SOURCE_MEMBERSHIP, both(GROUP, mine, "10.0.0.8"))
    call(IP_UNBLOCK_SOURCE, both(GROUP, mine, "10.0.0.7"))
    call(IP_UNBLOCK_SOURCE, both(GROUP, mine, "10.0.0.7"))
    call(IP_ADD_SOURCE_MEMBERSHIP, both(GROUP, mine, "10.0.0.8"))
    call(IP_ADD_SOURCE_MEMBERSHIP, both(OTHER, mine, "10.0.0.8"))
    call(IP_DROP_SOURCE_MEMBERSHIP, both(OTHER, mine, "10.0.0.7"))
    call(IP_BLOCK_SOURCE, both(OTHER, mine, "10.0.0.8"))
    call(IP_DROP_SOURCE_MEMBERSHIP, both(OTHER, mine, "10.0.0.8"))
    call(IP_DROP_SOURCE_MEMBERSHIP, both(OTHER, mine, "10.0.0.8"))
    for number in range(12):
        call(IP_ADD_SOURCE_MEMBERSHIP, both(OTHER, mine, f"10.0.1.{number}"))
    head = aton(GROUP) + aton(mine)
    for value in (head, head + struct.pack("=II", 0, 11) + bytes(44), head + struct.pack("=II", 0, 2) + bytes(4),
                  head + struct.pack("=II", 7, 0), head + struct.pack("=II", 1, 2) + aton("10.0.0.7") + aton("10.0.0.8"),
                  aton("239.9.9.9") + aton(mine) + struct.pack("=II", 0, 0), head + struct.pack("=II", 1, 0),
                  head + struct.pack("=II", 1, 0)):
        call(IP_MSFILTER, value)
        told.append(msfilter(sock, head))
        told.append(msfilter(sock, head, 15))
    for value in (group_req(GROUP)[:-1], group_req("10.0.0.5"), group_req(GROUP, kind=10), group_req(GROUP, 9999),
                  group_req(GROUP), group_req(GROUP)):
        call(MCAST_JOIN_GROUP, value)
    for value in (source_req(GROUP, "10.0.0.7")[:-1], source_req(GROUP, "10.0.0.7", kind=10),
                  source_req(GROUP, "10.0.0.7"), source_req(GROUP, "10.0.0.7")):
        call(MCAST_BLOCK_SOURCE, value)
    call(MCAST_UNBLOCK_SOURCE, source_req(GROUP, "10.0.0.8"))
    call(MCAST_UNBLOCK_SOURCE, source_req(GROUP, "10.0.0.7"))
    for value in (group_filter(GROUP, 0)[:-1], group_filter(GROUP, 0, count=11), group_filter(GROUP, 0, count=1),
                  group_filter(GROUP, 3), group_filter(GROUP, 0, "10.0.0.7", kind=10), group_filter(GROUP, 1, "10.0.0.7"),
                  group_filter("239.9.9.9", 0), group_filter(GROUP, 0, number=9999)):
        call(MCAST_MSFILTER, value)
    call(MCAST_LEAVE_GROUP, group_req(GROUP, 0))
    call(MCAST_LEAVE_GROUP, group_req(GROUP))
    call(MCAST_LEAVE_GROUP, group_req(GROUP))
    call(MCAST_JOIN_SOURCE_GROUP, source_req(GROUP, "10.0.0.7"))
    call(MCAST_LEAVE_SOURCE_GROUP, source_req(GROUP, "10.0.0.8"))
    call(MCAST_LEAVE_SOURCE_GROUP, source_req(GROUP, "10.0.0.7"))
    call(MCAST_LEAVE_SOURCE_GROUP, source_req(GROUP, "10.0.0.7"))
    for number in range(22):
        call(IP_ADD_MEMBERSHIP, mreqn(f"239.7.7.{number}", dev))
    for name in (IP_ADD_MEMBERSHIP, IP_BLOCK_SOURCE, MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP):
        told.append((name, errno_of(sock.getsockopt, socket.SOL_IP, name, 4)))
    return told


@pytest.mark.req("UDP-3", "RFC3678-4.1.2", "RFC3678-5.1")
def test_options_behave_as_linux_options_do(pair):
    ours = the_same_calls(AF_EDUINET, pair.a.socket(), index(pair.a), "10.0.0.1")
    theirs = the_same_calls(socket.AF_INET, pair.b.linux_socket(), index(pair.b), "10.0.0.2")
    assert ours == theirs


# Bounds, and things that go


@pytest.mark.req("UDP-3")
def test_any_user_may_join_but_not_for_ever(wired):
    wired.a.tune(igmp_max_memberships=5, igmp_max_groups=8)

    number = index(wired.a)

    def join_many():
        for last in range(6):
            sock.setsockopt(socket.SOL_IP, IP_ADD_MEMBERSHIP, mreqn(f"239.3.3.{last}", number))

    sock, twin = wired.a.socket(), wired.a.socket()
    assert in_child(join_many, user=1000) == errno.ENOBUFS
    for last in range(5, 7):
        join(wired.a, twin, f"239.3.3.{last}")
    assert errno_of(join, wired.a, twin, "239.3.3.7") == errno.ENOBUFS
    assert len(igmp_file(wired.a)["e0"]) == 8
    assert errno_of(join, wired.a, sock, GROUP) == errno.ENOBUFS
    sock.close()
    join(wired.a, twin, GROUP)


@pytest.mark.req("IP-10")
def test_the_table_is_shown_as_linux_shows_its_own(wired):
    wired.a.tune(igmp_robustness=1)
    first, second = member(wired.a), member(wired.a)
    wired.w.expect(is_igmp(REPORT_V2, GROUP), "report")
    assert igmp_file(wired.a) == {
        "edulo": {ALL_HOSTS: (1, 0)}, "e0": {GROUP: (2, 1), ALL_HOSTS: (1, 0)},
    }
    with in_netns(wired.a.name), open("/proc/thread-self/net/igmp", encoding="ascii") as file:
        linux = file.read().splitlines()
    ours = wired.a.proc("igmp")
    assert ours[0] == linux[0]
    assert [line.count("\t") for line in ours[1:3]] == [line.count("\t") for line in linux[1:3]]
    first.close()
    second.close()
    assert igmp_file(wired.a)["e0"] == {ALL_HOSTS: (1, 0)}


@pytest.mark.req("LAYER-3", "IP-10")
def test_memberships_survive_addresses_but_not_devices(wired):
    sock = member(wired.a)
    wired.w.expect(is_igmp(REPORT_V2, GROUP), "report")
    wired.a.edu("addr", "del", "10.0.0.1/24", "dev", "e0")
    assert "e0" not in igmp_file(wired.a)
    assert group_mac(GROUP) not in link_groups(wired.a)
    assert errno_of(join, wired.a, sock, OTHER) == errno.ENODEV
    wired.a.edu("addr", "add", "10.0.0.1/24", "dev", "e0")
    assert igmp_file(wired.a)["e0"][GROUP][0] == 1
    assert group_mac(GROUP) in link_groups(wired.a)
    wired.w.expect(is_igmp(REPORT_V2, GROUP), "report, anew")
    wired.a.rtnl.link_set("e0", {rtnl.IFF_UP: False})
    wired.a.rtnl.link_set("e0", {rtnl.IFF_UP: True})
    wired.w.expect(is_igmp(REPORT_V2, GROUP), "report, once more")
    number = index(wired.a)
    wired.a.ip("link", "del", "e0")
    assert set(igmp_file(wired.a)) == {"edulo"}
    sock.setsockopt(socket.SOL_IP, IP_DROP_MEMBERSHIP, mreqn(GROUP, number))
    assert errno_of(sock.setsockopt, socket.SOL_IP, IP_DROP_MEMBERSHIP, mreqn(GROUP, number)) == errno.EADDRNOTAVAIL


@pytest.mark.req("LAYER-3", "UDP-3")
def test_joins_queries_and_datagrams_while_devices_go(lab):
    """Members come and go, a querier asks, Linux sends; the interface goes down, up, away."""
    a, b, w = lab.edu_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24"), lab.wire()
    lab.w, lab.peer = w, "10.0.0.9"
    a.tune(igmp_unsolicited_interval_ms=1)
    theirs = b.linux_socket()
    leave_by(b, theirs)
    number = index(a)

    def come_and_go(child):
        sock = a.socket()
        a.sockets.clear()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("0.0.0.0", PORT))
        for last in range(4):
            sock.setsockopt(socket.SOL_IP, IP_ADD_MEMBERSHIP, mreqn(f"239.1.{child}.{last}", number))
        sock.setsockopt(socket.SOL_IP, IP_MULTICAST_IF, mreqn("0.0.0.0", number))
        sock.sendto(b"x", (f"239.1.{child}.0", PORT))
        sock.setsockopt(socket.SOL_IP, IP_DROP_MEMBERSHIP, mreqn(f"239.1.{child}.1", number))
        sock.close()

    with noise(a, come_and_go):
        for _ in range(8):
            w.send(igmp(lab, QUERY, code=1), igmp(lab, QUERY, "239.1.0.0", code=1), igmp(lab, QUERY))
            for child in range(2):
                theirs.sendto(b"y", (f"239.1.{child}.0", PORT))
            a.rtnl.link_set("e0", {rtnl.IFF_UP: False})
            a.rtnl.link_set("e0", {rtnl.IFF_UP: True})
            a.edu("addr", "del", "10.0.0.1/24", "dev", "e0")
            a.edu("addr", "add", "10.0.0.1/24", "dev", "e0")
        a.ip("link", "del", "e0")
        assert set(igmp_file(a)) == {"edulo"}


@pytest.mark.req("LAYER-3")
def test_a_namespace_goes_with_reports_due(lab):
    for _ in range(5):
        host = Host()
        host.station(lab.segment)
        host.rtnl.address("10.0.0.1/24", "e0")
        sock = member(host)
        join(host, sock, OTHER)
        host.delete()
