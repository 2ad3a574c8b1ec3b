/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

/* The login session that this process works for. */
typedef struct Session Session;

/* Asks the login manager on the system bus @bus, and waits for its answers. Calls @ended once the session
 * has ended, or is doing so; @userdata is its argument. */
Session *session_new(GDBusConnection *bus, void (*ended)(void *userdata), void *userdata, GError **error);
Session *session_free(Session *s);

/* As the login manager calls it; letters and digits. */
const char *session_id(const Session *s);
/* The path of the object that the login manager has for it. */
const char *session_path(const Session *s);
