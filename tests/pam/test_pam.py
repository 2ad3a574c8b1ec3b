# SPDX-License-Identifier: Apache-2.0
"""The module in a PAM stack: what it hands on, whom it refuses, and what each kind of agent makes of it."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from rig import (AUTH_ERR, AUTHINFO_UNAVAIL, CONV_ERR, NOTHING, PAM_WRAPPER_MODULES, SLOWNESS, SUCCESS, TIMEOUT, TOKEN,
                 USER_UNKNOWN, WRAPPER, WRONG, frame, reply, request, says)

PASSWORD = "pa ssWörd 密码"
GOOD = reply("alice", PASSWORD)
SECRETS = "".join(f"<secret{i}>" for i in range(300))    # any part of which is found


def accepted(stack, outcome, user="alice", password=PASSWORD):
    return (outcome.code, outcome.user, outcome.password, outcome.setcred) == (SUCCESS, user, password, SUCCESS)


# Success

def test_login(stack):
    server = stack.server(says(GOOD))
    outcome = stack.one()
    assert accepted(stack, outcome)
    assert outcome.asked == ["hidden Token? "]
    assert server.requests == [request()]


def test_unlock_of_the_users_own_session(stack):
    stack.server(says(GOOD))
    assert accepted(stack, stack.one("user=alice"))


@pytest.mark.parametrize("preset, received", [
    ("alice", "alice@corp.example"), ("alice@corp.example", "alice"), ("alice", "alice@elsewhere"), ("žluť@d", "žluť@d"),
    ("bob", "bob@anything"),
])
def test_names_are_compared_by_user(stack, preset, received):
    stack.server(says(reply(received, PASSWORD)))
    assert accepted(stack, stack.one(f"user={preset}"), user=preset)


@pytest.mark.parametrize("received, user", [
    ("bob@corp.example", "bob"),                      # there is only the short name
    ("alice@corp.example", "alice@corp.example"),     # both are there: the very name wins
    ("carol@corp", "carol@corp"),                     # ... also where they are two users
    ("nobody-here@corp", "nobody-here@corp"),         # neither: others may know it
    ("@corp", "@corp"),
    ("bob@", "bob"),
    ("carol@corp@forest", "carol@corp"),
])
def test_domains(stack, received, user):
    stack.server(says(reply(received, PASSWORD)))
    assert accepted(stack, stack.one(), user=user)


@pytest.mark.parametrize("user, password", [
    ("žluť@d", "päß"), ("u" * 256, "p" * 4096), ("alice", "ends in blank "), ("alice", "two\nlines"), ("alice", " "),
    ("ž" * 128, "密" * 1365), ("alice", "\x01\x7f%s%n$(x)\"'"),
], ids=["utf8", "longest", "blank", "lines", "one-blank", "longest-utf8", "odd"])
def test_all_of_it_arrives(stack, user, password):
    stack.server(says(reply(user, password)))
    assert accepted(stack, stack.one(), user=user, password=password)


def test_longest_name_with_a_domain(stack):
    user = "u" * 250 + "@" + "d" * 5
    stack.server(says(reply(user, PASSWORD)))
    assert accepted(stack, stack.one(), user=user)


# Refusals

@pytest.mark.parametrize("preset, received, code", [
    ("alice", "bob", AUTH_ERR), ("alice", "carol@corp", AUTH_ERR), ("root", "alice", AUTH_ERR),
    ("alice", "nobody-here", AUTH_ERR), ("nobody-here", "nobody-here", USER_UNKNOWN), ("nobody-here", "alice", USER_UNKNOWN),
    ("alice", "ALICE", AUTH_ERR), ("carol", "carol@corp", AUTH_ERR),
])
def test_another_users_session(stack, preset, received, code):
    stack.server(says(reply(received, PASSWORD)))
    assert stack.one(f"user={preset}").code == code
    log = stack.log()
    assert "refused" in log and received not in log.replace(preset, "")


@pytest.mark.parametrize("where", [
    ["rhost=client.example"], ["rhost=localhost"], ["rhost=:0"], ["tty=/dev/pts/3"], ["tty=ttyS0"], ["tty=:0"], [],
    ["env=XDG_SEAT=seat1"], ["env=XDG_SEAT=seat0x"], ["env=XDG_SEAT=seat1", "tty=tty2"], ["env=XDG_SEAT="],
    ["rhost=client.example", "tty=tty2"], ["tty=tty1"], ["tty=/dev/tty1"], ["env=XDG_SEAT=", "tty=/dev/tty1"],
], ids="+".join)
def test_places_refused(stack, where):
    server = stack.server(says(GOOD))
    outcome = stack.one(*where, seat="env=XDG_SEAT=seat0" if where and all("rhost" in w for w in where) else None)
    assert outcome.code == AUTHINFO_UNAVAIL
    assert outcome.asked == [] and server.requests == []     # the token is not even asked for
    assert "refused: the login" in stack.log()


@pytest.mark.parametrize("where", [["env=XDG_SEAT=seat0"], ["env=XDG_SEAT=seat0", "rhost="],
                                   ["env=XDG_SEAT=seat0", "tty=/dev/pts/0"]], ids="+".join)
def test_places_accepted(stack, where):
    stack.server(says(GOOD))
    assert accepted(stack, stack.one(*where, seat=None))


def test_places_allowed_by_option(stack):
    stack.server(says(GOOD))
    stack.service("allow_remote")
    assert accepted(stack, stack.one("rhost=client.example"))
    assert stack.one("rhost=client.example", seat="env=XDG_SEAT=seat1").code == AUTHINFO_UNAVAIL
    stack.service("any_seat")
    assert accepted(stack, stack.one(seat="env=XDG_SEAT=seat1"))
    assert accepted(stack, stack.one(seat=None))
    assert stack.one("rhost=client.example", seat=None).code == AUTHINFO_UNAVAIL
    stack.service("any_seat", "allow_remote")
    assert accepted(stack, stack.one("rhost=client.example", seat=None))


@pytest.mark.parametrize("display", ["client.example:0", "192.0.2.1:10.0", "2001:db8::1:0"])
def test_displays_of_other_machines_are_refused(stack, display):
    """LightDM says nothing else of a login by XDMCP."""
    server = stack.server(says(GOOD))
    stack.service("any_seat")
    assert stack.one(f"tty={display}", seat=None).code == AUTHINFO_UNAVAIL
    assert server.requests == [] and "comes from another machine" in stack.log()
    assert accepted(stack, stack.one("tty=:0", seat=None))
    stack.service("any_seat", "allow_remote")
    assert accepted(stack, stack.one(f"tty={display}", seat=None))


# A service for logins of both kinds: the one that is installed for LightDM

TOKEN_USER = ":ovirt-token"


def lightdm(stack, below="pam_permit.so"):
    """The file as it is, but that the module, its socket and LightDM's own service are elsewhere."""
    text = Path(os.environ["LIGHTDM_SERVICE"]).read_text()
    text = text.replace("pam_ovirt_cred.so", f"{os.environ['PAM_OVIRT_CRED']} socket={stack.socket} timeout={TIMEOUT}")
    (stack.services / "sso").write_text(text.replace("include lightdm", f"include {stack.services}/lightdm"))
    (stack.services / "lightdm").write_text(f"auth required {PAM_WRAPPER_MODULES}/pam_get_items.so\nauth required {below}\n")


