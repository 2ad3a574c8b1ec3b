# SPDX-License-Identifier: Apache-2.0
"""What the console wants, from the host and from the administrator, to the agents of the sessions: to which, when, and
what is kept. The agents of the sessions are played, but for the last cases."""

import os
import socket
import subprocess
import time

import pytest
from gi.repository import Gio, GLib

from rig.bus import NAME, PATH, PROPERTIES, SESSION, SOURCES, LoginManager, SessionBus
from rig.desktop import AGENT_INTERFACE, AGENT_PATH, NEVER, Agent, Error, Peer, USER, wait, wait_while
from rig.display import Dummy, layout
from rig.seat import Seat

FAILED = "org.freedesktop.DBus.Error.Failed"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
NOT_SUPPORTED = "org.freedesktop.DBus.Error.NotSupported"
EFFECTS = ["wallpaper", "animation", "font-smooth"]


class Played(Peer):
    """The agent of a session of root's, which does what the case says."""

    def __init__(self, seat, session, refuse=None, **offer):
        super().__init__(seat.bus)
        self.layouts, self.effects, self.console = [], [], []
        self.refuse, self.reason, self.answer = refuse, "the desktop's reason", None
        xml = (SOURCES / "dbus-interfaces/org.ovirt.GuestAgent1.SessionAgent.xml").read_text()
        interface = Gio.DBusNodeInfo.new_for_xml(xml).lookup_interface(AGENT_INTERFACE)
        self.export(AGENT_PATH, interface, {"ApplyLayout": self._apply, "SetEffects": self._effects,
                                            "SetConsole": self._console})
        self._session, self._offer = session, {"display": GLib.Variant("s", "played"),
                                               "effects": GLib.Variant("as", EFFECTS), **offer}
        self.manager("Register", "(sa{sv})", session, self._offer)

    def manager(self, method, signature="()", *arguments):
        call = self.call(NAME, PATH, "org.ovirt.GuestAgent1.Manager", method, GLib.Variant(signature, arguments))
        assert call.wait() is None
        return call.answer

    def again(self):
        """As when its offer changes."""
        self.manager("Unregister")
        self.manager("Register", "(sa{sv})", self._session, self._offer)

    def report(self, **state):
        self.manager("Report", "(a{sv})", {key.replace("_", "-"): value for key, value in state.items()})

    def _apply(self, _sender, monitors, verify):
        self.layouts.append((monitors, verify))
        if self.refuse is NEVER:
            return NEVER
        if self.refuse:
            raise Error(self.refuse, self.reason)
        return self.answer or GLib.Variant("(aa{sv})", (layout(*monitors),))

    def _effects(self, _sender, off):
        self.effects.append(off)

    def _console(self, _sender, connected):
        self.console.append(connected)

    def sizes(self):
        return [[(m.get("width"), m.get("height")) for m in monitors] for monitors, _ in self.layouts]


class Guest(Seat):
    def __init__(self, party, bus):
        super().__init__(party, bus, {"session": "1", "user": "alice", "uid": 0},
                         {"session": "2", "user": "bob", "uid": 0}, active="1")
        self.party = party
        self.root = Peer(bus)

    def played(self, session="1", **options):
        return self.party.keep(Played(self, session, **options))

    def path(self, session="1"):
        return f"{PATH}/session/_3{session}"

    def get(self, name, session="1"):
        call = self.root.call(NAME, self.path(session), PROPERTIES, "Get", GLib.Variant("(ss)", (SESSION, name)))
        assert call.wait() is None
        return call.answer[0]

    def apply(self, *monitors, session="1", verify=False, within=5):
        """(its result, None) or (None, the name of the error)."""
        call = self.root.call(NAME, self.path(session), SESSION, "ApplyLayout",
                              GLib.Variant("(aa{sv}b)", (layout(*monitors), verify)))
        error = call.wait(within)
        return (None, error) if error else (call.answer[0], None)

    def monitors(self, *sizes):
        self.send("monitors-config", monitors=[{"width": w, "height": h} for w, h in sizes])


@pytest.fixture
def guest(party):
    return Guest(party, party.bus())


