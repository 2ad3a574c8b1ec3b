/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The login manager: who sits at the guest's seat. Every call to and signal from org.freedesktop.login1 is
 * here; all are asynchronous. */

#include <stdbool.h>

#include <systemd/sd-bus.h>

#include "util/cleanup.h"

typedef struct Logind Logind;

/* @changed is called when the user may have changed, and when the answer has become known. */
Logind *logind_new(void (*changed)(void *userdata), void *userdata);
Logind *logind_free(Logind *l);
DEFINE_CLEANUP(Logind, logind_free)

/* Follows the login manager on @bus (referenced) from now on. */
int logind_attach(Logind *l, sd_bus *bus);
/* The bus is gone or cannot be had: what was known last stands until logind_attach(), or nobody. */
void logind_detach(Logind *l);

/* False between logind_new() and the first answer (or logind_detach()): wait for @changed a little. */
bool logind_is_known(const Logind *l);

/* The name of the user whose session is active on seat0 (of class "user" and local); while a login screen is
 * active there, the user it was last if his session still runs; NULL if nobody. Borrowed. */
const char *logind_active_user(const Logind *l);
