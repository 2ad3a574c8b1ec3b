# SPDX-License-Identifier: Apache-2.0
"""Programs of ordinary users on the system bus. Started by root with a socket as its standard input, it makes a process
of each user that is asked for there; the process connects to the bus and does what it is told through a socket of its
own, in lines of JSON, until that is closed. What it says and hears on the bus are texts of GVariants."""

import json
import os
import signal
import socket

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

AGENT_PATH = "/org/ovirt/GuestAgent1/SessionAgent"
AGENT_INTERFACE = "org.ovirt.GuestAgent1.SessionAgent"
_NODE = f'<node><interface name="{AGENT_INTERFACE}"><method name="Lock"/><method name="Logout"/></interface></node>'


def parse(text):
    return None if text is None else GLib.Variant.parse(None, text, None, None)


class Stranger:
    """Asked by the system agent, it "obeys" once the case lets it, "refuses", answers "never", or "dies" of it."""

    def __init__(self, control, uid, address, how):
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        self._control, self._how, self._asked, self._told = control, how, {}, b""
        flags = Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION
        self._bus = Gio.DBusConnection.new_for_address_sync(address, flags, None, None)
        self._bus.set_exit_on_close(False)
        self._bus.register_object(AGENT_PATH, Gio.DBusNodeInfo.new_for_xml(_NODE).interfaces[0], self._on_asked,
                                  None, None)
        self._say(name=self._bus.get_unique_name(), pid=os.getpid())

    def run(self):
        GLib.io_add_watch(self._control.fileno(), GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, self._on_told)
        GLib.MainLoop().run()

    def _say(self, **members):
        self._control.sendall(json.dumps(members).encode() + b"\n")

    def _on_told(self, _fd, _condition):
        data = self._control.recv(1 << 20)
        if not data:
            os._exit(0)     # as it stands, like a process that is killed
        *lines, self._told = (self._told + data).split(b"\n")
        for line in lines:
            told = json.loads(line)
            getattr(self, "_do_" + told.pop("do"))(**told)
        return True

    def _on_asked(self, _bus, _sender, _path, _interface, method, _arguments, invocation):
        number = len(self._asked)
        self._asked[number] = invocation
        if self._how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if self._how == "refuses":
            invocation.return_dbus_error("org.freedesktop.DBus.Error.NotSupported", "no means\n" + "x" * 100000)
        self._say(asked=method, number=number)

    def _do_answer(self, number):
        self._asked[number].return_value(None)

    def _do_call(self, number, to, arguments):
        def on_answer(bus, result):
            try:
                self._say(number=number, answer=bus.call_finish(result).print_(True))
            except GLib.Error as e:
                self._say(number=number, error=[Gio.DBusError.get_remote_error(e) or "", e.message])
        self._bus.call(*to, parse(arguments), None, Gio.DBusCallFlags.NONE, 10000, None, on_answer)

    def _send(self, to, arguments, times):
        """Calls whose answers nobody waits for."""
        for _ in range(times):
            message = Gio.DBusMessage.new_method_call(*to)
            message.set_body(arguments)
            self._bus.send_message(message, Gio.DBusSendMessageFlags.NONE)
        self._bus.flush_sync(None)

    def _do_send(self, number, to, arguments, times):
        self._send(to, parse(arguments), times)
        self._say(number=number, answer="()")

    def _do_flood(self, number, to, arguments):
        """From now on, for as long as it lives."""
        arguments = parse(arguments)

        def some():
            self._send(to, arguments, 100)
            return True
        GLib.idle_add(some)
        self._say(number=number, answer="()")

    def _do_emit(self, number, to, arguments):
        self._bus.emit_signal(None, *to, parse(arguments))
        self._bus.flush_sync(None)
        self._say(number=number, answer="()")


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)   # nobody waits for them
    server = socket.socket(fileno=0)
    while True:
        data, descriptors, _, _ = socket.recv_fds(server, 4096, 1)
        if not data:
            return
        if os.fork() == 0:
            server.close()
            Stranger(socket.socket(fileno=descriptors[0]), **json.loads(data)).run()
        os.close(descriptors[0])


if __name__ == "__main__":
    main()
