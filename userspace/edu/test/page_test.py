#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The page of `edu trace --html` in a headless Chromium: keys, choices, both colour schemes, narrow and
on paper, and not one error on the console.

usage: page_test.py EDU [DIRECTORY]     with a directory, screenshots are left there
"""

import base64
import binascii
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

HERE = os.path.dirname(os.path.abspath(__file__))
RECORDING = os.path.join(HERE, "data/ping_and_fragments.jsonl")
EDU = None
SHOTS = None


def segment(flags, window, options=b""):
    """A frame with a segment from 10.0.0.2 port 80 to 10.0.0.1 port 40000."""
    tcp = struct.pack("!HHIIBBHHH", 80, 40000, 1, 1, (20 + len(options)) // 4 << 4, flags, window, 0, 0) + options
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1]))
    return bytes.fromhex("0200000000010200000000020800") + ip + tcp


def with_tcp(path):
    """The recording with a TCP connection's events behind it, as a file at `path`."""
    with open(RECORDING, encoding="ascii") as file:
        lines = [json.loads(line) for line in file]
    for line in lines:
        del line["crc"]
    end = lines.pop()
    ends = {"netns": lines[1]["fields"]["netns"], "saddr": "0a000001", "sport": 40000, "daddr": "0a000002", "dport": 80}
    last = lines[-1]["when"]

    def add(name, **fields):
        when = last + len(lines) * 1000000
        lines.append({"when": when, "cpu": 0, "thread": 1, "event": name, "fields": {**ends, **fields}})

    def arrives(octets):
        end = 2 + len(octets)
        add("tcp_rcv", skb=1, head=1, ifindex=3, data=36, tail=end, end=end, len=len(octets) - 34, truesize=768, inode=0,
            tgid=0, first=2, dev="e0", octets=octets.hex())

    add("tcp_state", old_state=7, new_state=2)
    arrives(segment(0x12, 64240, bytes.fromhex("020405b4 01 030307 01010402")))
    add("tcp_state", old_state=2, new_state=1)
    arrives(segment(0x10, 600))
    for i in range(20):
        add("tcp_cong", what="open", cwnd=14600 + 1460 * i, ssthresh=2147483647, srtt=2000 + i)
    add("tcp_retransmit", seq=1, len=1460, why="fast")
    add("tcp_cong", what="recovery", cwnd=14600, ssthresh=14600, srtt=2100)
    end["events"] = len(lines) - 1
    with open(path, "w", encoding="ascii") as file:
        for line in lines + [end]:
            body = json.dumps(line, separators=(",", ":"))[1:]
            file.write(f'{{"crc":"{binascii.crc32(body.encode()):08x}",{body}\n')


