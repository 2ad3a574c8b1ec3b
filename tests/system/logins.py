# SPDX-License-Identifier: Apache-2.0
"""Login sessions in a guest, opened by PAM, and what the host is told of them."""
import contextlib
import json

import helpers
from helpers import AT_ONCE, BUS_NAME, until

LOGIN1 = ("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager")
SESSION = "org.ovirt.GuestAgent1.Session"
SECRETS, SECRETS_PATH = "org.freedesktop.secrets", "/org/freedesktop/secrets"
TOLD = ("active-user", "session-logon", "session-logoff", "session-lock", "session-unlock")
FOREVER = ("sleep", "infinity")


class Login:
    """A session of @user, from its login to the end of the block. With an @answer to the hidden question of PAM's
    @service it is one of somebody who has been authenticated.

    @command is the session: it ends with it, and the other way round. More keyword arguments are variables of PAM's.
    """

    def __init__(self, guest, user, *command, name=None, seat="seat0", type="x11", klass="user", rhost=None,
                 service="login", answer=None, within=10, **variables):
        self.guest, self.user, self._within = guest, user, within
        self.name = f"login-{name or user}"
        self._command = command or FOREVER
        self._answer = answer
        self._options = ["--service", service, *(["--rhost", rhost] if rhost else []),
                         *(["--answer", f"/run/{self.name}.answer"] if answer else [])]
        self._variables = {"XDG_SESSION_TYPE": type, "XDG_SESSION_CLASS": klass, **variables}
        if seat:
            self._variables["XDG_SEAT"] = seat
        self.leader = self.id = None

    def __enter__(self):
        record = f"/run/{self.name}"
        self.guest.run("rm", "-f", record)
        if self._answer:
            helpers.write_file(self.guest, f"{record}.answer", self._answer + "\n")
        self.guest.run("systemd-run", "-q", "--unit", self.name, "--collect", "bed-pam-session", *self._options,
                       "--record", record, self.user, *(f"{k}={v}" for k, v in self._variables.items()), "--",
                       *self._command)
        words = until(lambda: self.guest.run("cat", record, check=False).split() if
                      self.guest.run("test", "-s", record, check=False).rc == 0 else None, self._within,
                      f"login of {self.user}")
        assert len(words) == 2, f"the login manager knows no session: {words}"
        self.leader, self.id = int(words[0]), words[1]
        return self

    def __exit__(self, *_):
        self.log_out()

    def log_out(self):
        """As a display manager does it when the desktop has ended; returns when the session is gone."""
        self.guest.run("systemctl", "stop", f"{self.name}.service", check=False)
        # What outlives its leader is not the login manager's any more.
        self.guest.run("loginctl", "kill-session", "--signal=KILL", self.id, check=False)
        until(lambda: self.id not in session_ids(self.guest), 15, f"the end of session {self.id}")

    def crash(self):
        """The login program dies without a word."""
        self.guest.run("kill", "-KILL", self.leader)

    def activate(self):
        self.guest.run("loginctl", "activate", self.id)

    def hint(self, locked):
        """What lockers tell the login manager, told by the user."""
        as_user(self.guest, self.user, "busctl", "call", "org.freedesktop.login1", self.login1_path,
                "org.freedesktop.login1.Session", "SetLockedHint", "b", str(locked).lower())

    @property
    def login1_path(self):
        return f"/org/freedesktop/login1/session/{escaped(self.id)}"

    def property(self, name):
        """What the login manager says of it."""
        return self.guest.run("loginctl", "show-session", "-p", name, "--value", self.id, check=False).strip()

    def picture(self):
        """The properties of its object on the bus, as the system agent sees it; {} if there is none."""
        text = self.guest.run("busctl", "--json=short", "call", BUS_NAME, f"/org/ovirt/GuestAgent1/session/"
                              f"{escaped(self.id)}", "org.freedesktop.DBus.Properties", "GetAll", "s", SESSION,
                              check=False)
        if text.rc:
            return {}
        return {name: value["data"] for name, value in json.loads(text)["data"][0].items()}

    def wait_agent(self, within=5):
        """Its picture, once it has a session agent."""
        return until(lambda: (p := self.picture()).get("Agent") and p, within, f"an agent of session {self.id}")


