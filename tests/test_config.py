# SPDX-License-Identifier: GPL-2.0-only
"""Addresses, routes and neighbours through both doors, ioctl and rtnetlink, and with the tool
(OVER-1, OVER-4, ARP-11, ROUTE-1, ROUTE-3 … ROUTE-6, ROUTE-8)."""

import errno
import fcntl
import json
import socket
import struct
import threading

import pytest
import rtnl
from conftest import EFFORT, Host, errno_of, in_child, in_netns, run
from edusock import AF_EDUINET

NOBODY = 65534
SIOCADDRT, SIOCDELRT = 0x890B, 0x890C
SIOCGIFADDR, SIOCSIFADDR, SIOCGIFBRDADDR, SIOCSIFBRDADDR = 0x8915, 0x8916, 0x8919, 0x891A
SIOCGIFNETMASK, SIOCSIFNETMASK, SIOCSIFFLAGS = 0x891B, 0x891C, 0x8914
SIOCDARP, SIOCGARP, SIOCSARP = 0x8953, 0x8954, 0x8955
RTF_UP, RTF_GATEWAY, RTF_HOST, RTF_REJECT = 1, 2, 4, 0x200
ATF_COM, ATF_PERM = 2, 4


@pytest.fixture
def host(lab):
    """A host with a station and no address."""
    return lab.host()


def sockaddr(address, family=AF_EDUINET):
    return struct.pack("=HH4s8x", family, 0, socket.inet_aton(address))


def if_request(sock, request, device, address="0.0.0.0"):
    """SIOC?IF*: the address in the answer."""
    raw = bytearray(device.encode().ljust(16, b"\0") + sockaddr(address) + bytes(8))
    fcntl.ioctl(sock, request, raw)
    return socket.inet_ntoa(bytes(raw[20:24]))


def route_request(sock, request, destination, mask="255.255.255.255", gateway=None, device=None, flags=0, metric=0):
    """struct rtentry of a 64-bit program."""
    import ctypes

    text = ctypes.create_string_buffer(device.encode()) if device else None
    raw = struct.pack("=Q16s16s16s", 0, sockaddr(destination), sockaddr(gateway or "0.0.0.0", AF_EDUINET if gateway else 0), sockaddr(mask))
    # rt_flags, rt_pad2, rt_pad3, rt_pad4, rt_metric, rt_dev, rt_mtu, rt_window, rt_irtt
    raw += struct.pack("@HhLPhPLLH", flags | RTF_UP, 0, 0, 0, metric, ctypes.addressof(text) if text else 0, 0, 0, 0)
    fcntl.ioctl(sock, request, bytearray(raw.ljust(120, b"\0")))


def arp_request(sock, request, ip, mac=None, flags=0, device="e0"):
    """struct arpreq: (flags, mac) in the answer."""
    hardware = struct.pack("=H14s", 1 if mac else 0, rtnl.mac_octets(mac) if mac else b"")
    raw = bytearray(sockaddr(ip) + hardware + struct.pack("=i", flags) + bytes(16) + device.encode().ljust(16, b"\0"))
    fcntl.ioctl(sock, request, raw)
    return struct.unpack_from("=i", raw, 32)[0], rtnl.mac_text(raw[18:24])


def routes(host):
    """{(destination, length): …} of ours, without edulo's."""
    return {(one[0], one[1]): one[2:] for one in host.rtnl.routes() if not one[0].startswith("127.")}


# Addresses


@pytest.mark.req("OVER-1")
def test_several_addresses_per_interface(host):
    for ip in ("10.0.0.1/24", "10.0.0.2/24", "10.5.0.1/16"):
        host.rtnl.address(ip, "e0")
    assert [one[1:] for one in host.rtnl.addresses() if one[1] != "127.0.0.1"] == [
        ("10.0.0.1", 24), ("10.0.0.2", 24), ("10.5.0.1", 16),
    ]
    assert errno_of(host.rtnl.address, "10.0.0.1/24", "e0") == errno.EEXIST
    host.rtnl.address("10.0.0.2/24", "e0", delete=True)
    assert errno_of(lambda: host.rtnl.address("10.0.0.2/24", "e0", delete=True)) == errno.EADDRNOTAVAIL


