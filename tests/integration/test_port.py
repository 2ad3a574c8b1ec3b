# SPDX-License-Identifier: Apache-2.0
"""The port: a socket or a terminal whose other end comes and goes. Vectors D; a virtual machine does the rest."""

import fcntl
import json
import os
import termios
import time
from pathlib import Path

import pytest
from hostconsole import Host
from hostconsole.negotiation import STARTUP_ORDER, refresh_set
from rig.agent import LEGACY_PORT, PORT
from rig.pace import INSTRUMENTED, SLOWNESS, complaints, scaled, until
from rig.wire import PtyWire, SocketWire

from conftest import settle

HANGUP = os.environ["OVIRT_TEST_HANGUP_MODULE"]
REFRESH = b'{"apiVersion": 3, "__name__": "refresh"}\n'


def names(messages):
    return [m["__name__"] for m in messages]


def idle(agent, seconds=1.5):
    """The agent's share of a processor in a while that needs none."""
    begin, cpu = time.monotonic(), agent.cpu_seconds()
    until(lambda: time.monotonic() - begin > seconds, seconds + 1)
    return (agent.cpu_seconds() - cpu) / (time.monotonic() - begin)


@pytest.fixture(params=[SocketWire, PtyWire], ids=["socket", "terminal"])
def wire(request, party):
    """The host's end, not open yet."""
    return party.keep(request.param(party.socket))


def test_d2_d3_a_host_that_leaves_in_the_middle(party, wire):
    """The next one gets the beginning of a message, and nothing of what was meant for the first."""
    kind = type(wire)
    agent = party.agent(guest=party.guest())
    wire.open()
    wire.read_until(lambda m: "fqdn" in names(m))
    for i in range(30):
        wire.send(b'{"old": %d, "s": "%s", "__name__": "echo"}\n' % (i, b"x" * (1000 if kind is PtyWire else 60_000)))
        wire.read(100, 0.01)
    wire.close()
    agent.wait_log("host disconnected")

    again = party.keep(kind(party.socket)).open()
    agent.wait_log("host connected.*", within=8)
    assert until(lambda: len(agent.log("host connected")) == 2, 8)
    again.send(REFRESH)
    messages = again.read_until(lambda m: "fqdn" in names(m))
    assert b"old" not in again.data
    assert again.data.startswith(b'{"__name__":"')
    assert [n for n in names(messages) if n not in ("heartbeat", "session-logoff")] == refresh_set(0)


@pytest.mark.parametrize("rest", [b'__": "echo"}\n', b"\n"], ids=["rest", "end"])
def test_half_a_command_is_forgotten_with_its_host(party, rest):
    host, agent = party.settled(guest=party.guest())
    host.send_bytes(b'{"old": 1, "__name')
    host.drain()
    host.disconnect()
    agent.wait_log("host disconnected")
    host.connect()
    host.wait_connected(scaled(10))
    position = len(host.events)
    host.send_bytes(rest)
    host.send({"__name__": "echo", "new": 1})
    host.expect("echo", within=scaled(5), new=1)
    assert not [e for e in host.events[position:] if e.kind == "message" and "old" in e.members]


def test_d1_nobody_there(party):
    """No processor time, no memory, no descriptors while the host is away; it is noticed when it comes back."""
    host, agent = party.settled(guest=party.guest())
    for _ in range(3):
        host.disconnect()
        agent.wait_log("host disconnected")
        host.connect()
        host.wait_connected(scaled(10))
        host.expect("refresh-set", within=scaled(5), version=3)
    descriptors, peak = len(agent.descriptors()), agent.memory_peak_kib()
    host.disconnect()
    until(lambda: len(agent.descriptors()) < descriptors)
    assert idle(agent) < 0.02 * SLOWNESS
    assert INSTRUMENTED or agent.memory_peak_kib() - peak < 512
    host.connect()
    host.wait_connected(scaled(10))
    host.expect("refresh-set", within=scaled(5), version=3)
    until(lambda: len(agent.descriptors()) <= descriptors)
    assert not complaints(host)


@pytest.mark.parametrize("events", [None, "in", "out"], ids=["terminal", "D12-in", "D12-out"])
def test_d12_a_hangup_is_no_spin(party, events):
    """A terminal whose other end was closed reports a hangup for ever, and kernels differ in what else is reported."""
    env = {"LD_PRELOAD": HANGUP, "OVIRT_TEST_HANGUP": events} if events else {}
    wire = party.keep(PtyWire(party.socket)).open()
    agent = party.agent(env=env)
    wire.read_until(lambda m: "fqdn" in names(m))
    if events:
        assert HANGUP in Path(f"/proc/{agent.pid}/maps").read_text()
    wire.hang_up()
    agent.wait_log("host disconnected")
    assert idle(agent) < 0.03 * SLOWNESS
    # A port keeps its place, to see the next host; a terminal that is hung up never has one.
    assert any(d.startswith(os.readlink(party.socket)) for d in agent.descriptors()) == bool(events)


def test_d4_the_port_comes_later(party):
    """A directory of ports that is not there at first, then is, then has the port."""
    ports = party.directory / "dev" / "virtio-ports"
    config = party.configure(f"[virtio]\ndevice_prefix = {ports}/")
    agent = party.agent("--debug", config=config, guest=party.guest())
    agent.wait_log("No port for channel")
    assert idle(agent, 1) < 0.02 * SLOWNESS
    ports.parent.mkdir()
    ports.mkdir()
    host = party.keep(Host.pty(party.directory / "terminal"))
    host.process()
    os.symlink(os.readlink(party.directory / "terminal"), ports / PORT)
    settle(host)
    first = [e.name for e in host.messages()][:len(STARTUP_ORDER)]
    assert first == list(STARTUP_ORDER)
    assert not complaints(host)


