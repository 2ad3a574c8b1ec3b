# SPDX-License-Identifier: Apache-2.0
"""The session agent beside a real locker, on a real display."""

import os
import shutil
import subprocess

import pytest

from rig.desktop import AS_USER, Agent, LoginManager, SystemAgent, USER, wait, wait_while
from rig.bus import Bus, SessionBus

MATE = "/usr/bin/mate-screensaver"


class Program:
    """Ends with the case."""

    def __init__(self, *command, **options):
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Display:
    def __init__(self, party, directory):
        for program in ("Xvfb", "xclip", MATE):
            if not shutil.which(program):
                pytest.skip(f"{program} is not installed")
        read, write = os.pipe()
        party.keep(Program("Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp",
                           pass_fds=[write]))
        os.close(write)
        with open(read, encoding="ascii") as number:
            self.name = f":{number.readline().strip()}"
        home = directory / "home"
        home.mkdir()
        os.chown(home, USER, USER)
        self.environment = {"PATH": os.environ["PATH"], "DISPLAY": self.name, "HOME": str(home),
                            "GSETTINGS_BACKEND": "memory"}
        self._party = party

    def copy(self, text):
        owner = Program("xclip", "-i", "-quiet", "-selection", "clipboard", stdin=subprocess.PIPE,
                        env=self.environment)
        owner.process.stdin.write(text.encode())
        owner.process.stdin.close()
        wait(lambda: self.clipboard() == text, what="the clipboard")
        return self._party.keep(owner)

    def clipboard(self):
        return subprocess.run(["xclip", "-o", "-selection", "clipboard"], env=self.environment, capture_output=True,
                              text=True, timeout=10).stdout


def test_mate_screensaver(directory, party):
    if os.geteuid() != 0:
        pytest.skip("the bus policy knows root only")
    display = Display(party, directory)
    system_bus, session_bus = party.keep(Bus(directory)), party.keep(SessionBus(directory))
    party.keep(LoginManager(system_bus))
    system = party.keep(SystemAgent(system_bus))
    clipboard = display.copy("the person's")
    agent = party.keep(Agent(directory, system_bus, session_bus, XDG_SESSION_ID="s2", DISPLAY=display.name))
    wait(lambda: agent.log("Registered"))
    locker = party.keep(Program(*AS_USER, MATE, "--no-daemon", stdout=subprocess.DEVNULL, env={
        **display.environment, "DBUS_SESSION_BUS_ADDRESS": session_bus.address,
        "DBUS_SYSTEM_BUS_ADDRESS": system_bus.address}))
    wait(lambda: system.states and system.states[-1].get("locked") is False, 10, "the locker")
    assert system.offer["lock"] is True

    lock = system.ask("Lock")
    assert lock.wait(3) is None
    wait(lambda: system.states[-1].get("locked") is True, 0.5)

    # What was copied is still the other program's, and only to be had from it.
    assert display.clipboard() == "the person's"
    assert clipboard.process.poll() is None
    clipboard.close()
    assert display.clipboard() == ""

    locker.close()
    wait(lambda: not system.offer["lock"])
    wait_while(lambda: system.states == [{"locked": False}, {"locked": True}] and agent.running, 0.5)
