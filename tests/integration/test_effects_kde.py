# SPDX-License-Identifier: Apache-2.0
"""Visual effects on KDE: its settings with its own tools, and its shell and compositor on a display."""

import os
import re
import subprocess

import pytest
from gi.repository import Gio, GLib

from rig.desktop import AS_USER, Peer, wait, wait_while
from rig.display import need
from rig.home import ALL, Guest

FACTOR = ("KDE", "AnimationDurationFactor")
SMOOTHING = ("General", "XftAntialias")


class Kde(Guest):
    def __init__(self, directory, party, **environment):
        super().__init__(directory, party, "KDE", programs=["kreadconfig5", "kwriteconfig5"], **environment)
        self.file = self.home.path / "config/kdeglobals"

    def get(self, group, key):
        return self.home.run("kreadconfig5", "--file", "kdeglobals", "--group", group, "--key", key)

    def set(self, group, key, value):
        self.home.run("kwriteconfig5", "--file", "kdeglobals", "--group", group, "--key", key, value)

    def delete(self, group, key):
        self.home.run("kwriteconfig5", "--file", "kdeglobals", "--group", group, "--key", key, "--delete", "")

    def settings(self):
        """The lines of the file."""
        return [line for line in self.file.read_text().splitlines() if line] if self.file.exists() else []


@pytest.fixture
def kde(directory, party):
    return Kde(directory, party)


OTHERS = "[$Version]\nupdate_info=x:y\n\n[Colors:Window][Inactive]\nAnimationDurationFactor=7\n\n[General]\nfont=Sans,10\n"


@pytest.mark.parametrize("factor, smooth", [(None, None), ("0.5", "true"), ("2", None), (None, "true")])
@pytest.mark.parametrize("end", ["host", "term", "crash"])
def test_settings(kde, factor, smooth, end):
    kde.home.write(kde.file, OTHERS)
    for name, value in (FACTOR, factor), (SMOOTHING, smooth):
        if value:
            kde.set(*name, value)
    before = kde.settings()
    system = kde.system_agent()
    agent = kde.agent()
    wait(lambda: system.last() == set())
    assert system.offer["effects"] == ALL
    system.set_effects("animation", "font-smooth")
    assert (kde.get(*FACTOR), kde.get(*SMOOTHING)) == ("0", "false")
    assert "AnimationDurationFactor=7" in kde.settings()
    kde.end(end, system, agent, desktop="GNOME")
    assert kde.settings() == before


def test_off_already_and_his_change(kde):
    kde.set(*FACTOR, "0")
    system = kde.system_agent()
    kde.agent()
    system.set_effects("animation", "font-smooth")
    assert [c[4] for c in kde.home.changes_of_journal()] == ["General/XftAntialias"]
    kde.set(*SMOOTHING, "true")
    before = kde.settings()
    system.set_effects()
    assert kde.settings() == before


def test_what_he_turns_on_again_is_not_told_as_off(kde):
    system = kde.system_agent()
    kde.agent()
    system.set_effects("animation", "font-smooth")
    kde.set(*FACTOR, "0.5")
    wait(lambda: system.last() == {"font-smooth"})
    kde.delete(*SMOOTHING)
    wait(lambda: system.last() == set())
    kde.set(*FACTOR, "0")
    wait(lambda: system.last() == {"animation"})


def test_locked_setting(kde):
    """What may not be written is not, and is not said to be."""
    kde.home.write(kde.file, "[KDE]\nAnimationDurationFactor[$i]=1\n")
    system = kde.system_agent()
    kde.agent()
    assert system.tell("SetEffects", "as", ["animation", "font-smooth"]).wait() is None
    wait(lambda: system.last() == {"font-smooth"}, 10)
    system.set_effects()
    assert kde.settings() == ["[KDE]", "AnimationDurationFactor[$i]=1"]


