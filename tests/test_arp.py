# SPDX-License-Identifier: GPL-2.0-only
"""ARP on the wire and in the table (ARP-1 … ARP-12, IP-2, IP-3; RFC 826, RFC 1122 2.3.2, RFC 5227)."""

import errno
import socket
import struct

import pytest
import rtnl
from conftest import PATIENCE, Host, errno_of, wait_for
from edusock import IP_RECVERR
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Ether

BROADCAST = "ff:ff:ff:ff:ff:ff"
STRANGER = "02:00:00:00:00:77"


@pytest.fixture
def cable(lab):
    """lab.a is ours at 10.0.0.1; lab.w is scapy, of whom lab.a knows nothing yet but 10.0.0.9."""
    lab.a = lab.edu_host("10.0.0.1/24")
    lab.w = lab.wire()
    lab.mac = lab.a.mac()
    lab.a.tune(arp_res_time_ms=60000)  # scapy may take its time to answer
    lab.a.rtnl.neighbour("10.0.0.9", lab.w.mac, "e0")
    lab.w.to_mac, lab.w.to_ip, lab.w.ip = lab.mac, "10.0.0.1", "10.0.0.9"
    lab.w.heard()
    return lab


def is_request(ip):
    return lambda frame: ARP in frame and frame[ARP].op == 1 and frame[ARP].pdst == ip


def is_reply(ip):
    return lambda frame: ARP in frame and frame[ARP].op == 2 and frame[ARP].psrc == ip


def reply(lab, ip, mac=None, **fields):
    mac = mac or lab.w.mac
    return Ether(dst=lab.mac, src=mac) / ARP(
        op=2, hwsrc=mac, psrc=ip, hwdst=lab.mac, pdst="10.0.0.1", **fields
    )


def request(lab, ip, sender="10.0.0.5", mac=None, **fields):
    mac = mac or lab.w.mac
    return Ether(dst=BROADCAST, src=mac) / ARP(op=1, hwsrc=mac, psrc=sender, pdst=ip, **fields)


def resolve(lab, ip, mac=None):
    """lab.a learns the address, by asking."""
    lab.a.socket().sendto(b"?", (ip, 9))
    lab.w.expect(is_request(ip), f"request for {ip}")
    lab.w.send(reply(lab, ip, mac))
    lab.w.expect(lambda frame: UDP in frame and frame[IP].dst == ip, "the datagram")


# Asking


@pytest.mark.req("ARP-4", "RFC826")
def test_request_on_the_wire(cable):
    cable.a.socket().sendto(b"x", ("10.0.0.2", 9))
    frame = cable.w.expect(is_request("10.0.0.2"), "request")
    assert (frame.dst, frame.src, frame.type) == (BROADCAST, cable.mac, 0x0806)
    arp = frame[ARP]
    assert (arp.hwtype, arp.ptype, arp.hwlen, arp.plen) == (1, 0x0800, 6, 4)
    assert (arp.hwsrc, arp.psrc, arp.hwdst) == (cable.mac, "10.0.0.1", "00:00:00:00:00:00")
    entry = cable.a.arp()["10.0.0.2"]
    assert (entry["state"], entry["flags"], entry["queue"], entry["device"]) == ("incomplete", 0, 1, "e0")


@pytest.mark.req("ARP-4", "ARP-6", "IP-3")
def test_packets_wait_for_the_answer_and_leave_in_order(cable):
    sock = cable.a.socket()
    for number in range(10):
        sock.sendto(bytes([number]), ("10.0.0.2", 9))
    cable.w.expect(is_request("10.0.0.2"), "request")
    assert cable.a.arp()["10.0.0.2"]["queue"] == 10
    cable.w.send(reply(cable, "10.0.0.2"))
    for number in range(10):
        frame = cable.w.expect(lambda frame: UDP in frame, f"datagram {number}")
        assert bytes(frame[UDP].payload)[:1] == bytes([number])
        assert frame.dst == cable.w.mac
    entry = cable.a.arp()["10.0.0.2"]
    assert (entry["state"], entry["flags"], entry["mac"], entry["queue"]) == ("reachable", 2, cable.w.mac, 0)


