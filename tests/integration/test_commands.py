# SPDX-License-Identifier: Apache-2.0
"""Commands that need nothing else in the guest, and what becomes of those that do: vectors B."""

import os

import pytest
from rig.pace import complaints, scaled

SECRET = "s3kr1t-w0rd"


def reply(host, line):
    """What comes back for a line before a heartbeat could: messages but heartbeats and changes."""
    host.send_bytes(line + b"\n")
    host.send({"__name__": "echo", "fence": 1})
    host.expect("echo", within=scaled(5), fence=1)
    sent = max(i for i, e in enumerate(host.events) if e.kind == "sent" and e.name == "raw")
    return [e for e in host.events[sent:] if e.kind == "message" and e.name not in ("heartbeat", "disks-usage")
            and e.members.get("fence") != 1]


ECHOES = [
    ("B1", rb'{"a": 1, "b": "x", "__name__": "echo"}', {"a": 1, "b": "x"}),
    ("B2", rb'{"s": "\ud83d\ude00\u010d", "__name__": "echo"}', {"s": "\U0001f600\u010d"}),
    ("B3", rb'{"s": "a\u0001b", "\u0007": 1, "__name__": "echo"}', {"s": "a\ufffdb", "\ufffd": 1}),
    ("B4", rb'{"__name__": "echo"}', {}),
    ("B55", rb'{"a": {"b": [null, true, 1.5, {"c": []}]}, "__name__": "echo"}', {"a": {"b": [None, True, 1.5, {"c": []}]}}),
    ("kept-characters", rb'{"s": "\t\n\r\u0085", "__name__": "echo"}', {"s": "\t\n\r\u0085"}),
    ("nul", rb'{"s": "a\u0000b", "__name__": "echo"}', {"s": "a\ufffdb"}),
    ("non-characters", rb'{"s": "\ufffe\uffff\u007f\u009f", "__name__": "echo"}', {"s": "\ufffd" * 4}),
    ("big-integer", rb'{"n": 9007199254740993, "m": -9223372036854775808, "__name__": "echo"}',
     {"n": 9007199254740993, "m": -2**63}),
    ("utf-8", '{"s": "žluť \U0001f600", "__name__": "echo"}'.encode(), {"s": "žluť \U0001f600"}),
]


@pytest.mark.parametrize("line, members", [e[1:] for e in ECHOES], ids=[e[0] for e in ECHOES])
def test_echo(standing, line, members):
    host, _ = standing
    complained = len(complaints(host))
    assert [(e.name, e.members) for e in reply(host, line)] == [("echo", members)]
    assert len(complaints(host)) == complained


def test_echo_of_a_long_line(standing):
    """The longest line there may be comes back whole."""
    host, _ = standing
    text = "x" * (64 * 1024 - 100)
    assert [e["s"] for e in reply(host, b'{"s": "%s", "__name__": "echo"}' % text.encode())] == [text]


CPUS = [
    ("B39", b'{"count": 4, "__name__": "set-number-of-cpus"}', True),
    ("B41-zero", b'{"count": 0, "__name__": "set-number-of-cpus"}', False),
    ("B41-negative", b'{"count": -1, "__name__": "set-number-of-cpus"}', False),
    ("B41-missing", b'{"__name__": "set-number-of-cpus"}', False),
    ("B41-text", b'{"count": "x", "__name__": "set-number-of-cpus"}', False),
    ("null", b'{"count": null, "__name__": "set-number-of-cpus"}', False),
    ("numeric-text", b'{"count": "2", "__name__": "set-number-of-cpus"}', True),
    ("huge", b'{"count": 1e400, "__name__": "set-number-of-cpus"}', False),
]


@pytest.mark.parametrize("line, answered", [c[1:] for c in CPUS], ids=[c[0] for c in CPUS])
def test_set_number_of_cpus(standing, line, answered):
    host, _ = standing
    host.skip()
    unasked = reply(host, line)
    if answered:
        # It may wait for changes that are being looked at.
        host.wait_until(lambda: any(e.name == "number-of-cpus" for e in host.messages()[-5:]), scaled(2), "the answer")
        assert host.messages("number-of-cpus")[-1]["count"] == len(os.sched_getaffinity(0))
    else:
        assert unasked == []


def test_b40_not_at_version_0(party):
    host = party.host(versioning=False)
    party.agent(guest=party.guest())
    host.expect("refresh-set", within=scaled(5))
    host.collect(scaled(2))
    assert reply(host, b'{"count": 4, "__name__": "set-number-of-cpus"}') == []


REFUSED = [
    ("shutdown", {"timeout": 30, "message": f"bye {SECRET}", "reboot": "False"},
     '"shutdown": the login manager cannot be reached'),
    ("hibernate", {"state": "disk"}, '"hibernate": the login manager cannot be reached'),
    ("login", {"username": "bob@d.example", "password": SECRET}, "login is dropped: the seat shows neither"),
]


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
def test_refused_honestly(party, debug):
    """Without a bus: why is said once, and nothing of what the command says."""
    host, agent = party.settled(guest=party.guest(), debug=debug)
    host.wait_until(lambda: host.messages("number-of-cpus"), scaled(3), "what comes after the first set")
    for name, members, why in REFUSED:
        assert reply(host, host_line(name, members)) == []
        assert len(agent.wait_log(why)) == 1
    assert SECRET not in "\n".join(agent.log(level=""))
    assert "bob" not in "\n".join(agent.log(level=""))


@pytest.mark.parametrize("name, members", [r[:2] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused_without_a_word_on_the_wire(standing, name, members):
    host, agent = standing
    assert reply(host, host_line(name, members)) == []
    assert SECRET not in "\n".join(agent.log(level=""))


def test_lock_screen_without_a_bus(standing):
    """Nobody is there: the host need not wait."""
    host, _ = standing
    assert [e.name for e in reply(host, host_line("lock-screen", {}))] == ["session-logoff"]
    assert reply(host, host_line("log-off", {})) == []


def host_line(name, members):
    body = "".join(f'"{k}": {v if isinstance(v, int) else chr(34) + v + chr(34)}, ' for k, v in members.items())
    return f'{{{body}"__name__": "{name}"}}'.encode()


UNKNOWN = [
    ("B54", b'{"__name__": "frobnicate"}'),
    ("B56", b'{"__name__": "LOCK-SCREEN"}'),
    ("empty-looking", b'{"__name__": " "}'),
    ("control", rb'{"__name__": "echo\n\u001b[31m"}'),
    ("guest-message", b'{"__name__": "heartbeat", "free-ram": "1"}'),
]


@pytest.mark.parametrize("line", [u[1] for u in UNKNOWN], ids=[u[0] for u in UNKNOWN])
def test_unknown_commands(standing, line):
    host, agent = standing
    assert reply(host, line) == []
    assert "\x1b" not in "\n".join(agent.log(level=""))
