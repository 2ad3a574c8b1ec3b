# SPDX-License-Identifier: Apache-2.0
"""Visual effects toned down and restored, where desktops keep their settings with GSettings: the real schemas, the real
dconf, looked at with their own tools."""

import subprocess
import time

import pytest
from gi.repository import Gio, GLib

from rig.desktop import AGENT_INTERFACE, AGENT_PATH, Peer, wait, wait_while
from rig.home import ALL, ANIMATIONS, BACKGROUND, INTERFACE, Guest, missing, path_of
from rig.pace import INSTRUMENTED, scaled

SETTINGS = {
    "GNOME": {
        "wallpaper": {(BACKGROUND, "picture-options"): "'none'"},
        "animation": {ANIMATIONS: "false"},
        "font-smooth": {(INTERFACE, "font-antialiasing"): "'none'"},
    },
    "MATE": {
        "wallpaper": {("org.mate.background", "picture-filename"): "''"},
        "animation": {("org.mate.interface", "enable-animations"): "false",
                      ("org.mate.interface", "gtk-enable-animations"): "false",
                      ("org.mate.Marco.general", "compositing-manager"): "false",
                      ("org.mate.Marco.general", "reduced-resources"): "true"},
        "font-smooth": {("org.mate.font-rendering", "antialiasing"): "'none'"},
    },
    "X-Cinnamon": {
        "wallpaper": {("org.cinnamon.desktop.background", "picture-options"): "'none'"},
        "animation": {("org.cinnamon.desktop.interface", "enable-animations"): "false",
                      **{("org.cinnamon", key): "false" for key in (
                          "desktop-effects", "desktop-effects-workspace", "desktop-effects-on-dialogs",
                          "desktop-effects-on-menus", "desktop-effects-change-size", "enable-vfade",
                          "startup-animation")}},
        "font-smooth": {("org.cinnamon.settings-daemon.plugins.xsettings", "antialiasing"): "'none'"},
    },
}


@pytest.fixture
def guest(directory, party):
    return Guest(directory, party, "GNOME")


# What each desktop has

@pytest.mark.parametrize("desktop", SETTINGS)
@pytest.mark.parametrize("his", ["unset", "set"])
def test_each_desktop(directory, party, desktop, his):
    """Each effect by itself, then all: exactly these settings, and nothing is left behind."""
    effects = SETTINGS[desktop]
    absent = missing(*{schema for settings in effects.values() for schema, _ in settings})
    if absent:
        pytest.skip(f"schemas are not installed: {absent}")
    guest = Guest(directory, party, desktop)
    if his == "set":
        for settings in effects.values():
            for name, ours in settings.items():
                guest.home.set(*name, {"false": "true", "true": "false", "''": "'/a\\tb'"}.get(ours, {
                    "picture-options": "'scaled'"}.get(name[1], "'grayscale'")))
    before = guest.home.dconf()
    system = guest.system_agent()
    guest.agent()
    wait(lambda: system.last() == set())
    assert system.offer["effects"] == ALL
    for off in [[e] for e in ALL] + [ALL]:
        system.set_effects(*off)
        for effect, settings in effects.items():
            for name, ours in settings.items():
                assert (guest.home.get(*name) == ours) == (effect in off), name
        wanted = {path_of(*name): ours for effect in off for name, ours in effects[effect].items()}
        assert guest.home.dconf() == {**before, **wanted}
        assert {path_of(c[3], c[4]) for c in guest.home.changes_of_journal()} == set(wanted)
    system.set_effects()
    assert guest.home.dconf() == before
    assert [p.name for p in guest.home.state.iterdir()] == ["effects.lock"]


@pytest.mark.parametrize("names, offered", [
    ("ubuntu:GNOME", True), ("Budgie:GNOME", True), ("pop:gnome", True), ("X-Generic", False), ("", False),
    ("LXQt", False), ("sway:wlroots", False), (":::", False), ("x" * 5000, False)])
def test_names_of_desktops(guest, names, offered):
    system = guest.system_agent()
    guest.agent(desktop=names or "none")
    system.agent()
    assert ("effects" in system.offer) == offered
    if not offered:
        assert system.tell("SetEffects", "as", []).wait() == "org.freedesktop.DBus.Error.NotSupported"
        assert system.states == []


