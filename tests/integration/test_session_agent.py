# SPDX-License-Identifier: Apache-2.0
"""The session agent as an ordinary user's process, between a desktop and a system agent that do what the case says."""

import os
import subprocess

import pytest
from gi.repository import Gio, GLib

from rig.bus import MANAGER, NAME, PATH, SOURCES
from rig.desktop import AGENT_INTERFACE, AGENT_PATH, NEVER, Agent, Call, LoginManager, Peer, USER, wait, wait_while
from rig.pace import INSTRUMENTED, WRAPPER
from rig.user_session import Guest, registered

NOT_SUPPORTED = "org.freedesktop.DBus.Error.NotSupported"
ERRORS = "org.ovirt.GuestAgent1.Error."


@pytest.fixture
def guest(directory, party):
    return Guest(directory, party)


# Registration

def test_registers(guest):
    system = guest.system_agent()
    agent = guest.agent(XDG_CURRENT_DESKTOP="ubuntu:GNOME")
    registered(agent)
    [(_, sender, session, offer)] = system.of("Register")
    assert session == "s2"
    version = subprocess.run([os.environ["OVIRT_SESSION_AGENT"], "--version"], capture_output=True, text=True)
    offer.pop("effects", None)      # where there are desktops, theirs
    assert offer == {"version": version.stdout.split()[1], "desktop": "ubuntu:GNOME", "lock": False, "logout": False,
                     "sign-on": False}
    uid = guest.system_bus.connect().call("org.freedesktop.DBus", "/", "org.freedesktop.DBus",
                                          "GetConnectionUnixUser", GLib.Variant("(s)", (sender,)))
    assert uid == (USER,)
    assert not any("locked" in state for state in system.states)     # nothing known, nothing said
    assert len(agent.log()) == 1


def test_leaves_out_a_desktop_that_is_no_name(guest):
    system = guest.system_agent()
    guest.agent(XDG_CURRENT_DESKTOP="x" * 65)
    system.agent()
    assert "desktop" not in system.offer


def test_waits_for_a_system_agent_and_outlives_it(guest):
    locker = guest.locker(active=True)
    agent = guest.agent()
    wait_while(lambda: agent.running and not agent.log(), 1)
    for count in range(1, 4):
        system = guest.system_agent()
        wait(lambda: len(agent.log("Registered")) == count)
        assert system.states == [{"locked": True}]
        system.close()
    locker.set_active(False)
    wait_while(lambda: agent.running, 0.5)
    assert len(agent.log()) == 3


def test_follows_a_name_that_changes_hands(guest):
    first = guest.system_agent(flags=1)
    registered(guest.agent())
    second = guest.system_agent(flags=2)
    wait(lambda: second.of("Register"))
    assert first.ask("Lock").wait() == "org.freedesktop.DBus.Error.AccessDenied"
    assert second.ask("Lock").wait() == NOT_SUPPORTED


def test_only_the_system_agent_is_answered(guest):
    """Not another program of root's, whatever the method."""
    system = guest.system_agent()
    registered(guest.agent())
    other = guest.keep(Peer(guest.system_bus))
    xml = (SOURCES / "dbus-interfaces/org.ovirt.GuestAgent1.SessionAgent.xml").read_text()
    examples = {"b": True, "as": [], "aa{sv}": []}
    for method in Gio.DBusNodeInfo.new_for_xml(xml).lookup_interface(AGENT_INTERFACE).methods:
        arguments = GLib.Variant.new_tuple(*(GLib.Variant(a.signature, examples[a.signature]) for a in method.in_args))
        call = other.call(system.agent(), AGENT_PATH, AGENT_INTERFACE, method.name, arguments)
        assert call.wait() == "org.freedesktop.DBus.Error.AccessDenied", method.name


@pytest.mark.parametrize("error", ["NoSuchSession", "NotYourSession", "AlreadyRegistered", "TooMany", "RateLimited"])
def test_refused_logs_once_and_comes_back(guest, error):
    system = guest.system_agent(refuse=ERRORS + error)
    agent = guest.agent()
    wait(lambda: len(system.of("Register")) == 2, 4, "a second attempt")
    assert agent.log("refuses") == agent.log()
    assert len(agent.log()) == 1
    assert error in agent.log()[0]
    system.refuse = None
    registered(agent)
    assert system.of("Register")[-1][2] == "s2"


def test_backs_off(guest):
    system = guest.system_agent(refuse=ERRORS + "TooMany")
    agent = guest.agent()
    wait(lambda: system.calls)
    wait_while(lambda: len(system.of("Register")) <= 4 and agent.running, 8)     # after 1, 2, 4 seconds
    assert len(system.of("Register")) >= 3


