# SPDX-License-Identifier: Apache-2.0
"""GNOME's keyring after a login by the host: as open as after one with a typed password."""
import pytest
from helpers import UNIT, until, until_obeyed
from logins import Login, keyring_is_locked, lock_keyring, make_keyring
from sign_on import listen, login, tokens

pytestmark = pytest.mark.desktop
HEARD = "/run/heard-alice"


@pytest.fixture(scope="module")
def flavour():
    return "desktop"


@pytest.fixture
def locked_session(guest, host):
    """Alice's, who was logged in without a password: nobody has opened her keyring. Her programs hear the tokens."""
    make_keyring(guest, "alice", "secret")
    guest.run("systemctl", "restart", UNIT)
    host.expect("session-startup", within=5)
    until_obeyed(guest)
    with Login(guest, "alice") as session:
        listen(guest, "alice", HEARD)
        yield session
        guest.run("systemctl", "stop", "screen-alice")


def sign_on(guest, host, session):
    """A second session of hers, by the host's login."""
    session.activate()
    session.hint(True)
    until(lambda: session.picture().get("Locked"), 5, "the agent knows")
    before = len(tokens(guest, HEARD))
    login(host, "alice@example", "secret")
    token = until(lambda: tokens(guest, HEARD)[before:], 10, "the token")[0]
    return Login(guest, "alice", name="sign-on", service="gdm-ovirtcred", answer=token)


def typed(guest, host, session):
    return Login(guest, "alice", name="sign-on", service="gdm-password", answer="secret")


@pytest.mark.parametrize("way", [typed, sign_on])
def test_open(guest, host, locked_session, way):
    """Again and again, and nobody but who logs in opens it."""
    for _ in range(4):
        assert keyring_is_locked(guest, "alice")
        with way(guest, host, locked_session):
            assert not keyring_is_locked(guest, "alice")
            lock_keyring(guest, "alice")
