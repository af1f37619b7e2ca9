# SPDX-License-Identifier: GPL-2.0-only
"""What options and flags do, by the same program on AF_INET and on AF_EDUINET (ip(7), udp(7), raw(7),
socket(7)).

Each scenario gets two hosts of one stack and tells what it saw; both stacks must show the same. What
set and get themselves answer, for every number and length, is in test_errno.py.
"""

import errno
import os
import socket
import struct
import tempfile

import edusock
import pytest
from conftest import KERNEL, PATIENCE, errno_of
from edusock import (
    AF_EDUINET, IP_OPTIONS, IP_PKTINFO, IP_RECVERR, IP_RECVOPTS, IP_RECVORIGDSTADDR, IP_RETOPTS, IP_TOS, IP_TTL, IP_UNICAST_IF,
    EduSocket, in_netns, pktinfo,
)

AF_INET, DGRAM, RAW = socket.AF_INET, socket.SOCK_DGRAM, socket.SOCK_RAW
MSG_MORE, MSG_CONFIRM, MSG_PROBE, MSG_ERRQUEUE = 0x8000, 0x800, 0x10, 0x2000
SOL_UDP, UDP_CORK = 17, 1
IP_LOCAL_PORT_RANGE = 51
PROTOCOL = 253


class Ends:
    """Two hosts of one stack: a is 10.0.0.1 and 10.0.0.11, b is 10.0.0.2; by a 172.16/16 is behind b."""

    def __init__(self, lab, af):
        self.af = af
        make = lab.edu_host if af == AF_EDUINET else lab.linux_host
        self.a, self.b = make("10.0.0.1/24"), make("10.0.0.2/24")
        self.a.rtnl.address("10.0.0.11/24", "e0", family=af)
        self.a.rtnl.route("172.16.0.0/16", via="10.0.0.2", family=af)

    def socket(self, host, kind=DGRAM, protocol=0, bind=None, **options):
        sock = EduSocket(kind, protocol, netns=host.name, af=self.af)
        sock.settimeout(PATIENCE)
        host.sockets.append(sock)
        for name, value in options.items():
            sock.setsockopt(socket.SOL_IP, getattr(edusock, name), value)
        if bind:
            sock.bind(bind)
        return sock

    def receiver(self, **options):
        return self.socket(self.b, bind=("10.0.0.2", 7), **options)

    def names(self, control):
        """Control messages, with whatever has to do with the family and the device made alike."""
        told = []
        for level, kind, data in control:
            if kind == IP_PKTINFO:
                data = data[4:]
            at = {IP_RECVORIGDSTADDR: 0, IP_RECVERR: 16}.get(kind)  # where an address begins
            if at is not None:
                assert struct.unpack_from("=H", data, at)[0] == self.af
                data = data[:at] + data[at + 2 :]
            if kind in (IP_RECVOPTS, IP_RETOPTS):
                data = data[:2]  # Linux enters itself, both ways
            told.append((level, kind, data))
        return sorted(told)


@pytest.fixture
def both(lab):
    """Runs a scenario on either stack; returns what both saw."""

    def run(scenario, *args):
        told = {AF_INET: scenario(Ends(lab, AF_INET), *args)}
        for host in lab.parts:
            host.delete()
        lab.parts.clear()
        told[AF_EDUINET] = scenario(Ends(lab, AF_EDUINET), *args)
        assert told[AF_EDUINET] == told[AF_INET]
        return told[AF_INET]

    return run


@pytest.mark.req("UDP-3", "BSD-6")
def test_msg_more_and_udp_cork(both):
    def scenario(ends):
        to, sock = ends.receiver(), ends.socket(ends.a)
        there, told = ("10.0.0.2", 7), []
        for part, flags in ((b"the ", MSG_MORE), (b"Linux ", MSG_MORE), (b"kernel", 0)):
            told.append(sock.sendto(part, flags, there))
        told.append(to.recv(100))
        sock.connect(there)
        sock.setsockopt(SOL_UDP, UDP_CORK, 1)
        told += [sock.send(b"a"), sock.send(b"b", MSG_MORE), sock.send(b""), sock.getsockopt(SOL_UDP, UDP_CORK)]
        sock.setsockopt(SOL_UDP, UDP_CORK, 0)
        told.append(to.recv(100))
        told += [errno_of(sock.send, bytes(60000), MSG_MORE), errno_of(sock.send, bytes(6000), MSG_MORE)]
        told += [sock.send(b"begun anew"), to.recv(100)]
        sock.send(b"never", MSG_MORE)
        sock.close()
        ends.socket(ends.a).sendto(b"fence", there)
        return told + [to.recv(100)]

    assert b"the Linux kernel" in both(scenario)


