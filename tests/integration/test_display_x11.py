# SPDX-License-Identifier: Apache-2.0
"""Monitors under X servers: what is asked for, against what xrandr shows. The cases S... are those of docs/displays.md."""

import os
import re
import signal
import threading
from pathlib import Path

import pytest

from rig.between import Between
from rig.desktop import wait, wait_while
from rig.display import Dummy, Rotating, Virtual, Vnc, apply_layout, ask_layout, displayed, get_layout, monitor, table
from rig.pace import scaled
from rig.screen import Screen as AnyScreen, placed
from rig.user_session import Guest

FAILED = "org.freedesktop.DBus.Error.Failed"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
NOT_SUPPORTED = "org.freedesktop.DBus.Error.NotSupported"
SUPERSEDED = "org.ovirt.GuestAgent1.Error.Superseded"


class Screen(AnyScreen):
    def __init__(self, directory, party, make, *options, **environment):
        super().__init__(directory, party, "xrandr", lambda _: make(directory), *options, **environment)
        self.x = self.server


@pytest.fixture
def dummy(directory, party):
    return Screen(directory, party, Dummy)


@pytest.fixture(scope="module")
def shared(lasting_party):
    """For cases that only ask."""
    return Screen(lasting_party.directory, lasting_party, Dummy)


def shown(x, count):
    """In the words of the table."""
    outputs = x.outputs()
    monitors = [outputs.get(f"DUMMY{i}") for i in range(count)]
    texts = ["off" if m is None else "{}x{}+{}+{}".format(*m) for m in monitors]
    if count > 2:
        texts = [f"{len(outputs)} used"]
    return ", ".join([*texts, "screen {}x{}, {}×{} mm".format(*x.screen())])


@pytest.mark.parametrize("name, asked, _old, ours", table("S"), ids=[row[0] for row in table("S")])
def test_table(shared, name, asked, _old, ours):
    # From a known state, which is no state that a row asks for.
    assert not shared.apply((1280, 800))[1]
    before = shared.x.outputs()
    assert before == {"DUMMY0": (1280, 800, 0, 0)}
    many = re.fullmatch(r"(\d+) monitors of (\S+)", asked)
    monitors = [monitor(many[2])] * int(many[1]) if many else [monitor(text) for text in asked.split(", ")]
    call = ask_layout(shared.system, monitors)
    call.wait(10)
    if call.error:
        assert call.error == INVALID
        assert ours.startswith("refused: ")
        assert shared.x.outputs() == before
        return
    outputs, errors = shared.x.outputs(), [m.get("error") for m in call.answer[0]]
    text = shown(shared.x, len(monitors))
    for error in sorted(set(filter(None, errors))):
        text += f"; {errors.count(error)} times: {error}"
    assert text == ours
    # The answer is about the monitors that were asked for, and true.
    assert len(call.answer[0]) == len(monitors)
    assert placed(call.answer[0]) == outputs
    # So is the state, a moment later.
    wait(lambda: shared.on() == outputs, 3, "the report")
    # No more modes of ours than there are sizes.
    assert set(shared.x.modes_of_ours()) <= {f"ovirt-{w}x{h}" for w, h, _, _ in outputs.values()}


# What bad input gets: the picture before it stands

BAD = {
    "none": ([], INVALID),
    "all off": ([(0, 0), {"enabled": False, "width": 800, "height": 600}], INVALID),
    "1000 monitors": ([(320, 200)] * 1000, INVALID),
    "65 monitors": ([(320, 200)] * 65, INVALID),
    "no height": ([(800, 0)], INVALID),
    "negative": ([(-800, 600)], INVALID),
    "65536": ([(65536, 600)], INVALID),
    "far left": ([(800, 600, -65536, 0)], INVALID),
    "farthest apart": ([(800, 600, -65535, 0), (800, 600, 65535, 0)], FAILED),
    "too wide together": ([(20000, 600), (20000, 600)], FAILED),
    "beyond the screen": ([(800, 600, 0, 0), (800, 600, 0, 32768)], FAILED),
    "unknown connector": ([{"connector": "Nope-1", "width": 800, "height": 600}], FAILED),
    "unknown id": ([{"id": 16, "width": 800, "height": 600}], FAILED),
    "negative id": ([{"id": -1, "width": 800, "height": 600}], INVALID),
    "twice": ([{"id": 1, "width": 800, "height": 600}] * 2, INVALID),
    "twice by two names": ([{"id": 1, "width": 800, "height": 600},
                            {"connector": "DUMMY1", "width": 800, "height": 600}], FAILED),
    "other types": ([{"width": "800", "height": 600}], INVALID),
    "empty name": ([{"connector": "", "width": 800, "height": 600}], INVALID),
    "long name": ([{"connector": "x" * 48, "width": 800, "height": 600}], INVALID),
    "control characters": ([{"connector": "\x1b[2J", "width": 800, "height": 600}], INVALID),
    "more than it can drive": ([(32767, 32767)], FAILED),
}