@pytest.mark.req("OVER-1", "OVER-4", "ROUTE-1")
def test_an_address_brings_its_route_and_takes_it_along(host):
    host.rtnl.address("10.0.0.1/24", "e0")
    assert ("10.0.0.0", 24) in routes(host)
    host.rtnl.address("10.0.0.1/24", "e0", delete=True)
    assert not routes(host)


@pytest.mark.req("OVER-1")
@pytest.mark.parametrize(
    "ip,mask,broadcast",
    [
        ("10.1.2.3", "255.0.0.0", "10.255.255.255"),
        ("172.16.1.1", "255.255.0.0", "172.16.255.255"),
        ("192.168.1.1", "255.255.255.0", "192.168.1.255"),
    ],
)
def test_classful_mask_when_none_is_given(host, ip, mask, broadcast):
    sock = host.socket()
    if_request(sock, SIOCSIFADDR, "e0", ip)
    assert if_request(sock, SIOCGIFADDR, "e0") == ip
    assert if_request(sock, SIOCGIFNETMASK, "e0") == mask
    assert if_request(sock, SIOCGIFBRDADDR, "e0") == broadcast


@pytest.mark.req("OVER-1", "ROUTE-4")
def test_ioctl_changes_mask_and_broadcast(host):
    sock = host.socket()
    if_request(sock, SIOCSIFADDR, "e0", "10.1.2.3")
    if_request(sock, SIOCSIFNETMASK, "e0", "255.255.255.0")
    assert if_request(sock, SIOCGIFBRDADDR, "e0") == "10.1.2.255"
    assert ("10.1.2.0", 24) in routes(host) and ("10.0.0.0", 8) not in routes(host)
    if_request(sock, SIOCSIFBRDADDR, "e0", "10.1.2.0")
    assert if_request(sock, SIOCGIFBRDADDR, "e0") == "10.1.2.0"
    assert errno_of(if_request, sock, SIOCSIFNETMASK, "e0", "255.0.255.0") == errno.EINVAL
    assert errno_of(if_request, sock, SIOCGIFADDR, "nodev") == errno.ENODEV
    if_request(sock, SIOCSIFADDR, "e0", "0.0.0.0")
    assert errno_of(if_request, sock, SIOCGIFADDR, "e0") == errno.EADDRNOTAVAIL


@pytest.mark.req("OVER-1")
def test_a_label_is_not_its_device(host):
    """Neither gets the address that is meant for the other."""
    sock = host.socket()
    if_request(sock, SIOCSIFADDR, "e0:1", "10.1.0.1")
    assert errno_of(if_request, sock, SIOCGIFADDR, "e0") == errno.EADDRNOTAVAIL
    if_request(sock, SIOCSIFADDR, "e0", "10.0.0.1")
    assert if_request(sock, SIOCGIFADDR, "e0") == "10.0.0.1"
    if_request(sock, SIOCSIFADDR, "e0:1", "10.1.0.2")
    if_request(sock, SIOCSIFADDR, "e0", "10.0.0.2")
    assert sorted(one[1] for one in host.rtnl.addresses()) == ["10.0.0.2", "10.1.0.2", "127.0.0.1"]
    assert if_request(sock, SIOCGIFADDR, "e0:1") == "10.1.0.2"


def flags_request(sock, device, flags):
    fcntl.ioctl(sock, SIOCSIFFLAGS, device.encode().ljust(16, b"\0") + struct.pack("=H22x", flags))


@pytest.mark.req("OVER-1")
def test_a_label_goes_down_alone(host):
    sock, up = host.socket(), rtnl.IFF_UP
    if_request(sock, SIOCSIFADDR, "e0", "10.0.0.1")
    if_request(sock, SIOCSIFADDR, "e0:1", "10.1.0.1")
    flags_request(sock, "e0:1", up)
    assert errno_of(flags_request, sock, "e0:2", 0) == errno.EADDRNOTAVAIL
    assert errno_of(flags_request, sock, "nodev:1", 0) == errno.ENODEV
    assert in_child(lambda: flags_request(sock, "e0:1", 0), NOBODY) == errno.EPERM
    assert [one[1] for one in host.rtnl.addresses()] == ["127.0.0.1", "10.0.0.1", "10.1.0.1"]
    flags_request(sock, "e0:1", 0)
    assert [one[1] for one in host.rtnl.addresses()] == ["127.0.0.1", "10.0.0.1"]
    assert host.rtnl.flags("e0") & up
    flags_request(sock, "e0", 0)
    assert not host.rtnl.flags("e0") & up


