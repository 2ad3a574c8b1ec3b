# SPDX-License-Identifier: Apache-2.0
"""The tour: what the agent is there for, step by step; each step is seen on the wire, or the tour has failed."""

import sys
import textwrap
import time

from guest import PASSWORD, USERS
from hostconsole.render import Table

AT_ONCE = 1.0  # seconds for a change in the guest to reach the host
AT_ONCE_IF_SLOW = 15.0  # in a machine without KVM a login alone takes seconds
LOCK = 5.0  # a desktop takes its time to lock and to unlock
SOON = 10.0
START = 60.0  # a virtual machine may still be busy with itself
ALICE, BOB = USERS
SEAT = ("active-user", "session-logon", "session-lock", "session-unlock", "session-logoff")
PACKAGE = ("linux-image-9.9.9-demo", "9.9.9-1")  # a pattern of the default configuration matches it
ADDRESS = "198.51.100.7"
ODD = {
    "text": "naïve \"quotes\" \\ \t ☃ 𝄞 \N{RIGHT-TO-LEFT OVERRIDE} ﷺ",
    "nested": {"list": [1, -2.5, None, True, []]},
}
BUS = ("org.ovirt.GuestAgent1", "/org/ovirt/GuestAgent1", "org.ovirt.GuestAgent1.Manager")


class NotSeen(Exception):
    """A step failed; the text says what was waited for."""


