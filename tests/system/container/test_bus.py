# SPDX-License-Identifier: Apache-2.0
"""The agent on the real system bus: what it exports, who may do what, and the bus going away."""
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from helpers import BUS_NAME, BUS_PATH, MANAGER, UNIT, journal, pid_of_agent, until

pytestmark = pytest.mark.usefixtures("clean_journal")

XML = Path(__file__).resolve().parents[3] / "dbus-interfaces" / f"{BUS_NAME}.xml"


def busctl(guest, *arguments, user=None, check=True):
    command = ["busctl", "--system", *arguments]
    if user:
        command = ["runuser", "-u", user, "--", *command]
    return guest.run(*command, check=check)


def on_the_bus(guest):
    return busctl(guest, "status", BUS_NAME, check=False).rc == 0


def members(interface):
    """What callers can rely on: kind, name, types and access of each member."""
    found = set()
    for member in interface:
        if member.tag == "property":
            found.add(("property", member.get("name"), member.get("type"), member.get("access")))
        elif member.tag in ("method", "signal"):
            arguments = "".join(f"{a.get('direction', 'in' if member.tag == 'method' else 'out')} {a.get('type')}; "
                                for a in member.iter("arg"))
            found.add((member.tag, member.get("name"), arguments))
    return found


def test_introspection_equals_the_contract(guest, host):
    live = ElementTree.fromstring(busctl(guest, "introspect", "--xml-interface", BUS_NAME, BUS_PATH))
    contract = ElementTree.parse(XML).getroot()
    wanted = {i.get("name"): i for i in contract.iter("interface")}[MANAGER]
    exported = {i.get("name"): i for i in live.findall("interface")}
    assert members(exported[MANAGER]) == members(wanted)


def test_introspection_is_readable(guest, host):
    text = busctl(guest, "introspect", BUS_NAME, BUS_PATH, MANAGER)
    assert ".Version" in text and ".Refresh" in text


def test_version(guest, host):
    assert busctl(guest, "get-property", BUS_NAME, BUS_PATH, MANAGER, "Version").strip() == \
        's "' + guest.run("/usr/libexec/ovirt-system-agent", "--version").split()[-1] + '"'


def test_everybody_may_read(guest, host):
    as_root = busctl(guest, "get-property", BUS_NAME, BUS_PATH, MANAGER, "Version")
    assert busctl(guest, "get-property", BUS_NAME, BUS_PATH, MANAGER, "Version", user="alice") == as_root


def test_only_root_may_refresh(guest, host):
    host.skip()
    refused = busctl(guest, "call", BUS_NAME, BUS_PATH, MANAGER, "Refresh", user="alice", check=False)
    assert refused.rc != 0 and ("denied" in refused.lower() or "not permitted" in refused.lower()), refused
    host.expect_none("session-startup", 1)
    busctl(guest, "call", BUS_NAME, BUS_PATH, MANAGER, "Refresh")
    host.expect("session-startup", within=2)


def test_nobody_else_may_own_the_name(guest, host):
    guest.run("systemctl", "stop", UNIT)
    done = busctl(guest, "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                  "RequestName", "su", BUS_NAME, "0", user="alice", check=False)
    assert done.rc != 0 and "denied" in done, done
    assert not on_the_bus(guest)


def test_heartbeat_survives_a_restart_of_the_bus(guest, host):
    pid = pid_of_agent(guest)
    guest.run("systemctl", "restart", "dbus.service")
    begin = time.monotonic()
    host.expect("heartbeat", within=7)
    until(lambda: on_the_bus(guest), 15, "the agent is back on the bus")
    print(f"back on the bus after {time.monotonic() - begin:.1f} s")
    assert pid_of_agent(guest) == pid, "the agent itself went on"
    busctl(guest, "call", BUS_NAME, BUS_PATH, MANAGER, "Refresh")
    host.expect("session-startup", within=2)


def test_heartbeat_without_a_bus(guest, host):
    pid = pid_of_agent(guest)
    guest.run("systemctl", "stop", "dbus.socket", "dbus.service")
    try:
        for _ in range(3):
            host.expect("heartbeat", within=7)
        host.send("refresh")
        host.expect("refresh-set", within=5)
        said = [line for line in journal(guest).splitlines() if "bus" in line.lower()]
        assert said, "the journal does not say what cannot be done meanwhile"
    finally:
        guest.run("systemctl", "start", "dbus.socket", "dbus.service")
    until(lambda: on_the_bus(guest), 35, "the agent is back on the bus")
    assert pid_of_agent(guest) == pid


def test_start_without_a_bus(guest, host):
    guest.run("systemctl", "stop", UNIT)
    guest.run("systemctl", "stop", "dbus.socket", "dbus.service")
    try:
        # systemctl itself goes by systemd's private socket as root.
        guest.run("systemctl", "start", UNIT)
        host.expect("session-startup", within=3)
        host.expect("heartbeat", within=6)
    finally:
        guest.run("systemctl", "start", "dbus.socket", "dbus.service")
    until(lambda: on_the_bus(guest), 35, "the agent comes to the bus")
