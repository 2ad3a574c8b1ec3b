# SPDX-License-Identifier: Apache-2.0
"""A session under a display server, and the session agent in it."""

from .desktop import wait
from .display import apply_layout, ask_layout, displayed
from .user_session import Guest


def placed(monitors):
    """What is on in a layout: connector -> (width, height, x, y)."""
    return {m["connector"]: (m["width"], m["height"], m["x"], m["y"]) for m in monitors if m["enabled"]}


class Screen:
    """@start makes the server, given the guest."""

    def __init__(self, directory, party, backend, start, *options, **environment):
        self.guest = Guest(directory, party)
        self.server = party.keep(start(self.guest))
        self.system = self.guest.system_agent()
        self.agent = self.guest.agent(*options, **{**self.server.environment, **environment})
        displayed(self.system, backend)

    def apply(self, *monitors, **options):
        return apply_layout(self.system, *monitors, **options)

    def on(self):
        """By the last report."""
        return placed((self.system.states or [{}])[-1].get("layout", []))

    def server_dies(self):
        """With layouts on their way: each is answered, nothing is offered any more, and the agent goes on."""
        calls = [ask_layout(self.system, [(1024, 768)]) for _ in range(3)]
        self.server.process.kill()
        for call in calls:
            call.wait(10)
        wait(lambda: "display" not in self.system.offer, 5, "the offer to shrink")
        assert self.apply((1024, 768))[1] == "org.freedesktop.DBus.Error.NotSupported"
        assert self.agent.running and len(self.agent.log()) <= 1