@pytest.mark.req("ARP-4")
def test_one_request_for_many_packets(cable):
    sock = cable.a.socket()
    for _ in range(5):
        sock.sendto(b"x", ("10.0.0.2", 9))
    assert len([frame for frame in cable.w.fence() if is_request("10.0.0.2")(frame)]) == 1


@pytest.mark.req("ARP-4")
def test_waiting_queue_is_bounded_and_keeps_the_newest(cable):
    cable.a.tune(arp_queue_len=3)
    sock = cable.a.socket()
    with cable.a.counts("Arp.DropQueueFull", 2):
        for number in range(5):
            sock.sendto(bytes([number]), ("10.0.0.2", 9))
    cable.w.send(reply(cable, "10.0.0.2"))
    frames = [frame for frame in cable.w.fence() if UDP in frame]
    assert [bytes(frame[UDP].payload)[0] for frame in frames] == [2, 3, 4]


@pytest.mark.req("ARP-3", "IP-2", "ARP-6")
def test_resolved_address_is_not_asked_for_again(cable):
    resolve(cable, "10.0.0.2")
    cable.a.socket().sendto(b"again", ("10.0.0.2", 9))
    frames = cable.w.fence()
    assert [frame.dst for frame in frames if UDP in frame] == [cable.w.mac]
    assert not [frame for frame in frames if ARP in frame]
    header = (rtnl.mac_octets(cable.w.mac) + rtnl.mac_octets(cable.mac) + b"\x08\x00").hex(":")
    assert any(header in line for line in cable.a.proc("rt_cache"))


@pytest.mark.req("ARP-5", "RFC1122-2.3.2.1")
def test_asks_several_times_then_the_sender_hears_of_it(cable):
    cable.a.tune(arp_res_time_ms=20, arp_max_tries=3)
    sock = cable.a.socket()
    sock.connect(("10.0.0.2", 9))
    sock.setsockopt(socket.SOL_IP, IP_RECVERR, 1)
    before = cable.a.counters()
    sock.send(b"x")
    assert errno_of(sock.recv, 10) == errno.EHOSTUNREACH
    for _ in range(3):
        cable.w.expect(is_request("10.0.0.2"), "request")
    wait_for(lambda: "10.0.0.2" not in cable.a.arp(), "the entry to go")
    assert not [frame for frame in cable.w.fence() if is_request("10.0.0.2")(frame)]
    after = cable.a.counters()
    for counter in ("Arp.Failed", "Arp.DropUnresolved"):
        assert after[counter] == before[counter] + 1
    assert after["Arp.OutRequests"] == before["Arp.OutRequests"] + 3


@pytest.mark.req("ARP-5")
def test_after_a_failure_the_next_packet_asks_anew(cable):
    cable.a.tune(arp_res_time_ms=10, arp_max_tries=1)
    sock = cable.a.socket()
    with cable.a.counts("Arp.Failed"):
        sock.sendto(b"lost", ("10.0.0.2", 9))
    cable.w.heard()
    cable.a.tune(arp_res_time_ms=60000)
    sock.sendto(b"found", ("10.0.0.2", 9))
    cable.w.expect(is_request("10.0.0.2"), "request")
    cable.w.send(reply(cable, "10.0.0.2"))
    frame = cable.w.expect(lambda frame: UDP in frame, "datagram")
    assert bytes(frame[UDP].payload)[:5] == b"found"


# Answering


@pytest.mark.req("ARP-8", "ARP-7", "RFC826")
def test_answers_for_its_own_address(cable):
    cable.w.send(request(cable, "10.0.0.1"))
    frame = cable.w.expect(is_reply("10.0.0.1"), "reply")
    assert (frame.dst, frame.src) == (cable.w.mac, cable.mac)
    arp = frame[ARP]
    assert (arp.hwsrc, arp.hwdst, arp.pdst) == (cable.mac, cable.w.mac, "10.0.0.5")
    assert cable.a.arp()["10.0.0.5"]["mac"] == cable.w.mac


@pytest.mark.req("ARP-8")
def test_answers_for_every_address_it_has_and_no_other(cable):
    cable.a.rtnl.address("10.0.0.100/24", "e0")
    for ip in ("10.0.0.2", "10.0.0.100", "10.0.0.255", "127.0.0.1", "10.0.0.1"):
        cable.w.send(request(cable, ip))
    replies = [frame[ARP].psrc for frame in cable.w.fence() if ARP in frame and frame[ARP].op == 2]
    assert replies == ["10.0.0.100", "10.0.0.1"]


