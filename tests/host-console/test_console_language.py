# SPDX-License-Identifier: Apache-2.0
"""What can be typed: commands, expectations, and the line they are typed on."""

import json

import pytest
from hostconsole import commands, expect
from hostconsole.commands import Action, Command, CommandError
from hostconsole.events import Event, EventLog, printable
from hostconsole.expect import ExpectError
from hostconsole.lineedit import LineEditor
from hostconsole.vdsm import Vdsm
from hostconsole.view import lookup

# -- commands


@pytest.mark.parametrize(("typed", "line"), [
    ("refresh 2", '{"apiVersion": 2, "__name__": "refresh"}'),
    ("refresh bare", '{"__name__": "refresh"}'),
    ("api-version -1", '{"apiVersion": -1, "__name__": "api-version"}'),
    ("echo", '{"__name__": "echo"}'),
    ('echo {"s": "\u010d\U0001f600"}', '{"s": "\\u010d\\ud83d\\ude00", "__name__": "echo"}'),
    ('shutdown 30 "go $(x) home"', '{"timeout": 30, "message": "go $(x) home", "reboot": "False", "__name__": "shutdown"}'),
    ("shutdown 0 bye reboot", '{"timeout": 0, "message": "bye", "reboot": "True", "__name__": "shutdown"}'),
    ("  lock-screen  ", '{"__name__": "lock-screen"}'),
    ("log-off", '{"__name__": "log-off"}'),
    ("login bob 'x y'", '{"username": "bob", "password": "x y", "__name__": "login"}'),
    ("hibernate", '{"__name__": "hibernate"}'),
    ("hibernate mem", '{"state": "mem", "__name__": "hibernate"}'),
    ("set-number-of-cpus 4", '{"count": 4, "__name__": "set-number-of-cpus"}'),
    ("lifecycle-event before_migration", '{"type": "before_migration", "__name__": "lifecycle-event"}'),
    ("lifecycle-event before_migration r1",
     '{"type": "before_migration", "reply_id": "r1", "__name__": "lifecycle-event"}'),
    ("lifecycle-event after_migration failure",
     '{"type": "after_migration", "failure": true, "__name__": "lifecycle-event"}'),
    ("monitors 1024x768+0+0 off 800x600+1024-20",
     '{"monitors": [{"id": 0, "enabled": true, "x": 0, "y": 0, "width": 1024, "height": 768, "primary": true}, '
     '{"id": 1, "enabled": false}, '
     '{"id": 2, "enabled": true, "x": 1024, "y": -20, "width": 800, "height": 600, "primary": false}], '
     '"__name__": "monitors-config"}'),
    ("effects off", '{"off": ["wallpaper", "font-smooth", "animation"], "__name__": "display-effects"}'),
    ("effects restore", '{"off": [], "__name__": "display-effects"}'),
    ("effects animation, wallpaper", '{"off": ["animation", "wallpaper"], "__name__": "display-effects"}'),
    ("console on", '{"connected": true, "__name__": "console-state"}'),
    ("console off", '{"connected": false, "__name__": "console-state"}'),
    ('send {"__name__": "frob", "a": [null]}', '{"a": [null], "__name__": "frob"}'),
    ('send {"a": 1}', '{"a": 1}'),
])
def test_what_is_sent(typed, line):
    vdsm = Vdsm()
    vdsm.send_message(commands.parse(typed).value, 0.0)
    assert vdsm.take_output().decode() == line + "\n"


@pytest.mark.parametrize(("typed", "data"), [
    (r'raw "a\n"', b"a\n"), (r'raw "\xff\x00\0\t\r"', b"\xff\0\0\t\r"), (r'raw "\"\\\u010d\ud800"', b'"\\\xc4\x8d\xed\xa0\x80'),
    ('raw ""', b""), ('raw "{"a": "b"}"', b'{"a": "b"}')])
def test_raw_bytes(typed, data):
    action = commands.parse(typed)
    assert (action.kind, action.value) == ("bytes", data)


@pytest.mark.parametrize(("typed", "word"), [
    ("frob", "help lists"), ("loc", "lock-screen"), ("api-version", "usage: api-version N"), ("api-version x", "whole number"),
    ("shutdown 30", "usage"), ("shutdown -1 x", "at least 0"), ("shutdown 1 x y", "reboot"), ("shutdown 1 'x", "quotation"),
    ("lock-screen now", "usage"), ("login", "usage"), ("login a b c", "usage"), ("hibernate ram", "disk or mem"),
    ("lifecycle-event frob", "before_migration"), ("lifecycle-event before_migration a b", "failure"),
    ("echo 1", "JSON object"), ("echo {", "not JSON"), ("send", "not JSON"), ("raw x", "usage"), ('raw "\\q"', "escape"),
    ("monitors", "usage"), ("monitors 1024x768", "neither"), ("monitors 1024x768+0+0 on", "'on' is neither"),
    ("effects", "usage"), ("effects off animation", "usage"), ("effects frob", "wallpaper"), ("console maybe", "on or off"),
    ("wait x", "number of seconds"), ("log 0", "at least 1"), ("help frob", "no command"), ("quit now", "usage")])
