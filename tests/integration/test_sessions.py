# SPDX-License-Identifier: Apache-2.0
"""Who sits at the guest, and whether it is locked: what the host is told; and locking and logging off."""

import time

import pytest
from gi.repository import GLib
from rig.bus import NAME, SESSION
from rig.caller import USER, Caller
from rig.pace import scaled
from rig.seat import ALICE, BOB, GREETER, Seat

OTHERS = [
    {"session": "r", "user": "remote", "seat": "", "remote": True},
    {"session": "o", "user": "other", "seat": "seat1"},
    {"session": "m", "user": "alice", "seat": "", "kind": "manager"},
    {"session": "b", "user": "cron", "seat": "", "kind": "background"},
]


@pytest.fixture
def bus(party):
    return party.bus()


@pytest.fixture
def seat(party, bus):
    """Alice's session, unlocked."""
    return Seat(party, bus, ALICE, active="1")


@pytest.fixture
def agent_of(party, bus):
    """agent_of(seat, "1", ...): the registered agent of a session."""
    def make(seat, session, uid=USER, lock=True, logout=True, **options):
        caller = party.keep(Caller(bus, uid, **options))
        seat.waits(lambda: bus.connect().has_owner(NAME), what="the agent's name")
        assert caller.register(session, lock=lock, logout=logout, version="2.0.0", desktop="Test") == path_of(session)
        return caller
    return make


def path_of(session):
    first = session[0]
    return "/org/ovirt/GuestAgent1/session/" + (f"_{ord(first):x}" if first.isdigit() else first) + session[1:]


# --- what is told, row by row


def test_log_on_and_off(party, bus):
    seat = Seat(party, bus)
    seat.logins.add(**ALICE)
    seat.logins.activate("1")
    seat.sees("active-user alice", "session-logon")
    seat.logins.remove("1")
    seat.sees("session-logoff", "active-user None")


def test_log_on_to_a_locked_session(party, bus):
    """As after a restart of the login manager: both are told, the lock once it has lasted."""
    seat = Seat(party, bus)
    seat.logins.add(**ALICE, locked=True)
    seat.logins.activate("1")
    seat.sees("active-user alice", "session-logon", "session-lock")


def test_lock_and_unlock(seat):
    for _ in range(2):
        begin = time.monotonic()
        seat.logins.change("1", LockedHint=True)
        seat.sees("session-lock", quiet=0)
        assert time.monotonic() - begin > 0.28    # it may have been xss-lock's flash
        seat.sees()
        seat.logins.change("1", LockedHint=False)
        seat.sees("session-unlock", within=0.25)


def test_a_flash_is_no_lock(seat):
    for _ in range(5):
        seat.logins.change("1", LockedHint=True)
        seat.logins.change("1", LockedHint=False)
    seat.sees()


def test_switching_users(seat):
    """To one who logs in, back to one who locked meanwhile, and to one who did not."""
    seat.logins.add(**BOB)
    seat.sees()
    seat.logins.activate("2")
    seat.sees("active-user bob", "session-unlock")
    seat.logins.change("1", LockedHint=True)
    seat.sees()
    seat.logins.activate("1")
    seat.sees("active-user alice", "session-lock")
    seat.logins.activate("2")
    seat.sees("active-user bob", "session-unlock")


def test_the_other_user_leaves(seat):
    seat.logins.add(**BOB)
    seat.logins.activate("2")
    seat.sees("active-user bob", "session-unlock")
    seat.logins.remove("1")
    seat.sees()
    seat.logins.remove("2")
    seat.sees("session-logoff", "active-user None")


def test_two_sessions_of_one_user(seat):
    """The user is the same: only what differs is told."""
    seat.logins.add("2", "alice", locked=True)
    seat.host.collect(scaled(0.5))
    seat.logins.activate("2")
    seat.sees("session-lock")
    seat.logins.activate("1")
    seat.sees("session-unlock")
    seat.logins.remove("2")
    seat.sees()


@pytest.fixture
def all_at_once(seat):
    """all_at_once(change, ...): the agent sees the changes in one go."""
    def make(*changes):
        with seat.agent.asleep():
            for change in changes:
                change()
    return make


