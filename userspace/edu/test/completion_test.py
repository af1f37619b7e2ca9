#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""bash's completion of `edu …`: the function is called as readline calls it, with COMP_WORDS.

usage: completion_test.py EDU COMPLETION
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest

EDU, COMPLETION = map(os.path.abspath, sys.argv[1:3])

CALL = """
set -u
. "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_edu edu "${@: -1}" "${@: -2:1}"
[ ${#COMPREPLY[@]} = 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(*words, edu=EDU):
    """What may stand for the last word."""
    done = subprocess.run(
        ["bash", "--norc", "-c", CALL, "bash", COMPLETION, edu, *words], capture_output=True, text=True, check=False)
    assert not done.returncode and not done.stderr, done
    return done.stdout.splitlines()


def help_of(*words):
    return subprocess.run([EDU, *words], capture_output=True, text=True, check=True).stdout


def devices():
    with open("/proc/net/dev", encoding="ascii") as table:
        return [line.split(":")[0].strip() for line in list(table)[2:]]


def play_links(folder, command):
    """A tool that answers `-n lab link` by that command of the shell, and all else as edu does."""
    played = os.path.join(folder, "edu")
    with open(played, "w", encoding="ascii") as script:
        script.write(f"""#!/bin/sh
case "$*" in
"-n lab link") {command} ;;
*) exec {EDU} "$@" ;;
esac
""")
    os.chmod(played, 0o755)
    return played


class Completion(unittest.TestCase):
    def test_commands_are_those_of_the_help(self):
        known = re.findall(r"^  (\w+) ", help_of("help").split("\n\nOptions")[0], flags=re.M)
        self.assertGreater(len(known), 10)
        self.assertEqual(complete(""), known)
        self.assertEqual(complete("trace"), ["traceroute", "tracepath", "trace"])
        self.assertEqual(complete("-j", "mad"), ["maddr"])

    def test_own_options(self):
        self.assertIn("--json", complete("-"))
        self.assertEqual(complete("--net"), ["--netns"])

    def test_actions_and_their_keywords(self):
        self.assertEqual(complete("route", ""), ["show", "add", "del", "replace", "change", "append", "get",
                                                   "flush", "monitor", "help"])
        self.assertEqual(complete("route", "a"), ["add", "append"])
        self.assertEqual(complete("route", "add", "10/8", "met"), ["metric"])
        self.assertEqual(complete("r", "a", "10/8", "met"), ["metric"])
        self.assertEqual(complete("monitor", "rc"), ["rcvbuf"])

    def test_a_keyword_comes_once(self):
        self.assertIn("mtu", complete("link", "set", "e0", ""))
        self.assertNotIn("mtu", complete("link", "set", "e0", "mtu", "1400", ""))

    def test_every_keyword_of_every_action_is_offered(self):
        for command in ("link", "addr", "route", "neigh", "maddr", "rarp"):
            for part in re.split(r"(?m)^(?=[a-z])", help_of(command, "help"))[2:]:
                action, *keywords = re.findall(r"^(?:  )?\[?(\S+?)\]? ", part, flags=re.M)
                self.assertLessEqual(set(keywords), set(complete(command, action, "")), (command, action))

    def test_pages_of_the_tour(self):
        self.assertEqual(complete("tour", "check", "ar"), ["arp"])
        self.assertEqual(complete("tour", "answer", "overview", ""), ["value"])

    def test_devices(self):
        self.assertTrue(devices())
        for words in (["addr", "show", "dev"], ["addr", "show"], ["route", "show", "dev"], ["ping", "-I"],
                      ["traceroute", "-i"], ["maddr", "show"], ["link", "set"], ["ss", "dev"]):
            self.assertLessEqual(set(devices()), set(complete(*words, "")), words)
        self.assertEqual(complete("link", "add", "l"), [])

    def test_devices_and_namespaces_by_the_tool_in_a_namespace(self):
        with tempfile.TemporaryDirectory() as folder:
            played = play_links(folder, r"printf '1: edulo: <UP>\n    link/loopback\n7: e7@if3: <UP>\n'")
            self.assertEqual(complete("-n", "lab", "addr", "show", "e", edu=played), ["edulo", "e7"])

    def test_tables_and_other_values(self):
        self.assertEqual(complete("route", "show", "table", ""), ["main", "local", "all"])
        self.assertEqual(complete("link", "set", "e0", "promisc", ""), ["on", "off"])
        self.assertEqual(complete("neigh", "show", "nud", "r"), ["reachable"])
        self.assertEqual(complete("link", "add", "e0", "type", ""), ["eduinet"])
        self.assertEqual(complete("addr", "add", "10/8", "scope", "h"), ["host"])
        self.assertEqual(complete("trace", "--color", "a"), ["auto", "always"])
        self.assertEqual(complete("ss", "state", "time"), ["time-wait"])

    def test_options_of_commands(self):
        for command in re.findall(r"^  (\w+) ", help_of("help").split("\n\nOptions")[0], flags=re.M):
            if command == "help":
                continue
            text = help_of(command, "help")
            if "KEYWORD…" in text:
                continue
            options = [word for line in re.findall(r"^  (-\S+)", text, flags=re.M) for word in line.split(",")]
            self.assertEqual(complete(command, "-"), options, command)

    def test_a_name_is_never_carried_out(self):
        with tempfile.TemporaryDirectory() as folder:
            mark = os.path.join(folder, "mark")
            played = play_links(folder, f"echo '7: $(touch\\t{mark}): <UP>'")
            complete("-n", "lab", "addr", "show", "", edu=played)
            complete("-n", "lab", "addr", "show", f"$(touch {mark})", edu=played)
            self.assertFalse(os.path.exists(mark))

    def test_nothing_is_offered_where_nothing_is_known(self):
        self.assertEqual(complete("nonsense", ""), [])
        self.assertEqual(complete("link", "nonsense", ""), [])
        self.assertEqual(complete("link", "add", "e0", "mtu", ""), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
