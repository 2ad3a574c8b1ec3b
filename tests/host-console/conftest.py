# SPDX-License-Identifier: Apache-2.0
"""The console's own tests: its package, and a guest to play against."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from fake_agent import Talk  # noqa: E402
from hostconsole.vdsm import Vdsm  # noqa: E402


class Conversation:
    """VDSM's part without IO, at a clock the test moves."""

    def __init__(self, **options):
        self.vdsm = Vdsm(**options)
        self.now = 0.0
        self.events = []
        self.up()

    def up(self):
        self.events += self.vdsm.link_up(self.now)

    def down(self):
        self.events += self.vdsm.link_down(self.now)

    def guest(self, *messages):
        """Messages, or lines as bytes."""
        for message in messages:
            data = message if isinstance(message, bytes) else Talk.encode(message)
            self.events += self.vdsm.feed(data, self.now)

    def host(self, command, /, **members):
        self.events += self.vdsm.send_message({**members, "__name__": command}, self.now)

    def bytes(self, data):
        self.events += self.vdsm.send_raw(data, self.now)

    def wait(self, seconds):
        """Time passes in the small steps of a real loop."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(self.now + 0.25, end)
            self.events += self.vdsm.tick(self.now)

    def sent(self):
        """What went to the guest since the last call, as text."""
        return self.vdsm.take_output().decode()

    def rules(self):
        """The rules complained by, each as often as it was."""
        return [e["rule"] for e in self.events if e.kind == "complaint"]

    def named(self, name):
        return [e for e in self.events if e.name == name]


@pytest.fixture
def conversation():
    return Conversation


@pytest.fixture
def agreed():
    """A conversation with an agent that started, answered the refresh and agreed on version 3."""
    c = Conversation()
    talk = Talk()
    c.guest(*talk.startup(), *talk.refresh_set(0), talk.heartbeat(0), talk.heartbeat(3), *talk.refresh_set(3))
    assert c.rules() == []
    c.events.clear()
    c.sent()
    return c
