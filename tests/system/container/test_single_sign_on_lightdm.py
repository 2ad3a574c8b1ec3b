# SPDX-License-Identifier: Apache-2.0
"""From the host's login to a session at LightDM, with a greeter that knows nothing of it and all else as it is installed.

A container has no display, so LightDM starts X servers that draw into memory. The greeter's session is at seat0 all the same.
"""
import re

import pytest
from helpers import UNIT, journal, until, write_file

PASSWORD = "Kj7 zlut-sso"
LOG = "/var/log/lightdm/lightdm.log"
TOKEN_USER = ":ovirt-token"
WRAPPER = "/usr/libexec/ovirt-lightdm-wrapper"

pytestmark = pytest.mark.desktop


@pytest.fixture(scope="module")
def flavour():
    return "desktop"


@pytest.fixture(scope="module")
def configured(guest):
    """LightDM as it is installed, but for displays in memory. Where it cannot lock what it has it falls over the first answer."""
    write_file(guest, "/etc/lightdm/lightdm.conf",
               "[LightDM]\nlogind-check-graphical=false\nlock-memory=false\n"
               "[Seat:*]\nxserver-command=/usr/local/bin/bed-xvfb-as-x\nuser-session=bed\nsession-wrapper=/usr/bin/env\n")
    write_file(guest, "/usr/share/xsessions/bed.desktop",
               "[Desktop Entry]\nType=Application\nName=bed\nExec=/usr/local/bin/bed-sleep\n")
    write_file(guest, "/usr/local/bin/bed-sleep", "#!/bin/sh\nexec sleep infinity\n")
    guest.run("chmod", "755", "/usr/local/bin/bed-sleep")
    # There are no virtual terminals: a session on none counts as shown.
    write_file(guest, "/etc/default/locale", "XDG_VTNR=0\n")
    guest.run("chpasswd", stdin=f"alice:{PASSWORD}\nbob:{PASSWORD}\n")
    guest.run("systemctl", "unmask", "display-manager")
    guest.run("systemctl", "start", UNIT)


@pytest.fixture
def screen(guest, configured):
    """LightDM with its greeter, which asks for a user, and nobody logged in."""
    guest.run("rm", "-rf", "/var/log/lightdm", check=False)
    guest.run("systemctl", "start", "lightdm")
    screen = Screen(guest)
    screen.wait_question()
    yield screen
    guest.run("systemctl", "stop", "lightdm")
    until(lambda: not guest.run("loginctl", "list-sessions", "--no-legend").strip(), 20, "the end of all sessions")


class Screen:
    def __init__(self, guest):
        self.guest = guest

    def log(self):
        return self.guest.run("cat", LOG, check=False)

    def said(self, pattern):
        return re.findall(pattern, self.log())

    def wait_said(self, pattern, within, n=1):
        until(lambda: len(self.said(pattern)) >= n, within, f"{n} times {pattern!r} in LightDM's log")

    def wait_question(self, display=":0"):
        """Until a question is on the screen, and the agent knows of the screen."""
        self.wait_said("Prompt greeter", 60)
        self._x(display, "search", "--sync", "--onlyvisible", "--class", "lightdm")
        until(lambda: "greeter" in self.shown(), 20, "the greeter's session is shown")

    def shown(self):
        """Class, user and service of the session that the seat shows."""
        id = self.guest.run("loginctl", "show-seat", "seat0", "-p", "ActiveSession", "--value").strip()
        # It may be over.
        return [self.guest.run("loginctl", "show-session", "-p", p, "--value", id, check=False).strip()
                for p in ("Class", "Name", "Service")] if id else []

    def wait_session(self, user, service="lightdm-ovirtcred"):
        until(lambda: self.shown() == ["user", user, service], 30, f"a session of {user}'s")

    def _x(self, display, *words):
        self.guest.run("xdotool", *words, env={"DISPLAY": display, "XAUTHORITY": f"/run/lightdm/root/{display}"})

    def type(self, text, display=":0"):
        self._x(display, "type", "--delay", "40", text)

    def enter(self, display=":0"):
        self._x(display, "key", "Return")

    def answer_user(self, name):
        """Returns when the password is asked for."""
        n = len(self.said("Prompt greeter"))
        self.type(name)
        self.enter()
        self.wait_said("Prompt greeter", 20, n + 1)


def login(host, user="alice", password=PASSWORD):
    host.send({"__name__": "login", "username": user, "password": password})


def refused(screen, host, n=1):
    """The host's login with a wrong password, up to the moment when the screen is as before."""
    prompts = len(screen.said("Prompt greeter"))
    login(host, password="not it")
    screen.wait_said(f"Greeter start authentication for {TOKEN_USER}", 20, n)
    screen.wait_said("Authenticate result for user alice: Authentication failure", 20, n)
    # The token's question, and what was asked before it.
    screen.wait_said("Prompt greeter", 20, prompts + 2)


def test_what_is_installed(guest, configured):
    # What counts, without the letters of the files where it says so.
    shown = guest.run("sh", "-c", "lightdm --show-config 2>&1")
    assert re.search(rf"greeter-wrapper={WRAPPER}$", shown, re.M) and re.search("pam-service=lightdm-ovirtcred$", shown, re.M)
    assert "auth     include lightdm" in guest.run("cat", "/etc/pam.d/lightdm-ovirtcred").splitlines()


