# SPDX-License-Identifier: GPL-2.0-only
"""Fixtures of the VM ring: hosts in namespaces on a cable of their own.

These tests run as root inside a virtual machine with the module loaded (`make check-vm`, or
`scripts/vm exec -- /usr/bin/python3 -m pytest tests`). Every test gets fresh namespaces on a fresh
segment, so nothing one test leaves behind is seen by another. The kernel's log is judged by
scripts/vm when all are done.

Nothing here sleeps to see whether something happens: a test waits for an event, or it sends a
frame behind the one in question and waits for the answer to that (Wire.fence).
"""

import contextlib
import errno
import gc
import itertools
import json
import os
import select
import signal
import socket
import subprocess
import time

import pytest
import rtnl
from edusock import EduSocket, abort, in_netns, linux_socket, netns_add, netns_del

KERNEL = os.environ.get("EDUINET_KERNEL", "6.1")
# Everything is slower on the sanitizer kernel under emulation; what we wait for still comes.
PATIENCE = 60 if KERNEL == "debug" else 10
# Work of a stress test, in loops of its own choice.
EFFORT = 1 if KERNEL == "debug" else 3

AF_PACKET, SOCK_DGRAM = socket.AF_PACKET, socket.SOCK_DGRAM
ETH_P_ALL = 3
CPUS = os.sched_getaffinity(0)

numbers = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "req(id, …): the requirements this test proves (Documentation/requirements.rst)"
    )
    config.addinivalue_line("markers", "long: takes minutes; runs with --long alone")
    config.addinivalue_line("markers", "patient: starts so many programs that an emulated machine takes long")
    # One processor, so that frames are received in the order in which a test sends them: a virtual
    # cable delivers to the backlog of the sender's processor. Programs get all of them again.
    os.sched_setaffinity(0, {min(CPUS)})


def pytest_collection_modifyitems(config, items):
    """The module's life first: later it waits for the last namespace of earlier tests to die.

    The sanitizer kernel is slow. It runs the first case of each parametrised test, and no test of
    a program: what they prove is proved on the stock kernels, and its own matter, memory and locks,
    is met by one case as by all.
    """
    items.sort(key=lambda item: "test_module" not in item.nodeid)
    if not config.getoption("--long"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("long")])
        items[:] = [item for item in items if not item.get_closest_marker("long")]
    leave_out_failures(config, items)
    leave_to_the_sanitizer(config, items)
    share_out_to_kernels(config, items)
    share, shares = map(int, config.getoption("--share").split("/"))
    config.hook.pytest_deselected(items=[item for n, item in enumerate(items) if n % shares != share - 1])
    items[:] = items[share - 1 :: shares]


# Tests of programs, by a part of their names.
PROGRAMS = ["::test_program", "::test_the_tool", "test_tool.py", "test_tool_tcp.py", "test_run.py", "test_run_more.py"]


# What the sanitizer kernel runs of the whole folder: devices, namespaces, the module and sockets that come
# and go, storms and forwarding. The core's own tests run there too, by KUnit.
LIFETIMES = [
    "device", "edulo", "exclusive", "forward", "headerless", "module", "multicast", "packet", "regress_r1", "stress",
    "tcp", "tcp_faults", "trace",
]


def leave_out_failures(config, items):
    """Memory fails on demand in the sanitizer kernel alone: there these tests are, and must be, run."""
    if KERNEL == "debug":
        return
    config.hook.pytest_deselected(items=[item for item in items if "failing" in item.fixturenames])
    items[:] = [item for item in items if "failing" not in item.fixturenames]


def leave_to_the_sanitizer(config, items):
    """The sanitizer kernel is slow. It runs the first case of each parametrised test, and no test of
    a program: what they prove is proved on the stock kernels, and its own matter, memory and locks,
    is met by one case as by all. Of the whole folder it runs the files above."""
    if KERNEL != "debug" or config.getoption("--every-case"):
        return
    keep_first_cases(
        config, items,
        leave=lambda name: any(part in name for part in PROGRAMS)
        or (whole_folder(config) and os.path.basename(name.partition(".py")[0]).removeprefix("test_") not in LIFETIMES),
        every_case=lambda name: "test_stress" in name,
    )


def share_out_to_kernels(config, items):
    """The whole folder, on the two stock kernels. Each test runs on one of them at least: 6.1 has every
    case but of `edu run` and of the tour; 6.12 has these, and the first case of each other test."""

    def left_to_6_12(name):
        return any(file in name for file in ("test_run.py", "test_run_more.py", "test_tour.py"))

    if not whole_folder(config) or config.getoption("--every-case"):
        return
    if KERNEL == "6.1":
        keep_first_cases(config, items, leave=left_to_6_12, every_case=lambda name: True)
    elif KERNEL == "6.12":
        keep_first_cases(config, items, leave=lambda name: False, every_case=left_to_6_12)


