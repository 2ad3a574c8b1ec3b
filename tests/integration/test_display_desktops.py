# SPDX-License-Identifier: Apache-2.0
"""The table of desktops in docs/displays.md: each row is found out anew. That of sway needs a graphics card, and is
found out in a virtual machine."""

import re
import subprocess

import pytest

from rig.bus import SOURCES
from rig.desktop import AS_USER, wait
from rig.display import Dummy, KWin, Mutter, Phoc, Sway, Virtual, Vnc, apply_layout
from rig.pace import scaled
from rig.user_session import Guest


def rows():
    text = (SOURCES / "docs/displays.md").read_text()
    lines = text.split("\n## Desktops\n")[1].split("\n## ")[0].splitlines()
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return {cells[0]: cells[1:4] for cells in found[1:]}


def start(name, guest, party, directory):
    """The display server, and the environment of its sessions."""
    if name in ("Xorg", "Xvfb", "Xvnc"):
        server = party.keep({"Xorg": Dummy, "Xvfb": Virtual, "Xvnc": Vnc}[name](directory))
        return server, {"DISPLAY": server.name}
    if name == "mutter":
        return party.keep(Mutter(directory, guest.session_bus, guest.system_bus, "1024x768", "800x600")), {
            "XDG_SESSION_TYPE": "wayland", "WAYLAND_DISPLAY": "wayland-0"}
    server = party.keep(KWin(directory, guest.session_bus) if name == "KWin" else Phoc(directory))
    return server, server.environment


@pytest.mark.parametrize("name", [name for name in rows() if name not in ("Xwayland", "sway")])
def test_row(directory, party, name):
    guest = Guest(directory, party)
    server, environment = start(name, guest, party, directory)
    system = guest.system_agent()
    agent = guest.agent(**environment)
    expected = rows()[name]
    wait(lambda: agent.log("Registered"), scaled(10))
    if expected[0] != "nothing":
        wait(lambda: system.offer.get("display"), scaled(10), "the back-end")
    odd = [(1003, 701)] * max(1, len(server.outputs()))
    sizes = "no"
    if not apply_layout(system, *odd)[1]:
        sizes = "yes" if [o[:2] for o in server.outputs().values()] == odd else "no"
    size = (1003, 701) if sizes == "yes" else (1024, 768)
    second = (1024, 768) if name == "KWin" else (800, 600)      # what there are modes for
    result, error = apply_layout(system, size, second)
    several = "yes" if not error and len(server.outputs()) == 2 else "no"
    assert [system.offer.get("display") or "nothing", sizes, several] == expected


def test_xwayland_is_not_touched(directory, party):
    """Even where a session is taken for one of X11."""
    guest = Guest(directory, party)
    sway = party.keep(Sway(directory, xwayland=True))
    system = guest.system_agent()
    agent = guest.agent(DISPLAY=sway.display(), HOME=str(sway.runtime))
    wait(lambda: agent.log("Registered"), scaled(10))
    shown = subprocess.run([*AS_USER, "xrandr", "--display", sway.display()], capture_output=True, text=True).stdout
    assert re.search("^XWAYLAND", shown, re.M)
    assert "display" not in system.offer
    assert rows()["Xwayland"] == ["nothing", "no", "no"]
