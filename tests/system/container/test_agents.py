# SPDX-License-Identifier: Apache-2.0
"""Session agents as the users' own service managers start them, in sessions of real PAM and logind."""
import time

import pytest
from helpers import AT_ONCE, BUS_NAME, BUS_PATH, MANAGER, UNIT, journal, pid_of_agent, until, write_file
from logins import Login, as_user, session_ids, silent, tells, user_id, with_desktop

pytestmark = pytest.mark.usefixtures("clean_journal", "clean_seat")

AGENT = "/usr/libexec/ovirt-session-agent"
AGENT_UNIT = "ovirt-session-agent.service"


@pytest.fixture
def clean_seat(guest, host):
    """Nobody is there when a test begins; users' service managers may be, for 10 s."""
    until(lambda: guest.run("pgrep", "-f", AGENT, check=False) == "", 5, "all agents to be gone")
    assert session_ids(guest) == []
    host.collect(0.1)


def agents_of(guest, user):
    """The process numbers of a user's session agents."""
    return [int(p) for p in guest.run("pgrep", "-u", user, "-f", AGENT, check=False).split()]


def unit_of(guest, pid):
    return guest.run("cat", f"/proc/{pid}/cgroup").strip().rsplit("/", 1)[-1]


def log_of(guest, user, unit=AGENT_UNIT):
    """What the agent of a user's service manager has logged."""
    return guest.run("journalctl", "-q", "--no-pager", "-o", "cat", f"_UID={user_id(guest, user)}",
                     f"_SYSTEMD_USER_UNIT={unit}", check=False).splitlines()


def register(guest, user, session, offer="0", check=True):
    """Register() by a process of the user, which is not there any more afterwards."""
    return as_user(guest, user, "busctl", "--system", "call", BUS_NAME, BUS_PATH, MANAGER, "Register", "sa{sv}",
                   session, offer, check=check)


def test_started_by_the_service_manager_once(guest, host):
    with Login(guest, "alice", *with_desktop(), XDG_CURRENT_DESKTOP="bed:small") as login:
        picture = login.wait_agent()
        assert picture["Offer"]["desktop"]["data"] == "bed:small"
        assert picture["LockedDesktop"] == "unknown"
        [pid] = agents_of(guest, "alice")
        assert unit_of(guest, pid) == AGENT_UNIT
        # The autostart file is there, and the generator has left it to the unit.
        assert guest.run("ls", "/etc/xdg/autostart").split() == ["ovirt-session-agent.desktop"]
        units = as_user(guest, "alice", "systemctl", "--user", "list-units", "--all", "--no-legend", "--plain")
        assert [line.split()[0] for line in units.splitlines() if line.startswith(("ovirt", "app-ovirt"))] \
            == [AGENT_UNIT]
        assert as_user(guest, "alice", "systemctl", "--user", "is-active", "xdg-desktop-autostart.target",
                       check=False).strip() == "active"
        # Whoever starts another one does no harm.
        again = as_user(guest, "alice", AGENT, XDG_SESSION_ID=login.id)
        assert again == ""
        assert agents_of(guest, "alice") == [pid]
    until(lambda: not agents_of(guest, "alice"), 2, "the agent to leave with its session")


