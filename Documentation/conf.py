# SPDX-License-Identifier: GPL-2.0-only
# Sphinx configuration; `make doc` builds build/doc.
import os
import re
import sys

# headers.py is imported from the source tree, which stays free of what Python would cache there.
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

project = "EDUINET"
author = "the EDUINET authors"
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../dkms.conf"), encoding="utf-8") as file:
    version = release = re.search(r'PACKAGE_VERSION="(.*)"', file.read())[1]
copyright = "the EDUINET authors, GPL-2.0-only"
extensions = ["headers", "manpages", "tour_pages"]
html_theme = "alabaster"
html_theme_options = {
    "description": "A TCP/IP stack to read, watch and change",
    "page_width": "72em",
    "body_max_width": "none",
}
exclude_patterns = ["_build"]
smartquotes = False
html_static_path = ["_static"]
html_css_files = ["tables.css", "tour.css"]
