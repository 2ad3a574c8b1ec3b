# SPDX-License-Identifier: Apache-2.0
"""Hooks run below the real service manager, outside the agent's sandbox, and the host gets its answer in time."""
import time

import helpers
import pytest

pytestmark = pytest.mark.usefixtures("clean_journal")

HOOKS = "/etc/ovirt-guest-agent/hooks.d"
PATIENCE = 10                            # of the host, in seconds


@pytest.fixture
def hook(guest):
    """Adds hooks for one test; the agent's own are put aside."""
    guest.run("sh", "-c", f"rm -f {HOOKS}/*/55_flush-caches")

    def add(path, script):
        helpers.write_file(guest, f"{HOOKS}/{path}", f"#!/bin/sh\n{script}\n")
        guest.run("chmod", "755", f"{HOOKS}/{path}")
    yield add
    guest.run("sh", "-c", f"rm -f {HOOKS}/*/*")


def send(host, event, **members):
    host.send({"__name__": "lifecycle-event", "type": event, "reply_id": "r1", **members})


def run(host, event, within=PATIENCE, **members):
    send(host, event, **members)
    host.expect("completion", reply_id="r1", within=within)


def test_installed(guest):
    """Four directories, and the default hooks are programs."""
    assert guest.run("ls", HOOKS).split() == ["after_hibernation", "after_migration", "before_hibernation",
                                              "before_migration"]
    for event in "before_migration", "before_hibernation":
        guest.run("test", "-x", f"{HOOKS}/{event}/55_flush-caches")


def test_freedom(guest, host, hook):
    """A hook may what root may, and sees what it is told; the agent may not."""
    hook("after_migration/10", "touch /usr/proof && echo $OVIRT_HOOK_EVENT=$OVIRT_HOOK_FAILURE >/run/proof\n"
         "systemctl stop systemd-timedated.service && echo stopped\ncat /proc/self/cgroup")
    run(host, "after_migration", failure=True)
    assert guest.run("cat", "/run/proof") == "after_migration=1\n"
    guest.run("test", "-e", "/usr/proof")
    log = helpers.journal(guest)
    assert "after_migration/10: stopped" in log
    assert "/run-u" in log


def test_order_and_failures(guest, host, hook):
    hook("before_migration/10", "echo 10 >>/run/order; exit 3")
    hook("before_migration/$HOME %h;-x", "echo odd >>/run/order")
    hook("before_migration/9", "echo 9 >>/run/order; kill -SEGV $$")
    helpers.write_file(guest, f"{HOOKS}/before_migration/1", "#!/no/such\n")
    guest.run("chmod", "755", f"{HOOKS}/before_migration/1")
    run(host, "before_migration")
    assert guest.run("cat", "/run/order").split() == ["odd", "10", "9"]
    log = helpers.journal(guest)
    for line in "1 failed with exit status 203", "10 failed with exit status 3", "9 failed with exit status 255":
        assert f"Hook before_migration/{line}" in log


def test_deadline(guest, host, hook):
    """One that does not want to end is killed; the heart beats on; nothing is left running."""
    hook("before_hibernation/1", "trap '' TERM; echo $$ >/run/pid; while :; do sleep 1; done")
    hook("before_hibernation/2", "touch /run/second")
    begin = time.monotonic()
    send(host, "before_hibernation")
    host.expect("heartbeat", within=6)
    host.expect("completion", reply_id="r1", within=PATIENCE - (time.monotonic() - begin))
    pid = guest.run("cat", "/run/pid").strip()
    helpers.until(lambda: guest.run("test", "-e", f"/proc/{pid}", check=False).rc != 0, 3, "the hook is killed")
    assert guest.run("test", "-e", "/run/second", check=False).rc != 0
    assert "before_hibernation/1 was the last, 1 more are not run" in helpers.journal(guest)


def test_nothing_left_running(guest, host, hook):
    hook("before_migration/1", "sleep 1000 & echo $! >/run/pid")
    run(host, "before_migration", within=5)
    pid = guest.run("cat", "/run/pid").strip()
    helpers.until(lambda: guest.run("test", "-e", f"/proc/{pid}", check=False).rc != 0, 3, "its child is ended")


def test_without_a_bus(guest, host, hook):
    """A hook that cannot be started has failed; the host is answered."""
    hook("before_migration/1", "touch /run/ran")
    guest.run("systemctl", "stop", "dbus.socket", "dbus.service")
    try:
        run(host, "before_migration", within=3)
    finally:
        guest.run("systemctl", "start", "dbus.socket", "dbus.service")
    assert guest.run("test", "-e", "/run/ran", check=False).rc != 0
    log = helpers.journal(guest)
    assert "before_migration/1: Failed to" in log
    assert "Hook before_migration/1 failed with exit status 1" in log
