# SPDX-License-Identifier: GPL-2.0-only
"""What an attacker may send, in each state of a connection: Linux and we draw the same conclusions (RFC 9293
3.10.7, RFC 5961, RFC 7323; OVER-3). And what a scanner learns of us (RFC 6528)."""

import ctypes
import random
import re
import socket
import struct

import pytest
from conftest import Lab
from edusock import libc
from tcp_lab import PORT
from tcp_sides import ACK, FIN, PSH, RST, STATES, SYN, URG, Connection, two_sides

STREAM = socket.SOCK_STREAM
FAR = 1 << 24

# (state, attack): why it differs.
DIFFERENT = {
    ("syn_received", "ack of just now"): "RFC 9293 3.10.7.4, fifth: SND.UNA < SEG.ACK, else a reset",
    ("time_wait", "rst in the window"): "RFC 5961 3.2: a challenge here too",
    ("time_wait_with_octets", "rst in the window"): "the same",
}
DIFFERENT |= {
    ("syn_received", attack): "RFC 9293 3.10.7.4, second: who has called is refused"
    for attack in ("rst", "rst ack", "rst ack, wrong", "rst with octets", "syn rst", "everything")
}
DIFFERENT |= {
    (state, attack): "RFC 9293 3.10.7.4, sixth: behind a FIN the urgent pointer is ignored; Linux looks at it"
    for attack in ("urgent 0", "urgent twice")
    for state in ("peer_closed", "peer_closed_with_octets", "closing", "last_ack")
}
DIFFERENT |= {
    (state, attack): "RFC 9293 3.10.7.4, fifth: \"send an ACK, drop the segment\""
    for attack in ("ack of what is unsent", "octets with ack of what is unsent")
    for state in ("listening_with_one", "established", "with_octets", "with_urgent", "with_urgent_first", "unacknowledged",
                  "read_shut_down")
}


@pytest.fixture(scope="module")
def sides():
    lab = Lab()
    yield two_sides(lab)
    lab.delete()


def one(*arguments, **more):
    return lambda c: c.send(*arguments, **more)


def several(*attacks):
    def send_all(c):
        for attack in attacks:
            attack(c)

    return send_all


ATTACKS = {
    "rst": one(RST),
    "rst ack": one(RST | ACK),
    "rst ack, wrong": one(RST | ACK, ack=FAR),
    "rst in the window": one(RST, ahead=100),
    "rst behind": one(RST, ahead=-1),
    "rst at the edge": one(RST, ahead=65535),
    "rst far": one(RST, ahead=FAR),
    "rst with octets": one(RST, b"junk"),
    "syn": one(SYN),
    "syn in the window": one(SYN, ahead=100),
    "syn behind": one(SYN, ahead=-1000),
    "syn ack": one(SYN | ACK),
    "syn ack, wrong": one(SYN | ACK, ack=FAR),
    "syn fin": one(SYN | FIN),
    "syn rst": one(SYN | RST),
    "syn with octets": one(SYN, b"junk"),
    "xmas": one(FIN | URG | PSH),
    "everything": one(0x3F),
    "nothing": one(0),
    "octets without ack": one(PSH, b"junk"),
    "fin without ack": one(FIN),
    "ack": one(ACK),
    "ack of what is unsent": one(ACK, ack=FAR),
    "octets with ack of what is unsent": one(ACK, b"junk", ack=FAR),
    "ack of long ago": one(ACK, b"junk", ack=-(1 << 30)),
    "ack of just now": one(ACK, ack=-1),
    "fin ahead": one(FIN | ACK, ahead=10),
    "fin behind": one(FIN | ACK, ahead=-1),
    "octets far": one(ACK, b"junk", ahead=FAR),
    "octets behind": one(ACK, b"junk", ahead=-4),
    "octets half behind": one(ACK, b"junk", ahead=-2),
    "octets ahead": one(ACK, b"junk", ahead=10),
    "octets behind a fin ahead": several(one(FIN | ACK, b"ab", ahead=4), one(ACK, b"xyz", ahead=6)),
    "two fins ahead": several(one(FIN | ACK, ahead=4), one(FIN | ACK, ahead=2)),
    "a fin before octets": several(one(ACK, b"after", ahead=4), one(FIN | ACK, ahead=2), one(ACK, b"be")),
    "urgent, nothing": one(ACK | URG, urgent=5),
    "urgent 0": one(ACK | URG, b"junk", urgent=0),
    "urgent beyond": one(ACK | URG, b"junk", urgent=50000),
    "urgent twice": several(one(ACK | URG, b"junk", urgent=2), one(ACK | URG, b"more", ahead=4, urgent=1)),
    "window 0": one(ACK, window=0),
    "sack of nonsense": one(ACK, options=b"\x01\x01\x05\x12" + struct.pack("!4I", 5, 1, 0xFFFFFFFF, 7)),
    "timestamps that nobody asked for": one(ACK, b"junk", options=b"\x01\x01\x08\x0a" + bytes(8)),
    "an option without end": one(ACK, b"junk", options=b"\x13\xff\x13\x13"),
    "options of length 0": one(ACK, b"junk", options=b"\x05\x00\x05\x00"),
    "forty octets of options": one(ACK, b"junk", options=b"\x02\x04\x00\x01" * 10),
}


