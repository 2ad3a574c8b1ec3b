# SPDX-License-Identifier: Apache-2.0
"""What the host may do with the guest as a whole: shutdown, hibernate and lifecycle-event; and what is too late."""

import json
import os
import time
from pathlib import Path

import pytest
from rig.bus import LoginManager
from rig.pace import scaled, until
from rig.seat import Seat
from rig.wire import PtyWire

POWER = ("SetWallMessage", "PowerOff", "Reboot", "ScheduleShutdown")
SLEEP = ("Hibernate", "Suspend")
SECRET = "s3kr1t-w0rd"


@pytest.fixture
def bus(party):
    return party.bus()


@pytest.fixture
def seat(party, bus):
    return Seat(party, bus)


def fence(host):
    """All that was sent before has been read."""
    host.send({"__name__": "echo", "fence": time.monotonic_ns()})
    host.expect("echo", within=scaled(5))


# --- shutdown

DEFAULT = "System is going down"
# id, members as JSON, the action, the delay in seconds, the message
SHUTDOWNS = [
    ("B5", '"timeout": 30, "message": "m", "reboot": "False"', "poweroff", 30, "m"),
    ("B6", '"timeout": 0, "message": "m", "reboot": "False"', "poweroff", 0, "m"),
    ("B7-60", '"timeout": 60', "poweroff", 60, DEFAULT),
    ("B7-61", '"timeout": 61', "poweroff", 61, DEFAULT),
    ("B8", '"timeout": "45"', "poweroff", 45, DEFAULT),
    ("B9-text", '"timeout": "soon"', "poweroff", 0, DEFAULT),
    ("B9-null", '"timeout": null', "poweroff", 0, DEFAULT),
    ("B9-nothing", "", "poweroff", 0, DEFAULT),
    ("B9-object", '"timeout": {}', "poweroff", 0, DEFAULT),
    ("B10", '"timeout": -5', "poweroff", 0, DEFAULT),
    ("B11-huge", '"timeout": 99999999999999999999', "poweroff", None, DEFAULT),
    ("B11-real", '"timeout": 1e400', "poweroff", None, DEFAULT),
    ("B11-week", '"timeout": 9000000000000', "poweroff", 604800, DEFAULT),
    ("B12-True", '"reboot": "True"', "reboot", 0, DEFAULT),
    ("B12-true", '"reboot": "true"', "reboot", 0, DEFAULT),
    ("B12-TRUE", '"timeout": 5, "reboot": "TRUE"', "reboot", 5, DEFAULT),
    ("B13-yes", '"reboot": "yes"', "poweroff", 0, DEFAULT),
    ("B13-1", '"reboot": "1"', "poweroff", 0, DEFAULT),
    ("B13-empty", '"reboot": ""', "poweroff", 0, DEFAULT),
    ("B13-number", '"reboot": 1', "poweroff", 0, DEFAULT),
    ("B14", '"reboot": true', "reboot", 0, DEFAULT),
    ("B14-false", '"reboot": false', "poweroff", 0, DEFAULT),
    ("B15-list", '"message": ["m"]', "poweroff", 0, DEFAULT),
    ("B16", r'"message": "$(touch /x) \"q\" \\n;"', "poweroff", 0, r'$(touch /x) "q" \n;'),
    ("control", r'"message": "a\u001b[2Jb\r\n\u009bc\u0007\u202e"', "poweroff", 0, "a [2Jb   c  "),
    ("other-languages", '"message": "žluť 雪 \U0001f600"', "poweroff", 0, "žluť 雪 \U0001f600"),
    ("empty", '"message": ""', "poweroff", 0, ""),
]


@pytest.fixture(scope="module")
def shared():
    """A seat for those who only ask one thing."""
    import shutil

    from conftest import Party, new_directory
    directory = new_directory()
    party = Party(directory)
    yield Seat(party, party.bus())
    party.close()
    shutil.rmtree(directory)


@pytest.mark.parametrize("body, action, delay, message", [s[1:] for s in SHUTDOWNS], ids=[s[0] for s in SHUTDOWNS])
def test_shutdown(shared, body, action, delay, message):
    before = len(shared.logins.calls(*POWER))
    begin = time.time()
    shared.host.send_bytes(f'{{{body}{", " if body else ""}"__name__": "shutdown"}}\n'.encode())
    shared.waits(lambda: len(shared.logins.calls(*POWER)) >= before + 2, what="the login manager to be asked")
    fence(shared.host)
    wall, power = shared.logins.calls(*POWER)[before:]
    assert wall == ("SetWallMessage", message, True)
    if delay is None:   # no number of seconds that anybody could mean: at once, or clamped
        delay = 0 if power[0] == "PowerOff" else 604800
    if delay == 0:
        assert power == ("Reboot" if action == "reboot" else "PowerOff", False)
    else:
        assert power[:2] == ("ScheduleShutdown", action)
        assert begin + delay - 0.1 <= power[2] / 1e6 <= time.time() + delay + 0.1


