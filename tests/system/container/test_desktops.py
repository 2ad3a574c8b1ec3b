# SPDX-License-Identifier: Apache-2.0
"""Real desktops and lockers, below real sessions: locked and unlocked by the host and by their person.

Where a desktop shows how it asks for the password, the password is typed."""
import contextlib
import json
import re
import time

import pytest
from helpers import AT_ONCE, journal, until, write_file
from logins import Login, as_user, expected_errors, session_ids, silent, tells

pytestmark = [pytest.mark.usefixtures("clean_journal", "clean_seat"), pytest.mark.desktop]

AGENT = "/usr/libexec/ovirt-session-agent"
PASSWORD = "secret"


@pytest.fixture(scope="module")
def flavour():
    return "desktop"


@pytest.fixture(scope="module")
def nspawn_arguments():
    """i3lock keeps the password out of swap, or gives up."""
    return ["--capability=CAP_IPC_LOCK"]


@pytest.fixture
def clean_seat(guest, host):
    assert session_ids(guest) == []
    host.collect(0.1)


class Desktop(Login):
    """A session in which somebody has a desktop."""

    def wait_locker(self, within=20):
        """Its agent has found the desktop's locker."""
        return until(lambda: (p := self.picture()).get("Offer", {}).get("lock", {}).get("data") and p, within,
                     "the desktop's locker")

    def user_calls(self, *arguments):
        """Asks the desktop. Some answer only when they are locked, or never."""
        as_user(self.guest, self.user, "busctl", "--user", "--expect-reply=no", "call", *arguments)

    @property
    def display(self):
        return self.guest.run("cat", f"/run/user/{self.guest.run('id', '-u', self.user).strip()}/display-{self.id}").strip()

    def type(self, text):
        """At the keyboard."""
        self.guest.run("xdotool", "type", "--delay", "20", text, env={"DISPLAY": self.display})
        self.guest.run("xdotool", "key", "Return", env={"DISPLAY": self.display})


def on_x(*command):
    """A session's command: an agent, as autostart folders start it, and @command."""
    return ("bed-x-session", "sh", "-c", f"{AGENT} & exec {' '.join(command)}")


@pytest.fixture
def login1_log(guest):
    """All that the login manager says: a function that lists the signals so far."""
    guest.run("systemd-run", "-q", "--unit", "listen", "--collect", "sh", "-c",
              "exec busctl --json=short monitor org.freedesktop.login1 >/run/login1")
    until(lambda: "monitor" in guest.run("pgrep", "-a", "busctl", check=False), 5, "the listener")
    yield lambda: [m for m in map(json.loads, guest.run("cat", "/run/login1").splitlines()) if m["type"] == "signal"]
    guest.run("systemctl", "stop", "listen")


def when_hinted(signals, login):
    """When the login manager last said that the session is locked; seconds of the wall clock."""
    times = [m["timestamp-realtime"] / 1e6 for m in signals if m.get("path") == login.login1_path and
             m.get("member") == "PropertiesChanged" and m["payload"]["data"][1].get("LockedHint", {}).get("data")]
    return times[-1]


def when_told(host, name):
    """When the last such message came; seconds of the wall clock."""
    return time.time() - (host.now - host.time_of(name))


# --- GNOME: gnome-session below the user's service manager, gnome-shell on Wayland without a screen

@pytest.fixture(scope="module")
def gnome(guest):
    """gnome-shell without a graphics card, and gdm: the shell locks only where there is one to come back to."""
    write_file(guest, "/etc/systemd/user/org.gnome.Shell@wayland.service.d/bed.conf",
               "[Service]\nExecStart=\nExecStart=/usr/bin/gnome-shell --headless --virtual-monitor 1024x768\n")
    guest.run("systemctl", "start", "gdm3")


@contextlib.contextmanager
def gnome_session(guest):
    with Desktop(guest, "alice", "gnome-session", type="wayland", XDG_SESSION_DESKTOP="gnome",
                 XDG_CURRENT_DESKTOP="GNOME") as desktop:
        offer = desktop.wait_locker(60)["Offer"]
        assert offer["desktop"]["data"] == "GNOME" and offer["sign-on"]["data"] is True
        yield desktop