# With timestamps, PAWS (RFC 7323 5).
STAMPED = {
    f"{label}, {younger}": one(flags, data, ahead=ahead, younger=younger)
    for label, flags, data, ahead in (
        ("octets", ACK, b"junk", 0), ("octets ahead", ACK, b"junk", 5), ("ack", ACK, b"", 0), ("fin", FIN | ACK, b"", 0),
        ("rst", RST, b"", 0), ("rst in the window", RST, b"", 9), ("syn", SYN, b"", 0), ("syn far", SYN, b"", FAR),
        ("octets far", ACK, b"junk", FAR),
    )
    for younger in (-1, 0, 1, -(1 << 31) + 1, -(1 << 31), (1 << 31) - 1)
} | {
    "octets without a stamp": one(ACK, b"junk", options=b""),
    "rst without a stamp": one(RST, options=b""),
    "late octets ahead, then those before": several(
        one(ACK, b"junk", ahead=4, younger=9), one(ACK, b"more", younger=5)),
    "a stamp from far ahead, then older": several(one(ACK, b"junk", younger=1000), one(ACK, b"more", ahead=4, younger=1)),
}
# Linux lets a stamp be one behind. For the rest see above.
ONE_BEHIND = {"octets, -1", "octets ahead, -1", "ack, -1", "fin, -1"}
STAMPED_DIFFERENT = {
    "syn_received": {label for label in STAMPED if re.match("rst(,| without)", label)},
    "time_wait": {label for label in STAMPED if label.startswith("rst in the window")},
}


STAMPED_STATES = [state for state in STATES if state.__name__ in (
    "established", "with_octets", "peer_closed", "fin_wait1", "fin_wait2", "closing", "time_wait", "last_ack", "syn_received")]


def come_of(side, state, attack, **more):
    """State, poll(), octets to read and those octets, the pending error, and what went out."""
    c = Connection(side, **more)
    state(c)
    c.forget_what_was_sent()
    before = [c.state(), c.ioctl(0x541B)]
    attack(c)
    out = c.sent(acks=True)
    found = [c.state(), c.events(), c.ioctl(0x541B)]
    if before != [found[0], found[2]] and (ACK, 0, False) in out:
        out.remove((ACK, 0, False))  # of what is taken: either stack may delay it, and time decides
    buffer = ctypes.create_string_buffer(100)
    got = libc.recv(c.fd, buffer, 100, socket.MSG_DONTWAIT)
    found += [buffer.raw[:got] if got >= 0 else ctypes.get_errno(), c.get(1, 4), out]
    c.close()
    return found


def compare(sides, state, attacks, **more):
    text = []
    for label, attack in attacks.items():
        if (state.__name__, label) in DIFFERENT:
            continue
        wanted, got = come_of(sides.linux, state, attack, **more), come_of(sides.edu, state, attack, **more)
        if wanted != got:
            text.append(f"{label}: Linux {wanted}, ours {got}")
    assert not text, "\n".join(text)


def each_state(states):
    return pytest.mark.parametrize("state", states, ids=[state.__name__ for state in states])


@pytest.mark.patient
@pytest.mark.req("OVER-3", "RFC9293-3.10.7.4", "RFC9293-3.10.7.3", "RFC5961-3", "RFC5961-4", "RFC5961-5")
@each_state(STATES)
def test_every_attack_in_every_state(sides, state):
    """The attacker knows the ports and all numbers."""
    compare(sides, state, ATTACKS)


@pytest.mark.patient
@pytest.mark.req("OVER-3", "RFC9293-3.4")
@each_state(STAMPED_STATES)
def test_every_attack_where_the_numbers_begin_again(sides, state):
    compare(sides, state, ATTACKS, seq=(1 << 32) - 3)