def test_values_that_are_no_words(kde):
    """Nobody knows what they are for, and how they would be written again."""
    kde.home.write(kde.file, "[General]\nXftAntialias=a, b\\t\n[KDE]\nAnimationDurationFactor[$d]=3\n")
    system = kde.system_agent()
    kde.agent()
    assert system.tell("SetEffects", "as", ["font-smooth", "animation"]).wait() is None
    wait(lambda: system.last() == {"animation"})
    assert [(c[4], c[5]) for c in kde.home.changes_of_journal()] == [("KDE/AnimationDurationFactor", "-")]
    assert "XftAntialias=a, b\\t" in kde.settings()


class PlayedShell(Peer):
    """A shell that says what it likes of its desktops."""

    def __init__(self, kde, desktops):
        super().__init__(kde.session_bus)
        self.scripts, self.desktops = [], desktops
        node = Gio.DBusNodeInfo.new_for_xml("""<node><interface name="org.kde.PlasmaShell"><method name="evaluateScript">
            <arg type="s" direction="in"/><arg type="s" direction="out"/></method></interface></node>""")
        self.export("/PlasmaShell", node.interfaces[0], {"evaluateScript": self._evaluate})
        self.own("org.kde.plasmashell")

    def _evaluate(self, _sender, script):
        self.scripts.append(script)
        for plugin, number in re.findall(r"wallpaperPlugin = '([^']*)'; \}\)\(desktopById\((\d+)\)", script):
            self.desktops = re.sub(f"(?m)^{number} .*$", f"{number} {plugin}", self.desktops)
        return GLib.Variant("(s)", (self.desktops,))


def test_hostile_shell(kde, party):
    """What it says becomes part of the next script only if it is a number and a word."""
    shell = party.keep(PlayedShell(kde, "1 org.kde.image\n2 x');evil('\n3);evil( org.kde.image\n4 a b\n\n5\n"
                                        f"{'6' * 10} org.kde.image\n7 {'x' * 129}\n8 org.kde.color\n"))
    system = kde.system_agent()
    kde.agent()
    assert system.tell("SetEffects", "as", ["wallpaper"]).wait() is None
    wait(lambda: any("desktopById(1)" in script for script in shell.scripts))
    wait(lambda: kde.home.changes_of_journal())
    assert [(c[4], c[5]) for c in kde.home.changes_of_journal()] == [("1", "'org.kde.image'")]
    wait(lambda: "1 org.kde.color" in shell.desktops)
    shell.desktops = "x" * 1000000
    assert system.tell("SetEffects", "as", []).wait() is None
    wait_while(lambda: not any("evil" in script for script in shell.scripts), 1)


def test_shell_that_begins_anew(kde, party):
    """What he has turned on again stays so: a new shell is looked at, and told nothing."""
    shell = party.keep(PlayedShell(kde, "1 org.kde.image\n2 org.kde.image\n"))
    system = kde.system_agent()
    kde.agent()
    system.set_effects("wallpaper")
    wait_while(lambda: system.last() == {"wallpaper"}, 3)
    shell.desktops = "1 org.kde.image\n2 org.kde.color\n"
    kde.home.write(kde.home.path / "config/plasma-org.kde.plasma.desktop-appletsrc", "wallpaperplugin=org.kde.image")
    wait(lambda: system.last() == set(), what="the look after the shell's file has changed")
    shell.close()
    shell = party.keep(PlayedShell(kde, "1 org.kde.image\n2 org.kde.color\n"))
    wait(lambda: shell.scripts, what="the look at the new one")
    wait_while(lambda: not any("wallpaperPlugin =" in script for script in shell.scripts), 5)
    assert system.tell("SetEffects", "as", []).wait() is None
    wait(lambda: shell.desktops == "1 org.kde.image\n2 org.kde.image\n")


def test_file_that_is_too_large(kde):
    """Is left alone, whatever it is."""
    kde.home.write(kde.file, "[KDE]\nAnimationDurationFactor=1\n# " + "x" * 1024 * 1024)
    system = kde.system_agent()
    kde.agent()
    assert system.tell("SetEffects", "as", ["animation"]).wait() is None
    wait_while(lambda: system.last() in (None, set()), 4)
    assert kde.home.changes_of_journal() == []


