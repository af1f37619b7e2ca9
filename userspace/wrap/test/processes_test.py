#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The preload library in real processes, without the module: libplayed-family.so lies behind it and plays
the family on Linux's loopback, as strict about addresses as the kernel. Python's socket module knows
no other family than AF_INET, so what it reads is what any program reads.

usage: processes_test.py libeduinet-wrap.so libplayed-family.so edu
Each test is a script for a Python of its own; PLAYED(socket) in it says whose the socket is."""

import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import unittest

WRAP, PLAYED, EDU = map(os.path.abspath, sys.argv[1:4])

PRELUDE = """
import array, ctypes, errno, os, select, socket, struct, subprocess, sys, threading
from socket import *
SO_DOMAIN = 39
libc = ctypes.CDLL(None, use_errno=True)
def PLAYED(sock):
    # played_family.cc marks its sockets so
    return sock.getsockopt(SOL_SOCKET, SO_PRIORITY) == 5
def errno_of(call, *args):
    try:
        call(*args)
    except OSError as error:
        return error.errno
    return 0
def pair(kind=SOCK_STREAM):
    server = socket(AF_INET, kind)
    server.bind(("127.0.0.1", 0))
    client = socket(AF_INET, kind)
    if kind == SOCK_STREAM:
        server.listen()
    client.connect(server.getsockname())
    return server, client
"""


# For a script that calls sendmmsg() and recvmmsg().
MESSAGES = """
            class iovec(ctypes.Structure):
                _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_size_t)]
            class msghdr(ctypes.Structure):
                _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.c_void_p),
                            ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p),
                            ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int)]
            class mmsghdr(ctypes.Structure):
                _fields_ = [("hdr", msghdr), ("len", ctypes.c_uint)]
            def messages(count, octets, address):
                made = (mmsghdr * count)()
                keep = []
                for n, one in enumerate(made):
                    name = ctypes.create_string_buffer(address, len(address))
                    iov = iovec(octets(n), 10)
                    keep += [name, iov]
                    one.hdr = msghdr(ctypes.addressof(name), len(address), ctypes.addressof(iov), 1)
                return made, keep
