# SPDX-License-Identifier: GPL-2.0-only
"""Exclusive attach: a device whose IPv4, ARP and RARP frames are EDUINET's alone, although Linux has an
address on it too (conf/DEVICE/exclusive; DEV-4, LAYER-2)."""

import contextlib
import errno
import socket
import threading

import pytest
import rtnl
from conftest import Host, errno_of, in_netns, wait_for
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether

BROADCAST = "ff:ff:ff:ff:ff:ff"
ETH_P_ARP = 0x0806


def setting(host, value, device="e0", name="exclusive"):
    with in_netns(host.name), open(f"/proc/sys/net/eduinet/conf/{device}/{name}", "w", encoding="ascii") as file:
        file.write(str(value))


@pytest.fixture
def shared(lab):
    """lab.a has 10.0.0.1 by both stacks; lab.w is scapy at 10.0.0.9, known to both."""
    lab.a = lab.edu_host("10.0.0.1/24")
    lab.w = lab.wire()
    lab.mac = lab.a.mac()
    lab.a.rtnl.address("10.0.0.1/24", "e0", family=socket.AF_INET)
    for family in (socket.AF_INET, rtnl.AF_EDUINET):
        lab.a.rtnl.neighbour("10.0.0.9", lab.w.mac, "e0", family=family)
    lab.w.to_mac, lab.w.to_ip, lab.w.ip = lab.mac, "10.0.0.1", "10.0.0.9"
    lab.w.heard()
    return lab


def frame(lab, payload):
    return Ether(dst=lab.mac, src=lab.w.mac) / IP(src="10.0.0.9", dst="10.0.0.1") / payload


def question(lab, ip="10.0.0.1"):
    return Ether(dst=BROADCAST, src=lab.w.mac) / ARP(op=1, hwsrc=lab.w.mac, psrc="10.0.0.9", pdst=ip)


def probes(lab):
    """What each stack alone would answer: an echo request, a closed UDP port, a SYN, a question."""
    lab.w.send(
        question(lab),
        frame(lab, ICMP(type=8, id=1, seq=1) / b"tlk"),
        frame(lab, UDP(sport=9, dport=4242) / b"tlk"),
        frame(lab, TCP(sport=9, dport=4242, flags="S")),
    )
    heard = []

    def enough():
        heard.extend(lab.w.heard())
        return any(UDP not in one and ICMP in one and one[ICMP].type == 0 and one[ICMP].id == 2 for one in heard)

    lab.w.send(frame(lab, ICMP(type=8, id=2, seq=1)))
    wait_for(enough, "the last echo reply")
    return heard


def resets(heard):
    """Answers to the SYN: one of each stack that had it."""
    return sum(TCP in one and ICMP not in one and "R" in str(one[TCP].flags) for one in heard)


@pytest.mark.req("DEV-4", "LAYER-2")
def test_without_it_both_stacks_answer(shared):
    heard = probes(shared)
    assert resets(heard) == 2
    assert len([one for one in heard if ARP in one and one[ARP].op == 2]) == 2


@pytest.mark.req("DEV-4", "LAYER-2")
def test_linux_neither_answers_nor_resets(shared):
    setting(shared.a, 1)
    ours = shared.a.socket(bind=("10.0.0.1", 4242))
    with shared.a.counts("Udp.InDatagrams"):
        heard = probes(shared)
    assert ours.recv(10) == b"tlk"
    assert len([one for one in heard if ARP in one]) == 1
    assert len([one for one in heard if ICMP in one and one[ICMP].type == 0]) == 2
    assert not [one for one in heard if ICMP in one and one[ICMP].type == 3 and one[ICMP].code == 3]
    assert resets(heard) == 1


@pytest.mark.req("DEV-4")
def test_what_linux_sends_still_leaves(shared):
    setting(shared.a, 1)
    theirs = shared.a.linux_socket(bind=("10.0.0.1", 4243))
    theirs.sendto(b"out", ("10.0.0.9", 9))
    shared.w.expect(lambda one: UDP in one and bytes(one[UDP].payload)[:3] == b"out", "Linux's datagram")
    shared.w.send(frame(shared, UDP(sport=9, dport=4243) / b"back"))
    shared.w.fence()
    theirs.settimeout(0)
    assert errno_of(theirs.recv, 10) == errno.EAGAIN
    setting(shared.a, 0)
    shared.w.send(frame(shared, UDP(sport=9, dport=4243) / b"again"))
    theirs.settimeout(10)
    assert theirs.recv(10) == b"again"


