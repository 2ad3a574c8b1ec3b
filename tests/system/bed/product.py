# SPDX-License-Identifier: Apache-2.0
"""The product under test, packed as `meson install` would put it into the guest."""
import os
import tarfile
import tempfile
from pathlib import Path

from . import RUN, BedError, host_run

TOP = Path(__file__).resolve().parents[3]
SETUP = ["--prefix=/usr", "--sysconfdir=/etc", "--localstatedir=/var", "--libexecdir=libexec",
         "--buildtype=debugoptimized", "-Dtests=false", "-Dman=false", "-Dlightdm=true"]


def build(directory):
    """Configures @directory if that has not been done, and compiles."""
    if not (Path(directory) / "build.ninja").exists():
        host_run("meson", "setup", *SETUP, directory, TOP)
    host_run("meson", "compile", "-C", directory)


def pack(directory):
    """A tar archive of the tree that an installation of @directory makes."""
    RUN.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="product-", dir=RUN) as tree:
        host_run("meson", "install", "--no-rebuild", "-C", directory, "--quiet",
                 env={**os.environ, "DESTDIR": tree})
        if not os.path.isdir(f"{tree}/usr/libexec"):
            raise BedError(f"{directory} is not configured with --prefix=/usr --libexecdir=libexec")
        fd, archive = tempfile.mkstemp(prefix="product-", suffix=".tar", dir=RUN)
        with os.fdopen(fd, "wb") as f, tarfile.open(fileobj=f, mode="w") as tar:
            # /lib is a link in the guest: a directory of that name must not replace it.
            for top in sorted(os.listdir(tree)):
                tar.add(f"{tree}/{top}", "usr/lib" if top == "lib" else top, filter=_root_owned)
    return archive


def _root_owned(info):
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info
