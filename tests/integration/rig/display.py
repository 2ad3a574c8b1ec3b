# SPDX-License-Identifier: Apache-2.0
"""Real display servers that need no hardware, and what they say of their monitors: never our own report of it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from gi.repository import Gio, GLib

from .bus import SOURCES
from .desktop import AGENT_INTERFACE, AGENT_PATH, AS_USER, USER, Call, Peer, wait
from .pace import scaled
from .viewer import Viewer

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
        self.environment = {"DISPLAY": self.name}

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
    """Xorg with a driver for no card: 16 outputs, all that RandR can do but rotation and scale."""

    def __init__(self, directory, more=""):
        if not os.path.exists(XORG) or not Path("/usr/lib/xorg/modules/drivers/dummy_drv.so").exists():
            pytest.skip("Xorg or its dummy driver is not installed")
        configuration = Path(directory) / "xorg.conf"
        configuration.write_text(more + _XORG_CONF)
        super().__init__(directory, XORG, "-config", str(configuration), "-logfile", f"{directory}/xorg-own.log",
                         "-novtswitch", "-sharevts", "-noreset")


class Rotating(Dummy):
    """And these, too."""

    def __init__(self, directory):
        module = os.environ.get("OVIRT_TEST_XORG_MODULE")
        if not module:
            pytest.skip("xserver-xorg-dev is not installed")
        super().__init__(directory, f"""
Section "Files"
    ModulePath "{os.path.dirname(module)}"
    ModulePath "{os.path.dirname(XORG)}/modules"
EndSection
Section "Module"
    Load "rotating"
EndSection""")

    def turned(self, output):
        """(its rotation, how it is scaled to the right and down)."""
        text = re.split(r"(?m)^(?=\S)", self.xrandr("--current", "--verbose"))
        mine = next(part for part in text if part.startswith(f"{output} "))
        x, y = re.search(r"Transform:\s+(\S+) .*\n\s+\S+ (\S+)", mine).groups()
        return re.search(r"\(0x\w+\) (\w+) \(", mine)[1], float(x), float(y)


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


class Mutter:
    """Mutter on Wayland without a display, as a process of the session's user; its monitors have one mode each."""

    NAME, PATH = "org.gnome.Mutter.DisplayConfig", "/org/gnome/Mutter/DisplayConfig"

    def __init__(self, directory, session_bus, system_bus, *sizes, nested=None):
        need("mutter")
        self._peer = Peer(session_bus)
        runtime = Path(directory) / "runtime"
        runtime.mkdir(mode=0o700)
        os.chown(runtime, USER, USER)
        self._log = Path(directory) / "mutter.log"
        how = ["--nested"] if nested else ["--headless", *(word for size in sizes for word in ("--virtual-monitor", size))]
        environment = {"PATH": os.environ["PATH"], "HOME": str(runtime), "XDG_RUNTIME_DIR": str(runtime),
                       "DBUS_SESSION_BUS_ADDRESS": session_bus.address, "DBUS_SYSTEM_BUS_ADDRESS": system_bus.address,
                       **(nested or {})}
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen([*AS_USER, "mutter", "--wayland", "--no-x11", *how], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=environment)
        self.environment = {"XDG_SESSION_TYPE": "wayland", "WAYLAND_DISPLAY": "wayland-0"}
        wait(self._is_there, scaled(15), "mutter")

    def _is_there(self):
        assert self.process.poll() is None, self._log.read_text(errors="replace")
        try:
            self._peer.connection.call_sync(self.NAME, self.PATH, self.NAME, "GetCurrentState", None, None,
                                            Gio.DBusCallFlags.NO_AUTO_START, 1000, None)
            return True
        except GLib.Error:
            return False

    def call(self, method, arguments=None):
        """(its answer, None) or (None, the name of the error)."""
        call = self._peer.call(self.NAME, self.PATH, self.NAME, method, arguments)
        error = call.wait(scaled(10))
        return (None, error) if error else (call.answer, None)

    def state(self):
        return self.call("GetCurrentState")[0]

    def outputs(self):
        """What is on: connector -> (width, height, x, y), by the current modes and the logical monitors."""
        _, monitors, logical, _ = self.state()
        modes = {m[0][0]: next((mode[1:3] for mode in m[1] if mode[6].get("is-current")), None) for m in monitors}
        return {spec[0]: (*modes[spec[0]], entry[0], entry[1]) for entry in logical for spec in entry[5]}

    def ask(self, monitors, serial=0, method=0):
        """Without us: each (connector, (width, height, x, y)); the name of the error, or None."""
        config = [(x, y, 1.0, 0, i == 0, [(name, f"{w}x{h}@60.000", {})]) for i, (name, (w, h, x, y)) in enumerate(monitors)]
        return self.call("ApplyMonitorsConfig", GLib.Variant(
            "(uua(iiduba(ssa{sv}))a{sv})", (self.state()[0] + serial, method, config, {})))[1]

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(scaled(10))
        self._peer.close()


