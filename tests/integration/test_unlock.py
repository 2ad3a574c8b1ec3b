# SPDX-License-Identifier: Apache-2.0
"""Unlocking a session whose desktop does not know of single sign-on: the agent verifies the password by PAM, with the
real modules and accounts of the case's own, and asks the login manager."""

from pathlib import Path

import pytest
from rig.caller import Caller
from rig.pace import scaled, until
from rig.sign_on import PASSWORD as SECRET
from rig.sign_on import ALICE, ALICE_UID, BOB, GREETER, GREETER_UID, OK, SignOn, memory_holds, write_accounts

pytestmark = pytest.mark.usefixtures("pam_unix_under_sanitizers")

LOCKED = {**ALICE, "locked": True}
SERVICE = "auth required pam_unix.so\naccount required pam_unix.so\n"
UNLOCK = "[credentials]\nunlock = true\n"


class Unlock(SignOn):
    """A seat whose accounts all have the same password."""

    def __init__(self, party, bus, *sessions, service=SERVICE, config=UNLOCK, **options):
        super().__init__(party, bus, *sessions, config=config, **options)
        self.etc = Path(party.directory) / "etc"
        write_accounts(self.etc, ovirt_guest_agent=service)
        self.begin()

    @property
    def unlocked(self):
        return [arguments[0] for _, *arguments in self.logins.calls("UnlockSession")]


@pytest.fixture
def bus(party):
    return party.bus()


@pytest.mark.parametrize("user", ["alice", "alice@d", "alice@e"])
def test_unlocked(party, bus, user):
    """By the right password, whatever the user is called; no signal is sent, and nothing offered."""
    seat = Unlock(party, bus, LOCKED, active="1")
    shell = seat.screen(ALICE_UID)
    seat.login(user, SECRET)
    seat.wait_log("Unlocking session 1")
    until(lambda: seat.unlocked == ["1"])
    assert shell.tokens == []
    assert not memory_holds(seat.agent.pid, SECRET)


@pytest.mark.parametrize("user, password, why", [
    ("alice", "wr0ng", "the password is not its user's"), ("bob@d", SECRET, "the password is not its user's"),
    ("nobody@d", SECRET, "the password is not its user's"), ("expired@d", SECRET, "the password is not its user's"),
    ("root@d", SECRET, "the password is not its user's")], ids=["password", "user", "unknown", "expired", "root"])
def test_stays_locked(party, bus, user, password, why):
    seat = Unlock(party, bus, LOCKED, active="1")
    seat.login(user, password)
    seat.wait_log(f"Session 1 stays locked: {why}")
    assert seat.unlocked == []


def test_without_a_pam_service(party, bus):
    """Without the file, Linux-PAM takes "other", which refuses everything."""
    seat = Unlock(party, bus, LOCKED, active="1")
    (seat.etc / "pam.d/ovirt-guest-agent").unlink()
    seat.login("alice", SECRET)
    seat.wait_log("Session 1 stays locked")
    assert seat.unlocked == []


@pytest.mark.parametrize("sessions, active", [
    ([ALICE], "1"), ([LOCKED, BOB], "2"), ([{**LOCKED, "state": "closing"}], "1"), ([LOCKED], "")])
def test_only_what_the_seat_shows_locked(party, bus, sessions, active):
    seat = Unlock(party, bus, *sessions, active=active)
    seat.login("alice", SECRET)
    seat.wait_log("The host's login is dropped")
    assert seat.unlocked == []


def test_a_login_screen_gets_the_signal(party, bus):
    seat = Unlock(party, bus, LOCKED, GREETER, active="c1")
    screen = seat.screen(GREETER_UID)
    seat.login("alice", SECRET)
    assert seat.fetch(screen.token())[0] == OK
    assert seat.unlocked == []


def test_a_lock_screen_that_signs_on_gets_the_signal(party, bus):
    """As GNOME's, while the session's agent says so."""
    seat = Unlock(party, bus, LOCKED, active="1")
    shell = seat.screen(ALICE_UID)
    agent = party.keep(Caller(bus, ALICE_UID))
    agent.register("1", **{"lock": True, "sign-on": True})
    seat.login("alice", SECRET)
    assert seat.fetch(shell.token())[0] == OK
    assert seat.unlocked == []
    agent.unregister()
    agent.register("1", lock=True)
    seat.login("alice", SECRET)
    seat.wait_log("Unlocking session 1")
    assert len(shell.tokens) == 1


def test_off_by_default(party, bus):
    seat = Unlock(party, bus, LOCKED, active="1", config="")
    shell = seat.screen(ALICE_UID)
    seat.login("alice", SECRET)
    assert seat.fetch(shell.token())[0] == OK
    assert seat.unlocked == []


class Slow(Unlock):
    """PAM takes as long as the case wants: go() ends it."""

    def __init__(self, party, bus, *sessions, **options):
        gate = Path(party.directory) / "gate"
        started = Path(party.directory) / "started"
        script = Path(party.directory) / "wait"
        script.write_text(f"#!/bin/sh\necho >>{started}\nwhile [ ! -e {gate} ]; do sleep 0.05; done\n")
        script.chmod(0o755)
        self.started = started
        self.go = gate.touch
        super().__init__(party, bus, *sessions, service=f"auth required pam_exec.so quiet {script}\n{SERVICE}", **options)

    def begin_login(self):
        count = len(self.started.read_text()) if self.started.exists() else 0
        self.login("alice", SECRET)
        until(lambda: self.started.exists() and len(self.started.read_text()) > count, what="PAM")


def test_pam_takes_its_time(party, bus):
    """Which keeps nobody waiting."""
    seat = Slow(party, bus, LOCKED, active="1")
    seat.begin_login()
    assert not memory_holds(seat.agent.pid, SECRET)
    beats = len(seat.host.messages("heartbeat"))
    seat.waits(lambda: len(seat.host.messages("heartbeat")) >= beats + 2, scaled(4), "heartbeats")
    assert seat.unlocked == []
    seat.go()
    until(lambda: seat.unlocked == ["1"])


@pytest.mark.parametrize("change", ["unlocked", "switched", "ended", "another"])
def test_what_the_seat_shows_when_it_is_verified_counts(party, bus, change):
    seat = Slow(party, bus, LOCKED, active="1")
    seat.begin_login()
    if change == "unlocked":
        seat.logins.change("1", LockedHint=False)
    elif change == "switched":
        seat.logins.add(**BOB, locked=True)
        seat.logins.activate("2")
    else:
        seat.logins.remove("1")
    if change == "another":
        seat.logins.add(**{**BOB, "session": "1"}, locked=True)
        seat.logins.activate("1")
    seat.host.collect(scaled(0.6))
    seat.go()
    seat.wait_log("Session 1 is not unlocked")
    assert seat.unlocked == []


def test_a_newer_login_takes_the_place(party, bus):
    seat = Slow(party, bus, LOCKED, active="1")
    seat.begin_login()
    first = set(seat.agent.family())
    seat.begin_login()
    until(lambda: not (first - {seat.agent.pid}) & set(seat.agent.family()), what="the first one to end")
    seat.login("alice", "")
    until(lambda: len(seat.agent.family()) == 1, what="the second one to end")
    seat.go()
    seat.fence()
    assert seat.unlocked == []
