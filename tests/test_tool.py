# SPDX-License-Identifier: GPL-2.0-only
"""The tool on a running stack, beside iproute2, traceroute and a station played by scapy (OVER-1,
OVER-2, ROUTE-5, ARP-1, OVER-11, DEV-1). What needs no module is in userspace/edu/test."""

import json
import re
import signal
import socket
import threading

import pytest
import rtnl
from conftest import PATIENCE, Host, in_netns, started, wait_for
from scapy.layers.l2 import ARP, Ether

AF_INET = socket.AF_INET


def is_listening(pid, netns):
    """Has the program a netlink socket that belongs to some group?"""
    with in_netns(netns), open("/proc/thread-self/net/netlink", encoding="ascii") as table:
        lines = [line.split() for line in table][1:]
    return any(int(line[2]) == pid and int(line[3], 16) for line in lines)


class Monitor:
    """`edu … monitor …` that listens by the time the constructor returns."""

    def __init__(self, host, *words, options=()):
        self.manager = started("edu", *options, *words, netns=host.name)
        self.program = self.manager.__enter__()
        wait_for(lambda: is_listening(self.program.pid, host.name), "the monitor")

    def line(self):
        return self.program.stdout.readline().rstrip("\n")

    def interrupt(self):
        """What it has printed by the end, and its exit status."""
        self.program.send_signal(signal.SIGINT)
        text, errors = self.program.communicate(timeout=30)
        return text, errors, self.program.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.manager.__exit__(None, None, None)


# Monitors


@pytest.mark.req("ROUTE-5", "OVER-4")
def test_monitor_tells_of_routes_as_they_change(lab):
    host = lab.edu_host("10.0.0.1/24")
    with Monitor(host, "monitor", "route") as monitor:
        host.edu("route", "add", "10.9.0.0/16", "via", "10.0.0.8", "metric", "7")
        assert monitor.line() == "10.9.0.0/16 via 10.0.0.8 dev e0 metric 7"
        host.edu("route", "del", "10.9.0.0/16")
        assert monitor.line() == "Deleted 10.9.0.0/16 via 10.0.0.8 dev e0 metric 7"
        assert monitor.interrupt() == ("", "", 0)


@pytest.mark.req("ARP-1", "ROUTE-5", "OVER-1")
def test_monitor_all_tells_what_kind_of_thing_it_is(lab):
    host = lab.edu_host("10.0.0.1/24")
    with Monitor(host, "monitor", "all") as monitor:
        host.edu("neigh", "add", "10.0.0.7", "lladdr", "02:00:00:00:00:07", "dev", "e0")
        host.edu("addr", "add", "10.5.0.1/24", "dev", "e0")
        host.edu("link", "set", "e0", "mtu", "1400")
        wait_for(lambda: host.rtnl.neighbours().get("10.0.0.7"), "the entry")
        text = ""
        while "[LINK]" not in text or "attached to EDUINET" not in text:
            text += monitor.line() + "\n"
        assert monitor.interrupt()[2] == 0
    assert "[NEIGH]10.0.0.7 dev e0 lladdr 02:00:00:00:00:07 PERMANENT\n" in text
    assert re.search(r"^\[ADDR\]\d+: e0    inet 10\.5\.0\.1/24 .*scope global", text, re.M)
    assert re.search(r"^\[ROUTE\]10\.5\.0\.0/24 dev e0 proto kernel scope link src 10\.5\.0\.1", text, re.M)
    assert "mtu 1400" in text


@pytest.mark.req("ROUTE-5")
def test_monitor_in_json_with_the_time(lab):
    host = lab.edu_host("10.0.0.1/24")
    with Monitor(host, "route", "monitor", options=("-j", "-t")) as monitor:
        host.edu("route", "add", "unreachable", "10.9.0.0/16")
        one = json.loads(monitor.line())
    assert (one["event"], one["type"], one["dst"]) == ("route", "unreachable", "10.9.0.0/16")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", one["timestamp"])


@pytest.mark.req("ROUTE-5")
def test_monitor_says_when_messages_were_lost(lab):
    """Stopped, it cannot read; its room is small, and there are more changes than fit."""
    host = lab.edu_host("10.0.0.1/24")
    with Monitor(host, "monitor", "route", "rcvbuf", "4096") as monitor:
        monitor.program.send_signal(signal.SIGSTOP)
        for i in range(100):
            host.rtnl.route(f"10.9.{i}.0/24", device="e0")
        monitor.program.send_signal(signal.SIGCONT)
        host.edu("route", "add", "10.77.0.0/16", "dev", "e0")
        line = monitor.program.stderr.readline()
        assert "some are missing" in line
        assert monitor.interrupt()[2] == 0