@pytest.mark.parametrize("user", ["alice", TOKEN_USER + "2", TOKEN_USER[:-1]])
def test_ordinary_logins_pass(stack, user):
    """Without a question, without a word to the agent, and without a line in the log."""
    server = stack.server(says(GOOD))
    lightdm(stack)
    outcome = stack.one(f"user={user}", "tty=:0", seat=None)
    assert (outcome.code, outcome.user, outcome.asked) == (SUCCESS, user, []) and not outcome.password
    assert server.requests == [] and stack.log() == ""


def test_ordinary_logins_are_judged_as_ever(stack):
    stack.server(says(GOOD))
    lightdm(stack, "pam_deny.so")
    assert stack.one("user=alice", "tty=:0", seat=None).code == AUTH_ERR


def test_ordinary_logins_pass_without_the_module(stack):
    """Half an installation keeps nobody out."""
    lightdm(stack)
    service = stack.services / "sso"
    service.write_text(service.read_text().replace(os.environ["PAM_OVIRT_CRED"], "/nonexistent/pam_ovirt_cred.so"))
    assert stack.one("user=alice", "tty=:0", seat=None).code == SUCCESS


def test_token_user_is_the_one_whom_the_host_sends(stack):
    stack.server(says(GOOD))
    lightdm(stack)
    outcome = stack.one(f"user={TOKEN_USER}", "tty=:0", seat=None)
    assert (outcome.code, outcome.user, outcome.password) == (SUCCESS, "alice", PASSWORD)
    assert len(outcome.asked) == 1 and outcome.setcred == SUCCESS