@pytest.mark.parametrize("user", ["alice", "bob"])
@pytest.mark.parametrize("locked", [False, True])
def test_out_and_in_again_at_once(seat, all_at_once, user, locked):
    """Nobody was there for a moment, even if it is the same user who comes: a login is another session."""
    all_at_once(lambda: seat.logins.activate(""), lambda: seat.logins.remove("1"),
                lambda: seat.logins.add("2", user, locked=locked), lambda: seat.logins.activate("2"))
    seat.sees("session-logoff", "active-user None", f"active-user {user}", "session-logon",
              *["session-lock"] * locked)
    seat.host.send("refresh")
    seat.waits(lambda: len(seat.told) == 2, 5, "the state")
    assert seat.told == [f"active-user {user}", "session-lock" if locked else "session-unlock"]


def test_out_and_back_to_another_session_at_once(seat, all_at_once):
    """The user's other one has been there all along, so that nobody logged out."""
    seat.logins.add("2", "alice")
    seat.sees()
    all_at_once(lambda: seat.logins.activate(""), lambda: seat.logins.remove("1"), lambda: seat.logins.activate("2"))
    seat.sees()


def test_the_greeter_over_a_locked_session(seat):
    seat.logins.change("1", LockedHint=True)
    seat.sees("session-lock")
    seat.logins.add(**GREETER)
    seat.logins.activate("c1")
    seat.sees()
    seat.logins.activate("1")
    seat.logins.remove("c1")
    seat.sees()
    seat.logins.change("1", LockedHint=False)
    seat.sees("session-unlock")


def test_the_greeter_over_a_session_that_says_nothing(seat):
    """Whoever would see it must get past the greeter; Xfce with LightDM locks like that."""
    seat.logins.add(**GREETER)
    seat.logins.activate("c1")
    seat.sees("session-lock")
    seat.logins.activate("1")
    seat.sees("session-unlock")


def test_the_greeter_over_a_session_at_the_start(party, bus):
    """Of the agent, which does not know for how long it has been so; as after an upgrade."""
    seat = Seat(party, bus, ALICE, GREETER, active="c1")
    seat.logins.locking("ignores")
    seat.host.collect(scaled(0.5))
    seat.begin()
    seat.send("lock-screen")
    seat.sees("session-lock", within=0.5)


def test_from_the_greeter(party, bus):
    seat = Seat(party, bus, GREETER, active="c1")
    seat.logins.add(**ALICE)
    seat.sees("active-user alice", "session-logon")
    seat.logins.activate("1")
    seat.logins.remove("c1")
    seat.sees()


def test_a_session_that_hangs_while_closing(seat):
    """Its processes keep it; nobody can use it."""
    seat.logins.change("1", State="closing")
    seat.sees("session-logoff", "active-user None")
    seat.logins.remove("1")
    seat.sees()


def test_others_are_not_told(seat):
    for other in OTHERS:
        seat.logins.add(**other)
    seat.logins.activate("o", seat="seat1")
    for session in "r", "o":
        seat.logins.change(session, LockedHint=True)
    for other in OTHERS:
        seat.logins.remove(other["session"])
    seat.sees()


@pytest.mark.parametrize("sessions, state", [
    ([], ["session-logoff"]), ([ALICE], ["session-unlock"]), ([{**ALICE, "locked": True}], ["session-lock"])],
    ids=["nobody", "unlocked", "locked"])
@pytest.mark.parametrize("by", ["refresh", "reconnection"])
def test_announced_anew(party, bus, sessions, state, by):
    """A host that asks may have been restarted. Behind the set, of which the user is part."""
    seat = Seat(party, bus, *sessions, active="1" if sessions else "")
    seat.host.collect(scaled(0.5))
    seat.begin()
    if by == "refresh":
        seat.host.send("refresh")
    else:
        seat.host.disconnect()
        seat.agent.wait_log("host disconnected")
        seat.host.connect()
        seat.host.wait_connected(scaled(10))
    user = "alice" if sessions else "None"
    seat.waits(lambda: len(seat.told) >= 2, 12, "both")
    assert seat.told[:2] == [f"active-user {user}", *state]
    assert set(seat.told) == {f"active-user {user}", *state}
    names = [e.name for e in seat.host.events if e.kind == "message"]
    last = len(names) - 1 - names[::-1].index("session-startup")
    assert "fqdn" in names[last:last + names[last:].index(state[0])]


