# SPDX-License-Identifier: GPL-2.0-only
"""Devices of type eduinet by iproute2 with its link plug-in (DEV-1), and the groups of interfaces beside
`ip maddr` (UDP-3). What needs no module is in userspace/edu/test."""

import json
import os
import socket
import struct

import pytest
from conftest import Host, run, wait_for

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# What `make install` puts where iproute2 looks by itself.
PLUGINS = {**os.environ, "IP_LIB_DIR": os.path.join(TOP, "build/userspace/lib")}
SEGMENT = 77007


@pytest.fixture
def host():
    made = Host()
    yield made
    made.delete()


def ip(host, *words, check=True):
    return host.run("ip", *words, env=PLUGINS, check=check)


def segment_of(host, device="e0"):
    """By the tool, which asks the kernel."""
    return host.edu_json("link", "show", device)[0]["linkinfo"]["info_data"]["segment"]


@pytest.mark.req("DEV-1")
def test_ip_makes_a_device_on_a_segment(host):
    ip(host, "link", "add", "e0", "type", "eduinet", "segment", SEGMENT)
    assert segment_of(host) == SEGMENT
    assert f"eduinet segment {SEGMENT} " in ip(host, "-d", "link", "show", "e0").stdout
    shown = json.loads(ip(host, "-d", "-j", "link", "show", "e0").stdout)[0]
    assert shown["linkinfo"] == {"info_kind": "eduinet", "info_data": {"segment": SEGMENT}}


@pytest.mark.req("DEV-1")
def test_ip_chooses_the_name_and_segment_0(host):
    ip(host, "link", "add", "type", "eduinet", "segment", "0xffffffff")
    device = next(d for d in host.edu_json("link") if d.get("linkinfo", {}).get("info_kind") == "eduinet")
    assert device["linkinfo"]["info_data"]["segment"] == 0xFFFFFFFF
    ip(host, "link", "del", device["ifname"])
    ip(host, "link", "add", "e0", "type", "eduinet")
    assert segment_of(host) == 0


@pytest.mark.req("DEV-1")
def test_ip_moves_a_device_to_another_segment(host):
    ip(host, "link", "add", "e0", "type", "eduinet", "segment", SEGMENT)
    ip(host, "link", "set", "e0", "type", "eduinet", "segment", SEGMENT + 1)
    assert segment_of(host) == SEGMENT + 1


@pytest.mark.req("DEV-1")
@pytest.mark.parametrize("words", [("segment",), ("segment", "x"), ("segment", "-1"), ("segment", "4294967296"),
                                   ("segment", ""), ("segment", "1", "segment", "2"), ("cable", "1")])
def test_ip_refuses_what_makes_no_sense_and_makes_no_device(host, words):
    done = ip(host, "link", "add", "e0", "type", "eduinet", *words, check=False)
    assert done.returncode and "eduinet" in done.stderr
    assert ip(host, "link", "show", "e0", check=False).returncode


@pytest.mark.req("DEV-1")
def test_ip_explains_the_type(host):
    assert "eduinet [ segment N ]" in ip(host, "link", "help", "eduinet").stdout
    done = ip(host, "link", "add", "e0", "type", "eduinet", "help", check=False)
    assert done.returncode and "eduinet [ segment N ]" in done.stderr


# Groups


def join(host, group):
    """A member of the group on e0, as long as the socket lives."""
    sock = host.socket(socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_IP, socket.IP_ADD_MEMBERSHIP,
                    struct.pack("=4s4si", socket.inet_aton(group), bytes(4), host.edu_json("link", "show", "e0")[0]["ifindex"]))
    return sock


def groups(host, *words):
    return host.edu_json("maddr", "show", *words)


@pytest.mark.req("UDP-3")
def test_maddr_shows_the_groups_of_sockets_and_of_the_link(lab):
    host = lab.edu_host("10.0.0.1/24")
    first, second = join(host, "239.1.2.3"), join(host, "239.1.2.3")
    shown = groups(host, "e0")
    assert [item["ifname"] for item in shown] == ["e0"]
    inet = {item["address"]: item.get("users", 1) for item in shown[0]["maddr"] if "family" in item}
    assert inet["239.1.2.3"] == 2 and "224.0.0.1" in inet
    # What `ip` knows too, the groups of the device, is shown as it shows them.
    theirs = json.loads(host.ip("-j", "maddr", "show", "dev", "e0").stdout)[0]["maddr"]
    link = [item for item in shown[0]["maddr"] if "link" in item]
    assert link == [item for item in theirs if "link" in item]
    assert "01:00:5e:01:02:03" in [item["link"] for item in link]
    text = host.edu("maddr", "show", "dev", "e0").stdout
    assert "\n\tinet  239.1.2.3 users 2\n" in text and "\n\tlink  01:00:5e:01:02:03\n" in text
    first.close()
    second.close()
    wait_for(lambda: "239.1.2.3" not in host.edu("maddr").stdout, "the group to be left")


@pytest.mark.req("UDP-3")
def test_maddr_without_a_device_shows_those_attached(lab):
    host = lab.edu_host("10.0.0.1/24")
    run("ip", "-n", host.name, "link", "add", "e1", "type", "eduinet")
    names = [item["ifname"] for item in groups(host)]
    assert "e0" in names and "e1" not in names
    assert [item["ifname"] for item in groups(host, "e1")] == ["e1"]


@pytest.mark.req("UDP-3")
def test_maddr_writes_groups_of_the_link(lab):
    host = lab.edu_host("10.0.0.1/24")
    host.edu("maddr", "add", "01:00:5e:00:00:09", "dev", "e0")
    assert "link  01:00:5e:00:00:09 static\n" in host.edu("maddr", "show", "e0").stdout
    assert "link  01:00:5e:00:00:09 static\n" in host.ip("maddr", "show", "dev", "e0").stdout
    host.edu("maddr", "del", "01:00:5e:00:00:09", "dev", "e0")
    assert "01:00:5e:00:00:09" not in host.ip("maddr", "show", "dev", "e0").stdout
    done = host.edu("maddr", "del", "01:00:5e:00:00:09", "dev", "e0", check=False)
    assert done.returncode == 2 and "`edu maddr` lists what there is" in done.stderr
    done = host.edu("maddr", "add", "239.1.2.3", "dev", "e0", check=False)
    assert done.returncode == 1
    done = host.edu("maddr", "add", "01:00:5e:00:00:09", check=False)
    assert done.returncode == 1 and "edu maddr add LLADDR dev NAME" in done.stderr
    done = host.edu("maddr", "add", "01:00:5e:00:00:09", "dev", "e0", user=65534, check=False)
    assert done.returncode == 2 and "CAP_NET_ADMIN" in done.stderr
