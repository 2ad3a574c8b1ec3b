# SPDX-License-Identifier: Apache-2.0
"""What the host is told of sessions and may do with them, with sessions of real PAM and logind."""
import contextlib
import json

import helpers
import pytest
from helpers import AT_ONCE, journal, until, write_file
from logins import Login, as_user, expected_errors, session_ids, silent, tells

pytestmark = pytest.mark.usefixtures("clean_journal", "clean_seat")


@pytest.fixture
def clean_seat(guest, host):
    """Nobody is there when a test begins, and the host knows."""
    assert session_ids(guest) == []
    host.collect(0.1)


# --- who is there

def test_log_in_and_out(guest, host):
    with tells(host, "active-user alice", "session-logon"):
        login = Login(guest, "alice").__enter__()
    with tells(host, "session-logoff", "active-user None"):
        login.log_out()


@pytest.mark.parametrize("kind", ["x11", "wayland", "tty"])
def test_lock_and_unlock_by_the_user(guest, host, kind):
    with Login(guest, "alice", type=kind) as login:
        host.expect("session-logon", within=AT_ONCE)
        with tells(host, "session-lock"):
            login.hint(True)
        assert login.picture()["Locked"] is True
        with tells(host, "session-unlock"):
            login.hint(False)
        host.skip()


def test_lock_that_is_taken_back(guest, host):
    """xss-lock says so when its locker fails."""
    with Login(guest, "alice") as login:
        host.expect("session-logon", within=AT_ONCE)
        with silent(host):
            call = f"busctl call org.freedesktop.login1 {login.login1_path} org.freedesktop.login1.Session SetLockedHint b"
            guest.run("sh", "-c", f"{call} true; {call} false")


def test_switch_of_users(guest, host):
    with Login(guest, "alice") as alice:
        host.expect("session-logon", within=AT_ONCE)
        with tells(host, "session-lock"):
            alice.hint(True)
        with tells(host, "active-user bob", "session-unlock"):
            bob = Login(guest, "bob").__enter__()
        with tells(host, "active-user alice", "session-lock"):
            alice.activate()
        with tells(host, "active-user bob", "session-unlock"):
            bob.activate()
        with silent(host):
            alice.hint(False)               # nobody looks at it
        with tells(host, "active-user alice", "session-unlock"):
            bob.log_out()
        with tells(host, "session-logoff", "active-user None"):
            alice.log_out()


def test_two_sessions_of_one_user(guest, host):
    with Login(guest, "alice", name="one") as one:
        host.expect("session-logon", within=AT_ONCE)
        with tells(host, "session-lock"):
            one.hint(True)
        with tells(host, "session-unlock"):
            two = Login(guest, "alice", name="two").__enter__()
        with tells(host, "session-lock"):
            one.activate()
        with silent(host):
            two.log_out()
        with tells(host, "session-logoff", "active-user None"):
            one.log_out()


@pytest.mark.parametrize("locked", [True, False])
def test_login_screen_before_a_session(guest, host, locked):
    """Who is not there any more stays the user; the screen is as good as locked."""
    with Login(guest, "alice") as alice:
        host.expect("session-logon", within=AT_ONCE)
        if locked:
            with tells(host, "session-lock"):
                alice.hint(True)
        with tells(host, *([] if locked else ["session-lock"])):
            greeter = Login(guest, "greeter", klass="greeter").__enter__()
        with tells(host, *([] if locked else ["session-unlock"])):
            alice.activate()
        greeter.log_out()


def test_login_screen_alone(guest, host):
    with silent(host):
        greeter = Login(guest, "greeter", klass="greeter").__enter__()
    with tells(host, "active-user None", "session-logoff", within=3):
        host.send("refresh")
    with tells(host, "session-logoff"):
        host.send("lock-screen")
    greeter.log_out()


@pytest.mark.parametrize("options", [{"seat": None, "type": "tty", "rhost": "192.0.2.1"},
                                     {"seat": None, "type": "x11", "rhost": "192.0.2.1"}], ids=["ssh", "rdp"])
def test_remote_session(guest, host, options):
    with silent(host):
        login = Login(guest, "alice", **options).__enter__()
    assert login.picture()["Remote"] is True
    with silent(host):
        login.hint(True)
    with tells(host, "session-logoff"):
        host.send("lock-screen")
    with silent(host):
        host.send("log-off")
    assert login.id in session_ids(guest)
    login.log_out()