def test_token_user_is_judged_by_those_below(stack):
    stack.server(says(GOOD))
    lightdm(stack, "pam_deny.so")
    assert stack.one(f"user={TOKEN_USER}", "tty=:0", seat=None).code == AUTH_ERR


def test_token_lets_nobody_in(stack):
    """A service whose modules are all "sufficient" refuses where none of them is content, and so it does after the module."""
    stack.server(says(GOOD))
    lightdm(stack)
    (stack.services / "lightdm").write_text("auth sufficient pam_deny.so\n")
    refused = stack.one("user=alice", "tty=:0", seat=None).code
    assert refused != SUCCESS
    outcome = stack.one(f"user={TOKEN_USER}", "tty=:0", seat=None)
    assert outcome.code == refused and len(outcome.asked) == 1


@pytest.mark.parametrize("answer, said, code", [("x", GOOD, AUTH_ERR), (TOKEN, reply(status=WRONG), AUTH_ERR),
                                                (TOKEN, reply(status=NOTHING), AUTHINFO_UNAVAIL), (TOKEN, b"?", AUTHINFO_UNAVAIL)])
def test_token_user_without_a_token_is_nobody(stack, answer, said, code):
    """Whatever those below would say."""
    stack.server(says(said))
    lightdm(stack)
    outcome = stack.one(f"user={TOKEN_USER}", "tty=:0", seat=None, answer=answer)
    assert outcome.code == code and len(outcome.asked) == 1


@pytest.mark.parametrize("answer", ["", "x", "123456", TOKEN[:-1], TOKEN + "0", TOKEN.upper(), TOKEN[:-1] + " ", "%s" * 16,
                                    "p" * 8000], ids=range(9))
def test_no_token_no_question_to_the_agent(stack, answer):
    server = stack.server(says(GOOD))
    assert stack.one(answer=answer).code == AUTH_ERR
    assert server.requests == []
    assert not answer or len(answer) < 6 or answer not in stack.log()


def test_wrong_token(stack):
    stack.server(says(reply(status=WRONG)))
    assert stack.one().code == AUTH_ERR
    assert stack.one("user=alice").code == AUTH_ERR


def test_nothing_there(stack):
    stack.server(says(reply(status=NOTHING)))
    outcome = stack.one()
    assert outcome.code == AUTHINFO_UNAVAIL
    assert outcome.asked == ["hidden Token? "]
    assert stack.log() == ""              # an offer that has expired is no news


# Agents that fail

def test_nobody_listens(stack):
    assert stack.one().code == AUTHINFO_UNAVAIL
    stack.socket.touch()
    assert stack.one().code == AUTHINFO_UNAVAIL
    stack.socket.unlink()
    # Left over by an agent that was killed.
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(stack.socket))
    left.close()
    assert stack.one().code == AUTHINFO_UNAVAIL
    assert stack.log() == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can let others listen")
