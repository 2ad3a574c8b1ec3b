/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the console wants of the desktop, in the host's words. Pure. */

#include <json-glib/json-glib.h>

#include "session-agent/layout.h"

/* The layout in the members of "monitors-config", checked and completed. NULL, or the reason why it is none;
 * free it. */
char *ovirt_layout_read(JsonObject *members, Layout *ret);

/* The set of effects in the members of "display-effects"; names that are none are left out. False if there
 * is no list. */
bool ovirt_effects_read(JsonObject *members, unsigned *ret);