def test_login(guest, host, screen):
    assert guest.run("pgrep", "-u", "lightdm", "-x", "ovirt-lightdm-w").strip()
    login(host, user="alice@internal-authz")
    screen.wait_session("alice")
    assert screen.said("Greeter requests default session") and screen.said("User alice authorized")
    host.expect("active-user", name="alice", within=5)
    # The greeter and what was between have gone.
    until(lambda: guest.run("pgrep", "-u", "lightdm", "-f", "greeter", check=False).rc == 1, 10, "the greeter's end")


def test_ordinary_login_is_as_ever(guest, host, screen):
    screen.answer_user("alice")
    screen.type(PASSWORD)
    screen.enter()
    screen.wait_session("alice")
    assert len(screen.said("Prompt greeter")) == 2 and not screen.said(TOKEN_USER)
    assert "pam_ovirt_cred" not in guest.run("journalctl", "-q", "-b", "-o", "cat", "-t", "lightdm", check=False)


def test_wrong_password_typed(host, screen):
    screen.answer_user("alice")
    screen.type("not it")
    screen.enter()
    screen.wait_said("Authenticate result for user alice: Authentication failure", 20)
    screen.wait_said("Prompt greeter", 20, 3)
    login(host)
    screen.wait_session("alice")


def test_host_after_a_wrong_password(host, screen):
    refused(screen, host)
    assert "greeter" in screen.shown()
    login(host)
    screen.wait_session("alice")


def test_refused_login_disturbs_nobody_who_types(host, screen):
    screen.type("ali")
    refused(screen, host)
    screen.answer_user("ce")
    screen.type(PASSWORD[:4])
    refused(screen, host, 2)
    screen.type(PASSWORD[4:])
    screen.enter()
    screen.wait_session("alice")
    # Once by the greeter, and once again for it.
    assert len(screen.said("Greeter start authentication for alice\n")) == 2


def test_login_while_a_password_is_verified(host, screen):
    """What somebody has typed is verified first: a wrong one takes PAM its time."""
    screen.answer_user("bob")
    screen.type("not it")
    screen.enter()
    screen.wait_said("Continue authentication", 10)
    login(host)
    screen.wait_session("alice")
    log = screen.log()
    assert log.index("Authenticate result for user bob: Authentication failure") < log.index(
        f"Greeter start authentication for {TOKEN_USER}")


def test_return_to_the_session_behind_the_greeter(guest, host, screen):
    login(host)
    screen.wait_session("alice")
    session = guest.run("loginctl", "show-seat", "seat0", "-p", "ActiveSession", "--value").strip()
    guest.run("runuser", "-u", "alice", "--", "env", "XDG_SEAT_PATH=/org/freedesktop/DisplayManager/Seat0", "dm-tool",
              "switch-to-greeter")
    screen.wait_said("Prompt greeter", 60, 3)
    until(lambda: "greeter" in screen.shown(), 20, "the greeter is shown")
    login(host)
    screen.wait_said("Returning to existing user session alice", 30)
    until(lambda: guest.run("loginctl", "show-seat", "seat0", "-p", "ActiveSession", "--value").strip() == session, 20,
          "the same session")


def test_others_cannot_speak_for_the_agent(guest, host, screen):
    """A token of somebody else's would do no harm, but interrupt who types."""
    for destination in [], ["--dest", *wrapper_connection(guest)]:
        guest.run("runuser", "-u", "bob", "--", "gdbus", "emit", "--system", *destination, "--object-path",
                  "/org/ovirt/vdsm/Credentials", "--signal", "org.ovirt.vdsm.Credentials.UserAuthenticated", '"' + 32 * "0" + '"')
    refused(screen, host)                # what came before has been heard
    assert len(screen.said(f"authentication for {TOKEN_USER}")) == 1


def wrapper_connection(guest):
    pid = guest.run("pgrep", "-u", "lightdm", "-x", "ovirt-lightdm-w").strip()
    return [line.split()[0] for line in guest.run("busctl", "list", "--no-legend", "--unique").splitlines()
            if line.split()[1] == pid]


def test_agent_that_has_begun_anew(guest, host, screen):
    guest.run("systemctl", "restart", UNIT)
    host.expect("refresh-set", version=3, within=20)
    until(lambda: f"session {greeter_session(guest)}" in journal(guest) or login(host), 30, "an offer")
    screen.wait_session("alice")


def greeter_session(guest):
    return guest.run("loginctl", "show-seat", "seat0", "-p", "ActiveSession", "--value").strip()


def test_greeter_that_dies(guest, host, screen):
    """LightDM learns of it, and the next one is as good."""
    guest.run("pkill", "-u", "lightdm", "-x", "lightdm-gtk-gre")
    until(lambda: guest.run("pgrep", "-u", "lightdm", "-x", "ovirt-lightdm-w", check=False).rc == 1 or
          len(screen.said("Greeter connected")) > 1, 20, "the end of the wrapper")


def test_elsewhere_it_only_runs_the_greeter(guest):
    assert "as ever" in guest.run(WRAPPER, "/bin/echo", "as", "ever")
    assert guest.run(WRAPPER, check=False).rc == 2
    assert guest.run(WRAPPER, "/nonexistent", check=False).rc == 127


def test_nothing_secret_is_logged(guest, host, screen):
    login(host)
    screen.wait_session("alice")
    text = guest.run("journalctl", "-q", "-b", "-o", "verbose") + guest.run("sh", "-c", "cat /var/log/lightdm/*")
    assert "The host logs somebody in" in text
    assert PASSWORD not in text and "not it" not in text
    assert not re.findall(r"\b[0-9a-f]{32}\b", guest.run("sh", "-c", "cat /var/log/lightdm/*"))
