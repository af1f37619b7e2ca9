# SPDX-License-Identifier: GPL-2.0-only
"""ARP on the wire and in the table (ARP-1 … ARP-12, IP-2, IP-3; RFC 826, RFC 1122 2.3.2, RFC 5227)."""

import errno
import fcntl
import socket
import struct

import pytest
import rtnl
from conftest import PATIENCE, Host, errno_of, in_netns, wait_for
from edusock import AF_EDUINET, IP_RECVERR
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
    told = {"hwsrc": mac, "psrc": ip, "hwdst": lab.mac, "pdst": "10.0.0.1", **fields}
    return Ether(dst=lab.mac, src=mac) / ARP(op=2, **told)


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


@pytest.mark.req("ARP-9")
def test_of_two_answers_the_first_counts(cable):
    cable.a.tune(arp_locktime_ms=600000)
    resolve(cable, "10.0.0.2")
    with cable.a.counts("Arp.Locked"):
        cable.w.send(reply(cable, "10.0.0.2", mac=STRANGER))
    assert cable.a.arp()["10.0.0.2"]["mac"] == cable.w.mac
    cable.a.tune(arp_locktime_ms=0)
    with cable.a.counts("Arp.Updated"):
        cable.w.send(reply(cable, "10.0.0.2", mac=STRANGER))
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


# Probing


@pytest.fixture
def careful(cable):
    """lab.a asks before it uses an address, and gets 10.0.0.77."""
    cable.a.tune(arp_probe_wait_ms=10, arp_probe_min_ms=10, arp_probe_max_ms=20, arp_announce_wait_ms=100)
    cable.a.tune(**{"conf/e0/arp_probe": 1})
    cable.w.heard()
    return cable


def shown(cable):
    """How 10.0.0.77 stands: the flags that `edu addr` shows, or nothing."""
    for device in cable.a.edu_json("addr", "show", "dev", "e0"):
        for address in device["addr_info"]:
            if address["local"] == "10.0.0.77":
                return address
    return {}


@pytest.mark.req("RFC5227-2.1", "RFC5227-2.3", "OVER-1")
def test_a_new_address_is_probed_then_announced(careful):
    careful.a.rtnl.address("10.0.0.77/24", "e0")
    for _ in range(3):
        frame = careful.w.expect(is_request("10.0.0.77"), "probe")
        assert (frame.dst, frame[ARP].psrc, frame[ARP].hwsrc) == (BROADCAST, "0.0.0.0", careful.mac)
    for _ in range(2):
        frame = careful.w.expect(is_request("10.0.0.77"), "announcement")
        assert (frame.dst, frame[ARP].psrc, frame[ARP].hwsrc) == (BROADCAST, "10.0.0.77", careful.mac)
    assert "tentative" not in shown(careful)
    careful.w.send(request(careful, "10.0.0.77"))
    careful.w.expect(is_reply("10.0.0.77"), "reply")


@pytest.mark.req("RFC5227-2.1", "ARP-9")
def test_an_address_that_another_station_has_is_not_used(careful):
    careful.a.tune(arp_probe_min_ms=60000, arp_probe_max_ms=60000)
    careful.a.rtnl.address("10.0.0.77/24", "e0")
    careful.w.expect(is_request("10.0.0.77"), "probe")
    assert shown(careful)["tentative"] and "dadfailed" not in shown(careful)
    careful.w.send(request(careful, "10.0.0.77"))
    assert not [frame for frame in careful.w.fence() if is_reply("10.0.0.77")(frame)]
    with careful.a.counts("Arp.AddressConflicts"):
        careful.w.send(reply(careful, "10.0.0.77", pdst="0.0.0.0"))
    wait_for(lambda: "dadfailed" in shown(careful), "the address to be refused")
    careful.a.socket().sendto(b"not to ourselves", ("10.0.0.77", 9))
    frames = careful.w.fence()
    assert [frame[ARP].psrc for frame in frames if is_request("10.0.0.77")(frame)] == ["10.0.0.1"]
    careful.a.rtnl.address("10.0.0.77/24", "e0", delete=True)
    assert not shown(careful)


@pytest.mark.req("RFC5227-2.1")
def test_linux_is_asked_whether_it_has_the_address(lab):
    lab.a, lab.b = lab.edu_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24")
    lab.a.tune(arp_probe_wait_ms=10, arp_probe_min_ms=10, arp_probe_max_ms=20, **{"conf/e0/arp_probe": 1})
    with lab.a.counts("Arp.AddressConflicts"):
        lab.a.rtnl.address("10.0.0.2/24", "e0")
    lab.a.socket(bind=("10.0.0.1", 0)).sendto(b"to Linux, not to ourselves", ("10.0.0.2", 9))
    wait_for(lambda: "10.0.0.2" in lab.a.arp(), "Linux's answer")


