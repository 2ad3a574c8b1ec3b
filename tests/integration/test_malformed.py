# SPDX-License-Identifier: Apache-2.0
"""What no host should send: vectors C."""

import json
import os
import random

import pytest
from hostconsole.negotiation import refresh_set
from rig.pace import INSTRUMENTED, complaints, scaled

ECHO = b'{"n": 1, "__name__": "echo"}'
DEEP = b"[" * 100_000

# id, bytes before a fence, members of the echoes that must come before the fence's
VECTORS = [
    ("C1", b"\n", []),
    ("C1-many", b"\n" * 1000, []),
    ("C2", b"not json\n" + ECHO + b"\n", [{"n": 1}]),
    *((f"C3-{i}", line + b"\n" + ECHO + b"\n", [{"n": 1}])
      for i, line in enumerate([b"[]", b"1", b'"x"', b"null", b"true", b"-", b"1e400", b'"\\ud800"'])),
    *((f"C4-{i}", line + b"\n", []) for i, line in enumerate([b"{}", b'{"a":1}'])),
    *((f"C5-{i}", b'{"__name__": %s}\n' % value + ECHO + b"\n", [{"n": 1}])
      for i, value in enumerate([b"5", b"null", b'""', b"[]", b"{}", b"true", b"1.5"])),
    ("C6", b'{"timeout": 30, "mes{"__name__": "echo"}\n' + ECHO + b"\n", [{"n": 1}]),
    ("C7", b'{"s": "\xff\xfe", "__name__": "echo"}\n' + ECHO + b"\n", [{"n": 1}]),
    ("C7-truncated", b'{"s": "\xe2\x82", "__name__": "echo"}\n' + ECHO + b"\n", [{"n": 1}]),
    ("C8", ECHO + b"\r\n", [{"n": 1}]),
    ("C10", b"".join(b'{"n": %d, "__name__": "echo"}\n' % i for i in range(3)), [{"n": i} for i in range(3)]),
    ("C12-array", DEEP + b"\n" + ECHO + b"\n", [{"n": 1}]),
    ("C12-in-member", b'{"a": ' + DEEP[:60_000] + b', "__name__": "echo"}\n' + ECHO + b"\n", [{"n": 1}]),
    ("C12-objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"\n" + ECHO + b"\n", [{"n": 1}]),
    ("C13", b'{"__name__": "shutdown", "n": 1, "__name__": "echo"}\n', [{"n": 1}]),
    ("C14", b'{"n": "a\0b", "__name__": "echo"}\n' + ECHO + b"\n", [{"n": 1}]),
    ("C14-after", ECHO + b"\0\n" + ECHO + b"\n", [{"n": 1}]),
    ("C16", rb'{"s": "a\ud800b", "__name__": "echo"}' + b"\n", [{"s": "a\ufffdb"}]),
    ("C16-low", rb'{"s": "\udc00", "__name__": "echo"}' + b"\n", [{"s": "\ufffd"}]),
    ("C16-wrong-order", rb'{"s": "\udc00\ud800", "__name__": "echo"}' + b"\n", [{"s": "\ufffd\ufffd"}]),
    ("C18", b'{"__name__":"refresh"\n' + ECHO + b"\n", [{"n": 1}]),
    ("two-on-a-line", ECHO + ECHO + b"\n" + ECHO + b"\n", [{"n": 1}]),
    ("tail", ECHO + b" x\n" + ECHO + b"\n", [{"n": 1}]),
    ("single-quotes", b"{'__name__': 'echo'}\n", []),
    ("comment", b'/* x */ {"__name__": "echo"}\n', []),
    ("trailing-comma", b'{"n": 1, "__name__": "echo",}\n', []),
    ("longest", b'{"__name__": "echo", "s": "' + b"x" * (64 * 1024 - 29) + b'"}\n', [{"s": "x" * (64 * 1024 - 29)}]),
    ("too-long", b'{"__name__": "echo", "s": "' + b"x" * (64 * 1024) + b'"}\n' + ECHO + b"\n", [{"n": 1}]),
]


def echoes(host, data):
    """The members of the echoes that come before the fence's."""
    # Once the agent has done all that came before.
    host.send({"__name__": "echo", "fence": 0})
    host.expect("echo", within=scaled(5), fence=0)
    position = len(host.events)
    host.send_bytes(data)
    host.send({"__name__": "echo", "fence": 1})
    host.expect("echo", within=scaled(10), fence=1)
    return [e.members for e in host.events[position:] if e.kind == "message" and e.name == "echo"][:-1]


def others(host, position):
    return [e.name for e in host.events[position:] if e.kind == "message"
            and e.name not in ("echo", "heartbeat", "number-of-cpus")]


@pytest.mark.parametrize("data, expected", [v[1:] for v in VECTORS], ids=[v[0] for v in VECTORS])
def test_line(standing, data, expected):
    host, _ = standing
    position = len(host.events)
    assert echoes(host, data) == expected
    assert others(host, position) == []


OPTIONAL = [
    ("C15", b"\xef\xbb\xbf" + ECHO + b"\n", {"n": 1}),
    ("C17-overlong", b'{"s": "\xc0\xaf", "__name__": "echo"}\n', None),
    ("C17-surrogate", b'{"s": "\xed\xa0\x80", "__name__": "echo"}\n', None),
    ("C17-beyond", b'{"s": "\xf4\x90\x80\x80", "__name__": "echo"}\n', None),
    ("C19-nan", b'{"s": NaN, "__name__": "echo"}\n', None),
    ("C19-infinity", b'{"s": -Infinity, "__name__": "echo"}\n', None),
]


@pytest.mark.parametrize("data, allowed", [o[1:] for o in OPTIONAL], ids=[o[0] for o in OPTIONAL])
def test_line_that_may_be_lost(standing, data, allowed):
    """Lost, or taken as it was meant, but never passed on as it came."""
    host, _ = standing
    complained = len(complaints(host))
    assert echoes(host, data) in ([], *([[allowed]] if allowed else []))
    assert echoes(host, ECHO + b"\n") == [{"n": 1}]
    assert len(complaints(host)) == complained


def test_c9_a_byte_at_a_time(standing):
    host, _ = standing
    position = len(host.events)
    for byte in '{"s": "ž", "__name__": "echo"}\n'.encode():
        host.send_bytes(bytes([byte]))
        host.drain()
    host.expect("echo", within=scaled(5), s="ž")
    assert [e.members for e in host.events[position:] if e.name == "echo" and e.kind == "message"] == [{"s": "ž"}]


def test_c11_ten_mebibytes_without_an_end(party):
    host, agent = party.settled(guest=party.guest())
    # From here on the host says nothing by itself, which would end the line.
    host.wait_until(lambda: host.vdsm.effective == 3, scaled(5))
    before = agent.memory_peak_kib()
    chunk = os.urandom(1 << 20).replace(b"\n", b"x")
    for _ in range(10):
        host.send_bytes(chunk)
        host.drain(scaled(10))
    host.send_bytes(b"\n")
    assert echoes(host, ECHO + b"\n") == [{"n": 1}]
    assert INSTRUMENTED or agent.memory_peak_kib() - before < 2048
    assert len(agent.log("too long")) == 1


def test_c20_a_thousand_refreshes(party):
    host, agent = party.settled(guest=party.guest())
    before, position = agent.memory_peak_kib(), len(host.events)
    host.send_bytes(b'{"apiVersion": 3, "__name__": "refresh"}\n' * 1000)
    host.send({"__name__": "echo", "fence": 1})
    host.expect("echo", within=scaled(10), fence=1)
    host.collect(scaled(0.5))
    names = [n for n in others(host, position)]
    # The state of the seat is told behind the last of the sets that come together.
    assert names.pop() == "session-logoff"
    names = [n for n in names if n != "session-logoff"]
    expected = refresh_set(3)
    assert 1 <= len(names) // len(expected) <= 1000 and names == expected * (len(names) // len(expected))
    assert INSTRUMENTED or agent.memory_peak_kib() - before < 4096
    assert complaints(host) == []


def garbage(seed, size):
    """Lines that look like commands, broken at random; none is an echo."""
    random.seed(seed)
    lines = []
    while size > 0:
        line = bytearray(json.dumps({"apiVersion": 3, "s": "žluť", "__name__": "frobnicate"}).encode())
        for _ in range(random.randrange(8)):
            line[random.randrange(len(line))] = random.choice(b'{}[]",:\\\0\xff\x80a1')
        lines.append(bytes(line).replace(b"\n", b""))
        size -= len(line)
    return b"\n".join(lines) + b"\n"


def test_a_flood_of_garbage(party):
    """It costs log lines by the handful, no memory, and no heartbeat."""
    host, agent = party.settled(guest=party.guest())
    before, size = agent.memory_peak_kib(), (1 if INSTRUMENTED else 10) << 20
    flood = garbage(7, 1 << 20)
    for _ in range(size >> 20):
        host.send_bytes(flood)
        host.drain(scaled(20))
    assert echoes(host, ECHO + b"\n") == [{"n": 1}]
    host.expect("heartbeat", within=scaled(2.5))
    assert len(agent.log()) < 60
    assert INSTRUMENTED or agent.memory_peak_kib() - before < 2048


@pytest.mark.parametrize("seed", range(4))
def test_random_bytes(standing, seed):
    host, _ = standing
    random.seed(seed)
    data = random.randbytes(200_000)
    position = len(host.events)
    assert echoes(host, data + b"\n" + ECHO + b"\n") == [{"n": 1}]
    assert others(host, position) == []
