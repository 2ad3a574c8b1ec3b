# SPDX-License-Identifier: Apache-2.0
"""From the host's login to a desktop: GDM, gnome-shell and the distribution's PAM stack as they are.

A container has no display, so the login screen comes to a display in memory over XDMCP. For GDM that is another machine
and no seat: the sessions are put to seat0 by pam_env, and the module is told to serve them, which it does not by itself.
"""
import re

import pytest
from helpers import BUS_NAME, BUS_PATH, UNIT, journal, until, write_file
from logins import as_user, escaped, keyring_is_locked, make_keyring

SERVICE = "/etc/pam.d/gdm-ovirtcred"
ELSEWHERE = "allow_remote any_seat debug"
PASSWORD = "Kj7 žluť-sso"
DISPLAY = "bed-display"

pytestmark = pytest.mark.desktop


@pytest.fixture(scope="module")
def flavour():
    return "desktop"


@pytest.fixture(scope="module")
def screen(guest):
    """The login screen, up or coming up."""
    with Screen(guest) as screen:
        yield screen


class Screen:
    def __init__(self, guest):
        self.guest = guest

    def __enter__(self):
        run = self.guest.run
        run("chpasswd", stdin=f"alice:{PASSWORD}\nbob:{PASSWORD}\n")
        make_keyring(self.guest, "alice", PASSWORD)
        run("sed", "-i", r"/^\[xdmcp\]/a Enable=true\nShowLocalGreeter=false", "/etc/gdm3/daemon.conf")
        run("tee", "/etc/bed-seat", stdin="XDG_SEAT=seat0\n")
        self.services = {}
        for service in "gdm-launch-environment", "gdm-ovirtcred":
            self.services[service] = run("cat", f"/etc/pam.d/{service}")
            run("sed", "-i", "0,/^session/s|^session|session required pam_env.so readenv=1 envfile=/etc/bed-seat\\n&|",
                f"/etc/pam.d/{service}")
        run("systemctl", "start", UNIT, "gdm")
        run("systemd-run", "-q", "--collect", "--unit", DISPLAY, "Xvfb", ":5", "-query", "127.0.0.1", "-listen", "tcp",
            "-screen", "0", "1024x768x24")
        return self

    def __exit__(self, *_):
        self.guest.run("systemctl", "stop", DISPLAY, "gdm", check=False)

    def serve(self, options):
        """Which logins the module serves."""
        self.guest.run("sed", "-i", f"s/pam_ovirt_cred.so.*/pam_ovirt_cred.so {options}/", SERVICE)

    def session(self, user="alice"):
        """The id of the user's session, if there is one."""
        for line in self.guest.run("loginctl", "list-sessions", "--no-legend").splitlines():
            if line.split()[2] == user:
                return line.split()[0]
        return None

    def show(self):
        """Returns when the login screen waits for somebody."""
        until(self._is_ready, 60, "a login screen")

    def _is_ready(self):
        shells = self.guest.run("journalctl", "-q", "-o", "cat", "_COMM=gnome-shell", f"_UID={self._uid()}", check=False)
        return "Registering session with GDM" in shells

    def _uid(self):
        return self.guest.run("id", "-u", "Debian-gdm").strip()

    def log_in(self, host):
        """The id of alice's session, which she is logged in to by the host if she is not there. Nobody logs her out: GDM does
        not always come back to a display that asks from elsewhere."""
        self.serve(ELSEWHERE)
        if not self.session():
            self.show()
            login(host)
        session = until(self.session, 40, "alice is logged in")
        until(lambda: shell_of(self.guest, "alice"), 40, "alice's desktop")
        return session


def login(host, user="alice", password=PASSWORD):
    host.send({"__name__": "login", "username": user, "password": password})


def shell_of(guest, user):
    """Whether the desktop is there: its shell can lock the screen."""
    return guest.run("pgrep", "-u", user, "-x", "gnome-shell", check=False).rc == 0 and as_user(
        guest, user, "busctl", "--user", "status", "org.gnome.ScreenSaver", check=False).rc == 0


def log_of(guest, pattern):
    return [line for line in guest.run("journalctl", "-q", "-b", "-o", "cat").splitlines() if re.search(pattern, line)]


def hint(guest, session):
    return guest.run("loginctl", "show-session", session, "-p", "LockedHint", "--value").strip()


def lock(guest, session):
    """Locks the screen, and waits until the agent knows it is."""
    def locked():
        # A desktop that has just come up does not hear it yet.
        guest.run("loginctl", "lock-session", session)
        return hint(guest, session) == "yes"
    until(locked, 30, "the screen is locked")
    until(lambda: guest.run(
        "busctl", "get-property", BUS_NAME, f"{BUS_PATH}/session/{escaped(session)}", f"{BUS_NAME}.Session", "Locked",
        check=False).strip() == "b true", 5, "the agent knows")


