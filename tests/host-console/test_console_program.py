# SPDX-License-Identifier: Apache-2.0
"""The program: exit status, output for machines, and the screen in a real terminal."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
CONSOLE = str(HERE / "host-console")


@pytest.fixture
def port(tmp_path):
    return str(tmp_path / "port")


@pytest.fixture
def agent(port):
    """Start a fake agent; it waits for the console's socket."""
    started = []

    def start(*options):
        started.append(subprocess.Popen([sys.executable, str(HERE / "fake_agent.py"), port, *options]))

    yield start
    for process in started:
        process.kill()
        process.wait()


def run(port, *arguments, **options):
    return subprocess.run([CONSOLE, "--listen", port, *arguments], capture_output=True, text=True, timeout=30,
                          stdin=options.pop("stdin", subprocess.DEVNULL), **options)


TOUR = ["--expect", "startup-set", "--expect", "refresh-set version=0", "--expect", "heartbeat apiVersion=3 within 5",
        "--expect", "refresh-set version=3", "--send", 'echo {"a": 1}', "--expect", "echo a=1",
        "--expect", "view.os.version=41", "--send", "expect-none session-lock for 0.2",
        "--send", "login bob geheim", "--expect", "session-unlock"]


def test_tour(port, agent):
    agent()
    done = run(port, *TOUR)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ok: refresh-set version=3" in done.stdout
    assert not os.path.exists(port)


def test_failed_expectation(port, agent):
    agent()
    done = run(port, "--expect", "heartbeat apiVersion=7 within 0.3")
    assert done.returncode == 1
    assert "expected heartbeat apiVersion=7" in done.stderr
    assert "host-name name=guest7" in done.stderr


@pytest.mark.parametrize(("options", "status"), [([], 1), (["--allow-complaints"], 0),
                                                 (["--expect", "complaint rule=unknown-name"], 0)])
def test_complaints_fail(port, agent, options, status):
    agent("--once", '{"__name__": "frob"}')
    done = run(port, "--expect", "heartbeat apiVersion=0", "--send", "wait 0.2", *options)
    assert done.returncode == status, done.stdout + done.stderr
    assert ("VDSM knows no message 'frob'" in done.stderr) == (status == 1)


@pytest.mark.parametrize(("arguments", "said"), [
    (["--send", "frob"], "unknown command"), (["--expect", "a b"], "not MEMBER=VALUE"), (["--send", "login x"], "script"),
    (["--script", "/does/not/exist"], "cannot read"), (["--api-max", "4"], "invalid choice"),
    (["--api-max", "1", "--no-versioning"], "not allowed with"), (["--connect", "/x"], "not allowed with")])
