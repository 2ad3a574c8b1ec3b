# SPDX-License-Identifier: Apache-2.0
"""The buses of a user's session, and a login manager that knows the session, for session agents to be started on."""

import os

import pytest

from .bus import Bus, SessionBus
from .desktop import Agent, Locker, LoginManager, SystemAgent, wait


class Guest:
    def __init__(self, directory, party):
        if os.geteuid() != 0:
            pytest.skip("the bus policy knows root only")
        self.directory, self.keep = directory, party.keep
        self.system_bus = self.keep(Bus(directory))
        self.session_bus = self.keep(SessionBus(directory))
        self.login1 = self.keep(LoginManager(self.system_bus))

    def system_agent(self, **options):
        return self.keep(SystemAgent(self.system_bus, **options))

    def locker(self, **options):
        return self.keep(Locker(self.session_bus, **options))

    def agent(self, *options, **environment):
        return self.keep(Agent(self.directory, self.system_bus, self.session_bus, *options,
                               **{"XDG_SESSION_ID": "s2", **environment}))


def registered(agent):
    return wait(lambda: agent.log("Registered session"), 10, "the registration")