@pytest.mark.req("UDP-3", "IP-4", "BSD-6")
def test_a_corked_datagram_larger_than_the_mtu(both):
    """It leaves in fragments, unless they are forbidden: then it may not grow beyond the MTU."""

    def scenario(ends):
        to, sock = ends.receiver(), ends.socket(ends.a)
        there, parts = ("10.0.0.2", 7), [bytes([n]) * (n * 111) for n in range(1, 9)]
        told = [sock.sendto(part, MSG_MORE, there) for part in parts] + [sock.sendto(b"end", there)]
        got = to.recv(65535)
        assert got == b"".join(parts) + b"end"
        sock.connect(there)
        sock.setsockopt(SOL_UDP, UDP_CORK, 1)
        told += [sock.send(bytes(1000)) for _ in range(3)]
        sock.setsockopt(SOL_UDP, UDP_CORK, 0)
        told.append(len(to.recv(65535)))
        sock.setsockopt(socket.SOL_IP, edusock.IP_MTU_DISCOVER, 2)  # IP_PMTUDISC_DO
        told += [sock.send(bytes(1472), MSG_MORE), errno_of(sock.send, b"x", MSG_MORE)]
        told += [sock.send(bytes(1000), MSG_MORE), errno_of(sock.send, bytes(1000))]
        told += [sock.send(bytes(1000), MSG_MORE), sock.send(bytes(472)), len(to.recv(65535))]
        return told + [sock.send(b"alone"), to.recv(100)]

    both(scenario)


@pytest.mark.req("BSD-4")
def test_msg_more_of_a_raw_socket(both):
    def scenario(ends):
        to = ends.socket(ends.b, RAW, PROTOCOL)
        sock = ends.socket(ends.a, RAW, PROTOCOL)
        told = [sock.sendto(b"the ", MSG_MORE, ("10.0.0.2", 0)), sock.sendto(b"Linux", ("10.0.0.2", 0))]
        return told + [to.recv(100)[20:]]

    assert both(scenario) == [4, 5, b"the Linux"]


@pytest.mark.req("BSD-5", "UDP-3")
@pytest.mark.parametrize(
    "length,offset,count", [(1250, 0, 1250), (1250, 0, 65536), (9000, 0, 9000), (9000, 0, 65536), (9000, 4000, 500)],
    ids=["all", "more than all", "pages", "more than all pages", "across pages"],
)
def test_sendfile_makes_one_datagram(both, length, offset, count):
    def scenario(ends):
        to, sock = ends.receiver(), ends.socket(ends.a)
        sock.connect(("10.0.0.2", 7))
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            sent = os.sendfile(sock.fileno(), file.fileno(), offset, count)
        sock.send(b"another")
        return [sent, to.recv(65535), to.recv(65535)]

    data = bytes(n % 251 for n in range(length))
    part = data[offset : offset + count]
    assert both(scenario) == [len(part), part, b"another"]


RECORD_ROUTE = b"\x07\x0b\x04" + bytes(8) + b"\0"