def picture(x):
    return x.outputs(), x.primary(), x.screen(), x.modes_of_ours()


@pytest.mark.parametrize("monitors, error", BAD.values(), ids=BAD)
def test_bad(shared, monitors, error):
    assert not shared.apply((1000, 700, 0, 0), (640, 480, 1000, 0))[1]
    before = picture(shared.x)
    assert shared.apply(*monitors) == (None, error)
    assert picture(shared.x) == before
    assert shared.apply(*monitors, verify=True)[1] in (error, None)
    assert picture(shared.x) == before


def test_unknown_keys_are_ignored(shared):
    assert not shared.apply({"width": 640, "height": 480, "depth": 32, "error": "no"})[1]
    assert shared.x.outputs() == {"DUMMY0": (640, 480, 0, 0)}


def test_verify_changes_nothing(shared):
    assert not shared.apply((1280, 800))[1]
    before = picture(shared.x)
    result, error = shared.apply((1003, 701), (640, 480), verify=True)
    assert not error
    assert [(m["connector"], m["width"], m["x"]) for m in result] == [("DUMMY0", 1003, 0), ("DUMMY1", 640, 1003)]
    assert picture(shared.x) == before


def test_what_is_not_asked_for_is_off(shared):
    shared.apply((640, 480), (640, 480), (640, 480))
    assert len(shared.x.outputs()) == 3
    result, error = shared.apply({"connector": "DUMMY5", "width": 1024, "height": 768}, {"id": 1, "width": 800, "height": 600})
    assert not error
    assert shared.x.outputs() == {"DUMMY5": (1024, 768, 0, 0), "DUMMY1": (800, 600, 1024, 0)}


def test_existing_modes_come_first(shared):
    shared.apply((1024, 768))
    assert shared.x.modes_of_ours() == []
    shared.apply((1024, 770), (1024, 770))
    assert shared.x.modes_of_ours() == ["ovirt-1024x770"]
    # The same again makes none anew, and changes nothing.
    before = shared.x.xrandr("--verbose")
    shared.apply((1024, 770), (1024, 770))
    assert shared.x.xrandr("--verbose") == before


def test_primary(shared):
    shared.apply((800, 600), (800, 600))
    shared.x.xrandr("--output", "DUMMY1", "--primary")
    shared.apply((640, 480), (640, 480))            # it stays
    assert shared.x.primary() == "DUMMY1"
    shared.apply((640, 480))                        # it goes with its monitor
    assert shared.x.primary() == "DUMMY0"
    shared.apply((640, 480), {"width": 640, "height": 480, "primary": True}, {"width": 640, "height": 480, "primary": True})
    assert shared.x.primary() == "DUMMY1"           # the first that says so


@pytest.mark.parametrize("width_mm, expected", [(254, (254, 177)), (2000, (264, 185)), (20, (264, 185))])
def test_physical_size(shared, width_mm, expected):
    """As told where it makes sense."""
    shared.apply((1280, 800))
    shared.apply({"width": 1000, "height": 700, "width-mm": width_mm, "height-mm": 177})
    assert shared.x.screen() == (1000, 700, *expected)


def test_cloned_outputs_part(shared):
    """One CRTC may drive two outputs; each gets one of its own."""
    shared.apply((800, 600), (800, 600, 0, 0))
    result, error = shared.apply((640, 480, 0, 0), (640, 480, 0, 0))
    assert not error
    assert shared.x.outputs() == {"DUMMY0": (640, 480, 0, 0), "DUMMY1": (640, 480, 0, 0)}


def test_another_ones_change_is_told(shared):
    shared.apply((1280, 800))
    shared.x.xrandr("--output", "DUMMY0", "--mode", "1024x768")
    wait(lambda: shared.on() == {"DUMMY0": (1024, 768, 0, 0)}, 3, "the report")
    assert [m["enabled"] for m in get_layout(shared.system)] == [True] + [False] * 15


def test_mode_in_use_elsewhere_stays(shared):
    """What the user shows on an output with a mode of ours is his."""
    shared.apply((1003, 701), (640, 480))
    shared.x.xrandr("--addmode", "DUMMY1", "ovirt-1003x701")
    shared.x.xrandr("--output", "DUMMY1", "--mode", "ovirt-1003x701")
    assert not shared.apply({"id": 1, "width": 1003, "height": 701})[1]
    assert shared.x.outputs() == {"DUMMY1": (1003, 701, 0, 0)}
    assert shared.x.modes_of_ours() == ["ovirt-1003x701"]


