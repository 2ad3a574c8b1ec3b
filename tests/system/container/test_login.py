# SPDX-License-Identifier: Apache-2.0
"""Single sign-on in the service's sandbox, with real bus, login manager and PAM. Everybody's password is "secret"."""
import re

import pytest
from helpers import AT_ONCE, UNIT, configure, journal, pid_of_agent, until, until_obeyed, write_file
from logins import Login
from sign_on import listen, login, tokens

pytestmark = pytest.mark.usefixtures("clean_journal", "locked_session_of_alice")

DIRECTORY = "/run/ovirt-guest-agent"
FETCH = """
import socket, struct, sys
s = socket.socket(socket.AF_UNIX)
s.connect("/run/ovirt-guest-agent/credentials")
token = sys.argv[1].encode()
s.sendall(struct.pack(">4sBcH", b"OGAC", 1, b"Q", len(token)) + token)
data = b""
while piece := s.recv(8192):
    data += piece
print(data[8], data[13:].split(b"\\0"))
"""


@pytest.fixture
def unlock():
    """Whether the agent itself unlocks; a test's parameter overrides this."""
    return False


@pytest.fixture
def locked_session_of_alice(guest, host, unlock):
    configure(guest, "credentials", unlock="true" if unlock else "false")
    guest.run("systemctl", "restart", UNIT)
    host.expect("session-startup", within=3)
    until_obeyed(guest)
    with Login(guest, "alice") as login:
        host.expect("session-logon", within=5)
        login.hint(True)
        host.expect("session-lock", within=AT_ONCE)
        yield login


def test_token_and_credentials(guest, host):
    for user in "alice", "bob":
        listen(guest, user, f"/run/heard-{user}")
    try:
        login(host, "alice@example", "secret")
        token = until(lambda: tokens(guest, "/run/heard-alice"), 5, "the token")[0]
        assert guest.run("python3", "-c", FETCH, token) == "1 [b'alice@example', b'secret', b'']\n"
        assert guest.run("python3", "-c", FETCH, token).startswith("2 ")
        assert tokens(guest, "/run/heard-bob") == []
    finally:
        guest.run("systemctl", "stop", "screen-alice", "screen-bob")


def pamtester(guest, token, *words):
    """The application of the manual page: the login screen's conversation at seat0, in the service as it is installed."""
    write_file(guest, "/run/answer", token + "\n")
    return guest.run("sh", "-c", 'pamtester -E XDG_SEAT=seat0 gdm-ovirtcred "$@" </run/answer', "sh", *words, check=False)


def test_pam(guest, host):
    """The distribution's own modules have the last word, also of an account."""
    path = "/run/heard-alice"
    listen(guest, "alice", path)
    try:
        login(host, "alice@example", "not it")
        token = until(lambda: tokens(guest, path), 5, "the token")[-1]
        assert pamtester(guest, token, "alice", "authenticate").rc != 0
        assert "pam_unix(gdm-ovirtcred:auth): authentication failure" in guest.run("journalctl", "-q", "-o", "cat")
        login(host, "alice@example", "secret")
        token = until(lambda: tokens(guest, path)[1:], 5, "the next token")[-1]
        # Who is to be logged in, the module says.
        seen = pamtester(guest, token, "", "authenticate", "acct_mgmt")
        assert seen.rc == 0 and "successfully authenticated" in seen, seen
        assert "cannot retrieve authentication info" in pamtester(guest, token, "", "authenticate")
        login(host, "bob@example", "secret")
        token = until(lambda: tokens(guest, path)[2:], 5, "the token of another user's")[-1]
        assert pamtester(guest, token, "alice", "authenticate").rc != 0
        text = guest.run("journalctl", "-q", "-o", "cat")
        assert "refused: these are another user's credentials" in text
        assert "secret" not in text and token not in text
    finally:
        guest.run("systemctl", "stop", "screen-alice")


def test_the_door_is_closed_to_users(guest):
    found = guest.run("stat", "-c", "%a %U", DIRECTORY, f"{DIRECTORY}/credentials")
    assert found.splitlines() == ["700 root", "600 root"]
    for deed in f"ls {DIRECTORY}", f"touch {DIRECTORY}/x", f"rm -f {DIRECTORY}/credentials":
        assert guest.run("runuser", "-u", "bob", "--", "sh", "-c", deed, check=False).rc != 0


def test_memory_may_be_locked(guest):
    """The container itself lets nobody do it, so this is about the limit: the machine has the rest."""
    limits = guest.run("cat", f"/proc/{pid_of_agent(guest)}/limits")
    assert re.search(r"Max locked memory\s+1048576\s+1048576\s+bytes", limits)


@pytest.mark.parametrize("unlock", [True])
def test_unlock(guest, host):
    """Out of the sandbox: only with the right password, and the right user's."""
    for user, password in ("alice", "wrong"), ("bob@d", "secret"):
        login(host, user, password)
        until(lambda: "stays locked: the password is not its user's" in journal(guest, "-n", "3"), 10, "the refusal")
        guest.run("journalctl", "--rotate")
        guest.run("journalctl", "--vacuum-time=1s")
    login(host, "alice@d", "secret")
    until(lambda: "Unlocking session" in journal(guest, "-n", "3"), 10, "the unlock")
    assert "secret" not in guest.run("journalctl", "-q", "--no-pager")
