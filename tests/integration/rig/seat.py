# SPDX-License-Identifier: Apache-2.0
"""An agent that follows a login manager, and what the host is told of who sits there."""

import time

from .bus import LoginManager
from .pace import complaints, scaled

ALICE = {"session": "1", "user": "alice"}
BOB = {"session": "2", "user": "bob"}
GREETER = {"session": "c1", "user": "gdm", "kind": "greeter", "uid": 120}
_TOLD = ("active-user", "session-logon", "session-lock", "session-unlock", "session-logoff")


class Seat:
    def __init__(self, party, bus, *sessions, active="", config="", **options):
        self.bus = bus
        self.logins = LoginManager(bus)
        for session in sessions:
            self.logins.add(**session)
        if active:
            self.logins.activate(active)
        self.host, self.agent = party.settled(guest=party.guest(), bus=bus, **options,
                                              config=party.configure(config, report_user_rate=1))
        self.host.wait_until(lambda: self.host.vdsm.effective == 3, scaled(5), "version 3")
        self.host.wait_until(self._is_announced, scaled(5), "the state of the seat")
        self.begin()

    def _is_announced(self):
        names = [e.name for e in self.host.messages()]
        return any(n.startswith("session-") for n in names[len(names) - names[::-1].index("session-startup"):])

    def begin(self):
        """What counts is what is told from here on."""
        self.host.process(0)
        self._mark = len(self.host.events)

    @property
    def told(self):
        """Of users and sessions: "active-user NAME", "session-lock", ..."""
        return [f"{e.name} {e['name']}" if e.name == "active-user" else e.name
                for e in self.host.events[self._mark:] if e.kind == "message" and e.name in _TOLD]

    def sees(self, *expected, within=1.0, quiet=0.6):
        """The host is told just that, in this order, in time, and nothing after it."""
        deadline = time.monotonic() + scaled(within)
        while len(self.told) < len(expected) and time.monotonic() < deadline:
            self.host.process(deadline - time.monotonic())
        assert self.told == list(expected), self.told
        self.host.collect(scaled(quiet))
        assert self.told == list(expected), self.told
        assert not complaints(self.host)
        self.begin()

    def waits(self, condition, within=5, what="a condition"):
        return self.host.wait_until(condition, scaled(within), what)

    def send(self, name, /, **members):
        self.host.send({"__name__": name, **members})
