# SPDX-License-Identifier: GPL-2.0-only
"""Memory that runs out on demand: the nth allocation of a call, or any that must not wait, fails
(fault-injection(5)). Kernels without CONFIG_FAULT_INJECTION cannot; the sanitizer kernel can.

The fixture failing is in conftest.py."""

import contextlib
import ctypes
import errno
import os

DEBUGFS = "/sys/kernel/debug"


class Failing:
    """Makes the nth allocation of a block of calls fail (fault-injection(5): fail-nth)."""

    def __init__(self):
        for name, value in (("failslab/ignore-gfp-wait", "N"), ("failslab/verbose", "0"),
                            ("fail_page_alloc/ignore-gfp-wait", "N"), ("fail_page_alloc/verbose", "0"),
                            ("fail_usercopy/verbose", "0")):
            with open(f"{DEBUGFS}/{name}", "w", encoding="ascii") as file:
                file.write(value)
        self.fd = os.open("/proc/thread-self/fail-nth", os.O_RDWR)

    def nth(self, number, call):
        """(result of call(), whether it had that many allocations)."""
        ctypes.set_errno(0)
        text = str(number).encode()
        os.pwrite(self.fd, text, 0)
        got = call()
        number = ctypes.get_errno()
        # Copies to and from programs fail on demand too, those of these two files among them. Then
        # it was not the call that failed, and the count is at its end.
        try:
            hit = int(os.pread(self.fd, 20, 0).strip()) == 0
            os.pwrite(self.fd, b"0", 0)
        except OSError as error:
            assert error.errno == errno.EFAULT
            hit = False
        ctypes.set_errno(number)
        return got, hit

    def count(self, call):
        """How many allocations the call makes."""
        os.pwrite(self.fd, b"1000000", 0)
        call()
        left = int(os.pread(self.fd, 20, 0).strip())
        os.pwrite(self.fd, b"0", 0)
        return 1000000 - left

    def close(self):
        # A test may have ended in the middle. The copy of this very octet may be what fails: then it is spent.
        try:
            os.pwrite(self.fd, b"0", 0)
        except OSError as error:
            assert error.errno == errno.EFAULT
        os.close(self.fd)


REFUSALS = {0, errno.ENOMEM, errno.ENOBUFS, errno.EFAULT, errno.EAGAIN, errno.ENFILE}


def every_failure(failing, call, undo=lambda got: None, most=200):
    """Each allocation of call() fails once; call() returns an fd or 0, or -1 with an errno."""
    for number in range(1, most):
        got, hit = failing.nth(number, call)
        code = ctypes.get_errno() if got < 0 else 0
        assert code in REFUSALS, f"allocation {number}: {errno.errorcode.get(code, code)}"
        if got >= 0:
            undo(got)
        if not hit:
            assert got >= 0, f"it fails without a failure: {errno.errorcode.get(code, code)}"
            return number
    raise AssertionError(f"more than {most} allocations")


def set_failslab(name, value):
    with open(f"{DEBUGFS}/failslab/{name}", "w", encoding="ascii") as file:
        file.write(str(value))


def failslab(name):
    with open(f"{DEBUGFS}/failslab/{name}", encoding="ascii") as file:
        return int(file.read())


@contextlib.contextmanager
def atomic_failures(percent):
    """During the block so many per cent of the allocations that must not wait fail, whoever asks. Yields a
    function: how many have failed."""
    most = 1 << 30
    for name, value in (("ignore-gfp-wait", "Y"), ("task-filter", "N"), ("verbose", 0), ("interval", 1), ("space", 0),
                        ("times", most), ("probability", percent)):
        set_failslab(name, value)
    try:
        yield lambda: most - failslab("times")
    finally:
        for name, value in (("probability", 0), ("times", 1), ("ignore-gfp-wait", "N")):
            set_failslab(name, value)
