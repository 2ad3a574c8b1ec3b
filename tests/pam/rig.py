# SPDX-License-Identifier: Apache-2.0
"""A PAM stack with the built module in it, an application that uses it, and whoever listens at the module's socket."""

import os
import select
import socket
import struct
import subprocess
import threading
import time
from pathlib import Path

WRAPPER = os.environ.get("AGENT_WRAPPER", "").split()
SLOWNESS = 10 if WRAPPER else 3 if "ASAN_OPTIONS" in os.environ else 1
MODULE = os.environ["PAM_OVIRT_CRED"]
DRIVER = os.environ["PAM_DRIVER"]
PAM_WRAPPER_MODULES = os.environ["PAM_WRAPPER_MODULES"]    # empty where it is not installed
TOKEN = "0123456789abcdef0123456789abcdef"
MARK = "all that was logged until here"
TIMEOUT = 5 * SLOWNESS                   # of the module, where the agent's stand-in is not late

# Of Linux-PAM's <security/_pam_types.h>.
SUCCESS, AUTH_ERR, AUTHINFO_UNAVAIL, USER_UNKNOWN, CONV_ERR = 0, 7, 9, 10, 19
OK, NOTHING, WRONG = 1, 2, 3

# Two names for one user, and names of all sorts.
PASSWD = """root:x:0:0::/:/bin/sh
alice:x:1001:1001::/:/bin/sh
alice@corp.example:x:1001:1001::/:/bin/sh
bob:x:1002:1002::/:/bin/sh
žluť@d:x:1003:1003::/:/bin/sh
carol@corp:x:1004:1004::/:/bin/sh
carol:x:1005:1005::/:/bin/sh
"""
ENTER = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]), "--propagation", "private"]
# An /etc/passwd of ours, and a /dev whose log is ours too.
INSIDE = """
mount --bind "$0/passwd" /etc/passwd
for d in null urandom; do mount --bind /dev/$d "$0/dev/$d"; done
mount --rbind "$0/dev" /dev
exec "$@"
"""


def request(token=TOKEN):
    return b"OGAC\1Q" + struct.pack(">H", len(token)) + token.encode()


def frame(payload, length=None, magic=b"OGAC", version=1, kind=b"R"):
    return magic + bytes([version]) + kind + struct.pack(">H", len(payload) if length is None else length) + payload


def reply(user=b"", password=b"", status=OK, lengths=None):
    user, password = (s.encode() if isinstance(s, str) else s for s in (user, password))
    user_length, password_length = lengths or (len(user), len(password))
    return frame(struct.pack(">BHH", status, user_length, password_length) + user + b"\0" + password + b"\0")


class Server:
    """Listens where the agent would, and does to each connection what it was told to."""

    def __init__(self, path, behaviour, backlog=16):
        self.requests = []
        self._behaviour = behaviour
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(backlog)
        self._leave, self._left = socket.socketpair()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        kept = []
        while True:
            ready, _, _ = select.select([self._socket, self._left], [], [])
            if self._left in ready:
                break
            connection, _ = self._socket.accept()
            kept.append(connection)
            connection.settimeout(20)
            try:
                self._behaviour(self, connection)
            except OSError:
                pass                     # the module has left
        for connection in kept:
            connection.close()

    def request(self, connection):
        """The whole request of a connection."""
        data = b""
        while len(data) < 40 and (more := connection.recv(40 - len(data))):
            data += more
        self.requests.append(data)
        return data

    def close(self):
        self._leave.close()
        self._thread.join()
        self._socket.close()
        self._left.close()


def says(data):
    """A behaviour: reads the request, answers with @data, closes."""
    def behaviour(server, connection):
        server.request(connection)
        connection.sendall(data)
        connection.close()
    return behaviour


class Outcome:
    """What the application saw in one transaction."""

    def __init__(self, lines):
        self.asked = [line for line in lines if line.split()[0] in ("hidden", "visible", "error", "info")]
        self.code = next(int(line.split()[1]) for line in lines if line.startswith("authenticate "))
        self.user = next((line.split(" ", 1)[1] for line in lines if line.startswith("user ")), None)
        self.setcred = next((int(line.split()[1]) for line in lines if line.startswith("setcred ")), None)
        self.password = None
        text = "\n".join(lines)
        if "PAM_AUTHTOK=" in text:
            # It may contain line ends; the next item of pam_get_items is always there.
            self.password = text.split("\nPAM_AUTHTOK=", 1)[1].rsplit("\nend", 1)[0].split("\nPAM_OLDAUTHTOK=", 1)[0]


class Stack:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.socket = self.directory / "credentials"
        self.services = self.directory / "pam.d"
        self.elapsed = None
        self._closing = []
        self.services.mkdir()
        (self.services / "other").write_text("auth required pam_deny.so\n")
        (self.directory / "dev").mkdir()
        for name in ("null", "urandom"):
            (self.directory / "dev" / name).touch()
        (self.directory / "passwd").write_text(PASSWD)
        self._log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._log.bind(str(self.directory / "dev/log"))
        self._lines = []
        self._marked = threading.Event()
        self._logger = threading.Thread(target=self._read_log)
        self._logger.start()
        self.service()

    def service(self, *options, timeout=TIMEOUT, show=True):
        """Writes the service's file; with @show another module lets the application see the password."""
        options = [f"socket={self.socket}", *([f"timeout={timeout}"] if timeout else []), *options]
        (self.services / "sso").write_text(
            f"auth requisite {MODULE} {' '.join(options)}\n"
            + (f"auth required {PAM_WRAPPER_MODULES}/pam_get_items.so\n" if show else "")
            + "auth required pam_permit.so\n")

    def server(self, behaviour, **options):
        server = Server(self.socket, behaviour, **options)
        self._closing.append(server.close)
        return server

    def keep(self, close):
        self._closing.append(close)

    def inside(self, *command):
        return [*ENTER, "sh", "-ec", INSIDE, str(self.directory), *command]

    def command(self, *arguments):
        return self.inside(*WRAPPER, DRIVER, str(self.services), "sso", *arguments)

    def many(self, answers, *arguments, seat="env=XDG_SEAT=seat0"):
        begin = time.monotonic()
        p = subprocess.run(self.command(*arguments, *([seat] if seat else [])), capture_output=True, timeout=100,
                           input="".join(f"{a}\n" for a in answers).encode())
        self.elapsed = time.monotonic() - begin
        assert p.returncode == 0 and not p.stderr, p.stdout.decode(errors="replace") + p.stderr.decode()
        lines = p.stdout.decode(errors="surrogateescape").split("\n")
        outcomes = []
        while "end" in lines:
            i = lines.index("end") + 1
            outcomes.append(Outcome(lines[:i]))
            lines = lines[i:]
        assert len(outcomes) == len(answers)
        return outcomes

    def one(self, *arguments, answer=TOKEN, **options):
        return self.many([answer], *arguments, **options)[0]

    def _read_log(self):
        """Who logs waits when nobody reads."""
        while line := self._log.recv(65536).decode(errors="surrogateescape"):
            if line == MARK:
                self._marked.set()
            else:
                self._lines.append(line)

    def log(self):
        """All that was logged so far."""
        self._marked.clear()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(MARK.encode(), self._log.getsockname())
        assert self._marked.wait(10)
        return "\n".join(self._lines)

    def close(self):
        for close in reversed(self._closing):
            close()
        self._log.shutdown(socket.SHUT_RD)
        self._logger.join()
        self._log.close()
