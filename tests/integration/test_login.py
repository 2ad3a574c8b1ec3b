# SPDX-License-Identifier: Apache-2.0
"""Single sign-on: from the host's "login" to credentials that the PAM module can fetch, and what stops others."""

import socket
import stat
import subprocess
import time

import pytest
from rig.bus import CREDENTIALS_FILE, as_user, structure
from rig.pace import INSTRUMENTED, scaled, until
from rig.sign_on import (ALICE, ALICE_UID, BOB, BOB_UID, GREETER, GREETER_UID, NAME, NOTHING, OK, PATH, WRONG, SignOn,
                         connect, fetch, memory_holds, receive, request)
from rig.wire import PtyWire

SECRET = "corr3ct-h0rse-b4ttery"
CREDENTIALS = ("bob@d.example", SECRET)
LOCKED = {**ALICE, "locked": True}


@pytest.fixture
def bus(party):
    return party.bus()


@pytest.fixture
def greeter(party, bus):
    """A login screen at the seat."""
    return SignOn(party, bus, GREETER, active="c1")


def locked_session(party, bus, **options):
    return SignOn(party, bus, LOCKED, active="1", **options)


def wrong(token):
    return token[:-1] + ("0" if token[-1] != "0" else "1")


# --- what works


def test_b23_login(greeter, bus):
    """One signal, one token, one time; only those who show the screen hear of it."""
    screens = [greeter.screen(GREETER_UID) for _ in range(2)]
    others = [greeter.screen(uid) for uid in (ALICE_UID, 65534, 0)]
    assert greeter.fetch("0" * 32) == (NOTHING, "", "")
    greeter.login(*CREDENTIALS)
    token = screens[0].token()
    assert screens[1].token() == token
    assert greeter.fetch(token) == (OK, *CREDENTIALS)
    assert greeter.fetch(token) == (NOTHING, "", "")
    greeter.fence()
    assert [s.tokens for s in (*screens, *others)] == [[token], [token], [], [], []]


@pytest.mark.parametrize("user, password", [
    ("žluť@d", "пароль 😀\"\\\n"), ("bob", "p" * 300), ("u" * 256, "p" * 4096), ("bob\\domain", " ")],
    ids=["unicode", "long", "longest", "blank"])
def test_b30_b31_delivered_intact(greeter, user, password):
    screen = greeter.screen(GREETER_UID)
    greeter.login(user, password)
    assert greeter.fetch(screen.token()) == (OK, user, password)


def test_tokens_differ(greeter):
    screen = greeter.screen(GREETER_UID)
    for _ in range(20):
        greeter.login(*CREDENTIALS)
    assert len(set(screen.tokens)) == len(screen.tokens) <= 20
    until(lambda: screen.tokens and greeter.fetch(screen.tokens[-1])[0] == OK)


def test_the_name_and_its_description(greeter, bus):
    until(lambda: bus.connect().has_owner(NAME))
    xml = bus.connect().call(NAME, PATH, "org.freedesktop.DBus.Introspectable", "Introspect")[0]
    assert structure(xml, NAME) == structure(CREDENTIALS_FILE.read_text(), NAME)


def test_what_a_proxy_asks_is_answered(greeter, bus):
    """gnome-shell makes its proxy without patience, as whatever user it is."""
    until(lambda: bus.connect().has_owner(NAME))
    for words in (["introspect", NAME, PATH, NAME],
                  ["call", NAME, PATH, "org.freedesktop.DBus.Properties", "GetAll", "s", NAME]):
        begin = time.monotonic()
        assert bus.as_nobody(*words).returncode == 0
        assert time.monotonic() - begin < scaled(2)


@pytest.mark.parametrize("domains, user, fetched", [
    ("d.example=", "bob@d.example", "bob"), ("*-authz=AD.EXAMPLE", "bob@x-authz", "bob@AD.EXAMPLE"),
    ("other=", "bob@d.example", "bob@d.example")])
