# SPDX-License-Identifier: Apache-2.0
"""A guest as a container: systemd as process 1 below systemd-nspawn, up in about a second.

All changes go to an overlay in memory that ends with the container. The virtio port is a pseudo terminal
(see port_bridge.py); what needs a real one is for vm.py.
"""
import os
import shutil
import subprocess
import sys
from pathlib import Path

from . import HERE, PORT, RUN, BedError, Result, die_with_parent, need, need_root, rootfs, stop_process, wait_until

# The mounts are made in a name space of their own, so that nothing is left over whatever happens.
START = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$1/fs"
mkdir "$1/fs/upper" "$1/fs/work" "$1/fs/root"
mount -t overlay -o "lowerdir=$2,upperdir=$1/fs/upper,workdir=$1/fs/work" overlay "$1/fs/root"
[ -z "$3" ] || tar -C "$1/fs/root" -xf "$3"
d=$1/fs/root; shift 3
exec systemd-nspawn --directory="$d" "$@"
"""


class Container:
    def __init__(self, name="c", product=None, extra=(), flavour="base"):
        """@product: archive to unpack before the start; @extra: more arguments for systemd-nspawn; @flavour: of
        the root directory."""
        self.name, self.product, self.extra, self.flavour = name, product, list(extra), flavour
        self.run_dir = RUN / name
        self.port = str(self.run_dir / "port")
        self.nspawn = self.bridge = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        need("systemd-nspawn", "systemd-container")
        need("nsenter", "util-linux")
        need_root()
        root = rootfs.build(self.flavour)
        shutil.rmtree(self.run_dir, ignore_errors=True)
        (self.run_dir / "fs").mkdir(parents=True)
        self.bridge = subprocess.Popen([sys.executable, HERE / "port_bridge.py", self.port], text=True,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       preexec_fn=die_with_parent)
        tty = self.bridge.stdout.readline().strip()
        if not tty:
            raise BedError("the port's stand-in did not start")
        arguments = ["--quiet", "--register=no", f"--machine={self.name}", "--private-network",
                     "--console=pipe", "--boot", "--kill-signal=SIGRTMIN+4",
                     f"--bind={tty}:/dev/virtio-ports/{PORT}", *self.extra]
        if not os.path.isdir("/run/systemd/system"):
            arguments.append("--keep-unit")
        with open(self.run_dir / "console.log", "wb") as log:
            self.nspawn = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", START, "sh", self.run_dir, root, self.product or "",
                 *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=self._child)
        try:
            wait_until(self._is_up, 60, f"container {self.name} boots")
        except BedError as e:
            log = (self.run_dir / "console.log").read_text(errors="replace")[-2000:]
            self.stop()
            raise BedError(f"{e}\n{log}") from None
        return self

    def stop(self):
        """Shuts the guest down as it should, and by force after 20 s."""
        for process, patience in ((self.nspawn, 20), (self.bridge, 2)):
            if process:
                stop_process(process, patience)
        for base in self._cgroup_bases():
            for directory, _, _ in os.walk(base / f"bed-{self.name}", topdown=False):
                try:
                    os.rmdir(directory)
                except OSError:
                    pass
        shutil.rmtree(self.run_dir, ignore_errors=True)

    def run(self, *argv, check=True, timeout=60, stdin=None, env=None):
        """Runs a command as root in the guest."""
        argv = [str(a) for a in argv]
        command = ["nsenter", "-t", str(self._leader()), "-m", "-u", "-i", "-n", "-p", "-C", "--", "env", "-i",
                   "HOME=/root", "LANG=C.UTF-8", "TERM=dumb",
                   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                   *(f"{k}={v}" for k, v in (env or {}).items()), *argv]
        done = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL if stdin is None else None,
                              text=True, errors="replace", timeout=timeout)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(argv)} in the guest: {done.returncode}\n{done.stdout[-3000:]}")
        return Result(done.stdout, done.returncode)

    def running(self):
        return self.nspawn is not None and self.nspawn.poll() is None

    def interact(self):
        """A shell in the guest for a person at the terminal."""
        return subprocess.run(["nsenter", "-t", str(self._leader()), "-a", "--", "/bin/bash", "-l"]).returncode

    def _leader(self):
        """Process 1 of the guest: the only child of nspawn."""
        pid = self.nspawn.pid
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            children = f.read().split()
        if not children:
            raise BedError(f"container {self.name} does not run")
        return int(children[0])

    def _is_up(self):
        if self.nspawn.poll() is not None:
            raise BedError(f"systemd-nspawn ended with {self.nspawn.returncode}")
        try:
            return self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded")
        except (BedError, OSError):
            return False

    @staticmethod
    def _cgroup_bases():
        """Without systemd on the host nobody gives the container control groups of its own."""
        if os.path.isdir("/run/systemd/system"):
            return []
        candidates = [Path("/sys/fs/cgroup") / d for d in ("systemd", "unified", ".")]
        return [c for c in candidates if os.access(c / "cgroup.procs", os.W_OK)]

    def _child(self):
        die_with_parent()
        for base in self._cgroup_bases():
            own = base / f"bed-{self.name}"
            own.mkdir(exist_ok=True)
            (own / "cgroup.procs").write_text(str(os.getpid()))
