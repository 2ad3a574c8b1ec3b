# SPDX-License-Identifier: Apache-2.0
"""What ./demo does once everything is built: makes the guest, and plays the host, by hand or along the tour."""

import argparse
import contextlib
import os
import signal
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "host-console"))

from companion import Companion  # noqa: E402
from guest import PASSWORD  # noqa: E402
from hostconsole.host import Host  # noqa: E402
from hostconsole.screen import ScreenConsole  # noqa: E402
from tour import Tour  # noqa: E402

KEPT_EVENTS = 20000
INTRODUCTION = """
You are the host now: you see what a guest tells VDSM, and send it commands. You also play the guest's users, with the
command "guest". "help" lists all, Tab completes, "quit" or Ctrl-D ends it all. The login manager is
{login_manager}.

Things to try, in this order:

    guest log-in alice                    she sits down; her session agent registers
    lock-screen                           the host locks her session, and learns when it is locked
    guest unlock                          as if she had given her password; guest lock locks it
    guest log-in bob                      another user; "guest switch" changes between the two
    lifecycle-event before_migration 1    hooks run, and then the host may go on
    log-off                               the session at the seat ends
    echo {{"a": "text"}}                    the guest repeats it
    raw on                                the lines as they are on the wire
    disconnect, connect                   a host that restarts
"""
LOGIN = """\
    login alice                           with "{password}", while nobody is logged in
"""
DISPLAY = """\
    screenshot FILE.png                   what the user at the seat sees
"""
INSIDE = """
In another terminal, inside the guest:

    ./demo --guest hostname other         the host is told at once
    ./demo --guest ip link set eth0 down
    ./demo --guest busctl tree org.ovirt.GuestAgent1
"""


def show(guest, host):
    """The console, until the person leaves it."""
    print(INTRODUCTION.format(login_manager=guest.login_manager)
          + (LOGIN.format(password=PASSWORD) if guest.has_login else "") + (DISPLAY if guest.has_display else "")
          + (INSIDE if guest.has_shell else ""))
    try:
        input("Press Enter to begin. ")
    except EOFError:
        return 0
    return ScreenConsole(host, companion=Companion(guest, host)).run()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("--script", action="store_true")
    parser.add_argument("--place", choices=["user", "root", "shared", "vm"], required=True)
    arguments = parser.parse_args()
    # Hooks that others may write to would not be run.
    os.umask(0o022)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda n, _: sys.exit(128 + n))

    with contextlib.ExitStack() as stack:
        keep = None if arguments.script else KEPT_EVENTS
        if arguments.place == "vm":
            from vm_guest import VmGuest
            guest = stack.enter_context(VmGuest(arguments.build))
            host = stack.enter_context(Host.connect_to(guest.port, name="demo", keep=keep))
        else:
            from local_guest import LocalGuest
            guest = LocalGuest(arguments.build, arguments.place)
            stack.callback(guest.close)
            host = stack.enter_context(Host.listen(guest.port, name="demo", keep=keep))
            guest.start()
        return Tour(guest, host, Path(arguments.build)).run() if arguments.script else show(guest, host)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (RuntimeError, OSError) as e:
        sys.exit(f"demo: {e}")
