# SPDX-License-Identifier: Apache-2.0
"""How long things may take here: under valgrind or a sanitizer everything is slower."""

import os
import time

WRAPPER = os.environ.get("AGENT_WRAPPER", "").split()
INSTRUMENTED = bool(WRAPPER) or "ASAN_OPTIONS" in os.environ
SLOWNESS = 10 if WRAPPER else 2 if INSTRUMENTED else 1
_LOOK = 0.02


def scaled(seconds):
    """A deadline that holds on a plain build, as it is for this one."""
    return seconds * SLOWNESS


def until(condition, within=10, what="a condition"):
    """The condition's value, once it is true."""
    deadline = time.monotonic() + scaled(within)
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {scaled(within)} s for {what}"
        time.sleep(_LOOK)
    return value


def complaints(host):
    """What the host complained of. Where a report takes more than a second, its set goes on without it, as documented."""
    late = {"startup-set", "refresh-set", "set-order"} if INSTRUMENTED else set()
    return [c for c in host.complaints if c["rule"] not in late]