@pytest.mark.req("ARP-8", "RFC5227-2.1.1")
def test_answers_a_probe_without_learning_from_it(cable):
    cable.w.send(request(cable, "10.0.0.1", sender="0.0.0.0"))
    cable.w.expect(is_reply("10.0.0.1"), "reply")
    assert "0.0.0.0" not in cable.a.arp()


@pytest.mark.req("ARP-8")
def test_a_host_with_the_flag_noarp_is_silent(cable):
    cable.a.rtnl.link_set("e0", {rtnl.IFF_NOARP: True})
    with cable.a.counts("Arp.DropNotForUs"):
        cable.w.send(request(cable, "10.0.0.1"))
    assert not [frame for frame in cable.w.heard() if ARP in frame]


# Learning


@pytest.mark.req("ARP-9")
def test_unsolicited_reply_creates_no_entry(cable):
    with cable.a.counts("Arp.InReplies"):
        cable.w.send(reply(cable, "10.0.0.3"))
    assert "10.0.0.3" not in cable.a.arp()


@pytest.mark.req("ARP-9")
def test_request_for_somebody_else_creates_no_entry(cable):
    with cable.a.counts("Arp.DropNotForUs"):
        cable.w.send(request(cable, "10.0.0.44"))
    assert "10.0.0.5" not in cable.a.arp()


@pytest.mark.req("ARP-9")
def test_sender_outside_the_link_creates_no_entry(cable):
    cable.w.send(request(cable, "10.0.0.1", sender="192.168.7.7"))
    cable.w.fence()
    assert "192.168.7.7" not in cable.a.arp()


@pytest.mark.req("ARP-9", "ARP-3")
def test_an_address_that_moves_takes_its_traffic_along(cable):
    resolve(cable, "10.0.0.2")
    with cable.a.counts("Arp.Updated"):
        cable.w.send(request(cable, "10.0.0.2", sender="10.0.0.2", mac=STRANGER))
    cable.a.socket().sendto(b"moved", ("10.0.0.2", 9))
    frame = cable.w.expect(lambda frame: UDP in frame, "datagram")
    assert frame.dst == STRANGER
    assert cable.a.arp()["10.0.0.2"]["mac"] == STRANGER


@pytest.mark.req("ARP-9", "ARP-11")
def test_permanent_entry_is_never_overwritten(cable):
    cable.w.send(reply(cable, "10.0.0.9", mac=STRANGER))
    cable.w.send(request(cable, "10.0.0.9", sender="10.0.0.9", mac=STRANGER))
    cable.w.fence()
    entry = cable.a.arp()["10.0.0.9"]
    assert (entry["mac"], entry["state"]) == (cable.w.mac, "permanent")


@pytest.mark.req("ARP-9", "RFC5227-2.4")
def test_another_station_with_our_address_is_noticed_and_told(cable):
    with cable.a.counts("Arp.Conflicts"):
        cable.w.send(request(cable, "10.0.0.1", sender="10.0.0.1", mac=STRANGER))
    frame = cable.w.expect(lambda frame: ARP in frame, "announcement")
    assert (frame.dst, frame[ARP].psrc, frame[ARP].pdst, frame[ARP].hwsrc) == (
        BROADCAST, "10.0.0.1", "10.0.0.1", cable.mac,
    )
    # At most once in ten seconds, whoever insists.
    with cable.a.counts("Arp.Conflicts"):
        cable.w.send(request(cable, "10.0.0.1", sender="10.0.0.1", mac=STRANGER))
    assert not [frame for frame in cable.w.fence() if ARP in frame]
    assert "10.0.0.1" not in cable.a.arp()


# Ageing


@pytest.mark.req("ARP-10", "RFC1122-2.3.2.1")
def test_idle_entry_expires(cable):
    cable.w.send(request(cable, "10.0.0.1"))  # learnt from a request: no route holds the entry
    cable.w.expect(is_reply("10.0.0.1"), "reply")
    assert "10.0.0.5" in cable.a.arp()
    before = cable.a.counters()["Arp.Expired"]
    cable.a.tune(arp_timeout_ms=20, arp_check_interval_ms=10)
    wait_for(lambda: cable.a.counters()["Arp.Expired"] > before, "expiry")
    assert "10.0.0.5" not in cable.a.arp()
    assert "10.0.0.9" in cable.a.arp()  # permanent (ARP-11)


