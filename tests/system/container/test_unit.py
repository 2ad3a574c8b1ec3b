# SPDX-License-Identifier: Apache-2.0
"""The service file under a real systemd: start, sandbox, restart, stop."""
import re
import time

import helpers
import pytest
from helpers import UNIT, journal, pid_of_agent, unit, until

pytestmark = pytest.mark.usefixtures("clean_journal")

# The scores of comparable services go from 2 (systemd's own daemons) to 9.6 (none of it).
SECURITY_BOUND = 2.8
# Private memory after a full refresh, debugging information not counted; the goal for release builds is
# measured by the benchmarks.
PRIVATE_KIB_BOUND = 4096


def test_ready_means_running(guest, host):
    assert unit(guest, "Type") == "notify"
    assert unit(guest, "ActiveState") == "active"
    assert unit(guest, "SubState") == "running"
    assert guest.run("readlink", f"/proc/{pid_of_agent(guest)}/exe").strip() == "/usr/libexec/ovirt-system-agent"


def test_starting_waits_for_ready_and_is_quick(guest, host):
    guest.run("systemctl", "stop", UNIT)
    begin = time.monotonic()
    guest.run("systemctl", "start", UNIT)
    assert time.monotonic() - begin < 2


def test_first_heartbeat_after_a_restart_starts_over(guest, host):
    guest.run("systemctl", "restart", UNIT)
    host.expect("session-startup", within=3)
    assert host.expect("heartbeat", within=6)["apiVersion"] == 0
    host.expect("heartbeat", apiVersion=3, within=12)


def test_stop_says_goodbye_last(guest, host):
    begin = time.monotonic()
    guest.run("systemctl", "stop", UNIT)
    assert time.monotonic() - begin < 2
    host.expect("session-shutdown", within=1)
    assert host.messages()[-1].name == "session-shutdown"
    assert unit(guest, "Result") == "success"


def test_reboot_order_goodbye_before_the_bus_goes(guest, host):
    """At shutdown the agent stops before the bus and logind, so that no user seems to log off."""
    after = unit(guest, "After").split()
    assert "dbus.service" in after or "dbus.socket" in after
    assert "systemd-logind.service" in after


@pytest.mark.allow_errors
def test_a_crash_is_followed_by_a_new_start(guest, host):
    old = pid_of_agent(guest)
    guest.run("kill", "-SEGV", old)
    until(lambda: pid_of_agent(guest) not in (0, old), 10, "a new agent")
    host.expect("session-startup", within=5)
    host.expect("heartbeat", apiVersion=0, within=6)


@pytest.mark.allow_errors
def test_bad_configuration_is_said_once_and_not_tried_again(guest, host):
    good = guest.run("cat", helpers.CONFIG)
    guest.run("systemctl", "stop", UNIT)
    try:
        helpers.write_file(guest, helpers.CONFIG, "[general]\nheart_beat_rate = often\n")
        assert guest.run("systemctl", "start", UNIT, check=False).rc != 0
        until(lambda: unit(guest, "ActiveState") == "failed", 5, "the unit is failed")
        assert unit(guest, "ExecMainStatus") == "2"
        assert unit(guest, "NRestarts") == "0"
        said = [line for line in journal(guest, "-n", "20").splitlines() if "heart_beat_rate" in line]
        assert said and helpers.CONFIG in said[-1], said
        assert re.search(r"\b2\b", said[-1]), "the line's number is missing: " + said[-1]
    finally:
        helpers.write_file(guest, helpers.CONFIG, good)
        guest.run("systemctl", "reset-failed", UNIT)


@pytest.mark.allow_errors
def test_watchdog_is_served_and_bites(guest, host):
    guest.run("mkdir", "-p", f"/run/systemd/system/{UNIT}.d")
    helpers.write_file(guest, f"/run/systemd/system/{UNIT}.d/watchdog.conf", "[Service]\nWatchdogSec=1s\n")
    guest.run("systemctl", "daemon-reload")
    try:
        guest.run("systemctl", "restart", UNIT)
        pid = pid_of_agent(guest)
        # Two heartbeats: the watchdog would have bitten ten times.
        host.expect("heartbeat", within=7)
        host.expect("heartbeat", within=7)
        assert pid_of_agent(guest) == pid
        guest.run("kill", "-STOP", pid)
        until(lambda: pid_of_agent(guest) not in (0, pid), 15, "a new agent instead of the hanging one")
    finally:
        guest.run("rm", "-r", f"/run/systemd/system/{UNIT}.d")
        guest.run("systemctl", "daemon-reload")
        guest.run("systemctl", "restart", UNIT)


def test_sandbox_is_real(guest, host):
    pid = pid_of_agent(guest)
    status = dict(line.split(":", 1) for line in guest.run("cat", f"/proc/{pid}/status").splitlines())
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    held = int(status["CapBnd"], 16)
    assert held and not held & (1 << 21 | 1 << 16 | 1 << 12 | 1 << 1), f"capabilities {held:x}"
    assert held == int(status["CapPrm"], 16) & held
    root = [line.split() for line in guest.run("cat", f"/proc/{pid}/mountinfo").splitlines()
            if line.split()[4] == "/"][-1]
    assert "ro" in root[5].split(","), root


def test_security_score(guest, host, capsys):
    text = guest.run("systemd-analyze", "security", "--no-pager", UNIT)
    score = float(re.search(r"exposure level for .*: ([0-9.]+)", text)[1])
    with capsys.disabled():
        print(f"\n    systemd-analyze security: {score} (bound {SECURITY_BOUND})")
    assert score <= SECURITY_BOUND, [line for line in text.splitlines() if "✗" in line]


def test_memory(guest, host, capsys):
    host.send("refresh")
    host.expect("refresh-set", within=5)
    usage = {}
    for line in guest.run("cat", f"/proc/{pid_of_agent(guest)}/smaps_rollup").splitlines()[1:]:
        key, value, *_ = line.split()
        usage[key.rstrip(":")] = int(value)
    private = usage["Private_Clean"] + usage["Private_Dirty"]
    with capsys.disabled():
        print(f"\n    memory: private {private} KiB (bound {PRIVATE_KIB_BOUND}), resident {usage['Rss']} KiB")
    assert private <= PRIVATE_KIB_BOUND


def test_nothing_is_left_open_to_others(guest, host):
    assert guest.run("stat", "-c", "%a %U", "/run/ovirt-guest-agent").strip() == "700 root"
    assert guest.run("stat", "-c", "%a %U", helpers.CONFIG).strip() == "644 root"


def test_a_quiet_minute_of_life_has_no_complaint(guest, host):
    """The host plays VDSM and notes whatever VDSM would lose or log."""
    guest.run("systemctl", "restart", UNIT)
    host.expect("heartbeat", apiVersion=3, within=15)
    host.send("refresh")
    host.expect("refresh-set", within=5)
    host.expect("heartbeat", within=7)
    guest.run("systemctl", "stop", UNIT)
    host.expect("session-shutdown", within=2)
    assert not host.complaints, "\n".join(c.summary() for c in host.complaints)
