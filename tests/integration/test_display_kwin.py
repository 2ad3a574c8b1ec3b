# SPDX-License-Identifier: Apache-2.0
"""Monitors under KDE's compositor on Wayland: what is asked for, against what another client of it is told."""

import pytest

from rig.desktop import wait
from rig.display import KWin, apply_layout, ask_layout, displayed, get_layout
from rig.pace import scaled
from test_session_agent import Guest

FAILED = "org.freedesktop.DBus.Error.Failed"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
SIDE_BY_SIDE = {"Virtual-0": (1024, 768, 0, 0), "Virtual-1": (1024, 768, 1024, 0)}


class Screen:
    def __init__(self, directory, party):
        self.guest = Guest(directory, party)
        self.kwin = party.keep(KWin(directory, self.guest.session_bus))
        self.system = self.guest.system_agent()
        self.agent = self.guest.agent(**self.kwin.environment)
        displayed(self.system, "kscreen")

    def apply(self, *monitors, **options):
        return apply_layout(self.system, *monitors, within=15, **options)


@pytest.fixture(scope="module")
def shared(lasting_party):
    return Screen(lasting_party.directory, lasting_party)


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
    assert shared.kwin.outputs() == expected
    assert {m["connector"]: (m["width"], m["height"], m["x"], m["y"]) for m in result if m["enabled"]} == expected
    told = {m["connector"]: (m["width"], m["height"], m["x"], m["y"]) for m in get_layout(shared.system) if m["enabled"]}
    assert told == expected
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
    assert shared.kwin.outputs() == SIDE_BY_SIDE


def test_verify_changes_nothing(shared):
    settle(shared)
    result, error = shared.apply((1024, 768), verify=True)
    assert not error and result[0]["connector"] == "Virtual-0"
    assert shared.kwin.outputs() == SIDE_BY_SIDE


def test_kwin_that_dies(directory, party):
    screen = Screen(directory, party)
    screen.kwin.process.kill()
    assert screen.apply((1024, 768), (1024, 768))[1] == FAILED
    assert screen.agent.running
    assert screen.system.ask("Lock").wait() == "org.freedesktop.DBus.Error.NotSupported"    # it still answers