@pytest.mark.req("ARP-10", "ARP-11")
def test_entry_in_use_is_confirmed_by_unicast(cable):
    sock = cable.a.socket()
    sock.connect(("10.0.0.2", 9))
    sock.send(b"x")
    cable.w.expect(is_request("10.0.0.2"), "request")
    cable.w.send(reply(cable, "10.0.0.2"))
    cable.w.expect(lambda frame: UDP in frame, "datagram")
    cable.a.tune(arp_res_time_ms=1000, arp_confirm_interval_ms=20, arp_check_interval_ms=10, arp_timeout_ms=20)
    frame = cable.w.expect(is_request("10.0.0.2"), "probe", PATIENCE)
    assert frame.dst == cable.w.mac
    cable.w.send(reply(cable, "10.0.0.2"))
    with cable.a.counts("Icmp.InEchos"):
        cable.w.fence()
    assert "10.0.0.2" in cable.a.arp()


# The table's size


@pytest.mark.req("ARP-12")
def test_table_stays_bounded_and_the_entry_in_use_survives_a_flood(cable):
    cable.a.tune(arp_max_entries=16)
    resolve(cable, "10.0.0.2")
    sock = cable.a.socket()
    sock.connect(("10.0.0.2", 9))
    evicted = cable.a.counters()["Arp.Evicted"]
    flood = cable.a.socket()
    for number in range(100):
        flood.sendto(b"x", (f"10.0.0.{number + 100}", 9))
    assert len(cable.a.arp()) <= 16
    assert cable.a.counters()["Arp.Evicted"] - evicted >= 80
    cable.w.heard()
    sock.send(b"still known")
    frames = cable.w.fence()
    assert [frame.dst for frame in frames if UDP in frame] == [cable.w.mac]
    assert not [frame for frame in frames if is_request("10.0.0.2")(frame)]
    assert cable.a.arp()["10.0.0.9"]["state"] == "permanent"


@pytest.mark.req("ARP-12")
def test_flood_of_requests_from_many_senders_is_bounded(cable):
    cable.a.tune(arp_max_entries=16)
    for number in range(60):
        cable.w.send(request(cable, "10.0.0.1", sender=f"10.0.0.{number + 100}"))
    cable.w.fence()
    assert len(cable.a.arp()) <= 16


# Malformed packets, each under its own name


@pytest.mark.req("ARP-7", "RFC826")
@pytest.mark.parametrize(
    "counter,change",
    [
        ("DropHardwareType", {"hwtype": 6}),
        ("DropProtocolType", {"ptype": 0x86DD}),
        ("DropAddressLength", {"hwlen": 8}),
        ("DropAddressLength", {"plen": 16}),
        ("DropOpcode", {"op": 9}),
        ("DropOpcode", {"op": 0}),
        ("DropSourceAddress", {"hwsrc": "01:00:5e:00:00:01"}),
        ("DropSourceAddress", {"hwsrc": BROADCAST}),
        ("DropSourceAddress", {"hwsrc": "00:00:00:00:00:00"}),
        ("DropSourceAddress", {"psrc": "224.0.0.1"}),
        ("DropSourceAddress", {"psrc": "255.255.255.255"}),
        ("DropSourceAddress", {"psrc": "127.0.0.1"}),
        ("DropSourceAddress", {"psrc": "10.0.0.255"}),
    ],
)
def test_malformed_packet_is_dropped_under_its_name(cable, counter, change):
    fields = {"op": 1, "hwsrc": cable.w.mac, "psrc": "10.0.0.5", "pdst": "10.0.0.1"} | change
    # By hand: scapy sizes the addresses by hwlen and plen.
    raw = struct.pack(
        "!HHBBH6s4s6s4s", fields.get("hwtype", 1), fields.get("ptype", 0x0800), fields.get("hwlen", 6),
        fields.get("plen", 4), fields["op"], rtnl.mac_octets(fields["hwsrc"]),
        socket.inet_aton(fields["psrc"]), bytes(6), socket.inet_aton(fields["pdst"]),
    )
    with cable.a.counts(f"Arp.{counter}"):
        cable.w.send(bytes(Ether(dst=BROADCAST, src=cable.w.mac, type=0x0806)) + raw)
    assert not [frame for frame in cable.w.fence() if ARP in frame]
    assert list(cable.a.arp()) == ["10.0.0.9"]


