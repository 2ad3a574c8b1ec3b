# SPDX-License-Identifier: Apache-2.0
"""An agent on the bus with some sessions, at which session agents register."""

from gi.repository import Gio, GLib

from .agent import PORT
from .bus import NAME, PATH, PROPERTIES, SESSION, LoginManager
from .caller import USER, Caller
from .pace import until

MANAGER_OF_OBJECTS = "org.freedesktop.DBus.ObjectManager"
MINE = PATH + "/session/_31"
OTHER = 1    # another user; the bus wants to know each


def refusal(name):
    return f"{NAME}.Error.{name}"


class Door:
    """An agent on the bus with some sessions, and those who knock."""

    def __init__(self, party, bus, host=False):
        self.party, self.bus = party, bus
        self.logins = LoginManager(bus)
        self.logins.add("1", "alice")
        self.logins.add("2", "alice")
        self.logins.add("3", "bob", uid=OTHER, seat="", remote=True)
        self.logins.add("m", "alice", kind="manager", seat="")
        self.logins.add("c", "alice", state="closing")
        self.logins.activate("1")
        if host:
            self.host, self.agent = party.settled(guest=party.guest(), bus=bus)
        else:
            self.agent = party.agent("--port", f"{PORT}={party.directory}/none", bus=bus)
        self.root = bus.connect()
        until(lambda: self.root.has_owner(NAME), what="the agent's name")
        until(lambda: MINE in self.objects(), what="the sessions")

    def caller(self, uid=USER, **options):
        return self.party.keep(Caller(self.bus, uid, **options))

    def objects(self):
        return self.root.call(NAME, PATH, MANAGER_OF_OBJECTS, "GetManagedObjects")[0]

    def get(self, name, path=MINE):
        return self.root.call(NAME, path, PROPERTIES, "Get", GLib.Variant("(ss)", (SESSION, name)))[0]


class Watch:
    """The signals of the agent's, from here on: (interface, signal, arguments)."""

    def __init__(self, bus):
        self._connection = bus.connect().connection
        self.seen = []
        self._connection.signal_subscribe(NAME, None, None, None, None, Gio.DBusSignalFlags.NONE, self._on_signal)
        # What was subscribed to is in force once the bus has answered something else.
        self._connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId",
                                   None, None, Gio.DBusCallFlags.NONE, 5000, None)

    def _on_signal(self, _connection, _sender, path, interface, signal, arguments):
        self.seen.append((path, interface, signal, arguments.unpack()))

    def look(self):
        while GLib.MainContext.default().iteration(False):
            pass

    def wait(self, condition, within=2):
        """The first signal that fits."""
        def check():
            self.look()
            return next((s for s in self.seen if condition(*s)), None)
        return until(check, within, "a signal")

    def changed(self, name, value, path=MINE):
        self.wait(lambda p, _i, signal, a: p == path and signal == "PropertiesChanged" and a[0] == SESSION
                  and a[1].get(name) == value)
