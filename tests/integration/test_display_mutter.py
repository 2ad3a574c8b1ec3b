# SPDX-License-Identifier: Apache-2.0
"""Monitors under mutter, on Wayland: what is asked for, against what mutter says. The cases G... are those of
docs/displays.md; what mutter itself says to them is asked as well."""

import subprocess

import pytest
from gi.repository import Gio, GLib

from rig.desktop import Error, Peer, wait, wait_while
from rig.display import Dummy, Mutter, Virtual, apply_layout, ask_layout, displayed, get_layout, monitor, table
from rig.screen import Screen, placed
from rig.user_session import Guest

FAILED = "org.freedesktop.DBus.Error.Failed"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
STALE = "org.freedesktop.DBus.Error.AccessDenied"
NAMES = ["Meta-0", "Meta-1"]


def under_mutter(directory, party):
    return Screen(directory, party, "mutter", lambda guest: Mutter(directory, guest.session_bus, guest.system_bus, "1024x768",
                                                                   "800x600"), XDG_CURRENT_DESKTOP="GNOME")


@pytest.fixture(scope="module")
def shared(lasting_party):
    return under_mutter(lasting_party.directory, lasting_party)


@pytest.fixture
def screen(directory, party):
    return under_mutter(directory, party)


def words(outputs):
    return ", ".join("{}x{}+{}+{}".format(*outputs[name]) if name in outputs else "off" for name in NAMES)


@pytest.mark.parametrize("name, asked, theirs, ours", table("G"), ids=[row[0] for row in table("G")])
def test_table(shared, name, asked, theirs, ours):
    assert not shared.apply((1024, 768), (800, 600))[1]
    before = shared.server.outputs()
    monitors = [monitor(text) for text in asked.split(", ")]
    direct = shared.server.ask([(n, m) for n, m in zip(NAMES, monitors) if isinstance(m, tuple)])
    assert (direct or "accepted").endswith(theirs)
    call = ask_layout(shared.system, monitors)
    call.wait(10)
    if call.error:
        assert call.error in (FAILED, INVALID) and ours.startswith("refused: ")
        assert shared.server.outputs() == before
        return
    assert words(shared.server.outputs()) == ours
    assert placed(call.answer[0]) == shared.server.outputs()
    wait(lambda: shared.on() == shared.server.outputs(), 3, "the report")


def test_why(shared):
    """The reason is in the message, with the nearest size."""
    reason = next(row[3] for row in table("G") if row[0] == "G7").removeprefix("refused: ")
    call = ask_layout(shared.system, [(1000, 700), (800, 600)])
    call.wait(5)
    assert call.message.endswith(reason)


def test_primary(shared):
    def primary():
        return [entry[5][0][0] for entry in shared.server.state()[2] if entry[4]]
    assert not shared.apply((1024, 768), {"width": 800, "height": 600, "primary": True})[1]
    assert primary() == ["Meta-1"]
    assert not shared.apply((1024, 768), (800, 600))[1]      # it stays
    assert primary() == ["Meta-1"]
    assert not shared.apply((1024, 768))[1]                  # it goes with its monitor
    assert primary() == ["Meta-0"]
    assert not shared.apply({"width": 1024, "height": 768, "primary": True},
                            {"width": 800, "height": 600, "primary": True})[1]
    assert primary() == ["Meta-0"]


@pytest.mark.parametrize("monitors, error", [
    ([], INVALID), ([(0, 0)], INVALID), ([(1024, 768)] * 65, INVALID), ([(40000, 600)], FAILED), ([(1024, 0)], INVALID),
    ([{"connector": "Nope-1", "width": 1024, "height": 768}], FAILED), ([{"id": 2, "width": 1024, "height": 768}], FAILED),
    ([{"id": 0, "width": 1024, "height": 768}, {"connector": "Meta-0", "width": 1024, "height": 768}], FAILED)])
def test_bad(shared, monitors, error):
    assert not shared.apply((1024, 768), (800, 600))[1]
    before = shared.server.outputs()
    assert shared.apply(*monitors) == (None, error)
    assert shared.server.outputs() == before


