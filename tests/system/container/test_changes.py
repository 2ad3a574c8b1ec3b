# SPDX-License-Identifier: Apache-2.0
"""A change in the guest reaches the wire within a second."""
import helpers
import pytest
from helpers import AT_ONCE

pytestmark = pytest.mark.usefixtures("clean_journal")


@pytest.fixture(scope="module")
def nspawn_arguments(loop_device):
    return [f"--bind={loop_device}:/dev/bed-disk"] if loop_device else []


@pytest.fixture
def block_device(loop_device):
    if not loop_device:
        pytest.skip("no loop devices here")
    return "/dev/bed-disk"


@pytest.fixture
def package(guest):
    """Makes tiny packages in the guest."""
    def make(name, version):
        guest.run("mkdir", "-p", "/tmp/p/DEBIAN")
        helpers.write_file(guest, "/tmp/p/DEBIAN/control",
                           f"Package: {name}\nVersion: {version}\nArchitecture: all\n"
                           "Maintainer: Test <test@example.org>\nDescription: test\n")
        guest.run("dpkg-deb", "--build", "/tmp/p", f"/tmp/{name}.deb")
        guest.run("rm", "-r", "/tmp/p")
        return f"/tmp/{name}.deb"
    return make


def mounted(path):
    return lambda disks: any(d["path"] == path for d in disks)


def not_mounted(path):
    return lambda disks: not mounted(path)(disks)


def disk(message, path):
    return next(d for d in message["disks"] if d["path"] == path)


def test_host_name(guest, host):
    try:
        guest.run("hostnamectl", "set-hostname", "renamed.example.net")
        host.expect("host-name", name="renamed.example.net", within=AT_ONCE)
        host.expect("fqdn", fqdn="renamed.example.net", within=AT_ONCE)
    finally:
        guest.run("hostnamectl", "set-hostname", "bed")
    host.expect("host-name", name="bed", within=AT_ONCE)


def test_host_name_without_hostnamed(guest, host):
    try:
        guest.run("hostname", "bare")
        host.expect("host-name", name="bare", within=AT_ONCE)
    finally:
        guest.run("hostname", "bed")
    host.expect("host-name", name="bed", within=AT_ONCE)


@pytest.mark.parametrize("zone, offsets", [
    ("Asia/Kathmandu", {345}),
    ("America/Argentina/Buenos_Aires", {-180}),
    ("Europe/Berlin", {60, 120}),
    ("UTC", {0}),
])
def test_time_zone(guest, host, zone, offsets):
    guest.run("timedatectl", "set-timezone", zone)
    assert host.expect("timezone", zone=zone, within=AT_ONCE)["offset"] in offsets


def test_package(guest, host, package):
    first = package("cloud-init", "1.2-3")
    guest.run("dpkg", "-i", first)
    host.expect("applications", applications=lambda a: "cloud-init-1.2-3" in a, within=AT_ONCE)
    guest.run("dpkg", "-i", package("cloud-init", "2:1.3"))
    host.expect("applications", applications=lambda a: "cloud-init-1.3" in a, within=AT_ONCE)
    guest.run("dpkg", "--purge", "cloud-init")
    host.expect("applications", applications=lambda a: "cloud-init" not in " ".join(a), within=AT_ONCE)


def test_package_that_nobody_asked_for(guest, host, package):
    before = len(host.messages("applications"))
    guest.run("dpkg", "-i", package("uninteresting", "1"))
    host.expect("heartbeat", within=7)
    assert len(host.messages("applications")) == before


def test_mount_and_unmount(guest, host, block_device):
    guest.run("mkdir", "-p", "/mnt/a b")
    guest.run("mount", "-t", "ext4", block_device, "/mnt/a b")
    try:
        seen = host.expect("disks-usage", disks=mounted("/mnt/a b"), within=AT_ONCE)
        said = guest.run("stat", "-f", "-c", "%S %b %f", "/mnt/a b").split()
        size, blocks, free = map(int, said)
        assert disk(seen, "/mnt/a b") == {"path": "/mnt/a b", "fs": "ext4", "total": size * blocks,
                                          "used": size * (blocks - free)}
        # A second mount of the same file system is not a second file system.
        guest.run("mkdir", "-p", "/srv/again")
        guest.run("mount", "--bind", "/mnt/a b", "/srv/again")
        try:
            host.skip()
            host.send("refresh")
            paths = [d["path"] for d in host.expect("disks-usage", within=3)["disks"]]
            assert "/srv/again" not in paths and "/mnt/a b" in paths
        finally:
            guest.run("umount", "/srv/again")
    finally:
        guest.run("umount", "/mnt/a b")
    host.expect("disks-usage", disks=not_mounted("/mnt/a b"), within=AT_ONCE)


def test_memory_file_system_is_ignored_unless_configured(guest, host):
    guest.run("mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", "/mnt")
    try:
        host.skip()
        host.send("refresh")
        assert not mounted("/mnt")(host.expect("disks-usage", within=3)["disks"])
        good = guest.run("cat", helpers.CONFIG)
        helpers.configure(guest, "general", ignored_fs="proc sysfs cgroup cgroup2 overlay")
        try:
            guest.run("systemctl", "restart", helpers.UNIT)
            seen = host.expect("disks-usage", disks=mounted("/mnt"), within=8)
            assert disk(seen, "/mnt")["total"] == 8 << 20
        finally:
            helpers.write_file(guest, helpers.CONFIG, good)
    finally:
        guest.run("umount", "/mnt")


def test_mount_below_tmp_and_home_is_seen(guest, host, block_device):
    """Places that a careless sandbox hides."""
    for where in ("/tmp/disk", "/home/alice/disk"):
        guest.run("mkdir", "-p", where)
        guest.run("mount", "-t", "ext4", block_device, where)
        try:
            host.expect("disks-usage", disks=mounted(where), within=AT_ONCE)
        finally:
            guest.run("umount", where)
        host.expect("disks-usage", disks=not_mounted(where), within=AT_ONCE)


def test_link_down_and_up(guest, host):
    guest.run("ip", "link", "add", "br0", "type", "bridge")
    try:
        guest.run("ip", "link", "set", "br0", "up")
        host.expect("network-interfaces", interfaces=lambda i: [n["name"] for n in i] == ["br0"], within=AT_ONCE)
        guest.run("ip", "link", "set", "br0", "down")
        host.expect("network-interfaces", interfaces=[], within=AT_ONCE)
    finally:
        guest.run("ip", "link", "del", "br0")


def test_many_changes_are_told_together(guest, host):
    """Fifty addresses at once are a handful of messages, not fifty."""
    guest.run("ip", "link", "add", "br0", "type", "bridge")
    try:
        before = len(host.messages("network-interfaces"))
        guest.run("sh", "-c", "ip link set br0 up; for i in $(seq 50); do ip addr add 192.0.2.$i/24 dev br0; done")
        host.expect("network-interfaces", interfaces=lambda i: i and len(i[0]["inet"]) == 50, within=2)
        assert len(host.messages("network-interfaces")) - before <= 5
    finally:
        guest.run("ip", "link", "del", "br0")
