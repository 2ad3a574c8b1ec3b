# SPDX-License-Identifier: Apache-2.0
"""The console on a terminal: the view above, the last events, and a prompt; redrawn as things happen."""

import contextlib
import os
import signal
import socket
import sys
import termios
import tty
import unicodedata

from . import commands
from .commands import CommandError, complete, keep_in_history
from .console import OK, Console, Quit
from .events import printable
from .expect import ExpectError
from .host import NotConnected
from .lineedit import LineEditor
from .render import Table, clip, fit, width_of

_COLOURS = {"title": "7;1", "label": "1;36", "dim": "2", "good": "32", "warn": "33", "bad": "1;31", "bar": "34",
            "sent": "36", "note": "35", "key": "1"}
_PLAIN = {"title": "7", "label": "1", "bad": "1"}  # without colour
_EVENT_STYLE = {"sent": "sent", "complaint": "bad", "link": "warn", "version": "warn", "set": "good", "note": "note"}
_LOG_LEAST = 5
_RAW_ROWS = 6


class Terminal:
    """Raw mode and the alternate screen, both given back whatever happens; draws only the lines that changed."""

    def __init__(self, colour, keys=0, out=1):
        self._styles = _COLOURS if colour else _PLAIN
        self._keys, self._out = keys, out
        self._shown = []
        self._size = None
        self._saved = None

    def __enter__(self):
        self._saved = termios.tcgetattr(self._keys)
        tty.setraw(self._keys)
        self._write("\x1b[?1049h\x1b[?7l\x1b[2J")
        return self

    def __exit__(self, *_):
        self._write("\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l")
        termios.tcsetattr(self._keys, termios.TCSADRAIN, self._saved)

    @property
    def size(self):
        try:
            columns, rows = os.get_terminal_size(self._out)
        except OSError:
            columns, rows = 80, 24
        return max(columns, 20), max(rows, 4)

    def forget(self):
        """Draw everything the next time."""
        self._size = None

    def draw(self, lines, column):
        """Lines from the top; the cursor goes to a column of the last one."""
        if self.size != self._size:
            self._size, self._shown = self.size, []
            out = ["\x1b[0m\x1b[2J"]
        else:
            out = []
        painted = [self._paint(line) for line in lines]
        for row, text in enumerate(painted):
            if row >= len(self._shown) or self._shown[row] != text:
                # Erased first: behind a full line the cursor still stands on its last character.
                out.append(f"\x1b[{row + 1};1H\x1b[0m\x1b[2K{text}")
        self._shown = painted
        out.append(f"\x1b[{len(lines)};{column + 1}H")
        self._write("\x1b[?25l" + "".join(out) + "\x1b[?25h")

    def _paint(self, line):
        out = []
        for style, text in line:
            code = self._styles.get(style)
            out.append(f"\x1b[{code}m{text}\x1b[0m" if code and text else text)
        return "".join(out)

    def _write(self, text):
        data = text.encode(errors="replace")
        with contextlib.suppress(BrokenPipeError):
            while data:
                data = data[os.write(self._out, data) :]