def test_the_hosts_layout_goes_to_the_session_that_is_shown(guest):
    shown, other = guest.played("1"), guest.played("2")
    guest.send("monitors-config", serial=7, monitors=[
        {"id": 0, "enabled": True, "x": 0, "y": 0, "width": 1024, "height": 768, "primary": True, "depth": 32},
        {"id": 1, "enabled": False}, {"connector": "Virtual-3", "width": "800", "height": 600.0, "x": 1024, "y": -20}])
    wait(lambda: shown.layouts, what="the layout")
    monitors, verify = shown.layouts[0]
    assert not verify
    assert monitors == [
        {"id": 0, "enabled": True, "x": 0, "y": 0, "width": 1024, "height": 768, "primary": True},
        {"id": 1, "enabled": False, "primary": False},
        {"connector": "Virtual-3", "enabled": True, "x": 1024, "y": -20, "width": 800, "height": 600, "primary": False}]
    wait(lambda: guest.get("LayoutResult") == monitors, what="the result")
    assert guest.get("LayoutError") == ""
    assert other.layouts == []
    # Nothing of it goes to the host, which knows no answer.
    guest.sees()


def test_version_0_is_enough(guest):
    guest.send("api-version", apiVersion=0)
    agent = guest.played()
    guest.monitors((800, 600))
    guest.send("effects-off")
    wait(lambda: agent.layouts and agent.effects)


def test_a_burst_is_one_layout(guest):
    agent = guest.played()
    begin = time.monotonic()
    for width in range(800, 1000):
        guest.monitors((width, 600))
        end = time.monotonic() + 0.002
        wait(lambda: time.monotonic() > end, 1)
    wait(lambda: agent.sizes() and agent.sizes()[-1] == [(999, 600)], what="the last layout")
    assert len(agent.layouts) <= 1 + (time.monotonic() - begin) / 0.25
    wait_while(lambda: agent.sizes()[-1] == [(999, 600)], 0.6)


def test_what_comes_while_an_agent_thinks_is_its_next(guest):
    agent = guest.played(refuse=NEVER)
    guest.monitors((800, 600))
    wait(lambda: agent.layouts)
    guest.monitors((801, 600))
    guest.monitors((802, 600))
    wait_while(lambda: len(agent.layouts) == 1, 1)
    agent.refuse = None
    wait(lambda: agent.sizes()[1:] == [[(802, 600)]], 8, "the deadline of the first")
    assert guest.get("LayoutError") == ""


def test_refused_by_the_desktop(guest):
    agent = guest.played(refuse=FAILED)
    guest.monitors((800, 600))
    wait(lambda: guest.get("LayoutError") == "the desktop's reason")
    assert guest.get("LayoutResult") == []
    guest.agent.wait_log("monitors of session 1 stay as they are: the desktop's reason")
    agent.refuse = None
    guest.monitors((801, 600))
    wait(lambda: guest.get("LayoutError") == "")


def test_refusals_in_words_of_any_kind(guest):
    """They are a user's: nothing in the log looks like another line, and nothing fills it, the bus or our memory."""
    agent = guest.played(refuse=FAILED)
    agent.reason = "no\n<0>kernel: gone\x1b[2J" + "ž" * 100000
    for width in range(800, 808):
        before = len(agent.layouts)
        guest.monitors((width, 600))
        wait(lambda before=before: len(agent.layouts) > before)
    wait(lambda: guest.get("LayoutError"))
    cut = agent.reason.encode()[:159].decode(errors="ignore")
    assert guest.get("LayoutError") == cut
    assert guest.root.call(NAME, guest.path(), SESSION, "ApplyLayout", GLib.Variant(
        "(aa{sv}b)", (layout((640, 480)), False))).wait() == FAILED
    lines = guest.agent.log("stay as they are")
    assert len(lines) == 5 and all("no\\n<0>kernel: gone\\033[2J" in line and len(line) < 400 for line in lines)
    assert not guest.agent.log("^<0>")


@pytest.mark.parametrize("answer", [
    GLib.Variant("(aa{sv})", ([{"width": GLib.Variant("s", "800")}],)), GLib.Variant("(aa{sv})", ([{}] * 65,)),
    GLib.Variant("(aa{sv})", ([{"connector": GLib.Variant("s", "x" * 100000)}],))])
def test_answers_that_make_no_sense(guest, answer):
    agent = guest.played()
    agent.answer = answer
    guest.monitors((800, 600))
    wait(lambda: guest.get("LayoutError") == "The session agent's answer makes no sense")
    assert guest.get("LayoutResult") == []
    assert guest.apply((640, 480)) == (None, FAILED)
    agent.answer = None
    assert not guest.apply((640, 480))[1]
    assert guest.get("LayoutError") == ""


