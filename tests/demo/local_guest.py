# SPDX-License-Identifier: Apache-2.0
"""A guest made of processes: the real agents, real desktops, and a bus of their own, in namespaces.

The login manager is played, since a real one is for real machines only: dbusmock's, as the integration tests have it. It
is the machine's own file systems, memory and processors that are reported; names, network, users and package list
belong to the namespaces, so that they can change without touching the machine.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/integration"))

from desktop_session import DesktopSession  # noqa: E402
from guest import EVENTS, HOOKS, PACKAGE, PASSWORD, USERS, Guest, GuestError  # noqa: E402
from rig.bus import Bus, LoginManager, as_user  # noqa: E402

PORT = "ovirt-guest-agent.0"
DPKG = Path("/var/lib/dpkg")
SEATS = Path("/run/systemd/seats")
GREETER = "g1"
GREETER_UID = 64109
SERVICE = "gdm-ovirtcred"
# As the one that is installed, for the accounts of the demo.
PAM = """\
auth requisite {module} socket={socket}
auth required pam_unix.so use_first_pass nodelay
account required pam_unix.so
"""
FIRST_UID = 64100  # of the demo's users, which belong to nobody in Debian's scheme
START_SECONDS = 15
STOP_SECONDS = 5

# Where there are no namespaces the agent is not root.
OWN_POLICY = """\
  <policy user="{user}">
    <allow own="org.ovirt.GuestAgent1"/>
    <allow send_destination="org.ovirt.GuestAgent1"/>
  </policy>
