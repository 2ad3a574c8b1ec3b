# SPDX-License-Identifier: Apache-2.0
"""VDSM's memory: lines, versions, sets, order and time."""

import json

import pytest
from fake_agent import Talk

TALK = Talk()
MiB = 1024 * 1024


def padded(size):
    """A host-name line of so many bytes, without its newline."""
    head, tail = b'{"__name__":"host-name","name":"', b'"}'
    return head + b"x" * (size - len(head) - len(tail)) + tail


# -- lines


@pytest.mark.parametrize("piece", [1, 7, 65536])
def test_lines_in_pieces(agreed, piece):
    data = b"".join(Talk.encode(m) for m in [*TALK.refresh_set(3), TALK.heartbeat(3)])
    for start in range(0, len(data), piece):
        agreed.guest(data[start : start + piece])
    assert agreed.rules() == []
    assert [e.name for e in agreed.events if e.kind == "message"][-1] == "heartbeat"


@pytest.mark.parametrize(("size", "kept"), [(MiB - 1, True), (MiB, False), (5 * MiB, False)])
def test_line_limit(agreed, size, kept):
    data = padded(size)
    for start in range(0, size, 65536):
        agreed.guest(data[start : start + 65536])
    agreed.guest(b"\n", TALK.message("fqdn", fqdn="next"))
    assert agreed.rules() == ([] if kept else ["too-long"])
    assert bool(agreed.named("host-name")) == kept
    assert agreed.vdsm.view["fqdn"] == "next"


def test_endless_line_costs_no_memory(agreed):
    for _ in range(200):
        agreed.guest(b"x" * 65536)
    assert agreed.rules() == ["too-long"]
    assert sum(map(len, agreed.vdsm._from_guest._parts)) == 0


def test_a_new_link_begins_at_a_line(agreed):
    agreed.guest(b'{"__name__":"host-na')
    agreed.down()
    agreed.up()
    agreed.guest(TALK.message("fqdn", fqdn="whole"))
    assert agreed.rules() == []
    assert agreed.vdsm.view["fqdn"] == "whole"


# -- versions, as the host agrees on them


def test_refresh_on_connect(conversation):
    assert conversation().sent() == '{"apiVersion": 3, "__name__": "refresh"}\n'
    assert conversation(api_max=1).sent() == '{"apiVersion": 1, "__name__": "refresh"}\n'
    assert conversation(versioning=False).sent() == '{"__name__": "refresh"}\n'


@pytest.mark.parametrize(("said", "agreed_on", "sent"), [
    (0, 0, None), (1, 1, 1), (3, 3, 3), (4, 3, 3), (-1, 0, None), ("2", 2, 2), ("x", 0, None), (2.9, 2, 2)])
def test_api_version_answer(conversation, said, agreed_on, sent):
    c = conversation()
    c.sent()
    c.guest(TALK.heartbeat(said))
    assert c.vdsm.effective == agreed_on
    assert c.sent() == (f'{{"apiVersion": {sent}, "__name__": "api-version"}}\n' if sent is not None else "")
    c.guest(TALK.heartbeat(said))
    assert c.sent() == ""


def test_lower_host(conversation):
    c = conversation(api_max=1)
    c.sent()
    c.guest(TALK.heartbeat(0), TALK.heartbeat(3))
    assert json.loads(c.sent())["apiVersion"] == 1


def test_restarted_agent_is_told_again(agreed):
    agreed.guest(TALK.heartbeat(3))
    assert agreed.sent() == ""
    agreed.guest({"__name__": "session-shutdown"}, *TALK.startup(), TALK.heartbeat(0))
    assert (agreed.vdsm.effective, agreed.sent()) == (0, "")
    agreed.guest(TALK.heartbeat(3))
    assert json.loads(agreed.sent()) == {"apiVersion": 3, "__name__": "api-version"}
    assert agreed.rules() == []


def test_heartbeat_without_version_goes_back_silently(agreed):
    message = TALK.heartbeat(3)
    del message["apiVersion"]
    agreed.guest(message)
    assert (agreed.vdsm.effective, agreed.sent(), agreed.rules()) == (0, "", ["api-version"])


def test_null_version_keeps_what_was_agreed(agreed):
    agreed.guest(TALK.heartbeat(None))
    assert (agreed.vdsm.effective, agreed.sent()) == (3, "")


def test_no_versioning_never_answers(conversation):
    c = conversation(versioning=False)
    c.sent()
    c.guest(*TALK.startup(), *TALK.refresh_set(0), TALK.heartbeat(0), TALK.heartbeat(3))
    assert (c.sent(), c.vdsm.effective, c.rules()) == ("", 0, [])


# -- what the agent owes


def started(c):
    c.guest(*TALK.startup(), *TALK.refresh_set(0))
    assert c.rules() == []
    return c


def test_first_heartbeat_is_zero(conversation):
    c = started(conversation())
    c.guest(TALK.heartbeat(3))
    assert c.rules() == ["first-heartbeat"]


