# SPDX-License-Identifier: Apache-2.0
"""What the agent must be doing: its version, the sets it owes, its heartbeats.

The agent's version A is followed from both sides of the wire: the lines sent to it say what A becomes, a
startup set says that it is 0 again. None means that it cannot be known (the host came later than the agent).
"""

from dataclasses import dataclass, field

from .rules import Fault, is_integer

API_MAX = 3
MIN_VERSION = {"number-of-cpus": 1, "timezone": 2, "os-info": 2, "containers": 3, "completion": 3}
REFRESH_ORDER = (
    "session-startup", "active-user", "applications", "containers", "host-name", "os-version",
    "network-interfaces", "disks-usage", "fqdn", "timezone", "os-info",
)
STARTUP_ORDER = (
    "session-startup", "host-name", "os-version", "network-interfaces", "active-user", "applications", "fqdn",
)
SET_SECONDS = 10  # for a set to begin once the agent is heard, and to end once begun
QUIET_SECONDS = 1  # a set that is complete at one possible version and grows no more


def refresh_set(version):
    return [name for name in REFRESH_ORDER if MIN_VERSION.get(name, 0) <= version]


@dataclass
class _Request:
    """A line that a refresh set must answer."""

    text: str
    before: int | None
    after: int | None
    optional: bool
    heard: float | None = None  # when the agent first spoke after it
    answered: float | None = None


@dataclass
class _Set:
    begun: float
    last: float
    names: list = field(default_factory=lambda: ["session-startup"])
    kind: str = ""  # known from the second message on


@dataclass(frozen=True)
class SetSeen:
    name: str
    version: int
    names: list


