# SPDX-License-Identifier: Apache-2.0
"""What is known of the user's settings is kept: ends of the session agent of all kinds, several agents of one user, and
journals that are none."""

import shutil

import pytest

from rig.desktop import wait, wait_while
from rig.home import ALL, ANIMATIONS, BACKGROUND, INTERFACE, Guest, path_of


@pytest.fixture
def guest(directory, party):
    return Guest(directory, party, "GNOME")


# Ends of all kinds

def test_end(guest):
    system = guest.system_agent()
    agent = guest.agent()
    system.set_effects(*ALL)
    agent.close()
    assert guest.home.dconf() == {}
    assert not guest.home.journal.exists()


def test_end_of_the_session(guest):
    system = guest.system_agent()
    agent = guest.agent()
    system.set_effects(*ALL)
    guest.login1.end_leader()
    assert agent.wait_exit() == 3
    assert guest.home.dconf() == {}


def test_crash(guest):
    """The next agent restores before anything else, whatever desktop it is then."""
    guest.home.set(*ANIMATIONS, "true")
    before = guest.home.dconf()
    system = guest.system_agent()
    agent = guest.agent()
    system.set_effects(*ALL)
    agent.kill()
    assert guest.home.get(*ANIMATIONS) == "false"
    guest.agent(desktop="none")
    wait(lambda: not guest.home.journal.exists(), 1.5)
    assert guest.home.dconf() == before


def test_logout_without_a_bus(guest):
    """The session's bus goes first: it is the next session that restores."""
    system = guest.system_agent()
    agent = guest.agent()
    system.set_effects(*ALL)
    guest.session_bus.close()
    assert agent.wait_exit() == 0
    assert len(guest.home.changes_of_journal()) == 3
    guest.new_session_bus()
    assert guest.home.get(*ANIMATIONS) == "false"
    guest.agent()
    wait(lambda: not guest.home.journal.exists())
    assert guest.home.dconf() == {}


