/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The bus face of the sessions: an object with org.ovirt.GuestAgent1.Session for each. */

#include <systemd/sd-bus.h>

#include "console.h"
#include "session-control.h"
#include "session-registry.h"

typedef struct DbusSession DbusSession;

/* All arguments outlive it. */
DbusSession *dbus_session_new(const SessionRegistry *registry, SessionControl *control, Console *console);
DbusSession *dbus_session_free(DbusSession *d);
DEFINE_CLEANUP(DbusSession, dbus_session_free)

/* Exports the objects on @bus (referenced). */
int dbus_session_attach(DbusSession *d, sd_bus *bus);
void dbus_session_detach(DbusSession *d);

/* The path of the session's object; free with g_free(). */
char *dbus_session_path(const Session *s);

/* To be told of every change of a session, and tells whoever listens. */
void dbus_session_changed(DbusSession *d, const Session *s, unsigned changes);
