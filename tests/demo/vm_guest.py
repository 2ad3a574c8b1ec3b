# SPDX-License-Identifier: Apache-2.0
"""A guest that is a virtual machine, with the agent installed as a distribution would: tests/system's test bed."""

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from bed import image, product, rootfs, vm, wait_until  # noqa: E402
from guest import EVENTS, HOOKS, PACKAGE, USERS, Guest, GuestError  # noqa: E402

UNIT = "ovirt-guest-agent.service"
START_SECONDS = 30
LOGIN1 = "org.freedesktop.login1"
# A desktop without a display: its agent, and what a locker does between the login manager and its user.
DESKTOP = f"""\
#!/bin/sh
hint() {{
        busctl call {LOGIN1} /org/freedesktop/login1/session/auto {LOGIN1}.Session SetLockedHint b "$1"
}}
path=$(busctl call {LOGIN1} /org/freedesktop/login1 {LOGIN1}.Manager GetSession s "$XDG_SESSION_ID" | cut -d '"' -f 2)
dbus-monitor --system "type='signal',interface='{LOGIN1}.Session',path='$path'" | {{
        # It says something when it has begun to listen.
        read -r line
        /usr/libexec/ovirt-session-agent &
        while read -r line; do
                case $line in
                *member=Lock) hint true ;;
                *member=Unlock) hint false ;;
                esac
        done
}}
"""


class VmGuest(Guest):
    isolated = has_packages = has_hooks = has_session_agents = can_unlock = True
    is_fast = has_shell = has_display = has_login = False
    login_manager = "the real one of systemd; the desktops have no display, and their lockers are played"

    def __init__(self, build):
        if not rootfs.path().exists():
            print("Downloading a small Debian for the virtual machine (about a minute, this time only)", flush=True)
            rootfs.build()
        print("Making the virtual machine's disk, if there is none yet (half a minute then)", flush=True)
        image.build()
        self._packed = product.pack(build)
        self._vm = vm.VM("demo", self._packed)
        self.nic = None

    @property
    def port(self):
        return self._vm.port

    def __enter__(self):
        print("Starting the virtual machine (10 to 20 s)", flush=True)
        try:
            self._vm.start()
            self.nic = re.search(r"^\d+: (e\w+)", self._vm.run("ip", "-o", "link"), re.M)[1]
            self._vm.run("ip", "link", "set", self.nic, "up")
            self._vm.run("systemctl", "is-active", UNIT)
            self._make_users()
            self._make_hooks()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._vm.stop()
        os.unlink(self._packed)

    def _make_users(self):
        for user in USERS:
            if self._vm.run("id", user, check=False).rc:
                self._vm.run("useradd", "--create-home", user)
        self._write("/run/demo-desktop", DESKTOP)

    def _make_hooks(self):
        for event in EVENTS:
            for name, text in HOOKS.items():
                self._write(f"/etc/ovirt-guest-agent/hooks.d/{event}/{name}", f"#!/bin/sh\n{text}\n")

    def _write(self, path, text):
        self._vm.run("install", "-D", "-m", "755", "/dev/stdin", path, stdin=text)

    def stop_agent(self):
        self._vm.run("systemctl", "stop", UNIT)
        return lambda: int(self._vm.run("systemctl", "show", "-p", "ExecMainStatus", "--value", UNIT))

    def log(self):
        return self._vm.run("journalctl", "-q", "--no-pager", "-o", "cat", "-u", UNIT)

    def busctl(self, *arguments):
        return self._vm.run("busctl", "--no-pager", *arguments)

    def open_session(self, user):
        """As a display manager does it, through PAM, each on a terminal of its own."""
        if self._idents(user):
            raise GuestError(f"{user} is logged in already")
        number = 1 + USERS.index(user)
        session = f"XDG_SESSION_TYPE=x11 XDG_SESSION_CLASS=user XDG_SEAT=seat0 XDG_VTNR={number}"
        self._vm.run("systemd-run", "-q", "--unit", f"demo-{user}", "--collect", "-p", f"User={user}",
                     "-p", "PAMName=login", "-p", f"Environment={session}", "-p", "KillMode=control-group", "/run/demo-desktop")
        wait_until(lambda: self._idents(user), START_SECONDS, f"a session of {user}'s")
        self.switch(user)

    def start_desktop(self, user):
        """It began with the session; now it is there."""
        wait_until(lambda: (self.session_of(user) or {}).get("Agent"), START_SECONDS, f"the session agent of {user}")

    def switch(self, user):
        self._vm.run("loginctl", "activate", self._ident(user))

    def close_session(self, user):
        self._vm.run("loginctl", "terminate-session", self._ident(user))

    def lock(self, user):
        """As the user does it."""
        self._vm.run("loginctl", "lock-session", self._ident(user))

    def unlock(self, user):
        """As if the user had given the password."""
        self._vm.run("loginctl", "unlock-session", self._ident(user))

    def is_locked(self, user):
        """By what its desktop has told the login manager."""
        return self._vm.run("loginctl", "show-session", "-p", "LockedHint", "--value", self._ident(user)).strip() == "yes"

    def _idents(self, user):
        sessions = [line.split() for line in self._vm.run("loginctl", "list-sessions", "--no-legend").splitlines()]
        return [words[0] for words in sessions if words[2] == user]

    def _ident(self, user):
        found = self._idents(user)
        if not found:
            raise GuestError(f"{user} is not logged in")
        return found[0]

    def hostname(self):
        return self._vm.run("hostname").strip()

    def set_hostname(self, name):
        self._vm.run("hostname", name)

    def add_address(self, address):
        self._vm.run("ip", "address", "add", address, "dev", self.nic)

    def install(self, name, version):
        self._vm.run("sh", "-c", "cd /var/lib/dpkg && cp status status-new && cat >>status-new && mv status-new status",
                     stdin=PACKAGE.format(name=name, version=version))