def test_wrong_commands_say_what_is_wrong(typed, word):
    with pytest.raises(CommandError, match=word.replace("(", r"\(")):
        commands.parse(typed)


def test_login_without_password_asks_for_it():
    assert commands.parse("login bob").kind == "secret"
    assert "password" not in commands.parse("login bob").value


def test_every_command_has_help():
    assert all(len(commands.help_text(name)) == 2 for name in commands.TABLE)
    assert len(commands.help_text()) == len(commands.TABLE)


@pytest.mark.parametrize("width", [20, 60, 79, 200])
def test_usages_side_by_side(width):
    lines = commands.usage_columns(width)
    assert all(any(c.usage in line for line in lines) for c in commands.TABLE.values())
    assert max(map(len, lines)) <= max(width, 42)
    assert width < 79 or len(lines) <= 14


def test_added_command(monkeypatch):
    monkeypatch.setattr(commands, "TABLE", dict(commands.TABLE))
    commands.add(Command("frob", "frob WHAT", "frobs it", lambda what: Action("call", "frob", what.upper), ("this", "that")))
    assert commands.parse("frob that").value() == "THAT"
    assert commands.complete("frob th") == ["that", "this"]
    assert commands.help_text("frob") == ["frob WHAT", "    frobs it"]
    with pytest.raises(CommandError, match="usage: frob WHAT"):
        commands.parse("frob")


@pytest.mark.parametrize(("text", "words"), [
    ("lo", ["lock-screen", "log", "log-off", "login"]), ("hibernate ", ["disk", "mem"]), ("raw o", ["off", "on"]),
    ("lifecycle-event before_m", ["before_migration"]), ("lifecycle-event before_migration r f", ["failure"]),
    ("effects wallpaper an", ["animation"]), ("monitors 800x600+0+0 o", ["off"]), ("console o", ["off", "on"]),
    ("help hib", ["hibernate"]), ("echo x", []), ("shutdown 3 x r", ["reboot"])])
def test_completion(text, words):
    assert commands.complete(text) == words


# -- expectations


def seen(name, kind="message", **members):
    return Event(1.0, kind, name, members)


CASES = [
    ("a", {}, True),
    ("a n=3", {"n": 3}, True),
    ("a n=3", {"n": "3"}, True),
    ("a n=3", {"n": 4}, False),
    ("a n=3", {}, False),
    ("a n=true", {"n": True}, True),
    ("a n=1", {"n": True}, False),
    ("a n=alice", {"n": "alice"}, True),
    ('a n="alice b"', {"n": "alice b"}, True),
    ("a n='alice b'", {"n": "alice b"}, True),
    ('a n="3"', {"n": "3"}, True),
    ('a n=""', {"n": ""}, True),
    ('a n!=""', {"n": "x"}, True),
    ('a n!=""', {"n": ""}, False),
    ("a n!=3", {"n": True}, True),
    ("a n>0", {"n": "1621"}, True),
    ("a n>0", {"n": "x"}, False),
    ("a n<=3 m=1", {"n": 3, "m": 1}, True),
    ("a n<=3 m=1", {"n": 3, "m": 2}, False),
    ("a n>0", {}, False),
    ("a n~^al", {"n": "alice"}, True),
    ("a n~^al", {"n": "bob"}, False),
    ("a n~eth", {"n": [{"name": "eth0"}]}, True),
    ("a memory-stat.mem_total>1", {"memory-stat": {"mem_total": 2}}, True),
    ("a l[1].name=x", {"l": [{}, {"name": "x"}]}, True),
    ("a l[2].name=x", {"l": [{}, {"name": "x"}]}, False),
    ("a l.length=2", {"l": [1, 2]}, True),
    ("a l=[]", {"l": []}, True),
    ('a o={"b":[1]}', {"o": {"b": [1]}}, True),
]


@pytest.mark.parametrize(("text", "members", "expected"), CASES)
def test_conditions(text, members, expected):
    log = EventLog()
    log.add(seen("b", **members))
    log.add(seen("a", **members))
    expectation = expect.parse(text)
    expectation.start(log, 0.0)
    assert expectation.poll(log, None, 99.0) is expected


