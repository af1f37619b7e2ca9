# SPDX-License-Identifier: GPL-2.0-only
"""The module's life: loading on demand, refusing to go, going without a trace (BSD-1, BSD-3)."""

import errno
import os
import socket
import subprocess

import pytest
import rtnl
from conftest import EFFORT, PATIENCE, Host, Lab, errno_of, run, wait_for
from edusock import AF_EDUINET, EduSocket

# One module for the whole VM: other tests' hosts are gone, their namespaces perhaps not quite.


def unload():
    """The module goes, as soon as the namespaces of earlier tests have."""
    try:
        wait_for(lambda: run("rmmod", "eduinet", check=False).returncode == 0, "rmmod", PATIENCE * 4)
    except AssertionError:
        users = run("sh", "-c", "lsmod | grep eduinet; ip netns").stdout
        raise AssertionError(f"rmmod is refused: {users}") from None


def load(*arguments):
    run("modprobe", "eduinet", *arguments)


def is_loaded():
    return os.path.exists("/sys/module/eduinet/refcnt")


def refused():
    done = run("rmmod", "eduinet", check=False)
    return done.returncode != 0 and "in use" in done.stderr


@pytest.fixture
def unloaded():
    unload()
    yield
    if is_loaded():
        unload()
    load()


@pytest.mark.req("BSD-3")
def test_a_socket_of_the_family_loads_the_module(unloaded):
    assert not is_loaded()
    with EduSocket():
        assert is_loaded()


@pytest.mark.req("BSD-3")
def test_the_device_kind_loads_the_module(unloaded):
    netlink = rtnl.Rtnl()
    netlink.station("onload", 77)
    assert is_loaded()
    netlink.link_del("onload")
    netlink.close()


@pytest.mark.req("BSD-1")
def test_nothing_is_left_behind(unloaded):
    for path in ("/proc/net/eduinet", "/proc/sys/net/eduinet", "/sys/module/eduinet"):
        assert not os.path.exists(path)
    with open("/proc/net/protocols", encoding="ascii") as file:
        # Linux's own UDP, RAW and PING are the kernel's: only the module's name tells.
        assert "eduinet" not in file.read()
    assert errno_of(rtnl.Rtnl().index, "edulo") == errno.ENODEV


@pytest.mark.req("BSD-2")
def test_the_family_can_be_moved(unloaded):
    load("family=14")
    with open("/sys/module/eduinet/parameters/family", encoding="ascii") as file:
        assert file.read().strip() == "14"
    socket.socket(14, socket.SOCK_DGRAM).close()
    assert errno_of(socket.socket, AF_EDUINET, socket.SOCK_DGRAM) == errno.EAFNOSUPPORT


@pytest.mark.req("BSD-1", "BSD-2")
@pytest.mark.parametrize("family", ["2", "46", "-1"])
def test_a_family_that_is_taken_or_impossible_is_refused(unloaded, family):
    assert run("modprobe", "eduinet", f"family={family}", check=False).returncode
    assert not is_loaded()


@pytest.mark.patient
@pytest.mark.req("BSD-1")
def test_reload_again_and_again(unloaded):
    for _ in range(3 * EFFORT + 1):
        load()
        with EduSocket() as sock:
            sock.bind(("127.0.0.1", 0))
        unload()


@pytest.mark.req("LAYER-3")
def test_an_open_socket_holds_the_module():
    sock = EduSocket()
    assert refused()
    sock.close()
    unload()
    load()


@pytest.mark.req("LAYER-3")
def test_a_device_holds_the_module():
    host = Host()
    host.station(1)
    assert refused()
    host.rtnl.link_del("e0")
    unload()
    load()
    host.delete()


@pytest.mark.req("LAYER-2", "LAYER-3")
def test_an_attached_foreign_device_holds_the_module():
    a, b = Host(), Host()
    a.rtnl.veth("v0", "v0", b.name)
    b.rtnl.link_set("v0", {rtnl.IFF_UP: True})
    a.rtnl.address("10.0.0.1/24", "v0")
    assert refused()
    a.rtnl.address("10.0.0.1/24", "v0", delete=True)
    unload()
    assert a.rtnl.flags("v0") & rtnl.IFF_UP
    load()
    a.delete()
    b.delete()


@pytest.mark.req("LAYER-3")
def test_a_namespace_takes_all_with_it():
    lab = Lab()
    for number in range(3):
        host = lab.edu_host(f"10.0.0.{number + 1}/24")
        host.rtnl.route("10.9.0.0/16", via="10.0.0.77")
        host.socket(bind=("10.0.0.%d" % (number + 1), 9)).sendto(b"x", ("10.0.0.99", 9))
    lab.delete()
    unload()
    load()


@pytest.mark.patient
@pytest.mark.req("LAYER-3")
def test_namespace_storm():
    """Namespaces are made by two processes at once, used and dropped."""
    program = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from conftest import Lab\n"
        f"for _ in range({5 * EFFORT}):\n"
        "    lab = Lab(); lab.segment = int(sys.argv[1])\n"
        "    host = lab.edu_host('10.0.0.1/24')\n"
        "    sock = host.socket(bind=('10.0.0.1', 7))\n"
        "    sock.sendto(b'x', ('10.0.0.1', 7)); sock.recv(1)\n"
        "    sock.sendto(b'x', ('10.0.0.2', 7))\n"
        "    lab.delete()\n"
    )
    # conftest counts names from 1: these two would collide with each other and with us.
    program = program.replace("from conftest import Lab", "import conftest, itertools\nfrom conftest import Lab\n"
                              "conftest.numbers = (f'{sys.argv[1]}x{n}' for n in itertools.count())\n"
                              "Lab.__init__ = lambda self: setattr(self, 'parts', [])")
    storms = [
        subprocess.Popen(["/usr/bin/python3", "-c", program, str(900 + number)], stderr=subprocess.PIPE, text=True)
        for number in range(2)
    ]
    try:
        for storm in storms:
            _, errors = storm.communicate()
            assert storm.returncode == 0, errors
    finally:
        for storm in storms:
            storm.kill()
            storm.wait()
