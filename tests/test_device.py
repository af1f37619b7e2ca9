# SPDX-License-Identifier: GPL-2.0-only
"""The device kind eduinet: stations on a shared cable (OVER-9, LAYER-2, LAYER-3, DEV-1)."""

import errno
import socket

import pytest
import rtnl
from conftest import PATIENCE, Host, errno_of, in_netns, wait_for
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

PROTOCOL = 0x88B5  # for experiments (IEEE 802)
BROADCAST = "ff:ff:ff:ff:ff:ff"


class Ear:
    """A packet socket on a station: what the station's host would see."""

    def __init__(self, host, device="e0"):
        with in_netns(host.name):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(PROTOCOL))
            self.sock.bind((device, PROTOCOL))
        self.sock.settimeout(PATIENCE)
        self.mac = host.mac(device)
        host.sockets.append(self.sock)

    def say(self, to, data, size=46):
        self.sock.send(bytes(Ether(dst=to, src=self.mac, type=PROTOCOL) / Raw(data.ljust(size, b"."))))

    def hears(self):
        raw, address = self.sock.recvfrom(70000)
        assert address[2] != socket.PACKET_OUTGOING
        return raw[14:].rstrip(b"."), address[2]

    def hears_only(self, data, kind):
        """That frame is the next one: whatever was sent before it did not come by."""
        assert self.hears() == (data, kind)


@pytest.fixture
def cable(lab):
    """Three stations, a, b and c."""
    lab.hosts = [lab.host() for _ in range(3)]
    lab.a, lab.b, lab.c = (Ear(host) for host in lab.hosts)
    return lab


@pytest.mark.req("OVER-9")
def test_unicast_goes_to_the_addressed_station_only(cable):
    cable.a.say(cable.b.mac, b"for b")
    cable.a.say(cable.c.mac, b"for c")
    cable.a.say(BROADCAST, b"end")
    cable.b.hears_only(b"for b", socket.PACKET_HOST)
    cable.b.hears_only(b"end", socket.PACKET_BROADCAST)
    cable.c.hears_only(b"for c", socket.PACKET_HOST)
    cable.c.hears_only(b"end", socket.PACKET_BROADCAST)


@pytest.mark.req("OVER-9")
def test_a_station_does_not_hear_itself(cable):
    cable.a.say(BROADCAST, b"mine")
    cable.a.say(cable.a.mac, b"to myself")
    cable.b.say(cable.a.mac, b"yours")
    cable.a.hears_only(b"yours", socket.PACKET_HOST)


@pytest.mark.req("OVER-9")
def test_multicast_reaches_those_who_listen_to_the_group(cable):
    group = "01:00:5e:01:02:03"
    with in_netns(cable.hosts[1].name):
        index = socket.if_nametoindex("e0")
    membership = index.to_bytes(4, "little") + bytes([0, 0, 6, 0]) + rtnl.mac_octets(group) + bytes(2)
    cable.b.sock.setsockopt(263, 1, membership)  # SOL_PACKET, PACKET_ADD_MEMBERSHIP
    cable.a.say(group, b"to the group")
    cable.a.say(BROADCAST, b"end")
    cable.b.hears_only(b"to the group", socket.PACKET_MULTICAST)
    cable.b.hears_only(b"end", socket.PACKET_BROADCAST)
    cable.c.hears_only(b"end", socket.PACKET_BROADCAST)
    cable.b.sock.setsockopt(263, 2, membership)
    cable.a.say(group, b"nobody now")
    cable.a.say(BROADCAST, b"end")
    cable.b.hears_only(b"end", socket.PACKET_BROADCAST)


@pytest.mark.req("OVER-9")
def test_allmulti_hears_every_group(cable):
    cable.hosts[2].rtnl.link_set("e0", {rtnl.IFF_ALLMULTI: True})
    cable.a.say("01:00:5e:0a:0b:0c", b"some group")
    cable.c.hears_only(b"some group", socket.PACKET_MULTICAST)


