# SPDX-License-Identifier: Apache-2.0
"""A name server at 127.0.0.1 that knows guest7.example.org, and nothing else."""

import socket
import struct

KNOWN = b"\x06guest7\x07example\x03org\x00"


def answer(query):
    name = query[12:query.index(b"\x00", 12) + 1]
    question = query[12:len(name) + 16]
    records = b""
    if name.lower() == KNOWN and question[-4:] == struct.pack(">HH", 1, 1):
        records = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 7])
    code = 0 if name.lower() == KNOWN else 3
    return query[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, bool(records), 0, 0) + question + records


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    query, client = server.recvfrom(4096)
    server.sendto(answer(query), client)
