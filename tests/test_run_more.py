# SPDX-License-Identifier: GPL-2.0-only
"""More programs by `edu run`, what it refuses, and which sockets it leaves to Linux (BSD-5, BSD-6, OVER-2)."""

import os
import shutil
import signal
import subprocess

import pytest
from conftest import PATIENCE
from run_lab import PORT

PYTHON = "/usr/bin/python3"


@pytest.fixture
def sshd(sides, tmp_path):
    """(command of the server, options of a client) with keys of their own."""
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    shutil.copy(tmp_path / "user.pub", tmp_path / "known")
    os.makedirs("/run/sshd", exist_ok=True)
    (tmp_path / "conf").write_text(
        f"HostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/known\nStrictModes no\nPidFile none\n"
        f"PermitRootLogin yes\nUsePAM no\nPort {PORT}\nSubsystem sftp internal-sftp\n"
    )
    options = ["-i", tmp_path / "user", "-p", PORT, "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes", "-o",
               "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes",
               "-o", "KexAlgorithms=curve25519-sha256"]  # the default takes an emulated machine long
    return ["/usr/sbin/sshd", "-D", "-e", "-f", tmp_path / "conf"], [str(word) for word in options]


@pytest.mark.patient
@pytest.mark.req("BSD-5", "BSD-6", "OVER-6")
def test_openssh(sides, sshd):
    server, client = sides
    command, options = sshd
    with server.started(*command) as daemon:
        server.wait_listening(daemon)
        there = f"root@{server.address}"
        told = client.run("ssh", *options, there, "echo $SSH_CONNECTION; cat", input="through the pipe\n",
                          timeout=PATIENCE * 15).stdout
        assert told.splitlines()[1] == "through the pipe"
        assert told.split()[0] == client.address and told.split()[2] == server.address


@pytest.mark.patient
@pytest.mark.req("BSD-5", "BSD-6", "OVER-6")
def test_rsync_over_ssh(sides, sshd, tmp_path):
    server, client = sides
    command, options = sshd
    tree = tmp_path / "tree"
    tree.mkdir()
    for number in range(5):
        (tree / str(number)).write_bytes(os.urandom(20000))
    with server.started(*command) as daemon:
        server.wait_listening(daemon)
        client.run("rsync", "-a", "-e", "ssh " + " ".join(options), f"{tree}/",
                   f"root@{server.address}:{tmp_path}/copy/", timeout=PATIENCE * 15)
    for number in range(5):
        assert (tmp_path / "copy" / str(number)).read_bytes() == (tree / str(number)).read_bytes()


@pytest.mark.patient
@pytest.mark.req("BSD-5", "BSD-6", "OVER-6")
def test_git_over_http(sides, tmp_path):
    server, client = sides
    script = """set -e
    git init -q -b main work; cd work; echo words > file; git add .
    git -c user.name=n -c user.email=e commit -q -m one; cd ..
    git clone -q --bare work served.git; git -C served.git update-server-info"""
    subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True)
    with server.started(PYTHON, "-m", "http.server", PORT, "-d", tmp_path) as daemon:
        server.wait_listening(daemon)
        client.run("git", "clone", "-q", f"http://{server.address}:{PORT}/served.git", tmp_path / "cloned",
                   timeout=PATIENCE * 15)
    assert (tmp_path / "cloned" / "file").read_text() == "words\n"


@pytest.mark.req("BSD-6", "OVER-6")
def test_what_a_program_starts_with_an_environment_of_its_own(sides, tmp_path):
    """It is on the same stack, with nothing in its environment and with libraries of its own to load."""
    server, client = sides
    (tmp_path / "page").write_text("words\n")
    with server.started("env", "-i", PYTHON, "-m", "http.server", PORT, "-d", tmp_path) as daemon:
        server.wait_listening(daemon)
        for given in ("env -i", "LD_PRELOAD=", "LD_PRELOAD=libm.so.6"):
            script = f"{given} /usr/bin/curl -sS http://{server.address}:{PORT}/page"
            assert client.run("sh", "-c", script).stdout == "words\n", given


@pytest.mark.req("BSD-6", "OVER-6")
def test_programs_that_know_ipv4_as_a_part_of_ipv6(sides, tmp_path):
    """One socket of AF_INET6 bound to "::" serves both on Linux; a peer is called by its mapped address."""
    server, client = sides
    (tmp_path / "page").write_text("words\n")
    tmp_path.chmod(0o755)
    with server.started(PYTHON, "-m", "http.server", PORT, "--bind", "::", "-d", tmp_path) as daemon:
        server.wait_listening(daemon)
        for address in (server.address, f"[::ffff:{server.address}]"):
            assert client.run("curl", "-sS", f"http://{address}:{PORT}/page").stdout == "words\n"
        script = f"""
import socket
s = socket.socket(socket.AF_INET6)
s.connect(("::ffff:{server.address}", {PORT}))
print(s.getsockname()[0], *s.getpeername())
"""
        told = client.run(PYTHON, "-c", script).stdout
        assert told == f"::ffff:{client.address} ::ffff:{server.address} {PORT} 0 0\n"
        daemon.send_signal(signal.SIGINT)
        log = daemon.communicate(timeout=PATIENCE)
        assert f"::ffff:{client.address} - - " in "".join(log), log


