# SPDX-License-Identifier: Apache-2.0
"""What the reports say: vectors E, and that --collect prints what is on the wire."""

import json
import os

import pytest
from rig.agent import run_once
from rig.engine import Engine
from rig.guest import MAC, dpkg_status, replace
from rig.pace import complaints, scaled
from rig.wire import SocketWire

REPORTS = ["applications", "containers", "disks-usage", "fqdn", "host-name", "network-interfaces", "number-of-cpus",
           "os-info", "os-version", "session-startup", "timezone"]


def collect(name, guest=None, config=None, prefix=()):
    """The report as --collect prints it, without its name."""
    arguments = [*(["--config", config] if config else []), "--collect", name]
    status, output, errors = run_once(*arguments, guest=guest, prefix=prefix)
    assert (status, errors) == (0, [])
    assert output.endswith("\n") and output.count("\n") == 1
    message = json.loads(output)
    assert message.pop("__name__") == name
    return message


@pytest.fixture
def guest(party):
    return party.guest()


def test_e1_e2_the_first_heartbeats(party, guest):
    host = party.host()
    party.agent(guest=guest)
    first = host.expect("heartbeat", within=scaled(3))
    second = host.expect("heartbeat", within=scaled(3))
    assert isinstance(first["free-ram"], str) and first["free-ram"].isdigit() and int(first["free-ram"]) > 0
    assert [first["memory-stat"][k] for k in ("swap_in", "swap_out", "pageflt", "majflt")] == [0] * 4
    with open("/proc/meminfo") as f:
        meminfo = {k: int(v.split()[0]) for k, _, v in (line.partition(":") for line in f)}
    stat = second["memory-stat"]
    assert stat["mem_total"] == meminfo["MemTotal"] and stat["swap_total"] == meminfo["SwapTotal"]
    assert abs(int(first["free-ram"]) - meminfo["MemAvailable"] // 1024) < meminfo["MemTotal"] // 1024 // 4
    assert not complaints(host)


def test_memory_stat_only_when_it_matters(party, guest):
    """And again for whoever asks for everything."""
    host, _ = party.settled(guest=guest)
    host.wait_until(lambda: len(host.messages("heartbeat")) >= 2, scaled(5))
    host.skip()
    host.expect("heartbeat", within=scaled(5), **{"memory-stat": None})
    host.send("refresh")
    host.expect("heartbeat", within=scaled(3), **{"memory-stat": lambda m: bool(m)})


def test_memory_stat_for_the_next_host(party, guest):
    """Also if it does not ask."""
    wire = party.keep(SocketWire(party.socket))
    party.agent(guest=guest)

    def beats(messages):
        return ["memory-stat" in m for m in messages if m["__name__"] == "heartbeat"]

    wire.open()
    wire.send(b'{"apiVersion": 3, "__name__": "api-version"}\n')
    wire.read_until(lambda m: False in beats(m))
    wire.hang_up()
    wire.open()
    assert beats(wire.read_until(beats))[0]


MOUNTPOINTS = [
    ("E3", b"a b", "a b"),
    ("E3-tab", b"a\tb", "a\tb"),
    ("E3-backslash", rb"a\040b", r"a\040b"),
    ("newline", b"a\nb", "a\nb"),
    ("E4", b"a\xffb", "a\ufffdb"),
    ("control", b"a\x01b", "a\ufffdb"),
    ("utf-8", "žluť".encode(), "žluť"),
    ("hash", b"#x", "#x"),
]


@pytest.mark.parametrize("name, shown", [m[1:] for m in MOUNTPOINTS], ids=[m[0] for m in MOUNTPOINTS])
def test_mountpoint(party, guest, name, shown):
    place = os.fsencode(party.directory) + b"/" + name
    os.mkdir(place)
    guest.run("mount", "-t", "tmpfs", "-o", "size=1m", "x", place)
    disks = collect("disks-usage", guest, party.configure(ignored_fs="[!t]*"))["disks"]
    assert {"path": f"{party.directory}/{shown}", "fs": "tmpfs", "total": 1 << 20, "used": 0} in disks


def test_e5_not_listed(party, guest):
    """A file mounted on a file; a file system of no size; ignored types; and one file system twice."""
    sub, again = party.directory / "sub", party.directory / "again"
    for directory in sub, again:
        directory.mkdir()
    guest.run("mount", "-t", "tmpfs", "x", str(sub))
    (party.directory / "file").write_text("")
    guest.run("touch", f"{sub}/file")
    guest.run("mount", "--bind", f"{sub}/file", f"{party.directory}/file")
    guest.run("mount", "--bind", str(sub), str(again))
    config = party.configure(ignored_fs="[!tp]*")
    paths = [d["path"] for d in collect("disks-usage", guest, config)["disks"]]
    assert str(sub) in paths
    assert str(party.directory / "file") not in paths and str(again) not in paths and "/proc" not in paths
    assert not any(d["fs"] == "tmpfs" for d in collect("disks-usage", guest)["disks"])


def test_ignore_zero_size_fs_false_means_false(party, guest):
    config = party.configure(ignored_fs="[!p]*", ignore_zero_size_fs="false")
    assert {"path": "/proc", "fs": "proc", "total": 0, "used": 0} in collect("disks-usage", guest, config)["disks"]


def test_e7_to_e9_interfaces(party, guest):
    guest.ip("link set lo up")
    guest.ip("link add docker0 type veth peer name other")
    guest.ip("link set docker0 up")
    interfaces = collect("network-interfaces", guest)["interfaces"]
    assert interfaces == [{"name": "eth0", "hw": MAC, "inet": [], "inet6": []}]
    guest.ip("address add 192.0.2.17/24 dev eth0")
    guest.ip("address add 198.51.100.1/32 dev eth0 label eth0:1")
    guest.ip("link set far-eth0 up")
    interfaces = collect("network-interfaces", guest, party.configure(ignored_nics="far-*"))["interfaces"]
    assert {i["name"]: i["inet"] for i in interfaces} == {"docker0": [], "eth0": ["192.0.2.17", "198.51.100.1"]}
    assert all("%" not in a for i in interfaces for a in i["inet6"])


E10 = [
    ("E10", {"Id": "a1", "Names": None, "Image": "i", "Command": "c", "Status": "Up"},
     {"id": "a1", "names": [], "image": "i", "command": "c", "status": "Up"}),
    ("plain", {"Id": "a1", "Names": ["/web", "/x"], "Image": "i", "Command": "c", "Status": "Up", "Ports": []},
     {"id": "a1", "names": ["/web", "/x"], "image": "i", "command": "c", "status": "Up"}),
    ("wrong-types", {"Id": "a1", "Names": "web", "Image": 5, "Command": ["a"]},
     {"id": "a1", "names": [], "image": "", "command": "", "status": ""}),
]


@pytest.mark.parametrize("said, reported", [e[1:] for e in E10], ids=[e[0] for e in E10])
def test_container(party, guest, said, reported):
    engine = party.keep(Engine(guest.private("/run") / "docker.sock", json.dumps([said]).encode()))
    assert collect("containers", guest)["list"] == [reported]
    assert engine.requests[0].startswith(b"GET /containers/json?all=true HTTP/1.0\r\n")


def test_e11_no_container_engine(guest):
    guest.private("/run")
    assert collect("containers", guest)["list"] == []


BROKEN_ENGINES = [b"", b"[", b"{}", b"[1]" * 1000, b"\0" * 100, b"[" * 100_000]


@pytest.mark.parametrize("body", BROKEN_ENGINES, ids=range(len(BROKEN_ENGINES)))
def test_a_broken_container_engine(party, guest, body):
    """No report rather than a wrong one, and the others are not held up."""
    party.keep(Engine(guest.private("/run") / "docker.sock", body))
    host = party.host()
    party.agent(guest=guest)
    host.wait_connected(scaled(5))
    host.send({"__name__": "api-version", "apiVersion": 3})
    host.expect("os-info", within=scaled(3))
    assert host.messages("containers") == []


@pytest.mark.parametrize("zone, offset", [("UTC", 0), ("America/Argentina/Buenos_Aires", -180), ("Asia/Kolkata", 330)],
                         ids=["E12", "E13", "half-hour"])
def test_time_zone(party, zone, offset):
    guest = party.guest(zone=zone)
    assert collect("timezone", guest) == {"zone": zone, "offset": offset}


def test_no_time_zone(guest):
    (guest.etc / "localtime").unlink()
    assert collect("timezone", guest)["offset"] == 0


def test_e14_i686(guest):
    assert collect("os-info", guest, prefix=["setarch", "i686"])["arch"] == "x86"


RELEASES = [
    ("E15", "NAME=Rolling\nID=roll\n", "Rolling"),
    ("build-id", "NAME=Rolling\nBUILD_ID=rolling\n", "Rolling"),
    ("quoted", "NAME='A \"B\"'\nVERSION_ID=\"1\"\n", 'A "B"'),
    ("empty", "", None),
    ("binary", "NAME=\0\xff\nVERSION_ID=3\n", None),
]


@pytest.mark.parametrize("text, name", [r[1:] for r in RELEASES], ids=[r[0] for r in RELEASES])
def test_os_release(guest, text, name):
    replace(guest.etc / "os-release", text)
    info = collect("os-info", guest)
    assert info["type"] == "linux" and info["version"] and info["arch"]
    assert info["kernel"] == os.uname().release
    assert name is None or info["distribution"] == name


def test_e16_the_serial_of_a_disk(party, guest):
    block, run = guest.private("/sys/block"), guest.private("/run")
    (run / "udev/data").mkdir(parents=True)
    for number, (name, serial) in enumerate([("vda", "5d1f1c9e-6a35-4c3b-9\n"), ("vdb", "")]):
        (block / name).mkdir()
        (block / name / "dev").write_text(f"252:{number}\n")
        (block / name / "serial").write_text(serial)
    (run / "udev/data/b252:1").write_text("S:disk/by-id/x\nE:ID_SERIAL=0QEMU_HARDDISK_7\n")
    assert collect("disks-usage", guest)["mapping"] == {
        "5d1f1c9e-6a35-4c3b-9": {"name": "/dev/vda"}, "0QEMU_HARDDISK_7": {"name": "/dev/vdb"}}


def test_e19_applications(party, guest):
    replace(guest.dpkg / "status", dpkg_status(cloud_init="24,1-1", vim="9", linux_image_6="6.1", qemu_guest_agent="8"))
    entries = collect("applications", guest)["applications"]
    assert "cloud-init-24_1-1" in entries and "qemu-guest-agent-8" in entries
    assert not any(e.startswith("vim") for e in entries)
    assert any(e.startswith("ovirt-guest-agent") and e[-1].isdigit() for e in entries)
    entries = collect("applications", guest, party.configure(applications_list="v?m linux-image-*"))["applications"]
    assert [e for e in entries if "ovirt" not in e] == ["linux-image-6-6.1", "vim-9"]
    assert any("ovirt-guest-agent" in e for e in entries)


BROKEN_DATABASES = ["", "Package: x\n" * 1000, "Package: cloud-init\nVersion: 1\n", "Package: " + "x" * 100_000 + "\n\n"]


@pytest.mark.parametrize("text", BROKEN_DATABASES, ids=range(len(BROKEN_DATABASES)))
def test_a_broken_package_database(guest, text):
    """The agent itself is always there."""
    replace(guest.dpkg / "status", text)
    assert [e for e in collect("applications", guest)["applications"] if "ovirt" not in e] == []


def test_a_package_database_that_is_no_text(guest):
    replace(guest.dpkg / "status", "\0" * 1000)
    status, output, errors = run_once("--collect", "applications", guest=guest)
    assert (status, output) == (1, "") and len(errors) == 1


def test_fqdn(party):
    guest = party.guest(hosts="127.0.0.1 localhost.localdomain localhost guest7\n::1 guest7\n")
    assert collect("fqdn", guest) == {"fqdn": "guest7"}
    replace(guest.etc / "hosts", "192.0.2.1 guest7.example.org. guest7\n")
    assert collect("fqdn", guest) == {"fqdn": "guest7.example.org"}
    guest.run("hostname", "full.example.com")
    assert collect("fqdn", guest) == {"fqdn": "full.example.com"}
    assert collect("host-name", guest) == {"name": "full.example.com"}


def test_e20_every_message(party, guest):
    """All that is ever sent passes VDSM's own checks, which the host does."""
    host, agent = party.settled(guest=guest)
    host.send({"__name__": "set-number-of-cpus", "count": 1})
    host.send("refresh")
    host.expect("number-of-cpus", within=scaled(3))
    host.collect(scaled(1.5))
    assert agent.terminate() == 0
    host.expect("session-shutdown", within=scaled(2))
    assert {e.name for e in host.messages()} >= {*REPORTS, "heartbeat", "active-user", "session-shutdown"}
    assert not complaints(host)


@pytest.fixture(scope="module")
def wire_and_collect(lasting_party):
    """The reports of one agent on the wire, and how to collect them in the same place."""
    party, directory = lasting_party, lasting_party.directory
    guest = party.guest()
    replace(guest.dpkg / "status", dpkg_status(cloud_init="24.1-1"))
    guest.ip("address add 192.0.2.17/24 dev eth0")
    config = party.configure(ignored_fs="[!t]*")
    (directory / "disk").mkdir()
    guest.run("mount", "-t", "tmpfs", "-o", "size=8m", "x", str(directory / "disk"))
    party.keep(Engine(guest.private("/run") / "docker.sock", json.dumps([E10[1][1]]).encode()))
    host, _ = party.settled(guest=guest, config=config)
    host.send({"__name__": "set-number-of-cpus", "count": 1})
    host.expect("number-of-cpus", within=scaled(3))
    return host, lambda name: collect(name, guest, config)


@pytest.mark.parametrize("name", REPORTS)
def test_collect_prints_what_is_on_the_wire(wire_and_collect, name):
    host, collect_here = wire_and_collect
    assert host.messages(name)[-1].members == collect_here(name)


def test_reports_that_cannot_be_collected():
    status, output, errors = run_once("--collect", "active-user")
    assert (status, output) == (1, "") and len(errors) == 1 and "active-user" in errors[0]
    status, output, errors = run_once("--collect", "nonsense")
    assert (status, output) == (2, "") and len(errors) == 1
    assert all(name in errors[0] for name in REPORTS)