def test_the_session_agent_says_it(seat, agent_of):
    """A desktop that does not tell the login manager."""
    caller = agent_of(seat, "1")
    seat.sees()
    caller.report(locked=True)
    seat.sees("session-lock")
    caller.report(locked=True)
    seat.sees()
    caller.report(locked=False)
    seat.sees("session-unlock", within=0.25)


def test_a_session_agent_that_dies(seat, agent_of):
    """What it said is forgotten with it."""
    caller = agent_of(seat, "1")
    caller.report(locked=True)
    seat.sees("session-lock")
    caller.close()
    seat.sees("session-unlock")


def test_the_login_manager_is_restarted(seat):
    """Nothing is told while it is away; then, what has changed meanwhile."""
    seat.logins.stop()
    seat.sees()
    seat.logins.start()
    seat.sees("session-logoff", "active-user None", within=2)
    seat.logins.add(**ALICE, locked=True)
    seat.sees("active-user alice", "session-logon", "session-lock")


# --- lock-screen


def test_b18_lock_screen(seat):
    seat.send("lock-screen")
    seat.sees("session-lock")
    assert seat.logins.calls("LockSession") == [("LockSession", "1")]
    assert not seat.agent.log("^warning: .*does not lock")


def test_lock_screen_leaves_no_session_open(party, bus):
    """What another person left open behind the one that is seen is locked as well, and nothing elsewhere."""
    seat = Seat(party, bus, ALICE, BOB, *OTHERS, active="2")
    seat.logins.activate("o", seat="seat1")
    seat.begin()
    seat.send("lock-screen")
    seat.sees("session-lock")
    assert sorted(seat.logins.calls("LockSession")) == [("LockSession", "1"), ("LockSession", "2")]


def test_b19_already_locked(seat):
    """Told at once, and asked for all the same: whoever says so may lie, or only be dark."""
    seat.logins.change("1", LockedHint=True)
    seat.sees("session-lock")
    for _ in range(2):
        seat.send("lock-screen")
        seat.sees("session-lock", within=0.5)
    assert seat.logins.calls("LockSession") == [("LockSession", "1")] * 2


def test_lock_screen_behind_the_greeter(seat):
    """What the greeter covers may have no lock of its own, and be seen again."""
    seat.logins.add(**GREETER)
    seat.logins.activate("c1")
    seat.sees("session-lock")
    seat.send("lock-screen")
    seat.sees("session-lock", within=0.5)
    assert seat.logins.calls("LockSession") == [("LockSession", "1")]
    seat.logins.activate("1")
    seat.sees()


@pytest.mark.parametrize("sessions, active", [
    ([], ""), ([GREETER], "c1"), ([{**ALICE, "type_": "tty"}], "1"), (OTHERS, ""),
    ([{**ALICE, "state": "closing"}], "1")], ids=["nobody", "greeter", "terminal", "elsewhere", "closing"])
def test_b20_nobody_there(party, bus, sessions, active):
    """A suspend must not wait for somebody to lock."""
    seat = Seat(party, bus, *sessions, active=active)
    seat.send("lock-screen")
    seat.sees("session-logoff", within=0.5)
    assert seat.logins.calls("LockSession") == []


def test_the_agents_word_confirms(seat, agent_of):
    """The desktop locks when the login manager asks, but only its agent says so."""
    seat.logins.locking("ignores")
    caller = agent_of(seat, "1")
    seat.send("lock-screen")
    caller.report(locked=True)
    seat.sees("session-lock")
    seat.host.collect(scaled(2))
    assert caller.asked() == [] and not seat.agent.log("^warning: .*does not lock")


