# SPDX-License-Identifier: Apache-2.0
"""The session agent's part in locking a session and ending it, with the desktops' faces on the user's bus played."""

import time

import pytest
from gi.repository import GLib

from rig.desktop import Peer, SessionManager, wait, wait_while
from rig.pace import INSTRUMENTED, scaled
from rig.user_session import Guest, registered

NOT_SUPPORTED = "org.freedesktop.DBus.Error.NotSupported"
FAILED = "org.freedesktop.DBus.Error.Failed"
LOCKERS = {
    "gnome": {"name": "org.gnome.Shell.ScreenShield", "interface": "org.gnome.ScreenSaver"},
    "old gnome": {"name": "org.gnome.ScreenSaver"},
    "mate": {"name": "org.mate.ScreenSaver"},
    "cinnamon": {"name": "org.cinnamon.ScreenSaver", "signature": "s"},
    "xfce": {"name": "org.xfce.ScreenSaver"},
    "kde": {"name": "org.freedesktop.ScreenSaver"},
}


@pytest.fixture
def guest(directory, party):
    return Guest(directory, party)


def locker_found(system, agent):
    """What was there before is found before, unless everything takes its time."""
    registered(agent)
    assert INSTRUMENTED or len(system.of("Register")) == 1
    wait(lambda: system.offer["lock"] and system.states, what="the state of the locker")


# Lock

@pytest.mark.parametrize("desktop", LOCKERS)
def test_lock_of_each_desktop(guest, desktop):
    system = guest.system_agent()
    locker = guest.locker(**LOCKERS[desktop])
    locker_found(system, guest.agent())
    assert system.states == [{"locked": False}]
    assert system.ask("Lock").wait() is None
    assert locker.locks == [("",) if "signature" in LOCKERS[desktop] else ()]
    wait(lambda: system.states[-1] == {"locked": True}, 0.5)
    locker.set_active(False)
    wait(lambda: system.states[-1] == {"locked": False}, 0.5)
    assert len(system.states) == 3


def test_locked_from_the_beginning(guest):
    system = guest.system_agent()
    guest.locker(active=True)
    guest.agent()
    wait(lambda: system.states == [{"locked": True}])


def test_name_that_is_no_locker(guest):
    """As GNOME's org.freedesktop.ScreenSaver, which only inhibits."""
    system = guest.system_agent()
    inhibitor = guest.keep(Peer(guest.session_bus))
    inhibitor.own("org.freedesktop.ScreenSaver")
    agent = guest.agent()
    registered(agent)
    assert system.offer["lock"] is False
    assert system.ask("Lock").wait() == NOT_SUPPORTED
    # The real one beside it is the one that counts.
    guest.locker(name="org.gnome.ScreenSaver")
    wait(lambda: system.offer["lock"])
    assert system.ask("Lock").wait() is None


def test_desktop_of_another_session(guest):
    """All sessions of a user may have one bus."""
    guest.login1.add("s3")
    system = guest.system_agent()
    guest.login1.case = "s3"
    there = guest.locker(active=True), guest.keep(SessionManager(guest.session_bus, **MANAGERS["gnome"]))
    registered(guest.agent())
    assert (system.offer["lock"], system.offer["logout"], system.states) == (False, False, [])
    assert system.ask("Lock").wait() == system.ask("Logout").wait() == NOT_SUPPORTED
    assert there[0].locks == there[1].logouts == []
    guest.login1.case = "s2"
    guest.locker(name="org.xfce.ScreenSaver")
    wait(lambda: system.states == [{"locked": False}])
    assert system.ask("Lock").wait() is None
    assert there[0].locks == []


def test_lock_screen_that_signs_on(guest):
    """GNOME's shell does, and tells by its name; the helper that is there before it is nobody's word on that."""
    system = guest.system_agent()
    guest.locker(name="org.gnome.ScreenSaver")
    agent = guest.agent()
    locker_found(system, agent)
    assert system.offer["sign-on"] is False
    shell = guest.locker(**LOCKERS["gnome"])
    wait(lambda: system.offer["sign-on"])
    assert system.offer["lock"] is True
    shell.close()
    wait(lambda: not system.offer["sign-on"])
    assert system.offer["lock"] is True


def test_any_of_two_lockers(guest):
    system = guest.system_agent()
    one, other = guest.locker(**LOCKERS["kde"]), guest.locker(**LOCKERS["mate"])
    agent = guest.agent()
    locker_found(system, agent)
    one.set_active(True)
    wait(lambda: system.states[-1] == {"locked": True})
    other.set_active(True)
    one.set_active(False)
    wait_while(lambda: system.states[-1] == {"locked": True}, 0.5)
    other.set_active(False)
    wait(lambda: system.states[-1] == {"locked": False})


