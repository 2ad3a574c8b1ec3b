# SPDX-License-Identifier: Apache-2.0
"""The session agent beside a real locker, on a real display."""

import os
import shutil
import socket
import subprocess

import pytest

from rig.compositor import Compositor
from rig.desktop import AS_USER, Agent, LoginManager, SystemAgent, USER, wait, wait_while
from rig.bus import Bus, SessionBus
from rig.user_session import Guest, registered

MATE = "/usr/bin/mate-screensaver"

# What a program could reach selections by, and one thing that is of use.
OFFERS = ["wl_seat", "wl_data_device_manager", "zwp_primary_selection_device_manager_v1", "zwlr_data_control_manager_v1",
          "zwlr_output_manager_v1"]


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
    said = [state["locked"] for state in system.states if "locked" in state]
    wait_while(lambda: [state["locked"] for state in system.states if "locked" in state] == said and agent.running, 0.5)
    assert said[0] is False and said[-1] is True


def test_no_clipboard(directory, party):
    """It talks to display servers about monitors, to X servers by libraries that do nothing by themselves; and on Wayland
    to no X server."""
    program = os.environ["OVIRT_SESSION_AGENT"]
    libraries = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    assert "libXrandr" in libraries
    for word in ("libXfixes", "libXi.", "libXtst", "libxcb-xfixes", "libgtk", "libgdk"):
        assert word not in libraries
    symbols = subprocess.run(["nm", "-D", program], capture_output=True, text=True).stdout
    assert "XRRSetCrtcConfig" in symbols
    assert "selection" not in symbols.lower()
    guest = Guest(directory, party)
    runtime = guest.directory / "runtime"
    runtime.mkdir()
    runtime.chmod(0o777)
    display = next(n for n in range(4000, 5000) if not os.path.exists(f"/tmp/.X11-unix/X{n}"))
    os.makedirs("/tmp/.X11-unix", exist_ok=True)
    servers = []
    for address in (str(runtime / "wayland-0"), f"/tmp/.X11-unix/X{display}", f"\0/tmp/.X11-unix/X{display}"):
        server = socket.socket(socket.AF_UNIX)
        server.bind(address)
        if not address.startswith("\0"):
            os.chmod(address, 0o777)
        server.listen()
        server.setblocking(False)
        servers.append(server)
    try:
        system = guest.system_agent()
        locker = guest.locker()
        agent = guest.agent(DISPLAY=f":{display}", WAYLAND_DISPLAY="wayland-0", XDG_RUNTIME_DIR=str(runtime))
        registered(agent)
        assert system.ask("Lock").wait() is None
        wait(lambda: system.states[-1] == {"locked": True})
        locker.close()
        wait(lambda: len(system.of("Register")) == 2)
        compositor = Compositor(servers[0], OFFERS)
        compositor.serve(0.5)
        assert compositor.bound == ["zwlr_output_manager_v1"] and compositor.others == []
        for server in servers:
            with pytest.raises(BlockingIOError):
                server.accept()
    finally:
        os.unlink(f"/tmp/.X11-unix/X{display}")
        for server in servers:
            server.close()
