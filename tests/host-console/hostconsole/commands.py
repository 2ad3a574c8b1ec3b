# SPDX-License-Identifier: Apache-2.0
"""What can be typed: one table of commands, each with its usage, its help and how it becomes a message."""

import json
import re
import shlex
from dataclasses import dataclass

EFFECTS = ("wallpaper", "font-smooth", "animation")
LIFECYCLE = ("before_migration", "after_migration", "before_hibernation", "after_hibernation")
_MONITOR = re.compile(r"(\d+)x(\d+)([+-]\d+)([+-]\d+)")
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_SIMPLE = {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0", "\\": b"\\", '"': b'"', "'": b"'"}


class CommandError(Exception):
    """One sentence on what is wrong with a command."""


@dataclass(frozen=True)
class Action:
    """kind: message (send it), bytes (send them), secret (ask the password first), console (name and arguments), or call
    (a function of the console, for commands that somebody added)."""

    kind: str
    name: str
    value: object = None


@dataclass(frozen=True)
class Command:
    name: str
    usage: str
    help: str
    build: object
    words: tuple = ()  # for completion
    rest: bool = False  # takes the rest of the line as it stands
    again: bool = False  # the words may follow each other


def parse(line):
    """A typed line -> Action, or None for an empty one or a comment."""
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    word, _, rest = line.partition(" ")
    command = TABLE.get(word)
    if not command:
        near = [n for n in TABLE if n.startswith(word[:3])]
        raise CommandError(f"unknown command {word!r}" + (f"; did you mean {' or '.join(near)}?" if near else
                                                          "; help lists them"))
    if command.rest:
        return command.build(rest.strip())
    try:
        args = shlex.split(rest)
    except ValueError as e:
        raise CommandError(f"{word}: {str(e).lower()}") from e
    return command.build(*_counted(command, args))


def complete(line):
    """The possible last words of a line."""
    *before, last = line.split(" ")
    if not before:
        words = list(TABLE)
    elif len(before) == 1 and before[0] in TABLE:
        words = TABLE[before[0]].words or (list(TABLE) if before[0] == "help" else ())
    elif before[0] in TABLE and TABLE[before[0]].again:
        words = TABLE[before[0]].words
    elif before[0] == "lifecycle-event" and len(before) > 2:
        words = ["failure"]
    elif before[0] == "shutdown" and len(before) > 2:
        words = ["reboot"]
    else:
        words = ()
    return sorted(w for w in words if w.startswith(last))


def add(command):
    """One more command, of whoever uses the console."""
    TABLE[command.name] = command


def keep_in_history(line):
    """A line that may hold a password is forgotten."""
    return "password" not in line.lower() and "login" not in line.lower()


def help_text(name=""):
    if name:
        if name not in TABLE:
            raise CommandError(f"no command {name!r}; help lists them")
        return [TABLE[name].usage, f"    {TABLE[name].help}"]
    width = max(len(c.usage) for c in TABLE.values())
    return [f"{c.usage:{width}}  {c.help}" for c in TABLE.values()]


def usage_columns(width):
    """All usages side by side, in as many columns as fit, for a small screen."""
    usages = [c.usage for c in TABLE.values()]
    for rows in range(1, len(usages)):
        columns = [usages[i : i + rows] for i in range(0, len(usages), rows)]
        widths = [max(map(len, column)) + 2 for column in columns]
        if sum(widths) <= width:
            return ["".join(f"{u:{w}}" for u, w in zip(usages[row::rows], widths)) for row in range(rows)]
    return usages


def _counted(command, args):
    words = re.findall(r"\[[^\]]*\]|\S+", command.usage)[1:]
    least = sum(not w.startswith("[") for w in words)
    if not least <= len(args) <= len(words):
        raise CommandError(f"usage: {command.usage}")
    return args


def _message(name, **members):
    return Action("message", name, {**members, "__name__": name})


def _number(text, what, least=None):
    try:
        value = int(text)
    except ValueError:
        raise CommandError(f"{what} must be a whole number, not {text!r}") from None
    if least is not None and value < least:
        raise CommandError(f"{what} must be at least {least}")
    return value


def _object(text, what):
    try:
        value = json.loads(text)
    except ValueError as e:
        raise CommandError(f"{what}: not JSON: {e}") from None
    if not isinstance(value, dict):
        raise CommandError(f"{what}: a JSON object is needed, like {{\"a\": 1}}")
    return value


def _refresh(version=None):
    if version is None:
        return Action("console", "refresh")
    if version == "bare":
        return _message("refresh")
    return _message("refresh", apiVersion=_number(version, "the version"))


def _shutdown(seconds, text, reboot=""):
    if reboot not in ("", "reboot"):
        raise CommandError(f"shutdown: only the word reboot may follow the text, not {reboot!r}")
    # VDSM sends its boolean as Python writes it.
    return _message("shutdown", timeout=_number(seconds, "the delay", 0), message=text, reboot=str(bool(reboot)))


def _login(user, password=None):
    if password is None:
        return Action("secret", "login", {"username": user, "__name__": "login"})
    return Action("message", "login", {"username": user, "password": password, "__name__": "login"})


def _hibernate(state=None):
    if state not in (None, "disk", "mem"):
        raise CommandError(f"hibernate: the state is disk or mem, not {state!r}")
    return _message("hibernate", **({"state": state} if state else {}))


def _lifecycle(event, *more):
    if event not in LIFECYCLE:
        raise CommandError(f"lifecycle-event: the type is one of {', '.join(LIFECYCLE)} (any other: use send)")
    members = {"type": event}
    words = list(more)
    if words and words[-1] == "failure":
        members["failure"] = bool(words.pop())
    if len(words) > 1:
        raise CommandError("lifecycle-event: only the word failure may follow the id")
    if words:
        members["reply_id"] = words[0]
    return Action("message", "lifecycle-event", {**members, "__name__": "lifecycle-event"})


def _monitors(text):
    """In the order of the outputs; the first one that is on is the primary one."""
    monitors = []
    for ident, word in enumerate(text.split()):
        place = _MONITOR.fullmatch(word)
        if place:
            width, height, x, y = (int(n) for n in place.groups())
            monitors.append({"id": ident, "enabled": True, "x": x, "y": y, "width": width, "height": height,
                             "primary": not any(m["enabled"] for m in monitors)})
        elif word == "off":
            monitors.append({"id": ident, "enabled": False})
        else:
            raise CommandError(f"monitors: {word!r} is neither WIDTHxHEIGHT+X+Y, as 1024x768+0+0, nor off")
    if not monitors:
        raise CommandError("usage: monitors WxH+X+Y|off...")
    return _message("monitors-config", monitors=monitors)


def _effects(text):
    words = text.replace(",", " ").split()
    if words == ["restore"]:
        words = []
    elif words == ["off"]:
        words = list(EFFECTS)
    elif not words or set(words) - set(EFFECTS):
        raise CommandError(f"usage: effects off|restore|LIST, of {', '.join(EFFECTS)}")
    return _message("display-effects", off=words)


def _console_state(state):
    if state not in ("on", "off"):
        raise CommandError(f"console: on or off, not {state!r}")
    return _message("console-state", connected=state == "on")


def _send(text):
    message = _object(text, "send")
    return Action("message", str(message.get("__name__")), message)


def _echo(text):
    return _message("echo", **_object(text or "{}", "echo"))


def _raw(text):
    if text in ("on", "off"):
        return Action("console", "raw", [text])
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise CommandError('usage: raw on|off, or raw "BYTES" with \\n \\t \\0 \\xNN \\uNNNN \\" \\\\ in it')
    data, position = b"", 0
    body = text[1:-1]
    for escape in _ESCAPE.finditer(body):
        data += body[position : escape.start()].encode()
        code, position = escape[1], escape.end()
        if len(code) == 3:
            data += bytes([int(code[1:], 16)])
        elif len(code) == 5:
            data += chr(int(code[1:], 16)).encode(errors="surrogatepass")
        elif code in _SIMPLE:
            data += _SIMPLE[code]
        else:
            raise CommandError(f"raw: unknown escape \\{code}")
    return Action("bytes", "raw", data + body[position:].encode())


def _help(name=""):
    if name:
        help_text(name)
    return Action("console", "help", [name])


def _wait(seconds):
    try:
        return Action("console", "wait", [max(float(seconds), 0.0)])
    except ValueError:
        raise CommandError(f"wait: {seconds!r} is not a number of seconds") from None


def _log(lines="40"):
    return Action("console", "log", [_number(lines, "the number of lines", 1)])


def _console(name):
    return lambda *args: Action("console", name, list(args))


TABLE = {c.name: c for c in (
    Command("refresh", "refresh [N|bare]", "ask for everything; as VDSM, with version N, or without a version", _refresh,
            ("bare",)),
    Command("api-version", "api-version N", "tell the version to use",
            lambda n: _message("api-version", apiVersion=_number(n, "the version"))),
    Command("echo", "echo [{JSON}]", "have the agent repeat an object", _echo, rest=True),
    Command("shutdown", 'shutdown SECONDS "TEXT" [reboot]', "power off, or reboot, after a delay", _shutdown),
    Command("lock-screen", "lock-screen", "lock the desktop", lambda: _message("lock-screen")),
    Command("log-off", "log-off", "end the desktop session", lambda: _message("log-off")),
    Command("login", "login USER [PASSWORD]", "log USER in; the password is asked for, and given only in scripts",
            _login),
    Command("hibernate", "hibernate [disk|mem]", "suspend the guest", _hibernate, ("disk", "mem")),
    Command("set-number-of-cpus", "set-number-of-cpus N", "ask for N CPUs online",
            lambda n: _message("set-number-of-cpus", count=_number(n, "the number"))),
    Command("lifecycle-event", "lifecycle-event TYPE [ID] [failure]", "run the hooks of TYPE; ID asks for completion",
            _lifecycle, LIFECYCLE),
    Command("monitors", "monitors WxH+X+Y|off...", "arrange the monitors, in the order of the outputs", _monitors, ("off",),
            rest=True, again=True),
    Command("effects", "effects off|restore|LIST", "tone effects down: all, none, or those of the list", _effects,
            ("off", "restore", *EFFECTS), rest=True, again=True),
    Command("console", "console on|off", "somebody looks at the console, or nobody does any more", _console_state,
            ("on", "off")),
    Command("send", "send {JSON}", "send any object as a message", _send, rest=True),
    Command("raw", 'raw on|off|"BYTES"', "show the raw lines; or send bytes, with escapes, no newline added", _raw,
            ("on", "off"), rest=True),
    Command("view", "view", "show the host's view", _console("view")),
    Command("log", "log [LINES]", "show the last events instead", _log),
    Command("disconnect", "disconnect", "go away, as a host that restarts", _console("disconnect")),
    Command("connect", "connect", "come back", _console("connect")),
    Command("pause", "pause", "stay connected, but stop reading", _console("pause")),
    Command("resume", "resume", "read again", _console("resume")),
    Command("wait", "wait SECONDS", "let time pass", _wait),
    Command("expect", "expect WHAT [CONDITION]... [within S]", "wait for a message; CONDITION is MEMBER=VALUE, or with != < > <= >= ~",
            lambda text: Action("console", "expect", [text]), rest=True),
    Command("expect-none", "expect-none WHAT [CONDITION]... [for S]", "fail if a message is seen",
            lambda text: Action("console", "expect-none", [text]), rest=True),
    Command("skip", "skip", "forget what was seen so far: expect looks only at what comes", _console("skip")),
    Command("help", "help [COMMAND]", "this list, or one command", _help),
    Command("quit", "quit", "leave", _console("quit")),
)}
