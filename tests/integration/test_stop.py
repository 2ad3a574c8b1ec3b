# SPDX-License-Identifier: Apache-2.0
"""The end: the goodbye is the last line, it takes no time, and nothing is left behind. Vectors D9 and D10."""

import json
import signal

import pytest
from rig.pace import INSTRUMENTED, complaints, scaled, until
from rig.wire import PtyWire, SocketWire


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_d9_goodbye_is_the_last_line(party, number):
    host, agent = party.settled(guest=party.guest())
    agent.process.send_signal(number)
    assert agent.process.wait(timeout=scaled(2)) == 0
    host.wait_until(lambda: not host.connected, scaled(2))
    assert host.messages()[-1].name == "session-shutdown"
    assert [e.name for e in host.messages()].count("session-shutdown") == 1
    assert not complaints(host)


def test_goodbye_in_the_middle_of_the_first_set(party):
    """A message that is half said is ended first."""
    guest = party.guest()
    guest.add_black_hole()
    wire = party.keep(SocketWire(party.socket))
    agent = party.agent(guest=guest)
    wire.open()
    wire.read_until(lambda messages: len(messages) >= 3)
    assert agent.terminate() == 0
    until(lambda: not wire.read(within=1))
    assert wire.lines()[-1] == {"__name__": "session-shutdown"}
    assert wire.data.endswith(b"}\n")


@pytest.mark.parametrize("kind", [SocketWire, PtyWire], ids=["socket", "terminal"])
def test_d10_a_host_that_does_not_read(party, kind):
    wire = party.keep(kind(party.socket))
    if kind is PtyWire:
        wire.open()
    agent = party.agent(guest=party.guest())
    if kind is SocketWire:
        wire.open()
    wire.read_until(lambda messages: len(messages) >= 7)
    # Echoes until nothing goes through any more.
    line = json.dumps({"s": "x" * 900, "__name__": "echo"}).encode() + b"\n"
    for _ in range(600 if kind is SocketWire else 60):
        wire.send(line)
    agent.wait_log("Received echo", level="debug")
    assert agent.terminate(2) == 0


def test_d10_no_host(party):
    agent = party.agent(guest=party.guest())
    agent.wait_log("No port for channel")
    assert agent.terminate(1) == 0


def test_at_once(party):
    """A signal that comes before anything else is ready."""
    host = party.host()
    for _ in range(3 if INSTRUMENTED else 10):
        agent = party.agent()
        until(lambda: agent.log("^(Port|No port) ") or not agent.running)
        assert agent.terminate() == 0
        host.collect(0.05)


def test_children_go_with_the_agent(party):
    guest = party.guest()
    guest.add_black_hole()
    host = party.host()
    agent = party.agent(guest=guest)
    host.wait_until(lambda: len(agent.family()) > 1, scaled(5), "a child")
    assert agent.terminate() == 0
    until(lambda: not agent.family(), 1)


def test_children_go_with_an_agent_that_is_killed(party):
    guest = party.guest()
    guest.add_black_hole()
    party.host()
    agent = party.agent(guest=guest)
    until(lambda: len(agent.family()) > 1, 5, "a child")
    agent.kill()
    until(lambda: not agent.family(), 2, "the children's end")


def test_no_grandchild_is_left(party):
    """A package manager that hangs goes with the agent."""
    guest = party.guest()
    database = guest.private("/var/lib") / "rpm"
    database.mkdir()
    (database / "rpmdb.sqlite").write_text("")
    tools = party.directory / "tools"
    tools.mkdir()
    (tools / "rpm").write_text("#!/bin/sh\nexec sleep 1000\n")
    (tools / "rpm").chmod(0o755)
    host = party.host()
    agent = party.agent(guest=guest, env={"PATH": f"{tools}:/usr/bin:/bin:/usr/sbin:/sbin"})
    host.wait_until(lambda: "sleep" in agent.family().values(), scaled(5), "the package manager")
    assert agent.terminate() == 0
    until(lambda: not agent.family(), 2, "the package manager's end")


def test_the_bus_is_frozen(party):
    """Before the agent came: it cannot even say goodbye there."""
    bus = party.bus()
    bus.freeze()
    host = party.host()
    agent = party.agent(guest=party.guest(), bus=bus)
    host.expect("os-info", within=scaled(5))
    status = agent.terminate(2)
    bus.thaw()
    assert status == 0
    host.expect("session-shutdown", within=scaled(1))
