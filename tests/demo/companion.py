# SPDX-License-Identifier: Apache-2.0
"""What the person at the console of the demo can do in the guest, and sees of it: the users of the guest are his to
play, and the agent's log and sessions are shown beside what the host is told."""

import time

from guest import USERS, GuestError
from hostconsole.commands import Action, Command, CommandError, add

DEEDS = ("log-in", "log-out", "switch", "lock", "unlock")


class Companion:
    def __init__(self, guest, host):
        self._guest, self._host = guest, host
        self._sessions, self._looked = [], 0.0
        self._pace = 0.5 if guest.is_fast else 5.0  # seconds between looks
        self._log_lines = len(guest.log().splitlines())
        host.listeners.append(self._on_event)
        add(Command("guest", "guest DEED [USER]", f"play a user of the guest: {', '.join(DEEDS)}; {' or '.join(USERS)}",
                    self._build, DEEDS))
        if guest.has_display:
            add(Command("screenshot", "screenshot FILE", "save the display of the user at the seat as a PNG picture",
                        lambda file: Action("call", "screenshot", lambda console: self._screenshot(console, file))))

    # -- the console's table and events

    def sections(self):
        return [("Sessions", [self._row(s) for s in self._sessions] or [[("dim", "nobody is logged in")]])]

    def notes(self):
        """What the agent has logged meanwhile."""
        now = time.monotonic()
        if now - self._looked < self._pace:
            return []
        self._sessions, self._looked = self._guest.sessions(), now
        if self._guest.has_login:
            said = self._guest.greeted()
            if said.startswith("user "):
                self._open(said.split()[1])
        lines = self._guest.log().splitlines()
        new, self._log_lines = lines[self._log_lines:], len(lines)
        return [f"agent's log: {line}" for line in new]

    @staticmethod
    def _row(session):
        place = "at the seat" if session["Active"] else "behind it"
        locked = ("warn", "locked  ") if session["Locked"] else ("good", "unlocked")
        agent = "agent registered" if session["Agent"] else "no agent"
        return [("", f"{session['User']:<8} "), ("dim", f"session {session['Id']:<4} {place:<12} "), locked, ("dim", f"  {agent}")]

    def _on_event(self, event):
        """It is time for another look."""
        if event.kind == "message" and event.name.startswith(("session-", "active-user")):
            self._looked = 0.0

    # -- its commands

    def _build(self, deed, user=None):
        if deed not in DEEDS:
            raise CommandError(f"guest: one of {', '.join(DEEDS)}, not {deed!r}")
        if user not in (None, *USERS):
            raise CommandError(f"guest: the users are {' and '.join(USERS)}")
        return Action("call", "guest", lambda _: self._do(deed, user))

    def _do(self, deed, user):
        user = user or self._user(deed)
        try:
            if deed == "log-in":
                self._open(user)
            elif deed == "log-out":
                self._guest.close_session(user)
            else:
                getattr(self._guest, deed)(user)
        except GuestError as e:
            raise CommandError(str(e)) from None
        finally:
            self._looked = 0.0

    def _open(self, user):
        self._guest.open_session(user)
        self._host.process(0)
        self._guest.start_desktop(user)

    def _user(self, deed):
        """Who does it, if that was not said: who is at the seat, or for log-in and switch, who is not."""
        shown = self._guest.shown_user()
        if deed == "log-in":
            there = [s["User"] for s in self._guest.sessions()]
            return next((u for u in USERS if u not in there), USERS[0])
        if deed == "switch":
            return next(u for u in USERS if u != shown)
        if not shown:
            raise CommandError(f"guest {deed}: nobody is at the seat")
        return shown

    def _screenshot(self, console, file):
        user = self._guest.shown_user()
        if not user:
            raise CommandError("screenshot: nobody is at the seat")
        try:
            self._guest.screenshot(user, file)
        except GuestError as e:
            raise CommandError(str(e)) from None
        console.host.note(f"saved {file}")