@pytest.mark.parametrize("how", ["ignores", "refuses"])
def test_the_agent_locks(seat, agent_of, how):
    """A desktop that does not hear the login manager is asked by its own means, once; at once where the login
    manager refuses."""
    seat.logins.locking(how)
    caller = agent_of(seat, "1", act=lambda c, _method: c.report(locked=True))
    begin = time.monotonic()
    seat.send("lock-screen")
    seat.sees("session-lock", within=3.5 if how == "ignores" else 1)
    assert caller.asked() == ["Lock"]
    assert caller.calls[0][0] - begin < scaled(3 if how == "ignores" else 0.5)
    assert seat.logins.calls("LockSession") == [("LockSession", "1")]
    assert not seat.agent.log("^warning: .*does not lock")
    assert len(seat.agent.log("The login manager does not lock session 1: not today")) == (how == "refuses")


@pytest.mark.parametrize("how", ["obeys", "never"])
def test_nobody_confirms(seat, agent_of, how):
    """Nothing is claimed; one warning, when both have been tried. Impatience changes nothing."""
    seat.logins.locking("ignores")
    caller = agent_of(seat, "1", how=how)
    for _ in range(3):
        seat.send("lock-screen")
    seat.waits(lambda: caller.asked(), 4, "the agent to be asked")
    assert not seat.agent.log("^warning: .*does not lock")
    seat.waits(lambda: seat.agent.log("^warning: Session 1 of user alice does not lock"), 5, "a warning")
    seat.host.collect(scaled(1))
    assert seat.told == [] and caller.asked() == ["Lock"]
    assert len(seat.agent.log("^warning: .*does not lock")) == 1
    assert seat.logins.calls("LockSession") == [("LockSession", "1")]

    seat.send("lock-screen")
    seat.waits(lambda: len(seat.logins.calls("LockSession")) == 2, 1, "another attempt")


def test_nobody_can(seat, agent_of):
    """Both refuse, and nobody waits for them."""
    seat.logins.locking("refuses")
    caller = agent_of(seat, "1", how="refuses")
    begin = time.monotonic()
    seat.send("lock-screen")
    seat.waits(lambda: seat.agent.log("^warning: Session 1 of user alice does not lock"), 1, "a warning")
    assert time.monotonic() - begin < scaled(1)
    assert caller.asked() == ["Lock"] and seat.told == []
    assert len(seat.agent.log("The session agent does not lock session 1: no means")) == 1


@pytest.mark.parametrize("lock", [None, False], ids=["no-agent", "no-means"])
def test_nobody_else_to_ask(seat, agent_of, lock):
    seat.logins.locking("ignores")
    caller = agent_of(seat, "1", lock=lock) if lock is not None else None
    seat.send("lock-screen")
    seat.waits(lambda: seat.agent.log("^warning: .*does not lock"), 3, "a warning")
    assert seat.told == [] and not (caller and caller.asked())


def test_a_session_that_ends_is_no_longer_locked(seat, agent_of):
    seat.logins.locking("ignores")
    agent_of(seat, "1")
    seat.send("lock-screen")
    seat.logins.remove("1")
    seat.sees("session-logoff", "active-user None")
    seat.host.collect(scaled(5))
    assert not seat.agent.log("^warning: .*does not lock")


def test_an_agent_of_another_session_is_not_asked(party, bus, agent_of):
    """Only the one whose session it is, after a switch as well."""
    seat = Seat(party, bus, ALICE, {"session": "o", "user": "other", "seat": "seat1", "uid": 1}, active="1")
    seat.logins.locking("ignores")
    mine, other = agent_of(seat, "1"), agent_of(seat, "o", uid=1)
    seat.send("lock-screen")
    seat.waits(lambda: mine.asked(), 4, "the agent to be asked")
    other.report(locked=True)
    seat.sees()
    mine.report(locked=True)
    seat.sees("session-lock")
    assert other.asked() == []


def test_an_answer_that_comes_after_a_switch(seat, agent_of):
    """It is about the session that was asked, and not about the one that is seen by then."""
    seat.logins.locking("ignores")
    alice = agent_of(seat, "1", how="never")
    seat.send("lock-screen")
    seat.waits(lambda: alice.asked(), 4, "the agent to be asked")
    seat.logins.add(**BOB)
    seat.logins.activate("2")
    seat.sees("active-user bob", "session-unlock")
    bob = agent_of(seat, "2")
    alice.report(locked=True)
    seat.sees()
    seat.logins.activate("1")
    seat.sees("active-user alice", "session-lock")
    bob.report(locked=True)
    seat.sees()
    assert bob.asked() == []