@pytest.mark.req("OVER-9")
def test_promiscuous_station_sees_every_frame_until_it_stops(cable):
    cable.hosts[2].rtnl.link_set("e0", {rtnl.IFF_PROMISC: True})
    cable.a.say(cable.b.mac, b"for b")
    cable.a.say("02:00:00:00:00:99", b"for nobody")
    cable.c.hears_only(b"for b", socket.PACKET_OTHERHOST)
    cable.c.hears_only(b"for nobody", socket.PACKET_OTHERHOST)
    cable.hosts[2].rtnl.link_set("e0", {rtnl.IFF_PROMISC: False})
    cable.a.say(cable.b.mac, b"for b again")
    cable.a.say(BROADCAST, b"end")
    cable.c.hears_only(b"end", socket.PACKET_BROADCAST)


@pytest.mark.req("OVER-9")
def test_segments_are_separate_cables(lab):
    one, other = lab.host(), lab.host()
    other.station(lab.segment + 10000, "e1")
    a, e0, e1 = Ear(one), Ear(other), Ear(other, "e1")
    a.say(BROADCAST, b"here")
    e0.hears_only(b"here", socket.PACKET_BROADCAST)
    e0.say(BROADCAST, b"back")
    a.hears_only(b"back", socket.PACKET_BROADCAST)
    one.station(lab.segment + 10000, "e9")
    Ear(one, "e9").say(BROADCAST, b"there")
    e1.hears_only(b"there", socket.PACKET_BROADCAST)


@pytest.mark.req("OVER-9")
def test_default_segment_is_0(lab):
    hosts = lab.keep(Host()), lab.keep(Host())
    hosts[0].rtnl.link_add("e0", "eduinet")
    hosts[1].station(0)
    Ear(hosts[0]).say(hosts[1].mac(), b"default")  # no listener yet: must not disturb
    ear = Ear(hosts[1])
    Ear(hosts[0]).say(ear.mac, b"again")
    ear.hears_only(b"again", socket.PACKET_HOST)


@pytest.mark.req("OVER-9", "LAYER-3")
def test_a_station_that_is_down_is_off_the_cable(cable):
    cable.hosts[1].rtnl.link_set("e0", {rtnl.IFF_UP: False})
    before = cable.hosts[1].rtnl.statistics("e0")["rx_packets"]
    cable.a.say(cable.b.mac, b"lost")
    cable.a.say(BROADCAST, b"lost too")
    cable.c.hears_only(b"lost too", socket.PACKET_BROADCAST)
    assert cable.hosts[1].rtnl.statistics("e0")["rx_packets"] == before
    cable.hosts[1].rtnl.link_set("e0", {rtnl.IFF_UP: True})
    ear = Ear(cable.hosts[1])
    cable.a.say(ear.mac, b"back")
    ear.hears_only(b"back", socket.PACKET_HOST)


@pytest.mark.req("OVER-9")
def test_frames_follow_a_changed_hardware_address(cable):
    old, new = cable.b.mac, "02:ed:00:00:00:42"
    cable.hosts[1].rtnl.link_set("e0", mac=new)
    cable.a.say(old, b"to the old")
    cable.a.say(new, b"to the new")
    cable.b.hears_only(b"to the new", socket.PACKET_HOST)
    for bad in ("01:00:5e:00:00:01", "00:00:00:00:00:00", BROADCAST):
        assert errno_of(lambda mac=bad: cable.hosts[1].rtnl.link_set("e0", mac=mac)) == errno.EADDRNOTAVAIL
    assert cable.hosts[1].mac() == new


@pytest.mark.req("OVER-9", "LAYER-3")
def test_a_station_moves_to_another_namespace_and_stays_on_its_cable(lab):
    here, first, second = lab.host(), lab.host(), lab.keep(Host())
    mac = first.mac()
    first.rtnl.link_set("e0", netns=second.name)
    second.rtnl.link_set("e0", {rtnl.IFF_UP: True})
    ear = Ear(second)
    assert ear.mac == mac
    Ear(here).say(mac, b"moved")
    ear.hears_only(b"moved", socket.PACKET_HOST)


@pytest.mark.req("OVER-9")
def test_two_stations_of_one_host_share_the_cable(lab):
    host = lab.host()
    host.station(lab.segment, "e1")
    one, other = Ear(host), Ear(host, "e1")
    one.say(other.mac, b"across")
    other.hears_only(b"across", socket.PACKET_HOST)