def unlock(guest, session):
    def unlocked():
        # A screen that is still being locked does not hear it.
        guest.run("loginctl", "unlock-session", session)
        return hint(guest, session) == "no"
    until(unlocked, 20, "the screen is unlocked")


def rules(text):
    """What a file of PAM's says, whatever it looks like."""
    return [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_the_service_is_gdms(guest, screen):
    """It differs from gdm-password of this distribution in what its comments say, and in nothing else."""
    ours, gdms = (rules(text) for text in (screen.services["gdm-ovirtcred"], guest.run("cat", "/etc/pam.d/gdm-password")))
    assert ours[0] == "auth requisite pam_ovirt_cred.so".split()
    assert ours[-1] == "password requisite pam_deny.so".split()
    assert ours[1:-1] == [rule for rule in gdms if rule[0] != "password" and "common-password" not in rule]


def test_login_screen_of_another_machine_is_refused(guest, host, screen):
    """As the product is installed."""
    screen.serve("")
    screen.show()
    login(host)
    until(lambda: log_of(guest, "pam_ovirt_cred.*refused: the login comes from another machine"), 20, "the refusal")
    assert not screen.session() and not log_of(guest, "has fetched the credentials")
    login(host, password="")             # takes back what is offered


def test_login_after_a_wrong_password(guest, host, screen):
    screen.serve(ELSEWHERE)
    screen.show()
    login(host, password="not it")
    until(lambda: log_of(guest, r"pam_unix\(gdm-ovirtcred:auth\): authentication failure"), 20, "the distribution's refusal")
    assert not screen.session()
    # The screen shows its ordinary prompt again, and hears the next one.
    login(host, user="alice@internal-authz")
    session = until(screen.session, 40, "alice is logged in")
    properties = guest.run("loginctl", "show-session", session).splitlines()
    assert "Service=gdm-ovirtcred" in properties and "Class=user" in properties
    until(lambda: shell_of(guest, "alice"), 60, "alice's desktop")


def test_keyring(guest, host, screen):
    """Nothing has to be typed for it."""
    screen.log_in(host)
    assert not keyring_is_locked(guest, "alice")


def test_nothing_is_sent_into_an_unlocked_session(guest, host, screen):
    session = screen.log_in(host)
    fetched = len(log_of(guest, "has fetched the credentials"))
    login(host)
    until(lambda: "The host's login is dropped: the session at the seat is not locked" in journal(guest), 5, "the log")
    lock(guest, session)
    # The next lock is not tried with what was meant for another time.
    unlock(guest, session)
    assert len(log_of(guest, "has fetched the credentials")) == fetched


def test_unlock(guest, host, screen):
    session = screen.log_in(host)
    lock(guest, session)
    login(host, user="bob")
    until(lambda: "The host's login is dropped: the locked session is another user's" in journal(guest), 5, "the log")
    assert hint(guest, session) == "yes"
    login(host)
    until(lambda: hint(guest, session) == "no", 20, "the screen is unlocked")
    assert screen.session() == session


def test_unlock_after_a_wrong_password(guest, host, screen):
    session = screen.log_in(host)
    lock(guest, session)
    failures = len(log_of(guest, r"pam_unix\(gdm-ovirtcred:auth\): authentication failure"))
    login(host, password="not it")
    until(lambda: len(log_of(guest, r"pam_unix\(gdm-ovirtcred:auth\): authentication failure")) > failures, 20, "the refusal")
    assert hint(guest, session) == "yes"
    login(host)
    until(lambda: hint(guest, session) == "no", 30, "the screen is unlocked")


def test_nothing_secret_is_logged(guest, screen):
    text = guest.run("journalctl", "-q", "-b", "-o", "verbose")
    assert "pam_ovirt_cred" in text
    assert PASSWORD not in text and "not it" not in text
    tokens = set(re.findall(r"\b[0-9a-f]{32}\b", guest.run("journalctl", "-q", "-b", "-o", "cat", "_COMM=ovirt-system-agent",
                                                           "+", "_COMM=gdm-session-worker", check=False)))
    assert tokens == set()


def test_pamtester(guest, host):
    """The command of the manual page."""
    write_file(guest, "/tmp/zeros", "0" * 32 + "\n")
    seen = guest.run("sh", "-c", "pamtester -E XDG_SEAT=seat0 gdm-ovirtcred '' authenticate </tmp/zeros", check=False)
    assert seen.rc != 0 and "Authentication service cannot retrieve authentication info" in seen
