# SPDX-License-Identifier: GPL-2.0-only
"""Everything at once: traffic while what carries it goes away, memory that runs out, frames of pure
chance (LAYER-3, DEV-2, and "survives hostile input"). Short on the stock kernels; on the sanitizer
kernel these tests are what KASAN, lockdep and kmemleak watch."""

import contextlib
import ctypes
import errno
import os
import random
import socket
import struct

import pytest
import rtnl
from conftest import EFFORT, EXPECTED, PATIENCE, Host, errno_of, noise, run, wait_for
from edusock import AF_EDUINET, CLONE_NEWNET, in_netns, libc, pack
from faults import REFUSALS, every_failure
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether

PORT = 7000
ROUNDS = 6 * EFFORT


def sender(*destinations, connected=False):
    """A function for noise(): datagrams from fresh sockets and from an old one."""
    raws = [pack((ip, PORT)) for ip in destinations]
    old = []

    def send(_):
        if not old:
            old.append(socket.socket(AF_EDUINET, socket.SOCK_DGRAM))
            old[0].setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        with socket.socket(AF_EDUINET, socket.SOCK_DGRAM) as fresh:
            for sock in (old[0], fresh):
                for raw in raws:
                    if connected:
                        libc.connect(sock.fileno(), raw, 16)
                    for _ in range(5):
                        if libc.sendto(sock.fileno(), b"x" * 600, 600, socket.MSG_DONTWAIT, raw, 16) < 0:
                            code = ctypes.get_errno()
                            if code not in EXPECTED:
                                raise OSError(code, "sendto")
                with contextlib.suppress(OSError):
                    sock.recv(2000, socket.MSG_DONTWAIT)

    return send


@pytest.mark.req("LAYER-3", "DEV-2")
def test_device_goes_under_traffic(lab):
    host, peer = lab.edu_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24")
    sink = peer.linux_socket(bind=("10.0.0.2", PORT))
    sink.setblocking(False)
    with noise(host, sender("10.0.0.2", "10.0.0.3", "10.0.0.1", "10.0.0.255")):
        for _ in range(ROUNDS):
            before = host.counters()["Udp.OutDatagrams"]
            wait_for(lambda: host.counters()["Udp.OutDatagrams"] > before + 20, "traffic")
            host.rtnl.link_del("e0")
            host.station(lab.segment)
            host.rtnl.address("10.0.0.1/24", "e0")
    assert [line.split()[0] for line in host.proc("interfaces")[1:]] == ["edulo", "e0"]


@pytest.mark.req("LAYER-3", "OVER-1", "ROUTE-9")
def test_addresses_and_routes_change_under_traffic(lab):
    host, peer = lab.edu_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24")
    host.tune(rt_cache_size=16, arp_max_entries=8)
    peer.linux_socket(bind=("10.0.0.2", PORT)).setblocking(False)
    many = [f"10.0.0.{number}" for number in range(2, 30)]
    with noise(host, sender(*many, "10.9.1.1", "10.5.0.9", connected=True)):
        for number in range(ROUNDS * 4):
            host.rtnl.address("10.5.0.1/16", "e0")
            host.rtnl.route("10.9.0.0/16", via=f"10.0.0.{2 + number % 20}")
            host.rtnl.neighbour("10.0.0.2", f"02:00:00:00:00:{number % 256:02x}", "e0")
            host.rtnl.link_set("e0", mtu=1400 + number % 100)
            host.rtnl.neighbour("10.0.0.2", None, "e0", delete=True)
            host.rtnl.route("10.9.0.0/16", delete=True)
            host.rtnl.address("10.5.0.1/16", "e0", delete=True)
    assert len(host.arp()) <= 8
    assert len(host.proc("rt_cache")) - 1 <= 16 + 8


@pytest.mark.req("LAYER-3")
def test_link_flaps_and_moves_its_hardware_address_under_traffic(lab):
    host, peer = lab.edu_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24")
    peer.linux_socket(bind=("10.0.0.2", PORT)).setblocking(False)
    with noise(host, sender("10.0.0.2", "10.0.0.77")), noise(peer, linux_sender("10.0.0.1")):
        for number in range(ROUNDS * 4):
            host.rtnl.link_set("e0", {rtnl.IFF_UP: False})
            host.rtnl.link_set("e0", {rtnl.IFF_UP: True, rtnl.IFF_PROMISC: bool(number % 2)})
            host.rtnl.link_set("e0", mac=f"02:ed:00:00:01:{number % 256:02x}")


def linux_sender(ip):
    def send(_):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _ in range(20):
                sock.sendto(b"y" * 400, (ip, PORT))

    return send


@pytest.mark.req("LAYER-3")
def test_namespace_dies_under_traffic(lab):
    peer = lab.linux_host("10.0.0.2/24")
    peer.linux_socket(bind=("10.0.0.2", PORT)).setblocking(False)
    with noise(peer, linux_sender("10.0.0.1")):
        for _ in range(ROUNDS):
            host = Host()
            host.station(lab.segment)
            host.rtnl.address("10.0.0.1/24", "e0")
            sock = host.socket(bind=("10.0.0.1", PORT))
            sock.settimeout(PATIENCE)
            sock.recv(1000)
            for ip in ("10.0.0.2", "10.0.0.3", "10.0.0.1"):
                sock.sendto(b"x", (ip, PORT))
            host.delete()


