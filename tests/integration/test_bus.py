# SPDX-License-Identifier: Apache-2.0
"""The agent on the bus, under the policy as shipped; and whom it takes for the user at the seat."""

import time

import pytest
from gi.repository import GLib
from rig.bus import INTERFACE_FILE, MANAGER, NAME, PATH, LoginManager, structure
from rig.pace import complaints, scaled, until

from conftest import settle


@pytest.fixture
def bus(party):
    return party.bus()


def on_bus(party, bus):
    """(host, agent, client) with the agent's name on the bus."""
    client = bus.connect()
    host, agent = party.settled(guest=party.guest(), bus=bus)
    until(lambda: client.has_owner(NAME))
    return host, agent, client


def test_introspection_is_the_xml(party, bus):
    _, _, client = on_bus(party, bus)
    xml = client.call(NAME, PATH, "org.freedesktop.DBus.Introspectable", "Introspect")[0]
    assert structure(xml) == structure(INTERFACE_FILE.read_text())


def test_properties(party, bus):
    host, _, client = on_bus(party, bus)
    begin = time.time()
    host.expect("heartbeat", within=scaled(3))
    assert client.get("Version") == "2.0.0"
    assert client.get("Channels") == [("vdsm", str(party.socket), True, 3)]
    assert abs(client.get("LastHeartbeat")["vdsm"] / 1e6 - begin) < scaled(3)
    assert client.get("ActiveUser") == ""


def test_no_port(party, bus):
    client = bus.connect()
    party.agent("--port", f"ovirt-guest-agent.0={party.directory}/none", bus=bus)
    until(lambda: client.has_owner(NAME))
    assert client.get("Channels") == [("vdsm", "", False, 0)] and client.get("LastHeartbeat") == {"vdsm": 0}


def test_properties_that_notify(party, bus):
    client = bus.connect()
    client.watch()
    logins = LoginManager(bus)
    host = party.host()
    agent = party.agent(guest=party.guest(), bus=bus)
    until(lambda: client.has_owner(NAME))
    settle(host)
    client.wait_change(lambda c: ("Channels", [("vdsm", str(party.socket), True, 3)]) in c)
    logins.add("1", "alice")
    client.wait_change(lambda c: ("ActiveUser", "alice") in c)
    host.disconnect()
    agent.wait_log("host disconnected")
    client.wait_change(lambda c: c and [ch[2] for n, v in c if n == "Channels" for ch in v][-1] is False)
    assert "LastHeartbeat" not in {name for name, _ in client.changes}


def test_refresh_by_root(party, bus):
    host, _, client = on_bus(party, bus)
    host.wait_until(lambda: host.vdsm.effective == 3, scaled(5))
    host.skip()
    position = len(host.events)
    assert client.manager("Refresh") == ()
    host.wait_until(lambda: any(e.name == "os-info" and e.kind == "message" for e in host.events[position:]),
                    scaled(3), "everything anew")


def test_nobody_may_look_but_not_touch(party, bus):
    host, _, _ = on_bus(party, bus)
    introspected = bus.as_nobody("introspect", NAME, PATH)
    assert introspected.returncode == 0 and "Channels" in introspected.stdout, introspected.stderr
    read = bus.as_nobody("get-property", NAME, PATH, MANAGER, "Version")
    assert (read.returncode, read.stdout) == (0, 's "2.0.0"\n')
    position = len(host.events)
    refused = bus.as_nobody("call", NAME, PATH, MANAGER, "Refresh")
    assert refused.returncode != 0 and "denied" in refused.stderr.lower()
    refused = bus.as_nobody("set-property", NAME, PATH, MANAGER, "Version", "s", "3")
    assert refused.returncode != 0
    host.collect(scaled(0.5))
    assert not [e for e in host.events[position:] if e.kind == "message" and e.name == "session-startup"]


def test_nobody_may_not_be_us(bus):
    taken = bus.as_nobody("call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          "RequestName", "su", NAME, "0")
    assert taken.returncode != 0


def test_the_name_is_taken(party, bus):
    """Said once; the host is served all the same."""
    client = bus.connect()
    client.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                GLib.Variant("(su)", (NAME, 4)))
    host, agent = party.settled(guest=party.guest(), bus=bus)
    agent.wait_log(f"{NAME} belongs to another")
    host.expect("heartbeat", within=scaled(3))


@pytest.mark.parametrize("method, arguments", [("Refresh", ("(s)", ("x",))), ("Nonsense", ("()", ()))])
def test_bad_calls(party, bus, method, arguments):
    _, _, client = on_bus(party, bus)
    with pytest.raises(GLib.Error):
        client.call(NAME, PATH, MANAGER, method, GLib.Variant(*arguments))
    assert client.get("Version")