def test_report_refused_begins_anew_without_a_flood(guest):
    """It may still be registered, as when it was told to slow down."""
    guest.locker()
    system = guest.system_agent(refuse=lambda method: ERRORS + "RateLimited" if method == "Report" else None)
    agent = guest.agent()
    wait(lambda: len(system.of("Register")) == 2)
    assert [c[0] for c in system.calls][:4] == ["Register", "Report", "Unregister", "Register"]
    assert len(agent.log()) == 1
    system.refuse = None
    registered(agent)


def test_registers_again_when_its_session_is_forgotten(guest):
    """By a system agent that stays, as when the login manager loses its memory; another session's end is no matter."""
    guest.locker(active=True)
    system = guest.system_agent()
    agent = guest.agent()
    registered(agent)
    for session, count in ("s2", 2), ("s1", 2), ("s2", 3):
        system.emit(PATH, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved",
                    GLib.Variant("(oas)", (f"{PATH}/session/{session}", ["org.ovirt.GuestAgent1.Session"])))
        wait(lambda: len(agent.log("Registered session")) == count)
        wait_while(lambda: len(system.of("Register")) == count and system.states == [{"locked": True}] * count, 1.2)


def test_system_agent_that_never_answers(guest):
    system = guest.system_agent(refuse=NEVER)
    agent = guest.agent()
    wait(lambda: agent.log("refuses"), 8)
    assert system.ask("Lock").wait() == NOT_SUPPORTED
    system.refuse = None
    registered(agent)


def test_answer_of_another_type(guest):
    node = Gio.DBusNodeInfo.new_for_xml(f"""<node><interface name="{MANAGER}"><method name="Register">
        <arg type="s" direction="in"/><arg type="a{{sv}}" direction="in"/><arg type="as" direction="out"/></method>
        </interface></node>""")
    system = guest.keep(Peer(guest.system_bus))
    calls = []

    def register(*arguments):
        calls.append(arguments)
        return GLib.Variant("(as)", (["x" * 100000] * 20,))
    system.export(PATH, node.interfaces[0], {"Register": register})
    system.own(NAME)
    agent = guest.agent()
    wait(lambda: len(calls) == 2)
    assert len(agent.log()) == 1
    assert len(agent.log()[0]) < 500


IMPOSTOR = """
import sys
from gi.repository import Gio, GLib
def show(connection, message, incoming):
    if incoming and message.get_message_type() == Gio.DBusMessageType.METHOD_CALL:
        print("called", flush=True)
    return message
bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
bus.add_filter(show)
Gio.bus_own_name_on_connection(bus, sys.argv[1], 0, lambda *_: print("here", flush=True), lambda *_: sys.exit(1))
GLib.MainLoop().run()
"""


def test_owner_that_is_not_root(guest):
    """On a bus whose policy lets anybody be the system agent."""
    guest.login1.close()
    guest.system_bus.stop()
    policy = guest.directory / "bus.conf"
    policy.write_text(policy.read_text().replace("</busconfig>", f"""<policy context="default"><allow own="{NAME}"/>
        <allow send_destination="{NAME}"/></policy></busconfig>"""))
    guest.system_bus.start()
    guest.login1 = guest.keep(LoginManager(guest.system_bus))
    log = guest.directory / "impostor.log"
    with open(log, "wb") as f:
        impostor = subprocess.Popen(
            ["setpriv", "--reuid=1", "--regid=1", "--clear-groups", "/usr/bin/python3", "-c", IMPOSTOR, NAME],
            stdin=subprocess.DEVNULL, stdout=f, env={"DBUS_SYSTEM_BUS_ADDRESS": guest.system_bus.address})
    try:
        wait(lambda: "here" in log.read_text(), what="the impostor")
        agent = guest.agent()
        wait(lambda: agent.log("not root"))
        wait_while(lambda: "called" not in log.read_text(), 1)
        assert len(agent.log()) == 1
    finally:
        impostor.terminate()
        impostor.wait()
    guest.system_agent()
    registered(agent)


# One agent per session, for as long as it lasts

def test_second_instance_leaves_quietly(guest):
    system = guest.system_agent()
    first = guest.agent()
    registered(first)
    second = guest.agent()
    assert second.wait_exit() == 0
    assert second.log() == []
    assert first.running and len(system.of("Register")) == 1
    # A session of the same user on the same bus is another matter.
    guest.login1.add("s3")
    third = guest.agent(XDG_SESSION_ID="s3")
    registered(third)
    assert system.of("Register")[-1][2] == "s3"
    # The first one's place is free when it has gone.
    first.close()
    registered(guest.agent())


def test_leaves_with_its_session_only(guest):
    guest.system_agent()
    guest.login1.add("s3")
    agent = guest.agent()
    registered(agent)
    guest.login1.remove("s3")
    wait_while(lambda: agent.running, 0.5)
    guest.login1.remove("s2")
    assert agent.wait_exit() == 3
    assert len(agent.log()) == 1


