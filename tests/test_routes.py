# SPDX-License-Identifier: GPL-2.0-only
"""The forwarding tables: which route wins and which comes next, dumps under change, announcements,
both doors beside Linux's own, and messages that make no sense (OVER-4, OVER-5, ROUTE-1 … ROUTE-5)."""

import contextlib
import ctypes
import errno
import fcntl
import random
import select
import socket
import struct

import pytest
import rtnl
from conftest import EFFORT, KERNEL, PATIENCE, errno_of, in_netns, noise, wait_for
from edusock import AF_EDUINET

SIOCADDRT, SIOCDELRT = 0x890B, 0x890C
RTF_UP, RTF_GATEWAY, RTF_HOST, RTF_REJECT = 1, 2, 4, 0x200
LINK, NOWHERE = 253, 255
RTNLGRP_ROUTE = 0x40
APPEND = 0x800
DEAD = 1  # RTNH_F_DEAD
FIB_MATCH = 0x2000


def message(
    destination="0.0.0.0/0", via=None, oif=None, kind=rtnl.UNICAST, metric=None, tos=0, family=AF_EDUINET, scope=None,
    protocol=4, flags=0, source=None, more=(),
):
    """Header and attributes of a route message."""
    host, _, length = destination.partition("/")
    length = int(length or 32)
    if scope is None:
        scope = 0 if via or kind != rtnl.UNICAST else LINK
    header = struct.pack("=BBBBBBBBI", family, length, 0, tos, 254, protocol, scope, kind, flags)
    attrs = [(1, socket.inet_aton(host))]
    attrs += [(5, socket.inet_aton(via))] if via else []
    attrs += [(4, oif)] if oif else []
    attrs += [(6, metric)] if metric is not None else []
    attrs += [(7, socket.inet_aton(source))] if source else []
    return header, attrs + list(more)


def add(host, *args, flags=rtnl.CREATE | rtnl.EXCL, **more):
    host.rtnl.ask(rtnl.NEWROUTE, *message(*args, **more), flags)


def delete(host, *args, **more):
    host.rtnl.ask(rtnl.DELROUTE, *message(*args, **{"protocol": 0, "scope": NOWHERE, **more}))


def chosen(host, destination, tos=0, flags=0):
    """The gateway of the route that such a packet takes, or the errno."""
    header, attrs = message(destination, tos=tos, flags=flags, scope=0)
    try:
        (_, data), *_ = host.rtnl.ask(rtnl.GETROUTE, header, attrs)
    except OSError as error:
        return error.errno
    found = rtnl.attributes(data[12:])
    return socket.inet_ntoa(found[5]) if 5 in found else None


def dead(host, gateway):
    """Whether a dump shows a route by that gateway as dead."""
    header = struct.pack("=BBBBBBBBI", AF_EDUINET, *[0] * 8)
    for _, data in host.rtnl.ask(rtnl.GETROUTE, header, flags=rtnl.DUMP):
        if rtnl.attributes(data[12:]).get(5) == socket.inet_aton(gateway):
            return bool(struct.unpack_from("=I", data, 8)[0] & DEAD)
    raise AssertionError(f"no route by {gateway}")


# Which route


@pytest.mark.req("ROUTE-3", "OVER-5", "RFC1812-5.3.12.3")
def test_the_next_metric_serves_while_the_device_is_down(lab):
    host = lab.edu_host("10.0.0.1/24")
    host.station(lab.segment + 30000, "e1")
    host.rtnl.address("10.1.0.1/24", "e1")
    add(host, "10.9.0.0/16", "10.1.0.9", metric=5)
    add(host, "10.9.0.0/16", "10.0.0.9", metric=10)
    add(host, "10.8.0.0/16", "10.1.0.9")
    assert chosen(host, "10.9.1.1") == "10.1.0.9"
    host.rtnl.link_set("e1", {rtnl.IFF_UP: False})
    assert chosen(host, "10.9.1.1") == "10.0.0.9"
    assert chosen(host, "10.8.1.1") == errno.ENETUNREACH
    assert dead(host, "10.1.0.9")
    host.rtnl.link_set("e1", {rtnl.IFF_UP: True})
    assert chosen(host, "10.9.1.1") == "10.1.0.9"
    host.rtnl.link_del("e1")
    assert chosen(host, "10.9.1.1") == "10.0.0.9"
    assert {one[3] for one in host.rtnl.routes() if one[3]} == {"10.0.0.9"}


