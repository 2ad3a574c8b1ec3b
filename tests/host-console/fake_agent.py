#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A guest agent that only talks: fixed content, correct behaviour. The console's tests run against it.

    fake_agent.py PATH [--once LINE]... [--beat SECONDS]
"""

import argparse
import contextlib
import json
import select
import socket
import sys
import time

CONTENT = {
    "active-user": {"name": "alice"},
    "applications": {"applications": [
        "kernel-6.12.9-200.fc41", "ovirt-guest-agent-2.0.0-1", "cloud-init-24.2-1.fc41", "xorg-x11-drv-qxl-0.1.6-5",
        "qemu-guest-agent-9.1.2-1.fc41", "linux-image-6.1.0-28-amd64-6.1.119-1"]},
    "containers": {"list": [
        {"id": "4f66ad9a0b2e", "names": ["/web"], "image": "registry.example/nginx:1.27", "command": "nginx",
         "status": "Up 3 hours"},
        {"id": "91c5e8a37d10", "names": ["/db"], "image": "postgres:17", "command": "postgres",
         "status": "Exited (0) 2 days ago"}]},
    "host-name": {"name": "guest7"},
    "os-version": {"version": "6.12.9-200.fc41.x86_64"},
    "network-interfaces": {"interfaces": [
        {"name": "enp1s0", "hw": "56:6f:1a:2b:00:07", "inet": ["192.0.2.17"], "inet6": ["2001:db8::17", "fe80::1:7"]},
        {"name": "enp2s0", "hw": "56:6f:1a:2b:00:08", "inet": [], "inet6": []}]},
    "disks-usage": {
        "disks": [{"path": "/", "fs": "xfs", "total": 21464350720, "used": 4186701824},
                  {"path": "/boot", "fs": "ext4", "total": 1020702720, "used": 941100000},
                  {"path": "/home/\u017elu\u0165 & data", "fs": "ext4", "total": 52710309888, "used": 12884901888}],
        "mapping": {"5d1f1c9e-6a35-4c3b-9": {"name": "/dev/vda"}, "QEMU_DVD-ROM": {"name": "/dev/sr0"}}},
    "fqdn": {"fqdn": "guest7.example.org"},
    "timezone": {"zone": "Europe/Prague", "offset": 60},
    "os-info": {"type": "linux", "distribution": "Fedora Linux", "version": "41", "codename": "Workstation Edition",
                "arch": "x86_64", "kernel": "6.12.9-200.fc41.x86_64"},
    "number-of-cpus": {"count": 4},
}
MEMORY = {"mem_total": 4046220, "mem_unused": 903112, "mem_free": 1660100, "mem_buffers": 2108, "mem_cached": 754880,
          "swap_in": 0, "swap_out": 0, "pageflt": 312, "majflt": 0, "swap_usage": 1024, "swap_total": 2097148}
STARTUP = ["session-startup", "host-name", "os-version", "network-interfaces", "active-user", "applications", "fqdn"]
REFRESH = [("session-startup", 0), ("active-user", 0), ("applications", 0), ("containers", 3), ("host-name", 0),
           ("os-version", 0), ("network-interfaces", 0), ("disks-usage", 0), ("fqdn", 0), ("timezone", 2),
           ("os-info", 2)]


class Talk:
    """What a correct agent says."""

    @staticmethod
    def encode(message):
        return json.dumps(message).encode() + b"\n"

    @staticmethod
    def message(name, /, **members):
        return {"__name__": name, **CONTENT.get(name, {}), **members}

    def startup(self):
        return [self.message(n) for n in STARTUP]

    def refresh_set(self, version):
        return [self.message(n) for n, least in REFRESH if least <= version]

    def heartbeat(self, version, free=1621):
        return self.message("heartbeat", **{"free-ram": str(free), "memory-stat": MEMORY, "apiVersion": version})


class Agent:
    def __init__(self, connection):
        self._socket = connection
        self._talk = Talk()
        self._version = 0
        self._beats = 0
        self._buffer = b""

    def say(self, *messages):
        for message in messages:
            self._socket.sendall(Talk.encode(message))

    def beat(self):
        self.say(self._talk.heartbeat(3 if self._beats else 0))
        self._beats += 1

    def start(self):
        self.say(*self._talk.startup())
        self.beat()

    def receive(self):
        """Answer what has come; False when the host has gone."""
        data = self._socket.recv(65536)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            with contextlib.suppress(ValueError):
                self._answer(json.loads(line))
        return bool(data)

    def _answer(self, m):
        name = m.get("__name__") if isinstance(m, dict) else None
        if name == "refresh":
            if "apiVersion" not in m:
                self._version = 0
            self.say(*self._talk.refresh_set(self._version))
        elif name == "api-version" and m["apiVersion"] != self._version:
            self._version = m["apiVersion"]
            self.say(*self._talk.refresh_set(self._version))
            if self._version >= 1:
                self.say(self._talk.message("number-of-cpus"))
        elif name == "echo":
            self.say(m)
        elif name == "lock-screen":
            self.say({"__name__": "session-lock"})
        elif name == "login":
            self.say({"__name__": "session-unlock"})
        elif name == "lifecycle-event" and "reply_id" in m and self._version >= 3:
            self.say({"__name__": "completion", "reply_id": m["reply_id"], "done": True})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--once", action="append", default=[], help="a line to send after the start, as it stands")
    parser.add_argument("--beat", type=float, default=0.3)
    parser.add_argument("--wait", type=float, default=10, help="for the host's socket")
    a = parser.parse_args()
    end = time.monotonic() + a.wait
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        while s.connect_ex(a.path):
            if time.monotonic() > end:
                sys.exit("fake agent: no host")
            select.select([], [], [], 0.05)
        agent = Agent(s)
        try:
            agent.start()
            for line in a.once:
                s.sendall(line.encode() + b"\n")
            next_beat = time.monotonic() + a.beat
            while True:
                ready, _, _ = select.select([s], [], [], max(0, next_beat - time.monotonic()))
                if ready and not agent.receive():
                    return
                if time.monotonic() >= next_beat:
                    agent.beat()
                    next_beat += a.beat
        except (BrokenPipeError, ConnectionResetError):
            return


if __name__ == "__main__":
    main()
