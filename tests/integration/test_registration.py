# SPDX-License-Identifier: Apache-2.0
"""The agents of the sessions at the door, each an ordinary user's: who is let in, as what, and for how long."""

import pwd

import pytest
from gi.repository import GLib
from rig.bus import LOGIN1_PATH, MANAGER, NAME, PATH, PROPERTIES, SESSION, SESSION_FILE, LoginManager, structure
from rig.caller import AGENT_INTERFACE, AGENT_PATH, USER, Refused, error_of
from rig.door import MANAGER_OF_OBJECTS, MINE, OTHER, Door, Watch, refusal
from rig.pace import until

DENIED = "org.freedesktop.DBus.Error.AccessDenied"
INVALID = "org.freedesktop.DBus.Error.InvalidArgs"
USERS = sorted(u.pw_uid for u in pwd.getpwall() if u.pw_uid not in (0, USER))


@pytest.fixture
def door(party):
    return Door(party, party.bus())


# --- let in, and out


def test_register_report_unregister(door):
    agent, watch = door.caller(), Watch(door.bus)
    assert door.get("Agent") == "" and door.get("Offer") == {} and door.get("LockedDesktop") == "unknown"
    assert agent.register("1", version="2.0.0", desktop="GNOME", lock=True, logout=False,
                          unknown=GLib.Variant("ai", [1])) == MINE
    watch.changed("Agent", agent.name)
    assert door.get("Offer") == {"version": "2.0.0", "desktop": "GNOME", "lock": True, "logout": False, "sign-on": False}

    agent.report(locked=True, mood=GLib.Variant("d", 1.5))
    watch.changed("LockedDesktop", "yes")
    watch.changed("Locked", True)
    agent.report(locked=False)
    watch.changed("LockedDesktop", "no")
    agent.report()
    assert door.get("LockedDesktop") == "no" and door.get("Locked") is False

    agent.unregister()
    watch.changed("Agent", "")
    assert door.get("LockedDesktop") == "unknown" and door.get("Offer") == {}
    assert error_of(agent.unregister) == error_of(agent.report, locked=True) == refusal("NotRegistered")
    assert agent.register("1") == MINE
    assert door.get("Offer") == {"lock": False, "logout": False, "sign-on": False}


@pytest.mark.parametrize("session, error", [
    ("9", "NoSuchSession"), ("", "NoSuchSession"), ("../1", "NoSuchSession"), ("c", "NoSuchSession"),
    ("\u202e\n", "NoSuchSession"), ("3", "NotYourSession"), ("m", "NotYourSession")],
    ids=["unknown", "empty", "path", "closing", "strange", "somebody_elses", "manager"])
def test_refused(door, session, error):
    agent = door.caller()
    assert error_of(agent.register, session) == refusal(error)
    assert all(not o[SESSION]["Agent"] for p, o in door.objects().items() if SESSION in o)
    assert agent.register("1") == MINE    # a refusal is no verdict
    assert len(door.agent.log("Refusing user .*: there is no|Refusing user .*: the session is")) == 1
    assert "\u202e" not in "".join(door.agent.log())


def test_root_is_not_everybody(door):
    """The session of a user is that user's, for root as well."""
    assert error_of(door.caller(0).register, "1") == refusal("NotYourSession")


def test_already_registered(door):
    first, second = door.caller(), door.caller()
    first.register("1", desktop="first")
    for _ in range(3):
        assert error_of(second.register, "1", desktop="second") == refusal("AlreadyRegistered")
    assert error_of(first.register, "2") == refusal("AlreadyRegistered")
    assert error_of(second.report, locked=True) == refusal("NotRegistered")
    assert error_of(second.unregister) == refusal("NotRegistered")
    assert door.get("Agent") == first.name and door.get("Offer")["desktop"] == "first"
    assert door.get("LockedDesktop") == "unknown"


def test_a_process_of_another_session(door):
    """What the login manager says of the process counts; of most it says nothing."""
    agent = door.caller()
    door.logins.process_is_part_of("2")
    assert error_of(agent.register, "1") == refusal("NotYourSession")
    assert agent.register("2") == PATH + "/session/_32"