def test_what_is_asked(guest):
    system = guest.system_agent()
    guest.agent()
    assert system.tell("SetEffects", "as", ["animation", "colour"]).wait() == \
        "org.freedesktop.DBus.Error.InvalidArgs"
    assert system.tell("SetEffects", "as", ["animation"] * 2000).wait() is None
    wait(lambda: system.last() == {"animation"})
    assert len(guest.home.changes_of_journal()) == 1
    other = guest.keep(Peer(guest.system_bus))
    for method, arguments in ("SetEffects", GLib.Variant("(as)", ([],))), ("SetConsole", GLib.Variant("(b)", (False,))):
        call = other.call(system.agent(), AGENT_PATH, AGENT_INTERFACE, method, arguments)
        assert call.wait() == "org.freedesktop.DBus.Error.AccessDenied"
        p = guest.system_bus.as_nobody("call", system.agent(), AGENT_PATH, AGENT_INTERFACE, method, *(
            ["as", "0"] if method == "SetEffects" else ["b", "false"]))
        assert p.returncode != 0 and "denied" in p.stderr
    assert system.last() == {"animation"}


# What the user had

def test_off_already(guest):
    """Who has no animations has none afterwards, and the agent has not touched it."""
    guest.home.set(*ANIMATIONS, "false")
    before = guest.home.dconf()
    system = guest.system_agent()
    guest.agent()
    system.set_effects("animation", "font-smooth")
    assert [c[4] for c in guest.home.changes_of_journal()] == ["font-antialiasing"]
    guest.home.set(*ANIMATIONS, "true")
    guest.home.set(*ANIMATIONS, "false")
    system.set_effects()
    assert guest.home.dconf() == before


@pytest.mark.parametrize("his", ["true", "reset", "another"])
@pytest.mark.parametrize("end", ["host", "term", "crash"])
def test_his_change_wins(guest, his, end):
    system = guest.system_agent()
    agent = guest.agent()
    guest.home.set(BACKGROUND, "picture-options", "'scaled'")
    system.set_effects("animation", "wallpaper")
    if his == "another":
        guest.home.set(BACKGROUND, "picture-options", "'zoom'")
    elif his == "true":
        guest.home.set(*ANIMATIONS, "true")
    else:
        guest.home.reset(*ANIMATIONS)
        guest.home.reset(BACKGROUND, "picture-options")
    after = guest.home.dconf()
    guest.end(end, system, agent)
    if his == "another":
        after.pop(path_of(*ANIMATIONS))
    elif his == "true":
        after[path_of(BACKGROUND, "picture-options")] = "'scaled'"
    assert guest.home.dconf() == after


def test_changed_once(guest):
    """What he turns on again while it should be off stays on, whatever is said again."""
    system = guest.system_agent()
    guest.agent()
    system.set_effects("animation")
    guest.home.set(*ANIMATIONS, "true")
    wait(lambda: system.last() == set())
    for _ in range(3):
        assert system.tell("SetEffects", "as", ["animation"]).wait() is None
    assert system.tell("SetEffects", "as", ["animation", "wallpaper"]).wait() is None
    wait(lambda: system.last() == {"wallpaper"})
    assert guest.home.get(*ANIMATIONS) == "true"
    # Asked for anew it is changed anew, and it is his new value that returns.
    system.set_effects()
    system.set_effects("animation")
    assert guest.home.get(*ANIMATIONS) == "false"
    system.set_effects()
    assert guest.home.dconf() == {path_of(*ANIMATIONS): "true"}


def test_what_he_turns_on_again_is_not_told_as_off(guest):
    system = guest.system_agent()
    agent = guest.agent()
    system.set_effects(*ALL)
    guest.home.set(*ANIMATIONS, "true")
    wait(lambda: system.last() == {"wallpaper", "font-smooth"})
    guest.home.set(BACKGROUND, "picture-options", "'zoom'")
    guest.home.set(BACKGROUND, "color-shading-type", "'solid'")     # which is nothing to us
    wait(lambda: system.last() == {"font-smooth"})
    guest.home.set(*ANIMATIONS, "false")                            # and off again, as he likes it
    wait(lambda: system.last() == {"animation", "font-smooth"})
    system.set_effects()
    assert guest.home.dconf() == {path_of(BACKGROUND, "color-shading-type"): "'solid'",
                                  path_of(BACKGROUND, "picture-options"): "'zoom'"}
    # What is none of the agent's business is not looked at.
    wait_while(lambda: agent.running, 1)
    before = agent.wake_ups()
    guest.home.set(*ANIMATIONS, "true")
    guest.home.set(BACKGROUND, "picture-options", "'scaled'")
    wait_while(lambda: system.last() == set(), 1)
    assert INSTRUMENTED or agent.wake_ups() == before


