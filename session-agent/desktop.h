/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

/* Something to be asked of a desktop on the bus of its session. */
typedef struct DesktopRequest {
        const char *name, *path, *interface, *method;
        const char *arguments; /* a GVariant as text */
} DesktopRequest;

/* Asks, and answers @invocation, which it takes, when the desktop has: with nothing, or with .Failed and the
 * reason. A desktop that does not answer in time has refused: the screen shield of GNOME never answers when
 * it may not lock. To cancel @done says that it was not refused, whatever its answer would have been.
 * Without an invocation nobody waits for an answer. */
void desktop_ask(GDBusConnection *bus, const DesktopRequest *request, GCancellable *done,
                 GDBusMethodInvocation *invocation);
