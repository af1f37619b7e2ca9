# SPDX-License-Identifier: GPL-2.0-only
"""EDUINET as a router, among routers and hosts of either stack (OVER-4, IP-10; RFC 1812).

What a single packet meets at one router is tested in kunit/ip_forward_test.cc, case by case; here are
real programs, real devices and several hops, and that nothing breaks when they go.
"""

import contextlib
import errno
import re
import socket
import struct
import threading

import pytest
import rtnl
from conftest import AF_PACKET, EFFORT, ETH_P_ALL, PATIENCE, Host, Wire, errno_of, noise, numbers, wait_for
from edusock import AF_EDUINET, IP_RECVERR, IP_TTL, in_netns, netns_del

from scapy.layers.inet import ICMP, IP, UDP, IPOption_RR
from scapy.layers.l2 import Ether
from scapy.packet import Raw


class Node(Host):
    """A host or router of one of the stacks: "edu" or "linux"."""

    def __init__(self, stack):
        super().__init__()
        self.stack = stack
        self.family = AF_EDUINET if stack == "edu" else socket.AF_INET
        if stack == "linux":
            self.rtnl.link_set("lo", {rtnl.IFF_UP: True})

    def delete(self):
        """Without a program for each device: there are many."""
        for device in ("l", "r", "e0", "e1"):
            assert errno_of(self.rtnl.link_del, device) in (0, errno.ENODEV)
        for sock in self.sockets:
            sock.close()
        self.rtnl.close()
        netns_del(self.name)

    def plug(self, device, address):
        self.rtnl.address(address, device, family=self.family)

    def via(self, prefix, gateway):
        self.rtnl.route(prefix, via=gateway, family=self.family)

    def forwards(self):
        if self.stack == "edu":
            self.tune(**{"conf/all/forwarding": 1, "icmp_error_interval_ms": 0, "icmp_unreach_interval_ms": 0})
            return
        with in_netns(self.name):
            for name, value in (("ip_forward", 1), ("icmp_ratelimit", 0)):
                with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="ascii") as file:
                    file.write(str(value))

    def open(self, bind=None):
        return self.socket(bind=bind) if self.stack == "edu" else self.linux_socket(bind=bind)

    def ping(self, address, *more):
        tool = ("edu", "ping") if self.stack == "edu" else ("ping", "-n")
        done = self.run(*tool, "-c2", "-i0.05", "-W10", *more, address, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def conf(self, device, **values):
        """Sets conf/DEVICE/NAME."""
        self.tune(**{f"conf/{device}/{name}": value for name, value in values.items()})


class Chain:
    """Hosts at both ends, routers between, a cable from each to the next: the i-th is 10.0.i/24, where
    .1 is the node on its left and .2 the one on its right. A node's devices are "l" and "r"."""

    def __init__(self, *stacks, veth=False):
        self.nodes = []
        self.veth = veth
        for stack in stacks:
            self.nodes.append(Node(stack))
        for i in range(len(stacks) - 1):
            self.cable(i)
        last = len(stacks) - 2
        for i, node in enumerate(self.nodes):
            for net in range(last + 1):
                if net > i:
                    node.via(f"10.0.{net}.0/24", f"10.0.{i}.2")
                elif net < i - 1:
                    node.via(f"10.0.{net}.0/24", f"10.0.{i - 1}.1")
            if 0 < i < len(stacks) - 1:
                node.forwards()
        self.a, self.b = self.nodes[0], self.nodes[-1]
        self.routers = self.nodes[1:-1]
        self.a.address, self.b.address = "10.0.0.1", f"10.0.{last}.2"

    def cable(self, i):
        left, right = self.nodes[i], self.nodes[i + 1]
        if self.veth:
            left.rtnl.veth("r", "l", right.name)
            right.rtnl.link_set("l", {rtnl.IFF_UP: True})
        else:
            segment = next(numbers)
            left.station(segment, "r")
            right.station(segment, "l")
        left.plug("r", f"10.0.{i}.1/24")
        right.plug("l", f"10.0.{i}.2/24")

    def hops(self):
        """The addresses by which a's packets come to each node."""
        return [f"10.0.{i}.2" for i in range(len(self.nodes) - 1)]

    def delete(self):
        for node in self.nodes:
            node.delete()


@pytest.fixture
def chain():
    made = []

    def make(*stacks, **more):
        made.append(Chain(*stacks, **more))
        return made[-1]

    yield make
    for one in made:
        one.delete()


MIXED = [
    ("edu", "edu", "edu", "edu", "edu"),
    ("linux", "edu", "linux", "edu", "linux"),
    ("edu", "linux", "edu", "linux", "edu"),
    ("linux", "edu", "edu", "edu", "linux"),
]


@pytest.mark.req("OVER-4", "RFC1812-5.3.1")
@pytest.mark.parametrize("stacks", MIXED, ids="-".join)
def test_program_ping_over_three_routers(chain, stacks):
    net = chain(*stacks)
    net.a.ping(net.b.address)
    net.b.ping(net.a.address, "-s1400")
    for router in net.routers:
        if router.stack == "edu":
            assert router.counters()["Ip.ForwDatagrams"] >= 8


@pytest.mark.req("OVER-4", "RFC1812-5.3.1", "RFC1812-4.3.2")
@pytest.mark.parametrize("how", ["-U", "-I"])
def test_program_traceroute_sees_each_router(chain, how):
    net = chain("linux", "edu", "linux", "edu", "linux")
    done = net.a.run("traceroute", "-n", "-q1", "-w10", how, net.b.address)
    assert re.findall(r"^ *\d+  ([\d.]+)", done.stdout, re.M) == net.hops()


@pytest.mark.req("OVER-4", "RFC1812-5.3.1", "RFC1122-3.2.1.7")
@pytest.mark.parametrize("stacks", MIXED, ids="-".join)
def test_program_tracepath_finds_the_same_way_back(chain, stacks):
    """Every node answers with a TTL from which its distance can be told, as Linux's do."""
    net = chain(*stacks)
    for here, there in ((net.a, net.b), (net.b, net.a)):
        tools = [("edu", "tracepath")] if here.stack == "edu" else [("tracepath",)]
        if here.stack == "edu":
            tools.append(("edu", "run", "tracepath"))
        for tool in tools:
            shown = here.run(*tool, "-n", there.address, timeout=PATIENCE * 8).stdout
            assert "asymm" not in shown, shown
            assert re.search(r"Resume: pmtu 1500 hops 4 back 4", shown), shown


@pytest.mark.req("OVER-4", "RFC1812-5.2.7.1", "RFC1191")
def test_program_ping_finds_the_path_mtu(chain):
    net = chain("linux", "edu", "edu", "edu", "linux")
    net.routers[1].rtnl.link_set("r", mtu=900)
    net.routers[2].rtnl.link_set("l", mtu=900)
    done = net.a.run("ping", "-n", "-c1", "-W10", "-Mdo", "-s1000", net.b.address, check=False)
    assert "From 10.0.1.2" in done.stdout and "mtu = 900" in done.stdout, done.stdout
    assert "mtu 900" in net.a.ip("route", "get", net.b.address).stdout
    assert net.routers[1].counters()["Icmp.OutDestUnreachs"] >= 1


@pytest.mark.req("OVER-4", "RFC1812-5.3.1")
def test_our_own_sockets_meet_each_router(chain):
    """traceroute by hand, from an EDUINET host, with IP_RECVERR."""
    net = chain("edu", "edu", "linux", "edu", "edu")
    for ttl, hop in enumerate(net.hops()[:-1], 1):
        sock = net.a.socket()
        sock.setsockopt(socket.SOL_IP, IP_TTL, ttl)
        sock.setsockopt(socket.SOL_IP, IP_RECVERR, 1)
        sock.sendto(b"x", (net.b.address, 33434))

        def error(sock=sock):
            with contextlib.suppress(BlockingIOError):
                return sock.recvmsg(100, 200, socket.MSG_ERRQUEUE)
            return None

        _, control, _, _ = wait_for(error, f"an error from hop {ttl}")
        extended = control[0][2]
        assert extended[5:7] == bytes([11, 0]) and socket.inet_ntoa(extended[20:24]) == hop


def transfer(net, size):
    """size octets of TCP from a to b, of Linux both."""
    with in_netns(net.b.name):
        server = socket.create_server((net.b.address, 5001))
    server.settimeout(PATIENCE * 3)
    got = []

    def take():
        one, _ = server.accept()
        one.settimeout(PATIENCE * 3)
        with one:
            while data := one.recv(1 << 16):
                got.append(data)

    reader = threading.Thread(target=take)
    reader.start()
    with in_netns(net.a.name):
        client = socket.socket()
    with client:
        client.settimeout(PATIENCE * 3)
        client.connect((net.b.address, 5001))
        data = bytes(range(251)) * (size // 251)
        client.sendall(data)
    reader.join()
    server.close()
    assert b"".join(got) == data


@pytest.mark.req("OVER-4", "SKB-2")
@pytest.mark.parametrize("veth", [True, False], ids=["veth", "eduinet"])
def test_tcp_of_others_passes_in_large_buffers(chain, veth):
    """Linux's TCP hands a virtual cable buffers of up to 64 KiB without a checksum."""
    net = chain("linux", "edu", "linux", veth=veth)
    transfer(net, 1 << 20)
    counters = net.routers[0].counters()
    assert not counters["Ip.DropTooBig"] and not counters["Icmp.OutDestUnreachs"]
    if veth:
        assert counters["Ip.ForwDatagrams"] < 1 << 20 >> 10, "nothing came in large buffers"


@pytest.mark.req("OVER-4", "RFC1812-5.2.7.1")
def test_large_buffers_learn_of_a_smaller_mtu(chain):
    net = chain("linux", "edu", "linux", veth=True)
    net.routers[0].rtnl.link_set("r", mtu=1000)  # b does not say so in its MSS
    transfer(net, 1 << 19)
    assert net.routers[0].counters()["Icmp.OutDestUnreachs"] >= 1


@pytest.mark.req("OVER-4")
def test_traffic_survives_loss_and_reordering(chain):
    net = chain("linux", "edu", "edu", "edu", "linux")
    for router in net.routers:
        router.run("tc", "qdisc", "add", "dev", "r", "root", "netem", "delay", "1ms", "loss", "1%", "reorder",
                   "25%", "50%")
    transfer(net, 1 << 17)
    for router in net.routers:
        router.run("tc", "qdisc", "del", "dev", "r", "root")


# One packet at one router


@pytest.fixture
def routed():
    """net.r is ours, 10.0.0.254 on "e0" and 10.1.0.254 on "e1"; net.w is scapy on e0's cable, 10.0.0.9,
    net.v on e1's, 10.1.0.9. They know each other."""

    class Net:
        pass

    net = Net()
    near, far = next(numbers), next(numbers)
    net.r = Node("edu")
    net.r.station(near, "e0")
    net.r.station(far, "e1")
    net.r.plug("e0", "10.0.0.254/24")
    net.r.plug("e1", "10.1.0.254/24")
    net.w, net.v = Wire(near), Wire(far)
    for number, (wire, device) in enumerate(((net.w, "e0"), (net.v, "e1"))):
        wire.to_mac, wire.to_ip, wire.ip = net.r.mac(device), f"10.{number}.0.254", f"10.{number}.0.9"
        net.r.rtnl.neighbour(wire.ip, wire.mac, device)
    net.r.forwards()
    net.w.heard(), net.v.heard()
    yield net
    for part in (net.w, net.v, net.r):
        part.delete()


def packet(net, *layers, to=None, **ip):
    ip.setdefault("src", net.w.ip)
    ip.setdefault("dst", net.v.ip)
    one = Ether(dst=to or net.w.to_mac, src=net.w.mac) / IP(**ip)
    for layer in layers or (UDP(sport=1, dport=7), Raw(b"tlk")):
        one /= layer
    return one


def passed(net, frame):
    """What came out on the other side, IP packets only; what the sender was told."""
    net.w.send(frame)
    told = [one for one in net.w.fence() if IP in one]
    net.v.fence()  # of r's packets on that cable it is the last
    return told


def goes_on(net, frame):
    net.w.send(frame)
    return net.v.expect(lambda one: IP in one and one[IP].src == frame[IP].src, "the forwarded packet")


@pytest.mark.req("RFC1812-5.3.1", "RFC1812-5.2.5", "RFC1812-5.3.13.1")
def test_one_hop_changes_nothing_but_the_ttl(routed):
    sent = packet(routed, ttl=9, id=77, tos=0xFF, flags=4)
    got = goes_on(routed, sent)
    assert got[Ether].src == routed.r.mac("e1") and got[Ether].dst == routed.v.mac
    before, after = bytearray(bytes(sent[IP])), bytearray(bytes(got[IP]))
    assert after[8] == 8
    before[8] = after[8]
    before[10:12] = after[10:12]
    assert after == before
    del got[IP].chksum
    assert bytes(IP(bytes(got[IP])))[10:12] == after[10:12]


@pytest.mark.req("RFC1812-5.3.13", "RFC791")
def test_record_route_has_the_way_out(routed):
    got = goes_on(routed, packet(routed, options=[IPOption_RR(routers=["0.0.0.0"] * 2, pointer=4)]))
    assert got[IP].options[0].routers[0] == "10.1.0.254" and got[IP].options[0].pointer == 8


@pytest.mark.req("RFC1812-5.2.7.1", "RFC1812-5.3.1")
@pytest.mark.parametrize(
    "fields, kind",
    [({"ttl": 1}, (11, 0)), ({"dst": "10.9.0.1"}, (3, 0)), ({"dst": "10.9.1.1"}, (3, 1)), ({"dst": "10.9.2.1"}, (3, 13))],
    ids=["ttl", "no route", "unreachable", "prohibit"],
)
def test_sender_is_told(routed, fields, kind):
    routed.r.rtnl.route("10.9.1.0/24", family=AF_EDUINET, kind=rtnl.UNREACHABLE)
    routed.r.rtnl.route("10.9.2.0/24", family=AF_EDUINET, kind=rtnl.PROHIBIT)
    routed.w.send(packet(routed, **fields))
    (told,) = [one for one in routed.w.fence() if ICMP in one and one[ICMP].type != 0]
    assert (told[ICMP].type, told[ICMP].code) == kind and told[IP].src == "10.0.0.254"


@pytest.mark.req("RFC1812-5.3.7", "RFC1812-5.3.4", "RFC1812-5.3.5", "RFC7126")
@pytest.mark.parametrize(
    "fields, counter",
    [
        ({"src": "127.0.0.1"}, "Ip.DropMartianSource"),
        ({"src": "10.1.0.254"}, "Ip.DropMartianSource"),
        ({"src": "240.0.0.1"}, "Ip.DropMartianSource"),
        ({"dst": "127.0.0.1"}, "Ip.DropMartianDestination"),
        ({"dst": "240.0.0.1"}, "Ip.DropMartianDestination"),
        ({"dst": "10.1.0.255"}, "Ip.DropDirectedBroadcast"),
        ({"to": "ff:ff:ff:ff:ff:ff"}, "Ip.DropLinkBroadcast"),
        ({"options": b"\x83\x07\x04\x0a\x01\x00\x09\x00"}, "Ip.DropSourceRoute"),
    ],
    ids=["loopback", "our own", "class E", "to loopback", "to class E", "directed broadcast", "broadcast frame",
         "source route"],
)
def test_dropped_in_silence_under_its_name(routed, fields, counter):
    if "options" in fields:
        from scapy.layers.inet import IPOption

        fields = {"options": [IPOption(fields["options"])]}
    with routed.r.counts(counter):
        routed.w.send(packet(routed, **fields))
        assert not [one for one in routed.w.fence() if ICMP in one and one[ICMP].type != 0]
    assert not [one for one in routed.v.fence() if UDP in one]


@pytest.mark.req("RFC3704", "RFC1812-5.3.8")
def test_reverse_path_filter(routed):
    spoofed = packet(routed, src="10.1.0.77")
    goes_on(routed, spoofed)
    routed.r.conf("e0", rp_filter=1)
    with routed.r.counts("Ip.DropReversePath"):
        routed.w.send(spoofed)
    goes_on(routed, packet(routed))


@pytest.mark.req("RFC1812-5.3.5", "RFC2644")
def test_directed_broadcast_on_demand(routed):
    routed.r.conf("e0", bc_forwarding=1)
    routed.r.conf("all", bc_forwarding=1)
    got = goes_on(routed, packet(routed, dst="10.1.0.255"))
    assert got[Ether].dst == "ff:ff:ff:ff:ff:ff"


@pytest.mark.req("OVER-4", "IP-10")
@pytest.mark.parametrize("destination", ["10.1.0.9", "10.1.0.255"])
def test_the_time_of_arrival_does_not_go_on(routed, destination):
    """With somebody who asks for time stamps each frame carries when it came; a queue would take that
    for when it is to leave, and fq drops what is to leave in decades."""
    for device in ("e0", "all"):
        routed.r.conf(device, bc_forwarding=1)
    routed.r.run("tc", "qdisc", "replace", "dev", "e1", "root", "fq")
    with in_netns(routed.r.name), socket.socket(AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as capture:
        capture.setsockopt(socket.SOL_SOCKET, 29, 1)  # SO_TIMESTAMP
        goes_on(routed, packet(routed, dst=destination))


@pytest.mark.req("OVER-4")
def test_forwarding_is_off_until_wanted(routed):
    routed.r.conf("e0", forwarding=0)
    with routed.r.counts("Ip.DropNotForUs"):
        routed.w.send(packet(routed))
    routed.r.conf("e0", forwarding=1)
    goes_on(routed, packet(routed))
    routed.r.conf("all", forwarding=0)
    with routed.r.counts("Ip.DropNotForUs"):
        routed.w.send(packet(routed))


@pytest.mark.req("ROUTE-8")
def test_route_look_up_for_a_packet_that_comes_in(routed):
    def ask(destination, source="10.0.0.9"):
        header = struct.pack("=BBBBBBBBI", AF_EDUINET, 32, 32, 0, 0, 0, 0, 0, 0)
        attrs = [(1, socket.inet_aton(destination)), (2, socket.inet_aton(source)), (3, routed.r.rtnl.index("e0"))]
        (_, data), = routed.r.rtnl.ask(rtnl.GETROUTE, header, attrs)
        got = rtnl.attributes(data[12:])
        return data[7], struct.unpack("=i", got[4])[0], struct.unpack("=i", got[3])[0]

    index = routed.r.rtnl.index
    assert ask("10.1.0.9") == (rtnl.UNICAST, index("e1"), index("e0"))
    assert ask("10.1.0.254")[0] == 2  # RTN_LOCAL
    assert errno_of(ask, "10.9.0.1") == errno.ENETUNREACH
    assert errno_of(ask, "10.1.0.9", "127.0.0.1") == errno.EINVAL
    routed.r.conf("e0", rp_filter=1)
    assert errno_of(ask, "10.1.0.9", "10.1.0.1") == errno.EXDEV
    routed.r.conf("e0", forwarding=0)
    assert errno_of(ask, "10.1.0.9") == errno.EHOSTUNREACH


@pytest.mark.req("ROUTE-9")
def test_a_scan_through_the_router_is_bounded(routed):
    routed.r.tune(rt_cache_size=64)
    routed.r.via("0.0.0.0/0", routed.v.ip)
    frames = [packet(routed, dst=f"20.{i % 7}.{i % 251}.{i % 241}") for i in range(500)]
    with routed.r.counts("Ip.ForwDatagrams", len(frames)):
        routed.w.send(*frames)
    assert len(routed.r.proc("rt_cache")) - 1 <= 64 + 8
    goes_on(routed, packet(routed))


# Redirects


@pytest.fixture
def two_ways(request):
    """net.h is a host on a cable with two routers; its default gateway is net.r1, .254, but net.r2, .253,
    has the way to net.b, 10.9.0.1. r1 knows."""
    host, first = request.param
    net = type("Net", (), {})()
    near, far = next(numbers), next(numbers)
    net.h, net.r1, net.r2, net.b = Node(host), Node(first), Node("edu"), Node("linux")
    net.h.station(near)
    net.h.plug("e0", "10.0.0.1/24")
    net.r1.station(near)
    net.r1.plug("e0", "10.0.0.254/24")
    net.r2.station(near)
    net.r2.plug("e0", "10.0.0.253/24")
    net.r2.station(far, "e1")
    net.r2.plug("e1", "10.9.0.254/24")
    net.b.station(far)
    net.b.plug("e0", "10.9.0.1/24")
    net.b.via("0.0.0.0/0", "10.9.0.254")
    net.h.via("0.0.0.0/0", "10.0.0.254")
    net.r1.via("10.9.0.0/24", "10.0.0.253")
    for router in (net.r1, net.r2):
        router.forwards()
    yield net
    for node in (net.h, net.r1, net.r2, net.b):
        node.delete()


@pytest.mark.req("RFC1812-5.2.7.2", "RFC1122-3.2.2.2", "RFC1122-3.3.1")
@pytest.mark.parametrize("two_ways", [("edu", "edu"), ("edu", "linux"), ("linux", "edu")], indirect=True, ids="-".join)
def test_a_redirect_shows_the_shorter_way(two_ways):
    net = two_ways
    net.h.ping("10.9.0.1")
    if net.r1.stack == "edu":
        assert net.r1.counters()["Icmp.OutRedirects"] >= 1
        forwarded = net.r1.counters()["Ip.ForwDatagrams"]
    if net.h.stack == "edu":
        wait_for(lambda: net.h.counters()["Rt.Redirected"], "the route to change")
        assert any(line.split("\t")[1:3] == ["0100090A", "FD00000A"] for line in net.h.proc("rt_cache"))
    net.h.ping("10.9.0.1")
    if net.r1.stack == "edu":
        assert net.r1.counters()["Ip.ForwDatagrams"] <= forwarded + (net.h.stack != "edu")


# Things that go away


def flood(net, into):
    """Datagrams from a to b, without pause, while the block runs."""
    sock = net.a.open()
    return noise(net.a, lambda _: sock.sendto(b"x" * 100, (into, 9)), 1)


@pytest.mark.req("LAYER-3", "OVER-4")
def test_devices_go_and_come_under_forwarded_traffic(chain):
    net = chain("linux", "edu", "edu", "linux")
    router = net.routers[0]
    with flood(net, net.b.address):
        for _ in range(3 * EFFORT):
            before = router.counters()["Ip.ForwDatagrams"]
            wait_for(lambda before=before: router.counters()["Ip.ForwDatagrams"] > before, "forwarded packets")
            router.rtnl.link_del("r")
            segment = next(numbers)
            router.station(segment, "r")
            router.plug("r", "10.0.1.1/24")
            net.routers[1].rtnl.link_del("l")
            net.routers[1].station(segment, "l")
            net.routers[1].plug("l", "10.0.1.2/24")
            router.via("10.0.2.0/24", "10.0.1.2")
            net.routers[1].via("10.0.0.0/24", "10.0.1.1")
    net.a.ping(net.b.address)


@pytest.mark.req("LAYER-3", "OVER-4")
def test_a_router_dies_under_forwarded_traffic(chain):
    for _ in range(EFFORT):
        net = chain("linux", "edu", "edu", "linux")
        with flood(net, net.b.address):
            wait_for(lambda net=net: net.routers[1].counters()["Ip.ForwDatagrams"] > 10, "forwarded packets")
            net.routers[0].delete()  # with its devices, and whatever is on its way through it
        net.nodes.remove(net.routers[0])


@pytest.mark.req("LAYER-3", "OVER-4", "ROUTE-9")
def test_settings_and_routes_change_under_forwarded_traffic(chain):
    net = chain("linux", "edu", "linux")
    router = net.routers[0]
    with flood(net, net.b.address):
        for i in range(20 * EFFORT):
            router.conf("all", forwarding=i % 2)
            router.conf("l", rp_filter=i % 3)
            router.rtnl.route("10.0.9.0/24", via="10.0.1.2", family=AF_EDUINET, delete=bool(i % 2))
            router.rtnl.address("10.0.1.77/24", "r", family=AF_EDUINET, delete=bool(i % 2))
    router.conf("all", forwarding=1)
    net.a.ping(net.b.address)


@pytest.mark.req("OVER-4")
def test_a_stream_of_datagrams_loses_none(chain):
    """On a cable without loss all arrive, in order."""
    net = chain("linux", "edu", "edu", "edu", "linux")
    to = net.b.open((net.b.address, 7))
    to.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock = net.a.open()
    net.a.ping(net.b.address)
    for start in range(0, 1000 * EFFORT, 100):
        for number in range(start, start + 100):
            sock.sendto(struct.pack("!I", number) + bytes(1000), (net.b.address, 7))
        for number in range(start, start + 100):
            assert struct.unpack_from("!I", to.recv(2000))[0] == number
