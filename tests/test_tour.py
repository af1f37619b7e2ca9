# SPDX-License-Identifier: GPL-2.0-only
"""The guided tour: what its pages show is what happens (Documentation/tour, scripts/tour)."""

import os
import re

import pytest
from conftest import PATIENCE, run

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOUR = os.path.join(TOP, "scripts/tour")


def pages():
    with open(os.path.join(TOP, "Documentation/tour/index.rst"), encoding="utf-8") as file:
        return re.findall(r"^   ([a-z0-9-]+)$", file.read().partition(".. toctree::")[2], flags=re.M)


@pytest.mark.patient
@pytest.mark.req(
    "ARP-1", "ARP-4", "ARP-5", "ARP-6", "ARP-8", "ARP-9", "ARP-11", "BSD-1", "BSD-2", "BSD-3", "BSD-4",
    "BSD-5", "BSD-6", "DEV-1", "DEV-3", "DEV-4", "INET-1", "INET-2", "INET-3", "INET-4", "INET-5", "INET-6",
    "INET-7", "INET-9", "INET-10", "INET-11", "INET-12", "IP-1", "IP-2", "IP-3", "IP-4", "IP-5", "IP-6",
    "IP-7", "IP-8", "IP-9", "LAYER-1", "LAYER-2", "LAYER-3", "OVER-1", "OVER-3", "OVER-4", "OVER-5", "OVER-6",
    "OVER-7", "OVER-8", "OVER-9", "OVER-11", "ROUTE-1", "ROUTE-3", "ROUTE-4", "ROUTE-6", "ROUTE-7", "ROUTE-8",
    "ROUTE-9", "SKB-1", "SKB-2", "TCP-1", "TCP-2", "TCP-3", "TCP-4", "TCP-6", "TCP-8", "TCP-9", "TCP-10",
    "TCP-11", "UDP-2", "UDP-3",
)
@pytest.mark.parametrize("page", pages())
def test_page(page):
    """The exercise, before and after its solution, is part of the page."""
    print(run(TOUR, "check", page, timeout=PATIENCE * 25).stdout)


WRONG = """
.. code-block:: console

   tlk# echo so; false
   so
   [1]
   tlk# echo one; echo two; echo three
   one
   ...
   three
   tlk# echo 7 ms and 8 ms
   9 ms and ... ms
   tlk# echo right; echo wrong
   right
   right
   tlk# true
   something
   tlk# false
   tlk# echo 7 cm
   8 cm
"""


@pytest.mark.patient
def test_a_page_that_is_not_true_is_told(tmp_path):
    path = tmp_path / "wrong.rst"
    path.write_text(WRONG)
    done = run(TOUR, "check", path, check=False, timeout=PATIENCE * 25)
    assert done.returncode == 1
    assert re.findall(r"tlk# (.*)", done.stdout) == ["echo right; echo wrong", "true", "false", "echo 7 cm"]
    assert "-right\n    +wrong\n" in done.stdout
    assert "-something\n" in done.stdout
    assert "+[1]\n" in done.stdout
