# SPDX-License-Identifier: Apache-2.0
"""A guest that is a virtual machine, with the agent installed as a distribution would: tests/system's test bed."""

import os
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from bed import image, product, rootfs, vm  # noqa: E402
from local_guest import PACKAGE  # noqa: E402

UNIT = "ovirt-guest-agent.service"
SESSION = "demo-session"


class VmGuest:
    isolated = has_packages = True
    is_fast = has_shell = False

    def __init__(self, build):
        if not rootfs.path().exists():
            print("Downloading a small Debian for the virtual machine (about a minute, this time only)", flush=True)
            rootfs.build()
        print("Making the virtual machine's disk, if there is none yet (half a minute then)", flush=True)
        image.build()
        self._packed = product.pack(build)
        self._vm = vm.VM("demo", self._packed)
        self.nic = None

    @property
    def port(self):
        return self._vm.port

    def __enter__(self):
        print("Starting the virtual machine (10 to 20 s)", flush=True)
        try:
            self._vm.start()
            self.nic = re.search(r"^\d+: (e\w+)", self._vm.run("ip", "-o", "link"), re.M)[1]
            self._vm.run("ip", "link", "set", self.nic, "up")
            self._vm.run("systemctl", "is-active", UNIT)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._vm.stop()
        os.unlink(self._packed)

    def stop_agent(self):
        self._vm.run("systemctl", "stop", UNIT)
        return lambda: int(self._vm.run("systemctl", "show", "-p", "ExecMainStatus", "--value", UNIT))

    def log(self):
        return self._vm.run("journalctl", "-q", "--no-pager", "-o", "cat", "-u", UNIT)

    def busctl(self, *arguments):
        return self._vm.run("busctl", "--no-pager", *arguments)

    def seat(self, name):
        if not name:
            self._vm.run("systemctl", "stop", SESSION)
        else:
            session = "XDG_SESSION_TYPE=x11 XDG_SESSION_CLASS=user XDG_SEAT=seat0 XDG_VTNR=1"
            self._vm.run("systemd-run", "-q", "--unit", SESSION, "--collect", "-p", f"User={name}",
                         "-p", "PAMName=login", "-p", f"Environment={session}", "sleep", "600")

    def hostname(self):
        return self._vm.run("hostname").strip()

    def set_hostname(self, name):
        self._vm.run("hostname", name)

    def add_address(self, address):
        self._vm.run("ip", "address", "add", address, "dev", self.nic)

    def install(self, name, version):
        self._vm.run("sh", "-c", "cd /var/lib/dpkg && cp status status-new && cat >>status-new && mv status-new status",
                     stdin=PACKAGE.format(name=name, version=version))
