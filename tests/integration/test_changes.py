# SPDX-License-Identifier: Apache-2.0
"""A change in the guest is on the wire within a second, and what has not changed is not."""

import os
import time

import pytest
from rig.guest import dpkg_status, replace
from rig.pace import complaints, scaled, until

WITHIN = 1.0
# No file system of the machine the tests run on: its usage changes by itself.
NO_DISKS = "*"
TMPFS_ONLY = "[!t]*"


def addresses(host, family="inet"):
    """What the interfaces of the last report have, by name."""
    reports = host.messages("network-interfaces")
    return {i["name"]: i[family] for i in reports[-1]["interfaces"]} if reports else {}


class Scene:
    """An agent that is quiet, in a guest to change."""

    def __init__(self, party, **general):
        self.guest = party.guest()
        self.host, self.agent = party.settled(
            guest=self.guest, config=party.configure(**{"ignored_fs": NO_DISKS, **general}))
        self.host.collect(scaled(0.3))
        self.host.skip()

    def see(self, name, condition, act):
        """Acts, and sees the message with what it does in time."""
        begin = time.monotonic()
        act()
        self.host.wait_until(lambda: any(condition(m) for m in self.host.messages(name)
                                         if m.time >= begin - self.host._start), scaled(WITHIN), f"a fitting {name}")


@pytest.fixture
def scene(party):
    return Scene(party)


def test_address(scene):
    for word in "add", "del":
        scene.see("network-interfaces", lambda m: ("192.0.2.17" in m["interfaces"][0]["inet"]) == (word == "add"),
                  lambda: scene.guest.ip(f"address {word} 192.0.2.17/24 dev eth0"))
    scene.see("network-interfaces", lambda m: "2001:db8::17" in m["interfaces"][0]["inet6"],
              lambda: scene.guest.ip("address add 2001:db8::17/64 dev eth0 nodad"))
    assert not complaints(scene.host)


def test_link(scene):
    scene.see("network-interfaces", lambda m: not m["interfaces"], lambda: scene.guest.ip("link set eth0 down"))
    scene.see("network-interfaces", lambda m: m["interfaces"], lambda: scene.guest.ip("link set eth0 up"))
    scene.see("network-interfaces", lambda m: {i["name"] for i in m["interfaces"]} == {"eth0", "eth1"},
              lambda: scene.guest.add_nic("eth1", "52:54:00:ab:cd:02"))
    scene.see("network-interfaces", lambda m: m["interfaces"][0]["hw"] == "52:54:00:ab:cd:0a",
              lambda: scene.guest.run("sh", "-c", "ip link set eth0 down && ip link set eth0 address 52:54:00:AB:CD:0A "
                                      "&& ip link set eth0 up"))
    scene.see("network-interfaces", lambda m: [i["name"] for i in m["interfaces"]] == ["eth0"],
              lambda: scene.guest.ip("link delete eth1"))


def test_host_name(scene):
    """The host name, and with it the name with a domain."""
    def rename():
        replace(scene.guest.etc / "hosts", "192.0.2.8 other.example.org other\n")
        scene.guest.run("hostname", "other")
    begin = len(scene.host.events)
    scene.see("host-name", lambda m: m["name"] == "other", rename)
    scene.host.wait_until(lambda: any(e.name == "fqdn" and e.members.get("fqdn") == "other.example.org"
                                      for e in scene.host.events[begin:]), scaled(WITHIN), "the fqdn")


def test_hosts_file(scene):
    scene.see("fqdn", lambda m: m["fqdn"] == "guest7.example.net", lambda: replace(
        scene.guest.etc / "hosts", "192.0.2.7 guest7.example.net guest7\n"))


def test_name_servers(scene):
    """Another network's name servers, as its DHCP client writes them down."""
    scene.guest.resolve_by_dns(search="example.net")
    scene.guest.add_name_server()
    scene.host.collect(scaled(2))
    assert scene.host.messages("fqdn")[-1]["fqdn"] == "guest7"
    scene.see("fqdn", lambda m: m["fqdn"] == "guest7.example.org", lambda: replace(
        scene.guest.etc / "resolv.conf", "nameserver 127.0.0.1\nsearch example.org\n"))


@pytest.mark.parametrize("way", ["rename", "remove-and-link", "file"])
def test_time_zone(scene, way):
    localtime = scene.guest.etc / "localtime"
    target = "/usr/share/zoneinfo/America/Argentina/Buenos_Aires"

    def act():
        if way == "rename":
            new = scene.guest.etc / "localtime.new"
            new.symlink_to(target)
            os.replace(new, localtime)
        else:
            localtime.unlink()
            if way == "file":
                localtime.write_bytes(open(target, "rb").read())
            else:
                localtime.symlink_to(target)
    scene.see("timezone", lambda m: m["offset"] == -180, act)
    if way != "file":
        assert scene.host.messages("timezone")[-1]["zone"] == "America/Argentina/Buenos_Aires"