def test_not_root(stack):
    stack.directory.chmod(0o777)
    pid = os.fork()
    if pid == 0:                          # who binds and listens is what counts, not who accepts
        os.setgid(65534)
        os.setuid(65534)
        s = socket.socket(socket.AF_UNIX)
        s.bind(str(stack.socket))
        s.listen()
        while True:
            c, _ = s.accept()
            with c, contextlib.suppress(OSError):
                c.sendall(GOOD)
                with open(stack.directory / "got", "ab") as f:
                    f.write(c.recv(100))
    stack.keep(lambda: (os.kill(pid, signal.SIGKILL), os.waitpid(pid, 0)))
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.socket(socket.AF_UNIX).connect(str(stack.socket))
            break
        except OSError:
            assert time.monotonic() < deadline
    assert stack.one().code == AUTHINFO_UNAVAIL
    assert "not root" in stack.log()
    got = stack.directory / "got"
    assert not got.exists() or got.read_bytes() == b""       # and it has not learned the token


def test_early(stack):
    """The reply is there before the request."""
    stack.server(lambda server, c: c.sendall(GOOD))
    assert accepted(stack, stack.one())


@pytest.mark.parametrize("sent", [b"", GOOD[:-1], GOOD[:5], GOOD[:20]], ids=["nothing", "all-but-one", "header", "half"])
def test_never_answers(stack, sent):
    def behaviour(server, c):
        server.request(c)
        c.sendall(sent)
    stack.server(behaviour)
    stack.service(timeout=1)
    assert stack.one().code == AUTHINFO_UNAVAIL
    assert 1 <= stack.elapsed < 1 + 1.5 * SLOWNESS
    assert "Connection timed out" in stack.log()


def test_slow_bytes_do_not_extend_the_deadline(stack):
    def behaviour(server, c):
        for byte in GOOD:
            c.sendall(bytes([byte]))
            time.sleep(0.2)
    stack.server(behaviour)
    stack.service(timeout=1)
    assert stack.one().code == AUTHINFO_UNAVAIL
    assert 1 <= stack.elapsed < 1 + 1.5 * SLOWNESS


def test_bytes_in_time(stack):
    def behaviour(server, c):
        server.request(c)
        for byte in GOOD:
            c.sendall(bytes([byte]))
            time.sleep(0.002)
        c.close()
    stack.server(behaviour)
    assert accepted(stack, stack.one())


def test_late_but_in_time(stack):
    def behaviour(server, c):
        server.request(c)
        time.sleep(1)
        c.sendall(GOOD)
    stack.server(behaviour)
    assert accepted(stack, stack.one())
    assert stack.elapsed >= 1


def test_full_queue_is_waited_for(stack):
    stack.service(timeout=1)
    s = socket.socket(socket.AF_UNIX)
    stack.keep(s.close)
    s.bind(str(stack.socket))
    s.listen(0)
    others = [socket.socket(socket.AF_UNIX) for _ in range(2)]
    for other in others:
        other.setblocking(False)
        try:
            other.connect(str(stack.socket))
        except BlockingIOError:
            pass
    assert stack.one().code == AUTHINFO_UNAVAIL
    assert 1 <= stack.elapsed < 1 + 1.5 * SLOWNESS
    for other in others:
        other.close()


@pytest.mark.parametrize("rest", [b"", GOOD[:4], GOOD[:8], GOOD[:-1]], ids=["nothing", "magic", "header", "all-but-one"])
def test_gone_in_the_middle(stack, rest):
    stack.server(says(rest))
    assert stack.one().code == AUTHINFO_UNAVAIL
    assert stack.elapsed < TIMEOUT
    assert "Connection reset" in stack.log()


def test_gone_before_the_request(stack):
    stack.server(lambda server, c: c.close(), backlog=1)
    # Some of them find it closed when they write: a signal would end the application.
    assert {o.code for o in stack.many([TOKEN] * 60, "threads")} == {AUTHINFO_UNAVAIL}
    assert stack.elapsed < TIMEOUT