def test_domains(party, bus, domains, user, fetched):
    seat = SignOn(party, bus, GREETER, active="c1", config=f"[credentials]\ndomains = {domains}\n")
    screen = seat.screen(GREETER_UID)
    seat.login(user, SECRET)
    assert seat.fetch(screen.token()) == (OK, fetched, SECRET)


# --- what the seat shows


def test_b34_locked_session(party, bus):
    seat = locked_session(party, bus)
    shell, stranger = seat.screen(ALICE_UID), seat.screen(BOB_UID)
    seat.login("alice", SECRET)
    assert seat.fetch(shell.token()) == (OK, "alice", SECRET)
    # What a name with a domain stands for, the module finds out.
    seat.login("alice@d", SECRET)
    assert seat.fetch(shell.token(2)) == (OK, "alice@d", SECRET)
    assert stranger.tokens == []


def test_b35_somebody_elses_locked_session(party, bus):
    seat = locked_session(party, bus)
    shell = seat.screen(ALICE_UID)
    seat.login("bob", SECRET)
    seat.wait_log("dropped: the locked session is another user's")
    assert shell.tokens == []
    assert seat.fetch("0" * 32) == (NOTHING, "", "")


def test_b33_unlocked_session(party, bus):
    seat = SignOn(party, bus, ALICE, BOB, GREETER, active="1")
    screens = [seat.screen(uid) for uid in (ALICE_UID, BOB_UID, GREETER_UID)]
    for user in "alice", "bob":
        seat.login(user, SECRET)
    assert len(seat.wait_log("dropped: the session at the seat is not locked")) == 2
    assert [s.tokens for s in screens] == [[], [], []]


def test_nobody_there(party, bus):
    seat = SignOn(party, bus)
    seat.login("alice", SECRET)
    seat.wait_log("dropped: the seat shows neither")


def test_a_greeter_before_a_locked_session(party, bus):
    """What the seat shows counts, and nothing behind it."""
    seat = SignOn(party, bus, LOCKED, GREETER, active="c1")
    screen, shell = seat.screen(GREETER_UID), seat.screen(ALICE_UID)
    seat.login("bob", SECRET)
    assert seat.fetch(screen.token()) == (OK, "bob", SECRET)
    assert shell.tokens == []


def test_a_greeter_at_another_seat(party, bus):
    seat = SignOn(party, bus, {**GREETER, "seat": "seat1"}, ALICE, active="1")
    seat.logins.activate("c1", "seat1")
    screen = seat.screen(GREETER_UID)
    seat.login("bob", SECRET)
    seat.wait_log("dropped: the session at the seat is not locked")
    assert screen.tokens == []


def test_everybody_is_told_if_nobody_can_be_found(greeter):
    """The login screen may have come to the bus by another user's leave."""
    screen = greeter.screen(65534)
    greeter.login(*CREDENTIALS)
    assert greeter.fetch(screen.token()) == (OK, *CREDENTIALS)


def test_many_connections(greeter, bus):
    clients = [bus.connect() for _ in range(150)]
    screen = greeter.screen(GREETER_UID)
    greeter.login(*CREDENTIALS)
    assert greeter.fetch(screen.token()) == (OK, *CREDENTIALS)
    assert len(clients) == 150


@pytest.mark.parametrize("change", ["unlock", "switch", "end"])
def test_withdrawn_when_the_seat_changes(party, bus, change):
    seat = locked_session(party, bus)
    shell = seat.screen(ALICE_UID)
    seat.login("alice", SECRET)
    token = shell.token()
    if change == "unlock":
        seat.logins.change("1", LockedHint=False)
    elif change == "switch":
        seat.logins.add(**BOB)
        seat.logins.activate("2")
    else:
        seat.logins.remove("1")
    seat.wait_log("dropped: the seat shows something else now")
    assert seat.fetch(token) == (NOTHING, "", "")


# --- what the host sends


