# SPDX-License-Identifier: Apache-2.0
"""What each message must look like: a pure check of one message, without memory of earlier ones.

Every fault names a rule (what tests and scripts refer to), what it costs, and one sentence.
"""

import ipaddress
import json
import re
from typing import NamedTuple

COSTS = {
    "chunk": "VDSM drops the rest of its read",
    "line": "VDSM drops the line",
    "log": "VDSM logs an error",
    "value": "VDSM alters the value",
    "engine": "engine loses data",
    "exact": "tolerated today, but not as documented",
    "order": "out of order",
}

# Every rule there is; test_console_rules.py proves that each can fire.
RULES = {
    "too-long", "empty-line", "bad-utf8", "not-json", "too-deep", "duplicate-member", "not-a-number",
    "forbidden-character", "not-object", "no-name", "unknown-name", "null", "missing-member", "wrong-type",
    "no-data", "negative", "mom-member", "api-version", "mac", "address", "loopback", "agent-entry", "comma",
    "os-version-empty", "os-type", "arch", "offset", "usage", "container-names", "cpu-count", "done",
    "reply-id", "unasked-echo", "gated", "first-heartbeat", "heartbeat-version", "startup-set", "refresh-set",
    "set-order", "no-answer", "after-shutdown", "silence",
}

KNOWN = {
    "heartbeat", "session-startup", "session-shutdown", "session-logon", "session-lock", "session-unlock",
    "session-logoff", "host-name", "fqdn", "os-version", "os-info", "timezone", "network-interfaces",
    "applications", "active-user", "disks-usage", "number-of-cpus", "containers", "completion", "echo",
    "uninstalled",
}

# VDSM's own list: XML 1.1's restricted characters and the non-characters.
FORBIDDEN = re.compile(
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f\ud800-\udfff\ufffe\uffff]"
)

MEMORY_MEMBERS = (
    "mem_total", "mem_unused", "mem_free", "mem_buffers", "mem_cached", "swap_in", "swap_out", "pageflt",
    "majflt", "swap_usage", "swap_total",
)
# MOM takes the detailed statistics only where all of these are there.
MOM_MEMBERS = ("mem_total", "mem_unused", "mem_free", "majflt", "pageflt", "swap_in", "swap_out")
ARCHITECTURES = {"x86_64", "x86", "ppc64", "ppc64le", "ppc", "ppcle", "s390x"}
OS_TYPES = {"linux", "windows", "other"}
MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")
AGENT_ENTRY = re.compile(r"ovirt-guest-agent(-common)?-\d", re.IGNORECASE)
TYPES = {"a string": str, "an integer": int, "an array": list, "an object": dict}


class Fault(NamedTuple):
    rule: str
    cost: str
    text: str


def parse(text):
    """One JSON text -> (value, faults); ValueError and RecursionError as VDSM would see them."""
    faults = []

    def pairs(items):
        names = [k for k, _ in items]
        for name in sorted({n for n in names if names.count(n) > 1}) if len(set(names)) < len(names) else ():
            faults.append(Fault("duplicate-member", "exact", f"member {name!r} appears more than once"))
        return dict(items)

    def constant(word):
        faults.append(Fault("not-a-number", "engine", f"{word} is not JSON"))
        return float(word.lower().replace("infinity", "inf"))

    return json.loads(text, object_pairs_hook=pairs, parse_constant=constant), faults


def clean(value):
    """The value as VDSM keeps it -> (value, whether a forbidden character was replaced)."""
    if isinstance(value, str):
        replaced, n = FORBIDDEN.subn("\N{REPLACEMENT CHARACTER}", value)
        return replaced, n > 0
    if isinstance(value, list):
        items = [clean(v) for v in value]
        return [v for v, _ in items], any(bad for _, bad in items)
    if isinstance(value, dict):
        items = [(clean(k), clean(v)) for k, v in value.items()]
        return {k[0]: v[0] for k, v in items}, any(k[1] or v[1] for k, v in items)
    return value, False


def vdsm_int(value):
    """What VDSM's int() makes of a value: the number, or ValueError or TypeError."""
    return int(value)


def is_integer(value):
    return isinstance(value, int) and not isinstance(value, bool)


