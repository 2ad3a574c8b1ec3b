# SPDX-License-Identifier: Apache-2.0
"""What a command does, whoever gives it; and the console without a screen: a log of lines, a script, or both."""

import contextlib
import getpass
import os
import sys

from . import commands, expect
from .commands import CommandError
from .events import printable
from .host import NotConnected
from .render import Table

OK, FAILED, USAGE, NO_LINK = 0, 1, 2, 3
# Sent all the same, for tests: VDSM itself refuses below these versions.
NEEDS = {"set-number-of-cpus": 1, "lifecycle-event": 3}


class Quit(Exception):
    """The quit command."""


class Console:
    """The commands; subclasses say how things are shown, and how one waits."""

    def __init__(self, host, raw=False):
        self.host = host
        self.raw = raw

    def execute(self, line):
        """Run one typed line; CommandError, ExpectError or NotConnected if it cannot be."""
        action = commands.parse(line)
        if action is None:
            return
        if action.kind == "secret":
            self.ask_password(action.value)
        elif action.kind == "call":
            action.value(self)
        elif action.kind == "bytes":
            self.host.send_bytes(action.value)
        elif action.kind == "message":
            self.host.send(action.value)
            needed = NEEDS.get(action.name, 0)
            if self.host.vdsm.effective < needed:
                self.host.note(f"VDSM would not send {action.name} below version {needed}")
        else:
            self._console(action.name, action.value)

    def _console(self, name, args):
        host = self.host
        if name == "refresh":
            host.send("refresh")
        elif name == "raw":
            self.raw = args[0] == "on"
        elif name == "pause":
            host.pause()
            host.note("not reading any more")
        elif name == "resume":
            host.resume()
            host.note("reading again")
        elif name in ("disconnect", "connect", "skip"):
            getattr(host, name)()
        elif name == "quit":
            raise Quit
        elif name in ("expect", "expect-none"):
            self.expect(expect.parse(args[0], negative=name == "expect-none"))
        elif name == "wait":
            self.wait(args[0])
        elif name == "help":
            self.show_help(args[0])
        elif name == "view":
            self.show_view()
        elif name == "log":
            self.show_log(args[0])

    def show_help(self, name):
        self.show(commands.help_text(name))

    def event_text(self, event):
        """The event as its line, or None where it is not shown."""
        if event.kind == "change" or event.kind == "garbage" and not self.raw:
            return None
        if self.raw and event.raw and event.kind in ("message", "sent", "garbage"):
            return f"{'H>' if event.kind == 'sent' else 'G>'} {event.raw.decode(errors='backslashreplace')}"
        return event.summary()


class PlainConsole(Console):
    """Lines only; for pipes, logs and scripts."""

    def __init__(self, host, raw=False, as_json=False, timeout=expect.DEFAULT_SECONDS):
        super().__init__(host, raw)
        self._json = as_json
        self._timeout = timeout
        host.listeners.append(self._event)

    def run_script(self, steps, allow_complaints):
        """Exit status of the commands, run one after another."""
        host = self.host
        try:
            if not self._wait_for_link():
                return self._fail([f"nobody on {host.link} within {self._timeout:g} s"], NO_LINK)
            for step in steps:
                self.execute(step)
            host.process(0)
        except Quit:
            pass
        except _Failed as failed:
            return self._fail(failed.args[0], FAILED)
        except NotConnected as e:
            return self._fail([str(e)], NO_LINK)
        except (CommandError, expect.ExpectError) as e:
            return self._fail([str(e)], USAGE)
        if host.complained and not allow_complaints:
            told = [f"    {e.time:.3f}s {e.summary()}" for e in host.complaints]
            return self._fail([f"{host.complained} complaints that nobody expected:", *told[-20:]], FAILED)
        return OK

    def run(self, seconds=None):
        """Log until told to stop; commands are read where there is somebody to type them."""
        readers = [sys.stdin.fileno()] if sys.stdin and sys.stdin.isatty() else []
        end = None if seconds is None else self.host.now + seconds
        try:
            while end is None or self.host.now < end:
                for _ in self.host.process(readers=readers):
                    line = sys.stdin.readline()
                    if not line:
                        return OK
                    self._typed(line)
        except (Quit, KeyboardInterrupt):
            pass
        return OK

    def _typed(self, line):
        try:
            self.execute(line)
        except (CommandError, expect.ExpectError, NotConnected) as e:
            self.show([str(e)])
        except _Failed as failed:
            self.show(failed.args[0])

    def ask_password(self, message):
        if not sys.stdin or not sys.stdin.isatty():
            raise CommandError("login: in a script the password is the second argument")
        self.host.send({"username": message["username"], "password": getpass.getpass(), "__name__": "login"})

    def expect(self, expectation):
        host = self.host
        host.begin(expectation, self._timeout)
        while (result := host.poll(expectation)) is None:
            host.process()
        if not result:
            raise _Failed(expectation.failure(host.log, host.view))
        host.note(f"ok: {'no ' if expectation.negative else ''}{expectation}")

    def wait(self, seconds):
        end = self.host.now + seconds
        while (left := end - self.host.now) > 0:
            self.host.process(left)

    def show(self, lines):
        for line in lines:
            self._print(printable(line), sys.stderr if self._json else sys.stdout)

    def show_view(self):
        table = Table(self.host, 100, unicode=(sys.stdout.encoding or "").lower().startswith("utf"))
        self.show(["".join(text for _, text in line).rstrip() for line in [table.title(), *table.lines()]])

    def show_log(self, lines):
        texts = [(e, self.event_text(e)) for e in self.host.events]
        self.show([f"{e.time:8.3f}s {text}" for e, text in texts if text][-lines:])

    def _wait_for_link(self):
        end = self.host.now + self._timeout
        while not self.host.connected and self.host.now < end:
            self.host.process()
        return self.host.connected

    def _event(self, event):
        if self._json:
            if event.kind != "note":
                self._print(event.as_json(), sys.stdout)
            return
        text = self.event_text(event)
        if text:
            self._print(f"{event.time:8.3f}s {printable(text)}", sys.stdout)

    def _fail(self, lines, status):
        sys.stdout.flush()
        for line in lines:
            self._print(printable(line), sys.stderr)
        return status

    @staticmethod
    def _print(text, stream):
        with contextlib.suppress(UnicodeEncodeError):
            print(text, file=stream, flush=True)
            return
        data = text.encode(stream.encoding or "ascii", "backslashreplace")
        os.write(stream.fileno(), data + b"\n")


class _Failed(Exception):
    """A script's expectation; its argument are the lines to show."""