def test_a_long_message_is_cut(shared):
    before = len(shared.logins.calls(*POWER))
    shared.send("shutdown", message="ž" * 5000)
    shared.waits(lambda: len(shared.logins.calls(*POWER)) >= before + 2)
    message = shared.logins.calls(*POWER)[before][1]
    assert message == "ž" * 512


def test_b17_again(seat):
    """Another schedule takes the place of the first: the login manager has only one."""
    seat.send("shutdown", timeout=600, message="first", reboot="False")
    seat.send("shutdown", timeout=30, message="second", reboot="True")
    seat.waits(lambda: len(seat.logins.calls(*POWER)) == 4)
    calls = seat.logins.calls(*POWER)
    assert [c[:2] for c in calls] == [("SetWallMessage", "first"), ("ScheduleShutdown", "poweroff"),
                                      ("SetWallMessage", "second"), ("ScheduleShutdown", "reboot")]
    assert calls[3][2] < calls[1][2]
    assert not any("first" in line or "second" in line for line in seat.agent.log(level=""))


# --- hibernate

HIBERNATES = [
    ("B37-nothing", "", "Hibernate"),
    ("B37-disk", '"state": "disk"', "Hibernate"),
    ("B37-mem", '"state": "mem"', "Suspend"),
    ("B38-bogus", '"state": "bogus"', None),
    ("B38-number", '"state": 5', None),
    ("B38-null", '"state": null', None),
    ("B38-DISK", '"state": "DISK"', None),
]


@pytest.mark.parametrize("body, method", [h[1:] for h in HIBERNATES], ids=[h[0] for h in HIBERNATES])
def test_hibernate(shared, body, method):
    before = len(shared.logins.calls(*SLEEP))
    shared.host.send_bytes(f'{{{body}{", " if body else ""}"__name__": "hibernate"}}\n'.encode())
    fence(shared.host)
    if method:
        shared.waits(lambda: len(shared.logins.calls(*SLEEP)) > before)
    assert shared.logins.calls(*SLEEP)[before:] == ([(method, False)] if method else [])


def test_a_guest_that_cannot_hibernate(seat):
    seat.logins.refuse("Hibernate")
    seat.send("hibernate")
    seat.agent.wait_log("^warning: .*refuses to suspend to disk: not today")
    assert len(seat.agent.log("refuses")) == 1


# --- lifecycle-event


