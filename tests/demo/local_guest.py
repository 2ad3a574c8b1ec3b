# SPDX-License-Identifier: Apache-2.0
"""A guest made of processes: the real system agent, a bus and a login manager of its own, in namespaces.

It is the machine's own file systems, memory and processors that are reported; names, network and package list belong to
the namespaces, so that they can change without touching the machine.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.sax.saxutils import escape

TOP = Path(__file__).resolve().parents[2]
PORT = "ovirt-guest-agent.0"
LOGIN1 = "org.freedesktop.login1"
DPKG = Path("/var/lib/dpkg")
START_SECONDS = 15
STOP_SECONDS = 5

BUS_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="org.freedesktop.login1"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.login1"/>
  </policy>
  <include>{policy}</include>
{own}</busconfig>
"""
# Where there are no namespaces the agent is not root.
OWN_POLICY = """\
  <policy user="{user}">
    <allow own="org.ovirt.GuestAgent1"/>
    <allow send_destination="org.ovirt.GuestAgent1"/>
  </policy>
"""
PACKAGE = """\
Package: {name}
Status: install ok installed
Priority: optional
Section: kernel
Maintainer: Nobody <nobody@example.org>
Architecture: all
Version: {version}
Description: a package of the demo's

"""


class GuestError(RuntimeError):
    """The guest cannot be started or changed."""


class LocalGuest:
    at_once = 1.0  # seconds for a change to reach the host
    is_fast = True
    has_shell = True  # ./demo --guest

    def __init__(self, build, place):
        self.place = place
        self.isolated = place != "shared"
        self.nic = None  # an interface that may be changed
        self.has_packages = False  # whether the list may be changed
        self._state = Path(build) / "guest"
        self._program = Path(build) / "system-agent/ovirt-system-agent"
        self._processes = []
        self._agent = None
        self._directory = Path(tempfile.mkdtemp(prefix="ovirt-demo-"))
        self.port = str(self._directory / "port")
        self._bus = f"unix:path={self._directory}/bus"
        self._environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self._bus}

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def start(self):
        if self.isolated:
            self._isolate()
        self._start_bus()
        self._start("login-manager", sys.executable, "-m", "dbusmock", "--system", "-t",
                    Path(__file__).with_name("login_manager.py"))
        self._until(lambda: "true" in self._busctl("call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                   "org.freedesktop.DBus", "NameHasOwner", "s", LOGIN1),
                    "the login manager")
        self._agent = self._start("agent", self._program, "--config",
                                  Path(self._program).parent / "data/ovirt-guest-agent.conf", "--port", f"{PORT}={self.port}")
        self._state.write_text(f"{os.getpid()}\n{self.place}\n{self._bus}\n")
        return self

    def close(self):
        if self._state.exists() and self._state.read_text().startswith(f"{os.getpid()}\n"):
            self._state.unlink()
        for process in reversed(self._processes):
            self._stop(process)
        self._processes.clear()
        if self.has_packages:
            subprocess.run(["umount", DPKG], check=False)
            self.has_packages = False
        shutil.rmtree(self._directory, ignore_errors=True)

    # -- what happens in the guest

    def stop_agent(self):
        """Its exit status, after SIGTERM."""
        self._agent.terminate()
        return lambda: self._agent.poll()

    def log(self):
        return (self._directory / "agent.log").read_text(errors="replace")

    def busctl(self, *arguments):
        return self._busctl(*arguments)

    def seat(self, name):
        self._busctl("call", LOGIN1, "/org/freedesktop/login1", "org.ovirt.Demo.Seat", "SitDown", "s", name)

    def hostname(self):
        return socket.gethostname()

    def set_hostname(self, name):
        socket.sethostname(name)

    def add_address(self, address):
        _run("ip", "address", "add", address, "dev", self.nic)

    def install(self, name, version):
        """As dpkg ends an installation: by renaming a new list over the old one."""
        status, new = DPKG / "status", DPKG / "status-new"
        new.write_text(status.read_text(errors="surrogateescape") + PACKAGE.format(name=name, version=version),
                       errors="surrogateescape")
        new.rename(status)

    # -- how it is made

    def _isolate(self):
        """A network interface and a list of packages that may be changed."""
        try:
            # The default configuration leaves veth* out.
            _run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "veth0")
            _run("ip", "link", "set", "veth0", "up")
            _run("ip", "link", "set", "eth0", "up")
            _run("ip", "address", "add", "192.0.2.10/24", "dev", "eth0")
            self.nic = "eth0"
        except GuestError:
            pass
        try:
            copy = self._directory / "dpkg"
            copy.mkdir()
            shutil.copy(DPKG / "status", copy)
            _run("mount", "--bind", copy, DPKG)
            self.has_packages = True
        except (GuestError, OSError):
            pass

    def _start_bus(self):
        own = ""
        if os.geteuid() != 0:
            own = OWN_POLICY.format(user=escape(pwd.getpwuid(os.geteuid()).pw_name))
        config = self._directory / "bus.conf"
        config.write_text(BUS_CONFIG.format(socket=escape(f"{self._directory}/bus"), own=own,
                                            policy=escape(str(TOP / "dbus-interfaces/org.ovirt.GuestAgent1.conf"))))
        self._start("bus", "dbus-daemon", "--nofork", "--nopidfile", f"--config-file={config}")
        self._until((self._directory / "bus").exists, "the bus")

    def _start(self, name, *command):
        """A child that ends when this program does, however that ends."""
        with open(self._directory / f"{name}.log", "wb") as log:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *map(str, command)], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, env=self._environment, start_new_session=True)
        process.name = name
        self._processes.append(process)
        return process

    def _until(self, condition, what):
        deadline = time.monotonic() + START_SECONDS
        while not condition():
            for process in self._processes:
                if process.poll() is not None:
                    log = (self._directory / f"{process.name}.log").read_text(errors="replace")
                    raise GuestError(f"{what} ended with {process.returncode}:\n{log[-2000:]}")
            if time.monotonic() > deadline:
                raise GuestError(f"{what} did not start within {START_SECONDS} s")
            time.sleep(0.02)

    def _busctl(self, *arguments):
        done = subprocess.run(["busctl", f"--address={self._bus}", "--no-pager", *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=START_SECONDS)
        return done.stdout

    @staticmethod
    def _stop(process):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _run(*command):
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise GuestError(f"{command[0]}: {done.stdout.strip()}")