@pytest.fixture
def second_seat(guest):
    """A device that udev says is another seat's screen: there is no udev in a container, but what it writes."""
    guest.run("mkdir", "-p", "/run/udev/data")
    write_file(guest, "/run/udev/data/c1:3", "I:1\nE:ID_SEAT=seat1\nG:seat\nG:master-of-seat\nQ:seat\nQ:master-of-seat\nV:1\n")
    tags = [f"/run/udev/tags/{tag}" for tag in ("seat", "master-of-seat")]
    guest.run("mkdir", "-p", *tags)
    guest.run("touch", *(f"{tag}/c1:3" for tag in tags))
    guest.run("systemctl", "restart", "systemd-logind")
    until(lambda: "seat1" in guest.run("loginctl", "list-seats", "--no-legend"), 5, "a second seat")
    yield "seat1"
    guest.run("rm", "-r", "/run/udev/data/c1:3", *tags)
    guest.run("systemctl", "restart", "systemd-logind")
    until(lambda: "seat1" not in guest.run("loginctl", "list-seats", "--no-legend"), 5, "one seat")


def test_second_seat(guest, host, second_seat):
    host.collect(0.5)
    with silent(host):
        bob = Login(guest, "bob", seat=second_seat).__enter__()
    assert (bob.picture()["Seat"], bob.picture()["Active"]) == ("seat1", True)
    with tells(host, "active-user alice", "session-logon"):
        alice = Login(guest, "alice").__enter__()
    with silent(host):
        bob.hint(True)
    with tells(host, "session-logoff", "active-user None"):
        host.send("log-off")
    assert session_ids(guest) == [bob.id]
    bob.log_out()
    alice.log_out()


def test_crash_of_the_login_program(guest, host):
    with Login(guest, "alice") as login:
        host.expect("session-logon", within=AT_ONCE)
        with tells(host, "session-logoff", "active-user None"):
            login.crash()


def test_crash_that_leaves_processes(guest, host):
    """The login manager keeps such a session as one that is closing."""
    with Login(guest, "alice", "sh", "-c", "setsid sleep infinity & setsid sleep infinity & wait") as login:
        host.expect("session-logon", within=AT_ONCE)
        with tells(host, "session-logoff", "active-user None"):
            login.crash()
        if login.id in session_ids(guest):
            assert login.property("State") == "closing"


@pytest.mark.parametrize("end", ["crash", "log-out"])
def test_end_behind_the_login_screen(guest, host, end):
    """The seat shows something else all the while, and a process stays behind: no signal tells that the session is over."""
    with Login(guest, "alice", "sh", "-c", "(trap '' TERM; setsid sleep infinity) & sleep infinity & wait") as login:
        host.expect("session-logon", within=AT_ONCE)
        with tells(host, "session-lock"):
            greeter = Login(guest, "greeter", klass="greeter").__enter__()
        with tells(host, "session-logoff", "active-user None"):
            if end == "crash":
                login.crash()
            else:
                guest.run("systemctl", "kill", "--kill-whom=main", f"{login.name}.service")
        assert login.property("State") == "closing" and greeter.property("Active") == "yes"
        greeter.log_out()


def release(guest, session):
    """What PAM's module tells the login manager when a session is closed, told from within the session."""
    guest.run("sh", "-c", f"""
        for f in $(find /sys/fs/cgroup -path '*/session-{session}.scope/cgroup.procs'); do echo $$ >$f; done
        exec busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager ReleaseSession s {session}""")


@pytest.mark.parametrize("screen", [True, False], ids=["login-screen", "nothing-else"])
def test_login_program_that_stays(guest, host, screen):
    """The session is closed, and the program that opened it lives on. The login manager says so to who asks, as we do when
    the login screen comes back; to nobody before 20 s are over."""
    with Login(guest, "alice") as login:
        host.expect("session-logon", within=AT_ONCE)
        with silent(host):
            release(guest, login.id)
        assert login.property("State") == "closing" and login.property("Active") == "yes"
        with tells(host, "session-logoff", "active-user None", within=AT_ONCE if screen else 22):
            if screen:
                greeter = Login(guest, "greeter", klass="greeter").__enter__()
        if screen:
            greeter.log_out()


