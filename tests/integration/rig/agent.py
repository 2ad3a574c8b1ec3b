# SPDX-License-Identifier: Apache-2.0
"""The system agent as a process."""

import contextlib
import os
import re
import signal
import subprocess
import uuid
from pathlib import Path

from .pace import WRAPPER, scaled, until

PROGRAM = os.environ["OVIRT_SYSTEM_AGENT"]
PORT = "ovirt-guest-agent.0"
LEGACY_PORT = "com.redhat.rhevm.vdsm"
_MARK = "OVIRT_TEST_MARK"
# Valgrind's "--PID-- WARNING": it does not know some system calls, which is no matter of the agent's.
_VALGRIND = r"--\d+-- "
# The beginning of a line of the agent's own, above debug.
ABOVE_DEBUG = f"(?!debug: |{_VALGRIND})"
_TICKS = os.sysconf("SC_CLK_TCK")


def configuration(path, text="", heart_beat_rate=1, **general):
    """Writes a configuration file; keys of [general] as arguments, anything else as text."""
    keys = {"heart_beat_rate": heart_beat_rate, **general}
    lines = [f"{k} = {v}" for k, v in keys.items()]
    Path(path).write_text("\n".join(["[general]", *lines, text, ""]))
    return path


def run_once(*arguments, guest=None, prefix=(), **environment):
    """The agent for something that ends by itself: (exit status, standard output, lines of standard error)."""
    p = subprocess.run([*_inside(guest), *prefix, *WRAPPER, PROGRAM, *map(str, arguments)], stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=scaled(20), env={**os.environ, **environment})
    return p.returncode, p.stdout.decode(), [x for x in p.stderr.decode().splitlines() if not re.match(_VALGRIND, x)]


def _inside(guest):
    return guest.enter if guest else []


class Agent:
    """Runs until stop(); everything it says is in its log."""

    def __init__(self, directory, *arguments, config=None, bus=None, guest=None, debug=True, prefix=(), env=None):
        self.mark = uuid.uuid4().hex
        self._log_path = Path(directory) / f"agent-{self.mark[:8]}.log"
        address = bus.address if bus else f"unix:path={directory}/no-bus"
        environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address, _MARK: self.mark, **(env or {})}
        options = [*(["--config", str(config)] if config else []), *(["--debug"] if debug else [])]
        with open(self._log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*_inside(guest), *prefix, *WRAPPER, PROGRAM, *options, *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        self.pid = self.process.pid
        self._killed = False

    def log(self, pattern="", level=ABOVE_DEBUG):
        """Lines of the log with the pattern: those above debug, unless another level is asked for."""
        lines = self._log_path.read_text(errors="replace").splitlines()
        return [line for line in lines if re.match(level, line) and re.search(pattern, line)]

    def wait_log(self, pattern, within=5, level=ABOVE_DEBUG):
        return until(lambda: self.log(pattern, level), within, f"the log to say {pattern!r}")

    @property
    def running(self):
        return self.process.poll() is None

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_peak_kib(self):
        return int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())[1])

    def descriptors(self, pid=None):
        """What the agent, or a child of its, has open."""
        found = []
        for fd in Path(f"/proc/{pid or self.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.append(os.readlink(fd))
        return found

    def family(self):
        """All that descend from this agent, itself included, wherever they hang: what runs, by pid."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                environment = Path(f"/proc/{pid}/environ").read_bytes()
                if f"{_MARK}={self.mark}".encode() in environment.split(b"\0"):
                    found[int(pid)] = Path(f"/proc/{pid}/comm").read_text().strip()
        return found

    @contextlib.contextmanager
    def asleep(self):
        """What happens meanwhile it sees all at once."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def terminate(self, within=2):
        """SIGTERM; the exit status, which must come in time."""
        self.process.terminate()
        return self.process.wait(timeout=scaled(within))

    def kill(self):
        """The end that no agent can make well."""
        self.process.kill()
        self.process.wait()
        self._killed = True

    def stop(self):
        """For the end of a case: what is still running must end well."""
        try:
            status = self.terminate() if self.running else self.process.returncode
            assert status == 0 or self._killed, f"the agent's exit status is {status}"
            until(lambda: not self.family(), 1, "the agent's children to end")
        finally:
            if self.running:
                self.process.kill()
                self.process.wait()
            print(self._log_path.read_text(errors="replace"))
