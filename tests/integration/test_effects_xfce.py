# SPDX-License-Identifier: Apache-2.0
"""Visual effects on Xfce, with the real xfconfd, looked at with xfconf-query and in the files that it writes."""

import os
import re

import pytest

from rig.desktop import wait
from rig.home import ALL, Guest

COMPOSITING = ("xfwm4", "/general/use_compositing")
ANIMATIONS = ("xsettings", "/Gtk/EnableAnimations")
SMOOTHING = ("xsettings", "/Xft/Antialias")
BACKDROP = "/backdrop/screen0/monitor{}/workspace{}/{}"


class Xfce(Guest):
    def __init__(self, directory, party):
        # The administrator's and the distribution's part.
        site = directory / "site/xfce4/xfconf/xfce-perchannel-xml"
        site.mkdir(parents=True)
        (site / "xsettings.xml").write_text("""<?xml version="1.0" encoding="UTF-8"?>
            <channel name="xsettings" version="1.0"><property name="Xft" type="empty">
            <property name="Antialias" type="int" value="-1"/></property></channel>""")
        super().__init__(directory, party, "XFCE", programs=["xfconf-query"], XDG_CONFIG_DIRS=str(directory / "site"))

    def query(self, channel, *options):
        return self.home.run("xfconf-query", "-c", channel, *options, check=False)

    def get(self, channel, name):
        """What programs see; empty if it is not set."""
        return self.query(channel, "-p", name)

    def set(self, channel, name, kind, value):
        self.home.run("xfconf-query", "-c", channel, "-p", name, "-n", "-t", kind, "-s", value)

    def reset(self, channel, name):
        self.query(channel, "-p", name, "-r")

    def all(self):
        """What programs see, of all channels that matter."""
        return {(channel, *line.split(None, 1)) for channel in ("xfwm4", "xsettings", "xfce4-desktop")
                for line in self.query(channel, "-lv").splitlines()}

    def stored(self, name):
        """What the user has himself, by the file that is written when the daemon ends: a value or None."""
        pid = self.process_of("org.xfce.Xfconf")
        os.kill(pid, 15)
        wait(lambda: not os.path.exists(f"/proc/{pid}"))
        text = (self.home.path / "config/xfce4/xfconf/xfce-perchannel-xml/xsettings.xml").read_text()
        found = re.search(rf'<property name="{name}"[^>]*?(?: value="([^"]*)")?/?>', text)
        return found[1] if found else None

    def desktop_begins(self):
        """What xfdesktop and xfwm4 write for themselves."""
        for monitor in "Virtual-1", "My_screen":
            for workspace in range(2):
                self.set("xfce4-desktop", BACKDROP.format(monitor, workspace, "color-style"), "int", "0")
                self.set("xfce4-desktop", BACKDROP.format(monitor, workspace, "image-style"), "int", str(3 + workspace))
                self.set("xfce4-desktop", BACKDROP.format(monitor, workspace, "last-image"), "string", "/a.png")
        self.set("xfce4-desktop", BACKDROP.format("Virtual-1", 0, "color-style"), "int", "2")
        self.set(*COMPOSITING, "bool", "true")


@pytest.fixture
def xfce(directory, party):
    return Xfce(directory, party)


def test_all_effects(xfce):
    xfce.desktop_begins()
    before = xfce.all()
    system = xfce.system_agent()
    xfce.agent()
    wait(lambda: system.last() == set())
    assert system.offer["effects"] == ALL
    system.set_effects("wallpaper")
    changed = {name: value for _, name, value in xfce.all() - before}
    assert changed == {BACKDROP.format("Virtual-1", 0, "color-style"): "0", **{
        BACKDROP.format(m, w, "image-style"): "0" for m in ("Virtual-1", "My_screen") for w in range(2)}}
    system.set_effects("animation")
    assert xfce.all() - before == {(*COMPOSITING, "false"), (*ANIMATIONS, "false")}
    system.set_effects("font-smooth")
    assert xfce.all() - before == {(*SMOOTHING, "0")}
    system.set_effects(*ALL)
    system.set_effects()
    assert xfce.all() == before
    assert not xfce.home.journal.exists()


@pytest.mark.parametrize("his", [None, "1", "-1"])
def test_default_of_the_system(xfce, his):
    """What nobody but the distribution has set is not set afterwards, and what the user has set is."""
    if his:
        xfce.set(*SMOOTHING, "int", his)
    before = xfce.all()
    system = xfce.system_agent()
    xfce.agent()
    system.set_effects("font-smooth")
    assert xfce.get(*SMOOTHING) == "0"
    system.set_effects()
    assert xfce.all() == before
    assert xfce.stored("Antialias") == (his if his == "1" else None)   # the default again is as good as none
    assert xfce.get(*SMOOTHING) == (his or "-1")


def test_off_already(xfce):
    xfce.set(*COMPOSITING, "bool", "false")
    xfce.set(*ANIMATIONS, "bool", "false")
    before = xfce.all()
    system = xfce.system_agent()
    xfce.agent()
    system.set_effects("animation")
    assert xfce.home.changes_of_journal() == []
    system.set_effects()
    assert xfce.all() == before


