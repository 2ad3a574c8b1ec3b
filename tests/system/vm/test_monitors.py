# SPDX-License-Identifier: Apache-2.0
"""Monitors of a machine with a virtual graphics card: resized from outside by viewers of its consoles, plugged in by them,
and arranged by the host. What is the case, X's own tool says, or that of wlroots."""
import contextlib
import re
import time
from pathlib import Path

import pytest
from bed import RUN
from bed.vm import VM
from helpers import UNIT, unit, until, write_file
from hostconsole import Host
from logins import Login, as_user
from rig.viewer import Viewer

NAME = "system-m"
AGENT = "/usr/libexec/ovirt-session-agent"
CONSOLES = [RUN / NAME / "vnc0", RUN / NAME / "vnc1"]
CARD = ["-device", "virtio-vga,id=card,max_outputs=2",
        *(word for i, path in enumerate(CONSOLES) for word in ("-vnc", f"unix:{path},id=vnc{i},display=card,head={i}"))]
XORG_CONF = """
Section "ServerFlags"
    Option "AutoAddDevices" "false"
EndSection
Section "Device"
    Identifier "card"
    Driver "modesetting"
    Option "AccelMethod" "none"
EndSection
"""
X = {"DISPLAY": ":7"}
DISPLAYS = Path(__file__).resolve().parents[3] / "docs/displays.md"


@pytest.fixture(scope="module")
def guest(product):
    with VM(NAME, product, memory=1024, extra=CARD, flavour="desktop") as vm:
        until(lambda: unit(vm, "ActiveState") == "active", 60, f"udev starts {UNIT} at boot")
        yield vm


@pytest.fixture(scope="module")
def host(guest):
    with Host.connect_to(guest.port) as host:
        host.expect("heartbeat", apiVersion=3, within=20)
        host.expect("refresh-set", version=3, within=20)
        yield host


