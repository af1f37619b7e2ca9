# SPDX-License-Identifier: GPL-2.0-only
"""The same call on AF_INET and on AF_EDUINET, side by side in one namespace, gives the same errno.

The exceptions are in DIFFERENT, each with its reason.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct

import pytest
import rtnl
from conftest import Lab, in_child
from edusock import AF_EDUINET, Iovec, Msghdr, cmsg, in_netns, libc

AF_INET = socket.AF_INET
DGRAM, RAW, STREAM, SEQPACKET, RDM, PACKET = 2, 3, 1, 5, 4, 10
PORT = 7100
NOBODY = 65534

# What differs on purpose: the start of a case's name, and why.
DIFFERENT = {
    "listen dgram": "INET-10: listen() on a datagram socket succeeds, as in the source document",
    "bind foreign": "INET-4: the superuser may bind any address",
    "create packet 70000": "no frame can have such a protocol; Linux takes its low half",
    "create packet -1": "the same",
    "create raw 256": "no packet can have such a protocol",
    "create raw 262": "no packet can have such a protocol",
    "bind family 1 length 2": "a security module (SELinux) looks at AF_INET's addresses first",
    "bind family 99 length 2": "the same",
    "bind family 10": "the same",
    "cmsg 8 size 12 value 1": "the device named is lo, which is none of ours: ENODEV",
    "set 50 value 15": "the same: EADDRNOTAVAIL",
    "sendto nothing": "Linux reads the ICMP type of a RAW message for its policy routing",
}

# What a security module (SELinux) says first of a stream's peer.
DIFFERENT_STREAM = ["connect family 1 length 2", "connect family 99 length 2", "connect family 10"]

# Options of SOL_IP that are not built.
NOT_BUILT = {
    9: "IP_PKTOPTIONS: what the last segment of a stream came with",
    5: "IP_ROUTER_ALERT",
    16: "IP_IPSEC_POLICY",
    17: "IP_XFRM_POLICY",
    18: "IP_PASSSEC",
    23: "IP_CHECKSUM",
    25: "IP_RECVFRAGSIZE",
    26: "IP_RECVERR_RFC4884",
    51: "IP_LOCAL_PORT_RANGE: Linux has it since 6.3; tests/test_options.py",
}


@pytest.fixture(scope="module")
def host():
    """One host with both stacks: 10.0.0.1/24 on e0 is ours, 10.0.0.2/24 on e1 is Linux's."""
    lab = Lab()
    # Linux asks modprobe about every protocol and device it does not know: hundreds here.
    with open("/proc/sys/kernel/modprobe", encoding="ascii") as setting:
        modprobe = setting.read()
    with open("/proc/sys/kernel/modprobe", "w", encoding="ascii") as setting:
        setting.write("\n")
    made = lab.edu_host("10.0.0.1/24")
    made.station(lab.segment, "e1")
    made.rtnl.link_set("lo", {rtnl.IFF_UP: True})
    made.rtnl.address("10.0.0.2/24", "e1", family=AF_INET)
    made.lab = lab
    yield made
    lab.delete()
    with open("/proc/sys/kernel/modprobe", "w", encoding="ascii") as setting:
        setting.write(modprobe)


def name(family, address=None, port=PORT, said=None, length=16):
    """A socket address; None: the host's own of that family."""
    address = address or {AF_INET: "10.0.0.2", AF_EDUINET: "10.0.0.1"}[family]
    raw = struct.pack("=H", family if said is None else said) + struct.pack("!H4s", port, socket.inet_aton(address))
    return raw.ljust(max(16, length), b"\0")[:length] if length else b""


def result(call, *args):
    """0, or the errno, of a C library call."""
    ctypes.set_errno(0)
    return ctypes.get_errno() if call(*args) < 0 else 0