class ScreenConsole(Console):
    """A companion, who knows what the wire does not show, has sections(), (label, rows) pairs to be shown in the view, and
    notes(), lines that become events."""

    def __init__(self, host, raw=False, companion=None):
        super().__init__(host, raw)
        self._companion = companion
        encoding = (sys.stdout.encoding or "").lower()
        self._unicode = encoding.startswith("utf")
        self._terminal = Terminal(colour="NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb")
        self._editor = LineEditor(complete, keep_in_history)
        self._login = None  # the message that waits for its password
        self._waiting = []  # expectations
        self._overlay = None  # lines shown instead of the view
        self._log_only = False

    def run(self):
        wake, waker = socket.socketpair()
        wake.setblocking(False)
        waker.setblocking(False)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGWINCH, lambda *_: None)
        with wake, waker, self._terminal:
            try:
                while True:
                    self._draw()
                    for ready in self.host.process(readers=[0, wake.fileno()]):
                        if ready == 0:
                            self._keys(os.read(0, 4096))
                        else:
                            wake.recv(64)
                    self._settle()
            except Quit:
                return OK
            finally:
                signal.set_wakeup_fd(-1)

    # -- input

    def _keys(self, data):
        if not data:
            raise Quit
        for result in self._editor.feed(data):
            if result[0] == "line":
                self._line(result[1])
            elif result[0] == "choices":
                self.host.note("  ".join(result[1]))
            elif result[0] == "redraw":
                self._terminal.forget()
            elif result[0] == "eof":
                raise Quit
            elif result[0] == "interrupt" and self._login:
                self._login = None
                self.host.note("login given up")

    def _line(self, text):
        if self._login:
            message, self._login = self._login, None
            self._run(lambda: self.host.send({**message, "password": text}))
            return
        if not text.strip():
            self.show_view()
            return
        if text.split()[0] == "login" and len(text.split()) > 2:
            self.host.note("login: the password is asked for; give only the user")
            return
        self._overlay = None
        self._run(lambda: self.execute(text))

    def _run(self, command):
        try:
            command()
        except (CommandError, ExpectError, NotConnected) as e:
            self.host.note(str(e))

    def ask_password(self, message):
        self._login = {k: v for k, v in message.items() if k != "password"}
        self._editor.reset(hidden=True)

    def expect(self, expectation):
        self.host.begin(expectation)
        self._waiting.append(expectation)

    def wait(self, seconds):
        raise CommandError("wait is for scripts: here time passes by itself")

    def _settle(self):
        for note in self._companion.notes() if self._companion else ():
            self.host.note(note)
        for expectation in list(self._waiting):
            result = self.host.poll(expectation)
            if result is None:
                continue
            self._waiting.remove(expectation)
            if result:
                self.host.note(f"ok: {'no ' if expectation.negative else ''}{expectation}")
            else:
                # What was seen instead stands above it already.
                self.host.note(f"failed: {expectation.failure(self.host.log, self.host.view)[0].partition(';')[0]}")

    def show(self, lines):
        self._overlay = lines

    def show_help(self, name):
        lines = commands.help_text(name)
        width, height = self._terminal.size
        if len(lines) > height - 4 or max(map(len, lines)) > width - 1:
            lines = lines if name else [*commands.usage_columns(width - 1), "", "help COMMAND says more about one"]
        self.show(lines)

    def show_view(self):
        self._overlay, self._log_only = None, False

    def show_log(self, lines):
        self._log_only = True

    # -- output

    def _draw(self):
        width, height = self._terminal.size
        more = self._companion.sections() if self._companion else ()
        table = Table(self.host, width, self._unicode, more)
        lines = [table.title()]
        if self._overlay is not None:
            lines += [fit([("", f" {text}")], width) for text in self._overlay[: height - 3]]
            lines.append(fit([("dim", " Enter brings the view back")], width))
        elif not self._log_only:
            lines += table.lines(max(0, height - 3 - _LOG_LEAST))[: height - 3]
        rule = "\N{BOX DRAWINGS LIGHT HORIZONTAL}" if self._unicode else "-"
        lines.append([("dim", rule * width)])
        prompt, column = self._prompt(width)
        del lines[height - 1 :]
        room = height - 1 - len(lines)
        tail = self._tail(room, width)
        lines += tail + [[("", "")]] * (room - len(tail))
        self._terminal.draw([*lines, prompt], column)

    def _tail(self, rows, width):
        """The last events that fit, newest at the bottom."""
        out = []
        for event in reversed(self.host.events):
            if len(out) >= rows:
                break
            text = self.event_text(event)
            if text is None:
                continue
            style = _EVENT_STYLE.get(event.kind, "")
            pieces = self._pieces(printable(text), width - 11, _RAW_ROWS if self.raw else 1)
            entry = [[("dim", f"{event.time:9.1f}  "), (style, pieces[0])]]
            entry += [[("", " " * 11), (style, piece)] for piece in pieces[1:]]
            out = entry + out
        return out[-rows:] if rows > 0 else []

    @staticmethod
    def _pieces(text, width, rows):
        if width_of(text) <= width or rows == 1:
            return [clip(text, width)]
        pieces = [text[i : i + width] for i in range(0, len(text), width)]
        return pieces[: rows - 1] + [clip("".join(pieces[rows - 1 :]), width)] if len(pieces) >= rows else pieces

    def _prompt(self, width):
        if self._login:
            label = f" password of {printable(self._login['username'])}: "
            return fit([("key", label)], width), min(width_of(label), width - 1)
        label = f" {self.host.view['name']}> "
        before = self._editor.text[: self._editor.cursor]
        # A line wider than the terminal scrolls with the cursor.
        start = 0
        while width_of(label + before[start:]) >= width - 1:
            start += 1
        text = "".join(c for c in self._editor.text[start:] if unicodedata.category(c)[0] != "C")
        return [("key", label), ("", clip(text, width - width_of(label)))], width_of(label + before[start:])