@pytest.mark.req("OVER-9")
def test_mtu_limits(lab):
    host = lab.host()
    for good in (68, 1500, 9000, 65535):
        host.rtnl.link_set("e0", mtu=good)
        assert int.from_bytes(host.rtnl.link("e0")[4], "little") == good
    for bad in (67, 65536):
        assert errno_of(lambda mtu=bad: host.rtnl.link_set("e0", mtu=mtu)) == errno.EINVAL


@pytest.mark.req("OVER-9")
def test_a_station_takes_no_frame_above_its_own_mtu(lab):
    big, small = lab.host(mtu=9000), lab.host(mtu=1000)
    speaker, ear = Ear(big), Ear(small)
    speaker.say(ear.mac, b"fits", 1000)
    ear.hears_only(b"fits", socket.PACKET_HOST)
    speaker.say(ear.mac, b"too big", 1001)
    speaker.say(ear.mac, b"end")
    ear.hears_only(b"end", socket.PACKET_HOST)
    statistics = small.rtnl.statistics("e0")
    assert (statistics["rx_errors"], statistics["rx_length_errors"]) == (1, 1)


@pytest.mark.req("OVER-9", "DEV-1")
def test_standard_statistics(cable):
    before = [host.rtnl.statistics("e0") for host in cable.hosts]
    cable.a.say(cable.b.mac, b"one", 100)
    cable.a.say(BROADCAST, b"two", 200)
    for ear, count in ((cable.b, 2), (cable.c, 1)):
        for _ in range(count):
            ear.hears()
    after = [host.rtnl.statistics("e0") for host in cable.hosts]
    grown = [{key: new[key] - old[key] for key in new} for old, new in zip(before, after)]
    assert (grown[0]["tx_packets"], grown[0]["tx_bytes"], grown[0]["rx_packets"]) == (2, 328, 0)
    assert (grown[1]["rx_packets"], grown[1]["rx_bytes"], grown[1]["tx_packets"]) == (2, 328, 0)
    assert (grown[2]["rx_packets"], grown[2]["rx_bytes"]) == (1, 214)
    assert all(one[key] == 0 for one in grown for key in ("rx_errors", "tx_errors", "rx_dropped", "tx_dropped"))
    assert "RX:" in cable.hosts[0].ip("-s", "link", "show", "e0").stdout


@pytest.mark.req("OVER-9", "LAYER-2")
@pytest.mark.parametrize("mtu,size", [(1500, 1400), (65535, 60000)])
def test_linux_itself_can_sit_on_both_ends(lab, mtu, size):
    a, b = lab.linux_host("10.0.0.1/24", mtu=mtu), lab.linux_host("10.0.0.2/24", mtu=mtu)
    done = a.run("ping", "-c2", "-i0.01", "-W10", "-Mdo", f"-s{size}", b.address)
    assert "2 received" in done.stdout


@pytest.mark.req("OVER-9")
def test_linux_tcp_moves_a_megabyte_across_the_cable(lab):
    """Large buffers, checksums left to the device and their segmentation on the way."""
    a, b = lab.linux_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24")
    listener = b.linux_socket(socket.SOCK_STREAM)
    listener.bind((b.address, 7))
    listener.listen()
    client = a.linux_socket(socket.SOCK_STREAM)
    client.connect((b.address, 7))
    server, _ = listener.accept()
    server.settimeout(PATIENCE)
    sent = bytes(range(256)) * 256
    got = bytearray()
    with server:
        for _ in range(16):
            client.sendall(sent)
            while len(got) % len(sent) or not got:
                got += server.recv(1 << 20)
            assert got[-len(sent) :] == sent
            got.clear()


@pytest.mark.req("DEV-3")
def test_the_softirq_passes_each_frame_up(lab):
    """NET_RX takes them off the backlog, and none is lost on the way to ARP."""
    host, wire, frames = lab.edu_host("10.0.0.1/24"), lab.wire(), 100

    def processed():
        with open("/proc/net/softnet_stat", encoding="ascii") as file:
            return sum(int(line.split()[0], 16) for line in file)

    before = processed()
    question = Ether(dst="ff:ff:ff:ff:ff:ff", src=wire.mac) / ARP(op=1, hwsrc=wire.mac, psrc="10.0.0.9", pdst="10.0.0.44")
    with host.counts("Arp.InRequests", frames), host.counts("Link.InFrames", frames):
        for _ in range(frames):
            wire.send(question)
    assert processed() - before >= frames


