# SPDX-License-Identifier: Apache-2.0
"""The whole way in one machine: the host's "login", the agent, the signal, the module in an application that uses PAM, and
pam_unix with accounts of the case's own."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest
from rig.agent import WRAPPER
from rig.pace import scaled
from rig.sign_on import ALICE, ALICE_UID, GREETER, GREETER_UID, NOTHING, PASSWORD, SignOn, write_accounts

pytestmark = pytest.mark.usefixtures("pam_unix_under_sanitizers")

MODULE, DRIVER = os.environ["PAM_OVIRT_CRED"], os.environ["PAM_DRIVER"]
# Of Linux-PAM's <security/_pam_types.h>.
SUCCESS, AUTH_ERR, AUTHINFO_UNAVAIL, USER_UNKNOWN, AUTHTOK_ERR = 0, 7, 9, 10, 20
CLIENTS_MAX = 16                         # of the agent's
LOCKED = {**ALICE, "locked": True}


class Stack(SignOn):
    """A seat, and an application whose users are authenticated as those of gdm are."""

    def __init__(self, party, bus, *sessions, timeout=10, **options):
        super().__init__(party, bus, *sessions, **options)
        write_accounts(Path(party.directory) / "etc", sso=f"auth requisite {MODULE} socket={self.path} timeout={timeout}\n"
                       "auth required pam_unix.so nodelay\n")
        self._enter = ["nsenter", "--target", str(self.agent.pid), "--mount", "--net", "--"]

    def start(self, *arguments):
        """The application, which waits for the answers to its question."""
        return subprocess.Popen([*self._enter, *WRAPPER, DRIVER, "/etc/pam.d", "sso", "env=XDG_SEAT=seat0", *arguments],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def authenticate(self, *tokens, user=None, options=()):
        """For each token, (PAM's code, who it is)."""
        return self.finish(self.start(*([f"user={user}"] if user else []), *options), *tokens)

    @staticmethod
    def finish(application, *tokens):
        text, _ = application.communicate("".join(f"{t}\n" for t in tokens), timeout=scaled(30))
        assert application.returncode == 0
        found = [(int(code), name or None)
                 for code, name in re.findall(r"^authenticate (\d+)\n(?:setcred 0\nuser (.*)\n)?", text, re.M)]
        assert len(found) == len(tokens)
        return found


@pytest.fixture
def bus(party):
    return party.bus()


@pytest.fixture
def greeter(party, bus):
    seat = Stack(party, bus, GREETER, active="c1")
    seat.shown = seat.screen(GREETER_UID)
    return seat


def wrong(n):
    return f"{n:032x}"


@pytest.mark.parametrize("user, found", [("alice", "alice"), ("alice@d", "alice@d"), ("alice@e", "alice"),
                                         ("bob@d", "bob@d")])
def test_login(greeter, user, found):
    greeter.login(user, PASSWORD)
    token = greeter.shown.token()
    assert greeter.authenticate(token, token) == [(SUCCESS, found), (AUTHINFO_UNAVAIL, None)]


def test_the_password_is_pams_to_judge(greeter):
    greeter.login("alice", "wr0ng")
    assert greeter.authenticate(greeter.shown.token()) == [(AUTH_ERR, None)]
    greeter.login("nobody@d", PASSWORD)
    assert greeter.authenticate(greeter.shown.token(2)) == [(USER_UNKNOWN, None)]
    greeter.login("alice", PASSWORD)
    assert greeter.authenticate(greeter.shown.token(3)) == [(SUCCESS, "alice")]


@pytest.mark.parametrize("user, code", [("alice", SUCCESS), ("alice@d", SUCCESS), ("bob@d", AUTH_ERR)])
def test_unlock(party, bus, user, code):
    """The application names the session's user; the host's name for that user may be another."""
    seat = Stack(party, bus, LOCKED, active="1")
    shell = seat.screen(ALICE_UID)
    seat.login(user, PASSWORD)
    assert seat.authenticate(shell.token(), user="alice") == [(code, "alice" if code == SUCCESS else None)]


def test_nobody_is_to_be_logged_in(greeter):
    begin = time.monotonic()
    assert greeter.authenticate(wrong(1)) == [(AUTHINFO_UNAVAIL, None)]
    assert time.monotonic() - begin < scaled(1)


def test_once_also_for_those_who_come_at_once(greeter):
    greeter.login("alice", PASSWORD)
    codes = sorted(code for code, _ in greeter.authenticate(*[greeter.shown.token()] * 12, options=["threads"]))
    assert codes == [SUCCESS] + [AUTHINFO_UNAVAIL] * 11


def test_guessers_do_not_stop_the_one_who_knows(greeter):
    """More of them than the agent listens to at a time."""
    greeter.login("alice", PASSWORD)
    token = greeter.shown.token()
    guessers = greeter.start("threads")
    guessers.stdin.write("".join(f"{wrong(n)}\n" for n in range(3 * CLIENTS_MAX)))
    guessers.stdin.close()
    greeter.wait_log("has a wrong token")
    assert greeter.authenticate(token) == [(SUCCESS, "alice")]
    codes = re.findall(r"^authenticate (\d+)$", guessers.stdout.read(), re.M)
    assert guessers.wait() == 0 and len(codes) == 3 * CLIENTS_MAX
    # Who had to make room for others has no answer; the rest wait for theirs, also if the offer ends meanwhile.
    assert set(map(int, codes)) <= {AUTH_ERR, AUTHINFO_UNAVAIL} and codes.count(str(AUTH_ERR)) >= CLIENTS_MAX // 2


def test_a_guesser_waits(greeter):
    greeter.login("alice", PASSWORD)
    token = greeter.shown.token()
    begin = time.monotonic()
    assert greeter.authenticate(wrong(7), token) == [(AUTH_ERR, None), (SUCCESS, "alice")]
    assert time.monotonic() - begin >= 1


def test_the_agent_ends_while_it_is_asked(greeter):
    greeter.login("alice", PASSWORD)
    greeter.shown.token()
    application = greeter.start()
    application.stdin.write(f"{wrong(7)}\n")
    application.stdin.close()
    greeter.wait_log("has a wrong token")
    greeter.agent.kill()
    # AUTHINFO_UNAVAIL.
    assert "authenticate 9\n" in application.stdout.read() and application.wait() == 0


def test_an_agent_that_does_not_answer(party, bus):
    """The application has its answer in time. When the agent goes on, nobody has what was offered, and no longer can."""
    seat = Stack(party, bus, GREETER, active="c1", timeout=1)
    screen = seat.screen(GREETER_UID)
    seat.login("alice", PASSWORD)
    token = screen.token()
    with seat.agent.asleep():
        begin = time.monotonic()
        assert seat.authenticate(token) == [(AUTHINFO_UNAVAIL, None)]
        assert 1 <= time.monotonic() - begin < scaled(3)
    seat.wait_log("has left without the credentials: they are dropped")
    assert seat.agent.log("has fetched") == []
    assert seat.fetch(token)[0] == NOTHING


# --- the service's file of each family of distributions

UNIX = "auth sufficient pam_unix.so nodelay\nauth required pam_deny.so\naccount required pam_unix.so\n"
# What it includes: the same files in the same order, with those modules that everybody has.
INCLUDED = {
    "arch": {
        "system-local-login": "auth include system-login\naccount include system-login\nsession include system-login\n",
        "system-login": "auth requisite pam_nologin.so\nauth include system-auth\naccount include system-auth\n"
                        "session include system-auth\n",
        "system-auth": UNIX + "session required pam_permit.so\n",
    },
    "debian": {
        "common-auth": "auth [success=1 default=ignore] pam_unix.so nodelay\nauth requisite pam_deny.so\n"
                       "auth required pam_permit.so\n",
        "common-account": "account required pam_unix.so\n",
        "common-session": "session required pam_permit.so\n",
    },
    "redhat": {
        "password-auth": UNIX + "session required pam_permit.so\n",
        "postlogin": "session optional pam_permit.so\n",
    },
    "suse": {
        "common-auth": "auth sufficient pam_unix.so try_first_pass nodelay\nauth required pam_deny.so\n",
        "common-account": "account sufficient pam_unix.so\naccount required pam_deny.so\n",
        "common-session": "session required pam_permit.so\n",
        "postlogin-auth": "auth optional pam_permit.so\n",
        "postlogin-account": "account optional pam_permit.so\n",
        "postlogin-session": "session optional pam_permit.so\n",
    },
}


@pytest.fixture
def layout(greeter, party):
    """Puts the service of a family of distributions in place of the case's own."""
    def layout(family, leave_out=(), postlogin=""):
        services = Path(party.directory) / "etc/pam.d"
        for name, text in INCLUDED[family].items():
            if name not in leave_out:
                (services / name).write_text(text)
        text = (Path(__file__).parents[2] / f"pam_ovirt_cred/gdm-ovirtcred.{family}").read_text()
        (services / "sso").write_text(text.replace("pam_ovirt_cred.so", f"{MODULE} socket={greeter.path} timeout=10")
                                      .replace("@postlogin@", postlogin))
    return layout


def test_all_layouts_are_tried():
    assert {p.suffix[1:] for p in (Path(__file__).parents[2] / "pam_ovirt_cred").glob("gdm-ovirtcred.*")} == set(INCLUDED)


@pytest.mark.parametrize("family", INCLUDED)
def test_layout(greeter, layout, family):
    """The distribution's own modules get the password, and the last word. No password can be changed."""
    layout(family)
    greeter.login("alice", "wr0ng")
    assert greeter.authenticate(greeter.shown.token()) == [(AUTH_ERR, None)]
    greeter.login("alice", PASSWORD)
    application = greeter.start("account")
    text, _ = application.communicate(greeter.shown.token(2) + "\n", timeout=scaled(30))
    said = text.splitlines()
    assert [line for line in said if line.startswith(("hidden", "visible"))] == ["hidden Token? "]
    for line in f"authenticate {SUCCESS}", f"setcred {SUCCESS}", f"account {SUCCESS}", f"password {AUTHTOK_ERR}", "user alice":
        assert line in said


def test_layout_of_an_older_suse(greeter, layout):
    """It has no files for what follows a login: where they were included all the same, nobody would be let in."""
    missing = [name for name in INCLUDED["suse"] if name.startswith("postlogin")]
    for postlogin, code in ("#", SUCCESS), ("", None):
        layout("suse", leave_out=missing, postlogin=postlogin)
        greeter.login("alice", PASSWORD)
        (found, _), = greeter.authenticate(greeter.shown.token(1 + (code is None)))
        assert (found == SUCCESS) == (code == SUCCESS)