class Page(unittest.TestCase):
    """Each test has the page fresh from the tool, at its first step."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.plain = cls.make(RECORDING, "plain")
        recording = os.path.join(cls.directory.name, "tcp.jsonl")
        with_tcp(recording)
        cls.tcp = cls.make(recording, "tcp")
        options = Options()
        for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        cls.browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)

    @classmethod
    def make(cls, recording, name):
        page = os.path.join(cls.directory.name, name + ".html")
        subprocess.run([EDU, "trace", "--read", recording, "--html", page], check=True)
        return page

    @classmethod
    def tearDownClass(cls):
        cls.browser.quit()
        cls.directory.cleanup()

    def setUp(self):
        self.open(self.plain)

    def tearDown(self):
        self.assertEqual(self.browser.get_log("browser"), [], "the console")
        asked = [json.loads(entry["message"])["message"] for entry in self.browser.get_log("performance")]
        urls = [one["params"]["request"]["url"] for one in asked if one["method"] == "Network.requestWillBeSent"]
        self.assertEqual([url for url in urls if not url.startswith(("file:", "data:"))], [], "network")

    def open(self, page, scheme="light", width=1280, motion="reduce"):
        self.emulate(scheme, width, motion)
        self.browser.get("file://" + page)

    def emulate(self, scheme, width, motion="reduce"):
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": scheme}, {"name": "prefers-reduced-motion", "value": motion}]})
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False})

    def press(self, *keys, where="body"):
        element = self.browser.find_element(By.CSS_SELECTOR, where)
        for key in keys:
            element.send_keys(key)

    def text(self, selector):
        return self.browser.find_element(By.CSS_SELECTOR, selector).text

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def script(self, code):
        return self.browser.execute_script("return " + code)

    def shot(self, name):
        if SHOTS:
            size = self.script("[innerWidth, document.documentElement.scrollHeight]")
            got = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": {
                "x": 0, "y": 0, "width": size[0], "height": size[1], "scale": 1}})
            with open(os.path.join(SHOTS, name + ".png"), "wb") as file:
                file.write(base64.b64decode(got["data"]))

    def step_to(self, event, most=200):
        """Presses the right arrow until the page is at that event."""
        for _ in range(most):
            if self.text("#now-title").startswith(event):
                return
            self.press(Keys.ARROW_RIGHT)
        self.fail(f"no step {event}")

    def test_arrow_keys_step_and_ends_are_ends(self):
        self.assertTrue(self.text("#count").startswith("1 / "))
        self.press(Keys.ARROW_LEFT)
        self.assertTrue(self.text("#count").startswith("1 / "))
        self.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
        self.assertTrue(self.text("#count").startswith("3 / "))
        self.assertTrue(self.text("#now-title").startswith("sock_send"))
        self.press(Keys.END)
        position, total = self.text("#count").split(" / ")
        self.assertEqual(position, total)
        self.press(Keys.ARROW_RIGHT)
        self.assertEqual(self.text("#count"), f"{total} / {total}")
        self.press(Keys.HOME)
        self.assertTrue(self.text("#count").startswith("1 / "))

    def test_keys_follow_one_packet(self):
        self.step_to("sock_send")
        seen = ["sock_send"]
        for _ in range(5):
            self.press(".")
            seen.append(self.text("#now-title .event"))
        self.assertEqual(seen, ["sock_send", "raw_send", "ip_send", "arp_hold", "arp_release", "dev_send"])
        self.press(".") # what it becomes at the other host
        self.assertTrue(self.text("#now-title").startswith("dev_rcv"))
        self.press(",")
        self.assertIn("packet", self.text("#now-text"))

    def test_the_pointers_move_with_the_header(self):
        self.step_to("ip_send")
        self.assertIn("pushes IP header, 20 octets", self.text("#now-title"))
        moved = self.all("#memory .pointer.moved")
        self.assertEqual([one.get_attribute("data-name") for one in moved], ["data"])
        self.assertEqual(self.text("#memory .pointer.moved .value"), "+16")
        before = self.script("document.querySelector('[data-name=data]').style.transform")
        self.press(Keys.ARROW_LEFT)
        self.assertNotEqual(self.script("document.querySelector('[data-name=data]').style.transform"), before)
        self.assertIn("data at 36", self.browser.find_element(By.CSS_SELECTOR, "#memory svg").get_attribute("aria-label"))

    def test_the_packet_can_be_chosen(self):
        total = int(self.text("#count").split(" / ")[1])
        choice = Select(self.browser.find_element(By.ID, "packet"))
        choice.select_by_value("1")
        self.assertLess(int(self.text("#count").split(" / ")[1]), total)
        events = [one.text.split()[0] for one in self.all("#steps b")]
        self.assertEqual([name for name in events if name != "IP"],
                         ["sock_send", "raw_send", "ip_send", "arp_hold", "arp_release", "dev_send"])
        self.assertIn("IP", events, "the decision that was made for it")
        choice.select_by_value("")
        Select(self.browser.find_element(By.ID, "host")).select_by_index(1)
        self.assertEqual(len({one.text for one in self.all("#steps .host")}), 1)

    def test_tables_show_what_was_known_by_then(self):
        self.assertIn("asked for", self.text("#arp"))
        self.assertIn("Nothing", self.text("#cache"))
        self.press(Keys.END)
        self.assertIn("02:00:00:00:00:02", self.text("#arp"))
        self.assertIn("10.0.0.2", self.text("#cache"))
        self.assertIn("FIB", self.text("#cache"))

    def test_the_sequence_has_both_hosts_and_each_frame(self):
        self.assertEqual(len(self.all("#sequence .column")), 2)
        self.assertEqual(len(self.all("#sequence .frame")), 13)
        self.step_to("ip_fragment")
        self.press(Keys.ARROW_RIGHT)
        self.assertIn("first fragment", self.text("#sequence .frame.chosen text"))
        self.all("#sequence .frame")[0].click()
        self.assertIn("who has 10.0.0.2", self.text("#now-text"))

    def test_tcp_is_there_only_when_it_was(self):
        self.assertFalse(self.browser.find_element(By.ID, "tcp").is_displayed())
        self.open(self.tcp)
        self.assertTrue(self.browser.find_element(By.ID, "tcp").is_displayed())
        self.assertEqual(len(self.all("#tcp .curve.cwnd")), 2) # the plot and its legend
        self.assertEqual(len(self.all("#tcp .state")), 2)
        self.assertIn("1 retransmissions", self.browser.find_element(By.CSS_SELECTOR, "#tcp svg").get_attribute("aria-label"))
        self.press(Keys.END)
        # The SYN says in which units: 600 times 2 to the 7th.
        texts = [one.text for one in self.all("#tcp text")]
        self.assertIn("peer's window", texts)
        self.assertIn("76800", texts)
        self.assertIn("TCP SYN,ACK seq 1 ack 1 window 64240, MSS 1460, scale 7, SACK", self.browser.page_source)
        self.shot("tcp")

    def test_play_goes_on_by_itself_and_stops(self):
        self.press(" ")
        self.assertEqual(self.browser.find_element(By.ID, "play").get_attribute("aria-pressed"), "true")
        self.browser.implicitly_wait(10)
        self.browser.find_element(By.CSS_SELECTOR, "#steps li:nth-child(3)[aria-selected=true]")
        self.press(" ")
        self.assertEqual(self.browser.find_element(By.ID, "play").get_attribute("aria-pressed"), "false")

    def test_the_tab_key_comes_to_everything_in_order_and_the_focus_is_seen(self):
        order = []
        for _ in range(14):
            self.browser.switch_to.active_element.send_keys(Keys.TAB)
            order.append(self.script("document.activeElement.id || document.activeElement.className"))
            if order[-1]:
                self.assertNotEqual(self.script("getComputedStyle(document.activeElement).outlineStyle"), "none", order[-1])
        wanted = ["skip", "play", "next", "last", "position", "packet", "host", "steps", "sequence"]
        self.assertEqual([name for name in order if name in wanted][: len(wanted)], wanted)
        self.press(Keys.ARROW_DOWN, where="#steps")
        active = self.browser.find_element(By.ID, "steps").get_attribute("aria-activedescendant")
        self.assertEqual(self.browser.find_element(By.ID, active).get_attribute("aria-selected"), "true")
        self.assertTrue(self.text("#count").startswith("2 / "))

    def test_whatever_can_be_used_has_a_name(self):
        for one in self.all("button, select, input, svg[role=img], [role=listbox], [role=group]"):
            self.assertTrue(one.accessible_name.strip(), one.get_attribute("outerHTML")[:80])

    def test_both_schemes_have_contrast(self):
        colours = {}
        for scheme in ("light", "dark"):
            for width in (1280, 800):
                self.open(self.plain, scheme, width)
                self.step_to("dev_send")
                self.assertEqual(self.script("document.documentElement.scrollWidth"), width, "no scrolling sideways")
                self.shot(f"{scheme}-{width}")
            colours[scheme] = [self.colour("body", "background-color"), self.colour("body", "color")]
            for selector in ("#now-text", "#steps b", "#steps .decision b", ".keys"):
                paper = self.colour("section", "background-color")
                self.assertGreater(contrast(self.colour(selector, "color"), paper), 4.5, f"{scheme}: {selector}")
        self.assertNotEqual(colours["light"], colours["dark"])
        self.assertGreater(contrast(*colours["light"]), 7)
        self.assertGreater(contrast(*colours["dark"]), 7)

    def colour(self, selector, which):
        value = self.browser.find_element(By.CSS_SELECTOR, selector).value_of_css_property(which)
        return [float(part) for part in value[value.index("(") + 1 : -1].split(",")[:3]]

    def test_it_prints_whole_and_without_the_buttons(self):
        printed = self.browser.execute_cdp_cmd("Page.printToPDF", {})
        self.assertTrue(base64.b64decode(printed["data"]).startswith(b"%PDF"))
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        self.assertFalse(self.browser.find_element(By.TAG_NAME, "nav").is_displayed())
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def contrast(one, other):
    """WCAG's ratio of two colours."""
    def luminance(colour):
        parts = [part / 255 for part in colour]
        parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


if __name__ == "__main__":
    EDU = os.path.abspath(sys.argv[1])
    SHOTS = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
    unittest.main(argv=sys.argv[:1])