def test_a_part_that_he_turns_on_again(directory, party):
    """An effect of several settings is off as long as all of them are."""
    if missing("org.mate.Marco.general", "org.mate.interface"):
        pytest.skip("MATE's schemas are not installed")
    guest = Guest(directory, party, "MATE")
    system = guest.system_agent()
    guest.agent()
    system.set_effects("animation")
    guest.home.set("org.mate.Marco.general", "compositing-manager", "true")
    wait(lambda: system.last() == set())
    assert guest.home.get("org.mate.interface", "enable-animations") == "false"
    system.set_effects("wallpaper")
    assert list(guest.home.dconf()) == [path_of("org.mate.background", "picture-filename"),
                                        path_of("org.mate.Marco.general", "compositing-manager")]


# What the administrator decides

def locked(guest, name, *keys):
    """The environment in which these keys of dconf are locked."""
    database = guest.directory / f"{name}.d"
    (database / "locks").mkdir(parents=True)
    (database / "locks/locks").write_text("".join(f"/{key}\n" for key in keys))
    guest.home.run("dconf", "compile", str(guest.home.path / name), str(database))
    profile = guest.directory / f"{name}.profile"
    profile.write_text(f"user-db:user\nfile-db:{guest.home.path}/{name}\n")
    return {"DCONF_PROFILE": str(profile)}


def test_locked_settings(guest):
    environment = locked(guest, "one", path_of(*ANIMATIONS))
    system = guest.system_agent()
    agent = guest.agent(**environment)
    assert system.tell("SetEffects", "as", ["animation", "font-smooth"]).wait() is None
    wait(lambda: system.last() == {"font-smooth"})
    assert guest.home.dconf() == {path_of(INTERFACE, "font-antialiasing"): "'none'"}
    assert [c[4] for c in guest.home.changes_of_journal()] == ["font-antialiasing"]
    # What is locked after it was changed cannot be restored, until it can.
    agent.kill()
    agent = guest.agent(**locked(guest, "other", path_of(INTERFACE, "font-antialiasing")))
    wait(lambda: agent.log("could not be restored"))
    assert len(guest.home.changes_of_journal()) == 1
    agent.close()
    guest.agent()
    wait(lambda: guest.home.dconf() == {})


def test_missing_schemas(guest, directory):
    """One key of one schema is all there is, as on another version of the desktop: the rest is left out."""
    schemas = directory / "data/glib-2.0/schemas"
    schemas.mkdir(parents=True)
    (schemas / "one.gschema.xml").write_text("""<schemalist><schema id="org.gnome.desktop.interface"
        path="/org/gnome/desktop/interface/"><key name="enable-animations" type="b"><default>true</default></key>
        <key name="font-antialiasing" type="i"><default>1</default></key></schema>
        <schema id="org.gnome.desktop.background"><key name="picture-options" type="s"><default>'zoom'</default></key>
        </schema></schemalist>""")
    subprocess.run(["glib-compile-schemas", schemas], check=True)
    system = guest.system_agent()
    agent = guest.agent(XDG_DATA_DIRS=str(directory / "data"))
    assert system.tell("SetEffects", "as", ALL).wait() is None
    wait(lambda: system.last() == {"animation"})
    assert guest.home.dconf() == {path_of(*ANIMATIONS): "false"}
    agent.close()
    assert guest.home.dconf() == {}
    # And none at all.
    system.calls.clear()
    guest.agent(XDG_DATA_DIRS=str(directory / "nothing"))
    system.agent()
    assert "effects" not in system.offer


def test_policy_never(guest):
    system = guest.system_agent()
    guest.agent(config=guest.configure(off="never"))
    wait(lambda: system.last() == set())
    assert "effects" not in system.offer
    assert system.tell("SetEffects", "as", ALL).wait() == "org.freedesktop.DBus.Error.NotSupported"
    wait_while(lambda: guest.home.dconf() == {}, 3)