def whole_folder(config):
    return [os.path.basename(path.rstrip("/")) for path in config.args] == ["tests"]


def keep_first_cases(config, items, leave, every_case):
    """Of each test the first case, or every one, or none: by its name without parameters."""
    seen, kept, left = set(), [], []
    for item in items:
        name = item.nodeid.partition("[")[0]
        here = not leave(name) and (name not in seen or every_case(name))
        (kept if here else left).append(item)
        seen.add(name)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


def pytest_addoption(parser):
    parser.addoption("--share", default="1/1", help="N/M: the Nth of M parts of the tests")
    parser.addoption("--long", action="store_true", help="the tests that take minutes too")
    parser.addoption("--every-case", action="store_true", help="on every kernel, whatever its share would be")


def pytest_runtest_logreport(report):
    """A failure is told at once: a session that is killed has no summary."""
    if report.failed:
        print(f"\nFAILED {report.nodeid} ({report.when})\n{report.longreprtext}", flush=True)


@pytest.fixture(autouse=True)
def time_limit(request):
    """No test holds up the others for ever."""

    def too_long(*_):
        raise AssertionError("not done in time")

    signal.signal(signal.SIGALRM, too_long)
    factors = {"long": 360, "patient": 30}
    most = max((factors[mark.name] for mark in request.node.iter_markers() if mark.name in factors), default=6)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE * most)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)


def run(*command, netns=None, check=True, user=None, timeout=PATIENCE * 4, **more):
    """A command's CompletedProcess, with text output; in a namespace when one is given."""
    command = [str(word) for word in command]

    def prepare():
        os.sched_setaffinity(0, CPUS)
        if user is not None:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)

    with in_netns(netns):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False,
            preexec_fn=prepare, **more
        )
    if check and done.returncode:
        raise AssertionError(
            f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done


@contextlib.contextmanager
def started(*command, netns=None, **more):
    """A program that runs beside the block and is ended with it."""
    with in_netns(netns):
        program = subprocess.Popen(
            [str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more
        )
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def in_child(function, user=None):
    """What the function returns (a small int or an errno) in a process of its own, perhaps of
    another user, who has no capability."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            if user is not None:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)
            try:
                told = int(function() or 0)
            except OSError as error:
                told = error.errno
            os.write(writer, str(told).encode())
        except BaseException as error:  # pylint: disable=broad-except
            os.write(writer, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    assert told.lstrip("-").isdigit(), told
    return int(told)


def wait_for(condition, what, patience=PATIENCE):
    """Polls until condition() is true, and returns its value; fails when patience ends."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience} s for {what}")
        time.sleep(0.002)
    return value


# What may happen to a sender while the ground moves.
EXPECTED = {
    errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EINVAL, errno.ENODEV, errno.EAGAIN, errno.ENOBUFS,
    errno.ECONNREFUSED, errno.EADDRNOTAVAIL, errno.EDESTADDRREQ, errno.ENOTCONN, errno.EACCES,
}


@contextlib.contextmanager
def noise(host, function, count=2, expected=EXPECTED):
    """That many processes in the host's namespace call function(n) again and again, on any
    processor; an errno that is not expected fails the test."""
    children = []
    for number in range(count):
        child = os.fork()
        if not child:
            status = 1
            try:
                os.sched_setaffinity(0, CPUS)
                with in_netns(host.name):
                    while True:
                        try:
                            function(number)
                        except OSError as error:
                            if error.errno not in expected:
                                os.write(2, f"noise: {error}\n".encode())
                                break
            finally:
                os._exit(status)
        children.append(child)
    try:
        yield
        for child in children:
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "a sender met an unexpected error"
    finally:
        for child in children:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)


def errno_of(function, *args):
    """The errno with which a call fails, or 0."""
    try:
        function(*args)
    except OSError as error:
        return error.errno
    return 0


