# SPDX-License-Identifier: Apache-2.0
"""Real login sessions decide who the active user is."""
import contextlib

import pytest
from helpers import AT_ONCE, until

pytestmark = pytest.mark.usefixtures("clean_journal")


def sessions_of(guest, user):
    lines = guest.run("loginctl", "list-sessions", "--no-legend").splitlines()
    return [line.split()[0] for line in lines if line.split()[2] == user]


@contextlib.contextmanager
def session(guest, user, kind="x11", seat="seat0"):
    """A session of @user, opened by PAM as a display manager or a terminal's login does it."""
    environment = f"XDG_SESSION_TYPE={kind} XDG_SESSION_CLASS=user" + (f" XDG_SEAT={seat}" if seat else "")
    name = f"bed-session-{user}-{kind}"
    guest.run("systemd-run", "-q", "--unit", name, "--collect", "-p", f"User={user}", "-p", "PAMName=login",
              "-p", f"Environment={environment}", "sleep", "600")
    try:
        yield name
    finally:
        guest.run("systemctl", "stop", name, check=False)
        until(lambda: not sessions_of(guest, user), 15, f"{user} is logged out")


def test_login_and_logout_at_the_seat(guest, host):
    with session(guest, "alice"):
        host.expect("active-user", name="alice", within=AT_ONCE)
    host.expect("active-user", name="None", within=AT_ONCE)


def test_wayland_counts_too(guest, host):
    with session(guest, "alice", "wayland"):
        host.expect("active-user", name="alice", within=AT_ONCE)
    host.expect("active-user", name="None", within=AT_ONCE)


def test_remote_login_is_not_the_seat(guest, host):
    with session(guest, "alice", "tty", seat=None):
        until(lambda: sessions_of(guest, "alice"), 5, "logind knows alice")
        host.expect("heartbeat", within=7)
        names = [m["name"] for m in host.messages("active-user")]
        assert "alice" not in names


def test_session_that_was_there_before_the_agent(guest, host):
    with session(guest, "alice"):
        guest.run("systemctl", "restart", "ovirt-guest-agent")
        host.expect("session-startup", within=3)
        host.expect("active-user", name="alice", within=2)
    host.expect("active-user", name="None", within=AT_ONCE)


def test_refresh_repeats_the_user(guest, host):
    with session(guest, "alice"):
        host.expect("active-user", name="alice", within=AT_ONCE)
        host.send("refresh")
        host.expect("active-user", name="alice", within=2)


def test_logind_restarts_and_the_user_stays(guest, host):
    with session(guest, "alice"):
        host.expect("active-user", name="alice", within=AT_ONCE)
        guest.run("systemctl", "restart", "systemd-logind")
        host.expect_none("active-user", 3)
    host.expect("active-user", name="None", within=AT_ONCE)


def test_terminated_user_is_gone(guest, host):
    with session(guest, "alice"):
        host.expect("active-user", name="alice", within=AT_ONCE)
        guest.run("loginctl", "terminate-user", "alice")
        host.expect("active-user", name="None", within=12)
