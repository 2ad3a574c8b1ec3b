# SPDX-License-Identifier: Apache-2.0
"""Processors, disks and network cards that come and go."""
import pytest
from helpers import until

pytestmark = pytest.mark.usefixtures("clean_journal")

# A second as everywhere, and one more for the emulated processor.
AT_ONCE = 2.0


def test_processor_offline_and_online(guest, host):
    guest.run("sh", "-c", "echo 0 >/sys/devices/system/cpu/cpu1/online")
    host.expect("number-of-cpus", count=1, within=AT_ONCE)
    guest.run("sh", "-c", "echo 1 >/sys/devices/system/cpu/cpu1/online")
    host.expect("number-of-cpus", count=2, within=AT_ONCE)


def test_disk_plugged_named_and_unplugged(guest, host):
    serial = "5d1f1c9e-6a35-4c3b-9"
    guest.add_disk("data", serial)
    node = until(lambda: guest.run("sh", "-c", f"readlink -f /dev/disk/by-id/virtio-{serial} || true").strip(),
                 10, "the disk appears")
    seen = host.expect("disks-usage", mapping=lambda m: serial in m, within=10)
    assert seen["mapping"][serial] == {"name": guest.run("readlink", "-f", f"/dev/disk/by-id/virtio-{serial}").strip()}
    assert node.startswith("/dev/")
    guest.remove_disk("data")
    host.expect("disks-usage", mapping=lambda m: serial not in m, within=10)


def test_file_system_on_a_disk(guest, host):
    guest.add_disk("data", "bed-data")
    until(lambda: not guest.run("test", "-b", "/dev/disk/by-id/virtio-bed-data", check=False).rc, 10, "the disk")
    guest.run("mke2fs", "-q", "-t", "ext4", "/dev/disk/by-id/virtio-bed-data")
    guest.run("mount", "/dev/disk/by-id/virtio-bed-data", "/mnt")
    seen = host.expect("disks-usage", disks=lambda d: "/mnt" in [f["path"] for f in d], within=AT_ONCE)
    size, blocks, free = map(int, guest.run("stat", "-f", "-c", "%S %b %f", "/mnt").split())
    found = {d["path"]: d for d in seen["disks"]}
    assert found["/mnt"] == {"path": "/mnt", "fs": "ext4", "total": size * blocks, "used": size * (blocks - free)}
    assert set(found) == {"/", "/mnt"}
    guest.run("umount", "/mnt")
    host.expect("disks-usage", disks=lambda d: [f["path"] for f in d] == ["/"], within=AT_ONCE)


def test_network_card(guest, host):
    name = guest.run("sh", "-c", "ls -d /sys/class/net/*/device | cut -d/ -f5").strip()
    guest.run("ip", "link", "set", name, "up")
    guest.run("ip", "addr", "add", "192.0.2.9/24", "dev", name)
    seen = host.expect("network-interfaces", within=AT_ONCE,
                       interfaces=lambda i: any("192.0.2.9" in n["inet"] for n in i))
    assert [(n["name"], n["hw"]) for n in seen["interfaces"]] == [(name, "52:54:00:12:34:56")]
    guest.run("ip", "addr", "flush", "dev", name)
    host.expect("network-interfaces", within=AT_ONCE,
                interfaces=lambda i: not any("192.0.2.9" in n["inet"] for n in i))


def test_network_card_plugged_and_unplugged(guest, host):
    guest.qmp("netdev_add", type="user", id="net1", restrict=True)
    guest.qmp("device_add", driver="virtio-net-pci", id="nic1", netdev="net1", mac="52:54:00:00:00:99")

    def find():
        return guest.run("sh", "-c", "grep -sl 52:54:00:00:00:99 /sys/class/net/*/address | cut -d/ -f5").strip()
    until(find, 10, "the card appears")
    guest.run("udevadm", "settle")       # udev gives it another name
    name = find()
    guest.run("ip", "link", "set", name, "up")
    host.expect("network-interfaces", within=AT_ONCE,
                interfaces=lambda i: "52:54:00:00:00:99" in [n["hw"] for n in i])
    guest.remove_device("nic1")
    host.expect("network-interfaces", within=5,
                interfaces=lambda i: "52:54:00:00:00:99" not in [n["hw"] for n in i])