@pytest.mark.req("BSD-6")
def test_true_ipv6_is_linuxs_or_not_there(pair):
    """-6 leaves it to Linux; without it a host has none."""
    script = f"""
import errno, socket
only = socket.create_server(("::", {PORT}), family=socket.AF_INET6)
def call(address):
    with socket.socket(socket.AF_INET6) as s:
        return errno.errorcode.get(s.connect_ex((address, {PORT})), "connected")
print(call("::1"), call("::ffff:127.0.0.1"))
"""
    pair.a.ip("link", "set", "lo", "up")
    pair.a.run("sysctl", "-qw", "net.ipv6.conf.lo.disable_ipv6=0")
    assert pair.a.run("edu", "run", PYTHON, "-c", script).stdout == "ENETUNREACH ECONNREFUSED\n"
    assert pair.a.run("edu", "run", "-6", PYTHON, "-c", script).stdout == "connected ECONNREFUSED\n"


@pytest.mark.req("BSD-6", "OVER-6")
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_sockperf(sides, kind):
    server, client = sides
    more = ["--tcp"] if kind == "tcp" else []
    where = ["-i", server.address, "-p", PORT, *more]
    with server.started("sockperf", "sr", *where) as daemon:
        server.wait_listening(daemon, kind="-t" if kind == "tcp" else "-u")
        told = client.run("sockperf", "pp", *where, "-t", "3", "--mps", "200", "--no-rdtsc").stdout
        assert "Summary: Latency is" in told and "# dropped messages = 0" in told, told


@pytest.mark.req("BSD-6")
def test_a_client_of_ntp(sides):
    """As ntpdate asks: 48 octets each way over a connected datagram socket."""
    server, client = sides
    serve = f"""
import socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", {PORT}))
data, peer = s.recvfrom(100)
assert len(data) == 48 and data[0] == 0x23 and peer[0] == "{client.address}", (data, peer)
s.sendto(bytes([0x24, 1]) + data[2:], peer)
"""
    ask = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout({PATIENCE})
s.connect(("{server.address}", {PORT}))
s.send(bytes([0x23]) + bytes(47))
print(s.recv(100)[0], s.getpeername())
"""
    with server.started(PYTHON, "-c", serve) as daemon:
        server.wait_listening(daemon, kind="-u")
        assert client.run(PYTHON, "-c", ask).stdout == f"36 ('{server.address}', {PORT})\n"
        assert daemon.wait(PATIENCE) == 0


@pytest.mark.req("BSD-4", "BSD-5")
@pytest.mark.parametrize("stressor", ["sock", "udp", "sockmany", "rawudp", "icmp-flood"])
def test_stress_ng(pair, stressor):
    """Both ends in one host, on edulo."""
    words = ["--" + stressor, "1", f"--{stressor}-ops", "200", "-t", "10"]
    if stressor in ("sock", "udp"):
        words += [f"--{stressor}-domain", "ipv4"]
    done = pair.a.run("edu", "run", "stress-ng", "--no-rand-seed", "--temp-path", "/tmp", *words)
    assert "successful run completed" in done.stdout + done.stderr, done


@pytest.mark.req("OVER-1")
def test_interfaces_and_their_addresses(pair):
    script = """
import ctypes, fcntl, socket, struct
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
room = ctypes.create_string_buffer(4096)
told = fcntl.ioctl(s, 0x8912, struct.pack("iP", 4096, ctypes.addressof(room)))
length, = struct.unpack_from("i", told)
for at in range(0, length, 40):
    name, family, address = struct.unpack_from("16sH2x4s", room.raw, at)
    print(name.rstrip(bytes(1)).decode(), family, socket.inet_ntoa(address))
