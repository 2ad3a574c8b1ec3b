# SPDX-License-Identifier: Apache-2.0
"""The root directories of the guests: a small Debian, and the same with desktops, kept in the cache under a hash of their
recipe."""
import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile

from . import CACHE, HERE, BedError, cache_lock, host_run, need, need_root

PACKAGES = """
    systemd-sysv dbus dbus-user-session libpam-systemd udev kmod login passwd polkitd
    procps iproute2 e2fsprogs tzdata python3 pamtester
    libsystemd0 libglib2.0-0 libjson-glib-1.0-0 libx11-6 libxrandr2 libpam0g
""".split()
# What a flavour has beside PACKAGES.
FLAVOURS = {
    "base": "",
    # Desktops as far as their lockers go, and dbus-broker as the system's and the users' bus.
    "desktop": """
        gnome-shell gnome-session gdm3 gjs
        mate-session-manager mate-screensaver
        cinnamon-session cinnamon-settings-daemon cinnamon-screensaver cinnamon-common gir1.2-cvc-1.0 gir1.2-caribou-1.0
        kwin-wayland qtwayland5 layer-shell-qt qml-module-qtquick2 xfce4-session
        lightdm lightdm-gtk-greeter light-locker xss-lock i3lock sway swaylock swayidle
        gnome-keyring libpam-gnome-keyring
        xvfb xauth xdotool dbus-broker
        xserver-xorg-core x11-xserver-utils wlr-randr
    """,
}
# (source below guest/, destination, mode)
FILES = [
    ("exec-server", "usr/local/sbin/bed-exec-server", 0o755),
    ("pam-session", "usr/local/bin/bed-pam-session", 0o755),
    ("x-session", "usr/local/bin/bed-x-session", 0o755),
    ("xvfb-as-x", "usr/local/bin/bed-xvfb-as-x", 0o755),
    ("bed-session.target", "etc/systemd/user/bed-session.target", 0o644),
    ("bed-exec-server.service", "etc/systemd/system/bed-exec-server.service", 0o644),
    ("99-bed-exec-server.rules", "etc/udev/rules.d/99-bed-exec-server.rules", 0o644),
]
# What would run by itself and disturb the measurements.
MASKED = """
    e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer apt-daily.timer
    apt-daily-upgrade.timer getty.target systemd-binfmt.service proc-sys-fs-binfmt_misc.automount
    display-manager.service
""".split()
MASKED_FOR_USERS = "pipewire.socket pipewire-pulse.socket pipewire.service pipewire-pulse.service wireplumber.service".split()
# Each with the password "secret".
USERS = "alice bob carol".split()
PASSWORD = "$6$bed$r3P.zQynzMbY0hgi7dJdMgWMuhhBPhs6a87jHbiUqejwaiOTHDzDvpLwu8fMQnPzcts46sU/mCrw.obTjS.7W0"


def suite():
    """The host's own release when it is Debian: the build under test is linked with its libraries."""
    release = {}
    with open("/etc/os-release") as f:
        for line in f:
            key, _, value = line.strip().partition("=")
            release[key] = value.strip('"')
    return os.environ.get("OVIRT_GUEST_AGENT_TEST_SUITE") or (
        release.get("VERSION_CODENAME") if release.get("ID") == "debian" else None) or "bookworm"


def recipe_hash(flavour="base"):
    h = hashlib.sha256(suite().encode())
    h.update(flavour.encode() + open(__file__, "rb").read())
    for source, _, _ in FILES:
        h.update((HERE / "guest" / source).read_bytes())
    return h.hexdigest()[:12]


def path(flavour="base"):
    return CACHE / f"rootfs-{flavour}-{recipe_hash(flavour)}"


def build(flavour="base"):
    """The root directory, made now if the cache has none of this recipe (about 40 s; 100 s with desktops)."""
    root = path(flavour)
    if root.exists():
        return root
    need("mmdebstrap", "mmdebstrap")
    need_root()
    with cache_lock():
        if root.exists():
            return root
        # Below the cache, so that the move is atomic; readable, as a root directory has to be.
        tmp = tempfile.mkdtemp(prefix="new-", dir=CACHE)
        try:
            _debootstrap(f"{tmp}/root", FLAVOURS[flavour].split())
            _configure(f"{tmp}/root")
            os.rename(f"{tmp}/root", root)
        finally:
            shutil.rmtree(tmp, ignore_errors=True)
        for old in CACHE.glob(f"rootfs-{flavour}-*"):
            if old != root:
                shutil.rmtree(old, ignore_errors=True)
    return root


def _debootstrap(root, packages):
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{d}/*" for d in ("doc", "man", "locale", "info")]
    mirror = os.environ.get("OVIRT_GUEST_AGENT_TEST_MIRROR")
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=essential", "--format=directory", *excluded,
         "--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"',
         '--aptopt=Acquire::Retries "3"', "--include=" + ",".join(PACKAGES + packages), suite(), root,
         *([mirror] if mirror else [])],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900)
    if done.returncode:
        text = done.stdout[-3000:]
        network = any(s in text for s in ("Could not connect", "Temporary failure", "Could not resolve",
                                          "Connection failed", "Failed to fetch", "Unable to connect"))
        raise BedError(("the package mirror cannot be reached; the test bed needs it once (set "
                        "OVIRT_GUEST_AGENT_TEST_MIRROR for another one)" if network else "mmdebstrap failed")
                       + ":\n" + text)


def _configure(root):
    for user in USERS:
        host_run("chroot", root, "useradd", "--create-home", "--shell", "/bin/bash", "--password", PASSWORD, user)
    host_run("chroot", root, "useradd", "--system", "--create-home", "greeter")
    for source, destination, mode in FILES:
        target = f"{root}/{destination}"
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(HERE / "guest" / source, target)
        os.chmod(target, mode)
    for manager, units in (("system", MASKED), ("user", MASKED_FOR_USERS)):
        os.makedirs(f"{root}/etc/systemd/{manager}", exist_ok=True)
        for unit in units:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f"{root}/etc/systemd/{manager}/{unit}")
            os.symlink("/dev/null", f"{root}/etc/systemd/{manager}/{unit}")
    os.makedirs(f"{root}/etc/systemd/system.conf.d", exist_ok=True)
    with open(f"{root}/etc/systemd/system.conf.d/bed.conf", "w") as f:
        f.write("[Manager]\nDefaultTimeoutStopSec=10s\n")
    with open(f"{root}/etc/hostname", "w") as f:
        f.write("bed\n")
    with open(f"{root}/etc/hosts", "w") as f:
        f.write("127.0.0.1 localhost\n127.0.1.1 bed.example.org bed\n")
    with open(f"{root}/etc/fstab", "w") as f:
        f.write("/dev/vda / ext4 defaults 0 0\n")