def test_of_a_login_screen(door):
    """Greeters lock, too."""
    door.logins.add("g", "gdm", kind="greeter", uid=OTHER)
    assert door.caller(OTHER).register("g", lock=True) == PATH + "/session/g"
    assert error_of(door.caller().register, "g") == refusal("NotYourSession")


def test_after_the_bus_came_back(door):
    """Whoever was there registers again, and is not taken for one that is there still."""
    old = door.caller()
    old.register("1")
    door.bus.stop()
    door.bus.start()
    LoginManager(door.bus).add("1", "alice")
    root = door.bus.connect()
    until(lambda: root.has_owner(NAME), 15, "the agent's name")
    agent = door.caller()
    until(lambda: error_of(agent.register, "1") in (None, refusal("AlreadyRegistered")), what="the session")
    assert error_of(agent.register, "1") == refusal("AlreadyRegistered")
    objects = root.call(NAME, PATH, MANAGER_OF_OBJECTS, "GetManagedObjects")[0]
    assert objects[MINE][SESSION]["Agent"] == agent.name


def test_gone_at_once(door):
    """Whoever leaves the bus makes room."""
    first, second, watch = door.caller(), door.caller(), Watch(door.bus)
    first.register("1")
    first.report(locked=True)
    watch.changed("Locked", True)
    first.close()
    watch.changed("Locked", False)
    watch.changed("Agent", "")
    assert second.register("1") == MINE


def test_gone_in_the_middle(door):
    """Before it could be answered; whatever was asked on its behalf comes to nothing."""
    for _ in range(10):
        agent = door.caller()
        agent.begin_register("1")
        agent.close()
    until(lambda: not door.get("Agent"), what="nobody to be left")
    assert door.caller().register("1") == MINE
    assert len(door.objects()) >= 5


def test_the_session_ends(door):
    """An agent goes with its session, though it stays on the bus, and may have the next."""
    agent, watch = door.caller(), Watch(door.bus)
    agent.register("1")
    door.logins.remove("1")
    watch.wait(lambda p, _i, signal, a: signal == "InterfacesRemoved" and a[0] == MINE)
    assert error_of(agent.report, locked=True) == refusal("NotRegistered")
    assert agent.register("2") == PATH + "/session/_32"


# --- bounds


def test_four_of_one_user(door):
    for i in range(5):
        door.logins.add(f"x{i}", "alice")
    agents = [door.caller() for _ in range(5)]
    for i, agent in enumerate(agents[:4]):
        agent.register(f"x{i}")
    assert error_of(agents[4].register, "x4") == refusal("TooMany")
    assert door.caller(OTHER).register("3")
    agents[0].unregister()
    assert agents[4].register("x4")