@pytest.mark.req("ROUTE-3", "RFC1122-3.3.1.4")
def test_a_gateway_that_dies_is_passed_over_and_tried_again(lab):
    """Linux gateways to 10.9.0.0/16, which is on their loopback devices. The first one dies in the
    middle of a conversation; ARP notices, and the second one has the traffic."""
    host = lab.edu_host("10.0.0.1/24")
    first, second = lab.linux_host("10.0.0.2/24"), lab.linux_host("10.0.0.3/24")
    for gateway in (first, second):
        gateway.rtnl.address("10.9.0.1/16", "lo", family=socket.AF_INET)
    heard = {gateway: gateway.linux_socket(bind=("10.9.0.1", 7000)) for gateway in (first, second)}
    add(host, "10.9.0.0/16", "10.0.0.2")
    add(host, "10.9.0.0/16", "10.0.0.3", metric=10)
    host.tune(rt_dead_gateway_ms=86400000)
    talk = host.socket()
    talk.connect(("10.9.0.1", 7000))
    talk.send(b"first")
    assert heard[first].recv(100) == b"first"

    first.rtnl.link_set("e0", {rtnl.IFF_UP: False})
    host.tune(arp_res_time_ms=20, arp_max_tries=1, arp_confirm_interval_ms=20, arp_check_interval_ms=10)
    wait_for(lambda: host.counters()["Rt.DeadGateways"], "the gateway's death")
    host.tune(arp_confirm_interval_ms=86400000, arp_check_interval_ms=60000, arp_res_time_ms=1000, arp_max_tries=3)
    talk.send(b"second")
    assert heard[second].recv(100) == b"second"
    assert dead(host, "10.0.0.2") and not dead(host, "10.0.0.3")

    # The administrator knows better than ARP did, and so does time.
    first.rtnl.link_set("e0", {rtnl.IFF_UP: True})
    add(host, "10.9.0.0/16", "10.0.0.2", flags=rtnl.CREATE | rtnl.REPLACE)
    talk.send(b"back")
    assert heard[first].recv(100) == b"back"


@pytest.mark.req("ROUTE-3", "RFC1122-3.3.1.4")
def test_a_dead_gateway_is_tried_again_after_a_while(lab):
    host = lab.edu_host("10.0.0.1/24")
    lab.linux_host("10.0.0.3/24")
    add(host, "0.0.0.0/0", "10.0.0.2")
    add(host, "0.0.0.0/0", "10.0.0.3", metric=10)
    host.tune(rt_dead_gateway_ms=400, arp_res_time_ms=20, arp_max_tries=1)
    host.socket().sendto(b"x", ("10.9.1.1", 9))
    wait_for(lambda: chosen(host, "10.9.1.1") == "10.0.0.3", "the second gateway")
    wait_for(lambda: chosen(host, "10.9.1.1") == "10.0.0.2", "the first gateway again")
    # The only way is used, dead or not: who knows.
    delete(host, "0.0.0.0/0", "10.0.0.3", metric=10)
    host.tune(rt_dead_gateway_ms=86400000)
    sock = host.socket()
    sock.connect(("10.9.1.2", 9))
    before = host.counters()["Rt.DeadGateways"]
    sock.send(b"x")
    wait_for(lambda: host.counters()["Rt.DeadGateways"] > before, "silence")
    assert dead(host, "10.0.0.2")
    assert chosen(host, "10.9.1.1") == "10.0.0.2"
    assert wait_for(lambda: sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "an error") == errno.EHOSTUNREACH


@pytest.mark.req("ROUTE-3", "OVER-5")
def test_type_of_service_and_order_of_equals(lab):
    host = lab.edu_host("10.0.0.1/24")
    add(host, "10.9.0.0/16", "10.0.0.2")
    add(host, "10.9.0.0/16", "10.0.0.3", tos=0x10)
    add(host, "10.9.0.0/16", "10.0.0.4", flags=rtnl.CREATE)  # in front of its equal
    add(host, "10.9.0.0/16", "10.0.0.5", flags=rtnl.CREATE | APPEND)  # behind it
    assert chosen(host, "10.9.1.1") == "10.0.0.4"
    assert chosen(host, "10.9.1.1", tos=0x10) == "10.0.0.3"
    for expected in ("10.0.0.2", "10.0.0.5", errno.ENETUNREACH):
        delete(host, "10.9.0.0/16")
        assert chosen(host, "10.9.1.1", flags=FIB_MATCH) == expected
    assert chosen(host, "10.9.1.1", tos=0x10) == "10.0.0.3"


