# SPDX-License-Identifier: Apache-2.0
"""The test bed: one Debian root directory, booted as a container or as a virtual machine.

    rootfs     builds the root directory from packages
    image      makes kernel, initrd and disk image of it
    product    packs a build as it would be installed
    container  boots the root directory with systemd-nspawn
    vm         boots the disk image with QEMU

Nothing here changes the host outside the cache and the run directory.
"""
import contextlib
import ctypes
import fcntl
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

CACHE = Path(os.environ.get("OVIRT_GUEST_AGENT_TEST_CACHE") or
             Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ovirt-guest-agent-tests")
# Short: the path of a UNIX socket has 107 bytes.
RUN = Path(os.environ.get("OVIRT_GUEST_AGENT_TEST_RUN") or "/tmp/ovirt-guest-agent-tests")
HERE = Path(__file__).resolve().parent
PORT = "ovirt-guest-agent.0"
LEGACY_PORT = "com.redhat.rhevm.vdsm"


class BedError(RuntimeError):
    """The bed itself does not work; says nothing about the product."""


class Result(str):
    """What a command in the guest printed, and how it ended."""
    rc: int

    def __new__(cls, text, rc):
        self = super().__new__(cls, text)
        self.rc = rc
        return self


def wait_until(condition, timeout, what, interval=0.05):
    """The first true value of condition(), which is asked again and again until the deadline."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise BedError(f"{what}: not within {timeout:g} s")
        time.sleep(interval)
    return value


def need(tool, package):
    if not shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        raise BedError(f"{tool} is missing: apt-get install {package}")


def need_root():
    if os.geteuid() != 0:
        raise BedError("this part of the test bed must be run as root")


def host_run(*argv, timeout=600, **kwargs):
    """Runs a command on the host; what it printed, or BedError with the end of that."""
    argv = [str(a) for a in argv]
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                              text=True, errors="replace", stdin=subprocess.DEVNULL, **kwargs)
    except subprocess.TimeoutExpired:
        raise BedError(f"{argv[0]} did not end within {timeout:g} s") from None
    if done.returncode:
        raise BedError(f"{' '.join(argv[:3])} failed ({done.returncode}):\n" + done.stdout[-2000:])
    return done.stdout


@contextlib.contextmanager
def cache_lock():
    """One builder at a time; two suites may be started side by side."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def die_with_parent():
    """For a new child: it ends with the test run, however that ends."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)


def stop_process(process, timeout):
    """Ends a child of ours, politely first."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