def test_zero_only_once(conversation):
    c = started(conversation())
    c.guest(TALK.heartbeat(0), TALK.heartbeat(0))
    assert c.rules() == ["heartbeat-version"]


def test_host_that_came_later_accepts_either(conversation):
    for first in (0, 3):
        c = conversation()
        c.guest(*TALK.refresh_set(3), TALK.heartbeat(first), TALK.heartbeat(3), *TALK.refresh_set(3))
        c.wait(15)
        assert c.rules() == []


@pytest.mark.parametrize("version", [0, 2, 3])
@pytest.mark.parametrize("lost", ["session-startup", "active-user", "fqdn", "network-interfaces"])
def test_incomplete_refresh(agreed, version, lost):
    agreed.host("api-version", apiVersion=version)
    agreed.host("refresh", apiVersion=3)
    agreed.guest(*[m for m in TALK.refresh_set(version) if m["__name__"] != lost])
    agreed.wait(11)
    expected = {"session-startup": "no-answer", "active-user": "startup-set"}.get(lost, "refresh-set")
    assert expected in agreed.rules()
    assert not agreed.named("refresh-set")


def test_set_of_another_version(agreed):
    agreed.host("refresh", apiVersion=3)
    agreed.guest(*TALK.refresh_set(2))
    agreed.wait(11)
    assert agreed.rules() == ["refresh-set"]
    assert "lacks containers" in agreed.named("complaint")[0]["text"]


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_set_by_version(agreed, version):
    agreed.host("api-version", apiVersion=version)
    agreed.host("refresh", apiVersion=3)
    agreed.guest(*(TALK.refresh_set(version) * (1 if version == 3 else 2)))
    agreed.wait(11)
    assert agreed.rules() == []
    assert agreed.named("refresh-set")[0]["version"] == version


def test_set_order(agreed):
    agreed.host("refresh", apiVersion=3)
    messages = TALK.refresh_set(3)
    messages[4], messages[5] = messages[5], messages[4]
    agreed.guest(*messages)
    assert agreed.rules() == ["set-order"]


def test_startup_set(conversation):
    c = conversation()
    c.guest(*[m for m in TALK.startup() if m["__name__"] != "applications"], *TALK.refresh_set(0))
    assert c.rules() == ["startup-set"]


def test_other_messages_may_come_between(agreed):
    agreed.host("refresh", apiVersion=3)
    for message in TALK.refresh_set(3):
        agreed.guest(message, TALK.heartbeat(3), TALK.message("number-of-cpus"))
    assert agreed.rules() == []
    assert len(agreed.named("refresh-set")) == 1


def test_no_answer_only_from_an_agent_that_speaks(agreed):
    agreed.host("refresh", apiVersion=3)
    agreed.wait(20)
    assert agreed.rules() == []
    agreed.guest(TALK.heartbeat(3))
    agreed.wait(11)
    assert agreed.rules() == ["no-answer"]


def test_one_set_may_answer_many(agreed):
    for _ in range(5):
        agreed.host("refresh", apiVersion=3)
    agreed.guest(*TALK.refresh_set(3), *TALK.refresh_set(3), TALK.heartbeat(3))
    agreed.wait(11)
    assert agreed.rules() == []


def test_refresh_without_version_lowers(agreed):
    agreed.host("refresh")
    agreed.guest(*TALK.refresh_set(0), TALK.heartbeat(3))
    agreed.wait(11)
    assert agreed.rules() == []
    agreed.guest(TALK.message("timezone"))
    assert agreed.rules() == ["gated"]


@pytest.mark.parametrize("value", ['"abc"', "null", "[]", "{}", "1e400", "NaN"])
def test_api_version_that_agents_ignore(agreed, value):
    agreed.bytes(f'{{"__name__":"api-version","apiVersion":{value}}}\n'.encode())
    agreed.guest(TALK.heartbeat(3))
    agreed.wait(11)
    agreed.guest(TALK.message("containers"))
    assert agreed.rules() == []


@pytest.mark.parametrize(("value", "version"), [('"2"', 2), ("2.0", 2), ("9", 3), ("-1", 0), ("0", 0)])
def test_api_version_that_agents_take(agreed, value, version):
    agreed.host("api-version", apiVersion=1)
    agreed.guest(*TALK.refresh_set(1))
    agreed.wait(2)
    agreed.bytes(f'{{"__name__":"api-version","apiVersion":{value}}}\n'.encode())
    agreed.guest(*TALK.refresh_set(version))
    agreed.wait(11)
    assert agreed.rules() == []
    assert agreed.named("refresh-set")[-1]["version"] == version


@pytest.mark.parametrize(("name", "version"), [("number-of-cpus", 0), ("timezone", 1), ("os-info", 1), ("containers", 2)])
def test_gating(agreed, name, version):
    agreed.host("api-version", apiVersion=version)
    agreed.guest(*TALK.refresh_set(version))
    agreed.wait(11)
    agreed.guest(TALK.message(name))
    assert agreed.rules() == ["gated"]