# Monitors that the user has rotated or scaled: sizes are those of the monitor before that

@pytest.fixture(scope="module")
def turned(lasting_party):
    directory = Path(lasting_party.directory) / "turned"
    directory.mkdir()
    return Screen(directory, lasting_party, Rotating)


@pytest.fixture
def turn(turned):
    def turn(*options):
        assert not turned.apply((1280, 800))[1]
        turned.x.xrandr("--output", "DUMMY0", "--rotate", "normal", "--scale", "1x1")
        turned.x.xrandr("--output", "DUMMY0", *options)
    return turn


TURNED = {
    "left": (["--rotate", "left"], ("left", 1, 1), (700, 1000)),
    "right": (["--rotate", "right"], ("right", 1, 1), (700, 1000)),
    "inverted": (["--rotate", "inverted"], ("inverted", 1, 1), (1000, 700)),
    "larger": (["--scale", "1.5x2"], ("normal", 1.5, 2), (1500, 1400)),
    "smaller": (["--scale", "0.5x0.5"], ("normal", 0.5, 0.5), (500, 350)),
    "odd": (["--scale", "1.33x1.27"], ("normal", 1.33, 1.27), None),
    "both": (["--rotate", "left", "--scale", "1.5x2"], ("left", 1.5, 2), (1050, 2000)),
    "both, odd": (["--rotate", "right", "--scale", "1.33x0.77"], ("right", 1.33, 0.77), None),
}


@pytest.mark.parametrize("options, expected, size", TURNED.values(), ids=TURNED)
def test_rotation_and_scale_stay(turned, turn, options, expected, size):
    turn(*options)
    result, error = turned.apply((1000, 700))
    assert not error
    assert (result[0]["width"], result[0]["height"]) == (1000, 700)
    assert turned.x.turned("DUMMY0") == pytest.approx(expected, abs=1e-4)
    # All of it is shown, and nothing else, as it is by xrandr.
    now = picture(turned.x)
    if size:
        assert now[0] == {"DUMMY0": (*size, 0, 0)}
    assert now[0]["DUMMY0"][:2] == now[2][:2]
    turned.x.xrandr("--output", "DUMMY0", "--mode", "ovirt-1000x700", *options)
    assert picture(turned.x)[0] == now[0]
    wait(lambda: turned.on() == {"DUMMY0": (1000, 700, 0, 0)}, 3, "the report")


def test_places_beside_a_scaled_monitor(turned, turn):
    """Those of the console, whose pixels are others, would leave a gap, or lie on it."""
    turn("--scale", "2x2")
    assert not turned.apply((1000, 700, 0, 0), (800, 600, 1000, 0))[1]
    assert turned.x.outputs() == {"DUMMY0": (2000, 1400, 0, 0), "DUMMY1": (800, 600, 2000, 0)}
    assert turned.x.turned("DUMMY1") == ("normal", 1, 1)


IMPOSSIBLE = {
    "scale": (["--scale", "6x6"], [(6000, 700)]),
    "rotation": (["--rotate", "left"], [(800, 32000), (1000, 600)]),
    "both": (["--rotate", "left", "--scale", "4x4"], [(8192, 600)]),
    "the server": (["--rotate", "left", "--scale", "1.5x2"], [(12000, 12000), (3000, 3000)]),
}