def test_another_agent_does_not_wait_for_the_one_before(guest):
    """Which has left with a call unanswered, but lives on."""
    first = guest.played(refuse=NEVER)
    guest.monitors((800, 600))
    wait(lambda: first.layouts)
    first.manager("Unregister")
    second = guest.played()
    wait(lambda: second.sizes() == [[(800, 600)]], 2)


def test_what_was_wanted_of_a_session_ends_with_it(guest):
    one, two = guest.played("1"), guest.played("2")
    assert not guest.apply((640, 480), session="2")[1]
    two.close()
    guest.logins.remove("2")
    wait(lambda: guest.root.call(NAME, guest.path("2"), PROPERTIES, "GetAll", GLib.Variant("(s)", (SESSION,))).wait())
    guest.logins.add("2", "bob", uid=0)
    anew = guest.played("2")
    wait_while(lambda: anew.layouts == one.layouts == [], 0.6)


def test_an_agent_that_comes_later_and_one_that_returns(guest):
    guest.monitors((800, 600))
    wait_while(lambda: True, 0.5)
    first = guest.played()
    wait(lambda: first.sizes() == [[(800, 600)]])
    # That it registers anew is no return: what the user has changed meanwhile stands.
    first.again()
    wait_while(lambda: len(first.layouts) == 1, 0.6)
    first.close()
    wait(lambda: guest.get("Agent") == "")
    second = guest.played()
    wait(lambda: second.sizes() == [[(800, 600)]])


def test_an_agent_that_has_another_ones_name_on_the_next_bus(guest):
    fillers = [guest.party.keep(Peer(guest.bus)) for _ in range(20)]
    first = guest.played()
    guest.monitors((800, 600))
    wait(lambda: first.layouts)
    name = first.connection.get_unique_name()
    guest.bus.stop()
    guest.agent.wait_log("No connection to the system bus")
    with guest.agent.asleep():
        guest.bus.start()
        guest.logins = LoginManager(guest.bus)
        guest.logins.add("1", "alice", uid=0)
        guest.logins.activate("1")
    guest.root = Peer(guest.bus)
    wait(lambda: not guest.root.call(NAME, guest.path(), PROPERTIES, "GetAll", GLib.Variant("(s)", (SESSION,))).wait(), 10)
    before = f":1.{int(name[3:]) - 1}"
    wait(lambda: fillers.append(Peer(guest.bus)) or fillers[-1].connection.get_unique_name() == before)
    second = guest.played()
    assert second.connection.get_unique_name() == name
    wait(lambda: second.sizes() == [[(800, 600)]])


def test_the_session_that_comes_to_the_front_gets_it(guest):
    one, two = guest.played("1"), guest.played("2")
    guest.monitors((800, 600))
    wait(lambda: one.layouts)
    guest.logins.activate("2")
    wait(lambda: two.sizes() == [[(800, 600)]])
    guest.monitors((1024, 768))
    wait(lambda: two.sizes()[1:] == [[(1024, 768)]])
    assert len(one.layouts) == 1
    guest.logins.activate("1")
    wait(lambda: one.sizes()[1:] == [[(1024, 768)]])


def test_the_administrators_layout_is_the_sessions_own(guest):
    one, two = guest.played("1"), guest.played("2")
    result, error = guest.apply((640, 480), session="2")
    assert not error and result == two.layouts[0][0]
    guest.monitors((800, 600))
    wait(lambda: one.layouts)
    # The newer one counts: for session 2 that is the host's, once it is shown.
    guest.logins.activate("2")
    wait(lambda: two.sizes()[1:] == [[(800, 600)]])
    assert not guest.apply((1024, 768), session="2")[1]
    guest.logins.activate("1")
    wait(lambda: one.sizes() == [[(800, 600)]] * 2)
    guest.logins.activate("2")
    wait(lambda: two.sizes()[3:] == [[(1024, 768)]])


def test_a_layout_that_was_refused_or_verified_is_not_kept(guest):
    agent = guest.played()
    assert not guest.apply((640, 480))[1]
    assert guest.apply((700, 500), verify=True)[0]
    assert agent.layouts[-1][1] is True
    agent.refuse = FAILED
    assert guest.apply((800, 600)) == (None, FAILED)
    assert guest.get("LayoutError") == "the desktop's reason"
    agent.close()
    wait(lambda: guest.get("Agent") == "")
    again = guest.played()
    wait(lambda: again.sizes() == [[(640, 480)]])