@pytest.mark.req("OVER-9")
def test_netem_loses_what_it_is_told_to(cable):
    host = cable.hosts[0]
    host.run("tc", "qdisc", "add", "dev", "e0", "root", "netem", "loss", "100%")
    for _ in range(3):
        cable.a.say(cable.b.mac, b"lost")
    host.run("tc", "qdisc", "del", "dev", "e0", "root")
    cable.a.say(cable.b.mac, b"arrives")
    cable.b.hears_only(b"arrives", socket.PACKET_HOST)


@pytest.mark.req("OVER-9")
def test_netem_delays(lab):
    a, b = lab.linux_host("10.0.0.1/24"), lab.linux_host("10.0.0.2/24")
    a.run("tc", "qdisc", "add", "dev", "e0", "root", "netem", "delay", "60ms")
    done = a.run("ping", "-c1", "-W20", b.address)
    assert float(done.stdout.split("time=")[1].split()[0]) >= 60


@pytest.mark.req("OVER-9")
def test_tcpdump_sees_the_frames(cable):
    with cable.hosts[1].started("tcpdump", "-c1", "-nn", "-e", "-i", "e0", "ether", "proto", hex(PROTOCOL)) as dump:
        for line in dump.stderr:
            if line.startswith("listening"):
                break
        cable.a.say(cable.b.mac, b"for tcpdump")
        seen = dump.stdout.readline()
    assert cable.a.mac in seen and cable.b.mac in seen


@pytest.mark.req("LAYER-3", "DEV-1")
def test_interfaces_shows_an_attached_device_and_forgets_it(lab):
    host = lab.edu_host("10.0.0.1/24")
    names = [line.split()[0] for line in host.proc("interfaces")[1:]]
    assert sorted(names) == ["e0", "edulo"]
    host.rtnl.link_del("e0")
    assert [line.split()[0] for line in host.proc("interfaces")[1:]] == ["edulo"]
    assert not [one for one in host.rtnl.addresses() if one[1] == "10.0.0.1"]
    assert not [route for route in host.rtnl.routes() if route[0].startswith("10.")]


@pytest.mark.req("DEV-1", "INET-7")
def test_a_list_read_again_shows_what_there_is_then(lab):
    host = lab.edu_host("10.0.0.1/24")
    host.rtnl.link_del("e0")  # one line is left
    with in_netns(host.name):
        directory = "/proc/thread-self/net/eduinet"
        with open(f"{directory}/interfaces", encoding="ascii") as interfaces, open(f"{directory}/udp", encoding="ascii") as udp:
            first, nobody = interfaces.read(), udp.read()
            assert len(first.splitlines()) == 2 and len(nobody.splitlines()) == 1
            for file in (interfaces, udp):
                file.seek(0)
            assert interfaces.read() == first
            host.socket(bind=("0.0.0.0", 7))
            assert len(udp.read().splitlines()) == 2


@pytest.mark.req("LAYER-3")
def test_an_address_goes_with_the_device_that_moves_away(lab):
    host, other = lab.edu_host("10.0.0.1/24"), lab.keep(Host())
    host.rtnl.link_set("e0", netns=other.name)
    assert [line.split()[0] for line in host.proc("interfaces")[1:]] == ["edulo"]
    assert [line.split()[0] for line in other.proc("interfaces")[1:]] == ["edulo"]


@pytest.mark.req("LAYER-2", "LAYER-3")
def test_a_renamed_device_keeps_its_address(lab):
    host = lab.edu_host("10.0.0.1/24")
    host.rtnl.link_set("e0", {rtnl.IFF_UP: False})
    host.rtnl.link_set("e0", new_name="cable0")
    names = [line.split()[0] for line in host.proc("interfaces")[1:]]
    assert sorted(names) == ["cable0", "edulo"]


@pytest.mark.req("DEV-1")
def test_many_stations_come_and_go(lab):
    host = lab.keep(Host())
    for turn in range(3):
        for number in range(20):
            host.station(lab.segment, f"s{number}")
            host.rtnl.address(f"10.{turn}.{number}.1/24", f"s{number}")
        for number in range(20):
            host.rtnl.link_del(f"s{number}")
    wait_for(lambda: len(host.proc("interfaces")) == 2, "only edulo")
