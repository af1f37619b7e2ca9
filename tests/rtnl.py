# SPDX-License-Identifier: GPL-2.0-only
"""Just enough rtnetlink to build hosts and cables without starting a program for each step.

On the sanitizer kernel under emulation a program takes a good part of a second to start; a message
takes none. `edu` and `ip` are tested as programs where they are the subject.
"""

import os
import socket
import struct

from edusock import AF_EDUINET, in_netns

NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, DELROUTE, GETROUTE = 24, 25, 26
NEWNEIGH, DELNEIGH, GETNEIGH = 28, 29, 30
REQUEST, ACK, EXCL, CREATE, DUMP, REPLACE = 1, 4, 0x200, 0x400, 0x300, 0x100
IFF_UP, IFF_RUNNING, IFF_NOARP, IFF_PROMISC, IFF_ALLMULTI = 1, 0x40, 0x80, 0x100, 0x200
NUD_PERMANENT, NUD_REACHABLE, NTF_PROXY = 0x80, 2, 8
UNICAST, BROADCAST, BLACKHOLE, UNREACHABLE, PROHIBIT = 1, 3, 6, 7, 8


def attribute(kind, value):
    """One attribute; an int is 32 bits, a str a name, a list attributes inside."""
    if isinstance(value, int):
        value = struct.pack("=I", value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    elif isinstance(value, list):
        value = b"".join(attribute(*one) for one in value)
    raw = struct.pack("=HH", 4 + len(value), kind) + value
    return raw + bytes(-len(raw) % 4)


def attributes(raw):
    found = {}
    while len(raw) >= 4:
        size, kind = struct.unpack_from("=HH", raw)
        if size < 4:
            break
        found[kind & 0x3FFF] = raw[4:size]
        raw = raw[(size + 3) & ~3 :]
    return found


def mac_octets(text):
    return bytes.fromhex(text.replace(":", ""))


def mac_text(octets):
    return ":".join(f"{one:02x}" for one in octets)


class Rtnl:
    """A netlink socket of one namespace."""

    def __init__(self, netns=None, groups=0):
        with in_netns(netns):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            # Names of devices are only known inside.
            self.netns = netns
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.bind((0, groups))
        self.sock.settimeout(60)
        self.sequence = 0

    def close(self):
        self.sock.close()

    def messages(self):
        """(type, sequence, body) of each message in the next packet."""
        raw = self.sock.recv(1 << 17)
        while len(raw) >= 16:
            size, kind, _, sequence, _ = struct.unpack_from("=IHHII", raw)
            yield kind, sequence, raw[16:size]
            raw = raw[(size + 3) & ~3 :]

    def ask(self, kind, header, attrs=(), flags=0):
        """Bodies of the answers; an OSError when the kernel says no."""
        self.sequence += 1
        body = header + b"".join(attribute(*one) for one in attrs)
        flags |= REQUEST | (0 if flags & DUMP == DUMP else ACK)
        self.sock.send(struct.pack("=IHHII", 16 + len(body), kind, flags, self.sequence, 0) + body)
        answers = []
        while True:
            for got, sequence, data in self.messages():
                if sequence != self.sequence:
                    continue
                if got == 2:  # NLMSG_ERROR
                    error = -struct.unpack_from("=i", data)[0]
                    if error:
                        raise OSError(error, f"netlink {kind}: {os.strerror(error)}")
                    return answers
                if got == 3:  # NLMSG_DONE
                    return answers
                answers.append((got, data))

    # Devices

    def index(self, name):
        (_, data), = self.ask(GETLINK, self.link_header(), [(3, name)])
        return struct.unpack_from("=i", data, 4)[0]

    def link_header(self, index=0, flags=0, change=0):
        return struct.pack("=BxHiII", 0, 0, index, flags, change)

    def link_add(self, name, kind, data=(), up=True, mtu=None, mac=None, more=()):
        info = [(1, kind.encode()), (2, list(data))]
        attrs = [(3, name), (18, info), *more]
        if mtu:
            attrs.append((4, mtu))
        if mac:
            attrs.append((1, mac_octets(mac)))
        flags = IFF_UP if up else 0
        self.ask(NEWLINK, self.link_header(0, flags, flags), attrs, CREATE | EXCL)

    def station(self, name, segment, **more):
        self.link_add(name, "eduinet", [(1, segment)], **more)

    def veth(self, name, peer_name, peer_netns):
        """A veth whose other end is in another namespace; this end is up."""
        with open(f"/run/netns/{peer_netns}", "rb") as there:
            peer = self.link_header() + b"".join(
                attribute(*one) for one in [(3, peer_name), (28, there.fileno())]
            )
            self.link_add(name, "veth", [(1, peer)], up=False)
        self.link_set(name, {IFF_UP: True})

    def link_set(self, name, flags=None, mtu=None, mac=None, netns=None, new_name=None):
        """flags: {IFF_UP: True, …}"""
        value = change = 0
        for flag, on in (flags or {}).items():
            change |= flag
            value |= flag if on else 0
        attrs = []
        if mtu:
            attrs.append((4, mtu))
        if mac:
            attrs.append((1, mac_octets(mac)))
        if new_name:
            attrs.append((3, new_name))
        if not netns:
            self.ask(SETLINK, self.link_header(self.index(name), value, change), attrs)
            return
        with open(f"/run/netns/{netns}", "rb") as there:
            attrs.append((28, there.fileno()))
            self.ask(SETLINK, self.link_header(self.index(name), value, change), attrs)

    def link_del(self, name):
        self.ask(DELLINK, self.link_header(self.index(name)))

    def link(self, name):
        """Attributes of a device."""
        (_, data), = self.ask(GETLINK, self.link_header(self.index(name)))
        return attributes(data[16:])

    def flags(self, name):
        (_, data), = self.ask(GETLINK, self.link_header(self.index(name)))
        return struct.unpack_from("=I", data, 8)[0]

    def mac(self, name):
        return mac_text(self.link(name)[1])

    def statistics(self, name):
        """struct rtnl_link_stats64, by name."""
        names = (
            "rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped tx_dropped "
            "multicast collisions rx_length_errors"
        ).split()
        return dict(zip(names, struct.unpack_from("=11Q", self.link(name)[23])))

    # Addresses, routes, neighbours

    def address(self, prefix, device, family=AF_EDUINET, delete=False, broadcast=None, flags=None):
        host, _, length = prefix.partition("/")
        length = int(length or 32)
        local = socket.inet_aton(host)
        header = struct.pack("=BBBBi", family, length, 0, 0, self.index(device))
        attrs = [(2, local), (1, local)]
        if broadcast is None and length < 31:
            mask = (0xFFFFFFFF << (32 - length)) & 0xFFFFFFFF
            broadcast = socket.inet_ntoa(struct.pack("!I", struct.unpack("!I", local)[0] | ~mask & 0xFFFFFFFF))
        if broadcast:
            attrs.append((4, socket.inet_aton(broadcast)))
        if delete:
            self.ask(DELADDR, header, attrs)
        else:
            self.ask(NEWADDR, header, attrs, CREATE | EXCL if flags is None else flags)

    def route(
        self, prefix, via=None, device=None, family=AF_EDUINET, kind=UNICAST, metric=None, delete=False,
        source=None, mtu=None, flags=CREATE | EXCL,
    ):
        host, _, length = prefix.partition("/")
        length = int(length or 32)
        scope = 253 if not via and kind == UNICAST else 0
        if delete:
            scope = 255
        protocol = 0 if delete else 4
        header = struct.pack("=BBBBBBBBI", family, length, 0, 0, 254, protocol, scope, kind, 0)
        attrs = [(1, socket.inet_aton(host))] if length else []
        if via:
            attrs.append((5, socket.inet_aton(via)))
        if device:
            attrs.append((4, self.index(device)))
        if metric is not None:
            attrs.append((6, metric))
        if source:
            attrs.append((7, socket.inet_aton(source)))
        if mtu:
            attrs.append((8, [(2, mtu)]))
        if delete:
            self.ask(DELROUTE, header, attrs)
        else:
            self.ask(NEWROUTE, header, attrs, flags)

    def neighbour(self, ip, mac, device, state=NUD_PERMANENT, family=AF_EDUINET, delete=False, proxy=False):
        header = struct.pack("=BxxxiHBB", family, self.index(device), state, NTF_PROXY if proxy else 0, 0)
        attrs = [(1, socket.inet_aton(ip))]
        if mac:
            attrs.append((2, mac_octets(mac)))
        if delete:
            self.ask(DELNEIGH, header, attrs)
        else:
            self.ask(NEWNEIGH, header, attrs, CREATE | REPLACE)

    def neighbours(self, family=AF_EDUINET, proxy=False):
        """{ip: (state, mac or None)}"""
        found = {}
        header = struct.pack("=BxxxiHBB", family, 0, 0, NTF_PROXY if proxy else 0, 0)
        for _, data in self.ask(GETNEIGH, header, flags=DUMP):
            state = struct.unpack_from("=H", data, 8)[0]
            attrs = attributes(data[12:])
            found[socket.inet_ntoa(attrs[1])] = (state, mac_text(attrs[2]) if 2 in attrs else None)
        return found

    def addresses(self, family=AF_EDUINET):
        """[(index, ip, length)]"""
        found = []
        for _, data in self.ask(GETADDR, struct.pack("=BBBBi", family, 0, 0, 0, 0), flags=DUMP):
            _, length, _, _, index = struct.unpack_from("=BBBBi", data)
            attrs = attributes(data[8:])
            found.append((index, socket.inet_ntoa(attrs.get(2, attrs.get(1))), length))
        return found

    def routes(self, family=AF_EDUINET):
        """[(destination, length, type, gateway, oif, metric)]"""
        found = []
        header = struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
        for _, data in self.ask(GETROUTE, header, flags=DUMP):
            length, kind = data[1], data[7]
            attrs = attributes(data[12:])
            found.append((
                socket.inet_ntoa(attrs.get(1, bytes(4))), length, kind,
                socket.inet_ntoa(attrs[5]) if 5 in attrs else None,
                struct.unpack("=i", attrs[4])[0] if 4 in attrs else 0,
                struct.unpack("=I", attrs[6])[0] if 6 in attrs else 0,
            ))
        return found
