# SPDX-License-Identifier: Apache-2.0
"""Looking at the agent in a guest, and at the wire."""
import time

import pytest

UNIT = "ovirt-guest-agent.service"
BUS_NAME = "org.ovirt.GuestAgent1"
BUS_PATH = "/org/ovirt/GuestAgent1"
MANAGER = "org.ovirt.GuestAgent1.Manager"
CONFIG = "/etc/ovirt-guest-agent.conf"
AT_ONCE = 1.0                            # seconds for a change in the guest to reach the wire
BACKLOG = 2.0                            # seconds for which the agent takes commands to be from before it


def until(condition, within, what):
    """The first true value of condition(); the test fails after @within seconds. What takes long is asked for less often: an
    emulated machine has better things to do."""
    begin = time.monotonic()
    deadline = begin + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"{what}: not within {within:g} s", pytrace=False)
        time.sleep(min(max(0.02, (time.monotonic() - begin) / 20), 2))


def unit(guest, name):
    """A property of the agent's unit."""
    return guest.run("systemctl", "show", "-p", name, "--value", UNIT).strip()


def until_obeyed(guest):
    """Returns when the agent has listened for long enough not to drop a login or a shutdown as stale."""
    started = int(unit(guest, "ActiveEnterTimestampMonotonic")) / 1e6
    until(lambda: time.monotonic() > started + BACKLOG, BACKLOG + 1, "the end of the backlog")


def pid_of_agent(guest):
    return int(unit(guest, "MainPID"))


def cpu_ticks(guest, pid):
    """CPU time a process used so far, user and system, in ticks of 10 ms."""
    fields = guest.run("cat", f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def journal(guest, *arguments):
    return guest.run("journalctl", "-q", "--no-pager", "-o", "cat", "-u", UNIT, *arguments, check=False)


def errors(guest):
    return journal(guest, "-p", "err").splitlines()


def write_file(guest, path, text):
    guest.run("install", "-D", "-m", "644", "/dev/stdin", path, stdin=text)


def configure(guest, section, **keys):
    """Replaces the agent's configuration by these keys of one section."""
    write_file(guest, CONFIG, f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in keys.items()))