@pytest.mark.req("ARP-7")
@pytest.mark.parametrize("length", [0, 8, 27])
def test_short_packet_is_dropped_under_its_name(cable, length):
    raw = bytes(request(cable, "10.0.0.1"))
    with cable.a.counts("Arp.DropShort"):
        cable.w.send(raw[: 14 + length])
    assert not [frame for frame in cable.w.fence() if ARP in frame]


@pytest.mark.req("ARP-7")
def test_ethernet_padding_behind_the_packet_is_ignored(cable):
    cable.w.send(bytes(request(cable, "10.0.0.1")) + bytes(18))
    cable.w.expect(is_reply("10.0.0.1"), "reply")


# With Linux


@pytest.mark.req("ARP-4", "ARP-6", "ARP-8")
def test_both_ways_with_linux(pair):
    ours, theirs = pair.a.socket(bind=("10.0.0.1", 7)), pair.b.linux_socket(bind=("10.0.0.2", 7))
    ours.sendto(b"hello", ("10.0.0.2", 7))
    assert theirs.recvfrom(10) == (b"hello", ("10.0.0.1", 7))
    theirs.sendto(b"you too", ("10.0.0.1", 7))
    assert ours.recvfrom(10) == (b"you too", ("10.0.0.2", 7))
    assert pair.a.arp()["10.0.0.2"]["mac"] == pair.b.mac()
    assert pair.b.rtnl.neighbours(socket.AF_INET)["10.0.0.1"][1] == pair.a.mac()


@pytest.mark.req("ARP-8")
def test_linux_asks_first(pair):
    ours, theirs = pair.a.socket(bind=("10.0.0.1", 7)), pair.b.linux_socket(bind=("10.0.0.2", 7))
    theirs.sendto(b"first", ("10.0.0.1", 7))
    assert ours.recv(10) == b"first"
    assert pair.a.arp()["10.0.0.2"]["flags"] == 2
    # Learnt from the question: no need to ask back.
    ours.sendto(b"back", ("10.0.0.2", 7))
    assert theirs.recv(10) == b"back"
    assert pair.a.counters()["Arp.OutRequests"] == 0


@pytest.mark.req("LAYER-2", "ARP-8", "DEV-4")
def test_over_a_veth_with_linux(lab):
    """An address attaches any Ethernet device."""
    a, b = lab.keep(Host()), lab.keep(Host())
    a.rtnl.veth("v0", "v0", b.name)
    b.rtnl.link_set("v0", {rtnl.IFF_UP: True})
    a.rtnl.address("10.1.0.1/24", "v0")
    b.rtnl.address("10.1.0.2/24", "v0", family=socket.AF_INET)
    ours, theirs = a.socket(bind=("10.1.0.1", 7)), b.linux_socket(bind=("10.1.0.2", 7))
    ours.sendto(b"hello", ("10.1.0.2", 7))
    assert theirs.recvfrom(10) == (b"hello", ("10.1.0.1", 7))
    theirs.sendto(bytes(1472), ("10.1.0.1", 7))
    assert len(ours.recv(2000)) == 1472
    a.rtnl.address("10.1.0.1/24", "v0", delete=True)
    assert [line.split()[0] for line in a.proc("interfaces")[1:]] == ["edulo"]


@pytest.mark.req("ARP-1", "ARP-2")
def test_whole_link_in_the_table(cable):
    """A hundred neighbours at once, each with its own hardware address."""
    sock = cable.a.socket()
    for number in range(100, 200):
        sock.sendto(b"x", (f"10.0.0.{number}", 9))
    for number in range(100, 200):
        cable.w.expect(is_request(f"10.0.0.{number}"), "request")
        cable.w.send(reply(cable, f"10.0.0.{number}", mac=f"02:00:00:00:01:{number:02x}"))
    got = {frame[IP].dst: frame.dst for frame in cable.w.fence() if UDP in frame}
    assert got == {f"10.0.0.{number}": f"02:00:00:00:01:{number:02x}" for number in range(100, 200)}
