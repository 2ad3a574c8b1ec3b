# SPDX-License-Identifier: Apache-2.0
"""A user's program on the system bus, which may be the agent of a session: a process of its own, that has no more rights
than its user. It answers at any time, by itself."""

import itertools
import json
import os
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from gi.repository import Gio, GLib

from .bus import MANAGER, NAME, PATH
from .pace import scaled
from .strangers import AGENT_INTERFACE, AGENT_PATH, parse

__all__ = ["AGENT_INTERFACE", "AGENT_PATH", "USER", "Caller", "Refused", "error_of", "members"]
USER = 65534
_ANSWER = 15    # seconds


def members(values):
    """A GVariant of type a{sv}; values may be variants already."""
    def variant(v):
        return v if isinstance(v, GLib.Variant) else GLib.Variant("b" if isinstance(v, bool) else "s", v)
    return {k: variant(v) for k, v in values.items()}


class Refused(Exception):
    """The answer is a D-Bus error."""
    def __init__(self, name, message):
        super().__init__(message)
        self.name = name


def error_of(call, *arguments, **named):
    """The name of the D-Bus error that the call ends with, or None."""
    try:
        call(*arguments, **named)
    except Refused as e:
        return e.name or str(e)
    except GLib.Error as e:
        return Gio.DBusError.get_remote_error(e) or e.message
    return None


class _Makers:
    """The process that makes the strangers; it ends with this one."""
    socket = None

    @classmethod
    def make(cls, theirs, **stranger):
        if not cls.socket:
            cls.socket, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            subprocess.Popen(["/usr/bin/python3", Path(__file__).with_name("strangers.py")], stdin=end)
            end.close()
        socket.send_fds(cls.socket, [json.dumps(stranger).encode()], [theirs.fileno()])
        theirs.close()


class Caller:
    """With how="obeys" it does what it is asked by calling @act, "refuses" answers with an error, "never" does not
    answer, "late" does when the case says answer(), "dies" is gone before it could."""

    def __init__(self, bus, uid=USER, how="obeys", act=lambda _caller, _method: None):
        self._how, self._act = how, act
        self.calls = []     # (time, method)
        self._socket, theirs = socket.socketpair()
        _Makers.make(theirs, uid=uid, address=bus.address, how=how)
        self._numbers, self._sending = itertools.count(), threading.Lock()
        self._answers, self._news = {}, threading.Condition()
        self._held, self._acts = [], []
        self._lines = self._socket.makefile(errors="replace")
        hello = json.loads(self._lines.readline())
        self.name, self.pid = hello["name"], hello["pid"]
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self._lines:
            said = json.loads(line)
            with self._news:
                if "asked" in said:
                    self._on_asked(said["asked"], said["number"])
                else:
                    self._answers[said["number"]] = said
                self._news.notify_all()
        with self._news:
            self._answers = None
            self._news.notify_all()

    def _on_asked(self, method, number):
        self.calls.append((time.monotonic(), method))
        if self._how == "late":
            self._held.append(number)
        elif self._how == "obeys":
            # It may itself want to call.
            self._acts.append(threading.Thread(target=self._obey, args=(method, number)))
            self._acts[-1].start()

    def _obey(self, method, number):
        self._act(self, method)
        self._tell(do="answer", number=number)

    def _tell(self, **told):
        with self._sending:
            self._socket.sendall(json.dumps(told).encode() + b"\n")

    def _do(self, do, *to, arguments=None, **more):
        number = next(self._numbers)
        self._tell(do=do, number=number, to=to, arguments=None if arguments is None else arguments.print_(True), **more)
        with self._news:
            self._news.wait_for(lambda: self._answers is None or number in self._answers, scaled(_ANSWER))
            said = self._answers.pop(number)
        if "error" in said:
            raise Refused(*said["error"])
        return parse(said["answer"]).unpack()

    def call(self, name, path, interface, method, arguments=None):
        return self._do("call", name, path, interface, method, arguments=arguments)

    def emit(self, path, interface, signal_name, arguments):
        self._do("emit", path, interface, signal_name, arguments=arguments)

    def _manager(self, method, signature="()", *arguments):
        return self.call(NAME, PATH, MANAGER, method, GLib.Variant(signature, arguments))

    def asked(self):
        return [method for _, method in self.calls]

    def answer(self):
        """What was asked before."""
        for number in self._held:
            self._tell(do="answer", number=number)
        self._held.clear()

    def register(self, session, **offer):
        """The path of the session's object."""
        return self._manager("Register", "(sa{sv})", session, members(offer))[0]

    def unregister(self):
        self._manager("Unregister")

    def report(self, **state):
        self._manager("Report", "(a{sv})", members(state))

    def begin_register(self, session, times=1):
        """Does not wait for answers."""
        self._do("send", NAME, PATH, MANAGER, "Register", times=times,
                 arguments=GLib.Variant("(sa{sv})", (session, {})))

    def flood(self, method, signature, *arguments):
        """Calls as fast as it can until it ends."""
        self._do("flood", NAME, PATH, MANAGER, method, arguments=GLib.Variant(signature, arguments))

    def kill(self):
        """Without a word."""
        os.kill(self.pid, signal.SIGKILL)
        self.close()

    def close(self):
        """Leaves the bus, at once."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass    # it has left
        self._reader.join()
        for act in self._acts:
            if act is not threading.current_thread():
                act.join()
        self._lines.close()
        self._socket.close()