@pytest.mark.req("RFC5227-2.1", "LAYER-3")
def test_devices_and_namespaces_may_go_while_addresses_are_probed(lab):
    for number in range(4):
        host = lab.edu_host("10.0.0.1/24")
        host.tune(arp_probe_wait_ms=10, arp_probe_min_ms=10, arp_probe_max_ms=10, **{"conf/all/arp_probe": 1})
        for last in range(2, 30):
            host.rtnl.address(f"10.0.0.{last}/24", "e0")
        if number % 2:
            host.rtnl.link_del("e0")
        host.delete()
        lab.parts.remove(host)


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
    assert len(cable.a.arp()) <= 16 + 1  # the permanent one does not count
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
    assert len(cable.a.arp()) <= 16 + 1  # the permanent one does not count


@pytest.mark.req("ARP-12", "ARP-11")
def test_full_table_refuses_the_administrator_nothing(cable):
    """Permanent entries do not count, and another one of the administrator's pushes a learnt one out."""
    cable.a.tune(arp_max_entries=8)
    flood = cable.a.socket()
    for number in range(20):
        flood.sendto(b"x", (f"10.0.0.{number + 100}", 9))
    for number in range(20, 50):
        cable.a.rtnl.neighbour(f"10.0.0.{number}", STRANGER, "e0")
    for number in range(50, 60):
        cable.a.rtnl.neighbour(f"10.0.0.{number}", STRANGER, "e0", state=rtnl.NUD_REACHABLE)
    entries = cable.a.arp()
    permanent = [ip for ip, entry in entries.items() if entry["state"] == "permanent"]
    assert len(permanent) == 31 and len(entries) <= 31 + 8
    assert "10.0.0.59" in entries


@pytest.mark.req("ARP-12", "ARP-9")
def test_legitimate_traffic_goes_on_in_a_flood(cable):
    """Questions from everybody, forged answers, forged announcements: whom we talk to keeps his address."""
    cable.a.tune(arp_max_entries=16)
    resolve(cable, "10.0.0.2")
    sock = cable.a.socket()
    sock.connect(("10.0.0.2", 9))
    for number in range(200):
        mac = f"02:00:00:00:02:{number:02x}"
        cable.w.send(
            request(cable, "10.0.0.1", sender=f"10.0.0.{number % 200 + 20}", mac=mac),
            request(cable, "10.0.0.77", sender=f"10.0.0.{number % 200 + 20}", mac=mac),
            reply(cable, f"10.0.0.{number % 200 + 20}", mac=mac),
        )
        if number % 20 == 0:
            cable.w.heard()
            sock.send(b"on and on")
            assert [one.dst for one in cable.w.fence() if UDP in one] == [cable.w.mac]
    entries = cable.a.arp()
    assert len(entries) <= 17 and entries["10.0.0.2"]["mac"] == cable.w.mac


# For others (OVER-11): proxy entries, and by route

SIOCDARP, SIOCGARP, SIOCSARP = 0x8953, 0x8954, 0x8955
ATF_COM, ATF_PERM, ATF_PUBL, ATF_NETMASK = 2, 4, 8, 0x20


def arp_ioctl(sock, what, ip, flags, mac=None, netmask=None, device=""):
    """struct arpreq: (flags, mac, netmask) in the answer."""
    raw = bytearray(struct.pack("=HH4s8x", AF_EDUINET, 0, socket.inet_aton(ip)))
    raw += struct.pack("=H14s", 1 if mac else 0, rtnl.mac_octets(mac) if mac else b"")
    raw += struct.pack("=i", flags)
    raw += struct.pack("=HH4s8x", AF_EDUINET, 0, socket.inet_aton(netmask or "0.0.0.0"))
    raw += device.encode().ljust(16, b"\0")
    fcntl.ioctl(sock, what, raw)
    return struct.unpack_from("=i", raw, 32)[0], rtnl.mac_text(raw[18:24]), socket.inet_ntoa(bytes(raw[40:44]))


def setting(host, device="e0", **values):
    with in_netns(host.name):
        for name, value in values.items():
            with open(f"/proc/sys/net/eduinet/conf/{device}/{name}", "w", encoding="ascii") as file:
                file.write(str(value))


@pytest.fixture
def gateway(cable):
    """lab.a has 10.0.0.1/24 on the cable and 10.1.0.1/24 on another one."""
    cable.a.rtnl.station("e1", 0x40000 + cable.segment)
    cable.a.rtnl.address("10.1.0.1/24", "e1")
    cable.w.heard()
    return cable


def answers(lab, *ips, **fields):
    """{ip: mac} of what is said to the questions."""
    for ip in ips:
        lab.w.send(request(lab, ip, **fields))
    return {frame[ARP].psrc: frame[ARP].hwsrc for frame in lab.w.fence() if ARP in frame and frame[ARP].op == 2}