# Routes and neighbours


@pytest.mark.req("ROUTE-3", "ROUTE-4")
def test_several_nexthops_are_several_routes(lab):
    host = lab.edu_host("10.0.0.1/24")
    host.edu("route", "add", "10.9.0.0/16", "nexthop", "via", "10.0.0.7", "nexthop", "via", "10.0.0.8")
    shown = host.edu_json("route", "show", "10.9.0.0/16")
    assert [(one["gateway"], one.get("metric", 0)) for one in shown] == [("10.0.0.7", 0), ("10.0.0.8", 1)]
    assert host.edu_json("route", "get", "10.9.0.1")[0]["gateway"] == "10.0.0.7"
    host.edu("route", "del", "10.9.0.0/16", "via", "10.0.0.7")
    assert host.edu_json("route", "get", "10.9.0.1")[0]["gateway"] == "10.0.0.8"


@pytest.mark.req("ROUTE-4", "OVER-4")
def test_routes_are_listed_in_the_order_of_the_search(lab):
    """Whatever came first, and whatever the hash of a zone makes of it."""
    host = lab.edu_host("10.0.0.1/24")
    wanted = [f"10.9.{third}.0/24" for third in range(20, 29)] + ["10.9.0.0/16", "10.9.0.0/16", "10.0.0.0/8", "default"]
    for number, network in enumerate(reversed(wanted)):
        host.edu("route", "append", network, "via", "10.0.0.8", "metric", str(9 - number % 9))
    shown = host.edu_json("route", "show", "via", "10.0.0.8")
    assert [route["dst"] for route in shown] == wanted
    of_one = [route["metric"] for route in shown if route["dst"] == "10.9.0.0/16"]
    assert of_one == sorted(of_one)


@pytest.mark.req("ROUTE-4")
def test_routes_read_as_those_of_ip(lab):
    """The same routes in both stacks of a host, as `edu` and `ip` write them."""
    host = lab.edu_host("10.0.0.1/24")
    host.rtnl.address("10.0.0.1/24", "e0", family=AF_INET)
    lines = [
        "10.1.0.0/16 via 10.0.0.9", "10.2.0.0/16 via 10.0.0.9 metric 5 mtu 1200", "default via 10.0.0.9 proto static",
        "unreachable 10.3.0.0/16", "blackhole 10.4.0.0/16", "prohibit 10.5.0.0/16",
        "10.6.0.0/16 dev e0 scope link src 10.0.0.1", "10.7.0.0/16 dev e0 tos 10",
    ]
    for line in lines:
        host.edu("route", "add", *line.split())
        host.ip("route", "add", *line.split())
    tidy = lambda text: sorted(" ".join(line.split()).replace(" linkdown", "") for line in text.splitlines())
    # `ip` names Linux's loopback as the device of routes that lead nowhere only when asked for details.
    assert tidy(host.edu("route").stdout) == tidy(host.ip("-4", "route").stdout)


@pytest.mark.req("ARP-1", "ARP-11")
def test_neighbours_read_as_those_of_ip(lab):
    host = lab.edu_host("10.0.0.1/24")
    host.rtnl.address("10.0.0.1/24", "e0", family=AF_INET)
    words = ("10.0.0.7", "lladdr", "02:00:00:00:00:07", "dev", "e0")
    host.edu("neigh", "add", *words)
    host.ip("neigh", "add", *words)
    for what in (("show",), ("get", "10.0.0.7", "dev", "e0")):
        assert host.edu("neigh", *what).stdout.split() == host.ip("-4", "neigh", *what).stdout.split()
    done = host.edu("neigh", "get", "10.0.0.8", "dev", "e0", check=False)
    assert done.returncode == 2 and "cannot show the neighbour 10.0.0.8" in done.stderr


# Paths


