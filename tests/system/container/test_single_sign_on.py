# SPDX-License-Identifier: Apache-2.0
"""From the host's login to a desktop: GDM, gnome-shell and the distribution's PAM stack as they are.

A container has no display, so the login screen comes to a display in memory over XDMCP. For GDM that is another machine
and no seat: the sessions are put to seat0 by pam_env, and the module is told to serve them, which it does not by itself.
"""
import re

import pytest
from helpers import UNIT, journal, until, write_file
from logins import keyring_is_locked, make_keyring
from sign_on import NOBODY, Knocker, hint, listen, lock, log_of, login, shell_of, tokens, unlock

SERVICE = "/etc/pam.d/gdm-ovirtcred"
ELSEWHERE = "allow_remote any_seat debug"
PASSWORD = "Kj7 žluť-sso"
HEARD = "/run/heard-alice"
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
            login(host, "alice", PASSWORD)
        session = until(self.session, 40, "alice is logged in")
        until(lambda: shell_of(self.guest, "alice"), 40, "alice's desktop")
        return session


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
    login(host, "alice", PASSWORD)
    until(lambda: log_of(guest, "pam_ovirt_cred.*refused: the login comes from another machine"), 20, "the refusal")
    assert not screen.session() and not log_of(guest, "has fetched the credentials")
    login(host, "alice", "")             # takes back what is offered


def test_login_after_a_wrong_password(guest, host, screen):
    screen.serve(ELSEWHERE)
    screen.show()
    login(host, "alice", "not it")
    until(lambda: log_of(guest, r"pam_unix\(gdm-ovirtcred:auth\): authentication failure"), 20, "the distribution's refusal")
    assert not screen.session()
    # The screen shows its ordinary prompt again, and hears the next one.
    login(host, "alice@internal-authz", PASSWORD)
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
    login(host, "alice", PASSWORD)
    until(lambda: "The host's login is dropped: the session at the seat is not locked" in journal(guest), 5, "the log")
    lock(guest, session)
    # The next lock is not tried with what was meant for another time.
    unlock(guest, session)
    assert len(log_of(guest, "has fetched the credentials")) == fetched


def test_unlock(guest, host, screen):
    session = screen.log_in(host)
    lock(guest, session)
    login(host, "bob", PASSWORD)
    until(lambda: "The host's login is dropped: the locked session is another user's" in journal(guest), 5, "the log")
    assert hint(guest, session) == "yes"
    login(host, "alice", PASSWORD)
    until(lambda: hint(guest, session) == "no", 20, "the screen is unlocked")
    assert screen.session() == session


def test_unlock_after_a_wrong_password(guest, host, screen):
    session = screen.log_in(host)
    lock(guest, session)
    failures = len(log_of(guest, r"pam_unix\(gdm-ovirtcred:auth\): authentication failure"))
    login(host, "alice", "not it")
    until(lambda: len(log_of(guest, r"pam_unix\(gdm-ovirtcred:auth\): authentication failure")) > failures, 20, "the refusal")
    assert hint(guest, session) == "yes"
    login(host, "alice", PASSWORD)
    until(lambda: hint(guest, session) == "no", 30, "the screen is unlocked")


# --- by whoever is logged in: GDM has a conversation with PAM for each of them


@pytest.fixture
def bob(guest, screen, host):
    """Who is logged in at the seat, behind alice's session."""
    shown = screen.log_in(host)
    with Knocker(guest, "bob") as bob:
        guest.run("loginctl", "activate", shown)
        yield bob


@pytest.fixture
def offered(guest, host, bob, screen):
    """Alice's locked session, whose shell has no time to answer while her login is offered. Her programs have the token."""
    session = screen.log_in(host)
    lock(guest, session)
    listen(guest, "alice", HEARD)
    guest.run("pkill", "-STOP", "-u", "alice", "-x", "gnome-shell")
    login(host, "alice", PASSWORD)
    until(lambda: tokens(guest, HEARD), 5, "the token")
    yield session
    guest.run("pkill", "-CONT", "-u", "alice", "-x", "gnome-shell")
    guest.run("systemctl", "stop", "screen-alice")
    unlock(guest, session)


def test_knock_with_nothing_offered(guest, host, bob):
    said = bob.knock("gdm-ovirtcred", "bob", NOBODY)
    assert "SecretInfoQuery gdm-ovirtcred Token?" in said and "VerificationFailed" in said


def test_knock_and_guess(guest, host, bob, offered):
    """Whomever he asks for; it takes time, and stops nobody."""
    before = len(log_of(guest, "has a wrong token"))
    for user in "bob", "alice", "":
        said = bob.knock("gdm-ovirtcred", user, NOBODY)
        assert "VerificationFailed" in said and "Complete" not in said and "alice" not in said
    assert len(log_of(guest, "has a wrong token")) == before + 3
    assert hint(guest, offered) == "yes"
    guest.run("pkill", "-CONT", "-u", "alice", "-x", "gnome-shell")
    until(lambda: hint(guest, offered) == "no", 20, "the screen is unlocked")


@pytest.mark.parametrize("user", ["bob", "alice", ""])
def test_knock_with_a_stolen_token(guest, host, bob, offered, user):
    """He gets nothing that is alice's, and has to be told it by somebody. The host's next login works."""
    opened = len(log_of(guest, r"pam_unix\(gdm-ovirtcred:session\): session opened"))
    said = bob.knock("gdm-ovirtcred", user, tokens(guest, HEARD)[-1])
    assert PASSWORD not in said and ("VerificationFailed" in said) == (user == "bob")
    if user == "bob":
        assert log_of(guest, "refused: these are another user's credentials")
    assert hint(guest, offered) == "yes"
    assert len(log_of(guest, r"pam_unix\(gdm-ovirtcred:session\): session opened")) == opened
    guest.run("pkill", "-CONT", "-u", "alice", "-x", "gnome-shell")
    until(lambda: log_of(guest, "the agent has nothing to hand out"), 20, "the shell's turn")
    login(host, "alice", PASSWORD)
    until(lambda: hint(guest, offered) == "no", 30, "the screen is unlocked")


def test_knock_from_elsewhere(guest, host, screen):
    """A session that has no seat, as it is installed: GDM names a virtual terminal to PAM all the same."""
    screen.log_in(host)
    screen.serve("")
    with Knocker(guest, "bob", seat=None) as bob:
        said = bob.knock("gdm-ovirtcred", "bob", NOBODY)
        assert "ServiceUnavailable" in said and "Token?" not in said
    assert log_of(guest, "pam_ovirt_cred.*refused: the login is not at seat0")


def test_knock_without_a_session(guest, host, screen):
    with Knocker(guest, "bob", seat=None) as bob:
        command = ["runuser", "-u", "bob", "--", *bob.command("gdm-ovirtcred", "bob", NOBODY)]
    assert "No session available" in guest.run(*command, check=False)


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
