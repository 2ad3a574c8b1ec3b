# SPDX-License-Identifier: Apache-2.0
"""The command line."""

import argparse
import signal
import sys

from . import commands, expect
from .commands import CommandError
from .console import NO_LINK, OK, USAGE, PlainConsole
from .host import Host
from .link import LinkError
from .negotiation import API_MAX
from .screen import ScreenConsole

_KEPT_EVENTS = 20000
_EPILOG = """\
--send, --expect and --script run in the order given; without any of them the console is interactive on a terminal,
and a log elsewhere. Exit status: 0 everything seen, 1 an expectation failed or the guest deserved a complaint,
2 wrong usage, 3 no link. The commands are listed by: host-console --commands"""


class _Step(argparse.Action):
    """One more command, of whichever option."""

    def __call__(self, parser, namespace, value, option=None):
        try:
            if option == "--script":
                lines = _read(value)
            else:
                lines = [value if option == "--send" else f"expect {value}"]
            for line in lines:
                _check(line)
        except (CommandError, expect.ExpectError) as e:
            parser.error(f"{option}: {e}")
        namespace.steps = (namespace.steps or []) + lines


def _read(path):
    try:
        if path == "-":
            return sys.stdin.read().splitlines()
        with open(path, encoding="utf-8") as f:
            return f.read().splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise CommandError(f"cannot read {path}: {e}") from None


def _check(line):
    """What is wrong with a script is said before it starts."""
    action = commands.parse(line)
    if action and action.kind == "console" and action.name in ("expect", "expect-none"):
        expect.parse(action.value[0], negative=action.name == "expect-none")
    if action and action.kind == "secret":
        raise CommandError("login: in a script the password is the second argument")


def _arguments(argv):
    parser = argparse.ArgumentParser(
        prog="host-console", description="Play VDSM's part on a guest agent's port.", epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.set_defaults(steps=None)
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--listen", metavar="PATH", help="make a UNIX socket that an agent connects to")
    place.add_argument("--connect", metavar="PATH", help="connect to a VM's UNIX socket, again and again")
    place.add_argument("--pty", metavar="LINK", help="make a terminal pair; LINK becomes a link to the agent's side")
    parser.add_argument("--name", default="vm", help="what to call the VM (vm)")
    version = parser.add_mutually_exclusive_group()
    version.add_argument("--api-max", type=int, choices=range(API_MAX + 1), default=API_MAX, metavar="0..3",
                         help="the host's highest API version (3)")
    version.add_argument("--no-versioning", action="store_true", help="a host from before API versions")
    parser.add_argument("--raw", action="store_true", help="show lines as they are on the wire")
    parser.add_argument("--json", action="store_true", help="each event as one JSON line")
    parser.add_argument("--send", metavar="CMD", action=_Step, dest="steps", help="run a command")
    parser.add_argument("--expect", metavar="EXPR", action=_Step, dest="steps", help="wait until something is seen")
    parser.add_argument("--script", metavar="FILE", action=_Step, dest="steps", help="commands from a file, or -")
    parser.add_argument("--timeout", type=float, metavar="S",
                        help="how long to wait for the link, and for what has no deadline of its own (10); "
                             "without commands: how long to run")
    parser.add_argument("--allow-complaints", action="store_true", help="complaints do not make a script fail")
    parser.add_argument("--commands", action="store_true", help="list the commands and leave")
    arguments = parser.parse_args(argv)
    if not arguments.commands and not (arguments.listen or arguments.connect or arguments.pty):
        parser.error("say where: --listen PATH, --connect PATH or --pty LINK")
    return arguments


def main(argv=None):
    a = _arguments(argv)
    if a.commands:
        print("\n".join(commands.help_text()))
        return OK
    options = {"name": a.name, "api_max": a.api_max, "versioning": not a.no_versioning}
    interactive = a.steps is None and not a.json and sys.stdin.isatty() and sys.stdout.isatty()
    # So that the terminal is restored and the socket removed; not before there is somebody to do it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(OK))
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        with _host(a, {**options, "keep": _KEPT_EVENTS if a.steps is None else None}) as host:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
            if interactive:
                return ScreenConsole(host, a.raw).run()
            console = PlainConsole(host, a.raw, a.json, a.timeout or expect.DEFAULT_SECONDS)
            if a.steps is None:
                return console.run(a.timeout)
            return console.run_script(a.steps, a.allow_complaints)
    except LinkError as e:
        print(f"host-console: {e}", file=sys.stderr)
        return NO_LINK
    except BrokenPipeError:
        return OK
    except KeyboardInterrupt:
        return USAGE


def _host(a, options):
    if a.listen:
        return Host.listen(a.listen, **options)
    return Host.connect_to(a.connect, **options) if a.connect else Host.pty(a.pty, **options)
