# SPDX-License-Identifier: GPL-2.0-only
"""Directives that make tables from the X-macro lists of the headers, so that they cannot differ.

``.. edu-tunables::``, ``.. edu-iface-tunables::``, ``.. edu-counters::``, ``.. edu-tracepoints::``
"""

import os
import re

from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.util.nodes import nested_parse_with_titles
from docutils import nodes

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def macro(path, name):
    """The body of a list macro, one string with its line ends."""
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        text = file.read()
    body = re.search(rf"#define {name}\(X\) \\\n(.*?[^\\])\n", text, flags=re.S)
    return body[1].replace("\\\n", "\n")


def entries(pattern, body):
    """The fields of each X(…) of a list; a pattern that misses one is at fault."""
    found = re.findall(pattern, body)
    wanted = len(re.findall(r"\bX\(", body))
    if len(found) != wanted:
        raise ValueError(f"{len(found)} of {wanted} entries are understood")
    return found


def table(header, rows, widths):
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in [header, *rows]:
        for i, cell in enumerate(row):
            lines.append(f"   {'* -' if i == 0 else '  -'} {cell}".rstrip())
    return [*lines, ""]


class FromHeader(Directive):
    """Replaced by the parsed lines of reST that its method lines() gives."""

    path = ""

    def lines(self):
        raise NotImplementedError

    def run(self):
        self.state.document.settings.record_dependencies.add(os.path.join(TOP, self.path))
        node = nodes.section()
        node.document = self.state.document
        nested_parse_with_titles(self.state, StringList(self.lines(), self.path), node)
        return node.children


class Tunables(FromHeader):
    path = "include/edu/tunables.h"

    def lines(self):
        found = entries(r'X\((\w+),\s*(\d+)u?,\s*(\d+)u?,\s*(\d+)u?,\s*"([^"]*)"\)',
                        macro(self.path, "EDU_TUNABLES"))
        rows = [(f"``{name}``", value, f"{least} to {most}", text)
                for name, value, least, most, text in found]
        return table(("name", "default", "range", "meaning"), rows, "28 10 18 44")


class IfaceTunables(FromHeader):
    path = "include/edu/iface_tunables.h"

    def lines(self):
        found = entries(r'X\((\w+),\s*(\d+),\s*(\d+),\s*(\d+),\s*(\w+),\s*"([^"]*)"\)',
                        macro(self.path, "EDU_IFACE_TUNABLES"))
        rows = [(f"``{name}``", value, f"{least} to {most}", rule, text)
                for name, value, least, most, rule, text in found]
        return table(("name", "default", "range", "rule", "meaning"), rows, "24 9 10 12 45")


class Counters(FromHeader):
    path = "include/edu/counters.h"

    def lines(self):
        groups = {}
        last = None
        for token in re.finditer(r"X\((\w+), (\w+)\)|/\*(.*?)\*/", macro(self.path, "EDU_COUNTERS"),
                                 flags=re.S):
            if token[1]:
                last = [token[2], "", token.end()]
                groups.setdefault(token[1], []).append(last)
            elif last and "\n" not in token.string[last[2]:token.start()]:
                last[1] = " ".join(token[3].split())
        lines = []
        for group, counters in groups.items():
            plain = [name for name, text, _ in counters if not text]
            told = [(f"``{name}``", text) for name, text, _ in counters if text]
            lines += [f"{group}", "~" * len(group), ""]
            lines += [", ".join(f"``{name}``" for name in plain) + ".", ""]
            if told:
                lines += table(("name", "meaning"), told, "30 70")
        return lines


class Tracepoints(FromHeader):
    path = "include/edu/bridge_trace.h"

    def lines(self):
        found = re.findall(r"X\((\w+)\)[ \t]*(?:/\*(.*?)\*/)?",
                           macro(self.path, "EDU_TRACE_POINTS"))
        rows = [(f"``{name}``", text.strip()) for name, text in found]
        return table(("eduinet:", "where"), rows, "20 80")


def setup(app):
    app.add_directive("edu-tunables", Tunables)
    app.add_directive("edu-iface-tunables", IfaceTunables)
    app.add_directive("edu-counters", Counters)
    app.add_directive("edu-tracepoints", Tracepoints)
    return {"parallel_read_safe": True}