@pytest.mark.req("ROUTE-1", "RFC1122-3.3.1")
def test_a_match_in_the_fib_shows_the_route_itself(lab):
    host = lab.edu_host("10.0.0.1/24")
    add(host, "10.9.0.0/16", "10.0.0.2", metric=7)
    header, attrs = message("10.9.1.1", flags=FIB_MATCH, scope=0)
    (_, data), *_ = host.rtnl.ask(rtnl.GETROUTE, header, attrs)
    found = rtnl.attributes(data[12:])
    assert (data[1], found[1], found[6]) == (16, socket.inet_aton("10.9.0.0"), struct.pack("=I", 7))


# Dumps and announcements


def changes(host, gateway):
    """A process that adds and deletes a thousand routes as fast as it can. All of that must work."""
    mine = []

    def change(_):
        if not mine:
            mine.append(rtnl.Rtnl(host.name))
        for kind, flags in ((rtnl.NEWROUTE, rtnl.CREATE), (rtnl.DELROUTE, 0)):
            for number in range(1000):
                prefix = f"172.16.{number // 4}.{number % 4 * 64}/26"
                mine[0].ask(kind, *message(prefix, gateway if flags else None, scope=0), flags)

    return noise(host, change, 1, ())


@pytest.mark.req("ROUTE-5", "ROUTE-2")
def test_a_dump_shows_once_what_is_there_all_the_time(lab):
    host = lab.edu_host("10.0.0.1/24")
    count = 200 if KERNEL == "debug" else 1000
    for number in range(count):
        add(host, f"20.{number // 256}.{number % 256}.0/26", "10.0.0.9")
    moving = 0
    idle = len(host.rtnl.routes())
    with changes(host, "10.0.0.8"):
        wait_for(lambda: len(host.rtnl.routes()) > idle + 1, "the changes to begin")
        for _ in range(2 + EFFORT):
            every = host.rtnl.routes()
            shown = [one[0] for one in every if one[3] == "10.0.0.9"]
            assert (len(shown), len(set(shown))) == (count, count)
            moving = max(moving, len(every) - count)
    assert moving > 1  # beside the connected route


@pytest.mark.req("ROUTE-5")
def test_every_change_is_announced(lab):
    host = lab.edu_host("10.0.0.1/24")
    listener = rtnl.Rtnl(host.name, groups=RTNLGRP_ROUTE)
    add(host, "10.9.0.0/16", "10.0.0.2", metric=3)
    add(host, "10.9.0.0/16", "10.0.0.3", metric=3, flags=rtnl.CREATE | rtnl.REPLACE)
    delete(host, "10.9.0.0/16")
    add(host, "10.8.0.0/16", kind=rtnl.PROHIBIT)
    told = []
    while len(told) < 4:
        for kind, _, data in listener.messages():
            found = rtnl.attributes(data[12:])
            gateway = socket.inet_ntoa(found[5]) if 5 in found else None
            told.append((kind, socket.inet_ntoa(found[1]), gateway, data[7]))
    assert told == [
        (rtnl.NEWROUTE, "10.9.0.0", "10.0.0.2", rtnl.UNICAST),
        (rtnl.NEWROUTE, "10.9.0.0", "10.0.0.3", rtnl.UNICAST),
        (rtnl.DELROUTE, "10.9.0.0", "10.0.0.3", rtnl.UNICAST),
        (rtnl.NEWROUTE, "10.8.0.0", None, rtnl.PROHIBIT),
    ]
    listener.close()


@pytest.mark.req("ROUTE-5", "RFC1812-5.3.12.3")
def test_a_device_takes_all_its_routes_and_listeners_hear_enough(lab):
    host = lab.edu_host("10.0.0.1/24")
    host.station(lab.segment + 30000, "e1")
    host.rtnl.address("10.1.0.1/24", "e1")
    for number in range(400):
        add(host, f"20.{number // 256}.{number % 256}.0/24", "10.1.0.9")
    add(host, "21.0.0.0/8", "10.0.0.9")
    listener = rtnl.Rtnl(host.name, groups=RTNLGRP_ROUTE)
    host.rtnl.link_del("e1")
    assert [one[:2] for one in host.rtnl.routes() if one[3]] == [("21.0.0.0", 8)]
    gone, missed = 0, False
    while select.select([listener.sock], [], [], 0)[0]:
        try:
            gone += sum(kind == rtnl.DELROUTE for kind, _, _ in listener.messages())
        except OSError as error:
            assert error.errno == errno.ENOBUFS
            missed = True
    assert missed and 200 <= gone < 400
    listener.close()