def test_sixty_four_in_total(door):
    if len(USERS) < 17:
        pytest.skip("this machine has not 17 users")
    for n in range(65):
        door.logins.add(f"x{n}", "user", uid=USERS[n // 4], seat="", remote=True)
    agents = [door.caller(USERS[n // 4]) for n in range(65)]
    for n, agent in enumerate(agents[:64]):
        agent.register(f"x{n}")
    assert error_of(agents[64].register, "x64") == refusal("TooMany")
    agents[0].close()
    until(lambda: not door.get("Agent", PATH + "/session/x0"), what="room")
    assert agents[64].register("x64")
    assert sum(bool(o[SESSION]["Agent"]) for o in door.objects().values() if SESSION in o) == 64


def test_rate_limit(door):
    """Of each caller, not of its user; and it passes."""
    eager, other = door.caller(), door.caller()
    errors = [error_of(eager.register, "9") for _ in range(25)]
    assert errors[:20] == [refusal("NoSuchSession")] * 20
    assert errors[-1] == refusal("RateLimited")
    assert other.register("2")
    until(lambda: error_of(eager.register, "1") is None, 3, "a second chance")
    errors = [error_of(eager.report, locked=bool(i % 2)) for i in range(25)]
    assert errors[-1] == refusal("RateLimited") and set(errors) <= {None, refusal("RateLimited")}
    assert len(door.agent.log("Refusing user")) <= 6


REGISTER, REPORT = "(sa{sv})", "(a{sv})"
WRONG = [
    ("lock-text", "Register", REGISTER, ("1", {"lock": GLib.Variant("s", "true")})),
    ("lock-number", "Register", REGISTER, ("1", {"lock": GLib.Variant("u", 1)})),
    ("version-number", "Register", REGISTER, ("1", {"version": GLib.Variant("d", 2.0)})),
    ("desktop-array", "Register", REGISTER, ("1", {"desktop": GLib.Variant("as", ["x"])})),
    ("desktop-variant", "Register", REGISTER, ("1", {"desktop": GLib.Variant("v", GLib.Variant("s", "x"))})),
    ("behind-a-good-one", "Register", REGISTER, ("1", {"version": GLib.Variant("s", "2"),
                                                       "logout": GLib.Variant("(b)", (True,))})),
    ("no-offer", "Register", "(s)", ("1",)),
    ("another-signature", "Register", "(ua{sv})", (1, {})),
    ("locked-text", "Report", REPORT, ({"locked": GLib.Variant("s", "yes")},)),
    ("locked-dictionary", "Report", REPORT, ({"locked": GLib.Variant("a{sv}", {})},)),
    ("locked-number", "Report", REPORT, ({"locked": GLib.Variant("y", 1)},)),
    ("report-another-signature", "Report", "(b)", (True,)),
]


@pytest.mark.parametrize("method, signature, arguments", [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_wrong_types(door, method, signature, arguments):
    """Nothing is taken."""
    agent = door.caller()
    if method == "Report":
        agent.register("1")
    error = error_of(agent.call, NAME, PATH, MANAGER, method, GLib.Variant(signature, arguments))
    assert error == INVALID
    assert door.get("LockedDesktop") == "unknown"
    if method == "Register":
        assert door.get("Agent") == ""
        assert agent.register("1") == MINE


# --- what is to be seen


def test_objects(door):
    paths = {p for p, o in door.objects().items() if SESSION in o}
    assert paths == {PATH + "/session/" + name for name in ("_31", "_32", "_33", "m", "c")}
    mine = door.objects()[MINE][SESSION]
    assert {k: v for k, v in mine.items() if k not in ("Offer", "LockedDesktop")} == {
        "Id": "1", "User": "alice", "Uid": USER, "Seat": "seat0", "Class": "user", "Remote": False, "Type": "wayland",
        "State": "online", "Active": True, "LockedHint": False, "Agent": "", "Locked": False, "Layout": [], "LayoutResult": [],
        "LayoutError": "", "EffectsOff": []}
    tree = door.bus.as_nobody("tree", "--list", NAME)
    assert set(tree.stdout.split()) >= paths, tree.stderr


def test_whom_nobody_locks(door):
    """All that the login manager lists can be seen; what is nobody's screen is not addressed."""
    door.logins.add("g", "gdm", kind="greeter", uid=OTHER)
    door.logins.add("t", "alice", type_="tty")
    door.logins.add("b", "alice", kind="background", seat="")
    until(lambda: {"g", "t", "b"} <= {o[SESSION]["Id"] for o in door.objects().values() if SESSION in o}, what="them")
    for session in "gtbmc":
        assert error_of(door.root.call, NAME, f"{PATH}/session/{session}", SESSION, "Lock") \
            == "org.freedesktop.DBus.Error.NotSupported"
    assert door.logins.calls("LockSession") == []
    for session in "mb":
        assert error_of(door.caller().register, session) == refusal("NotYourSession")


def test_a_session_that_becomes_a_persons(door):
    """As those of users whose home is still locked when they log in."""
    agent = door.caller()
    door.logins.add("i", "alice", kind="user-incomplete")
    path = PATH + "/session/i"
    until(lambda: path in door.objects(), what="the session")
    assert error_of(agent.register, "i") == refusal("NotYourSession")
    watch = Watch(door.bus)
    door.logins.change("i", Class="user")
    watch.changed("Class", "user", path)
    assert agent.register("i") == path


@pytest.mark.parametrize("session, encoded", [("x1", "x1"), ("_", "_5f"), ("a/b", "a_2fb"), ("ž\u202e", "_c5_be_e2_80_ae")],
                         ids=["usual", "underscore", "slash", "others"])
def test_ids(door, session, encoded):
    """Whatever the login manager calls it."""
    door.logins.add(session, "alice", at=encoded)
    until(lambda: f"{PATH}/session/{encoded}" in door.objects(), what="the session")
    assert door.get("Id", f"{PATH}/session/{encoded}") == session
    assert door.caller().register(session) == f"{PATH}/session/{encoded}"


def test_introspection_is_the_xml(door):
    xml = door.root.call(NAME, MINE, "org.freedesktop.DBus.Introspectable", "Introspect")[0]
    assert structure(xml, SESSION) == structure(SESSION_FILE.read_text(), SESSION)


def test_objects_come_and_go(door):
    watch = Watch(door.bus)
    door.logins.add("n1", "carol", uid=OTHER)
    path = PATH + "/session/n1"
    added = watch.wait(lambda p, _i, signal, a: p == PATH and signal == "InterfacesAdded" and a[0] == path)
    assert added[3][1][SESSION]["User"] == "carol"
    door.logins.change("n1", State="active", LockedHint=True)
    watch.changed("State", "active", path)
    watch.changed("LockedHint", True, path)
    watch.changed("Locked", True, path)
    door.logins.activate("n1")
    watch.changed("Active", True, path)
    watch.changed("Active", False, MINE)
    door.logins.remove("n1")
    removed = watch.wait(lambda p, _i, signal, a: p == PATH and signal == "InterfacesRemoved" and a[0] == path)
    assert SESSION in removed[3][1]
    assert path not in door.objects()
    assert error_of(door.get, "Id", path) == "org.freedesktop.DBus.Error.UnknownObject"


# --- what the policy file refuses


def refused_by_the_bus(call, *arguments):
    with pytest.raises(Refused) as caught:
        call(*arguments)
    return caught.value.name == DENIED and "Rejected send message" in str(caught.value)


@pytest.mark.parametrize("path, interface, method, arguments", [
    (MINE, SESSION, "Lock", None), (PATH, MANAGER, "Refresh", None),
    (MINE, PROPERTIES, "Set", GLib.Variant("(ssv)", (SESSION, "Locked", GLib.Variant("b", True))))],
    ids=["Lock", "Refresh", "Set"])
def test_users_may_not(door, path, interface, method, arguments):
    assert refused_by_the_bus(door.caller().call, NAME, path, interface, method, arguments)
    assert door.logins.calls("LockSession") == []


def test_only_the_agent_asks_agents(door):
    """Another user's, and one's own: through the bus only root may. A look-alike name is not to be had either."""
    agent, stranger = door.caller(), door.caller(OTHER)
    agent.register("1", lock=True)
    for caller in stranger, door.caller():
        for method in "Lock", "Logout":
            assert refused_by_the_bus(caller.call, agent.name, AGENT_PATH, AGENT_INTERFACE, method)
    assert agent.asked() == []
    assert error_of(stranger.call, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                    "RequestName", GLib.Variant("(su)", (NAME, 7))) == DENIED
    door.root.call(agent.name, AGENT_PATH, AGENT_INTERFACE, "Lock")
    assert agent.asked() == ["Lock"]


def test_signals_of_a_stranger_are_not_the_login_managers(door):
    """Whoever is not the login manager can say what he likes."""
    stranger = door.caller()
    for signal in "SessionRemoved", "SessionNew":
        stranger.emit(LOGIN1_PATH, "org.freedesktop.login1.Manager", signal,
                      GLib.Variant("(so)", ("1", f"{LOGIN1_PATH}/session/1")))
    assert door.caller().register("1") == MINE