def test_login_manager_that_starts_behind_the_agent(guest, host):
    """Its files are followed although their directory was not there."""
    guest.run("systemctl", "stop", helpers.UNIT, "systemd-logind")
    guest.run("rm", "-r", "/run/systemd/sessions", "/run/systemd/seats", "/run/systemd/users")
    guest.run("systemctl", "start", helpers.UNIT)
    guest.run("systemctl", "start", "systemd-logind")
    host.expect("refresh-set", version=3, within=20)
    host.collect(1)
    with Login(guest, "alice", "sh", "-c", "setsid sleep infinity & sleep infinity & wait") as login:
        host.expect("session-logon", within=AT_ONCE)
        with tells(host, "session-logoff", "active-user None"):
            login.crash()
        assert login.property("State") == "closing"


def test_user_that_only_lingers(guest, host):
    guest.run("loginctl", "enable-linger", "carol")
    try:
        with silent(host):
            until(lambda: as_user(guest, "carol", "systemctl", "--user", "is-active", "default.target",
                                  check=False).strip() == "active", 10, "carol's service manager")
        assert "carol" in guest.run("loginctl", "list-users", "--no-legend")
        # Even if somebody starts the desktop's target: there is no session to be the agent of.
        as_user(guest, "carol", "systemctl", "--user", "start", "ovirt-session-agent.service", check=False)
        with silent(host):
            until(lambda: as_user(guest, "carol", "systemctl", "--user", "show", "-p", "Result", "--value",
                                  "ovirt-session-agent.service").strip() == "exit-code", 5, "the agent to leave")
        assert "/session/" not in guest.run("busctl", "tree", "--list", "org.ovirt.GuestAgent1")
        with tells(host, "session-logoff"):
            host.send("lock-screen")
    finally:
        guest.run("loginctl", "disable-linger", "carol")
        # Not list-users, which fails when one of them goes meanwhile.
        until(lambda: guest.run("loginctl", "show-user", "carol", check=False).rc != 0, 20, "carol is gone")


def test_told_again_after_a_refresh(guest, host):
    with Login(guest, "alice") as login:
        host.expect("session-logon", within=AT_ONCE)
        with tells(host, "session-lock"):
            login.hint(True)
        with tells(host, "active-user alice", "session-lock", within=3):
            host.send("refresh")
        host.disconnect()
        host.connect()
        with tells(host, "active-user alice", "session-lock", within=5):
            host.wait_connected()
        host.skip()


# --- lock-screen and log-off

def test_lock_screen_with_nobody_there(guest, host):
    with tells(host, "session-logoff"):
        host.send("lock-screen")


def test_lock_screen_on_a_terminal(guest, host):
    """Nothing can lock it, so that there is nothing to wait for."""
    with Login(guest, "alice", type="tty"):
        host.expect("session-logon", within=AT_ONCE)
        with tells(host, "session-logoff"):
            host.send("lock-screen")
        host.skip()


def test_lock_screen_when_locked(guest, host):
    with Login(guest, "alice") as login:
        host.expect("session-logon", within=AT_ONCE)
        with tells(host, "session-lock"):
            login.hint(True)
        with tells(host, "session-lock"):
            host.send("lock-screen")
        host.skip()


def test_lock_screen_that_nothing_obeys(guest, host):
    """The session is not ended for it, and the host is not told a lie."""
    with Login(guest, "alice") as login:
        host.expect("session-logon", within=AT_ONCE)
        with expected_errors(guest, f"Session {login.id} of user alice does not lock"), silent(host, 6):
            host.send("lock-screen")
        assert login.property("State") == "active"


def lock_signals(guest):
    """Paths of the sessions that the login manager has asked to lock."""
    signals = [json.loads(line) for line in guest.run("cat", "/run/locks").splitlines()]
    return {m["path"] for m in signals if m["type"] == "signal" and m.get("member") == "Lock"}


def test_lock_screen_locks_all_of_the_seat(guest, host):
    """Who is in the background is a switch away."""
    guest.run("systemd-run", "-q", "--unit", "listen", "--collect", "sh", "-c",
              "exec busctl --json=short monitor org.freedesktop.login1 >/run/locks")
    with Login(guest, "alice") as alice, Login(guest, "bob") as bob, \
            Login(guest, "carol", seat=None, type="tty", rhost="192.0.2.1"):
        host.collect(0.5)
        with tells(host, "session-lock"):
            host.send("lock-screen")
            until(lambda: lock_signals(guest) == {alice.login1_path, bob.login1_path}, 2, "both to be asked")
            alice.hint(True)
            bob.hint(True)
        assert lock_signals(guest) == {alice.login1_path, bob.login1_path}
        host.skip()
    guest.run("systemctl", "stop", "listen")