@pytest.mark.req("LAYER-3", "BSD-1")
def test_rmmod_is_refused_under_traffic(lab):
    host, peer = lab.edu_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24")
    peer.linux_socket(bind=("10.0.0.2", PORT)).setblocking(False)
    with noise(host, sender("10.0.0.2", "127.0.0.1")):
        for _ in range(3):
            done = run("rmmod", "eduinet", check=False)
            assert done.returncode and "in use" in done.stderr
        before = host.counters()["Udp.OutDatagrams"]
        wait_for(lambda: host.counters()["Udp.OutDatagrams"] > before, "traffic goes on")


@pytest.mark.req("UDP-1", "INET-7")
def test_sockets_bind_connect_and_close_under_traffic(lab):
    host, peer = lab.edu_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24")
    own = pack(("10.0.0.1", PORT))

    def churn(number):
        socks = []
        for _ in range(8):
            sock = socket.socket(AF_EDUINET, socket.SOCK_DGRAM)
            socks.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, number % 2)
            libc.bind(sock.fileno(), own, 16)
            libc.connect(sock.fileno(), pack(("10.0.0.2", 9000 + number)), 16)
            libc.connect(sock.fileno(), struct.pack("=H14x", 0), 16)
            with contextlib.suppress(OSError):
                sock.recv(1000, socket.MSG_DONTWAIT)
        for sock in socks:
            sock.close()

    with noise(host, churn), noise(peer, linux_sender("10.0.0.1"), 1):
        before = host.counters()["Ip.InDelivers"]
        wait_for(lambda: host.counters()["Ip.InDelivers"] > before + 200 * EFFORT, "traffic", PATIENCE * 2)
    assert len(host.proc("udp")) == 1


# Chance


def random_frames(seed, mac, sender_mac):
    """Random octets behind headers that get further and further."""
    chance = random.Random(seed)
    good = [
        Ether(dst=mac, src=sender_mac) / IP(src="10.0.0.9", dst="10.0.0.1", options=[]) / UDP(sport=1, dport=PORT) / bytes(40),
        Ether(dst=mac, src=sender_mac) / IP(src="10.0.0.9", dst="10.0.0.1") / ICMP(type=8) / bytes(40),
        Ether(dst=mac, src=sender_mac) / IP(src="10.0.0.9", dst="10.0.0.1") / ICMP(type=3, code=3)
        / IP(src="10.0.0.1", dst="10.0.0.9") / UDP(sport=PORT, dport=1),
        Ether(dst="ff:ff:ff:ff:ff:ff", src=sender_mac) / ARP(op=1, psrc="10.0.0.5", pdst="10.0.0.1", hwsrc=sender_mac),
    ]
    good = [bytes(one) for one in good]
    while True:
        raw = bytearray(chance.choice(good))
        what = chance.randrange(4)
        if what == 0:
            raw[14:] = chance.randbytes(chance.randrange(1400))
        elif what == 1:
            for _ in range(chance.randrange(1, 6)):
                raw[chance.randrange(14, len(raw))] = chance.randrange(256)
        elif what == 2:
            del raw[chance.randrange(14, len(raw)) :]
        else:
            size = chance.randrange(6, 16) * 4
            raw[14] = 0x40 | size // 4
            raw[34:34] = chance.randbytes(size - 20)
            raw[16:18] = struct.pack("!H", len(raw) - 14)
        if raw[12:14] == b"\x08\0" and len(raw) >= 34 and chance.randrange(3):
            raw[24:26] = b"\0\0"
            size = max(20, min((raw[14] & 15) * 4, (len(raw) - 14) & ~1))
            total = sum(struct.unpack_from(f"!{size // 2}H", raw, 14))
            while total >> 16:
                total = (total & 0xFFFF) + (total >> 16)
            raw[24:26] = struct.pack("!H", ~total & 0xFFFF)
        yield bytes(raw)


@pytest.mark.req("OVER-3", "ARP-7")
@pytest.mark.parametrize("seed", range(3))
def test_frames_of_pure_chance_disturb_nobody(wired, seed):
    server = wired.a.socket(bind=("10.0.0.1", PORT + 1))
    raw_socket = wired.a.socket(socket.SOCK_RAW, 1)
    frames = random_frames(seed, wired.mac, wired.w.mac)
    for number in range(5 * EFFORT):
        for _ in range(100):
            with contextlib.suppress(OSError):
                wired.w.send(next(frames))
        # Ordinary traffic goes on in between.
        wired.w.send(Ether(dst=wired.mac, src=wired.w.mac) / IP(src=wired.peer, dst="10.0.0.1")
                     / UDP(sport=5, dport=PORT + 1) / (b"%d" % number))
        assert server.recvfrom(100) == (b"%d" % number, (wired.peer, 5))
        wired.w.heard()
        with contextlib.suppress(OSError):
            while raw_socket.recv(2000, socket.MSG_DONTWAIT):
                pass
    counters = wired.a.counters()
    assert sum(value for name, value in counters.items() if ".Drop" in name) >= 100 * EFFORT


