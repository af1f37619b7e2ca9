# SPDX-License-Identifier: GPL-2.0-only
"""Devices that are no ordinary Ethernet, with Linux at the other end: tun, PPP and SLIP, which have no
address to resolve, devices marked NOARP, and VLANs (LAYER-2, OVER-10)."""

import contextlib
import errno
import fcntl
import os
import pty
import select
import socket
import struct
import threading
import tty

import pytest
import rtnl
from conftest import Host, in_netns, run, wait_for

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
TIOCSETD, N_TTY, N_SLIP, N_PPP = 0x5423, 0, 1, 3
PPPIOCGCHAN, PPPIOCATTCHAN, PPPIOCNEWUNIT, PPPIOCCONNECT = 0x80047437, 0x40047438, 0xC004743E, 0x4004743A
PPPIOCSNPMODE, PPP_IP, NPMODE_PASS = 0x4008744B, 0x21, 0
SIOCGIFNAME = 0x8910
OURS, THEIRS = "10.9.0.1", "10.9.0.2"


class Cable:
    """Carries octets between two files until it is cut."""

    def __init__(self, one, other):
        self.ways = {one: other, other: one}
        self.carried = 0
        self.faults = set()
        self.wake, self.cut = os.pipe()
        self.thread = threading.Thread(target=self._carry)
        self.thread.start()

    def _carry(self):
        while True:
            ready = select.select([*self.ways, self.wake], [], [])[0]
            if self.wake in ready:
                return
            for end in ready:
                try:
                    data = os.read(end, 70000)
                    self.carried += len(data)
                    os.write(self.ways[end], data)
                except OSError as error:
                    self.faults.add(error.errno)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.write(self.cut, b"x")
        self.thread.join()
        os.close(self.wake)
        os.close(self.cut)
        assert self.faults <= {errno.EIO}  # the device at the other end is not up yet


def configure(ours, theirs, device, prefix=None):
    """Gives both ends their addresses: a subnet, or with prefix None those of a point-to-point link."""
    for host in (ours, theirs):
        host.rtnl.link_set(device, {rtnl.IFF_UP: True})
    for host in (ours, theirs):
        # Of a pair, the first to come up gets its queue when the kernel has seen the other.
        wait_for(lambda host=host: host.rtnl.flags(device) & rtnl.IFF_RUNNING, "the carrier")
    if prefix:
        ours.rtnl.address(f"{OURS}/{prefix}", device)
        theirs.rtnl.address(f"{THEIRS}/{prefix}", device, family=socket.AF_INET)
    else:
        ours.edu("addr", "add", OURS, "peer", THEIRS, "dev", device)
        theirs.ip("addr", "add", THEIRS, "peer", OURS, "dev", device)


def talk(ours, theirs, size=1000):
    """Ping and UDP, both ways."""
    mine = ours.socket(bind=(OURS, 7))
    other = theirs.linux_socket(bind=(THEIRS, 7))
    data = os.urandom(size)
    mine.sendto(data, (THEIRS, 7))
    assert other.recvfrom(2000) == (data, (OURS, 7))
    other.sendto(data[::-1], (OURS, 7))
    assert mine.recvfrom(2000) == (data[::-1], (THEIRS, 7))
    theirs.run("ping", "-c", "1", "-W", "10", OURS)
    ours.edu("ping", "-c", "1", "-W", "10", THEIRS)
    mine.close()
    other.close()


@pytest.fixture
def two(lab):
    lab.ours, lab.theirs = lab.keep(Host()), lab.keep(Host())
    return lab


# Without a header


def tun(host):
    with in_netns(host.name):
        end = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(end, TUNSETIFF, struct.pack("16sH22x", b"tun0", IFF_TUN | IFF_NO_PI))
    return end


@pytest.mark.req("LAYER-2", "OVER-10", "OVER-1")
@pytest.mark.parametrize("prefix", [24, None])
def test_tun(two, prefix):
    run("modprobe", "tun")
    with contextlib.ExitStack() as stack:
        ends = [tun(two.ours), tun(two.theirs)]
        for end in ends:
            stack.callback(os.close, end)
        stack.enter_context(Cable(*ends))
        configure(two.ours, two.theirs, "tun0", prefix)
        talk(two.ours, two.theirs)
        counters = two.ours.counters()
        assert counters["Arp.OutRequests"] == counters["Arp.OutAnnounces"] == 0
        assert not two.ours.proc("arp")[1:]