def test_others_are_told(kde):
    """As by KDE's own programs: a signal for each file, with the names of groups and keys."""
    told = []
    connection = kde.session_bus.connect().connection
    connection.signal_subscribe(None, "org.kde.kconfig.notify", "ConfigChanged", "/kdeglobals", None,
                                Gio.DBusSignalFlags.NONE, lambda *a: told.append(a[5].unpack()[0]))
    system = kde.system_agent()
    kde.agent()
    system.set_effects("animation")
    wait(lambda: told == [{"KDE": [list(b"AnimationDurationFactor")]}])


# The shell and the compositor

class Display:
    """A program that ends with the case, on a display of its own."""

    def __init__(self, party):
        read, write = os.pipe()
        self.processes = [subprocess.Popen(["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten",
                                            "tcp"], stderr=subprocess.DEVNULL, pass_fds=[write])]
        party.keep(self)
        os.close(write)
        with open(read, encoding="ascii") as number:
            self.name = f":{number.readline().strip()}"

    def run(self, guest, *command):
        base = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "DBUS_", "G_"))}
        self.processes.append(subprocess.Popen([*AS_USER, *command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                               stderr=subprocess.DEVNULL, env={
            **base, **guest.home.environment, "DBUS_SESSION_BUS_ADDRESS": guest.session_bus.address,
            "DBUS_SYSTEM_BUS_ADDRESS": guest.system_bus.address, "XDG_CURRENT_DESKTOP": "KDE"}))
        return self.processes[-1]

    def close(self):
        for process in reversed(self.processes):
            process.kill()
            process.wait()


def call(kde, name, path, interface, method, arguments, signature):
    connection = kde.session_bus.connect().connection
    answer = connection.call_sync(name, path, interface, method, arguments, GLib.VariantType(signature),
                                  Gio.DBusCallFlags.NO_AUTO_START, 5000, None)
    return answer.unpack()[0]


def evaluate(kde, script):
    try:
        return call(kde, "org.kde.plasmashell", "/PlasmaShell", "org.kde.PlasmaShell", "evaluateScript",
                    GLib.Variant("(s)", (script,)), "(s)")
    except GLib.Error:
        return ""


def wallpaper(kde):
    return evaluate(kde, "desktops().forEach(function(d) { print(d.wallpaperPlugin) })")


def shell(party, directory):
    for path in "/usr/bin/plasmashell", "/usr/bin/Xvfb", "/usr/share/plasma/shells/org.kde.plasma.desktop", \
            "/usr/share/dbus-1/services/org.kde.ActivityManager.service":
        if not os.path.exists(path):
            pytest.skip(f"there is no {path}")
    display = Display(party)
    kde = Kde(directory, party, services=["org.kde.ActivityManager", "org.kde.kscreen"], DISPLAY=display.name, QT_QPA_PLATFORM="xcb",
              QT_QUICK_BACKEND="software")
    return display, kde


def test_wallpaper_of_the_real_shell(directory, party):
    display, kde = shell(party, directory)
    system = kde.system_agent()
    agent = kde.agent()
    # Wanted before the shell is there, as at a login: done when it is.
    assert system.tell("SetEffects", "as", ["wallpaper"]).wait() is None
    process = display.run(kde, "plasmashell")
    wait(lambda: system.last() == {"wallpaper"}, 40, "the shell")
    assert wallpaper(kde) == "org.kde.color"
    assert [c[2:] for c in kde.home.changes_of_journal()] == [
        ["changed", "org.kde.plasmashell", kde.home.changes_of_journal()[0][4], "'org.kde.image'", "'org.kde.color'"]]
    system.set_effects()
    assert wallpaper(kde) == "org.kde.image"
    assert not kde.home.journal.exists()
    # His change wins.
    system.set_effects("wallpaper")
    evaluate(kde, "desktops()[0].wallpaperPlugin = 'org.kde.slideshow'")
    wait(lambda: system.last() == set(), 40, "the shell to store it")
    system.set_effects()
    wait(lambda: not kde.home.journal.exists())
    assert wallpaper(kde) == "org.kde.slideshow"
    # After a crash of all, the next agent waits for the shell.
    system.set_effects("wallpaper")
    agent.kill()
    wait(lambda: "wallpaperplugin=org.kde.color" in
         (kde.home.path / "config/plasma-org.kde.plasma.desktop-appletsrc").read_text(), 40, "the shell to store it")
    process.kill()
    process.wait()
    agent = kde.agent()
    wait(lambda: agent.log("could not be restored"))
    display.run(kde, "plasmashell")
    wait(lambda: not kde.home.journal.exists(), 40, "the journal to be empty")
    assert wallpaper(kde) == "org.kde.slideshow"


class KWin:
    """The window manager on X11, which draws with the processor."""

    def __init__(self, directory, party):
        need("kwin_x11", "Xvfb")
        self._display = Display(party)
        self.kde = Kde(directory, party, DISPLAY=self._display.name, QT_QPA_PLATFORM="xcb")
        self.start()

    def start(self):
        self._process = self._display.run(self.kde, "kwin_x11", "--no-kactivities")
        wait(lambda: self.composites, 40, "the compositor")

    def end(self):
        self._process.kill()
        self._process.wait()

    @property
    def composites(self):
        """By its own word; None without one."""
        try:
            return call(self.kde, "org.kde.KWin", "/Compositor", "org.freedesktop.DBus.Properties", "Get",
                        GLib.Variant("(ss)", ("org.kde.kwin.Compositing", "active")), "(v)")
        except GLib.Error:
            return None

    def user(self, method):
        """As he does it with a key."""
        self.kde.session_bus.connect().connection.call_sync(
            "org.kde.KWin", "/Compositor", "org.kde.kwin.Compositing", method, None, None,
            Gio.DBusCallFlags.NO_AUTO_START, 5000, None)
        wait(lambda: self.composites == (method == "resume"), what=method)


@pytest.fixture
def kwin(directory, party):
    return KWin(directory, party)


def stored(kde):
    """What the journal has of it."""
    return [change[4:] for change in kde.home.changes_of_journal() if change[3] == "org.kde.KWin"]


def given_back(kwin):
    wait(lambda: not kwin.kde.home.journal.exists(), 10, "the journal to be empty")
    assert kwin.composites is True


@pytest.mark.parametrize("end", ["host", "term", "crash"])
def test_compositor_of_the_real_kwin(kwin, end):
    kde = kwin.kde
    system = kde.system_agent()
    agent = kde.agent()
    system.set_effects("animation")
    assert kwin.composites is False
    assert stored(kde) == [["active", "true", "false"]]
    if end == "host":
        system.set_effects()
    elif end == "term":
        agent.close()
    else:
        agent.kill()
        kde.agent(desktop="GNOME")
    given_back(kwin)


def test_compositor_that_the_user_has_switched(kwin):
    """What he has suspended himself is not resumed; what he has resumed is not suspended again."""
    kde = kwin.kde
    system = kde.system_agent()
    kde.agent()
    wait(lambda: system.last() == set())
    kwin.user("suspend")
    system.set_effects("animation")
    assert stored(kde) == []
    system.set_effects()
    assert kwin.composites is False
    kwin.user("resume")
    system.set_effects("animation")
    assert kwin.composites is False
    kwin.user("resume")
    assert system.tell("SetEffects", "as", ["animation", "font-smooth"]).wait() is None
    wait(lambda: "font-smooth" in system.last(), 10)
    assert kwin.composites is True
    system.set_effects()
    given_back(kwin)


def test_kwin_that_ends(kwin):
    """A new one composites, whether it is there when its user is given back what he had or not: nothing is left to do."""
    kde = kwin.kde
    system = kde.system_agent()
    agent = kde.agent()
    system.set_effects("animation")
    kwin.end()
    kwin.start()
    system.set_effects()
    given_back(kwin)
    system.set_effects("animation")
    kwin.end()
    agent.close()
    assert kde.settings() == [] and stored(kde)
    kwin.start()
    kde.agent()
    given_back(kwin)
