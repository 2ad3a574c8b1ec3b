#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""dead_fuse.py DIRECTORY TYPE: a file system whose server takes every question and answers none, like a dead NFS."""

import ctypes
import os
import signal
import sys

directory, kind = sys.argv[1:]
fd = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fd},rootmode=40000,user_id=0,group_id=0"
libc = ctypes.CDLL(None, use_errno=True)
if libc.mount(b"dead", directory.encode(), kind.encode(), 0, options.encode()) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print("ready", flush=True)
signal.pause()
