# SPDX-License-Identifier: Apache-2.0
"""What scripts and tests wait for.

    heartbeat apiVersion=3 within 7          a message, with conditions on its members
    network-interfaces interfaces[0].name=eth0
    refresh-set version=3                    also: startup-set, link state=up, version to=3, complaint rule=mac
    view.os.version!="" within 2             the host's view, now or soon

Only what was not consumed yet counts, in order; a match consumes everything up to itself. expect-none counts what
comes after the last match or the last thing sent, whichever is later.
"""

import json
import re
from dataclasses import dataclass

from .events import compact
from .view import lookup

DEFAULT_SECONDS = 10.0
_WORD = re.compile(r"""(?:[^\s"']|"(?:[^"\\]|\\.)*"|'[^']*')+""")
_CONDITION = re.compile(r"""([^\s=!<>~"']+)(!=|<=|>=|=|<|>|~)(.*)\Z""", re.DOTALL)
_SHOWN = 25


class ExpectError(Exception):
    """The expression is wrong."""


@dataclass(frozen=True)
class Condition:
    path: str
    operator: str
    text: str  # as written

    def holds(self, members):
        actual = lookup(members, self.path)
        return _compare(actual, self.operator, _value(self.text))

    def __str__(self):
        return f"{self.path}{self.operator}{self.text}"


@dataclass(frozen=True)
class Member:
    """A condition from Python: a value to be equal to, or a function."""

    path: str
    wanted: object

    def holds(self, members):
        actual = lookup(members, self.path)
        if callable(self.wanted):
            return actual is not None and bool(self.wanted(actual))
        return type(actual) is type(self.wanted) and actual == self.wanted

    def __str__(self):
        return f"{self.path}={getattr(self.wanted, '__name__', None) or compact(self.wanted)}"


class Expectation:
    """One thing waited for. start() once, then poll() until it is True or False."""

    def __init__(self, name, conditions=(), seconds=None, negative=False):
        self.name = name  # "" for the view
        self.conditions = tuple(conditions)
        self.seconds = seconds
        self.negative = negative
        self.event = None  # what matched
        self._from = self._next = 0
        self._deadline = 0.0

    def __str__(self):
        words = [self.name] if self.name else []
        prefix = "" if self.name else "view."
        words += [f"{prefix}{c}" for c in self.conditions]
        return " ".join(words)

    def start(self, log, now, default=DEFAULT_SECONDS):
        self._from = self._next = log.since_sent if self.negative else log.cursor
        self._deadline = now + (default if self.seconds is None else self.seconds)

    def poll(self, log, view, now):
        """True, False, or None while undecided."""
        if self._seen(log, view):
            return not self.negative
        if now >= self._deadline:
            return self.negative
        return None

    def _seen(self, log, view):
        if not self.name:
            return all(c.holds(view.items) for c in self.conditions)
        for position, event in log.since(self._next):
            self._next = position + 1
            if event.kind not in ("sent", "note", "change") and event.name == self.name:
                if all(c.holds(event.members) for c in self.conditions):
                    self.event = event
                    if not self.negative:
                        log.consume(position + 1)
                    return True
        return False

    def failure(self, log, view):
        """The lines that say what was seen instead."""
        if self.negative:
            return [f"not expected, but seen: {self.event.summary() if self.event else self}"]
        if not self.name:
            actual = [f"view.{c.path} is {compact(lookup(view.items, c.path))}" for c in self.conditions]
            return [f"expected {self}, but {', '.join(actual)}"]
        seen = [e for _, e in log.since(self._from) if e.kind not in ("change", "note")]
        lines = [f"expected {self}, and did not see it; seen instead:" if seen else
                 f"expected {self}, and saw nothing at all"]
        if len(seen) > _SHOWN:
            lines.append(f"    ({len(seen) - _SHOWN} earlier ones)")
        return lines + [f"    {e.time:.3f}s {e.summary()}" for e in seen[-_SHOWN:]]


def parse(text, negative=False):
    """The expression after expect or expect-none."""
    words = _WORD.findall(text)
    verb, keyword = ("expect-none", "for") if negative else ("expect", "within")
    if not words:
        raise ExpectError(f"{verb}: say what, for example: {verb} heartbeat apiVersion=3 {keyword} 7")
    seconds = None
    if len(words) >= 2 and words[-2] in ("within", "for"):
        if words[-2] != keyword:
            raise ExpectError(f"{verb}: say {keyword!r} SECONDS, not {words[-2]!r}")
        try:
            seconds = float(words[-1])
        except ValueError:
            raise ExpectError(f"{verb}: {words[-1]!r} is not a number of seconds") from None
        words = words[:-2]
    if not words:
        raise ExpectError(f"{verb}: say what, for example: {verb} heartbeat apiVersion=3 {keyword} 7")
    if words[0].startswith("view."):
        name, conditions = "", [word.removeprefix("view.") for word in words]
    else:
        name, conditions = words[0], words[1:]
        if _CONDITION.match(name):
            raise ExpectError(f"{verb}: a message comes first, then its members; {name!r} is a condition")
    return Expectation(name, [_condition(verb, c) for c in conditions], seconds, negative)


def _condition(verb, word):
    match = _CONDITION.match(word)
    if not match:
        raise ExpectError(f"{verb}: {word!r} is not MEMBER=VALUE (or != < > <= >= or ~ with a regular expression)")
    condition = Condition(*match.groups())
    if condition.operator == "~":
        try:
            re.compile(str(_value(condition.text)))
        except re.error as e:
            raise ExpectError(f"{verb}: {condition.text}: {e}") from None
    return condition


def _value(text):
    """JSON where it parses, else the bare text."""
    try:
        return json.loads(text)
    except ValueError:
        return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text


def _compare(actual, operator, wanted):
    if operator == "~":
        return actual is not None and re.search(str(wanted), actual if isinstance(actual, str) else compact(actual))
    # A bare 3 also means the string "3": the message's own check has judged the type.
    if isinstance(actual, str) and not isinstance(wanted, (str, list, dict)):
        if _numeric(actual):
            actual = float(actual)
        else:
            return operator == "!=" or (operator == "=" and actual == compact(wanted))
    elif isinstance(actual, bool) != isinstance(wanted, bool):
        return operator == "!="
    if operator == "=":
        return actual == wanted
    if operator == "!=":
        return actual != wanted
    try:
        return {"<": actual < wanted, "<=": actual <= wanted, ">": actual > wanted, ">=": actual >= wanted}[operator]
    except TypeError:
        return False


def _numeric(text):
    try:
        float(text)
        return True
    except ValueError:
        return False
