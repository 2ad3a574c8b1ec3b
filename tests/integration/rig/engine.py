# SPDX-License-Identifier: Apache-2.0
"""A container engine that says what a test wants."""

import socket
import threading


class Engine:
    """A container engine that answers everything with the same bytes."""

    def __init__(self, path, body, head=b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"):
        self._answer = head + body
        self.requests = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(8)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                self.requests.append(connection.recv(4096))
                connection.sendall(self._answer)

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
