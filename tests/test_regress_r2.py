# SPDX-License-Identifier: GPL-2.0-only
"""What a review of interfaces, ARP, routes and ICMP found, and what it looked for in vain: each test
failed once, or is the storm in which something might have."""

import random
import socket
import struct

import pytest
import rtnl
from conftest import EFFORT, PATIENCE, Host
from test_stress import linux_sender, noise, sender


def ping(host, *words):
    """What ping shows behind its first answer, up to the empty line."""
    lines = host.run("ping", "-n", "-c1", "-W5", *words).stdout.splitlines()
    return [line for line in lines[2:] if line][: lines[2:].index("")]


@pytest.mark.req("IP-10", "RFC1122-3.2.2.6")
@pytest.mark.parametrize(
    "option", (("-R",), ("-T", "tsonly"), ("-T", "tsandaddr")), ids=("route", "times", "addresses")
)
def test_ping_records_us_as_it_records_linux(pair, option):
    other = pair.linux_host("10.0.0.3/24")
    ours, theirs = ping(pair.b, *option, pair.a.address), ping(pair.b, *option, other.address)
    assert len(ours) == len(theirs) == 4
    if option != ("-T", "tsonly"):

        def addresses(lines):
            return [word for line in lines for word in line.split() if word.count(".") == 3]

        assert [ip.replace(pair.a.address, other.address) for ip in addresses(ours)] == addresses(theirs)


def questions(ip, mac, count):
    """ARP requests for ip from stations that nobody has seen before."""
    chance = random.Random(1)
    for _ in range(count):
        ha = b"\2" + chance.randbytes(5)
        asker = b"\x0a\x09" + bytes((1 + chance.randrange(250), chance.randrange(256)))
        yield (
            bytes.fromhex(mac.replace(":", "")) + ha + struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, 1)
            + ha + asker + bytes(6) + socket.inet_aton(ip) + bytes(18)
        )


@pytest.mark.req("ARP-12", "ARP-6")
def test_a_flood_of_askers_keeps_no_new_neighbour_from_being_found(lab):
    host, peer = lab.edu_host("10.9.0.1/16"), lab.linux_host("10.9.0.2/16")
    wire = lab.wire()
    frames = list(questions(host.address, host.mac(), 2000))
    host.tune(arp_max_entries=64)

    def ask(_):
        for frame in frames:
            wire.tap.send(frame)

    wire.send(*frames[:200])
    with noise(wire.host, ask, count=1):
        for _ in range(3 * EFFORT):
            host.rtnl.neighbour(peer.address, "02:00:00:00:00:77", "e0")
            host.rtnl.neighbour(peer.address, None, "e0", delete=True)
            assert " 0% packet loss" in host.edu("ping", "-c", "2", "-i", "0.2", "-W", PATIENCE, peer.address).stdout
    assert len(host.arp()) <= 64


@pytest.mark.req("LAYER-3", "DEV-2")
def test_a_device_moves_between_hosts_under_traffic(lab):
    host, peer = lab.edu_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24")
    other = lab.keep(Host())
    peer.linux_socket(bind=("10.0.0.2", 7000)).setblocking(False)
    with noise(host, sender("10.0.0.2", "10.0.0.3", "127.0.0.1")), noise(peer, linux_sender("10.0.0.1"), 1):
        with noise(other, sender("10.0.0.2", "10.0.0.9"), 1):
            for number in range(8 * EFFORT):
                here, there = (host, other) if number % 2 == 0 else (other, host)
                here.rtnl.link_set("e0", mac=f"02:ed:00:00:02:{number % 256:02x}", mtu=700 + number)
                here.rtnl.link_set("e0", netns=there.name)
                there.rtnl.link_set("e0", {rtnl.IFF_UP: True})
                there.rtnl.address("10.0.0.1/24", "e0")
    assert not [line for line in other.proc("interfaces")[1:] if not line.startswith("edulo")]
    assert host.arp().keys() <= {"10.0.0.2", "10.0.0.3"}
