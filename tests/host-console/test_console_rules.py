# SPDX-License-Identifier: Apache-2.0
"""Every rule fires on what it is for, and on nothing else."""

import json

import pytest
from fake_agent import CONTENT, MEMORY, Talk
from hostconsole import rules


def line(name, /, **members):
    """A correct message with some members replaced; a member set to ... is left out."""
    base = Talk().heartbeat(3) if name == "heartbeat" else Talk.message(name)
    return json.dumps({k: v for k, v in {**base, **members}.items() if v is not ...}).encode() + b"\n"


def stat(**members):
    return line("heartbeat", **{"memory-stat": {k: v for k, v in {**MEMORY, **members}.items() if v is not ...}})


def nic(**members):
    base = {"name": "eth0", "hw": "56:6f:1a:2b:00:07", "inet": ["192.0.2.1"], "inet6": ["fe80::1%eth0"]}
    return line("network-interfaces", interfaces=[{k: v for k, v in {**base, **members}.items() if v is not ...}])


def disk(**members):
    base = {"path": "/", "fs": "xfs", "total": 100, "used": 50}
    return line("disks-usage", disks=[{k: v for k, v in {**base, **members}.items() if v is not ...}])


def box(**members):
    base = {"id": "1", "names": ["/a"], "image": "i", "command": "c", "status": "s"}
    return line("containers", list=[{k: v for k, v in {**base, **members}.items() if v is not ...}])


