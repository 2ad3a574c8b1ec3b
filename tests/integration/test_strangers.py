# SPDX-License-Identifier: Apache-2.0
"""Ordinary users who mean no good, each a process without rights. Whatever they do is refused or bounded, and logged
once; the host's heartbeats and another user's session do not notice."""

import time

import pytest
from gi.repository import GLib
from rig.bus import NAME, PATH, SESSION
from rig.caller import error_of
from rig.door import MINE, OTHER, Door, Watch, refusal
from rig.pace import scaled, until

DENIED = "org.freedesktop.DBus.Error.AccessDenied"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
BYSTANDER = PATH + "/session/_33"


@pytest.fixture
def door(party):
    """Alice's session is at the seat; Bob, who has nothing to do with it, has one with an agent."""
    d = Door(party, party.bus(), host=True)
    bystander = d.caller(OTHER)
    assert bystander.register("3", lock=True, logout=True) == BYSTANDER
    bystander.report(locked=False)
    d.host.collect(scaled(1.2))
    watch, mark, begin = Watch(d.bus), len(d.host.events), time.monotonic()
    yield d
    d.host.collect(scaled(1.2))
    beats = [e.time for e in d.host.events[mark:] if e.kind == "message" and e.name == "heartbeat"]
    assert len(beats) >= (time.monotonic() - begin) / scaled(1) * 0.6
    assert all(b - a < scaled(1.5) for a, b in zip(beats, beats[1:]))
    watch.look()
    assert [s for s in watch.seen if s[0] == BYSTANDER] == []
    assert bystander.asked() == [] and d.get("Agent", BYSTANDER) == bystander.name
    assert d.get("LockedDesktop", BYSTANDER) == "no"
    assert d.agent.running and d.agent.memory_peak_kib() < 64 * 1024 * (10 if scaled(1) > 1 else 1)


def test_registers_for_anothers_session(door):
    stranger = door.caller()
    for _ in range(3):
        assert error_of(stranger.register, "3") == refusal("NotYourSession")
    assert error_of(stranger.report, locked=True) == refusal("NotRegistered")
    assert error_of(stranger.unregister) == refusal("NotRegistered")
    assert len(door.agent.log("Refusing user 65534 as the agent of session \"3\"")) == 3


@pytest.mark.parametrize("method, signature, arguments", [
    ("Register", "(sa{sv})", ("1", {})), ("Register", "(sa{sv})", ("3", {})), ("Register", "(sa{sv})", ("9" * 1000, {})),
    ("Unregister", "()", ()), ("Report", "(a{sv})", ({"locked": GLib.Variant("b", True)},))],
    ids=["register", "register-anothers", "register-nonsense", "unregister", "report"])
def test_floods(door, method, signature, arguments):
    """Somebody else of the same user gets through meanwhile."""
    stranger, agent = door.caller(), door.caller()
    stranger.flood(method, signature, *arguments)
    assert agent.register("2")
    door.host.collect(3)
    agent.report(locked=True)
    assert door.get("Agent", PATH + "/session/_32") == agent.name
    stranger.kill()
    assert len(door.agent.log("Refusing user")) <= 6 and len(door.agent.log("")) < 20


def test_reports_in_a_flood(door):
    """By a registered agent, whose word changes each time: the host hears a few, and of this session only."""
    agent = door.caller()
    agent.register("1")
    for i in range(200):
        error_of(agent.report, locked=bool(i % 2))
    door.host.collect(1)
    assert len([e for e in door.host.messages() if e.name in ("session-lock", "session-unlock")]) <= 10


def test_registers_a_thousand_times(door):
    """In one connection, and in many at once."""
    one = door.caller()
    one.begin_register("1", times=1000)
    until(lambda: door.get("Agent") == one.name, what="the first to be taken")
    many = [door.caller() for _ in range(50)]
    for stranger in many:
        stranger.begin_register("2", times=20)
    until(lambda: door.get("Agent", PATH + "/session/_32"), what="one of them to be taken")
    errors = {error_of(stranger.register, "2") for stranger in many}
    assert errors <= {refusal("AlreadyRegistered"), refusal("RateLimited")}
    assert sum(bool(o[SESSION]["Agent"]) for o in door.objects().values() if SESSION in o) == 3
    assert len(door.agent.log("Refusing user")) <= 6


def test_dies_in_the_middle(door):
    """While the bus and the login manager are asked about it."""
    for _ in range(10):
        stranger = door.caller()
        stranger.begin_register("1", times=5)
        stranger.kill()
    until(lambda: not door.get("Agent"), what="nobody to be left")
    assert door.caller().register("1") == MINE


@pytest.mark.parametrize("command, method, log", [
    ("lock-screen", "Lock", "^warning: Session 1 of user alice does not lock"),
    ("log-off", "Logout", "Session 1 of user alice does not end by itself: ending it")], ids=["Lock", "Logout"])