class Cases:
    """Cases for one family. Each is a function (socket fd) → errno on a fresh socket."""

    def __init__(self, family):
        self.family = family
        self.own = {AF_INET: "10.0.0.2", AF_EDUINET: "10.0.0.1"}[family]

    def bind(self, fd, raw):
        return result(libc.bind, fd, raw, len(raw))

    def connect(self, fd, raw):
        return result(libc.connect, fd, raw, len(raw))

    def sendto(self, fd, raw, data=b"12345678", flags=0):
        return result(libc.sendto, fd, data, len(data), flags | socket.MSG_DONTWAIT, raw, len(raw) if raw else 0)

    def sendmsg(self, fd, control, raw=None):
        raw = raw or name(self.family)
        data = b"12345678"
        message = Msghdr(raw, len(raw), ctypes.pointer(Iovec(data, len(data))), 1, control, len(control), 0)
        return result(libc.sendmsg, fd, ctypes.byref(message), 0)

    def names(self):
        """Socket addresses, good and bad."""
        own = self.family
        yield "own", name(own)
        yield "any", name(own, "0.0.0.0")
        yield "port 0", name(own, port=0)
        yield "loopback", name(own, "127.0.0.1")
        yield "broadcast", name(own, "10.0.0.255")
        yield "limited broadcast", name(own, "255.255.255.255")
        yield "group", name(own, "224.0.0.1")
        yield "other group", name(own, "239.1.2.3")
        yield "class E", name(own, "240.0.0.1")
        yield "no route", name(own, "192.168.1.1")
        yield "neighbour", name(own, "10.0.0.9")
        for length in (0, 1, 2, 3, 7, 8, 15):
            yield f"length {length}", name(own, length=length)
        for length in (17, 28, 128):
            yield f"length {length}", name(own, length=length)
        for said in (0, 1, 10, 99):
            yield f"family {said}", name(own, said=said)
            yield f"family {said} any", name(own, "0.0.0.0", said=said)
            yield f"family {said} length 2", name(own, said=said, length=2)


def compare(host, kind, protocol, function):
    """The function's result on a socket of either family: {case name: errno}, twice."""
    told = []
    for family in (AF_INET, AF_EDUINET):
        found = {}
        cases = Cases(family)
        for label, case in function(cases):
            with_socket = host.linux_socket if family == AF_INET else host.socket
            sock = with_socket(kind, protocol)
            sock.setblocking(False)
            found[label] = case(sock.fileno())
            sock.close()
            host.sockets.remove(sock)
        told.append(found)
    return told


def differences(inet, edu, allowed=()):
    text = []
    for label, wanted in inet.items():
        got = edu[label]
        if got != wanted and not any(label.startswith(one) for one in allowed):
            text.append(f"{label}: Linux {errno.errorcode.get(wanted, wanted)}, ours {errno.errorcode.get(got, got)}")
    return text


KINDS = [("dgram", DGRAM, 0), ("stream", STREAM, 0), ("raw", RAW, 1), ("raw hdrincl", RAW, 255)]


def each_kind(test, kinds=KINDS):
    return pytest.mark.parametrize("kind,protocol", [one[1:] for one in kinds], ids=[one[0] for one in kinds])(test)


def each_kind_with_our_header(test):
    return each_kind(test, KINDS[:3])


@pytest.mark.req("BSD-4", "INET-2")
def test_create(host):
    told = []
    for family in (AF_INET, AF_EDUINET):
        found = {}
        with in_netns(host.name):
            for label, kind in (("stream", STREAM), ("dgram", DGRAM), ("raw", RAW), ("rdm", RDM),
                                ("seqpacket", SEQPACKET), ("packet", PACKET), ("none", 0), ("eleven", 11)):
                for protocol in (0, 1, 2, 6, 17, 136, 254, 255, 256, 262, 263, 70000, -1):
                    if kind == STREAM and protocol == 262:
                        continue  # MPTCP
                    fd = libc.socket(family, kind, protocol)
                    found[f"create {label} {protocol}"] = ctypes.get_errno() if fd < 0 else 0
                    if fd >= 0:
                        os.close(fd)
        told.append(found)
    # UDP-Lite and others are whole protocols of Linux's.
    skip = [one for one in told[0] if one.endswith(" 136") and not one.startswith("create raw")]
    assert not differences(*told, [*DIFFERENT, *skip])