def check(name, members):
    """All faults of one known message, whose characters are already cleaned."""
    if name == "echo":
        return []
    checker = _Checker()
    checker.nulls(members, name)
    content = _CONTENT.get(name)
    if content:
        content(checker, members)
    return checker.faults


class _Checker:
    def __init__(self):
        self.faults = []

    def add(self, rule, cost, text):
        self.faults.append(Fault(rule, cost, text))

    def nulls(self, value, where):
        if value is None:
            self.add("null", "chunk", f"{where} is null")
        elif isinstance(value, dict):
            for key, inner in value.items():
                self.nulls(inner, f"{where}.{key}")
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                self.nulls(inner, f"{where}[{index}]")

    def get(self, obj, key, kind, where, missing="chunk", wrong="chunk"):
        """The member if it is there with the right type, else None. missing=None: it may be absent."""
        if key not in obj:
            if missing:
                self.add("missing-member", missing, f"{where} lacks {key}")
            return None
        return self.typed(obj[key], kind, f"{where}.{key}", wrong)

    def typed(self, value, kind, where, wrong="chunk"):
        if value is None:
            return None  # told by nulls()
        if not isinstance(value, TYPES[kind]) or isinstance(value, bool):
            self.add("wrong-type", wrong, f"{where} is not {kind}: {json.dumps(value)[:40]}")
            return None
        return value

    def number(self, obj, key, where, missing="chunk"):
        """An integer member that VDSM sends through int() or str()."""
        value = obj.get(key)
        if key not in obj or value is None or is_integer(value):
            return self.get(obj, key, "an integer", where, missing)
        try:
            vdsm_int(value)
            cost = "exact"
        except (ValueError, OverflowError):
            cost = "line"
        except TypeError:
            cost = "chunk"
        self.add("wrong-type", cost, f"{where}.{key} is not an integer: {json.dumps(value)[:40]}")
        return None

    def items(self, obj, key, kind, where):
        """(index text, item) of a mandatory array whose items are all of one type."""
        for index, item in enumerate(self.get(obj, key, "an array", where) or ()):
            inner = f"{where}.{key}[{index}]"
            if self.typed(item, kind, inner) is not None:
                yield inner, item


def _heartbeat(c, m):
    ram = m.get("free-ram")
    if isinstance(ram, str) and re.fullmatch(r"[0-9]+", ram):
        if int(ram) == 0:
            c.add("no-data", "engine", "heartbeat.free-ram is 0, which means no data")
    elif isinstance(ram, str) or isinstance(ram, (int, float)):
        try:
            vdsm_int(ram)
            c.add("wrong-type", "exact", f"heartbeat.free-ram is not a string of digits: {json.dumps(ram)}")
        except (ValueError, OverflowError):
            c.add("wrong-type", "line", f"heartbeat.free-ram is not a number: {json.dumps(ram)[:40]}")
    else:
        c.get(m, "free-ram", "a string", "heartbeat")
    stat = c.get(m, "memory-stat", "an object", "heartbeat", missing=None)
    if stat is not None:
        for key in MEMORY_MEMBERS:
            value = c.number(stat, key, "heartbeat.memory-stat", missing=None)
            if value is not None and value < 0:
                c.add("negative", "engine", f"heartbeat.memory-stat.{key} is {value}")
        absent = [key for key in MOM_MEMBERS if key not in stat]
        if absent:
            c.add("mom-member", "engine", f"MOM refuses a memory-stat without {', '.join(absent)}")
    if "apiVersion" not in m:
        c.add("api-version", "exact", "a heartbeat without apiVersion switches versioning off")
        return
    version = m["apiVersion"]
    if isinstance(version, str) and not re.fullmatch(r"\s*[-+]?\d+\s*", version):
        # The one number whose failure VDSM expects.
        c.add("api-version", "log", f"apiVersion {version!r} is not a number")
        return
    version = c.number(m, "apiVersion", "heartbeat")
    if version is not None and not 0 <= version <= 3:
        c.add("api-version", "exact", f"apiVersion {version} does not exist")


def _one_string(name, key):
    return lambda c, m: c.get(m, key, "a string", name, wrong="engine")