def test_locker_that_comes_late_goes_and_returns(guest):
    system = guest.system_agent()
    agent = guest.agent()
    registered(agent)
    locker = guest.locker(active=True)
    wait(lambda: system.states == [{"locked": True}])
    assert [c[0] for c in system.calls] == ["Register", "Unregister", "Register", "Report"]
    locker.close()      # it has crashed: nobody knows whether the session is locked
    wait(lambda: len(system.of("Register")) == 3)
    assert system.offer["lock"] is False
    assert system.ask("Lock").wait() == NOT_SUPPORTED
    assert system.states == [{"locked": True}]
    guest.locker()
    wait(lambda: system.states == [{"locked": True}, {"locked": False}])
    assert len(agent.log()) == 1


def test_lock_that_never_answers(guest):
    """GNOME's, where the administrator has forbidden it."""
    system = guest.system_agent()
    locker = guest.locker(**LOCKERS["gnome"], how="never")
    manager = guest.keep(SessionManager(guest.session_bus, **MANAGERS["gnome"]))
    agent = guest.agent()
    locker_found(system, agent)
    lock = system.ask("Lock")
    wait(lambda: locker.locks)
    assert system.ask("Logout").wait(1) is None     # it listens all the while
    assert manager.logouts
    assert lock.wait(6) == FAILED
    assert 3.5 < lock.seconds < scaled(4.9)     # less than the system agent waits
    assert system.states == [{"locked": False}]


def test_lock_without_a_word(guest):
    """MATE's and Xfce's."""
    system = guest.system_agent()
    locker = guest.locker(how="silent")
    locker_found(system, guest.agent())
    assert system.ask("Lock").wait(2) is None
    assert system.ask("Lock").wait(2) is None   # it may only be dark
    wait(lambda: len(locker.locks) == 2)


def test_lock_that_is_refused(guest):
    system = guest.system_agent()
    guest.locker(how="refuses")
    locker_found(system, guest.agent())
    assert system.ask("Lock").wait() == FAILED


def test_locker_that_dies_of_it(guest):
    system = guest.system_agent()
    locker = guest.locker(how="never")
    locker_found(system, guest.agent())
    lock = system.ask("Lock")
    wait(lambda: locker.locks)
    locker.close()
    assert lock.wait() == FAILED


def test_burst_becomes_a_few_reports(guest):
    system = guest.system_agent()
    locker = guest.locker()
    agent = guest.agent()
    locker_found(system, agent)
    before = len(system.calls)
    for i in range(1, 102):
        locker.set_active(i % 2 == 1)
    wait_while(lambda: len(system.calls) - before <= scaled(4), 1)
    assert system.states[-1] == {"locked": True}
    # What comes for long comes at a bounded rate.
    before, start = len(system.calls), time.monotonic()

    def flicker():
        locker.set_active(not locker.active)
        return time.monotonic() - start > 2
    wait(flicker, 4)
    assert 3 <= len(system.calls) - before <= 10


def test_nonsense_of_a_locker(guest):
    system = guest.system_agent()
    locker = guest.locker()
    agent = guest.agent()
    locker_found(system, agent)
    for value in (GLib.Variant("(s)", ("locked",)), GLib.Variant("(bb)", (True, True)), None):
        locker.emit(locker.path, locker.interface, "ActiveChanged", value)
    # Somebody else on the bus says so, to everybody and to us alone.
    other = guest.keep(Peer(guest.session_bus))
    other.emit(locker.path, locker.interface, "ActiveChanged", GLib.Variant("(b)", (True,)))
    wait_while(lambda: system.states == [{"locked": False}] and agent.running, 0.7)


# Log-off

MANAGERS = {
    "gnome": {"name": "org.gnome.SessionManager", "path": "/org/gnome/SessionManager",
              "interface": "org.gnome.SessionManager", "method": "Logout", "signature": "u"},
    "xfce": {"name": "org.xfce.SessionManager", "path": "/org/xfce/SessionManager",
             "interface": "org.xfce.Session.Manager", "method": "Logout", "signature": "bb"},
    "kde": {"name": "org.kde.Shutdown", "path": "/Shutdown", "interface": "org.kde.Shutdown", "method": "logout",
            "signature": "", "also": ["org.kde.plasmashell"]},
}


@pytest.mark.parametrize("desktop, arguments", [("gnome", (1,)), ("xfce", (False, False)), ("kde", ())])
def test_logout_of_each_desktop(guest, desktop, arguments):
    system = guest.system_agent()
    manager = guest.keep(SessionManager(guest.session_bus, **MANAGERS[desktop]))
    registered(guest.agent())
    assert INSTRUMENTED or len(system.of("Register")) == 1
    wait(lambda: system.offer["logout"], what="the session manager to be found")
    assert system.ask("Logout").wait() is None
    assert manager.logouts == [arguments]


def test_logout_without_a_manager(guest):
    system = guest.system_agent()
    registered(guest.agent())
    assert system.offer["logout"] is False
    assert system.ask("Logout").wait() == NOT_SUPPORTED
