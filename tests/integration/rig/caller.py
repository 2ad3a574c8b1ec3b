# SPDX-License-Identifier: Apache-2.0
"""A user's program on the system bus, which may be the agent of a session. It answers at any time, by itself."""

import threading
import time

from gi.repository import Gio, GLib

from .bus import MANAGER, NAME, PATH

AGENT_PATH = "/org/ovirt/GuestAgent1/SessionAgent"
AGENT_INTERFACE = "org.ovirt.GuestAgent1.SessionAgent"
USER = 65534
_NODE = Gio.DBusNodeInfo.new_for_xml(
    f'<node><interface name="{AGENT_INTERFACE}"><method name="Lock"/><method name="Logout"/></interface></node>')


def members(values):
    """A GVariant of type a{sv}; values may be variants already."""
    def variant(v):
        return v if isinstance(v, GLib.Variant) else GLib.Variant("b" if isinstance(v, bool) else "s", v)
    return {k: variant(v) for k, v in values.items()}


def error_of(call, *arguments, **named):
    """The name of the D-Bus error that the call ends with, or None."""
    try:
        call(*arguments, **named)
    except GLib.Error as e:
        return Gio.DBusError.get_remote_error(e) or e.message
    return None


class Caller:
    """With how="obeys" it does what it is asked by calling @act, "refuses" answers with an error, "never" does not
    answer."""

    def __init__(self, bus, uid=USER, how="obeys", act=lambda _caller, _method: None):
        self._client = bus.connect(uid)
        self._connection = self._client.connection
        self.name = self._connection.get_unique_name()
        self.how, self.act = how, act
        self.calls = []     # (time, method)
        self._loop = GLib.MainLoop(GLib.MainContext())
        ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(ready,))
        self._thread.start()
        ready.wait()

    def _serve(self, ready):
        context = self._loop.get_context()
        context.push_thread_default()
        self._connection.register_object(AGENT_PATH, _NODE.interfaces[0], self._on_call, None, None)
        ready.set()
        self._loop.run()
        context.pop_thread_default()

    def _on_call(self, _connection, _sender, _path, _interface, method, _arguments, invocation):
        self.calls.append((time.monotonic(), method))
        if self.how == "obeys":
            self.act(self, method)
            invocation.return_value(None)
        elif self.how == "refuses":
            invocation.return_dbus_error("org.freedesktop.DBus.Error.NotSupported", "no means")

    def asked(self):
        return [method for _, method in self.calls]

    def register(self, session, **offer):
        """The path of the session's object."""
        return self._client.manager("Register", GLib.Variant("(sa{sv})", (session, members(offer))))[0]

    def unregister(self):
        self._client.manager("Unregister")

    def report(self, **state):
        self._client.manager("Report", GLib.Variant("(a{sv})", (members(state),)))

    def call(self, *arguments):
        return self._client.call(*arguments)

    def begin(self, method, arguments):
        """A call whose answer nobody waits for."""
        message = Gio.DBusMessage.new_method_call(NAME, PATH, MANAGER, method)
        message.set_body(arguments)
        self._connection.send_message(message, Gio.DBusSendMessageFlags.NONE)
        self._connection.flush_sync()

    def begin_register(self, session):
        self.begin("Register", GLib.Variant("(sa{sv})", (session, {})))

    def close(self):
        """Leaves the bus, at once."""
        if not self._connection.is_closed():
            self._connection.close_sync()
        # In the loop: it may not have begun to run.
        leave = GLib.Idle()
        leave.set_callback(lambda *_: self._loop.quit())
        leave.attach(self._loop.get_context())
        self._thread.join()