@pytest.mark.req("INET-4", "INET-6")
@each_kind
def test_bind(host, kind, protocol):
    def cases(one):
        for label, raw in one.names():
            yield f"bind {label}", lambda fd, raw=raw: one.bind(fd, raw)

    # No station of Linux has 192.168.1.1 either: but INET-4 lets root bind it here.
    allowed = ["bind no route", "bind neighbour", "bind class E", *DIFFERENT]
    if kind == RAW:
        allowed.append("bind family")  # without a security module, Linux's RAW bind() looks at none
    assert not differences(*compare(host, kind, protocol, cases), allowed)


@pytest.mark.req("INET-8", "UDP-2")
@each_kind
def test_connect(host, kind, protocol):
    def cases(one):
        for label, raw in one.names():
            yield f"connect {label}", lambda fd, raw=raw: one.connect(fd, raw)

    allowed = [*DIFFERENT, *(DIFFERENT_STREAM if kind == STREAM else [])]
    assert not differences(*compare(host, kind, protocol, cases), allowed)


@pytest.mark.req("UDP-3")
@each_kind
def test_sendto(host, kind, protocol):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 0, 0, 64, 17, 0, bytes(4), socket.inet_aton("10.0.0.9"))

    def cases(one):
        data = header + b"12345678" if protocol == 255 else b"12345678"
        for label, raw in one.names():
            yield f"sendto {label}", lambda fd, raw=raw: one.sendto(fd, raw, data)
        yield "sendto nothing", lambda fd: one.sendto(fd, name(one.family), b"")
        yield "sendto without a name", lambda fd: one.sendto(fd, None, data)
        yield "sendto oob", lambda fd: one.sendto(fd, name(one.family), data, socket.MSG_OOB)
        yield "sendto too long", lambda fd: one.sendto(fd, name(one.family), bytes(65536))
        yield "sendto far too long", lambda fd: one.sendto(fd, name(one.family), bytes(1 << 20))
        yield "sendto dontroute", lambda fd: one.sendto(fd, name(one.family), data, socket.MSG_DONTROUTE)
        yield "sendto broadcast allowed", lambda fd: broadcast(one, fd, data)

    def broadcast(one, fd, data):
        assert not libc.setsockopt(fd, 1, 6, struct.pack("i", 1), 4)  # SO_BROADCAST
        return one.sendto(fd, name(one.family, "10.0.0.255"), data)

    assert not differences(*compare(host, kind, protocol, cases), DIFFERENT)


@pytest.mark.req("UDP-3", "IP-10")
@each_kind_with_our_header
def test_control_messages(host, kind, protocol):
    assert not differences(*compare(host, kind, protocol, control_messages), DIFFERENT)


@pytest.mark.req("BSD-6", "TCP-12")
def test_control_messages_of_a_stream(host):
    """IP's mean nothing there; whatever is wrong with the kernel's own is EINVAL, and nothing is sent."""
    told = []
    for family, with_socket in ((AF_INET, host.linux_socket), (AF_EDUINET, host.socket)):
        one = Cases(family)
        listener, sock = with_socket(STREAM), with_socket(STREAM)
        assert not one.bind(listener.fileno(), name(family)) and not libc.listen(listener.fileno(), 1)
        sock.setblocking(True)
        assert not one.connect(sock.fileno(), name(family))
        found = {label: case(sock.fileno()) for label, case in control_messages(one)}
        mark = cmsg(1, 36, bytes(4))  # SO_MARK
        found["cmsg mark"] = one.sendmsg(sock.fileno(), mark)
        found["cmsg mark unprivileged"] = in_child(lambda sock=sock, mark=mark, one=one: one.sendmsg(sock.fileno(), mark), NOBODY)
        assert not libc.shutdown(sock.fileno(), socket.SHUT_WR)
        child = libc.accept(listener.fileno(), None, None)
        with os.fdopen(child, "rb") as end:
            assert len(end.read()) == 8 * list(found.values()).count(0)
        told.append(found)
    assert told[0]["cmsg mark unprivileged"] == errno.EINVAL
    assert not differences(*told)


