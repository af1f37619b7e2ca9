# SPDX-License-Identifier: GPL-2.0-only
"""The tool on streams: `edu nc` against Linux's nc in both roles, and what `edu ss` tells of the
connections (TCP-8, BSD-5, BSD-6, INET-7, OVER-6). Filters and lines of /proc: userspace/edu/test."""

import array
import signal
import socket
import subprocess
import threading

import pytest
from conftest import wait_for

PORT = 7000
MUCH = 4 << 20  # octets: more than the buffers of both ends hold together
STREAM = socket.SOCK_STREAM


def states(host, *filter_words):
    """States of TCP sockets by `edu ss`."""
    return [item["state"] for item in host.edu_json("ss", "-t", "-a", "-n", *filter_words)]


def wait_until_listening(host, port=PORT):
    wait_for(lambda: states(host, "state", "listening", "sport", "=", f":{port}"), "the listener")


def linux_listens(host, port=PORT):
    command = ["ss", "-4", "-Htln", "sport", "=", f":{port}"]
    wait_for(lambda: host.run(*command).stdout, "Linux's listener")


@pytest.mark.req("BSD-5", "BSD-6", "OVER-6")
def test_nc_calls_a_listener_of_linux(pair, tmp_path):
    """The end of our input closes our half; what comes after it is still printed."""
    words = tmp_path / "words"
    words.write_text("from the chapter\n")
    with pair.b.started("socat", "-t", "20", f"TCP4-LISTEN:{PORT}", "SYSTEM:cat; echo and all of it") as server:
        linux_listens(pair.b)
        with words.open() as text:
            called = pair.a.edu("nc", "-w", "20", pair.b.address, PORT, stdin=text)
        assert called.stdout == "from the chapter\nand all of it\n"
        assert server.wait(timeout=20) == 0


@pytest.mark.req("BSD-5", "BSD-6", "OVER-6", "TCP-11")
def test_nc_listens_for_linux(pair, tmp_path):
    answer = tmp_path / "answer"
    answer.write_text("the answer\n")
    with answer.open() as text, pair.a.started("edu", "nc", "-l", PORT, stdin=text) as server:
        wait_until_listening(pair.a)
        called = pair.b.run("nc", "-N", "-w", "20", pair.a.address, PORT, input="a question\n")
        assert called.stdout == "the answer\n"
        assert server.communicate(timeout=20) == ("a question\n", "")
        assert server.returncode == 0


def nc_with_files(here, there, *words):
    """The words of a shell that runs `edu nc` from one file into another."""
    return "sh", "-c", 'here=$1 there=$2; shift 2; exec edu nc "$@" <"$here" >"$there"', "nc", here, there, *words


