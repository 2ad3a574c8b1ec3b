# SPDX-License-Identifier: Apache-2.0
"""Real display servers that need no hardware, and what they say of their monitors: never our own report of it."""

import os
import re
import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest
from gi.repository import GLib

from .desktop import AGENT_INTERFACE, AGENT_PATH, AS_USER, Call, wait
from .pace import scaled

XORG = "/usr/lib/xorg/Xorg"     # the wrapper in /usr/bin wants a console
_XORG_CONF = """
Section "ServerFlags"
    Option "DontVTSwitch" "true"
    Option "AutoAddDevices" "false"
EndSection
Section "Device"
    Identifier "card"
    Driver "dummy"
    VideoRam 256000
EndSection
Section "Monitor"
    Identifier "monitor"
    HorizSync 5-1000
    VertRefresh 5-200
EndSection
Section "Screen"
    Identifier "screen"
    Device "card"
    Monitor "monitor"
    DefaultDepth 24
    SubSection "Display"
        Depth 24
        Modes "1280x800" "1024x768"
    EndSubSection
EndSection
"""


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


class XServer:
    """An X server of any make: it chooses its display number itself, and lets everybody in."""

    def __init__(self, directory, program, *options, environment=None):
        need(program, "xrandr", "xdpyinfo")
        number, told = os.pipe()
        self._log = Path(directory) / f"{Path(program).name}.log"
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen([program, "-displayfd", str(told), "-ac", "-nolisten", "tcp", *options],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[told],
                                            env={**os.environ, **(environment or {})})
        os.close(told)
        with os.fdopen(number) as f:
            self.name = ":" + f.readline().strip()
        assert self.name != ":", self._log.read_text(errors="replace")

    def xrandr(self, *options, check=True):
        p = subprocess.run(["xrandr", *options], env={**os.environ, "DISPLAY": self.name}, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=scaled(20))
        assert not check or p.returncode == 0, p.stdout
        return p.stdout

    def outputs(self):
        """What is on: name -> (width, height, x, y)."""
        found = re.findall(r"^(\S+) (?:dis)?connected (?:primary )?(\d+)x(\d+)\+(\d+)\+(\d+)", self.xrandr("--current"), re.M)
        return {name: tuple(map(int, numbers)) for name, *numbers in found}

    def primary(self):
        m = re.search(r"^(\S+) (?:dis)?connected primary", self.xrandr("--current"), re.M)
        return m and m[1]

    def screen(self):
        """(width, height) in pixels and in millimetres."""
        text = subprocess.run(["xdpyinfo", "-display", self.name], check=True, capture_output=True, text=True).stdout
        return tuple(map(int, re.search(r"dimensions:\s+(\d+)x(\d+) pixels \((\d+)x(\d+) mill", text).groups()))

    def modes_of_ours(self):
        return sorted(set(re.findall(r"^\s+(ovirt-\S+)", self.xrandr("--current", "--verbose"), re.M)))

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(scaled(10))


class Dummy(XServer):
    """Xorg with a driver for no card: 16 outputs, all that RandR can do but rotation."""

    def __init__(self, directory):
        if not os.path.exists(XORG) or not Path("/usr/lib/xorg/modules/drivers/dummy_drv.so").exists():
            pytest.skip("Xorg or its dummy driver is not installed")
        configuration = Path(directory) / "xorg.conf"
        configuration.write_text(_XORG_CONF)
        super().__init__(directory, XORG, "-config", str(configuration), "-logfile", f"{directory}/xorg-own.log",
                         "-novtswitch", "-sharevts", "-noreset")


class Virtual(XServer):
    """Xvfb: one output, which grows no further than it began."""

    def __init__(self, directory):
        super().__init__(directory, "Xvfb", "-screen", "0", "1280x800x24", "-noreset")


class Vnc(XServer):
    """Xvnc, whose viewers plug monitors in and out."""

    def __init__(self, directory):
        self._socket = f"{directory}/vnc"
        super().__init__(directory, "Xvnc", "-geometry", "1024x768", "-depth", "24", "-rfbport", "-1",
                         "-rfbunixpath", self._socket, "-SecurityTypes", "None", "-AcceptSetDesktopSize=1")

    def viewer(self):
        return Viewer(self._socket)


class Viewer:
    """The few words of the RFB protocol that a viewer says whose window has another size now."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(scaled(10))
        self._socket.connect(path)
        assert self._read(12) == b"RFB 003.008\n"
        self._socket.sendall(b"RFB 003.008\n")
        assert 1 in self._read(self._read(1)[0])
        self._socket.sendall(b"\x01")
        assert self._read(4) == bytes(4)
        self._socket.sendall(b"\x01")
        self._read(struct.unpack("!I", self._read(24)[20:])[0])
        # Encodings: ExtendedDesktopSize and raw pixels.
        self._socket.sendall(struct.pack("!BxHii", 2, 2, -308, 0))
        self._socket.sendall(struct.pack("!BBHHHH", 3, 0, 0, 0, 1, 1))

    def _read(self, n):
        data = b""
        while len(data) < n:
            more = self._socket.recv(n - len(data))
            assert more, "the VNC server hangs up"
            data += more
        return data

    def ask(self, *screens):
        """Each (width, height, x, y)."""
        width = max(s[0] + s[2] for s in screens)
        height = max(s[1] + s[3] for s in screens)
        self._socket.sendall(struct.pack("!BxHHBx", 251, width, height, len(screens)) + b"".join(
            struct.pack("!IHHHHI", i, x, y, w, h, 0) for i, (w, h, x, y) in enumerate(screens)))

    def close(self):
        self._socket.close()


def layout(*monitors):
    """What the bus has for a layout: dictionaries, or (width, height[, x, y]) in the order of the ids."""
    result = []
    for monitor in monitors:
        if isinstance(monitor, tuple):
            monitor = dict(zip(("width", "height", "x", "y"), monitor))
        result.append({key.replace("_", "-"): value if isinstance(value, GLib.Variant) else GLib.Variant(
            "s" if isinstance(value, str) else "b" if isinstance(value, bool) else "i", value)
            for key, value in monitor.items()})
    return result


def ask_layout(system, monitors, verify=False):
    """The call to the session agent that has registered, under way."""
    return Call(system.connection, system.agent(), AGENT_PATH, AGENT_INTERFACE, "ApplyLayout",
                GLib.Variant("(aa{sv}b)", (layout(*monitors), verify)))


def apply_layout(system, *monitors, verify=False, within=10):
    """(its result, None) or (None, the name of the error)."""
    call = ask_layout(system, monitors, verify)
    error = call.wait(within)
    return (None, error) if error else (call.answer[0], None)


def get_layout(system):
    call = system.ask("GetLayout")
    error = call.wait()
    return None if error else call.answer[0]


def displayed(system, backend, within=10):
    """The session agent has found what arranges the monitors."""
    wait(lambda: system.of("Register") and system.offer.get("display") == backend, scaled(within), f"the back-end {backend}")


__all__ = ["AS_USER", "Dummy", "Virtual", "Vnc", "apply_layout", "ask_layout", "displayed", "get_layout", "layout", "need"]
