#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The tool against iproute2, both on Linux's own stack (edu --family 2), in a private namespace.

What `edu` changes, `ip -j` must see, and what both show must agree: so grammar, netlink messages and
JSON keys are proved without the module. Usage: against_iproute2.py PATH-OF-EDU
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

SKIPPED = 77
failures = 0


def enter_namespace():
    """Runs this script again inside `unshare`, or skips the test where that is not permitted."""
    if os.environ.get("EDU_IN_NAMESPACE"):
        return
    for options in (["--net", "--mount"], ["--net", "--mount", "--user", "--map-root-user"]):
        if subprocess.run(["unshare", *options, "true"], stderr=subprocess.DEVNULL).returncode == 0:
            os.environ["EDU_IN_NAMESPACE"] = "1"
            os.execvp("unshare", ["unshare", *options, sys.executable, *sys.argv])
    sys.exit(SKIPPED)


def ip_can_make(kind):
    """Some kernels have only a few kinds of devices."""
    made = run("ip", "link", "add", "probe", "type", kind).returncode == 0
    return made and run("ip", "link", "del", "probe").returncode == 0


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


def edu(line, status=0):
    """Runs the tool; its exit status must be `status`. Returns what it printed (errors when bad)."""
    done = run(EDU, "--family", "2", *line.split())
    check(f"status of `edu {line}`", done.returncode, status, done.stderr)
    return done.stdout if status == 0 else done.stderr


def ip(line):
    done = run("ip", *line.split())
    check(f"status of `ip {line}`", done.returncode, 0, done.stderr)
    return done.stdout


def check(what, got, wanted, more=""):
    global failures
    if got != wanted:
        failures += 1
        print(f"FAILED {what}:\n  got    {got}\n  wanted {wanted}\n{more}")


def same(what, line, keys, ip_line=None):
    """Both tools' JSON, reduced to `keys`, must be equal."""
    ours = [{k: e.get(k) for k in keys} for e in json.loads(edu("-j " + line))]
    theirs = [{k: e.get(k) for k in keys} for e in json.loads(ip("-4 -j " + (ip_line or line)))]
    key = lambda entry: json.dumps(entry, sort_keys=True)
    check(what, sorted(ours, key=key), sorted(theirs, key=key))


def links():
    edu(f"link add e0 type {KIND}")
    edu(f"link add e1 type {KIND} mtu 1400 address 02:00:00:00:00:01 up")
    edu("link set e0 up mtu 1300 promisc on allmulticast on txqueuelen 77")
    same("links", "link show", ["ifindex", "ifname", "flags", "mtu", "qdisc", "operstate", "linkmode",
                                "group", "txqlen", "link_type", "address", "broadcast"])
    check("allmulticast", "ALLMULTI" in ip("link show e0"), True)
    lines = lambda text: sorted(line.split() for line in text.splitlines())
    check("brief links", lines(edu("-br link")), lines(ip("-br link")))
    check("oneline", [len(edu("-o link show e0").splitlines()), "\\    link/" in edu("-o link show e0")], [1, True])
    numbers = ("bytes", "packets", "errors", "dropped", "over_errors", "multicast")
    for way in ("rx", "tx"):
        ours, theirs = (json.loads(text)[0]["stats64"][way] for text in (edu("-j -s link show e1"), ip("-j -s link show e1")))
        check(f"statistics {way}", {k: ours.get(k) for k in numbers if k in theirs}, {k: theirs[k] for k in numbers if k in theirs})
    check("kind", json.loads(edu("-j link show e1"))[0]["linkinfo"]["info_kind"], KIND)
    edu("link set e1 down name e9")
    edu("link se e9 na e1 up")
    check("ambiguous", "ambiguous" in edu("link s", 1), True)
    edu(f"link add e2 type {KIND}")
    edu("link del e2")
    check("unknown device", "no device named e2: `edu link` lists them" in edu("link show e2", 1), True)
    check("existing device", "exists" in edu(f"link add e0 type {KIND}", 2), True)
    check("unknown kind", "cannot add the device e3" in edu("link add e3 type nosuchkind", 2), True)
    check("segment of a dummy", "eduinet" in edu("link set e0 segment 3", 1), True)