def control_messages(one):
    for option in range(0, 26):
        for size in (0, 1, 4, 8, 12, 16):
            for value in (0, 1, 255, 256):
                data = struct.pack("<I", value).ljust(16, b"\0")[:size]
                control = cmsg(socket.SOL_IP, option, data)
                yield f"cmsg {option} size {size} value {value}", lambda fd, c=control: one.sendmsg(fd, c)
    yield "cmsg short", lambda fd: one.sendmsg(fd, struct.pack("=Qii", 8, 0, 2) + bytes(8))
    yield "cmsg overruns", lambda fd: one.sendmsg(fd, struct.pack("=Qii", 100, 0, 2) + bytes(8))
    yield "cmsg other level", lambda fd: one.sendmsg(fd, cmsg(99, 1, bytes(4)))
    yield "cmsg socket level", lambda fd: one.sendmsg(fd, cmsg(1, 99, bytes(4)))


VALUES = (
    b"", b"\0", b"\1", b"\x80", b"\xff", b"\1\0", b"\1\0\0", struct.pack("i", 0), struct.pack("i", 1),
    struct.pack("i", -1), struct.pack("i", 2), struct.pack("i", 5), struct.pack("i", 6), struct.pack("i", 255),
    struct.pack("i", 256), struct.pack("i", 1 << 24), struct.pack("iq", 1, 0), bytes(8), bytes(40), bytes(41), bytes(300),
)


@pytest.mark.req("IP-10", "UDP-3")
@each_kind
def test_setsockopt_of_every_number(host, kind, protocol):
    def cases(one):
        for option in [*range(0, 61), 64, 100, -1]:
            if option in NOT_BUILT:
                continue
            for number, value in enumerate(VALUES):
                yield f"set {option} value {number}", lambda fd, o=option, v=value: result(
                    libc.setsockopt, fd, socket.SOL_IP, o, v, len(v)
                )
            yield f"set {option} negative length", lambda fd, o=option: result(
                libc.setsockopt, fd, socket.SOL_IP, o, bytes(4), -1
            )
            if option in (1, 2, 4, 8, 10, 11, 50):  # of others Linux does not look at the value
                yield f"set {option} bad pointer", lambda fd, o=option: result(
                    libc.setsockopt, fd, socket.SOL_IP, o, ctypes.c_void_p(8), 4
                )

    assert not differences(*compare(host, kind, protocol, cases), DIFFERENT)


@pytest.mark.req("IP-10", "UDP-3")
@each_kind
def test_getsockopt_of_every_number(host, kind, protocol):
    """The errno, and after success the value and its length."""

    def get(fd, option, size):
        value = ctypes.create_string_buffer(b"\xa5" * 64, 64)
        length = ctypes.c_int(size)
        code = result(libc.getsockopt, fd, socket.SOL_IP, option, value, ctypes.byref(length))
        return code or -int.from_bytes(value.raw[:8] + struct.pack("i", length.value), "little")

    def cases(one):
        for option in [*range(0, 61), 64, 100, -1]:
            if option in NOT_BUILT:
                continue
            for size in (0, 1, 2, 4, 8, 40, -1):
                yield f"get {option} size {size}", lambda fd, o=option, s=size: get(fd, o, s)

    assert not differences(*compare(host, kind, protocol, cases), DIFFERENT)


@pytest.mark.req("IP-10")
@each_kind
def test_options_of_other_levels(host, kind, protocol):
    def cases(one):
        for level in (1, 6, 17, 41, 255, 99):
            for option in (0, 1, 2, 3, 100, 101, 102, 200):
                for value in (b"", b"\1", struct.pack("i", 1)):
                    if (level, option) in ((17, 100), (17, 101), (17, 102), (1, 102)):
                        continue  # encapsulation, segmentation: not built
                    yield f"set level {level} {option} {len(value)}", lambda fd, l=level, o=option, v=value: result(
                        libc.setsockopt, fd, l, o, v, len(v)
                    )
                    size = len(value)
                    yield f"get level {level} {option} {size}", lambda fd, l=level, o=option, s=size: result(
                        libc.getsockopt, fd, l, o, ctypes.create_string_buffer(64), ctypes.byref(ctypes.c_int(s))
                    )

    assert not differences(*compare(host, kind, protocol, cases), DIFFERENT)


