# SPDX-License-Identifier: GPL-2.0-only
"""What takes minutes: a gibibyte each way over a bad cable, ten thousand connections at once.

Not part of the daily run: scripts/check-vm 6.1 -- tests/test_long.py --long"""

import collections
import resource
import struct

import pytest
from conftest import wait_for
from test_tcp import PORT, STREAM, accept, both_roles, connection, digest_transfer, hurry, impair

pytestmark = pytest.mark.long

GIBIBYTE = 1 << 30
BAD_CABLE = ("loss", "2%", "duplicate", "2%", "delay", "2ms", "reorder", "75%")


@pytest.mark.req("OVER-6", "TCP-5", "TCP-12")
@both_roles
def test_a_gibibyte_over_a_bad_cable(pair, ours_listens):
    """As client it is sent, as server received."""
    hurry(pair)
    ours, theirs = connection(pair, ours_listens)
    impair(pair.a, *BAD_CABLE)
    impair(pair.b, *BAD_CABLE)
    writer, reader = (theirs, ours) if ours_listens else (ours, theirs)
    sent, got = digest_transfer(writer, reader, GIBIBYTE)
    assert sent == got


@pytest.mark.req("INET-7", "TCP-7", "TCP-10")
def test_ten_thousand_connections(pair):
    """All open at once, each with its own octets; then all close."""
    count = 10_000
    resource.setrlimit(resource.RLIMIT_NOFILE, (65536, 65536))
    hurry(pair)
    pair.a.tune(tcp_time_wait_ms=1000)
    listener = pair.a.socket(STREAM, bind=(pair.a.address, PORT))
    listener.listen(4096)
    clients, servers = [], {}
    for _ in range(count):
        client = pair.b.linux_socket(STREAM)
        client.connect((pair.a.address, PORT))
        server = accept(listener)
        clients.append(client)
        servers[server.getpeername()[1]] = server
    assert len(servers) == count
    for number, client in enumerate(clients):
        client.send(struct.pack("!I", number))
    for number, client in enumerate(clients):
        server = servers[client.getsockname()[1]]
        assert server.recv(4) == struct.pack("!I", number)
        server.send(struct.pack("!I", number + 1))
    for number, client in enumerate(clients):
        assert client.recv(4) == struct.pack("!I", number + 1)
    for sock in (*clients, *servers.values()):
        sock.close()
    listener.close()
    left = collections.Counter()

    def all_have_ended():
        left.clear()
        left.update(line.split()[3] for line in pair.a.proc("tcp")[1:])
        return not left

    try:
        wait_for(all_have_ended, "every connection to end", 60)
    except AssertionError as late:
        raise AssertionError(f"{late}; by state: {dict(left)}") from late
