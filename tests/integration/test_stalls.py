# SPDX-License-Identifier: Apache-2.0
"""Nothing in the guest stalls the heartbeat, nor the other reports."""

import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from rig.bus import LoginManager
from rig.guest import dpkg_status, replace
from rig.pace import SLOWNESS, WRAPPER, complaints, scaled, until

DEAD_FUSE = Path(__file__).resolve().parent / "rig/dead_fuse.py"
MANY_MOUNTS = DEAD_FUSE.with_name("many_mounts.py")
# Between two heartbeats: a second, and what they may be late.
GAP = 1.0 + 0.3


def beats(host, seconds, gap=GAP):
    """Heartbeats come in time for a while."""
    begin = host.now
    host.collect(seconds)
    times = [begin, *(e.time for e in host.messages("heartbeat") if e.time > begin), host.now]
    gaps = [b - a for a, b in zip(times, times[1:])]
    assert len(times) > 3 and max(gaps) < gap * SLOWNESS, gaps


def steady(host):
    """Past the first two heartbeats, which have a rate of their own."""
    host.wait_until(lambda: len(host.messages("heartbeat")) >= 2, scaled(5))


class Flood(threading.Thread):
    """Does something again and again until closed."""

    def __init__(self, action, every=0.01):
        super().__init__()
        self._action, self._every = action, every
        self._end = threading.Event()
        self.start()

    def run(self):
        while not self._end.wait(self._every):
            self._action()

    def close(self):
        self._end.set()
        self.join()


def add_dead_file_system(party, guest):
    dead = party.directory / "dead"
    dead.mkdir()
    guest.helper(str(DEAD_FUSE), str(dead), "fuse.sshfs")


def test_e6_a_dead_file_system_at_the_start(party):
    """The others are reported without it, and again when it is gone."""
    guest = party.guest()
    add_dead_file_system(party, guest)
    live = party.directory / "live"
    live.mkdir()
    guest.run("mount", "-t", "tmpfs", "-o", "size=1m", "x", str(live))
    host, agent = party.agreed(guest=guest, config=party.configure(ignored_fs="[!tf]*"))
    host.expect("os-info", within=scaled(4))
    report = host.expect("disks-usage", within=scaled(6))
    assert [d["path"] for d in report["disks"] if str(party.directory) in d["path"]] == [str(live)]
    beats(host, 3)
    assert agent.log("does not answer")


def test_a_file_system_dies(party):
    guest = party.guest()
    host, agent = party.settled(guest=guest, config=party.configure(report_disk_usage=1, ignored_fs="[!tf]*"))
    steady(host)
    add_dead_file_system(party, guest)
    beats(host, 5)
    assert len(agent.family()) <= 4
    host.send("refresh")
    host.expect("os-info", within=scaled(3))
    # And another one while the first still hangs.
    guest.run("mount", "-t", "tmpfs", "x", "/mnt")
    host.wait_until(lambda: any(d["path"] == "/mnt" for e in host.messages("disks-usage") for d in e["disks"]),
                    scaled(9), "the new one")


def test_a_stuck_container_engine(party):
    """It takes the question and never answers."""
    guest = party.guest()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
        engine.bind(str(guest.private("/run") / "docker.sock"))
        engine.listen(8)
        host, agent = party.agreed(guest=guest, config=party.configure(report_application_rate=1))
        host.expect("os-info", within=scaled(4))
        steady(host)
        beats(host, 3)
        assert len(agent.family()) <= 3
        guest.run("hostname", "other")
        host.expect("host-name", within=scaled(1.5), name="other")


def test_a_container_engine_that_does_not_even_listen(party):
    """Its queue is full."""
    guest = party.guest()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:
        path = str(guest.private("/run") / "docker.sock")
        engine.bind(path)
        engine.listen(0)
        callers = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(3)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(path)
        host, _ = party.agreed(guest=guest)
        host.expect("os-info", within=scaled(4))
        steady(host)
        beats(host, 2.5)
        for caller in callers:
            caller.close()


