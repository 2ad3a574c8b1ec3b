# SPDX-License-Identifier: Apache-2.0
"""The real port: a host that is away, comes back, does not read; a port that is unplugged, busy, or one of two."""
import time

import pytest
from bed import LEGACY_PORT, PORT
from helpers import UNIT, cpu_ticks, journal, pid_of_agent, unit, until
from hostconsole import Host

pytestmark = pytest.mark.usefixtures("clean_journal")

# Ticks of 10 ms: what some heartbeats and reports may cost below an emulated processor. Spinning costs 100/s.
QUIET_TICKS = 40


def settled(host, within=20):
    """The agent has answered a newly connected host."""
    host.expect("refresh-set", within=within)
    host.expect("heartbeat", within=within)


def descriptors(guest):
    return len(guest.run("ls", f"/proc/{pid_of_agent(guest)}/fd").split())


def fill_the_port(host):
    """The host does not read, and asks for more than all queues on the way can hold."""
    host.pause()
    for i in range(100):
        host.send({"__name__": "echo", "n": i, "text": "x" * 60000})
    host.collect(4)                      # sends, and reads nothing


def test_udev_started_the_service(guest, host):
    assert unit(guest, "ActiveState") == "active"
    wants = guest.run("systemctl", "show", "-p", "Wants", "--value", f"dev-virtio\\x2dports-{PORT}.device",
                      check=False)
    by_path = guest.run("udevadm", "info", "-q", "property", f"/dev/virtio-ports/{PORT}")
    assert UNIT in wants or f"SYSTEMD_WANTS={UNIT}" in by_path


def test_host_away(guest, host):
    """Nothing is lost and nothing is burnt while the host is away."""
    pid, fds = pid_of_agent(guest), descriptors(guest)
    host.disconnect()
    before = cpu_ticks(guest, pid)
    time.sleep(20)                       # the length of the measurement
    assert cpu_ticks(guest, pid) - before < QUIET_TICKS
    assert pid_of_agent(guest) == pid
    assert descriptors(guest) == fds, "the port stays open"


def test_host_returns(guest, host):
    """What was meant for the old host never reaches the new one."""
    host.disconnect()
    guest.run("hostname", "while-away")
    time.sleep(12)                       # more than two heartbeats that nobody hears
    host.skip()
    seen = len(host.messages())
    host.connect()
    host.expect("refresh-set", version=3, within=10)
    new = host.messages()[seen:]
    assert sum(m.name == "heartbeat" for m in new) <= 1, "stale heartbeats"
    assert [m["name"] for m in new if m.name == "host-name"][-1] == "while-away"
    assert not host.complaints, [c.summary() for c in host.complaints]


def test_host_that_returns_at_once(guest, host):
    """So fast that the guest cannot see it: the new host's refresh is answered all the same."""
    for _ in range(20):
        host.disconnect()
        host.connect()
        host.wait_connected()
    host.expect("refresh-set", version=3, within=10)
    host.expect("heartbeat", within=10)


def test_cut_in_the_middle_of_a_message(guest, host):
    """The host goes away while a line is half way: the next one starts at a message's beginning."""
    pid = pid_of_agent(guest)
    for _ in range(3):
        fill_the_port(host)
        before = cpu_ticks(guest, pid)
        time.sleep(3)                    # the length of the measurement
        assert cpu_ticks(guest, pid) - before < QUIET_TICKS, "spins on a full port"
        host.disconnect()
        host.resume()
        host.collect(2)                  # a guest cannot see a host that is back within an instant
        host.skip()
        complaints = len(host.complaints)
        host.connect()
        host.expect("refresh-set", within=20)
        assert not host.complaints[complaints:], [c.summary() for c in host.complaints[complaints:]]


def test_host_that_does_not_read_for_a_while(guest, host):
    """Lines arrive unbroken and in order when the host goes on; the agent's memory stays bounded."""
    fill_the_port(host)
    status = guest.run("cat", f"/proc/{pid_of_agent(guest)}/status")
    resident = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
    assert resident < 32 << 10
    host.resume()
    host.collect(5)
    host.skip()
    host.expect("heartbeat", within=15)
    numbers = [m["n"] for m in host.messages("echo")]
    assert numbers and numbers == sorted(set(numbers))
    assert all(len(m["text"]) == 60000 for m in host.messages("echo"))
    broken = ("not-json", "bad-utf8", "too-long", "empty-line", "unknown-name")
    assert not [c.summary() for c in host.complaints if c["rule"] in broken]


def test_unplugged_and_plugged_again(guest, host):
    pid = pid_of_agent(guest)
    guest.remove_device("agentport")
    until(lambda: guest.run("test", "-e", f"/dev/virtio-ports/{PORT}", check=False).rc, 10, "the node goes")
    before = cpu_ticks(guest, pid)
    time.sleep(8)                        # the length of the measurement
    assert pid_of_agent(guest) == pid and unit(guest, "ActiveState") == "active"
    assert cpu_ticks(guest, pid) - before < QUIET_TICKS
    host.disconnect()
    host.skip()
    guest.qmp("device_add", driver="virtserialport", id="agentport", chardev="port", name=PORT, nr=2)
    host.connect()
    settled(host)
    assert pid_of_agent(guest) == pid


def test_plugging_starts_the_service(guest, host):
    guest.run("systemctl", "stop", UNIT)
    guest.remove_device("agentport")
    host.disconnect()
    guest.qmp("device_add", driver="virtserialport", id="agentport", chardev="port", name=PORT, nr=2)
    until(lambda: unit(guest, "ActiveState") == "active", 15, "udev starts the service")
    host.skip()
    host.connect()
    settled(host)