class Tour:
    def __init__(self, guest, host, pictures):
        """@pictures: the directory for what the display shows."""
        self.guest = guest
        self.pictures = pictures
        self._at_once = AT_ONCE if guest.is_fast else AT_ONCE_IF_SLOW
        self.host = host
        self.steps = self.skipped = 0
        self._mark = 0

    def run(self):
        """Exit status."""
        try:
            desktops = (self.start_desktop, self.monitors, self.lock, self.switch) if self.guest.has_session_agents else (self.no_desktop,)
            for part in (self.connect, self.negotiate, self.report, self.echo, self.bad_line, self.log_in, *desktops,
                         self.look_inside, self.log_off, self.hooks, self.change, self.host_restarts, self.single_sign_on,
                         self.stop, self.judge):
                part()
        except NotSeen as e:
            print(f"✗ {e}", flush=True)
            self._evidence()
            return 1
        left_out = f", {self.skipped} left out" if self.skipped else ""
        print(f"\nThe tour has ended: {self.steps} steps seen{left_out}.")
        return 0

    # -- the steps

    def connect(self):
        self._until(lambda: self.host.connected, START, "the agent to connect")
        self._ok("the agent found its port and connected to the host")
        start = self._see("startup-set", START)
        self._ok(f"it introduced itself at once: {', '.join(start['names'])}")

    def negotiate(self):
        first = self._see("heartbeat", SOON)
        if first["apiVersion"] != 0:
            raise NotSeen(f"the first heartbeat offers version {first['apiVersion']}, not 0")
        self._ok(f"first heartbeat, version 0, {first['free-ram']} MiB free: old hosts understand it")
        self._see("heartbeat", SOON, apiVersion=3)
        self._see("version", SOON, to=3)
        self._ok("next heartbeat offers version 3, and the host takes it")

    def report(self):
        full = self._see("refresh-set", START, version=3)
        self._ok(f"full report, {len(full['names'])} messages: {', '.join(full['names'])}")
        table = Table(self.host, 100)
        print("\n  The host sees:\n")
        for line in [table.title(), *table.lines()]:
            print("  " + "".join(text for _, text in line).rstrip())
        print(flush=True)

    def echo(self):
        self._send({"__name__": "echo", **ODD})
        answer = self._see("echo", SOON, **ODD)
        self._ok(f"echo came back with every character as it was{self._after(answer)}")

    def bad_line(self):
        self._begin()
        self.host.send_bytes(b'{"__name__": "echo", "cut off in the mid\n\0\xff\n[]\n')
        self.host.send({"__name__": "echo", "after": "the bad lines"})
        answer = self._see("echo", SOON, after="the bad lines")
        self._until(lambda: self.guest.log().count("Ignoring a line of the host's") >= 3, SOON,
                    "three lines in the log")
        self._ok(f"three bad lines cost only themselves: the next one was answered{self._after(answer)}")

    def log_in(self):
        print(f"\n  The login manager is {self.guest.login_manager}.\n", flush=True)
        self._send("lock-screen")
        answer = self._see("session-logoff", SOON)
        self._ok(f"lock-screen with nobody there: the host need not wait for a lock{self._after(answer)}")
        self._told(lambda: self.guest.open_session(ALICE), f"{ALICE} logged in", "active-user", name=ALICE)
        self._see("session-logon", SOON)

    def no_desktop(self):
        self._skip("desktops: without namespaces our system agent is not root, and no session agent serves it")
        self._seat_told(lambda: self.guest.open_session(BOB), f"{BOB} logged in beside {ALICE}",
                        f"active-user {BOB}", "session-unlock")

    def start_desktop(self, user=ALICE):
        self.guest.start_desktop(user)
        session = self._until(lambda: self._session_with_agent(user), START, f"a session agent of {user}'s")
        what = "it found the desktop's locker" if session["Offer"].get("lock") else "no locker of a desktop"
        self._ok(f"the session agent of {user} registered for session {session['Id']}: {what}")

    def _session_with_agent(self, user):
        """Where there is a desktop, its locker may come later than the agent."""
        session = self.guest.session_of(user)
        ready = session and session["Agent"] and (session["Offer"].get("lock") or not self.guest.has_display)
        return session if ready else None

    def lock(self):
        desktop = self._picture("desktop") if self.guest.has_display else None
        self._told(lambda: self.host.send("lock-screen"), "the host's lock-screen locked the session",
                   "session-lock", within=LOCK)
        self._really(ALICE, locked=True)
        if self.guest.has_display:
            self._until(lambda: self._picture("locked") != desktop, SOON, "another picture on the display")
            self._ok("the display shows it: see desktop.png and locked.png in build-demo")
        if not self.guest.can_unlock:
            self._skip("unlocking: without namespaces the locker sees no login manager that could ask for it")
            return
        self._told(lambda: self.guest.unlock(ALICE), f"{ALICE} unlocked it again", "session-unlock", within=LOCK)
        self._really(ALICE, locked=False)
        self._told(lambda: self.guest.lock(ALICE), f"{ALICE} locked it by hand", "session-lock", within=LOCK)
        self._told(lambda: self.guest.unlock(ALICE), "and unlocked it", "session-unlock", within=LOCK)

    def monitors(self):
        if not self.guest.has_display:
            self._skip("monitors: there is no display here")
            return
        before = self._picture("monitor")
        for asked in (((0, 0, 0, 800, 600), (1, 800, 60, 640, 480)), ((0, 640, 0, 800, 600), (1, 0, 120, 640, 480))):
            keys = ("id", "x", "y", "width", "height")
            self.host.send({"__name__": "monitors-config", "monitors": [dict(zip(keys, one)) for one in asked]})
            expected = sorted(f"{w}x{h}+{x}+{y}" for _, x, y, w, h in asked)
            self._until(lambda: sorted(self.guest.monitors(ALICE)) == expected, SOON, f"xrandr to say {', '.join(expected)}")
            self._ok(f"the host's monitors-config arranged the monitors of {ALICE}: xrandr says {', '.join(expected)}")
        self._until(lambda: self._picture("monitors") != before, SOON, "another picture on the display")
        self._ok("the display shows it: see monitors.png in build-demo")

    def _really(self, user, locked):
        """By the desktop's own word, and the agent's on the bus."""
        self._until(lambda: self.guest.is_locked(user) == locked, SOON,
                    f"the desktop of {user} to be {'locked' if locked else 'unlocked'}")
        self._until(lambda: self.guest.session_of(user)["Locked"] == locked, SOON, "the same on the bus")

    def _picture(self, name):
        path = self.pictures / f"{name}.png"
        self.guest.screenshot(ALICE, path)
        return path.read_bytes()

    def switch(self):
        if self.guest.can_unlock:
            self._told(lambda: self.guest.lock(ALICE), f"{ALICE} locks and leaves the seat to {BOB}", "session-lock",
                       within=LOCK)
        self._seat_told(lambda: self.guest.open_session(BOB), f"{BOB} logged in beside {ALICE}",
                        f"active-user {BOB}", "session-unlock")
        self.start_desktop(BOB)
        self._seat_told(lambda: self.guest.switch(ALICE), f"the seat changed to {ALICE}, whose session is locked",
                        f"active-user {ALICE}", "session-lock")
        self._seat_told(lambda: self.guest.switch(BOB), f"and back to {BOB}, whose is not",
                        f"active-user {BOB}", "session-unlock")
        self._told(lambda: self.host.send("lock-screen"), f"lock-screen locked the session of {BOB}", "session-lock",
                   within=LOCK)
        self._really(BOB, locked=True)
        if self.guest.can_unlock:
            self._told(lambda: self.guest.unlock(BOB), f"{BOB} unlocked it; {ALICE}'s stays locked", "session-unlock",
                       within=LOCK)
        self._really(ALICE, locked=True)

    def _seat_told(self, cause, what, *expected):
        """Just that is told of the seat, in this order."""
        self._begin()
        cause()

        def told():
            return [f"{e.name} {e['name']}" if e.name == "active-user" else e.name
                    for e in self.host.events[self._mark:] if e.kind == "message" and e.name in SEAT]
        self._until(lambda: len(told()) >= len(expected), self._at_once, f"{', '.join(expected)}; {what}")
        if told() != list(expected):
            raise NotSeen(f"{', '.join(expected)}, in this order; it was {', '.join(told())}")
        self._ok(f"{what}: the host was told {', then '.join(expected)}")

    def log_off(self):
        self._seat_told(lambda: self.host.send("log-off"), f"the host's log-off ended the session of {BOB}",
                        f"active-user {ALICE}", "session-lock" if self.guest.has_session_agents else "session-unlock")
        self._until(lambda: not self.guest.session_of(BOB), SOON, f"the session of {BOB} to go")
        self._seat_told(lambda: self.guest.close_session(ALICE), f"{ALICE} logged out", "session-logoff", "active-user None")

    def hooks(self):
        if not self.guest.has_hooks:
            self._skip("hooks: without namespaces they would be run by this machine's own service manager")
            return
        self._send("lifecycle-event before_migration demo-1")
        answer = self._see("completion", SOON, done=True, reply_id="demo-1")
        lines = [line for line in self.guest.log().splitlines() if "before_migration/" in line]
        for wanted in ("10_greet: before_migration: a hook runs as", "20_break failed with exit status 3",
                       "30_last: and the next one"):
            if not any(wanted in line for line in lines):
                raise NotSeen(f"a line with {wanted!r} in the agent's log; there are only:\n" + "\n".join(lines))
        self._ok(f"before_migration: three hooks ran, the broken one held up nobody, and the host may go "
                 f"on{self._after(answer)}; the log says:")
        print(textwrap.indent("\n".join(lines), "    "), flush=True)

    def change(self):
        if not self.guest.isolated:
            self._skip("changing host name, address and packages: the guest is this machine")
            return
        self._told(lambda: self.guest.set_hostname("renamed"), "the host name changed", "host-name", name="renamed")
        if self.guest.nic:
            self._told(lambda: self.guest.add_address(f"{ADDRESS}/24"), f"{self.guest.nic} got another address",
                       "network-interfaces", interfaces=lambda i: any(ADDRESS in n["inet"] for n in i))
        else:
            self._skip("adding an address: this kernel lets us make no network interface")
        if self.guest.has_packages:
            self._told(lambda: self.guest.install(*PACKAGE), "a package was installed", "applications",
                       applications=lambda a: "-".join(PACKAGE) in a)
        else:
            self._skip("installing a package: there is no dpkg here whose list could be stood in for")

    def host_restarts(self):
        self._begin()
        self.host.disconnect()
        if self.guest.isolated:
            self.guest.set_hostname("renamed-again")
        name = self.guest.hostname()
        self._see("link", SOON, state="down")
        self.host.connect()
        up = self._see("link", SOON, state="up")
        self._see("refresh-set", SOON)
        told = [e for e in self.host.messages() if e.time >= up.time]
        names = {e["name"] for e in told if e.name == "host-name"}
        if names != {name}:
            raise NotSeen(f"after the reconnection the host is told the names {names}, not only {name}")
        self._see("heartbeat", SOON)
        self._ok("the host went and came back: a fresh report that begins with a whole message, nothing stale in it")

    def single_sign_on(self):
        if not self.guest.has_login:
            self._skip("single sign-on: here is no login screen, or no account that may be thrown away")
            return
        for password, expected in (("wrong", "refused by PAM: error 7"), (PASSWORD, f"user {ALICE}")):
            self._send({"__name__": "login", "username": ALICE, "password": password})
            answer = self._until(self.guest.greeted, SOON, "the login screen to authenticate by PAM")
            if answer != expected:
                raise NotSeen(f"the login screen to say {expected!r}; it said {answer!r}")
        self._ok("login with a wrong password: PAM refused it")
        self._ok(f"login: the login screen fetched name and password with its token, and PAM took {ALICE}")
        self._told(lambda: self.guest.open_session(ALICE), f"{ALICE}'s session opened", "active-user", name=ALICE)
        self._until(lambda: self.guest.shown_user() == ALICE, SOON, f"the seat to show {ALICE}")
        self._send({"__name__": "login", "username": ALICE, "password": PASSWORD})
        self._until(lambda: "login is dropped" in self.guest.log(), SOON, "the next login to be dropped")
        self.guest.close_session(ALICE)
        if PASSWORD in self.guest.log():
            raise NotSeen("the password is in the log")
        self._ok("login while the seat shows an unlocked session: dropped; and no password is in the log")

    def look_inside(self):
        tree = self.guest.busctl("tree", BUS[0])
        members = self.guest.busctl("introspect", *BUS[:2], BUS[2])
        channels = self.guest.busctl("get-property", *BUS, "Channels")
        if BUS[1] not in tree or ".Refresh" not in members or '"vdsm"' not in channels:
            raise NotSeen(f"the agent on the bus; instead:\n{tree}{members}{channels}")
        self._ok("inside the guest the bus shows the agent (busctl tree, busctl introspect):")
        print(textwrap.indent(f"\n{tree.rstrip()}\n\n{members.rstrip()}\n", "  "), flush=True)

    def stop(self):
        self._begin()
        status = self.guest.stop_agent()
        self._see("session-shutdown", SOON)
        self._until(lambda: status() is not None, SOON, "the agent to end")
        self.host.process(0)
        last = self.host.messages()[-1]
        if last.name != "session-shutdown" or status() != 0:
            raise NotSeen(f"session-shutdown as the last line and exit status 0; it was {last.name}, {status()}")
        self._ok("SIGTERM: session-shutdown was the last line, and the agent ended with exit status 0")

    def judge(self):
        if self.host.complaints:
            raise NotSeen("a guest without fault; VDSM would complain:\n"
                          + "\n".join(f"    {e.summary()}" for e in self.host.complaints))
        self._ok(f"VDSM would have taken each of {len(self.host.messages())} messages without a complaint")

    # -- how a step is seen

    def _begin(self):
        """What counts is what comes after this."""
        self.host.process(0)
        self._mark = len(self.host.events)
        self._since = self.host.now

    def _send(self, message):
        self._begin()
        self.host.send(message)

    def _told(self, cause, what, message, /, within=None, **members):
        """Something changes in the guest, and the host learns of it, at once if nothing else is said."""
        self._begin()
        cause()
        event = self._see(message, within or self._at_once, **members)
        self._ok(f"{what}: the host was told{self._after(event)}")

    def _after(self, event):
        # In a slow machine it would be the time of the cause.
        if not self.guest.is_fast:
            return ""
        return f", {max(event.time - self._since, 0) * 1000:.0f} ms later"

    def _see(self, what, within, /, **members):
        """The first event of that name since _begin() whose members are so; a member may be a condition."""
        def found():
            return next((e for e in self.host.events[self._mark:]
                         if e.name == what and e.kind not in ("sent", "note", "change")
                         and _fits(e.members, members)), None)
        return self._until(found, within, f"{what} {', '.join(members)}".strip())

    def _until(self, condition, within, what):
        deadline = time.monotonic() + within
        while not (value := condition()):
            if time.monotonic() >= deadline:
                raise NotSeen(f"waited {within:g} s for {what}")
            self.host.process(min(0.1, within))
        return value

    def _ok(self, text):
        self.steps += 1
        print("\n".join(textwrap.wrap(text, 100, initial_indent="✓ ", subsequent_indent="  ",
                                      break_on_hyphens=False)), flush=True)

    def _skip(self, text):
        self.skipped += 1
        print(f"- left out: {text}", flush=True)

    def _evidence(self):
        print("  The last that was seen:")
        for event in self.host.events[-15:]:
            print(f"    {event.time:8.3f}s {event.summary()[:150]}")
        print("  The end of the agent's log:")
        print(textwrap.indent("\n".join(self.guest.log().splitlines()[-10:]), "    "))
        sys.stdout.flush()


def _fits(actual, wanted):
    return all(k in actual and (w(actual[k]) if callable(w) else actual[k] == w) for k, w in wanted.items())
