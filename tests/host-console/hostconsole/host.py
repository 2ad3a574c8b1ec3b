# SPDX-License-Identifier: Apache-2.0
"""A host on one port: the link, VDSM's part and what was seen, for tests and for the console alike.

    with Host.listen(path) as host:
        host.expect("heartbeat", apiVersion=3, within=7)
        host.send("lock-screen")
        host.expect("session-lock", within=2)
        assert host.complaints == []

There is no thread: bytes move only inside the calls that wait (expect, collect, process, ...).
"""

import select
import time

from . import commands
from .events import Event, EventLog
from .expect import Expectation, Member, parse
from .link import ConnectLink, ListenLink, PtyLink
from .vdsm import Vdsm
from .negotiation import API_MAX

_TICK = 0.25


class ExpectationFailed(AssertionError):
    """What was awaited did not come; the text says what did."""


class NotConnected(Exception):
    """Something was to be sent while nobody was there."""


class Host:
    def __init__(self, link, name="vm", api_max=API_MAX, versioning=True, keep=None):
        self.link = link
        self.vdsm = Vdsm(name, api_max, versioning)
        self.log = EventLog(keep)
        self.listeners = []  # each is called with every event
        self.complaints = []
        self.complaint_count = 0
        self.complained = 0  # complaints that no expectation asked for
        self._keep = keep
        self._start = time.monotonic()

    @classmethod
    def listen(cls, path, **options):
        """A UNIX socket for an agent started with --port NAME=PATH."""
        return cls(ListenLink(str(path)), **options)

    @classmethod
    def connect_to(cls, path, **options):
        """A VM's socket, where QEMU listens."""
        return cls(ConnectLink(str(path)), **options)

    @classmethod
    def pty(cls, path, **options):
        """A terminal whose other side is found at path."""
        return cls(PtyLink(str(path)), **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.link.close()
        self._service()

    # -- state

    @property
    def now(self):
        """Seconds since the console's start, by which every event is timed."""
        return time.monotonic() - self._start

    @property
    def view(self):
        return self.vdsm.view

    @property
    def connected(self):
        return self.link.connected

    @property
    def events(self):
        return self.log.events

    def messages(self, name=None):
        """Messages so far, all or those of one name."""
        return [e for e in self.log.events if e.kind == "message" and name in (None, e.name)]

    def time_of(self, name):
        """When the last message (or set, link, version event) of that name came; None if never."""
        for event in reversed(self.log.events):
            if event.name == name and event.kind not in ("sent", "change"):
                return event.time
        return None

    # -- moving bytes

    def process(self, seconds=_TICK, readers=()):
        """Wait for something to happen, at most so long; which of the extra readers are ready."""
        reads, writes = self.link.fds()
        ready, _, _ = select.select([*reads, *readers], writes, [], max(0.0, min(seconds, _TICK)))
        self._service()
        return [r for r in readers if r in ready]

    def _service(self):
        for what, detail in self.link.service():
            if what == "data":
                events = self.vdsm.feed(detail, self.now)
            elif what == "up":
                events = self.vdsm.link_up(self.now, detail or str(self.link))
            else:
                events = self.vdsm.link_down(self.now, detail)
            self._record(events)
        self._record(self.vdsm.tick(self.now, self.link.paused))

    def _record(self, events):
        for event in events:
            self.log.add(event)
            if event.kind == "complaint":
                self._complaint(event)
            for listener in self.listeners:
                listener(event)
        data = self.vdsm.take_output()
        if data and self.link.connected:
            self.link.send(data)

    def _complaint(self, event):
        self.complaint_count += 1
        self.complained += 1
        self.complaints.append(event)
        if self._keep and len(self.complaints) > self._keep:
            del self.complaints[: self._keep // 2]

    def note(self, text):
        self._record([Event(self.now, "note", "note", {"text": text})])

    # -- sending

    def send(self, command):
        """A typed command ('shutdown 30 "bye"') or a message as a dictionary."""
        if isinstance(command, dict):
            action = commands.Action("message", "", command)
        else:
            action = commands.parse(command)
        if action.kind == "bytes":
            self.send_bytes(action.value)
        elif action.kind == "message":
            self._ready_to_send()
            self._record(self.vdsm.send_message(action.value, self.now))
        elif action.name == "refresh":
            self.send(self.vdsm.refresh())
        else:
            raise commands.CommandError(f"{action.name} sends nothing that could go without a terminal")

    def send_bytes(self, data):
        self._ready_to_send()
        self._record(self.vdsm.send_raw(data, self.now))

    def drain(self, within=10):
        """Wait until everything sent has left this process."""
        self.wait_until(lambda: not self.link.unsent, within, "the other side to read")

    def _ready_to_send(self):
        # What has come already came before this: expect-none must not take it for an answer.
        self._service()
        if not self.link.connected:
            raise NotConnected("nobody is connected")
        self.log.mark_sent()

    # -- the link

    def disconnect(self):
        self.link.disconnect()
        self._service()

    def connect(self):
        self.link.connect()
        self._service()

    def pause(self):
        self.link.paused = True

    def resume(self):
        self.link.paused = False
        self.vdsm.resumed(self.now)
        self._service()

    # -- waiting

    def wait_connected(self, within=10):
        self.wait_until(lambda: self.link.connected, within, "somebody to connect")

    def wait_until(self, condition, within=10, what="a condition"):
        """Go on until the condition holds; its value."""
        deadline = time.monotonic() + within
        while not (value := condition()):
            if time.monotonic() >= deadline:
                raise ExpectationFailed(f"waited {within} s for {what}")
            self.process(deadline - time.monotonic())
        return value

    def expect(self, what, within=None, **members):
        """The next unconsumed event that fits; its Event. Members are equal to a value, or satisfy a function.

        what is a message's name, or a whole expression as typed after the expect command.
        """
        return self._await(self._expectation(what, members, within, False))

    def expect_none(self, what, seconds=1.0, **members):
        """Fail if it comes within that time, or came since the last match or the last thing sent."""
        self._await(self._expectation(what, members, seconds, True))

    def expect_view(self, within=10, **items):
        """Wait until the view has these values: expect_view(user="alice")."""
        self._await(Expectation("", [Member(k, v) for k, v in items.items()], within))

    def collect(self, seconds):
        """The messages of the coming seconds."""
        begin, deadline = self.log.end, time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.process(left)
        return [e for _, e in self.log.since(begin) if e.kind == "message"]

    def skip(self):
        """Whatever came so far counts as consumed."""
        self._service()
        self.log.consume(self.log.end)

    def begin(self, expectation, default=10.0):
        """For those who have a loop of their own: start waiting, then ask poll()."""
        expectation.start(self.log, self.now, default)

    def poll(self, expectation):
        """True, False or None; an expected complaint is forgiven."""
        result = expectation.poll(self.log, self.view, self.now)
        if result and expectation.event and expectation.event.kind == "complaint":
            self.complained -= 1
        return result

    def _expectation(self, what, members, seconds, negative):
        expectation = parse(what, negative)
        expectation.conditions += tuple(Member(k, v) for k, v in members.items())
        if seconds is not None:
            expectation.seconds = seconds
        return expectation

    def _await(self, expectation):
        self.begin(expectation)
        while (result := self.poll(expectation)) is None:
            self.process()
        if not result:
            raise ExpectationFailed("\n".join(expectation.failure(self.log, self.view)))
        return expectation.event