class Compositor:
    """A compositor of wlroots without a display, as a process of the session's user; what wlr-randr is told of its outputs."""

    def __init__(self, directory, program, *arguments, socket, configuration=""):
        need(program, "wlr-randr")
        self.runtime = Path(directory) / program
        self.runtime.mkdir(mode=0o700)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.runtime), "XDG_RUNTIME_DIR": str(self.runtime),
                            "XDG_SESSION_TYPE": "wayland", "WAYLAND_DISPLAY": socket}
        (self.runtime / "config").write_text(configuration)
        os.chown(self.runtime, USER, USER)
        self._log = Path(directory) / f"{program}.log"
        environment = {**self.environment, "WLR_BACKENDS": "headless", "WLR_LIBINPUT_NO_DEVICES": "1",
                       "WLR_RENDERER": "pixman", "WLR_HEADLESS_OUTPUTS": "2"}
        del environment["WAYLAND_DISPLAY"]
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen([*AS_USER, program, *arguments], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment, cwd=self.runtime)
        wait(self._is_there, scaled(15), program)

    def _is_there(self):
        assert self.process.poll() is None, self._log.read_text(errors="replace")
        return (self.runtime / self.environment["WAYLAND_DISPLAY"]).exists()

    def wlr_randr(self, *options, **environment):
        p = subprocess.run([*AS_USER, "wlr-randr", *options], env={**self.environment, **environment}, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=scaled(10))
        assert p.returncode == 0, p.stdout
        return p.stdout

    def desktop_outputs(self):
        """How many outputs programs can be shown on."""
        return self.wlr_randr(WAYLAND_DEBUG="1").count('"wl_output"')

    def outputs(self):
        """What is on: name -> (width, height, x, y)."""
        found = {}
        for text in re.split(r"^(?=\S)", self.wlr_randr(), flags=re.M):
            mode = re.search(r"^    (\d+)x(\d+) px.*current", text, re.M)
            place = re.search(r"^  Position: (-?\d+),(-?\d+)", text, re.M)
            if "\n  Enabled: yes\n" in text and mode and place:
                found[text.split()[0]] = tuple(map(int, mode.groups() + place.groups()))
        return found

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(scaled(10))


class Phoc(Compositor):
    """Phosh's."""

    def __init__(self, directory):
        super().__init__(directory, "phoc", "-C", "config", socket="wayland-0", configuration="[core]\nxwayland=false\n")


class Sway(Compositor):
    def __init__(self, directory, xwayland=False):
        if xwayland:
            need("Xwayland", "xrandr")
        super().__init__(directory, "sway", "-c", "config", socket="wayland-1", configuration="xwayland force\n"
                         "exec sh -c 'echo $DISPLAY >display'\n" if xwayland else "xwayland disable\n")

    def display(self):
        told = self.runtime / "display"
        return wait(lambda: told.exists() and told.read_text().strip(), scaled(10), "Xwayland")


class KWin:
    """KDE's compositor on Wayland without a display, as a process of the session's user; two monitors of 1024x768."""

    def __init__(self, directory, session_bus):
        need("kwin_wayland", "kscreen-doctor")
        self.runtime = Path(directory) / "kwin"
        self.runtime.mkdir(mode=0o700)
        # Without the capability that the installed file has, which is not everywhere to be given.
        program = self.runtime / "kwin_wayland"
        shutil.copy(shutil.which("kwin_wayland"), program)
        for path in self.runtime, program:
            os.chown(path, USER, USER)
        self._log = Path(directory) / "kwin.log"
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.runtime), "XDG_RUNTIME_DIR": str(self.runtime),
                            "DBUS_SESSION_BUS_ADDRESS": session_bus.address, "KWIN_COMPOSE": "Q", "WAYLAND_DISPLAY": "wayland-9",
                            "QT_QPA_PLATFORM": "wayland", "XDG_CURRENT_DESKTOP": "KDE", "XDG_SESSION_TYPE": "wayland"}
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen(
                [*AS_USER, program, "--virtual", "--width", "1024", "--height", "768", "--output-count", "2",
                 "--no-lockscreen", "--socket", "wayland-9"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={k: v for k, v in self.environment.items() if k not in ("WAYLAND_DISPLAY", "QT_QPA_PLATFORM")})
        wait(self._is_there, scaled(20), "kwin")

    def _is_there(self):
        assert self.process.poll() is None, self._log.read_text(errors="replace")
        return (self.runtime / "wayland-9").exists()

    def outputs(self):
        """What is on, by the compositor's own word to a client that is not ours."""
        text = subprocess.run([*AS_USER, "kscreen-doctor", "-o"], env=self.environment, capture_output=True, text=True,
                              timeout=scaled(10)).stdout
        found = re.findall(r"Output: \d+ (\S+) enabled .*?Geometry: (-?\d+),(-?\d+) (\d+)x(\d+)",
                           re.sub(r"\x1b\[[0-9;]*m", "", text))
        return {name: (int(w), int(h), int(x), int(y)) for name, x, y, w, h in found}

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(scaled(10))


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


def table(letter):
    """The rows of docs/displays.md whose first cell is that letter and a number, as lists of cells."""
    lines = (SOURCES / "docs/displays.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines
            if re.match(rf"\| {letter}\d+ \|", line)]
    assert rows
    return rows


def monitor(text):
    if text == "off":
        return {"enabled": False}
    m = re.fullmatch(r"(\d+)x(\d+)(?:\+(-?\d+)\+(-?\d+))?", text)
    return tuple(int(n) for n in m.groups() if n is not None)


__all__ = ["AS_USER", "Dummy", "KWin", "Mutter", "Phoc", "Rotating", "Sway", "Virtual", "Vnc", "apply_layout", "ask_layout", "displayed", "get_layout", "layout", "monitor", "need",
           "table"]