@pytest.mark.req("OVER-1")
@pytest.mark.parametrize("ip", ["0.0.0.0/8", "224.0.0.1/24", "255.255.255.255/32"])
def test_addresses_no_interface_can_have(host, ip):
    assert errno_of(host.rtnl.address, ip, "e0") in (errno.EINVAL, errno.EADDRNOTAVAIL)
    assert [one[1] for one in host.rtnl.addresses()] == ["127.0.0.1"]


@pytest.mark.req("ROUTE-5", "OVER-1")
def test_changes_are_announced(host):
    # RTMGRP_NOTIFY-like groups: link, neighbour, IPv4 address, IPv4 route.
    listener = rtnl.Rtnl(host.name, groups=0x1 | 0x4 | 0x10 | 0x40)
    host.rtnl.address("10.0.0.1/24", "e0")
    host.rtnl.route("10.9.0.0/16", via="10.0.0.9")
    host.rtnl.neighbour("10.0.0.9", "02:00:00:00:00:09", "e0")
    wanted = {(rtnl.NEWADDR, AF_EDUINET), (rtnl.NEWROUTE, AF_EDUINET), (rtnl.NEWNEIGH, AF_EDUINET)}
    while wanted:
        for kind, _, data in listener.messages():
            wanted.discard((kind, data[0]))
    listener.close()


# Routes


@pytest.mark.req("ROUTE-4", "OVER-4")
def test_routes_by_ioctl(host):
    host.rtnl.address("10.0.0.1/24", "e0")
    sock = host.socket()
    route_request(sock, SIOCADDRT, "10.9.0.0", "255.255.0.0", gateway="10.0.0.9", flags=RTF_GATEWAY)
    route_request(sock, SIOCADDRT, "10.8.0.0", "255.255.0.0", device="e0")
    route_request(sock, SIOCADDRT, "10.7.7.7", gateway="10.0.0.9", flags=RTF_GATEWAY | RTF_HOST)
    route_request(sock, SIOCADDRT, "0.0.0.0", "0.0.0.0", gateway="10.0.0.9", flags=RTF_GATEWAY, metric=6)
    got = routes(host)
    assert got[("10.9.0.0", 16)][1] == "10.0.0.9"
    assert got[("10.8.0.0", 16)][1] is None
    assert got[("10.7.7.7", 32)][1] == "10.0.0.9"
    assert got[("0.0.0.0", 0)][3] == 5
    assert errno_of(
        lambda: route_request(sock, SIOCADDRT, "10.9.0.0", "255.255.0.0", gateway="10.0.0.9", flags=RTF_GATEWAY)
    ) == errno.EEXIST
    route_request(sock, SIOCDELRT, "10.9.0.0", "255.255.0.0")
    assert ("10.9.0.0", 16) not in routes(host)
    assert errno_of(lambda: route_request(sock, SIOCDELRT, "10.9.0.0", "255.255.0.0")) == errno.ESRCH


@pytest.mark.req("ROUTE-4")
def test_bad_routes(host):
    host.rtnl.address("10.0.0.1/24", "e0")
    assert errno_of(lambda: host.rtnl.route("10.9.0.0/16", via="192.168.1.1")) == errno.ENETUNREACH
    assert errno_of(lambda: host.rtnl.route("10.9.0.0/16", via="10.0.0.1")) == errno.EINVAL
    assert errno_of(lambda: host.rtnl.route("10.9.0.1/16", via="10.0.0.9")) == errno.EINVAL
    host.rtnl.route("10.9.0.0/16", via="10.0.0.9")
    assert errno_of(lambda: host.rtnl.route("10.9.0.0/16", via="10.0.0.9")) == errno.EEXIST
    assert errno_of(lambda: host.rtnl.route("10.7.0.0/16", delete=True)) == errno.ESRCH