def test_missing_ones_cost_themselves_only(shared):
    result, error = shared.apply((1024, 768), (800, 600), (640, 480))
    assert not error and result[2]["error"] == "There is no such monitor" and not result[2]["enabled"]
    assert len(shared.server.outputs()) == 2


def test_verify_changes_nothing(shared):
    assert not shared.apply((1024, 768), (800, 600))[1]
    before = shared.server.outputs()
    result, error = shared.apply((1024, 768), verify=True)
    assert not error and result[0]["connector"] == "Meta-0"
    assert shared.server.outputs() == before
    assert shared.apply((1000, 700), verify=True) == (None, FAILED)


def test_no_file_is_written(shared):
    assert not shared.apply((1024, 768))[1]
    found = subprocess.run(["find", str(shared.guest.directory), "-name", "monitors.xml*"], capture_output=True, text=True)
    assert found.stdout == ""


def test_serial_of_before(shared):
    """Mutter refuses it; see test_stale_serial."""
    assert shared.server.ask([("Meta-0", (1024, 768, 0, 0))], serial=1) == STALE


def test_someone_elses_change_is_told(shared):
    assert not shared.apply((1024, 768), (800, 600))[1]
    assert shared.server.ask([("Meta-1", (800, 600, 0, 0))], method=1) is None
    wait(lambda: shared.on() == {"Meta-1": (800, 600, 0, 0)}, 3, "the report")
    assert [m["enabled"] for m in get_layout(shared.system)] == [False, True]


def test_mutter_that_dies(screen):
    screen.server_dies()


def test_flood(screen):
    calls = [ask_layout(screen.system, [(1024, 768, 0, 0), (800, 600, 1024, i)]) for i in range(100)]
    for call in calls:
        call.wait(20)
    assert {call.error for call in calls} <= {None, "org.ovirt.GuestAgent1.Error.Superseded"}
    assert calls[-1].error is None
    assert screen.server.outputs()["Meta-1"] == (800, 600, 1024, 99)


def test_costs_nothing_while_nothing_changes(screen):
    wait(lambda: screen.on() == screen.server.outputs())
    wait_while(lambda: True, 2)
    before = screen.agent.wake_ups()
    wait_while(lambda: True, 3)
    assert screen.agent.wake_ups() == before


def test_mutter_comes_before_xrandr(directory, party):
    """A GNOME session on X11 has both."""
    guest = Guest(directory, party)
    x = party.keep(Virtual(directory))
    system = guest.system_agent()
    guest.agent(DISPLAY=x.name, XDG_CURRENT_DESKTOP="GNOME")
    displayed(system, "xrandr")
    mutter = party.keep(Mutter(directory, guest.session_bus, guest.system_bus, "1024x768"))
    displayed(system, "mutter")
    assert apply_layout(system, (640, 480))[1] == FAILED
    mutter.process.kill()
    displayed(system, "xrandr")
    assert not apply_layout(system, (640, 480))[1]
    assert x.outputs() == {"screen": (640, 480, 0, 0)}


def test_rotation_stays(shared):
    """A monitor that is turned takes another part of the desktop than its pixels say."""
    assert not shared.apply((1024, 768), (800, 600))[1]
    turned = [(0, 0, 1.0, 1, True, [("Meta-0", "1024x768@60.000", {})]),
              (768, 0, 1.0, 0, False, [("Meta-1", "800x600@60.000", {})])]
    assert shared.server.call("ApplyMonitorsConfig", GLib.Variant(
        "(uua(iiduba(ssa{sv}))a{sv})", (shared.server.state()[0], 1, turned, {})))[1] is None
    wait(lambda: shared.on() == {"Meta-0": (1024, 768, 0, 0), "Meta-1": (800, 600, 768, 0)}, 3, "the report")
    try:
        result, error = shared.apply((1024, 768, 0, 0), (800, 600, 1024, 0))
        assert not error
        logical = {entry[5][0][0]: entry[:4] for entry in shared.server.state()[2]}
        assert logical == {"Meta-0": (0, 0, 1.0, 1), "Meta-1": (768, 0, 1.0, 0)}
        assert [m["x"] for m in result] == [0, 768]
    finally:
        shared.server.ask([("Meta-0", (1024, 768, 0, 0)), ("Meta-1", (800, 600, 1024, 0))], method=1)


