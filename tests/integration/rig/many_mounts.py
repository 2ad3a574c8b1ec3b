#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""many_mounts.py DIRECTORY COUNT LENGTH: as many file systems, each in a directory with a name that long."""

import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
directory, count, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for i in range(count):
    path = os.path.join(directory, f"{i:06}".ljust(length, "x"))
    os.mkdir(path)
    if libc.mount(b"none", path.encode(), b"tmpfs", 0, b"size=1m") < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)
