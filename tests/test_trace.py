# SPDX-License-Identifier: GPL-2.0-only
"""Tracepoints: one packet's way through the layers, with the four pointers of its sk_buff (SKB-1,
SKB-2, LAYER-1)."""

import os
import re
import socket

import pytest
from conftest import in_netns, wait_for

TRACING = "/sys/kernel/tracing"
EVENT = re.compile(r": (?P<name>\w+): netns=(?P<netns>\d+) (?P<rest>.*)")


@pytest.fixture
def trace():
    """Switches every event of ours on; trace(host) returns the host's events so far."""
    place = f"{TRACING}/instances/edutest"
    if not os.path.isdir(TRACING) or not os.path.isdir(f"{TRACING}/events/eduinet"):
        pytest.fail("no tracepoints")
    os.mkdir(place)
    with open(f"{place}/events/eduinet/enable", "w", encoding="ascii") as file:
        file.write("1")

    def events(host):
        with in_netns(host.name):
            netns = re.search(r"\d+", os.readlink("/proc/thread-self/ns/net"))[0]
        found = []
        with open(f"{place}/trace", encoding="ascii", errors="replace") as file:
            for line in file:
                match = EVENT.search(line)
                if match and match["netns"] == netns:
                    fields = dict(one.split("=", 1) for one in match["rest"].split() if "=" in one)
                    found.append((match["name"], fields))
        return found

    yield events
    with open(f"{place}/events/eduinet/enable", "w", encoding="ascii") as file:
        file.write("0")
    os.rmdir(place)


def packet_events(events, skb):
    """(name, data, tail, end, len) of each event about one sk_buff."""
    return [
        (name, int(fields["data"]), int(fields["tail"]), int(fields["end"]), int(fields["len"]))
        for name, fields in events
        if fields.get("skb") == skb and "data" in fields
    ]


@pytest.mark.req("SKB-1", "SKB-2", "LAYER-1")
def test_a_datagram_on_its_way_out(wired, trace):
    sock = wired.a.socket()
    sock.connect((wired.peer, 9))
    sock.send(b"0123456789")
    events = trace(wired.a)
    (skb,) = [fields["skb"] for name, fields in events if name == "sock_send"]
    steps = packet_events(events, skb)
    assert [step[0] for step in steps] == ["sock_send", "udp_send", "ip_send", "dev_send"]
    # Each layer pushes its header in front; nothing behind it moves (SKB-2).
    data = [step[1] for step in steps]
    assert [before - after for before, after in zip(data, data[1:])] == [8, 20, 14]
    assert len({step[2] for step in steps}) == 1, "tail moved"
    assert len({step[3] for step in steps}) == 1, "end moved"
    assert [step[4] for step in steps] == [10, 18, 38, 52]
    assert all(step[1] <= step[2] <= step[3] for step in steps)
    assert all(step[2] - step[1] == step[4] for step in steps)


@pytest.mark.req("SKB-1", "SKB-2", "LAYER-1")
def test_a_datagram_on_its_way_in(pair, trace):
    server = pair.a.socket(bind=("10.0.0.1", 7000))
    pair.b.linux_socket().sendto(b"0123456789", ("10.0.0.1", 7000))
    server.recv(100)
    events = trace(pair.a)
    skb = [fields["skb"] for name, fields in events if name == "udp_rcv"][-1]
    steps = packet_events(events, skb)
    # The buffer may have carried an ARP packet before.
    steps = steps[max(at for at, step in enumerate(steps) if step[0] == "dev_rcv") :]
    assert [step[0] for step in steps] == ["dev_rcv", "ip_rcv", "ip_deliver", "udp_rcv", "sock_queue", "sock_rcv"]
    at = dict((step[0], step) for step in steps)
    assert at["udp_rcv"][1] - at["ip_rcv"][1] == 20
    assert (at["ip_rcv"][4], at["udp_rcv"][4]) == (38, 18)


@pytest.mark.req("IP-3", "ARP-4", "ARP-6")
def test_a_packet_held_back_by_arp(pair, trace):
    server = pair.b.linux_socket(bind=("10.0.0.2", 7000))
    pair.a.socket().sendto(b"x", ("10.0.0.2", 7000))
    server.recv(10)
    names = wait_for(lambda: [name for name, _ in trace(pair.a)], "events")
    ours = [name for name in names if name in ("ip_send", "arp_hold", "arp_send", "arp_rcv", "arp_release")]
    assert ours == ["ip_send", "arp_hold", "arp_send", "arp_rcv", "arp_release"]
    told = [fields["what"] if name == "edu_arp" else name for name, fields in trace(pair.a)]
    changes = [what for what in told if what in ("new", "complete", "arp_release", "update", "fail")]
    assert changes == ["new", "complete", "arp_release"]


@pytest.mark.req("ROUTE-8")
def test_routing_decisions(wired, trace):
    sock = wired.a.socket()
    for _ in range(2):
        sock.sendto(b"x", (wired.peer, 9))
    decisions = [
        (fields["destination"], fields["from"])
        for name, fields in trace(wired.a)
        if name == "edu_route" and fields["from"] != "remove"  # a stale route that is cleared away
    ]
    assert decisions == [(wired.peer, "fib"), (wired.peer, "cache")]


@pytest.mark.req("DEV-2")
def test_a_drop_tells_its_reason(pair, trace):
    sock = pair.b.linux_socket()
    sock.connect(("10.0.0.1", 7001))
    sock.send(b"nobody")
    with pytest.raises(ConnectionRefusedError):
        sock.recv(10)
    assert "Udp.DropNoSocket" in [fields["reason"] for name, fields in trace(pair.a) if name == "edu_drop"]


@pytest.mark.req("TCP-7", "TCP-8")
def test_the_states_of_a_connection_to_its_end(pair, trace):
    """All are told of the same two ends, also when a record in TIME-WAIT has taken the socket's place."""
    listener = pair.b.linux_socket(socket.SOCK_STREAM, bind=("10.0.0.2", 7000))
    listener.listen(1)
    ours = pair.a.socket(socket.SOCK_STREAM)
    ours.connect(("10.0.0.2", 7000))
    theirs, (_, port) = listener.accept()
    ours.shutdown(socket.SHUT_WR)
    assert theirs.recv(1) == b""
    theirs.close()
    assert ours.recv(1) == b""
    ours.close()

    def told():
        return [fields for name, fields in trace(pair.a) if name == "tcp_state"]

    wait_for(lambda: [one for one in told() if one["new_state"] == "TIME_WAIT"], "TIME_WAIT")
    assert {(one["saddr"], one["sport"], one["daddr"], one["dport"]) for one in told()} == {
        ("10.0.0.1", str(port), "10.0.0.2", "7000")
    }
    assert [one["new_state"] for one in told()] == [
        "SYN_SENT", "ESTABLISHED", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"
    ]
