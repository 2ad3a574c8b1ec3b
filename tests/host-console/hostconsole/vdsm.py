# SPDX-License-Identifier: Apache-2.0
"""VDSM's part, without any IO: bytes and the time in; events, a view and bytes to send out.

Unlike VDSM it goes on with the next line where VDSM would drop the rest of its read: what a chunk holds depends
on timing, a complaint does not.
"""

import json

from . import rules
from .events import Event, compact, masked
from .negotiation import API_MAX, Negotiation, SetSeen
from .view import View

MAX_LINE = 1024 * 1024 - 1  # bytes, without the newline
SILENT_SECONDS = 30
RESPONSIVE_SECONDS = 120


class LineBuffer:
    """Bytes in any pieces to lines; a line beyond the limit costs no memory and comes out once, as None."""

    def __init__(self, limit):
        self._limit = limit
        self._parts = []
        self._length = 0

    def feed(self, data):
        *ended, rest = data.split(b"\n")
        for piece in ended:
            if self._add(piece):
                yield None
            if self._length <= self._limit:
                yield b"".join(self._parts)
            self.clear()
        if self._add(rest):
            yield None

    def clear(self):
        self._parts.clear()
        self._length = 0

    def _add(self, piece):
        """True when this piece crosses the limit."""
        before, self._length = self._length, self._length + len(piece)
        if self._length <= self._limit:
            self._parts.append(piece)
            return False
        self._parts.clear()
        return before <= self._limit