@pytest.mark.req("ROUTE-8")
@pytest.mark.parametrize(
    "kind,expected",
    [(rtnl.BLACKHOLE, errno.EINVAL), (rtnl.UNREACHABLE, errno.EHOSTUNREACH), (rtnl.PROHIBIT, errno.EACCES)],
)
def test_routes_that_refuse(host, kind, expected):
    host.rtnl.address("10.0.0.1/24", "e0")
    host.rtnl.route("10.9.0.0/16", kind=kind)
    sock = host.socket()
    assert errno_of(sock.sendto, b"x", ("10.9.1.1", 9)) == expected
    assert errno_of(sock.connect, ("10.9.1.1", 9)) == expected
    # A longer prefix goes first.
    host.rtnl.route("10.9.1.0/24", via="10.0.0.9")
    sock.sendto(b"x", ("10.9.1.1", 9))


@pytest.mark.req("ROUTE-3")
def test_least_metric_first_and_the_next_when_it_is_gone(lab):
    host = lab.edu_host("10.0.0.1/24")
    host.station(lab.segment + 30000, "e1")
    host.rtnl.address("10.1.0.1/24", "e1")
    host.rtnl.route("10.9.0.0/16", via="10.1.0.9", metric=10)
    host.rtnl.route("10.9.0.0/16", via="10.0.0.9", metric=5)

    def chosen():
        sock = host.socket()
        sock.connect(("10.9.1.1", 9))
        return sock.getsockname()[0]

    assert chosen() == "10.0.0.1"
    host.rtnl.link_del("e0")
    assert chosen() == "10.1.0.1"


@pytest.mark.req("ROUTE-1", "ROUTE-2")
def test_hundreds_of_routes_of_many_lengths(host):
    host.rtnl.address("10.0.0.1/24", "e0")
    for number in range(200):
        host.rtnl.route(f"172.{16 + number // 256}.{number % 256}.0/24", via="10.0.0.9")
    for length in range(9, 33):
        host.rtnl.route(f"{socket.inet_ntoa(struct.pack('!I', (0xC0000000 | 1 << (32 - length))))}/{length}", via="10.0.0.8")
    assert len(routes(host)) == 1 + 200 + 24
    assert len(host.proc("route")) >= 1 + 225
    for number in range(0, 200, 2):
        host.rtnl.route(f"172.16.{number}.0/24", delete=True)
    assert len(routes(host)) == 1 + 100 + 24


# Neighbours


@pytest.mark.req("ARP-11", "ROUTE-4")
def test_arp_entries_by_ioctl(host):
    host.rtnl.address("10.0.0.1/24", "e0")
    sock = host.socket()
    arp_request(sock, SIOCSARP, "10.0.0.9", "02:00:00:00:00:09", ATF_PERM | ATF_COM)
    flags, mac = arp_request(sock, SIOCGARP, "10.0.0.9")
    assert (flags & (ATF_PERM | ATF_COM), mac) == (ATF_PERM | ATF_COM, "02:00:00:00:00:09")
    assert host.rtnl.neighbours()["10.0.0.9"] == (rtnl.NUD_PERMANENT, "02:00:00:00:00:09")
    arp_request(sock, SIOCDARP, "10.0.0.9")
    assert errno_of(arp_request, sock, SIOCGARP, "10.0.0.9") == errno.ENXIO
    assert errno_of(arp_request, sock, SIOCDARP, "10.0.0.9") in (errno.ENXIO, errno.ENOENT)


@pytest.mark.req("ARP-9", "ARP-11")
def test_administrator_may_change_a_permanent_entry(host):
    host.rtnl.address("10.0.0.1/24", "e0")
    host.rtnl.neighbour("10.0.0.9", "02:00:00:00:00:09", "e0")
    host.rtnl.neighbour("10.0.0.9", "02:00:00:00:00:0a", "e0")
    assert host.rtnl.neighbours()["10.0.0.9"][1] == "02:00:00:00:00:0a"
    for bad in ("01:00:5e:00:00:01", "00:00:00:00:00:00"):
        assert errno_of(host.rtnl.neighbour, "10.0.0.8", bad, "e0") == errno.EINVAL
    host.rtnl.neighbour("10.0.0.9", None, "e0", delete=True)
    assert errno_of(lambda: host.rtnl.neighbour("10.0.0.9", None, "e0", delete=True)) == errno.ENOENT