# Both doors, beside Linux's


def both(lab):
    """A host on which either stack has 10.0.0.1/24."""
    host = lab.edu_host("10.0.0.1/24")
    host.rtnl.link_set("lo", {rtnl.IFF_UP: True})
    host.rtnl.address("10.0.0.1/24", "e0", family=socket.AF_INET)
    return host


# Linux takes this host itself for a gateway, and lets the packets go to nobody; here it is EINVAL
# (test_config.py::test_bad_routes).
REQUESTS = {
    "bits beyond the prefix": {"destination": "10.9.0.1/16", "via": "10.0.0.2"},
    "prefix of 33": {"destination": "10.9.0.0/33", "via": "10.0.0.2"},
    "gateway not on a link": {"destination": "10.9.0.0/16", "via": "10.77.0.1"},
    "gateway is everybody": {"destination": "10.9.0.0/16", "via": "10.0.0.255"},
    "gateway is a group": {"destination": "10.9.0.0/16", "via": "224.0.0.1"},
    "gateway with scope link": {"destination": "10.9.0.0/16", "via": "10.0.0.2", "scope": LINK},
    "no device": {"destination": "10.9.0.0/16", "oif": 4711},
    "neither device nor gateway": {"destination": "10.9.0.0/16"},
    "source of somebody else": {"destination": "10.9.0.0/16", "via": "10.0.0.2", "source": "9.9.9.9"},
    "no such type": {"destination": "10.9.0.0/16", "via": "10.0.0.2", "kind": 42},
    "ECN bits in the TOS": {"destination": "10.9.0.0/16", "via": "10.0.0.2", "tos": 1},
    "just right": {"destination": "10.9.0.0/16", "via": "10.0.0.2"},
    "blackhole": {"destination": "10.9.0.0/16", "kind": rtnl.BLACKHOLE},
}


@pytest.mark.req("ROUTE-4")
def test_netlink_fails_as_linux_does(lab):
    host = both(lab)
    different = {}
    for what, request in REQUESTS.items():
        got = {}
        for family in (socket.AF_INET, AF_EDUINET):
            told = [errno_of(lambda: add(host, family=family, **request)) for _ in range(2)]
            told.append(errno_of(lambda: add(host, family=family, flags=rtnl.REPLACE, **request)))
            told += [errno_of(lambda: delete(host, request["destination"], family=family)) for _ in range(2)]
            got[family] = told
        if got[socket.AF_INET] != got[AF_EDUINET]:
            different[what] = [[errno.errorcode.get(one, 0) for one in told] for told in got.values()]
    assert not different, "\n".join(f"{what}: {told}" for what, told in different.items())


@pytest.mark.req("ROUTE-4")
def test_a_deletion_without_a_type_is_of_any(lab):
    host = both(lab)
    for family in (socket.AF_INET, AF_EDUINET):
        for kind in (rtnl.BLACKHOLE, rtnl.UNREACHABLE, rtnl.PROHIBIT):
            add(host, "10.9.0.0/16", kind=kind, family=family)
            other = rtnl.PROHIBIT if kind == rtnl.BLACKHOLE else rtnl.BLACKHOLE
            assert errno_of(lambda: delete(host, "10.9.0.0/16", kind=other, family=family)) == errno.ESRCH
            delete(host, "10.9.0.0/16", kind=0, family=family)
            assert errno_of(lambda: delete(host, "10.9.0.0/16", kind=0, family=family)) == errno.ESRCH


def rtentry(family, destination, mask="255.255.255.255", gateway=None, device=None, flags=RTF_UP, metric=0, mask_family=None):
    """struct rtentry of a 64-bit program, and what must live as long as it does."""
    def name(address, of=family):
        return struct.pack("=HH4s8x", of, 0, socket.inet_aton(address))

    text = ctypes.create_string_buffer(device.encode()) if device else None
    raw = struct.pack("=Q16s16s16s", 0, name(destination), name(gateway or "0.0.0.0", family if gateway else 0),
                      name(mask, family if mask_family is None else mask_family))
    raw += struct.pack("@HhLPhPLLH", flags, 0, 0, 0, metric, ctypes.addressof(text) if text else 0, 0, 0, 0)
    return bytearray(raw.ljust(120, b"\0")), text