@pytest.mark.req("RFC1122-4.1.3.2", "RFC1122-4.1.3.5", "RFC1122-4.1.4", "IP-10")
@pytest.mark.parametrize("kind", [DGRAM, RAW], ids=["udp", "raw"])
def test_control_messages_about_a_packet(both, kind):
    def scenario(ends):
        wanted = {name: 1 for name in ("IP_PKTINFO", "IP_RECVTTL", "IP_RECVTOS", "IP_RECVOPTS", "IP_RETOPTS",
                                       "IP_RECVORIGDSTADDR")}
        protocol = PROTOCOL if kind == RAW else 0
        to = ends.socket(ends.b, kind, protocol, bind=("10.0.0.2", 7), **wanted)
        sock = ends.socket(ends.a, kind, protocol, bind=("10.0.0.1", 7), IP_TTL=9, IP_TOS=0x10)
        told = []
        for options in (b"", RECORD_ROUTE):
            sock.setsockopt(socket.SOL_IP, IP_OPTIONS, options)
            sock.sendto(b"\0\7\0\7tlk", ("10.0.0.2", 7))
            data, control, flags, source = to.recvmsg(100, 512)
            told.append((data[-3:], ends.names(control), flags, source))
        return told

    told = both(scenario)
    assert {kind for _, kind, _ in told[1][1]} >= {IP_TTL, IP_TOS, IP_PKTINFO, IP_RECVOPTS, IP_RETOPTS}


@pytest.mark.req("RFC1122-4.1.4", "UDP-3", "IP-10")
@pytest.mark.parametrize("kind", [DGRAM, RAW], ids=["udp", "raw"])
def test_control_messages_of_a_send(both, kind):
    def scenario(ends):
        protocol = PROTOCOL if kind == RAW else 0
        to = ends.socket(ends.b, kind, protocol, bind=("10.0.0.2", 7), IP_RECVTTL=1, IP_RECVTOS=1, IP_RECVOPTS=1)
        sock = ends.socket(ends.a, kind, protocol)
        told = []
        for control in (
            [(0, IP_TTL, struct.pack("i", 3))], [(0, IP_TOS, struct.pack("i", 0x28))], [(0, IP_TOS, b"\x48")],
            [(0, IP_PKTINFO, pktinfo(source="10.0.0.11"))], [(0, IP_RETOPTS, RECORD_ROUTE)],
            [(0, IP_TTL, struct.pack("i", 200)), (0, IP_PKTINFO, pktinfo(source="10.0.0.11"))],
        ):
            sock.send_with(b"tlk", ("10.0.0.2", 7), control)
            data, got, flags, source = to.recvmsg(100, 512)
            told.append((data[-3:], ends.names(got), flags, source[0]))
        return told

    told = both(scenario)
    assert told[3][3] == "10.0.0.11" and told[0][1][-1][2] == struct.pack("i", 3)


@pytest.mark.req("RFC1122-4.1.3.3", "RFC1122-4.1.4")
@pytest.mark.parametrize("kind", [DGRAM, RAW], ids=["udp", "raw"])
def test_the_error_queue_with_control_messages(both, kind):
    """As traceroute reads it: the error, and the header of the message that told it."""

    def scenario(ends):
        sock = ends.socket(ends.a, kind, PROTOCOL if kind == RAW else 0, IP_RECVERR=1, IP_RECVTTL=1, IP_RECVTOS=1,
                           IP_PKTINFO=1)
        sock.sendto(b"nobody's", ("10.0.0.2", 9))
        told = []
        wanted = errno.ENOPROTOOPT if kind == RAW else errno.ECONNREFUSED
        assert errno_of(sock.recv, 10) == wanted
        data, control, flags, address = sock.recvmsg(100, 512, MSG_ERRQUEUE)
        told += [data, ends.names(control), flags, address]
        return told + [errno_of(sock.recvmsg, 10, 0, MSG_ERRQUEUE), errno_of(sock.recv, 10, socket.MSG_DONTWAIT)]

    told = both(scenario)
    assert [kind for _, kind, _ in told[1]] == [IP_TOS, IP_TTL, IP_PKTINFO, IP_RECVERR]


@pytest.mark.req("BSD-4", "RFC1122-4.1.3.3")
@pytest.mark.parametrize("connected", [False, True])
@pytest.mark.parametrize("recverr", [0, 1])
def test_errors_of_a_raw_socket(both, connected, recverr):
    """raw(7): errors reach connected sockets, and those that asked."""

    def scenario(ends):
        sock = ends.socket(ends.a, RAW, PROTOCOL, IP_RECVERR=recverr)
        fence = ends.socket(ends.a)
        if connected:
            sock.connect(("10.0.0.2", 0))
        sock.sendto(b"12345678", ("10.0.0.2", 0))
        fence.connect(("10.0.0.2", 9))
        fence.send(b"behind it")
        assert errno_of(fence.recv, 10) == errno.ECONNREFUSED
        return [sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for _ in range(2)]

    told = both(scenario)
    assert told == [errno.ENOPROTOOPT if connected or recverr else 0, 0]