# Memory runs out


@pytest.mark.req("BSD-4")
@pytest.mark.parametrize("kind,protocol", [(socket.SOCK_DGRAM, 0), (socket.SOCK_RAW, 1)])
def test_every_allocation_of_socket_fails_once(lab, failing, kind, protocol):
    host = lab.keep(Host())
    with in_netns(host.name):
        assert every_failure(failing, lambda: libc.socket(AF_EDUINET, kind, protocol), os.close) > 2
    assert len(host.proc("udp")) == 1


@pytest.mark.req("UDP-1", "UDP-2")
def test_every_allocation_of_bind_connect_and_options_fails_once(lab, failing):
    host = lab.edu_host("10.0.0.1/24")
    own, peer = pack(("10.0.0.1", PORT)), pack(("10.0.0.2", PORT))
    socks = [host.socket() for _ in range(2)]
    every_failure(failing, lambda: libc.bind(socks[0].fileno(), own, 16))
    every_failure(failing, lambda: libc.connect(socks[0].fileno(), peer, 16))
    options = b"\x07\x0b\x04" + bytes(9)
    every_failure(failing, lambda: libc.setsockopt(socks[1].fileno(), 0, 4, options, 12))


@pytest.mark.req("UDP-3", "ARP-4", "ROUTE-8")
def test_every_allocation_of_sendto_fails_once(lab, failing):
    """To a neighbour unknown each time: route, ARP entry, request and datagram."""
    host = lab.edu_host("10.0.0.1/24")
    sock = host.socket(bind=("10.0.0.1", PORT))
    fresh = iter(range(2, 250))

    def send():
        return libc.sendto(sock.fileno(), b"x", 1, 0, pack((f"10.0.0.{next(fresh)}", 9)), 16)

    assert every_failure(failing, send) > 3
    own = pack(("10.0.0.1", PORT))
    every_failure(failing, lambda: libc.sendto(sock.fileno(), b"x", 1, 0, own, 16))
    buffer = ctypes.create_string_buffer(10)
    with contextlib.suppress(OSError):
        while libc.recv(sock.fileno(), buffer, 10, socket.MSG_DONTWAIT) >= 0:
            pass
    sock.sendto(b"still works", ("10.0.0.1", PORT))
    assert sock.recv(20) == b"still works"


def netlink_call(failing_rtnl, function):
    """A change by netlink as a call for every_failure()."""

    def call():
        try:
            function(failing_rtnl)
        except OSError as error:
            # Made already, and only the acknowledgement was lost: fine too.
            ctypes.set_errno(0 if error.errno in (errno.EEXIST, errno.ESRCH, errno.EADDRNOTAVAIL) else error.errno)
            return 0 if error.errno in (errno.EEXIST, errno.ESRCH, errno.EADDRNOTAVAIL) else -1
        return 0

    return call


@pytest.mark.req("OVER-1", "ROUTE-4", "LAYER-3")
def test_every_allocation_of_configuration_fails_once(lab, failing):
    host = lab.host()
    mine = host.rtnl
    mine.index("e0")
    undone = lambda function: lambda _: errno_of(function)
    every_failure(
        failing, netlink_call(mine, lambda n: n.address("10.0.0.1/24", "e0")),
        undone(lambda: mine.address("10.0.0.1/24", "e0", delete=True)),
    )
    errno_of(mine.address, "10.0.0.1/24", "e0")
    every_failure(
        failing, netlink_call(mine, lambda n: n.route("10.9.0.0/16", via="10.0.0.9")),
        undone(lambda: mine.route("10.9.0.0/16", delete=True)),
    )
    every_failure(
        failing, netlink_call(mine, lambda n: n.neighbour("10.0.0.9", "02:00:00:00:00:09", "e0")),
        undone(lambda: mine.neighbour("10.0.0.9", None, "e0", delete=True)),
    )


@pytest.mark.req("LAYER-3", "BSD-1")
def test_allocations_of_a_namespaces_birth_fail_once(failing):
    """The last ones: the module was loaded last, so the birth of its host comes last."""
    with open("/proc/thread-self/ns/net", "rb") as home:

        def unshare():
            return libc.unshare(CLONE_NEWNET)

        unshare()
        libc.setns(home.fileno(), CLONE_NEWNET)
        total = failing.count(unshare)
        libc.setns(home.fileno(), CLONE_NEWNET)
        refused = 0
        for number in range(max(1, total - 60), total + 1):
            got, _ = failing.nth(number, unshare)
            refused += got < 0
            assert got == 0 or ctypes.get_errno() in REFUSALS
            libc.setns(home.fileno(), CLONE_NEWNET)
    assert refused