@pytest.mark.req("INET-3", "INET-8", "INET-11")
@each_kind
def test_calls_out_of_order(host, kind, protocol):
    label = "dgram" if kind == DGRAM else "raw"

    def after(*steps):
        def case(fd):
            for step in steps[:-1]:
                step(fd)
            return steps[-1](fd)

        return case

    def cases(one):
        own, any_name = name(one.family), name(one.family, "0.0.0.0", 0)
        bind = lambda fd: one.bind(fd, own)
        connect = lambda fd: one.connect(fd, own)
        unspec = struct.pack("=H14x", 0)
        disconnect = lambda fd: one.connect(fd, unspec)
        getpeer = lambda fd: result(libc.getpeername, fd, ctypes.create_string_buffer(64), ctypes.byref(ctypes.c_int(64)))
        getname = lambda fd: result(libc.getsockname, fd, ctypes.create_string_buffer(64), ctypes.byref(ctypes.c_int(64)))
        yield f"listen {label}", lambda fd: result(libc.listen, fd, 1)
        yield f"accept {label}", lambda fd: result(libc.accept, fd, None, None)
        yield "bind twice", after(bind, bind)
        yield "bind after connect", after(connect, lambda fd: one.bind(fd, any_name))
        yield "bind after disconnect", after(connect, disconnect, lambda fd: one.bind(fd, any_name))
        yield "getpeername", getpeer
        yield "getpeername connected", after(connect, getpeer)
        yield "getpeername disconnected", after(connect, disconnect, getpeer)
        yield "getsockname", getname
        yield "getsockname negative length", lambda fd: result(
            libc.getsockname, fd, ctypes.create_string_buffer(64), ctypes.byref(ctypes.c_int(-1))
        )
        yield "getsockname bad pointer", lambda fd: result(
            libc.getsockname, fd, ctypes.c_void_p(8), ctypes.byref(ctypes.c_int(16))
        )
        yield "disconnect unconnected", disconnect
        for how in (-1, 0, 1, 2, 3):
            yield f"shutdown {how}", lambda fd, h=how: result(libc.shutdown, fd, h)
            yield f"shutdown {how} connected", after(connect, lambda fd, h=how: result(libc.shutdown, fd, h))
        yield "send unconnected", lambda fd: result(libc.send, fd, b"12345678", 8, 0)
        yield "recv nothing", lambda fd: result(libc.recv, fd, ctypes.create_string_buffer(4), 4, 0)
        yield "recv oob", lambda fd: result(libc.recv, fd, ctypes.create_string_buffer(4), 4, socket.MSG_OOB)
        yield "recv errqueue", lambda fd: result(libc.recv, fd, ctypes.create_string_buffer(4), 4, socket.MSG_ERRQUEUE)
        yield "send bad pointer", after(connect, lambda fd: result(libc.send, fd, ctypes.c_void_p(8), 8, 0))
        yield "socketpair", lambda fd: result(libc.socketpair, one.family, kind, protocol, (ctypes.c_int * 2)())

    assert not differences(*compare(host, kind, protocol, cases), DIFFERENT)


