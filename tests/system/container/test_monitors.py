# SPDX-License-Identifier: Apache-2.0
"""The host arranges the monitors of a real desktop, which says itself how they are: gnome-shell, without a screen but with
two virtual monitors."""
import json

import pytest
from helpers import until, write_file
from logins import Login, as_user

pytestmark = [pytest.mark.usefixtures("clean_journal"), pytest.mark.desktop]

DISPLAY_CONFIG = ("org.gnome.Mutter.DisplayConfig", "/org/gnome/Mutter/DisplayConfig", "org.gnome.Mutter.DisplayConfig")


@pytest.fixture(scope="module")
def flavour():
    return "desktop"


@pytest.fixture
def session(guest, host):
    """Somebody's desktop whose agent has found its monitors."""
    write_file(guest, "/etc/systemd/user/org.gnome.Shell@wayland.service.d/bed.conf",
               "[Service]\nExecStart=\nExecStart=/usr/bin/gnome-shell --headless --virtual-monitor 1280x800"
               " --virtual-monitor 1024x768\n")
    with Login(guest, "alice", "gnome-session", type="wayland", XDG_SESSION_DESKTOP="gnome",
               XDG_CURRENT_DESKTOP="GNOME") as session:
        until(lambda: session.picture().get("Offer", {}).get("display", {}).get("data") == "mutter", 60, "the monitors")
        yield session


def outputs(guest):
    """What is on, by the shell's word: connector -> (width, height, x, y)."""
    text = as_user(guest, "alice", "busctl", "--user", "--json=short", "call", *DISPLAY_CONFIG, "GetCurrentState")
    _, monitors, logical, _ = json.loads(text)["data"]
    modes = {m[0][0]: next((mode[1:3] for mode in m[1] if mode[6].get("is-current")), None) for m in monitors}
    return {spec[0]: (*modes[spec[0]], place[0], place[1]) for place in logical for spec in place[5]}


def told(session):
    """The same by the agent's word."""
    layout = [{key: value["data"] for key, value in m.items()} for m in session.picture()["Layout"]]
    return {m["connector"]: (m["width"], m["height"], m["x"], m["y"]) for m in layout if m["enabled"]}


def arrange(host, *monitors):
    """Each (width, height, x, y), or None for one that is to be off."""
    host.send({"__name__": "monitors-config", "monitors": [
        {"id": i, "enabled": bool(m), **dict(zip(("width", "height", "x", "y"), m or ()))}
        for i, m in enumerate(monitors)]})


def test_gnome_shell(guest, host, session):
    one, two = (1280, 800), (1024, 768)
    row = {"Meta-0": (*one, 0, 0), "Meta-1": (*two, 1280, 0)}
    assert outputs(guest) == row
    for monitors, expected in (
            [((*one, 0, 0), (*two, 0, 800)), {"Meta-0": (*one, 0, 0), "Meta-1": (*two, 0, 800)}],
            [((*one, 1024, 0), (*two, 0, 0)), {"Meta-0": (*one, 1024, 0), "Meta-1": (*two, 0, 0)}],
            [((*one, 0, 0), None), {"Meta-0": (*one, 0, 0)}],
            [(None, (*two, 0, 0)), {"Meta-1": (*two, 0, 0)}],
            [((*one, 0, 0), (*two, 1500, 0)), row]):
        arrange(host, *monitors)
        until(lambda: outputs(guest) == expected, 10, f"{expected} by the shell's word")
        until(lambda: told(session) == expected and session.picture()["LayoutError"] == "", 5, "the agent to say the same")
    # There is no mode of that size.
    arrange(host, (1000, 700, 0, 0), (*two, 1000, 0))
    until(lambda: "Meta-0 has no mode of 1000x700; the nearest is 1280x800" in session.picture()["LayoutError"], 10, "the refusal")
    assert outputs(guest) == row
    # Nothing of it stays, and nobody was asked whether to keep it.
    assert guest.run("find", "/home/alice", "-name", "monitors.xml*") == ""