"""

class LocalGuest(Guest):
    at_once = 1.0  # seconds for a change to reach the host
    is_fast = has_display = True
    has_shell = True  # ./demo --guest
    login_manager = "played (dbusmock); ./demo --vm has the real one"

    def __init__(self, build, place):
        self.place = place
        self.isolated = place != "shared"
        self.nic = None  # an interface that may be changed
        self.has_packages = False  # whether the list may be changed
        # Where a service manager runs, hooks are its units; in namespaces it is not seen.
        self.has_hooks = self.isolated or not os.path.exists("/run/systemd/system")
        # Accounts that may be thrown away are in namespaces only.
        self.has_login = self.isolated
        # Session agents serve only a system agent that is root.
        self.has_session_agents = self.isolated or os.geteuid() == 0
        # Lockers listen to a login manager only where they see traces of systemd's.
        self.can_unlock = self.isolated or os.path.isdir(SEATS)
        self._build = Path(build)
        self._state = self._build / "guest"
        self._agent = self._bus = self._logins = None
        self._greeter, self._greeted = None, 1  # lines of its output that are known; the first is no user
        self._desktops = {}  # user -> DesktopSession
        self._opened = 0
        self._mounts = []
        self._nobody = ""  # the session that the seat shows then
        self._directory = Path(tempfile.mkdtemp(prefix="ovirt-demo-"))
        self._directory.chmod(0o755)  # the users' sessions are in it
        self.port = str(self._directory / "port")

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
        self._start_buses()
        self._make_hooks()
        self._start_agent()
        if self.has_login:
            self._start_greeter()
        self._state.write_text(f"{os.getpid()}\n{self.place}\n{self._bus.address}\n")
        return self

    def close(self):
        if self._state.exists() and self._state.read_text().startswith(f"{os.getpid()}\n"):
            self._state.unlink()
        for desktop in self._desktops.values():
            desktop.close()
        self._desktops.clear()
        for process in (self._greeter, self._agent):
            if process:
                self._stop(process)
        if self._bus:
            self._bus.close()
        while self._mounts:
            subprocess.run(["umount", self._mounts.pop()], check=False)
        shutil.rmtree(self._directory, ignore_errors=True)

    # -- what happens in the guest

    def stop_agent(self):
        """Its exit status, after SIGTERM."""
        self._agent.terminate()
        return lambda: self._agent.poll()

    def log(self):
        return (self._directory / "agent.log").read_text(errors="replace")

    def busctl(self, *arguments):
        done = subprocess.run(["busctl", f"--address={self._bus.address}", "--no-pager", *arguments], text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=START_SECONDS)
        return done.stdout

    def open_session(self, user):
        """The user logs in at the seat, as the login manager sees it."""
        self._reap()
        if user in self._desktops:
            raise GuestError(f"{user} is logged in already")
        self._opened += 1
        ident, uid = f"c{self._opened}", self._uid_of(user)
        self._logins.add(ident, user, uid=uid, type_="x11")
        self._desktops[user] = DesktopSession(ident, user, uid, self._directory / ident, self._bus.address,
                                              self._session_agent)
        self._logins.activate(ident)

    def start_desktop(self, user):
        self._desktop(user).start()

    def switch(self, user):
        self._logins.activate(self._desktop(user).ident)

    def close_session(self, user):
        ident = self._desktop(user).ident
        self._logins.activate(next((d.ident for u, d in self._desktops.items() if u != user), self._nobody))
        self._logins.remove(ident)
        self._reap()

    def lock(self, user):
        """As the user does it."""
        self._desktop(user).lock()

    def unlock(self, user):
        """As if the user had given the password."""
        self._logins.unlock(self._desktop(user).ident)

    def is_locked(self, user):
        """By the word of the desktop."""
        return self._desktop(user).is_locked()

    def monitors(self, user):
        return self._desktop(user).monitors()

    def screenshot(self, user, path):
        self._desktop(user).screenshot(path)

    def greeted(self):
        """What has come of the host's login since the last question: "user NAME" for whom the login screen would open a
        session, something else if PAM refused, or nothing."""
        self._reap()
        lines = (self._directory / "greeter.log").read_text().splitlines() if self._greeter else []
        new, self._greeted = lines[self._greeted:], max(self._greeted, len(lines))
        return new[-1] if new else ""

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

    def _desktop(self, user):
        self._reap()
        if user not in self._desktops:
            raise GuestError(f"{user} is not logged in")
        return self._desktops[user]

    def _reap(self):
        """The login manager may have ended sessions because the host wanted it; the real one ends their processes."""
        alive = self._logins.sessions()
        for user in [u for u, d in self._desktops.items() if d.ident not in alive]:
            self._desktops.pop(user).close()
            if not self._desktops:
                self._logins.activate(self._nobody)

    # -- how it is made

    def _isolate(self):
        """What may be changed: a network interface, a list of packages, users; and no service manager in sight."""
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
            self._mount("--bind", copy, DPKG)
            self.has_packages = True
        except (GuestError, OSError):
            pass
        self._make_accounts()
        systemd = SEATS.parent
        self._mount("-t", "tmpfs", "none", systemd if systemd.is_dir() else systemd.parent)
        SEATS.mkdir(parents=True)

    def _make_accounts(self):
        """With the password that the tour gives, too."""
        passwd, shadow, services = (self._directory / name for name in ("passwd", "shadow", "pam.d"))
        ids = {u: FIRST_UID + n for n, u in enumerate(USERS)}
        passwd.write_text(Path("/etc/passwd").read_text() + "".join(
            f"{u}:x:{i}:{i}:{u.title()}:/nonexistent:/bin/sh\n" for u, i in ids.items()))
        hashed = subprocess.run(["perl", "-e", r'print crypt($ARGV[0], "\$6\$" . "demo")', PASSWORD], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        shadow.touch(0o600)
        shadow.write_text("".join(f"{u}:{hashed}:20000::::::\n" for u in USERS))
        services.mkdir()
        (services / SERVICE).write_text(PAM.format(module=self._build / "pam_ovirt_cred/pam_ovirt_cred.so",
                                                   socket=self._directory / "run/credentials"))
        for ours, place in ((passwd, "/etc/passwd"), (shadow, "/etc/shadow"), (services, "/etc/pam.d")):
            self._mount("--bind", ours, place)

    def _start_greeter(self):
        """Shown when nobody is at the seat."""
        with open(self._directory / "greeter.log", "wb") as log:
            self._greeter = subprocess.Popen(
                [*as_user(os.geteuid()), TOP / "tests/demo/session/greeter", SERVICE], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self._bus.address}, start_new_session=True)
        self._logins.add(GREETER, "gdm", uid=GREETER_UID, kind="greeter", type_="x11")
        self._logins.activate(GREETER)
        self._nobody = GREETER

    def _mount(self, *arguments):
        _run("mount", *arguments)
        self._mounts.append(arguments[-1])

    def _uid_of(self, user):
        """Only root has others' numbers to give away."""
        return FIRST_UID + USERS.index(user) if self.place == "root" else os.geteuid()

    def _start_buses(self):
        own = "" if os.geteuid() == 0 else OWN_POLICY.format(user=os.geteuid())
        try:
            with open(self._directory / "bus.log", "wb") as log:
                self._bus = Bus(self._directory, more=own, log=log)
                self._logins = LoginManager(self._bus)
        except AssertionError as e:
            raise GuestError(f"{e}:\n{(self._directory / 'bus.log').read_text(errors='replace')[-2000:]}") from None
        self._logins.locking("asks")
        self._logins.knows_processes()

    def _make_hooks(self):
        for event in EVENTS:
            directory = self._directory / "hooks.d" / event
            directory.mkdir(parents=True, mode=0o755)
            for name, text in HOOKS.items():
                script = directory / name
                script.write_text(f"#!/bin/sh\n{text}\n")
                script.chmod(0o755)

    def _start_agent(self):
        configuration = self._directory / "agent.conf"
        default = (self._build / "system-agent/data/ovirt-guest-agent.conf").read_text()
        configuration.write_text(default.replace("[hooks]\n", f"[hooks]\ndirectory = {self._directory}/hooks.d\n"))
        # Where every user may start it.
        self._session_agent = shutil.copy(self._build / "session-agent/ovirt-session-agent", self._directory)
        run = self._directory / "run"
        run.mkdir(mode=0o755)
        with open(self._directory / "agent.log", "wb") as log:
            self._agent = subprocess.Popen(
                [*as_user(os.geteuid()), self._build / "system-agent/ovirt-system-agent", "--config", configuration,
                 "--port", f"{PORT}={self.port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
                env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self._bus.address, "RUNTIME_DIRECTORY": str(run)})

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
