#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A pseudo terminal as a container's virtio port: port_bridge.py SOCKET

Prints the terminal's name, then carries bytes between it and one client of SOCKET at a time. A terminal
does not show the guest whether a host is there: what the guest writes while there is none is dropped here,
in whole lines.
"""
import os
import pty
import select
import socket
import sys
import tty


def main(path):
    master, slave = pty.openpty()       # keeping our slave end open spares us a hang-up at each guest close
    tty.setraw(slave)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    print(os.ttyname(slave), flush=True)
    client = None
    inside_line = False                 # of a line whose beginning was dropped
    while True:
        ready, _, _ = select.select([master, client or listener], [], [])
        if listener in ready:
            client, _ = listener.accept()
            continue
        try:
            if master in ready:
                data = os.read(master, 65536)
                if not client:
                    inside_line = not data.endswith(b"\n")
                    continue
                if inside_line:
                    _, newline, data = data.partition(b"\n")
                    inside_line = not newline
                client.sendall(data)
            elif client in ready:
                data = client.recv(4096)
                if not data:
                    raise ConnectionResetError
                while data:
                    data = data[os.write(master, data):]
        except ConnectionError:
            client.close()
            client = None


main(sys.argv[1])