def _os_info(c, m):
    text = {}
    for key in ("type", "distribution", "version", "codename", "arch", "kernel"):
        text[key] = c.get(m, key, "a string", "os-info", missing="engine", wrong="engine")
    if text["version"] is not None and not text["version"].strip():
        c.add("os-version-empty", "engine", "an empty os-info.version hides the whole operating system")
    if text["type"] is not None and text["type"].lower() not in OS_TYPES:
        c.add("os-type", "engine", f"os-info.type {text['type']!r} is not linux, windows or other")
    if text["arch"] is not None and text["arch"] not in ARCHITECTURES:
        c.add("arch", "engine", f"os-info.arch {text['arch']!r} is not one of engine's")


def _timezone(c, m):
    c.get(m, "zone", "a string", "timezone", missing="engine", wrong="engine")
    offset = c.get(m, "offset", "an integer", "timezone", missing="engine", wrong="engine")
    if offset is not None and not -(2**31) <= offset < 2**31:
        c.add("offset", "engine", f"timezone.offset {offset} does not fit int32")


def _network_interfaces(c, m):
    for where, nic in c.items(m, "interfaces", "an object", "network-interfaces"):
        name = c.get(nic, "name", "a string", where, wrong="engine")
        mac = c.get(nic, "hw", "a string", where, wrong="engine")
        if mac is not None and not MAC.match(mac):
            c.add("mac", "engine", f"{where}.hw {mac!r} is not a lower-case MAC with colons")
        loopback = name == "lo"
        for key, family in (("inet", ipaddress.IPv4Address), ("inet6", ipaddress.IPv6Address)):
            if key not in nic:
                c.add("missing-member", "exact", f"{where} lacks {key}")
                continue
            for inner, address in c.items(nic, key, "a string", where):
                try:
                    loopback |= family(address.partition("%")[0]).is_loopback
                except ValueError:
                    c.add("address", "engine", f"{inner} {address!r} is not a plain {key} address")
        if loopback:
            c.add("loopback", "engine", f"{where} is a loopback interface")


def _applications(c, m):
    entries = m.get("applications")
    for where, entry in c.items(m, "applications", "a string", "applications"):
        if "," in entry:
            c.add("comma", "engine", f"{where} {entry!r} contains a comma")
    if isinstance(entries, list) and not any(isinstance(e, str) and AGENT_ENTRY.search(e) for e in entries):
        c.add("agent-entry", "engine", "no entry like ovirt-guest-agent-2.0.0: engine believes there is no agent")


def _disks_usage(c, m):
    for where, disk in c.items(m, "disks", "an object", "disks-usage"):
        c.get(disk, "path", "a string", where, missing="engine", wrong="engine")
        c.get(disk, "fs", "a string", where, missing="engine", wrong="engine")
        total, used = c.number(disk, "total", where), c.number(disk, "used", where)
        if total is not None and used is not None and not 0 <= used <= total:
            c.add("usage", "engine", f"{where} uses {used} of {total} bytes")
    mapping = c.get(m, "mapping", "an object", "disks-usage", missing=None) or {}
    for serial, target in mapping.items():
        where = f"disks-usage.mapping[{serial!r}]"
        if c.typed(target, "an object", where) is not None:
            c.get(target, "name", "a string", where)


def _number_of_cpus(c, m):
    count = c.number(m, "count", "number-of-cpus")
    if count is not None and count != -1 and count < 1:
        c.add("cpu-count", "engine", f"{count} CPUs; -1 would mean unknown")


def _containers(c, m):
    for where, container in c.items(m, "list", "an object", "containers"):
        for key in ("id", "image", "command", "status"):
            c.get(container, key, "a string", where, missing="engine", wrong="engine")
        names = container.get("names")
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            c.add("container-names", "engine", f"{where}.names is not an array of strings: engine loses the whole VM")


def _completion(c, m):
    if "reply_id" not in m:
        c.add("missing-member", "log", "completion lacks reply_id")
    if m.get("done") is not True:
        c.add("done", "exact", "completion.done is not true")


_CONTENT = {
    "heartbeat": _heartbeat,
    "host-name": _one_string("host-name", "name"),
    "fqdn": _one_string("fqdn", "fqdn"),
    "os-version": _one_string("os-version", "version"),
    "active-user": _one_string("active-user", "name"),
    "os-info": _os_info,
    "timezone": _timezone,
    "network-interfaces": _network_interfaces,
    "applications": _applications,
    "disks-usage": _disks_usage,
    "number-of-cpus": _number_of_cpus,
    "containers": _containers,
    "completion": _completion,
}
