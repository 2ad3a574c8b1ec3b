# SPDX-License-Identifier: Apache-2.0
"""An X server that does not answer, or hangs up, by somebody between it and its client."""

import contextlib
import os
import socket
import struct
import threading


class Between:
    """Stands between an X server and its client: what the server says goes no further while this is mute. It hangs up when
    `left` bytes of the server's have gone by, or so many of those after its first message (-1: in the middle of that). Replies
    that are as `refuses` says become errors."""

    def __init__(self, server, mute=False, hang_up_after=None):
        self._real = f"/tmp/.X11-unix/X{server.name[1:]}"
        number = next(n for n in range(5000, 6000) if not os.path.exists(f"/tmp/.X11-unix/X{n}"))
        self.name, self._path, self._after = f":{number}", f"/tmp/.X11-unix/X{number}", hang_up_after
        self.left, self.refuses = None, None
        self._listener, self._pairs = socket.socket(socket.AF_UNIX), []
        self._listener.bind(self._path)
        os.chmod(self._path, 0o777)
        self._listener.listen()
        self._speaks, self.hung_up = threading.Event(), threading.Event()
        if not mute:
            self.speak()
        threading.Thread(target=self._accept, daemon=True).start()

    def speak(self):
        self._speaks.set()

    @property
    def clients(self):
        return len(self._pairs)

    def _accept(self):
        try:
            while True:
                client = self._listener.accept()[0]
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._real)
                self._pairs.append((client, server))
                threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._answer, args=(server, client), daemon=True).start()
        except OSError:
            pass    # closed

    @staticmethod
    def _end(*sockets):
        for s in sockets:
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def _forward(self, client, server):
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                server.sendall(data)
        self._end(client, server)

    def _refused(self, data):
        """What becomes of it, and what is no whole message yet."""
        given = b""
        while len(data) >= 32:
            n = 32 + (4 * struct.unpack_from("=I", data, 4)[0] if data[0] == 1 else 0)
            if n > len(data):
                break
            message, data = data[:n], data[n:]
            if message[0] == 1 and self.refuses and self.refuses(message):
                message = struct.pack("=BB2s28x", 0, 3, message[2:4])
            given += message
        return given, data

    def _answer(self, server, client):
        said, rest = b"", b""
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                self._speaks.wait()
                said += data
                if self._after is not None and len(said) >= 8:
                    self.left = 8 + 4 * struct.unpack_from("=H", said, 6)[0] + self._after - (len(said) - len(data))
                    self._after = None
                if self.left is not None and self.left < len(data):
                    client.sendall(data[:max(self.left, 0)])
                    self.hung_up.set()
                    break
                if self.left is not None:
                    self.left -= len(data)
                if self.refuses or rest:
                    data, rest = self._refused(rest + data)
                client.sendall(data)
        self._end(client, server)

    def close(self):
        self.speak()
        os.unlink(self._path)
        self._end(self._listener, *(s for pair in self._pairs for s in pair))