def test_lock_by_root_on_the_bus(seat):
    client = seat.bus.connect()
    client.call(NAME, path_of("1"), SESSION, "Lock")
    seat.sees("session-lock")
    assert client.call(NAME, path_of("1"), "org.freedesktop.DBus.Properties", "Get",
                       GLib.Variant("(ss)", (SESSION, "Locked"))) == (True,)


# --- log-off


def test_b21_log_off(seat):
    """Without an agent: at once."""
    seat.send("log-off")
    seat.sees("session-logoff", "active-user None")
    assert seat.logins.calls("TerminateSession") == [("TerminateSession", "1")]


def test_the_desktop_ends_it(seat, agent_of):
    """As its own menu would, and nothing is forced."""
    caller = agent_of(seat, "1", act=lambda _caller, _method: seat.logins.remove("1"))
    seat.send("log-off")
    seat.sees("session-logoff", "active-user None")
    seat.host.collect(scaled(8))
    assert caller.asked() == ["Logout"]
    assert seat.logins.calls("TerminateSession") == []


@pytest.mark.parametrize("how", ["obeys", "never"])
def test_a_desktop_that_does_not_end(seat, agent_of, how):
    """Its programs have time to save."""
    caller = agent_of(seat, "1", how=how)
    begin = time.monotonic()
    seat.send("log-off")
    seat.waits(lambda: caller.asked(), 1, "the agent to be asked")
    seat.sees("session-logoff", "active-user None", within=9)
    assert caller.asked() == ["Logout"]
    assert seat.logins.calls("TerminateSession") == [("TerminateSession", "1")]
    assert time.monotonic() - begin > (4 if how == "never" else 7)


def test_a_desktop_that_refuses_to_end(seat, agent_of):
    """Nothing is gained by waiting."""
    caller = agent_of(seat, "1", how="refuses")
    seat.send("log-off")
    seat.sees("session-logoff", "active-user None")
    assert caller.asked() == ["Logout"]
    assert seat.logins.calls("TerminateSession") == [("TerminateSession", "1")]


@pytest.mark.parametrize("first", ["log-off", "lock-screen"])
def test_lock_screen_and_log_off_together(seat, agent_of, first):
    """Neither puts the other off: a desktop that asks whether to save stands open, and must end all the same."""
    caller = agent_of(seat, "1")
    second = "lock-screen" if first == "log-off" else "log-off"
    seat.logins.locking("ignores")
    seat.send(first)
    seat.send(second)
    seat.waits(lambda: len(caller.asked()) == 2, 4, "both to be asked for")
    assert sorted(caller.asked()) == ["Lock", "Logout"]
    caller.report(locked=True)
    seat.sees("session-lock", quiet=0)
    seat.sees("session-logoff", "active-user None", within=9)
    assert seat.logins.calls("TerminateSession") == [("TerminateSession", "1")]


def test_impatience_does_not_put_it_off(seat, agent_of):
    """Whoever asks again and again waits no longer than who asks once, and the desktop is asked once."""
    caller = agent_of(seat, "1", how="never")
    begin = time.monotonic()
    while not seat.told and time.monotonic() - begin < scaled(9):
        seat.send("log-off")
        seat.host.collect(1)
    seat.sees("session-logoff", "active-user None")
    assert caller.asked() == ["Logout"]


def test_an_agent_without_logout(seat, agent_of):
    caller = agent_of(seat, "1", logout=False)
    seat.send("log-off")
    seat.sees("session-logoff", "active-user None")
    assert caller.asked() == []


@pytest.mark.parametrize("sessions, active", [([], ""), ([GREETER], "c1"), (OTHERS, "")],
                         ids=["nobody", "greeter", "elsewhere"])
def test_b22_nobody_to_log_off(party, bus, sessions, active):
    seat = Seat(party, bus, *sessions, active=active)
    seat.send("log-off")
    seat.sees()
    assert seat.logins.calls("TerminateSession") == [] and not seat.agent.log("log-off")
