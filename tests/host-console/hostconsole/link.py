# SPDX-License-Identifier: Apache-2.0
"""The ways to a guest's port. All non-blocking; a link reports ("up"|"down", detail) and ("data", bytes)."""

import contextlib
import errno
import os
import socket
import stat
import time
import tty

READ_SIZE = 65536
RETRY_SECONDS = 1.0


class LinkError(Exception):
    """The link cannot be made at all."""


class Link:
    """What is common: one peer descriptor, a queue of bytes to send, connect and disconnect, pause and resume."""

    kind = ""

    def __init__(self, path):
        self.path = path
        self.paused = False
        self.wanted = True
        self._fd = -1
        self._queue = bytearray()
        self._pending = []

    def __str__(self):
        return f"{self.kind} {self.path}"

    @property
    def connected(self):
        return self._fd >= 0

    @property
    def unsent(self):
        return len(self._queue)

    def fds(self):
        """(to read, to write) for select."""
        if not self.connected:
            return [], []
        return [] if self.paused else [self._fd], [self._fd] if self._queue else []

    def send(self, data):
        self._queue += data
        self._flush()

    def service(self):
        """Do what can be done without waiting; what happened."""
        if self.wanted and not self.connected:
            self._attach()
        if self.connected and not self.paused:
            self._read()
        if self.connected and self._queue:
            self._flush()
        happened, self._pending = self._pending, []
        return happened

    def disconnect(self):
        self.wanted = False
        self._lost("disconnected by the host")

    def connect(self):
        self.wanted = True

    def close(self):
        self.wanted = False
        self._lost("closed")

    def _attach(self):
        raise NotImplementedError

    def _receive(self):
        return os.read(self._fd, READ_SIZE)

    def _transmit(self, data):
        return os.write(self._fd, data)

    def _up(self, fd, detail=""):
        os.set_blocking(fd, False)
        self._fd = fd
        self._pending.append(("up", detail))

    def _lost(self, detail):
        if self.connected:
            os.close(self._fd)
            self._fd = -1
            self._pending.append(("down", detail))
        self._queue.clear()

    def _read(self):
        # A few reads at most: a guest that never stops must not keep the console from its other work.
        for _ in range(16):
            try:
                data = self._receive()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as e:
                return self._lost(e.strerror)
            if not data:
                return self._lost("the other side closed")
            self._pending.append(("data", data))
            if len(data) < READ_SIZE:
                return

    def _flush(self):
        # A peer that has gone is noticed by the next read, so that what it sent last is not lost.
        with contextlib.suppress(BlockingIOError, InterruptedError, BrokenPipeError, ConnectionResetError):
            while self._queue:
                del self._queue[: self._transmit(bytes(self._queue[:READ_SIZE]))]


class ConnectLink(Link):
    """A UNIX socket that QEMU listens on."""

    kind = "connect"

    def __init__(self, path):
        super().__init__(path)
        self._next = 0.0

    def _attach(self):
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + RETRY_SECONDS
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.setblocking(False)
            try:
                s.connect(self.path)
            except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
                return
            except OSError as e:
                raise LinkError(f"cannot connect to {self.path}: {e.strerror or e}") from e
            self._up(s.detach())

    def connect(self):
        super().connect()
        self._next = 0.0


class ListenLink(Link):
    """A UNIX socket that an agent connects to; one peer at a time."""

    kind = "listen"

    def __init__(self, path):
        super().__init__(path)
        self._listener = None
        self._listen()

    def _listen(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            if os.path.exists(self.path):
                _remove_stale(self.path)
            s.bind(self.path)
            s.listen(1)
        except OSError as e:
            s.close()
            raise LinkError(f"cannot listen on {self.path}: {e.strerror or e}") from e
        s.setblocking(False)
        self._listener = s

    def _unlisten(self):
        if self._listener:
            self._listener.close()
            self._listener = None
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)

    def fds(self):
        if self._listener and not self.connected:
            return [self._listener.fileno()], []
        return super().fds()

    def _attach(self):
        with contextlib.suppress(BlockingIOError):
            peer, _ = self._listener.accept()
            self._up(peer.detach())

    def disconnect(self):
        super().disconnect()
        self._unlisten()

    def connect(self):
        super().connect()
        if not self._listener:
            self._listen()

    def close(self):
        super().close()
        self._unlisten()


class PtyLink(Link):
    """A terminal pair; a link to the slave's name stands for the port.

    As with a virtio port the host cannot see whether a guest has it open: the slave is held open here, too.
    """

    kind = "pty"

    def __init__(self, path):
        super().__init__(path)
        self._slave = -1
        if os.path.lexists(path) and not os.path.islink(path):
            raise LinkError(f"cannot make {path}: it exists and is not a symbolic link")

    def _attach(self):
        master, self._slave = os.openpty()
        tty.setraw(self._slave)
        name = os.ttyname(self._slave)
        temporary = f"{self.path}.{os.getpid()}"
        try:
            os.symlink(name, temporary)
            os.replace(temporary, self.path)
        except OSError as e:
            os.close(master)
            os.close(self._slave)
            raise LinkError(f"cannot make {self.path}: {e.strerror}") from e
        self._up(master, name)

    def _lost(self, detail):
        super()._lost(detail)
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path)


def _remove_stale(path):
    """Remove a socket that nobody listens on any more, nothing else."""
    if not stat.S_ISSOCK(os.stat(path).st_mode):
        raise OSError(errno.EEXIST, "it exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        try:
            s.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError(errno.EADDRINUSE, "somebody listens there already")