def test_no_port_at_start(guest, host):
    """The agent waits for its port without failing, and opens it as soon as it is there."""
    guest.run("systemctl", "stop", UNIT)
    guest.remove_device("agentport")
    host.disconnect()
    guest.run("systemctl", "start", UNIT)
    pid = pid_of_agent(guest)
    before = cpu_ticks(guest, pid)
    time.sleep(8)                        # the length of the measurement
    assert cpu_ticks(guest, pid) - before < QUIET_TICKS
    assert unit(guest, "ActiveState") == "active"
    guest.qmp("device_add", driver="virtserialport", id="agentport", chardev="port", name=PORT, nr=2)
    host.connect()
    settled(host)
    assert pid_of_agent(guest) == pid


def test_two_ports_the_connected_one_is_used(guest, host):
    """The names disagree about which is preferred, so what decides is where a host is."""
    legacy_path = guest.add_port(LEGACY_PORT, "legacy", 3)
    until(lambda: not guest.run("test", "-e", f"/dev/virtio-ports/{LEGACY_PORT}", check=False).rc, 10, "the node")
    host.disconnect()
    with Host.connect_to(legacy_path) as legacy:
        settled(legacy)
        legacy.disconnect()
    host.connect()
    settled(host)


def test_busy_port(guest, host):
    """Somebody else holds the port: said once, tried again, taken when it is free."""
    guest.run("systemctl", "stop", UNIT)
    guest.run("systemd-run", "-q", "--unit", "holder", "sh", "-c",
              f"exec 3<>/dev/virtio-ports/{PORT}; exec sleep 600")
    until(lambda: guest.run("sh", "-c", f": 3<>/dev/virtio-ports/{PORT}", check=False).rc, 10, "the port is held")
    mark = len(journal(guest).splitlines())
    guest.run("systemctl", "start", UNIT)
    pid = pid_of_agent(guest)
    before = cpu_ticks(guest, pid)
    host.collect(12)
    assert cpu_ticks(guest, pid) - before < QUIET_TICKS
    said = [line for line in journal(guest).splitlines()[mark:] if "busy" in line.lower() or "in use" in line.lower()]
    assert len(said) == 1, said
    guest.run("systemctl", "stop", "holder")
    host.expect("startup-set", within=40)


def test_commands_sent_while_the_agent_was_down(guest, host):
    """They wait in the host's socket and come at once when the agent opens the port."""
    guest.run("systemctl", "stop", UNIT)
    host.expect("session-shutdown", within=2)
    for i in range(50):
        host.send({"__name__": "echo", "n": i})
    host.send({"__name__": "lock-screen"})
    host.send({"__name__": "login", "username": "alice", "password": "stale"})
    host.send({"__name__": "echo", "n": 50})
    host.drain()
    guest.run("systemctl", "start", UNIT)
    host.expect("echo", n=50, within=10)
    assert [m["n"] for m in host.messages("echo")] == list(range(51))
    assert "stale" not in journal(guest)


def test_stop_with_a_host(guest, host):
    begin = time.monotonic()
    guest.run("systemctl", "stop", UNIT)
    assert time.monotonic() - begin < 4, "2 s, and the emulated processor's time for systemctl"
    host.expect("session-shutdown", within=2)
    host.collect(2)
    assert host.messages()[-1].name == "session-shutdown"


def test_stop_without_a_host(guest, host):
    host.disconnect()
    begin = time.monotonic()
    guest.run("systemctl", "stop", UNIT)
    assert time.monotonic() - begin < 4
    assert unit(guest, "Result") == "success"


def test_stop_while_the_host_does_not_read(guest, host):
    fill_the_port(host)
    begin = time.monotonic()
    guest.run("systemctl", "stop", UNIT)
    assert time.monotonic() - begin < 5
    assert unit(guest, "Result") == "success"


def test_power_off_says_goodbye_last(guest, host):
    """With a user logged in, who must not seem to log off first."""
    guest.run("systemd-run", "-q", "-p", "User=alice", "-p", "PAMName=login",
              "-p", "Environment=XDG_SESSION_TYPE=x11 XDG_SEAT=seat0 XDG_VTNR=1", "sleep", "600")
    until(lambda: "State=active" in guest.run("loginctl", "show-user", "alice", check=False), 30, "alice's session")
    host.expect("active-user", name="alice", within=2)
    seen = len(host.messages())
    guest.run("systemctl", "poweroff", "--no-block")
    host.expect("session-shutdown", within=30)
    host.wait_until(lambda: not host.connected, 60, "the machine to power off")
    guest.wait_end(30)
    last = [m.name for m in host.messages()[seen:]]
    assert last[-1] == "session-shutdown"
    assert "active-user" not in last, last


def test_d14_clock_jumps(guest, host):
    """Intervals are counted in monotonic time: a day more or less changes nothing."""
    for jump in ("+1 day", "-2 days"):
        guest.run("date", "-s", jump)
        host.skip()
        host.expect("heartbeat", within=7)
        first = host.now
        host.expect("heartbeat", within=7)
        assert 4 < host.now - first < 6.5


def test_suspend_to_memory(guest, host):
    guest.run("systemctl", "suspend")
    guest.qmp.wait_event("SUSPEND", 30)
    guest.qmp("system_wakeup")
    host.skip()
    host.expect("heartbeat", within=20)
    host.send("refresh")
    host.expect("refresh-set", version=3, within=10)
