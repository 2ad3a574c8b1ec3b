# SPDX-License-Identifier: Apache-2.0
"""What a session agent lives among, played by the case: the user's bus with a desktop on it, and on the system bus
a login manager and a system agent. They answer while the case waits with wait()."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from gi.repository import Gio, GLib

from .bus import LOGIN1, LOGIN1_PATH, MANAGER, NAME, PATH, SOURCES
from .pace import WRAPPER, scaled, until

PROGRAM = os.environ["OVIRT_SESSION_AGENT"]
USER = 65534
AGENT_PATH = "/org/ovirt/GuestAgent1/SessionAgent"
AGENT_INTERFACE = "org.ovirt.GuestAgent1.SessionAgent"
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
NEVER = object()

_LOGIN1_XML = f"""<node>
  <interface name="{LOGIN1}.Manager">
    <method name="GetSession"><arg type="s" direction="in"/><arg type="o" direction="out"/></method>
    <method name="GetSessionByPID"><arg type="u" direction="in"/><arg type="o" direction="out"/></method>
    <signal name="SessionRemoved"><arg type="s"/><arg type="o"/></signal>
  </interface>
  <interface name="{LOGIN1}.Session">
    <property name="Id" type="s" access="read"/>
    <property name="User" type="(uo)" access="read"/>
    <property name="State" type="s" access="read"/>
    <property name="Leader" type="u" access="read"/>
  </interface>
</node>"""


def wait(condition, within=5, what="a condition"):
    def check():
        while GLib.MainContext.default().iteration(False):
            pass
        return condition()
    return until(check, within, what)


def wait_while(condition, seconds):
    """The condition holds for so long."""
    end = time.monotonic() + seconds

    def check():
        assert condition()
        return time.monotonic() > end
    wait(check, seconds + 1)


class Error(Exception):
    """What a method answers if it raises this."""
    def __init__(self, name, message="it is so"):
        super().__init__(message)
        self.name = name


class Peer:
    """A connection to a bus that exports objects: each method is a function of the arguments and the sender."""

    def __init__(self, bus):
        self.connection = bus.connect().connection

    def export(self, path, interface, methods=None, properties=None):
        def on_call(_connection, sender, _path, _interface, method, arguments, invocation):
            try:
                answer = methods[method](sender, *arguments.unpack())
            except Error as e:
                invocation.return_dbus_error(e.name, str(e))
            else:
                if answer is not NEVER:
                    invocation.return_value(answer)

        def on_get(_connection, _sender, _path, _interface, name):
            return properties()[name]
        self.connection.register_object(path, interface, on_call, on_get, None)

    def own(self, name, flags=4):
        """Flags: 1 lets others replace the owner, 2 does, 4 does not wait."""
        answer = self.connection.call_sync(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
            GLib.Variant("(su)", (name, flags)), None, Gio.DBusCallFlags.NONE, 5000, None)
        assert answer.unpack() == (1,)

    def emit(self, path, interface, signal_name, arguments):
        self.connection.emit_signal(None, path, interface, signal_name, arguments)

    def call(self, name, path, interface, method, arguments=None):
        """A call under way."""
        return Call(self.connection, name, path, interface, method, arguments)

    def close(self):
        if not self.connection.is_closed():
            self.connection.close_sync(None)


class Call:
    def __init__(self, connection, *target):
        self.error = self.answer = self.message = None
        self._start = time.monotonic()
        self.seconds = None
        connection.call(*target, None, Gio.DBusCallFlags.NO_AUTO_START, 20000, None, self._on_answer)

    def _on_answer(self, connection, result):
        self.seconds = time.monotonic() - self._start
        try:
            self.answer = connection.call_finish(result).unpack()
        except GLib.Error as e:
            self.error, self.message = Gio.DBusError.get_remote_error(e) or e.message, e.message

    def wait(self, within=5):
        """The name of the error, or None."""
        wait(lambda: self.seconds is not None, within, "the answer")
        return self.error


class LoginManager(Peer):
    """With session 2 of our user, who looks at it; its leader is a process of the case's."""

    def __init__(self, bus):
        super().__init__(bus)
        self.leader = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
        self.shown = "s2"
        self.sessions = {}
        self.case = None    # the session that the case is part of; its lockers are, too
        self.add("s2")
        node = Gio.DBusNodeInfo.new_for_xml(_LOGIN1_XML)
        self.export(LOGIN1_PATH, node.interfaces[0], {"GetSession": self._get, "GetSessionByPID": self._get_by_pid})
        for session in ("s1", "s2", "s3", "s4"):
            self.export(f"{LOGIN1_PATH}/session/{session}", node.interfaces[1],
                        properties=lambda session=session: self.sessions[session])
        self.own(LOGIN1)

    def add(self, session, uid=USER, state="active", **more):
        self.sessions[session] = {
            "Id": GLib.Variant("s", more.get("id", session)), "User": GLib.Variant("(uo)", (uid, "/")),
            "State": GLib.Variant("s", state), "Leader": GLib.Variant("u", self.leader.pid)}

    def _get(self, _sender, session):
        session = self.shown if session == "auto" else session
        if session not in self.sessions:
            raise Error(f"{LOGIN1}.NoSuchSession")
        return GLib.Variant("(o)", (f"{LOGIN1_PATH}/session/{session}",))

    def _get_by_pid(self, _sender, pid):
        if pid != os.getpid() or not self.case:
            raise Error(f"{LOGIN1}.NoSessionForPID")
        return self._get(None, self.case)

    def remove(self, session):
        self.sessions.pop(session, None)
        self.emit(LOGIN1_PATH, f"{LOGIN1}.Manager", "SessionRemoved",
                  GLib.Variant("(so)", (session, f"{LOGIN1_PATH}/session/{session}")))

    def end_leader(self):
        self.leader.stdin.close()
        self.leader.wait()

    def close(self):
        super().close()
        if self.leader.returncode is None:
            self.end_leader()