def test_policy_never_restores(guest):
    system = guest.system_agent()
    agent = guest.agent()
    system.set_effects(*ALL)
    agent.kill()
    guest.agent(config=guest.configure(off="never"))
    wait(lambda: guest.home.dconf() == {}, 1.5)


def test_policy_always(guest):
    """Without a host, and whatever it says."""
    agent = guest.agent(config=guest.configure(off="always", allowed="animation font-smooth"))
    wait(lambda: guest.home.dconf() != {})
    system = guest.system_agent()
    wait(lambda: system.last() == {"animation", "font-smooth"})
    assert "effects" not in system.offer
    assert system.tell("SetEffects", "as", []).wait() == "org.freedesktop.DBus.Error.NotSupported"
    assert system.tell("SetConsole", "b", False).wait() is None
    system.close()
    wait_while(lambda: len(guest.home.dconf()) == 2, 6)
    agent.close()
    assert guest.home.dconf() == {}


def test_policy_allowed(guest):
    system = guest.system_agent()
    guest.agent(config=guest.configure(allowed="font-smooth"))
    assert system.tell("SetEffects", "as", ALL).wait() is None
    wait(lambda: system.last() == {"font-smooth"})
    assert system.offer["effects"] == ["font-smooth"]
    assert list(guest.home.dconf()) == [path_of(INTERFACE, "font-antialiasing")]


# When

def test_not_before_two_seconds(guest):
    system = guest.system_agent()
    start = time.monotonic()
    guest.agent()
    system.tell("SetEffects", "as", ALL)
    wait(lambda: guest.home.dconf() != {})
    assert 1.9 < time.monotonic() - start < scaled(3.5)


def watch_writes(guest):
    """A list that grows with each change of the user's settings."""
    writes = []
    connection = guest.session_bus.connect().connection
    connection.signal_subscribe(None, "ca.desrt.dconf.Writer", "Notify", None, None, Gio.DBusSignalFlags.NONE,
                                lambda *a: writes.append(a[5].unpack()))
    return writes


def test_flood(guest):
    system = guest.system_agent()
    agent = guest.agent()
    system.set_effects("animation")
    writes = watch_writes(guest)
    start = time.monotonic()
    count = 0
    while time.monotonic() - start < 3:
        system.tell("SetEffects", "as", [ALL, [], ["animation"]][count % 3])
        count += 1
        wait_while(lambda: agent.running, 0.002)
    system.set_effects()
    assert count > 30
    assert guest.home.dconf() == {}
    assert 2 <= len(writes) <= 60


def test_console(guest):
    system = guest.system_agent()
    guest.agent()
    system.set_effects(*ALL)
    writes = watch_writes(guest)
    # Who returns at once sees no flicker.
    system.set_console(False)
    wait_while(lambda: system.last() == set(ALL), 3)
    system.set_console(True)
    wait_while(lambda: system.last() == set(ALL), 6)
    assert writes == []
    system.set_console(False)
    left = time.monotonic()
    system.set_console(False)
    wait(lambda: system.last() == set(), 8)
    assert 4.5 < time.monotonic() - left < scaled(7)
    assert guest.home.dconf() == {}
    # What is wanted meanwhile comes when somebody looks.
    assert system.tell("SetEffects", "as", ["font-smooth"]).wait() is None
    wait_while(lambda: system.last() == set(), 1)
    system.set_console(True)
    wait(lambda: system.last() == {"font-smooth"})
    system.set_effects()
    assert guest.home.dconf() == {}


def test_system_agent_goes(guest):
    """Nobody would tell when to restore."""
    system = guest.system_agent()
    guest.agent()
    system.set_effects(*ALL)
    writes = watch_writes(guest)
    system.close()
    # One that returns and says the same again changes nothing.
    system = guest.system_agent()
    assert system.tell("SetEffects", "as", ALL).wait() is None
    wait(lambda: system.last() == set(ALL))
    wait_while(lambda: writes == [], 6)
    system.close()
    wait(lambda: writes != [], 8)
    wait(lambda: guest.home.dconf() == {})


def test_idle_costs_nothing(guest):
    system = guest.system_agent()
    agent = guest.agent()
    system.set_effects(*ALL)
    wait_while(lambda: agent.running, 1)
    before = agent.wake_ups()
    wait_while(lambda: agent.running, 3)
    if not INSTRUMENTED:
        assert agent.wake_ups() == before