@pytest.mark.req("ARP-11", "ARP-8")
def test_proxy_entries_are_listed_alone(host):
    """As on Linux: by NTF_PROXY and not without."""
    host.rtnl.address("10.0.0.1/24", "e0")
    host.rtnl.neighbour("10.0.0.9", "02:00:00:00:00:09", "e0")
    host.rtnl.neighbour("10.0.0.8", None, "e0", proxy=True)
    assert {"10.0.0.8", "10.0.0.9"} & set(host.rtnl.neighbours()) == {"10.0.0.9"}
    assert set(host.rtnl.neighbours(proxy=True)) == {"10.0.0.8"}
    assert "10.0.0.8" not in host.edu("neigh", "show", "nud", "all").stdout
    assert host.edu("neigh", "show", "proxy").stdout.split()[0] == "10.0.0.8"
    host.edu("neigh", "flush", "nud", "all")
    assert set(host.rtnl.neighbours(proxy=True)) == {"10.0.0.8"}


# Privileges


@pytest.mark.req("ROUTE-4")
def test_an_unprivileged_process_can_change_nothing(host):
    host.rtnl.address("10.0.0.1/24", "e0")
    host.rtnl.neighbour("10.0.0.9", "02:00:00:00:00:09", "e0")
    host.rtnl.route("10.9.0.0/16", via="10.0.0.9")
    sock = host.socket()

    def fresh():
        return rtnl.Rtnl()

    attempts = [
        lambda: fresh().address("10.0.0.2/24", "e0"),
        lambda: fresh().address("10.0.0.1/24", "e0", delete=True),
        lambda: fresh().route("10.8.0.0/16", via="10.0.0.9"),
        lambda: fresh().route("10.9.0.0/16", delete=True),
        lambda: fresh().neighbour("10.0.0.8", "02:00:00:00:00:08", "e0"),
        lambda: fresh().neighbour("10.0.0.9", None, "e0", delete=True),
        lambda: fresh().station("e9", 0),
        lambda: fresh().link_del("e0"),
        lambda: fresh().link_set("e0", {rtnl.IFF_UP: False}),
        lambda: if_request(sock, SIOCSIFADDR, "e0", "10.0.0.3"),
        lambda: if_request(sock, SIOCSIFNETMASK, "e0", "255.0.0.0"),
        lambda: route_request(sock, SIOCADDRT, "10.8.0.0", "255.255.0.0", device="e0"),
        lambda: route_request(sock, SIOCDELRT, "10.9.0.0", "255.255.0.0"),
        lambda: arp_request(sock, SIOCSARP, "10.0.0.9", "02:00:00:00:00:07", ATF_PERM | ATF_COM),
        lambda: arp_request(sock, SIOCDARP, "10.0.0.9"),
    ]
    with in_netns(host.name):
        assert [in_child(one, NOBODY) for one in attempts] == [errno.EPERM] * len(attempts)

        def tune():
            with open("/proc/sys/net/eduinet/ip_default_ttl", "w", encoding="ascii") as file:
                file.write("1")

        assert in_child(tune, NOBODY) == errno.EACCES
        # Reading is free.
        assert in_child(lambda: len(fresh().routes()) and 0, NOBODY) == 0
        assert in_child(lambda: open("/proc/thread-self/net/eduinet/udp", "rb").close(), NOBODY) == 0
    assert [one[1] for one in host.rtnl.addresses()] == ["127.0.0.1", "10.0.0.1"]
    assert ("10.9.0.0", 16) in routes(host)


