/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <gio/gio.h>

#include "config.h"
#include "session.h"

/* Speaks for a session to the system agent, whenever there is one: registers, reports whether the session is
 * locked, and carries out what the system agent asks for. */
typedef struct SessionAgent SessionAgent;

SessionAgent *session_agent_new(GDBusConnection *system_bus, GDBusConnection *session_bus,
                                const Session *session, const Config *config, GError **error);
/* Restores what was changed in the session: see effects_free(). */
SessionAgent *session_agent_free(SessionAgent *a);
