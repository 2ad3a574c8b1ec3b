# SPDX-License-Identifier: Apache-2.0
"""What the host has asked for, and is told, when the bus goes and comes back."""

import pytest
from rig.bus import NAME, LoginManager
from rig.caller import Caller
from rig.pace import scaled
from rig.seat import ALICE, BOB, Seat


@pytest.fixture
def seat(party):
    """Alice's session, unlocked."""
    return Seat(party, party.bus(), ALICE, active="1")


@pytest.fixture
def without_bus(seat):
    """without_bus(meanwhile, session, ...): the bus goes, and comes back with these sessions; the agent sees what is
    done before it goes, and meanwhile."""
    def make(meanwhile, *sessions, locking="locks"):
        seat.bus.stop()
        seat.agent.wait_log("No connection to the system bus")
        meanwhile()
        seat.host.collect(scaled(0.3))
        with seat.agent.asleep():
            seat.bus.start()
            seat.logins = LoginManager(seat.bus)
            seat.logins.locking(locking)
            for session in sessions:
                seat.logins.add(**session)
                seat.logins.activate(session["session"])
    return make


@pytest.mark.parametrize("when", ["before", "meanwhile"])
@pytest.mark.parametrize("sessions, expected, calls", [
    ([ALICE], ["session-lock"], [("LockSession", "1")]),
    ([{**ALICE, "locked": True}], ["session-lock"], [("LockSession", "1")]),
    ([], ["session-logoff", "active-user None"], []),
    ([BOB], ["session-logoff", "active-user None", "active-user bob", "session-logon"], [])],
    ids=["open", "locked", "nobody", "another"])
def test_lock_screen_and_the_bus_is_restarted(seat, without_bus, when, sessions, expected, calls):
    """The host has its answer when the bus is back: it waits 30 s for it before it suspends."""
    seat.logins.locking("ignores")
    if when == "before":
        seat.send("lock-screen")
        seat.waits(lambda: seat.logins.calls("LockSession"), 1, "the login manager to be asked")
    without_bus(lambda: seat.send("lock-screen") if when == "meanwhile" else None, *sessions)
    seat.sees(*expected, within=8)
    assert seat.logins.calls("LockSession") == calls
    assert not seat.agent.log("^warning: .*does not lock")


def test_the_bus_is_restarted_while_the_session_agent_is_asked(party, seat, without_bus):
    """That no answer comes is the bus's fault, and not a refusal."""
    seat.logins.locking("refuses")
    seat.waits(lambda: seat.bus.connect().has_owner(NAME), what="the agent's name")
    caller = party.keep(Caller(seat.bus, how="never"))
    caller.register("1", lock=True)
    seat.send("lock-screen")
    seat.waits(caller.asked, 2, "the session agent to be asked")
    without_bus(lambda: None, ALICE)
    seat.sees("session-lock", within=8)
    assert not seat.agent.log("^warning: .*does not lock")


def test_log_off_and_the_bus_is_restarted(seat, without_bus):
    without_bus(lambda: seat.send("log-off"), ALICE)
    seat.sees("session-logoff", "active-user None", within=8)
    assert seat.logins.calls("TerminateSession") == [("TerminateSession", "1")]


def test_the_login_manager_is_late(seat):
    """Behind the bus: that nobody answers does not mean that nobody is there."""
    seat.bus.stop()
    seat.agent.wait_log("No connection to the system bus")
    seat.bus.start()
    client = seat.bus.connect()
    seat.waits(lambda: client.has_owner(NAME), 8, "the agent")
    seat.sees(quiet=1)
    with seat.agent.asleep():
        logins = LoginManager(seat.bus)
        logins.add(**ALICE)
        logins.activate("1")
    seat.sees()
    logins.change("1", LockedHint=True)
    seat.sees("session-lock")