def much(path, first):
    """A file of MUCH octets in which no two places look the same."""
    path.write_bytes(array.array("Q", range(first, first + MUCH // 8)).tobytes())
    return path


@pytest.mark.req("BSD-6", "TCP-11")
def test_two_nc_send_much_at_the_same_time(pair, tmp_path):
    """Neither waits for room in its socket without reading what the other one sends."""
    question, answer = much(tmp_path / "question", 0), much(tmp_path / "answer", MUCH)
    heard, answered = tmp_path / "heard", tmp_path / "answered"
    with pair.a.started(*nc_with_files(answer, heard, "-w", "20", "-l", PORT)) as server:
        wait_until_listening(pair.a)
        called = pair.edu_host("10.0.0.3/24").run(*nc_with_files(question, answered, "-w", "20", pair.a.address, PORT))
        assert called.stderr == ""
        assert server.communicate(timeout=20) == ("", "")
        assert server.returncode == 0
    assert heard.read_bytes() == question.read_bytes()
    assert answered.read_bytes() == answer.read_bytes()


@pytest.mark.req("BSD-6", "TCP-11")
def test_nc_reads_what_an_echo_server_sends_back_meanwhile(pair, tmp_path):
    said, heard = much(tmp_path / "said", 0), tmp_path / "heard"
    listener = pair.b.linux_socket(STREAM, bind=(pair.b.address, PORT))
    listener.listen(1)

    def echo():
        """Takes no more until what it has is sent back."""
        connection = listener.accept()[0]
        connection.settimeout(20)
        with connection:
            while octets := connection.recv(65536):
                connection.sendall(octets)

    server = threading.Thread(target=echo, daemon=True)
    server.start()
    pair.a.run(*nc_with_files(said, heard, "-w", "20", pair.b.address, PORT))
    server.join(timeout=20)
    assert not server.is_alive()
    assert heard.read_bytes() == said.read_bytes()


@pytest.mark.req("BSD-6")
def test_nc_w_ends_it_when_the_other_side_takes_nothing(pair, tmp_path):
    said = much(tmp_path / "said", 0)
    listener = pair.b.linux_socket(STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    listener.bind((pair.b.address, PORT))
    listener.listen(1)
    done = pair.a.run(*nc_with_files(said, tmp_path / "heard", "-w", "3", pair.b.address, PORT), check=False)
    assert done.returncode == 1
    assert f"{pair.b.address} port {PORT} takes no more: not all was sent" in done.stderr


@pytest.mark.req("BSD-6", "TCP-10", "TCP-11")
def test_nc_k_serves_one_after_the_other(pair):
    """Also when one of them breaks its connection."""
    with pair.a.started("edu", "nc", "-v", "-k", "-l", PORT, stdin=subprocess.DEVNULL) as server:
        wait_until_listening(pair.a)
        for round_ in range(2):
            pair.b.run("nc", "-N", "-w", "20", pair.a.address, PORT, input=f"call {round_}\n")
        broken = pair.b.linux_socket(STREAM)
        broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        broken.connect((pair.a.address, PORT))
        wait_for(lambda: "ESTAB" in states(pair.a) or "FIN-WAIT-2" in states(pair.a), "the connection")
        broken.close()
        pair.b.run("nc", "-N", "-w", "20", pair.a.address, PORT, input="last call\n")
        assert [server.stdout.readline() for _ in range(3)] == ["call 0\n", "call 1\n", "last call\n"]
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=20) == -signal.SIGTERM


@pytest.mark.req("TCP-6", "BSD-6")
def test_nc_says_why_it_did_not_work(pair):
    refused = pair.a.edu("nc", "-w", "20", pair.b.address, PORT, check=False, input="")
    assert refused.returncode == 1
    assert f"nobody listens at {pair.b.address} port {PORT}" in refused.stderr
    alone = pair.a.edu("nc", "-w", "0.2", "-l", PORT, check=False, input="")
    assert alone.returncode == 1
    assert "nobody called" in alone.stderr
    taken = pair.a.socket(socket.SOCK_DGRAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind((pair.a.address, PORT))
    second = pair.a.edu("nc", "-u", "-l", PORT, check=False, input="")
    assert second.returncode == 2
    assert "another socket has the port" in second.stderr


@pytest.mark.req("BSD-6", "TCP-8")
def test_a_caller_goes_on_after_the_other_half_has_closed(pair):
    listener = pair.b.linux_socket(STREAM)
    listener.bind((pair.b.address, PORT))
    listener.listen(1)
    with pair.a.started("edu", "nc", pair.b.address, PORT, stdin=subprocess.PIPE) as caller:
        server = listener.accept()[0]
        server.settimeout(20)
        server.shutdown(socket.SHUT_WR)
        wait_for(lambda: states(pair.a, "state", "close-wait"), "CLOSE-WAIT")
        caller.stdin.write("still here\n")
        caller.stdin.close()
        assert server.makefile().read() == "still here\n"
        assert caller.wait(timeout=20) == 0
        server.close()
        caller.stdin = None


@pytest.mark.req("TCP-8", "INET-7")
def test_ss_shows_a_connection_from_its_opening_to_its_end(pair):
    listener = pair.a.socket(STREAM, bind=(pair.a.address, PORT))
    listener.listen(3)
    shown = pair.a.edu_json("ss", "-tlnep")
    assert [(s["state"], s["src"], s["sport"], s["send_q"]) for s in shown] == [
        ("LISTEN", pair.a.address, str(PORT), 3)
    ]
    assert shown[0]["processes"][0]["fd"] == listener.fileno()
    caller = pair.b.linux_socket(STREAM)
    caller.connect((pair.a.address, PORT))
    wait_for(lambda: pair.a.edu_json("ss", "-tln")[0]["recv_q"] == 1, "the connection in the queue")
    caller.sendall(b"seven o")
    (here,) = wait_for(
        lambda: [s for s in pair.a.edu_json("ss", "-tni") if s["recv_q"] == 7], "seven octets"
    )
    port = str(caller.getsockname()[1])
    assert (here["state"], here["dst"], here["dport"]) == ("ESTAB", pair.b.address, port)
    assert here["info"]["bytes_received"] == 7
    assert here["info"]["cong"] in ("cubic", "reno")
    assert here["info"]["mss"] == 1448
    assert "processes" not in here
    text = pair.a.edu("ss", "-tin", "dport", "=", f":{port}").stdout
    assert text.splitlines()[0].split()[:3] == ["State", "Recv-Q", "Send-Q"]
    assert text.splitlines()[1].split() == [
        "ESTAB", "7", "0", f"{pair.a.address}:{PORT}", f"{pair.b.address}:{port}"
    ]
    assert " cubic wscale:" in text or " reno wscale:" in text
    caller.shutdown(socket.SHUT_WR)
    wait_for(lambda: states(pair.a, "state", "close-wait") == ["CLOSE-WAIT"], "CLOSE-WAIT")
    assert pair.a.edu("ss", "-tn", "state", "established").stdout.count("\n") == 1
    assert "TCP:   2 (estab 0," in pair.a.edu("ss", "-s").stdout


@pytest.mark.req("INET-7")
def test_ss_by_kinds_by_a_file_and_in_a_namespace(pair, tmp_path):
    stream, datagram = pair.a.socket(STREAM, bind=(pair.a.address, PORT)), pair.a.socket(
        socket.SOCK_DGRAM, bind=(pair.a.address, PORT))
    stream.listen(1)
    kinds = lambda *more: [s["netid"] for s in pair.a.edu_json("ss", "-an", *more)]
    assert kinds("-A", "tcp") == ["tcp"]
    assert kinds("-A", "udp,tcp") == ["udp", "tcp"]
    assert kinds("-A", "udp", "-A", "tcp") == kinds("-A", "inet") == ["udp", "tcp"]
    assert kinds("-A", "packet_raw") == []
    done = pair.a.edu("ss", "-A", "xdp", check=False)
    assert done.returncode == 1 and "`xdp` is unknown: all, inet, tcp" in done.stderr
    words = tmp_path / "filter"
    words.write_text(f"# ours\nstate listening # not the datagram\nsport = :{PORT}\n")
    assert kinds("-F", str(words)) == ["tcp"]
    assert kinds("-F", str(words), "and", "sport", "=", ":1") == []
    done = pair.a.edu("ss", "-F", str(tmp_path / "none"), check=False)
    assert done.returncode == 1 and "cannot be read" in done.stderr
    there = pair.b.edu("-j", "ss", "-tan", "-N", pair.a.name).stdout
    assert f'"sport":"{PORT}"' in there and f'"sport":"{PORT}"' not in pair.b.edu("-j", "ss", "-tan").stdout
    datagram.close()


@pytest.mark.req("INET-7")
def test_ss_shows_the_other_kinds(pair):
    udp = pair.a.socket(socket.SOCK_DGRAM, bind=(pair.a.address, 5353))
    raw = pair.a.socket(socket.SOCK_RAW, socket.IPPROTO_ICMP)
    found = {s["netid"]: s for s in pair.a.edu_json("ss", "-anp")}
    assert found["udp"]["sport"] == "5353"
    assert found["udp"]["processes"][0]["fd"] == udp.fileno()
    assert found["raw"]["sport"] == "1"
    assert found["raw"]["processes"][0]["fd"] == raw.fileno()
    assert {s["netid"] for s in pair.a.edu_json("ss", "-a", "-w")} == {"raw"}
    assert pair.a.edu("ss", "-a", "-u", "-H", "sport", "=", ":5354").stdout == ""
    bad = pair.a.edu("ss", "sport", check=False)
    assert (bad.returncode, "the filter ends" in bad.stderr) == (1, True)