def test_a_package_database_being_rewritten(party):
    """All the time: still in time, with little work, and the last state is told."""
    guest = party.guest()
    status = guest.dpkg / "status"
    text = dpkg_status(**{f"package{i}": "1" for i in range(2000 if SLOWNESS == 1 else 200)})
    replace(status, text)
    host, agent = party.settled(guest=guest)
    steady(host)
    flood = party.keep(Flood(lambda: replace(status, text + dpkg_status(cloud_init=str(time.monotonic_ns())))))
    cpu = agent.cpu_seconds()
    beats(host, 3)
    assert agent.cpu_seconds() - cpu < 1 * SLOWNESS
    flood.close()
    replace(status, text + dpkg_status(cloud_init="last"))
    host.wait_until(lambda: any("cloud-init-last" in e["applications"] for e in host.messages("applications")),
                    scaled(2), "the last state")


def test_network_changes_without_end(party):
    guest = party.guest()
    host, agent = party.settled(guest=guest)
    steady(host)
    batch = party.directory / "batch"
    batch.write_text("address add 192.0.2.1/32 dev eth0\naddress del 192.0.2.1/32 dev eth0\n" * 20_000)
    guest.helper("sh", "-c", f"echo ready; exec ip -batch {batch}")
    cpu = agent.cpu_seconds()
    beats(host, 3)
    assert agent.cpu_seconds() - cpu < 2 * SLOWNESS


def test_dns_that_never_answers(party):
    guest = party.guest()
    guest.add_black_hole()
    host, agent = party.agreed(guest=guest, config=party.configure(report_application_rate=1))
    host.expect("os-info", within=scaled(4))
    steady(host)
    beats(host, 3)
    assert len(agent.family()) <= 3


def test_dns_that_answers_later(party):
    """The name alone until then; nothing announces that a name server is there."""
    guest = party.guest()
    guest.resolve_by_dns()
    host, _ = party.settled(guest=guest, config=party.configure(report_application_rate=1))
    host.wait_until(lambda: host.messages("fqdn"), scaled(4), "a name")
    assert host.messages("fqdn")[-1]["fqdn"] == "guest7"
    guest.add_name_server()
    host.wait_until(lambda: host.messages("fqdn")[-1]["fqdn"] == "guest7.example.org", scaled(4), "the full name")


def test_the_bus_is_absent_and_comes(party):
    bus = party.bus(start=False)
    host, agent = party.settled(guest=party.guest(), bus=bus)
    assert host.messages("active-user")[-1]["name"] == "None"
    steady(host)
    beats(host, 2.5)
    assert len(agent.log("system bus")) == 1
    bus.start()
    LoginManager(bus).add("1", "alice")
    host.wait_until(lambda: host.messages("active-user")[-1]["name"] == "alice", scaled(8), "the user")


def test_the_bus_is_kept(party):
    """Beyond the time that it has to answer in."""
    bus = party.bus()
    logins = LoginManager(bus)
    host, agent = party.settled(guest=party.guest(), bus=bus)
    host.collect(scaled(6.5))
    assert not agent.log("system bus")
    logins.add("1", "alice")
    host.wait_until(lambda: host.messages("active-user")[-1]["name"] == "alice", scaled(3), "the user")


def test_the_bus_is_restarted(party):
    bus = party.bus()
    LoginManager(bus).add("1", "alice")
    host, agent = party.settled(guest=party.guest(), bus=bus)
    assert host.messages("active-user")[-1]["name"] == "alice"
    steady(host)
    position = len(host.events)
    bus.stop()
    beats(host, 2.5)
    bus.start()
    logins = LoginManager(bus)
    logins.add("2", "bob")
    host.wait_until(lambda: host.messages("active-user")[-1]["name"] == "bob", scaled(8), "the next user")
    # Nobody told the agent that alice had gone, until the bus was there again.
    assert [e["name"] for e in host.events[position:] if e.kind == "message" and e.name == "active-user"] \
        in (["bob"], ["None", "bob"])
    assert agent.log("Connected to the system bus again")


def test_the_bus_is_frozen_and_thaws(party):
    bus = party.bus()
    logins = LoginManager(bus)
    logins.add("1", "alice")
    host, agent = party.settled(guest=party.guest(), bus=bus)
    steady(host)
    bus.freeze()
    position = len(host.events)
    host.send("refresh")
    host.expect("os-info", within=scaled(3))
    beats(host, 2.5)
    assert any(e.name == "active-user" and e.kind == "message" for e in host.events[position:])
    bus.thaw()
    logins.add("2", "bob")
    logins.remove("1")
    host.wait_until(lambda: host.messages("active-user")[-1]["name"] == "bob", scaled(3), "the next user")


