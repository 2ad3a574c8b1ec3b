# SPDX-License-Identifier: Apache-2.0
"""What a user's session is made of: an X server, a session bus, MATE's locker, the session agent, and a picture."""

import os
import re
import subprocess
import time
from pathlib import Path

from guest import GuestError
from rig.bus import SessionBus, as_user

HERE = Path(__file__).resolve().parent
X_SERVER = "/usr/lib/xorg/Xorg"  # not the wrapper, which wants a console
X_SERVERS = (X_SERVER, "/usr/libexec/Xorg")  # Debian's place, Fedora's
LOCKER = ("org.mate.ScreenSaver", "/org/mate/ScreenSaver")
COLOURS = {"alice": "#2a6f97", "bob": "#8a5a44"}
START_SECONDS = 20


class DesktopSession:
    """Started by start(); ends with close(), and does not come back."""

    def __init__(self, ident, user, uid, directory, system_bus, agent):
        """@agent: the program, where the user may run it."""
        self.ident, self.user, self.uid = ident, user, uid
        self._directory = Path(directory)
        self._directory.mkdir()
        os.chown(self._directory, uid, uid)
        self._agent = agent
        self._processes = []
        self._bus = None
        self._environment = {
            "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self._directory), "USER": user,
            "XDG_SESSION_ID": ident, "XDG_SESSION_TYPE": "x11", "XDG_RUNTIME_DIR": str(self._directory),
            "DBUS_SYSTEM_BUS_ADDRESS": system_bus, "GSETTINGS_BACKEND": "memory", "NO_AT_BRIDGE": "1",
        }

    def start(self):
        self._environment["DISPLAY"] = self._start_display()
        with open(self._directory / "bus.log", "wb") as log:
            self._bus = SessionBus(self._directory, self.uid, log)
        self._environment["DBUS_SESSION_BUS_ADDRESS"] = self._bus.address
        self._start("desktop", HERE / "session/desktop", self.user, COLOURS.get(self.user, "#4a4e69"))
        self._until(lambda: "painted" in self._log("desktop"), "the picture")
        self._start("locker", "mate-screensaver", "--no-daemon")
        self._until(lambda: self._run("busctl", "--user", "status", LOCKER[0]).returncode == 0, "the locker")
        self._start("agent", self._agent)

    def close(self):
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes.clear()
        if self._bus:
            self._bus.close()
            self._bus = None

    def lock(self):
        """What the desktop's menu does. The locker answers nobody, so nobody waits for it."""
        self._run("busctl", "--user", "--expect-reply=no", "call", *LOCKER, LOCKER[0], "Lock")

    def is_locked(self):
        """By the locker's own word."""
        return "true" in self._run("busctl", "--user", "call", *LOCKER, LOCKER[0], "GetActive").stdout

    def monitors(self):
        """Those that are on, by xrandr's word: "800x600+0+0"."""
        return re.findall(r" connected (?:primary )?(\d+x\d+\+\d+\+\d+)", self._run("xrandr").stdout)

    def screenshot(self, path):
        """A PNG of the whole display. The user may not be able to write where we may."""
        picture = self._directory / "screen.png"
        done = self._run("scrot", "--overwrite", picture)
        if done.returncode:
            raise GuestError(f"scrot: {done.stdout.strip()}")
        try:
            Path(path).write_bytes(picture.read_bytes())
        except OSError as e:
            raise GuestError(f"{path}: {e.strerror}") from None

    def _start_display(self):
        server = next((s for s in X_SERVERS if os.path.exists(s)), X_SERVER)
        read, write = os.pipe()
        self._start("display", server, "-config", HERE / "session/xorg.conf", "-logfile", self._directory / "xorg.log",
                    "-displayfd", write, "-novtswitch", "-sharevts", "-noreset", "-nolisten", "tcp", pass_fds=[write])
        os.close(write)
        with open(read, encoding="ascii") as numbers:
            number = numbers.readline().strip()
        if not number:
            raise GuestError(f"no display:\n{self._log('display')}")
        return f":{number}"

    def _start(self, name, *command, **options):
        with open(self._directory / f"{name}.log", "wb") as log:
            process = subprocess.Popen([*as_user(self.uid), *map(str, command)], stdin=subprocess.DEVNULL, stdout=log,
                                       stderr=log, env=self._environment, cwd="/", start_new_session=True, **options)
        process.name = name
        self._processes.append(process)

    def _run(self, *command):
        return subprocess.run([*as_user(self.uid), *map(str, command)], stdin=subprocess.DEVNULL, text=True, cwd="/",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self._environment, timeout=START_SECONDS)

    def _log(self, name):
        return (self._directory / f"{name}.log").read_text(errors="replace")[-2000:]

    def _until(self, condition, what):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            for process in self._processes:
                if process.poll() is not None:
                    raise GuestError(f"the {process.name} of {self.user} has ended:\n{self._log(process.name)}")
            if time.monotonic() > deadline:
                raise GuestError(f"{what} of {self.user} did not start within {START_SECONDS} s")
            time.sleep(0.02)