def test_dies_when_it_is_asked(door, command, method, log):
    """What it was asked for goes on without it, at once."""
    door.logins.locking("refuses")
    stranger = door.caller(how="dies")
    stranger.register("1", lock=True, logout=True)
    door.host.send({"__name__": command})
    assert len(door.agent.wait_log(log, 2)) == 1
    assert len(door.agent.log(f"The session agent does not {'lock' if method == 'Lock' else 'end'}")) == 1
    assert door.logins.calls("TerminateSession") == ([("TerminateSession", "1")] if command == "log-off" else [])


def test_never_answers(door):
    """Asked again and again, it holds one call at a time, and the host is not told what is not so."""
    door.logins.locking("ignores")
    stranger = door.caller(how="never")
    stranger.register("1", lock=True)
    for _ in range(20):
        door.host.send({"__name__": "lock-screen"})
    door.host.collect(scaled(5.5))
    assert stranger.asked() == ["Lock"]
    assert not door.host.messages("session-lock")
    assert len(door.agent.log("Session 1 of .* does not lock")) == 1


def test_refuses_at_length(door):
    door.logins.locking("refuses")
    stranger = door.caller(how="refuses")
    stranger.register("1", lock=True)
    for i in range(20):
        door.host.send({"__name__": "lock-screen"})
        door.host.wait_until(lambda: len(stranger.calls) > i, scaled(2), "the agent to be asked")
        door.host.collect(0.05)
    said = door.agent.log("does not lock")
    assert 2 <= len(said) <= 10 and all(len(line) < 300 for line in said)
    assert any(r"no means\nxxx" in line for line in said)


def test_answers_after_a_switch(door):
    """It is about the session that was asked, and the one that is seen by then is neither locked nor said to be."""
    door.logins.locking("ignores")
    stranger = door.caller(how="late")
    stranger.register("1", lock=True)
    door.host.send({"__name__": "lock-screen"})
    door.host.wait_until(stranger.asked, scaled(4), "the agent to be asked")
    door.logins.activate("2")
    door.host.collect(0.5)
    stranger.answer()
    stranger.report(locked=True)
    door.host.collect(1)
    assert not door.host.messages("session-lock")
    assert door.get("LockedDesktop", PATH + "/session/_32") == "unknown"
    door.logins.activate("1")
    door.host.expect("session-lock", within=scaled(2))


def test_huge_and_wrong(door):
    """Cut, and not kept; or refused, and nothing taken."""
    stranger = door.caller()
    stranger.register("1", desktop="x" * 1_000_000, version="x" + "ž" * 100_000)
    offer = door.get("Offer")
    assert offer["desktop"] == "x" * 64 and offer["version"] == "x" + "ž" * 31
    stranger.report(**{f"k{i}": "x" * 1000 for i in range(1000)})
    stranger.report(nested=GLib.Variant("aav", [[GLib.Variant("as", ["x"] * 1000)] * 50]))
    assert error_of(stranger.report, locked=GLib.Variant("s", "x" * 1_000_000)) == INVALID
    assert door.get("LockedDesktop") == "unknown"
    assert len(door.agent.log(r"Refusing Report\(\) of :\S+, the agent of session 1: a member has another type")) == 1
    assert error_of(door.caller().register, "9" * 1_000_000) == refusal("NoSuchSession")
    for _ in range(10):
        assert error_of(stranger.report, locked="yes") == INVALID
    assert len(door.agent.log("Refusing")) == 5
    assert all(len(line) < 1000 for line in door.agent.log(level=""))


def test_lies_about_the_lock(door):
    """A user may tell the login manager, or the agent, that his session is locked: the host believes it, and asks it to
    lock all the same. Of a session that the seat does not show it hears nothing."""
    liar = door.caller()
    liar.register("2", lock=True)
    liar.report(locked=True)
    door.logins.change("2", LockedHint=True)
    door.host.collect(1)
    assert not door.host.messages("session-lock")
    door.logins.activate("2")
    door.host.expect("session-lock", within=scaled(2))
    door.host.send({"__name__": "lock-screen"})
    until(lambda: ("LockSession", "2") in door.logins.calls("LockSession"), what="it to be asked")
    for i in range(200):
        door.logins.change("2", LockedHint=bool(i % 2))
    door.host.collect(1)
    assert len([e for e in door.host.messages() if e.name in ("session-lock", "session-unlock")]) <= 10


@pytest.mark.parametrize("name", [NAME, NAME + ".Manager", "org.ovirt.GuestAgent", "org.freedesktop.login1"])
def test_look_alikes(door, name):
    """No such name is to be had; and what comes from somebody else is nobody's word."""
    stranger = door.caller()
    assert error_of(stranger.call, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                    "RequestName", GLib.Variant("(su)", (name, 7))) == DENIED
    for signal in "SessionRemoved", "SessionNew":
        stranger.emit("/org/freedesktop/login1", "org.freedesktop.login1.Manager", signal,
                      GLib.Variant("(so)", ("3", "/org/freedesktop/login1/session/3")))
    stranger.emit("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged",
                  GLib.Variant("(sss)", (door.get("Agent", BYSTANDER), door.get("Agent", BYSTANDER), "")))
    assert door.get("Id", BYSTANDER) == "3"