def test_each_user_has_his_own(guest, host):
    with Login(guest, "alice", *with_desktop()) as alice, Login(guest, "bob", *with_desktop()) as bob:
        of_alice, of_bob = alice.wait_agent()["Agent"], bob.wait_agent()["Agent"]
        assert of_alice != of_bob
        for user, name in ("alice", of_alice), ("bob", of_bob):
            pid = int(guest.run("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                "org.freedesktop.DBus", "GetConnectionUnixProcessID", "s", name).split()[1])
            assert agents_of(guest, user) == [pid]
        tree = guest.run("busctl", "tree", "--list", BUS_NAME).split()
        assert len([path for path in tree if path.startswith(f"{BUS_PATH}/session/")]) == 2


def test_two_sessions_of_one_user(guest, host):
    """The service manager has one agent, which is the first's; a desktop that starts its own has the other."""
    with Login(guest, "alice", *with_desktop(), name="one") as one:
        first = one.wait_agent()["Agent"]
        with Login(guest, "alice", AGENT, name="two") as two:
            second = two.wait_agent()["Agent"]
            assert first != second and one.picture()["Agent"] == first
            assert len(agents_of(guest, "alice")) == 2
        until(lambda: len(agents_of(guest, "alice")) == 1, 2, "the second's agent to leave")
        assert one.picture()["Agent"] == first


def test_of_a_remote_session(guest, host):
    with Login(guest, "alice", AGENT, seat=None, rhost="192.0.2.1") as login:
        assert login.wait_agent()["Remote"] is True


def test_login_screen_may_have_one(guest, host):
    with Login(guest, "greeter", AGENT, klass="greeter") as login:
        assert login.wait_agent()["Class"] == "greeter"


def test_none_for_a_user_who_lingers(guest, host):
    guest.run("loginctl", "enable-linger", "carol")
    try:
        until(lambda: as_user(guest, "carol", "systemctl", "--user", "is-active", "default.target",
                              check=False).strip() == "active", 10, "carol's service manager")
        with silent(host):
            assert agents_of(guest, "carol") == []
        refused = as_user(guest, "carol", AGENT, check=False)
        assert refused.rc == 1 and "Cannot start" in refused and len(refused.splitlines()) == 1
        # Her next session has one.
        with Login(guest, "carol", *with_desktop()) as login:
            login.wait_agent()
        until(lambda: agents_of(guest, "carol") == [], 2, "the agent to leave")
    finally:
        guest.run("loginctl", "disable-linger", "carol")


@pytest.mark.parametrize("end", ["logout", "crash", "log-off"])
def test_leaves_with_its_session(guest, host, end):
    """And the next session of the user has an agent, though his service manager has never gone."""
    with Login(guest, "alice", *with_desktop()) as login:
        login.wait_agent()
        if end == "crash":
            login.crash()
        elif end == "log-off":
            host.send("log-off")
        else:
            guest.run("systemctl", "stop", f"{login.name}.service")
        until(lambda: not agents_of(guest, "alice"), 3, "the agent to leave")
    assert guest.run("systemctl", "is-active", f"user@{user_id(guest, 'alice')}").strip() == "active"
    with Login(guest, "alice", *with_desktop()) as login:
        login.wait_agent(within=7)
    assert not [line for line in log_of(guest, "alice") if "fail" in line.lower()]


def test_system_agent_restarts(guest, host):
    """As when it is upgraded: registered again, with two lines for each time in the session's journal."""
    with Login(guest, "alice", *with_desktop()) as login:
        name = login.wait_agent()["Agent"]
        pids = agents_of(guest, "alice")
        before = len(log_of(guest, "alice"))
        for _ in range(3):
            guest.run("systemctl", "restart", UNIT)
            assert login.wait_agent()["Agent"] == name
        assert agents_of(guest, "alice") == pids
        until(lambda: len(log_of(guest, "alice")) >= before + 3, 2, "three lines")
        assert log_of(guest, "alice")[before:] == [f"Registered session {login.id} with the system agent"] * 3


def test_system_agent_that_is_absent(guest, host):
    """Waiting for it costs nothing, and says nothing."""
    guest.run("systemctl", "stop", UNIT)
    before = log_of(guest, "alice")
    with Login(guest, "alice", *with_desktop()) as login:
        [pid] = until(lambda: agents_of(guest, "alice"), 5, "the agent")
        until(lambda: guest.run("grep", "^State", f"/proc/{pid}/status").split()[1] == "S", 2, "it to sleep")
        assert log_of(guest, "alice") == before
        guest.run("systemctl", "start", UNIT)
        login.wait_agent()


def test_upgraded_itself(guest, host):
    with Login(guest, "alice", *with_desktop()) as login:
        before = login.wait_agent()["Agent"]
        as_user(guest, "alice", "systemctl", "--user", "restart", AGENT_UNIT)
        until(lambda: login.picture()["Agent"] not in ("", before), 3, "another agent")


def test_dies(guest, host):
    """What it reported goes with it, and another one comes."""
    with Login(guest, "alice", *with_desktop()) as login:
        before = login.wait_agent()["Agent"]
        guest.run("kill", "-KILL", agents_of(guest, "alice")[0])
        until(lambda: login.picture()["Agent"] == "", AT_ONCE, "the registration to end")
        until(lambda: login.picture()["Agent"] not in ("", before), 8, "another agent")


def test_bus_restarts(guest, host):
    with Login(guest, "alice", *with_desktop()) as login:
        login.wait_agent()
        guest.run("systemctl", "restart", "dbus.service")
        until(lambda: guest.run("busctl", "status", BUS_NAME, check=False).rc == 0, 15, "the system agent")
        login.wait_agent(within=15)
    guest.run("systemctl", "restart", "systemd-logind")


# --- users who mean no good

def test_registers_for_somebody_else(guest, host):
    with Login(guest, "alice", *with_desktop()) as alice, Login(guest, "bob") as bob:
        name = alice.wait_agent()["Agent"]
        for session in alice.id, alice.login1_path, f"../{alice.id}", f" {alice.id}", "auto", "self", "":
            refused = register(guest, "bob", session, check=False)
            assert refused.rc != 0, session
        assert "another user's" in register(guest, "bob", alice.id, check=False)
        assert "no such session" in register(guest, "carol", "auto", check=False)
        assert alice.picture()["Agent"] == name and bob.picture()["Agent"] == ""
        with silent(host):
            as_user(guest, "bob", "busctl", "--system", "call", BUS_NAME, BUS_PATH, MANAGER, "Report", "a{sv}", "1",
                    "locked", "b", "true", check=False)
    lines = [line for line in journal(guest).splitlines() if "Refusing user" in line]
    assert 1 <= len(lines) <= 8


def test_look_alike_name(guest, host):
    """A name that anybody may own helps nobody: agents are known by their registration."""
    write_file(guest, "/etc/dbus-1/system.d/bed.conf", """<busconfig><policy context="default">
        <allow own_prefix="org.ovirt.GuestAgent1x"/><allow own_prefix="org.ovirt.GuestAgent1.SessionAgent"/>
        </policy></busconfig>""")
    guest.run("busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
              "ReloadConfig")
    try:
        with Login(guest, "alice", *with_desktop()) as alice:
            name = alice.wait_agent()["Agent"]
            guest.run("systemd-run", "-q", "--unit", "impostor", "--collect", "-p", "User=bob", "/usr/bin/python3",
                      "-c", IMPOSTOR)
            until(lambda: f"{BUS_NAME}.SessionAgent" in guest.run("busctl", "list", "--no-legend"), 5, "the impostor")
            host.send("lock-screen")
            host.collect(3)
            host.send("log-off")
            host.expect("session-logoff", within=5)
            assert name.startswith(":")
            assert "called" not in guest.run("journalctl", "-q", "-o", "cat", "-u", "impostor")
    finally:
        guest.run("systemctl", "stop", "impostor", check=False)
        guest.run("rm", "/etc/dbus-1/system.d/bed.conf")


# Without a library for the bus: enough of the protocol to own two names and to see what comes.
IMPOSTOR = r"""
import os, socket, struct
s = socket.socket(socket.AF_UNIX)
s.connect("/run/dbus/system_bus_socket")
s.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
assert s.recv(100).startswith(b"OK")
s.sendall(b"BEGIN\r\n")
def string(b, sig=False):
    return (bytes([len(b)]) if sig else struct.pack("<I", len(b))) + b + b"\0"
def pad(b, n):
    return b + b"\0" * (-len(b) % n)
serial = 0
def call(member, signature=b"", body=b""):
    global serial
    serial += 1
    fields = b""
    for code, kind, value in ((1, b"o", b"/org/freedesktop/DBus"), (2, b"s", b"org.freedesktop.DBus"),
                              (3, b"s", member), (6, b"s", b"org.freedesktop.DBus"), (8, b"g", signature)):
        if value:
            fields = pad(fields, 8) + bytes([code]) + string(kind, True)
            fields = (fields if kind == b"g" else pad(fields, 4)) + string(value, kind == b"g")
    head = struct.pack("<cBBBIII", b"l", 1, 0, 1, len(body), serial, len(fields)) + fields
    s.sendall(pad(head, 8) + body)
call(b"Hello")
for name in b"org.ovirt.GuestAgent1x", b"org.ovirt.GuestAgent1.SessionAgent":
    call(b"RequestName", b"su", pad(string(name), 4) + struct.pack("<I", 0))
while True:
    data = s.recv(65536)
    if b"SessionAgent\0" in data and b"Lock" in data:
        print("called", flush=True)
"""


def test_huge_report(guest, host):
    """Within what the bus lets through; the agent's memory does not follow."""
    with Login(guest, "alice", *with_desktop()) as alice, Login(guest, "bob", AGENT, name="b") as bob:
        alice.wait_agent()
        bob.wait_agent()
        before = resident(guest)
        write_file(guest, "/run/huge", "x" * (16 << 20))
        refused = guest.run("sh", "-c", "cd / && runuser -u bob -- busctl --system call "
                            f"{BUS_NAME} {BUS_PATH} {MANAGER} Report 'a{{sv}}' 1 locked s \"$(head -c 100000 /run/huge)\"",
                            check=False)
        assert refused.rc != 0 and "not registered" in refused
        answer = register(guest, "bob", "x" * 100000, check=False)
        assert answer.rc != 0
        assert resident(guest) < before + 4096
        assert all(len(line) < 1000 for line in journal(guest).splitlines())
        assert alice.picture()["Agent"]
    guest.run("rm", "/run/huge")


# The agent of its session, by the library that is there in any case, which says nothing that it should.
LIAR = r"""
import ctypes, os, time
from ctypes import byref, c_char_p, c_int, c_void_p
library, bus = ctypes.CDLL("libsystemd.so.0"), c_void_p()
assert library.sd_bus_open_system(byref(bus)) >= 0
class Error(ctypes.Structure):
    _fields_ = [("name", c_char_p), ("message", c_char_p), ("need_free", c_int)]
out = open("/run/liar/said", "w", buffering=1)
def call(method, types, *arguments):
    error = Error()
    r = library.sd_bus_call_method(bus, b"org.ovirt.GuestAgent1", b"/org/ovirt/GuestAgent1",
                                   b"org.ovirt.GuestAgent1.Manager", method, byref(error), None, types, *arguments)
    print(method.decode(), (error.name or b"%d" % min(r, 0)).decode(), file=out)
huge = b"x" * (20 << 20)
call(b"Register", b"sa{sv}", os.environ["XDG_SESSION_ID"].encode(), 1, b"desktop", b"s", huge)
for key, *value in ((b"locked", b"s", huge), (b"locked", b"u", 1), (b"locked", b"ab", 2, 1, 0), (b"layout", b"s", huge),
                    (b"layout", b"aa{sv}", 65, *[0] * 65), (b"effects-off", b"b", 1),
                    *[(b"key%d" % i, b"s", huge) for i in range(5)]):
    call(b"Report", b"a{sv}", 1, key, *value)
call(b"Report", b"a{sv}", 2, b"locked", b"b", 1, b"layout", b"i", 5)
call(b"Report", b"a{sv}", 1, b"locked", b"b", 0)
print("done", file=out)
time.sleep(1000)
"""


def test_registered_agent_that_reports_nonsense(guest, host):
    """As an unprivileged user by the shipped policy: refused or bounded, said once, and nobody else's session notices."""
    guest.run("install", "-d", "-o", "bob", "/run/liar")
    write_file(guest, "/run/liar/program", LIAR)
    guest.run("systemctl", "restart", UNIT)     # it has said nothing of others' nonsense yet
    host.expect("session-startup", within=5)
    host.expect("refresh-set", version=3, within=20)
    with Login(guest, "alice", *with_desktop()) as alice:
        name = alice.wait_agent()["Agent"]
        host.collect(1)
        before, lines, begin = resident(guest), len(journal(guest).splitlines()), host.now
        with silent(host), Login(guest, "bob", "/usr/bin/python3", "/run/liar/program", seat=None) as bob:
            host.wait_until(lambda: "done" in guest.run("cat", "/run/liar/said", check=False), 30, "all to be said")
            print(f"{host.now - begin:.1f} s of it")
            picture = bob.picture()
            assert picture["LockedDesktop"] == "no" and picture["Layout"] == []
            assert picture["Offer"]["desktop"]["data"] == "x" * 64
        said = guest.run("cat", "/run/liar/said").splitlines()
        refused = "Report org.freedesktop.DBus.Error.InvalidArgs"
        assert said == ["Register 0", *[refused] * 6, *["Report 0"] * 5, refused, "Report 0", "done"]
        new = journal(guest).splitlines()[lines:]
        assert len([line for line in new if "Refusing Report() of" in line]) == 5 and len(new) < 12
        assert all(len(line) < 200 for line in new)
        assert alice.picture()["Agent"] == name and alice.picture()["LockedDesktop"] == "unknown"
        assert resident(guest) < before + 24 * 1024
        beats = [m.time for m in host.events if m.kind == "message" and m.name == "heartbeat" and m.time > begin]
        assert all(b - a < 7 for a, b in zip([begin, *beats], [*beats, host.now]))
    guest.run("rm", "-r", "/run/liar")


def resident(guest):
    """KiB of the system agent."""
    return int(guest.run("grep", "^VmRSS", f"/proc/{pid_of_agent(guest)}/status").split()[1])


def test_flood(guest, host):
    """Calls from ever new connections and on one connection: heartbeats in time, another user's session as ever, and
    few lines in the journal."""
    with Login(guest, "alice", *with_desktop()) as alice:
        alice.wait_agent()
        lines = len(journal(guest).splitlines())
        guest.run("systemd-run", "-q", "--unit", "flood", "--collect", "-p", "User=bob", "/bin/sh", "-c",
                  f"while :; do busctl --system call {BUS_NAME} {BUS_PATH} {MANAGER} Register 'sa{{sv}}' {alice.id} 0; "
                  "done 2>/dev/null & "
                  f"while :; do busctl --system get-property {BUS_NAME} {BUS_PATH} {MANAGER} Version; done >/dev/null")
        try:
            begin = time.monotonic()
            for _ in range(3):
                host.expect("heartbeat", within=7)
            with tells(host, "session-lock"):
                alice.hint(True)
            with tells(host, "session-unlock"):
                alice.hint(False)
            assert alice.picture()["Agent"]
            print(f"{time.monotonic() - begin:.0f} s of it")
        finally:
            guest.run("systemctl", "stop", "flood")
        assert len(journal(guest).splitlines()) - lines < 20
    assert session_ids(guest) == []
