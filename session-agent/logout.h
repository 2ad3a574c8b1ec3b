/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>
#include <stdbool.h>

#include "desktop-name.h"

/* The desktop's session manager, whichever it is, found by its name on the session's bus. */
typedef struct Logout Logout;

/* Calls @changed whenever logout_possible() changes, which begins with false. */
Logout *logout_new(const Desktop *desktop, void (*changed)(void *userdata), void *userdata);
Logout *logout_free(Logout *l);

bool logout_possible(const Logout *l);

/* Ends the session without asking the person, and answers @invocation, which it takes: see desktop_ask();
 * .NotSupported while it is not possible. */
void logout_logout(Logout *l, GDBusMethodInvocation *invocation);
