# SPDX-License-Identifier: Apache-2.0
"""The guest's side of single sign-on: screens that wait for the signal, and clients that fetch credentials."""

import os
import re
import signal
import socket
import struct
import subprocess
from pathlib import Path

from .bus import as_user
from .pace import scaled, until
from .seat import Seat

NAME = "org.ovirt.vdsm.Credentials"
PATH = "/org/ovirt/vdsm/Credentials"
# Of accounts that every distribution has: the bus takes nobody else.
GREETER_UID, ALICE_UID, BOB_UID = 1, 2, 3
GREETER = {"session": "c1", "user": "gdm", "kind": "greeter", "uid": GREETER_UID}
ALICE = {"session": "1", "user": "alice", "uid": ALICE_UID}
BOB = {"session": "2", "user": "bob", "uid": BOB_UID}
OK, NOTHING, WRONG = 1, 2, 3
# The password of every account of write_accounts().
PASSWORD = "corr3ct"
_HASH = "$6$ovirt$MkpklQpPoZvhqH2Ll9R1K1z.rFjhO25v/Q8RLnlhEdq2Ra9USMJGCAZoxBep5QLH/lxcXDiG9sDz2FSEnyWO90"


def write_accounts(etc, **services):
    """The guest's accounts, and what PAM has in its files. alice@d is another name of alice's; there is no alice@e, who
    is alice for that."""
    users = {"root": 0, "alice": ALICE_UID, "alice@d": ALICE_UID, "bob@d": BOB_UID, "expired@d": ALICE_UID}
    (etc / "passwd").write_text("".join(f"{u}:x:{n}:{n}::/:/bin/sh\n" for u, n in users.items()))
    (etc / "shadow").write_text("".join(
        f"{u}:{_HASH}:19000:0:99999:7::{19001 if u == 'expired@d' else ''}:\n" for u in users))
    (etc / "pam.d").mkdir()
    for name, text in services.items():
        (etc / "pam.d" / name.replace("_", "-")).write_text(text)


def request(token):
    return struct.pack(">4sBcH", b"OGAC", 1, b"Q", len(token)) + token.encode()


def connect(path):
    """Waits, as the module does, while as many others as may wait do so."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(scaled(10))

    def attempt():
        try:
            s.connect(str(path))
        except BlockingIOError:
            return False
        return True
    until(attempt, what="a place among those who wait")
    return s


def receive(s):
    """The whole answer: (status, user, password), or None if there is none."""
    data = b""
    try:
        while piece := s.recv(8192):
            data += piece
    except ConnectionResetError:
        pass
    if not data:
        return None
    magic, version, kind, length, status, user, password = struct.unpack_from(">4sBcHBHH", data)
    assert (magic, version, kind, length) == (b"OGAC", 1, b"R", len(data) - 8)
    body = data[13:]
    assert body[user:user + 1] == b"\0" and body[-1:] == b"\0" and len(body) == user + password + 2
    return status, body[:user].decode(), body[user + 1:-1].decode()


def fetch(path, token):
    with connect(path) as s:
        s.sendall(request(token))
        return receive(s)


class Screen:
    """A program of a user's on the bus, which listens as GLib's proxies do."""

    def __init__(self, party, bus, uid):
        self._path = Path(party.directory) / f"screen-{uid}-{os.urandom(4).hex()}"
        with open(self._path, "wb") as out:
            self._process = subprocess.Popen(
                [*as_user(uid), "gdbus", "monitor", "--system", "--dest", NAME, "--object-path", PATH], stdout=out,
                env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bus.address})
        until(lambda: "is owned by" in self._path.read_text(), what="a screen that listens")

    @property
    def tokens(self):
        return re.findall(r"UserAuthenticated \('([0-9a-f]{32})',\)", self._path.read_text())

    def token(self, number=1):
        """The token of the last signal, when there have been that many."""
        return until(lambda: len(self.tokens) >= number and self.tokens, 5, "a token")[number - 1]

    def close(self):
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


class SignOn(Seat):
    """A seat with an agent that serves credentials as the service does."""

    def __init__(self, party, bus, *sessions, **options):
        self._party = party
        self.directory = Path(party.directory) / "run"
        self.directory.mkdir(mode=0o700, exist_ok=True)
        self.path = self.directory / "credentials"
        super().__init__(party, bus, *sessions, env={"RUNTIME_DIRECTORY": str(self.directory)}, **options)

    def screen(self, uid):
        return self._party.keep(Screen(self._party, self.bus, uid))

    def login(self, username, password):
        self.send("login", username=username, password=password)

    def fetch(self, token):
        return fetch(self.path, token)

    def wait_log(self, pattern):
        return self.agent.wait_log(pattern)

    def fence(self):
        """Everything sent so far has been handled."""
        self.send("echo", n=os.urandom(4).hex())
        wanted = len(self.host.messages("echo")) + 1
        self.waits(lambda: len(self.host.messages("echo")) >= wanted, what="an echo")


def memory_holds(pid, text):
    """Where in the process's memory the text is, in any of its forms: a list of mappings."""
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            # A sanitizer has terabytes of its own, which hold no text.
            if line.split()[1][0] != "r" or "[v" in line or end - begin > 1 << 32:
                continue
            try:
                memory.seek(begin)
                data = memory.read(end - begin)
            except (OSError, OverflowError):
                continue
            found += [line.strip() for t in (text.encode(), text.encode("utf-16-le")) if t in data]
    return found
