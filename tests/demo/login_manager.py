# SPDX-License-Identifier: Apache-2.0
"""A stand-in for logind: dbusmock's, in which a user can sit down at the seat, and leave.

A template for python3 -m dbusmock. It announces what logind does announce, and dbusmock's own template does not.
"""

import dbus
from dbusmock import mockobject
from dbusmock.templates import logind

BUS_NAME = logind.BUS_NAME
MAIN_OBJ = logind.MAIN_OBJ
MAIN_IFACE = logind.MAIN_IFACE
SYSTEM_BUS = True
SEAT_IFACE = "org.freedesktop.login1.Seat"
SEAT = "/org/freedesktop/login1/seat/seat0"
SESSION = "/org/freedesktop/login1/session/"
NOBODY = ("", dbus.ObjectPath("/"))

# dbusmock takes the methods of a template from its module.
AddSeat = logind.AddSeat
AddSession = logind.AddSession
AddUser = logind.AddUser
ListSessions = logind.ListSessions


def load(mock, parameters):
    logind.load(mock, parameters)
    mock.AddSeat("seat0")
    mock.sessions = 0


@dbus.service.method("org.ovirt.Demo.Seat", in_signature="s", out_signature="")
def SitDown(self, name):
    """The seat is taken by somebody else; by nobody if the name is empty."""
    for path in [p for p in mockobject.objects if p.startswith(SESSION)]:
        mockobject.objects[SEAT].Set(SEAT_IFACE, "ActiveSession", NOBODY)
        self.RemoveObject(path)
        self.EmitSignal(MAIN_IFACE, "SessionRemoved", "so", [path[len(SESSION):], dbus.ObjectPath(path)])
    if name:
        self.sessions += 1
        ident = f"c{self.sessions}"
        path = self.AddSession(ident, "seat0", dbus.UInt32(1000), name, True)
        self.EmitSignal(MAIN_IFACE, "SessionNew", "so", [ident, dbus.ObjectPath(path)])
