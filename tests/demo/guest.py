# SPDX-License-Identifier: Apache-2.0
"""What the two kinds of guest have in common."""

import json

NAME, PATH = "org.ovirt.GuestAgent1", "/org/ovirt/GuestAgent1"
SESSION = "org.ovirt.GuestAgent1.Session"
USERS = ("alice", "bob")
PASSWORD = "a-secret-that-no-log-shows"  # of both
# In each event's directory of the demo; the output of a hook goes to the agent's log.
HOOKS = {
    "10_greet": "echo \"$OVIRT_HOOK_EVENT${OVIRT_HOOK_FAILURE:+, which has failed}: a hook runs as $(id -un)\"",
    "20_break": "echo 'this one fails' >&2\nexit 3",
    "30_last": "echo 'and the next one runs all the same'",
}
EVENTS = ("before_migration", "after_migration", "before_hibernation", "after_hibernation")
PACKAGE = """\
Package: {name}
Status: install ok installed
Priority: optional
Section: kernel
Maintainer: Nobody <nobody@example.org>
Architecture: all
Version: {version}
Description: a package of the demo's

"""


class GuestError(RuntimeError):
    """The guest cannot be started or changed."""


class Guest:
    """Subclasses have busctl(), and know how users log in."""

    def sessions(self):
        """What the agent shows on the bus: the properties of each session's object."""
        try:
            objects = json.loads(self.busctl("--json=short", "call", NAME, PATH, "org.freedesktop.DBus.ObjectManager",
                                             "GetManagedObjects"))["data"][0]
        except ValueError:
            return []  # the agent is not there
        found = [_plain(o[SESSION]) for o in objects.values() if SESSION in o]
        return sorted((s for s in found if s["Seat"] == "seat0" and s["Class"] == "user"), key=lambda s: s["Id"])

    def session_of(self, user):
        return next((s for s in self.sessions() if s["User"] == user), None)

    def shown_user(self):
        return next((s["User"] for s in self.sessions() if s["Active"]), None)


def _plain(value):
    """Without the types that busctl tells."""
    if isinstance(value, dict) and value.keys() == {"type", "data"}:
        return _plain(value["data"])
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value