# A guest full of containers may have none left.
NO_WATCHES = ["unshare", "--user", "--map-root-user", "sh", "-c",
              'echo 0 >/proc/sys/user/max_inotify_instances && exec "$@"', "sh"]


@pytest.mark.parametrize("prefix", [[], NO_WATCHES], ids=["watched", "without-watches"])
def test_d5_the_port_is_unplugged_and_another_plugged(party, prefix):
    ports = party.directory / "ports"
    ports.mkdir()
    config = party.configure(f"[virtio]\ndevice_prefix = {ports}")
    agent = party.agent("--debug", config=config, guest=party.guest(), prefix=prefix)
    agent.wait_log("No port for channel")
    assert bool(agent.log("Cannot be notified when")) == bool(prefix)
    for _ in range(3):
        host = Host.pty(ports / PORT)
        try:
            host.expect("heartbeat", within=scaled(9))
        finally:
            host.close()
        assert idle(agent, 0.3) < 0.2 * SLOWNESS
    # Now the old name.
    host = party.keep(Host.pty(ports / LEGACY_PORT))
    host.expect("refresh-set", within=scaled(9))


@pytest.mark.parametrize("there", [PORT, LEGACY_PORT])
def test_d6_the_port_with_a_host(party, there):
    """With both ports the one is used whose host is there, and the other when that host leaves."""
    other = LEGACY_PORT if there == PORT else PORT
    paths = {name: party.directory / name for name in (PORT, LEGACY_PORT)}
    first = party.host(paths[there])
    agent = party.agent(*(word for name, path in paths.items() for word in ("--port", f"{name}={path}")),
                        guest=party.guest())
    settle(first)
    second = party.host(paths[other])
    second.wait_connected(scaled(8))
    first.expect("heartbeat", within=scaled(3))
    assert second.messages() == []
    first.close()
    second.expect("refresh-set", within=scaled(8))
    agent.wait_log(f"Port {other}: host connected")


def test_d7_a_busy_port(party):
    """Said once, and taken over when it is free. Only those who may do everything may open it anyway."""
    wire = party.keep(PtyWire(party.socket)).open()
    fcntl.ioctl(wire.slave, termios.TIOCEXCL)
    agent = party.agent(guest=party.guest(), prefix=["setpriv", "--bounding-set=-sys_admin"])
    agent.wait_log("in use")
    assert idle(agent, 1) < 0.03 * SLOWNESS
    fcntl.ioctl(wire.slave, termios.TIOCNXCL)
    wire.read_until(lambda m: "fqdn" in names(m), within=12)
    assert len(agent.log("in use")) == 1


def test_d8_a_hundred_bytes_at_a_time(party):
    """Lines arrive whole and in order from a host that reads slowly, longer ones than a terminal's queue too."""
    guest = party.guest()
    for i in range(60):
        guest.ip(f"link add name-of-nic{i:02} address 52:54:00:00:00:{i:02x} type veth peer name far-away{i:02}")
        guest.ip(f"link set name-of-nic{i:02} up")
    wire = party.keep(PtyWire(party.socket)).open()
    party.agent(guest=guest)
    messages = wire.read_until(lambda m: "fqdn" in names(m), size=100, within=20)
    assert [n for n in names(messages) if n != "heartbeat"][:len(STARTUP_ORDER)] == list(STARTUP_ORDER)
    interfaces = next(m for m in messages if m["__name__"] == "network-interfaces")["interfaces"]
    assert len(interfaces) == 61
    wire.send(b"".join(b'{"n": %d, "s": "%s", "__name__": "echo"}\n' % (n, b"y" * 900) for n in range(4)))
    messages = wire.read_until(lambda m: names(m).count("echo") == 4, size=100, within=20)
    assert [m["n"] for m in messages if m["__name__"] == "echo"] == [0, 1, 2, 3]


def test_d13_a_backlog_from_before_the_start(party):
    """Fifty commands that waited in the port are done in order."""
    wire = party.keep(PtyWire(party.socket)).open()
    commands = [{"n": n, "__name__": "echo"} if n % 5 else {"__name__": ["login", "lock-screen"][n % 2]}
                for n in range(50)]
    wire.send(b"".join(json.dumps(c).encode() + b"\n" for c in commands))
    party.agent(guest=party.guest())
    messages = wire.read_until(lambda m: names(m).count("echo") == 40 and "fqdn" in names(m))
    assert [m["n"] for m in messages if m["__name__"] == "echo"] == [n for n in range(50) if n % 5]


def test_the_port_is_not_inherited(party):
    """Children do not hold it: nobody else could have it when the agent goes."""
    guest = party.guest()
    guest.add_black_hole()
    wire = party.keep(PtyWire(party.socket)).open()
    agent = party.agent(guest=guest)
    wire.read(within=5)
    # One waits for a name server that never answers.
    children = until(lambda: [p for p in agent.family() if p != agent.pid])
    port = os.ttyname(wire.slave)
    assert port in agent.descriptors()
    looked_at = 0
    for child in children:
        try:
            assert port not in agent.descriptors(child)
            looked_at += 1
        except FileNotFoundError:
            pass    # it has ended meanwhile
    assert looked_at
