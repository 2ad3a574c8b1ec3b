# SPDX-License-Identifier: Apache-2.0
"""A Wayland compositor that offers things, and keeps what a client wants of them."""

import socket
import struct

DISPLAY, GET_REGISTRY, SYNC = 1, 1, 0
BIND = 0
DONE = 0


def _string(text):
    data = text.encode() + b"\0"
    return struct.pack("=I", len(data)) + data + bytes(-len(data) % 4)


def _message(thing, code, body):
    return struct.pack("=II", thing, (8 + len(body)) << 16 | code) + body


class Compositor:
    """Serves the one client that has connected to the listening @server."""

    def __init__(self, server, offers):
        self.client, _ = server.accept()
        self.client.setblocking(True)
        self.offers = offers
        self.bound = []
        self.others = []
        self._registry = None

    def serve(self, seconds):
        """What the client says, until it is silent."""
        data = b""
        self.client.settimeout(seconds)
        try:
            while piece := self.client.recv(65536):
                data += piece
                while len(data) >= 8 and len(data) >= (size := struct.unpack_from("=I", data, 4)[0] >> 16):
                    self._request(data[:size])
                    data = data[size:]
        except socket.timeout:
            pass
        assert not data

    def _request(self, message):
        thing, code = struct.unpack_from("=II", message)
        code &= 0xffff
        if (thing, code) == (DISPLAY, GET_REGISTRY):
            self._registry, = struct.unpack_from("=I", message, 8)
            for number, name in enumerate(self.offers, 1):
                self.client.sendall(_message(self._registry, 0, struct.pack("=I", number) + _string(name) +
                                             struct.pack("=I", 1)))
        elif (thing, code) == (DISPLAY, SYNC):
            self.client.sendall(_message(*struct.unpack_from("=I", message, 8), DONE, struct.pack("=I", 1)))
        elif (thing, code) == (self._registry, BIND):
            number, = struct.unpack_from("=I", message, 8)
            self.bound.append(self.offers[number - 1])
        else:
            self.others.append((thing, code))