def addresses():
    edu("addr add 10.0.0.1/24 dev e0 brd +")
    edu("addr add 10.1.2.3/16 dev e1 label e1:x")
    edu("a a 10.1.2.4/16 dev e1")
    keys = ["family", "local", "prefixlen", "broadcast", "scope", "secondary", "label",
            "valid_life_time", "preferred_life_time"]
    for device in ("e0", "e1"):
        ours = json.loads(edu(f"-j addr show dev {device}"))[0]["addr_info"]
        theirs = json.loads(ip(f"-4 -j addr show dev {device}"))[0]["addr_info"]
        check(f"addresses of {device}", [{k: a.get(k) for k in keys} for a in ours],
              [{k: a.get(k) for k in keys} for a in theirs])
    check("text", [l.strip() for l in edu("addr show e0").splitlines() if "inet" in l],
          [l.strip() for l in ip("-4 addr show e0").splitlines() if "inet" in l])
    words = lambda text: sorted(line.split() for line in text.splitlines())
    for device in ("e0", "e1"):
        check("brief addresses", words(edu(f"-br addr show {device}")), words(ip(f"-4 -br addr show {device}")))
        check("addresses in a line each", words(edu(f"-o addr show {device}")), words(ip(f"-4 -o addr show {device}")))
    labelled = json.loads(edu("-j addr show label e1:*"))
    check("label", [[a["local"] for a in link["addr_info"]] for link in labelled], [["10.1.2.3"]])
    edu("addr change 10.0.0.1/24 dev e0")
    check("again", "already" in edu("addr add 10.0.0.1/24 dev e0", 2), True)
    edu("addr del 10.1.2.4 dev e1")
    check("not there", "cannot take the address" in edu("addr del 10.9.9.9/24 dev e1", 2), True)
    check("bad address", "not an Internet address" in edu("addr add 10.0.0.256/24 dev e0", 1), True)
    check("bad length", "prefix length" in edu("addr add 10.0.0.1/33 dev e0", 1), True)


