/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

/* Where a session is to be found. */
typedef struct Desktop {
        GDBusConnection *session_bus, *system_bus;
        const char *session_path; /* of the object that the login manager has for it */
} Desktop;

/* A name on the bus of the session, if a process of this session owns it: the bus may be that of all
 * sessions of a user. Processes in no session, as those of the user's service manager, are of each. */
typedef struct DesktopName DesktopName;

/* Calls @changed with the unique name of the owner when there is one, and with NULL when it is gone.
 * @desktop stays the caller's, and has to outlive this. */
DesktopName *desktop_name_new(const Desktop *desktop, const char *name,
                              void (*changed)(const char *owner, void *userdata), void *userdata);
DesktopName *desktop_name_free(DesktopName *n);