BAD = [b'{"__name__": "login"}', b'{"__name__": "login", "username": "bob"}', b'{"__name__": "login", "password": "x"}',
       b'{"__name__": "login", "username": 5, "password": "x"}',
       b'{"__name__": "login", "username": "bob", "password": []}',
       b'{"__name__": "login", "username": "a\\u0000b", "password": "x"}',
       b'{"__name__": "login", "username": "", "password": "x"}',
       b'{"__name__": "login", "username": "bob", "password": "a\\u0000b"}',
       b'{"__name__": "login", "username": "bob", "password": "' + b"x" * 4097 + b'"}',
       b'{"__name__": "login", "username": "' + b"u" * 257 + b'", "password": "x"}']


def test_b28_b32_bad_logins(greeter):
    screen = greeter.screen(GREETER_UID)
    for line in BAD:
        greeter.host.send_bytes(line + b"\n")
    greeter.fence()
    greeter.login("bob", "")        # B29
    assert len(greeter.wait_log("dropped: the host has no password")) == 1
    assert screen.tokens == []
    greeter.login(*CREDENTIALS)
    assert greeter.fetch(screen.token()) == (OK, *CREDENTIALS)


def test_b27_the_newest_counts(greeter):
    screen = greeter.screen(GREETER_UID)
    greeter.login("first", "1" + SECRET)
    first = screen.token()
    greeter.login("second", "2" + SECRET)
    second = screen.token(2)
    assert greeter.fetch(first)[0] == WRONG
    assert greeter.fetch(second) == (OK, "second", "2" + SECRET)


def test_a_login_that_comes_to_nothing_ends_the_one_before(greeter):
    screen = greeter.screen(GREETER_UID)
    greeter.login(*CREDENTIALS)
    token = screen.token()
    greeter.login("bob", "")
    greeter.wait_log("no password")
    assert greeter.fetch(token) == (NOTHING, "", "")


def test_b24_expiry(party, bus):
    seat = SignOn(party, bus, GREETER, active="c1", config="[credentials]\nvalid = 1\n")
    screen = seat.screen(GREETER_UID)
    seat.login(*CREDENTIALS)
    token = screen.token()
    seat.wait_log("Nobody has fetched the credentials in time")
    assert seat.fetch(token) == (NOTHING, "", "")


# --- attacks: by processes of users that have no part in it, and by whatever they can make root do


