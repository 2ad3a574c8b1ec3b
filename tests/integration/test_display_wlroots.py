# SPDX-License-Identifier: Apache-2.0
"""Monitors under a compositor of wlroots: what is asked for, against what another client of it is told."""

import pytest

from rig.desktop import wait, wait_while
from rig.display import Phoc, Sway, ask_layout, get_layout
from rig.pace import scaled
from rig.screen import Screen, placed

FAILED = "org.freedesktop.DBus.Error.Failed"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
NOT_SUPPORTED = "org.freedesktop.DBus.Error.NotSupported"


class WlScreen(Screen):
    def __init__(self, directory, party, kind=Phoc):
        super().__init__(directory, party, "wlroots", lambda _: kind(directory))

    def apply(self, *monitors, **options):
        return super().apply(*monitors, within=15, **options)

    def told(self):
        return placed(get_layout(self.system))

    def names(self):
        """In the order of the ids."""
        return [m["connector"] for m in sorted(get_layout(self.system), key=lambda m: m["id"])]


@pytest.fixture(scope="module")
def shared(lasting_party):
    return WlScreen(lasting_party.directory, lasting_party)


@pytest.fixture
def screen(directory, party):
    return WlScreen(directory, party)


@pytest.mark.parametrize("monitors, expected", [
    ([(1024, 768), (800, 600)], [(1024, 768, 0, 0), (800, 600, 1024, 0)]),
    ([(1003, 701), (1280, 720)], [(1003, 701, 0, 0), (1280, 720, 1003, 0)]),
    ([(1024, 768, 0, 0), (1024, 768, 0, 768)], [(1024, 768, 0, 0), (1024, 768, 0, 768)]),
    ([(1024, 768, 800, 0), (800, 600, 0, 0)], [(1024, 768, 800, 0), (800, 600, 0, 0)]),
    ([(1024, 768, -500, -50), (800, 600, 524, -50)], [(1024, 768, 0, 0), (800, 600, 1024, 0)]),
    ([(1024, 768, 0, 0), (800, 600, 1500, 0)], [(1024, 768, 0, 0), (800, 600, 1024, 0)]),
    ([(1024, 768, 0, 0), (1024, 768, 0, 0)], [(1024, 768, 0, 0), (1024, 768, 0, 0)])],
    ids=["row", "any-size", "pile", "swapped", "origin", "gap", "mirrored"])
def test_arranges(shared, monitors, expected):
    expected = dict(zip(shared.names(), expected))
    result, error = shared.apply(*monitors)
    assert not error
    assert shared.server.outputs() == expected
    assert placed(result) == expected
    assert shared.told() == expected


def settle(screen):
    call = ask_layout(screen.system, [(1024, 768), (800, 600)])
    assert call.wait(15) is None, call.message
    return screen.server.outputs()


@pytest.mark.parametrize("monitors, error", [
    ([], INVALID), ([(0, 0)], INVALID), ([(1024, 768)] * 65, INVALID), ([(1024, 0)], INVALID), ([(70000, 600)], INVALID),
    ([{"connector": "Nope-1", "width": 1024, "height": 768}], FAILED), ([{"id": 2, "width": 1024, "height": 768}], FAILED)])
def test_bad(shared, monitors, error):
    before = settle(shared)
    assert shared.apply(*monitors) == (None, error)
    assert shared.server.outputs() == before


def test_half_of_it(shared):
    """Phoc 0.24 takes an output that is to be off from its desktop, and then says that it has failed."""
    before = settle(shared)
    assert shared.server.desktop_outputs() == 2
    call = ask_layout(shared.system, [(1024, 768)])
    call.wait(15)
    assert call.error == FAILED and call.message.endswith("The compositor has refused it")
    assert shared.server.outputs() == before
    assert shared.server.desktop_outputs() == 2


def test_missing_ones_cost_themselves_only(shared):
    result, error = shared.apply((1024, 768), (800, 600), (640, 480))
    assert not error and result[2]["error"] == "There is no such monitor" and not result[2]["enabled"]
    assert len(shared.server.outputs()) == 2


def test_verify_changes_nothing(shared):
    before = settle(shared)
    result, error = shared.apply((1000, 700), (640, 480), verify=True)
    assert not error and (result[0]["width"], result[0]["height"]) == (1000, 700)
    assert shared.server.outputs() == before


def test_scale_and_rotation_stay(shared):
    settle(shared)
    first, second = shared.names()
    shared.server.wlr_randr("--output", first, "--scale", "2", "--transform", "90")
    try:
        assert not shared.apply((1024, 768), (800, 600))[1]
        assert shared.server.outputs() == {first: (1024, 768, 0, 0), second: (800, 600, 384, 0)}
        assert "  Transform: 90\n  Scale: 2.000000" in shared.server.wlr_randr()
    finally:
        shared.server.wlr_randr("--output", first, "--scale", "1", "--transform", "normal")


def test_someone_elses_change_is_told(shared):
    settle(shared)
    first, second = shared.names()
    shared.server.wlr_randr("--output", first, "--custom-mode", "640x480", "--output", second, "--pos", "640,100")
    expected = {first: (640, 480, 0, 0), second: (800, 600, 640, 100)}
    assert shared.server.outputs() == expected
    wait(lambda: {m["connector"]: (m["width"], m["height"], m["x"], m["y"]) for m in shared.system.states[-1]["layout"]
                  if m["enabled"]} == expected, scaled(3), "the report")


def test_flood(screen):
    calls = [ask_layout(screen.system, [(1024, 768, 0, 0), (800, 600, 1024, i)]) for i in range(100)]
    for call in calls:
        call.wait(20)
    assert {call.error for call in calls} <= {None, "org.ovirt.GuestAgent1.Error.Superseded"}
    assert calls[-1].error is None
    assert (800, 600, 1024, 99) in screen.server.outputs().values()


def test_long_use(screen):
    """Objects' numbers are used again."""
    for i in range(60):
        assert not screen.apply((1000 + i, 700), (800, 600))[1]
    assert (1059, 700, 0, 0) in screen.server.outputs().values()


def test_compositor_that_dies(screen):
    screen.server_dies()


def test_compositor_that_hangs(screen):
    """Given up, and not asked again."""
    screen.server.process.send_signal(19)
    try:
        assert screen.apply((1024, 768))[1] == FAILED
        wait(lambda: "display" not in screen.system.offer, 5, "the offer to shrink")
    finally:
        screen.server.process.send_signal(18)


def test_costs_nothing_while_nothing_changes(screen):
    settle(screen)
    wait_while(lambda: True, 2)
    before = screen.agent.wake_ups()
    wait_while(lambda: True, 3)
    assert screen.agent.wake_ups() == before


def test_refusal_leaves_the_picture(directory, party):
    """Sway 1.7 without a screen calls its outputs disabled, and refuses whatever it is asked for."""
    screen = WlScreen(directory, party, Sway)
    assert screen.apply((1024, 768), (800, 600))[1] == FAILED
    assert screen.told() == {}
    assert screen.agent.running
