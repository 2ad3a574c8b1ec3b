# SPDX-License-Identifier: Apache-2.0
"""Monitors under KDE's compositor on Wayland: what is asked for, against what another client of it is told."""

import json
import os

import pytest

from rig.desktop import USER, wait, wait_while
from rig.display import KWin, apply_layout, ask_layout, displayed, get_layout
from rig.pace import scaled
from rig.screen import Screen, placed
from rig.user_session import Guest, registered

FAILED = "org.freedesktop.DBus.Error.Failed"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
SIDE_BY_SIDE = {"Virtual-0": (1024, 768, 0, 0), "Virtual-1": (1024, 768, 1024, 0)}


class KScreen(Screen):
    def __init__(self, directory, party):
        super().__init__(directory, party, "kscreen", lambda guest: KWin(directory, guest.session_bus))

    def apply(self, *monitors, **options):
        return super().apply(*monitors, within=15, **options)


@pytest.fixture(scope="module")
def shared(lasting_party):
    return KScreen(lasting_party.directory, lasting_party)


@pytest.mark.parametrize("monitors, expected", [
    ([(1024, 768), (1024, 768)], SIDE_BY_SIDE),
    ([(1024, 768, 0, 0), (1024, 768, 0, 768)], {**SIDE_BY_SIDE, "Virtual-1": (1024, 768, 0, 768)}),
    ([(1024, 768, 1024, 0), (1024, 768, 0, 0)], {"Virtual-0": (1024, 768, 1024, 0), "Virtual-1": (1024, 768, 0, 0)}),
    ([(1024, 768)], {"Virtual-0": (1024, 768, 0, 0)}),
    ([(0, 0), (1024, 768, 500, 500)], {"Virtual-1": (1024, 768, 0, 0)}),
    ([(1024, 768, 0, 0), (1024, 768, 1500, 0)], SIDE_BY_SIDE)],
    ids=["row", "pile", "swapped", "one", "other", "gap"])
def test_arranges(shared, monitors, expected):
    result, error = shared.apply(*monitors)
    assert not error
    assert shared.server.outputs() == expected
    assert placed(result) == placed(get_layout(shared.system)) == expected
    wait(lambda: [m["enabled"] for m in shared.system.states[-1]["layout"]]
         == [name in expected for name in SIDE_BY_SIDE], scaled(3), "the report")


def settle(screen):
    call = ask_layout(screen.system, [(1024, 768), (1024, 768)])
    assert call.wait(15) is None, call.message


@pytest.mark.parametrize("monitors, error", [
    ([], INVALID), ([(0, 0)], INVALID), ([(1000, 700)], FAILED), ([(40000, 768)], FAILED),
    ([{"connector": "Nope-1", "width": 1024, "height": 768}], FAILED), ([{"id": 2, "width": 1024, "height": 768}], FAILED)])
def test_bad(shared, monitors, error):
    settle(shared)
    assert shared.apply(*monitors) == (None, error)
    assert shared.server.outputs() == SIDE_BY_SIDE


def test_verify_changes_nothing(shared):
    settle(shared)
    result, error = shared.apply((1024, 768), verify=True)
    assert not error and result[0]["connector"] == "Virtual-0"
    assert shared.server.outputs() == SIDE_BY_SIDE


def test_kwin_that_dies(directory, party):
    screen = KScreen(directory, party)
    screen.server.process.kill()
    assert screen.apply((1024, 768), (1024, 768))[1] == FAILED
    assert screen.agent.running
    assert screen.system.ask("Lock").wait() == "org.freedesktop.DBus.Error.NotSupported"    # it still answers


# KDE's tool, when it does not do what it should: played, as the real one does

PLAYED = """#!/bin/sh
cd "${0%/*}"
echo "$$ $*" >>calls
[ ! -e hangs ] || exec sleep 1000
[ ! -e fails ] || exit 1
[ "$1" != -j ] || exec cat says
"""


class Played:
    def __init__(self, directory, party):
        self.directory = directory / "tool"
        self.directory.mkdir()
        os.chown(self.directory, USER, USER)
        self.says(SAID)
        program = self.directory / "kscreen-doctor"
        program.write_text(PLAYED)
        program.chmod(0o755)
        self.guest = Guest(directory, party)
        self.system = self.guest.system_agent()

    def says(self, what):
        (self.directory / "says").write_text(what if isinstance(what, str) else json.dumps(what))

    def does(self, what, really=True):
        (self.directory / what).touch() if really else (self.directory / what).unlink()

    def begin(self):
        return self.guest.agent(WAYLAND_DISPLAY="wayland-0", XDG_SESSION_TYPE="wayland", XDG_CURRENT_DESKTOP="KDE",
                                PATH=f"{self.directory}:{os.environ['PATH']}")

    def calls(self):
        """[process, argument...] of each."""
        log = self.directory / "calls"
        return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


SAID = {"outputs": [{"connected": True, "enabled": True, "id": 7, "name": "Virtual-1", "currentModeId": "1", "scale": 1,
                     "pos": {"x": 0, "y": 0}, "priority": 1, "rotation": 1,
                     "modes": [{"id": "1", "size": {"width": 1024, "height": 768}},
                               {"id": "2", "size": {"width": 800, "height": 600}}]}]}


@pytest.fixture
def played(directory, party):
    return Played(directory, party)


def test_tool_that_fails_at_first(played):
    """As where the session agent is faster than the compositor."""
    played.does("fails")
    played.begin()
    wait(lambda: len(played.calls()) == 3)
    assert "display" not in played.system.offer
    played.does("fails", False)
    displayed(played.system, "kscreen")


def test_tool_that_always_fails(played):
    """Is not asked for ever."""
    played.does("fails")
    agent = played.begin()
    registered(agent)
    wait(lambda: len(played.calls()) == 6, 25)
    wait_while(lambda: len(played.calls()) == 6, 1)
    assert apply_layout(played.system, (800, 600)) == (None, "org.freedesktop.DBus.Error.NotSupported")


def test_tool_that_hangs(played):
    """It is ended, and the next layout has another."""
    agent = played.begin()
    displayed(played.system, "kscreen")
    played.does("hangs")
    assert apply_layout(played.system, (800, 600)) == (None, FAILED)
    wait(lambda: not os.path.exists(f"/proc/{played.calls()[-1][0]}"))
    played.does("hangs", False)
    assert not apply_layout(played.system, (1024, 768))[1]
    assert agent.running


@pytest.mark.parametrize("what", ["", "{}", "null", "[" * 100000, '{"outputs": 5}', json.dumps(SAID) + " " * 2000000,
                                  "\0" * 5000], ids=range(7))
def test_tool_that_says_nothing(played, what):
    agent = played.begin()
    displayed(played.system, "kscreen")
    before = get_layout(played.system)
    played.says(what)
    call = ask_layout(played.system, [(1024, 768)])
    assert call.wait() == FAILED and call.message.endswith("KDE does not tell its monitors")
    assert get_layout(played.system) == before and agent.running


def test_tool_that_does_nothing(played):
    """What KDE has not done is not said to be done."""
    played.begin()
    displayed(played.system, "kscreen")
    call = ask_layout(played.system, [(800, 600)])
    assert call.wait(5) == FAILED and call.message.endswith("KDE has not done it")
    assert [words[1:] for words in played.calls()[-3:]] == [
        ["-j"], ["output.7.enable", "output.7.mode.2", "output.7.position.0,0", "output.7.priority.1"], ["-j"]]
    assert get_layout(played.system)[0]["width"] == 1024
