# SPDX-License-Identifier: GPL-2.0-only
"""`edu trace` on a running stack: live, filtered, recorded, as a capture, without privilege, and when the
kernel's rings overflow (SKB-1, SKB-2, LAYER-1, ROUTE-8, ARP-4). What needs no module is in
userspace/edu/test."""

import contextlib
import glob
import json
import os
import pathlib
import signal
import subprocess
import tempfile

import pytest
from conftest import PATIENCE, in_netns, run, wait_for
from scapy.layers.inet import ICMP, IP, UDP
from scapy.utils import rdpcap

INSTANCES = "/sys/kernel/tracing/instances/edu-*"


class Trace:
    """`edu trace …` that follows by the time the constructor returns."""

    def __init__(self, host, *words):
        with in_netns(host.name):
            self.program = subprocess.Popen(
                ["edu", "trace", *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        assert "following packets" in self.program.stderr.readline()

    def end(self, how=signal.SIGINT):
        """(output, messages) after the signal; it must end well."""
        self.program.send_signal(how)
        out, err = self.program.communicate(timeout=60)
        assert self.program.returncode == 0, err
        assert not glob.glob(INSTANCES), "the instance is left behind"
        return out, err


@contextlib.contextmanager
def traced(host, *words):
    """The JSON steps, or nothing when the output goes to a file; filled in when the block ends."""
    steps = []
    trace = Trace(host, *words)
    try:
        yield steps
        out, _ = trace.end()
        steps += [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    finally:
        trace.program.kill()
        trace.program.communicate()


def packets_of(steps):
    """{packet: its steps}"""
    packets = {}
    for step in steps:
        if step["kind"] == "packet":
            packets.setdefault(step["packet"], []).append(step)
    return packets


@pytest.mark.req("SKB-1", "SKB-2", "LAYER-1", "ROUTE-8", "ARP-4")
def test_a_datagram_is_followed_through_the_layers(pair):
    server = pair.b.linux_socket(bind=("10.0.0.2", 7000))
    with traced(pair.a, "-j", "--here", "-P", 7000) as steps:
        sock = pair.a.socket()
        sock.sendto(b"0123456789", ("10.0.0.2", 7000))
        server.recv(100)
    (way,) = packets_of(steps).values()
    assert [step["event"] for step in way] == [
        "sock_send", "udp_send", "ip_send", "arp_hold", "arp_release", "dev_send"
    ]
    headers = [(step["header"], step["octets"]) for step in way if "header" in step]
    assert headers == [("UDP", 8), ("IP", 20), ("Ethernet", 14)]
    for step in way[1:]:
        assert step["before"]["tail"] == step["after"]["tail"]
    assert way[0]["process"] == os.getpid()
    assert way[0]["socket"] == os.fstat(sock.fileno()).st_ino
    assert way[-1]["destination_port"] == 7000
    (decision,) = [step for step in steps if step["kind"] == "route"]
    assert "cache miss, it is not in the cache; the FIB says on the link by e0" in decision["text"]
    assert decision["step"] in next(step for step in way if step["event"] == "ip_send")["decisions"]


@pytest.mark.req("ROUTE-8", "ROUTE-9")
def test_why_the_route_cache_was_missed(pair):
    sock = pair.a.socket()
    with traced(pair.a, "-j", "--here", "-a", "10.0.0.2") as steps:
        sock.sendto(b"first", ("10.0.0.2", 9))
        pair.a.edu("route", "add", "10.77.0.0/16", "via", "10.0.0.2")
        sock.sendto(b"second", ("10.0.0.2", 9))
        sock.sendto(b"third", ("10.0.0.2", 9))
    found = [(step["from"], step["why"]) for step in steps
             if step["kind"] == "route" and step["destination"] == "10.0.0.2" and step["from"] != "remove"]
    assert found[0] == ("fib", "absent")
    # The stale route may have been cleared away already.
    assert found[1] in (("fib", "flushed"), ("fib", "absent"))
    assert found[2] == ("cache", "")


@pytest.mark.req("IP-4", "IP-8")
def test_fragments_between_two_hosts(lab):
    one, other = lab.edu_host("10.0.0.1/24"), lab.edu_host("10.0.0.2/24")
    server = other.socket(bind=("10.0.0.2", 7000))
    with traced(one, "-j", "-P", 7000) as steps:
        one.socket().sendto(b"x" * 3000, ("10.0.0.2", 7000))
        assert len(server.recv(4000)) == 3000
    packets = packets_of(steps)
    fragments = [way for way in packets.values() if way[0]["event"] == "ip_fragment"]
    assert len(fragments) == 3
    assert len({way[0]["parent"] for way in fragments}) == 1
    assert {way[0]["host"] for way in fragments} == {one.name}
    whole = next(step for step in steps if step["event"] == "ip_defrag")
    assert whole["host"] == other.name
    assert packets[whole["packet"]][-1]["event"] == "sock_rcv"
    assert packets[whole["packet"]][0]["relation"] == "received"


def test_filters_by_socket_and_process(pair):
    mine, others = pair.a.socket(), pair.a.socket()
    inode = os.fstat(mine.fileno()).st_ino
    with traced(pair.a, "-j", "--inode", inode) as steps:
        others.sendto(b"no", ("10.0.0.2", 9))
        mine.sendto(b"yes", ("10.0.0.2", 9))
    assert {step["socket"] for step in steps if "socket" in step} == {inode}
    (sent,) = [step for step in steps if step["event"] == "sock_send"]
    assert sent["after"]["len"] == 3

    child = os.fork()
    if not child:
        signal.pause()
        os._exit(0)
    try:
        with traced(pair.a, "-j", "--pid", child) as steps:
            mine.sendto(b"mine", ("10.0.0.2", 9))
        # The child has inherited our sockets: what they send is its too.
        assert [step["socket"] for step in steps if step["event"] == "sock_send"] == [inode]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_filters_by_protocol_and_address(pair):
    with traced(pair.a, "-j", "--protocol", "arp") as steps:
        pair.a.edu("ping", "-c", "1", "10.0.0.2")
    events = {step["event"] for step in steps if step["kind"] == "packet"}
    assert events == {"arp_send", "dev_send", "dev_rcv", "arp_rcv"}
    with traced(pair.a, "-j", "-a", "10.9.0.0/16") as steps:
        pair.a.edu("ping", "-c", "1", "10.0.0.2")
    assert [step for step in steps if step["kind"] != "host"] == []


def test_text_is_indented_by_layer(pair):
    done = pair.a.run("edu", "trace", "--color", "never", "edu", "ping", "-c", "1", "10.0.0.2")
    depth = {}
    for line in done.stdout.splitlines():
        for name in ("sock_send", "ip_send", "arp_hold", "dev_send"):
            if f" {name} " in line:
                depth.setdefault(name, line.index(name))
    assert depth["sock_send"] < depth["ip_send"] < depth["arp_hold"] < depth["dev_send"]
    assert "1 packets transmitted" in done.stdout, "the program's output"
    assert "\033" not in done.stdout
    assert not glob.glob(INSTANCES)


def test_a_reader_that_goes_ends_it(pair):
    """The instance goes too, although nobody said so."""
    done = pair.a.run("sh", "-c", "edu trace -j edu ping -c 20 -i 0.1 10.0.0.2 | head -n 3", check=False)
    assert len(done.stdout.splitlines()) == 3
    wait_for(lambda: not glob.glob(INSTANCES), "the instance's end")


def test_the_programs_status_is_the_traces(pair):
    done = pair.a.run("edu", "trace", "--text", "--", "sh", "-c", "exit 7", check=False)
    assert done.returncode == 7
    done = pair.a.run("edu", "trace", "/nonexistent", check=False)
    assert done.returncode == 127 and "cannot run" in done.stderr


@pytest.mark.patient
def test_a_capture_for_wireshark(pair, tmp_path):
    path = tmp_path / "trace.pcapng"
    server = pair.b.linux_socket(bind=("10.0.0.2", 7000))
    trace = Trace(pair.a, "--here", "--pcapng", path)
    pair.a.edu("ping", "-c", "1", "10.0.0.2")
    pair.a.socket().sendto(b"0123456789", ("10.0.0.2", 7000))
    server.recv(100)
    trace.end(signal.SIGTERM)
    frames = rdpcap(str(path))
    assert [1 for frame in frames if ICMP in frame and frame[ICMP].type == 8]
    assert [bytes(frame[UDP].payload) for frame in frames if UDP in frame] == [b"0123456789"]
    assert {frame[IP].src for frame in frames if IP in frame} == {"10.0.0.1", "10.0.0.2"}

    # One start of a program that takes long to start. A malformed frame says so in its second field.
    told = run(
        "tshark", "-r", path, "-T", "fields", "-E", "separator=/t", "-e", "frame.interface_name", "-e", "_ws.malformed",
        "-e", "udp.dstport", "-e", "frame.comment", timeout=PATIENCE * 15,
    ).stdout.splitlines()
    assert len(told) == len(frames)
    fields = [line.split("\t") for line in told]
    assert {interface for interface, *_ in fields} == {f"{pair.a.name}:e0"}
    assert not [line for line in fields if line[1]]
    (comment,) = [line[3] for line in fields if line[2] == "7000"]
    assert "udp_send: pushes UDP header, 8 octets" in comment
    assert "route to 10.0.0.2: cache hit, on the link by e0" in comment


@pytest.fixture
def public_path():
    """A directory that every user may enter, which pytest's is not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield pathlib.Path(name)


def test_a_recording_tells_the_same_and_damage_is_noticed(pair, public_path):
    path, page = public_path / "recording", public_path / "page.html"
    live = pair.a.run("edu", "trace", "-j", "--record", path, "--html", page, "edu", "ping", "-c", "1", "10.0.0.2")
    steps = [line for line in live.stdout.splitlines() if line.startswith("{")]
    # Whoever has the recording needs no privilege.
    read = run("edu", "trace", "-j", "--read", path, user=65534)
    assert read.stdout.splitlines() == steps
    assert "sock_send" in page.read_text()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    done = run("edu", "trace", "-j", "--read", path, check=False)
    assert done.returncode == 2
    at = whole.rindex(b"\n", 0, len(whole) // 2) + 1
    assert f"damaged at offset {at}: its last line is cut off" in done.stderr
    assert done.stdout.splitlines() == steps[: len(done.stdout.splitlines())]
    assert done.stdout, "what was whole is shown"


def test_without_privilege_it_says_what_it_needs(pair):
    done = pair.a.run("edu", "trace", user=65534, check=False)
    assert done.returncode == 2
    assert "one must be root" in done.stderr and "--read" in done.stderr
    assert not glob.glob(INSTANCES)


def test_drops_of_the_ring_are_told(pair):
    """A ring of 4 KiB cannot hold what comes while the reader is stopped."""
    trace = Trace(pair.a, "-j", "--buffer", 4)
    trace.program.send_signal(signal.SIGSTOP)
    sock = pair.a.socket()
    for _ in range(200):
        sock.sendto(b"x", ("10.0.0.2", 9))
    trace.program.send_signal(signal.SIGCONT)
    out, err = trace.end()
    steps = [json.loads(line) for line in out.splitlines()]
    lost = sum(step["count"] for step in steps if step["kind"] == "lost")
    assert lost > 0
    assert f"{lost} events were lost" in err
    # Lost and shown together are no fewer than were sent, at three points each.
    assert lost + len(steps) >= 600


def test_nothing_is_lost_when_there_is_room(pair):
    server = pair.b.linux_socket(bind=("10.0.0.2", 7000))
    with traced(pair.a, "-j", "--here", "-P", 7000) as steps:
        sock = pair.a.socket()
        for number in range(300):
            sock.sendto(b"%d" % number, ("10.0.0.2", 7000))
            server.recv(10)
    assert [step for step in steps if step["kind"] == "lost"] == []
    assert len([step for step in steps if step["event"] == "dev_send"]) == 300
    times = [step["time"] for step in steps if step["event"] == "dev_send"]
    assert times == sorted(times)


def test_what_a_killed_trace_left_is_cleared_away(pair):
    trace = Trace(pair.a)
    trace.program.kill()
    trace.program.wait()
    trace.program.communicate()
    assert glob.glob(INSTANCES)
    Trace(pair.a).end()


def test_two_at_once_do_not_disturb_each_other(pair):
    with traced(pair.a, "-j", "--here", "--protocol", "icmp") as steps:
        done = pair.a.run("edu", "trace", "-j", "--here", "edu", "ping", "-c", "1", "10.0.0.2")
        pair.a.edu("ping", "-c", "1", "10.0.0.2")
    assert done.stdout.count('"icmp_rcv"') == 1
    assert [step["event"] for step in steps].count("icmp_rcv") == 2