def routes():
    edu("route add 10.5.0.0/16 via 10.0.0.254 metric 7 mtu 1200 src 10.0.0.1")
    edu("route add default via 10.0.0.254 dev e0 proto static")
    edu("route add unreachable 10.6.0.0/16")
    edu("route add blackhole 10.7/16")
    edu("route add prohibit 10.8.0.0/255.255.0.0")
    edu("route add 10.9.0.0/16 dev e1 tos 10")
    edu("r repl 10.9.0.0/16 dev e0 tos 0x10")
    keys = ["type", "dst", "gateway", "dev", "protocol", "scope", "prefsrc", "metric", "tos", "flags",
            "metrics"]
    same("routes", "route show", keys)
    for network in ("10.5.0.0/16", "10.0.0.0/8", "root 10.0.0.0/8", "root 10.5.1.0/24", "match 10.5.1.0/24", "match 10.0.0.0/8",
                    "exact 10.5.0.0/16", "default", "match default"):
        same(f"routes to {network}", f"route show {network}", keys[:3])
    check("two networks", "one network" in edu("route show 10.5.0.0/16 root 10.0.0.0/8", 1), True)
    same("routes by device", "route show dev e1", keys[:3])
    same("local routes", "route show table local", ["type", "dst", "dev", "scope", "prefsrc"])
    check("text", sorted(l.split() for l in edu("route").splitlines()),
          sorted(l.split() for l in ip("-4 route").splitlines()))
    get = json.loads(edu("-j route get 10.5.1.1"))[0]
    check("get", [get.get(k) for k in ("dst", "gateway", "dev", "prefsrc")],
          ["10.5.1.1", "10.0.0.254", "e0", "10.0.0.1"])
    check("unreachable", "unreachable" in edu("route get 10.6.1.1", 2), True)
    check("exists", "exists" in edu("route add default via 10.0.0.254", 2), True)
    check("bad gateway", "gateway" in edu("route add 10.20.0.0/16 via 99.0.0.1", 2), True)
    check("host bits", "10.5.0.0/16" in edu("route add 10.5.0.1/16 dev e0", 1), True)
    edu("route del 10.5.0.0/16")
    check("gone", "there is no such route" in edu("route del 10.5.0.0/16", 2)
          or "No such process" in edu("route del 10.5.0.0/16", 2), True)
    edu("route flush type unreachable")
    edu("route flush proto static")
    check("left", sorted(r["dst"] for r in json.loads(ip("-4 -j route"))),
          ["10.0.0.0/24", "10.1.0.0/16", "10.7.0.0/16", "10.8.0.0/16", "10.9.0.0/16"])
    check("flush what", "flush needs" in edu("route flush", 1), True)
    edu("r a 10.32.0.0/16 via 10.0.0.7")
    edu("route append 10.32.0.0/16 via 10.0.0.8")
    edu("route change 10.32.0.0/16 via 10.0.0.9")
    check("appended and changed", [r["gateway"] for r in json.loads(ip("-4 -j route show 10.32.0.0/16"))],
          ["10.0.0.9", "10.0.0.8"])
    check("change nothing", "there is no such route" in edu("route change 10.33.0.0/16 via 10.0.0.9", 2), True)
    edu("route flush 10.32.0.0/16")
    edu("route add 10.30.0.0/16 nexthop via 10.0.0.7 nexthop via 10.0.0.8 dev e0 metric 9")
    hops = [(r["gateway"], r.get("metric", 0)) for r in json.loads(ip("-4 -j route show 10.30.0.0/16"))]
    check("nexthops are routes", hops, [("10.0.0.7", 0), ("10.0.0.8", 9)])
    check("a bad nexthop", "gateway" in edu("route add 10.31.0.0/16 nexthop via 10.0.0.7 nexthop via 99.0.0.1", 2), True)
    check("all or nothing", ip("-4 route show 10.31.0.0/16"), "")
    edu("route flush 10.30.0.0/16")


def neighbours():
    ip("link set e0 arp on")
    edu("neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev e0")
    edu("neigh add 10.0.0.8 lladdr 02:00:00:00:00:08 dev e0 nud reachable")
    edu("neigh replace 10.0.0.7 lladdr 02:00:00:00:00:77 dev e0")
    edu("neigh change 10.0.0.7 lladdr 02:00:00:00:00:78 dev e0")
    check("changed", json.loads(ip("-j neigh show 10.0.0.7"))[0]["lladdr"], "02:00:00:00:00:78")
    check("change nobody", "does not have it" in edu("neigh change 10.0.0.66 lladdr 02:00:00:00:00:78 dev e0", 2), True)
    same("neighbours", "neigh show", ["dst", "dev", "lladdr", "state"])
    check("exists", "cannot add" in edu("neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev e0", 2), True)
    check("no lladdr", "hardware address" in edu("neigh add 10.0.0.9 dev e0", 1), True)
    check("bad lladdr", "not a hardware address" in edu("neigh add 10.0.0.9 lladdr 02:zz dev e0", 1), True)
    check("get", edu("neigh get 10.0.0.7 dev e0").split(), ip("neigh get 10.0.0.7 dev e0").split())
    check("get nothing", "cannot show" in edu("neigh get 10.0.0.200 dev e0", 2), True)
    edu("neigh flush dev e0")
    edu("neigh del 10.0.0.7 dev e0")
    edu("neigh add proxy 10.0.0.99 dev e0")
    check("proxy", "10.0.0.99 dev e0 proxy" in edu("neigh show proxy"), True)


