# SPDX-License-Identifier: Apache-2.0
"""What the sandboxed agent reports is what the guest's own tools say."""
import json

import pytest
from helpers import AT_ONCE, UNIT
from hostconsole import Host

pytestmark = pytest.mark.usefixtures("clean_journal")


@pytest.fixture(scope="module")
def report(guest):
    """The latest message of each name, from the agent's start to a complete refresh and a heartbeat."""
    with Host.connect_to(guest.port) as host:
        host.wait_connected()
        guest.run("systemctl", "restart", UNIT)
        host.expect("refresh-set", version=3, within=20)
        host.send("refresh")
        host.expect("refresh-set", version=3, within=5)
        host.expect("heartbeat", within=7)
        host.wait_until(lambda: host.messages("number-of-cpus"), 15, "number-of-cpus")
        return {m.name: m for m in host.messages()}


def test_host_name(guest, report):
    assert report["host-name"]["name"] == guest.run("uname", "-n").strip()


def test_fqdn(guest, report):
    assert report["fqdn"]["fqdn"] == guest.run("hostname", "--fqdn").strip()


def test_kernel(guest, report):
    assert report["os-version"]["version"] == guest.run("uname", "-r").strip()


def test_operating_system(guest, report):
    said = guest.run("sh", "-c", '. /etc/os-release; printf "%s\\n" "$NAME" "$VERSION_ID" "$VERSION_CODENAME"')
    info = report["os-info"]
    assert [info["distribution"], info["version"], info["codename"]] == said.splitlines()
    assert info["type"] == "linux"
    assert info["arch"] == guest.run("uname", "-m").strip()
    assert info["kernel"] == guest.run("uname", "-r").strip()


def test_time_zone(guest, report):
    zone = guest.run("timedatectl", "show", "-p", "Timezone", "--value").strip()
    offset = guest.run("date", "+%z").strip()
    minutes = int(offset[0] + "1") * (int(offset[1:3]) * 60 + int(offset[3:5]))
    assert report["timezone"]["zone"] == zone
    assert report["timezone"]["offset"] == minutes


def test_processors(guest, report):
    online = guest.run("cat", "/sys/devices/system/cpu/online").strip()
    count = sum(int(b or a) - int(a) + 1 for a, _, b in (r.partition("-") for r in online.split(",")))
    assert report["number-of-cpus"]["count"] == count


def test_memory(guest, report):
    meminfo = {}
    for line in guest.run("cat", "/proc/meminfo").splitlines():
        key, value, *_ = line.split()
        meminfo[key.rstrip(":")] = int(value)
    heartbeat = report["heartbeat"]
    stat = heartbeat["memory-stat"]
    assert stat["mem_total"] == meminfo["MemTotal"]
    assert stat["swap_total"] == meminfo["SwapTotal"]
    assert isinstance(heartbeat["free-ram"], str)
    # The rest of the machine goes on working between the two looks.
    assert int(heartbeat["free-ram"]) == pytest.approx(meminfo["MemAvailable"] / 1024, rel=0.1)
    assert stat["mem_unused"] == pytest.approx(meminfo["MemFree"], rel=0.1)
    assert stat["mem_cached"] == pytest.approx(meminfo["Cached"], rel=0.1)


def test_applications(guest, report):
    found = report["applications"]["applications"]
    own = [a for a in found if a.startswith("ovirt-guest-agent-2.")]
    assert len(own) == 1, found
    shown = guest.run("dpkg-query", "-W", "-f", "${Package} ${Version}\n").splitlines()
    installed = [f"{name}-{version.rpartition(':')[2]}" for name, version in map(str.split, shown)]
    assert set(found) - set(own) <= set(installed)


def test_nobody_is_logged_in(guest, report):
    assert guest.run("loginctl", "list-sessions", "--no-legend").strip() == ""
    assert report["active-user"]["name"] == "None"


def test_no_container_engine(report):
    assert report["containers"]["list"] == []


def test_pseudo_file_systems_are_left_out(guest, report):
    """The container's own root is an overlay, which is not a file system of the guest."""
    types = {d["fs"] for d in report["disks-usage"]["disks"]}
    assert not types & {"tmpfs", "proc", "sysfs", "overlay", "cgroup2", "devtmpfs", "mqueue"}


def test_interfaces(guest, host):
    guest.run("ip", "link", "add", "br0", "address", "52:54:00:AB:CD:EF", "type", "bridge")
    try:
        guest.run("ip", "addr", "add", "192.0.2.7/24", "dev", "br0")
        guest.run("ip", "addr", "add", "2001:db8::7/64", "dev", "br0", "nodad")
        guest.run("ip", "link", "set", "br0", "up")
        expected = {"192.0.2.7", "2001:db8::7"}
        seen = host.expect("network-interfaces", within=2, interfaces=lambda interfaces: any(
            expected <= {*i["inet"], *i["inet6"]} for i in interfaces))
        links = {i["ifname"]: i for i in json.loads(guest.run("ip", "-j", "addr"))}
        assert [i["name"] for i in seen["interfaces"]] == ["br0"], "loopback and veth are left out"
        interface = seen["interfaces"][0]
        assert interface["hw"] == links["br0"]["address"] == "52:54:00:ab:cd:ef"
        assert set(interface["inet"]) == {a["local"] for a in links["br0"]["addr_info"] if a["family"] == "inet"}
        assert "2001:db8::7" in interface["inet6"]
    finally:
        guest.run("ip", "link", "del", "br0")
    host.expect("network-interfaces", interfaces=[], within=AT_ONCE)