@pytest.mark.req("INET-4", "INET-6", "BSD-4", "ROUTE-4")
def test_unprivileged_calls(host):
    """What a process without capabilities may not do."""

    def cases(family):
        one = Cases(family)

        def opened(kind, protocol, *calls):
            def call_all():
                fd = libc.socket(family, kind, protocol)
                if fd < 0:
                    return ctypes.get_errno()
                return [0, *(call(fd) for call in calls)][-1]

            return call_all

        yield "create raw", opened(RAW, 1)
        yield "create ping", opened(DGRAM, 1)
        yield "bind low", opened(DGRAM, 0, lambda fd: one.bind(fd, name(family, port=80)))
        yield "bind foreign address", opened(DGRAM, 0, lambda fd: one.bind(fd, name(family, "192.168.1.1")))
        yield "bind high", opened(DGRAM, 0, lambda fd: one.bind(fd, name(family)))
        for option, value in ((19, 1), (15, 1), (10, 3), (21, 5)):
            yield f"set {option}", opened(
                DGRAM, 0, lambda fd, o=option, v=value: result(libc.setsockopt, fd, 0, o, struct.pack("i", v), 4)
            )
        yield "bind to device", opened(DGRAM, 0, lambda fd: result(libc.setsockopt, fd, 1, 25, b"lo\0", 3))
        yield "unknown IP option", opened(DGRAM, 0, lambda fd: result(libc.setsockopt, fd, 0, 4, b"\x1f\x04ab", 4))
        for request in (0x8914, 0x8916, 0x891C, 0x8922, 0x890B, 0x890C, 0x8953, 0x8955):
            yield f"ioctl {request:x}", opened(DGRAM, 0, lambda fd, r=request: ioctl(fd, r, family))

    told = []
    with in_netns(host.name):
        for family in (AF_INET, AF_EDUINET):
            told.append({label: in_child(case, NOBODY) for label, case in cases(family)})
    # Without privilege both families refuse foreign addresses: nothing differs.
    assert not differences(*told)


def ioctl(fd, request, family):
    raw = bytearray(b"e0".ljust(16, b"\0") + name(family) + bytes(100))
    try:
        fcntl.ioctl(fd, request, raw)
    except OSError as error:
        return error.errno
    return 0


@pytest.mark.req("ROUTE-4", "OVER-1")
def test_ioctls(host):
    """Requests with nothing sensible behind them."""

    def cases(one):
        for request in (0x8914, 0x8915, 0x8916, 0x8917, 0x8919, 0x891B, 0x891C, 0x8913, 0x8921, 0x8927, 0x8933):
            for device in (b"nodev", b"", b"e0:9"):
                raw = device.ljust(16, b"\0") + name(one.family) + bytes(100)
                yield f"ioctl {request:x} {device}", lambda fd, r=request, d=raw: ioctl_raw(fd, r, d)
        for request in (0x890B, 0x890C):
            yield f"route {request:x} zeros", lambda fd, r=request: ioctl_raw(fd, r, bytes(120))
            yield f"route {request:x} no such device", lambda fd, r=request: ioctl_raw(fd, r, route_entry(one.family))
        for request in (0x8953, 0x8954, 0x8955):
            yield f"arp {request:x} zeros", lambda fd, r=request: ioctl_raw(fd, r, bytes(68))
        yield "ioctl unknown", lambda fd: ioctl_raw(fd, 0x89AF, bytes(40))
        yield "ioctl bad pointer", lambda fd: result(libc.ioctl, fd, 0x8915, ctypes.c_void_p(8))
        yield "route bad pointer", lambda fd: result(libc.ioctl, fd, 0x890B, ctypes.c_void_p(8))
        yield "arp bad pointer", lambda fd: result(libc.ioctl, fd, 0x8955, ctypes.c_void_p(8))

    def ioctl_raw(fd, request, raw):
        try:
            fcntl.ioctl(fd, request, bytearray(raw))
        except OSError as error:
            return error.errno
        return 0

    def route_entry(family):
        destination = struct.pack("=H", family) + struct.pack("!H4s8x", 0, socket.inet_aton("10.55.0.0"))
        mask = struct.pack("=H", family) + struct.pack("!H4s8x", 0, socket.inet_aton("255.255.0.0"))
        return struct.pack("=Q16s16s16sH", 0, destination, bytes(16), mask, 1).ljust(120, b"\0")

    assert not differences(*compare(host, DGRAM, 0, cases), DIFFERENT)