@pytest.mark.req("ROUTE-5")
def test_dumps_while_everything_changes(host):
    """Each dump ends, and lists what was there all the time."""
    host.rtnl.address("10.0.0.1/24", "e0")
    host.rtnl.route("10.200.0.0/16", via="10.0.0.9")
    stop = threading.Event()

    def change():
        mine = rtnl.Rtnl(host.name)
        while not stop.is_set():
            for number in range(20):
                mine.route(f"10.{100 + number}.0.0/16", via="10.0.0.9")
                mine.neighbour(f"10.0.0.{100 + number}", f"02:00:00:00:00:{number:02x}", "e0")
            for number in range(20):
                mine.route(f"10.{100 + number}.0.0/16", delete=True)
                mine.neighbour(f"10.0.0.{100 + number}", None, "e0", delete=True)
        mine.close()

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(10 * EFFORT):
            assert ("10.200.0.0", 16) in routes(host)
            assert any(line.split()[1] == "0000C80A" for line in host.proc("route")[1:])
            host.rtnl.neighbours()
            host.proc("arp")
    finally:
        stop.set()
        changer.join()


# Tunables


@pytest.mark.req("ARP-1")
def test_tunables_have_limits_and_belong_to_the_namespace(lab):
    one, other = lab.keep(Host()), lab.keep(Host())
    one.tune(ip_default_ttl=9)
    with in_netns(other.name), open("/proc/sys/net/eduinet/ip_default_ttl", encoding="ascii") as file:
        assert file.read().strip() == "64"
    for bad in (0, 256, -1, "x"):
        assert errno_of(lambda value=bad: one.tune(ip_default_ttl=value)) == errno.EINVAL


CONF = "/proc/sys/net/eduinet/conf"


def setting(host, device, name, value=None):
    """Reads a setting of an interface, or writes it."""
    with in_netns(host.name), open(f"{CONF}/{device}/{name}", "r" if value is None else "w",
                                   encoding="ascii") as file:
        return file.read().strip() if value is None else file.write(value)


@pytest.mark.req("DEV-1", "OVER-4")
def test_settings_of_an_interface(lab):
    host = lab.edu_host("10.0.0.1/24")
    assert setting(host, "e0", "forwarding") == "0"
    setting(host, "e0", "rp_filter", "2")
    assert [setting(host, one, "rp_filter") for one in ("e0", "edulo", "all")] == ["2", "0", "0"]
    for bad in ("3", "-1", "x"):
        assert errno_of(lambda value=bad: setting(host, "e0", "rp_filter", value)) == errno.EINVAL
    # conf/all, and what a new interface starts with
    setting(host, "all", "forwarding", "1")
    assert [setting(host, one, "forwarding") for one in ("e0", "edulo", "default")] == ["1"] * 3
    host.tune(ip_forward=0)
    assert [setting(host, one, "forwarding") for one in ("e0", "edulo", "all")] == ["0"] * 3
    setting(host, "default", "proxy_arp", "1")
    host.station(lab.segment, "e1")
    host.rtnl.address("10.0.1.1/24", "e1")
    assert [setting(host, one, "proxy_arp") for one in ("e0", "e1")] == ["0", "1"]


@pytest.mark.req("LAYER-3", "DEV-1")
def test_settings_come_go_and_move_with_their_interface(lab):
    host = lab.edu_host("10.0.0.1/24")
    setting(host, "e0", "rp_filter", "1")
    host.rtnl.link_set("e0", {rtnl.IFF_UP: False})
    run("ip", "-n", host.name, "link", "set", "e0", "name", "moved")
    assert setting(host, "moved", "rp_filter") == "1"
    assert errno_of(setting, host, "e0", "rp_filter") == errno.ENOENT
    host.rtnl.link_del("moved")
    assert errno_of(setting, host, "moved", "rp_filter") == errno.ENOENT


# The tool