@pytest.mark.parametrize("options, monitors", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_what_rotation_and_scale_make_impossible(turned, turn, options, monitors):
    turn(*options)
    before = picture(turned.x), turned.x.turned("DUMMY0")
    assert turned.apply(*monitors) == (None, FAILED)
    assert (picture(turned.x), turned.x.turned("DUMMY0")) == before


def test_rotation_and_scale_go_with_the_monitor(turned, turn):
    """What is switched on begins without."""
    turn("--rotate", "left", "--scale", "2x2")
    assert not turned.apply({"id": 1, "width": 800, "height": 600})[1]
    assert not turned.apply((1000, 700))[1]
    assert turned.x.outputs() == {"DUMMY0": (1000, 700, 0, 0)}
    assert turned.x.turned("DUMMY0") == ("normal", 1, 1)


# Floods, and servers that go

def test_flood(dummy):
    """A layout every two milliseconds: the last one counts."""
    import time
    calls = []
    for i in range(250):
        calls.append(ask_layout(dummy.system, [(800 + i, 600)]))
        end = time.monotonic() + 0.002
        wait(lambda: time.monotonic() >= end, 1)
    for call in calls:
        call.wait(20)
    errors = [call.error for call in calls]
    assert set(errors) <= {None, SUPERSEDED}
    assert errors[-1] is None
    assert dummy.x.outputs() == {"DUMMY0": (1049, 600, 0, 0)}
    assert dummy.x.modes_of_ours() == ["ovirt-1049x600"]
    # One message about each would be a flood, too.
    assert len(dummy.agent.log()) <= 1


def test_server_that_dies(dummy):
    dummy.x.process.kill()
    wait(lambda: "display" not in dummy.system.offer, 5, "the offer to shrink")
    assert dummy.apply((800, 600))[1] == NOT_SUPPORTED
    assert get_layout(dummy.system) is None
    assert dummy.agent.running and len(dummy.agent.log()) == 1
    assert dummy.system.ask("Lock").wait() == NOT_SUPPORTED     # it still answers


def test_server_that_dies_in_the_middle(dummy):
    calls = [ask_layout(dummy.system, [(1000, 700)])]
    os.kill(dummy.x.process.pid, signal.SIGSTOP)                # whatever it was about to answer
    calls.append(ask_layout(dummy.system, [(1100, 700)]))
    dummy.x.process.kill()
    for call in calls:
        call.wait(10)
        assert call.error in (None, FAILED, NOT_SUPPORTED, SUPERSEDED)
    wait(lambda: "display" not in dummy.system.offer, 5)
    assert dummy.agent.running


# Servers that do not answer: the session agent does

@pytest.mark.parametrize("then", ["speaks", "ends"])
def test_server_that_never_answers(directory, party, then):
    """Not even to the connection."""
    guest = Guest(directory, party)
    x = party.keep(Dummy(directory))
    between = party.keep(Between(x, mute=True))
    system = guest.system_agent()
    agent = guest.agent(DISPLAY=between.name)
    wait(lambda: between.clients == 1, what="the connection")
    assert system.ask("Lock").wait() == NOT_SUPPORTED
    assert get_layout(system) is None
    assert apply_layout(system, (800, 600))[1] == NOT_SUPPORTED
    assert "display" not in system.offer
    if then == "speaks":
        between.speak()
        displayed(system, "xrandr")
        assert not apply_layout(system, (800, 600))[1]
        assert x.outputs() == {"DUMMY0": (800, 600, 0, 0)}
    else:
        agent.close()       # in time


@pytest.mark.parametrize("then", ["goes on", "ends"])
def test_server_that_stops(dummy, then):
    os.kill(dummy.x.process.pid, signal.SIGSTOP)
    call = ask_layout(dummy.system, [(1000, 700)])
    try:
        assert dummy.system.ask("Lock").wait() == NOT_SUPPORTED
        assert len(get_layout(dummy.system)) == 16      # as last seen
        assert not call.seconds
        if then == "ends":
            dummy.agent.close()
    finally:
        os.kill(dummy.x.process.pid, signal.SIGCONT)
    if then == "goes on":
        assert call.wait() is None
        assert dummy.x.outputs() == {"DUMMY0": (1000, 700, 0, 0)}
        wait(lambda: dummy.on() == dummy.x.outputs(), what="the report")


@pytest.mark.parametrize("after", [-1, 0, 31, 32, 64, 200, 224, 240, 1000, 3000])
def test_server_that_hangs_up(directory, party, after):
    """In the middle of the first questions and answers."""
    guest = Guest(directory, party)
    between = party.keep(Between(party.keep(Dummy(directory)), hang_up_after=after))
    system = guest.system_agent()
    agent = guest.agent(DISPLAY=between.name)
    wait(between.hung_up.is_set, what="the end of the connection")
    wait(lambda: agent.log("Registered"))
    assert system.ask("Lock").wait() == NOT_SUPPORTED
    assert get_layout(system) is None
    assert apply_layout(system, (800, 600))[1] == NOT_SUPPORTED
    assert len(agent.log()) == 1
    before = agent.wake_ups()
    wait_while(lambda: agent.running, 0.5)
    assert agent.wake_ups() - before < 20


@pytest.mark.parametrize("after", [0, 1500, 3800, 3900, 3930, 3960, 3990, 5000])
def test_server_that_hangs_up_on_a_layout(directory, party, after):
    guest = Guest(directory, party)
    between = party.keep(Between(party.keep(Dummy(directory))))
    system = guest.system_agent()
    agent = guest.agent(DISPLAY=between.name)
    displayed(system, "xrandr")
    between.left = after
    call = ask_layout(system, [(1003, 701), (800, 602)])
    wait(lambda: call.seconds, what="the answer")
    assert call.error in (None, FAILED)
    wait(between.hung_up.is_set, what="the end of the connection")
    wait(lambda: "display" not in system.offer, 5, "the offer to shrink")
    assert system.ask("Lock").wait() == NOT_SUPPORTED
    assert agent.running and len(agent.log()) == 1


def test_output_that_goes_while_it_is_looked_at(directory, party):
    """The server refuses to tell of it. What was seen stands until there is more."""
    guest = Guest(directory, party)
    x = party.keep(Dummy(directory))
    between = party.keep(Between(x))
    system = guest.system_agent()
    guest.agent(DISPLAY=between.name)
    displayed(system, "xrandr")
    before, refused = get_layout(system), threading.Event()

    def refuses(reply):
        if b"DUMMY3" in reply:
            refused.set()
        return b"DUMMY3" in reply
    between.refuses = refuses
    x.xrandr("--output", "DUMMY0", "--mode", "1024x768")
    wait(refused.is_set, what="the question")
    wait_while(lambda: "display" in system.offer and get_layout(system) == before, scaled(1))
    assert apply_layout(system, (800, 600))[1] == FAILED
    between.refuses = None
    x.xrandr("--output", "DUMMY0", "--mode", "1280x800")
    x.xrandr("--output", "DUMMY0", "--mode", "1024x768")
    wait(lambda: placed(get_layout(system)) == {"DUMMY0": (1024, 768, 0, 0)}, what="the layout")


def test_no_display_server(directory, party):
    guest = Guest(directory, party)
    system = guest.system_agent()
    agent = guest.agent(DISPLAY=":4711")
    wait(lambda: agent.log("Registered"))
    assert "display" not in system.offer and "layout" not in (system.states or [{}])[-1]
    assert apply_layout(system, (800, 600))[1] == NOT_SUPPORTED
    assert len(agent.log()) == 1


def test_never_where_wayland_is(directory, party):
    """An X server there is the compositor's guest."""
    guest = Guest(directory, party)
    x = party.keep(Dummy(directory))
    system = guest.system_agent()
    agent = guest.agent(DISPLAY=x.name, XDG_SESSION_TYPE="wayland")
    wait(lambda: agent.log("Registered"))
    assert "display" not in system.offer


def test_costs_nothing_while_nothing_changes(dummy):
    dummy.apply((1000, 700))
    wait(lambda: dummy.on() == {"DUMMY0": (1000, 700, 0, 0)}, 3)
    wait_while(lambda: True, 1)
    before = dummy.agent.wake_ups()
    wait_while(lambda: True, 3)
    assert dummy.agent.wake_ups() == before


# Other servers

def test_xvfb(directory, party):
    """One monitor, never larger than it began."""
    screen = Screen(directory, party, Virtual)
    result, error = screen.apply((1000, 700), (800, 600))
    assert not error
    assert screen.x.outputs() == {"screen": (1000, 700, 0, 0)}
    assert result[1]["error"] == "There is no such monitor"
    result, error = screen.apply((3000, 2000))
    assert not error
    assert screen.x.outputs() == {"screen": (1280, 800, 0, 0)}
    assert (result[0]["width"], result[0]["height"]) == (1280, 800)


def test_xvnc(directory, party):
    screen = Screen(directory, party, Vnc)
    result, error = screen.apply((1600, 901), (800, 600))
    assert not error
    assert screen.x.outputs() == {"VNC-0": (1600, 901, 0, 0)}
    assert result[1]["error"] == "There is no such monitor"


def test_xvnc_hotplug(directory, party):
    """A viewer that grows and plugs in a second monitor: reported, and then there to be arranged. The server follows its
    viewer itself, which must not be undone."""
    screen = Screen(directory, party, Vnc)
    viewer = party.keep(screen.x.viewer())
    viewer.ask((1111, 777, 0, 0))
    wait(lambda: screen.on() == {"VNC-0": (1111, 777, 0, 0)}, 5, "the new size")
    assert screen.x.outputs() == {"VNC-0": (1111, 777, 0, 0)}
    viewer.ask((800, 600, 0, 0), (640, 480, 800, 0))
    wait(lambda: screen.on() == {"VNC-0": (800, 600, 0, 0), "VNC-1": (640, 480, 800, 0)}, 5, "the second monitor")
    wait_while(lambda: screen.on() == screen.x.outputs(), scaled(1))
    result, error = screen.apply((640, 480), (1000, 700))
    assert not error
    assert screen.x.outputs() == {"VNC-0": (640, 480, 0, 0), "VNC-1": (1000, 700, 640, 0)}