class Host:
    """A network namespace. Its commands and sockets, by whichever stack."""

    def __init__(self):
        self.name = f"h{os.getpid()}.{next(numbers)}"
        self.sockets = []
        self._rtnl = None
        netns_add(self.name)
        with in_netns(self.name):
            for which in ("all", "default"):
                # Linux's IPv6 speaks on every device that comes up.
                with contextlib.suppress(OSError), open(
                    f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6", "w", encoding="ascii"
                ) as setting:
                    setting.write("1")

    def delete(self):
        # A connection without a program whose peer is gone tries for minutes, and holds namespace and module.
        for sock in self.sockets:
            abort(sock)
        if self._rtnl:
            self._rtnl.close()
        with contextlib.suppress(FileNotFoundError):  # the module may be gone
            self.tune(tcp_orphan_retries=1)
        # A packet that waits for ARP is charged to its socket, and that holds the namespace: with
        # the device it goes at once, not when ARP gives up.
        run("ip", "-n", self.name, "link", "del", "e0", check=False)
        netns_del(self.name)

    @property
    def rtnl(self):
        if not self._rtnl:
            self._rtnl = rtnl.Rtnl(self.name)
        return self._rtnl

    def station(self, segment, device="e0", **more):
        """A device on that segment, up."""
        self.rtnl.station(device, segment, **more)

    def run(self, *command, **more):
        return run(*command, netns=self.name, **more)

    def started(self, *command, **more):
        return started(*command, netns=self.name, **more)

    def edu(self, *words, **more):
        return run("edu", *words, netns=self.name, **more)

    def edu_json(self, *words):
        return json.loads(self.edu("-j", *words).stdout or "[]")

    def ip(self, *words, **more):
        return run("ip", "-n", self.name, *words, **more)

    def socket(self, kind=SOCK_DGRAM, protocol=0, bind=None):
        sock = EduSocket(kind, protocol, netns=self.name)
        sock.settimeout(PATIENCE)
        sock.kept = self.sockets
        self.sockets.append(sock)
        if bind:
            sock.bind(bind)
        return sock

    def linux_socket(self, kind=SOCK_DGRAM, protocol=0, bind=None):
        sock = linux_socket(kind, protocol, netns=self.name)
        sock.settimeout(PATIENCE)
        self.sockets.append(sock)
        if bind:
            sock.bind(bind)
        return sock

    def proc(self, name):
        """Lines of /proc/net/eduinet/NAME as this host sees it."""
        with in_netns(self.name), open(f"/proc/thread-self/net/eduinet/{name}", encoding="ascii") as file:
            return file.read().splitlines()

    def counters(self):
        """{"Ip.InReceives": 3, …}"""
        lines = self.proc("snmp")
        found = {}
        for names, values in zip(lines[::2], lines[1::2]):
            group, *keys = names.split()
            for key, value in zip(keys, values.split()[1:]):
                found[group.rstrip(":") + "." + key] = int(value)
        return found

    def arp(self):
        """{ip: {"mac", "flags", "state", …}} of /proc/net/eduinet/arp."""
        found = {}
        for line in self.proc("arp")[1:]:
            ip, _, flags, mac, _, device, state, idle, age, retries, queue, ref = line.split()
            found[ip] = {
                "flags": int(flags, 16), "mac": mac, "device": device, "state": state, "idle": int(idle),
                "age": int(age), "retries": int(retries), "queue": int(queue), "ref": int(ref),
            }
        return found

    def tune(self, **values):
        """Sets /proc/sys/net/eduinet/NAME."""
        with in_netns(self.name):
            for name, value in values.items():
                with open(f"/proc/sys/net/eduinet/{name}", "w", encoding="ascii") as file:
                    file.write(str(value))

    @contextlib.contextmanager
    def counts(self, counter, amount=1):
        """The block makes the counter grow by exactly that much; waits until it has."""
        before = self.counters()[counter]
        yield
        try:
            wait_for(lambda: self.counters()[counter] >= before + amount, f"{counter} += {amount}", PATIENCE / 2)
        except AssertionError:
            now = self.counters()
            drops = {name: value for name, value in now.items() if ".Drop" in name and value}
            raise AssertionError(f"{counter} is {now[counter]}, was {before}; {drops}") from None
        assert self.counters()[counter] == before + amount, counter

    def mac(self, device="e0"):
        return self.rtnl.mac(device)


