# SPDX-License-Identifier: Apache-2.0
"""The host's end of a port without any of VDSM's manners: bytes, and a reader as slow as the case wants."""

import contextlib
import json
import os
import select
import socket
import time
import tty

from .pace import scaled


class Wire:
    """Call open() for the end to read and write; lines() takes it apart."""

    def __init__(self, path):
        self.path = str(path)
        self._fd = -1
        self.data = b""

    def close(self):
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def send(self, data):
        os.write(self._fd, data)

    def read(self, size=65536, within=5):
        """Some bytes, which are also kept; b"" when none came in time or the agent has closed."""
        ready, _, _ = select.select([self._fd], [], [], scaled(within))
        try:
            data = os.read(self._fd, size) if ready else b""
        except OSError:
            data = b""
        self.data += data
        return data

    def lines(self):
        """The complete lines so far, as messages: each must be one."""
        return [json.loads(line) for line in self.data.split(b"\n")[:-1]]

    def read_until(self, condition, within=10, size=65536):
        """Reads until the messages so far fulfil the condition."""
        deadline = time.monotonic() + scaled(within)
        while not condition(self.lines()):
            left = deadline - time.monotonic()
            assert left > 0, f"only got {self.data[-500:]!r}"
            self.read(size, min(left, 1))
        return self.lines()


class SocketWire(Wire):
    def __init__(self, path):
        super().__init__(path)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self.path)
        self._listener.listen(1)

    def open(self, within=10):
        """Waits for the agent; what was read of an earlier connection is forgotten."""
        self._listener.settimeout(scaled(within))
        connection, _ = self._listener.accept()
        connection.setblocking(True)
        self._fd = connection.detach()
        self.data = b""
        return self

    def hang_up(self):
        """Closes this connection; open() waits for the next."""
        super().close()

    def close(self):
        super().close()
        self._listener.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


class PtyWire(Wire):
    def __init__(self, path):
        super().__init__(path)
        self.slave = -1

    def open(self):
        """A new terminal under the path. A terminal's queue is small, and takes part of a write."""
        self._fd, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.symlink(os.ttyname(self.slave), self.path)
        self.data = b""
        return self

    def hang_up(self):
        """Closes the host's end only."""
        super().close()

    def close(self):
        super().close()
        if self.slave >= 0:
            os.close(self.slave)
            os.unlink(self.path)
        self.slave = -1