class SystemAgent(Peer):
    """Takes every registration, unless refuse says with which error it does not."""

    def __init__(self, bus, refuse=None, flags=4):
        super().__init__(bus)
        self.refuse, self.calls = refuse, []
        xml = (SOURCES / "dbus-interfaces/org.ovirt.GuestAgent1.xml").read_text()
        interface = Gio.DBusNodeInfo.new_for_xml(xml).lookup_interface(MANAGER)
        self.export(PATH, interface, {"Register": self._register, "Unregister": self._unregister,
                                      "Report": self._report})
        self.own(NAME, flags)

    def _take(self, method, sender, *arguments):
        self.calls.append((method, sender, *arguments))
        refusal = self.refuse(method) if callable(self.refuse) else self.refuse
        if refusal is NEVER:
            return NEVER
        if refusal:
            raise Error(refusal)
        return None

    def _register(self, sender, session, offer):
        return self._take("Register", sender, session, offer) \
            or GLib.Variant("(o)", (f"{PATH}/session/{session}",))

    def _unregister(self, sender):
        return self._take("Unregister", sender)

    def _report(self, sender, state):
        return self._take("Report", sender, state)

    def of(self, method):
        return [c for c in self.calls if c[0] == method]

    @property
    def offer(self):
        """The last one."""
        return self.of("Register")[-1][3]

    @property
    def states(self):
        return [c[2] for c in self.of("Report")]

    def agent(self, within=5):
        """The unique name of the one that has registered."""
        wait(lambda: self.of("Register"), within, "a registration")
        return self.of("Register")[-1][1]

    def ask(self, method):
        return self.call(self.agent(), AGENT_PATH, AGENT_INTERFACE, method)