# One bad line to an agent in its steady state at version 3 -> the rule and what it costs.
BAD = [
    (b"\n", "empty-line", "log"),
    (b"  \r\n", "empty-line", "log"),
    (b"{\n", "not-json", "line"),
    (b'{"__name__":"session-lock"}}\n', "not-json", "line"),
    (b'{"__name__":"session-lock" "a":1}\n', "not-json", "line"),
    (b"\xef\xbb\xbf{}\n", "not-json", "line"),
    (b'{"__name__":"host-name","name":"a\x01b"}\n', "not-json", "line"),
    (b'{"__name__":"host-name","name":"a\xffb"}\n', "bad-utf8", "value"),
    (b"[" * 100000 + b"\n", "too-deep", "chunk"),
    (b'{"__name__":"host-name","name":"a","name":"b"}\n', "duplicate-member", "exact"),
    (b'{"__name__":"session-lock","x":NaN}\n', "not-a-number", "engine"),
    (b'{"__name__":"session-lock","x":-Infinity}\n', "not-a-number", "engine"),
    (b'{"__name__":"host-name","name":"a\\u0001b"}\n', "forbidden-character", "value"),
    (b'{"__name__":"host-name","name":"a\\ud800b"}\n', "forbidden-character", "value"),
    (b'{"__name__":"host-name","name":"a\x7fb"}\n', "forbidden-character", "value"),
    (b'{"__name__":"host-name","name":"a\\u0084b"}\n', "forbidden-character", "value"),
    (b'{"__name__":"host-name","name":"a\\uffffb"}\n', "forbidden-character", "value"),
    (b'{"__name__":"host-name","name":"a","\\u0007":1}\n', "forbidden-character", "value"),
    (b"[]\n", "not-object", "chunk"),
    (b'"x"\n', "not-object", "chunk"),
    (b"null\n", "not-object", "chunk"),
    (b"{}\n", "no-name", "chunk"),
    (b'{"__name__":5}\n', "no-name", "chunk"),
    (b'{"__name__":"memory-stats","memory":{}}\n', "unknown-name", "log"),
    (b'{"__name__":"Heartbeat"}\n', "unknown-name", "log"),
    (line("host-name", name=None), "null", "chunk"),
    (line("os-info", codename=None), "null", "chunk"),
    (nic(inet=None), "null", "chunk"),
    (line("applications", applications=None), "null", "chunk"),
    (line("session-lock", extra={"a": [1, None]}), "null", "chunk"),
    (line("heartbeat", **{"free-ram": ...}), "missing-member", "chunk"),
    (line("heartbeat", **{"free-ram": 1621}), "wrong-type", "exact"),
    (line("heartbeat", **{"free-ram": " 77 "}), "wrong-type", "exact"),
    (line("heartbeat", **{"free-ram": "512.7"}), "wrong-type", "line"),
    (line("heartbeat", **{"free-ram": []}), "wrong-type", "chunk"),
    (line("heartbeat", **{"free-ram": "0"}), "no-data", "engine"),
    (line("heartbeat", **{"memory-stat": []}), "wrong-type", "chunk"),
    (stat(mem_total="4046220"), "wrong-type", "exact"),
    (stat(mem_free=1.5), "wrong-type", "exact"),
    (stat(mem_free={}), "wrong-type", "chunk"),
    (stat(swap_in=-1), "negative", "engine"),
    (stat(majflt=...), "mom-member", "engine"),
    (line("heartbeat", apiVersion=...), "api-version", "exact"),
    (line("heartbeat", apiVersion=-1), "api-version", "exact"),
    (line("heartbeat", apiVersion="3"), "wrong-type", "exact"),
    (line("heartbeat", apiVersion=True), "wrong-type", "exact"),
    (line("heartbeat", apiVersion=None), "null", "chunk"),
    (line("heartbeat", apiVersion="x"), "api-version", "log"),
    (line("heartbeat", apiVersion=0), "heartbeat-version", "order"),
    (line("heartbeat", apiVersion=2), "heartbeat-version", "order"),
    (line("host-name", name=...), "missing-member", "chunk"),
    (line("host-name", name=5), "wrong-type", "engine"),
    (line("fqdn", fqdn=...), "missing-member", "chunk"),
    (line("os-version", version=["6"]), "wrong-type", "engine"),
    (line("active-user", name=...), "missing-member", "chunk"),
    (line("active-user", name=True), "wrong-type", "engine"),
    (line("os-info", version=""), "os-version-empty", "engine"),
    (line("os-info", version=" "), "os-version-empty", "engine"),
    (line("os-info", version=41), "wrong-type", "engine"),
    (line("os-info", kernel=...), "missing-member", "engine"),
    (line("os-info", type="gnu"), "os-type", "engine"),
    (line("os-info", arch="i686"), "arch", "engine"),
    (line("os-info", arch=""), "arch", "engine"),
    (line("timezone", offset=...), "missing-member", "engine"),
    (line("timezone", zone=...), "missing-member", "engine"),
    (line("timezone", offset=60.5), "wrong-type", "engine"),
    (line("timezone", offset="60"), "wrong-type", "engine"),
    (line("timezone", offset=True), "wrong-type", "engine"),
    (line("timezone", offset=2**31), "offset", "engine"),
    (line("timezone", offset=-(2**31) - 1), "offset", "engine"),
    (line("network-interfaces", interfaces=...), "missing-member", "chunk"),
    (line("network-interfaces", interfaces={}), "wrong-type", "chunk"),
    (line("network-interfaces", interfaces=["eth0"]), "wrong-type", "chunk"),
    (nic(hw="56:6F:1A:2B:00:07"), "mac", "engine"),
    (nic(hw="56-6f-1a-2b-00-07"), "mac", "engine"),
    (nic(hw=""), "mac", "engine"),
    (nic(hw="56:6f:1a:2b:00:07\n"), "mac", "engine"),
    (nic(hw=...), "missing-member", "chunk"),
    (nic(name=3), "wrong-type", "engine"),
    (nic(inet6=...), "missing-member", "exact"),
    (nic(inet="192.0.2.1"), "wrong-type", "chunk"),
    (nic(inet=[1]), "wrong-type", "chunk"),
    (nic(inet=["192.0.2.1/24"]), "address", "engine"),
    (nic(inet=["fe80::1"]), "address", "engine"),
    (nic(inet6=["192.0.2.1"]), "address", "engine"),
    (nic(name="lo", inet=[]), "loopback", "engine"),
    (nic(inet=["127.0.0.1"]), "loopback", "engine"),
    (nic(inet6=["::1"]), "loopback", "engine"),
    (line("applications", applications=...), "missing-member", "chunk"),
    (line("applications", applications="ovirt-guest-agent-2.0.0"), "wrong-type", "chunk"),
    (line("applications", applications=["ovirt-guest-agent-2.0.0", 5]), "wrong-type", "chunk"),
    (line("applications", applications=[]), "agent-entry", "engine"),
    (line("applications", applications=["ovirt-guest-agent"]), "agent-entry", "engine"),
    (line("applications", applications=["ovirt-guest-agent-2.0.0", "a,b"]), "comma", "engine"),
    (line("disks-usage", disks=...), "missing-member", "chunk"),
    (line("disks-usage", disks=["/"]), "wrong-type", "chunk"),
    (disk(total=...), "missing-member", "chunk"),
    (disk(used=...), "missing-member", "chunk"),
    (disk(path=...), "missing-member", "engine"),
    (disk(fs=1), "wrong-type", "engine"),
    (disk(total="100"), "wrong-type", "exact"),
    (disk(used="half"), "wrong-type", "line"),
    (disk(used=101), "usage", "engine"),
    (disk(used=-1), "usage", "engine"),
    (line("disks-usage", mapping=[]), "wrong-type", "chunk"),
    (line("disks-usage", mapping={"s": "/dev/vda"}), "wrong-type", "chunk"),
    (line("disks-usage", mapping={"s": {}}), "missing-member", "chunk"),
    (line("number-of-cpus", count=...), "missing-member", "chunk"),
    (line("number-of-cpus", count="4"), "wrong-type", "exact"),
    (line("number-of-cpus", count="four"), "wrong-type", "line"),
    (line("number-of-cpus", count=0), "cpu-count", "engine"),
    (line("containers", list=...), "missing-member", "chunk"),
    (line("containers", list={}), "wrong-type", "chunk"),
    (box(names=...), "container-names", "engine"),
    (box(names="/a"), "container-names", "engine"),
    (box(names=[1]), "container-names", "engine"),
    (box(image=...), "missing-member", "engine"),
    (box(status=1), "wrong-type", "engine"),
    (line("completion", reply_id="nobody", done=True), "reply-id", "log"),
    (line("completion", done=True), "missing-member", "log"),
    (line("echo", a=1), "unasked-echo", "log"),
]