told = fcntl.ioctl(s, 0x8915, struct.pack("16s24x", b"e0"))
print(struct.unpack_from("H2x4s", told, 16))
print(fcntl.ioctl(s, 0x8912, struct.pack("iP", 0, 0))[0] // 40)
class ifaddrs(ctypes.Structure):
    pass
ifaddrs._fields_ = [("next", ctypes.POINTER(ifaddrs)), ("name", ctypes.c_char_p), ("flags", ctypes.c_uint),
                    ("addr", ctypes.c_void_p), ("mask", ctypes.c_void_p), ("broad", ctypes.c_void_p)]
first = ctypes.POINTER(ifaddrs)()
libc = ctypes.CDLL(None)
assert libc.getifaddrs(ctypes.byref(first)) == 0
at = first
while at:
    one = at.contents
    if ctypes.string_at(one.addr, 2) == b"\\x02\\x00":
        print(one.name.decode(), *(socket.inet_ntoa(ctypes.string_at(p + 4, 4)) for p in (one.addr, one.mask)),
              one.flags & 1)
    at = one.next
libc.freeifaddrs(first)
"""
    told = pair.a.run("edu", "run", PYTHON, "-c", script).stdout.splitlines()
    assert set(told[:2]) == {"edulo 2 127.0.0.1", "e0 2 10.0.0.1"}
    assert told[2] == r"(2, b'\n\x00\x00\x01')" and told[3] == "2"
    assert set(told[4:]) == {"edulo 127.0.0.1 255.0.0.0 1", "e0 10.0.0.1 255.255.255.0 1"}


@pytest.mark.req("OVER-1")
def test_addresses_that_a_program_reads_from_rtnetlink(pair):
    pair.a.ip("addr", "add", "10.0.0.3/24", "dev", "e0")
    script = """
import socket, struct
def by_names(family):
    s.sendto(asked(family), (0, 0))
    return lambda: s.recvfrom(65536)[0]
def without_names(family):
    s.send(asked(family) + bytes(128))  # like ip(8), which leaves room for attributes
    return lambda: s.recv(65536)
def asked(family):
    return struct.pack("=IHHII", 24, 22, 0x301, 1, 0) + struct.pack("B7x", family)
families = socket.AF_INET, socket.AF_UNSPEC
for ask, family in [(ask, family) for ask in (by_names, without_names) for family in families]:
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    read, found, kind = ask(family), [], 0
    while kind != 3:  # NLMSG_DONE
        data, at = read(), 0
        while at < len(data) and kind != 3:
            length, kind = struct.unpack_from("=IH", data, at)
            if kind == 20 and data[at + 16] == socket.AF_INET:
                attribute = at + 24
                while attribute < at + length:
                    size, what = struct.unpack_from("=HH", data, attribute)
                    if what == 2:  # IFA_LOCAL
                        found.append(socket.inet_ntoa(data[attribute + 4:attribute + 8]))
                    attribute += size + 3 & ~3
            at += length + 3 & ~3
    print(*sorted(found))
"""
    assert pair.a.run("edu", "run", PYTHON, "-c", script).stdout == "10.0.0.1 127.0.0.1\n" * 4


@pytest.mark.req("BSD-6")
def test_some_sockets_stay_on_linux(pair):
    """A host with both stacks: which of them a connection takes shows in the address it comes from."""
    pair.a.ip("addr", "add", "10.0.0.3/24", "dev", "e0")
    script = """
import socket, sys
s = socket.socket()
s.connect(("10.0.0.2", int(sys.argv[1])))
"""
    serve = f"""
import socket
a, b = socket.socket(), socket.socket()
for one, port in ((a, {PORT}), (b, {PORT + 1})):
    one.bind(("10.0.0.2", port))
    one.listen()
print("ready", flush=True)
for one in (a, b) * 3:
    print(one.accept()[1][0], flush=True)
"""
    with pair.b.started(PYTHON, "-c", serve) as server:
        assert server.stdout.readline() == "ready\n"
        for option in (["--except", str(PORT)], ["--only", "server"], ["--except", "10.0.1.0/24"]):
            for port in (PORT, PORT + 1):
                pair.a.run("edu", "run", *option, PYTHON, "-c", script, port)
        told = server.communicate(timeout=PATIENCE)[0].split()
        assert told == ["10.0.0.3", "10.0.0.1", "10.0.0.3", "10.0.0.3", "10.0.0.1", "10.0.0.1"]


# What cannot be done


@pytest.mark.req("BSD-3")
def test_what_edu_run_refuses(pair, tmp_path):
    def refusal(*words, **more):
        done = pair.a.edu(*words, check=False, **more)
        assert not done.stdout
        return done.returncode, done.stderr

    assert refusal("--family", "14", "run", "true") == (2, "edu: this kernel knows no address family 14\n")
    status, told = refusal("run", "/usr/bin/busybox" if os.path.exists("/usr/bin/busybox") else "/bin/busybox", "true")
    assert status == 2 and "linked statically" in told
    private = tmp_path / "private"
    shutil.copy("/usr/bin/true", private)
    private.chmod(0o4755)
    os.chown(private, 1, 1)
    private.chmod(0o4755)
    status, told = refusal("run", private)
    assert status == 2 and "set-user-ID" in told
    script = tmp_path / "script"
    script.write_text(f"#! {private} -x\n")
    script.chmod(0o755)
    assert refusal("run", "--", script)[0] == 2
    assert refusal("run", "no-such-program")[0] == 127
    script.chmod(0o644)
    assert refusal("run", script)[0] == 126
    assert pair.a.edu("run", "sh", "-c", "exit 7", check=False).returncode == 7
    assert pair.a.edu("run", "sh", "-c", "kill -9 $$", check=False).returncode == -signal.SIGKILL
