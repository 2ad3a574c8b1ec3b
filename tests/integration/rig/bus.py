# SPDX-License-Identifier: Apache-2.0
"""A private system bus with the policy as shipped, and a login manager on it that does what the case says."""

import os
import signal
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from gi.repository import Gio, GLib

from .pace import until

SOURCES = Path(__file__).resolve().parents[3]
POLICY = SOURCES / "dbus-interfaces/org.ovirt.GuestAgent1.conf"
INTERFACE_FILE = SOURCES / "dbus-interfaces/org.ovirt.GuestAgent1.xml"
SESSION_FILE = SOURCES / "dbus-interfaces/org.ovirt.GuestAgent1.Session.xml"
NAME = "org.ovirt.GuestAgent1"
PATH = "/org/ovirt/GuestAgent1"
MANAGER = "org.ovirt.GuestAgent1.Manager"
SESSION = "org.ovirt.GuestAgent1.Session"
PROPERTIES = "org.freedesktop.DBus.Properties"
LOGIN1 = "org.freedesktop.login1"
LOGIN1_PATH = "/org/freedesktop/login1"
_MOCK = "org.freedesktop.DBus.Mock"
# What the login manager's methods do, for dbusmock.
_LOCKS = f"""objects["{LOGIN1_PATH}/session/" + args[0]].UpdateProperties(
    "{LOGIN1}.Session", {{"LockedHint": dbus.Boolean(True)}})"""
_ENDS = f"""path = "{LOGIN1_PATH}/session/" + args[0]
self.RemoveObject(path)
self.EmitSignal("{LOGIN1}.Manager", "SessionRemoved", "so", [args[0], dbus.ObjectPath(path)])"""
_REFUSES = "raise dbus.exceptions.DBusException('not today', name='org.freedesktop.DBus.Error.AccessDenied')"
_NO_SESSION = "raise dbus.exceptions.DBusException('none', name='org.freedesktop.login1.NoSessionForPID')"
_LOCKING = {"locks": _LOCKS, "ignores": "", "refuses": _REFUSES}

# What a system bus has in common everywhere: nobody owns or calls anything unless a policy file lets them.
_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
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
  <policy user="root">
    <allow own="org.freedesktop.login1"/>
  </policy>
  <include>{policy}</include>
</busconfig>
"""


class Bus:
    def __init__(self, directory, start=True):
        self._directory = Path(directory)
        self._socket = self._directory / "bus"
        self._configuration = self._directory / "bus.conf"
        self._configuration.write_text(_CONFIGURATION.format(socket=self._socket, policy=POLICY))
        self.address = f"unix:path={self._socket}"
        self._daemon = None
        self._clients = []
        if start:
            self.start()

    def start(self):
        self._daemon = subprocess.Popen(
            ["dbus-daemon", f"--config-file={self._configuration}", "--nofork", "--nopidfile", "--print-address"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert self._daemon.stdout.readline().startswith(b"unix:")

    def stop(self):
        """Ends the daemon, and with it every connection."""
        for client in self._clients:
            client.terminate()
            client.wait()
        self._clients.clear()
        self._daemon.send_signal(signal.SIGCONT)
        self._daemon.terminate()
        self._daemon.wait()
        self._daemon = None
        self._socket.unlink(missing_ok=True)

    def close(self):
        if self._daemon:
            self.stop()

    def freeze(self):
        self._daemon.send_signal(signal.SIGSTOP)

    def thaw(self):
        self._daemon.send_signal(signal.SIGCONT)

    def run(self, *command):
        """A client that ends with the bus."""
        client = subprocess.Popen(command, env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address})
        self._clients.append(client)
        return client

    def connect(self, uid=0):
        """A connection by that user."""
        os.seteuid(uid)
        try:
            return self._connect()
        finally:
            os.seteuid(0)

    def _connect(self):
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        connection = Gio.DBusConnection.new_for_address_sync(self.address, flags, None, None)
        connection.set_exit_on_close(False)
        return Client(connection)

    def as_nobody(self, *words):
        """busctl by a user without privileges, to the agent: the finished process."""
        return subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "busctl", f"--address={self.address}",
             *words], stdin=subprocess.DEVNULL, capture_output=True, text=True)


class Client:
    """A connection to the bus."""

    def __init__(self, connection):
        self.connection = connection
        self.changes = []

    def call(self, name, path, interface, method, arguments=None):
        reply = self.connection.call_sync(name, path, interface, method, arguments, None, Gio.DBusCallFlags.NONE,
                                          5000, None)
        return reply.unpack()

    def has_owner(self, name):
        return self.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                         GLib.Variant("(s)", (name,)))[0]

    def manager(self, method, arguments=None):
        return self.call(NAME, PATH, MANAGER, method, arguments)

    def get(self, name):
        return self.call(NAME, PATH, PROPERTIES, "Get", GLib.Variant("(ss)", (MANAGER, name)))[0]

    def watch(self):
        """From now on the agent's changes of properties are found in changes, as (name, value)."""
        def on_signal(_connection, _sender, _path, _interface, _signal, parameters):
            _, changed, invalidated = parameters.unpack()
            assert not invalidated
            self.changes.extend(changed.items())
        self.connection.signal_subscribe(NAME, PROPERTIES, "PropertiesChanged", PATH, MANAGER,
                                         Gio.DBusSignalFlags.NONE, on_signal)

    def wait_change(self, condition, within=2):
        def check():
            while GLib.MainContext.default().iteration(False):
                pass
            return condition(self.changes)
        return until(check, within, "a change of properties")