ENTRIES = {
    "net by gateway": {"destination": "10.9.0.0", "mask": "255.255.0.0", "gateway": "10.0.0.2", "flags": 3},
    "host by gateway": {"destination": "10.9.0.7", "gateway": "10.0.0.2", "flags": 7},
    "net by device": {"destination": "10.9.0.0", "mask": "255.255.0.0", "device": "e0"},
    "host that is refused": {"destination": "10.9.0.7", "flags": RTF_UP | RTF_HOST | RTF_REJECT},
    "mask with a hole": {"destination": "10.9.0.0", "mask": "255.0.255.0", "device": "e0"},
    "bits beyond the mask": {"destination": "10.9.0.1", "mask": "255.255.0.0", "device": "e0"},
    "gateway flag without gateway": {"destination": "10.9.0.0", "mask": "255.255.0.0", "flags": 3},
    "no device": {"destination": "10.9.0.0", "mask": "255.255.0.0", "device": "nodev"},
    "gateway not on a link": {"destination": "10.9.0.0", "mask": "255.255.0.0", "gateway": "10.77.0.1", "flags": 3},
    "mask of a strange family": {"destination": "10.9.0.0", "mask": "255.255.0.0", "device": "e0", "mask_family": 77},
    "with a metric": {"destination": "10.9.0.0", "mask": "255.255.0.0", "device": "e0", "metric": 5},
}


@pytest.mark.req("ROUTE-4", "ROUTE-5")
def test_ioctl_fails_as_linux_does(lab):
    host = both(lab)
    socks = {socket.AF_INET: host.linux_socket(), AF_EDUINET: host.socket()}
    different = {}
    for what, entry in ENTRIES.items():
        got = {}
        for family, sock in socks.items():
            raw, _text = rtentry(family, **entry)
            got[family] = [
                errno_of(lambda: fcntl.ioctl(sock, request, raw)) for request in (SIOCADDRT, SIOCADDRT, SIOCDELRT, SIOCDELRT)
            ]
        if got[socket.AF_INET] != got[AF_EDUINET]:
            different[what] = [[errno.errorcode.get(one, 0) for one in told] for told in got.values()]
    assert not different, "\n".join(f"{what}: {told}" for what, told in different.items())


# Messages that make no sense


def attempts(chance):
    """Route messages: right ones cut short, ones with octets changed, and pure chance."""
    header, attrs = message("10.9.0.0/16", "10.0.0.2", metric=1, more=[(8, [(2, 1400), (1, 0)])])
    whole = header + b"".join(rtnl.attribute(*one) for one in attrs)
    kind = chance.randrange(3)
    if kind == 0:
        return whole[: chance.randrange(len(whole))]
    if kind == 1:
        raw = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            raw[chance.randrange(1, len(raw))] = chance.randrange(256)
        return bytes(raw)
    return bytes([AF_EDUINET]) + chance.randbytes(chance.randrange(200))


@pytest.mark.req("ROUTE-4", "ROUTE-5")
def test_messages_of_chance_do_no_harm(lab):
    host = lab.edu_host("10.0.0.1/24")
    add(host, "10.200.0.0/16", "10.0.0.9")
    chance = random.Random(1996)
    mine = rtnl.Rtnl(host.name)
    mine.sock.setblocking(False)
    for number in range(1000 * EFFORT):
        body = attempts(chance)
        flags = 1 | chance.choice((0, 4, 0x100, 0x200, 0x300, 0x400, 0x600, 0x800))
        kind = chance.choice((rtnl.NEWROUTE, rtnl.NEWROUTE, rtnl.DELROUTE, rtnl.GETROUTE))
        size = 16 + len(body)
        mine.sock.send(struct.pack("=IHHII", size, kind, flags, number, 0) + body)
        with contextlib.suppress(BlockingIOError):
            while True:
                mine.sock.recv(1 << 16)
    mine.close()
    add(host, "10.201.0.0/16", "10.0.0.9")
    assert chosen(host, "10.201.1.1") == "10.0.0.9"
    with in_netns(host.name):
        assert PATIENCE and host.proc("route")