def test_gnome(guest, host, gnome, login1_log):
    shell = ("org.gnome.ScreenSaver", "/org/gnome/ScreenSaver", "org.gnome.ScreenSaver")
    with gnome_session(guest) as desktop:
        # By its unit, though gnome-session reads the autostart folder too.
        [pid] = guest.run("pgrep", "-u", "alice", "-f", AGENT).split()
        assert "ovirt-session-agent.service" in guest.run("cat", f"/proc/{pid}/cgroup")
        host.collect(1)
        for how in "host", "person", "host":
            with tells(host, "session-lock", within=3):
                if how == "host":
                    host.send("lock-screen")
                else:
                    desktop.user_calls(*shell, "Lock")
            late = when_told(host, "session-lock") - when_hinted(login1_log(), desktop)
            print(f"GNOME, locked by the {how}: told {late * 1000:.0f} ms after the hint")
            assert late < 0.5
            picture = desktop.picture()
            assert (picture["LockedHint"], picture["LockedDesktop"], picture["Locked"]) == (True, "yes", True)
            with tells(host, "session-unlock", within=3):
                guest.run("loginctl", "unlock-session", desktop.id)
        with tells(host, "session-logoff", "active-user None", within=10):
            host.send("log-off")
        assert "does not end by itself" not in journal(guest)


# --- MATE: its own session manager reads the autostart folder

def test_mate(guest, host):
    screensaver = ("org.mate.ScreenSaver", "/org/mate/ScreenSaver", "org.mate.ScreenSaver")
    with Desktop(guest, "bob", "bed-x-session", "mate-session", XDG_CURRENT_DESKTOP="MATE") as desktop:
        desktop.wait_locker()
        [pid] = guest.run("pgrep", "-u", "bob", "-f", AGENT).split()
        assert f"session-{desktop.id}.scope" in guest.run("cat", f"/proc/{pid}/cgroup")
        host.collect(1)
        for how in "host", "person":
            with tells(host, "session-lock", within=3):
                if how == "host":
                    host.send("lock-screen")
                else:
                    desktop.user_calls(*screensaver, "Lock")
            picture = desktop.picture()
            assert (picture["LockedHint"], picture["LockedDesktop"]) == (False, "yes")
            with tells(host, "session-unlock"):
                desktop.user_calls(*screensaver, "SetActive", "b", "false")
        with tells(host, "session-logoff", "active-user None", within=10):
            host.send("log-off")
        assert "does not end by itself" not in journal(guest)


# --- Cinnamon: its locker alone

@pytest.mark.parametrize("how", ["host", "person"])
def test_cinnamon(guest, host, how):
    """Without Cinnamon's window manager the locker freezes when it has locked; killing it unlocks."""
    screensaver = ("org.cinnamon.ScreenSaver", "/org/cinnamon/ScreenSaver", "org.cinnamon.ScreenSaver")
    with Desktop(guest, "carol", "bed-x-session", "sh", "-c", f"{AGENT} & cinnamon-screensaver; sleep infinity",
                 XDG_CURRENT_DESKTOP="X-Cinnamon") as desktop:
        desktop.wait_locker()
        host.collect(1)
        with tells(host, "session-lock", within=4):
            if how == "host":
                host.send("lock-screen")
            else:
                desktop.user_calls(*screensaver, "Lock", "s", "")
        picture = desktop.picture()
        assert (picture["LockedHint"], picture["LockedDesktop"]) == (False, "yes")
        with tells(host, "session-unlock"):
            guest.run("pkill", "-KILL", "-u", "carol", "-x", "cinnamon-screen")


INHIBITOR = """imports.gi.Gio.DBus.session.call_sync("org.gnome.SessionManager", "/org/gnome/SessionManager",
    "org.gnome.SessionManager", "Inhibit", new imports.gi.GLib.Variant("(susu)", ["editor", 0, "not saved", 1]), null, 0, -1,
    null); print("inhibits"); new imports.gi.GLib.MainLoop(null, false).run()"""