def test_without_an_agent_it_is_kept(guest):
    assert guest.apply((640, 480)) == ([], None)
    assert guest.apply((640, 480), verify=True) == (None, NOT_SUPPORTED)
    agent = guest.played()
    wait(lambda: agent.sizes() == [[(640, 480)]])


def test_an_agent_without_a_display(guest):
    agent = guest.played()
    agent.manager("Unregister")
    del agent._offer["display"]
    agent.manager("Register", "(sa{sv})", "1", agent._offer)
    guest.monitors((800, 600))
    assert guest.apply((640, 480), verify=True) == (None, NOT_SUPPORTED)
    wait_while(lambda: agent.layouts == [], 0.6)


@pytest.mark.parametrize("monitors", [[], [(0, 0)], [(800, 0)], [(70000, 600)], [(8, 8)] * 65,
                                      [{"width": "800", "height": 600}]])
def test_the_administrators_mistakes(guest, monitors):
    agent = guest.played()
    assert guest.apply(*monitors) == (None, INVALID)
    assert agent.layouts == []


def test_an_agent_that_never_answers_or_dies(guest):
    agent = guest.played(refuse=NEVER)
    call = guest.root.call(NAME, guest.path(), SESSION, "ApplyLayout",
                           GLib.Variant("(aa{sv}b)", (layout((800, 600)), False)))
    wait(lambda: agent.layouts)
    agent.close()
    assert call.wait(7)
    late = guest.played(refuse=NEVER)
    start = time.monotonic()
    assert guest.apply((800, 600), within=8)[1]
    assert 4 < time.monotonic() - start < 7
    assert late.layouts


def test_only_root(guest):
    guest.played()
    p = guest.bus.as_nobody("call", NAME, guest.path(), SESSION, "ApplyLayout", "aa{sv}b", "0", "false")
    assert p.returncode and "denied" in p.stderr.lower()


@pytest.mark.parametrize("call", [("ApplyLayout", "aa{sv}b", "1", "2", "width", "i", "800", "height", "i", "600", "false"),
                                  ("Lock",)])
def test_only_root_whatever_the_bus_allows(party, call):
    """As on one where an administrator has made a mistake."""
    bus = party.bus(more=f'<policy context="mandatory"><allow send_destination="{NAME}"/></policy>')
    guest = Guest(party, bus)
    agent = guest.played()
    assert "Access denied" not in bus.as_nobody("call", NAME, guest.path(), SESSION, "NoSuchMethod").stderr
    assert "Access denied" in bus.as_nobody("call", NAME, guest.path(), SESSION, *call).stderr
    assert agent.layouts == []


def test_busctl_can(guest):
    """As in the manual."""

    agent = guest.played()
    words = ["call", NAME, guest.path(), SESSION, "ApplyLayout", "aa{sv}b", "1", "2", "width", "i", "800", "height", "i",
             "600", "false"]
    p = subprocess.Popen(["busctl", f"--address={guest.bus.address}", *words], stdout=subprocess.PIPE, text=True)
    wait(lambda: p.poll() is not None)
    assert p.returncode == 0 and '"width" i 800' in p.stdout.read()
    assert agent.sizes() == [[(800, 600)]]


# What agents tell

def test_the_layout_is_a_property(guest):
    agent = guest.played()
    assert guest.get("Layout") == []
    monitors = layout({"connector": "Virtual-1", "id": 0, "enabled": True, "x": 0, "y": 0, "width": 800, "height": 600})
    agent.report(layout=GLib.Variant("aa{sv}", monitors))
    assert [m["width"] for m in guest.get("Layout")] == [800]
    agent.report(effects_off=GLib.Variant("as", ["animation", "nonsense"]))
    assert guest.get("EffectsOff") == ["animation"]
    assert [m["width"] for m in guest.get("Layout")] == [800]
    assert guest.get("Offer")["effects"] == EFFECTS and guest.get("Offer")["display"] == "played"
    agent.manager("Unregister")
    assert guest.get("Layout") == [] and guest.get("EffectsOff") == []