def test_real_monitors_are_left_alone(directory, party):
    """Nested in an X server mutter has monitors with the names of a laptop's panels."""
    guest = Guest(directory, party)
    x = party.keep(Dummy(directory))
    mutter = party.keep(Mutter(directory, guest.session_bus, guest.system_bus, nested={
        "DISPLAY": x.name, "MUTTER_DEBUG_NUM_DUMMY_MONITORS": "2",
        "MUTTER_DEBUG_DUMMY_MODE_SPECS": "800x600@60.0:1920x1080@60.0"}))
    system = guest.system_agent()
    guest.agent(XDG_SESSION_TYPE="wayland", WAYLAND_DISPLAY="wayland-0")
    displayed(system, "mutter")
    before = mutter.outputs()
    assert before and all(name.startswith("LVDS") for name in before)
    assert apply_layout(system, (1920, 1080))[1] == FAILED
    assert apply_layout(system, {"connector": "LVDS1", "width": 1920, "height": 1080})[1] == FAILED
    assert mutter.outputs() == before
    assert {m["connector"] for m in get_layout(system)} >= set(before)
    assert not any("id" in m for m in get_layout(system))


STATE = ("(ua((ssss)a(siiddada{sv})a{sv})a(iiduba(ssss)a{sv})a{sv})")


class Played(Peer):
    """A DisplayConfig whose monitors change under the hands of those who ask: the serial is old the first times."""

    def __init__(self, session_bus, stale):
        super().__init__(session_bus)
        self.serial, self.stale, self.methods = 1, stale, []
        node = Gio.DBusNodeInfo.new_for_xml(f"""<node><interface name="{Mutter.NAME}">
            <method name="GetCurrentState"><arg type="u" direction="out"/><arg type="a((ssss)a(siiddada{{sv}})a{{sv}})"
             direction="out"/><arg type="a(iiduba(ssss)a{{sv}})" direction="out"/><arg type="a{{sv}}" direction="out"/></method>
            <method name="ApplyMonitorsConfig"><arg type="u" direction="in"/><arg type="u" direction="in"/>
             <arg type="a(iiduba(ssa{{sv}}))" direction="in"/><arg type="a{{sv}}" direction="in"/></method>
            <signal name="MonitorsChanged"/></interface></node>""")
        self.export(Mutter.PATH, node.interfaces[0], {"GetCurrentState": self._state, "ApplyMonitorsConfig": self._apply})
        self.own(Mutter.NAME)

    def _state(self, _sender):
        spec = ("Virtual-1", "v", "p", "s")
        mode = ("m", 1024, 768, 60.0, 1.0, [1.0], {"is-current": GLib.Variant("b", True)})
        return GLib.Variant(STATE, (self.serial, [(spec, [mode], {})], [(0, 0, 1.0, 0, True, [spec], {})], {}))

    def _apply(self, _sender, serial, method, _logical, _properties):
        self.methods.append(method)
        if self.stale > 0:
            self.stale -= 1
            self.serial += 1
        if serial != self.serial:
            raise Error(STALE, "old")


@pytest.mark.parametrize("stale, error", [(0, None), (1, None), (2, None), (1000, FAILED)])
def test_stale_serial(directory, party, stale, error):
    """Begun anew, but not for ever."""
    guest = Guest(directory, party)
    played = party.keep(Played(guest.session_bus, stale))
    system = guest.system_agent()
    guest.agent()
    displayed(system, "mutter")
    assert apply_layout(system, (1024, 768))[1] == error
    assert len(played.methods) <= 4
    assert error or played.methods[-2:] == [0, 1]