@contextlib.contextmanager
def serial_line(hosts, discipline):
    """A serial cable whose ends have that line discipline, each set inside its host."""
    with contextlib.ExitStack() as stack:
        masters, slaves = [], []
        for host in hosts:
            master, slave = pty.openpty()
            tty.setraw(slave)
            masters.append(master)
            slaves.append(slave)
            stack.callback(os.close, master)
            with in_netns(host.name):
                fcntl.ioctl(slave, TIOCSETD, struct.pack("=i", discipline))
        stack.enter_context(Cable(*masters))
        try:
            yield slaves
        finally:
            for slave in slaves:
                fcntl.ioctl(slave, TIOCSETD, struct.pack("=i", N_TTY))
                os.close(slave)


@pytest.mark.req("LAYER-2", "OVER-10")
def test_slip(two):
    run("modprobe", "slip")
    hosts = (two.ours, two.theirs)
    with serial_line(hosts, N_SLIP) as ends:
        for host, end in zip(hosts, ends):
            name = fcntl.ioctl(end, SIOCGIFNAME, bytes(16)).split(b"\0")[0].decode()
            # SLIP makes its devices in the machine's own namespace.
            run("ip", "link", "set", name, "netns", host.name, "name", "sl9")
        configure(two.ours, two.theirs, "sl9")
        talk(two.ours, two.theirs, 200)  # its MTU is 296
        talk(two.ours, two.theirs, 200)


def ppp_unit(host, line, stack):
    """A PPP device on that line, without negotiating anything: IP passes at once."""
    with in_netns(host.name):
        (channel,) = struct.unpack("=i", fcntl.ioctl(line, PPPIOCGCHAN, bytes(4)))
        ends = [os.open("/dev/ppp", os.O_RDWR) for _ in range(2)]
        for end in ends:
            stack.callback(os.close, end)
        (unit,) = struct.unpack("=i", fcntl.ioctl(ends[0], PPPIOCNEWUNIT, struct.pack("=i", 9)))
        fcntl.ioctl(ends[1], PPPIOCATTCHAN, struct.pack("=i", channel))
        fcntl.ioctl(ends[1], PPPIOCCONNECT, struct.pack("=i", unit))
        fcntl.ioctl(ends[0], PPPIOCSNPMODE, struct.pack("=ii", PPP_IP, NPMODE_PASS))
    return f"ppp{unit}"


@pytest.mark.req("LAYER-2", "OVER-10")
def test_ppp(two):
    for module in ("ppp_generic", "ppp_async"):
        run("modprobe", module)
    hosts = (two.ours, two.theirs)
    with serial_line(hosts, N_PPP) as ends, contextlib.ExitStack() as stack:
        for host, end in zip(hosts, ends):
            assert ppp_unit(host, end, stack) == "ppp9"
        configure(two.ours, two.theirs, "ppp9")
        talk(two.ours, two.theirs)
        talk(two.ours, two.theirs)


# That cannot do ARP


@pytest.mark.req("OVER-10", "LAYER-2")
def test_veth_marked_noarp(two):
    """Nobody asks; as with Linux, a frame then goes to the device's own address, which both ends have."""
    two.ours.rtnl.veth("v0", "v0", two.theirs.name)
    for host in (two.ours, two.theirs):
        host.rtnl.link_set("v0", {rtnl.IFF_UP: False, rtnl.IFF_NOARP: True}, mac="02:00:00:00:00:09")
    configure(two.ours, two.theirs, "v0", 24)
    talk(two.ours, two.theirs)
    assert two.ours.counters()["Arp.OutRequests"] == two.ours.counters()["Arp.InRequests"] == 0


@pytest.mark.req("OVER-10", "LAYER-2")
def test_dummy_is_never_asked(two):
    two.ours.rtnl.link_add("d0", "dummy")
    two.ours.rtnl.address(f"{OURS}/24", "d0")
    two.ours.socket().sendto(b"into the void", (THEIRS, 7))
    wait_for(lambda: two.ours.rtnl.statistics("d0")["tx_packets"], "the datagram")
    assert two.ours.counters()["Arp.OutRequests"] == 0


# With a longer header


@pytest.mark.req("LAYER-2", "ARP-4", "ARP-8")
@pytest.mark.parametrize("reorder", ["on", "off"])
def test_vlan_without_the_hardwares_help(two, reorder):
    """Its header has 18 octets, but what it is given is an Ethernet frame."""
    run("modprobe", "8021q")
    for host in (two.ours, two.theirs):
        host.station(two.segment)
        host.ip("link", "add", "link", "e0", "name", "v5", "type", "vlan", "id", "5", "reorder_hdr", reorder)
    configure(two.ours, two.theirs, "v5", 24)
    talk(two.ours, two.theirs)
    assert two.ours.arp()[THEIRS]["mac"] == two.theirs.mac("v5")
    # The cable below is not attached, and what is on it does not concern us.
    assert [line.split()[0] for line in two.ours.proc("interfaces")[1:]] == ["edulo", "v5"]