class Locker(Peer):
    """The locker of a desktop. With how="never" its Lock does nothing and never answers, with "silent" it locks and
    never answers, with "refuses" it fails."""

    def __init__(self, bus, name="org.mate.ScreenSaver", interface=None, signature="", active=False, how="locks"):
        super().__init__(bus)
        self.interface = interface or name
        self.path = "/" + self.interface.replace(".", "/")
        self.active, self.how, self.locks = active, how, []
        argument = f'<arg type="{signature}" direction="in"/>' if signature else ""
        node = Gio.DBusNodeInfo.new_for_xml(f"""<node><interface name="{self.interface}">
            <method name="Lock">{argument}</method>
            <method name="GetActive"><arg type="b" direction="out"/></method>
            <signal name="ActiveChanged"><arg type="b"/></signal></interface></node>""")
        self.export(self.path, node.interfaces[0], {
            "Lock": self._lock, "GetActive": lambda _sender: GLib.Variant("(b)", (self.active,))})
        self.own(name)

    def _lock(self, _sender, *arguments):
        self.locks.append(arguments)
        if self.how == "never":
            return NEVER
        if self.how == "refuses":
            raise Error("org.example.No", "the administrator forbids it")
        self.set_active(True)
        return NEVER if self.how == "silent" else None

    def set_active(self, active):
        self.active = active
        self.emit(self.path, self.interface, "ActiveChanged", GLib.Variant("(b)", (active,)))


class SessionManager(Peer):
    def __init__(self, bus, name, path, interface, method, signature, also=()):
        super().__init__(bus)
        self.logouts = []
        arguments = "".join(f'<arg type="{c}" direction="in"/>' for c in signature)
        node = Gio.DBusNodeInfo.new_for_xml(
            f'<node><interface name="{interface}"><method name="{method}">{arguments}</method></interface></node>')

        def log_out(_sender, *given):
            self.logouts.append(given)
        self.export(path, node.interfaces[0], {method: log_out})
        for n in (name, *also):
            self.own(n)


class Agent:
    """A session agent, as the process of an ordinary user."""

    def __init__(self, directory, system_bus, session_bus, *options, wrapper=(), **environment):
        self._log = Path(directory) / f"session-agent-{time.monotonic_ns()}.log"
        program = Path(directory) / "ovirt-session-agent"   # where any user may start it
        if not program.exists():
            shutil.copy(PROGRAM, program)
        address = getattr(session_bus, "address", session_bus)
        self._may_die = bool(wrapper)
        home = Path(directory) / "home"
        if not home.exists():
            home.mkdir()
            os.chown(home, USER, USER)
        settings = {"DBUS_SYSTEM_BUS_ADDRESS": system_bus.address, "DBUS_SESSION_BUS_ADDRESS": address,
                    "HOME": str(home), "G_DEBUG": "fatal-criticals", **environment}
        base = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "DBUS_"))
                and k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        with open(self._log, "wb") as log:
            self.process = subprocess.Popen([*AS_USER, *wrapper, *WRAPPER, program, *options], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env={**base, **settings})

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process.poll() is None

    def log(self, pattern=""):
        return [line for line in self._log.read_text(errors="replace").splitlines()
                if line.strip() and not re.match("--[0-9]+--", line) and re.search(pattern, line)]    # valgrind's

    def wait_exit(self, within=5):
        """The exit status."""
        wait(lambda: not self.running, within, "the session agent to exit")
        return self.process.returncode

    def wake_ups(self):
        """How often its threads have waited for something, so far."""
        return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", task.joinpath("status").read_text(), re.M)[1])
                   for task in Path(f"/proc/{self.pid}/task").iterdir())

    def private_kib(self):
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return sum(int(n) for n in re.findall(r"^Private_(?:Clean|Dirty):\s+(\d+) kB", text, re.M))

    def kill(self):
        self._may_die = True
        self.process.kill()
        self.process.wait()

    def close(self):
        """What still runs must end well."""
        try:
            if self.running:
                self.process.send_signal(signal.SIGTERM)
                assert self.process.wait(scaled(3)) == 0
            assert self._may_die or self.process.returncode in (0, 1, 2, 3)
        finally:
            if self.running:
                self.process.kill()
                self.process.wait()
            print(self._log.read_text(errors="replace"))
