# SPDX-License-Identifier: Apache-2.0
"""A viewer of VNC servers, whose window has another size now and then."""

import socket
import struct

from .pace import scaled


class Viewer:
    """The few words of the RFB protocol that a viewer says whose window has another size now."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(scaled(10))
        self._socket.connect(path)
        assert self._read(12) == b"RFB 003.008\n"
        self._socket.sendall(b"RFB 003.008\n")
        assert 1 in self._read(self._read(1)[0])
        self._socket.sendall(b"\x01")
        assert self._read(4) == bytes(4)
        self._socket.sendall(b"\x01")
        self._read(struct.unpack("!I", self._read(24)[20:])[0])
        # Encodings: ExtendedDesktopSize and raw pixels.
        self._socket.sendall(struct.pack("!BxHii", 2, 2, -308, 0))
        self._socket.sendall(struct.pack("!BBHHHH", 3, 0, 0, 0, 1, 1))

    def _read(self, n):
        data = b""
        while len(data) < n:
            more = self._socket.recv(n - len(data))
            assert more, "the VNC server hangs up"
            data += more
        return data

    def ask(self, *screens):
        """Each (width, height, x, y)."""
        width = max(s[0] + s[2] for s in screens)
        height = max(s[1] + s[3] for s in screens)
        self._socket.sendall(struct.pack("!BxHHBx", 251, width, height, len(screens)) + b"".join(
            struct.pack("!IHHHHI", i, x, y, w, h, 0) for i, (w, h, x, y) in enumerate(screens)))

    def close(self):
        self._socket.close()