class Wire:
    """A station without any stack's address that hears and says everything."""

    def __init__(self, segment):
        self.host = Host()
        self.host.station(segment)
        self.host.rtnl.link_set("e0", {rtnl.IFF_PROMISC: True})
        with in_netns(self.host.name):
            self.tap = socket.socket(AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self.tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            self.tap.bind(("e0", ETH_P_ALL))
        self.mac = self.host.mac()
        self.echoes = itertools.count(1)
        # What fence() speaks to.
        self.to_mac = self.to_ip = self.ip = None

    def send(self, *frames):
        for frame in frames:
            self.tap.send(bytes(frame))

    def receive(self, patience):
        """The next frame of another station, or None."""
        from scapy.layers.l2 import Ether

        deadline = time.monotonic() + patience
        while True:
            left = deadline - time.monotonic()
            if not select.select([self.tap], [], [], max(0, left))[0]:
                return None
            raw, address = self.tap.recvfrom(70000)
            if address[2] != socket.PACKET_OUTGOING:
                return Ether(raw)

    def expect(self, matches, what, patience=PATIENCE):
        """The next frame from another station for which matches(frame) is true."""
        seen = []
        deadline = time.monotonic() + patience
        while frame := self.receive(deadline - time.monotonic()):
            if matches(frame):
                return frame
            seen.append(frame.summary())
        raise AssertionError(f"no frame: {what}; but {seen}")

    def heard(self):
        """Every frame from other stations that has arrived so far."""
        frames = []
        while frame := self.receive(0):
            frames.append(frame)
        return frames

    def fence(self):
        """Every frame that our host has sent in answer to what we sent so far: an echo request is
        sent behind it, and its reply ends the list."""
        from scapy.layers.inet import ICMP, IP
        from scapy.layers.l2 import Ether

        number = next(self.echoes)
        self.send(
            Ether(dst=self.to_mac, src=self.mac)
            / IP(src=self.ip, dst=self.to_ip)
            / ICMP(type=8, id=0xFE9C, seq=number)
        )
        frames = []
        while frame := self.receive(PATIENCE):
            if ICMP in frame and frame[ICMP].type == 0 and (frame[ICMP].id, frame[ICMP].seq) == (0xFE9C, number):
                return frames
            frames.append(frame)
        raise AssertionError(f"no echo reply; but {[frame.summary() for frame in frames]}")

    def delete(self):
        self.tap.close()
        self.host.delete()


class Lab:
    """A cable and what is plugged into it."""

    def __init__(self):
        self.segment = next(numbers)
        self.parts = []

    def keep(self, part):
        self.parts.append(part)
        return part

    def host(self, **more):
        """A namespace with a station and no address."""
        host = self.keep(Host())
        host.station(self.segment, **more)
        return host

    def edu_host(self, address, **more):
        """A host of ours: "10.0.0.1/24"."""
        host = self.host(**more)
        host.rtnl.address(address, "e0")
        host.address = address.split("/")[0]
        return host

    def linux_host(self, address, **more):
        """An ordinary Linux host on the same cable."""
        host = self.host(**more)
        host.rtnl.link_set("lo", {rtnl.IFF_UP: True})
        host.rtnl.address(address, "e0", family=socket.AF_INET)
        host.address = address.split("/")[0]
        return host

    def wire(self):
        return self.keep(Wire(self.segment))

    def delete(self):
        for part in reversed(self.parts):
            part.delete()


@pytest.fixture
def lab():
    made = Lab()
    yield made
    made.delete()


@pytest.fixture
def pair(lab):
    """lab.a is ours at 10.0.0.1, lab.b Linux at 10.0.0.2, one cable."""
    lab.a = lab.edu_host("10.0.0.1/24")
    lab.b = lab.linux_host("10.0.0.2/24")
    return lab


@pytest.fixture
def wired(lab):
    """lab.a is ours at 10.0.0.1; lab.w is scapy on the same cable, playing 10.0.0.9, whose address
    lab.a knows for ever."""
    lab.a = lab.edu_host("10.0.0.1/24")
    lab.w = lab.wire()
    lab.peer = "10.0.0.9"
    lab.mac = lab.a.mac()
    lab.a.rtnl.neighbour(lab.peer, lab.w.mac, "e0")
    lab.w.to_mac, lab.w.to_ip, lab.w.ip = lab.mac, "10.0.0.1", lab.peer
    lab.w.heard()
    return lab


# TCP with a crafted peer (tcp_wire.py, tcp_lab.py)


@pytest.fixture
def line(wired):
    """wired, as a real wire, and a listener of ours at port 7000."""
    import tcp_lab
    import tcp_wire

    tcp_wire.real_wire(wired)
    wired.listener = wired.a.socket(tcp_lab.STREAM)
    wired.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    wired.listener.bind(("10.0.0.1", tcp_lab.PORT))
    wired.listener.listen(8)
    return wired


@pytest.fixture
def passive(line):
    """A connection that the peer has opened: line.p, line.sock."""
    import tcp_lab
    import tcp_wire

    line.p = tcp_wire.Peer(line, tcp_lab.PORT)
    line.synack = line.p.connect()
    line.sock = line.listener.accept_one()
    return line


# Memory that runs out (faults.py)


@pytest.fixture
def failing():
    import faults

    made = faults.Failing()
    gc.disable()
    yield made
    gc.enable()
    made.close()


# Programs by `edu run` (run_lab.py)


@pytest.fixture(params=["serves", "calls"])
def sides(request, pair):
    """(server, client): ours serves and Linux calls, or the other way around."""
    import run_lab

    ours, theirs = run_lab.Side(pair.a, True), run_lab.Side(pair.b, False)
    return (ours, theirs) if request.param == "serves" else (theirs, ours)
