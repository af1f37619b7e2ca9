#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""`make install DESTDIR=…` puts everything where it belongs, and `make uninstall` takes it away again.

usage: install_test.py [MAKE-WORD...]     words for make, as KVER=6.12
"""

import os
import re
import stat
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
WORDS = sys.argv[1:]
MULTIARCH = subprocess.run(["gcc-12", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
with open(os.path.join(TOP, "dkms.conf"), encoding="utf-8") as conf:
    VERSION = re.search(r'PACKAGE_VERSION="(.*)"', conf.read())[1]
SOURCE = f"usr/src/eduinet-{VERSION}"


def make(target, folder, *more):
    done = subprocess.run(["make", "-s", *WORDS, f"DESTDIR={folder}", *more, target], cwd=TOP, capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise AssertionError(f"make {target}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def files_in(folder):
    """Every file below, as a path from there."""
    return {os.path.relpath(os.path.join(path, name), folder) for path, _, names in os.walk(folder) for name in names}


def everything_in(folder):
    return sorted(os.path.relpath(os.path.join(path, name), folder)
                  for path, folders, names in os.walk(folder) for name in folders + names)


def has(*path):
    return os.path.exists(os.path.join(TOP, *path))


def expected(prefix):
    """All but the module's source and the manual pages of commands."""
    files = {
        f"{prefix}/sbin/edu", f"{prefix}/include/eduinet.h", f"{prefix}/share/eduinet/installed",
        f"{prefix}/share/bash-completion/completions/edu", f"{prefix}/share/man/man7/eduinet.7",
        f"{prefix}/share/man/man5/eduinet-proc.5", f"{prefix}/share/man/man8/edu.8",
        f"usr/lib/{MULTIARCH}/ip/link_eduinet.so",
    }
    if has("userspace/wrap/CMakeLists.txt"):
        files.add(f"{prefix}/lib/libeduinet-wrap.so")
    return files