def test_leaves_with_the_leader_of_its_session(guest):
    """A session stays while a process is left in it, so its agent must not wait for its end."""
    if WRAPPER:
        pytest.skip("no process descriptors under valgrind")
    guest.system_agent()
    agent = guest.agent()
    registered(agent)
    guest.login1.end_leader()
    assert agent.wait_exit() == 3


def test_leaves_with_the_bus_of_its_session(guest):
    guest.system_agent()
    agent = guest.agent()
    registered(agent)
    guest.session_bus.close()
    assert agent.wait_exit() == 0
    assert len(agent.log()) == 1


def test_fails_with_the_system_bus(guest):
    guest.system_agent()
    agent = guest.agent()
    registered(agent)
    guest.system_bus.stop()
    assert agent.wait_exit() == 1
    assert len(agent.log()) == 2


@pytest.mark.parametrize("variable, sessions, shown, expected", [
    ("s3", {"s3": {}}, "s2", "s3"),
    (None, {}, "s2", "s2"),                             # a service of the user's service manager
    ("s4", {}, "s2", "s2"),                             # stale
    ("s3", {"s3": {"uid": 1}}, "s2", "s2"),             # somebody else's
    ("s3", {"s3": {"state": "closing"}}, "s2", "s2"),
    ("../s3", {}, "s2", "s2"),
    ("s" * 65, {}, "s2", "s2"),
])
def test_finds_its_session(guest, variable, sessions, shown, expected):
    for session, facts in sessions.items():
        guest.login1.add(session, **facts)
    guest.login1.shown = shown
    system = guest.system_agent()
    guest.keep(Agent(guest.directory, guest.system_bus, guest.session_bus,
                     **({"XDG_SESSION_ID": variable} if variable else {})))
    system.agent()
    assert system.of("Register")[0][2] == expected


@pytest.mark.parametrize("facts", [{"uid": 1}, {"state": "closing"}, {"id": ""}, {"id": "a.b"}, {"id": "x" * 65}])
def test_without_a_session_it_fails(guest, facts):
    guest.login1.add("s2", **facts)
    system = guest.system_agent()
    agent = guest.agent(XDG_SESSION_ID="")
    assert agent.wait_exit() == 1
    assert len(agent.log("Cannot start")) == len(agent.log()) == 1
    assert not system.calls


def test_dead_leader(guest):
    if WRAPPER:
        pytest.skip("no process descriptors under valgrind")
    guest.login1.end_leader()
    agent = guest.agent()
    assert agent.wait_exit() == 1


def test_without_a_bus_it_fails(guest):
    agent = guest.keep(Agent(guest.directory, guest.system_bus, f"unix:path={guest.directory}/none"))
    assert agent.wait_exit() == 1
    assert len(agent.log()) == 1


# Who may ask

def test_only_the_system_agent_may_ask(guest):
    system = guest.system_agent()
    locker = guest.locker()
    agent = guest.agent()
    registered(agent)
    other = guest.keep(Peer(guest.system_bus))
    for method in ("Lock", "Logout"):
        call = Call(other.connection, system.agent(), AGENT_PATH, AGENT_INTERFACE, method, None)
        assert call.wait() == "org.freedesktop.DBus.Error.AccessDenied"
    # Other users' calls, and the user's own, the policy keeps away.
    p = guest.system_bus.as_nobody("call", system.agent(), AGENT_PATH, AGENT_INTERFACE, "Lock")
    assert p.returncode != 0 and "denied" in p.stderr
    assert locker.locks == []
    assert agent.running


# What it costs, and what it leaves alone

def test_sleeps_and_is_small(guest):
    guest.system_agent()
    locker = guest.locker()
    agent = guest.agent()
    registered(agent)
    locker.set_active(True)
    wait_while(lambda: agent.running, 1)
    before = agent.wake_ups()
    wait_while(lambda: agent.running, 3)
    if not INSTRUMENTED:    # which has its own threads, and memory
        assert agent.wake_ups() == before
        assert agent.private_kib() < 3 * 1024


@pytest.mark.parametrize("options, status, text", [
    (["--version"], 0, "ovirt-guest-agent "), (["--help"], 0, "--debug"), (["--nonsense"], 2, "--nonsense"),
    (["nonsense"], 2, "nonsense"), (["--debug", "--", "x"], 2, "x")])
def test_options(options, status, text):
    p = subprocess.run([os.environ["OVIRT_SESSION_AGENT"], *options], capture_output=True, text=True,
                       env={"PATH": os.environ["PATH"], "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/none"})
    assert p.returncode == status
    assert text in (p.stdout if status == 0 else p.stderr)
