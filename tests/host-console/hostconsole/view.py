# SPDX-License-Identifier: Apache-2.0
"""The host's view of one VM: what VDSM would tell engine from this agent alone."""

import copy
import re

SESSIONS = {
    "session-logon": "UserLoggedOn",
    "session-lock": "Locked",
    "session-unlock": "Active",
    "session-logoff": "LoggedOff",
}
_STEP = re.compile(r"\.?([^.\[\]]+)|\[(\d+)\]")
_MISSING = object()


class View:
    """Items by name, with the time of each item's last change and last report.

    view["os.version"], view["nics[0].inet"] look inside; a path that leads nowhere is None.
    """

    def __init__(self, name="vm"):
        self.items = {
            "name": name,
            "connected": False,
            "agent": "unheard",  # unheard, running, silent, not responding, stopped
            "status": "Powering up",
            "version": {"effective": 0, "announced": None},
            "memory": {"free_ram": 0},
            "user": "Unknown",
            "session": "Unknown",
            "host_name": "",
            "fqdn": "",
            "os": {},
            "timezone": {},
            "cpus": -1,
            "nics": [],
            "disks": [],
            "mapping": {},
            "applications": [],
            "containers": [],
            "completions": [],
        }
        self.changed = {}
        self.reported = {}

    def __getitem__(self, path):
        return lookup(self.items, path)

    def put(self, item, value, now):
        """Report a value; true if it differs from what was there."""
        self.reported[item] = now
        if self.items[item] == value:
            return False
        self.items[item] = copy.deepcopy(value)
        self.changed[item] = now
        return True

    def apply(self, name, m):
        """The (item, value) pairs that one acceptable message brings."""
        if name == "heartbeat":
            # A number that VDSM's int() takes; the others never get here.
            # What a heartbeat does not say stays as it was.
            yield "memory", {**self.items["memory"], "free_ram": int(m["free-ram"]), **m.get("memory-stat", {})}
            yield "status", "Up"
        elif name in SESSIONS:
            yield "session", SESSIONS[name]
        elif name == "active-user":
            # VDSM's own rule: nobody does not become unknown.
            if not (self.items["user"] == "None" and m["name"] == "Unknown"):
                yield "user", m["name"]
        elif name == "host-name":
            yield "host_name", m["name"]
        elif name == "fqdn":
            yield "fqdn", m["fqdn"]
        elif name == "os-version":
            yield "os", {**self.items["os"], "release": m["version"]}
        elif name == "os-info":
            yield "os", {"release": self.items["os"].get("release", ""), **m}
        elif name == "timezone":
            yield "timezone", dict(m)
        elif name == "network-interfaces":
            yield "nics", m["interfaces"]
        elif name == "applications":
            yield "applications", m["applications"]
        elif name == "uninstalled":
            yield "applications", []
        elif name == "disks-usage":
            yield "disks", m["disks"]
            yield "mapping", m.get("mapping", {})
        elif name == "number-of-cpus":
            yield "cpus", int(m["count"])
        elif name == "containers":
            yield "containers", m["list"]
        elif name == "completion":
            yield "completions", self.items["completions"][-19:] + [m.get("reply_id")]


def lookup(value, path):
    """The value at a path like interfaces[0].name, or None. A member's own name may contain hyphens."""
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if not step:
            return None
        position = step.end()
        key, index = step.groups()
        if index is not None and isinstance(value, list):
            value = value[int(index)] if int(index) < len(value) else _MISSING
        elif key is not None and isinstance(value, dict):
            value = value.get(key, _MISSING)
        elif key == "length" and isinstance(value, (list, str)):
            value = len(value)
        else:
            return None
        if value is _MISSING:
            return None
    return value