def test_the_bus_is_frozen_from_the_start(party):
    """Who is there is not known for five seconds, then nobody is; everything else is told."""
    bus = party.bus()
    logins = LoginManager(bus)
    logins.add("1", "alice", state="active")
    logins.activate("1")
    bus.freeze()
    host = party.host()
    agent = party.agent(guest=party.guest(), bus=bus)
    host.expect("os-info", within=scaled(6))
    assert not host.messages("active-user")
    beats(host, 2.5)
    host.expect("active-user", within=scaled(5), name="None")
    assert agent.log("No connection to the system bus")
    position = len(host.events)
    host.send("refresh")
    host.expect("os-info", within=scaled(3))
    assert any(e.name == "active-user" and e.kind == "message" for e in host.events[position:])
    bus.thaw()
    host.expect("active-user", within=scaled(10), name="alice")


def test_d11_thirty_thousand_mounts(party):
    """Their line is as long as a line may be, and nothing waits for it."""
    if WRAPPER:
        pytest.skip("a child is killed before it has looked at so many")
    guest = party.guest()
    guest.run("mount", "-t", "tmpfs", "none", "/mnt")
    # Longer names make up for fewer.
    n = 30_000 // SLOWNESS
    host, agent = party.settled(guest=guest, config=party.configure(ignored_fs="[!t]*"))
    steady(host)
    begin = host.now
    mounting = subprocess.Popen([*guest.enter, str(MANY_MOUNTS), "/mnt", str(n), "240" if SLOWNESS > 1 else "60"])
    host.wait_until(lambda: mounting.poll() is not None, scaled(20), "the mounts")
    assert mounting.returncode == 0
    host.wait_until(lambda: len(host.messages("disks-usage")[-1]["disks"]) > 1000, scaled(6), "the file systems")
    host.send("refresh")
    host.expect("os-info", within=scaled(3))
    host.collect(scaled(3))
    [line, disks] = [(e.raw, e["disks"]) for e in host.messages("disks-usage")][-1]
    assert 1_000_000 < len(line) <= 1_048_575 and 1000 < len(disks) < n
    assert sum(d["path"].startswith("/mnt/0") for d in disks) > 1000
    times = [begin, *(e.time for e in host.messages("heartbeat") if e.time > begin), host.now]
    assert max(b - a for a, b in zip(times, times[1:])) < GAP * SLOWNESS, times
    assert agent.running and not complaints(host)


def test_an_echo_flood_nobody_reads(party):
    """Its memory is bounded, the port does not spin, and when the host reads again everything goes on."""
    host, agent = party.settled(guest=party.guest())
    line = b'{"s": "%s", "__name__": "echo"}\n' % (b"x" * 30_000)
    host.pause()
    for _ in range(200):        # 6 MB, three times what is kept for the host
        host.send_bytes(line)
        host.drain(scaled(5))
    until(lambda: len(agent.log("Received echo", "debug")) == 200)
    assert agent.log("does not read")
    peak, cpu, begin = agent.memory_peak_kib(), agent.cpu_seconds(), time.monotonic()
    until(lambda: time.monotonic() > begin + 1.5, 3)
    assert agent.cpu_seconds() - cpu < 0.05 * SLOWNESS
    host.resume()
    host.expect("heartbeat", within=scaled(4))
    host.send({"__name__": "echo", "fence": 1})
    host.expect("echo", within=scaled(4), fence=1)
    assert not complaints(host)
    assert SLOWNESS > 1 or peak < 24 * 1024


def test_an_echo_flood(party):
    """Every one is answered, and the heartbeat comes between."""
    host, _ = party.settled(guest=party.guest())
    steady(host)
    total, sent = 4000 // SLOWNESS, 0
    begin = host.now
    while sent < total:
        host.send_bytes(b'{"n": 1, "__name__": "echo"}\n' * 100)
        host.process(0)
        sent += 100
    host.wait_until(lambda: len([e for e in host.events if e.kind == "message" and e.name == "echo"]) == total,
                    scaled(10), "all echoes")
    beats(host, max(2.2, host.now - begin))