@pytest.mark.parametrize(("bad", "rule", "cost"), BAD, ids=[f"{i}-{b[1]}" for i, b in enumerate(BAD)])
def test_bad_line(agreed, bad, rule, cost):
    agreed.guest(bad)
    complaints = [e for e in agreed.events if e.kind == "complaint"]
    assert (rule, rules.COSTS[cost]) in [(e["rule"], e["cost"]) for e in complaints]
    # A wrong number in a heartbeat is also out of order.
    assert {e["rule"] for e in complaints} <= {rule, "heartbeat-version"}
    # The next good line is taken whatever came before it.
    agreed.guest(line("host-name", name="next"))
    assert agreed.vdsm.view["host_name"] == "next"


GOOD = [
    (line("heartbeat", **{"memory-stat": ...}), "memory.free_ram", 1621),
    (b'{"__name__":"host-name","name":"a\\tb\\u0085"}\r\n', "host_name", "a\tb\u0085"),
    (b'{"__name__":"host-name","name":"\\ud83d\\ude00"}\n', "host_name", "\U0001f600"),
    (line("timezone", offset=-(2**31), zone=""), "timezone", {"zone": "", "offset": -(2**31)}),
    (line("number-of-cpus", count=-1), "cpus", -1),
    (line("containers", list=[]), "containers", []),
    (box(names=[]), "containers", [{"id": "1", "names": [], "image": "i", "command": "c", "status": "s"}]),
    (line("applications", applications=["OVIRT-Guest-Agent-Common-1.0.16"]), "applications",
     ["OVIRT-Guest-Agent-Common-1.0.16"]),
    (line("os-info", type="Linux", codename=""), "os.codename", ""),
    (disk(used=0, total=0), "disks", [{"path": "/", "fs": "xfs", "total": 0, "used": 0}]),
    (line("disks-usage", mapping=...), "mapping", {}),
    (b'{"__name__":"uninstalled"}\n', "applications", []),
]


@pytest.mark.parametrize(("good", "item", "value"), GOOD)
def test_good_line(agreed, good, item, value):
    agreed.guest(good)
    assert agreed.rules() == []
    assert agreed.vdsm.view[item] == value


@pytest.mark.parametrize("name", sorted(rules.KNOWN - {"echo", "completion", "session-startup", "session-shutdown"}))
def test_every_known_message_has_a_correct_form(agreed, name):
    agreed.guest(line(name))
    assert agreed.rules() == []


def test_a_chunk_fatal_message_changes_nothing(agreed):
    before = agreed.vdsm.view["disks"]
    agreed.guest(disk(total=...), line("heartbeat", **{"free-ram": ...}))
    assert agreed.vdsm.view["disks"] == before
    assert agreed.vdsm.view["memory.free_ram"] == 1621


@pytest.mark.parametrize("name", [n for n in CONTENT if n != "active-user"])
@pytest.mark.parametrize("value", [None, 5, 1.5, "x", [], {}, True, [5], [{}], [None], {"a": None}, float("inf")])
def test_no_content_can_break_the_console(agreed, name, value):
    """Any wrong value of any member is a complaint, never an exception; and the view can still be drawn."""
    for member in CONTENT[name]:
        agreed.guest(line(name, **{member: value}))
    agreed.guest(line("heartbeat", **{"free-ram": value, "memory-stat": value, "apiVersion": value}))
    assert agreed.vdsm.view["agent"] == "running"


# What takes more than one line is in the other tests of this directory; here only that none is forgotten.
ELSEWHERE = {"too-long", "done", "gated", "first-heartbeat", "startup-set", "refresh-set", "set-order", "no-answer",
             "after-shutdown", "silence"}


def test_no_rule_is_untested():
    assert {rule for _, rule, _ in BAD} | ELSEWHERE == rules.RULES