@pytest.mark.parametrize("prompt", [False, True], ids=["at-once", "prompt"])
def test_cinnamon_log_off(guest, host, prompt):
    """By its session manager, which asks the user only if a program has something that is not saved: for 8 s."""
    write_file(guest, "/usr/share/cinnamon-session/sessions/bed.session",
               "[Cinnamon Session]\nName=bed\nDesktopName=X-Cinnamon\nRequiredComponents=org.cinnamon.ScreenSaver;\n")
    with Desktop(guest, "carol", "bed-x-session", "cinnamon-session", "--session", "bed") as desktop:
        offer = until(lambda: (o := desktop.picture().get("Offer", {})).get("logout", {}).get("data") and o, 40,
                      "its session manager to be found")
        assert offer["desktop"]["data"] == "X-Cinnamon"
        if prompt:
            bus = f"/run/user/{guest.run('id', '-u', 'carol').strip()}/bus"
            guest.run("systemd-run", "-q", "--unit", "inhibitor", "--collect", "-p", "User=carol", "-E",
                      f"DBUS_SESSION_BUS_ADDRESS=unix:path={bus}", "gjs", "-c", INHIBITOR)
            until(lambda: "inhibits" in guest.run("journalctl", "-q", "-o", "cat", "-u", "inhibitor"), 10, "an inhibitor")
        host.collect(1)
        begin = host.now
        with tells(host, "session-logoff", "active-user None", within=12):
            host.send("log-off")
        forced = f"Session {desktop.id} of user carol does not end by itself" in journal(guest)
        assert (forced, host.time_of("session-logoff") - begin > 7) == (prompt, prompt)
    guest.run("systemctl", "stop", "inhibitor", check=False)


# --- Xfce: its session manager, which reads the autostart folder; its locker is not part of Debian 12

def test_xfce_log_off(guest, host):
    """It refuses while it starts, and asks nobody when it has."""
    with Desktop(guest, "alice", "bed-x-session", "xfce4-session", XDG_CURRENT_DESKTOP="XFCE") as desktop:
        until(lambda: desktop.picture().get("Offer", {}).get("logout", {}).get("data"), 60, "its session manager to be found")
        host.collect(1)
        with tells(host, "session-logoff", "active-user None", within=8):
            host.send("log-off")
        assert f"session {desktop.id} of user alice does not end by itself".lower() not in journal(guest).lower()


# --- KDE: kwin_wayland without a screen, which is the locker too; what asks for the password is a program of its own

@pytest.fixture(scope="module")
def kwin(guest):
    """Without the capability that its file has: a container has it not to give."""
    guest.run("setcap", "-r", "/usr/bin/kwin_wayland")


def kde(guest, user, environment=""):
    return Desktop(guest, user, "sh", "-c", f"{AGENT} & exec env KWIN_COMPOSE=Q {environment} kwin_wayland --virtual",
                   type="wayland", XDG_CURRENT_DESKTOP="KDE")


def prompts(guest):
    return guest.run("pgrep", "-x", "kscreenlocker_g", check=False).split()


def test_kde(guest, host, kwin, login1_log):
    screensaver = ("org.freedesktop.ScreenSaver", "/org/freedesktop/ScreenSaver", "org.freedesktop.ScreenSaver")
    with kde(guest, "bob") as desktop:
        assert desktop.wait_locker()["Offer"]["sign-on"]["data"] is False
        host.collect(1)
        for how in "host", "person", "host":
            begin = time.time()
            with tells(host, "session-lock", within=5):
                if how == "host":
                    host.send("lock-screen")
                else:
                    desktop.user_calls(*screensaver, "Lock")
            late = when_told(host, "session-lock") - when_hinted(login1_log(), desktop)
            print(f"KDE, locked by the {how}: told {late * 1000:.0f} ms after the hint, "
                  f"{(when_told(host, 'session-lock') - begin) * 1000:.0f} ms after it was asked")
            assert late < 0.5
            picture = desktop.picture()
            assert (picture["LockedHint"], picture["LockedDesktop"], picture["Locked"]) == (True, "yes", True)
            assert prompts(guest)
            with tells(host, "session-unlock", within=3):
                guest.run("loginctl", "unlock-session", desktop.id)
            assert desktop.picture()["LockedDesktop"] == "no"