@pytest.fixture
def path(lab):
    """lab.a is ours at 10.0.0.1; behind the Linux router 10.0.0.2 is the Linux host 10.1.0.3."""
    lab.a = lab.edu_host("10.0.0.1/24")
    lab.router = lab.linux_host("10.0.0.2/24")
    far = 0x10000 + lab.segment
    lab.router.station(far, "e1")
    lab.router.rtnl.address("10.1.0.2/24", "e1", family=AF_INET)
    lab.c = lab.keep(Host())
    lab.c.station(far)
    lab.c.rtnl.link_set("lo", {rtnl.IFF_UP: True})
    lab.c.rtnl.address("10.1.0.3/24", "e0", family=AF_INET)
    lab.c.ip("route", "add", "default", "via", "10.1.0.2")
    lab.a.edu("route", "add", "default", "via", "10.0.0.2")
    for host in (lab.router, lab.c):
        with in_netns(host.name):
            for name, value in (("ip_forward", 1), ("icmp_ratelimit", 0)):
                with open(f"/proc/sys/net/ipv4/{name}", "w", encoding="ascii") as file:
                    file.write(str(value))
    return lab


@pytest.mark.req("IP-10", "OVER-2")
@pytest.mark.parametrize("how", ["-U", "-I"])
def test_traceroute_sees_the_router_and_the_host(path, how):
    shown = json.loads(path.a.edu("-j", "traceroute", how, "-q2", "-w9", "10.1.0.3").stdout)
    assert shown["reached"]
    assert [[one["addr"] for one in hop["probes"]] for hop in shown["hops"]] == [["10.0.0.2"] * 2, ["10.1.0.3"] * 2]


@pytest.mark.req("IP-10")
def test_traceroute_reads_as_the_program_of_that_name(path):
    """Linux's own traceroute goes the same way from a Linux host beside ours."""
    linux = path.linux_host("10.0.0.5/24")
    linux.ip("route", "add", "default", "via", "10.0.0.2")
    words = ("-n", "-q1", "-w9", "10.1.0.3")
    without_times = lambda text: re.sub(r"\d+\.\d+ ms", "T", text)
    ours = path.a.edu("traceroute", *words)
    assert without_times(ours.stdout) == without_times(linux.run("traceroute", *words).stdout)
    assert ours.returncode == 0


@pytest.mark.req("IP-10")
def test_traceroute_without_an_answer_and_without_a_route(path):
    path.a.edu("ping", "-c1", "-W", PATIENCE, "10.0.0.2")  # known to each other, the two are quick
    done = path.a.edu("traceroute", "-n", "-q1", "-w1", "-m3", "10.1.0.77", check=False)
    assert done.returncode == 1 and re.search(r"^ 1  10\.0\.0\.2  [\d.]+ ms\n 2  \*\n 3  \*\n", done.stdout, re.M)
    path.a.edu("route", "del", "default")
    done = path.a.edu("traceroute", "10.1.0.3", check=False)
    assert done.returncode == 2 and "no route leads to 10.1.0.3" in done.stderr


# RARP


class RarpServer(threading.Thread):
    """Answers one request on the wire, for one host."""

    def __init__(self, wire, mac, ip):
        super().__init__(daemon=True)
        self.wire, self.mac, self.ip = wire, mac, ip
        self.start()

    def run(self):
        asked = self.wire.expect(lambda f: f.type == 0x8035, "a RARP request")
        request = ARP(bytes(asked.payload))
        assert asked.dst == "ff:ff:ff:ff:ff:ff" and request.op == 3 and request.hwdst == self.mac
        other = ARP(op=4, hwsrc=self.wire.mac, psrc="10.0.0.9", hwdst="02:00:00:00:00:99", pdst="10.0.0.99")
        answer = ARP(op=4, hwsrc=self.wire.mac, psrc="10.0.0.9", hwdst=self.mac, pdst=self.ip)
        for reply in (other, answer):
            self.wire.send(Ether(dst=asked.src, src=self.wire.mac, type=0x8035) / reply)


@pytest.mark.req("OVER-11")
def test_rarp_asks_for_its_own_address_and_takes_it(lab):
    host, wire = lab.host(), lab.wire()
    server = RarpServer(wire, host.mac(), "10.0.0.7")
    done = host.edu("rarp", "request", "e0", "set", "length", "24", "timeout", "9")
    server.join()
    assert done.stdout == f"10.0.0.7 dev e0 lladdr {host.mac()} from 10.0.0.9 lladdr {wire.mac}\n"
    assert ("10.0.0.7", 24) in [one[1:] for one in host.rtnl.addresses()]