def test_squatting(greeter, bus):
    """Neither the bus name nor the socket can be somebody else's; a signal that is not from the name's owner counts
    for nothing."""
    screen = greeter.screen(GREETER_UID)
    until(lambda: bus.connect().has_owner(NAME))
    assert bus.as_nobody("call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                         "RequestName", "su", NAME, "4").returncode != 0
    assert bus.as_nobody("emit", PATH, NAME, "UserAuthenticated", "s", "0" * 32).returncode == 0
    assert stat.S_IMODE(greeter.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(greeter.directory.stat().st_mode) == 0o700
    for deed in (f"open('{greeter.directory}/x', 'w')", f"os.unlink('{greeter.path}')",
                 f"os.rename('{greeter.directory}', '{greeter.directory}2')",
                 f"socket.socket(socket.AF_UNIX).bind('{greeter.path}')",
                 f"socket.socket(socket.AF_UNIX).connect('{greeter.path}')"):
        assert as_nobody(deed) == "PermissionError"
    greeter.login(*CREDENTIALS)
    assert greeter.fetch(screen.token()) == (OK, *CREDENTIALS)


def as_nobody(deed):
    """The error that a user without privileges gets for it."""
    code = f"import os, socket\ntry:\n {deed}\nexcept OSError as e:\n print(type(e).__name__)"
    p = subprocess.run([*as_user(65534), "/usr/bin/python3", "-c", code], capture_output=True, text=True)
    return p.stdout.strip()


def test_b26_not_root(greeter):
    """With the doors left open, the agent itself looks who comes: also with the right token."""
    screen = greeter.screen(GREETER_UID)
    greeter.login(*CREDENTIALS)
    token = screen.token()
    greeter.directory.chmod(0o755)
    greeter.path.chmod(0o666)
    code = f"""import socket
s = socket.socket(socket.AF_UNIX)
s.connect('{greeter.path}')
try:
    s.sendall({request(token)!r})
    print(s.recv(8192))
except (BrokenPipeError, ConnectionResetError):
    print(b'')"""
    p = subprocess.run([*as_user(65534), "/usr/bin/python3", "-c", code], capture_output=True, text=True)
    assert p.stdout == "b''\n", p.stderr
    greeter.wait_log("of user 65534 is not root's")
    assert greeter.fetch(token) == (OK, *CREDENTIALS)


def test_reading_the_bus(greeter, bus):
    """A user who asks for all signals hears nothing of those for others, and may not become a monitor."""
    heard = greeter.directory.parent / "heard"
    with open(heard, "wb") as out:
        spy = subprocess.Popen([*as_user(65534), "dbus-monitor", "--address", bus.address], stdout=out, stderr=out)
    until(lambda: b"NameAcquired" in heard.read_bytes())
    screen = greeter.screen(GREETER_UID)
    greeter.login(*CREDENTIALS)
    token = screen.token()
    greeter.fence()
    screen.close()
    last = bus.connect().connection.get_unique_name()
    until(lambda: last.encode() in heard.read_bytes(), what="the spy to hear what comes after")
    spy.terminate()
    spy.wait()
    assert b"UserAuthenticated" not in heard.read_bytes() and token.encode() not in heard.read_bytes()


def test_b25_guessing(greeter):
    """Slow, counted, and no harm to the one who has the token."""
    screen = greeter.screen(GREETER_UID)
    greeter.login(*CREDENTIALS)
    token = screen.token()
    begin = time.monotonic()
    guessers = [connect(greeter.path) for _ in range(8)]
    for guesser in guessers:
        guesser.sendall(request(wrong(token)))
    assert [receive(g) for g in guessers] == [(WRONG, "", "")] * 8
    assert time.monotonic() - begin >= 1
    assert greeter.fetch(token) == (OK, *CREDENTIALS)
    greeter.wait_log("Wrong tokens that were tried while credentials were offered: 8")


def test_floods(party, bus):
    """Guessers, talkers and the silent: the host hears the agent, and the real one gets through."""
    greeter = SignOn(party, bus, GREETER, active="c1", config="[credentials]\nvalid = 600\n")
    screen = greeter.screen(GREETER_UID)
    greeter.login(*CREDENTIALS)
    token = screen.token()
    beats = len(greeter.host.messages("heartbeat"))
    sockets, n = [], 0
    deadline = time.monotonic() + scaled(3)
    while time.monotonic() < deadline:
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(str(greeter.path))
            s.send([request(wrong(token)), b"x" * 10000, b"", request(token)[:-1]][n % 4])
        except OSError:
            pass
        n += 1
        sockets.append(s)
        if len(sockets) > 200:
            sockets.pop(0).close()
        greeter.host.process(0)
    assert len(greeter.host.messages("heartbeat")) >= beats + 2
    begin = time.monotonic()
    assert greeter.fetch(token) == (OK, *CREDENTIALS)
    assert time.monotonic() - begin < scaled(1)
    for s in sockets:
        s.close()


@pytest.mark.parametrize("config", ["", "[credentials]\nunlock = true\n"], ids=["offered", "verified"])
def test_flood_of_logins(party, bus, config):
    """By the host: its own agent goes on, tells nobody else, and the last one counts. The log is not flooded."""
    seat = locked_session(party, bus, config=config)
    shell, stranger = seat.screen(ALICE_UID), seat.screen(65534)
    for n in range(20):
        seat.host.send_bytes(login_line(f"{n}{SECRET}").replace(b"bob", b"alice") * (10 if INSTRUMENTED else 100))
    seat.fence()
    beats = len(seat.host.messages("heartbeat"))
    seat.waits(lambda: len(seat.host.messages("heartbeat")) >= beats + 2, 4, "heartbeats")
    if config:
        until(lambda: len(seat.agent.family()) == 1, 25, "the end of the verifications")
        assert shell.tokens == []
    else:
        until(lambda: shell.tokens and seat.fetch(shell.tokens[-1]) == (OK, "alice", "19" + SECRET), what="the last one")
    assert stranger.tokens == []
    assert len(seat.agent.log()) < 60
    if not INSTRUMENTED:
        assert_forgotten(seat.agent)


def test_flood_of_logins_for_nobody(party, bus):
    """No program of the screen's user is there, so each is broadcast: that is said a few times."""
    seat = locked_session(party, bus)
    stranger = seat.screen(BOB_UID)
    for n in range(20):
        seat.login("alice", SECRET)
        seat.waits(lambda: len(stranger.tokens) > n, what="the token")
    assert len(seat.agent.log("everybody is told")) == 5


def test_who_does_not_read(greeter):
    """The credentials are gone, once; nobody waits."""
    screen = greeter.screen(GREETER_UID)
    greeter.login("bob", "p" * 4096)
    s = connect(greeter.path)
    s.sendall(request(screen.token()))
    greeter.wait_log("has fetched the credentials")
    greeter.fence()
    assert receive(s) == (OK, "bob", "p" * 4096)


def test_replay_after_a_restart(greeter, party, bus):
    """Killed in the middle: nothing is left that the next one would give away, and the next one works."""
    screen = greeter.screen(GREETER_UID)
    greeter.login(*CREDENTIALS)
    token = screen.token()
    waiting = connect(greeter.path)
    greeter.agent.kill()
    assert receive(waiting) is None
    with pytest.raises(ConnectionRefusedError):
        connect(greeter.path)
    party.agent(bus=bus, env={"RUNTIME_DIRECTORY": str(greeter.directory)})
    until(lambda: can_connect(greeter.path), what="the next agent")
    assert fetch(greeter.path, token) == (NOTHING, "", "")


def can_connect(path):
    try:
        connect(path).close()
        return True
    except OSError:
        return False


def test_no_bus(party):
    """Nobody can be told, and nothing is known: it is dropped."""
    directory = party.directory / "run"
    directory.mkdir(mode=0o700)
    host, agent = party.settled(env={"RUNTIME_DIRECTORY": str(directory)})
    host.send({"__name__": "login", "username": "bob", "password": SECRET})
    agent.wait_log("login is dropped")
    assert fetch(directory / "credentials", "0" * 32) == (NOTHING, "", "")


def test_not_run_as_a_service(party, bus):
    """Without a directory that only root can enter nothing is served."""
    seat = SignOn(party, bus, GREETER, active="c1", prefix=["env", "-u", "RUNTIME_DIRECTORY"])
    seat.login(*CREDENTIALS)
    seat.wait_log("dropped, as it cannot be offered")
    assert not seat.path.exists()


# --- what is left of it: in the log, and in memory


def test_b36_the_log(party, bus):
    seat = SignOn(party, bus, GREETER, active="c1")
    screen = seat.screen(GREETER_UID)
    for line in (*BAD, b'{"__name__": "login", "username": "zaphod@d", "password": "' + SECRET.encode() + b'"'):
        seat.host.send_bytes(line + b"\n")
    seat.login("zaphod@d", SECRET)
    token = screen.token()
    seat.fetch(wrong(token))
    seat.fetch(token)
    seat.fence()
    said = "\n".join(seat.agent.log(level=""))
    for text in SECRET, "zaphod", token, wrong(token):
        assert text not in said


def login_line(password, end=b'"}\n', name=b"login"):
    return b'{"__name__": "' + name + b'", "username": "bob", "password": "' + password.encode() + end


def play_fetched(seat, screen):
    seat.login("bob", SECRET)
    assert seat.fetch(screen.token())[2] == SECRET


def play_wrong(seat, screen):
    seat.login("bob", SECRET)
    seat.fetch(wrong(screen.token()))
    seat.login("bob", "")


def play_expired(seat, screen):
    seat.login("bob", SECRET)
    seat.wait_log("Nobody has fetched")


def play_replaced(seat, screen):
    seat.login("bob", SECRET)
    seat.login("bob", "other")


def play_withdrawn(seat, screen):
    seat.login("bob", SECRET)
    screen.token()
    seat.logins.activate("")
    seat.wait_log("the seat shows something else now")


def play_malformed(seat, screen):
    for end in b'"\n', b'\n', b'"}}\n', b'\\x"}\n', b'", "a": nul}\n', b'", "a": [[[1,]]]}\n', b'\xff"}\n':
        seat.host.send_bytes(login_line(SECRET, end))


def play_unknown(seat, screen):
    for name in b"Login", b"LOGIN", b"login2", b"":
        seat.host.send_bytes(login_line(SECRET, name=name))


def play_wrong_types(seat, screen):
    seat.host.send_bytes(b'{"__name__": "login", "username": 5, "password": "' + SECRET.encode() + b'"}\n')
    seat.host.send_bytes(b'{"__name__": "login", "username": "bob", "password": ["' + SECRET.encode() + b'"]}\n')
    seat.host.send_bytes(login_line(SECRET).replace(b"bob", b"u" * 300))


def play_too_long(seat, screen):
    seat.host.send_bytes(login_line(SECRET, b'"' + b" " * 70000 + b"}\n"))
    seat.host.send_bytes(login_line(SECRET * 300))


def play_in_pieces(seat, screen):
    for piece in login_line(SECRET)[:30], login_line(SECRET)[30:70], login_line(SECRET)[70:]:
        seat.host.send_bytes(piece)
        seat.host.drain()
        seat.host.collect(0.1)
    assert seat.fetch(screen.token())[2] == SECRET


def play_escaped(seat, screen):
    seat.host.send_bytes(login_line("".join(f"\\u{ord(c):04x}" for c in SECRET)))
    assert seat.fetch(screen.token())[2] == SECRET


PLAYS = {name[5:]: play for name, play in list(globals().items()) if name.startswith("play_")}


@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS.keys())
def test_memory(party, bus, play):
    seat = SignOn(party, bus, GREETER, active="c1", config="[credentials]\nvalid = 1\n")
    screen = seat.screen(GREETER_UID)
    play(seat, screen)
    seat.fence()
    assert_forgotten(seat.agent)


def assert_forgotten(agent):
    if INSTRUMENTED:
        pytest.skip("instruments keep copies of their own")
    assert memory_holds(agent.pid, "ovirt-guest-agent.0")       # the search finds what is there
    found = {pid: where for pid in agent.family() if (where := memory_holds(pid, SECRET))}
    assert not found


def test_memory_of_lines_that_are_cut(party, bus):
    """By a host that leaves in the middle, and with what waited in the port before the agent was there."""
    wire = party.keep(PtyWire(party.socket)).open()
    wire.send(login_line(SECRET) + login_line(SECRET, b""))
    agent = party.agent(guest=party.guest(), bus=bus)
    agent.wait_log('"login": it is from before the agent was there')
    wire.hang_up()
    agent.wait_log("host disconnected")
    assert_forgotten(agent)


def test_memory_while_it_is_offered(party, bus):
    """It is in one place: memory that is locked, in no core dump, and empty in children."""
    if INSTRUMENTED:
        pytest.skip("instruments keep copies of their own")
    seat = SignOn(party, bus, GREETER, active="c1")
    screen = seat.screen(GREETER_UID)
    seat.login("bob", SECRET)
    screen.token()
    seat.fence()
    assert len(memory_holds(seat.agent.pid, SECRET)) == 1