class Hooks:
    """Scripts that note that they ran, and with what environment."""

    def __init__(self, party):
        self.directory = Path(party.directory) / "hooks.d"
        self.notes = Path(party.directory) / "notes"
        self.directory.mkdir(mode=0o755)
        self.configuration = f"[hooks]\ndirectory = {self.directory}"

    def add(self, event, name, text="", mode=0o755):
        directory = self.directory / event
        directory.mkdir(mode=0o755, exist_ok=True)
        script = directory / name
        script.write_text(f'#!/bin/sh\necho "$(basename "$0") $OVIRT_HOOK_EVENT $OVIRT_HOOK_FAILURE" >> {self.notes}\n'
                          f"{text}\n")
        script.chmod(mode)

    @property
    def ran(self):
        return [" ".join(line.split()) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []


class Lifecycle:
    """A host and an agent with hooks, without a bus."""

    def __init__(self, party):
        self.party = party
        self.hooks = Hooks(party)

    def start(self, version=3):
        guest = self.party.guest()
        guest.without_service_manager()     # which would run the hooks
        options = {"guest": guest, "config": self.party.configure(self.hooks.configuration)}
        if version == 3:
            self.host, self.agent = self.party.settled(**options)
        else:
            self.host = self.party.host(api_max=version)
            self.agent = self.party.agent(**options)
            self.host.wait_until(lambda: self.host.vdsm.effective == version, scaled(8), f"version {version}")
        return self

    def send(self, **members):
        self.host.send({"__name__": "lifecycle-event", **members})

    def completion(self, reply_id, within=2):
        event = self.host.expect("completion", within=scaled(within))
        assert event.members == {"reply_id": reply_id, "done": True}

    def no_completion(self):
        fence(self.host)
        self.host.collect(scaled(0.3))
        assert not self.host.messages("completion")


@pytest.fixture
def lifecycle(party):
    return Lifecycle(party)


def test_b42_in_order(lifecycle):
    for name in "20-second", "10-first", "3-third":
        lifecycle.hooks.add("before_migration", name, "echo done; echo wrong >&2")
    lifecycle.hooks.add("after_migration", "other")
    lifecycle.start().send(type="before_migration", reply_id="r1")
    lifecycle.completion("r1")
    assert lifecycle.hooks.ran == [f"{name} before_migration" for name in ("10-first", "20-second", "3-third")]
    log = lifecycle.agent.log("before_migration/10-first")
    assert any("done" in line for line in log) and any("wrong" in line for line in log)


def test_b43_version_2(lifecycle):
    lifecycle.hooks.add("before_migration", "hook")
    lifecycle.start(version=2).send(type="before_migration", reply_id="r1")
    until(lambda: lifecycle.hooks.ran, what="the hook")
    lifecycle.no_completion()


@pytest.mark.parametrize("members, ran", [
    ({"type": "before_migration"}, "hook before_migration"),
    ({"type": "after_migration", "failure": True}, "hook after_migration 1"),
    ({"type": "after_migration"}, "hook after_migration"),
    ({"type": "after_migration", "failure": "yes"}, "hook after_migration")],
    ids=["B44", "B45", "B45-success", "B45-text"])
def test_without_an_answer(lifecycle, members, ran):
    for event in "before_migration", "after_migration":
        lifecycle.hooks.add(event, "hook")
    lifecycle.start().send(**members)
    until(lambda: lifecycle.hooks.ran, what="the hook")
    assert lifecycle.hooks.ran == [ran]
    lifecycle.no_completion()


def test_unknown_events_and_any_reply_id(lifecycle):
    """B46-B49, B53: answered, and nothing is run. Nor is there a directory for one that is known."""
    for directory in "before_migration", "dispatch", "_run", "frob":
        lifecycle.hooks.add(directory, "hook")
    (lifecycle.hooks.directory.parent / "x").symlink_to(lifecycle.hooks.directory / "before_migration")
    lifecycle.start()
    ids = iter(["r2", "r3", 7, {"a": [1, None]}, [], "", 1.5, "ž", False, "r9"])
    for type_ in "frob", "dispatch", "_run", "../x", "", "before_migration/", "before_hibernation", 5, None:
        reply_id = next(ids)
        lifecycle.send(type=type_, reply_id=reply_id)
        lifecycle.completion(reply_id)
    lifecycle.send(reply_id="r3")
    lifecycle.completion("r3")
    assert lifecycle.hooks.ran == []


def test_b50_hooks_that_fail(lifecycle):
    lifecycle.hooks.add("before_migration", "1-not-executable", mode=0o644)
    lifecycle.hooks.add("before_migration", "2-fails", "exit 3")
    lifecycle.hooks.add("before_migration", "3-others-write", mode=0o757)
    lifecycle.hooks.add("before_migration", "4-not-roots")
    os.chown(lifecycle.hooks.directory / "before_migration/4-not-roots", 65534, 65534)
    lifecycle.hooks.add("before_migration", "5-good")
    lifecycle.start().send(type="before_migration", reply_id="r")
    lifecycle.completion("r")
    assert lifecycle.hooks.ran == ["2-fails before_migration", "5-good before_migration"]
    for said in "1-not-executable is not run", "2-fails failed with exit status 3", "3-others", "4-not-roots":
        assert len(lifecycle.agent.log(said)) == 1


def test_b51_a_hook_that_sleeps(lifecycle):
    """The host hears of it in time, and is served meanwhile."""
    lifecycle.hooks.add("before_migration", "1-sleeps", "exec sleep 60")
    lifecycle.hooks.add("before_migration", "2-waits")
    lifecycle.start()
    begin, beats = time.monotonic(), len(lifecycle.host.messages("heartbeat"))
    lifecycle.send(type="before_migration", reply_id="r")
    fence(lifecycle.host)
    assert time.monotonic() - begin < scaled(1)
    lifecycle.completion("r", within=10)
    assert time.monotonic() - begin < scaled(10)
    assert len(lifecycle.host.messages("heartbeat")) - beats >= 6
    assert lifecycle.hooks.ran == ["1-sleeps before_migration"]
    lifecycle.agent.wait_log("Time is up for the hooks of before_migration")
    assert "sleep" not in lifecycle.agent.family().values()


def test_more_events_than_may_wait(lifecycle):
    """Whoever cannot be served is told at once, too."""
    lifecycle.hooks.add("before_migration", "1-sleeps", "exec sleep 60")
    lifecycle.start()
    for i in range(17):
        lifecycle.send(type="before_migration", reply_id=f"r{i}")
    lifecycle.completion("r16", within=1)
    assert len(lifecycle.agent.log("^warning: Cannot run the hooks of before_migration")) == 1


def test_b52_a_hook_that_leaves_a_daemon(lifecycle):
    """It holds the script's output open, and no hang comes of that."""
    lifecycle.hooks.add("before_migration", "1-forks", "sleep 30 &\necho started")
    lifecycle.hooks.add("before_migration", "2-next")
    lifecycle.start().send(type="before_migration", reply_id="r")
    lifecycle.completion("r", within=10)


def test_events_that_come_together(lifecycle):
    """In turn, each answered once."""
    lifecycle.hooks.add("before_migration", "hook")
    lifecycle.start()
    for i in range(10):
        lifecycle.send(type="before_migration", reply_id=i)
    for i in range(10):
        lifecycle.completion(i)
    assert len(lifecycle.hooks.ran) == 10


def test_a_flood_of_events(lifecycle):
    """More than may wait: those are answered without hooks."""
    lifecycle.hooks.add("before_migration", "hook", "sleep 0.1")
    lifecycle.start()
    for i in range(100):
        lifecycle.send(type="before_migration", reply_id=i)
    lifecycle.host.wait_until(lambda: len(lifecycle.host.messages("completion")) == 100, scaled(15), "all answers")
    assert sorted(e["reply_id"] for e in lifecycle.host.messages("completion")) == list(range(100))
    assert 1 <= len(lifecycle.hooks.ran) <= 20


def test_stopped_in_the_middle(lifecycle):
    lifecycle.hooks.add("before_migration", "hook", "exec sleep 60")
    lifecycle.start().send(type="before_migration", reply_id="r")
    until(lambda: lifecycle.hooks.ran, what="the hook")
    assert lifecycle.agent.terminate() == 0
    lifecycle.host.collect(scaled(0.3))
    assert lifecycle.host.messages()[-1].name == "session-shutdown"


# --- commands from before the agent was there

DROPPED = [("shutdown", {"timeout": 0}), ("log-off", {}), ("hibernate", {}),
           ("login", {"username": "bob@d.example", "password": SECRET})]
OBEYED = [("api-version", {"apiVersion": 3}), ("lock-screen", {}),
          ("lifecycle-event", {"type": "before_migration", "reply_id": "old"})]
ACTS = (*POWER, *SLEEP, "TerminateSession")


def lines(commands):
    return "".join(json.dumps({**members, "__name__": name}) + "\n" for name, members in commands).encode()


def test_stale_commands(party, bus):
    """What waited in the port is judged; what comes later is not."""
    logins = LoginManager(bus)
    logins.add("1", "alice")
    logins.activate("1")
    wire = party.keep(PtyWire(party.socket)).open()
    wire.send(lines([*DROPPED, *OBEYED]))
    agent = party.agent(guest=party.guest(), bus=bus)
    opened = until(lambda: agent.log("Port .* opened") and time.monotonic())

    wire.read_until(lambda ms: any(m["__name__"] == "completion" and m["reply_id"] == "old" for m in ms))
    wire.read_until(lambda ms: any(m["__name__"] == "session-lock" for m in ms), within=5)
    assert logins.calls("LockSession") == [("LockSession", "1")]
    assert not any(m["__name__"] == "session-logoff" for m in wire.lines())
    for name, _ in DROPPED:
        assert len(agent.wait_log(f'"{name}": it is from before the agent was there')) == 1
    assert logins.calls(*ACTS) == []

    until(lambda: time.monotonic() - opened > scaled(2.2), 3)
    wire.send(lines(DROPPED))
    until(lambda: len(logins.calls(*ACTS)) == 4, what="all of it")
    assert [c[0] for c in logins.calls(*ACTS)] == ["SetWallMessage", "PowerOff", "TerminateSession", "Hibernate"]
    agent.wait_log("The host's login is")
    said = "\n".join(agent.log(level=""))
    assert SECRET not in said and "bob" not in said