class Vdsm:
    def __init__(self, name="vm", api_max=API_MAX, versioning=True):
        self.api_max = api_max
        self.versioning = versioning
        self.effective = 0
        self.view = View(name)
        self._announced = None
        self._negotiation = Negotiation()
        self._from_guest = LineBuffer(MAX_LINE)
        self._to_guest = LineBuffer(MAX_LINE)
        self._out = bytearray()
        self._events = []
        self._echoes = 0
        self._reply_ids = []
        self._connected = self._heard = False
        self._bytes_at = self._message_at = self._silent_at = 0.0

    # -- the link

    def link_up(self, now, detail=""):
        self._connected, self._heard = True, False
        self._bytes_at = self._message_at = self._silent_at = now
        self._from_guest.clear()
        self._to_guest.clear()
        self._negotiation.reset()
        self._echoes = 0
        self._reply_ids.clear()
        self._event(now, "link", "link", {"state": "up", "detail": detail})
        self._put("connected", True, now)
        self.send_message(self.refresh(), now, take=False)
        return self._take()

    def link_down(self, now, detail=""):
        self._connected = False
        self._out.clear()
        self._event(now, "link", "link", {"state": "down", "detail": detail})
        self._put("connected", False, now)
        return self._take()

    def refresh(self):
        """As VDSM itself sends it."""
        return {"__name__": "refresh", **({"apiVersion": self.api_max} if self.versioning else {})}

    def resumed(self, now):
        """The host reads again: the silence was its own."""
        self._bytes_at = self._message_at = self._silent_at = now

    # -- to the guest

    def send_message(self, message, now, take=True):
        """VDSM's own form: name last, all ASCII."""
        name = message.get("__name__")
        ordered = {k: v for k, v in message.items() if k != "__name__"}
        if name is not None:
            ordered["__name__"] = name
        data = json.dumps(ordered).encode() + b"\n"
        shown = json.dumps(masked(ordered)).encode()
        self._event(now, "sent", str(name), {k: v for k, v in masked(ordered).items() if k != "__name__"}, shown)
        self._follow(data, now)
        return self._take() if take else []

    def send_raw(self, data, now):
        """Any bytes. What may hold a password is counted, not kept."""
        secret = b"password" in data.lower() or b"login" in data.lower()
        shown = f"{len(data)} bytes, not shown".encode() if secret else data[:4096]
        self._event(now, "sent", "raw", {"bytes": len(data)}, shown)
        self._follow(data, now)
        return self._take()

    def take_output(self):
        data, self._out = bytes(self._out), bytearray()
        return data

    def _follow(self, data, now):
        self._out += data
        for line in self._to_guest.feed(data):
            try:
                message = json.loads(line.decode()) if line else None
            except (ValueError, RecursionError):
                continue
            if not isinstance(message, dict) or not isinstance(message.get("__name__"), str):
                continue
            self._negotiation.sent(message, now)
            if message["__name__"] == "echo":
                self._echoes += 1
            elif message["__name__"] == "lifecycle-event" and "reply_id" in message:
                self._reply_ids.append(rules.clean(message["reply_id"])[0])

    # -- from the guest

    def feed(self, data, now):
        self._bytes_at = self._silent_at = now
        for line in self._from_guest.feed(data):
            if line is None:
                self._complain(now, "too-long", "line", f"a line of more than {MAX_LINE} bytes")
            else:
                self._line(line, now)
        return self._take()

    def tick(self, now, paused=False):
        if self._connected and not paused:
            stopped = self.view["agent"] == "stopped"
            if now - self._silent_at >= SILENT_SECONDS:
                self._silent_at = now
                if self._put("memory", {**self.view["memory"], "free_ram": 0}, now) and self._heard and not stopped:
                    self._complain(now, "silence", "value", f"nothing for {SILENT_SECONDS} s: memory becomes 0")
                if self._heard and self.view["agent"] == "running":
                    self._put("agent", "silent", now)
            if self._heard and now - self._message_at >= RESPONSIVE_SECONDS and not stopped:
                self._put("agent", "not responding", now)
                self._put("session", "Unknown", now)
            self._found(self._negotiation.tick(now), now)
        return self._take()

    def _line(self, line, now):
        if not line.strip():
            return self._complain(now, "empty-line", "log", "an empty line")
        try:
            text = line.decode()
        except UnicodeDecodeError as e:
            text = line.decode(errors="replace")
            self._complain(now, "bad-utf8", "value", f"byte {e.start} of the line is not UTF-8", line)
        try:
            message, faults = rules.parse(text)
        except RecursionError:
            return self._garbage(line, [rules.Fault("too-deep", "chunk", "nested too deeply")], now)
        except ValueError as e:
            return self._garbage(line, [rules.Fault("not-json", "line", f"not JSON: {e}")], now)
        message, forbidden = rules.clean(message)
        if forbidden:
            faults.append(rules.Fault("forbidden-character", "value", "a forbidden character, replaced by U+FFFD"))
        if not isinstance(message, dict):
            faults.append(rules.Fault("not-object", "chunk", "the line is not a JSON object"))
        elif not isinstance(message.get("__name__"), str):
            faults.append(rules.Fault("no-name", "chunk", "__name__ is missing or not a string"))
        else:
            self._message(message.pop("__name__"), message, line, faults, now)
            return None
        return self._garbage(line, faults, now)

    def _garbage(self, line, faults, now):
        self._event(now, "garbage", "garbage", {"bytes": len(line)}, line[:4096])
        self._found(faults, now, line)

    def _message(self, name, members, line, faults, now):
        self._message_at = now
        self._heard = True
        self._event(now, "message", name, members, line)
        if name not in rules.KNOWN:
            faults.append(rules.Fault("unknown-name", "log", f"VDSM knows no message {name!r}"))
            return self._found(faults, now, line)
        faults += rules.check(name, members)
        faults += self._answers(name, members)
        if not any(f.cost in ("chunk", "line") for f in faults):
            for item, value in self.view.apply(name, members):
                self._put(item, value, now)
        # "No data for 30 s" ends with any message; "stopped" only with a new start.
        if name == "session-shutdown":
            self._put("agent", "stopped", now)
        elif name == "session-startup" or self.view["agent"] != "stopped":
            self._put("agent", "running", now)
        self._found(faults, now, line)
        self._found(self._negotiation.received(name, members, now), now, line)
        if name == "heartbeat":
            self._agree(members, now)
        return None

    def _answers(self, name, members):
        """Faults of the two messages that only ever answer something."""
        if name == "echo":
            self._echoes -= 1
            if self._echoes < 0:
                self._echoes = 0
                return [rules.Fault("unasked-echo", "log", "an echo that nobody asked for")]
        elif name == "completion" and "reply_id" in members:
            if members["reply_id"] not in self._reply_ids:
                text = f"completion of {compact(members['reply_id'])[:60]}, which is not awaited"
                return [rules.Fault("reply-id", "log", text)]
            self._reply_ids.remove(members["reply_id"])
        return []

    def _agree(self, members, now):
        """VDSM's version algorithm, for each heartbeat."""
        if not self.versioning:
            return
        self._announced = members.get("apiVersion")
        if "apiVersion" not in members:
            common = 0
        else:
            try:
                common = min(max(rules.vdsm_int(self._announced), 0), self.api_max)
            except (ValueError, OverflowError):
                common = 0
            except TypeError:
                return
        if common != self.effective:
            before, self.effective = self.effective, common
            self._event(now, "version", "version", {"from": before, "to": common, "announced": self._announced})
            if common:
                self.send_message({"__name__": "api-version", "apiVersion": common}, now, take=False)
        self._put("version", {"effective": self.effective, "announced": self._announced}, now)

    # -- events

    def _found(self, findings, now, line=b""):
        for found in findings:
            if isinstance(found, SetSeen):
                self._event(now, "set", found.name, {"version": found.version, "names": found.names})
            else:
                self._complain(now, found.rule, found.cost, found.text, line)

    def _complain(self, now, rule, cost, text, line=b""):
        assert rule in rules.RULES, rule
        members = {"rule": rule, "cost": rules.COSTS[cost], "text": text}
        self._event(now, "complaint", "complaint", members, line[:4096])

    def _put(self, item, value, now):
        changed = self.view.put(item, value, now)
        if changed:
            self._event(now, "change", item, {"value": value})
        return changed

    def _event(self, now, kind, name, members, raw=b""):
        self._events.append(Event(now, kind, name, members, raw))

    def _take(self):
        events, self._events = self._events, []
        return events