def test_values_of_other_types(xfce):
    """Are left alone."""
    xfce.set(*COMPOSITING, "string", "yes")
    before = xfce.all()
    system = xfce.system_agent()
    xfce.agent()
    system.set_effects("animation")
    assert [c[4] for c in xfce.home.changes_of_journal()] == [ANIMATIONS[1]]
    system.set_effects()
    assert xfce.all() == before


@pytest.mark.parametrize("end", ["host", "crash"])
def test_his_change_wins(xfce, end):
    xfce.desktop_begins()
    system = xfce.system_agent()
    agent = xfce.agent()
    system.set_effects(*ALL)
    mine = BACKDROP.format("My_screen", 1, "image-style")
    xfce.set("xfce4-desktop", mine, "int", "5")
    xfce.reset(*COMPOSITING)
    xfce.set(*SMOOTHING, "int", "1")
    xfce.end(end, system, agent)
    assert xfce.get("xfce4-desktop", mine) == "5"
    assert xfce.get("xfce4-desktop", BACKDROP.format("My_screen", 0, "image-style")) == "3"
    assert xfce.get(*SMOOTHING) == "1"
    assert (*COMPOSITING, "true") not in xfce.all() and (*COMPOSITING, "false") not in xfce.all()


def test_what_he_turns_on_again_is_not_told_as_off(xfce):
    xfce.desktop_begins()
    system = xfce.system_agent()
    xfce.agent()
    system.set_effects(*ALL)
    xfce.set("xfce4-desktop", BACKDROP.format("My_screen", 1, "image-style"), "int", "5")
    wait(lambda: system.last() == {"animation", "font-smooth"})
    xfce.reset(*COMPOSITING)
    wait(lambda: system.last() == {"font-smooth"})
    xfce.set("xfce4-desktop", BACKDROP.format("My_screen", 1, "image-style"), "int", "0")
    wait(lambda: system.last() == {"wallpaper", "font-smooth"})
    system.set_effects()
    assert xfce.get("xfce4-desktop", BACKDROP.format("My_screen", 0, "image-style")) == "3"


def test_crash_and_another_desktop(xfce):
    """Begun on Xfce, crashed, and logged in to GNOME: it is put back all the same."""
    xfce.desktop_begins()
    before = xfce.all()
    system = xfce.system_agent()
    agent = xfce.agent()
    system.set_effects(*ALL)
    xfce.end("crash", system, agent, desktop="GNOME")
    assert xfce.all() == before


@pytest.mark.parametrize("present, expected", [("0", "1"), (None, "1"), ("1", "1")])
def test_interrupted_restore(xfce, present, expected):
    """The user's value may be away for a moment when the distribution has one, too."""
    if present:
        xfce.set(*SMOOTHING, "int", present)
    xfce.home.write(xfce.home.journal, "oVirt session agent: effects 1\nxfce\tfont-smooth\treturning\t"
                    "xsettings\t/Xft/Antialias\t1\t0\n")
    xfce.agent()
    wait(lambda: not xfce.home.journal.exists())
    assert xfce.get(*SMOOTHING) == expected


@pytest.mark.parametrize("line", [
    "xfce\twallpaper\tchanged\txfce4-desktop\t/backdrop/screen0/x\t1\t0",
    "xfce\twallpaper\tchanged\txsettings\t/backdrop/screen0/monitorA/workspace0/image-style\t1\t0",
    "xfce\twallpaper\tchanged\txfce4-desktop\t/backdrop/screen0/monitorA/workspace0/image-style\t1\t7",
    "xfce\tanimation\tchanged\txsettings\t/Xft/Antialias\t1\t0",
    "xfce\tfont-smooth\tchanged\txsettings\t/Xft/DPI\t1\t0",
    "xfce\tfont-smooth\tchanged\txsettings\t/Net/ThemeName\t'a'\t'b'"])
def test_hostile_journal(xfce, line):
    """What the agent would not have changed it does not restore."""
    _, _, _, channel, name, user, ours = line.split("\t")
    kind = "string" if "'" in ours else "int"
    xfce.set(channel, name, kind, ours.strip("'"))
    before = xfce.all()
    xfce.home.write(xfce.home.journal, f"oVirt session agent: effects 1\n{line}\n")
    agent = xfce.agent()
    wait(lambda: agent.log("none of ours") and not xfce.home.journal.exists())
    assert xfce.all() == before


def test_daemon_that_does_not_answer(xfce):
    """What cannot be asked waits, as does the journal."""
    xfce.desktop_begins()
    before = xfce.all()
    system = xfce.system_agent()
    agent = xfce.agent()
    system.set_effects(*ALL)
    pid = xfce.process_of("org.xfce.Xfconf")
    os.kill(pid, 19)
    kept = xfce.home.changes_of_journal()
    agent.close()
    os.kill(pid, 18)
    assert xfce.home.changes_of_journal() == kept
    xfce.agent()
    wait(lambda: not xfce.home.journal.exists())
    assert xfce.all() == before