@pytest.mark.req("OVER-11")
def test_rarp_asks_for_another_host_and_gives_up(lab):
    host, wire = lab.host(), lab.wire()
    server = RarpServer(wire, "02:00:00:00:00:42", "10.0.0.42")
    (one,) = host.edu_json("rarp", "request", "e0", "lladdr", "02:00:00:00:00:42", "timeout", "9")
    server.join()
    assert one["dst"] == "10.0.0.42" and one["server"] == "10.0.0.9"
    done = host.edu("rarp", "request", "e0", "timeout", "0.05", "tries", "2", check=False)
    assert done.returncode == 1 and "nobody on e0 knows the address of " + host.mac() in done.stderr


# Settings and counters


@pytest.mark.req("DEV-1")
def test_settings_of_an_interface(lab):
    host = lab.host()
    done = host.edu("link", "set", "e0", "forwarding", "on", check=False)
    assert done.returncode == 2 and "give it an address first" in done.stderr
    host.edu("link", "set", "default", "rp_filter", "2")
    host.edu("addr", "add", "10.0.0.1/24", "dev", "e0")
    host.edu("link", "set", "e0", "forwarding", "on", "proxy_arp", "on", "mtu", "1400")
    (link,) = host.edu_json("link", "show", "e0", "details")
    settings = link["eduinet_settings"]
    assert (settings["forwarding"], settings["proxy_arp"], settings["rp_filter"], link["mtu"]) == (1, 1, 2, 1400)
    assert "forwarding on" in host.edu("-d", "link", "show", "e0").stdout
    assert "forwarding off" in host.edu("link", "show", "default").stdout
    assert "rp_filter" in host.edu("link", "set", "help").stdout
    done = host.edu("link", "set", "e0", "rp_filter", "3", check=False)
    assert done.returncode == 1 and "from 0 to 2" in done.stderr


@pytest.mark.req("LAYER-2")
def test_counters_since_the_last_time_and_what_they_mean(lab):
    host = lab.edu_host("10.0.0.1/24")
    count = lambda: json.loads(host.edu("-j", "stat", "-d", "IcmpOut*").stdout)["eduinet"]
    host.edu("ping", "-c1", "127.0.0.1")
    assert count()["IcmpOutEchoReps"] == 1
    host.edu("ping", "-c2", "-i0", "127.0.0.1")
    assert count()["IcmpOutEchoReps"] == 2
    assert count() == {}
    host.edu("ping", "-c3", "-i0", "127.0.0.1")
    kept = json.loads(host.edu("-j", "stat", "-d", "-s", "IcmpOut*").stdout)["eduinet"]
    assert kept["IcmpOutEchoReps"] == 3 and count()["IcmpOutEchoReps"] == 3
    host.edu("ping", "-c1", "127.0.0.1")
    assert host.edu("stat", "-n").stdout == "" and count() == {}
    forgotten = json.loads(host.edu("-j", "stat", "-d", "-r", "IcmpOut*").stdout)["eduinet"]
    assert forgotten["IcmpOutEchoReps"] == 7 and count() == {}
    assert "ICMP: RFC 792" in host.edu("stat", "-e", "IcmpOutMsgs").stdout


@pytest.mark.req("ROUTE-1", "ARP-2")
def test_changing_and_appending_is_what_the_kernel_does(lab):
    host = lab.edu_host("10.0.0.1/24")
    host.edu("route", "a", "10.9.0.0/16", "via", "10.0.0.7")
    host.edu("route", "append", "10.9.0.0/16", "via", "10.0.0.8")
    host.edu("route", "change", "10.9.0.0/16", "via", "10.0.0.9")
    # What is changed stays in front of what is appended.
    assert [r["gateway"] for r in host.edu_json("route", "show", "10.9/16")] == ["10.0.0.9", "10.0.0.8"]
    (used,) = host.edu_json("route", "get", "10.9.1.1")
    assert used["gateway"] == "10.0.0.9"
    assert [r["dst"] for r in host.edu_json("route", "show", "root", "10/8")][-1] == "10.9.0.0/16"
    assert host.edu_json("route", "show", "10/8") == []
    assert len(host.edu_json("route", "show", "match", "10.9.1.0/24")) == 2
    done = host.edu("route", "change", "10.8.0.0/16", "via", "10.0.0.9", check=False)
    assert done.returncode == 2 and "there is no such route" in done.stderr
    host.edu("neigh", "add", "10.0.0.7", "lladdr", "02:00:00:00:00:07", "dev", "e0")
    host.edu("neigh", "change", "10.0.0.7", "lladdr", "02:00:00:00:00:08", "dev", "e0")
    assert "02:00:00:00:00:08" in host.edu("neigh", "show", "10.0.0.7").stdout
    done = host.edu("neigh", "change", "10.0.0.6", "lladdr", "02:00:00:00:00:08", "dev", "e0", check=False)
    assert done.returncode == 2 and "no such entry" in done.stderr
    host.edu("addr", "change", "10.0.0.1/24", "dev", "e0")
    assert host.edu("-br", "addr", "show", "e0").stdout.split() == ["e0", "UNKNOWN", "10.0.0.1/24"]
    assert host.edu("-o", "addr", "show", "e0").stdout.count("\n") == 1