@pytest.mark.req("DEV-4")
@pytest.mark.parametrize("linux_address", [True, False])
def test_packet_sockets_still_see_the_frames(shared, linux_address):
    """A tap sees everything; one bound to the device and a protocol gets its copies."""
    if not linux_address:
        shared.a.rtnl.address("10.0.0.1/24", "e0", family=socket.AF_INET, delete=True)
    setting(shared.a, 1)
    with in_netns(shared.a.name):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        bound = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
    with contextlib.closing(tap), contextlib.closing(bound):
        bound.bind(("e0", ETH_P_ARP))
        tap.bind(("e0", 3))
        for sock in (tap, bound):
            sock.settimeout(10)
        sent = bytes(question(shared))
        shared.w.send(sent)
        shared.w.expect(lambda one: ARP in one and one[ARP].op == 2, "the answer")
        assert bound.recv(2000)[: len(sent)] == sent
        assert tap.recv(2000)[: len(sent)] == sent


@pytest.mark.req("DEV-4")
def test_by_conf_all_and_by_conf_default(shared):
    setting(shared.a, 1, device="all")
    assert resets(probes(shared)) == 1
    setting(shared.a, 0, device="all")
    setting(shared.a, 1, device="default")
    shared.a.rtnl.address("10.0.0.1/24", "e0", delete=True)
    shared.a.rtnl.address("10.0.0.1/24", "e0")
    shared.a.rtnl.neighbour("10.0.0.9", shared.w.mac, "e0")
    assert resets(probes(shared)) == 1


@pytest.mark.req("DEV-4", "LAYER-3")
def test_toggled_under_traffic(shared):
    """Each datagram reaches our socket, whatever the setting is at the moment."""
    ours = shared.a.socket(bind=("10.0.0.1", 4242))
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    count, stop = 400, threading.Event()
    toggled, unexpected = [], []

    def toggle():
        try:
            while not stop.is_set():
                setting(shared.a, (len(toggled) + 1) % 2)
                toggled.append(True)
        except OSError as error:
            unexpected.append(error)

    toggler = threading.Thread(target=toggle)
    toggler.start()
    try:
        for number in range(count):
            shared.w.send(frame(shared, UDP(sport=9, dport=4242) / number.to_bytes(2, "big")))
        got = [int.from_bytes(ours.recv(10), "big") for _ in range(count)]
    finally:
        stop.set()
        toggler.join()
    assert not unexpected and len(toggled) > 1
    assert sorted(got) == list(range(count))


@pytest.mark.req("DEV-4", "LAYER-3")
def test_port_of_a_bridge_is_refused(lab):
    host = lab.keep(Host())
    host.station(lab.segment)
    host.rtnl.link_add("br0", "bridge")
    host.ip("link", "set", "e0", "master", "br0")
    host.rtnl.address("10.0.0.1/24", "e0")
    assert errno_of(setting, host, 1) == errno.EBUSY
    assert errno_of(setting, host, 1, "all") == errno.EBUSY
    with in_netns(host.name), open("/proc/sys/net/eduinet/conf/e0/exclusive", encoding="ascii") as file:
        assert file.read().strip() == "0"
    # Nor can one be attached that would have to be exclusive.
    host.rtnl.address("10.0.0.1/24", "e0", delete=True)
    setting(host, 1, "default")
    assert errno_of(host.rtnl.address, "10.0.0.1/24", "e0") == errno.EBUSY
    assert "e0" not in "".join(host.proc("interfaces"))
    # Out of the bridge it may.
    host.ip("link", "set", "e0", "nomaster")
    host.rtnl.address("10.0.0.1/24", "e0")
    setting(host, 0)
    setting(host, 1)
    # And then no bridge takes it.
    assert host.ip("link", "set", "e0", "master", "br0", check=False).returncode