def killed_at(call, n):
    """A command that kills what it runs when that does this system call for the nth time."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    return ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
            "-e", f"inject={call}:signal=KILL:when={n}"]


@pytest.mark.parametrize("call, n", [*[("fsync", n) for n in range(1, 6)], *[("renameat", n) for n in range(1, 3)],
                                     *[("unlinkat", n) for n in range(1, 4)]])
def test_killed_in_the_middle(guest, call, n):
    """At each call that writes the journal, on the way there and on the way back."""
    guest.home.set(BACKGROUND, "picture-options", "'scaled'")
    before = guest.home.dconf()
    system = guest.system_agent()
    agent = guest.agent(wrapper=killed_at(call, n))
    for off in ALL, []:
        if agent.running:
            system.tell("SetEffects", "as", off)
            wait(lambda off=off: not agent.running or system.last() == set(off), 10)
    wait(lambda: not agent.running)
    agent = guest.agent(desktop="none")
    wait(lambda: agent.log("Registered") and not guest.home.journal.exists())
    assert guest.home.dconf() == before


def test_killed_between_journal_and_write(guest):
    guest.home.set(*ANIMATIONS, "true")
    before = guest.home.dconf()
    system = guest.system_agent()
    agent = guest.agent(wrapper=killed_at("fsync", 2))
    system.tell("SetEffects", "as", ["animation"])
    wait(lambda: not agent.running)
    assert guest.home.changes_of_journal() == [
        ["gnome", "animation", "changed", *ANIMATIONS, "true", "false"]]
    assert guest.home.dconf() == before     # not written yet
    guest.home.reset(*ANIMATIONS)           # and now he changes it
    guest.agent()
    wait(lambda: not guest.home.journal.exists())
    assert guest.home.dconf() == {}


# Several sessions of one user

def test_two_sessions(guest):
    """Who is last turns the light on."""
    guest.login1.add("s3")
    guest.home.set(BACKGROUND, "picture-options", "'scaled'")
    before = guest.home.dconf()
    system = guest.system_agent()
    guest.agent()
    other = guest.agent(session="s3")
    system.set_effects(*ALL, session="s2")
    system.set_effects("animation", "wallpaper", session="s3")
    assert len(guest.home.changes_of_journal()) == 3
    system.set_effects(session="s2")
    assert guest.home.dconf() == {path_of(*ANIMATIONS): "false", path_of(BACKGROUND, "picture-options"): "'none'"}
    system.set_effects("animation", session="s2")
    other.close()
    assert guest.home.dconf() == {**before, path_of(*ANIMATIONS): "false"}
    system.set_effects(session="s2")
    assert guest.home.dconf() == before


def test_one_of_two_sessions_crashes(guest):
    guest.login1.add("s3")
    system = guest.system_agent()
    one, other = guest.agent(), guest.agent(session="s3")
    system.set_effects("animation", "font-smooth", session="s2")
    system.set_effects("animation", session="s3")
    one.kill()
    again = guest.agent()
    wait(lambda: len([c for c in system.of("Register") if c[2] == "s2"]) == 2)
    wait(lambda: guest.home.dconf() == {path_of(*ANIMATIONS): "false"})
    # The one that is left holds no effect but is the one to restore them when the other crashes, too.
    other.kill()
    again.close()
    guest.agent()
    wait(lambda: guest.home.dconf() == {})


def test_many_sessions_at_once(guest):
    sessions = ["s1", "s2", "s3", "s4"]
    system = guest.system_agent()
    for session in sessions:
        guest.login1.add(session)
        guest.agent(session=session)
    wait(lambda: {c[2] for c in system.of("Register")} == set(sessions), 10)
    for off in ALL, [], ["animation"], []:
        for session in sessions:
            system.tell("SetEffects", "as", off, session)
        wait(lambda off=off: all(system.last(s) == set(off) for s in sessions), 15)
    assert guest.home.dconf() == {} and not guest.home.journal.exists()


# Journals that are none

HEADING = b"oVirt session agent: effects 1\n"
GOOD = "gnome\tanimation\tchanged\torg.gnome.desktop.interface\tenable-animations\t-\tfalse\n".encode()


def line(*fields):
    return "\t".join(fields).encode() + b"\n"


@pytest.mark.parametrize("content", [
    b"", b"\n", b"\0" * 4096, HEADING[:-1], HEADING.replace(b"1", b"2") + GOOD, b"x" * 70000,
    HEADING + GOOD * 5000], ids=range(7))
def test_damaged_journal(guest, content):
    guest.home.set(*ANIMATIONS, "false")
    guest.home.write(guest.home.journal, content)
    system = guest.system_agent()
    agent = guest.agent()
    system.set_effects("font-smooth")
    system.set_effects()
    assert guest.home.dconf() == {path_of(*ANIMATIONS): "false"}
    assert len(agent.log("damaged")) == 1
    assert (guest.home.state / "effects.journal.damaged").read_bytes() == content


@pytest.mark.parametrize("bad", [
    b"gnome\n", GOOD[:-1], GOOD.replace(b"\t-", b""), GOOD.replace(b"gnome", b"windows"),
    GOOD.replace(b"animation\t", b"smell\t"), GOOD.replace(b"changed", b"eaten"), GOOD.replace(b"false", b"fals"),
    GOOD.replace(b"false", b"<<false>>"), GOOD.replace(b"\t-", b"\t'yes'"), GOOD.replace(b"-\t", b"\xff\t"),
    GOOD.replace(b"enable-animations", b"enable\x01animations"), GOOD.replace(b"false", b"[" * 3000),
    GOOD.replace(b"-\t", b"'" + b"y" * 5000 + b"'\t"),
    # Well made, but nothing that an agent would have changed.
    line("gnome", "animation", "changed", "org.gnome.desktop.a11y.applications", "screen-reader-enabled", "true", "false"),
    line("gnome", "animation", "changed", "org.gnome.desktop.interface", "cursor-blink", "true", "false"),
    line("gnome", "wallpaper", "changed", BACKGROUND, "picture-options", "'zoom'", "'scaled'"),
    line("gnome", "wallpaper", "changed", "org.no.such", "key", "-", "true"),
    line("mate", "animation", "changed", *ANIMATIONS, "true", "false"),
    line("gnome", "wallpaper", "changed", *ANIMATIONS, "true", "false"),
], ids=range(19))
def test_bad_lines(guest, bad):
    """Cost that line."""
    guest.home.set(*ANIMATIONS, "false")
    guest.home.set("org.gnome.desktop.interface", "cursor-blink", "false")
    guest.home.set("org.gnome.desktop.a11y.applications", "screen-reader-enabled", "false")
    guest.home.set(BACKGROUND, "picture-options", "'scaled'")
    before = guest.home.dconf()
    good = line("gnome", "font-smooth", "changed", INTERFACE, "font-antialiasing", "'rgba'", "'none'")
    guest.home.set(INTERFACE, "font-antialiasing", "'none'")
    guest.home.write(guest.home.journal, HEADING + good + bad)
    guest.agent()
    wait(lambda: not guest.home.journal.exists())
    assert guest.home.dconf() == {**before, path_of(INTERFACE, "font-antialiasing"): "'rgba'"}


@pytest.mark.parametrize("bad", [
    ("wallpaper", "org.kde.plasmashell", "1", "'x\\'; evil(); \\''", "'org.kde.color'"),
    ("wallpaper", "org.kde.plasmashell", "1", "''", "'org.kde.color'"),
    ("wallpaper", "org.kde.plasmashell", "1", "-", "'org.kde.color'"),
    ("wallpaper", "org.kde.plasmashell", "1); evil(", "'org.kde.image'", "'org.kde.color'"),
    ("wallpaper", "org.kde.plasmashell", "1", "'org.kde.image'", "'evil'"),
    ("animation", "org.kde.plasmashell", "1", "'org.kde.image'", "'org.kde.color'"),
    ("animation", "org.kde.KWin", "active", "false", "false"),
    ("animation", "org.kde.KWin", "active", "false", "true"),
    ("animation", "org.kde.KWin", "active", "-", "false"),
    ("animation", "org.kde.KWin", "evil", "true", "false"),
    ("wallpaper", "org.kde.KWin", "active", "true", "false"),
    ("font-smooth", "kdeglobals", "General/evil", "'true'", "'false'"),
    ("font-smooth", "kdeglobals", "General/XftAntialias", "'true'", "'evil'"),
    ("animation", "kdeglobals", "General/XftAntialias", "'true'", "'false'"),
    ("font-smooth", "evil", "General/XftAntialias", "'true'", "'false'")], ids=range(15))
def test_bad_lines_of_kde(guest, bad):
    """Much of them would become a part of a script, or of a command."""
    effect, *others = bad
    guest.home.write(guest.home.journal, HEADING + line("kde", effect, "changed", *others))
    agent = guest.agent()
    wait(lambda: not guest.home.journal.exists())
    assert len(agent.log("none of ours")) == 1


def test_value_that_is_none(guest):
    """Of the right type, but not one of those that the schema knows."""
    guest.home.set(BACKGROUND, "picture-options", "'none'")
    guest.home.write(guest.home.journal, HEADING + line("gnome", "wallpaper", "changed", BACKGROUND, "picture-options",
                                                        "'cubist'", "'none'"))
    system = guest.system_agent()
    guest.agent()
    wait(lambda: system.last() == set())
    assert guest.home.get(BACKGROUND, "picture-options") == "'none'"


@pytest.mark.parametrize("kind", ["link", "directory", "fifo", "device"])
def test_journal_that_is_no_file(guest, kind):
    elsewhere = guest.home.path / "elsewhere"
    guest.home.write(elsewhere, HEADING + GOOD)
    guest.home.write(guest.home.state / "effects.lock", "")
    guest.home.run(*{"link": ["ln", "-s", elsewhere, guest.home.journal], "directory": ["mkdir", guest.home.journal],
                     "fifo": ["mkfifo", guest.home.journal], "device": ["ln", "-s", "/dev/zero", guest.home.journal]}[kind])
    guest.home.set(*ANIMATIONS, "false")
    system = guest.system_agent()
    guest.agent()
    system.set_effects("font-smooth")
    system.set_effects()
    assert guest.home.dconf() == {path_of(*ANIMATIONS): "false"}
    assert elsewhere.read_bytes() == HEADING + GOOD


@pytest.mark.parametrize("call", ["openat", "fsync", "renameat"])
def test_journal_that_cannot_be_written(guest, call):
    """As on a full disk: nothing is changed that could not be given back."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    system = guest.system_agent()
    path = guest.home.state / "effects.journal.new" if call == "openat" else ""
    guest.home.write(guest.home.state / "effects.lock", "")
    agent = guest.agent(wrapper=["strace", "-D", "-f", "-qq", "-o", "/dev/null", *(["-P", path.name] if path else []),
                                 "-e", f"trace={call}", "-e", f"inject={call}:error=ENOSPC"])
    assert system.tell("SetEffects", "as", ALL).wait() is None
    wait(lambda: agent.log("cannot be kept what the user has: No space left"))
    wait_while(lambda: system.last() == set() and guest.home.dconf() == {}, 1)
    assert not guest.home.journal.exists()
    agent.kill()        # the sanitizers cannot look for leaks in what strace holds


def test_home_that_cannot_be_written(guest):
    """Without a journal nothing is changed."""
    guest.home.write(guest.home.path / "state", "a file where the directory would be")
    system = guest.system_agent()
    agent = guest.agent()
    assert system.tell("SetEffects", "as", ALL).wait() is None
    wait(lambda: agent.log("cannot be used"))
    wait_while(lambda: system.last() == set() and guest.home.dconf() == {}, 1)
    assert len(agent.log("cannot be used")) == 1