@pytest.mark.req("OVER-4", "INET-1")
def test_no_gateway(both):
    def scenario(ends):
        sock, far, near = ends.socket(ends.a), ("172.16.0.1", 7), ("10.0.0.2", 7)
        told = [errno_of(sock.sendto, b"x", flags, to) for flags in (0, socket.MSG_DONTROUTE) for to in (far, near)]
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_DONTROUTE, 1)
        told += [errno_of(sock.sendto, b"x", to) for to in (far, near)]
        told.append(errno_of(sock.connect, far))
        return told

    assert both(scenario)[:4] == [0, 0, errno.ENETUNREACH, 0]


@pytest.mark.req("UDP-3")
def test_probe_and_confirm(both):
    def scenario(ends):
        to, sock = ends.receiver(), ends.socket(ends.a)
        there = ("10.0.0.2", 7)
        told = [sock.sendto(b"", MSG_PROBE | MSG_CONFIRM, there), sock.sendto(b"one", MSG_CONFIRM, there)]
        return told + [to.recv(10)]

    assert both(scenario) == [0, 3, b"one"]


@pytest.mark.req("INET-4", "INET-6")
def test_binding_options(both):
    def scenario(ends):
        told = []
        sock = ends.socket(ends.a, IP_BIND_ADDRESS_NO_PORT=1, bind=("10.0.0.1", 0))
        told.append(sock.getsockname())
        sock.connect(("10.0.0.2", 7))
        told.append(sock.getsockname()[1] > 0)
        sock = ends.socket(ends.a, IP_FREEBIND=1, bind=("192.0.2.1", 77))
        told.append(sock.getsockname())
        return told

    both(scenario)


@pytest.mark.req("INET-4", "IP-1")
def test_a_source_that_is_not_ours(both):
    """What IP_FREEBIND lets a program bind it may not send from; IP_TRANSPARENT allows that too."""

    def scenario(ends):
        foreign, there, told = "192.0.2.1", ("10.0.0.2", 7), []
        to = ends.receiver()
        for kind, protocol in ((DGRAM, 0), (RAW, PROTOCOL), (socket.SOCK_STREAM, 0)):
            sock = ends.socket(ends.a, kind, protocol, IP_FREEBIND=1, bind=(foreign, 0))
            told.append(errno_of(sock.connect, there))
            if kind != socket.SOCK_STREAM:
                told += [errno_of(sock.sendto, b"x", far) for far in (there, ("255.255.255.255", 7), ("224.0.0.1", 7))]
        sock = ends.socket(ends.a)
        told += [errno_of(sock.send_with, b"x", there, [(socket.SOL_IP, IP_PKTINFO, pktinfo(0, source))])
                 for source in (foreign, "10.0.0.2", "224.0.0.1", "255.255.255.255", "0.0.0.1", "10.0.0.255")]
        sock = ends.socket(ends.a, IP_TRANSPARENT=1, bind=(foreign, 77))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        told += [errno_of(sock.sendto, b"x", ("255.255.255.255", 7)), errno_of(sock.sendto, b"x", ("224.0.0.1", 7))]
        told += [sock.sendto(b"forged", there), to.recvfrom(100)]
        return told

    both(scenario)


@pytest.mark.req("INET-6")
def test_a_range_of_ports(lab):
    """Linux has it since 6.3."""
    families = (AF_EDUINET,) if KERNEL == "6.1" else (AF_EDUINET, AF_INET)
    host = lab.edu_host("10.0.0.1/24")
    for af in families:
        socks = [EduSocket(netns=host.name, af=af) for _ in range(3)]
        for sock in socks:
            sock.setsockopt(socket.SOL_IP, IP_LOCAL_PORT_RANGE, struct.pack("=HH", 40000, 40001))
            assert sock.getsockopt_raw(socket.SOL_IP, IP_LOCAL_PORT_RANGE) == struct.pack("=HH", 40000, 40001)
            upside_down = struct.pack("=HH", 40001, 40000)
            assert errno_of(sock.setsockopt, socket.SOL_IP, IP_LOCAL_PORT_RANGE, upside_down) == errno.EINVAL
            assert errno_of(sock.setsockopt, socket.SOL_IP, IP_LOCAL_PORT_RANGE, b"12") == errno.EINVAL
        got = [errno_of(sock.bind, ("0.0.0.0", 0)) or sock.getsockname()[1] for sock in socks]
        assert sorted(got) == [errno.EADDRINUSE, 40000, 40001]
        for sock in socks:
            sock.close()


