# SPDX-License-Identifier: Apache-2.0
"""What run-container and run-vm have in common: packages, a build, pytest."""
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bed import BedError, image, product, rootfs

HERE = Path(__file__).resolve().parent
BUILD_PACKAGES = {"meson": "meson", "cc": "gcc", "pkg-config": "pkg-config"}
PYTEST = "python3-pytest"


def say(text):
    print(f"== {text}", flush=True)


def missing_packages(tools):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [package for tool, package in tools.items() if not shutil.which(tool, path=path)]
    if subprocess.run(["/usr/bin/python3", "-c", "import pytest"], capture_output=True).returncode:
        missing.append(PYTEST)
    return missing


def install(packages):
    """Installs with apt where that can be done; asks only a person."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise BedError("these packages are missing: " + " ".join(packages))
    say("missing packages: " + " ".join(packages))
    if sys.stdin.isatty() and input("   install them with apt-get? [Y/n] ").strip().lower() not in ("", "y", "yes"):
        raise BedError("not installed")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode:
        subprocess.run(["apt-get", "-q", "update"], env=environment, stdin=subprocess.DEVNULL)
        if subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode:
            raise BedError("apt-get cannot install: " + " ".join(packages))


def main(kind, tools, usage, argv):
    if argv and argv[0] in ("-h", "--help"):
        print(usage)
        return 0
    begin = time.monotonic()
    build = Path(argv.pop(0)) if argv and not argv[0].startswith("-") else product.TOP / "build-system"
    try:
        if missing := missing_packages({**BUILD_PACKAGES, **tools}):
            install(missing)
        say(f"building in {build}")
        product.build(build)
        say(f"guest: {rootfs.build()}")
        if kind == "vm":
            say(f"guest: {image.build().directory}")
    except BedError as e:
        print(f"run-{kind}: {e}", file=sys.stderr)
        return 3
    say(f"ready after {time.monotonic() - begin:.0f} s")
    done = subprocess.run(["/usr/bin/python3", "-m", "pytest", "-p", "no:cacheprovider", "-ra", "--durations=5",
                           f"--rootdir={HERE}", f"--confcutdir={HERE}", f"--build={build.resolve()}",
                           str(HERE / kind), *argv],
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    say(f"run-{kind}: {'passed' if done.returncode == 0 else 'FAILED'} after {time.monotonic() - begin:.0f} s")
    return done.returncode
