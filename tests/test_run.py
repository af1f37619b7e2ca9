# SPDX-License-Identifier: GPL-2.0-only
"""Programs that nobody here wrote, by `edu run`, against the same program on Linux's stack at the other
end of a cable, in both roles (BSD-5, BSD-6, OVER-2, OVER-6). The EDUINET host has no address in Linux's
stack, so whatever arrives went by ours."""

import os
import re
import signal

import pytest
from conftest import PATIENCE
from run_lab import PORT


@pytest.fixture
def page(tmp_path):
    """A folder to serve with a file of 200,000 octets."""
    (tmp_path / "page").write_bytes(os.urandom(200_000))
    tmp_path.chmod(0o755)
    return tmp_path


NGINX = """daemon off; user root; pid {folder}/pid; error_log {folder}/error;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen {port}; root {folder}; sendfile on; tcp_nopush on; }} }}
"""


@pytest.mark.req("BSD-5", "BSD-6", "OVER-6")
def test_nginx_with_curl_wget_and_wrk(sides, page):
    server, client = sides
    settings = page / "conf"
    settings.write_text(NGINX.format(folder=page, port=PORT))
    url = f"http://{server.address}:{PORT}/page"
    with server.started("/usr/sbin/nginx", "-c", settings) as nginx:
        server.wait_listening(nginx)
        client.run("curl", "-sS", "-o", page / "curled", url)
        client.run("wget", "-q", "-O", page / "wgot", url)
        told = client.run("wrk", "-t1", "-c4", "-d3", "--timeout", "30s", url).stdout
        assert "Socket errors" not in told and int(re.search(r"(\d+) requests in", told)[1]) > 0, told
        nginx.send_signal(signal.SIGQUIT)
        assert nginx.wait(PATIENCE) == 0
    assert (page / "curled").read_bytes() == (page / "wgot").read_bytes() == (page / "page").read_bytes()


@pytest.mark.req("BSD-5", "BSD-6", "OVER-6")
def test_http_of_python(sides, page):
    server, client = sides
    with server.started("/usr/bin/python3", "-m", "http.server", PORT, "-d", page) as daemon:
        server.wait_listening(daemon)
        script = f"import urllib.request as u; print(len(u.urlopen('http://{server.address}:{PORT}/page').read()))"
        assert client.run("/usr/bin/python3", "-c", script).stdout == "200000\n"