class Seat:
    """An agent that follows a login manager, and what the host is told."""

    def __init__(self, party, bus, *sessions, active=""):
        self.logins = LoginManager(bus)
        for session in sessions:
            self.logins.add(**session)
        if active:
            self.logins.activate(active)
        self.host, self.agent = party.settled(guest=party.guest(), bus=bus,
                                              config=party.configure(report_user_rate=1))

    @property
    def told(self):
        return [e["name"] for e in self.host.messages("active-user")]

    def see(self, user, act, within=1.0):
        position = len(self.told)
        act()
        self.host.wait_until(lambda: self.told[position:] and self.told[-1] == user, scaled(within), f"{user}")


# id, sessions, the active one, the user told
AT_THE_START = [
    ("E18", [], "", "None"),
    ("one", [{"session": "1", "user": "alice"}], "1", "alice"),
    ("remote", [{"session": "1", "user": "alice", "remote": True}], "", "None"),
    ("no-seat", [{"session": "1", "user": "alice", "seat": ""}], "", "None"),
    ("other-seat", [{"session": "1", "user": "alice", "seat": "seat1"}], "", "None"),
    ("greeter", [{"session": "c1", "user": "gdm", "kind": "greeter"}], "c1", "None"),
    ("closing", [{"session": "1", "user": "alice", "state": "closing"}], "1", "None"),
    ("manager", [{"session": "1", "user": "alice", "kind": "manager"}], "1", "None"),
    ("of-two", [{"session": "1", "user": "alice"}, {"session": "2", "user": "bob"}], "2", "bob"),
    ("behind-the-greeter", [{"session": "1", "user": "alice"}, {"session": "c1", "user": "gdm", "kind": "greeter"}],
     "c1", "alice"),
    ("strange-name", [{"session": "1", "user": 'DOM\\žl "x" \u0001'}], "1", 'DOM\\žl "x" \ufffd'),
]


@pytest.mark.parametrize("sessions, active, user", [s[1:] for s in AT_THE_START], ids=[s[0] for s in AT_THE_START])
def test_user_at_the_start(party, bus, sessions, active, user):
    seat = Seat(party, bus, *sessions, active=active)
    assert set(seat.told) == {user}


def test_users_come_and_go(party, bus):
    seat = Seat(party, bus)
    logins = seat.logins

    def log_in(session, user):
        logins.add(session, user)
        logins.activate(session)
    seat.see("alice", lambda: log_in("1", "alice"))
    seat.see("bob", lambda: log_in("2", "bob"))
    seat.see("alice", lambda: logins.activate("1"))
    seat.see("bob", lambda: (logins.activate("2"), logins.remove("1")))
    seat.see("None", lambda: (logins.change("2", State="closing"), logins.activate("")))
    seat.see("carol", lambda: log_in("3", "carol"))
    seat.see("None", lambda: logins.remove("3"))
    assert not complaints(seat.host)


def test_a_login_is_told_at_once(party, bus):
    """Not with the other changes, which wait for each other."""
    seat = Seat(party, bus)
    begin = time.monotonic()
    seat.see("alice", lambda: seat.logins.add("1", "alice"))
    assert time.monotonic() - begin < scaled(0.5)


def test_the_greeter_covers_a_session(party, bus):
    """Switching to the login screen is no log-out."""
    seat = Seat(party, bus, {"session": "1", "user": "alice"}, active="1")
    position = len(seat.told)
    seat.logins.add("c1", "gdm", kind="greeter")
    seat.logins.activate("c1")
    seat.host.collect(scaled(1))
    assert seat.told[position:] == []
    seat.see("None", lambda: seat.logins.remove("1"))


def test_e17_the_same_user_is_not_told_again(party, bus):
    """But with every refresh."""
    seat = Seat(party, bus, {"session": "1", "user": "alice"}, active="1")
    seat.host.wait_until(lambda: seat.host.vdsm.effective == 3, scaled(5))
    position = len(seat.told)
    seat.host.collect(scaled(2.5))
    assert seat.told[position:] == []
    seat.see("alice", lambda: seat.host.send("refresh"))


def test_a_login_manager_that_lies(party, bus):
    """Answers of another form mean nobody, and no crash."""
    logins = LoginManager(bus)
    logins.answer_wrongly()
    host, _ = party.settled(guest=party.guest(), bus=bus)
    assert {e["name"] for e in host.messages("active-user")} == {"None"}
    logins.add("1", "alice")
    host.wait_until(lambda: host.messages("active-user")[-1]["name"] == "alice", scaled(1), "alice")