def ping():
    ip("link set lo up")
    text = edu("ping -c 3 -i 0.01 -W 1 127.0.0.1")
    check("ping", "3 packets transmitted, 3 received, 0% packet loss" in text and " ttl=64 " in text, True, text)
    ip("link add v0 type veth peer name v1")
    ip("addr add 10.77.0.1/24 dev v0")
    ip("link set v0 up")
    ip("link set v1 up")
    done = run(EDU, "--family", "2", "ping", "-c", "1", "-W", "5", "10.77.0.2")
    check("unreachable host", done.returncode, 1, done.stderr)
    check("unreachable host's text",
          "From 10.77.0.1 icmp_seq=1 Destination Host Unreachable" in done.stdout, True, done.stdout)
    check("+1 errors", "1 packets transmitted, 0 received, +1 errors, 100% packet loss" in done.stdout, True)
    check("no route", "no route leads to" in edu("ping -c 1 198.51.100.1", 2), True)
    check("json", json.loads(edu("-j ping -c 2 -i 0 127.0.0.1"))["received"], 2)
    check("usage", "explains the options" in edu("ping -c none 127.0.0.1", 2), True)


def netcat():
    for kind, text in (("-u", "datagram\n"), ("", "stream\n" * 5000)):
        server = subprocess.Popen([EDU, "--family", "2", "nc", *kind.split(), "-l", "-w", "2", "5000"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        listening = lambda: ":5000" in run("ss", "-Hlun" if kind else "-Hltn").stdout
        for _ in range(200):
            if listening():
                break
        client = subprocess.run([EDU, "--family", "2", "nc", *kind.split(), "-w", "1", "127.0.0.1", "5000"],
                                input=text, text=True, timeout=30)
        check(f"nc {kind} client", client.returncode, 0)
        check(f"nc {kind}", server.communicate(timeout=30)[0], text)
    # No input, so that only the error can end it: a datagram nobody waits for.
    refused = subprocess.run([EDU, "--family", "2", "nc", "-u", "-w", "3", "127.0.0.1", "5999"],
                             input="x", text=True, capture_output=True, timeout=30)
    check("refused", (refused.returncode, "nobody listens" in refused.stderr), (1, True), refused.stderr)


def monitoring():
    """Both tools hear the same changes and tell them alike; an interrupt ends them with status 0."""
    def is_listening(program):
        with open("/proc/net/netlink", encoding="ascii") as table:
            lines = [line.split() for line in table][1:]
        return any(int(line[2]) == program.pid and int(line[3], 16) for line in lines)

    programs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in (
        [EDU, "--family", "2", "monitor", "route"], ["ip", "-4", "monitor", "route"],
        [EDU, "--family", "2", "-j", "route", "monitor", "tshort"])]
    for program in programs:
        while not is_listening(program) and program.poll() is None:
            time.sleep(0.01)
    ip("route add 10.40.0.0/16 via 10.0.0.9 metric 4")
    ip("route del 10.40.0.0/16")
    for program in programs[::2]:
        for _ in range(2):  # two changes, one line each
            program.first = getattr(program, "first", "") + program.stdout.readline()
        program.send_signal(signal.SIGINT)
        check("an interrupted monitor", program.wait(timeout=30), 0)
    theirs = [programs[1].stdout.readline().split() for _ in range(2)]
    programs[1].kill()
    check("monitor", [line.split() for line in programs[0].first.splitlines()], theirs)
    events = [json.loads(line) for line in programs[2].first.splitlines()]
    check("monitor -j", [(e["dst"], e["metric"], e.get("deleted", False), "timestamp" in e) for e in events],
          [("10.40.0.0/16", 4, False, True), ("10.40.0.0/16", 4, True, True)])


def tracing():
    """Two hosts with a router between them, whose second link takes packets of 1,400 octets."""
    # Names of namespaces are files: they must not outlive this mount namespace.
    if run("mount", "-t", "tmpfs", "none", "/run").returncode:
        return
    for name in ("router", "host"):
        ip("netns add " + name)
    ip("link add t0 type veth peer name t1 netns router")
    ip("-n router link add t2 type veth peer name t3 netns host")
    for command in ("addr add 10.50.0.1/24 dev t0", "link set t0 up", "-n router addr add 10.50.0.2/24 dev t1",
                    "-n router addr add 10.51.0.2/24 dev t2", "-n router link set t1 up",
                    "-n router link set t2 mtu 1400 up", "-n host addr add 10.51.0.3/24 dev t3",
                    "-n host link set t3 mtu 1400 up", "route add 10.51.0.0/24 via 10.50.0.2",
                    "-n host route add default via 10.51.0.2"):
        ip(command)
    for name in ("router", "host"):
        for setting in ("ip_forward=1", "icmp_ratelimit=0", "icmp_msgs_per_sec=10000"):
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4." + setting)
    for how in ("", "-I "):
        hops = json.loads(edu(f"-j traceroute {how}-q2 10.51.0.3"))["hops"]
        check(f"traceroute {how}", [[p.get("addr") for p in hop["probes"]] for hop in hops],
              [["10.50.0.2"] * 2, ["10.51.0.3"] * 2])
    without_times = lambda text: re.sub(r"\d+\.\d+ ms", "T", text)
    if shutil.which("traceroute"):
        theirs = run("traceroute", "-n", "-q1", "10.51.0.3").stdout
        check("traceroute's text", without_times(edu("traceroute -n -q1 10.51.0.3")), without_times(theirs))
    done = run(EDU, "--family", "2", "traceroute", "-n", "-F", "-q1", "10.51.0.3", "1450")
    check("too large", (done.returncode, "!F-1400" in done.stdout), (1, True), done.stdout + done.stderr)
    path = json.loads(edu("-j tracepath 10.51.0.3"))
    check("tracepath", [path[key] for key in ("pmtu", "hops", "back")], [1400, 2, 2])
    text = edu("tracepath -n 10.51.0.3")
    check("tracepath's text", "pmtu 1400" in text and "reached" in text and
          "     Resume: pmtu 1400 hops 2 back 2 \n" in text, True, text)
    check("no route", "no route leads to" in edu("traceroute 198.51.100.1", 2), True)
    check("too few ports", "ports" in edu("traceroute -p 65530 10.51.0.3", 2), True)


def usage():
    check("no command", run(EDU).returncode, 1)
    check("help", "commands" in edu("help"), True)
    check("version", edu("-V").startswith("edu utility"), True)
    check("unknown command", "unknown" in edu("frob", 1), True)
    check("ambiguous command", "ambiguous: neigh or nc" in edu("n", 1), True)
    check("unknown option", "unknown" in edu("-x link", 1), True)
    check("unknown keyword", "not understood" in edu("addr show dev lo frob", 1), True)
    check("missing value", "must be followed" in edu("addr show dev", 1), True)
    check("twice", "twice" in edu("route add 10.0.0.0/8 dev lo dev lo", 1), True)
    check("no namespace", "no network namespace" in edu("-n nosuchnamespace link", 1), True)
    for command in ("link", "addr", "route", "neigh", "rarp", "monitor", "ping", "traceroute", "tracepath", "nc", "stat"):
        check(f"help of {command}", "sage" in edu(f"{command} help"), True)
    for action in ("link set", "addr add", "route get", "neigh flush"):
        check(f"help of {action}", "usage: edu " + action in edu(f"{action} help"), True)


if __name__ == "__main__":
    EDU = os.path.abspath(sys.argv[1])
    if not shutil.which("ip") or not shutil.which("unshare"):
        sys.exit(SKIPPED)
    enter_namespace()
    KIND = next((k for k in ("dummy", "bridge") if ip_can_make(k)), None)
    if not KIND:
        sys.exit(SKIPPED)
    for part in (usage, links, addresses, routes, neighbours, monitoring, ping, tracing, netcat):
        part()
    sys.exit(1 if failures else 0)