def test_kde_whose_prompt_crashes(guest, host, kwin):
    """It is started again a few times, and then given up; the session is locked all the while."""
    with kde(guest, "alice") as desktop:
        desktop.wait_locker()
        host.collect(1)
        with tells(host, "session-lock", within=5):
            host.send("lock-screen")
        with silent(host, 3):
            assert prompts(guest)
            guest.run("pkill", "-SEGV", "-x", "kscreenlocker_g")
        picture = desktop.picture()
        assert (picture["LockedHint"], picture["LockedDesktop"], picture["Locked"]) == (True, "yes", True)
        with tells(host, "session-unlock", within=3):
            guest.run("loginctl", "unlock-session", desktop.id)


def test_kde_by_the_session_agent(guest, host, kwin):
    """It does not hear the login manager: after 2 s the other means is tried."""
    with kde(guest, "carol", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere") as desktop:
        desktop.wait_locker()
        host.collect(1)
        with tells(host, "session-lock", within=6):
            host.send("lock-screen")
        picture = desktop.picture()
        assert (picture["LockedHint"], picture["LockedDesktop"]) == (False, "yes")
        # Its end is the session's.
        with tells(host, "session-unlock", "session-logoff", "active-user None", within=3):
            guest.run("pkill", "-KILL", "-u", "carol", "-x", "kwin_wayland")


# --- xss-lock with i3lock, which nobody sees on the bus

def test_xss_lock(guest, host, login1_log):
    with Desktop(guest, "alice", *on_x("xss-lock -- i3lock -n"), XDG_CURRENT_DESKTOP="i3") as desktop:
        desktop.wait_agent()
        host.collect(1)
        for how in "host", "person":
            with tells(host, "session-lock", within=3):
                if how == "host":
                    host.send("lock-screen")
                else:
                    as_user(guest, "alice", "loginctl", "lock-session", desktop.id)
            late = when_told(host, "session-lock") - when_hinted(login1_log(), desktop)
            print(f"xss-lock, locked by the {how}: told {late * 1000:.0f} ms after the hint")
            assert late < 0.5
            picture = desktop.picture()
            assert (picture["LockedHint"], picture["LockedDesktop"]) == (True, "unknown")
            until(lambda: guest.run("pgrep", "-x", "i3lock", check=False), 3, "i3lock")
            if how == "host":
                with silent(host):
                    desktop.type("wrong")
            with tells(host, "session-unlock", within=8):
                until(lambda: desktop.type(PASSWORD) or not guest.run("pgrep", "-x", "i3lock", check=False), 8, "unlock")


def test_xss_lock_with_a_broken_locker(guest, host):
    """It says "locked" and takes it back: the host does not hear of it."""
    with Desktop(guest, "alice", *on_x("xss-lock -- false")) as desktop:
        desktop.wait_agent()
        host.collect(1)
        with expected_errors(guest, f"Session {desktop.id} of user alice does not lock"), silent(host, 6):
            host.send("lock-screen")


# --- light-locker below lightdm: the lock is lightdm's greeter, a session of its own

@pytest.fixture
def lightdm(guest):
    """lightdm with displays in memory; it logs bob in, whose desktop is light-locker."""
    # No virtual terminals, no graphics card, and nothing that would need one.
    write_file(guest, "/etc/lightdm/lightdm.conf",
               "[LightDM]\nlogind-check-graphical=false\n[Seat:*]\nxserver-command=/usr/local/bin/bed-xvfb-as-x\n"
               "autologin-user=bob\nuser-session=bed\nsession-wrapper=/usr/bin/env\n")
    write_file(guest, "/etc/default/locale", "XDG_VTNR=0\n")
    write_file(guest, "/usr/share/xsessions/bed.desktop",
               "[Desktop Entry]\nType=Application\nName=bed\nExec=/usr/local/bin/bed-light-locker\n")
    write_file(guest, "/usr/local/bin/bed-light-locker", f"#!/bin/sh\n{AGENT} &\nexec light-locker\n")
    guest.run("chmod", "755", "/usr/local/bin/bed-light-locker")
    guest.run("systemctl", "stop", "gdm3")
    guest.run("systemctl", "unmask", "display-manager")
    guest.run("systemctl", "start", "lightdm")
    yield
    guest.run("systemctl", "stop", "lightdm")
    guest.run("rm", "/etc/default/locale")
    until(lambda: session_ids(guest) == [], 10, "the end of all sessions")


def test_light_locker(guest, host, lightdm):
    host.expect("active-user", name="bob", within=10)
    [id] = session_ids(guest)
    bob = Desktop(guest, "bob")
    bob.id = id
    bob.wait_locker()
    host.collect(1)
    with tells(host, "session-lock", within=8):
        host.send("lock-screen")
    picture = bob.picture()
    assert (picture["Active"], picture["LockedHint"], picture["Locked"]) == (False, False, True)
    greeter = until(lambda: [i for i in session_ids(guest) if i != id], 5, "a greeter")
    assert guest.run("loginctl", "show-session", "-p", "Class", "--value", *greeter).strip() == "greeter"
    with tells(host, "session-unlock", within=8):
        until(lambda: greeter_asks(guest), 10, "a question of the greeter's")
        until(lambda: answer_greeter(guest, id), 30, "bob's session")


def answer_greeter(guest, session):
    """One step towards bob's session, and whether it was the last. What is typed while the greeter draws may get lost."""
    if greeter_asks(guest) != "bob":
        at_greeter(guest, "bob")
        soon(lambda: greeter_asks(guest) == "bob", 6)
        return False
    at_greeter(guest, PASSWORD)
    return soon(lambda: guest.run("loginctl", "show-session", "-p", "Active", "--value", session).strip() == "yes", 6)


def greeter_asks(guest):
    """The user whose password is asked for, or "user"; None while nothing is."""
    begun = re.findall(r"Greeter start authentication(?: for (\S+))?\n(?=(?:.*\n)*.*Prompt greeter)",
                       guest.run("cat", "/var/log/lightdm/lightdm.log"))
    return (begun[-1] or "user") if begun else None


def soon(condition, within):
    """Whether it becomes true in time."""
    deadline = time.monotonic() + within
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value


def at_greeter(guest, text):
    display = {"DISPLAY": ":1", "XAUTHORITY": "/run/lightdm/root/:1"}
    guest.run("xdotool", "search", "--sync", "--onlyvisible", "--class", "lightdm", env=display)
    guest.run("xdotool", "type", "--delay", "30", text, env=display)
    # Whose display may go with it.
    guest.run("xdotool", "key", "Return", env=display, check=False)


# --- sway with swayidle, which tells nobody

SWAY = {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1"}
HINT = ("busctl call org.freedesktop.login1 /org/freedesktop/login1/session/auto org.freedesktop.login1.Session "
        "SetLockedHint b")


def sway(guest, lock):
    write_file(guest, "/home/carol/sway", f"exec {AGENT}\nexec swayidle -w lock '{lock}'\n")
    return Desktop(guest, "carol", "env", *(f"{k}={v}" for k, v in SWAY.items()), "sway", "-c", "/home/carol/sway",
                   type="wayland", XDG_CURRENT_DESKTOP="sway")


def test_swayidle(guest, host):
    """Locked it is, but how should we know? The journal says what is the matter."""
    with sway(guest, "swaylock -f") as desktop:
        desktop.wait_agent(10)
        until(lambda: guest.run("pgrep", "-x", "swayidle", check=False), 5, "swayidle")
        host.collect(1)
        with expected_errors(guest, f"Session {desktop.id} of user carol does not lock"), silent(host, 6):
            host.send("lock-screen")
        assert guest.run("pgrep", "-x", "swaylock").strip()


def test_swayidle_that_tells_the_login_manager(guest, host):
    """As docs/sessions.md says."""
    with sway(guest, f"{HINT} true; swaylock; {HINT} false") as desktop:
        desktop.wait_agent(10)
        until(lambda: guest.run("pgrep", "-x", "swayidle", check=False), 5, "swayidle")
        host.collect(1)
        with tells(host, "session-lock", within=3):
            host.send("lock-screen")
        until(lambda: guest.run("pgrep", "-x", "swaylock", check=False), 3, "swaylock")
        with tells(host, "session-unlock", within=AT_ONCE):
            guest.run("pkill", "-USR1", "-x", "swaylock")
