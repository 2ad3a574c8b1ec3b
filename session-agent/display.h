/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

#include "desktop-name.h"
#include "follow.h"
#include "layout.h"

/* The monitors of the session, by whatever its desktop has for arranging them. */
typedef struct Display Display;

/* Calls @changed when display_backend() or display_layout() do. */
Display *display_new(const Desktop *desktop, FollowPolicy follow, void (*changed)(void *userdata),
                     void *userdata);
Display *display_free(Display *d);

/* What it is that arranges the monitors, e.g. "xrandr"; NULL while there is nothing. */
const char *display_backend(const Display *d);
/* How they are arranged; NULL while that is not known. */
const Layout *display_layout(const Display *d);

/* Arranges them as the layout (an "aa{sv}") says, and answers @invocation, which it takes, with the same
 * monitors as they are then. @verify: only finds out whether it could be done. One is carried out at a time;
 * of those that wait the last one is, the others are answered with .Superseded. What is only to be verified
 * never takes the place of what is to be done. */
void display_apply(Display *d, GVariant *layout, bool verify, GDBusMethodInvocation *invocation);
