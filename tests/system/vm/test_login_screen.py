# SPDX-License-Identifier: Apache-2.0
"""Single sign-on where people have it: GDM and gnome-shell on the screen of a machine, at seat0. Everything is as it is
installed. Without KVM this takes its time: gnome-shell draws, and the processor is emulated."""
import time

import pytest
from bed.vm import VM
from helpers import UNIT, unit, until, write_file
from hostconsole import Host
from sign_on import NOBODY, hint, lock, log_of, login, shell_of

PASSWORD = "Kj7 žluť-sso"
VIDEO = ["-device", "virtio-vga"]


@pytest.fixture(scope="module")
def guest(product):
    with VM("system-l", product, memory=2048, extra=VIDEO, flavour="desktop") as vm:
        until(lambda: unit(vm, "ActiveState") == "active", 60, f"udev starts {UNIT} at boot")
        vm.run("chpasswd", stdin=f"alice:{PASSWORD}\n")
        vm.run("systemctl", "start", "gdm", timeout=300)
        until(lambda: "Registering session with GDM" in vm.run("journalctl", "-q", "-o", "cat", "_COMM=gnome-shell"),
              1200, "a login screen")
        yield vm


@pytest.fixture
def host(guest):
    with Host.connect_to(guest.port) as host:
        # No whole set: while a desktop starts here, some reports take longer than a set waits for.
        host.expect("version", to=3, within=20)
        yield host


def session_of(guest, user):
    for line in guest.run("loginctl", "list-sessions", "--no-legend").splitlines():
        if line.split()[2] == user:
            return line.split()[0]
    return None


def log_in_until(guest, host, password, condition):
    """An offer may have expired when a screen that is drawn this slowly hears of it: the host's user tries again then."""
    for _ in range(10):
        login(host, "alice", password)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(1)
    pytest.fail("\n".join(log_of(guest, "ovirt|gdm-password|gnome-shell")[-40:]), pytrace=False)


@pytest.mark.parametrize("where", [["-E", "XDG_SEAT=seat1"], ["-E", "XDG_SEAT=seat0", "-I", "rhost=other.example.org"], [],
                                   ["-I", "tty=/dev/tty1"]], ids=" ".join)
def test_places_refused(guest, where):
    """The token is not asked for."""
    write_file(guest, "/run/answer", NOBODY + "\n")
    said = guest.run("sh", "-c", 'pamtester "$@" </run/answer', "sh", *where, "gdm-ovirtcred", "", "authenticate", check=False,
                     timeout=60)
    assert "Authentication service cannot retrieve authentication info" in said and "Token" not in said
    assert log_of(guest, "pam_ovirt_cred.*refused: the login")


def test_login_at_seat0(guest, host):
    login(host, "alice", PASSWORD)
    host.expect("active-user", name="alice", within=300)
    host.expect("session-logon", within=30)
    session = session_of(guest, "alice")
    properties = guest.run("loginctl", "show-session", session)
    for line in "Seat=seat0", "Remote=no", "Service=gdm-ovirtcred", "Class=user":
        assert line in properties.splitlines()
    text = guest.run("journalctl", "-q", "-b", "-o", "cat")
    assert "has fetched the credentials" in text and PASSWORD not in text


def test_unlock_at_seat0(guest, host):
    """The session that the host has logged in to."""
    session = session_of(guest, "alice")
    until(lambda: shell_of(guest, "alice"), 600, "alice's desktop")
    lock(guest, session, within=300)
    host.expect("session-lock", within=30)
    log_in_until(guest, host, "not it", lambda: log_of(guest, r"pam_unix\(gdm-ovirtcred:auth\): authentication failure"))
    assert hint(guest, session) == "yes"
    log_in_until(guest, host, PASSWORD, lambda: hint(guest, session) == "no")
    host.expect("session-unlock", within=30)
    assert session_of(guest, "alice") == session
