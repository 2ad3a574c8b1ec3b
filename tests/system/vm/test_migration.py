# SPDX-License-Identifier: Apache-2.0
"""The machine moves, or its host changes: the agent's version and its place in the stream stay right."""
import pytest
from bed import RUN
from helpers import errors, pid_of_agent
from hostconsole import Host

pytestmark = pytest.mark.usefixtures("clean_journal")


def test_migration_to_another_host(guest, host):
    """The new host knows nothing of the guest; the agent knows the version already and answers in full."""
    pid = pid_of_agent(guest)
    guest.run("hostname", "migrated")
    host.expect("host-name", name="migrated", within=3)
    saved = guest.save(RUN / "migrated")
    moved = saved.resume("system-w")
    try:
        with Host.connect_to(moved.port) as destination:
            destination.expect("refresh-set", version=3, within=10)
            destination.expect("heartbeat", apiVersion=3, within=10)
            assert destination.view["host_name"] == "migrated"
            assert not destination.complaints, [c.summary() for c in destination.complaints]
            assert pid_of_agent(moved) == pid
            # Nothing was to be negotiated, so nothing is sent twice.
            destination.expect_none("session-startup", 3)
            assert not errors(moved)
    finally:
        moved.stop()


def test_migration_while_no_host_is_there(guest, host):
    host.disconnect()
    saved = guest.save(RUN / "migrated")
    moved = saved.resume("system-w")
    try:
        with Host.connect_to(moved.port) as destination:
            destination.expect("refresh-set", version=3, within=10)
    finally:
        moved.stop()


def test_snapshot_and_back(guest, host):
    """The host stays connected over both: the stream goes on where it was."""
    def monitor(line):
        assert guest.qmp("human-monitor-command", command_line=line) == ""
    monitor("savevm one")
    host.expect("heartbeat", within=10)
    monitor("loadvm one")
    host.skip()
    host.expect("heartbeat", apiVersion=3, within=10)
    host.send("refresh")
    host.expect("refresh-set", version=3, within=10)


def test_paused_machine(guest, host):
    guest.qmp("stop")
    host.send({"__name__": "echo", "n": 1})
    host.expect_none("echo", 2)
    guest.qmp("cont")
    host.expect("echo", n=1, within=5)


def test_old_host_then_new_host(guest, host):
    """A host without versions gets none of the newer messages; the next one gets them back."""
    host.disconnect()
    with Host.connect_to(guest.port, versioning=False) as old:
        old.expect("refresh-set", version=0, within=10)
        old.expect_none("os-info", 6)
    with Host.connect_to(guest.port) as new:
        new.expect("refresh-set", version=3, within=20)
