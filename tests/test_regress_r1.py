# SPDX-License-Identifier: GPL-2.0-only
"""What a review of the socket side found, one test for each: errors about raw packets, options that
outlive what they were for, filters that cut a header, and what another user may reach."""

import ctypes
import errno
import re
import socket
import struct
from pathlib import Path

import pytest
from conftest import errno_of, run, started, wait_for
from edusock import IP_HDRINCL, IP_PKTINFO, IP_RECVERR, find_cmsg, pktinfo

SOCK_DGRAM, SOCK_RAW = socket.SOCK_DGRAM, socket.SOCK_RAW
PORT = 7100


@pytest.fixture
def two(lab):
    """lab.a on two cables: 10.0.0.1 on e0, 10.1.0.1 on e1."""
    lab.a = lab.edu_host("10.0.0.1/24")
    lab.a.station(lab.segment + 20000, "e1")
    lab.a.rtnl.address("10.1.0.1/24", "e1")
    return lab


def unprivileged(*command, netns=None):
    """A command of user nobody in a user and network namespace of its own."""
    return run(
        "unshare", "-Urn", "sh", "-c", " && ".join(command), netns=netns, user=65534, check=False
    )


@pytest.mark.req("UDP-3")
def test_recverr_off_forgets_what_was_there(pair):
    sock = pair.a.socket()
    sock.setsockopt(socket.SOL_IP, IP_RECVERR, 1)
    sock.connect(("10.0.0.1", 9))
    sock.send(b"x")
    wait_for(lambda: sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "the error")
    sock.setsockopt(socket.SOL_IP, IP_RECVERR, 0)
    assert errno_of(sock.recv, 100, socket.MSG_ERRQUEUE) == errno.EAGAIN


@pytest.mark.req("UDP-3")
@pytest.mark.parametrize("with_header", [0, 1])
def test_raw_errors_quote_what_the_program_wrote(pair, with_header):
    """As Linux: from the IP header on, if the program wrote one."""
    sock = pair.a.socket(SOCK_RAW, 17)
    sock.setsockopt(socket.SOL_IP, IP_HDRINCL, with_header)
    sock.setsockopt(socket.SOL_IP, IP_RECVERR, 1)
    datagram = struct.pack("!HHHH", 4000, 9, 12, 0) + b"data"
    header = struct.pack("!BBHHHBBH", 0x45, 0, 32, 1, 0, 64, 17, 0) + socket.inet_aton("10.0.0.1") + socket.inet_aton("10.0.0.2")
    sock.sendto((header if with_header else b"") + datagram, ("10.0.0.2", 0))
    wait_for(lambda: sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "the error")
    quoted, control, _, _ = sock.recvmsg(1000, 200, socket.MSG_ERRQUEUE)
    assert find_cmsg(control, IP_RECVERR)[:4] == struct.pack("=I", errno.ECONNREFUSED)
    assert quoted[20 if with_header else 0 :] == datagram
    assert not with_header or quoted[0] == 0x45 and quoted[9] == 17 and quoted[12:20] == header[12:20]


@pytest.mark.req("UDP-2")
def test_disconnect_forgets_the_device(two):
    sock = two.a.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"e1\0")
    sock.connect(("10.1.0.9", 9))
    sock.disconnect()
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16) == b""


@pytest.mark.req("UDP-2", "ROUTE-8")
def test_a_device_chosen_after_connect_is_obeyed(two):
    """The route that connect() has cached leads by another one."""
    sock = two.a.socket()
    sock.connect(("10.0.0.9", 9))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"e1\0")
    sock.send(b"x")
    ways = {line.split("\t")[0] for line in two.a.proc("rt_cache")[1:] if line.split("\t")[1] == "0900000A"}
    assert ways == {"e0", "e1"}


@pytest.mark.req("INET-4")
def test_a_foreign_address_is_for_the_one_bind_chose(pair):
    """A privileged bind() to one address does not allow to claim any other by IP_PKTINFO."""
    sock = pair.a.socket(bind=("10.7.7.7", PORT))
    assert sock.send_with(b"x", ("10.0.0.2", PORT)) == 1
    control = [(socket.SOL_IP, IP_PKTINFO, pktinfo(0, "10.8.8.8"))]
    assert errno_of(sock.send_with, b"x", ("10.0.0.2", PORT), control) == errno.ENETUNREACH


@pytest.mark.req("UDP-3")
@pytest.mark.parametrize("kept", [1, 7, 8, 9])
def test_a_filter_may_cut_the_header(pair, kept):
    sock = pair.a.socket(bind=("10.0.0.1", PORT))
    code = ctypes.create_string_buffer(struct.pack("=HBBI", 6, 0, 0, kept))  # BPF_RET | BPF_K
    sock.setsockopt(socket.SOL_SOCKET, 26, struct.pack("=H6xQ", 1, ctypes.addressof(code)))
    pair.a.socket().sendto(b"0123456789", ("10.0.0.1", PORT))
    assert sock.recv(100) == b"0123456789"[: max(kept - 8, 0)]