# The stack's own router, RARP server and proxy


@pytest.mark.req("OVER-11", "RFC903")
def test_rarp_server_is_told_by_the_tool_and_answers_it(lab):
    server, client = lab.edu_host("10.0.0.1/24"), lab.host()
    server.edu("rarp", "add", "10.0.0.7", "lladdr", client.mac(), "dev", "e0")
    assert server.edu("rarp").stdout == f"10.0.0.7 dev e0 lladdr {client.mac()}\n"
    (one,) = client.edu_json("rarp", "request", "e0", "set", "length", "24", "timeout", "9")
    assert (one["dst"], one["server"]) == ("10.0.0.7", "10.0.0.1")
    assert ("10.0.0.7", 24) in [one[1:] for one in client.rtnl.addresses()]
    server.edu("rarp", "del", "10.0.0.7")
    assert server.edu("rarp").stdout == ""
    done = server.edu("rarp", "del", "10.0.0.7", check=False)
    assert done.returncode == 2 and "the table does not have it" in done.stderr


@pytest.mark.req("OVER-11", "ARP-11")
def test_published_neighbour_by_the_tool(lab):
    host = lab.edu_host("10.0.0.1/24")
    host.edu("neigh", "add", "proxy", "10.0.0.99", "dev", "e0")
    (one,) = host.edu_json("neigh", "show", "proxy")
    assert one["dst"] == "10.0.0.99" and "proxy" in one
    host.edu("neigh", "del", "proxy", "10.0.0.99", "dev", "e0")
    assert not host.edu_json("neigh", "show", "proxy")


@pytest.fixture
def routed(lab):
    """lab.a, lab.router and lab.b are ours; lab.c is Linux. Behind the router packets have 600 octets."""
    lab.a = lab.edu_host("10.0.0.1/24")
    lab.router = lab.edu_host("10.0.0.254/24")
    far = 0x10000 + lab.segment
    lab.router.station(far, "e1", mtu=600)
    lab.router.rtnl.address("10.1.0.254/24", "e1")
    lab.router.edu("link", "set", "all", "forwarding", "on")
    lab.b, lab.c = lab.keep(Host()), lab.keep(Host())
    for host, address, family in ((lab.b, "10.1.0.2", None), (lab.c, "10.1.0.3", AF_INET)):
        host.station(far, mtu=600)
        host.rtnl.address(address + "/24", "e0", **({"family": family} if family else {}))
        host.run("ip" if family else "edu", "route", "add", "default", "via", "10.1.0.254")
    lab.a.edu("route", "add", "default", "via", "10.0.0.254")
    return lab


@pytest.mark.req("OVER-4", "IP-10")
@pytest.mark.parametrize("target", ["10.1.0.2", "10.1.0.3"])
def test_traceroute_sees_a_router_of_ours(routed, target):
    shown = json.loads(routed.a.edu("-j", "traceroute", "-q1", "-w9", target).stdout)
    assert [hop["probes"][0]["addr"] for hop in shown["hops"]] == ["10.0.0.254", target]


@pytest.mark.req("RFC1191-4", "IP-4")
@pytest.mark.parametrize("target", ["10.1.0.2", "10.1.0.3"])
def test_tracepath_finds_the_narrow_link(routed, target):
    shown = json.loads(routed.a.edu("-j", "tracepath", target).stdout)
    assert (shown["reached"], shown["pmtu"], shown["hops"]) == (True, 600, 2)


@pytest.mark.req("IP-6", "IP-7")
def test_large_ping_through_a_router_of_ours(routed):
    for target in ("10.1.0.2", "10.1.0.3"):
        assert "2 received" in routed.a.edu("ping", "-c2", "-i0.1", "-W9", "-s4000", target).stdout