"""


def run(script, settings="", preload=f"{WRAP}:{PLAYED}"):
    environment = dict(os.environ, LD_PRELOAD=preload, EDUINET_RUN=f"family=13 {settings}")
    done = subprocess.run(
        ["/usr/bin/python3", "-c", PRELUDE + textwrap.dedent(script)], env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )
    assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


class Calls(unittest.TestCase):
    def test_a_stream(self):
        run("""
            server, client = pair()
            child, name = server.accept()
            assert name == client.getsockname() == child.getpeername(), name
            assert PLAYED(server) and PLAYED(client) and PLAYED(child)
            for one in (server, client, child):
                assert one.getsockopt(SOL_SOCKET, SO_DOMAIN) == AF_INET
            client.send(b"x")
            assert child.recv(1) == b"x"
        """)

    def test_without_the_library_the_played_family_refuses(self):
        """What these tests would say of a library that does nothing."""
        run("""
            sock = socket(13, SOCK_DGRAM)
            address = struct.pack("=H", AF_INET) + struct.pack("!H4s8x", 0, inet_aton("127.0.0.1"))
            assert libc.bind(sock.fileno(), address, 16) == -1 and ctypes.get_errno() == errno.EAFNOSUPPORT
        """, preload=PLAYED)

    def test_datagrams(self):
        run("""
            server, client = pair(SOCK_DGRAM)
            other = socket(AF_INET, SOCK_DGRAM)
            other.sendto(b"one", server.getsockname())
            assert server.recvfrom(10) == (b"one", ("127.0.0.1", other.getsockname()[1]))
            other.sendmsg([b"two"], [], 0, server.getsockname())
            data, control, flags, name = server.recvmsg(10, 100)
            assert (data, name[0]) == (b"two", "127.0.0.1")
            other.connect(server.getsockname())
            other.send(b"three")
            assert server.recvfrom(10)[0] == b"three"
        """)

    def test_many_messages_in_one_call(self):
        run(MESSAGES + """
            server = socket(AF_INET, SOCK_DGRAM)
            server.bind(("127.0.0.1", 0))
            client = socket(AF_INET, SOCK_DGRAM)
            port = server.getsockname()[1]
            address = struct.pack("=H", AF_INET) + struct.pack("!H4s8x", port, inet_aton("127.0.0.1"))
            sent, keep = messages(40, lambda n: b"%010d" % n, address)
            assert libc.sendmmsg(client.fileno(), sent, 40, 0) == 40
            assert [one.len for one in sent] == [10] * 40
            got, room = messages(40, lambda n: b" " * 10, address)
            assert libc.recvmmsg(server.fileno(), got, 40, MSG_DONTWAIT, None) == 40
            for one in got:
                family, = struct.unpack("=H", ctypes.string_at(one.hdr.name, 2))
                assert family == AF_INET
            assert room[79].base == b"%010d" % 39, room[79].base
        """)

    def test_control_messages(self):
        run("""
            sock = socket(AF_INET, SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            closed = socket(AF_INET, SOCK_DGRAM)
            closed.bind(("127.0.0.1", 0))
            target = closed.getsockname()
            closed.close()
            sock.setsockopt(SOL_IP, 11, 1)  # IP_RECVERR
            sock.sendto(b"x", target)
            poll = select.poll()
            poll.register(sock, 0)
            assert poll.poll(10000)
            _, control, _, name = sock.recvmsg(10, 200, 0x2000)  # MSG_ERRQUEUE
            assert name == target
            (_, _, data), = [one for one in control if one[1] == 11]
            assert struct.unpack_from("=H", data, 16)[0] == AF_INET, data
            sock.setsockopt(SOL_IP, 20, 1)  # IP_RECVORIGDSTADDR
            sock.setsockopt(SOL_IP, 11, 0)
            sock.sendto(b"y", sock.getsockname())
            _, control, _, _ = sock.recvmsg(10, 200)
            assert struct.unpack_from("=H", control[0][2])[0] == AF_INET, control
        """)

    def test_calls_by_number(self):
        run("""
            fd = libc.syscall(41, AF_INET, SOCK_DGRAM, 0)
            sock = socket(fileno=fd)
            assert PLAYED(sock) and sock.family == AF_INET
            address = struct.pack("=H", AF_INET) + struct.pack("!H4s8x", 0, inet_aton("127.0.0.1"))
            assert libc.syscall(49, fd, address, 16) == 0
            assert sock.getsockname()[0] == "127.0.0.1"
            assert libc.syscall(39) == os.getpid()
        """)

    def test_addresses_that_rtnetlink_tells_by_every_call(self):
        """The played family says that Linux's addresses are its own."""
        run("""
            room = ctypes.create_string_buffer(65536)
            def by(call, *more):
                return lambda sock: ctypes.string_at(room, call(sock.fileno(), room, 65536, 65536, 0, *more))
            reads = {"recv": lambda sock: sock.recv(65536), "recvfrom": lambda sock: sock.recvfrom(65536)[0],
                     "recvmsg": lambda sock: sock.recvmsg(65536)[0], "__recv_chk": by(libc.__recv_chk),
                     "__recvfrom_chk": by(libc.__recvfrom_chk, None, None)}
            asks = {"send": lambda sock, request: sock.send(request),
                    "sendto": lambda sock, request: sock.sendto(request, (0, 0))}
            for ask in asks:
                for read in reads:
                    sock = socket(AF_NETLINK, SOCK_RAW, 0)
                    asks[ask](sock, struct.pack("=IHHII", 24, 22, 0x301, 1, 0) + bytes(8))  # RTM_GETADDR
                    families, kind = set(), 0
                    while kind != 3:  # NLMSG_DONE
                        data, at = reads[read](sock), 0
                        while at < len(data) and kind != 3:
                            length, kind = struct.unpack_from("=IH", data, at)
                            if kind == 20:  # RTM_NEWADDR
                                families.add(data[at + 16])
                            at += length + 3 & ~3
                    assert AF_INET in families and 13 not in families, (ask, read, families)
        """)

    def test_there_is_no_io_uring(self):
        """Nobody sees the addresses in its rings."""
        run("""
            assert libc.syscall(425, 8, ctypes.create_string_buffer(120)) == -1  # io_uring_setup
            assert ctypes.get_errno() == errno.ENOSYS
            ring = ctypes.create_string_buffer(512)
            for begin in (libc.io_uring_queue_init, libc.io_uring_queue_init_params):  # as liburing's are called
                assert begin(8, ring, ring) == -errno.ENOSYS
            assert libc.io_uring_setup(8, ring) == -errno.ENOSYS
            libc.io_uring_get_probe.restype = ctypes.c_void_p
            assert libc.io_uring_get_probe() is None
        """)

    def test_bad_calls_say_what_they_say_of_af_inet(self):
        script = """
            sock = socket(AF_INET, SOCK_DGRAM)
            closed = os.dup(sock.fileno())
            os.close(closed)
            told = []
            def tell(result):
                told.append(ctypes.get_errno() if result < 0 else result)
            address = struct.pack("=H", AF_INET) + struct.pack("!H4s8x", 9, inet_aton("127.0.0.1"))
            six = struct.pack("=H", AF_INET6) + bytes(26)
            room = ctypes.c_uint(16)
            for fd in (sock.fileno(), closed, -1, 1 << 24, os.open("/dev/null", os.O_RDONLY)):
                for call in (libc.bind, libc.connect):
                    for pointer in (None, ctypes.c_void_p(1), ctypes.c_void_p(-1)):
                        tell(call(fd, pointer, 16))
                    for length in (0, 1, 2, 8, 15, 129, -1):
                        tell(call(fd, address, length))
                    tell(call(fd, six, 28))
                for call in (libc.getsockname, libc.getpeername, libc.accept):
                    tell(call(fd, None, None))
                    tell(call(fd, ctypes.c_void_p(1), ctypes.byref(room)))
                    tell(call(fd, ctypes.create_string_buffer(16), ctypes.c_void_p(1)))
                tell(libc.sendto(fd, b"x", 1, 0, six, 28))
                tell(libc.sendto(fd, b"x", 1, 0, ctypes.c_void_p(1), 16))
                tell(libc.sendmsg(fd, None, 0))
                tell(libc.recvmsg(fd, ctypes.c_void_p(1), 0))
                tell(libc.getsockopt(fd, SOL_SOCKET, SO_DOMAIN, None, None))
                tell(libc.dup2(fd, -1))
                tell(libc.close(fd) if fd == closed else -1)
            tell(libc.socket(AF_INET, 99, 0))
            print(told)
        """
        self.assertEqual(run(script, "family=2", WRAP), run(script, preload=""))


class Lives(unittest.TestCase):
    def test_dup_in_all_its_forms(self):
        run("""
            import fcntl
            sock = socket(AF_INET, SOCK_DGRAM)
            fds = [os.dup(sock.fileno()), fcntl.fcntl(sock, fcntl.F_DUPFD, 50),
                   fcntl.fcntl(sock, fcntl.F_DUPFD_CLOEXEC, 60), os.dup2(sock.fileno(), 70),
                   libc.dup3(sock.fileno(), 80, 0), libc.syscall(33, sock.fileno(), 90)]
            sock.close()
            for fd in fds:
                one = socket(fileno=fd)
                assert one.family == AF_INET and PLAYED(one)
                assert errno_of(one.connect, ("127.0.0.1", 9)) == 0, fd
            # A number that was another socket's: it is asked anew.
            source = socket(AF_INET, SOCK_DGRAM)
            for renumber in (lambda fd, to: os.dup2(fd, to), lambda fd, to: libc.dup3(fd, to, 0),
                             lambda fd, to: fcntl.fcntl(fd, fcntl.F_DUPFD, to), lambda fd, to: libc.syscall(33, fd, to)):
                number = socket(AF_UNIX, SOCK_DGRAM).detach()
                os.close(number)
                one = socket(fileno=renumber(source.fileno(), number))
                assert one.fileno() == number
                one.connect(("127.0.0.1", 9))
                one.detach()
            os.dup2(os.open("/dev/null", os.O_RDONLY), 50)
            assert libc.connect(50, b"\\2\\0" + bytes(14), 16) == -1 and ctypes.get_errno() == errno.ENOTSOCK
        """)

    def test_fork_exec_and_an_empty_environment(self):
        run("""
            sock = socket(AF_INET, SOCK_DGRAM)
            sock.set_inheritable(True)
            child = os.fork()
            if not child:
                sock.bind(("127.0.0.1", 0))
                os._exit(sock.getsockname()[0] != "127.0.0.1")
            assert os.waitpid(child, 0)[1] == 0
            script = '''
            import os, socket, sys
            for one in (socket.socket(fileno=int(sys.argv[1])), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)):
                one.connect(("127.0.0.1", 9))
                assert one.getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY) == 5
                assert one.family == socket.AF_INET
            '''
            import textwrap
            command = ["/usr/bin/python3", "-c", textwrap.dedent(script), str(sock.fileno())]
            for environment in (None, {}, {"A": "B"}):
                subprocess.run(command, check=True, pass_fds=[sock.fileno()], env=environment)
            assert os.waitpid(os.posix_spawn(command[0], command, {}), 0)[1] == 0
        """)

    def test_children_by_every_call_and_with_every_environment(self):
        """None runs on Linux's stack, whatever it is told to load or to forget."""
        run(f"""
            import shlex
            wrap, played = {WRAP!r}, {PLAYED!r}
        """ + """
            words = ["sh", "-c", 'echo "$LD_PRELOAD $EDUINET_RUN $A"']
            command = shlex.join(words).encode()
            words = [one.encode() for one in words]
            array = (ctypes.c_char_p * 4)(*words, None)
            file, path = b"sh", b"/bin/sh"
            fd = os.open(path, os.O_RDONLY)
            libc.popen.restype = ctypes.c_void_p
            libc.pclose.argtypes = [ctypes.c_void_p]
            def leave(status):
                os._exit(os.waitstatus_to_exitcode(status))
            theirs = [  # calls that take an environment
                lambda given: libc.execve(path, array, given),
                lambda given: libc.execvpe(file, array, given),
                lambda given: libc.execle(path, *words, None, given),
                lambda given: libc.fexecve(fd, array, given),
                lambda given: libc.execveat(-100, path, array, given, 0),
                lambda given: libc.syscall(59, path, array, given),
                lambda given: libc.syscall(322, -100, path, array, given, 0),
            ]
            own = [  # and those that do with the program's
                lambda: libc.execv(path, array),
                lambda: libc.execvp(file, array),
                lambda: libc.execl(path, *words, None),
                lambda: libc.execlp(file, *words, None),
                lambda: leave(libc.system(command)),
                lambda: leave(libc.pclose(libc.popen(command, b"w"))),
            ]
            def told(act):
                reader, writer = os.pipe()
                child = os.fork()
                if not child:
                    os.dup2(writer, 1)
                    act()
                    os._exit(99)
                os.close(writer)
                with open(reader) as file:
                    text = file.read()
                assert os.waitpid(child, 0)[1] == 0, (number, given, text)
                return text
            def with_own(act, given):
                libc.clearenv()
                for one in given:
                    libc.putenv(one)
                act()
            for given, wanted in [
                    ([], f"{wrap}:{played} family=13  "),
                    (["A=1", "EDUINET_RUN=family=13 only=stream"], f"{wrap}:{played} family=13 only=stream 1"),
                    (["LD_PRELOAD=" + played, "A=1"], f"{wrap}:{played} family=13  1"),
                    (["A=1", f"LD_PRELOAD=libm.so.6 {played}"], f"{wrap}:libm.so.6 {played} family=13  1"),
                    ([f"LD_PRELOAD=libm.so.6:{wrap}:{played}"], f"libm.so.6:{wrap}:{played} family=13  ")]:
                given = [one.encode() for one in given]
                listed = (ctypes.c_char_p * (len(given) + 1))(*given, None)
                for number, act in enumerate(theirs):
                    assert told(lambda: act(listed)) == wanted + "\\n", (number, given)
                for number, act in enumerate(own):
                    assert told(lambda: with_own(act, given)) == wanted + "\\n", (number, given)
        """)

    def test_an_emptied_list_of_libraries_has_ours(self):
        """Nobody else's: those of before have been told to stay away. Others of its own stay behind ours."""
        script = "import socket; print(socket.socket(socket.AF_INET).getsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY))"
        told = run(f"""
            subprocess.run(["printenv", "LD_PRELOAD"], env={{"LD_PRELOAD": ""}}, check=True)
            subprocess.run(["/usr/bin/python3", "-c", {script!r}], env={{"LD_PRELOAD": {PLAYED!r}}}, check=True)
        """)
        self.assertEqual(told, WRAP + "\n5\n")

    def test_a_command_for_the_shell_keeps_its_meaning(self):
        told = run("""
            libc.clearenv()
            assert libc.system(b"exit 3") == 3 << 8 and libc.system(None) != 0
            assert libc.system(b"echo $EDUINET_RUN; echo \\"it's $0\\" # a comment") == 0
        """, settings="it's")
        self.assertEqual(told, "family=13 it's\nit's sh\n")

    def test_children_that_have_their_parents_memory(self):
        environment = dict(os.environ, LD_PRELOAD=f"{WRAP}:{PLAYED}", EDUINET_RUN="family=13")
        program = os.path.join(os.path.dirname(EDU), "edu_wrap_vfork")
        done = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((done.stdout, done.returncode), ("", 0))

    def test_children_do_not_change_what_their_parent_knows(self):
        """Python starts programs by vfork(); dup2() gives them their input."""
        run("""
            os.dup2(socket(AF_INET, SOCK_DGRAM).detach(), 0)
            sock = socket(fileno=0)
            subprocess.run(["true"], stdin=socket(AF_UNIX), check=True)
            sock.sendto(b"", ("127.0.0.1", 9))
        """)

    def test_children_that_have_a_copy_know_what_they_make(self):
        """Also those that come by ways of which no handler of fork() is told."""
        run("""
            def mapped(number):
                # That it is to seem of AF_INET6 is known to the table only.
                sock = socket(AF_INET6, SOCK_DGRAM)
                sock.connect(("::ffff:127.0.0.1", 9))
                os.dup2(sock.detach(), number)
                return socket(AF_INET6, SOCK_DGRAM, fileno=number)
            def is_mapped(sock):
                return PLAYED(sock) and sock.getpeername()[0] == "::ffff:127.0.0.1"
            def start():  # vfork(), and then dup2() onto 0
                subprocess.run(["true"], stdin=unix, check=True)
            unix = socket(AF_UNIX)
            number = socket(AF_UNIX).detach()
            before = mapped(200)
            for fork in (os.fork, libc._Fork, lambda: libc.syscall(57)):
                child = fork()
                if not child:
                    status = 1
                    try:
                        if fork is os.fork:  # the others are told no sooner than they make something
                            start()
                        made = mapped(number)
                        start()
                        status = 0 if is_mapped(made) and is_mapped(before) and is_mapped(mapped(201)) else 2
                    finally:
                        os._exit(status)
                assert os.waitpid(child, 0)[1] == 0, fork
            assert is_mapped(before)
        """)

    def test_a_descriptor_passed_over_a_unix_socket(self):
        run("""
            ours, theirs = socketpair(AF_UNIX)
            sock = socket(AF_INET, SOCK_DGRAM)
            spare = socket(AF_UNIX, SOCK_DGRAM).detach()  # the number is noted as another's
            os.close(spare)
            send_fds(ours, [b"x"], [sock.fileno()])
            _, fds, _, _ = recv_fds(theirs, 1, 1)
            assert fds[0] == spare
            one = socket(fileno=fds[0])
            one.bind(("127.0.0.1", 0))
            assert one.family == AF_INET and one.getsockname() == sock.getsockname()
        """)

    def test_close_by_ways_nobody_sees(self):
        run("""
            sock = socket(AF_INET, SOCK_DGRAM)
            number = sock.detach()
            libc.close_range(number, number, 0)
            unix = socket(AF_UNIX, SOCK_DGRAM)
            assert unix.fileno() == number
            assert errno_of(unix.connect, "/nowhere") == errno.ENOENT
            os.closerange(number, 1000)
            again = socket(AF_INET, SOCK_DGRAM)
            again.connect(("127.0.0.1", 9))
            assert PLAYED(again)
        """)

    def test_threads(self):
        run("""
            def work():
                for _ in range(200):
                    server, client = pair()
                    child, name = server.accept()
                    assert name == client.getsockname()
                    for one in (server, client, child):
                        one.close()
            failed = []
            threading.excepthook = failed.append
            threads = [threading.Thread(target=work) for _ in range(8)]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
            assert not failed, failed
        """)


    def test_an_allocator_that_makes_system_calls_as_it_starts(self):
        """jemalloc, in Debian's redis-server; it waited for itself."""
        environment = dict(os.environ, LD_PRELOAD=f"{WRAP}:{PLAYED}", EDUINET_RUN="family=13")
        told = subprocess.run(["redis-server", "--version"], env=environment, capture_output=True, timeout=20, check=True)
        self.assertIn(b"jemalloc", told.stdout)


class Choices(unittest.TestCase):
    def test_types(self):
        script = "print(*(PLAYED(socket(AF_INET, kind)) for kind in (SOCK_STREAM, SOCK_DGRAM)))"
        self.assertEqual(run(script), "True True\n")
        self.assertEqual(run(script, "only=stream"), "True False\n")
        self.assertEqual(run(script, "only=dgram"), "False True\n")

    def test_names_have_no_inet6_unless_it_is_linuxs(self):
        run("""
            assert errno_of(socket, AF_INET6, SOCK_DGRAM, 58) == errno.EAFNOSUPPORT  # IPPROTO_ICMPV6
            assert {one[0] for one in getaddrinfo("localhost", 80)} == {AF_INET}
            assert getaddrinfo(None, 80, flags=AI_PASSIVE, type=SOCK_STREAM)[0][4] == ("0.0.0.0", 80)
            assert {one[0] for one in getaddrinfo(None, 80, flags=AI_PASSIVE)} == {AF_INET}
            assert getaddrinfo("::1", 80)[0][0] == AF_INET6
            assert getaddrinfo("::ffff:10.0.0.2", 80)[0][4][:2] == ("::ffff:10.0.0.2", 80)
            assert getnameinfo(("::ffff:10.0.0.2", 1, 0, 0), NI_NUMERICHOST)[0] == "::ffff:10.0.0.2"
        """)

    def test_roles(self):
        script = """
            def listener():
                made = socket()
                made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
                made.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
                made.setblocking(False)
                made.bind(("127.0.0.1", 0))
                name = made.getsockname()
                made.listen()
                assert made.getsockname() == name
                assert made.getsockopt(SOL_SOCKET, SO_KEEPALIVE) and not os.get_blocking(made.fileno())
                assert made.getsockopt(SOL_SOCKET, SO_REUSEADDR)
                made.setblocking(True)
                return made
            server = listener()
            client = socket()
            client.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            client.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # the played stack and Linux's are one
            client.bind(("127.0.0.1", 0))
            client.connect(server.getsockname())
            assert client.getsockopt(IPPROTO_TCP, TCP_NODELAY)
            child, name = server.accept()
            assert name == client.getsockname() == child.getpeername()
            serves = socket(AF_INET, SOCK_DGRAM)
            spare = socket(AF_INET, SOCK_DGRAM)
            spare.bind(("127.0.0.1", 0))
            port = spare.getsockname()[1]
            spare.close()
            serves.bind(("127.0.0.1", port))
            calls = socket(AF_INET, SOCK_DGRAM)
            calls.sendto(b"x", ("127.0.0.1", port))
            assert serves.recvfrom(10)[1] == ("127.0.0.1", calls.getsockname()[1])
            print(*map(PLAYED, (server, child, client, serves, calls)))
        """
        self.assertEqual(run(script), "True True True True True\n")
        self.assertEqual(run(script, "only=server"), "True True False True False\n")
        self.assertEqual(run(script, "only=client"), "False False True False True\n")

    def test_exceptions(self):
        script = """
            told = []
            for port in (7001, 7002):
                server = socket()
                server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
                server.bind(("127.0.0.1", port))
                told.append(PLAYED(server))
            sock = socket(AF_INET, SOCK_DGRAM)
            sock.sendto(b"", ("127.0.0.1", 7001))
            told.append(PLAYED(sock))
            sock = socket(AF_INET, SOCK_DGRAM)
            sock.connect(("127.0.0.9", 7001))
            told.append(PLAYED(sock))
            print(*told)
        """
        self.assertEqual(run(script, "except=7001/tcp"), "False True True True\n")
        self.assertEqual(run(script, "except=7001"), "False True False False\n")
        self.assertEqual(run(script, "except=127.0.0.9"), "True True True False\n")

    def test_a_socket_that_moves_stays_in_its_epoll_set(self):
        run("""
            epoll = select.epoll()
            server = socket()
            server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # the same
            server.bind(("127.0.0.1", 0))
            epoll.register(server, select.EPOLLIN)
            server.listen()
            assert not PLAYED(server)
            client = socket()
            client.connect(server.getsockname())
            assert epoll.poll(10) == [(server.fileno(), select.EPOLLIN)]
        """, "only=client")

    def test_a_socket_that_moves_stays_out_of_other_epoll_sets(self):
        """A set that has its number for another file, which has lost that number and lives on."""
        run("""
            class event(ctypes.Structure):
                _pack_ = 1
                _fields_ = [("events", ctypes.c_uint), ("data", ctypes.c_ulong)]
            def add(epoll, fd, data):
                assert libc.epoll_ctl(epoll.fileno(), 1, fd, ctypes.byref(event(select.EPOLLIN, data))) == 0
            def told(epoll, milliseconds):
                got = (event * 10)()
                return [one.data for one in got[:libc.epoll_wait(epoll.fileno(), got, 10, milliseconds)]]
            def once():
                only_old, both = select.epoll(), select.epoll()
                ours, theirs = socketpair()
                number = ours.fileno()
                add(only_old, number, 1)
                add(both, number, 2)
                copy = ours.dup()
                ours.close()
                server = socket()
                assert server.fileno() == number
                server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # the same
                server.bind(("127.0.0.1", 0))
                add(both, number, 3)
                server.listen()
                assert not PLAYED(server)
                client = socket()
                client.connect(server.getsockname())
                assert told(both, 10000) == [3]
                assert told(only_old, 0) == []
            for _ in range(8):  # the order in which a set lists two files is a matter of chance
                once()
        """, "only=client")

    def test_all_numbers_of_a_socket_move(self):
        script = """
            import fcntl
            server = socket()
            server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # the same
            numbers = [server.dup(), socket(fileno=fcntl.fcntl(server, fcntl.F_DUPFD, 100))]
            epoll = select.epoll()
            epoll.register(numbers[0], select.EPOLLIN)
            os.set_inheritable(numbers[1].fileno(), True)
            numbers[0].bind(("127.0.0.1", 0))
            server.listen()
            client = socket()
            client.connect(numbers[1].getsockname())
            assert epoll.poll(10) == [(numbers[0].fileno(), select.EPOLLIN)]
            assert numbers[1].accept()[1] == client.getsockname()
            assert [os.get_inheritable(one.fileno()) for one in numbers] == [False, True]
            serves = socket(AF_INET, SOCK_DGRAM)
            copy = serves.dup()
            serves.bind(("127.0.0.1", 7003))
            copy.sendto(b"", ("127.0.0.1", 7003))  # does not make a client of it
            print(*map(PLAYED, (server, *numbers, client, serves, copy)))
        """
        self.assertEqual(run(script, "only=client"), "False False False True False False\n")
        self.assertEqual(run(script, "only=server"), "True True True False True True\n")

    def test_a_program_for_the_family_itself_sees_the_family(self):
        run("""
            fd = libc.socket(13, SOCK_DGRAM, 0)
            address = struct.pack("=H", 13) + struct.pack("!H4s8x", 0, inet_aton("127.0.0.1"))
            assert libc.bind(fd, address, 16) == 0
            name, room = ctypes.create_string_buffer(16), ctypes.c_uint(16)
            assert libc.getsockname(fd, name, ctypes.byref(room)) == 0
            assert struct.unpack_from("=H", name.raw)[0] == 13
        """)


class Inet6(unittest.TestCase):
    """Programs that know IPv4 as a part of IPv6."""

    def test_a_stream(self):
        run("""
            server = create_server(("", 0), family=AF_INET6, dualstack_ipv6=True)
            assert PLAYED(server) and server.family == AF_INET6
            name = server.getsockname()
            assert name == ("::", name[1], 0, 0), name
            client = socket(AF_INET6)
            client.setsockopt(IPPROTO_IPV6, IPV6_UNICAST_HOPS, 33)
            client.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
            client.connect(("::ffff:127.0.0.1", name[1]))
            assert PLAYED(client) and client.getpeername() == ("::ffff:127.0.0.1", name[1], 0, 0)
            child, peer = server.accept()
            assert PLAYED(child) and peer == client.getsockname() == child.getpeername(), peer
            assert peer[0] == "::ffff:127.0.0.1"
            for one in (server, client, child):
                assert one.getsockopt(SOL_SOCKET, SO_DOMAIN) == AF_INET6
                assert one.getsockopt(IPPROTO_IPV6, IPV6_V6ONLY) == 0
            assert client.getsockopt(IPPROTO_IPV6, IPV6_UNICAST_HOPS) == 33 == client.getsockopt(SOL_IP, IP_TTL)
            assert client.getsockopt(SOL_SOCKET, SO_KEEPALIVE)
            client.setsockopt(IPPROTO_IPV6, IPV6_TCLASS, 16)
            assert client.getsockopt(SOL_IP, IP_TOS) == 16
            client.send(b"x")
            assert child.recv(1) == b"x"
            copy = child.dup()
            assert copy.getpeername() == peer
            four = socket()
            four.connect(("127.0.0.1", name[1]))
            assert server.accept()[1] == ("::ffff:127.0.0.1", four.getsockname()[1], 0, 0)
            unbound = socket(AF_INET6)
            unbound.listen()
            assert PLAYED(unbound) and unbound.getsockname()[0] == "::"
            assert errno_of(child.connect, ("::1", 9)) == errno.ENETUNREACH
        """)

    def test_room_for_a_name(self):
        """As much of it as the program has room for, and its whole length."""
        run("""
            sock = socket(AF_INET6, SOCK_DGRAM)
            sock.bind(("::ffff:127.0.0.1", 0))
            whole = ctypes.create_string_buffer(28)
            for room in (0, 1, 2, 16, 27, 28, 100):
                name, length = ctypes.create_string_buffer(b"." * 128, 128), ctypes.c_uint(room)
                assert libc.getsockname(sock.fileno(), name, ctypes.byref(length)) == 0
                assert length.value == 28 or room == 0, (room, length.value)
                libc.getsockname(sock.fileno(), whole, ctypes.byref(ctypes.c_uint(28)))
                assert name.raw == whole.raw[:room] + b"." * (128 - min(room, 28)), room
            for room in (ctypes.c_int(-1), ctypes.c_uint(28)):
                where = name if room.value < 0 else ctypes.c_void_p(8)
                assert libc.getsockname(sock.fileno(), where, ctypes.byref(room)) == -1
                assert ctypes.get_errno() == (errno.EINVAL if room.value < 0 else errno.EFAULT)
        """)

    def test_datagrams(self):
        run("""
            server = socket(AF_INET6, SOCK_DGRAM)
            server.bind(("::", 0))
            port = server.getsockname()[1]
            assert PLAYED(server)
            client = socket(AF_INET6, SOCK_DGRAM)
            client.sendto(b"one", ("::ffff:127.0.0.1", port))
            assert PLAYED(client)
            here = ("::ffff:127.0.0.1", client.getsockname()[1], 0, 0)
            assert server.recvfrom(10) == (b"one", here)
            client.sendmsg([b"two"], [], 0, ("::ffff:127.0.0.1", port))
            data, control, flags, name = server.recvmsg(10, 100)
            assert (data, control, name) == (b"two", [], here), name
            server.sendto(b"three", name)
            assert client.recvfrom(10) == (b"three", ("::ffff:127.0.0.1", port, 0, 0))
            assert errno_of(client.sendto, b"", ("2001:db8::1", 9)) == errno.ENETUNREACH
        """)

    def test_many_messages_in_one_call(self):
        run(MESSAGES + """
            server, client = socket(AF_INET6, SOCK_DGRAM), socket(AF_INET6, SOCK_DGRAM)
            server.bind(("::", 0))
            port = server.getsockname()[1]
            address = struct.pack("=H", AF_INET6) + struct.pack("!HI", port, 0) + inet_pton(AF_INET6, "::ffff:127.0.0.1")
            sent, keep = messages(40, lambda n: b"%010d" % n, address + bytes(4))
            assert libc.sendmmsg(client.fileno(), sent, 40, 0) == 40
            assert PLAYED(client) and [one.len for one in sent] == [10] * 40
            got, room = messages(50, lambda n: b" " * 10, bytes(28))
            assert libc.recvmmsg(server.fileno(), got, 50, 0, None) == 40
            for one in got[:40]:
                assert one.hdr.namelen == 28 and one.len == 10
                assert ctypes.string_at(one.hdr.name + 8, 16) == inet_pton(AF_INET6, "::ffff:127.0.0.1")
            assert room[79].base == b"%010d" % 39, room[79].base
        """)

    def test_true_ipv6(self):
        script = """
            sock = socket(AF_INET6, SOCK_DGRAM)
            bound = errno_of(sock.bind, ("::1", 0))
            only = socket(AF_INET6)
            only.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
            only.bind(("::", 0))
            only.listen()
            assert not PLAYED(only) and only.getsockname()[0] == "::"
            assert errno_of(only.connect, ("::ffff:127.0.0.1", 9)) in (errno.EISCONN, errno.ENETUNREACH)
            called = errno_of(socket(AF_INET6).connect, ("::1", only.getsockname()[1]))
            server = socket(AF_INET6)
            server.bind(("::", 0))
            server.listen()
            client = socket(AF_INET6)
            client.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # the played stack and Linux's are one
            client.bind(("::", 0))
            port = client.getsockname()[1]
            listener = socket()
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            client.connect(("::ffff:127.0.0.1", listener.getsockname()[1]))
            assert PLAYED(client) and listener.accept()[1] == ("127.0.0.1", port)
            print(errno.errorcode.get(bound), errno.errorcode.get(called), PLAYED(server))
        """
        self.assertEqual(run(script), "EADDRNOTAVAIL ENETUNREACH True\n")
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()  # or there is no IPv6 here to fall back to
        self.assertEqual(run(script, "inet6=linux"), "None None False\n")

    def test_roles_and_exceptions(self):
        script = """
            server = socket(AF_INET6)
            server.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)  # the played stack and Linux's are one
            server.bind(("::", 0))
            server.listen()
            client = socket(AF_INET6)
            client.connect(("::ffff:127.0.0.1", server.getsockname()[1]))
            assert server.accept()[1] == client.getsockname()
            except_ = socket(AF_INET6, SOCK_DGRAM)
            except_.sendto(b"", ("::ffff:127.0.0.1", 7001))
            kind = socket(AF_INET6, SOCK_DGRAM)
            kind.sendto(b"", ("::ffff:127.0.0.1", 7002))
            for one in (server, client, except_, kind):
                assert one.family == AF_INET6 and one.getsockname()[1]
            print(*map(PLAYED, (server, client, except_, kind)))
        """
        self.assertEqual(run(script), "True True True True\n")
        self.assertEqual(run(script, "only=server"), "True False False False\n")
        self.assertEqual(run(script, "only=client"), "False True True True\n")
        self.assertEqual(run(script, "only=stream"), "True True False False\n")
        self.assertEqual(run(script, "except=7001"), "True True False True\n")

    def test_a_number_that_is_another_files_by_now(self):
        """Closed where nobody sees, opened where nobody sees."""
        run("""
            number = socket(AF_INET6).detach()
            libc.close_range(number, number, 0)
            assert os.open("/dev/null", os.O_RDONLY) == number
            address = struct.pack("=H", AF_INET6) + struct.pack("!HI", 9, 0) + inet_pton(AF_INET6, "::ffff:127.0.0.1")
            assert libc.connect(number, address + bytes(4), 28) == -1 and ctypes.get_errno() == errno.ENOTSOCK
            assert os.readlink(f"/proc/self/fd/{number}") == "/dev/null"
        """)


class Pointers(unittest.TestCase):
    """Ones that lead nowhere: the kernel says so, and the program lives on."""

    def test_they_give_efault(self):
        run("""
            import mmap
            libc.mmap.restype = ctypes.c_void_p
            libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
            hole = libc.mmap(None, 8192, 3, 34, -1, 0)  # two pages, of which the second goes
            assert libc.mprotect(ctypes.c_void_p(hole + 4096), 4096, 0) == 0
            address = struct.pack("=H", AF_INET) + struct.pack("!H4s8x", 9, inet_aton("127.0.0.1"))
            ctypes.memmove(hole + 4096 - 8, address, 8)
            void = ctypes.c_void_p
            wild = [hole + 4096, hole + 8100, 0x123456789000, 1 << 47, 0xdead << 48, 1, -1, hole + 4096 - 8]
            sock = socket(AF_INET, SOCK_DGRAM)
            sock.bind(("127.0.0.1", 0))
            fd, length, name = sock.fileno(), ctypes.c_uint(16), ctypes.create_string_buffer(16)
            def efault(result):
                assert result == -1 and ctypes.get_errno() == errno.EFAULT, (hex(pointer), result, ctypes.get_errno())
            for pointer in wild:
                efault(libc.bind(fd, void(pointer), 16))
                efault(libc.connect(fd, void(pointer), 16))
                efault(libc.sendto(fd, b"x", 1, 0, void(pointer), 16))
                efault(libc.getsockname(fd, void(pointer), ctypes.byref(length)))
                efault(libc.sendmsg(fd, void(pointer), 0))
                efault(libc.recvmsg(fd, void(pointer), MSG_DONTWAIT))
                efault(libc.sendmmsg(fd, void(pointer), 2, 0))
                message = struct.pack("PIPQPQi", pointer & (1 << 64) - 1, 16, 0, 0, 0, 0, 0)
                efault(libc.sendmsg(fd, message, 0))
                efault(libc.execve(b"/bin/true", None, void(pointer)))
            for pointer in wild[:-1]:
                efault(libc.getsockname(fd, name, void(pointer)))
                sock.sendto(b"x", sock.getsockname())
                efault(libc.recvfrom(fd, name, 16, 0, name, void(pointer)))
                efault(libc.getsockopt(fd, SOL_SOCKET, SO_DOMAIN, name, void(pointer)))
                efault(libc.ioctl(fd, 0x8912, void(pointer)))  # SIOCGIFCONF
        """, "family=2", WRAP)


class Tool(unittest.TestCase):
    """`edu run` itself; --family 2 makes AF_INET its family."""

    def edu(self, *words, **more):
        return subprocess.run(
            [EDU, "--family", "2", "run", *words], capture_output=True, text=True, timeout=30, check=False, **more
        )

    def refusal(self, *words):
        done = self.edu(*words)
        self.assertEqual(done.stdout, "")
        return done.returncode, done.stderr

    def test_what_the_program_gets(self):
        done = self.edu("--only", "stream,client", "--except", "53/udp", "-6", "--", "printenv", "EDUINET_RUN")
        told = "family=2 only=stream only=client except=53/udp inet6=linux\n"
        self.assertEqual((done.returncode, done.stdout), (0, told))
        others = dict(os.environ, LD_PRELOAD=PLAYED)
        done = self.edu("printenv", "LD_PRELOAD", env=others)
        self.assertEqual(done.stdout, f"{os.path.realpath(WRAP)}:{PLAYED}\n")

    def test_the_status_is_the_programs(self):
        self.assertEqual(self.edu("sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(self.edu("sh", "-c", "kill -9 $$").returncode, -9)

    def test_options_that_make_no_sense(self):
        for words in ([], ["--only", "tcp", "true"], ["--except", "x", "true"], ["--frob", "true"],
                      ["--only", "client,server", "true"], ["--only", "stream only=raw", "true"]):
            self.assertEqual(self.refusal(*words)[0], 1, words)

    def test_programs_it_cannot_load_a_library_into(self):
        with tempfile.TemporaryDirectory() as folder:
            def made(name, content, mode=0o755):
                path = os.path.join(folder, name)
                with open(path, "wb") as file:
                    file.write(content)
                os.chmod(path, mode)
                return path

            with open("/bin/true", "rb") as file:
                true = file.read()
            # An ELF header alone, without the segment that names a loader; and one of another machine.
            static = made("static", true[:56] + bytes(2) + true[58:])
            status, told = self.refusal(static)
            self.assertEqual(status, 2)
            self.assertIn("linked statically", told)
            status, told = self.refusal(made("foreign", true[:18] + b"\xff\x00" + true[20:]))
            self.assertEqual(status, 2)
            self.assertIn("another kind of processor", told)
            status, told = self.refusal(made("script", f"#! {static} -x\n".encode()))
            self.assertEqual(status, 2)
            self.assertIn("linked statically", told)
            self.assertEqual(self.refusal(made("plain", true, 0o644))[0], 126)
            self.assertEqual(self.refusal("no-such-program")[0], 127)
            self.assertEqual(self.refusal("/no/such/program")[0], 127)
            self.assertEqual(self.edu(made("shell", b"exit 3\n")).returncode, 3)
            if os.geteuid() == 0:
                private = made("private", true)
                os.chown(private, 1, 1)
                os.chmod(private, 0o4755)
                status, told = self.refusal(private)
                self.assertEqual(status, 2)
                self.assertIn("set-user-ID", told)

    def test_without_the_module(self):
        done = subprocess.run([EDU, "--family", "14", "run", "true"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (2, "edu: this kernel knows no address family 14\n"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
