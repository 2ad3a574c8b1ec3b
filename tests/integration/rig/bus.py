# SPDX-License-Identifier: Apache-2.0
"""A private system bus with the policy as shipped, and a login manager on it that does what the case says."""

import os
import shutil
import signal
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from gi.repository import Gio, GLib

from .pace import until

SOURCES = Path(__file__).resolve().parents[3]
POLICIES = [SOURCES / f"dbus-interfaces/{name}.conf" for name in ("org.ovirt.GuestAgent1", "org.ovirt.vdsm.Credentials")]
INTERFACE_FILE = SOURCES / "dbus-interfaces/org.ovirt.GuestAgent1.xml"
CREDENTIALS_FILE = SOURCES / "dbus-interfaces/org.ovirt.vdsm.Credentials.xml"
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
# As the real one: it asks the desktop, and the hint is the desktop's to give.
_ASKS = f"""objects["{LOGIN1_PATH}/session/" + args[0]].EmitSignal("{LOGIN1}.Session", "%s", "", [])"""
_LOCKING = {"locks": _LOCKS, "ignores": "", "refuses": _REFUSES, "asks": _ASKS % "Lock"}
# The real one goes by control groups.
_BY_ENVIRONMENT = f"""try:
    text = open(f"/proc/{{args[0]}}/environ", "rb").read()
except OSError:
    text = b""
found = [v for v in text.split(b"\\0") if v.startswith(b"XDG_SESSION_ID=")]
ret = "{LOGIN1_PATH}/session/" + (found[0][15:].decode() if found else "")
if ret not in objects:
    {_NO_SESSION}"""

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
  <policy user="{user}">
    <allow own="org.freedesktop.login1"/>
  </policy>
  {policies}
{more}</busconfig>
"""
_SESSION_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{services}</servicedir>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>
"""
# What is started ends with us, however that comes, and not by a key that is meant for us.
_TIED = ["setpriv", "--pdeathsig", "TERM"]


def as_user(uid):
    """What to put before a command to run it as that user."""
    return [*_TIED] if uid == os.geteuid() else [*_TIED, f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


def start_daemon(configuration, uid, log=None, **environment):
    """A bus that takes connections; what it says goes to the file @log, or to where we say things."""
    daemon = subprocess.Popen(
        [*as_user(uid), "dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile", "--print-address"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
        env={**os.environ, **environment})
    assert daemon.stdout.readline().startswith(b"unix:"), f"no bus with {configuration}"
    return daemon


class Bus:
    """@more goes into its configuration; what daemon and clients say goes to the file @log."""

    def __init__(self, directory, start=True, more="", log=None):
        self._directory = Path(directory)
        self._log = log
        self._socket = self._directory / "bus"
        self._configuration = self._directory / "bus.conf"
        self._configuration.write_text(_CONFIGURATION.format(
            socket=self._socket, user=os.geteuid(), more=more,
            policies="".join(f"<include>{policy}</include>" for policy in POLICIES)))
        self.address = f"unix:path={self._socket}"
        self._daemon = None
        self._clients = []
        if start:
            self.start()

    def start(self):
        self._daemon = start_daemon(self._configuration, os.geteuid(), self._log)

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
        client = subprocess.Popen([*_TIED, *command], stdout=self._log, stderr=self._log, start_new_session=True,
                                  env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.address})
        self._clients.append(client)
        return client

    def connect(self):
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


class SessionBus:
    """The bus of one user, which starts @services when they are called; they have @environment besides."""

    def __init__(self, directory, uid=65534, log=None, services=(), **environment):
        home = Path(directory) / "user"
        home.mkdir()
        os.chown(home, uid, uid)
        configuration = home / "bus.conf"
        for service in services:
            shutil.copy(f"/usr/share/dbus-1/services/{service}.service", home)
        configuration.write_text(_SESSION_CONFIGURATION.format(socket=home / "bus", services=home))
        self.address = f"unix:path={home}/bus"
        self._daemon = start_daemon(configuration, uid, log, **environment)

    def connect(self):
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        connection = Gio.DBusConnection.new_for_address_sync(self.address, flags, None, None)
        connection.set_exit_on_close(False)
        self.connection = connection
        return self

    def close(self):
        if self._daemon:
            self._daemon.terminate()
            self._daemon.wait()
            self._daemon = None


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
        self._carry_out("UnlockSession", "s", "", _ASKS % "Unlock")
        self._carry_out("SetWallMessage", "sb", "", "")
        self._carry_out("ScheduleShutdown", "st", "", "")
        self.locking("locks")

    def _carry_out(self, method, arguments, answer, code):
        self._mock("", "AddMethod", "(sssss)", f"{LOGIN1}.Manager", method, arguments, answer, code)

    def locking(self, how):
        """What comes of LockSession: "locks", "ignores", "refuses" or "asks", which is up to the desktop."""
        self._carry_out("LockSession", "s", "", _LOCKING[how])

    def refuse(self, method):
        self._carry_out(method, "b", "", _REFUSES)

    def process_is_part_of(self, session):
        """Of every process."""
        self._carry_out("GetSessionByPID", "u", "o", f'ret = "{LOGIN1_PATH}/session/{session}"')

    def knows_processes(self):
        """By the environment that each was started with."""
        self._carry_out("GetSessionByPID", "u", "o", _BY_ENVIRONMENT)

    def unlock(self, session):
        """As when somebody has proved to be its user: its desktop is asked to unlock."""
        self._client.call(LOGIN1, LOGIN1_PATH, f"{LOGIN1}.Manager", "UnlockSession", GLib.Variant("(s)", (session,)))

    def sessions(self):
        """The ids of those that there are."""
        return [s[0] for s in self._client.call(LOGIN1, LOGIN1_PATH, f"{LOGIN1}.Manager", "ListSessions")[0]]

    def calls(self, *methods):
        """What it was asked to do so far, with these methods: (method, argument...)."""
        calls = self._client.call(LOGIN1, LOGIN1_PATH, _MOCK, "GetCalls")[0]
        return [(name, *arguments) for _, name, arguments in calls if name in methods]

    def _mock(self, path, method, signature, *arguments):
        return self._client.call(LOGIN1, LOGIN1_PATH + path, _MOCK, method, GLib.Variant(signature, arguments))

    def _add(self, path, interface, properties):
        self._mock("", "AddObject", "(ssa{sv}a(ssss))", LOGIN1_PATH + path, f"{LOGIN1}.{interface}", properties, [])

    def _signal(self, name, session, at=None):
        arguments = [GLib.Variant("s", session), GLib.Variant("o", f"{LOGIN1_PATH}/session/{at or session}")]
        self._mock("", "EmitSignal", "(sssav)", f"{LOGIN1}.Manager", name, "so", arguments)

    def add(self, session, user, seat="seat0", kind="user", state="online", remote=False, uid=65534, type_="wayland",
            locked=False, at=None):
        """Its object has its id for a name, or the name that is given."""
        self._add(f"/session/{at or session}", "Session", {
            "Id": GLib.Variant("s", session),
            "User": GLib.Variant("(uo)", (uid, f"{LOGIN1_PATH}/user/{uid}")),
            "Name": GLib.Variant("s", user),
            "Seat": GLib.Variant("(so)", (seat, f"{LOGIN1_PATH}/seat/{seat}" if seat else "/")),
            "Class": GLib.Variant("s", kind),
            "Type": GLib.Variant("s", type_),
            "LockedHint": GLib.Variant("b", locked),
            "State": GLib.Variant("s", state),
            "Remote": GLib.Variant("b", remote)})
        self._signal("SessionNew", session, at)

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