def escaped(id):
    """As the login manager makes a part of an object's path."""
    return "".join(c if c.isalpha() or (c.isdigit() and i > 0) else f"_{ord(c):02x}" for i, c in enumerate(id))


def session_ids(guest):
    return [line.split()[0] for line in guest.run("loginctl", "list-sessions", "--no-legend").splitlines()]


def user_id(guest, user):
    return int(guest.run("id", "-u", user))


def as_user(guest, user, *command, check=True, **environment):
    """Runs a command as a user, who finds the bus of his service manager."""
    uid = user_id(guest, user)
    return guest.run("runuser", "-u", user, "--", *command, check=check, env={
        "XDG_RUNTIME_DIR": f"/run/user/{uid}", "DBUS_SESSION_BUS_ADDRESS": f"unix:path=/run/user/{uid}/bus",
        **environment})


def make_keyring(guest, user, password):
    """As her first login makes it. It is on the bus only from the next one on: the keyring's daemon looks once what there
    is, and nothing is then."""
    with Login(guest, user, service="gdm-password", answer=password):
        pass
    until(lambda: guest.run("systemctl", "is-active", f"user@{user_id(guest, user)}", check=False).strip() == "inactive", 30,
          f"the end of {user}'s programs")
    assert guest.run("test", "-s", f"/home/{user}/.local/share/keyrings/login.keyring", check=False).rc == 0


def keyring_is_locked(guest, user):
    """What the keyring's daemon says, which is started if it does not run."""
    said = as_user(guest, user, "busctl", "--user", "get-property", SECRETS, f"{SECRETS_PATH}/collection/login",
                   "org.freedesktop.Secret.Collection", "Locked").strip()
    return {"b true": True, "b false": False}[said]


def lock_keyring(guest, user):
    as_user(guest, user, "busctl", "--user", "call", SECRETS, SECRETS_PATH, "org.freedesktop.Secret.Service", "Lock", "ao", "1",
            f"{SECRETS_PATH}/collection/login")


def with_desktop(command="sleep infinity"):
    """A session's command that starts the targets of a desktop, with the user's service manager, and @command."""
    return ("sh", "-c", f"""
        systemctl --user import-environment XDG_SESSION_ID XDG_CURRENT_DESKTOP
        systemctl --user start bed-session.target
        {command} &
        trap "kill $!" TERM
        wait
        systemctl --user stop bed-session.target""")


def heard(host, since):
    """What the host has been told about sessions, as one string each."""
    return [f"{m.name} {m['name']}" if m.name == "active-user" else m.name
            for m in host.events[since:] if m.kind == "message" and m.name in TOLD]


@contextlib.contextmanager
def tells(host, *wanted, within=AT_ONCE, quiet=0.4):
    """The host is told exactly this, in this order, because of what is done in the block."""
    host.process(0)
    begin = len(host.events)
    yield
    done = host.now
    with contextlib.suppress(AssertionError):
        host.wait_until(lambda: len(heard(host, begin)) >= len(wanted), within)
    late = host.now - done
    host.collect(quiet)
    assert heard(host, begin) == list(wanted), f"{heard(host, begin)} {late:.2f} s after it"


def silent(host, seconds=1):
    """The host is told nothing about sessions."""
    return tells(host, quiet=seconds)


@contextlib.contextmanager
def expected_errors(guest, *words):
    """The journal of the system agent gets exactly one warning for each of these, and nothing else."""
    before = len(helpers.journal(guest, "-p", "warning").splitlines())
    yield
    new = helpers.journal(guest, "-p", "warning").splitlines()[before:]
    assert len(new) == len(words) and all(w in line for w, line in zip(words, new)), new
