# SPDX-License-Identifier: GPL-2.0-only
"""edulo, the loopback device of EDUINET (LAYER-2, DEV-1; RFC 1122 3.2.1.3 (g))."""

import errno
import socket

import pytest
import rtnl
from conftest import Host, errno_of


@pytest.fixture
def host(lab):
    return lab.keep(Host())


@pytest.mark.req("LAYER-2", "DEV-1")
def test_edulo_is_up_with_its_address_in_every_namespace(lab):
    for _ in range(2):
        host = lab.keep(Host())
        assert host.rtnl.flags("edulo") & rtnl.IFF_UP
        assert [one[1:] for one in host.rtnl.addresses()] == [("127.0.0.1", 8)]
        (line,) = host.proc("interfaces")[1:]
        assert line.split()[0] == "edulo"


@pytest.mark.req("LAYER-2")
@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3"])
def test_ping_of_a_loopback_address(host, address):
    done = host.edu("ping", "-c2", "-i0.05", address)
    assert "2 received" in done.stdout


@pytest.mark.req("LAYER-2", "UDP-3")
def test_udp_to_oneself(host):
    server = host.socket(bind=("127.0.0.1", 7000))
    client = host.socket()
    for size in (0, 1, 1472, 16000, 65507):
        client.sendto(bytes(size), ("127.0.0.1", 7000))
        data, source = server.recvfrom(70000)
        assert len(data) == size and source == ("127.0.0.1", client.getsockname()[1])


@pytest.mark.req("LAYER-2")
def test_own_address_of_another_device_goes_through_edulo(lab):
    host = lab.edu_host("10.0.0.1/24")
    server = host.socket(bind=("10.0.0.1", 7000))
    before, e0_before = (host.rtnl.statistics(name)["tx_packets"] for name in ("edulo", "e0"))
    host.socket().sendto(b"self", ("10.0.0.1", 7000))
    assert server.recvfrom(10)[1][0] == "10.0.0.1"
    assert host.rtnl.statistics("edulo")["tx_packets"] == before + 1
    assert host.rtnl.statistics("e0")["tx_packets"] == e0_before


@pytest.mark.req("LAYER-2")
def test_linux_does_not_answer_on_it(host):
    """Linux's own loopback is down here, and its stack must not take 127.0.0.1 from ours."""
    assert "127.0.0.1" not in host.ip("-4", "addr", "show", "dev", "edulo").stdout
    linux = host.linux_socket()
    assert errno_of(linux.sendto, b"x", ("127.0.0.1", 7000)) == errno.ENETUNREACH


@pytest.mark.req("LAYER-2")
def test_linux_loopback_and_ours_do_not_meet(host):
    host.rtnl.link_set("lo", {rtnl.IFF_UP: True})
    ours, theirs = host.socket(bind=("127.0.0.1", 7000)), host.linux_socket(bind=("127.0.0.1", 7000))
    host.socket().sendto(b"ours", ("127.0.0.1", 7000))
    host.linux_socket().sendto(b"theirs", ("127.0.0.1", 7000))
    assert ours.recv(10) == b"ours"
    assert theirs.recv(10) == b"theirs"


@pytest.mark.req("LAYER-2")
def test_edulo_cannot_be_deleted_or_moved(host, lab):
    other = lab.keep(Host())
    assert errno_of(host.rtnl.link_del, "edulo") == errno.EOPNOTSUPP
    assert errno_of(lambda: host.rtnl.link_set("edulo", netns=other.name)) == errno.EINVAL


@pytest.mark.req("LAYER-2", "DEV-1")
def test_edulo_down_and_up_again(host):
    server = host.socket(bind=("127.0.0.1", 7000))
    host.rtnl.link_set("edulo", {rtnl.IFF_UP: False})
    assert errno_of(host.socket().sendto, b"x", ("127.0.0.1", 7000)) in (errno.ENETUNREACH, errno.ENETDOWN)
    host.rtnl.link_set("edulo", {rtnl.IFF_UP: True})
    host.socket(socket.SOCK_DGRAM).sendto(b"again", ("127.0.0.1", 7000))
    assert server.recv(10) == b"again"