def test_log_off_without_an_agent(guest, host):
    with Login(guest, "alice") as alice, Login(guest, "bob"):
        host.collect(0.5)
        with tells(host, "active-user alice", "session-unlock", within=3):
            host.send("log-off")
        assert session_ids(guest) == [alice.id]
        with tells(host, "session-logoff", "active-user None", within=3):
            host.send("log-off")
        until(lambda: session_ids(guest) == [], 5, "the end of the session")
    with silent(host):
        host.send("log-off")


def test_log_off_is_for_the_session_that_is_seen(guest, host):
    with Login(guest, "alice", name="one") as one, Login(guest, "alice", name="two") as two:
        one.activate()
        host.collect(0.5)
        host.send("log-off")
        until(lambda: session_ids(guest) == [two.id], 5, "the end of the one that is seen")
    host.skip()


# --- shutdown and hibernate

def scheduled(guest):
    """(what, when in seconds); what is empty if nothing is."""
    words = guest.run("busctl", "get-property", "org.freedesktop.login1", "/org/freedesktop/login1",
                      "org.freedesktop.login1.Manager", "ScheduledShutdown").split()
    return words[1].strip('"'), int(words[2]) / 1e6


@contextlib.contextmanager
def cancelled(guest):
    """As the administrator does it."""
    try:
        yield
    finally:
        guest.run("shutdown", "-c")
        assert scheduled(guest)[0] == ""


def now(guest):
    return float(guest.run("date", "+%s.%N"))


@pytest.mark.parametrize("timeout, reboot, what", [(30, "False", "poweroff"), (600, "True", "reboot"),
                                                   ("600", True, "reboot")])
def test_shutdown_is_scheduled(guest, host, timeout, reboot, what):
    with cancelled(guest):
        host.send({"__name__": "shutdown", "timeout": timeout, "message": "Going home", "reboot": reboot})
        begin = now(guest)
        until(lambda: scheduled(guest)[0], 2, "a schedule")
        kind, when = scheduled(guest)
        assert kind == what and abs(when - begin - int(timeout)) < 2


def test_shutdown_again_is_scheduled_anew(guest, host):
    with cancelled(guest):
        host.send({"__name__": "shutdown", "timeout": 600, "message": "first", "reboot": "False"})
        until(lambda: scheduled(guest)[0] == "poweroff", 2, "a schedule")
        host.send({"__name__": "shutdown", "timeout": 60, "message": "second", "reboot": "True"})
        until(lambda: scheduled(guest)[0] == "reboot", 2, "another schedule")
        assert scheduled(guest)[1] < now(guest) + 62
    host.send({"__name__": "shutdown", "timeout": 600})
    with cancelled(guest):
        until(lambda: scheduled(guest)[0] == "poweroff", 2, "a schedule after the administrator's no")


def test_shutdown_message_reaches_terminals(guest, host):
    """A person at a terminal reads it, without what a terminal would obey."""
    guest.run("systemd-run", "-q", "--unit", "terminal", "--collect", "script", "-q", "-f", "-c",
              "login -f alice", "/run/typescript")
    try:
        until(lambda: guest.run("who").split()[:1] == ["alice"], 5, "alice at a terminal")
        with cancelled(guest):
            host.send({"__name__": "shutdown", "timeout": 600, "message": "Tea\u001b[2J \u0007time $(id)"})
            text = until(lambda: (t := guest.run("cat", "/run/typescript")) and "Tea" in t and t, 5, "the message")
        [line] = [line for line in text.splitlines() if "Tea" in line]
        assert line.strip() == "Tea [2J  time $(id)"
    finally:
        guest.run("systemctl", "stop", "terminal")
        guest.run("loginctl", "terminate-user", "alice", check=False)
        until(lambda: session_ids(guest) == [], 10, "alice has left")
    host.skip()


@pytest.mark.parametrize("state, words", [("disk", "suspend to disk"), ("mem", "suspend to memory")])
def test_hibernate_that_cannot_be(guest, host, state, words):
    """A container does not sleep; the journal says so once, and the agent goes on."""
    answer = guest.run("busctl", "call", "org.freedesktop.login1", "/org/freedesktop/login1",
                       "org.freedesktop.login1.Manager", "CanHibernate" if state == "disk" else "CanSuspend")
    assert '"yes"' not in answer
    with expected_errors(guest, f"The login manager refuses to {words}"):
        host.send({"__name__": "hibernate", "state": state})
        until(lambda: f"refuses to {words}" in journal(guest), 2, "a line in the journal")
    host.send("echo")
    host.expect("echo", within=2)