def test_a_match_consumes_what_came_before():
    log = EventLog()
    for name in ("a", "b", "a", "c"):
        log.add(seen(name))
    for name, expected in (("b", True), ("a", True), ("a", False), ("c", True)):
        expectation = expect.parse(name)
        expectation.start(log, 0.0)
        assert expectation.poll(log, None, 99.0) is expected, name


def test_expect_none_counts_from_the_last_thing_sent():
    log = EventLog()
    log.add(seen("a"))
    log.mark_sent()
    expectation = expect.parse("a for 2", negative=True)
    expectation.start(log, 0.0)
    assert expectation.poll(log, None, 1.0) is None
    assert expectation.poll(log, None, 2.0) is True
    expectation.start(log, 0.0)
    log.add(seen("a", kind="sent"))
    assert expectation.poll(log, None, 1.0) is None
    log.add(seen("a"))
    assert expectation.poll(log, None, 1.0) is False


def test_a_bounded_log_keeps_the_cursor():
    log = EventLog(limit=10)
    for number in range(100):
        log.add(seen("a", n=number))
    assert len(log.events) <= 20
    expectation = expect.parse("a n=99")
    expectation.start(log, 0.0)
    assert expectation.poll(log, None, 0.0) is True
    assert log.cursor == 100


@pytest.mark.parametrize("text", ["", "within 3", "n=3", "a n", "a within x", "a for 3", "a n~(", "view.x"])
def test_wrong_expectations(text):
    with pytest.raises(ExpectError):
        expect.parse(text)


def test_paths():
    value = {"a": [{"b-c": {"d": None}}]}
    assert lookup(value, "a[0].b-c") == {"d": None}
    assert lookup(value, "a[0].b-c.d") is None
    assert lookup(value, "a[x]") is None
    assert lookup(value, "a.b") is None


# -- the line


def typed(editor, keys):
    return editor.feed(keys.encode() if isinstance(keys, str) else keys)


@pytest.fixture
def editor():
    return LineEditor(commands.complete, commands.keep_in_history)


@pytest.mark.parametrize(("keys", "line"), [
    ("abc\x1b[D\x1b[DX\r", "aXbc"), ("abc\x1b[HX\x1b[FY\r", "XabcY"), ("abc\x1bOHX\x1bOFY\r", "XabcY"),
    ("abc\x1b[1~\x1b[3~\x1b[4~Z\r", "bcZ"), ("abc\x7f\x08d\r", "ad"), ("abc\x15d\r", "d"), ("ab cd  \x17x\r", "ab x"),
    ("abc\x01\x06\x0bx\r", "ax"), ("a\x1b[1;5Cb\r", "ab"), ("a\x1b[Zb\r", "ab"), ("žluť\x7f\r", "žlu"),
    ("abc\x01\x04\r", "bc"), ("\x7f\x1b[D\x1b[3~x\r", "x"), ("lock-s\t\r", "lock-screen "), ("a\x00\x1db\r", "ab")])
def test_keys(editor, keys, line):
    assert typed(editor, keys) == [("line", line)]


def test_bytes_in_pieces(editor):
    for byte in "ž\x1b[Dx\r".encode():
        results = editor.feed(bytes([byte]))
    assert results == [("line", "xž")]


def test_history(editor):
    typed(editor, "one\rtwo\rtwo\r")
    assert typed(editor, "draft\x1b[A\x1b[A\r") == [("line", "one")]
    assert typed(editor, "draft\x1b[A\x1b[A\x1b[B\x1b[B\r") == [("line", "draft")]
    assert typed(editor, "\x1b[B\x1b[B\r") == [("line", "")]


def test_passwords_do_not_enter_the_history(editor):
    typed(editor, 'keep\rlogin bob geheim\rsend {"password": "geheim"}\r')
    editor.reset(hidden=True)
    assert typed(editor, "geheim\r") == [("line", "geheim")]
    assert typed(editor, "\x1b[A\r") == [("line", "keep")]


def test_completion_stops_where_words_differ(editor):
    assert typed(editor, "lo\t") == [("choices", ["lock-screen", "log", "log-off", "login"])]
    assert typed(editor, "g-\t\r") == [("line", "log-off ")]


def test_control_keys(editor):
    assert typed(editor, "abc\x03") == [("interrupt",)]
    assert typed(editor, "\x04") == [("eof",)]
    assert typed(editor, "\x0c") == [("redraw",)]


# -- a guest's text on a person's terminal


def test_nothing_steers_the_terminal():
    hostile = "a\x1b[2Jb\r\n\t\x85\x9b\u202e\u2028\u200b\ue000c"
    assert printable(hostile).replace("\ufffd", "") == "a[2Jbc"
    assert printable("žluť 😀") == "žluť 😀"
    assert json.loads(seen("a", s=hostile).as_json())["members"]["s"] == hostile