def test_mount(party):
    scene = Scene(party, ignored_fs=TMPFS_ONLY)
    place = party.directory / "a b"
    place.mkdir()
    paths = [lambda m: any(d["path"] == str(place) for d in m["disks"])]
    scene.see("disks-usage", paths[0], lambda: scene.guest.run("mount", "-t", "tmpfs", "x", str(place)))
    scene.see("disks-usage", lambda m: not paths[0](m), lambda: scene.guest.run("umount", str(place)))


@pytest.mark.parametrize("way", ["rename", "backup"])
def test_package(scene, way):
    def act():
        if way == "backup":         # as dpkg does it
            (scene.guest.dpkg / "status-old").unlink(missing_ok=True)
            os.link(scene.guest.dpkg / "status", scene.guest.dpkg / "status-old")
        replace(scene.guest.dpkg / "status", dpkg_status(qemu_guest_agent="1:8.0-1", cloud_init="24.1-1"))
    scene.see("applications", lambda m: "cloud-init-24.1-1" in m["applications"], act)


def test_os_release(scene):
    scene.see("os-info", lambda m: m["version"] == "8",
              lambda: replace(scene.guest.etc / "os-release", 'NAME="Test Linux"\nVERSION_ID=8\n'))


def test_a_burst_of_changes(scene):
    """Two hundred addresses in a row: the last state is told in time, and not in two hundred messages."""
    commands = "".join(f"address add 192.0.2.{i}/32 dev eth0\n" for i in range(1, 201))
    batch = scene.guest.directory / "batch"
    batch.write_text(commands)
    position = len(scene.host.events)
    scene.see("network-interfaces", lambda m: len(m["interfaces"][0]["inet"]) == 200,
              lambda: scene.guest.ip(f"-batch {batch}"))
    scene.host.collect(scaled(0.7))
    sent = [e for e in scene.host.events[position:] if e.kind == "message" and e.name == "network-interfaces"]
    assert len(sent) <= 4


def test_changes_that_never_end(scene):
    """Somebody who changes something all the time does not delay the news for ever."""
    position, begin = len(scene.host.events), time.monotonic()
    for i in range(60):
        replace(scene.guest.etc / "hosts", f"192.0.2.7 guest7.example{i}.org guest7\n")
        scene.host.collect(0.05)
    seconds = time.monotonic() - begin
    told = [e for e in scene.host.events[position:] if e.name == "fqdn" and e.kind == "message"]
    assert seconds / 2 / scaled(1) <= len(told) <= seconds * 2 + 2


def test_what_has_not_changed_is_not_sent(party):
    """However often it is looked at."""
    scene = Scene(party, report_user_rate=1, report_application_rate=1, report_disk_usage=1, report_num_cpu_rate=1)
    seen = {e.name for e in scene.host.collect(scaled(3.3))}
    assert {"heartbeat", "number-of-cpus"} == seen


@pytest.mark.parametrize("file, name", [("hosts", "fqdn"), ("localtime", "timezone"), ("os-release", "os-info")])
def test_touched_is_not_changed(scene, file, name):
    path = scene.guest.etc / file
    new = scene.guest.etc / "new"
    if path.is_symlink():
        new.symlink_to(os.readlink(path))
    else:
        new.write_bytes(path.read_bytes())
    position = len(scene.host.events)
    os.replace(new, path)
    scene.host.collect(scaled(1))
    assert name not in {e.name for e in scene.host.events[position:] if e.kind == "message"}


def test_changes_while_nobody_is_there(scene):
    """The next host gets the state of then, once it asks."""
    scene.host.disconnect()
    scene.agent.wait_log("host disconnected")
    scene.guest.run("hostname", "later")
    replace(scene.guest.etc / "hosts", "192.0.2.8 later.example.org later\n")
    replace(scene.guest.dpkg / "status", dpkg_status(cloud_init="25-1"))
    scene.host.connect()
    scene.host.wait_connected(scaled(8))
    position = len(scene.host.events)
    scene.host.expect("refresh-set", within=scaled(5))
    messages = [e for e in scene.host.events[position:] if e.kind == "message" and e.name != "heartbeat"]
    assert [e.name for e in messages][0] == "session-startup"
    told = {e.name: e.members for e in messages}
    assert told["host-name"]["name"] == "later" and told["fqdn"]["fqdn"] == "later.example.org"
    assert "cloud-init-25-1" in told["applications"]["applications"]


def test_changes_while_the_host_does_not_read(scene):
    """When it reads again it gets complete lines, and the newest state last."""
    host = scene.host
    host.pause()
    line = b'{"s": "%s", "__name__": "echo"}\n' % (b"x" * 60_000)
    sent = 0
    while sent < 20:            # far more than a socket holds
        host.send_bytes(line)
        sent += 1
        host.drain(scaled(5))
    for name in "one", "two", "three":
        scene.guest.run("hostname", name)
        until(lambda: scene.agent.running, 0.1)
        host.collect(0.3)
    position = len(host.events)
    host.resume()
    host.wait_until(lambda: any(e.name == "host-name" for e in host.events[position:]), scaled(3))
    host.collect(scaled(1))
    names = [e["name"] for e in host.events[position:] if e.kind == "message" and e.name == "host-name"]
    assert names == ["three"]
    host.expect("heartbeat", within=scaled(2.5))
    assert not complaints(host)