@pytest.mark.req("OVER-11", "ARP-8", "ARP-11", "RFC1027")
def test_proxy_entry_by_ioctl(gateway):
    sock = gateway.a.socket()
    flags = ATF_PUBL | ATF_PERM
    arp_ioctl(sock, SIOCSARP, "10.1.0.7", flags)
    arp_ioctl(sock, SIOCSARP, "10.1.0.8", flags | ATF_COM, mac=STRANGER, device="e0")
    arp_ioctl(sock, SIOCSARP, "10.1.0.64", flags | ATF_NETMASK, netmask="255.255.255.192", device="e0")
    asked = ("10.1.0.7", "10.1.0.8", "10.1.0.9", "10.1.0.65", "10.1.0.127", "10.1.0.128", "10.0.0.50")
    with gateway.a.counts("Arp.Proxied", 4):
        said = answers(gateway, *asked)
    mac = gateway.mac
    assert said == {"10.1.0.7": mac, "10.1.0.8": STRANGER, "10.1.0.65": mac, "10.1.0.127": mac}
    assert arp_ioctl(sock, SIOCGARP, "10.1.0.8", ATF_PUBL, device="e0") == (
        flags | ATF_COM, STRANGER, "255.255.255.255",
    )
    shown = {line.split()[0]: line.split() for line in gateway.a.proc("arp")[1:]}
    assert shown["10.1.0.64"][2:6] == ["0xc", "00:00:00:00:00:00", "255.255.255.192", "e0"]
    assert shown["10.1.0.7"][5] == "*"
    arp_ioctl(sock, SIOCDARP, "10.1.0.64", ATF_PUBL | ATF_NETMASK, netmask="255.255.255.192", device="e0")
    assert errno_of(arp_ioctl, sock, SIOCDARP, "10.1.0.64", ATF_PUBL, None, None, "e0") == errno.ENXIO
    assert not answers(gateway, "10.1.0.65")


@pytest.mark.req("OVER-11", "ARP-8")
def test_proxy_entry_by_netlink(gateway):
    gateway.a.edu("neigh", "add", "proxy", "10.1.0.7", "dev", "e0")
    assert answers(gateway, "10.1.0.7", "10.1.0.8") == {"10.1.0.7": gateway.mac}
    assert "10.1.0.7 dev e0 proxy" in gateway.a.edu("neigh", "show", "proxy").stdout
    gateway.a.edu("neigh", "del", "proxy", "10.1.0.7", "dev", "e0")
    assert not answers(gateway, "10.1.0.7")


@pytest.mark.req("OVER-11", "RFC1027")
def test_proxy_by_route(gateway):
    gateway.a.rtnl.route("192.168.0.0/16", via="10.1.0.2")
    asked = ("10.1.0.7", "192.168.3.4", "10.1.0.255", "10.0.0.50", "172.16.0.1", "10.255.255.255")
    assert not answers(gateway, *asked)
    setting(gateway.a, proxy_arp=1, forwarding=1)
    assert answers(gateway, *asked) == {"10.1.0.7": gateway.mac, "192.168.3.4": gateway.mac}
    assert not answers(gateway, "10.1.0.7", sender="0.0.0.0")  # a probe
    gateway.a.rtnl.link_set("e1", {rtnl.IFF_UP: False})
    assert not answers(gateway, "10.1.0.7")


@pytest.mark.req("OVER-11", "RFC1027", "ARP-8")
def test_linux_sends_to_the_proxy_whom_it_believes_on_its_link(lab):
    """RFC 1027's case: a host that knows of no subnets."""
    gateway = lab.edu_host("10.0.0.1/24")
    gateway.rtnl.station("e1", 0x40000 + lab.segment)
    gateway.rtnl.address("10.0.1.1/24", "e1")
    setting(gateway, proxy_arp=1, forwarding=1)
    host = lab.linux_host("10.0.0.2/16")
    with gateway.counts("Arp.Proxied"):
        host.linux_socket().sendto(b"far", ("10.0.1.7", 9))
    wait_for(lambda: host.rtnl.neighbours(socket.AF_INET).get("10.0.1.7", (0, 0))[1] == gateway.mac(), "the answer")


@pytest.mark.req("ARP-9", "RFC5227-2.3")
def test_new_address_is_announced_to_linux(pair):
    """A gratuitous ARP moves the traffic of who knew the old hardware address."""
    pair.b.linux_socket().sendto(b"x", ("10.0.0.1", 9))
    wait_for(lambda: pair.b.rtnl.neighbours(socket.AF_INET).get("10.0.0.1", (0, 0))[1] == pair.a.mac(), "the answer")
    pair.a.rtnl.link_set("e0", mac="02:ed:00:00:00:55")
    wait_for(
        lambda: pair.b.rtnl.neighbours(socket.AF_INET)["10.0.0.1"][1] == "02:ed:00:00:00:55", "the announcement"
    )


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
