# SPDX-License-Identifier: Apache-2.0
"""Start and negotiation: vectors A."""

import pytest
from hostconsole import ExpectationFailed
from hostconsole.negotiation import STARTUP_ORDER, refresh_set
from rig.pace import INSTRUMENTED, complaints, scaled

from conftest import settle

# What comes by itself, in between.
PERIODIC = {"heartbeat", "number-of-cpus"}


def names_since(host, position):
    """What has come since a position in the log, but for what comes by itself."""
    return [e.name for e in host.events[position:] if e.kind == "message" and e.name not in PERIODIC | {"echo"}]


def answer(version):
    """A set, and the state of the seat behind it: nobody is there."""
    return [*refresh_set(version), "session-logoff"]


def exchange(host, command, expected):
    """Sends a command, which must get just these messages in this order."""
    position = len(host.events)
    host.send(command)
    try:
        host.wait_until(lambda: len(names_since(host, position)) >= len(expected), scaled(3))
    except ExpectationFailed:
        pass                    # what is missing shows below
    # A set would begin in the turn of the loop that takes the command; an echo comes after it.
    for fence in range(2):
        host.send({"__name__": "echo", "fence": fence})
        host.expect("echo", within=scaled(3), fence=fence)
    host.collect(scaled(0.1))
    seen = names_since(host, position)
    if INSTRUMENTED:            # what is late follows its set, once more
        seen = list(dict.fromkeys(seen))
    assert seen == expected


def at(host, version):
    """Has the agent at a version, whatever it was at."""
    position, expected = len(host.events), answer(version)
    for v in (0 if version else 3, version):
        host.send({"__name__": "api-version", "apiVersion": v})

    def is_there():
        seen = names_since(host, position)
        return any(seen[i:i + len(expected)] == expected for i in range(len(seen)))

    host.wait_until(is_there, scaled(3), f"version {version}")
    host.collect(scaled(0.1))


# id, version before, command, version of the set that answers (None: nothing), version after
VECTORS = [
    ("A4", 0, {"__name__": "api-version", "apiVersion": 3}, 3, 3),
    ("A5", 3, {"__name__": "api-version", "apiVersion": 3}, None, 3),
    ("A6", 0, {"__name__": "api-version", "apiVersion": 9}, 3, 3),
    ("A7", 0, {"__name__": "api-version", "apiVersion": "2"}, 2, 2),
    ("A8", 3, {"__name__": "api-version", "apiVersion": 1}, 0, 1),
    ("A9", 3, {"__name__": "api-version", "apiVersion": "abc"}, None, 3),
    ("A10-missing", 3, {"__name__": "api-version"}, None, 3),
    ("A10-null", 3, {"__name__": "api-version", "apiVersion": None}, None, 3),
    ("A10-array", 3, {"__name__": "api-version", "apiVersion": []}, None, 3),
    ("A10-object", 3, {"__name__": "api-version", "apiVersion": {}}, None, 3),
    ("A11", 3, {"__name__": "api-version", "apiVersion": -1}, 0, 0),
    ("A12", 3, {"__name__": "api-version", "apiVersion": 0}, 0, 0),
    ("A13", 3, {"__name__": "refresh", "apiVersion": 3}, 3, 3),
    ("A14", 0, {"__name__": "refresh", "apiVersion": 3}, 0, 0),
    ("A15", 3, {"__name__": "refresh"}, 0, 0),
    ("A16", 3, {"__name__": "refresh", "apiVersion": None}, 3, 3),
    ("A17", 1, {"__name__": "refresh", "apiVersion": 1}, 0, 1),
    ("A18", 2, {"__name__": "refresh", "apiVersion": 2}, 2, 2),
    ("A22", 0, {"__name__": "api-version", "apiVersion": 2.0}, 2, 2),
    ("huge", 0, {"__name__": "api-version", "apiVersion": 10**30}, None, 0),
    ("fraction", 3, {"__name__": "api-version", "apiVersion": 1.5}, None, 3),
    ("boolean", 3, {"__name__": "api-version", "apiVersion": True}, None, 3),
]


@pytest.mark.parametrize("before, command, version_of_set, after", [v[1:] for v in VECTORS], ids=[v[0] for v in VECTORS])
def test_version(standing, before, command, version_of_set, after):
    host, _ = standing
    at(host, before)
    expected = [] if version_of_set is None else answer(version_of_set)
    exchange(host, command, expected)
    # What it is at now shows in what a refresh gets.
    exchange(host, {"__name__": "refresh", "apiVersion": 3}, answer(after))


def test_a1_to_a3_a_start(party):
    host = party.host()
    party.agent(guest=party.guest())
    settle(host)
    host.wait_until(lambda: len(host.messages("heartbeat")) >= 4, scaled(5))
    events = host.events
    names = [e.name for e in events if e.kind == "message"]
    assert names[:len(STARTUP_ORDER)] == list(STARTUP_ORDER)
    agreed = next(i for i, e in enumerate(events) if e.kind == "sent" and e.name == "api-version")
    assert not {e.name for e in events[:agreed]} & {"number-of-cpus", "timezone", "os-info", "containers"}
    versions = [e["apiVersion"] for e in host.messages("heartbeat")]
    assert versions[0] == 0 and set(versions[1:]) == {3}
    assert complaints(host) == []


def test_first_heartbeats_are_early(party):
    """The machine counts as up, and the version is agreed on, without waiting for a slow rate."""
    host = party.host()
    party.agent(guest=party.guest(), config=party.configure(heart_beat_rate=3600))
    settle(host)
    begin = host.time_of("link")
    first, second = host.messages("heartbeat")
    assert 0.3 < first.time - begin < scaled(1)
    assert 0.9 < second.time - first.time < scaled(1.5)


def test_a8_cpus_are_still_sent(party):
    host = party.host()
    party.agent(guest=party.guest(), config=party.configure(report_num_cpu_rate=1))
    settle(host)
    at(host, 1)
    for _ in range(2):
        host.expect("number-of-cpus", within=scaled(3))


def test_a17_no_cpus_with_the_refresh(party):
    host = party.host()
    party.agent(guest=party.guest(), config=party.configure(heart_beat_rate=30))
    settle(host)
    host.send({"__name__": "refresh", "apiVersion": 1})
    host.expect_none("number-of-cpus", scaled(0.5))


def test_a19_the_agent_is_restarted(party):
    host = party.host()
    guest = party.guest()
    first = party.agent(guest=guest)
    settle(host)
    assert first.terminate() == 0
    host.wait_until(lambda: not host.connected, scaled(2))
    party.agent(guest=guest)
    host.expect("version", within=scaled(5), to=0)
    host.expect("version", within=scaled(5), to=3)
    settle(host)
    assert complaints(host) == []


@pytest.mark.parametrize("options, allowed", [
    ({"api_max": 1}, {"number-of-cpus"}),
    ({"versioning": False}, set()),
], ids=["A20", "A21"])
def test_old_hosts(party, options, allowed):
    host = party.host(**options)
    party.agent(guest=party.guest(), config=party.configure(report_num_cpu_rate=1, report_application_rate=1,
                                 report_disk_usage=1))
    host.expect("refresh-set", within=scaled(5))
    if allowed:
        host.expect("version", within=scaled(5), to=1)
    host.collect(scaled(3.5))
    seen = {e.name for e in host.messages()}
    assert seen & {"number-of-cpus", "timezone", "os-info", "containers", "completion"} == allowed
    assert complaints(host) == []
