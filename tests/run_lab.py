# SPDX-License-Identifier: GPL-2.0-only
"""What the tests of `edu run` share: an end of a cable whose programs run on ours or on Linux's stack.

The fixture sides is in conftest.py."""

from conftest import PATIENCE, wait_for

PORT = 8000


class Side:
    """One end: its host, and what stands in front of its commands."""

    def __init__(self, host, ours):
        self.host, self.ours, self.address = host, ours, host.address
        self.prefix = ("edu", "run") if ours else ()

    def run(self, *command, **more):
        return self.host.run(*self.prefix, *command, **more)

    def started(self, *command, **more):
        return self.host.started(*self.prefix, *command, **more)

    def listens(self, port=PORT, kind="-t"):
        """Somebody listens, or for -u has the port."""
        if self.ours:
            return bool(self.host.edu_json("ss", kind, "-l", "-n", "sport", "=", f":{port}"))
        return f":{port} " in self.host.run("ss", "-Hln", kind).stdout

    def wait_listening(self, program, port=PORT, kind="-t"):
        def ready():
            assert program.poll() is None, program.communicate()
            return self.listens(port, kind)

        wait_for(ready, f"a listener at port {port}", PATIENCE * 3)
