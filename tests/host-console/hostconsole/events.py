# SPDX-License-Identifier: Apache-2.0
"""What happened, as one flat kind of record, and the log that keeps it."""

import json
import unicodedata
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Event:
    """kind is message, garbage (a line that is none), sent, complaint, link, version, set, change or note.

    A message's name is the guest's; the others use their kind ("link", "complaint"), a set the name
    "refresh-set" or "startup-set", a change the name of the view's item.
    """

    time: float
    kind: str
    name: str
    members: dict = field(default_factory=dict)
    raw: bytes = b""

    def __getitem__(self, member):
        return self.members[member]

    def as_json(self):
        record = {"time": round(self.time, 6), "kind": self.kind, "name": self.name, "members": masked(self.members)}
        return json.dumps(record)

    def summary(self):
        """One line without the time."""
        m = self.members
        if self.kind == "complaint":
            return f"COMPLAINT {m['rule']}: {m['text']} ({m['cost']})"
        if self.kind == "link":
            return f"link {m['state']}" + (f" ({m['detail']})" if m.get("detail") else "")
        if self.kind == "version":
            return f"version {m['from']} -> {m['to']} (guest announced {m['announced']})"
        if self.kind == "set":
            return f"{self.name} complete, version {m['version']}, {len(m['names'])} messages"
        if self.kind == "note":
            return m["text"]
        if self.kind == "change":
            return f"{self.name} is now {compact(m['value'])}"
        plain_first = sorted(masked(m).items(), key=lambda item: isinstance(item[1], (list, dict)))
        words = [f"{k}={_short(v)}" for k, v in plain_first]
        return " ".join([("> " if self.kind == "sent" else "") + self.name, *words])


class EventLog:
    """Events in order, with a cursor: what lies before it was consumed by an expectation."""

    def __init__(self, limit=None):
        self.events = []
        self.dropped = 0
        self._limit = limit
        self._cursor = 0
        self._mark = 0

    def add(self, event):
        self.events.append(event)
        if self._limit and len(self.events) > 2 * self._limit:
            self.dropped += len(self.events) - self._limit
            del self.events[: -self._limit]

    @property
    def end(self):
        return self.dropped + len(self.events)

    def consume(self, position):
        """Everything before the position counts as seen."""
        self._cursor = max(self._cursor, position)

    def mark_sent(self):
        """What comes after this is what expect-none counts."""
        self._mark = self.end

    @property
    def cursor(self):
        return self._cursor

    @property
    def since_sent(self):
        return max(self._cursor, self._mark)

    def since(self, position):
        """(position, event) pairs from a position on."""
        first = max(position - self.dropped, 0)
        for index in range(first, len(self.events)):
            yield self.dropped + index, self.events[index]


def masked(value):
    """The same value with everything called a password hidden."""
    if isinstance(value, dict):
        return {k: "***" if k == "password" else masked(v) for k, v in value.items()}
    if isinstance(value, list):
        return [masked(v) for v in value]
    return value


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def printable(text):
    """A guest's text must not steer the terminal: no control, format or unassigned characters."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c == " " or unicodedata.category(c)[0] not in "CZ" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _short(value, limit=72):
    """A value for one line: of a long list only its length and how its items are called."""
    if isinstance(value, list) and value:
        names = [str(v.get("name") or v.get("path") or v.get("names")) if isinstance(v, dict) else str(v) for v in value]
        text = f"[{len(value)}: {', '.join(names)}]"
    elif isinstance(value, str) and value and " " not in value:
        text = value
    else:
        text = compact(value)
    return text if len(text) <= limit else text[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"
