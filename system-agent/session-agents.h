/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Calls to the registered session agents. A session agent is never trusted to answer: each call has a
 * deadline, and goes to the unique name that registered for the session. */

#include <systemd/sd-bus.h>

#include "session-registry.h"

typedef struct SessionAgents SessionAgents;

SessionAgents *session_agents_new(void);
SessionAgents *session_agents_free(SessionAgents *a);
DEFINE_CLEANUP(SessionAgents, session_agents_free)

void session_agents_attach(SessionAgents *a, sd_bus *bus);
void session_agents_detach(SessionAgents *a);

/* Ask the agent of @s to lock its session, or to end it. A refusal is logged. 0 when the request is on its
 * way; -EOPNOTSUPP if the session has no agent that can; -ENOTCONN. */
int session_agents_lock(SessionAgents *a, const Session *s);
int session_agents_log_out(SessionAgents *a, const Session *s);
