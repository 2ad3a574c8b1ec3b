# SPDX-License-Identifier: Apache-2.0
"""The shipped policy of the bus, as dbus-daemon and dbus-broker carry it out: who is refused, and by whom."""
import pytest
from helpers import BUS_NAME, BUS_PATH, MANAGER, UNIT
from logins import Login, as_user

pytestmark = pytest.mark.usefixtures("clean_journal")

AGENT = "/usr/libexec/ovirt-session-agent"
# What only the bus itself says, and never our program.
REFUSALS = {"dbus-daemon": "Rejected send message", "dbus-broker": "Sender is not authorized to send message"}
NO_NAME = {"dbus-daemon": "is not allowed to own the service", "dbus-broker": "Request to own name refused by policy"}


@pytest.fixture(scope="module", params=[
    pytest.param("base", id="dbus-daemon"), pytest.param("desktop", id="dbus-broker", marks=pytest.mark.desktop)])
def flavour(request):
    return request.param


@pytest.fixture(scope="module")
def daemon(guest, flavour):
    """The program that is the system bus."""
    name = {"base": "dbus-daemon", "desktop": "dbus-broker"}[flavour]
    assert guest.run("pgrep", "-u", "messagebus", "-x", name).strip()
    return name


def call(guest, user, destination, path, interface, member, *arguments):
    """With a program that shows the text of each error."""
    return as_user(guest, user, "dbus-send", "--system", "--print-reply", f"--dest={destination}", path,
                   f"{interface}.{member}", *arguments, check=False)


@pytest.mark.parametrize("user", ["alice", "nobody"])
def test_name_is_for_root(guest, host, daemon, user):
    guest.run("systemctl", "stop", UNIT)
    refused = call(guest, user, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                   "RequestName", f"string:{BUS_NAME}", "uint32:0")
    assert refused.rc != 0 and NO_NAME[daemon] in refused, refused


@pytest.mark.parametrize("interface, member, arguments", [
    (MANAGER, "Refresh", ()),
    (MANAGER, "NoSuchMethod", ()),
    (f"{BUS_NAME}.Session", "Lock", ()),
    (f"{BUS_NAME}.NoSuchInterface", "Register", ()),
    ("org.freedesktop.DBus.Properties", "Set", (f"string:{MANAGER}", "string:Version", "variant:string:x")),
])
def test_what_is_not_named_is_refused(guest, host, daemon, interface, member, arguments):
    refused = call(guest, "alice", BUS_NAME, BUS_PATH, interface, member, *arguments)
    assert refused.rc != 0 and REFUSALS[daemon] in refused, refused
    # It is the policy, not the want of such a member: root gets as far as the program.
    reached = call(guest, "root", BUS_NAME, BUS_PATH, interface, member, *arguments)
    assert REFUSALS[daemon] not in reached


@pytest.mark.parametrize("interface, member, arguments", [
    ("org.freedesktop.DBus.Peer", "Ping", ()),
    ("org.freedesktop.DBus.Introspectable", "Introspect", ()),
    ("org.freedesktop.DBus.Properties", "Get", (f"string:{MANAGER}", "string:Version")),
    ("org.freedesktop.DBus.Properties", "GetAll", (f"string:{MANAGER}",)),
    ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects", ()),
])
def test_everybody_may_look(guest, host, daemon, interface, member, arguments):
    assert call(guest, "alice", BUS_NAME, BUS_PATH, interface, member, *arguments).rc == 0


@pytest.mark.parametrize("member, arguments, error", [
    ("Register", ("sa{sv}", "none", "0"), "no such session"), ("Unregister", (), "not registered"),
    ("Report", ("a{sv}", "0"), "not registered")])
def test_everybody_may_try_to_register(guest, host, daemon, member, arguments, error):
    """The policy lets it pass; the refusal is the system agent's."""
    refused = as_user(guest, "alice", "busctl", "--system", "call", BUS_NAME, BUS_PATH, MANAGER, member, *arguments,
                      check=False)
    assert refused.rc != 0 and error in refused, refused


def test_session_agents_are_for_root(guest, host, daemon):
    with Login(guest, "alice", AGENT) as login:
        target = (login.wait_agent()["Agent"], f"{BUS_PATH}/SessionAgent", f"{BUS_NAME}.SessionAgent", "Lock")
        for user in "bob", "alice":
            refused = call(guest, user, *target)
            assert refused.rc != 0 and REFUSALS[daemon] in refused, refused
        # Of root's programs, only the system agent is obeyed, and that is the agent's own doing.
        refused = call(guest, "root", *target)
        assert refused.rc != 0 and "Only the system agent may ask for this" in refused, refused


def test_registers_with_this_bus(guest, host, daemon):
    """And again when the system agent has been away."""
    with Login(guest, "alice", AGENT) as login:
        login.wait_agent()
        guest.run("systemctl", "restart", UNIT)
        login.wait_agent()
        guest.run("pkill", "-KILL", "-u", "alice", "-f", AGENT)
    assert login.picture() == {}
