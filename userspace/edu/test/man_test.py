#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The manual pages (`make man`): man sets them without a warning, every command has one, and what
`edu COMMAND help` lists is in it.

usage: man_test.py EDU FOLDER
"""

import os
import re
import subprocess
import sys
import unittest

EDU, FOLDER = sys.argv[1:3]
# Wide enough that no option is broken into two lines; as plain text, whatever the caller has.
SURROUNDINGS = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "1000", "MAN_KEEP_FORMATTING": ""}


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, env=SURROUNDINGS)


def set_page(name, *, width="1000"):
    """Text of the page, and man's warnings."""
    command = ("man", "--warnings", "--no-hyphenation", "-l", os.path.join(FOLDER, name))
    done = subprocess.run(command, capture_output=True, text=True, check=True,
                          env={**SURROUNDINGS, "MANWIDTH": width})
    return done.stdout, done.stderr


def help_of(*words):
    done = run(EDU, *words)
    assert not done.returncode, done
    return done.stdout


def commands():
    text = help_of("help").split("\ncommands", 1)[1].split("\n\n")[0]
    return [word for word in re.findall(r"^  (\w+) ", text, flags=re.M) if word != "help"]


def listed(text):
    """Options, and the names of actions and keywords, in a help text."""
    options = [word for line in re.findall(r"^  (-\S+)", text, flags=re.M) for word in line.split(",")]
    keywords = re.findall(r"^  \[?([a-z]\w*)\]? ", text, flags=re.M) if "KEYWORD…" in text else []
    actions = re.findall(r"^([a-z]+)  ", text, flags=re.M) if "[ACTION" in text else []
    # -h is every command's own, and told once, in edu(8).
    return set(options + keywords + actions) - {"-h", "--help"}


def missing(wanted, page):
    return sorted(word for word in wanted if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", page))


class ManPages(unittest.TestCase):
    def test_man_sets_every_page_without_a_warning(self):
        pages = sorted(os.listdir(FOLDER))
        self.assertIn("eduinet.7", pages)
        self.assertIn("eduinet-proc.5", pages)
        for page in pages:
            for width in ("80", "132"):
                with self.subTest(page=page, width=width):
                    text, warnings = set_page(page, width=width)
                    self.assertEqual(warnings, "")
                    self.assertRegex(text, r"(?m)^NAME$")

    def test_every_command_has_a_page_which_says_what_it_does(self):
        text = help_of("help")
        for command in commands():
            with self.subTest(command=command):
                page, _ = set_page(f"edu-{command}.8")
                line = re.search(rf"^  {command} +(.*)$", text, flags=re.M)[1]
                self.assertIn(f"edu-{command} - {line}", page)
                self.assertRegex(page, rf"(?m)^SYNOPSIS\n +edu (\[-.*\] )?{command}\b")

    def test_no_page_is_of_a_command_that_is_gone(self):
        pages = {page.removesuffix(".8") for page in os.listdir(FOLDER) if page.startswith("edu-")}
        self.assertEqual(pages, {f"edu-{command}" for command in commands()})

    def test_every_option_action_and_keyword_is_on_the_page(self):
        for command in commands():
            with self.subTest(command=command):
                wanted = listed(help_of(command, "help"))
                self.assertTrue(wanted)
                self.assertEqual(missing(wanted, set_page(f"edu-{command}.8")[0]), [])

    def test_the_tools_own_options_are_in_its_page(self):
        page, _ = set_page("edu.8")
        self.assertEqual(missing(listed(help_of("help")) | {"-h"}, page), [])
        self.assertEqual(missing({f"edu {command}" for command in commands()}, page), [])

    def test_pages_name_only_pages_of_ours_that_are_there(self):
        there = {re.sub(r"\.(\d)$", r"(\1)", page) for page in os.listdir(FOLDER)}
        for page in os.listdir(FOLDER):
            named = set(re.findall(r"\b(edu(?:inet)?(?:-[a-z]+)?\(\d\))", set_page(page)[0]))
            self.assertEqual(named - there, set(), page)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
