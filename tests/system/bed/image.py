# SPDX-License-Identifier: Apache-2.0
"""Kernel, initrd and disk image of the virtual machines, made from the root directory of rootfs.py.

No loop mounts and no partitions: mke2fs fills the image. The initrd loads every module that the machine's
devices need, so the root directory can stay the container's too; it also unpacks the product, which comes
as a tar archive in place of a second disk, before systemd starts.
"""
import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from . import CACHE, BedError, cache_lock, host_run, need, need_root, rootfs

MODULES = """
    virtio_pci virtio_blk ext4 crc32c_generic virtio_console virtio_net virtio_rng
    autofs4 configfs loop dummy button qemu_fw_cfg
""".split()

# The kernel for clouds is small and has no graphics. What the disk has to hold, room for what tests write included; the
# file is sparse.
FLAVOURS = {
    "base": ("linux-image-cloud-amd64", "", "1G"),
    "desktop": ("linux-image-amd64", "virtio_gpu evdev", "3G"),
}

INIT = """#!/bin/sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
while read -r m; do $b insmod /$m; done </modules
n=0
until [ -b /dev/vda ] || [ $n = 100 ]; do $b sleep 0.1; n=$((n + 1)); done
$b mount -t ext4 -o rw /dev/vda /newroot || { echo "no root file system"; $b poweroff -f; }
[ ! -b /dev/vdb ] || $b tar -x -f /dev/vdb -C /newroot
$b mount -o move /dev /newroot/dev
$b umount /sys
$b umount /proc
exec $b switch_root /newroot /sbin/init
"""


@dataclass
class Image:
    directory: Path

    @property
    def disk(self):
        return self.directory / "disk.ext4"

    @property
    def kernel(self):
        return self.directory / "vmlinuz"

    @property
    def initrd(self):
        return self.directory / "initrd.img"


def build(flavour="base"):
    """The image of the present recipe, made now if the cache has none (about 25 s)."""
    kernel, modules, size = FLAVOURS[flavour]
    for tool, package in (("mke2fs", "e2fsprogs"), ("modprobe", "kmod"), ("cpio", "cpio"),
                          ("apt-get", "apt"), ("dpkg-deb", "dpkg")):
        need(tool, package)
    root = rootfs.build(flavour)
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]
    directory = CACHE / f"image-{flavour}-{rootfs.recipe_hash(flavour)}-{own}"
    if directory.exists():
        return Image(directory)
    need_root()
    with cache_lock():
        if directory.exists():
            return Image(directory)
        tmp = Path(tempfile.mkdtemp(prefix="new-", dir=CACHE))
        try:
            image = Image(tmp / "image")
            image.directory.mkdir()
            version = _fetch_kernel(tmp / "kernel", kernel)
            shutil.copyfile(tmp / f"kernel/boot/vmlinuz-{version}", image.kernel)
            _make_initrd(tmp, version, MODULES + modules.split(), image.initrd)
            host_run("mke2fs", "-q", "-t", "ext4", "-L", "root", "-d", root, image.disk, size)
            for old in CACHE.glob(f"image-{flavour}-*"):
                shutil.rmtree(old, ignore_errors=True)
            os.rename(image.directory, directory)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)
    return Image(directory)


def _fetch_kernel(directory, package):
    """Unpacks the release's kernel that @package stands for, and busybox; the kernel's version."""
    directory.mkdir()
    depends = host_run("apt-cache", "depends", package)
    found = re.search(r"Depends: linux-image-(\d\S+)", depends)
    if not found:
        raise BedError(f"apt knows no {package} (apt-get update?)")
    version = found[1]
    try:
        host_run("apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", f"linux-image-{version}",
                 "busybox-static", cwd=directory)
    except BedError as e:
        raise BedError(f"the kernel cannot be downloaded: {e}") from None
    for package in directory.glob("*.deb"):
        host_run("dpkg-deb", "-x", package, directory)
    host_run("depmod", "-b", directory, version)
    return version


def _make_initrd(tmp, version, modules, target):
    kernel, tree = tmp / "kernel", tmp / "initrd"
    for d in ("bin", "dev", "proc", "sys", "newroot"):
        (tree / d).mkdir(parents=True)
    shutil.copy(kernel / "bin/busybox", tree / "bin")
    os.symlink("busybox", tree / "bin/sh")
    found = {}                          # file -> its parameters, in the order of loading
    for module in modules:
        listing = host_run("modprobe", "-d", kernel, "-S", version, "--show-depends", module)
        for line in listing.splitlines():
            word, *rest = line.split()
            if word == "insmod":
                found.setdefault(rest[0], rest[1:])
    for path in found:
        shutil.copy(path, tree)
    (tree / "modules").write_text("".join(" ".join([os.path.basename(path), *parameters]) + "\n"
                                          for path, parameters in found.items()))
    (tree / "init").write_text(INIT)
    (tree / "init").chmod(0o755)
    host_run("sh", "-c", 'find . | cpio --quiet -o -H newc | gzip -1 >"$0"', target, cwd=tree)