@pytest.mark.patient
@pytest.mark.req("OVER-3", "RFC7323-5")
@pytest.mark.parametrize("stamp", [5000, 0, (1 << 32) - 1])
@each_state(STAMPED_STATES)
def test_every_stamp_in_every_state(sides, state, stamp):
    left_out = ONE_BEHIND | STAMPED_DIFFERENT.get(state.__name__, set())
    compare(sides, state, {label: attack for label, attack in STAMPED.items() if label not in left_out}, stamp=stamp)


# Chance


WORDS = bytes(range(1, 251))


def a_peer_by_chance(seed):
    """What a peer says that cannot be trusted, but says of each place in its stream always the same."""
    chance = random.Random(seed)
    steps = []
    for _ in range(chance.randrange(3, 12)):
        what = chance.randrange(12)
        start, length = chance.randrange(0, 40), chance.randrange(1, 12)
        if what < 7:
            steps.append(one(ACK | (chance.randrange(8) == 0 and URG), WORDS[start : start + length], ahead=start,
                             urgent=chance.randrange(length) + 1))
        elif what == 7:
            steps.append(one(FIN | ACK, WORDS[30:40], ahead=30))
        elif what == 8:
            steps.append(one(ACK, ack=chance.choice([0, -1, 1, FAR, -FAR]), ahead=chance.choice([0, 0, 40, FAR])))
        elif what == 9:
            steps.append(one(chance.choice([RST, SYN, SYN | ACK]), ahead=chance.randrange(50, 300)))
        elif what == 10:
            steps.append(lambda c: libc.recv(c.fd, ctypes.create_string_buffer(5), 5, socket.MSG_DONTWAIT))
        else:
            steps.append(lambda c, how=chance.randrange(3): libc.shutdown(c.fd, how) if how != 1 else 0)
    return several(*(step_and_fence(step) for step in steps))


def step_and_fence(step):
    """A program's call comes when all before it has arrived."""

    def both(c):
        step(c)
        c.sent()

    return both


@pytest.mark.patient
@pytest.mark.req("OVER-3", "OVER-6", "TCP-12", "RFC9293-3.10.7.4")
@pytest.mark.parametrize("seed", range(8))
def test_peers_by_chance_end_alike(sides, seed):
    established = next(state for state in STATES if state.__name__ == "established")
    text = []
    for number in range(seed * 1000, seed * 1000 + 30):
        attack = a_peer_by_chance(number)
        wanted, got = (come_of(side, established, attack, seq=number * 0x9E3779B1 % (1 << 32))[:5]
                       for side in (sides.linux, sides.edu))
        if wanted != got:
            text.append(f"{number}: Linux {wanted}, ours {got}")
    assert not text, "\n".join(text)


# What contradicts itself


@pytest.mark.req("OVER-6", "TCP-12", "RFC9293-3.10.7.4")
def test_octets_that_contradict_themselves(passive):
    """What the program may have seen stays as it was, and each place has one of the octets said of it."""
    p = passive.p
    p.say(ACK | PSH, b"seen")
    assert passive.sock.recv(4, socket.MSG_PEEK | socket.MSG_WAITALL) == b"seen"
    p.send(ACK, b"XXXXab", seq=p.seq - 4)
    p.send(ACK, b"YYYY", seq=p.seq + 4)
    p.send(ACK, b"ZZZZZZ", seq=p.seq + 3)
    p.send(ACK, b"cde", seq=p.seq + 2)
    p.fence()
    got = passive.sock.recv(100)
    assert got[:7] in (b"seenabc", b"seenabc") and len(got) == 13 and got[12:] == b"Z"
    assert set(got[7:12]) <= set(b"deYZ")


# What a scanner learns


@pytest.mark.patient
@pytest.mark.req("TCP-4", "RFC6528-3")
def test_nmap_cannot_guess_our_numbers(pair):
    listener = pair.a.socket(STREAM, bind=(pair.a.address, PORT))
    listener.listen(64)
    told = pair.b.run("nmap", "-O", "-v", "-n", "-Pn", "-p", f"{PORT},{PORT + 1}", "--max-os-tries", "1", pair.a.address,
                      timeout=240).stdout
    found = re.search(r"TCP Sequence Prediction: Difficulty=(\d+)", told)
    assert found and int(found[1]) >= 200, told
    assert "Good luck!" in told
    numbers = re.search(r"IP ID Sequence Generation: (.*)", told)
    assert numbers and "ncremental" not in numbers[1] and "Duplicated" not in numbers[1], told