def test_usage(port, arguments, said):
    done = run(port, *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_no_place():
    done = subprocess.run([CONSOLE, "--send", "quit"], capture_output=True, text=True, timeout=10)
    assert (done.returncode, "say where" in done.stderr) == (2, True)


@pytest.mark.parametrize("arguments", [["--timeout", "0.2", "--expect", "heartbeat"], ["--timeout", "0.2", "--send", "quit"]])
def test_nobody_there(port, arguments):
    done = run(port, *arguments)
    assert (done.returncode, "nobody on" in done.stderr) == (3, True)


def test_link_that_cannot_be(tmp_path):
    done = run(str(tmp_path / "no" / "port"))
    assert (done.returncode, "cannot listen" in done.stderr) == (3, True)


def test_sending_while_away(port, agent):
    agent()
    done = run(port, "--send", "disconnect", "--send", "lock-screen")
    assert (done.returncode, "nobody is connected" in done.stderr) == (3, True)


def test_script_from_a_pipe(port, agent):
    agent()
    script = "# a comment\n\nexpect heartbeat apiVersion=3\nexpect os-info\npause\nresume\nview\nhelp\nquit\nexpect never within 60\n"
    done = subprocess.run([CONSOLE, "--listen", port, "--script", "-"], input=script, capture_output=True, text=True,
                          timeout=30)
    assert done.returncode == 0, done.stderr
    assert "Fedora Linux 41" in done.stdout
    assert "lifecycle-event TYPE" in done.stdout


def test_json(port, agent):
    agent()
    done = run(port, "--json", *TOUR)
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert {r["kind"] for r in records} == {"link", "sent", "message", "set", "version", "change"}
    assert {"kind": "version", "name": "version", "members": {"from": 0, "to": 3, "announced": 3}} in [
        {k: r[k] for k in ("kind", "name", "members")} for r in records]
    assert [r["time"] for r in records] == sorted(r["time"] for r in records)


@pytest.mark.parametrize("options", [[], ["--raw"], ["--json"]])
def test_passwords_are_not_printed(port, agent, options):
    agent()
    raw = 'raw "{\\"__name__\\": \\"login\\", \\"username\\": \\"x\\", \\"password\\": \\"geheim\\"}\\n"'
    done = run(port, *options, "--send", "login bob geheim", "--expect", "session-unlock", "--send", raw,
               "--expect", "session-unlock", "--send", "log")
    assert done.returncode == 0, done.stderr
    assert "geheim" not in done.stdout + done.stderr


def test_raw(port, agent):
    agent()
    done = run(port, "--raw", "--expect", "heartbeat apiVersion=3")
    assert 'H> {"apiVersion": 3, "__name__": "refresh"}\n' in done.stdout
    assert 'G> {"__name__": "host-name", "name": "guest7"}\n' in done.stdout


def test_ascii_output(port, agent):
    agent()
    done = run(port, "--expect", "disks-usage", "--send", "view", env={**os.environ, "PYTHONIOENCODING": "ascii",
                                                                         "LC_ALL": "C"})
    assert done.returncode == 0, done.stderr
    assert "/home/\\u017elu\\u0165" in done.stdout


def test_terminated_console_removes_its_socket(port):
    process = subprocess.Popen([CONSOLE, "--listen", port], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 5
    while not os.path.exists(port):
        assert time.monotonic() < deadline
        select.select([], [], [], 0.02)
    process.terminate()
    assert process.wait(5) == 0
    assert not os.path.exists(port)


# -- the screen


class Screen:
    """The console in a terminal, and as much of a terminal as it needs: the cells it has drawn."""

    def __init__(self, port, columns, rows, **environment):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
            os.execve(CONSOLE, [CONSOLE, "--listen", port, "--name", "web7"],
                      {**env, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment})
        self.output = ""
        self.typed = 0  # how much output there was when keys were last typed
        self.resize(columns, rows)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys):
        self.typed = len(self.output)
        os.write(self.fd, keys.encode())

    def lines(self):
        lines = [""] * self.rows
        for row, text in re.findall(r"\x1b\[(\d+);1H\x1b\[0m\x1b\[2K((?:[^\x1b]|\x1b\[[0-9;]*m)*)",
                                    self.output.rpartition("\x1b[2J")[2]):
            if int(row) > self.rows:
                return [""] * self.rows  # drawn for the size before
            lines[int(row) - 1] = re.sub(r"\x1b\[[0-9;]*m", "", text)
        return lines

    def until(self, condition, what="something", within=10):
        """Read until the condition on the drawn lines holds."""
        deadline = time.monotonic() + within
        while not condition(self.lines()):
            assert time.monotonic() < deadline, f"no {what} in:\n" + "\n".join(self.lines())
            if select.select([self.fd], [], [], 0.1)[0]:
                self.output += os.read(self.fd, 65536).decode(errors="replace")

    def shows(self, text):
        """The text is there, or was since the last keys: the log moves on, and a busy machine looks late."""
        self.until(lambda lines: any(text in line for line in lines) or
                   text in re.sub(r"\x1b\[[0-9;]*m", "", self.output[self.typed:]), repr(text))

    def leave(self):
        """Exit status, with the rest of the output read."""
        try:
            while data := os.read(self.fd, 65536):
                self.output += data.decode(errors="replace")
        except OSError:
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def screen(port):
    screens = []

    def open_screen(columns=80, rows=24, **environment):
        screens.append(Screen(port, columns, rows, **environment))
        screens[-1].shows("web7> ")
        return screens[-1]

    yield open_screen
    for opened in screens:
        try:
            if os.waitpid(opened.pid, os.WNOHANG)[0] == 0:
                os.kill(opened.pid, signal.SIGKILL)
                os.waitpid(opened.pid, 0)
        except ChildProcessError:
            pass
        os.close(opened.fd)


def test_screen(screen, agent):
    s = screen()
    agent()
    for text in ("Up, agent running", "alice", "Fedora Linux 41", "192.0.2.17", "version 3", "1621 of 3951 MiB", "web"):
        s.shows(text)
    s.type("lock-s\t\r")
    s.shows("session Locked")
    s.shows("> lock-screen")
    s.resize(120, 40)
    s.until(lambda lines: len(lines[39]) and lines[39].startswith(" web7> "), "prompt in the last row")
    s.shows("linux-image-6.1.0-28")
    s.resize(40, 10)
    s.until(lambda lines: lines[9].startswith(" web7> "), "prompt in the last row")
    s.resize(80, 24)
    s.type("help\r")
    s.shows("lifecycle-event TYPE [ID]")
    s.type("\rfrob\r")
    s.shows("unknown command 'frob'")
    s.type("quit\r")
    assert s.leave() == 0
    assert s.output.endswith("\x1b[?7h\x1b[?25h\x1b[0m\x1b[?1049l")


def test_screen_asks_for_the_password(screen, agent):
    s = screen()
    agent()
    s.shows("version 3")
    s.type("login bob\r")
    s.shows("password of bob:")
    s.type("geheim\r")
    s.shows("> login username=bob password=***")
    s.shows("session Active")
    s.type("\x1b[A\x1b[A")
    s.type("\x15login bob\r")
    s.shows("password of bob:")
    s.type("gehe\x03")
    s.shows("login given up")
    s.type("login eve geheim2\r")
    s.shows("give only the user")
    s.type("\x04")
    assert s.leave() == 0
    # What was typed on the visible line is seen there while it is typed; the hidden one never.
    assert "geheim\x1b" not in s.output and "gehe\x1b" not in s.output


def test_screen_expects_while_it_goes_on(screen, agent):
    s = screen()
    agent()
    s.shows("version 3")
    s.type("expect session-lock within 20\rexpect never within 0.1\r")
    s.shows("failed: expected never")
    s.type("lock-screen\r")
    s.shows("ok: session-lock")


@pytest.mark.parametrize(("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_colour(screen, agent, environment, coloured):
    s = screen(**environment)
    agent()
    s.shows("Up, agent running")
    assert bool(re.search(r"\x1b\[(1;)?3\d", s.output)) == coloured


def test_screen_gives_the_terminal_back_when_terminated(screen):
    s = screen()
    before = termios.tcgetattr(s.fd)[3] & termios.ICANON
    os.kill(s.pid, signal.SIGTERM)
    assert s.leave() == 0
    assert not before
    assert "\x1b[?1049l" in s.output