def test_changes_are_announced(guest):
    agent = guest.played()
    told = []
    guest.root.connection.signal_subscribe(NAME, PROPERTIES, "PropertiesChanged", guest.path(), None,
                                           Gio.DBusSignalFlags.NONE, lambda *a: told.append(a[5].unpack()[1]))

    def news(name):
        return [changes[name] for changes in told if name in changes]
    monitors = layout({"connector": "Virtual-1", "enabled": True, "width": 800, "height": 600})
    agent.report(layout=GLib.Variant("aa{sv}", monitors), effects_off=GLib.Variant("as", ["animation"]))
    wait(lambda: news("Layout") and news("EffectsOff"))
    assert [m["width"] for m in news("Layout")[-1]] == [800] and news("EffectsOff")[-1] == ["animation"]
    assert not news("LayoutResult")
    guest.monitors((640, 480))
    wait(lambda: news("LayoutResult"))
    assert [m["width"] for m in news("LayoutResult")[-1]] == [640] and news("LayoutError") == [""]
    agent.refuse = FAILED
    guest.monitors((641, 480))
    wait(lambda: news("LayoutError")[-1] == "the desktop's reason")
    # The same again is no news.
    before = len(told)
    agent.report(layout=GLib.Variant("aa{sv}", monitors), effects_off=GLib.Variant("as", ["animation"]))
    wait_while(lambda: len(told) == before, 0.5)


@pytest.mark.parametrize("state", [
    GLib.Variant("s", "x"), GLib.Variant("aa{sv}", [{"width": GLib.Variant("s", "800")}]),
    GLib.Variant("aa{sv}", [{"width": GLib.Variant("i", 8)}] * 65), GLib.Variant("aa{ss}", [{"a": "b"}])])
def test_reports_that_are_none(guest, state):
    agent = guest.played()
    call = agent.call(NAME, PATH, "org.ovirt.GuestAgent1.Manager", "Report", GLib.Variant("(a{sv})", ({"layout": state},)))
    assert call.wait() == INVALID
    assert guest.get("Layout") == []


# Effects and the console's state

def test_effects(guest):
    one, two = guest.played("1"), guest.played("2")
    guest.send("display-effects", off=["wallpaper", "nonsense", 5, "font-smooth"])
    wait(lambda: one.effects == [["wallpaper", "font-smooth"]] and two.effects == one.effects)
    guest.send("display-effects", off=[])
    wait(lambda: one.effects[1:] == [[]])
    guest.send("effects-off")
    wait(lambda: one.effects[2:] == [EFFECTS])
    guest.send("effects-restore")
    wait(lambda: one.effects[3:] == [[]])
    guest.send("console-state", connected=False)
    guest.send("console-state", connected=True)
    wait(lambda: one.console == two.console == [False, True])


def test_effects_for_agents_that_come_later(guest):
    guest.send("display-effects", off=["animation"])
    guest.send("console-state", connected=False)
    wait_while(lambda: True, 0.3)
    agent = guest.played()
    wait(lambda: agent.effects == [["animation"]] and agent.console == [False])
    # Nothing is told that nobody asked for.
    assert agent.layouts == []


def test_sessions_elsewhere_are_not_the_hosts(guest):
    """Its console shows neither those of another seat nor those of other machines."""
    guest.logins.add("3", "carol", uid=0, seat="seat1")
    guest.logins.add("4", "dave", uid=0, remote=True)
    here, *elsewhere = guest.played("1"), guest.played("3"), guest.played("4")
    guest.send("effects-off")
    guest.send("console-state", connected=False)
    guest.monitors((800, 600))
    wait(lambda: here.effects and here.console and here.layouts)
    later = guest.played("2")
    wait(lambda: later.effects and later.console)
    wait_while(lambda: not any(a.effects or a.console or a.layouts for a in elsewhere), 0.6)


def test_nothing_is_told_that_the_host_has_not_said(guest):
    agent = guest.played()
    wait_while(lambda: not agent.effects and not agent.console and not agent.layouts, 0.6)


# Hostile words

@pytest.mark.parametrize("members", [
    {}, {"monitors": None}, {"monitors": {}}, {"monitors": []}, {"monitors": [1]}, {"monitors": [[]]}, {"monitors": [{}]},
    {"monitors": [{"width": 800}]}, {"monitors": [{"width": 800, "height": {}}]},
    {"monitors": [{"width": 1e400, "height": 600}]}, {"monitors": [{"width": -800, "height": 600}]},
    {"monitors": [{"width": 99999999999999999999, "height": 600}]}, {"monitors": [{"width": 800.5, "height": 600}]},
    {"monitors": [{"width": 800, "height": 600, "id": -1}]}, {"monitors": [{"width": 800, "height": 600, "x": 1e9}]},
    {"monitors": [{"width": 800, "height": 600, "connector": "x" * 5000}]},
    {"monitors": [{"width": 800, "height": 600, "connector": "\u001b[2J"}]},
    {"monitors": [{"width": 8, "height": 8}] * 1000}, {"monitors": [{"enabled": "yes", "width": 8, "height": 8}]}])