@pytest.fixture
def viewers(guest):
    """One of each console."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(Viewer(str(path)))) for path in CONSOLES]


def arrange(host, *monitors):
    host.send({"__name__": "monitors-config", "monitors": [
        {"id": i, **dict(zip(("width", "height", "x", "y"), m))} for i, m in enumerate(monitors)]})


def wait_display(login, backend):
    until(lambda: login.picture().get("Offer", {}).get("display", {}).get("data") == backend, 60, f"{backend} of its agent")


# --- an X server on the card, and nothing in it but a session agent

@pytest.fixture(scope="module")
def xorg(guest):
    write_file(guest, "/etc/X11/xorg.conf", XORG_CONF)
    guest.run("systemd-run", "-q", "--collect", "--unit", "xorg", "/usr/lib/xorg/Xorg", X["DISPLAY"], "vt7", "-ac", "-noreset")
    until(lambda: outputs(guest), 60, "Xorg")


def outputs(guest):
    """What is on: name -> (width, height, x, y)."""
    text = guest.run("xrandr", "--current", env=X, check=False)
    found = re.findall(r"^(\S+) (?:dis)?connected (?:primary )?(\d+)x(\d+)\+(\d+)\+(\d+)", text, re.M)
    return {name: tuple(map(int, numbers)) for name, *numbers in found}


def preferred(guest):
    """What the card would like of a monitor that is plugged in: name -> (width, height)."""
    found = {}
    for text in re.split(r"^(?=\S)", guest.run("xrandr", "--current", env=X), flags=re.M):
        mode = re.search(r"^   (\d+)x(\d+) .*\+", text, re.M)
        if mode and " connected" in text:
            found[text.split()[0]] = tuple(map(int, mode.groups()))
    return found


def wait_outputs(guest, expected):
    try:
        until(lambda: outputs(guest) == expected, 20, "the monitors")
    finally:
        assert outputs(guest) == expected


def session(guest, follow):
    write_file(guest, "/etc/ovirt-guest-agent/session.conf", f"[monitors]\nfollow = {follow}\n")
    return Login(guest, "alice", "env", "DISPLAY=:7", "sh", "-c", f"{AGENT} & exec sleep infinity", type="x11", XDG_VTNR="7",
                 within=60)


def test_follows(guest, xorg, viewers):
    """A monitor that is resized, and one that is plugged in."""
    with session(guest, "auto") as login:
        wait_display(login, "xrandr")
        for size in (1280, 720), (1600, 900), (1016, 700):
            viewers[0].ask((*size, 0, 0))
            wait_outputs(guest, {"Virtual-1": (*size, 0, 0)})
        viewers[1].ask((1024, 768, 0, 0))
        wait_outputs(guest, {"Virtual-1": (1016, 700, 0, 0), "Virtual-2": (1024, 768, 1016, 0)})


def test_never_follows(guest, xorg, viewers):
    with session(guest, "never") as login:
        wait_display(login, "xrandr")
        before = outputs(guest)
        for size in (1280, 720), (1600, 900):
            viewers[0].ask((*size, 0, 0))
            until(lambda: preferred(guest)["Virtual-1"] == size, 20, "the card's wish")
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                assert outputs(guest) == before


def test_host_arranges_two(guest, host, xorg, viewers):
    """The second one is off before."""
    with session(guest, "never") as login:
        wait_display(login, "xrandr")
        viewers[1].ask((1024, 768, 0, 0))
        until(lambda: "Virtual-2" in preferred(guest), 20, "a second monitor")
        for monitors in ([(1280, 720, 0, 0)], [(1000, 700, 0, 0), (800, 600, 0, 700)], [(1280, 720, 800, 0), (800, 600, 0, 0)]):
            arrange(host, *monitors)
            wait_outputs(guest, {f"Virtual-{i + 1}": m for i, m in enumerate(monitors)})


# --- sway on the card, with its own session agent

def sway_outputs(guest):
    """As outputs()."""
    found = {}
    for text in re.split(r"^(?=\S)", as_user(guest, "alice", "wlr-randr", WAYLAND_DISPLAY="wayland-1", check=False), flags=re.M):
        mode = re.search(r"^    (\d+)x(\d+) px.*current", text, re.M)
        place = re.search(r"^  Position: (-?\d+),(-?\d+)", text, re.M)
        if "\n  Enabled: yes\n" in text and mode and place:
            found[text.split()[0]] = tuple(map(int, mode.groups() + place.groups()))
    return found


def row(name):
    """Of the table of desktops: arranged by, any size, several monitors."""
    lines = DISPLAYS.read_text().split("\n## Desktops\n")[1].split("\n## ")[0].splitlines()
    return next(cells[1:4] for cells in ([c.strip() for c in line.strip("|").split("|")] for line in lines) if cells[0] == name)


def test_sway(guest, host, viewers):
    guest.run("systemctl", "stop", "xorg", check=False)
    write_file(guest, "/etc/bed-sway", f"xwayland disable\nexec {AGENT}\n")
    with Login(guest, "alice", "env", "WLR_LIBINPUT_NO_DEVICES=1", "WLR_RENDERER=pixman", "XDG_CURRENT_DESKTOP=sway", "sway",
               "-c", "/etc/bed-sway", type="wayland", XDG_VTNR="8", within=60) as login:
        login.activate()
        backend, any_size, several = row("sway")
        wait_display(login, backend)
        viewers[1].ask((1024, 768, 0, 0))
        until(lambda: len(sway_outputs(guest)) == 2, 30, "a second monitor")
        for monitors in ([(1024, 768, 0, 0), (800, 600, 0, 768)], [(1280, 960, 800, 0), (800, 600, 0, 0)], [(1024, 768, 0, 0)]):
            arrange(host, *monitors)
            expected = {f"Virtual-{i + 1}": m for i, m in enumerate(monitors)}
            until(lambda: sway_outputs(guest) == expected, 20, f"{expected} instead of {sway_outputs(guest)}")
        assert several == "yes"
        arrange(host, (1003, 701, 0, 0))
        done = until(lambda: (p := login.picture()) and (p["LayoutError"] or p["LayoutResult"][0]["width"]["data"] == 1003), 20,
                     "an answer")
        if any_size == "yes":
            assert done is True and sway_outputs(guest) == {"Virtual-1": (1003, 701, 0, 0)}
        else:
            assert done == "The compositor has not done it"
            until(lambda: sway_outputs(guest) == {"Virtual-1": (1024, 768, 0, 0)}, 5, "what was before")