def test_restarted_half_way(stack):
    """The first agent dies with the reply half sent; the next one knows nothing of the offer, then has one of its own."""
    first = stack.server(says(GOOD[:30]))
    assert stack.one().code == AUTHINFO_UNAVAIL
    first.close()
    stack._closing.remove(first.close)
    stack.socket.unlink()
    replies = [reply(status=NOTHING), GOOD]
    stack.server(lambda server, c: says(replies.pop(0))(server, c))
    assert stack.one().code == AUTHINFO_UNAVAIL
    assert accepted(stack, stack.one())


@pytest.mark.parametrize("data", [
    b"\0", b"x" * 100000, b"HTTP/1.1 200 OK\r\n\r\n", b"\0\0\0\5alicesecret\0", GOOD[:-1] + b"x",
    frame(b"", kind=b"R"), frame(GOOD[8:], magic=b"OGAD"), frame(GOOD[8:], version=2), frame(GOOD[8:], kind=b"Q"),
    frame(GOOD[8:], length=65535), frame(GOOD[8:], length=len(GOOD) - 9), GOOD + b"\0", GOOD + GOOD,
    reply("alice", PASSWORD, status=0), reply("alice", PASSWORD, status=WRONG), reply("alice", PASSWORD, status=255),
    reply("alice", PASSWORD, lengths=(65535, 65535)), reply("alice", PASSWORD, lengths=(0, 5)), reply("", PASSWORD),
    reply("alice", PASSWORD, lengths=(4, len(PASSWORD.encode()) + 1)), reply("alice", ""), reply("u" * 257, "p"),
    reply("u", "p" * 4097), reply("ali\0ce", PASSWORD), reply("alice", "pass\0word"), request(),
    reply("alice", "p" * 20000),
], ids=range(27))
def test_garbage(stack, data):
    stack.server(says(data))
    assert stack.one().code == AUTHINFO_UNAVAIL
    assert stack.elapsed < TIMEOUT
    log = stack.log()
    assert "makes no sense" in log
    assert TOKEN not in log and PASSWORD not in log and "alice" not in log


# The module as a guest

def test_many_at_once(stack):
    """Each transaction gets what is meant for it, also in a process of many threads."""
    tokens = [f"{i:032x}" for i in range(32)]

    def behaviour(server, c):
        token = server.request(c)[8:].decode()
        c.sendall(reply(f"user{int(token, 16)}", f"password{int(token, 16)}"))
        c.close()
    stack.server(behaviour, backlog=4)
    outcomes = stack.many(tokens, "threads")
    assert [(o.user, o.password) for o in outcomes] == [(f"user{i}", f"password{i}") for i in range(32)]


def test_one_after_the_other_in_a_process(stack):
    replies = [GOOD, GOOD[:9], reply(status=NOTHING), GOOD + b"x", GOOD]
    stack.server(lambda server, c: says(replies.pop(0))(server, c))
    outcomes = stack.many([TOKEN, TOKEN, TOKEN, TOKEN, "bad", TOKEN])
    assert [o.code for o in outcomes] == [0, AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL, AUTHINFO_UNAVAIL, AUTH_ERR, 0]


@pytest.mark.parametrize("data, code, answer", [
    (reply("alice", SECRETS), SUCCESS, TOKEN), (reply("bob", SECRETS), AUTH_ERR, TOKEN),
    (reply("alice", SECRETS) + b"x", AUTHINFO_UNAVAIL, TOKEN), (reply("alice", SECRETS)[:-1], AUTHINFO_UNAVAIL, TOKEN),
    (b"", AUTH_ERR, SECRETS),
], ids=["success", "other-user", "garbage", "cut", "typed"])
def test_secrets_leave_no_trace(stack, data, code, answer):
    """Neither password nor token is in the process when it is authenticated, or is not."""
    if WRAPPER:
        pytest.skip("valgrind keeps copies of its own")
    stack.service(show=False)
    stack.server(says(data))
    # What is freed is not to be overwritten by anybody but the module.
    p = subprocess.Popen(stack.command("user=alice", "env=XDG_SEAT=seat0", "linger"), stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, env={**os.environ, "MALLOC_PERTURB_": "0"})
    try:
        p.stdin.write(f"{answer}\n".encode())
        p.stdin.close()
        assert p.stdout.readline() == b"lingering %d\n" % code
        memory = memory_of(p.pid)
        assert len(memory) > 100000
        assert [(secret, memory.count(secret)) for secret in (b"<secret", TOKEN[12:].encode()) if secret in memory] == []
    finally:
        p.kill()
        p.wait()