def module_source():
    """What git has of the module, where there is git; new files too."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "module", "include", "Makefile", "Kbuild", "dkms.conf",
         "LICENSE", "README.md"], cwd=TOP, capture_output=True, text=True, check=True).stdout.split()
    return {path for path in listed if not os.path.basename(path).startswith(".") and has(path)}


class Install(unittest.TestCase):
    def setUp(self):
        # pylint: disable=consider-using-with
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = self.folder.name

    def test_every_file_in_its_place_and_none_after_uninstall(self):
        make("install", self.root)
        found = files_in(self.root)
        source = {path for path in found if path.startswith(SOURCE + "/")}
        pages = {path for path in found if re.fullmatch(r"usr/local/share/man/man8/edu-\w+\.8", path)}
        module = {path for path in found if re.fullmatch(r"lib/modules/[^/]+/extra/eduinet\.ko", path)}
        self.assertEqual(found - source - pages - module, expected("usr/local"))
        self.assertEqual({path.removeprefix(SOURCE + "/") for path in source}, module_source())
        self.assertEqual(len(module), 1)
        # modprobe looks in the folder of the kernel's name, which the module bears.
        built_for = subprocess.run(["/sbin/modinfo", "-F", "vermagic", os.path.join(self.root, *module)],
                                   capture_output=True, text=True, check=True).stdout.split()[0]
        self.assertEqual(module, {f"lib/modules/{built_for}/extra/eduinet.ko"})
        edu = os.path.join(self.root, "usr/local/sbin/edu")
        text = subprocess.run([edu, "help"], capture_output=True, text=True, check=True).stdout
        self.assertEqual({re.search(r"edu-(\w+)\.8", path)[1] for path in pages},
                         set(re.findall(r"^  (\w+) ", text.split("\n\nOptions")[0], flags=re.M)) - {"help"})
        for path in found:
            mode = stat.S_IMODE(os.stat(os.path.join(self.root, path)).st_mode)
            self.assertEqual(mode, 0o755 if path == "usr/local/sbin/edu" else 0o644, path)
        version = subprocess.run([edu, "-V"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(version, f"edu utility, EDUINET {VERSION}\n")
        make("uninstall", self.root)
        self.assertEqual(everything_in(self.root), [])

    def test_with_another_prefix_and_over_an_older_installation(self):
        theirs = os.path.join(self.root, "opt/share/man/man8/other.8")
        os.makedirs(os.path.dirname(theirs))
        with open(theirs, "w", encoding="ascii") as file:
            file.write("theirs\n")
        make("install", self.root, "PREFIX=/opt")
        # As if the release before had had one page more.
        old = os.path.join(self.root, "opt/share/man/man8/edu-old.8")
        with open(old, "w", encoding="ascii") as file, \
             open(os.path.join(self.root, "opt/share/eduinet/installed"), "a", encoding="ascii") as manifest:
            file.write("old\n")
            manifest.write("/opt/share/man/man8/edu-old.8\n")
        make("install", self.root, "PREFIX=/opt")
        found = files_in(self.root)
        self.assertLessEqual(expected("opt"), found)
        self.assertNotIn("opt/share/man/man8/edu-old.8", found)
        make("uninstall", self.root, "PREFIX=/opt")
        self.assertEqual(files_in(self.root), {"opt/share/man/man8/other.8"})
        self.assertEqual(sorted(os.listdir(self.root)), ["opt"])
        make("uninstall", self.root, "PREFIX=/opt")  # nothing there is nothing wrong

    def test_kernels_learn_which_modules_they_have(self):
        """Of three kernels one is not installed, and nobody would remove what depmod left there."""
        depmod = os.path.join(self.root, "depmod")
        with open(depmod, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\ncd \"$2/lib/modules/$3\" && find . -name '*.ko' >modules.dep\n")  # -b ROOT RELEASE
        os.chmod(depmod, 0o755)
        kernels = [os.path.join(self.root, "lib/modules", name) for name in ("first", "second", "absent")]
        for kernel, has_file in zip(kernels, ("modules.order", "modules.builtin")):
            os.makedirs(kernel)
            with open(os.path.join(kernel, has_file), "w", encoding="ascii"):
                pass
        before = everything_in(self.root)

        def installed_for(release):
            """What the installed kernels know, after the module has been installed for one of the three."""
            make("install", self.root, f"release={release}", f"DEPMOD={depmod}")
            told = []
            for kernel in kernels[:2]:
                with open(os.path.join(kernel, "modules.dep"), "a+", encoding="ascii") as file:
                    file.seek(0)
                    told.append(file.read())
            return told

        self.assertEqual(installed_for("first"), ["./extra/eduinet.ko\n", ""])
        self.assertEqual(installed_for("second"), ["", "./extra/eduinet.ko\n"])
        self.assertEqual(installed_for("absent"), ["", ""])
        self.assertEqual(everything_in(kernels[2]), ["extra", "extra/eduinet.ko"])
        make("uninstall", self.root, f"DEPMOD={depmod}")
        self.assertEqual(everything_in(self.root), sorted(
            before + [os.path.relpath(os.path.join(kernel, "modules.dep"), self.root) for kernel in kernels[:2]]))

    def test_the_header_and_the_plug_in_are_what_programs_find(self):
        make("install", self.root)
        program = "#include <sys/socket.h>\n#include <eduinet.h>\nint a[sizeof(struct sockaddr_edu) == 16 ? AF_EDUINET : -1];\n"
        for language in ("c", "c++"):
            subprocess.run(["gcc-12", f"-I{self.root}/usr/local/include", "-Wall", "-Werror", "-fsyntax-only", "-x",
                            language, "-"], input=program, text=True, check=True)
        told = subprocess.run(
            ["ip", "link", "help", "eduinet"], capture_output=True, text=True, check=True,
            env={**os.environ, "IP_LIB_DIR": f"{self.root}/usr/lib/{MULTIARCH}/ip"})
        self.assertIn("eduinet [ segment N ]", told.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
