# SPDX-License-Identifier: Apache-2.0
"""The host's logins, desktops that are locked and unlocked, and who hears of it in a guest."""
import re
from pathlib import Path

from helpers import BUS_NAME, BUS_PATH, until, write_file
from logins import Login, as_user, escaped

# A token of nobody's.
NOBODY = "0" * 32


def login(host, user, password):
    host.send({"__name__": "login", "username": user, "password": password})


def listen(guest, user, path):
    """What the user's programs hear on the bus goes to the file."""
    guest.run("rm", "-f", path)
    guest.run("systemd-run", "-q", "--unit", f"screen-{user}", "--collect", "-p", f"User={user}", "-p",
              f"StandardOutput=truncate:{path}", "dbus-monitor", "--system", "interface='org.ovirt.vdsm.Credentials'")
    until(lambda: "NameAcquired" in guest.run("cat", path, check=False), 5, "a screen that listens")


def tokens(guest, path):
    return re.findall(r'string "([0-9a-f]{32})"', guest.run("cat", path))


def shell_of(guest, user):
    """Whether the desktop is there: its shell can lock the screen."""
    return as_user(guest, user, "busctl", "--user", "status", "org.gnome.Shell.ScreenShield", check=False).rc == 0


def log_of(guest, pattern):
    return [line for line in guest.run("journalctl", "-q", "-b", "-o", "cat").splitlines() if re.search(pattern, line)]


def hint(guest, session):
    return guest.run("loginctl", "show-session", session, "-p", "LockedHint", "--value").strip()


def lock(guest, session, within=30):
    """Locks the screen, and waits until the agent knows it is."""
    def locked():
        # A desktop that has just come up does not hear it yet.
        guest.run("loginctl", "lock-session", session)
        return hint(guest, session) == "yes"
    until(locked, within, "the screen is locked")
    until(lambda: guest.run(
        "busctl", "get-property", BUS_NAME, f"{BUS_PATH}/session/{escaped(session)}", f"{BUS_NAME}.Session", "Locked",
        check=False).strip() == "b true", within, "the agent knows")


def unlock(guest, session):
    def unlocked():
        # A screen that is still being locked does not hear it.
        guest.run("loginctl", "unlock-session", session)
        return hint(guest, session) == "no"
    until(unlocked, 20, "the screen is unlocked")


class Knocker(Login):
    """Somebody in a session of his own, who has GDM begin conversations with PAM."""
    SCRIPT, ASK, SAID = "/usr/local/bin/knock.js", "/run/knock", "/tmp/knocked"

    def __init__(self, guest, user, **options):
        write_file(guest, self.SCRIPT, (Path(__file__).parent / "knock.js").read_text())
        guest.run("sh", "-c", f"rm -f {self.ASK} {self.SAID}; mkfifo {self.ASK}; chown {user} {self.ASK}")
        super().__init__(guest, user, "sh", "-c", f"while read -r line <{self.ASK}; do eval \"$line\"; done", **options)

    @classmethod
    def command(cls, service, user, answer):
        return ["gjs", cls.SCRIPT, service, user, answer]

    def knock(self, service, user, answer, within=30):
        """What GDM says to him."""
        command = " ".join(f"'{word}'" for word in self.command(service, user, answer))
        self.guest.run("rm", "-f", self.SAID)
        self.guest.run("sh", "-c", f'echo "$0" >{self.ASK}', f"{command} >{self.SAID}.new 2>&1; mv {self.SAID}.new {self.SAID}")
        until(lambda: self.guest.run("test", "-f", self.SAID, check=False).rc == 0, within, "an end of the conversation")
        return self.guest.run("cat", self.SAID)