@pytest.mark.req("INET-1")
def test_unicast_if_chooses_the_device(both):
    def scenario(ends):
        sock = ends.socket(ends.a)
        index = ends.a.rtnl.index("e0")
        sock.setsockopt(socket.SOL_IP, IP_UNICAST_IF, struct.pack("!I", index))
        to = ends.receiver()
        told = [sock.sendto(b"by e0", ("10.0.0.2", 7)), to.recv(10)]
        told.append(errno_of(sock.setsockopt, socket.SOL_IP, IP_UNICAST_IF, struct.pack("!I", 999)))
        return told

    both(scenario)


# What is not built: Documentation/socket-abi.rst says why, option by option.
REFUSED = {
    (0, 5): "IP_ROUTER_ALERT", (0, 16): "IP_IPSEC_POLICY", (0, 17): "IP_XFRM_POLICY", (0, 18): "IP_PASSSEC",
    (0, 23): "IP_CHECKSUM", (0, 25): "IP_RECVFRAGSIZE", (0, 26): "IP_RECVERR_RFC4884", (17, 100): "UDP_ENCAP",
    (17, 101): "UDP_NO_CHECK6_TX", (17, 102): "UDP_NO_CHECK6_RX", (17, 103): "UDP_SEGMENT", (17, 104): "UDP_GRO",
}


@pytest.mark.req("INET-1")
@pytest.mark.parametrize("level,option", REFUSED, ids=REFUSED.values())
def test_what_is_not_built_is_refused_by_name(lab, level, option):
    host = lab.edu_host("10.0.0.1/24")
    sock = host.socket()
    assert errno_of(sock.setsockopt, level, option, 1) == errno.ENOPROTOOPT
    assert errno_of(sock.getsockopt, level, option) == errno.ENOPROTOOPT
    with open(os.path.join(os.path.dirname(__file__), "..", "Documentation", "socket-abi.rst"), encoding="utf-8") as page:
        assert REFUSED[level, option] in page.read()


@pytest.mark.req("BSD-4", "INET-2")
def test_a_ping_socket_by_either_stack(both):
    """icmp(7): the identifier is the port, the type must be an echo request, MSG_MORE is no concern."""

    def scenario(ends):
        for host in (ends.a, ends.b):
            with in_netns(host.name):
                if ends.af == AF_INET:
                    with open("/proc/sys/net/ipv4/ping_group_range", "w", encoding="ascii") as setting:
                        setting.write("0 0")
                else:
                    host.tune(ping_group_min=0, ping_group_max=0)
        sock = ends.socket(ends.a, DGRAM, 1, IP_RECVTTL=1, IP_RECVERR=1, bind=("0.0.0.0", 77))
        request = struct.pack("!BBHHH", 8, 0, 0, 5, 3) + b"ping"
        told = [sock.getsockname(), sock.sendto(request, MSG_MORE, ("10.0.0.2", 0))]
        data, control, flags, source = sock.recvmsg(100, 200)
        told += [data[:2] + data[4:], ends.names(control), flags, source]
        for wrong in (b"", request[:7], b"\0" + request[1:], b"\x08\1" + request[2:], b"\x0d" + request[1:]):
            told.append(errno_of(sock.sendto, wrong, ("10.0.0.2", 0)))
        told.append(errno_of(sock.bind, ("0.0.0.0", 78)))
        told.append(errno_of(ends.socket(ends.a, DGRAM, 1).bind, ("255.255.255.255", 79)))
        return told

    assert both(scenario)[2][2:4] == struct.pack("!H", 77)
