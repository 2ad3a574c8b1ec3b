# SPDX-License-Identifier: Apache-2.0
"""A user's home with settings in it, kept by the real services of the desktops, and asked with their own tools."""

import os
import shutil
import subprocess

import pytest
from gi.repository import Gio, GLib

from .bus import Bus, SessionBus
from .desktop import AS_USER, Agent, LoginManager, SystemAgent, USER, wait

SERVICES = [s for s in ("ca.desrt.dconf", "org.xfce.Xfconf") if os.path.exists(f"/usr/share/dbus-1/services/{s}.service")]
ALL = ["wallpaper", "animation", "font-smooth"]
INTERFACE = "org.gnome.desktop.interface"
BACKGROUND = "org.gnome.desktop.background"
ANIMATIONS = (INTERFACE, "enable-animations")


def missing(*schemas):
    """Which of these are not installed."""
    source = Gio.SettingsSchemaSource.get_default()
    return sorted(name for name in schemas if not source or not source.lookup(name, True))


def path_of(schema, key):
    """As dconf has it."""
    return Gio.SettingsSchemaSource.get_default().lookup(schema, True).get_path().strip("/") + "/" + key


class Home:
    def __init__(self, directory, **environment):
        self.path = directory / "home"
        self.environment = {"HOME": str(self.path), "XDG_RUNTIME_DIR": str(directory / "runtime"),
                            "XDG_STATE_HOME": str(self.path / "state"), "XDG_CONFIG_HOME": str(self.path / "config"),
                            **environment}
        for path in self.path, directory / "runtime":
            path.mkdir(mode=0o700)
            os.chown(path, USER, USER)
        self.state = self.path / "state/ovirt-guest-agent"
        self.journal = self.state / "effects.journal"
        self.bus = None

    def run(self, *command, check=True):
        base = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "DBUS_"))}
        address = {"DBUS_SESSION_BUS_ADDRESS": self.bus.address} if self.bus else {}
        p = subprocess.run([*AS_USER, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                           env={**base, **self.environment, **address})
        assert not check or p.returncode == 0, p.stderr
        return p.stdout.strip()

    def get(self, schema, key):
        """What programs see."""
        return self.run("gsettings", "get", schema, key)

    def set(self, schema, key, value):
        self.run("gsettings", "set", schema, key, value)

    def reset(self, schema, key):
        self.run("gsettings", "reset", schema, key)

    def dconf(self):
        """All that the user has set himself: {path of the key: value}."""
        found, folder = {}, ""
        for line in self.run("dconf", "dump", "/").splitlines():
            if line.startswith("["):
                folder = line[1:-1]
            elif line:
                key, value = line.split("=", 1)
                found[f"{folder}/{key}"] = value
        return found

    def write(self, path, content):
        """As if the user had."""
        for folder in reversed(path.relative_to(self.path).parents[:-1]):
            if not (self.path / folder).exists():
                (self.path / folder).mkdir(mode=0o700)
                os.chown(self.path / folder, USER, USER)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        os.chown(path, USER, USER)

    def changes_of_journal(self):
        """[family, effect, state, store, key, user's, ours] of each line."""
        if not self.journal.exists():
            return []
        return [line.split("\t") for line in self.journal.read_text().splitlines()[1:]]


class Guest:
    """A user with sessions: s2 is the one that agents are of, unless they are told otherwise."""

    def __init__(self, directory, party, desktop, services=(), programs=(), **environment):
        if os.geteuid() != 0:
            pytest.skip("the bus policy knows root only")
        for program in programs:
            if not shutil.which(program):
                pytest.skip(f"{program} is not installed")
        for package, there in {
                "dconf-cli": shutil.which("dconf"), "libglib2.0-bin": shutil.which("gsettings"),
                "dconf-service": os.path.exists("/usr/share/dbus-1/services/ca.desrt.dconf.service"),
                "gsettings-desktop-schemas": not missing(INTERFACE, BACKGROUND)}.items():
            if not there:
                pytest.skip(f"{package} is not installed")
        self.directory, self.keep, self.desktop = directory, party.keep, desktop
        self.home = Home(directory, **environment)
        self.system_bus = self.keep(Bus(directory))
        self._services = [*SERVICES, *services]
        self.session_bus = self.keep(SessionBus(directory, services=self._services, **self.home.environment))
        self.home.bus = self.session_bus
        self.login1 = self.keep(LoginManager(self.system_bus))

    def process_of(self, name):
        """The one that owns a name on the bus of the session, which it is started for."""
        answer = self.home.run("busctl", f"--address={self.session_bus.address}", "call", "org.freedesktop.DBus",
                               "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionUnixProcessID", "s", name)
        return int(answer.split()[1])

    def new_session_bus(self):
        shutil.rmtree(self.directory / "user")
        self.session_bus = self.home.bus = self.keep(SessionBus(
            self.directory, services=self._services, **self.home.environment))

    def configure(self, **effects):
        path = self.directory / "session.conf"
        path.write_text("".join(["[effects]\n", *(f"{key} = {value}\n" for key, value in effects.items())]))
        return path

    def system_agent(self, **options):
        return self.keep(System(self.system_bus, **options))

    def agent(self, *, session="s2", desktop=None, wrapper=(), config=None, **environment):
        options = ["--config", str(config or self.configure())]
        return self.keep(Agent(self.directory, self.system_bus, self.session_bus, *options, wrapper=wrapper, **{
            "XDG_SESSION_ID": session, "XDG_CURRENT_DESKTOP": desktop or self.desktop, **self.home.environment,
            **environment}))


    def end(self, how, system, agent, desktop=None):
        """All is restored: at the host's word, when the agent ends, or after a crash by the next one, on another desktop if it
        is so."""
        if how == "host":
            system.set_effects()
        elif how == "term":
            agent.close()
        else:
            agent.kill()
            self.agent(desktop=desktop)
        wait(lambda: not self.home.journal.exists())


class System(SystemAgent):
    """A system agent that speaks of effects to the last agent that registered, or to that of a session."""

    def of_session(self, session):
        return next((c[1] for c in reversed(self.of("Register")) if c[2] == session), None)

    def last(self, session=None):
        """What was last reported to be off; None if nothing was."""
        states = [c[2] for c in self.of("Report") if session is None or c[1] == self.of_session(session)]
        states = [s["effects-off"] for s in states if "effects-off" in s]
        return set(states[-1]) if states else None

    def tell(self, method, signature, value, session=None):
        name = wait(lambda: self.of_session(session)) if session else self.agent()
        return self.call(name, "/org/ovirt/GuestAgent1/SessionAgent", "org.ovirt.GuestAgent1.SessionAgent", method,
                         GLib.Variant(f"({signature})", (value,)))

    def set_effects(self, *off, session=None):
        """And wait until it is reported so."""
        assert self.tell("SetEffects", "as", list(off), session).wait() is None
        wait(lambda: self.last(session) == set(off), 10, f"{off} to be off")

    def set_console(self, connected):
        assert self.tell("SetConsole", "b", connected).wait() is None