@pytest.mark.req("UDP-1")
def test_proc_shows_who_holds_a_socket(pair):
    sock = pair.a.socket(bind=("10.0.0.1", PORT))
    line, = [one for one in pair.a.proc("udp")[1:] if f":{PORT:04X} " in one.split("00000000:0000")[0]]
    assert int(line.split()[10]) >= 1
    sock.close()


@pytest.mark.req("OVER-9")
def test_another_users_cable_is_out_of_reach(pair):
    """Whoever may unshare(2) may make stations, but hears nobody on ours: the numbers of segments
    belong to the user namespace."""
    lost = unprivileged(
        f"edu link add x segment {pair.segment} up", "edu addr add 10.0.0.77/24 dev x",
        "sysctl -qw net.eduinet.arp_res_time_ms=20", "edu ping -c 1 -W 1 10.0.0.1",
    )
    assert "1 packets transmitted, 0 received" in lost.stdout, lost
    own = unprivileged(
        f"edu link add x segment {pair.segment} up", "edu addr add 10.0.0.77/24 dev x",
        f"unshare -n sh -c 'edu link add y segment {pair.segment} up && edu addr add 10.0.0.78/24 dev y"
        " && edu ping -c 1 10.0.0.77'",
    )
    assert "1 received" in own.stdout, own


@pytest.mark.req("OVER-9")
def test_a_station_given_away_keeps_its_cable(pair):
    """As one end of a veth does; but another cable of ours cannot be had with it."""
    with started("unshare", "-Urn", "sleep", "60") as program:
        child = str(program.pid)
        wait_for(lambda: Path("/proc", child, "comm").read_text(encoding="ascii") == "sleep\n", "the namespace")
        pair.b.ip("link", "add", "gift", "type", "eduinet")
        pair.b.edu("link", "set", "gift", "segment", str(pair.segment))
        pair.b.ip("link", "set", "gift", "netns", child)
        inside = ("nsenter", "-t", child, "-U", "-n", "--preserve-credentials")
        run(*inside, "sh", "-c", "ip link set gift up && edu addr add 10.0.0.66/24 dev gift")
        assert "1 received" in run(*inside, "edu", "ping", "-c", "1", "10.0.0.1").stdout
        refused = run(*inside, "edu", "link", "set", "gift", "segment", str(pair.segment + 1), check=False)
        assert refused.returncode and "user namespace" in refused.stderr, refused


@pytest.mark.req("ARP-12", "ROUTE-9")
def test_another_user_may_not_raise_limits_on_memory(pair):
    for name, allowed in (("rt_cache_size", False), ("arp_max_entries", False), ("ip_default_ttl", True)):
        done = unprivileged(f"echo 100 > /proc/sys/net/eduinet/{name}")
        assert (done.returncode == 0) == allowed, (name, done)
    pair.a.tune(rt_cache_size=5000)
    # A limit that is added later tells by its name that it is one.
    modes = unprivileged("cd /proc/sys/net/eduinet && stat -c '%a %n' *").stdout.split("\n")
    limits = [mode for mode in modes if re.search("_max_(?!tries|pings)|_max$|_thresh|_size|_len", mode)]
    writable = [mode for mode in limits if not mode.startswith("444")]
    # These are numbers and times, not memory.
    harmless = [
        "arp_probe_max_ms", "ip_local_port_max", "ping_group_max", "tcp_delack_max_ms", "tcp_max_reordering", "tcp_rto_max_ms"
    ]
    assert len(limits) > 10 and writable == [f"644 {name}" for name in harmless], writable


@pytest.mark.req("ROUTE-4")
def test_routes_as_netlink_shows_them(pair):
    assert pair.a.edu("route", "get", "10.0.0.2").returncode == 0
    cached = pair.a.edu("route", "show", "cache").stdout
    assert "10.0.0.2 dev e0" in cached and "via" not in cached
    shown = {one.split(" dev")[0] for one in pair.a.edu("route", "show", "table", "local").stdout.splitlines()}
    assert {"local 10.0.0.1", "broadcast 10.0.0.255", "local 127.0.0.0/8"} <= shown
    everything = pair.a.edu("route", "show", "table", "all").stdout
    assert "local 10.0.0.1 " in everything and "\n10.0.0.0/24 " in "\n" + everything
    assert "local" not in pair.a.edu("route", "show").stdout


@pytest.mark.req("UDP-1")
def test_sockets_are_found_while_the_table_grows(pair):
    """A bound socket is never missed, whatever others do."""
    steady = pair.a.socket(bind=("0.0.0.0", PORT))
    sender = pair.a.socket()
    sender.connect(("10.0.0.1", PORT))
    others = []
    for number in range(600):
        sock = pair.a.socket()
        sock.connect(("10.0.0.1", 20000 + number % 7))
        others.append(sock)
        if number % 3 == 0:
            sock.disconnect()
        assert sender.send(b"%d" % number) and steady.recv(10) == b"%d" % number
    for sock in others:
        sock.close()
    assert len(pair.a.proc("udp")) == 3
