#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Documentation/tools/iproute2.rst, the tables of what iproute2 has and edu has: every word that `ip`, `ss`
and `nstat` list is in them, and what they say edu has is there.

usage: iproute2_table_test.py EDU
"""

import os
import re
import subprocess
import sys
import unittest

EDU = os.path.abspath(sys.argv[1])
TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
PAGE = os.path.join(TOP, "Documentation/tools/iproute2.rst")
COUNTERS = os.path.join(TOP, "include/edu/counters.h")
# Section of the page: the command whose help has edu's words. ip itself: edu's options and commands.
COMMANDS = {"ip": None, "ip link": "link", "ip address": "addr", "ip route": "route", "ip neigh": "neigh",
            "ip maddr": "maddr", "ip monitor": "monitor", "ss": "ss", "nstat": "stat"}


def run(*command):
    """What a command says of itself; iproute2 writes some of it to standard error and returns -1."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def tables():
    """{section: [(words of iproute2, "same", "no" or words of edu, remark)]}"""
    found, title, cells = {}, None, []
    with open(PAGE, encoding="utf-8") as page:
        lines = page.read().splitlines()
    for line, below in zip(lines, lines[1:] + [""]):
        if re.fullmatch("-{2,}", below):
            title, cells = line, []
            found[title] = cells
        elif line.startswith("   * -"):
            cells.append([line[6:].strip()])
        elif line.startswith("     -") and cells:
            cells[-1].append(line[7:].strip())
    literals = lambda cell: re.findall(r"``(.*?)``", cell)
    return {title: [(literals(first), second if second in ("same", "no") else literals(second), remark)
                    for first, second, remark in rows[1:]] for title, rows in found.items()}


def words_of(section):
    """What iproute2's own help lists there."""
    if section in ("ss", "nstat"):
        text = run(section, "--help")
        return set(re.findall(r"(?m)^ +(-\w), --\w", text)) | set(re.findall(r"(?m)^ +(?:-\w, )?(--[a-z0-9-]+)", text)) \
            | set(re.findall(r"--query=QUERY, (--socket)", text))
    text = run("ip", "-h") if section == "ip" else run(*section.split(), "help")
    if section == "ip":
        return set(re.findall(r"(?<=[{| ])(-[a-zA-Z0-9]+(?:\[[a-z-]+\])?)", text)) \
            | set(re.findall(r"\b[a-z][a-z0-9]+\b", re.search(r"OBJECT := \{(.*?)\}", text, flags=re.S)[1]))
    # Types of devices, and what stands within an encapsulation, are no words of the command.
    text = re.split(r"(?m)^\s*(?:TYPE := \{ amt|ENCAPTYPE :=)", text)[0]
    text = re.sub(r"\bip (?:link|address|route|neigh|maddr|monitor)\b|Usage:", "", text)
    return set(re.findall(r"(?<![\w-])[a-z][a-z0-9_-]+(?![\w-])", text)) - {"ip"}


def words_of_edu(command):
    """Options of its help; of commands with keywords all spellings in the source, of which help shows one."""
    text = run(EDU, "help") if command is None else run(EDU, command, "help")
    words = {word for line in re.findall(r"(?m)^  (-\S+)", text) for word in line.split(",")} | {"help"}
    if command is None:
        words.update(re.findall(r"(?m)^  (\w+) ", text))
    elif "KEYWORD…" in text:
        with open(os.path.join(TOP, f"userspace/edu/{command}.cc"), encoding="utf-8") as source:
            words.update(word for names in re.findall(r'\{"([a-z -]+)",', source.read()) for word in names.split())
    return words


class Tables(unittest.TestCase):
    def test_every_word_of_iproute2_is_in_its_table(self):
        for section in COMMANDS:
            with self.subTest(section=section):
                listed = {word for words, _, _ in tables()[section] for word in words}
                wanted = words_of(section)
                self.assertGreater(len(wanted), 3)
                self.assertEqual(sorted(wanted - listed), [])

    def test_every_word_is_in_one_row(self):
        for section, rows in tables().items():
            words = [word for row in rows for word in row[0]]
            self.assertEqual(sorted({word for word in words if words.count(word) > 1}), [], section)

    def test_what_edu_is_said_to_have_is_there(self):
        everywhere = set().union(*map(words_of_edu, COMMANDS.values()), {"trace"})
        for section, command in COMMANDS.items():
            known = words_of_edu(command)
            for words, ours, _ in tables()[section]:
                for word in words if ours == "same" else [] if ours == "no" else ours:
                    with self.subTest(section=section, word=word):
                        self.assertTrue(word in known or (ours != "same" and word in everywhere))

    def test_what_is_not_there_has_a_reason(self):
        for section, rows in tables().items():
            for words, ours, remark in rows:
                self.assertTrue(ours != "no" or len(remark) > 4, (section, words))

    def test_counters(self):
        with open(COUNTERS, encoding="utf-8") as header:
            ours = {group + name for group, name in re.findall(r"X\((\w+), (\w+)\)", header.read())}
        rows = tables()["Counters"]
        for words, there, _ in rows:
            for name in words if there == "same" else there if there not in ("no", ["link"]) else []:
                with self.subTest(counter=name):
                    self.assertIn(name, ours)
        listed = {word for words, _, _ in rows for word in words}
        with open("/proc/net/snmp", encoding="ascii") as table:
            theirs = [line.split() for line in table][::2]
        wanted = {group[:-1] + name for group, *names in theirs for name in names
                  if group in ("Ip:", "Icmp:", "Tcp:", "Udp:")}
        self.assertEqual(sorted(wanted - listed), [])
        # A counter of the same name is no secret.
        said = {word for words, there, _ in rows if there == "same" for word in words}
        self.assertEqual(sorted((wanted & ours) - said), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