class LoginManager:
    """dbusmock's login manager, with sessions added, changed and removed as they are by the real one."""

    def __init__(self, bus):
        self._bus = bus
        self._client = bus.connect()
        self.start()

    def stop(self):
        """What it knew is forgotten with it."""
        self._process.terminate()
        self._process.wait()
        until(lambda: not self._client.has_owner(LOGIN1), what="the login manager to end")

    def start(self):
        self._process = self._bus.run("/usr/bin/python3", "-m", "dbusmock", "--system", "--template", "logind")
        until(lambda: self._client.has_owner(LOGIN1), what="the login manager")
        for seat in "seat0", "seat1":
            self._add(f"/seat/{seat}", "Seat", {"ActiveSession": GLib.Variant("(so)", ("", "/"))})
        self._carry_out("TerminateSession", "s", "", _ENDS)
        self._carry_out("GetSessionByPID", "u", "o", _NO_SESSION)
        self._carry_out("SetWallMessage", "sb", "", "")
        self._carry_out("ScheduleShutdown", "st", "", "")
        self.locking("locks")

    def _carry_out(self, method, arguments, answer, code):
        self._mock("", "AddMethod", "(sssss)", f"{LOGIN1}.Manager", method, arguments, answer, code)

    def locking(self, how):
        """What comes of LockSession: "locks", "ignores" or "refuses"."""
        self._carry_out("LockSession", "s", "", _LOCKING[how])

    def refuse(self, method):
        self._carry_out(method, "b", "", _REFUSES)

    def process_is_part_of(self, session):
        """Of every process."""
        self._carry_out("GetSessionByPID", "u", "o", f'ret = "{LOGIN1_PATH}/session/{session}"')

    def calls(self, *methods):
        """What it was asked to do so far, with these methods: (method, argument...)."""
        calls = self._client.call(LOGIN1, LOGIN1_PATH, _MOCK, "GetCalls")[0]
        return [(name, *arguments) for _, name, arguments in calls if name in methods]

    def _mock(self, path, method, signature, *arguments):
        return self._client.call(LOGIN1, LOGIN1_PATH + path, _MOCK, method, GLib.Variant(signature, arguments))

    def _add(self, path, interface, properties):
        self._mock("", "AddObject", "(ssa{sv}a(ssss))", LOGIN1_PATH + path, f"{LOGIN1}.{interface}", properties, [])

    def _signal(self, name, session):
        arguments = [GLib.Variant("s", session), GLib.Variant("o", f"{LOGIN1_PATH}/session/{session}")]
        self._mock("", "EmitSignal", "(sssav)", f"{LOGIN1}.Manager", name, "so", arguments)

    def add(self, session, user, seat="seat0", kind="user", state="online", remote=False, uid=65534, type_="wayland",
            locked=False):
        self._add(f"/session/{session}", "Session", {
            "Id": GLib.Variant("s", session),
            "User": GLib.Variant("(uo)", (uid, f"{LOGIN1_PATH}/user/{uid}")),
            "Name": GLib.Variant("s", user),
            "Seat": GLib.Variant("(so)", (seat, f"{LOGIN1_PATH}/seat/{seat}" if seat else "/")),
            "Class": GLib.Variant("s", kind),
            "Type": GLib.Variant("s", type_),
            "LockedHint": GLib.Variant("b", locked),
            "State": GLib.Variant("s", state),
            "Remote": GLib.Variant("b", remote)})
        self._signal("SessionNew", session)

    def change(self, session, **properties):
        values = {k: GLib.Variant("b" if isinstance(v, bool) else "s", v) for k, v in properties.items()}
        self._mock(f"/session/{session}", "UpdateProperties", "(sa{sv})", f"{LOGIN1}.Session", values)

    def remove(self, session):
        self._mock("", "RemoveObject", "(s)", f"{LOGIN1_PATH}/session/{session}")
        self._signal("SessionRemoved", session)

    def activate(self, session, seat="seat0"):
        """Whose session the seat shows; "" for none."""
        value = (session, f"{LOGIN1_PATH}/session/{session}" if session else "/")
        self._client.call(LOGIN1, f"{LOGIN1_PATH}/seat/{seat}", PROPERTIES, "Set", GLib.Variant(
            "(ssv)", (f"{LOGIN1}.Seat", "ActiveSession", GLib.Variant("(so)", value))))

    def answer_wrongly(self):
        """Lists sessions in a form that is not the login manager's."""
        self._mock("", "AddMethod", "(sssss)", f"{LOGIN1}.Manager", "ListSessions", "", "as", "ret = ['x']")


def structure(xml, name=MANAGER):
    """What the description of an interface says, without prose, order and sd-bus's own annotations: a set of
    tuples."""
    node = ElementTree.fromstring(xml)
    interface = next(i for i in node.iter("interface") if i.get("name") == name)
    found = set()
    for member in interface:
        arguments = tuple((a.get("type"), a.get("direction", "in")) for a in member.findall("arg"))
        annotations = tuple(sorted((a.get("name"), a.get("value")) for a in member.findall("annotation")
                                   if not a.get("name").startswith("org.freedesktop.systemd1.")))
        found.add((member.tag, member.get("name"), member.get("type"), member.get("access"), arguments, annotations))
    return found
