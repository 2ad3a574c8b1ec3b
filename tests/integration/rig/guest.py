# SPDX-License-Identifier: Apache-2.0
"""A guest without a machine: a network, mounts and a host name of its own, which the cases change."""

import os
import shutil
import subprocess
from pathlib import Path

from .pace import until

# Those who are not root are it in a user namespace, if the system lets them.
NAMESPACES = ["--net", "--mount", "--uts", *([] if os.geteuid() == 0 else ["--user"])]
_UNSHARE = ["unshare", *NAMESPACES, *([] if os.geteuid() == 0 else ["--map-root-user"]), "--propagation", "private"]
MAC = "52:54:00:ab:cd:01"
RELEASE = """NAME="Test Linux"
ID=test
VERSION_ID="7"
VERSION_CODENAME=seven
"""


def available():
    """Whether there can be guests here."""
    return subprocess.run([*_UNSHARE, "true"], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


class Guest:
    def __init__(self, directory):
        self.directory = Path(directory)
        self._helpers = []
        self._holder = subprocess.Popen([*_UNSHARE, "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.enter = ["nsenter", "--target", str(self._holder.pid), *NAMESPACES, "--"]
        # It changes its name when it has left our namespaces.
        until(lambda: Path(f"/proc/{self._holder.pid}/comm").read_text() == "cat\n", what="new namespaces")

    def close(self):
        for helper in self._helpers:
            helper.kill()
            helper.wait()
        self._holder.stdin.close()
        self._holder.wait()

    def run(self, *command):
        """A command inside; its output."""
        p = subprocess.run([*self.enter, *command], stdin=subprocess.DEVNULL, capture_output=True)
        assert p.returncode == 0, (command, p.stderr.decode())
        return p.stdout.decode()

    def ip(self, words):
        return self.run("ip", *words.split())

    def helper(self, *command):
        """A process inside that stays; it says a line when it is ready."""
        p = subprocess.Popen([*self.enter, *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self._helpers.append(p)
        assert p.stdout.readline() == b"ready\n"
        return p

    def private(self, path):
        """Puts an empty directory of ours over a directory; ours is what is returned."""
        ours = self.directory / path.strip("/").replace("/", "-")
        ours.mkdir(mode=0o755)
        self.run("mount", "--bind", str(ours), path)
        return ours

    def without_service_manager(self):
        """Programs that look for one find none, wherever the test runs."""
        if os.path.isdir("/run/systemd"):
            self.private("/run/systemd")

    def private_etc(self, zone="Europe/Prague", hosts="127.0.0.1 localhost\n192.0.2.7 guest7.example.org guest7\n"):
        """An /etc with what the agent reads, and what the C library needs."""
        etc = self.directory / "etc"
        etc.mkdir(mode=0o755)
        for name in "passwd", "group", "ld.so.cache":
            shutil.copy(f"/etc/{name}", etc)
        (etc / "hosts").write_text(hosts)
        (etc / "os-release").write_text(RELEASE)
        (etc / "nsswitch.conf").write_text("hosts: files dns\n")
        (etc / "resolv.conf").write_text("")
        (etc / "localtime").symlink_to(f"/usr/share/zoneinfo/{zone}")
        self.run("mount", "--bind", str(etc), "/etc")
        self.etc = etc

    def private_packages(self):
        """A package database with two entries."""
        self.dpkg = self.private("/var/lib/dpkg")
        replace(self.dpkg / "status", dpkg_status(qemu_guest_agent="1:8.0-1", libc6="2.36-9"))

    def add_nic(self, name="eth0", mac=MAC):
        """A network interface that is up; its other end, "far-NAME", is down."""
        self.ip(f"link add {name} address {mac} type veth peer name far-{name}")
        self.ip(f"link set {name} up")

    def resolve_by_dns(self, search="example.org"):
        """Names are asked for at this machine; see add_name_server()."""
        self.ip("link set lo up")
        (self.etc / "hosts").write_text("127.0.0.1 localhost\n")
        replace(self.etc / "resolv.conf", f"nameserver 127.0.0.1\nsearch {search}\n")

    def add_name_server(self):
        """It knows guest7.example.org."""
        self.helper("/usr/bin/python3", str(Path(__file__).with_name("dns.py")))

    def add_black_hole(self):
        """Names are asked for at an address that never answers."""
        (self.etc / "hosts").write_text("127.0.0.1 localhost\n")
        (self.etc / "resolv.conf").write_text("nameserver 192.0.2.1\n")
        self.ip("address add 192.0.2.9/24 dev eth0")
        self.ip("link set far-eth0 up")


def replace(path, text):
    """Writes a file the way package managers and editors do: the new one takes the name of the old."""
    new = Path(f"{path}.new")
    new.write_text(text)
    os.replace(new, path)


def dpkg_status(**packages):
    return "".join(f"Package: {name.replace('_', '-')}\nStatus: install ok installed\nVersion: {version}\n\n"
                   for name, version in packages.items())