def test_nothing_after_shutdown(agreed):
    agreed.guest({"__name__": "session-shutdown"})
    assert agreed.vdsm.view["agent"] == "stopped"
    agreed.guest({"__name__": "uninstalled"})
    assert agreed.rules() == []
    agreed.guest(TALK.heartbeat(3))
    assert agreed.rules() == ["after-shutdown"]
    agreed.events.clear()
    agreed.guest(*TALK.startup(), TALK.heartbeat(0))
    assert agreed.rules() == []
    assert agreed.vdsm.view["agent"] == "running"


def test_completion(agreed):
    agreed.host("lifecycle-event", type="before_migration", reply_id={"a": [7]})
    agreed.guest({"__name__": "completion", "reply_id": {"a": [7]}, "done": True})
    assert agreed.rules() == []
    agreed.guest({"__name__": "completion", "reply_id": {"a": [7]}, "done": True})
    assert agreed.rules() == ["reply-id"]
    agreed.host("lifecycle-event", type="before_migration", reply_id="r")
    agreed.guest({"__name__": "completion", "reply_id": "r", "done": "yes"})
    assert agreed.rules() == ["reply-id", "done"]


def test_echo_with_whatever_in_it(agreed):
    agreed.host("echo", a=None)
    agreed.guest({"__name__": "echo", "a": None})
    assert agreed.rules() == []


# -- time


def test_silence_and_responsiveness(agreed):
    agreed.guest(TALK.heartbeat(3), {"__name__": "session-lock"})
    agreed.wait(29)
    assert agreed.vdsm.view["memory.free_ram"] == 1621
    agreed.wait(2)
    assert (agreed.vdsm.view["memory.free_ram"], agreed.vdsm.view["agent"]) == (0, "silent")
    agreed.wait(88)
    assert (agreed.vdsm.view["session"], agreed.vdsm.view["agent"]) == ("Locked", "silent")
    agreed.wait(2)
    assert (agreed.vdsm.view["session"], agreed.vdsm.view["agent"]) == ("Unknown", "not responding")
    assert agreed.rules() == ["silence"]
    agreed.guest(TALK.heartbeat(3))
    assert (agreed.vdsm.view["memory.free_ram"], agreed.vdsm.view["agent"]) == (1621, "running")


def test_garbage_breaks_the_silence_but_does_not_count_as_an_answer(agreed):
    agreed.guest(TALK.heartbeat(3))
    for _ in range(13):
        agreed.wait(10)
        agreed.guest(b"x\n")
    assert agreed.vdsm.view["memory.free_ram"] == 1621
    assert agreed.vdsm.view["agent"] == "not responding"


def test_no_complaint_about_a_guest_that_never_spoke_or_has_stopped(conversation, agreed):
    c = conversation()
    c.wait(200)
    agreed.guest({"__name__": "session-shutdown"})
    agreed.wait(200)
    assert (c.rules(), agreed.rules(), agreed.vdsm.view["agent"]) == ([], [], "stopped")


# -- the view


def test_up_with_the_first_heartbeat(conversation):
    c = conversation()
    c.guest(*TALK.startup())
    assert c.vdsm.view["status"] == "Powering up"
    c.guest(TALK.heartbeat(0))
    assert c.vdsm.view["status"] == "Up"


def test_memory_members_stay_until_told_anew(agreed):
    message = TALK.heartbeat(3, free=99)
    del message["memory-stat"]
    agreed.guest(message)
    assert (agreed.vdsm.view["memory.free_ram"], agreed.vdsm.view["memory.mem_total"]) == (99, 4046220)
    assert agreed.rules() == []


@pytest.mark.parametrize(("name", "session"), [("session-logon", "UserLoggedOn"), ("session-lock", "Locked"),
                                               ("session-unlock", "Active"), ("session-logoff", "LoggedOff")])
def test_sessions(agreed, name, session):
    agreed.guest({"__name__": name})
    assert agreed.vdsm.view["session"] == session


def test_nobody_does_not_become_unknown(agreed):
    agreed.guest(TALK.message("active-user", name="None"), TALK.message("active-user", name="Unknown"))
    assert agreed.vdsm.view["user"] == "None"


def test_times_of_change_and_of_report(agreed):
    agreed.now = 50.0
    agreed.guest(TALK.message("active-user", name="bob"))
    agreed.now = 60.0
    agreed.guest(TALK.message("active-user", name="bob"))
    assert (agreed.vdsm.view.changed["user"], agreed.vdsm.view.reported["user"]) == (50.0, 60.0)
    assert [e["value"] for e in agreed.events if e.kind == "change" and e.name == "user"] == ["bob"]


def test_passwords_are_nowhere(agreed):
    agreed.host("login", username="bob", password="geheim")
    agreed.host("frob", inner=[{"password": "geheim"}])
    agreed.bytes(b'{"__name__":"login","password":"geheim"}\n')
    assert "geheim" in agreed.sent()
    for event in agreed.events:
        assert "geheim" not in event.as_json() + event.summary()
        assert b"geheim" not in event.raw