def memory_of(pid):
    """All that the process may write."""
    data = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for line in maps:
            area, mode, *_ = line.split()
            begin, end = (int(n, 16) for n in area.split("-"))
            if mode.startswith("rw") and end - begin < 1 << 28:      # the sanitizers' shadows are larger
                mem.seek(begin)
                data += mem.read(end - begin)
    return data


def test_nothing_secret_in_the_log(stack):
    stack.service("debug")
    replies = [GOOD, reply("bob", PASSWORD), reply(status=WRONG), reply(status=NOTHING), GOOD[:20]]
    stack.server(lambda server, c: says(replies.pop(0))(server, c))
    for _ in range(5):
        stack.one("user=alice")
    log = stack.log()
    assert log.count("pam_ovirt_cred(sso:auth)") >= 5
    assert TOKEN not in log and PASSWORD not in log and "bob" not in log


# Options

def test_unknown_options_are_said_and_passed_over(stack):
    stack.server(says(GOOD))
    stack.service("no_such_thing", "timeout=0", "timeout=61", "timeout=5x", "timeout=", "timeout=-1", "socket=relative",
                  "if_user=", "DEBUG")
    assert accepted(stack, stack.one())
    log = stack.log()
    for option in ("no_such_thing", "timeout=0", "timeout=61", "timeout=5x", "timeout=", "timeout=-1", "socket=relative",
                   "if_user=", "DEBUG"):
        assert f'ignoring the option "{option}"' in log


def test_socket_with_too_long_a_path(stack):
    stack.server(says(GOOD))
    stack.service("socket=/" + "x" * 200)
    assert stack.one().code == AUTHINFO_UNAVAIL


def test_default_socket_and_timeout(stack):
    """Without options: nobody listens in this place, or an agent that has nothing for us."""
    (stack.services / "sso").write_text(f"auth requisite {os.environ['PAM_OVIRT_CRED']}\n")
    assert stack.one().code == AUTHINFO_UNAVAIL


def test_application_that_cannot_ask(stack):
    server = stack.server(says(GOOD))
    assert stack.one("mute").code == CONV_ERR
    assert server.requests == []


def test_application_that_answers_with_nothing(stack):
    server = stack.server(says(GOOD))
    assert stack.one("null").code == AUTH_ERR
    assert server.requests == []


# Other applications

def test_pamtester(stack):
    """Linux-PAM's customary way: the files of /etc/pam.d, as pam_wrapper shows them to another's program."""
    if "ASAN_OPTIONS" in os.environ:
        pytest.skip("another's program cannot load a module with a sanitizer")
    stack.server(says(reply("alice@corp.example", PASSWORD)))
    command = stack.inside(
        "env", "LD_PRELOAD=libpam_wrapper.so", "PAM_WRAPPER=1", f"PAM_WRAPPER_SERVICE_DIR={stack.services}",
        "pamtester", "-E", "XDG_SEAT=seat0", "sso", "alice", "authenticate", "setcred(PAM_ESTABLISH_CRED)")
    p = subprocess.run(command, input=f"{TOKEN}\n", capture_output=True, text=True, timeout=60)
    assert p.returncode == 0, p.stdout + p.stderr
    assert "successfully authenticated" in p.stdout + p.stderr
