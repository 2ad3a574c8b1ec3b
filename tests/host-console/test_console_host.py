# SPDX-License-Identifier: Apache-2.0
"""The Python side that other tests import, over real sockets and terminals; and the view's drawing."""

import os
import socket

import pytest
from fake_agent import Agent, Talk
from hostconsole import ExpectationFailed, Host, NotConnected
from hostconsole.link import LinkError
from hostconsole.render import Table, width_of

TALK = Talk()


class Guest:
    """The agent's end of a socket, moved by the test between the host's calls."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        self.socket.settimeout(5)
        self.agent = Agent(self.socket)


@pytest.fixture
def host(tmp_path):
    with Host.listen(tmp_path / "port") as host:
        yield host


@pytest.fixture
def guest(host, tmp_path):
    guest = Guest(tmp_path / "port")
    host.wait_connected()
    yield guest
    guest.socket.close()


def agree(host, guest):
    guest.agent.start()
    guest.agent.receive()
    guest.agent.beat()
    host.expect("heartbeat", apiVersion=3)
    guest.agent.receive()
    host.expect("refresh-set", version=3)


def test_conversation(host, guest):
    agree(host, guest)
    host.send("lock-screen")
    guest.agent.receive()
    event = host.expect("session-lock", within=2)
    assert host.time_of("session-lock") == event.time
    assert host.view["session"] == "Locked"
    assert host.complaints == []
    assert len(host.messages("session-startup")) == 3
    host.send({"__name__": "echo", "a": 1})
    guest.agent.receive()
    assert host.expect("echo").members == {"a": 1}


def test_expect_in_python(host, guest):
    agree(host, guest)
    guest.agent.say(TALK.heartbeat(3, free=5), TALK.heartbeat(3, free=7))
    assert host.expect("heartbeat", **{"free-ram": lambda v: int(v) > 5})["free-ram"] == "7"
    with pytest.raises(ExpectationFailed, match="saw nothing at all"):
        host.expect("heartbeat", within=0)
    guest.agent.say(TALK.message("host-name"))
    with pytest.raises(ExpectationFailed, match="(?s)expected heartbeat apiVersion=3.*seen instead.*host-name name=guest7"):
        host.expect("heartbeat", apiVersion=3, within=0.1)
    with pytest.raises(ExpectationFailed, match="view.user is \"alice\""):
        host.expect_view(user="bob", within=0.1)
    guest.agent.say(TALK.message("active-user", name="bob"))
    host.expect_view(user="bob")
    # Python's types count: True is not 1, "3" is not 3.
    guest.agent.say(TALK.heartbeat(3))
    with pytest.raises(ExpectationFailed):
        host.expect("heartbeat", apiVersion="3", within=0.2)


def test_expect_none(host, guest):
    agree(host, guest)
    guest.agent.say({"__name__": "session-lock"})
    host.send("echo {}")  # what came before this does not count
    host.expect_none("session-lock", 0.1)
    guest.agent.say({"__name__": "session-lock"})
    with pytest.raises(ExpectationFailed, match="not expected, but seen: session-lock"):
        host.expect_none("session-lock", 1)


def test_collect(host, guest):
    guest.agent.say(*TALK.startup())
    assert [m.name for m in host.collect(0.1)] == [m["__name__"] for m in TALK.startup()]
    assert host.collect(0.05) == []


def test_expected_complaints_are_forgiven(host, guest):
    guest.agent.say({"__name__": "frob"})
    host.expect("complaint rule=unknown-name")
    assert (host.complained, len(host.complaints)) == (0, 1)


def test_disconnect_and_return(host, guest, tmp_path):
    agree(host, guest)
    host.disconnect()
    assert not host.connected
    assert guest.socket.recv(1) == b""
    with pytest.raises(OSError):
        Guest(tmp_path / "port")
    with pytest.raises(NotConnected):
        host.send("lock-screen")
    host.connect()
    again = Guest(tmp_path / "port")
    host.wait_connected()
    assert b'"refresh"' in again.socket.recv(4096)
    again.socket.close()
    host.expect("link", state="down", within=2)  # the disconnection above
    host.expect("link", state="up")
    host.expect("link", state="down", within=2)


def test_what_was_sent_last_is_not_lost(host, guest):
    guest.agent.say({"__name__": "session-shutdown"})
    guest.socket.close()
    host.send("lock-screen")
    host.expect("session-shutdown")
    host.expect("link", state="down")


def test_pause_fills_the_guests_socket(host, guest):
    host.pause()
    guest.socket.setblocking(False)
    sent = 0
    line = Talk.encode(TALK.heartbeat(3))
    with pytest.raises(BlockingIOError):
        while sent < 100_000_000:
            sent += guest.socket.send(line)
    host.collect(0.1)
    assert host.messages() == []
    host.resume()
    host.wait_until(lambda: len(host.messages()) >= sent // len(line), 5)


def test_large_bytes_are_sent_whole(host, guest):
    host.send_bytes(b"x" * 5_000_000 + b"\n")
    received = 0
    while received < 5_000_000:
        received += len(guest.socket.recv(65536))
        host.process(0)
    host.drain()
    assert host.events[-1].members == {"bytes": 5_000_001}


def test_connect_to_a_listening_socket(tmp_path):
    path = tmp_path / "vm"
    with Host.connect_to(path) as host:
        host.process(0)
        assert not host.connected
        for _ in range(2):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
                s.bind(str(path))
                s.listen(1)
                host.wait_connected(3)
                peer, _ = s.accept()
                with peer:
                    assert b'"refresh"' in peer.recv(4096)
            host.expect("link", state="down")
            path.unlink()


def test_pty(tmp_path):
    path = tmp_path / "port"
    with Host.pty(path) as host:
        host.process(0)
        for _ in range(2):
            fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
            assert b'"refresh"' in os.read(fd, 4096)  # sent before anybody was there
            os.write(fd, Talk.encode(TALK.message("host-name")))
            host.expect("host-name")
            host.disconnect()
            assert not path.is_symlink()
            with pytest.raises(OSError):
                os.write(fd, b"x")
            os.close(fd)
            host.connect()
            host.wait_connected()


def test_what_cannot_be_made(tmp_path):
    file = tmp_path / "file"
    file.write_text("keep me")
    for make in (Host.listen, Host.pty):
        with pytest.raises(LinkError, match="it exists and is not a"):
            make(file)
    assert file.read_text() == "keep me"
    with pytest.raises(LinkError, match="No such file"):
        Host.listen(tmp_path / "no" / "where")
    with Host.listen(tmp_path / "port"), pytest.raises(LinkError, match="listens there already"):
        Host.listen(tmp_path / "port")


def test_a_stale_socket_is_replaced(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.bind(str(tmp_path / "port"))
    Host.listen(tmp_path / "port").close()
    assert not (tmp_path / "port").exists()


# -- drawing


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [20, 60, 80, 120, 300])
@pytest.mark.parametrize("height", [None, 0, 12, 18, 35])
def test_table_fits(host, guest, width, height, unicode):
    agree(host, guest)
    table = Table(host, width, unicode)
    lines = [table.title(), *table.lines(height)]
    texts = ["".join(text for _, text in line) for line in lines]
    assert max(map(width_of, texts)) <= width
    if height:
        assert len(lines) - 1 <= max(height, 12)
    if width >= 80 and height != 0:
        whole = "\n".join(texts)
        for shown in ("vm", "alice", "Fedora Linux 41", "192.0.2.17", "UTC+01:00", "20%", "QEMU_DVD-ROM", "web",
                      "ovirt-guest-agent", "1621 of 3951 MiB", "Complaints  none", "version 3"):
            assert shown in whole, shown


def test_table_with_more(host):
    lines = Table(host, 80, more=[("Sessions", [[("", "alice")], [("", "bob")]])]).lines()
    texts = ["".join(t for _, t in line).split() for line in lines]
    assert texts[texts.index(["Sessions", "alice"]) + 1] == ["bob"]


def test_table_of_nothing(host):
    lines = Table(host, 80).lines()
    assert "Powering up, agent unheard" in "".join(t for _, t in lines[0])


@pytest.mark.parametrize("value", [None, 5, "x", [], {}, [5], [None], {"a": 1}, "\x1b[2J"])
@pytest.mark.parametrize("name", ["active-user", "applications", "containers", "network-interfaces", "disks-usage",
                                  "timezone", "os-info", "host-name", "fqdn", "os-version", "number-of-cpus"])
def test_wrong_values_can_be_drawn(host, guest, name, value):
    agree(host, guest)
    for key, good in TALK.message(name).items():
        if key == "__name__":
            continue
        guest.agent.say(TALK.message(name, **{key: value}))
        if isinstance(good, list):
            for inner in good[0] if isinstance(good[0], dict) else ():
                guest.agent.say(TALK.message(name, **{key: [{**good[0], inner: value}]}))
    guest.agent.say(TALK.heartbeat(3))
    host.expect("heartbeat")
    text = "".join(t for line in Table(host, 100).lines() for _, t in line)
    assert "\x1b" not in text