@pytest.mark.req("BSD-6", "OVER-6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_socat(sides, kind):
    server, client = sides
    listen = {"tcp": f"TCP4-LISTEN:{PORT},reuseaddr", "udp": f"UDP4-RECVFROM:{PORT}"}[kind]
    with server.started("socat", f"-t{PATIENCE}", listen, "SYSTEM:read line; echo you said $line $SOCAT_PEERADDR") as program:
        server.wait_listening(program, kind={"tcp": "-t", "udp": "-u"}[kind])
        target = f"{kind.upper()}4:{server.address}:{PORT}"
        told = client.run("socat", f"-t{PATIENCE}", "-", target, input="hello\n").stdout
        assert told == f"you said hello {client.address}\n"
        assert program.wait(PATIENCE) == 0


@pytest.mark.req("BSD-6", "OVER-6")
@pytest.mark.parametrize("program", ["ncat", "nc"])
def test_netcats(sides, program):
    server, client = sides
    quit_ = {"ncat": ["--send-only"], "nc": ["-N"]}[program]
    with server.started(program, "-l", PORT) as listener:
        server.wait_listening(listener)
        client.run(program, *quit_, server.address, PORT, input="over the wire\n")
        assert listener.communicate(timeout=PATIENCE)[0] == "over the wire\n"


@pytest.mark.req("BSD-6", "OVER-6")
def test_iperf3(sides):
    server, client = sides
    for more in ((), ("-R",), ("-P", "3"), ("-u", "-b", "5M")):
        # One caller each: between two it does not listen for a moment, and nobody says when.
        with server.started("iperf3", "-s", "-1", "-p", PORT) as daemon:
            server.wait_listening(daemon)
            told = client.run("iperf3", "-c", server.address, "-p", PORT, "-t", "1", *more).stdout
            assert "receiver" in told, told


@pytest.mark.req("BSD-6", "OVER-6")
def test_iperf(sides):
    server, client = sides
    with server.started("iperf", "-s", "-p", PORT) as daemon:
        server.wait_listening(daemon)
        told = client.run("iperf", "-c", server.address, "-p", PORT, "-t", "1").stdout
        assert "bits/sec" in told, told


@pytest.mark.req("BSD-5", "BSD-6", "OVER-6")
def test_redis(sides, tmp_path):
    server, client = sides
    with server.started("redis-server", "--port", PORT, "--save", "", "--protected-mode", "no", "--dir", tmp_path) as daemon:
        server.wait_listening(daemon)
        told = client.run("redis-benchmark", "-h", server.address, "-p", PORT, "-n", "500", "-c", "8", "-q", "-t",
                          "ping,set,get,lpush")
        assert told.stdout.count("requests per second") >= 4, told
        assert client.run("redis-cli", "-h", server.address, "-p", PORT, "echo", "hi").stdout == "hi\n"


@pytest.mark.req("BSD-5", "BSD-6", "OVER-6")
def test_memcached(sides):
    server, client = sides
    with server.started("memcached", "-u", "root", "-p", PORT, "-U", PORT, "-m", "8") as daemon:
        server.wait_listening(daemon)
        text = "set a 0 0 5\r\nhello\r\nget a\r\nquit\r\n"
        told = client.run("ncat", server.address, PORT, input=text).stdout
        assert told == "STORED\r\nVALUE a 0 5\r\nhello\r\nEND\r\n".replace("\r\n", "\n")


RESOLVER = """
import ctypes
libc, room, TXT = ctypes.CDLL(None), ctypes.create_string_buffer(512), 16
def asked(call, name, kind):
    length = call(name, 1, kind, room, 512)
    return room.raw[:length] if length > 0 else length
txt = asked(libc.res_query, b"lab.test", TXT)
address = asked(libc.res_search, b"web", 1)
print(b"words" in txt, bytes([10, 0, 0, 77]) in address, asked(libc.res_query, b"none.lab.test", TXT))
"""


NAMER = """
import socket, sys
print(*(socket.getnameinfo((one, 1, 0, 0), socket.NI_NAMEREQD)[0] for one in sys.argv[1:]))
"""


@pytest.mark.req("OVER-2", "OVER-6")
def test_dnsmasq_with_dig_host_and_the_c_library(sides, tmp_path):
    """dig and host bring a resolver of their own, the rest of a system asks the C library."""
    server, client = sides
    (tmp_path / "resolv.conf").write_text(f"nameserver {server.address}\nsearch lab.test\n")
    words = ["-k", "-R", "-h", "-u", "root", "-C", "/dev/null", "--host-record=web.lab.test,10.0.0.77",
             "--host-record=six.lab.test,2001:db8::77", "--cname=www.lab.test,web.lab.test",
             "--txt-record=lab.test,words", "--pid-file=", "--log-facility=-"]
    with server.started("dnsmasq", *words) as daemon:
        server.wait_listening(daemon, 53, "-u")
        assert client.run("dig", "+short", f"@{server.address}", "web.lab.test").stdout == "10.0.0.77\n"
        # For streams it asks rtnetlink whose address that is.
        assert client.run("dig", "+short", "+tcp", f"@{server.address}", "web.lab.test").stdout == "10.0.0.77\n"
        told = client.run("host", "-t", "a", "www.lab.test", server.address).stdout
        assert "web.lab.test has address 10.0.0.77" in told
        with_config = ["unshare", "-m", "sh", "-c"]
        bind = f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && "
        told = client.run(*with_config, bind + "getent ahostsv4 www; getent hosts 10.0.0.77; getent hosts none",
                          check=False).stdout.split()
        assert told[:3] == ["10.0.0.77", "STREAM", "web.lab.test"], told
        assert told[-2:] == ["10.0.0.77", "web.lab.test"], told
        (tmp_path / "ask").write_text(RESOLVER)
        told = client.run(*with_config, bind + f"/usr/bin/python3 {tmp_path}/ask").stdout
        assert told == "True True -1\n"
        # What a server for both protocols sees of a client; and with -6 true addresses of IPv6.
        (tmp_path / "names").write_text(NAMER)
        namer = bind + f"/usr/bin/python3 {tmp_path}/names"
        assert client.run(*with_config, namer + " ::ffff:10.0.0.77").stdout == "web.lab.test\n"
        with_inet6 = (*client.prefix, "-6") if client.ours else ()
        told = client.host.run(*with_inet6, *with_config, namer + " ::ffff:10.0.0.77 2001:db8::77").stdout
        assert told == "web.lab.test six.lab.test\n"