def test_layouts_of_a_hostile_host(standing_guest, members):
    guest, agent = standing_guest
    before = len(agent.layouts)
    guest.send("monitors-config", **members)
    guest.send("echo", fence=1)
    guest.host.expect("echo")
    wait_while(lambda: len(agent.layouts) == before, 0.4)       # longer than it would wait for a newer one
    guest.monitors((801 + before, 600))
    wait(lambda: len(agent.layouts) > before)
    assert agent.sizes()[before:] == [[(801 + before, 600)]]


@pytest.mark.parametrize("name, members", [
    ("display-effects", {}), ("display-effects", {"off": "wallpaper"}), ("display-effects", {"off": {}}),
    ("console-state", {}), ("console-state", {"connected": "true"}), ("console-state", {"connected": 1})])
def test_other_hostile_words(standing_guest, name, members):
    guest, agent = standing_guest
    guest.send(name, **members)
    guest.send("echo", fence=1)
    guest.host.expect("echo")
    assert agent.effects == [] and agent.console == []


@pytest.fixture(scope="module")
def standing_guest(lasting_party):
    guest = Guest(lasting_party, lasting_party.bus())
    return guest, guest.played()


# All of it

def test_from_the_host_to_xrandr(party, directory):
    guest = Guest(party, party.bus())
    x = party.keep(Dummy(directory))
    session_bus = party.keep(SessionBus(directory))
    guest.logins.add("s2", "carol", uid=USER)
    guest.logins.activate("s2")
    party.keep(Agent(directory, guest.bus, session_bus, XDG_SESSION_ID="s2", DISPLAY=x.name))
    path = f"{PATH}/session/s2"

    def get(name):
        call = guest.root.call(NAME, path, PROPERTIES, "Get", GLib.Variant("(ss)", (SESSION, name)))
        return call.wait() or call.answer[0]
    wait(lambda: get("Offer").get("display") == "xrandr", what="the agent")
    guest.monitors((1003, 701), (800, 600))
    wait(lambda: x.outputs() == {"DUMMY0": (1003, 701, 0, 0), "DUMMY1": (800, 600, 1003, 0)}, what="xrandr's word")
    wait(lambda: [m["width"] for m in get("Layout") if m["enabled"]] == [1003, 800], what="the report")
    assert [m["connector"] for m in get("LayoutResult")] == ["DUMMY0", "DUMMY1"]


HOOK = SOURCES / "packaging/examples/vdsm-hook"


@pytest.mark.parametrize("words, by_property", [
    (["monitors", "1024x768+0+0", "off", "800x600+1024+-20"], False),
    (["monitors", "1024x768+0+0", "off", "800x600+1024+-20"], True)])
def test_the_sample_hook(guest, directory, words, by_property):
    """What it sends into the channel of a machine is what the agent understands."""
    agent = guest.played()
    channel = socket.socket(socket.AF_UNIX)
    channel.bind(f"{directory}/machine.ovirt-guest-agent.0")
    channel.listen()
    environment = {"PATH": os.environ["PATH"], "OVIRT_CHANNELS": str(directory), "vmId": "machine",
                   "guest_console": " ".join(words) + "; " if by_property else ""}
    subprocess.run([HOOK, *([] if by_property else ["machine", *words])], check=True, env=environment)
    host, _ = channel.accept()
    guest.host.send_bytes(host.makefile("rb").read())
    wait(lambda: agent.sizes() == [[(1024, 768), (None, None), (800, 600)]])
    channel.close()


def test_the_sample_hook_and_bare_names(guest, directory):
    """They go by VDSM's own client."""
    client = directory / "vdsm-client"
    client.write_text('#!/bin/sh\necho "$@" >"$0.log"\n')
    client.chmod(0o755)
    subprocess.run([HOOK, "machine", "effects", "off"], check=True, env={"PATH": f"{directory}:{os.environ['PATH']}"})
    assert (directory / "vdsm-client.log").read_text() == "VM desktopSendHcCommand vmID=machine message=effects-off\n"
    agent = guest.played()
    guest.send("effects-off")
    wait(lambda: agent.effects == [EFFECTS])