@pytest.mark.req("OVER-1", "OVER-4", "ROUTE-4", "ARP-1")
def test_the_tool_end_to_end(lab):
    """Each action once; what it did is seen through netlink."""
    host = lab.keep(Host())
    host.edu("link", "add", "e0", "type", "eduinet", "segment", lab.segment)
    host.edu("link", "set", "e0", "up")
    host.edu("addr", "add", "10.0.0.1/24", "dev", "e0")
    assert ("10.0.0.1", 24) in [one[1:] for one in host.rtnl.addresses()]
    host.edu("route", "add", "default", "via", "10.0.0.9")
    host.edu("route", "add", "10.9.0.0/16", "via", "10.0.0.8", "metric", "7")
    host.edu("neigh", "add", "10.0.0.9", "lladdr", "02:00:00:00:00:09", "dev", "e0", "nud", "permanent")
    got = routes(host)
    assert got[("0.0.0.0", 0)][1] == "10.0.0.9" and got[("10.9.0.0", 16)][3] == 7
    assert host.rtnl.neighbours()["10.0.0.9"] == (rtnl.NUD_PERMANENT, "02:00:00:00:00:09")

    (link,) = [one for one in host.edu_json("addr", "show", "dev", "e0")]
    assert [one["local"] for one in link["addr_info"]] == ["10.0.0.1"]
    by_destination = {one["dst"]: one for one in host.edu_json("route", "show")}
    assert by_destination["default"]["gateway"] == "10.0.0.9"
    assert by_destination["10.9.0.0/16"]["metric"] == 7
    (neighbour,) = [one for one in host.edu_json("neigh", "show") if one["dst"] == "10.0.0.9"]
    assert neighbour["lladdr"] == "02:00:00:00:00:09"
    assert "10.0.0.1/24" in host.edu("addr").stdout
    assert "default via 10.0.0.9" in host.edu("route").stdout

    host.edu("neigh", "del", "10.0.0.9", "dev", "e0")
    host.edu("route", "del", "10.9.0.0/16")
    host.edu("addr", "del", "10.0.0.1/24", "dev", "e0")
    host.edu("link", "del", "e0")
    assert not routes(host) and [one[1] for one in host.rtnl.addresses()] == ["127.0.0.1"]


@pytest.mark.req("OVER-1")
def test_the_tool_explains_what_is_wrong(lab):
    host = lab.edu_host("10.0.0.1/24")
    for words in (
        ("addr", "add", "10.0.0.1/24", "dev", "e0"),
        ("addr", "add", "10.0.0.300/24", "dev", "e0"),
        ("addr", "add", "10.0.0.2/24", "dev", "nodev"),
        ("route", "add", "10.9.0.0/16", "via", "192.168.1.1"),
        ("route", "del", "10.9.0.0/16"),
        ("nonsense",),
    ):
        done = host.edu(*words, check=False)
        assert done.returncode and done.stderr.startswith("edu:") and len(done.stderr) > 20, words


@pytest.mark.req("OVER-2")
def test_the_tool_takes_names(lab):
    host = lab.edu_host("10.0.0.1/24")
    done = host.edu("ping", "-c1", "localhost")
    assert "1 received" in done.stdout and "127.0.0.1" in done.stdout


@pytest.mark.req("DEV-1")
def test_statistics_of_the_tool_are_the_counters(lab):
    host = lab.edu_host("10.0.0.1/24")
    host.edu("ping", "-c1", "127.0.0.1")
    shown = host.edu("-j", "stat").stdout
    assert json.loads(shown)
    assert host.counters()["Icmp.OutEchoReps"] == 1


@pytest.mark.req("LAYER-2")
def test_ip_of_iproute2_makes_a_station_too(lab):
    host = lab.keep(Host())
    run("ip", "-n", host.name, "link", "add", "e0", "type", "eduinet")
    assert "eduinet" in run("ip", "-d", "-n", host.name, "link", "show", "e0").stdout


@pytest.mark.req("OVER-4", "DEV-1")
def test_forwarding_turns_large_receive_offload_off(lab):
    """As on Linux: what a device has merged for good cannot be passed on."""
    host = lab.host()
    merges = lambda device: "large-receive-offload: on" in host.run("ethtool", "-k", device).stdout
    for number, device in enumerate(("b0", "b1", "b2")):  # a bond can do it, if its ports can
        host.rtnl.link_add(device, "bond")
        assert merges(device)
        if device == "b2":
            host.tune(**{"conf/default/forwarding": 1})
        host.rtnl.address(f"10.8.{number}.1/24", device)
    assert (merges("b0"), merges("b1"), merges("b2")) == (True, True, False)
    host.tune(**{"conf/b0/forwarding": 1})
    assert (merges("b0"), merges("b1")) == (False, True)
    host.tune(**{"conf/all/forwarding": 1})
    assert not merges("b1")
