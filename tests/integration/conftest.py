# SPDX-License-Identifier: Apache-2.0
"""What every case can ask for. Each begins in a directory of its own, and what it starts ends with it, well."""

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "host-console")]

from hostconsole import ExpectationFailed, Host  # noqa: E402
from rig.agent import PORT, Agent, configuration  # noqa: E402
from rig.bus import Bus                     # noqa: E402
from rig.guest import Guest                 # noqa: E402
from rig.guest import available as guest_available  # noqa: E402
from rig.pace import INSTRUMENTED, scaled, until  # noqa: E402


def new_directory():
    """Short, as addresses of sockets are, and open to other users, as a bus is."""
    directory = Path(tempfile.mkdtemp(prefix="oga-"))
    directory.chmod(0o755)
    return directory


def remove(directory):
    """Whether it is gone: what a bus has started ends after the bus, and may write as its last deed."""
    shutil.rmtree(directory, ignore_errors=True)
    return not directory.exists()


@pytest.fixture
def directory():
    path = new_directory()
    yield path
    until(lambda: remove(path), what="an empty directory")


@pytest.fixture
def pam_unix_under_sanitizers(monkeypatch):
    """The address sanitizer wraps a crypt_r() that has to be there from the start; and to look for leaks it traces the
    program, which ovirt-check-password does not allow."""
    if "ASAN_OPTIONS" in os.environ:
        monkeypatch.setenv("ASAN_OPTIONS", os.environ["ASAN_OPTIONS"] + ":detect_leaks=0")
        monkeypatch.setenv("LD_PRELOAD", "libcrypt.so.1")


class Party:
    """A host and an agent that talk, with whatever else the case needs."""

    def __init__(self, directory):
        self.directory = directory
        self.socket = directory / "host"
        self._closing = []

    def host(self, path=None, **options):
        host = Host.listen(path or self.socket, **options)
        self._closing.append(host.close)
        return host

    def keep(self, thing):
        """Closes it at the end of the case."""
        self._closing.append(thing.close)
        return thing

    def configure(self, *text, **general):
        """A configuration file of the case's own, for agent(config=...)."""
        return configuration(self.directory / "agent.conf", *text, **general)

    def agent(self, *arguments, **options):
        """The agent at our host, unless the arguments say otherwise; its rate is one a second."""
        options["config"] = options.get("config") or self.configure()
        agent = Agent(self.directory, *(arguments or ["--port", f"{PORT}={self.socket}"]), **options)
        self._closing.append(agent.stop)
        return agent

    def guest(self, **etc):
        """A guest with one interface and an /etc; it needs neither DNS nor what this machine has."""
        if not guest_available():
            pytest.skip("no namespaces here")
        guest = self.keep(Guest(self.directory))
        guest.run("hostname", "guest7")
        guest.private_etc(**etc)
        guest.private_packages()
        guest.add_nic()
        return guest

    def bus(self, **options):
        if os.geteuid() != 0:
            pytest.skip("the bus policy knows root only")
        return self.keep(Bus(self.directory, **options))

    def settled(self, **options):
        """(host, agent), agreed on version 3; without waiting for the heartbeats that lead there."""
        host, agent = self.agreed(**options)
        settle(host)
        return host, agent

    def agreed(self, **options):
        """(host, agent), asked for version 3 at once, but not waited for."""
        host = self.host()
        agent = self.agent(**options)
        host.wait_connected(scaled(5))
        host.send({"__name__": "api-version", "apiVersion": 3})
        return host, agent

    def close(self):
        """In the order opposite to that of the beginning; every failure is told, the first one raised."""
        errors = []
        while self._closing:
            try:
                self._closing.pop()()
            except Exception as e:
                errors.append(e)
        if errors:
            raise errors[0]


def settle(host, version=3):
    """Waits for a complete set. A slowed agent's set may have gone on without a report: then it is asked again."""
    for _ in range(2 if INSTRUMENTED else 0):
        with contextlib.suppress(ExpectationFailed):
            return host.expect("refresh-set", within=scaled(2), version=lambda v: v == version)
        host.send({"__name__": "refresh", "apiVersion": version})
    return host.expect("refresh-set", within=scaled(12), version=lambda v: v == version)


@pytest.fixture
def party(directory):
    p = Party(directory)
    yield p
    p.close()


@pytest.fixture(scope="module")
def lasting_party():
    """A party for all cases of a file."""
    directory = new_directory()
    p = Party(directory)
    yield p
    p.close()
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def standing(lasting_party):
    """(host, agent) for cases that only ask one thing; they share it."""
    host, agent = lasting_party.settled(guest=lasting_party.guest())
    # From here on the host asks for nothing by itself.
    host.wait_until(lambda: host.vdsm.effective == 3, scaled(5))
    return host, agent