class Negotiation:
    def __init__(self):
        self.reset()

    def reset(self):
        """A new link: the agent may be at any point of its life."""
        self.version = None
        self._heartbeats = "unknown"  # then "first" after a start, then "later"
        self._requests = []
        self._answered = []
        self._set = None
        self._stopped = False

    # -- towards the agent

    def sent(self, message, now):
        """One complete line that an agent would understand."""
        if message["__name__"] == "refresh":
            before = self.version
            if "apiVersion" not in message:
                self.version = 0
            self._requests.append(_Request("refresh", before, self.version, False))
        elif message["__name__"] == "api-version":
            before = self.version
            wanted = _agent_version(message.get("apiVersion"))
            if wanted is None or wanted == before:
                return
            self.version = None if wanted < 0 else wanted
            optional = before is None or self.version is None
            self._requests.append(_Request("api-version", before, self.version, optional))

    # -- from the agent

    def received(self, name, members, now):
        """Faults and SetSeen, in order."""
        out = []
        for request in self._requests:
            request.heard = now if request.heard is None else request.heard
        if self._stopped and name not in ("session-startup", "uninstalled"):
            out.append(Fault("after-shutdown", "order", f"{name} after session-shutdown"))
        if name == "session-startup":
            out += self._close()
            self._set = _Set(now, now)
            self._stopped = False
        elif self._set and name in REFRESH_ORDER:
            out += self._member(name, now)
        if name == "session-shutdown":
            self._set = None
            self._requests.clear()
            self._stopped = True
        elif name == "heartbeat":
            out += self._heartbeat(members.get("apiVersion"))
        ceiling = self._ceiling()
        if ceiling is not None and MIN_VERSION.get(name, 0) > ceiling:
            out.append(Fault("gated", "log", f"{name} needs version {MIN_VERSION[name]}, agreed is {ceiling}"))
        return out

    def tick(self, now):
        out = []
        self._answered = [r for r in self._answered if now - r.answered < SET_SECONDS]
        if self._set:
            quiet = now - self._set.last >= QUIET_SECONDS and self._fits() is not None
            if quiet or now - self._set.begun >= SET_SECONDS:
                out += self._close()
        overdue = [r for r in self._requests if r.heard is not None and now - r.heard >= SET_SECONDS]
        for request in overdue if not self._set else ():
            self._requests.remove(request)
            if not request.optional:
                out.append(Fault("no-answer", "order", f"no refresh set within {SET_SECONDS} s of {request.text}"))
        return out

    def _heartbeat(self, version):
        if not is_integer(version):
            return []  # told by the message's own check
        state, self._heartbeats = self._heartbeats, "later"
        if state == "first" and version != 0:
            return [Fault("first-heartbeat", "order", f"the first heartbeat after a start says {version}, not 0")]
        if state == "unknown" and version in (0, API_MAX):
            return []
        if state != "first" and version != API_MAX:
            return [Fault("heartbeat-version", "order", f"a later heartbeat says {version}, not {API_MAX}")]
        return []

    def _started(self):
        """A startup set: a new process. A request still on its way may already have reached it."""
        self._heartbeats = "first"
        if any(r.text == "api-version" for r in self._requests):
            self.version = None
        else:
            self.version = 0
            for request in self._requests:
                request.before = request.after = 0

    def _member(self, name, now):
        current = self._set
        if not current.kind:
            current.kind = "refresh" if name == "active-user" else "startup"
            if current.kind == "startup":
                self._started()
        if name in current.names:
            return self._close()
        if current.kind == "startup" and name not in STARTUP_ORDER:
            return []  # gated, or early news of something
        current.names.append(name)
        current.last = now
        if current.kind == "startup":
            return self._close() if len(current.names) == len(STARTUP_ORDER) else []
        largest = max(self._possible())
        return self._close() if set(current.names) >= set(refresh_set(largest)) else []

    def _versions(self):
        """Versions at which a set may be answered now, those asked for first; None is any."""
        return [r.after for r in self._requests] + [self.version] + [r.after for r in self._answered]

    def _possible(self):
        versions = self._versions()
        known = [v for v in versions if v is not None]
        return known + [v for v in (3, 2, 1, 0) if None in versions and v not in known]

    def _ceiling(self):
        versions = self._versions() + [r.before for r in self._requests]
        return None if None in versions else max(versions)

    def _fits(self):
        """The possible version whose set this is."""
        if self._set.kind == "startup":
            return 0 if len(self._set.names) == len(STARTUP_ORDER) else None
        return next((v for v in self._possible() if set(refresh_set(v)) == set(self._set.names)), None)

    def _close(self):
        """End the open set and judge it."""
        if not self._set:
            return []
        version, seen = self._fits(), self._set
        self._set = None
        order = STARTUP_ORDER if seen.kind == "startup" else REFRESH_ORDER
        if version is None:
            return [self._misfit(seen)]
        if seen.kind == "refresh":
            self._answer(version, seen.last)
        expected = [n for n in order if n in seen.names]
        out = []
        if expected != seen.names:
            out.append(Fault("set-order", "order", f"{seen.kind} set in the order {', '.join(seen.names)}"))
        return [*out, SetSeen(f"{seen.kind}-set", version, seen.names)]

    def _misfit(self, seen):
        if seen.kind != "refresh":
            missing = [n for n in STARTUP_ORDER if n not in seen.names]
            return Fault("startup-set", "order", f"the startup set lacks {', '.join(missing)}")
        best = min(self._possible(), key=lambda v: len(set(refresh_set(v)) ^ set(seen.names)))
        missing = [n for n in refresh_set(best) if n not in seen.names]
        extra = [n for n in seen.names if n not in refresh_set(best)]
        what = [f"lacks {', '.join(missing)}"] if missing else []
        what += [f"has {', '.join(extra)}"] if extra else []
        self._answer(best, seen.last)
        return Fault("refresh-set", "order", f"the refresh set at version {best} {' and '.join(what)}")

    def _answer(self, version, now):
        """One set may answer several requests, so those before the last that it fits are answered, too."""
        fits = [i for i, r in enumerate(self._requests)
                if r.after is None or refresh_set(r.after) == refresh_set(version)]
        if fits:
            done, self._requests = self._requests[: fits[-1] + 1], self._requests[fits[-1] + 1 :]
            for request in done:
                request.answered = now
            self._answered += done


def _agent_version(value):
    """What an agent makes of api-version's number: None to ignore it, -1 where agents may differ."""
    if isinstance(value, bool):
        return -1
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            return None
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            return None
        if value != int(value):
            return -1
        value = int(value)
    return min(max(value, 0), API_MAX) if isinstance(value, int) else None
